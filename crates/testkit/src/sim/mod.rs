//! A seeded simulator of whole consortia, over the sans-IO machine (PROTOCOL 2 to 4, 6.3, 7).
//!
//! A [`Plan`] says who is there and what happens; a [`Cluster`] runs it on a virtual clock and checks after every event what
//! the observer knows. Links keep order and lose what is in flight when they break; delays and jobs interleave at random.
//! A machine that goes down, at any point of a step, keeps what its disk has and nothing else. A party under an adversary
//! runs the honest machine, perhaps without some of its rules, and a [`Tamper`] rewrites what leaves it, with its key.
//!
//! Everything follows from the plan and its seed, so a failure replays.

mod adversary;
mod cheat;
mod disk;
mod forger;
mod lies;
mod network;
mod observer;
mod others;
mod owner;
mod party;
mod place;
mod plan;
mod random;
mod report;
mod signing;

use std::collections::{BTreeMap, VecDeque};

use protocol::round::{Approver, Ended, Event, Millis, Terms};
use wire::{Body, RoundId, Sealed, Set};

pub use self::adversary::Habit;
pub use self::cheat::{Cheat, SumLie, announced, cheating};
pub use self::forger::{Ear, Forger, Incoming, Meddler, Outgoing, Tamper, Working};
pub use self::lies::{Lie, lies};
use self::network::Network;
pub use self::network::Parcel;
pub use self::observer::Finding;
use self::observer::Observer;
use self::party::Party;
pub use self::place::Memory;
pub use self::plan::{COMPUTATION, CrashPoint, Expect, GuardFate, Happening, Lapse, NEVER, PERIOD, Plan, about};
pub use self::report::{Report, Standing, Violation};
pub use self::signing::{PartySigner, Signing};
use crate::dice::Dice;

/// No small round takes as many events; one that does goes round in circles.
const MAX_EVENTS: u64 = 400_000;
/// How many of the last events a failure shows.
const TRACE: usize = 80;

/// Why operators give rounds up.
const GAVE_UP: &str = "enough";

/// What happens next.
#[derive(Clone, Copy)]
enum Occurrence {
    Happening(Happening),
    Delivery {
        from: u16,
        to: u16,
        epoch: u64,
    },
    /// The worker of a round has done something, in that life of its party.
    Work {
        party: u16,
        v: u32,
        life: u32,
    },
    Tick(u16),
    /// Two parties link, if they can.
    Link(u16, u16),
    /// A machine comes up, unless it went down again.
    Start {
        party: u16,
        life: u32,
    },
}

