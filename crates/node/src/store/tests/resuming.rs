//! What a restart goes on from, in a store of this version and in one that an older version left.

use super::*;

/// The last wall-clock time of the tests.
const WALL: u64 = 1_700_000_000_000;

#[test]
fn the_clock_goes_on_and_never_back() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    assert_eq!(store.clock(WALL).expect("reads"), 0, "a new one");
    store.commit(|tx| tx.set_clock(500, WALL - 1)).expect("commits");
    store.commit(|tx| tx.set_clock(700, WALL)).expect("commits");
    drop(store);
    let store = open(&data_dir);
    for (wall, millis) in [(WALL, 700), (WALL + 1, 701), (WALL + 60_000, 60_700), (WALL - 1, 700), (0, 700)] {
        assert_eq!(store.clock(wall).expect("reads"), millis, "{wall}");
    }
    store.commit(|tx| tx.set_clock(u64::MAX, 0)).expect("commits");
    assert!(store.clock(u64::MAX).expect("reads") >= i64::MAX as u64);
}

#[test]
fn rounds_keep_what_was_decided_about_them() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store
        .commit(|tx| {
            tx.put_round(&row(ROUND, "2026-Q3", 0))?;
            tx.put_round(&RoundRow { abstains: true, ..row([2; 32], "2026-Q3", 1) })?;
            tx.put_round(&row([3; 32], "2026-Q4", 0))?;
            tx.set_void(&ROUND)?;
            tx.set_abstains(&[3; 32])
        })
        .expect("commits");
    drop(store);
    let store = open(&data_dir);
    let flags: Vec<_> = store.rounds().expect("reads").iter().map(|r| (r.joined, r.void, r.abstains)).collect();
    assert_eq!(flags, [(1_000, true, false), (1_001, false, true), (1_000, false, true)]);
    let of: Vec<_> = store.rounds_of("average", "2026-Q3").expect("reads").iter().map(|r| (r.v, r.void)).collect();
    assert_eq!(of, [(0, true), (1, false)]);
    assert!(matches!(store.commit(|tx| tx.set_void(&[9; 32])), Err(StoreError::NoSuchRound)));
    assert!(matches!(store.commit(|tx| tx.set_abstains(&[9; 32])), Err(StoreError::NoSuchRound)));
}

#[test]
fn secrets_come_back_in_the_order_in_which_they_were_stored() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    store
        .commit(|tx| {
            tx.put_round(&row(ROUND, "2026-Q3", 0))?;
            tx.put_round(&row([2; 32], "2026-Q4", 0))?;
            for name in ["seed-2", "dealing", "share-to-1", "seed-0"] {
                tx.put_secret(&ROUND, name, name.as_bytes())?;
            }
            tx.put_secret(&[2; 32], "dealing", b"another round's")?;
            tx.erase_secret(&ROUND, "dealing")?;
            tx.put_secret(&ROUND, "a-new-one", b"a-new-one")
        })
        .expect("commits");
    // What an operator may do to a database must not shuffle it.
    store.inner().connection.execute_batch("VACUUM").expect("vacuums");
    let secrets = store.secrets(&ROUND).expect("opens");
    let names: Vec<&str> = secrets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["seed-2", "share-to-1", "seed-0", "a-new-one"]);
    assert!(secrets.iter().all(|(name, plain)| plain.as_slice() == name.as_bytes()));
    assert!(store.secrets(&[9; 32]).expect("opens").is_empty());
    store.inner().connection.execute_batch("UPDATE secrets SET name = 'other' WHERE name = 'seed-0'").expect("moves");
    assert!(matches!(store.secrets(&ROUND), Err(StoreError::Secret { name, .. }) if name == "other"));
}

#[test]
fn equal_inputs_of_two_periods_are_known_without_a_trace_of_them() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    let (same, other) = ([0x5A; 32], [0x5B; 32]);
    store
        .commit(|tx| {
            tx.put_input("average", "2026-Q3", &same)?;
            tx.put_input("average", "2026-Q2", &same)?;
            tx.put_input("average", "2026-Q2", &same)?;
            tx.put_input("average", "2026-Q2", &other)?;
            tx.put_input("headcount", "2026-Q1", &same)
        })
        .expect("commits");
    let periods = |store: &Store, computation, digest| store.periods_with_input(computation, digest).expect("reads");
    assert_eq!(periods(&store, "average", &same), ["2026-Q2", "2026-Q3"]);
    assert_eq!(periods(&store, "average", &other), ["2026-Q2"]);
    assert_eq!(periods(&store, "headcount", &same), ["2026-Q1"]);
    assert_eq!(periods(&store, "headcount", &other), [""; 0]);
    // Neither the digest nor any hash of it that could be made without the key.
    let all = "SELECT fingerprint FROM inputs GROUP BY fingerprint";
    let inner = store.inner();
    let mut statement = inner.connection.prepare(all).expect("reads");
    let rows = statement.query_map([], |row| row.get(0)).expect("reads");
    let stored: Vec<[u8; 32]> = rows.map(|row| row.expect("32 bytes")).collect();
    assert_eq!(stored.len(), 3, "a computation's are not another's");
    assert_eq!(holding(&data_dir, &same), [""; 0].map(PathBuf::from));
    let made = |key: &StorageKey| key.fingerprint(&[b"input", b"average", &same]);
    assert!(stored.contains(&made(&key())) && !stored.contains(&made(&StorageKey::from_bytes(&[8; 32]))));
}

