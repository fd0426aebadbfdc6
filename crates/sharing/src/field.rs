//! The bounds of a column, and the field that the agreement's bounds ask for (PROTOCOL 1.4).
//!
//! Attacker: none here; bounds are public and signed by everybody. What must not happen is a sum that wraps around.

use crate::element::Prime;

/// A prime field. A function of the agreement alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// p = 2^64 − 2^32 + 1.
    Field64,
    /// p = 2^128 − 7·2^66 + 1.
    Field128,
    /// ℓ = 2^252 + 27742317777372353535851937790883648493: the scalars of ristretto255. Malicious rounds, and no other, have it.
    Ristretto255,
}

impl Field {
    /// The smallest field in which no sum of `input_parties` inputs within the bounds of `columns` wraps around.
    ///
    /// PROTOCOL 1.4, semi-honest: with B = |I| · max(|min|, |max|) in units of the last decimal, Field64 if 2B < p64,
    /// else Field128 if 2B < p128.
    ///
    /// # Errors
    /// [`WrapsAround`] names the first column that is too wide for Field128.
    pub fn for_bounds<'a>(
        input_parties: u32,
        columns: impl IntoIterator<Item = &'a Column>,
    ) -> Result<Field, WrapsAround> {
        let mut field = Field::Field64;
        for (index, column) in columns.into_iter().enumerate() {
            let largest = column.min.unsigned_abs().max(column.max.unsigned_abs());
            let twice = largest.checked_mul(u128::from(input_parties)).and_then(|b| b.checked_mul(2));
            match twice {
                Some(twice) if twice < u128::from(u64::PRIME) => {}
                Some(twice) if twice < u128::PRIME => field = Field::Field128,
                _ => return Err(WrapsAround { column: index, input_parties }),
            }
        }
        Ok(field)
    }

    /// The field of malicious rounds, in which every total of `input_parties` inputs within the bounds is an i128.
    ///
    /// PROTOCOL 1.4: malicious rounds use scalars of ristretto255; refused is what would be refused for Field128. That
    /// max − min is below 2^64 for every column is for the agreement to check.
    ///
    /// # Errors
    /// As [`Field::for_bounds`].
    pub fn for_proofs<'a>(
        input_parties: u32,
        columns: impl IntoIterator<Item = &'a Column>,
    ) -> Result<Field, WrapsAround> {
        Self::for_bounds(input_parties, columns).map(|_| Field::Ristretto255)
    }

    /// Bytes of one encoded element: 8, 16 or 32.
    pub fn element_bytes(self) -> usize {
        match self {
            Field::Field64 => size_of::<u64>(),
            Field::Field128 => size_of::<u128>(),
            Field::Ristretto255 => 32,
        }
    }

    /// Bits of an element, 255 for ristretto255; stands for the field where it is hashed.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Field::Field64 => 64,
            Field::Field128 => 128,
            Field::Ristretto255 => 255,
        }
    }
}

/// What the agreement says of a column: every value lies in [min, max], counted in units of the last decimal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// The least value, in units of the last decimal.
    pub min: i128,
    /// The greatest value, in units of the last decimal.
    pub max: i128,
    /// Decimals of every value.
    pub decimals: u8,
}

/// The bounds of a column are so wide that a sum could wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "column {}: a sum of {input_parties} values within its bounds does not fit a 128-bit field; \
     narrow the bounds or agree on fewer decimals", column + 1
)]
pub struct WrapsAround {
    /// Position of the column, from 0 (its message counts from 1).
    pub column: usize,
    /// The number of input parties that was asked for.
    pub input_parties: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethnum::U256;
    use proptest::prelude::*;

    fn column(min: i128, max: i128) -> Column {
        Column { min, max, decimals: 2 }
    }

    #[test]
    fn the_edges_are_exact() {
        // p64 and p128 are odd, so the largest B is (p − 1)/2.
        let half64 = i128::from(u64::PRIME / 2);
        let half128 = i128::try_from(u128::PRIME / 2).expect("below 2^127");
        for sign in [1, -1] {
            let field = |b: i128| {
                let bounds = if sign == 1 { column(0, b) } else { column(-b, 0) };
                Field::for_bounds(1, &[bounds])
            };
            assert_eq!(field(half64), Ok(Field::Field64));
            assert_eq!(field(half64 + 1), Ok(Field::Field128));
            assert_eq!(field(half128), Ok(Field::Field128));
            assert_eq!(field(half128 + 1), Err(WrapsAround { column: 0, input_parties: 1 }));
        }
    }

    #[test]
    fn the_widest_column_decides() {
        let narrow = column(-5, 5);
        let wide = column(0, 1 << 80);
        let refused = column(i128::MIN, 0);
        assert_eq!(Field::for_bounds(3, &[narrow, wide, narrow]), Ok(Field::Field128));
        let error = Field::for_bounds(3, &[narrow, wide, refused]).expect_err("too wide");
        assert_eq!(error.column, 2);
        assert!(alloc::string::ToString::to_string(&error).starts_with("column 3: a sum of 3 values"));
        assert_eq!(Field::for_bounds(u32::MAX, &[]), Ok(Field::Field64));
    }

    #[test]
    fn proofs_take_scalars_and_refuse_what_field128_refuses() {
        let half128 = i128::try_from(u128::PRIME / 2).expect("below 2^127");
        for narrow in [0, 1, i128::from(u64::PRIME), half128] {
            assert_eq!(Field::for_proofs(1, &[column(0, narrow)]), Ok(Field::Ristretto255));
        }
        let refused = WrapsAround { column: 1, input_parties: 1 };
        assert_eq!(Field::for_proofs(1, &[column(0, 1), column(-half128 - 1, 0)]), Err(refused));
        assert_eq!(Field::for_proofs(2, &[column(0, half128)]), Err(WrapsAround { column: 0, input_parties: 2 }));
        assert_eq!((Field::Ristretto255.element_bytes(), Field::Ristretto255.tag()), (32, 255));
    }

    proptest! {
        #[test]
        fn agrees_with_the_rule_in_wide_integers(parties: u32, min: i128, max: i128, shift in 0u32..127) {
            let (min, max) = (min >> shift, max >> shift);
            let twice = U256::from(2u8)
                * U256::from(parties)
                * U256::from(min.unsigned_abs().max(max.unsigned_abs()));
            let expected = if twice < U256::from(u64::PRIME) {
                Ok(Field::Field64)
            } else if twice < U256::from(u128::PRIME) {
                Ok(Field::Field128)
            } else {
                Err(WrapsAround { column: 0, input_parties: parties })
            };
            prop_assert_eq!(Field::for_bounds(parties, &[column(min, max)]), expected);
        }
    }
}
