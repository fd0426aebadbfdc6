//! What a person should know of an input before it is dealt: how many cells look odd, and never which or what they are.
//!
//! # Security
//! Counts alone leave this module. They are shown to who approves, whose figures these are, and are kept nowhere.

use std::io;
use std::path::Path;

use protocol::agreement::{Column, Computation, Rows};
use sharing::decode_totals;
use zeroize::Zeroizing;

use super::{ReadError, Report, read};
use crate::result::{Blocks, ResultFile, ResultRows};

/// A cell that is so many times above or below the mean is far from it.
const FAR: u128 = 10;

/// What an input that passed every rule looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Rows, columns, warnings.
    pub report: Report,
    /// The columns, in agreement order.
    pub columns: Vec<ColumnSummary>,
}

/// What one column looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Its cells.
    pub cells: u64,
    /// Cells that stand exactly at one of the two bounds.
    pub at_bounds: u64,
    /// Cells that are zero.
    pub zeros: u64,
    /// Cells that are like the first one, itself included.
    pub like_first: u64,
    /// Cells that are more than ten times above or below the mean of the earlier result, or of the other sign; none where
    /// there is no such column to compare with. A mean of zero is far from nothing.
    pub far: Option<u64>,
}

/// Reads and checks the file as [`read`] does, and counts. `earlier` is a result of the same computation; one over other
/// rows is not compared with.
///
/// # Errors
/// All that is wrong with the file; or what reading `earlier` said.
pub fn summarize(
    file: &Path,
    computation: &Computation,
    earlier: Option<&ResultFile>,
) -> Result<Summary, ReadError<io::Error>> {
    let bounds: Vec<_> = computation.columns.iter().map(|column| column.bounds).collect();
    let mut earlier = earlier.and_then(|file| Earlier::of(file, computation));
    let mut columns: Vec<ColumnSummary> = computation
        .columns
        .iter()
        .enumerate()
        .map(|(position, column)| ColumnSummary {
            name: column.name.clone(),
            cells: 0,
            at_bounds: 0,
            zeros: 0,
            like_first: 0,
            far: earlier.as_ref().and_then(|earlier| earlier.columns[position]).map(|_| 0),
        })
        .collect();
    let mut first = Zeroizing::new(vec![None; columns.len()]);
    let (mut row, mut position) = (0u64, 0);
    let report = read(file, computation, |_, encoded| {
        let cell = row * bounds.len() as u64 + position as u64;
        let values = decode_totals(encoded.cells(), 1, &bounds, cell).map_err(io::Error::other)?;
        for &value in &*Zeroizing::new(values) {
            let (column, bound) = (&mut columns[position], bounds[position]);
            column.cells += 1;
            column.at_bounds += u64::from(value == bound.min || value == bound.max);
            column.zeros += u64::from(value == 0);
            column.like_first += u64::from(*first[position].get_or_insert(value) == value);
            if let (Some(far), Some(earlier)) = (&mut column.far, &mut earlier) {
                *far += u64::from(earlier.is_far(row, position, value)?);
            }
            position += 1;
            if position == bounds.len() {
                (row, position) = (row + 1, 0);
            }
        }
        Ok(())
    })?;
    Ok(Summary { report, columns })
}

/// Walks an earlier result beside the input.
struct Earlier<'a> {
    blocks: Blocks<'a>,
    /// For each column of the computation its place in the result.
    columns: Vec<Option<usize>>,
    count: u32,
    width: usize,
    /// The block at hand: its first row, and its totals row by row.
    first: u64,
    totals: Vec<i128>,
}

impl<'a> Earlier<'a> {
    fn of(file: &'a ResultFile, computation: &Computation) -> Option<Self> {
        let meta = file.meta();
        let same_rows = match (&meta.rows, &computation.rows) {
            (ResultRows::Count(there), Rows::Count(here)) => *there == u64::from(*here),
            (ResultRows::Labels(there), Rows::Labels(here)) => there == here,
            _ => false,
        };
        let place = |column: &Column| {
            meta.columns.iter().position(|there| {
                there.name == column.name && there.decimals == column.bounds.decimals && (there.sum || there.mean)
            })
        };
        let columns = computation.columns.iter().map(place).collect();
        let (count, width) = (meta.count(), meta.columns.len());
        same_rows.then(|| Self { blocks: file.blocks(), columns, count, width, first: 0, totals: Vec::new() })
    }

    fn is_far(&mut self, row: u64, column: usize, value: i128) -> io::Result<bool> {
        let Some(place) = self.columns[column] else { return Ok(false) };
        let rows = |totals: &[i128], width: usize| (totals.len() / width) as u64;
        while row >= self.first + rows(&self.totals, self.width) {
            let Some((first, block)) = self.blocks.next_block()? else { return Ok(false) };
            self.first = first;
            self.totals.clear();
            block.for_each(|row| self.totals.extend(row));
        }
        let place = usize::try_from(row - self.first).map_err(io::Error::other)? * self.width + place;
        Ok(self.totals.get(place).is_some_and(|&total| is_far(value, total, self.count)))
    }
}

