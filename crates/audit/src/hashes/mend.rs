//! Bringing a file of hashes up to its log: the log's lines as bytes, and the file that they are compared with.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};

use super::{HASH, HashesError, io};
use crate::record::MAX_LINE;

/// Lines of a log as bytes, whole ones only.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    bytes: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(super) fn of(log: R) -> Self {
        Self { from: BufReader::with_capacity(1 << 16, log), bytes: Vec::new() }
    }

    pub(super) fn next(&mut self, number: u64) -> Result<Option<&[u8]>, HashesError> {
        self.bytes.clear();
        let most = MAX_LINE as u64 + 1;
        self.from.by_ref().take(most).read_until(b'\n', &mut self.bytes).map_err(HashesError::Log)?;
        match self.bytes.split_last() {
            Some((b'\n', line)) => Ok(Some(line)),
            _ if self.bytes.len() as u64 == most => Err(HashesError::NoLine { line: number }),
            // Nothing, or a record that is being written.
            _ => Ok(None),
        }
    }
}

/// A file of hashes that is compared with what the log gives, and written from the first difference on.
pub(super) enum Mend<'a> {
    /// So far it agrees.
    Comparing { from: BufReader<&'a File>, file: &'a File, at: u64, stored: u64 },
    /// From here on it is written.
    Writing { to: BufWriter<&'a File>, at: u64, dropped: u64 },
}

impl<'a> Mend<'a> {
    /// From hash `at` on. Those before it are not looked at.
    pub(super) fn of(file: &'a File, at: u64) -> Result<Self, HashesError> {
        let length = file.metadata().map_err(io("read"))?.len();
        let mut from = BufReader::with_capacity(1 << 16, file);
        from.seek(SeekFrom::Start(at * HASH)).map_err(io("read"))?;
        Ok(Self::Comparing { from, file, at, stored: length.div_ceil(HASH) })
    }

    pub(super) fn next(&mut self, hash: &[u8; 32]) -> Result<(), HashesError> {
        if let Self::Comparing { from, file, at, stored } = self {
            let mut found = [0; 32];
            let same = match from.read_exact(&mut found) {
                Ok(()) => found == *hash,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => false,
                Err(source) => return Err(HashesError::Io { doing: "read", source }),
            };
            if same {
                *at += 1;
                return Ok(());
            }
            let (mut file, at, dropped) = (*file, *at, stored.saturating_sub(*at));
            file.set_len(at * HASH).map_err(io("mend"))?;
            file.seek(SeekFrom::Start(at * HASH)).map_err(io("mend"))?;
            *self = Self::Writing { to: BufWriter::with_capacity(1 << 16, file), at, dropped };
        }
        let Self::Writing { to, at, .. } = self else { return Ok(()) };
        to.write_all(hash).map_err(io("write"))?;
        *at += 1;
        Ok(())
    }

    /// Hashes in the file, and how many of those that it had did not agree.
    pub(super) fn finish(self) -> Result<(u64, u64), HashesError> {
        match self {
            Self::Comparing { file, at, stored, .. } => {
                if stored > at {
                    file.set_len(at * HASH).map_err(io("mend"))?;
                }
                Ok((at, stored.saturating_sub(at)))
            }
            Self::Writing { mut to, at, dropped } => {
                to.flush().map_err(io("write"))?;
                Ok((at, dropped))
            }
        }
    }
}
