//! The scalars of ristretto255 as field elements (PROTOCOL 1.4): the field of malicious rounds.
//!
//! Attacker: sends encodings of ℓ and more, measures time. A scalar is canonical by its type, and curve25519-dalek's arithmetic
//! takes no branch from a value; neither does what is added here.

use curve25519_dalek::scalar::Scalar;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::{DefaultIsZeroes, Zeroize};

use crate::arithmetic::Arithmetic;
use crate::cells::{Cells, Elements};
use crate::element::Element;

/// An integer mod ℓ. Prints nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Residue(pub(crate) Scalar);

impl DefaultIsZeroes for Residue {}

impl ConstantTimeEq for Residue {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl Residue {
    /// The scalar of 32 bytes below ℓ.
    pub(crate) fn canonical(bytes: &[u8; 32]) -> Option<Self> {
        Option::from(Scalar::from_canonical_bytes(*bytes).map(Self))
    }

    /// Every cell of the field as a scalar.
    ///
    /// # Panics
    /// For cells of another field: what has commitments has scalars.
    pub(crate) fn all(cells: &Cells) -> &[Residue] {
        Residue::of(cells).expect("what is committed to is of ristretto255's field")
    }
}

impl Arithmetic for Residue {
    #[inline]
    fn integer(value: u32) -> Self {
        Self(value.into())
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    #[inline]
    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    fn inverse(self) -> Self {
        Self(self.0.invert())
    }
}

impl Element for Residue {
    const BYTES: usize = 32;
    const DRAWN_BYTES: usize = 64;
    const LARGEST: i128 = i128::MAX;
    type Factor = Residue;

    #[inline]
    fn read_le(bytes: &[u8]) -> (Self, bool) {
        let mut array = [0; Self::BYTES];
        array.copy_from_slice(bytes);
        let read = Scalar::from_canonical_bytes(array);
        array.zeroize();
        let canonical = read.is_some().into();
        (Self(read.unwrap_or(Scalar::ZERO)), canonical)
    }

    #[inline]
    fn draw(bytes: &[u8]) -> (Self, bool) {
        let mut array = [0; Self::DRAWN_BYTES];
        array.copy_from_slice(bytes);
        let drawn = Scalar::from_bytes_mod_order_wide(&array);
        array.zeroize();
        (Self(drawn), true)
    }

    #[inline]
    fn write_le(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(self.0.as_bytes());
    }

    #[inline]
    fn from_signed(value: i128) -> Self {
        let magnitude = Scalar::from(value.unsigned_abs());
        Self(Scalar::conditional_select(&magnitude, &-magnitude, Choice::from(u8::from(value < 0))))
    }

    #[inline]
    fn to_signed(self) -> i128 {
        // The magnitude of the value and of its negative: at most one of them is small, or both are zero.
        let ((above, fits), (below, negative_fits)) = (magnitude(self.0), magnitude(-self.0));
        let negated = below.wrapping_neg();
        let signed =
            u128::conditional_select(&u128::conditional_select(&NO_VALUE, &negated, negative_fits), &above, fits);
        i128::from_le_bytes(signed.to_le_bytes())
    }

    #[inline]
    fn factor(self) -> Self::Factor {
        self
    }

    #[inline]
    fn dot(weights: &[Self::Factor], terms: &[Self::Factor]) -> Self {
        weights.iter().zip(terms).fold(Self::default(), |sum, (weight, term)| sum.plus(weight.times(*term)))
    }

    fn of(cells: &Cells) -> Option<&[Self]> {
        match &cells.0 {
            Elements::Ristretto255(elements) => Some(elements),
            _ => None,
        }
    }

