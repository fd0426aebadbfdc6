//! Where a round's bulk elements live: what a job reads and writes.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use sharing::Encoded;
use zeroize::Zeroizing;

use super::terms::Terms;

/// A bulk object of one round, sealed where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// This party's encoded input, from approval to dealing.
    Snapshot,
    /// The explicit share that this party holds of that dealer's dealing.
    Share(u16),
    /// An explicit share of this party's own dealing, until that party has receipted it.
    ShareFor(u16),
    /// This party's partial sum.
    Partial,
}

impl Object {
    /// Where this party keeps an explicit share that it dealt.
    pub(super) fn dealt(terms: &Terms, recipient: u16) -> Self {
        if recipient == terms.me() { Self::Share(recipient) } else { Self::ShareFor(recipient) }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot => f.write_str("snapshot"),
            Self::Share(dealer) => write!(f, "share-{dealer}"),
            Self::ShareFor(recipient) => write!(f, "share-for-{recipient}"),
            Self::Partial => f.write_str("partial"),
        }
    }
}

/// The cores that heavy work may be spread over.
pub trait Cores {
    /// Does so many tasks that do not depend on each other, and gives what they yield in their order. `what` is what is
    /// done, for people who watch.
    fn spread(&mut self, what: &'static str, tasks: usize, task: &(dyn Fn(usize) -> Vec<u8> + Sync)) -> Vec<Vec<u8>> {
        let _ = what;
        (0..tasks).map(task).collect()
    }
}

/// One core, and nobody who watches.
pub struct OneCore;

impl Cores for OneCore {}

/// Where a round's bulk elements live. One for each round; jobs of one round run one after another.
pub trait Workplace: Cores + Send {
    /// Reads and validates this party's input, writes it as [`Object::Snapshot`] and makes that durable. Shows each
    /// chunk, in order.
    ///
    /// # Errors
    /// Every error of the input, as lines for the operator that hold no value. There is no snapshot then.
    fn snapshot(&mut self, terms: &Terms, seen: &mut dyn FnMut(&Encoded)) -> Result<(), Vec<String>>;
    /// Begins an object; an unfinished one of that name is forgotten.
    ///
    /// # Errors
    /// What the operator should know.
    fn create(&mut self, terms: &Terms, object: Object) -> Result<(), String>;
    /// Adds the next chunk.
    ///
    /// # Errors
    /// What the operator should know.
    fn append(&mut self, object: Object, chunk: &[u8]) -> Result<(), String>;
    /// Makes the object durable.
    ///
    /// # Errors
    /// What the operator should know.
    fn commit(&mut self, object: Object) -> Result<(), String>;
    /// Reads one chunk of a durable object.
    ///
    /// # Errors
    /// What the operator should know.
    fn read(&mut self, object: Object, chunk: u64, into: &mut Zeroizing<Vec<u8>>) -> Result<(), String>;
    /// Adds totals to the result that is being written; chunk 0 begins it.
    ///
    /// # Errors
    /// What the operator should know.
    fn append_totals(&mut self, terms: &Terms, chunk: u64, totals: &[i128]) -> Result<(), String>;
    /// Makes the result durable and visible, all at once.
    ///
    /// # Errors
    /// What the operator should know.
    fn finish_result(&mut self, terms: &Terms, result: &Finish) -> Result<(), String>;
}

/// Tables of at most this many cells keep the partial sums beside the result, to be shown to people. They are what
/// every result party sees in the protocol anyway.
pub const KEEP_PARTIALS: u64 = 4096;

/// What completes a result file.
#[derive(Clone)]
pub struct Finish {
    /// Positions of the contributors.
    pub contributors: Vec<u16>,
    /// The result's digest, the same at every result party.
    pub digest: [u8; 32],
    /// Each holder's partial sum as canonical elements, for small tables.
    pub partials: Vec<(u16, Vec<u8>)>,
    /// In malicious rounds the bundle with which others verify the result (PROTOCOL 5.5).
    pub bundle: Option<Vec<u8>>,
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All partial sums together are the total, and so is the digest to whoever can guess.
        f.debug_struct("Finish").field("contributors", &self.contributors).finish_non_exhaustive()
    }
}
