//! A digest of something guessable is the thing itself: every figure that a party may have, and every total, is tried
//! against every digest that it or a peer writes (PROTOCOL 8).

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wire::{Body, Envelope};

use super::guesses::{Guesses, labels};
use super::kept::{Kept, copy};
use crate::support::{Testbed, simple, smpcd};

/// The bounds of a figure; totals of three go up to three times that.
const MOST: i128 = 300;
const FIGURES: [i128; 3] = [123, 45, 289];
const ROUND: &str = "headcount/2026-Q3";

/// What a record may have a digest of. None is of a figure, a share, a partial sum or a total.
const KNOWN: [&str; 16] = [
    "agreement",
    "previous-agreement",
    "ours",
    "theirs",
    "disclosure",
    "configuration",
    "previous-configuration",
    "card",
    "previous-card",
    "revocations",
    "header",
    "message",
    "set",
    "checkpoint",
    "root",
    "evidence",
];

/// Every figure and total, tried in everything.
fn guesses() -> &'static Guesses {
    static MADE: OnceLock<Guesses> = OnceLock::new();
    MADE.get_or_init(|| Guesses::of(0..=3 * MOST))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_result(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "results")
}

#[test]
fn a_digest_of_a_guess_is_found_in_whatever_form_it_is_written() {
    let labels = labels();
    for label in ["smpcd/1/input", "smpcd/1/share", "smpcd/1/partial", "smpcd/1/totals", "smpcd/1/result"] {
        assert!(labels.iter().any(|known| known == label), "{label} is not in {labels:?}");
    }
    let guesses = guesses();
    assert!(guesses.recipes() > 1_000, "{}", guesses.recipes());
    let own = sharing::hash("smpcd/1/message", &[&45u64.to_be_bytes()]);
    let mut totals = sharing::TotalsHasher::new();
    totals.update(&[457]);
    for digest in [
        Sha256::digest(b"289").into(),
        Sha256::digest(123u64.to_le_bytes()).into(),
        Sha256::digest([&[0; 31][..], &[45]].concat()).into(),
        *blake3::hash(&457i128.to_le_bytes()).as_bytes(),
        own,
        totals.finish(),
    ] {
        let mut padded = vec![7, 8];
        padded.extend(digest);
        for written in [
            digest.to_vec(),
            format!("{{\"digests\":{{\"set\":\"sha256:{}\"}}}}", hex(&digest)).into_bytes(),
            hex(&digest).to_uppercase().into_bytes(),
            hex(&digest).as_bytes()[..16].to_vec(),
            Base64::encode_string(&digest).into_bytes(),
            Base64UrlUnpadded::encode_string(&digest).into_bytes(),
            Base64::encode_string(&padded[1..]).into_bytes(),
            Base64::encode_string(&padded).into_bytes(),
            format!("digest={digest:?}").into_bytes(),
        ] {
            let written = [b"before, ".to_vec(), written, b" behind".to_vec()].concat();
            assert!(!guesses.found_in(&written).is_empty(), "{}", String::from_utf8_lossy(&written));
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("log.jsonl"), &written).unwrap();
            let searched = std::panic::catch_unwind(|| guesses.in_no_file(folder.path(), "planted", |_| false));
            assert!(searched.is_err(), "{} was passed over", String::from_utf8_lossy(&written));
        }
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(format!("evidence-{}.bin", hex(&digest))), "").unwrap();
        assert!(std::panic::catch_unwind(|| guesses.in_no_file(folder.path(), "planted", |_| false)).is_err());
    }
    // What is salted is not found, or the search would say nothing.
    assert!(guesses.found_in(&Sha256::digest([&[7; 32][..], b"289"].concat())).is_empty());
}

/// A consortium whose parties wait for a person, with everything in their logs: of the second one as objects.
fn testbed(adversary: &str) -> Testbed {
    let table = simple("headcount", "5s", "1m")
        .replace("min = -1_000_000", "min = 0")
        .replace("1_000_000", &MOST.to_string())
        .replace("semi-honest", adversary);
    let mut testbed = Testbed::of(3, &table);
    for (party, figure) in FIGURES.iter().enumerate() {
        testbed.manual(party);
        testbed.edit(&testbed.node_file(party), "level = \"info\"", "level = \"trace\"");
        testbed.input(party, None, &format!("figure\n{figure}\n"));
    }
    testbed.edit(&testbed.node_file(1), "format = \"text\"", "format = \"json\"");
    testbed.start_all();
    testbed
}

/// Nothing that says a figure or total alone is anywhere.
fn everywhere(testbed: &Testbed, when: &str) {
    for party in 0..3 {
        guesses().in_no_file(&testbed.data(party), when, is_result);
        let found = guesses().found_in(testbed.log(party).as_bytes());
        assert!(found.is_empty(), "{when}: the log of p{} has {found:?}", party + 1);
    }
    for (command, said) in testbed.all_said() {
        let found = guesses().found_in(format!("{}{}", said.out, said.err).as_bytes());
        assert!(found.is_empty(), "{when}: `{command}` said {found:?}");
    }
}

