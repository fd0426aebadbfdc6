//! The store: all of a step or nothing, no secret in the clear, one holder, and a log that follows.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use audit::{Draft, Event, Record, Time};

use super::*;

mod guarded;
mod keeping;
mod resuming;

const ROUND: [u8; 32] = [1; 32];
const CANARY: &[u8] = b"canary-7f3a-dealing-key-in-the-clear";

fn key() -> StorageKey {
    StorageKey::from_bytes(&[7; 32])
}

/// A store with its guard beside the directory.
fn open(data_dir: &Path) -> Store {
    let store = Store::open(data_dir, &key(), "p1").expect("opens");
    store.guard_with(Guard::open(&data_dir.with_extension("guard"), "p1")).expect("is guarded");
    store
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    (directory, data_dir)
}

fn row(id: [u8; 32], period: &str, v: u32) -> RoundRow {
    RoundRow {
        id,
        computation: "average".into(),
        period: period.into(),
        v,
        agreement_digest: [9; 32],
        phase: "open".into(),
        view: "{}".into(),
        started: Time::from_micros(1_700_000_000_000_001),
        joined: 1_000 + u64::from(v),
        void: false,
        abstains: false,
        closed: false,
    }
}

fn message(digest: u8) -> MessageRow {
    MessageRow { digest: [digest; 32], author: 2, kind: 3, bytes: vec![digest; 100] }
}

