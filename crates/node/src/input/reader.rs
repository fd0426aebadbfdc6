//! The walk through the file: every line against every rule, so that all problems are found in one go.

use std::io::Read;
use std::path::Path;

use protocol::agreement::Computation;
use sharing::decimal::{self, Decimal, DecimalError};
use sharing::{Bound, Encoded};
use zeroize::{Zeroize, Zeroizing};

use super::header::{self, Field};
use super::problem::{InputErrors, Rule};
use super::source::{Next, Records};
use super::table::{Chunks, Labelled, Stop, labels};
use super::{ReadError, Report};

/// One reading of one file.
pub(super) struct Reading<'a, S> {
    computation: &'a Computation,
    sink: S,
    errors: InputErrors,
    chunks: Chunks<'a>,
    labelled: Option<Labelled<'a>>,
    /// The cells of the line at hand, in agreement order.
    row: Zeroizing<Vec<i128>>,
    /// Rows so far.
    rows: u64,
}

/// Whether the lines below are still worth reading.
enum Flow {
    Go,
    Stop,
}

impl<'a, S, E> Reading<'a, S>
where
    S: FnMut(u64, Encoded) -> Result<(), E>,
{
    pub(super) fn new(file: &Path, computation: &'a Computation, sink: S) -> Self {
        let columns = computation.columns.len();
        Self {
            computation,
            sink,
            errors: InputErrors::new(file),
            chunks: Chunks::new(computation),
            labelled: labels(computation).map(|labels| Labelled::new(labels, columns)),
            row: Zeroizing::new(vec![0; columns]),
            rows: 0,
        }
    }

    /// Reads all of it.
    pub(super) fn run(mut self, bytes: impl Read) -> Result<Report, ReadError<E>> {
        let columns = self.computation.columns.len();
        let mut records = Records::new(bytes, columns + 1);
        if let Some(fields) = self.header(&mut records) {
            let mut whole = true;
            loop {
                match self.advance(&mut records) {
                    Step::Line(line) => match self.line(&records, &fields, line).map_err(|stop| self.refuse(stop))? {
                        Flow::Go => {}
                        Flow::Stop => {
                            whole = false;
                            break;
                        }
                    },
                    Step::Broken => {
                        whole = false;
                        break;
                    }
                    Step::End => break,
                }
            }
            // Without a column of labels every one of them would be missing.
            if whole && (self.labelled.is_none() || fields.contains(&Field::Label)) {
                self.count(records.line());
            }
        }
        // Wipes the parser's buffers before the errors go anywhere.
        drop(records);
        self.finish()
    }

    fn header(&mut self, records: &mut Records<impl Read>) -> Option<Vec<Field>> {
        match self.advance(records) {
            Step::Line(line) => {
                let fields: Vec<&[u8]> = records.fields().collect();
                header::match_header(&fields, line, self.computation, &mut self.errors)
            }
            Step::End => {
                self.errors.push(None, None, Rule::NoHeader(header::expected(self.computation)));
                None
            }
            Step::Broken => None,
        }
    }

    /// The next line that has anything on it; reports blank lines before it, and lines that cannot be read.
    fn advance(&mut self, records: &mut Records<impl Read>) -> Step {
        let mut blank_from = None;
        loop {
            let (rule, line) = match records.next() {
                Next::Record { line, blank } => {
                    if blank > 0 {
                        blank_from.get_or_insert(line - blank);
                    }
                    if records.len() == 1 && records.field(0).is_none_or(<[u8]>::is_empty) {
                        blank_from.get_or_insert(line);
                        continue;
                    }
                    if let Some(first) = blank_from {
                        self.errors.push(Some(first), None, Rule::BlankLine);
                    }
                    return Step::Line(line);
                }
                // Blank lines with no row after them do no harm: spreadsheets leave them behind.
                Next::End => return Step::End,
                // It may have swallowed any number of lines: what follows would be reported for nothing.
                Next::OpenQuote { line } => (Rule::OpenQuote, Some(line)),
                Next::TooLong { line } => (Rule::LineTooLong, Some(line)),
                Next::Workbook => (Rule::Workbook, None),
                Next::Failed(kind) => (Rule::Unreadable(kind), None),
            };
            self.errors.push(line, None, rule);
            return Step::Broken;
        }
    }

    /// Checks one line and puts its cells where they belong.
    fn line(&mut self, records: &Records<impl Read>, fields: &[Field], line: u64) -> Result<Flow, Stop<E>> {
        let at = Some(line);
        if records.fields().all(<[u8]>::is_empty) {
            // Not a row: without it the others may be just as many as were agreed.
            self.errors.push(at, None, Rule::EmptyLine);
            return Ok(Flow::Go);
        }
        if records.len() != fields.len() {
            self.errors.push(at, None, Rule::FieldCount { found: records.len(), expected: fields.len() });
            self.rows += 1;
            // The row is there, though it is bad: it must not be reported as missing too.
            let label = fields.iter().position(|field| *field == Field::Label);
            if let Some(label) = label.and_then(|position| records.field(position)) {
                self.label(label, line);
            }
            return Ok(Flow::Go);
        }
        if self.labelled.is_none() && self.rows == self.computation.rows.len() {
            self.errors.push(at, None, Rule::TooManyRows(self.rows));
            return Ok(Flow::Stop);
        }
        self.rows += 1;
        let mut place = None;
        for (field, cell) in fields.iter().zip(records.fields()) {
            match *field {
                Field::Label => place = self.label(cell, line),
                Field::Column(column) => self.cell(cell, column, line),
                Field::Unknown => {}
            }
        }
        // With anything wrong nothing is released, so nothing need be kept.
        if !self.errors.is_empty() {
            self.row.as_mut_slice().zeroize();
            return Ok(Flow::Go);
        }
        match (&mut self.labelled, place) {
            (Some(table), Some(row)) => table.place(row, &self.row),
            (Some(_), None) => {}
            (None, _) => self.chunks.push(&self.row, &mut self.sink)?,
        }
        Ok(Flow::Go)
    }

    /// The row of a label.
    fn label(&mut self, label: &[u8], line: u64) -> Option<usize> {
        let table = self.labelled.as_mut()?;
        let rule = match table.find(label) {
            Some(row) => match table.claim(row, line) {
                Ok(()) => return Some(row),
                Err(first) => Rule::RepeatedRow { label: table.label(row).to_owned(), first },
            },
            None if label.is_empty() => Rule::BlankLabel,
            None if std::str::from_utf8(label).is_err() => Rule::NotUtf8,
            None => Rule::UnknownRow,
        };
        self.errors.push(Some(line), Some(super::ROW_COLUMN), rule);
        None
    }

    /// One cell, into the row at hand.
    fn cell(&mut self, cell: &[u8], column: usize, line: u64) {
        let described = &self.computation.columns[column];
        match parse(cell, described.bounds) {
            Ok(value) => self.row[column] = value,
            Err(rule) => self.errors.push(Some(line), Some(&described.name), rule),
        }
    }

    /// After the last line: the rows that it should have had.
    fn count(&mut self, last: u64) {
        match &self.labelled {
            Some(table) => {
                for label in table.missing() {
                    self.errors.push(None, Some(super::ROW_COLUMN), Rule::MissingRow(label.to_owned()));
                }
            }
            None => {
                let (found, agreed) = (self.rows, self.computation.rows.len());
                if found < agreed {
                    self.errors.push(Some(last), None, Rule::TooFewRows { found, agreed });
                }
            }
        }
    }

    fn finish(mut self) -> Result<Report, ReadError<E>> {
        if !self.errors.is_empty() {
            return Err(self.errors.into());
        }
        let pushed = match &self.labelled {
            Some(table) => self.chunks.push(table.cells(), &mut self.sink),
            None => Ok(()),
        };
        pushed.and_then(|()| self.chunks.flush(&mut self.sink)).map_err(|stop| self.refuse(stop))?;
        let computation = self.computation;
        Ok(Report { rows: computation.rows.len(), columns: computation.columns.len(), warnings: Vec::new() })
    }

    fn refuse(&self, stop: Stop<E>) -> ReadError<E> {
        match stop {
            Stop::Sink(error) => ReadError::Sink(error),
            // Each cell was compared with the same bounds, line in hand: this says so again without a line.
            Stop::Bounds(refused) => {
                let mut errors = InputErrors::new(self.errors.file());
                let described = &self.computation.columns[refused.column];
                errors.push(None, Some(&described.name), out_of(described.bounds, refused.bound));
                errors.into()
            }
        }
    }
}

