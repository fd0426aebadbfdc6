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
