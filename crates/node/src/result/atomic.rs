//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::ResultError;

/// Bytes that are gathered before they go to the operating system.
const BUFFER: usize = 256 * 1024;

/// Writes a file of mode 0600 so that it is there whole or not at all, also when the machine stops half-way: into a
/// file beside it, synced, then renamed over whatever stood there.
///
/// # Errors
/// What the operating system or `write` said; then the file is as it was.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), ResultError> {
    let mut file = AtomicFile::create(path)?;
    write(&mut file).map_err(ResultError::io(path, "write"))?;
    file.commit()
}

/// A file under construction. Dropped before [`AtomicFile::commit`], it is removed.
pub(super) struct AtomicFile {
    file: BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl AtomicFile {
    /// Starts the file. Its temporary name is always the same one, so that a crash leaves one file behind at most,
    /// which the next attempt replaces.
    pub(super) fn create(target: &Path) -> Result<Self, ResultError> {
        let Some(name) = target.file_name().and_then(|name| name.to_str()) else {
            let source = io::Error::new(ErrorKind::InvalidInput, "that is not the name of a file");
            return Err(ResultError::Io { path: target.to_owned(), doing: "write", source });
        };
        let temporary = target.with_file_name(format!(".{name}.part"));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(ResultError::io(&temporary, "replace what an interrupted attempt left")(error));
            }
            _ => {}
        }
        // Never an existing file: a link that somebody put there would lead elsewhere.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = file.map_err(ResultError::io(target, "create"))?;
        let file = BufWriter::with_capacity(BUFFER, file);
        Ok(Self { file, temporary, target: target.to_owned(), committed: false })
    }

    /// The name that it will have.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Makes it durable under its name.
    pub(super) fn commit(mut self) -> Result<(), ResultError> {
        let doing = ResultError::io(&self.target, "make durable");
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.temporary, &self.target))
            .map_err(doing)?;
        self.committed = true;
        sync_directory(parent(&self.target))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // Best effort: the next attempt removes it too.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(directory: &Path) -> Result<(), ResultError> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(ResultError::io(directory, "make durable"))
}

/// The directory of a path; that of a bare name is the current one.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
