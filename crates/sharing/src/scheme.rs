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
