//! Periods: what one execution is about, in one canonical spelling for each calendar (PROTOCOL 1.2 and 4.1).
//!
//! The spelling goes into the round id. Two spellings of one quarter would be two rounds of it, and the difference of
//! their sums is one party's figure; so each calendar has exactly one.

use alloc::string::String;
use core::fmt;

/// Longest period of the calendar `any`. It is a directory name and part of every round's address.
const ANY_MAX: usize = 32;

/// Seconds of a day. Periods are UTC, where days have no other length in unix time.
const DAY: i64 = 86_400;

/// How the periods of a computation are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Calendar {
    /// `2026`.
    Year,
    /// `2026-Q3`.
    Quarter,
    /// `2026-07`.
    Month,
    /// `2026-W27`, an ISO 8601 week.
    Week,
    /// `2026-07-31`.
    Day,
    /// Any name of `[A-Za-z0-9][A-Za-z0-9._-]{0,31}`.
    Any,
}

impl Calendar {
    /// All of them, in the order in which they are listed to people.
    pub const ALL: [Self; 6] = [Self::Year, Self::Quarter, Self::Month, Self::Week, Self::Day, Self::Any];

    /// Its name in the agreement.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::Any => "any",
        }
    }

    /// The calendar of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// How its periods are written, by an example.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Year => "2026",
            Self::Quarter => "2026-Q3",
            Self::Month => "2026-07",
            Self::Week => "2026-W27",
            Self::Day => "2026-07-31",
            Self::Any => "2026-trial.1",
        }
    }

    /// Reads a period of this calendar.
    ///
    /// # Errors
    /// Where the text is not the one canonical spelling of a period: the text is never corrected.
    pub fn period(self, text: &str) -> Result<Period, PeriodError> {
        let refused = || PeriodError { calendar: self };
        let end = match self {
            Self::Any => {
                if !is_any(text) {
                    return Err(refused());
                }
                None
            }
            _ => Some(self.end(text).ok_or_else(refused)?),
        };
        Ok(Period { text: String::from(text), end })
    }

    /// First second after the period, or none where the text names none.
    fn end(self, text: &str) -> Option<i64> {
        let (year, rest) = text.split_at_checked(4)?;
        let year = digits(year)?;
        if !(1970..=9998).contains(&year) {
            return None;
        }
        let day = match self {
            Self::Year => rest.is_empty().then(|| days_before(year + 1, 1, 1))?,
            Self::Quarter => {
                let quarter = within(digits(rest.strip_prefix("-Q")?)?, 1, 4, rest.len() == 3)?;
                month_end(year, quarter * 3)
            }
            Self::Month => month_end(year, within(digits(rest.strip_prefix('-')?)?, 1, 12, rest.len() == 3)?),
            Self::Week => {
                let week = within(digits(rest.strip_prefix("-W")?)?, 1, weeks_of(year), rest.len() == 4)?;
                first_monday(year) + week * 7
            }
            Self::Day => {
                let (month, day) = rest.strip_prefix('-')?.split_once('-')?;
                let whole = month.len() == 2 && day.len() == 2;
                let month = within(digits(month)?, 1, 12, whole)?;
                let length = month_end(year, month) - days_before(year, month, 1);
                days_before(year, month, 1) + within(digits(day)?, 1, length, whole)?
            }
            Self::Any => return None,
        };
        Some(day * DAY)
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A period in its canonical spelling. Made by [`Calendar::period`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    text: String,
    end: Option<i64>,
}

impl Period {
    /// The canonical spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// First second after the period, in unix time, UTC. None under the calendar `any`.
    ///
    /// No round is proposed or joined before it (PROTOCOL 4.1).
    #[must_use]
    pub fn end(&self) -> Option<i64> {
        self.end
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text is not a period of the calendar, or not in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodError {
    /// The calendar that was asked for.
    pub calendar: Calendar,
}

impl fmt::Display for PeriodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.calendar {
            Calendar::Any => f.write_str(
                "not a period: write letters, digits, '.', '_' and '-', 1 to 32 of them, the first a letter or a digit",
            ),
            calendar => write!(f, "not a period of the calendar '{calendar}': write it as in {}", calendar.example()),
        }
    }
}

impl core::error::Error for PeriodError {}

fn is_any(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= ANY_MAX
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Only digits: `parse` alone would take "+1", a second spelling.
fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn within(value: i64, least: i64, most: i64, right_length: bool) -> Option<i64> {
    (right_length && (least..=most).contains(&value)).then_some(value)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms",
/// `days_from_civil`). Years here are positive, so the division needs no care about signs.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// First day after a month.
fn month_end(year: i64, month: i64) -> i64 {
    if month == 12 { days_before(year + 1, 1, 1) } else { days_before(year, month + 1, 1) }
}

/// The Monday that begins week 1: the week that holds 4 January (ISO 8601).
fn first_monday(year: i64) -> i64 {
    let fourth = days_before(year, 1, 4);
    // 1970-01-01 was a Thursday, so Monday is 0 after adding 3.
    fourth - (fourth + 3).rem_euclid(7)
}

fn weeks_of(year: i64) -> i64 {
    (first_monday(year + 1) - first_monday(year)) / 7
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(calendar: Calendar, text: &str) -> Option<i64> {
        calendar.period(text).ok().and_then(|p| p.end())
    }

    #[test]
    fn a_period_ends_with_the_first_second_after_it() {
        for (calendar, text, expected) in [
            // `date -u -d '… 00:00' +%s` of the day after.
            (Calendar::Year, "2026", 1_798_761_600),
            (Calendar::Quarter, "2026-Q3", 1_790_812_800),
            (Calendar::Quarter, "2026-Q4", 1_798_761_600),
            (Calendar::Month, "2026-07", 1_785_542_400),
            (Calendar::Month, "2024-02", 1_709_251_200),
            (Calendar::Week, "2026-W27", 1_783_296_000),
            (Calendar::Week, "2020-W53", 1_609_718_400),
            (Calendar::Week, "2026-W01", 1_767_571_200),
            (Calendar::Day, "2026-07-31", 1_785_542_400),
            (Calendar::Day, "2000-02-29", 951_868_800),
            (Calendar::Day, "1970-01-01", 86_400),
        ] {
            assert_eq!(end(calendar, text), Some(expected), "{text}");
        }
        assert_eq!(Calendar::Any.period("x").map(|p| p.end()), Ok(None));
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for (calendar, texts) in [
            (Calendar::Year, &["", "26", "02026", "2026 ", "+026", "2026-", "1969", "9999", "２０２６"][..]),
            (Calendar::Quarter, &["2026-Q0", "2026-Q5", "2026Q3", "2026-q3", "2026-Q03", "2026-3", "2026-Q+"]),
            (Calendar::Month, &["2026-7", "2026-00", "2026-13", "202607", "2026-007", "2026-07-"]),
            (Calendar::Week, &["2026-W54", "2025-W53", "2026-W0", "2026-W7", "2026-W00", "2026-27"]),
            (Calendar::Day, &["2026-02-29", "1900-02-29", "2026-7-31", "2026-07-32", "2026-07-1", "20260731"]),
            (Calendar::Any, &["", "-a", ".a", "a/b", "a b", "ä", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]),
        ] {
            for text in texts {
                assert_eq!(calendar.period(text), Err(PeriodError { calendar }), "{calendar}: {text}");
            }
        }
        assert!(Calendar::Any.period("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").is_ok());
    }

    #[test]
    fn every_example_is_a_period_and_says_so() {
        for calendar in Calendar::ALL {
            assert!(calendar.period(calendar.example()).is_ok(), "{calendar}");
            assert_eq!(Calendar::named(calendar.name()), Some(calendar));
        }
        assert_eq!(Calendar::named("Quarter"), None);
    }
}
