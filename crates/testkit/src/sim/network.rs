//! Links between parties: first in, first out, with delays; what is in flight is lost when one goes down (PROTOCOL 6.3).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::round::Millis;
use wire::link::{BulkId, Grant, Have, Pin, Recall};
use wire::{Body, Envelope, RoundId, Sealed};
use zeroize::Zeroizing;

/// What travels on a link.
#[derive(Clone)]
pub enum Parcel {
    /// Bytes of an envelope.
    Message(Zeroizing<Vec<u8>>),
    /// An inventory.
    Have(Have),
    /// A grant.
    Grant(Grant),
    /// Elements.
    Chunk {
        /// Of what.
        object: BulkId,
        /// Which chunk.
        index: u64,
        /// Canonical elements.
        elements: Zeroizing<Vec<u8>>,
    },
    /// A party that may have forgotten what it signed asks for it.
    Recall(Recall),
    /// A round that is known; the asker's messages in it follow.
    Pin(Pin),
    /// That is all.
    Recalled,
}

impl Parcel {
    /// A signed message.
    #[must_use]
    pub fn message(message: &Sealed) -> Self {
        Self::Message(Zeroizing::new(message.bytes().to_vec()))
    }

    /// Sender, recipient and body of the signed message, if it is one.
    #[must_use]
    pub fn said(&self) -> Option<(u16, Option<u16>, Body)> {
        let envelope = self.envelope()?;
        Some((envelope.sender(), envelope.recipient(), envelope.body().clone()))
    }

    /// The signed message, unverified.
    pub(super) fn envelope(&self) -> Option<Envelope> {
        if let Self::Message(bytes) = self { Envelope::parse(bytes).ok() } else { None }
    }

    /// The round that it claims to be about.
    pub(super) fn round(&self) -> Option<RoundId> {
        match self {
            Self::Message(_) => self.envelope().map(|envelope| envelope.round()),
            Self::Have(have) => Some(have.round),
            Self::Grant(grant) => Some(grant.object.round),
            Self::Chunk { object, .. } => Some(object.round),
            Self::Recall(_) | Self::Pin(_) | Self::Recalled => None,
        }
    }
}

/// One direction of one link.
#[derive(Default)]
struct Lane {
    queue: VecDeque<Parcel>,
    /// When the last parcel in the queue arrives: the next one cannot overtake it.
    last: Millis,
}

/// All links of a cluster.
#[derive(Default)]
pub(super) struct Network {
    /// Pairs that can reach each other, as far as the network goes.
    ways: BTreeSet<(u16, u16)>,
    up: BTreeSet<(u16, u16)>,
    /// How often a link has come or gone: a delivery that was planned for another time of it is void.
    epochs: BTreeMap<(u16, u16), u64>,
    lanes: BTreeMap<(u16, u16), Lane>,
}

fn pair(a: u16, b: u16) -> (u16, u16) {
    (a.min(b), a.max(b))
}

impl Network {
    pub(super) fn is_up(&self, a: u16, b: u16) -> bool {
        self.up.contains(&pair(a, b))
    }

    /// Whether the two could have a link if both ran.
    pub(super) fn has_way(&self, a: u16, b: u16) -> bool {
        self.ways.contains(&pair(a, b))
    }

    /// Opens or closes the way between two parties. A link is made by [`Network::set`].
    pub(super) fn set_way(&mut self, a: u16, b: u16, open: bool) {
        if open {
            self.ways.insert(pair(a, b))
        } else {
            self.ways.remove(&pair(a, b))
        };
    }

    /// Changes a link; what was in flight is lost. False where it was so already.
    pub(super) fn set(&mut self, a: u16, b: u16, up: bool) -> bool {
        let changed = if up { self.up.insert(pair(a, b)) } else { self.up.remove(&pair(a, b)) };
        if changed {
            *self.epochs.entry(pair(a, b)).or_default() += 1;
            self.lanes.remove(&(a, b));
            self.lanes.remove(&(b, a));
        }
        changed
    }

    /// Sends a parcel; when it will arrive and in which epoch, or none where the link is down: then it is lost.
    pub(super) fn send(&mut self, from: u16, to: u16, parcel: Parcel, earliest: Millis) -> Option<(Millis, u64)> {
        if !self.is_up(from, to) {
            return None;
        }
        let lane = self.lanes.entry((from, to)).or_default();
        lane.last = lane.last.max(earliest);
        lane.queue.push_back(parcel);
        Some((lane.last, self.epoch(from, to)))
    }

    /// The parcel that arrives next on a link.
    pub(super) fn receive(&mut self, from: u16, to: u16, epoch: u64) -> Option<Parcel> {
        if self.epoch(from, to) != epoch {
            return None;
        }
        self.lanes.get_mut(&(from, to))?.queue.pop_front()
    }

    fn epoch(&self, a: u16, b: u16) -> u64 {
        self.epochs.get(&pair(a, b)).copied().unwrap_or(0)
    }
}
