//! Sums of shares against the commitments (PROTOCOL 5.3): a wrong one is named, and nothing is right by default.

#[path = "support/malicious.rs"]
mod support;

use sharing::{Cells, Dealer, Field, Opening, RecombineError, SumCheck, first_bad_cell};
use support::{DEALT, Dealt, column, copy, deal, encode, place, rng, schemes, single};

#[test]
fn wrong_partial_sums_are_named() {
    let columns = [column(-10, 10), column(0, 3)];
    for scheme in schemes() {
        let dealers = [0, 1, 2].map(|index| Dealer { index, compute: (index == 1).then_some(1) });
        let one =
            |(number, dealer)| deal(scheme, dealer, place(3, number), &columns, &encode(&columns, &[1, 2, -3, 0]));
        let dealt: Vec<Dealt> = (0..).zip(dealers).map(one).collect();
        let mut check = SumCheck::new(scheme, 4, &mut rng(3));
        let mut sums: Vec<Opening> = (0..scheme.n()).map(|_| Opening::zero(4)).collect();
        for one in &dealt {
            // Before the last dealing is in, no sum is right.
            check.add(one.dealer, &one.commitments);
            (0..).zip(&mut sums).for_each(|(seat, sum)| sum.add(&one.share(seat)));
        }
        for liar in 0..scheme.n() {
            let mut wrong: Vec<Opening> = sums.iter().map(copy).collect();
            // Forgets a dealing; adds one to a cell; takes another's sum.
            for lie in 0..3 {
                wrong[usize::from(liar)] = match lie {
                    0 => {
                        let mut sum = dealt[0].share(liar);
                        sum.add(&dealt[2].share(liar));
                        sum
                    }
                    1 => {
                        let mut sum = copy(&sums[usize::from(liar)]);
                        let mut change = [0; 32];
                        change[0] = 1;
                        sum.add(&single(4, 3, false, &change));
                        sum
                    }
                    _ => copy(&sums[usize::from((liar + 1) % scheme.n())]),
                };
                let named: Vec<u16> =
                    (0..).zip(&wrong).filter(|(seat, sum)| !check.holds(*seat, sum)).map(|(seat, _)| seat).collect();
                assert_eq!(named, [liar], "{scheme:?}, lie {lie}");
                // PROTOCOL 5.3: the total shows that something is wrong, and any k others give the right one.
                let k = usize::from(scheme.threshold());
                let mut parts: Vec<(u16, &Opening)> = (0..).zip(&wrong).collect();
                parts.rotate_left(usize::from(liar));
                let total = scheme.recombine_openings(&parts[..k]).expect("k parts");
                assert!(!check.total_holds(&total));
                if k < parts.len() {
                    let total = scheme.recombine_openings(&parts[1..=k]).expect("k parts");
                    assert!(check.total_holds(&total));
                    // With one part more than k, the lie shows before any commitment is looked at.
                    let error = scheme.recombine_openings(&parts[..=k]).expect_err("inconsistent");
                    assert_eq!(error, RecombineError::Inconsistent { parts: k + 1, need: scheme.threshold() });
                }
            }
        }
    }
}

#[test]
fn nothing_holds_of_nothing() {
    let dealt = &DEALT[3];
    let scheme = dealt.scheme;
    // No dealer.
    let none = SumCheck::new(scheme, 9, &mut rng(4));
    assert!(!none.holds(0, &Opening::zero(9)) && !none.total_holds(&Opening::zero(9)));
    // No cells.
    let none = SumCheck::new(scheme, 0, &mut rng(4));
    assert!(!none.holds(0, &Opening::zero(0)) && !none.total_holds(&Opening::zero(0)));
    // Another length, and zeros, which any weights make zero.
    let check = dealt.share_check(4);
    for cells in [0, 1, 8, 9, 10] {
        assert!(!check.holds(0, &Opening::zero(cells)) && !check.total_holds(&Opening::zero(cells)));
        assert_eq!(first_bad_cell(scheme, dealt.dealer, 0, &dealt.commitments, &Opening::zero(cells)), Some(0));
    }
    // The right cells with one more, and without the last.
    let mut bytes = Vec::new();
    let share = dealt.share(0);
    let all: Vec<([u8; 32], [u8; 32])> = (0..9).map(|cell| share.cell(cell)).collect();
    for cells in [8, 10] {
        let all: Vec<_> = all.iter().chain([&([0; 32], [0; 32])]).take(cells).collect();
        bytes.clear();
        all.iter().for_each(|(value, _)| bytes.extend(value));
        all.iter().for_each(|(_, blinding)| bytes.extend(blinding));
        let opening = Opening::read(&bytes, cells).expect("canonical");
        assert!(!check.holds(0, &opening));
        assert!(first_bad_cell(scheme, dealt.dealer, 0, &dealt.commitments, &opening).is_some());
    }
    // A total is no share.
    assert!((0..scheme.n()).all(|seat| !check.total_holds(&dealt.share(seat))));
}

#[test]
fn weights_that_are_known_prove_nothing() {
    use rand_chacha::rand_core::Rng;
    let dealt = &DEALT[3];
    let weights: Vec<[u8; 32]> = {
        let mut rng = rng(5);
        let mut weight = || {
            let mut bytes = [0; 32];
            rng.fill_bytes(&mut bytes[..16]);
            bytes
        };
        (0..9).map(|_| weight()).collect()
    };
    // + w_1 at cell 0 and − w_0 at cell 1 cancel out.
    let mut forged = dealt.share(2);
    forged.add(&single(9, 0, false, &weights[1]));
    let minus = {
        let mut minus = Cells::zero(Field::Ristretto255, 1);
        minus.sub(&Cells::read(Field::Ristretto255, &weights[0]).expect("below 2^128"));
        let mut bytes = Vec::new();
        minus.write_to(&mut bytes);
        <[u8; 32]>::try_from(bytes).expect("one scalar")
    };
    forged.add(&single(9, 1, false, &minus));
    assert!(dealt.share_check(5).holds(2, &forged), "whoever knows the weights can cheat");
    // Which is why they are drawn when the share is there.
    assert!((6..40).all(|fresh| !dealt.share_check(fresh).holds(2, &forged)));
    assert_eq!(first_bad_cell(dealt.scheme, dealt.dealer, 2, &dealt.commitments, &forged), Some(0));
}

#[test]
#[should_panic(expected = "the commitments are of another table")]
fn commitments_of_another_table_are_not_added() {
    SumCheck::new(DEALT[0].scheme, 8, &mut rng(1)).add(DEALT[0].dealer, &DEALT[0].commitments);
}
