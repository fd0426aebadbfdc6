//! Batches: no proof in a long list is overlooked.

use super::*;
use crate::{CommittedDealing, Dealer, DealingKey, Encoded, Field, InputDigest, Scheme};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// 299 runs of 16 and one of a single cell.
const CELLS: usize = 299 * 16 + 1;

#[test]
fn a_false_proof_that_stands_last_among_300_is_found_and_named() {
    let place = Place { round: [1; 32], dealer: 0 };
    let columns = [Column { min: 4, max: 5, decimals: 0 }];
    let (scheme, dealer) = (Scheme::additive(2), Dealer { index: 0, compute: None });
    let (key, input) = (DealingKey::from_bytes([1; 32]), InputDigest::from_bytes([2; 32]));
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let deal = |last: i128| {
        let values: Vec<i128> = (0..CELLS).map(|cell| if cell == CELLS - 1 { last } else { 4 }).collect();
        let encoded = Encoded::unchecked(Field::Ristretto255, &values);
        let dealing = CommittedDealing::new(scheme, dealer, place, &key, &input, &encoded);
        let commitments = Commitments::parse(dealing.commitments(), CELLS, 2).expect("commitments");
        (dealing, commitments)
    };
    let bounds = Bounds::new(&columns, CELLS, place);
    assert_eq!(bounds.runs(), 300);

    let (honest, commitments) = deal(5);
    let mut proofs: Vec<u8> = (0..300).flat_map(|run| honest.prove(&bounds, run, &mut rng).expect("a proof")).collect();
    assert_eq!(bounds.verify(&commitments, &proofs, 0..300, &mut rng), Ok(()));
    let list = bounds.split(&proofs).expect("the right length");
    assert!(bounds.all_hold(&commitments, &list, 0..300), "in one batch");

    // The same but for one value: 6, whose proof is the last.
    let (cheating, commitments) = deal(6);
    let start = proofs.len() - bounds.proof_bytes(299);
    proofs.truncate(start);
    proofs.extend(cheating.prove(&bounds, 299, &mut rng).expect("a proof of something else"));
    let bad = BadProof { run: 299, first_cell: CELLS - 1 };
    assert_eq!(bounds.verify(&commitments, &proofs, 0..300, &mut rng), Err(bad));
    assert_eq!(bounds.verify(&commitments, &proofs, 299..300, &mut rng), Err(bad));
    assert_eq!(bounds.verify(&commitments, &proofs, 0..299, &mut rng), Ok(()));
    // Versions of the library before 0.5.3 looked at the first 256 proofs of a batch.
    let list = bounds.split(&proofs).expect("the right length");
    assert!(!bounds.all_hold(&commitments, &list, 0..300), "in one batch");
    assert_eq!(bounds.first_bad(&commitments, &list, 0..300), Some(299));
    // Two false ones: the first is named.
    for first in [31, 32, 255, 256, 298] {
        let mut proofs = proofs.clone();
        let at = bounds.plan.runs[first].bytes.clone();
        let other = bounds.plan.runs[first - 1].bytes.clone();
        proofs.copy_within(other, at.start);
        let named = bounds.verify(&commitments, &proofs, 0..300, &mut rng).expect_err("false");
        assert_eq!(named, BadProof { run: first, first_cell: 16 * first });
    }
}

#[test]
fn nothing_is_not_everything() {
    // A batch without proofs is not one in which all hold.
    let bounds = Bounds::new(&[Column { min: 0, max: 1, decimals: 0 }], 1, Place { round: [1; 32], dealer: 0 });
    let commitments = Commitments::parse(&[0; 64], 1, 2).expect("points");
    assert!(!bounds.all_hold(&commitments, &[], 0..0));
    assert!(bounds.verify(&commitments, &[], 0..1, &mut ChaCha20Rng::seed_from_u64(3)).is_err());
}
