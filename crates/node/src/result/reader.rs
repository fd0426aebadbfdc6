//! Reads a result file: verifies all of it, then gives its totals block by block.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sharing::CHUNK_CELLS;

use super::meta::ResultMeta;
use super::{HEAD, MAGIC, ResultError, TAIL, VERSION, file_hasher};

/// Bytes that are hashed at once.
const BLOCK: usize = 256 * 1024;

/// A result file whose every byte was verified when it was opened.
#[derive(Debug)]
pub struct ResultFile {
    file: File,
    path: PathBuf,
    width: usize,
    meta: ResultMeta,
}

impl ResultFile {
    /// Opens the file and reads it once to verify it: its length follows from its head, nothing comes after its end,
    /// and the hash is that of its bytes.
    ///
    /// # Errors
    /// [`ResultError::Damaged`], [`ResultError::Version`], or what the operating system said.
    pub fn open(path: &Path) -> Result<Self, ResultError> {
        let damaged = |what| ResultError::Damaged { path: path.to_owned(), what };
        let unreadable = |error| ResultError::io(path, "read")(error);
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let described = length.checked_sub((HEAD + TAIL) as u64).ok_or_else(|| damaged("it is too short"))?;

        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0).map_err(unreadable)?;
        let mut head = head.as_slice();
        if take::<8>(&mut head) != MAGIC {
            return Err(damaged("it does not begin like one"));
        }
        let version = u16::from_le_bytes(take(&mut head));
        if version != VERSION {
            return Err(ResultError::Version { path: path.to_owned(), version });
        }
        let width = match u16::from_le_bytes(take(&mut head)) {
            8 => 8,
            16 => 16,
            _ => return Err(damaged("its cells have no known width")),
        };
        let columns = u64::from(u32::from_le_bytes(take(&mut head)));
        let rows = u64::from_le_bytes(take(&mut head));

        // Lengths are compared before anything is allocated for them.
        let cells = rows.checked_mul(columns).and_then(|cells| cells.checked_mul(width as u64));
        let left = cells.and_then(|cells| described.checked_sub(cells)).ok_or_else(|| damaged("it is cut off"))?;
        let mut tail = [0; TAIL];
        file.read_exact_at(&mut tail, length - TAIL as u64).map_err(unreadable)?;
        let mut tail = tail.as_slice();
        if u64::from_le_bytes(take(&mut tail)) != left {
            return Err(damaged("its length is not what it says"));
        }
        let hash = blake3::Hash::from_bytes(take(&mut tail));
        let mut hasher = file_hasher();
        hash_bytes(&file, length - 32, &mut hasher).map_err(unreadable)?;
        if hasher.finalize() != hash {
            return Err(damaged("its hash is another"));
        }

        let from = length - TAIL as u64 - left;
        let mut text = vec![0; usize::try_from(left).map_err(|_| damaged("it is too long"))?];
        file.read_exact_at(&mut text, from).map_err(unreadable)?;
        let meta: ResultMeta = serde_json::from_slice(&text).map_err(|_| damaged("its description is unreadable"))?;
        if rows == 0 || columns == 0 {
            return Err(damaged("it has no cells"));
        }
        if let Some(what) = meta.fault(rows, columns) {
            return Err(damaged(what));
        }
        Ok(Self { file, path: path.to_owned(), width, meta })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says of itself.
    #[must_use]
    pub fn meta(&self) -> &ResultMeta {
        &self.meta
    }

    /// Walks through the totals, from the first row.
    #[must_use]
    pub fn blocks(&self) -> Blocks<'_> {
        let columns = self.meta.columns.len();
        let most = CHUNK_CELLS.div_ceil(columns) as u64;
        Blocks { file: self, most, next: 0, bytes: Vec::new(), totals: Vec::new() }
    }
}

/// A walk through a result, so many whole rows at a time.
#[derive(Debug)]
pub struct Blocks<'a> {
    file: &'a ResultFile,
    /// Rows of a block.
    most: u64,
    /// First row of the next block.
    next: u64,
    bytes: Vec<u8>,
    totals: Vec<i128>,
}

impl Blocks<'_> {
    /// The next rows: the number of the first, and their totals row by row. None after the last.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn next_block(&mut self) -> io::Result<Option<(u64, std::slice::ChunksExact<'_, i128>)>> {
        let (first, columns, width) = (self.next, self.file.meta.columns.len(), self.file.width);
        let rows = self.most.min(self.file.meta.rows.len() - first);
        if rows == 0 {
            return Ok(None);
        }
        let row_bytes = columns * width;
        // No more rows than make a chunk's cells, or one row.
        let length = usize::try_from(rows).map_err(io::Error::other)? * row_bytes;
        self.bytes.resize(length, 0);
        self.file.file.read_exact_at(&mut self.bytes, HEAD as u64 + first * row_bytes as u64)?;
        self.totals.clear();
        match width {
            8 => self.totals.extend(self.bytes.as_chunks::<8>().0.iter().map(|b| i128::from(i64::from_le_bytes(*b)))),
            _ => self.totals.extend(self.bytes.as_chunks::<16>().0.iter().map(|b| i128::from_le_bytes(*b))),
        }
        self.next += rows;
        Ok(Some((first, self.totals.chunks_exact(columns))))
    }
}

/// Takes so many bytes off the front of a slice that was made long enough for them.
fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes.split_first_chunk().expect("heads and tails have the sum of their fields' lengths");
    *bytes = rest;
    *first
}

fn hash_bytes(file: &File, length: u64, hasher: &mut blake3::Hasher) -> io::Result<()> {
    let mut reader = file.take(length);
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block)? {
            0 => return Ok(()),
            read => hasher.update(&block[..read]),
        };
    }
}
