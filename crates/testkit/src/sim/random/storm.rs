//! Rounds in which machines go down at any point, the network falls apart, operators give up, older copies of stores are
//! put back, and some compute parties do as they please. Who is there when it is calm again decides what is promised.

use std::time::Duration;

use super::super::plan::{CrashPoint, Expect, GuardFate, Happening, NEVER, Plan, parties};
use super::{CALM, dice_party};
use crate::consortium::Roles;
use crate::dice::Dice;

/// When parties of these rounds give up: long after everything is calm.
const GIVE_UP: Duration = Duration::from_secs(600);
/// When they give up while somebody is down.
const GIVE_UP_SOON: Duration = Duration::from_secs(60);

impl Plan {
    /// Draws what happens in a round whose parties are honest.
    pub(super) fn storm(&mut self, dice: &mut Dice) {
        self.weather(dice);
        match dice.below(10) {
            0..=2 => self.somebody_gives_up(dice),
            3 => self.somebody_is_down_for_long(dice),
            4 | 5 => self.some_are_gone_for_good(dice),
            _ => {}
        }
        if dice.percent(25) {
            let party = dice_party(dice, self.inputs.len());
            let fate = if dice.percent(60) { GuardFate::Kept } else { GuardFate::Lost };
            self.puts_back(dice, party, fate);
        }
    }

    /// Draws what happens in a round made for liars, some of whom there are.
    pub(super) fn assail(&mut self, dice: &mut Dice, roles: &[Roles]) {
        let computes = parties(roles, |r| r.compute);
        let n = computes.len();
        // Mostly n ≥ 3t + 1, where rounds have to go on.
        let threshold = match n {
            7 => 2 + dice.index(2),
            _ if dice.percent(75) => 2,
            _ => 2 + dice.index(n - 1),
        };
        self.shamir(u16::try_from(threshold).unwrap_or(2));
        for computation in &mut self.blueprint.draft.computations {
            computation.adversary = Some("malicious".into());
        }
        let tolerated = threshold - 1;
        let mut liars = computes;
        dice.shuffle(&mut liars);
        liars.truncate(1 + dice.index(tolerated));
        // Of those that count as corrupt, one may be honest and have an old guard beside an old store.
        let forgetful = if dice.percent(20) { liars.pop() } else { None };
        let inputs = parties(roles, |r| r.input).len();
        let honest = inputs - liars.iter().filter(|liar| roles[usize::from(**liar)].input).count();
        if !self.take_fewer(honest) {
            // All have to contribute, and one that does not stalls the round.
            self.min_contributors(u16::try_from(inputs).unwrap_or(0));
        }
        self.corrupt = liars.into_iter().collect();
        self.mischief = !self.corrupt.is_empty();
        self.loose = super::super::adversary::loose(dice);
        self.weather(dice);
        if let Some(party) = forgetful {
            self.puts_back(dice, party, GuardFate::Older);
        }
        if dice.percent(15) {
            self.somebody_gives_up(dice);
        }
    }

    /// What may happen in any round: crashes, breaks, partitions, doubles; and people who act in time.
    fn weather(&mut self, dice: &mut Dice) {
        self.expect = Expect::Promised;
        self.latency = (1, dice.within(1, 400));
        self.work = (0, dice.within(0, 300));
        self.duplicates = [0, 0, 5, 30][dice.index(4)];
        self.deadlines(Duration::from_secs(dice.within(4, 30)), GIVE_UP);
        self.attempt_deadline(Duration::from_millis(dice.within(1_000, 3_000)));
        if dice.percent(40) {
            let inputs = parties(&self.roles(), |r| r.input).len();
            self.take_fewer(dice.index(inputs + 1));
        }
        let count = self.inputs.len();
        self.script.retain(|(_, happening)| matches!(happening, Happening::Up(..)));
        self.script.push((dice.within(0, 500), Happening::Propose(dice_party(dice, count))));
        for party in 0..self.parties() {
            self.script.push((dice.within(600, CALM), Happening::Approve(party)));
            if dice.percent(10) {
                self.script.push((dice.within(600, CALM), Happening::Decline(party)));
            }
            for _ in 0..dice.below(4) {
                let crash = Happening::Crash(party, crash_point(dice), dice.within(1, 4_000));
                self.script.push((dice.within(0, CALM), crash));
            }
        }
        match dice.below(4) {
            0 => self.flap(dice),
            1 => self.falls_apart(dice),
            _ => {}
        }
        self.calm(dice, CALM);
    }

