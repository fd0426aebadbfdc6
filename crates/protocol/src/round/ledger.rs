//! The signed messages of a round that this party holds (PROTOCOL 1.3, 6.3).
//!
//! A sender has one slot for each thing that it may say once. The first message in a slot stays; another one in the
//! same slot is equivocation. So what a peer can make this party hold is bounded by parties times slots.
//!
//! What this party itself has signed stands here too, and is what its components go by: a party that comes back after a
//! crash reads here what it has promised.

use alloc::collections::{BTreeMap, BTreeSet};

use wire::{Body, Grievance, MessageKind, Sealed, Until};

/// What a message is an instance of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    kind: MessageKind,
    sender: u16,
    /// The attempt, or the recipient, where a sender may say it once for each.
    each: u32,
}

/// Where the slots of complaints about headers begin: whoever got a bad share may see two headers as well.
const HEADERS: u32 = 1 << 16;
/// The slot of a Close of all attempts.
const FOREVER: u32 = u32::MAX;

impl Slot {
    fn of(message: &Sealed) -> Self {
        let each = match message.body() {
            Body::Open { attempt, .. } | Body::Ready { attempt, .. } | Body::Accept { attempt, .. } => *attempt,
            Body::Close { until: Until::Attempt(attempt), .. } => *attempt,
            Body::Close { until: Until::Forever, .. } => FOREVER,
            Body::Complaint { dealer, grievance: Grievance::Cell { .. } } => u32::from(*dealer),
            Body::Complaint { dealer, grievance: Grievance::Headers { .. } } => HEADERS + u32::from(*dealer),
            Body::Share { .. } | Body::Receipt { .. } => message.recipient().map_or(u32::MAX, u32::from),
            Body::Outcome { result } => u32::from(result.is_some()),
            Body::Propose { .. }
            | Body::Deal { .. }
            | Body::Commitments { .. }
            | Body::Dealt { .. }
            | Body::Certificate { .. }
            | Body::Partial { .. }
            | Body::Decline { .. }
            | Body::Abandon { .. } => 0,
        };
        Self { kind: message.kind(), sender: message.sender(), each }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is new.
    New,
    /// It was there, or it says no more than what was there.
    Known,
    /// Its sender had said something else in its place. Once for each slot: two are evidence, more are only more.
    Conflict,
}

/// The messages held.
#[derive(Default)]
pub(super) struct Ledger {
    held: BTreeMap<Slot, Sealed>,
    /// Slots whose sender was found to equivocate.
    contradicted: BTreeSet<Slot>,
    /// Shares that do not belong to their header, by dealer and recipient.
    refused: BTreeSet<(u16, u16)>,
}

impl Ledger {
    /// Takes a message in.
    pub(super) fn take(&mut self, message: &Sealed) -> Taken {
        let slot = Slot::of(message);
        let Some(held) = self.held.get(&slot) else {
            self.held.insert(slot, message.clone());
            return Taken::New;
        };
        if held.digest() == message.digest() {
            return Taken::Known;
        }
        match (held.body(), message.body()) {
            // PROTOCOL 3: Dealt is sent again as more Receipts arrive.
            (Body::Dealt { dealing: a, receipts: old }, Body::Dealt { dealing: b, receipts: new }) if a == b => {
                if new.len() > old.len() {
                    self.held.insert(slot, message.clone());
                    return Taken::New;
                }
                Taken::Known
            }
            // These bind nobody, so a second one is no contradiction; and any q Accepts make a certificate. Commitments are
            // named by their header.
            (
                Body::Propose { .. }
                | Body::Decline { .. }
                | Body::Abandon { .. }
                | Body::Certificate { .. }
                | Body::Commitments { .. }
                | Body::Complaint { .. },
                _,
            ) => Taken::Known,
            _ if self.contradicted.insert(slot) => Taken::Conflict,
            _ => Taken::Known,
        }
    }

    /// Whether that very message is held.
    pub(super) fn holds(&self, digest: [u8; 32], kind: MessageKind, sender: u16) -> bool {
        self.all(kind, sender).any(|held| held.digest().0 == digest)
    }

    /// All messages held, in the order of their kinds: so a header comes before its shares.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Sealed> {
        self.held.values()
    }

    /// Messages of that kind from that sender, the latest attempt last.
    pub(super) fn all(&self, kind: MessageKind, sender: u16) -> impl DoubleEndedIterator<Item = &Sealed> {
        self.held.range(Slot { kind, sender, each: 0 }..=Slot { kind, sender, each: u32::MAX }).map(|(_, m)| m)
    }

    /// The message of that kind from that sender, where there is one for all.
    pub(super) fn from(&self, kind: MessageKind, sender: u16) -> Option<&Sealed> {
        self.all(kind, sender).next()
    }

    /// The vote of that kind and attempt from that sender, or its Open.
    pub(super) fn vote(&self, kind: MessageKind, sender: u16, attempt: u32) -> Option<&Sealed> {
        self.held.get(&Slot { kind, sender, each: attempt })
    }

    /// The cell that that party holds against that dealer.
    pub(super) fn complaint(&self, accuser: u16, dealer: u16) -> Option<&Sealed> {
        self.held.get(&Slot { kind: MessageKind::Complaint, sender: accuser, each: dealer.into() })
    }

    /// What stands in the slot of a message.
    pub(super) fn in_place_of(&self, message: &Sealed) -> Option<&Sealed> {
        self.held.get(&Slot::of(message))
    }

    /// Whether that sender has said two things of that kind where one may be said.
    pub(super) fn contradicted(&self, kind: MessageKind, sender: u16) -> bool {
        self.contradicted.iter().any(|slot| slot.kind == kind && slot.sender == sender)
    }

    /// The Close of that sender that reaches furthest.
    pub(super) fn close(&self, sender: u16) -> Option<&Sealed> {
        self.all(MessageKind::Close, sender).next_back()
    }

    /// How far that sender has closed the round.
    pub(super) fn closed_until(&self, sender: u16) -> Option<Until> {
        match self.close(sender)?.body() {
            Body::Close { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// The Share of that dealer to that recipient, unless it was refused.
    pub(super) fn share(&self, dealer: u16, recipient: u16) -> Option<&Sealed> {
        if self.refused.contains(&(dealer, recipient)) {
            return None;
        }
        self.held.get(&Slot { kind: MessageKind::Share, sender: dealer, each: u32::from(recipient) })
    }

    /// Passes over a Share that does not belong to its header. It counts as silence, and keeps its slot: or its dealer
    /// could have any number of them stored.
    pub(super) fn refuse_share(&mut self, dealer: u16, recipient: u16) {
        self.refused.insert((dealer, recipient));
    }

    /// Puts the header that was certified in the place of another one of its dealer. What the other one named goes with it.
    pub(super) fn supersede(&mut self, header: &Sealed) {
        let slot = Slot::of(header);
        self.held.insert(slot, header.clone());
        self.held.remove(&Slot { kind: MessageKind::Commitments, ..slot });
    }

    /// Forgets this party's own Share to a recipient that has it durably.
    pub(super) fn forget_share(&mut self, dealer: u16, recipient: u16) {
        self.held.remove(&Slot { kind: MessageKind::Share, sender: dealer, each: u32::from(recipient) });
    }

    /// Forgets the Shares, which hold secrets.
    pub(super) fn forget_shares(&mut self) {
        self.held.retain(|slot, _| slot.kind != MessageKind::Share);
    }
}
