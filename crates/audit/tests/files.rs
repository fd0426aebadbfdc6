//! The log file: it continues, mends a torn end, and is read back in bounded memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use audit::{AuditFile, BadLine, Draft, Event, FileError, Line, MAX_LINE, ReadError, Reader};

fn line(seq: u64) -> Line {
    Draft::new(Event::RoundLocked { attempt: 1 })
        .round("average", "2026-Q3", &[7; 32])
        .number(seq, &"p1".into(), &"0.1.0".into())
        .to_line()
}

fn log(lines: u64) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("audit/log.jsonl");
    let mut file = AuditFile::open(&path).expect("opens");
    let lines: Vec<Line> = (1..=lines).map(line).collect();
    file.append(&lines).expect("appends");
    file.sync().expect("syncs");
    (directory, path)
}

#[test]
fn it_continues_where_it_ended() {
    let (_directory, path) = log(2);
    assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
    let mut file = AuditFile::open(&path).expect("opens");
    assert_eq!((file.last_seq(), file.cut()), (2, 0));
    assert_eq!(file.last().map(|line| line.seq), Some(2));
    for wrong in [2, 4] {
        let before = fs::read(&path).expect("reads");
        let refused = file.append(&[line(3), line(wrong)]);
        assert!(matches!(refused, Err(FileError::Gap { expected: 4, .. })) == (wrong == 2));
        if refused.is_err() {
            assert_eq!(fs::read(&path).expect("reads"), before, "nothing is written on a gap");
        }
    }
    assert_eq!(file.last_seq(), 4);
    file.append(&[]).expect("nothing to append");
    let read: Vec<u64> = Reader::open(&path).expect("opens").map(|record| record.expect("a record").seq).collect();
    assert_eq!(read, [1, 2, 3, 4]);
}

#[test]
fn a_torn_last_line_is_cut_wherever_it_is_torn() {
    let (_directory, path) = log(3);
    let whole = fs::read(&path).expect("reads");
    let starts: Vec<usize> =
        [0].into_iter().chain(whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1)).collect();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).expect("writes");
        let kept = starts.iter().rposition(|start| *start <= length).expect("0 is a start");
        let mut file = AuditFile::open(&path).expect("mends");
        assert_eq!(file.last_seq(), kept as u64);
        assert_eq!(file.cut(), (length - starts[kept]) as u64);
        let rest: Vec<Line> = (kept as u64 + 1..=3).map(line).collect();
        file.append(&rest).expect("appends");
        let read = Reader::open(&path).expect("opens").map(|record| record.expect("whole").seq);
        assert_eq!(read.collect::<Vec<_>>(), [1, 2, 3]);
    }
}

#[test]
fn a_torn_tail_longer_than_the_window_is_cut_too() {
    let (_directory, path) = log(3);
    let mut bytes = fs::read(&path).expect("reads");
    let whole = bytes.len();
    bytes.resize(whole + 100_000, 0);
    fs::write(&path, &bytes).expect("writes");
    let file = AuditFile::open(&path).expect("mends");
    assert_eq!((file.last_seq(), file.cut()), (3, 100_000));
    assert_eq!(fs::metadata(&path).expect("is there").len(), whole as u64);
}

#[test]
fn a_damaged_last_record_is_an_error_and_stays() {
    let (_directory, path) = log(3);
    let mut bytes = fs::read(&path).expect("reads");
    let at = bytes.len() - 10;
    bytes[at] ^= 1;
    fs::write(&path, &bytes).expect("writes");
    assert!(matches!(AuditFile::open(&path), Err(FileError::Bad { .. })));
    assert_eq!(fs::read(&path).expect("reads"), bytes);
}

#[test]
fn the_reader_names_the_bad_line() {
    let (_directory, path) = log(5);
    let text = fs::read_to_string(&path).expect("reads");
    let lines: Vec<&str> = text.lines().collect();
    let fails = |text: String| -> ReadError { Reader::new(text.as_bytes()).find_map(Result::err).expect("an error") };
    let with = |at: usize, other: &str| {
        let mut lines = lines.clone();
        lines[at] = other;
        lines.join("\n") + "\n"
    };
    assert!(matches!(fails(with(2, "{}")), ReadError::Bad { line: 3, .. }));
    assert!(matches!(fails(with(2, "")), ReadError::Bad { line: 3, .. }));
    assert!(matches!(fails(with(2, lines[3])), ReadError::Gap { line: 3, before: 2, found: 4 }));
    assert!(matches!(fails(with(2, lines[1])), ReadError::Gap { line: 3, before: 2, found: 2 }));
    assert!(matches!(fails(lines.join("\n")), ReadError::Torn { line: 5 }));
    let long = "x".repeat(3 * MAX_LINE);
    assert!(matches!(fails(with(2, &long)), ReadError::Bad { line: 3, why: BadLine::TooLong }));
    let message = fails(with(2, &lines[2].replace("attempt", "value"))).to_string();
    assert!(message.starts_with("line 3: not a record: unknown field"), "{message}");
}

#[test]
fn the_reader_stops_after_an_error() {
    let mut reader = Reader::new(&b"{}\n{}\n"[..]);
    assert!(matches!(reader.next(), Some(Err(_))));
    assert!(reader.next().is_none());
    let mut bytes = line(1).text.into_bytes();
    bytes[20] = 0xff;
    bytes.push(b'\n');
    assert!(matches!(Reader::new(&bytes[..]).next(), Some(Err(ReadError::Bad { line: 1, .. }))));
}
