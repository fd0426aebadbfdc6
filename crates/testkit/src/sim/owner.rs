//! What a node does around its rounds: joins, commits, acts, goes down, comes up, recovers (PROTOCOL 1.2, 4.8, 7).

use protocol::recovery::{NotAsked, Recovery, Verdict, verdict};
use protocol::round::{Action, Change, Done, Event, Job, Millis, Round, Step, check_void, statements_of};
use rand_core::Rng;
use wire::link::{Pin, Recall};
use wire::message::Votes;
use wire::{Body, Envelope, MessageKind, Sealed, Until};
use zeroize::Zeroizing;

use super::disk::Stored;
use super::forger::{Incoming, Outgoing, Working};
use super::network::Parcel;
use super::party::{Machine, Running, Task};
use super::plan::{CrashPoint, GuardFate, Lapse, NEVER};
use super::signing::Signing;
use super::{Cluster, Occurrence};

type Outcome = Result<(), String>;

impl Cluster {
    /// The operator starts a round: the one after those that are void.
    pub(super) fn propose(&mut self, index: u16) -> Outcome {
        let lapse = self.plan.lapse;
        let party = &self.parties[usize::from(index)];
        let Some(machine) = party.machine.as_ref().filter(|machine| machine.recovery.is_none()) else { return Ok(()) };
        let ended = party.disk.rounds.values().filter(|stored| stored.ended.is_some()).count();
        let v = match lapse {
            Some(Lapse::VoidProof) => u32::try_from(ended).unwrap_or(0),
            _ => party.disk.voided(),
        };
        if v > self.plan.most_voided || party.disk.rounds.contains_key(&v) {
            return Ok(());
        }
        let before = v.checked_sub(1).and_then(|before| machine.rounds.get(&before));
        let proof = before.map(|running| running.round.void_proof()).unwrap_or_default();
        self.join(index, v, proof, None)
    }

    /// A round that a peer proposes is joined if it is the next of this period here, or comes with the proof that the one
    /// before is void.
    fn proposed(&mut self, from: u16, index: u16, v: u32, parcel: &Parcel) -> Outcome {
        let party = &self.parties[usize::from(index)];
        let known = party.disk.rounds.keys().next_back().copied();
        let Some(envelope) = parcel.envelope().filter(|_| known < Some(v)) else { return Ok(()) };
        let terms = &party.terms;
        let key = terms[0].key(envelope.sender()).copied();
        let Some(proposal) = key.and_then(|key| envelope.verify_by(terms[0].verify(), &key).ok()) else {
            return Ok(());
        };
        let Body::Propose { proof, .. } = proposal.body().clone() else { return Ok(()) };
        if let Some(before) = v.checked_sub(1).filter(|_| self.plan.lapse != Some(Lapse::VoidProof)) {
            if check_void(&terms[before as usize], &proof).is_err() {
                return Ok(());
            }
            if known == Some(before) {
                self.pass_on(from, index, before, &proof)?;
            }
            // Whatever the proof is of, the last round that it knows has ended here, and without a certificate.
            let party = &self.parties[usize::from(index)];
            let stands = |stored: &Stored| stored.ended.is_none() || stored.certified().is_some();
            if !party.runs() || known.and_then(|v| party.disk.rounds.get(&v)).is_some_and(stands) {
                return Ok(());
            }
        }
        self.join(index, v, proof, Some(proposal))
    }

    /// What proves a round void ends it here: each vote is a Close that its party has signed.
    fn pass_on(&mut self, from: u16, index: u16, v: u32, proof: &Votes) -> Outcome {
        let round = self.observer.terms(v).round();
        for vote in proof.iter().filter(|vote| vote.party != index) {
            let body = Body::Close { until: Until::Forever, lock: None };
            let close = Envelope::carried(round, vote.party, None, body, vote.signature);
            let bytes = Zeroizing::new(close.bytes().to_vec());
            self.handle(index, v, Event::Message { from, bytes }, "message of a proof")?;
        }
        Ok(())
    }

    fn join(&mut self, index: u16, v: u32, proof: Votes, proposal: Option<Sealed>) -> Outcome {
        let now = self.now;
        let party = &mut self.parties[usize::from(index)];
        let Some(machine) = &mut party.machine else { return Ok(()) };
        let terms = party.terms[v as usize].clone();
        let (round, step) = Round::join(terms, proof, proposal, now, &mut party.rng, &party.signer);
        machine.rounds.insert(v, Running::new(round));
        self.note(index, "joins");
        self.absorb(index, v, step)
    }

