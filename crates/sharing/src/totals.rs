//! Digest of decoded totals: what result parties compare (PROTOCOL 3, Outcome).

use blake3::Hasher as Blake3;
use zeroize::Zeroize;

use crate::hash;

const TOTALS: &str = "smpcd/1/totals";

/// Running digest of a table's totals, chunk after chunk, each as 16 little-endian bytes.
///
/// # Security
/// A total is guessable: whoever publishes this digest publishes the total to those who can guess it.
#[derive(Clone)]
pub struct TotalsHasher(Blake3);

impl TotalsHasher {
    /// Begins a digest.
    pub fn new() -> Self {
        Self(Blake3::new_keyed(&hash(TOTALS, &[])))
    }

    /// Adds the next totals.
    pub fn update(&mut self, totals: &[i128]) {
        const AT_ONCE: usize = 1024;
        let mut buffer = [0u8; AT_ONCE * 16];
        for totals in totals.chunks(AT_ONCE) {
            for (bytes, total) in buffer.chunks_exact_mut(16).zip(totals) {
                bytes.copy_from_slice(&total.to_le_bytes());
            }
            self.0.update(&buffer[..totals.len() * 16]);
        }
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Default for TotalsHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TotalsHasher {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_of_the_sequence_and_not_of_its_pieces() {
        let totals: Vec<i128> = (-1500..1500).map(|i| i * 7_777_777_777_777_777_777).collect();
        let digest = |piece: usize| {
            let mut hasher = TotalsHasher::new();
            totals.chunks(piece).for_each(|piece| hasher.update(piece));
            hasher.finish()
        };
        assert_eq!(digest(3000), digest(7));
        let mut other = TotalsHasher::new();
        other.update(&totals[1..]);
        assert_ne!(digest(3000), other.finish());
    }
}
