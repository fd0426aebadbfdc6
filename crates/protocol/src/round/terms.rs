//! What a round is about, fixed when it is opened and the same at every party.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use sharing::{Bounds, Column, Dealer, Layout, Place, Scheme};
use wire::{Body, Grievance, RoundId, Until, Verify};

use crate::agreement::{
    Adversary, Agreement, Computation, Digest, PartyIndex, PeriodError, Quorum, Roles, SharingScheme,
};

use super::rule::{Rule, Rules};

/// A party as the round knows it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) key: [u8; 32],
    pub(super) roles: Roles,
}

/// What a round is about: one computation of one agreement, one period, and this party's place in it.
///
/// Parties are positions in the agreement wherever they are `u16`; a *seat* is a position among the compute parties.
#[derive(Clone, Debug)]
pub struct Terms {
    round: RoundId,
    agreement: Digest,
    computation: Computation,
    period: String,
    voided: u32,
    me: u16,
    members: Vec<Member>,
    computes: Vec<u16>,
    inputs: Vec<u16>,
    results: Vec<u16>,
    columns: Vec<Column>,
    quorum: Quorum,
    rules: Rules,
}

/// A round cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// The agreement has no such computation.
    #[error("the agreement has no computation of that name; it has: {0}")]
    UnknownComputation(String),
    /// The period is not written as the calendar asks.
    #[error("{0}")]
    Period(#[from] PeriodError),
    /// This party is not in the agreement.
    #[error("this party is not in the agreement")]
    NotAParty,
}

impl Terms {
    /// The terms of a round, from an agreement that passed every rule.
    ///
    /// # Errors
    /// [`TermsError`] where no such round can be.
    pub fn new(
        agreement: &Agreement,
        computation: &str,
        period: &str,
        voided: u32,
        me: PartyIndex,
    ) -> Result<Self, TermsError> {
        let Some(found) = agreement.computation(computation) else {
            let ids: Vec<&str> = agreement.computations().iter().map(|c| c.id.as_str()).collect();
            return Err(TermsError::UnknownComputation(ids.join(", ")));
        };
        found.calendar.period(period)?;
        if agreement.party(me).is_none() {
            return Err(TermsError::NotAParty);
        }
        let members: Vec<Member> = agreement
            .parties()
            .iter()
            .map(|p| Member { id: p.id.clone(), key: p.signing_key, roles: p.roles })
            .collect();
        let with = |has: fn(&Roles) -> bool| -> Vec<u16> {
            (0u16..).zip(&members).filter(|(_, m)| has(&m.roles)).map(|(i, _)| i).collect()
        };
        Ok(Self {
            round: RoundId::of(&agreement.digest().0, computation, period, voided),
            agreement: agreement.digest(),
            computation: found.clone(),
            period: period.into(),
            voided,
            me: me.0,
            computes: with(|r| r.compute),
            inputs: with(|r| r.input),
            results: with(|r| r.result),
            columns: found.columns.iter().map(|c| c.bounds).collect(),
            quorum: Quorum::of(agreement, found),
            rules: Rules::ALL,
            members,
        })
    }

    /// Switches a rule off at this party, for a simulation.
    #[cfg(feature = "weakened")]
    pub fn weaken(&mut self, rule: Rule) {
        if rule == Rule::FullQuorum {
            self.quorum.q -= 1;
        }
        self.rules.off.push(rule);
    }

    /// Checks signatures in another way, for a simulation.
    #[cfg(feature = "weakened")]
    #[must_use]
    pub fn verified_by(mut self, verify: Verify) -> Self {
        self.rules.verify = verify;
        self
    }

    /// The round's id.
    #[must_use]
    pub fn round(&self) -> RoundId {
        self.round
    }

    /// Digest of the agreement that the round is judged under.
    #[must_use]
    pub fn agreement(&self) -> Digest {
        self.agreement
    }

    /// The computation.
    #[must_use]
    pub fn computation(&self) -> &Computation {
        &self.computation
    }

    /// The period, in its canonical spelling.
    #[must_use]
    pub fn period(&self) -> &str {
        &self.period
    }

    /// v: how many rounds of this period are void.
    #[must_use]
    pub fn voided(&self) -> u32 {
        self.voided
    }

    /// This party.
    #[must_use]
    pub fn me(&self) -> u16 {
        self.me
    }

