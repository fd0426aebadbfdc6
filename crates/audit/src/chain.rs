//! The checkpoints that a party has signed, one after another, each with the proof that it continues the one before
//! (PROTOCOL 8.3).
//!
//! Kept beside the log, for whoever wants to see that it only ever grew. The file is the party's own: that nothing is
//! missing at its end only others can say, by what they have seen.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path as FilePath, PathBuf};

use base64ct::{Base64, Encoding};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{CheckpointError, LogKey, SignedCheckpoint};
use crate::note::MAX_NOTE;
use crate::tree::{MAX_PATH, Path, check_consistency};

/// Longest line: a note with its line ends escaped, and a path.
const MAX_LINK: u64 = 2 * MAX_NOTE as u64 + 48 * MAX_PATH as u64;
/// The last line is looked for in so many bytes: a note has one signature here, and names are short.
const TAIL: u64 = 16 * 1024;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    checkpoint: String,
    since: u64,
    path: Vec<String>,
}

/// The file of a party's own checkpoints, open for appending.
#[derive(Debug)]
pub struct Chain {
    path: PathBuf,
    file: File,
    last: Option<SignedCheckpoint>,
}

impl Chain {
    /// Opens the file, makes it (mode 0600) where it is not there, and cuts off a last line that a crash left without its end.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn open(path: &FilePath, key: &LogKey) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(from))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let end = tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if end < tail.len() {
            file.set_len(from + end as u64)?;
        }
        let lines = tail.get(..end).unwrap_or_default();
        let last = lines.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty());
        // A checkpoint of another key, or a line that is damaged, is none to go on from: the chain says so to who checks it.
        let last = last.and_then(|line| serde_json::from_slice::<Link>(line).ok());
        let last = last.and_then(|link| SignedCheckpoint::parse(&link.checkpoint, key).ok());
        Ok(Self { path: path.to_owned(), file, last })
    }

    /// Begins a new chain, for a log that does not continue the old one. The old file stays, as `checkpoints-until-SIZE.jsonl`,
    /// or with a further number where there is such a file already.
    ///
    /// # Errors
    /// When the operating system refuses; then the chain goes on as it was.
    pub fn begin_anew(&mut self) -> io::Result<()> {
        let Some(last) = &self.last else { return Ok(()) };
        std::fs::rename(&self.path, put_aside(&self.path, "checkpoints", ".jsonl", last.size()))?;
        self.last = None;
        self.file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &FilePath {
        &self.path
    }

    /// The last checkpoint, where it is of the key that the chain was opened with.
    #[must_use]
    pub fn last(&self) -> Option<&SignedCheckpoint> {
        self.last.as_ref()
    }

    /// Adds a checkpoint; `path` proves that it continues the last one. Not synced: what a crash takes is signed again.
    ///
    /// # Errors
    /// When the operating system refuses, as on a full disk. Then the chain is as it was.
    pub fn append(&mut self, checkpoint: &SignedCheckpoint, path: &Path) -> io::Result<()> {
        let since = self.last.as_ref().map_or(0, SignedCheckpoint::size);
        let path = path.iter().map(|hash| Base64::encode_string(hash)).collect();
        let link = Link { checkpoint: checkpoint.to_string(), since, path };
        let mut line = serde_json::to_vec(&link).map_err(io::Error::from)?;
        line.push(b'\n');
        let length = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(&line) {
            // Half a line would make the next one part of it. What cannot be cut off now is cut off at the next start.
            self.file.set_len(length)?;
            return Err(error);
        }
        self.last = Some(checkpoint.clone());
        Ok(())
    }
}

/// A free name beside `path` for what is put aside: `NAME-until-SIZE`, with a further number where that is taken.
#[must_use]
pub fn put_aside(path: &FilePath, name: &str, ending: &str, size: u64) -> PathBuf {
    let mut aside = path.with_file_name(format!("{name}-until-{size}{ending}"));
    let mut number = 1;
    while aside.exists() {
        number += 1;
        aside = path.with_file_name(format!("{name}-until-{size}-{number}{ending}"));
    }
    aside
}

