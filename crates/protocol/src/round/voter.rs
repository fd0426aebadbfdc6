//! The compute party's votes: Open, Ready, lock, Accept, Close, Certificate (PROTOCOL 4.3 to 4.5).
//!
//! An attempt is a view of a small consensus on the contributor set. What this party has promised is what it has signed,
//! and that stands in the ledger: nothing here but clocks would be missed after a crash.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use wire::{Body, Closing, Envelope, Lock, MessageKind, Sealed, Set, SetDigest, Until, Vote};

use super::board::Certified;
use super::context::Context;
use super::ledger::{Ledger, Taken};
use super::rule::Rule;
use super::step::{Action, Change, Millis, Note};
use super::terms::Terms;

/// The votes of one party.
#[derive(Default)]
pub(super) struct Voter {
    /// The attempt before the one that is on: the last that q compute parties have closed.
    closed: u32,
    /// Since when the deadline of this attempt runs.
    since: Option<Millis>,
    /// There is a certificate, or this party has given up: it votes no more.
    over: bool,
}

/// What a compute party thinks of an Open that is sound in itself.
enum Verdict {
    Support,
    /// Not before this party's own `collect_for` is over.
    Later,
    /// It leaves out dealings that this party knows to be complete. Its leader need not have known, so nobody is blamed.
    LeftOut(Vec<u16>),
}

impl Voter {
    /// The attempt that is on, from 1.
    pub(super) fn attempt(&self) -> u32 {
        self.closed.saturating_add(1)
    }

    pub(super) fn stop(&mut self) {
        self.over = true;
    }

    /// When this attempt is closed here, unless it succeeds.
    pub(super) fn due(&self, terms: &Terms, ledger: &Ledger) -> Option<Millis> {
        let open = !self.over && self.is_open(terms, ledger);
        self.since.filter(|_| open).map(|since| since.after(terms.attempt_lasts(self.attempt())))
    }

    /// Whether there is an attempt on, and this party has not closed it.
    fn is_open(&self, terms: &Terms, ledger: &Ledger) -> bool {
        let attempt = self.attempt();
        attempt <= super::MAX_ATTEMPTS && ledger.closed_until(terms.me()) < Some(Until::Attempt(attempt))
    }

