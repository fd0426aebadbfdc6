//! A decoder takes exactly one encoding of each value, and never panics.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::codec::{self, DecodeError, Seq, Text};
use wire::link::{Checkpoint, Grant, Have, Hello, Pin, Recall, Seen};
use wire::message::{Closing, Lock, Until, Votes};
use wire::{
    Body, Bytes, DealingDigest, Envelope, Grievance, MAX_PARTIES, Secret32, Set, SetDigest, SetEntry, ShareContent,
    SignedHeader, Vote,
};

use crate::fixtures;

fn seq<T: std::fmt::Debug, const MAX: usize>(
    item: impl Strategy<Value = T>,
    most: usize,
) -> impl Strategy<Value = Seq<T, MAX>> {
    vec(item, 0..=most).prop_map(|items| items.try_into().expect("within the limit"))
}

fn digest() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>()
}

fn votes() -> impl Strategy<Value = Votes> {
    let vote = (any::<u16>(), vec(any::<u8>(), 64))
        .prop_map(|(party, bytes)| Vote { party, signature: bytes.try_into().expect("64 bytes") });
    seq(vote, 5)
}

fn set() -> impl Strategy<Value = Set> {
    let entry = (any::<u16>(), digest()).prop_map(|(dealer, d)| SetEntry { dealer, dealing: DealingDigest(d) });
    (seq(entry, 5), seq(any::<u16>(), 5)).prop_map(|(dealings, holders)| Set { dealings, holders })
}

fn text<const MAX: usize>() -> impl Strategy<Value = Text<MAX>> {
    any::<String>().prop_map(|text| Text::truncated(&text))
}

fn until() -> impl Strategy<Value = Until> {
    prop_oneof![any::<u32>().prop_map(Until::Attempt), Just(Until::Forever)]
}

fn lock() -> impl Strategy<Value = Lock> {
    (any::<u32>(), set(), votes()).prop_map(|(attempt, set, readys)| Lock { attempt, set, readys })
}

fn closing() -> impl Strategy<Value = Closing> {
    (any::<u16>(), until(), proptest::option::of(lock()), any::<u8>()).prop_map(|(party, until, lock, byte)| Closing {
        party,
        until,
        lock,
        signature: [byte; 64],
    })
}

fn header() -> impl Strategy<Value = SignedHeader> {
    (seq(digest(), MAX_PARTIES), proptest::option::of(digest()), any::<u8>())
        .prop_map(|(shares, commitments, byte)| SignedHeader { shares, commitments, signature: [byte; 64] })
}

