//! The rounds of this node: opening, feeding, committing, acting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use audit::{Actor, Draft, Event as Record, Name, Text};
use jiff::Timestamp;
use protocol::agreement::{Digest, PartyIndex};
use protocol::round::{Approver, Event, Phase, Round, Terms};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use wire::message::Votes;
use wire::{Body, Envelope, MessageKind, RoundId, Sealed};
use zeroize::Zeroizing;

use super::hub::Hub;
use super::peers::Peer;
use super::place::RoundPlace;
use super::work::{Finished, Worker};
use crate::admin::{Refused, Reply};
use crate::settings::Policy;
use crate::status::RoundStatus;
use crate::store::{Reads, StoreError};

/// Rounds that somebody may still need at once. Each costs some hundred kilobytes at most while it waits.
const MOST_OPEN: usize = 256;
/// Of these, the ones that one peer has proposed: it cannot take the places of all others.
const MOST_OF_ONE_PEER: usize = 32;
/// Proposals of one peer that wait until a reason of our own has passed.
const MOST_PROPOSALS: usize = 8;

/// A round that somebody may still need.
pub(super) struct Open {
    pub(super) round: Round,
    pub(super) status: RoundStatus,
    pub(super) worker: Worker,
    /// When the input file was last changed, as of the last approval by the policy.
    pub(super) input_seen: Option<SystemTime>,
    /// When it was last changed, as of the last look: a file that is being copied changes from look to look.
    pub(super) input_look: Option<SystemTime>,
    /// Who proposed it to us; none where our operator did.
    proposer: Option<u16>,
}

impl Hub {
    /// Feeds an event to a round. What comes of it waits for the turn's commit.
    pub(super) fn feed(&mut self, round: RoundId, event: Event) {
        let now = self.now();
        let Some(open) = self.rounds.get_mut(&round) else { return };
        let step = open.round.handle(event, now, &mut UnwrapErr(SysRng), &*self.signer);
        if !step.is_empty() {
            self.pending.steps.push((round, step));
        }
    }

    pub(super) fn feed_all(&mut self, event: impl Fn() -> Event) {
        for round in self.rounds.keys().copied().collect::<Vec<_>>() {
            self.feed(round, event());
        }
    }

    pub(super) fn tick(&mut self) {
        self.feed_all(|| Event::Tick);
    }

    pub(super) fn job_done(&mut self, finished: Finished) {
        self.feed(RoundId(finished.round), Event::Done(finished.done));
    }

    /// PROTOCOL 6.2: to start a round or deal in it needs equal agreements and all signatures.
    fn may_open(&self, computation: &str, period: &str) -> Result<Terms, Refused> {
        // All of it at once: where one party has another agreement, the others' signatures on it are missing too.
        let mut lines: Vec<String> = self.peers.iter().filter_map(|peer| peer.difference.clone()).collect();
        let missing = self.book.missing_signatures();
        if !missing.is_empty() {
            let who: Vec<&str> = missing.iter().map(|party| self.party_id(party.0)).collect();
            lines.push(format!(
                "no round opens while a signature on the agreement is missing: {}; each signs with `smpcd agreement sign`",
                who.join(", ")
            ));
        }
        if !lines.is_empty() {
            return Err(Refused { not_found: false, lines });
        }
        let agreement = self.book.agreement();
        let terms = Terms::new(agreement, computation, period, 0, self.book.party())
            .map_err(|error| Refused::because(format!("{computation}/{period}: {error}")))?;
        let over = terms.computation().calendar.period(period).ok().and_then(|period| period.end());
        if over.is_some_and(|end| Timestamp::now().as_second() < end) {
            return Err(Refused::because(format!(
                "{computation}/{period}: this period has not ended; a round is about a period that is over"
            )));
        }
        if self.rounds.len() >= MOST_OPEN {
            return Err(Refused::because(format!("{MOST_OPEN} rounds are open already; let some end first")));
        }
        Ok(terms)
    }

