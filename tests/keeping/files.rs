//! Sealed files: made by daemons, read by every command as one log, deleted by policy and by nobody else.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use audit::{Anchor, DigestOf, Draft, Event, Line, Log, Past, Record, Time};

use crate::support::{Testbed, simple, smpcd};

#[test]
fn sealed_files_of_real_rounds_are_read_as_one_log() {
    let mut testbed = Testbed::of(3, &simple("headcount", "30s", "5m"));
    for party in 0..3 {
        testbed.edit(&testbed.node_file(party), "[audit]\n", "[audit]\nsegment = \"64KiB\"\n");
    }
    testbed.start_all();
    let early = testbed.run(0, &["audit", "checkpoint"]).exits(0).out;
    let sealed = |testbed: &Testbed| {
        let folder = testbed.data(0).join("audit/segments");
        fs::read_dir(folder).map_or(0, Iterator::count)
    };
    let mut rounds = 0;
    while sealed(&testbed) < 2 {
        rounds += 1;
        assert!(rounds < 40, "the log grows, and is not sealed");
        (0..3).for_each(|party| testbed.input(party, None, &format!("figure\n{rounds}\n")));
        testbed.completes("headcount", &format!("r{rounds}"));
        if rounds % 3 == 0 {
            testbed.kill(0);
            testbed.start(0);
            testbed.linked();
        }
    }
    // The rows of sealed records have left the store, and the daemon goes on after a restart all the same.
    testbed.kill(0);
    testbed.start(0);
    testbed.linked();
    testbed.stop_all();
    let kept = testbed.root().join("early.checkpoint");
    fs::write(&kept, early).expect("writes");
    let kept = kept.to_str().expect("text");
    let json = testbed.run(0, &["audit", "verify", "--checkpoint", kept, "--json"]).exits(0).json();
    let records = json["records"].as_u64().expect("a number");
    assert_eq!((&json["stands"], &json["deleted"]), (&true.into(), &0.into()));
    assert!(json["sealed_files"].as_u64() >= Some(2), "{json}");
    let shown = testbed.run(0, &["audit", "show", "--json"]).exits(0).out;
    let numbers: Vec<u64> = shown.lines().map(|line| Record::parse(line).expect("a record").seq).collect();
    assert_eq!(numbers, (1..=records).collect::<Vec<_>>());
    assert_eq!(testbed.run(0, &["audit", "export", "--format", "jsonl"]).exits(0).out, shown);
    let agreement = testbed.root().join("agreement.toml");
    for seq in [1, records] {
        let proof = testbed.root().join("proof");
        testbed.run(0, &["audit", "prove", &seq.to_string(), "--out", proof.to_str().expect("text")]).exits(0);
        smpcd([
            "audit",
            "check-proof",
            proof.to_str().expect("text"),
            "--agreement",
            agreement.to_str().expect("text"),
        ])
        .exits(0);
    }
    let data: Vec<String> = (0..3).map(|party| testbed.data(party).to_str().expect("text").to_owned()).collect();
    smpcd(["audit", "reconcile"].into_iter().chain(data.iter().map(String::as_str))).exits(0);
    // One byte of a sealed record: found, with the file and the line.
    let mut files: Vec<PathBuf> = fs::read_dir(testbed.data(0).join("audit/segments"))
        .expect("lists")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let text = fs::read_to_string(&files[1]).expect("reads");
    fs::remove_file(&files[1]).expect("removes");
    let said = testbed.run(0, &["audit", "verify"]).exits(4);
    assert!(!said.err.is_empty(), "{said:?}");
    fs::write(&files[1], text.replacen("\"outcome\":\"done\"", "\"outcome\":\"gone\"", 1)).expect("writes");
    let name = files[1].file_name().and_then(|name| name.to_str()).expect("text");
    testbed.run(0, &["audit", "verify"]).exits(4).complains(&[name, "not a record"]);
}