    /// Does what the facts allow.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        if context.board.certified.is_some() {
            self.over = true;
        }
        if self.over || !context.terms.is_compute(context.terms.me()) {
            return;
        }
        self.turn(context);
        self.catch_up(context);
        if self.is_open(context.terms, context.ledger) {
            self.open(context);
            self.ready(context);
        }
        if self.is_open(context.terms, context.ledger) {
            self.accept(context);
        }
        self.certify(context);
        if self.due(context.terms, context.ledger).is_some_and(|due| context.now >= due) && !self.over {
            self.close(context, Until::Attempt(self.attempt()));
        }
    }

    /// PROTOCOL 4.5: attempt a + 1 needs q Closes of a; one of a later attempt counts, of ∞ too.
    fn turn(&mut self, context: &Context<'_>) {
        let terms = context.terms;
        let q = usize::from(terms.quorum().q);
        let mut closes: Vec<Until> = terms.computes().iter().filter_map(|&p| context.ledger.closed_until(p)).collect();
        closes.sort_unstable_by(|a, b| b.cmp(a));
        // Where q are closed for ever the round has ended: see `Round::foresee`.
        if let Some(Until::Attempt(closed)) = closes.get(q - 1).copied()
            && closed > self.closed
        {
            self.closed = closed;
            self.since = Some(context.now);
        }
        // The deadline runs from the moment the party could itself have opened (a > 1: from holding the Closes).
        if self.since.is_none() && self.could_open(context).is_some() {
            self.since = Some(context.now);
        }
    }

    /// PROTOCOL 4.5: closes what t + 1 others have closed, of whom one is honest. Closes of ∞ are no reason.
    fn catch_up(&self, context: &mut Context<'_>) {
        let terms = context.terms;
        let ledger = &*context.ledger;
        let latest = |p: u16| {
            ledger.all(MessageKind::Close, p).rev().find_map(|message| match message.body() {
                Body::Close { until: Until::Attempt(attempt), .. } => Some(*attempt),
                _ => None,
            })
        };
        let mut closes: Vec<u32> = terms.computes().iter().filter_map(|&p| latest(p)).collect();
        closes.sort_unstable_by(|a, b| b.cmp(a));
        let Some(&others) = closes.get(usize::from(terms.quorum().t)) else { return };
        if others >= self.attempt() && ledger.closed_until(terms.me()) < Some(Until::Attempt(others)) {
            self.close(context, Until::Attempt(others));
        }
    }

    /// PROTOCOL 4.3: the set that this party would open, once all input parties' dealings are receipted by all, or
    /// collect_for is over and μ are by h.
    fn could_open(&self, context: &Context<'_>) -> Option<Set> {
        let terms = context.terms;
        let all = context.board.complete(terms, terms.computes()).len() == terms.inputs().len();
        if all || context.collect_is_over() || !terms.keeps(Rule::CollectFirst) {
            context.board.best_set(terms)
        } else {
            None
        }
    }

    fn open(&self, context: &mut Context<'_>) {
        let terms = context.terms;
        let attempt = self.attempt();
        if terms.leader(attempt) != terms.me() || context.ledger.vote(MessageKind::Open, terms.me(), attempt).is_some()
        {
            return;
        }
        let closes: Vec<Closing> = if attempt == 1 {
            Vec::new()
        } else {
            let carries = |&party: &u16| {
                let message = context.ledger.close(party)?;
                let Body::Close { until, lock } = message.body().clone() else { return None };
                (until >= Until::Attempt(self.closed)).then(|| Closing {
                    party,
                    until,
                    lock,
                    signature: message.signature(),
                })
            };
            terms.computes().iter().filter_map(carries).collect()
        };
        let locked = closes.iter().filter_map(|close| close.lock.as_ref()).max_by_key(|lock| lock.attempt);
        let Some(set) = locked.map_or_else(|| self.could_open(context), |lock| Some(lock.set.clone())) else { return };
        let receipts = context.board.receipts_of(&set);
        let receipts =
            if locked.is_some() { receipts.unwrap_or_default() } else { receipts.expect("they make the set") };
        let Ok(closes) = closes.try_into() else { return };
        context.publish(None, Body::Open { attempt, set, receipts, closes });
    }

    fn ready(&self, context: &mut Context<'_>) {
        let terms = context.terms;
        let attempt = self.attempt();
        if context.ledger.vote(MessageKind::Ready, terms.me(), attempt).is_some() {
            return;
        }
        let leader = terms.leader(attempt);
        let Some(open) = context.ledger.vote(MessageKind::Open, leader, attempt).cloned() else { return };
        let Body::Open { set, closes, .. } = open.body() else { return };
        match judge(context, set, closes) {
            Verdict::Support => {
                // PROTOCOL 4.4: one Ready an attempt.
                context.publish(None, Body::Ready { attempt, set: set.digest(&terms.round()) });
            }
            Verdict::Later => {}
            Verdict::LeftOut(dealers) => {
                relay(context, &dealers);
                self.close(context, Until::Attempt(attempt));
            }
        }
    }

    /// PROTOCOL 4.4: q Readys on one (a, S, Q) are a lock: it is persisted, then Accept is signed. The Readys and the
    /// Open are the lock, and each was stored when it came.
    fn accept(&self, context: &mut Context<'_>) {
        let attempt = self.attempt();
        if context.ledger.vote(MessageKind::Accept, context.terms.me(), attempt).is_some() {
            return;
        }
        let locked = majority(context.terms, context.ledger, MessageKind::Ready, attempt);
        let own = || subject(context.ledger.vote(MessageKind::Ready, context.terms.me(), attempt)?);
        let unlocked = if context.terms.keeps(Rule::LockBeforeAccept) { None } else { own() };
        let Some(set) = locked.or(unlocked) else { return };
        if !context.board.sets.contains_key(&set) {
            return;
        }
        context.note(Note::Locked { attempt, set });
        context.publish(None, Body::Accept { attempt, set });
    }

    /// PROTOCOL 4.4: q Accepts are the certificate, of whatever attempt.
    fn certify(&mut self, context: &mut Context<'_>) {
        for attempt in attempts(context.terms, context.ledger, MessageKind::Accept) {
            let Some(digest) = majority(context.terms, context.ledger, MessageKind::Accept, attempt) else { continue };
            let Some(set) = context.board.sets.get(&digest).cloned() else { continue };
            let accepts = votes(context.terms, context.ledger, MessageKind::Accept, attempt, digest);
            let Ok(accepts) = accepts.try_into() else { continue };
            context.board.certified = Some(Certified { attempt, set, digest, accepts });
            self.over = true;
            return;
        }
    }

    /// PROTOCOL 4.5, 4.8: signs nothing more in attempts so far, and shows the highest lock held.
    pub(super) fn close(&self, context: &mut Context<'_>, until: Until) {
        let lock = highest_lock(context, until).filter(|_| context.terms.keeps(Rule::LockInClose));
        context.publish(None, Body::Close { until, lock });
    }

    /// Compute parties whose vote is missing, by what is waited for.
    pub(super) fn waits(&self, terms: &Terms, ledger: &Ledger) -> Vec<(u16, MessageKind)> {
        let attempt = self.attempt();
        let me = terms.me();
        if self.over {
            return Vec::new();
        }
        let lacking = |has: &dyn Fn(u16) -> bool, kind: MessageKind| -> Vec<(u16, MessageKind)> {
            terms.computes().iter().filter(|&&p| !has(p)).map(|&p| (p, kind)).collect()
        };
        if ledger.closed_until(me) >= Some(Until::Attempt(attempt)) {
            let closed = |p: u16| ledger.closed_until(p) >= Some(Until::Attempt(attempt));
            return lacking(&closed, MessageKind::Close);
        }
        // A vote on another set than our own is as good as none.
        let said = |kind: MessageKind, p: u16| ledger.vote(kind, p, attempt).map(Sealed::body);
        for kind in [MessageKind::Accept, MessageKind::Ready] {
            if let Some(ours) = said(kind, me) {
                return lacking(&|p| said(kind, p) == Some(ours), kind);
            }
        }
        alloc::vec![(terms.leader(attempt), MessageKind::Open)]
    }
}

