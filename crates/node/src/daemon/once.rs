//! `run --once`: a daemon that leaves after one round (PROTOCOL 4.2).
//!
//! A party that only contributes is needed until every compute party holds its share; any other until nobody needs
//! anything of the round. Receipts stay in the store.

use std::collections::BTreeSet;

use wire::RoundId;

use super::hub::Hub;
use super::rounds::Open;

/// Why a daemon left by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// `COMPUTATION/PERIOD`.
    pub round: String,
    /// Compute parties that hold this party's dealing, where that was all that it had to do.
    pub receipted: Vec<String>,
    /// Why the round ended without a result, where it did.
    pub abandoned: Option<String>,
}

/// What a daemon that leaves after one round has found.
#[derive(Default)]
pub(super) struct Once {
    /// Rounds that were over for this party before it began.
    before: BTreeSet<RoundId>,
    pub(super) left: Option<Left>,
}

impl Hub {
    /// Takes note of what is over already: it is not for that that the daemon was started. A node that recovers has no
    /// rounds yet: it does so again when it goes on.
    pub(super) fn once(&mut self) {
        let before = self.rounds.iter().filter(|(_, open)| is_over(open)).map(|(id, _)| *id).collect();
        self.once = Some(Once { before, left: None });
    }

    /// Looks whether a round is over for this party.
    pub(super) fn look_for_leave(&mut self) {
        let Some(once) = self.once.as_mut().filter(|once| once.left.is_none()) else { return };
        let found = self.rounds.iter().find(|(id, open)| !once.before.contains(id) && is_over(open));
        once.left = found.map(|(_, open)| {
            let terms = open.round.terms();
            let delivered = open.round.view().delivered;
            let computes = terms.computes().iter().filter(|_| delivered && only_contributes(open));
            Left {
                round: open.status.address(),
                receipted: computes.map(|&party| terms.party_id(party).to_owned()).collect(),
                abandoned: open.status.reason.clone(),
            }
        });
    }
}

fn only_contributes(open: &Open) -> bool {
    let terms = open.round.terms();
    !terms.is_compute(terms.me()) && !terms.is_result(terms.me())
}

fn is_over(open: &Open) -> bool {
    let view = open.round.view();
    open.round.is_closed() || (only_contributes(open) && (view.delivered || view.ended.is_some()))
}
