//! Tests of the agreement: one bad agreement for each rule, what the digest covers, what the statement says.

mod digest;
mod rules;
mod signatures;
mod statement;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::time::Duration;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

/// A signer for tests.
pub(crate) struct Key(SigningKey);

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn text(&self) -> String {
        format!("ed25519:{}", Base64::encode_string(&wire::Signer::public_key(self)))
    }
}

impl wire::Signer for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, digest: &[u8]) -> [u8; 64] {
        self.0.sign(digest).to_bytes()
    }
}

pub(crate) fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

pub(crate) fn party(seed: u8, id: &str, roles: &[&str]) -> PartyDraft {
    PartyDraft {
        id: Some(id.into()),
        name: Some(format!("{} Ltd", id.to_uppercase())),
        roles: Some(strings(roles)),
        signing_key: Some(Key::new(seed).text()),
    }
}

/// Three parties with all roles and one computation of every kind of thing.
pub(crate) fn sample() -> AgreementDraft {
    let all = ["input", "compute", "result"];
    AgreementDraft {
        name: Some("northern-retail".into()),
        version: Some(3),
        parties: vec![party(1, "acme", &all), party(2, "birch", &all), party(3, "cedar", &all)],
        legal: Some(LegalDraft {
            purpose: Some("Benchmarking, schedule 2 of the contract".into()),
            retention: Some("Seven years".into()),
            ..LegalDraft::default()
        }),
        computations: vec![ComputationDraft {
            id: Some("pay".into()),
            title: Some("Pay by region".into()),
            sharing: Some(SharingDraft::Named("additive".into())),
            adversary: Some("semi-honest".into()),
            min_contributors: None,
            calendar: Some("quarter".into()),
            collect_for: Some(Duration::from_secs(7 * 86_400)),
            attempt_deadline: Some(Duration::from_secs(30)),
            give_up_after: Some(Duration::from_secs(14 * 86_400)),
            rows: Some(RowsDraft::Labels(strings(&["North", "South"]))),
            columns: vec![
                ColumnDraft {
                    name: Some("total pay".into()),
                    unit: Some("GBP".into()),
                    decimals: Some(2),
                    min: Some("-0.05".into()),
                    max: Some("50000000".into()),
                    statistics: Some(strings(&["mean", "sum"])),
                },
                ColumnDraft {
                    name: Some("headcount".into()),
                    unit: None,
                    decimals: Some(0),
                    min: Some("0".into()),
                    max: Some("1000000".into()),
                    statistics: Some(strings(&["sum"])),
                },
            ],
            ratios: vec![RatioDraft {
                name: Some("average pay".into()),
                numerator: Some("total pay".into()),
                denominator: Some("headcount".into()),
            }],
        }],
    }
}

/// A sample that was changed in some way and is still valid.
pub(crate) fn valid(change: impl FnOnce(&mut AgreementDraft)) -> Agreement {
    let mut draft = sample();
    change(&mut draft);
    draft.validate().unwrap()
}
