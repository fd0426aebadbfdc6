//! Peers and strangers that send what they should not, or nothing at all.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use wire::frame::{Frame, HEADER, MAX_CARD};
use zeroize::Zeroizing;

use super::super::frames::{ReadError, read_frame};
use super::super::limits::{BULK_FRAMES, CONTROL_BYTES, MAX_HALF_OPEN, READ_PIECE};
use super::super::{CloseReason, LinkEvent, RefusalReason, SendError};
use super::support::{Consortium, LIMITS, PATIENCE, end_of, note, pair};

fn raw(kind: u8, length: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.push(kind);
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_frame_closes_the_link_with_the_reason() {
    let consortium = Consortium::new(3);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    let grant = Frame::Grant(wire::link::Grant {
        object: wire::link::BulkId { round: wire::RoundId([1; 32]), kind: wire::link::BulkKind::Share },
        epoch: 0,
        next: 0,
        limit: 1,
    })
    .encode();
    let mut trailing = grant.to_vec();
    trailing.push(0);
    trailing[0] += 1;
    let card = u32::try_from(MAX_CARD).unwrap();
    let cases = [
        ("unknown kind", raw(99, 1, &[]), "unknown kind 99"),
        ("garbage", b"GET / HTTP/1.1\r\n\r\n".to_vec(), "unknown kind"),
        ("a second Hello", raw(1, 1, &[]), "unknown kind 1"),
        ("oversize", raw(6, card + 2, &[]), "bytes where"),
        ("four gigabytes", raw(2, u32::MAX, &[]), "bytes where"),
        ("no length at all", raw(8, 0, &[]), "a frame of 0 bytes"),
        ("trailing bytes", trailing, "does not decode: trailing bytes"),
        ("a payload of another kind", raw(4, 4, &[1, 2, 3]), "does not decode"),
    ];
    for (case, bytes, reason) in cases {
        let mut rogue = consortium.linked_by_hand(2, 0, first.address()).await;
        first.up(2).await;
        rogue.write_all(&bytes).await.unwrap();
        rogue.flush().await.unwrap();
        let down = first.down(2).await;
        assert!(matches!(down, CloseReason::Frame(_)), "{case}: {down}");
        assert!(down.to_string().contains(reason), "{case}: {down}");
        end_of(&mut rogue).await;
    }
    first.still_linked(&to_second, &mut second, &to_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_hello_nothing_else_is_taken() {
    let consortium = Consortium::new(3);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    for bytes in [note(1).encode().to_vec(), Frame::Ping.encode().to_vec(), raw(1, 1 << 20, &[])] {
        let mut rogue = consortium.dial(&consortium.identity(2), 0, first.address()).await.unwrap();
        rogue.write_all(&bytes).await.unwrap();
        rogue.flush().await.unwrap();
        end_of(&mut rogue).await;
    }
    let (party, _, reason) = first.refusal().await;
    assert_eq!(party.as_deref(), Some("p3"));
    assert!(matches!(reason, RefusalReason::Frame(_)), "{reason}");
    first.still_linked(&to_second, &mut second, &to_first).await;
}

/// Gives a thousand bytes at a time and watches how much room is made for them.
struct Measured {
    header: Vec<u8>,
    arrived: usize,
    largest: usize,
}

impl AsyncRead for Measured {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let room = into.remaining();
        if !self.header.is_empty() {
            let n = room.min(self.header.len());
            into.put_slice(&self.header[..n]);
            self.header.drain(..n);
            return Poll::Ready(Ok(()));
        }
        assert!(room <= READ_PIECE.max(self.arrived), "room for {room} after {} bytes", self.arrived);
        self.largest = self.largest.max(room);
        let n = room.min(1000);
        into.put_slice(&vec![1; n]);
        self.arrived += n;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn memory_follows_what_arrived_and_not_what_was_announced() {
    // A megabyte is announced, and a few bytes come. The reader's room is what one piece takes.
    let (mut near, mut far) = tokio::io::duplex(64);
    far.write_all(&raw(5, 1 << 20, b"abc")).await.unwrap();
    let reading = tokio::spawn(async move {
        let error = read_frame(&mut near, &LIMITS, Duration::from_millis(200)).await.unwrap_err();
        matches!(error, ReadError::Silent)
    });
    assert!(reading.await.unwrap());

    // The room that is offered for reading never exceeds one piece or what has arrived already.
    let header = raw(2, 300_001, &[]);
    let mut stream = Measured { header, arrived: 0, largest: 0 };
    let frame = read_frame(&mut stream, &LIMITS, PATIENCE).await.unwrap();
    assert!(matches!(frame, Frame::Message(bytes) if bytes.len() == 300_000));
    assert!(stream.largest >= READ_PIECE);

    // In the middle of a frame an end is no end.
    let (mut near, mut far) = tokio::io::duplex(64);
    far.write_all(&raw(5, 1000, b"abc")).await.unwrap();
    drop(far);
    let error = read_frame(&mut near, &LIMITS, PATIENCE).await.unwrap_err();
    assert!(matches!(error, ReadError::Io(_)));
}

#[tokio::test]
async fn a_large_frame_arrives_whole_in_the_smallest_pieces() {
    let frame = Frame::Chunk {
        object: wire::link::BulkId { round: wire::RoundId([3; 32]), kind: wire::link::BulkKind::Partial },
        index: 5,
        elements: Zeroizing::new((0..300_000u32).map(|i| i.to_le_bytes()[0]).collect()),
    };
    let bytes = frame.encode();
    assert!(bytes.len() > HEADER + 4 * READ_PIECE);
    let (mut near, mut far) = tokio::io::duplex(1013);
    let writing = tokio::spawn(async move { far.write_all(&bytes).await.unwrap() });
    assert_eq!(read_frame(&mut near, &LIMITS, PATIENCE).await.unwrap(), frame);
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_half_open_connections_disturb_nobody() {
    let consortium = Consortium::new(3);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    let mut strangers = Vec::new();
    for _ in 0..500 {
        strangers.push(TcpStream::connect(first.address()).await.unwrap());
    }
    first.still_linked(&to_second, &mut second, &to_first).await;
    // A third party still gets in.
    let mut third = consortium.node(2).await;
    third.dial(&[(0, first.address())]);
    let (_, to_third) = first.up(2).await;
    let (_, from_third) = third.up(0).await;
    first.still_linked(&to_third, &mut third, &from_third).await;
    // No more are kept than the cap.
    let mut dropped = 0;
    for stranger in &mut strangers {
        let mut byte = [0];
        // Nothing is ever sent to a stranger that says nothing: what can be read is the end.
        if tokio::time::timeout(Duration::from_millis(5), stranger.read(&mut byte)).await.is_ok() {
            dropped += 1;
        }
    }
    assert!(dropped >= 500 - MAX_HALF_OPEN, "{dropped}");
    first.still_linked(&to_second, &mut second, &to_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_costs_bounded_memory_and_its_link() {
    let consortium = Consortium::new(3);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    let rogue = consortium.linked_by_hand(2, 0, first.address()).await;
    let (_, to_rogue) = first.up(2).await;

    // Bulk waits for the line: the sender is slowed down, nothing piles up.
    let chunk = Frame::Chunk {
        object: wire::link::BulkId { round: wire::RoundId([3; 32]), kind: wire::link::BulkKind::Share },
        index: 0,
        elements: Zeroizing::new(vec![1; LIMITS.chunk]),
    };
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_millis(500), to_rogue.send(&chunk)).await.is_ok() {
        sent += 1;
        assert!(sent < BULK_FRAMES + 64, "it never blocks");
    }

    // Control does not wait: the link goes.
    let message = Frame::Message(Zeroizing::new(vec![1; 64 * 1024]));
    let mut queued = 0;
    let error = loop {
        match to_rogue.try_send(&message) {
            Ok(()) => queued += 64 * 1024,
            Err(error) => break error,
        }
        assert!(queued <= CONTROL_BYTES);
    };
    assert_eq!(error, SendError::Overflow);
    assert_eq!(first.down(2).await, CloseReason::Overflow);
    assert_eq!(to_rogue.send(&chunk).await, Err(SendError::Gone));
    drop(rogue);
    first.still_linked(&to_second, &mut second, &to_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_takes_no_events_slows_its_peers_down_and_loses_nothing() {
    let consortium = Consortium::new(2);
    let (first, _, mut second, to_first) = pair(&consortium).await;
    // p1 takes nothing: its channel, the sockets and the queue fill up.
    let chunk = |index| Frame::Chunk {
        object: wire::link::BulkId { round: wire::RoundId([3; 32]), kind: wire::link::BulkKind::Share },
        index,
        elements: Zeroizing::new(vec![1; LIMITS.chunk]),
    };
    let sending = tokio::task::spawn_blocking(move || {
        for index in 0..200 {
            to_first.blocking_send(&chunk(index)).unwrap();
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!sending.is_finished(), "200 MiB are under way");
    let mut first = first;
    for expected in 0..200 {
        let Frame::Chunk { index, .. } = first.frame(1).await else { panic!("another frame") };
        assert_eq!(index, expected);
    }
    sending.await.unwrap();
    let quiet = second.event_within(Duration::from_millis(50)).await;
    assert!(!matches!(quiet, Some(LinkEvent::Down { .. })));
}
