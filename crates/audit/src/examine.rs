//! Checks a whole log: each line, the numbers, the clock, and the tree against checkpoints (PROTOCOL 8).
//!
//! One pass in bounded memory. Assumed of an attacker: it wrote the log as it liked. What a checkpoint covers it can
//! change in no byte; what came after the last checkpoint that somebody else keeps is its word alone.

use std::io::BufRead;

use crate::checkpoint::Checkpoint;
use crate::read::{ReadError, Reader};
use crate::tree::{Root, Tree};
use crate::words::{Name, Time};

/// Findings of one kind that are named; more are counted.
const NAMED: usize = 20;

/// What stands in a log, and what is wrong with it.
#[derive(Debug)]
pub struct Examined {
    /// Whole records from the first on, up to the first line that is none.
    pub records: u64,
    /// The root over them.
    pub root: Root,
    /// Times of the first and the last record.
    pub times: Option<(Time, Time)>,
    /// Bytes of a last line without an end are there: a record that is being written, or that a crash cut.
    pub torn: bool,
    /// Places where the clock went backwards, the first ones. No fault of the log.
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
    /// It does not begin with record 1.
    #[error("line 1: the log begins with record {found}: the records before it are missing")]
    Beginning {
        /// The number of its first record.
        found: u64,
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

/// Checks a log of `party` against what checkpoints say, whose signatures were checked before.
pub fn examine<R: BufRead>(log: R, party: Option<&Name>, checkpoints: &[&Checkpoint]) -> Examined {
    let mut wanted: Vec<&Checkpoint> = checkpoints.to_vec();
    wanted.sort_by_key(|checkpoint| checkpoint.size);
    let mut wanted = wanted.into_iter().peekable();
    let mut pass = Pass::default();
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
                pass.see(record.seq, record.time, &record.party, party);
                pass.tree.push(reader.text());
            }
        }
    }
    let records = pass.tree.size();
    // A line that is no record says why those after it were not looked at; without one the log just ends early.
    match unreadable {
        Some(error) => pass.faults.push(error.into()),
        None => pass.faults.extend(wanted.map(|checkpoint| LogFault::Short { records, size: checkpoint.size })),
    }
    Examined {
        records,
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
    first: Option<Time>,
    last: Option<Time>,
    torn: bool,
    steps: Vec<ClockStep>,
    steps_count: u64,
    others: usize,
    faults: Vec<LogFault>,
}

impl Pass {
    fn see(&mut self, seq: u64, time: Time, found: &Name, party: Option<&Name>) {
        if self.last.is_none() && seq != 1 {
            self.faults.push(LogFault::Beginning { found: seq });
        }
        if party.is_some_and(|party| party != found) {
            self.others += 1;
            if self.others <= NAMED {
                self.faults.push(LogFault::OtherParty { seq, found: found.clone() });
            }
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
