//! An exhaustive search of the voting rules alone (PROTOCOL 4.3 to 4.5, 4.8), written apart from the code of the protocol.
//!
//! [`votes`] is one round: Open, Ready, lock, Accept, Certificate, Close with its lock, Close(∞), void. [`period`] is which
//! rounds of one period can be certified at all, when a void one is dealt anew. [`prospect`] is what can still come of a
//! round. [`search`](mod@search) goes through everything that can happen among a few parties in two or three attempts.
//! Every rule can be broken, and the tests ask that the search then finds what goes wrong.
//!
//! # What a state is
//! The statements that honest compute parties have signed, and nothing else. Signatures do not vanish, and links may delay
//! and reorder as they like: so a party may act on any part of what was ever signed, and who has seen what is no part of
//! the state but the adversary's choice in each step. A crash is a party that signs nothing more.
//!
//! Byzantine parties have no state: whatever they could sign counts wherever it helps, something else for each recipient.
//! Their Readys and Accepts count towards every lock and certificate, and their Closes towards every Open, with any lock
//! that exists or none, and towards void. A lock exists where honest parties have signed q Readys but for the byzantine ones.
//!
//! Honest parties are alike, and so are the two sets: states that differ in names only are one. Two sets are enough. Every
//! promise speaks of one set and any other; call the one A and all others B, and what was allowed still is.
//!
//! # Where it allows more than the protocol
//! - Every leader is the adversary's. An Open is about any set, unless the Closes in it bind it, and these are any q that
//!   exist. So leaders who open twice are covered, and `collect_for`, Receipts, μ and h cannot matter.
//! - A party may close any attempt at any time, skip attempts, vote in a later one first, and give up whenever it likes, a
//!   certificate in hand or not. So no deadline matters, nor the t + 1 Closes that shorten one.
//! - A party may forget a lock that it has neither accepted nor shown.
//!
//! # What it leaves out
//! More parties and attempts than it is asked for; durable state and rollback (PROTOCOL 7); release (4.6); evidence and
//! signatures; and whether anything happens in time.

pub mod period;
pub mod prospect;
pub mod search;
mod statements;
pub mod votes;

pub use search::search;

/// How many parties there are, and how many make what (PROTOCOL 1, 4.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Compute parties: n.
    pub parties: usize,
    /// How many of them are byzantine: at most t, and none where the adversary is semi-honest. The others may crash.
    pub byzantine: usize,
    /// q.
    pub quorum: usize,
    /// Closes of ∞ without a lock that void a round.
    pub void: usize,
}

impl Setting {
    /// n compute parties that follow the rules or stop, of whom k reconstruct.
    #[must_use]
    pub fn semi_honest(n: usize, k: usize) -> Self {
        let quorum = k.max(n / 2 + 1);
        Self { parties: n, byzantine: 0, quorum, void: n - quorum + 1 }
    }

    /// n compute parties of whom k reconstruct, so that t = k − 1 of them may do as they please. So many do.
    #[must_use]
    pub fn malicious(n: usize, k: usize, byzantine: usize) -> Self {
        let t = k - 1;
        let quorum = (n + t) / 2 + 1;
        Self { parties: n, byzantine: byzantine.min(t), quorum, void: n - quorum + 1 + t }
    }

    /// Parties that follow the rules.
    #[must_use]
    pub fn honest(&self) -> usize {
        self.parties - self.byzantine
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { parties, byzantine, quorum, void } = self;
        write!(f, "n = {parties}, q = {quorum}, {byzantine} byzantine, void by {void}")
    }
}
