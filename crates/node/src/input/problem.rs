//! What can be wrong with an input file, in words that hold no text of it.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sharing::decimal::{Decimal, DecimalError};

/// So many problems of one file are listed; the rest is counted.
pub const MOST_PROBLEMS: usize = 20;

/// A rule that an input file breaks. Holds names and bounds of the agreement and positions in the file, never its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// There is no such file.
    #[error("there is no such file: `smpcd input template` writes an empty one")]
    NoFile,
    /// A directory, a pipe or a device.
    #[error("is not a plain file: give the path of a CSV file")]
    NotAFile,
    /// The operating system refuses.
    #[error("cannot be read ({0}): mend its permissions, or check the disk")]
    Unreadable(ErrorKind),
    /// Nothing in it.
    #[error("is empty: its first line must name the columns: {0}")]
    NoHeader(String),
    /// Nothing of the first line is a column of the agreement.
    #[error("names no column of the agreement: the first line must be: {0}")]
    NotAHeader(String),
    /// The header is separated by something else.
    #[error("its fields are separated by {0}: save the file as CSV with commas")]
    Separator(&'static str),
    /// Lines end as they did on old Macintosh machines.
    #[error("its lines end in CR alone: save the file with LF or CRLF line ends")]
    LineEnds,
    /// Bytes that are no UTF-8.
    #[error("is not UTF-8 text: save the file as CSV in UTF-8")]
    NotUtf8,
    /// Rows have labels, and the first column is not theirs.
    #[error("the first column must be `row`, with the labels of the rows: add it, or move it there")]
    RowColumn,
    /// A workbook of a spreadsheet, which is a ZIP archive.
    #[error("this is a workbook, not text: save it as CSV")]
    Workbook,
    /// A column without a header. Spreadsheets leave them behind.
    #[error("field {0} has no header: delete the empty column")]
    BlankHeader(usize),
    /// A header that the agreement does not know.
    #[error("the header of field {0} is not a column of the agreement: correct its spelling, or remove the field")]
    UnknownColumn(usize),
    /// A header that stands there twice.
    #[error("is named twice, in fields {0} and {1}: keep one")]
    RepeatedColumn(usize, usize),
    /// A column of the agreement that the header lacks.
    #[error("is missing in the header: add it")]
    MissingColumn,
    /// A line with fewer or more fields than the header.
    #[error(
        "has {found} fields where the header has {expected}: give every column one cell, and use a point, not a comma, in decimals"
    )]
    FieldCount {
        /// Fields of the line.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// A line with nothing on it, and rows after it. Stands for all that follow it at once.
    #[error("is blank: fill it in, or delete it")]
    BlankLine,
    /// A line of blank cells. Spreadsheets leave them behind.
    #[error("the line is empty: delete it")]
    EmptyLine,
    /// A quoted cell with a line end in it.
    #[error("a quoted cell runs on over the end of the line: close the quote")]
    OpenQuote,
    /// One record is larger than any of this table can be.
    #[error("is too long: close an open quote, or mend the line ends")]
    LineTooLong,
    /// A cell with nothing in it.
    #[error("the cell is blank: give the figure; write 0 only where it is zero")]
    BlankCell,
    /// Not a decimal number, or one of too many decimals. The reason holds none of the text.
    #[error("{0}")]
    Decimal(DecimalError),
    /// Less than the least value.
    #[error("the cell is below the agreed minimum of {0}: correct it, or have the agreement changed")]
    BelowMinimum(Decimal),
    /// More than the greatest value.
    #[error("the cell is above the agreed maximum of {0}: correct it, or have the agreement changed")]
    AboveMaximum(Decimal),
    /// No label.
    #[error("the label is blank: give the label of the row")]
    BlankLabel,
    /// A label that the agreement does not know.
    #[error("the label is not a row of the agreement: correct its spelling, or delete the line")]
    UnknownRow,
    /// A label that has a line already.
    #[error("the row `{label}` is there already, on line {first}: keep one")]
    RepeatedRow {
        /// The label, from the agreement.
        label: String,
        /// Its first line.
        first: u64,
    },
    /// A label without a line.
    #[error("the row `{0}` is missing: add its line")]
    MissingRow(String),
    /// More lines than rows.
    #[error("is one more than the {0} rows of the agreement: delete what is too much")]
    TooManyRows(u64),
    /// Fewer lines than rows.
    #[error("ends after {found} of the {agreed} rows of the agreement: add the others")]
    TooFewRows {
        /// Rows in the file.
        found: u64,
        /// Rows in the agreement.
        agreed: u64,
    },
}

/// One problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// The line, from 1; none for what concerns the whole file.
    pub line: Option<u64>,
    /// The column's name in the agreement, where one cell or one column is meant.
    pub column: Option<String>,
    /// What is wrong.
    pub rule: Rule,
}

impl fmt::Display for InputProblem {
    /// `column pay: the cell is blank: …`, for one who knows file and line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "column {column}: ")?;
        }
        write!(f, "{}", self.rule)
    }
}

/// All that is wrong with an input file, at most [`MOST_PROBLEMS`] of it in full. Displays as [`InputErrors::lines`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputErrors {
    file: PathBuf,
    problems: Vec<InputProblem>,
    more: u64,
}

impl InputErrors {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), problems: Vec::new(), more: 0 }
    }

    /// One problem of the whole file.
    pub(super) fn single(file: &Path, rule: Rule) -> Self {
        let mut errors = Self::new(file);
        errors.push(None, None, rule);
        errors
    }

    pub(super) fn push(&mut self, line: Option<u64>, column: Option<&str>, rule: Rule) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(InputProblem { line, column: column.map(str::to_owned), rule });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The problems that are listed, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[InputProblem] {
        &self.problems
    }

    /// How many more there are.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.more
    }

    /// One line for each problem, ready for an operator: `FILE:LINE: column NAME: what, and how to mend it`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let file = self.file.display();
        let line = |problem: &InputProblem| match problem.line {
            Some(line) => format!("{file}:{line}: {problem}"),
            None => format!("{file}: {problem}"),
        };
        let mut lines: Vec<String> = self.problems.iter().map(line).collect();
        if self.more > 0 {
            lines.push(format!("{file}: and {} more", self.more));
        }
        lines
    }
}

impl fmt::Display for InputErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for InputErrors {}
