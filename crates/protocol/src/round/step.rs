//! What goes into a round and what comes out of it.
//!
//! A [`Step`] is one transaction and what may be done after it: the owner of a round commits `changes` and `notes`
//! together, with full sync, and only then performs `actions`, in order (PROTOCOL 7).

use alloc::string::String;
use alloc::vec::Vec;

use wire::dossier::FaultKind;
use wire::link::{BulkId, Grant, Have};
use wire::{MessageKind, Sealed, Set, SetDigest};
use zeroize::Zeroizing;

use super::job::{Done, Job};
use super::workplace::Object;

/// Milliseconds of a monotonic clock that is the owner's affair (PROTOCOL 4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// This moment and so much later.
    #[must_use]
    pub fn after(self, wait: core::time::Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Who let this party's input into the round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approver {
    /// The policy of the node file.
    Policy,
    /// A person, by the name given.
    Person(String),
}

/// What may happen to a round.
pub enum Event {
    /// This party's input may be dealt.
    Approve(Approver),
    /// This party's input is not to be dealt for now.
    Decline {
        /// Why, for the other parties.
        reason: String,
    },
    /// This party's operator gives the round up, for good.
    Abandon {
        /// Why, for the other parties.
        reason: String,
    },
    /// An envelope came over the link of `from`.
    Message {
        /// The link's peer, from its certificate.
        from: u16,
        /// Bytes of the envelope.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// A link is up: the peer may lack anything.
    LinkUp {
        /// The peer.
        peer: u16,
    },
    /// A peer says which messages of the round it holds.
    Have {
        /// The peer.
        peer: u16,
        /// Its inventory.
        have: Have,
    },
    /// A peer lets elements be sent.
    Grant {
        /// The peer.
        peer: u16,
        /// What it grants.
        grant: Grant,
    },
    /// Elements arrived.
    Chunk {
        /// The peer.
        peer: u16,
        /// Of what.
        object: BulkId,
        /// Which chunk.
        index: u64,
        /// Canonical elements.
        elements: Zeroizing<Vec<u8>>,
    },
    /// A job came back.
    Done(Done),
    /// Time has passed.
    Tick,
}

/// What must be on disk before the actions of its step.
pub enum Change {
    /// A signed message, of this party or of another, kept word for word. A Share is to be sealed.
    Message(Sealed),
    /// A secret, to be sealed under that name.
    Secret {
        /// Its name in this round.
        name: SecretName,
        /// What to seal.
        bytes: Zeroizing<Vec<u8>>,
    },
    /// Every secret of the round is to be forgotten, the sealed Shares too.
    EraseSecrets,
    /// A secret is to be forgotten.
    EraseSecret(SecretName),
    /// The round is over for this party.
    Ended(Ended),
    /// It is proven that nothing of the round has opened or can.
    Void,
    /// This party signs nothing in this round any more.
    Abstains,
}

/// The secrets that a round keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretName {
    /// The dealing key and the digest of the input, 32 bytes each.
    Dealing,
    /// A seed share of that dealer.
    Seed(u16),
    /// This party's own Share to that recipient, until it has receipted: the message, whole.
    ShareTo(u16),
}

/// How a round ended at this party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The result is there; at a party without the result role: its work is done.
    Completed {
        /// The result's digest, where this party learns it.
        result: Option<[u8; 32]>,
    },
    /// It ended without a result.
    Abandoned {
        /// Why, for people.
        reason: String,
    },
}

