//! Jobs of a round, one after another, on the shared pool; and its chunks on their way out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use protocol::round::{Done, Job, Object, Terms};
use tokio::sync::mpsc;
use wire::frame::Frame;
use wire::link::BulkId;
use zeroize::Zeroizing;

use super::place::RoundPlace;
use crate::link::LinkSender;
use crate::vault::Vault;

/// What the worker of a round may be given.
pub(crate) enum Work {
    /// Run this and report.
    Job(Job),
    /// Forget an object.
    Erase(Object),
    /// Forget all objects.
    EraseAll,
}

/// A job of that round came back.
pub(crate) struct Finished {
    pub(crate) round: [u8; 32],
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
    /// `finished` is unbounded: a round has one job at a time, so there are no more reports than open rounds.
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

    fn drain(&self) {
        while let Some(work) = self.next() {
            let mut place = self.0.place.lock().unwrap_or_else(PoisonError::into_inner);
            let erased = match work {
                Work::Job(job) => {
                    let done = job.run(&self.0.terms, &mut *place);
                    // The daemon is going down if nobody listens.
                    let _ = self.0.finished.send(Finished { round: self.0.terms.round().0, done });
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

/// Sends chunks of this party's own object, on a thread that may wait for a slow peer. The receiver takes the chunks of a
/// window in any order.
pub(crate) fn stream(vault: &Vault, sender: LinkSender, object: BulkId, from: Object, first: u64, end: u64) {
    let vault = vault.clone();
    tokio::task::spawn_blocking(move || {
        let reader = match vault.read(&object.round.0, &from.to_string()) {
            Ok(reader) => reader,
            Err(error) => return sender.cut(&format!("this node cannot read what it has to send: {error}")),
        };
        for index in first..end {
            let mut elements = Zeroizing::new(Vec::new());
            if let Err(error) = reader.read(index, &mut elements) {
                return sender.cut(&format!("this node cannot read what it has to send: {error}"));
            }
            // A link that went down takes what is left of the window with it: the receiver asks again.
            if sender.blocking_send(&Frame::Chunk { object, index, elements }).is_err() {
                return;
            }
        }
    });
}
