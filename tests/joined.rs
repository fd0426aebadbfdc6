//! The tracing log and the audit log tell one story of every round, line by line (PROTOCOL 8).

mod support;

use serde_json::Value;

use support::{Testbed, simple};

/// What the two have to agree in.
fn told(record: &Value) -> (u64, String, Option<String>, Option<String>, String) {
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

#[test]
fn each_record_is_a_line_of_the_tracing_log_and_every_line_of_a_round_has_its_id() {
    let short = simple("short", "2s", "4s");
    let malicious = simple("proven", "5s", "1m").replace("\"semi-honest\"", "\"malicious\"");
    let mut testbed = Testbed::of(3, &[simple("headcount", "5s", "1m"), short, malicious].concat());
    for party in 0..3 {
        let file = testbed.node_file(party);
        testbed.edit(&file, "level = \"info\"", "level = \"debug\"");
        testbed.edit(&file, "format = \"text\"", "format = \"json\"");
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
        let log = testbed.log(party);
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
        let (audit, others): (Vec<Value>, Vec<Value>) =
            lines.partition(|line| line["target"] == "audit" && line["seq"].is_number());
        let traced: Vec<_> = audit.iter().map(told).collect();
        let recorded: Vec<_> = testbed.audit(party).iter().map(told).collect();
        // A kill may come between the commit and the line.
        let lost: Vec<_> = recorded.iter().filter(|record| !traced.contains(record)).collect();
        assert!(lost.len() <= usize::from(party == 1), "{lost:?}");
        assert!(traced.iter().all(|line| recorded.contains(line)), "a line that is no record");
        assert!(traced.is_sorted_by_key(|(seq, ..)| *seq));
        for event in ["round.abandoned", "result.released", "round.certified", "deal.sent"] {
            assert!(traced.iter().any(|(_, name, ..)| name == event), "{event}");
        }
        for line in others.iter().filter(|line| line["target"] == "round") {
            let id = line["id"].as_str().unwrap_or_default();
            assert!(line["round"].is_null() || id.len() == 64, "no id: {line}");
        }
    }
}