#[test]
fn a_log_that_is_followed_is_followed_into_its_next_file() {
    let folder = tempfile::tempdir().expect("a folder");
    smpcd(["testbed", folder.path().to_str().expect("text")]).exits(0);
    let mut log = Log::open(&folder.path().join("p1/data/audit"), &Past::default()).expect("opens");
    let line = |seq| {
        let draft = Draft::new(Event::DealSent).round("average", "2026-Q3", &[7; 32]);
        draft.number(seq, &"p1".into(), &"0.1.0".into()).to_line()
    };
    let lines: Vec<Line> = (1..=40).map(line).collect();
    log.append(&lines[..7]).expect("appends");
    log.seal().expect("seals");
    log.append(&lines[7..10]).expect("appends");
    let out = folder.path().join("followed");
    let mut following = Command::new(env!("CARGO_BIN_EXE_smpcd"))
        .args(["audit", "show", "--follow", "--json", "--config"])
        .arg(folder.path().join("p1/node.toml"))
        .stdout(fs::File::create(&out).expect("creates"))
        .spawn()
        .expect("starts");
    // Sealed between two looks, with records before and after it; and once more.
    let mut shown = 10;
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let mut text = fs::read_to_string(&out).expect("reads");
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        let whole = text.matches('\n').count();
        let expected: String = lines[..whole].iter().map(|line| line.text.clone() + "\n").collect();
        if text != expected || Instant::now() > limit || following.try_wait().expect("can be waited for").is_some() {
            let _ = following.kill();
            let _ = following.wait();
            panic!("{whole} of {shown} shown: {text}");
        }
        if whole == shown && shown == lines.len() {
            break;
        }
        if whole == shown {
            log.append(&lines[shown..shown + 5]).expect("appends");
            log.seal().expect("seals");
            log.append(&lines[shown + 5..shown + 10]).expect("appends");
            shown += 10;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = following.kill();
    let _ = following.wait();
}

/// A party's log of two deleted files of ten records and more, one that is kept, and an open one.
fn deleted() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    smpcd(["testbed", folder.path().to_str().expect("text")]).exits(0);
    let audit = folder.path().join("p1/data/audit");
    let mut log = Log::open(&audit, &Past::default()).expect("opens");
    let mut next = 1;
    let mut write = |log: &mut Log, draft: Draft| {
        let time = Time::from_micros(1_790_000_000_000_000 + i64::try_from(next).expect("small") * 1_000_000);
        let line: Line = draft.at(time).number(next, &"p1".into(), &"0.1.0".into()).to_line();
        next += 1;
        log.append(&[line]).expect("appends");
    };
    let anchor = |log: &Log, size| Anchor { size, root: log.root_at(size).expect("a root") };
    for _ in 0..3 {
        (0..10).for_each(|_| write(&mut log, Draft::new(Event::DealSent).round("average", "2026-Q3", &[7; 32])));
        let segment = log.seal().expect("seals").expect("records");
        let root = anchor(&log, segment.last).root.0;
        let event = Event::LogSealed { first: segment.first, last: segment.last };
        write(&mut log, Draft::new(event).digest(DigestOf::Root, root));
    }
    for _ in 0..2 {
        let segment = log.sealed()[0].clone();
        let root = anchor(&log, segment.last).root.0;
        let event = Event::LogDeleted { first: segment.first, last: segment.last };
        write(&mut log, Draft::new(event).digest(DigestOf::Root, root));
        log.delete_oldest().expect("deletes");
    }
    (folder, audit)
}

#[test]
fn deleted_records_are_said_and_the_rest_is_proven() {
    let (folder, audit) = deleted();
    let config = folder.path().join("p1/node.toml");
    let run = |arguments: &[&str]| {
        smpcd(["audit"].iter().chain(arguments).copied().chain(["--config", config.to_str().expect("text")]))
    };
    // 10 records, then 11 with the seal of the first ten.
    let said = run(&["verify"]).exits(0);
    assert!(said.out.contains("deleted       records 1 to 21: record 35 says so"), "{said:?}");
    assert!(said.out.contains("Each line from record 22 on"), "{said:?}");
    assert_eq!(run(&["verify", "--json"]).exits(0).json()["deleted"], 21);
    let kept = folder.path().join("kept");
    fs::write(&kept, run(&["checkpoint"]).exits(0).out).expect("writes");
    let kept = kept.to_str().expect("text");
    run(&["verify", "--checkpoint", kept]).exits(0);
    run(&["prove", "5"]).exits(1).complains(&["record 5 is deleted", "all up to 21", "record 35 says so"]);
    let proof = folder.path().join("proof");
    fs::write(&proof, run(&["prove", "22", "--checkpoint", kept]).exits(0).out).expect("writes");
    let agreement = folder.path().join("agreement.toml");
    smpcd(["audit", "check-proof", proof.to_str().expect("text"), "--agreement", agreement.to_str().expect("text")])
        .exits(0);
    let shown = run(&["show", "--json"]).exits(0).out;
    assert_eq!(
        shown.lines().map(|line| Record::parse(line).expect("a record").seq).collect::<Vec<_>>(),
        [22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35]
    );

    // What is left of them is changed: without a checkpoint it is not the root that the records tell of, either.
    let hashes = audit.join("log.hashes");
    let whole = fs::read(&hashes).expect("reads");
    let mut bytes = whole.clone();
    // The root of the first sixteen.
    bytes[30 * 32] ^= 1;
    fs::write(&hashes, &bytes).expect("writes");
    run(&["verify"]).exits(4).complains(&["another root for the first 21 records"]);
    run(&["verify", "--checkpoint", kept]).exits(4).complains(&["checkpoint at 35"]);
    fs::write(&hashes, &whole).expect("writes");
    // The file that should be there goes too, and no record says that it was deleted.
    let [last] = fs::read_dir(audit.join("segments"))
        .expect("lists")
        .map(|entry| entry.expect("an entry").path())
        .collect::<Vec<_>>()
        .try_into()
        .expect("one");
    fs::remove_file(last).expect("removes");
    run(&["verify"]).exits(4).complains(&["records 1 to 32 are not there", "log.deleted goes up to 21"]);
    run(&["checkpoint"]).exits(4).complains(&["put a copy of it back"]);
}
