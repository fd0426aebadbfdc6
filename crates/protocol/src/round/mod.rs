//! One round at one party, as a sans-IO state machine (PROTOCOL 3, 4).
//!
//! [`Round::handle`] takes an event and gives a [`Step`]: what must be on disk, what the audit log is told, and what may
//! be done after that. Whatever a peer says is judged here. An attacker is assumed to hold valid certificates and keys
//! of other parties: its messages are bounded by the ledger's slots, and a refused one changes nothing but a note.
//!
//! A party may be dealer, holder, voter and receiver at once. Each of these is a component with its own state; facts that
//! are verified stand on the board; `advance` fires what the facts allow until nothing more happens.

mod board;
mod bundle;
mod context;
mod dealer;
mod ending;
mod examine;
mod exchange;
mod flow;
mod gathering;
mod holder;
mod incoming;
mod inspector;
mod intake;
mod job;
mod ledger;
mod proof;
mod proven;
mod receiver;
mod restore;
mod rule;
mod step;
mod terms;
mod unverified;
mod view;
mod voter;
mod waits;
mod workplace;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::CryptoRng;
use wire::link::BulkKind;
use wire::message::Votes;
use wire::{Body, MessageKind, Sealed, Signer, Vote};

use self::board::Board;
pub use self::board::dealing_digest;
use self::context::Context;
use self::dealer::Dealer;
use self::ending::closed_forever;
use self::exchange::inventory;
use self::flow::Outflow;
use self::holder::Holder;
use self::inspector::Inspector;
use self::ledger::Ledger;
use self::receiver::{Receiver, Trouble};
use self::voter::Voter;
pub use examine::{NotProven, Proven, VerifiedResult, examine, examine_in};
pub use flow::WINDOW;
pub use job::{
    Arriving, CombineError, Done, Job, JobSeed, Made, Opened, Part, ShareError, StoreError, Summand, Tally, Total,
};
pub use proof::{check_void, statements_of};
pub use restore::Saved;
pub use rule::Rule;
pub use step::{Action, Approver, Change, Ended, Event, Millis, Note, SecretName, Step};
pub use terms::{Terms, TermsError};
pub use view::{Phase, View, Wait};
pub use workplace::{Cores, Finish, KEEP_PARTIALS, Object, OneCore, Workplace};

/// There are no more attempts: attempts that end before their deadlines could go on without end. Votes of a higher one are
/// of nobody honest.
pub const MAX_ATTEMPTS: u32 = 256;

/// One round at one party.
pub struct Round {
    terms: Arc<Terms>,
    started: Millis,
    ledger: Ledger,
    board: Board,
    dealer: Dealer,
    holder: Holder,
    voter: Voter,
    receiver: Receiver,
    inspector: Inspector,
    inbox: VecDeque<Sealed>,
    /// What went out over each live link of this party's bulk objects.
    sent: BTreeMap<(u16, BulkKind), Outflow>,
    inventories: BTreeMap<u16, u32>,
    /// How often compute parties were told again what is held here.
    reminders: u32,
    /// When a certificate was there.
    certified_at: Option<Millis>,
    outcomes: BTreeSet<u16>,
    compared: BTreeSet<u16>,
    differing: BTreeSet<u16>,
    ended: Option<Ended>,
    /// After a restart no deadline of the round ends it before then.
    heard_from: Millis,
    /// It ended here without a certificate, and this party signs no more but what ends it for others.
    gave_up: bool,
    /// When it was given up here.
    gave_up_at: Option<Millis>,
    /// It is proven that nothing of this round has opened or can.
    void: bool,
    /// This party has signed what it has forgotten.
    abstains: bool,
    closed: bool,
}

impl Round {
    /// Joins a round: by the proposal of a peer, or of this party's own operator.
    ///
    /// The step says Propose to everybody, so that on every link it comes before what this party says next.
    ///
    /// For v > 0 `proof` is why round v − 1 is void: [`check_void`] has accepted it.
    pub fn join(
        terms: Terms,
        proof: Votes,
        proposal: Option<Sealed>,
        now: Millis,
        rng: &mut dyn CryptoRng,
        signer: &dyn Signer,
    ) -> (Self, Step) {
        let me = terms.me();
        let mut round = Self::new(terms, now);
        round.dealer = Dealer::new(round.terms.is_input(me));
        let asks = matches!(round.dealer, Dealer::Asking(_));
        let step = round.with_context(now, rng, signer, |round, context| {
            context.note(Note::Joined { proposer: proposal.as_ref().map(Sealed::sender) });
            if asks {
                context.note(Note::ApprovalAsked);
            }
            if let Some(proposal) = proposal {
                round.take_in(context, proposal);
            }
            let terms = context.terms;
            if let (Ok(computation), Ok(period)) =
                (terms.computation().id.as_str().try_into(), terms.period().try_into())
            {
                context.publish(None, Body::Propose { computation, period, voided: terms.voided(), proof });
            }
            // What was said before this party joined was not for it to keep: ask for it.
            for to in (0..terms.parties()).filter(|&p| p != me) {
                context.step.actions.push(Action::SendHave { to, have: inventory(context, to) });
            }
        });
        (round, step)
    }

