//! The tracing log and the audit log tell one story of every round, line by line (PROTOCOL 8).

mod support;

#[allow(dead_code)]
#[path = "byzantine/papers.rs"]
mod papers;

use serde_json::Value;
use testkit::traitor::{Cheat, Cheater, Traitor};

use papers::papers;
use support::{Testbed, catalogue, simple};

/// What the two have to agree in.
type Told = (u64, String, Option<String>, Option<String>, String);

fn told(record: &Value) -> Told {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let round = match &record["round"] {
        Value::Object(round) => {
            let part = |name: &str| text(&round[name]).expect("a name");
            Some(format!("{}/{}", part("computation"), part("period")))
        }
        other => text(other),
    };
    let id = if record["round"].is_object() { text(&record["round"]["id"]) } else { text(&record["id"]) };
    let seq = record["seq"].as_u64().expect("a number");
    (seq, text(&record["event"]).expect("a name"), round, id, text(&record["outcome"]).expect("a word"))
}

/// Each line of the daemon is JSON, and none is left out.
fn tells_all(testbed: &Testbed, party: usize) {
    let file = testbed.node_file(party);
    testbed.edit(&file, "level = \"info\"", "level = \"debug\"");
    testbed.edit(&file, "format = \"text\"", "format = \"json\"");
}

/// The two logs of a party have one sequence; `may_lack` records may be missing in the tracing log. Gives the sequence.
fn joined(testbed: &Testbed, party: usize, may_lack: usize) -> Vec<Told> {
    let log = testbed.log(party);
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    let (audit, others): (Vec<Value>, Vec<Value>) =
        lines.partition(|line| line["target"] == "audit" && line["seq"].is_number());
    let traced: Vec<Told> = audit.iter().map(told).collect();
    let mut recorded: Vec<Told> = testbed.audit(party).iter().map(told).collect();
    let all = recorded.len();
    if may_lack > 0 {
        recorded.retain(|record| traced.contains(record));
    }
    assert!(all - recorded.len() <= may_lack, "{} of {all} records are no lines", all - recorded.len());
    assert!(!traced.is_empty() && traced.is_sorted_by_key(|(seq, ..)| *seq));
    for (line, record) in traced.iter().zip(&recorded) {
        assert_eq!(line, record, "{}", testbed.id(party));
    }
    assert_eq!(traced.len(), recorded.len(), "{}", testbed.id(party));
    for line in others.iter().filter(|line| line["target"] == "round") {
        let id = line["id"].as_str().unwrap_or_default();
        assert!(line["round"].is_null() || id.len() == 64, "no id: {line}");
    }
    catalogue::holds(&testbed.audit(party));
    traced
}

fn has(told: &[Told], event: &str) -> bool {
    told.iter().any(|(_, name, ..)| name == event)
}

#[test]
fn each_record_is_a_line_of_the_tracing_log_and_every_line_of_a_round_has_its_id() {
    let short = simple("short", "2s", "4s");
    let malicious = simple("proven", "5s", "1m").replace("\"semi-honest\"", "\"malicious\"");
    let mut testbed = Testbed::of(3, &[simple("headcount", "5s", "1m"), short, malicious].concat());
    for party in 0..3 {
        tells_all(&testbed, party);
        for computation in ["headcount", "short", "proven"] {
            testbed.input(party, Some(computation), &format!("figure\n{party}\n"));
        }
    }
    // One whose input is refused: its round is given up.
    testbed.input(2, Some("short"), "figure\nnothing\n");
    testbed.start_all();
    testbed.completes("headcount", "a");
    testbed.completes("proven", "a");
    testbed.run(0, &["round", "start", "short", "--period", "a", "--wait"]).exits(3);
    testbed.all_end("short/a", "abandoned");
    testbed.kill(1);
    testbed.start(1);
    testbed.linked();
    testbed.stop_all();
    for party in 0..3 {
        // A kill may come between the commit and the line.
        let told = joined(&testbed, party, usize::from(party == 1));
        for event in ["round.abandoned", "result.released", "round.certified", "deal.sent"] {
            assert!(has(&told, event), "{event}");
        }
    }
}

/// A malicious round whose last party deals one share that is wrong, and how it ends at the honest ones.
fn with_a_culprit(sharing: &str, parties: u16, end: &str, ended: &str) {
    let mut testbed = Testbed::with(parties, &["--sharing", sharing, "--adversary", "malicious"]);
    let liar = usize::from(parties) - 1;
    let input = |party: usize| testbed.home(party).join("input-a.csv");
    for party in 0..=liar {
        std::fs::write(input(party), format!("expenditure\n{}\n", 1000 + party)).expect("written");
    }
    for party in 0..liar {
        testbed.edit(&testbed.node_file(party), "input.csv", "input-{period}.csv");
        tells_all(&testbed, party);
    }
    let traitor = Traitor::start(papers(&testbed, liar), Cheater(Cheat::Dealer)).expect("it starts");
    (0..liar).for_each(|party| testbed.start(party));
    for party in 0..liar {
        testbed.until("the traitor is linked", || {
            let peers = testbed.status(party)?["peers"].as_array()?.clone();
            peers.iter().all(|peer| peer["connected"] == true).then_some(())
        });
    }
    testbed.run(0, &["round", "start", "average-expenditure", "--period", "a"]).exits(0);
    for party in 0..liar {
        let round = "average-expenditure/a";
        let seen = testbed.round_is(party, round, "has ended", |round| round["status"] != "open");
        assert_eq!(seen["status"], end, "{seen:#}");
        testbed.recorded(party, "fault.proven", |record| record["peer"] == testbed.id(liar));
    }
    traitor.stop();
    testbed.stop_all();
    for party in 0..liar {
        let told = joined(&testbed, party, 0);
        assert!(has(&told, "fault.proven") && has(&told, ended), "{told:?}");
        let ids: std::collections::BTreeSet<_> = told.iter().filter_map(|(_, _, _, id, _)| id.as_ref()).collect();
        assert_eq!(ids.len(), 1, "one round, one id");
    }
}

#[test]
fn a_round_that_a_culprit_ends_is_told_alike_by_both_logs() {
    with_a_culprit("additive", 3, "abandoned", "round.abandoned");
}

#[test]
fn a_round_that_completes_without_the_culprit_is_told_alike_by_both_logs() {
    with_a_culprit("shamir:2", 4, "completed", "result.released");
}
