//! A party that was restored from an older copy of its data must not sign again what it has forgotten (PROTOCOL 7).
//!
//! Each transaction that lets a signed message out gets a [`Mark`], kept in the store and then in a guard outside of it:
//! store, guard, send. At a start [`verdict`] compares the two. Where they say that signatures may be forgotten, a
//! [`Recovery`] keeps the party from signing until every other compute party has told it which rounds it knows and what
//! this party signed in them.
//!
//! Nothing here knows a file or a link: marks, peers and what they said are arguments.
//!
//! # Security
//! What is assumed of an attacker: a peer may say anything, as often as it likes, or nothing. It cannot make this party
//! forget or forge a signature, only withhold one; so the word of every other compute party is waited for, and a peer's
//! word alone never makes a party abstain: a signature of its own does.

use alloc::collections::{BTreeMap, BTreeSet};

use wire::RoundId;
use wire::link::Pin;

/// How far a recovery leaps above the numbers of store and guard. A lost guard may have been ahead of the store by as
/// many signatures as were forgotten, and those are fewer than this; so a guard never falls, a lost one neither.
pub const LEAP: u64 = 1 << 32;

/// One transaction that let a signed message out.
///
/// The number alone would not do. A store is copied between store and guard, another copy is put back and signs
/// something else under the same number: then the first copy fits the guard and lacks what was signed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// How many such transactions there were, for people; after a recovery far more.
    pub number: u64,
    /// Drawn for this transaction alone.
    pub drawn: [u8; 32],
}

impl Mark {
    /// The mark of a store that has let nothing out.
    pub const NONE: Self = Self { number: 0, drawn: [0; 32] };
}

/// What the marks of store and guard mean at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The guard has the store's last mark: nothing was forgotten.
    Sound,
    /// The guard has the one before: a crash came between store and guard. What that last transaction let out was not
    /// sent, and is in the store. The guard is raised to the store's mark before anything is sent.
    Crashed,
    /// The guard has another one, or cannot be read: store or guard is a copy from another time. The party may have
    /// forgotten what it signed.
    RolledBack,
}

/// Compares the store's last two marks with the guard's; none where there is no guard that can be read.
///
/// A crash between the two steps of a recovery is no crash here: the party recovers again.
#[must_use]
pub fn verdict(last: &Mark, before: &Mark, guard: Option<&Mark>) -> Verdict {
    match guard {
        Some(guard) if guard == last => Verdict::Sound,
        Some(guard) if guard == before => Verdict::Crashed,
        Some(_) | None => Verdict::RolledBack,
    }
}

/// A frame of an answer came from a party that was not asked on this link: no honest node sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an answer that nobody asked for")]
pub struct NotAsked;

/// A party that signs nothing until it knows what it may have signed.
///
/// The exchange needs no signature and no state of the peer's rounds, so it counts with a peer that recovers too: a
/// consortium whose parties all restart without their guards recovers.
#[derive(Clone, Debug)]
pub struct Recovery {
    store: u64,
    guard: Option<u64>,
    /// The compute parties whose whole answer is missing.
    waits: BTreeMap<u16, Asked>,
    lacking: BTreeSet<RoundId>,
}

/// How far a peer is with its answer.
#[derive(Clone, Debug)]
enum Asked {
    /// There is no link, or none that it was asked on.
    Not,
    /// The answer is coming; the round that it speaks of now.
    Answering(Option<Pin>),
}

impl Recovery {
    /// Begins, with the numbers of store and guard and all compute parties but this one.
    #[must_use]
    pub fn new(store: u64, guard: Option<u64>, others: impl IntoIterator<Item = u16>) -> Self {
        let waits = others.into_iter().map(|peer| (peer, Asked::Not)).collect();
        Self { store, guard, waits, lacking: BTreeSet::new() }
    }

    /// The compute parties that it waits for.
    pub fn waits_for(&self) -> impl Iterator<Item = u16> {
        self.waits.keys().copied()
    }

    /// The rounds in which a peer showed something of this party's that its store lacks.
    pub fn lacking(&self) -> impl Iterator<Item = &RoundId> {
        self.lacking.iter()
    }

    /// A link is up. True where the peer is to be asked on it: once a link, until it has answered.
    #[must_use]
    pub fn link_up(&mut self, peer: u16) -> bool {
        let Some(asked) = self.waits.get_mut(&peer) else { return false };
        *asked = Asked::Answering(None);
        true
    }

    /// A link is down. Half an answer counts for nothing: the peer is asked again on the next one.
    pub fn link_down(&mut self, peer: u16) {
        if let Some(asked) = self.waits.get_mut(&peer) {
            *asked = Asked::Not;
        }
    }

    /// The peer knows this round. What it holds of this party in it comes behind.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub fn pin(&mut self, peer: u16, pin: Pin) -> Result<(), NotAsked> {
        match self.waits.get_mut(&peer) {
            Some(Asked::Answering(now)) => {
                *now = Some(pin);
                Ok(())
            }
            Some(Asked::Not) | None => Err(NotAsked),
        }
    }

    /// What the peer said of that round, if it speaks of it now.
    #[must_use]
    pub fn pinned(&self, peer: u16, round: &RoundId) -> Option<&Pin> {
        match self.waits.get(&peer) {
            Some(Asked::Answering(Some(pin))) if pin.round() == *round => Some(pin),
            _ => None,
        }
    }

    /// A message of this party's own was shown that the store lacks. The party abstains from its round for good.
    pub fn lacked(&mut self, round: RoundId) {
        self.lacking.insert(round);
    }

    /// The peer has said all that it knows.
    ///
    /// # Errors
    /// [`NotAsked`].
    pub fn recalled(&mut self, peer: u16) -> Result<(), NotAsked> {
        match self.waits.get(&peer) {
            Some(Asked::Answering(_)) => {
                self.waits.remove(&peer);
                Ok(())
            }
            Some(Asked::Not) | None => Err(NotAsked),
        }
    }

    /// Once every other compute party has answered: the number of the mark that the store gets, then the guard. Only
    /// after both may this party sign.
    #[must_use]
    pub fn raise_to(&self) -> Option<u64> {
        let highest = self.store.max(self.guard.unwrap_or(0));
        self.waits.is_empty().then(|| highest.saturating_add(LEAP))
    }
}

#[cfg(test)]
mod tests;
