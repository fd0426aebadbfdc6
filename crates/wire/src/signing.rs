//! Signatures: the signer is an argument, so that a simulation may use a cheap one.

use ed25519_dalek::{Signature, VerifyingKey};

/// Signs for one party.
///
/// # Security
/// A message handed to [`Signer::sign`] is a 32-byte labelled digest ([`sharing::hash`]), or a note about an audit log
/// (PROTOCOL 8.2), which is longer: so no two kinds of statement can be taken for one another.
pub trait Signer {
    /// Ed25519 public key.
    fn public_key(&self) -> [u8; 32];
    /// Signs a labelled digest, or a note.
    fn sign(&self, digest: &[u8]) -> [u8; 64];
}

/// How signatures are checked: by [`verify`], or in a simulation by what goes with its [`Signer`].
pub type Verify = fn(key: &[u8; 32], digest: &[u8], signature: &[u8; 64]) -> bool;

/// Whether `signature` over `digest` is `key`'s, by the strict rules: no small-order key, no malleable signature.
#[must_use]
pub fn verify(key: &[u8; 32], digest: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(digest, &Signature::from_bytes(signature)).is_ok())
}
