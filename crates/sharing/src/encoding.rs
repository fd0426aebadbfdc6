//! From bounded integers to elements, and from summed elements back to totals (PROTOCOL 1.4, 4.1, 4.7).
//!
//! Attacker: an operator's mistake that would spoil a sum for everybody (a value out of bounds), and holders who send
//! partial sums that do not belong together (a total out of range). Errors name a place and a bound, never a value.

use alloc::vec::Vec;

use crate::cells::Elements;
use crate::element::Element;
use crate::{Cells, Column, Field};

/// One chunk of an input whose every value is within its column's bounds. There is no other way to make one.
///
/// (The feature `weakened` has one, for simulations of a cheating dealer.)
#[derive(PartialEq, Eq, Debug)]
pub struct Encoded(Cells);

impl Encoded {
    /// Encodes the values of consecutive cells, the first of which is `first_cell` (counted row by row).
    ///
    /// # Errors
    /// [`OutOfBounds`] names the first value that is beyond its column's bounds, or beyond what the field can hold (never
    /// the narrower one where the field came from [`Field::for_bounds`] or [`Field::for_proofs`]). Without a column nothing is within bounds.
    pub fn new(field: Field, columns: &[Column], first_cell: u64, values: &[i128]) -> Result<Self, OutOfBounds> {
        Ok(Self(Cells(match field {
            Field::Field64 => Elements::Field64(encode(columns, first_cell, values)?),
            Field::Field128 => Elements::Field128(encode(columns, first_cell, values)?),
            Field::Ristretto255 => Elements::Ristretto255(encode(columns, first_cell, values)?),
        })))
    }

    /// Takes back cells that were encoded before, for example from a sealed snapshot.
    ///
    /// # Errors
    /// As [`Encoded::new`].
    pub fn restore(columns: &[Column], first_cell: u64, cells: Cells) -> Result<Self, OutOfBounds> {
        match &cells.0 {
            Elements::Field64(cells) => check_elements(columns, first_cell, cells)?,
            Elements::Field128(cells) => check_elements(columns, first_cell, cells)?,
            Elements::Ristretto255(cells) => check_elements(columns, first_cell, cells)?,
        }
        Ok(Self(cells))
    }

    /// The elements.
    ///
    /// # Security
    /// They are the input itself.
    pub fn cells(&self) -> &Cells {
        &self.0
    }
}

/// What a cheating dealer shares, for simulations.
#[cfg(any(test, feature = "weakened"))]
impl Encoded {
    /// Encodes values whatever their bounds are; of magnitude up to that which the field holds.
    pub fn unchecked(field: Field, values: &[i128]) -> Self {
        Self(Cells(match field {
            Field::Field64 => Elements::Field64(values.iter().map(|value| Element::from_signed(*value)).collect()),
            Field::Field128 => Elements::Field128(values.iter().map(|value| Element::from_signed(*value)).collect()),
            Field::Ristretto255 => {
                Elements::Ristretto255(values.iter().map(|value| Element::from_signed(*value)).collect())
            }
        }))
    }

    /// Takes any elements for an input.
    pub fn unchecked_cells(cells: Cells) -> Self {
        Self(cells)
    }
}

