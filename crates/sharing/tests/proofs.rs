//! Range proofs (PROTOCOL 5.2): which there are, what each of them is bound to, and who is named for a false one.

#[path = "support/malicious.rs"]
mod support;

use std::sync::LazyLock;

use proptest::prelude::*;
use sharing::{BadProof, Bounds, Column, Commitments, Dealer, MAX_COMMITTED_CELLS, ProofError, Scheme};
use support::{Dealt, column, deal, encode, place, rng};

const ALONE: Dealer = Dealer { index: 0, compute: None };

fn bounds(columns: &[Column], cells: usize) -> Bounds {
    Bounds::new(columns, cells, place(1, 1))
}

/// Bytes of one aggregated proof: a byte, six elements, and two for each halving of all bits.
fn bytes(bits: usize, cells: usize) -> usize {
    193 + 64 * (2 * bits * cells).ilog2() as usize
}

#[test]
fn cells_of_one_column_are_cut_into_runs() {
    for (cells, lengths) in [
        (0, vec![]),
        (1, vec![1]),
        (3, vec![2, 1]),
        (15, vec![8, 4, 2, 1]),
        (16, vec![16]),
        (49, vec![16, 16, 16, 1]),
        (62, vec![16, 16, 16, 8, 4, 2]),
    ] {
        let bounds = bounds(&[column(0, 255)], cells);
        let runs: Vec<&[usize]> = (0..bounds.runs()).map(|run| bounds.run_cells(run)).collect();
        assert_eq!(runs.iter().map(|run| run.len()).collect::<Vec<_>>(), lengths);
        assert_eq!(runs.concat(), (0..cells).collect::<Vec<_>>());
        let sizes: Vec<usize> = lengths.iter().map(|length| bytes(8, *length)).collect();
        assert_eq!((0..bounds.runs()).map(|run| bounds.proof_bytes(run)).collect::<Vec<_>>(), sizes);
        assert_eq!(bounds.all_proof_bytes(), sizes.iter().sum::<usize>());
    }
    let largest = bounds(&[column(0, 1)], MAX_COMMITTED_CELLS);
    assert_eq!((largest.runs(), largest.cells()), (1024, MAX_COMMITTED_CELLS));
}

#[test]
fn bits_cover_the_width_of_a_column() {
    let halves = i128::from(u64::MAX / 2);
    for (min, max, bits) in [
        (0, 0, 1),
        (-9, -9, 1),
        (0, 1, 1),
        (-1, 1, 2),
        (0, 3, 2),
        (0, 4, 4),
        (5, 20, 4),
        (5, 21, 8),
        (0, 255, 8),
        (0, 256, 16),
        (-32_768, 32_767, 16),
        (-32_768, 32_768, 32),
        (0, u32::MAX.into(), 32),
        (-1, u32::MAX.into(), 64),
        (-halves - 1, halves, 64),
        (0, u64::MAX.into(), 64),
        (i128::MAX - 3, i128::MAX, 2),
        (-i128::MAX, -i128::MAX + 1, 1),
    ] {
        assert_eq!(bounds(&[column(min, max)], 1).proof_bytes(0), bytes(bits, 1), "{min} … {max}");
    }
}

#[test]
#[should_panic(expected = "has more cells than any can")]
fn a_table_that_is_too_large_has_no_proofs() {
    bounds(&[column(0, 1)], MAX_COMMITTED_CELLS + 1);
}

#[test]
#[should_panic(expected = "the agreement lets max − min")]
fn a_column_that_is_too_wide_has_no_proofs() {
    bounds(&[column(-1, u64::MAX.into())], 1);
}

#[test]
#[should_panic(expected = "the agreement lets max − min")]
fn a_column_that_nothing_fits_has_no_proofs() {
    bounds(&[column(1, 0)], 1);
}