/// Whether a value is more than [`FAR`] times above or below `total / count`, in size, or of the other sign.
fn is_far(value: i128, total: i128, count: u32) -> bool {
    if total == 0 {
        return false;
    }
    // n·|x| is within the bounds of a sum, which no field exceeds; ten times that might. a > 10·b where ⌈a / 10⌉ > b.
    let (all, total_size) = (value.unsigned_abs().saturating_mul(count.into()), total.unsigned_abs());
    let above = |a: u128, b: u128| a.div_ceil(FAR) > b;
    above(all, total_size) || above(total_size, all) || (value != 0 && (value < 0) != (total < 0))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::tests::{counted, labelled};
    use super::*;
    use crate::result::{Place, ResultMeta, ResultWriter, Shape};

    /// What is counted of an input: at bounds, zeros, like the first, far; for each column.
    fn counts(
        computation: &Computation,
        text: &str,
        earlier: Option<&ResultFile>,
    ) -> Vec<(u64, u64, u64, Option<u64>)> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in.csv");
        std::fs::write(&file, text).unwrap();
        let summary = summarize(&file, computation, earlier).unwrap();
        assert!(summary.columns.iter().all(|column| column.cells == computation.rows.len()));
        summary.columns.iter().map(|c| (c.at_bounds, c.zeros, c.like_first, c.far)).collect()
    }

    /// An earlier result of three contributors.
    fn result(folder: &Path, computation: &Computation, totals: &[i128]) -> ResultFile {
        let place = Place::new(folder, &computation.id, "2025").unwrap();
        let columns = u32::try_from(computation.columns.len()).unwrap();
        let shape = Shape { field: computation.field, rows: computation.rows.len(), columns };
        let mut writer = ResultWriter::create(&place, shape).unwrap();
        let mut first = 0;
        for chunk in totals.chunks(sharing::CHUNK_CELLS) {
            writer.append(first, chunk).unwrap();
            first += chunk.len() as u64;
        }
        let parties = (1..=3).map(|party| format!("p{party}")).collect();
        writer.finish(ResultMeta::new(computation, "2025", [1; 32], [2; 32], parties, [3; 32])).unwrap();
        place.open().unwrap()
    }

    #[test]
    fn odd_cells_are_counted() {
        let table = counted(3);
        assert_eq!(counts(&table, "pay,heads\n80000,0\n-100,0\n1,0\n", None), [(2, 0, 1, None), (3, 3, 3, None)]);
        // In whatever order the file has its columns.
        assert_eq!(counts(&table, "heads,pay\n7,1\n7,1\n8,1\n", None), [(0, 0, 3, None), (0, 0, 2, None)]);
        let text = "row,pay,heads\n\"south, old\",80000,1\nnorth,1,2\n";
        assert_eq!(counts(&labelled(), text, None), [(1, 0, 1, None), (0, 0, 1, None)]);
    }

    #[test]
    fn cells_are_compared_with_the_mean_of_their_own_row_and_column() {
        let folder = tempfile::tempdir().unwrap();
        // Means: pay 1.00, 100.00, none; heads 10, 10, 10.
        let earlier = result(folder.path(), &counted(3), &[300, 30, 30_000, 30, 0, 30]);
        let text = "pay,heads\n10,100\n10,101\n80000,0\n";
        assert_eq!(counts(&counted(3), text, Some(&earlier)), [(1, 0, 2, Some(0)), (1, 1, 1, Some(2))]);
        assert_eq!(counts(&counted(3), "pay,heads\n10.01,1\n9.99,1\n1,1\n", Some(&earlier))[0].3, Some(2));
    }

    #[test]
    fn a_result_over_other_rows_or_of_another_column_is_not_compared_with() {
        let folder = tempfile::tempdir().unwrap();
        let earlier = result(folder.path(), &counted(2), &[3, 3, 3, 3]);
        let far = |table: &Computation, text: &str| -> Vec<_> {
            counts(table, text, Some(&earlier)).into_iter().map(|count| count.3).collect()
        };
        assert_eq!(far(&counted(3), "pay,heads\n1,1\n1,1\n1,1\n"), [None, None]);
        assert_eq!(far(&labelled(), "row,pay,heads\n\"south, old\",1,1\nnorth,1,1\n"), [None, None]);
        let mut other = counted(2);
        other.columns[0].bounds.decimals = 3;
        other.columns.swap(0, 1);
        assert_eq!(far(&other, "pay,heads\n1,100\n1,100\n"), [Some(2), None]);
    }

    #[test]
    fn a_table_of_several_chunks_is_compared_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let rows = u32::try_from(sharing::CHUNK_CELLS).unwrap();
        let table = counted(rows);
        let totals: Vec<i128> = (0..rows).flat_map(|row| [300, 3 * i128::from(row % 2)]).collect();
        let earlier = result(folder.path(), &table, &totals);
        let mut text = "pay,heads\n".to_owned();
        for row in 0..rows {
            writeln!(text, "{},{}", if row == rows - 1 { 20 } else { 1 }, row % 2).unwrap();
        }
        assert_eq!(counts(&table, &text, Some(&earlier)).iter().map(|c| c.3).collect::<Vec<_>>(), [Some(1), Some(0)]);
    }

    #[test]
    fn far_is_more_than_ten_times_above_or_below_the_mean() {
        // A mean of 100 over three: 1000 and 10 are just not far.
        for (value, far) in
            [(100, false), (1000, false), (1001, true), (10, false), (9, true), (0, true), (-100, true), (-1, true)]
        {
            assert_eq!(is_far(value, 300, 3), far, "{value}");
            assert_eq!(is_far(-value, -300, 3), far, "-{value}");
        }
        assert!(!is_far(5, 0, 3), "zero is no measure");
        // A mean of 1/3: ten times that is 10/3.
        assert!(!is_far(3, 1, 3) && is_far(4, 1, 3));
        assert!(is_far(i128::MAX, 1, u32::MAX) && is_far(1, i128::MIN, 1));
    }
}
