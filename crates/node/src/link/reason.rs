//! Why a link ended, and why none came about: in words for the operator, with the next step.

use std::io;

use wire::frame::FrameError;

use crate::book::Difference;
use crate::link::frames::ReadError;
use crate::link::limits::{CONNECT_DEADLINE, HANDSHAKE_DEADLINE, READ_SILENCE, WRITE_STALL};

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// Of two connections with one peer this is the one that goes (PROTOCOL 6.1).
    #[error("another connection with this peer took its place")]
    Replaced,
    /// The peer ended it in order.
    #[error("the peer closed the connection")]
    ClosedByPeer,
    /// Nothing was heard.
    #[error("nothing was heard from the peer for {} s; look at its log and at the line", READ_SILENCE.as_secs())]
    Silent,
    /// Nothing was taken.
    #[error("the peer took nothing for {} s although something waited; look at its log", WRITE_STALL.as_secs())]
    Stalled,
    /// Too much waits for the peer. What it lacks is sent when it is linked again (PROTOCOL 6.3).
    #[error("more waits for the peer than the queue holds; it catches up on the next link")]
    Overflow,
    /// The peer sent what is no frame. There is no way to find the next one.
    #[error("the peer sent {0}; the versions of smpcd at both ends may differ")]
    Frame(FrameError),
    /// The connection broke, or its bytes were changed on the way.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Its certificate no longer satisfies its card.
    #[error("the peer is no longer trusted: {0}")]
    Distrusted(String),
    /// This node ends it.
    #[error("this node closes its links: {0}")]
    Stopped(String),
}

impl From<ReadError> for CloseReason {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::ClosedByPeer,
            ReadError::Silent => Self::Silent,
            ReadError::Frame(error) => Self::Frame(error),
            ReadError::Io(error) => Self::Broken(tls::refusal_text(&error)),
        }
    }
}

/// Why no link came about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// Nobody answers at the address.
    #[error("cannot be reached: {0}; check the address in its card, its node and the firewalls between")]
    Unreachable(String),
    /// The TLS handshake failed here, or the peer ended it with an alert.
    #[error("{0}")]
    Tls(String),
    /// Our own certificate came back.
    #[error(
        "the peer is this very party; check the addresses in the cards, and that no second node runs with these keys"
    )]
    Ourselves,
    /// A party with a card that is not in the agreement.
    #[error("party {0} is not in the agreement of this node")]
    NotInAgreement(String),
    /// Another consortium or protocol.
    #[error("{0}")]
    Hello(Difference),
    /// What should be a Hello is none.
    #[error("the peer sent {0} in place of its Hello")]
    Frame(FrameError),
    /// The peer went away before its Hello.
    #[error("the peer closed the connection before its Hello; its log says why")]
    NoHello,
    /// The handshake took too long.
    #[error("the handshake was not done within {} s", HANDSHAKE_DEADLINE.as_secs())]
    Late,
    /// Too many others shook hands at the same time.
    #[error("dropped, because too many connections had not finished their handshake")]
    Crowded,
}

impl RefusalReason {
    pub(super) fn unreachable(error: &io::Error) -> Self {
        Self::Unreachable(error.to_string())
    }

    pub(super) fn no_answer() -> Self {
        Self::Unreachable(format!("no answer within {} s", CONNECT_DEADLINE.as_secs()))
    }

    /// What ended the connection where a Hello was due.
    pub(super) fn instead_of_hello(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::NoHello,
            ReadError::Silent => Self::Late,
            ReadError::Frame(error) => Self::Frame(error),
            ReadError::Io(error) if gone(&error) => Self::NoHello,
            ReadError::Io(error) => Self::Tls(tls::refusal_text(&error)),
        }
    }
}

/// The other end is gone, with or without a word of farewell.
fn gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}
