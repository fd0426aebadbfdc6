//! When rounds are due by themselves: five fields of cron, in UTC, and the period that a due round is about.
//!
//! In UTC, because periods are: no hour is there twice, and no two nodes mean different moments by one line.

use std::str::FromStr;

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use protocol::agreement::Calendar;

/// Minutes of four years, a leap day included: whatever is due at all is due once in them.
const WINDOW: i64 = (4 * 365 + 1) * 24 * 60;

/// The fields of a line.
const FIELDS: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];

/// A cron line: minute, hour, day of the month, month, day of the week, in UTC.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    crontab: Crontab,
}

/// A text is no cron line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Another number of fields.
    #[error("has {} fields where cron has five: {}", .0, FIELDS.join(", "))]
    Fields(usize),
    /// A field that cannot be read.
    #[error("is no cron line: {0}")]
    Field(String),
    /// Such as 30 February.
    #[error("is never due: no such day comes")]
    Never,
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        if fields.len() != 5 {
            return Err(CronError::Fields(fields.len()));
        }
        let text = fields.join(" ");
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let crontab = cronexpr::parse_crontab_with(&text, options)
            .map_err(|error| CronError::Field(reason(&text, &error.to_string())))?;
        let cron = Self { text, crontab };
        if cron.next_due(Timestamp::UNIX_EPOCH).is_none() {
            return Err(CronError::Never);
        }
        Ok(cron)
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl std::fmt::Display for Cron {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// The first due time after `time`.
    #[must_use]
    pub fn next_due(&self, time: Timestamp) -> Option<Timestamp> {
        self.due_after(time.as_second().div_euclid(60)).and_then(at_minute)
    }

    /// The last due time that is not after `time`.
    #[must_use]
    pub fn last_due(&self, time: Timestamp) -> Option<Timestamp> {
        let now = time.as_second().div_euclid(60);
        let is_before = |minute: i64| self.due_after(minute).is_some_and(|due| due <= now);
        // The crate looks ahead only. What comes after a minute comes no earlier after a later one, so it is bisected.
        let (mut early, mut late) = (now - WINDOW, now);
        if !is_before(early) {
            return None;
        }
        while late - early > 1 {
            let middle = early + (late - early) / 2;
            if is_before(middle) { early = middle } else { late = middle }
        }
        self.due_after(early).and_then(at_minute)
    }

    fn due_after(&self, minute: i64) -> Option<i64> {
        let due = self.crontab.find_next(MakeTimestamp(at_minute(minute)?)).ok()?;
        Some(due.timestamp().as_second().div_euclid(60))
    }
}

/// The crate shows the line, a caret below the field, and the reason behind it; here an error is one line.
fn reason(text: &str, said: &str) -> String {
    let last = said.lines().last().unwrap_or_default();
    let Some((before, reason)) = last.split_once('^') else { return last.trim().to_owned() };
    let field = text.bytes().take(before.len()).filter(|byte| *byte == b' ').count();
    format!("{}: {}", FIELDS.get(field).copied().unwrap_or("time zone"), reason.trim())
}

fn at_minute(minute: i64) -> Option<Timestamp> {
    Timestamp::from_second(minute.checked_mul(60)?).ok()
}

