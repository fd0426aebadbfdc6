//! The statistics of a row, from its exact totals.

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
