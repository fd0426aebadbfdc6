//! Any k − 1 shares of two secrets are statistically alike, and the statistic sees what would make them differ (PROTOCOL 2).
//!
//! Keys and seeds are fixed, so that nothing here is left to chance. What the shares of a small field say exactly is counted
//! in the unit tests of the scheme.

mod support;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sharing::{Arithmetic, Cells, Dealer, Dealing, DealingKey, Field, Scheme};
use support::{ROUND, column, digest, encode, numbered, shares};

/// With 255 degrees of freedom this is passed by chance with probability 2e-8; with fewer, with less.
const LIMIT: f64 = 400.0;
/// Those whose elements are integers here. Scalars, with their blindings, are looked at in tests/malicious.rs.
const FIELDS: [Field; 2] = [Field::Field64, Field::Field128];
/// n in these tests.
const PARTIES: u16 = 5;

/// What one coalition sees of one cell: its shares, as integers.
type View = Vec<u128>;

/// The statistic of two samples of one size against one distribution of both, over up to 256 bins.
fn chi_square(one: impl Iterator<Item = usize>, other: impl Iterator<Item = usize>) -> f64 {
    let mut bins = [(0u32, 0u32); 256];
    one.for_each(|bin| bins[bin].0 += 1);
    other.for_each(|bin| bins[bin].1 += 1);
    let term = |(a, b): (u32, u32)| (f64::from(a) - f64::from(b)).powi(2) / f64::from((a + b).max(1));
    bins.into_iter().map(term).sum()
}

/// The bin of a view: some bits of every share side by side, from the given bit of the element on.
fn bin(view: &[u128], from: usize, bits: usize) -> usize {
    let bin = view.iter().fold(0, |bin, share| bin << bits | (share >> from & ((1 << bits) - 1)));
    usize::try_from(bin).expect("eight bits")
}

/// The greatest statistic over low, middle and high bits.
fn difference(width: usize, one: &[View], other: &[View]) -> f64 {
    let bits = 8 / one[0].len();
    let at = |from| {
        let bins = |views: &'_ [View]| views.iter().map(|view| bin(view, from, bits)).collect::<Vec<_>>();
        chi_square(bins(one).into_iter(), bins(other).into_iter())
    };
    [0, width / 2, width - bits].into_iter().map(at).fold(0.0, f64::max)
}

/// Every coalition of so many parties.
fn coalitions(members: u16) -> impl Iterator<Item = Vec<u16>> {
    let members = u32::from(members);
    let sets = (0..1u32 << PARTIES).filter(move |set| set.count_ones() == members);
    sets.map(|set| (0..PARTIES).filter(|seat| set >> seat & 1 == 1).collect())
}

/// Elements of either field as integers.
fn integers(cells: &Cells) -> Vec<u128> {
    let mut bytes = Vec::new();
    cells.write_to(&mut bytes);
    let integer = |bytes: &[u8]| bytes.iter().rev().fold(0, |integer, byte| integer << 8 | u128::from(*byte));
    bytes.chunks_exact(cells.field().element_bytes()).map(integer).collect()
}

/// The shares of many dealings of one secret: by seat, then one integer for each cell that was dealt.
fn deal_often(field: Field, scheme: Scheme, dealer: Dealer, secret: i128, keys: u16, cells: usize) -> Vec<Vec<u128>> {
    let input = encode(field, &vec![secret; cells]);
    let digest = digest(field, std::slice::from_ref(&input));
    let mut dealt = vec![Vec::new(); usize::from(scheme.n())];
    for key in 0..keys {
        let mut bytes = [0x5E; 32];
        bytes[..2].copy_from_slice(&key.to_le_bytes());
        let dealing = Dealing::new(scheme, dealer, &DealingKey::from_bytes(bytes), &ROUND, &digest);
        let shares = shares(scheme, &dealing, 0, &input);
        dealt.iter_mut().zip(&shares).for_each(|(dealt, share)| dealt.extend(integers(share)));
    }
    dealt
}

fn views(dealt: &[Vec<u128>], coalition: &[u16]) -> Vec<View> {
    (0..dealt[0].len()).map(|cell| coalition.iter().map(|seat| dealt[usize::from(*seat)][cell]).collect()).collect()
}

