//! What the parties' audit logs say of one round, held against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::tables::Table;
use crate::support::Testbed;

/// Records that no honest party's log has, whatever crashes.
const NEVER: [&str; 10] = [
    "fault.observed",
    "outcome.differs",
    "certificate.differs",
    "round.forgotten",
    "rollback.found",
    "rollback.recalled",
    "hello.differs",
    "input.refused",
    "log.behind",
    "log.departed",
];

/// How a round ended, at every party alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Abandoned,
}

/// Waits for the round's end at every party: completed and exact with one digest, or abandoned with a reason.
pub(crate) fn end(testbed: &Testbed, table: &Table) -> End {
    let round = table.address();
    let ends: Vec<Value> = (0..testbed.count())
        .map(|party| testbed.round_is(party, &round, "has ended", |round| round["status"] != "open"))
        .collect();
    let all: Vec<usize> = (0..testbed.count()).collect();
    for (party, end) in ends.iter().enumerate() {
        assert_eq!(end["status"], ends[0]["status"], "{round} at {} and {}: {end:#}", testbed.id(0), testbed.id(party));
    }
    if ends[0]["status"] == "abandoned" {
        for end in &ends {
            assert!(end["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{end:#}");
        }
        return End::Abandoned;
    }
    let results: Vec<Value> = all.iter().map(|&party| testbed.result(party, &round)).collect();
    for result in &results {
        table.is_exact(result, &all);
        assert_eq!(result["digest"], results[0]["digest"], "{round}");
    }
    // A crash may come between a result and its exports. What is there in the end is the same.
    for &party in &all {
        let (json, _) = testbed.exports(party, &table.computation, &table.period);
        assert_eq!(json["digest"], results[0]["digest"], "{round}");
    }
    End::Completed
}

/// Every party's log is whole, and the logs tell one story of the round.
pub(crate) fn agree(testbed: &Testbed, table: &Table, end: End) {
    let (round, last) = match end {
        End::Completed => (table.address(), "result.released"),
        End::Abandoned => (table.address(), "round.abandoned"),
    };
    let of_round = |record: &Value| {
        record["round"]["computation"] == *table.computation && record["round"]["period"] == *table.period
    };
    // The file follows the store; once the last record is there, all before it are.
    (0..testbed.count()).for_each(|party| drop(testbed.recorded(party, last, of_round)));
    let mut story = Story::default();
    for party in 0..testbed.count() {
        let log = testbed.audit(party);
        for (record, number) in log.iter().zip(1..) {
            assert_eq!(record["seq"], number, "the log of {} is whole", testbed.id(party));
        }
        let records: Vec<&Value> = log.iter().filter(|record| of_round(record)).collect();
        story.add(testbed.id(party), &records, &round);
    }
    story.is_one(&round, end);
}

/// What the parties say, each kind of thing as the set of what was said.
#[derive(Default)]
struct Story {
    ids: BTreeSet<String>,
    /// Header digests by dealer, its own and as the others received it.
    dealings: BTreeMap<String, BTreeSet<String>>,
    /// Digest, contributors and holders of every certificate that was held.
    certified: BTreeSet<[String; 3]>,
    released: BTreeSet<String>,
    /// Sets that a voter supported or accepted, by voter, kind and attempt.
    votes: BTreeMap<(String, String, u64), BTreeSet<String>>,
}

impl Story {
    fn add(&mut self, party: &str, records: &[&Value], round: &str) {
        let position = |event: &str| records.iter().position(|record| record["event"] == event);
        for (first, then) in [
            ("approval.given", "deal.sent"),
            ("ready.sent", "accept.sent"),
            ("round.locked", "accept.sent"),
            ("round.certified", "partial.sent"),
            ("round.certified", "result.released"),
        ] {
            let Some(then_at) = position(then) else { continue };
            let before = position(first).is_some_and(|first_at| first_at < then_at);
            assert!(before, "{round}: {party} has {then} before {first}");
        }
        for record in records {
            let event = text(&record["event"]);
            assert!(!NEVER.contains(&event.as_str()), "{round}: {party} has {record}");
            self.ids.insert(text(&record["round"]["id"]));
            let set = text(&record["digests"]["set"]);
            match event.as_str() {
                "deal.sent" => self.dealt(party, record),
                "deal.received" => self.dealt(&text(&record["peer"]), record),
                "round.certified" => {
                    let detail = &record["detail"];
                    self.certified.insert([set, detail["contributors"].to_string(), detail["holders"].to_string()]);
                }
                "partial.sent" | "partial.received" | "result.released" | "certificate.received" => {
                    self.released.insert(set);
                }
                "ready.sent" | "accept.sent" => {
                    let attempt = record["detail"]["attempt"].as_u64().expect("a number");
                    self.votes.entry((party.to_owned(), event, attempt)).or_default().insert(set);
                }
                _ => {}
            }
        }
    }

    fn dealt(&mut self, dealer: &str, record: &Value) {
        self.dealings.entry(dealer.to_owned()).or_default().insert(text(&record["digests"]["header"]));
    }

    /// One round, one dealing of a dealer, one vote of a voter, one set.
    fn is_one(&self, round: &str, end: End) {
        assert_eq!(self.ids.len(), 1, "{round}: {:?}", self.ids);
        for (dealer, headers) in &self.dealings {
            assert_eq!(headers.len(), 1, "{round}: {dealer} dealt {headers:?}");
        }
        for (voter, sets) in &self.votes {
            assert_eq!(sets.len(), 1, "{round}: {voter:?} voted for {sets:?}");
        }
        match end {
            End::Completed => {
                assert_eq!(self.certified.len(), 1, "{round}: {:?}", self.certified);
                let certified: BTreeSet<String> = self.certified.iter().map(|[set, ..]| set.clone()).collect();
                assert_eq!(self.released, certified, "{round}");
            }
            End::Abandoned => assert_eq!(self.released.len(), 0, "{round}: {:?}", self.released),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
