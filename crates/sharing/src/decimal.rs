//! Exact decimals: an i128 of units and a number of decimals (PROTOCOL 1.4, 4.7). No floating point anywhere.
//!
//! Attacker: whoever reads an error message must not learn the figure that caused it. Parsing runs on the owner's machine and
//! is not constant-time.

use alloc::string::{String, ToString};
use core::fmt;

use ethnum::U256;

/// Decimals that a mean or a ratio has beyond those of its column.
const EXTRA_DECIMALS: u8 = 4;

/// units · 10^−decimals. Equality is of this representation: 1.0 is not 1.00.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Decimal {
    /// The value in units of the last decimal.
    pub units: i128,
    /// Number of decimals.
    pub decimals: u8,
}

/// Reads a decimal number exactly, in units of the last of `decimals` decimals.
///
/// Accepted: an optional `-`, digits (leading zeros too), and optionally a point followed by 1 to `decimals` digits. With two
/// decimals, `1`, `007`, `-1.5` and `-1.50` are numbers, and `-0` is 0. Missing decimals are zeros.
///
/// # Errors
/// [`DecimalError`] for everything else, so that nothing is read in two ways: a plus sign, blanks (around the number too),
/// exponents, commas and other separators, a point without a digit on each side, more decimals than agreed **even if they
/// are zeros** (the file is then of another unit than the agreement, or was rounded by another program), and what an i128
/// cannot hold. No error holds any of the text.
pub fn parse(text: &str, decimals: u8) -> Result<i128, DecimalError> {
    if text.is_empty() {
        return Err(DecimalError::Empty);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    digits.chars().try_for_each(expected)?;
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, fraction)) if fraction.contains('.') => return Err(DecimalError::Separator),
        Some((_, "")) => return Err(DecimalError::Digit),
        Some(parts) => parts,
        None => (digits, ""),
    };
    if whole.is_empty() {
        return Err(DecimalError::Digit);
    }
    let missing =
        usize::from(decimals).checked_sub(fraction.len()).ok_or(DecimalError::TooManyDecimals { agreed: decimals })?;

    let digits = whole.bytes().chain(fraction.bytes()).map(|digit| i128::from(digit - b'0'));
    // Built below zero, because i128::MIN has no positive counterpart.
    let units = digits
        .chain(core::iter::repeat_n(0, missing))
        .try_fold(0i128, |units, digit| units.checked_mul(10)?.checked_sub(digit));
    let units = if negative { units } else { units.and_then(i128::checked_neg) };
    units.ok_or(DecimalError::TooLarge)
}

/// Refuses what is neither digit nor point, with the most helpful reason.
fn expected(character: char) -> Result<(), DecimalError> {
    match character {
        '0'..='9' | '.' => Ok(()),
        '+' | '-' | '\u{2212}' => Err(DecimalError::Sign),
        'e' | 'E' => Err(DecimalError::Exponent),
        ',' | '\'' | '_' | '\u{2019}' => Err(DecimalError::Separator),
        blank if blank.is_whitespace() || blank == '\u{feff}' => Err(DecimalError::Blank),
        _ => Err(DecimalError::Character),
    }
}

/// Why a text is no decimal number. Never holds the text or a part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecimalError {
    /// Nothing at all.
    #[error("there is no value; write 0 if zero is meant")]
    Empty,
    /// White space or a byte order mark.
    #[error("the value has a blank in or around it; write the number alone")]
    Blank,
    /// A plus, a second minus, or a typographic minus.
    #[error(
        "the value has a sign other than one leading ASCII minus; write negative numbers as -1.50 and others without a sign"
    )]
    Sign,
    /// An exponent.
    #[error("the value is written with an exponent; write out all digits")]
    Exponent,
    /// A comma, an apostrophe, an underscore or a second point.
    #[error("the value has a separator other than one decimal point; write 1234.50")]
    Separator,
    /// Digits are missing before or after the point, or altogether.
    #[error("the value lacks a digit before or after its point; write 0.50")]
    Digit,
    /// More decimals than agreed, even if they are zeros.
    #[error("the value has more decimals than the {agreed} that the agreement allows; round it or correct its unit")]
    TooManyDecimals {
        /// Decimals that the agreement allows.
        agreed: u8,
    },
    /// More than an i128 of units.
    #[error("the value is larger than any number that can be agreed on")]
    TooLarge,
    /// Anything else.
    #[error("the value is no decimal number; write digits with a point, like 1234.50")]
    Character,
}

