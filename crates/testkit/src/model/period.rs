//! The rounds of one period (PROTOCOL 1.2, 4.8): which of them can be certified, when a void one is followed by the next.
//!
//! What [`votes`](super::votes) shows of one round is taken for granted here: a party's votes are one Accept, and a
//! Close(∞) without a lock comes from a party that did not accept. One with a lock proves nothing and is left out, and so is
//! a party that joined and did not vote.

use std::fmt;

use super::Setting;
use super::search::Model;
use super::votes::MOST_HONEST;

/// Rounds in a row: v = 0, 1, 2.
const ROUNDS: usize = 3;

/// A rule that can be broken, to see what it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A party votes at v > 0 with the proof that v − 1 is void. Broken: without.
    VoidBeforeVote,
    /// A party signs Close(∞) of v > 0 with that proof too, even where it never joined. Broken: without.
    VoidBeforeEnd,
    /// Who has signed Close(∞) never joins at that v. Broken: it does.
    EndForGood,
    /// A party takes part in one round id of a v, whatever the agreement's version. Broken: in two.
    OneRoundId,
}

/// What must hold in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// No two certificates of the period.
    OneRound,
    /// No certificate in a void round.
    VoidIsEmpty,
}

impl Promise {
    /// Both.
    pub const ALL: [Self; 2] = [Self::OneRound, Self::VoidIsEmpty];
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneRound => "two certificates of one period",
            Self::VoidIsEmpty => "a certificate in a void round",
        })
    }
}

/// What a party may sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Statement {
    /// Its Accept at that v, in the round of one agreement version or another: 0 or 1.
    Accept(usize, usize),
    /// Close(∞) of that v, whatever the version, without a lock.
    End(usize),
}

impl Statement {
    fn all() -> impl Iterator<Item = Self> {
        (0..ROUNDS).flat_map(|v| [Self::Accept(v, 0), Self::Accept(v, 1), Self::End(v)])
    }

    fn bit(self) -> u16 {
        match self {
            Self::Accept(v, version) => 1 << (3 * v + version),
            Self::End(v) => 1 << (3 * v + 2),
        }
    }

    fn is_in(self, signed: u16) -> bool {
        signed & self.bit() != 0
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept(v, version) => write!(f, "Accept(v = {v}, agreement version {})", version + 1),
            Self::End(v) => write!(f, "Close(∞, v = {v})"),
        }
    }
}

/// What each honest party has signed.
pub type State = [u16; MOST_HONEST];

/// One period.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    /// Who votes.
    pub setting: Setting,
    /// The rule that nobody keeps.
    pub without: Option<Rule>,
}

impl Period {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// How many have signed it, the byzantine ones counted.
    fn signers(&self, state: &State, statement: Statement) -> usize {
        let honest = state[..self.setting.honest()].iter().filter(|signed| statement.is_in(**signed)).count();
        honest + self.setting.byzantine
    }

    /// Whether a party could have the proof that a round is void. Where q = n, its own Close(∞) is proof to itself.
    fn void(&self, state: &State, v: usize, own: u16) -> bool {
        let everybody_votes = self.setting.quorum == self.setting.parties;
        let end = Statement::End(v);
        self.signers(state, end) >= self.setting.void || (everybody_votes && end.is_in(own))
    }

    fn may(&self, state: &State, signed: u16, statement: Statement) -> bool {
        let (v, rule) = match statement {
            Statement::Accept(v, _) => (v, Rule::VoidBeforeVote),
            Statement::End(v) => (v, Rule::VoidBeforeEnd),
        };
        let proven = v == 0 || self.void(state, v - 1, signed) || !self.keeps(rule);
        let free = match statement {
            Statement::Accept(v, version) => {
                let ended = Statement::End(v).is_in(signed) && self.keeps(Rule::EndForGood);
                let elsewhere = Statement::Accept(v, 1 - version).is_in(signed) && self.keeps(Rule::OneRoundId);
                !ended && !elsewhere
            }
            Statement::End(v) => (0..2).all(|version| !Statement::Accept(v, version).is_in(signed)),
        };
        proven && free && !statement.is_in(signed)
    }
}

impl Model for Period {
    type State = State;
    type Promise = Promise;

    fn start(&self) -> State {
        [0; MOST_HONEST]
    }

    fn successors(&self, state: &State, next: &mut Vec<State>) {
        for party in 0..self.setting.honest() {
            for statement in Statement::all().filter(|statement| self.may(state, state[party], *statement)) {
                let mut after = *state;
                after[party] |= statement.bit();
                next.push(after);
            }
        }
    }

    fn canonical(&self, mut state: State) -> State {
        state[..self.setting.honest()].sort_unstable();
        state
    }

    fn broken(&self, state: &State, watched: &[Promise]) -> Option<Promise> {
        let certified = |v: usize| {
            (0..2).filter(|version| self.signers(state, Statement::Accept(v, *version)) >= self.setting.quorum).count()
        };
        let void = |v: usize| state[..self.setting.honest()].iter().any(|own| self.void(state, v, *own));
        let breaks = |promise: &Promise| match promise {
            Promise::OneRound => (0..ROUNDS).map(certified).sum::<usize>() > 1,
            Promise::VoidIsEmpty => (0..ROUNDS).any(|v| certified(v) > 0 && void(v)),
        };
        watched.iter().copied().find(breaks)
    }

    fn describe(&self, before: &State, after: &State) -> String {
        let parties = before.iter().zip(after).zip(1..);
        let said = parties.flat_map(|((then, now), party)| {
            let new = Statement::all().filter(move |statement| statement.is_in(now & !then));
            new.map(move |statement| format!("p{party} {statement}"))
        });
        said.collect::<Vec<_>>().join(", ")
    }
}
