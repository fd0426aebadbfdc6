//! How a round ends: completed, given up, void, or with this party abstaining (PROTOCOL 4.6 to 4.8, 7).

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wire::{Body, MessageKind, Sealed, Until};

use super::context::Context;
use super::dealer::Dealer;
use super::ledger::Ledger;
use super::receiver::{Receiver, Trouble};
use super::step::{Action, Change, Ended, Millis, Note};
use super::terms::Terms;
use super::{Round, waits};

/// Why a party abstains that was shown what it has forgotten.
pub(super) const SHOWN: &str =
    "this node was shown messages that it has signed and does not know: its data is an older copy";
/// Why a party abstains whose data was an older copy when a malicious round was open: a liar would not show it.
pub(super) const HIDDEN: &str = "the data of this node was put back from an older copy while this round was open: what it has \
    forgotten of it may be hidden from it, so it signs nothing more here";

/// How the reason of a party begins that gave up because others did.
const CANNOT_END: &str = "the round cannot end any more";

impl Round {
    /// PROTOCOL 4.8: who sees n − q + 1 Closes of ∞ abandons too, for the round cannot end; and enough of them without a
    /// lock prove that nothing of it has opened or can.
    ///
    /// Not while it is looked into who is to be named (PROTOCOL 5.4): a round that is over looks at nothing any more.
    pub(super) fn foresee(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        let forever = closed_forever(terms, context.ledger, true);
        let open = self.ended.is_none() && context.board.certified.is_none() && !self.inspector.is_busy();
        if let Some(reason) = out_of_reach(context).filter(|_| open) {
            self.abandon(context, reason);
        } else if open && forever.len() >= terms.ends_a_round() {
            let said = |party: u16| match context.ledger.from(MessageKind::Abandon, party).map(Sealed::body) {
                Some(Body::Abandon { reason }) => waits::plain(reason),
                _ => String::new(),
            };
            // Who gave up because others did says nothing new, unless nobody else is heard to say why.
            let first_hand = |party: u16| !said(party).is_empty() && !said(party).starts_with(CANNOT_END);
            let somebody = forever.iter().any(|&party| first_hand(party));
            let why = |&party: &u16| {
                let (id, reason) = (terms.party_id(party), said(party));
                let reason = reason.strip_prefix(CANNOT_END).map_or(&*reason, |reason| reason.trim_start_matches(": "));
                if reason.is_empty() || (somebody && !first_hand(party)) {
                    alloc::format!("{id} has given it up")
                } else {
                    alloc::format!("{id} has given it up ({reason})")
                }
            };
            let reasons: Vec<String> = forever.iter().map(why).collect();
            self.abandon(context, alloc::format!("{CANNOT_END}: {}", reasons.join(", ")));
        }
        if self.gave_up && !self.void && terms.makes_void(&closed_forever(terms, context.ledger, false)) {
            self.void = true;
            context.note(Note::Void);
            context.change(Change::Void);
        }
        // What proves it is handed to whoever asks.
        let heard = self.heard_out().is_none_or(|at| context.now >= at) && !self.inspector.is_busy();
        self.closed |= self.void && heard;
    }

    /// What a party without the result role has to do is done when every result party has the result.
    pub(super) fn close(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        if self.closed || !terms.results().iter().all(|p| self.outcomes.contains(p)) {
            return;
        }
        // Nobody ends a round because a peer says so: a compute party does its own part first.
        let done = !terms.is_compute(terms.me()) || (context.board.certified.is_some() && self.holder.is_done());
        if self.ended.is_none() && !terms.is_result(terms.me()) && done {
            self.end(context, Ended::Completed { result: None });
        }
        if self.ended.is_some() {
            // PROTOCOL 4.6: it keeps Partial and certificate until all result parties confirm.
            self.closed = true;
            context.ledger.forget_shares();
            context.change(Change::EraseSecrets);
            context.step.actions.push(Action::EraseAll);
        }
    }

    /// PROTOCOL 4.8: by the party's own deadline, never while it holds a certificate; then at twice the time.
    pub(super) fn expire(&mut self, context: &mut Context<'_>) {
        let over = |at: Millis| context.now >= at;
        if self.closed || !over(self.give_up()) {
            return;
        }
        if self.ended.is_some() {
            if over(self.last_day()) {
                self.closed = true;
                self.forget(context);
            }
        } else if context.board.certified.is_none() || over(self.last_day()) {
            let waits: Vec<String> =
                self.waits(context.ledger, context.board).iter().map(ToString::to_string).collect();
            let times = if context.board.certified.is_some() { 2 } else { 1 };
            let after = context.terms.computation().give_up_after.as_secs() * times;
            let waits = if waits.is_empty() { "nobody".to_string() } else { waits.join(", ") };
            self.abandon(context, alloc::format!("given up after {after} s: waited for {waits}"));
            // With a certificate nothing is left that could make it void.
            self.closed = context.board.certified.is_some();
        }
    }

