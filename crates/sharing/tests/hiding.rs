//! What k − 1 parties hold of a dealing in a malicious round, with all that is published: alike for any two secrets (PROTOCOL 5).
//!
//! Keys are fixed, so that nothing here is left to chance.

#[path = "support/malicious.rs"]
mod support;

use sharing::{Column, Dealer, Encoded, Opening, Scheme, SumCheck};
use support::{Dealt, column, deal, encode, place, rng};

/// With 255 degrees of freedom this is passed by chance with probability 2e-8; with fewer, with less.
const LIMIT: f64 = 400.0;
const CELLS: usize = 8192;
const SECRETS: [i128; 2] = [1 << 40, -3];

fn columns() -> [Column; 1] {
    [column(-(1 << 40), 1 << 40)]
}

/// The statistic of two samples of one size against one distribution of both, over 256 bins.
fn chi_square(one: &[u8], other: &[u8]) -> f64 {
    let mut bins = [(0u32, 0u32); 256];
    one.iter().for_each(|bin| bins[usize::from(*bin)].0 += 1);
    other.iter().for_each(|bin| bins[usize::from(*bin)].1 += 1);
    let term = |(a, b): (u32, u32)| (f64::from(a) - f64::from(b)).powi(2) / f64::from((a + b).max(1));
    bins.into_iter().map(term).sum()
}

/// What somebody sees: of each cell several strings of 32 bytes.
struct View(Vec<Vec<[u8; 32]>>);

impl View {
    /// Values and blindings of some seats, and the k commitments.
    fn of(dealt: &Dealt, coalition: &[u16]) -> View {
        let shares: Vec<Opening> = coalition.iter().map(|seat| dealt.share(*seat)).collect();
        let k = usize::from(dealt.scheme.threshold());
        let commitments = dealt.dealing.commitments().chunks_exact(32 * k);
        let cell = |(cell, commitments): (usize, &[u8])| {
            let held = shares.iter().flat_map(|share| <[[u8; 32]; 2]>::from(share.cell(cell)));
            let seen = commitments.chunks_exact(32).map(|point| point.try_into().expect("32 bytes"));
            held.chain(seen).collect()
        };
        View(commitments.enumerate().map(cell).collect())
    }

    /// One number for each cell: a byte of one string, or half a byte of each of two.
    fn bins(&self, byte: usize, one: usize, other: usize) -> Vec<u8> {
        let bin = |cell: &Vec<[u8; 32]>| {
            if one == other { cell[one][byte] } else { cell[one][byte] << 4 | cell[other][byte] & 0x0F }
        };
        self.0.iter().map(bin).collect()
    }

    /// The greatest statistic of all strings and pairs of them.
    fn difference(&self, other: &View) -> f64 {
        let strings = self.0[0].len();
        let pairs = (0..strings).flat_map(|a| (a..strings).map(move |b| (a, b)));
        let all = pairs.flat_map(|(a, b)| [0, 15, 30].map(|byte| (byte, a, b)));
        all.map(|(byte, a, b)| chi_square(&self.bins(byte, a, b), &other.bins(byte, a, b))).fold(0.0, f64::max)
    }
}

fn coalitions(n: u16, members: u16) -> impl Iterator<Item = Vec<u16>> {
    let sets = (0..1u32 << n).filter(move |set| set.count_ones() == u32::from(members));
    sets.map(move |set| (0..n).filter(|seat| set >> seat & 1 == 1).collect())
}

fn dealt(scheme: Scheme, secret: i128) -> Dealt {
    let dealer = Dealer { index: 2, compute: Some(1) };
    deal(scheme, dealer, place(1, 1), &columns(), &encode(&columns(), &vec![secret; CELLS]))
}

#[test]
fn k_minus_1_openings_and_all_commitments_of_two_secrets_are_alike() {
    for scheme in [Scheme::additive(2), Scheme::shamir(3, 2), Scheme::shamir(3, 3)] {
        let [one, other] = SECRETS.map(|secret| dealt(scheme, secret));
        let k = scheme.threshold();
        for coalition in coalitions(scheme.n(), k - 1) {
            let seen = View::of(&one, &coalition).difference(&View::of(&other, &coalition));
            assert!(seen < LIMIT, "{scheme:?} {coalition:?}: {seen}");
        }
        // One share more, and the very same statistic sees the secrets in what they reconstruct.
        let secrets = |dealt: &Dealt| {
            let parts: Vec<Opening> = (0..k).map(|seat| dealt.share(seat)).collect();
            let parts: Vec<(u16, &Opening)> = (0..).zip(&parts).collect();
            let secret = scheme.recombine_openings(&parts).expect("k parts");
            View((0..CELLS).map(|cell| vec![secret.cell(cell).0]).collect())
        };
        assert!(secrets(&one).difference(&secrets(&other)) > LIMIT);
        // But not in the blindings.
        let blindings = |dealt: &Dealt| {
            let parts: Vec<Opening> = (0..k).map(|seat| dealt.share(seat)).collect();
            let parts: Vec<(u16, &Opening)> = (0..).zip(&parts).collect();
            let secret = scheme.recombine_openings(&parts).expect("k parts");
            View((0..CELLS).map(|cell| vec![secret.cell(cell).1]).collect())
        };
        assert!(blindings(&one).difference(&blindings(&other)) < LIMIT);
    }
}