    /// Number of parties in the agreement.
    #[must_use]
    pub fn parties(&self) -> u16 {
        u16::try_from(self.members.len()).unwrap_or(u16::MAX)
    }

    /// A party's id, for people.
    #[must_use]
    pub fn party_id(&self, party: u16) -> &str {
        self.members.get(usize::from(party)).map_or("?", |m| m.id.as_str())
    }

    /// Compute parties in agreement order.
    #[must_use]
    pub fn computes(&self) -> &[u16] {
        &self.computes
    }

    /// Input parties in agreement order.
    #[must_use]
    pub fn inputs(&self) -> &[u16] {
        &self.inputs
    }

    /// Result parties in agreement order.
    #[must_use]
    pub fn results(&self) -> &[u16] {
        &self.results
    }

    /// Bounds and decimals of the columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Field and number of cells.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout { field: self.computation.field, cells: self.computation.cells() }
    }

    /// L, where the whole table is held: in malicious rounds.
    pub(super) fn cells(&self) -> usize {
        usize::try_from(self.computation.cells()).unwrap_or(usize::MAX)
    }

    /// Bytes of a chunk of a share or partial sum; in malicious rounds the blindings come with the values.
    #[must_use]
    pub fn chunk_bytes(&self, chunk: u64) -> usize {
        self.layout().chunk_bytes(chunk) * if self.is_malicious() { 2 } else { 1 }
    }

    /// What everything about that party's dealing is bound to.
    pub(super) fn place(&self, dealer: u16) -> Place {
        Place { round: self.round.0, dealer }
    }

    /// The range proofs of that party's dealing.
    pub(super) fn bounds(&self, dealer: u16) -> Bounds {
        Bounds::new(&self.columns, self.cells(), self.place(dealer))
    }

    /// n, k, t, q, h.
    #[must_use]
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// The linear scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self.computation.sharing {
            SharingScheme::Additive => Scheme::additive(self.quorum.n),
            SharingScheme::Shamir { threshold } => Scheme::shamir(self.quorum.n, threshold),
        }
    }

    /// The compute parties whose share of that party's dealing is explicit, in agreement order (PROTOCOL 2.1).
    #[must_use]
    pub fn explicit_recipients(&self, dealer: u16) -> Vec<u16> {
        let seats = self.dealer(dealer).map(|dealer| self.scheme().explicit_recipients(dealer)).unwrap_or_default();
        seats.into_iter().filter_map(|seat| self.computes.get(usize::from(seat)).copied()).collect()
    }

    /// A dealer's place in the scheme.
    #[must_use]
    pub fn dealer(&self, party: u16) -> Option<Dealer> {
        let index = self.inputs.iter().position(|&p| p == party)?;
        Some(Dealer { index: u16::try_from(index).ok()?, compute: self.seat(party) })
    }

    /// A party's seat among the compute parties.
    #[must_use]
    pub fn seat(&self, party: u16) -> Option<u16> {
        self.computes.iter().position(|&p| p == party).and_then(|seat| u16::try_from(seat).ok())
    }

    /// Whether that party is an input party.
    #[must_use]
    pub fn is_input(&self, party: u16) -> bool {
        self.inputs.contains(&party)
    }

    /// Whether that party is a compute party.
    #[must_use]
    pub fn is_compute(&self, party: u16) -> bool {
        self.computes.contains(&party)
    }

    /// Whether that party is a result party.
    #[must_use]
    pub fn is_result(&self, party: u16) -> bool {
        self.results.contains(&party)
    }

    /// The leader of an attempt: compute party (a − 1 + round id) mod n (PROTOCOL 4.3).
    #[must_use]
    pub fn leader(&self, attempt: u32) -> u16 {
        let n = self.computes.len() as u64;
        // The id is read as one big-endian number, reduced byte by byte.
        let id = self.round.0.iter().fold(0u64, |rest, &byte| (rest * 256 + u64::from(byte)) % n);
        let seat = (u64::from(attempt).saturating_sub(1) + id) % n;
        self.computes.get(usize::try_from(seat).unwrap_or(0)).copied().unwrap_or(0)
    }

    /// Whether the round is to stand against parties that do as they please.
    #[must_use]
    pub fn is_malicious(&self) -> bool {
        self.computation.adversary == Adversary::Malicious
    }

    /// How long an attempt may take: the agreement's deadline, doubled each time, up to `give_up_after` / 64 (PROTOCOL 4.5).
    #[must_use]
    pub fn attempt_lasts(&self, attempt: u32) -> Duration {
        let first = self.computation.attempt_deadline;
        let most = first.max(self.computation.give_up_after / 64);
        let doubled = 1u32.checked_shl(attempt.saturating_sub(1)).and_then(|times| first.checked_mul(times));
        doubled.map_or(most, |time| time.min(most))
    }

    /// So many Closes of ∞ that q votes are out of reach (PROTOCOL 4.8).
    #[must_use]
    pub fn ends_a_round(&self) -> usize {
        usize::from(self.quorum.n - self.quorum.q) + 1
    }

    /// Whether Closes of ∞ without a lock, by these compute parties, prove that nothing of the round has opened or can:
    /// fewer than q can still have accepted. Where all have to accept, a compute party's own is proof to itself.
    #[must_use]
    pub fn makes_void(&self, closed: &BTreeSet<u16>) -> bool {
        let liars = if self.is_malicious() { usize::from(self.quorum.t) } else { 0 };
        let own = self.quorum.q == self.quorum.n && closed.contains(&self.me);
        let enough = self.ends_a_round() + liars - usize::from(!self.keeps(Rule::EnoughCloses));
        own || closed.len() >= enough
    }

    /// Whether this party keeps to a rule.
    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.rules.keep(rule)
    }

    /// How signatures are checked.
    #[must_use]
    pub fn verify(&self) -> Verify {
        self.rules.verify
    }

    /// That party's signing key.
    #[must_use]
    pub fn key(&self, party: u16) -> Option<&[u8; 32]> {
        self.members.get(usize::from(party)).map(|m| &m.key)
    }

    /// The parties that a message is sent to at once (PROTOCOL 3): its recipient, or all that it concerns; without this
    /// party itself.
    pub(super) fn audience(&self, body: &Body, recipient: Option<u16>) -> Vec<u16> {
        let hears = |party: u16| recipient.map_or_else(|| self.concerns(body, None, party), |only| only == party);
        (0..self.parties()).filter(|&party| party != self.me && hears(party)).collect()
    }

    /// Whether a message concerns that party.
    pub(super) fn concerns(&self, body: &Body, recipient: Option<u16>, party: u16) -> bool {
        match body {
            Body::Propose { .. } | Body::Decline { .. } | Body::Abandon { .. } => true,
            // Whoever is accused is to know.
            Body::Complaint { .. } => true,
            Body::Deal { .. }
            | Body::Commitments { .. }
            | Body::Dealt { .. }
            | Body::Accept { .. }
            | Body::Certificate { .. } => self.is_compute(party) || self.is_result(party),
            Body::Share { .. } => recipient == Some(party),
            // It is sent to its dealer, who passes it on. Where the dealer is gone, the compute parties exchange it (6.3).
            Body::Receipt { .. } => recipient == Some(party) || self.is_compute(party),
            Body::Close { until: Until::Forever, .. } => true,
            Body::Open { .. } | Body::Ready { .. } | Body::Close { .. } => self.is_compute(party),
            Body::Partial { .. } => self.is_result(party),
            Body::Outcome { result } => self.is_result(party) == result.is_some(),
        }
    }

    /// Whether a party of the sender's roles may say this at all.
    pub(super) fn may_say(&self, body: &Body, sender: u16) -> bool {
        match body {
            Body::Propose { .. } | Body::Certificate { .. } | Body::Decline { .. } | Body::Abandon { .. } => true,
            Body::Deal { .. } | Body::Commitments { .. } | Body::Share { .. } | Body::Dealt { .. } => {
                self.is_input(sender)
            }
            Body::Complaint { grievance: Grievance::Cell { .. }, .. } => self.is_compute(sender),
            Body::Complaint { grievance: Grievance::Headers { .. }, .. } => true,
            Body::Receipt { .. }
            | Body::Open { .. }
            | Body::Ready { .. }
            | Body::Accept { .. }
            | Body::Close { .. }
            | Body::Partial { .. } => self.is_compute(sender),
            Body::Outcome { .. } => self.is_result(sender),
        }
    }
}
