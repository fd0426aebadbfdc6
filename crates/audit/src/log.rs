//! A party's log as its daemon keeps it: the file of lines and the file of hashes beside it (PROTOCOL 8).

use std::fs::File;
use std::path::Path as FilePath;

use crate::file::{AuditFile, FileError};
use crate::hashes::{HashFile, HashesError};
use crate::record::Line;
use crate::tree::{Path, Root};

/// The lines, in the folder of the log.
const LINES: &str = "log.jsonl";
/// The hashes of the tree over them.
const HASHES: &str = "log.hashes";

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Its lines.
    #[error(transparent)]
    Lines(#[from] FileError),
    /// Its hashes.
    #[error(transparent)]
    Hashes(#[from] HashesError),
}

/// A log, open for appending. One process holds it at a time.
#[derive(Debug)]
pub struct Log {
    lines: AuditFile,
    hashes: HashFile,
}

impl Log {
    /// Opens the log in `folder`, and makes it where it is not there. Reads it once: what of the hashes does not agree with
    /// the lines is made anew.
    ///
    /// # Errors
    /// Where one of the files cannot be used, or another process holds them.
    pub fn open(folder: &FilePath) -> Result<Self, LogError> {
        let lines = AuditFile::open(&folder.join(LINES))?;
        let read = File::open(lines.path()).map_err(HashesError::Log)?;
        let hashes = HashFile::open(&folder.join(HASHES), read)?;
        Ok(Self { lines, hashes })
    }

    /// The file of lines.
    #[must_use]
    pub fn path(&self) -> &FilePath {
        self.lines.path()
    }

    /// The last record's line.
    #[must_use]
    pub fn last(&self) -> Option<&Line> {
        self.lines.last()
    }

    /// How many records both files have.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.lines.last_seq().min(self.hashes.size())
    }

    /// Appends lines, from record [`Log::size`] + 1 on. Not synced.
    ///
    /// # Errors
    /// When writing fails. A file that has them already, because the other one failed before, is left as it is.
    pub fn append(&mut self, lines: &[Line]) -> Result<(), LogError> {
        let lacks = |size: u64| lines.get(lines.partition_point(|line| line.seq <= size)..).unwrap_or_default();
        self.lines.append(lacks(self.lines.last_seq()))?;
        self.hashes.append(lacks(self.hashes.size()))?;
        Ok(())
    }

    /// Makes the lines durable: before a checkpoint that covers them leaves the node. The hashes are derived and need it
    /// not.
    ///
    /// # Errors
    /// When the operating system cannot.
    pub fn sync(&mut self) -> Result<(), LogError> {
        Ok(self.lines.sync()?)
    }

    /// The root over all records. To be signed only after [`Log::sync`].
    #[must_use]
    pub fn root(&self) -> Root {
        self.hashes.root()
    }

    /// The root over the first `size` records.
    ///
    /// # Errors
    /// Where there are fewer, or the hashes cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Root, LogError> {
        Ok(self.hashes.root_at(size)?)
    }

    /// The proof that the first `size` records begin with the first `earlier`.
    ///
    /// # Errors
    /// Where they do not, there are fewer, or the hashes cannot be read.
    pub fn consistency(&self, earlier: u64, size: u64) -> Result<Path, LogError> {
        Ok(self.hashes.consistency(earlier, size)?)
    }
}
