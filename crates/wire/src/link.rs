//! What two daemons say to each other outside of any round (PROTOCOL 6.2, 6.3).

use crate::codec::{Seq, Text, WireDecode, WireEncode};
use crate::message::{MAX_PARTIES, RoundId};

/// Sections of an agreement: parties, legal table, and each computation.
pub const MAX_SECTIONS: usize = 130;
/// Messages of one round that an inventory can list.
pub const MAX_INVENTORY: usize = 4096;
/// Rounds that a Recall can leave out. What is beyond it is told again, which costs no more than time.
pub const MAX_RECALL: usize = 4096;

/// Longest note of a checkpoint in bytes: its three lines, the log's signature and one cosignature, with the longest names.
pub const MAX_NOTE: usize = 2048;
/// Hashes in a consistency proof of a log (RFC 6962).
pub const MAX_PATH: usize = 65;

/// Digest of one section of the agreement.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct SectionDigest {
    /// `parties`, `legal` or `computation ID`.
    pub name: Text<64>,
    /// Its digest.
    pub digest: [u8; 32],
}

/// How new a card is.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct CardSerial {
    /// Whose card.
    pub party: Text<32>,
    /// Its serial.
    pub serial: u64,
}

/// First on every connection; the acceptor speaks first (PROTOCOL 6.2).
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`] of the speaker.
    pub protocol: u16,
    /// The speaker's software, for people.
    pub software: Text<64>,
    /// Name of the consortium.
    pub consortium: Text<32>,
    /// Version of the speaker's agreement.
    pub agreement_version: u32,
    /// Digest of the speaker's agreement.
    pub agreement: [u8; 32],
    /// Digests of its sections, to say which part differs.
    pub sections: Seq<SectionDigest, MAX_SECTIONS>,
    /// The cards that it holds.
    pub cards: Seq<CardSerial, MAX_PARTIES>,
    /// The parties whose signature on that agreement it holds.
    pub signed_by: Seq<Text<32>, MAX_PARTIES>,
}

/// The messages of one round that the speaker holds; the listener sends what is missing (PROTOCOL 6.3).
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Have {
    /// The round.
    pub round: RoundId,
    /// Digests of the messages held.
    pub messages: Seq<[u8; 32], MAX_INVENTORY>,
}

/// What bulk elements are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, WireEncode, WireDecode)]
pub enum BulkKind {
    /// An explicit share, from its dealer.
    Share,
    /// A partial sum, from its holder.
    Partial,
}

/// One bulk object on its way from its author to the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, WireEncode, WireDecode)]
pub struct BulkId {
    /// The round.
    pub round: RoundId,
    /// What it is.
    pub kind: BulkKind,
}

/// The receiver of a bulk object lets its author send (PROTOCOL 6.4).
///
/// `next` is where the receiver stands; an author that has sent further on this very link, in this epoch, ignores it.
/// `limit` only grows within an epoch. A higher epoch means that the receiver begins anew: the author forgets how far it
/// had sent.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Grant {
    /// The object.
    pub object: BulkId,
    /// How often the receiver has begun anew.
    pub epoch: u32,
    /// First chunk that the receiver does not have.
    pub next: u64,
    /// Chunks below this number may be sent.
    pub limit: u64,
}

/// A party that may have forgotten what it signed asks for it (PROTOCOL 7). The answer is a [`Pin`] for each round that
/// is not listed, with every message of the asker in it behind its Pin, and then a Recalled.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Recall {
    /// Rounds that ended at the asker: it signs no more in them.
    pub ended: Seq<RoundId, MAX_RECALL>,
}

/// A round that the speaker knows. It has no id of its own: the id follows from what it says, so no Pin can give the
/// name of one round to another.
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Pin {
    /// Digest of the agreement that the round is under.
    pub agreement: [u8; 32],
    /// Computation id.
    pub computation: Text<32>,
    /// Canonical period.
    pub period: Text<32>,
    /// How many rounds of this period are void.
    pub voided: u32,
}

impl Pin {
    /// Its id.
    #[must_use]
    pub fn round(&self) -> RoundId {
        RoundId::of(&self.agreement, &self.computation, &self.period, self.voided)
    }
}

/// The speaker's log has grown to this checkpoint (PROTOCOL 8.3).
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Checkpoint {
    /// The signed note.
    pub note: Text<MAX_NOTE>,
    /// The size that the listener was last heard to have seen, which `path` begins at.
    pub since: u64,
    /// The consistency proof from `since`.
    pub path: Seq<[u8; 32], MAX_PATH>,
}

/// The latest checkpoint of the listener's log that the speaker has seen, with the speaker's cosignature (PROTOCOL 8.3).
#[derive(Clone, Debug, PartialEq, Eq, WireEncode, WireDecode)]
pub struct Seen {
    /// The cosigned note; empty where it has seen none.
    pub note: Text<MAX_NOTE>,
}
