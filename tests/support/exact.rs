//! Exact decimal arithmetic, the other way: on big integers, and written without a look at the daemon's own.

use num_bigint::BigInt;

/// A decimal of so many places, as an integer of its last place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exact {
    pub(crate) digits: BigInt,
    pub(crate) places: usize,
}

impl Exact {
    pub(crate) fn of(text: &str, places: usize) -> Self {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction:0<places$}");
        Self { digits: digits.parse().expect("digits"), places }
    }

    pub(crate) fn total(figures: &[Exact]) -> Self {
        let digits = figures.iter().fold(BigInt::from(0), |total, figure| total + &figure.digits);
        Self { digits, places: figures[0].places }
    }

    /// Divided by a count: half to even at four places more, zeros beyond its own places left away.
    pub(crate) fn mean(&self, count: usize) -> Self {
        let scaled = &self.digits * BigInt::from(10_000);
        Self { digits: half_even(&scaled, &BigInt::from(count)), places: self.places + 4 }.trimmed(self.places)
    }

    /// Divided by another, as a mean is.
    pub(crate) fn ratio(&self, denominator: &Exact) -> Option<Self> {
        if denominator.digits == BigInt::from(0) {
            return None;
        }
        let places = self.places + 4;
        // (a / 10^p) / (b / 10^q) · 10^(p + 4) = a · 10^(q + 4) / b
        let scale = num_bigint::BigInt::from(10).pow(u32::try_from(denominator.places + 4).expect("few"));
        Some(Self { digits: half_even(&(&self.digits * scale), &denominator.digits), places })
    }

    fn trimmed(mut self, least: usize) -> Self {
        let ten = BigInt::from(10);
        while self.places > least && &self.digits % &ten == BigInt::from(0) {
            self.digits /= &ten;
            self.places -= 1;
        }
        self
    }
}

impl std::fmt::Display for Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.digits.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let digits = format!("{digits:0>width$}", width = self.places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.places);
        let point = if self.places > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// The quotient, of two equally near ones the even one.
fn half_even(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    let zero = BigInt::from(0);
    let (numerator, denominator) =
        if *denominator < zero { (-numerator, -denominator) } else { (numerator.clone(), denominator.clone()) };
    let negative = numerator < zero;
    let magnitude = if negative { -numerator } else { numerator };
    let (quotient, rest): (BigInt, BigInt) = (&magnitude / &denominator, &magnitude % &denominator);
    let twice: BigInt = rest * 2;
    let odd = &quotient % BigInt::from(2) != zero;
    let up = twice > denominator || (twice == denominator && odd);
    let rounded: BigInt = if up { quotient + 1 } else { quotient };
    if negative { -rounded } else { rounded }
}
