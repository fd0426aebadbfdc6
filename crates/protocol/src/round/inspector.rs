//! What is proven about parties of a malicious round: commitments that are good or not, complaints, contradictions
//! (PROTOCOL 5.2, 5.4).
//!
//! A fault that anybody can see is found here once, kept as a [`Dossier`], and named. Evidence against a dealer travels like a
//! certificate: who holds it gives that dealer no Receipt any more.
//!
//! Attacker: dealers and accusers that sign anything. What is signed is judged under what the dealer has signed, never
//! under what somebody says about it, so an honest party is never named.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use wire::dossier::{Claim, Dossier, FaultKind};
use wire::{Body, DealingDigest, Envelope, Grievance, MessageKind, Sealed, SignedHeader};

use super::board::dealing_digest;
use super::context::Context;
use super::job::Job;
use super::step::{Action, Note};
use super::terms::Terms;

/// Where the commitments of one dealer stand.
enum Check {
    /// Those of that dealing are being checked.
    Running(DealingDigest),
    Done,
}

/// What was looked at.
#[derive(Default)]
pub(super) struct Inspector {
    checks: BTreeMap<u16, Check>,
    /// Complaints that were judged, or are being: accuser, dealer, and whether it is about headers.
    judged: BTreeSet<(u16, u16, bool)>,
    /// How many of them are being.
    judging: usize,
}

impl Inspector {
    /// Looks at what came in.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        if !terms.is_malicious() {
            return;
        }
        if context.board.certified.is_none() && (terms.is_compute(terms.me()) || terms.is_result(terms.me())) {
            self.check(context);
        }
        self.judge(context);
    }

    fn check(&mut self, context: &mut Context<'_>) {
        let me = context.terms.me();
        let dealings: Vec<(u16, DealingDigest)> = context.board.headers.iter().map(|(&d, &h)| (d, h)).collect();
        for (dealer, dealing) in dealings {
            let Some(commitments) = context.ledger.from(MessageKind::Commitments, dealer).cloned() else { continue };
            if self.checks.contains_key(&dealer) {
                continue;
            }
            // Its own it has checked before it dealt, and what it has receipted before that.
            if dealer == me || context.board.receipted_by_all(dealer, dealing, &[me]) {
                self.checks.insert(dealer, Check::Done);
                context.board.good.insert(dealer);
                continue;
            }
            self.checks.insert(dealer, Check::Running(dealing));
            let seed = context.seed();
            context.run(Job::Check { commitments, seed });
        }
    }

    /// Commitments were checked.
    pub(super) fn checked(
        &mut self,
        context: &mut Context<'_>,
        dealer: u16,
        checked: Result<(), alloc::string::String>,
    ) {
        let checks = self.checks.insert(dealer, Check::Done);
        // The header that was certified may have come in the place of the one whose Commitments were checked.
        if !matches!(checks, Some(Check::Running(of)) if holds_header(context, dealer, of)) {
            return;
        }
        match checked {
            Ok(()) => {
                context.board.good.insert(dealer);
            }
            Err(reason) => {
                context.fault(dealer, Some(MessageKind::Commitments), &reason);
                let messages = dealing(context, dealer);
                convict(context, dealer, FaultKind::BadCommitments, &messages);
            }
        }
    }

    /// Looks at what others hold against dealers.
    pub(super) fn judge(&mut self, context: &mut Context<'_>) {
        if !context.terms.is_malicious() {
            return;
        }
        let complaints: Vec<Sealed> =
            context.ledger.messages().filter(|message| message.kind() == MessageKind::Complaint).cloned().collect();
        for complaint in complaints {
            let Body::Complaint { dealer, grievance } = complaint.body() else { continue };
            if let Grievance::Cell { dealing, .. } = grievance {
                accuses_after_receipt(context, &complaint, *dealer, *dealing);
            }
            let case = (complaint.sender(), *dealer, matches!(grievance, Grievance::Headers { .. }));
            // Whoever has complained for nothing once is not looked at again.
            let idle = context.board.guilty.contains(&(complaint.sender(), FaultKind::FalseComplaint));
            if self.judged.contains(&case) || (idle && !case.2) {
                continue;
            }
            match grievance {
                Grievance::Headers { one, other } => {
                    // It was admitted, so both are the dealer's.
                    self.judged.insert(case);
                    let headers = [one, other].map(|header| carried(context.terms, *dealer, header));
                    let headers = headers.into_iter().filter_map(|header| verified(context.terms, header));
                    let headers: Vec<Sealed> = headers.collect();
                    convict(context, *dealer, FaultKind::Equivocation, &headers);
                }
                Grievance::Cell { dealing: of, .. } => {
                    let Some((root, commitments)) = subject(context, &complaint, *dealer, *of) else { continue };
                    self.judged.insert(case);
                    self.judging += 1;
                    context.run(Job::Judge { complaint: complaint.clone(), root, commitments });
                }
            }
        }
    }

    /// Whether a job looks for what somebody may be named for.
    pub(super) fn is_busy(&self) -> bool {
        self.judging > 0 || self.checks.values().any(|check| matches!(check, Check::Running(_)))
    }

    /// A complaint about a cell was judged.
    pub(super) fn found(&mut self, context: &mut Context<'_>, accuser: u16, dealer: u16, holds: bool) {
        self.judging = self.judging.saturating_sub(1);
        let Some(complaint) = context.ledger.complaint(accuser, dealer).cloned() else { return };
        let Body::Complaint { grievance: Grievance::Cell { dealing: of, .. }, .. } = complaint.body() else { return };
        if !holds_header(context, dealer, *of) {
            return;
        }
        let mut messages = dealing(context, dealer);
        messages.push(complaint);
        if holds {
            context.fault(dealer, Some(MessageKind::Share), "a share that is not what it has committed to");
            convict(context, dealer, FaultKind::BadShare, &messages);
        } else {
            context.fault(accuser, Some(MessageKind::Complaint), "a complaint about a cell that is good");
            convict(context, accuser, FaultKind::FalseComplaint, &messages);
        }
    }
}

