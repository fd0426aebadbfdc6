//! Searching files for many byte strings at once.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64ct::{Base64, Base64Url, Encoding};

/// Bytes by which a string is looked up; no needle is shorter.
const KEY: usize = 8;

/// What is searched for, and what each is.
#[derive(Default)]
pub(crate) struct Needles(HashMap<[u8; KEY], Vec<(Vec<u8>, String)>>);

impl Needles {
    /// Adds a byte string as it is.
    pub(crate) fn raw(&mut self, bytes: &[u8], what: &str) {
        let key = bytes.first_chunk::<KEY>().unwrap_or_else(|| panic!("{what} is too short to be distinctive"));
        self.0.entry(*key).or_default().push((bytes.to_vec(), what.to_owned()));
    }

    /// Adds a byte string as it is, in hex, as a list of numbers, and in base64 at each place where a group of three may
    /// begin, padded or not.
    pub(crate) fn all(&mut self, bytes: &[u8], what: &str) {
        self.raw(bytes, what);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.raw(hex.as_bytes(), &format!("{what}, hex"));
        self.raw(hex.to_uppercase().as_bytes(), &format!("{what}, upper hex"));
        let listed: Vec<String> = bytes.iter().map(u8::to_string).collect();
        self.raw(listed.join(", ").as_bytes(), &format!("{what}, a list"));
        self.raw(listed.join(",").as_bytes(), &format!("{what}, a list in JSON"));
        for shift in 0..3 {
            let mut padded = vec![0; shift];
            padded.extend(bytes);
            for (name, text) in
                [("base64", Base64::encode_string(&padded)), ("base64url", Base64Url::encode_string(&padded))]
            {
                // Only groups that hold nothing else.
                let begin = if shift == 0 { 0 } else { 4 };
                let inner = &text[begin..padded.len() / 3 * 4];
                if inner.len() >= KEY {
                    self.raw(inner.as_bytes(), &format!("{what}, {name} at {shift}"));
                }
            }
        }
    }

    /// What of it is in these bytes.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found: Vec<String> = bytes
            .windows(KEY)
            .enumerate()
            .filter_map(|(at, key)| Some((at, self.0.get(key)?)))
            .flat_map(|(at, needles)| needles.iter().filter(move |(needle, _)| bytes[at..].starts_with(needle)))
            .map(|(_, what)| what.clone())
            .collect();
        found.sort();
        found.dedup();
        found
    }

    pub(crate) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Fails where any of it is in any file below `folder`, but for those that `passed` names. Gives the files that were
    /// searched.
    pub(crate) fn in_no_file(&self, folder: &Path, when: &str, passed: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let files: Vec<PathBuf> = files(folder).into_iter().filter(|file| !passed(file)).collect();
        for file in &files {
            // A file may be gone meanwhile: a chunk that was erased, a log that was renamed.
            let Ok(bytes) = fs::read(file) else { continue };
            let found = self.found_in(&bytes);
            assert!(found.is_empty(), "{when}: {} holds {found:?}", file.display());
        }
        files
    }
}

/// Every regular file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => all.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => all.push(entry.path()),
            _ => {}
        }
    }
    all
}
