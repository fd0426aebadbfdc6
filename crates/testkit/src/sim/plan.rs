//! What is going to happen in a simulated round: who is there, what they hold, when they act, how links behave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::agreement::{Adversary, ColumnDraft, ComputationDraft, Quorum, SharingDraft, SharingScheme};
use protocol::round::Rule;

use super::signing::Signing;
use crate::consortium::{Blueprint, Key, Roles, column, computation, figures};
use crate::dice::Dice;

/// The computation that simulated rounds are about.
pub const COMPUTATION: &str = "total";
/// Their period.
pub const PERIOD: &str = "2026-trial.1";
/// Milliseconds after the start by which a random plan has done everything that it does to links and people.
const CALM: u64 = 8_000;

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
    /// Parties whose disk is full at first, and for how many writes.
    pub full: BTreeMap<u16, u32>,
    /// Parties under an adversary: what they send may be changed, and they may be named.
    pub corrupt: BTreeSet<u16>,
    /// How all parties sign.
    pub signing: Signing,
    /// v of the last round of the period that may be started.
    pub most_voided: u32,
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
            full: BTreeMap::new(),
            corrupt: BTreeSet::new(),
            signing: Signing::Ed25519,
            most_voided: 0,
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

    /// A round at random. Its expectation is what PROTOCOL promises for what happens in it.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "plan");
        let roles = random_roles(&mut dice);
        let (rows, columns) = random_table(&mut dice);
        let mut plan = Self::smooth(seed, &roles, rows, columns);
        if let Some(threshold) = random_threshold(&mut dice, &roles) {
            plan.shamir(threshold);
        }
        plan.latency = (1, dice.within(1, 400));
        plan.work = (0, dice.within(0, 300));
        let inputs = parties(&roles, |r| r.input);
        // People and policies act at any time before calm.
        plan.script.retain(|(_, h)| matches!(h, Happening::Up(..)));
        plan.script.push((dice.within(0, 500), Happening::Propose(dice_party(&mut dice, roles.len()))));
        for &party in &inputs {
            let at = dice.within(3_000, CALM);
            let approves = if dice.percent(30) { Happening::AutoApprove(party) } else { Happening::Approve(party) };
            plan.script.push((at, approves));
            if dice.percent(15) {
                plan.script.push((dice.within(1_000, at), Happening::Decline(party)));
                // A policy does not overrule a person; only a person changes that mind.
                plan.script.push((CALM, Happening::Approve(party)));
            }
            if dice.percent(10) {
                plan.spoilt.insert(party);
                plan.script.push((CALM + 500, Happening::Mend(party)));
                plan.script.push((CALM + 501, Happening::Approve(party)));
            }
        }
        match dice.below(10) {
            0..=3 => {}
            4..=6 => plan.flap(&mut dice),
            7 => plan.arrive_late(&mut dice),
            8 => plan.someone_never_comes(&mut dice, &inputs),
            _ => plan.someone_declines(&mut dice, &inputs),
        }
        plan
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

    /// Drops what matches from the script.
    pub fn without(&mut self, drop: impl Fn(&Happening) -> bool) {
        self.script.retain(|(_, happening)| !drop(happening));
    }

    fn pairs(&self) -> Vec<(u16, u16)> {
        (0..self.parties()).flat_map(|a| (a + 1..self.parties()).map(move |b| (a, b))).collect()
    }

    fn link_all(&mut self, at: u64) {
        for (a, b) in self.pairs() {
            self.script.push((at, Happening::Up(a, b)));
        }
    }

    /// Links come and go until it is calm.
    fn flap(&mut self, dice: &mut Dice) {
        for (a, b) in self.pairs() {
            for _ in 0..dice.below(5) {
                let down = dice.within(0, CALM);
                self.script.push((down, Happening::Down(a, b)));
                self.script.push((down + dice.within(1, 1_500), Happening::Up(a, b)));
            }
        }
        self.link_all(CALM + 2_000);
    }

    /// Some parties have no link before a while has passed.
    fn arrive_late(&mut self, dice: &mut Dice) {
        for party in 0..self.parties() {
            if dice.percent(40) {
                let at = dice.within(0, CALM);
                self.without(|h| matches!(h, Happening::Up(a, b) if *a == party || *b == party));
                for other in (0..self.parties()).filter(|&p| p != party) {
                    self.script.push((at, Happening::Up(party, other)));
                }
            }
        }
        // Who approved before it knew of the round approves again.
        self.link_all(CALM);
        self.approve_all(CALM + 1_500);
    }

    fn approve_all(&mut self, at: u64) {
        for party in (0..self.parties()).filter(|&p| !self.inputs[usize::from(p)].is_empty()).collect::<Vec<_>>() {
            self.script.push((at, Happening::Approve(party)));
        }
    }

    /// One compute party has no link at all. Where a quorum is there without it, and enough contributors, the others go on;
    /// else nothing can be certified, and everybody says whom it waited for.
    fn someone_never_comes(&mut self, dice: &mut Dice, inputs: &[u16]) {
        let roles = self.roles();
        let computes = parties(&roles, |r| r.compute);
        let absent = computes[dice.index(computes.len())];
        self.never_comes(absent);
        let others: Vec<u16> = inputs.iter().copied().filter(|&p| p != absent).collect();
        let quorum = Quorum::new(u16::try_from(computes.len()).unwrap_or(0), self.sharing(), Adversary::SemiHonest);
        if quorum.may_be_silent() == 0 || (others.len() < inputs.len() && !self.take_fewer(others.len())) {
            return;
        }
        // Nobody blames who is not there, and nobody expects anything of it.
        self.corrupt.insert(absent);
        // Whoever waits for its Outcome ends without one.
        let learns = roles[usize::from(absent)].result;
        self.expect = if learns { Expect::Ended } else { Expect::Completed(others) };
    }

    /// That party has no link at all.
    pub fn never_comes(&mut self, absent: u16) {
        self.without(|h| matches!(h, Happening::Up(a, b) if *a == absent || *b == absent));
        self.without(|h| matches!(h, Happening::Propose(_) | Happening::Approve(_)) && about(h) == absent);
        let proposer = if absent == 0 { 1 } else { 0 };
        self.script.push((400, Happening::Propose(proposer)));
        self.expect = Expect::Abandoned(vec![format!("from p{absent}")]);
    }

    /// One input party is up and declines for good. Where the agreement allows, the others go on without it.
    fn someone_declines(&mut self, dice: &mut Dice, inputs: &[u16]) {
        let decliner = inputs[dice.index(inputs.len())];
        self.spoilt.remove(&decliner);
        self.without(|h| {
            about(h) == decliner && matches!(h, Happening::Approve(_) | Happening::AutoApprove(_) | Happening::Mend(_))
        });
        self.script.push((dice.within(1_000, CALM), Happening::Decline(decliner)));
        let others: Vec<u16> = inputs.iter().copied().filter(|&p| p != decliner).collect();
        if self.take_fewer(others.len()) {
            self.expect = Expect::Completed(others);
        } else if self.roles().iter().any(|r| !r.compute && !r.result) {
            // Who only contributes learns nothing of the other dealings.
            self.expect = Expect::Abandoned(Vec::new());
        } else {
            self.expect = Expect::Abandoned(vec![format!("p{decliner}")]);
        }
    }

    /// Takes so many contributors, if the rules for agreements allow.
    fn take_fewer(&mut self, contributors: usize) -> bool {
        let roles = self.roles();
        let count = |has: fn(&Roles) -> bool| roles.iter().filter(|r| has(r)).count();
        let (n, both) = (count(|r| r.compute), count(|r| r.input && r.compute));
        // PROTOCOL 1: which μ are refused.
        let apart = if count(|r| r.input && r.result) > 0 { 3 } else { 2 };
        let least = match self.sharing() {
            SharingScheme::Shamir { threshold } if usize::from(threshold) < n => {
                apart.max(both.min(usize::from(threshold) - 1) + 2)
            }
            _ => apart,
        };
        if contributors < least {
            return false;
        }
        self.min_contributors(u16::try_from(least).unwrap_or(u16::MAX));
        true
    }

    fn sharing(&self) -> SharingScheme {
        match self.blueprint.draft.computations.first().and_then(|computation| computation.sharing.as_ref()) {
            Some(SharingDraft::Shamir { threshold: Some(k) }) => {
                SharingScheme::Shamir { threshold: u16::try_from(*k).unwrap_or(u16::MAX) }
            }
            _ => SharingScheme::Additive,
        }
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

fn parties(roles: &[Roles], has: impl Fn(&Roles) -> bool) -> Vec<u16> {
    (0u16..).zip(roles).filter(|(_, r)| has(r)).map(|(i, _)| i).collect()
}

fn dice_party(dice: &mut Dice, count: usize) -> u16 {
    u16::try_from(dice.index(count)).unwrap_or(0)
}

/// Mostly three to five parties with all roles; else a delegated consortium, or a hybrid one of any roles.
fn random_roles(dice: &mut Dice) -> Vec<Roles> {
    let count = match dice.below(10) {
        0..=3 => 3,
        4..=6 => 4,
        7..=8 => 5,
        _ => dice.within(6, 7),
    };
    let count = usize::try_from(count).unwrap_or(3);
    if dice.percent(60) {
        return vec![Roles::ALL; count];
    }
    let [input, compute, result] =
        [0, 1, 2].map(|role| Roles { input: role == 0, compute: role == 1, result: role == 2 });
    let mut roles = if dice.percent(40) {
        let mut roles = vec![input; count - 1];
        roles.extend(vec![compute; 2 + dice.index(3)]);
        roles.extend(vec![result; 1 + dice.index(2)]);
        roles
    } else {
        // Two holders that contribute, and a party apart that learns the sum, are the least there can be.
        let holder = Roles { input: true, compute: true, result: false };
        let mut roles = vec![holder, holder, result];
        for _ in 3..=count {
            let (input, compute) = (dice.percent(60), dice.percent(60));
            roles.push(Roles { input, compute, result: (!input && !compute) || dice.percent(40) });
        }
        // Who contributes and learns takes its own figure from the sum.
        if roles.iter().filter(|r| r.input).count() < 3 {
            roles.iter_mut().filter(|r| r.input).for_each(|r| r.result = false);
        }
        roles
    };
    dice.shuffle(&mut roles);
    roles
}

/// Sometimes a threshold: any that the rules allow where all input parties have to contribute.
fn random_threshold(dice: &mut Dice, roles: &[Roles]) -> Option<u16> {
    let n = roles.iter().filter(|r| r.compute).count();
    let inputs = roles.iter().filter(|r| r.input).count();
    let both = roles.iter().filter(|r| r.input && r.compute).count();
    let threshold = 2 + dice.index(n - 1);
    // PROTOCOL 1: refused is k < n and μ < min(t, |I ∩ C|) + 2.
    let allowed = threshold == n || inputs >= both.min(threshold - 1) + 2;
    if dice.percent(50) && allowed { u16::try_from(threshold).ok() } else { None }
}

/// Mostly a few cells, sometimes of more than one chunk; bounds of both fields.
fn random_table(dice: &mut Dice) -> (u32, Vec<ColumnDraft>) {
    // 2 · |I| · 10^18 passes the smaller field's prime for every |I| here.
    let wide = [("-2000000000000000000", "2000000000000000000"), ("-9999999999999999", "123456789012345678901234567")];
    let narrow = [("-1000", "1000"), ("0", "1"), ("-5", "-2"), ("7", "7"), ("0", "1000000000000")];
    let bounds: Vec<(&str, &str)> = (0..dice.within(1, 3))
        .map(|_| if dice.percent(30) { wide[dice.index(wide.len())] } else { narrow[dice.index(narrow.len())] })
        .collect();
    let columns = bounds.iter().enumerate().map(|(i, (min, max))| column(&format!("c{i}"), 0, min, max)).collect();
    let rows = if dice.percent(1) { dice.within(65_000, 140_000) } else { dice.within(1, 6) };
    (u32::try_from(rows).unwrap_or(1), columns)
}
