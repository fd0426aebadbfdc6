//! The file of lines, which follows the store (PROTOCOL 8).
//!
//! A record is born in the store; this file is its copy for people and tools. So a line that a crash cut off is
//! no loss: it is removed when the file is opened, and the store gives it again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::read::parse;
use crate::record::{BadLine, Line, MAX_LINE};

/// Why the log file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The last whole line is no record.
    #[error("{}: the last record is damaged: {why}; move the file away to have it written anew from the store", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: BadLine,
    },
    /// It does not go on where the sealed files end.
    #[error(
        "{}: it begins with record {found}, and after the sealed files comes {expected}; move the file away to have it written \
         anew from the store",
        path.display()
    )]
    Begins {
        /// The file.
        path: PathBuf,
        /// The record that it should begin with.
        expected: u64,
        /// The one that it begins with.
        found: u64,
    },
    /// A line given to be appended is not the next one.
    #[error("{}: record {found} cannot be appended, the next one is {expected}", path.display())]
    Gap {
        /// The file.
        path: PathBuf,
        /// The number that the next record must have.
        expected: u64,
        /// The number that it has.
        found: u64,
    },
}

/// The append-only log file, open for writing.
#[derive(Debug)]
pub struct AuditFile {
    path: PathBuf,
    file: File,
    length: u64,
    /// Records before it, in other files.
    before: u64,
    last: Option<Line>,
    cut: u64,
    unsynced: bool,
    buffer: Vec<u8>,
}

impl AuditFile {
    /// Opens the log, creates it (mode 0600, its directory 0700) where it is not there, and removes a last line
    /// that a crash cut off.
    ///
    /// # Errors
    /// When the file cannot be read or written, or its last whole line is no record.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::open_after(path, 0)
    }

    /// As [`AuditFile::open`], of a log whose first `before` records are in other files.
    ///
    /// # Errors
    /// Those, and where the file begins with another record than the next one.
    pub fn open_after(path: &Path, before: u64) -> Result<Self, FileError> {
        let io = |doing, source| FileError::Io { doing, path: path.to_owned(), source };
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|e| io("create", e))?;
        let new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|e| io("open", e))?;
        if new {
            sync_folder(directory).map_err(|e| io("sync the directory of", e))?;
        }
        let size = file.metadata().map_err(|e| io("read", e))?.len();
        let tail = Tail::read(&file, size).map_err(|e| io("read", e))?;
        let bad = |why| FileError::Bad { path: path.to_owned(), why };
        let length = size - tail.torn.ok_or(BadLine::TooLong).map_err(bad)?;
        if length < size {
            file.set_len(length).and_then(|()| file.sync_data()).map_err(|e| io("mend", e))?;
        }
        let last = match tail.last {
            None if length == 0 => None,
            None => return Err(bad(BadLine::TooLong)),
            Some(bytes) => Some(parse(&bytes).map_err(bad)?.to_line()),
        };
        if length > 0 {
            let found = parse(&first_line(&file, length).map_err(|e| io("read", e))?).map_err(bad)?.seq;
            if found != before + 1 {
                return Err(FileError::Begins { path: path.to_owned(), expected: before + 1, found });
            }
        }
        let (path, cut) = (path.to_owned(), size - length);
        Ok(Self { path, file, length, before, last, cut, unsynced: false, buffer: Vec::new() })
    }

    /// How many records come before it, in other files.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// Bytes of whole lines.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Ends the file under another name: it is synced, renamed and read-only, and so are the names durable. Nothing may be
    /// appended to it any more. A crash at any point leaves it whole, under one name or the other.
    ///
    /// # Errors
    /// When the operating system cannot. Whether it has the new name is told by that name.
    pub(crate) fn seal(&mut self, to: &Path) -> Result<(), FileError> {
        self.sync()?;
        let io = |doing, source| FileError::Io { doing, path: to.to_owned(), source };
        let folders = [to.parent(), self.path.parent()];
        if let Some(folder) = folders[0] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|e| io("create the folder of", e))?;
        }
        fs::rename(&self.path, to).map_err(|e| io("rename the log to", e))?;
        // The new name first: with neither durable the file would be gone.
        folders.into_iter().flatten().try_for_each(sync_folder).map_err(|e| io("sync the folder of", e))?;
        read_only(to)
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the last record; for an empty file that of the last one before it.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last.as_ref().map_or(self.before, |line| line.seq)
    }

    /// The last record's line.
    #[must_use]
    pub fn last(&self) -> Option<&Line> {
        self.last.as_ref()
    }

    /// How many bytes of a cut-off last line were removed when the file was opened.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Appends lines. They must continue the numbers of the file. Not synced.
    ///
    /// # Errors
    /// On a gap, before anything is written, and when writing fails; then the file is as it was.
    pub fn append(&mut self, lines: &[Line]) -> Result<(), FileError> {
        self.buffer.clear();
        for (line, expected) in lines.iter().zip(self.last_seq() + 1..) {
            if line.seq != expected {
                return Err(FileError::Gap { path: self.path.clone(), expected, found: line.seq });
            }
            self.buffer.extend_from_slice(line.text.as_bytes());
            self.buffer.push(b'\n');
        }
        let Some(last) = lines.last() else { return Ok(()) };
        if let Err(source) = self.file.write_all(&self.buffer) {
            // Half a line must not stand before the next one. If this fails too, opening the file mends it.
            let _ = self.file.set_len(self.length);
            return Err(FileError::Io { doing: "append to", path: self.path.clone(), source });
        }
        self.length += self.buffer.len() as u64;
        self.last = Some(last.clone());
        self.unsynced = true;
        Ok(())
    }

    /// Makes what was appended durable. Before a checkpoint that covers a record leaves the node (PROTOCOL 8).
    ///
    /// # Errors
    /// When the operating system cannot.
    pub fn sync(&mut self) -> Result<(), FileError> {
        if self.unsynced {
            let io = |source| FileError::Io { doing: "sync", path: self.path.clone(), source };
            self.file.sync_data().map_err(io)?;
            self.unsynced = false;
        }
        Ok(())
    }
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Lets nobody write the file, its owner included.
pub(crate) fn read_only(path: &Path) -> Result<(), FileError> {
    let io = |source| FileError::Io { doing: "make read-only", path: path.to_owned(), source };
    fs::set_permissions(path, fs::Permissions::from_mode(0o400)).map_err(io)
}