fn draft() -> Draft {
    Draft::new(Event::ApprovalAsked).round("average", "2026-Q3", &ROUND)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("lists") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// The files that hold `bytes`, or any 12 of them in a row.
fn holding(directory: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = files(directory);
    found.retain(|path| {
        let content = fs::read(path).expect("reads");
        content.windows(12).any(|window| bytes.windows(12).any(|part| part == window))
    });
    found
}

/// The directory as a crash at this instant leaves it: what the operating system was given, nothing more.
fn crashed(data_dir: &Path) -> (tempfile::TempDir, PathBuf) {
    let (directory, copy) = place();
    for path in files(data_dir) {
        let to = copy.join(path.strip_prefix(data_dir).expect("inside"));
        fs::create_dir_all(to.parent().expect("a parent")).expect("creates");
        fs::copy(&path, to).expect("copies");
    }
    (directory, copy)
}

fn sealed(data_dir: &Path) -> Vec<u8> {
    let store = Store::open_read_only(data_dir).expect("opens");
    store.connection.query_row("SELECT sealed FROM secrets", [], |row| row.get(0)).expect("one secret")
}

#[test]
fn what_is_committed_is_read_back() {
    let (_directory, data_dir) = place();
    let rounds = [row(ROUND, "2026-Q3", 0), row([2; 32], "2026-Q3", 1), row([3; 32], "2026-Q4", 0)];
    {
        let store = open(&data_dir);
        let seq = store
            .commit(|tx| {
                rounds.iter().try_for_each(|round| tx.put_round(round))?;
                assert!(tx.put_message(&ROUND, &message(8))?);
                assert!(tx.put_message(&ROUND, &message(7))?);
                assert!(!tx.put_message(&ROUND, &MessageRow { bytes: vec![], ..message(8) })?, "the first stays");
                tx.put_secret(&ROUND, "dealing-key", CANARY)?;
                tx.put_kept("disclosure", "sha256:00", b"one")?;
                tx.put_kept("disclosure", "sha256:00", b"text")?;
                tx.raise_sequence()?;
                assert_eq!(tx.secret(&ROUND, "dealing-key")?.expect("is there").as_slice(), CANARY);
                assert_eq!(tx.round_by_id(&ROUND)?.as_ref(), Some(&rounds[0]), "a transaction reads itself");
                tx.set_phase(&[3; 32], "completed", "{\"a\":1}")?;
                tx.set_view(&[2; 32], "[]")?;
                tx.audit(draft())
            })
            .expect("commits");
        assert_eq!(seq, 1);
    }
    let store = open(&data_dir);
    let reader = Store::open_read_only(&data_dir).expect("opens beside the daemon");
    fn check(reads: &impl Reads, rounds: &[RoundRow; 3]) {
        let found = reads.rounds().expect("reads");
        assert_eq!(found[0], rounds[0]);
        assert_eq!((found[1].phase.as_str(), found[1].view.as_str()), ("open", "[]"));
        assert_eq!((found[2].phase.as_str(), found[2].view.as_str()), ("completed", "{\"a\":1}"));
        assert_eq!(reads.round("average", "2026-Q3").expect("reads").expect("is there").v, 1);
        assert_eq!(reads.round("average", "2026-Q1").expect("reads"), None);
        assert_eq!(reads.messages(&ROUND).expect("reads"), [message(8), message(7)]);
        assert_eq!(reads.kept("disclosure", "sha256:00").expect("reads").as_deref(), Some(&b"text"[..]));
        assert_eq!(reads.kept("disclosure", "other").expect("reads"), None);
        assert_eq!(reads.kept_names("disclosure").expect("reads"), ["sha256:00"]);
        assert_eq!(reads.rounds_of("average", "2026-Q3").expect("reads"), found[..2]);
        assert_eq!(reads.rounds_of("average", "2026-Q1").expect("reads"), []);
        assert_eq!(reads.marks().expect("reads").0.number, 1);
        let lines = reads.audit_from(1, 10).expect("reads");
        let record = Record::parse(&lines[0].text).expect("a record");
        assert_eq!((lines.len(), record.seq, record.party.as_str()), (1, 1, "p1"));
    }
    check(&store, &rounds);
    check(&reader, &rounds);
    assert_eq!(store.secret(&ROUND, "dealing-key").expect("opens").expect("is there").as_slice(), CANARY);
    assert!(store.secret(&ROUND, "other").expect("reads").is_none());
}

#[test]
fn a_step_that_fails_leaves_nothing() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store.commit(|tx| tx.audit(draft())).expect("commits");
    let everything = |tx: &mut Transaction<'_>| {
        tx.put_round(&row(ROUND, "2026-Q3", 0))?;
        tx.put_message(&ROUND, &message(8))?;
        tx.put_secret(&ROUND, "key", CANARY)?;
        tx.put_kept("a", "b", b"c")?;
        tx.raise_sequence()?;
        tx.audit(draft())
    };
    let failed = store.commit(|tx| {
        assert_eq!(everything(tx)?, 2);
        Err::<(), _>(StoreError::NoSuchRound)
    });
    assert!(matches!(failed, Err(StoreError::NoSuchRound)));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.commit(|tx| -> Result<(), _> {
            everything(tx)?;
            panic!("in the middle of a step")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(store.rounds().expect("reads"), []);
    assert_eq!(store.kept_names("a").expect("reads"), [""; 0]);
    assert_eq!(store.marks().expect("reads"), (Mark::NONE, Mark::NONE));
    assert_eq!(store.audit_from(1, 10).expect("reads").len(), 1);
    assert_eq!(store.commit(everything).expect("commits"), 2, "no number is lost");
}

#[test]
fn a_period_is_pinned_to_one_round() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store.commit(|tx| tx.put_round(&row(ROUND, "2026-Q3", 0))).expect("commits");
    for other in [row([2; 32], "2026-Q3", 0), row(ROUND, "2026-Q4", 0), row(ROUND, "2026-Q3", 0)] {
        let refused = store.commit(|tx| tx.put_round(&other));
        assert!(matches!(&refused, Err(StoreError::Pinned { .. })), "{refused:?}");
    }
    store.commit(|tx| tx.put_round(&row([2; 32], "2026-Q3", 1))).expect("another v is another pin");
}

