//! What waits for one peer: two bounded queues and the writer that empties them.
//!
//! Control frames never wait for memory: a peer that does not take them loses the link and catches up on the next one
//! (PROTOCOL 6.3). Bulk frames wait: whoever computes them is slowed down to what the line carries. Control frames
//! overtake bulk frames; within each queue the order stays.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use protocol::agreement::PartyIndex;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use wire::frame::Frame;
use zeroize::{Zeroize, Zeroizing};

use super::limits::{BULK_FRAMES, CONTROL_FRAMES, PING_AFTER, WRITE_BATCH, WRITE_STALL};
use super::{CloseReason, Stop};

type Encoded = Zeroizing<Vec<u8>>;

/// Ends one connection from anywhere, once.
#[derive(Clone)]
pub(super) struct Cut(Arc<watch::Sender<Option<CloseReason>>>);

impl Cut {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// The first reason counts.
    pub(super) fn cut(&self, reason: CloseReason) {
        self.0.send_if_modified(|cut| {
            let first = cut.is_none();
            if first {
                *cut = Some(reason);
            }
            first
        });
    }

    /// Waits until somebody cuts.
    pub(super) async fn wait(&self) -> CloseReason {
        let mut cut = self.0.subscribe();
        match cut.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender lives in `self`, so there is always one.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// Sends on one link. It stays bound to that very connection: on the next one it only tells that the link is gone.
#[derive(Clone)]
pub struct LinkSender(Arc<Outbox>);

struct Outbox {
    peer: PartyIndex,
    generation: u64,
    control: mpsc::Sender<Encoded>,
    control_bytes: AtomicUsize,
    /// Bytes of control frames that may wait.
    most: usize,
    bulk: mpsc::Sender<Encoded>,
    cut: Cut,
}

/// A frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The link is gone.
    #[error("the link is gone")]
    Gone,
    /// The queue was full, so the link is cut.
    #[error("the queue is full and the link is cut")]
    Overflow,
}

impl LinkSender {
    /// The peer at the other end.
    #[must_use]
    pub fn peer(&self) -> PartyIndex {
        self.0.peer
    }

    /// The connection's number at this node; it only grows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation
    }

    /// Queues a control frame without waiting.
    ///
    /// # Errors
    /// [`SendError::Overflow`] where the queue is full; the link is then cut, and the peer catches up on the next one.
    pub fn try_send(&self, frame: &Frame) -> Result<(), SendError> {
        let bytes = frame.encode();
        let outbox = &*self.0;
        let size = bytes.len();
        let waiting = outbox.control_bytes.fetch_add(size, Ordering::Relaxed);
        let result = if waiting + size > outbox.most {
            Err(SendError::Overflow)
        } else {
            outbox.control.try_send(bytes).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SendError::Overflow,
                mpsc::error::TrySendError::Closed(_) => SendError::Gone,
            })
        };
        if let Err(error) = result {
            outbox.control_bytes.fetch_sub(size, Ordering::Relaxed);
            if error == SendError::Overflow {
                outbox.cut.cut(CloseReason::Overflow);
            }
        }
        result
    }

    /// Queues a control frame if there is room for it. What is large and can be asked for again is offered, and cuts no link.
    pub fn offer(&self, frame: &Frame) {
        let bytes = frame.encode();
        let outbox = &*self.0;
        let size = bytes.len();
        let waiting = outbox.control_bytes.fetch_add(size, Ordering::Relaxed);
        if waiting + size > outbox.most || outbox.control.try_send(bytes).is_err() {
            outbox.control_bytes.fetch_sub(size, Ordering::Relaxed);
            tracing::debug!(target: "link", peer = self.0.peer.0, size, "no room for a frame that can be asked for again");
        }
    }

    /// Queues a bulk frame; waits, off the runtime's threads, until there is room.
    ///
    /// # Errors
    /// [`SendError::Gone`].
    ///
    /// # Panics
    /// If it is called on a thread of the runtime.
    pub fn blocking_send(&self, frame: &Frame) -> Result<(), SendError> {
        self.0.bulk.blocking_send(frame.encode()).map_err(|_| SendError::Gone)
    }

    /// Queues a bulk frame; waits until there is room.
    ///
    /// # Errors
    /// [`SendError::Gone`].
    pub async fn send(&self, frame: &Frame) -> Result<(), SendError> {
        self.0.bulk.send(frame.encode()).await.map_err(|_| SendError::Gone)
    }

    /// Cuts the link.
    pub fn cut(&self, reason: &str) {
        self.0.cut.cut(CloseReason::Stopped(reason.to_owned()));
    }
}

impl fmt::Debug for LinkSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {} to party {}", self.0.generation, self.0.peer.0)
    }
}

/// The other end of a [`LinkSender`].
pub(super) struct Queues {
    control: mpsc::Receiver<Encoded>,
    bulk: mpsc::Receiver<Encoded>,
    outbox: Arc<Outbox>,
}

