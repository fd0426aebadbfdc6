//! One value of every kind of message and frame, with bytes that tell fields apart.
#![allow(clippy::unwrap_used)] // Fixtures, where a failure is to fail the test.

use ed25519_dalek::{Signer as _, SigningKey};
use wire::frame::{Frame, FrameError, Header, Limits};
use wire::link::{BulkId, BulkKind, CardSerial, Checkpoint, Grant, Have, Hello, Pin, Recall, SectionDigest, Seen};
use wire::message::{Closing, Lock, Until, Votes};
use wire::{
    Body, DealingDigest, Grievance, MAX_PARTIES, RoundId, Sealed, Secret32, Seq, Set, SetDigest, SetEntry,
    ShareContent, SignedHeader, Signer, Text, Vote,
};
use zeroize::Zeroizing;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads digits; `d0*32` stands for 32 bytes 0xd0.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let digits = |text: &str| -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    };
    let word = |word: &str| match word.split_once('*') {
        Some((byte, times)) => digits(byte).repeat(times.parse().unwrap()),
        None => digits(word),
    };
    text.split_whitespace().flat_map(word).collect()
}

/// Reads one frame as a node does: header, then payload.
pub(crate) fn read_frame(bytes: &[u8]) -> Result<Frame, FrameError> {
    let (header, payload) = bytes.split_first_chunk().unwrap();
    // Before Hello nothing else is taken, and after it no second one.
    let limits = (header[4] != 1).then_some(&LIMITS);
    let header = Header::parse(header, limits)?;
    assert_eq!(header.payload(), payload.len());
    header.decode(Zeroizing::new(payload.to_vec()))
}

/// Limits of a small agreement.
pub(crate) const LIMITS: Limits = Limits { chunk: 64, commitments: 0 };

/// The key of RFC 8032, 7.1, TEST 1.
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn rfc8032() -> Self {
        let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        Self(SigningKey::from_bytes(&seed.try_into().unwrap()))
    }

    pub(crate) fn other() -> Self {
        Self(SigningKey::from_bytes(&[5; 32]))
    }
}

impl Signer for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, digest: &[u8]) -> [u8; 64] {
        self.0.sign(digest).to_bytes()
    }
}

fn vote(party: u16) -> Vote {
    Vote { party, signature: [0xC0 + party.to_le_bytes()[0]; 64] }
}

fn votes() -> Votes {
    vec![vote(1), vote(2)].try_into().unwrap()
}

fn set() -> Set {
    let entry = |dealer, byte| SetEntry { dealer, dealing: DealingDigest([byte; 32]) };
    Set {
        dealings: vec![entry(0x0102, 0xD1), entry(0x0103, 0xD2)].try_into().unwrap(),
        holders: vec![1, 2].try_into().unwrap(),
    }
}

fn lock() -> Lock {
    Lock { attempt: 6, set: set(), readys: votes() }
}

fn shares() -> Seq<[u8; 32], MAX_PARTIES> {
    vec![[0xA1; 32], [0xA2; 32]].try_into().unwrap()
}

const DEALING: DealingDigest = DealingDigest([0xD0; 32]);
const SET: SetDigest = SetDigest([0x5E; 32]);

/// Every kind of body, and every variant within one.
pub(crate) fn bodies() -> Vec<(&'static str, Body)> {
    let share = |content| Body::Share { dealing: DEALING, salt: Some(Secret32([0x5A; 32])), content };
    vec![
        (
            "propose",
            Body::Propose {
                computation: "pay".try_into().unwrap(),
                period: "2026-Q3".try_into().unwrap(),
                voided: 0x0403_0201,
                proof: votes(),
            },
        ),
        ("deal", Body::Deal { shares: shares(), commitments: None }),
        ("deal-malicious", Body::Deal { shares: shares(), commitments: Some([0xCD; 32]) }),
        ("share-seed", share(ShareContent::Seed(Secret32([0x5D; 32])))),
        ("share-elements", share(ShareContent::Elements)),
        (
            "share-malicious",
            Body::Share { dealing: DEALING, salt: None, content: ShareContent::Seed(Secret32([0x5D; 32])) },
        ),
        ("receipt", Body::Receipt { dealing: DEALING }),
        ("dealt", Body::Dealt { dealing: DEALING, receipts: votes() }),
        (
            "open",
            Body::Open {
                attempt: 0x0403_0201,
                set: set(),
                receipts: vec![votes(), Votes::default()].try_into().unwrap(),
                closes: vec![
                    Closing { party: 3, until: Until::Attempt(7), lock: Some(lock()), signature: [0xC5; 64] },
                    Closing { party: 4, until: Until::Forever, lock: None, signature: [0xC6; 64] },
                ]
                .try_into()
                .unwrap(),
            },
        ),
        ("ready", Body::Ready { attempt: 1, set: SET }),
        ("accept", Body::Accept { attempt: 1, set: SET }),
        (
            "certificate",
            Body::Certificate { attempt: 2, set: set(), accepts: votes(), receipts: vec![votes()].try_into().unwrap() },
        ),
        ("partial", Body::Partial { set: SET, digest: [0xB3; 32] }),
        ("outcome-result", Body::Outcome { result: Some([0x0C; 32]) }),
        ("outcome-bare", Body::Outcome { result: None }),
        ("decline", Body::Decline { reason: Text::truncated("né") }),
        ("abandon", Body::Abandon { reason: Text::truncated("") }),
        ("close", Body::Close { until: Until::Attempt(7), lock: Some(lock()) }),
        ("close-forever", Body::Close { until: Until::Forever, lock: None }),
        (
            "commitments",
            Body::Commitments {
                dealing: DEALING,
                commitments: vec![0xE0, 0xE1].try_into().unwrap(),
                proofs: vec![0xF0].try_into().unwrap(),
            },
        ),
        (
            "complaint-cell",
            Body::Complaint {
                dealer: 3,
                grievance: Grievance::Cell {
                    dealing: DEALING,
                    cell: 0x0403_0201,
                    value: [0x7A; 32],
                    blinding: [0x7B; 32],
                    path: vec![[0x7C; 32], [0x7D; 32]].try_into().unwrap(),
                },
            },
        ),
        (
            "complaint-headers",
            Body::Complaint {
                dealer: 3,
                grievance: Grievance::Headers {
                    one: SignedHeader { shares: shares(), commitments: None, signature: [0xC7; 64] },
                    other: SignedHeader { shares: shares(), commitments: Some([0xCD; 32]), signature: [0xC8; 64] },
                },
            },
        ),
    ]
}

