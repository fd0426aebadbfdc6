//! A claimed length allocates nothing (PROTOCOL 6.4; SECURITY.md, "bug in parsing").
//!
//! Measured as the peak of the process's address space, which an allocation raises though nothing is written to it. The
//! crate forbids unsafe code, so there is no counting allocator here. One test, alone in its process.
#![cfg(target_os = "linux")]

use std::hint::black_box;

use wire::codec::{self, Bytes, Seq, Text};
use wire::frame::{Header, Limits};
use wire::link::{Have, Hello, Pin, Recall};
use wire::message::Votes;
use wire::{Body, Envelope};

/// What the process may grow by over all of this. The smallest claim below is four times as large.
const SLACK_KIB: u64 = 256;

/// Peak of the address space, KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says how large a process is");
    let line = status.lines().find(|line| line.starts_with("VmPeak:")).expect("VmPeak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number of KiB")
}

fn refuse_claims() {
    for claim in [u32::MAX, u32::MAX / 2, 1 << 24, 1 << 20] {
        let claim = claim.to_le_bytes();
        for before in 0..140usize {
            // A length after so many bytes of a message, and nothing of what it claims.
            for kind in 0..13u8 {
                let mut bytes = vec![0u8; before.max(4)];
                bytes[0] = kind;
                bytes.extend_from_slice(&claim);
                bytes.extend_from_slice(&[0; 8]);
                // Where the claim meets a number it is one; what counts is what the decoder takes for it.
                drop(black_box(codec::decode::<Body>(&bytes)));
                drop(black_box(Envelope::parse(&bytes)));
            }
            let bytes = [vec![0u8; before], claim.to_vec(), vec![0; 8]].concat();
            drop(black_box(codec::decode::<Hello>(&bytes)));
            drop(black_box(codec::decode::<Have>(&bytes)));
            drop(black_box(codec::decode::<Recall>(&bytes)));
            drop(black_box(codec::decode::<Pin>(&bytes)));
        }
        // Within a limit that an attacker may choose: nothing comes before its bytes do.
        assert!(codec::decode::<Seq<[u8; 4096], { usize::MAX }>>(&claim).is_err());
        assert!(codec::decode::<Bytes<{ usize::MAX }>>(&claim).is_err());
        assert!(codec::decode::<Text<{ usize::MAX }>>(&claim).is_err());
        assert!(codec::decode::<Votes>(&claim).is_err());
        let [a, b, c, d] = claim;
        for kind in 0..13 {
            assert!(Header::parse(&[a, b, c, d, kind], Some(&Limits { chunk: 1 << 18, commitments: 0 })).is_err());
            assert!(Header::parse(&[a, b, c, d, kind], None).is_err());
        }
    }
}

#[test]
fn a_claim_of_four_gibibytes_allocates_nothing() {
    let before = peak();
    refuse_claims();
    let grown = peak() - before;
    assert!(grown <= SLACK_KIB, "the process grew by {grown} KiB");
    // The measure sees what it is to see.
    let before = peak();
    let claimed = black_box(Vec::<u8>::with_capacity(1 << 32));
    // The peak before may have been above what was in use, so it does not show all of the 4 GiB.
    assert!(peak() - before >= 1 << 21, "an allocation of {} bytes was not seen", claimed.capacity());
}
