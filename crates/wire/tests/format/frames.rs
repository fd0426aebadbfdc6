//! Headers are judged before anything is allocated for them (PROTOCOL 6.4).

use proptest::prelude::*;
use wire::frame::{
    Frame, FrameError, HEADER, Header, Limits, MAX_CARD, MAX_CHECKPOINT, MAX_HAVE, MAX_HELLO, MAX_PIN, MAX_RECALL,
};
use zeroize::Zeroizing;

use crate::fixtures::{LIMITS, frames, read_frame};

fn header(length: usize, kind: u8) -> [u8; HEADER] {
    let [a, b, c, d] = u32::try_from(length).expect("a length of a frame").to_le_bytes();
    [a, b, c, d, kind]
}

#[test]
fn each_kind_has_its_limit() {
    let chunk_prefix = 44;
    for (kind, most) in [
        (2, LIMITS.envelope()),
        (3, MAX_HAVE),
        (4, 64),
        (5, chunk_prefix + LIMITS.chunk),
        (6, MAX_CARD),
        (7, MAX_CARD),
        (8, 0),
        (9, MAX_RECALL),
        (10, MAX_PIN),
        (11, 0),
    ] {
        let parse = |payload: usize| Header::parse(&header(payload + 1, kind), Some(&LIMITS));
        assert_eq!(parse(most).unwrap().payload(), most);
        assert_eq!(parse(most + 1), Err(FrameError::TooLarge { length: most + 2, max: most + 1 }));
        assert!(matches!(parse(u32::MAX as usize - 1), Err(FrameError::TooLarge { .. })));
        // No length counts its kind as nothing.
        assert!(matches!(Header::parse(&header(0, kind), Some(&LIMITS)), Err(FrameError::TooLarge { .. })));
        // Before Hello nothing else is taken.
        assert_eq!(Header::parse(&header(1, kind), None), Err(FrameError::UnknownKind(kind)));
    }
}

#[test]
fn hello_comes_once_and_first() {
    let parse = |payload: usize, limits: Option<&Limits>| Header::parse(&header(payload + 1, 1), limits);
    assert_eq!(parse(MAX_HELLO, None).unwrap().payload(), MAX_HELLO);
    assert!(matches!(parse(MAX_HELLO + 1, None), Err(FrameError::TooLarge { .. })));
    assert_eq!(parse(10, Some(&LIMITS)), Err(FrameError::UnknownKind(1)));
}

#[test]
fn unknown_kinds_are_refused() {
    for kind in (0..=0).chain(14..=255) {
        for limits in [None, Some(&LIMITS)] {
            assert_eq!(Header::parse(&header(1, kind), limits), Err(FrameError::UnknownKind(kind)));
        }
    }
}

