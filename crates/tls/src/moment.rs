//! Times as people read them, and the warning before a certificate runs out.

use core::fmt;

use time::OffsetDateTime;

const DAY: u64 = 86_400;

/// From when on a certificate of a year's life is warned about: a month, so that one absence of the operator is survived.
pub const EXPIRY_WARNING_DAYS: u64 = 30;

/// A time in seconds since 1970 that prints as `2026-11-23 10:00:00 UTC`.
#[derive(Clone, Copy)]
pub(crate) struct Moment(pub(crate) u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        match time {
            Some(t) => {
                let (h, m, s) = t.to_hms();
                write!(f, "{:04}-{:02}-{:02} {h:02}:{m:02}:{s:02} UTC", t.year(), u8::from(t.month()), t.day())
            }
            None => write!(f, "{} seconds after 1970", self.0),
        }
    }
}

/// Whole days from `now` to `not_after`, both in seconds since 1970; zero on the last day and after it.
pub(crate) fn days_left(not_after: u64, now: u64) -> u64 {
    not_after.saturating_sub(now) / DAY
}

/// The line to log when a certificate runs out soon: within [`EXPIRY_WARNING_DAYS`], or within the last third of a
/// shorter life, so that the short-lived certificates of a corporate authority do not warn from their first day.
///
/// `what` names the certificate, as in "the certificate of acme"; times are seconds since 1970.
pub fn expiry_warning(what: &str, not_before: u64, not_after: u64, now: u64) -> Option<String> {
    let ahead = (EXPIRY_WARNING_DAYS * DAY).min(not_after.saturating_sub(not_before) / 3);
    if now > not_after {
        Some(format!("{what} expired on {}; renew it with `smpcd certs renew`", Moment(not_after)))
    } else if not_after - now <= ahead {
        let days = days_left(not_after, now);
        let unit = if days == 1 { "day" } else { "days" };
        Some(format!(
            "{what} expires in {days} {unit}, on {}; renew it with `smpcd certs renew` before then",
            Moment(not_after)
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_in_utc_and_never_panic() {
        assert_eq!(Moment(0).to_string(), "1970-01-01 00:00:00 UTC");
        assert_eq!(Moment(1_795_428_000).to_string(), "2026-11-23 10:00:00 UTC");
        assert_eq!(Moment(u64::MAX).to_string(), "18446744073709551615 seconds after 1970");
    }

    #[test]
    fn the_warning_begins_a_month_or_a_third_of_life_before_the_end() {
        let year = 365 * DAY;
        assert_eq!(expiry_warning("it", 0, year, year - 31 * DAY), None);
        let text = expiry_warning("it", 0, year, year - 30 * DAY).unwrap();
        assert!(text.contains("it expires in 30 days, on 1971-01-01 00:00:00 UTC"), "{text}");
        assert!(expiry_warning("it", 0, year, year - DAY).unwrap().contains("in 1 day,"));
        assert!(expiry_warning("it", 0, year, year + 1).unwrap().contains("expired on"));
        let week = 6 * DAY;
        assert_eq!(expiry_warning("it", 0, week, 3 * DAY), None);
        assert!(expiry_warning("it", 0, week, 4 * DAY).is_some());
    }
}
