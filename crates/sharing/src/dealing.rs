//! One dealer's sharing of its whole input (PROTOCOL 2.1, 2.2).
//!
//! Attacker: holds k − 1 shares, and sees the dealing repeated after crashes. The shares follow from (dealing key,
//! round id, digest of the encoded input), so a repeated dealing gives the same bytes, and another input or round gets
//! shares that have nothing in common with these.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize;

use crate::element::Element;
use crate::expansion::{self, Expansion, Stream, subtract_expansion};
use crate::matrix::{BLOCK_CELLS, Block, Matrix};
use crate::ristretto::Residue;
use crate::scheme::Kind;
use crate::secret::{DealingKey, InputDigest, Salt, Seed};
use crate::{Cells, Dealer, Encoded, Field, Scheme, ShareForm, hash};

const DEALING: &str = "smpcd/1/dealing";
const SEED: &str = "smpcd/1/seed";
const SALT: &str = "smpcd/1/salt";
const BLINDING: &str = "smpcd/1/blinding";

/// The seeds, salts and explicit shares of one dealing.
///
/// # Security
/// Holds a secret from which, together with one explicit share, the input follows. Wiped on drop.
#[derive(Clone)]
pub struct Dealing {
    scheme: Scheme,
    dealer: Dealer,
    /// Derived once; a dealing key like the operator's, but of this round and this input alone.
    key: DealingKey,
    explicit: Explicit,
}

/// What explicit shares are made with; public.
#[derive(Clone)]
enum Explicit {
    /// One share, x − Σρ.
    Difference,
    /// The polynomial's values: a row for each explicit recipient. The field comes with the input.
    Values { field64: Matrix<u64>, field128: Matrix<u128>, ristretto255: Matrix<Residue> },
}

impl Dealing {
    /// Derives the dealing. `round` is the round id, `input` the digest of **all** chunks that will be shared.
    ///
    /// PROTOCOL 2.2: seeds and blindings derive from (dealing key, round id, digest of the encoded input), so the same key
    /// can never mask two inputs.
    ///
    /// # Panics
    /// As [`Scheme::explicit_recipients`].
    ///
    /// # Security
    /// Scheme and dealer are no part of what is derived from: the round id has to fix them, as it does through the
    /// agreement's digest. One key and input under two schemes would betray the input.
    pub fn new(scheme: Scheme, dealer: Dealer, key: &DealingKey, round: &[u8; 32], input: &InputDigest) -> Self {
        // Refuses a dealer that the scheme does not know before anything is derived for it.
        let recipients = scheme.explicit_recipients(dealer);
        let terms = usize::from(scheme.threshold());
        let explicit = match scheme.kind() {
            Kind::Additive => Explicit::Difference,
            Kind::Shamir { .. } => Explicit::Values {
                field64: Matrix::new(terms, scheme.matrix(dealer, &recipients)),
                field128: Matrix::new(terms, scheme.matrix(dealer, &recipients)),
                ristretto255: Matrix::new(terms, scheme.matrix(dealer, &recipients)),
            },
        };
        let key = DealingKey::from_bytes(hash(DEALING, &[key.as_bytes(), round, input.as_bytes()]));
        Self { scheme, dealer, key, explicit }
    }

    /// The seed of a recipient; `None` where its share is explicit, and beyond the last compute party.
    pub fn seed(&self, recipient: u16) -> Option<Seed> {
        if recipient >= self.scheme.n() {
            return None;
        }
        match self.scheme.form(self.dealer, recipient) {
            ShareForm::Seeded => Some(Seed::from_bytes(self.derive(SEED, recipient))),
            ShareForm::Explicit => None,
        }
    }

    /// The salt of a recipient's share, whatever its form.
    pub fn salt(&self, recipient: u16) -> Salt {
        Salt::from_bytes(self.derive(SALT, recipient))
    }

    /// One chunk of every explicit share (n − k + 1 of them), with its recipient, in increasing order of these.
    ///
    /// # Security
    /// `input` has to be chunk number `chunk` of the input whose digest this dealing was made with.
    pub fn explicit_chunk(&self, chunk: u64, input: &Encoded) -> Vec<(u16, Cells)> {
        self.explicit(Stream::Share, chunk, input.cells())
    }

