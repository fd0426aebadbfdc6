//! What can still come of a round once all faults stop.

use super::statements::{FOREVER, Proposal, Signed, Statement, of_attempt};
use super::votes::{State, Votes};

/// What honest parties can come to by themselves, when byzantine ones say nothing more and messages arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    /// A certificate in the last attempt, with an honest leader.
    Certificate,
    /// The attempts are used up: fewer than q can vote in the last one. Every honest party can sign Close(∞).
    End,
    /// Neither: a rule forbids them to go on.
    Stuck,
}

impl Votes {
    /// Asked of [`Grain::Single`](super::votes::Grain::Single), which knows whose each Ready is.
    #[must_use]
    pub fn prospect(&self, state: &State) -> Prospect {
        let lock = self.proposals().filter(|p| p.is_in(state.locks)).last();
        let ends = |party: usize| {
            let ended = state.parties[party].closed() == FOREVER;
            ended || self.signed(*state, party, Statement::Close(FOREVER, lock)).is_some()
        };
        if !(0..self.setting.honest()).all(ends) {
            return Prospect::Stuck;
        }
        let votes = |s: Signed| s.closed() < self.attempts && s.readys & of_attempt(self.attempts) == 0;
        let voters: Vec<usize> = (0..self.setting.honest()).filter(|&party| votes(state.parties[party])).collect();
        match voters.len() < self.setting.quorum {
            true => Prospect::End,
            false if self.certify(*state, &voters, lock).is_some() => Prospect::Certificate,
            false => Prospect::Stuck,
        }
    }

    /// The state in which all of these have accepted in the last attempt; nothing if a rule stops one of them.
    fn certify(&self, mut state: State, voters: &[usize], lock: Option<Proposal>) -> Option<State> {
        // They close the attempt before.
        let before = self.attempts - 1;
        for &party in voters {
            if state.parties[party].closed() < before {
                state = self.signed(state, party, Statement::Close(before, lock))?;
            }
        }
        // The leader has all their Closes, and opens about the highest lock in them.
        let shown = voters.iter().fold(0, |all, &party| all | state.parties[party].shown_from(1).locks);
        let set = self.proposals().filter(|p| p.is_in(shown)).last().map_or(0, |lock| lock.set);
        let proposal = Proposal { attempt: self.attempts, set };
        for statement in [Statement::Ready(proposal), Statement::Accept(proposal)] {
            for &party in voters {
                state = self.signed(state, party, statement)?;
            }
        }
        Some(state)
    }

    /// The state after a party has signed, if it may.
    fn signed(&self, state: State, party: usize, statement: Statement) -> Option<State> {
        let may = self.may(state.parties[party], statement, state.locks, self.supported(&state));
        may.then(|| self.sign(&state, party, statement))
    }
}
