//! The hub: one event after another, committed before it has consequences.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::{Actor, DigestOf, Draft, Event as Record, Text};
use jiff::Timestamp;
use protocol::agreement::{disclosure_statement, statement_digest};
use protocol::round::Millis;
use tokio::sync::{mpsc, watch};
use wire::frame::Frame;
use wire::{RoundId, Signer};

use super::agreement::NextAgreement;
use super::identity::OwnFiles;
use super::notify::Notifier;
use super::once::Once;
use super::pauses::Room;
use super::peers::Peer;
use super::recovery::Recovering;
use super::rounds::Open;
use super::schedule::Timetable;
use super::turn::Pending;
use super::witness::Logs;
use super::work::{Finished, Worker};
use super::{DaemonError, Ended};
use crate::admin::{Call, Refused, Reply, Request};
use crate::book::Book;
use crate::link::{LinkEvent, Links};
use crate::releases::Releases;
use crate::settings::Settings;
use crate::status::NodeStatus;
use crate::store::{Reads, Store, StoreError};
use crate::supervisor::Supervisor;
use crate::vault::Vault;

/// Cards, signatures, input files and notes are looked at this often.
const RESCAN: Duration = Duration::from_secs(1);
/// How long jobs may take to finish when the daemon stops.
const FINISH: Duration = Duration::from_secs(5);
/// Events that are taken together into one transaction, where so many wait.
const MOST_AT_ONCE: usize = 64;
/// Reasons of refused strangers that `status` shows.
pub(super) const MOST_STRANGERS: usize = 8;

/// Everything that the daemon knows.
pub(super) struct Hub {
    pub(super) settings: Arc<Settings>,
    pub(super) book: Book,
    pub(super) store: Store,
    pub(super) vault: Vault,
    pub(super) signer: Box<dyn Signer + Send>,
    pub(super) links: Links,
    pub(super) own_files: OwnFiles,
    /// Rounds that somebody may still need.
    pub(super) rounds: BTreeMap<RoundId, Open>,
    /// One for each party, this one included.
    pub(super) peers: Vec<Peer>,
    pub(super) strangers: Vec<String>,
    pub(super) releases: Arc<Releases>,
    pub(super) notifier: Notifier,
    pub(super) timetable: Timetable,
    /// What the events of this turn brought, to be committed together.
    pub(super) pending: Pending,
    pub(super) finished: mpsc::UnboundedSender<Finished>,
    finishing: Option<mpsc::UnboundedReceiver<Finished>>,
    changes: watch::Sender<u64>,
    pub(super) disclosure: [u8; 32],
    pub(super) in_force: bool,
    /// The agreement's file, where it is looked at.
    pub(super) next_agreement: Option<NextAgreement>,
    /// Where the daemon leaves after one round.
    pub(super) once: Option<Once>,
    pub(super) room: Room,
    /// Why the log's files could not be looked after, as of the last look.
    pub(super) log_trouble: Option<String>,
    /// While the node may have forgotten what it signed.
    pub(super) recovering: Option<Recovering>,
    /// Workers of rounds that were dropped when it found that out: they end before the rounds begin anew.
    pub(super) leaving: Vec<Worker>,
    /// All parties' logs, as this node sees them.
    pub(super) logs: Logs,
    began: Instant,
    /// What the rounds' clock said then.
    clock: Millis,
    started: Timestamp,
}

impl Hub {
    pub(super) fn new(
        settings: Arc<Settings>,
        book: Book,
        store: Store,
        vault: Vault,
        signer: Box<dyn Signer + Send>,
        links: Links,
        changes: watch::Sender<u64>,
    ) -> Result<Self, DaemonError> {
        let (finished, finishing) = mpsc::unbounded_channel();
        let statement = disclosure_statement(book.agreement());
        let peers = book.agreement().parties().iter().map(|_| Peer::default()).collect();
        let clock = Millis(store.clock(wall())?);
        let logs = Logs::load(&settings, book.agreement(), book.party().0, &store)?;
        let mut hub = Self {
            releases: Arc::new(Releases::of(&store.rounds()?)),
            notifier: Notifier::start(&settings.approval.notify),
            timetable: Timetable::new(&settings, book.agreement()),
            own_files: OwnFiles::new(&settings),
            settings,
            store,
            vault,
            signer,
            links,
            rounds: BTreeMap::new(),
            peers,
            strangers: Vec::new(),
            pending: Pending::default(),
            finished,
            finishing: Some(finishing),
            changes,
            disclosure: statement_digest(&statement).0,
            in_force: false,
            recovering: None,
            leaving: Vec::new(),
            logs,
            next_agreement: None,
            once: None,
            room: Room::default(),
            log_trouble: None,
            began: Instant::now(),
            clock,
            started: Timestamp::now(),
            book,
        };
        let digest = hub.book.agreement().digest();
        hub.record(Draft::new(Record::DaemonStarted).digest(DigestOf::Agreement, digest.0));
        hub.pending.keep("disclosure", &digest.to_string(), statement.into_bytes());
        hub.check_configuration();
        hub.check_identity();
        hub.check_cards();
        hub.check_revocations();
        hub.look_at_room();
        hub.wake()?;
        hub.look_at_own_log()?;
        hub.check_in_force();
        hub.warn_of_what_is_missing();
        hub.turn()?;
        hub.export_what_is_missing()?;
        Ok(hub)
    }

