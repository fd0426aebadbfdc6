//! Links: one TLS connection for a pair of parties, kept up while both are there (PROTOCOL 6).
//!
//! A link carries frames and remembers nothing. It says when it is up, hands on what arrives, says when it is down and
//! why; what was lost on the way is sent again on the next one (PROTOCOL 6.3). Who the peer is comes from its
//! certificate alone, judged by crate `tls` (PROTOCOL 1.3).
//!
//! What is assumed of an attacker: a stranger may open any number of connections and say anything on them; it costs
//! bounded memory and disturbs no live link. A peer may send any bytes after its handshake, stop reading, or dial
//! without end; that costs its own link at most. Somebody on the line may change, drop or hold bytes; TLS notices.

mod accept;
mod dial;
mod frames;
mod greeting;
mod limits;
mod live;
mod probe;
mod reason;
mod refusals;
mod seats;
mod sender;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use protocol::agreement::PartyIndex;
use tls::{NodeIdentity, PeerVerifier, Refusal, SharedTrust, Trust};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use wire::frame::{Frame, Limits};
use wire::link::Hello;

pub use probe::{Greeted, ProbeError, Probed, probe};
pub use reason::{CloseReason, RefusalReason};
pub use sender::{LinkSender, SendError};

use refusals::Refusals;
use seats::{Seats, unix_now};

/// What the links need to know.
pub struct LinkConfig {
    /// This party.
    pub party: PartyIndex,
    /// The ids of all parties in agreement order.
    pub parties: Vec<String>,
    /// Where to listen; a party without it only dials.
    pub listen: Option<SocketAddr>,
    /// The node's own certificate and key.
    pub identity: NodeIdentity,
    /// The cards of all parties, the own included.
    pub trust: Trust,
    /// What to say first on every connection.
    pub hello: Hello,
    /// `HOST:PORT` of each party in agreement order; the own is not looked at.
    pub addresses: Vec<Option<String>>,
    /// What may arrive on a link.
    pub limits: Limits,
}

/// What happens on the links. Between the Up and the Down of one generation come its frames, and no others.
#[derive(Debug)]
pub enum LinkEvent {
    /// A link is up. The one before it with this peer is down.
    Up {
        /// With whom.
        peer: PartyIndex,
        /// What the peer said.
        hello: Box<Hello>,
        /// The connection.
        info: LinkInfo,
        /// Sends on this very connection.
        sender: LinkSender,
    },
    /// A frame arrived: never a Hello and never a Ping.
    Frame {
        /// From whom, by its certificate.
        peer: PartyIndex,
        /// On which connection.
        generation: u64,
        /// What.
        frame: Frame,
    },
    /// A link is down.
    Down {
        /// With whom.
        peer: PartyIndex,
        /// Which connection.
        generation: u64,
        /// Why.
        reason: CloseReason,
    },
    /// No link came about. The like is told once in a while, with its count.
    Refused {
        /// The address that was dialled, or that dialled us.
        remote: String,
        /// The party dialled; where the other end dialled, the party that it claims to be, which proves nothing.
        party: Option<String>,
        /// Whether this node dialled.
        dialling: bool,
        /// Why, in words for the operator.
        reason: RefusalReason,
        /// How often since the link was last up.
        count: u64,
    },
}

/// A live connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// Its number at this node; it only grows.
    pub generation: u64,
    /// The other end.
    pub remote: SocketAddr,
    /// Whether this node dialled.
    pub dialled: bool,
    /// Key exchange of the handshake, such as `X25519MLKEM768`.
    pub key_exchange: &'static str,
    /// End of the peer's certificate, in seconds since 1970.
    pub certificate_not_after: u64,
    /// Since when.
    pub since: SystemTime,
}

