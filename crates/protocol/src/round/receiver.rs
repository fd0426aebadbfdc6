//! The result party's part: partial sums stream in, totals stream out (PROTOCOL 4.7, 6.4).
//!
//! k partial sums give the result; every further one checks the others. So all holders of Q are waited for, but none of
//! them for longer than a while once k are there. All chunks of one index are combined together, so memory is a window of
//! chunks for each holder, whatever the size of the table. Nothing is visible before every digest has been checked.
//!
//! Attacker: holders that lie, stop half-way, or come and go. A lie withholds the result or, with k holders, shifts it (a
//! semi-honest round promises no more); silence costs time while k others are there.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wire::link::BulkKind;
use wire::{Body, MessageKind};
use zeroize::Zeroizing;

use super::board::Board;
use super::bundle;
use super::context::Context;
use super::flow::{Inflow, MAX_EPOCHS};
use super::gathering::Gathering;
use super::job::{Closed, CombineError, Job, Opened, Part, Tally};
use super::ledger::Ledger;
use super::proven;
use super::step::{Millis, Note};
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
    Waiting {
        /// When k partial sums were announced.
        enough: Option<Millis>,
    },
    /// Elements are coming in.
    Streaming(Streaming),
    /// In a malicious round: partial sums are gathered and checked.
    Gathering(Gathering),
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
    /// The holders that take part.
    holders: Vec<u16>,
    /// Their elements, and those of holders that took part before.
    flows: BTreeMap<u16, Inflow>,
    contributors: u32,
    /// Chunks that were combined.
    done: u64,
    /// Since when the next chunk is waited for.
    since: Millis,
    /// How often it began anew.
    begun: u32,
    /// None while a job has it.
    tally: Option<Tally>,
}

impl Receiver {
    pub(super) fn new(terms: &Terms) -> Self {
        if terms.is_malicious() { Self::Gathering(Gathering::default()) } else { Self::Waiting { enough: None } }
    }

