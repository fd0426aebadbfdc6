//! The node's own certificate and key, and the check of both before a port opens.

use core::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::certificate::{CredentialError, read_certificates};
use crate::config::provider;
use crate::refusal::{Refusal, Usage};
use crate::trust::SharedTrust;
use crate::verify::{PeerIdentity, PeerVerifier};

/// The node's certificate chain and the key to it. The key is never printed.
#[derive(Clone)]
pub struct NodeIdentity(Arc<CertifiedKey>);

impl NodeIdentity {
    /// Loads the chain, the node's own certificate first, and its key (PKCS#8, SEC1 or PKCS#1).
    ///
    /// That the two belong together, and that peers will accept them, is the business of [`self_check`].
    ///
    /// # Errors
    /// Either text holds nothing usable. The error never holds a part of the key.
    pub fn from_pem(chain_pem: &str, key_pem: &str) -> Result<NodeIdentity, CredentialError> {
        let chain = read_certificates(chain_pem)?.into_iter().map(CertificateDer::from).collect();
        // The library's reasons are dropped: they come from the bytes of a key. It wipes its copy itself.
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| CredentialError::NoKey)?;
        let key = provider().key_provider.load_private_key(key).map_err(|_| CredentialError::NoKey)?;
        Ok(NodeIdentity(Arc::new(CertifiedKey::new(chain, key))))
    }

    /// The chain, the node's own certificate first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    pub(crate) fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for NodeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeIdentity").field("certificates", &self.0.cert.len()).field("key", &"<redacted>").finish()
    }
}

/// Asks of the node's own certificate what every peer will ask of it, in both directions, and that the key belongs to it.
///
/// PROTOCOL 6.1: "A node verifies its own certificate with the same verifier before it opens a port." The trust must
/// hold the node's own card, which is also how a forgotten card or `certificates_since` comes to light here and not at
/// the peers.
///
/// # Errors
/// The [`Refusal`] that the peers would give, [`Refusal::NotOurs`] or [`Refusal::KeyMismatch`].
pub fn self_check(
    identity: &NodeIdentity,
    trust: &SharedTrust,
    party: &str,
    now: u64,
) -> Result<PeerIdentity, Refusal> {
    let verifier = PeerVerifier::new(trust.clone());
    let found = verifier.identify(identity.chain(), now, Usage::Server)?;
    verifier.identify(identity.chain(), now, Usage::Client)?;
    if found.party != party {
        return Err(Refusal::NotOurs { expected: party.to_owned(), presented: found.party });
    }
    identity.0.keys_match().map_err(|_| Refusal::KeyMismatch)?;
    Ok(found)
}
