//! Rounds that this node proposes by itself, by the schedule of its node file.
//!
//! Nothing is kept of it: what is due last names a period, and a period whose round this party knows needs no proposal.
//! So a node that was down proposes at its start what it missed last, and nothing is proposed twice.

use jiff::Timestamp;
use protocol::agreement::{Agreement, Calendar};
use wire::message::Votes;

use super::hub::Hub;
use crate::admin::Refused;
use crate::cron::{Cron, last_period};
use crate::settings::Settings;
use crate::status::ScheduleStatus;

/// The schedules of all computations.
pub(super) struct Timetable(Vec<Entry>);

struct Entry {
    computation: String,
    calendar: Calendar,
    cron: Cron,
    last: Option<Timestamp>,
    next: Option<Timestamp>,
    /// The due time that needs nothing any more.
    done: Option<Timestamp>,
    /// Why what is due is not proposed yet.
    refused: Option<String>,
}

/// A round that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Due {
    computation: String,
    period: String,
}

impl Timetable {
    /// Computations that the agreement does not have are passed over: a daemon is not started with them.
    pub(super) fn new(settings: &Settings, agreement: &Agreement) -> Self {
        let entry = |(id, cron): (&String, &Cron)| {
            let calendar = agreement.computation(id)?.calendar;
            let (computation, cron) = (id.clone(), cron.clone());
            Some(Entry { computation, calendar, cron, last: None, next: None, done: None, refused: None })
        };
        Self(settings.schedules.iter().filter_map(entry).collect())
    }

    /// What is due: of each computation the period of the last due time, until it is done.
    fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let due = |entry: &mut Entry| {
            entry.look(now);
            let last = entry.last.filter(|_| entry.last != entry.done)?;
            Some(Due { computation: entry.computation.clone(), period: last_period(entry.calendar, last)? })
        };
        self.0.iter_mut().filter_map(due).collect()
    }

    /// This party has the round of that period, whoever proposed it: what is due of it needs nothing any more.
    pub(super) fn joined(&mut self, computation: &str, period: &str) {
        let due = Due { computation: computation.to_owned(), period: period.to_owned() };
        if self.due(Timestamp::now()).contains(&due) {
            self.done(&due);
        }
    }

    /// It has been proposed, or there is such a round already.
    fn done(&mut self, due: &Due) {
        if let Some(entry) = self.entry(due) {
            entry.done = entry.last;
            entry.refused = None;
        }
    }

    /// It cannot be proposed yet. True where the reason is news.
    fn refused(&mut self, due: &Due, reason: &str) -> bool {
        let told = format!("{}/{}: {reason}", due.computation, due.period);
        self.entry(due).is_some_and(|entry| entry.refused.replace(told.clone()).is_none_or(|before| before != told))
    }

    fn entry(&mut self, due: &Due) -> Option<&mut Entry> {
        self.0.iter_mut().find(|entry| entry.computation == due.computation)
    }

    pub(super) fn statuses(&self) -> Vec<ScheduleStatus> {
        let status = |entry: &Entry| ScheduleStatus {
            computation: entry.computation.clone(),
            cron: entry.cron.to_string(),
            next: entry.next.map(|next| next.to_string()),
            waits: entry.refused.clone(),
        };
        self.0.iter().map(status).collect()
    }
}

impl Entry {
    /// Brings it up to now, also where a clock was set back.
    fn look(&mut self, now: Timestamp) {
        let fresh = self.next.is_some_and(|next| now < next) && self.last.is_none_or(|last| last <= now);
        if !fresh {
            self.last = self.cron.last_due(now);
            self.next = self.cron.next_due(now);
        }
    }
}

impl Hub {
    pub(super) fn look_at_schedule(&mut self) {
        for due in self.timetable.due(Timestamp::now()) {
            let Due { computation, period } = &due;
            match self.propose_due(&due) {
                Ok(()) => self.timetable.done(&due),
                Err(refused) => {
                    let reason = refused.lines.join("; ");
                    if self.timetable.refused(&due, &reason) {
                        tracing::warn!(target: "round", round = %format!("{computation}/{period}"), %reason, "the round is due and cannot be proposed yet");
                    }
                }
            }
        }
    }

    fn propose_due(&mut self, due: &Due) -> Result<(), Refused> {
        let Due { computation, period } = due;
        if self.is_known(computation, period)? {
            return Ok(());
        }
        let terms = self.may_open(computation, period, 0)?;
        tracing::info!(target: "round", round = %format!("{computation}/{period}"), "the round is due: proposing it");
        self.join(terms, Votes::default(), None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timetable(calendar: Calendar, cron: &str) -> Timetable {
        let (computation, cron) = ("pay".to_owned(), cron.parse().unwrap());
        Timetable(vec![Entry { computation, calendar, cron, last: None, next: None, done: None, refused: None }])
    }

    fn due(timetable: &mut Timetable, now: &str) -> Option<String> {
        let mut due = timetable.due(now.parse().unwrap());
        assert!(due.len() < 2, "one of each computation");
        due.pop().map(|due| due.period)
    }

    fn done(timetable: &mut Timetable, period: &str) {
        timetable.done(&Due { computation: "pay".into(), period: period.into() });
    }

    #[test]
    fn a_due_round_stays_due_until_it_is_done_and_is_due_once() {
        let mut table = timetable(Calendar::Quarter, "0 6 5 1,4,7,10 *");
        // At the start: what was missed last.
        assert_eq!(due(&mut table, "2026-09-01T00:00:00Z").as_deref(), Some("2026-Q2"));
        assert_eq!(due(&mut table, "2026-09-01T00:00:01Z").as_deref(), Some("2026-Q2"));
        done(&mut table, "2026-Q2");
        assert_eq!(due(&mut table, "2026-09-01T00:00:02Z"), None);
        assert_eq!(due(&mut table, "2026-10-05T05:59:59Z"), None);
        assert_eq!(due(&mut table, "2026-10-05T06:00:00Z").as_deref(), Some("2026-Q3"));
        done(&mut table, "2026-Q3");
        assert_eq!(due(&mut table, "2026-10-05T06:00:01Z"), None);
        assert_eq!(table.statuses()[0].next.as_deref(), Some("2027-01-05T06:00:00Z"));
        // Two that were missed while the clock ran on: only the last is due.
        assert_eq!(due(&mut table, "2027-05-01T00:00:00Z").as_deref(), Some("2027-Q1"));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_it() {
        let mut table = timetable(Calendar::Any, "0 6 * * *");
        assert_eq!(due(&mut table, "2099-01-01T12:00:00Z").as_deref(), Some("2099-01-01"));
        done(&mut table, "2099-01-01");
        assert_eq!(due(&mut table, "2026-01-01T12:00:00Z").as_deref(), Some("2026-01-01"));
        done(&mut table, "2026-01-01");
        assert_eq!(due(&mut table, "2026-01-02T06:00:00Z").as_deref(), Some("2026-01-02"));
    }

    #[test]
    fn a_reason_is_news_once() {
        let mut table = timetable(Calendar::Day, "0 6 * * *");
        let day = table.due("2026-01-02T06:00:00Z".parse().unwrap()).remove(0);
        assert!(table.refused(&day, "a signature is missing"));
        assert!(!table.refused(&day, "a signature is missing"));
        assert!(table.refused(&day, "the agreements differ"));
        assert_eq!(table.statuses()[0].waits.as_deref(), Some("pay/2026-01-01: the agreements differ"));
        table.done(&day);
        assert_eq!(table.statuses()[0].waits, None);
    }
}
