//! Jobs of a round, one after another, on the shared pool; and its chunks on their way out.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use protocol::round::{Done, Job, Object, Terms};
use tokio::sync::mpsc;
use wire::frame::Frame;
use wire::link::{BulkId, BulkKind};
use zeroize::Zeroizing;

use super::place::RoundPlace;
use crate::link::LinkSender;
use crate::vault::{Vault, VaultError};

/// What the worker of a round may be given.
pub(crate) enum Work {
    /// Run this and report.
    Job(Job),
    /// Forget an object.
    Erase(Object),
    /// Forget all objects.
    EraseAll,
}

/// A job came back to the worker that was given it.
pub(crate) struct Finished {
    pub(crate) worker: Worker,
    pub(crate) done: Done,
}

/// The worker of one round: what it is given is done in order, and never two things at once.
#[derive(Clone)]
pub(crate) struct Worker(Arc<Inner>);

struct Inner {
    terms: Arc<Terms>,
    place: Mutex<RoundPlace>,
    queue: Mutex<Queue>,
    finished: mpsc::UnboundedSender<Finished>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Work>,
    running: bool,
}

impl Worker {
    /// `finished` is unbounded: a round waits for no more jobs than it has parties, so there are few reports.
    pub(crate) fn new(terms: Arc<Terms>, place: RoundPlace, finished: mpsc::UnboundedSender<Finished>) -> Self {
        Self(Arc::new(Inner { terms, place: Mutex::new(place), queue: Mutex::default(), finished }))
    }

    /// Gives it something to do.
    pub(crate) fn push(&self, work: Work) {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.push_back(work);
        if !queue.running {
            queue.running = true;
            let worker = self.clone();
            rayon::spawn(move || worker.drain());
        }
    }

    /// The round that it works for.
    pub(crate) fn round(&self) -> [u8; 32] {
        self.0.terms.round().0
    }

    /// Whether the two are one worker: a round that was dropped and begun anew has another one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether something is being done, or waits to be.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).running
    }

    fn drain(&self) {
        while let Some(work) = self.next() {
            let mut place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
            let erased = match work {
                Work::Job(job) => {
                    let began = Instant::now();
                    let done = job.run(&self.0.terms, &mut *place);
                    place.progress().worked(began.elapsed());
                    // The daemon is going down if nobody listens.
                    let _ = self.0.finished.send(Finished { worker: self.clone(), done });
                    Ok(())
                }
                Work::Erase(object) => place.erase(object),
                Work::EraseAll => place.erase_all(),
            };
            if let Err(error) = erased {
                tracing::error!(target: "round", %error, "something that is over could not be erased");
            }
        }
    }

    fn next(&self) -> Option<Work> {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let work = queue.waiting.pop_front();
        queue.running = work.is_some();
        work
    }
}

/// What a peer may be sent over one link of one object: a range that grows with its grants. However often it grants, one
/// thread at most waits for it.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Mutex<Range<u64>>>);

impl Stream {
    /// Begins to send `range` of this party's own object, on a thread that may wait for a slow peer.
    pub(crate) fn start(vault: &Vault, sender: LinkSender, object: BulkId, from: Object, range: Range<u64>) -> Self {
        let stream = Self(Arc::new(Mutex::new(range)));
        let (vault, sending) = (vault.clone(), stream.clone());
        tokio::task::spawn_blocking(move || sending.send(&vault, &sender, object, from));
        stream
    }

    /// More was granted. False where the thread had nothing left to send and has gone.
    pub(crate) fn extend(&self, range: &Range<u64>) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = !left.is_empty() && left.end == range.start;
        if running {
            left.end = range.end;
        }
        running
    }

    /// Sends no further chunk: its receiver has begun anew.
    pub(crate) fn stop(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = 0..0;
    }

    fn next(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    fn send(&self, vault: &Vault, sender: &LinkSender, object: BulkId, from: Object) {
        let reader = match vault.read(&object.round.0, &from.to_string()) {
            Ok(reader) => reader,
            // A share goes when its round is certified: nobody needs it any more.
            Err(VaultError::Missing { .. }) if object.kind == BulkKind::Share => return,
            Err(error) => {
                tracing::error!(target: "round", %error, "what is to be sent cannot be read");
                return sender.cut("this node cannot read what it has to send");
            }
        };
        while let Some(index) = self.next() {
            let mut elements = Zeroizing::new(Vec::new());
            if let Err(error) = reader.read(index, &mut elements) {
                tracing::error!(target: "round", %error, "what is to be sent cannot be read");
                return sender.cut("this node cannot read what it has to send");
            }
            // A link that went down takes what is left of the window with it: the receiver asks again.
            if sender.blocking_send(&Frame::Chunk { object, index, elements }).is_err() {
                return;
            }
        }
    }
}