/// The links did not start. Nothing is listening.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The peers would not accept the node's own certificate.
    #[error("this node's own certificate: {0}")]
    SelfCheck(#[from] Refusal),
    /// Somebody has the port.
    #[error("{address} is held by another process; stop it, or set another address at [listen] peers in node.toml")]
    Held {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; check [listen] peers in node.toml")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Whether the node is going on.
#[derive(Clone, Debug)]
enum Stop {
    /// It is.
    Running,
    /// No: write what waits, then close.
    Draining(String),
    /// No: close at once.
    Now,
}

impl Stop {
    /// Waits for the end to begin, and says why.
    async fn wait(stop: &mut watch::Receiver<Stop>) -> String {
        match stop.wait_for(|stop| !matches!(stop, Stop::Running)).await.as_deref() {
            Ok(Stop::Draining(reason)) => reason.clone(),
            _ => "it is going down".to_owned(),
        }
    }

    /// Waits for the end itself.
    async fn wait_now(stop: &mut watch::Receiver<Stop>) {
        // Without a sender nobody can let the node go on.
        let _ = stop.wait_for(|stop| matches!(stop, Stop::Now)).await;
    }
}

/// What all connections share.
struct Shared {
    me: PartyIndex,
    parties: Vec<String>,
    identity: Mutex<NodeIdentity>,
    trust: SharedTrust,
    verifier: PeerVerifier,
    hello: Mutex<Arc<Hello>>,
    limits: Limits,
    seats: Arc<Seats>,
    refusals: Refusals,
    events: mpsc::Sender<LinkEvent>,
    stop: watch::Receiver<Stop>,
    sequence: AtomicU64,
    tasks: watch::Sender<usize>,
}

/// The links of one node. Dropped, they are cut at once.
pub struct Links {
    shared: Arc<Shared>,
    addresses: Vec<watch::Sender<Option<String>>>,
    stop: watch::Sender<Stop>,
    local: Option<SocketAddr>,
}

impl Links {
    /// Checks the node's own certificate, listens, and begins to dial. Events go to `events`, which may be full for a
    /// while: the peers then wait.
    ///
    /// # Errors
    /// [`StartError`]; the certificate is judged before a port is opened.
    pub async fn start(config: LinkConfig, events: mpsc::Sender<LinkEvent>) -> Result<Self, StartError> {
        let LinkConfig { party: me, parties, listen, identity, trust, hello, addresses, limits } = config;
        let trust = SharedTrust::new(trust);
        // PROTOCOL 6.1: "A node verifies its own certificate with the same verifier before it opens a port."
        let name = parties.get(usize::from(me.0)).map_or("", String::as_str);
        let own = tls::self_check(&identity, &trust, name, unix_now())?;
        if let Some(warning) = own.expiry_warning(unix_now()) {
            tracing::warn!(target: "link", "{warning}");
        }
        let listener = match listen {
            Some(address) => Some(bind(address)?),
            None => None,
        };
        let local = listener.as_ref().and_then(|listener| listener.local_addr().ok());

        let (stop, stopped) = watch::channel(Stop::Running);
        let verifier = PeerVerifier::new(trust.clone());
        let shared = Arc::new(Shared {
            me,
            seats: Arc::new(Seats::new(
                me,
                parties.len(),
                limits::control_bytes(&limits, parties.len()),
                verifier.clone(),
            )),
            parties,
            identity: Mutex::new(identity),
            trust,
            verifier,
            hello: Mutex::new(Arc::new(hello)),
            limits,
            refusals: Refusals::default(),
            events,
            stop: stopped,
            sequence: AtomicU64::new(1),
            tasks: watch::Sender::new(0),
        });
        if let (Some(listener), Some(address)) = (listener, local) {
            tracing::info!(target: "link", %address, "listening for peers");
            shared.spawn(accept::accept_loop(Arc::clone(&shared), listener));
        }
        let mut senders = Vec::new();
        for index in 0..u16::try_from(shared.parties.len()).unwrap_or(u16::MAX) {
            let peer = PartyIndex(index);
            let (sender, address) = watch::channel(addresses.get(usize::from(index)).cloned().flatten());
            if peer != me {
                shared.spawn(dial::dial_loop(Arc::clone(&shared), peer, address));
            }
            senders.push(sender);
        }
        shared.spawn(recheck_loop(Arc::clone(&shared)));
        Ok(Self { shared, addresses: senders, stop, local })
    }

    /// Where peers are listened for, with the port that the system chose if it was left to it.
    #[must_use]
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Sends on the connection with `peer` that is live now. [`LinkEvent::Up`] has one for each connection.
    #[must_use]
    pub fn sender(&self, peer: PartyIndex) -> Option<LinkSender> {
        self.shared.seats.sender(peer)
    }

    /// From now on peers are judged by this. Live links are judged again, and those that fail are cut.
    pub fn set_trust(&self, trust: Trust) {
        self.shared.trust.replace(trust);
        self.shared.recheck();
    }

    /// From now on connections are made with this certificate and key, where the peers would accept them. Links that are up
    /// stay up.
    ///
    /// # Errors
    /// The [`Refusal`] that the peers would give; then nothing changes.
    pub fn set_identity(&self, identity: NodeIdentity) -> Result<(), Refusal> {
        let own = tls::self_check(&identity, &self.shared.trust, self.shared.name(self.shared.me), unix_now())?;
        if let Some(warning) = own.expiry_warning(unix_now()) {
            tracing::warn!(target: "link", "{warning}");
        }
        *self.shared.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity;
        Ok(())
    }

    /// The node's own certificate, DER, that connections are made with now.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        self.shared.identity().chain().first().map(|der| der.to_vec()).unwrap_or_default()
    }

    /// The addresses in the cards have changed. A changed one is dialled at once, where there is no link.
    pub fn set_addresses(&self, addresses: &[Option<String>]) {
        for (index, sender) in self.addresses.iter().enumerate() {
            let new = addresses.get(index).cloned().flatten();
            sender.send_if_modified(|old| {
                let changed = *old != new;
                *old = new;
                changed
            });
        }
    }

    /// What to say first on connections from now on.
    pub fn set_hello(&self, hello: Hello) {
        *self.shared.hello.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(hello);
    }

    /// Stops listening and dialling, writes what waits, closes the links. What is not written by `deadline` is lost here
    /// and sent again on the next link.
    pub async fn close(self, reason: &str, deadline: Duration) {
        self.stop.send_replace(Stop::Draining(reason.to_owned()));
        let mut tasks = self.shared.tasks.subscribe();
        if timeout(deadline, tasks.wait_for(|running| *running == 0)).await.is_err() {
            tracing::warn!(target: "link", "some links were not drained in time and are cut");
            self.stop.send_replace(Stop::Now);
            // Every wait in a task ends at once now.
            let _ = tasks.wait_for(|running| *running == 0).await;
        }
    }
}

impl Shared {
    /// Runs a task that [`Links::close`] waits for.
    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        struct Running(Arc<Shared>);
        impl Drop for Running {
            fn drop(&mut self) {
                self.0.tasks.send_modify(|running| *running -= 1);
            }
        }
        self.tasks.send_modify(|running| *running += 1);
        let running = Running(Arc::clone(self));
        tokio::spawn(async move {
            let _running = running;
            task.await;
        });
    }

    /// The certificate and key of the next connection.
    fn identity(&self) -> NodeIdentity {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hello(&self) -> Arc<Hello> {
        Arc::clone(&self.hello.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    fn name(&self, peer: PartyIndex) -> &str {
        self.parties.get(usize::from(peer.0)).map_or("?", String::as_str)
    }

    /// Waits for room in the events, unless the node goes down or nobody listens any more.
    async fn tell(&self, event: LinkEvent) -> bool {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            sent = self.events.send(event) => sent.is_ok(),
            () = Stop::wait_now(&mut stop) => false,
        }
    }

    /// Logs and tells that no link came about, if the like was not told just now.
    async fn refused(&self, remote: String, party: Option<&str>, dialling: bool, reason: RefusalReason) {
        let text = reason.to_string();
        let Some(count) = self.refusals.count(party, dialling, &text, Instant::now()) else { return };
        let who = party.unwrap_or("a stranger");
        if dialling {
            tracing::warn!(target: "link", remote, count, "no link to {who}: {text}");
        } else if party.is_some() {
            tracing::warn!(target: "link", remote, count, "refused who says to be {who}: {text}");
        } else {
            tracing::warn!(target: "link", remote, count, "refused {who}: {text}");
        }
        let event = LinkEvent::Refused { remote, party: party.map(str::to_owned), dialling, reason, count };
        if dialling {
            self.tell(event).await;
        } else {
            // Strangers must not keep anything waiting; the log has it.
            let _ = self.events.try_send(event);
        }
    }

    fn recheck(&self) {
        for (peer, refusal) in self.seats.recheck() {
            tracing::warn!(target: "link", "the link with {} is cut: {refusal}", self.name(peer));
        }
    }
}

/// A certificate may run out while its link lives.
async fn recheck_loop(shared: Arc<Shared>) {
    let mut stop = shared.stop.clone();
    loop {
        tokio::select! {
            _ = Stop::wait(&mut stop) => return,
            () = tokio::time::sleep(limits::RECHECK_EVERY) => shared.recheck(),
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = || {
        let socket = if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
        // A restarted node gets its port back although old connections still linger.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(limits::LISTEN_BACKLOG)
    };
    listen().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::Held { address },
        _ => StartError::Listen { address, source },
    })
}