/// What the audit log is told. Never an input, a share, a sum, a seed or a key.
///
/// # Security
/// A Share holds a secret and an Outcome the digest of a total, which is guessable: whoever writes the log takes from a
/// message what its kind allows, and of these two nothing of the body.
#[derive(Clone, Debug)]
pub enum Note {
    /// This party is in the round now.
    Joined {
        /// Who proposed it to us; none where our operator did.
        proposer: Option<u16>,
    },
    /// The round waits for a person here.
    ApprovalAsked,
    /// This party's input was approved.
    Approved(Approver),
    /// This party declined.
    Declined {
        /// Why.
        reason: String,
    },
    /// The input file was refused; the errors are for the operator, not for the log.
    InputRefused {
        /// How many errors.
        errors: u32,
    },
    /// A message was signed and is about to be sent.
    Sent(Sealed),
    /// A message was taken in.
    Received(Sealed),
    /// q parties are ready for one set: it is locked here.
    Locked {
        /// The attempt.
        attempt: u32,
        /// H(S, Q).
        set: SetDigest,
    },
    /// q parties accepted one set.
    Certified {
        /// The attempt.
        attempt: u32,
        /// H(S, Q).
        digest: SetDigest,
        /// (S, Q).
        set: Set,
    },
    /// The result is on disk.
    Released {
        /// H(S, Q).
        digest: SetDigest,
        /// (S, Q).
        set: Set,
    },
    /// Another party has ended the round, and what it has is what this party has, as far as it learns of it.
    OutcomeAgrees {
        /// Who.
        peer: u16,
    },
    /// Another result party has another result.
    OutcomeDiffers {
        /// Who.
        peer: u16,
    },
    /// This party gave the round up.
    Abandoned {
        /// Why.
        reason: String,
    },
    /// It is proven that nothing of this round has opened or can (PROTOCOL 4.8).
    Void,
    /// After a restart the round goes on from what is on disk.
    Resumed,
    /// A peer showed this party a message that it has signed and does not know: its data is an older copy.
    Forgotten {
        /// Who showed it.
        shown_by: u16,
        /// Its kind.
        kind: MessageKind,
    },
    /// There is another certificate, on another set: what the protocol rules out while no more than t parties lie.
    TwoCertificates,
    /// A party did what anybody can be shown that it did (PROTOCOL 5.4).
    Proven {
        /// Who.
        culprit: u16,
        /// What.
        kind: FaultKind,
    },
    /// A message was refused.
    Fault {
        /// Who is at fault.
        culprit: u16,
        /// The kind of message, where it has one.
        kind: Option<MessageKind>,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is to be done once the changes are on disk.
pub enum Action {
    /// Send a message.
    Send {
        /// To whom.
        to: u16,
        /// What.
        message: Sealed,
    },
    /// Send an inventory.
    SendHave {
        /// To whom.
        to: u16,
        /// What.
        have: Have,
    },
    /// Let a peer send elements.
    SendGrant {
        /// To whom.
        to: u16,
        /// What.
        grant: Grant,
    },
    /// Send chunks of this party's own object.
    Stream {
        /// To whom.
        to: u16,
        /// What it is called on the wire.
        object: BulkId,
        /// Where it is.
        from: Object,
        /// First chunk.
        first: u64,
        /// One after the last chunk.
        end: u64,
    },
    /// Do heavy work; its result comes back as [`Event::Done`].
    Run(Job),
    /// Keep evidence as a file that others can check ([`wire::dossier::Dossier`]). It may be kept already.
    Keep {
        /// Who is at fault.
        culprit: u16,
        /// What it did.
        kind: FaultKind,
        /// The file.
        dossier: Vec<u8>,
    },
    /// Cut the link: what came over it was never sent by an honest node.
    Cut {
        /// Whose link.
        peer: u16,
        /// Why.
        reason: &'static str,
    },
    /// Forget a bulk object.
    Erase(Object),
    /// Forget every bulk object of the round.
    EraseAll,
}

/// One transaction and what follows it.
#[derive(Default)]
pub struct Step {
    /// To be committed.
    pub changes: Vec<Change>,
    /// To be committed with them, for the audit log.
    pub notes: Vec<Note>,
    /// To be done after that, in this order.
    pub actions: Vec<Action>,
}

impl Step {
    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.notes.is_empty() && self.actions.is_empty()
    }
}
