//! Dealings with commitments (PROTOCOL 5): what is honest passes, and every change is found and named.

#[path = "support/malicious.rs"]
mod support;

use proptest::prelude::*;
use sharing::{
    Arithmetic, Cells, Commitments, Dealer, Dealing, DealingKey, Field, InputDigest, NotCanonical, NotCommitments,
    Opening, RecombineError, Scheme, SumCheck, add_seeded_share, cell_holds, decode_totals, first_bad_cell,
};
use support::{DEALT, Dealt, column, copy, deal, encode, order, place, rng, schemes, single};

#[test]
fn honest_dealings_are_verified_and_sum_exactly() {
    let columns =
        [column(-1_000, 1_000), column(-9_000_000_000, 5), column(0, 1), column(-7, -7), column(0, u64::MAX.into())];
    let rows =
        [[0, 0, 1, -7, 0], [-1_000, -9_000_000_000, 0, -7, u64::MAX.into()], [1_000, 5, 1, -7, 1], [-1, -1, 0, -7, 77]];
    for scheme in schemes() {
        let dealers = [(0, None), (1, Some(1)), (2, Some(0))].map(|(index, compute)| Dealer { index, compute });
        let dealt: Vec<Dealt> = (0..)
            .zip(dealers)
            .map(|(number, dealer)| {
                let mut values: Vec<i128> = rows.iter().flatten().copied().collect();
                values.rotate_left(5 * usize::from(number));
                deal(scheme, dealer, place(1, 10 + number), &columns, &encode(&columns, &values)).proven()
            })
            .collect();
        let cells = rows.len() * columns.len();
        let mut sums: Vec<Opening> = (0..scheme.n()).map(|_| Opening::zero(cells)).collect();
        let mut check = SumCheck::new(scheme, cells, &mut rng(7));
        for one in &dealt {
            one.dealing.check(&one.bounds, &one.proofs, &mut rng(8)).expect("the dealer finds nothing");
            assert_eq!(one.verify(&one.bounds, &one.proofs), Ok(()));
            assert_eq!(one.proofs.len(), one.bounds.all_proof_bytes());
            let roots = one.dealing.roots();
            let share_check = one.share_check(9);
            for (seat, sum) in (0..).zip(&mut sums) {
                let share = one.share(seat);
                assert_eq!(one.dealing.seed(seat).is_some(), one.dealing.explicit(seat).is_none());
                assert_eq!(share.root(&one.place, seat), roots[usize::from(seat)]);
                assert!(share_check.holds(seat, &share), "{scheme:?} {seat}");
                assert_eq!(first_bad_cell(scheme, one.dealer, seat, &one.commitments, &share), None);
                sum.add(&share);
            }
            assert_eq!(
                (one.dealing.seed(scheme.n()), one.dealing.explicit(scheme.n()).map(Opening::len)),
                (None, None)
            );
            check.add(one.dealer, &one.commitments);
        }
        for (seat, sum) in (0..).zip(&sums) {
            assert!(check.holds(seat, sum), "{scheme:?} {seat}");
        }
        // From the first k seats, from the last, and from all.
        let (k, n) = (usize::from(scheme.threshold()), usize::from(scheme.n()));
        let parts: Vec<(u16, &Opening)> = (0..).zip(&sums).collect();
        for parts in [&parts[..k], &parts[n - k..], &parts[..]] {
            let total = scheme.recombine_openings(parts).expect("enough of them");
            assert!(check.total_holds(&total));
            let totals = decode_totals(total.values(), 3, &columns, 0).expect("in range");
            let expected = (0..cells).map(|cell| {
                let row = |dealer: usize| rows[(cell / 5 + dealer) % rows.len()][cell % 5];
                row(0) + row(1) + row(2)
            });
            assert_eq!(totals, expected.collect::<Vec<i128>>());
        }
        let too_few = scheme.recombine_openings(&parts[..k - 1]).expect_err("too few");
        assert_eq!(too_few, RecombineError::TooFew { have: k - 1, need: scheme.threshold() });
    }
}

fn dealt() -> impl Strategy<Value = &'static Dealt> {
    (0..schemes().len()).prop_map(|at| &DEALT[at])
}

