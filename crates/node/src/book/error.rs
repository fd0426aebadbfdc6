//! What is wrong with a card, a signature or a list: where it came from, why it does not count, what to do.

use std::fmt;
use std::io;
use std::path::PathBuf;

use protocol::agreement::SignatureError;
use protocol::card::CardError;
use tls::CredentialError;

/// A card, a signature or a list was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}; check the directory's owner and the disk", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// This party is not in the agreement.
    #[error("party '{party}' is not in the agreement '{agreement}'; check `party` in node.toml")]
    NotAParty {
        /// The party of node.toml.
        party: String,
        /// The agreement's name.
        agreement: String,
    },
    /// There is no own card.
    #[error("{}: this node's own card is missing; make it with `smpcd card new`", path.display())]
    NoOwnCard {
        /// Where it should be.
        path: PathBuf,
    },
    /// A card file with another party's card.
    #[error("{}: this is the card of '{found}'; put it at {found}.card with `smpcd card add`", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// Whose card it is.
        found: String,
    },
    /// A card that does not count.
    #[error("{from}: {error}")]
    Card {
        /// The file, or the peer.
        from: Source,
        /// Why.
        error: CardError,
    },
    /// A card that lets no certificate pass for a long time.
    #[error(
        "{from}: the card of '{party}' cuts off certificates that began before {}, which lies in the future; \
         ask it for a new card, and compare the clocks", moment(*.since)
    )]
    LiesAhead {
        /// The file, or the peer.
        from: Source,
        /// Whose.
        party: String,
        /// The time, in seconds since 1970.
        since: u64,
    },
    /// Two cards with one serial.
    #[error(
        "{from}: '{party}' has signed two different cards with serial {serial}; ask it for one with a higher serial"
    )]
    TwoCards {
        /// The file, or the peer.
        from: Source,
        /// Whose.
        party: String,
        /// The serial of both.
        serial: u64,
    },
    /// A signature that does not count.
    #[error("{from}: {error}")]
    Signature {
        /// The file, or the peer.
        from: Source,
        /// Why.
        error: SignatureError,
    },
    /// A list of revoked certificates that cannot be used.
    #[error("{}: {error}", path.display())]
    Revocations {
        /// The file.
        path: PathBuf,
        /// Why.
        error: CredentialError,
    },
}

fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| format!("{seconds} seconds after 1970"), |moment| moment.to_string())
}

/// Where a card or a signature came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of the node's directory.
    File(PathBuf),
    /// A link.
    Peer,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Peer => f.write_str("sent by a peer"),
        }
    }
}
