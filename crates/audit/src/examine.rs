//! Checks a whole log: each line, the numbers, the clock, and the tree against checkpoints (PROTOCOL 8).
//!
//! A log whose first files were deleted begins later, and with it the tree: with what is left of it in the file of hashes,
//! which counts only if it leads to the roots of checkpoints.
//!
//! One pass in bounded memory. Assumed of an attacker: it wrote the log as it liked. What a checkpoint covers it can
//! change in no byte; what came after the last checkpoint that somebody else keeps is its word alone.

use std::io::BufRead;

use crate::checkpoint::Checkpoint;
use crate::event::Event;
use crate::hashes::{HashFile, HashesError};
use crate::read::{ReadError, Reader};
use crate::record::Record;
use crate::tree::{Root, Tree};
use crate::words::{Digest, DigestOf, Name, Time};

/// Findings of one kind that are named; more are counted.
const NAMED: usize = 20;

/// What stands in a log, and what is wrong with it.
#[derive(Debug)]
pub struct Examined {
    /// Whole records from the first on, up to the first line that is none. Deleted ones count.
    pub records: u64,
    /// How many of them are deleted, and their last record says so: number of that record.
    pub deleted: u64,
    /// The record that says up to where they were deleted.
    pub deleted_by: Option<u64>,
    /// The root over them.
    pub root: Root,
    /// Times of the first and the last record.
    pub times: Option<(Time, Time)>,
    /// Bytes of a last line without an end are there: a record that is being written, or that a crash cut.
    pub torn: bool,
    /// Places where the clock went backwards, the first ones. No fault of the log. Acts that were done beside the daemon and
    /// written down later are none.
    pub clock_steps: Vec<ClockStep>,
    /// How many such places there are.
    pub clock_steps_count: u64,
    /// What is wrong. Empty for a log that stands.
    pub faults: Vec<LogFault>,
}

/// The clock went backwards between two records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// The later record.
    pub seq: u64,
    /// Time of the record before it.
    pub before: Time,
    /// Its own time.
    pub after: Time,
}

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// It cannot be read on.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It does not begin with record 1, or with the one after those that are deleted.
    #[error("line 1: the log begins with record {found}: the records before it are missing")]
    Beginning {
        /// The number of its first record.
        found: u64,
    },
    /// Records are gone, and none of those that are there says that they were deleted.
    #[error(
        "the records 1 to {gone} are not there, and no record says that they were deleted{}: somebody took them away",
        .said.map_or_else(String::new, |said| format!(" (log.deleted goes up to {said})"))
    )]
    Gone {
        /// How many.
        gone: u64,
        /// Up to where they were deleted, by the records.
        said: Option<u64>,
    },
    /// What is left of the tree of deleted records cannot be relied on.
    #[error("the hashes of the deleted records: {0}")]
    Hashes(#[from] HashesError),
    /// A sealed file is not there, or another one in its place.
    #[error(
        "record {seq} says that the records {first} to {last} were sealed in a file of their own: there is none with them"
    )]
    NotSealed {
        /// The record that says so.
        seq: u64,
        /// The first sealed one.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// Records are others than when they were sealed or deleted.
    #[error(
        "record {seq} has another root for the first {last} records: one of them was changed since, or all were replaced"
    )]
    SealedRoot {
        /// The record with the root.
        seq: u64,
        /// How many records the root is over.
        last: u64,
    },
    /// A record of another party.
    #[error("record {seq} is of party {found}: it was not written by this node")]
    OtherParty {
        /// The record.
        seq: u64,
        /// Whose it says it is.
        found: Name,
    },
    /// A checkpoint covers more records than there are.
    #[error("the log has {records} whole records, a checkpoint covers {size}: records were removed from its end")]
    Short {
        /// Records of the log.
        records: u64,
        /// Records that the checkpoint covers.
        size: u64,
    },
    /// A checkpoint has another root.
    #[error(
        "the first {size} records are not those of the checkpoint at {size}: one of them was changed, or all were replaced"
    )]
    Root {
        /// Records that the checkpoint covers.
        size: u64,
    },
}

/// What is known of a log's sealed files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed<'a> {
    /// What is left of the records that are not there any more; none where all are there.
    pub(crate) left: Option<&'a HashFile>,
    /// The number of each sealed file's last record, in order.
    pub(crate) ends: &'a [u64],
}

/// Checks a log of `party` against what checkpoints say, whose signatures were checked before.
pub fn examine<R: BufRead>(log: R, party: Option<&Name>, checkpoints: &[&Checkpoint]) -> Examined {
    pass(log, party, checkpoints, None)
}

/// As [`examine`], of a log with sealed files: of what is there, one after the other.
pub(crate) fn examine_sealed<R: BufRead>(
    log: R,
    party: Option<&Name>,
    checkpoints: &[&Checkpoint],
    sealed: Sealed<'_>,
) -> Examined {
    pass(log, party, checkpoints, Some(sealed))
}

