//! Written next.

#![allow(clippy::unwrap_used)] // A test that cannot set its scene fails.
