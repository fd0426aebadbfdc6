//! Reading a log back, a line at a time, in bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::record::{BadLine, MAX_LINE, Record};

/// Why a log cannot be read on. All but [`ReadError::Torn`] mean that the log is damaged or cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("line {line}: cannot read the log: {source}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// Its reason.
        source: io::Error,
    },
    /// A line is no record.
    #[error("line {line}: {why}")]
    Bad {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        why: BadLine,
    },
    /// A record is not where its number says.
    #[error("line {line}: record {found} follows record {before}: records are missing, repeated or out of order")]
    Gap {
        /// The line, from 1.
        line: u64,
        /// The number of the record before it.
        before: u64,
        /// Its own number.
        found: u64,
    },
    /// The last line has no end: it is being written, or a crash cut it. The daemon mends that when it starts.
    #[error(
        "line {line}: the last record is cut off (it is being written, or the daemon was stopped in the middle of it)"
    )]
    Torn {
        /// The line, from 1.
        line: u64,
    },
}

impl ReadError {
    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        match self {
            Self::Io { line, .. } | Self::Bad { line, .. } | Self::Gap { line, .. } | Self::Torn { line } => *line,
        }
    }

    /// The same error at another line: of a file that is read as one of several.
    #[must_use]
    pub fn at(mut self, number: u64) -> Self {
        match &mut self {
            Self::Io { line, .. } | Self::Bad { line, .. } | Self::Gap { line, .. } | Self::Torn { line } => {
                *line = number
            }
        }
        self
    }
}

/// Records of a log, in order. Ends after the first error.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    line: u64,
    offset: u64,
    last: Option<u64>,
    bytes: Vec<u8>,
    ended: bool,
}

impl Reader<BufReader<File>> {
    /// Reads the log in this file.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(|file| Self::new(BufReader::new(file)))
    }
}

impl<R: BufRead> Reader<R> {
    /// Reads a log, or a part of one that starts at a line.
    pub fn new(from: R) -> Self {
        Self { from, line: 0, offset: 0, last: None, bytes: Vec::new(), ended: false }
    }

    /// Goes on where this reader ended, with what `from` gives: it must begin at [`Reader::offset`].
    #[must_use]
    pub fn resume(self, from: R) -> Self {
        Self { from, ended: false, ..self }
    }

    /// Bytes of the whole records that were read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The line of the record that was read last, byte for byte, without its end.
    #[must_use]
    pub fn text(&self) -> &str {
        // A record is there only if its line was UTF-8.
        str::from_utf8(&self.bytes).unwrap_or_default()
    }

    fn read(&mut self) -> Result<Option<Record>, ReadError> {
        let line = self.line + 1;
        self.bytes.clear();
        let most = MAX_LINE as u64 + 1;
        let read = self.from.by_ref().take(most).read_until(b'\n', &mut self.bytes);
        match read.map_err(|source| ReadError::Io { line, source })? {
            0 => return Ok(None),
            _ if self.bytes.last() == Some(&b'\n') => {}
            n if n as u64 == most => return Err(ReadError::Bad { line, why: BadLine::TooLong }),
            _ => return Err(ReadError::Torn { line }),
        }
        self.bytes.pop();
        let record = parse(&self.bytes).map_err(|why| ReadError::Bad { line, why })?;
        match self.last {
            Some(before) if before.checked_add(1) != Some(record.seq) => {
                return Err(ReadError::Gap { line, before, found: record.seq });
            }
            _ => {}
        }
        self.line = line;
        self.offset += self.bytes.len() as u64 + 1;
        self.last = Some(record.seq);
        Ok(Some(record))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Record, BadLine> {
    let text =
        str::from_utf8(bytes).map_err(|_| <serde_json::Error as serde::de::Error>::custom("the line is not UTF-8"))?;
    Record::parse(text)
}
