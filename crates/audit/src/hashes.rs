//! The file of hashes beside the log, which proofs are made from (PROTOCOL 8).
//!
//! It holds each hash of the tree once it is final, 32 bytes each, in the order of `tlog_tiles`: less than two for a
//! record. It is derived: whoever opens it reads the log once, keeps what agrees, and writes the rest anew. So a crash
//! between log and file, a lost file or a damaged one is no fault, and never a reason to sign a wrong root. Of sealed
//! files nothing is read again where the file leads to the root that is known of them. What it says of any size is
//! checked against the root over all records before it is believed.

mod mend;

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use tlog_tiles::tlog::{self, Hash, HashReader};

use self::mend::{Lines, Mend};
use crate::record::Line;
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
    /// The hashes in the file are not those of the tree.
    #[error(
        "the file of hashes is damaged: stop the daemon and remove log.hashes, it is made anew from the log; where records are \
         deleted already, put a copy of it back instead"
    )]
    Damaged,
}

/// How far a log is known for sure: its first records, and the root over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// So many records.
    pub size: u64,
    /// The root over them.
    pub root: Root,
}

impl Default for Anchor {
    fn default() -> Self {
        Self { size: 0, root: Root::EMPTY }
    }
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
        Self::derive(Self::lock(path)?, log)
    }

    /// Opens the file alone, and holds it.
    pub(crate) fn lock(path: &Path) -> Result<File, HashesError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(io("open"))?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => HashesError::Held,
            std::fs::TryLockError::Error(source) => HashesError::Io { doing: "lock", source },
        })?;
        Ok(file)
    }

    /// The tree of the first `size` records as the file of hashes at `path` has it: where those records are deleted, all
    /// that is left of them. The file is not held.
    ///
    /// # Errors
    /// Where it cannot be read, or has fewer hashes.
    ///
    /// # Security
    /// Whoever wrote the file may have written anything. It counts only where it leads to a root that is known.
    pub(crate) fn left_of(path: &Path, size: u64) -> Result<Self, HashesError> {
        let file = File::open(path).map_err(io("open"))?;
        let tree = grown(&file, size)?;
        Ok(Self { file, length: tlog::stored_hash_count(size), tree, dropped: 0 })
    }

    /// Makes a file of hashes of what is left of deleted records and of the log after them, in `file`: such as an unnamed
    /// one for a single proof.
    ///
    /// # Errors
    /// As for [`HashFile::derive`].
    pub(crate) fn derive_after(file: File, left: &Self, log: impl Read) -> Result<Self, HashesError> {
        let mut to = &file;
        let mut from = &left.file;
        from.seek(SeekFrom::Start(0)).map_err(io("read"))?;
        io::copy(&mut from.take(left.length * HASH), &mut to).map_err(io("write"))?;
        Self::derive_on(file, left.tree.clone(), log)
    }

    /// Brings `file` up to `log`, such as an unnamed one for a single proof.
    ///
    /// # Errors
    /// As for [`HashFile::open`], but the lock.
    pub fn derive(file: File, log: impl Read) -> Result<Self, HashesError> {
        Self::derive_on(file, Tree::default(), log)
    }

    /// As [`HashFile::derive`], on a tree whose hashes are in the file. The log is what comes after it.
    pub(crate) fn derive_on(file: File, tree: Tree, log: impl Read) -> Result<Self, HashesError> {
        let mut mend = Mend::of(&file, tlog::stored_hash_count(tree.size()))?;
        let mut tree = tree;
        let mut lines = Lines::of(log);
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

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
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

    /// Checks that the file has the very hashes of the lines that follow the first `after` records: before lines are
    /// deleted, after which nothing makes their hashes anew.
    ///
    /// # Errors
    /// [`HashesError::Damaged`] where it has others, and where file or log cannot be read.
    pub(crate) fn agrees(&self, after: u64, log: impl Read) -> Result<(), HashesError> {
        let mut tree = grown(&self.file, after)?;
        let mut from = BufReader::with_capacity(1 << 16, &self.file);
        from.seek(SeekFrom::Start(tlog::stored_hash_count(after) * HASH)).map_err(io("read"))?;
        let mut lines = Lines::of(log);
        while let Some(line) = lines.next(tree.size() + 1)? {
            let (mut found, mut same) = ([0; 32], Ok(true));
            tree.push_leaf(tlog::record_hash(line).0, |hash| {
                if matches!(same, Ok(true)) {
                    same = from.read_exact(&mut found).map(|()| found == *hash);
                }
            });
            if !same.map_err(io("read"))? {
                return Err(HashesError::Damaged);
            }
        }
        if tree.root() == self.root_at(tree.size())? { Ok(()) } else { Err(HashesError::Damaged) }
    }

    /// Makes the hashes durable.
    ///
    /// # Errors
    /// When the operating system cannot.
    pub(crate) fn sync(&self) -> Result<(), HashesError> {
        self.file.sync_data().map_err(io("sync"))
    }

    /// The root over the first `size` records.
    ///
    /// # Errors
    /// Where the log has fewer, or the file cannot be read.
    pub fn root_at(&self, size: u64) -> Result<Root, HashesError> {
        self.at_most(size)?;
        let root = self.read(|reader| tlog::tree_hash(size, reader)).map(|root| Root(root.0))?;
        // The file is not read when it is opened: what it says counts if it leads to the root that is known.
        let path = self.path(size, self.size())?;
        tree::check_consistency(size, &root, self.size(), &self.root(), &path).map_err(|_| HashesError::Damaged)?;
        Ok(root)
    }

    /// The proof that record `seq`, from 1, is in the tree of the first `size`.
    ///
    /// # Errors
    /// Where it is not, the log has fewer, or the file cannot be read.
    pub fn inclusion(&self, seq: u64, size: u64) -> Result<tree::Path, HashesError> {
        self.at_most(size)?;
        let index = seq.checked_sub(1).filter(|index| *index < size);
        let index = index.ok_or(HashesError::Beyond { size, asked: seq })?;
        let path = self.read(|reader| tlog::prove_record(size, index, reader)).map(path)?;
        let leaf = self.read(|reader| reader.read_hashes(&[tlog::stored_hash_index(0, index)]))?;
        let leaf = leaf.first().ok_or(HashesError::Damaged)?.0;
        tree::check_inclusion(&leaf, index, size, &self.root_at(size)?, &path).map_err(|_| HashesError::Damaged)?;
        Ok(path)
    }

    /// The proof that the tree of the first `size` records begins with that of the first `earlier`.
    ///
    /// # Errors
    /// Where it does not, the log has fewer, or the file cannot be read.
    pub fn consistency(&self, earlier: u64, size: u64) -> Result<tree::Path, HashesError> {
        self.at_most(size)?;
        if earlier > size {
            return Err(HashesError::Beyond { size, asked: earlier });
        }
        let path = self.path(earlier, size)?;
        let (from, to) = (self.root_at(earlier)?, self.root_at(size)?);
        tree::check_consistency(earlier, &from, size, &to, &path).map_err(|_| HashesError::Damaged)?;
        Ok(path)
    }

    fn path(&self, earlier: u64, size: u64) -> Result<tree::Path, HashesError> {
        match earlier {
            0 => Ok(Vec::new()),
            _ => self.read(|reader| tlog::prove_tree(size, earlier, reader)).map(path),
        }
    }

    fn at_most(&self, size: u64) -> Result<(), HashesError> {
        if size > self.size() { Err(HashesError::Beyond { size: self.size(), asked: size }) } else { Ok(()) }
    }

    fn read<T>(&self, read: impl FnOnce(&Stored<'_>) -> Result<T, tlog::Error>) -> Result<T, HashesError> {
        let stored = Stored { file: &self.file, failed: RefCell::new(None) };
        read(&stored).map_err(|_| stored.error())
    }
}

fn io(doing: &'static str) -> impl FnOnce(io::Error) -> HashesError {
    move |source| HashesError::Io { doing, source }
}

/// The tree of the first `size` records, from its hashes in the file. Nothing is checked.
pub(crate) fn grown(file: &File, size: u64) -> Result<Tree, HashesError> {
    let stored = Stored { file, failed: RefCell::new(None) };
    let places: Vec<u64> = Tree::places(size).collect();
    let full = stored.read_hashes(&places).map_err(|_| stored.error())?;
    Ok(Tree::grown(size, path(full)))
}

/// The root over the records up to `to` that follow `tree` in the log.
pub(crate) fn root_of(tree: &Tree, to: u64, log: impl Read) -> Result<Root, HashesError> {
    let mut tree = tree.clone();
    let mut lines = Lines::of(log);
    while tree.size() < to {
        let Some(line) = lines.next(tree.size() + 1)? else { break };
        tree.push_leaf(tlog::record_hash(line).0, |_| ());
    }
    Ok(tree.root())
}

fn path(hashes: Vec<Hash>) -> tree::Path {
    hashes.into_iter().map(|hash| hash.0).collect()
}

/// Hashes of the file by their place.
struct Stored<'a> {
    file: &'a File,
    failed: RefCell<Option<io::Error>>,
}

impl Stored<'_> {
    fn error(&self) -> HashesError {
        match self.failed.take() {
            Some(source) if source.kind() != ErrorKind::UnexpectedEof => HashesError::Io { doing: "read", source },
            _ => HashesError::Damaged,
        }
    }
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
