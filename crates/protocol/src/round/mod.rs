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
mod flow;
mod holder;
mod incoming;
mod intake;
mod job;
mod ledger;
mod proof;
mod receiver;
mod step;
mod terms;
mod view;
mod voter;
mod waits;
mod workplace;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use rand_core::CryptoRng;
use wire::link::{BulkKind, Grant, Have};
use wire::message::Votes;
use wire::{Body, MessageKind, Sealed, Signer, Until, Vote};

use self::board::Board;
pub use self::board::dealing_digest;
use self::context::Context;
use self::dealer::Dealer;
use self::flow::Outflow;
use self::holder::Holder;
use self::ledger::Ledger;
use self::receiver::{Receiver, Trouble};
use self::voter::Voter;
pub use flow::WINDOW;
pub use job::{Arriving, CombineError, Done, Job, Part, StoreError, Summand, Tally};
pub use proof::check_void;
pub use step::{Action, Approver, Change, Ended, Event, Millis, Note, SecretName, Step};
pub use terms::{Terms, TermsError};
pub use view::{Phase, View, Wait};
pub use workplace::{Finish, KEEP_PARTIALS, Object, Workplace};

/// Inventories that are answered on one link. One is sent when a link comes up and one when a party joins a round; a
/// peer that asks again and again gets no more.
const MAX_INVENTORIES: u32 = 4;