/// PROTOCOL 4.3, the second half: what a compute party supports. The Open was sound in itself when it was taken in.
fn judge(context: &Context<'_>, set: &Set, closes: &[Closing]) -> Verdict {
    let terms = context.terms;
    // Its set is the one that the highest of these locks is on.
    if closes.iter().any(|close| close.lock.is_some()) {
        return Verdict::Support;
    }
    // An Open that comes before its own collect_for is over is kept and judged then.
    let collected = context.collect_is_over() || !terms.keeps(Rule::CollectFirst);
    if set.dealings.len() != terms.inputs().len() && !collected {
        return Verdict::Later;
    }
    let has = |dealer: u16| set.dealings.iter().any(|entry| entry.dealer == dealer);
    let known = context.board.complete(terms, &set.holders).into_iter().map(|entry| entry.dealer);
    // Where all shares are needed, a dealing that this party itself holds a share of has a claim too.
    let claims = terms.is_malicious() && terms.quorum().k == terms.quorum().n;
    let receipted = |&(&dealer, &dealing): &(&u16, _)| {
        claims && context.board.receipted_by_all(dealer, dealing, &[terms.me()]) && !context.board.is_guilty(dealer)
    };
    let own = context.board.headers.iter().filter(receipted).map(|(&dealer, _)| dealer);
    let left_out: BTreeSet<u16> = known.chain(own).filter(|&dealer| !has(dealer)).collect();
    if left_out.is_empty() { Verdict::Support } else { Verdict::LeftOut(left_out.into_iter().collect()) }
}