    /// As [`Dealing::explicit_chunk`], for the blindings of a whole table, of which those of coefficient 0 are given.
    pub(crate) fn explicit_blindings(&self, constant: &Cells) -> Vec<(u16, Cells)> {
        self.explicit(Stream::Blinding, 0, constant)
    }

    /// PROTOCOL 2.2: where the blindings of coefficient 0 come from. No party receives it.
    pub(crate) fn blinding_seed(&self) -> Seed {
        Seed::from_bytes(hash(BLINDING, &[self.key.as_bytes()]))
    }

    fn explicit(&self, stream: Stream, chunk: u64, secret: &Cells) -> Vec<(u16, Cells)> {
        match (&self.explicit, secret.field()) {
            (Explicit::Difference, _) => self.difference(stream, chunk, secret),
            (Explicit::Values { field64, .. }, Field::Field64) => self.values(field64, stream, chunk, secret),
            (Explicit::Values { field128, .. }, Field::Field128) => self.values(field128, stream, chunk, secret),
            (Explicit::Values { ristretto255, .. }, Field::Ristretto255) => {
                self.values(ristretto255, stream, chunk, secret)
            }
        }
    }

    /// PROTOCOL 2, additive: ρ are n−1 of the shares, the remaining share is x − Σρ.
    fn difference(&self, stream: Stream, chunk: u64, secret: &Cells) -> Vec<(u16, Cells)> {
        let share = |recipient: u16| {
            let mut share = secret.duplicate();
            for seed in self.seeds() {
                subtract_expansion(&mut share, stream, &seed, chunk);
            }
            (recipient, share)
        };
        self.scheme.explicit_recipients(self.dealer).into_iter().map(share).collect()
    }

    /// PROTOCOL 2: share j = Σ_c M_i[j][c] · coefficient_c, with the seeded shares expanded block by block side by side.
    fn values<E: Element>(&self, matrix: &Matrix<E>, stream: Stream, chunk: u64, secret: &Cells) -> Vec<(u16, Cells)> {
        const ONE_FIELD: &str = "matrix and shares have the input's field";
        let field = secret.field();
        let secret: &[E] = E::of(secret).expect(ONE_FIELD);
        let recipients = self.scheme.explicit_recipients(self.dealer).into_iter();
        let mut shares: Vec<(u16, Cells)> = recipients.map(|j| (j, Cells::zero(field, secret.len()))).collect();
        let mut expansions: Vec<Expansion> =
            self.seeds().map(|seed| Expansion::new(stream, field, &seed, chunk)).collect();

        let mut block = Block::new(1 + expansions.len());
        let mut rho = [E::default(); BLOCK_CELLS];
        let mut buffer = expansion::buffer();
        for start in (0..secret.len()).step_by(BLOCK_CELLS) {
            let cells = start..secret.len().min(start + BLOCK_CELLS);
            block.put(0, &secret[cells.clone()]);
            for (term, expansion) in (1..).zip(&mut expansions) {
                let rho = &mut rho[..cells.len()];
                expansion.fill(rho, &mut buffer);
                block.put(term, rho);
            }
            for (weights, (_, share)) in matrix.rows().zip(&mut shares) {
                block.multiply(weights, &mut E::of_mut(share).expect(ONE_FIELD)[cells.clone()]);
            }
        }
        rho.as_mut_slice().zeroize();
        shares
    }

    /// The seeds of the k − 1 seeded recipients, in increasing order of these.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = Seed> {
        (0..self.scheme.n()).filter_map(|j| self.seed(j))
    }

    fn derive(&self, label: &str, recipient: u16) -> [u8; 32] {
        hash(label, &[self.key.as_bytes(), &recipient.to_le_bytes()])
    }
}

impl fmt::Debug for Dealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dealing({:?}, {:?}, <redacted>)", self.scheme, self.dealer)
    }
}
