//! A seeded simulator of one round among several parties, over the sans-IO machine (PROTOCOL 2 to 4, 6.3).
//!
//! A [`Plan`] says who is there and what happens; a [`Cluster`] runs it on a virtual clock and checks after every event what
//! the observer knows. Links keep order and lose what is in flight when they break; delays and jobs interleave at
//! random. A party under an adversary runs the honest machine, and a [`Tamper`] rewrites what leaves it, with its key.
//!
//! Everything follows from the plan and its seed, so a failure replays.

mod forger;
mod lies;
mod network;
mod observer;
mod party;
mod place;
mod plan;
mod report;

use std::collections::{BTreeMap, VecDeque};

use protocol::round::{Action, Approver, Change, Done, Ended, Event, Millis, Round, Step, Terms};
use wire::message::Votes;
use wire::{Body, Envelope, RoundId, Sealed};
use zeroize::Zeroizing;

pub use self::forger::{Ear, Forger, Incoming, Outgoing, Tamper};
pub use self::lies::{Lie, lies};
use self::network::Network;
pub use self::network::Parcel;
pub use self::observer::Finding;
use self::observer::Observer;
use self::party::Party;
pub use self::place::Memory;
pub use self::plan::{COMPUTATION, Expect, Happening, PERIOD, Plan, about};
pub use self::report::{Report, Standing, Violation};
use crate::dice::Dice;

/// No small round takes as many events; one that does goes round in circles.
const MAX_EVENTS: u64 = 400_000;
/// How many of the last events a failure shows.
const TRACE: usize = 60;

/// What happens next.
#[derive(Clone, Copy)]
enum Occurrence {
    Happening(Happening),
    Delivery { from: u16, to: u16, epoch: u64 },
    Work(u16),
    Tick(u16),
}

/// All parties of one round.
pub struct Cluster {
    plan: Plan,
    round: RoundId,
    parties: Vec<Party>,
    network: Network,
    observer: Observer,
    tamper: Option<Tamper>,
    ear: Option<Ear>,
    dice: Dice,
    now: Millis,
    ended_at: Millis,
    agenda: BTreeMap<(Millis, u64, u64), Occurrence>,
    planned: u64,
    events: u64,
    trace: VecDeque<(Millis, String)>,
}

