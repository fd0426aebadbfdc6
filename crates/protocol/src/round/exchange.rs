//! What goes over a link outside of the protocol's turns: inventories, resends, bulk elements (PROTOCOL 6.3, 6.4).

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::Range;

use wire::dossier::FaultKind;
use wire::link::{BulkKind, Grant, Have};
use wire::{Body, MessageKind, Sealed};

use super::Round;
use super::board::Board;
use super::context::Context;
use super::gathering::lacking;
use super::ledger::Ledger;
use super::step::{Action, Millis};
use super::workplace::Object;

/// Inventories that are answered on one link. One is sent when a link comes up, one when a party joins a round, and
/// [`MOST_REMINDERS`] while nothing is certified, as many while a dealing of S is lacking; a peer that asks again and again gets no more.
const MAX_INVENTORIES: u32 = 4 + 2 * MOST_REMINDERS;
/// Inventories that a party sends because time passes. They come at doubling intervals, so they last for longer than any
/// round.
const MOST_REMINDERS: u32 = 24;

impl Round {
    /// PROTOCOL 6.3: a link has no memory. Say that there is this round, and what we hold of it.
    pub(super) fn link_up(&mut self, context: &mut Context<'_>, peer: u16) {
        if self.closed || self.abstains {
            return;
        }
        self.sent.retain(|(to, _), _| *to != peer);
        self.inventories.remove(&peer);
        if let Some(propose) = context.ledger.from(MessageKind::Propose, context.terms.me()) {
            context.step.actions.push(Action::Send { to: peer, message: propose.clone() });
        }
        let have = inventory(context, peer);
        context.step.actions.push(Action::SendHave { to: peer, have });
        self.holder.link_up(context, peer);
        self.receiver.link_up(context, peer);
    }

    /// PROTOCOL 6.3, between compute parties whose links stay up: a dealer that is gone passes no Receipts on any more, and
    /// what it told one of them the others have to hear from that one. So they exchange again shortly before
    /// `collect_for` is over, when sets are made of what is known, and at doubling intervals until there is a certificate.
    ///
    /// A result party of a malicious round asks them in the same way for dealings of S that it has not seen.
    pub(super) fn remind(&mut self, context: &mut Context<'_>) {
        if context.board.certified.is_some() && self.certified_at.is_none() {
            (self.certified_at, self.reminders) = (Some(context.now), 0);
        }
        let before = self.reminders;
        while self.reminder(context.ledger, context.board).is_some_and(|due| context.now >= due) {
            self.reminders += 1;
        }
        if self.reminders == before {
            return;
        }
        for &to in context.terms.computes().iter().filter(|&&party| party != context.terms.me()) {
            let have = inventory(context, to);
            context.step.actions.push(Action::SendHave { to, have });
        }
    }

    /// When compute parties exchange again what they hold.
    pub(super) fn reminder(&self, ledger: &Ledger, board: &Board) -> Option<Millis> {
        let terms = &self.terms;
        if self.gave_up || self.ended.is_some() || self.reminders >= MOST_REMINDERS {
            return None;
        }
        let computation = terms.computation();
        if let Some(certified) = &board.certified {
            let lacks = terms.is_malicious() && terms.is_result(terms.me()) && !lacking(ledger, certified).is_empty();
            let wait = computation.attempt_deadline.saturating_mul((1 << self.reminders) - 1);
            return self.certified_at.filter(|_| lacks).map(|since| since.after(wait));
        }
        if !terms.is_compute(terms.me()) {
            return None;
        }
        let before = computation.attempt_deadline.min(computation.collect_for / 2);
        let first = self.started.after(computation.collect_for - before);
        let since = computation.attempt_deadline.saturating_mul((1 << self.reminders) - 1);
        Some(first.after(since))
    }

