//! The bounds of every cell as range proofs: which there are, how long they are, and whether they hold (PROTOCOL 5.2).
//!
//! For a cell with commitment E_0 and a column [min, max], E_0 − min·H and max·H − E_0 both open in [0, 2^b). Their sum is
//! (max − min)·H, far below ℓ, so nothing wraps around and the value is within [min, max] exactly, although 2^b may be larger.
//!
//! The order of runs: bit lengths ascending, and within one bit length cells ascending, cut into as many runs of 16 as there
//! are, then at most one each of 8, 4, 2 and 1. Proofs stand in the order of runs.
//!
//! Attacker: a dealer with a value out of bounds, who makes proofs of something else, of other cells, or takes another
//! dealer's or round's. Everything here is public and takes time that depends on it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use curve25519_dalek::ristretto::RistrettoPoint;
use once_cell::race::OnceBox;
use rand_core::CryptoRng;
use tari_bulletproofs_plus::Transcript;
use tari_bulletproofs_plus::range_parameters::RangeParameters;
use tari_bulletproofs_plus::range_proof::VerifyAction;
use tari_bulletproofs_plus::range_statement::RangeStatement;
use tari_bulletproofs_plus::ristretto::RistrettoRangeProof;

use crate::commitments::Commitments;
use crate::element::Element;
use crate::generators::{pedersen, value_base};
use crate::merkle::Place;
use crate::ristretto::Residue;
use crate::{Column, MAX_COMMITTED_CELLS};

/// Cells of the longest run.
const LONGEST_RUN: usize = 16;
/// Proofs verified together. Each of them copies its generators: 640 KiB at 64 bits and 16 cells.
const BATCH_PROOFS: usize = 32;

/// The range proofs that one dealing needs.
///
/// Cheap to make and to copy. The generators of the library are made once for a process, when they are first used.
#[derive(Clone)]
pub struct Bounds {
    place: Place,
    plan: Arc<Plan>,
}

struct Plan {
    columns: Vec<ColumnBounds>,
    /// All cells in the order in which they are proven.
    order: Vec<usize>,
    runs: Vec<Run>,
}

struct ColumnBounds {
    min: i128,
    max: i128,
    /// min·H and max·H.
    points: (RistrettoPoint, RistrettoPoint),
}

/// Cells under one proof.
struct Run {
    bits: usize,
    /// In the plan's order.
    cells: Range<usize>,
    /// In the list of all proofs.
    bytes: Range<usize>,
    /// Cells of the longest run of these bits: its generators serve all of them.
    longest: usize,
}

/// A run whose proof is not there or not true. Whoever dealt is to blame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("range proof {run}, which begins with cell {first_cell}, does not hold")]
pub struct BadProof {
    /// The first such run, from 0. A list that is too short lacks it, one that is too long goes on behind it.
    pub run: usize,
    /// The first cell of the run, from 0.
    pub first_cell: usize,
}

impl Bounds {
    /// Plans the proofs of a table of `cells` cells, counted row by row, at that place.
    ///
    /// PROTOCOL 5.2: b is the smallest power of two of bits that covers max − min (1 where they are equal).
    ///
    /// # Panics
    /// Unless min ≤ max and max − min < 2^64 in every column, there is a column where there is a cell, and cells are at most
    /// [`MAX_COMMITTED_CELLS`]: the agreement has checked it (PROTOCOL 1.4).
    pub fn new(columns: &[Column], cells: usize, place: Place) -> Bounds {
        assert!(cells <= MAX_COMMITTED_CELLS, "a table of a malicious round has more cells than any can");
        let bits: Vec<usize> = columns.iter().map(bits).collect();
        let bits_of = |cell: &usize| bits[cell % bits.len()];
        let mut order: Vec<usize> = (0..cells).collect();
        order.sort_by_key(bits_of);

        let (mut runs, mut bytes) = (Vec::new(), 0);
        for alike in order.chunk_by(|a, b| bits_of(a) == bits_of(b)) {
            let (bits, mut left, mut longest) = (bits_of(&alike[0]), alike.len(), 0);
            while left > 0 {
                // The greatest power of two of cells that are still there.
                let length = LONGEST_RUN.min(1 << left.ilog2());
                longest = longest.max(length);
                let start = runs.last().map_or(0, |run: &Run| run.cells.end);
                let end = bytes + proof_bytes(bits, length);
                runs.push(Run { bits, cells: start..start + length, bytes: bytes..end, longest });
                bytes = end;
                left -= length;
            }
        }
        let point = |value| Residue::from_signed(value).0 * value_base();
        let column = |column: &Column| {
            let (min, max) = (column.min, column.max);
            ColumnBounds { min, max, points: (point(min), point(max)) }
        };
        let columns = columns.iter().map(column).collect();
        Bounds { place, plan: Arc::new(Plan { columns, order, runs }) }
    }

