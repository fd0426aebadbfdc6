//! A disk that fills up: no round begins below the reserve, and where nothing is left the daemon stops and loses nothing.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::{Chain, ChainExamined, LogKey, NoteSigner, SignedCheckpoint, Tree};
use testkit::consortium::Key;
use wire::Signer;

use crate::support::{Testbed, simple, smpcd};

/// More than any disk has.
const NEVER: &str = "reserve = \"1000000TiB\"";

#[test]
fn no_round_begins_below_the_reserve_and_each_place_says_why() {
    let mut testbed = Testbed::of(3, &simple("headcount", "5m", "10m"));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n4\n"));
    testbed.edit(&testbed.node_file(0), "reserve = \"256MiB\"", NEVER);
    testbed.start_all();
    let why = "are free on the disk of";
    testbed.run(0, &["round", "start", "headcount", "--period", "r1"]).exits(1).complains(&[
        why,
        "audit.reserve",
        "make space",
    ]);
    let status = testbed.run(0, &["status"]).exits(0).out;
    assert!(status.lines().next().is_some_and(|line| line.starts_with("no round begins here:") && line.contains(why)));
    let waiting = testbed.begin(1, &["round", "start", "headcount", "--period", "r1", "--wait"]);
    testbed.round_is(2, "headcount/r1", "is open", |round| round["status"] == "open");
    assert_eq!(
        testbed.recorded(0, "rounds.paused", |_| true)["detail"]["reason"].as_str().map(|text| text.contains(why)),
        Some(true)
    );
    testbed.until("p1 keeps the proposal", || testbed.log(0).contains("a proposal is not joined yet").then_some(()));
    assert!(testbed.round(0, "headcount/r1").is_none());
    // Space is made: here the reserve becomes smaller.
    testbed.stop(0);
    testbed.edit(&testbed.node_file(0), NEVER, "reserve = \"1KiB\"");
    testbed.start(0);
    testbed.ended(waiting).exits(0);
    testbed.all_end("headcount/r1", "completed");
    testbed.stop_all();
    let told = testbed.log(0).matches("no round begins here for now").count();
    assert_eq!(told, 1, "{}", testbed.log(0));
}

struct Pen(Key);

impl NoteSigner for Pen {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes)
    }
}

/// A small disk of its own; gone with its owner.
struct Disk(PathBuf);

