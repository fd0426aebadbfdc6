//! Who receives which kind of share, and what a share is made of (PROTOCOL 2, 2.1).
//!
//! Attacker: holds at most t = k − 1 shares. Which of them are seeds is a function of scheme and dealer alone, and a party's
//! point is one of its position in the agreement alone: neither is ever taken from a message.

use alloc::vec;
use alloc::vec::Vec;

use crate::arithmetic::Arithmetic;
use crate::interpolation::Basis;

/// A linear secret sharing among n compute parties, k of which can reconstruct.
///
/// Parties are positions in the agreement's order of compute parties, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scheme {
    n: u16,
    kind: Kind,
}

/// Callers outside of the crate ask [`Scheme`] only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// k = n: the shares sum to the secret.
    Additive,
    /// Shares are the values of a polynomial of degree k − 1 at the party points, the secret its value at 0.
    Shamir {
        /// k.
        threshold: u16,
    },
}

/// PROTOCOL 2: party points are 1 … n by agreement order. None is 0, where the secret is.
pub(crate) fn point(seat: u16) -> u32 {
    u32::from(seat) + 1
}

/// What a share's form and its recipients depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dealer {
    /// Position among the input parties, from 0.
    pub index: u16,
    /// Position among the compute parties, from 0, where the dealer is one.
    pub compute: Option<u16>,
}

/// How a share reaches its recipient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShareForm {
    /// As a seed of 32 bytes.
    Seeded,
    /// Element by element.
    Explicit,
}

impl Scheme {
    /// The additive scheme of `n` compute parties: k = n.
    ///
    /// # Panics
    /// For n < 2, which no valid agreement has (PROTOCOL 1): one "share" would be the secret.
    pub fn additive(n: u16) -> Self {
        assert!(n >= 2, "a secret is shared among two parties at least");
        Self { n, kind: Kind::Additive }
    }

    /// Shamir's scheme of `n` compute parties, any `k` of which reconstruct. With k < n, more than k shares check each other.
    ///
    /// # Panics
    /// Unless 2 ≤ k ≤ n, which holds in every valid agreement (PROTOCOL 1): with k = 1 every share would be the secret.
    pub fn shamir(n: u16, k: u16) -> Self {
        assert!((2..=n).contains(&k), "a threshold is between 2 and the number of compute parties");
        Self { n, kind: Kind::Shamir { threshold: k } }
    }

    /// n, the number of shares.
    pub fn n(&self) -> u16 {
        self.n
    }

