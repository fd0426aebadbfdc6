//! Digests of inputs, shares and partial sums (PROTOCOL 1.1, 3).
//!
//! Bulk bytes go through BLAKE3 in keyed mode; the public key is the SHA-256 of a label and all short fields, so that the
//! encoding is injective and the bulk bytes start at offset 0, where BLAKE3 is fastest.
//!
//! Attacker: tries every value of a small input against a published digest. A share's digest therefore has a secret salt,
//! and the digest of an input is itself a secret.

use blake3::Hasher as Blake3;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::cells::Elements;
use crate::element::Element;
use crate::{Encoded, InputDigest, Layout, Salt, Seed, hash};

const INPUT: &str = "smpcd/1/input";
const SEED_DIGEST: &str = "smpcd/1/seed-digest";
const SHARE: &str = "smpcd/1/share";
const SHARE_DIGEST: &str = "smpcd/1/share-digest";
const PARTIAL: &str = "smpcd/1/partial";

/// Bytes encoded at once; BLAKE3 works on 16 KiB in parallel.
const BUFFER_BYTES: usize = 16_384;

/// The published digest of a share that is a seed.
pub fn seed_digest(salt: &Salt, seed: &Seed) -> [u8; 32] {
    hash(SEED_DIGEST, &[salt.as_bytes(), seed.as_bytes()])
}

macro_rules! wipes_on_drop {
    ($name:ident) => {
        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }

        impl ZeroizeOnDrop for $name {}

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    };
}

/// Digest of a whole encoded input, chunk after chunk; what binds a dealing key to one input (PROTOCOL 2.2).
#[derive(Clone)]
pub struct InputHasher(Blake3);

impl InputHasher {
    /// Begins the digest of an input of this shape.
    pub fn new(layout: Layout) -> Self {
        let key = hash(INPUT, &[&[layout.field.tag()], &layout.cells.to_le_bytes()]);
        Self(Blake3::new_keyed(&key))
    }

    /// Adds the next chunk.
    pub fn update(&mut self, chunk: &Encoded) {
        match &chunk.cells().0 {
            Elements::Field64(cells) => self.update_elements(cells),
            Elements::Field128(cells) => self.update_elements(cells),
            Elements::Ristretto255(cells) => self.update_elements(cells),
        }
    }

    /// The digest of all chunks so far.
    pub fn finish(self) -> InputDigest {
        InputDigest::from_bytes(self.0.finalize().into())
    }

    fn update_elements<E: Element>(&mut self, cells: &[E]) {
        let mut buffer = [0; BUFFER_BYTES];
        for cells in cells.chunks(BUFFER_BYTES / E::BYTES) {
            let bytes = &mut buffer[..cells.len() * E::BYTES];
            for (bytes, cell) in bytes.chunks_exact_mut(E::BYTES).zip(cells) {
                cell.write_le(bytes);
            }
            self.0.update(bytes);
        }
        buffer.zeroize();
    }
}

wipes_on_drop!(InputHasher);

/// The published digest of an explicit share: of its encoding, fed in pieces of any size.
#[derive(Clone)]
pub struct ShareHasher(Blake3);

impl ShareHasher {
    /// Begins a digest.
    pub fn new() -> Self {
        Self(Blake3::new_keyed(&hash(SHARE, &[])))
    }

    /// Adds encoded elements.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest, hidden by the salt.
    pub fn digest(self, salt: &Salt) -> [u8; 32] {
        let mut unsalted = self.0.finalize();
        let digest = hash(SHARE_DIGEST, &[salt.as_bytes(), unsalted.as_bytes()]);
        unsalted.zeroize();
        digest
    }
}

impl Default for ShareHasher {
    fn default() -> Self {
        Self::new()
    }
}

wipes_on_drop!(ShareHasher);

/// The digest of a holder's partial sum: of its encoding, fed in pieces of any size.
///
/// # Security
/// Not salted: it travels with the partial sum to those who may see it, and is never logged where they may not.
#[derive(Clone)]
pub struct PartialHasher(Blake3);

impl PartialHasher {
    /// Begins the digest of the partial sum of `holder` (a position among the compute parties, from 0) in `round`.
    pub fn new(round: &[u8; 32], holder: u16) -> Self {
        Self(Blake3::new_keyed(&hash(PARTIAL, &[round, &holder.to_le_bytes()])))
    }

    /// Adds encoded elements.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest.
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

wipes_on_drop!(PartialHasher);
