//! Canonical field elements: plain integers below p, little-endian on the wire (PROTOCOL 1.4).
//!
//! Addition, encoding and wiping are trivial for them, which is why bulk cells are kept this way and not in prio's
//! Montgomery form; a property test holds the two equal. The scalars of ristretto255 are in `ristretto.rs`.
//!
//! Attacker: measures time. No function here branches on a value or uses it as an index.

use prio::field::{Field64, Field128, FieldElement};
use subtle::ConstantTimeEq;
use zeroize::DefaultIsZeroes;

use crate::arithmetic::{self, Arithmetic, Montgomery};
use crate::cells::{Cells, Elements};

/// An element of a prime field, held as the canonical integer in [0, p). The functions are correct only for such.
pub(crate) trait Element: Arithmetic + ConstantTimeEq + DefaultIsZeroes {
    /// Bytes of the encoding.
    const BYTES: usize;
    /// Bytes of key stream that an element is drawn from.
    const DRAWN_BYTES: usize;
    /// The greatest magnitude that a signed value may have: (p − 1)/2, or all that an i128 holds where that is less.
    const LARGEST: i128;

    /// The form in which elements are multiplied.
    type Factor: DefaultIsZeroes;

    /// Reads exactly [`Element::BYTES`] bytes, and whether their integer is below p. Where it is not, the element means nothing.
    fn read_le(bytes: &[u8]) -> (Self, bool);
    /// The element of exactly [`Element::DRAWN_BYTES`] uniform bytes, and whether it is to be used.
    fn draw(bytes: &[u8]) -> (Self, bool);
    /// Writes exactly [`Element::BYTES`] bytes.
    fn write_le(self, bytes: &mut [u8]);
    /// A value of magnitude up to [`Element::LARGEST`]. Negative v is p − |v|.
    fn from_signed(value: i128) -> Self;
    /// The inverse of [`Element::from_signed`]; `i128::MIN`, which it never takes, for an element that stands for no i128.
    fn to_signed(self) -> i128;
    /// This element in the form in which it is multiplied.
    fn factor(self) -> Self::Factor;
    /// The sum of the products of as many weights and terms.
    fn dot(weights: &[Self::Factor], terms: &[Self::Factor]) -> Self;
    /// The elements, if they are of this field.
    fn of(cells: &Cells) -> Option<&[Self]>;
    /// As [`Element::of`], to be changed.
    fn of_mut(cells: &mut Cells) -> Option<&mut [Self]>;
}

/// An element that is a plain integer.
pub(crate) trait Prime: Element {
    /// p.
    const PRIME: Self;
}

macro_rules! element {
    ($int:ident, $field:ident, $prime:expr, $factor:ty, $new:expr, $times:path, $dot:path) => {
        impl Arithmetic for $int {
            #[inline(always)]
            fn integer(value: u32) -> Self {
                value.into()
            }

            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                // p − other is in [1, p]: a − (p − b) is a + b, less p where it was p or more.
                self.minus(Self::PRIME - other)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                // Minus a flag is all ones or nothing: a mask instead of a branch.
                let (difference, borrow) = self.overflowing_sub(other);
                difference.wrapping_add(Self::PRIME & <$int>::from(borrow).wrapping_neg())
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                $times(self, other)
            }

            fn inverse(self) -> Self {
                $field::from(self).inv().into()
            }
        }

        impl Prime for $int {
            const PRIME: Self = $prime;
        }

        impl Element for $int {
            const BYTES: usize = size_of::<$int>();
            const DRAWN_BYTES: usize = Self::BYTES;
            const LARGEST: i128 = (Self::PRIME / 2) as i128;
            type Factor = $factor;

            #[inline(always)]
            fn read_le(bytes: &[u8]) -> (Self, bool) {
                let mut array = [0; Self::BYTES];
                array.copy_from_slice(bytes);
                let integer = Self::from_le_bytes(array);
                (integer, integer < Self::PRIME)
            }

            #[inline(always)]
            fn draw(bytes: &[u8]) -> (Self, bool) {
                Self::read_le(bytes)
            }

            #[inline(always)]
            fn write_le(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // two's complement is meant
            fn from_signed(value: i128) -> Self {
                (value as Self).wrapping_add(Self::PRIME & <$int>::from(value < 0).wrapping_neg())
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_wrap)] // two's complement is meant
            fn to_signed(self) -> i128 {
                let negative = self > Self::PRIME / 2;
                u128::from(self).wrapping_sub(u128::from(Self::PRIME & <$int>::from(negative).wrapping_neg())) as i128
            }

            #[inline(always)]
            fn factor(self) -> Self::Factor {
                $new(self)
            }

            #[inline(always)]
            fn dot(weights: &[Self::Factor], terms: &[Self::Factor]) -> Self {
                $dot(weights, terms)
            }

            fn of(cells: &Cells) -> Option<&[Self]> {
                match &cells.0 {
                    Elements::$field(elements) => Some(elements),
                    _ => None,
                }
            }

            fn of_mut(cells: &mut Cells) -> Option<&mut [Self]> {
                match &mut cells.0 {
                    Elements::$field(elements) => Some(elements),
                    _ => None,
                }
            }
        }
    };
}

