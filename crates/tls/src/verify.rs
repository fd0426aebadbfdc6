//! The one decision on who a peer is (PROTOCOL 1.3 and 6.1), behind both directions of rustls.
//!
//! The certificate's bytes are a stranger's until the chain is verified; nothing is allocated or tried in proportion to
//! what they claim.

use core::time::Duration;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, CommonState, DigitallySignedStruct, DistinguishedName, OtherError, PeerIncompatible,
    SignatureScheme,
};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

use crate::certificate::CertificateFacts;
use crate::config::{ALPN, provider};
use crate::moment::{days_left, expiry_warning};
use crate::refusal::{Refusal, Usage, shown};
use crate::trust::{SharedTrust, TrustedParty};

/// The most certificates that are looked at: a node's and three intermediate authorities. A corporate chain has one or
/// two. Without a bound a stranger's chain of certificates with equal names keeps path building busy for seconds.
pub const MAX_CHAIN: usize = 4;

/// Who a peer is, verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerIdentity {
    /// The party, as in the trust.
    pub party: String,
    /// Begin of its certificate, in seconds since 1970.
    pub not_before: u64,
    /// End of its certificate, in seconds since 1970.
    pub not_after: u64,
    /// Serial number of its certificate, in lower-case hex.
    pub serial: String,
}

impl PeerIdentity {
    /// Whole days until the certificate ends; zero on the last day and after it.
    pub fn days_left(&self, now: u64) -> u64 {
        days_left(self.not_after, now)
    }

    /// The line to log when the certificate ends soon, see [`expiry_warning`].
    pub fn expiry_warning(&self, now: u64) -> Option<String> {
        expiry_warning(&format!("the certificate of {}", self.party), self.not_before, self.not_after, now)
    }
}

/// Judges certificates by the trust of the moment.
#[derive(Clone, Debug)]
pub struct PeerVerifier {
    trust: SharedTrust,
    /// The party that was dialled.
    expected: Option<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl PeerVerifier {
    /// Accepts every party of the trust.
    pub fn new(trust: SharedTrust) -> PeerVerifier {
        PeerVerifier { trust, expected: None, algorithms: provider().signature_verification_algorithms }
    }

    /// Accepts this party only: for dialling, where one knows whom one wants.
    #[must_use]
    pub fn expecting(mut self, party: &str) -> PeerVerifier {
        self.expected = Some(party.to_owned());
        self
    }

    /// Who presents this chain, the node's certificate first, at `now` (seconds since 1970).
    ///
    /// # Errors
    /// A [`Refusal`] that says what is wrong, whose it is and how to mend it.
    pub fn identify(&self, chain: &[CertificateDer<'_>], now: u64, usage: Usage) -> Result<PeerIdentity, Refusal> {
        let [first, intermediates @ ..] = chain else { return Err(Refusal::NoCertificate) };
        if chain.len() > MAX_CHAIN {
            return Err(Refusal::ChainTooLong { count: chain.len(), max: MAX_CHAIN });
        }
        let leaf = EndEntityCert::try_from(first).map_err(unreadable)?;
        let facts = CertificateFacts::of(&leaf).map_err(unreadable)?;

        // "A peer's SAN spiffe://<agreement>/<party> (exactly one URI) selects the card."
        let trust = self.trust.current();
        let claimed = claimed_party(&facts, &trust.consortium)?;
        let party = trust.party(claimed).ok_or_else(|| Refusal::UnknownParty { party: shown(claimed) })?;
        if let Some(expected) = self.expected.as_ref().filter(|expected| **expected != party.id) {
            return Err(Refusal::AnotherParty { expected: expected.clone(), presented: party.id.clone() });
        }

        let id = || party.id.clone();
        if facts.is_authority {
            return Err(Refusal::AuthorityAsNode { party: id() });
        }
        if now > facts.not_after {
            return Err(Refusal::Expired { party: id(), not_after: facts.not_after, now });
        }
        if now < facts.not_before {
            return Err(Refusal::NotYetValid { party: id(), not_before: facts.not_before, now });
        }

        // "The chain must verify up to the authority in that card and to nothing else, … not in its CRL."
        self.verify_chain(party, &leaf, intermediates, now, usage)?;

        // "Not older than its certificates_since."
        if let Some(since) = party.certificates_since.filter(|since| facts.not_before < *since) {
            return Err(Refusal::TooOld { party: id(), not_before: facts.not_before, since });
        }
        Ok(PeerIdentity { party: id(), not_before: facts.not_before, not_after: facts.not_after, serial: facts.serial })
    }

    /// Who is at the other end of a finished handshake; also the check of a live link when a newer card has come.
    ///
    /// `peer` is the side the *peer* has: [`Usage::Client`] on an accepted connection.
    ///
    /// # Errors
    /// As [`PeerVerifier::identify`], and [`Refusal::OtherApplication`] where the protocol was not agreed on.
    pub fn peer(&self, connection: &CommonState, now: u64, peer: Usage) -> Result<PeerIdentity, Refusal> {
        if connection.alpn_protocol() != Some(ALPN) {
            return Err(Refusal::OtherApplication);
        }
        self.identify(connection.peer_certificates().unwrap_or_default(), now, peer)
    }

    fn verify_chain(
        &self,
        party: &TrustedParty,
        leaf: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: u64,
        usage: Usage,
    ) -> Result<(), Refusal> {
        let unusable = |reason: String| Refusal::AuthorityUnusable { party: party.id.clone(), reason };
        let der = CertificateDer::from(party.authority_der.as_slice());
        let facts = CertificateFacts::read(&der).map_err(|e| unusable(e.to_string()))?;
        if !facts.is_authority {
            return Err(unusable("it is not an authority's certificate".to_owned()));
        }
        // webpki takes no heed of the validity of a trust anchor.
        if now > facts.not_after {
            return Err(Refusal::AuthorityExpired { party: party.id.clone(), not_after: facts.not_after });
        }
        let anchors = [anchor_from_trusted_cert(&der).map_err(|e| unusable(e.to_string()))?];

        let lists = party
            .crls
            .iter()
            .map(|list| BorrowedCertRevocationList::from_der(list).map(CertRevocationList::from))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Refusal::RevocationListUnusable { party: party.id.clone(), reason: e.to_string() })?;
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();

        let key_usage = match usage {
            Usage::Client => KeyUsage::client_auth(),
            Usage::Server => KeyUsage::server_auth(),
        };
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now));
        leaf.verify_for_usage(self.algorithms.all, &anchors, intermediates, at, key_usage, revocation(&lists), None)
            .map(|_path| ())
            .map_err(|error| chain_refusal(&party.id, usage, error))
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        usage: Usage,
    ) -> Result<(), rustls::Error> {
        let chain: Vec<CertificateDer<'_>> =
            core::iter::once(end_entity).chain(intermediates).map(|der| CertificateDer::from(der.as_ref())).collect();
        match self.identify(&chain, now.as_secs(), usage) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(CertificateError::Other(OtherError(Arc::new(refusal))).into()),
        }
    }

    /// The schemes that TLS 1.3 knows. The mapping also has those that sign certificates only.
    fn schemes(&self) -> Vec<SignatureScheme> {
        let tls13 = |scheme: &SignatureScheme| {
            !matches!(
                scheme,
                SignatureScheme::RSA_PKCS1_SHA1
                    | SignatureScheme::ECDSA_SHA1_Legacy
                    | SignatureScheme::RSA_PKCS1_SHA256
                    | SignatureScheme::RSA_PKCS1_SHA384
                    | SignatureScheme::RSA_PKCS1_SHA512
            )
        };
        self.algorithms.supported_schemes().into_iter().filter(tls13).collect()
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        // Host names say nothing here: the card's address may be any, the identity is the URI name.
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(end_entity, intermediates, now, Usage::Server).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for PeerVerifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    /// None: a stranger who connects shall not learn whose authorities are trusted.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.judge(end_entity, intermediates, now, Usage::Client).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

/// The party in the one URI name, which must be in our consortium.
fn claimed_party<'a>(facts: &'a CertificateFacts, consortium: &str) -> Result<&'a str, Refusal> {
    let name = match facts.uri_names.as_slice() {
        [] => return Err(Refusal::NoIdentity),
        [name] => name,
        several => return Err(Refusal::SeveralIdentities { count: several.len() }),
    };
    let (domain, party) = name
        .strip_prefix("spiffe://")
        .and_then(|rest| rest.split_once('/'))
        .ok_or_else(|| Refusal::NotAnIdentity { name: shown(name) })?;
    if domain != consortium {
        return Err(Refusal::OtherConsortium { presented: shown(domain), expected: consortium.to_owned() });
    }
    Ok(party)
}

