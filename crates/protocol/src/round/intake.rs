//! What comes from peers: parsed, verified, admitted, kept, and put among the facts (PROTOCOL 1.3, 3).
//!
//! An attacker holds keys of other parties and links of its own. A fault names the signer for what was signed, and the
//! link's peer for what was passed on: so an honest party is never named.

use alloc::string::ToString;

use wire::dossier::FaultKind;
use wire::{Body, Envelope, Grievance, MessageKind, Sealed, SetEntry, Until};

use super::board::{Certified, dealing_digest};
use super::context::Context;
use super::ending::SHOWN;
use super::inspector;
use super::ledger::{Ledger, Taken};
use super::proof::{Judge, Refusal, statements_of};
use super::receiver::Trouble;
use super::rule::Rule;
use super::step::{Action, Change, Note};
use super::{MAX_ATTEMPTS, Round};

impl Round {
    /// Judges an envelope. A refused one leaves a note and changes nothing.
    pub(super) fn message(&mut self, context: &mut Context<'_>, from: u16, bytes: &[u8]) {
        let terms = context.terms;
        let envelope = match Envelope::parse(bytes) {
            Ok(envelope) if envelope.round() == terms.round() => envelope,
            Ok(_) => return context.fault(from, None, "a message of another round"),
            Err(error) => return forged(context, from, None, &error.to_string()),
        };
        let (sender, kind) = (envelope.sender(), envelope.body().kind());
        if !self.listens_to(kind) || context.ledger.holds(envelope.digest().0, kind, sender) {
            return;
        }
        // PROTOCOL 1.3: what is about one recipient comes from its author and from nobody else.
        if matches!(kind, MessageKind::Share | MessageKind::Partial) && sender != from {
            return context.fault(from, Some(kind), "a message that only its author may send");
        }
        let Some(key) = terms.key(sender) else {
            return forged(context, from, Some(kind), "a message of nobody");
        };
        let message = match envelope.verify_by(terms.verify(), key) {
            Ok(message) => message,
            // Whoever relayed it did not check it.
            Err(error) => return forged(context, from, Some(kind), &error.to_string()),
        };
        if sender == terms.me() {
            return self.forgotten(context, from, message);
        }
        if kind == MessageKind::Commitments && context.ledger.from(MessageKind::Deal, sender).is_none() {
            // It comes again with its header: nobody is to blame for the order in which links come and go.
            return;
        }
        // What a party signed is its own doing. Where a sound message went is the doing of whoever sent it on.
        if let Err(reason) = admit(context, &message) {
            return context.fault(sender, Some(kind), reason);
        }
        if !terms.concerns(message.body(), message.recipient(), terms.me()) {
            return context.fault(from, Some(kind), "a message that is not for this party");
        }
        // PROTOCOL 7: its votes too are its signatures, wherever they stand.
        for statement in statements_of(terms.me(), terms.round(), sender, message.body()) {
            let known = context.ledger.holds(statement.digest().0, statement.body().kind(), terms.me());
            let key = terms.key(terms.me()).filter(|_| !known);
            if let Some(Ok(statement)) = key.map(|key| statement.verify_by(terms.verify(), key)) {
                self.forgotten(context, from, statement);
            }
        }
        if !self.abstains {
            self.take_in(context, message);
        }
    }

    /// Whether anything can follow from a message of that kind. What is taken in has to be kept.
    fn listens_to(&self, kind: MessageKind) -> bool {
        let about_the_end = matches!(kind, MessageKind::Close | MessageKind::Abandon | MessageKind::Complaint);
        !self.closed && !self.abstains && (!self.gave_up || about_the_end)
    }

    /// PROTOCOL 7: a party shown its own signature that it lacks has an older copy of its data. It does not know what
    /// else it has signed, so it signs nothing in this round any more.
    fn forgotten(&mut self, context: &mut Context<'_>, from: u16, message: Sealed) {
        if context.ledger.take(&message) == Taken::Known || self.abstains {
            return;
        }
        context.note(Note::Forgotten { shown_by: from, kind: message.kind() });
        if message.kind() != MessageKind::Share {
            context.change(Change::Message(message));
        }
        self.abstain(context, SHOWN);
    }

