//! The daemon: everything around the protocol, in the order in which it may start (linkerd's lesson: credentials are
//! checked before a port opens).
//!
//! One thread, the hub, owns all rounds. It takes one event after another, commits what the protocol says must be on
//! disk, and only then acts (PROTOCOL 7). Links, jobs and admin calls run beside it and reach it through bounded queues.

mod agreement;
mod approval;
mod exports;
mod files;
mod hub;
mod identity;
mod notify;
mod once;
mod pauses;
mod peers;
mod people;
mod periods;
mod place;
mod progress;
mod proposals;
mod recovery;
mod resume;
mod rounds;
mod schedule;
mod stalls;
mod story;
#[cfg(test)]
mod tests;
mod turn;
mod witness;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::agreement::Agreement;
use tokio::sync::{mpsc, watch};
use wire::Signer;
use wire::frame::Limits;

use crate::admin::{self, ServeError};
use crate::book::{Book, BookError};
use crate::link::{LinkConfig, Links, StartError as LinkError};
use crate::seal::StorageKey;
use crate::settings::Settings;
use crate::store::{Store, StoreError};
use crate::supervisor::Supervisor;
use crate::vault::{Vault, VaultError};
pub use agreement::ReadAgreement;
use hub::Hub;
pub use once::Left;

/// Events of the links that wait for the hub. A frame is at most a megabyte, and mostly some hundred bytes.
const LINK_QUEUE: usize = 256;
/// Admin calls that wait for the hub.
const CALL_QUEUE: usize = 64;
/// How long the links may take to write what waits when the daemon stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What the daemon is started with.
pub struct Start {
    /// The settings of `node.toml`.
    pub settings: Settings,
    /// The agreement, validated.
    pub agreement: Agreement,
    /// The node's certificate and key.
    pub identity: tls::NodeIdentity,
    /// Signs for this party.
    pub signer: Box<dyn Signer + Send>,
    /// Seals what `data_dir` keeps.
    pub storage: StorageKey,
    /// Leave after one round.
    pub once: bool,
    /// Reads the agreement's file anew, when it was written.
    pub read_agreement: ReadAgreement,
    /// The service manager, to be told how the daemon fares.
    pub supervisor: Supervisor,
}

/// How a daemon ended that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// It was to leave after one round.
    Left(Left),
    /// There is another agreement and no round is open: to be started anew, in this process too.
    OtherAgreement,
}

