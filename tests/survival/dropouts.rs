//! Parties that are gone in the middle of a round, or never come: with a threshold the others need them no more.

use std::time::Duration;

use serde_json::{Value, json};

use super::stories;
use super::tables::{Table, by_period, shamir};
use crate::support::Testbed;

/// So many parties with one computation `figures` whose input has a file for each period.
fn testbed(parties: u16, computation: &str) -> Testbed {
    let testbed = Testbed::of(parties, computation);
    by_period(&testbed, &["figures"]);
    testbed
}

fn start(testbed: &Testbed, party: usize, table: &Table) {
    testbed.run(party, &["round", "start", &table.computation, "--period", &table.period]).exits(0);
}

/// It completes at these parties, and every one of them has the exact sums of the contributors.
fn completes_at(testbed: &Testbed, table: &Table, parties: &[usize], contributors: &[usize]) -> Vec<Value> {
    let result = |&party: &usize| {
        let round = table.address();
        let ended = testbed.round_is(party, &round, "has ended", |round| round["status"] != "open");
        assert_eq!(ended["status"], "completed", "{}: {ended:#}", testbed.id(party));
        let result = testbed.result(party, &round);
        table.is_exact(&result, contributors);
        result
    };
    let results: Vec<Value> = parties.iter().map(result).collect();
    results.iter().for_each(|result| assert_eq!(result["digest"], results[0]["digest"]));
    results
}

#[test]
fn two_of_five_die_after_the_certificate_and_the_three_others_have_the_result() {
    // Enough rows that partial sums are still on their way when the certificate is there.
    const ROWS: usize = 150_000;
    let computation = shamir("figures", 3, 4, "60s", "2m").replace("rows = 1", &format!("rows = {ROWS}"));
    let mut testbed = testbed(5, &computation);
    testbed.start_all();
    for attempt in 0.. {
        let table = Table::new("figures", &format!("r{attempt}"), 5, ROWS);
        table.give(&testbed);
        start(&testbed, 0, &table);
        let of_round = |record: &Value| record["round"]["period"] == *table.period;
        let round = table.address();
        let reached = |testbed: &Testbed, party: usize, event: &str| {
            testbed.audit(party).iter().any(|record| record["event"] == event && of_round(record))
        };
        while !reached(&testbed, 0, "round.certified") {
            assert_ne!(testbed.round(0, &round).expect("it is there")["status"], "abandoned");
            std::thread::sleep(Duration::from_millis(1));
        }
        testbed.kill_together(&[3, 4]);
        // Whose partial sum was out by then was not missing.
        let missing = [3, 4].iter().all(|&party| !reached(&testbed, party, "result.released"))
            && !reached(&testbed, 0, "result.released");
        completes_at(&testbed, &table, &[0, 1, 2], &[0, 1, 2, 3, 4]);
        // The two come back, and have it as well.
        [3, 4].iter().for_each(|&party| testbed.start(party));
        completes_at(&testbed, &table, &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4]);
        stories::agree(&testbed, &table, stories::End::Completed);
        if missing {
            break;
        }
        assert!(attempt < 5, "the round is always over when its certificate is seen: it needs more rows");
        testbed.linked();
    }
    testbed.stop_all();
}

#[test]
fn with_one_party_that_never_comes_four_complete_when_their_time_is_over() {
    let mut testbed = testbed(5, &shamir("figures", 3, 4, "8s", "2m"));
    let table = Table::new("figures", "2026", 5, 1);
    table.give(&testbed);
    (0..4).for_each(|party| testbed.start(party));
    testbed.linked();
    start(&testbed, 1, &table);
    let there = [0, 1, 2, 3];
    for result in completes_at(&testbed, &table, &there, &there) {
        assert_eq!(result["contributors"], json!(["p1", "p2", "p3", "p4"]));
    }
    // Nobody opened before the time was over.
    for party in there {
        let at = |event: &str| {
            let record = testbed.recorded(party, event, |_| true);
            record["time"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339")
        };
        let learnt = if party == 1 { at("round.proposed") } else { at("round.joined") };
        assert!(at("round.certified").duration_since(learnt).as_millis() >= 8_000, "{}", testbed.id(party));
    }
    // The one that comes when all is over is no contributor, and learns the result all the same.
    testbed.start(4);
    completes_at(&testbed, &table, &[4], &there);
    assert!(testbed.audit(4).iter().all(|record| record["event"] != "deal.sent"));
    testbed.stop_all();
}

#[test]
fn two_of_three_complete_with_one_down_for_good_after_it_has_dealt() {
    let mut testbed = testbed(3, &shamir("figures", 2, 3, "5s", "2m"));
    testbed.manual(1);
    let table = Table::new("figures", "2026", 3, 1);
    table.give(&testbed);
    testbed.start_all();
    start(&testbed, 0, &table);
    // The third has dealt, and the two others hold its shares. The second has yet to deal, so nothing can have opened.
    let dealt = testbed.recorded(2, "deal.sent", |_| true);
    for party in [0, 1] {
        testbed.recorded(party, "receipt.sent", |record| record["digests"]["header"] == dealt["digests"]["header"]);
    }
    testbed.kill(2);
    testbed.run(1, &["round", "approve", &table.address(), "--by", "Ann Ames"]).exits(0);
    completes_at(&testbed, &table, &[0, 1], &[0, 1, 2]);
    for party in [0, 1] {
        let certified = testbed.recorded(party, "round.certified", |_| true);
        assert_eq!(certified["detail"]["holders"], json!(["p1", "p2"]));
    }
    testbed.stop_all();
}
