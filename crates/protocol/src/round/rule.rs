//! Rules that a simulation switches off, to see that its invariants would notice if the code lacked them.
//!
//! Without the feature `weakened`, which only simulations ask for, nothing can be switched off and every check of a rule
//! is a constant.

use wire::Verify;

/// A rule of the protocol that a simulation can switch off at a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Accept only with q Readys (PROTOCOL 4.4).
    LockBeforeAccept,
    /// q messages of different parties, not one less (PROTOCOL 1).
    FullQuorum,
    /// A Close shows the highest lock (PROTOCOL 4.5).
    LockInClose,
    /// A lock in a Close is proven (PROTOCOL 4.5).
    ProvenLock,
    /// Whoever holds a certificate puts it on disk and sends it on, and only then sums (PROTOCOL 4.6).
    CertificateFirst,
    /// One dealing for a round, ever (PROTOCOL 4.1).
    OneDealing,
    /// Support for the first Open of an attempt only (PROTOCOL 4.3).
    FirstOpen,
    /// S names no dealer twice (PROTOCOL 3).
    DistinctDealers,
    /// No Open without all dealings is supported before `collect_for` is over (PROTOCOL 4.3).
    CollectFirst,
    /// So many Closes of ∞ without a lock make a round void, and not one less (PROTOCOL 4.8).
    EnoughCloses,
    /// An input lies within its bounds before it is dealt, and a dealer looks at its own proofs (PROTOCOL 4.1, 5).
    OwnBounds,
    /// Commitments come with range proofs that hold (PROTOCOL 5.2).
    ProvenBounds,
    /// A share is what its dealer has committed to (PROTOCOL 5.1).
    CommittedShare,
    /// A share gives the Merkle root in its header (PROTOCOL 5.4).
    ShareRoot,
    /// Weights of a check are drawn afresh, after what is checked was here (PROTOCOL 5.1).
    FreshWeights,
    /// Partial sums and the total are what the commitments fix (PROTOCOL 5.3).
    CommittedSums,
    /// A complaint is judged before anybody is named (PROTOCOL 5.4).
    JudgedComplaint,
    /// No Receipt for a dealer against whom there is evidence (PROTOCOL 4.8).
    EvidenceFirst,
    /// Commitments are those that their header names (PROTOCOL 3).
    NamedCommitments,
    /// Partial sums are held against the Commitments of the dealings that were certified, and of no others (PROTOCOL 5.3).
    CertifiedCommitments,
}

/// The rules that a party keeps to, and how it checks signatures.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) verify: Verify,
    #[cfg(feature = "weakened")]
    pub(super) off: alloc::vec::Vec<Rule>,
}

impl Rules {
    /// Every rule.
    pub(super) const ALL: Self = Self {
        verify: wire::verify,
        #[cfg(feature = "weakened")]
        off: alloc::vec::Vec::new(),
    };

    #[cfg(feature = "weakened")]
    pub(super) fn keep(&self, rule: Rule) -> bool {
        !self.off.contains(&rule)
    }

    #[cfg(not(feature = "weakened"))]
    pub(super) const fn keep(&self, _: Rule) -> bool {
        true
    }
}
