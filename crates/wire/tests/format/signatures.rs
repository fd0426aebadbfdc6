//! A signature is worth something for one round, sender, recipient and body only (PROTOCOL 1.3).

use wire::{Body, DealingDigest, Envelope, OpenError, RoundId, Sealed, SetDigest, Signer, verify};

use crate::fixtures::{Key, ROUND, bytes, sealed, sealed_to};

/// The envelope's fields, as they lie in its bytes.
const SENDER: usize = 32;

fn open(bytes: &[u8], key: &Key) -> Result<Sealed, OpenError> {
    Envelope::parse(bytes)?.verify(&key.public_key())
}

#[test]
fn a_signed_message_is_taken_as_it_was_said() {
    let key = Key::rfc8032();
    let message = open(sealed_to().bytes(), &key).unwrap();
    assert_eq!((message.round(), message.sender(), message.recipient()), (ROUND, 1, Some(0x0403)));
    assert_eq!(message.body(), sealed_to().body());
    assert_eq!(message.bytes(), sealed_to().bytes());
    assert_eq!(message.digest(), sealed_to().digest());
    let envelope = Envelope::parse(sealed_to().bytes()).unwrap();
    assert_eq!((envelope.round(), envelope.sender(), envelope.recipient()), (ROUND, 1, Some(0x0403)));
}

#[test]
fn another_key_is_refused() {
    assert_eq!(open(sealed().bytes(), &Key::other()).unwrap_err(), OpenError::Signature);
}

#[test]
fn every_changed_byte_of_an_envelope_is_refused() {
    let key = Key::rfc8032();
    for message in [sealed(), sealed_to()] {
        for at in 0..message.bytes().len() {
            for mask in [0x01, 0x80, 0xFF] {
                let mut spoilt = message.bytes().to_vec();
                spoilt[at] ^= mask;
                assert!(open(&spoilt, &key).is_err(), "byte {at} with {mask:02x}");
            }
        }
        let trailing = [message.bytes(), &[0]].concat();
        assert!(matches!(open(&trailing, &key), Err(OpenError::Decode(_))));
    }
}

/// A signature that is moved to another statement by the same key.
#[test]
fn a_signature_does_not_move() {
    let key = Key::rfc8032();
    let body = Body::Receipt { dealing: DealingDigest([0xD0; 32]) };
    let said = Sealed::sign(ROUND, 1, Some(2), body.clone(), &key);
    let others = [
        ("round", Sealed::sign(RoundId([0x12; 32]), 1, Some(2), body.clone(), &key)),
        ("sender", Sealed::sign(ROUND, 3, Some(2), body.clone(), &key)),
        ("recipient", Sealed::sign(ROUND, 1, Some(3), body.clone(), &key)),
        ("no recipient", Sealed::sign(ROUND, 1, None, body.clone(), &key)),
        ("body", Sealed::sign(ROUND, 1, Some(2), Body::Receipt { dealing: DealingDigest([0xD1; 32]) }, &key)),
    ];
    for (what, other) in others {
        assert_ne!(other.digest(), said.digest(), "{what}");
        let mut spliced = other.bytes().to_vec();
        assert!(open(&spliced, &key).is_ok(), "{what}");
        let end = spliced.len() - 64;
        spliced[end..].copy_from_slice(&said.signature());
        assert_eq!(open(&spliced, &key).unwrap_err(), OpenError::Signature, "{what}");
    }
}

#[test]
fn ready_and_accept_on_one_set_are_different_statements() {
    let key = Key::rfc8032();
    let set = SetDigest([0x5E; 32]);
    let ready = Sealed::sign(ROUND, 1, None, Body::Ready { attempt: 1, set }, &key);
    let accept = Sealed::sign(ROUND, 1, None, Body::Accept { attempt: 1, set }, &key);
    assert_ne!(ready.digest(), accept.digest());
    assert_ne!(ready.signature(), accept.signature());
}

#[test]
fn the_sender_is_what_the_envelope_says_and_not_whose_key_it_is() {
    // Under party 3's name with party 0x0201's signature: the key that belongs to party 3 does not verify it.
    let mut forged = sealed().bytes().to_vec();
    forged[SENDER] = 3;
    forged[SENDER + 1] = 0;
    assert_eq!(Envelope::parse(&forged).unwrap().sender(), 3);
    assert_eq!(open(&forged, &Key::rfc8032()).unwrap_err(), OpenError::Signature);
    assert_eq!(open(&forged, &Key::other()).unwrap_err(), OpenError::Signature);
}

/// Under a key of small order one signature fits many messages; the loose rules of Ed25519 take it.
#[test]
fn keys_of_small_order_verify_nothing() {
    let identity = bytes("01 00*31");
    // R is the identity and s is 0.
    let signature: [u8; 64] = [identity.clone(), vec![0; 32]].concat().try_into().unwrap();
    let keys = [
        "01 00*31",
        "ec ff*30 7f",
        "00*32",
        "00*31 80",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    let mut loose = 0;
    for key in keys {
        let key: [u8; 32] = bytes(key).try_into().unwrap();
        let parsed = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
        assert!(parsed.is_weak());
        for digest in [[0u8; 32], [1; 32], [2; 32], [3; 32]] {
            let parsed_signature = ed25519_dalek::Signature::from_bytes(&signature);
            loose += u32::from(ed25519_dalek::Verifier::verify(&parsed, &digest, &parsed_signature).is_ok());
            assert!(!verify(&key, &digest, &signature));
        }
    }
    assert!(loose >= 4, "the loose rules take what is refused here");
}

/// s and s + L are one number; only the smaller is a signature, or a message would have two.
#[test]
fn a_second_signature_with_the_same_meaning_is_refused() {
    let order = bytes("edd3f55c1a631258d69cf7a2def9de14 00*15 10");
    let key = Key::rfc8032();
    let digest = [7u8; 32];
    let mut signature = key.sign(&digest);
    assert!(verify(&key.public_key(), &digest, &signature));
    let mut carry = 0u16;
    for (byte, add) in signature[32..].iter_mut().zip(&order) {
        let sum = u16::from(*byte) + u16::from(*add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!verify(&key.public_key(), &digest, &signature));
}

#[test]
fn bytes_that_are_no_key_verify_nothing() {
    let key = Key::rfc8032();
    let digest = [7u8; 32];
    let signature = key.sign(&digest);
    // No point has this y.
    assert!(!verify(&[0x02; 32], &digest, &signature));
    assert!(!verify(&key.public_key(), &[8; 32], &signature));
    assert!(!verify(&key.public_key(), &digest, &[0; 64]));
}
