//! The elements of one chunk (PROTOCOL 1.4, 2): shares, inputs and partial sums alike.
//!
//! Attacker: sends encodings that are not canonical, reads memory that was given back, measures time. An encoding has one
//! reading only, memory is wiped on drop, and no operation branches on a value.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Field;
use crate::arithmetic::Arithmetic;
use crate::element::Element;
use crate::ristretto::Residue;

/// Canonical elements of one field: at most one chunk of a table.
///
/// # Security
/// Wiped on drop; prints `<redacted>`; compares in constant time.
pub struct Cells(pub(crate) Elements);

/// Vectors whose capacity is never grown, so that wiping what they hold wipes all they ever held.
#[derive(Clone)]
pub(crate) enum Elements {
    Field64(Vec<u64>),
    Field128(Vec<u128>),
    Ristretto255(Vec<Residue>),
}

impl Cells {
    /// `len` zeros.
    pub fn zero(field: Field, len: usize) -> Self {
        Self(match field {
            Field::Field64 => Elements::Field64(vec![0; len]),
            Field::Field128 => Elements::Field128(vec![0; len]),
            Field::Ristretto255 => Elements::Ristretto255(vec![Residue::default(); len]),
        })
    }

    /// The field of every element.
    pub fn field(&self) -> Field {
        match self.0 {
            Elements::Field64(_) => Field::Field64,
            Elements::Field128(_) => Field::Field128,
            Elements::Ristretto255(_) => Field::Ristretto255,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Elements::Field64(cells) => cells.len(),
            Elements::Field128(cells) => cells.len(),
            Elements::Ristretto255(cells) => cells.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds cell by cell.
    ///
    /// # Panics
    /// Where the fields or the lengths differ: the caller mixed up chunks, and no sum would mean anything.
    pub fn add(&mut self, other: &Cells) {
        match (&mut self.0, &other.0) {
            (Elements::Field64(a), Elements::Field64(b)) => pairwise(a, b, Arithmetic::plus),
            (Elements::Field128(a), Elements::Field128(b)) => pairwise(a, b, Arithmetic::plus),
            (Elements::Ristretto255(a), Elements::Ristretto255(b)) => pairwise(a, b, Arithmetic::plus),
            _ => panic!("cells of different fields were to be added"),
        }
    }

    /// Subtracts cell by cell.
    ///
    /// # Panics
    /// As [`Cells::add`].
    pub fn sub(&mut self, other: &Cells) {
        match (&mut self.0, &other.0) {
            (Elements::Field64(a), Elements::Field64(b)) => pairwise(a, b, Arithmetic::minus),
            (Elements::Field128(a), Elements::Field128(b)) => pairwise(a, b, Arithmetic::minus),
            (Elements::Ristretto255(a), Elements::Ristretto255(b)) => pairwise(a, b, Arithmetic::minus),
            _ => panic!("cells of different fields were to be subtracted"),
        }
    }

    /// Appends the encoding: every element in 8, 16 or 32 bytes, little-endian.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Elements::Field64(cells) => write(cells, out),
            Elements::Field128(cells) => write(cells, out),
            Elements::Ristretto255(cells) => write(cells, out),
        }
    }

    /// Reads elements until the bytes end.
    ///
    /// # Errors
    /// [`NotCanonical`] for bytes that are no whole number of elements, and for an integer of p or more.
    pub fn read(field: Field, bytes: &[u8]) -> Result<Self, NotCanonical> {
        Ok(Self(match field {
            Field::Field64 => Elements::Field64(read(bytes)?),
            Field::Field128 => Elements::Field128(read(bytes)?),
            Field::Ristretto255 => Elements::Ristretto255(read(bytes)?),
        }))
    }

    /// A second copy, for the module that turns an input into a share. Not `Clone`: copies of secrets stay rare.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Bytes that encode no elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotCanonical {
    /// The bytes are no whole number of elements.
    #[error("{bytes} bytes are not a whole number of elements of {element_bytes} bytes")]
    Length {
        /// Bytes given.
        bytes: usize,
        /// Bytes of an element.
        element_bytes: usize,
    },
    /// The bytes are not as many elements as there are cells.
    #[error("{bytes} bytes are not the {expected} bytes of the table's cells")]
    Cells {
        /// Bytes given.
        bytes: usize,
        /// Bytes of all cells.
        expected: usize,
    },
    /// An integer of p or more stands for no element.
    #[error("element {element} is not below the field's prime")]
    Element {
        /// Its position, from 0.
        element: usize,
    },
}

#[inline(always)]
fn pairwise<E: Element>(a: &mut [E], b: &[E], operation: impl Fn(E, E) -> E) {
    assert_eq!(a.len(), b.len(), "cells of chunks of different lengths were combined");
    for (a, b) in a.iter_mut().zip(b) {
        *a = operation(*a, *b);
    }
}

