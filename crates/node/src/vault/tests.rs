//! Sealed files: whole or not there, every change noticed, erased for good.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Instant;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::file::HEADER;
use super::*;

const ROUND: [u8; 32] = [1; 32];
const CHUNK: usize = 8;

struct Place {
    directory: tempfile::TempDir,
    vault: Vault,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(directory.path(), &StorageKey::from_bytes(&[7; 32])).expect("opens");
        Self { directory, vault }
    }

    fn write(&self, round: &[u8; 32], name: &str, plain: &[u8]) -> PathBuf {
        let mut writer = self.vault.create(round, name, CHUNK).expect("creates");
        plain.chunks(CHUNK).for_each(|chunk| writer.append(chunk).expect("appends"));
        writer.commit().expect("commits");
        self.directory.path().join("bulk").join(to_hex(round)).join(name)
    }

    fn read(&self, round: &[u8; 32], name: &str) -> Result<Vec<u8>, VaultError> {
        let reader = self.vault.read(round, name)?;
        let (mut all, mut chunk) = (Vec::new(), Zeroizing::new(Vec::new()));
        for index in 0..reader.chunks() {
            reader.read(index, &mut chunk)?;
            all.extend_from_slice(&chunk);
        }
        assert_eq!(all.len() as u64, reader.length());
        Ok(all)
    }
}

#[track_caller]
fn damaged(result: Result<Vec<u8>, VaultError>) {
    let result = result.map(|plain| plain.len());
    assert!(matches!(&result, Err(VaultError::Damaged { .. })), "{result:?}");
}

proptest! {
    #[test]
    fn what_is_written_is_read(plain in prop::collection::vec(any::<u8>(), 0..70)) {
        let place = Place::new();
        place.write(&ROUND, "share-3", &plain);
        prop_assert_eq!(place.read(&ROUND, "share-3").expect("reads"), plain);
    }
}

#[test]
fn chunks_are_read_in_any_order() {
    let place = Place::new();
    place.write(&ROUND, "snapshot", b"01234567abcdefghXY");
    let reader = place.vault.read(&ROUND, "snapshot").expect("opens");
    let mut chunk = Zeroizing::new(Vec::new());
    for (index, plain) in [(2, &b"XY"[..]), (0, b"01234567"), (1, b"abcdefgh"), (2, b"XY")] {
        reader.read(index, &mut chunk).expect("reads");
        assert_eq!(chunk.as_slice(), plain);
    }
    assert!(matches!(reader.read(3, &mut chunk), Err(VaultError::Misuse { .. })));
    assert!(matches!(reader.read(u64::MAX, &mut chunk), Err(VaultError::Misuse { .. })));
}

#[test]
fn every_bit_and_every_length_counts() {
    let place = Place::new();
    for plain in [&b"01234567abcdefghXY"[..], b"01234567", b""] {
        let path = place.write(&ROUND, "partial", plain);
        let good = fs::read(&path).expect("reads");
        for at in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[at / 8] ^= 1 << (at % 8);
            fs::write(&path, &bad).expect("writes");
            damaged(place.read(&ROUND, "partial"));
        }
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).expect("writes");
            damaged(place.read(&ROUND, "partial"));
        }
        for extra in [1, CHUNK + 16, 24] {
            fs::write(&path, [&good[..], &vec![0; extra]].concat()).expect("writes");
            damaged(place.read(&ROUND, "partial"));
        }
        for extra in [1, CHUNK + 16] {
            let (chunks, footer) = good.split_at(good.len() - 24);
            fs::write(&path, [chunks, &vec![0; extra], footer].concat()).expect("writes");
            damaged(place.read(&ROUND, "partial"));
        }
        fs::write(&path, &good).expect("writes");
        assert_eq!(place.read(&ROUND, "partial").expect("as it was"), plain);
        place.vault.erase(&ROUND, "partial").expect("erases");
    }
}