    pub(super) fn take_in(&mut self, context: &mut Context<'_>, message: Sealed) {
        if message.kind() == MessageKind::Share && !self.holder.takes_shares() {
            // PROTOCOL 4.6: shares were erased. One that comes again does not come back to disk.
            return;
        }
        if !adds(context, &message) {
            return;
        }
        let certified = is_certified_header(context, &message).then(|| message.clone());
        match context.ledger.take(&message) {
            Taken::Known => {}
            Taken::New => {
                // What an Outcome is worth is known once there is one here too: see `compare`.
                if message.kind() != MessageKind::Outcome {
                    context.note(Note::Received(message.clone()));
                }
                context.change(Change::Message(message.clone()));
                contradicts_lock(context, &message);
                context.inbox.push_back(message);
            }
            Taken::Conflict => {
                let kind = message.kind();
                // Both stay: the two together are the evidence.
                context.change(Change::Message(message.clone()));
                context.fault(message.sender(), Some(kind), "equivocation: it had said something else");
                if let Some(held) = context.ledger.in_place_of(&message).cloned() {
                    inspector::contradicts(context, &held, &message);
                }
                if let (Body::Open { attempt, set, .. }, false) = (message.body(), context.terms.keeps(Rule::FirstOpen))
                {
                    let (attempt, set) = (*attempt, set.digest(&context.terms.round()));
                    context.publish(None, Body::Ready { attempt, set });
                }
                // PROTOCOL 4.7: two different Partials of one sender; semi-honest, the result is withheld. Malicious, none of
                // them is used.
                // Without a certificate there is no sum that a Partial could be of.
                let counts =
                    context.board.certified.as_ref().is_some_and(|c| c.set.holders.contains(&message.sender()));
                if kind == MessageKind::Partial && counts && self.ended.is_none() && !context.terms.is_malicious() {
                    let sender = context.terms.party_id(message.sender());
                    self.withhold(
                        context,
                        Trouble::Peers(alloc::format!("{sender} announced two different partial sums")),
                    );
                }
            }
        }
        let held = |header: &Sealed| {
            context.ledger.from(MessageKind::Deal, header.sender()).is_some_and(|held| held.digest() == header.digest())
        };
        if let Some(header) = certified.filter(|header| !held(header)) {
            // Whoever saw another header of an equivocating dealer first needs this one to check the sum.
            context.ledger.supersede(&header);
            context.change(Change::Message(header));
        }
    }

    /// Puts a verified message among the facts: nothing is signed here. The components act on facts alone.
    pub(super) fn apply(&mut self, context: &mut Context<'_>, message: &Sealed) {
        let sender = message.sender();
        let round = context.terms.round();
        let board = &mut *context.board;
        match message.body() {
            Body::Deal { .. } => {
                // PROTOCOL 4.1: a compute party receipts none but the first header it saw.
                board.headers.entry(sender).or_insert_with(|| dealing_digest(message));
            }
            Body::Receipt { dealing } => {
                if let Some(dealer) = message.recipient() {
                    board.receipted(dealer, *dealing, sender, message.signature());
                }
            }
            Body::Dealt { dealing, receipts } => {
                receipts.iter().for_each(|vote| board.receipted(sender, *dealing, vote.party, vote.signature));
            }
            Body::Open { set, receipts, closes, .. } => {
                board.sets.insert(set.digest(&round), set.clone());
                board.all_receipted(set, receipts);
                for close in closes.iter() {
                    let judge = Judge { terms: context.terms, ledger: context.ledger, board: context.board };
                    match judge.carried(close) {
                        Some(close) if close.sender() == context.terms.me() => {
                            self.forgotten(context, sender, close);
                        }
                        Some(close) => self.take_in(context, close),
                        None => {}
                    }
                }
            }
            Body::Close { lock: Some(lock), .. } => {
                board.sets.insert(lock.set.digest(&round), lock.set.clone());
            }
            Body::Certificate { attempt, set, accepts, receipts } => {
                board.all_receipted(set, receipts);
                let digest = set.digest(&round);
                board.sets.insert(digest, set.clone());
                board.certified.get_or_insert_with(|| Certified {
                    attempt: *attempt,
                    set: set.clone(),
                    digest,
                    accepts: accepts.clone(),
                });
            }
            Body::Outcome { .. } => {
                self.outcomes.insert(sender);
            }
            Body::Propose { .. }
            | Body::Share { .. }
            | Body::Ready { .. }
            | Body::Accept { .. }
            | Body::Close { lock: None, .. }
            | Body::Partial { .. }
            | Body::Decline { .. }
            | Body::Abandon { .. }
            | Body::Commitments { .. }
            | Body::Complaint { .. } => {}
        }
    }
}

