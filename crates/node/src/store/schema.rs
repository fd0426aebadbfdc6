//! The tables, their version, and to whom the store belongs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};

use super::{BUSY, StoreError, sql};
use crate::seal::StorageKey;

/// What leads from one schema version to the next. The first makes version 1. Never changed, only added to.
const STEPS: &[&str] = &[VERSION_1, VERSION_2];

pub(super) const VERSION_1: &str = "
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A round that this party takes part in. UNIQUE is the pin of PROTOCOL 1.2.
CREATE TABLE rounds (
    id BLOB PRIMARY KEY CHECK (length(id) = 32),
    computation TEXT NOT NULL,
    period TEXT NOT NULL,
    v INTEGER NOT NULL CHECK (v >= 0),
    agreement_digest BLOB NOT NULL CHECK (length(agreement_digest) = 32),
    phase TEXT NOT NULL,
    view TEXT NOT NULL,
    started TEXT NOT NULL,
    UNIQUE (computation, period, v)
) STRICT;

-- Signed messages of a round, as they were sent or received, in that order.
CREATE TABLE messages (
    place INTEGER PRIMARY KEY,
    round BLOB NOT NULL REFERENCES rounds (id),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    author INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (round, digest)
) STRICT;

CREATE TABLE secrets (
    round BLOB NOT NULL REFERENCES rounds (id),
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (round, name)
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    line TEXT NOT NULL
) STRICT;

-- Texts that people signed or were shown, and the like.
CREATE TABLE kept (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;
";

/// Rounds go on after a restart, and a rollback is noticed.
const VERSION_2: &str = "
-- The last two transactions that let a signed message out (PROTOCOL 7).
CREATE TABLE marks (
    number INTEGER PRIMARY KEY,
    drawn BLOB NOT NULL CHECK (length(drawn) = 32)
) STRICT;
INSERT INTO marks (number, drawn) SELECT value, zeroblob(32) FROM meta WHERE name = 'sequence' AND value > 0;
DELETE FROM meta WHERE name = 'sequence';

-- joined: when this party learnt of the round, in milliseconds of the clock that meta keeps. void: it is proven void.
-- abstains: this party signs nothing in it any more.
ALTER TABLE rounds ADD COLUMN joined INTEGER NOT NULL DEFAULT 0 CHECK (joined >= 0);
ALTER TABLE rounds ADD COLUMN void INTEGER NOT NULL DEFAULT 0 CHECK (void IN (0, 1));
ALTER TABLE rounds ADD COLUMN abstains INTEGER NOT NULL DEFAULT 0 CHECK (abstains IN (0, 1));

-- closed: nobody needs anything of it any more, unless a peer asks. Rounds of version 1 ended with a restart.
ALTER TABLE rounds ADD COLUMN closed INTEGER NOT NULL DEFAULT 0 CHECK (closed IN (0, 1));
UPDATE rounds SET phase = 'abandoned', view = json_set(view, '$.status', 'abandoned', '$.phase', 'abandoned',
    '$.reason', 'the daemon was replaced by a newer version in mid-round') WHERE phase NOT IN ('completed', 'abandoned');
UPDATE rounds SET closed = 1;

-- Secrets have a place now, as messages do: the order in which they were stored. Those of rounds that are over go.
DROP TABLE secrets;
CREATE TABLE secrets (
    place INTEGER PRIMARY KEY,
    round BLOB NOT NULL REFERENCES rounds (id),
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (round, name)
) STRICT;

-- Inputs that were dealt, by a keyed fingerprint: whether two periods had the same one (PROTOCOL 4.1).
CREATE TABLE inputs (
    computation TEXT NOT NULL,
    period TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    PRIMARY KEY (computation, period, fingerprint)
) STRICT;
";

/// The newest version.
const KNOWN: i64 = STEPS.len() as i64;

/// What the key's check in `meta` is sealed as.
pub(super) const CHECK: &[u8] = b"smpcd/1/store/key-check";

/// Opens the database for writing; makes the file with mode 0600, which SQLite gives to those beside it too.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let io = |doing, source| StoreError::Io { doing, path: path.to_owned(), source };
    if !path.exists() {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|e| io("create", e))?;
        let directory = path.parent().unwrap_or(Path::new("."));
        File::open(directory).and_then(|d| d.sync_all()).map_err(|e| io("sync the directory of", e))?;
    }
    // Without a mutex of its own: a connection is behind ours.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql("be opened"))?;
    connection.busy_timeout(BUSY).map_err(sql("be opened"))?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(sql("turn its write-ahead log on"))?;
    if mode != "wal" {
        return Err(StoreError::Nonsense { what: "journal mode" });
    }
    // FULL: a commit is on the disk when it returns. temp_store: nothing is spilt into files elsewhere.
    let settings = "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;
        PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;";
    connection.execute_batch(settings).map_err(sql("be set up"))?;
    Ok(connection)
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sql("tell its version"))
}