    /// Works until told to stop. Gives the links back, to be drained.
    pub(super) async fn run(
        mut self,
        mut links: mpsc::Receiver<LinkEvent>,
        mut calls: mpsc::Receiver<Call>,
        mut stop: watch::Receiver<Option<&'static str>>,
        mut supervisor: Supervisor,
    ) -> Result<(Links, Ended), DaemonError> {
        let mut finishing = self.finishing.take().expect("run is called once");
        let mut rescan = tokio::time::interval(RESCAN);
        rescan.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        supervisor.ready();
        loop {
            let deadline = self.next_deadline();
            tokio::select! {
                // Answers to people first: they are few.
                biased;
                _ = stop.changed() => break,
                Some(call) = calls.recv() => self.call(call)?,
                Some(finished) = finishing.recv() => {
                    self.job_done(finished);
                    while let Ok(finished) = finishing.try_recv() {
                        self.job_done(finished);
                    }
                }
                // Then clocks and files: a peer that keeps the links busy must not hold up what would cut it off.
                () = sleep_until(deadline) => self.tick(),
                _ = rescan.tick() => self.look_at_files(),
                Some(event) = links.recv() => {
                    self.link_event(event);
                    for _ in 1..MOST_AT_ONCE {
                        let Ok(event) = links.try_recv() else { break };
                        self.link_event(event);
                    }
                }
            }
            self.turn()?;
            // Files are looked at every second, so however quiet it is there are turns.
            supervisor.alive();
            if self.once.as_ref().is_some_and(|once| once.left.is_some()) || self.begins_another_agreement() {
                break;
            }
        }
        let told = *stop.borrow();
        let goes_on = told.is_none() && self.begins_another_agreement();
        if !goes_on {
            supervisor.stopping();
        }
        // What jobs have begun is finished: a result that is being written is not to look abandoned.
        let until = tokio::time::Instant::now() + FINISH;
        while self.rounds.values().any(|open| open.worker.is_busy()) {
            let Ok(Some(finished)) = tokio::time::timeout_at(until, finishing.recv()).await else { break };
            self.job_done(finished);
            self.turn()?;
        }
        let (ended, otherwise) = match self.once.take().and_then(|once| once.left) {
            Some(left) => (Ended::Left(left), "one round is over"),
            None if goes_on => (Ended::OtherAgreement, "another agreement takes effect"),
            None => (Ended::Stopped, "asked to"),
        };
        let reason = told.unwrap_or(otherwise);
        self.record(Draft::new(Record::DaemonStopped { reason: Text::of(reason) }));
        self.turn()?;
        // The records are durable in the store, and the file catches up at the next start.
        if let Err(error) = self.store.sync_log() {
            tracing::error!(target: "audit", %error, "the audit log file could not be synced");
        }
        self.leave_logs();
        Ok((self.links, ended))
    }

    /// The clock of the rounds: monotonic, and it goes on over restarts (PROTOCOL 4.9).
    pub(super) fn now(&self) -> Millis {
        self.clock.after(self.began.elapsed())
    }

    fn next_deadline(&self) -> Option<Instant> {
        let now = self.now();
        let of_rounds = self.rounds.values().filter_map(|open| open.round.deadline(now)).min();
        let of_rounds = of_rounds.map(|at| self.began + Duration::from_millis(at.0.saturating_sub(self.clock.0)));
        of_rounds.into_iter().chain(self.logs.due).min()
    }

    pub(super) fn record(&mut self, draft: Draft) {
        self.pending.drafts.push(draft);
    }

    /// Commits what the last events brought, then acts. After a failed commit nothing is sent: the daemon stops.
    fn turn(&mut self) -> Result<(), DaemonError> {
        loop {
            while !self.pending.is_empty() {
                let pending = std::mem::take(&mut self.pending);
                let acts = self.commit(pending)?;
                self.act(acts);
            }
            if !self.recovered()? {
                return Ok(());
            }
        }
    }

