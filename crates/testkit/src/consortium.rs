//! Throwaway consortia: agreements, keys, cards and certificates in memory.
//!
//! A [`Blueprint`] is an agreement's draft with keys; its fields are public, so that a test changes what it is about and
//! leaves the rest. [`Blueprint::found`] adds what processes need: authorities, certificates, cards and signatures.

use core::time::Duration;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer as _, SigningKey};
use protocol::agreement::{
    Agreement, AgreementDraft, AgreementSignature, ColumnDraft, ComputationDraft, LegalDraft, PartyDraft, Problem,
    RowsDraft, SharingDraft,
};
use protocol::card::{Card, SignedCard};
use tls::{Authority, Issued};

use crate::dice::Dice;

/// Days that throwaway certificates are good for.
const DAYS: u32 = 30;

/// An Ed25519 key that follows from a seed.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    /// The key of that seed.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// As an agreement writes it: `ed25519:BASE64`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("ed25519:{}", Base64::encode_string(&wire::Signer::public_key(self)))
    }

    /// The secret bytes, for a key file of a process under test.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        self.0.to_bytes()
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

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key(<redacted>)")
    }
}

/// What a party of a blueprint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Contributes data.
    pub input: bool,
    /// Holds shares.
    pub compute: bool,
    /// Learns the output.
    pub result: bool,
}

impl Roles {
    /// All three.
    pub const ALL: Self = Self { input: true, compute: true, result: true };

    fn words(self) -> Vec<String> {
        let pairs = [(self.input, "input"), (self.compute, "compute"), (self.result, "result")];
        pairs.iter().filter(|(has, _)| *has).map(|(_, name)| (*name).to_owned()).collect()
    }
}

/// An agreement before its rules were checked, and the keys of its parties.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The draft.
    pub draft: AgreementDraft,
    /// The parties' signing keys, in agreement order.
    pub keys: Vec<Key>,
}

impl Blueprint {
    /// Parties `p0`, `p1` … with those roles and one computation `total` of one column, one row. Keys follow from `seed`.
    #[must_use]
    pub fn new(seed: u64, roles: &[Roles]) -> Self {
        let keys: Vec<Key> = (0..roles.len() as u64)
            .map(|party| {
                let parts: [&[u8]; 2] = [&seed.to_le_bytes(), &party.to_le_bytes()];
                Key::new(sharing::hash("smpcd/testkit/key", &parts))
            })
            .collect();
        let parties = roles.iter().zip(&keys).enumerate().map(|(i, (roles, key))| PartyDraft {
            id: Some(format!("p{i}")),
            name: Some(format!("Party {i} Ltd")),
            roles: Some(roles.words()),
            signing_key: Some(key.text()),
        });
        let draft = AgreementDraft {
            name: Some("testbed".into()),
            version: Some(1),
            parties: parties.collect(),
            legal: Some(LegalDraft { purpose: Some("A test".into()), ..LegalDraft::default() }),
            computations: vec![computation("total", 1, vec![column("amount", 0, "-1000", "1000")])],
        };
        Self { draft, keys }
    }

    /// The agreement, if the draft passes every rule.
    ///
    /// # Errors
    /// Every [`Problem`] of the draft.
    pub fn agreement(&self) -> Result<Agreement, Vec<Problem>> {
        self.draft.validate()
    }

    /// Everything that processes need, as of the unix time `now`.
    ///
    /// # Errors
    /// [`ConsortiumError`] where the draft breaks a rule or a certificate cannot be made.
    pub fn found(&self, now: u64) -> Result<Consortium, ConsortiumError> {
        let agreement = self.agreement().map_err(|problems| ConsortiumError::Draft(join(&problems)))?;
        let mut members = Vec::new();
        for (party, key) in agreement.parties().iter().zip(&self.keys) {
            let refused = |error: &dyn core::fmt::Display| ConsortiumError::Member(party.id.clone(), error.to_string());
            let authority = Authority::create(agreement.name(), &party.id, now, DAYS).map_err(|e| refused(&e))?;
            let issued = authority.issue(agreement.name(), &party.id, now, DAYS).map_err(|e| refused(&e))?;
            let signature = AgreementSignature::sign(&agreement, &party.id, key).map_err(|e| refused(&e))?;
            let member = Member {
                id: party.id.clone(),
                name: party.name.clone(),
                key: key.clone(),
                authority,
                issued,
                signature,
            };
            members.push(member);
        }
        Ok(Consortium { agreement, members })
    }
}

/// A column without a unit whose sum is released.
#[must_use]
pub fn column(name: &str, decimals: u8, min: &str, max: &str) -> ColumnDraft {
    ColumnDraft {
        name: Some(name.into()),
        unit: None,
        decimals: Some(i64::from(decimals)),
        min: Some(min.into()),
        max: Some(max.into()),
        statistics: Some(vec!["sum".into()]),
    }
}

/// An additive, semi-honest computation over so many unlabelled rows, with free period names.
#[must_use]
pub fn computation(id: &str, rows: u32, columns: Vec<ColumnDraft>) -> ComputationDraft {
    ComputationDraft {
        id: Some(id.into()),
        title: Some(format!("Computation {id}")),
        sharing: Some(SharingDraft::Named("additive".into())),
        adversary: Some("semi-honest".into()),
        min_contributors: None,
        calendar: Some("any".into()),
        collect_for: Some(Duration::from_secs(20)),
        attempt_deadline: Some(Duration::from_secs(2)),
        give_up_after: Some(Duration::from_secs(120)),
        rows: Some(RowsDraft::Count(i64::from(rows))),
        columns,
        ratios: Vec::new(),
    }
}

/// An agreement that everybody signed, and everybody's credentials.
pub struct Consortium {
    /// The agreement.
    pub agreement: Agreement,
    /// The parties, in agreement order.
    pub members: Vec<Member>,
}

/// One party's credentials.
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// It signs messages, cards and the agreement with this.
    pub key: Key,
    /// Its own certificate authority.
    pub authority: Authority,
    /// A node's certificate and key.
    pub issued: Issued,
    /// Its signature on the agreement.
    pub signature: AgreementSignature,
}

impl Member {
    /// Its card, with the address where it listens.
    ///
    /// # Errors
    /// [`ConsortiumError`] where the address is none.
    pub fn card(&self, consortium: &str, serial: u64, address: Option<&str>) -> Result<SignedCard, ConsortiumError> {
        let card = Card {
            consortium: consortium.into(),
            party: self.id.clone(),
            name: self.name.clone(),
            serial,
            signing_key: wire::Signer::public_key(&self.key),
            authority_der: self.authority.cert_der().to_vec(),
            address: address.map(Into::into),
            certificates_since: None,
        };
        SignedCard::sign(card, &self.key).map_err(|e| ConsortiumError::Member(self.id.clone(), e.to_string()))
    }
}

/// A throwaway consortium could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsortiumError {
    /// The draft breaks rules.
    #[error("the draft is not an agreement: {0}")]
    Draft(String),
    /// A party's credentials could not be made.
    #[error("{0}: {1}")]
    Member(String, String),
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Random figures for a table of `rows` rows: within the bounds of their columns, row by row.
pub fn figures(dice: &mut Dice, columns: &[sharing::Column], rows: u64) -> Vec<i128> {
    (0..rows).flat_map(|_| columns.iter()).map(|column| dice.value(column.min, column.max)).collect()
}
