//! The commitments to the coefficients of a dealing, as everybody reads them (PROTOCOL 5).
//!
//! Attacker: sends a list of another length, encodings that are no points or have several readings, and complains about good
//! cells. Commitments are public: nothing here but what touches an opening is constant-time.

use alloc::vec::Vec;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::traits::VartimeMultiscalarMul;

use crate::generators::Committer;
use crate::opening::Opening;
use crate::ristretto::Residue;
use crate::{Dealer, Scheme};

/// Bytes of a commitment.
pub(crate) const POINT_BYTES: usize = 32;

/// Exactly k points for each cell of a table; a cell's are E_0 … E_{k−1}. In memory they take 160 bytes each.
#[derive(Clone, PartialEq, Eq)]
pub struct Commitments {
    k: usize,
    points: Vec<RistrettoPoint>,
}

impl Commitments {
    /// Reads the commitments to `cells` cells under a threshold of `k`.
    ///
    /// PROTOCOL 5: exactly k commitments a cell; any other length is a fault, an empty list too.
    ///
    /// # Errors
    /// [`NotCommitments`] for another length, or bytes that are not the encoding of a point (each has one only).
    pub fn parse(bytes: &[u8], cells: usize, k: u16) -> Result<Commitments, NotCommitments> {
        let k = usize::from(k);
        let expected = cells.saturating_mul(k).saturating_mul(POINT_BYTES);
        if bytes.len() != expected || bytes.is_empty() {
            return Err(NotCommitments::Length { bytes: bytes.len(), expected });
        }
        let mut points = Vec::with_capacity(cells * k);
        for (index, encoding) in bytes.as_chunks::<POINT_BYTES>().0.iter().enumerate() {
            let refused = || NotCommitments::Point { cell: index / k, coefficient: index % k };
            points.push(CompressedRistretto(*encoding).decompress().ok_or_else(refused)?);
        }
        Ok(Self { k, points })
    }

    /// L, the number of cells.
    pub fn cells(&self) -> usize {
        self.points.len() / self.k
    }

    /// k, the number of commitments to a cell.
    pub fn coefficients(&self) -> usize {
        self.k
    }

    /// E_0 … E_{k−1} of a cell.
    pub(crate) fn of(&self, cell: usize) -> &[RistrettoPoint] {
        &self.points[cell * self.k..][..self.k]
    }

    /// E_c of every cell.
    pub(crate) fn of_coefficient(&self, c: usize) -> impl Iterator<Item = &RistrettoPoint> {
        self.points.iter().skip(c).step_by(self.k)
    }
}

impl core::fmt::Debug for Commitments {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Commitments({} cells, {} each)", self.cells(), self.k)
    }
}

/// Bytes that are no commitments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotCommitments {
    /// The list is longer or shorter than the agreement asks for, or empty.
    #[error("{bytes} bytes are not the commitments to a table, which take {expected}")]
    Length {
        /// Bytes given.
        bytes: usize,
        /// Bytes of as many commitments as there have to be.
        expected: usize,
    },
    /// An encoding of no point.
    #[error("commitment {coefficient} to cell {cell} is no point")]
    Point {
        /// The cell, from 0.
        cell: usize,
        /// The coefficient, from 0.
        coefficient: usize,
    },
}

/// Whether this value and blinding are what the commitments say of one cell of the share of the compute party at `seat`.
///
/// PROTOCOL 5.1: share·H + blinding·G = Σ_c M_i\[j\]\[c\]·E_c. For complaints, whose cell is public. What is not canonical is not
/// the share; there is no cell beyond the last, and no seat either.
pub fn cell_holds(
    scheme: Scheme,
    dealer: Dealer,
    seat: u16,
    commitments: &Commitments,
    cell: usize,
    value: &[u8; 32],
    blinding: &[u8; 32],
) -> bool {
    let (Some(value), Some(blinding)) = (Residue::canonical(value), Residue::canonical(blinding)) else {
        return false;
    };
    if !fits(scheme, seat, commitments) || cell >= commitments.cells() {
        return false;
    }
    Committer::new().commit(value, blinding) == share_of(&row(scheme, dealer, seat), commitments.of(cell))
}

/// The first cell of a share that is not what the commitments say, for a complaint (PROTOCOL 5.4). `None` where all of them are.
///
/// About 0.1 ms a cell at k = 3: look only where a [`crate::SumCheck`] failed. An opening of another length, or of no seat, fails
/// at its first cell.
///
/// # Security
/// Which cell it names shows in its time; no value does.
pub fn first_bad_cell(
    scheme: Scheme,
    dealer: Dealer,
    seat: u16,
    commitments: &Commitments,
    opening: &Opening,
) -> Option<usize> {
    if !fits(scheme, seat, commitments) || opening.len() != commitments.cells() {
        return Some(0);
    }
    let (committer, row) = (Committer::new(), row(scheme, dealer, seat));
    let holds = |(cell, (value, blinding))| committer.commit(value, blinding) == share_of(&row, commitments.of(cell));
    opening.pairs().enumerate().position(|cell| !holds(cell))
}

fn fits(scheme: Scheme, seat: u16, commitments: &Commitments) -> bool {
    seat < scheme.n() && usize::from(scheme.threshold()) == commitments.k
}

/// M_i\[j\].
fn row(scheme: Scheme, dealer: Dealer, seat: u16) -> Vec<Residue> {
    scheme.coefficients(dealer, seat)
}

/// Σ_c M_i\[j\]\[c\]·E_c.
pub(crate) fn share_of(row: &[Residue], points: &[RistrettoPoint]) -> RistrettoPoint {
    RistrettoPoint::vartime_multiscalar_mul(row.iter().map(|weight| weight.0), points)
}