#[test]
fn nothing_is_put_for_a_round_that_is_not_there() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    fn refused<T: std::fmt::Debug>(result: &Result<T, StoreError>) {
        assert!(matches!(result, Err(StoreError::NoSuchRound)), "{result:?}");
    }
    refused(&store.commit(|tx| tx.put_message(&ROUND, &message(1))));
    refused(&store.commit(|tx| tx.put_secret(&ROUND, "key", CANARY)));
    refused(&store.commit(|tx| tx.set_phase(&ROUND, "open", "{}")));
    refused(&store.commit(|tx| tx.set_view(&ROUND, "{}")));
}

#[test]
fn a_secret_is_never_replaced_and_opens_only_in_its_place() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store
        .commit(|tx| {
            tx.put_round(&row(ROUND, "2026-Q3", 0))?;
            tx.put_round(&row([2; 32], "2026-Q4", 0))?;
            tx.put_secret(&ROUND, "key", CANARY)
        })
        .expect("commits");
    let refused = store.commit(|tx| tx.put_secret(&ROUND, "key", b"other"));
    assert!(matches!(refused, Err(StoreError::SecretExists { .. })));
    assert_eq!(store.secret(&ROUND, "key").expect("opens").expect("is there").as_slice(), CANARY);
    let refuse = |name: &str, round: &[u8; 32]| {
        let refused = store.secret(round, name);
        assert!(matches!(refused, Err(StoreError::Secret { .. })));
    };
    store.inner().connection.execute_batch("UPDATE secrets SET name = 'other'").expect("moves");
    refuse("other", &ROUND);
    let moved = "UPDATE secrets SET name = 'key', round = ?1";
    store.inner().connection.execute(moved, [[2; 32]]).expect("moves");
    refuse("key", &[2; 32]);
}

#[test]
fn no_file_holds_a_secret_in_the_clear_nor_one_that_is_erased() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store
        .commit(|tx| {
            tx.put_round(&row(ROUND, "2026-Q3", 0))?;
            tx.put_message(&ROUND, &message(1))?;
            tx.put_secret(&ROUND, "dealing-key", CANARY)?;
            tx.audit(draft())
        })
        .expect("commits");
    let sealed = sealed(&data_dir);
    assert!(!holding(&data_dir, &sealed).is_empty(), "the search finds what is there");
    assert!(!holding(&data_dir, &message(1).bytes).is_empty());
    assert_eq!(holding(&data_dir, CANARY), [""; 0].map(PathBuf::from));

    // Crashed with the secret in the write-ahead log.
    let (_copy, copy) = crashed(&data_dir);
    let revived = open(&copy);
    assert_eq!(revived.secret(&ROUND, "dealing-key").expect("opens").expect("is there").as_slice(), CANARY);
    assert_eq!(holding(&copy, CANARY), [""; 0].map(PathBuf::from));

    store.commit(|tx| tx.erase_secret(&ROUND, "other")).expect("nothing there");
    store.commit(|tx| tx.erase_secret(&ROUND, "dealing-key")).expect("commits");
    assert!(store.secret(&ROUND, "dealing-key").expect("reads").is_none());
    assert_eq!(holding(&data_dir, &sealed), [""; 0].map(PathBuf::from), "erased from database and write-ahead log");

    let (_copy, copy) = crashed(&data_dir);
    assert_eq!(holding(&copy, &sealed), [""; 0].map(PathBuf::from));
    assert!(open(&copy).secret(&ROUND, "dealing-key").expect("reads").is_none());

    revived.commit(|tx| tx.erase_secrets(&ROUND)).expect("commits");
    drop(revived);
    for place in [&copy, &data_dir] {
        assert_eq!(holding(place, &sealed), [""; 0].map(PathBuf::from));
    }
}

