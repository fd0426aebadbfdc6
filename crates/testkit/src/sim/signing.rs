//! How parties sign in a simulation: with Ed25519, or with something that costs a hundredth of it.

use wire::{Signer, Verify};

use crate::consortium::Key;

/// How all parties of a plan sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// As in production.
    Ed25519,
    /// A hash of public key and digest. Anybody could make it: a simulated adversary is told not to.
    KeyedHash,
}

impl Signing {
    /// The signer of a party with that key.
    #[must_use]
    pub fn signer(self, key: &Key) -> PartySigner {
        match self {
            Self::Ed25519 => PartySigner::Ed25519(key.clone()),
            Self::KeyedHash => PartySigner::KeyedHash(key.public_key()),
        }
    }

    /// How such signatures are checked.
    #[must_use]
    pub fn verify(self) -> Verify {
        match self {
            Self::Ed25519 => wire::verify,
            Self::KeyedHash => |key, digest, signature| *signature == keyed_hash(key, digest),
        }
    }
}

/// Signs for one party of a simulation.
#[derive(Clone)]
pub enum PartySigner {
    /// With its key.
    Ed25519(Key),
    /// In the name of this public key.
    KeyedHash([u8; 32]),
}

impl Signer for PartySigner {
    fn public_key(&self) -> [u8; 32] {
        match self {
            Self::Ed25519(key) => key.public_key(),
            Self::KeyedHash(key) => *key,
        }
    }

    fn sign(&self, digest: &[u8]) -> [u8; 64] {
        match self {
            Self::Ed25519(key) => key.sign(digest),
            Self::KeyedHash(key) => keyed_hash(key, digest),
        }
    }
}

fn keyed_hash(key: &[u8; 32], digest: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&sharing::hash("smpcd/testkit/signature", &[key, digest]));
    signature
}
