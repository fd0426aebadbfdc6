//! The result party's part in a malicious round: whole partial sums are gathered, checked and opened (PROTOCOL 5.3).
//!
//! The commitments fix every partial sum, so a wrong one names its sender and the others go on. k good ones give the
//! result. All holders of Q are waited for, but none of them for longer than a while once k are there: with more of them
//! more liars are named, and nothing else is gained.
//!
//! Attacker: holders that lie, stop half-way, or say two things. A lie is named, and what it is told in is not used.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use wire::link::BulkKind;
use wire::{Body, MessageKind, Sealed};
use zeroize::Zeroizing;

use super::board::{Board, Certified, dealing_digest};
use super::context::Context;
use super::flow::Inflow;
use super::job::{Job, Part};
use super::ledger::Ledger;
use super::receiver::{announced, announced_digest, grace_over, lacking_receipts};
use super::rule::Rule;
use super::step::Millis;
use super::terms::Terms;

/// Partial sums on their way in.
#[derive(Default)]
pub(super) struct Gathering {
    flows: BTreeMap<u16, Inflow>,
    parts: BTreeMap<u16, Zeroizing<Vec<u8>>>,
    /// Holders that are gone on without: what they sent is not what the commitments fix, or not what they announced.
    refused: BTreeSet<u16>,
    /// When k partial sums were here.
    enough: Option<Millis>,
    /// The holders whose partial sums a job looks at.
    opening: Vec<u16>,
}

impl Gathering {
    /// Asks for what was announced, and opens what is here.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        let Some(certified) = context.board.certified.clone().filter(|_| self.opening.is_empty()) else { return };
        // PROTOCOL 4.7: checks the certificate, |S| ≥ μ and the Receipts itself.
        if !terms.is_result(terms.me()) || !lacking_receipts(context.board).is_empty() {
            return;
        }
        let holders = self.usable(context.ledger, context.board);
        for &holder in holders.iter().filter(|&&holder| holder != terms.me()) {
            let flow = self.flows.entry(holder).or_insert_with(|| Inflow::new(holder, BulkKind::Partial));
            if !self.parts.contains_key(&holder) {
                flow.grant(context);
            }
            if let Some((_, elements)) = flow.take() {
                self.parts.insert(holder, elements);
            }
        }
        let ready: Vec<u16> = holders.into_iter().filter(|holder| self.is_here(terms, *holder)).collect();
        if ready.len() < usize::from(terms.quorum().k) {
            return;
        }
        let Some(dealings) = commitments_of(terms, context.ledger, &certified) else { return };
        let enough = *self.enough.get_or_insert(context.now);
        let missing =
            certified.set.holders.iter().any(|holder| !ready.contains(holder) && !self.refused.contains(holder));
        if missing && context.now < grace_over(terms, enough) {
            return;
        }
        let part = |&holder: &u16| {
            let digest = announced_digest(context.ledger, context.board, holder)?;
            Some((holder, digest, self.parts.get(&holder).map_or(Part::Own, |part| Part::Elements(part.clone()))))
        };
        let parts = ready.iter().filter_map(part).collect();
        let seed = context.seed();
        context.run(Job::Open { dealings, parts, seed });
        self.opening = ready;
    }

    /// Holders whose partial sum may be used. PROTOCOL 4.7: of two different ones of one sender none is.
    fn usable(&self, ledger: &Ledger, board: &Board) -> Vec<u16> {
        let usable =
            |holder: &u16| !self.refused.contains(holder) && !ledger.contradicted(MessageKind::Partial, *holder);
        announced(ledger, board).into_iter().filter(usable).collect()
    }

    /// Why no total can come any more: fewer than k holders of Q are left whose partial sum may be used.
    pub(super) fn hopeless(&self, terms: &Terms, ledger: &Ledger, board: &Board) -> Option<String> {
        let certified = board.certified.as_ref().filter(|_| terms.is_result(terms.me()) && self.opening.is_empty())?;
        let useless =
            |holder: &&u16| self.refused.contains(holder) || ledger.contradicted(MessageKind::Partial, **holder);
        let out: Vec<&str> =
            certified.set.holders.iter().filter(useless).map(|&holder| terms.party_id(holder)).collect();
        let (left, k) = (certified.set.holders.len() - out.len(), usize::from(terms.quorum().k));
        let who = out.join(", ");
        (left < k).then(|| format!("a total takes {k} good partial sums, and only {left} can come: not that of {who}"))
    }

    fn is_here(&self, terms: &Terms, holder: u16) -> bool {
        holder == terms.me() || self.parts.contains_key(&holder)
    }

    /// The job came back: it goes on without these.
    pub(super) fn without(&mut self, refused: impl IntoIterator<Item = u16>) {
        self.opening.clear();
        for holder in refused {
            self.parts.remove(&holder);
            self.refused.insert(holder);
        }
    }

    /// Elements arrived. `Err` is what their sender did wrong.
    pub(super) fn chunk(
        &mut self,
        context: &Context<'_>,
        peer: u16,
        index: u64,
        elements: Zeroizing<Vec<u8>>,
    ) -> Result<(), &'static str> {
        match self.flows.get_mut(&peer) {
            Some(flow) => flow.arrive(context, index, elements),
            None => Err("elements of a partial sum that were not granted"),
        }
    }

    pub(super) fn link_up(&self, context: &mut Context<'_>, peer: u16) {
        if let Some(flow) = self.flows.get(&peer).filter(|_| !self.parts.contains_key(&peer)) {
            flow.grant_again(context);
        }
    }

    /// When it goes on without those that it waits for, if it can.
    pub(super) fn again(&self, terms: &Terms) -> Option<Millis> {
        self.enough.filter(|_| self.opening.is_empty()).map(|since| grace_over(terms, since))
    }

    /// What the result lacks: Commitments of S, then partial sums of Q.
    pub(super) fn waits(&self, terms: &Terms, ledger: &Ledger, board: &Board) -> Vec<(u16, MessageKind)> {
        let Some(certified) = &board.certified else { return Vec::new() };
        let lacking = lacking(ledger, certified).into_iter().map(|dealer| (dealer, MessageKind::Commitments));
        let usable = self.usable(ledger, board);
        let silent = certified.set.holders.iter().filter(|&&holder| {
            !(self.refused.contains(&holder) || usable.contains(&holder) && self.is_here(terms, holder))
        });
        lacking.chain(silent.map(|&holder| (holder, MessageKind::Partial))).collect()
    }
}

/// The Commitments of S, where all are here.
fn commitments_of(terms: &Terms, ledger: &Ledger, certified: &Certified) -> Option<Vec<Sealed>> {
    let any = !terms.keeps(Rule::CertifiedCommitments);
    let of = |entry: &wire::SetEntry| {
        ledger.from(MessageKind::Deal, entry.dealer).filter(|header| any || dealing_digest(header) == entry.dealing)?;
        ledger.from(MessageKind::Commitments, entry.dealer).cloned()
    };
    certified.set.dealings.iter().map(of).collect()
}

/// Dealers of S whose header or Commitments are not here.
pub(super) fn lacking(ledger: &Ledger, certified: &Certified) -> Vec<u16> {
    let lacks = |entry: &&wire::SetEntry| {
        let commitments = ledger.from(MessageKind::Commitments, entry.dealer);
        !commitments.is_some_and(|m| matches!(m.body(), Body::Commitments { dealing, .. } if *dealing == entry.dealing))
    };
    certified.set.dealings.iter().filter(lacks).map(|entry| entry.dealer).collect()
}