element!(u64, Field64, 0xFFFF_FFFF_0000_0001, u64, core::convert::identity, arithmetic::times64, arithmetic::dot64);
element!(
    u128,
    Field128,
    0xFFFF_FFFF_FFFF_FFE4_0000_0000_0000_0001,
    Montgomery,
    Montgomery::new,
    arithmetic::times128,
    arithmetic::dot128
);

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Debug;
    use prio::field::FieldElementWithInteger;
    use proptest::prelude::*;

    /// Elements with the interesting ones often.
    fn elements64() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..u64::PRIME,
            0..4u64,
            (1..5u64).prop_map(|d| u64::PRIME - d),
            (0..4u64).prop_map(|d| u64::PRIME / 2 - 1 + d),
        ]
    }

    fn elements128() -> impl Strategy<Value = u128> {
        prop_oneof![
            0..u128::PRIME,
            0..4u128,
            (1..5u128).prop_map(|d| u128::PRIME - d),
            (0..4u128).prop_map(|d| u128::PRIME / 2 - 1 + d),
        ]
    }

    #[test]
    fn primes_are_prios() {
        assert_eq!(u64::PRIME, Field64::modulus());
        assert_eq!(u128::PRIME, Field128::modulus());
        assert_eq!(u64::PRIME, u64::MAX - (1 << 32) + 2);
        assert_eq!(u128::PRIME, u128::MAX - (7 << 66) + 2);
    }

    fn check<F, E>(a: E, b: E)
    where
        E: Prime + Debug + PartialOrd + From<F>,
        F: FieldElementWithInteger<Integer = E>,
    {
        let (fa, fb) = (F::from(a), F::from(b));
        assert_eq!(a.plus(b), E::from(fa + fb));
        assert_eq!(a.minus(b), E::from(fa - fb));
        assert_eq!(a.times(b), E::from(fa * fb));
        assert_eq!(E::dot(&[a.factor(), b.factor()], &[b.factor(), b.factor()]), E::from(fa * fb + fb * fb));
        assert!(a.plus(b) < E::PRIME && a.minus(b) < E::PRIME && a.times(b) < E::PRIME);
        assert!(a == E::default() || a.inverse().times(a) == E::integer(1));
        let mut ours = alloc::vec![0; E::BYTES];
        a.write_le(&mut ours);
        assert_eq!(ours, fa.encoded());
        assert_eq!(E::read_le(&ours), (a, true));
        assert_eq!(E::draw(&ours), (a, true));
        assert_eq!(E::from_signed(a.to_signed()), a);
    }

    trait Encoded {
        fn encoded(&self) -> alloc::vec::Vec<u8>;
    }
    impl<T: prio::codec::Encode> Encoded for T {
        fn encoded(&self) -> alloc::vec::Vec<u8> {
            self.get_encoded().expect("an element encodes")
        }
    }

    fn signed<E: Prime + Debug + PartialOrd>(v: i128, zero: E) {
        let e = E::from_signed(v);
        assert!(e < E::PRIME);
        assert_eq!(e.to_signed(), v);
        // Negative v is p − |v|.
        assert_eq!(E::from_signed(-v), zero.minus(e));
    }

    #[test]
    fn ends_of_the_signed_range() {
        for d in 0..3 {
            signed(u64::LARGEST - d, 0u64);
            signed(u128::LARGEST - d, 0u128);
            signed(d, 0u64);
            signed(d, 0u128);
        }
        assert_eq!(u64::from_signed(-1), u64::PRIME - 1);
        assert_eq!(u128::from_signed(-1), u128::PRIME - 1);
    }

    proptest! {
        #[test]
        fn arithmetic_is_prios(a in elements64(), b in elements64(), c in elements128(), d in elements128()) {
            check::<Field64, u64>(a, b);
            check::<Field128, u128>(c, d);
        }

        #[test]
        fn signed_values_return(v in -u64::LARGEST..=u64::LARGEST, w in -u128::LARGEST..=u128::LARGEST) {
            signed(v, 0u64);
            signed(w, 0u128);
        }

        #[test]
        fn canonical_means_below_p(a: u64, b: u128) {
            prop_assert_eq!(u64::read_le(&a.to_le_bytes()), (a, a < Field64::modulus()));
            prop_assert_eq!(u128::read_le(&b.to_le_bytes()), (b, b < Field128::modulus()));
        }
    }
}
