//! What the tests of malicious rounds share: dealings, and who sees what of them.
#![allow(dead_code)] // Each of them uses some of it.

use std::sync::LazyLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sharing::{
    BadProof, Bounds, Column, Commitments, CommittedDealing, Dealer, DealingKey, Encoded, Field, InputHasher, Layout,
    Opening, Place, Scheme, SumCheck,
};

/// A generator whose draws are always the same.
pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn column(min: i128, max: i128) -> Column {
    Column { min, max, decimals: 2 }
}

/// A dealer with its input, and all that it makes.
#[derive(Debug)]
pub(crate) struct Dealt {
    pub(crate) scheme: Scheme,
    pub(crate) dealer: Dealer,
    pub(crate) place: Place,
    pub(crate) bounds: Bounds,
    pub(crate) dealing: CommittedDealing,
    pub(crate) commitments: Commitments,
    pub(crate) proofs: Vec<u8>,
}

/// The place of dealer number `dealer` in a round.
pub(crate) fn place(round: u8, dealer: u16) -> Place {
    Place { round: [round; 32], dealer }
}

/// Deals without proofs.
pub(crate) fn deal(scheme: Scheme, dealer: Dealer, place: Place, columns: &[Column], encoded: &Encoded) -> Dealt {
    let cells = encoded.cells().len();
    let mut hasher = InputHasher::new(Layout { field: Field::Ristretto255, cells: cells as u64 });
    hasher.update(encoded);
    let mut key = [0x2D; 32];
    key[..2].copy_from_slice(&place.dealer.to_le_bytes());
    let key = DealingKey::from_bytes(key);
    let dealing = CommittedDealing::new(scheme, dealer, place, &key, &hasher.finish(), encoded);
    let commitments = Commitments::parse(dealing.commitments(), cells, scheme.threshold()).expect("commitments");
    let bounds = Bounds::new(columns, cells, place);
    Dealt { scheme, dealer, place, bounds, dealing, commitments, proofs: Vec::new() }
}

/// Encodes values within bounds.
pub(crate) fn encode(columns: &[Column], values: &[i128]) -> Encoded {
    Encoded::new(Field::Ristretto255, columns, 0, values).expect("within bounds")
}

impl Dealt {
    /// With proofs of all runs.
    pub(crate) fn proven(mut self) -> Self {
        let prove = |run| self.dealing.prove(&self.bounds, run, &mut rng(run as u64)).expect("a proof");
        self.proofs = (0..self.bounds.runs()).flat_map(prove).collect();
        self
    }

    pub(crate) fn cells(&self) -> usize {
        self.bounds.cells()
    }

    /// What a seat comes to hold.
    pub(crate) fn share(&self, seat: u16) -> Opening {
        match self.dealing.seed(seat) {
            Some(seed) => Opening::expand(&seed, self.cells()),
            None => copy(self.dealing.explicit(seat).expect("a share has one form or the other")),
        }
    }

    /// PROTOCOL 5.1.
    pub(crate) fn share_check(&self, seed: u64) -> SumCheck {
        let mut check = SumCheck::new(self.scheme, self.cells(), &mut rng(seed));
        check.add(self.dealer, &self.commitments);
        check
    }

    /// PROTOCOL 5.2, all runs.
    pub(crate) fn verify(&self, bounds: &Bounds, proofs: &[u8]) -> Result<(), BadProof> {
        bounds.verify(&self.commitments, proofs, 0..bounds.runs(), &mut rng(0))
    }
}

/// A copy, over the wire.
pub(crate) fn copy(opening: &Opening) -> Opening {
    let mut bytes = Vec::new();
    opening.write_to(&mut bytes);
    Opening::read(&bytes, opening.len()).expect("canonical")
}

/// ℓ, little-endian.
pub(crate) fn order() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&27_742_317_777_372_353_535_851_937_790_883_648_493u128.to_le_bytes());
    bytes[31] = 0x10;
    bytes
}

/// Zeros but for one value or blinding.
pub(crate) fn single(cells: usize, cell: usize, blinding: bool, scalar: &[u8; 32]) -> Opening {
    let mut bytes = vec![0; cells * 64];
    let at = if blinding { cells + cell } else { cell };
    bytes[at * 32..][..32].copy_from_slice(scalar);
    Opening::read(&bytes, cells).expect("canonical")
}

/// Schemes with dealers of every kind.
pub(crate) fn schemes() -> Vec<Scheme> {
    vec![Scheme::additive(2), Scheme::additive(3), Scheme::shamir(3, 2), Scheme::shamir(5, 3), Scheme::shamir(4, 4)]
}

/// A dealing of some cells in each scheme, without proofs.
pub(crate) static DEALT: LazyLock<Vec<Dealt>> = LazyLock::new(|| {
    let columns = [column(-500, 500)];
    let dealers = [(0, None), (1, Some(1)), (7, Some(0)), (3, None), (2, Some(3))];
    let one = |((number, scheme), (index, compute))| {
        let values: Vec<i128> = (0..9).map(|cell| cell * 31 - 100).collect();
        deal(scheme, Dealer { index, compute }, place(2, number), &columns, &encode(&columns, &values))
    };
    (0..).zip(schemes()).zip(dealers).map(one).collect()
});
