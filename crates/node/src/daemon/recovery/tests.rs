//! What a peer is told of its own, and what becomes of what this party is shown.

use std::cell::RefCell;
use std::path::PathBuf;

use ed25519_dalek::{Signer as _, SigningKey};
use wire::{Body, SetDigest, Signer};

use super::*;
use crate::seal::StorageKey;

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

const AGREEMENT: [u8; 32] = [9; 32];
const OLD_AGREEMENT: [u8; 32] = [8; 32];

fn pin(agreement: [u8; 32], period: &str) -> Pin {
    let text = |text: &str| text.try_into().expect("short");
    Pin { agreement, computation: text("average"), period: text(period), voided: 0 }
}

/// A message of that party, at this place in the round's agreement.
fn message(pin: &Pin, party: u8, place: u16, attempt: u32) -> Sealed {
    Sealed::sign(pin.round(), place, None, Body::Ready { attempt, set: SetDigest([1; 32]) }, &key(party))
}

fn stored(message: &Sealed) -> MessageRow {
    MessageRow {
        digest: message.digest().0,
        author: message.sender(),
        kind: message.kind() as u8,
        bytes: message.bytes().to_vec(),
    }
}

fn store() -> (tempfile::TempDir, PathBuf, Store) {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let store = Store::open(&data_dir, &StorageKey::from_bytes(&[7; 32]), "p1").expect("opens");
    (directory, data_dir, store)
}

/// A round that the store knows, with these messages.
fn put(store: &Store, pin: &Pin, messages: &[&Sealed]) {
    let row = RoundRow { phase: "collecting".into(), abstains: false, ..forgotten(pin, Millis(5)).expect("a row") };
    store
        .commit(|tx| {
            tx.put_round(&row)?;
            messages.iter().try_for_each(|message| tx.put_message(&row.id, &stored(message)).map(drop))
        })
        .expect("commits");
}

fn show(store: &Store, message: &Sealed, pin: Option<&Pin>) -> Option<RoundRow> {
    store.commit(|tx| put_evidence(tx, message, pin, Millis(5))).expect("commits")
}

fn abstains(store: &Store, pin: &Pin) -> bool {
    store.round_by_id(&pin.round().0).expect("reads").expect("is there").abstains
}

#[test]
fn a_peer_is_told_its_own_messages_of_every_round_that_it_does_not_list() {
    let (_directory, data_dir, store) = store();
    let pins = [pin(AGREEMENT, "2026-Q1"), pin(AGREEMENT, "2026-Q2"), pin(OLD_AGREEMENT, "2026-Q3")];
    let own = [message(&pins[0], 2, 1, 1), message(&pins[0], 2, 1, 2)];
    put(&store, &pins[0], &[&own[0], &message(&pins[0], 1, 0, 1), &own[1], &message(&pins[0], 3, 2, 1)]);
    put(&store, &pins[1], &[&message(&pins[1], 2, 1, 1)]);
    // Under the older agreement the peer had another place, and somebody else had its place of now.
    let older = message(&pins[2], 2, 5, 1);
    put(&store, &pins[2], &[&message(&pins[2], 3, 1, 1), &older]);
    let asker = Asker { party: 1, key: key(2).public_key(), agreement: AGREEMENT };
    let told = |ended: Vec<RoundId>, most: usize| {
        let frames = RefCell::new(Vec::new());
        let recall = Recall { ended: ended.try_into().expect("few") };
        let send = |frame: &Frame| {
            frames.borrow_mut().push(frame.clone());
            frames.borrow().len() < most
        };
        tell(&data_dir, &asker, &recall, send).expect("reads");
        frames.into_inner()
    };
    let message = |message: &Sealed| Frame::Message(Zeroizing::new(message.bytes().to_vec()));
    let first = [Frame::Pin(pins[0].clone()), message(&own[0]), message(&own[1])];
    let last = [Frame::Pin(pins[2].clone()), message(&older), Frame::Recalled];
    assert_eq!(told(vec![pins[1].round()], usize::MAX), [&first[..], &last].concat());
    assert_eq!(told(vec![pins[1].round()], 2), first[..2], "the link is gone");
    assert_eq!(told(pins.iter().map(Pin::round).collect(), usize::MAX), [Frame::Recalled]);
    assert_eq!(told(vec![], usize::MAX).len(), first.len() + 2 + last.len());
}