/// The last period of the calendar that has ended by then, in its canonical spelling; under `any`, which knows no ends,
/// the date. None before 1971.
#[must_use]
pub fn last_period(calendar: Calendar, time: Timestamp) -> Option<String> {
    let today = time.to_zoned(TimeZone::UTC).date();
    let day_before = |date: Date| date.checked_sub(1.day()).ok();
    let text = match calendar {
        Calendar::Year => format!("{}", today.year() - 1),
        Calendar::Quarter => {
            let first = Date::new(today.year(), (today.month() - 1) / 3 * 3 + 1, 1).ok()?;
            let last = day_before(first)?;
            format!("{}-Q{}", last.year(), (last.month() + 2) / 3)
        }
        Calendar::Month => {
            let last = day_before(today.first_of_month())?;
            format!("{}-{:02}", last.year(), last.month())
        }
        Calendar::Week => {
            let week = today.checked_sub(1.week()).ok()?.iso_week_date();
            format!("{}-W{:02}", week.year(), week.week())
        }
        Calendar::Day => day_before(today)?.to_string(),
        Calendar::Any => today.to_string(),
    };
    // The calendar's own word on what it has just been told.
    calendar.period(&text).ok().map(|period| period.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cron(text: &str) -> Cron {
        text.parse().unwrap()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_is_due_when_cron_says() {
        for (line, at, last, next) in [
            ("0 6 5 1,4,7,10 *", "2026-10-05T05:59:59Z", "2026-07-05T06:00:00Z", "2026-10-05T06:00:00Z"),
            ("0 6 5 1,4,7,10 *", "2026-10-05T06:00:00Z", "2026-10-05T06:00:00Z", "2027-01-05T06:00:00Z"),
            ("0 6 5 1,4,7,10 *", "2026-10-05T06:00:30Z", "2026-10-05T06:00:00Z", "2027-01-05T06:00:00Z"),
            ("* * * * *", "2026-10-05T06:00:30Z", "2026-10-05T06:00:00Z", "2026-10-05T06:01:00Z"),
            ("30 7 * * MON", "2026-10-05T07:29:00Z", "2026-09-28T07:30:00Z", "2026-10-05T07:30:00Z"),
            ("0 0 29 2 *", "2027-03-01T00:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
        ] {
            let line = cron(line);
            assert_eq!(line.last_due(time(at)), Some(time(last)), "{line} at {at}");
            assert_eq!(line.next_due(time(at)), Some(time(next)), "{line} at {at}");
        }
    }

    #[test]
    fn what_is_no_line_is_refused_in_one_line() {
        for text in ["", "0 6 5 1", "0 6 5 1 * *", "0 6 5 1 * UTC", "@daily"] {
            assert!(matches!(text.parse::<Cron>(), Err(CronError::Fields(_))), "{text:?}");
        }
        for (text, field) in [
            ("60 6 5 1 *", "minute"),
            ("H 6 5 1 *", "minute"),
            ("0 24 5 1 *", "hour"),
            ("0 6 0 1 *", "day of the month"),
            ("0 6 5 13 *", "month"),
            ("0 6 5 1 MOO", "day of the week"),
        ] {
            let error = text.parse::<Cron>().unwrap_err();
            let CronError::Field(reason) = &error else { panic!("{text:?}: {error:?}") };
            assert!(reason.starts_with(&format!("{field}: ")) && reason.len() > field.len() + 9, "{text:?}: {error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
        assert_eq!("0 6 30 2 *".parse::<Cron>(), Err(CronError::Never));
        assert_eq!(cron(" 0  6 5 1,4   * ").to_string(), "0 6 5 1,4 *");
    }

    #[test]
    fn the_last_period_is_named_as_the_calendar_names_it() {
        for (calendar, at, period) in [
            (Calendar::Year, "2026-01-01T00:00:00Z", "2025"),
            (Calendar::Quarter, "2026-01-05T06:00:00Z", "2025-Q4"),
            (Calendar::Quarter, "2026-09-30T23:59:59Z", "2026-Q2"),
            (Calendar::Quarter, "2026-10-01T00:00:00Z", "2026-Q3"),
            (Calendar::Month, "2026-01-31T06:00:00Z", "2025-12"),
            (Calendar::Month, "2026-10-01T00:00:00Z", "2026-09"),
            (Calendar::Week, "2026-01-05T00:00:00Z", "2026-W01"),
            (Calendar::Week, "2026-01-04T23:59:59Z", "2025-W52"),
            (Calendar::Week, "2021-01-04T00:00:00Z", "2020-W53"),
            (Calendar::Day, "2026-03-01T00:00:00Z", "2026-02-28"),
            (Calendar::Any, "2026-10-05T06:00:00Z", "2026-10-05"),
        ] {
            assert_eq!(last_period(calendar, time(at)).as_deref(), Some(period), "{calendar} at {at}");
        }
    }

    proptest! {
        #[test]
        fn the_last_period_has_ended_and_the_next_has_not(second in 86_400i64 * 400..4_102_444_800) {
            let now = Timestamp::from_second(second).unwrap();
            for calendar in Calendar::ALL.into_iter().filter(|calendar| *calendar != Calendar::Any) {
                let end = calendar.period(&last_period(calendar, now).unwrap()).unwrap().end().unwrap();
                prop_assert!(end <= second, "{calendar}: it has ended");
                // No later one has: that would lie between.
                let days = match calendar {
                    Calendar::Year => 366,
                    Calendar::Quarter => 92,
                    Calendar::Month => 31,
                    Calendar::Week => 7,
                    _ => 1,
                };
                prop_assert!(second - end < days * 86_400, "{calendar}");
            }
        }

        #[test]
        fn between_the_last_and_the_next_due_time_there_is_none(second in 0i64..4_102_444_800, hour in 0u8..24, day in 1u8..29) {
            let now = Timestamp::from_second(second).unwrap();
            let line = cron(&format!("7 {hour} {day} */5 *"));
            let (last, next) = (line.last_due(now), line.next_due(now).unwrap());
            prop_assert!(next > now);
            if let Some(last) = last {
                prop_assert!(last <= now);
                prop_assert_eq!(line.next_due(last), Some(next));
            }
        }
    }
}
