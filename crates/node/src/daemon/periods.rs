//! Which round of a period is next: v, and why v − 1 is void (PROTOCOL 1.2, 4.8).

use protocol::round::{Event, Phase, Terms, check_void};
use wire::message::{Until, Votes};
use wire::{Body, Envelope, RoundId};
use zeroize::Zeroizing;

use super::hub::Hub;
use crate::status::RoundStatus;
use crate::store::{Reads, RoundRow, StoreError};

/// More rounds of one period than people begin anew. A peer could count up otherwise.
const MOST_VOID: u32 = 1000;

/// A round that may be begun.
pub(super) struct Next {
    /// How many rounds of the period are void.
    pub(super) v: u32,
    /// For v > 0, what proves that round v − 1 is.
    pub(super) proof: Votes,
}

/// What comes of a proposal's v.
pub(super) enum Judged {
    /// It may be joined.
    Next(Next),
    /// Its proof is good, and the round before has yet to end here.
    NotYet,
    /// Another round of the period stands in its way, or its proof is none.
    Refused(String),
}

impl Hub {
    /// The round of that period that may be begun now; none while one is there that is not proven void.
    pub(super) fn next_round(&self, computation: &str, period: &str) -> Result<Option<Next>, StoreError> {
        let Some(row) = self.reads().round(computation, period)? else {
            return Ok(Some(Next { v: 0, proof: Votes::default() }));
        };
        let id = RoundId(row.id);
        let proof = match self.rounds.get(&id) {
            Some(open) => open.round.is_void().then(|| open.round.void_proof()),
            None if row.void => Some(self.restored(&row)?.0.void_proof()),
            None => None,
        };
        Ok(proof.filter(|_| row.v < MOST_VOID).map(|proof| Next { v: row.v + 1, proof }))
    }

    /// Judges the v of a proposal, and its proof that v − 1 is void.
    pub(super) fn judge_v(&mut self, from: u16, computation: &str, period: &str, v: u32, proof: &Votes) -> Judged {
        let known = match (self.next_round(computation, period), self.reads().round(computation, period)) {
            (Ok(Some(next)), Ok(_)) if next.v == v => return Judged::Next(next),
            (Ok(_), Ok(row)) => row,
            (Err(error), _) | (_, Err(error)) => return Judged::Refused(error.to_string()),
        };
        let refused = |reason: String| Judged::Refused(format!("{computation}/{period}: {reason}"));
        let Some(before) = v.checked_sub(1).filter(|before| *before < MOST_VOID) else {
            return refused("another round of this period is pinned here".to_owned());
        };
        if known.as_ref().is_some_and(|row| row.v > before) {
            return refused("another round of this period is pinned here".to_owned());
        }
        let terms = Terms::new(self.book.agreement(), computation, period, before, self.book.party());
        let proven = terms.map_err(|error| error.to_string()).and_then(|terms| {
            check_void(&terms, proof)
                .map(|()| terms)
                .map_err(|reason| format!("round v = {before} is not proven void: {reason}"))
        });
        let terms = match proven {
            Ok(terms) => terms,
            Err(reason) => return refused(reason),
        };
        // Whatever the proof is of, the last round that this party knows must have ended here without a certificate.
        match known {
            Some(row) if row.phase == Phase::Completed.name() || is_certified(&row) => {
                refused(format!("round v = {} was certified here", row.v))
            }
            Some(row) if self.rounds.get(&RoundId(row.id)).is_some_and(|open| open.status.is_open()) => {
                if row.v == before {
                    self.pass_on(from, &row, &terms, proof);
                }
                Judged::NotYet
            }
            _ => Judged::Next(Next { v, proof: proof.clone() }),
        }
    }

    /// What proves a round void ends it here: each vote is a Close that its party has signed.
    fn pass_on(&mut self, from: u16, row: &RoundRow, terms: &Terms, proof: &Votes) {
        for vote in proof.iter().filter(|vote| vote.party != terms.me()) {
            let body = Body::Close { until: Until::Forever, lock: None };
            let close = Envelope::carried(RoundId(row.id), vote.party, None, body, vote.signature);
            let bytes = Zeroizing::new(close.bytes().to_vec());
            self.feed(RoundId(row.id), Event::Message { from, bytes });
        }
    }
}

/// Whether this party has held a certificate of that round.
fn is_certified(row: &RoundRow) -> bool {
    serde_json::from_str::<RoundStatus>(&row.view).is_ok_and(|status| !status.contributors.is_empty())
}
