//! In malicious rounds a share that is here whole, until it is known to be what its dealer has committed to (PROTOCOL 5.1).

use sharing::Seed;
use wire::MessageKind;

use super::context::Context;
use super::job::{Job, Summand};
use super::step::Millis;
use super::workplace::Object;

/// A share that is to be held against commitments.
pub(super) struct Unverified {
    /// None of an explicit one, which is at the workplace.
    pub(super) seed: Option<Seed>,
    /// The root in its header.
    root: [u8; 32],
    stage: Stage,
}

enum Stage {
    /// Its dealer's commitments are waited for.
    Waiting,
    /// A job looks at it, or has found that it is none.
    Seen,
    /// This node could not look at it; it tries again then.
    Stalled(Millis),
}

impl Unverified {
    pub(super) fn new(seed: Option<Seed>, root: [u8; 32]) -> Self {
        Self { seed, root, stage: Stage::Waiting }
    }

    /// Looks at it, once the dealer's commitments are known to be good.
    pub(super) fn verify(&mut self, context: &mut Context<'_>, dealer: u16) {
        let due = match self.stage {
            Stage::Waiting => true,
            Stage::Stalled(until) => context.now >= until,
            Stage::Seen => false,
        };
        if !due || !context.board.good.contains(&dealer) {
            return;
        }
        let Some(commitments) = context.ledger.from(MessageKind::Commitments, dealer).cloned() else { return };
        self.stage = Stage::Seen;
        let share = self.seed.clone().map_or(Summand::Stored(Object::Share(dealer)), Summand::Seed);
        // PROTOCOL 5.1: the verifier's own random weights, drawn after the share arrived.
        let seed = context.seed();
        context.run(Job::Verify { commitments, root: self.root, share, seed });
    }

    /// It could not be looked at.
    pub(super) fn stall(&mut self, until: Millis) {
        self.stage = Stage::Stalled(until);
    }

    /// When it is tried again.
    pub(super) fn again(&self) -> Option<Millis> {
        if let Stage::Stalled(until) = self.stage { Some(until) } else { None }
    }
}
