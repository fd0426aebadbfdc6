//! A book on a real directory: what the operator puts there and what peers send.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer as _, SigningKey};
use protocol::agreement::{
    Agreement, AgreementDraft, AgreementSignature, ColumnDraft, ComputationDraft, LegalDraft, PartyDraft, PartyIndex,
    RowsDraft, SharingDraft,
};
use protocol::card::{Card, SignedCard};
use tempfile::TempDir;
use wire::Signer;
use wire::frame::Frame;

use super::{Book, BookError, Change};
use crate::settings::{Approval, Audit, Policy, Settings};

struct Key(SigningKey);

impl Signer for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, digest: &[u8]) -> [u8; 64] {
        self.0.sign(digest).to_bytes()
    }
}

fn key(party: u8) -> Key {
    Key(SigningKey::from_bytes(&[party; 32]))
}

pub(crate) fn agreement(version: i64) -> Agreement {
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let party = |number: u8| PartyDraft {
        id: Some(format!("p{number}")),
        name: Some(format!("Party {number}")),
        roles: Some(strings(&["input", "compute", "result"])),
        signing_key: Some(format!("ed25519:{}", Base64::encode_string(&key(number).public_key()))),
    };
    let column = ColumnDraft {
        name: Some("expenditure".into()),
        unit: Some("GBP".into()),
        decimals: Some(2),
        min: Some("0".into()),
        max: Some("1000".into()),
        statistics: Some(strings(&["sum"])),
    };
    let draft = AgreementDraft {
        name: Some("northern-retail".into()),
        version: Some(version),
        parties: vec![party(1), party(2), party(3)],
        legal: Some(LegalDraft { purpose: Some("A test".into()), ..LegalDraft::default() }),
        computations: vec![ComputationDraft {
            id: Some("average-expenditure".into()),
            title: Some("Average expenditure".into()),
            sharing: Some(SharingDraft::Named("additive".into())),
            adversary: Some("semi-honest".into()),
            calendar: Some("any".into()),
            collect_for: Some(Duration::from_secs(10)),
            attempt_deadline: Some(Duration::from_secs(1)),
            give_up_after: Some(Duration::from_secs(100)),
            rows: Some(RowsDraft::Count(1)),
            columns: vec![column],
            ..ComputationDraft::default()
        }],
    };
    draft.validate().unwrap()
}

fn card_with(party: u8, serial: u64, signer: u8, change: impl FnOnce(&mut Card)) -> SignedCard {
    let mut card = Card {
        consortium: "northern-retail".into(),
        party: format!("p{party}"),
        name: format!("Party {party}"),
        serial,
        signing_key: key(signer).public_key(),
        authority_der: vec![party; 64],
        address: Some(format!("p{party}.example.org:{}", 7000 + serial)),
        certificates_since: None,
    };
    change(&mut card);
    SignedCard::sign(card, &key(signer)).unwrap()
}

fn card(party: u8, serial: u64) -> SignedCard {
    card_with(party, serial, party, |_| {})
}

fn signature(party: u8, version: i64) -> AgreementSignature {
    AgreementSignature::sign(&agreement(version), &format!("p{party}"), &key(party)).unwrap()
}

/// p1's directory with its own card in it.
pub(crate) fn directory() -> (TempDir, Settings) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("cards")).unwrap();
    fs::create_dir(at("signatures")).unwrap();
    fs::write(at("cards/p1.card"), card(1, 1).to_pem()).unwrap();
    let settings = Settings {
        party: "p1".into(),
        agreement: at("agreement.toml"),
        cards: at("cards"),
        signatures: at("signatures"),
        data_dir: at("data"),
        guard: at("guard"),
        listen_peers: None,
        admin_socket: at("admin.sock"),
        tls_certificate: at("certs/tls.crt"),
        tls_private_key: at("keys/tls.key"),
        revoked: Vec::new(),
        signing_key: at("keys/signing.key"),
        storage_key: at("keys/storage.key"),
        input_dir: at("input"),
        inputs: BTreeMap::new(),
        approval: Approval { policy: Policy::Auto, computations: None, at_most: None, notify: Vec::new() },
        audit: Audit::default(),
        schedules: BTreeMap::new(),
        export_json: true,
        export_csv: true,
    };
    (dir, settings)
}

fn book(settings: &Settings) -> Book {
    Book::load(settings, agreement(3)).map_err(|problems| problems[0].to_string()).unwrap()
}

const P2: PartyIndex = PartyIndex(1);
const P3: PartyIndex = PartyIndex(2);

fn on_disk(settings: &Settings, party: u8) -> u64 {
    let text = fs::read_to_string(settings.cards.join(format!("p{party}.card"))).unwrap();
    SignedCard::from_pem(&text).unwrap().card().serial
}

