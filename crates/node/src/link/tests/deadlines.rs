//! What must happen in time, on a clock that jumps.

use std::time::Duration;

use protocol::agreement::PartyIndex;
use tokio::io::{AsyncReadExt, duplex};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use wire::frame::Frame;
use zeroize::Zeroizing;

use super::super::frames::{ReadError, read_frame};
use super::super::limits::{CONTROL_BYTES, HANDSHAKE_DEADLINE, PING_AFTER, READ_SILENCE, WRITE_STALL};
use super::super::sender::{Cut, queues, write_frames};
use super::super::{CloseReason, RefusalReason, Stop};
use super::support::{Consortium, LIMITS, PATIENCE, note};

#[tokio::test(start_paused = true)]
async fn a_silent_writer_pings_and_a_silent_link_ends() {
    let (mut near, mut far) = duplex(1024);
    let (sender, mut waiting) = queues(PartyIndex(1), 1, CONTROL_BYTES, Cut::new());
    let (stop, mut stopped) = watch::channel(Stop::Running);
    let writing = tokio::spawn(async move { write_frames(&mut near, &mut waiting, &mut stopped).await });
    let begun = Instant::now();
    for times in 1..=3 {
        assert_eq!(read_frame(&mut far, &LIMITS, READ_SILENCE).await.unwrap(), Frame::Ping);
        assert_eq!(begun.elapsed().as_secs(), PING_AFTER.as_secs() * times);
    }
    // A write puts the next Ping off.
    tokio::time::sleep(PING_AFTER / 2).await;
    sender.try_send(&note(1)).unwrap();
    assert_eq!(read_frame(&mut far, &LIMITS, READ_SILENCE).await.unwrap(), note(1));
    let written = Instant::now();
    assert_eq!(read_frame(&mut far, &LIMITS, READ_SILENCE).await.unwrap(), Frame::Ping);
    assert_eq!(written.elapsed().as_secs(), PING_AFTER.as_secs());
    stop.send_replace(Stop::Draining("the test ends".into()));
    assert_eq!(writing.await.unwrap(), CloseReason::Stopped("the test ends".into()));

    let (mut near, _far) = duplex(1024);
    let begun = Instant::now();
    let error = read_frame(&mut near, &LIMITS, READ_SILENCE).await.unwrap_err();
    assert!(matches!(error, ReadError::Silent));
    assert_eq!(begun.elapsed().as_secs(), READ_SILENCE.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_ends_its_link_and_one_that_is_slow_does_not() {
    let chunk = Frame::Message(Zeroizing::new(vec![1; 300_000]));
    let (mut near, mut far) = duplex(1024);
    let (sender, mut waiting) = queues(PartyIndex(1), 1, CONTROL_BYTES, Cut::new());
    let (_stop, mut stopped) = watch::channel(Stop::Running);
    let writing = tokio::spawn(async move { write_frames(&mut near, &mut waiting, &mut stopped).await });
    sender.try_send(&chunk).unwrap();
    let begun = Instant::now();
    // Slow: a little in each minute.
    let mut some = [0; 512];
    for _ in 0..10 {
        tokio::time::sleep(WRITE_STALL / 2).await;
        far.read_exact(&mut some).await.unwrap();
    }
    assert!(!writing.is_finished() && begun.elapsed() > 4 * WRITE_STALL);
    // Then nothing.
    assert_eq!(writing.await.unwrap(), CloseReason::Stalled);
}

#[tokio::test(start_paused = true)]
async fn control_frames_overtake_bulk_and_keep_their_order() {
    let (mut near, mut far) = duplex(1 << 20);
    let (sender, mut waiting) = queues(PartyIndex(1), 1, CONTROL_BYTES, Cut::new());
    let (_stop, mut stopped) = watch::channel(Stop::Running);
    sender.send(&note(100)).await.unwrap();
    sender.send(&note(101)).await.unwrap();
    for number in 0..50 {
        sender.try_send(&note(number)).unwrap();
    }
    tokio::spawn(async move { write_frames(&mut near, &mut waiting, &mut stopped).await });
    for number in (0..50).chain([100, 101]) {
        assert_eq!(read_frame(&mut far, &LIMITS, PATIENCE).await.unwrap(), note(number));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_says_nothing_is_dropped_in_time() {
    let consortium = Consortium::new(2);
    let mut first = consortium.node(0).await;
    let begun = Instant::now();
    let mut stranger = TcpStream::connect(first.address()).await.unwrap();
    let (party, dialling, reason) = first.refusal().await;
    assert_eq!((party, dialling, reason), (None, false, RefusalReason::Late));
    assert!(begun.elapsed() <= HANDSHAKE_DEADLINE + Duration::from_secs(1));
    let mut byte = [0];
    assert_eq!(stranger.read(&mut byte).await.unwrap_or(0), 0);

    // So is a party that has its certificate accepted and then no Hello to say.
    let mut first = consortium.node(0).await;
    let mut mute = consortium.dial(&consortium.identity(1), 0, first.address()).await.unwrap();
    let reason = first.refusal().await.2;
    assert_eq!(reason, RefusalReason::Late);
    let mut rest = Vec::new();
    let _ = mute.read_to_end(&mut rest).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_only_offered_cuts_no_link_where_there_is_no_room() {
    let most = 1000;
    let cut = Cut::new();
    let (sender, _waiting) = queues(PartyIndex(1), 1, most, cut.clone());
    let frame = Frame::Message(Zeroizing::new(vec![1; most / 2]));
    let is_cut = async || tokio::time::timeout(Duration::from_secs(1), cut.wait()).await.is_ok();
    // The first has room, the others have not, however often they are offered.
    (0..20).for_each(|_| sender.offer(&frame));
    assert!(!is_cut().await);
    // Nothing is counted that does not wait: what is left is there for what has to be sent.
    assert!(sender.try_send(&Frame::Ping).is_ok());
    assert!(sender.try_send(&frame).is_err());
    assert!(is_cut().await, "what has to be sent and has no room cuts the link");
}