    /// A parcel arrived.
    pub(super) fn deliver(&mut self, from: u16, to: u16, parcel: Parcel) -> Outcome {
        if self.tamper.is_some() && self.plan.corrupt.contains(&to) {
            let own = parcel.said().is_some_and(|(sender, ..)| sender == to);
            let heard = self.ear.as_mut().is_none_or(|ear| ear(&Incoming { from, to, parcel: &parcel }));
            if own || !heard {
                return Ok(());
            }
        }
        match parcel {
            Parcel::Recall(recall) => return self.recalls(from, to, &recall),
            Parcel::Pin(pin) => return self.recovers(to, |recovery| recovery.pin(from, pin)),
            Parcel::Recalled => return self.recovers(to, |recovery| recovery.recalled(from)),
            Parcel::Message(_) | Parcel::Have(_) | Parcel::Grant(_) | Parcel::Chunk { .. } => {}
        }
        let party = &mut self.parties[usize::from(to)];
        let Some(machine) = &party.machine else { return Ok(()) };
        if machine.recovery.is_some() {
            return self.shown(from, to, &parcel);
        }
        // What is of no round of this period is judged by the latest.
        let known = parcel.round().and_then(|round| self.rounds.get(&round).copied());
        let Some(v) = known.or(party.latest()) else { return Ok(()) };
        if !machine.rounds.contains_key(&v) {
            // The owner of rounds joins on a proposal that it can verify; what else came too early is asked for then.
            return self.proposed(from, to, v, &parcel);
        }
        let (event, what) = match parcel {
            Parcel::Message(bytes) => (Event::Message { from, bytes }, "message"),
            Parcel::Have(have) => (Event::Have { peer: from, have }, "inventory"),
            Parcel::Grant(grant) => (Event::Grant { peer: from, grant }, "grant"),
            Parcel::Chunk { object, index, elements } => {
                (Event::Chunk { peer: from, object, index, elements }, "chunk")
            }
            Parcel::Recall(_) | Parcel::Pin(_) | Parcel::Recalled => return Ok(()),
        };
        self.handle(to, v, event, what)
    }

    /// The worker of a round does what is next.
    pub(super) fn work(&mut self, index: u16, v: u32, life: u32) -> Outcome {
        let party = &mut self.parties[usize::from(index)];
        if party.life != life {
            return Ok(());
        }
        let Some(running) = party.machine.as_mut().and_then(|machine| machine.rounds.get_mut(&v)) else {
            return Ok(());
        };
        let (Some(Task::Job(job)), Some(stored)) = (running.tasks.pop_front(), party.disk.rounds.get_mut(&v)) else {
            return Ok(());
        };
        let doom = party.doom.filter(|(point, _)| matches!(point, CrashPoint::Working(_)));
        if let Some((CrashPoint::Working(operations), down)) = doom {
            stored.place.run_for(operations.into());
            drop(job.run(&party.terms[v as usize], &mut stored.place));
            return self.crash(index, down);
        }
        let terms = &party.terms[v as usize];
        // Whoever checks Commitments finds the same; where signatures are cheap they are looked at once.
        let looked_at = match &job {
            Job::Check { commitments, .. } if self.plan.signing == Signing::KeyedHash => Some(commitments.clone()),
            _ => None,
        };
        let known = looked_at.as_ref().and_then(|commitments| self.checked.get(&commitments.digest().0));
        let mut done = match (&looked_at, known) {
            (Some(commitments), Some(checked)) => {
                Done::Checked { dealer: commitments.sender(), checked: checked.clone() }
            }
            _ => job.run(terms, &mut stored.place),
        };
        if let (Some(commitments), Done::Checked { checked, .. }) = (looked_at, &done) {
            self.checked.insert(commitments.digest().0, checked.clone());
        }
        if let Some(meddler) = self.meddler.as_mut().filter(|_| self.plan.corrupt.contains(&index)) {
            meddler(&mut Working { party: index, terms, done: &mut done, place: &mut stored.place });
        }
        while let Some(Task::Erase(_) | Task::EraseAll) = running.tasks.front() {
            match running.tasks.pop_front() {
                Some(Task::Erase(object)) => stored.place.erase(object),
                _ => stored.place.erase_all(),
            }
        }
        if let Done::Loaded(Ok(_)) = &done {
            self.observer.loaded(index, v, &stored.place.input);
        }
        self.handle(index, v, Event::Done(done), "job done")
    }

