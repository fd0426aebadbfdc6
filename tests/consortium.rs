//! Whole consortia of real daemons: what parties compute is exact at every one of them, and what people do between the
//! start of a round and its end has the consequences that the README promises.
//!
//! The daemons are processes with their own directories, keys and certificates, linked over TLS on loopback.

mod support;

#[path = "consortium/exactness.rs"]
mod exactness;
#[path = "consortium/people.rs"]
mod people;
#[path = "consortium/process.rs"]
mod process;
