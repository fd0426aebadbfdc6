//! One sealed file: a header, chunks, and a footer that says how much there is.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `smpcd/b1` |
//! | 32 | file id, fresh for each file |
//! | 4 | bytes of a chunk before sealing, little-endian |
//! | … | chunks, each longer by its tag; only the last may be shorter |
//! | 24 | the bytes of all chunks before sealing, 8, little-endian, sealed |
//!
//! The key is derived from file id, round, name and chunk length, so none of them can change, and a chunk opens
//! only at its index. Without the footer, or with another length than it says, nothing opens.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{VaultError, sync_directory};
use crate::seal::{FileKey, KEY, Piece, StorageKey, TAG, fresh_id};

/// Most bytes of a chunk: four times 64 Ki cells of 16 bytes. It bounds what a reader allocates.
pub const MAX_CHUNK: usize = 4 << 20;

const MAGIC: &[u8; 8] = b"smpcd/b1";
/// Bytes before the first chunk.
pub(super) const HEADER: usize = 8 + KEY + 4;
/// Bytes after the last chunk.
const FOOTER: usize = 8 + TAG;

/// Writes one object, a chunk at a time.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    part: PathBuf,
    file: File,
    key: FileKey,
    chunk_bytes: usize,
    chunks: u64,
    length: u64,
    sealed: Vec<u8>,
    /// Set by a shorter chunk: it was the last.
    full: bool,
    /// Set by a write that failed: there is no way back.
    failed: bool,
    committed: bool,
}

