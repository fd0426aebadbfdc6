//! The result party's part: partial sums stream in, totals stream out (PROTOCOL 4.7, 6.4).
//!
//! All holders' chunks of one index are combined together, so memory is a window of chunks for each holder, whatever
//! the size of the table. Nothing is visible before every holder's digest has been checked.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wire::link::{BulkId, BulkKind, Grant};
use wire::{Body, MessageKind};
use zeroize::Zeroizing;

use super::board::Board;
use super::context::Context;
use super::flow::WINDOW;
use super::job::{Closed, CombineError, Job, Part, Tally};
use super::ledger::Ledger;
use super::step::{Action, Note};
use super::terms::Terms;
use super::workplace::Finish;

/// Why there is no result here.
pub(super) enum Trouble {
    /// What peers sent. All may know it.
    Peers(String),
    /// This node could not do its part. What its system says is for its operator alone.
    Here(String),
}

/// Where the result stands.
pub(super) enum Receiver {
    /// No certificate, or partial sums missing; or not a result party at all.
    Waiting,
    /// Elements are coming in.
    Streaming(Streaming),
    /// All elements are in and agree with their headers; the file is being completed.
    Finishing {
        /// The result's digest.
        digest: [u8; 32],
    },
    /// The result is there.
    Released {
        /// Its digest.
        digest: [u8; 32],
    },
    /// There will be no result here.
    Withheld,
}

/// Elements on their way in.
pub(super) struct Streaming {
    holders: Vec<u16>,
    contributors: u32,
    /// The chunk that is combined next.
    next: u64,
    /// Chunks below this number were granted.
    limit: u64,
    /// Chunks that came, by index, then holder.
    arrived: BTreeMap<u64, BTreeMap<u16, Zeroizing<Vec<u8>>>>,
    /// None while a job has it.
    tally: Option<Tally>,
}

impl Receiver {
    /// Does what the facts allow.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        if matches!(self, Self::Waiting) {
            self.begin(context);
        }
        if let Self::Streaming(streaming) = self {
            streaming.combine(context);
        }
    }

    /// PROTOCOL 4.7: checks the certificate, |S| ≥ μ and the Receipts itself, then needs k Partials of Q under that S.
    fn begin(&mut self, context: &mut Context<'_>) {
        let terms = context.terms;
        if !terms.is_result(terms.me()) || !missing(context.ledger, context.board).is_empty() {
            return;
        }
        let Some(certified) = &context.board.certified else { return };
        // Additive: k = n, so every holder is needed.
        let holders: Vec<u16> = certified.set.holders.to_vec();
        let contributors = u32::try_from(certified.set.dealings.len()).unwrap_or(u32::MAX);
        let tally = Some(Tally::new(terms, &holders));
        let mut streaming = Streaming { holders, contributors, next: 0, limit: 0, arrived: BTreeMap::new(), tally };
        streaming.grant(context);
        *self = Self::Streaming(streaming);
    }

    /// Elements arrived. What was not granted is a fault; what is there already is ignored.
    pub(super) fn chunk(&mut self, context: &mut Context<'_>, peer: u16, index: u64, elements: Zeroizing<Vec<u8>>) {
        let Self::Streaming(streaming) = self else { return };
        let refused = if !streaming.holders.contains(&peer) || peer == context.terms.me() {
            "elements of a party that is no holder"
        } else if index >= streaming.limit {
            "elements that were not granted"
        } else if elements.len() != context.terms.layout().chunk_bytes(index) {
            "a chunk of another length than agreed"
        } else {
            if index >= streaming.next {
                streaming.arrived.entry(index).or_default().entry(peer).or_insert(elements);
            }
            return;
        };
        context.fault(peer, Some(MessageKind::Partial), refused);
    }

    /// One chunk was combined. `Err` is why there will be no result.
    pub(super) fn combined(
        &mut self,
        context: &mut Context<'_>,
        combined: Result<Tally, CombineError>,
    ) -> Result<(), Trouble> {
        let Self::Streaming(streaming) = self else { return Ok(()) };
        let terms = context.terms;
        let tally = combined.map_err(|error| match error {
            CombineError::NotCanonical { holder } => {
                Trouble::Peers(format!("{} sent a partial sum with elements that are none", terms.party_id(holder)))
            }
            CombineError::Inconsistent(_) => Trouble::Peers(error.to_string()),
            CombineError::OutOfRange => {
                Trouble::Peers(format!("{error}; a semi-honest round cannot tell who is at fault"))
            }
            CombineError::Workplace(error) => Trouble::Here(error),
        })?;
        streaming.next += 1;
        if streaming.next < terms.layout().chunks() {
            streaming.tally = Some(tally);
            streaming.grant(context);
            return Ok(());
        }
        let Closed { holders, totals, partials } = tally.close();
        for (holder, digest) in holders {
            if announced(context.ledger, context.board, holder) != Some(digest) {
                let holder = terms.party_id(holder);
                return Err(Trouble::Peers(format!("the partial sum of {holder} is not the one that it announced")));
            }
        }
        let Some(certified) = &context.board.certified else { return Ok(()) };
        let contributors: Vec<u16> = certified.set.dealings.iter().map(|entry| entry.dealer).collect();
        let digest = result_digest(terms, &contributors, &totals);
        context.run(Job::Finish(Finish { contributors, digest, partials }));
        *self = Self::Finishing { digest };
        Ok(())
    }

    /// The result is on disk: tell the others.
    pub(super) fn finished(&mut self, context: &mut Context<'_>) -> Option<[u8; 32]> {
        let Self::Finishing { digest } = *self else { return None };
        *self = Self::Released { digest };
        if let Some(certified) = &context.board.certified {
            let (digest, set) = (certified.digest, certified.set.clone());
            context.note(Note::Released { digest, set });
        }
        context.publish(None, Body::Outcome { result: Some(digest) });
        if (0..context.terms.parties()).any(|p| !context.terms.is_result(p)) {
            context.publish(None, Body::Outcome { result: None });
        }
        Some(digest)
    }

    /// A peer may have lost what we granted it: grant again from where we stand.
    pub(super) fn link_up(&self, context: &mut Context<'_>, peer: u16) {
        if let Self::Streaming(streaming) = self
            && streaming.holders.contains(&peer)
        {
            let object = BulkId { round: context.terms.round(), kind: BulkKind::Partial };
            let next = (streaming.next..streaming.limit)
                .find(|index| !streaming.arrived.get(index).is_some_and(|parts| parts.contains_key(&peer)))
                .unwrap_or(streaming.limit);
            let grant = Grant { object, epoch: 0, next, limit: streaming.limit };
            context.step.actions.push(Action::SendGrant { to: peer, grant });
        }
    }

    /// Holders whose elements are missing, while they stream.
    pub(super) fn waits(&self) -> Vec<u16> {
        let Self::Streaming(streaming) = self else { return Vec::new() };
        let parts = streaming.arrived.get(&streaming.next);
        streaming.holders.iter().copied().filter(|h| !parts.is_some_and(|p| p.contains_key(h))).collect()
    }

    /// Chunks combined so far.
    pub(super) fn progress(&self) -> Option<u64> {
        if let Self::Streaming(streaming) = self { Some(streaming.next) } else { None }
    }
}

