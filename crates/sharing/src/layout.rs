//! How a table's cells are cut into chunks (PROTOCOL 2.1).
//!
//! Attacker: none here; every number follows from the agreement.

use crate::Field;

/// Cells of a whole chunk: 512 KiB or 1 MiB, small enough for caches and windows, large enough to drown all fixed costs.
/// Part of the protocol, because every chunk has a key stream of its own.
pub const CHUNK_CELLS: usize = 65_536;

/// Cells of the largest table that a malicious round can have: always one chunk, so that all of PROTOCOL 5 works on whole tables.
pub const MAX_COMMITTED_CELLS: usize = 16_384;

const CHUNK: u64 = CHUNK_CELLS as u64;

/// The shape of a dealing: L cells, rows × columns, counted row by row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The field of every cell.
    pub field: Field,
    /// L, the number of cells.
    pub cells: u64,
}

impl Layout {
    /// Number of chunks; all but the last have [`CHUNK_CELLS`] cells.
    pub fn chunks(&self) -> u64 {
        self.cells.div_ceil(CHUNK)
    }

    /// Cells of the chunk with this number; 0 beyond the last.
    pub fn chunk_cells(&self, chunk: u64) -> usize {
        let before = chunk.saturating_mul(CHUNK);
        let cells = self.cells.saturating_sub(before).min(CHUNK);
        usize::try_from(cells).unwrap_or(CHUNK_CELLS)
    }

    /// Bytes of the encoding of the chunk with this number; 0 beyond the last.
    pub fn chunk_bytes(&self, chunk: u64) -> usize {
        self.chunk_cells(chunk) * self.field.element_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_table() {
        for (cells, chunks, last) in [
            (0, 0, 0),
            (1, 1, 1),
            (CHUNK - 1, 1, CHUNK_CELLS - 1),
            (CHUNK, 1, CHUNK_CELLS),
            (CHUNK + 1, 2, 1),
            (100_000_000, 1526, 100_000_000 - 1525 * CHUNK_CELLS),
        ] {
            let layout = Layout { field: Field::Field64, cells };
            assert_eq!(layout.chunks(), chunks);
            if chunks > 0 {
                assert_eq!(layout.chunk_cells(chunks - 1), last);
                assert_eq!(layout.chunk_bytes(chunks - 1), last * 8);
            }
            assert_eq!(layout.chunk_cells(chunks), 0);
            assert_eq!(layout.chunk_cells(u64::MAX), 0);
            let sum: u64 = (0..chunks).map(|chunk| layout.chunk_cells(chunk) as u64).sum();
            assert_eq!(sum, cells);
        }
        assert_eq!(Layout { field: Field::Field128, cells: 3 }.chunk_bytes(0), 48);
    }

    #[test]
    fn the_largest_table_overflows_nothing() {
        let layout = Layout { field: Field::Field128, cells: u64::MAX };
        assert_eq!(layout.chunks(), 1 << 48);
        assert_eq!(layout.chunk_cells((1 << 48) - 1), CHUNK_CELLS - 1);
    }
}