    /// All links are up, and people see to it that the round is started, approved, and started again where it is void.
    fn calm(&mut self, dice: &mut Dice, at: u64) {
        self.link_all(at + 3_000);
        let mut at = at + 3_500;
        self.script.push((at, Happening::Propose(dice_party(dice, self.inputs.len()))));
        // A machine may still go down when it next sends, and take with it what its people asked for.
        for pause in [2_000, 10_000, 40_000] {
            self.approve_all(at + 1_500);
            at += pause;
            self.script.extend((0..self.parties()).map(|party| (at, Happening::Propose(party))));
        }
        self.approve_all(at + 1_500);
    }

    /// The network is in two parts for a while.
    fn falls_apart(&mut self, dice: &mut Dice) {
        let side: Vec<bool> = self.inputs.iter().map(|_| dice.percent(50)).collect();
        let (from, until) = (dice.within(0, CALM), dice.within(0, CALM));
        for (a, b) in self.pairs().into_iter().filter(|(a, b)| side[usize::from(*a)] != side[usize::from(*b)]) {
            self.script.push((from, Happening::Down(a, b)));
            self.script.push((from.max(until), Happening::Up(a, b)));
        }
    }

    /// Operators give the round up; it is started again.
    fn somebody_gives_up(&mut self, dice: &mut Dice) {
        self.most_voided = 2;
        for _ in 0..=dice.below(2) {
            let party = dice_party(dice, self.inputs.len());
            self.script.push((dice.within(1_000, CALM + 4_000), Happening::Abandon(party)));
        }
        // Where no v + 1 is possible, it was given up by all.
        self.calm(dice, 2_100 * GIVE_UP.as_secs());
    }

    /// One machine is down until the others have given up.
    fn somebody_is_down_for_long(&mut self, dice: &mut Dice) {
        self.most_voided = 2;
        let soon = u64::try_from(GIVE_UP_SOON.as_millis()).unwrap_or(0);
        self.deadlines(Duration::from_secs(dice.within(4, 8)), GIVE_UP_SOON);
        self.attempt_deadline(Duration::from_secs(1));
        let party = dice_party(dice, self.inputs.len());
        self.late = parties(&self.roles(), |r| !r.compute && !r.result).into_iter().chain([party]).collect();
        let crash = Happening::Crash(party, crash_point(dice), soon + dice.within(0, 20_000));
        self.script.push((dice.within(0, CALM), crash));
        self.calm(dice, 3 * soon);
    }

    /// As many compute parties as the quorum can do without go down for good, and any number of the others.
    fn some_are_gone_for_good(&mut self, dice: &mut Dice) {
        let roles = self.roles();
        let Some(quorum) = self.quorum() else { return };
        let mut spare = quorum.may_be_silent();
        let mut all: Vec<u16> = (0..self.parties()).collect();
        dice.shuffle(&mut all);
        for party in all {
            if roles[usize::from(party)].compute {
                if spare == 0 {
                    continue;
                }
                spare -= 1;
            } else if dice.percent(80) {
                continue;
            }
            let at = if dice.percent(30) { 0 } else { dice.within(0, CALM) };
            self.script.push((at, Happening::Crash(party, crash_point(dice), NEVER)));
        }
    }

    /// A party's store is copied, some time passes, and a copy is put back.
    fn puts_back(&mut self, dice: &mut Dice, party: u16, fate: GuardFate) {
        let copies = 1 + dice.index(3);
        let mut latest = 0;
        for _ in 0..copies {
            let at = dice.within(0, CALM);
            latest = latest.max(at);
            self.script.push((at, Happening::Copy(party)));
        }
        for _ in 0..=dice.below(2) {
            let at = latest + dice.within(1, CALM);
            self.script.push((at, Happening::Restore(party, dice.index(copies), fate)));
        }
    }
}

fn crash_point(dice: &mut Dice) -> CrashPoint {
    let few = |dice: &mut Dice| u8::try_from(dice.below(12)).unwrap_or(0);
    match dice.below(6) {
        0 => CrashPoint::Now,
        1 => CrashPoint::BeforeCommit,
        2 => CrashPoint::BeforeGuard,
        3 | 4 => CrashPoint::Acting(few(dice)),
        _ => CrashPoint::Working(few(dice)),
    }
}
