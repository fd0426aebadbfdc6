//! The agreement and the round as a sans-IO state machine (PROTOCOL 1 to 4).
//!
//! Nothing here knows a file, a socket, a clock or the operating system's randomness: generator, signer and time are
//! arguments. Whatever comes from a peer is judged here, so every buffer and count that a peer could choose is bounded.
#![cfg_attr(not(test), no_std)]
extern crate alloc;

pub mod agreement;
mod armour;
pub mod card;
pub mod recovery;
pub mod round;

/// Whether rules can be switched off in this build: never in a program that people run.
pub const WEAKENED: bool = cfg!(feature = "weakened");