#[test]
fn bit_lengths_ascend_and_cells_within_them() {
    // 64, 1, 1 and 8 bits, and a table that ends within a row.
    let columns = [column(0, u64::MAX.into()), column(0, 1), column(7, 7), column(-100, 100)];
    let bounds = bounds(&columns, 30);
    let runs: Vec<&[usize]> = (0..bounds.runs()).map(|run| bounds.run_cells(run)).collect();
    let expected: [&[usize]; 6] = [
        &[1, 2, 5, 6, 9, 10, 13, 14],
        &[17, 18, 21, 22],
        &[25, 26, 29],
        &[3, 7, 11, 15, 19, 23, 27],
        &[0, 4, 8, 12, 16, 20, 24, 28],
        &[],
    ];
    // Fifteen cells of one bit: 8, 4, 2, 1. Seven of 8: 4, 2, 1. Eight of 64.
    assert_eq!(runs.iter().map(|run| run.len()).collect::<Vec<_>>(), [8, 4, 2, 1, 4, 2, 1, 8]);
    assert_eq!(runs.concat(), expected.concat());
    let sizes = [(1, 8), (1, 4), (1, 2), (1, 1), (8, 4), (8, 2), (8, 1), (64, 8)];
    for (run, (bits, cells)) in sizes.into_iter().enumerate() {
        assert_eq!(bounds.proof_bytes(run), bytes(bits, cells));
    }
    let proofs = vec![0; bounds.all_proof_bytes()];
    let split = bounds.split(&proofs).expect("the right length");
    assert_eq!(
        split.iter().map(|proof| proof.len()).collect::<Vec<_>>(),
        sizes.map(|(bits, cells)| bytes(bits, cells))
    );
    assert!(bounds.split(&proofs[1..]).is_none() && bounds.split(&[]).is_none());
    assert!(bounds.split(&[&proofs[..], &[0]].concat()).is_none());
}

/// Eleven runs: 16, 16, 2 cells of 1 bit, 4 and 1 of 2, 1 of 8 … as the columns come.
static DEALT: LazyLock<Dealt> = LazyLock::new(|| proven(place(6, 1), 3));

fn columns() -> [Column; 4] {
    [column(-1, 2), column(0, 200), column(-8, 7), column(0, 200)]
}

fn proven(place: sharing::Place, first: i128) -> Dealt {
    let values: Vec<i128> = (0..23).flat_map(|row| [row % 4 - 1, row * 7, row % 16 - 8, first + row]).collect();
    deal(Scheme::shamir(3, 2), ALONE, place, &columns(), &encode(&columns(), &values)).proven()
}

#[test]
fn a_proof_is_of_its_round_dealer_cells_and_bounds() {
    let dealt = &*DEALT;
    let bad = |bounds: &Bounds, proofs: &[u8]| dealt.verify(bounds, proofs).expect_err("refused");
    assert_eq!(dealt.verify(&dealt.bounds, &dealt.proofs), Ok(()));
    let first = BadProof { run: 0, first_cell: 0 };
    // Seen as another dealer's or round's, with the same commitments.
    assert_eq!(bad(&dealt.bounds.at(place(6, 2)), &dealt.proofs), first);
    assert_eq!(bad(&dealt.bounds.at(place(7, 1)), &dealt.proofs), first);
    // Made by another dealer or in another round, for the same values.
    for other in [place(6, 2), place(7, 1)] {
        let other = proven(other, 3);
        assert_eq!(bad(&dealt.bounds, &other.proofs), first);
        // One copied proof among good ones.
        for run in [0, 3, dealt.bounds.runs() - 1] {
            let mut proofs = dealt.proofs.clone();
            let start: usize = (0..run).map(|run| dealt.bounds.proof_bytes(run)).sum();
            let place = start..start + dealt.bounds.proof_bytes(run);
            proofs[place.clone()].copy_from_slice(&other.proofs[place]);
            let first_cell = dealt.bounds.run_cells(run)[0];
            assert_eq!(bad(&dealt.bounds, &proofs), BadProof { run, first_cell });
        }
        // And the whole of it, commitments with proofs, is not this dealer's.
        assert!(other.verify(&dealt.bounds, &other.proofs).is_err());
        assert_eq!(other.verify(&other.bounds, &other.proofs), Ok(()));
    }
    // Two runs of one size exchanged: same commitments, dealer and round, other cells.
    let (one, two) = (dealt.bounds.proof_bytes(0), dealt.bounds.proof_bytes(1));
    assert_eq!(dealt.bounds.run_cells(1).len(), 4);
    let sizes: Vec<usize> = (0..dealt.bounds.runs()).map(|run| dealt.bounds.proof_bytes(run)).collect();
    let alike = (0..sizes.len() - 1).find(|run| sizes[*run] == sizes[run + 1]).expect("two runs of 16");
    let start: usize = sizes[..alike].iter().sum();
    let mut proofs = dealt.proofs.clone();
    proofs[start..start + 2 * sizes[alike]].rotate_left(sizes[alike]);
    assert_eq!(bad(&dealt.bounds, &proofs).run, alike);
    assert!(one > two);
    // Other bounds of the same width, or wider ones within the same bits: not what was proven.
    for changed in [[column(-1, 2), column(1, 201)], [column(-1, 2), column(0, 201)], [column(-2, 1), column(0, 200)]] {
        let changed = [changed[0], changed[1], column(-8, 7), changed[1]];
        let bounds = Bounds::new(&changed, dealt.cells(), dealt.place);
        assert!(dealt.verify(&bounds, &dealt.proofs).is_err());
    }
}

