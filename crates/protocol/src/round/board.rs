//! What is known to all components of a round: headers, Receipts, the certificate. Only what was verified stands here.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use wire::message::Votes;
use wire::{Body, DealingDigest, MessageDigest, MessageKind, Sealed, Set, SetDigest, Vote};

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
    pub(super) certified: Option<Certified>,
    /// Faults that were noted: each once, or a peer could fill the log.
    pub(super) faults: BTreeSet<(u16, Option<MessageKind>, String)>,
}

/// D_i: names a dealer's signed header. Two signatures on one header are one dealing.
pub fn dealing_digest(header: &Sealed) -> DealingDigest {
    DealingDigest(sharing::hash("smpcd/1/header", &[&header.digest().0]))
}

/// What a Receipt's signature covers.
fn receipt_digest(terms: &Terms, dealer: u16, dealing: DealingDigest, holder: u16) -> MessageDigest {
    let body = Body::Receipt { dealing }.encode();
    wire::envelope::message_digest(&terms.round(), holder, Some(dealer), &body)
}

/// What an Accept's signature covers.
pub(super) fn accept_digest(terms: &Terms, attempt: u32, set: SetDigest, party: u16) -> MessageDigest {
    wire::envelope::message_digest(&terms.round(), party, None, &Body::Accept { attempt, set }.encode())
}

impl Board {
    /// Takes a Receipt whose signature was verified with its envelope.
    pub(super) fn receipted(&mut self, dealer: u16, dealing: DealingDigest, holder: u16, signature: [u8; 64]) {
        self.receipts.entry((dealer, dealing)).or_default().insert(holder, signature);
    }

    /// Verifies votes on a dealing and takes them in: all of them or none.
    pub(super) fn take_receipts(
        &mut self,
        terms: &Terms,
        dealer: u16,
        dealing: DealingDigest,
        votes: &Votes,
    ) -> Result<(), &'static str> {
        if !strictly_increasing(votes.iter().map(|v| v.party)) {
            return Err("Receipts that are not in agreement order");
        }
        let known = self.receipts.get(&(dealer, dealing));
        for vote in votes.iter() {
            if known.and_then(|k| k.get(&vote.party)) == Some(&vote.signature) {
                continue;
            }
            if !terms.is_compute(vote.party) {
                return Err("a Receipt of a party that holds no shares");
            }
            let digest = receipt_digest(terms, dealer, dealing, vote.party);
            let key = terms.key(vote.party).ok_or("a Receipt of nobody")?;
            if !wire::verify(key, &digest.0, &vote.signature) {
                return Err("a Receipt with a false signature");
            }
        }
        let held = self.receipts.entry((dealer, dealing)).or_default();
        held.extend(votes.iter().map(|v| (v.party, v.signature)));
        Ok(())
    }

    /// Receipts on the first header seen of a dealer, in agreement order.
    pub(super) fn votes_for(&self, dealer: u16) -> Vec<Vote> {
        self.headers
            .get(&dealer)
            .and_then(|&dealing| self.receipts.get(&(dealer, dealing)))
            .map(|held| held.iter().map(|(&party, &signature)| Vote { party, signature }).collect())
            .unwrap_or_default()
    }

    /// Whether all of `holders` have receipted that dealing.
    pub(super) fn receipted_by_all(&self, dealer: u16, dealing: DealingDigest, holders: &[u16]) -> bool {
        self.receipts.get(&(dealer, dealing)).is_some_and(|held| holders.iter().all(|h| held.contains_key(h)))
    }

    /// Whether the set could be certified at all: parties of the right roles, strictly increasing, |S| ≥ μ, |Q| ≥ h.
    pub(super) fn check_set(terms: &Terms, set: &Set) -> Result<(), &'static str> {
        if !strictly_increasing(set.dealings.iter().map(|d| d.dealer)) {
            return Err("contributors that repeat or are not in agreement order");
        }
        if !strictly_increasing(set.holders.iter().copied()) {
            return Err("holders that repeat or are not in agreement order");
        }
        if !set.dealings.iter().all(|d| terms.is_input(d.dealer)) {
            return Err("a contributor that is no input party");
        }
        if !set.holders.iter().all(|&h| terms.is_compute(h)) {
            return Err("a holder that is no compute party");
        }
        if set.dealings.len() < usize::from(terms.computation().min_contributors) {
            return Err("fewer contributors than the agreement allows");
        }
        if set.holders.len() < usize::from(terms.quorum().h) {
            return Err("too few holders");
        }
        Ok(())
    }

    /// Verifies a certificate: a sound set and q Accepts of different compute parties on it (PROTOCOL 4.4).
    pub(super) fn check_certificate(
        terms: &Terms,
        attempt: u32,
        set: &Set,
        accepts: &Votes,
    ) -> Result<Certified, &'static str> {
        Self::check_set(terms, set)?;
        if accepts.len() < usize::from(terms.quorum().q) {
            return Err("a certificate with too few Accepts");
        }
        if !strictly_increasing(accepts.iter().map(|v| v.party)) {
            return Err("a certificate whose Accepts repeat or are not in agreement order");
        }
        let digest = set.digest(&terms.round());
        for vote in accepts.iter() {
            let key = terms.key(vote.party).filter(|_| terms.is_compute(vote.party)).ok_or("an Accept of nobody")?;
            if !wire::verify(key, &accept_digest(terms, attempt, digest, vote.party).0, &vote.signature) {
                return Err("a certificate with a false signature");
            }
        }
        Ok(Certified { attempt, set: set.clone(), digest, accepts: accepts.clone() })
    }
}

pub(super) fn strictly_increasing(items: impl Iterator<Item = u16>) -> bool {
    let mut last = None;
    for item in items {
        if last.is_some_and(|l| item <= l) {
            return false;
        }
        last = Some(item);
    }
    true
}