#[test]
fn nothing_stands_in_for_another() {
    let place = Place::new();
    let plain = b"01234567abcdefghXY";
    let path = place.write(&ROUND, "share-1", plain);
    let good = fs::read(&path).expect("reads");
    let sealed = CHUNK + 16;

    let mut swapped = good.clone();
    swapped[HEADER..HEADER + 2 * sealed].rotate_left(sealed);
    fs::write(&path, &swapped).expect("writes");
    damaged(place.read(&ROUND, "share-1"));

    let without_one = [&good[..HEADER + sealed], &good[HEADER + 2 * sealed..]].concat();
    fs::write(&path, &without_one).expect("writes");
    damaged(place.read(&ROUND, "share-1"));

    fs::write(&path, &good).expect("writes");
    for (round, name) in [(ROUND, "share-2"), ([2; 32], "share-1")] {
        let other = place.write(&round, name, plain);
        let before = fs::read(&other).expect("reads");
        fs::write(&other, &good).expect("writes");
        damaged(place.read(&round, name));
        // A chunk of another file of the same content at the same place.
        let mixed = [&before[..HEADER], &good[HEADER..HEADER + sealed], &before[HEADER + sealed..]].concat();
        fs::write(&other, &mixed).expect("writes");
        damaged(place.read(&round, name));
    }

    // An earlier file of the same round and name.
    place.vault.erase(&ROUND, "share-1").expect("erases");
    let path = place.write(&ROUND, "share-1", plain);
    let again = fs::read(&path).expect("reads");
    fs::write(&path, [&again[..HEADER], &good[HEADER..]].concat()).expect("writes");
    damaged(place.read(&ROUND, "share-1"));

    let other = Vault::open(place.directory.path(), &StorageKey::from_bytes(&[8; 32])).expect("opens");
    damaged(other.read(&ROUND, "share-1").map(|_| Vec::new()));
}

#[test]
fn an_object_is_there_whole_or_not_at_all() {
    let place = Place::new();
    let directory = place.directory.path().join("bulk").join(to_hex(&ROUND));
    let mut writer = place.vault.create(&ROUND, "snapshot", CHUNK).expect("creates");
    writer.append(b"01234567").expect("appends");
    assert!(!place.vault.contains(&ROUND, "snapshot"));
    assert!(matches!(place.vault.read(&ROUND, "snapshot"), Err(VaultError::Missing { .. })));
    assert_eq!(fs::read_dir(&directory).expect("lists").count(), 1);
    drop(writer);
    assert_eq!(fs::read_dir(&directory).expect("lists").count(), 0);

    // A crash: the writer never ends.
    std::mem::forget(place.vault.create(&ROUND, "snapshot", CHUNK).expect("creates"));
    assert_eq!(fs::read_dir(&directory).expect("lists").count(), 1);
    assert_eq!(place.vault.objects(&ROUND).expect("lists"), [""; 0]);
    let path = place.write(&ROUND, "snapshot", b"01234567");
    Vault::open(place.directory.path(), &StorageKey::from_bytes(&[7; 32])).expect("opens");
    assert_eq!(fs::read_dir(&directory).expect("lists").count(), 1);
    assert_eq!(place.vault.objects(&ROUND).expect("lists"), ["snapshot"]);
    assert_eq!(place.vault.rounds().expect("lists"), [ROUND]);
    assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&directory).expect("is there").permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_object_is_never_replaced() {
    let place = Place::new();
    let late = place.vault.create(&ROUND, "partial", CHUNK).expect("creates");
    place.write(&ROUND, "partial", b"first");
    assert!(matches!(place.vault.create(&ROUND, "partial", CHUNK), Err(VaultError::Exists { .. })));
    assert!(matches!(late.commit(), Err(VaultError::Exists { .. })));
    assert_eq!(place.read(&ROUND, "partial").expect("reads"), b"first");
}

#[test]
fn names_and_lengths_that_cannot_be_are_refused() {
    let place = Place::new();
    for name in ["", ".", "..", "../x", "a/b", "A", "a.part", "é", &"a".repeat(65)] {
        assert!(matches!(place.vault.create(&ROUND, name, 1), Err(VaultError::Misuse { .. })), "{name}");
        assert!(matches!(place.vault.read(&ROUND, name), Err(VaultError::Misuse { .. })), "{name}");
        assert!(matches!(place.vault.erase(&ROUND, name), Err(VaultError::Misuse { .. })), "{name}");
    }
    for chunk in [0, MAX_CHUNK + 1, usize::MAX] {
        assert!(matches!(place.vault.create(&ROUND, "x", chunk), Err(VaultError::Misuse { .. })), "{chunk}");
    }
    let mut writer = place.vault.create(&ROUND, "x", 4).expect("creates");
    assert!(writer.append(b"").is_err());
    assert!(writer.append(b"12345").is_err());
    writer.append(b"123").expect("shorter: the last");
    assert!(writer.append(b"1").is_err());
    writer.commit().expect("commits");
}

