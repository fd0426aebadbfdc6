//! The messages of a round (PROTOCOL 3).

use alloc::vec::Vec;
use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::codec::{Bytes, Seq, Text, WireDecode, WireEncode};

/// No agreement has more parties; every list of parties, votes or digests is bounded by it.
pub const MAX_PARTIES: usize = 64;
/// Longest reason that a message carries, in bytes.
pub const MAX_REASON: usize = 512;
/// Most bytes of a dealing's commitments: 32 for each cell and coefficient. An agreement that needs more is refused.
pub const MAX_COMMITMENTS: usize = 4 * 1024 * 1024;
/// Most bytes of a dealing's range proofs: 57 a cell at most, but for the last few cells of each bit length.
pub const MAX_PROOFS: usize = 1024 * 1024;
/// Longest Merkle path: log2 of the cells of the largest table that is committed to.
pub const MAX_PATH: usize = 14;

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, WireEncode, WireDecode)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

digest_type!(
    /// What a round is called on the wire (PROTOCOL 1.2).
    RoundId
);
digest_type!(
    /// D_i: digest of a dealer's signed header (PROTOCOL 3).
    DealingDigest
);
digest_type!(
    /// H(S, Q) under its round.
    SetDigest
);
digest_type!(
    /// Digest of one signed message: its name in inventories and in the audit log.
    MessageDigest
);

impl RoundId {
    /// The id of a round, under an agreement of that digest (PROTOCOL 1.2).
    #[must_use]
    pub fn of(agreement: &[u8; 32], computation: &str, period: &str, voided: u32) -> Self {
        let parts = [&agreement[..], computation.as_bytes(), period.as_bytes(), &voided.to_le_bytes()];
        Self(sharing::hash("smpcd/1/round", &parts))
    }
}

/// 32 secret bytes on the wire: a seed or a salt.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, WireEncode, WireDecode)]
pub struct Secret32(pub [u8; 32]);

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// One party's signature on a statement that the context spells out.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Vote {
    /// Position in the agreement.
    pub party: u16,
    /// Ed25519 signature.
    pub signature: [u8; 64],
}

/// A list of votes of different parties.
pub type Votes = Seq<Vote, MAX_PARTIES>;

/// A dealing that is in the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct SetEntry {
    /// The dealer's position in the agreement.
    pub dealer: u16,
    /// D_i.
    pub dealing: DealingDigest,
}

/// (S, Q): the contributor set and the holders, both strictly increasing in agreement order.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Set {
    /// S.
    pub dealings: Seq<SetEntry, MAX_PARTIES>,
    /// Q.
    pub holders: Seq<u16, MAX_PARTIES>,
}

impl Set {
    /// H(S, Q), bound to its round.
    #[must_use]
    pub fn digest(&self, round: &RoundId) -> SetDigest {
        SetDigest(sharing::hash("smpcd/1/set", &[&round.0, &crate::codec::encode(self)]))
    }
}

/// q Readys on one set: what a party holds before it accepts (PROTOCOL 4.4).
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Lock {
    /// The attempt that the Readys are of.
    pub attempt: u32,
    /// (S, Q).
    pub set: Set,
    /// Readys, each a vote on [`Body::Ready`].
    pub readys: Votes,
}

/// How far a Close reaches. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, WireEncode, WireDecode)]
pub enum Until {
    /// This attempt and all before it.
    Attempt(u32),
    /// Every attempt: its signer has given the round up (PROTOCOL 4.8).
    Forever,
}

/// A Close as an Open carries it: a vote on [`Body::Close`] with what it says.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Closing {
    /// Position in the agreement.
    pub party: u16,
    /// How far it reaches.
    pub until: Until,
    /// The lock that it shows.
    pub lock: Option<Lock>,
    /// Ed25519 signature.
    pub signature: [u8; 64],
}

/// A share as it travels: what the recipient cannot derive by itself.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub enum ShareContent {
    /// The recipient expands this seed (PROTOCOL 2.1).
    Seed(Secret32),
    /// The elements follow in chunks.
    Elements,
}