#[test]
fn a_proof_does_not_move_with_its_commitment_to_another_cell() {
    // Two cells of two widths, and the table with both exchanged: same commitments, bounds and bits, at another cell.
    let (one, two) = (column(0, 200), column(0, 1));
    let dealt = deal(Scheme::shamir(3, 2), ALONE, place(1, 1), &[one, two], &encode(&[one, two], &[77, 1])).proven();
    assert_eq!(dealt.verify(&dealt.bounds, &dealt.proofs), Ok(()));
    let (first, second) = dealt.dealing.commitments().split_at(64);
    let exchanged = Commitments::parse(&[second, first].concat(), 2, 2).expect("points");
    let bounds = Bounds::new(&[two, one], 2, dealt.place);
    let found = bounds.verify(&exchanged, &dealt.proofs, 0..2, &mut rng(0));
    assert_eq!(found, Err(BadProof { run: 0, first_cell: 0 }));
}

#[test]
fn a_list_of_proofs_has_one_length() {
    let dealt = &*DEALT;
    let (last, runs) = (dealt.bounds.runs() - 1, 0..dealt.bounds.runs());
    let named = |proofs: &[u8]| dealt.verify(&dealt.bounds, proofs).expect_err("refused").run;
    assert_eq!(named(&[]), 0);
    let mut end = 0;
    for run in runs {
        end += dealt.bounds.proof_bytes(run);
        assert_eq!(named(&dealt.proofs[..end - 1]), run);
        assert_eq!(named(&dealt.proofs[..end - 32]), run);
    }
    for extra in [1, 32, 64, dealt.proofs.len()] {
        assert_eq!(named(&[&dealt.proofs[..], &vec![0; extra]].concat()), last);
    }
    // Whichever runs were asked for, and even if none were.
    let part = |proofs: &[u8], runs| dealt.bounds.verify(&dealt.commitments, proofs, runs, &mut rng(0));
    assert!(part(&dealt.proofs[1..], 0..1).is_err() && part(&dealt.proofs[1..], 2..2).is_err());
    assert_eq!(part(&dealt.proofs, 2..2), Ok(()));
}

#[test]
#[should_panic(expected = "the table has no such runs")]
fn a_run_that_there_is_not_is_not_verified() {
    let dealt = &*DEALT;
    let _ = dealt.bounds.verify(&dealt.commitments, &dealt.proofs, 0..dealt.bounds.runs() + 1, &mut rng(0));
}

#[test]
#[should_panic(expected = "the table has no such runs")]
#[allow(clippy::reversed_empty_ranges)]
fn a_range_that_ends_before_it_begins_is_no_range() {
    let dealt = &*DEALT;
    let _ = dealt.bounds.verify(&dealt.commitments, &dealt.proofs, 3..2, &mut rng(0));
}

#[test]
fn runs_are_verified_apart_and_only_those_asked_for() {
    let dealt = &*DEALT;
    let runs = dealt.bounds.runs();
    let mut proofs = dealt.proofs.clone();
    let start: usize = (0..4).map(|run| dealt.bounds.proof_bytes(run)).sum();
    // d1 of the proof, a scalar.
    proofs[start + 1] ^= 1;
    let first_cell = dealt.bounds.run_cells(4)[0];
    for (from, to) in (0..=runs).flat_map(|from| (from..=runs).map(move |to| (from, to))) {
        let found = dealt.bounds.verify(&dealt.commitments, &proofs, from..to, &mut rng(0));
        let expected = if (from..to).contains(&4) { Err(BadProof { run: 4, first_cell }) } else { Ok(()) };
        assert_eq!(found, expected);
    }
}

