//! Cheating dealers: their shares are consistent, and only the proofs stand between a value out of bounds and the sum.

use super::*;
use crate::{Column, InputHasher, Layout};
use alloc::vec;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const PLACE: Place = Place { round: [3; 32], dealer: 2 };

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn deal(input: &Encoded) -> CommittedDealing {
    let mut hasher = InputHasher::new(Layout { field: Field::Ristretto255, cells: input.cells().len() as u64 });
    hasher.update(input);
    let (key, dealer) = (DealingKey::from_bytes([5; 32]), Dealer { index: 0, compute: Some(1) });
    CommittedDealing::new(Scheme::shamir(3, 2), dealer, PLACE, &key, &hasher.finish(), input)
}

/// Proofs of what is not true where the input is not within bounds.
fn prove(dealing: &CommittedDealing, bounds: &Bounds) -> Vec<u8> {
    (0..bounds.runs()).flat_map(|run| dealing.prove(bounds, run, &mut rng()).expect("a proof of something")).collect()
}

/// What recipients find. Shares have to be good, whatever the input is.
fn verify(input: &Encoded, columns: &[Column]) -> Result<(), BadProof> {
    let bounds = Bounds::new(columns, input.cells().len(), PLACE);
    let dealing = deal(input);
    let proofs = prove(&dealing, &bounds);
    match dealing.check(&bounds, &proofs, &mut rng()) {
        Ok(()) => Ok(()),
        Err(BadDealing::Proof(bad)) => Err(bad),
        Err(other) => panic!("shares and commitments are consistent: {other}"),
    }
}

fn column(min: i128, max: i128) -> Column {
    Column { min, max, decimals: 0 }
}

/// Cells out of bounds at one place of three rows.
fn cheat(column: Column, value: i128) -> Result<(), BadProof> {
    let mut values = [column.min, column.max, column.min, value, column.max];
    let found = verify(&Encoded::unchecked(Field::Ristretto255, &values), &[column]);
    // The same dealer with the cell within bounds is fine.
    values[3] = column.min;
    assert_eq!(verify(&Encoded::unchecked(Field::Ristretto255, &values), &[column]), Ok(()));
    found
}

#[test]
fn a_value_next_to_its_bounds_is_found() {
    let widest = i128::from(u64::MAX);
    let columns = [
        (0, 0),
        (5, 5),
        (-5, -5),
        (0, 1),
        (-1, 2),
        (0, 9),
        (-100, 155),
        (0, 256),
        (-70_000, 70_000),
        (0, 1 << 40),
        (-(1 << 63), (1 << 63) - 1),
        (0, widest),
    ];
    for (min, max) in columns {
        // The run of cells 0 … 3.
        let bad = Err(BadProof { run: 0, first_cell: 0 });
        assert_eq!(cheat(column(min, max), min - 1), bad, "{min} … {max}");
        assert_eq!(cheat(column(min, max), max + 1), bad, "{min} … {max}");
    }
}

#[test]
fn a_value_far_from_its_bounds_is_found() {
    let bad = Err(BadProof { run: 0, first_cell: 0 });
    for value in [-1, 11, 255, 256, -256, 1 << 32, 1 << 64, -(1 << 64), 1 << 100, i128::MAX, -i128::MAX] {
        assert_eq!(cheat(column(0, 10), value), bad, "{value}");
        // 64 bits hold almost every number; not the one below 0.
        let wide = column(0, (1 << 64) - 1);
        assert_eq!(cheat(wide, value).is_ok(), (wide.min..=wide.max).contains(&value), "{value}");
    }
}