    /// `round start`: opens a round; one that is there already is left as it is.
    pub(super) fn start(&mut self, computation: &str, period: &str, actor: Actor) -> Result<(), Refused> {
        match self.reads().round(computation, period) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) => return Err(Refused::because(error.to_string())),
        }
        let terms = self.may_open(computation, period)?;
        self.called("round.start", Some(&terms), actor);
        self.join(terms, None);
        Ok(())
    }

    fn called(&mut self, call: &str, terms: Option<&Terms>, actor: Actor) {
        let mut draft = Draft::new(Record::AdminCall { call: Name::of(call) }).actor(actor);
        if let Some(terms) = terms {
            draft = draft.round(&terms.computation().id, terms.period(), &terms.round().0);
        }
        self.record(draft);
    }

    fn join(&mut self, terms: Terms, proposal: Option<Sealed>) {
        let now = self.now();
        let id = terms.round();
        let place = RoundPlace::new(Arc::clone(&self.settings), self.vault.clone(), id.0);
        let status = RoundStatus::new(&terms, Timestamp::now());
        let proposer = proposal.as_ref().map(Sealed::sender);
        let (round, step) = Round::join(terms, Votes::default(), proposal, now, &mut UnwrapErr(SysRng), &*self.signer);
        let worker = Worker::new(Arc::clone(round.terms()), place, self.finished.clone());
        let asks = round.view().phase == Phase::Approval;
        let mut open = Open { round, status, worker, input_seen: None, input_look: None, proposer };
        open.status.update(&open.round.view(), now);
        self.rounds.insert(id, open);
        self.pending.pins.push(id);
        self.pending.steps.push((id, step));
        if asks {
            match self.settings.approval.policy {
                Policy::Auto => self.approve_by_policy(id),
                Policy::Manual => self.notify(id),
            }
        }
    }

    /// The policy approves; and again when the input file has changed since.
    pub(super) fn approve_by_policy(&mut self, id: RoundId) {
        let Some(open) = self.rounds.get_mut(&id) else { return };
        let file = self.settings.input_file(&open.status.computation, &open.status.period);
        open.input_seen = std::fs::metadata(file).and_then(|data| data.modified()).ok();
        self.feed(id, Event::Approve(Approver::Policy));
    }

    /// Runs the operator's command; the log has the warning already.
    fn notify(&self, id: RoundId) {
        let Some((program, arguments)) = self.settings.approval.notify.split_first() else { return };
        let Some(open) = self.rounds.get(&id) else { return };
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env("SMPCD_ROUND", open.status.address()).stdin(std::process::Stdio::null());
        match command.spawn() {
            Ok(mut child) => drop(tokio::spawn(async move { child.wait().await })),
            Err(error) => tracing::error!(target: "round", program, %error, "approval.notify cannot be run"),
        }
    }

    fn open_round(&mut self, computation: &str, period: &str) -> Result<RoundId, Refused> {
        let here = |open: &&Open| open.status.computation == computation && open.status.period == period;
        if let Some(open) = self.rounds.values().find(here) {
            return Ok(open.round.terms().round());
        }
        Err(match self.reads().round(computation, period) {
            Ok(Some(round)) => Refused::because(format!("{computation}/{period} is over: it was {}", round.phase)),
            Ok(None) => Refused { not_found: true, ..no_such_round(computation, period) },
            Err(error) => Refused::because(error.to_string()),
        })
    }

    /// What no honest node sends ends its link.
    fn cut(&self, peer: u16) {
        if let Some(sender) = self.peers.get(usize::from(peer)).and_then(Peer::sender) {
            sender.cut("it sent what no honest node sends");
        }
    }

    pub(super) fn approve(
        &mut self,
        computation: &str,
        period: &str,
        by: &str,
        disclosure: &str,
        actor: Actor,
    ) -> Result<(), Refused> {
        let id = self.open_round(computation, period)?;
        if disclosure != Digest(self.disclosure).to_string() {
            return Err(Refused::because(format!(
                "{computation}/{period}: the statement that was shown is not the one that the daemon runs under; \
                 agreement.toml has changed since it started: put the agreement back, or restart the daemon, and read again"
            )));
        }
        let by = by.trim();
        if by.is_empty() {
            return Err(Refused::because("an approval needs the name of who approves: --by NAME"));
        }
        let Some(open) = self.rounds.get(&id) else { return Ok(()) };
        let terms = Arc::clone(open.round.terms());
        if !terms.is_input(terms.me()) {
            return Err(Refused::because(format!("{computation}/{period}: this party contributes nothing to approve")));
        }
        if !open.status.waits_for_approval() {
            return Err(Refused::because(format!(
                "{computation}/{period}: it was approved already, and that is final"
            )));
        }
        self.called("round.approve", Some(&terms), actor);
        self.feed(id, Event::Approve(Approver::Person(by.to_owned())));
        Ok(())
    }

    pub(super) fn decline(
        &mut self,
        computation: &str,
        period: &str,
        by: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<(), Refused> {
        let id = self.open_round(computation, period)?;
        let Some(open) = self.rounds.get(&id) else { return Ok(()) };
        let terms = Arc::clone(open.round.terms());
        if !open.status.waits_for_approval() {
            return Err(Refused::because(format!(
                "{computation}/{period}: nothing waits for this party's approval here; what is approved is final"
            )));
        }
        let reason = if by.trim().is_empty() { reason.to_owned() } else { format!("{reason} ({})", by.trim()) };
        self.called("round.decline", Some(&terms), actor);
        self.feed(id, Event::Decline { reason });
        Ok(())
    }

    /// A message came in. One of an unknown round may open it, if it proposes it.
    pub(super) fn message(&mut self, from: u16, bytes: Zeroizing<Vec<u8>>) {
        let refused = match Envelope::parse(&bytes) {
            Ok(envelope) if self.rounds.contains_key(&envelope.round()) => {
                return self.feed(envelope.round(), Event::Message { from, bytes });
            }
            Ok(envelope) => match self.reads().round_by_id(&envelope.round().0) {
                // It is over here, and what was to be said of it was said.
                Ok(Some(_)) => return,
                _ => self.proposed(from, envelope),
            },
            Err(error) => {
                self.cut(from);
                Err((None, format!("a message that does not decode: {error}")))
            }
        };
        if let Err((kind, reason)) = refused {
            let peer = self.party_id(from).to_owned();
            tracing::warn!(target: "round", %peer, %reason, "refused a message");
            self.record(
                Draft::new(Record::FaultObserved {
                    message: Name::of(kind.map_or("unknown", MessageKind::name)),
                    kind: Name::of("refused"),
                    reason: Text::of(&reason),
                })
                .peer(&peer),
            );
        }
    }

    /// Proposals that could not be joined are judged again: the last signature may have come, or the period have ended.
    pub(super) fn propose_again(&mut self) {
        for peer in 0..u16::try_from(self.peers.len()).unwrap_or(u16::MAX) {
            let Some(known) = self.peers.get_mut(usize::from(peer)) else { continue };
            for bytes in std::mem::take(&mut known.proposals) {
                self.message(peer, bytes);
            }
        }
    }

    fn proposed(&mut self, from: u16, envelope: Envelope) -> Result<(), (Option<MessageKind>, String)> {
        let kind = envelope.body().kind();
        let refuse = |reason: String| (Some(kind), reason);
        let Body::Propose { computation, period, .. } = envelope.body() else {
            // Its Propose was refused, and the record says why.
            return Ok(());
        };
        let (computation, period) = (computation.to_string(), period.to_string());
        // PROTOCOL 1.2: the first round of a period is pinned; another one is never joined, whatever the agreement.
        if !matches!(self.reads().round(&computation, &period), Ok(None)) {
            return Err(refuse(format!("{computation}/{period}: another round of this period is pinned here")));
        }
        let of_peer = self.rounds.values().filter(|open| open.proposer == Some(from)).count();
        if of_peer >= MOST_OF_ONE_PEER {
            return Err(refuse(format!("{MOST_OF_ONE_PEER} rounds that this peer proposed are open already")));
        }
        let terms = match self.may_open(&computation, &period) {
            Ok(terms) => terms,
            Err(refused) => {
                // A reason of our own, which is no fault of the peer and may pass.
                let (peer, reason) = (self.party_id(from), refused.lines.join("; "));
                tracing::warn!(target: "round", %peer, %computation, %period, %reason, "a proposal is not joined yet");
                if let Some(peer) = self.peers.get_mut(usize::from(from))
                    && peer.proposals.len() < MOST_PROPOSALS
                {
                    peer.proposals.push(Zeroizing::new(envelope.bytes().to_vec()));
                }
                return Ok(());
            }
        };
        if terms.round() != envelope.round() {
            return Err(refuse("a round under another agreement than ours".to_owned()));
        }
        let sender = envelope.sender();
        let key = self.book.agreement().party(PartyIndex(sender)).map(|party| party.signing_key);
        let proposal = match key.map(|key| envelope.verify(&key)) {
            Some(Ok(proposal)) => proposal,
            _ => {
                self.cut(from);
                return Err(refuse("a proposal that its sender did not sign".to_owned()));
            }
        };
        self.join(terms, Some(proposal));
        Ok(())
    }

    /// The status with the time that is left now.
    pub(super) fn fresh(&self, open: &Open) -> RoundStatus {
        let mut status = open.status.clone();
        status.update(&open.round.view(), self.now());
        status
    }

    pub(super) fn round_reply(&self, computation: &str, period: &str) -> Result<Reply, StoreError> {
        let here = |open: &&Open| open.status.computation == computation && open.status.period == period;
        if let Some(open) = self.rounds.values().find(here) {
            return Ok(Reply::Round(Box::new(self.fresh(open))));
        }
        Ok(match self.reads().round(computation, period)? {
            Some(row) => Reply::Round(Box::new(read_view(&row.view)?)),
            None => Reply::Refused(no_such_round(computation, period)),
        })
    }

    pub(super) fn round_statuses(&self) -> Result<Vec<RoundStatus>, StoreError> {
        let stored = self.reads().rounds()?;
        let open: BTreeMap<[u8; 32], &Open> = self.rounds.iter().map(|(id, open)| (id.0, open)).collect();
        stored
            .into_iter()
            .map(|row| match open.get(&row.id) {
                Some(open) => Ok(self.fresh(open)),
                None => read_view(&row.view),
            })
            .collect()
    }
}

fn no_such_round(computation: &str, period: &str) -> Refused {
    Refused {
        not_found: true,
        lines: vec![format!("there is no round {computation}/{period}; `smpcd round list` shows those there are")],
    }
}

/// A round as the store keeps it for those who read it without a daemon.
fn read_view(view: &str) -> Result<RoundStatus, StoreError> {
    serde_json::from_str(view).map_err(|_| StoreError::Nonsense { what: "round view" })
}