/// Whether its sender may say such a thing at all, and it stands on what it claims to stand on. What is refused here
/// takes no slot and is not kept, so what a peer can make this party hold does not grow with what it invents.
fn admit(context: &Context<'_>, message: &Sealed) -> Result<(), Refusal> {
    let terms = context.terms;
    let judge = Judge { terms, ledger: context.ledger, board: context.board };
    let (body, sender) = (message.body(), message.sender());
    let addressed = matches!(body, Body::Share { .. } | Body::Receipt { .. });
    if !terms.may_say(body, sender) {
        return Err("a message that is not for its sender to send");
    }
    // A vote that was signed for one recipient would not verify in a certificate.
    if message.recipient().is_some() != addressed {
        return Err("a message with a recipient where there is none, or without one where there is");
    }
    if attempt_of(body).is_some_and(|attempt| attempt == 0 || attempt > MAX_ATTEMPTS) {
        return Err("an attempt that there cannot be");
    }
    match body {
        Body::Propose { computation, period, voided, .. } => {
            let same =
                **computation == *terms.computation().id && **period == *terms.period() && *voided == terms.voided();
            if same { Ok(()) } else { Err("a proposal of something else under this round's id") }
        }
        Body::Deal { shares, .. } if shares.len() != terms.computes().len() => {
            Err("a header with another number of shares than compute parties")
        }
        Body::Deal { commitments, .. } if commitments.is_some() != terms.is_malicious() => {
            Err("a header with commitments where there are none, or without them where there are")
        }
        Body::Commitments { dealing, commitments, proofs } => {
            let named = context.ledger.from(MessageKind::Deal, sender).is_some_and(|header| {
                let digest = wire::message::commitments_digest(commitments, proofs);
                let named = matches!(header.body(), Body::Deal { commitments: Some(named), .. } if *named == digest);
                dealing_digest(header) == *dealing && (named || !terms.keeps(Rule::NamedCommitments))
            });
            if named { Ok(()) } else { Err("commitments that its header does not name") }
        }
        Body::Complaint { .. } if !terms.is_malicious() => Err("a complaint in a semi-honest round"),
        Body::Complaint { dealer, .. } if !terms.is_input(*dealer) => {
            Err("a complaint about a party that deals nothing")
        }
        Body::Complaint { dealer, grievance: Grievance::Headers { one, other } } => {
            let two = inspector::shows_two_headers(terms, *dealer, one, other);
            if two { Ok(()) } else { Err("a complaint about two headers that are not two of that dealer") }
        }
        Body::Dealt { dealing, receipts } => judge.receipts(sender, *dealing, receipts),
        Body::Open { attempt, .. } if sender != terms.leader(*attempt) => {
            Err("an Open of a party that does not lead this attempt")
        }
        Body::Open { attempt, set, receipts, closes } => {
            judge.set(set)?;
            // PROTOCOL 4.3: where the Closes show locks, the set is that of the highest, and nothing else is asked.
            match judge.closes(*attempt, closes)? {
                Some(lock) if lock.set != *set => Err("an Open of another set than its Closes show a lock on"),
                Some(_) if receipts.is_empty() => Ok(()),
                _ => judge.receipts_of(set, receipts),
            }
        }
        Body::Close { until, lock } => judge.close(*until, lock.as_ref()),
        Body::Certificate { attempt, set, accepts, receipts } => {
            judge.set(set)?;
            judge.quorum(accepts, MessageKind::Accept, *attempt, set.digest(&terms.round()))?;
            if receipts.is_empty() { Ok(()) } else { judge.receipts_of(set, receipts) }
        }
        _ => Ok(()),
    }
}