/// Names a party, once for each kind of fault, and keeps why.
pub(super) fn convict(context: &mut Context<'_>, culprit: u16, kind: FaultKind, messages: &[Sealed]) {
    let dossier = about(context.terms, Claim::Fault { culprit, kind }, messages);
    prove(context, culprit, kind, &dossier);
}

/// As [`convict`], with the whole dossier.
pub(super) fn prove(context: &mut Context<'_>, culprit: u16, kind: FaultKind, dossier: &Dossier) {
    if context.board.guilty.insert((culprit, kind)) {
        context.note(Note::Proven { culprit, kind });
        context.step.actions.push(Action::Keep { culprit, kind, dossier: dossier.encode() });
    }
}

/// A claim about this round.
pub(super) fn about(terms: &Terms, claim: Claim, messages: &[Sealed]) -> Dossier {
    let messages = messages.iter().filter_map(|message| message.bytes().to_vec().try_into().ok());
    Dossier {
        agreement: terms.agreement().0,
        computation: terms.computation().id.as_str().try_into().unwrap_or_else(|_| wire::Text::truncated("")),
        period: terms.period().try_into().unwrap_or_else(|_| wire::Text::truncated("")),
        voided: terms.voided(),
        claim,
        certificate: None,
        messages: messages.collect::<Vec<_>>().try_into().unwrap_or_default(),
        partials: wire::Seq::default(),
    }
}

/// Whoever signed two things where one may be said is named in either kind of round (PROTOCOL 3). Two headers of one dealer
/// concern everybody.
pub(super) fn contradicts(context: &mut Context<'_>, held: &Sealed, message: &Sealed) {
    let culprit = message.sender();
    if !is_evidence(context.terms, message) {
        return;
    }
    let known = context.board.is_guilty(culprit);
    convict(context, culprit, FaultKind::Equivocation, &[held.clone(), message.clone()]);
    if let (Some(one), Some(other)) = (header(held), header(message))
        && context.terms.is_malicious()
        && !known
    {
        context.publish(None, Body::Complaint { dealer: culprit, grievance: Grievance::Headers { one, other } });
    }
}

