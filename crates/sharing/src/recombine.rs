//! How shares become the secret again (PROTOCOL 2, 4.7).
//!
//! Attacker: sends partial sums under other parties' names, and wrong ones. Positions come from the agreement; one that is
//! doubled or that nobody has is refused. More parts than the threshold are checked against one polynomial, which shows that
//! something is wrong but not who did it. With k parts exactly, any parts give some secret: there is nothing to check.

use alloc::vec;
use alloc::vec::Vec;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use crate::arithmetic::Arithmetic;
use crate::element::Element;
use crate::interpolation::Basis;
use crate::matrix::{BLOCK_CELLS, Block, Matrix};
use crate::ristretto::Residue;
use crate::scheme::{Kind, Scheme, point};
use crate::{Cells, Field};

impl Scheme {
    /// The secret (or the sum of secrets) of which each given holder has the given share (or sum of shares).
    ///
    /// PROTOCOL 2: any k parties recombine with weights λ; additive: λ = 1; Shamir: Lagrange at 0. The order of the parts does
    /// not matter.
    ///
    /// PROTOCOL 4.7: with more than k, semi-honest rounds check all against one polynomial. With exactly k, a wrong part is
    /// not noticed: it gives a different secret.
    ///
    /// # Errors
    /// [`RecombineError`] where the parts are too few, not all of one shape, not each of another holder, or where more than k
    /// of them do not lie on one polynomial. The last names nobody.
    pub fn recombine(&self, parts: &[(u16, &Cells)]) -> Result<Cells, RecombineError> {
        let holders: Vec<u16> = parts.iter().map(|(holder, _)| *holder).collect();
        self.check_holders(&holders)?;
        let shape = |cells: &Cells| (cells.field(), cells.len());
        let (_, first) = parts[0];
        if let Some((holder, _)) = parts.iter().find(|(_, cells)| shape(cells) != shape(first)) {
            return Err(RecombineError::Shape { holder: *holder });
        }
        self.check_count(parts.len())?;
        let mut secret = Cells::zero(first.field(), first.len());
        match (self.kind(), first.field()) {
            (Kind::Additive, _) => parts.iter().for_each(|(_, cells)| secret.add(cells)),
            (Kind::Shamir { .. }, Field::Field64) => self.interpolate::<u64>(parts, &mut secret)?,
            (Kind::Shamir { .. }, Field::Field128) => self.interpolate::<u128>(parts, &mut secret)?,
            (Kind::Shamir { .. }, Field::Ristretto255) => self.interpolate::<Residue>(parts, &mut secret)?,
        }
        Ok(secret)
    }

    /// λ: the weights with which the shares of the first k of these holders sum to the secret, in their order.
    ///
    /// # Errors
    /// [`RecombineError`] where holders are too few, doubled or unknown.
    pub fn weights<A: Arithmetic>(&self, holders: &[u16]) -> Result<Vec<A>, RecombineError> {
        self.check_holders(holders)?;
        self.check_count(holders.len())?;
        let threshold = usize::from(self.threshold());
        Ok(match self.kind() {
            Kind::Additive => vec![A::integer(1); threshold],
            Kind::Shamir { .. } => Basis::new(holders[..threshold].iter().map(|holder| point(*holder))).at(0),
        })
    }

    /// Every holder is a compute party and comes once; there is one at least.
    fn check_holders(&self, holders: &[u16]) -> Result<(), RecombineError> {
        let mut seen = vec![false; usize::from(self.n())];
        for holder in holders {
            match seen.get_mut(usize::from(*holder)) {
                None => return Err(RecombineError::NoSuchHolder { holder: *holder, n: self.n() }),
                Some(true) => return Err(RecombineError::Twice { holder: *holder }),
                Some(seen) => *seen = true,
            }
        }
        if holders.is_empty() { self.check_count(0) } else { Ok(()) }
    }

    fn check_count(&self, have: usize) -> Result<(), RecombineError> {
        let need = self.threshold();
        if have < usize::from(need) { Err(RecombineError::TooFew { have, need }) } else { Ok(()) }
    }

    /// The polynomial through the first k parts gives the secret at 0, and has to give every further part at its point.
    ///
    /// Holders and shapes were checked. All cells are looked at whatever they are.
    fn interpolate<E: Element>(&self, parts: &[(u16, &Cells)], secret: &mut Cells) -> Result<(), RecombineError> {
        const ONE_FIELD: &str = "all parts have the field of the first";
        let threshold = usize::from(self.threshold());
        let values: Vec<&[E]> = parts.iter().map(|(_, cells)| E::of(cells).expect(ONE_FIELD)).collect();
        let (basis, further) = values.split_at(threshold);
        let secret = E::of_mut(secret).expect(ONE_FIELD);

        let polynomial = Basis::<E>::new(parts[..threshold].iter().map(|(holder, _)| point(*holder)));
        let at_zero = Matrix::new(threshold, [polynomial.at(0)]);
        let at_further =
            Matrix::new(threshold, parts[threshold..].iter().map(|(holder, _)| polynomial.at(point(*holder))));

        let mut block = Block::<E>::new(threshold);
        let mut expected = [E::default(); BLOCK_CELLS];
        let mut consistent = Choice::from(1);
        for start in (0..secret.len()).step_by(BLOCK_CELLS) {
            let cells = start..secret.len().min(start + BLOCK_CELLS);
            basis.iter().enumerate().for_each(|(term, values)| block.put(term, &values[cells.clone()]));
            at_zero.rows().for_each(|weights| block.multiply(weights, &mut secret[cells.clone()]));
            for (weights, values) in at_further.rows().zip(further) {
                let expected = &mut expected[..cells.len()];
                block.multiply(weights, expected);
                consistent &= expected.ct_eq(&values[cells.clone()]);
            }
        }
        expected.as_mut_slice().zeroize();
        if consistent.into() {
            Ok(())
        } else {
            Err(RecombineError::Inconsistent { parts: parts.len(), need: self.threshold() })
        }
    }
}