impl Cluster {
    /// The cluster of a plan.
    ///
    /// # Panics
    /// Where the plan's agreement breaks a rule: the test is wrong then.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let agreement = match plan.blueprint.agreement() {
            Ok(agreement) => agreement,
            Err(problems) => panic!("seed {}: the plan's agreement is not valid: {problems:?}", plan.seed),
        };
        let parties: Vec<Party> = (0..plan.parties()).map(|party| Party::new(&plan, &agreement, party)).collect();
        let keys = parties.iter().map(|party| party.signer.public_key()).collect();
        let round = parties[0].terms.round();
        let mut cluster = Self {
            round,
            observer: Observer::new(keys, plan.corrupt.clone()),
            parties,
            network: Network::default(),
            tamper: None,
            ear: None,
            dice: plan.dice("schedule"),
            now: Millis(0),
            ended_at: Millis(0),
            agenda: BTreeMap::new(),
            planned: 0,
            events: 0,
            trace: VecDeque::new(),
            plan,
        };
        for (at, happening) in cluster.plan.script.clone() {
            cluster.schedule(Millis(at), Occurrence::Happening(happening));
        }
        cluster
    }

    /// Puts an adversary between the plan's corrupt parties and their links.
    #[must_use]
    pub fn tampered(mut self, tamper: Tamper) -> Self {
        self.tamper = Some(tamper);
        self
    }

    /// Lets the machines of the plan's corrupt parties hear only what the adversary lets through. Only beside a tamper.
    #[must_use]
    pub fn hearing(mut self, ear: Ear) -> Self {
        self.ear = Some(ear);
        self
    }

    /// What the round is about, at the first party.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.parties[0].terms
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs until nothing is left to happen, then checks how it ended.
    ///
    /// # Errors
    /// [`Violation`] where a promise of PROTOCOL was broken, or the plan's expectation.
    pub fn run(mut self) -> Result<Report, Violation> {
        while let Some(((at, _, _), occurrence)) = self.agenda.pop_first() {
            self.now = self.now.max(at);
            self.events += 1;
            let (party, outcome) = self.occur(occurrence);
            let outcome = match outcome {
                Ok(()) if self.events > MAX_EVENTS => Err("it does not end".into()),
                outcome => outcome,
            };
            if let Err(what) = outcome {
                return Err(self.violation(party, what));
            }
        }
        self.finish()
    }

    fn finish(self) -> Result<Report, Violation> {
        for (index, party) in (0u16..).zip(&self.parties) {
            let closed = party.round.as_ref().is_some_and(Round::is_closed);
            let verdict = if closed { self.observer.closed(index, &party.place) } else { Ok(()) };
            if let Err(what) = verdict.and_then(|()| self.expected(index, party)) {
                return Err(self.violation(index, what));
            }
        }
        let standing = |party: &Party| Standing {
            ended: party.round.as_ref().and_then(Round::ended).cloned(),
            closed: party.round.as_ref().is_some_and(Round::is_closed),
            totals: party.place.result().map(|(totals, _)| totals.to_vec()),
        };
        Ok(Report {
            parties: self.parties.iter().map(standing).collect(),
            certified: self.observer.certified().cloned(),
            findings: self.observer.findings,
            ended_at: self.ended_at,
            events: self.events,
        })
    }

    /// Whether an honest party ended as the plan expects.
    fn expected(&self, index: u16, party: &Party) -> Result<(), String> {
        if self.plan.corrupt.contains(&index) {
            return Ok(());
        }
        let Some(round) = &party.round else {
            // Nobody told it: right only where it was never to come.
            let told = self.agenda.is_empty() && !matches!(self.plan.expect, Expect::Completed(_));
            return if told { Ok(()) } else { Err("it never learned of the round".into()) };
        };
        if !round.is_closed() {
            return Err(format!("the round is not closed: {:?}, waits {:?}", round.ended(), round.view().waits));
        }
        let ended = round.ended().ok_or("closed and not ended")?;
        if party.disk.ended.as_ref() != Some(ended) {
            return Err("how it ended is not on disk".into());
        }
        let contributors = || {
            let set = self.observer.certified();
            set.map(|set| set.dealings.iter().map(|entry| entry.dealer).collect::<Vec<_>>())
        };
        match (&self.plan.expect, ended) {
            (Expect::Completed(expected), Ended::Completed { result }) => {
                if contributors().as_ref() != Some(expected) {
                    return Err(format!("the sum of {:?} instead of {expected:?}", contributors()));
                }
                let learns = party.terms.is_result(index);
                if learns == (result.is_some() && party.place.result().is_some()) {
                    Ok(())
                } else {
                    Err("who learns the result is not as agreed".into())
                }
            }
            (Expect::Abandoned(words), Ended::Abandoned { reason }) => {
                // The one that is waited for waits for others.
                let own = format!("p{index}");
                let missing = words.iter().find(|word| !word.ends_with(&own) && !reason.contains(word.as_str()));
                missing.map_or(Ok(()), |word| Err(format!("abandoned without {word:?}: {reason}")))
            }
            (Expect::Ended, Ended::Abandoned { reason }) if reason.is_empty() => Err("abandoned for nothing".into()),
            (Expect::Ended, _) => Ok(()),
            (expected, ended) => Err(format!("expected {expected:?}, ended {ended:?}")),
        }
    }

    fn violation(&self, party: u16, what: String) -> Violation {
        let trace: Vec<String> = self.trace.iter().map(|(at, line)| format!("{:>8} {line}", at.0)).collect();
        Violation { seed: self.plan.seed, at: self.now.0, party, what, trace: trace.join("\n") }
    }

    fn schedule(&mut self, at: Millis, occurrence: Occurrence) {
        // Of what is due at one moment, anything may come first. One lane keeps its order: a delivery takes the head.
        let tie = self.dice.below(1 << 16);
        self.planned += 1;
        self.agenda.insert((at.max(self.now), tie, self.planned), occurrence);
    }

    fn occur(&mut self, occurrence: Occurrence) -> (u16, Result<(), String>) {
        match occurrence {
            Occurrence::Happening(happening) => (about(&happening), self.happen(happening)),
            Occurrence::Delivery { from, to, epoch } => {
                let outcome = match self.network.receive(from, to, epoch) {
                    Some(parcel) => self.deliver(from, to, parcel),
                    None => Ok(()),
                };
                (to, outcome)
            }
            Occurrence::Work(party) => (party, self.work(party)),
            Occurrence::Tick(party) => (party, self.handle(party, Event::Tick, "tick")),
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Propose(party) => self.join(party, None),
            Happening::Approve(party) => {
                self.handle(party, Event::Approve(Approver::Person("Ada".into())), "approved by a person")
            }
            Happening::AutoApprove(party) => self.handle(party, Event::Approve(Approver::Policy), "approved by policy"),
            Happening::Decline(party) => self.handle(party, Event::Decline { reason: "not yet".into() }, "declined"),
            Happening::Mend(party) => {
                let party = &mut self.parties[usize::from(party)];
                party.place.input.clone_from(&party.good);
                Ok(())
            }
            Happening::Down(a, b) => {
                self.network.set(a, b, false);
                Ok(())
            }
            Happening::Up(a, b) => {
                if !self.network.set(a, b, true) {
                    return Ok(());
                }
                self.handle(a, Event::LinkUp { peer: b }, "link up")?;
                self.handle(b, Event::LinkUp { peer: a }, "link up")
            }
        }
    }

    fn deliver(&mut self, from: u16, to: u16, parcel: Parcel) -> Result<(), String> {
        if self.tamper.is_some() && self.plan.corrupt.contains(&to) {
            let own = parcel.said().is_some_and(|(sender, ..)| sender == to);
            let heard = self.ear.as_mut().is_none_or(|ear| ear(&Incoming { from, to, parcel: &parcel }));
            if own || !heard {
                return Ok(());
            }
        }
        if self.parties[usize::from(to)].round.is_none() {
            // The owner of rounds joins on a proposal that it can verify; what else came too early is asked for then.
            return match self.proposal(&parcel) {
                Some(proposal) => self.join(to, Some(proposal)),
                None => Ok(()),
            };
        }
        let (event, what) = match parcel {
            Parcel::Message(bytes) => (Event::Message { from, bytes }, "message"),
            Parcel::Have(have) => (Event::Have { peer: from, have }, "inventory"),
            Parcel::Grant(grant) => (Event::Grant { peer: from, grant }, "grant"),
            Parcel::Chunk { object, index, elements } => {
                (Event::Chunk { peer: from, object, index, elements }, "chunk")
            }
        };
        self.handle(to, event, what)
    }

    fn proposal(&self, parcel: &Parcel) -> Option<Sealed> {
        let Parcel::Message(bytes) = parcel else { return None };
        let envelope = Envelope::parse(bytes).ok()?;
        let key = self.parties.get(usize::from(envelope.sender()))?.signer.public_key();
        let message = envelope.verify(&key).ok()?;
        let about = matches!(message.body(), Body::Propose { computation, period, voided, .. }
            if &**computation == COMPUTATION && &**period == PERIOD && *voided == 0);
        (about && message.round() == self.round).then_some(message)
    }

    fn join(&mut self, index: u16, proposal: Option<Sealed>) -> Result<(), String> {
        let now = self.now;
        let party = &mut self.parties[usize::from(index)];
        if party.round.is_some() {
            return Ok(());
        }
        let terms = party.terms.clone();
        let (round, step) = Round::join(terms, Votes::default(), proposal, now, &mut party.rng, &*party.signer);
        party.round = Some(round);
        self.note(index, "joins");
        self.absorb(index, step)
    }

    fn work(&mut self, index: u16) -> Result<(), String> {
        let party = &mut self.parties[usize::from(index)];
        let Some(job) = party.jobs.pop_front() else { return Ok(()) };
        let done = job.run(&party.terms, &mut party.place);
        if let Done::Loaded(Ok(_)) = &done {
            self.observer.loaded(index, &party.place.input);
        }
        self.handle(index, Event::Done(done), "job done")
    }

    fn handle(&mut self, index: u16, event: Event, what: &str) -> Result<(), String> {
        let now = self.now;
        let party = &mut self.parties[usize::from(index)];
        let Some(round) = &mut party.round else { return Ok(()) };
        let step = round.handle(event, now, &mut party.rng, &*party.signer);
        self.note(index, what);
        self.absorb(index, step)
    }

    /// Commits a step, then does its actions in order.
    fn absorb(&mut self, index: u16, step: Step) -> Result<(), String> {
        let party = &mut self.parties[usize::from(index)];
        self.observer.step(&party.terms, &step, self.now, &party.place)?;
        for change in step.changes {
            match change {
                Change::Message(message) => {
                    if message.sender() == index {
                        trace(&mut self.trace, self.now, || format!("p{index} signs {message:?}"));
                    }
                    party.disk.messages.push(message);
                }
                Change::EraseSecrets => party.disk.messages.retain(|m| m.kind() != wire::MessageKind::Share),
                Change::Ended(ended) => {
                    party.disk.ended = Some(ended);
                    self.ended_at = self.now;
                }
                Change::Secret { .. } | Change::EraseSecret(_) | Change::Void | Change::Abstains => {}
            }
        }
        for action in step.actions {
            self.act(index, action)?;
        }
        self.plan_tick(index);
        Ok(())
    }

    fn act(&mut self, index: u16, action: Action) -> Result<(), String> {
        match action {
            Action::Send { to, message } => self.emit(index, to, Parcel::message(&message)),
            Action::SendHave { to, have } => self.emit(index, to, Parcel::Have(have)),
            Action::SendGrant { to, grant } => self.emit(index, to, Parcel::Grant(grant)),
            Action::Stream { to, object, from, first, end } => {
                for chunk in first..end {
                    let mut elements = Zeroizing::new(Vec::new());
                    let place = &mut self.parties[usize::from(index)].place;
                    protocol::round::Workplace::read(place, from, chunk, &mut elements)?;
                    self.emit(index, to, Parcel::Chunk { object, index: chunk, elements });
                }
            }
            Action::Run(job) => {
                let (least, most) = self.plan.work;
                let at = Millis(self.now.0 + self.dice.within(least, most));
                self.parties[usize::from(index)].jobs.push_back(job);
                self.schedule(at, Occurrence::Work(index));
            }
            // The link comes up again by itself, as links do.
            Action::Cut { peer, .. } => {
                let (_, most) = self.plan.latency;
                self.schedule(self.now, Occurrence::Happening(Happening::Down(index, peer)));
                let back = Millis(self.now.0 + most + 1);
                self.schedule(back, Occurrence::Happening(Happening::Up(index, peer)));
            }
            Action::Erase(object) => self.parties[usize::from(index)].place.erase(object),
            Action::EraseAll => self.parties[usize::from(index)].place.erase_all(),
        }
        Ok(())
    }

    fn emit(&mut self, from: u16, to: u16, parcel: Parcel) {
        let parcels = match &mut self.tamper {
            Some(tamper) if self.plan.corrupt.contains(&from) => {
                tamper(&Outgoing { from, to, parcel: &parcel, now: self.now })
            }
            _ => vec![(to, parcel)],
        };
        for (to, parcel) in parcels.into_iter().filter(|(to, _)| *to != from) {
            let (least, most) = self.plan.latency;
            let earliest = Millis(self.now.0 + self.dice.within(least, most));
            if let Some((at, epoch)) = self.network.send(from, to, parcel, earliest) {
                self.schedule(at, Occurrence::Delivery { from, to, epoch });
            }
        }
    }

    fn plan_tick(&mut self, index: u16) {
        let party = &mut self.parties[usize::from(index)];
        let due = party.round.as_ref().and_then(|round| round.deadline(self.now));
        if let Some(at) = due.filter(|at| party.ticks.insert(*at)) {
            self.schedule(at, Occurrence::Tick(index));
        }
    }

    fn note(&mut self, index: u16, what: &str) {
        trace(&mut self.trace, self.now, || format!("p{index}: {what}"));
    }
}

fn trace(lines: &mut VecDeque<(Millis, String)>, now: Millis, line: impl FnOnce() -> String) {
    if lines.len() == TRACE {
        lines.pop_front();
    }
    lines.push_back((now, line()));
}
