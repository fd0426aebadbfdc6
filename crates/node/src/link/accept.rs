//! The side that is dialled. Whoever connects is a stranger until its handshake is done.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::greeting::{Established, Failed, greet, identify};
use super::limits::{ACCEPT_PAUSE, HANDSHAKE_DEADLINE, MAX_HALF_OPEN};
use super::{RefusalReason, Shared, Stop, live};

/// Accepts until the node stops.
pub(super) async fn accept_loop(shared: Arc<Shared>, listener: TcpListener) {
    let half_open = Arc::new(HalfOpen::default());
    let mut stop = shared.stop.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = Stop::wait(&mut stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, remote)) => {
                let sequence = shared.next_sequence();
                let acceptor = TlsAcceptor::from(tls::server_config(&shared.identity(), &shared.trust));
                let evicted = half_open.enter(sequence);
                let accepting =
                    accept(Arc::clone(&shared), acceptor, tcp, remote, sequence, Arc::clone(&half_open), evicted);
                shared.spawn(accepting);
            }
            Err(error) => {
                // Out of file descriptors, or the peer is gone already. Live links go on.
                let reason = RefusalReason::Tls(format!("a connection could not be accepted: {error}"));
                shared.refused("?".to_owned(), None, false, reason).await;
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept(
    shared: Arc<Shared>,
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    remote: SocketAddr,
    sequence: u64,
    half_open: Arc<HalfOpen>,
    evicted: oneshot::Receiver<()>,
) {
    let mut stop = shared.stop.clone();
    let handshake = handshake(&shared, &acceptor, tcp, remote, sequence, &half_open);
    let result = tokio::select! {
        biased;
        _ = Stop::wait(&mut stop) => Err(Failed::Superseded),
        // Boxed: its buffers are gone once it is done, and the live link keeps none of them.
        result = timeout(HANDSHAKE_DEADLINE, Box::pin(handshake)) => result
            .unwrap_or(Err(Failed::Refused { party: None, reason: RefusalReason::Late })),
        Ok(()) = evicted => Err(Failed::Refused { party: None, reason: RefusalReason::Crowded }),
    };
    half_open.leave(sequence);
    match result {
        Ok(established) => {
            live::run(&shared, established).await;
        }
        Err(Failed::Refused { party, reason }) => {
            shared.refused(remote.to_string(), party.as_deref(), false, reason).await;
        }
        Err(Failed::Superseded) => tracing::debug!(target: "link", %remote, "an accepted connection was not needed"),
    }
}

async fn handshake(
    shared: &Shared,
    acceptor: &TlsAcceptor,
    tcp: TcpStream,
    remote: SocketAddr,
    sequence: u64,
    half_open: &HalfOpen,
) -> Result<Established, Failed> {
    // Votes are small and waited for. Where it fails the link is slower, no more.
    let _ = tcp.set_nodelay(true);
    let stream = acceptor.accept(tcp).await.map_err(|error| Failed::Refused {
        party: tls::refusal_in(&error).and_then(|refusal| refusal.claimed_party()).map(str::to_owned),
        reason: RefusalReason::Tls(tls::refusal_text(&error)),
    })?;
    let stream = TlsStream::from(stream);
    let candidate = identify(shared, &stream, false, sequence)?;
    greet(shared, stream, remote, candidate, || half_open.leave(sequence)).await
}

/// Connections that have not yet said Hello, oldest first.
///
/// Where there are too many the oldest goes: an honest handshake takes milliseconds, so it gets through a flood of
/// connections that say nothing, which would hold every place for the whole deadline otherwise.
#[derive(Default)]
struct HalfOpen(Mutex<VecDeque<(u64, oneshot::Sender<()>)>>);

impl HalfOpen {
    /// Takes a place. The receiver is told when the place is taken away.
    fn enter(&self, sequence: u64) -> oneshot::Receiver<()> {
        let (sender, evicted) = oneshot::channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_HALF_OPEN {
            // Its task may have ended in this moment.
            let _ = all.pop_front().map(|(_, oldest)| oldest.send(()));
        }
        all.push_back((sequence, sender));
        evicted
    }

    /// Gives the place back. False where it was taken away before.
    fn leave(&self, sequence: u64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = all.iter().position(|(other, _)| *other == sequence) else { return false };
        all.remove(at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_gives_way_and_a_place_given_back_is_free() {
        let half_open = HalfOpen::default();
        let mut places: Vec<_> = (0..MAX_HALF_OPEN as u64).map(|sequence| half_open.enter(sequence)).collect();
        assert!(half_open.leave(5));
        let _more = half_open.enter(100);
        assert!(places.iter_mut().all(|place| place.try_recv() != Ok(())), "there was room");
        let _more = half_open.enter(101);
        assert_eq!(places[0].try_recv(), Ok(()));
        assert!(!half_open.leave(0), "taken away");
        assert!(half_open.leave(1) && half_open.leave(100) && half_open.leave(101));
        assert_eq!(half_open.0.lock().unwrap().len(), MAX_HALF_OPEN - 3);
    }
}
