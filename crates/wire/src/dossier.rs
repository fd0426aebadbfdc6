//! What an outsider can check, as one file: a result with all that it stands on, or a fault with its evidence
//! (PROTOCOL 5.4, 5.5).
//!
//! `smpcdpf1`, then the canonical encoding of a [`Dossier`]. It holds signed messages word for word and nothing secret: all of
//! it was sent to every result party, or to everybody.

use alloc::vec::Vec;

use crate::codec::{self, Bytes, DecodeError, Seq, Text, WireDecode, WireEncode};
use crate::envelope::{MAX_BODY, OVERHEAD};
use crate::message::{MAX_PARTIES, Set, Votes};

/// What such a file begins with; the digit is the version of its layout.
pub const MAGIC: [u8; 8] = *b"smpcdpf1";
/// Largest file: the Commitments of all dealers, and the partial sums of all holders.
pub const MAX_DOSSIER: usize = MAX_PARTIES * (MAX_BODY + MAX_ELEMENTS + 2 * 1024 * 1024);
/// Most messages in one: header and Commitments of each dealer, a partial sum and an outcome of each party.
const MAX_MESSAGES: usize = 4 * MAX_PARTIES;
/// Bytes of the largest partial sum of a malicious round: 64 for each cell.
const MAX_ELEMENTS: usize = 64 << crate::message::MAX_PATH;

/// What a party did against the protocol, so that anybody can see it (PROTOCOL 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, WireEncode, WireDecode)]
pub enum FaultKind {
    /// Commitments or range proofs that are none. Messages: Deal, Commitments.
    BadCommitments,
    /// A share that is not what its dealer has committed to. Messages: Deal, Commitments, Complaint.
    BadShare,
    /// A complaint about a cell that is good. Messages: Deal, Commitments, Complaint.
    FalseComplaint,
    /// A complaint about a dealing that the complainer had receipted. Messages: Receipt, Complaint.
    ReceiptedComplaint,
    /// Two statements where one may be made. Messages: both.
    Equivocation,
    /// A Close that hides the lock which its signer has shown by an Accept. Messages: Accept, Close.
    HiddenLock,
    /// A partial sum that is not what the commitments fix. Messages: Deal and Commitments of S, Partial.
    BadPartial,
}

impl FaultKind {
    /// What it is called in files and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadCommitments => "bad-commitments",
            Self::BadShare => "bad-share",
            Self::FalseComplaint => "false-complaint",
            Self::ReceiptedComplaint => "receipted-complaint",
            Self::Equivocation => "equivocation",
            Self::HiddenLock => "hidden-lock",
            Self::BadPartial => "bad-partial",
        }
    }

    /// What its party did, for people.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::BadCommitments => "it dealt an input that is not proven to be within the agreed bounds",
            Self::BadShare => "it dealt a share that is not what it had committed to",
            Self::FalseComplaint => "it complained about a share that is good",
            Self::ReceiptedComplaint => "it complained about a share that it had confirmed",
            Self::Equivocation => "it signed two different statements where one may be made",
            Self::HiddenLock => "it accepted a contributor set, and hid that when it closed the attempt",
            Self::BadPartial => "it sent a partial sum that is not the sum of its shares",
        }
    }
}

/// What is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub enum Claim {
    /// The result is the sum of the contributors' inputs.
    Result,
    /// A party is at fault.
    Fault {
        /// Its position in the agreement.
        culprit: u16,
        /// What it did.
        kind: FaultKind,
    },
}

/// q Accepts on one set, with the Receipts that it stands on. It proves itself, so nobody signs it.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct CertificateProof {
    /// The attempt.
    pub attempt: u32,
    /// (S, Q).
    pub set: Set,
    /// Accepts.
    pub accepts: Votes,
    /// For each dealing of S the Receipts of all of Q.
    pub receipts: Seq<Votes, MAX_PARTIES>,
}

/// The elements of one partial sum.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct PartialElements {
    /// Position of its holder in the agreement.
    pub holder: u16,
    /// Values, then blindings.
    pub elements: Bytes<MAX_ELEMENTS>,
}

/// A claim about one round, with everything that proves it.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Dossier {
    /// Digest of the agreement that the round is under.
    pub agreement: [u8; 32],
    /// Computation id.
    pub computation: Text<32>,
    /// Canonical period.
    pub period: Text<32>,
    /// v.
    pub voided: u32,
    /// What is claimed.
    pub claim: Claim,
    /// The certificate, where the claim is about a sum.
    pub certificate: Option<CertificateProof>,
    /// Signed messages, as they travel.
    pub messages: Seq<Bytes<{ MAX_BODY + OVERHEAD }>, MAX_MESSAGES>,
    /// Elements of partial sums.
    pub partials: Seq<PartialElements, MAX_PARTIES>,
}

impl Dossier {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(codec::encode(self));
        bytes
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`DecodeError`] unless it is what [`Dossier::encode`] gives for a dossier.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes.strip_prefix(&MAGIC).ok_or(DecodeError::Malformed)?)
    }
}
