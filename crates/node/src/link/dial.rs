//! The side that dials: one loop for each party, idle while there is a link or no address.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::agreement::PartyIndex;
use rand::RngExt;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::{TlsConnector, TlsStream};

use super::greeting::{Established, Failed, answer, identify};
use super::limits::{BACKOFF_FIRST, BACKOFF_LAST, BACKOFF_RESET, CONNECT_DEADLINE, HANDSHAKE_DEADLINE};
use super::{RefusalReason, Shared, Stop, live};

/// Dials `peer` whenever there is an address and no link.
pub(super) async fn dial_loop(shared: Arc<Shared>, peer: PartyIndex, address: watch::Receiver<Option<String>>) {
    let mut stop = shared.stop.clone();
    let linked = shared.seats.linked(peer);
    let mut dialler = Dialler { shared, peer, address, linked, failures: 0, superseded: false };
    loop {
        // Stopping interrupts what comes before a link. A link that is up is drained.
        let established = tokio::select! {
            biased;
            _ = Stop::wait(&mut stop) => return,
            next = dialler.next() => next,
        };
        if let Some(established) = established {
            dialler.live(established).await;
        }
    }
}

struct Dialler {
    shared: Arc<Shared>,
    peer: PartyIndex,
    address: watch::Receiver<Option<String>>,
    linked: watch::Receiver<Option<u64>>,
    /// Dials in a row without a link that lived.
    failures: u32,
    /// The last dial ended without a word: the peer may have preferred its own.
    superseded: bool,
}

impl Dialler {
    /// Waits for the time to dial, dials once. None where no link came of it.
    async fn next(&mut self) -> Option<Established> {
        let address = self.due().await?;
        let config = tls::client_config(&self.shared.identity(), &self.shared.trust, self.shared.name(self.peer));
        let dial = dial(Arc::clone(&self.shared), self.peer, config, address.clone());
        let result = tokio::select! {
            biased;
            result = dial => result,
            // The party has moved: dial the new address at once.
            () = changed(&mut self.address) => {
                self.failures = 0;
                return None;
            }
        };
        match result {
            Ok(established) => {
                self.superseded = false;
                return Some(established);
            }
            Err(failed) => {
                self.failures = self.failures.saturating_add(1);
                self.report(address, failed).await;
            }
        }
        None
    }

    /// The address to dial, once it is time. None where something changed on the way.
    async fn due(&mut self) -> Option<String> {
        let was_linked = self.linked.borrow_and_update().is_some();
        if was_linked {
            let since = Instant::now();
            wait_for(&mut self.linked, Option::is_none).await;
            self.lived(since.elapsed());
        }
        wait_for(&mut self.address, Option::is_some).await;
        let address = self.address.borrow_and_update().clone()?;
        // Both ends notice the end of a link in the same moment: so the first dial is jittered as well.
        if was_linked || self.failures > 0 {
            let pause = rand::rng().random_range(Duration::ZERO..=backoff(self.failures));
            tokio::select! {
                biased;
                () = changed(&mut self.address) => {
                    self.failures = 0;
                    return None;
                }
                () = wait_for(&mut self.linked, Option::is_some) => return None,
                () = sleep(pause) => {}
            }
        }
        // A peer may have dialled meanwhile.
        let linked = self.linked.borrow().is_some();
        (!linked).then_some(address)
    }

    async fn live(&mut self, established: Established) {
        let since = Instant::now();
        live::run(&self.shared, established).await;
        self.lived(since.elapsed());
    }

    fn lived(&mut self, lived: Duration) {
        self.failures = if lived >= BACKOFF_RESET { 0 } else { self.failures.saturating_add(1) };
    }

    async fn report(&mut self, address: String, failed: Failed) {
        let linked = self.linked.borrow().is_some();
        match failed {
            Failed::Superseded => {}
            // Where both dial at once the peer drops one of the two without a word. Once is no news.
            Failed::Refused { reason: RefusalReason::NoHello, .. } if linked || !self.superseded => {
                self.superseded = true;
            }
            Failed::Refused { reason, .. } => {
                let name = self.shared.name(self.peer);
                self.shared.refused(address, Some(name), true, reason).await;
            }
        }
    }
}

/// Upper bound of the pause after so many failures.
fn backoff(failures: u32) -> Duration {
    BACKOFF_FIRST.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(BACKOFF_LAST)
}

async fn dial(
    shared: Arc<Shared>,
    peer: PartyIndex,
    config: Arc<ClientConfig>,
    address: String,
) -> Result<Established, Failed> {
    let name = shared.name(peer);
    let refused = |reason| Failed::of(name, reason);
    let sequence = shared.next_sequence();
    let connected = timeout(CONNECT_DEADLINE, TcpStream::connect(&address)).await;
    let tcp = connected
        .map_err(|_| refused(RefusalReason::no_answer()))?
        .map_err(|error| refused(RefusalReason::unreachable(&error)))?;
    // Votes are small and waited for. Where it fails the link is slower, no more.
    let _ = tcp.set_nodelay(true);
    let handshake = async {
        let remote = tcp.peer_addr().map_err(|error| refused(tls_reason(&error)))?;
        let stream = TlsConnector::from(config)
            .connect(tls::server_name(), tcp)
            .await
            .map_err(|error| refused(tls_reason(&error)))?;
        let stream = TlsStream::from(stream);
        let candidate = identify(&shared, &stream, true, sequence)?;
        answer(&shared, stream, remote, candidate).await
    };
    timeout(HANDSHAKE_DEADLINE, Box::pin(handshake)).await.unwrap_or_else(|_| Err(refused(RefusalReason::Late)))
}

fn tls_reason(error: &io::Error) -> RefusalReason {
    RefusalReason::Tls(tls::refusal_text(error))
}

/// Resolves once the value is so. A sender that is gone changes nothing any more.
async fn wait_for<T>(watched: &mut watch::Receiver<T>, so: impl FnMut(&T) -> bool) {
    if watched.wait_for(so).await.is_err() {
        std::future::pending().await
    }
}

/// Resolves at the next change after the value that was last looked at.
async fn changed<T>(watched: &mut watch::Receiver<T>) {
    if watched.changed().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_last() {
        assert_eq!(backoff(0), BACKOFF_FIRST);
        assert_eq!(backoff(1), BACKOFF_FIRST);
        assert_eq!(backoff(2), 2 * BACKOFF_FIRST);
        assert_eq!(backoff(5), 16 * BACKOFF_FIRST);
        assert_eq!(backoff(10), BACKOFF_LAST);
        assert_eq!(backoff(u32::MAX), BACKOFF_LAST);
    }
}