#[test]
fn a_reader_in_the_way_only_delays_the_erasing() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store
        .commit(|tx| {
            tx.put_round(&row(ROUND, "2026-Q3", 0))?;
            tx.put_secret(&ROUND, "key", CANARY)
        })
        .expect("commits");
    let sealed = sealed(&data_dir);
    let reader = Store::open_read_only(&data_dir).expect("opens");
    reader.connection.execute_batch("BEGIN; SELECT * FROM secrets;").expect("reads");
    let start = Instant::now();
    store.commit(|tx| tx.erase_secrets(&ROUND)).expect("commits");
    assert!(start.elapsed() < Duration::from_secs(2), "it does not wait for the reader");
    assert!(!holding(&data_dir, &sealed).is_empty(), "the reader still needs the old page");
    reader.connection.execute_batch("COMMIT").expect("ends");
    store.commit(|_| Ok(())).expect("commits");
    assert_eq!(holding(&data_dir, &sealed), [""; 0].map(PathBuf::from));
}

#[test]
fn a_crash_keeps_what_was_committed_and_mends_the_log() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    for _ in 0..5 {
        store.commit(|tx| tx.audit(draft())).expect("commits");
    }
    let log = fs::read(data_dir.join(LOG).join("log.jsonl")).expect("reads");
    assert_eq!(log.iter().filter(|byte| **byte == b'\n').count(), 5, "the file follows each step");
    for length in [0, 1, log.len() / 2, log.len() - 1] {
        let (_copy, copy) = crashed(&data_dir);
        fs::write(copy.join(LOG).join("log.jsonl"), &log[..length]).expect("tears");
        let revived = open(&copy);
        assert_eq!(fs::read(copy.join(LOG).join("log.jsonl")).expect("reads"), log);
        assert_eq!(revived.commit(|tx| tx.audit(draft())).expect("commits"), 6);
        revived.sync_log().expect("syncs");
        assert_eq!(revived.log_lag().expect("reads"), 0);
        let again = fs::read(copy.join(LOG).join("log.jsonl")).expect("reads");
        assert!(again.starts_with(&log) && again.len() > log.len());
    }
    let (_copy, copy) = crashed(&data_dir);
    fs::remove_file(copy.join(LOG).join("log.jsonl")).expect("removes");
    open(&copy);
    assert_eq!(fs::read(copy.join(LOG).join("log.jsonl")).expect("reads"), log, "written anew");
}

#[test]
fn a_log_that_cannot_be_written_does_not_undo_a_step() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    // A record behind the log's back makes the next append a gap.
    store.inner().connection.execute_batch("INSERT INTO audit VALUES (2, 'x')").expect("inserts");
    assert_eq!(store.commit(|tx| tx.audit(draft())).expect("is committed"), 3);
    assert_eq!(store.log_lag().expect("reads"), 3);
    assert!(matches!(store.sync_log(), Err(StoreError::Log(_))));
}

#[test]
fn a_log_that_is_not_the_stores_is_refused() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store.commit(|tx| tx.audit(draft())).expect("commits");
    let (_copy, older) = crashed(&data_dir);
    store.commit(|tx| tx.audit(draft())).expect("commits");
    fs::copy(data_dir.join(LOG).join("log.jsonl"), older.join(LOG).join("log.jsonl")).expect("copies");
    let refused = Store::open(&older, &key(), "p1");
    assert!(matches!(refused, Err(StoreError::LogDiffers { seq: 2, .. })), "the store was put back, the log was not");

    let (_copy, changed) = crashed(&data_dir);
    let text = fs::read_to_string(changed.join(LOG).join("log.jsonl")).expect("reads");
    fs::write(
        changed.join(LOG).join("log.jsonl"),
        text.replace("approval.asked", "round.proposed\",\"direction\":\"sent"),
    )
    .expect("writes");
    assert!(Store::open(&changed, &key(), "p1").is_err());
    fs::write(changed.join(LOG).join("log.jsonl"), text.replace("\"p1\"", "\"p2\"")).expect("writes");
    let refused = Store::open(&changed, &key(), "p1");
    assert!(matches!(refused, Err(StoreError::LogDiffers { seq: 2, .. })));
}

