//! The statistics of a row, from its exact totals, and how they are written.

use std::fmt::Write;

use sharing::decimal::Decimal;

use super::meta::{ResultColumn, ResultMeta};

impl ResultColumn {
    /// The sum: exact.
    #[must_use]
    pub fn sum(&self, total: i128) -> Decimal {
        Decimal { units: total, decimals: self.decimals }
    }

    /// The mean over `count` contributors, at least one: the exact sum divided once, half-even.
    #[must_use]
    pub fn mean(&self, total: i128, count: u32) -> Decimal {
        Decimal::mean(total, count, self.decimals)
    }
}

impl ResultMeta {
    /// The derived figure at that position, of one row's totals; none where its denominator is zero.
    #[must_use]
    pub fn ratio(&self, ratio: usize, totals: &[i128]) -> Option<Decimal> {
        let ratio = self.ratios.get(ratio)?;
        let sum = |column: usize| Some(self.columns.get(column)?.sum(*totals.get(column)?));
        Decimal::ratio(sum(ratio.numerator)?, sum(ratio.denominator)?)
    }
}

/// The unit of a derived figure: that of its numerator, by that of its denominator where it has one.
#[must_use]
pub fn ratio_unit(meta: &ResultMeta, ratio: usize) -> String {
    let Some(ratio) = meta.ratios.get(ratio) else { return String::new() };
    let unit = |column: usize| meta.columns.get(column).map_or("", |column| column.unit.as_str());
    match (unit(ratio.numerator), unit(ratio.denominator)) {
        (numerator, denominator) if numerator == denominator => String::new(),
        (numerator, "") => numerator.to_owned(),
        ("", denominator) => format!("1/{denominator}"),
        (numerator, denominator) => format!("{numerator}/{denominator}"),
    }
}

/// Adds a decimal, as its `Display` writes it. An export has millions of them: those of up to 64 bits, nearly all, are
/// written without an allocation.
pub(super) fn push_decimal(text: &mut String, value: Decimal) {
    /// Digits of a `u64`, and a point.
    const LONGEST: usize = 21;
    let Ok(mut units) = u64::try_from(value.units.unsigned_abs()) else {
        return push(text, format_args!("{value}"));
    };
    let decimals = usize::from(value.decimals);
    if decimals >= LONGEST - 1 {
        return push(text, format_args!("{value}"));
    }
    if value.units < 0 {
        text.push('-');
    }
    let mut digits = [b'0'; LONGEST];
    let mut start = LONGEST;
    // At least one digit before the point; `decimals` leaves room for it.
    while units > 0 || LONGEST - start <= decimals + usize::from(decimals > 0) {
        start -= 1;
        if decimals > 0 && LONGEST - start == decimals + 1 {
            digits[start] = b'.';
            continue;
        }
        digits[start] += u8::try_from(units % 10).unwrap_or(0);
        units /= 10;
    }
    digits[start..].iter().for_each(|digit| text.push(char::from(*digit)));
}

/// Adds formatted text. A string takes whatever is written to it.
pub(super) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(arguments);
}