#[test]
fn k_minus_1_shares_of_two_secrets_are_alike() {
    // Many dealings of one cell, and one of many cells.
    for (keys, cells) in [(4_096, 1), (1, 16_384)] {
        for (field, k) in FIELDS.into_iter().flat_map(|field| (2..=PARTIES).map(move |k| (field, k))) {
            let scheme = Scheme::shamir(PARTIES, k);
            let dealer = Dealer { index: 3, compute: (k == 3).then_some(1) };
            let width = field.element_bytes() * 8;
            let [one, other] =
                [column(field).max, -3].map(|secret| deal_often(field, scheme, dealer, secret, keys, cells));
            for coalition in coalitions(k - 1) {
                let statistic = difference(width, &views(&one, &coalition), &views(&other, &coalition));
                assert!(statistic < LIMIT, "{field:?} k = {k}, {coalition:?}: {statistic}");
                // What the coalition gets that takes its shares for enough.
                if k > 2 {
                    let guess = |dealt: &[Vec<u128>]| guesses(field, k - 1, &coalition, dealt);
                    let statistic = difference(width, &guess(&one), &guess(&other));
                    assert!(statistic < LIMIT, "{field:?} k = {k}, {coalition:?}: {statistic}");
                }
            }
            // With one share more the very same statistic sees the secrets.
            let all: Vec<u16> = (0..k).collect();
            let secrets = |dealt: &[Vec<u128>]| guesses(field, k, &all, dealt);
            assert!(difference(width, &secrets(&one), &secrets(&other)) > LIMIT, "{field:?} k = {k}");
        }
    }
}

/// What these holders reconstruct under that threshold.
fn guesses(field: Field, threshold: u16, holders: &[u16], dealt: &[Vec<u128>]) -> Vec<View> {
    let cells = |seat: &u16| {
        let width = field.element_bytes();
        let bytes: Vec<u8> =
            dealt[usize::from(*seat)].iter().flat_map(|share| share.to_le_bytes()[..width].to_vec()).collect();
        Cells::read(field, &bytes).expect("canonical")
    };
    let parts: Vec<Cells> = holders.iter().map(cells).collect();
    let parts: Vec<(u16, &Cells)> = holders.iter().copied().zip(&parts).collect();
    let guess = Scheme::shamir(PARTIES, threshold).recombine(&parts).expect("enough of them");
    integers(&guess).into_iter().map(|guess| vec![guess]).collect()
}

/// A dealer that draws its coefficients as it likes, and what becomes of a share then.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Flaw {
    None,
    /// The last coefficient is always the same: everybody knows one share.
    Constant,
    /// Coefficients are not drawn from the whole field.
    Short,
    /// Two coefficients are one.
    Repeated,
    /// Low bits of a share are those of the secret.
    Leak,
}

fn element(rng: &mut ChaCha8Rng) -> u64 {
    // p = 2^64 − 2^32 + 1.
    loop {
        let drawn = rng.next_u64();
        if drawn < u64::MAX - u64::from(u32::MAX) + 1 {
            return drawn;
        }
    }
}

/// The shares that such a dealer makes, by the scheme's own rows.
fn flawed(flaw: Flaw, scheme: Scheme, secret: u64, seed: u64) -> Vec<Vec<u128>> {
    let dealer = Dealer { index: 0, compute: None };
    let rows: Vec<Vec<u64>> = (0..scheme.n()).map(|seat| scheme.coefficients(dealer, seat)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut dealt = vec![Vec::new(); rows.len()];
    for _ in 0..32_768 {
        let mut coefficients = vec![secret];
        coefficients.extend((1..scheme.threshold()).map(|_| element(&mut rng)));
        let last = coefficients.len() - 1;
        match flaw {
            Flaw::None | Flaw::Leak => {}
            Flaw::Constant => coefficients[last] = 77,
            Flaw::Short => coefficients[1..].iter_mut().for_each(|rho| *rho >>= 32),
            Flaw::Repeated => coefficients[last] = coefficients[1],
        }
        for (row, dealt) in rows.iter().zip(&mut dealt) {
            let share = row.iter().zip(&coefficients).fold(0u64, |sum, (w, c)| sum.plus(w.times(*c)));
            dealt.push(u128::from(if flaw == Flaw::Leak { share & !7 | secret & 7 } else { share }));
        }
    }
    dealt
}

#[test]
fn the_statistic_sees_coefficients_that_are_not_uniform_and_shares_that_leak() {
    for flaw in [Flaw::None, Flaw::Constant, Flaw::Short, Flaw::Repeated, Flaw::Leak] {
        for k in 2..=4 {
            // Of one coefficient none repeats; among three, the relation that it gives does not show in single bits.
            if flaw == Flaw::Repeated && k != 3 {
                continue;
            }
            let scheme = Scheme::shamir(PARTIES, k);
            let [one, other] = [(1_000_000_007, 1), (4, 2)].map(|(secret, seed)| flawed(flaw, scheme, secret, seed));
            let seen = coalitions(k - 1)
                .map(|coalition| difference(64, &views(&one, &coalition), &views(&other, &coalition)))
                .chain(coalitions(k - 1).filter(|_| k > 2).map(|coalition| {
                    let guess = |dealt: &[Vec<u128>]| guesses(Field::Field64, k - 1, &coalition, dealt);
                    difference(64, &guess(&one), &guess(&other))
                }))
                .fold(0.0, f64::max);
            assert_eq!(seen > LIMIT, flaw != Flaw::None, "{flaw:?}, k = {k}: {seen}");
        }
    }
}

/// Integers mod 17: a field in which a coefficient that is never zero shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seventeen(u32);

impl Arithmetic for Seventeen {
    fn integer(value: u32) -> Self {
        Self(value % 17)
    }
    fn plus(self, other: Self) -> Self {
        Self((self.0 + other.0) % 17)
    }
    fn minus(self, other: Self) -> Self {
        Self((self.0 + 17 - other.0) % 17)
    }
    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0 % 17)
    }
    fn inverse(self) -> Self {
        assert_ne!(self.0, 0);
        (0..15).fold(Self(1), |power, _| power.times(self))
    }
}

