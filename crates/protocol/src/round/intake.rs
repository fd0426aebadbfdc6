//! What comes from peers: parsed, verified, admitted, kept, and put among the facts (PROTOCOL 1.3, 3).
//!
//! An attacker holds keys of other parties and links of its own. A fault names the signer for what was signed, and the
//! link's peer for what was passed on: so an honest party is never named.

use alloc::string::ToString;

use wire::{Body, Envelope, MessageKind, Sealed};

use super::Round;
use super::board::{Board, dealing_digest};
use super::context::Context;
use super::ledger::Taken;
use super::receiver::Trouble;
use super::step::{Action, Change, Note};
use super::voter;

impl Round {
    /// Judges an envelope. A refused one leaves a note and changes nothing.
    pub(super) fn message(&mut self, context: &mut Context<'_>, from: u16, bytes: &[u8]) {
        if self.closed {
            // Nothing follows from it any more, and what is taken in would have to be kept.
            return;
        }
        let terms = context.terms;
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) if envelope.round() == terms.round() => envelope,
            Ok(_) => return context.fault(from, None, "a message of another round"),
            Err(error) => return forged(context, from, None, &error.to_string()),
        };
        let (sender, kind) = (envelope.sender(), envelope.body().kind());
        // PROTOCOL 1.3: what is about one recipient comes from its author and from nobody else.
        if matches!(kind, MessageKind::Share | MessageKind::Partial) && sender != from {
            return context.fault(from, Some(kind), "a message that only its author may send");
        }
        let Some(key) = terms.key(sender) else {
            return forged(context, from, Some(kind), "a message of nobody");
        };
        let message = match envelope.verify(key) {
            Ok(message) => message,
            // Whoever relayed it did not check it.
            Err(error) => return forged(context, from, Some(kind), &error.to_string()),
        };
        if sender == terms.me() {
            // Relayed back to us. Messages of our own that we lack come with resuming.
            return;
        }
        // What a party signed is its own doing. Where a sound message went is the doing of whoever sent it on.
        if let Err(reason) = self.admit(&message) {
            return context.fault(sender, Some(kind), reason);
        }
        if !terms.concerns(message.body(), message.recipient(), terms.me()) {
            return context.fault(from, Some(kind), "a message that is not for this party");
        }
        self.take_in(context, message);
    }

    /// Whether its sender may say such a thing at all. What is refused here takes no slot and is not kept, so what a
    /// peer can make this party hold does not grow with the attempts that it invents.
    fn admit(&self, message: &Sealed) -> Result<(), &'static str> {
        let terms = &self.terms;
        let (body, sender) = (message.body(), message.sender());
        let addressed = matches!(body, Body::Share { .. } | Body::Receipt { .. });
        if !terms.may_say(body, sender) {
            return Err("a message that is not for its sender to send");
        }
        // A vote that was signed for one recipient would not verify in a certificate.
        if message.recipient().is_some() != addressed {
            return Err("a message with a recipient where there is none, or without one where there is");
        }
        match body {
            Body::Open { attempt, .. }
            | Body::Ready { attempt, .. }
            | Body::Accept { attempt, .. }
            | Body::Certificate { attempt, .. }
                if *attempt != self.voter.attempt() =>
            {
                Err("another attempt than the first, which this version does not make")
            }
            Body::Open { .. } if sender != terms.leader(self.voter.attempt()) => {
                Err("an Open of a party that does not lead this attempt")
            }
            Body::Propose { computation, period, voided }
                if **computation != *terms.computation().id
                    || **period != *terms.period()
                    || *voided != terms.voided() =>
            {
                Err("a proposal of something else under this round's id")
            }
            Body::Deal { shares } if shares.len() != terms.computes().len() => {
                Err("a header with another number of shares than compute parties")
            }
            _ => Ok(()),
        }
    }

    pub(super) fn take_in(&mut self, context: &mut Context<'_>, message: Sealed) {
        if message.kind() == MessageKind::Share && !self.holder.takes_shares() {
            // PROTOCOL 4.6: shares were erased. One that comes again does not come back to disk.
            return;
        }
        match context.ledger.take(&message) {
            Taken::Known => {}
            Taken::New => {
                // What an Outcome is worth is known once there is one here too: see `compare`.
                if message.kind() != MessageKind::Outcome {
                    context.note(Note::Received(message.clone()));
                }
                context.change(Change::Message(message.clone()));
                context.inbox.push_back(message);
            }
            Taken::Conflict => {
                let kind = message.kind();
                // Both stay: the two together are the evidence.
                context.change(Change::Message(message.clone()));
                context.fault(message.sender(), Some(kind), "equivocation: it had said something else");
                // PROTOCOL 4.7: two different Partials of one sender; semi-honest, the result is withheld.
                // Without a certificate there is no sum that a Partial could be of.
                let counts =
                    context.board.certified.as_ref().is_some_and(|c| c.set.holders.contains(&message.sender()));
                if kind == MessageKind::Partial && counts && self.ended.is_none() {
                    let sender = context.terms.party_id(message.sender());
                    self.withhold(
                        context,
                        Trouble::Peers(alloc::format!("{sender} announced two different partial sums")),
                    );
                }
            }
        }
    }

    /// Puts a verified message among the facts. The components act on facts alone.
    pub(super) fn apply(&mut self, context: &mut Context<'_>, message: &Sealed) {
        let terms = context.terms;
        let sender = message.sender();
        let refused = match message.body() {
            Body::Deal { .. } => {
                // PROTOCOL 4.1: a compute party receipts none but the first header it saw.
                context.board.headers.entry(sender).or_insert_with(|| dealing_digest(message));
                Ok(())
            }
            Body::Receipt { dealing } => {
                if let Some(dealer) = message.recipient() {
                    context.board.receipted(dealer, *dealing, sender, message.signature());
                    if dealer == terms.me() {
                        self.dealer.receipt(context, message, *dealing);
                    }
                }
                Ok(())
            }
            Body::Dealt { dealing, receipts } => context.board.take_receipts(terms, sender, *dealing, receipts),
            Body::Certificate { attempt, set, accepts } if context.board.certified.is_none() => {
                match Board::check_certificate(terms, *attempt, set, accepts) {
                    Ok(certified) => {
                        voter::adopt(context, certified);
                        Ok(())
                    }
                    Err(reason) => Err(reason),
                }
            }
            Body::Outcome { .. } => {
                self.outcomes.insert(sender);
                Ok(())
            }
            Body::Propose { .. }
            | Body::Share { .. }
            | Body::Open { .. }
            | Body::Ready { .. }
            | Body::Accept { .. }
            | Body::Certificate { .. }
            | Body::Partial { .. }
            | Body::Decline { .. }
            | Body::Abandon { .. } => Ok(()),
        };
        if let Err(reason) = refused {
            context.fault(sender, Some(message.kind()), reason);
        }
    }
}

/// What no honest node sends: its link goes, and with it the means to send more of the like.
fn forged(context: &mut Context<'_>, from: u16, kind: Option<MessageKind>, reason: &str) {
    context.fault(from, kind, reason);
    context.step.actions.push(Action::Cut { peer: from, reason: "it sent what no honest node sends" });
}
