//! Cards: round trips, rules, and what must not count.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use super::*;
use crate::agreement::tests::{Key, party, valid};

fn card() -> Card {
    Card {
        consortium: "northern-retail".into(),
        party: "acme".into(),
        name: "ACME Ltd".into(),
        serial: 2,
        signing_key: Key::new(1).public_key(),
        authority_der: vec![0x30; 400],
        address: Some("smpc.acme.example:7601".into()),
        certificates_since: None,
    }
}

fn signed(change: impl FnOnce(&mut Card)) -> SignedCard {
    let mut card = card();
    change(&mut card);
    SignedCard::sign(card, &Key::new(1)).unwrap()
}

#[test]
fn a_card_comes_back_from_its_file() {
    for card in [signed(|_| ()), signed(|c| c.address = None), signed(|c| c.certificates_since = Some(1))] {
        let pem = card.to_pem();
        assert!(pem.starts_with("# Card 2 of acme (ACME Ltd) in northern-retail\n"), "{pem}");
        for text in [pem.clone(), pem.replace('\n', "\r\n"), format!("Hello,\n\n{pem}\n")] {
            assert_eq!(SignedCard::from_pem(&text).unwrap(), card);
        }
        assert_eq!(SignedCard::from_bytes(&card.to_bytes()).unwrap().card(), card.card());
    }
}

#[test]
fn every_changed_byte_is_refused() {
    let bytes = signed(|_| ()).to_bytes();
    for i in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[i] ^= 1;
        assert!(SignedCard::from_bytes(&changed).is_err(), "byte {i}");
        assert!(SignedCard::from_bytes(&bytes[..i]).is_err(), "cut at {i}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(SignedCard::from_bytes(&longer), Err(CardError::Malformed));
}

#[test]
fn every_changed_character_of_a_file_is_refused_or_for_people() {
    let card = signed(|_| ());
    let pem = card.to_pem();
    let armour = pem.find("-----BEGIN").unwrap();
    for i in 0..pem.len() {
        let mut changed = Vec::from(pem.as_bytes());
        changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
        let read = SignedCard::from_pem(&String::from_utf8(changed).unwrap());
        assert!(if i < armour { read == Ok(card.clone()) } else { read.is_err() }, "character {i}");
    }
}

#[test]
fn rules_are_kept_by_signer_and_reader() {
    let broken: [fn(&mut Card); 12] = [
        |c| c.consortium = "Northern".into(),
        |c| c.party = String::new(),
        |c| c.name = "Acme\nLtd".into(),
        |c| c.name = "x".repeat(201),
        |c| c.serial = 0,
        |c| c.authority_der.clear(),
        |c| c.authority_der = vec![0; MAX_AUTHORITY + 1],
        |c| c.address = Some("acme.example".into()),
        |c| c.address = Some("acme.example:0".into()),
        |c| c.address = Some("acme example:7601".into()),
        |c| c.address = Some("::1:7601".into()),
        |c| c.signing_key = Key::new(2).public_key(),
    ];
    for (i, change) in broken.into_iter().enumerate() {
        let mut card = card();
        change(&mut card);
        assert!(SignedCard::sign(card.clone(), &Key::new(1)).is_err(), "{i}");
        // Somebody who signs without our rules is refused when it is read.
        let Ok(body) = card.to_body() else { continue };
        let body = codec::encode(&body);
        let signature = Key::new(1).sign(&message(&body));
        let bytes = SignedCard { card, body, signature }.to_bytes();
        assert!(SignedCard::from_bytes(&bytes).is_err(), "{i}");
    }
    for good in ["127.0.0.1:1", "[::1]:7601", "a-b.example:65535"] {
        assert!(is_address(good), "{good}");
    }
}

#[test]
fn the_newest_serial_of_the_same_party_wins() {
    let (old, new) = (signed(|_| ()), signed(|c| c.serial = 3));
    assert!(new.supersedes(&old) && !old.supersedes(&new) && !old.supersedes(&old));
    assert!(!signed(|c| c.name = "Other".into()).supersedes(&old), "the same serial");
    assert!(!signed(|c| (c.serial, c.party) = (3, "birch".into())).supersedes(&old));
    assert!(!signed(|c| (c.serial, c.consortium) = (3, "south".into())).supersedes(&old));
    let mut stolen = card();
    (stolen.serial, stolen.signing_key) = (9, Key::new(2).public_key());
    assert!(!SignedCard::sign(stolen, &Key::new(2)).unwrap().supersedes(&old), "another key");
}

#[test]
fn a_card_counts_under_the_key_of_the_agreement_alone() {
    let agreement = valid(|_| ());
    assert_eq!(signed(|_| ()).belongs_to(&agreement), Ok(()));
    let other = valid(|d| d.parties[0] = party(8, "acme", &["input", "compute", "result"]));
    assert_eq!(signed(|_| ()).belongs_to(&other), Err(CardError::OtherKey { party: "acme".into() }));
    let stranger = signed(|c| c.party = "zoo".into());
    assert_eq!(stranger.belongs_to(&agreement), Err(CardError::NoSuchParty { party: "zoo".into() }));
    let elsewhere = signed(|c| c.consortium = "south".into());
    assert!(matches!(elsewhere.belongs_to(&agreement), Err(CardError::OtherConsortium { .. })));
}

#[test]
fn times_print_as_rfc_3339() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_800, "2000-03-01T00:00:00Z"),
        (1_795_428_000, "2026-11-23T10:00:00Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
        (u64::MAX, "18446744073709551615 seconds after 1970"),
    ] {
        assert_eq!(Moment(seconds).to_string(), text);
    }
    let card = signed(|card| card.certificates_since = Some(1_795_428_000));
    assert!(card.to_string().contains("certificates since  2026-11-23T10:00:00Z\n"));
}
