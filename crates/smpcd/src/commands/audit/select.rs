//! Which records are wanted.

use std::time::SystemTime;

use audit::{Event, Outcome, Record, Severity, Time};
use clap::ValueEnum;

use crate::commands::round::Address;

/// Filters; a record is wanted if it passes all of them.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Select {
    /// Only this round: COMPUTATION/PERIOD
    #[arg(long, value_name = "ROUND")]
    pub(super) round: Option<Address>,
    /// Only this event, such as open.sent, or all of a kind, such as link.*; may be repeated
    #[arg(long, value_name = "EVENT", value_parser = wanted_event)]
    pub(super) event: Vec<String>,
    /// Only with this party at the other end
    #[arg(long, value_name = "PARTY")]
    pub(super) peer: Option<String>,
    /// Only what ended like this; may be repeated
    #[arg(long, value_enum, value_name = "OUTCOME")]
    pub(super) outcome: Vec<Ended>,
    /// Only what matters as much as this, or more
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(super) severity: Option<Level>,
    /// Only from then on: a date, a time in UTC, or how long ago, such as 2h
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(super) since: Option<Time>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Ended {
    /// As it should
    Done,
    /// Turned away
    Refused,
    /// Two things that should agree do not
    Differs,
    /// Tried, and it did not work
    Failed,
}

impl Ended {
    fn is(self, outcome: Outcome) -> bool {
        match self {
            Self::Done => outcome == Outcome::Done,
            Self::Refused => outcome == Outcome::Refused,
            Self::Differs => outcome == Outcome::Differs,
            Self::Failed => outcome == Outcome::Failed,
        }
    }
}

/// How much a record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// Steps as they should be
    Info,
    /// What a person decided or waits for
    Notice,
    /// Something was turned away, given up or lost
    Warning,
    /// A person has to look now
    Alarm,
}

impl Level {
    fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Notice => Severity::Notice,
            Self::Warning => Severity::Warning,
            Self::Alarm => Severity::Alarm,
        }
    }
}

impl Select {
    /// Whether the record is wanted.
    pub(super) fn wants(&self, record: &Record) -> bool {
        let round = self.round.as_ref().is_none_or(|wanted| {
            record.round.as_ref().is_some_and(|round| {
                round.computation.as_str() == wanted.computation && round.period.as_str() == wanted.period
            })
        });
        round
            && self.peer.as_ref().is_none_or(|wanted| record.peer.as_ref().is_some_and(|peer| peer.as_str() == wanted))
            && (self.outcome.is_empty() || self.outcome.iter().any(|wanted| wanted.is(record.outcome)))
            && self.severity.is_none_or(|level| record.severity() >= level.severity())
            && self.since.is_none_or(|since| record.time >= since)
            && self.wants_event(&record.event)
    }

    fn wants_event(&self, event: &Event) -> bool {
        if self.event.is_empty() {
            return true;
        }
        let (name, _) = event.name_and_detail();
        self.event.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(kind) => name.starts_with(kind),
            None => name == *wanted,
        })
    }
}

/// A mistyped event would find nothing, and say nothing.
fn wanted_event(text: &str) -> Result<String, String> {
    if text.ends_with(".*") || Event::is_name(text) {
        return Ok(text.to_owned());
    }
    Err("there is no such event; `smpcd audit show --json` prints their names".into())
}

fn moment(text: &str) -> Result<Time, String> {
    let time = humantime::parse_rfc3339_weak(text)
        .or_else(|_| humantime::parse_rfc3339_weak(&format!("{text} 00:00:00")))
        .ok()
        .or_else(|| SystemTime::now().checked_sub(humantime::parse_duration(text).ok()?));
    let micros = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let micros = micros.and_then(|since| i64::try_from(since.as_micros()).ok());
    micros.map(Time::from_micros).ok_or_else(|| {
        "write a date (2026-09-30), a time in UTC (2026-09-30T12:00:00Z) or how long ago (2h, 3days)".into()
    })
}
