//! Whom a node trusts: the authorities in the newest cards. Replaceable while the node runs (PROTOCOL 6.1).

use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::CertificateDer;
use webpki::{BorrowedCertRevocationList, EndEntityCert};

/// What the newest card of a party says of its certificates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustedParty {
    /// The id of the party, as in the agreement.
    pub id: String,
    /// The certificate of its authority, DER.
    pub authority_der: Vec<u8>,
    /// Certificates with an earlier begin are refused; seconds since 1970.
    pub certificates_since: Option<u64>,
    /// Revocation lists, DER. A list speaks only for certificates of its own issuer, so a party may be given all of them.
    pub crls: Vec<Vec<u8>>,
}

/// All parties of a consortium, the node's own included: the self-check asks the same list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    /// The name of the agreement, which is the trust domain.
    pub consortium: String,
    /// One entry a party.
    pub parties: Vec<TrustedParty>,
}

impl Trust {
    /// The entry of a party.
    pub fn party(&self, id: &str) -> Option<&TrustedParty> {
        self.parties.iter().find(|party| party.id == id)
    }

    /// Whether a revocation list (DER) was issued by the authority of some party.
    ///
    /// One that was not is looked at only for certificates of an intermediate authority of that name. It is most often a
    /// wrong file in `tls.revoked`, worth a warning at start.
    pub fn covers(&self, revocation_list: &[u8]) -> bool {
        let Ok(list) = BorrowedCertRevocationList::from_der(revocation_list) else { return false };
        let list = webpki::CertRevocationList::from(list);
        self.parties.iter().any(|party| {
            let der = CertificateDer::from(party.authority_der.as_slice());
            EndEntityCert::try_from(&der).is_ok_and(|authority| authority.subject() == list.issuer())
        })
    }
}

/// A [`Trust`] that every verifier reads anew for each handshake, so that a newer card counts at once.
#[derive(Clone, Debug)]
pub struct SharedTrust(Arc<RwLock<Arc<Trust>>>);

impl SharedTrust {
    /// Starts with this trust.
    pub fn new(trust: Trust) -> SharedTrust {
        SharedTrust(Arc::new(RwLock::new(Arc::new(trust))))
    }

    /// The trust of this moment; it does not change in the hands of the caller.
    pub fn current(&self) -> Arc<Trust> {
        // The lock guards one pointer, which is whole even if a holder of the lock panicked.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on handshakes are judged by this one. Live links are the caller's to check again.
    pub fn replace(&self, trust: Trust) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
    }
}