impl Streaming {
    /// Lets every holder send a window ahead. Grants only grow, and by half a window at least.
    fn grant(&mut self, context: &mut Context<'_>) {
        let chunks = context.terms.layout().chunks();
        let limit = (self.next + WINDOW).min(chunks);
        if limit <= self.limit || (limit < self.limit + WINDOW / 2 && limit < chunks) {
            return;
        }
        self.limit = limit;
        let object = BulkId { round: context.terms.round(), kind: BulkKind::Partial };
        for &to in self.holders.iter().filter(|&&h| h != context.terms.me()) {
            let grant = Grant { object, epoch: 0, next: self.next, limit };
            context.step.actions.push(Action::SendGrant { to, grant });
        }
    }

    /// Combines the next chunk once every holder's part of it is there. One at a time: digests run in order.
    fn combine(&mut self, context: &mut Context<'_>) {
        let me = context.terms.me();
        let remote = self.holders.iter().filter(|&&h| h != me).count();
        if self.tally.is_none() || self.arrived.get(&self.next).map_or(0, BTreeMap::len) < remote {
            return;
        }
        let mut arrived = self.arrived.remove(&self.next).unwrap_or_default();
        let parts: Vec<Part> =
            self.holders.iter().map(|holder| arrived.remove(holder).map_or(Part::Own, Part::Elements)).collect();
        if let Some(tally) = self.tally.take() {
            context.run(Job::Combine { chunk: self.next, contributors: self.contributors, parts, tally });
        }
    }
}

/// What the result still lacks once there is a certificate: Receipts of S, then Partials of Q.
pub(super) fn missing(ledger: &Ledger, board: &Board) -> Vec<(u16, MessageKind)> {
    let Some(certified) = &board.certified else { return Vec::new() };
    let dealers = certified
        .set
        .dealings
        .iter()
        .filter(|entry| !board.receipted_by_all(entry.dealer, entry.dealing, &certified.set.holders))
        .map(|entry| (entry.dealer, MessageKind::Dealt));
    let holders = certified
        .set
        .holders
        .iter()
        .filter(|&&holder| announced(ledger, board, holder).is_none())
        .map(|&holder| (holder, MessageKind::Partial));
    dealers.chain(holders).collect()
}

/// The digest that a holder announced for its partial sum under the certified set.
fn announced(ledger: &Ledger, board: &Board, holder: u16) -> Option<[u8; 32]> {
    let certified = board.certified.as_ref()?;
    match ledger.from(MessageKind::Partial, holder)?.body() {
        Body::Partial { set, digest } if *set == certified.digest => Some(*digest),
        _ => None,
    }
}

/// The result's digest: round, contributors, totals. The same at every result party.
fn result_digest(terms: &Terms, contributors: &[u16], totals: &[u8; 32]) -> [u8; 32] {
    let contributors: Vec<u8> = contributors.iter().flat_map(|c| c.to_le_bytes()).collect();
    sharing::hash("smpcd/1/result", &[&terms.round().0, &contributors, totals])
}
