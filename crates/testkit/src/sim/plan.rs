//! What is going to happen in a simulated round: who is there, what they hold, when they act, how links behave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::agreement::{Agreement, ColumnDraft, ComputationDraft, PartyIndex, Quorum, SharingDraft};
use protocol::round::{Rule, Terms};
use wire::MessageKind;

use super::adversary::Habit;
use super::signing::Signing;
use crate::consortium::{Blueprint, Key, Roles, column, computation, figures};
use crate::dice::Dice;

/// The computation that simulated rounds are about.
pub const COMPUTATION: &str = "total";
/// Their period.
pub const PERIOD: &str = "2026-trial.1";
/// Something that people or the world do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The operator of this party starts the round.
    Propose(u16),
    /// The operator of this party approves.
    Approve(u16),
    /// The policy of this party approves.
    AutoApprove(u16),
    /// The operator of this party declines.
    Decline(u16),
    /// The input file of this party is replaced by the good one of the plan.
    Mend(u16),
    /// A link goes down; what is in flight is lost.
    Down(u16, u16),
    /// A link comes up.
    Up(u16, u16),
    /// The operator of this party gives its round up.
    Abandon(u16),
    /// The machine of this party goes down, there, and comes up after so long, or [`NEVER`].
    Crash(u16, CrashPoint, u64),
    /// The store of this party is copied, and its guard.
    Copy(u16),
    /// The machine of this party goes down, and comes up with that copy of its store.
    Restore(u16, usize, GuardFate),
}

/// As long as a machine that does not come up again is down.
pub const NEVER: u64 = u64::MAX;

/// Where in what it does a machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// Between two events.
    Now,
    /// When it next has something to send: before the commit, so that nothing of the step has ever been.
    BeforeCommit,
    /// When it next has something to send: between store and guard.
    BeforeGuard,
    /// When it next has something to send: after so many of the step's actions.
    Acting(u8),
    /// In its next job, after so many operations; or at its end, before anybody is told.
    Working(u8),
}

/// What becomes of the guard when the store is put back to an older copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardFate {
    /// It is where copies do not reach.
    Kept,
    /// It is gone.
    Lost,
    /// It was copied and is put back with the store.
    Older,
}

/// A rule of whoever owns a round that all parties break, to see that the observer notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// At a start the guard is not looked at.
    GuardIgnored,
    /// After a recovery the guard gets the mark that the store had before.
    GuardFalls,
    /// A period is dealt anew when a round of it has ended, and no proof is asked for.
    VoidProof,
}

/// How a plan has to end at every honest party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// With the sum of these contributors.
    Completed(Vec<u16>),
    /// Without a result; every reason holds all of these words.
    Abandoned(Vec<String>),
    /// With a sum of whoever the parties agree on.
    Result,
    /// With a sum if PROTOCOL 1 promises one, given who is there at the end; one way or the other otherwise.
    Promised,
    /// One way or the other: only safety is at stake.
    Ended,
}

/// A round to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Everything random follows from it.
    pub seed: u64,
    /// The agreement, its only computation being [`COMPUTATION`].
    pub blueprint: Blueprint,
    /// The good input of each party; empty where it contributes nothing.
    pub inputs: Vec<Vec<i128>>,
    /// Parties whose input file is bad until it is mended.
    pub spoilt: BTreeSet<u16>,
    /// Parties that deal these elements instead of their input, if their machine lets them.
    pub forged: BTreeMap<u16, Vec<u8>>,
    /// Parties whose disk is full at first, and for how many writes.
    pub full: BTreeMap<u16, u32>,
    /// Parties under an adversary: what they send may be changed, and they may be named.
    pub corrupt: BTreeSet<u16>,
    /// Parties that may give the first round up while others complete it: they were away when it was time to, or know of no
    /// certificate.
    pub late: BTreeSet<u16>,
    /// An adversary does with them what it can think of.
    pub mischief: bool,
    /// What the adversary does; where there is nothing, it is drawn.
    pub habits: Vec<Habit>,
    /// How all parties sign.
    pub signing: Signing,
    /// v of the last round of the period that may be started.
    pub most_voided: u32,
    /// Links that break when they are to carry a message of that kind: so many in a hundred.
    pub trips: Vec<(MessageKind, u64)>,
    /// Until when they do, and for how long at most.
    pub tripping: (u64, u64),
    /// Messages in a hundred that arrive twice.
    pub duplicates: u64,
    /// Rules that are switched off at honest parties, to see that the observer notices.
    pub off: Vec<Rule>,
    /// Rules that the machines of corrupt parties do not keep to.
    pub loose: Vec<Rule>,
    /// A rule about owning rounds that nobody keeps to, to see that the observer notices.
    pub lapse: Option<Lapse>,
    /// What happens when, in milliseconds.
    pub script: Vec<(u64, Happening)>,
    /// Least and greatest delay of a parcel, in milliseconds.
    pub latency: (u64, u64),
    /// Least and greatest time of a job, in milliseconds.
    pub work: (u64, u64),
    /// How it has to end.
    pub expect: Expect,
}

