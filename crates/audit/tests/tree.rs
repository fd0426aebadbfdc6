//! The tree and its file, against an independent RFC 6962 implementation (`ct-merkle`).

mod support;

use std::fs;
use std::io::Write;

use audit::{HashFile, HashesError, Root, Tree, check_consistency, check_inclusion, leaf_hash};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use sha2::Sha256;

use support::{lines, text};

type Other = MemoryBackedTree<Sha256, Vec<u8>>;

fn root_of(tree: &Other) -> [u8; 32] {
    tree.root().as_bytes().as_slice().try_into().expect("32 bytes")
}

#[test]
fn roots_and_proofs_are_those_of_another_implementation() {
    let lines = lines(70, 3);
    let log = text(&lines);
    let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), log.as_bytes()).expect("derives");
    let mut tree = Tree::default();
    let mut other = Other::new();
    assert_eq!(tree.root(), Root::EMPTY);
    let mut roots = vec![(Root::EMPTY, other.root())];
    for line in &lines {
        tree.push(&line.text);
        other.push(line.text.clone().into_bytes());
        assert_eq!(tree.root().0, root_of(&other), "at {}", tree.size());
        assert_eq!(hashes.root_at(tree.size()).expect("a root"), tree.root());
        roots.push((tree.root(), other.root()));
        let size = tree.size();
        for seq in 1..=size {
            let path = hashes.inclusion(seq, size).expect("a proof");
            let index = usize::try_from(seq - 1).expect("small");
            assert_eq!(path.concat(), other.prove_inclusion(index).as_bytes());
            let line = &lines[index].text;
            assert_eq!(check_inclusion(&leaf_hash(line), seq - 1, size, &tree.root(), &path), Ok(()));
            let proof = InclusionProof::<Sha256>::try_from_bytes(path.concat()).expect("whole hashes");
            roots[usize::try_from(size).expect("small")]
                .1
                .verify_inclusion(&line.clone().into_bytes(), seq - 1, &proof)
                .expect("their verifier takes our proof");
        }
        for earlier in 1..=size {
            let path = hashes.consistency(earlier, size).expect("a proof");
            let (before, theirs) = &roots[usize::try_from(earlier).expect("small")];
            assert_eq!(check_consistency(earlier, before, size, &tree.root(), &path), Ok(()));
            if earlier < size {
                let proof = ConsistencyProof::<Sha256>::try_from_bytes(path.concat()).expect("whole hashes");
                let now = &roots[usize::try_from(size).expect("small")].1;
                now.verify_consistency(theirs, &proof).expect("their verifier takes our proof");
            }
        }
        assert_eq!(check_consistency(0, &Root::EMPTY, size, &tree.root(), &Vec::new()), Ok(()));
    }
}

#[test]
fn no_changed_proof_verifies() {
    let lines = lines(21, 9);
    let log = text(&lines);
    let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), log.as_bytes()).expect("derives");
    let root = hashes.root();
    for seq in 1..=21_u64 {
        let leaf = leaf_hash(&lines[usize::try_from(seq - 1).expect("small")].text);
        let path = hashes.inclusion(seq, 21).expect("a proof");
        let holds = |index, size, path: &audit::Path| check_inclusion(&leaf, index, size, &root, path).is_ok();
        assert!(holds(seq - 1, 21, &path));
        assert!((0..40).all(|index| index == seq - 1 || !holds(index, 21, &path)));
        assert!(!holds(seq - 1, 0, &path) && !holds(u64::MAX, u64::MAX, &path));
        let before = hashes.root_at(seq).expect("a root");
        let steps = hashes.consistency(seq, 21).expect("a proof");
        let follows = |path: &audit::Path| check_consistency(seq, &before, 21, &root, path).is_ok();
        assert!(follows(&steps));
        for (good, holds) in [
            (&path, &(|path: &audit::Path| holds(seq - 1, 21, path)) as &dyn Fn(&audit::Path) -> bool),
            (&steps, &follows),
        ] {
            for at in 0..good.len() {
                let mut changed = good.clone();
                changed[at][at % 32] ^= 1;
                assert!(!holds(&changed));
                let mut shorter = good.clone();
                shorter.remove(at);
                assert!(!holds(&shorter));
            }
            let mut longer = good.clone();
            longer.push([0; 32]);
            assert!(!holds(&longer));
            assert!(!holds(&vec![[0; 32]; 1_000_000]));
        }
    }
    assert!(check_consistency(0, &root, 21, &root, &Vec::new()).is_err(), "nothing has one root only");
}

#[test]
fn the_file_is_made_anew_from_the_log_wherever_it_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.hashes");
    let lines = lines(13, 5);
    let log = text(&lines);
    drop(HashFile::open(&path, log.as_bytes()).expect("makes it"));
    let good = fs::read(&path).expect("is there");
    assert_eq!(good.len(), 32 * (13 + 6 + 3 + 1));
    let mut cases: Vec<(Vec<u8>, bool)> =
        (0..good.len()).step_by(7).map(|length| (good[..length].to_vec(), length % 32 != 0)).collect();
    for at in (0..good.len()).step_by(11) {
        let mut damaged = good.clone();
        damaged[at] ^= 0x40;
        cases.push((damaged, true));
    }
    cases.push((vec![7; good.len() + 320], true));
    cases.push(([&good[..], &[1; 40]].concat(), true));
    for (bytes, drops) in cases {
        fs::write(&path, &bytes).expect("writes");
        let hashes = HashFile::open(&path, log.as_bytes()).expect("mends");
        assert_eq!(hashes.dropped() > 0, drops);
        assert_eq!(hashes.size(), 13);
        drop(hashes);
        assert_eq!(fs::read(&path).expect("is there"), good);
    }
    // The log was cut: the file follows it.
    let hashes = HashFile::open(&path, text(&lines[..6]).as_bytes()).expect("mends");
    assert_eq!((hashes.size(), hashes.dropped() > 0), (6, true));
}

#[test]
fn appending_gives_the_file_that_opening_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = (folder.path().join("1"), folder.path().join("2"));
    let lines = lines(33, 8);
    let mut log = text(&lines[..4]).into_bytes();
    log.write_all(b"{\"seq\":5,").expect("a line that is being written");
    let mut hashes = HashFile::open(&one, &log[..]).expect("makes it");
    assert_eq!(hashes.size(), 4);
    assert!(matches!(HashFile::open(&one, &log[..]), Err(HashesError::Held)), "one process holds it");
    for (from, to) in [(4, 5), (5, 5), (5, 20), (20, 33)] {
        hashes.append(&lines[from..to]).expect("appends");
    }
    let whole = HashFile::open(&two, text(&lines).as_bytes()).expect("makes it");
    assert_eq!(hashes.root(), whole.root());
    assert_eq!(fs::read(&one).expect("is there"), fs::read(&two).expect("is there"));
    assert_eq!(whole.inclusion(20, 25).expect("a proof"), hashes.inclusion(20, 25).expect("a proof"));
    for (seq, size) in [(0, 5), (6, 5), (1, 34), (34, 34)] {
        assert!(matches!(hashes.inclusion(seq, size), Err(HashesError::Beyond { .. })), "{seq} in {size}");
    }
    assert!(matches!(hashes.consistency(6, 5), Err(HashesError::Beyond { .. })));
    fs::write(&one, b"").expect("writes");
    assert!(matches!(hashes.root_at(7), Err(HashesError::Damaged)));
}
