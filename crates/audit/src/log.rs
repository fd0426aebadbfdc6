//! A party's log as its daemon keeps it: the file of lines, the sealed ones before it, and the file of hashes beside them
//! (PROTOCOL 8.5).

use std::fs::{self, File};
use std::io;
use std::path::{Path as FilePath, PathBuf};

use crate::file::{AuditFile, FileError, last_line, read_only, sync_folder};
use crate::hashes::{Anchor, HashFile, HashesError, grown, root_of};
use crate::read::parse;
use crate::record::Line;
use crate::segments::{ACTIVE, Files, Joined, Segment};
use crate::tree::{Path, Root, Tree};

/// The hashes of the tree over the lines.
pub(crate) const HASHES: &str = "log.hashes";

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Its lines.
    #[error(transparent)]
    Lines(#[from] FileError),
    /// Its hashes.
    #[error(transparent)]
    Hashes(#[from] HashesError),
    /// Its folder cannot be read.
    #[error("cannot read the log in {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The reason of the operating system.
        source: io::Error,
    },
    /// Two sealed files have the same records.
    #[error("{}: it has records that another sealed file has too: move away the one that was put there", path.display())]
    Overlaps {
        /// The later one.
        path: PathBuf,
    },
    /// Records that the tree cannot do without are in no file.
    #[error(
        "{}: the records {first} to {last} are in no file, and log.hashes does not lead to the root that is known: put the \
         missing file back, or log.hashes as it was",
        folder.display()
    )]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Neither hashes nor lines lead to what was sealed or deleted.
    #[error(
        "{}: the first {size} records are not those that were sealed: log.hashes is damaged, and the sealed files do not mend \
         it; put a copy of log.hashes back, or of the file that was changed: smpcd audit verify",
        folder.display()
    )]
    Lost {
        /// The folder.
        folder: PathBuf,
        /// So many.
        size: u64,
    },
}

/// What the store knows of a log's past, whatever its files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Up to here it was deleted.
    pub deleted: Anchor,
    /// Up to here it was sealed, by a record that says so.
    pub sealed: Anchor,
}

/// A log, open for appending. One process holds it at a time.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    lines: AuditFile,
    /// The file of lines was sealed, and the next one could not be opened yet.
    over: bool,
    hashes: HashFile,
    sealed: Vec<Segment>,
    missing: Vec<(u64, u64)>,
}

impl Log {
    /// Opens the log in `folder`, and makes it where it is not there. Finishes what a crash left of sealing and deleting.
    /// Reads what is not sealed once: what of the hashes does not agree with it is made anew. What is sealed is read only
    /// where the hashes do not lead to its root.
    ///
    /// # Errors
    /// Where one of the files cannot be used, or another process holds them; where the root of what is sealed can neither
    /// be had from the hashes nor from the sealed files. Nothing is changed then that could still be mended.
    pub fn open(folder: &FilePath, past: &Past) -> Result<Self, LogError> {
        let unread = |source| LogError::Folder { folder: folder.to_owned(), source };
        let files = finish_deleting(folder, past).map_err(unread)?;
        let (missing, twice) = files.gaps(past.deleted.size);
        if let Some(segment) = twice {
            return Err(LogError::Overlaps { path: segment.path.clone() });
        }
        let last = files.sealed().last().map_or(past.deleted.size, |segment| segment.last);
        let mut missing = missing;
        if last < past.sealed.size {
            missing.push((last + 1, past.sealed.size));
        }
        for segment in unrecorded(files.sealed(), past) {
            read_only(&segment.path)?;
        }
        let lines = AuditFile::open_after(&folder.join(ACTIVE), last.max(past.sealed.size))?;
        let hashes = HashFile::lock(&folder.join(HASHES))?;
        let read = |after: u64| -> io::Result<Joined> {
            Ok(files.read_after(after, Some((File::open(lines.path())?, lines.length()))))
        };
        let tree = Self::tree(folder, &hashes, past, &missing, read)?;
        let log = read(tree.size()).map_err(HashesError::Log)?;
        let hashes = HashFile::derive_on(hashes, tree, log)?;
        let sealed = files.sealed().to_vec();
        Ok(Self { folder: folder.to_owned(), lines, over: false, hashes, sealed, missing })
    }

    /// The tree that the rest of the log is put on: what is sealed, or else what is deleted.
    fn tree(
        folder: &FilePath,
        hashes: &File,
        past: &Past,
        missing: &[(u64, u64)],
        read: impl Fn(u64) -> io::Result<Joined>,
    ) -> Result<Tree, LogError> {
        let known = |anchor: &Anchor| match grown(hashes, anchor.size) {
            Ok(tree) => Ok(Some(tree).filter(|tree| tree.root() == anchor.root)),
            Err(HashesError::Damaged) => Ok(None),
            Err(error) => Err(error),
        };
        let all_there = |tree: &Tree| match missing.iter().find(|(_, last)| *last > tree.size()) {
            Some(&(first, last)) => Err(LogError::Missing { folder: folder.to_owned(), first, last }),
            None => Ok(()),
        };
        if let Some(tree) = known(&past.sealed)? {
            all_there(&tree)?;
            return Ok(tree);
        }
        let lost = || LogError::Lost { folder: folder.to_owned(), size: past.sealed.size };
        let tree = known(&past.deleted)?.ok_or_else(lost)?;
        all_there(&tree)?;
        // Read once before anything is written over: the hashes of what is deleted exist nowhere else.
        let log = read(tree.size()).map_err(HashesError::Log)?;
        if root_of(&tree, past.sealed.size, log)? != past.sealed.root {
            return Err(lost());
        }
        Ok(tree)
    }