/// A certificate whose issuer has a list is checked against it, on the whole way up; a list past its next update is not
/// believed. A certificate whose issuer has none is not in it.
fn revocation<'a>(lists: &'a [&'a CertRevocationList<'a>]) -> Option<RevocationOptions<'a>> {
    RevocationOptionsBuilder::new(lists).ok().map(|options| {
        options
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Allow)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build()
    })
}

// By value, because it stands in `map_err`.
#[allow(clippy::needless_pass_by_value)]
fn unreadable(error: webpki::Error) -> Refusal {
    Refusal::Unreadable { reason: error.to_string() }
}

fn chain_refusal(party: &str, usage: Usage, error: webpki::Error) -> Refusal {
    use webpki::Error;
    let party = party.to_owned();
    match error {
        // Another authority with the same name gives the wrong signature, or a key of another kind.
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Refusal::OtherAuthority { party },
        Error::CertRevoked => Refusal::Revoked { party },
        Error::CrlExpired { next_update, .. } => {
            Refusal::RevocationListExpired { party, next_update: next_update.as_secs() }
        }
        Error::InvalidCrlSignatureForPublicKey => {
            Refusal::RevocationListUnusable { party, reason: "it is not signed by that authority".to_owned() }
        }
        Error::IssuerNotCrlSigner => {
            Refusal::RevocationListUnusable { party, reason: "its issuer may not sign lists".to_owned() }
        }
        Error::RequiredEkuNotFoundContext(_) => Refusal::WrongUsage { party, usage },
        // The node's own certificate has been checked for these two before: it is an intermediate's.
        Error::CertExpired { .. } => Refusal::Chain { party, reason: "an intermediate has expired".to_owned() },
        Error::CertNotValidYet { .. } => {
            Refusal::Chain { party, reason: "an intermediate is not valid yet".to_owned() }
        }
        other => Refusal::Chain { party, reason: other.to_string() },
    }
}
