//! A digest of something guessable is the thing itself: every figure that a party may have is tried against every digest
//! that it or a peer writes (PROTOCOL 8).

use std::fs;

use sha2::{Digest, Sha256};
use sharing::{Column, Encoded, Field, InputHasher, Layout};

use super::search::Needles;
use crate::support::{Testbed, simple};

/// The bounds of a figure; totals of three go up to three times that.
const MOST: i128 = 1_000;

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

/// What a careless program hashes of a figure.
fn forms(value: i128) -> Vec<Vec<u8>> {
    let text = value.to_string();
    let magnitude = value.unsigned_abs();
    vec![
        text.clone().into_bytes(),
        format!("{text}\n").into_bytes(),
        format!("figure\n{text}").into_bytes(),
        format!("figure\n{text}\n").into_bytes(),
        format!("{text}.00").into_bytes(),
        u16::try_from(magnitude).expect("small").to_le_bytes().to_vec(),
        u32::try_from(magnitude).expect("small").to_le_bytes().to_vec(),
        u64::try_from(magnitude).expect("small").to_le_bytes().to_vec(),
        u64::try_from(magnitude).expect("small").to_be_bytes().to_vec(),
        value.to_le_bytes().to_vec(),
        value.to_be_bytes().to_vec(),
    ]
}

/// Every plain digest of every figure and total, and the labelled ones that the sources give away.
fn guesses() -> Needles {
    let mut needles = Needles::default();
    for value in 0..=3 * MOST {
        for form in forms(value) {
            needles.all(&Sha256::digest(&form), &format!("SHA-256 of {value}"));
            needles.all(blake3::hash(&form).as_bytes(), &format!("BLAKE3 of {value}"));
        }
    }
    let column = Column { min: 0, max: MOST, decimals: 0 };
    for value in 0..=MOST {
        let encoded = Encoded::new(Field::Field64, &[column], 0, &[value]).expect("within bounds");
        let mut hasher = InputHasher::new(Layout { field: Field::Field64, cells: 1 });
        hasher.update(&encoded);
        needles.all(hasher.finish().as_bytes(), &format!("the input digest of {value}"));
    }
    needles
}

#[test]
fn no_digest_is_one_of_a_figure_or_a_total() {
    let table = simple("headcount", "5s", "1m").replace("min = -1_000_000", "min = 0").replace("1_000_000", "1000");
    let malicious = table.replace("\"semi-honest\"", "\"malicious\"");
    assert_ne!(malicious, table);
    [table, malicious].iter().for_each(|table| none_is_a_guess(table));
}

fn none_is_a_guess(table: &str) {
    let mut testbed = Testbed::of(3, table);
    for (party, figure) in ["123", "456", "789"].iter().enumerate() {
        testbed.manual(party);
        testbed.edit(&testbed.node_file(party), "level = \"info\"", "level = \"trace\"");
        testbed.input(party, None, &format!("figure\n{figure}\n"));
    }
    testbed.start_all();
    let guesses = guesses();
    // It would be found.
    let hex: String = Sha256::digest(b"456").iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!guesses.found_in(format!("\"sha256:{hex}\"").as_bytes()).is_empty());
    assert!(!guesses.found_in(&[&[7; 5][..], blake3::hash(&1368i128.to_le_bytes()).as_bytes()].concat()).is_empty());

    let started = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
    for party in 0..3 {
        testbed.round_is(party, "headcount/2026-Q3", "has arrived", |_| true);
    }
    testbed.run(0, &["round", "approve", "headcount/2026-Q3", "--by", "A. Officer"]).exits(0);
    testbed.recorded(1, "receipt.sent", |_| true);
    let results = |file: &std::path::Path| file.components().any(|part| part.as_os_str() == "results");
    let everywhere = |when: &str| {
        for party in 0..3 {
            guesses.in_no_file(&testbed.data(party), when, results);
            assert!(guesses.found_in(testbed.log(party).as_bytes()).is_empty(), "{when}: the log of p{}", party + 1);
        }
    };
    everywhere("one party has dealt");
    for party in [1, 2] {
        testbed.run(party, &["round", "approve", "headcount/2026-Q3", "--by", "A. Officer"]).exits(0);
    }
    let result = testbed.ended(started).exits(0).json();
    assert_eq!(result["columns"][0]["rows"][0]["sum"], "1368");
    testbed.all_end("headcount/2026-Q3", "completed");
    everywhere("the round is complete");

    // The result's own digest covers the total: it is for those who have the result, and no record or log has it.
    let digest = result["digest"].as_str().expect("a digest").trim_start_matches("sha256:").to_owned();
    assert_eq!(digest.len(), 64);
    for party in 0..3 {
        let log = fs::read_to_string(testbed.data(party).join("audit/log.jsonl")).expect("a log");
        assert!(log.contains("result.released") && !log.contains(&digest), "p{}", party + 1);
        assert!(!testbed.log(party).contains(&digest), "p{}", party + 1);
        // Every digest that a record has is of a kind whose preimage nobody can guess.
        for record in testbed.audit(party) {
            for kind in record["digests"].as_object().into_iter().flatten().map(|(kind, _)| kind.as_str()) {
                assert!(KNOWN.contains(&kind), "{record}");
            }
        }
    }
    testbed.stop_all();
}