    /// Time has passed at a party.
    pub(super) fn tick(&mut self, index: u16) -> Outcome {
        self.each_round(index, |cluster, v| cluster.handle(index, v, Event::Tick, "tick"))
    }

    fn each_round(&mut self, index: u16, mut act: impl FnMut(&mut Self, u32) -> Outcome) -> Outcome {
        let machine = self.parties[usize::from(index)].machine.as_ref();
        let rounds: Vec<u32> = machine.map(|machine| machine.rounds.keys().copied().collect()).unwrap_or_default();
        rounds.into_iter().try_for_each(|v| act(self, v))
    }

    /// Feeds an event to a round, if it runs.
    pub(super) fn handle(&mut self, index: u16, v: u32, event: Event, what: &'static str) -> Outcome {
        let now = self.now;
        let party = &mut self.parties[usize::from(index)];
        let Some(running) = party.machine.as_mut().and_then(|machine| machine.rounds.get_mut(&v)) else {
            return Ok(());
        };
        let step = running.round.handle(event, now, &mut party.rng, &party.signer);
        self.note(index, what);
        self.absorb(index, v, step)
    }

    /// PROTOCOL 7: commits a step, then the guard, then does its actions in order. The machine may go down anywhere.
    fn absorb(&mut self, index: u16, v: u32, step: Step) -> Outcome {
        let now = self.now;
        if step.is_empty() {
            self.plan_tick(index);
            return Ok(());
        }
        let party = &mut self.parties[usize::from(index)];
        let sends = step.actions.iter().any(|action| matches!(action, Action::Send { .. }));
        let (doom, down) = match party.doom {
            Some((point, down)) if sends => (Some(point), down),
            _ => (None, NEVER),
        };
        if doom == Some(CrashPoint::BeforeCommit) {
            return self.crash(index, down);
        }
        let place = party.workplace(&self.plan);
        let stored = party.disk.rounds.entry(v).or_insert_with(|| Stored::new(now, place));
        for change in &step.changes {
            stored.put(index, change);
            match change {
                Change::Ended(_) => drop(self.ends.insert((index, v), now)),
                Change::Message(message) if message.sender() == index => {
                    self.trace.note(now, index, "signs", Some(message));
                }
                _ => {}
            }
        }
        let running = party.machine.as_ref().and_then(|machine| machine.rounds.get(&v));
        let goes = |object| running.is_some_and(|running| running.erases(object));
        self.observer.step(index, v, &step, stored, &goes, now)?;
        if sends {
            let mut drawn = [0; 32];
            party.rng.fill_bytes(&mut drawn);
            party.disk.raise(party.disk.last.number + 1, drawn);
        }
        if doom == Some(CrashPoint::BeforeGuard) {
            return self.crash(index, down);
        }
        if sends {
            party.guard = Some(party.disk.last);
        }
        let most = if let Some(CrashPoint::Acting(most)) = doom { most.into() } else { usize::MAX };
        for action in step.actions.into_iter().take(most) {
            self.act(index, v, action)?;
        }
        if matches!(doom, Some(CrashPoint::Acting(_))) {
            return self.crash(index, down);
        }
        let party = &self.parties[usize::from(index)];
        let idle = party.machine.as_ref().and_then(|m| m.rounds.get(&v)).filter(|running| running.tasks.is_empty());
        if let (Some(running), Some(stored)) = (idle, party.disk.rounds.get(&v)) {
            self.observer.settled(index, stored, running.round.is_closed())?;
        }
        self.plan_tick(index);
        Ok(())
    }

    fn act(&mut self, index: u16, v: u32, action: Action) -> Outcome {
        match action {
            Action::Send { to, message } => {
                self.trip(index, to, message.kind());
                self.emit(index, to, Parcel::message(&message));
            }
            Action::SendHave { to, have } => self.emit(index, to, Parcel::Have(have)),
            Action::SendGrant { to, grant } => self.emit(index, to, Parcel::Grant(grant)),
            Action::Stream { to, object, from, first, end } => {
                for chunk in first..end {
                    let mut elements = Zeroizing::new(Vec::new());
                    let stored = self.parties[usize::from(index)].disk.rounds.get_mut(&v).ok_or("no such round")?;
                    protocol::round::Workplace::read(&mut stored.place, from, chunk, &mut elements)?;
                    self.emit(index, to, Parcel::Chunk { object, index: chunk, elements });
                }
            }
            Action::Run(job) => {
                let (least, most) = self.plan.work;
                let at = Millis(self.now.0 + self.dice.within(least, most));
                let party = &mut self.parties[usize::from(index)];
                let life = party.life;
                if let Some(running) = party.running(v) {
                    running.tasks.push_back(Task::Job(job));
                }
                self.schedule(at, Occurrence::Work { party: index, v, life });
            }
            // The observer has looked at it.
            Action::Keep { .. } => {}
            // The link comes up again by itself, as links do.
            Action::Cut { peer, .. } => self.relink(index, peer),
            Action::Erase(object) => self.erase(index, v, Task::Erase(object)),
            Action::EraseAll => self.erase(index, v, Task::EraseAll),
        }
        Ok(())
    }

