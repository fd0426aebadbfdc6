//! A party that lies: the honest round over real links, with somebody between it and what it does and says.
//!
//! It holds its own keys and certificate, as a corrupt party does, and nobody else's. Its machine is
//! [`protocol::round::Round`] as every daemon runs it; a [`Betrayal`] does its work and edits what it sends. It keeps
//! nothing: no store, no audit log, no admin socket. Nothing that a daemon runs leads here.

mod cheat;
mod party;
mod place;

use protocol::agreement::{Agreement, PartyIndex};
use protocol::round::{Done, Job, Terms};
use tokio::sync::{mpsc, oneshot};
use wire::frame::Frame;
use wire::{Body, Envelope, RoundId, Sealed, Signer};
use zeroize::Zeroizing;

pub use cheat::{Cheat, Cheater};
pub use place::Memory;

use node::book::Book;
use node::link::{LinkConfig, Links, StartError};
use node::settings::Settings;

/// Link events that wait for it.
const QUEUE: usize = 256;
/// Threads of its own: one for the party, one for its links.
const THREADS: usize = 2;

/// What makes a party a traitor. Left as it is, the party is honest.
pub trait Betrayal: Send {
    /// Does a job of its machine.
    fn work(&mut self, job: Job, terms: &Terms, place: &mut Memory) -> Done {
        job.run(terms, place)
    }

    /// What it says to a peer from which this frame came, beside its machine.
    fn hears(&mut self, from: u16, frame: &Frame) -> Vec<Frame> {
        let _ = (from, frame);
        Vec::new()
    }

    /// What goes out instead of a frame, and to whom. It may be asked about the same frame again.
    fn sends(&mut self, outgoing: &Outgoing<'_>) -> Vec<(u16, Frame)> {
        outgoing.unchanged()
    }
}

/// What its machine sends.
pub struct Outgoing<'a> {
    /// To whom.
    pub to: u16,
    /// What: a message, an inventory, a grant or a chunk.
    pub frame: &'a Frame,
    /// The round that it is about.
    pub terms: &'a Terms,
    signer: &'a dyn Signer,
}

impl Outgoing<'_> {
    /// The message that the frame carries, if it is one of this party's own.
    #[must_use]
    pub fn message(&self) -> Option<Envelope> {
        let Frame::Message(bytes) = self.frame else { return None };
        Envelope::parse(bytes).ok().filter(|envelope| envelope.sender() == self.terms.me())
    }

    /// Another message of this party, well signed.
    #[must_use]
    pub fn says(&self, recipient: Option<u16>, body: Body) -> Frame {
        let message = Sealed::sign(self.terms.round(), self.terms.me(), recipient, body, self.signer);
        Frame::Message(Zeroizing::new(message.bytes().to_vec()))
    }

    /// As it is.
    #[must_use]
    pub fn unchanged(&self) -> Vec<(u16, Frame)> {
        vec![(self.to, self.frame.clone())]
    }
}

/// What a traitor needs: what its daemon would be started with.
pub struct Papers {
    /// The settings of its node file.
    pub settings: Settings,
    /// The agreement.
    pub agreement: Agreement,
    /// Its certificate and key.
    pub identity: tls::NodeIdentity,
    /// Its signing key.
    pub signer: Box<dyn Signer + Send + Sync>,
}

/// A traitor could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TraitorError {
    /// Cards or signatures.
    #[error("{0}")]
    Book(String),
    /// Certificate or port.
    #[error(transparent)]
    Links(#[from] StartError),
    /// Threads.
    #[error("cannot start threads: {0}")]
    Threads(#[from] std::io::Error),
}

/// A running traitor. Dropped, it is gone.
pub struct Traitor {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Traitor {
    /// Listens, dials, and takes part in every round that a peer proposes.
    ///
    /// # Errors
    /// [`TraitorError`]; nothing is listening then.
    pub fn start(papers: Papers, betrayal: impl Betrayal + 'static) -> Result<Self, TraitorError> {
        let Papers { settings, agreement, identity, signer } = papers;
        let book = Book::load(&settings, agreement).map_err(|problems| {
            TraitorError::Book(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
        let (events, queue) = mpsc::channel(QUEUE);
        let config = LinkConfig {
            party: book.party(),
            parties: book.agreement().parties().iter().map(|party| party.id.clone()).collect(),
            listen: settings.listen_peers,
            identity,
            trust: book.trust(),
            hello: book.hello(),
            addresses: book.addresses(),
            limits: node::daemon::limits(book.agreement()),
        };
        let links = runtime.block_on(Links::start(config, events))?;
        let (stop, stopped) = oneshot::channel();
        let me: PartyIndex = book.party();
        let party = party::Party::new(me, book, settings, signer, Box::new(betrayal));
        let thread = std::thread::Builder::new().name("traitor".to_owned()).spawn(move || {
            // On a task of the runtime: only there may work block.
            let living = runtime.spawn(party.live(links, queue, stopped));
            // It panics where a test's betrayal does, and the test sees its own panic.
            let _ = runtime.block_on(living);
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Ends it.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may be gone already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Traitor {
    fn drop(&mut self) {
        self.end();
    }
}

/// The round that a frame is about.
fn round_of(frame: &Frame) -> Option<RoundId> {
    match frame {
        Frame::Message(bytes) => Envelope::parse(bytes).ok().map(|envelope| envelope.round()),
        Frame::Have(have) => Some(have.round),
        Frame::Grant(grant) => Some(grant.object.round),
        Frame::Chunk { object, .. } => Some(object.round),
        Frame::Hello(_)
        | Frame::Card(_)
        | Frame::Signature(_)
        | Frame::Ping
        | Frame::Recall(_)
        | Frame::Pin(_)
        | Frame::Recalled
        | Frame::Checkpoint(_)
        | Frame::Seen(_) => None,
    }
}
