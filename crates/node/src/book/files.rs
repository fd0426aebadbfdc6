//! The files of a book: which have changed, what is in them, and writing them whole or not at all.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::BookError;
use crate::stamp::Stamp;

/// A card or a signature takes a few KiB in its armour, a list of revoked certificates perhaps a hundred. What is
/// larger is some other file.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Files as they were last looked at.
#[derive(Default, Debug)]
pub(super) struct Files {
    stamps: BTreeMap<PathBuf, Option<Stamp>>,
}

impl Files {
    /// The contents, if the file is not as it was last time; none too where there is no file. So an error is reported
    /// once for each state of a file.
    pub(super) fn read_if_changed(&mut self, path: &Path) -> Result<Option<Vec<u8>>, BookError> {
        let stamp = match Stamp::of(path) {
            Ok(stamp) => stamp,
            Err(source) => {
                // An unknown state: it is looked at again when it can be.
                return match self.stamps.insert(path.to_owned(), None) {
                    Some(None) => Ok(None),
                    _ => Err(BookError::Read { path: path.to_owned(), source }),
                };
            }
        };
        if self.stamps.insert(path.to_owned(), stamp) == Some(stamp) || stamp.is_none() {
            return Ok(None);
        }
        let failed = |source| BookError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        File::open(path).map_err(failed)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(failed(io::Error::other("it is larger than such a file can be")));
        }
        Ok(Some(bytes))
    }
}

/// Writes a file by rename, synced, so that a reader or a crash sees the old one or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), BookError> {
    let failed = |source| BookError::Write { path: path.to_owned(), source };
    let directory = path.parent().unwrap_or(Path::new("."));
    // Cards and signatures are public, and the operator who mails them may be another user.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}
