//! The rounds of this node: opening them, feeding them, telling of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use audit::{Actor, Draft, Event as Record, Name, Outcome, Text};
use jiff::Timestamp;
use protocol::round::{Approver, Change, Done, Ended, Event, Millis, Note, Round, Step, Terms};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use wire::message::Votes;
use wire::{RoundId, Sealed};

use super::hub::Hub;
use super::periods::Next;
use super::place::RoundPlace;
use super::progress::Progress;
use super::stalls::Stall;
use super::story::Telling;
use super::work::{Finished, Worker};
use crate::admin::{Refused, Reply};
use crate::status::{Approved, RoundStatus};
use crate::store::{Reads, StoreError};

/// Rounds that somebody may still need at once. Each costs some hundred kilobytes at most while it waits.
const MOST_OPEN: usize = 256;

/// A round that somebody may still need.
pub(super) struct Open {
    pub(super) round: Round,
    pub(super) status: RoundStatus,
    pub(super) worker: Worker,
    /// Of its heavy work.
    pub(super) progress: Arc<Progress>,
    /// When the input file was last changed, as of the last approval by the policy; none before the first.
    pub(super) input_tried: Option<Option<SystemTime>>,
    /// When it was last changed, as of the last look: a file that is being copied changes from look to look.
    pub(super) input_look: Option<SystemTime>,
    /// When people were last told that it waits for them.
    pub(super) told: Option<Millis>,
    pub(super) stall: Stall,
    /// Who proposed it to us; none where our operator did.
    pub(super) proposer: Option<u16>,
}

impl Open {
    /// What records of its notes need.
    pub(super) fn telling(&self, disclosure: [u8; 32]) -> Telling<'_> {
        let terms = self.round.terms();
        let reason = self.status.approved.as_ref().and_then(|approved| approved.reason.as_deref());
        Telling { terms, disclosure, agreement: terms.agreement(), reason }
    }
}

impl Hub {
    /// Feeds an event to a round. What comes of it waits for the turn's commit.
    pub(super) fn feed(&mut self, round: RoundId, event: Event) {
        let now = self.now();
        let Some(open) = self.rounds.get_mut(&round) else { return };
        let step = open.round.handle(event, now, &mut UnwrapErr(SysRng), &*self.signer);
        if !step.is_empty() {
            self.take_step(round, step);
        }
    }

    /// Takes a step of a round into this turn.
    pub(super) fn take_step(&mut self, round: RoundId, step: Step) {
        self.learn(round, &step);
        self.pending.steps.push((round, step));
    }

    /// What later rounds have to know of this one.
    fn learn(&mut self, id: RoundId, step: &Step) {
        let certified = step.notes.iter().any(|note| matches!(note, Note::Certified { .. }));
        let completed = step.changes.iter().any(|change| matches!(change, Change::Ended(Ended::Completed { .. })));
        if !certified && !completed {
            return;
        }
        let now = self.now();
        let Some(open) = self.rounds.get_mut(&id) else { return };
        open.status.update(&open.round.view(), now);
        if certified {
            open.status.warnings = self.releases.warnings(open.round.terms(), &open.status.contributors);
        }
        if completed {
            self.releases.add(&open.status);
            self.warn_approvers();
        }
    }

    pub(super) fn feed_all(&mut self, event: impl Fn() -> Event) {
        for round in self.rounds.keys().copied().collect::<Vec<_>>() {
            self.feed(round, event());
        }
    }

    pub(super) fn tick(&mut self) {
        self.feed_all(|| Event::Tick);
        self.attend_to_logs();
    }

    pub(super) fn job_done(&mut self, finished: Finished) {
        let round = RoundId(finished.worker.round());
        // What a round had begun that was dropped is nothing to the one that was begun anew from the store: it asks again.
        if !self.rounds.get(&round).is_some_and(|open| open.worker.is(&finished.worker)) {
            return;
        }
        match finished.done {
            Done::Loaded(Ok(input)) => self.input_loaded(round, input),
            done => self.feed(round, Event::Done(done)),
        }
    }

    /// PROTOCOL 6.2: to start a round or deal in it needs equal agreements and all signatures; and 7: a node that signs.
    pub(super) fn may_open(&self, computation: &str, period: &str, v: u32) -> Result<Terms, Refused> {
        self.may_sign()?;
        self.may_begin()?;
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
        let terms = Terms::new(agreement, computation, period, v, self.book.party())
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
        self.has_room_for(&terms)?;
        Ok(terms)
    }

    /// `round start`: opens a round; one that is there already is left as it is, unless it is proven void.
    pub(super) fn start(&mut self, computation: &str, period: &str, actor: Actor) -> Result<(), Refused> {
        let next = self.next_round(computation, period).map_err(|error| Refused::because(error.to_string()))?;
        let Some(Next { v, proof }) = next else { return Ok(()) };
        let terms = self.may_open(computation, period, v)?;
        self.called("round.start", Some(&terms), actor);
        self.join(terms, proof, None);
        Ok(())
    }

