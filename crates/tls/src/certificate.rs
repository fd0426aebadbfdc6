//! Reading certificates and revocation lists: what a certificate says of itself, before anything is believed.

use core::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use webpki::{BorrowedCertRevocationList, EndEntityCert, KeyUsage};

use crate::moment::{days_left, expiry_warning};

/// Why a certificate or key of our own cannot be made or loaded. Never holds any part of a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CredentialError {
    /// A name that may not stand in a certificate.
    #[error("{what} {value:?} is not an id: 1 to 32 characters of a-z, 0-9 and \"-\"")]
    NotAnId {
        /// "consortium" or "party".
        what: &'static str,
        /// The text given.
        value: String,
    },
    /// No certificate in the file.
    #[error("no certificate found; expected PEM with BEGIN CERTIFICATE, the node's own first")]
    NoCertificate,
    /// A certificate that does not parse.
    #[error("the certificate cannot be read ({reason}); copy the file again or issue it anew")]
    Certificate {
        /// What the parser says.
        reason: String,
    },
    /// No private key in the file.
    #[error(
        "no usable private key found; expected PEM with BEGIN PRIVATE KEY (ECDSA, Ed25519 or RSA), without a passphrase"
    )]
    NoKey,
    /// A key of another certificate.
    #[error("the private key does not belong to the certificate; the two files must be of one pair")]
    KeyMismatch,
    /// A certificate that may not issue.
    #[error("the certificate is not an authority's; expected the one that `smpcd init` wrote as certs/authority.crt")]
    NotAnAuthority,
    /// The authority has run out.
    #[error("the authority has expired; make a new one with `smpcd init` and send a new card to the other parties")]
    AuthorityExpired,
    /// A validity outside what certificates can say.
    #[error("the validity does not fit a certificate; check the clock and the number of days")]
    Validity,
    /// A revocation list that does not parse.
    #[error("no revocation list can be read ({reason}); expected PEM with BEGIN X509 CRL, or DER")]
    RevocationList {
        /// What the parser says.
        reason: String,
    },
    /// The key or certificate could not be made.
    #[error("the certificate could not be made ({reason})")]
    Making {
        /// What the library says.
        reason: String,
    },
}

/// What a certificate says of itself. **Nothing here is verified**: it serves for showing and for warnings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFacts {
    /// The URI names, as they stand there.
    pub uri_names: Vec<String>,
    /// Begin, in seconds since 1970.
    pub not_before: u64,
    /// End, in seconds since 1970.
    pub not_after: u64,
    /// Serial number in lower-case hex.
    pub serial: String,
    /// May issue certificates.
    pub is_authority: bool,
}

impl CertificateFacts {
    /// Reads one certificate (DER).
    ///
    /// # Errors
    /// [`CredentialError::Certificate`] when it does not parse or its validity makes no sense.
    pub fn read(der: &[u8]) -> Result<CertificateFacts, CredentialError> {
        let der = CertificateDer::from(der);
        let certificate = EndEntityCert::try_from(&der).map_err(unreadable)?;
        CertificateFacts::of(&certificate).map_err(unreadable)
    }

    pub(crate) fn of(certificate: &EndEntityCert<'_>) -> Result<CertificateFacts, webpki::Error> {
        let (not_before, not_after) = validity(certificate)?;
        let inside = probe(certificate, not_before);
        Ok(CertificateFacts {
            uri_names: certificate.valid_uri_names().map(str::to_owned).collect(),
            not_before,
            not_after,
            serial: certificate.serial().iter().map(|byte| format!("{byte:02x}")).collect(),
            is_authority: matches!(inside, Err(webpki::Error::CaUsedAsEndEntity)),
        })
    }

    /// Whole days until it ends; zero on the last day and after it.
    pub fn days_left(&self, now: u64) -> u64 {
        days_left(self.not_after, now)
    }

    /// The line to log when it ends soon, see [`expiry_warning`].
    pub fn expiry_warning(&self, what: &str, now: u64) -> Option<String> {
        expiry_warning(what, self.not_before, self.not_after, now)
    }
}

/// All certificates of a PEM text, DER, in their order.
///
/// # Errors
/// [`CredentialError::NoCertificate`] when there is none, [`CredentialError::Certificate`] when one is broken.
pub fn read_certificates(pem: &str) -> Result<Vec<Vec<u8>>, CredentialError> {
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let der = certificate.map_err(|e| CredentialError::Certificate { reason: e.to_string() })?;
        EndEntityCert::try_from(&der).map_err(unreadable)?;
        all.push(der.to_vec());
    }
    if all.is_empty() { Err(CredentialError::NoCertificate) } else { Ok(all) }
}

/// All revocation lists of a file, PEM or one DER, as DER.
///
/// # Errors
/// [`CredentialError::RevocationList`] when there is none or one does not parse: a list that was configured and cannot be
/// read must not be silently passed over.
pub fn read_revocation_lists(file: &[u8]) -> Result<Vec<Vec<u8>>, CredentialError> {
    let broken = |reason: String| CredentialError::RevocationList { reason };
    let mut all = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(file) {
        all.push(list.map_err(|e| broken(e.to_string()))?.to_vec());
    }
    if all.is_empty() {
        all.push(file.to_vec());
    }
    for list in &all {
        BorrowedCertRevocationList::from_der(list).map_err(|e| broken(e.to_string()))?;
    }
    Ok(all)
}

// By value, because it stands in `map_err`.
#[allow(clippy::needless_pass_by_value)]
fn unreadable(error: webpki::Error) -> CredentialError {
    CredentialError::Certificate { reason: error.to_string() }
}

/// Begin and end. webpki does not tell them, but its refusal at a time outside the validity does. So one parser reads
/// them, the same that later judges the certificate: a second one could be made to read another date.
fn validity(certificate: &EndEntityCert<'_>) -> Result<(u64, u64), webpki::Error> {
    let not_after = match probe(certificate, u64::MAX) {
        Err(webpki::Error::CertExpired { not_after, .. }) => not_after.as_secs(),
        Err(other) => return Err(other),
        Ok(never) => match never {},
    };
    let not_before = match probe(certificate, 0) {
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => not_before.as_secs(),
        // Valid at time 0, then: the oldest there is, which is the safe reading for `certificates_since`.
        Err(_) => 0,
        Ok(never) => match never {},
    };
    Ok((not_before, not_after))
}

/// Asks webpki for a path to no authority at all: it always fails, and the certificate's own properties come first.
fn probe(certificate: &EndEntityCert<'_>, at: u64) -> Result<core::convert::Infallible, webpki::Error> {
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    match certificate.verify_for_usage(&[], &[], &[], at, KeyUsage::server_auth(), None, None) {
        Err(error) => Err(error),
        // Not reachable without a trust anchor. Should it ever be, the certificate is refused.
        Ok(_) => Err(webpki::Error::UnknownIssuer),
    }
}
