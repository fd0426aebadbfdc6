//! Versioned messages, a bounded canonical codec, signed envelopes and frames over byte slices (PROTOCOL 3, 6).
//!
//! Everything here reads bytes that an attacker chose. A decoder never panics, allocates in proportion to what has
//! arrived and not to what a length claims, refuses trailing bytes, and accepts exactly one encoding of each value.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod codec;
pub mod dossier;
pub mod envelope;
pub mod frame;
pub mod link;
pub mod message;
pub mod signing;

pub use codec::{Bytes, DecodeError, Seq, Text};
pub use envelope::{Envelope, OpenError, Sealed};
pub use message::{
    Body, Closing, DealingDigest, Grievance, Lock, MAX_PARTIES, MessageDigest, MessageKind, RoundId, Secret32, Set,
    SetDigest, SetEntry, ShareContent, SignedHeader, Until, Vote,
};
pub use signing::{Signer, Verify, verify};

/// Version of the wire format; a peer with another one is refused at Hello.
pub const PROTOCOL_VERSION: u16 = 3;