#[test]
fn what_the_store_lacks_of_a_round_is_kept_and_the_party_abstains() {
    let (_directory, _, store) = store();
    let pin = pin(AGREEMENT, "2026-Q1");
    let (held, lacked) = (message(&pin, 1, 0, 1), message(&pin, 1, 0, 2));
    put(&store, &pin, &[&held]);
    assert_eq!(show(&store, &held, Some(&pin)), None, "it has that one");
    assert!(!abstains(&store, &pin));
    // A round that the store knows needs nobody's word for what it is.
    assert_eq!(show(&store, &lacked, None).expect("lacked").id, pin.round().0);
    assert!(abstains(&store, &pin));
    assert_eq!(show(&store, &lacked, Some(&pin)), None, "once");
    assert_eq!(store.messages(&pin.round().0).expect("reads"), [stored(&held), stored(&lacked)]);
    assert_eq!(store.rounds().expect("reads")[0].phase, "collecting");
}

#[test]
fn a_round_that_is_forgotten_is_pinned() {
    let (_directory, _, store) = store();
    let pin = pin(AGREEMENT, "2026-Q1");
    let (first, second) = (message(&pin, 1, 0, 1), message(&pin, 1, 0, 2));
    assert_eq!(show(&store, &first, None), None, "nobody says what it is of");
    assert!(show(&store, &first, Some(&pin)).is_some() && show(&store, &second, Some(&pin)).is_some());
    let row = store.round("average", "2026-Q1").expect("reads").expect("is there");
    assert_eq!((row.id, row.agreement_digest, row.v), (pin.round().0, AGREEMENT, 0));
    assert_eq!((row.phase.as_str(), row.abstains, row.joined), (FORGOTTEN, true, 5));
    let status: RoundStatus = serde_json::from_str(&row.view).expect("what people are shown");
    assert_eq!((status.status.as_str(), status.phase.as_str()), ("abandoned", FORGOTTEN));
    assert!(status.reason.expect("a reason").contains("older copy"));
    assert_eq!(store.messages(&row.id).expect("reads"), [stored(&first), stored(&second)]);
}

#[test]
fn signatures_in_two_rounds_of_one_period_are_both_kept() {
    let (_directory, _, store) = store();
    let (here, there) = (pin(AGREEMENT, "2026-Q1"), pin(OLD_AGREEMENT, "2026-Q1"));
    put(&store, &here, &[]);
    let shown = message(&there, 1, 0, 1);
    assert_eq!(show(&store, &shown, Some(&there)).expect("lacked").id, there.round().0);
    assert!(abstains(&store, &here));
    assert_eq!(store.rounds().expect("reads").len(), 1, "there is one pin");
    let kept = store.kept(EVIDENCE, &shown.digest().to_string()).expect("reads");
    assert_eq!(kept.as_deref(), Some(shown.bytes()));
    assert_eq!(show(&store, &shown, Some(&there)), None, "once");
}

#[test]
fn what_was_found_is_said_with_both_numbers() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("guard");
    let data_dir = directory.path().join("data");
    let mark = |number| Mark { number, drawn: [1; 32] };
    let finding = |store: u64| finding(&mark(store), &Guard::open(&path, "p1"), &data_dir);
    assert!(finding(5).contains("there is no guard"));
    Guard::open(&path, "p1").raise(&mark(9)).expect("writes");
    let ahead = finding(5);
    assert!(ahead.contains("number 9") && ahead.contains("store at 5") && ahead.contains("older copy"), "{ahead}");
    assert!(finding(12).contains("do not belong together"));
    std::fs::write(&path, "nonsense").expect("writes");
    assert!(finding(5).contains("cannot be relied on"));
}
