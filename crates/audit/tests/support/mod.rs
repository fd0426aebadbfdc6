//! Logs and keys for tests.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod every;

use audit::{Checkpoint, Draft, Event, Line, LogKey, NoteSigner, SignedCheckpoint, Source, Time, Tree};
use ed25519_dalek::{Signer as _, SigningKey};

/// A signing key from one byte.
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn log(&self, party: &str) -> LogKey {
        LogKey::new("household-statistics", party, self.public_key())
    }
}

impl NoteSigner for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

/// Record `seq` of p1's log; another `salt` is another record in every case.
pub(crate) fn line(seq: u64, salt: u64) -> Line {
    let reason = format!("because of {salt}");
    let draft = match (seq ^ salt) % 4 {
        0 => Draft::new(Event::CardTakenIn { serial: salt, source: Source::Link }).peer("p2"),
        1 => Draft::new(Event::AbandonReceived { reason: reason.into() }).peer("p2"),
        2 => Draft::new(Event::LinkDown { reason: reason.into() }).peer("p3"),
        _ => Draft::new(Event::DaemonStopped { reason: reason.into() }),
    };
    let time = 1_700_000_000_000_000 + i64::try_from(seq).expect("small") * 1_000;
    draft.at(Time::from_micros(time)).number(seq, &"p1".into(), &"0.1.0".into()).to_line()
}

pub(crate) fn lines(records: u64, salt: u64) -> Vec<Line> {
    (1..=records).map(|seq| line(seq, salt.wrapping_add(seq * seq))).collect()
}

pub(crate) fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text.clone() + "\n").collect()
}

/// What an honest log says of its first `size` records.
pub(crate) fn checkpoint(lines: &[Line], size: usize) -> Checkpoint {
    signed(lines, size).checkpoint().clone()
}

pub(crate) fn signed(lines: &[Line], size: usize) -> SignedCheckpoint {
    let key = Key::new(1);
    let mut tree = Tree::default();
    lines[..size].iter().for_each(|line| tree.push(&line.text));
    SignedCheckpoint::sign(&key.log("p1"), tree.size(), tree.root(), &key)
}
