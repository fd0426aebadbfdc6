//! One dealer's sharing of its whole input (PROTOCOL 2.1, 2.2).
//!
//! Attacker: holds all shares but one, and sees the dealing repeated after crashes. The shares follow from (dealing key,
//! round id, digest of the encoded input), so a repeated dealing gives the same bytes, and another input or round gets
//! shares that have nothing in common with these.

use alloc::vec::Vec;
use core::fmt;

use crate::expansion::subtract_seeded_share;
use crate::secret::{DealingKey, InputDigest, Salt, Seed};
use crate::{Cells, Dealer, Encoded, Scheme, ShareForm, hash};

const DEALING: &str = "smpcd/1/dealing";
const SEED: &str = "smpcd/1/seed";
const SALT: &str = "smpcd/1/salt";

/// The seeds, salts and explicit shares of one dealing.
///
/// # Security
/// Holds a secret from which, together with one share that others hold, the input follows. Wiped on drop.
#[derive(Clone)]
pub struct Dealing {
    scheme: Scheme,
    dealer: Dealer,
    /// Derived once; a dealing key like the operator's, but of this round and this input alone.
    key: DealingKey,
}

impl Dealing {
    /// Derives the dealing. `round` is the round id, `input` the digest of **all** chunks that will be shared.
    ///
    /// PROTOCOL 2.2: seeds and blindings derive from (dealing key, round id, digest of the encoded input), so the same key
    /// can never mask two inputs.
    ///
    /// # Panics
    /// As [`Scheme::explicit_recipients`].
    pub fn new(scheme: Scheme, dealer: Dealer, key: &DealingKey, round: &[u8; 32], input: &InputDigest) -> Self {
        // Refuses a dealer that the scheme does not know before anything is derived for it.
        scheme.explicit_recipients(dealer);
        let key = DealingKey::from_bytes(hash(DEALING, &[key.as_bytes(), round, input.as_bytes()]));
        Self { scheme, dealer, key }
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

    /// One chunk of every explicit share, with its recipient, in increasing order of these.
    ///
    /// # Security
    /// `input` has to be chunk number `chunk` of the input whose digest this dealing was made with.
    pub fn explicit_chunk(&self, chunk: u64, input: &Encoded) -> Vec<(u16, Cells)> {
        let explicit = self.scheme.explicit_recipients(self.dealer);
        // PROTOCOL 2, additive: ρ are n−1 of the shares, the remaining share is x − Σρ.
        let share = |recipient: u16| {
            let mut share = input.cells().duplicate();
            for seed in (0..self.scheme.n()).filter_map(|j| self.seed(j)) {
                subtract_seeded_share(&mut share, &seed, chunk);
            }
            (recipient, share)
        };
        explicit.into_iter().map(share).collect()
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
