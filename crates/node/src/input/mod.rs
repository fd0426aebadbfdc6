//! This party's input: a CSV file, read once, checked cell by cell, handed on as bounded chunks (PROTOCOL 4.1).
//!
//! A table of [`Rows::Count`] may have 10^8 cells. It is taken in file order and only one chunk of it is in memory. A
//! table of [`Rows::Labels`] may have its lines in any order, so it is held whole until the last line is read; its
//! labels stand in the agreement and are in memory too, which keeps it small.
//!
//! The rules of the file: the header names exactly the agreement's columns, in any order; where the rows have labels,
//! the first column is `row` and each label has exactly one line; where they have none, there are exactly as many lines
//! as rows. UTF-8 with or without a byte order mark, LF or CRLF, blanks around a cell and quoted cells are fine. A blank
//! cell is an error, and so is a blank line before the last row: nothing is ever silently zero.
//!
//! # Security
//! The file holds the figures that nobody else may see, and whoever reads an error may be somebody else (a log, a
//! ticket, `status`). So an error names file, line, column and bound, and names and labels that stand in the
//! agreement; it never repeats any text of the file, not even an unknown header: a misplaced figure could stand there.
//!
//! What held figures is wiped: our own buffers on drop, and those of the `csv` crate by writing over them before they
//! are freed. What cannot be wiped: a record longer than [`RECORD_CAPACITY`] makes `csv` move its buffer and leave the
//! old one behind, and the operating system keeps pages of the file itself in its cache.

mod header;
mod problem;
mod reader;
mod source;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use protocol::agreement::{Computation, Rows};
use sharing::Encoded;

pub use problem::{InputErrors, InputProblem, MOST_PROBLEMS, Rule};
pub use source::RECORD_CAPACITY;
pub use summary::{ColumnSummary, Summary, summarize};

/// Header of the column that holds the labels of rows.
pub const ROW_COLUMN: &str = "row";

/// Bits of a file's mode that let any user of the machine read or change it.
const WORLD: u32 = 0o006;

/// What a file that passed every rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Rows of the table.
    pub rows: u64,
    /// Columns of the table, the labels not counted.
    pub columns: usize,
    /// What is not wrong but should be mended, one line each: file permissions.
    pub warnings: Vec<String>,
}

/// Why [`read`] ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// The file breaks its rules.
    #[error(transparent)]
    Input(#[from] InputErrors),
    /// The taker of chunks failed.
    #[error("{0}")]
    Sink(E),
}

/// Reads and checks the input file of a computation, and hands over its table in chunks: row-major,
/// [`sharing::CHUNK_CELLS`] cells each but the last, numbered from 0.
///
/// Chunks come while the file is still being read. What was made of them counts only if `Ok` is returned.
///
/// # Errors
/// All that is wrong with the file, up to [`MOST_PROBLEMS`] lines; or what `sink` returned, as soon as it did.
pub fn read<E>(
    file: &Path,
    computation: &Computation,
    sink: impl FnMut(u64, Encoded) -> Result<(), E>,
) -> Result<Report, ReadError<E>> {
    let broken = |rule| InputErrors::single(file, rule);
    let cannot_read = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => broken(Rule::NoFile),
        kind => broken(Rule::Unreadable(kind)),
    };
    let metadata = std::fs::metadata(file).map_err(cannot_read)?;
    if !metadata.is_file() {
        // A pipe would block the daemon for as long as nobody writes to it.
        return Err(broken(Rule::NotAFile).into());
    }
    let opened = File::open(file).map_err(cannot_read)?;
    let mut report = read_from(opened, file, computation, sink)?;
    if metadata.permissions().mode() & WORLD != 0 {
        let file = file.display();
        report.warnings.push(format!("{file}: every user of this machine can read or change it: chmod 600 {file}"));
    }
    Ok(report)
}

/// As [`read`], of any source of bytes; `file` is only named in errors. Nothing is known of permissions here.
///
/// # Errors
/// As [`read`].
pub fn read_from<E>(
    bytes: impl Read,
    file: &Path,
    computation: &Computation,
    sink: impl FnMut(u64, Encoded) -> Result<(), E>,
) -> Result<Report, ReadError<E>> {
    reader::Reading::new(file, computation, sink).run(bytes)
}

/// Reads and checks the file and keeps nothing: the dry run of [`read`].
///
/// # Errors
/// All that is wrong with the file, up to [`MOST_PROBLEMS`] lines.
pub fn check(file: &Path, computation: &Computation) -> Result<Report, InputErrors> {
    match read::<Infallible>(file, computation, |_, _| Ok(())) {
        Ok(report) => Ok(report),
        Err(ReadError::Input(errors)) => Err(errors),
    }
}

/// The empty input file: the header, and one line with blank cells for each label. Rows without labels get no lines:
/// their number is the agreement's, and a blank line would be an error.
#[must_use]
pub fn template(computation: &Computation) -> String {
    let names = computation.columns.iter().map(|column| column.name.as_str());
    let mut text = String::new();
    match &computation.rows {
        Rows::Count(_) => push_line(&mut text, names),
        Rows::Labels(labels) => {
            push_line(&mut text, std::iter::once(ROW_COLUMN).chain(names));
            for label in labels {
                push_line(&mut text, std::iter::once(label.as_str()).chain(computation.columns.iter().map(|_| "")));
            }
        }
    }
    text
}

/// Adds one record, quoted where RFC 4180 asks for it.
fn push_line<'a>(text: &mut String, fields: impl Iterator<Item = &'a str>) {
    for (position, field) in fields.enumerate() {
        if position > 0 {
            text.push(',');
        }
        crate::result::push_field(text, field);
    }
    text.push('\n');
}
