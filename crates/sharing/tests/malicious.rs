//! Dealings with commitments (PROTOCOL 5): what is honest passes, and every change is found and named.

#[path = "support/malicious.rs"]
mod support;

use sharing::{Dealer, Opening, RecombineError, Scheme, SumCheck, decode_totals, first_bad_cell};
use support::{Dealt, column, deal, encode, place, rng};

/// Schemes with dealers of every kind.
fn schemes() -> Vec<Scheme> {
    vec![Scheme::additive(2), Scheme::additive(3), Scheme::shamir(3, 2), Scheme::shamir(5, 3), Scheme::shamir(4, 4)]
}

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
