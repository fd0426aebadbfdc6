//! The network outsider at the door of a real daemon (SECURITY.md): strangers of every kind are refused and logged, a byte
//! changed on the way costs one connection, and in neither case does anything else notice.

#![allow(clippy::unwrap_used)] // A test that cannot set its scene fails.

mod support;

#[path = "intruders/changed_bytes.rs"]
mod changed_bytes;
#[path = "intruders/strangers.rs"]
mod strangers;
