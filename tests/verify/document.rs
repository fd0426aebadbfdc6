//! DOSSIER.md says what the bytes are. That the rest of it is true the second verifier shows, which was written from it.

use std::fs;
use std::path::Path;

use wire::dossier::{Dossier, FaultKind, MAGIC};
use wire::envelope::{MAX_BODY, OVERHEAD};
use wire::message::{MAX_COMMITMENTS, MAX_PATH, MAX_PROOFS};
use wire::{Body, Envelope, MessageKind, Until};

use crate::made::all;

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/DOSSIER.md")).expect("DOSSIER.md")
}

/// The first four bytes of an encoding: the number of its variant.
fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().expect("four bytes"))
}

#[test]
fn numbers_and_limits_are_those_of_the_code() {
    let document = document();
    let says = |text: &str| assert!(document.contains(text), "DOSSIER.md does not say {text:?}");
    says(core::str::from_utf8(&MAGIC).expect("text"));
    says(&format!("body bytes ≤ {MAX_BODY}"));
    says(&format!("list ≤ 256 of bytes ≤ {}", MAX_BODY + OVERHEAD));
    says(&format!("elements bytes ≤ {}", 64usize << MAX_PATH));
    says(&format!("commitments bytes ≤ {MAX_COMMITMENTS}, proofs bytes ≤ {MAX_PROOFS}"));
    says(&format!("path list ≤ {MAX_PATH} of 32"));
    let kinds = [
        FaultKind::BadCommitments,
        FaultKind::BadShare,
        FaultKind::FalseComplaint,
        FaultKind::ReceiptedComplaint,
        FaultKind::Equivocation,
        FaultKind::HiddenLock,
        FaultKind::BadPartial,
    ];
    for kind in kinds {
        says(&format!("| {} | {} |", number(&wire::codec::encode(&kind)), kind.name()));
    }
    let close = Body::Close { until: Until::Forever, lock: None };
    assert_eq!(close.encode(), [13, 0, 0, 0, 1, 0, 0, 0, 0]);
    says("| 13 | Close |");
    // Commitments and all else that a bundle has.
    let mut seen = std::collections::BTreeSet::new();
    for bytes in Dossier::decode(&all()[0].results[0].bundle).expect("a dossier").messages.iter() {
        let envelope = Envelope::parse(bytes).expect("an envelope");
        let body = envelope.body();
        says(&format!("| {} | {} |", number(&body.encode()), body.kind().name()));
        seen.insert(body.kind());
    }
    assert!(seen.iter().eq(&[MessageKind::Deal, MessageKind::Partial, MessageKind::Outcome, MessageKind::Commitments]));
}

/// The head of a bundle, byte by byte as section 3 has it.
#[test]
fn a_bundle_begins_as_it_is_written() {
    for made in all() {
        let mut expected = b"smpcdpf1".to_vec();
        expected.extend(made.agreement.digest().0);
        expected.extend([3, 0, 0, 0]);
        expected.extend(b"pay");
        expected.extend([6, 0, 0, 0]);
        expected.extend(b"2026-1");
        // v, a result, a certificate; then its attempt, and every party's dealing from the first.
        expected.extend([0, 0, 0, 0]);
        expected.extend([0, 0, 0, 0]);
        expected.extend([1]);
        let bundle = &made.results[0].bundle;
        assert_eq!(bundle[..expected.len()], expected);
        let certificate = &bundle[expected.len()..];
        assert_eq!(number(&certificate[4..]), u32::try_from(made.keys.len()).expect("few"));
        assert_eq!(certificate[8..10], [0, 0]);
        // The last partial sum ends the file: 6 values and 6 blindings behind their holder and their count.
        let last = &bundle[bundle.len() - 2 - 4 - 64 * 6..];
        assert!(usize::from(last[0]) < made.keys.len());
        assert_eq!(last[1..6], [0, 0x80, 1, 0, 0]);
    }
}
