//! One round at one party, as a sans-IO state machine (PROTOCOL 3, 4).
//!
//! [`Round::handle`] takes an event and gives a [`Step`]: what must be on disk, what the audit log is told, and what may
//! be done after that. Whatever a peer says is judged here. An attacker is assumed to hold valid certificates and keys
//! of other parties: its messages are bounded by the ledger's slots, and a refused one changes nothing but a note.
//!
//! A party may be dealer, holder, voter and receiver at once. Each of these is a component with its own state; facts that
//! are verified stand on the board; `advance` fires what the facts allow until nothing more happens.

mod board;
mod context;
mod dealer;
mod holder;
mod intake;
mod job;
mod ledger;
mod receiver;
mod step;
mod terms;
mod view;
mod voter;
mod waits;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::CryptoRng;
use wire::link::{BulkId, BulkKind, Grant, Have};
use wire::{Body, MessageKind, Sealed, Signer};

use self::board::Board;
pub use self::board::dealing_digest;
use self::context::Context;
use self::dealer::Dealer;
use self::holder::Holder;
use self::ledger::Ledger;
use self::receiver::{Receiver, Trouble};
use self::voter::Voter;
pub use job::{CombineError, Done, Finish, Job, KEEP_PARTIALS, Object, Part, Summand, Tally, Workplace};
pub use receiver::WINDOW;
pub use step::{Action, Approver, Change, Ended, Event, Millis, Note, SecretName, Step};
pub use terms::{Terms, TermsError};
pub use view::{Phase, View, Wait};

/// Inventories that are answered on one link. One is sent when a link comes up and one when a party joins a round; a
/// peer that asks again and again gets no more.
const MAX_INVENTORIES: u32 = 4;

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
    inbox: VecDeque<Sealed>,
    /// Chunks of this party's partial sum that were sent over each live link.
    sent: BTreeMap<u16, u64>,
    inventories: BTreeMap<u16, u32>,
    outcomes: BTreeSet<u16>,
    compared: BTreeSet<u16>,
    differing: BTreeSet<u16>,
    ended: Option<Ended>,
    closed: bool,
}

