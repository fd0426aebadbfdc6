//! A round taken up again from what is on disk (PROTOCOL 6.3, 7).
//!
//! What a party has promised is what it has signed, and every signed message was stored before it was sent. So the messages
//! are read again, the components take their places by them, and what was under way is begun again: a job whose result
//! was not committed leaves nothing behind. Clocks that began with the round go on; the deadline of an attempt, which
//! costs nothing but time, begins anew.

use alloc::vec::Vec;

use rand_core::CryptoRng;
use wire::dossier::FaultKind;
use wire::{Body, MessageKind, Sealed, Signer};
use zeroize::Zeroizing;

use super::Round;
use super::board::dealing_digest;
use super::context::Context;
use super::dealer::Dealer;
use super::ending::{HIDDEN, SHOWN};
use super::holder::Holder;
use super::inspector;
use super::intake::{hides_lock, is_certified_header};
use super::ledger::Taken;
use super::receiver::Receiver;
use super::step::{Action, Change, Ended, Millis, Note, SecretName, Step};
use super::terms::Terms;

/// What the owner of a round has kept of it.
pub struct Saved {
    /// When this party joined it, on a clock that goes on over restarts.
    pub started: Millis,
    /// Every message of [`super::Change::Message`], in the order in which they were stored, and of the Shares those that
    /// were not erased.
    pub messages: Vec<Sealed>,
    /// Every secret that was not erased, but for Shares.
    pub secrets: Vec<(SecretName, Zeroizing<Vec<u8>>)>,
    /// How it ended, if it has.
    pub ended: Option<Ended>,
    /// It is proven void.
    pub void: bool,
    /// This party signs nothing in it any more.
    pub abstains: bool,
}

impl Round {
    /// Takes a round up again. Its links are down: whoever owns it tells it of those that come up.
    ///
    /// Of the bulk objects the durable ones are expected as they were committed, and no others.
    pub fn restore(
        terms: Terms,
        saved: Saved,
        now: Millis,
        rng: &mut dyn CryptoRng,
        signer: &dyn Signer,
    ) -> (Self, Step) {
        let Saved { started, messages, secrets, ended, void, abstains } = saved;
        let mut round = Self::new(terms, started);
        let replayed = round.with_facts(now, rng, signer, |round, context| round.replay(context, &messages));
        let certified = round.board.certified.is_some();
        round.gave_up = abstains || (matches!(ended, Some(Ended::Abandoned { .. })) && !certified);
        (round.ended, round.void, round.abstains) = (ended, void, abstains);
        round.closed = round.ended.is_some() && now >= round.last_day();
        // Peers may hold what ends the round well: they are heard before it is given up.
        round.heard_from = now.after(round.terms.computation().attempt_deadline);
        let mut step = round.with_context(now, rng, signer, |round, context| {
            if let Some(Ended::Completed { result }) = &mut round.ended {
                *result = released(context);
            }
            if round.ended.is_none() {
                context.note(Note::Resumed);
            }
            if round.closed {
                // Objects are erased after the commit that says so: a crash may have come between.
                context.change(Change::EraseSecrets);
                context.step.actions.push(Action::EraseAll);
            }
            if round.abstains && round.ended.is_none() {
                // It was found while the node recovered, when no round was open.
                let reason = if context.terms.is_malicious() { HIDDEN } else { SHOWN };
                return round.abstain(context, reason);
            }
            if round.gave_up {
                return round.forget(context);
            }
            round.receiver = match (released(context), &round.ended) {
                (Some(digest), _) => Receiver::Released { digest },
                (_, Some(Ended::Abandoned { .. })) => Receiver::Withheld,
                _ => Receiver::new(context.terms),
            };
            round.dealer = Dealer::restore(context, &secrets);
            round.holder = Holder::restore(context, &secrets);
        });
        // Evidence is written after the commit that tells of it: a crash may have come between.
        let again = replayed.actions.into_iter().filter(|action| matches!(action, Action::Keep { .. }));
        step.actions.extend(again);
        (round, step)
    }

    /// Reads every message as it once came in. What followed from it then is on disk already.
    fn replay(&mut self, context: &mut Context<'_>, messages: &[Sealed]) {
        let me = context.terms.me();
        for message in messages {
            match context.ledger.take(message) {
                Taken::New => {
                    if let Some(other) = hides_lock(context.ledger, message).filter(|_| message.sender() != me) {
                        let accepted = message.kind() == MessageKind::Accept;
                        let both = if accepted { [message.clone(), other] } else { [other, message.clone()] };
                        inspector::convict(context, message.sender(), FaultKind::HiddenLock, &both);
                    }
                    context.inbox.push_back(message.clone());
                }
                // Two of its own a party holds that was put back to an older copy and was shown the other one: it abstains.
                Taken::Conflict if message.sender() != me && inspector::is_evidence(context.terms, message) => {
                    let held = context.ledger.in_place_of(message).cloned();
                    let both: Vec<Sealed> = held.into_iter().chain([message.clone()]).collect();
                    inspector::convict(context, message.sender(), FaultKind::Equivocation, &both);
                }
                Taken::Conflict | Taken::Known => {}
            }
            while let Some(message) = context.inbox.pop_front() {
                self.apply(context, &message);
            }
        }
        // Headers that were certified stand in the place of others of their dealers, with the Commitments that they name.
        for header in messages {
            if !is_certified_header(context, header) {
                continue;
            }
            let dealing = dealing_digest(header);
            if context.ledger.from(MessageKind::Deal, header.sender()).map(dealing_digest) == Some(dealing) {
                continue;
            }
            context.ledger.supersede(header);
            let named = |message: &&Sealed| {
                message.sender() == header.sender()
                    && matches!(message.body(), Body::Commitments { dealing: of, .. } if *of == dealing)
            };
            if let Some(commitments) = messages.iter().find(named) {
                context.ledger.take(commitments);
            }
        }
        self.compare(context);
    }
}

/// The result that this party has told others of.
fn released(context: &Context<'_>) -> Option<[u8; 32]> {
    let mut outcomes = context.ledger.all(MessageKind::Outcome, context.terms.me());
    outcomes.find_map(|message| if let Body::Outcome { result } = message.body() { *result } else { None })
}

/// The secret of that name.
pub(super) fn secret(secrets: &[(SecretName, Zeroizing<Vec<u8>>)], name: SecretName) -> Option<&[u8]> {
    secrets.iter().find(|(known, _)| *known == name).map(|(_, bytes)| bytes.as_slice())
}