#[test]
fn erasing_destroys_the_id_before_the_name() {
    let place = Place::new();
    let path = place.write(&ROUND, "share-1", b"01234567");
    place.write(&ROUND, "share-2", b"01234567");
    let still_linked = place.directory.path().join("forensic-copy");
    fs::hard_link(&path, &still_linked).expect("links");
    place.vault.erase(&ROUND, "share-1").expect("erases");
    place.vault.erase(&ROUND, "share-1").expect("erases nothing");
    assert!(!path.exists() && place.vault.contains(&ROUND, "share-2"));
    assert_eq!(fs::read(&still_linked).expect("reads")[..HEADER], [0; HEADER]);

    std::mem::forget(place.vault.create(&ROUND, "share-3", CHUNK).expect("creates"));
    place.vault.erase_round(&ROUND).expect("erases");
    place.vault.erase_round(&ROUND).expect("erases nothing");
    assert_eq!(fs::read_dir(place.directory.path().join("bulk")).expect("lists").count(), 0);
}

#[test]
fn a_start_keeps_the_rounds_that_go_on_and_nothing_else() {
    let place = Place::new();
    let bulk = place.directory.path().join("bulk");
    for round in 1..=4 {
        place.write(&[round; 32], "snapshot", b"01234567");
    }
    std::mem::forget(place.vault.create(&[2; 32], "share-1", CHUNK).expect("creates"));
    std::mem::forget(place.vault.create(&[4; 32], "share-1", CHUNK).expect("creates"));
    // One that cannot be erased does not save the others.
    fs::create_dir(bulk.join(to_hex(&[1; 32])).join("odd")).expect("creates");
    let vault = Vault::open(place.directory.path(), &StorageKey::from_bytes(&[7; 32])).expect("opens");
    assert!(vault.keep_only(&BTreeSet::from([[2; 32], [9; 32]])).is_err());
    assert_eq!(vault.rounds().expect("lists"), [[1; 32], [2; 32]]);
    fs::remove_dir(bulk.join(to_hex(&[1; 32])).join("odd")).expect("removes");
    vault.keep_only(&BTreeSet::from([[2; 32]])).expect("erases");
    assert_eq!(vault.rounds().expect("lists"), [[2; 32]]);
    assert_eq!(vault.objects(&[2; 32]).expect("lists"), ["snapshot"]);
    let files: Vec<_> = fs::read_dir(bulk.join(to_hex(&[2; 32]))).expect("lists").collect();
    assert_eq!(files.len(), 1, "what was unfinished is gone since the vault was opened");
    assert_eq!(place.read(&[2; 32], "snapshot").expect("reads"), b"01234567");
    vault.keep_only(&BTreeSet::new()).expect("erases");
    assert_eq!(fs::read_dir(&bulk).expect("lists").count(), 0);
}

#[test]
fn no_plain_byte_reaches_the_disk() {
    let place = Place::new();
    let canary = b"45000.00-canary-figure";
    let mut writer = place.vault.create(&ROUND, "snapshot", 64).expect("creates");
    for _ in 0..20 {
        writer.append(&[&canary[..], &[0; 42]].concat()).expect("appends");
    }
    let search = || {
        let directory = place.directory.path().join("bulk").join(to_hex(&ROUND));
        let mut files = 0;
        for entry in fs::read_dir(directory).expect("lists") {
            let bytes = fs::read(entry.expect("an entry").path()).expect("reads");
            assert!(!bytes.windows(8).any(|window| canary.windows(8).any(|part| part == window)));
            files += 1;
        }
        assert_eq!(files, 1);
    };
    search();
    writer.commit().expect("commits");
    search();
}

/// Not a benchmark: it fails only where something is badly wrong, and prints what was measured.
#[test]
fn eight_mebibytes_go_out_and_in_quickly() {
    let place = Place::new();
    let chunk = vec![42; 512 << 10];
    let start = Instant::now();
    let mut writer = place.vault.create(&ROUND, "partial", chunk.len()).expect("creates");
    for _ in 0..16 {
        writer.append(&chunk).expect("appends");
    }
    let sealed = start.elapsed();
    writer.commit().expect("commits");
    let written = start.elapsed();
    let reader = place.vault.read(&ROUND, "partial").expect("opens");
    let mut plain = Zeroizing::new(Vec::new());
    for index in 0..16 {
        reader.read(index, &mut plain).expect("reads");
    }
    let all = start.elapsed();
    println!("8 MiB: sealed {sealed:?}, durable {written:?}, read {:?}", all - written);
    assert!(all.as_secs() < 10, "{all:?}");
}
