//! Who a peer is, decided by TLS alone (PROTOCOL 1.3 and 6.1).
//!
//! Each party is its own certificate authority ([`Authority`]) or names a corporate one ([`signing_request`]). The
//! authority's certificate stands in the party's card, and the cards make the [`Trust`]. A peer is whom the one URI
//! name in its certificate says, `spiffe://<consortium>/<party>`, and the certificate must verify up to the authority in
//! that party's card and to nothing else. [`PeerVerifier::identify`] is the only place where that is decided: both
//! directions of a handshake, the check of live links when a card changes, and a node's [`self_check`] all call it.
//!
//! What is assumed of an attacker: it owns the network, may be a party of the consortium with an authority of its own,
//! may hold another party's old TLS key, and may send any bytes as its certificates. So no authority may speak for
//! another party, texts from certificates are escaped before they are shown, and the length of a chain is bounded before
//! any path is built. Nothing is resumed: a resumed session would keep a trust that has since been withdrawn.

// A test may panic.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod authority;
mod certificate;
mod config;
mod explain;
mod identity;
mod key_file;
mod moment;
mod refusal;
mod trust;
mod verify;

pub use authority::{
    AUTHORITY_DAYS, Authority, BACKDATE_SECONDS, CERTIFICATE_DAYS, Issued, Requested, signing_request,
};
pub use certificate::{CertificateFacts, CredentialError, read_certificates, read_revocation_lists};
pub use config::{ALPN, client_config, key_exchange_name, server_config, server_name};
pub use explain::{error_text, refusal_in, refusal_text};
pub use identity::{NodeIdentity, self_check};
pub use key_file::{KeyFileError, check_private, read_private, write_private};
pub use moment::{EXPIRY_WARNING_DAYS, expiry_warning};
pub use refusal::{Refusal, Usage};
pub use trust::{SharedTrust, Trust, TrustedParty};
pub use verify::{MAX_CHAIN, PeerIdentity, PeerVerifier};

/// The longest id of a party or a consortium (every id is `[a-z0-9-]`, 1 to 32).
const MAX_ID: usize = 32;

/// The one name of a party in a certificate.
fn spiffe_id(consortium: &str, party: &str) -> String {
    format!("spiffe://{consortium}/{party}")
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
