//! A party's own certificate authority, and requests for a corporate one.
//!
//! ECDSA P-256 throughout: every TLS stack and every corporate authority takes it.

use core::fmt;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;
use webpki::EndEntityCert;
use zeroize::Zeroizing;

use crate::certificate::{CertificateFacts, CredentialError};
use crate::{is_id, spiffe_id};

/// Default life of an authority: ten years. Replacing it means a new card to everybody, and `certificates_since` and a
/// newer card end it sooner when needed.
pub const AUTHORITY_DAYS: u32 = 3_650;

/// Default life of a node's certificate: a year. Renewing is a person's task and a computation may run only once a
/// quarter, so a shorter life would mostly end links in the middle of a round. It is not what a stolen key is bounded by:
/// `certificates_since` cuts that off at once.
pub const CERTIFICATE_DAYS: u32 = 365;

/// A certificate begins five minutes before it is made, because a peer's clock may be that much behind.
pub const BACKDATE_SECONDS: u64 = 300;

/// A party's own certificate authority: its certificate, which the card carries, and its key.
///
/// # Security
/// Whoever holds the key can be this party on every link until a newer card is out. It is needed for renewing only, so
/// it may lie offline. It is wiped when dropped and never printed.
pub struct Authority {
    cert_pem: String,
    certificate: CertificateDer<'static>,
    not_after: u64,
    key: Zeroizing<KeyPair>,
}

/// A node's certificate and its new key.
pub struct Issued {
    /// The certificate, PEM.
    pub cert_pem: String,
    /// Its private key, PKCS#8 PEM.
    pub key_pem: Zeroizing<String>,
    /// Begin, in seconds since 1970. As `certificates_since` in the next card it cuts off all that were issued before.
    pub not_before: u64,
    /// End, in seconds since 1970; not after the authority's own.
    pub not_after: u64,
}

/// A request to a corporate authority and the key that its answer belongs to.
pub struct Requested {
    /// The request (PKCS#10), PEM.
    pub csr_pem: String,
    /// The private key, PKCS#8 PEM. It stays here.
    pub key_pem: Zeroizing<String>,
}

impl Authority {
    /// Makes an authority for one party. It may issue certificates of nodes and no further authorities.
    ///
    /// # Errors
    /// Names that are no ids; a validity that does not fit; a failing random source.
    pub fn create(consortium: &str, party: &str, now: u64, days: u32) -> Result<Authority, CredentialError> {
        let span = Span::from(now, days)?;
        let mut params = named(consortium, party, "authority")?;
        (params.not_before, params.not_after) = (span.not_before, span.not_after);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = Zeroizing::new(KeyPair::generate().map_err(making)?);
        let certificate = params.self_signed(&*key).map_err(making)?;
        Ok(Authority { cert_pem: certificate.pem(), certificate: certificate.der().clone(), not_after: span.end, key })
    }

    /// Loads one from the PEM texts of its certificate and its PKCS#8 key.
    ///
    /// # Errors
    /// Either cannot be read, they are no pair, or the certificate is not an authority's.
    pub fn from_pem(cert_pem: &str, key_pem: &str) -> Result<Authority, CredentialError> {
        let certificate =
            CertificateDer::from_pem_slice(cert_pem.as_bytes()).map_err(|_| CredentialError::NoCertificate)?;
        let facts = CertificateFacts::read(&certificate)?;
        if !facts.is_authority {
            return Err(CredentialError::NotAnAuthority);
        }
        // The library's reason is dropped: it comes from the bytes of a key.
        let key = Zeroizing::new(KeyPair::from_pem(key_pem).map_err(|_| CredentialError::NoKey)?);
        let parsed = EndEntityCert::try_from(&certificate)
            .map_err(|e| CredentialError::Certificate { reason: e.to_string() })?;
        if parsed.subject_public_key_info().as_ref() != key.subject_public_key_info().as_slice() {
            return Err(CredentialError::KeyMismatch);
        }
        Ok(Authority { cert_pem: cert_pem.to_owned(), certificate, not_after: facts.not_after, key })
    }

