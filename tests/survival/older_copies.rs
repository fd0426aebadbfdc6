//! Nodes whose data was put back from an older copy, or whose guard is gone: they say so, sign nothing that they may have
//! forgotten, and recover with the others' help; no period ever has two sums (PROTOCOL 7).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tables::{Table, by_period, shamir};
use crate::support::{Testbed, chance, simple};

/// What becomes of the guard when the data is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guard {
    /// It is where it was, and ahead.
    Kept,
    /// It is gone.
    Removed,
    /// It was put back as well, which nobody should do.
    Older,
}

const GUARDS: [Guard; 3] = [Guard::Kept, Guard::Removed, Guard::Older];

/// A copy of a party's data directory and of its guard, taken while its daemon was down.
struct Copy {
    party: usize,
    folder: tempfile::TempDir,
}

impl Copy {
    fn take(testbed: &Testbed, party: usize) -> Self {
        assert!(!testbed.is_up(party), "a copy of a running database may be torn");
        let folder = tempfile::tempdir().expect("a directory");
        copy(&testbed.data(party), &folder.path().join("data"));
        // Before a node has run there is none.
        let _ = fs::copy(testbed.home(party).join("guard"), folder.path().join("guard"));
        Self { party, folder }
    }

    /// Puts it back. The daemon is down. Gives the parties that have seen more of its log.
    fn put_back(&self, testbed: &Testbed, guard: Guard) -> Vec<usize> {
        let data = testbed.data(self.party);
        fs::remove_dir_all(&data).expect("removed");
        copy(&self.folder.path().join("data"), &data);
        let place = testbed.home(self.party).join("guard");
        if guard != Guard::Kept {
            // There may have been none.
            let _ = fs::remove_file(&place);
        }
        if guard == Guard::Older {
            let _ = fs::copy(self.folder.path().join("guard"), place);
        }
        testbed.ahead(self.party)
    }
}

/// Files and directories with their modes; a socket that a killed daemon has left stays behind.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("made");
    for entry in fs::read_dir(from).expect("read") {
        let entry = entry.expect("read");
        let kind = entry.file_type().expect("a kind");
        let copied: PathBuf = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &copied);
        } else if kind.is_file() {
            fs::copy(entry.path(), copied).expect("copied");
        }
    }
    let mode = fs::metadata(from).expect("read").permissions();
    fs::set_permissions(to, mode).expect("set");
}

/// Three parties that compute sums of all three, and such with a threshold of two.
fn testbed(give_up_after: &str) -> Testbed {
    let computations =
        [simple("additive", "10s", give_up_after), shamir("threshold", 2, 3, "5s", give_up_after)].concat();
    let testbed = Testbed::of(3, &computations);
    by_period(&testbed, &["additive", "threshold"]);
    testbed
}

fn tables(testbed: &Testbed, period: &str) -> [Table; 2] {
    let tables = ["additive", "threshold"].map(|computation| Table::new(computation, period, 3, 1));
    tables.iter().for_each(|table| table.give(testbed));
    tables
}

fn approve(testbed: &Testbed, party: usize, tables: &[Table]) {
    for table in tables {
        testbed.round_is(party, &table.address(), "waits for approval", |round| round["phase"] == "approval");
        testbed.run(party, &["round", "approve", &table.address(), "--by", "Ann Ames"]).exits(0);
    }
}

fn start(testbed: &Testbed, party: usize, tables: &[Table]) {
    for table in tables {
        testbed.run(party, &["round", "start", &table.computation, "--period", &table.period]).exits(0);
    }
}

/// Every sum that any party has of that round, by digest.
fn released(testbed: &Testbed, table: &Table) -> Vec<Value> {
    let has = |party: usize| {
        let round = testbed.round(party, &table.address())?;
        (round["status"] == "completed").then(|| testbed.result(party, &table.address()))
    };
    (0..testbed.count()).filter_map(has).collect()
}