/// Changes of a scalar: by anything but zero.
fn changes() -> impl Strategy<Value = [u8; 32]> {
    let minus = |d: u8| {
        let mut bytes = order();
        bytes[0] -= d;
        bytes
    };
    let plus = |d: u8| {
        let mut bytes = [0; 32];
        bytes[0] = d;
        bytes
    };
    let any = proptest::array::uniform32(any::<u8>()).prop_map(|mut bytes| {
        bytes[31] &= 0x0F;
        bytes[0] |= 1;
        bytes
    });
    let bit = (0..252usize).prop_map(|bit| {
        let mut bytes = [0; 32];
        bytes[bit / 8] = 1 << (bit % 8);
        bytes
    });
    prop_oneof![any, bit, (1..4u8).prop_map(plus), (1..4u8).prop_map(minus)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn one_changed_scalar_of_a_share_is_found(
        dealt in dealt(), seat in 0u16..5, cell in 0usize..9, blinding: bool, change in changes(), weights: u64,
    ) {
        let seat = seat % dealt.scheme.n();
        let (share, mut changed) = (dealt.share(seat), dealt.share(seat));
        changed.add(&single(9, cell, blinding, &change));
        let check = dealt.share_check(weights);
        prop_assert!(check.holds(seat, &share));
        prop_assert!(!check.holds(seat, &changed));
        let (scheme, dealer, commitments) = (dealt.scheme, dealt.dealer, &dealt.commitments);
        prop_assert_eq!(first_bad_cell(scheme, dealer, seat, commitments, &changed), Some(cell));
        for at in 0..9 {
            let (value, blinding) = changed.cell(at);
            prop_assert_eq!(cell_holds(scheme, dealer, seat, commitments, at, &value, &blinding), at != cell);
            let (value, blinding) = share.cell(at);
            prop_assert!(cell_holds(scheme, dealer, seat, commitments, at, &value, &blinding));
            // No other seat's share is it, nor is another cell's.
            prop_assert!(!cell_holds(scheme, dealer, (seat + 1) % scheme.n(), commitments, at, &value, &blinding));
            prop_assert!(!cell_holds(scheme, dealer, seat, commitments, (at + 1) % 9, &value, &blinding));
            prop_assert!(!cell_holds(scheme, dealer, seat, commitments, at, &blinding, &value));
        }
        prop_assert!(changed.root(&dealt.place, seat) != share.root(&dealt.place, seat));
    }

    #[test]
    fn one_changed_commitment_is_found_by_all_whom_it_concerns(
        dealt in dealt(), cell in 0usize..9, c in 0usize..5, from in 0usize..9, weights: u64,
    ) {
        let k = usize::from(dealt.scheme.threshold());
        let (c, from) = (c % k, if from == cell { (from + 1) % 9 } else { from });
        let mut bytes = dealt.dealing.commitments().to_vec();
        bytes.copy_within((from * k + c) * 32..(from * k + c + 1) * 32, (cell * k + c) * 32);
        let commitments = Commitments::parse(&bytes, 9, dealt.scheme.threshold()).expect("points");
        let mut check = SumCheck::new(dealt.scheme, 9, &mut rng(weights));
        check.add(dealt.dealer, &commitments);
        for seat in 0..dealt.scheme.n() {
            // A seeded party's share is a coefficient, and the others do not concern it.
            let row: Vec<u64> = dealt.scheme.coefficients(dealt.dealer, seat);
            let untouched = row[c] == u64::integer(0);
            prop_assert_eq!(check.holds(seat, &dealt.share(seat)), untouched);
            let bad = first_bad_cell(dealt.scheme, dealt.dealer, seat, &commitments, &dealt.share(seat));
            prop_assert_eq!(bad, (!untouched).then_some(cell));
        }
        let parts: Vec<Opening> = (0..dealt.scheme.n()).map(|seat| dealt.share(seat)).collect();
        let parts: Vec<(u16, &Opening)> = (0..).zip(&parts).collect();
        let total = dealt.scheme.recombine_openings(&parts).expect("all parts");
        prop_assert_eq!(check.total_holds(&total), c != 0);
    }
}

#[test]
fn a_share_is_of_one_seat_and_one_dealer() {
    for dealt in DEALT.iter() {
        let check = dealt.share_check(1);
        for (seat, other) in
            (0..dealt.scheme.n()).flat_map(|seat| (0..dealt.scheme.n()).map(move |other| (seat, other)))
        {
            assert_eq!(check.holds(other, &dealt.share(seat)), seat == other);
        }
        assert!(!check.holds(dealt.scheme.n(), &dealt.share(0)) && !check.holds(u16::MAX, &dealt.share(0)));
        for other in DEALT.iter().filter(|other| other.place != dealt.place) {
            assert!(!check.holds(0, &other.share(0)));
        }
        // A dealer at another place in the scheme has other rows, wherever its explicit recipients are others.
        let scheme = dealt.scheme;
        for index in 0..scheme.n() {
            let dealer = Dealer { index, compute: dealt.dealer.compute };
            let mut check = SumCheck::new(scheme, 9, &mut rng(2));
            check.add(dealer, &dealt.commitments);
            let same = scheme.explicit_recipients(dealer) == scheme.explicit_recipients(dealt.dealer);
            assert_eq!((0..scheme.n()).all(|seat| check.holds(seat, &dealt.share(seat))), same);
        }
    }
}

#[test]
fn a_list_of_commitments_has_one_length() {
    for dealt in DEALT.iter() {
        let (bytes, k) = (dealt.dealing.commitments(), dealt.scheme.threshold());
        let expected = 9 * 32 * usize::from(k);
        assert_eq!(bytes.len(), expected);
        let refused = |bytes: &[u8]| Commitments::parse(bytes, 9, k).expect_err("refused");
        let cell = 32 * usize::from(k);
        // Nothing; k − 1 or k + 1 for one cell, or for every cell; one byte more or less; a cell more or less.
        let mut long = bytes.to_vec();
        long.extend_from_slice(&bytes[..cell]);
        let fewer: Vec<u8> = bytes.chunks(cell).flat_map(|cell| cell[32..].to_vec()).collect();
        let more: Vec<u8> = bytes.chunks(cell).flat_map(|cell| [cell, &cell[..32]].concat()).collect();
        let lists = [
            &[],
            &bytes[32..],
            &long[..expected + 32],
            &fewer,
            &more,
            &bytes[1..],
            &long[..expected + 1],
            &bytes[cell..],
            &long,
        ];
        for list in lists {
            assert_eq!(refused(list), NotCommitments::Length { bytes: list.len(), expected });
        }
        // The same bytes for another shape: as many in all, but not for this many cells.
        assert!(Commitments::parse(bytes, usize::from(k), 9).is_ok() && Commitments::parse(bytes, 8, k).is_err());
        assert_eq!(Commitments::parse(&[], 0, k), Err(NotCommitments::Length { bytes: 0, expected: 0 }));
        assert_eq!(Commitments::parse(&[], 9, 0), Err(NotCommitments::Length { bytes: 0, expected: 0 }));
    }
}

#[test]
fn a_point_has_one_encoding() {
    let dealt = &DEALT[3];
    let good = dealt.dealing.commitments();
    // 2^255 − 19 + 0 and + 1, which are 0 and 1 not reduced; a negative one; all ones; no square.
    let mut p = [0xFF; 32];
    (p[0], p[31]) = (0xED, 0x7F);
    let mut p_plus_2 = p;
    p_plus_2[0] = 0xEF;
    let mut one = [0; 32];
    one[0] = 1;
    let mut high = [0; 32];
    high.copy_from_slice(&good[..32]);
    high[31] |= 0x80;
    for bad in [p, p_plus_2, one, [0xFF; 32], high] {
        let mut bytes = good.to_vec();
        bytes[(4 * 3 + 1) * 32..][..32].copy_from_slice(&bad);
        let error = Commitments::parse(&bytes, 9, 3).expect_err("no point");
        assert_eq!(error, NotCommitments::Point { cell: 4, coefficient: 1 });
    }
}

#[test]
fn openings_have_one_length_and_one_encoding() {
    let dealt = &DEALT[1];
    let share = dealt.share(0);
    let mut bytes = Vec::new();
    share.write_to(&mut bytes);
    assert_eq!(bytes.len(), 9 * 64);
    assert_eq!(Opening::read(&bytes, 9), Ok(copy(&share)));
    for length in [0, 1, 32, 8 * 64, 9 * 64 - 1] {
        assert_eq!(Opening::read(&bytes[..length], 9), Err(NotCanonical::Cells { bytes: length, expected: 576 }));
    }
    assert!(Opening::read(&[&bytes[..], &[0]].concat(), 9).is_err() && Opening::read(&bytes, 18).is_err());
    // ℓ, ℓ + 1 and worse, as a value and as a blinding.
    let mut next = order();
    next[0] += 1;
    for at in [0, 8, 9, 17] {
        for bad in [order(), next, [0xFF; 32]] {
            let mut bytes = bytes.clone();
            bytes[at * 32..][..32].copy_from_slice(&bad);
            assert_eq!(Opening::read(&bytes, 9), Err(NotCanonical::Element { element: at }));
            // Nor does it stand for a share in a complaint, though it is 0 or 1 mod ℓ.
            let (value, blinding) = share.cell(0);
            let holds =
                |value, blinding| cell_holds(dealt.scheme, dealt.dealer, 0, &dealt.commitments, 0, value, blinding);
            assert!(holds(&value, &blinding) && !holds(&bad, &blinding) && !holds(&value, &bad));
        }
    }
}

#[test]
fn a_scalar_and_its_sum_with_the_order_are_not_both_shares() {
    // A share of 0 is found by trying: the cell of a zero opening against commitments to nothing.
    let identity = Commitments::parse(&[0; 64], 1, 2).expect("the identity is a point");
    let (scheme, dealer) = (Scheme::additive(2), Dealer { index: 0, compute: None });
    let holds = |value: &[u8; 32], blinding: &[u8; 32]| cell_holds(scheme, dealer, 1, &identity, 0, value, blinding);
    assert!(holds(&[0; 32], &[0; 32]));
    assert!(!holds(&order(), &[0; 32]) && !holds(&[0; 32], &order()));
}

#[test]
#[should_panic(expected = "has more cells than any can")]
fn a_table_that_is_too_large_is_not_dealt() {
    let columns = [column(0, 1)];
    let encoded = encode(&columns, &vec![1; sharing::MAX_COMMITTED_CELLS + 1]);
    deal(Scheme::additive(2), Dealer { index: 0, compute: None }, place(1, 1), &columns, &encoded);
}

#[test]
fn a_committed_dealing_is_the_dealing_with_blindings() {
    let dealer = Dealer { index: 1, compute: Some(2) };
    for scheme in [Scheme::additive(3), Scheme::shamir(4, 3)] {
        let columns = [column(-5, 5)];
        let (key, input) = (DealingKey::from_bytes([1; 32]), InputDigest::from_bytes([2; 32]));
        let encoded = encode(&columns, &[3, -5, 0]);
        let make =
            |input: &InputDigest| sharing::CommittedDealing::new(scheme, dealer, place(9, 4), &key, input, &encoded);
        let (committed, plain) = (make(&input), Dealing::new(scheme, dealer, &key, &[9; 32], &input));
        let explicit = plain.explicit_chunk(0, &encoded);
        for seat in 0..scheme.n() {
            assert_eq!(committed.seed(seat), plain.seed(seat));
            if let Some(seed) = plain.seed(seat) {
                let mut values = Cells::zero(Field::Ristretto255, 3);
                add_seeded_share(&mut values, &seed, 0);
                let opening = Opening::expand(&seed, 3);
                assert_eq!(*opening.values(), values);
                assert_ne!(opening.blindings(), opening.values());
            } else {
                let (_, values) = explicit.iter().find(|(recipient, _)| *recipient == seat).expect("explicit");
                assert_eq!(committed.explicit(seat).expect("explicit").values(), values);
            }
        }
        // The same again; and nothing alike for another input.
        assert_eq!(committed.commitments(), make(&input).commitments());
        assert_eq!(committed.roots(), make(&input).roots());
        let other = make(&InputDigest::from_bytes([3; 32]));
        assert!(committed.commitments().chunks(32).zip(other.commitments().chunks(32)).all(|(a, b)| a != b));
    }
}

#[test]
fn nothing_secret_is_printed() {
    fn shared_between_threads<T: Send + Sync>(_: &T) {}
    let dealt = &DEALT[1];
    shared_between_threads(dealt);
    let check = dealt.share_check(1);
    shared_between_threads(&check);
    let shown = format!("{:?} {:?} {check:?} {:?}", dealt.dealing, dealt.share(0), dealt.commitments);
    assert_eq!(shown.matches("<redacted>").count(), 3, "{shown}");
    assert!(shown.contains("Opening(9, <redacted>)"));
}
