//! A log in several files is one log: it survives a crash at any point of sealing and deleting, its proofs are those of one
//! file, and whatever is done to a sealed file is found (PROTOCOL 8.5).

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use audit::{
    Anchor, Draft, Event, HashFile, Line, Log, LogError, LogFault, Name, Past, Record, Root, Tree, Whole,
    check_consistency, check_inclusion, leaf_hash,
};
use proptest::prelude::*;
use proptest::sample::Index;

use support::{checkpoint, line, lines, text};

/// A log and its store: all lines, and what is on record of sealing and deleting.
struct Node {
    _directory: tempfile::TempDir,
    folder: PathBuf,
    lines: Vec<Line>,
    past: Past,
}

fn root(lines: &[Line]) -> Root {
    let mut tree = Tree::default();
    lines.iter().for_each(|line| tree.push(&line.text));
    tree.root()
}

impl Node {
    /// With a sealed file for each of these numbers of records, of which some are deleted, and `open` records more.
    fn new(sealed: &[usize], deleted: usize, open: usize, salt: u64) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path().join("audit");
        let mut node = Self { _directory: directory, folder, lines: Vec::new(), past: Past::default() };
        let mut log = node.open().expect("opens");
        for records in sealed {
            node.write(&mut log, *records, salt);
            log.seal().expect("seals").expect("has records");
            node.record_seal(&mut log);
        }
        for _ in 0..deleted {
            node.record_delete(&mut log);
            log.delete_oldest().expect("deletes");
        }
        node.write(&mut log, open, salt);
        node
    }

    fn open(&self) -> Result<Log, LogError> {
        Log::open(&self.folder, &self.past)
    }

    fn next(&self) -> u64 {
        self.lines.len() as u64 + 1
    }

    fn write(&mut self, log: &mut Log, records: usize, salt: u64) {
        for _ in 0..records {
            let seq = self.next();
            self.lines.push(line(seq, salt.wrapping_add(seq * seq)));
        }
        self.follow(log);
    }

    fn follow(&self, log: &mut Log) {
        let size = usize::try_from(log.size()).expect("small");
        log.append(&self.lines[size..]).expect("appends");
    }

    fn anchor(&self, size: u64) -> Anchor {
        Anchor { size, root: root(&self.lines[..usize::try_from(size).expect("small")]) }
    }

    /// What the store does about the last sealed file.
    fn record_seal(&mut self, log: &mut Log) {
        let segment = log.sealed().last().expect("there is one").clone();
        self.past.sealed = self.anchor(segment.last);
        self.say(log, Event::LogSealed { first: segment.first, last: segment.last }, segment.last);
    }

    fn record_delete(&mut self, log: &mut Log) {
        let segment = log.sealed().first().expect("there is one").clone();
        log.may_delete_oldest().expect("its hashes are right");
        self.past.deleted = self.anchor(segment.last);
        self.say(log, Event::LogDeleted { first: segment.first, last: segment.last }, segment.last);
    }

    fn say(&mut self, log: &mut Log, event: Event, size: u64) {
        let draft = Draft::new(event).digest(audit::DigestOf::Root, self.anchor(size).root.0);
        self.lines.push(draft.number(self.next(), &"p1".into(), &"0.1.0".into()).to_line());
        self.follow(log);
    }

    /// The same files in another place.
    fn copy(&self) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path().join("audit");
        fs::create_dir_all(folder.join("segments")).expect("creates");
        for from in ["", "segments"] {
            let Ok(entries) = fs::read_dir(self.folder.join(from)) else { continue };
            for entry in entries.map(|entry| entry.expect("an entry")).filter(|entry| entry.path().is_file()) {
                let to = folder.join(from).join(entry.file_name());
                fs::copy(entry.path(), &to).expect("copies");
            }
        }
        Self { _directory: directory, folder, lines: self.lines.clone(), past: self.past }
    }

    /// Opens it, brings it up to the store, and checks that it is the log that it should be.
    fn is_whole(&self) {
        let mut log = self.open().expect("opens");
        self.follow(&mut log);
        self.has_all(&log);
    }

    fn has_all(&self, log: &Log) {
        assert_eq!((log.size(), log.root()), (self.lines.len() as u64, root(&self.lines)));
        assert!(log.missing().is_empty());
        let faults = self.faults(self.lines.len());
        assert!(faults.is_empty(), "{faults:?}");
        for segment in log.sealed() {
            assert_eq!(fs::metadata(&segment.path).expect("is there").permissions().mode() & 0o777, 0o400);
        }
        let gone = usize::try_from(self.past.deleted.size).expect("small");
        let mut read = String::new();
        std::io::Read::read_to_string(&mut Whole::open(&self.folder).expect("opens").read().expect("reads"), &mut read)
            .expect("text");
        assert_eq!(read, text(&self.lines[gone..]));
    }

    fn faults(&self, seen: usize) -> Vec<LogFault> {
        let kept = checkpoint(&self.lines, seen);
        let whole = Whole::open(&self.folder).expect("opens");
        whole.examine(Some(&Name::of("p1")), &[&kept]).expect("reads").faults
    }

    fn active(&self) -> PathBuf {
        self.folder.join("log.jsonl")
    }

    fn hashes(&self) -> PathBuf {
        self.folder.join("log.hashes")
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.folder.join("segments"))
            .expect("lists")
            .map(|entry| entry.expect("one").path())
            .collect();
        paths.sort();
        paths
    }
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).expect("writes");
}

