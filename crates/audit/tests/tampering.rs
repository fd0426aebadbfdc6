//! Whatever is done to what a witness has seen of a log is found, and nothing is found in an honest one: 1,000 random
//! tamperings of each kind (PROTOCOL 8).

mod support;

use audit::{Checkpoint, HashFile, Line, LogFault, LookError, Name, Record, Witness, examine};
use proptest::prelude::*;
use proptest::sample::Index;

use support::{Key, checkpoint, line, lines, signed, text};

fn faults(log: &[u8], kept: &Checkpoint) -> Vec<LogFault> {
    examine(log, Some(&Name::of("p1")), &[kept]).faults
}

/// Lines with the numbers that their places ask for: what a careful forger writes.
fn renumbered(lines: &[Line]) -> Vec<Line> {
    let renumber = |(line, seq): (&Line, u64)| {
        let mut record = Record::parse(&line.text).expect("a record");
        record.seq = seq;
        record.to_line()
    };
    lines.iter().zip(1..).map(renumber).collect()
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() }
}

/// A log of 1 to 40 records, and how many of them the witness has seen, at least one.
fn log() -> impl Strategy<Value = (Vec<Line>, usize)> {
    (1_u64..=40, any::<u64>(), any::<Index>()).prop_map(|(records, salt, seen)| {
        let lines = lines(records, salt >> 8);
        let seen = 1 + seen.index(lines.len());
        (lines, seen)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_is_found_in_an_untouched_log((lines, seen) in log(), torn in any::<Index>()) {
        let kept = checkpoint(&lines, seen);
        let whole = text(&lines);
        let examined = examine(whole.as_bytes(), Some(&Name::of("p1")), &[&kept, &checkpoint(&lines, lines.len())]);
        prop_assert!(examined.faults.is_empty(), "{:?}", examined.faults);
        prop_assert_eq!((examined.records, examined.torn, examined.clock_steps_count), (lines.len() as u64, false, 0));
        // A record that is being written behind it is no fault.
        let next = line(lines.len() as u64 + 1, 7).text;
        let begun = format!("{whole}{}", &next[..1 + torn.index(next.len())]);
        let examined = examine(begun.as_bytes(), Some(&Name::of("p1")), &[&kept]);
        prop_assert!(examined.faults.is_empty() && examined.torn);
    }

    #[test]
    fn a_flipped_byte_is_found((lines, seen) in log(), at in any::<Index>(), mask in 1_u8..) {
        let mut log = text(&lines).into_bytes();
        let at = at.index(text(&lines[..seen]).len());
        log[at] ^= mask;
        prop_assert!(!faults(&log, &checkpoint(&lines, seen)).is_empty());
    }

    #[test]
    fn a_removed_record_is_found((lines, seen) in log(), at in any::<Index>()) {
        let kept = checkpoint(&lines, seen);
        let mut less = lines.clone();
        less.remove(at.index(seen));
        prop_assert!(!faults(text(&less).as_bytes(), &kept).is_empty());
        prop_assert!(!faults(text(&renumbered(&less)).as_bytes(), &kept).is_empty());
    }

    #[test]
    fn a_record_in_another_place_is_found((lines, seen) in log(), from in any::<Index>(), to in any::<Index>()) {
        let (from, to) = (from.index(seen), to.index(lines.len()));
        prop_assume!(from != to);
        let kept = checkpoint(&lines, seen);
        let mut other = lines.clone();
        let moved = other.remove(from);
        other.insert(to, moved);
        prop_assert!(!faults(text(&other).as_bytes(), &kept).is_empty());
        let other = renumbered(&other);
        prop_assume!(other[..seen] != lines[..seen]);
        prop_assert!(!faults(text(&other).as_bytes(), &kept).is_empty());
    }

    #[test]
    fn an_inserted_record_is_found((lines, seen) in log(), at in any::<Index>(), salt in any::<u32>()) {
        let kept = checkpoint(&lines, seen);
        let at = at.index(seen);
        let mut more = lines.clone();
        more.insert(at, line(at as u64 + 1, u64::from(salt) << 32));
        prop_assert!(!faults(text(&more).as_bytes(), &kept).is_empty());
        prop_assert!(!faults(text(&renumbered(&more)).as_bytes(), &kept).is_empty());
    }

    #[test]
    fn a_log_cut_below_what_was_seen_is_found((lines, seen) in log(), length in any::<Index>()) {
        let whole = text(&lines);
        let length = length.index(text(&lines[..seen]).len());
        prop_assert!(!faults(&whole.as_bytes()[..length], &checkpoint(&lines, seen)).is_empty());
    }

    #[test]
    fn a_log_replaced_by_another_whole_one_is_found((lines, seen) in log(), records in 1_u64..=45, salt in any::<u32>()) {
        let forged = support::lines(records, u64::from(salt) | 1 << 60);
        let kept = signed(&lines, seen);
        prop_assert!(!faults(text(&forged).as_bytes(), kept.checkpoint()).is_empty());
        // In itself it stands, so its own checkpoint and its best proof must not get past the witness.
        let own = signed(&forged, forged.len());
        prop_assert!(faults(text(&forged).as_bytes(), own.checkpoint()).is_empty());
        let log = text(&forged);
        let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), log.as_bytes()).expect("derives");
        let path = hashes.consistency(kept.size(), own.size()).unwrap_or_default();
        let mut witness = Witness::resume(Key::new(1).log("p1"), &kept.to_string()).expect("kept");
        prop_assert!(matches!(witness.look(&own.to_string(), &path), Err(LookError::Alarm(_))));
    }
}