/// What stands in a chain.
#[derive(Debug, Default)]
pub struct ChainExamined {
    /// Checkpoints of the key that each continue the one before.
    pub links: u64,
    /// Checkpoints of other keys, which that key cannot check: of an agreement before, perhaps.
    pub other_keys: u64,
    /// The last checkpoint of the key.
    pub last: Option<SignedCheckpoint>,
    /// What is wrong. Empty for a chain that holds.
    pub faults: Vec<ChainFault>,
}

/// What is wrong with a chain.
#[derive(Debug, thiserror::Error)]
pub enum ChainFault {
    /// It cannot be read on.
    #[error("line {line}: cannot read it: {source}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// A line is no link.
    #[error("line {line}: no checkpoint with its proof: the file was damaged or changed")]
    NoLink {
        /// The line, from 1.
        line: u64,
    },
    /// A checkpoint is not good.
    #[error("line {line}: {source}")]
    Checkpoint {
        /// The line, from 1.
        line: u64,
        /// Why.
        source: CheckpointError,
    },
    /// A checkpoint does not continue the one before.
    #[error(
        "line {line}: the checkpoint at {size} does not continue the one before: the log was rewritten or cut, or lines were removed"
    )]
    Broken {
        /// The line, from 1.
        line: u64,
        /// Its size.
        size: u64,
    },
}

impl ChainExamined {
    /// Checks a chain with the log's key, in bounded memory, up to the first line that is no link. A last line without an end
    /// is being written, and does not count.
    pub fn of(mut chain: impl BufRead, key: &LogKey) -> Self {
        let mut examined = Self::default();
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            match chain.by_ref().take(MAX_LINK + 1).read_until(b'\n', &mut bytes) {
                Err(source) => {
                    examined.faults.push(ChainFault::Io { line, source });
                    break;
                }
                Ok(read) if read as u64 > MAX_LINK => {
                    examined.faults.push(ChainFault::NoLink { line });
                    break;
                }
                Ok(_) if bytes.last() != Some(&b'\n') => break,
                Ok(_) => {}
            }
            if let Err(fault) = examined.link(line, &bytes, key) {
                let broken = matches!(fault, ChainFault::Broken { .. });
                examined.faults.push(fault);
                if !broken {
                    break;
                }
            }
        }
        examined
    }

    fn link(&mut self, line: u64, bytes: &[u8], key: &LogKey) -> Result<(), ChainFault> {
        let no_link = || ChainFault::NoLink { line };
        let link: Link = serde_json::from_slice(bytes).map_err(|_| no_link())?;
        let hash = |text: &String| Base64::decode_vec(text).ok()?.try_into().ok();
        let path = link.path.iter().map(hash).collect::<Option<Path>>().ok_or_else(no_link)?;
        let checkpoint = match SignedCheckpoint::parse(&link.checkpoint, key) {
            Ok(checkpoint) => checkpoint,
            Err(CheckpointError::Note(crate::NoteError::Unsigned(_))) => {
                self.other_keys += 1;
                return Ok(());
            }
            Err(source) => return Err(ChainFault::Checkpoint { line, source }),
        };
        // The first of a key begins anew, after an agreement that changed it; its size and root still have to be the log's.
        let continues = match &self.last {
            None => link.since == 0 && path.is_empty(),
            Some(last) if last.size() == checkpoint.size() => last.root() == checkpoint.root(),
            Some(last) => {
                link.since == last.size()
                    && last.size() < checkpoint.size()
                    && check_consistency(last.size(), last.root(), checkpoint.size(), checkpoint.root(), &path).is_ok()
            }
        };
        let size = checkpoint.size();
        self.last = Some(checkpoint);
        if !continues {
            return Err(ChainFault::Broken { line, size });
        }
        self.links += 1;
        Ok(())
    }
}