    /// An erasure waits for the job before it.
    fn erase(&mut self, index: u16, v: u32, task: Task) {
        let party = &mut self.parties[usize::from(index)];
        let running = party.machine.as_mut().and_then(|machine| machine.rounds.get_mut(&v));
        let (Some(running), Some(stored)) = (running, party.disk.rounds.get_mut(&v)) else { return };
        match task {
            task if !running.tasks.is_empty() => running.tasks.push_back(task),
            Task::Erase(object) => stored.place.erase(object),
            Task::EraseAll | Task::Job(_) => stored.place.erase_all(),
        }
    }

    fn emit(&mut self, from: u16, to: u16, parcel: Parcel) {
        let parcels = match &mut self.tamper {
            Some(tamper) if self.plan.corrupt.contains(&from) => {
                tamper(&Outgoing { from, to, parcel: &parcel, now: self.now })
            }
            _ => vec![(to, parcel)],
        };
        for (to, parcel) in parcels.into_iter().filter(|(to, _)| *to != from) {
            let again = matches!(parcel, Parcel::Message(_)) && self.dice.percent(self.plan.duplicates);
            if again {
                self.carry(from, to, parcel.clone());
            }
            self.carry(from, to, parcel);
        }
    }

    /// A link may break just when it is to carry something.
    fn trip(&mut self, a: u16, b: u16, kind: MessageKind) {
        let (until, longest) = self.plan.tripping;
        let trips = self.plan.trips.iter().find(|(of, _)| *of == kind).map_or(0, |(_, percent)| *percent);
        if trips > 0 && self.now.0 < until && self.dice.percent(trips) && self.network.set(a, b, false) {
            let back = Millis(self.now.0 + self.dice.within(1, longest));
            self.schedule(back, Occurrence::Link(a, b));
        }
    }

    fn carry(&mut self, from: u16, to: u16, parcel: Parcel) {
        let (least, most) = self.plan.latency;
        let earliest = Millis(self.now.0 + self.dice.within(least, most));
        if let Some((at, epoch)) = self.network.send(from, to, parcel, earliest) {
            self.schedule(at, Occurrence::Delivery { from, to, epoch });
        }
    }

    fn plan_tick(&mut self, index: u16) {
        let now = self.now;
        let party = &mut self.parties[usize::from(index)];
        let Some(machine) = &party.machine else { return };
        let due = machine.rounds.values().filter_map(|running| running.round.deadline(now)).min();
        if let Some(at) = due.filter(|at| party.ticks.insert(*at)) {
            self.schedule(at, Occurrence::Tick(index));
        }
    }

    /// Links two parties, or parts them, as their machines and the way between them are now.
    pub(super) fn link(&mut self, a: u16, b: u16) -> Outcome {
        let runs = |party: u16| self.parties[usize::from(party)].machine.is_some();
        let up = self.network.has_way(a, b) && runs(a) && runs(b);
        if !self.network.set(a, b, up) {
            return Ok(());
        }
        for (party, peer) in [(a, b), (b, a)] {
            let recovery = self.parties[usize::from(party)].machine.as_mut().and_then(|m| m.recovery.as_mut());
            match (recovery, up) {
                (Some(recovery), true) => {
                    if recovery.link_up(peer) {
                        let ended = self.parties[usize::from(party)].disk.rounds.iter();
                        let ended = ended.filter(|(_, stored)| stored.ended.is_some());
                        let ended: Vec<_> = ended.map(|(v, _)| self.observer.terms(*v).round()).collect();
                        let ended = ended.try_into().unwrap_or_default();
                        self.emit(party, peer, Parcel::Recall(Recall { ended }));
                    }
                }
                (Some(recovery), false) => recovery.link_down(peer),
                (None, true) => {
                    self.each_round(party, |cluster, v| cluster.handle(party, v, Event::LinkUp { peer }, "link up"))?;
                }
                (None, false) => {}
            }
        }
        Ok(())
    }

