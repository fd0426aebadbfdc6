//! The result of a round: one compact file, and what people and programs read of it (PROTOCOL 4.7).
//!
//! `result.bin` is written chunk by chunk while the totals are decoded, and is the only thing that the round itself
//! writes. It holds all that is needed to render it when the agreement has long changed. JSON, CSV and tables are made
//! of it afterwards, also chunk by chunk: a result of 10^8 cells is never held whole.
//!
//! The layout, all integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `smpcdres` |
//! | 2 | version, 1 |
//! | 2 | bytes of a cell: 8 for Field64, 16 for Field128, whose totals always fit |
//! | 4 | columns |
//! | 8 | rows |
//! | cells | the totals, row-major, two's complement |
//! | n | [`ResultMeta`] as JSON |
//! | 8 | n |
//! | 32 | BLAKE3 of all that stands before it, under a label of its own |
//!
//! # Security
//! The totals are for the result parties alone: files have mode 0600 and their directories 0700. The hash finds
//! damage, not a forger: whoever may write the file may write a hash too. Against a forger stands the bundle
//! (PROTOCOL 5.5). All functions block; the daemon calls them on its pool for such work.

mod atomic;
mod csv;
mod figures;
mod json;
mod meta;
mod place;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

pub use atomic::write_atomically;
pub(crate) use csv::push_field;
pub use figures::ratio_unit;
pub use meta::{MOST_PARTIAL_CELLS, PartialSum, ResultColumn, ResultMeta, ResultRatio, ResultRows};
pub use place::Place;
pub use reader::{Blocks, ResultFile};
pub use writer::{Finished, ResultWriter, Shape};

/// What a result file begins with.
const MAGIC: [u8; 8] = *b"smpcdres";

/// The version of the layout above.
const VERSION: u16 = 1;

/// Bytes before the cells.
const HEAD: usize = 24;

/// Bytes after the description: its length and the hash.
const TAIL: usize = 40;

/// Domain of the hash (PROTOCOL 1.1).
const HASH_LABEL: &str = "smpcd/1/result-file";

/// Why a result could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// There is none.
    #[error(
        "there is no result of {computation}/{period} here: `smpcd round show {computation}/{period}` says where the round is"
    )]
    None {
        /// The computation.
        computation: String,
        /// The period.
        period: String,
    },
    /// Not the name of a round.
    #[error("a round is named COMPUTATION/PERIOD, with a computation of a-z, 0-9 and - and a period such as 2026-Q3")]
    Name,
    /// The operating system failed.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was attempted.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// Bytes are not as they were written.
    #[error("{}: the result file is damaged ({what}): use no figure of it, and restore it from a copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// Written by another version of this program.
    #[error("{}: the result file has version {version}, and this program reads version {VERSION}: use the program that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u16,
    },
    /// The caller gave totals or a description that do not fit the shape: a bug of ours.
    #[error("{}: the result was not written, because {what}: this is a bug in smpcd, please report it", path.display())]
    Misuse {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
}

impl ResultError {
    fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }
}

/// The hash over a result file.
fn file_hasher() -> blake3::Hasher {
    blake3::Hasher::new_derive_key(HASH_LABEL)
}
