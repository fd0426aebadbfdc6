//! Where the files of a round's result are.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::ResultError;
use super::atomic::{parent, sync_directory, write_atomically};
use super::reader::ResultFile;

/// Longest id of a computation and longest period.
const LONGEST_NAME: usize = 32;

/// The directory of one round's result under `data_dir`: `results/COMPUTATION/PERIOD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    data_dir: PathBuf,
    computation: String,
    period: String,
}

impl Place {
    /// The place of a round's result. Names come from command lines too, so they are checked: no name leads out of
    /// the directory.
    ///
    /// # Errors
    /// [`ResultError::Name`] for what cannot be the name of a computation or of a period.
    pub fn new(data_dir: &Path, computation: &str, period: &str) -> Result<Self, ResultError> {
        let fits = |name: &str| (1..=LONGEST_NAME).contains(&name.len());
        let id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let calendar = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts = |name: &str| name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if !fits(computation) || !computation.bytes().all(id) {
            return Err(ResultError::Name);
        }
        if !fits(period) || !period.bytes().all(calendar) || !starts(period) {
            return Err(ResultError::Name);
        }
        Ok(Self { data_dir: data_dir.to_owned(), computation: computation.to_owned(), period: period.to_owned() })
    }

    /// The place of the round with that address, `COMPUTATION/PERIOD`.
    ///
    /// # Errors
    /// As [`Place::new`].
    pub fn of_round(data_dir: &Path, address: &str) -> Result<Self, ResultError> {
        let (computation, period) = address.split_once('/').ok_or(ResultError::Name)?;
        Self::new(data_dir, computation, period)
    }

    /// The computation.
    #[must_use]
    pub fn computation(&self) -> &str {
        &self.computation
    }

    /// The period.
    #[must_use]
    pub fn period(&self) -> &str {
        &self.period
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.data_dir.join("results").join(&self.computation).join(&self.period)
    }

    /// The result file.
    #[must_use]
    pub fn result(&self) -> PathBuf {
        self.directory().join("result.bin")
    }

    /// The JSON export.
    #[must_use]
    pub fn json(&self) -> PathBuf {
        self.directory().join("result.json")
    }

    /// The CSV export.
    #[must_use]
    pub fn csv(&self) -> PathBuf {
        self.directory().join("result.csv")
    }

    /// Where the bundle is, if one is stored (PROTOCOL 5.5).
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.directory().join("bundle.bin")
    }

    /// The bundle as results name it, relative to `data_dir`; none where none is stored.
    #[must_use]
    pub fn stored_bundle(&self) -> Option<String> {
        self.bundle().is_file().then(|| format!("results/{}/{}/bundle.bin", self.computation, self.period))
    }

    /// Writes the bundle.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn write_bundle(&self, bundle: &[u8]) -> Result<(), ResultError> {
        self.create_directory()?;
        write_atomically(&self.bundle(), |out| out.write_all(bundle))
    }

    /// Opens and verifies the result.
    ///
    /// # Errors
    /// [`ResultError::None`] where there is none; else as [`ResultFile::open`], and
    /// [`ResultError::Damaged`] for the file of another round.
    pub fn open(&self) -> Result<ResultFile, ResultError> {
        let path = self.result();
        let file = match ResultFile::open(&path) {
            Err(ResultError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Err(self.none()),
            other => other?,
        };
        let meta = file.meta();
        if meta.computation != self.computation || meta.period != self.period {
            return Err(ResultError::Damaged { path, what: "it is the file of another round" });
        }
        Ok(file)
    }

    /// Writes the JSON export.
    ///
    /// # Errors
    /// What reading the result or the operating system said.
    pub fn export_json(&self, file: &ResultFile) -> Result<(), ResultError> {
        write_atomically(&self.json(), |out| file.write_json(out, self.stored_bundle().as_deref()))
    }

    /// Writes the CSV export.
    ///
    /// # Errors
    /// As [`Place::export_json`].
    pub fn export_csv(&self, file: &ResultFile) -> Result<(), ResultError> {
        write_atomically(&self.csv(), |out| file.write_csv(out))
    }

    /// Removes what a crash left unfinished. What cannot be removed is replaced by the next result.
    pub fn sweep(&self) {
        let entries = std::fs::read_dir(self.directory()).into_iter().flatten().flatten();
        for file in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "part")) {
            let _ = std::fs::remove_file(file);
        }
    }

    /// Removes the result, its exports and its bundle. The result file goes last: whoever is interrupted may call
    /// again.
    ///
    /// # Errors
    /// [`ResultError::None`] where there is no result; else what the operating system said.
    pub fn delete(&self) -> Result<(), ResultError> {
        if !self.result().exists() {
            return Err(self.none());
        }
        let directory = self.directory();
        let listed = fs::read_dir(&directory).map_err(ResultError::io(&directory, "read"))?;
        let remove = |path: PathBuf| fs::remove_file(&path).map_err(ResultError::io(&path, "delete"));
        for entry in listed {
            let path = entry.map_err(ResultError::io(&directory, "read"))?.path();
            // What others put there is not ours to delete.
            let interrupted = path.extension().is_some_and(|extension| extension == "part");
            if interrupted || [self.json(), self.csv(), self.bundle()].contains(&path) {
                remove(path)?;
            }
        }
        remove(self.result())?;
        sync_directory(&directory)?;
        // Empty directories only; anything else in them keeps them.
        for emptied in [&*directory, parent(&directory)] {
            if fs::remove_dir(emptied).is_err() {
                break;
            }
            sync_directory(parent(emptied))?;
        }
        Ok(())
    }

    /// Makes the directory, durably, and for this user only.
    pub(super) fn create_directory(&self) -> Result<(), ResultError> {
        let directory = self.directory();
        let parts = [parent(parent(&directory)), parent(&directory), &directory];
        for part in parts {
            match DirBuilder::new().mode(0o700).create(part) {
                Ok(()) => sync_directory(parent(part))?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ResultError::io(part, "make the directory")(error)),
            }
        }
        Ok(())
    }

    /// The error that says that there is no result.
    #[must_use]
    pub fn none(&self) -> ResultError {
        ResultError::None { computation: self.computation.clone(), period: self.period.clone() }
    }
}