fn pass<R: BufRead>(log: R, party: Option<&Name>, checkpoints: &[&Checkpoint], sealed: Option<Sealed<'_>>) -> Examined {
    let mut wanted: Vec<&Checkpoint> = checkpoints.to_vec();
    wanted.sort_by_key(|checkpoint| checkpoint.size);
    let mut wanted = wanted.into_iter().peekable();
    let mut pass = Pass::new(sealed);
    let deleted = pass.tree.size();
    if let Some(left) = sealed.and_then(|sealed| sealed.left) {
        while let Some(checkpoint) = wanted.next_if(|checkpoint| checkpoint.size < deleted) {
            match left.root_at(checkpoint.size) {
                Ok(root) if root == checkpoint.root => {}
                Ok(_) => pass.faults.push(LogFault::Root { size: checkpoint.size }),
                Err(error) => pass.faults.push(error.into()),
            }
        }
    }
    let mut reader = Reader::new(log);
    let mut unreadable = None;
    loop {
        while let Some(checkpoint) = wanted.next_if(|checkpoint| checkpoint.size <= pass.tree.size()) {
            if pass.tree.root() != checkpoint.root {
                pass.faults.push(LogFault::Root { size: checkpoint.size });
            }
        }
        match reader.next() {
            None => break,
            Some(Err(ReadError::Torn { .. })) => {
                pass.torn = true;
                break;
            }
            Some(Err(error)) => {
                unreadable = Some(error);
                break;
            }
            Some(Ok(record)) => {
                pass.see(&record, party);
                pass.tree.push(reader.text());
                pass.end_of_file();
            }
        }
    }
    let records = pass.tree.size();
    if deleted > 0 && pass.said < Some(deleted) {
        pass.faults.push(LogFault::Gone { gone: deleted, said: pass.said });
    }
    // A line that is no record says why those after it were not looked at; without one the log just ends early.
    match unreadable {
        Some(error) => pass.faults.push(error.into()),
        None => pass.faults.extend(wanted.map(|checkpoint| LogFault::Short { records, size: checkpoint.size })),
    }
    Examined {
        records,
        deleted,
        deleted_by: pass.said_by,
        root: pass.tree.root(),
        times: pass.first.zip(pass.last),
        torn: pass.torn,
        clock_steps: pass.steps,
        clock_steps_count: pass.steps_count,
        faults: pass.faults,
    }
}

#[derive(Default)]
struct Pass {
    tree: Tree,
    /// Records before the first one that is there.
    deleted: u64,
    /// Whether the ends of the sealed files are known.
    in_files: bool,
    /// Those that were not reached yet, the next one last.
    ends: Vec<u64>,
    /// The roots at those that were, and at what is deleted.
    roots: Vec<(u64, Root)>,
    /// Up to where records were deleted, by the last record that says so, and that record.
    said: Option<u64>,
    said_by: Option<u64>,
    first: Option<Time>,
    last: Option<Time>,
    torn: bool,
    steps: Vec<ClockStep>,
    steps_count: u64,
    others: usize,
    faults: Vec<LogFault>,
}

impl Pass {
    fn new(sealed: Option<Sealed<'_>>) -> Self {
        let Some(sealed) = sealed else { return Self::default() };
        let tree = sealed.left.map_or_else(Tree::default, |left| left.tree().clone());
        let mut ends = sealed.ends.to_vec();
        ends.reverse();
        let roots = vec![(tree.size(), tree.root())];
        Self { deleted: tree.size(), tree, in_files: true, ends, roots, ..Self::default() }
    }

    /// The last record may have been the last one of a sealed file.
    fn end_of_file(&mut self) {
        if self.ends.last() == Some(&self.tree.size()) {
            self.ends.pop();
            self.roots.push((self.tree.size(), self.tree.root()));
        }
    }

    /// What a record says of sealed and deleted files.
    fn hear(&mut self, record: &Record) {
        let (Event::LogSealed { first, last } | Event::LogDeleted { first, last }) = record.event else { return };
        if matches!(record.event, Event::LogDeleted { .. }) {
            (self.said, self.said_by) = (Some(last), Some(record.seq));
        }
        if !self.in_files || last < self.deleted {
            return;
        }
        let Some((_, root)) = self.roots.iter().find(|(size, _)| *size == last) else {
            return self.faults.push(LogFault::NotSealed { seq: record.seq, first, last });
        };
        if record.digests.get(&DigestOf::Root) != Some(&Digest(root.0)) {
            self.faults.push(LogFault::SealedRoot { seq: record.seq, last });
        }
    }

    fn see(&mut self, record: &Record, party: Option<&Name>) {
        let (seq, time, found) = (record.seq, record.time, &record.party);
        if self.last.is_none() && seq != self.deleted + 1 {
            self.faults.push(LogFault::Beginning { found: seq });
        }
        self.hear(record);
        if party.is_some_and(|party| party != found) {
            self.others += 1;
            if self.others <= NAMED {
                self.faults.push(LogFault::OtherParty { seq, found: found.clone() });
            }
        }
        // A person's act beside the daemon has its own time, and comes into the log when the daemon next looks.
        let later = matches!(record.event, Event::AgreementSigned { .. } | Event::ResultDeleted { .. });
        if let (Some(last), true) = (self.last, later) {
            self.last = Some(last.max(time));
            return;
        }
        if let Some(before) = self.last.filter(|before| *before > time) {
            self.steps_count += 1;
            if self.steps.len() < NAMED {
                self.steps.push(ClockStep { seq, before, after: time });
            }
        }
        self.first = self.first.or(Some(time));
        self.last = Some(time);
    }
}
