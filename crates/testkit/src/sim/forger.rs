//! What an adversary that holds one party's key can put on the wire.

use protocol::round::{Done, Millis, Terms};
use wire::{Body, RoundId, Sealed};

use super::network::Parcel;
use super::place::Memory;
use super::plan::Plan;
use super::signing::PartySigner;

/// Signs whatever it is asked to, as one party of one round.
#[derive(Clone)]
pub struct Forger {
    signer: PartySigner,
    party: u16,
    round: RoundId,
}

impl Forger {
    /// The forger that holds the key of that party.
    #[must_use]
    pub fn new(plan: &Plan, party: u16, round: RoundId) -> Self {
        Self { signer: plan.signing.signer(plan.key(party)), party, round }
    }

    /// A message of its own party.
    #[must_use]
    pub fn says(&self, recipient: Option<u16>, body: Body) -> Parcel {
        self.says_as(self.party, recipient, body)
    }

    /// A message of its own party, as others hold it.
    #[must_use]
    pub fn seals(&self, recipient: Option<u16>, body: Body) -> Sealed {
        Sealed::sign(self.round, self.party, recipient, body, &self.signer)
    }

    /// A message under another party's name, with its own signature.
    #[must_use]
    pub fn says_as(&self, sender: u16, recipient: Option<u16>, body: Body) -> Parcel {
        Parcel::message(&Sealed::sign(self.round, sender, recipient, body, &self.signer))
    }

    /// The round that it speaks in.
    #[must_use]
    pub fn round(&self) -> RoundId {
        self.round
    }

    /// The same forger in another round.
    #[must_use]
    pub fn in_round(&self, round: RoundId) -> Self {
        Self { round, ..self.clone() }
    }
}

/// What leaves a party under an adversary.
pub struct Outgoing<'a> {
    /// The party.
    pub from: u16,
    /// Whom its machine sends this to.
    pub to: u16,
    /// What it sends.
    pub parcel: &'a Parcel,
    /// When.
    pub now: Millis,
}

impl Outgoing<'_> {
    /// The signed message in the parcel, if it is one.
    #[must_use]
    pub fn message(&self) -> Option<(u16, Option<u16>, Body)> {
        self.parcel.said()
    }

    /// As it is.
    #[must_use]
    pub fn unchanged(&self) -> Vec<(u16, Parcel)> {
        vec![(self.to, self.parcel.clone())]
    }
}

/// What arrives at a party under an adversary.
pub struct Incoming<'a> {
    /// Over whose link.
    pub from: u16,
    /// The party.
    pub to: u16,
    /// What came.
    pub parcel: &'a Parcel,
}

impl Incoming<'_> {
    /// The signed message in the parcel, if it is one.
    #[must_use]
    pub fn message(&self) -> Option<(u16, Option<u16>, Body)> {
        self.parcel.said()
    }
}

/// Work that a machine of a party under an adversary has just done.
pub struct Working<'a> {
    /// The party.
    pub party: u16,
    /// The round's terms, as its machine knows them.
    pub terms: &'a Terms,
    /// What it came to.
    pub done: &'a mut Done,
    /// Where it was done.
    pub place: &'a mut Memory,
}

/// What an adversary makes of the work of its machines: they go on with that, as if they had done it.
pub type Meddler = Box<dyn FnMut(&mut Working<'_>)>;

/// What an adversary makes of each parcel of the parties that it holds: any number of parcels to anybody.
pub type Tamper = Box<dyn FnMut(&Outgoing<'_>) -> Vec<(u16, Parcel)>>;

/// Whether an adversary lets the machine of its party hear this.
///
/// What was signed in the machine's own name it never hears: it would learn that it is not alone, and abstain.
pub type Ear = Box<dyn FnMut(&Incoming<'_>) -> bool>;