/// What a party that was put back has of a round of before: what all have, or nothing, and then it says why.
fn is_as_before_or_left_alone(testbed: &Testbed, party: usize, table: &Table, digest: &Value) {
    let round = table.address();
    let ended = testbed.round_is(party, &round, "has ended", |round| round["status"] != "open");
    if ended["status"] == "completed" {
        assert_eq!(testbed.result(party, &round)["digest"], *digest, "{round}");
    } else {
        assert!(ended["reason"].as_str().is_some_and(|reason| reason.contains("older copy")), "{ended:#}");
        testbed.run(party, &["round", "start", &table.computation, "--period", &table.period]).exits(3);
        testbed.run(party, &["result", "show", &round]).exits(1);
    }
}

/// Nobody found a fault or another result, unless a node signed twice because its guard had been put back too.
fn nothing_contradicts(testbed: &Testbed, guard: Guard) {
    for party in 0..testbed.count() {
        for record in testbed.audit(party) {
            let event = record["event"].as_str().expect("a name");
            assert!(!["outcome.differs", "certificate.differs"].contains(&event), "{}: {record}", testbed.id(party));
            assert!(guard == Guard::Older || event != "fault.observed", "{}: {record}", testbed.id(party));
        }
    }
}

#[test]
fn an_older_copy_of_any_moment_makes_no_second_sum() {
    for guard in GUARDS {
        println!("the guard: {guard:?}");
        let mut testbed = testbed("2m");
        testbed.manual(0);
        testbed.manual(1);
        testbed.start_all();
        let copied = |testbed: &mut Testbed, copies: &mut Vec<(&'static str, Copy)>, when| {
            testbed.kill(0);
            copies.push((when, Copy::take(testbed, 0)));
            testbed.start(0);
            testbed.linked();
        };
        let mut copies = Vec::new();
        copied(&mut testbed, &mut copies, "before the round");
        let first = tables(&testbed, "first");
        start(&testbed, 2, &first);
        for table in &first {
            testbed.round_is(0, &table.address(), "waits", |round| round["phase"] == "approval");
        }
        copied(&mut testbed, &mut copies, "before the approval");
        approve(&testbed, 0, &first);
        for table in &first {
            testbed.recorded(0, "deal.sent", |record| record["round"]["computation"] == *table.computation);
        }
        copied(&mut testbed, &mut copies, "after the dealing");
        approve(&testbed, 1, &first);
        testbed.later(1, 20);
        copied(&mut testbed, &mut copies, "while the parties agree");
        for table in &first {
            testbed.all_end(&table.address(), "completed");
        }
        copied(&mut testbed, &mut copies, "after the result");
        let second = tables(&testbed, "second");
        start(&testbed, 2, &second);
        (0..2).for_each(|party| approve(&testbed, party, &second));
        for table in &second {
            testbed.all_end(&table.address(), "completed");
        }
        let digests = |testbed: &Testbed| -> Vec<Value> {
            let of = |table: &Table| testbed.result(1, &table.address())["digest"].clone();
            first.iter().chain(&second).map(of).collect()
        };
        let before = digests(&testbed);

        for (number, (when, copy)) in copies.iter().enumerate() {
            println!("a copy of {when}, the guard: {guard:?}");
            testbed.stop(0);
            testbed.stop(2);
            let ahead = copy.put_back(&testbed, guard);
            // Other figures: a second dealing would have another sum.
            for table in first.iter().chain(&second) {
                Table::new(&table.computation, &format!("other{number}"), 3, 1).give_as(&testbed, 0, &table.period);
            }
            testbed.start(0);
            if guard != Guard::Older {
                // The third is down, and may have seen what the second has not.
                let waits = testbed.until("it waits for the third", || {
                    let rollback = testbed.status(0)?["rollback"].clone();
                    (rollback["waits_for"] == serde_json::json!(["p3"])).then_some(rollback)
                });
                let found = waits["found"].as_str().expect("a text");
                let says = if guard == Guard::Kept { "was put back from an older copy" } else { "there is no guard" };
                assert!(found.contains(says), "{found}");
                assert!(testbed.log(0).contains(says));
                let shown = testbed.run(0, &["status"]).exits(0).out;
                assert!(shown.starts_with("this node signs nothing: ") && shown.contains("p3"), "{shown}");
                testbed.recorded(0, "rollback.found", |_| true);
                let start = ["round", "start", "threshold", "--period", "never"];
                testbed.run(0, &start).exits(1).complains(&["signs nothing", "p3"]);
            }
            testbed.start(2);
            testbed.goes_on(0, &ahead);
            if guard != Guard::Older {
                testbed.recorded(0, "rollback.recovered", |_| true);
            }
            // Whatever its people try, there is no second sum of these periods.
            for table in first.iter().chain(&second) {
                testbed.run(0, &["round", "start", &table.computation, "--period", &table.period]);
                testbed.run(0, &["round", "approve", &table.address(), "--by", "Ann Ames"]);
            }
            let next = tables(&testbed, &format!("next{number}"));
            start(&testbed, 2, &next);
            (0..2).for_each(|party| approve(&testbed, party, &next));
            for table in &next {
                testbed.all_end(&table.address(), "completed");
                let results = released(&testbed, table);
                results.iter().for_each(|result| table.is_exact(result, &[0, 1, 2]));
            }
            assert_eq!(digests(&testbed), before);
            for (table, digest) in first.iter().chain(&second).zip(&before) {
                is_as_before_or_left_alone(&testbed, 0, table, digest);
            }
            nothing_contradicts(&testbed, guard);
        }
        testbed.stop_all();
    }
}

