//! The logs of several parties laid beside each other after real rounds with crashes: they agree, and one changed record is
//! named. `SMPCD_RECONCILE_ROUNDS` says how many rounds each consortium has.

mod support;

use std::fs;

use serde_json::Value;
use testkit::dice::Dice;

use support::{Said, Testbed, simple, smpcd};

/// Rounds in the test command that everybody runs.
const ROUNDS: u64 = 6;
/// Records of each kind that are changed.
const CHANGED: usize = 3;

/// What one party did with another: the other's log knows it, or every log does.
const SHARED: [&str; 9] = [
    "deal.sent",
    "deal.received",
    "receipt.received",
    "open.received",
    "ready.received",
    "accept.sent",
    "accept.received",
    "round.certified",
    "partial.received",
];

fn rounds() -> u64 {
    std::env::var("SMPCD_RECONCILE_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number"))
}

/// Rounds among so many parties, one of whom is killed in the middle of every second one.
fn story(parties: u16, rounds: u64, dice: &mut Dice) -> Testbed {
    let mut testbed = Testbed::of(parties, &simple("headcount", "10s", "2m"));
    for round in 0..rounds {
        for party in 0..testbed.count() {
            testbed.input(party, None, &format!("figure\n{}\n", 10 * round + party as u64));
        }
        if round == 0 {
            testbed.start_all();
        }
        testbed.linked();
        let period = format!("r{round}");
        let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", &period, "--wait"]);
        if round % 2 == 1 {
            let victim = 1 + dice.index(testbed.count() - 1);
            testbed.later(victim, dice.within(1, 30));
            testbed.kill(victim);
            testbed.start(victim);
        }
        testbed.ended(waiting).exits(0);
        testbed.all_end(&format!("headcount/{period}"), "completed");
    }
    testbed.stop_all();
    testbed
}

fn reconcile(testbed: &Testbed) -> Said {
    let folders = (0..testbed.count()).map(|party| testbed.data(party).to_str().expect("text").to_owned());
    smpcd(["audit", "reconcile"].into_iter().map(str::to_owned).chain(folders))
}

/// One digest of a record replaced by another one of the same form.
fn changed(whole: &str, record: &Value, dice: &mut Dice) -> String {
    let digests: Vec<&str> =
        record["digests"].as_object().expect("digests").values().filter_map(Value::as_str).collect();
    let digest = digests[dice.index(digests.len())];
    let at = digest.len() - 1 - dice.index(64);
    let other = if digest[at..].starts_with('5') { "6" } else { "5" };
    let forged = format!("{}{other}{}", &digest[..at], &digest[at + 1..]);
    let seq = record["seq"].as_u64().expect("a number");
    let lines = whole.lines().zip(1..).map(|(line, number): (&str, u64)| {
        if number == seq { line.replacen(digest, &forged, 1) + "\n" } else { line.to_owned() + "\n" }
    });
    lines.collect()
}

fn agree_and_name(parties: u16) {
    let mut dice = Dice::new(parties.into(), "reconcile");
    let testbed = story(parties, rounds(), &mut dice);
    let said = reconcile(&testbed).exits(0);
    assert!(said.out.contains("The logs agree"), "{said:?}");
    for party in 0..testbed.count() {
        testbed.run(party, &["audit", "verify"]).exits(0);
    }
    let mut named = 0;
    for event in SHARED {
        for _ in 0..CHANGED {
            let party = dice.index(testbed.count());
            let records: Vec<Value> =
                testbed.audit(party).into_iter().filter(|record| record["event"] == event).collect();
            let Some(record) = (!records.is_empty()).then(|| &records[dice.index(records.len())]) else { continue };
            let log = testbed.data(party).join("audit/log.jsonl");
            let whole = fs::read_to_string(&log).expect("is there");
            fs::write(&log, changed(&whole, record, &mut dice)).expect("writes");
            let place = format!("record {} of {} ({event})", record["seq"], testbed.id(party));
            reconcile(&testbed).exits(4).complains(&[&place]);
            fs::write(&log, whole).expect("writes");
            named += 1;
        }
    }
    assert!(named >= SHARED.len() * CHANGED / 2, "{named}");
    reconcile(&testbed).exits(0);
    println!("{parties} parties, {} rounds: the logs agree, and each of {named} changed records was named", rounds());
}

#[test]
fn the_logs_of_three_parties_agree_and_a_changed_record_is_named() {
    agree_and_name(3);
}

#[test]
fn the_logs_of_five_parties_agree_and_a_changed_record_is_named() {
    agree_and_name(5);
}

#[test]
fn the_logs_of_ten_parties_agree_and_a_changed_record_is_named() {
    agree_and_name(10);
}