#[test]
fn the_newest_serial_wins_from_both_sides() {
    let (_dir, settings) = directory();
    let mut book = book(&settings);
    assert_eq!(book.missing_cards(), [P2, P3]);
    assert_eq!(book.address_of(P2), None);

    let change = book.take_card(&card(2, 5).to_bytes()).unwrap();
    assert!(matches!(change, Some(Change::Card { party: P2, serial: 5, .. })), "{change:?}");
    assert_eq!((book.address_of(P2), on_disk(&settings, 2)), (Some("p2.example.org:7005"), 5));
    // The same again, and an older one.
    assert_eq!(book.take_card(&card(2, 5).to_bytes()).unwrap(), None);
    assert_eq!(book.take_card(&card(2, 4).to_bytes()).unwrap(), None);
    assert_eq!(on_disk(&settings, 2), 5);

    // The operator puts a newer one there, then a peer sends one in between.
    fs::write(settings.cards.join("p2.card"), card(2, 9).to_pem()).unwrap();
    let change = book.take_card(&card(2, 7).to_bytes()).unwrap();
    assert!(matches!(change, Some(Change::Card { party: P2, serial: 9, .. })), "{change:?}");
    assert_eq!(on_disk(&settings, 2), 9);
    // The operator puts an older one back: what is known stays in force.
    fs::write(settings.cards.join("p2.card"), card(2, 1).to_pem()).unwrap();
    assert!(book.rescan().changes.is_empty());
    assert_eq!(book.card_of(P2).unwrap().card().serial, 9);
}

#[test]
fn a_look_at_the_files_takes_what_is_new_once() {
    let (_dir, settings) = directory();
    let mut book = book(&settings);
    let rescan = book.rescan();
    assert!(rescan.changes.is_empty() && rescan.problems.is_empty());
    fs::write(settings.cards.join("p3.card"), card(3, 2).to_pem()).unwrap();
    fs::write(settings.signatures.join("p1.sig"), signature(1, 3).to_pem()).unwrap();
    let changes = book.rescan().changes;
    assert!(
        matches!(changes[..], [Change::Signature { party: PartyIndex(0) }, Change::Card { party: P3, serial: 2, .. }]),
        "{changes:?}"
    );
    assert_eq!(book.missing_signatures(), [P2, P3]);
    assert!(book.rescan().changes.is_empty());
    assert_eq!(book.trust().parties.iter().map(|party| party.id.as_str()).collect::<Vec<_>>(), ["p1", "p3"]);

    // A damaged file is told once, and what was known stays.
    fs::write(settings.cards.join("p3.card"), "-----BEGIN SMPCD CARD-----\nAAAA\n").unwrap();
    let problems = book.rescan().problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].to_string().contains("p3.card: not a card"), "{}", problems[0]);
    assert!(book.rescan().problems.is_empty());
    assert_eq!(book.card_of(P3).unwrap().card().serial, 2);
}

#[test]
fn a_tampered_card_is_refused_whatever_byte_was_changed() {
    let (_dir, settings) = directory();
    let mut book = book(&settings);
    let bytes = card(2, 5).to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(book.take_card(&changed).is_err(), "byte {at}");
    }
    assert!(book.take_card(&[bytes.as_slice(), b"\0"].concat()).is_err());
    assert!(book.card_of(P2).is_none());
    assert!(!settings.cards.join("p2.card").exists());
    book.take_card(&bytes).unwrap().unwrap();
}

#[test]
fn a_changed_signing_key_another_consortium_and_a_stranger_are_refused() {
    let (_dir, settings) = directory();
    let mut book = book(&settings);
    book.take_card(&card(2, 1).to_bytes()).unwrap();
    let cases = [
        (card_with(2, 9, 3, |_| {}), "a new signing key takes a new version of the agreement"),
        (card_with(2, 9, 2, |card| card.consortium = "southern-retail".into()), "is for the consortium"),
        (card_with(2, 9, 2, |card| card.party = "p9".into()), "no party 'p9'"),
        (card_with(2, 9, 2, |card| card.party = "p3".into()), "signing key"),
    ];
    for (card, reason) in cases {
        let error = book.take_card(&card.to_bytes()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.starts_with("sent by a peer"), "{error}");
    }
    let error = book.take_card(&card_with(2, 1, 2, |card| card.address = None).to_bytes()).unwrap_err();
    assert!(matches!(error, BookError::TwoCards { serial: 1, .. }), "{error}");
    assert_eq!((book.card_of(P2).unwrap().card().serial, on_disk(&settings, 2)), (1, 1));
    assert!(!settings.cards.join("p9.card").exists() && !settings.cards.join("p3.card").exists());
}

#[test]
fn signatures_count_for_this_agreement_only() {
    let (_dir, settings) = directory();
    fs::write(settings.signatures.join("p1.sig"), signature(1, 3).to_pem()).unwrap();
    // Of the version before: no error, but missing.
    fs::write(settings.signatures.join("p2.sig"), signature(2, 2).to_pem()).unwrap();
    let mut book = book(&settings);
    assert_eq!(book.missing_signatures(), [P2, P3]);

    assert!(book.take_signature(&signature(2, 2).to_bytes()).is_err());
    let mut forged = signature(2, 3);
    forged.party = "p3".into();
    assert!(book.take_signature(&forged.to_bytes()).is_err());
    let bytes = signature(2, 3).to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(book.take_signature(&changed).is_err(), "byte {at}");
    }
    assert_eq!(book.missing_signatures(), [P2, P3]);

    assert_eq!(book.take_signature(&bytes).unwrap(), Some(Change::Signature { party: P2 }));
    assert_eq!(book.take_signature(&bytes).unwrap(), None);
    book.take_signature(&signature(3, 3).to_bytes()).unwrap();
    assert!(book.missing_signatures().is_empty());
    // They are there after a restart.
    assert!(self::book(&settings).missing_signatures().is_empty());
}

