//! SHA-256 over a label and parts, with an injective encoding (PROTOCOL 1.1).
//!
//! Attacker: chooses parts freely and looks for two readings of one hash. The label and every part are preceded by their
//! length (u64, little-endian), so the hashed bytes can be read back in one way only.

use sha2::{Digest, Sha256};

/// SHA-256 of a domain label and a list of parts.
///
/// Injective in the label and in the list: moving a byte from one part to the next, or dropping an empty part, gives
/// another hash. Whoever flattens several lists into one gives their lengths as parts of their own.
pub fn hash(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Hasher::new(label);
    for part in parts {
        hasher.part(part);
    }
    hasher.finish()
}

/// [`hash`], part by part.
///
/// # Security
/// Its buffer is wiped on drop.
#[derive(Clone)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Begins a hash in the domain of `label`.
    pub fn new(label: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.part(label.as_bytes());
        hasher
    }

    /// Adds one part.
    pub fn part(&mut self, part: &[u8]) -> &mut Self {
        // usize has at most 64 bits wherever this compiles to something useful.
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// The hash of all parts so far.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn boundaries_matter() {
        let all = [
            hash("a", &[b"bc", b"d"]),
            hash("a", &[b"b", b"cd"]),
            hash("ab", &[b"c", b"d"]),
            hash("a", &[b"bcd"]),
            hash("a", &[b"bcd", b""]),
            hash("a", &[b"", b"bcd"]),
            hash("abcd", &[]),
            hash("", &[b"abcd"]),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one), "hash {i} is not unique");
        }
    }

    proptest! {
        #[test]
        fn is_sha256_of_the_length_prefixed_bytes(label in "[a-z/0-9]{0,20}", parts: Vec<Vec<u8>>) {
            let mut bytes = Vec::new();
            for part in core::iter::once(label.as_bytes()).chain(parts.iter().map(Vec::as_slice)) {
                bytes.extend_from_slice(&u64::try_from(part.len()).expect("short").to_le_bytes());
                bytes.extend_from_slice(part);
            }
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let expected: [u8; 32] = Sha256::digest(&bytes).into();
            prop_assert_eq!(hash(&label, &parts), expected);
        }
    }
}
