//! What has to be equal and signed before a round opens, and how signatures and cards travel (PROTOCOL 6.2).

mod support;

use std::fs;
use std::path::Path;

use serde_json::json;
use support::{Testbed, free_ports, simple};

fn testbed() -> Testbed {
    let testbed = Testbed::of(3, &simple("headcount", "30s", "1m"));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n7\n"));
    testbed
}

fn start_fails(testbed: &Testbed, party: usize, parts: &[&str]) {
    testbed.run(party, &["round", "start", "headcount", "--period", "2026-Q3", "--wait"]).exits(1).complains(parts);
}

fn completes(testbed: &Testbed) {
    for (_, csv) in testbed.completes("headcount", "2026-Q3") {
        assert_eq!(csv, "row,figure.sum,figure.mean,count\n0,21,7,3\n");
    }
}

/// Nobody has heard of any round.
fn no_round(testbed: &Testbed) {
    for party in 0..3 {
        assert_eq!(testbed.run(party, &["round", "list", "--json"]).exits(0).json(), json!([]));
        let records = testbed.audit(party);
        assert!(
            records.iter().all(|record| record.get("round").is_none_or(serde_json::Value::is_null)),
            "{records:#?}"
        );
    }
}

#[test]
fn a_differing_agreement_opens_no_round_and_both_sides_say_which_section_differs() {
    for (from, to, section) in [
        ("no real figures belong in it", "and more", "legal"),
        ("max = 1_000_000", "max = 1_000_001", "computation headcount"),
        ("name = \"Party 2\"", "name = \"Party Two\"", "parties"),
    ] {
        let mut testbed = testbed();
        // The third has its own copy, and its own signature is on that one.
        let own = testbed.home(2).join("agreement.toml");
        fs::copy(testbed.root().join("agreement.toml"), &own).unwrap();
        testbed.edit(&own, from, to);
        testbed.edit(&testbed.node_file(2), "../agreement.toml", "agreement.toml");
        testbed.run(2, &["agreement", "sign", "--by", "Cy Crane"]).exits(0);
        testbed.start_all();
        for (party, other) in [(0, 2), (1, 2), (2, 0), (2, 1)] {
            let words = format!("the agreement of {} differs from ours in: {section} (ours", testbed.id(other));
            let peer = testbed.peer(party, other);
            assert!(peer["agreement_differs"].as_str().is_some_and(|told| told.starts_with(&words)), "{peer:#}");
            assert!(testbed.run(party, &["status"]).exits(0).out.contains(&format!("no round opens: {words}")));
            start_fails(&testbed, party, &[&words]);
            let record = testbed.recorded(party, "hello.differs", |record| record["peer"] == testbed.id(other));
            assert_eq!(record["detail"]["sections"], json!([section]));
            assert_ne!(record["digests"]["ours"], record["digests"]["theirs"]);
            assert!(testbed.log(party).contains(&words));
        }
        assert_eq!(testbed.peer(0, 1)["agreement_differs"], serde_json::Value::Null);
        no_round(&testbed);
        testbed.stop_all();
    }
}

#[test]
fn another_comment_or_order_of_keys_is_the_same_agreement() {
    let mut testbed = testbed();
    let own = testbed.home(2).join("agreement.toml");
    fs::copy(testbed.root().join("agreement.toml"), &own).unwrap();
    testbed.edit(&own, "name = \"testbed\"\nversion = 1\n", "# Ours.\nversion = 1 # still\nname = 'testbed'\n");
    testbed.edit(&own, "1_000_000", "1000000");
    testbed.edit(&testbed.node_file(2), "../agreement.toml", "agreement.toml");
    testbed.start_all();
    completes(&testbed);
    testbed.stop_all();
}

#[test]
fn a_missing_signature_opens_no_round_and_once_it_is_made_it_spreads_and_one_opens() {
    let mut testbed = testbed();
    for party in 0..3 {
        fs::remove_file(testbed.home(party).join("signatures/p2.sig")).unwrap();
    }
    // The third lacks another one too, which a peer has.
    fs::remove_file(testbed.home(2).join("signatures/p1.sig")).unwrap();
    testbed.start_all();
    for party in 0..3 {
        let status = testbed.until("the signatures that exist have spread", || {
            testbed.status(party).filter(|status| status["missing_signatures"] == json!(["p2"]))
        });
        assert_eq!(status["missing_cards"], json!([]));
        let said = testbed.run(party, &["status"]).exits(0).out;
        assert!(said.contains("no round opens: the signature of p2 is missing"), "{said}");
        start_fails(&testbed, party, &["signature", "missing: p2;", "smpcd agreement sign"]);
        testbed.run(party, &["agreement", "status"]).exits(1).complains(&["have signed: p2"]);
    }
    assert!(testbed.home(2).join("signatures/p1.sig").exists(), "what came over a link is kept");
    no_round(&testbed);
    assert!(testbed.audit(0).iter().all(|record| record["event"] != "agreement.in-force"));

    let signed = testbed.run(1, &["agreement", "sign", "--by", "Bo Best"]).exits(0);
    assert!(signed.out.contains("DISCLOSURE STATEMENT") && signed.out.contains("signed by Bo Best for p2"));
    for party in 0..3 {
        testbed.until("nothing is missing", || {
            testbed.status(party).filter(|status| status["missing_signatures"] == json!([]))
        });
        testbed.recorded(party, "agreement.in-force", |_| true);
        testbed.run(party, &["agreement", "status"]).exits(0);
    }
    let noted = testbed.recorded(1, "agreement.signed", |_| true);
    assert_eq!(noted["detail"]["by"], "Bo Best");
    assert!(noted["digests"]["agreement"].is_string() && noted["digests"]["disclosure"].is_string(), "{noted}");
    let came = testbed.recorded(2, "signature.taken-in", |record| record["peer"] == "p2");
    assert_eq!(came["detail"]["source"], "link");
    completes(&testbed);
    testbed.stop_all();
}

