//! The file of hashes beside the log, which proofs are made from (PROTOCOL 8).
//!
//! It holds each hash of the tree once it is final, 32 bytes each, in the order of `tlog_tiles`: less than two for a
//! record. It is derived: whoever opens it reads the log once, keeps what agrees, and writes the rest anew. So a crash
//! between log and file, a lost file or a damaged one is no fault, and never a reason to sign a wrong root.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use tlog_tiles::tlog::{self, Hash, HashReader};

use crate::record::{Line, MAX_LINE};
use crate::tree::{self, Root, Tree, leaf_hash};

/// Bytes of a hash.
const HASH: u64 = 32;

/// Why the file of hashes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HashesError {
    /// The operating system refused.
    #[error("cannot {doing} the file of hashes: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Its reason.
        source: io::Error,
    },
    /// The log could not be read.
    #[error("cannot read the log: {0}")]
    Log(io::Error),
    /// A line that no record can be.
    #[error("line {line} of the log is no record: check it with: smpcd audit verify")]
    NoLine {
        /// The line, from 1.
        line: u64,
    },
    /// Another process writes the file.
    #[error("the file of hashes is held by another process: use the log's copy, or stop the daemon")]
    Held,
    /// There is no such record or tree: the caller's mistake.
    #[error("the log has {size} records, there is no proof for {asked}")]
    Beyond {
        /// Records of the log.
        size: u64,
        /// What was asked for.
        asked: u64,
    },
    /// The hashes in the file were changed under our hands.
    #[error("the file of hashes was changed by something else: remove it, it is made anew from the log")]
    Changed,
}

/// The file of hashes of a log, open for appending. One process holds it at a time.
#[derive(Debug)]
pub struct HashFile {
    file: File,
    tree: Tree,
    /// Hashes in the file.
    length: u64,
    dropped: u64,
}

impl HashFile {
    /// Opens the file of hashes at `path`, makes it (mode 0600) where it is not there, and brings it up to `log`: reads
    /// the log once, in bounded memory. A last line without an end does not count.
    ///
    /// # Errors
    /// Where another process holds the file, or one of the two cannot be read or written.
    pub fn open(path: &Path, log: impl Read) -> Result<Self, HashesError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(io("open"))?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => HashesError::Held,
            std::fs::TryLockError::Error(source) => HashesError::Io { doing: "lock", source },
        })?;
        Self::derive(file, log)
    }

    /// Brings `file` up to `log`, such as an unnamed one for a single proof.
    ///
    /// # Errors
    /// As for [`HashFile::open`], but the lock.
    pub fn derive(file: File, log: impl Read) -> Result<Self, HashesError> {
        let mut mend = Mend::of(&file)?;
        let mut tree = Tree::default();
        let mut lines = Lines { from: BufReader::with_capacity(1 << 16, log), bytes: Vec::new() };
        while let Some(line) = lines.next(tree.size() + 1)? {
            let mut made = Ok(());
            tree.push_leaf(tlog::record_hash(line).0, |hash| {
                if made.is_ok() {
                    made = mend.next(hash);
                }
            });
            made?;
        }
        let (length, dropped) = mend.finish()?;
        debug_assert_eq!(length, tlog::stored_hash_count(tree.size()));
        Ok(Self { file, tree, length, dropped })
    }

    /// How many hashes of the file were not the log's when it was opened. They were made anew, or cut off.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Records that the tree covers.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root over all of them.
    #[must_use]
    pub fn root(&self) -> Root {
        self.tree.root()
    }

    /// Adds lines that were appended to the log. Not synced: what a crash takes comes back from the log.
    ///
    /// # Errors
    /// When writing fails; then the file and the tree are as they were.
    pub fn append(&mut self, lines: &[Line]) -> Result<(), HashesError> {
        let mut tree = self.tree.clone();
        let mut bytes = Vec::with_capacity(lines.len() * 64);
        for line in lines {
            tree.push_leaf(leaf_hash(&line.text), |hash| bytes.extend_from_slice(hash));
        }
        self.file.write_all_at(&bytes, self.length * HASH).map_err(io("append to"))?;
        self.length += bytes.len() as u64 / HASH;
        self.tree = tree;
        Ok(())
    }

    /// The root over the first `size` records.
    ///
    /// # Errors
    /// Where the log has fewer, or the file cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Root, HashesError> {
        self.at_most(size)?;
        self.read(|reader| tlog::tree_hash(size, reader)).map(|root| Root(root.0))
    }

    /// The proof that record `seq`, from 1, is in the tree of the first `size`.
    ///
    /// # Errors
    /// Where it is not, the log has fewer, or the file cannot be read.
    pub fn inclusion(&self, seq: u64, size: u64) -> Result<tree::Path, HashesError> {
        self.at_most(size)?;
        let index = seq.checked_sub(1).filter(|index| *index < size);
        let index = index.ok_or(HashesError::Beyond { size, asked: seq })?;
        self.read(|reader| tlog::prove_record(size, index, reader)).map(path)
    }

    /// The proof that the tree of the first `size` records begins with that of the first `earlier`.
    ///
    /// # Errors
    /// Where it does not, the log has fewer, or the file cannot be read.
    pub fn consistency(&self, earlier: u64, size: u64) -> Result<tree::Path, HashesError> {
        self.at_most(size)?;
        match earlier {
            0 => Ok(Vec::new()),
            _ if earlier > size => Err(HashesError::Beyond { size, asked: earlier }),
            _ => self.read(|reader| tlog::prove_tree(size, earlier, reader)).map(path),
        }
    }

    fn at_most(&self, size: u64) -> Result<(), HashesError> {
        if size > self.size() { Err(HashesError::Beyond { size: self.size(), asked: size }) } else { Ok(()) }
    }

    fn read<T>(&self, read: impl FnOnce(&Stored<'_>) -> Result<T, tlog::Error>) -> Result<T, HashesError> {
        let stored = Stored { file: &self.file, failed: RefCell::new(None) };
        read(&stored).map_err(|_| match stored.failed.into_inner() {
            Some(source) if source.kind() != ErrorKind::UnexpectedEof => HashesError::Io { doing: "read", source },
            _ => HashesError::Changed,
        })
    }
}

