//! One dealer's sharing of its whole input with commitments to every coefficient and proofs of every bound (PROTOCOL 5).
//!
//! Blindings are shared by the same scheme as values. Like the values they follow from (dealing key, round id, digest of the
//! encoded input): those of ρ_c are the seeded party's, from its seed; those of the input have a key stream that no party gets.
//!
//! Attacker: holds k − 1 shares with their blindings, all commitments and proofs, and measures the time that commitments take.
//! The range-proof library takes time that depends on the witness: proving happens on the machine of the input's owner.

use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use tari_bulletproofs_plus::commitment_opening::CommitmentOpening;
use tari_bulletproofs_plus::range_witness::RangeWitness;
use tari_bulletproofs_plus::ristretto::RistrettoRangeProof;

use crate::bounds::{BadProof, Bounds};
use crate::commitments::{Commitments, NotCommitments, POINT_BYTES};
use crate::element::Element;
use crate::expansion::{Stream, add_expansion};
use crate::generators::Committer;
use crate::merkle::Place;
use crate::opening::Opening;
use crate::ristretto::Residue;
use crate::sum_check::SumCheck;
use crate::{Cells, Dealer, Dealing, DealingKey, Encoded, Field, InputDigest, MAX_COMMITTED_CELLS, Scheme, Seed};

/// Cells whose commitments are encoded together.
const BLOCK_CELLS: usize = 64;

/// Seeds, explicit openings, commitments and proofs of one dealing in a malicious round.
///
/// # Security
/// Holds the input. Wiped on drop.
pub struct CommittedDealing {
    scheme: Scheme,
    dealer: Dealer,
    place: Place,
    dealing: Dealing,
    /// Coefficient 0 of every cell: the input, and its blindings.
    input: Opening,
    explicit: Vec<(u16, Opening)>,
    commitments: Vec<u8>,
    committer: Committer,
}

impl CommittedDealing {
    /// Deals a whole table: about 30 µs for each of k commitments a cell. Shares are those of [`Dealing`] with the same key, round and input.
    ///
    /// `dealer` is a position among input and compute parties, as the scheme wants it; the place has the position in the
    /// agreement, as proofs and roots want it.
    ///
    /// # Panics
    /// As [`Scheme::explicit_recipients`]; for an input that is not of [`Field::Ristretto255`] or has more than
    /// [`MAX_COMMITTED_CELLS`] cells, which no malicious round has.
    ///
    /// # Security
    /// As [`Dealing::new`].
    pub fn new(
        scheme: Scheme,
        dealer: Dealer,
        place: Place,
        key: &DealingKey,
        input: &InputDigest,
        encoded: &Encoded,
    ) -> Self {
        let cells = encoded.cells().len();
        assert!(cells <= MAX_COMMITTED_CELLS, "a table of a malicious round has more cells than any can");
        let dealing = Dealing::new(scheme, dealer, key, &place.round, input);
        let mut blindings = Cells::zero(Field::Ristretto255, cells);
        add_expansion(&mut blindings, Stream::Blinding, &dealing.blinding_seed(), 0);

        let values = dealing.explicit_chunk(0, encoded).into_iter();
        let explicit = values.zip(dealing.explicit_blindings(&blindings));
        let explicit =
            explicit.map(|((seat, values), (_, blindings))| (seat, Opening::of(values, blindings))).collect();
        let input = Opening::of(encoded.cells().duplicate(), blindings);
        let committer = Committer::new();
        let commitments = commit(&committer, &input, &dealing, cells);
        Self { scheme, dealer, place, dealing, input, explicit, commitments, committer }
    }

    /// The seed of a recipient, which is its share ([`Opening::expand`]); `None` where that is explicit, and beyond the last
    /// compute party.
    pub fn seed(&self, seat: u16) -> Option<Seed> {
        self.dealing.seed(seat)
    }

    /// The share of a recipient that does not get a seed; n − k + 1 do not.
    pub fn explicit(&self, seat: u16) -> Option<&Opening> {
        self.explicit.iter().find(|(recipient, _)| *recipient == seat).map(|(_, opening)| opening)
    }

    /// The Merkle root of every compute party's share, by seat: the only digest of a share in a malicious round (PROTOCOL 5.4).
    pub fn roots(&self) -> Vec<[u8; 32]> {
        self.shares(|seat, share| share.root(&self.place, seat))
    }

    /// E_0 … E_{k−1} of every cell, cell by cell, each in 32 bytes.
    pub fn commitments(&self) -> &[u8] {
        &self.commitments
    }

