//! The compute party's votes: Open, Ready, lock, Accept, Certificate (PROTOCOL 4.3, 4.4).
//!
//! An attempt is a view of a small consensus on the contributor set. There is one attempt so far; later ones, Close and
//! the lock that a Close carries join this state when rounds survive faults.

use alloc::vec::Vec;

use wire::message::Votes;
use wire::{Body, MessageKind, Sealed, Set, SetDigest, SetEntry, Vote};

use super::board::{Board, Certified};
use super::context::Context;
use super::step::Note;
use super::terms::Terms;

/// Where this party's votes stand in the attempt.
enum Stage {
    /// No Open was supported.
    Waiting,
    /// Ready was signed for this set: one Ready an attempt.
    Ready,
    /// q Readys on this set are on disk: Accept was signed.
    Locked,
    /// There is a certificate, or this party has given up: it votes no more.
    Over,
}

/// The votes of one party.
pub(super) struct Voter {
    attempt: u32,
    stage: Stage,
    opened: bool,
    /// This attempt's Open was judged and refused for good.
    refused: bool,
}

/// What a compute party thinks of an Open.
enum Verdict {
    Support,
    /// Not before this party's own `collect_for` is over.
    Later,
    Refuse(&'static str),
    /// It leaves out a dealing that this party knows to be complete. Its leader need not have known, so nobody is blamed.
    LeftOut,
}

impl Voter {
    pub(super) fn new() -> Self {
        Self { attempt: 1, stage: Stage::Waiting, opened: false, refused: false }
    }

    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(super) fn stop(&mut self) {
        self.stage = Stage::Over;
    }

    /// Does what the facts allow.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        if context.board.certified.is_some() {
            self.stage = Stage::Over;
        }
        if !context.terms.is_compute(context.terms.me()) {
            return;
        }
        if matches!(self.stage, Stage::Waiting) {
            self.open(context);
            self.ready(context);
        }
        if matches!(self.stage, Stage::Waiting | Stage::Ready) {
            self.lock(context);
        }
        if matches!(self.stage, Stage::Locked) {
            self.certify(context);
        }
    }

    /// PROTOCOL 4.3: the leader opens when all input parties' dealings are receipted by all, or when collect_for is
    /// over and μ are by h. It makes S as large as it can.
    fn open(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        if self.opened || terms.leader(self.attempt) != terms.me() {
            return;
        }
        let holders = terms.computes();
        let dealings = complete(terms, context.board, holders);
        let all = dealings.len() == terms.inputs().len();
        let enough = dealings.len() >= usize::from(terms.computation().min_contributors);
        let may_open = all || (context.collect_is_over() && enough);
        if !may_open {
            return;
        }
        let receipts: Option<Vec<Votes>> =
            dealings.iter().map(|entry| context.board.votes_for(entry.dealer).try_into().ok()).collect();
        let (Some(receipts), Ok(dealings), Ok(holders)) = (receipts, dealings.try_into(), holders.to_vec().try_into())
        else {
            return;
        };
        let Ok(receipts) = receipts.try_into() else { return };
        self.opened = true;
        context.publish(None, Body::Open { attempt: self.attempt, set: Set { dealings, holders }, receipts });
    }

    fn ready(&mut self, context: &mut Context<'_>) {
        if self.refused {
            return;
        }
        let leader = context.terms.leader(self.attempt);
        let Some(open) = context.ledger.from(MessageKind::Open, leader) else { return };
        let Body::Open { attempt, set, receipts } = open.body().clone() else { return };
        if attempt != self.attempt {
            return;
        }
        match judge(context, &set, &receipts) {
            Verdict::Support => {
                // PROTOCOL 4.4: one Ready an attempt.
                self.stage = Stage::Ready;
                context.publish(None, Body::Ready { attempt, set: set.digest(&context.terms.round()) });
            }
            Verdict::Later => {}
            // PROTOCOL 4.3: such a party closes the attempt. Until there are later ones the round waits for its deadline.
            Verdict::LeftOut => self.refused = true,
            Verdict::Refuse(reason) => {
                self.refused = true;
                let kind = Some(MessageKind::Open);
                context.fault(leader, kind, reason);
            }
        }
    }

    /// PROTOCOL 4.4: q Readys on one (a, S, Q) are a lock: it is persisted, then Accept is signed. The Readys are the
    /// lock, and each was stored when it came.
    fn lock(&mut self, context: &mut Context<'_>) {
        let Some(set) = self.majority(context, MessageKind::Ready) else { return };
        self.stage = Stage::Locked;
        context.note(Note::Locked { attempt: self.attempt, set });
        context.publish(None, Body::Accept { attempt: self.attempt, set });
    }

    /// PROTOCOL 4.4: q Accepts are the certificate.
    fn certify(&mut self, context: &mut Context<'_>) {
        let Some(digest) = self.majority(context, MessageKind::Accept) else { return };
        let leader = context.terms.leader(self.attempt);
        let Some(Body::Open { set, .. }) = context.ledger.from(MessageKind::Open, leader).map(|m| m.body().clone())
        else {
            return;
        };
        if set.digest(&context.terms.round()) != digest {
            return;
        }
        let votes: Vec<Vote> = context
            .ledger
            .messages()
            .filter(|m| matches!(m.body(), Body::Accept { attempt, set } if *attempt == self.attempt && *set == digest))
            .map(|m| Vote { party: m.sender(), signature: m.signature() })
            .collect();
        let Ok(accepts) = votes.try_into() else { return };
        adopt(context, Certified { attempt: self.attempt, set, digest, accepts });
        self.stage = Stage::Over;
    }

    /// The set on which q different compute parties have said this in this attempt. Two sets cannot both have q where
    /// 2q − n exceeds the liars; the ledger holds one vote of each sender.
    fn majority(&self, context: &Context<'_>, kind: MessageKind) -> Option<SetDigest> {
        let votes: Vec<SetDigest> = context
            .ledger
            .messages()
            .filter(|m| m.kind() == kind && context.terms.is_compute(m.sender()))
            .filter_map(|m| match m.body() {
                Body::Ready { attempt, set } | Body::Accept { attempt, set } if *attempt == self.attempt => Some(*set),
                _ => None,
            })
            .collect();
        let q = usize::from(context.terms.quorum().q);
        votes.iter().find(|&set| votes.iter().filter(|other| *other == set).count() >= q).copied()
    }

    /// Compute parties whose Ready or Accept is missing, by what is waited for.
    pub(super) fn waits(&self, terms: &Terms, ledger: &super::ledger::Ledger) -> Vec<(u16, MessageKind)> {
        // A vote on another set than our own is as good as none.
        let vote = |kind: MessageKind, party: u16| match ledger.from(kind, party).map(Sealed::body) {
            Some(Body::Ready { set, .. } | Body::Accept { set, .. }) => Some(*set),
            _ => None,
        };
        let missing = |kind: MessageKind| {
            let ours = vote(kind, terms.me());
            let lacks = |&&p: &&u16| vote(kind, p).is_none() || vote(kind, p) != ours;
            terms.computes().iter().filter(lacks).map(|&p| (p, kind)).collect()
        };
        match self.stage {
            Stage::Waiting => alloc::vec![(terms.leader(self.attempt), MessageKind::Open)],
            Stage::Ready => missing(MessageKind::Ready),
            Stage::Locked => missing(MessageKind::Accept),
            Stage::Over => Vec::new(),
        }
    }
}

