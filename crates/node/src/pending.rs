//! Acts of a person that need no running daemon and belong into the audit log all the same: signing the agreement,
//! deleting a result. The command leaves a note; the daemon takes it into its log within a second, or when it starts.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Where the notes lie, in the data directory.
const DIRECTORY: &str = "pending";

/// What a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Act {
    /// Signed the agreement.
    Signed {
        /// The person.
        by: String,
        /// Digest of the agreement.
        agreement: [u8; 32],
        /// The disclosure statement that was printed.
        statement: String,
        /// Its hash.
        disclosure: [u8; 32],
    },
    /// Deleted a result.
    ResultDeleted {
        /// The person.
        by: String,
        /// Id of the computation.
        computation: String,
        /// The period.
        period: String,
    },
}

/// A note: the act, when, and which user of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What was done.
    pub act: Act,
    /// Microseconds since 1970.
    pub time: i64,
    /// The user's number.
    pub uid: u32,
}

/// Leaves a note for the daemon. It is durable when this returns.
///
/// # Errors
/// What the operating system said.
pub fn leave(data_dir: &Path, act: Act) -> io::Result<()> {
    let directory = data_dir.join(DIRECTORY);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    let time = jiff::Timestamp::now().as_microsecond();
    let note = Note { act, time, uid: rustix::process::getuid().as_raw() };
    let bytes = serde_json::to_vec(&note).map_err(io::Error::other)?;
    let path = directory.join(format!("{time:020}-{}.json", std::process::id()));
    let part = path.with_extension("part");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&part, &path)?;
    fs::File::open(&directory)?.sync_all()
}

/// The notes that wait, oldest first, and the files that they are in. A file that is no note is left alone.
pub fn waiting(data_dir: &Path) -> Vec<(PathBuf, Note)> {
    let Ok(entries) = fs::read_dir(data_dir.join(DIRECTORY)) else { return Vec::new() };
    let mut notes: Vec<(PathBuf, Note)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            if path.extension()? != "json" {
                return None;
            }
            let mut note: Note = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
            // Who left it is what the system says of the file, not what the file says.
            note.uid = fs::metadata(&path).ok()?.uid();
            Some((path, note))
        })
        .collect();
    notes.sort_by(|a, b| a.0.cmp(&b.0));
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_oldest_first() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(waiting(dir.path()), []);
        for period in ["2025", "2026"] {
            let act = Act::ResultDeleted { by: "A. Officer".into(), computation: "c".into(), period: period.into() };
            leave(dir.path(), act).unwrap();
        }
        fs::write(dir.path().join(DIRECTORY).join("0.json"), "{}").unwrap();
        let notes = waiting(dir.path());
        let periods: Vec<_> = notes
            .iter()
            .map(|(_, note)| match &note.act {
                Act::ResultDeleted { period, .. } => period.as_str(),
                Act::Signed { .. } => "",
            })
            .collect();
        assert_eq!(periods, ["2025", "2026"]);
    }
}
