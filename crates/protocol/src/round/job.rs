//! Heavy work, handed out as pure jobs: a node runs them on a bounded pool, a simulator inline.
//!
//! A job sees the terms and a [`Workplace`], which is where bulk elements live. All elements pass chunk by chunk, so a
//! job's memory does not grow with the table.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sharing::{
    Cells, DealingKey, Encoded, InputDigest, InputHasher, PartialHasher, RecombineError, Salt, Seed, ShareHasher,
    TotalsHasher,
};
use wire::{Grievance, Sealed};
use zeroize::Zeroizing;

use super::proven;
use super::terms::Terms;
use super::workplace::{Finish, KEEP_PARTIALS, Object, Workplace};

/// A share that goes into a partial sum, or is checked against what its dealer has committed to.
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

/// State of an explicit share that is coming in, between chunks.
pub struct Arriving {
    /// Boxed, as those of a [`Tally`].
    hasher: Box<ShareHasher>,
    /// None in malicious rounds, whose digests are Merkle roots.
    salt: Option<Salt>,
    /// The digest in its header.
    digest: [u8; 32],
}

impl Arriving {
    pub(super) fn new(salt: Option<Salt>, digest: [u8; 32]) -> Self {
        Self { hasher: Box::new(ShareHasher::new()), salt, digest }
    }
}

/// A fresh seed of the randomness of one job.
pub type JobSeed = Zeroizing<[u8; 32]>;

/// A dealing that was made.
pub struct Made {
    /// Digest of each compute party's share, by seat.
    pub shares: Vec<[u8; 32]>,
    /// In malicious rounds commitments and range proofs.
    pub proven: Option<(Vec<u8>, Vec<u8>)>,
}

/// What partial sums of a malicious round came to (PROTOCOL 5.3).
pub struct Opened {
    /// Holders whose elements are not those that they announced. Nobody else can see that.
    pub unannounced: Vec<u16>,
    /// Holders whose partial sum is not what the commitments fix, with its elements as evidence.
    pub wrong: Vec<(u16, Vec<u8>)>,
    /// The result, where k good ones were there.
    pub total: Option<Total>,
}

/// A total that was checked against the commitments.
pub struct Total {
    /// Digest of the totals.
    pub digest: [u8; 32],
    /// The good partial sums: values and blindings of each holder.
    pub partials: Vec<(u16, Vec<u8>)>,
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