/// Whether two of a kind are kept as evidence. Two Shares would show their secrets; two Outcomes, and two Partials without
/// blindings, what can be a hash of the total or of a part of it: these are noted.
pub(super) fn is_evidence(terms: &Terms, message: &Sealed) -> bool {
    match message.kind() {
        MessageKind::Share | MessageKind::Outcome => false,
        MessageKind::Partial => terms.is_malicious(),
        _ => true,
    }
}

/// What a complaint of that kind needs to be admitted: two headers that the dealer has signed, not one.
pub(super) fn shows_two_headers(terms: &Terms, dealer: u16, one: &SignedHeader, other: &SignedHeader) -> bool {
    let [one, other] = [one, other].map(|header| verified(terms, carried(terms, dealer, header)));
    matches!((one, other), (Some(one), Some(other)) if one.digest() != other.digest())
}

fn header(message: &Sealed) -> Option<SignedHeader> {
    let Body::Deal { shares, commitments } = message.body() else { return None };
    Some(SignedHeader { shares: shares.clone(), commitments: *commitments, signature: message.signature() })
}

fn carried(terms: &Terms, dealer: u16, header: &SignedHeader) -> Envelope {
    let body = Body::Deal { shares: header.shares.clone(), commitments: header.commitments };
    Envelope::carried(terms.round(), dealer, None, body, header.signature)
}

fn verified(terms: &Terms, envelope: Envelope) -> Option<Sealed> {
    let key = terms.key(envelope.sender())?;
    envelope.verify_by(terms.verify(), key).ok()
}

/// Header and Commitments of a dealer.
pub(super) fn dealing(context: &Context<'_>, dealer: u16) -> Vec<Sealed> {
    let kinds = [MessageKind::Deal, MessageKind::Commitments];
    kinds.into_iter().filter_map(|kind| context.ledger.from(kind, dealer).cloned()).collect()
}

/// Whether the header of that dealer which is held here is that of this dealing.
fn holds_header(context: &Context<'_>, dealer: u16, dealing: DealingDigest) -> bool {
    context.ledger.from(MessageKind::Deal, dealer).is_some_and(|header| dealing_digest(header) == dealing)
}

/// What a complaint about a cell is judged by: the root of the accuser's share, and the dealer's commitments.
fn subject(context: &Context<'_>, complaint: &Sealed, dealer: u16, of: DealingDigest) -> Option<([u8; 32], Sealed)> {
    let header = context.ledger.from(MessageKind::Deal, dealer).filter(|header| dealing_digest(header) == of)?;
    let commitments = context.ledger.from(MessageKind::Commitments, dealer)?;
    let seat = context.terms.seat(complaint.sender())?;
    let Body::Deal { shares, .. } = header.body() else { return None };
    Some((*shares.get(usize::from(seat))?, commitments.clone()))
}

/// PROTOCOL 5.4: an accuser that had receipted that D_i is a culprit, whatever the cell is.
fn accuses_after_receipt(context: &mut Context<'_>, complaint: &Sealed, dealer: u16, of: DealingDigest) {
    let accuser = complaint.sender();
    if context.board.guilty.contains(&(accuser, FaultKind::ReceiptedComplaint)) {
        return;
    }
    let receipts = context.board.votes_for(dealer, of);
    let Some(vote) = receipts.iter().find(|vote| vote.party == accuser) else { return };
    let body = Body::Receipt { dealing: of };
    let receipt = Envelope::carried(context.terms.round(), accuser, Some(dealer), body, vote.signature);
    let Some(receipt) = verified(context.terms, receipt) else { return };
    context.fault(accuser, Some(MessageKind::Complaint), "a complaint about a dealing that it had receipted");
    convict(context, accuser, FaultKind::ReceiptedComplaint, &[receipt, complaint.clone()]);
}
