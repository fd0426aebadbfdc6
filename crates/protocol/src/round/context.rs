//! What every component of a round works with while one event is handled.

use alloc::collections::VecDeque;
use alloc::string::ToString;

use rand_core::CryptoRng;
use wire::{Body, MessageKind, Sealed, Signer};
use zeroize::Zeroizing;

use super::board::Board;
use super::job::{Job, JobSeed};
use super::ledger::Ledger;
use super::step::{Action, Change, Millis, Note, Step};
use super::terms::Terms;
use super::workplace::Object;

/// The facts of the round, the arguments of the event, and the step that is being made.
pub(super) struct Context<'a> {
    pub(super) terms: &'a Terms,
    pub(super) now: Millis,
    /// When `collect_for` is over here.
    pub(super) collected: Millis,
    pub(super) rng: &'a mut dyn CryptoRng,
    pub(super) signer: &'a dyn Signer,
    pub(super) ledger: &'a mut Ledger,
    pub(super) board: &'a mut Board,
    pub(super) inbox: &'a mut VecDeque<Sealed>,
    pub(super) step: Step,
}

impl Context<'_> {
    /// Signs a message, keeps it, sends it to all whom it concerns, and hands it to this party itself.
    pub(super) fn publish(&mut self, recipient: Option<u16>, body: Body) -> Sealed {
        let message = Sealed::sign(self.terms.round(), self.terms.me(), recipient, body, self.signer);
        self.ledger.take(&message);
        // PROTOCOL 7: before any signed message is sent, that very message is stored.
        self.step.changes.push(Change::Message(message.clone()));
        self.note(Note::Sent(message.clone()));
        for to in self.terms.audience(message.body(), recipient) {
            self.step.actions.push(Action::Send { to, message: message.clone() });
        }
        self.inbox.push_back(message.clone());
        message
    }

    /// Notes that a message was refused: the like once.
    pub(super) fn fault(&mut self, culprit: u16, kind: Option<MessageKind>, reason: &str) {
        if self.board.faults.insert((culprit, kind, reason.to_string())) {
            self.note(Note::Fault { culprit, kind, reason: reason.to_string() });
        }
    }

    pub(super) fn note(&mut self, note: Note) {
        self.step.notes.push(note);
    }

    pub(super) fn change(&mut self, change: Change) {
        self.step.changes.push(change);
    }

    pub(super) fn run(&mut self, job: Job) {
        self.step.actions.push(Action::Run(job));
    }

    /// Fresh randomness for a job.
    pub(super) fn seed(&mut self) -> JobSeed {
        let mut seed = Zeroizing::new([0; 32]);
        self.rng.fill_bytes(&mut *seed);
        seed
    }

    pub(super) fn erase(&mut self, object: Object) {
        self.step.actions.push(Action::Erase(object));
    }

    /// Whether `collect_for` is over here.
    pub(super) fn collect_is_over(&self) -> bool {
        self.now >= self.collected
    }
}