    /// Goes on without these holders.
    pub(super) fn leave_behind(&mut self, holders: &[u16]) {
        self.hashers.retain(|(party, ..)| !holders.contains(party));
        self.kept.retain(|(party, _)| !holders.contains(party));
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
    /// Make the dealing of the snapshot: every explicit share, and the digest of every share.
    Deal {
        /// The dealing key.
        key: DealingKey,
        /// Digest of the encoded input.
        input: InputDigest,
        /// For the proofs of a malicious round.
        seed: JobSeed,
    },
    /// Take in one chunk of an explicit share; with the last one it is durable.
    Store {
        /// Whose share.
        dealer: u16,
        /// Which chunk.
        chunk: u64,
        /// What arrived.
        elements: Zeroizing<Vec<u8>>,
        /// State so far.
        share: Arriving,
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
    /// Check a dealer's commitments and range proofs (PROTOCOL 5.2).
    Check {
        /// Its Commitments.
        commitments: Sealed,
        /// For the verifier's own weights.
        seed: JobSeed,
    },
    /// Check this party's own share against its dealer's commitments (PROTOCOL 5.1).
    Verify {
        /// The dealer's Commitments.
        commitments: Sealed,
        /// The root in the header.
        root: [u8; 32],
        /// The share.
        share: Summand,
        /// For the verifier's own weights.
        seed: JobSeed,
    },
    /// Judge a complaint about one cell (PROTOCOL 5.4).
    Judge {
        /// The complaint.
        complaint: Sealed,
        /// The header's root of the complainer's share.
        root: [u8; 32],
        /// The dealer's Commitments.
        commitments: Sealed,
    },
    /// Check partial sums and the total against the commitments of S, and decode it (PROTOCOL 5.3).
    Open {
        /// The Commitments of S.
        dealings: Vec<Sealed>,
        /// Partial sums with the digests that were announced.
        parts: Vec<(u16, [u8; 32], Part)>,
        /// For the verifier's own weights.
        seed: JobSeed,
    },
    /// Make the result visible.
    Finish(Finish),
}

/// What a job brought. An error is for the operator, and names no value.
pub enum Done {
    /// Of [`Job::Load`]: digest of the encoded input, or every error of the input.
    Loaded(Result<InputDigest, Vec<String>>),
    /// Of [`Job::Deal`].
    Dealt(Result<Made, String>),
    /// Of [`Job::Store`].
    Stored {
        /// Whose share.
        dealer: u16,
        /// State after this chunk; none where the share is whole, is the one in its header, and is durable.
        stored: Result<Option<Arriving>, StoreError>,
    },
    /// Of [`Job::Sum`]: digest of the partial sum.
    Summed(Result<[u8; 32], String>),
    /// Of [`Job::Combine`].
    Combined(Result<Tally, CombineError>),
    /// Of [`Job::Check`].
    Checked {
        /// Whose.
        dealer: u16,
        /// What is wrong with them, for everybody to see.
        checked: Result<(), String>,
    },
    /// Of [`Job::Verify`].
    Verified {
        /// Whose share.
        dealer: u16,
        /// What is wrong with it.
        verified: Result<(), ShareError>,
    },
    /// Of [`Job::Judge`].
    Judged {
        /// Who complained.
        accuser: u16,
        /// About whom.
        dealer: u16,
        /// Whether the dealer is at fault; else the accuser is.
        holds: bool,
    },
    /// Of [`Job::Open`].
    Opened(Result<Opened, String>),
    /// Of [`Job::Finish`].
    Finished(Result<(), String>),
}

/// A share is not what its dealer has committed to.
pub enum ShareError {
    /// It does not give the root in its header: it is no share, and that counts as silence.
    Unnamed,
    /// A cell of it, which shows it to everybody.
    Cell(Box<Grievance>),
    /// This node could not look at it.
    Workplace(String),
}

/// An explicit share was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The dealer sent elements that are none.
    #[error("a share with elements that are not canonical")]
    NotCanonical,
    /// The dealer sent another share than its header names.
    #[error("a share that its header does not name")]
    Unnamed,
    /// This node could not do it.
    #[error("{0}")]
    Workplace(String),
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
    /// The partial sums do not lie on one polynomial. In semi-honest rounds this names nobody (PROTOCOL 4.7).
    #[error(transparent)]
    Inconsistent(RecombineError),
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
            Self::Deal { key, input, seed } if terms.is_malicious() => {
                Done::Dealt(proven::deal(terms, place, &key, &input, &seed))
            }
            Self::Deal { key, input, .. } => {
                let made = |shares| Made { shares, proven: None };
                Done::Dealt(deal(terms, place, &key, &input).map(made))
            }
            Self::Store { dealer, chunk, elements, share } => {
                Done::Stored { dealer, stored: store(terms, place, dealer, chunk, &elements, share) }
            }
            Self::Sum { summands } if terms.is_malicious() => Done::Summed(proven::sum(terms, place, summands)),
            Self::Sum { summands } => Done::Summed(sum(terms, place, &summands)),
            Self::Combine { chunk, contributors, parts, tally } => {
                Done::Combined(combine(terms, place, chunk, contributors, parts, tally))
            }
            Self::Check { commitments, seed } => proven::check(terms, place, &commitments, &seed),
            Self::Verify { commitments, root, share, seed } => {
                let verified = proven::verify(terms, place, &commitments, &root, share, &seed);
                Done::Verified { dealer: commitments.sender(), verified }
            }
            Self::Judge { complaint, root, commitments } => proven::judge(terms, &complaint, &root, &commitments),
            Self::Open { dealings, parts, seed } => Done::Opened(proven::open(terms, place, &dealings, parts, &seed)),
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

/// PROTOCOL 2.1: k − 1 parties get seeds. The other shares are made in one pass over the snapshot: this party's own, where
/// it is one of them, and those that it sends.
fn deal(
    terms: &Terms,
    place: &mut dyn Workplace,
    key: &DealingKey,
    input: &InputDigest,
) -> Result<Vec<[u8; 32]>, String> {
    let scheme = terms.scheme();
    let dealer = terms.dealer(terms.me()).ok_or("this party deals nothing")?;
    let dealing = sharing::Dealing::new(scheme, dealer, key, &terms.round().0, input);
    let mut explicit: Vec<(Object, ShareHasher)> = terms
        .explicit_recipients(terms.me())
        .into_iter()
        .map(|p| (Object::dealt(terms, p), ShareHasher::new()))
        .collect();
    for (object, _) in &explicit {
        place.create(terms, *object)?;
    }
    // PROTOCOL 2.2: a dealing key is bound to one input, so what is dealt must be what the key was drawn for.
    let mut dealt = InputHasher::new(terms.layout());
    let mut bytes = Zeroizing::new(Vec::new());
    for chunk in 0..terms.layout().chunks() {
        place.read(Object::Snapshot, chunk, &mut bytes)?;
        let encoded = Cells::read(terms.layout().field, &bytes).map_err(|e| e.to_string()).and_then(|cells| {
            Encoded::restore(terms.columns(), chunk * sharing::CHUNK_CELLS as u64, cells).map_err(|e| e.to_string())
        })?;
        dealt.update(&encoded);
        for ((object, hasher), (_, cells)) in explicit.iter_mut().zip(dealing.explicit_chunk(chunk, &encoded)) {
            bytes.clear();
            cells.write_to(&mut bytes);
            hasher.update(&bytes);
            place.append(*object, &bytes)?;
        }
    }
    if dealt.finish() != *input {
        return Err("the snapshot is not the input that was approved".to_string());
    }
    for (object, _) in &explicit {
        place.commit(*object)?;
    }
    let mut hashers = explicit.into_iter().map(|(_, hasher)| hasher);
    (0..scheme.n())
        .map(|seat| {
            let salt = dealing.salt(seat);
            match dealing.seed(seat) {
                Some(seed) => Ok(sharing::seed_digest(&salt, &seed)),
                None => hashers.next().map(|hasher| hasher.digest(&salt)).ok_or_else(|| "a share is missing".into()),
            }
        })
        .collect()
}

/// PROTOCOL 3: a share is one under D_i if it gives the salted digest in the header. Only then is it made durable.
fn store(
    terms: &Terms,
    place: &mut dyn Workplace,
    dealer: u16,
    chunk: u64,
    elements: &[u8],
    mut share: Arriving,
) -> Result<Option<Arriving>, StoreError> {
    let layout = terms.layout();
    let object = Object::Share(dealer);
    // A chunk has the agreed length: the round has seen to it.
    if Cells::read(layout.field, elements).is_err() {
        return Err(StoreError::NotCanonical);
    }
    if chunk == 0 {
        place.create(terms, object).map_err(StoreError::Workplace)?;
    }
    share.hasher.update(elements);
    place.append(object, elements).map_err(StoreError::Workplace)?;
    if chunk + 1 < layout.chunks() {
        return Ok(Some(share));
    }
    // In malicious rounds the root is looked at with the commitments.
    if share.salt.as_ref().is_some_and(|salt| share.hasher.digest(salt) != share.digest) {
        return Err(StoreError::Unnamed);
    }
    place.commit(object).map_err(StoreError::Workplace)?;
    Ok(None)
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
    let sums = terms.scheme().recombine(&shares).map_err(|error| match error {
        RecombineError::Inconsistent { .. } => CombineError::Inconsistent(error),
        mistake => CombineError::Workplace(mistake.to_string()),
    })?;
    let first = chunk * sharing::CHUNK_CELLS as u64;
    let totals =
        sharing::decode_totals(&sums, contributors, terms.columns(), first).map_err(|_| CombineError::OutOfRange)?;
    tally.totals.update(&totals);
    place.append_totals(terms, chunk, &totals).map_err(CombineError::Workplace)?;
    Ok(tally)
}
