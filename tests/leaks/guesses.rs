//! Every digest of every figure of a small range, made in every way that a careless program might, to be looked for in
//! whatever was written.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sharing::{Column, Encoded, Field, InputHasher, Layout, PartialHasher, TotalsHasher, hash};
use wire::Body;

/// Bytes of a digest by which it is found: so one that was cut to these is found too.
const KEY: usize = 8;
/// Base64 digits that hold them, wherever among three bytes they begin.
const SIXES: u32 = 12;

/// Digests, each with the value that it is of and how it was made.
#[derive(Default)]
pub(crate) struct Guesses {
    made: HashMap<u64, (i128, usize)>,
    recipes: Vec<String>,
}

/// What a careless program hashes of a figure.
fn forms(value: i128) -> Vec<(&'static str, Vec<u8>)> {
    let text = value.to_string();
    let mut forms = vec![
        ("text", text.clone().into_bytes()),
        ("a line", format!("{text}\n").into_bytes()),
        ("a table", format!("figure\n{text}").into_bytes()),
        ("a file", format!("figure\n{text}\n").into_bytes()),
        ("text with decimals", format!("{text}.00").into_bytes()),
        ("decimal text", format!("{}.{:02}", value / 100, value % 100).into_bytes()),
    ];
    let wide = value.to_le_bytes();
    for (little, big, bytes) in [
        ("two bytes, little-endian", "two bytes, big-endian", 2),
        ("four bytes, little-endian", "four bytes, big-endian", 4),
        ("eight bytes, little-endian", "eight bytes, big-endian", 8),
        ("sixteen bytes, little-endian", "sixteen bytes, big-endian", 16),
        ("thirty-two bytes, little-endian", "thirty-two bytes, big-endian", 32),
    ] {
        let mut encoded: Vec<u8> = wide.iter().copied().chain([0; 16]).take(bytes).collect();
        forms.push((little, encoded.clone()));
        encoded.reverse();
        forms.push((big, encoded));
    }
    #[allow(clippy::cast_precision_loss)] // What a careless program would do.
    forms.push(("a float", (value as f64).to_le_bytes().to_vec()));
    forms
}

