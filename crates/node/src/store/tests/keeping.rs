//! What becomes of the log's files and rows in time: sealed, let go, deleted, and never lost.

use audit::{Name, Record, Whole};

use super::*;
use crate::settings::Audit;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn every(segment: u64, keep: Option<Duration>) -> Audit {
    Audit { segment, keep, reserve: 0 }
}

fn later(days: u64) -> Time {
    let micros = i64::try_from((DAY * u32::try_from(days).expect("few")).as_micros()).expect("few");
    Time::from_micros(Time::now().micros() + micros)
}

fn record(store: &Store, times: usize) {
    for _ in 0..times {
        store.commit(|tx| tx.audit(draft())).expect("commits");
    }
}

fn segments(data_dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(data_dir.join("audit/segments")) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn rows(store: &Store) -> (u64, u64) {
    let lines = store.audit_from(1, usize::MAX).expect("reads");
    (lines.first().expect("a row").seq, lines.last().expect("a row").seq)
}

/// The whole log as it can be read: number of its first record and of its last one. Nothing may be wrong with it.
fn stands(data_dir: &Path) -> (u64, u64) {
    let whole = Whole::open(&data_dir.join(LOG)).expect("opens");
    let examined = whole.examine(Some(&Name::of("p1")), &[]).expect("reads");
    assert!(examined.faults.is_empty(), "{:?}", examined.faults);
    (examined.deleted + 1, examined.records)
}

#[test]
fn full_files_are_sealed_their_rows_go_and_old_ones_are_deleted() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    record(&store, 9);
    store.tend_log(&every(1_000_000, None), later(900)).expect("tends");
    assert_eq!((segments(&data_dir).len(), rows(&store)), (0, (1, 9)), "not full yet");
    store.tend_log(&every(1_000, None), later(900)).expect("tends");
    assert_eq!(segments(&data_dir), ["0000000001-0000000009.jsonl"]);
    // Record 10 says so; the rows of the others are in the sealed file alone.
    assert_eq!((rows(&store), stands(&data_dir)), ((10, 10), (1, 10)));
    record(&store, 5);
    store.tend_log(&every(1_000, Some(DAY * 400)), later(399)).expect("tends");
    assert_eq!((segments(&data_dir).len(), rows(&store)), (2, (16, 16)));
    let before = store.log_head().expect("a head");
    // Time passes: the sealed files go, the open one stays.
    for left in [1, 0, 0] {
        store.tend_log(&every(1_000_000, Some(DAY * 400)), later(401)).expect("tends");
        assert_eq!(segments(&data_dir).len(), left, "one at a look");
    }
    assert_eq!((segments(&data_dir).len(), rows(&store)), (0, (16, 18)));
    assert_eq!(stands(&data_dir), (16, 18));
    let deleted: Vec<Record> = store
        .audit_from(17, 9)
        .expect("reads")
        .iter()
        .map(|line| Record::parse(&line.text).expect("a record"))
        .collect();
    assert_eq!(deleted[0].event, Event::LogDeleted { first: 1, last: 9 });
    assert_eq!(deleted[1].event, Event::LogDeleted { first: 10, last: 15 });
    // The proofs of the rest are as they were, and a restart needs no deleted line.
    assert_eq!(store.log_root_at(before.0).expect("a root"), Some(before.1));
    let path = store.log_consistency(7, 18).expect("a proof");
    drop(store);
    let store = open(&data_dir);
    assert_eq!(store.log_consistency(7, 18).expect("a proof"), path);
    record(&store, 1);
    assert_eq!((rows(&store), stands(&data_dir)), ((16, 19), (16, 19)));
}

