//! Files that other parties are given: agreements, cards, signatures. Written whole and synced, or not at all: a daemon
//! looks at them while it runs.

use std::fs::{File, Permissions, create_dir_all};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::exit::{Exit, Failure};

/// What is done where the file is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is replaced at one stroke.
    Replace,
    /// It stays, and the command fails.
    Keep,
}

/// Writes a public file, mode 0644.
pub(crate) fn publish(path: &Path, text: &str, existing: Existing) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = create_dir_all(folder).and_then(|()| {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        match existing {
            Existing::Replace => file.persist(path)?,
            Existing::Keep => file.persist_noclobber(path)?,
        };
        File::open(folder)?.sync_all()
    });
    written.map_err(|error| {
        let mend = if error.kind() == std::io::ErrorKind::AlreadyExists { "; remove it or name another" } else { "" };
        Failure::new(Exit::Other, format!("{}: cannot write it: {error}{mend}", path.display()))
    })
}
