//! What all votes together could make, whoever puts them together: certificates, and proofs that a round is void
//! (PROTOCOL 4.4, 4.5, 4.8).
//!
//! Parties under an adversary are taken to have signed everything. So what is found here need not be in anybody's hands.

use std::collections::{BTreeMap, BTreeSet};

use protocol::round::Terms;
use wire::{Body, SetDigest, Until};

use super::{Verdict, require};

/// The votes of honest parties, by v.
#[derive(Default)]
pub(super) struct Ballots {
    accepts: BTreeMap<(u32, u32, SetDigest), BTreeSet<u16>>,
    readys: BTreeMap<(u32, u32, SetDigest), BTreeSet<u16>>,
    /// Closes of ∞ without a lock.
    unlocked: BTreeMap<u32, BTreeSet<u16>>,
}

/// Who counts, and how many of them.
pub(super) struct Rules<'a> {
    pub(super) terms: &'a Terms,
    pub(super) corrupt: &'a BTreeSet<u16>,
}

impl Rules<'_> {
    fn liars(&self) -> usize {
        self.terms.computes().iter().filter(|party| self.corrupt.contains(party)).count()
    }

    /// Whether there are no more liars than the agreement is made for. Beyond that PROTOCOL promises nothing.
    pub(super) fn tolerated(&self) -> bool {
        let most = if self.terms.is_malicious() { usize::from(self.terms.quorum().t) } else { 0 };
        self.liars() <= most
    }

    fn reach(&self, honest: &BTreeSet<u16>, needed: usize) -> bool {
        honest.difference(self.corrupt).count() + self.liars() >= needed
    }
}

impl Ballots {
    /// Counts a vote of an honest party.
    pub(super) fn count(&mut self, v: u32, by: u16, body: &Body) {
        match *body {
            Body::Ready { attempt, set } => self.readys.entry((v, attempt, set)).or_default().insert(by),
            Body::Accept { attempt, set } => self.accepts.entry((v, attempt, set)).or_default().insert(by),
            Body::Close { until: Until::Forever, lock: None } => self.unlocked.entry(v).or_default().insert(by),
            _ => return,
        };
    }

    /// Forgets all votes of a party: those that count are counted again.
    pub(super) fn forget(&mut self, by: u16) {
        let all = self.accepts.values_mut().chain(self.readys.values_mut()).chain(self.unlocked.values_mut());
        all.for_each(|parties| {
            parties.remove(&by);
        });
    }

    /// Judges a Ready of an honest party.
    pub(super) fn ready(&self, rules: &Rules<'_>, v: u32, attempt: u32, set: SetDigest) -> Verdict {
        // PROTOCOL 4.5: every later attempt is about the same (S, Q).
        let mut earlier = self.certifiable(rules).filter(|(_, of, _)| *of < attempt);
        let other = earlier.find(|(of_round, _, certified)| *of_round != v || *certified != set);
        require(other.is_none(), || {
            format!("Ready for a set in attempt {attempt} beside another certificate: {other:?}")
        })
    }

    /// Judges an Accept of an honest party.
    pub(super) fn accept(&self, rules: &Rules<'_>, v: u32, attempt: u32, set: SetDigest) -> Verdict {
        let sets: BTreeSet<(u32, SetDigest)> = self.certifiable(rules).map(|(v, _, set)| (v, set)).collect();
        require(sets.len() < 2, || format!("votes for certificates on different sets: {sets:?}"))?;
        let certifiable = self.certifiable(rules).any(|certificate| certificate == (v, attempt, set));
        let mut later =
            self.readys.iter().filter(|((of, later, _), by)| *of == v && *later > attempt && !by.is_empty());
        let differs = certifiable && later.any(|((_, _, later), _)| *later != set);
        require(!differs, || {
            format!("a certificate of attempt {attempt} after a Ready for another set in a later one")
        })?;
        self.apart(rules, v)
    }

    /// The highest attempt in which there was a Ready.
    pub(super) fn attempts(&self) -> u32 {
        self.readys.keys().map(|(_, attempt, _)| *attempt).max().unwrap_or(0)
    }

    /// No round is void and certified.
    pub(super) fn apart(&self, rules: &Rules<'_>, v: u32) -> Verdict {
        let certified = self.certifiable(rules).any(|(of, ..)| of == v);
        require(!(certified && self.is_void(rules, v)), || format!("round {v} is void, and there is a certificate"))
    }

    /// Whether nothing of a round has opened or can.
    pub(super) fn is_void(&self, rules: &Rules<'_>, v: u32) -> bool {
        let quorum = rules.terms.quorum();
        let Some(unlocked) = self.unlocked.get(&v) else { return false };
        let liars = if rules.terms.is_malicious() { quorum.t } else { 0 };
        let own = quorum.q == quorum.n && unlocked.difference(rules.corrupt).count() > 0;
        own || rules.reach(unlocked, usize::from(quorum.n - quorum.q + 1 + liars))
    }

    /// Every (v, attempt, set) on which there could be a certificate.
    fn certifiable(&self, rules: &Rules<'_>) -> impl Iterator<Item = (u32, u32, SetDigest)> {
        let q = usize::from(rules.terms.quorum().q);
        let certified = self.accepts.iter().filter(move |(_, by)| rules.reach(by, q));
        certified.map(|(key, _)| *key)
    }
}
