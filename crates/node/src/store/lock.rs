//! One daemon for a data directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::StoreError;

/// Longest content of the lock file that is read: a process number is shorter.
const MOST: u64 = 32;

/// Held as long as it lives. The kernel lets go of it when the process ends in any way; the file stays.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| StoreError::Io { doing: "open", path: path.clone(), source })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                let _ = file.take(MOST).read_to_string(&mut holder);
                return Err(StoreError::Held { directory: data_dir.to_owned(), pid: holder.trim().parse().ok() });
            }
            Err(error) => return Err(StoreError::Io { doing: "lock", path, source: error.into() }),
        }
        Self::sign(&mut file).map_err(|source| StoreError::Io { doing: "write", path, source })?;
        Ok(Self { _file: file })
    }

    /// Says who holds it, for the error at whoever comes second.
    fn sign(file: &mut File) -> io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    }
}