impl Plan {
    /// A round in which nothing goes wrong: all links are up, `p0` proposes, everybody approves.
    #[must_use]
    pub fn smooth(seed: u64, roles: &[Roles], rows: u32, columns: Vec<ColumnDraft>) -> Self {
        let mut blueprint = Blueprint::new(seed, roles);
        blueprint.draft.computations = vec![computation(COMPUTATION, rows, columns)];
        let mut plan = Self {
            seed,
            blueprint,
            inputs: vec![Vec::new(); roles.len()],
            spoilt: BTreeSet::new(),
            forged: BTreeMap::new(),
            full: BTreeMap::new(),
            corrupt: BTreeSet::new(),
            late: BTreeSet::new(),
            mischief: false,
            habits: Vec::new(),
            signing: Signing::Ed25519,
            most_voided: 0,
            trips: Vec::new(),
            tripping: (0, 0),
            duplicates: 0,
            off: Vec::new(),
            loose: Vec::new(),
            lapse: None,
            script: Vec::new(),
            latency: (1, 50),
            work: (0, 20),
            expect: Expect::Completed(parties(roles, |r| r.input)),
        };
        let mut dice = plan.dice("inputs");
        if let Some(bounds) = plan.bounds() {
            for party in parties(roles, |r| r.input) {
                plan.inputs[usize::from(party)] = figures(&mut dice, &bounds, u64::from(rows));
            }
        }
        plan.link_all(0);
        plan.script.push((1, Happening::Propose(0)));
        for party in parties(roles, |r| r.input) {
            plan.script.push((1_000, Happening::Approve(party)));
        }
        plan
    }

    /// A small round of three parties with all roles, on one cell.
    #[must_use]
    pub fn trio(seed: u64) -> Self {
        Self::smooth(seed, &[Roles::ALL; 3], 1, vec![column("amount", 0, "-1000", "1000")])
    }

    /// The agreement's columns, if it is valid.
    fn bounds(&self) -> Option<Vec<sharing::Column>> {
        let agreement = self.blueprint.agreement().ok()?;
        Some(agreement.computation(COMPUTATION)?.columns.iter().map(|c| c.bounds).collect())
    }

    /// Choices of this plan for an end.
    #[must_use]
    pub fn dice(&self, label: &str) -> Dice {
        Dice::new(self.seed, label)
    }

    /// A party's signing key.
    #[must_use]
    pub fn key(&self, party: u16) -> &Key {
        &self.blueprint.keys[usize::from(party)]
    }

    /// Number of parties.
    #[must_use]
    pub fn parties(&self) -> u16 {
        u16::try_from(self.blueprint.keys.len()).unwrap_or(u16::MAX)
    }

    /// Shares by Shamir's scheme. Where the plan did not say how many contributors it takes, it takes all.
    pub fn shamir(&mut self, threshold: u16) {
        let inputs = i64::try_from(self.inputs.iter().filter(|input| !input.is_empty()).count()).ok();
        for computation in &mut self.blueprint.draft.computations {
            computation.sharing = Some(SharingDraft::Shamir { threshold: Some(i64::from(threshold)) });
            computation.min_contributors = computation.min_contributors.or(inputs);
        }
    }

    /// Makes it a round that stands against parties that do as they please.
    pub fn malicious(&mut self) {
        for computation in &mut self.blueprint.draft.computations {
            computation.adversary = Some("malicious".into());
        }
    }

    /// Asks for so many contributors only.
    pub fn min_contributors(&mut self, least: u16) {
        for computation in &mut self.blueprint.draft.computations {
            computation.min_contributors = Some(i64::from(least));
        }
    }

    /// Sets `collect_for` and `give_up_after`.
    pub fn deadlines(&mut self, collect_for: Duration, give_up_after: Duration) {
        for computation in &mut self.blueprint.draft.computations {
            computation.collect_for = Some(collect_for);
            computation.give_up_after = Some(give_up_after);
        }
    }

    /// Sets how long the first attempt may take.
    pub fn attempt_deadline(&mut self, lasts: Duration) {
        for computation in &mut self.blueprint.draft.computations {
            computation.attempt_deadline = Some(lasts);
        }
    }