    /// The file of lines that is written.
    #[must_use]
    pub fn path(&self) -> &FilePath {
        self.lines.path()
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        if self.over { 0 } else { self.lines.length() }
    }

    /// The last record's line, and the file that it is in. None where there is no record, or the last one is in a sealed
    /// file that the store knows of.
    ///
    /// # Errors
    /// Where a sealed file cannot be read.
    pub fn last(&self, past: &Past) -> Result<Option<(Line, PathBuf)>, LogError> {
        if let Some(line) = self.lines.last() {
            return Ok(Some((line.clone(), self.lines.path().to_owned())));
        }
        let Some(segment) = unrecorded(&self.sealed, past).last() else { return Ok(None) };
        let path = segment.path.clone();
        let io = |source| FileError::Io { doing: "read", path: path.clone(), source };
        let file = File::open(&path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let bytes = last_line(&file, size).map_err(io)?.unwrap_or_default();
        let bad = |why| FileError::Bad { path: path.clone(), why };
        Ok(Some((parse(&bytes).map_err(bad)?.to_line(), path)))
    }

    /// How many records both files have.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.lines.last_seq().min(self.hashes.size())
    }

    /// The sealed files, in order.
    #[must_use]
    pub fn sealed(&self) -> &[Segment] {
        &self.sealed
    }

    /// Records that should be in sealed files and are in none: the first and last of each gap.
    #[must_use]
    pub fn missing(&self) -> &[(u64, u64)] {
        &self.missing
    }

    /// Appends lines, from record [`Log::size`] + 1 on. Not synced.
    ///
    /// # Errors
    /// When writing fails. A file that has them already, because the other one failed before, is left as it is.
    pub fn append(&mut self, lines: &[Line]) -> Result<(), LogError> {
        self.begin()?;
        let lacks = |size: u64| lines.get(lines.partition_point(|line| line.seq <= size)..).unwrap_or_default();
        self.lines.append(lacks(self.lines.last_seq()))?;
        self.hashes.append(lacks(self.hashes.size()))?;
        Ok(())
    }

    /// Seals the file of lines, and begins the next one. Gives the sealed one; none where there is no record in it. A crash
    /// at any point loses nothing: the file is whole, under its old name or its new one.
    ///
    /// # Errors
    /// When the operating system cannot. The log goes on in any case: the next file is begun with the next record.
    pub fn seal(&mut self) -> Result<Option<Segment>, LogError> {
        self.begin()?;
        let Some(last) = self.lines.last().map(|line| line.seq) else { return Ok(None) };
        let before = self.lines.before();
        let segment = Segment::new(&self.folder, before + 1, last);
        let sealed = self.lines.seal(&segment.path);
        // From the rename on it is sealed, whatever failed after it.
        if segment.path.exists() {
            self.over = true;
            self.sealed.push(segment.clone());
        }
        sealed?;
        self.begin()?;
        Ok(Some(segment))
    }

    /// Begins the file of lines where the last one was sealed.
    fn begin(&mut self) -> Result<(), LogError> {
        if self.over {
            self.lines = AuditFile::open_after(&self.folder.join(ACTIVE), self.lines.last_seq())?;
            self.over = false;
        }
        Ok(())
    }

    /// Makes sure that the oldest sealed file can be done without: the hashes of its records are right and durable.
    ///
    /// # Errors
    /// Where they are not.
    pub fn may_delete_oldest(&self) -> Result<(), LogError> {
        if let Some(segment) = self.sealed.first() {
            let lines = File::open(&segment.path).map_err(HashesError::Log)?;
            self.hashes.agrees(segment.first - 1, lines)?;
            self.hashes.sync()?;
        }
        Ok(())
    }

    /// Deletes the oldest sealed file. That it is deleted has to be on record, durably, and known to the store.
    ///
    /// # Errors
    /// When the operating system cannot. It is deleted when the log is opened next, then.
    pub fn delete_oldest(&mut self) -> Result<(), LogError> {
        if self.sealed.is_empty() {
            return Ok(());
        }
        let segment = self.sealed.remove(0);
        let io = |source| FileError::Io { doing: "delete", path: segment.path.clone(), source };
        fs::remove_file(&segment.path).map_err(io)?;
        segment.path.parent().map_or(Ok(()), sync_folder).map_err(io)?;
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
    /// Where there are fewer, or the hashes cannot be read or are damaged.
    pub fn root_at(&self, size: u64) -> Result<Root, LogError> {
        Ok(self.hashes.root_at(size)?)
    }

    /// The proof that the first `size` records begin with the first `earlier`.
    ///
    /// # Errors
    /// Where they do not, there are fewer, or the hashes cannot be read or are damaged.
    pub fn consistency(&self, earlier: u64, size: u64) -> Result<Path, LogError> {
        Ok(self.hashes.consistency(earlier, size)?)
    }
}

/// Sealed files that the store has no record of: a crash came between.
fn unrecorded<'a>(sealed: &'a [Segment], past: &Past) -> impl Iterator<Item = &'a Segment> {
    let size = past.sealed.size;
    sealed.iter().filter(move |segment| segment.last > size)
}

/// Deletes what is on record as deleted and is still there. Gives the files that remain.
fn finish_deleting(folder: &FilePath, past: &Past) -> io::Result<Files> {
    let files = Files::list(folder)?;
    let (gone, _): (Vec<&Segment>, Vec<_>) =
        files.sealed().iter().partition(|segment| segment.last <= past.deleted.size);
    if gone.is_empty() {
        return Ok(files);
    }
    for segment in gone {
        fs::remove_file(&segment.path)?;
        segment.path.parent().map_or(Ok(()), sync_folder)?;
    }
    Files::list(folder)
}
