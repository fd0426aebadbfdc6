//! Whom a round waits for, and what a person is shown of it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wire::{Body, MessageKind};

use super::Round;
use super::board::Board;
use super::dealer::Dealer;
use super::ledger::Ledger;
use super::step::Ended;
use super::view::{Phase, View, Wait};

impl Round {
    /// What a person may be shown.
    #[must_use]
    pub fn view(&self) -> View {
        let terms = &self.terms;
        let id = |party: u16| terms.party_id(party).to_string();
        let said = |kind: MessageKind| -> Vec<(String, String)> {
            self.ledger
                .messages()
                .filter(|m| m.kind() == kind)
                .filter_map(|m| match m.body() {
                    Body::Decline { reason } | Body::Abandon { reason } => Some((id(m.sender()), plain(reason))),
                    _ => None,
                })
                .collect()
        };
        let dealt: Vec<String> = self.board.headers.keys().map(|&dealer| id(dealer)).collect();
        // Who has dealt after declining has changed its mind.
        let declined = said(MessageKind::Decline).into_iter().filter(|(party, _)| !dealt.contains(party)).collect();
        View {
            phase: self.phase(),
            attempt: self.voter.attempt(),
            waits: self.waits(&self.ledger, &self.board),
            declined,
            dealt,
            abandoned_by: said(MessageKind::Abandon),
            input_errors: match &self.dealer {
                Dealer::Asking(asking) => asking.errors.clone(),
                _ => Vec::new(),
            },
            contributors: self
                .board
                .certified
                .iter()
                .flat_map(|certified| certified.set.dealings.iter())
                .map(|entry| id(entry.dealer))
                .collect(),
            differing: self.differing.iter().map(|&party| id(party)).collect(),
            culprits: self.board.guilty.iter().map(|&(party, kind)| (id(party), kind.in_words())).collect(),
            progress: self.receiver.progress().map(|done| (done, terms.layout().chunks())),
            collect_until: self.collected(),
            give_up_at: self.give_up(),
            delivered: self.dealer.is_delivered(terms.computes()),
            void: self.void,
            ended: self.ended.clone(),
        }
    }

    fn phase(&self) -> Phase {
        match (&self.ended, &self.dealer) {
            (Some(Ended::Completed { .. }), _) => Phase::Completed,
            (Some(Ended::Abandoned { .. }), _) => Phase::Abandoned,
            (None, Dealer::Asking(_)) => Phase::Approval,
            (None, _) if self.board.certified.is_some() => Phase::Summing,
            (None, _) if self.board.headers.len() < self.terms.inputs().len() => Phase::Collecting,
            (None, _) => Phase::Agreeing,
        }
    }

    /// Whom the round waits for, the earliest step first: what comes later cannot be there yet.
    pub(super) fn waits(&self, ledger: &Ledger, board: &Board) -> Vec<Wait> {
        let terms = &self.terms;
        if self.ended.is_some() {
            return Vec::new();
        }
        let wait = |party: u16, message: MessageKind, about: Option<u16>| Wait {
            party: terms.party_id(party).into(),
            message: Some(message),
            about: about.map(|p| terms.party_id(p).into()),
        };
        let mut waits = Vec::new();
        if let Dealer::Asking(_) = self.dealer {
            waits.push(Wait { party: terms.party_id(terms.me()).into(), message: None, about: None });
        }
        if board.certified.is_some() {
            let lacking = self.receiver.waits(terms, ledger, board);
            waits.extend(lacking.into_iter().map(|(party, kind)| wait(party, kind, None)));
            if !terms.is_result(terms.me()) {
                if terms.is_compute(terms.me()) && !self.holder.is_done() {
                    waits.push(wait(terms.me(), MessageKind::Partial, None));
                }
                let silent = terms.results().iter().filter(|p| !self.outcomes.contains(p));
                waits.extend(silent.map(|&party| wait(party, MessageKind::Outcome, None)));
            }
            return waits;
        }
        let me = terms.me();
        if !terms.is_compute(me) && !terms.is_result(me) {
            // Of the other dealings, and of what the compute parties say to one another, it learns nothing.
            let missing = self.dealer.missing_receipts(terms.computes());
            waits.extend(missing.into_iter().map(|party| wait(party, MessageKind::Receipt, Some(me))));
            if waits.is_empty() {
                let silent = terms.results().iter().filter(|p| !self.outcomes.contains(p));
                waits.extend(silent.map(|&party| wait(party, MessageKind::Outcome, None)));
            }
            return waits;
        }
        for &dealer in terms.inputs().iter().filter(|&&p| p != me) {
            let committed = !terms.is_malicious() || ledger.from(MessageKind::Commitments, dealer).is_some();
            if !board.headers.contains_key(&dealer) {
                waits.push(wait(dealer, MessageKind::Deal, None));
            } else if !committed {
                waits.push(wait(dealer, MessageKind::Commitments, None));
            } else if terms.is_compute(terms.me()) && !self.holder.holds(dealer) {
                waits.push(wait(dealer, MessageKind::Share, None));
            }
        }
        let receipts = self.dealer.missing_receipts(terms.computes());
        waits.extend(receipts.into_iter().map(|party| wait(party, MessageKind::Receipt, Some(me))));
        for (&dealer, &dealing) in board.headers.iter().filter(|&(&dealer, _)| dealer != me) {
            let missing = terms.computes().iter().filter(|&&p| !board.receipted_by_all(dealer, dealing, &[p]));
            waits.extend(missing.map(|&party| wait(party, MessageKind::Receipt, Some(dealer))));
        }
        if waits.is_empty() {
            let votes = if terms.is_compute(me) { self.voter.waits(terms, ledger) } else { Vec::new() };
            waits.extend(votes.into_iter().map(|(party, kind)| wait(party, kind, None)));
        }
        if waits.is_empty() {
            waits.push(wait(terms.leader(self.voter.attempt()), MessageKind::Certificate, None));
        }
        waits
    }
}

/// A peer's words, safe to show: what could rewrite a terminal or turn the reading direction becomes a space.
pub(super) fn plain(text: &str) -> String {
    let forges = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
    };
    text.chars().map(|c| if forges(c) { ' ' } else { c }).collect()
}
