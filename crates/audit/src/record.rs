//! A record and its one line (PROTOCOL 8).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::words::{Actor, Digest, DigestOf, Direction, Name, Outcome, RoundId, Text, Time};

/// Longest line in bytes: two lists of 1,000 parties and the longest text fit several times over. A reader never
/// holds more than this.
pub const MAX_LINE: usize = 256 * 1024;

/// The round that a record is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRef {
    /// The computation's id.
    pub computation: Name,
    /// The period, in its canonical spelling.
    pub period: Name,
    /// The round id.
    pub id: RoundId,
}

/// A record that has no number, time or party yet: what whoever takes the step knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    event: Event,
    round: Option<RoundRef>,
    peer: Option<Name>,
    digests: BTreeMap<DigestOf, Digest>,
    outcome: Outcome,
    actor: Actor,
    time: Option<Time>,
}

impl Draft {
    /// A record of this event, done by the daemon, with the event's own outcome.
    #[must_use]
    pub fn new(event: Event) -> Self {
        let outcome = event.outcome();
        Self { event, round: None, peer: None, digests: BTreeMap::new(), outcome, actor: Actor::Daemon, time: None }
    }

    /// In this round.
    #[must_use]
    pub fn round(mut self, computation: &str, period: &str, id: &[u8; 32]) -> Self {
        self.round = Some(RoundRef { computation: computation.into(), period: period.into(), id: RoundId(*id) });
        self
    }

    /// With this party at the other end.
    #[must_use]
    pub fn peer(mut self, party: &str) -> Self {
        self.peer = Some(party.into());
        self
    }

    /// With this digest. A second one of the same thing replaces the first.
    #[must_use]
    pub fn digest(mut self, of: DigestOf, digest: [u8; 32]) -> Self {
        self.digests.insert(of, Digest(digest));
        self
    }

    /// Ended like this, where it is not the event's own outcome.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Made to happen by this actor.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// Happened at this time, where it is not the moment of recording.
    #[must_use]
    pub fn at(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The record with its number, in the log of `party`, by software `version`.
    #[must_use]
    pub fn number(self, seq: u64, party: &Name, version: &Name) -> Record {
        Record {
            seq,
            time: self.time.unwrap_or_else(Time::now),
            party: party.clone(),
            round: self.round,
            event: self.event,
            peer: self.peer,
            digests: self.digests,
            outcome: self.outcome,
            actor: self.actor,
            version: version.clone(),
        }
    }
}

/// One record of a party's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Place in the log, from 1, without gaps.
    pub seq: u64,
    /// When it was recorded.
    pub time: Time,
    /// Whose log it is.
    pub party: Name,
    /// The round it is about.
    pub round: Option<RoundRef>,
    /// What happened.
    pub event: Event,
    /// The party at the other end.
    pub peer: Option<Name>,
    /// Digests of what the step was about.
    pub digests: BTreeMap<DigestOf, Digest>,
    /// How it ended.
    pub outcome: Outcome,
    /// Who made it happen.
    pub actor: Actor,
    /// Version of the software that wrote it.
    pub version: Name,
}

/// A record as it stands in the store and in the file: its number and its text, without a line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The record's place in the log.
    pub seq: u64,
    /// The record, one line of JSON.
    pub text: String,
}

/// Why a line is no record.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// Not the JSON of a record: broken, an unknown key, a missing one, a word that is none.
    #[error("not a record: {0}")]
    NotARecord(#[from] serde_json::Error),
    /// The direction is not the event's.
    #[error("not a record: the direction does not belong to the event")]
    Direction,
    /// A record, but not in the one spelling that this software writes.
    #[error("a record, but not spelled as it was written: spaces, order or repetition of keys were changed")]
    Spelling,
    /// Longer than any record.
    #[error("longer than any record ({MAX_LINE} bytes)")]
    TooLong,
}

/// A record as it is written: this order of keys is the order in the line.
#[derive(Serialize)]
struct Written<'a> {
    seq: u64,
    time: Time,
    party: &'a Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<&'a RoundRef>,
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    digests: &'a BTreeMap<DigestOf, Digest>,
    outcome: Outcome,
    actor: Actor,
    version: &'a Name,
}

/// A record as it is read. The event waits in two parts, because flattening would let unknown keys pass.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    seq: u64,
    time: Time,
    party: Name,
    round: Option<RoundRef>,
    event: String,
    detail: Option<serde_json::Value>,
    peer: Option<Name>,
    direction: Option<Direction>,
    #[serde(default)]
    digests: BTreeMap<DigestOf, Digest>,
    outcome: Outcome,
    actor: Actor,
    version: Name,
}

impl Record {
    /// The record as its line.
    #[must_use]
    pub fn to_line(&self) -> Line {
        let written = Written {
            seq: self.seq,
            time: self.time,
            party: &self.party,
            round: self.round.as_ref(),
            event: &self.event,
            peer: self.peer.as_ref(),
            direction: self.event.direction(),
            digests: &self.digests,
            outcome: self.outcome,
            actor: self.actor,
            version: &self.version,
        };
        let text = serde_json::to_string(&written).expect("strings, integers and maps with string keys are JSON");
        Line { seq: self.seq, text }
    }

    /// Reads a line back.
    ///
    /// # Errors
    /// On anything but the very bytes that [`Record::to_line`] gives for the record.
    pub fn parse(line: &str) -> Result<Self, BadLine> {
        if line.len() > MAX_LINE {
            return Err(BadLine::TooLong);
        }
        let read: Read = serde_json::from_str(line)?;
        let mut event = serde_json::Map::new();
        event.insert("event".to_owned(), read.event.into());
        if let Some(detail) = read.detail {
            event.insert("detail".to_owned(), detail);
        }
        let event = Event::deserialize(serde_json::Value::Object(event))?;
        if event.direction() != read.direction {
            return Err(BadLine::Direction);
        }
        let record = Self {
            seq: read.seq,
            time: read.time,
            party: read.party,
            round: read.round,
            event,
            peer: read.peer,
            digests: read.digests,
            outcome: read.outcome,
            actor: read.actor,
            version: read.version,
        };
        if record.to_line().text == line { Ok(record) } else { Err(BadLine::Spelling) }
    }

    /// The reason or name that the event carries, where it has free text.
    #[must_use]
    pub fn reason(&self) -> Option<&Text> {
        match &self.event {
            Event::DaemonStopped { reason }
            | Event::RollbackFound { reason, .. }
            | Event::LinkDown { reason }
            | Event::LinkRefused { reason, .. }
            | Event::DeclineSent { reason }
            | Event::DeclineReceived { reason }
            | Event::RoundAbandoned { reason }
            | Event::AbandonSent { reason }
            | Event::AbandonReceived { reason }
            | Event::LogAcknowledged { reason, .. }
            | Event::RoundsPaused { reason }
            | Event::FaultObserved { reason, .. } => Some(reason),
            Event::ApprovalGiven { reason, .. } | Event::AdminCall { reason, .. } => reason.as_ref(),
            _ => None,
        }
    }
}
