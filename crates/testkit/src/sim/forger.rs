//! What an adversary that holds one party's key can put on the wire.

use wire::{Body, RoundId, Sealed};

use super::network::Parcel;
use super::plan::Plan;
use crate::consortium::Key;

/// Signs whatever it is asked to, as one party of one round.
#[derive(Clone)]
pub struct Forger {
    key: Key,
    party: u16,
    round: RoundId,
}

impl Forger {
    /// The forger that holds the key of that party.
    #[must_use]
    pub fn new(plan: &Plan, party: u16, round: RoundId) -> Self {
        Self { key: plan.key(party).clone(), party, round }
    }

    /// A message of its own party.
    #[must_use]
    pub fn says(&self, recipient: Option<u16>, body: Body) -> Parcel {
        self.says_as(self.party, recipient, body)
    }

    /// A message under another party's name, with its own signature.
    #[must_use]
    pub fn says_as(&self, sender: u16, recipient: Option<u16>, body: Body) -> Parcel {
        Parcel::message(&Sealed::sign(self.round, sender, recipient, body, &self.key))
    }

    /// The same forger in another round.
    #[must_use]
    pub fn in_round(&self, round: RoundId) -> Self {
        Self { round, ..self.clone() }
    }
}
