//! What the tests of dealings share.
#![allow(dead_code)] // Each of them uses some of it.

use proptest::prelude::*;
use sharing::{Cells, Column, Dealing, Encoded, Field, InputDigest, InputHasher, Layout, Scheme, add_seeded_share};

/// All.
pub(crate) const FIELDS: [Field; 3] = [Field::Field64, Field::Field128, Field::Ristretto255];
/// A round id.
pub(crate) const ROUND: [u8; 32] = [0x52; 32];

/// Bounds of which a few dozen inputs can be summed in the field.
pub(crate) fn column(field: Field) -> Column {
    let largest = match field {
        Field::Field64 => 1 << 40,
        Field::Field128 | Field::Ristretto255 => 1 << 110,
    };
    Column { min: -largest, max: largest, decimals: 2 }
}

/// One chunk.
pub(crate) fn encode(field: Field, values: &[i128]) -> Encoded {
    Encoded::new(field, &[column(field)], 0, values).expect("within bounds")
}

/// Digest of a whole input.
pub(crate) fn digest(field: Field, chunks: &[Encoded]) -> InputDigest {
    let cells = chunks.iter().map(|chunk| chunk.cells().len() as u64).sum();
    let mut hasher = InputHasher::new(Layout { field, cells });
    chunks.iter().for_each(|chunk| hasher.update(chunk));
    hasher.finish()
}

/// The share of one chunk as each of the n parties comes to hold it.
pub(crate) fn shares(scheme: Scheme, dealing: &Dealing, chunk: u64, input: &Encoded) -> Vec<Cells> {
    let explicit = dealing.explicit_chunk(chunk, input);
    let share = |j: u16| {
        let mut share = Cells::zero(input.cells().field(), input.cells().len());
        match dealing.seed(j) {
            Some(seed) => add_seeded_share(&mut share, &seed, chunk),
            None => share.add(&explicit.iter().find(|(recipient, _)| *recipient == j).expect("explicit").1),
        }
        share
    };
    (0..scheme.n()).map(share).collect()
}

/// Every share with its holder.
pub(crate) fn numbered(shares: &[Cells]) -> Vec<(u16, &Cells)> {
    (0..).zip(shares).collect()
}

/// Any field.
pub(crate) fn fields() -> impl Strategy<Value = Field> {
    prop_oneof![Just(Field::Field64), Just(Field::Field128), Just(Field::Ristretto255)]
}
