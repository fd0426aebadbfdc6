//! What drives a traitor's machine: links, a clock, its workplace, and its betrayal in between.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use node::book::Book;
use node::link::{LinkEvent, LinkSender, Links};
use node::settings::Settings;
use protocol::agreement::PartyIndex;
use protocol::round::{Action, Approver, Event, Millis, Round, Step, Terms, Workplace};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use tokio::sync::{mpsc, oneshot};
use wire::frame::Frame;
use wire::message::Votes;
use wire::{Body, Envelope, RoundId, Signer};
use zeroize::Zeroizing;

use super::{Betrayal, Memory, Outgoing, round_of};

/// How long its links may take to write what waits.
const DRAIN: Duration = Duration::from_secs(2);

/// A round that it is in.
struct Running {
    round: Round,
    place: Memory,
}

/// The party.
pub(super) struct Party {
    me: u16,
    book: Book,
    settings: Settings,
    signer: Box<dyn Signer + Send + Sync>,
    betrayal: Box<dyn Betrayal>,
    rounds: BTreeMap<RoundId, Running>,
    live: BTreeMap<u16, (u64, LinkSender)>,
    began: Instant,
}

impl Party {
    pub(super) fn new(
        me: PartyIndex,
        book: Book,
        settings: Settings,
        signer: Box<dyn Signer + Send + Sync>,
        betrayal: Box<dyn Betrayal>,
    ) -> Self {
        let (rounds, live) = (BTreeMap::new(), BTreeMap::new());
        Self { me: me.0, book, settings, signer, betrayal, rounds, live, began: Instant::now() }
    }

    /// Takes part until told to stop.
    pub(super) async fn live(
        mut self,
        links: Links,
        mut events: mpsc::Receiver<LinkEvent>,
        mut stop: oneshot::Receiver<()>,
    ) {
        loop {
            let due = self.rounds.values().filter_map(|running| running.round.deadline(self.now())).min();
            let due = due.map(|at| self.began + Duration::from_millis(at.0));
            tokio::select! {
                _ = &mut stop => break,
                () = sleep_until(due) => self.each(|| Event::Tick).await,
                event = events.recv() => match event {
                    Some(event) => self.link_event(event).await,
                    None => break,
                },
            }
        }
        links.close("it is going down", DRAIN).await;
    }

    fn now(&self) -> Millis {
        Millis(0).after(self.began.elapsed())
    }