/// Takes a certificate as this party's own and passes it on: whoever holds one sends it at once (PROTOCOL 4.6).
pub(super) fn adopt(context: &mut Context<'_>, certified: Certified) {
    if context.board.certified.is_some() {
        return;
    }
    let Certified { attempt, set, digest, accepts } = certified.clone();
    context.note(Note::Certified { attempt, digest, set: set.clone() });
    context.board.certified = Some(certified);
    context.publish(None, Body::Certificate { attempt, set, accepts });
}

/// The dealings that all of `holders` have receipted, in agreement order.
fn complete(terms: &Terms, board: &Board, holders: &[u16]) -> Vec<SetEntry> {
    terms
        .inputs()
        .iter()
        .filter_map(|&dealer| {
            let dealing = *board.headers.get(&dealer)?;
            board.receipted_by_all(dealer, dealing, holders).then_some(SetEntry { dealer, dealing })
        })
        .collect()
}

/// PROTOCOL 4.3, the second half: what a compute party supports.
fn judge(context: &mut Context<'_>, set: &Set, receipts: &[Votes]) -> Verdict {
    let terms = context.terms;
    if let Err(reason) = Board::check_set(terms, set) {
        return Verdict::Refuse(reason);
    }
    if receipts.len() != set.dealings.len() {
        return Verdict::Refuse("an Open without the Receipts of every dealing");
    }
    for (entry, votes) in set.dealings.iter().zip(receipts) {
        if !votes.iter().map(|v| v.party).eq(set.holders.iter().copied()) {
            return Verdict::Refuse("an Open without the Receipts of every holder");
        }
        if let Err(reason) = context.board.take_receipts(terms, entry.dealer, entry.dealing, votes) {
            return Verdict::Refuse(reason);
        }
    }
    // An Open that comes before its own collect_for is over is kept and judged then.
    if set.dealings.len() != terms.inputs().len() && !context.collect_is_over() {
        return Verdict::Later;
    }
    let left_out = complete(terms, context.board, &set.holders)
        .iter()
        .any(|known| !set.dealings.iter().any(|entry| entry.dealer == known.dealer));
    if left_out {
        return Verdict::LeftOut;
    }
    Verdict::Support
}