#[test]
fn a_step_of_the_clock_is_named_and_is_no_fault() {
    let mut lines = lines(5, 1);
    let mut record = Record::parse(&lines[3].text).expect("a record");
    let before = Record::parse(&lines[2].text).expect("a record").time;
    record.time = audit::Time::from_micros(before.micros() - 5_000_000);
    lines[3] = record.to_line();
    let examined = examine(text(&lines).as_bytes(), None, &[]);
    assert!(examined.faults.is_empty());
    assert_eq!(examined.clock_steps_count, 1);
    assert_eq!((examined.clock_steps[0].seq, examined.clock_steps[0].before), (4, before));
}

#[test]
fn an_act_that_was_done_beside_the_daemon_and_written_down_later_is_no_step_of_the_clock() {
    let mut lines = lines(5, 1);
    let record = |line: &audit::Line| Record::parse(&line.text).expect("a record");
    let late = |seq: usize, event: audit::Event, lines: &[audit::Line]| {
        let before = record(&lines[seq - 2]);
        let time = audit::Time::from_micros(before.time.micros() - 5_000_000);
        audit::Draft::new(event).at(time).number(seq as u64, &before.party, &before.version).to_line()
    };
    lines[2] = late(3, audit::Event::AgreementSigned { by: audit::Text::of("Ann Ames") }, &lines);
    lines[4] = late(5, audit::Event::ResultDeleted { by: audit::Text::of("Ann Ames") }, &lines);
    assert_eq!(examine(text(&lines).as_bytes(), None, &[]).clock_steps_count, 0);
    // What comes after is compared with what came before it.
    let mut back = record(&lines[3]);
    back.time = audit::Time::from_micros(record(&lines[1]).time.micros() - 1);
    lines[3] = back.to_line();
    let steps = examine(text(&lines).as_bytes(), None, &[]).clock_steps;
    assert_eq!(steps.iter().map(|step| step.seq).collect::<Vec<_>>(), [4]);
}

#[test]
fn records_of_another_party_are_named() {
    let log = text(&lines(30, 1));
    let found = examine(log.as_bytes(), Some(&Name::of("p2")), &[]).faults;
    assert!(matches!(&found[0], LogFault::OtherParty { seq: 1, found } if found.as_str() == "p1"));
    assert_eq!(found.len(), 20, "the first ones are enough");
}

/// Cost: a million records in under 30 s and bounded memory. Run it in a release build, with `--ignored --nocapture`.
#[test]
#[ignore = "takes seconds, and is a measurement"]
fn a_million_records() {
    use std::io::{BufReader, BufWriter, Write};
    const RECORDS: u64 = 1_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.jsonl");
    let mut out = BufWriter::new(std::fs::File::create(&path).expect("creates"));
    for seq in 1..=RECORDS {
        writeln!(out, "{}", line(seq, seq * seq).text).expect("writes");
    }
    out.flush().expect("writes");
    let open = || std::fs::File::open(&path).expect("opens");
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown").to_owned()
    };
    println!("log: {} MiB; before: {}", open().metadata().expect("is there").len() >> 20, peak());
    let start = std::time::Instant::now();
    let examined = examine(BufReader::new(open()), Some(&Name::of("p1")), &[]);
    println!("examine: {:?}; {}", start.elapsed(), peak());
    assert!(examined.faults.is_empty() && start.elapsed().as_secs() < 30);
    let start = std::time::Instant::now();
    let mut hashes = HashFile::open(&folder.path().join("log.hashes"), open()).expect("makes it");
    println!("file of hashes made: {:?}; {}", start.elapsed(), peak());
    assert_eq!(hashes.root(), examined.root);
    let start = std::time::Instant::now();
    for seq in 1..=1_000 {
        hashes.inclusion(seq * 997, RECORDS).expect("a proof");
    }
    println!("inclusion proof: {:?}", start.elapsed() / 1_000);
    let more: Vec<Line> = (RECORDS + 1..=RECORDS + 1_000).map(|seq| line(seq, seq)).collect();
    let start = std::time::Instant::now();
    more.iter().for_each(|line| hashes.append(std::slice::from_ref(line)).expect("appends"));
    println!("append, one at a time: {:?}", start.elapsed() / 1_000);
}
