//! How many parties a computation needs, and who may be away when (PROTOCOL 1).

use alloc::format;
use alloc::string::String;

use super::{Adversary, Agreement, Computation, SharingScheme};

/// The numbers of PROTOCOL 1 for one computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    /// Compute parties.
    pub n: u16,
    /// Shares needed to reconstruct.
    pub k: u16,
    /// Compute parties that may collude: k − 1.
    pub t: u16,
    /// Different compute parties whose messages make a decision.
    pub q: u16,
    /// Least number of holders: compute parties that have receipted every dealing of a sum.
    pub h: u16,
}

impl Quorum {
    /// The numbers of a computation of this agreement.
    #[must_use]
    pub fn of(agreement: &Agreement, computation: &Computation) -> Self {
        let n = agreement.parties().iter().filter(|p| p.roles.compute).count();
        let n = u16::try_from(n).expect("a validated agreement has at most MAX_PARTIES parties");
        Self::new(n, computation.sharing, computation.adversary)
    }

    /// The numbers for n compute parties.
    #[must_use]
    pub fn new(n: u16, sharing: SharingScheme, adversary: Adversary) -> Self {
        let k = match sharing {
            SharingScheme::Additive => n,
            SharingScheme::Shamir { threshold } => threshold,
        };
        let t = k.saturating_sub(1);
        // PROTOCOL 1: q is ⌊(n + t)/2⌋ + 1 against a malicious adversary, max(k, ⌊n/2⌋ + 1) against a semi-honest one.
        // At least h = q holders (malicious: max(q, min(n, 2t + 1)), so that k of them are honest).
        let (q, h) = match adversary {
            Adversary::SemiHonest => {
                let q = k.max(n / 2 + 1);
                (q, q)
            }
            Adversary::Malicious => {
                let q = (n + t) / 2 + 1;
                (q, q.max(n.min(2 * t + 1)))
            }
        };
        Self { n, k, t, q, h }
    }

    /// Compute parties that may be silent until a sum is certified, one that never answers at all counted.
    #[must_use]
    pub fn may_be_silent(&self) -> u16 {
        (self.n - self.q).min(self.n - self.h)
    }

    /// Who must be online and when, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { n, k, q, h, .. } = *self;
        if q == n {
            return format!(
                "All {n} compute parties must answer before a total is certified, that is, before enough of them have \
                 signed who is in it. One silent party stalls the round until it comes back or the round is given up. \
                 They need not be online at the same moment: messages wait for whoever is away. Once the total is \
                 certified, the sums of {} are needed.",
                if k == n { format!("all {n}") } else { format!("{k} of the {n}") },
            );
        }
        let holders = match n - h {
            0 => format!("but each of the {n} must have received its share of every contribution in it"),
            missing => format!(
                "and at least {h} must hold a share of every contribution in it, so never more than {missing} may miss \
                 shares"
            ),
        };
        format!(
            "Until a total is certified, that is, until {q} of the {n} compute parties have signed who is in it, {} of \
             them may be away; {holders}. Once the total is certified, the sums of any {k} of these holders are enough: \
             all but {k} of them may be away.",
            n - q,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_protocol() {
        use Adversary::{Malicious, SemiHonest};
        let shamir = |threshold| SharingScheme::Shamir { threshold };
        for (n, sharing, adversary, k, q, h) in [
            (3, SharingScheme::Additive, SemiHonest, 3, 3, 3),
            (3, SharingScheme::Additive, Malicious, 3, 3, 3),
            (2, SharingScheme::Additive, SemiHonest, 2, 2, 2),
            (64, SharingScheme::Additive, Malicious, 64, 64, 64),
            (5, shamir(2), SemiHonest, 2, 3, 3),
            (5, shamir(4), SemiHonest, 4, 4, 4),
            (5, shamir(2), Malicious, 2, 4, 4),
            (5, shamir(3), Malicious, 3, 4, 5),
            (7, shamir(3), Malicious, 3, 5, 5),
            (4, shamir(2), Malicious, 2, 3, 3),
        ] {
            let quorum = Quorum::new(n, sharing, adversary);
            assert_eq!(quorum, Quorum { n, k, t: k - 1, q, h }, "{n} {sharing:?} {adversary:?}");
        }
    }

    #[test]
    fn words_say_that_one_silent_party_stalls() {
        let additive = Quorum::new(3, SharingScheme::Additive, Adversary::SemiHonest);
        assert_eq!(additive.may_be_silent(), 0);
        assert!(additive.in_words().contains("One silent party stalls the round"));
        let shamir = Quorum::new(5, SharingScheme::Shamir { threshold: 2 }, Adversary::SemiHonest);
        assert_eq!(shamir.may_be_silent(), 2);
        let words = shamir.in_words();
        assert!(!words.contains("stalls"));
        for piece in [
            "until 3 of the 5 compute parties have signed who is in it, 2 of them may be away",
            "at least 3 must hold a share of every contribution in it, so never more than 2 may miss shares",
            "the sums of any 2 of these holders are enough: all but 2 of them may be away",
        ] {
            assert!(words.contains(piece), "{piece} not in {words}");
        }
        // k = n is additive in all but name; and where all must vote, k < n helps only after the certificate.
        let all = Quorum::new(3, SharingScheme::Shamir { threshold: 3 }, Adversary::SemiHonest);
        assert_eq!(all.in_words(), additive.in_words());
        let three = Quorum::new(3, SharingScheme::Shamir { threshold: 2 }, Adversary::Malicious);
        assert!(
            three.in_words().contains("stalls") && three.in_words().ends_with("the sums of 2 of the 3 are needed.")
        );
    }

    #[test]
    fn words_say_where_everybody_must_hold_shares_though_some_may_not_vote() {
        let quorum = Quorum::new(5, SharingScheme::Shamir { threshold: 3 }, Adversary::Malicious);
        assert_eq!((quorum.q, quorum.h, quorum.may_be_silent()), (4, 5, 0));
        let words = quorum.in_words();
        assert!(words.contains("1 of them may be away; but each of the 5 must have received its share"), "{words}");
    }
}
