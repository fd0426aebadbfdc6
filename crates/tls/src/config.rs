//! The two rustls configurations (PROTOCOL 6.1): TLS 1.3 only, client certificates required, X25519MLKEM768 preferred, no
//! tickets, no resumption, no early data.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::ServerName;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{ClientConfig, CommonState, NamedGroup, ServerConfig};

use crate::identity::NodeIdentity;
use crate::trust::SharedTrust;
use crate::verify::PeerVerifier;

/// The protocol in the connection, agreed on in the handshake. A change of the frames that an older node cannot read is
/// another name.
pub const ALPN: &[u8] = b"smpcd/1";

/// For accepting connections from every party of the trust.
pub fn server_config(identity: &NodeIdentity, trust: &SharedTrust) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has TLS 1.3 suites and groups")
        .with_client_cert_verifier(Arc::new(PeerVerifier::new(trust.clone())))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified_key())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would keep an authority since removed (compare CVE-2025-23419).
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Early data can be replayed.
    config.max_early_data_size = 0;
    Arc::new(config)
}

/// For dialling `peer`: whoever else answers is refused before our certificate is sent.
pub fn client_config(identity: &NodeIdentity, trust: &SharedTrust, peer: &str) -> Arc<ClientConfig> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has TLS 1.3 suites and groups")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PeerVerifier::new(trust.clone()).expecting(peer)))
        .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified_key())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    // Nobody on the way needs to learn a name.
    config.enable_sni = false;
    Arc::new(config)
}

/// The name to hand to a TLS connector, which insists on one. It is neither sent nor checked.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from("peer.invalid").expect("it is a DNS name")
}

/// The key exchange of a finished handshake, for status and log: "X25519MLKEM768" where both ends are up to date.
pub fn key_exchange_name(connection: &CommonState) -> &'static str {
    match connection.negotiated_key_exchange_group().map(rustls::crypto::SupportedKxGroup::name) {
        Some(NamedGroup::X25519MLKEM768) => "X25519MLKEM768",
        Some(NamedGroup::X25519) => "X25519",
        Some(NamedGroup::secp256r1) => "secp256r1",
        Some(_) => "other",
        None => "none",
    }
}

/// The suites of aws-lc-rs, with the groups named here, so that a change of the library's defaults does not change them.
/// X25519 and P-256 stay for a peer behind a box that drops the larger ClientHello.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        kx_groups: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        ..aws_lc_rs::default_provider()
    })
}