#[test]
fn a_node_put_back_in_the_middle_of_a_round_abstains_and_the_others_complete_with_its_first_dealing() {
    for guard in GUARDS {
        println!("the guard: {guard:?}");
        let mut testbed = testbed("2m");
        testbed.manual(0);
        testbed.manual(1);
        testbed.start_all();
        let table = [Table::new("threshold", "first", 3, 1)];
        table[0].give(&testbed);
        start(&testbed, 2, &table);
        let round = table[0].address();
        testbed.round_is(0, &round, "waits for approval", |round| round["phase"] == "approval");
        testbed.kill(0);
        let copy = Copy::take(&testbed, 0);
        testbed.start(0);
        testbed.linked();
        approve(&testbed, 0, &table);
        for party in 0..3 {
            testbed.round_is(party, &round, "has two dealings", |round| {
                round["dealt"].as_array().is_some_and(|dealt| dealt.len() == 2)
            });
        }
        // Both others hold a share of it.
        for party in [1, 2] {
            testbed.recorded(party, "receipt.sent", |record| record["peer"] == "p1");
        }
        let dealt = testbed.recorded(0, "deal.sent", |_| true)["seq"].clone();
        for party in [1, 2] {
            testbed.recorded(party, "checkpoint.witnessed", |record| {
                record["peer"] == "p1" && record["detail"]["size"].as_u64() >= dealt.as_u64()
            });
        }
        testbed.kill(0);
        let ahead = copy.put_back(&testbed, guard);
        assert_eq!(ahead, [1, 2]);
        Table::new("threshold", "other", 3, 1).give_as(&testbed, 0, "first");
        testbed.start(0);
        testbed.goes_on(0, &ahead);
        let alone = testbed.round_is(0, &round, "is left alone", |round| round["status"] == "abandoned");
        assert!(alone["reason"].as_str().is_some_and(|reason| reason.contains("older copy")), "{alone:#}");
        testbed.run(0, &["round", "approve", &round, "--by", "Ann Ames"]).exits(1);
        // It was shown its own Deal: where its guard does not know, its own checkpoint at the others has said that it is behind.
        testbed.recorded(0, "rollback.recalled", |record| record["detail"]["message"] == "Deal");
        testbed.until("it alarms", || testbed.log(0).contains("ERROR").then_some(()));
        approve(&testbed, 1, &table);
        for party in [1, 2] {
            let ended = testbed.round_is(party, &round, "has ended", |round| round["status"] != "open");
            assert_eq!(ended["status"], "completed", "{ended:#}");
            table[0].is_exact(&testbed.result(party, &round), &[0, 1, 2]);
        }
        nothing_contradicts(&testbed, guard);
        testbed.stop_all();
    }
}

