//! Where checked rows go: straight into chunks, or first to the place of their label.

use std::collections::HashMap;
use std::mem;

use protocol::agreement::{Computation, Rows};
use sharing::{CHUNK_CELLS, Encoded, OutOfBounds};
use zeroize::{Zeroize, Zeroizing};

/// Cells on their way into chunks.
pub(super) struct Chunks<'a> {
    computation: &'a Computation,
    bounds: Vec<sharing::Column>,
    cells: Zeroizing<Vec<i128>>,
    chunk: u64,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(computation: &'a Computation) -> Self {
        let bounds = computation.columns.iter().map(|column| column.bounds).collect();
        let most = usize::try_from(computation.cells()).map_or(CHUNK_CELLS, |cells| cells.min(CHUNK_CELLS));
        Self { computation, bounds, cells: Zeroizing::new(Vec::with_capacity(most)), chunk: 0 }
    }

    /// Adds cells in table order, and gives every chunk that gets full to `sink`.
    pub(super) fn push<E>(
        &mut self,
        mut cells: &[i128],
        sink: &mut impl FnMut(u64, Encoded) -> Result<(), E>,
    ) -> Result<(), Stop<E>> {
        while !cells.is_empty() {
            let room = CHUNK_CELLS - self.cells.len();
            let (now, later) = cells.split_at(room.min(cells.len()));
            self.cells.extend_from_slice(now);
            cells = later;
            if self.cells.len() == CHUNK_CELLS {
                self.flush(sink)?;
            }
        }
        Ok(())
    }

    /// Gives what is left to `sink`.
    pub(super) fn flush<E>(&mut self, sink: &mut impl FnMut(u64, Encoded) -> Result<(), E>) -> Result<(), Stop<E>> {
        if self.cells.is_empty() {
            return Ok(());
        }
        let first_cell = self.chunk * CHUNK_CELLS as u64;
        let encoded = Encoded::new(self.computation.field, &self.bounds, first_cell, &self.cells);
        // Keeps the capacity: the values were copied nowhere else.
        self.cells.as_mut_slice().zeroize();
        self.cells.clear();
        sink(self.chunk, encoded.map_err(Stop::Bounds)?).map_err(Stop::Sink)?;
        self.chunk += 1;
        Ok(())
    }
}

/// Why chunks go no further.
pub(super) enum Stop<E> {
    /// A cell out of its bounds.
    Bounds(OutOfBounds),
    /// The taker of chunks failed.
    Sink(E),
}

/// A table whose lines come in any order: held whole, because its first row may be on the last line.
pub(super) struct Labelled<'a> {
    labels: &'a [String],
    positions: HashMap<&'a [u8], usize>,
    /// Line of each row; 0 for none yet.
    lines: Vec<u64>,
    cells: Zeroizing<Vec<i128>>,
    /// The row after the last one: where the file follows the agreement, no label is looked up.
    next: usize,
}

impl<'a> Labelled<'a> {
    pub(super) fn new(labels: &'a [String], columns: usize) -> Self {
        let positions = labels.iter().zip(0..).map(|(label, position)| (label.as_bytes(), position)).collect();
        let cells = Zeroizing::new(vec![0; labels.len() * columns]);
        Self { labels, positions, lines: vec![0; labels.len()], cells, next: 0 }
    }

    /// The row of that label, or none.
    pub(super) fn find(&mut self, label: &[u8]) -> Option<usize> {
        let found = match self.labels.get(self.next) {
            Some(next) if next.as_bytes() == label => self.next,
            _ => *self.positions.get(label)?,
        };
        self.next = found + 1;
        Some(found)
    }

    /// The label of a row.
    pub(super) fn label(&self, row: usize) -> &'a str {
        &self.labels[row]
    }

    /// Takes the line for the row, or says which line has it already.
    pub(super) fn claim(&mut self, row: usize, line: u64) -> Result<(), u64> {
        match mem::replace(&mut self.lines[row], line) {
            0 => Ok(()),
            first => {
                self.lines[row] = first;
                Err(first)
            }
        }
    }

    /// Puts the cells of a row in their place.
    pub(super) fn place(&mut self, row: usize, cells: &[i128]) {
        self.cells[row * cells.len()..][..cells.len()].copy_from_slice(cells);
    }

    /// The labels that no line has.
    pub(super) fn missing(&self) -> impl Iterator<Item = &'a str> {
        self.lines.iter().zip(self.labels).filter(|(line, _)| **line == 0).map(|(_, label)| label.as_str())
    }

    /// All cells, row-major.
    pub(super) fn cells(&self) -> &[i128] {
        &self.cells
    }
}

/// The labels of a computation's rows, where they have any.
pub(super) fn labels(computation: &Computation) -> Option<&[String]> {
    match &computation.rows {
        Rows::Labels(labels) => Some(labels),
        Rows::Count(_) => None,
    }
}
