//! What people do between the start of a round and its end: approve, decline, mend an input, join, or nothing at all.

use std::fs;

use node::admin::Client;

use crate::support::{Testbed, simple};

/// A round that waits long enough for every test here, and a table whose rows have names.
fn table() -> String {
    simple("headcount", "60s", "2m").replace("rows = 1", "rows = [\"north\", \"south\"]")
}

fn input(figure: i64) -> String {
    format!("row,figure\nsouth,{figure}\nnorth,-3\n")
}

const ROUND: &str = "headcount/2026-Q3";

/// A started consortium in which a person approves at every party.
fn manual(parties: u16) -> Testbed {
    let mut testbed = Testbed::of(parties, &table());
    for party in 0..testbed.count() {
        testbed.manual(party);
        testbed.input(party, None, &input(10));
    }
    testbed.start_all();
    testbed
}

#[test]
fn every_party_approves_the_starter_too_and_one_declines_first() {
    let mut testbed = Testbed::of(3, &table());
    let notified = testbed.root().join("notified");
    for party in 0..3 {
        testbed.manual(party);
        testbed.input(party, None, &input(10));
    }
    testbed.edit(
        &testbed.node_file(2),
        "notify = []",
        &format!("notify = [\"sh\", \"-c\", \"echo $SMPCD_ROUND >> {}\"]", notified.display()),
    );
    testbed.start_all();

    let started = testbed.run(0, &["round", "start", "headcount", "--period", "2026-Q3"]).exits(0);
    assert!(started.out.contains("smpcd round approve headcount/2026-Q3 --by NAME"), "{}", started.out);
    let waiting = testbed.begin(1, &["round", "watch", ROUND]);
    for party in 0..3 {
        testbed.round_is(party, ROUND, "waits for approval", |round| round["phase"] == "approval");
        let status = testbed.run(party, &["status"]).exits(0);
        let first = status.out.lines().next().unwrap();
        assert!(first.contains("headcount/2026-Q3 waits for your approval"), "{first}");
        assert!(testbed.log(party).contains("the round waits for this party's approval"));
    }
    testbed.until("the command of notify ran", || {
        fs::read_to_string(&notified).ok().filter(|said| said == "headcount/2026-Q3\n")
    });

    // Without a name nobody approves.
    testbed.run(0, &["round", "approve", ROUND]).exits(2);
    testbed.run(0, &["round", "approve", ROUND, "--by", "  "]).exits(2);
    testbed.run(0, &["round", "approve", "headcount/2025", "--by", "Ann Ames"]).exits(1).complains(&["2025"]);
    let approved = testbed.run(0, &["round", "approve", ROUND, "--by", "Ann Ames"]).exits(0);
    for part in ["DISCLOSURE STATEMENT", "dealt so far: nobody yet", "2 rows, 1 column, all bounds passed", "final"] {
        assert!(approved.out.contains(part), "no {part:?} in {}", approved.out);
    }
    testbed.run(0, &["round", "approve", ROUND, "--by", "Ann Ames"]).exits(1).complains(&["approved already"]);
    testbed.run(0, &["round", "decline", ROUND, "--by", "Ann Ames"]).exits(1).complains(&["final"]);

    let reason = ["--reason", "the figures are not audited yet"];
    testbed.run(1, &[&["round", "decline", ROUND, "--by", "Bo Best"][..], &reason[..]].concat()).exits(0);
    testbed.round_is(2, ROUND, "shows the decline", |round| {
        round["declined"].to_string().contains("the figures are not audited yet (Bo Best)")
    });
    let approved = testbed.run(2, &["round", "approve", ROUND, "--by", "Cy Crane"]).exits(0);
    assert!(approved.out.contains("dealt so far: p1"), "{}", approved.out);
    testbed.round_is(0, ROUND, "has two dealings", |round| round["dealt"] == serde_json::json!(["p1", "p3"]));
    assert_eq!(testbed.round(0, ROUND).unwrap()["status"], "open", "not without p2");

    testbed.run(1, &["round", "approve", ROUND, "--by", "Bo Best"]).exits(0);
    testbed.all_end(ROUND, "completed");
    let watched = testbed.ended(waiting).exits(0);
    assert!(watched.out.contains("waits for"), "{}", watched.out);
    for (party, name) in ["Ann Ames", "Bo Best", "Cy Crane"].iter().enumerate() {
        let (_, csv) = testbed.exports(party, "headcount", "2026-Q3");
        assert_eq!(csv, "row,figure.sum,figure.mean,count\nnorth,-9,-3,3\nsouth,30,10,3\n");
        let given = testbed.recorded(party, "approval.given", |_| true);
        assert!(given.to_string().contains(name), "{given}");
        assert!(given["digests"]["disclosure"].is_string(), "{given}");
        let asked = testbed.recorded(party, "admin.call", |record| record.to_string().contains("round.approve"));
        assert!(asked["actor"].to_string().contains("uid"), "{asked}");
    }
    let timeline = testbed.run(1, &["audit", "show", "--round", ROUND]).exits(0);
    assert!(timeline.out.contains("the figures are not audited yet") && timeline.out.contains("Bo Best"));
    testbed.stop_all();
}