    /// The same table's proofs of another dealer or round.
    pub fn at(&self, place: Place) -> Bounds {
        Bounds { place, plan: Arc::clone(&self.plan) }
    }

    /// The dealing that the proofs are bound to.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// L, the number of cells.
    pub fn cells(&self) -> usize {
        self.plan.order.len()
    }

    /// Number of runs, which is that of proofs.
    pub fn runs(&self) -> usize {
        self.plan.runs.len()
    }

    /// The cells of a run, in the order of its statements.
    ///
    /// # Panics
    /// For a run that there is not.
    pub fn run_cells(&self, run: usize) -> &[usize] {
        &self.plan.order[self.plan.runs[run].cells.clone()]
    }

    /// Exact bytes of a run's proof.
    ///
    /// # Panics
    /// For a run that there is not.
    pub fn proof_bytes(&self, run: usize) -> usize {
        self.plan.runs[run].bytes.len()
    }

    /// Exact bytes of all proofs.
    pub fn all_proof_bytes(&self) -> usize {
        self.plan.runs.last().map_or(0, |run| run.bytes.end)
    }

    /// The proof of every run, where the list has the right length.
    pub fn split<'a>(&self, proofs: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let whole = proofs.len() == self.all_proof_bytes();
        whole.then(|| self.plan.runs.iter().map(|run| &proofs[run.bytes.clone()]).collect())
    }

    /// Verifies some of the proofs; `proofs` is the list of all. To use several cores, give each a part of the runs.
    ///
    /// PROTOCOL 5.2: verify in bounded batches; assert that as many results come back as proofs went in; on failure bisect.
    ///
    /// Nothing is drawn from `_rng`: the library weighs the proofs of a batch by a hash of all of them and their statements. It
    /// stands here for a library that draws.
    ///
    /// # Errors
    /// [`BadProof`] names the first of these runs whose proof is not true; of a list that is too long or too short, the run at
    /// which that shows, whichever runs were asked for.
    ///
    /// # Panics
    /// For runs that there are not, a range that ends before it begins, and commitments of another number of cells: these are
    /// the caller's mistakes, and nobody is to be blamed for them.
    pub fn verify(
        &self,
        commitments: &Commitments,
        proofs: &[u8],
        runs: Range<usize>,
        _rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(), BadProof> {
        assert!(runs.start <= runs.end && runs.end <= self.runs(), "the table has no such runs");
        assert_eq!(commitments.cells(), self.cells(), "the commitments are of another table");
        let Some(proofs) = self.split(proofs) else {
            let cut = self.plan.runs.iter().position(|run| run.bytes.end > proofs.len());
            return Err(self.bad(cut.unwrap_or(self.runs().saturating_sub(1))));
        };
        let mut start = runs.start;
        while start < runs.end {
            let bits = self.plan.runs[start].bits;
            let alike =
                (start..runs.end).take(BATCH_PROOFS).take_while(|run| self.plan.runs[*run].bits == bits).count();
            if let Some(run) = self.first_bad(commitments, &proofs, start..start + alike) {
                return Err(self.bad(run));
            }
            start += alike;
        }
        Ok(())
    }

    /// The first run of a batch whose proof is not true. Whoever is named was looked at alone.
    fn first_bad(&self, commitments: &Commitments, proofs: &[&[u8]], runs: Range<usize>) -> Option<usize> {
        if self.all_hold(commitments, proofs, runs.clone()) {
            return None;
        }
        if runs.len() == 1 {
            return Some(runs.start);
        }
        let middle = runs.start + runs.len() / 2;
        let first = self.first_bad(commitments, proofs, runs.start..middle);
        first.or_else(|| self.first_bad(commitments, proofs, middle..runs.end))
    }

    /// Whether all proofs of a batch of one bit length are true.
    fn all_hold(&self, commitments: &Commitments, proofs: &[&[u8]], runs: Range<usize>) -> bool {
        let parsed = proofs[runs.clone()].iter().map(|proof| RistrettoRangeProof::from_bytes(proof).ok());
        let Some(parsed) = parsed.collect::<Option<Vec<_>>>() else {
            return false;
        };
        let statement = |run| self.statement(run, |cell| commitments.of(cell)[0]);
        let statements: Vec<Statement> = runs.clone().map(statement).collect();
        let mut transcripts: Vec<Transcript> = runs.clone().map(|run| self.transcript(run)).collect();
        let verified =
            RistrettoRangeProof::verify_batch(&mut transcripts, &statements, &parsed, VerifyAction::VerifyOnly);
        // Versions of the library before 0.5.3 looked at 256 proofs and forgot the others.
        verified.is_ok_and(|results| results.len() == runs.len() && !results.is_empty())
    }

    /// E_0 − min·H and max·H − E_0, cell by cell of a run.
    pub(crate) fn statement(&self, run: usize, constant: impl Fn(usize) -> RistrettoPoint) -> Statement {
        let sides = |cell: &usize| {
            let (ColumnBounds { points: (min, max), .. }, commitment) = (self.column(*cell), constant(*cell));
            [commitment - min, max - commitment]
        };
        let commitments: Vec<RistrettoPoint> = self.run_cells(run).iter().flat_map(sides).collect();
        let promises = commitments.iter().map(|_| None).collect();
        let Run { bits, longest, .. } = self.plan.runs[run];
        Statement::init(parameters(bits, longest).clone(), commitments, promises, None)
            .expect("a run has a power of two of cells, and generators for all of them")
    }

    /// PROTOCOL 5.2: the transcript absorbs round id, dealer, cells, bounds, bit length, run size, generators.
    pub(crate) fn transcript(&self, run: usize) -> Transcript {
        let mut transcript = Transcript::new(b"smpcd/1/bounds");
        transcript.append_message(b"round", &self.place.round);
        transcript.append_u64(b"dealer", self.place.dealer.into());
        transcript.append_u64(b"bits", self.plan.runs[run].bits as u64);
        transcript.append_u64(b"cells", self.run_cells(run).len() as u64);
        for cell in self.run_cells(run) {
            let column = self.column(*cell);
            transcript.append_u64(b"cell", *cell as u64);
            transcript.append_message(b"min", &column.min.to_le_bytes());
            transcript.append_message(b"max", &column.max.to_le_bytes());
        }
        let generators = pedersen();
        transcript.append_message(b"value generator", generators.h_base_compressed().as_bytes());
        transcript.append_message(b"blinding generator", generators.g_base_compressed_vec[0].as_bytes());
        transcript
    }

    /// The bounds of a cell.
    pub(crate) fn of(&self, cell: usize) -> (i128, i128) {
        let column = self.column(cell);
        (column.min, column.max)
    }

    fn column(&self, cell: usize) -> &ColumnBounds {
        &self.plan.columns[cell % self.plan.columns.len()]
    }

    fn bad(&self, run: usize) -> BadProof {
        let first_cell = self.plan.runs.get(run).map_or(0, |run| self.plan.order[run.cells.start]);
        BadProof { run, first_cell }
    }
}