    /// Wakes calls that wait for a change.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(super) fn call(&mut self, call: Call) -> Result<(), DaemonError> {
        let Call { request, uid, reply } = call;
        // The system always knows who called over a unix socket; an act of nobody is not done.
        let Some(actor) = uid.map(Actor::Uid) else {
            let _ = reply.send(Reply::Refused(Refused::because("the system does not say who calls")));
            return Ok(());
        };
        // What needs no signature: reading, and going on with a log that is behind.
        let unsigned =
            matches!(request, Request::Status | Request::Rounds | Request::Round { .. } | Request::Acknowledge { .. });
        let (act, round) = (request.act(), request.round());
        if !unsigned && let Err(refused) = self.may_sign() {
            act.iter().for_each(|act| self.call_refused(act, round.as_ref(), &refused, actor));
            let _ = reply.send(Reply::Refused(refused));
            return Ok(());
        }
        let answer = match request {
            Request::Status => Reply::Status(Box::new(self.status()?)),
            Request::Rounds => Reply::Rounds(self.round_statuses()?),
            Request::Round { computation, period } => self.round_reply(&computation, &period)?,
            Request::Start { computation, period } => {
                let done = self.start(&computation, &period, actor);
                self.after(done, &computation, &period)?
            }
            Request::Approve { computation, period, approval } => {
                let done = self.approve(&computation, &period, &approval, actor);
                self.after(done, &computation, &period)?
            }
            Request::Decline { computation, period, by, reason } => {
                let done = self.decline(&computation, &period, &by, &reason, actor);
                self.after(done, &computation, &period)?
            }
            Request::Abandon { computation, period, by, reason } => {
                let done = self.abandon(&computation, &period, &by, &reason, actor);
                self.after(done, &computation, &period)?
            }
            Request::Acknowledge { log, by, reason } => {
                let done = self.acknowledge(log.as_deref(), &by, &reason, actor);
                self.turn()?;
                match done {
                    Ok(()) => Reply::Status(Box::new(self.status()?)),
                    Err(refused) => Reply::Refused(refused),
                }
            }
        };
        if let (Some(act), Reply::Refused(refused)) = (act, &answer) {
            self.call_refused(act, round.as_ref(), refused, actor);
        }
        // A caller that has gone away needs no answer.
        let _ = reply.send(answer);
        Ok(())
    }

    /// What the caller sees after its call was committed.
    fn after(&mut self, done: Result<(), Refused>, computation: &str, period: &str) -> Result<Reply, DaemonError> {
        self.turn()?;
        match done {
            Ok(()) => Ok(self.round_reply(computation, period)?),
            Err(refused) => Ok(Reply::Refused(refused)),
        }
    }

    fn status(&self) -> Result<NodeStatus, StoreError> {
        let agreement = self.book.agreement();
        let id = |index: &protocol::agreement::PartyIndex| self.party_id(index.0).to_owned();
        let mut rounds: Vec<_> = self.rounds.values().filter(|open| open.status.is_open()).collect();
        rounds.sort_by_key(|open| !open.status.waits_for_approval());
        Ok(NodeStatus {
            party: self.settings.party.clone(),
            consortium: agreement.name().to_owned(),
            software: env!("CARGO_PKG_VERSION").to_owned(),
            started: self.started.to_string(),
            listening: self.links.local_address().map(|address| address.to_string()),
            rollback: self.rollback_status(),
            paused: self.pauses(),
            log_lag: self.store.log_lag()?,
            log_behind: self.log_behind(),
            agreement_version: agreement.version(),
            agreement: agreement.digest().to_string(),
            missing_signatures: self.book.missing_signatures().iter().map(id).collect(),
            missing_cards: self.book.missing_cards().iter().map(id).collect(),
            peers: self.peer_statuses(),
            rounds: rounds.into_iter().map(|open| self.fresh(open)).collect(),
            schedules: self.timetable.statuses(),
            refused_strangers: self.strangers.clone(),
        })
    }

    pub(super) fn started(&self) -> Timestamp {
        self.started
    }

    /// What keeps rounds from opening is said at once, not only when somebody asks.
    fn warn_of_what_is_missing(&self) {
        let names = |parties: Vec<protocol::agreement::PartyIndex>| -> String {
            parties.iter().map(|party| self.party_id(party.0)).collect::<Vec<_>>().join(", ")
        };
        let (signatures, cards) = (names(self.book.missing_signatures()), names(self.book.missing_cards()));
        if !signatures.is_empty() {
            tracing::warn!(target: "daemon", "no round opens: the signature of {signatures} is missing");
        }
        if !cards.is_empty() {
            tracing::warn!(target: "daemon", "no card of {cards}: no link with them; smpcd card add FILE");
        }
    }

    /// A party's id.
    pub(super) fn party_id(&self, party: u16) -> &str {
        self.book.agreement().party(protocol::agreement::PartyIndex(party)).map_or("?", |p| p.id.as_str())
    }

    /// Sends a frame over the live link, if there is one. A link that cannot take it is cut; the peer catches up on the
    /// next one.
    pub(super) fn send(&self, to: u16, frame: &Frame) {
        if let Some(sender) = self.peers.get(usize::from(to)).and_then(Peer::sender) {
            // An overflowing link cuts itself and says so in its Down.
            let _ = sender.try_send(frame);
        }
    }

    /// As [`Hub::send`], of what the peer asks for again where there is no room for it now (PROTOCOL 6.3).
    pub(super) fn offer(&self, to: u16, frame: &Frame) {
        if let Some(sender) = self.peers.get(usize::from(to)).and_then(Peer::sender) {
            sender.offer(frame);
        }
    }

    /// The store, for reading.
    pub(super) fn reads(&self) -> &impl Reads {
        &self.store
    }
}

/// The wall clock, in milliseconds since 1970. Only what passed between two daemons is taken from it (PROTOCOL 4.9).
pub(super) fn wall() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
