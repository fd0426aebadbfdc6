//! Every form in which a program could have a figure or a key.

use std::fs;
use std::path::Path;

use super::search::Needles;

pub(crate) const FIELD64: u128 = (1 << 64) - (1 << 32) + 1;
pub(crate) const FIELD128: u128 = 340_282_366_920_938_462_946_865_773_367_900_766_209;

fn grouped(digits: &str, by: char) -> String {
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        if !text.is_empty() {
            text.push(by);
        }
        text.push_str(std::str::from_utf8(group).expect("digits"));
    }
    text
}

/// A figure in every form.
pub(crate) fn add(needles: &mut Needles, figure: &str) {
    let magnitude = figure.trim_start_matches('-');
    let whole = magnitude.split('.').next().expect("digits");
    let scaled = magnitude.replace('.', "");
    for (text, what) in [
        (magnitude.to_owned(), "text"),
        (whole.to_owned(), "whole part"),
        (scaled.clone(), "scaled integer"),
        (grouped(whole, ','), "with commas"),
        (grouped(whole, '_'), "with underscores"),
        (grouped(&scaled, ','), "scaled with commas"),
    ] {
        needles.all(text.as_bytes(), &format!("{figure} as {what}"));
    }
    let units: i128 = figure.replace('.', "").parse().expect("a figure");
    let magnitude = units.unsigned_abs();
    let element = |prime: u128| if units < 0 { prime - magnitude } else { magnitude };
    let mut binary = |bytes: &[u8], what: &str| {
        let mut turned = bytes.to_vec();
        turned.reverse();
        needles.all(bytes, &format!("{figure} as {what}, little-endian"));
        needles.all(&turned, &format!("{figure} as {what}, big-endian"));
    };
    binary(&element(FIELD128).to_le_bytes(), "Field128");
    binary(&units.to_le_bytes(), "i128");
    binary(&magnitude.to_le_bytes(), "u128");
    binary(&u64::try_from(magnitude).expect("below 2^64").to_le_bytes(), "u64");
    binary(&i64::try_from(units).expect("below 2^63").to_le_bytes(), "i64");
    binary(&u64::try_from(element(FIELD64)).expect("below the prime").to_le_bytes(), "Field64");
    #[allow(clippy::cast_precision_loss)] // What a careless program would do.
    binary(&((units as f64) / 100.0).to_le_bytes(), "f64");
}

/// The secret keys of a party: what each is, and its bytes.
fn keys(home: &Path) -> Vec<(&'static str, String, Vec<u8>)> {
    let read = |name: &'static str| {
        let text = fs::read_to_string(home.join(format!("keys/{name}.key"))).expect("a key");
        let (label, bytes) = pem_rfc7468::decode_vec(text.as_bytes()).expect("armour");
        // Of a PKCS#8 key the beginning and the end are the same in every key, or public.
        let secret = if label == "PRIVATE KEY" {
            assert_eq!(bytes[34..36], [4, 32], "a scalar of P-256 begins elsewhere in the {name} key");
            bytes[36..68].to_vec()
        } else {
            bytes
        };
        assert_eq!(secret.len(), 32, "{name}");
        (name, text, secret)
    };
    ["signing", "storage", "tls", "authority"].map(read).to_vec()
}

/// The same, as somebody could plant them.
pub(crate) fn secret_keys(home: &Path) -> Vec<Vec<u8>> {
    keys(home).into_iter().map(|(_, _, secret)| secret).collect()
}

/// Keys of a party, as bytes and as they stand in their files; also the halves and the middle of each.
pub(crate) fn add_keys(needles: &mut Needles, home: &Path) {
    for (name, text, secret) in keys(home) {
        // A third line of a PKCS#8 key is public: it stands in the card.
        for line in text.lines().filter(|line| !line.contains("-----")).take(2) {
            needles.raw(line.as_bytes(), &format!("{name} key, armoured"));
        }
        needles.all(&secret, &format!("{name} key"));
        secret.windows(16).step_by(8).for_each(|part| needles.all(part, &format!("part of the {name} key")));
    }
}

/// The files in which a party's keys lie.
pub(crate) fn is_key_file(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "key")
        && file.parent().is_some_and(|folder| folder.ends_with("keys"))
}

/// Everything below the testbed but what a party has of its own figures: its input files.
pub(crate) fn passed(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let below = |folder: &str| file.components().any(|part| part.as_os_str() == folder);
    name.ends_with(".csv") && (name.starts_with("input") || below("input"))
}