fn write<E: Element>(cells: &[E], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + cells.len() * E::BYTES, 0);
    for (bytes, cell) in out[start..].chunks_exact_mut(E::BYTES).zip(cells) {
        cell.write_le(bytes);
    }
}

fn read<E: Element>(bytes: &[u8]) -> Result<Vec<E>, NotCanonical> {
    if !bytes.len().is_multiple_of(E::BYTES) {
        return Err(NotCanonical::Length { bytes: bytes.len(), element_bytes: E::BYTES });
    }
    let mut cells = vec![E::default(); bytes.len() / E::BYTES];
    let mut canonical = true;
    for (cell, bytes) in cells.iter_mut().zip(bytes.chunks_exact(E::BYTES)) {
        let (element, below) = E::read_le(bytes);
        *cell = element;
        canonical &= below;
    }
    if canonical {
        return Ok(cells);
    }
    let element = bytes.chunks_exact(E::BYTES).position(|bytes| !E::read_le(bytes).1).unwrap_or_default();
    cells.as_mut_slice().zeroize();
    Err(NotCanonical::Element { element })
}

impl Drop for Cells {
    fn drop(&mut self) {
        // The slice, not the vector: its spare capacity was never used.
        match &mut self.0 {
            Elements::Field64(cells) => cells.as_mut_slice().zeroize(),
            Elements::Field128(cells) => cells.as_mut_slice().zeroize(),
            Elements::Ristretto255(cells) => cells.as_mut_slice().zeroize(),
        }
    }
}

impl ZeroizeOnDrop for Cells {}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cells({:?}, {}, <redacted>)", self.field(), self.len())
    }
}

impl ConstantTimeEq for Cells {
    fn ct_eq(&self, other: &Self) -> Choice {
        match (&self.0, &other.0) {
            (Elements::Field64(a), Elements::Field64(b)) => a.ct_eq(b),
            (Elements::Field128(a), Elements::Field128(b)) => a.ct_eq(b),
            (Elements::Ristretto255(a), Elements::Ristretto255(b)) => a.ct_eq(b),
            _ => Choice::from(0),
        }
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for Cells {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Prime;
    use alloc::format;

    #[test]
    fn encoding_is_little_endian() {
        let cells = Cells(Elements::Field64(vec![1, 0x0102_0304_0506_0708]));
        let mut out = vec![0xEE];
        cells.write_to(&mut out);
        assert_eq!(out, [0xEE, 1, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(Cells::read(Field::Field64, &out[1..]), Ok(cells));

        let cells = Cells(Elements::Field128(vec![0x0102]));
        let mut out = Vec::new();
        cells.write_to(&mut out);
        assert_eq!(out, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Cells::read(Field::Field128, &out), Ok(cells));
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        for (excess, ok) in [(-1i128, true), (0, false), (1, false)] {
            let p64 = (i128::from(u64::PRIME) + excess).to_le_bytes();
            let mut bytes = vec![0; 8];
            bytes.extend_from_slice(&p64[..8]);
            let read = Cells::read(Field::Field64, &bytes);
            assert_eq!(read.is_ok(), ok);
            assert!(ok || read == Err(NotCanonical::Element { element: 1 }));

            let p128 = u128::PRIME.wrapping_add_signed(excess).to_le_bytes();
            assert_eq!(Cells::read(Field::Field128, &p128).is_ok(), ok);
        }
        assert!(Cells::read(Field::Field64, &[0xFF; 8]).is_err());
        assert!(Cells::read(Field::Field128, &[0xFF; 16]).is_err());
        for length in [1, 7, 9, 15] {
            let expected = NotCanonical::Length { bytes: length, element_bytes: 8 };
            assert_eq!(Cells::read(Field::Field64, &vec![0; length]), Err(expected));
        }
        assert!(Cells::read(Field::Field128, &[0; 24]).is_err());
        assert_eq!(Cells::read(Field::Field128, &[]).map(|cells| cells.len()), Ok(0));
    }

    #[test]
    fn debug_shows_shape_only() {
        let cells = Cells(Elements::Field64(vec![424_242, 777]));
        assert_eq!(format!("{cells:?}"), "Cells(Field64, 2, <redacted>)");
    }

    #[test]
    fn equality_needs_field_length_and_values() {
        assert_ne!(Cells::zero(Field::Field64, 2), Cells::zero(Field::Field128, 2));
        assert_ne!(Cells::zero(Field::Field64, 2), Cells::zero(Field::Field64, 3));
        assert_ne!(Cells::zero(Field::Field64, 1), Cells(Elements::Field64(vec![1])));
    }

    #[test]
    #[should_panic(expected = "different lengths")]
    fn lengths_must_match() {
        Cells::zero(Field::Field64, 2).add(&Cells::zero(Field::Field64, 3));
    }

    #[test]
    #[should_panic(expected = "different fields")]
    fn fields_must_match() {
        Cells::zero(Field::Field64, 2).sub(&Cells::zero(Field::Field128, 2));
    }
}