    /// The certificate, PEM.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The certificate, DER: what the card carries.
    pub fn cert_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key, PKCS#8 PEM. To be written with mode 0600, see [`crate::write_private`].
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.serialize_pem())
    }

    /// Issues a certificate for the party's node, with a new key, for both directions of a link.
    ///
    /// # Errors
    /// Names that are no ids; a validity that does not fit; the authority has expired.
    pub fn issue(&self, consortium: &str, party: &str, now: u64, days: u32) -> Result<Issued, CredentialError> {
        if now > self.not_after {
            return Err(CredentialError::AuthorityExpired);
        }
        // A certificate must not outlive its authority: peers would refuse it without a visible reason.
        let span = Span::from(now, days)?.ending_by(self.not_after)?;
        let mut params = node_params(consortium, party)?;
        (params.not_before, params.not_after) = (span.not_before, span.not_after);
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, &*self.key).map_err(making)?;
        let key = Zeroizing::new(KeyPair::generate().map_err(making)?);
        let certificate = params.signed_by(&*key, &issuer).map_err(making)?;
        Ok(Issued {
            cert_pem: certificate.pem(),
            key_pem: Zeroizing::new(key.serialize_pem()),
            not_before: span.begin,
            not_after: span.end,
        })
    }
}

/// A request for a node's certificate to an existing corporate authority, and the new key.
///
/// The authority must keep the one URI name, `spiffe://<consortium>/<party>`, and allow server and client
/// authentication.
///
/// # Errors
/// Names that are no ids; a failing random source.
pub fn signing_request(consortium: &str, party: &str) -> Result<Requested, CredentialError> {
    let params = node_params(consortium, party)?;
    let key = Zeroizing::new(KeyPair::generate().map_err(making)?);
    let request = params.serialize_request(&*key).map_err(making)?;
    Ok(Requested { csr_pem: request.pem().map_err(making)?, key_pem: Zeroizing::new(key.serialize_pem()) })
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("not_after", &self.not_after).field("key", &"<redacted>").finish()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("cert_pem", &self.cert_pem)
            .field("key_pem", &"<redacted>")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish()
    }
}

impl fmt::Debug for Requested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requested").field("csr_pem", &self.csr_pem).field("key_pem", &"<redacted>").finish()
    }
}

/// What a node's certificate has in common, whoever issues it.
fn node_params(consortium: &str, party: &str) -> Result<CertificateParams, CredentialError> {
    let mut params = named(consortium, party, "node")?;
    let uri = Ia5String::try_from(spiffe_id(consortium, party)).map_err(making)?;
    // PROTOCOL 6.1: exactly one URI.
    params.subject_alt_names = vec![SanType::URI(uri)];
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn named(consortium: &str, party: &str, role: &str) -> Result<CertificateParams, CredentialError> {
    for (what, value) in [("consortium", consortium), ("party", party)] {
        if !is_id(value) {
            return Err(CredentialError::NotAnId { what, value: value.to_owned() });
        }
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, consortium);
    params.distinguished_name.push(DnType::CommonName, format!("{party} {role}"));
    Ok(params)
}

/// From when to when, as numbers and as the library wants them.
struct Span {
    begin: u64,
    end: u64,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Span {
    fn from(now: u64, days: u32) -> Result<Span, CredentialError> {
        let end = now.checked_add(u64::from(days) * 86_400).ok_or(CredentialError::Validity)?;
        Span::between(now.saturating_sub(BACKDATE_SECONDS), end)
    }

    fn ending_by(self, limit: u64) -> Result<Span, CredentialError> {
        Span::between(self.begin, self.end.min(limit))
    }

    fn between(begin: u64, end: u64) -> Result<Span, CredentialError> {
        let moment = |seconds: u64| {
            i64::try_from(seconds)
                .ok()
                .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
                .ok_or(CredentialError::Validity)
        };
        Ok(Span { begin, end, not_before: moment(begin)?, not_after: moment(end)? })
    }
}

// By value, because it stands in `map_err`.
#[allow(clippy::needless_pass_by_value)]
fn making(error: rcgen::Error) -> CredentialError {
    CredentialError::Making { reason: error.to_string() }
}
