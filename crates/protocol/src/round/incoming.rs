//! One explicit share on its way in (PROTOCOL 2.1, 6.4, 7).
//!
//! Its elements come chunk by chunk from its dealer and are written as they come, so memory is a window of chunks for each
//! dealer. It is a share when all of it is here, gives the digest in the header, and is durable.
//!
//! Attacker: a dealer that sends something else, or nothing. That is silence, at this party alone.

use alloc::vec::Vec;
use core::time::Duration;

use sharing::Salt;
use wire::link::BulkKind;
use zeroize::Zeroizing;

use super::context::Context;
use super::flow::{Inflow, MAX_EPOCHS};
use super::job::{Arriving, Job};
use super::step::Millis;

/// How long a share that could not be written waits at first: an operator has to make room. It doubles each time.
const STORE_AGAIN: Duration = Duration::from_secs(60);

/// Where the share stands.
enum Stage {
    /// The next chunk may be written.
    Ready(Arriving),
    /// A job writes one.
    Writing,
    /// This node could not write it; it begins anew then.
    Stalled(Millis),
    /// It was not the share that its header names, or could not be written too often.
    Over,
}

/// An explicit share whose elements are coming in.
pub(super) struct Incoming {
    dealer: u16,
    salt: Option<Salt>,
    digest: [u8; 32],
    flow: Inflow,
    stage: Stage,
}

impl Incoming {
    /// Asks for the elements of a share whose salted digest stands in its header.
    pub(super) fn begin(context: &mut Context<'_>, dealer: u16, salt: Option<Salt>, digest: [u8; 32]) -> Self {
        let mut flow = Inflow::new(dealer, BulkKind::Share);
        flow.grant(context);
        let stage = Stage::Ready(Arriving::new(salt.clone(), digest));
        Self { dealer, salt, digest, flow, stage }
    }

    /// Does what there is to do.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        match self.stage {
            Stage::Stalled(until) if context.now >= until => {
                self.stage = Stage::Ready(Arriving::new(self.salt.clone(), self.digest));
                self.flow.restart(context);
            }
            Stage::Ready(_) if self.flow.is_ready() => {
                let stage = core::mem::replace(&mut self.stage, Stage::Writing);
                if let (Stage::Ready(share), Some((chunk, elements))) = (stage, self.flow.take()) {
                    context.run(Job::Store { dealer: self.dealer, chunk, elements, share });
                }
            }
            Stage::Ready(_) | Stage::Writing | Stage::Stalled(_) | Stage::Over => {}
        }
    }

    /// A chunk arrived. `Err` is what its sender did wrong.
    pub(super) fn arrive(
        &mut self,
        context: &Context<'_>,
        index: u64,
        elements: Zeroizing<Vec<u8>>,
    ) -> Result<(), &'static str> {
        self.flow.arrive(context, index, elements)
    }

    /// A chunk was written.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>, share: Arriving) {
        self.stage = Stage::Ready(share);
        self.flow.grant(context);
    }

    /// A chunk could not be written: what was is of no use, so it begins anew later.
    pub(super) fn stall(&mut self, context: &Context<'_>) {
        self.flow.stop();
        let times = self.flow.epoch();
        let wait = STORE_AGAIN.saturating_mul(1 << times.min(MAX_EPOCHS));
        self.stage = if times < MAX_EPOCHS { Stage::Stalled(context.now.after(wait)) } else { Stage::Over };
    }

    /// It is not the share that its header names.
    pub(super) fn refuse(&mut self) {
        self.flow.stop();
        self.stage = Stage::Over;
    }

    /// The digest in its header.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// When it begins anew.
    pub(super) fn again(&self) -> Option<Millis> {
        if let Stage::Stalled(until) = self.stage { Some(until) } else { None }
    }

    /// The dealer may have lost what we granted it.
    pub(super) fn grant_again(&self, context: &mut Context<'_>) {
        self.flow.grant_again(context);
    }
}