/// The queues of a new connection.
pub(super) fn queues(peer: PartyIndex, generation: u64, most: usize, cut: Cut) -> (LinkSender, Queues) {
    let (control, control_out) = mpsc::channel(CONTROL_FRAMES);
    let (bulk, bulk_out) = mpsc::channel(BULK_FRAMES);
    let outbox = Arc::new(Outbox { peer, generation, control, control_bytes: AtomicUsize::new(0), most, bulk, cut });
    (LinkSender(Arc::clone(&outbox)), Queues { control: control_out, bulk: bulk_out, outbox })
}

impl Queues {
    fn taken(&self, bytes: Encoded) -> Encoded {
        self.outbox.control_bytes.fetch_sub(bytes.len(), Ordering::Relaxed);
        bytes
    }

    /// The next frame; none once both queues are closed and empty.
    async fn next(&mut self) -> Option<Encoded> {
        tokio::select! {
            biased;
            Some(bytes) = self.control.recv() => Some(self.taken(bytes)),
            Some(bytes) = self.bulk.recv() => Some(bytes),
            else => None,
        }
    }

    fn try_next(&mut self) -> Option<Encoded> {
        match self.control.try_recv() {
            Ok(bytes) => Some(self.taken(bytes)),
            Err(_) => self.bulk.try_recv().ok(),
        }
    }

    /// Nothing new is taken; what waits is still written.
    fn close(&mut self) {
        self.control.close();
        self.bulk.close();
    }
}

/// Writes what waits, and a Ping where nothing does, until the stream breaks or the node stops.
pub(super) async fn write_frames<W: AsyncWrite + Unpin>(
    stream: &mut W,
    queues: &mut Queues,
    stop: &mut watch::Receiver<Stop>,
) -> CloseReason {
    match write_until_stop(stream, queues, stop).await {
        Ok(reason) | Err(reason) => reason,
    }
}

async fn write_until_stop<W: AsyncWrite + Unpin>(
    stream: &mut W,
    queues: &mut Queues,
    stop: &mut watch::Receiver<Stop>,
) -> Result<CloseReason, CloseReason> {
    let ping = Frame::Ping.encode();
    // Wiped after each use and never grown: shares pass here.
    let mut batch = Zeroizing::new(Vec::with_capacity(WRITE_BATCH));
    let mut last = Instant::now();
    let mut stopping: Option<String> = None;
    loop {
        let next = tokio::select! {
            biased;
            reason = Stop::wait(stop), if stopping.is_none() => {
                queues.close();
                stopping = Some(reason);
                continue;
            }
            next = queues.next() => next,
            () = sleep_until(last + PING_AFTER) => Some(ping.clone()),
        };
        if next.is_none() {
            // Only a stop closes the queues.
            let reason = CloseReason::Stopped(stopping.unwrap_or_default());
            within(stream.shutdown()).await?;
            return Ok(reason);
        }
        write_batch(stream, queues, &mut batch, next).await?;
        last = Instant::now();
    }
}

/// Writes `next` and all that waits behind it, in large pieces; flushes once the queues are empty.
async fn write_batch<W: AsyncWrite + Unpin>(
    stream: &mut W,
    queues: &mut Queues,
    batch: &mut Vec<u8>,
    mut next: Option<Encoded>,
) -> Result<(), CloseReason> {
    while let Some(frame) = next {
        if batch.len() + frame.len() > WRITE_BATCH {
            write_and_wipe(stream, batch).await?;
        }
        if frame.len() > WRITE_BATCH {
            write_bytes(stream, &frame).await?;
        } else {
            batch.extend_from_slice(&frame);
        }
        next = queues.try_next();
    }
    write_and_wipe(stream, batch).await?;
    within(stream.flush()).await
}

async fn write_and_wipe<W: AsyncWrite + Unpin>(stream: &mut W, batch: &mut Vec<u8>) -> Result<(), CloseReason> {
    let result = write_bytes(stream, batch).await;
    batch.as_mut_slice().zeroize();
    batch.clear();
    result
}

async fn write_bytes<W: AsyncWrite + Unpin>(stream: &mut W, mut bytes: &[u8]) -> Result<(), CloseReason> {
    while !bytes.is_empty() {
        let n = within(stream.write(bytes)).await?;
        if n == 0 {
            return Err(CloseReason::ClosedByPeer);
        }
        bytes = &bytes[n..];
    }
    Ok(())
}

/// One step of writing: it is progress that is bounded, not the frame.
async fn within<T>(step: impl Future<Output = std::io::Result<T>>) -> Result<T, CloseReason> {
    match timeout(WRITE_STALL, step).await {
        Err(_) => Err(CloseReason::Stalled),
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(CloseReason::Broken(tls::refusal_text(&error))),
    }
}
