//! Who lets an input into a round, and what they are told before: limits of the policy, people who are called, warnings of
//! what two releases disclose together, rounds that are due by themselves, and rounds that are given up (PROTOCOL 4.1, 4.8).

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Testbed, simple};

fn with_inputs(parties: u16, computations: &str) -> Testbed {
    let testbed = Testbed::of(parties, computations);
    (0..testbed.count()).for_each(|party| testbed.input(party, None, "figure\n7\n"));
    testbed
}

/// Adds lines to the `[approval]` table of a party.
fn limit(testbed: &Testbed, party: usize, lines: &str) {
    testbed.edit(&testbed.node_file(party), "[approval]", &format!("[approval]\n{lines}"));
}

fn approve(testbed: &Testbed, party: usize, round: &str) -> String {
    testbed.run(party, &["round", "approve", round, "--by", "Ann Ames", "--reason", "the same again"]).exits(0).out
}

fn has_dealt(round: &Value, party: &str) -> bool {
    round["dealt"].as_array().is_some_and(|dealt| dealt.contains(&json!(party)))
}

#[test]
fn what_the_policy_leaves_waits_for_a_person_who_is_told_why() {
    let both = simple("headcount", "60s", "2m") + &simple("turnover", "60s", "2m");
    let mut testbed = Testbed::of(3, &both);
    for party in 0..3 {
        for computation in ["headcount", "turnover"] {
            testbed.input(party, Some(computation), &format!("figure\n{party}\n"));
        }
    }
    limit(&testbed, 0, "computations = [\"headcount\"]\nat_most = { rounds = 1, within = \"1h\" }");
    let notified = testbed.root().join("notified");
    let command = format!("notify = [\"sh\", \"-c\", \"echo $SMPCD_ROUND >> {}\"]", notified.display());
    testbed.edit(&testbed.node_file(0), "notify = []", &command);
    testbed.start_all();
    testbed.completes("headcount", "2025");
    for (computation, period, reason) in
        [("headcount", "2026", "approval.at_most is reached: 1 rounds"), ("turnover", "2026", "approval.computations")]
    {
        let round = format!("{computation}/{period}");
        testbed.rotate_inputs(Some(computation));
        testbed.run(1, &["round", "start", computation, "--period", period]).exits(0);
        let waiting = testbed.round_is(0, &round, "is left to a person", |round| round["left_to_person"].is_string());
        assert!(waiting["left_to_person"].as_str().unwrap().contains(reason), "{waiting:#}");
        assert_eq!((&waiting["phase"], &waiting["approved"]), (&"approval".into(), &Value::Null));
        let status = testbed.run(0, &["status"]).exits(0).out;
        assert!(status.contains(&format!("{round} waits for your approval")) && status.contains(reason), "{status}");
        assert!(testbed.run(0, &["round", "show", &round]).exits(0).out.contains(reason));
        let log = testbed.log(0);
        assert!(log.lines().any(|line| line.contains(&round) && line.contains(reason)), "{log}");
        testbed.until("the command of notify ran", || {
            fs::read_to_string(&notified).ok().filter(|said| said.lines().last() == Some(&round))
        });
        assert!(approve(&testbed, 0, &round).contains(reason));
        testbed.all_end(&round, "completed");
        let approved = testbed.round(0, &round).unwrap()["approved"].clone();
        assert_eq!(approved["by"], "Ann Ames", "{approved}");
    }
    let told = fs::read_to_string(&notified).unwrap();
    assert_eq!(told, "headcount/2026\nturnover/2026\n", "not of what the policy approved");
    testbed.stop_all();
}

#[test]
fn once_collect_for_is_over_a_person_decides() {
    let mut testbed = with_inputs(3, &simple("headcount", "1s", "2m"));
    fs::remove_file(testbed.home(0).join("input.csv")).unwrap();
    testbed.start_all();
    let waiting = testbed.begin(1, &["round", "start", "headcount", "--period", "2026", "--wait", "--json"]);
    let round = "headcount/2026";
    testbed.round_is(0, round, "is left to a person", |round| {
        round["left_to_person"].as_str().is_some_and(|reason| reason.contains("collect_for"))
    });
    // The input comes, and nothing is dealt of it.
    testbed.input(0, None, "figure\n7\n");
    testbed.round_is(2, round, "has two dealings", |round| has_dealt(round, "p2") && has_dealt(round, "p3"));
    assert!(!has_dealt(&testbed.round(0, round).unwrap(), "p1"));
    let shown = approve(&testbed, 0, round);
    assert!(shown.contains("the others still have: no time left; the round is given up in: "), "{shown}");
    assert_eq!(testbed.ended(waiting).exits(0).json()["columns"][0]["rows"][0]["sum"], "21");
    testbed.stop_all();
}