#[test]
fn a_bad_input_leaves_the_round_waiting_until_it_is_mended_and_approved_again() {
    const BAD: &str = "row,figure\nsouth,1000001\nnorth,\nwest,7\n";
    let mut testbed = manual(3);
    testbed.input(0, None, BAD);
    testbed.run(0, &["round", "start", "headcount", "--period", "2026-Q3"]).exits(0);
    for party in [1, 2] {
        testbed.round_is(party, ROUND, "has arrived", |_| true);
        testbed.run(party, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(0);
    }
    let file = testbed.home(0).join("input.csv").display().to_string();
    let every_error = |text: &str| {
        for parts in [[":2: column figure", "1000000"], [":3: column figure", "blank"], [":4: ", "label"]] {
            let found = text.lines().any(|line| line.contains(&file) && parts.iter().all(|part| line.contains(part)));
            assert!(found, "no line with {parts:?} in {text}");
        }
        for value in ["1000001", "west"] {
            assert!(!text.contains(value), "{value} is repeated in {text}");
        }
    };
    every_error(&testbed.run(0, &["input", "check"]).exits(65).err);
    every_error(&testbed.run(0, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(65).err);

    // The daemon believes nobody who says that the input is good: whoever has its socket meets the same rules.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new(&testbed.data(0).join("admin.sock"));
    let wrong = protocol::agreement::Digest([7; 32]);
    let refused = runtime.block_on(client.approve("headcount", "2026-Q3", "B. Lind", &wrong, None)).unwrap_err();
    assert!(refused.to_string().contains("the statement that was shown"), "{refused}");
    // What was shown with the refused approval above is the statement that counts.
    let shown = testbed.run(0, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(65).out;
    let digest = shown.lines().find_map(|line| line.strip_prefix("statement digest")).expect("it is printed").trim();
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let bytes: Vec<u8> = (0..64).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    let statement = protocol::agreement::Digest(bytes.try_into().unwrap());
    runtime.block_on(client.approve("headcount", "2026-Q3", "B. Lind", &statement, None)).unwrap();
    let round = testbed.round_is(0, ROUND, "shows the errors", |round| {
        round["input_errors"].as_array().is_some_and(|errors| !errors.is_empty())
    });
    let errors: Vec<&str> =
        round["input_errors"].as_array().unwrap().iter().map(|error| error.as_str().unwrap()).collect();
    every_error(&errors.join("\n"));
    assert_eq!((&round["status"], &round["phase"]), (&"open".into(), &"approval".into()), "{round:#}");
    every_error(&testbed.run(0, &["status"]).exits(0).out);
    every_error(&testbed.run(0, &["round", "show", ROUND]).exits(0).out);
    testbed.recorded(0, "input.refused", |record| record["detail"]["problems"] == errors.len());
    assert!(!testbed.data(0).join("results/headcount").exists(), "no partial result");

    testbed.input(0, None, &input(1_000_000));
    testbed.run(0, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(0);
    testbed.all_end(ROUND, "completed");
    for party in 0..3 {
        let (_, csv) = testbed.exports(party, "headcount", "2026-Q3");
        assert_eq!(csv, "row,figure.sum,figure.mean,count\nnorth,-9,-3,3\nsouth,1000020,333340,3\n");
    }
    testbed.stop_all();
}

#[test]
fn under_auto_a_bad_or_missing_input_is_tried_again_when_its_file_changes() {
    let mut testbed = Testbed::of(3, &table());
    testbed.input(0, None, &input(1));
    testbed.input(1, None, "row,figure\nnorth,1\n");
    fs::remove_file(testbed.home(2).join("input.csv")).unwrap();
    testbed.start_all();
    let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q3", "--wait"]);
    for (party, error) in [(1, "`south` is missing"), (2, "input.csv")] {
        testbed.round_is(party, ROUND, "shows the error", |round| round["input_errors"].to_string().contains(error));
    }
    // Another bad one is another error.
    testbed.input(1, None, "row,figure\nnorth,1\nsouth,2.5\n");
    testbed.round_is(1, ROUND, "shows the new error", |round| round["input_errors"].to_string().contains("decimal"));
    testbed.input(1, None, &input(2));
    testbed.input(2, None, &input(3));
    let told = testbed.ended(waiting).exits(0);
    assert!(told.out.contains("south") && told.out.contains('6'), "{}", told.out);
    testbed.all_end(ROUND, "completed");
    testbed.stop_all();
}

#[test]
fn a_round_that_is_open_is_joined_and_one_that_is_over_is_shown() {
    let mut testbed = manual(3);
    let first = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
    testbed.round_is(1, ROUND, "has arrived", |_| true);
    let second = testbed.begin(1, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
    let joined = testbed.run(2, &["round", "start", "headcount", "--period", "2026-Q3", "--json"]).exits(0).json();
    assert_eq!(joined["status"], "open");
    for party in 0..3 {
        testbed.run(party, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(0);
    }
    let (first, second) = (testbed.ended(first).exits(0).json(), testbed.ended(second).exits(0).json());
    assert_eq!(first, second, "one round, one result");
    assert_eq!(first["columns"][0]["rows"][1]["sum"], "30");
    let again = testbed.run(1, &["round", "start", "headcount", "--period", "2026-Q3", "--json"]).exits(0).json();
    assert_eq!(again, first);
    let list = testbed.run(2, &["round", "list", "--json"]).exits(0).json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list:#}");
    assert_eq!((&list[0]["id"], &list[0]["status"]), (&first["round"]["id"], &"completed".into()));
    // What makes no sense opens nothing.
    testbed.run(0, &["round", "start", "headcount", "--period", "../x"]).exits(2);
    testbed.run(0, &["round", "start", "turnover", "--period", "2026"]).exits(1).complains(&["turnover"]);
    assert_eq!(testbed.run(0, &["round", "list", "--json"]).json().as_array().unwrap().len(), 1);
    testbed.stop_all();
}

#[test]
fn a_round_that_cannot_go_on_is_abandoned_at_its_deadline_with_the_party_and_the_message() {
    let mut testbed = Testbed::of(3, &simple("headcount", "1s", "4s"));
    testbed.manual(1);
    ["3", "4", "5"].iter().enumerate().for_each(|(party, it)| testbed.input(party, None, &format!("figure\n{it}\n")));
    testbed.start_all();
    let failed = testbed.round_from(0, "headcount", "2026-Q3").exits(3).complains(&["abandoned", "p2", "Deal"]);
    let object = failed.json();
    assert_eq!(object["status"], "abandoned");
    let reason = object["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("p2") && reason.contains("Deal"), "{reason}");
    testbed.all_end(ROUND, "abandoned");
    let third = testbed.round(2, ROUND).unwrap();
    assert!(
        third["reason"].as_str().unwrap().contains("Deal from p2") || third["reason"] == reason.as_str(),
        "{third:#}"
    );
    let idle = testbed.round(1, ROUND).unwrap()["reason"].to_string();
    // Its own deadline comes milliseconds after that of the first, whose word may be quicker.
    let heard = idle.contains("p1 has given it up") || idle.contains("p3 has given it up");
    assert!(idle.contains("p2") && (idle.contains("approv") || heard), "{idle}");
    for party in 0..3 {
        let record = testbed.recorded(party, "round.abandoned", |_| true);
        assert!(record["detail"]["reason"].as_str().unwrap().contains("p2"), "{record}");
        assert!(!testbed.data(party).join("results/headcount/2026-Q3/result.bin").exists());
    }
    // Its period stays closed: asking again tells the same, at once.
    testbed.round_from(0, "headcount", "2026-Q3").exits(3).complains(&[&reason]);
    testbed.run(1, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(1).complains(&["abandoned"]);
    // Another period is another round.
    testbed.rotate_inputs(None);
    let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q4", "--wait", "--json"]);
    testbed.round_is(1, "headcount/2026-Q4", "has arrived", |_| true);
    testbed.run(1, &["round", "approve", "headcount/2026-Q4", "--by", "A. Officer"]).exits(0);
    assert_eq!(testbed.ended(waiting).exits(0).json()["columns"][0]["rows"][0]["sum"], "12");
    testbed.stop_all();
}

#[test]
fn a_party_without_an_address_takes_part_by_dialling_out() {
    let mut testbed = Testbed::of(4, &table());
    (0..4).for_each(|party| testbed.input(party, None, &input(5)));
    // The second in order: without an address it has to dial those before and those after it.
    testbed.run(1, &["card", "new", "--no-address"]).exits(0);
    let card = testbed.home(1).join("cards/p2.card").display().to_string();
    for party in [0, 2, 3] {
        testbed.run(party, &["card", "add", &card]).exits(0);
    }
    let listen = format!("peers = \"127.0.0.1:{}\"", testbed.base_port + 1);
    testbed.edit(&testbed.node_file(1), &listen, "");
    testbed.start_all();
    let status = testbed.status(1).unwrap();
    assert_eq!(status["listening"], serde_json::Value::Null);
    for peer in status["peers"].as_array().unwrap() {
        assert_eq!(peer["dialled"], true, "{peer:#}");
        assert_eq!(peer["key_exchange"], "X25519MLKEM768");
    }
    for party in [0, 2, 3] {
        assert_eq!(testbed.peer(party, 1)["dialled"], false);
    }
    for (_, csv) in testbed.completes("headcount", "2026-Q3") {
        assert_eq!(csv, "row,figure.sum,figure.mean,count\nnorth,-12,-3,4\nsouth,20,5,4\n");
    }
    testbed.stop_all();
}