pub(crate) const ROUND: RoundId = RoundId([0x11; 32]);

/// A message to all.
pub(crate) fn sealed() -> Sealed {
    Sealed::sign(ROUND, 0x0201, None, Body::Ready { attempt: 1, set: SET }, &Key::rfc8032())
}

/// A message to one.
pub(crate) fn sealed_to() -> Sealed {
    Sealed::sign(ROUND, 1, Some(0x0403), Body::Receipt { dealing: DEALING }, &Key::rfc8032())
}

pub(crate) fn hello() -> Hello {
    Hello {
        protocol: wire::PROTOCOL_VERSION,
        software: Text::truncated("smpcd 0.1.0"),
        consortium: Text::truncated("retail"),
        agreement_version: 3,
        agreement: [0xA9; 32],
        sections: vec![SectionDigest { name: Text::truncated("parties"), digest: [0x5C; 32] }].try_into().unwrap(),
        cards: vec![CardSerial { party: Text::truncated("acme"), serial: 0x0807_0605_0403_0201 }].try_into().unwrap(),
        signed_by: vec![Text::truncated("acme"), Text::truncated("b")].try_into().unwrap(),
    }
}

pub(crate) fn pin() -> Pin {
    Pin {
        agreement: [0xA9; 32],
        computation: "pay".try_into().unwrap(),
        period: "2026-Q3".try_into().unwrap(),
        voided: 0x0403_0201,
    }
}

pub(crate) fn checkpoint() -> Checkpoint {
    let path = vec![[0xAA; 32], [0xBB; 32]].try_into().unwrap();
    Checkpoint { note: "note".try_into().unwrap(), since: 0x0807_0605_0403_0201, path }
}

/// Every kind of frame.
pub(crate) fn frames() -> Vec<(&'static str, Frame)> {
    let object = |kind| BulkId { round: ROUND, kind };
    let have = |messages: Vec<[u8; 32]>| Frame::Have(Have { round: ROUND, messages: messages.try_into().unwrap() });
    vec![
        ("hello", Frame::Hello(hello())),
        ("message", Frame::Message(Zeroizing::new(vec![1, 2, 3]))),
        ("have", have(vec![[0xE1; 32], [0xE2; 32]])),
        ("have-nothing", have(vec![])),
        ("grant", Frame::Grant(Grant { object: object(BulkKind::Partial), epoch: 3, next: 2, limit: 0x0A })),
        (
            "chunk",
            Frame::Chunk {
                object: object(BulkKind::Share),
                index: 0x0807_0605_0403_0201,
                elements: Zeroizing::new(vec![0xEE; 16]),
            },
        ),
        ("card", Frame::Card(vec![0xCA, 0x4D])),
        ("signature", Frame::Signature(vec![0x51])),
        ("ping", Frame::Ping),
        ("recall", Frame::Recall(Recall { ended: vec![ROUND, RoundId([0x12; 32])].try_into().unwrap() })),
        ("pin", Frame::Pin(pin())),
        ("recalled", Frame::Recalled),
        ("checkpoint", Frame::Checkpoint(checkpoint())),
        ("seen", Frame::Seen(Seen { note: "seen".try_into().unwrap() })),
    ]
}
