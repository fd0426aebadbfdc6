//! Heavy work, handed out as pure jobs: a node runs them on a bounded pool, a simulator inline.
//!
//! A job sees the terms and a [`Workplace`], which is where bulk elements live. All elements pass chunk by chunk, so a
//! job's memory does not grow with the table.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use sharing::{
    Cells, DealingKey, Encoded, InputDigest, InputHasher, PartialHasher, Seed, ShareForm, ShareHasher, TotalsHasher,
};
use zeroize::Zeroizing;

use super::terms::Terms;

/// A bulk object of one round, sealed where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// This party's encoded input, from approval to dealing.
    Snapshot,
    /// The explicit share that this party holds of that dealer's dealing.
    Share(u16),
    /// This party's partial sum.
    Partial,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot => f.write_str("snapshot"),
            Self::Share(dealer) => write!(f, "share-{dealer}"),
            Self::Partial => f.write_str("partial"),
        }
    }
}

/// Where a round's bulk elements live. One for each round; jobs of one round run one after another.
pub trait Workplace: Send {
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
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All partial sums together are the total, and so is the digest to whoever can guess.
        f.debug_struct("Finish").field("contributors", &self.contributors).finish_non_exhaustive()
    }
}

/// A share that goes into a partial sum.
pub enum Summand {
    /// A seed to expand.
    Seed(Seed),
    /// Elements at the workplace.
    Stored(Object),
}

/// One holder's elements of a chunk, on their way into the totals.
pub enum Part {
    /// They came over a link.
    Elements(Zeroizing<Vec<u8>>),
    /// They are this party's own, at the workplace.
    Own,
}

/// State of the streaming reconstruction between chunks.
#[derive(Clone)]
pub struct Tally {
    /// A running digest for each holder: party, seat, hasher.
    hashers: Vec<(u16, u16, PartialHasher)>,
    /// Boxed: its state is two kilobytes, and a tally travels between jobs.
    totals: Box<TotalsHasher>,
    /// Partial sums of small tables.
    kept: Vec<(u16, Vec<u8>)>,
}

/// What a tally comes to.
pub(super) struct Closed {
    /// Each holder's digest of all that it sent.
    pub(super) holders: Vec<(u16, [u8; 32])>,
    /// Digest of the totals.
    pub(super) totals: [u8; 32],
    /// Partial sums of small tables.
    pub(super) partials: Vec<(u16, Vec<u8>)>,
}

impl Tally {
    pub(super) fn new(terms: &Terms, holders: &[u16]) -> Self {
        let hashers = holders
            .iter()
            .filter_map(|&party| {
                let seat = terms.seat(party)?;
                Some((party, seat, PartialHasher::new(&terms.round().0, seat)))
            })
            .collect();
        Self { hashers, totals: Box::new(TotalsHasher::new()), kept: Vec::new() }
    }

    /// All chunks are in.
    pub(super) fn close(self) -> Closed {
        let holders = self.hashers.into_iter().map(|(party, _, hasher)| (party, hasher.finish())).collect();
        Closed { holders, totals: self.totals.finish(), partials: self.kept }
    }
}

/// Heavy work.
pub enum Job {
    /// Read and validate the input, write the snapshot.
    Load,
    /// Make the dealing of the snapshot: explicit shares that this party keeps, and the digest of every share.
    Deal {
        /// The dealing key.
        key: DealingKey,
        /// Digest of the encoded input.
        input: InputDigest,
    },
    /// Sum the shares of S into this party's partial sum.
    Sum {
        /// One for each dealing of S.
        summands: Vec<Summand>,
    },
    /// Add the holders' elements of one chunk into totals.
    Combine {
        /// Which chunk.
        chunk: u64,
        /// |S|.
        contributors: u32,
        /// One for each holder in the order of [`Tally`].
        parts: Vec<Part>,
        /// State so far.
        tally: Tally,
    },
    /// Make the result visible.
    Finish(Finish),
}