/// A store as version 1 left it, with this number: a round that is completed, and one with a sealed secret in the middle.
fn version_1(data_dir: &Path, sequence: i64) -> Vec<u8> {
    fs::create_dir_all(data_dir).expect("creates");
    let connection = Connection::open(data_dir.join(FILE)).expect("opens");
    connection.execute_batch(schema::VERSION_1).expect("makes the tables");
    connection.pragma_update(None, "user_version", 1).expect("sets");
    let meta = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
    connection.execute(meta, ("party", "p1")).expect("inserts");
    connection.execute(meta, ("key-check", key().seal(schema::CHECK, &[]))).expect("inserts");
    connection.execute(meta, ("sequence", sequence)).expect("inserts");
    for (id, period, phase) in [([2u8; 32], "2026-Q2", "completed"), (ROUND, "2026-Q3", "collecting")] {
        let round = "INSERT INTO rounds VALUES (?1, 'average', ?2, 0, ?3, ?4, ?5, ?6)";
        let view = format!("{{\"status\":\"of it\",\"phase\":\"{phase}\",\"reason\":null}}");
        let started = "2023-11-14T22:13:20.000001Z";
        connection.execute(round, (id, period, [9u8; 32], phase, view, started)).expect("inserts");
    }
    for digest in [5, 3, 9, 1, 7] {
        let MessageRow { digest, author, kind, bytes } = message(digest);
        let put = "INSERT INTO messages (round, digest, author, kind, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
        connection.execute(put, (ROUND, digest, author, kind, bytes)).expect("inserts");
    }
    let sealed = key().seal(&read::secret_aad(&ROUND, "dealing"), CANARY);
    let put = "INSERT INTO secrets (round, name, sealed) VALUES (?1, 'dealing', ?2)";
    connection.execute(put, (ROUND, &sealed)).expect("inserts");
    let line = draft().number(1, &"p1".into(), &"0.1.0".into()).to_line().text;
    connection.execute("INSERT INTO audit VALUES (1, ?1)", [line]).expect("inserts");
    connection.execute_batch("INSERT INTO kept VALUES ('disclosure', 'a', x'01')").expect("inserts");
    sealed
}

#[test]
fn a_store_of_version_1_is_brought_up_to_date() {
    let (_directory, data_dir) = place();
    let sealed = version_1(&data_dir, 7);
    assert!(!holding(&data_dir, &sealed).is_empty());
    assert!(matches!(Store::open_read_only(&data_dir), Err(StoreError::Older { found: 1, known: 2, .. })));
    for _ in 0..2 {
        let store = Store::open(&data_dir, &key(), "p1").expect("opens");
        let rounds = store.rounds().expect("reads");
        assert_eq!(rounds.iter().map(|round| round.id).collect::<Vec<_>>(), [[2; 32], ROUND]);
        assert!(rounds.iter().all(|round| (round.joined, round.void, round.abstains) == (0, false, false)));
        assert!(rounds.iter().all(|round| round.closed && round.started == row(ROUND, "", 0).started));
        // Rounds of that version ended with a restart.
        let phases: Vec<_> = rounds.iter().map(|round| round.phase.as_str()).collect();
        assert_eq!(phases, ["completed", "abandoned"]);
        assert!(rounds[0].view.contains("\"of it\"") && rounds[1].view.contains("newer version"), "{rounds:?}");
        assert!(store.secrets(&ROUND).expect("reads").is_empty());
        assert_eq!(holding(&data_dir, &sealed), [""; 0].map(PathBuf::from));
        assert_eq!(store.messages(&ROUND).expect("reads"), [5, 3, 9, 1, 7].map(message));
        assert_eq!(store.audit_from(1, 10).expect("reads").len(), 1);
        assert_eq!(store.kept("disclosure", "a").expect("reads").as_deref(), Some(&[1][..]));
        assert_eq!(store.clock(WALL).expect("reads"), 0);
        assert_eq!(store.marks().expect("reads").0, Mark { number: 7, drawn: [0; 32] });
        // That version wrote no guard, so nobody knows what it signed after this copy.
        assert!(!store.is_new().expect("reads"));
    }
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    let put = |tx: &mut Transaction<'_>| tx.put_secret(&ROUND, "dealing", b"");
    store.commit(put).expect("commits");
    assert!(matches!(store.commit(put), Err(StoreError::SecretExists { .. })), "its rules hold as before");
    let put = |tx: &mut Transaction<'_>| tx.put_secret(&[9; 32], "dealing", b"");
    assert!(matches!(store.commit(put), Err(StoreError::NoSuchRound)));
    store.commit(|tx| tx.put_message(&ROUND, &message(2))).expect("commits");
    assert_eq!(store.messages(&ROUND).expect("reads")[5], message(2));
}

#[test]
fn a_store_of_version_1_that_signed_nothing_is_new() {
    let (_directory, data_dir) = place();
    version_1(&data_dir, 0);
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    assert_eq!(store.marks().expect("reads").0, Mark::NONE);
    assert!(store.is_new().expect("reads"));
}

/// A store is brought up to date from what an older version really made.
#[test]
fn version_1_is_what_it_was() {
    let hash = blake3::hash(schema::VERSION_1.as_bytes());
    assert_eq!(hash.to_string()[..16], *"f3f6c7bfc9cdcf53");
}
