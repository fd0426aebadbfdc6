//! The votes of one round (PROTOCOL 4.3 to 4.5, 4.8).

use std::fmt;

use super::Setting;
use super::search::Model;
use super::statements::{FOREVER, Proposal, Proposals, Signed, Statement, about, highest, of_attempt, swapped};

pub use super::statements::MOST_ATTEMPTS;

/// Honest parties that fit into a state.
pub const MOST_HONEST: usize = 5;

/// A rule that can be broken, to see what it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// q parties make a lock, a certificate, and an Open of a later attempt. Broken: q − 1.
    FullQuorum,
    /// One Ready an attempt. Broken: one for each Open of it.
    OneReady,
    /// Accept is signed with a lock. Broken: with one's own Ready.
    LockBeforeAccept,
    /// Nothing is signed in a closed attempt. Broken: an Accept is.
    NoAcceptOnceClosed,
    /// A Close shows the highest lock. Broken: it shows none.
    CloseShowsLock,
    /// A Close whose lock does not verify is none. Broken: its q Readys are taken on trust.
    ProvenLock,
    /// An Open of a later attempt has q Closes of the one before. Broken: it needs none.
    ClosesBeforeOpen,
    /// n − q + 1 + t (semi-honest: n − q + 1) Closes of ∞ without a lock void a round. Broken: one fewer.
    FullVoid,
    /// Closes of ∞ that show a lock do not count towards void. Broken: they do.
    UnlockedVoid,
}

/// What must hold in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// No two certificates on different sets.
    OneSet,
    /// No certificate in a void round.
    VoidIsEmpty,
    /// After a certificate no Open on another set can be supported in a later attempt, the one beyond the last included.
    SetStays,
    /// No two locks of one attempt on different sets.
    OneLock,
    /// An honest party signs no second Ready in an attempt, no vote in a closed attempt, and no Close with a lower lock
    /// than one it accepted or showed.
    NoContradiction,
    /// No honest party is caught by the fault rule: an Accept for (a, S, Q) beside a Close of a′ ≥ a without a lock ≥ a.
    HonestUnblamed,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::OneSet, Self::VoidIsEmpty, Self::SetStays, Self::OneLock, Self::NoContradiction, Self::HonestUnblamed];
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneSet => "two certificates on different sets",
            Self::VoidIsEmpty => "a certificate in a void round",
            Self::SetStays => "a later attempt may be about another set than the certificate",
            Self::OneLock => "two locks of one attempt on different sets",
            Self::NoContradiction => "an honest party contradicts itself",
            Self::HonestUnblamed => "an honest party is caught by the fault rule",
        })
    }
}

/// How much happens in one step of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// An honest party signs one statement.
    Single,
    /// As much as can stand together without loss; a test compares what can come true with [`Grain::Single`]. Only for
    /// the rules as they are.
    ///
    /// - *Readys come as a lock.* A Ready is good for nothing else. When the first of a lock is signed, the others could
    ///   be: the same Open can be shown to all, and who signs later has not closed the attempt by now. An early lock
    ///   forces nobody. Whose Readys they are is forgotten, for a second lock of the attempt is impossible
    ///   ([`Promise::OneLock`]: 2q > n + t).
    /// - *Accepts wait.* An Accept binds its signer's Closes and helps nothing but a certificate. So it is signed only
    ///   together with a Close of its attempt, whenever the lock that this shows allows it. Those of attempts that are
    ///   not closed yet count as signed where certificates are looked for.
    Grouped,
}

/// What was signed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    pub(super) parties: [Signed; MOST_HONEST],
    /// Locks that exist.
    pub(super) locks: Proposals,
    /// An honest party has contradicted itself.
    contradiction: bool,
}

/// What is true in a state. It stays true, for signatures do not vanish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    locks: Proposals,
    supported: Proposals,
    certified: Proposals,
    void: bool,
}

impl Facts {
    /// Whether all that is true in `other` is true here.
    #[must_use]
    pub fn cover(&self, other: &Self) -> bool {
        let lacks = (other.locks & !self.locks) | (other.supported & !self.supported);
        lacks | (other.certified & !self.certified) == 0 && other.void <= self.void
    }

    /// The same about the other set.
    #[must_use]
    pub fn swapped(self) -> Self {
        let Self { locks, supported, certified, void } = self;
        Self { locks: swapped(locks), supported: swapped(supported), certified: swapped(certified), void }
    }
}

/// One round.
#[derive(Clone, Copy, Debug)]
pub struct Votes {
    /// Who votes.
    pub setting: Setting,
    /// How many attempts there are, at most [`MOST_ATTEMPTS`].
    pub attempts: usize,
    /// The rule that nobody keeps.
    pub without: Option<Rule>,
    /// The size of a step.
    pub grain: Grain,
}

impl Votes {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    fn quorum(&self) -> usize {
        self.setting.quorum - usize::from(!self.keeps(Rule::FullQuorum))
    }

