//! Who receives which kind of share, and how shares become the secret again (PROTOCOL 2, 2.1).
//!
//! Attacker: holds at most t = k − 1 shares, and sends partial sums under other parties' names. Positions come from the
//! agreement; one that is doubled or that nobody has is refused.

use alloc::vec;
use alloc::vec::Vec;

use crate::Cells;

/// A linear secret sharing among n compute parties, k of which can reconstruct.
///
/// Parties are positions in the agreement's order of compute parties, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scheme {
    n: u16,
    kind: Kind,
}

/// Shamir joins here. Callers ask [`Scheme`] only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// k = n: the shares sum to the secret.
    Additive,
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

    /// n, the number of shares.
    pub fn n(&self) -> u16 {
        self.n
    }

    /// k, the number of shares that reconstruct.
    pub fn threshold(&self) -> u16 {
        match self.kind {
            Kind::Additive => self.n,
        }
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
    /// PROTOCOL 2.1: the dealer's own is one of them where it is a compute party; further ones rotate with its index.
    ///
    /// # Panics
    /// Where the dealer claims a position that no compute party has.
    pub fn explicit_recipients(&self, dealer: Dealer) -> Vec<u16> {
        assert!(dealer.compute.is_none_or(|own| own < self.n), "no compute party has this position");
        match self.kind {
            Kind::Additive => vec![dealer.compute.unwrap_or(dealer.index % self.n)],
        }
    }

    /// The secret (or the sum of secrets) of which each given holder has the given share (or sum of shares).
    ///
    /// PROTOCOL 2: any k parties recombine with weights λ; additive: λ = 1.
    ///
    /// # Errors
    /// [`RecombineError`] where the parts are too few, not all of one shape, or not each of another holder.
    pub fn recombine(&self, parts: &[(u16, &Cells)]) -> Result<Cells, RecombineError> {
        let Some((_, first)) = parts.first() else {
            return Err(RecombineError::TooFew { have: 0, need: self.threshold() });
        };
        let mut seen = vec![false; usize::from(self.n)];
        for (holder, cells) in parts {
            match seen.get_mut(usize::from(*holder)) {
                None => return Err(RecombineError::NoSuchHolder { holder: *holder, n: self.n }),
                Some(true) => return Err(RecombineError::Twice { holder: *holder }),
                Some(seen) => *seen = true,
            }
            if (cells.field(), cells.len()) != (first.field(), first.len()) {
                return Err(RecombineError::Shape { holder: *holder });
            }
        }
        if parts.len() < usize::from(self.threshold()) {
            return Err(RecombineError::TooFew { have: parts.len(), need: self.threshold() });
        }
        let mut sum = Cells::zero(first.field(), first.len());
        match self.kind {
            Kind::Additive => parts.iter().for_each(|(_, cells)| sum.add(cells)),
        }
        Ok(sum)
    }
}

/// Parts that do not reconstruct anything. Holders are positions from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecombineError {
    /// Fewer parts than the threshold.
    #[error("{have} partial sums do not reconstruct: {need} are needed")]
    TooFew {
        /// Parts given.
        have: usize,
        /// The threshold k.
        need: u16,
    },
    /// A position beyond the agreement's.
    #[error("a partial sum came for compute party {holder}, but positions end below {n}")]
    NoSuchHolder {
        /// The position given.
        holder: u16,
        /// Number of compute parties.
        n: u16,
    },
    /// Two parts of one holder.
    #[error("compute party {holder} has two partial sums; each holder counts once")]
    Twice {
        /// The holder.
        holder: u16,
    },
    /// A part whose field or length is not that of the first.
    #[error("the partial sum of compute party {holder} has another field or length than the first one")]
    Shape {
        /// The holder.
        holder: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Field;

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
    fn parts_that_do_not_fit_are_refused() {
        let scheme = Scheme::additive(3);
        let a = Cells::zero(Field::Field64, 4);
        let shorter = Cells::zero(Field::Field64, 3);
        let other = Cells::zero(Field::Field128, 4);
        let refused = |parts: &[(u16, &Cells)]| scheme.recombine(parts).expect_err("refused");
        assert_eq!(refused(&[]), RecombineError::TooFew { have: 0, need: 3 });
        assert_eq!(refused(&[(0, &a), (1, &a)]), RecombineError::TooFew { have: 2, need: 3 });
        assert_eq!(refused(&[(0, &a), (1, &a), (1, &a)]), RecombineError::Twice { holder: 1 });
        assert_eq!(refused(&[(0, &a), (1, &a), (2, &a), (0, &a)]), RecombineError::Twice { holder: 0 });
        assert_eq!(refused(&[(0, &a), (1, &a), (3, &a)]), RecombineError::NoSuchHolder { holder: 3, n: 3 });
        assert_eq!(refused(&[(0, &a), (1, &shorter), (2, &a)]), RecombineError::Shape { holder: 1 });
        assert_eq!(refused(&[(0, &a), (1, &a), (2, &other)]), RecombineError::Shape { holder: 2 });
        assert!(scheme.recombine(&[(2, &a), (0, &a), (1, &a)]).is_ok());
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
