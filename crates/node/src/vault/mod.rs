//! Sealed files for what is secret and large: input snapshots, explicit shares, partial sums (PROTOCOL 7).
//!
//! An object is a file of chunks at `data_dir/bulk/ROUND/NAME`, each chunk sealed on its own, so that neither
//! writing nor reading holds more than one. It is there whole and durable, or not at all. Every change is noticed
//! when it is read: another byte, a cut, a chunk, file or round put in the place of another.
//!
//! An older file of the same round and name, put back from a copy, does open; the store does not name each file. It
//! would have to be one that was erased and made again before anything was signed over it, for nothing is replaced later.
//! A dealing is made of the snapshot only if that has the stored digest of the input (PROTOCOL 2.2), and a share of a
//! dealing that was never sent spoils a total and discloses nothing.
//!
//! # Security
//! Erasing destroys the file's id first, and nobody can derive the file's key without it; so blocks that a disk
//! keeps in spite of the deletion stay closed even to who later gets the storage key. A file system that writes
//! to another place, or a snapshot below it, may still keep an older copy of the id.

mod file;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use file::{MAX_CHUNK, Reader, Writer};

use crate::seal::StorageKey;

/// Longest object name.
const MAX_NAME: usize = 64;

/// What can go wrong with a sealed file.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// The object is not there.
    #[error("{} is not there: it was never written, or its round is over and it was erased", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The object is there already; it is never replaced.
    #[error("{} is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The object was changed, or was sealed under another key.
    #[error("{} does not open: it was changed or cut on disk, or the storage key is another one; the round cannot use it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Our own mistake: a name, a chunk length or a chunk index that cannot be.
    #[error("{}: {what}", path.display())]
    Misuse {
        /// The file.
        path: PathBuf,
        /// The mistake.
        what: &'static str,
    },
}

impl VaultError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

/// The sealed files of one node.
#[derive(Clone, Debug)]
pub struct Vault {
    bulk: PathBuf,
    key: StorageKey,
}

impl Vault {
    /// Opens the sealed files of this data directory and removes what a crash left unfinished. The caller holds
    /// the directory's lock (`Store::open`).
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(data_dir: &Path, key: &StorageKey) -> Result<Self, VaultError> {
        let bulk = data_dir.join("bulk");
        make_directory(&bulk)?;
        let vault = Self { bulk, key: key.clone() };
        for round in vault.rounds()? {
            let directory = vault.directory(&round);
            for name in entries(&directory)? {
                if !valid(&name) {
                    destroy(&directory.join(name))?;
                }
            }
        }
        Ok(vault)
    }

    /// Begins the object `name` of a round. It appears when the writer commits, and leaves nothing if it does not.
    ///
    /// All chunks but the last have `chunk_bytes` bytes, at most [`MAX_CHUNK`].
    ///
    /// # Errors
    /// When the object is there already, the name or the length cannot be, or the file cannot be made.
    pub fn create(&self, round: &[u8; 32], name: &str, chunk_bytes: usize) -> Result<Writer, VaultError> {
        let path = self.path(round, name)?;
        if path.exists() {
            return Err(VaultError::Exists { path });
        }
        make_directory(&self.directory(round))?;
        Writer::new(&self.key, round, name, path, chunk_bytes)
    }

    /// Opens the object `name` of a round.
    ///
    /// # Errors
    /// When it is not there, or not as it was written.
    pub fn read(&self, round: &[u8; 32], name: &str) -> Result<Reader, VaultError> {
        Reader::new(&self.key, round, name, self.path(round, name)?)
    }

    /// Whether the object is there.
    #[must_use]
    pub fn contains(&self, round: &[u8; 32], name: &str) -> bool {
        self.path(round, name).is_ok_and(|path| path.exists())
    }

    /// The objects of a round, by name.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn objects(&self, round: &[u8; 32]) -> Result<Vec<String>, VaultError> {
        let mut names = entries(&self.directory(round))?;
        names.retain(|name| valid(name));
        Ok(names)
    }

    /// The rounds that have objects. A crash may leave one here that the store does not know.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn rounds(&self) -> Result<Vec<[u8; 32]>, VaultError> {
        Ok(entries(&self.bulk)?.iter().filter_map(|name| from_hex(name)).collect())
    }

    /// Erases an object for good. Nothing happens where there is none.
    ///
    /// # Errors
    /// When the operating system refuses; then it may still be there, and erasing it again is safe.
    pub fn erase(&self, round: &[u8; 32], name: &str) -> Result<(), VaultError> {
        if destroy(&self.path(round, name)?)? {
            sync_directory(&self.directory(round))?;
        }
        Ok(())
    }

    /// Erases all objects of a round for good, unfinished ones too.
    ///
    /// # Errors
    /// When the operating system refuses; then some may still be there, and erasing them again is safe.
    pub fn erase_round(&self, round: &[u8; 32]) -> Result<(), VaultError> {
        let directory = self.directory(round);
        for name in entries(&directory)? {
            destroy(&directory.join(name))?;
        }
        match fs::remove_dir(&directory) {
            Ok(()) => sync_directory(&self.bulk),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(VaultError::io("remove", &directory)(error)),
        }
    }

    /// Erases all objects of every round that is not among these: at a start, with the rounds that go on.
    ///
    /// # Errors
    /// The first that there is; all rounds are tried, and erasing them again is safe.
    pub fn keep_only(&self, rounds: &BTreeSet<[u8; 32]>) -> Result<(), VaultError> {
        let mut result = Ok(());
        for round in self.rounds()?.iter().filter(|round| !rounds.contains(*round)) {
            let erased = self.erase_round(round);
            result = result.and(erased);
        }
        result
    }

    fn directory(&self, round: &[u8; 32]) -> PathBuf {
        self.bulk.join(to_hex(round))
    }

    fn path(&self, round: &[u8; 32], name: &str) -> Result<PathBuf, VaultError> {
        let path = self.directory(round).join(name);
        let what = "the name of a sealed file is 1 to 64 of a-z, 0-9 and -";
        if valid(name) { Ok(path) } else { Err(VaultError::Misuse { path, what }) }
    }
}

/// Object names have no dot: a name with one is of an unfinished file.
fn valid(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(allowed)
}

/// Makes the id in a file unreadable, durably, and deletes the file. False where there is none.
fn destroy(path: &Path) -> Result<bool, VaultError> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(VaultError::io("erase", path)(error)),
    };
    file.write_all(&[0; file::HEADER])
        .and_then(|()| file.sync_data())
        .and_then(|()| fs::remove_file(path))
        .map_err(VaultError::io("erase", path))?;
    Ok(true)
}

/// Makes a directory (mode 0700) durably, where it is not there.
fn make_directory(path: &Path) -> Result<(), VaultError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_directory(path.parent().unwrap_or(Path::new("."))),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(VaultError::io("create", path)(error)),
    }
}

fn sync_directory(path: &Path) -> Result<(), VaultError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(VaultError::io("sync", path))
}

/// The names in a directory, sorted; none where there is no directory.
fn entries(path: &Path) -> Result<Vec<String>, VaultError> {
    let listing = match fs::read_dir(path) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(VaultError::io("read", path)(error)),
    };
    let names = listing.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    let names: Result<Vec<_>, _> = names.collect();
    let mut names: Vec<String> = names.map_err(VaultError::io("read", path))?.into_iter().flatten().collect();
    names.sort();
    Ok(names)
}

fn to_hex(bytes: &[u8; 32]) -> String {
    audit::RoundId(*bytes).to_string()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    text.parse::<audit::RoundId>().ok().map(|id| id.0)
}