impl Round {
    /// Joins a round: by the proposal of a peer, or of this party's own operator.
    ///
    /// The step says Propose to everybody, so that on every link it comes before what this party says next.
    pub fn join(
        terms: Terms,
        proposal: Option<Sealed>,
        now: Millis,
        rng: &mut dyn CryptoRng,
        signer: &dyn Signer,
    ) -> (Self, Step) {
        let me = terms.me();
        let dealer = Dealer::new(terms.is_input(me));
        let asks = matches!(dealer, Dealer::Asking(_));
        let mut round = Self {
            started: now,
            ledger: Ledger::default(),
            board: Board::default(),
            dealer,
            holder: Holder::new(),
            voter: Voter::new(),
            receiver: Receiver::Waiting,
            inbox: VecDeque::new(),
            sent: BTreeMap::new(),
            inventories: BTreeMap::new(),
            outcomes: BTreeSet::new(),
            compared: BTreeSet::new(),
            differing: BTreeSet::new(),
            ended: None,
            closed: false,
            terms: Arc::new(terms),
        };
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
                context.publish(None, Body::Propose { computation, period, voided: terms.voided() });
            }
            // What was said before this party joined was not for it to keep: ask for it.
            for to in (0..terms.parties()).filter(|&p| p != me) {
                context.step.actions.push(Action::SendHave { to, have: inventory(context, to) });
            }
        });
        (round, step)
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

    /// When [`Event::Tick`] is due next.
    #[must_use]
    pub fn deadline(&self, now: Millis) -> Option<Millis> {
        if self.closed {
            return None;
        }
        let again = self.holder.again();
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
        self.started.after(self.terms.computation().give_up_after)
    }

    /// With a certificate a round is given up after twice the time (PROTOCOL 4.8).
    fn last_day(&self) -> Millis {
        self.give_up().after(self.terms.computation().give_up_after)
    }

    /// Runs `act`, then everything that follows from it.
    fn with_context(
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
        self.settle(&mut context);
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
            if !self.closed {
                self.dealer.advance(context);
                self.holder.advance(context);
                self.voter.advance(context);
                self.receiver.advance(context);
            }
            if context.inbox.is_empty() {
                break;
            }
        }
        self.compare(context);
        self.close(context);
        self.expire(context);
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
            Event::Abandon { reason } if self.ended.is_none() && context.board.certified.is_none() => {
                self.abandon(context, reason);
            }
            Event::Approve(_) | Event::Decline { .. } | Event::Abandon { .. } | Event::Tick => {}
            Event::Message { from, bytes } => self.message(context, from, &bytes),
            Event::LinkUp { peer } => self.link_up(context, peer),
            Event::Have { peer, have } => self.answer(context, peer, &have),
            Event::Grant { peer, grant } => self.stream(context, peer, &grant),
            Event::Chunk { peer, object, index, elements } => {
                if object.kind == BulkKind::Partial && self.ended.is_none() {
                    self.receiver.chunk(context, peer, index, elements);
                }
            }
            Event::Done(done) => self.done(context, done),
        }
    }

    /// PROTOCOL 6.3: a link has no memory. Say that there is this round, and what we hold of it.
    fn link_up(&mut self, context: &mut Context<'_>, peer: u16) {
        if self.closed {
            return;
        }
        self.sent.remove(&peer);
        self.inventories.remove(&peer);
        if let Some(propose) = context.ledger.from(MessageKind::Propose, context.terms.me()) {
            context.step.actions.push(Action::Send { to: peer, message: propose.clone() });
        }
        let have = inventory(context, peer);
        context.step.actions.push(Action::SendHave { to: peer, have });
        self.receiver.link_up(context, peer);
    }

    /// Sends what the peer lacks: of what is public, and of what we ourselves addressed to it.
    fn answer(&mut self, context: &mut Context<'_>, peer: u16, have: &Have) {
        let answered = self.inventories.entry(peer).or_default();
        *answered += 1;
        if *answered > MAX_INVENTORIES {
            return;
        }
        let held: BTreeSet<[u8; 32]> = have.messages.iter().copied().collect();
        let me = context.terms.me();
        for message in context.ledger.messages() {
            let public = !matches!(message.kind(), MessageKind::Share | MessageKind::Partial);
            let for_peer =
                context.terms.concerns(message.body(), message.recipient(), peer) || message.sender() == peer;
            if for_peer && (public || message.sender() == me) && !held.contains(&message.digest().0) {
                context.step.actions.push(Action::Send { to: peer, message: message.clone() });
            }
        }
    }

    /// A result party lets us send elements of our partial sum.
    fn stream(&mut self, context: &mut Context<'_>, peer: u16, grant: &Grant) {
        let me = context.terms.me();
        let published = context.ledger.from(MessageKind::Partial, me).is_some();
        let object = BulkId { round: context.terms.round(), kind: BulkKind::Partial };
        if grant.object != object || !context.terms.is_result(peer) || !published || self.closed {
            return;
        }
        let sent = self.sent.entry(peer).or_default();
        let first = grant.next.max(*sent);
        // A receiver that wants more at once than a window is none of ours.
        let window = grant.next.saturating_add(WINDOW);
        let end = grant.limit.min(window).min(context.terms.layout().chunks());
        if end > first {
            *sent = end;
            context.step.actions.push(Action::Stream { to: peer, object, from: Object::Partial, first, end });
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
            Done::Dealt(Ok(digests)) => self.dealer = dealer(self).dealt(context, &mut self.holder, digests),
            Done::Dealt(Err(error)) => self.dealer = dealer(self).failed(context, error),
            Done::Summed(Ok(digest)) => self.holder.summed(context, digest),
            Done::Summed(Err(error)) => self.holder.stalled(context, &error),
            Done::Combined(combined) => {
                if let Err(trouble) = self.receiver.combined(context, combined) {
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

    /// What a party without the result role has to do is done when every result party has the result.
    fn close(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        if self.closed || !terms.results().iter().all(|p| self.outcomes.contains(p)) {
            return;
        }
        // Nobody ends a round because a peer says so: a compute party does its own part first.
        let done = !terms.is_compute(terms.me()) || (context.board.certified.is_some() && self.holder.is_done());
        if self.ended.is_none() && !terms.is_result(terms.me()) && done {
            self.end(context, Ended::Completed { result: None });
        }
        if self.ended.is_some() {
            // PROTOCOL 4.6: it keeps Partial and certificate until all result parties confirm.
            self.closed = true;
            context.change(Change::EraseSecrets);
            context.step.actions.push(Action::EraseAll);
        }
    }

    /// PROTOCOL 4.8: by the party's own deadline, never while it holds a certificate; then at twice the time.
    fn expire(&mut self, context: &mut Context<'_>) {
        let over = |at: Millis| context.now >= at;
        if self.closed || !over(self.give_up()) {
            return;
        }
        if self.ended.is_some() {
            if over(self.last_day()) {
                self.closed = true;
                context.step.actions.push(Action::EraseAll);
            }
        } else if context.board.certified.is_none() || over(self.last_day()) {
            let waits: Vec<String> =
                self.waits(context.ledger, context.board).iter().map(ToString::to_string).collect();
            let after = context.terms.computation().give_up_after.as_secs();
            self.abandon(context, alloc::format!("given up after {after} s: waited for {}", waits.join(", ")));
        }
    }

    /// PROTOCOL 4.7: there will be no result here. The others may still have theirs, so this party's partial sum stays
    /// until they have confirmed, or the last day is over.
    fn withhold(&mut self, context: &mut Context<'_>, trouble: Trouble) {
        if self.ended.is_some() {
            return;
        }
        // A peer is not told what this node's system says: paths and disks are nobody else's affair.
        let (reason, told) = match trouble {
            Trouble::Peers(reason) => (reason.clone(), reason),
            Trouble::Here(reason) => (reason, "this party's node could not write its result".to_string()),
        };
        context.note(Note::Abandoned { reason: reason.clone() });
        context.publish(None, Body::Abandon { reason: wire::Text::truncated(&told) });
        self.receiver = Receiver::Withheld;
        self.end(context, Ended::Abandoned { reason });
    }

    fn abandon(&mut self, context: &mut Context<'_>, reason: String) {
        context.note(Note::Abandoned { reason: reason.clone() });
        context.publish(None, Body::Abandon { reason: wire::Text::truncated(&reason) });
        context.inbox.clear();
        self.dealer = Dealer::Idle;
        self.voter.stop();
        self.holder.erase(context);
        self.receiver = Receiver::Withheld;
        context.step.actions.push(Action::EraseAll);
        self.end(context, Ended::Abandoned { reason });
        self.closed = true;
    }

    fn end(&mut self, context: &mut Context<'_>, ended: Ended) {
        context.change(Change::Ended(ended.clone()));
        self.ended = Some(ended);
    }
}

/// What this party holds of what concerns the peer. The names of others are none of its business: an Outcome's name is
/// a hash of the total.
fn inventory(context: &Context<'_>, peer: u16) -> Have {
    let names: Vec<[u8; 32]> = context
        .ledger
        .messages()
        .filter(|m| m.sender() == peer || context.terms.concerns(m.body(), m.recipient(), peer))
        .map(|m| m.digest().0)
        .take(wire::link::MAX_INVENTORY)
        .collect();
    Have { round: context.terms.round(), messages: names.try_into().unwrap_or_default() }
}
