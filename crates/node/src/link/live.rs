//! A live link from its Up to its Down: one task reads, writes and watches for the end.

use std::sync::Arc;
use std::time::Duration;

use protocol::agreement::PartyIndex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use wire::frame::Frame;
use zeroize::Zeroize;

use super::frames::read_frame;
use super::greeting::Established;
use super::limits::READ_SILENCE;
use super::seats::unix_now;
use super::sender::write_frames;
use super::{CloseReason, LinkEvent, Shared, Stop};
use crate::book;

/// For the farewell of TLS on a link that is cut: it fits into any send buffer that is not full.
const FAREWELL: Duration = Duration::from_millis(200);
/// After the farewell of a node that stops, the peer reads what was sent and closes its end.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes thrown away at a time meanwhile.
const DISCARD: usize = 4096;

/// Runs a link to its end. `None` where it ended before its Up.
pub(super) async fn run(shared: &Arc<Shared>, established: Established) -> Option<CloseReason> {
    let Established { stream, mut held, hello, info } = established;
    let (peer, generation) = (held.peer, held.generation);
    let name = shared.name(peer);
    let mut stop = shared.stop.clone();

    // The Down of the connection before comes first.
    let turn = tokio::select! {
        biased;
        _ = held.cut.wait() => return None,
        () = Stop::wait_now(&mut stop) => return None,
        turn = held.turn() => turn,
    };
    shared.refusals.forget(name);
    let remote = info.remote;
    tracing::info!(target: "link", %remote, generation, dialled = info.dialled, key_exchange = info.key_exchange, "link with {name} is up");
    if let Some(warning) = held.identity.expiry_warning(unix_now()) {
        tracing::warn!(target: "link", "{warning}");
    }
    if let Some(difference) = book::difference(&shared.hello(), &hello) {
        tracing::warn!(target: "link", "{}", difference.describe(name));
    }
    let up = LinkEvent::Up { peer, hello: Box::new(hello), info, sender: held.sender.clone() };
    if !shared.tell(up).await {
        return None;
    }

    let mut draining = shared.stop.clone();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let reason = tokio::select! {
        biased;
        reason = held.cut.wait() => reason,
        () = Stop::wait_now(&mut stop) => CloseReason::Stopped("at once".to_owned()),
        reason = read_frames(shared, &mut reading, peer, generation) => reason,
        reason = write_frames(&mut writing, &mut held.queues, &mut draining) => reason,
    };
    held.release();
    // So that the peer sees an end and not a break; on a broken connection this fails at once.
    let _ = timeout(FAREWELL, writing.shutdown()).await;
    if matches!(reason, CloseReason::Stopped(_)) {
        tokio::select! {
            _ = timeout(LINGER, discard(&mut reading)) => {}
            () = Stop::wait_now(&mut stop) => {}
        }
    }
    drop((reading, writing));
    tracing::info!(target: "link", generation, "link with {name} is down: {reason}");
    shared.tell(LinkEvent::Down { peer, generation, reason: reason.clone() }).await;
    // Senders may be held elsewhere; what waits in the queues goes now.
    drop(held);
    drop(turn);
    Some(reason)
}

/// Hands frames on, as fast as they are taken: the peer is slowed down by TCP.
async fn read_frames<R: AsyncRead + Unpin>(
    shared: &Shared,
    stream: &mut R,
    peer: PartyIndex,
    generation: u64,
) -> CloseReason {
    loop {
        let frame = match read_frame(stream, &shared.limits, READ_SILENCE).await {
            Ok(Frame::Ping) => continue,
            Ok(frame) => frame,
            Err(error) => return error.into(),
        };
        if !shared.tell(LinkEvent::Frame { peer, generation, frame }).await {
            // Nobody takes frames any more. What waits for the peer is still written.
            return std::future::pending().await;
        }
    }
}

/// Reads to the end. A socket that is closed with something unread resets the connection, and what was sent last is lost.
async fn discard<R: AsyncRead + Unpin>(stream: &mut R) {
    let mut bytes = [0; DISCARD];
    while let Ok(1..) = stream.read(&mut bytes).await {}
    bytes.zeroize();
}
