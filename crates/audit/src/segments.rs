//! The files of a log: sealed ones, and the one that is written (PROTOCOL 8.5).
//!
//! A sealed file has the numbers of its first and last record in its name and is never written again. The files in their
//! order are the log: whoever reads it reads them as one ([`Joined`]), in bounded memory. A name is a claim: a file that has
//! not as many lines as its name says is refused when it is read.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::file::FileError;
use crate::read::parse;
use crate::words::Time;

/// The file that is written, in the folder of the log.
pub(crate) const ACTIVE: &str = "log.jsonl";
/// The folder of the sealed ones in it.
pub(crate) const SEALED: &str = "segments";

/// A sealed file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Number of its first record.
    pub first: u64,
    /// Number of its last record.
    pub last: u64,
    /// The file.
    pub path: PathBuf,
}

impl Segment {
    pub(crate) fn new(folder: &Path, first: u64, last: u64) -> Self {
        Self { first, last, path: folder.join(SEALED).join(format!("{first:010}-{last:010}.jsonl")) }
    }

    /// Of a file in the folder of sealed ones; none where its name is no segment's.
    fn named(folder: &Path, name: &str) -> Option<Self> {
        let (first, last) = name.strip_suffix(".jsonl")?.split_once('-')?;
        let segment = Self::new(folder, first.parse().ok()?, last.parse().ok()?);
        let sound = 0 < segment.first && segment.first <= segment.last;
        (sound && segment.path.file_name()?.to_str()? == name).then_some(segment)
    }

    /// The time of its last record.
    ///
    /// # Errors
    /// Where the file cannot be read, or its last line is no record.
    pub fn newest(&self) -> Result<Time, FileError> {
        let io = |source| FileError::Io { doing: "read", path: self.path.clone(), source };
        let file = File::open(&self.path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let last = crate::file::last_line(&file, size).map_err(io)?.unwrap_or_default();
        let bad = |why| FileError::Bad { path: self.path.clone(), why };
        parse(&last).map(|record| record.time).map_err(bad)
    }
}

/// The files of a log, as its folder has them.
#[derive(Debug)]
pub(crate) struct Files {
    sealed: Vec<Segment>,
    active: PathBuf,
}

impl Files {
    /// Looks into the folder of a log. Reads no file.
    /// A folder that is not there has no files.
    pub(crate) fn list(folder: &Path) -> io::Result<Self> {
        let mut sealed = Vec::new();
        match fs::read_dir(folder.join(SEALED)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(entries) => {
                for entry in entries {
                    sealed.extend(entry?.file_name().to_str().and_then(|name| Segment::named(folder, name)));
                }
            }
        }
        sealed.sort_by_key(|segment| (segment.first, segment.last));
        Ok(Self { sealed, active: folder.join(ACTIVE) })
    }

    /// The sealed ones, in order.
    pub(crate) fn sealed(&self) -> &[Segment] {
        &self.sealed
    }

    /// The file that is written.
    pub(crate) fn active(&self) -> &Path {
        &self.active
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Segment) -> bool) {
        self.sealed.retain(keep);
    }

    /// Records between the first `deleted` ones and the last sealed one that no file has: the first and last of each gap.
    /// And the first file that has records which the one before it has too.
    pub(crate) fn gaps(&self, deleted: u64) -> (Vec<(u64, u64)>, Option<&Segment>) {
        let (mut gaps, mut last) = (Vec::new(), deleted);
        for segment in &self.sealed {
            if segment.first <= last {
                return (gaps, Some(segment));
            }
            if segment.first > last + 1 {
                gaps.push((last + 1, segment.first - 1));
            }
            last = segment.last;
        }
        (gaps, None)
    }

    /// Reads the sealed files after record `seq`, and then so many bytes of the open one.
    pub(crate) fn read_after(&self, seq: u64, active: Option<(File, u64)>) -> Joined {
        let sealed = self.sealed.iter().filter(|segment| segment.first > seq).cloned();
        Joined { sealed: sealed.collect(), now: None, active }
    }

    /// The file and its line, from 1, where line `line` of all of them is.
    pub(crate) fn place(&self, line: u64) -> (&Path, u64) {
        let mut line = line;
        for segment in &self.sealed {
            let lines = segment.last - segment.first + 1;
            if line <= lines {
                return (&segment.path, line);
            }
            line -= lines;
        }
        (&self.active, line)
    }
}

/// The files of a log, read as one.
#[derive(Debug)]
pub struct Joined {
    sealed: VecDeque<Segment>,
    now: Option<Link>,
    active: Option<(File, u64)>,
}

/// A file from its beginning, at a place of its own: copies of one hand on a file have one place in common.
#[derive(Debug)]
struct Part {
    file: File,
    at: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(&mut into[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[derive(Debug)]
struct Link {
    from: BufReader<Part>,
    /// None of the open file.
    segment: Option<Segment>,
    lines: u64,
    ended: bool,
}

impl Link {
    /// A file that is read to its end has the lines that its name says, and each has its end.
    fn check(&self) -> io::Result<()> {
        let Some(segment) = &self.segment else { return Ok(()) };
        if self.lines == segment.last - segment.first + 1 && self.ended {
            return Ok(());
        }
        let what = format!(
            "{}: it has {} whole lines, and not the records that its name says",
            segment.path.display(),
            self.lines
        );
        Err(io::Error::new(ErrorKind::InvalidData, what))
    }
}

impl Joined {
    fn open_next(&mut self) -> io::Result<bool> {
        let (file, length, segment) = match self.sealed.pop_front() {
            Some(segment) => {
                let file = File::open(&segment.path)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", segment.path.display())))?;
                (file, u64::MAX, Some(segment))
            }
            None => match self.active.take() {
                Some((file, length)) => (file, length, None),
                None => return Ok(false),
            },
        };
        let from = BufReader::with_capacity(1 << 16, Part { file, at: 0, end: length });
        self.now = Some(Link { from, segment, lines: 0, ended: true });
        Ok(true)
    }
}

impl BufRead for Joined {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        loop {
            if let Some(link) = &mut self.now {
                if !link.from.fill_buf()?.is_empty() {
                    break;
                }
                link.check()?;
                self.now = None;
            }
            if !self.open_next()? {
                break;
            }
        }
        self.now.as_mut().map_or(Ok(&[]), |link| link.from.fill_buf())
    }

    fn consume(&mut self, amount: usize) {
        let Some(link) = &mut self.now else { return };
        let read = link.from.buffer().get(..amount).unwrap_or_default();
        link.lines += read.iter().filter(|&&byte| byte == b'\n').count() as u64;
        if let Some(last) = read.last() {
            link.ended = *last == b'\n';
        }
        link.from.consume(amount);
    }
}

impl Read for Joined {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