#[test]
fn two_releases_that_differ_by_one_party_are_warned_of_before_and_after() {
    let table = simple("headcount", "1s", "2m").replace("calendar", "min_contributors = 3\ncalendar");
    let mut testbed = with_inputs(4, &table);
    testbed.manual(3);
    testbed.start_all();
    // The fourth does not come.
    let first = testbed.round_from(0, "headcount", "2025-Q1").exits(0).json();
    assert_eq!(first["contributors"], json!(["p1", "p2", "p3"]));
    assert_eq!(first.get("warnings"), None, "{first:#}");
    testbed.all_end("headcount/2025-Q1", "completed");

    let round = "headcount/2025-Q2";
    let warning = "the contributors differ from those of 2025-Q1 by p4: the results together may disclose what p4";
    let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", "2025-Q2", "--wait"]);
    for party in 0..4 {
        let waits = testbed.round_is(party, round, "waits", |round| round["phase"] == "approval");
        assert!(waits["warnings"][0].as_str().unwrap().contains(warning), "{waits:#}");
    }
    testbed.round_is(0, round, "is left to a person", |round| {
        round["left_to_person"].as_str().is_some_and(|reason| reason.contains(warning))
    });
    for party in (0..4).rev() {
        let shown = approve(&testbed, party, round);
        let line = format!("WARNING: if every input party contributes, {warning}");
        assert!(shown.contains(&line), "{shown}");
    }
    let table = testbed.ended(waiting).exits(0).out;
    assert!(table.contains(&format!("WARNING: {warning}")) && table.contains("4 contributors"), "{table}");
    testbed.all_end(round, "completed");
    for party in 0..4 {
        let (json, _) = testbed.exports(party, "headcount", "2025-Q2");
        assert!(json["warnings"][0].as_str().unwrap().contains(warning), "{json:#}");
        assert!(testbed.run(party, &["round", "show", round]).exits(0).out.contains(warning));
    }

    // Smaller at the end than was expected: the result says so too.
    let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", "2025-Q3", "--wait", "--json"]);
    for party in 0..3 {
        testbed.round_is(party, "headcount/2025-Q3", "is there", |_| true);
        approve(&testbed, party, "headcount/2025-Q3");
    }
    let last = testbed.ended(waiting).exits(0).json();
    assert_eq!(last["contributors"], json!(["p1", "p2", "p3"]));
    assert!(last["warnings"][0].as_str().unwrap().contains("those of 2025-Q2 by p4"), "{last:#}");
    testbed.stop_all();
}