fn io(doing: &'static str) -> impl FnOnce(io::Error) -> HashesError {
    move |source| HashesError::Io { doing, source }
}

fn path(hashes: Vec<Hash>) -> tree::Path {
    hashes.into_iter().map(|hash| hash.0).collect()
}

/// Hashes of the file by their place.
struct Stored<'a> {
    file: &'a File,
    failed: RefCell<Option<io::Error>>,
}

impl HashReader for Stored<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        let read = |index: &u64| {
            let mut hash = [0; 32];
            self.file.read_exact_at(&mut hash, index * HASH).map(|()| Hash(hash))
        };
        indexes.iter().map(read).collect::<io::Result<_>>().map_err(|error| {
            *self.failed.borrow_mut() = Some(error);
            tlog::Error::IndexesNotInTree
        })
    }
}

/// Lines of a log as bytes, whole ones only.
struct Lines<R> {
    from: BufReader<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Lines<R> {
    fn next(&mut self, number: u64) -> Result<Option<&[u8]>, HashesError> {
        self.bytes.clear();
        let most = MAX_LINE as u64 + 1;
        self.from.by_ref().take(most).read_until(b'\n', &mut self.bytes).map_err(HashesError::Log)?;
        match self.bytes.split_last() {
            Some((b'\n', line)) => Ok(Some(line)),
            _ if self.bytes.len() as u64 == most => Err(HashesError::NoLine { line: number }),
            // Nothing, or a record that is being written.
            _ => Ok(None),
        }
    }
}

/// A file of hashes that is compared with what the log gives, and written from the first difference on.
enum Mend<'a> {
    /// So far it agrees.
    Comparing { from: BufReader<&'a File>, file: &'a File, at: u64, stored: u64 },
    /// From here on it is written.
    Writing { to: BufWriter<&'a File>, at: u64, dropped: u64 },
}

impl<'a> Mend<'a> {
    fn of(file: &'a File) -> Result<Self, HashesError> {
        let length = file.metadata().map_err(io("read"))?.len();
        let mut from = BufReader::with_capacity(1 << 16, file);
        from.seek(SeekFrom::Start(0)).map_err(io("read"))?;
        Ok(Self::Comparing { from, file, at: 0, stored: length.div_ceil(HASH) })
    }

    fn next(&mut self, hash: &[u8; 32]) -> Result<(), HashesError> {
        if let Self::Comparing { from, file, at, stored } = self {
            let mut found = [0; 32];
            let same = match from.read_exact(&mut found) {
                Ok(()) => found == *hash,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => false,
                Err(source) => return Err(HashesError::Io { doing: "read", source }),
            };
            if same {
                *at += 1;
                return Ok(());
            }
            let (mut file, at, dropped) = (*file, *at, stored.saturating_sub(*at));
            file.set_len(at * HASH).map_err(io("mend"))?;
            file.seek(SeekFrom::Start(at * HASH)).map_err(io("mend"))?;
            *self = Self::Writing { to: BufWriter::with_capacity(1 << 16, file), at, dropped };
        }
        let Self::Writing { to, at, .. } = self else { return Ok(()) };
        to.write_all(hash).map_err(io("write"))?;
        *at += 1;
        Ok(())
    }

    /// Hashes in the file, and how many of those that it had did not agree.
    fn finish(self) -> Result<(u64, u64), HashesError> {
        match self {
            Self::Comparing { file, at, stored, .. } => {
                if stored > at {
                    file.set_len(at * HASH).map_err(io("mend"))?;
                }
                Ok((at, stored.saturating_sub(at)))
            }
            Self::Writing { mut to, at, dropped } => {
                to.flush().map_err(io("write"))?;
                Ok((at, dropped))
            }
        }
    }
}
