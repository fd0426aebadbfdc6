//! Rounds in which links come and go, and people come late, decline, or stay away; what comes of it is known before.

use protocol::agreement::{Adversary, Quorum};

use super::super::plan::{Expect, Happening, Plan, about, parties};
use super::{CALM, dice_party};
use crate::consortium::Roles;
use crate::dice::Dice;

impl Plan {
    /// Draws what happens, and what has to come of it.
    pub(super) fn gentle(&mut self, dice: &mut Dice, roles: &[Roles]) {
        self.latency = (1, dice.within(1, 400));
        self.work = (0, dice.within(0, 300));
        let inputs = parties(roles, |r| r.input);
        // People and policies act at any time before calm.
        self.script.retain(|(_, h)| matches!(h, Happening::Up(..)));
        self.script.push((dice.within(0, 500), Happening::Propose(dice_party(dice, roles.len()))));
        for &party in &inputs {
            let at = dice.within(3_000, CALM);
            let approves = if dice.percent(30) { Happening::AutoApprove(party) } else { Happening::Approve(party) };
            self.script.push((at, approves));
            if dice.percent(15) {
                self.script.push((dice.within(1_000, at), Happening::Decline(party)));
                // A policy does not overrule a person; only a person changes that mind.
                self.script.push((CALM, Happening::Approve(party)));
            }
            if dice.percent(10) {
                self.spoilt.insert(party);
                self.script.push((CALM + 500, Happening::Mend(party)));
                self.script.push((CALM + 501, Happening::Approve(party)));
            }
        }
        match dice.below(10) {
            0..=3 => {}
            4..=6 => self.flap(dice),
            7 => self.arrive_late(dice),
            8 => self.someone_never_comes(dice, &inputs),
            _ => self.someone_declines(dice, &inputs),
        }
    }

    /// Links come and go until it is calm.
    pub(super) fn flap(&mut self, dice: &mut Dice) {
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

    pub(super) fn approve_all(&mut self, at: u64) {
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
}