    /// Whether so many honest parties are q with the byzantine ones.
    fn are_quorum(&self, honest: usize) -> bool {
        honest + self.setting.byzantine >= self.quorum()
    }

    fn honest<'a>(&self, state: &'a State) -> &'a [Signed] {
        &state.parties[..self.setting.honest()]
    }

    pub(super) fn proposals(&self) -> impl Iterator<Item = Proposal> + Clone {
        Proposal::all(self.attempts)
    }

    /// What is true here.
    #[must_use]
    pub fn facts(&self, state: &State) -> Facts {
        // PROTOCOL 4.4: q Accepts are the certificate.
        let is_certified = |p: &Proposal| {
            let waits = |s: Signed| self.grain == Grain::Grouped && self.may(s, Statement::Accept(*p), state.locks, 0);
            self.are_quorum(self.honest(state).iter().filter(|s| p.is_in(s.accepts) || waits(**s)).count())
        };
        let certified = self.proposals().filter(is_certified).fold(0, |all, p| all | p.bit());
        Facts { locks: state.locks, supported: self.supported(state), certified, void: self.void(state) }
    }

    /// Proposals whose Open a party could be shown, and would support: up to the attempt beyond the last.
    pub(super) fn supported(&self, state: &State) -> Proposals {
        if !self.keeps(Rule::ClosesBeforeOpen) {
            return Proposals::MAX;
        }
        // Nothing binds the first attempt.
        (2..=self.attempts + 1).fold(of_attempt(1), |all, attempt| all | self.supported_in(attempt, state))
    }

    /// PROTOCOL 4.5: attempt a + 1 needs q Closes of a. 4.3: if they show locks, it is about that of the highest one.
    fn supported_in(&self, attempt: usize, state: &State) -> Proposals {
        // How many parties have a Close with no higher lock than of this attempt; 0 is none.
        let mut signers = [0; MOST_ATTEMPTS + 1];
        // PROTOCOL 4.5: a Close whose lock does not verify is none.
        let mut shown = match (self.setting.byzantine, self.keeps(Rule::ProvenLock)) {
            (0, _) => 0,
            (_, true) => state.locks,
            (_, false) => Proposals::MAX,
        };
        for closes in self.honest(state).iter().map(|s| s.shown_from(attempt - 1)) {
            shown |= closes.locks;
            let Some(lowest) = closes.lowest else { continue };
            signers[lowest..].iter_mut().for_each(|count| *count += 1);
        }
        if self.are_quorum(signers[0]) {
            return of_attempt(attempt);
        }
        // Each signer can give the Close with its lowest lock; one gives the highest.
        let binding = self.proposals().filter(|lock| lock.is_in(shown) && self.are_quorum(signers[lock.attempt]));
        binding.fold(0, |all, lock| all | Proposal { attempt, ..lock }.bit())
    }

    /// PROTOCOL 4.8: whether the round is void, to anybody.
    fn void(&self, state: &State) -> bool {
        let counts = |s: &&Signed| s.has_ended(false) || (s.has_ended(true) && !self.keeps(Rule::UnlockedVoid));
        let ended = self.honest(state).iter().filter(counts).count();
        // n − q + 1 is one more where q is one less.
        let more = usize::from(!self.keeps(Rule::FullQuorum));
        let void = self.setting.void + more - usize::from(!self.keeps(Rule::FullVoid));
        // Where q = n, a compute party's own is proof to itself.
        ended + self.setting.byzantine >= void || (ended > 0 && self.quorum() == self.setting.parties)
    }

    /// Whether an honest party may sign this now, by the rules that are kept.
    pub(super) fn may(&self, signed: Signed, statement: Statement, locks: Proposals, supported: Proposals) -> bool {
        match statement {
            // PROTOCOL 4.4: one Ready an attempt, for an Open that it supports.
            Statement::Ready(p) => {
                let other = if self.keeps(Rule::OneReady) { of_attempt(p.attempt) } else { p.bit() };
                p.is_in(supported) && p.attempt > signed.closed() && signed.readys & other == 0
            }
            // PROTOCOL 4.4: a lock, then Accept.
            Statement::Accept(p) => {
                let grounds = if self.keeps(Rule::LockBeforeAccept) { locks } else { signed.readys };
                let open = p.attempt > signed.closed() || !self.keeps(Rule::NoAcceptOnceClosed);
                p.is_in(grounds) && open && !p.is_in(signed.accepts)
            }
            // PROTOCOL 4.5: with the highest lock held. That is as high as any that it accepted or showed.
            Statement::Close(attempt, lock) => {
                // Where Accepts go without locks, they leave nothing to show.
                let accepted = if self.keeps(Rule::LockBeforeAccept) { signed.accepts } else { 0 };
                let held = highest(accepted | signed.shown_from(1).locks);
                let shows = match lock {
                    Some(lock) => self.keeps(Rule::CloseShowsLock) && lock.is_in(locks) && lock.attempt >= held,
                    None => held == 0 || !self.keeps(Rule::CloseShowsLock),
                };
                shows && attempt > signed.closed()
            }
        }
    }

    /// The state after a party has signed.
    pub(super) fn sign(&self, state: &State, party: usize, statement: Statement) -> State {
        let mut after = *state;
        after.contradiction |= state.parties[party].contradicts(statement);
        after.parties[party].sign(statement);
        // PROTOCOL 4.4: q Readys on one (a, S, Q) are a lock.
        if let Statement::Ready(p) = statement
            && self.are_quorum(self.honest(&after).iter().filter(|s| p.is_in(s.readys)).count())
        {
            after.locks |= p.bit();
        }
        after
    }

    /// Honest parties; of those who have signed the same only one.
    fn different(&self, state: &State) -> impl Iterator<Item = usize> {
        (0..self.setting.honest()).filter(|&party| !state.parties[..party].contains(&state.parties[party]))
    }

    /// Every Close.
    fn closes(&self) -> impl Iterator<Item = (usize, Option<Proposal>)> {
        let shown = std::iter::once(None).chain(self.proposals().map(Some));
        (1..=self.attempts).chain([FOREVER]).flat_map(move |attempt| shown.clone().map(move |lock| (attempt, lock)))
    }

    fn single_steps(&self, state: &State, next: &mut Vec<State>) {
        let supported = self.supported(state);
        for party in self.different(state) {
            let closes = self.closes().map(|(attempt, lock)| Statement::Close(attempt, lock));
            let votes = self.proposals().flat_map(|p| [Statement::Ready(p), Statement::Accept(p)]);
            let allowed = |s: &Statement| self.may(state.parties[party], *s, state.locks, supported);
            next.extend(votes.chain(closes).filter(allowed).map(|statement| self.sign(state, party, statement)));
        }
    }

    fn grouped_steps(&self, state: &State, next: &mut Vec<State>) {
        let supported = self.supported(state);
        for p in self.proposals().filter(|p| p.is_in(supported) && state.locks & of_attempt(p.attempt) == 0) {
            if self.are_quorum(self.honest(state).iter().filter(|s| s.closed() < p.attempt).count()) {
                next.push(State { locks: state.locks | p.bit(), ..*state });
            }
        }
        for party in self.different(state) {
            for (attempt, lock) in self.closes() {
                if !self.may(state.parties[party], Statement::Close(attempt, lock), state.locks, supported) {
                    continue;
                }
                let allowed =
                    self.proposals().filter(|p| p.attempt <= lock.map_or(0, |lock| lock.attempt.min(attempt)));
                let accepts = allowed
                    .map(Statement::Accept)
                    .filter(|accept| self.may(state.parties[party], *accept, state.locks, supported));
                let after = accepts.fold(*state, |after, accept| self.sign(&after, party, accept));
                next.push(self.sign(&after, party, Statement::Close(attempt, lock)));
            }
        }
    }
}

