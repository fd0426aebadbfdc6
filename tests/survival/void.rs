//! Rounds that are given up: they end everywhere, are proven void, and their period is dealt anew (PROTOCOL 4.8).

use serde_json::{Value, json};

use super::tables::Table;
use crate::support::{Testbed, simple};

const ROUND: &str = "headcount/2026-Q3";

/// Everybody's input, with the first party's figure.
fn input(testbed: &Testbed, table: &Table) {
    (0..testbed.count()).for_each(|party| testbed.input(party, None, &table.csv(party)));
}

/// It ended at this party without a result, and it is listed with the reason.
fn is_void_at(testbed: &Testbed, party: usize, why: &str) {
    let ended = testbed.round_is(party, ROUND, "is void", |round| round["void"] == true);
    assert_eq!((&ended["status"], &ended["v"]), (&"abandoned".into(), &0.into()), "{ended:#}");
    assert!(ended.to_string().contains(why), "no {why:?} in {ended:#}");
    testbed.recorded(party, "round.void", |_| true);
    let list = testbed.run(party, &["round", "list", "--json"]).exits(0).json();
    let listed = list.as_array().expect("a list").iter().find(|round| round["v"] == 0).expect("it is listed").clone();
    assert_eq!((&listed["status"], &listed["void"]), (&"abandoned".into(), &true.into()), "{list:#}");
    let shown = testbed.run(party, &["round", "list"]).exits(0).out;
    assert!(shown.contains(ROUND) && shown.contains("void: "), "{shown}");
}

/// The period completes under v = 1 at every party, with these figures.
fn completes_anew(testbed: &Testbed, from: usize, table: &Table) {
    let waiting = testbed.begin(from, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
    let result = testbed.ended(waiting).exits(0).json();
    table.is_exact(&result, &[0, 1, 2]);
    for party in 0..testbed.count() {
        let ended = testbed.round_is(party, ROUND, "has ended", |round| round["v"] == 1 && round["status"] != "open");
        assert_eq!(ended["status"], "completed", "{ended:#}");
        assert_eq!(testbed.result(party, ROUND)["digest"], result["digest"]);
        let list = testbed.run(party, &["round", "list", "--json"]).exits(0).json();
        let mut ends: Vec<(&Value, &Value)> =
            list.as_array().expect("a list").iter().map(|round| (&round["v"], &round["status"])).collect();
        ends.sort_by_key(|(v, _)| v.as_u64());
        let (void, done) = (json!("abandoned"), json!("completed"));
        assert!(ends.contains(&(&json!(1), &done)), "{list:#}");
        assert!(ends.iter().all(|end| *end == (&json!(1), &done) || *end == (&json!(0), &void)), "{list:#}");
    }
}

#[test]
fn a_round_that_one_party_abandons_ends_everywhere_at_once_and_its_period_completes_when_started_again() {
    // Before its own dealing, and after it.
    for dealt in [false, true] {
        // Nobody gives up by the clock while this test runs.
        let mut testbed = Testbed::of(3, &simple("headcount", "60s", "1h"));
        let (first, second) = (Table::new("headcount", "first", 3, 1), Table::new("headcount", "second", 3, 1));
        input(&testbed, &first);
        testbed.manual(0);
        testbed.manual(1);
        testbed.start_all();
        let waiting = testbed.begin(2, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
        let dealers = if dealt { 2 } else { 1 };
        testbed.round_is(1, ROUND, "waits for approval", |round| round["phase"] == "approval");
        if dealt {
            testbed.run(1, &["round", "approve", ROUND, "--by", "Bo Best"]).exits(0);
        }
        for party in 0..3 {
            testbed.round_is(party, ROUND, "has dealings", |round| {
                round["dealt"].as_array().is_some_and(|list| list.len() == dealers)
            });
        }
        let abandon = ["round", "abandon", ROUND, "--by", "Bo Best", "--reason", "the figures are of another year"];
        testbed.run(1, &abandon).exits(0);
        let ended = testbed.ended(waiting).exits(3).json();
        assert_eq!(ended["status"], "abandoned");
        for party in 0..3 {
            is_void_at(&testbed, party, "the figures are of another year");
        }
        // It is over for who waited to approve it, too.
        testbed.run(0, &["round", "approve", ROUND, "--by", "Ann Ames"]).exits(1);

        // With mended input, and from another party. Two approve, as they did before.
        input(&testbed, &second);
        let begin = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q3"]);
        testbed.ended(begin).exits(0);
        for party in [0, 1] {
            testbed
                .round_is(party, ROUND, "waits for approval", |round| round["v"] == 1 && round["phase"] == "approval");
            testbed.run(party, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(0);
        }
        completes_anew(&testbed, 2, &second);
        // What has a result is not begun anew.
        let again = testbed.run(1, &["round", "start", "headcount", "--period", "2026-Q3", "--json"]).exits(0).json();
        second.is_exact(&again, &[0, 1, 2]);
        testbed.stop_all();
    }
}

#[test]
fn a_period_in_which_one_party_was_down_until_the_others_gave_up_completes_when_started_again() {
    // Down from the beginning, and from after its dealing on.
    for dealt in [false, true] {
        let mut testbed = Testbed::of(3, &simple("headcount", "2s", "6s"));
        let (first, second) = (Table::new("headcount", "first", 3, 1), Table::new("headcount", "second", 3, 1));
        input(&testbed, &first);
        if dealt {
            testbed.manual(1);
            testbed.start_all();
        } else {
            (0..2).for_each(|party| testbed.start(party));
            testbed.linked();
        }
        testbed.run(0, &["round", "start", "headcount", "--period", "2026-Q3"]).exits(0);
        if dealt {
            testbed.round_is(0, ROUND, "has two dealings", |round| round["dealt"] == json!(["p1", "p3"]));
            testbed.kill(2);
        }
        for party in [0, 1] {
            is_void_at(&testbed, party, "p3");
        }
        input(&testbed, &second);
        testbed.start(2);
        testbed.linked();
        if dealt {
            // It takes up what it had, and ends it as the others did.
            is_void_at(&testbed, 2, "");
            testbed.edit(&testbed.node_file(1), "policy = \"manual\"", "policy = \"auto\"");
            testbed.stop(1);
            testbed.start(1);
            testbed.linked();
        }
        completes_anew(&testbed, 1, &second);
        testbed.stop_all();
    }
}
