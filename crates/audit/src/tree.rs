//! The Merkle tree over a log's lines (RFC 6962, section 2; PROTOCOL 8), and its proofs as pure functions.
//!
//! A leaf is a line as it was written, byte for byte, without its line end. Sizes count leaves; record `seq` is leaf
//! `seq` − 1. Assumed of an attacker: it writes whatever it likes into a log and into a proof. It finds no second log
//! with the same root (collisions of SHA-256).

use tlog_tiles::tlog::{self, EMPTY_HASH, Hash};

/// Most hashes in a path: an inclusion proof in a tree of 2^64 leaves has 64, a consistency proof one more.
pub const MAX_PATH: usize = 65;

/// The root of the tree over the first leaves of a log, 32 bytes of SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root(pub [u8; 32]);

impl Root {
    /// The root of the tree without leaves.
    pub const EMPTY: Self = Self(EMPTY_HASH.0);
}

/// Hashes beside the way from a leaf, or an earlier root, up to a root; the lowest first.
pub type Path = Vec<[u8; 32]>;

/// A path does not lead to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path does not lead to the root")]
pub struct BadPath;

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(line: &str) -> [u8; 32] {
    tlog::record_hash(line.as_bytes()).0
}

/// Checks that the tree of `size` leaves under `root` has `leaf` at `index`, from 0.
///
/// # Errors
/// When the path does not show it.
pub fn check_inclusion(leaf: &[u8; 32], index: u64, size: u64, root: &Root, path: &Path) -> Result<(), BadPath> {
    if path.len() > MAX_PATH {
        return Err(BadPath);
    }
    tlog::check_record(&hashes(path), size, Hash(root.0), index, Hash(*leaf)).map_err(|_| BadPath)
}

/// Checks that the tree of `size` leaves under `root` begins with the `earlier_size` leaves under `earlier`.
///
/// # Errors
/// When the path does not show it.
pub fn check_consistency(
    earlier_size: u64,
    earlier: &Root,
    size: u64,
    root: &Root,
    path: &Path,
) -> Result<(), BadPath> {
    if path.len() > MAX_PATH {
        return Err(BadPath);
    }
    match earlier_size {
        // RFC 6962 has no proof for this: every tree begins with no leaf.
        0 if *earlier == Root::EMPTY && path.is_empty() && (size > 0 || root == earlier) => Ok(()),
        0 => Err(BadPath),
        _ => tlog::check_tree(&hashes(path), size, Hash(root.0), earlier_size, Hash(earlier.0)).map_err(|_| BadPath),
    }
}

fn hashes(path: &Path) -> Vec<Hash> {
    path.iter().copied().map(Hash).collect()
}

/// A growing tree: as many hashes as the size has one-bits, at most 64.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// Roots of the full subtrees, the largest first.
    full: Vec<Hash>,
}

impl Tree {
    /// The places, in a file of hashes, of the roots of the full subtrees of a tree of `size` leaves: the largest first.
    pub(crate) fn places(size: u64) -> impl Iterator<Item = u64> {
        (0..64_u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| {
            // It is the last subtree of its height that is full.
            tlog::stored_hash_index(level, (size >> level) - 1)
        })
    }

    /// The tree of `size` leaves with these roots of full subtrees, one for each of [`Tree::places`].
    pub(crate) fn grown(size: u64, full: Vec<[u8; 32]>) -> Self {
        debug_assert_eq!(full.len(), size.count_ones() as usize);
        Self { size, full: full.into_iter().map(Hash).collect() }
    }

    /// How many leaves it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a line.
    pub fn push(&mut self, line: &str) {
        self.push_leaf(leaf_hash(line), |_| ());
    }

    /// Adds a leaf, and shows the hashes that it makes final: its own, then those of the subtrees that it fills, the
    /// smallest first. In this order a file keeps them.
    pub(crate) fn push_leaf(&mut self, leaf: [u8; 32], mut made: impl FnMut(&[u8; 32])) {
        let mut hash = Hash(leaf);
        made(&hash.0);
        // Each trailing one-bit is a full subtree on the left that this leaf makes a pair of.
        for _ in 0..self.size.trailing_ones() {
            let left = self.full.pop().expect("there is a full subtree for each one-bit of the size");
            hash = tlog::node_hash(left, hash);
            made(&hash.0);
        }
        self.full.push(hash);
        self.size += 1;
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Root {
        let root = self.full.iter().rev().copied().reduce(|right, left| tlog::node_hash(left, right));
        root.map_or(Root::EMPTY, |root| Root(root.0))
    }
}