    /// n, k, t, q and h, if the agreement is valid.
    pub(super) fn quorum(&self) -> Option<Quorum> {
        let agreement = self.blueprint.agreement().ok()?;
        Some(Quorum::of(&agreement, agreement.computation(COMPUTATION)?))
    }

    /// Who leads the first attempt, if the agreement is valid.
    pub(super) fn leader(&self) -> Option<u16> {
        let agreement = self.blueprint.agreement().ok()?;
        Some(Terms::new(&agreement, COMPUTATION, PERIOD, 0, PartyIndex(0)).ok()?.leader(1))
    }

    /// μ, if the agreement is valid.
    pub(super) fn least(&self) -> usize {
        let least = |agreement: &Agreement| Some(agreement.computation(COMPUTATION)?.min_contributors);
        self.blueprint.agreement().ok().as_ref().and_then(least).map_or(0, usize::from)
    }

    /// Drops what matches from the script.
    pub fn without(&mut self, drop: impl Fn(&Happening) -> bool) {
        self.script.retain(|(_, happening)| !drop(happening));
    }

    pub(super) fn pairs(&self) -> Vec<(u16, u16)> {
        (0..self.parties()).flat_map(|a| (a + 1..self.parties()).map(move |b| (a, b))).collect()
    }

    pub(super) fn link_all(&mut self, at: u64) {
        for (a, b) in self.pairs() {
            self.script.push((at, Happening::Up(a, b)));
        }
    }

    /// That party has no link at all.
    pub fn never_comes(&mut self, absent: u16) {
        self.without(|h| matches!(h, Happening::Up(a, b) if *a == absent || *b == absent));
        self.without(|h| matches!(h, Happening::Propose(_) | Happening::Approve(_)) && about(h) == absent);
        let proposer = if absent == 0 { 1 } else { 0 };
        self.script.push((400, Happening::Propose(proposer)));
        self.expect = Expect::Abandoned(vec![format!("from p{absent}")]);
    }

    /// The plan in words, without keys and tables.
    #[must_use]
    pub fn describe(&self) -> String {
        let role = |r: &Roles| {
            [(r.input, 'i'), (r.compute, 'c'), (r.result, 'r')]
                .iter()
                .filter(|(has, _)| *has)
                .map(|(_, c)| *c)
                .collect()
        };
        let roles: Vec<String> = self.roles().iter().map(role).collect();
        let about = self.blueprint.draft.computations.first().map(|computation| {
            let ComputationDraft { sharing, adversary, min_contributors, collect_for, give_up_after, .. } = computation;
            format!("{sharing:?}, {adversary:?}, μ {min_contributors:?}, {collect_for:?}, {give_up_after:?}")
        });
        let mut script: Vec<&(u64, Happening)> =
            self.script.iter().filter(|(at, happening)| *at > 0 || !matches!(happening, Happening::Up(..))).collect();
        script.sort_by_key(|(at, _)| *at);
        let script: Vec<String> = script.iter().map(|(at, happening)| format!("{at} {happening:?}")).collect();
        format!(
            "parties {}, {}, corrupt {:?}, off {:?}, loose {:?}, {:?}, {:?}, latency {:?}, jobs {:?}, expected {:?}\nscript: {}",
            roles.join(" "),
            about.unwrap_or_default(),
            self.corrupt,
            self.off,
            self.loose,
            self.lapse,
            self.signing,
            self.latency,
            self.work,
            self.expect,
            script.join(", "),
        )
    }

    /// What each party does, as its input and the draft say.
    #[must_use]
    pub fn roles(&self) -> Vec<Roles> {
        let has = |roles: &Option<Vec<String>>, role: &str| roles.iter().flatten().any(|r| r == role);
        let roles = self.blueprint.draft.parties.iter().map(|party| Roles {
            input: has(&party.roles, "input"),
            compute: has(&party.roles, "compute"),
            result: has(&party.roles, "result"),
        });
        roles.collect()
    }
}

/// Whom a happening is about; of a link, its first end.
#[must_use]
pub fn about(happening: &Happening) -> u16 {
    match *happening {
        Happening::Propose(p)
        | Happening::Approve(p)
        | Happening::AutoApprove(p)
        | Happening::Decline(p)
        | Happening::Mend(p)
        | Happening::Abandon(p)
        | Happening::Crash(p, ..)
        | Happening::Copy(p)
        | Happening::Restore(p, ..)
        | Happening::Down(p, _)
        | Happening::Up(p, _) => p,
    }
}

pub(super) fn parties(roles: &[Roles], has: impl Fn(&Roles) -> bool) -> Vec<u16> {
    (0u16..).zip(roles).filter(|(_, r)| has(r)).map(|(i, _)| i).collect()
}
