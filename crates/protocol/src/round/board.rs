//! What is known to all components of a round: headers, Receipts, sets, the certificate. Only what was verified stands here.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use wire::dossier::FaultKind;
use wire::message::Votes;
use wire::{DealingDigest, MAX_PARTIES, MessageKind, Sealed, Seq, Set, SetDigest, SetEntry, Vote};

use super::terms::Terms;

/// A contributor set that q compute parties accepted.
#[derive(Clone, Debug)]
pub(super) struct Certified {
    pub(super) attempt: u32,
    pub(super) set: Set,
    pub(super) digest: SetDigest,
    pub(super) accepts: Votes,
}

/// The facts.
#[derive(Default)]
pub(super) struct Board {
    /// The first header seen of each dealer.
    pub(super) headers: BTreeMap<u16, DealingDigest>,
    /// Signatures of Receipts, by dealer and dealing, then compute party.
    receipts: BTreeMap<(u16, DealingDigest), BTreeMap<u16, [u8; 64]>>,
    /// Sets that somebody opened, or showed a lock on.
    pub(super) sets: BTreeMap<SetDigest, Set>,
    pub(super) certified: Option<Certified>,
    /// In malicious rounds: dealers whose commitments and proofs are good.
    pub(super) good: BTreeSet<u16>,
    /// Parties against whom there is evidence that anybody can check.
    pub(super) guilty: BTreeSet<(u16, FaultKind)>,
    /// Faults that were noted: each once, or a peer could fill the log.
    pub(super) faults: BTreeSet<(u16, Option<MessageKind>, String)>,
}

/// D_i: names a dealer's signed header. Two signatures on one header are one dealing.
pub fn dealing_digest(header: &Sealed) -> DealingDigest {
    DealingDigest(sharing::hash("smpcd/1/header", &[&header.digest().0]))
}

impl Board {
    /// Takes in a Receipt that was verified.
    pub(super) fn receipted(&mut self, dealer: u16, dealing: DealingDigest, holder: u16, signature: [u8; 64]) {
        self.receipts.entry((dealer, dealing)).or_default().insert(holder, signature);
    }

    /// Takes in the Receipts that a set stands on, where they came with it.
    pub(super) fn all_receipted(&mut self, set: &Set, receipts: &[Votes]) {
        for (entry, votes) in set.dealings.iter().zip(receipts) {
            votes.iter().for_each(|vote| self.receipted(entry.dealer, entry.dealing, vote.party, vote.signature));
        }
    }

    /// Whether there is evidence against that party.
    pub(super) fn is_guilty(&self, party: u16) -> bool {
        self.guilty.iter().any(|(culprit, _)| *culprit == party)
    }

    /// Whether this very Receipt is known, and so was verified.
    pub(super) fn knows_receipt(&self, dealer: u16, dealing: DealingDigest, vote: &Vote) -> bool {
        self.receipts.get(&(dealer, dealing)).and_then(|known| known.get(&vote.party)) == Some(&vote.signature)
    }

    /// Compute parties whose Receipt on that dealing is known, in agreement order.
    pub(super) fn receipted_by(&self, dealer: u16, dealing: DealingDigest) -> BTreeSet<u16> {
        self.receipts.get(&(dealer, dealing)).map(|held| held.keys().copied().collect()).unwrap_or_default()
    }

    /// Whether all of `holders` have receipted that dealing.
    pub(super) fn receipted_by_all(&self, dealer: u16, dealing: DealingDigest, holders: &[u16]) -> bool {
        self.receipts.get(&(dealer, dealing)).is_some_and(|held| holders.iter().all(|h| held.contains_key(h)))
    }

    /// Receipts on that dealing, in agreement order.
    pub(super) fn votes_for(&self, dealer: u16, dealing: DealingDigest) -> Votes {
        let held = self.receipts.get(&(dealer, dealing));
        let votes = held.into_iter().flatten().map(|(&party, &signature)| Vote { party, signature });
        votes.collect::<Vec<_>>().try_into().unwrap_or_default()
    }

    /// For each dealing of S the Receipts of all of Q; none where one is missing here.
    pub(super) fn receipts_of(&self, set: &Set) -> Option<Seq<Votes, MAX_PARTIES>> {
        let of = |entry: &SetEntry| -> Option<Votes> {
            let held = self.receipts.get(&(entry.dealer, entry.dealing))?;
            let vote = |&party: &u16| held.get(&party).map(|&signature| Vote { party, signature });
            set.holders.iter().map(vote).collect::<Option<Vec<_>>>()?.try_into().ok()
        };
        set.dealings.iter().map(of).collect::<Option<Vec<_>>>()?.try_into().ok()
    }

    /// Whether all Receipts that a set stands on are known here.
    pub(super) fn has_receipts_of(&self, set: &Set) -> bool {
        set.dealings.iter().all(|entry| self.receipted_by_all(entry.dealer, entry.dealing, &set.holders))
    }

    /// The dealings that all of `holders` have receipted, in agreement order.
    pub(super) fn complete(&self, terms: &Terms, holders: &[u16]) -> Vec<SetEntry> {
        let entry = |&dealer: &u16| {
            let dealing = *self.headers.get(&dealer)?;
            self.receipted_by_all(dealer, dealing, holders).then_some(SetEntry { dealer, dealing })
        };
        terms.inputs().iter().filter_map(entry).collect()
    }

    /// PROTOCOL 4.3: S as large as it can be with h holders, then Q. None below μ.
    ///
    /// The best Q is an intersection of the parties that receipted some dealings, so these are what is tried. Where
    /// parties receipt as they please there could be many; then the first [`MOST_CANDIDATES`] have to do.
    pub(super) fn best_set(&self, terms: &Terms) -> Option<Set> {
        let h = usize::from(terms.quorum().h);
        let all: BTreeSet<u16> = terms.computes().iter().copied().collect();
        let mut candidates: BTreeSet<BTreeSet<u16>> = BTreeSet::from([all]);
        let patterns: BTreeSet<BTreeSet<u16>> =
            self.headers.iter().map(|(&dealer, &dealing)| self.receipted_by(dealer, dealing)).collect();
        for pattern in &patterns {
            let narrower: Vec<BTreeSet<u16>> = candidates
                .iter()
                .map(|known| known & pattern)
                .filter(|narrow| narrow.len() >= h)
                .take(MOST_CANDIDATES.saturating_sub(candidates.len()))
                .collect();
            candidates.extend(narrower);
        }
        let sets = candidates.into_iter().map(|holders| holders.into_iter().collect::<Vec<u16>>());
        let (dealings, holders) = sets
            .map(|holders| (self.complete(terms, &holders), holders))
            .filter(|(dealings, _)| dealings.len() >= usize::from(terms.computation().min_contributors))
            .max_by_key(|(dealings, holders)| (dealings.len(), holders.len()))?;
        Some(Set { dealings: dealings.try_into().ok()?, holders: holders.try_into().ok()? })
    }
}

/// Sets of holders that a leader tries at most.
const MOST_CANDIDATES: usize = 1024;