    fn of_mut(cells: &mut Cells) -> Option<&mut [Self]> {
        match &mut cells.0 {
            Elements::Ristretto255(elements) => Some(elements),
            _ => None,
        }
    }
}

/// The bits of `i128::MIN`.
const NO_VALUE: u128 = 1 << 127;

/// The low half of a scalar, and whether it is all of it and below 2^127.
#[inline]
fn magnitude(scalar: Scalar) -> (u128, Choice) {
    let (mut low, mut high) = ([0; 16], [0; 16]);
    low.copy_from_slice(&scalar.as_bytes()[..16]);
    high.copy_from_slice(&scalar.as_bytes()[16..]);
    let low = u128::from_le_bytes(low);
    (low, u128::from_le_bytes(high).ct_eq(&0) & low.ct_lt(&NO_VALUE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpolation::Basis;
    use alloc::vec::Vec;
    use num_bigint::{BigInt, BigUint, Sign};
    use proptest::prelude::*;

    /// 2^252 + 27742317777372353535851937790883648493.
    fn order() -> BigUint {
        (BigUint::from(1u8) << 252) + BigUint::from(27_742_317_777_372_353_535_851_937_790_883_648_493u128)
    }

    fn integer(residue: Residue) -> BigUint {
        BigUint::from_bytes_le(residue.0.as_bytes())
    }

    fn residues() -> impl Strategy<Value = Residue> {
        prop_oneof![
            proptest::array::uniform32(any::<u8>()).prop_map(|bytes| Residue(Scalar::from_bytes_mod_order(bytes))),
            (0..3u32).prop_map(Residue::integer),
            (1..3u32).prop_map(|d| Residue::integer(0).minus(Residue::integer(d))),
            any::<i128>().prop_map(|value| Residue::from_signed(value.max(-i128::MAX))),
        ]
    }

    fn bytes32(integer: &BigUint) -> [u8; 32] {
        let mut bytes = integer.to_bytes_le();
        bytes.resize(32, 0);
        bytes.try_into().expect("below 2^256")
    }

    #[test]
    fn encodings_below_the_order_are_the_only_ones() {
        for (excess, ok) in [(-1i32, true), (0, false), (1, false), (2, false)] {
            let integer = BigInt::from(order()) + BigInt::from(excess);
            let bytes = bytes32(&integer.to_biguint().expect("positive"));
            assert_eq!(Residue::read_le(&bytes).1, ok);
            assert_eq!(Residue::canonical(&bytes).is_some(), ok);
        }
        assert!(!Residue::read_le(&[0xFF; 32]).1);
        assert_eq!(Residue::read_le(&[0; 32]), (Residue::default(), true));
    }

    #[test]
    fn what_fits_no_i128_is_taken_for_none() {
        for value in [0, 1, -1, i128::MAX, -i128::MAX] {
            assert_eq!(Residue::from_signed(value).to_signed(), value);
        }
        let beyond = Residue::from_signed(i128::MAX).plus(Residue::integer(1));
        let zero = Residue::integer(0);
        for large in [beyond, zero.minus(beyond), Residue::integer(2).inverse(), Residue(Scalar::from(u128::MAX))] {
            assert_eq!(large.to_signed(), i128::MIN);
        }
        for bit in 127..252usize {
            let mut bytes = [0; 32];
            bytes[bit / 8] = 1 << (bit % 8);
            let high = Residue::canonical(&bytes).expect("below 2^252");
            for small in [0, 1, 77] {
                assert_eq!(high.plus(Residue::integer(small)).to_signed(), i128::MIN, "bit {bit}");
                assert_eq!(
                    zero.minus(high).plus(Residue::integer(small)).to_signed(),
                    if bit == 127 && small > 0 { i128::MIN + i128::from(small) } else { i128::MIN }
                );
            }
        }
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_integers(a in residues(), b in residues()) {
            let (p, x, y) = (order(), integer(a), integer(b));
            prop_assert_eq!(integer(a.plus(b)), (&x + &y) % &p);
            prop_assert_eq!(integer(a.minus(b)), (&x + &p - &y) % &p);
            prop_assert_eq!(integer(a.times(b)), &x * &y % &p);
            prop_assert_eq!(integer(Residue::dot(&[a, b], &[b, b])), (&x * &y + &y * &y) % &p);
            if a != Residue::default() {
                prop_assert_eq!(integer(a.inverse()), x.modpow(&(&p - BigUint::from(2u8)), &p));
            }
            let mut bytes = [0; 32];
            a.write_le(&mut bytes);
            prop_assert_eq!(bytes, bytes32(&x));
            prop_assert_eq!(Residue::read_le(&bytes), (a, true));
        }

        #[test]
        fn signed_values_return(value: i128, a in residues()) {
            let value = value.max(-i128::MAX);
            let element = Residue::from_signed(value);
            prop_assert_eq!(element.to_signed(), value);
            let sum = BigInt::from(value) + BigInt::from_biguint(Sign::Plus, order());
            prop_assert_eq!(integer(element), sum.to_biguint().expect("positive") % order());
            // And nothing else is taken for a value.
            let back = a.to_signed();
            prop_assert!(back == i128::MIN || Residue::from_signed(back) == a);
        }

        #[test]
        fn a_drawn_element_is_its_bytes_mod_the_order(low: [u8; 32], high: [u8; 32]) {
            let bytes: Vec<u8> = low.into_iter().chain(high).collect();
            let (drawn, usable) = Residue::draw(&bytes);
            prop_assert!(usable);
            prop_assert_eq!(integer(drawn), BigUint::from_bytes_le(&bytes) % order());
        }

        #[test]
        fn interpolation_agrees_with_big_integers(
            nodes in proptest::sample::subsequence((0..=40u32).collect::<Vec<_>>(), 1..12).prop_shuffle(),
            point in 0..=40u32,
        ) {
            let p = order();
            let difference = |a: u32, b: u32| (BigUint::from(a) + &p - BigUint::from(b)) % &p;
            let weights = Basis::<Residue>::new(nodes.iter().copied()).at(point);
            for (node, weight) in nodes.iter().zip(weights) {
                let others = nodes.iter().filter(|other| *other != node);
                let (over, under) = others.fold((BigUint::from(1u8), BigUint::from(1u8)), |(over, under), other| {
                    (over * difference(point, *other) % &p, under * difference(*node, *other) % &p)
                });
                prop_assert_eq!(integer(weight) * under % &p, over);
            }
        }
    }
}
