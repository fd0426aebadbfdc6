//! Statements that stand on other parties' signatures: Receipts, locks, Closes, certificates, and that a round is void
//! (PROTOCOL 4.2 to 4.5, 4.8). Each is verified whole before anything is made of it.
//!
//! A signature that this party has verified before is not verified again: the same votes come with many messages.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use wire::message::Votes;
use wire::{
    Body, Closing, DealingDigest, Envelope, Grievance, Lock, MAX_PARTIES, MessageDigest, MessageKind, RoundId, Sealed,
    Seq, Set, SetDigest, Until, Vote,
};

use super::MAX_ATTEMPTS;
use super::board::Board;
use super::ledger::Ledger;
use super::rule::Rule;
use super::terms::Terms;

/// Why a statement is none.
pub(super) type Refusal = &'static str;

/// What is known, for judging what is claimed.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) terms: &'a Terms,
    pub(super) ledger: &'a Ledger,
    pub(super) board: &'a Board,
}

impl Judge<'_> {
    /// Whether the set could be certified at all: parties of the right roles, strictly increasing, |S| ≥ μ, |Q| ≥ h.
    pub(super) fn set(&self, set: &Set) -> Result<(), Refusal> {
        let terms = self.terms;
        if terms.keeps(Rule::DistinctDealers) && !strictly_increasing(set.dealings.iter().map(|d| d.dealer)) {
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

    /// Receipts on one dealing.
    pub(super) fn receipts(&self, dealer: u16, dealing: DealingDigest, votes: &Votes) -> Result<(), Refusal> {
        if !strictly_increasing(votes.iter().map(|v| v.party)) {
            return Err("Receipts that are not in agreement order");
        }
        for vote in votes.iter().filter(|vote| !self.board.knows_receipt(dealer, dealing, vote)) {
            self.vote(vote, Some(dealer), &Body::Receipt { dealing })?;
        }
        Ok(())
    }

    /// For each dealing of S the Receipts of all of Q.
    pub(super) fn receipts_of(&self, set: &Set, receipts: &Seq<Votes, MAX_PARTIES>) -> Result<(), Refusal> {
        if receipts.len() != set.dealings.len() {
            return Err("a set without the Receipts of every dealing");
        }
        for (entry, votes) in set.dealings.iter().zip(receipts.iter()) {
            if !votes.iter().map(|v| v.party).eq(set.holders.iter().copied()) {
                return Err("a set without the Receipts of every holder");
            }
            self.receipts(entry.dealer, entry.dealing, votes)?;
        }
        Ok(())
    }

    /// A Close shows a lock that is one, or none. PROTOCOL 4.5: one whose lock does not verify is no Close.
    pub(super) fn close(&self, until: Until, lock: Option<&Lock>) -> Result<(), Refusal> {
        if matches!(until, Until::Attempt(attempt) if attempt == 0 || attempt > MAX_ATTEMPTS) {
            return Err("a Close of an attempt that there cannot be");
        }
        let Some(lock) = lock else { return Ok(()) };
        if lock.attempt == 0 || Until::Attempt(lock.attempt) > until {
            return Err("a Close with a lock of a later attempt");
        }
        self.set(&lock.set)?;
        if !self.terms.keeps(Rule::ProvenLock) {
            return Ok(());
        }
        let set = lock.set.digest(&self.terms.round());
        self.quorum(&lock.readys, MessageKind::Ready, lock.attempt, set)
    }

    /// The q Closes of the attempt before, in an Open. Gives the highest lock that they show.
    pub(super) fn closes<'c>(&self, attempt: u32, closes: &'c [Closing]) -> Result<Option<&'c Lock>, Refusal> {
        let before = attempt.saturating_sub(1);
        if before == 0 {
            return if closes.is_empty() { Ok(None) } else { Err("Closes of an attempt before the first") };
        }
        if !strictly_increasing(closes.iter().map(|close| close.party)) {
            return Err("Closes that repeat or are not in agreement order");
        }
        if closes.len() < usize::from(self.terms.quorum().q) {
            return Err("too few Closes of the attempt before");
        }
        for close in closes {
            if close.until < Until::Attempt(before) {
                return Err("a Close that does not reach the attempt before");
            }
            if self.carried(close).is_none() {
                return Err("a Close that its party did not sign, or without proof of its lock");
            }
        }
        Ok(closes.iter().filter_map(|close| close.lock.as_ref()).max_by_key(|lock| lock.attempt))
    }

    /// The message that an Open carries.
    pub(super) fn carried(&self, close: &Closing) -> Option<Sealed> {
        let body = Body::Close { until: close.until, lock: close.lock.clone() };
        let envelope = Envelope::carried(self.terms.round(), close.party, None, body, close.signature);
        let same = |held: &&Sealed| held.digest() == envelope.digest() && held.signature() == close.signature;
        if let Some(held) = self.ledger.all(MessageKind::Close, close.party).find(same) {
            return Some(held.clone());
        }
        let key = self.terms.key(close.party).filter(|_| self.terms.is_compute(close.party))?;
        let message = envelope.verify_by(self.terms.verify(), key).ok()?;
        self.close(close.until, close.lock.as_ref()).ok()?;
        Some(message)
    }

    /// q votes of different compute parties on one set (PROTOCOL 4.4): Readys are a lock, Accepts a certificate.
    pub(super) fn quorum(&self, votes: &Votes, kind: MessageKind, attempt: u32, set: SetDigest) -> Result<(), Refusal> {
        if votes.len() < usize::from(self.terms.quorum().q) {
            return Err("too few votes");
        }
        if !strictly_increasing(votes.iter().map(|v| v.party)) {
            return Err("votes that repeat or are not in agreement order");
        }
        let body = match kind {
            MessageKind::Ready => Body::Ready { attempt, set },
            _ => Body::Accept { attempt, set },
        };
        for vote in votes.iter() {
            let held = self.ledger.vote(kind, vote.party, attempt);
            if !held.is_some_and(|held| *held.body() == body && held.signature() == vote.signature) {
                self.vote(vote, None, &body)?;
            }
        }
        Ok(())
    }

    /// A compute party's signature on that statement.
    fn vote(&self, vote: &Vote, recipient: Option<u16>, body: &Body) -> Result<(), Refusal> {
        let terms = self.terms;
        let key = terms.key(vote.party).filter(|_| terms.is_compute(vote.party));
        let key = key.ok_or("a vote of a party that holds no shares")?;
        let digest = statement(terms, vote.party, recipient, body);
        let verify = terms.verify();
        if verify(key, &digest.0, &vote.signature) { Ok(()) } else { Err("a vote with a false signature") }
    }
}