/// Nor is, in any log, in evidence, or in what tells of logs, what says the total to those who know the round. Those who
/// have the result have its digest too, so it is in their stores.
fn in_logs(testbed: &Testbed, of_round: &Guesses, when: &str) {
    for party in 0..3 {
        let audit = of_round.in_no_file(&testbed.data(party).join("audit"), when, |_| false);
        assert!(audit >= 2, "{when}: {audit} files");
        of_round.in_no_file(&testbed.data(party).join("evidence"), when, |_| false);
        let found = of_round.found_in(testbed.log(party).as_bytes());
        assert!(found.is_empty(), "{when}: the log of p{} has {found:?}", party + 1);
        digests(&testbed.audit(party));
    }
    for (command, said) in testbed.all_said().iter().filter(|(command, _)| command.starts_with("audit")) {
        let found = of_round.found_in(format!("{}{}", said.out, said.err).as_bytes());
        assert!(found.is_empty(), "{when}: `{command}` said {found:?}");
    }
}

/// Every digest that a record has is whole, and of a kind whose preimage nobody can guess.
fn digests(log: &[Value]) {
    let mut count = 0;
    for record in log {
        for (kind, digest) in record["digests"].as_object().into_iter().flatten() {
            assert!(KNOWN.contains(&kind.as_str()), "{record}");
            let digest = digest.as_str().expect("a text").rsplit(':').next().expect("a part");
            assert!(digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit()), "{record}");
            assert!(guesses().found_in(digest.as_bytes()).is_empty(), "{record}");
            count += 1;
        }
    }
    assert!(count > 10, "{count} digests were looked at");
}

fn approve(testbed: &Testbed, party: usize) {
    testbed.run(party, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(0);
}

fn nothing_can_be_guessed(adversary: &str) {
    let mut testbed = testbed(adversary);
    let started = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
    for party in 0..3 {
        testbed.round_is(party, ROUND, "waits for approval", |view| view["phase"] == "approval");
    }
    // For a party that is put back to this moment.
    let older = tempfile::tempdir().expect("a directory");
    testbed.kill(1);
    copy(&testbed.data(1), older.path());
    testbed.start(1);
    testbed.linked();
    approve(&testbed, 0);
    testbed.recorded(1, "receipt.sent", |_| true);
    everywhere(&testbed, "one party has dealt");
    approve(&testbed, 1);
    approve(&testbed, 2);
    let total: i128 = FIGURES.iter().sum();
    let result = testbed.ended(started).exits(0).json();
    assert_eq!(result["columns"][0]["rows"][0]["sum"], total.to_string());
    testbed.all_end(ROUND, "completed");
    testbed.run(1, &["audit", "show"]).exits(0);
    testbed.run(1, &["audit", "export", "--format", "jsonl"]).exits(0);
    testbed.run(1, &["round", "show", ROUND]).exits(0);
    everywhere(&testbed, "the round is complete");

    // The result's own digest covers the total: it is for those who have the result, and no record or log has it.
    let terms = testbed.recorded(2, "round.joined", |_| true);
    let round: [u8; 32] = std::array::from_fn(|at| {
        let id = terms["round"]["id"].as_str().expect("an id");
        let id = id.rsplit(':').next().expect("a part");
        u8::from_str_radix(&id[2 * at..2 * at + 2], 16).expect("hex")
    });
    let of_round = Guesses::of_round(0..=3 * MOST, &round, 3);
    let digest = result["digest"].as_str().expect("a digest");
    assert_eq!(of_round.found_in(digest.as_bytes()), [format!("{total}: the result's digest")]);
    let outcomes: Vec<[u8; 32]> = Kept::copy(&testbed, 0)
        .messages()
        .iter()
        .map(|bytes| Envelope::parse(bytes).expect("a message"))
        .filter(|message| matches!(message.body(), Body::Outcome { result: Some(_) }))
        .map(|message| message.digest().0)
        .collect();
    // What this search knows of the program's own digests is so.
    assert!(outcomes.len() >= 3, "{} Outcomes", outcomes.len());
    for outcome in outcomes {
        assert_eq!(of_round.found_in(&outcome).len(), 1, "{}", hex(&outcome));
    }
    in_logs(&testbed, &of_round, "the round is complete");

    // A party that has forgotten what it signed is shown all of it.
    testbed.end(1, Signal::TERM);
    fs::remove_dir_all(testbed.data(1)).expect("removed");
    copy(older.path(), &testbed.data(1));
    testbed.start(1);
    testbed.recorded(1, "rollback.recalled", |record| record["detail"]["message"] == "Outcome");
    testbed.recorded(1, "rollback.recovered", |_| true);
    everywhere(&testbed, "a party was put back");
    in_logs(&testbed, &of_round, "a party was put back");
    testbed.stop_all();
}

#[test]
fn no_digest_of_a_semi_honest_round_is_one_of_a_figure_or_a_total() {
    nothing_can_be_guessed("semi-honest");
}

#[test]
fn no_digest_of_a_malicious_round_is_one_of_a_figure_or_a_total() {
    nothing_can_be_guessed("malicious");
}

#[test]
fn no_digest_beside_evidence_is_one_of_a_figure() {
    for cheat in ["dealer", "equivocate"] {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("d");
        let dir = dir.to_str().expect("a path of text");
        let inputs = ["1.23", "0.45", "2.89", "0.77"];
        let inputs = inputs.iter().flat_map(|figure| ["--inputs", figure]);
        let line =
            ["demo", "--adversary", "malicious", "--sharing", "shamir:2", "--cheat", cheat, "--json", "--dir", dir];
        let shown = smpcd(line.into_iter().chain(inputs)).exits(0).json();
        let evidence = shown["evidence"].as_array().expect("a list");
        assert!(!evidence.is_empty(), "{shown:#}");
        let files = guesses().in_no_file(Path::new(dir), cheat, is_result);
        assert!(files > evidence.len(), "{files} files were searched");
    }
}
