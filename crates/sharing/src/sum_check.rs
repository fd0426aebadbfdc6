//! Shares, partial sums and totals against the commitments of all that went into them (PROTOCOL 5.1, 5.3).
//!
//! All cells are checked at once: random weights w turn them into one equation, Σ w·value·H + Σ w·blinding·G = Σ_c M\[c\]·X_c with
//! X_c = Σ w·E_c. If a single cell is wrong, at most one in 2^128 choices of weights lets it pass.
//!
//! Attacker: deals shares, or sends partial sums, that are wrong in such a way that errors cancel out. So weights are drawn
//! here, **after** the openings are fixed, by a party for itself alone, and are never used for openings that came later.
//! Commitments are public, and what concerns them alone takes time that depends on them; what an opening takes does not.

use alloc::vec;
use alloc::vec::Vec;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use rand_core::CryptoRng;

use crate::commitments::{Commitments, share_of};
use crate::generators::Committer;
use crate::opening::Opening;
use crate::ristretto::Residue;
use crate::{Dealer, Scheme};

/// The weights, and what the commitments of the dealers so far say of every seat's sum and of the total.
///
/// With one dealer it is the share check (PROTOCOL 5.1), with all of S that of partial sums and total (5.3).
///
/// # Security
/// Make a new one for openings that were not yet there when this one was made: who knows the weights can cheat.
pub struct SumCheck {
    scheme: Scheme,
    weights: Vec<Residue>,
    dealers: usize,
    /// For each seat Σ_i Σ_c M_i\[seat\]\[c\]·X_{i,c}.
    seats: Vec<RistrettoPoint>,
    /// Σ_i X_{i,0}.
    total: RistrettoPoint,
    committer: Committer,
}

impl SumCheck {
    /// Draws a weight of 128 bits for each cell.
    ///
    /// # Security
    /// `rng` has to be one that nobody else can foresee, and the openings have to be fixed already.
    pub fn new(scheme: Scheme, cells: usize, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut weight = || {
            let mut bytes = [0; 16];
            rng.fill_bytes(&mut bytes);
            Residue(Scalar::from(u128::from_le_bytes(bytes)))
        };
        Self {
            scheme,
            weights: (0..cells).map(|_| weight()).collect(),
            dealers: 0,
            seats: vec![RistrettoPoint::identity(); usize::from(scheme.n())],
            total: RistrettoPoint::identity(),
            committer: Committer::new(),
        }
    }

    /// Adds a dealing. Each dealer of S is added once.
    ///
    /// # Panics
    /// Where the commitments are not k for each cell, and as [`Scheme::explicit_recipients`]: the caller mixed up tables.
    pub fn add(&mut self, dealer: Dealer, commitments: &Commitments) {
        let k = usize::from(self.scheme.threshold());
        let fits = commitments.cells() == self.weights.len() && commitments.coefficients() == k;
        assert!(fits, "the commitments are of another table");
        let weights = || self.weights.iter().map(|weight| weight.0);
        let sum = |c| RistrettoPoint::vartime_multiscalar_mul(weights(), commitments.of_coefficient(c));
        let sums: Vec<RistrettoPoint> = (0..k).map(sum).collect();

        let seats: Vec<u16> = (0..self.scheme.n()).collect();
        let rows: Vec<Vec<Residue>> = self.scheme.matrix(dealer, &seats);
        for (seat, row) in self.seats.iter_mut().zip(rows) {
            *seat += share_of(&row, &sums);
        }
        self.total += sums[0];
        self.dealers += 1;
    }

    /// Whether this is the sum of the shares of the compute party at `seat`, values and blindings of every cell.
    ///
    /// Before a dealing was added nothing is, neither is anything of a table without cells, nor of a seat that there is not.
    pub fn holds(&self, seat: u16, opening: &Opening) -> bool {
        self.seats.get(usize::from(seat)).is_some_and(|sum| self.opens(sum, opening))
    }

    /// Whether this is the sum of the inputs, with the sum of their blindings.
    pub fn total_holds(&self, total: &Opening) -> bool {
        self.opens(&self.total, total)
    }

    fn opens(&self, sum: &RistrettoPoint, opening: &Opening) -> bool {
        if self.dealers == 0 || self.weights.is_empty() || opening.len() != self.weights.len() {
            return false;
        }
        let (value, blinding) = opening.dot(&self.weights);
        self.committer.commit(value, blinding) == *sum
    }
}

impl core::fmt::Debug for SumCheck {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SumCheck({:?}, {} cells, {} dealers, <redacted>)", self.scheme, self.weights.len(), self.dealers)
    }
}
