//! Daemons killed at moments that chance chooses, and started again.
//!
//! A moment is counted in records of a party's audit log, so that kills fall into rounds on slow machines too.

use std::thread::sleep;
use std::time::Duration;

use testkit::dice::Dice;

use super::stories::{self, End};
use super::tables::{Table, by_period, shamir};
use crate::support::{Testbed, chance, simple};

const PARTIES: u16 = 3;
/// More rows than a chunk holds: shares and partial sums go out in several frames.
const WIDE: usize = 70_000;
/// More records than a round has at one party.
const RECORDS: u64 = 60;

fn computations() -> String {
    let (collect, give_up) = ("60s", "2m");
    [
        simple("additive", collect, give_up),
        shamir("threshold", 2, 3, collect, give_up),
        shamir("wide", 2, 3, collect, give_up).replace("rows = 1", &format!("rows = {WIDE}")),
    ]
    .concat()
}

/// The rounds of one bout, which are open at the same time.
fn rounds(dice: &mut Dice, first: u64, most: u64) -> Vec<Table> {
    let count = dice.within(1, 3).min(most);
    let table = |number: u64| {
        let period = format!("r{number}");
        match dice.below(12) {
            0 => Table::new("wide", &period, PARTIES.into(), WIDE),
            1..=5 => Table::new("additive", &period, PARTIES.into(), 1),
            _ => Table::new("threshold", &period, PARTIES.into(), 1),
        }
    };
    (first..first + count).map(table).collect()
}

/// One or two parties die at one moment, and come back after a short while.
fn kill(testbed: &mut Testbed, dice: &mut Dice) {
    let mut parties: Vec<usize> = (0..PARTIES.into()).collect();
    dice.shuffle(&mut parties);
    let witness = parties[dice.index(parties.len())];
    testbed.later(witness, dice.below(RECORDS));
    sleep(Duration::from_micros(dice.below(20_000)));
    let victims = if dice.percent(30) { &parties[..2] } else { &parties[..1] };
    if dice.percent(50) {
        testbed.kill_together(victims);
    } else {
        for &victim in victims {
            testbed.kill(victim);
            sleep(Duration::from_micros(dice.below(30_000)));
        }
    }
    for &victim in victims {
        sleep(Duration::from_millis(dice.below(300)));
        testbed.start(victim);
    }
}

#[test]
fn no_kill_at_any_moment_costs_a_round_or_makes_two_sums_of_it() {
    let rounds_in_all = chance::rounds();
    let mut dice = chance::dice("kills");
    let mut testbed = Testbed::of(PARTIES, &computations());
    by_period(&testbed, &["additive", "threshold", "wide"]);
    testbed.start_all();

    let mut ended: Vec<(Table, End)> = Vec::new();
    let mut kills = 0;
    while (ended.len() as u64) < rounds_in_all {
        let bout = rounds(&mut dice, ended.len() as u64, rounds_in_all - ended.len() as u64);
        let names: Vec<String> = bout.iter().map(Table::address).collect();
        println!("{}", names.join(" "));
        bout.iter().for_each(|table| table.give(&testbed));
        let begun: Vec<_> = bout
            .iter()
            .map(|table| {
                let starter = dice.index(PARTIES.into());
                testbed.begin(starter, &["round", "start", &table.computation, "--period", &table.period])
            })
            .collect();
        for _ in 0..dice.within(1, 3) {
            kill(&mut testbed, &mut dice);
            kills += 1;
        }
        for begun in begun {
            // Its daemon may have been killed before it had heard of the round.
            testbed.ended(begun);
        }
        for table in &bout {
            let starter = dice.index(PARTIES.into());
            testbed.until(&format!("{} is started", table.address()), || {
                let said = testbed.run(starter, &["round", "start", &table.computation, "--period", &table.period]);
                matches!(said.code, Some(0 | 3)).then_some(())
            });
        }
        for table in bout {
            let end = stories::end(&testbed, &table);
            stories::agree(&testbed, &table, end);
            ended.push((table, end));
        }
    }
    // What was released is what still is.
    for (table, end) in &ended {
        assert_eq!(stories::end(&testbed, table), *end);
    }
    for party in 0..testbed.count() {
        let shown = testbed.run(party, &["audit", "show", "--json"]).exits(0).out;
        assert_eq!(shown.lines().count(), testbed.audit(party).len());
        let rounds = testbed.run(party, &["round", "list", "--json"]).exits(0).json();
        assert_eq!(rounds.as_array().expect("a list").len(), ended.len());
    }
    testbed.stop_all();
    let completed = ended.iter().filter(|(_, end)| *end == End::Completed).count();
    println!("{completed} of {} rounds completed; {kills} times somebody was killed", ended.len());
    assert_eq!(completed, ended.len(), "everybody came back, so nothing had to be given up");
}

#[test]
fn exports_that_a_crash_prevented_are_written_at_the_next_start() {
    let mut testbed = Testbed::of(PARTIES, &simple("additive", "60s", "2m"));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n7\n"));
    testbed.start_all();
    let before = testbed.completes("additive", "r0");
    let files = |party: usize| {
        ["result.json", "result.csv"].map(|name| testbed.data(party).join("results/additive/r0").join(name))
    };
    let [lost, deleted] = [files(0), files(1)];
    testbed.run(1, &["result", "delete", "additive/r0", "--by", "Ann Ames"]).exits(0);
    testbed.kill_together(&[0, 1]);
    lost.iter().for_each(|file| std::fs::remove_file(file).expect("removed"));
    [0, 1].iter().for_each(|&party| testbed.start(party));
    testbed.linked();
    assert_eq!(testbed.exports(0, "additive", "r0"), before[0]);
    // What people have deleted does not come back.
    assert!(deleted.iter().all(|file| !file.exists()));
    testbed.stop_all();
}