/// Every length that a file may have after a crash, of those that it had at some time.
fn cuts(path: &Path) -> Vec<Vec<u8>> {
    let whole = fs::read(path).unwrap_or_default();
    (0..=whole.len()).step_by(7).chain([whole.len()]).map(|length| whole[..length].to_vec()).collect()
}

#[test]
fn a_crash_at_any_point_of_sealing_is_mended() {
    let before = Node::new(&[5], 0, 4, 1);
    // Before the rename: any end of the open file.
    for bytes in cuts(&before.active()) {
        let crashed = before.copy();
        write(&crashed.active(), bytes);
        crashed.is_whole();
    }
    // After the rename: no file is open, or an empty one, or one that was begun; it is not on record, or it is. The hashes
    // are as long as any crash may leave them.
    let mut renamed = before.copy();
    let mut log = renamed.open().expect("opens");
    log.seal().expect("seals");
    let unrecorded = renamed.copy();
    renamed.record_seal(&mut log);
    drop(log);
    for (node, active) in [(&unrecorded, None), (&unrecorded, Some(vec![])), (&renamed, None), (&renamed, Some(vec![]))]
    {
        for bytes in cuts(&node.hashes()) {
            let crashed = node.copy();
            let _ = fs::remove_file(crashed.active());
            if let Some(active) = &active {
                write(&crashed.active(), active);
            }
            write(&crashed.hashes(), bytes);
            crashed.is_whole();
        }
    }
    for bytes in cuts(&renamed.active()) {
        let crashed = renamed.copy();
        write(&crashed.active(), bytes);
        crashed.is_whole();
    }
    // A sealed file that may still be written is made read-only, also by the daemon that finds it.
    let crashed = unrecorded.copy();
    let last = crashed.segments().pop().expect("one");
    fs::set_permissions(&last, fs::Permissions::from_mode(0o600)).expect("sets");
    crashed.is_whole();
}