/// More attempts than the deadlines of any agreement leave time for. Votes of a higher one are of nobody honest.
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
    inbox: VecDeque<Sealed>,
    /// What went out over each live link of this party's bulk objects.
    sent: BTreeMap<(u16, BulkKind), Outflow>,
    inventories: BTreeMap<u16, u32>,
    outcomes: BTreeSet<u16>,
    compared: BTreeSet<u16>,
    differing: BTreeSet<u16>,
    ended: Option<Ended>,
    /// It ended here without a certificate, and this party signs no more but what ends it for others.
    gave_up: bool,
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
        let dealer = Dealer::new(terms.is_input(me));
        let asks = matches!(dealer, Dealer::Asking(_));
        let mut round = Self {
            started: now,
            ledger: Ledger::default(),
            board: Board::default(),
            dealer,
            holder: Holder::new(),
            voter: Voter::default(),
            receiver: Receiver::new(),
            inbox: VecDeque::new(),
            sent: BTreeMap::new(),
            inventories: BTreeMap::new(),
            outcomes: BTreeSet::new(),
            compared: BTreeSet::new(),
            differing: BTreeSet::new(),
            ended: None,
            gave_up: false,
            void: false,
            abstains: false,
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
                context.publish(None, Body::Propose { computation, period, voided: terms.voided(), proof });
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
            if !self.closed && !self.gave_up {
                self.dealer.advance(context);
                self.voter.advance(context);
                voter::herald(context);
                self.holder.advance(context);
                self.receiver.advance(context);
            }
            if context.inbox.is_empty() {
                break;
            }
        }
        self.foresee(context);
        self.compare(context);
        self.close(context);
        self.expire(context);
    }

    /// PROTOCOL 4.8: who sees n − q + 1 Closes of ∞ abandons too, for the round cannot end; and enough of them without a
    /// lock prove that nothing of it has opened or can.
    fn foresee(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        let forever = closed_forever(terms, context.ledger, true);
        if self.ended.is_none() && context.board.certified.is_none() && forever.len() >= terms.ends_a_round() {
            let why = |&party: &u16| {
                let said = context.ledger.from(MessageKind::Abandon, party).map(Sealed::body);
                let reason =
                    if let Some(Body::Abandon { reason }) = said { waits::plain(reason) } else { String::new() };
                alloc::format!("{} has given it up ({reason})", terms.party_id(party))
            };
            let reasons: Vec<String> = forever.iter().map(why).collect();
            self.abandon(context, alloc::format!("the round cannot end any more: {}", reasons.join(", ")));
        }
        if self.gave_up && !self.void && terms.makes_void(&closed_forever(terms, context.ledger, false)) {
            self.void = true;
            context.note(Note::Void);
            context.change(Change::Void);
        }
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

    /// PROTOCOL 6.3: a link has no memory. Say that there is this round, and what we hold of it.
    fn link_up(&mut self, context: &mut Context<'_>, peer: u16) {
        if self.closed {
            return;
        }
        self.sent.retain(|(to, _), _| *to != peer);
        self.inventories.remove(&peer);
        if let Some(propose) = context.ledger.from(MessageKind::Propose, context.terms.me()) {
            context.step.actions.push(Action::Send { to: peer, message: propose.clone() });
        }
        let have = inventory(context, peer);
        context.step.actions.push(Action::SendHave { to: peer, have });
        self.holder.link_up(context, peer);
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
            let concerns =
                context.terms.concerns(message.body(), message.recipient(), peer) && self.matters(context, message);
            // Its own messages too: a party that has lost some is to know.
            let for_peer = concerns || message.sender() == peer;
            if for_peer && (public || message.sender() == me) && !held.contains(&message.digest().0) {
                context.step.actions.push(Action::Send { to: peer, message: message.clone() });
            }
        }
    }

    /// Votes of attempts that are over help nobody: a Close brings whoever is behind to the attempt that is on, and a
    /// certificate ends them all.
    fn matters(&self, context: &Context<'_>, message: &Sealed) -> bool {
        let certified = context.board.certified.is_some();
        match message.body() {
            Body::Open { attempt, .. } | Body::Ready { attempt, .. } | Body::Accept { attempt, .. } => {
                !certified && *attempt >= self.voter.attempt()
            }
            Body::Close { until, .. } => !certified && context.ledger.closed_until(message.sender()) == Some(*until),
            Body::Certificate { .. } => message.sender() == context.terms.me(),
            _ => true,
        }
    }

    /// A peer lets us send elements: of our partial sum, or of the explicit share that we dealt it.
    fn stream(&mut self, context: &mut Context<'_>, peer: u16, grant: &Grant) {
        let (terms, object) = (context.terms, grant.object);
        let published = context.ledger.from(MessageKind::Partial, terms.me()).is_some();
        let from = match object.kind {
            BulkKind::Partial if terms.is_result(peer) && published => Object::Partial,
            BulkKind::Share if self.dealer.keeps_share_for(terms, peer) => Object::ShareFor(peer),
            BulkKind::Partial | BulkKind::Share => return,
        };
        if object.round != terms.round() || self.closed {
            return;
        }
        let flow = self.sent.entry((peer, object.kind)).or_default();
        let Range { start: first, end } = flow.granted(grant, terms.layout().chunks());
        if first < end {
            context.step.actions.push(Action::Stream { to: peer, object, from, first, end });
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
            Done::Stored { dealer, stored } => self.holder.stored(context, dealer, stored),
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
            // With a certificate nothing is left that could make it void.
            self.closed = context.board.certified.is_some();
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

    /// PROTOCOL 4.8. A compute party signs that it votes no more, with its lock or none, unless there is a certificate.
    fn abandon(&mut self, context: &mut Context<'_>, reason: String) {
        context.note(Note::Abandoned { reason: reason.clone() });
        context.publish(None, Body::Abandon { reason: wire::Text::truncated(&reason) });
        if context.terms.is_compute(context.terms.me()) && context.board.certified.is_none() {
            self.voter.close(context, Until::Forever);
        }
        context.inbox.clear();
        self.gave_up = true;
        self.forget(context);
        self.end(context, Ended::Abandoned { reason });
    }

    /// PROTOCOL 7: this party does not know what it has signed here, so it signs nothing any more, not even why.
    fn abstain(&mut self, context: &mut Context<'_>) {
        self.abstains = true;
        context.change(Change::Abstains);
        if self.ended.is_none() {
            let reason = "this node was shown messages that it has signed and does not know: its data is an older copy";
            context.note(Note::Abandoned { reason: reason.into() });
            self.end(context, Ended::Abandoned { reason: reason.into() });
        }
        self.gave_up = true;
        self.forget(context);
    }

    /// Forgets every secret of the round.
    fn forget(&mut self, context: &mut Context<'_>) {
        self.dealer = Dealer::Idle;
        self.voter.stop();
        self.holder.erase(context);
        self.receiver = Receiver::Withheld;
        context.step.actions.push(Action::EraseAll);
    }

    fn end(&mut self, context: &mut Context<'_>, ended: Ended) {
        context.change(Change::Ended(ended.clone()));
        self.ended = Some(ended);
    }
}

/// Compute parties that have closed the round for ever: all of them, or those that show no lock.
fn closed_forever(terms: &Terms, ledger: &Ledger, with_locks: bool) -> BTreeSet<u16> {
    let closed = |&party: &u16| {
        let close = ledger.close(party).map(Sealed::body);
        matches!(close, Some(Body::Close { until: Until::Forever, lock }) if with_locks || lock.is_none())
    };
    terms.computes().iter().copied().filter(closed).collect()
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
