//! The parties witness each other's logs (PROTOCOL 8.3): each shows its checkpoints with the proof that they continue what
//! the other has seen, and cosigns what continues what it has seen itself.
//!
//! Nothing waits for it. A log that does not continue is an alarm, with its evidence; a node whose own log lacks what it has
//! signed starts no round until a person acknowledges.
//!
//! # Security
//! Assumed of an attacker: it owns the peer, with its key and its disk. It may show each party another log, an old one or
//! none, and say of this node's what it likes. A checkpoint of this node's own counts only with this node's signature.

mod logs;
mod own;

use std::time::{Duration, Instant};

use audit::{
    CheckpointError, Departure, DepartureKind, DigestOf, Draft, Event as Record, LookError, Name, SignedCheckpoint,
    Witness,
};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use wire::frame::Frame;
use wire::link::{Checkpoint, Seen};

pub(super) use self::logs::Logs;
use self::logs::{DEPARTED, Notes, WITNESSED};
use super::hub::Hub;
use super::peers::Peer;
use crate::status::PeerLogStatus;

/// A log that has grown is shown so often at least.
const SHOW_EVERY: Duration = Duration::from_secs(10);
/// Logs are attended to so long after there is a reason. Rounds do not wait for it, and what comes meanwhile is one transaction
/// and one checkpoint; so a peer that shows one after another costs little.
const ATTEND_AFTER: Duration = Duration::from_millis(50);

impl Hub {
    /// A link is up. First of all the peer is told what was seen of its log: if it is behind that, it has to know before it
    /// signs anything more.
    pub(super) fn watch(&mut self, peer: u16) {
        if let Some(log) = self.logs.peers.get_mut(usize::from(peer)) {
            log.link = logs::OnLink::default();
        }
        if self.watches(peer) {
            self.tell_seen(peer);
        }
    }

    /// Logs are witnessed under one agreement: their keys are in it.
    fn watches(&self, peer: u16) -> bool {
        let theirs = self.peers.get(usize::from(peer)).and_then(Peer::agreement);
        theirs == Some(self.book.agreement().digest().0)
    }

    /// Tells a peer what this node has seen of its log.
    pub(super) fn tell_seen(&self, peer: u16) {
        let Some(log) = self.logs.peers.get(usize::from(peer)) else { return };
        let note = log.witness.seen().map(ToString::to_string).unwrap_or_default();
        match note.as_str().try_into() {
            Ok(note) => self.send(peer, &Frame::Seen(Seen { note })),
            Err(_) => tracing::warn!(target: "audit", peer = %log.party, "its checkpoint is too long to be sent"),
        }
    }

    /// A peer tells what it has seen of this node's log. The first word on a link is heard at once; of later ones the last
    /// counts, when logs are attended to.
    pub(super) fn seen(&mut self, from: u16, seen: Seen) {
        if !self.watches(from) {
            return;
        }
        let Some(log) = self.logs.peers.get_mut(usize::from(from)) else { return };
        if log.link.seen.is_some() {
            log.link.said = Some(seen);
            self.logs_are_due();
        } else {
            self.hear(from, &seen);
        }
    }

    fn hear(&mut self, from: u16, seen: &Seen) {
        let size = if seen.note.is_empty() {
            0
        } else {
            let Ok(note) = SignedCheckpoint::parse(&seen.note, &self.logs.own) else {
                return self.forged(from, "a checkpoint that this party did not sign");
            };
            match self.holds(&note) {
                Ok(true) => {
                    self.is_cosigned(from, &note);
                    note.size()
                }
                Ok(false) if self.is_acknowledged(&note) => 0,
                Ok(false) => return self.log_is_behind(Some(from), &note),
                Err(error) => {
                    tracing::error!(target: "audit", %error, "the hashes of the log cannot be read");
                    return;
                }
            }
        };
        let Some(log) = self.logs.peers.get_mut(usize::from(from)) else { return };
        let link = &mut log.link;
        let first = link.seen.replace(size).is_none();
        // It has not taken what it was shown: perhaps the proof began at another size than it has seen. Once more, no oftener.
        let refused = link.asked.take().is_some_and(|asked| asked > size);
        let again = refused && !std::mem::replace(&mut link.again, refused);
        if first || again || std::mem::take(&mut link.due) {
            self.show(from);
        }
    }

    fn is_cosigned(&mut self, from: u16, note: &SignedCheckpoint) {
        let Some(log) = self.logs.peers.get_mut(usize::from(from)) else { return };
        let better = log.cosigned.as_ref().is_none_or(|before| before.size() < note.size());
        if let (true, Ok(seconds)) = (better, note.cosigned_by(&log.key)) {
            // What it was just shown it has just cosigned; anything else may be hours old.
            if log.link.asked == Some(note.size()) {
                let ahead =
                    i64::try_from(seconds).ok().map(|theirs| theirs.saturating_sub(Timestamp::now().as_second()));
                log.clock_ahead = ahead.or(log.clock_ahead);
            }
            // What else the peer wrote below it would be in this party's own files.
            log.cosigned = Some(note.stripped(&self.logs.own, Some(&log.key)));
            log.unwritten = true;
        }
    }