    async fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up { peer, info, sender, .. } => {
                self.live.insert(peer.0, (info.generation, sender));
                self.each(|| Event::LinkUp { peer: peer.0 }).await;
            }
            LinkEvent::Down { peer, generation, .. } => {
                if self.live.get(&peer.0).is_some_and(|(live, _)| *live == generation) {
                    self.live.remove(&peer.0);
                }
            }
            LinkEvent::Frame { peer, frame, .. } => self.frame(peer.0, frame).await,
            LinkEvent::Refused { .. } => {}
        }
    }

    async fn frame(&mut self, from: u16, frame: Frame) {
        // Whoever recovers is told that there is nothing.
        if let (Frame::Recall(_), Some((_, sender))) = (&frame, self.live.get(&from)) {
            let _ = sender.try_send(&Frame::Recalled);
        }
        for said in self.betrayal.hears(from, &frame) {
            if let Some((_, sender)) = self.live.get(&from) {
                let _ = sender.try_send(&said);
            }
        }
        let Some(id) = round_of(&frame) else { return };
        if !self.rounds.contains_key(&id) {
            return self.proposed(from, &frame).await;
        }
        let event = match frame {
            Frame::Message(bytes) if self.is_own(&bytes) => return,
            Frame::Message(bytes) => Event::Message { from, bytes },
            Frame::Have(have) => Event::Have { peer: from, have },
            Frame::Grant(grant) => Event::Grant { peer: from, grant },
            Frame::Chunk { object, index, elements } => Event::Chunk { peer: from, object, index, elements },
            _ => return,
        };
        self.feed(id, event).await;
    }

    /// What was signed in its machine's own name the machine never hears: it would learn that it is not alone, and abstain.
    fn is_own(&self, bytes: &[u8]) -> bool {
        Envelope::parse(bytes).is_ok_and(|envelope| envelope.sender() == self.me)
    }

    /// Joins what a peer proposes, and deals at once.
    async fn proposed(&mut self, from: u16, frame: &Frame) {
        let Frame::Message(bytes) = frame else { return };
        let Ok(envelope) = Envelope::parse(bytes) else { return };
        let (id, sender) = (envelope.round(), envelope.sender());
        let Body::Propose { computation, period, voided, .. } = envelope.body().clone() else { return };
        let terms = Terms::new(self.book.agreement(), &computation, &period, voided, PartyIndex(self.me));
        let Some(terms) = terms.ok().filter(|terms| terms.round() == id && voided == 0) else { return };
        let key = terms.key(sender).copied().unwrap_or_default();
        let Some(proposal) = envelope.verify(&key).ok().filter(|_| sender == from) else { return };
        let file = self.settings.input_file(&computation, &period);
        let (round, step) =
            Round::join(terms, Votes::default(), Some(proposal), self.now(), &mut UnwrapErr(SysRng), &*self.signer);
        self.rounds.insert(id, Running { round, place: Memory::new(file) });
        self.absorb(id, step).await;
        self.feed(id, Event::Approve(Approver::Policy)).await;
    }

    async fn each(&mut self, event: impl Fn() -> Event) {
        for id in self.rounds.keys().copied().collect::<Vec<_>>() {
            self.feed(id, event()).await;
        }
    }

    async fn feed(&mut self, id: RoundId, event: Event) {
        let now = self.now();
        let Some(running) = self.rounds.get_mut(&id) else { return };
        let step = running.round.handle(event, now, &mut UnwrapErr(SysRng), &*self.signer);
        self.absorb(id, step).await;
    }

    /// Does what steps ask for. Nothing is kept, so nothing comes before it.
    async fn absorb(&mut self, id: RoundId, step: Step) {
        let mut steps = VecDeque::from([step]);
        while let Some(step) = steps.pop_front() {
            for action in step.actions {
                steps.extend(self.act(id, action).await);
            }
        }
    }

    /// One action; the step that follows from it, where one does.
    async fn act(&mut self, id: RoundId, action: Action) -> Option<Step> {
        match action {
            Action::Send { to, message } => {
                self.send(id, to, Frame::Message(Zeroizing::new(message.bytes().to_vec()))).await;
            }
            Action::SendHave { to, have } => self.send(id, to, Frame::Have(have)).await,
            Action::SendGrant { to, grant } => self.send(id, to, Frame::Grant(grant)).await,
            Action::Stream { to, object, from, first, end } => {
                for index in first..end {
                    let mut elements = Zeroizing::new(Vec::new());
                    let place = self.rounds.get_mut(&id).map(|running| &mut running.place)?;
                    place.read(from, index, &mut elements).ok()?;
                    self.send(id, to, Frame::Chunk { object, index, elements }).await;
                }
            }
            Action::Run(job) => {
                let now = self.now();
                let running = self.rounds.get_mut(&id)?;
                let terms = std::sync::Arc::clone(running.round.terms());
                let (betrayal, place) = (&mut self.betrayal, &mut running.place);
                let done = tokio::task::block_in_place(|| betrayal.work(job, &terms, place));
                let event = Event::Done(done);
                return Some(running.round.handle(event, now, &mut UnwrapErr(SysRng), &*self.signer));
            }
            Action::Erase(object) => self.rounds.get_mut(&id)?.place.erase(object),
            Action::EraseAll => self.rounds.get_mut(&id)?.place.erase_all(),
            // Others' faults are nothing to it.
            Action::Cut { .. } | Action::Keep { .. } => {}
        }
        None
    }

    async fn send(&mut self, id: RoundId, to: u16, frame: Frame) {
        let Some(running) = self.rounds.get(&id) else { return };
        let terms = running.round.terms();
        let instead = self.betrayal.sends(&Outgoing { to, frame: &frame, terms, signer: &*self.signer });
        for (to, frame) in instead {
            let Some((_, sender)) = self.live.get(&to) else { continue };
            // A link that is gone comes again, and with it what was lost.
            let _ = match frame {
                Frame::Chunk { .. } => sender.send(&frame).await,
                frame => sender.try_send(&frame),
            };
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