    /// Makes the proof of one run. Runs are independent of each other: callers may spread them over cores.
    ///
    /// The bytes are not the same twice. Keep them until the dealing is over (PROTOCOL 7).
    ///
    /// # Errors
    /// [`ProofError`] where the bounds are not those of this dealing.
    ///
    /// # Security
    /// Takes time that depends on the input.
    pub fn prove(
        &self,
        bounds: &Bounds,
        run: usize,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, ProofError> {
        if *bounds.place() != self.place || bounds.cells() != self.input.len() {
            return Err(ProofError::Place);
        }
        if run >= bounds.runs() {
            return Err(ProofError::NoSuchRun { run, runs: bounds.runs() });
        }
        let (values, blindings) = (Residue::all(self.input.values()), Residue::all(self.input.blindings()));
        let mut openings = Vec::with_capacity(2 * bounds.run_cells(run).len());
        for cell in bounds.run_cells(run) {
            let (min, max) = bounds.of(*cell);
            let value = weakened(values[*cell], min, max).to_signed();
            let side = |difference: Option<i128>, blinding: Residue| {
                let difference = difference.and_then(|difference| u64::try_from(difference).ok());
                let opening = |difference| CommitmentOpening::new(difference, [blinding.0].into());
                difference.map(opening).ok_or(ProofError::OutOfBounds { cell: *cell })
            };
            openings.push(side(value.checked_sub(min), blindings[*cell])?);
            openings.push(side(max.checked_sub(value), Residue(-blindings[*cell].0))?);
        }
        let constant = |cell| {
            let (min, max) = bounds.of(cell);
            self.committer.commit(weakened(values[cell], min, max), blindings[cell])
        };
        let statement = bounds.statement(run, constant);
        let witness = RangeWitness::init(openings).map_err(|_| ProofError::Refused { run })?;
        let proof =
            RistrettoRangeProof::prove_with_rng(&mut bounds.transcript(run), &statement, &witness, &mut &mut *rng);
        let proof = proof.map_err(|_| ProofError::Refused { run })?.to_bytes();
        if proof.len() == bounds.proof_bytes(run) { Ok(proof) } else { Err(ProofError::Refused { run }) }
    }

    /// Verifies the whole dealing as its recipients will: commitments, the share of every seat, all proofs.
    ///
    /// PROTOCOL 5: the dealer verifies its own dealing before it sends it.
    ///
    /// # Errors
    /// [`BadDealing`]: do not send it. No honest dealer sees that, unless its machine fails.
    pub fn check(&self, bounds: &Bounds, proofs: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Result<(), BadDealing> {
        let (cells, k) = (self.input.len(), self.scheme.threshold());
        let commitments = Commitments::parse(&self.commitments, cells, k)?;
        let mut check = SumCheck::new(self.scheme, cells, rng);
        check.add(self.dealer, &commitments);
        let good = self.shares(|seat, share| check.holds(seat, share));
        if let Some(seat) = (0..).zip(good).find_map(|(seat, good)| (!good).then_some(seat)) {
            return Err(BadDealing::Share { seat });
        }
        if !check.total_holds(&self.input) {
            return Err(BadDealing::Input);
        }
        if bounds.cells() != cells {
            return Err(BadDealing::Proof(BadProof { run: 0, first_cell: 0 }));
        }
        Ok(bounds.verify(&commitments, proofs, 0..bounds.runs(), rng)?)
    }

    /// Something of every share, by seat.
    fn shares<T>(&self, of: impl Fn(u16, &Opening) -> T) -> Vec<T> {
        let share = |seat| match (self.explicit(seat), self.seed(seat)) {
            (Some(opening), _) => of(seat, opening),
            (None, Some(seed)) => of(seat, &Opening::expand(&seed, self.input.len())),
            (None, None) => unreachable!("every compute party has a share of one form"),
        };
        (0..self.scheme.n()).map(share).collect()
    }
}

/// E_c = coefficient_c · H + blinding_c · G; ρ_c is the share of seeded party number c.
fn commit(committer: &Committer, input: &Opening, dealing: &Dealing, cells: usize) -> Vec<u8> {
    let rhos: Vec<Opening> = dealing.seeds().map(|seed| Opening::expand(&seed, cells)).collect();
    let coefficients: Vec<&Opening> = core::iter::once(input).chain(&rhos).collect();
    let mut columns: Vec<_> = coefficients.iter().map(|opening| opening.pairs()).collect();
    let mut commitments = Vec::with_capacity(cells * coefficients.len() * POINT_BYTES);
    for start in (0..cells).step_by(BLOCK_CELLS) {
        let block = BLOCK_CELLS.min(cells - start);
        let openings = (0..block * coefficients.len()).map(|at| {
            let column = &mut columns[at % coefficients.len()];
            column.next().expect("every coefficient has all cells")
        });
        committer.encode(openings).iter().for_each(|point| commitments.extend_from_slice(point.as_bytes()));
    }
    commitments
}

/// What is proven of an input: itself. In a simulation, of a cheating dealer's, the nearest value for which there is a proof; that
/// proof is then about another commitment.
fn weakened(value: Residue, min: i128, max: i128) -> Residue {
    if cfg!(any(test, feature = "weakened")) { Residue::from_signed(value.to_signed().clamp(min, max)) } else { value }
}

impl fmt::Debug for CommittedDealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommittedDealing({:?}, {:?}, {:?}, <redacted>)", self.scheme, self.dealer, self.place)
    }
}

/// A proof that was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofError {
    /// The bounds are of another round, dealer or table.
    #[error("the bounds to prove are of another dealing")]
    Place,
    /// There is no such run.
    #[error("range proof {run} was asked for, but there are {runs}")]
    NoSuchRun {
        /// The run.
        run: usize,
        /// Number of runs.
        runs: usize,
    },
    /// The input is not within these bounds: they are not those it was encoded with.
    #[error("cell {cell} is not within the bounds that are to be proven")]
    OutOfBounds {
        /// The cell, from 0.
        cell: usize,
    },
    /// The library made no proof of a true statement.
    #[error("range proof {run} could not be made")]
    Refused {
        /// The run.
        run: usize,
    },
}

/// What a dealer found wrong with its own dealing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadDealing {
    /// The commitments are none.
    #[error(transparent)]
    Commitments(#[from] NotCommitments),
    /// A share is not what the commitments say.
    #[error("the share of compute party {seat} is not what the commitments say")]
    Share {
        /// Position of the recipient.
        seat: u16,
    },
    /// The first commitments are not to the input.
    #[error("the commitments are not to the input")]
    Input,
    /// A proof does not hold.
    #[error(transparent)]
    Proof(#[from] BadProof),
}

#[cfg(test)]
mod tests;