    /// Shows the log to every peer that has said what it has seen of it.
    pub(super) fn show_all(&mut self) {
        self.logs.grown = false;
        self.logs.shown = Instant::now();
        if let Err(error) = self.store.sync_log() {
            tracing::error!(target: "audit", %error, "the audit log file could not be synced");
        }
        for peer in 0..u16::try_from(self.logs.peers.len()).unwrap_or(u16::MAX) {
            self.show(peer);
        }
    }

    fn show(&mut self, peer: u16) {
        let Some(log) = self.logs.peers.get_mut(usize::from(peer)) else { return };
        let (Some(since), live) = (log.link.seen, self.peers.get(usize::from(peer)).and_then(Peer::sender)) else {
            return;
        };
        if live.is_none() || log.link.asked.is_some() {
            log.link.due = true;
            return;
        }
        let shown = self.checkpoint().and_then(|note| {
            let Some(note) = note.filter(|note| note.size() != since) else { return Ok(None) };
            // Where a person goes on with a shorter log, the peer has to see that it is.
            let path = if since < note.size() { self.store.log_consistency(since, note.size())? } else { Vec::new() };
            Ok(Some((note, path)))
        });
        let (note, path) = match shown {
            Ok(Some(shown)) => shown,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(target: "audit", %error, "no checkpoint of the log can be made");
                return;
            }
        };
        let size = note.size();
        let (Ok(note), Ok(path)) = (note.to_string().as_str().try_into(), path.try_into()) else { return };
        self.send(peer, &Frame::Checkpoint(Checkpoint { note, since, path }));
        if let Some(log) = self.logs.peers.get_mut(usize::from(peer)) {
            log.link.asked = Some(size);
        }
    }

    /// A peer shows its log. The last one counts: an honest peer shows no other before it has an answer.
    pub(super) fn log_shown(&mut self, from: u16, shown: Checkpoint) {
        if let Some(log) = self.logs.peers.get_mut(usize::from(from)) {
            log.link.waiting = Some(shown);
            self.logs_are_due();
        }
    }

    /// A step was taken with which this party's log is shown to the others.
    pub(super) fn log_is_due(&mut self) {
        self.logs.show = true;
        self.logs_are_due();
    }

    fn logs_are_due(&mut self) {
        self.logs.due.get_or_insert_with(|| Instant::now() + ATTEND_AFTER);
    }

    /// Looks at what peers have shown, and shows this node's own, once it is time.
    pub(super) fn attend_to_logs(&mut self) {
        if self.logs.due.is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.logs.due = None;
        let now = Instant::now();
        for peer in 0..u16::try_from(self.logs.peers.len()).unwrap_or(u16::MAX) {
            let Some(log) = self.logs.peers.get_mut(usize::from(peer)) else { continue };
            if !log.link.waits() {
                continue;
            }
            if !log.looks.take(now) {
                self.logs_are_due();
                continue;
            }
            let (said, waiting) = (log.link.said.take(), log.link.waiting.take());
            if let Some(seen) = said {
                self.hear(peer, &seen);
            }
            if let Some(shown) = waiting {
                self.look_at(peer, &shown);
            }
        }
        if std::mem::take(&mut self.logs.show) {
            self.show_all();
        }
    }

    fn look_at(&mut self, from: u16, shown: &Checkpoint) {
        if !self.watches(from) {
            return;
        }
        let Some(log) = self.logs.peers.get_mut(usize::from(from)) else { return };
        if self.recovering.is_some() {
            // It cosigns nothing, and begins anew on the next link; but what the peer has signed against itself, it keeps.
            match log.witness.clone().look(&shown.note, &shown.path.to_vec()) {
                Err(LookError::Alarm(departure)) if departure.kind != DepartureKind::Unproven => {
                    self.log_departed(from, *departure);
                }
                _ => {}
            }
            return;
        }
        let size = match SignedCheckpoint::parse(&shown.note, &log.key) {
            Ok(note) => note.size(),
            Err(error) => return self.no_checkpoint(from, &error),
        };
        let before = log.witness.seen().map(SignedCheckpoint::size);
        let seen = before.unwrap_or(0);
        if size > seen && shown.since != seen && !std::mem::replace(&mut log.link.corrected, true) {
            return self.tell_seen(from);
        }
        match log.witness.look(&shown.note, &shown.path.to_vec()) {
            Ok(witnessed) => {
                let seconds = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
                let note = witnessed.cosign(&self.logs.own, &Notes(&*self.signer), seconds).to_string();
                if let Ok(kept) = Witness::resume(log.key.clone(), &note) {
                    log.witness = kept;
                }
                log.unwritten = true;
                let party = log.party.clone();
                if before != Some(size) {
                    let digest = Sha256::digest(shown.note.as_bytes()).into();
                    let draft = Draft::new(Record::CheckpointWitnessed { size }).peer(&party);
                    self.record(draft.digest(DigestOf::Checkpoint, digest));
                }
                self.pending.keep(WITNESSED, &party, note.into_bytes());
                self.pending.seen.push(from);
            }
            Err(LookError::NoCheckpoint(error)) => self.no_checkpoint(from, &error),
            Err(LookError::Alarm(departure)) => self.log_departed(from, *departure),
        }
    }

    fn no_checkpoint(&mut self, from: u16, error: &CheckpointError) {
        self.forged(from, &format!("a checkpoint of its log: {error}"));
    }

    /// A peer's log is not the one that was seen. It is told of once; the evidence is a file that can be handed on.
    fn log_departed(&mut self, from: u16, departure: Departure) {
        let Some(log) = self.logs.peers.get_mut(usize::from(from)) else { return };
        // One alarm until a person has acknowledged it, or a liar could fill the disk with others; but proof is better than word.
        let proves = |known: &Departure| known.kind != DepartureKind::Fork && departure.kind == DepartureKind::Fork;
        if log.departed.as_ref().is_some_and(|known| !proves(known)) {
            return;
        }
        let (party, kind) = (log.party.clone(), departure.kind.name());
        let Some(Evidence { file, bytes: evidence, seen, shown }) = Evidence::of(&party, &departure) else { return };
        tracing::error!(
            target: "audit", peer = %party, kind, seen, shown, evidence = %file,
            "ALARM: {departure}; the evidence is in data_dir/evidence: ask that party what happened to its log, and then: \
             smpcd audit acknowledge --log {party} --by NAME --reason TEXT"
        );
        let draft = Draft::new(Record::LogDeparted { kind: Name::of(kind), seen, shown }).peer(&party);
        self.pending.drafts.push(draft.digest(DigestOf::Evidence, Sha256::digest(&evidence).into()));
        self.pending.keep(DEPARTED, &party, evidence.clone());
        self.pending.evidence.push((file, evidence));
        log.departed = Some(departure);
    }

    /// The next link begins with what each side has seen. `of`: one peer, or all.
    fn link_anew(&self, of: Option<u16>) {
        let peers = (0u16..).zip(&self.peers).filter(|(peer, _)| of.is_none_or(|of| of == *peer));
        peers.filter_map(|(_, known)| known.sender()).for_each(|sender| sender.cut("a log is witnessed anew"));
    }

    /// What waits for a time: files that people read, and a log that has grown without a round.
    pub(super) fn look_at_logs(&mut self) {
        self.logs.write();
        if self.logs.grown && self.logs.shown.elapsed() >= SHOW_EVERY {
            self.log_is_due();
        }
    }

    /// The daemon stops: the last records are shown, and the files are as they should be.
    pub(super) fn leave_logs(&mut self) {
        self.show_all();
        self.logs.write();
    }

    pub(super) fn peer_log_status(&self, peer: u16) -> PeerLogStatus {
        let log = self.logs.peers.get(usize::from(peer));
        let evidence = |departed: &Departure| departed.to_string();
        PeerLogStatus {
            witnessed: log.and_then(|log| log.witness.seen()).map(SignedCheckpoint::size),
            waiting: log.is_some_and(|log| log.link.waits()),
            cosigned: log.and_then(|log| log.cosigned.as_ref()).map(SignedCheckpoint::size),
            clock_ahead: log.and_then(|log| log.clock_ahead),
            alarm: log.and_then(|log| log.departed.as_ref()).map(evidence),
        }
    }
}

/// What proves that a log departed, as a file.
struct Evidence {
    file: String,
    bytes: Vec<u8>,
    /// Records that the two checkpoints cover.
    seen: u64,
    shown: u64,
}

impl Evidence {
    fn of(party: &str, departure: &Departure) -> Option<Self> {
        let size = |note: &str| audit::Checkpoint::claimed(note).map_or(0, |claimed| claimed.size);
        let (seen, shown) = (size(&departure.seen), size(&departure.shown));
        let file = format!("log-{party}-{}-{seen}-{shown}.json", departure.kind.name());
        Some(Self { file, bytes: serde_json::to_vec_pretty(departure).ok()?, seen, shown })
    }
}

/// Whether an event is a trace of witnessing itself: it gives no reason to show the log again.
pub(super) fn is_trace(event: &Record) -> bool {
    matches!(event, Record::CheckpointWitnessed { .. })
}