#[test]
fn a_newer_card_spreads_over_the_links_to_a_third_party() {
    let mut testbed = testbed();
    testbed.start_all();
    testbed.stop(0);
    // The first moves while it is down, and tells the second alone.
    let (old, new) = (format!("127.0.0.1:{}", testbed.base_port), format!("127.0.0.1:{}", free_ports(1)));
    testbed.run(0, &["card", "new", "--address", &new]).exits(0);
    testbed.edit(&testbed.node_file(0), &old, &new);
    let card = testbed.home(0).join("cards/p1.card");
    testbed.run(1, &["card", "add", card.to_str().unwrap()]).exits(0);
    let bytes = |file: &Path| fs::read(file).unwrap();
    testbed.until("the third has the card", || {
        (bytes(&testbed.home(2).join("cards/p1.card")) == bytes(&card)).then_some(())
    });
    let taken = |party: usize| testbed.recorded(party, "card.taken-in", |r| r["detail"]["serial"] == 2);
    assert_eq!((&taken(1)["detail"]["source"], &taken(2)["detail"]["source"]), (&json!("file"), &json!("link")));
    testbed.until("the third would dial it there", || (testbed.peer(2, 0)["address"] == new.as_str()).then_some(()));
    testbed.start(0);
    testbed.linked();
    assert_eq!(testbed.status(0).unwrap()["listening"], new.as_str());
    completes(&testbed);
    testbed.stop_all();
}

#[test]
fn another_agreement_takes_effect_between_rounds_and_nobody_restarts_anything() {
    let mut testbed = testbed();
    let input = testbed.home(2).join("input.csv");
    fs::remove_file(&input).unwrap();
    testbed.start_all();
    let pids = [0, 1, 2].map(|party| testbed.pid(party));
    let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
    testbed.round_is(2, "headcount/2026-Q3", "waits for its input", |round| round["status"] == "open");
    // What is no agreement changes nothing, and is said at each.
    let file = testbed.root().join("agreement.toml");
    let first = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("nonsense\n{first}")).unwrap();
    let says = |party: usize, what: &str| testbed.until(what, || testbed.log(party).contains(what).then_some(()));
    (0..3).for_each(|party| says(party, "the agreement is not taken in, and the one before stays in force"));
    let second = first.replace("version = 1\n", "version = 2\n").replace("max = 1_000_000", "max = 2_000_000");
    assert!(second.contains("version = 2\n") && second.contains("2_000_000"), "{second}");
    fs::write(&file, second).unwrap();
    (0..3).for_each(|party| says(party, "another agreement: it takes effect when no round is open"));
    for party in 0..3 {
        testbed.run(party, &["agreement", "sign", "--by", "Ann Ames"]).exits(0);
        assert_eq!(testbed.status(party).unwrap()["agreement_version"], 1);
    }
    testbed
        .run(0, &["round", "start", "headcount", "--period", "2026-Q4"])
        .exits(1)
        .complains(&["another agreement (version 2)", "as soon as the open rounds have ended"]);
    // The open round ends under the agreement that it began under.
    testbed.input(2, None, "figure\n7\n");
    assert_eq!(testbed.ended(waiting).exits(0).json()["columns"][0]["rows"][0]["sum"], "21");
    for party in 0..3 {
        testbed.until("the second is in force", || {
            testbed
                .status(party)
                .filter(|status| status["agreement_version"] == 2 && status["missing_signatures"] == json!([]))
        });
        let force = testbed.recorded(party, "agreement.in-force", |record| record["detail"]["version"] == 2);
        assert!(force["digests"]["previous-agreement"].is_string(), "{force:#}");
        testbed.recorded(party, "daemon.stopped", |r| r["detail"]["reason"] == "another agreement takes effect");
    }
    testbed.linked();
    assert_eq!(pids, [0, 1, 2].map(|party| testbed.pid(party)));
    // Figures that only the second one allows.
    (0..3).for_each(|party| testbed.input(party, None, "figure\n1500000\n"));
    assert_eq!(
        testbed.completes("headcount", "2026-Q4")[0].1,
        "row,figure.sum,figure.mean,count\n0,4500000,1500000,3\n"
    );
    testbed.stop_all();
    (0..3).for_each(|party| drop(testbed.run(party, &["audit", "verify"]).exits(0)));
}