/// The first line; what of it fits into one, where it is longer.
pub(crate) fn first_line(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let most = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_LINE + 1);
    let mut bytes = vec![0; most];
    file.read_exact_at(&mut bytes, 0)?;
    let end = bytes.iter().position(|&byte| byte == b'\n');
    bytes.truncate(end.unwrap_or(most));
    Ok(bytes)
}

/// The last whole line of a file of this size; none where there is none.
pub(crate) fn last_line(file: &File, size: u64) -> io::Result<Option<Vec<u8>>> {
    Tail::read(file, size).map(|tail| tail.last)
}

/// What stands at the end of a log.
struct Tail {
    /// Bytes after the last line end; none if they are more than a line can have.
    torn: Option<u64>,
    /// The last whole line; none if there is none, or none that could be one.
    last: Option<Vec<u8>>,
}

impl Tail {
    /// Looks at no more than the last two lines can have.
    fn read(file: &File, size: u64) -> io::Result<Self> {
        let mut window: u64 = 4096;
        loop {
            let from = size.saturating_sub(window);
            let mut bytes = vec![0; usize::try_from(size - from).unwrap_or(0)];
            file.read_exact_at(&mut bytes, from)?;
            let whole = from == 0;
            let enough = bytes.len() > 2 * (MAX_LINE + 1);
            let end = bytes.iter().rposition(|&b| b == b'\n');
            let start = end.and_then(|end| bytes[..end].iter().rposition(|&b| b == b'\n'));
            match (end, start) {
                (Some(end), Some(start)) => return Ok(Self::of(&bytes, start + 1, end)),
                (Some(end), None) if whole => return Ok(Self::of(&bytes, 0, end)),
                (None, _) if whole => {
                    let torn = (bytes.len() <= MAX_LINE).then_some(bytes.len() as u64);
                    return Ok(Self { torn, last: None });
                }
                _ if enough => return Ok(Self { torn: end.map(|end| (bytes.len() - end - 1) as u64), last: None }),
                _ => window *= 4,
            }
        }
    }

    fn of(bytes: &[u8], start: usize, end: usize) -> Self {
        Self { torn: Some((bytes.len() - end - 1) as u64), last: Some(bytes[start..end].to_vec()) }
    }
}