#[test]
fn a_peer_is_sent_what_it_lacks() {
    let (_dir, settings) = directory();
    let mut ours = book(&settings);
    ours.take_card(&card(2, 5).to_bytes()).unwrap();
    ours.take_signature(&signature(2, 3).to_bytes()).unwrap();

    let (_dir, settings) = directory();
    let mut theirs = book(&settings);
    theirs.take_card(&card(2, 4).to_bytes()).unwrap();
    theirs.take_card(&card(3, 1).to_bytes()).unwrap();
    let frames = ours.lacking(&theirs.hello());
    assert_eq!(frames, [Frame::Card(card(2, 5).to_bytes()), Frame::Signature(signature(2, 3).to_bytes())]);
    for frame in frames {
        match frame {
            Frame::Card(bytes) => theirs.take_card(&bytes).unwrap().unwrap(),
            Frame::Signature(bytes) => theirs.take_signature(&bytes).unwrap().unwrap(),
            other => panic!("{other:?}"),
        };
    }
    assert!(ours.lacking(&theirs.hello()).is_empty());
    assert_eq!(theirs.lacking(&ours.hello()), [Frame::Card(card(3, 1).to_bytes())]);

    // Under another agreement cards go, signatures do not.
    let mut other = theirs.hello();
    other.agreement = [1; 32];
    other.signed_by = Vec::new().try_into().unwrap();
    other.cards = Vec::new().try_into().unwrap();
    assert!(ours.lacking(&other).iter().all(|frame| matches!(frame, Frame::Card(_))));
    assert_eq!(ours.lacking(&other).len(), 2);
}

#[test]
fn another_version_of_the_agreement_is_described() {
    let (_dir, settings) = directory();
    let ours = book(&settings);
    let theirs = Book::load(&settings, agreement(2)).map_err(|_| ()).unwrap();
    let difference = ours.difference(&theirs.hello()).unwrap();
    assert!(!difference.refuses_link());
    assert_eq!(
        difference.describe("p2"),
        "the agreement of p2 differs from ours only in its version (ours version 3, theirs version 2)"
    );
    assert_eq!(ours.difference(&ours.hello()), None);
}

fn problems(settings: &Settings) -> Vec<String> {
    Book::load(settings, agreement(3)).err().unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn everything_wrong_on_disk_is_said_at_once_with_its_file() {
    let (_dir, mut settings) = directory();
    let put = |path: &Path, bytes: &[u8]| fs::write(path, bytes).unwrap();
    fs::remove_file(settings.cards.join("p1.card")).unwrap();
    put(&settings.cards.join("p2.card"), b"\xff\xfe not text");
    put(&settings.cards.join("p3.card"), card(2, 1).to_pem().as_bytes());
    put(&settings.signatures.join("p2.sig"), b"nothing");
    let list = settings.cards.join("list.crl");
    put(&list, b"no list");
    settings.revoked = vec![list, settings.cards.join("missing.crl")];
    let found = problems(&settings);
    for (file, reason) in [
        ("p1.card", "own card is missing"),
        ("p2.card", "not a text file"),
        ("p3.card", "card of 'p2'"),
        ("p2.sig", "SMPCD SIGNATURE"),
        ("list.crl", "revocation list"),
        ("missing.crl", "no such file"),
    ] {
        assert!(found.iter().any(|line| line.contains(file) && line.contains(reason)), "{file}: {found:#?}");
    }
    assert_eq!(found.len(), 6, "{found:#?}");

    settings.party = "p7".into();
    assert!(problems(&settings)[0].contains("'p7' is not in the agreement"));
}

#[test]
fn a_card_that_lets_no_certificate_pass_is_refused_from_both_sides() {
    let (_dir, settings) = directory();
    let mut book = book(&settings);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let until = |serial, since| card_with(2, serial, 2, |card| card.certificates_since = Some(since));
    let refused = book.take_card(&until(1, now + 4000).to_bytes()).unwrap_err();
    assert!(matches!(&refused, BookError::LiesAhead { party, .. } if party == "p2"), "{refused}");
    assert!(refused.to_string().contains("lies in the future"), "{refused}");
    assert!(book.take_card(&until(2, u64::MAX).to_bytes()).is_err());
    assert!(book.card_of(P2).is_none() && !settings.cards.join("p2.card").exists());
    // Clocks differ a little.
    assert!(book.take_card(&until(3, now + 3000).to_bytes()).unwrap().is_some());
    fs::write(settings.cards.join("p3.card"), card_with(3, 1, 3, |c| c.certificates_since = Some(now + 4000)).to_pem())
        .unwrap();
    assert!(matches!(&book.rescan().problems[..], [BookError::LiesAhead { .. }]));
}