    /// Parts two parties; they link again after a while.
    fn relink(&mut self, a: u16, b: u16) {
        if self.network.set(a, b, false) {
            let (_, most) = self.plan.latency;
            self.schedule(Millis(self.now.0 + most + 1), Occurrence::Link(a, b));
        }
    }

    /// The machine goes down. Only the disk stays.
    pub(super) fn crash(&mut self, index: u16, down: u64) -> Outcome {
        let party = &mut self.parties[usize::from(index)];
        party.doom = None;
        if party.machine.take().is_none() {
            return Ok(());
        }
        party.life += 1;
        party.disk.rounds.values_mut().for_each(|stored| stored.place.crash());
        let life = party.life;
        self.note(index, "goes down");
        for other in (0..self.plan.parties()).filter(|&other| other != index) {
            self.link(index, other)?;
        }
        if down < NEVER {
            self.schedule(Millis(self.now.0 + down), Occurrence::Start { party: index, life });
        }
        Ok(())
    }

    /// An older copy of the store is put back.
    pub(super) fn put_back(&mut self, index: u16, copy: usize, fate: GuardFate) -> Outcome {
        let party = &self.parties[usize::from(index)];
        let Some((disk, guard)) = party.copies.get(copy).cloned() else { return Ok(()) };
        self.crash(index, 1)?;
        let party = &mut self.parties[usize::from(index)];
        party.disk = disk;
        party.disk.rounds.values_mut().for_each(|stored| stored.place.crash());
        // PROTOCOL 7: what it forgot it learns from the other compute and result parties, and from nobody else.
        let told = (0u16..).zip(&self.parties).filter(|(by, party)| *by == index || party.hears_votes(*by));
        let disks: Vec<_> = told.flat_map(|(_, party)| party.disk.rounds.values()).collect();
        self.observer.forgets(index, |message| disks.iter().any(|stored| stored.holds(message)));
        let party = &mut self.parties[usize::from(index)];
        match fate {
            GuardFate::Kept => {}
            GuardFate::Lost => party.guard = None,
            // PROTOCOL 5.6: what rolls back together with its guard does not know it, and counts as corrupt.
            GuardFate::Older => {
                party.guard = guard;
                self.observer.corrupts(index);
            }
        }
        self.note(index, "is put back to an older copy");
        Ok(())
    }

    /// The machine comes up.
    pub(super) fn start(&mut self, index: u16, life: u32) -> Outcome {
        let lapse = self.plan.lapse;
        let party = &mut self.parties[usize::from(index)];
        if party.life != life || party.machine.is_some() {
            return Ok(());
        }
        let mut machine = Machine::default();
        let rolled_back = lapse != Some(Lapse::GuardIgnored)
            && verdict(&party.disk.last, &party.disk.before, party.guard.as_ref()) == Verdict::RolledBack;
        if rolled_back {
            let others = (0..self.plan.parties()).filter(|&other| other != index && party.hears_votes(other));
            let guard = party.guard.map(|mark| mark.number);
            machine.recovery = Some(Recovery::new(party.disk.last.number, guard, others));
        }
        party.machine = Some(machine);
        self.note(index, if rolled_back { "comes up and recovers" } else { "comes up" });
        if !rolled_back {
            self.go_on(index)?;
        }
        // A compute party alone has nobody to ask.
        self.recovers(index, |_| Ok(()))?;
        (0..self.plan.parties()).filter(|&other| other != index).try_for_each(|other| self.link(index, other))
    }

    /// Takes up again what the disk has.
    fn go_on(&mut self, index: u16) -> Outcome {
        let now = self.now;
        let party = &mut self.parties[usize::from(index)];
        party.guard = Some(party.disk.last);
        let rounds: Vec<u32> = party.disk.rounds.keys().copied().collect();
        for v in rounds {
            let party = &mut self.parties[usize::from(index)];
            let (Some(machine), Some(stored)) = (&mut party.machine, party.disk.rounds.get(&v)) else { return Ok(()) };
            let terms = party.terms[v as usize].clone();
            let (round, step) = Round::restore(terms, stored.saved(), now, &mut party.rng, &party.signer);
            machine.rounds.insert(v, Running::new(round));
            self.absorb(index, v, step)?;
        }
        self.plan_tick(index);
        Ok(())
    }

