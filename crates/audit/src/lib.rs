//! The record of what happened: typed events, JSON Lines, an append-only file (PROTOCOL 8).
//!
//! A record is drafted by whoever takes a step ([`Draft`]), numbered inside the transaction of that step, and
//! written as one line of JSON ([`Line`]). The file of lines follows the store ([`AuditFile`]); anyone may read
//! it back ([`Reader`], [`timeline`]). The bytes of a line never change once it is written, because they are to
//! be leaves of a Merkle tree: a line has one spelling only, and [`Record::parse`] refuses every other.
//!
//! # Security
//! The reader of a log is curious. So the types here have no place for a figure, share, seed, key or blinding:
//! names have a small alphabet, digests are of things on a closed list ([`DigestOf`]), none of them guessable,
//! and free text is only a reason or a person's name. Text that comes from a peer is stripped of control and
//! direction characters and cut, so that it can forge neither a line nor what a terminal shows.

mod event;
mod file;
mod read;
mod record;
mod timeline;
mod words;

pub use event::{Approver, Event, Source};
pub use file::{AuditFile, FileError};
pub use read::{ReadError, Reader};
pub use record::{BadLine, Draft, Line, MAX_LINE, Record, RoundRef};
pub use timeline::timeline;
pub use words::{Actor, BadWord, Digest, DigestOf, Direction, Name, Outcome, RoundId, Text, Time};
