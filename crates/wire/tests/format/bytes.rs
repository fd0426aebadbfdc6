//! Byte-exact: a change of bytes here is a new protocol version and a line in the changelog.
//!
//! Integers are little-endian and of fixed width, a variant is four bytes, an option one, a list has its length in four
//! bytes before it. `d0*32` stands for 32 bytes 0xd0.

use wire::codec;
use wire::frame::Frame;

use crate::fixtures::{self, bytes, hex};

const BODIES: [(&str, &str); 22] = [
    ("propose", "00000000 03000000 706179 07000000 323032362d5133 01020304 02000000 0100 c1*64 0200 c2*64"),
    ("deal", "01000000 02000000 a1*32 a2*32 00"),
    ("deal-malicious", "01000000 02000000 a1*32 a2*32 01 cd*32"),
    ("share-seed", "02000000 d0*32 01 5a*32 00000000 5d*32"),
    ("share-elements", "02000000 d0*32 01 5a*32 01000000"),
    ("share-malicious", "02000000 d0*32 00 00000000 5d*32"),
    ("receipt", "03000000 d0*32"),
    ("dealt", "04000000 d0*32 02000000 0100 c1*64 0200 c2*64"),
    (
        "open",
        "05000000 01020304 02000000 0201 d1*32 0301 d2*32 02000000 0100 0200 \
         02000000 02000000 0100 c1*64 0200 c2*64 00000000 \
         02000000 0300 00000000 07000000 01 06000000 02000000 0201 d1*32 0301 d2*32 02000000 0100 0200 \
         02000000 0100 c1*64 0200 c2*64 c5*64 0400 01000000 00 c6*64",
    ),
    ("ready", "06000000 01000000 5e*32"),
    ("accept", "07000000 01000000 5e*32"),
    (
        "certificate",
        "08000000 02000000 02000000 0201 d1*32 0301 d2*32 02000000 0100 0200 02000000 0100 c1*64 0200 c2*64 \
         01000000 02000000 0100 c1*64 0200 c2*64",
    ),
    ("partial", "09000000 5e*32 b3*32"),
    ("outcome-result", "0a000000 01 0c*32"),
    ("outcome-bare", "0a000000 00"),
    ("decline", "0b000000 03000000 6ec3a9"),
    ("abandon", "0c000000 00000000"),
    (
        "close",
        "0d000000 00000000 07000000 01 06000000 02000000 0201 d1*32 0301 d2*32 02000000 0100 0200 \
         02000000 0100 c1*64 0200 c2*64",
    ),
    ("close-forever", "0d000000 01000000 00"),
    ("commitments", "0e000000 d0*32 02000000 e0e1 01000000 f0"),
    ("complaint-cell", "0f000000 0300 00000000 d0*32 01020304 7a*32 7b*32 02000000 7c*32 7d*32"),
    ("complaint-headers", "0f000000 0300 01000000 02000000 a1*32 a2*32 00 c7*64 02000000 a1*32 a2*32 01 cd*32 c8*64"),
];

const FRAMES: [(&str, &str); 14] = [
    (
        "hello",
        "94000000 01 0300 0b000000 736d70636420302e312e30 06000000 72657461696c 03000000 a9*32 \
         01000000 07000000 70617274696573 5c*32 01000000 04000000 61636d65 0102030405060708 \
         02000000 04000000 61636d65 01000000 62",
    ),
    ("message", "04000000 02 010203"),
    ("have", "65000000 03 11*32 02000000 e1*32 e2*32"),
    ("have-nothing", "25000000 03 11*32 00000000"),
    ("grant", "39000000 04 11*32 01000000 03000000 0200000000000000 0a00000000000000"),
    ("chunk", "3d000000 05 11*32 00000000 0102030405060708 ee*16"),
    ("card", "03000000 06 ca4d"),
    ("signature", "02000000 07 51"),
    ("ping", "01000000 08"),
    ("recall", "45000000 09 02000000 11*32 12*32"),
    ("pin", "37000000 0a a9*32 03000000 706179 07000000 323032362d5133 01020304"),
    ("recalled", "01000000 0b"),
    ("checkpoint", "55000000 0c 04000000 6e6f7465 0102030405060708 02000000 aa*32 bb*32"),
    ("seen", "09000000 0d 04000000 7365656e"),
];

/// Round, sender, recipient, body, signature. The key is that of RFC 8032, so the signature can be made elsewhere.
const TO_ALL: &str = "11*32 0102 00 28000000 06000000 01000000 5e*32 \
    545afdc7bbf7c91c6f72aacab259508ee2cfa4a2ccf30aad6ca2e741ace30dc0\
    5a56d698f1bae7c15f85925ac22c0f65d242d17598440ef10d643d9e232cf209";
const TO_ONE: &str = "11*32 0100 010304 24000000 03000000 d0*32 \
    9d91d8caa63137c1aaee96fcaaf802ffba8a706b44124da0063bdd4db9acc219\
    b68b9fae90cfffd053ab70a0294f30076d4d071e3426f2d6bc5b5cb3ab992801";

#[test]
fn every_body_has_these_bytes() {
    let bodies = fixtures::bodies();
    assert_eq!(bodies.len(), BODIES.len());
    for ((name, body), (expected_name, expected)) in bodies.into_iter().zip(BODIES) {
        assert_eq!(name, expected_name);
        assert_eq!(hex(&body.encode()), hex(&bytes(expected)), "{name}");
        assert_eq!(codec::decode::<wire::Body>(&bytes(expected)).unwrap(), body, "{name}");
    }
}

#[test]
fn every_kind_of_message_is_among_them() {
    let kinds: std::collections::BTreeSet<_> = fixtures::bodies().iter().map(|(_, body)| body.kind()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), wire::MessageKind::ALL);
    // A message's first byte is its place in the specification.
    for (place, kind) in wire::MessageKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, place, "{}", kind.name());
    }
}

#[test]
fn envelopes_have_these_bytes() {
    assert_eq!(hex(fixtures::sealed().bytes()), hex(&bytes(TO_ALL)));
    assert_eq!(hex(fixtures::sealed_to().bytes()), hex(&bytes(TO_ONE)));
}

#[test]
fn every_frame_has_these_bytes() {
    let frames = fixtures::frames();
    assert_eq!(frames.len(), FRAMES.len());
    for ((name, frame), (expected_name, expected)) in frames.into_iter().zip(FRAMES) {
        assert_eq!(name, expected_name);
        assert_eq!(hex(&frame.encode()), hex(&bytes(expected)), "{name}");
        assert_eq!(fixtures::read_frame(&bytes(expected)).unwrap(), frame, "{name}");
    }
    // A kind that is added needs its bytes above.
    let all = |frame: &Frame| match frame {
        Frame::Hello(_) | Frame::Message(_) | Frame::Have(_) | Frame::Grant(_) => (),
        Frame::Chunk { .. } | Frame::Card(_) | Frame::Signature(_) | Frame::Ping => (),
        Frame::Recall(_) | Frame::Pin(_) | Frame::Recalled => (),
        Frame::Checkpoint(_) | Frame::Seen(_) => (),
    };
    all(&Frame::Ping);
}

/// Made elsewhere: SHA-256 of label, agreement, computation, period and v, each behind its length in eight bytes.
#[test]
fn a_pin_names_its_round() {
    let id = "543952287f74b71cb2e90d0d2c67ff398cbb7aadb1c0f73bf4fc6524d548962d";
    assert_eq!(fixtures::pin().round().to_string(), id);
}