#[test]
fn a_crash_between_two_steps_of_keeping_loses_nothing() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    record(&store, 2 * BATCH);
    let (audit, keep) = (every(1_000, None), every(u64::MAX, Some(DAY)));
    let reopens = |what: &str, segments_then: usize| {
        let (_copy, copy) = crashed(&data_dir);
        let revived = open(&copy);
        assert_eq!(segments(&copy).len(), segments_then, "{what}");
        record(&revived, 1);
        for _ in 0..3 {
            revived.tend_log(&keep, Time::now()).expect("tends");
        }
        assert_eq!(revived.log_lag().expect("reads"), 0);
        let (first, last) = stands(&copy);
        assert_eq!(first, if segments_then == 0 { 2_001 } else { 1 }, "{what}");
        assert_eq!(rows(&revived), (2_001, last), "{what}");
        last
    };
    store.inner().log.seal().expect("seals");
    assert_eq!(reopens("sealed, and not on record", 1), 2_002);
    let (_copy, copy) = crashed(&data_dir);
    fs::remove_file(copy.join("audit/log.jsonl")).expect("removes");
    record(&open(&copy), 1);
    assert_eq!(stands(&copy), (1, 2_001), "renamed, and no file begun");
    store.inner().record_seals().expect("records");
    assert_eq!(reopens("on record, with all rows", 1), 2_002);
    assert!(store.inner().release().expect("lets go"));
    assert_eq!(rows(&store), (1_001, 2_001));
    assert_eq!(reopens("half of the rows are gone", 1), 2_002);
    store.tend_log(&audit, Time::now()).expect("tends");
    // On record as deleted, and still there.
    let file = data_dir.join("audit/segments").join(&segments(&data_dir)[0]);
    let bytes = fs::read(&file).expect("reads");
    store.tend_log(&keep, later(2)).expect("tends");
    assert_eq!(reopens("deleted", 0), 2_003);
    fs::write(&file, bytes).expect("puts it back");
    assert_eq!(reopens("on record as deleted, and still there", 0), 2_003);
}

#[test]
fn a_row_stays_while_the_sealed_file_has_another_line() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    record(&store, 9);
    store.inner().log.seal().expect("seals");
    let file = data_dir.join("audit/segments").join(&segments(&data_dir)[0]);
    let text = fs::read_to_string(&file).expect("reads");
    fs::remove_file(&file).expect("removes");
    for (other, seq) in
        [(text.replacen("asked", "given", 1), 1), (text.lines().take(4).map(|line| format!("{line}\n")).collect(), 5)]
    {
        fs::write(&file, other).expect("writes");
        for _ in 0..2 {
            let refused = store.tend_log(&every(u64::MAX, Some(DAY)), later(9));
            assert!(matches!(refused, Err(StoreError::LogDiffers { seq: found, .. }) if found == seq), "{refused:?}");
            assert_eq!(rows(&store), (1, 10), "nothing leaves the store, and nothing is deleted");
        }
    }
    fs::write(&file, text).expect("writes");
    store.tend_log(&every(u64::MAX, None), later(9)).expect("tends");
    assert_eq!((rows(&store), stands(&data_dir)), ((10, 10), (1, 10)));
}

#[test]
fn a_store_that_is_older_than_its_sealed_files_is_refused() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    record(&store, 3);
    let (_copy, older) = crashed(&data_dir);
    record(&store, 6);
    store.tend_log(&every(1_000, None), Time::now()).expect("tends");
    fs::remove_dir_all(older.join(LOG)).expect("removes");
    drop(store);
    fs::rename(data_dir.join(LOG), older.join(LOG)).expect("moves");
    let refused = Store::open(&older, &key(), "p1");
    assert!(matches!(refused, Err(StoreError::LogDiffers { seq: 10, .. })), "{refused:?}");
    // Nor does a sealed file make up for an open one that was lost with its rows.
    fs::remove_file(older.join("audit/log.jsonl")).expect("removes");
    let refused = Store::open(&older, &key(), "p1");
    assert!(matches!(refused, Err(StoreError::LogDiffers { seq: 9, .. })), "{refused:?}");
}

#[test]
fn a_full_disk_is_named_with_the_next_step() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    record(&store, 1);
    // SQLite has a limit of its own that it treats like a full disk.
    let pages: i64 = store.inner().connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("tells");
    store.inner().connection.pragma_update(None, "max_page_count", pages).expect("sets");
    let refused = store.commit(|tx| {
        tx.audit(draft())?;
        tx.put_kept("disclosure", "x", &vec![1; 1 << 20])
    });
    match refused {
        Err(error @ StoreError::Full { .. }) => {
            let text = error.to_string();
            assert!(text.contains("disk of data_dir is full") && text.contains("start the daemon again"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    store.inner().connection.pragma_update(None, "max_page_count", 1_000_000).expect("sets");
    record(&store, 1);
    assert_eq!(stands(&data_dir), (1, 2), "nothing of the step that failed");
}
