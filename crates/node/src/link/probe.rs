//! One look at a peer: dial, shake hands, read its Hello, and say nothing. It disturbs no live link: an acceptor counts none
//! before it has heard the dialler's Hello (PROTOCOL 6.2).

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tls::{NodeIdentity, PeerVerifier, SharedTrust, Trust, Usage};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wire::link::Hello;

use super::RefusalReason;
use super::frames::{Greeting, read_hello};
use super::limits::HANDSHAKE_DEADLINE;
use super::seats::unix_now;

/// How long a peer that is looked at may take to let itself be connected.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a peer has shown of itself.
#[derive(Debug)]
pub struct Probed {
    /// Where it answered.
    pub remote: SocketAddr,
    /// Key exchange of the handshake.
    pub key_exchange: &'static str,
    /// End of its certificate, in seconds since 1970.
    pub certificate_not_after: u64,
    /// What it says first.
    pub greeting: Greeted,
    /// When that was.
    pub at: SystemTime,
}

/// What a peer says first to who dials it.
#[derive(Debug)]
pub enum Greeted {
    /// Its Hello.
    Hello(Box<Hello>),
    /// The version of the protocol that it speaks, which is another one.
    OtherVersion(u16),
    /// Nothing: it has a live link with this party and keeps to that.
    Nothing,
}

/// How far it came.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The name has no address.
    #[error("the name cannot be resolved: {0}")]
    Name(String),
    /// Nothing answers there.
    #[error("{0}")]
    Unreachable(RefusalReason),
    /// The handshake failed, at either side.
    #[error("{0}")]
    Refused(RefusalReason),
}

/// Looks at `party` at `address`, as this node would dial it.
///
/// # Errors
/// [`ProbeError`], which says how far it came.
pub async fn probe(identity: &NodeIdentity, trust: &Trust, party: &str, address: &str) -> Result<Probed, ProbeError> {
    let found = lookup_host(address).await.map_err(|error| ProbeError::Name(error.to_string()))?;
    let addresses: Vec<SocketAddr> = found.collect();
    let connected = timeout(PATIENCE, TcpStream::connect(&addresses[..])).await;
    let tcp = connected
        .map_err(|_| ProbeError::Unreachable(RefusalReason::no_answer()))?
        .map_err(|error| ProbeError::Unreachable(RefusalReason::unreachable(&error)))?;
    let shared = SharedTrust::new(trust.clone());
    let config = tls::client_config(identity, &shared, party);
    let refused = |error: &std::io::Error| ProbeError::Refused(RefusalReason::Tls(tls::refusal_text(error)));
    let look = async {
        let remote = tcp.peer_addr().map_err(|error| refused(&error))?;
        let mut stream =
            TlsConnector::from(config).connect(tls::server_name(), tcp).await.map_err(|error| refused(&error))?;
        let connection = stream.get_ref().1;
        let key_exchange = tls::key_exchange_name(connection);
        let peer = PeerVerifier::new(shared).peer(connection, unix_now(), Usage::Server);
        let peer = peer.map_err(|refusal| ProbeError::Refused(RefusalReason::Tls(refusal.to_string())))?;
        let greeting = match read_hello(&mut stream, HANDSHAKE_DEADLINE).await {
            Ok(Greeting::Hello(hello)) => Greeted::Hello(Box::new(hello)),
            Ok(Greeting::OtherVersion(version)) => Greeted::OtherVersion(version),
            Err(error) => match RefusalReason::instead_of_hello(error) {
                // A refused certificate is an alert, and no end without a word.
                RefusalReason::NoHello => Greeted::Nothing,
                reason => return Err(ProbeError::Refused(reason)),
            },
        };
        let (certificate_not_after, at) = (peer.not_after, SystemTime::now());
        Ok(Probed { remote, key_exchange, certificate_not_after, greeting, at })
    };
    let late = |_| Err(ProbeError::Refused(RefusalReason::Late));
    timeout(HANDSHAKE_DEADLINE, Box::pin(look)).await.unwrap_or_else(late)
}
