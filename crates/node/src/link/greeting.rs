//! From a finished TLS handshake to a live link: who the peer is, and both Hellos (PROTOCOL 6.2).
//!
//! The acceptor speaks first. In TLS 1.3 a dialler learns only at its first read that its certificate was refused, so it
//! sends nothing and counts no link before it has read the acceptor's Hello.

use std::net::SocketAddr;
use std::time::SystemTime;

use protocol::agreement::PartyIndex;
use tls::Usage;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use wire::frame::Frame;
use wire::link::Hello;

use super::frames::{Greeting, read_hello};
use super::limits::HANDSHAKE_DEADLINE;
use super::seats::{Candidate, Held, NoSeat, unix_now};
use super::{LinkInfo, RefusalReason, Shared};
use crate::book::{self, Difference};

/// A connection that has its seat, with both Hellos said.
pub(super) struct Established {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) held: Held,
    pub(super) hello: Hello,
    pub(super) info: LinkInfo,
}

/// No link, and perhaps nobody's fault.
pub(super) enum Failed {
    /// To be told.
    Refused {
        /// The party of the certificate.
        party: Option<String>,
        /// Why.
        reason: RefusalReason,
    },
    /// Another connection with the same peer is better.
    Superseded,
}

impl Failed {
    pub(super) fn of(party: &str, reason: RefusalReason) -> Self {
        Self::Refused { party: Some(party.to_owned()), reason }
    }
}

/// Who is at the other end of a finished handshake.
pub(super) fn identify(
    shared: &Shared,
    stream: &TlsStream<TcpStream>,
    dialled: bool,
    sequence: u64,
) -> Result<Candidate, Failed> {
    let connection = stream.get_ref().1;
    let usage = if dialled { Usage::Server } else { Usage::Client };
    let identity = shared.verifier.peer(connection, unix_now(), usage).map_err(|refusal| Failed::Refused {
        party: refusal.claimed_party().map(str::to_owned),
        reason: RefusalReason::Tls(refusal.to_string()),
    })?;
    let party = identity.party;
    let position = (0u16..).zip(&shared.parties).find(|(_, id)| **id == party).map(|(index, _)| PartyIndex(index));
    let Some(peer) = position else {
        return Err(Failed::of(&party, RefusalReason::NotInAgreement(party.clone())));
    };
    if peer == shared.me {
        return Err(Failed::of(&party, RefusalReason::Ourselves));
    }
    let chain = connection.peer_certificates().unwrap_or_default().to_vec();
    Ok(Candidate { peer, dialled, sequence, chain })
}

/// The acceptor's part, once the peer is known. `admitted` is asked when the handshake is over: no means that
/// the connection was dropped in the meantime.
pub(super) async fn greet(
    shared: &Shared,
    mut stream: TlsStream<TcpStream>,
    remote: SocketAddr,
    candidate: Candidate,
    admitted: impl FnOnce() -> bool,
) -> Result<Established, Failed> {
    if shared.seats.is_taken(&candidate) {
        return Err(Failed::Superseded);
    }
    let name = shared.name(candidate.peer);
    let ours = shared.hello();
    write_hello(&mut stream, &ours).await.map_err(|reason| Failed::of(name, reason))?;
    let hello = match receive(&mut stream, &ours).await {
        // The dialler has found a better connection, or its log says why.
        Err(RefusalReason::NoHello) => return Err(Failed::Superseded),
        received => received.map_err(|reason| Failed::of(name, reason))?,
    };
    if !admitted() {
        return Err(Failed::of(name, RefusalReason::Crowded));
    }
    let held = claim(shared, candidate.clone())?;
    Ok(established(stream, remote, held, hello, false))
}

/// The dialler's part, once the peer is known.
pub(super) async fn answer(
    shared: &Shared,
    mut stream: TlsStream<TcpStream>,
    remote: SocketAddr,
    candidate: Candidate,
) -> Result<Established, Failed> {
    let name = shared.name(candidate.peer);
    let ours = shared.hello();
    let refused = |reason| Failed::of(name, reason);
    let hello = match receive(&mut stream, &ours).await {
        Ok(hello) => hello,
        Err(reason) => {
            if let RefusalReason::Hello(_) = reason {
                // So that the acceptor can say as well in what the two differ.
                let _ = write_hello(&mut stream, &ours).await;
                let _ = stream.shutdown().await;
            }
            return Err(refused(reason));
        }
    };
    let held = claim(shared, candidate.clone())?;
    write_hello(&mut stream, &ours).await.map_err(refused)?;
    Ok(established(stream, remote, held, hello, true))
}

fn claim(shared: &Shared, candidate: Candidate) -> Result<Held, Failed> {
    let name = shared.name(candidate.peer);
    shared.seats.claim(candidate).map_err(|no| match no {
        NoSeat::Taken => Failed::Superseded,
        NoSeat::Distrusted(refusal) => Failed::of(name, RefusalReason::Tls(refusal.to_string())),
    })
}

fn established(
    stream: TlsStream<TcpStream>,
    remote: SocketAddr,
    held: Held,
    hello: Hello,
    dialled: bool,
) -> Established {
    let info = LinkInfo {
        generation: held.generation,
        remote,
        dialled,
        key_exchange: tls::key_exchange_name(stream.get_ref().1),
        certificate_not_after: held.identity.not_after,
        since: SystemTime::now(),
    };
    Established { stream, held, hello, info }
}

async fn write_hello<W: AsyncWrite + Unpin>(stream: &mut W, hello: &Hello) -> Result<(), RefusalReason> {
    let bytes = Frame::Hello(hello.clone()).encode();
    let written = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    written.await.map_err(|error| RefusalReason::Tls(tls::refusal_text(&error)))
}

/// Reads the peer's Hello and refuses one of another consortium or protocol. A differing agreement is no reason.
async fn receive<R: AsyncRead + Unpin>(stream: &mut R, ours: &Hello) -> Result<Hello, RefusalReason> {
    let hello = match read_hello(stream, HANDSHAKE_DEADLINE).await.map_err(RefusalReason::instead_of_hello)? {
        Greeting::Hello(hello) => hello,
        Greeting::OtherVersion(theirs) => {
            return Err(RefusalReason::Hello(Difference::Protocol { ours: wire::PROTOCOL_VERSION, theirs }));
        }
    };
    match book::difference(ours, &hello) {
        Some(difference) if difference.refuses_link() => Err(RefusalReason::Hello(difference)),
        _ => Ok(hello),
    }
}
