//! What others need to check a result, or a wrong partial sum, for themselves (PROTOCOL 5.3 to 5.5).

use alloc::vec;
use alloc::vec::Vec;

use wire::dossier::{CertificateProof, Claim, Dossier, FaultKind, PartialElements};
use wire::{Body, MessageKind, Sealed};

use super::board::Certified;
use super::context::Context;
use super::inspector;

/// The bundle of a result: headers and Commitments of S, Receipts, certificate, partial sums, outcome.
///
/// The outcome is signed here and sent once the result is on disk. It is the same message both times.
pub(super) fn of_result(
    context: &Context<'_>,
    certified: &Certified,
    digest: [u8; 32],
    partials: Vec<(u16, Vec<u8>)>,
) -> Option<Vec<u8>> {
    let terms = context.terms;
    let mut messages = dealings(context, certified);
    messages
        .extend(partials.iter().filter_map(|(holder, _)| context.ledger.from(MessageKind::Partial, *holder).cloned()));
    let outcome = Body::Outcome { result: Some(digest) };
    messages.push(Sealed::sign(terms.round(), terms.me(), None, outcome, context.signer));
    about_sum(context, certified, Claim::Result, &messages, partials).map(|dossier| dossier.encode())
}

/// PROTOCOL 5.3: the sender of a partial sum that is not what the commitments fix is named.
pub(super) fn convict_partial(context: &mut Context<'_>, certified: &Certified, holder: u16, elements: Vec<u8>) {
    context.fault(holder, Some(MessageKind::Partial), "a partial sum that is not what the commitments fix");
    let mut messages = dealings(context, certified);
    messages.extend(context.ledger.from(MessageKind::Partial, holder).cloned());
    let kind = FaultKind::BadPartial;
    let claim = Claim::Fault { culprit: holder, kind };
    let Some(dossier) = about_sum(context, certified, claim, &messages, vec![(holder, elements)]) else { return };
    inspector::prove(context, holder, kind, &dossier);
}

fn dealings(context: &Context<'_>, certified: &Certified) -> Vec<Sealed> {
    certified.set.dealings.iter().flat_map(|entry| inspector::dealing(context, entry.dealer)).collect()
}

fn about_sum(
    context: &Context<'_>,
    certified: &Certified,
    claim: Claim,
    messages: &[Sealed],
    partials: Vec<(u16, Vec<u8>)>,
) -> Option<Dossier> {
    let partials = partials.into_iter().map(|(holder, elements)| {
        let elements = elements.try_into().ok()?;
        Some(PartialElements { holder, elements })
    });
    let partials: Vec<PartialElements> = partials.collect::<Option<_>>()?;
    Some(Dossier {
        certificate: Some(CertificateProof {
            attempt: certified.attempt,
            set: certified.set.clone(),
            accepts: certified.accepts.clone(),
            receipts: context.board.receipts_of(&certified.set)?,
        }),
        partials: partials.try_into().ok()?,
        ..inspector::about(context.terms, claim, messages)
    })
}
