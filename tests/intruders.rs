//! The network outsider at the door of a real daemon (THREATS): strangers of every kind are refused and logged, a byte
//! changed on the way costs one connection, and in neither case does anything else notice.

// Helpers of a test may panic like the test.
#![allow(clippy::unwrap_used)]

mod support;

#[path = "intruders/changed_bytes.rs"]
mod changed_bytes;
#[path = "intruders/strangers.rs"]
mod strangers;