#[test]
fn a_coefficient_that_is_never_zero_tells_secrets_apart() {
    for (k, zero) in (2..=3u16).flat_map(|k| [(k, true), (k, false)]) {
        let scheme = Scheme::shamir(PARTIES, k);
        let dealer = Dealer { index: 1, compute: Some(2) };
        let sample = |secret: u32, seed: u64| -> Vec<Vec<u128>> {
            let rows: Vec<Vec<Seventeen>> = (0..PARTIES).map(|seat| scheme.coefficients(dealer, seat)).collect();
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut draw = || if zero { rng.next_u32() % 17 } else { 1 + rng.next_u32() % 16 };
            let mut dealt = vec![Vec::new(); rows.len()];
            for _ in 0..40_000 {
                let rhos: Vec<u32> = (1..k).map(|_| draw()).collect();
                for (row, dealt) in rows.iter().zip(&mut dealt) {
                    let coefficients = core::iter::once(secret).chain(rhos.iter().copied()).map(Seventeen);
                    let share = row.iter().zip(coefficients).fold(Seventeen(0), |sum, (w, c)| sum.plus(w.times(c)));
                    dealt.push(u128::from(share.0));
                }
            }
            dealt
        };
        let (one, other) = (sample(3, 1), sample(9, 2));
        let seen = coalitions(k - 1)
            .map(|coalition| {
                // At most 17 · 17 views; the bins above 255 are folded onto the first ones.
                let bins = |dealt: &[Vec<u128>]| -> Vec<usize> {
                    let bin = |view: &View| view.iter().fold(0, |bin, share| bin * 17 + share) % 256;
                    views(dealt, &coalition).iter().map(|view| usize::try_from(bin(view)).expect("small")).collect()
                };
                chi_square(bins(&one).into_iter(), bins(&other).into_iter())
            })
            .fold(0.0, f64::max);
        assert_eq!(seen > LIMIT, !zero, "k = {k}, zero included: {zero}: {seen}");
    }
}

#[test]
fn nobody_can_name_a_share_that_there_is_not() {
    use sharing::RecombineError::{NoSuchHolder, Twice};
    let scheme = Scheme::shamir(PARTIES, 2);
    let input = encode(Field::Field64, &[41, 42]);
    let digest = digest(Field::Field64, std::slice::from_ref(&input));
    let dealer = Dealer { index: 0, compute: None };
    let dealing = Dealing::new(scheme, dealer, &DealingKey::from_bytes([1; 32]), &ROUND, &digest);
    let dealt = shares(scheme, &dealing, 0, &input);
    let parts = numbered(&dealt);
    // A position is a party's in the agreement, from 0; its point is one more. None has the point 0, where the secret is,
    // not even after an overflow.
    for holder in [PARTIES, u16::MAX - 1, u16::MAX] {
        let refused = scheme.recombine(&[parts[0], (holder, parts[1].1)]).err();
        assert_eq!(refused, Some(NoSuchHolder { holder, n: PARTIES }));
        assert!(dealing.seed(holder).is_none());
    }
    for (first, second) in [(0, 1), (1, 0)] {
        let refused = scheme.recombine(&[parts[first], parts[second], parts[first]]).err();
        let holder = u16::try_from(first).expect("few");
        assert_eq!(refused, Some(Twice { holder }), "the very same share twice is one share");
    }
}