/// Decodes the cells of one chunk of a reconstructed sum of `contributors` inputs.
///
/// PROTOCOL 4.7: every cell must lie in [|S|·min, |S|·max].
///
/// # Errors
/// [`TotalOutOfRange`] names the first cell that does not: the partial sums do not belong together, or a party lied. Nothing
/// of the round is then a result.
pub fn decode_totals(
    cells: &Cells,
    contributors: u32,
    columns: &[Column],
    first_cell: u64,
) -> Result<Vec<i128>, TotalOutOfRange> {
    let totals: Vec<i128> = match &cells.0 {
        Elements::Field64(cells) => cells.iter().map(|cell| cell.to_signed()).collect(),
        Elements::Field128(cells) => cells.iter().map(|cell| cell.to_signed()).collect(),
        Elements::Ristretto255(cells) => cells.iter().map(|cell| cell.to_signed()).collect(),
    };
    let times = i128::from(contributors);
    // Saturation changes nothing: no total lies beyond an i128. The least i128 is none either (Element::to_signed).
    let least = |column: &Column| column.min.saturating_mul(times).max(-i128::MAX);
    let ranges = columns.iter().map(|column| (least(column), column.max.saturating_mul(times)));
    let ranges: Vec<(i128, i128)> = ranges.collect();
    match check(&ranges, first_cell, totals.iter().copied()) {
        Ok(()) => Ok(totals),
        Err(OutOfBounds { cell, row, column, bound }) => Err(TotalOutOfRange { cell, row, column, bound }),
    }
}

/// The end of a column's range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// The value is below the least one.
    Min,
    /// The value is above the greatest one.
    Max,
}

impl core::fmt::Display for Bound {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Bound::Min => "below the minimum",
            Bound::Max => "above the maximum",
        })
    }
}

/// A value is beyond the bounds of its column. Positions count from 0, the message from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("row {}, column {}: the value is {bound} that the agreement allows; correct the input", row.saturating_add(1), column + 1)]
pub struct OutOfBounds {
    /// row · columns + column.
    pub cell: u64,
    /// Row of the cell.
    pub row: u64,
    /// Column of the cell.
    pub column: usize,
    /// The bound that it breaks.
    pub bound: Bound,
}

/// A total is beyond what that many inputs can sum to. Positions count from 0, the message from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "row {}, column {}: the total is {bound} that inputs within bounds can sum to; the partial sums do not belong \
     together or a party did not follow the protocol, so there is no result",
    row.saturating_add(1), column + 1
)]
pub struct TotalOutOfRange {
    /// row · columns + column.
    pub cell: u64,
    /// Row of the cell.
    pub row: u64,
    /// Column of the cell.
    pub column: usize,
    /// The end of the range that it breaks.
    pub bound: Bound,
}

fn encode<E: Element>(columns: &[Column], first_cell: u64, values: &[i128]) -> Result<Vec<E>, OutOfBounds> {
    check(&ranges::<E>(columns), first_cell, values.iter().copied())?;
    Ok(values.iter().map(|value| E::from_signed(*value)).collect())
}

fn check_elements<E: Element>(columns: &[Column], first_cell: u64, cells: &[E]) -> Result<(), OutOfBounds> {
    check(&ranges::<E>(columns), first_cell, cells.iter().map(|cell| cell.to_signed()))
}

/// The columns' bounds, as far as the field can hold them: a wider one would let a value become another.
fn ranges<E: Element>(columns: &[Column]) -> Vec<(i128, i128)> {
    columns.iter().map(|column| (column.min.max(-E::LARGEST), column.max.min(E::LARGEST))).collect()
}