/// Brings an older schema up to this one.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = version(connection)?;
    if found > KNOWN {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: KNOWN });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Nonsense { what: "schema version" })?;
    let doing = "be brought up to date";
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(sql(doing))?;
    for step in &STEPS[done..] {
        transaction.execute_batch(step).map_err(sql(doing))?;
    }
    transaction.pragma_update(None, "user_version", KNOWN).map_err(sql(doing))?;
    transaction.commit().map_err(sql(doing))
}

/// Refuses every schema but this one.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let path = path.to_owned();
    match version(connection)? {
        found if found > KNOWN => Err(StoreError::Newer { path, found, known: KNOWN }),
        // The file is there before the tables are, when the daemon makes it.
        0 => Err(StoreError::Missing { path }),
        found if found < KNOWN => Err(StoreError::Older { path, found, known: KNOWN }),
        _ => Ok(()),
    }
}

/// Refuses a store that is bound to another party or key.
pub(super) fn check_owner(
    connection: &Connection,
    data_dir: &Path,
    key: &StorageKey,
    party: &str,
) -> Result<(), StoreError> {
    let doing = "tell whose it is";
    let read = "SELECT value FROM meta WHERE name = ?1";
    let found: String = connection.query_row(read, ["party"], |row| row.get(0)).map_err(sql(doing))?;
    if found != party {
        return Err(StoreError::OtherParty { directory: data_dir.to_owned(), found, expected: party.to_owned() });
    }
    let sealed: Vec<u8> = connection.query_row(read, ["key-check"], |row| row.get(0)).map_err(sql(doing))?;
    key.open(CHECK, &sealed).map(drop).map_err(|_| StoreError::WrongKey { directory: data_dir.to_owned() })
}

/// Binds a new store to party and key; refuses another party or key later.
pub(super) fn bind(
    connection: &mut Connection,
    data_dir: &Path,
    key: &StorageKey,
    party: &str,
) -> Result<(), StoreError> {
    let doing = "be bound to its party";
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql(doing))?;
    let read = "SELECT value FROM meta WHERE name = ?1";
    let owner: Option<String> =
        transaction.query_row(read, ["party"], |row| row.get(0)).optional().map_err(sql(doing))?;
    match owner {
        None => {
            let put = "INSERT INTO meta (name, value) VALUES (?1, ?2)";
            transaction.execute(put, ("party", party)).map_err(sql(doing))?;
            transaction.execute(put, ("key-check", key.seal(CHECK, &[]))).map_err(sql(doing))?;
        }
        Some(found) if found != party => {
            let expected = party.to_owned();
            return Err(StoreError::OtherParty { directory: data_dir.to_owned(), found, expected });
        }
        Some(_) => {
            let sealed: Vec<u8> = transaction.query_row(read, ["key-check"], |row| row.get(0)).map_err(sql(doing))?;
            let wrong = |_| StoreError::WrongKey { directory: data_dir.to_owned() };
            key.open(CHECK, &sealed).map_err(wrong)?;
        }
    }
    transaction.commit().map_err(sql(doing))
}
