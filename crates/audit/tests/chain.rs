//! The chain of a party's own checkpoints: it goes on over crashes, and no change of it passes (PROTOCOL 8.3).

mod support;

use std::fs;
use std::path::Path;

use audit::{Chain, ChainExamined, ChainFault, HashFile, SignedCheckpoint};

use support::{Key, lines, signed, text};

/// A chain over these sizes of a log of 40 records.
fn make(path: &Path, sizes: &[usize]) {
    let (key, lines) = (Key::new(1).log("p1"), lines(40, 1));
    let log = text(&lines);
    let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), log.as_bytes()).expect("derives");
    for &size in sizes {
        // Opened anew each time, as after a restart.
        let mut chain = Chain::open(path, &key).expect("opens");
        let since = chain.last().map_or(0, SignedCheckpoint::size);
        let proof = hashes.consistency(since, size as u64).expect("is there");
        chain.append(&signed(&lines, size), &proof).expect("appends");
        assert_eq!(chain.last().map(SignedCheckpoint::size), Some(size as u64));
    }
}

fn examined(bytes: &[u8]) -> ChainExamined {
    ChainExamined::of(bytes, &Key::new(1).log("p1"))
}

#[test]
fn it_goes_on_after_a_crash_at_any_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chain");
    make(&path, &[1, 7, 8, 40]);
    let whole = fs::read(&path).expect("reads");
    let found = examined(&whole);
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert_eq!((found.links, found.other_keys, found.last.expect("the last").size()), (4, 0, 40));
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("cuts");
        let left = whole[..length].iter().filter(|&&byte| byte == b'\n').count() as u64;
        // What is being written does not count.
        assert_eq!((examined(&whole[..length]).links, examined(&whole[..length]).faults.len()), (left, 0));
        let chain = Chain::open(&path, &Key::new(1).log("p1")).expect("opens");
        let size = chain.last().map_or(0, SignedCheckpoint::size);
        assert_eq!(size, [0, 1, 7, 8, 40][usize::try_from(left).expect("few")]);
        drop(chain);
        if size < 40 {
            make(&path, &[40]);
            let mended = examined(&fs::read(&path).expect("reads"));
            assert!(mended.faults.is_empty() && mended.links == left + 1, "{length}: {:?}", mended.faults);
        }
    }
}

#[test]
fn no_changed_byte_and_no_missing_line_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chain");
    make(&path, &[1, 7, 8, 40]);
    let whole = fs::read_to_string(&path).expect("reads");
    let last = examined(whole.as_bytes()).last;
    for at in 0..whole.len() - 1 {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] ^= 2;
        let found = examined(&bytes);
        // A changed name of a key makes a checkpoint of nobody that is known; then the next one stands alone.
        let passed = found.faults.is_empty() && found.other_keys == 0 && found.links == 4;
        assert!(!passed || found.last == last, "byte {at}");
        assert!(!passed, "byte {at}: {}", String::from_utf8_lossy(&bytes));
    }
    let lines: Vec<&str> = whole.lines().collect();
    for gone in 1..3 {
        let less: String =
            lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, l)| format!("{l}\n")).collect();
        let found = examined(less.as_bytes());
        assert!(matches!(found.faults[..], [ChainFault::Broken { .. }]), "{:?}", found.faults);
    }
    let swapped = [lines[0], lines[2], lines[1], lines[3]].map(|line| format!("{line}\n")).concat();
    assert!(!examined(swapped.as_bytes()).faults.is_empty());
}

#[test]
fn another_keys_checkpoints_are_passed_over_and_an_old_chain_is_put_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chain.jsonl");
    make(&path, &[1, 7]);
    let found = ChainExamined::of(&fs::read(&path).expect("reads")[..], &Key::new(2).log("p1"));
    assert_eq!((found.links, found.other_keys, found.faults.len()), (0, 2, 0));
    let mut chain = Chain::open(&path, &Key::new(1).log("p1")).expect("opens");
    chain.begin_anew().expect("puts it aside");
    assert!(chain.last().is_none());
    chain.append(&signed(&lines(5, 3), 5), &Vec::new()).expect("appends");
    assert_eq!(examined(&fs::read(&path).expect("reads")).last.expect("the last").size(), 5);
    assert_eq!(examined(&fs::read(folder.path().join("checkpoints-until-7.jsonl")).expect("kept")).links, 2);
    // A second one of that size does not take the place of the first.
    fs::remove_file(&path).expect("removes");
    make(&path, &[1, 2, 7]);
    Chain::open(&path, &Key::new(1).log("p1")).expect("opens").begin_anew().expect("puts it aside");
    for (name, links) in [("checkpoints-until-7.jsonl", 2), ("checkpoints-until-7-2.jsonl", 3)] {
        assert_eq!(examined(&fs::read(folder.path().join(name)).expect("kept")).links, links, "{name}");
    }
    // With nothing in it there is nothing to put aside.
    let mut empty = Chain::open(&folder.path().join("empty"), &Key::new(1).log("p1")).expect("opens");
    empty.begin_anew().expect("nothing");
    assert!(folder.path().join("empty").exists());
}