fn attempt_of(body: &Body) -> Option<u32> {
    match body {
        Body::Open { attempt, .. }
        | Body::Ready { attempt, .. }
        | Body::Accept { attempt, .. }
        | Body::Certificate { attempt, .. }
        | Body::Close { until: Until::Attempt(attempt), .. } => Some(*attempt),
        _ => None,
    }
}

/// Any q Accepts make a certificate, and any holder sends its own: only the first, and the first with the Receipts, say
/// anything new. Another set would be the end of the protocol's promise, and is kept for the world to see.
fn adds(context: &mut Context<'_>, message: &Sealed) -> bool {
    let (Body::Certificate { set, receipts, .. }, Some(certified)) = (message.body(), &context.board.certified) else {
        return true;
    };
    if set.digest(&context.terms.round()) != certified.digest {
        context.change(Change::Message(message.clone()));
        context.note(Note::TwoCertificates);
        return false;
    }
    !receipts.is_empty() && !context.board.has_receipts_of(set)
}

/// Whether it is the header of a dealing in the certified S.
pub(super) fn is_certified_header(context: &Context<'_>, message: &Sealed) -> bool {
    let dealings = context.board.certified.iter().flat_map(|certified| certified.set.dealings.iter());
    let named = |entry: &SetEntry| entry.dealer == message.sender() && entry.dealing == dealing_digest(message);
    let taken = message.kind() == MessageKind::Deal && context.terms.keeps(Rule::CertifiedCommitments);
    taken && dealings.into_iter().any(named)
}

/// PROTOCOL 4.5: an Accept of an attempt beside a Close of it, or of a later one, that shows no lock so high.
pub(super) fn hides_lock(ledger: &Ledger, message: &Sealed) -> Option<Sealed> {
    let sender = message.sender();
    let accepted = |m: &Sealed| if let Body::Accept { attempt, .. } = m.body() { Some(*attempt) } else { None };
    let hides = |close: &Sealed, accepted: u32| match close.body() {
        Body::Close { until, lock } => {
            *until >= Until::Attempt(accepted) && lock.as_ref().is_none_or(|lock| lock.attempt < accepted)
        }
        _ => false,
    };
    match message.kind() {
        MessageKind::Accept => {
            let attempt = accepted(message).unwrap_or(0);
            ledger.all(MessageKind::Close, sender).find(|close| hides(close, attempt)).cloned()
        }
        MessageKind::Close => {
            let hidden = |accept: &&Sealed| accepted(accept).is_some_and(|attempt| hides(message, attempt));
            ledger.all(MessageKind::Accept, sender).find(hidden).cloned()
        }
        _ => None,
    }
}

/// Whoever hides a lock is named.
fn contradicts_lock(context: &mut Context<'_>, message: &Sealed) {
    let sender = message.sender();
    if let Some(other) = hides_lock(context.ledger, message) {
        let (accept, close) =
            if message.kind() == MessageKind::Accept { (message.clone(), other) } else { (other, message.clone()) };
        inspector::convict(context, sender, FaultKind::HiddenLock, &[accept, close]);
        context.fault(
            sender,
            Some(message.kind()),
            "it accepted a set, and closed the attempt without showing its lock",
        );
    }
}

/// What no honest node sends: its link goes, and with it the means to send more of the like.
fn forged(context: &mut Context<'_>, from: u16, kind: Option<MessageKind>, reason: &str) {
    context.fault(from, kind, reason);
    context.step.actions.push(Action::Cut { peer: from, reason: "it sent what no honest node sends" });
}
