//! Numbers, durations and lists as people read them, and text wrapped for a screen or a sheet of paper.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use sharing::decimal::Decimal;

/// Longest piece of somebody's text that is repeated in a message.
const QUOTED: usize = 60;

/// Text in quotes, escaped and cut, so that it can do no harm in a line of output.
pub(super) fn quoted(text: &str) -> String {
    let cut = if text.chars().count() > QUOTED { "…" } else { "" };
    let head: String = text.chars().take(QUOTED).collect();
    format!("'{}{cut}'", head.escape_debug())
}

/// `7 days`, `1 hour 30 minutes`, `250 milliseconds`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
        (u64::from(duration.subsec_millis()), "millisecond"),
    ];
    let words: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| count(*n, unit)).collect();
    if words.is_empty() { "no time".into() } else { words.join(" ") }
}

/// `1 row`, `1,000 rows`.
pub(super) fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(&n.to_string()), if n == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed<S: AsRef<str>>(items: &[S]) -> String {
    let mut text = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            text.push_str(if i + 1 == items.len() { " and " } else { ", " });
        }
        text.push_str(item.as_ref());
    }
    text
}

/// An exact decimal with thousands separated: `-50,000,000.00`.
pub(super) fn decimal(units: i128, decimals: u8) -> String {
    grouped(&Decimal { units, decimals }.to_string())
}

/// Separates the thousands of a number that is written out.
pub(super) fn grouped(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let mut text = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Appends `text` to `out`, wrapped at `width` characters, the first line after `first` and the others after spaces.
/// A word that is longer than a line gets a line of its own.
pub(super) fn wrap(out: &mut String, width: usize, first: &str, text: &str) {
    let indent = first.chars().count();
    let mut column = indent;
    out.push_str(first);
    let mut fresh = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !fresh && column + 1 + length > width {
            out.push('\n');
            out.extend(core::iter::repeat_n(' ', indent));
            column = indent;
            fresh = true;
        }
        if !fresh {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        fresh = false;
    }
    while out.ends_with(' ') {
        out.pop();
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_words() {
        assert_eq!(duration(Duration::from_secs(7 * 86_400)), "7 days");
        assert_eq!(duration(Duration::from_millis(5_400_250)), "1 hour 30 minutes 250 milliseconds");
        assert_eq!(count(1, "row"), "1 row");
        assert_eq!(count(100_000_000, "row"), "100,000,000 rows");
        assert_eq!(grouped("-123456.789012"), "-123,456.789012");
        assert_eq!(grouped("123"), "123");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(listed(&["a"]), "a");
    }

    #[test]
    fn wrapping_keeps_every_word_and_the_width() {
        let mut out = String::new();
        wrap(&mut out, 12, "  - ", "one two three aVeryLongWordIndeed four");
        assert_eq!(out, "  - one two\n    three\n    aVeryLongWordIndeed\n    four\n");
    }

    #[test]
    fn quoted_text_is_escaped_and_cut() {
        assert_eq!(quoted("a\u{1b}[2J'"), "'a\\u{1b}[2J\\''");
        assert_eq!(quoted(&"x".repeat(61)), format!("'{}…'", "x".repeat(60)));
    }
}