/// Parts that do not reconstruct anything. Holders are positions from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecombineError {
    /// Fewer parts than the threshold.
    #[error("{have} partial sums do not reconstruct: {need} are needed")]
    TooFew {
        /// Parts given.
        have: usize,
        /// The threshold k.
        need: u16,
    },
    /// A position beyond the agreement's.
    #[error("a partial sum came for compute party {holder}, but positions end below {n}")]
    NoSuchHolder {
        /// The position given.
        holder: u16,
        /// Number of compute parties.
        n: u16,
    },
    /// Two parts of one holder.
    #[error("compute party {holder} has two partial sums; each holder counts once")]
    Twice {
        /// The holder.
        holder: u16,
    },
    /// A part whose field or length is not that of the first.
    #[error("the partial sum of compute party {holder} has another field or length than the first one")]
    Shape {
        /// The holder.
        holder: u16,
    },
    /// More parts than needed, which contradict each other. Names nobody: a bad dealer and a bad compute party look alike.
    #[error(
        "{parts} partial sums were checked against each other, of which {need} would do, and they do not agree: a dealing \
         or a partial sum is wrong, and nothing shows whose; there is no result"
    )]
    Inconsistent {
        /// Parts given.
        parts: usize,
        /// The threshold k.
        need: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let a = Cells::zero(Field::Field64, 4);
        let shorter = Cells::zero(Field::Field64, 3);
        let other = Cells::zero(Field::Field128, 4);
        for scheme in [Scheme::additive(3), Scheme::shamir(3, 3)] {
            let refused = |parts: &[(u16, &Cells)]| scheme.recombine(parts).expect_err("refused");
            assert_eq!(refused(&[]), RecombineError::TooFew { have: 0, need: 3 });
            assert_eq!(refused(&[(0, &a), (1, &a)]), RecombineError::TooFew { have: 2, need: 3 });
            assert_eq!(refused(&[(0, &a), (1, &a), (1, &a)]), RecombineError::Twice { holder: 1 });
            assert_eq!(refused(&[(0, &a), (1, &a), (2, &a), (0, &a)]), RecombineError::Twice { holder: 0 });
            assert_eq!(refused(&[(0, &a), (1, &a), (3, &a)]), RecombineError::NoSuchHolder { holder: 3, n: 3 });
            // Party points are positions + 1; the position that would wrap around to point 0 is nobody's.
            assert_eq!(
                refused(&[(0, &a), (1, &a), (u16::MAX, &a)]),
                RecombineError::NoSuchHolder { holder: u16::MAX, n: 3 }
            );
            assert_eq!(refused(&[(0, &a), (1, &shorter), (2, &a)]), RecombineError::Shape { holder: 1 });
            assert_eq!(refused(&[(0, &a), (1, &a), (2, &other)]), RecombineError::Shape { holder: 2 });
            assert!(scheme.recombine(&[(2, &a), (0, &a), (1, &a)]).is_ok());
        }
        // A part beyond the threshold is held to the same rules.
        let scheme = Scheme::shamir(4, 2);
        let refused = |parts: &[(u16, &Cells)]| scheme.recombine(parts).expect_err("refused");
        assert_eq!(refused(&[(0, &a)]), RecombineError::TooFew { have: 1, need: 2 });
        assert_eq!(refused(&[(0, &a), (1, &a), (0, &a)]), RecombineError::Twice { holder: 0 });
        assert_eq!(refused(&[(0, &a), (1, &a), (4, &a)]), RecombineError::NoSuchHolder { holder: 4, n: 4 });
        assert_eq!(refused(&[(0, &a), (1, &a), (3, &shorter)]), RecombineError::Shape { holder: 3 });
        assert!(scheme.recombine(&[(3, &a), (1, &a), (0, &a), (2, &a)]).is_ok());
    }

    #[test]
    fn weights_are_of_the_first_k_holders() {
        let minus_one = 0u64.minus(1);
        let scheme = Scheme::shamir(4, 2);
        assert_eq!(scheme.weights(&[0, 1]), Ok(vec![2, minus_one]));
        assert_eq!(scheme.weights(&[1, 0]), Ok(vec![minus_one, 2]));
        assert_eq!(scheme.weights(&[0, 1, 3]), Ok(vec![2, minus_one]));
        assert_eq!(Scheme::additive(3).weights(&[2, 1, 0]), Ok(vec![1u64, 1, 1]));
        assert_eq!(scheme.weights::<u64>(&[0]), Err(RecombineError::TooFew { have: 1, need: 2 }));
        assert_eq!(scheme.weights::<u64>(&[]), Err(RecombineError::TooFew { have: 0, need: 2 }));
        assert_eq!(scheme.weights::<u64>(&[0, 0]), Err(RecombineError::Twice { holder: 0 }));
        assert_eq!(scheme.weights::<u64>(&[0, 4]), Err(RecombineError::NoSuchHolder { holder: 4, n: 4 }));
    }
}