/// A dealer's header as a complaint carries it: what it says, and the dealer's signature on it.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct SignedHeader {
    /// As in [`Body::Deal`].
    pub shares: Seq<[u8; 32], MAX_PARTIES>,
    /// As in [`Body::Deal`].
    pub commitments: Option<[u8; 32]>,
    /// Ed25519 signature.
    pub signature: [u8; 64],
}

/// What a dealer did, with the evidence (PROTOCOL 5.4).
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub enum Grievance {
    /// A cell of the complainer's own share is not what the dealer has committed to. It is published.
    Cell {
        /// D_i.
        dealing: DealingDigest,
        /// Which cell, row by row.
        cell: u32,
        /// The cell's share.
        value: [u8; 32],
        /// Its blinding.
        blinding: [u8; 32],
        /// From the leaf to the root in the header.
        path: Seq<[u8; 32], MAX_PATH>,
    },
    /// Two headers for one round.
    Headers {
        /// One of them.
        one: SignedHeader,
        /// Another one.
        other: SignedHeader,
    },
}

/// What a signed message says. Parties are positions in the agreement.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub enum Body {
    /// Any → all: let there be a round. Binds nobody.
    Propose {
        /// Computation id.
        computation: Text<32>,
        /// Canonical period.
        period: Text<32>,
        /// v: how many rounds of this period are void.
        voided: u32,
        /// For v > 0 the proof that round v − 1 is void: votes on a [`Body::Close`] of it, forever and without a lock.
        proof: Votes,
    },
    /// Input → compute, result: the header of a dealing.
    Deal {
        /// A digest of the share of each compute party, in agreement order: salted, or in malicious rounds the root of a
        /// Merkle tree over its cells.
        shares: Seq<[u8; 32], MAX_PARTIES>,
        /// In malicious rounds the digest of its [`Body::Commitments`].
        commitments: Option<[u8; 32]>,
    },
    /// Input → one compute party.
    Share {
        /// The header that it belongs to.
        dealing: DealingDigest,
        /// Salt of the share's digest; none in malicious rounds, where blindings hide it.
        salt: Option<Secret32>,
        /// The share.
        content: ShareContent,
    },
    /// Compute → input: I hold and have verified my share under this header.
    Receipt {
        /// D_i.
        dealing: DealingDigest,
    },
    /// Input → compute, result: the Receipts so far.
    Dealt {
        /// D_i.
        dealing: DealingDigest,
        /// Receipts, each a vote on [`Body::Receipt`].
        receipts: Votes,
    },
    /// Leader → compute: a candidate for the contributor set.
    Open {
        /// The attempt, from 1.
        attempt: u32,
        /// (S, Q).
        set: Set,
        /// For each dealing of S the Receipts of all of Q; empty only where the Closes show a lock.
        receipts: Seq<Votes, MAX_PARTIES>,
        /// For attempts after the first, q Closes of the one before.
        closes: Seq<Closing, MAX_PARTIES>,
    },
    /// Compute → compute: I support this Open.
    Ready {
        /// The attempt.
        attempt: u32,
        /// H(S, Q).
        set: SetDigest,
    },
    /// Compute → compute, result: I hold a lock on this.
    Accept {
        /// The attempt.
        attempt: u32,
        /// H(S, Q).
        set: SetDigest,
    },
    /// Any holder → compute, result: q Accepts on one set.
    Certificate {
        /// The attempt.
        attempt: u32,
        /// (S, Q).
        set: Set,
        /// Accepts, each a vote on [`Body::Accept`].
        accepts: Votes,
        /// For each dealing of S the Receipts of all of Q; empty where the sender does not have them all.
        receipts: Seq<Votes, MAX_PARTIES>,
    },
    /// Holder → result: the header of a partial sum; its elements follow in chunks.
    Partial {
        /// The set that it is the sum of.
        set: SetDigest,
        /// BLAKE3 of the elements.
        digest: [u8; 32],
    },
    /// Result → all: a result is there.
    Outcome {
        /// Its digest, to result parties; to the others the bare status.
        result: Option<[u8; 32]>,
    },
    /// Any → all: this party does not deal in this round for now. Advice.
    Decline {
        /// Why, for people.
        reason: Text<MAX_REASON>,
    },
    /// Any → all: this party has given the round up. Advice.
    Abandon {
        /// Why, for people.
        reason: Text<MAX_REASON>,
    },
    /// Compute → compute, of [`Until::Forever`] to all: I sign nothing more in attempts so far.
    Close {
        /// How far it reaches.
        until: Until,
        /// The highest lock that its signer holds.
        lock: Option<Lock>,
    },
    /// Input → compute, result, in malicious rounds: what the dealing is bound to (PROTOCOL 5).
    Commitments {
        /// The header that it belongs to.
        dealing: DealingDigest,
        /// Cell by cell, a commitment for each coefficient.
        commitments: Bytes<MAX_COMMITMENTS>,
        /// The range proofs, run by run.
        proofs: Bytes<MAX_PROOFS>,
    },
    /// Any → all: evidence against a dealer. It travels like a certificate.
    Complaint {
        /// The dealer.
        dealer: u16,
        /// What it did.
        grievance: Grievance,
    },
}