fn grievance() -> impl Strategy<Value = Grievance> {
    let path = seq(digest(), wire::message::MAX_PATH);
    prop_oneof![
        (digest(), any::<u32>(), digest(), digest(), path).prop_map(|(dealing, cell, value, blinding, path)| {
            Grievance::Cell { dealing: DealingDigest(dealing), cell, value, blinding, path }
        }),
        (header(), header()).prop_map(|(one, other)| Grievance::Headers { one, other }),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let content =
        prop_oneof![digest().prop_map(|seed| ShareContent::Seed(Secret32(seed))), Just(ShareContent::Elements),];
    prop_oneof![
        (text(), text(), any::<u32>(), votes()).prop_map(|(computation, period, voided, proof)| Body::Propose {
            computation,
            period,
            voided,
            proof
        }),
        (seq(digest(), MAX_PARTIES), proptest::option::of(digest()))
            .prop_map(|(shares, commitments)| Body::Deal { shares, commitments }),
        (digest(), proptest::option::of(digest()), content).prop_map(|(dealing, salt, content)| Body::Share {
            dealing: DealingDigest(dealing),
            salt: salt.map(Secret32),
            content
        }),
        (digest(), vec(any::<u8>(), 0..100), vec(any::<u8>(), 0..100)).prop_map(|(dealing, commitments, proofs)| {
            let bytes = "short enough";
            let (commitments, proofs) = (commitments.try_into().expect(bytes), proofs.try_into().expect(bytes));
            Body::Commitments { dealing: DealingDigest(dealing), commitments, proofs }
        }),
        (any::<u16>(), grievance()).prop_map(|(dealer, grievance)| Body::Complaint { dealer, grievance }),
        digest().prop_map(|dealing| Body::Receipt { dealing: DealingDigest(dealing) }),
        (digest(), votes()).prop_map(|(d, receipts)| Body::Dealt { dealing: DealingDigest(d), receipts }),
        (any::<u32>(), set(), seq(votes(), 4), seq(closing(), 3))
            .prop_map(|(attempt, set, receipts, closes)| { Body::Open { attempt, set, receipts, closes } }),
        (any::<u32>(), digest()).prop_map(|(attempt, set)| Body::Ready { attempt, set: SetDigest(set) }),
        (any::<u32>(), digest()).prop_map(|(attempt, set)| Body::Accept { attempt, set: SetDigest(set) }),
        (any::<u32>(), set(), votes(), seq(votes(), 4))
            .prop_map(|(attempt, set, accepts, receipts)| { Body::Certificate { attempt, set, accepts, receipts } }),
        (digest(), digest()).prop_map(|(set, digest)| Body::Partial { set: SetDigest(set), digest }),
        proptest::option::of(digest()).prop_map(|result| Body::Outcome { result }),
        text().prop_map(|reason| Body::Decline { reason }),
        text().prop_map(|reason| Body::Abandon { reason }),
        (until(), proptest::option::of(lock())).prop_map(|(until, lock)| Body::Close { until, lock }),
    ]
}

/// Bytes that look like a message for longer than noise does.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let spoilt =
        (body(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(|(body, at, byte, cut)| {
            let mut bytes = body.encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            bytes
        });
    prop_oneof![vec(any::<u8>(), 0..300), spoilt]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(body in body()) {
        prop_assert_eq!(codec::decode::<Body>(&body.encode()).unwrap(), body);
    }

    #[test]
    fn a_trailing_byte_is_refused(body in body(), byte in any::<u8>()) {
        let mut bytes = body.encode();
        bytes.push(byte);
        prop_assert!(codec::decode::<Body>(&bytes).is_err());
    }

    #[test]
    fn a_truncated_body_is_refused(body in body(), at in any::<prop::sample::Index>()) {
        let bytes = body.encode();
        prop_assert!(codec::decode::<Body>(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn no_bytes_make_a_decoder_panic_and_what_it_takes_is_canonical(bytes in nearly()) {
        if let Ok(body) = codec::decode::<Body>(&bytes) {
            prop_assert_eq!(codec::encode(&body), bytes.clone());
        }
        if let Ok(hello) = codec::decode::<Hello>(&bytes) {
            prop_assert_eq!(codec::encode(&hello), bytes.clone());
        }
        if let Ok(have) = codec::decode::<Have>(&bytes) {
            prop_assert_eq!(codec::encode(&have), bytes.clone());
        }
        if let Ok(grant) = codec::decode::<Grant>(&bytes) {
            prop_assert_eq!(codec::encode(&grant), bytes.clone());
        }
        if let Ok(recall) = codec::decode::<Recall>(&bytes) {
            prop_assert_eq!(codec::encode(&recall), bytes.clone());
        }
        if let Ok(pin) = codec::decode::<Pin>(&bytes) {
            prop_assert_eq!(codec::encode(&pin), bytes.clone());
        }
        if let Ok(checkpoint) = codec::decode::<Checkpoint>(&bytes) {
            prop_assert_eq!(codec::encode(&checkpoint), bytes.clone());
        }
        if let Ok(seen) = codec::decode::<Seen>(&bytes) {
            prop_assert_eq!(codec::encode(&seen), bytes.clone());
        }
        // Parsing keeps the bytes as they came.
        drop(Envelope::parse(&bytes));
    }
}

/// Each byte of each value with one bit, all bits and its end changed: refused, or another value with just these bytes.
fn mutate<T: codec::WireEncode + codec::WireDecode<()> + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    let bytes = codec::encode(value);
    for at in 0..bytes.len() {
        for mask in [0x01, 0x80, 0xFF] {
            let mut mutated = bytes.clone();
            mutated[at] ^= mask;
            if let Ok(other) = codec::decode::<T>(&mutated) {
                assert_ne!(other, *value, "{name}: two encodings, byte {at}");
                assert_eq!(codec::encode(&other), mutated, "{name}: byte {at}");
            }
        }
    }
}

#[test]
fn every_changed_byte_is_refused_or_means_something_else() {
    for (name, body) in fixtures::bodies() {
        mutate(name, &body);
    }
    mutate("hello", &fixtures::hello());
    mutate("pin", &fixtures::pin());
}

#[test]
fn unknown_variants_are_refused() {
    for kind in [16u32, 17, 255, 256, u32::MAX] {
        let bytes = [kind.to_le_bytes().as_slice(), &[0; 64]].concat();
        for length in 0..bytes.len() {
            assert_eq!(codec::decode::<Body>(&bytes[..length]), Err(DecodeError::Malformed));
        }
    }
    // An option is 0 or 1.
    let mut bytes = fixtures::bytes("0a000000 02 0c*32");
    assert_eq!(codec::decode::<Body>(&bytes), Err(DecodeError::Malformed));
    bytes[4] = 1;
    assert!(codec::decode::<Body>(&bytes).is_ok());
}

#[test]
fn lists_and_texts_over_their_limit_are_refused_at_both_ends() {
    let full = vec![[7u8; 32]; MAX_PARTIES];
    let shares: Seq<[u8; 32], MAX_PARTIES> = full.clone().try_into().unwrap();
    let bytes = codec::encode(&shares);
    assert!(codec::decode::<Seq<[u8; 32], MAX_PARTIES>>(&bytes).is_ok());
    let over = [full, vec![[7; 32]]].concat();
    assert!(Seq::<[u8; 32], MAX_PARTIES>::try_from(over).is_err());
    let mut bytes = [bytes, vec![7; 32]].concat();
    bytes[0] += 1;
    assert_eq!(codec::decode::<Seq<[u8; 32], MAX_PARTIES>>(&bytes), Err(DecodeError::Malformed));

    assert!(Text::<4>::try_from("abcd").is_ok() && Text::<4>::try_from("abcde").is_err());
    assert!(codec::decode::<Text<4>>(b"\x04\0\0\0abcd").is_ok());
    assert_eq!(codec::decode::<Text<4>>(b"\x05\0\0\0abcde"), Err(DecodeError::Malformed));
    assert!(Bytes::<2>::try_from(vec![1, 2, 3]).is_err());
    assert_eq!(codec::decode::<Bytes<2>>(b"\x03\0\0\0abc"), Err(DecodeError::Malformed));
}

#[test]
fn text_is_utf_8_and_is_cut_at_a_character() {
    assert_eq!(codec::decode::<Text<4>>(b"\x02\0\0\0\xC3\x28"), Err(DecodeError::Malformed));
    assert_eq!(&*Text::<2>::truncated("né"), "n");
    assert_eq!(&*Text::<3>::truncated("né"), "né");
    assert_eq!(&*Text::<0>::truncated("é"), "");
}

#[test]
fn secrets_do_not_print() {
    for (name, body) in fixtures::bodies().into_iter().filter(|(name, _)| name.starts_with("share")) {
        let text = format!("{body:?}");
        assert!(text.contains("<redacted>") && !text.contains("5a") && !text.contains("90"), "{name}: {text}");
    }
    assert_eq!(format!("{:?}", Bytes::<9>::try_from(vec![1, 2, 3]).unwrap()), "<3 bytes>");
}