#[test]
fn any_scalar_that_is_no_value_is_found() {
    let order_minus = |d: u8| {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&27_742_317_777_372_353_535_851_937_790_883_648_493u128.to_le_bytes());
        bytes[31] = 0x10;
        bytes[0] -= d;
        bytes
    };
    let bit = |bit: usize| {
        let mut bytes = [0; 32];
        bytes[bit / 8] = 1 << (bit % 8);
        bytes
    };
    let verify_scalar = |scalar: [u8; 32], columns: &[Column]| {
        let cells = Cells::read(Field::Ristretto255, &scalar).expect("canonical");
        verify(&Encoded::unchecked_cells(cells), columns)
    };
    let bad = Err(BadProof { run: 0, first_cell: 0 });
    // ℓ − 1 is −1, and within bounds only where −1 is. ℓ + 1 has no encoding; its scalar is 1.
    for columns in [[column(0, 1)], [column(0, i128::from(u64::MAX))], [column(1, 200)]] {
        assert_eq!(verify_scalar(order_minus(1), &columns), bad);
        assert_eq!(verify_scalar(order_minus(2), &columns), bad);
        assert_eq!(verify_scalar(bit(0), &columns), Ok(()));
        for high in [64, 65, 126, 127, 128, 200, 251] {
            assert_eq!(verify_scalar(bit(high), &columns), bad, "2^{high}");
        }
    }
    assert_eq!(verify_scalar(order_minus(1), &[column(-1, 0)]), Ok(()));
    assert_eq!(verify_scalar(order_minus(2), &[column(-1, 0)]), bad);
    // 1/2, of which two are 1.
    let mut half = vec![0; 32];
    crate::Arithmetic::inverse(<Residue as crate::Arithmetic>::integer(2)).write_le(&mut half);
    let half = half.try_into().expect("32 bytes");
    assert_eq!(verify_scalar(half, &[column(0, 1)]), bad);
}

#[test]
fn a_true_proof_of_wider_bounds_is_no_proof_of_these() {
    // Within 8 bits either way: only the statements and the transcript tell them apart.
    let (narrow, wide) = ([column(-100, 100)], [column(-101, 101)]);
    for value in [-101, 101, 0] {
        let input = Encoded::unchecked(Field::Ristretto255, &[value]);
        let dealing = deal(&input);
        let [narrow, wide] = [narrow, wide].map(|columns| Bounds::new(&columns, 1, PLACE));
        let proofs = prove(&dealing, &wide);
        assert_eq!(dealing.check(&wide, &proofs, &mut rng()), Ok(()));
        let bad = BadDealing::Proof(BadProof { run: 0, first_cell: 0 });
        assert_eq!(dealing.check(&narrow, &proofs, &mut rng()), Err(bad));
    }
}

#[test]
fn a_dealer_finds_its_own_faults() {
    let columns = [column(-7, 7)];
    let bounds = Bounds::new(&columns, 3, PLACE);
    let input = Encoded::unchecked(Field::Ristretto255, &[1, -2, 3]);
    let proofs = prove(&deal(&input), &bounds);
    let check = |dealing: &CommittedDealing| dealing.check(&bounds, &proofs, &mut rng());
    assert_eq!(check(&deal(&input)), Ok(()));

    // An explicit share that went wrong in memory, in a value or in a blinding.
    for (index, cell) in [(0, 0), (1, 2)] {
        let mut dealing = deal(&input);
        let mut bytes = Vec::new();
        dealing.explicit[index].1.write_to(&mut bytes);
        bytes[(3 * index + cell) * 32] ^= 1;
        dealing.explicit[index].1 = Opening::read(&bytes, 3).expect("canonical");
        assert_eq!(check(&dealing), Err(BadDealing::Share { seat: dealing.explicit[index].0 }));
    }
    // Commitments that did.
    let mut dealing = deal(&input);
    dealing.commitments[31] |= 0x80;
    let point = NotCommitments::Point { cell: 0, coefficient: 0 };
    assert_eq!(check(&dealing), Err(BadDealing::Commitments(point)));
    dealing.commitments.truncate(0);
    let length = NotCommitments::Length { bytes: 0, expected: 192 };
    assert_eq!(check(&dealing), Err(BadDealing::Commitments(length)));
    // An input that is not what was dealt.
    let mut dealing = deal(&input);
    dealing.input = Opening::zero(3);
    assert_eq!(check(&dealing), Err(BadDealing::Input));
    // Another table's proofs.
    let dealing = deal(&input);
    assert!(dealing.check(&Bounds::new(&columns, 2, PLACE), &proofs, &mut rng()).is_err());
}