impl core::fmt::Debug for Bounds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Bounds({:?}, {} cells, {} runs)", self.place, self.cells(), self.runs())
    }
}

/// What a proof is of.
pub(crate) type Statement = RangeStatement<RistrettoPoint>;

/// b: the smallest power of two of bits that covers max − min.
fn bits(column: &Column) -> usize {
    const AGREED: &str = "the agreement lets max − min of no column be negative, or reach 2^64";
    let width = column.max.checked_sub(column.min).and_then(|width| u64::try_from(width).ok()).expect(AGREED);
    let needed = usize::try_from(u64::BITS - width.leading_zeros()).expect("at most 64");
    needed.max(1).next_power_of_two()
}

/// One byte for the kind of blinding, six elements, and two for each halving of the 2 · b bits of every cell.
fn proof_bytes(bits: usize, cells: usize) -> usize {
    1 + 32 * (6 + 2 * (2 * bits * cells).ilog2() as usize)
}

/// The library's generators for runs of up to so many cells. Which proofs are true does not depend on how many there are.
///
/// Up to 40 MiB at 64 bits and 16 cells, so that they are made once and kept: there are as many as tables differ.
fn parameters(bits: usize, cells: usize) -> &'static RangeParameters<RistrettoPoint> {
    static MADE: [[OnceBox<RangeParameters<RistrettoPoint>>; 5]; 7] = [const { [const { OnceBox::new() }; 5] }; 7];
    let slot = &MADE[bits.ilog2() as usize][cells.ilog2() as usize];
    slot.get_or_init(|| {
        let made = RangeParameters::init(bits, 2 * cells, pedersen());
        Box::new(made.expect("bits and cells are powers of two, and at most 64 bits"))
    })
}

#[cfg(test)]
mod tests;