/// The daemon did not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The store: held by another process, of another party, full.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealed files.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Cards, signatures or revocation lists.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Book(Vec<BookError>),
    /// The signing key is not the one in the agreement.
    #[error("{}: this key is not the signing_key of {party} in the agreement; put the right key there, or agree on a new version", path.display())]
    SigningKey {
        /// The key file.
        path: PathBuf,
        /// This party.
        party: String,
    },
    /// A round is open under another agreement.
    #[error(
        "{round} is still open under the agreement {theirs}, and agreement.toml is {ours}: put the agreement of that \
        round back and start again until it has ended there, or end it there with smpcd round abandon {round}"
    )]
    OtherAgreement {
        /// The round's address.
        round: String,
        /// Digest of the agreement that it is under.
        theirs: protocol::agreement::Digest,
        /// Digest of the agreement that the daemon was started with.
        ours: protocol::agreement::Digest,
    },
    /// The links: own certificate, port.
    #[error(transparent)]
    Links(#[from] LinkError),
    /// The admin socket.
    #[error(transparent)]
    Admin(#[from] ServeError),
}

/// Runs the daemon until `stop` is ready, or until another agreement is to take effect, then drains. `stop` says why. `ready`
/// is called once ports are open. A daemon that was to leave after one round says what became of it.
///
/// # Errors
/// [`DaemonError`] where it cannot start, or its store can no longer be written.
pub async fn run(
    start: Start,
    ready: impl FnOnce(Option<std::net::SocketAddr>),
    stop: impl Future<Output = &'static str>,
) -> Result<Ended, DaemonError> {
    let Start { settings, agreement, identity, signer, storage, once, read_agreement, supervisor } = start;
    give_way();
    let settings = Arc::new(settings);
    let book = Book::load(&settings, agreement).map_err(DaemonError::Book)?;
    let me = book.party();
    if book.agreement().party(me).is_none_or(|party| party.signing_key != signer.public_key()) {
        let (path, party) = (settings.signing_key.clone(), settings.party.clone());
        return Err(DaemonError::SigningKey { path, party });
    }
    let store = Store::open(&settings.data_dir, &storage, &settings.party)?;
    let vault = Vault::open(&settings.data_dir, &storage)?;
    let (link_events, link_queue) = mpsc::channel(LINK_QUEUE);
    let links = Links::start(
        LinkConfig {
            party: me,
            parties: book.agreement().parties().iter().map(|p| p.id.clone()).collect(),
            listen: settings.listen_peers,
            identity,
            trust: book.trust(),
            hello: book.hello(),
            addresses: book.addresses(),
            limits: limits(book.agreement()),
        },
        link_events,
    )
    .await?;
    let listening = links.local_address();
    let socket = admin::bind(&settings.admin_socket)?;
    let (calls, call_queue) = mpsc::channel(CALL_QUEUE);
    let (changes, changed) = watch::channel(0);
    let (stop_admin, admin_stopped) = watch::channel(false);
    let admin = tokio::spawn(admin::serve(socket, calls, changed, admin_stopped));

    let mut hub = Hub::new(Arc::clone(&settings), book, store, vault, signer, links, changes)?;
    hub.watch_agreement(read_agreement);
    if once {
        hub.once();
    }
    let (stop_hub, hub_stopped) = watch::channel(None);
    let handle = tokio::runtime::Handle::current();
    // A thread of its own: the hub commits to disk between events and must not hold up the links' tasks.
    let mut hub =
        tokio::task::spawn_blocking(move || handle.block_on(hub.run(link_queue, call_queue, hub_stopped, supervisor)));
    ready(listening);
    let ended = tokio::select! {
        ended = &mut hub => ended,
        why = stop => {
            tracing::info!(target: "daemon", reason = why, "stopping");
            stop_hub.send_replace(Some(why));
            hub.await
        }
    };
    stop_admin.send_replace(true);
    // It has nothing to report that matters now.
    let _ = admin.await;
    let _ = std::fs::remove_file(&settings.admin_socket);
    match ended {
        Ok(Ok((links, ended))) => {
            let other = ended == Ended::OtherAgreement;
            links.close(if other { "another agreement takes effect" } else { "the daemon stops" }, DRAIN).await;
            Ok(ended)
        }
        Ok(Err(error)) => Err(error),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Proofs keep every core busy for as long as they take. The threads that make them give way to those of the links, so that
/// peers are answered meanwhile. Where the pool is there already, as in a test, it stays as it is.
fn give_way() {
    const NICER: i32 = 5;
    let start = |_| {
        // On Linux it is this thread alone that gives way.
        let _ = rustix::process::nice(NICER);
    };
    let _ = rayon::ThreadPoolBuilder::new().start_handler(start).build_global();
}

/// PROTOCOL 6.4: no frame is larger than the agreement implies.
#[must_use]
pub fn limits(agreement: &Agreement) -> Limits {
    let compute = agreement.parties().iter().filter(|party| party.roles.compute).count();
    let compute = u16::try_from(compute).unwrap_or(u16::MAX);
    let largest = |bytes: &dyn Fn(&protocol::agreement::Computation) -> usize| {
        agreement.computations().iter().map(bytes).max().unwrap_or(0)
    };
    Limits {
        chunk: largest(&protocol::agreement::Computation::chunk_bytes),
        commitments: largest(&|c| c.commitments_bytes(compute)),
    }
}