/// The last events, for a failure to show.
#[derive(Default)]
struct Trace(VecDeque<(Millis, u16, &'static str, Option<Sealed>)>);

impl Trace {
    fn note(&mut self, at: Millis, party: u16, what: &'static str, message: Option<&Sealed>) {
        if self.0.len() == TRACE {
            self.0.pop_front();
        }
        self.0.push_back((at, party, what, message.cloned()));
    }

    fn text(&self) -> String {
        let lines = self.0.iter().map(|(at, party, what, message)| {
            let message =
                message.as_ref().map(|message| format!(" {message:?} of {}", subject(message))).unwrap_or_default();
            format!("{:>8} p{party} {what}{message}", at.0)
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// All parties of one period.
pub struct Cluster {
    plan: Plan,
    /// v, by round id.
    rounds: BTreeMap<RoundId, u32>,
    parties: Vec<Party>,
    network: Network,
    observer: Observer,
    tamper: Option<Tamper>,
    ear: Option<Ear>,
    meddler: Option<Meddler>,
    /// What was found of Commitments, where parties need not look one by one: it is the same for all.
    checked: BTreeMap<[u8; 32], Result<(), String>>,
    dice: Dice,
    now: Millis,
    /// When each round ended at each party, by party and v.
    ends: BTreeMap<(u16, u32), Millis>,
    agenda: BTreeMap<(Millis, u64, u64), Occurrence>,
    planned: u64,
    events: u64,
    trace: Trace,
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
        // The observer goes by every rule, whatever is switched off at the parties.
        let terms = party::terms(&plan, &agreement, 0);
        let mut cluster = Self {
            rounds: (0..).zip(&terms).map(|(v, terms)| (terms.round(), v)).collect(),
            observer: Observer::new(terms, plan.corrupt.clone(), plan.signing == Signing::Ed25519),
            parties,
            network: Network::default(),
            tamper: None,
            ear: None,
            meddler: None,
            checked: BTreeMap::new(),
            dice: plan.dice("schedule"),
            now: Millis(0),
            ends: BTreeMap::new(),
            agenda: BTreeMap::new(),
            planned: 0,
            events: 0,
            trace: Trace::default(),
            plan,
        };
        if cluster.plan.mischief {
            let (tamper, ear, meddler) = adversary::adversary(&cluster.plan, &cluster.parties[0].terms[0]);
            (cluster.tamper, cluster.ear, cluster.meddler) = (Some(tamper), Some(ear), Some(meddler));
        }
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

    /// Lets an adversary change what the machines of the plan's corrupt parties have worked out.
    #[must_use]
    pub fn meddled(mut self, meddler: Meddler) -> Self {
        self.meddler = Some(meddler);
        self
    }

    /// Lets the machines of the plan's corrupt parties hear only what the adversary lets through. Only beside a tamper.
    #[must_use]
    pub fn hearing(mut self, ear: Ear) -> Self {
        self.ear = Some(ear);
        self
    }

    /// What the first round of the period is about, at the first party.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.parties[0].terms[0]
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
            if let Err(what) = self.expected(index, party) {
                return Err(self.violation(index, what));
            }
        }
        Ok(Report {
            parties: self.parties.iter().map(standing).collect(),
            certified: self.observer.certified().cloned(),
            crashes: self.parties.iter().map(|party| u64::from(party.life)).sum(),
            attempts: self.observer.attempts().0,
            locks_carried: self.observer.attempts().1,
            findings: self.observer.findings,
            proven: self.observer.proven,
            proven_by: self.observer.proven_by,
            complaints: self.observer.complaints,
            ended_at: self.ends.values().copied().max().unwrap_or_default(),
            certified_at: self.observer.certified_at,
            ends: self.ends,
            events: self.events,
        })
    }

    /// Whether an honest party ended as the plan expects.
    fn expected(&self, index: u16, party: &Party) -> Result<(), String> {
        let abstains = party.disk.rounds.values().next_back().is_some_and(|stored| stored.abstains);
        if self.observer.is_corrupt(index) || !party.runs() || abstains {
            return Ok(());
        }
        let expect = match &self.plan.expect {
            Expect::Promised => &self.promised(),
            expect => expect,
        };
        let Some((v, stored)) = party.disk.rounds.last_key_value() else {
            // Nobody told it: right only where it was never to come.
            let promised = matches!(expect, Expect::Completed(_) | Expect::Result);
            return if promised { Err("it never learned of the round".into()) } else { Ok(()) };
        };
        let Some(running) = party.machine.as_ref().and_then(|machine| machine.rounds.get(v)) else {
            return Err("it does not go on with the round".into());
        };
        let round = &running.round;
        if !round.is_closed() {
            return Err(format!("the round is not closed: {:?}, waits {:?}", round.ended(), round.view().waits));
        }
        let ended = round.ended().ok_or("closed and not ended")?;
        if stored.ended.as_ref() != Some(ended) {
            return Err("how it ended is not on disk".into());
        }
        if !stored.kept().is_empty() {
            return Err(format!("it closed the round and keeps {:?}", stored.kept()));
        }
        let contributors = || {
            let set = self.observer.certified();
            set.map(|set| set.dealings.iter().map(|entry| entry.dealer).collect::<Vec<_>>())
        };
        // Whoever gave up on its own ends so, whatever the others go on to do.
        let alone = match ended {
            Ended::Abandoned { reason } => reason == GAVE_UP || (*v == 0 && self.plan.late.contains(&index)),
            Ended::Completed { .. } => false,
        };
        if self.plan.expect == Expect::Promised && alone {
            return Ok(());
        }
        match (expect, ended) {
            (Expect::Completed(_) | Expect::Result, Ended::Completed { result }) => {
                if let Expect::Completed(expected) = expect
                    && contributors().as_ref() != Some(expected)
                {
                    return Err(format!("the sum of {:?} instead of {expected:?}", contributors()));
                }
                let learns = party.terms[0].is_result(index);
                if learns == (result.is_some() && stored.place.result().is_some()) {
                    Ok(())
                } else {
                    Err("who learns the result is not as agreed".into())
                }
            }
            (Expect::Abandoned(words), Ended::Abandoned { reason }) => {
                // The one that is waited for waits for others.
                let own = format!("p{index}");
                // Who gave up because others did may not have heard why they did.
                if reason.starts_with("the round cannot end") {
                    return Ok(());
                }
                let missing = words.iter().find(|word| !word.ends_with(&own) && !reason.contains(word.as_str()));
                missing.map_or(Ok(()), |word| Err(format!("abandoned without {word:?}: {reason}")))
            }
            (Expect::Ended, Ended::Abandoned { reason }) if reason.is_empty() => Err("abandoned for nothing".into()),
            (Expect::Ended, _) => Ok(()),
            (expected, ended) => Err(format!("expected {expected:?}, ended {ended:?}")),
        }
    }

    /// What PROTOCOL 1 promises, now that it is known who is down for good: with q compute parties and h holders there is a
    /// certificate, and with k holders of its Q a result. Parties that gave the round up count as silent.
    fn promised(&self) -> Expect {
        let terms = self.terms();
        let quorum = terms.quorum();
        let latest = self.parties.iter().filter_map(Party::latest).max();
        let here = |&party: &u16| {
            let stored = &self.parties[usize::from(party)];
            let gave_up = latest.and_then(|v| stored.disk.rounds.get(&v)).is_some_and(|round| {
                round.abstains || (round.certified().is_none() && matches!(round.ended, Some(Ended::Abandoned { .. })))
            });
            stored.runs() && !self.observer.is_corrupt(party) && !gave_up
        };
        let count = |parties: &[u16]| parties.iter().filter(|party| here(party)).count();
        let corrupt = terms.computes().iter().filter(|party| self.observer.is_corrupt(**party)).count();
        // Against liars rounds go on where n ≥ 3t + 1, and in the semi-honest ones there are none.
        let bounded = if terms.is_malicious() { quorum.n > 3 * quorum.t } else { corrupt == 0 };
        let enough = match self.observer.certified() {
            Some(set) => count(&set.holders) >= usize::from(quorum.k),
            None => {
                count(terms.computes()) >= usize::from(quorum.q.max(quorum.h))
                    && count(terms.inputs()) >= usize::from(terms.computation().min_contributors)
            }
        };
        // A result party that is gone keeps the others from ending before their last day, and from nothing else. One that
        // lies does not keep them from that either.
        let learn = terms.results().iter().all(|party| here(party) || self.observer.is_corrupt(*party));
        if bounded && enough && learn { Expect::Result } else { Expect::Ended }
    }

    fn violation(&self, party: u16, what: String) -> Violation {
        Violation {
            seed: self.plan.seed,
            at: self.now.0,
            party,
            what,
            plan: self.plan.describe(),
            trace: self.trace.text(),
        }
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
            Occurrence::Work { party, v, life } => (party, self.work(party, v, life)),
            Occurrence::Tick(party) => (party, self.tick(party)),
            Occurrence::Link(a, b) => (a, self.link(a, b)),
            Occurrence::Start { party, life } => (party, self.start(party, life)),
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        let person = || Approver::Person("Ada".into());
        match happening {
            Happening::Propose(party) => self.propose(party),
            Happening::Approve(party) => self.tell(party, Event::Approve(person()), "approved by a person"),
            Happening::AutoApprove(party) => self.tell(party, Event::Approve(Approver::Policy), "approved by policy"),
            Happening::Decline(party) => self.tell(party, Event::Decline { reason: "not yet".into() }, "declined"),
            Happening::Abandon(party) => self.tell(party, Event::Abandon { reason: GAVE_UP.into() }, "gave up"),
            Happening::Mend(party) => {
                let party = &mut self.parties[usize::from(party)];
                party.input.clone_from(&party.good);
                party.disk.rounds.values_mut().for_each(|stored| stored.place.input.clone_from(&party.good));
                Ok(())
            }
            Happening::Down(a, b) => {
                self.network.set_way(a, b, false);
                self.link(a, b)
            }
            Happening::Up(a, b) => {
                self.network.set_way(a, b, true);
                self.link(a, b)
            }
            Happening::Crash(party, CrashPoint::Now, down) => self.crash(party, down),
            Happening::Crash(party, point, down) => {
                self.parties[usize::from(party)].doom = Some((point, down));
                Ok(())
            }
            Happening::Copy(party) => {
                let party = &mut self.parties[usize::from(party)];
                party.copies.push((party.disk.clone(), party.guard));
                Ok(())
            }
            Happening::Restore(party, copy, fate) => self.put_back(party, copy, fate),
        }
    }

    /// Something that people do to the latest round of a party.
    fn tell(&mut self, index: u16, event: Event, what: &'static str) -> Result<(), String> {
        match self.parties[usize::from(index)].latest() {
            Some(v) => self.handle(index, v, event, what),
            None => Ok(()),
        }
    }

    fn note(&mut self, party: u16, what: &'static str) {
        self.trace.note(self.now, party, what, None);
    }
}

/// What a vote is about, in short.
fn subject(message: &Sealed) -> String {
    let set = |set: &Set| set.digest(&message.round()).to_string();
    match message.body() {
        Body::Open { attempt, set: opened, .. } => format!("attempt {attempt}, {}", set(opened)),
        Body::Ready { attempt, set } | Body::Accept { attempt, set } => format!("attempt {attempt}, {set}"),
        Body::Close { until, lock } => format!("{until:?}, lock {:?}", lock.as_ref().map(|lock| lock.attempt)),
        Body::Certificate { attempt, set: certified, .. } => format!("attempt {attempt}, {}", set(certified)),
        _ => message.recipient().map_or(String::new(), |to| format!("p{to}")),
    }
}

fn standing(party: &Party) -> Standing {
    let last = party.disk.rounds.last_key_value();
    let running = party.latest().and_then(|v| party.machine.as_ref()?.rounds.get(&v));
    Standing {
        v: last.map_or(0, |(v, _)| *v),
        ended: last.and_then(|(_, stored)| stored.ended.clone()),
        closed: running.is_some_and(|running| running.round.is_closed()),
        void: party.disk.rounds.values().map(|stored| stored.void).collect(),
        abstains: last.is_some_and(|(_, stored)| stored.abstains),
        totals: last.and_then(|(_, stored)| stored.place.result().map(|(totals, _)| totals.to_vec())),
    }
}