    /// A peer asks what it signed: it is told, of every round that it has not ended.
    fn recalls(&mut self, from: u16, to: u16, recall: &Recall) -> Outcome {
        let party = &self.parties[usize::from(to)];
        let mut answer = Vec::new();
        for (v, stored) in &party.disk.rounds {
            let terms = &party.terms[*v as usize];
            if recall.ended.contains(&terms.round()) {
                continue;
            }
            let (Ok(computation), Ok(period)) = (terms.computation().id.as_str().try_into(), terms.period().try_into())
            else {
                return Err("a name that is too long".into());
            };
            answer.push(Parcel::Pin(Pin { agreement: terms.agreement().0, computation, period, voided: *v }));
            let round = terms.round();
            let signed = |message: &&Sealed| {
                let sender = message.sender();
                sender == from || !statements_of(from, round, sender, message.body()).is_empty()
            };
            answer.extend(stored.messages.iter().filter(signed).map(Parcel::message));
        }
        answer.push(Parcel::Recalled);
        if party.machine.is_some() {
            answer.into_iter().for_each(|parcel| self.emit(to, from, parcel));
        }
        Ok(())
    }

    /// A party that recovers hears something. Once all have answered: store, guard, and then its rounds.
    fn recovers(&mut self, index: u16, hears: impl FnOnce(&mut Recovery) -> Result<(), NotAsked>) -> Outcome {
        let lapse = self.plan.lapse;
        let party = &mut self.parties[usize::from(index)];
        let Some(machine) = &mut party.machine else { return Ok(()) };
        let Some(recovery) = &mut machine.recovery else { return Ok(()) };
        if hears(recovery).is_err() {
            // No honest node sends it.
            return Ok(());
        }
        let Some(number) = recovery.raise_to() else { return Ok(()) };
        machine.recovery = None;
        let mut drawn = [0; 32];
        party.rng.fill_bytes(&mut drawn);
        let old = party.disk.last;
        party.disk.raise(number, drawn);
        // PROTOCOL 7: in malicious rounds what was forgotten may be hidden.
        for stored in party.disk.rounds.values_mut().filter(|stored| stored.ended.is_none()) {
            if party.terms[0].is_malicious() {
                stored.put(index, &Change::Abstains);
            }
        }
        if let Some((CrashPoint::BeforeGuard, down)) = party.doom {
            return self.crash(index, down);
        }
        self.note(index, "has recovered");
        self.go_on(index)?;
        let party = &mut self.parties[usize::from(index)];
        if lapse == Some(Lapse::GuardFalls) {
            party.guard = Some(old);
        }
        // Nothing was taken in meanwhile. On the next links each side says what it holds.
        (0..self.plan.parties()).filter(|&other| other != index).for_each(|other| self.relink(index, other));
        Ok(())
    }

    /// A party that recovers takes nothing in but what it has signed itself: what its store lacks of that, it had forgotten.
    fn shown(&mut self, from: u16, to: u16, parcel: &Parcel) -> Outcome {
        let now = self.now;
        let party = &mut self.parties[usize::from(to)];
        let place = party.workplace(&self.plan);
        let Some(recovery) = party.machine.as_mut().and_then(|machine| machine.recovery.as_mut()) else {
            return Ok(());
        };
        let Some(envelope) = parcel.envelope() else { return Ok(()) };
        let (terms, round) = (&party.terms[0], envelope.round());
        let Some(&v) = self.rounds.get(&round) else { return Ok(()) };
        let known = party.disk.rounds.contains_key(&v) || recovery.pinned(from, &round).is_some();
        if envelope.body().kind() == MessageKind::Share || !known {
            return Ok(());
        }
        let mut signed = statements_of(to, round, envelope.sender(), envelope.body());
        signed.extend((envelope.sender() == to).then_some(envelope));
        let key = terms.key(to).copied().unwrap_or_default();
        for envelope in signed {
            let Ok(message) = envelope.verify_by(terms.verify(), &key) else { continue };
            if party.disk.rounds.get(&v).is_some_and(|stored| stored.holds(&message)) {
                continue;
            }
            recovery.lacked(round);
            let stored = party.disk.rounds.entry(v).or_insert_with(|| Stored::new(now, place.clone()));
            stored.put(to, &Change::Message(message));
            stored.put(to, &Change::Abstains);
        }
        Ok(())
    }
}