fn statement(terms: &Terms, party: u16, recipient: Option<u16>, body: &Body) -> MessageDigest {
    wire::envelope::message_digest(&terms.round(), party, recipient, &body.encode())
}

/// What that party signed and this message carries. A vote is a signature like any other: who is shown one of its own that
/// it lacks has forgotten it (PROTOCOL 7). Nothing of it is verified here.
#[must_use]
pub fn statements_of(party: u16, round: RoundId, sender: u16, body: &Body) -> Vec<Envelope> {
    let mut found = Vec::new();
    let mut add = |votes: &Votes, recipient: Option<u16>, body: Body| {
        let vote = votes.iter().find(|vote| vote.party == party);
        found.extend(vote.map(|vote| Envelope::carried(round, party, recipient, body, vote.signature)));
    };
    match body {
        Body::Dealt { dealing, receipts } => add(receipts, Some(sender), Body::Receipt { dealing: *dealing }),
        Body::Open { set, receipts, closes, .. } => {
            add_receipts(set, receipts, &mut add);
            closes.iter().filter_map(|close| close.lock.as_ref()).for_each(|lock| add_readys(lock, &round, &mut add));
        }
        Body::Complaint { dealer, grievance: Grievance::Headers { one, other } } if *dealer == party => {
            let headers = [one, other].map(|header| {
                let body = Body::Deal { shares: header.shares.clone(), commitments: header.commitments };
                Envelope::carried(round, party, None, body, header.signature)
            });
            found.extend(headers);
        }
        Body::Close { lock: Some(lock), .. } => add_readys(lock, &round, &mut add),
        Body::Certificate { attempt, set, accepts, receipts } => {
            add(accepts, None, Body::Accept { attempt: *attempt, set: set.digest(&round) });
            add_receipts(set, receipts, &mut add);
        }
        _ => {}
    }
    found
}

fn add_receipts(set: &Set, receipts: &[Votes], add: &mut dyn FnMut(&Votes, Option<u16>, Body)) {
    for (entry, votes) in set.dealings.iter().zip(receipts) {
        add(votes, Some(entry.dealer), Body::Receipt { dealing: entry.dealing });
    }
}

fn add_readys(lock: &Lock, round: &RoundId, add: &mut dyn FnMut(&Votes, Option<u16>, Body)) {
    add(&lock.readys, None, Body::Ready { attempt: lock.attempt, set: lock.set.digest(round) });
}

/// PROTOCOL 4.8: whether these are enough Closes, forever and without a lock, for the round of `terms` to be void.
///
/// # Errors
/// In words, what is wrong with them.
pub fn check_void(terms: &Terms, proof: &Votes) -> Result<(), &'static str> {
    let (ledger, board) = (Ledger::default(), Board::default());
    let judge = Judge { terms, ledger: &ledger, board: &board };
    if !strictly_increasing(proof.iter().map(|v| v.party)) {
        return Err("its parties repeat or are not in agreement order");
    }
    for vote in proof.iter() {
        judge.vote(vote, None, &Body::Close { until: Until::Forever, lock: None })?;
    }
    let parties: BTreeSet<u16> = proof.iter().map(|v| v.party).collect();
    if terms.makes_void(&parties) { Ok(()) } else { Err("too few parties have closed it without a lock") }
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