#[test]
fn a_proof_is_of_its_commitments() {
    // The same place and bounds, one value differs: one cell's commitment is another.
    let (one, other) = (&*DEALT, proven(place(6, 1), 4));
    assert_ne!(one.dealing.commitments(), other.dealing.commitments());
    assert!(one.verify(&one.bounds, &other.proofs).is_err() && other.verify(&one.bounds, &one.proofs).is_err());
    assert!(one.dealing.check(&one.bounds, &other.proofs, &mut rng(0)).is_err());
    assert_eq!(one.dealing.check(&one.bounds, &one.proofs, &mut rng(0)), Ok(()));
}

#[test]
fn bounds_of_another_dealing_are_not_proven() {
    let dealt = &*DEALT;
    let prove = |bounds: &Bounds, run| dealt.dealing.prove(bounds, run, &mut rng(0)).expect_err("refused");
    assert_eq!(prove(&dealt.bounds.at(place(6, 2)), 0), ProofError::Place);
    assert_eq!(prove(&dealt.bounds.at(place(5, 1)), 0), ProofError::Place);
    assert_eq!(prove(&Bounds::new(&columns(), 88, dealt.place), 0), ProofError::Place);
    let runs = dealt.bounds.runs();
    assert_eq!(prove(&dealt.bounds, runs), ProofError::NoSuchRun { run: runs, runs });
    assert_eq!(prove(&dealt.bounds, usize::MAX), ProofError::NoSuchRun { run: usize::MAX, runs });
}

#[test]
#[cfg(not(feature = "weakened"))]
fn a_value_out_of_bounds_has_no_proof() {
    let dealt = &*DEALT;
    // The input was encoded with other bounds than those to be proven.
    let narrow =
        Bounds::new(&[column(-1, 2), column(0, 200), column(-8, 6), column(0, 200)], dealt.cells(), dealt.place);
    let outcomes: Vec<_> = (0..narrow.runs()).map(|run| dealt.dealing.prove(&narrow, run, &mut rng(0))).collect();
    // Row 15 has 7 in column 2.
    assert!(outcomes.contains(&Err(ProofError::OutOfBounds { cell: 15 * 4 + 2 })));
    assert!(outcomes.iter().filter(|outcome| outcome.is_err()).count() == 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn one_changed_bit_of_a_proof_is_found_and_its_run_named(byte: prop::sample::Index, bit in 0u8..8) {
        let dealt = &*DEALT;
        let byte = byte.index(dealt.proofs.len());
        let mut proofs = dealt.proofs.clone();
        proofs[byte] ^= 1 << bit;
        let mut end = 0;
        let run = (0..dealt.bounds.runs()).find(|run| {
            end += dealt.bounds.proof_bytes(*run);
            byte < end
        });
        prop_assert_eq!(dealt.verify(&dealt.bounds, &proofs).map_err(|bad| Some(bad.run)), Err(run));
    }
}

/// A part of a proof, replaced by what a decoder may stumble over: nothing panics, and the run is named.
#[test]
fn hostile_proof_bytes_are_false_proofs() {
    let dealt = &*DEALT;
    let last = dealt.bounds.runs() - 1;
    let start = dealt.proofs.len() - dealt.bounds.proof_bytes(last);
    let elements = (dealt.bounds.proof_bytes(last) - 1) / 32;
    for element in 0..elements {
        for fill in [[0; 32], [0xFF; 32], support::order()] {
            let mut proofs = dealt.proofs.clone();
            proofs[start + 1 + 32 * element..][..32].copy_from_slice(&fill);
            assert_eq!(dealt.verify(&dealt.bounds, &proofs).expect_err("false").run, last);
        }
    }
    for kind in (0..=255).filter(|kind| *kind != 1) {
        let mut proofs = dealt.proofs.clone();
        proofs[start] = kind;
        assert_eq!(dealt.verify(&dealt.bounds, &proofs).expect_err("false").run, last);
    }
    let zeros = vec![0; dealt.proofs.len()];
    assert_eq!(dealt.verify(&dealt.bounds, &zeros).expect_err("false").run, 0);
}