    /// PROTOCOL 4.7: there will be no result here. The others may still have theirs, so this party's partial sum stays
    /// until they have confirmed, or the last day is over.
    pub(super) fn withhold(&mut self, context: &mut Context<'_>, trouble: Trouble) {
        if self.ended.is_some() {
            return;
        }
        // A peer is not told what this node's system says: paths and disks are nobody else's affair.
        let (reason, told) = match trouble {
            Trouble::Peers(reason) => (reason.clone(), reason),
            Trouble::Here(reason) => (reason, "this party's node could not write its result".to_string()),
        };
        context.note(Note::Abandoned { reason: reason.clone() });
        context.publish(None, Body::Abandon { reason: wire::Text::truncated(&told) });
        self.receiver = Receiver::Withheld;
        self.end(context, Ended::Abandoned { reason });
    }

    /// PROTOCOL 4.8. A compute party signs that it votes no more, with its lock or none, unless there is a certificate.
    pub(super) fn abandon(&mut self, context: &mut Context<'_>, reason: String) {
        context.note(Note::Abandoned { reason: reason.clone() });
        context.publish(None, Body::Abandon { reason: wire::Text::truncated(&reason) });
        if context.terms.is_compute(context.terms.me()) && context.board.certified.is_none() {
            self.voter.close(context, Until::Forever);
        }
        context.inbox.clear();
        self.gave_up = true;
        self.gave_up_at = Some(context.now);
        self.forget(context);
        self.end(context, Ended::Abandoned { reason });
    }

    /// PROTOCOL 7: this party does not know what it has signed here, so it signs nothing any more, not even why.
    pub(super) fn abstain(&mut self, context: &mut Context<'_>, reason: &str) {
        self.abstains = true;
        context.change(Change::Abstains);
        if self.ended.is_none() {
            context.note(Note::Abandoned { reason: reason.into() });
            self.end(context, Ended::Abandoned { reason: reason.into() });
        }
        self.gave_up = true;
        self.forget(context);
    }

    /// Forgets every secret of the round.
    pub(super) fn forget(&mut self, context: &mut Context<'_>) {
        self.dealer = Dealer::Idle;
        self.voter.stop();
        self.holder.erase(context);
        self.receiver = Receiver::Withheld;
        context.step.actions.push(Action::EraseAll);
    }

    pub(super) fn end(&mut self, context: &mut Context<'_>, ended: Ended) {
        context.change(Change::Ended(ended.clone()));
        self.ended = Some(ended);
    }
}

/// PROTOCOL 4.8: where every compute party has to receipt a dealing, one that this party never will is in no sum. Why no
/// sum can come of the others.
fn out_of_reach(context: &Context<'_>) -> Option<String> {
    let (terms, board) = (context.terms, &*context.board);
    let (me, quorum) = (terms.me(), terms.quorum());
    if !terms.is_malicious() || !terms.is_compute(me) || quorum.h < quorum.n {
        return None;
    }
    let receipted =
        |dealer: u16| board.headers.get(&dealer).is_some_and(|&of| board.receipted_by_all(dealer, of, &[me]));
    let out: Vec<u16> =
        terms.inputs().iter().copied().filter(|&dealer| board.is_guilty(dealer) && !receipted(dealer)).collect();
    let (left, least) = (terms.inputs().len() - out.len(), usize::from(terms.computation().min_contributors));
    let deeds = |dealer: &u16| {
        let kinds = board.guilty.iter().filter(|(culprit, _)| culprit == dealer).map(|(_, kind)| kind.in_words());
        alloc::format!(
            "{} is proven to be at fault ({})",
            terms.party_id(*dealer),
            kinds.collect::<Vec<_>>().join("; ")
        )
    };
    (left < least && !out.is_empty()).then(|| {
        let deeds: Vec<String> = out.iter().map(deeds).collect();
        alloc::format!("{}, and a sum takes {least} contributors", deeds.join(", "))
    })
}

/// Compute parties that have closed the round for ever: all of them, or those that show no lock.
pub(super) fn closed_forever(terms: &Terms, ledger: &Ledger, with_locks: bool) -> BTreeSet<u16> {
    let closed = |&party: &u16| {
        let close = ledger.close(party).map(Sealed::body);
        matches!(close, Some(Body::Close { until: Until::Forever, lock }) if with_locks || lock.is_none())
    };
    terms.computes().iter().copied().filter(closed).collect()
}
