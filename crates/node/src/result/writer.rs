//! Writes a result file, chunk by chunk.

use std::io::Write;
use std::path::PathBuf;

use sharing::Field;

use super::atomic::AtomicFile;
use super::meta::{MOST_PARTIAL_CELLS, ResultMeta};
use super::{HEAD, MAGIC, Place, ResultError, VERSION, file_hasher};

/// The shape of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The field that the totals were summed in; it decides how wide they are stored.
    pub field: Field,
    /// Rows.
    pub rows: u64,
    /// Columns.
    pub columns: u32,
}

impl Shape {
    /// Bytes of a stored total. Rule 1.4 keeps every total below p / 2, and so within a signed integer of the element's
    /// own width; totals of scalars are kept within 128 bits.
    fn width(self) -> u16 {
        match self.field {
            Field::Field64 => 8,
            Field::Field128 | Field::Ristretto255 => 16,
        }
    }
}

/// A result file under construction. Dropped before [`ResultWriter::finish`], it leaves nothing behind.
pub struct ResultWriter {
    file: AtomicFile,
    hasher: blake3::Hasher,
    shape: Shape,
    cells: u64,
    written: u64,
    bytes: u64,
    buffer: Vec<u8>,
}

/// A result file that is durably there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

impl ResultWriter {
    /// Starts `result.bin` at its place; makes the directories.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn create(place: &Place, shape: Shape) -> Result<Self, ResultError> {
        place.create_directory()?;
        let file = AtomicFile::create(&place.result())?;
        let cells = shape.rows.checked_mul(u64::from(shape.columns));
        let cells = cells.ok_or(ResultError::Misuse { path: place.result(), what: "it has too many cells" })?;
        let mut writer = Self { file, hasher: file_hasher(), shape, cells, written: 0, bytes: 0, buffer: Vec::new() };
        let mut head = Vec::with_capacity(HEAD);
        head.extend(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend(shape.width().to_le_bytes());
        head.extend(shape.columns.to_le_bytes());
        head.extend(shape.rows.to_le_bytes());
        writer.write(&head)?;
        Ok(writer)
    }

    /// Adds totals in order; `first_cell` is the position of the first, rows × columns counted row-major from 0.
    ///
    /// # Errors
    /// What the operating system said; [`ResultError::Misuse`] where the totals do not follow the last ones or are
    /// wider than the field allows.
    pub fn append(&mut self, first_cell: u64, totals: &[i128]) -> Result<(), ResultError> {
        if first_cell != self.written || totals.len() as u64 > self.cells - self.written {
            return Err(self.misuse("totals came out of order"));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        match self.shape.field {
            Field::Field64 => {
                for total in totals {
                    let total = i64::try_from(*total).map_err(|_| self.misuse("a total is too wide for its field"))?;
                    buffer.extend(total.to_le_bytes());
                }
            }
            Field::Field128 | Field::Ristretto255 => {
                totals.iter().for_each(|total| buffer.extend(total.to_le_bytes()));
            }
        }
        self.written += totals.len() as u64;
        let done = self.write(&buffer);
        self.buffer = buffer;
        done
    }

    /// Ends the file with its description and makes it durable. Partial sums of larger tables are left out.
    ///
    /// # Errors
    /// What the operating system said; [`ResultError::Misuse`] where cells are lacking or the description is of
    /// another table. Then there is no file.
    pub fn finish(mut self, mut meta: ResultMeta) -> Result<Finished, ResultError> {
        if self.written != self.cells {
            return Err(self.misuse("totals are lacking"));
        }
        if let Some(what) = meta.fault(self.shape.rows, u64::from(self.shape.columns)) {
            return Err(self.misuse(what));
        }
        if self.cells > MOST_PARTIAL_CELLS {
            meta.partials.clear();
        }
        let described = serde_json::to_vec(&meta).map_err(|_| self.misuse("its description cannot be encoded"))?;
        self.write(&described)?;
        self.write(&(described.len() as u64).to_le_bytes())?;
        let hash = *self.hasher.finalize().as_bytes();
        self.write(&hash)?;
        let finished = Finished { path: self.file.target().to_owned(), bytes: self.bytes };
        self.file.commit()?;
        Ok(finished)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ResultError> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(ResultError::io(self.file.target(), "write"))
    }

    fn misuse(&self, what: &'static str) -> ResultError {
        ResultError::Misuse { path: self.file.target().to_owned(), what }
    }
}