impl Writer {
    pub(super) fn new(
        storage: &StorageKey,
        round: &[u8; 32],
        name: &str,
        path: PathBuf,
        chunk_bytes: usize,
    ) -> Result<Self, VaultError> {
        let length = match u32::try_from(chunk_bytes) {
            Ok(length) if (1..=MAX_CHUNK).contains(&chunk_bytes) => length.to_le_bytes(),
            _ => return Err(VaultError::Misuse { path, what: "a chunk has 1 byte to 4 MiB" }),
        };
        let id = fresh_id();
        // The id makes the unfinished file's name, so that two writers never share one.
        let part = path.with_extension(format!("{:02x}{:02x}{:02x}{:02x}.part", id[0], id[1], id[2], id[3]));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)
            .map_err(VaultError::io("create", &part))?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&id);
        header.extend_from_slice(&length);
        file.write_all(&header).map_err(VaultError::io("write", &part))?;
        let key = file_key(storage, &id, round, name, length);
        let sealed = Vec::with_capacity(chunk_bytes + TAG);
        Ok(Self {
            path,
            part,
            file,
            key,
            chunk_bytes,
            chunks: 0,
            length: 0,
            sealed,
            full: false,
            failed: false,
            committed: false,
        })
    }

    /// Appends the next chunk. A shorter one is the last.
    ///
    /// # Errors
    /// When the chunk is empty, too long, or comes after a shorter one, and when writing fails.
    pub fn append(&mut self, plain: &[u8]) -> Result<(), VaultError> {
        if self.full || self.failed || plain.is_empty() || plain.len() > self.chunk_bytes {
            let what = "a chunk is empty, too long, or comes after a shorter or a failed one";
            return Err(VaultError::Misuse { path: self.path.clone(), what });
        }
        self.sealed.clear();
        self.key.seal_to(Piece::Chunk(self.chunks), plain, &mut self.sealed);
        // Before the write: a chunk index is never sealed twice, even where writing fails.
        self.chunks += 1;
        self.length += plain.len() as u64;
        self.full = plain.len() < self.chunk_bytes;
        self.file.write_all(&self.sealed).map_err(|error| {
            self.failed = true;
            VaultError::io("write", &self.part)(error)
        })
    }

    /// Makes the object appear under its name, whole and durable.
    ///
    /// # Errors
    /// When an earlier write failed, the object is there already, or the operating system refuses.
    pub fn commit(mut self) -> Result<(), VaultError> {
        if self.failed {
            let what = "a write has failed, the file cannot be committed";
            return Err(VaultError::Misuse { path: self.path.clone(), what });
        }
        self.sealed.clear();
        self.key.seal_to(Piece::Footer, &self.length.to_le_bytes(), &mut self.sealed);
        self.file
            .write_all(&self.sealed)
            .and_then(|()| self.file.sync_all())
            .map_err(VaultError::io("write", &self.part))?;
        if self.path.exists() {
            return Err(VaultError::Exists { path: self.path.clone() });
        }
        fs::rename(&self.part, &self.path).map_err(VaultError::io("write", &self.path))?;
        self.committed = true;
        sync_directory(self.path.parent().unwrap_or(Path::new(".")))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.committed {
            // What is left in spite of this is removed when the vault is opened.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Reads one object. Chunks may be read in any order, and by several threads at once.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    key: FileKey,
    chunk_bytes: u64,
    length: u64,
}

impl Reader {
    pub(super) fn new(storage: &StorageKey, round: &[u8; 32], name: &str, path: PathBuf) -> Result<Self, VaultError> {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(VaultError::Missing { path }),
            Err(error) => return Err(VaultError::io("open", &path)(error)),
        };
        let size = file.metadata().map_err(VaultError::io("read", &path))?.len();
        if size < (HEADER + FOOTER) as u64 {
            return Err(VaultError::Damaged { path });
        }
        let mut header = [0; HEADER];
        let mut footer = Zeroizing::new(vec![0; FOOTER]);
        file.read_exact_at(&mut header, 0)
            .and_then(|()| file.read_exact_at(&mut footer, size - FOOTER as u64))
            .map_err(VaultError::io("read", &path))?;
        match Self::check(storage, round, name, size, &header, footer) {
            Some((key, chunk_bytes, length)) => Ok(Self { path, file, key, chunk_bytes, length }),
            None => Err(VaultError::Damaged { path }),
        }
    }

    /// The key, the chunk length and the length of the whole, if header, footer and size agree.
    fn check(
        storage: &StorageKey,
        round: &[u8; 32],
        name: &str,
        size: u64,
        header: &[u8; HEADER],
        mut footer: Zeroizing<Vec<u8>>,
    ) -> Option<(FileKey, u64, u64)> {
        let (magic, rest) = header.split_first_chunk::<8>()?;
        let (id, chunk_bytes) = rest.split_first_chunk::<KEY>()?;
        let chunk_bytes: [u8; 4] = chunk_bytes.try_into().ok()?;
        if magic != MAGIC {
            return None;
        }
        let key = file_key(storage, id, round, name, chunk_bytes);
        key.open_in(Piece::Footer, &mut footer).ok()?;
        let length = u64::from_le_bytes(footer.as_slice().try_into().ok()?);
        let chunk_bytes = u64::from(u32::from_le_bytes(chunk_bytes));
        let tags = length.div_ceil(chunk_bytes).checked_mul(TAG as u64)?;
        let whole = length.checked_add(tags)?.checked_add((HEADER + FOOTER) as u64)?;
        (whole == size).then_some((key, chunk_bytes, length))
    }

    /// Bytes of all chunks before sealing.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many chunks there are.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.length.div_ceil(self.chunk_bytes)
    }

    /// Reads a chunk into `plain`, whose memory is used again. On an error nothing is left in it.
    ///
    /// # Errors
    /// When the chunk is not as it was written, is beyond the last, or cannot be read.
    pub fn read(&self, chunk: u64, plain: &mut Zeroizing<Vec<u8>>) -> Result<(), VaultError> {
        if chunk >= self.chunks() {
            let what = "there are not that many chunks";
            return Err(VaultError::Misuse { path: self.path.clone(), what });
        }
        let length = self.chunk_bytes.min(self.length - chunk * self.chunk_bytes);
        let length = usize::try_from(length).expect("at most MAX_CHUNK") + TAG;
        if plain.capacity() < length {
            // Not by growing, which would leave a copy of what was in it.
            *plain = Zeroizing::new(Vec::with_capacity(length));
        }
        plain.resize(length, 0);
        let offset = HEADER as u64 + chunk * (self.chunk_bytes + TAG as u64);
        if let Err(error) = self.file.read_exact_at(plain, offset) {
            plain.clear();
            return Err(VaultError::io("read", &self.path)(error));
        }
        let damaged = |_| VaultError::Damaged { path: self.path.clone() };
        self.key.open_in(Piece::Chunk(chunk), plain).map_err(damaged)
    }
}

fn file_key(storage: &StorageKey, id: &[u8; KEY], round: &[u8; 32], name: &str, chunk_bytes: [u8; 4]) -> FileKey {
    storage.file_key(id, &[round, name.as_bytes(), &chunk_bytes])
}