    /// Does what the facts allow.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) {
        self.begin(context);
        match self {
            Self::Streaming(streaming) => {
                streaming.leave_behind(context);
                streaming.combine(context);
            }
            Self::Gathering(gathering) => gathering.advance(context),
            Self::Waiting { .. } | Self::Finishing { .. } | Self::Released { .. } | Self::Withheld => {}
        }
    }

    /// PROTOCOL 4.7: checks the certificate, |S| ≥ μ and the Receipts itself, then needs k Partials of Q under that S.
    fn begin(&mut self, context: &mut Context<'_>) {
        let Self::Waiting { enough } = self else { return };
        let terms = context.terms;
        let Some(certified) = &context.board.certified else { return };
        if !terms.is_result(terms.me()) || !lacking_receipts(context.board).is_empty() {
            return;
        }
        let holders = announced(context.ledger, context.board);
        if holders.len() < usize::from(terms.quorum().k) {
            return;
        }
        // With more than k, all are checked against one polynomial: the others get a while.
        let enough = *enough.get_or_insert(context.now);
        if holders.len() < certified.set.holders.len() && context.now < grace_over(terms, enough) {
            return;
        }
        let contributors = u32::try_from(certified.set.dealings.len()).unwrap_or(u32::MAX);
        let (done, since, begun) = (0, context.now, 0);
        let flows = BTreeMap::new();
        let mut streaming = Streaming { holders: Vec::new(), flows, contributors, done, since, begun, tally: None };
        streaming.begin(context, holders);
        *self = Self::Streaming(streaming);
    }

    /// Elements arrived. What was not granted is a fault.
    pub(super) fn chunk(&mut self, context: &mut Context<'_>, peer: u16, index: u64, elements: Zeroizing<Vec<u8>>) {
        let taken = match self {
            Self::Gathering(gathering) => gathering.chunk(context, peer, index, elements),
            Self::Streaming(streaming) => match streaming.flows.get_mut(&peer) {
                Some(flow) => flow.arrive(context, index, elements),
                None => Err("elements of a partial sum that were not granted"),
            },
            Self::Waiting { .. } | Self::Finishing { .. } | Self::Released { .. } | Self::Withheld => return,
        };
        if let Err(refused) = taken {
            context.fault(peer, Some(MessageKind::Partial), refused);
        }
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
            // A bad dealer and a bad compute party look alike here.
            CombineError::Inconsistent(_) => Trouble::Peers(error.to_string()),
            CombineError::OutOfRange => {
                Trouble::Peers(format!("{error}; a semi-honest round cannot tell who is at fault"))
            }
            CombineError::Workplace(error) => Trouble::Here(error),
        })?;
        if streaming.done + 1 < terms.layout().chunks() {
            streaming.go_on(context, tally);
            return Ok(());
        }
        let Closed { holders, totals, partials } = tally.close();
        for (holder, digest) in holders {
            if announced_digest(context.ledger, context.board, holder) != Some(digest) {
                let holder = terms.party_id(holder);
                return Err(Trouble::Peers(format!("the partial sum of {holder} is not the one that it announced")));
            }
        }
        let Some(certified) = &context.board.certified else { return Ok(()) };
        let contributors: Vec<u16> = certified.set.dealings.iter().map(|entry| entry.dealer).collect();
        let digest = result_digest(terms, &contributors, &totals);
        context.run(Job::Finish(Finish { contributors, digest, partials, bundle: None }));
        *self = Self::Finishing { digest };
        Ok(())
    }

    /// Partial sums of a malicious round were checked (PROTOCOL 5.3). `Err` is why there will be no result.
    pub(super) fn opened(&mut self, context: &mut Context<'_>, opened: Result<Opened, String>) -> Result<(), Trouble> {
        let (Self::Gathering(gathering), Some(certified)) = (&mut *self, context.board.certified.clone()) else {
            return Ok(());
        };
        let opened = opened.map_err(Trouble::Here)?;
        for &holder in &opened.unannounced {
            context.fault(holder, Some(MessageKind::Partial), "a partial sum that is not the one that it announced");
        }
        gathering.without(opened.unannounced.into_iter().chain(opened.wrong.iter().map(|(holder, _)| *holder)));
        for (holder, elements) in opened.wrong {
            bundle::convict_partial(context, &certified, holder, elements);
        }
        let Some(total) = opened.total else { return Ok(()) };
        let contributors: Vec<u16> = certified.set.dealings.iter().map(|entry| entry.dealer).collect();
        let digest = result_digest(context.terms, &contributors, &total.digest);
        let partials = proven::values_for_people(context.terms, &total.partials);
        let bundle = bundle::of_result(context, &certified, digest, total.partials);
        context.run(Job::Finish(Finish { contributors, digest, partials, bundle }));
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
        match self {
            Self::Gathering(gathering) => gathering.link_up(context, peer),
            Self::Streaming(streaming) => {
                if let Some(flow) = streaming.flows.get(&peer) {
                    flow.grant_again(context);
                }
            }
            Self::Waiting { .. } | Self::Finishing { .. } | Self::Released { .. } | Self::Withheld => {}
        }
    }

    /// Why there can be no result here any more.
    pub(super) fn hopeless(&self, terms: &Terms, ledger: &Ledger, board: &Board) -> Option<Trouble> {
        let Self::Gathering(gathering) = self else { return None };
        gathering.hopeless(terms, ledger, board).map(Trouble::Peers)
    }

    /// When it goes on without those that it waits for, if it can.
    pub(super) fn again(&self, terms: &Terms) -> Option<Millis> {
        match self {
            Self::Waiting { enough } => enough.map(|since| grace_over(terms, since)),
            Self::Gathering(gathering) => gathering.again(terms),
            Self::Streaming(streaming) => streaming.tally.as_ref().map(|_| grace_over(terms, streaming.since)),
            Self::Finishing { .. } | Self::Released { .. } | Self::Withheld => None,
        }
    }

    /// What the result lacks once there is a certificate: Receipts of S, then Partials of Q, then elements of those that
    /// take part.
    pub(super) fn waits(&self, terms: &Terms, ledger: &Ledger, board: &Board) -> Vec<(u16, MessageKind)> {
        match (self, &board.certified) {
            (Self::Waiting { .. }, Some(certified)) if terms.is_result(terms.me()) => {
                let dealers = lacking_receipts(board).into_iter().map(|dealer| (dealer, MessageKind::Dealt));
                let here = announced(ledger, board);
                let silent = certified.set.holders.iter().filter(|holder| !here.contains(holder));
                dealers.chain(silent.map(|&holder| (holder, MessageKind::Partial))).collect()
            }
            (Self::Gathering(gathering), Some(_)) if terms.is_result(terms.me()) => {
                let dealers = lacking_receipts(board).into_iter().map(|dealer| (dealer, MessageKind::Dealt));
                dealers.chain(gathering.waits(terms, ledger, board)).collect()
            }
            (Self::Streaming(streaming), _) => {
                streaming.late().into_iter().map(|holder| (holder, MessageKind::Partial)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Chunks combined so far.
    pub(super) fn progress(&self) -> Option<u64> {
        if let Self::Streaming(streaming) = self { Some(streaming.done) } else { None }
    }
}

impl Streaming {
    /// Begins at chunk 0 with these holders.
    fn begin(&mut self, context: &mut Context<'_>, holders: Vec<u16>) {
        (self.done, self.since) = (0, context.now);
        self.tally = Some(Tally::new(context.terms, &holders));
        for &holder in holders.iter().filter(|&&holder| holder != context.terms.me()) {
            self.flows.entry(holder).or_insert_with(|| Inflow::new(holder, BulkKind::Partial)).restart(context);
        }
        self.holders = holders;
    }

    /// The next chunk may come.
    fn go_on(&mut self, context: &mut Context<'_>, tally: Tally) {
        self.done += 1;
        self.since = context.now;
        self.tally = Some(tally);
        for holder in &self.holders {
            if let Some(flow) = self.flows.get_mut(holder) {
                flow.grant(context);
            }
        }
    }

    /// Holders that take part and whose part of the next chunk is not here.
    fn late(&self) -> Vec<u16> {
        let lacks = |holder: &u16| self.flows.get(holder).is_some_and(|flow| !flow.is_ready());
        self.holders.iter().copied().filter(lacks).collect()
    }

    /// PROTOCOL 4.7: k are enough. Whoever keeps k others waiting for too long is left behind. Where fewer than k are there
    /// and others have announced theirs meanwhile, it begins anew with all of them, for a digest is of the whole.
    fn leave_behind(&mut self, context: &mut Context<'_>) {
        let late = self.late();
        let Some(tally) = &mut self.tally else { return };
        if context.now < grace_over(context.terms, self.since) {
            return;
        }
        if self.holders.len() - late.len() >= usize::from(context.terms.quorum().k) {
            tally.leave_behind(&late);
            self.holders.retain(|holder| !late.contains(holder));
            self.flows.iter_mut().filter(|(holder, _)| late.contains(holder)).for_each(|(_, flow)| flow.stop());
            return;
        }
        let announced = announced(context.ledger, context.board);
        if announced.len() > self.holders.len() && self.begun < MAX_EPOCHS {
            self.begun += 1;
            self.begin(context, announced);
        }
    }

    /// Combines the next chunk once every part of it is there. One at a time: digests run in order.
    fn combine(&mut self, context: &mut Context<'_>) {
        if !self.late().is_empty() {
            return;
        }
        let Some(tally) = self.tally.take() else { return };
        let part = |holder: &u16| match self.flows.get_mut(holder).and_then(Inflow::take) {
            Some((_, elements)) => Part::Elements(elements),
            None => Part::Own,
        };
        let parts = self.holders.iter().map(part).collect();
        context.run(Job::Combine { chunk: self.done, contributors: self.contributors, parts, tally });
    }
}

/// When a holder has been waited for long enough, where k others are there.
pub(super) fn grace_over(terms: &Terms, since: Millis) -> Millis {
    since.after(terms.computation().attempt_deadline)
}

/// Dealers of S whose Receipts of all of Q are not here.
pub(super) fn lacking_receipts(board: &Board) -> Vec<u16> {
    let Some(certified) = &board.certified else { return Vec::new() };
    let dealings = certified.set.dealings.iter();
    dealings
        .filter(|entry| !board.receipted_by_all(entry.dealer, entry.dealing, &certified.set.holders))
        .map(|entry| entry.dealer)
        .collect()
}

/// Holders of Q that have announced their partial sum under the certified set.
pub(super) fn announced(ledger: &Ledger, board: &Board) -> Vec<u16> {
    let holders = board.certified.iter().flat_map(|certified| certified.set.holders.iter().copied());
    holders.filter(|&holder| announced_digest(ledger, board, holder).is_some()).collect()
}

/// The digest that a holder announced for its partial sum under the certified set.
pub(super) fn announced_digest(ledger: &Ledger, board: &Board, holder: u16) -> Option<[u8; 32]> {
    let certified = board.certified.as_ref()?;
    match ledger.from(MessageKind::Partial, holder)?.body() {
        Body::Partial { set, digest } if *set == certified.digest => Some(*digest),
        _ => None,
    }
}

/// The result's digest: round, contributors, totals. The same at every result party.
pub(super) fn result_digest(terms: &Terms, contributors: &[u16], totals: &[u8; 32]) -> [u8; 32] {
    let contributors: Vec<u8> = contributors.iter().flat_map(|c| c.to_le_bytes()).collect();
    sharing::hash("smpcd/1/result", &[&terms.round().0, &contributors, totals])
}
