//! What compute parties sign about one round.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Attempts that fit into a state.
pub const MOST_ATTEMPTS: usize = 3;
/// Close(∞), as an attempt after all others.
pub(super) const FOREVER: usize = MOST_ATTEMPTS + 1;

/// (a, S, Q): one of the two sets (0 is A, 1 is B) in an attempt, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) attempt: usize,
    pub(super) set: usize,
}

/// Proposals as a set of bits, two an attempt. There is room for one attempt more than is explored.
pub(super) type Proposals = u8;

/// Those about A.
const ABOUT_A: Proposals = 0b0101_0101;

impl Proposal {
    fn place(self) -> usize {
        2 * (self.attempt - 1) + self.set
    }

    pub(super) fn bit(self) -> Proposals {
        1 << self.place()
    }

    pub(super) fn is_in(self, proposals: Proposals) -> bool {
        proposals & self.bit() != 0
    }

    /// All proposals of the first attempts.
    pub(super) fn all(attempts: usize) -> impl Iterator<Item = Self> + Clone {
        (0..2 * attempts).map(|place| Self { attempt: place / 2 + 1, set: place % 2 })
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.attempt, ["A", "B"][self.set])
    }
}

/// The two proposals of an attempt.
pub(super) fn of_attempt(attempt: usize) -> Proposals {
    0b11 << (2 * (attempt - 1))
}

/// Those about one set.
pub(super) fn about(set: usize) -> Proposals {
    ABOUT_A << set
}

/// The same about the other set.
pub(super) fn swapped(proposals: Proposals) -> Proposals {
    (proposals & ABOUT_A) << 1 | (proposals >> 1) & ABOUT_A
}

/// The highest attempt among proposals; 0 for none.
pub(super) fn highest(proposals: Proposals) -> usize {
    (Proposals::BITS - proposals.leading_zeros()).div_ceil(2) as usize
}

/// What a party may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Ready(Proposal),
    Accept(Proposal),
    /// "I sign nothing more in attempts up to this", with a lock or none.
    Close(usize, Option<Proposal>),
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(proposal) => write!(f, "Ready({proposal})"),
            Self::Accept(proposal) => write!(f, "Accept({proposal})"),
            Self::Close(attempt, lock) => {
                if *attempt == FOREVER { write!(f, "Close(∞") } else { write!(f, "Close({attempt}") }?;
                if let Some(lock) = lock { write!(f, ", lock {lock})") } else { write!(f, ", no lock)") }
            }
        }
    }
}

/// What a Close shows, in four bits: 1 for no lock, else 2 + the place of the lock. 0 is no Close.
fn digit(shown: Option<Proposal>) -> u16 {
    // A place is below 8.
    shown.map_or(1, |lock| 2 + u16::try_from(lock.place()).unwrap_or(0))
}

/// The attempt of the lock that a digit shows; 0 for none.
fn level(digit: u16) -> usize {
    usize::from(digit / 2)
}

/// What one party has signed: its Closes as a digit for each attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Signed {
    pub(super) readys: Proposals,
    pub(super) accepts: Proposals,
    closes: u16,
}

impl Hash for Signed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(u32::from(self.closes) << 16 | u32::from(self.accepts) << 8 | u32::from(self.readys));
    }
}

/// What Closes of one party show.
#[derive(Default)]
pub(super) struct Shown {
    /// The attempt of the lowest lock, 0 where one shows none, nothing where there is no Close.
    pub(super) lowest: Option<usize>,
    /// Every lock.
    pub(super) locks: Proposals,
}

impl Signed {
    /// Everything up to this attempt is closed.
    pub(super) fn closed(self) -> usize {
        (u16::BITS - self.closes.leading_zeros()).div_ceil(4) as usize
    }

    /// What its Closes of that attempt or a later one show. PROTOCOL 4.5: a Close of a later attempt counts.
    pub(super) fn shown_from(self, attempt: usize) -> Shown {
        let mut shown = Shown::default();
        let mut digits = self.closes >> (4 * (attempt - 1));
        while digits != 0 {
            let digit = digits & 15;
            if digit != 0 {
                shown.lowest = Some(shown.lowest.map_or(level(digit), |low| low.min(level(digit))));
            }
            if digit > 1 {
                shown.locks |= 1 << (digit - 2);
            }
            digits >>= 4;
        }
        shown
    }

    /// Whether it has signed a Close of ∞ with that lock or none.
    pub(super) fn has_ended(self, with_lock: bool) -> bool {
        let last = self.closes >> (4 * (FOREVER - 1));
        if with_lock { last > 1 } else { last == 1 }
    }

    /// The latest Close.
    fn last(self) -> Option<Statement> {
        let closed = self.closed();
        let digit = self.closes.checked_shr(4 * (u32::try_from(closed).ok()?.checked_sub(1)?))?;
        let place = usize::from(digit).checked_sub(2);
        let lock = place.map(|place| Proposal { attempt: place / 2 + 1, set: place % 2 });
        Some(Statement::Close(closed, lock))
    }

    pub(super) fn sign(&mut self, statement: Statement) {
        match statement {
            Statement::Ready(proposal) => self.readys |= proposal.bit(),
            Statement::Accept(proposal) => self.accepts |= proposal.bit(),
            Statement::Close(attempt, shown) => {
                let shown = digit(shown);
                // A Close counts for every attempt before it too, so an earlier one that shows the same adds nothing.
                for place in 0..attempt - 1 {
                    if (self.closes >> (4 * place)) & 15 == shown {
                        self.closes &= !(15 << (4 * place));
                    }
                }
                self.closes |= shown << (4 * (attempt - 1));
            }
        }
    }

    /// Whether a statement contradicts what was signed before. Asked of every statement, by whatever rules it is signed.
    pub(super) fn contradicts(self, statement: Statement) -> bool {
        match statement {
            Statement::Ready(p) => p.attempt <= self.closed() || self.readys & of_attempt(p.attempt) != 0,
            Statement::Accept(p) => p.attempt <= self.closed(),
            Statement::Close(attempt, lock) => {
                let least = highest(self.accepts | self.shown_from(1).locks);
                attempt <= self.closed() || lock.map_or(0, |lock| lock.attempt) < least
            }
        }
    }

    /// PROTOCOL 4.5: an Accept for (a, S, Q) beside a Close of a′ ≥ a that shows no lock ≥ a is a fault.
    pub(super) fn is_at_fault(self) -> bool {
        let low = |attempt| self.shown_from(attempt).lowest.is_some_and(|lowest| lowest < attempt);
        (1..=MOST_ATTEMPTS).any(|attempt| self.accepts & of_attempt(attempt) != 0 && low(attempt))
    }

    /// The same about the other set.
    pub(super) fn swapped(self) -> Self {
        let shows_lock = (self.closes >> 1 | self.closes >> 2 | self.closes >> 3) & 0x1111;
        Self { readys: swapped(self.readys), accepts: swapped(self.accepts), closes: self.closes ^ shows_lock }
    }

    /// What was signed since.
    pub(super) fn since(self, before: Self) -> impl Iterator<Item = Statement> {
        let new = |now: Proposals, then: Proposals| Proposal::all(MOST_ATTEMPTS).filter(move |p| p.is_in(now & !then));
        let readys = new(self.readys, before.readys).map(Statement::Ready);
        let accepts = new(self.accepts, before.accepts).map(Statement::Accept);
        readys.chain(accepts).chain(self.last().filter(|_| self.closed() > before.closed()))
    }
}