impl Decimal {
    /// total / count for a total in units of the last of `decimals` decimals, rounded half to even at decimals + 4 places;
    /// trailing zeros beyond `decimals` are left away.
    ///
    /// Where the units at that many places exceed an i128 (a mean of about 2^114 units), it is rounded at the most places
    /// that fit, `decimals` at least.
    ///
    /// # Panics
    /// For a count of 0, as division does. A certificate has two contributors at least (PROTOCOL 4.7).
    pub fn mean(total: i128, count: u32, decimals: u8) -> Decimal {
        assert!(count != 0, "the mean of no values was asked for");
        for places in (decimals.saturating_add(1)..=decimals.saturating_add(EXTRA_DECIMALS)).rev() {
            if let Some(units) = quotient(total, i128::from(count), i32::from(places - decimals)) {
                return Decimal { units, decimals: places }.trimmed(decimals);
            }
        }
        let units = quotient(total, i128::from(count), 0).expect("a mean is no larger than its total");
        Decimal { units, decimals }
    }

    /// numerator / denominator, rounded half to even at numerator.decimals + 4 places.
    ///
    /// Where the units at that many places exceed an i128, it is rounded at the most places that fit. `None` for a zero
    /// denominator, and for a ratio whose whole part exceeds an i128.
    pub fn ratio(numerator: Decimal, denominator: Decimal) -> Option<Decimal> {
        if denominator.units == 0 {
            return None;
        }
        // n·10^−nd / (d·10^−dd) in units of 10^−places is n/d · 10^(dd + places − nd).
        let shift = i32::from(denominator.decimals) - i32::from(numerator.decimals);
        (0..=numerator.decimals.saturating_add(EXTRA_DECIMALS)).rev().find_map(|places| {
            let units = quotient(numerator.units, denominator.units, shift + i32::from(places))?;
            Some(Decimal { units, decimals: places })
        })
    }

    /// Without trailing zeros, but with `least` decimals at least.
    fn trimmed(mut self, least: u8) -> Decimal {
        while self.decimals > least && self.units % 10 == 0 {
            self.units /= 10;
            self.decimals -= 1;
        }
        self
    }
}

impl fmt::Display for Decimal {
    /// Exact, with all decimals and at least one digit before the point: `45000.00`, `-0.05`. Width and fill apply.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.decimals);
        let digits = self.units.unsigned_abs().to_string();
        let mut text = String::with_capacity(digits.len().max(decimals + 1) + 1);
        text.extend(core::iter::repeat_n('0', (decimals + 1).saturating_sub(digits.len())));
        text.push_str(&digits);
        if decimals > 0 {
            text.insert(text.len() - decimals, '.');
        }
        f.pad_integral(self.units >= 0, "", &text)
    }
}

/// numerator / denominator · 10^exponent, rounded half to even; `None` where an i128 cannot hold it.
fn quotient(numerator: i128, denominator: i128, exponent: i32) -> Option<i128> {
    let negative = (numerator < 0) != (denominator < 0);
    let (numerator, denominator) = (numerator.unsigned_abs(), denominator.unsigned_abs());
    let magnitude = if exponent < 0 {
        // 10^exponent may exceed even 256 bits; then the quotient is far below one half.
        let ten = U256::from(10u8);
        let divisor = ten.checked_pow(exponent.unsigned_abs()).and_then(|p| p.checked_mul(U256::from(denominator)));
        divisor.map_or(Some(0), |divisor| {
            let numerator = U256::from(numerator);
            round(u128::try_from(numerator / divisor).ok()?, numerator % divisor, divisor)
        })?
    } else {
        long_division(numerator, denominator, exponent.unsigned_abs())?
    };
    // Minus 2^127 is an i128, plus 2^127 is none.
    if negative { 0i128.checked_sub_unsigned(magnitude) } else { i128::try_from(magnitude).ok() }
}

/// The school's long division with `places` more digits.
fn long_division(numerator: u128, denominator: u128, places: u32) -> Option<u128> {
    let divisor = U256::from(denominator);
    // Nearly always one division does it all.
    if let Some(scaled) = 10u128.checked_pow(places).and_then(|scale| numerator.checked_mul(scale)) {
        return round(scaled / denominator, U256::from(scaled % denominator), divisor);
    }
    let ten = U256::from(10u8);
    let mut quotient = numerator / denominator;
    let mut rest = U256::from(numerator % denominator);
    for _ in 0..places {
        // rest < 2^127: ten times that is far below 2^256.
        rest *= ten;
        let digit = u128::try_from(rest / divisor).expect("a rest below the divisor gives one digit");
        quotient = quotient.checked_mul(10)?.checked_add(digit)?;
        rest %= divisor;
    }
    round(quotient, rest, divisor)
}

/// Half to even. `rest` is below `divisor`.
fn round(quotient: u128, rest: U256, divisor: U256) -> Option<u128> {
    // rest against divisor − rest instead of twice the rest, which might overflow.
    let up = match rest.cmp(&(divisor - rest)) {
        core::cmp::Ordering::Less => false,
        core::cmp::Ordering::Equal => quotient % 2 == 1,
        core::cmp::Ordering::Greater => true,
    };
    quotient.checked_add(u128::from(up))
}

#[cfg(test)]
#[path = "decimal/tests.rs"]
mod tests;
