//! Elements on their way between two parties: windows, resends, beginning anew (PROTOCOL 6.3, 6.4).
//!
//! Explicit shares and partial sums take one path. The receiver grants a window ahead of the chunk that it uses next; the
//! author sends what was granted, each chunk once over one link. A link has no memory: on a new one the receiver grants
//! again from where it stands. A receiver that has to begin anew raises the epoch.
//!
//! Attacker: an author that sends what nobody asked for, or a receiver that asks for ever. What is held is bounded by a
//! window for each author, what is sent over one link by the epochs.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;

use wire::link::{BulkId, BulkKind, Grant};
use zeroize::Zeroizing;

use super::context::Context;
use super::step::Action;

/// Chunks that an author may send ahead of the one that its receiver uses next: enough to hide a round trip, and at most
/// 8 MiB an author in the largest field.
pub const WINDOW: u64 = 8;

/// How often a receiver may begin anew, and an author follows it over one link. Each time costs the whole object again.
pub(super) const MAX_EPOCHS: u32 = 16;

/// The author's end: what went out of one object over one live link.
#[derive(Default)]
pub(super) struct Outflow {
    epoch: u32,
    begun: u32,
    sent: u64,
}

impl Outflow {
    /// The chunks that a grant lets go out now, of an object of so many.
    pub(super) fn granted(&mut self, grant: &Grant, chunks: u64) -> Range<u64> {
        if grant.epoch > self.epoch && self.begun < MAX_EPOCHS {
            *self = Self { epoch: grant.epoch, begun: self.begun + 1, sent: 0 };
        }
        if grant.epoch != self.epoch {
            return 0..0;
        }
        let first = grant.next.max(self.sent);
        // A receiver that wants more at once than a window is none of ours.
        let end = grant.limit.min(grant.next.saturating_add(WINDOW)).min(chunks);
        self.sent = self.sent.max(end);
        first..end
    }
}

/// The receiver's end: one object of one author.
pub(super) struct Inflow {
    author: u16,
    kind: BulkKind,
    epoch: u32,
    /// The chunk that is used next.
    next: u64,
    /// Chunks below this number were granted in this epoch.
    limit: u64,
    /// Chunks below this number were granted in one epoch or another: they may still arrive.
    most: u64,
    arrived: BTreeMap<u64, Zeroizing<Vec<u8>>>,
}

impl Inflow {
    pub(super) fn new(author: u16, kind: BulkKind) -> Self {
        Self { author, kind, epoch: 0, next: 0, limit: 0, most: 0, arrived: BTreeMap::new() }
    }

    /// Lets the author send a window ahead. Grants only grow, and by half a window at least.
    pub(super) fn grant(&mut self, context: &mut Context<'_>) {
        let chunks = context.terms.layout().chunks();
        let limit = (self.next + WINDOW).min(chunks);
        if limit <= self.limit || (limit < self.limit + WINDOW / 2 && limit < chunks) {
            return;
        }
        self.limit = limit;
        self.most = self.most.max(limit);
        self.send(context, self.next);
    }

    /// The author may have lost what was granted: grants again from the first chunk that is not here.
    pub(super) fn grant_again(&self, context: &mut Context<'_>) {
        if let Some(next) = (self.next..self.limit).find(|index| !self.arrived.contains_key(index)) {
            self.send(context, next);
        }
    }

    /// Begins anew at the first chunk, unless that was done too often. What is on its way still may arrive.
    pub(super) fn restart(&mut self, context: &mut Context<'_>) {
        if self.most > 0 {
            self.epoch += 1;
        }
        self.stop();
        (self.next, self.limit) = (0, 0);
        self.grant(context);
    }

    /// Takes nothing more in.
    pub(super) fn stop(&mut self) {
        self.arrived.clear();
        self.limit = self.next;
    }

    /// A chunk arrived. What was not granted is a fault; what is here already, or of no use any more, is passed over.
    pub(super) fn arrive(
        &mut self,
        context: &Context<'_>,
        index: u64,
        elements: Zeroizing<Vec<u8>>,
    ) -> Result<(), &'static str> {
        if index >= self.most {
            return Err("elements that were not granted");
        }
        if elements.len() != context.terms.chunk_bytes(index) {
            return Err("a chunk of another length than agreed");
        }
        if (self.next..self.limit).contains(&index) {
            self.arrived.entry(index).or_insert(elements);
        }
        Ok(())
    }

    /// How often it has begun anew.
    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether the chunk that is used next is here.
    pub(super) fn is_ready(&self) -> bool {
        self.arrived.contains_key(&self.next)
    }

    /// The chunk that is used next, with its number, if it is here.
    pub(super) fn take(&mut self) -> Option<(u64, Zeroizing<Vec<u8>>)> {
        let elements = self.arrived.remove(&self.next)?;
        self.next += 1;
        Some((self.next - 1, elements))
    }

    fn send(&self, context: &mut Context<'_>, next: u64) {
        let object = BulkId { round: context.terms.round(), kind: self.kind };
        let grant = Grant { object, epoch: self.epoch, next, limit: self.limit };
        context.step.actions.push(Action::SendGrant { to: self.author, grant });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(epoch: u32, next: u64, limit: u64) -> Grant {
        let object = BulkId { round: wire::RoundId([1; 32]), kind: BulkKind::Share };
        Grant { object, epoch, next, limit }
    }

    #[test]
    fn an_author_sends_each_chunk_once_and_a_window_at_most() {
        let mut flow = Outflow::default();
        assert_eq!(flow.granted(&grant(0, 0, 8), 20), 0..8);
        assert!(flow.granted(&grant(0, 0, 8), 20).is_empty());
        assert_eq!(flow.granted(&grant(0, 4, 12), 20), 8..12);
        // More than a window from where the receiver stands.
        assert_eq!(flow.granted(&grant(0, 6, u64::MAX), 20), 12..14);
        // A receiver that has more than it was sent over this link had it over another one.
        assert_eq!(flow.granted(&grant(0, 16, 99), 20), 16..20);
        assert!(flow.granted(&grant(0, u64::MAX, u64::MAX), 20).is_empty());
        assert!(flow.granted(&grant(0, 0, u64::MAX), 20).is_empty());
    }

    #[test]
    fn an_author_begins_anew_for_a_higher_epoch_a_bounded_number_of_times() {
        let mut flow = Outflow::default();
        assert_eq!(flow.granted(&grant(0, 0, 8), 3), 0..3);
        for epoch in 1..=MAX_EPOCHS {
            assert_eq!(flow.granted(&grant(2 * epoch, 0, 8), 3), 0..3);
            assert!(flow.granted(&grant(2 * epoch, 0, 8), 3).is_empty());
            assert!(flow.granted(&grant(2 * epoch - 1, 0, 8), 3).is_empty(), "an epoch that is over");
        }
        assert!(flow.granted(&grant(u32::MAX, 0, 8), 3).is_empty());
    }
}