/// Looks at all values without a branch on any; only where one is out of range does it look for the first.
fn check(
    ranges: &[(i128, i128)],
    first_cell: u64,
    values: impl ExactSizeIterator<Item = i128> + Clone,
) -> Result<(), OutOfBounds> {
    if values.len() == 0 {
        return Ok(());
    }
    let width = ranges.len() as u64;
    let Some(start) = first_cell.checked_rem(width) else {
        return Err(OutOfBounds { cell: first_cell, row: first_cell, column: 0, bound: Bound::Max });
    };
    let start = usize::try_from(start).expect("a remainder is below the number of columns");

    let mut column = start;
    let mut within = true;
    for value in values.clone() {
        let (min, max) = ranges[column];
        within &= (value >= min) & (value <= max);
        column += 1;
        if column == ranges.len() {
            column = 0;
        }
    }
    if within {
        return Ok(());
    }

    let cells = first_cell..;
    for ((cell, value), (min, max)) in cells.zip(values).zip(ranges.iter().cycle().skip(start)) {
        let bound = match value {
            value if value < *min => Bound::Min,
            value if value > *max => Bound::Max,
            _ => continue,
        };
        let column = usize::try_from(cell % width).expect("a remainder is below the number of columns");
        return Err(OutOfBounds { cell, row: cell / width, column, bound });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::Arithmetic;
    use crate::element::Prime;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    fn column(min: i128, max: i128) -> Column {
        Column { min, max, decimals: 0 }
    }

    #[test]
    fn the_first_offender_is_named_with_its_place_and_bound() {
        let columns = [column(0, 10), column(-5, 5), column(7, 7)];
        let good = [0, -5, 7, 10, 5, 7, 3, 0, 7];
        for field in [Field::Field64, Field::Field128] {
            for first_cell in [0u64, 3, 300_000] {
                assert!(Encoded::new(field, &columns, first_cell, &good).is_ok());
                for (position, value, bound) in [
                    (0, -1, Bound::Min),
                    (3, 11, Bound::Max),
                    (4, 6, Bound::Max),
                    (7, -6, Bound::Min),
                    (8, 8, Bound::Max),
                ] {
                    let mut values = good;
                    values[position] = value;
                    values[8] = if position == 8 { value } else { 6 }; // a later offender
                    let error = Encoded::new(field, &columns, first_cell, &values).expect_err("out of bounds");
                    let cell = first_cell + position as u64;
                    assert_eq!(error, OutOfBounds { cell, row: cell / 3, column: position % 3, bound });
                }
            }
        }
    }

    #[test]
    fn a_chunk_may_begin_within_a_row() {
        let columns = [column(0, 0), column(1, 1), column(2, 2)];
        assert!(Encoded::new(Field::Field64, &columns, 4, &[1, 2, 0, 1]).is_ok());
        let error = Encoded::new(Field::Field64, &columns, 4, &[1, 2, 1, 1]).expect_err("cell 6 is of column 0");
        assert_eq!(error, OutOfBounds { cell: 6, row: 2, column: 0, bound: Bound::Max });
        assert_eq!(
            error.to_string(),
            "row 3, column 1: the value is above the maximum that the agreement allows; correct the input"
        );
    }

    #[test]
    fn neither_the_extremes_nor_a_narrow_field_let_a_value_through() {
        let open = [column(i128::MIN, i128::MAX)];
        for (value, bound) in [(i128::MIN, Bound::Min), (i128::MAX, Bound::Max)] {
            for field in [Field::Field64, Field::Field128] {
                let error = Encoded::new(field, &open, 0, &[value]).expect_err("more than the field holds");
                assert_eq!(error.bound, bound);
            }
        }
        assert!(Encoded::new(Field::Field64, &open, 0, &[u64::LARGEST, -u64::LARGEST]).is_ok());
        assert!(Encoded::new(Field::Field64, &open, 0, &[u64::LARGEST + 1]).is_err());
        assert!(Encoded::new(Field::Field64, &open, 0, &[-u64::LARGEST - 1]).is_err());
        let empty = [column(1, 0)];
        assert!(Encoded::new(Field::Field64, &empty, 0, &[0]).is_err());
        assert!(Encoded::new(Field::Field64, &[], 5, &[0]).is_err());
        assert!(Encoded::new(Field::Field64, &[], 5, &[]).is_ok());
    }

    #[test]
    fn restoring_checks_the_bounds_again() {
        for field in [Field::Field64, Field::Field128] {
            let wide = [column(-100, 100)];
            let narrow = [column(-10, 10)];
            let cells = |value| Encoded::new(field, &wide, 0, &[0, value]).expect("within the wide bounds").0;
            for (value, bound) in [(11, Some(Bound::Max)), (-11, Some(Bound::Min)), (10, None), (-10, None)] {
                let restored = Encoded::restore(&narrow, 4, cells(value));
                assert_eq!(restored.err(), bound.map(|bound| OutOfBounds { cell: 5, row: 5, column: 0, bound }));
            }
            // p − 1 is −1, not a huge value, and the element in the middle is far out.
            assert!(Encoded::restore(&[column(0, 100)], 0, cells(-1)).is_err());
        }
        let middle = Cells(Elements::Field64(vec![u64::PRIME / 2 + 1]));
        assert_eq!(Encoded::restore(&[column(-1, 1)], 0, middle).expect_err("far out").bound, Bound::Min);
    }

    #[test]
    fn totals_are_checked_against_the_number_of_contributors() {
        let columns = [column(-2, 3)];
        let totals = |total: i128| {
            let cells = Cells(Elements::Field64(vec![0, u64::from_signed(total)]));
            decode_totals(&cells, 4, &columns, 10)
        };
        assert_eq!(totals(12), Ok(vec![0, 12]));
        assert_eq!(totals(-8), Ok(vec![0, -8]));
        assert_eq!(totals(13), Err(TotalOutOfRange { cell: 11, row: 11, column: 0, bound: Bound::Max }));
        let error = totals(-9).expect_err("below 4 · −2");
        assert_eq!(error.bound, Bound::Min);
        assert!(error.to_string().starts_with("row 12, column 1: the total is below the minimum"));
        assert!(!error.to_string().contains('9'));
    }

    #[test]
    fn a_scalar_that_is_no_integer_is_no_total() {
        use crate::ristretto::Residue;
        // 1/2, and integers just beyond those that are kept; under bounds that let every integer through.
        let open = [column(i128::MIN, i128::MAX)];
        let beyond = Residue::from_signed(i128::MAX).plus(Residue::integer(1));
        for scalar in [Residue::integer(2).inverse(), beyond, Residue::integer(0).minus(beyond)] {
            let cells = || Cells(Elements::Ristretto255(vec![Residue::integer(5), scalar]));
            assert_eq!(decode_totals(&cells(), 1, &open, 0).expect_err("none").cell, 1);
            assert_eq!(Encoded::restore(&open, 0, cells()).expect_err("none").cell, 1);
        }
        let cells = Encoded::unchecked(Field::Ristretto255, &[i128::MAX, -i128::MAX, 0]);
        assert_eq!(decode_totals(cells.cells(), 1, &open, 0), Ok(vec![i128::MAX, -i128::MAX, 0]));
        let error = Encoded::new(Field::Ristretto255, &open, 0, &[i128::MIN]).expect_err("its negative is none");
        assert_eq!(error.bound, Bound::Min);
    }

    #[test]
    fn bounds_times_contributors_may_exceed_an_integer() {
        let cells = Cells(Elements::Field128(vec![u128::PRIME / 2, u128::PRIME / 2 + 1]));
        let columns = [column(i128::MIN, i128::MAX)];
        assert_eq!(decode_totals(&cells, u32::MAX, &columns, 0), Ok(vec![u128::LARGEST, -u128::LARGEST]));
    }

    proptest! {
        #[test]
        fn values_within_bounds_return(
            rows in proptest::collection::vec((-9_000_000_000i128..=9_000_000_000, 0..=1i128), 0..50),
            first_row in 0..1_000_000u64,
        ) {
            let columns = [column(-9_000_000_000, 9_000_000_000), column(0, 1)];
            let values: Vec<i128> = rows.iter().flat_map(|(a, b)| [*a, *b]).collect();
            for field in [Field::Field64, Field::Field128] {
                let encoded = Encoded::new(field, &columns, 2 * first_row, &values).expect("within bounds");
                prop_assert_eq!(decode_totals(encoded.cells(), 1, &columns, 2 * first_row), Ok(values.clone()));
                let again = Encoded::restore(&columns, 2 * first_row, encoded.cells().duplicate());
                prop_assert_eq!(again, Ok(encoded));
            }
        }
    }
}