#[test]
fn a_directory_has_one_holder() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    match Store::open(&data_dir, &key(), "p1") {
        Err(error @ StoreError::Held { .. }) => {
            let text = error.to_string();
            assert!(text.contains(&data_dir.display().to_string()), "{text}");
            assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        }
        other => panic!("{other:?}"),
    }
    Store::open_read_only(&data_dir).expect("reading is free");
    drop(store);
    open(&data_dir);
}

#[test]
fn another_party_key_or_schema_is_refused() {
    let (_directory, data_dir) = place();
    assert!(matches!(Store::open_read_only(&data_dir), Err(StoreError::Missing { .. })));
    drop(open(&data_dir));
    assert!(matches!(Store::open(&data_dir, &key(), "p2"), Err(StoreError::OtherParty { .. })));
    let other = StorageKey::from_bytes(&[8; 32]);
    assert!(matches!(Store::open(&data_dir, &other, "p1"), Err(StoreError::WrongKey { .. })));
    let set = |version: i64| {
        let connection = Connection::open(data_dir.join(FILE)).expect("opens");
        connection.pragma_update(None, "user_version", version).expect("sets");
    };
    set(3);
    let newer = Store::open(&data_dir, &key(), "p1");
    assert!(matches!(newer, Err(StoreError::Newer { found: 3, known: 2, .. })));
    assert!(matches!(Store::open_read_only(&data_dir), Err(StoreError::Newer { found: 3, .. })));
    set(-1);
    assert!(Store::open(&data_dir, &key(), "p1").is_err());
    assert!(matches!(Store::open_read_only(&data_dir), Err(StoreError::Older { found: -1, .. })));
    set(1);
    assert!(matches!(Store::open_read_only(&data_dir), Err(StoreError::Older { found: 1, .. })));
    set(2);
    open(&data_dir);
}

#[test]
fn files_and_directories_are_the_owners_alone() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store.commit(|tx| tx.audit(draft())).expect("commits");
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    let found = files(&data_dir);
    assert!(found.len() >= 4, "{found:?}");
    for file in &found {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    assert_eq!((mode(&data_dir), mode(&data_dir.join("audit"))), (0o700, 0o700));
    assert_eq!(fs::read_to_string(data_dir.join("lock")).expect("reads").trim(), std::process::id().to_string());
}

#[test]
fn the_database_is_set_up_as_it_must_be() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    let number = |name: &str| -> i64 {
        store.inner().connection.pragma_query_value(None, name, |row| row.get(0)).expect("tells")
    };
    for (name, value) in [("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1), ("temp_store", 2)] {
        assert_eq!(number(name), value, "{name}");
    }
    assert_eq!(number("busy_timeout"), 5000);
    let reader = Store::open_read_only(&data_dir).expect("opens");
    reader.connection.execute_batch("DELETE FROM audit").expect_err("reads only");
}

/// Not a benchmark: it fails only where something is badly wrong, and prints what was measured.
#[test]
fn a_step_is_quick() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store.commit(|tx| tx.put_round(&row(ROUND, "2026-Q3", 0))).expect("commits");
    let median = |step: &dyn Fn(u8, &mut Transaction<'_>) -> Result<(), StoreError>| {
        let mut times: Vec<Duration> = (0..100)
            .map(|at| {
                let start = Instant::now();
                store.commit(|tx| step(at, tx)).expect("commits");
                start.elapsed()
            })
            .collect();
        times.sort();
        times[50]
    };
    let plain = median(&|at, tx| {
        tx.put_message(&ROUND, &message(at))?;
        tx.put_secret(&ROUND, &format!("share-{at}"), &[at; 64])?;
        tx.set_phase(&ROUND, "open", "{}")?;
        tx.raise_sequence()?;
        tx.audit(draft()).map(drop)
    });
    let erasing = median(&|at, tx| {
        tx.erase_secret(&ROUND, &format!("share-{at}"))?;
        tx.audit(draft()).map(drop)
    });
    println!("median of a step {plain:?}, of one that erases {erasing:?}");
    assert!(erasing < Duration::from_secs(1));
}
