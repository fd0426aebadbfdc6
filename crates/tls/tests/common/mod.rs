//! A small consortium, hand-made wrong certificates, and real handshakes over an in-memory pipe.
// Each test binary uses its own part; a test may panic.
#![allow(dead_code, clippy::unwrap_used)]

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber,
};
use rustls::{ClientConfig, ServerConfig};
use time::OffsetDateTime;
use tls::{Authority, CertificateFacts, Issued, NodeIdentity, SharedTrust, Trust, TrustedParty};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

pub(crate) const CONSORTIUM: &str = "northern-retail";
pub(crate) const DAY: u64 = 86_400;

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) struct Party {
    pub(crate) id: &'static str,
    pub(crate) authority: Authority,
    pub(crate) issued: Issued,
}

impl Party {
    pub(crate) fn new(id: &'static str) -> Party {
        let authority = Authority::create(CONSORTIUM, id, now(), 3650).unwrap();
        let issued = authority.issue(CONSORTIUM, id, now(), 365).unwrap();
        Party { id, authority, issued }
    }

    pub(crate) fn identity(&self) -> NodeIdentity {
        NodeIdentity::from_pem(&self.issued.cert_pem, &self.issued.key_pem).unwrap()
    }

    pub(crate) fn card(&self) -> TrustedParty {
        TrustedParty {
            id: self.id.to_owned(),
            authority_der: self.authority.cert_der().to_vec(),
            certificates_since: None,
            crls: Vec::new(),
        }
    }

    /// The authority as the library of the tests wants it, to issue what ours never would.
    pub(crate) fn issuer(&self) -> Issuer<'static, KeyPair> {
        issuer(&self.authority)
    }
}

pub(crate) fn issuer(authority: &Authority) -> Issuer<'static, KeyPair> {
    Issuer::from_ca_cert_pem(authority.cert_pem(), KeyPair::from_pem(&authority.key_pem()).unwrap()).unwrap()
}

pub(crate) fn trust_of(cards: Vec<TrustedParty>) -> SharedTrust {
    SharedTrust::new(Trust { consortium: CONSORTIUM.to_owned(), parties: cards })
}

pub(crate) fn uri(name: &str) -> SanType {
    SanType::URI(name.to_owned().try_into().unwrap())
}

pub(crate) fn moment(seconds: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap()
}

/// The parameters of a right certificate, to be spoilt.
pub(crate) fn params(party: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "test");
    params.not_before = moment(now() - DAY);
    params.not_after = moment(now() + DAY);
    params.subject_alt_names = vec![uri(&format!("spiffe://{CONSORTIUM}/{party}"))];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

pub(crate) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = moment(now() - DAY);
    params.not_after = moment(now() + DAY);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// An identity with a certificate of these parameters, signed by this issuer.
pub(crate) fn identity(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> NodeIdentity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    NodeIdentity::from_pem(&certificate.pem(), &key.serialize_pem()).unwrap()
}

pub(crate) fn revocation_list(issuer: &Issuer<'_, KeyPair>, serials: &[String], next_update: u64) -> Vec<u8> {
    let revoked_certs = serials
        .iter()
        .map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&unhex(serial)),
            revocation_time: moment(now() - DAY),
            reason_code: None,
            invalidity_date: None,
        })
        .collect();
    let params = CertificateRevocationListParams {
        this_update: moment(now() - 2 * DAY),
        next_update: moment(next_update),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().der().to_vec()
}

pub(crate) fn serial(identity: &NodeIdentity) -> String {
    CertificateFacts::read(&identity.chain()[0]).unwrap().serial
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(crate) type Accepted = io::Result<server::TlsStream<DuplexStream>>;
pub(crate) type Dialled = io::Result<client::TlsStream<DuplexStream>>;

/// One handshake with one byte each way after it, as Hello would be: a dialler learns only then that it was refused.
pub(crate) async fn handshake(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> (Accepted, Dialled) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accept = async {
        let mut stream = TlsAcceptor::from(server).accept(near).await?;
        stream.write_all(b"s").await?;
        stream.flush().await?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        Ok(stream)
    };
    let dial = async {
        let mut stream = TlsConnector::from(client).connect(tls::server_name(), far).await?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        stream.write_all(b"c").await?;
        stream.flush().await?;
        Ok(stream)
    };
    tokio::join!(accept, dial)
}