/// Sends the other compute parties what this one knows of dealings that they may not know: the header, and every Receipt,
/// from wherever it came. Commitments are large, and no vote needs them: whoever lacks some asks for them (6.3).
fn relay(context: &mut Context<'_>, dealers: &[u16]) {
    let terms = context.terms;
    for &dealer in dealers {
        let mut known: Vec<Sealed> = context.ledger.from(MessageKind::Deal, dealer).cloned().into_iter().collect();
        if let Some(&dealing) = context.board.headers.get(&dealer) {
            let receipt = |vote: &Vote| {
                let body = Body::Receipt { dealing };
                let receipt = Envelope::carried(terms.round(), vote.party, Some(dealer), body, vote.signature);
                receipt.verify_by(terms.verify(), terms.key(vote.party)?).ok()
            };
            let receipts: Vec<Sealed> = context.board.votes_for(dealer, dealing).iter().filter_map(receipt).collect();
            for receipt in receipts.iter().filter(|receipt| context.ledger.take(receipt) != Taken::Known) {
                // Some have come inside of other messages only.
                context.step.changes.push(Change::Message(receipt.clone()));
            }
            known.extend(receipts);
        }
        for &to in terms.computes().iter().filter(|&&p| p != terms.me() && p != dealer) {
            let sends = known.iter().map(|message| Action::Send { to, message: message.clone() });
            context.step.actions.extend(sends);
        }
    }
}

/// The highest lock that this party holds in attempts so far: q Readys, and the set that they are about.
fn highest_lock(context: &Context<'_>, until: Until) -> Option<Lock> {
    let (terms, ledger) = (context.terms, &*context.ledger);
    let attempts = attempts(terms, ledger, MessageKind::Ready);
    attempts.into_iter().rev().filter(|&attempt| Until::Attempt(attempt) <= until).find_map(|attempt| {
        let digest = majority(terms, ledger, MessageKind::Ready, attempt)?;
        let set = context.board.sets.get(&digest)?.clone();
        let readys = votes(terms, ledger, MessageKind::Ready, attempt, digest).try_into().ok()?;
        Some(Lock { attempt, set, readys })
    })
}

/// The attempts in which somebody has voted.
fn attempts(terms: &Terms, ledger: &Ledger, kind: MessageKind) -> BTreeSet<u32> {
    let of = |&party: &u16| ledger.all(kind, party).collect::<Vec<_>>();
    let attempt = |message: &Sealed| match message.body() {
        Body::Ready { attempt, .. } | Body::Accept { attempt, .. } => Some(*attempt),
        _ => None,
    };
    terms.computes().iter().flat_map(of).filter_map(attempt).collect()
}

/// The set on which q different compute parties have said this in that attempt. Two sets cannot both have q where
/// 2q − n exceeds the liars; the ledger holds one vote of each sender.
fn majority(terms: &Terms, ledger: &Ledger, kind: MessageKind, attempt: u32) -> Option<SetDigest> {
    let sets: BTreeSet<SetDigest> =
        terms.computes().iter().filter_map(|&p| subject(ledger.vote(kind, p, attempt)?)).collect();
    let q = usize::from(terms.quorum().q);
    sets.into_iter().find(|&set| votes(terms, ledger, kind, attempt, set).len() >= q)
}

/// The votes on that set, in agreement order.
fn votes(terms: &Terms, ledger: &Ledger, kind: MessageKind, attempt: u32, set: SetDigest) -> Vec<Vote> {
    let vote = |&party: &u16| {
        let message = ledger.vote(kind, party, attempt).filter(|message| subject(message) == Some(set))?;
        Some(Vote { party, signature: message.signature() })
    };
    terms.computes().iter().filter_map(vote).collect()
}

fn subject(vote: &Sealed) -> Option<SetDigest> {
    match vote.body() {
        Body::Ready { set, .. } | Body::Accept { set, .. } => Some(*set),
        _ => None,
    }
}

/// Passes a certificate on: whoever holds one sends it at once, with the Receipts that it stands on (PROTOCOL 4.6).
///
/// Whoever supported its Open has them, and they are among the q that accepted.
pub(super) fn herald(context: &mut Context<'_>) {
    let Some(Certified { attempt, set, accepts, digest }) = context.board.certified.clone() else { return };
    let said = context.ledger.from(MessageKind::Certificate, context.terms.me()).is_some();
    if said || !context.terms.keeps(Rule::CertificateFirst) {
        return;
    }
    context.note(Note::Certified { attempt, digest, set: set.clone() });
    let receipts = context.board.receipts_of(&set).unwrap_or_default();
    context.publish(None, Body::Certificate { attempt, set, accepts, receipts });
}
