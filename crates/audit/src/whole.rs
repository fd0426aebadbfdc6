//! A log to be read: all files as they were at one moment, beside a running daemon (PROTOCOL 8.5).

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::checkpoint::Checkpoint;
use crate::examine::{Examined, LogFault, Sealed, examine_sealed};
use crate::file::first_line;
use crate::hashes::{HashFile, HashesError};
use crate::log::HASHES;
use crate::read::parse;
use crate::segments::{Files, Joined};
use crate::words::Name;

/// A log as long as it was when it was opened. The daemon may append to it, seal and delete meanwhile.
#[derive(Debug)]
pub struct Whole {
    files: Files,
    /// The open file and its length; none where there is none.
    active: Option<(File, u64)>,
    /// Number of the first record that is there.
    first: u64,
    hashes: PathBuf,
}

impl Whole {
    /// Opens the log in `folder`.
    ///
    /// # Errors
    /// Where its files cannot be read. A folder without any is one of them.
    pub fn open(folder: &Path) -> io::Result<Self> {
        // The open file before the list: whatever is sealed in between is in the list or in this hand.
        let path = folder.join(crate::segments::ACTIVE);
        let opened = match File::open(&path) {
            Ok(file) => Some((file.metadata()?, file)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mut files = Files::list(folder)?;
        if opened.is_none() && files.sealed().is_empty() {
            return Err(ErrorKind::NotFound.into());
        }
        if let Some((here, _)) = &opened {
            let same =
                |path: &Path| fs::metadata(path).is_ok_and(|it| (it.dev(), it.ino()) == (here.dev(), here.ino()));
            files.retain(|segment| !same(&segment.path));
        }
        let active = opened.map(|(metadata, file)| (file, metadata.len()));
        let begins = |(file, length): &(File, u64)| Some(parse(&first_line(file, *length).ok()?).ok()?.seq);
        let first = files.sealed().first().map(|segment| segment.first);
        // What is no record is found when it is read.
        let first = first.or_else(|| active.as_ref().and_then(begins)).unwrap_or(1).max(1);
        Ok(Self { files, active, first, hashes: folder.join(HASHES) })
    }

    /// The file that is written; where there are sealed ones, their folder has those.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.files.active()
    }

    /// How many records are not there any more: those before the first one that is.
    #[must_use]
    pub fn gone(&self) -> u64 {
        self.first - 1
    }

    /// How many sealed files there are.
    #[must_use]
    pub fn sealed(&self) -> usize {
        self.files.sealed().len()
    }

    /// Reads it from its beginning.
    ///
    /// # Errors
    /// Where a file cannot be opened.
    pub fn read(&self) -> io::Result<Joined> {
        let active = self.active.as_ref().map(|(file, length)| io::Result::Ok((file.try_clone()?, *length)));
        Ok(self.files.read_after(0, active.transpose()?))
    }

    /// The file that is written, where there is one, and how many bytes of the log come before it.
    ///
    /// # Errors
    /// Where the sealed files cannot be measured.
    pub fn active(&self) -> io::Result<(Option<File>, u64)> {
        let sealed = self.files.sealed().iter().map(|segment| fs::metadata(&segment.path).map(|file| file.len()));
        let file = self.active.as_ref().map(|(file, _)| file.try_clone()).transpose()?;
        Ok((file, sealed.sum::<io::Result<u64>>()?))
    }

    /// Checks all of it against checkpoints.
    ///
    /// # Errors
    /// Where a file cannot be opened.
    pub fn examine(&self, party: Option<&Name>, checkpoints: &[&Checkpoint]) -> io::Result<Examined> {
        let left = self.left();
        let ends: Vec<u64> = self.files.sealed().iter().map(|segment| segment.last).collect();
        let sealed = Sealed { left: left.as_ref().ok().and_then(Option::as_ref), ends: &ends };
        let mut examined = examine_sealed(self.read()?, party, checkpoints, sealed);
        if let Err(error) = left {
            examined.faults.insert(0, LogFault::Hashes(error));
        }
        Ok(examined)
    }

    /// What is left of the records that are not there any more; none where all are.
    fn left(&self) -> Result<Option<HashFile>, HashesError> {
        match self.gone() {
            0 => Ok(None),
            gone => HashFile::left_of(&self.hashes, gone).map(Some),
        }
    }

    /// Makes a file of hashes of the whole log in `scratch`, for proofs.
    ///
    /// # Errors
    /// Where the log, or what is left of deleted records, cannot be read.
    pub fn hashes(&self, scratch: File) -> Result<HashFile, HashesError> {
        let log = self.read().map_err(HashesError::Log)?;
        match self.left()? {
            None => HashFile::derive(scratch, log),
            Some(left) => HashFile::derive_after(scratch, &left, log),
        }
    }

    /// The file and its line, from 1, where line `line` of [`Whole::read`] is.
    #[must_use]
    pub fn place(&self, line: u64) -> (&Path, u64) {
        self.files.place(line)
    }

    /// A fault in words, with the file that it is in.
    #[must_use]
    pub fn say(&self, fault: &LogFault) -> String {
        let LogFault::Unreadable(error) = fault else { return format!("{}: {fault}", self.path().display()) };
        let (path, line) = self.place(error.line());
        // In words it begins with the line in the whole log.
        let (here, whole) = (format!("line {line}:"), format!("line {}:", error.line()));
        format!("{}: {}", path.display(), error.to_string().replacen(&whole, &here, 1))
    }

    /// Makes its records durable, before a checkpoint of them leaves the node (PROTOCOL 8.2). Sealed ones are.
    ///
    /// # Errors
    /// When the operating system cannot.
    pub fn sync(&self) -> io::Result<()> {
        self.active.as_ref().map_or(Ok(()), |(file, _)| file.sync_all())
    }
}