    /// Sends what the peer lacks: of what is public, and of what we ourselves addressed to it.
    pub(super) fn answer(&mut self, context: &mut Context<'_>, peer: u16, have: &Have) {
        if self.abstains {
            // PROTOCOL 7: what this copy of its data says may contradict what it has told the others since.
            return;
        }
        let answered = self.inventories.entry(peer).or_default();
        *answered += 1;
        if *answered > MAX_INVENTORIES {
            return;
        }
        let held: BTreeSet<[u8; 32]> = have.messages.iter().copied().collect();
        let me = context.terms.me();
        for message in context.ledger.messages() {
            let public = !matches!(message.kind(), MessageKind::Share | MessageKind::Partial);
            let concerns =
                context.terms.concerns(message.body(), message.recipient(), peer) && self.matters(context, message);
            // Its own messages too: a party that has lost some is to know.
            let for_peer = (concerns && !self.is_waste(context, message)) || message.sender() == peer;
            if for_peer && (public || message.sender() == me) && !held.contains(&message.digest().0) {
                context.step.actions.push(Action::Send { to: peer, message: message.clone() });
            }
        }
    }

    /// Commitments of a dealer that is known to have signed two headers, unless they are in the sum. Whoever holds the other
    /// header would refuse them, and be offered them again each time.
    fn is_waste(&self, context: &Context<'_>, message: &Sealed) -> bool {
        let Body::Commitments { dealing, .. } = message.body() else { return false };
        let certified = context.board.certified.as_ref();
        let summed = certified.is_some_and(|c| c.set.dealings.iter().any(|entry| entry.dealing == *dealing));
        !summed && context.board.guilty.contains(&(message.sender(), FaultKind::Equivocation))
    }

    /// Votes of attempts that are over help nobody: a Close brings whoever is behind to the attempt that is on, and a
    /// certificate ends them all.
    fn matters(&self, context: &Context<'_>, message: &Sealed) -> bool {
        let certified = context.board.certified.is_some();
        match message.body() {
            Body::Open { attempt, .. } | Body::Ready { attempt, .. } | Body::Accept { attempt, .. } => {
                !certified && *attempt >= self.voter.attempt()
            }
            Body::Close { until, .. } => !certified && context.ledger.closed_until(message.sender()) == Some(*until),
            Body::Certificate { .. } => message.sender() == context.terms.me(),
            _ => true,
        }
    }

    /// A peer lets us send elements: of our partial sum, or of the explicit share that we dealt it.
    pub(super) fn stream(&mut self, context: &mut Context<'_>, peer: u16, grant: &Grant) {
        let (terms, object) = (context.terms, grant.object);
        let published = context.ledger.from(MessageKind::Partial, terms.me()).is_some();
        let from = match object.kind {
            BulkKind::Partial if terms.is_result(peer) && published => Object::Partial,
            BulkKind::Share if self.dealer.keeps_share_for(terms, peer) => Object::ShareFor(peer),
            BulkKind::Partial | BulkKind::Share => return,
        };
        if object.round != terms.round() || self.closed || self.abstains {
            return;
        }
        let flow = self.sent.entry((peer, object.kind)).or_default();
        let Range { start: first, end } = flow.granted(grant, terms.layout().chunks());
        if first < end {
            context.step.actions.push(Action::Stream { to: peer, object, from, first, end });
        }
    }
}

/// What this party holds of what concerns the peer. The names of others are none of its business: an Outcome's name is
/// a hash of the total.
pub(super) fn inventory(context: &Context<'_>, peer: u16) -> Have {
    let concerns = |m: &&Sealed| m.sender() == peer || context.terms.concerns(m.body(), m.recipient(), peer);
    // What is large is named first, where not everything can be.
    let large = |m: &&Sealed| m.kind() == MessageKind::Commitments;
    let held = || context.ledger.messages().filter(concerns);
    let names = held().filter(large).chain(held().filter(|m| !large(m)));
    let names: Vec<[u8; 32]> = names.map(|m| m.digest().0).take(wire::link::MAX_INVENTORY).collect();
    Have { round: context.terms.round(), messages: names.try_into().unwrap_or_default() }
}
