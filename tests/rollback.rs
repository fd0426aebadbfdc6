//! Real daemons whose data directory is put back to an older copy, or whose guard is lost: they sign nothing until the
//! others have told them what they signed, and then go on.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;

use support::{Testbed, simple};

fn testbed() -> Testbed {
    let testbed = Testbed::of(3, &simple("headcount", "1s", "1m"));
    input(&testbed, -4);
    testbed
}

/// What each party has for the next period.
fn input(testbed: &Testbed, figure: i32) {
    (0..3).for_each(|party| testbed.input(party, None, &format!("figure\n{figure}\n")));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("created");
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

/// The number in a party's guard.
fn number(testbed: &Testbed, party: usize) -> u64 {
    let text = fs::read_to_string(testbed.home(party).join("guard")).expect("there is a guard");
    let number = text.lines().find_map(|line| line.strip_prefix("number ")).expect("a number");
    number.parse().expect("a number")
}

fn recorded(testbed: &Testbed, party: usize, event: &str) -> usize {
    testbed.audit(party).iter().filter(|record| record["event"] == event).count()
}

#[test]
fn a_consortium_that_lost_every_guard_recovers_and_one_that_crashed_needs_not() {
    let mut testbed = testbed();
    testbed.start_all();
    testbed.completes("headcount", "2026-Q3");
    (0..3).for_each(|party| testbed.kill(party));
    testbed.start_all();
    input(&testbed, 5);
    testbed.completes("headcount", "2026-Q4");
    testbed.stop_all();
    for party in 0..3 {
        assert_eq!(recorded(&testbed, party, "rollback.found"), 0, "a crash is no rollback");
        assert!((3..1000).contains(&number(&testbed, party)));
        fs::remove_file(testbed.home(party).join("guard")).expect("removed");
    }
    // The last one alone: nobody can tell it anything.
    testbed.start(2);
    let status = testbed.until("p3 says what it waits for", || testbed.status(2));
    assert_eq!(status["rollback"]["waits_for"], serde_json::json!(["p1", "p2"]), "{status:#}");
    assert!(status["rollback"]["found"].as_str().expect("a text").contains("no guard"), "{status:#}");
    let said = testbed.run(2, &["status"]).exits(0);
    assert!(said.out.starts_with("this node signs nothing: there is no guard"), "{said:?}");
    assert!(testbed.log(2).contains("signs nothing until every other party that holds shares"));
    for call in [
        &["round", "start", "headcount", "--period", "2027-Q1"][..],
        &["round", "approve", "headcount/2026-Q3", "--by", "A. Officer"],
        &["round", "decline", "headcount/2026-Q3", "--by", "A. Officer"],
    ] {
        testbed.run(2, call).exits(1).complains(&["no guard", "signs nothing", "p1, p2"]);
    }
    // What it knows it still shows.
    testbed.run(2, &["round", "show", "headcount/2026-Q3"]).exits(0);
    testbed.start(0);
    testbed.start(1);
    for party in 0..3 {
        let record = testbed.recorded(party, "rollback.recovered", |_| true);
        assert!(record["detail"]["number"].as_u64().expect("a number") > 1 << 32, "{record:#}");
        assert_eq!(recorded(&testbed, party, "rollback.recalled"), 0, "nothing was forgotten");
        // Its record is in the store before the guard follows.
        testbed.until("it signs again", || testbed.status(party).filter(|status| status["rollback"].is_null()));
        assert!(number(&testbed, party) > 1 << 32);
    }
    testbed.linked();
    input(&testbed, 6);
    assert_eq!(testbed.completes("headcount", "2027-Q1")[0].1, "row,figure.sum,figure.mean,count\n0,18,6,3\n");
    testbed.stop_all();
    // It is over: another start finds nothing.
    testbed.start_all();
    testbed.stop_all();
    (0..3).for_each(|party| assert_eq!(recorded(&testbed, party, "rollback.found"), 1));
}

#[test]
fn a_node_put_back_to_an_older_copy_learns_what_it_signed_and_abstains() {
    let mut testbed = testbed();
    testbed.start_all();
    testbed.linked();
    testbed.stop_all();
    let older = testbed.root().join("older-copy");
    copy(&testbed.data(1), &older);
    testbed.start_all();
    testbed.completes("headcount", "2026-Q3");
    testbed.end(1, Signal::TERM);
    testbed.end(2, Signal::TERM);
    let before = number(&testbed, 1);
    fs::remove_dir_all(testbed.data(1)).expect("removed");
    copy(&older, &testbed.data(1));
    let ahead = testbed.ahead(1);

    testbed.start(1);
    let waits = |testbed: &Testbed| {
        let status = testbed.status(1)?;
        (status["rollback"]["waits_for"] == serde_json::json!(["p3"])).then_some(status)
    };
    // The one that runs tells it all that it needs; but the other one might know more.
    let status = testbed.until("p1 has answered", || waits(&testbed));
    assert!(status["rollback"]["found"].as_str().expect("a text").contains("older copy"), "{status:#}");
    assert_eq!(status["rollback"]["abstains_from"], serde_json::json!(["headcount/2026-Q3"]), "{status:#}");
    testbed.run(1, &["round", "start", "headcount", "--period", "2026-Q4"]).exits(1).complains(&[
        "older copy",
        "signs nothing",
        "p3",
    ]);
    assert_eq!(number(&testbed, 1), before, "nothing was signed");
    let shown = testbed.recorded(1, "rollback.recalled", |record| record["round"]["period"] == "2026-Q3");
    assert_eq!(shown["peer"], "p1", "{shown:#}");
    assert!(testbed.log(1).contains("a peer holds what this node signed and has forgotten"));
    let round = testbed.round(1, "headcount/2026-Q3").expect("it is pinned");
    assert_eq!((round["status"].as_str(), round["phase"].as_str()), (Some("abandoned"), Some("forgotten")));

    // A round that begins meanwhile goes past it.
    input(&testbed, 5);
    let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q4", "--wait", "--json"]);
    testbed.round_is(0, "headcount/2026-Q4", "has this party's dealing", |round| round["dealt"][0] == "p1");
    let status = waits(&testbed).expect("it still waits, and is still there");
    assert_eq!(status["rounds"], serde_json::json!([]), "{status:#}");
    testbed.run(1, &["round", "show", "headcount/2026-Q4"]).exits(1);

    testbed.start(2);
    testbed.recorded(1, "rollback.recovered", |_| true);
    testbed.until("it signs again", || testbed.status(1).filter(|status| status["rollback"].is_null()));
    assert!(number(&testbed, 1) >= before + (1 << 32));
    // Whoever is behind what its peers have seen of its log begins no round, until people know.
    testbed.run(1, &["round", "start", "headcount", "--period", "2027-Q1"]).exits(1).complains(&["audit acknowledge"]);
    testbed.goes_on(1, &ahead);
    // Its links came up anew, so it has heard of that round.
    assert_eq!(testbed.ended(waiting).exits(0).json()["columns"][0]["rows"][0]["sum"], "15");
    testbed.all_end("headcount/2026-Q4", "completed");
    // The period that it has forgotten stays closed here.
    let again = testbed.run(1, &["round", "start", "headcount", "--period", "2026-Q3", "--wait"]);
    assert_ne!(again.code, Some(0), "{again:?}");
    testbed.stop_all();
}

/// Nothing was signed in a round since the copy: only what the parties have seen of each other's logs went on.
#[test]
fn a_guard_that_was_kept_tells_of_checkpoints_too_and_needs_no_peer_for_it() {
    let mut testbed = testbed();
    testbed.start_all();
    testbed.completes("headcount", "2026-Q3");
    testbed.stop_all();
    let older = testbed.root().join("older-copy");
    copy(&testbed.data(1), &older);
    let before = number(&testbed, 1);
    // Each start and stop is a record, which the others see.
    testbed.start_all();
    testbed.stop_all();
    assert_eq!(number(&testbed, 1), before, "nothing was signed in a round");
    let witnessed = testbed.data(1).join("audit/witnessed/p1.checkpoint");
    let seen = fs::read_to_string(&witnessed).expect("it has seen p1's log");
    let size = |note: &str| note.lines().nth(1).and_then(|size| size.parse::<u64>().ok()).expect("a size");
    fs::remove_dir_all(testbed.data(1)).expect("removed");
    copy(&older, &testbed.data(1));
    assert!(size(&fs::read_to_string(&witnessed).expect("older")) < size(&seen));
    let ahead = testbed.ahead(1);

    // Alone: no peer can tell it anything.
    testbed.start(1);
    let status = testbed.until("it is up", || testbed.status(1));
    assert!(status["log_behind"].as_str().expect("it is behind").contains("as p2 keeps it"), "{status:#}");
    assert!(status["rollback"]["found"].as_str().expect("and recovers").contains("its log has"), "{status:#}");
    assert_eq!(status["peers"][0]["log"]["witnessed"], size(&seen), "{status:#}");
    testbed
        .until("its file says so too", || fs::read_to_string(&witnessed).ok().filter(|now| size(now) == size(&seen)));
    // It signs no other checkpoint of that size, for nobody.
    let chain = |testbed: &Testbed| fs::read_to_string(testbed.data(1).join("audit/checkpoints.jsonl")).expect("reads");
    let signed = chain(&testbed);
    testbed.start(0);
    testbed.start(2);
    testbed.until("it signs again", || testbed.status(1).filter(|status| status["rollback"].is_null()));
    assert_eq!(chain(&testbed), signed);
    testbed.run(1, &["round", "start", "headcount", "--period", "2026-Q4"]).exits(1).complains(&["audit acknowledge"]);
    testbed.goes_on(1, &ahead);
    input(&testbed, 5);
    testbed.completes("headcount", "2026-Q4");
    testbed.stop_all();
    for party in 0..3 {
        testbed.run(party, &["audit", "verify"]).exits(0);
    }
}

/// The runbook of `deploy/README.md`: a backup of the whole directory but the guard, and a machine that is gone.
#[test]
fn a_node_that_is_restored_from_a_backup_on_another_machine_goes_on() {
    let mut testbed = testbed();
    testbed.start_all();
    testbed.completes("headcount", "2026-Q3");
    testbed.stop(1);
    let (home, backup) = (testbed.home(1).to_owned(), testbed.root().join("backup"));
    for part in ["data", "keys", "certs", "cards", "signatures"] {
        copy(&home.join(part), &backup.join(part));
    }
    fs::copy(home.join("node.toml"), backup.join("node.toml")).expect("copied");
    testbed.start(1);
    testbed.linked();
    input(&testbed, 5);
    testbed.completes("headcount", "2026-Q4");
    testbed.stop(1);
    let guarded = number(&testbed, 1);
    fs::remove_dir_all(&home).expect("the machine is gone");
    copy(&backup, &home);
    for key in fs::read_dir(home.join("keys")).expect("listed") {
        fs::set_permissions(key.expect("a key").path(), fs::Permissions::from_mode(0o600)).expect("set");
    }
    let ahead = testbed.ahead(1);
    assert!(!ahead.is_empty(), "the others have seen more of its log than there is");
    testbed.start(1);
    testbed.goes_on(1, &ahead);
    assert!(number(&testbed, 1) > guarded + (1 << 31), "the new guard is far above the one that is gone");
    // What it has forgotten stays closed to it, and the others have it.
    let lost = testbed.round(1, "headcount/2026-Q4").expect("it is pinned");
    assert_eq!((lost["status"].as_str(), lost["phase"].as_str()), (Some("abandoned"), Some("forgotten")));
    assert_eq!(testbed.round(0, "headcount/2026-Q4").expect("a round")["status"], "completed");
    input(&testbed, 6);
    assert_eq!(testbed.completes("headcount", "2027-Q1")[1].1, "row,figure.sum,figure.mean,count\n0,18,6,3\n");
    testbed.stop_all();
    (0..3).for_each(|party| drop(testbed.run(party, &["audit", "verify"]).exits(0)));
}
