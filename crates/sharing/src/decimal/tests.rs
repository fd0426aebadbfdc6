//! Decimals against big integers.

use alloc::format;
use alloc::vec::Vec;

use num_bigint::{BigInt, Sign};
use proptest::prelude::*;

use super::*;

fn big(value: i128) -> BigInt {
    BigInt::from(value)
}

fn ten_to(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// n/d to the nearest integer, half to even, by the definition: the candidates' distances are compared.
fn nearest(n: &BigInt, d: &BigInt) -> BigInt {
    let (n, d) = if d.sign() == Sign::Minus { (-n, -d) } else { (n.clone(), d.clone()) };
    let low: BigInt = n.clone() / &d - 1;
    let distance = |candidate: &BigInt| {
        let difference: BigInt = candidate * &d - &n;
        difference.magnitude().clone()
    };
    let candidates: Vec<BigInt> = (0..=2).map(|step| low.clone() + step).collect();
    let least = candidates.iter().map(distance).min().expect("three candidates");
    let mut nearest = candidates.into_iter().filter(|candidate| distance(candidate) == least);
    let first = nearest.next().expect("one at least");
    match nearest.next() {
        Some(second) if (first.clone() % 2) != big(0) => second,
        _ => first,
    }
}

fn fits(value: &BigInt) -> bool {
    i128::try_from(value.clone()).is_ok()
}

/// numerator.units / denominator.units · 10^shift at the most places that fit; the reference of mean and ratio.
fn reference(n: i128, d: i128, shift: i64, most: u8, least: u8) -> Option<Decimal> {
    (least..=most).rev().find_map(|places| {
        let exponent = shift + i64::from(places);
        let scale = ten_to(u32::try_from(exponent.unsigned_abs()).expect("small"));
        let rounded =
            if exponent < 0 { nearest(&big(n), &(big(d) * scale)) } else { nearest(&(big(n) * scale), &big(d)) };
        fits(&rounded).then(|| Decimal { units: i128::try_from(rounded).expect("fits"), decimals: places })
    })
}

fn decimal(units: i128, decimals: u8) -> Decimal {
    Decimal { units, decimals }
}

#[test]
fn numbers_are_read_exactly() {
    for (text, decimals, units) in [
        ("1", 0, 1),
        ("1", 2, 100),
        ("-1.50", 2, -150),
        ("-1.5", 2, -150),
        ("0.05", 2, 5),
        ("-0.05", 2, -5),
        ("-0", 2, 0),
        ("007", 0, 7),
        ("0.1", 1, 1),
        ("0", 255, 0),
        ("0.1", 39, 10i128.pow(38)),
        ("170141183460469231731687303715884105727", 0, i128::MAX),
        ("-170141183460469231731687303715884105728", 0, i128::MIN),
        ("-1701411834604692317316873037158841057.28", 2, i128::MIN),
        ("0000000000000000000000000000000000000000000000000000000000000000001", 0, 1),
    ] {
        assert_eq!(parse(text, decimals), Ok(units), "{text}");
    }
}

#[test]
fn everything_else_is_refused() {
    use DecimalError::{Blank, Character, Digit, Empty, Exponent, Separator, Sign, TooLarge, TooManyDecimals};
    for (text, error) in [
        ("", Empty),
        ("+3", Sign),
        ("--3", Sign),
        ("3-", Sign),
        ("\u{2212}3", Sign),
        ("-", Digit),
        (".", Digit),
        (".5", Digit),
        ("-.5", Digit),
        ("5.", Digit),
        ("1e3", Exponent),
        ("1E3", Exponent),
        ("1.5e-1", Exponent),
        ("1,5", Separator),
        ("1,000.00", Separator),
        ("1.000.000", Separator),
        ("1..5", Separator),
        ("1'000", Separator),
        ("1_000", Separator),
        (" 1", Blank),
        ("1 ", Blank),
        ("1\n", Blank),
        ("1\u{a0}000", Blank),
        ("\u{feff}1", Blank),
        ("1.234", TooManyDecimals { agreed: 2 }),
        ("1.500", TooManyDecimals { agreed: 2 }),
        ("1.000", TooManyDecimals { agreed: 2 }),
        ("1701411834604692317316873037158841057.28", TooLarge),
        ("-1701411834604692317316873037158841057.29", TooLarge),
        ("170141183460469231731687303715884105727", TooLarge),
        ("99999999999999999999999999999999999999999999999999999999999999999999", TooLarge),
        ("NaN", Character),
        ("inf", Character),
        ("0x10", Character),
        ("\u{0661}", Character),
        ("€5", Character),
    ] {
        assert_eq!(parse(text, 2), Err(error), "{text:?}");
    }
    assert_eq!(parse("1.0", 0), Err(TooManyDecimals { agreed: 0 }));
    assert_eq!(parse("1", 39), Err(TooLarge));
    assert_eq!(parse("1", 255), Err(TooLarge));
}

#[test]
fn errors_hold_nothing_of_the_text() {
    let text = "98765432.10987";
    let error = parse(text, 2).expect_err("too many decimals");
    for shown in [format!("{error}"), format!("{error:?}")] {
        assert!(!shown.contains("9876") && !shown.contains("1098"), "{shown}");
    }
}

#[test]
fn display_is_exact() {
    for (units, decimals, shown) in [
        (4_500_000, 2, "45000.00"),
        (-5, 2, "-0.05"),
        (0, 0, "0"),
        (0, 3, "0.000"),
        (-12, 0, "-12"),
        (7, 1, "0.7"),
        (i128::MIN, 0, "-170141183460469231731687303715884105728"),
        (i128::MIN, 39, "-0.170141183460469231731687303715884105728"),
        (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
    ] {
        assert_eq!(format!("{}", decimal(units, decimals)), shown);
    }
    assert_eq!(format!("{:>8}|{:<8}|{:.1}", decimal(-5, 2), decimal(5, 2), decimal(123, 2)), "   -0.05|0.05    |1.23");
    assert_eq!(format!("{}", decimal(1, 255)).len(), 257);
}

#[test]
fn means_round_half_to_even() {
    // At 0 decimals the mean has 4 places: 1/32 = 0.03125 lies halfway between 0.0312 and 0.0313.
    for (total, count, decimals, shown) in [
        (1, 32, 0, "0.0312"),
        (3, 32, 0, "0.0938"),
        (-1, 32, 0, "-0.0312"),
        (-3, 32, 0, "-0.0938"),
        (1, 3, 2, "0.003333"),
        (2, 3, 2, "0.006667"),
        (13_500_000, 3, 2, "45000.00"),
        (10, 4, 0, "2.5"),
        (1, 8, 2, "0.00125"),
        (0, 7, 2, "0.00"),
        (100, 1, 2, "1.00"),
        (i128::MAX, 1, 0, "170141183460469231731687303715884105727"),
        (i128::MIN, 1, 2, "-1701411834604692317316873037158841057.28"),
        (i128::MAX, 2, 0, "85070591730234615865843651857942052864"),
    ] {
        assert_eq!(format!("{}", Decimal::mean(total, count, decimals)), shown);
    }
    // No more places than a u8 counts: 3.5 units become 4.
    assert_eq!(Decimal::mean(7, 2, 255), decimal(4, 255));
}

#[test]
#[should_panic(expected = "no values")]
fn a_mean_needs_a_value() {
    Decimal::mean(1, 0, 2);
}

#[test]
fn ratios_are_exact_or_none() {
    let shown = |n, d| Decimal::ratio(n, d).map(|ratio| format!("{ratio}"));
    assert_eq!(shown(decimal(100, 2), decimal(3, 0)).as_deref(), Some("0.333333"));
    assert_eq!(shown(decimal(1, 0), decimal(8, 0)).as_deref(), Some("0.1250"));
    assert_eq!(shown(decimal(1, 0), decimal(-32, 0)).as_deref(), Some("-0.0312"));
    assert_eq!(shown(decimal(1, 0), decimal(5, 1)).as_deref(), Some("2.0000"));
    assert_eq!(shown(decimal(0, 0), decimal(5, 255)).as_deref(), Some("0.0000"));
    assert_eq!(shown(decimal(1, 255), decimal(i128::MAX, 0)).as_deref(), Some(format!("0.{:0>255}", 0).as_str()));
    for zero_decimals in [0, 7, 255] {
        assert_eq!(Decimal::ratio(decimal(5, 2), decimal(0, zero_decimals)), None);
    }
    // Fewer places where four do not fit; none where not even the whole part fits.
    assert_eq!(Decimal::ratio(decimal(i128::MAX, 0), decimal(1, 0)), Some(decimal(i128::MAX, 0)));
    assert_eq!(Decimal::ratio(decimal(i128::MAX, 0), decimal(1, 1)), None);
    assert_eq!(Decimal::ratio(decimal(i128::MIN, 0), decimal(-1, 0)), None);
    assert_eq!(Decimal::ratio(decimal(i128::MIN, 0), decimal(1, 0)), Some(decimal(i128::MIN, 0)));
    assert_eq!(Decimal::ratio(decimal(1, 0), decimal(1, 255)), None);
    let near_two_to_124 = decimal(17_014_118_346_046_923_173_168_730_371_588_410_573, 0);
    assert_eq!(Decimal::ratio(decimal(i128::MIN, 1), decimal(-1, 0)), Some(near_two_to_124));
}

/// Magnitudes of every size, ends included.
fn integers() -> impl Strategy<Value = i128> {
    prop_oneof![
        (any::<i128>(), 0u32..127).prop_map(|(value, shift)| value >> shift),
        Just(i128::MIN),
        Just(i128::MAX),
        -3..=3i128,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn display_then_parse_is_the_identity(units in integers(), decimals in 0u8..60) {
        prop_assert_eq!(parse(&format!("{}", decimal(units, decimals)), decimals), Ok(units));
    }

    #[test]
    fn parse_agrees_with_big_integers(
        minus: bool, whole in "[0-9]{1,42}", fraction in proptest::option::of("[0-9]{1,12}"), decimals in 0u8..15,
    ) {
        let fraction_digits = fraction.clone().unwrap_or_default();
        let sign = if minus { "-" } else { "" };
        let text = match &fraction {
            Some(fraction) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{whole}"),
        };
        let expected = if fraction_digits.len() > usize::from(decimals) {
            Err(DecimalError::TooManyDecimals { agreed: decimals })
        } else {
            let missing = u32::from(decimals) - u32::try_from(fraction_digits.len()).expect("short");
            let digits: BigInt = format!("{sign}{whole}{fraction_digits}").parse().expect("digits");
            i128::try_from(digits * ten_to(missing)).map_err(|_| DecimalError::TooLarge)
        };
        prop_assert_eq!(parse(&text, decimals), expected);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,12}", decimals: u8) {
        if let Ok(units) = parse(&text, decimals) {
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-'));
            let written: String = text.chars().filter(|c| *c != '.').collect();
            let digits: BigInt = written.parse().expect("digits");
            prop_assert_eq!(digits.sign(), big(units).sign());
        }
    }

    #[test]
    fn mean_agrees_with_big_integers(total in integers(), count in prop_oneof![1u32..40, 1u32..], decimals in 0u8..40) {
        let mean = Decimal::mean(total, count, decimals);
        let mut expected = reference(total, i128::from(count), -i64::from(decimals), decimals + 4, decimals)
            .expect("a mean fits");
        while expected.decimals > decimals && expected.units % 10 == 0 {
            expected = decimal(expected.units / 10, expected.decimals - 1);
        }
        prop_assert_eq!(mean, expected);
    }

    #[test]
    fn ties_of_means_go_to_even(half in -1_000_000_000i128..1_000_000_000, factor in 1u32..1000) {
        // An odd number of 32nds ends in …5 at the fifth place, so it lies halfway at the fourth.
        let odd = 2 * half + 1;
        let mean = Decimal::mean(odd * i128::from(factor), 32 * factor, 0);
        let units = mean.units * 10i128.pow(u32::from(4 - mean.decimals));
        prop_assert_eq!(units % 2, 0);
        prop_assert_eq!((units * 32 - odd * 10_000).abs(), 16);
    }

    #[test]
    fn ratio_agrees_with_big_integers(
        n in integers(), d in integers(), nd in prop_oneof![0u8..12, 0u8..], dd in prop_oneof![0u8..12, 0u8..],
    ) {
        let expected = if d == 0 {
            None
        } else {
            reference(n, d, i64::from(dd) - i64::from(nd), nd.saturating_add(4), 0)
        };
        prop_assert_eq!(Decimal::ratio(decimal(n, nd), decimal(d, dd)), expected);
    }
}