    fn new(terms: Terms, started: Millis) -> Self {
        Self {
            started,
            ledger: Ledger::default(),
            board: Board::default(),
            dealer: Dealer::Idle,
            holder: Holder::new(),
            voter: Voter::default(),
            receiver: Receiver::new(&terms),
            inspector: Inspector::default(),
            inbox: VecDeque::new(),
            sent: BTreeMap::new(),
            inventories: BTreeMap::new(),
            reminders: 0,
            certified_at: None,
            outcomes: BTreeSet::new(),
            compared: BTreeSet::new(),
            differing: BTreeSet::new(),
            ended: None,
            heard_from: Millis(0),
            gave_up: false,
            gave_up_at: None,
            void: false,
            abstains: false,
            closed: false,
            terms: Arc::new(terms),
        }
    }

    /// What the round is about.
    #[must_use]
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// Nobody needs anything of this round any more: its owner may forget it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it is proven that nothing of this round has opened or can: the period may be dealt anew.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.void
    }

    /// What proves it to others (PROTOCOL 4.8): Closes forever, without a lock.
    #[must_use]
    pub fn void_proof(&self) -> Votes {
        let vote = |party: u16| {
            let close = self.ledger.close(party)?;
            Some(Vote { party, signature: close.signature() })
        };
        let votes = closed_forever(&self.terms, &self.ledger, false).into_iter().filter_map(vote);
        votes.collect::<Vec<_>>().try_into().unwrap_or_default()
    }

    /// When [`Event::Tick`] is due next.
    #[must_use]
    pub fn deadline(&self, now: Millis) -> Option<Millis> {
        if self.closed {
            return None;
        }
        let voter = self.voter.due(&self.terms, &self.ledger);
        let again = self.holder.again().into_iter().chain(voter).chain(self.receiver.again(&self.terms));
        let again = again.chain(self.reminder(&self.ledger, &self.board));
        let again = again.chain(self.heard_out().filter(|_| self.void));
        [self.collected(), self.give_up(), self.last_day()].into_iter().chain(again).filter(|&at| at > now).min()
    }

    /// Handles one event.
    pub fn handle(&mut self, event: Event, now: Millis, rng: &mut dyn CryptoRng, signer: &dyn Signer) -> Step {
        self.with_context(now, rng, signer, |round, context| round.dispatch(context, event))
    }

    fn collected(&self) -> Millis {
        self.started.after(self.terms.computation().collect_for)
    }

    fn give_up(&self) -> Millis {
        self.started.after(self.terms.computation().give_up_after).max(self.heard_from)
    }

    /// With a certificate a round is given up after twice the time (PROTOCOL 4.8).
    fn last_day(&self) -> Millis {
        let twice = self.terms.computation().give_up_after * 2;
        self.started.after(twice).max(self.heard_from)
    }

    /// PROTOCOL 5.4: who has given a malicious round up hears others for a while who say whom to name: a liar may have ended it
    /// before their word came.
    fn heard_out(&self) -> Option<Millis> {
        let terms = &self.terms;
        self.gave_up_at.filter(|_| terms.is_malicious()).map(|at| at.after(terms.computation().attempt_deadline))
    }

    /// Runs `act`, then everything that follows from it.
    fn with_context(
        &mut self,
        now: Millis,
        rng: &mut dyn CryptoRng,
        signer: &dyn Signer,
        act: impl FnOnce(&mut Self, &mut Context<'_>),
    ) -> Step {
        self.with_facts(now, rng, signer, |round, context| {
            act(round, context);
            round.settle(context);
        })
    }

    /// Runs `act` on the facts of the round.
    fn with_facts(
        &mut self,
        now: Millis,
        rng: &mut dyn CryptoRng,
        signer: &dyn Signer,
        act: impl FnOnce(&mut Self, &mut Context<'_>),
    ) -> Step {
        let collected = self.collected();
        let terms = Arc::clone(&self.terms);
        let mut ledger = core::mem::take(&mut self.ledger);
        let mut board = core::mem::take(&mut self.board);
        let mut inbox = core::mem::take(&mut self.inbox);
        let mut context = Context {
            terms: &terms,
            now,
            collected,
            rng,
            signer,
            ledger: &mut ledger,
            board: &mut board,
            inbox: &mut inbox,
            step: Step::default(),
        };
        act(self, &mut context);
        let step = context.step;
        self.ledger = ledger;
        self.board = board;
        self.inbox = inbox;
        step
    }

    /// Applies what was said, and lets the components act, until nothing more happens.
    fn settle(&mut self, context: &mut Context<'_>) {
        loop {
            while let Some(message) = context.inbox.pop_front() {
                self.apply(context, &message);
            }
            // PROTOCOL 4.6: what the certificate asks of a holder it does, whatever becomes of its own result.
            if !self.closed && !self.gave_up {
                self.dealer.advance(context);
                self.inspector.advance(context);
                self.voter.advance(context);
                voter::herald(context);
                self.holder.advance(context);
                self.receiver.advance(context);
                if let Some(trouble) = self.receiver.hopeless(context.terms, context.ledger, context.board) {
                    self.withhold(context, trouble);
                }
            }
            if !self.closed && self.gave_up && !self.abstains {
                self.inspector.judge(context);
            }
            if context.inbox.is_empty() {
                break;
            }
        }
        self.foresee(context);
        self.compare(context);
        self.close(context);
        self.expire(context);
        self.remind(context);
    }

    /// PROTOCOL 4.7: result parties compare Outcomes, each once, as soon as both are there.
    fn compare(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        let learns = terms.is_result(terms.me());
        let ours = match self.receiver {
            Receiver::Released { digest } => Some(digest),
            _ if learns => return,
            _ => None,
        };
        for message in context.ledger.messages().filter(|m| m.kind() == MessageKind::Outcome) {
            let peer = message.sender();
            let Body::Outcome { result } = message.body() else { continue };
            if peer == terms.me() || result.is_some() != learns || !self.compared.insert(peer) {
                continue;
            }
            if *result == ours {
                context.step.notes.push(Note::OutcomeAgrees { peer });
            } else {
                self.differing.insert(peer);
                context.step.notes.push(Note::OutcomeDiffers { peer });
            }
        }
    }

    fn dispatch(&mut self, context: &mut Context<'_>, event: Event) {
        let dealer = |round: &mut Self| core::mem::replace(&mut round.dealer, Dealer::Idle);
        match event {
            Event::Approve(approver) if self.ended.is_none() => {
                self.dealer = dealer(self).approve(context, approver);
            }
            Event::Decline { reason } if self.ended.is_none() => {
                self.dealer = dealer(self).decline(context, &reason);
            }
            // PROTOCOL 4.8: never while it holds a certificate.
            Event::Abandon { reason } if self.ended.is_none() && context.board.certified.is_none() => {
                self.abandon(context, reason);
            }
            Event::Approve(_) | Event::Decline { .. } | Event::Abandon { .. } | Event::Tick => {}
            Event::Message { from, bytes } => self.message(context, from, &bytes),
            Event::LinkUp { peer } => self.link_up(context, peer),
            Event::Have { peer, have } => self.answer(context, peer, &have),
            Event::Grant { peer, grant } => self.stream(context, peer, &grant),
            Event::Chunk { peer, object, index, elements } => {
                if self.ended.is_some() {
                    return;
                }
                match object.kind {
                    BulkKind::Share => self.holder.chunk(context, peer, index, elements),
                    BulkKind::Partial => self.receiver.chunk(context, peer, index, elements),
                }
            }
            Event::Done(done) => self.done(context, done),
        }
    }

    fn done(&mut self, context: &mut Context<'_>, done: Done) {
        if self.closed {
            // What a job wrote after the round was over here is to go as well.
            context.step.actions.push(Action::EraseAll);
            return;
        }
        let dealer = |round: &mut Self| core::mem::replace(&mut round.dealer, Dealer::Idle);
        match done {
            Done::Loaded(loaded) => self.dealer = dealer(self).loaded(context, loaded),
            Done::Dealt(Ok(made)) => self.dealer = dealer(self).dealt(context, &mut self.holder, made),
            Done::Dealt(Err(error)) => self.dealer = dealer(self).failed(context, error),
            Done::Stored { dealer, stored } => self.holder.stored(context, dealer, stored),
            Done::Summed(Ok(digest)) => self.holder.summed(context, digest),
            Done::Summed(Err(error)) => self.holder.stalled(context, &error),
            Done::Combined(combined) => {
                if let Err(trouble) = self.receiver.combined(context, combined) {
                    self.withhold(context, trouble);
                }
            }
            Done::Checked { dealer, checked } => self.inspector.checked(context, dealer, checked),
            Done::Verified { dealer, verified } => self.holder.verified(context, dealer, verified),
            Done::Judged { accuser, dealer, holds } => self.inspector.found(context, accuser, dealer, holds),
            Done::Opened(opened) => {
                if let Err(trouble) = self.receiver.opened(context, opened) {
                    self.withhold(context, trouble);
                }
            }
            Done::Finished(Ok(())) => {
                if let Some(digest) = self.receiver.finished(context) {
                    self.end(context, Ended::Completed { result: Some(digest) });
                }
            }
            Done::Finished(Err(error)) => self.withhold(context, Trouble::Here(error)),
        }
    }
}
