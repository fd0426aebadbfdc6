//! A Merkle tree over the cells of a share (PROTOCOL 3, 5.4): its root is the only digest of a share in a malicious round.
//!
//! The tree has the shape of RFC 6962, section 2.1: over m > 1 leaves, its left half has the greatest power of two below m.
//! Leaf = H("smpcd/1/share-leaf", round id, dealer, seat, cell, value, blinding), node = H("smpcd/1/share-node", left, right),
//! with u16, u16 and u64 little-endian. Neither is ever read as the other, because labels differ. A blinding is uniform, so a
//! leaf hides its cell.
//!
//! Attacker: shows a cell that is not in the share, at another place, of another party, dealer or round.

use alloc::vec::Vec;

use crate::opening::Opening;
use crate::ristretto::Residue;
use crate::{Hasher, hash};

const LEAF: &str = "smpcd/1/share-leaf";
const NODE: &str = "smpcd/1/share-node";
const EMPTY: &str = "smpcd/1/share-empty";

/// Which dealing a commitment, proof or root belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The round id.
    pub round: [u8; 32],
    /// The dealer's position among the parties of the agreement.
    pub dealer: u16,
}

impl Opening {
    /// The root over all cells, as the share of the compute party at position `seat`.
    pub fn root(&self, place: &Place, seat: u16) -> [u8; 32] {
        root_of(&self.leaves(place, seat), place, seat)
    }

    /// What shows that a cell is under [`Opening::root`]: the hashes beside its way up, from below.
    ///
    /// # Panics
    /// For a cell that there is not.
    pub fn path(&self, place: &Place, seat: u16, cell: usize) -> Vec<[u8; 32]> {
        assert!(cell < self.len(), "the share has no such cell");
        let leaves = self.leaves(place, seat);
        let (mut leaves, mut cell, mut path) = (&leaves[..], cell, Vec::new());
        while leaves.len() > 1 {
            let (left, right) = leaves.split_at(left_leaves(leaves.len()));
            if cell < left.len() {
                path.push(root_of(right, place, seat));
                leaves = left;
            } else {
                path.push(root_of(left, place, seat));
                cell -= left.len();
                leaves = right;
            }
        }
        path.reverse();
        path
    }

    fn leaves(&self, place: &Place, seat: u16) -> Vec<[u8; 32]> {
        let leaf = |(cell, (value, blinding)): (u64, (Residue, Residue))| {
            leaf(place, seat, cell, value.0.as_bytes(), blinding.0.as_bytes())
        };
        (0..).zip(self.pairs()).map(leaf).collect()
    }
}

/// Whether `root` is that of a share of `cells` cells, in which `cell` has this value and blinding.
///
/// All of it is public; time depends on it.
// Each argument is one of the things that a leaf is bound to.
#[allow(clippy::too_many_arguments)]
pub fn verify_path(
    root: &[u8; 32],
    place: &Place,
    seat: u16,
    cells: usize,
    cell: usize,
    value: &[u8; 32],
    blinding: &[u8; 32],
    path: &[[u8; 32]],
) -> bool {
    // A leaf that no Opening can have.
    if Residue::canonical(value).is_none() || Residue::canonical(blinding).is_none() || cell >= cells {
        return false;
    }
    let leaf = leaf(place, seat, cell as u64, value, blinding);
    up(leaf, cells, cell, path).is_some_and(|top| top == *root)
}

/// The root over `leaves` leaves, of which number `at` is given. `None` where the path is too short or too long.
fn up(leaf: [u8; 32], leaves: usize, at: usize, path: &[[u8; 32]]) -> Option<[u8; 32]> {
    if leaves == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (beside, below) = path.split_last()?;
    let left = left_leaves(leaves);
    if at < left {
        Some(node(&up(leaf, left, at, below)?, beside))
    } else {
        Some(node(beside, &up(leaf, leaves - left, at - left, below)?))
    }
}

/// RFC 6962: the greatest power of two below a number of leaves, of which there are two at least.
fn left_leaves(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

fn root_of(leaves: &[[u8; 32]], place: &Place, seat: u16) -> [u8; 32] {
    match leaves {
        [] => hash(EMPTY, &[&place.round, &place.dealer.to_le_bytes(), &seat.to_le_bytes()]),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(left_leaves(leaves.len()));
            node(&root_of(left, place, seat), &root_of(right, place, seat))
        }
    }
}

fn leaf(place: &Place, seat: u16, cell: u64, value: &[u8; 32], blinding: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Hasher::new(LEAF);
    hasher.part(&place.round).part(&place.dealer.to_le_bytes()).part(&seat.to_le_bytes());
    hasher.part(&cell.to_le_bytes()).part(value).part(blinding);
    hasher.finish()
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hash(NODE, &[left, right])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    const PLACE: Place = Place { round: [7; 32], dealer: 3 };

    #[test]
    fn the_shape_is_that_of_rfc_6962() {
        let opening = Opening::expand(&Seed::from_bytes([1; 32]), 7);
        let l = opening.leaves(&PLACE, 2);
        let left = node(&node(&l[0], &l[1]), &node(&l[2], &l[3]));
        let right = node(&node(&l[4], &l[5]), &l[6]);
        assert_eq!(opening.root(&PLACE, 2), node(&left, &right));
        // Section 2.1.3 of the RFC, where the leaves are d0 … d6.
        assert_eq!(opening.path(&PLACE, 2, 0), [l[1], node(&l[2], &l[3]), right]);
        assert_eq!(opening.path(&PLACE, 2, 3), [l[2], node(&l[0], &l[1]), right]);
        assert_eq!(opening.path(&PLACE, 2, 4), [l[5], l[6], left]);
        assert_eq!(opening.path(&PLACE, 2, 6), [node(&l[4], &l[5]), left]);
    }

    #[test]
    fn leaves_and_nodes_and_nothing_are_told_apart() {
        let one = Opening::expand(&Seed::from_bytes([1; 32]), 1);
        assert_eq!(one.root(&PLACE, 0), one.leaves(&PLACE, 0)[0]);
        assert!(one.path(&PLACE, 0, 0).is_empty());
        assert_ne!(Opening::zero(0).root(&PLACE, 0), Opening::zero(0).root(&PLACE, 1));
        assert_ne!(Opening::zero(0).root(&PLACE, 0), Opening::zero(1).root(&PLACE, 0));
    }
}