#[test]
fn an_approver_sees_what_looks_odd_and_never_a_value() {
    let table = simple("headcount", "60s", "2m").replace("rows = 1", "rows = 3");
    let mut testbed = Testbed::of(3, &table);
    (0..3).for_each(|party| testbed.input(party, None, "figure\n1000\n2000\n3000\n"));
    testbed.manual(0);
    testbed.start_all();
    let approved_with = |period: &str| {
        // The policy of the others deals no input twice.
        let shift: i64 = period.parse::<i64>().unwrap() % 10;
        for (party, by) in [(1, shift), (2, -shift)] {
            let rows = [1, 2, 3].map(|row| (row * 1000 + by).to_string()).join("\n");
            testbed.input(party, None, &format!("figure\n{rows}\n"));
        }
        testbed.run(1, &["round", "start", "headcount", "--period", period]).exits(0);
        let round = format!("headcount/{period}");
        testbed.round_is(0, &round, "is there", |_| true);
        let shown = approve(&testbed, 0, &round);
        testbed.all_end(&round, "completed");
        shown
    };
    let shown = approved_with("2024");
    let digest = testbed.status(0).unwrap()["agreement"].as_str().unwrap().to_owned();
    for part in [
        "DISCLOSURE STATEMENT",
        &format!("agreement digest  {digest}"),
        "input.csv: 3 rows, 1 column, all bounds passed",
        "  nothing about it looks odd",
        "  there is no earlier result here to compare it with",
        "not dealt yet: p1",
        "; the round is given up in: ",
        "approval is final",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    // Means are 1000, 2000, 3000.
    testbed.input(0, None, "figure\n1000000\n199\n17\n");
    let shown = approved_with("2025");
    for part in [
        "figure: 1 of 3 cells exactly at a bound",
        "figure: 3 of 3 cells more than a factor of 10 from the released mean of 2024",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    for value in ["1000", "199", "17", "2000"] {
        let odd = shown.lines().filter(|line| line.starts_with("  figure"));
        assert!(odd.into_iter().all(|line| !line.contains(value)), "{shown}");
    }
    testbed.input(0, None, "figure\n5\n5\n5\n");
    assert!(approved_with("2026").contains("figure: every cell is the same"));
    testbed.stop_all();
}

#[test]
fn a_round_is_given_up_for_good_with_a_name_and_a_reason() {
    let mut testbed = with_inputs(3, &simple("headcount", "60s", "2m"));
    (0..3).for_each(|party| testbed.manual(party));
    testbed.start_all();
    let round = "headcount/2026";
    let command = |more: &[&'static str]| [&["round", "abandon", round][..], more].concat();
    testbed.run(0, &command(&["--by", "Ann Ames", "--reason", "x"])).exits(1).complains(&["there is no round"]);
    testbed.run(0, &["round", "start", "headcount", "--period", "2026"]).exits(0);
    testbed.round_is(1, round, "has arrived", |_| true);
    testbed.run(0, &command(&["--by", "Ann Ames"])).exits(2);
    testbed.run(0, &command(&["--reason", "wrong figures"])).exits(2);
    testbed.run(0, &command(&["--by", "Ann Ames", "--reason", " "])).exits(2).complains(&["--reason"]);
    let given_up = testbed.run(0, &command(&["--by", "Ann Ames", "--reason", "wrong figures"])).exits(0).out;
    for part in ["for good", "ends without a result at the other parties too", "abandoned by Ann Ames"] {
        assert!(given_up.contains(part), "no {part:?} in {given_up}");
    }
    let ended = testbed.round(0, round).unwrap();
    assert_eq!((&ended["status"], &ended["reason"]), (&"abandoned".into(), &"wrong figures (Ann Ames)".into()));
    // Every compute party is needed, so the others end too.
    testbed.all_end(round, "abandoned");
    testbed.round_is(1, round, "knows", |round| round["abandoned_by"].to_string().contains("wrong figures (Ann Ames)"));
    testbed.recorded(0, "admin.call", |record| record.to_string().contains("round.abandon"));
    testbed.recorded(0, "round.abandoned", |record| record.to_string().contains("wrong figures (Ann Ames)"));
    testbed.run(0, &command(&["--by", "Ann Ames", "--reason", "again"])).exits(1).complains(&["it was abandoned"]);
    testbed.run(0, &["round", "approve", round, "--by", "Ann Ames"]).exits(1).complains(&["it was abandoned"]);

    // Every round with its attempts, and why it ended.
    let list = testbed.run(0, &["round", "list"]).exits(0).out;
    assert_eq!(list, "headcount/2026  abandoned, attempt 1  void: wrong figures (Ann Ames)\n");
    let list = testbed.run(0, &["round", "list", "--json"]).exits(0).json();
    assert_eq!((&list[0]["v"], &list[0]["void"], &list[0]["attempt"]), (&json!(0), &json!(true), &json!(1)));
    assert!(testbed.run(0, &["round", "show", round]).exits(0).out.contains("begins the period anew"));
    testbed.stop_all();
}

#[test]
fn a_round_says_in_plain_words_whom_it_waits_for() {
    let mut testbed = with_inputs(3, &simple("headcount", "60s", "2m"));
    testbed.manual(1);
    testbed.start_all();
    testbed.run(0, &["round", "start", "headcount", "--period", "2026"]).exits(0);
    let round = "headcount/2026";
    let dealt = "p2: has not dealt yet (its operator may have to approve)";
    testbed.round_is(0, round, "waits for p2 alone", |round| round["causes"] == json!([dealt]));
    assert_eq!(testbed.round(0, round).unwrap()["waits_for"], json!(["Deal from p2"]), "the raw list stays");
    testbed.round_is(1, round, "waits for p2's own approval", |round| round["causes"][0] == "p2: has not approved");
    for command in [&["round", "list"][..], &["status"]] {
        assert!(testbed.run(0, command).exits(0).out.contains(&format!("waits for {dealt}")));
    }
    // What is stored follows the links, without any event in the round.
    testbed.kill(1);
    let down = testbed.round_is(0, round, "has no link with p2", |round| {
        round["causes"][0].as_str().is_some_and(|cause| cause.starts_with("p2: no link since 20"))
    });
    assert!(down["causes"][0].as_str().unwrap().ends_with(" UTC"), "{down:#}");
    assert!(testbed.run(0, &["round", "show", round]).exits(0).out.contains("waits for     p2: no link since 20"));
    testbed.stop_all();
}

#[test]
fn a_scheduled_round_is_proposed_by_itself_and_once() {
    let mut testbed = with_inputs(3, &simple("headcount", "60s", "2m"));
    // Two parties have it: whoever is first, it is one round.
    for party in [0, 1] {
        let file = testbed.node_file(party);
        testbed.edit(&file, "[approval]", "[schedule.headcount]\ncron = \"*/5 * * * *\"\n\n[approval]");
    }
    // Without a signature nothing is proposed, and status says why.
    let signature = testbed.home(2).join("signatures/p3.sig");
    let kept = fs::read(&signature).unwrap();
    (0..3).for_each(|party| fs::remove_file(testbed.home(party).join("signatures/p3.sig")).unwrap());
    testbed.start_all();
    testbed.until("the schedule waits", || {
        let status = testbed.status(0)?;
        status["schedules"][0]["waits"].as_str().filter(|waits| waits.contains("signature")).map(drop)
    });
    assert!(testbed.run(0, &["status"]).exits(0).out.contains("due, and cannot be proposed yet: headcount/20"));
    fs::write(&signature, kept).unwrap();
    let completed = testbed.until("the round has completed", || {
        let list = testbed.run(2, &["round", "list", "--json"]).exits(0).json();
        list.as_array()?.iter().find(|round| round["status"] == "completed").cloned()
    });
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    let yesterday = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24)).to_string()[..10].to_owned();
    // Midnight may pass in this test.
    assert!([today, yesterday].map(Value::from).contains(&completed["period"]), "{completed:#}");
    for party in [0, 1] {
        let status = testbed.status(party).unwrap();
        assert_eq!(status["schedules"][0]["waits"], Value::Null, "{status:#}");
        assert_eq!(status["schedules"][0]["cron"], "*/5 * * * *");
        assert!(testbed.run(party, &["status"]).exits(0).out.contains("headcount  scheduled next 20"));
    }
    // A restart proposes nothing a second time.
    testbed.stop_all();
    testbed.start_all();
    for party in 0..3 {
        let list = testbed.run(party, &["round", "list", "--json"]).exits(0).json();
        let same: Vec<&Value> =
            list.as_array().unwrap().iter().filter(|round| round["period"] == completed["period"]).collect();
        assert_eq!(same.len(), 1, "{list:#}");
    }
    testbed.stop_all();
}

#[test]
fn a_computation_that_the_agreement_does_not_have_is_refused_at_the_start() {
    let testbed = with_inputs(3, &simple("headcount", "60s", "2m"));
    limit(&testbed, 0, "computations = [\"headcount\", \"pay\"]");
    testbed.edit(&testbed.node_file(0), "[approval]", "[schedule.turnover]\ncron = \"0 6 * * *\"\n\n[approval]");
    let said = testbed.run(0, &["run"]).exits(78);
    let said = said.complains(&["schedule.turnover", "no such computation", "headcount"]);
    said.complains(&["approval.computations: pay", "no such computation", "headcount"]);
}

#[test]
fn an_input_is_not_dealt_in_two_periods_without_a_reason() {
    let mut testbed = Testbed::of(3, &simple("headcount", "60s", "2m"));
    (0..3).for_each(|party| testbed.input(party, None, &format!("figure\n{party}\n")));
    testbed.manual(0);
    testbed.start_all();
    testbed.run(1, &["round", "start", "headcount", "--period", "2025"]).exits(0);
    testbed.round_is(0, "headcount/2025", "is there", |_| true);
    testbed.run(0, &["round", "approve", "headcount/2025", "--by", "Ann Ames"]).exits(0);
    testbed.all_end("headcount/2025", "completed");
    // The others keep theirs, under auto; the first one approves by hand.
    let round = "headcount/2026";
    testbed.run(1, &["round", "start", "headcount", "--period", "2026"]).exits(0);
    testbed.round_is(0, round, "is there", |_| true);
    let refused = testbed.run(0, &["round", "approve", round, "--by", "Ann Ames"]).exits(65);
    refused.complains(&["dealt for 2025", "--reason TEXT"]);
    for party in 1..3 {
        let waits = testbed.round_is(party, round, "waits for another input", |round| round["phase"] == "approval");
        assert!(waits["input_errors"].to_string().contains("dealt for 2025"), "{waits:#}");
        assert!(testbed.run(party, &["status"]).exits(0).out.contains("dealt for 2025"));
        testbed.until("somebody is told", || {
            testbed.log(party).contains("the round waits for this party's approval").then_some(())
        });
    }
    let reason = "nobody came and nobody went";
    testbed.run(0, &["round", "approve", round, "--by", "Ann Ames", "--reason", reason]).exits(0);
    let given = testbed.recorded(0, "approval.given", |record| record["detail"]["reason"] == reason);
    assert_eq!(given["detail"]["approver"]["person"], "Ann Ames", "{given:#}");
    assert!(testbed.run(0, &["round", "show", round]).exits(0).out.contains(reason));
    testbed.run(1, &["round", "approve", round, "--by", "Bo Best", "--reason", reason]).exits(0);
    // And a file that changes is dealt by the policy again.
    testbed.input(2, None, "figure\n20\n");
    testbed.all_end(round, "completed");
    let (_, csv) = testbed.exports(2, "headcount", "2026");
    assert_eq!(csv, "row,figure.sum,figure.mean,count\n0,21,7,3\n");
    testbed.stop_all();
}