    /// k, the number of shares that reconstruct.
    pub fn threshold(&self) -> u16 {
        match self.kind {
            Kind::Additive => self.n,
            Kind::Shamir { threshold } => threshold,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The form of the share that `dealer` makes for `recipient`.
    ///
    /// # Panics
    /// For a position that no compute party has.
    pub fn form(&self, dealer: Dealer, recipient: u16) -> ShareForm {
        assert!(recipient < self.n, "no compute party has this position");
        if self.explicit_recipients(dealer).contains(&recipient) { ShareForm::Explicit } else { ShareForm::Seeded }
    }

    /// The n − k + 1 recipients of explicit shares, in increasing order.
    ///
    /// PROTOCOL 2.1: the dealer's own is one of them where it is a compute party; further ones rotate with its index. They are
    /// the first positions, without its own, of index mod n, the next one and so on, 0 after n − 1.
    ///
    /// # Panics
    /// Where the dealer claims a position that no compute party has.
    pub fn explicit_recipients(&self, dealer: Dealer) -> Vec<u16> {
        assert!(dealer.compute.is_none_or(|own| own < self.n), "no compute party has this position");
        let count = usize::from(self.n - self.threshold()) + 1;
        let first = dealer.index % self.n;
        let others = (first..self.n).chain(0..first).filter(|seat| Some(*seat) != dealer.compute);
        let mut recipients: Vec<u16> = dealer.compute.into_iter().chain(others).take(count).collect();
        recipients.sort_unstable();
        recipients
    }

    /// The k − 1 recipients of seeds, in increasing order: number c − 1 of them holds coefficient ρ_c as its share.
    ///
    /// # Panics
    /// As [`Scheme::explicit_recipients`].
    pub fn seeded_recipients(&self, dealer: Dealer) -> Vec<u16> {
        let explicit = self.explicit_recipients(dealer);
        (0..self.n).filter(|seat| !explicit.contains(seat)).collect()
    }

    /// Row M_i\[j\] of PROTOCOL 2: the k weights with which the coefficients (x, ρ_1 … ρ_{k−1}) of `dealer` sum to the share of
    /// the compute party at position `seat`.
    ///
    /// A seeded party's row is one and zeros: its share is a coefficient ([`Scheme::seeded_recipients`] says which). An
    /// explicit row is (1, −1 … −1) in the additive scheme, and Lagrange's weights at the party's point in Shamir's.
    ///
    /// # Panics
    /// For a position that no compute party has.
    pub fn coefficients<A: Arithmetic>(&self, dealer: Dealer, seat: u16) -> Vec<A> {
        self.matrix(dealer, &[seat]).swap_remove(0)
    }

    /// The rows of several positions.
    pub(crate) fn matrix<A: Arithmetic>(&self, dealer: Dealer, seats: &[u16]) -> Vec<Vec<A>> {
        assert!(seats.iter().all(|seat| *seat < self.n), "no compute party has this position");
        let seeded = self.seeded_recipients(dealer);
        match self.kind {
            Kind::Additive => {
                let row = |seat: &u16| {
                    let mut row = vec![A::integer(0); usize::from(self.n)];
                    match seeded.iter().position(|other| other == seat) {
                        Some(rho) => row[rho + 1] = A::integer(1),
                        None => {
                            row.fill(A::integer(0).minus(A::integer(1)));
                            row[0] = A::integer(1);
                        }
                    }
                    row
                };
                seats.iter().map(row).collect()
            }
            Kind::Shamir { .. } => {
                // PROTOCOL 2: given by its values at 0 (= x) and at the points of the k − 1 seeded parties (= ρ).
                let polynomial = Basis::new(core::iter::once(0).chain(seeded.into_iter().map(point)));
                seats.iter().map(|seat| polynomial.at(point(*seat))).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_share_of_an_additive_dealing_is_explicit() {
        for n in 2..=32 {
            let scheme = Scheme::additive(n);
            assert_eq!((scheme.n(), scheme.threshold()), (n, n));
            for index in 0..2 * n {
                for compute in core::iter::once(None).chain((0..n).map(Some)) {
                    let dealer = Dealer { index, compute };
                    let explicit: Vec<u16> =
                        (0..n).filter(|j| scheme.form(dealer, *j) == ShareForm::Explicit).collect();
                    assert_eq!(explicit, [compute.unwrap_or(index % n)]);
                    assert_eq!(explicit, scheme.explicit_recipients(dealer));
                }
            }
        }
    }

    #[test]
    fn explicit_shares_rotate_with_the_dealer() {
        let scheme = Scheme::shamir(5, 3);
        assert_eq!((scheme.n(), scheme.threshold()), (5, 3));
        for (index, compute, explicit, seeded) in [
            (0, None, [0, 1, 2], [3, 4]),
            (3, None, [0, 3, 4], [1, 2]),
            (12, None, [2, 3, 4], [0, 1]),
            (2, Some(2), [2, 3, 4], [0, 1]),
            (4, Some(4), [0, 1, 4], [2, 3]),
            (0, Some(4), [0, 1, 4], [2, 3]),
            (1, Some(2), [1, 2, 3], [0, 4]),
            (u16::MAX, Some(1), [0, 1, 2], [3, 4]),
        ] {
            let dealer = Dealer { index, compute };
            assert_eq!(scheme.explicit_recipients(dealer), explicit, "{dealer:?}");
            assert_eq!(scheme.seeded_recipients(dealer), seeded, "{dealer:?}");
        }
    }

    #[test]
    fn every_dealing_has_k_minus_1_seeds_and_all_parties_bear_alike() {
        for (n, k) in (2..=16).flat_map(|n| (2..=n).map(move |k| (n, k))) {
            let scheme = Scheme::shamir(n, k);
            for computes in [false, true] {
                let mut load = vec![0; usize::from(n)];
                for index in 0..n {
                    let dealer = Dealer { index, compute: computes.then_some(index) };
                    let explicit = scheme.explicit_recipients(dealer);
                    assert!(explicit.is_sorted_by(|a, b| a < b) && explicit.len() == usize::from(n - k + 1));
                    assert!(!computes || explicit.contains(&index));
                    for j in 0..n {
                        let form = scheme.form(dealer, j);
                        assert_eq!(form == ShareForm::Explicit, explicit.contains(&j));
                        assert_eq!(form == ShareForm::Seeded, scheme.seeded_recipients(dealer).contains(&j));
                    }
                    explicit.iter().for_each(|j| load[usize::from(*j)] += 1);
                }
                assert_eq!(load, vec![n - k + 1; usize::from(n)]);
            }
        }
        // The largest position overflows nothing.
        let scheme = Scheme::shamir(u16::MAX, u16::MAX - 1);
        let dealer = Dealer { index: u16::MAX - 1, compute: None };
        assert_eq!(scheme.explicit_recipients(dealer), [0, u16::MAX - 1]);
        assert_eq!(point(u16::MAX - 1), 65_535);
    }

    /// Integers mod 7: a field in which all polynomials can be counted.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Seven(u32);

    impl Arithmetic for Seven {
        fn integer(value: u32) -> Self {
            Self(value % 7)
        }
        fn plus(self, other: Self) -> Self {
            Self((self.0 + other.0) % 7)
        }
        fn minus(self, other: Self) -> Self {
            Self((self.0 + 7 - other.0) % 7)
        }
        fn times(self, other: Self) -> Self {
            Self(self.0 * other.0 % 7)
        }
        fn inverse(self) -> Self {
            assert_ne!(self.0, 0);
            (0..5).fold(Self(1), |power, _| power.times(self))
        }
    }

    fn dot(weights: &[Seven], terms: &[Seven]) -> Seven {
        assert_eq!(weights.len(), terms.len());
        weights.iter().zip(terms).fold(Seven(0), |sum, (a, b)| sum.plus(a.times(*b)))
    }

    /// Every subset of the n seats with that many members.
    fn subsets(n: u16, members: u32) -> impl Iterator<Item = Vec<u16>> {
        let subset = move |bits: u32| (0..n).filter(|j| bits >> j & 1 == 1).collect();
        (0..1 << n).filter(move |bits: &u32| bits.count_ones() == members).map(subset)
    }

    #[test]
    fn k_minus_1_shares_say_exactly_nothing_and_k_say_all() {
        let shamir = (2..=5).flat_map(|n| (2..=n).map(move |k| Scheme::shamir(n, k)));
        for scheme in shamir.chain((2..=5).map(Scheme::additive)) {
            let (n, k) = (scheme.n(), u32::from(scheme.threshold()));
            let computes = core::iter::once(None).chain((0..n).map(Some));
            for dealer in computes.flat_map(|compute| (0..n).map(move |index| Dealer { index, compute })) {
                let rows: Vec<Vec<Seven>> = (0..n).map(|j| scheme.coefficients(dealer, j)).collect();
                for (c, j) in (1..).zip(scheme.seeded_recipients(dealer)) {
                    let unit = |at| Seven(u32::from(at == c));
                    assert_eq!(rows[usize::from(j)], (0..rows[0].len()).map(unit).collect::<Vec<_>>());
                }
                for secret in [0, 1, 5] {
                    let dealings: Vec<Vec<Seven>> = (0..7u32.pow(k - 1))
                        .map(|rhos| {
                            let rho = |c| Seven(rhos / 7u32.pow(c) % 7);
                            let coefficients: Vec<Seven> =
                                core::iter::once(Seven(secret)).chain((0..k - 1).map(rho)).collect();
                            rows.iter().map(|row| dot(row, &coefficients)).collect()
                        })
                        .collect();
                    // Each of the 7^(k−1) views comes from one dealing exactly, whatever the secret is.
                    for coalition in subsets(n, k - 1) {
                        let mut seen = vec![false; dealings.len()];
                        for shares in &dealings {
                            let view = coalition.iter().fold(0, |view, j| view * 7 + shares[usize::from(*j)].0);
                            assert!(!core::mem::replace(&mut seen[view as usize], true), "{scheme:?} {coalition:?}");
                        }
                    }
                    for holders in subsets(n, k) {
                        let weights = scheme.weights::<Seven>(&holders).expect("k holders");
                        for shares in &dealings {
                            let parts: Vec<Seven> = holders.iter().map(|j| shares[usize::from(*j)]).collect();
                            assert_eq!(dot(&weights, &parts), Seven(secret));
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "between 2 and the number of compute parties")]
    fn a_threshold_of_one_is_no_scheme() {
        Scheme::shamir(3, 1);
    }

    #[test]
    #[should_panic(expected = "between 2 and the number of compute parties")]
    fn a_threshold_beyond_all_is_no_scheme() {
        Scheme::shamir(3, 4);
    }

    #[test]
    #[should_panic(expected = "no compute party has this position")]
    fn a_row_is_of_a_compute_party() {
        Scheme::shamir(3, 2).coefficients::<u64>(Dealer { index: 0, compute: None }, 3);
    }

    #[test]
    #[should_panic(expected = "no compute party has this position")]
    fn a_form_is_of_a_compute_party() {
        Scheme::shamir(3, 2).form(Dealer { index: 0, compute: None }, u16::MAX);
    }

    #[test]
    #[should_panic(expected = "two parties at least")]
    fn one_party_is_no_scheme() {
        Scheme::additive(1);
    }

    #[test]
    #[should_panic(expected = "no compute party has this position")]
    fn a_dealer_stands_in_the_agreement() {
        Scheme::additive(3).explicit_recipients(Dealer { index: 0, compute: Some(3) });
    }
}