/// The kind of a message, for logs and for rules about who may send what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // Each variant is the message of the same name.
pub enum MessageKind {
    Propose,
    Deal,
    Share,
    Receipt,
    Dealt,
    Open,
    Ready,
    Accept,
    Certificate,
    Partial,
    Outcome,
    Decline,
    Abandon,
    Close,
    Commitments,
    Complaint,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Propose,
        Self::Deal,
        Self::Share,
        Self::Receipt,
        Self::Dealt,
        Self::Open,
        Self::Ready,
        Self::Accept,
        Self::Certificate,
        Self::Partial,
        Self::Outcome,
        Self::Decline,
        Self::Abandon,
        Self::Close,
        Self::Commitments,
        Self::Complaint,
    ];

    /// The name that PROTOCOL gives it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Propose => "Propose",
            Self::Deal => "Deal",
            Self::Share => "Share",
            Self::Receipt => "Receipt",
            Self::Dealt => "Dealt",
            Self::Open => "Open",
            Self::Ready => "Ready",
            Self::Accept => "Accept",
            Self::Certificate => "Certificate",
            Self::Partial => "Partial",
            Self::Outcome => "Outcome",
            Self::Decline => "Decline",
            Self::Abandon => "Abandon",
            Self::Close => "Close",
            Self::Commitments => "Commitments",
            Self::Complaint => "Complaint",
        }
    }
}

/// Digest of what a header binds its dealer to: commitments and proofs, as they stand in [`Body::Commitments`].
#[must_use]
pub fn commitments_digest(commitments: &[u8], proofs: &[u8]) -> [u8; 32] {
    sharing::hash("smpcd/1/commitments", &[commitments, proofs])
}

impl Body {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Propose { .. } => MessageKind::Propose,
            Self::Deal { .. } => MessageKind::Deal,
            Self::Share { .. } => MessageKind::Share,
            Self::Receipt { .. } => MessageKind::Receipt,
            Self::Dealt { .. } => MessageKind::Dealt,
            Self::Open { .. } => MessageKind::Open,
            Self::Ready { .. } => MessageKind::Ready,
            Self::Accept { .. } => MessageKind::Accept,
            Self::Certificate { .. } => MessageKind::Certificate,
            Self::Partial { .. } => MessageKind::Partial,
            Self::Outcome { .. } => MessageKind::Outcome,
            Self::Decline { .. } => MessageKind::Decline,
            Self::Abandon { .. } => MessageKind::Abandon,
            Self::Close { .. } => MessageKind::Close,
            Self::Commitments { .. } => MessageKind::Commitments,
            Self::Complaint { .. } => MessageKind::Complaint,
        }
    }

    /// The bytes that are signed and sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        crate::codec::encode(self)
    }
}
