//! What a simulation shows when it is over.

use std::collections::{BTreeMap, BTreeSet};

use protocol::round::{Ended, Millis};
use wire::Set;
use wire::dossier::FaultKind;

use super::observer::Finding;

/// What a finished simulation shows of one party: of the latest round of the period that it was in.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How many rounds before it were void.
    pub v: u32,
    /// How the round ended; none where this party never learned of it.
    pub ended: Option<Ended>,
    /// Whether it needs nothing of the round any more.
    pub closed: bool,
    /// Of each of its rounds, whether it was proven void here.
    pub void: Vec<bool>,
    /// Whether it had forgotten what it signed.
    pub abstains: bool,
    /// The totals, where it learned them.
    pub totals: Option<Vec<i128>>,
}

/// What a finished simulation shows.
#[derive(Clone, Debug)]
pub struct Report {
    /// By party.
    pub parties: Vec<Standing>,
    /// Every fault that an honest party noted.
    pub findings: Vec<Finding>,
    /// Parties against whom an honest one holds evidence that anybody can check, and what they did.
    pub proven: BTreeSet<(u16, FaultKind)>,
    /// The same, by the party that holds it.
    pub proven_by: BTreeMap<u16, BTreeSet<(u16, FaultKind)>>,
    /// Complaints about cells that honest parties have published: by whom, about whom.
    pub complaints: BTreeSet<(u16, u16)>,
    /// The set that was certified.
    pub certified: Option<Set>,
    /// When the first honest party knew of it.
    pub certified_at: Option<Millis>,
    /// When the last party ended the last round.
    pub ended_at: Millis,
    /// When each round ended at each party, by party and v.
    pub ends: BTreeMap<(u16, u32), Millis>,
    /// Events handled.
    pub events: u64,
    /// How often a machine went down.
    pub crashes: u64,
    /// The highest attempt that somebody honest has voted in or closed.
    pub attempts: u32,
    /// Opens of honest parties for a set that a Close shows a lock on.
    pub locks_carried: u64,
}

impl Report {
    /// Whether each of these parties holds evidence of that.
    #[must_use]
    pub fn all_prove(&self, by: impl IntoIterator<Item = u16>, culprit: u16, kind: FaultKind) -> bool {
        by.into_iter().all(|by| self.proven_by.get(&by).is_some_and(|proven| proven.contains(&(culprit, kind))))
    }

    /// The contributors of the sum, where one was certified.
    #[must_use]
    pub fn contributors(&self) -> Option<Vec<u16>> {
        self.certified.as_ref().map(|set| set.dealings.iter().map(|entry| entry.dealer).collect())
    }

    /// The reasons of those that abandoned, by party.
    #[must_use]
    pub fn abandoned(&self) -> Vec<(u16, &str)> {
        (0u16..)
            .zip(&self.parties)
            .filter_map(|(party, standing)| match &standing.ended {
                Some(Ended::Abandoned { reason }) => Some((party, reason.as_str())),
                _ => None,
            })
            .collect()
    }
}

/// A promise was broken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("seed {seed}, at {at} ms, party p{party}: {what}\n{plan}\nlast events:\n{trace}")]
pub struct Violation {
    /// The plan's seed.
    pub seed: u64,
    /// Virtual time.
    pub at: u64,
    /// The party whose event showed it.
    pub party: u16,
    /// What was broken.
    pub what: String,
    /// The plan, in words.
    pub plan: String,
    /// The last events before it.
    pub trace: String,
}