impl Model for Votes {
    type State = State;
    type Promise = Promise;

    fn start(&self) -> State {
        State { parties: [Signed::default(); MOST_HONEST], locks: 0, contradiction: false }
    }

    fn successors(&self, state: &State, next: &mut Vec<State>) {
        match self.grain {
            Grain::Single => self.single_steps(state, next),
            Grain::Grouped => self.grouped_steps(state, next),
        }
    }

    fn canonical(&self, mut state: State) -> State {
        let honest = self.setting.honest();
        let mut other = State { parties: state.parties.map(Signed::swapped), locks: swapped(state.locks), ..state };
        state.parties[..honest].sort_unstable();
        other.parties[..honest].sort_unstable();
        state.min(other)
    }

    fn broken(&self, state: &State, watched: &[Promise]) -> Option<Promise> {
        let Facts { locks, supported, certified, void } = self.facts(state);
        let strays = |p: Proposal| {
            let later = Proposals::MAX << (2 * p.attempt);
            p.is_in(certified) && supported & later & about(1 - p.set) != 0
        };
        let breaks = |promise: &Promise| match promise {
            Promise::OneSet => certified & about(0) != 0 && certified & about(1) != 0,
            Promise::VoidIsEmpty => void && certified != 0,
            Promise::SetStays => self.proposals().any(strays),
            Promise::OneLock => locks & swapped(locks) != 0,
            Promise::NoContradiction => state.contradiction,
            Promise::HonestUnblamed => self.honest(state).iter().any(|s| s.is_at_fault()),
        };
        watched.iter().copied().find(breaks)
    }

    fn describe(&self, before: &State, after: &State) -> String {
        let parties = self.honest(before).iter().zip(self.honest(after)).zip(1..);
        let said: Vec<String> = parties
            .flat_map(|((then, now), party)| now.since(*then).map(move |statement| format!("p{party} {statement}")))
            .collect();
        let locks = self.proposals().filter(|p| p.is_in(after.locks & !before.locks)).map(|p| format!("lock {p}"));
        said.into_iter().chain(locks).collect::<Vec<_>>().join(", ")
    }
}
