//! Rounds at random, each with what PROTOCOL promises for what happens in it.

mod gentle;
mod storm;

use protocol::agreement::{ColumnDraft, SharingDraft, SharingScheme};

use super::plan::Plan;
use super::signing::Signing;
use crate::consortium::{Roles, column};
use crate::dice::Dice;

/// Milliseconds after the start by which a random plan has done most of what it does to links, machines and people.
const CALM: u64 = 8_000;
/// One round in so many signs as in production.
const ED25519: u64 = 100;

impl Plan {
    /// A round at random.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "plan");
        // There are others of these: see `random_malicious`.
        let hostile = dice.percent(3);
        Self::drawn(seed, &mut dice, hostile)
    }

    /// A round at random that stands against parties that do as they please, some of whom there are.
    #[must_use]
    pub fn random_malicious(seed: u64) -> Self {
        Self::drawn(seed, &mut Dice::new(seed, "malicious plan"), true)
    }

    fn drawn(seed: u64, dice: &mut Dice, hostile: bool) -> Self {
        let roles = if hostile { hostile_roles(dice) } else { random_roles(dice) };
        let (rows, columns) = random_table(dice, hostile);
        let mut plan = Self::smooth(seed, &roles, rows, columns);
        if !seed.is_multiple_of(ED25519) {
            plan.signing = Signing::KeyedHash;
        }
        if hostile {
            plan.assail(dice, &roles);
            return plan;
        }
        if let Some(threshold) = random_threshold(dice, &roles) {
            plan.shamir(threshold);
        }
        if dice.percent(35) {
            plan.gentle(dice, &roles)
        } else {
            plan.storm(dice)
        }
        plan
    }
    /// Takes so many contributors, if the rules for agreements allow.
    pub(super) fn take_fewer(&mut self, contributors: usize) -> bool {
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
}

/// Compute parties that count as many as two kinds of liars could be among; sometimes who contributes and learns is apart.
fn hostile_roles(dice: &mut Dice) -> Vec<Roles> {
    let n = [3, 4, 4, 4, 5, 5, 6, 7][dice.index(8)];
    if dice.percent(75) {
        return vec![Roles::ALL; n];
    }
    let mut roles = vec![Roles { input: true, compute: true, result: false }; n];
    roles.push(Roles { input: false, compute: false, result: true });
    if dice.percent(50) {
        roles.push(Roles { input: true, compute: false, result: false });
    }
    roles
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

/// Mostly a few cells, sometimes of more than one chunk; bounds of both fields. Against liars they have to be narrow.
fn random_table(dice: &mut Dice, narrow_only: bool) -> (u32, Vec<ColumnDraft>) {
    // 2 · |I| · 10^18 passes the smaller field's prime for every |I| here.
    let wide = [("-2000000000000000000", "2000000000000000000"), ("-9999999999999999", "123456789012345678901234567")];
    let narrow = [("-1000", "1000"), ("0", "1"), ("-5", "-2"), ("7", "7"), ("0", "1000000000000")];
    // Each bit costs the time of a proof.
    let narrowest = [("0", "1"), ("-5", "-2"), ("7", "7"), ("-8", "7")];
    let bounds: Vec<(&str, &str)> = (0..dice.within(1, if narrow_only { 2 } else { 3 }))
        .map(|_| {
            if narrow_only {
                narrowest[dice.index(narrowest.len())]
            } else if dice.percent(30) {
                wide[dice.index(wide.len())]
            } else {
                narrow[dice.index(narrow.len())]
            }
        })
        .collect();
    let columns = bounds.iter().enumerate().map(|(i, (min, max))| column(&format!("c{i}"), 0, min, max)).collect();
    let rows = match narrow_only {
        true => dice.within(1, 2),
        false if dice.below(1_000) < 3 => dice.within(65_000, 140_000),
        false => dice.within(1, 6),
    };
    (u32::try_from(rows).unwrap_or(1), columns)
}