/// What a job brought. An error is for the operator, and names no value.
pub enum Done {
    /// Of [`Job::Load`]: digest of the encoded input, or every error of the input.
    Loaded(Result<InputDigest, Vec<String>>),
    /// Of [`Job::Deal`]: a salted digest of each compute party's share, by seat.
    Dealt(Result<Vec<[u8; 32]>, String>),
    /// Of [`Job::Sum`]: digest of the partial sum.
    Summed(Result<[u8; 32], String>),
    /// Of [`Job::Combine`].
    Combined(Result<Tally, CombineError>),
    /// Of [`Job::Finish`].
    Finished(Result<(), String>),
}

/// A chunk did not become totals.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// A holder sent elements that are none.
    #[error("elements that are not canonical")]
    NotCanonical {
        /// Who.
        holder: u16,
    },
    /// The sum is not one of |S| values within bounds. In semi-honest rounds this names nobody (PROTOCOL 4.7).
    #[error("a total lies outside of what the contributors' bounds allow")]
    OutOfRange,
    /// This node could not do it.
    #[error("{0}")]
    Workplace(String),
}

impl Job {
    /// Does the work.
    pub fn run(self, terms: &Terms, place: &mut dyn Workplace) -> Done {
        match self {
            Self::Load => Done::Loaded(load(terms, place)),
            Self::Deal { key, input } => Done::Dealt(deal(terms, place, &key, &input)),
            Self::Sum { summands } => Done::Summed(sum(terms, place, &summands)),
            Self::Combine { chunk, contributors, parts, tally } => {
                Done::Combined(combine(terms, place, chunk, contributors, parts, tally))
            }
            Self::Finish(finish) => Done::Finished(place.finish_result(terms, &finish)),
        }
    }
}

/// PROTOCOL 4.1: approval takes a sealed snapshot of the encoded input; dealing reads only that.
fn load(terms: &Terms, place: &mut dyn Workplace) -> Result<InputDigest, Vec<String>> {
    let mut hasher = InputHasher::new(terms.layout());
    let mut cells = 0;
    place.snapshot(terms, &mut |encoded| {
        hasher.update(encoded);
        cells += encoded.cells().len() as u64;
    })?;
    if cells != terms.layout().cells {
        return Err(alloc::vec!["the input has another number of cells than the agreement".to_string()]);
    }
    Ok(hasher.finish())
}

/// PROTOCOL 2.1: peers get seeds; what is explicit stays here, so a peer-to-peer dealing sends no elements.
fn deal(
    terms: &Terms,
    place: &mut dyn Workplace,
    key: &DealingKey,
    input: &InputDigest,
) -> Result<Vec<[u8; 32]>, String> {
    let scheme = terms.scheme();
    let dealer = terms.dealer(terms.me()).ok_or("this party deals nothing")?;
    let dealing = sharing::Dealing::new(scheme, dealer, key, &terms.round().0, input);
    let own = Object::Share(terms.me());
    if scheme.explicit_recipients(dealer).iter().any(|&seat| Some(seat) != dealer.compute) {
        return Err("shares of a dealer that holds none itself are not there yet".to_string());
    }
    // PROTOCOL 2.2: a dealing key is bound to one input, so what is dealt must be what the key was drawn for.
    let mut dealt = InputHasher::new(terms.layout());
    let mut hasher = ShareHasher::new();
    let mut bytes = Zeroizing::new(Vec::new());
    let mut share = Zeroizing::new(Vec::new());
    place.create(terms, own)?;
    for chunk in 0..terms.layout().chunks() {
        place.read(Object::Snapshot, chunk, &mut bytes)?;
        let encoded = Cells::read(terms.layout().field, &bytes).map_err(|e| e.to_string()).and_then(|cells| {
            Encoded::restore(terms.columns(), chunk * sharing::CHUNK_CELLS as u64, cells).map_err(|e| e.to_string())
        })?;
        dealt.update(&encoded);
        for (_, cells) in dealing.explicit_chunk(chunk, &encoded) {
            share.clear();
            cells.write_to(&mut share);
        }
        hasher.update(&share);
        place.append(own, &share)?;
    }
    if dealt.finish() != *input {
        return Err("the snapshot is not the input that was approved".to_string());
    }
    place.commit(own)?;
    let mut hasher = Some(hasher);
    (0..scheme.n())
        .map(|seat| match (scheme.form(dealer, seat), dealing.seed(seat)) {
            (ShareForm::Seeded, Some(seed)) => Ok(sharing::seed_digest(&dealing.salt(seat), &seed)),
            _ => hasher.take().map(|h| h.digest(&dealing.salt(seat))).ok_or_else(|| "two explicit shares".to_string()),
        })
        .collect()
}