/// The domains of every hash in the sources, as they stand there: so none can be forgotten here.
pub(crate) fn labels() -> Vec<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources = super::search::files(&crates).into_iter().filter(|file| {
        file.extension().is_some_and(|ending| ending == "rs") && file.components().any(|part| part.as_os_str() == "src")
    });
    let mut labels: Vec<String> = sources
        .flat_map(|file: PathBuf| {
            let text = fs::read_to_string(file).expect("a source");
            let quoted = text.split('"').filter(|part| part.starts_with("smpcd/") && part.len() < 40);
            quoted.filter(|part| !part.contains(['{', '\n'])).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    labels.sort();
    labels.dedup();
    labels
}

impl Guesses {
    /// What says nothing but the value: plain digests, and those with any label of the sources.
    pub(crate) fn of(values: impl IntoIterator<Item = i128>) -> Self {
        let mut guesses = Self::default();
        let labels = labels();
        let keys: Vec<[u8; 32]> = labels.iter().map(|label| hash(label, &[])).collect();
        for value in values {
            let mut place = 0;
            for (form, bytes) in forms(value) {
                guesses.add(&mut place, value, &Sha256::digest(&bytes), || format!("SHA-256 of {form}"));
                let twice = Sha256::digest(Sha256::digest(&bytes));
                guesses.add(&mut place, value, &twice, || format!("SHA-256 of SHA-256 of {form}"));
                guesses.add(&mut place, value, blake3::hash(&bytes).as_bytes(), || format!("BLAKE3 of {form}"));
                for (label, key) in labels.iter().zip(&keys) {
                    let name = |how: &str| format!("{how} of {form} under {label}");
                    guesses.add(&mut place, value, &hash(label, &[&bytes]), || name("hash"));
                    let joined = Sha256::digest([label.as_bytes(), &bytes].concat());
                    guesses.add(&mut place, value, &joined, || name("SHA-256"));
                    let keyed = blake3::keyed_hash(key, &bytes);
                    guesses.add(&mut place, value, keyed.as_bytes(), || name("keyed BLAKE3"));
                    guesses.add(&mut place, value, &blake3::derive_key(label, &bytes), || name("BLAKE3"));
                }
            }
            for field in [Field::Field64, Field::Field128, Field::Ristretto255] {
                let column = Column { min: value, max: value, decimals: 0 };
                let mut hasher = InputHasher::new(Layout { field, cells: 1 });
                hasher.update(&Encoded::new(field, &[column], 0, &[value]).expect("within bounds"));
                let digest = hasher.finish();
                guesses.add(&mut place, value, digest.as_bytes(), || format!("an input in {field:?}"));
            }
            guesses.add(&mut place, value, &totals(value), || "totals".into());
        }
        guesses
    }

    /// What whoever knows the round can guess of its total: the result's digest, messages with it, and partial sums.
    pub(crate) fn of_round(values: impl IntoIterator<Item = i128>, round: &[u8; 32], parties: u16) -> Self {
        let mut guesses = Self::default();
        for value in values {
            let mut place = 0;
            let contributors: Vec<u8> = (0..parties).flat_map(u16::to_le_bytes).collect();
            let result = hash("smpcd/1/result", &[round, &contributors, &totals(value)]);
            guesses.add(&mut place, value, &result, || "the result's digest".into());
            let body = Body::Outcome { result: Some(result) }.encode();
            for sender in 0..parties {
                for recipient in std::iter::once(None).chain((0..parties).map(Some)) {
                    let to = recipient.map_or(Vec::new(), |to| to.to_le_bytes().to_vec());
                    let message = hash("smpcd/1/message", &[round, &sender.to_le_bytes(), &to, &body]);
                    guesses.add(&mut place, value, &message, || format!("Outcome of {sender} to {recipient:?}"));
                }
                for bytes in [8, 16, 32] {
                    let element: Vec<u8> = value.to_le_bytes().into_iter().chain([0; 16]).take(bytes).collect();
                    let mut hasher = PartialHasher::new(round, sender);
                    hasher.update(&element);
                    let name = || format!("a partial sum of {bytes} bytes of {sender}");
                    guesses.add(&mut place, value, &hasher.finish(), name);
                }
            }
        }
        guesses
    }

    fn add(&mut self, place: &mut usize, value: i128, digest: &[u8], name: impl FnOnce() -> String) {
        if *place == self.recipes.len() {
            self.recipes.push(name());
        }
        let key = u64::from_be_bytes(*digest.first_chunk::<KEY>().expect("a digest"));
        self.made.insert(key, (value, *place));
        *place += 1;
    }

    pub(crate) fn recipes(&self) -> usize {
        self.recipes.len()
    }

    /// Those that are in these bytes: as they are, in hex, in base64 wherever it begins, or as a list of numbers.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = HashSet::new();
        let mut look = |key: u64, whole: bool| {
            if let Some(made) = self.made.get(&key).filter(|_| whole) {
                found.insert(*made);
            }
        };
        let (mut raw, mut hex, mut hexes, mut sixes, mut run) = (0u64, 0u64, 0u32, 0u128, 0u32);
        for (at, &byte) in bytes.iter().enumerate() {
            raw = raw << 8 | u64::from(byte);
            look(raw, at + 1 >= KEY);
            hexes = char::from(byte).to_digit(16).map_or(0, |digit| {
                hex = hex << 4 | u64::from(digit);
                hexes + 1
            });
            look(hex, hexes >= 16);
            run = six(byte).map_or(0, |digit| {
                sixes = (sixes << 6 | u128::from(digit)) & ((1 << (6 * SIXES)) - 1);
                run + 1
            });
            for beyond in [8, 6, 4] {
                look(u64::try_from(sixes >> beyond & u128::from(u64::MAX)).expect("masked"), run >= SIXES);
            }
        }
        for list in bytes.split(|byte| !byte.is_ascii_digit() && !b", ".contains(byte)) {
            let numbers = list.split(|byte| !byte.is_ascii_digit()).filter(|number| !number.is_empty());
            let mut listed = (0u64, 0);
            for number in numbers {
                let number = std::str::from_utf8(number).ok().and_then(|number| number.parse::<u8>().ok());
                listed = number.map_or((0, 0), |number| (listed.0 << 8 | u64::from(number), listed.1 + 1));
                look(listed.0, listed.1 >= KEY);
            }
        }
        let told = |(value, place): (i128, usize)| format!("{value}: {}", self.recipes[place]);
        found.into_iter().map(told).collect()
    }

    /// Fails where any is in a file below `folder` or in its name, but for the files that `passed` names. Gives how many
    /// files were read.
    pub(crate) fn in_no_file(&self, folder: &Path, when: &str, passed: impl Fn(&Path) -> bool) -> usize {
        let files: Vec<PathBuf> = super::search::files(folder).into_iter().filter(|file| !passed(file)).collect();
        for file in &files {
            let named = self.found_in(file.to_string_lossy().as_bytes());
            assert!(named.is_empty(), "{when}: the name of {} is {named:?}", file.display());
            // It may be gone meanwhile.
            let found = self.found_in(&fs::read(file).unwrap_or_default());
            assert!(found.is_empty(), "{when}: {} holds {found:?}", file.display());
        }
        files.len()
    }
}

fn six(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn totals(value: i128) -> [u8; 32] {
    let mut hasher = TotalsHasher::new();
    hasher.update(&[value]);
    hasher.finish()
}