/// What [`Reading::advance`] came to.
enum Step {
    Line(u64),
    Broken,
    End,
}

/// The value of a cell in units of the column's last decimal.
fn parse(cell: &[u8], bounds: sharing::Column) -> Result<i128, Rule> {
    if cell.is_empty() {
        return Err(Rule::BlankCell);
    }
    let text = std::str::from_utf8(cell).map_err(|_| Rule::NotUtf8)?;
    let value = match decimal::parse(text, bounds.decimals) {
        Ok(value) => value,
        Err(DecimalError::TooLarge) if text.starts_with('-') => return Err(out_of(bounds, Bound::Min)),
        Err(DecimalError::TooLarge) => return Err(out_of(bounds, Bound::Max)),
        Err(error) => return Err(Rule::Decimal(error)),
    };
    if value < bounds.min {
        return Err(out_of(bounds, Bound::Min));
    }
    if value > bounds.max {
        return Err(out_of(bounds, Bound::Max));
    }
    Ok(value)
}

fn out_of(bounds: sharing::Column, bound: Bound) -> Rule {
    let decimals = bounds.decimals;
    match bound {
        Bound::Min => Rule::BelowMinimum(Decimal { units: bounds.min, decimals }),
        Bound::Max => Rule::AboveMaximum(Decimal { units: bounds.max, decimals }),
    }
}
