//! The bytes under the CSV parser: bounded for each record, and wiped at the end.

use std::io::{self, ErrorKind, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

/// Bytes of a record's buffer from the start. `csv` moves a buffer that grows, and what it leaves behind cannot be
/// wiped; no record of a table with fewer than a thousand columns comes near this.
pub const RECORD_CAPACITY: usize = 64 * 1024;

/// Bytes that are read at once.
const READ_AHEAD: usize = 64 * 1024;

/// Most bytes that one cell can need: a label, or 39 digits with their blanks.
const WIDEST_CELL: usize = 1024;

/// Least bound on a record, for tables of few columns.
const LEAST_BOUND: usize = 1024 * 1024;

/// What a workbook begins with: it is a ZIP archive.
const ZIP: &[u8] = b"PK\x03\x04";

/// A reader of CSV records that knows their lines, bounds their length and wipes its buffers.
pub(super) struct Records<R: Read> {
    csv: Reader<Source<R>>,
    record: ByteRecord,
    /// Last line that was read, from 1; 0 at first.
    line: u64,
    /// Longest record so far, to wipe all of it.
    longest: usize,
}

/// What came next.
pub(super) enum Next {
    /// A record, in [`Records::fields`]; its last line, and how many blank lines were left out before it.
    Record { line: u64, blank: u64 },
    /// A quoted cell ran on over the end of this line.
    OpenQuote { line: u64 },
    /// The record at this line passed the bound.
    TooLong { line: u64 },
    /// The file is the workbook of a spreadsheet.
    Workbook,
    /// The operating system failed.
    Failed(ErrorKind),
    /// The end of the file.
    End,
}

impl<R: Read> Records<R> {
    /// Reads records of up to `fields` fields.
    pub(super) fn new(bytes: R, fields: usize) -> Self {
        let bound = LEAST_BOUND.max(fields.saturating_mul(WIDEST_CELL));
        let source = Source {
            bytes,
            bound,
            taken: 0,
            state: State::Reading,
            begun: false,
            failure: None,
            too_long: false,
            workbook: false,
        };
        let csv = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            // The CR of a CRLF stays at the end of the last field, where it is trimmed as a blank. Left to itself,
            // the parser ends a record at CR and counts its line only with the next one.
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(READ_AHEAD)
            .from_reader(source);
        let record = ByteRecord::with_capacity(RECORD_CAPACITY, fields + 1);
        Self { csv, record, line: 0, longest: 0 }
    }

    /// Reads on.
    pub(super) fn next(&mut self) -> Next {
        self.csv.get_mut().taken = 0;
        // The source turns its failures into the end of the file, and any number of fields is let through.
        let found = self.csv.read_byte_record(&mut self.record).unwrap_or(false);
        self.longest = self.longest.max(self.record.as_slice().len());
        let before = self.line;
        let source = self.csv.get_ref();
        if let Some(kind) = source.failure {
            return Next::Failed(kind);
        }
        if source.workbook {
            return Next::Workbook;
        }
        if source.too_long {
            return Next::TooLong { line: before + 1 };
        }
        if !found {
            return Next::End;
        }
        // Every record ends in LF: the source adds one to the last.
        self.line = self.csv.position().line().saturating_sub(1);
        let blank = self.line.saturating_sub(before + 1);
        if blank > 0 && self.record.as_slice().contains(&b'\n') {
            return Next::OpenQuote { line: before + 1 };
        }
        Next::Record { line: self.line, blank }
    }

    /// The fields of the record, blanks around them trimmed.
    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.record.iter().map(trim)
    }

    /// The field at that position, blanks around it trimmed.
    pub(super) fn field(&self, position: usize) -> Option<&[u8]> {
        self.record.get(position).map(trim)
    }

    /// Number of fields of the record.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// Last line that was read.
    pub(super) fn line(&self) -> u64 {
        self.line
    }
}

impl<R: Read> Drop for Records<R> {
    /// Writes over the parser's buffers: both may hold figures, and the crate wipes neither.
    fn drop(&mut self) {
        self.csv.get_mut().close();
        while self.csv.read_byte_record(&mut self.record).unwrap_or(false) {
            self.longest = self.longest.max(self.record.as_slice().len());
        }
        self.record.clear();
        self.record.push_field(&vec![0; self.longest]);
    }
}

/// Without blanks around it. CR is one: see the terminator.
fn trim(field: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let Some(first) = field.iter().position(|byte| !blank(byte)) else { return &[] };
    let last = field.iter().rposition(|byte| !blank(byte)).unwrap_or(first);
    &field[first..=last]
}

/// Where a source is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the file.
    Reading,
    /// At its end, or done with it.
    Closing,
    /// After the padding.
    Closed,
}

/// The file's bytes, and after them one buffer full of line ends: they end the last record and write over the buffer.
struct Source<R> {
    bytes: R,
    bound: usize,
    taken: usize,
    state: State,
    begun: bool,
    failure: Option<ErrorKind>,
    too_long: bool,
    workbook: bool,
}

impl<R> Source<R> {
    /// Reads no more of the file.
    fn close(&mut self) {
        if self.state == State::Reading {
            self.state = State::Closing;
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.state == State::Reading {
            if self.taken > self.bound {
                self.too_long = true;
                self.close();
                break;
            }
            match self.bytes.read(buffer) {
                Ok(0) => self.close(),
                Ok(read) if !std::mem::replace(&mut self.begun, true) && buffer[..read].starts_with(ZIP) => {
                    self.workbook = true;
                    self.close();
                }
                Ok(read) => {
                    self.taken += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(error.kind());
                    self.close();
                }
            }
        }
        if self.state == State::Closed {
            return Ok(0);
        }
        self.state = State::Closed;
        buffer.fill(b'\n');
        Ok(buffer.len())
    }
}