#[test]
fn the_largest_messages_fit_their_frames() {
    // The largest bodies of a consortium of 64 parties.
    let votes: wire::message::Votes =
        vec![wire::Vote { party: 63, signature: [1; 64] }; 64].try_into().expect("64 votes");
    let entry = wire::SetEntry { dealer: 63, dealing: wire::DealingDigest([1; 32]) };
    let set = wire::Set {
        dealings: vec![entry; 64].try_into().expect("64 dealings"),
        holders: vec![63; 64].try_into().expect("64 holders"),
    };
    let receipts = vec![votes.clone(); 64].try_into().expect("64 lists");
    let lock = wire::message::Lock { attempt: u32::MAX, set: set.clone(), readys: votes.clone() };
    let until = wire::message::Until::Attempt(u32::MAX);
    let closing = wire::message::Closing { party: 63, until, lock: Some(lock.clone()), signature: [1; 64] };
    let closes = vec![closing; 64].try_into().expect("64 Closes");
    let open = wire::Body::Open { attempt: u32::MAX, set: set.clone(), receipts, closes };
    let receipts = vec![votes.clone(); 64].try_into().expect("64 lists");
    let certificate = wire::Body::Certificate { attempt: u32::MAX, set, accepts: votes, receipts };
    let close = wire::Body::Close { until, lock: Some(lock) };
    for body in [open, certificate, close] {
        assert!(body.encode().len() <= wire::envelope::MAX_VOTES, "{}", body.kind().name());
        let message = wire::Sealed::sign(crate::fixtures::ROUND, 63, None, body, &crate::fixtures::Key::rfc8032());
        assert!(message.bytes().len() <= LIMITS.envelope());
        let frame = Frame::Message(Zeroizing::new(message.bytes().to_vec()));
        assert_eq!(read_frame(&frame.encode()).unwrap(), frame);
    }
    // Commitments need what their agreement says, and no other agreement takes them.
    let commitments = vec![1; wire::message::MAX_COMMITMENTS].try_into().expect("the most commitments");
    let proofs = vec![1; wire::message::MAX_PROOFS].try_into().expect("the most proofs");
    let body = wire::Body::Commitments { dealing: entry.dealing, commitments, proofs };
    assert!(body.encode().len() <= wire::envelope::MAX_BODY);
    let message = wire::Sealed::sign(crate::fixtures::ROUND, 63, None, body, &crate::fixtures::Key::rfc8032());
    let frame = Frame::Message(Zeroizing::new(message.bytes().to_vec())).encode();
    assert!(matches!(read_frame(&frame), Err(FrameError::TooLarge { .. })));
    let (header, _) = frame.split_first_chunk().expect("a header");
    let limits = Limits { commitments: wire::envelope::MAX_BODY, ..LIMITS };
    assert!(Header::parse(header, Some(&limits)).is_ok());
    let digests = vec![[1; 32]; wire::link::MAX_INVENTORY];
    let have =
        wire::link::Have { round: crate::fixtures::ROUND, messages: digests.try_into().expect("a full inventory") };
    assert!(read_frame(&Frame::Have(have).encode()).is_ok());
    let ended = vec![crate::fixtures::ROUND; wire::link::MAX_RECALL].try_into().expect("a full Recall");
    let recall = Frame::Recall(wire::link::Recall { ended });
    assert_eq!(read_frame(&recall.encode()).unwrap(), recall);
    let text = wire::Text::truncated(&"p".repeat(32));
    let pin = wire::link::Pin { agreement: [1; 32], computation: text.clone(), period: text, voided: u32::MAX };
    let pin = Frame::Pin(pin).encode();
    assert_eq!(pin.len(), HEADER + MAX_PIN);
    assert!(read_frame(&pin).is_ok());
    let note = wire::Text::truncated(&"n".repeat(wire::link::MAX_NOTE));
    let path = vec![[1; 32]; wire::link::MAX_PATH].try_into().expect("the longest path");
    let checkpoint = wire::link::Checkpoint { note: note.clone(), since: u64::MAX, path };
    let checkpoint = Frame::Checkpoint(checkpoint).encode();
    assert_eq!(checkpoint.len(), HEADER + MAX_CHECKPOINT);
    assert!(read_frame(&checkpoint).is_ok());
    assert!(read_frame(&Frame::Seen(wire::link::Seen { note }).encode()).is_ok());
}

#[test]
fn every_changed_byte_of_a_frame_is_refused_or_means_something_else() {
    for (name, frame) in frames() {
        let bytes = frame.encode();
        for at in HEADER - 1..bytes.len() {
            for mask in [0x01, 0x80, 0xFF] {
                let mut spoilt = bytes.to_vec();
                spoilt[at] ^= mask;
                if let Ok(other) = read_frame(&spoilt) {
                    assert_ne!(other, frame, "{name}: byte {at}");
                    assert_eq!(&*other.encode(), &spoilt, "{name}: byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_frame_with_a_byte_too_many_is_refused() {
    for (name, frame) in frames() {
        let mut bytes = frame.encode().to_vec();
        let length = u32::try_from(bytes.len() - 3).expect("a small frame");
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes.push(0);
        let read = read_frame(&bytes);
        match name {
            // These carry bytes of any length, which are judged by whoever reads them.
            "message" | "card" | "signature" | "chunk" => assert!(read.is_ok_and(|other| other != frame), "{name}"),
            _ => assert!(read.is_err(), "{name}"),
        }
    }
}

proptest! {
    #[test]
    fn no_header_and_payload_make_a_reader_panic(
        kind in 0u8..15, payload in prop::collection::vec(any::<u8>(), 0..200), greeted in any::<bool>(),
    ) {
        let header = header(payload.len() + 1, kind);
        if let Ok(header) = Header::parse(&header, greeted.then_some(&LIMITS)) {
            prop_assert_eq!(header.payload(), payload.len());
            if let Ok(frame) = header.decode(Zeroizing::new(payload.clone())) {
                prop_assert_eq!(&frame.encode()[HEADER..], payload.as_slice());
            }
        }
    }
}