impl Disk {
    /// None where this user may not mount.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).expect("creates");
        let options = format!("size={size},mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "smpcd-test"]).arg(at);
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    /// Leaves so many KiB free.
    fn fill(&self, left: u64) {
        let disk = rustix::fs::statvfs(&self.0).expect("tells");
        let free = disk.f_bavail * disk.f_frsize;
        let bytes = free.saturating_sub(left << 10);
        let mut file = File::create(self.0.join("filler")).expect("creates");
        file.write_all(&vec![1; usize::try_from(bytes).expect("small")]).expect("writes");
    }

    fn make_space(&self) {
        fs::remove_file(self.0.join("filler")).expect("removes");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a daemon that still runs after a failed test must not keep it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_disk_that_is_full_stops_the_daemon_and_no_record_is_lost() {
    let mut testbed = Testbed::of(3, &simple("headcount", "5m", "10m"));
    let victim = 1;
    let Some(disk) = Disk::mount(&testbed.data(victim), "6m") else {
        eprintln!("skipped: this user may not mount a small disk (run as root)");
        return;
    };
    testbed.edit(&testbed.node_file(victim), "reserve = \"256MiB\"", "reserve = \"4KiB\"");
    testbed.start_all();
    let mut stops = 0;
    for (number, left) in [12, 40, 80, 120, 200].into_iter().enumerate() {
        let period = format!("r{number}");
        (0..3).for_each(|party| testbed.input(party, None, &format!("figure\n{}\n", 3 + number)));
        disk.fill(left);
        let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", &period, "--wait"]);
        let over = |testbed: &Testbed| {
            testbed.round(0, &format!("headcount/{period}")).is_some_and(|round| round["status"] == "completed")
        };
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let stopped = loop {
            if let Some(status) = testbed.has_ended(victim) {
                assert_eq!(status.code(), Some(1), "in order, not by a panic");
                break true;
            }
            if over(&testbed) || std::time::Instant::now() > limit {
                break false;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        };
        // What people could read by then is there for ever.
        let read = fs::read_to_string(testbed.data(victim).join("audit/log.jsonl")).expect("reads");
        disk.make_space();
        if stopped {
            stops += 1;
            assert!(testbed.log(victim).contains("disk of data_dir is full"), "{}", testbed.log(victim));
            testbed.start(victim);
        }
        testbed.ended(waiting).exits(0);
        testbed.all_end(&format!("headcount/{period}"), "completed");
        let whole = read.rfind('\n').map_or("", |end| &read[..=end]);
        let now = fs::read_to_string(testbed.data(victim).join("audit/log.jsonl")).expect("reads");
        assert!(now.starts_with(whole), "a record that was there is gone");
    }
    assert!(stops > 0, "the disk was never full");
    testbed.stop_all();
    testbed.run(victim, &["audit", "verify"]).exits(0);
    // Whatever the others received from it is in its log.
    let data: Vec<String> = (0..3).map(|party| testbed.data(party).to_str().expect("text").to_owned()).collect();
    smpcd(["audit", "reconcile"].into_iter().chain(data.iter().map(String::as_str))).exits(0);
    drop(disk);
}

/// A checkpoint that could not be kept leaves no half of a line, which the next one would be a part of.
#[test]
fn a_chain_on_a_full_disk_is_as_it_was_and_goes_on_when_there_is_space() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = Disk::mount(folder.path(), "1m") else {
        eprintln!("skipped: this user may not mount a small disk (run as root)");
        return;
    };
    let pen = Pen(Key::new([7; 32]));
    let (key, path) = (LogKey::new("testbed", "p1", pen.public_key()), folder.path().join("checkpoints.jsonl"));
    let mut chain = Chain::open(&path, &key).expect("opens");
    let mut tree = Tree::default();
    tree.push("a line");
    let note = SignedCheckpoint::sign(&key, 1, tree.root(), &pen);
    chain.append(&note, &Vec::new()).expect("there is space");
    disk.fill(8);
    // The same checkpoint may stand there again, so no proof is needed. A page takes several, and the last one not wholly.
    let mut kept = 1;
    while chain.append(&note, &Vec::new()).is_ok() {
        kept += 1;
    }
    let links = |path: &Path| {
        let found = ChainExamined::of(&fs::read(path).expect("reads")[..], &key);
        assert!(found.faults.is_empty(), "{:?}", found.faults);
        found.links
    };
    assert!(kept > 4 && fs::read(&path).expect("reads").ends_with(b"\n"), "{kept}");
    assert_eq!(links(&path), kept);
    disk.make_space();
    chain.append(&note, &Vec::new()).expect("there is space again");
    assert_eq!(links(&path), kept + 1);
}

#[test]
fn where_only_the_logs_file_cannot_be_written_rounds_complete_and_it_catches_up() {
    let mut testbed = Testbed::of(3, &simple("headcount", "5m", "10m"));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n4\n"));
    let party = 2;
    let Some(disk) = Disk::mount(&testbed.data(party).join("audit"), "1m") else {
        eprintln!("skipped: this user may not mount a small disk (run as root)");
        return;
    };
    testbed.start_all();
    disk.fill(0);
    testbed.completes("headcount", "r1");
    let status =
        testbed.until("the log lags", || testbed.status(party).filter(|status| status["log_lag"].as_u64() > Some(0)));
    assert!(status["paused"].as_array().is_some_and(Vec::is_empty), "the store has space: {status}");
    let said = testbed.run(party, &["status"]).exits(0).out;
    assert!(said.lines().next().is_some_and(|line| line.contains("which are in the store")), "{said}");
    disk.make_space();
    testbed.until("the log catches up", || testbed.status(party).filter(|status| status["log_lag"] == 0));
    testbed.stop_all();
    testbed.run(party, &["audit", "verify"]).exits(0);
    assert!(testbed.audit(party).iter().any(|record| record["event"] == "result.released"));
    drop(disk);
}
