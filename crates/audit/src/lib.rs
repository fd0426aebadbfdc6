//! The record of what happened: typed events, JSON Lines, an append-only file, and a Merkle tree over it (PROTOCOL 8).
//!
//! A record is drafted by whoever takes a step ([`Draft`]), numbered inside the transaction of that step, and
//! written as one line of JSON ([`Line`]). The file of lines follows the store ([`AuditFile`]); anyone may read
//! it back ([`Reader`], [`timeline`]). The bytes of a line never change once it is written, because they are
//! leaves of a Merkle tree ([`Tree`], [`HashFile`]): a line has one spelling only, and [`Record::parse`] refuses
//! every other. A party signs the tree's root ([`SignedCheckpoint`]), others keep it ([`Witness`]), and from then on
//! nobody changes or cuts what it covers unseen ([`examine`]). One record is shown with a [`RecordProof`].
//!
//! # Security
//! The reader of a log is curious. So the types here have no place for a figure, share, seed, key or blinding:
//! names have a small alphabet, digests are of things on a closed list ([`DigestOf`]), none of them guessable,
//! and free text is only a reason or a person's name. Text that comes from a peer is stripped of control and
//! direction characters and cut, so that it can forge neither a line nor what a terminal shows.

mod chain;
mod checkpoint;
mod event;
mod examine;
mod export;
mod file;
mod hashes;
mod log;
mod names;
mod note;
mod proof;
mod read;
mod reconcile;
mod record;
mod segments;
mod severity;
mod timeline;
mod tree;
mod whole;
mod witness;
mod words;

pub use chain::{Chain, ChainExamined, ChainFault, put_aside};
pub use checkpoint::{Checkpoint, CheckpointError, LogKey, SignedCheckpoint};
pub use event::{Approver, Event, Source};
pub use examine::{ClockStep, Examined, LogFault, examine};
pub use export::{CSV_HEAD, csv_row, rfc5424};
pub use file::{AuditFile, FileError};
pub use hashes::{Anchor, HashFile, HashesError};
pub use log::{Log, LogError, Past};
pub use note::{MAX_NOTE, Note, NoteError, NoteKey, NoteSigner, SignatureType};
pub use proof::{MAX_PROOF, ProofError, ProvenRecord, RecordProof};
pub use read::{ReadError, Reader};
pub use reconcile::{Difference, Place, Reconciled, Reconciler};
pub use record::{BadLine, Draft, Line, MAX_LINE, Record, RoundRef};
pub use segments::{Joined, Segment};
pub use severity::Severity;
pub use timeline::timeline;
pub use tree::{BadPath, MAX_PATH, Path, Root, Tree, check_consistency, check_inclusion, leaf_hash};
pub use whole::Whole;
pub use witness::{Departure, DepartureKind, LookError, Witness, Witnessed};
pub use words::{Actor, BadWord, Digest, DigestOf, Direction, Name, Outcome, RoundId, Text, Time};