/// PROTOCOL 4.6: sum the shares of S and put the partial sum on disk.
fn sum(terms: &Terms, place: &mut dyn Workplace, summands: &[Summand]) -> Result<[u8; 32], String> {
    let layout = terms.layout();
    let seat = terms.seat(terms.me()).ok_or("this party holds no shares")?;
    let mut hasher = PartialHasher::new(&terms.round().0, seat);
    let mut bytes = Zeroizing::new(Vec::new());
    place.create(terms, Object::Partial)?;
    for chunk in 0..layout.chunks() {
        let mut total = Cells::zero(layout.field, layout.chunk_cells(chunk));
        for summand in summands {
            match summand {
                Summand::Seed(seed) => sharing::add_seeded_share(&mut total, seed, chunk),
                Summand::Stored(object) => {
                    place.read(*object, chunk, &mut bytes)?;
                    total.add(&Cells::read(layout.field, &bytes).map_err(|e| e.to_string())?);
                }
            }
        }
        bytes.clear();
        total.write_to(&mut bytes);
        hasher.update(&bytes);
        place.append(Object::Partial, &bytes)?;
    }
    place.commit(Object::Partial)?;
    Ok(hasher.finish())
}

/// PROTOCOL 4.7 for one chunk: recombine, decode, every cell in [|S|·min, |S|·max].
fn combine(
    terms: &Terms,
    place: &mut dyn Workplace,
    chunk: u64,
    contributors: u32,
    parts: Vec<Part>,
    mut tally: Tally,
) -> Result<Tally, CombineError> {
    let layout = terms.layout();
    let mut shares = Vec::with_capacity(parts.len());
    for (part, (party, seat, hasher)) in parts.into_iter().zip(&mut tally.hashers) {
        let bytes = match part {
            Part::Elements(bytes) => bytes,
            Part::Own => {
                let mut bytes = Zeroizing::new(Vec::new());
                place.read(Object::Partial, chunk, &mut bytes).map_err(CombineError::Workplace)?;
                bytes
            }
        };
        let cells = Cells::read(layout.field, &bytes)
            .ok()
            .filter(|cells| cells.len() == layout.chunk_cells(chunk))
            .ok_or(CombineError::NotCanonical { holder: *party })?;
        hasher.update(&bytes);
        if layout.cells <= KEEP_PARTIALS {
            tally.kept.push((*party, bytes.to_vec()));
        }
        shares.push((*seat, cells));
    }
    let shares: Vec<(u16, &Cells)> = shares.iter().map(|(seat, cells)| (*seat, cells)).collect();
    let sums = terms.scheme().recombine(&shares).map_err(|e| CombineError::Workplace(e.to_string()))?;
    let first = chunk * sharing::CHUNK_CELLS as u64;
    let totals =
        sharing::decode_totals(&sums, contributors, terms.columns(), first).map_err(|_| CombineError::OutOfRange)?;
    tally.totals.update(&totals);
    place.append_totals(terms, chunk, &totals).map_err(CombineError::Workplace)?;
    Ok(tally)
}
