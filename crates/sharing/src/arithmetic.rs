//! Arithmetic of a prime field, and sums of products in bulk (PROTOCOL 1.4, 2).
//!
//! Attacker: measures time. Products of secret elements with public weights take no branch and no index from a value. For
//! p = 2^64 − 2^32 + 1 the reduction is done here, because the way into prio's Montgomery form and out again costs twice the
//! product; property tests hold it equal to prio's. For Field128 the products are prio's.

use prio::field::Field128;
use zeroize::DefaultIsZeroes;

/// Exact arithmetic of a prime field p > 2^16.
///
/// `u64` and `u128` implement it as the canonical elements of [`crate::Field::Field64`] and [`crate::Field::Field128`];
/// operands have to be canonical, as all elements of this crate are. Scalars of ristretto255 implement it inside of the crate. [`crate::Scheme::coefficients`] and
/// [`crate::Scheme::weights`] give their public weights in any implementor.
pub trait Arithmetic: Copy + Eq {
    /// The element that an integer below p stands for.
    fn integer(value: u32) -> Self;
    /// self + other.
    fn plus(self, other: Self) -> Self;
    /// self − other.
    fn minus(self, other: Self) -> Self;
    /// self · other.
    fn times(self, other: Self) -> Self;
    /// The inverse of an element other than zero.
    ///
    /// # Security
    /// Only public elements are ever inverted; it need not be constant-time.
    fn inverse(self) -> Self;
}

/// a · b mod p64, for canonical operands.
#[inline(always)]
pub(crate) fn times64(a: u64, b: u64) -> u64 {
    reduce64(u128::from(a) * u128::from(b))
}

/// Σ weight · term mod p64, with one reduction for all.
#[inline(always)]
pub(crate) fn dot64(weights: &[u64], terms: &[u64]) -> u64 {
    let (mut low, mut overflows) = (0u128, 0u64);
    for (weight, term) in weights.iter().zip(terms) {
        let (sum, overflow) = low.overflowing_add(u128::from(*weight) * u128::from(*term));
        low = sum;
        overflows += u64::from(overflow);
    }
    // 2^96 = −1, so 2^128 = −2^32. There are at most 2^16 terms, so the shift loses nothing and stays below p.
    reduce64(low).minus(overflows << 32)
}

/// Any integer mod p64, for p64 = 2^64 − ε with ε = 2^32 − 1: 2^64 = ε and 2^96 = −1.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // the words of the integer are meant
fn reduce64(value: u128) -> u64 {
    const EPSILON: u64 = 0xFFFF_FFFF;
    let (low, high) = (value as u64, (value >> 64) as u64);
    // low − ⌊high / 2^32⌋. After a borrow the word is 2^64 too large, which is ε: no second borrow, for it is above p.
    let (word, borrow) = low.overflowing_sub(high >> 32);
    let word = word.wrapping_sub(EPSILON & u64::from(borrow).wrapping_neg());
    // + (high mod 2^32) · ε. After a carry the word lacks 2^64, which is ε: no second carry, for the product is below 2^64 − 2^32.
    let (word, carry) = word.overflowing_add((high & EPSILON) * EPSILON);
    let word = word.wrapping_add(EPSILON & u64::from(carry).wrapping_neg());
    // Below 2^64 < 2p.
    word.minus(0xFFFF_FFFF_0000_0001)
}

/// An element of Field128 in prio's form, for many products. Unlike prio's own type it can be wiped and prints nothing.
#[derive(Clone, Copy, Default)]
pub(crate) struct Montgomery(Field128);

impl DefaultIsZeroes for Montgomery {}

impl Montgomery {
    #[inline(always)]
    pub(crate) fn new(element: u128) -> Self {
        Self(Field128::from(element))
    }
}

/// a · b mod p128, for canonical operands.
pub(crate) fn times128(a: u128, b: u128) -> u128 {
    u128::from(Field128::from(a) * Field128::from(b))
}

/// Σ weight · term mod p128.
#[inline(always)]
pub(crate) fn dot128(weights: &[Montgomery], terms: &[Montgomery]) -> u128 {
    let products = weights.iter().zip(terms).map(|(weight, term)| weight.0 * term.0);
    u128::from(products.fold(Field128::default(), |sum, product| sum + product))
}

#[cfg(test)]
mod tests {
    use super::*;
    use prio::field::{Field64, FieldElementWithInteger};
    use proptest::prelude::*;

    const P64: u64 = 0xFFFF_FFFF_0000_0001;

    /// Words at which the reduction borrows, carries, or just does not.
    fn words() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            (0u32..64, 0..3u64).prop_map(|(bit, d)| (1u64 << bit).wrapping_add(d).wrapping_sub(1)),
            (0..5u64).prop_map(|d| P64 + 2 - d),
            (0..5u64).prop_map(|d| u64::MAX - d),
            any::<u32>().prop_map(|word| u64::from(word) << 32),
        ]
    }

    fn naive(value: u128) -> u64 {
        u64::try_from(value % u128::from(P64)).expect("below p")
    }

    #[test]
    fn ends_of_the_reduction() {
        let p = u128::from(P64);
        let edges = [0, 1, p - 1, p, p + 1, 2 * p, 1 << 64, (1 << 64) - 1, 1 << 96, (1 << 96) - 1, u128::MAX];
        for edge in edges {
            for value in [edge, edge.wrapping_add(1), edge.wrapping_sub(1), u128::MAX / p * p] {
                assert_eq!(reduce64(value), naive(value), "{value:#x}");
            }
        }
    }

    #[test]
    fn many_large_terms_do_not_overflow() {
        for terms in [1usize, 2, 3, 64, 65_535] {
            let largest64 = std::vec![P64 - 1; terms];
            // (−1)·(−1) = 1.
            assert_eq!(dot64(&largest64, &largest64), terms as u64);
            let largest128 = std::vec![Montgomery::new(Field128::modulus() - 1); terms];
            assert_eq!(dot128(&largest128, &largest128), terms as u128);
        }
        assert_eq!((dot64(&[], &[]), dot128(&[], &[])), (0, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn reduction_is_the_remainder(low in words(), high in words()) {
            let value = u128::from(high) << 64 | u128::from(low);
            prop_assert_eq!(reduce64(value), naive(value));
        }

        #[test]
        fn products_are_prios(a in words(), b in words(), c: u128, d: u128) {
            let (a, b) = (a % P64, b % P64);
            prop_assert_eq!(times64(a, b), u64::from(Field64::from(a) * Field64::from(b)));
            let p128 = Field128::modulus();
            let (c, d) = (c % p128, d % p128);
            prop_assert_eq!(dot128(&[Montgomery::new(c)], &[Montgomery::new(d)]), times128(c, d));
        }

        #[test]
        fn sums_of_products_are_prios(pairs in proptest::collection::vec((words(), words()), 0..70)) {
            let (a, b): (Vec<u64>, Vec<u64>) = pairs.iter().map(|(a, b)| (a % P64, b % P64)).unzip();
            let products = a.iter().zip(&b).map(|(a, b)| Field64::from(*a) * Field64::from(*b));
            let sum = products.fold(Field64::default(), |sum, product| sum + product);
            prop_assert_eq!(dot64(&a, &b), u64::from(sum));
        }
    }
}