#[test]
fn copies_of_random_moments_put_back_at_random_moments_make_no_second_sum() {
    let mut dice = chance::dice("older copies");
    let mut testbed = testbed("20s");
    testbed.start_all();
    let mut older = false;
    for number in 0..chance::rounds() / 3 {
        let guard = GUARDS[dice.index(GUARDS.len())];
        older |= guard == Guard::Older;
        println!("round r{number}, the guard: {guard:?}");
        let victim = dice.index(3);
        let table = Table::new("threshold", &format!("r{number}"), 3, 1);
        let other = Table::new("threshold", &format!("other{number}"), 3, 1);
        table.give(&testbed);
        start(&testbed, dice.index(3), std::slice::from_ref(&table));
        testbed.later(victim, dice.below(30));
        testbed.kill(victim);
        let copy = Copy::take(&testbed, victim);
        testbed.start(victim);
        testbed.later(victim, dice.below(40));
        testbed.kill(victim);
        let ahead = copy.put_back(&testbed, guard);
        other.give_as(&testbed, victim, &table.period);
        testbed.start(victim);
        testbed.goes_on(victim, &ahead);
        let ends: Vec<Value> = (0..3)
            .map(|party| testbed.round_is(party, &table.address(), "has ended", |round| round["status"] != "open"))
            .collect();
        let results = released(&testbed, &table);
        for result in &results {
            assert_eq!(result["digest"], results[0]["digest"], "{}", table.address());
            // Its second dealing may be in the sum, if the first had not left it.
            let sum = &result["columns"][0]["rows"][0]["sum"];
            let possible = [table.sum(None), table.sum(Some((victim, &other)))];
            assert!(possible.iter().any(|possible| sum == possible), "{sum} is none of {possible:?}");
        }
        nothing_contradicts(&testbed, if older { Guard::Older } else { guard });
        let ends: Vec<&Value> = ends.iter().map(|end| &end["status"]).collect();
        println!("  {} was put back: {ends:?}", testbed.id(victim));
    }
    testbed.stop_all();
}

#[test]
fn when_all_guards_are_lost_and_all_restart_at_once_all_recover_and_the_round_goes_on() {
    let mut testbed = testbed("2m");
    testbed.manual(1);
    testbed.start_all();
    let tables = tables(&testbed, "first");
    start(&testbed, 0, &tables);
    for table in &tables {
        for party in 0..3 {
            testbed.round_is(party, &table.address(), "has two dealings", |round| {
                round["dealt"].as_array().is_some_and(|dealt| dealt.len() == 2)
            });
        }
    }
    testbed.kill_together(&[0, 1, 2]);
    (0..3).for_each(|party| fs::remove_file(testbed.home(party).join("guard")).expect("removed"));
    (0..3).for_each(|party| testbed.start(party));
    for party in 0..3 {
        testbed.recorded(party, "rollback.found", |_| true);
        testbed.goes_on(party, &[]);
        testbed.recorded(party, "rollback.recovered", |_| true);
        assert!(testbed.home(party).join("guard").exists());
    }
    approve(&testbed, 1, &tables);
    for table in &tables {
        testbed.all_end(&table.address(), "completed");
        let results = released(&testbed, table);
        assert_eq!(results.len(), 3);
        results.iter().for_each(|result| table.is_exact(result, &[0, 1, 2]));
    }
    for party in 0..3 {
        assert!(testbed.audit(party).iter().all(|record| record["event"] != "rollback.recalled"));
    }
    testbed.stop_all();
}