    /// Whether this party has a round of that period, whatever became of it.
    pub(super) fn is_known(&self, computation: &str, period: &str) -> Result<bool, Refused> {
        if self.open_at(computation, period).is_some() {
            return Ok(true);
        }
        let stored = self.reads().round(computation, period);
        stored.map(|round| round.is_some()).map_err(|error| Refused::because(error.to_string()))
    }

    pub(super) fn called(&mut self, call: &str, terms: Option<&Terms>, actor: Actor) {
        let mut draft = Draft::new(Record::AdminCall { call: Name::of(call), reason: None }).actor(actor);
        if let Some(terms) = terms {
            draft = draft.round(&terms.computation().id, terms.period(), &terms.round().0);
        }
        self.record(draft);
    }

    /// Who called for what was not done is in the log as well.
    pub(super) fn call_refused(
        &mut self,
        call: &str,
        round: Option<&(String, String)>,
        refused: &Refused,
        actor: Actor,
    ) {
        let reason = Some(Text::of(&refused.lines.join("; ")));
        let draft = Draft::new(Record::AdminCall { call: Name::of(call), reason });
        let draft = draft.outcome(Outcome::Refused).actor(actor);
        // What the caller wrote may be no round that there is, and then the record is about none.
        let known =
            round.and_then(|(computation, period)| Some((computation, period, self.id_at(computation, period)?)));
        self.record(match known {
            Some((computation, period, id)) => draft.round(computation, period, &id),
            None => draft,
        });
    }

    /// The id of the last round of that period, open or over.
    fn id_at(&self, computation: &str, period: &str) -> Option<[u8; 32]> {
        match self.open_at(computation, period) {
            Some(open) => Some(open.round.terms().round().0),
            None => self.reads().round(computation, period).ok().flatten().map(|round| round.id),
        }
    }

    /// Joins a round: by the proposal of a peer, or of this node's own.
    pub(super) fn join(&mut self, terms: Terms, proof: Votes, proposal: Option<Sealed>) {
        let now = self.now();
        let status = RoundStatus::new(&terms, Timestamp::now());
        let proposer = proposal.as_ref().map(Sealed::sender);
        self.timetable.joined(&terms.computation().id, terms.period());
        let (round, step) = Round::join(terms, proof, proposal, now, &mut UnwrapErr(SysRng), &*self.signer);
        let id = self.hold(round, status, proposer);
        self.pending.pins.push(id);
        self.take_step(id, step);
        self.consider(id);
    }

    /// Takes a round in among those that are open here.
    pub(super) fn hold(&mut self, round: Round, mut status: RoundStatus, proposer: Option<u16>) -> RoundId {
        let terms = Arc::clone(round.terms());
        let id = terms.round();
        let releases = Arc::clone(&self.releases);
        let place = RoundPlace::new(Arc::clone(&self.settings), self.vault.clone(), releases, id.0);
        let progress = place.progress();
        let worker = Worker::new(Arc::clone(&terms), place, self.finished.clone());
        status.unlinked = self.unlinked();
        status.update(&round.view(), self.now());
        let (input_tried, input_look, told, stall) = (None, None, None, Stall::default());
        self.rounds
            .insert(id, Open { round, status, worker, progress, input_tried, input_look, told, stall, proposer });
        self.warn_approvers();
        id
    }

    fn open_at(&self, computation: &str, period: &str) -> Option<&Open> {
        let of_it = |open: &&Open| open.status.computation == computation && open.status.period == period;
        self.rounds.values().filter(of_it).max_by_key(|open| open.round.terms().voided())
    }

    /// The open round of that name.
    pub(super) fn open_round(&self, computation: &str, period: &str) -> Result<&Open, Refused> {
        if let Some(open) = self.open_at(computation, period) {
            return Ok(open);
        }
        Err(match self.reads().round(computation, period) {
            Ok(Some(round)) => Refused::because(format!("{computation}/{period} is over: it was {}", round.phase)),
            Ok(None) => no_such_round(computation, period),
            Err(error) => Refused::because(error.to_string()),
        })
    }

    /// Lets an input into a round: a person does, or the policy.
    pub(super) fn let_in(&mut self, id: RoundId, approver: Approver, reason: Option<String>) {
        let now = self.now();
        let Some(open) = self.rounds.get_mut(&id) else { return };
        let by = match &approver {
            Approver::Person(name) => Some(name.clone()),
            Approver::Policy => None,
        };
        open.status.approved = Some(Approved { by, at: Timestamp::now().to_string(), reason });
        self.feed(id, Event::Approve(approver));
        if let Some(open) = self.rounds.get_mut(&id) {
            // The round has the last word: what it refuses was not approved.
            open.status.update(&open.round.view(), now);
        }
    }

    /// The status with the time that is left now.
    pub(super) fn fresh(&self, open: &Open) -> RoundStatus {
        let mut status = open.status.clone();
        status.update(&open.round.view(), self.now());
        (status.work, status.worked) = (open.progress.now(), open.progress.done());
        status
    }

    pub(super) fn round_reply(&self, computation: &str, period: &str) -> Result<Reply, StoreError> {
        if let Some(open) = self.open_at(computation, period) {
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
