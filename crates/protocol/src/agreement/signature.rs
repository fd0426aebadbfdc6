//! A party's signature on an agreement: a file, and a message that spreads between nodes by itself (PROTOCOL 6.2).
//!
//! Signatures arrive from anybody. One counts only for the agreement whose digest it covers and under the key that this
//! agreement gives to its party.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use wire::Signer;
use wire::codec::{self, Text};

use super::{Agreement, Digest};
use crate::armour::{self, ArmourError};

/// Name in the armour.
const ARMOUR: &str = "SMPCD SIGNATURE";
/// Label of what is signed. Binding: a signature under it can be nothing else.
const LABEL: &str = "smpcd/1/agreement";
/// Largest encoding, with room to spare.
const MAX_BYTES: usize = 512;

/// A party signed an agreement.
#[derive(Clone, PartialEq, Eq)]
pub struct AgreementSignature {
    /// Name of the agreement.
    pub name: String,
    /// Version of the agreement.
    pub version: u32,
    /// Digest of the agreement.
    pub agreement: Digest,
    /// Who signed.
    pub party: String,
    /// Ed25519.
    pub signature: [u8; 64],
}

/// Name, version, digest, party, signature. A change of it is a change of [`LABEL`].
type Encoded = (Text<32>, u32, [u8; 32], Text<32>, [u8; 64]);

impl AgreementSignature {
    /// Signs an agreement for one of its parties.
    ///
    /// # Errors
    /// [`SignatureError::NoSuchParty`] and [`SignatureError::OtherKey`]: a signature that cannot count is not made.
    pub fn sign(agreement: &Agreement, party: &str, signer: &dyn Signer) -> Result<Self, SignatureError> {
        let key = key_of(agreement, party)?;
        if key != signer.public_key() {
            return Err(SignatureError::OtherKey { party: party.into() });
        }
        let mut signed = Self {
            name: agreement.name().into(),
            version: agreement.version(),
            agreement: agreement.digest(),
            party: party.into(),
            signature: [0; 64],
        };
        signed.signature = signer.sign(&signed.message());
        Ok(signed)
    }

    /// What the signature covers: a labelled digest of name, version, digest and party.
    #[must_use]
    pub fn message(&self) -> [u8; 32] {
        let parts = [self.name.as_bytes(), &self.version.to_le_bytes(), &self.agreement.0, self.party.as_bytes()];
        sharing::hash(LABEL, &parts)
    }

    /// Whether it was made with that key, by the strict rules.
    #[must_use]
    pub fn verify(&self, key: &[u8; 32]) -> bool {
        wire::verify(key, &self.message(), &self.signature)
    }

    /// Whether it counts for this agreement.
    ///
    /// # Errors
    /// [`SignatureError`] where it is of another agreement, of nobody in it, or not made with the party's key.
    pub fn verify_for(&self, agreement: &Agreement) -> Result<(), SignatureError> {
        if self.agreement != agreement.digest() || self.name != agreement.name() || self.version != agreement.version()
        {
            return Err(SignatureError::OtherAgreement {
                party: self.party.clone(),
                name: self.name.clone(),
                version: self.version,
                digest: self.agreement,
            });
        }
        let key = key_of(agreement, &self.party)?;
        if self.verify(&key) { Ok(()) } else { Err(SignatureError::Forged { party: self.party.clone() }) }
    }

    /// Canonical bytes, as they travel.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Ids of a validated agreement fit; what does not fit was never one and verifies nowhere.
        let (name, party) = (Text::truncated(&self.name), Text::truncated(&self.party));
        let encoded: Encoded = (name, self.version, self.agreement.0, party, self.signature);
        codec::encode(&encoded)
    }

    /// Reads the canonical bytes. The signature is not yet verified: that needs an agreement.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() > MAX_BYTES {
            return Err(SignatureError::Malformed);
        }
        let (name, version, agreement, party, signature): Encoded =
            codec::decode(bytes).map_err(|_| SignatureError::Malformed)?;
        if !super::is_id(&name) || !super::is_id(&party) {
            return Err(SignatureError::Malformed);
        }
        let (name, party) = (String::from(&*name), String::from(&*party));
        Ok(Self { name, version, agreement: Digest(agreement), party, signature })
    }

    /// As a file, with lines for people before the armour.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let lines = alloc::format!(
            "Signature of {} on agreement {}, version {}\n{}\n",
            self.party,
            self.name,
            self.version,
            self.agreement
        );
        armour::encode(ARMOUR, &lines, &self.to_bytes())
    }

    /// Reads a file. Lines outside of the armour are for people and are ignored.
    ///
    /// # Errors
    /// [`SignatureError::Armour`] and [`SignatureError::Malformed`].
    pub fn from_pem(text: &str) -> Result<Self, SignatureError> {
        Self::from_bytes(&armour::decode(ARMOUR, text, MAX_BYTES)?)
    }
}

impl fmt::Debug for AgreementSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signature of {} on {} version {} ({})", self.party, self.name, self.version, self.agreement)
    }
}

fn key_of(agreement: &Agreement, party: &str) -> Result<[u8; 32], SignatureError> {
    let party_of = |p: &&super::Party| p.id == party;
    agreement
        .parties()
        .iter()
        .find(party_of)
        .map(|p| p.signing_key)
        .ok_or_else(|| SignatureError::NoSuchParty { party: party.into() })
}

/// A signature was not made or does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature file.
    #[error("not a signature file: {0}")]
    Armour(#[from] ArmourError),
    /// The bytes are not a signature in its one encoding.
    #[error("not a signature on an agreement; ask its party to send it again")]
    Malformed,
    /// The party is not in the agreement.
    #[error("there is no party '{party}' in the agreement")]
    NoSuchParty {
        /// The party.
        party: String,
    },
    /// The key at hand is not the one that the agreement gives to the party.
    #[error(
        "the signing key at hand is not the one that the agreement gives to '{party}'; \
         put this party's public key into the agreement (see `smpcd card show`) or use the key that is in it"
    )]
    OtherKey {
        /// The party.
        party: String,
    },
    /// It is a signature on another agreement or version.
    #[error("'{party}' signed another agreement: {name} version {version}, {digest}; it has to sign this one")]
    OtherAgreement {
        /// Who signed.
        party: String,
        /// The name it signed.
        name: String,
        /// The version it signed.
        version: u32,
        /// The digest it signed.
        digest: Digest,
    },
    /// The signature does not verify under the party's key.
    #[error("the signature of '{party}' is not made with its key in the agreement; ask that party to sign again")]
    Forged {
        /// Who is said to have signed.
        party: String,
    },
}