#[test]
fn the_statistic_sees_commitments_that_do_not_hide_and_blindings_that_leak() {
    let scheme = Scheme::additive(2);
    let [one, other] = SECRETS.map(|secret| View::of(&dealt(scheme, secret), &[0]));
    assert!(one.difference(&other) < LIMIT);
    // Commitments without a blinding are the same for all cells with one value.
    let flat = |view: &View| View(view.0.iter().map(|cell| vec![cell[0], cell[1], view.0[0][2], cell[3]]).collect());
    assert!(flat(&one).difference(&flat(&other)) > LIMIT);
    // A blinding whose lowest bits are the secret's.
    let leaking = |view: &View, secret: u8| {
        let leak = |cell: &Vec<[u8; 32]>| {
            let mut cell = cell.clone();
            cell[1][0] = cell[1][0] & !1 | secret;
            cell
        };
        View(view.0.iter().map(leak).collect())
    };
    assert!(leaking(&one, 0).difference(&leaking(&other, 1)) > LIMIT);
}

#[test]
fn no_guess_can_be_tried_against_the_commitments() {
    // Never Feldman: inputs are guessable. An insider that guesses the input still lacks the blinding of E_0, which is none of
    // what it holds.
    let columns = [column(-10, 10)];
    for scheme in [Scheme::additive(3), Scheme::shamir(4, 3), Scheme::shamir(3, 2)] {
        let dealer = Dealer { index: 0, compute: None };
        let dealt = deal(scheme, dealer, place(1, 1), &columns, &encode(&columns, &[7]));
        let mut check = SumCheck::new(scheme, 1, &mut rng(1));
        check.add(dealer, &dealt.commitments);
        let opening = |value: &[u8; 32], blinding: &[u8; 32]| {
            Opening::read(&[value.as_slice(), blinding].concat(), 1).expect("canonical")
        };
        let k = scheme.threshold();
        let parts: Vec<Opening> = (0..k).map(|seat| dealt.share(seat)).collect();
        let numbered: Vec<(u16, &Opening)> = (0..).zip(&parts).collect();
        let (secret, blinding) = scheme.recombine_openings(&numbered).expect("k parts").cell(0);
        let mut seven = [0; 32];
        seven[0] = 7;
        assert_eq!(secret, seven);
        assert!(check.total_holds(&opening(&seven, &blinding)));
        let held = (0..scheme.n()).flat_map(|seat| <[[u8; 32]; 2]>::from(dealt.share(seat).cell(0)));
        for known in held.chain([[0; 32], seven]) {
            assert_ne!(known, blinding);
            assert!(!check.total_holds(&opening(&seven, &known)));
        }
        // And two cells of one value have nothing alike.
        let twice = deal(scheme, dealer, place(1, 1), &columns, &encode(&columns, &[7, 7]));
        let (one, other) = twice.dealing.commitments().split_at(32 * usize::from(k));
        assert!(one.chunks(32).all(|one| other.chunks(32).all(|other| one != other)));
    }
}

#[test]
fn an_input_digest_of_its_own_gives_shares_of_its_own() {
    // Two inputs under one key (PROTOCOL 2.2): no difference of shares is a difference of inputs.
    let columns = [column(-10, 10)];
    let dealer = Dealer { index: 0, compute: None };
    let make = |values: &[i128]| -> (Encoded, Dealt) {
        let encoded = encode(&columns, values);
        let dealt = deal(Scheme::shamir(3, 2), dealer, place(1, 1), &columns, &encoded);
        (encoded, dealt)
    };
    let ((_, one), (_, other)) = (make(&[1, 2]), make(&[1, 3]));
    for seat in 0..3 {
        for cell in 0..2 {
            let ((a, b), (c, d)) = (one.share(seat).cell(cell), other.share(seat).cell(cell));
            assert!(a != c && b != d);
        }
    }
}
