//! Openings: the values and blindings that a compute party holds of a dealing, or sums of such (PROTOCOL 5).
//!
//! Attacker: sends encodings that are not canonical or of another length, reads memory that was given back, measures time: as
//! for [`Cells`], of which an opening is two.

use alloc::vec::Vec;
use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::ZeroizeOnDrop;

use crate::element::Element;
use crate::expansion::{Stream, add_expansion};
use crate::ristretto::Residue;
use crate::{Cells, Field, NotCanonical, RecombineError, Scheme, Seed};

/// What opens commitments to every cell of a table: a value and a blinding for each, scalars of ristretto255.
///
/// # Security
/// Wiped on drop; prints `<redacted>`; compares in constant time.
pub struct Opening {
    values: Cells,
    blindings: Cells,
}

impl Opening {
    /// The opening of nothing, to which others are added.
    pub fn zero(cells: usize) -> Self {
        Self::of(Cells::zero(Field::Ristretto255, cells), Cells::zero(Field::Ristretto255, cells))
    }

    /// The share that a seed stands for: PROTOCOL 2.1 for the values, and a key stream of their own for the blindings.
    pub fn expand(seed: &Seed, cells: usize) -> Self {
        let mut opening = Self::zero(cells);
        add_expansion(&mut opening.values, Stream::Share, seed, 0);
        add_expansion(&mut opening.blindings, Stream::Blinding, seed, 0);
        opening
    }

    pub(crate) fn of(values: Cells, blindings: Cells) -> Self {
        assert_eq!(values.len(), blindings.len(), "every value has a blinding");
        Self { values, blindings }
    }

    /// Adds cell by cell: what it opens is then the sum of both commitments.
    ///
    /// # Panics
    /// Where the lengths differ: the caller mixed up tables.
    pub fn add(&mut self, other: &Opening) {
        self.values.add(&other.values);
        self.blindings.add(&other.blindings);
    }

    /// Appends the encoding, 64 bytes a cell: all values, then all blindings.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        self.values.write_to(out);
        self.blindings.write_to(out);
    }

    /// Reads the opening of so many cells.
    ///
    /// # Errors
    /// [`NotCanonical`] for bytes that are more or fewer, and for an integer of ℓ or more (counted through values and blindings).
    pub fn read(bytes: &[u8], cells: usize) -> Result<Self, NotCanonical> {
        let expected = cells.saturating_mul(64);
        if bytes.len() != expected {
            return Err(NotCanonical::Cells { bytes: bytes.len(), expected });
        }
        let (values, blindings) = bytes.split_at(expected / 2);
        let values = Cells::read(Field::Ristretto255, values)?;
        let blindings = Cells::read(Field::Ristretto255, blindings).map_err(|error| match error {
            NotCanonical::Element { element } => NotCanonical::Element { element: cells + element },
            other => other,
        })?;
        Ok(Self { values, blindings })
    }

    /// The values: a share of the input, or a partial sum.
    pub fn values(&self) -> &Cells {
        &self.values
    }

    /// The blindings.
    pub fn blindings(&self) -> &Cells {
        &self.blindings
    }

    /// Value and blinding of one cell, encoded.
    ///
    /// # Panics
    /// For a cell that there is not.
    ///
    /// # Security
    /// Wiping them is the caller's. A cell is made public only in a complaint (PROTOCOL 5.4).
    pub fn cell(&self, cell: usize) -> ([u8; 32], [u8; 32]) {
        let encoded = |cells| Residue::all(cells)[cell].0.to_bytes();
        (encoded(&self.values), encoded(&self.blindings))
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Value and blinding, cell by cell.
    pub(crate) fn pairs(&self) -> impl ExactSizeIterator<Item = (Residue, Residue)> {
        Residue::all(&self.values).iter().copied().zip(Residue::all(&self.blindings).iter().copied())
    }

    /// Σ weight · value and Σ weight · blinding.
    pub(crate) fn dot(&self, weights: &[Residue]) -> (Residue, Residue) {
        let dot = |cells| Residue::dot(weights, Residue::all(cells));
        (dot(&self.values), dot(&self.blindings))
    }
}

// Both of its parts wipe themselves.
impl ZeroizeOnDrop for Opening {}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({}, <redacted>)", self.len())
    }
}

impl ConstantTimeEq for Opening {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.values.ct_eq(&other.values) & self.blindings.ct_eq(&other.blindings)
    }
}

impl PartialEq for Opening {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Opening {}

impl Scheme {
    /// As [`Scheme::recombine`], of values and blindings: what opens the commitments to the secrets.
    ///
    /// PROTOCOL 5.3: whether it does has to be checked against them ([`crate::SumCheck::total_holds`]); with k parts nothing else
    /// shows a wrong one.
    ///
    /// # Errors
    /// As [`Scheme::recombine`].
    pub fn recombine_openings(&self, parts: &[(u16, &Opening)]) -> Result<Opening, RecombineError> {
        let values: Vec<(u16, &Cells)> = parts.iter().map(|(holder, opening)| (*holder, &opening.values)).collect();
        let blindings: Vec<(u16, &Cells)> =
            parts.iter().map(|(holder, opening)| (*holder, &opening.blindings)).collect();
        Ok(Opening { values: self.recombine(&values)?, blindings: self.recombine(&blindings)? })
    }
}
