//! The two generators of Pedersen commitments, and commitments in constant time (PROTOCOL 5).
//!
//! A commitment to v with blinding r is v·H + r·G. H is ristretto255's base point and G the first masking base point of
//! tari_bulletproofs_plus, a hash of its label: nobody knows a logarithm between them.
//!
//! Attacker: measures time. Commitments go through tables that are read in full whatever the scalar is.

use alloc::boxed::Box;
use alloc::vec::Vec;

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use tari_bulletproofs_plus::PedersenGens;
use tari_bulletproofs_plus::generators::pedersen_gens::ExtensionDegree;
use tari_bulletproofs_plus::ristretto::create_pedersen_gens_with_extension_degree;

use crate::ristretto::Residue;

/// The library's generators; G is its only masking base point.
pub(crate) fn pedersen() -> PedersenGens<RistrettoPoint> {
    create_pedersen_gens_with_extension_degree(ExtensionDegree::DefaultPedersen)
}

/// H, the base of values.
pub(crate) fn value_base() -> RistrettoPoint {
    RISTRETTO_BASEPOINT_TABLE.basepoint()
}

/// Makes commitments. Its table takes 30 KiB and a tenth of a millisecond.
pub(crate) struct Committer {
    blinding_base: Box<RistrettoBasepointTable>,
}

impl Committer {
    pub(crate) fn new() -> Self {
        let generators = pedersen();
        debug_assert!(*generators.h_base() == value_base());
        Self { blinding_base: Box::new(RistrettoBasepointTable::create(&generators.g_base_vec[0])) }
    }

    /// value · H + blinding · G.
    pub(crate) fn commit(&self, value: Residue, blinding: Residue) -> RistrettoPoint {
        &value.0 * RISTRETTO_BASEPOINT_TABLE + &blinding.0 * &*self.blinding_base
    }

    /// Encodings of the commitments to many openings.
    ///
    /// They are made of half the scalars, because points are doubled and encoded together for a fifth of what encoding each
    /// of them costs.
    pub(crate) fn encode(&self, openings: impl Iterator<Item = (Residue, Residue)>) -> Vec<CompressedRistretto> {
        let half = |scalar: Scalar| Residue(scalar.div_by_2());
        let halves: Vec<RistrettoPoint> =
            openings.map(|(value, blinding)| self.commit(half(value.0), half(blinding.0))).collect();
        RistrettoPoint::double_and_compress_batch(&halves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::Arithmetic;
    use crate::element::Element;

    #[test]
    fn commitments_are_those_of_the_range_proofs() {
        let committer = Committer::new();
        let values = [0, 1, -1, 77, -1_000_000_007, i128::MAX].map(Residue::from_signed);
        let openings = values.iter().flat_map(|value| values.iter().map(move |blinding| (*value, *blinding)));
        let encoded = committer.encode(openings.clone());
        assert_eq!(encoded.len(), values.len() * values.len());
        for ((value, blinding), encoded) in openings.zip(encoded) {
            let expected = pedersen().commit(&value.0, &[blinding.0]).expect("one blinding");
            assert_eq!(committer.commit(value, blinding), expected);
            assert_eq!(encoded, expected.compress());
        }
        assert_ne!(committer.commit(Residue::integer(1), Residue::integer(0)), pedersen().g_base_vec[0]);
    }
}
