//! Merkle paths of single cells (PROTOCOL 5.4): each shows one cell of one share, and nothing else.

#[path = "support/malicious.rs"]
mod support;

use proptest::prelude::*;
use sharing::{Opening, Place, Seed, verify_path};
use support::{order, place};

fn opening(seed: u8, cells: usize) -> Opening {
    Opening::expand(&Seed::from_bytes([seed; 32]), cells)
}

const SIZES: [usize; 14] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33];

#[test]
fn every_cell_of_every_size_has_a_path_that_fits_there_alone() {
    let at = place(1, 2);
    for cells in SIZES {
        let opening = opening(1, cells);
        let root = opening.root(&at, 3);
        for cell in 0..cells {
            let (value, blinding) = opening.cell(cell);
            let path = opening.path(&at, 3, cell);
            let longest = cells.next_power_of_two().ilog2() as usize;
            assert!(path.len() <= longest && (path.len() == longest || cells != cells.next_power_of_two()));
            let shows = |at: &Place, seat, cells, cell, path: &[[u8; 32]]| {
                verify_path(&root, at, seat, cells, cell, &value, &blinding, path)
            };
            assert!(shows(&at, 3, cells, cell, &path), "cell {cell} of {cells}");
            for other in (0..cells + 2).filter(|other| *other != cell) {
                assert!(!shows(&at, 3, cells, other, &path), "cell {cell} of {cells} as {other}");
            }
            // Another seat, dealer, round.
            assert!(!shows(&at, 4, cells, cell, &path));
            assert!(!shows(&place(1, 3), 3, cells, cell, &path) && !shows(&place(2, 2), 3, cells, cell, &path));
            // Too short, too long, in another order; an inner node for a leaf's neighbour.
            for cut in 0..path.len() {
                assert!(!shows(&at, 3, cells, cell, &path[..cut]) && !shows(&at, 3, cells, cell, &path[cut + 1..]));
            }
            for extra in [root, [0; 32]] {
                assert!(!shows(&at, 3, cells, cell, &[&path[..], &[extra]].concat()));
                assert!(!shows(&at, 3, cells, cell, &[&[extra], &path[..]].concat()));
            }
            if path.len() > 1 {
                let reversed: Vec<[u8; 32]> = path.iter().rev().copied().collect();
                assert!(!shows(&at, 3, cells, cell, &reversed));
            }
        }
        assert!(!verify_path(&root, &at, 3, 0, 0, &[0; 32], &[0; 32], &[]));
    }
}

#[test]
fn what_is_not_canonical_is_no_leaf() {
    // ℓ and ℓ + 1 stand for 0 and 1 elsewhere; an opening of 0 and 1 has a path, and they have none.
    let mut bytes = vec![0; 128];
    bytes[32] = 1;
    let opening = Opening::read(&bytes, 2).expect("canonical");
    let (at, mut next) = (place(1, 1), order());
    next[0] += 1;
    let root = opening.root(&at, 0);
    for (cell, alias) in [(0, order()), (1, next)] {
        let (value, blinding) = opening.cell(cell);
        let path = opening.path(&at, 0, cell);
        let shows = |value: &[u8; 32], blinding: &[u8; 32]| verify_path(&root, &at, 0, 2, cell, value, blinding, &path);
        assert!(shows(&value, &blinding));
        assert!(!shows(&alias, &blinding) && !shows(&value, &order()) && !shows(&[0xFF; 32], &blinding));
    }
    // Not even where the root was made for it: of one leaf it would be that leaf's hash, so try all that hash alike.
    let alone = Opening::zero(1);
    let root = alone.root(&at, 0);
    assert!(verify_path(&root, &at, 0, 1, 0, &[0; 32], &[0; 32], &[]));
    assert!(!verify_path(&root, &at, 0, 1, 0, &order(), &[0; 32], &[]));
}

#[test]
fn a_root_that_was_made_of_what_is_no_cell_shows_nothing() {
    // A dealer may hash what it likes, by the documented rule: a single leaf with ℓ for a value or for a blinding, or with the
    // number of a cell that the table has not.
    let at = place(4, 5);
    let shows = |cell: usize, value: &[u8; 32], blinding: &[u8; 32]| {
        let (dealer, seat, number) = (5u16.to_le_bytes(), 1u16.to_le_bytes(), (cell as u64).to_le_bytes());
        let root = sharing::hash("smpcd/1/share-leaf", &[&at.round, &dealer, &seat, &number, value, blinding]);
        verify_path(&root, &at, 1, 1, cell, value, blinding, &[])
    };
    assert!(shows(0, &[0; 32], &[0; 32]));
    assert!(!shows(0, &order(), &[0; 32]) && !shows(0, &[0; 32], &order()));
    assert!(!shows(1, &[0; 32], &[0; 32]) && !shows(usize::MAX, &[0; 32], &[0; 32]));
}

#[test]
fn an_inner_node_is_no_leaf() {
    // Over 4 cells, the two upper nodes as leaves of a tree of 2: the path is good, but they are not leaves' hashes.
    let at = place(1, 2);
    let opening = opening(9, 4);
    let root = opening.root(&at, 0);
    let path = opening.path(&at, 0, 0);
    let (value, blinding) = opening.cell(0);
    assert!(verify_path(&root, &at, 0, 4, 0, &value, &blinding, &path));
    for cells in (1..9).filter(|cells| *cells != 4) {
        for keep in 0..=path.len() {
            // The shapes of three and four leaves give cell 0 the same way; a table has one number of cells.
            let same = cells == 3 && keep == path.len();
            assert_eq!(verify_path(&root, &at, 0, cells, 0, &value, &blinding, &path[..keep]), same);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn one_changed_bit_shows_nothing(
        cells in 1usize..70, cell: prop::sample::Index, seat: u16, dealer: u16, round: u8, byte: prop::sample::Index, bit in 0u8..8,
    ) {
        let (at, cell) = (place(round, dealer), cell.index(cells));
        let opening = opening(3, cells);
        let mut root = opening.root(&at, seat);
        let mut path = opening.path(&at, seat, cell);
        let (mut value, mut blinding) = opening.cell(cell);
        prop_assert!(verify_path(&root, &at, seat, cells, cell, &value, &blinding, &path));
        let all: &mut [&mut [u8; 32]] = &mut [&mut root, &mut value, &mut blinding];
        let mut all: Vec<&mut [u8; 32]> = all.iter_mut().map(|part| &mut **part).collect();
        all.extend(path.iter_mut());
        let place = byte.index(all.len() * 32);
        all[place / 32][place % 32] ^= 1 << bit;
        prop_assert!(!verify_path(&root, &at, seat, cells, cell, &value, &blinding, &path));
    }
}