#[test]
fn a_crash_at_any_point_of_deleting_is_mended_and_lost_hashes_are_said() {
    let mut node = Node::new(&[5, 6, 3], 0, 4, 2);
    let mut log = node.open().expect("opens");
    let before = node.copy();
    node.record_delete(&mut log);
    drop(log);
    // On record, and still there: it goes when the log is opened.
    let crashed = node.copy();
    crashed.is_whole();
    assert_eq!(crashed.segments().len(), 2);
    before.is_whole();
    assert_eq!(before.segments().len(), 3);

    let deleted = crashed;
    let hashes = fs::read(deleted.hashes()).expect("reads");
    let (mut mended, mut lost) = (0, 0);
    for length in 0..=hashes.len() {
        let damaged = deleted.copy();
        write(&damaged.hashes(), &hashes[..length]);
        match damaged.open() {
            Ok(log) => {
                mended += 1;
                damaged.has_all(&log);
            }
            Err(LogError::Lost { size, .. }) => {
                lost += 1;
                assert_eq!(size, damaged.past.sealed.size);
                assert_eq!(fs::read(damaged.hashes()).expect("reads"), hashes[..length], "left as it was");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    // The tree of the five deleted records has eight hashes.
    assert_eq!((mended, lost), (hashes.len() + 1 - 8 * 32, 8 * 32));
}

#[test]
fn damaged_hashes_are_made_anew_while_the_lines_are_there_and_else_never_believed() {
    let node = Node::new(&[7, 8], 0, 3, 3);
    let deleted = Node::new(&[7, 8], 1, 3, 3);
    let hashes = |node: &Node| fs::read(node.hashes()).expect("reads");
    for at in 0..hashes(&node).len() / 32 {
        let damaged = node.copy();
        let mut bytes = hashes(&node);
        bytes[at * 32 + at % 32] ^= 1;
        write(&damaged.hashes(), &bytes);
        let mut log = damaged.open().expect("opens");
        damaged.follow(&mut log);
        assert_eq!(log.root(), root(&damaged.lines));
        let all = damaged.lines.len() as u64;
        for size in 0..=all {
            // Right, or found to be damaged: never a wrong one.
            match log.root_at(size) {
                Ok(found) => assert_eq!(found, damaged.anchor(size).root),
                Err(error) => assert!(error.to_string().contains("log.hashes"), "{error}"),
            }
            if let Ok(path) = log.consistency(size, all) {
                let (from, to) = (damaged.anchor(size).root, damaged.anchor(all).root);
                check_consistency(size, &from, all, &to, &path).expect("a good proof");
            }
        }
    }
    for at in 0..hashes(&deleted).len() / 32 {
        let damaged = deleted.copy();
        let mut bytes = hashes(&deleted);
        bytes[at * 32 + at % 32] ^= 1;
        write(&damaged.hashes(), &bytes);
        match damaged.open() {
            Ok(log) => assert_eq!(log.root(), root(&damaged.lines)),
            Err(error) => assert!(error.to_string().contains("put a copy of log.hashes back"), "{error}"),
        }
    }
    // What is to be deleted is compared first.
    let damaged = node.copy();
    let mut bytes = hashes(&node);
    bytes[3] ^= 1;
    write(&damaged.hashes(), &bytes);
    let log = damaged.open().expect("its root does not need this one");
    assert!(log.may_delete_oldest().is_err());
    assert!(node.open().expect("opens").may_delete_oldest().is_ok());
}

#[test]
fn files_that_do_not_fit_are_refused_or_said() {
    let node = Node::new(&[5, 6], 0, 4, 4);
    let [first, second] = node.segments().try_into().expect("two");
    let name = |path: &Path| path.file_name().expect("a name").to_owned();
    // One is missing: its hashes are there, so that the node goes on and says so.
    let less = node.copy();
    fs::remove_file(less.folder.join("segments").join(name(&first))).expect("removes");
    let log = less.open().expect("opens");
    assert_eq!((log.missing(), log.root()), (&[(1, 5)][..], root(&less.lines)));
    drop(log);
    // Without them it cannot.
    write(&less.hashes(), []);
    assert!(matches!(less.open(), Err(LogError::Missing { first: 1, last: 5, .. })));
    // One is there twice.
    let more = node.copy();
    fs::copy(&second, more.folder.join("segments/0000000007-0000000012.jsonl")).expect("copies");
    assert!(matches!(more.open(), Err(LogError::Overlaps { .. })));
    // The open file is an older one.
    let older = node.copy();
    fs::copy(&first, older.active()).expect("copies");
    let error = older.open().expect_err("does not go on").to_string();
    assert!(error.contains("begins with record 1, and after the sealed files comes 13"), "{error}");
    // Files of other names are none of the log's.
    for other in ["1-5.jsonl", "0000000001-0000000005.jsonl.gz", "0000000006-0000000001.jsonl", "notes"] {
        write(&node.folder.join("segments").join(other), "x");
    }
    node.is_whole();
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

/// Sealed files of some records each, how many of them are deleted, open records.
fn shape() -> impl Strategy<Value = (Vec<usize>, usize, usize, u64)> {
    (prop::collection::vec(1_usize..8, 1..5), any::<Index>(), 1_usize..5, any::<u64>())
        .prop_map(|(sealed, deleted, open, salt)| (sealed.clone(), deleted.index(sealed.len()), open, salt >> 8))
}

/// What a careful forger does to the lines of a sealed file.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    Flip(u8),
    Remove,
    Swap,
    Insert,
    Replace,
}

fn forgery() -> impl Strategy<Value = Forgery> {
    prop_oneof![
        (1_u8..).prop_map(Forgery::Flip),
        Just(Forgery::Remove),
        Just(Forgery::Swap),
        Just(Forgery::Insert),
        Just(Forgery::Replace)
    ]
}

fn renumbered(lines: &[String], first: u64) -> Vec<String> {
    let renumber = |(line, seq): (&String, u64)| {
        let mut record = Record::parse(line).expect("a record");
        record.seq = seq;
        record.to_line().text
    };
    lines.iter().zip(first..).map(renumber).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn proofs_across_segments_are_those_of_one_file((sealed, deleted, open, salt) in shape()) {
        let node = Node::new(&sealed, deleted, open, salt);
        let log = node.open().expect("opens");
        node.has_all(&log);
        let (all, gone) = (node.lines.len() as u64, node.past.deleted.size);
        let one = HashFile::derive(tempfile::tempfile().expect("a file"), text(&node.lines).as_bytes()).expect("derives");
        let made = Whole::open(&node.folder).expect("opens").hashes(tempfile::tempfile().expect("a file")).expect("makes");
        for size in 0..=all {
            prop_assert_eq!(log.root_at(size).expect("a root"), one.root_at(size).expect("a root"));
            for earlier in 0..=size {
                prop_assert_eq!(log.consistency(earlier, size).expect("a proof"), one.consistency(earlier, size).expect("a proof"));
            }
        }
        for seq in gone + 1..=all {
            let path = made.inclusion(seq, all).expect("a proof");
            prop_assert_eq!(&path, &one.inclusion(seq, all).expect("a proof"));
            let leaf = leaf_hash(&node.lines[usize::try_from(seq - 1).expect("small")].text);
            prop_assert!(check_inclusion(&leaf, seq - 1, all, &made.root(), &path).is_ok());
        }
    }

    #[test]
    fn whatever_is_done_to_a_sealed_file_is_found(
        (sealed, deleted, open, salt) in shape(), forgery in forgery(), careful in any::<bool>(), file in any::<Index>(), at in any::<Index>()
    ) {
        let node = Node::new(&sealed, deleted, open, salt);
        let file = node.segments()[file.index(sealed.len() - deleted)].clone();
        let seen = node.lines.len();
        prop_assert!(node.faults(seen).is_empty());
        let content = fs::read_to_string(&file).expect("reads");
        let mut lines: Vec<String> = content.lines().map(str::to_owned).collect();
        let first = Record::parse(&lines[0]).expect("a record").seq;
        let place = at.index(lines.len());
        match forgery {
            Forgery::Flip(mask) => {
                let mut bytes = content.into_bytes();
                let at = at.index(bytes.len());
                bytes[at] ^= mask;
                write(&file, bytes);
                prop_assert!(!node.faults(seen).is_empty());
                return Ok(());
            }
            Forgery::Remove => drop(lines.remove(place)),
            Forgery::Swap if lines.len() < 2 => return Ok(()),
            Forgery::Swap => {
                let other = (place + 1) % lines.len();
                lines.swap(place, other);
            }
            Forgery::Insert => lines.insert(place, line(first + place as u64, salt ^ 1).text),
            Forgery::Replace => lines[place] = line(first + place as u64, salt.wrapping_add(99)).text,
        }
        if careful {
            lines = renumbered(&lines, first);
        }
        write(&file, lines.iter().map(|line| line.clone() + "\n").collect::<String>());
        prop_assert!(!node.faults(seen).is_empty());
    }

    #[test]
    fn a_sealed_file_that_is_missing_swapped_or_doubled_is_found(
        (sealed, deleted, open, salt) in shape(), one in any::<Index>(), other in any::<Index>()
    ) {
        let node = Node::new(&sealed, deleted, open, salt);
        let (seen, files) = (node.lines.len(), node.segments());
        let (one, other) = (&files[one.index(files.len())], &files[other.index(files.len())]);
        let content = fs::read(one).expect("reads");
        fs::remove_file(one).expect("removes");
        let faults = node.faults(seen);
        prop_assert!(!faults.is_empty());
        write(one, &content);
        if one != other {
            write(other, &content);
            prop_assert!(!node.faults(seen).is_empty());
        }
        let twice = node.folder.join("segments").join("0000009001-0000009007.jsonl");
        let node = Node::new(&sealed, deleted, open, salt);
        let twice = node.folder.join("segments").join(twice.file_name().expect("a name"));
        write(&twice, &content);
        prop_assert!(!node.faults(seen).is_empty());
    }

    #[test]
    fn records_that_somebody_took_away_are_no_deleted_ones((sealed, _, open, salt) in shape()) {
        let node = Node::new(&sealed, 0, open, salt);
        fs::remove_file(&node.segments()[0]).expect("removes");
        let faults = node.faults(node.lines.len());
        let gone = faults.iter().any(|fault| matches!(fault, LogFault::Gone { gone, said: None } if *gone == sealed[0] as u64));
        prop_assert!(gone, "{:?}", faults);
    }
}

#[test]
fn what_is_left_of_deleted_records_counts_only_if_it_leads_to_a_checkpoint() {
    let node = Node::new(&[5, 6, 4], 2, 3, 5);
    let gone = usize::try_from(node.past.deleted.size).expect("small");
    // Also checkpoints of what is deleted are checked, by the hashes.
    for seen in 1..=node.lines.len() {
        assert!(node.faults(seen).is_empty(), "{seen}");
        let forged = checkpoint(&lines(seen as u64, 77), seen);
        let whole = Whole::open(&node.folder).expect("opens");
        let examined = whole.examine(None, &[&forged]).expect("reads");
        assert_eq!(examined.deleted, gone as u64);
        assert!(examined.faults.iter().any(|fault| matches!(fault, LogFault::Root { .. })), "{seen}: {examined:?}");
    }
    let hashes = fs::read(node.hashes()).expect("reads");
    let mut bytes = hashes.clone();
    // The root of the largest full subtree of the twelve records.
    bytes[14 * 32] ^= 1;
    write(&node.hashes(), bytes);
    assert!(!node.faults(node.lines.len()).is_empty());
    fs::remove_file(node.hashes()).expect("removes");
    let faults = node.faults(node.lines.len());
    assert!(faults.iter().any(|fault| matches!(fault, LogFault::Hashes(_))), "{faults:?}");
}
