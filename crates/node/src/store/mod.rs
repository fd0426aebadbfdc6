//! What a node must not forget, in one SQLite file (PROTOCOL 7).
//!
//! A step of a round and its audit record are one transaction with full sync: both are there after a crash, or
//! neither is. [`Store::commit`] is that transaction; what it stored is durable when it returns, and only then may
//! the node act. The log file follows: a record that it lacks is appended after a later step, or at the next start.
//!
//! # Security
//! Secrets are sealed before SQLite sees them ([`crate::seal`]), so database, write-ahead log and temporary pages
//! hold none in the clear. Erased ones are overwritten in the database (`secure_delete`), and the write-ahead log
//! is emptied right after the transaction that erased them, or after the next one where a reader is in the way.
//! Blocks that a disk keeps in spite of that hold sealed bytes only.
//!
//! A transaction that lets a signed message out is over when the guard has its mark too ([`crate::guard`]): store,
//! guard, send. Before the store has a guard there is no such transaction.

mod keep;
mod lock;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod transaction;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit::{Log, LogError, Name, Path as LogPath, Record, Root};
use protocol::recovery::Mark;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use zeroize::Zeroizing;

use self::lock::Lock;
pub use self::read::{MessageRow, Reads, RoundRow, Secret};
pub use self::transaction::Transaction;
use crate::guard::{Guard, GuardError};
use crate::seal::{CannotOpen, StorageKey};

/// The database in the data directory.
const FILE: &str = "store.sqlite";
/// The folder of the log in the data directory.
const LOG: &str = "audit";
/// How long a statement waits for another process, such as `round list`, to let go of the database.
const BUSY: Duration = Duration::from_secs(5);
/// Most records that are taken at once from the store to the log file.
const BATCH: usize = 1000;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// This user may not look into the data directory.
    #[error("you may not read {}: run as the user of the daemon", path.display())]
    Denied {
        /// The database.
        path: PathBuf,
    },
    /// Another process works on the directory.
    #[error("{} is held by {}; stop it, or give this node a data_dir of its own", directory.display(),
        .pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    Held {
        /// The data directory.
        directory: PathBuf,
        /// The process that holds it, where it said so.
        pid: Option<u32>,
    },
    /// There is no store.
    #[error("{} is not there: the daemon has not run with this data_dir yet (smpcd run)", path.display())]
    Missing {
        /// The database.
        path: PathBuf,
    },
    /// A newer version wrote the store.
    #[error("{} has schema {found}, this version knows {known}: use the newer smpcd that wrote it", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that this software knows.
        known: i64,
    },
    /// An older version wrote the store, and it is opened for reading only.
    #[error("{} has schema {found}, this version reads {known}: start the daemon once, it brings the store up to date", path.display())]
    Older {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The one that this software reads.
        known: i64,
    },
    /// The store is another party's.
    #[error("the store in {} is of party {found}, this node is {expected}: give it a data_dir of its own", directory.display())]
    OtherParty {
        /// The data directory.
        directory: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// The storage key does not open what the store holds.
    #[error("the storage key is not the one that sealed {}: put back the key file that belongs to it", directory.display())]
    WrongKey {
        /// The data directory.
        directory: PathBuf,
    },
    /// The log file has records that the store lacks, or other ones.
    #[error("{}: record {seq} is not the store's: the store is an older copy, or the log was changed; put back the store that belongs to it",
        path.display())]
    LogDiffers {
        /// The log file.
        path: PathBuf,
        /// The record.
        seq: u64,
    },
    /// Another round is pinned for this computation and period.
    #[error(
        "{computation}/{period} is pinned to another round (v = {v}): a party takes part in one round of a period only"
    )]
    Pinned {
        /// The computation.
        computation: String,
        /// The period.
        period: String,
        /// How many rounds of the period are void.
        v: u32,
    },
    /// A round that the store does not know: our own mistake.
    #[error("the store knows no such round")]
    NoSuchRound,
    /// A secret of this name is kept already, and is never replaced: our own mistake.
    #[error("the secret {name} of the round is there already and is never replaced")]
    SecretExists {
        /// The secret's name.
        name: String,
    },
    /// A secret does not open.
    #[error("the secret {name} of the round: {source}")]
    Secret {
        /// The secret's name.
        name: String,
        /// Why.
        source: CannotOpen,
    },
    /// A message would be signed before the guard is there: our own mistake.
    #[error("nothing is signed before the guard is there")]
    Unguarded,
    /// The guard does not follow.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// There is no space left on the disk.
    #[error(
        "the store cannot {doing}: the disk of data_dir is full. Nothing of this step was done or sent, and nothing of the \
         ones before it is lost: make space, then start the daemon again, and its rounds go on"
    )]
    Full {
        /// What was tried.
        doing: &'static str,
    },
    /// The database refused.
    #[error("the store cannot {doing}: {source}")]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// Its reason.
        source: rusqlite::Error,
    },
    /// A value in the database that this software did not write.
    #[error("the store holds a {what} that cannot be: it was changed by something else")]
    Nonsense {
        /// What it is.
        what: &'static str,
    },
}

fn sql(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { doing },
        _ => StoreError::Sqlite { doing, source },
    }
}

/// The store of a running node. One for each data directory; shared between threads, which wait for one another.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
    // After the connection: the directory is free when the database is closed.
    _lock: Lock,
}

#[derive(Debug)]
struct Inner {
    connection: Connection,
    key: StorageKey,
    party: Name,
    version: Name,
    log: Log,
    guard: Option<Guard>,
    releasing: Option<keep::Releasing>,
    /// The write-ahead log may hold pages with secrets that are erased.
    linger: bool,
}

impl Store {
    /// Opens the store in `data_dir` for the daemon of `party`, makes both where they are not there, and holds the
    /// directory until it is dropped. The log file is brought up to the store.
    ///
    /// # Errors
    /// [`StoreError::Held`] where another process holds the directory; else where directory, database, key and log
    /// do not fit together or cannot be used.
    pub fn open(data_dir: &Path, key: &StorageKey, party: &str) -> Result<Self, StoreError> {
        let io = |doing, source| StoreError::Io { doing, path: data_dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(|e| io("create", e))?;
        let lock = Lock::take(data_dir)?;
        let path = data_dir.join(FILE);
        let mut connection = schema::open(&path)?;
        schema::migrate(&mut connection, &path)?;
        schema::bind(&mut connection, data_dir, key, party)?;
        let log = Log::open(&data_dir.join(LOG), &keep::past(&connection)?)?;
        for (first, last) in log.missing() {
            tracing::error!(
                target: "audit", first, last,
                "these records of the audit log should be in a sealed file and are in none: put the file back"
            );
        }
        let mut inner = Inner {
            connection,
            key: key.clone(),
            party: party.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            log,
            guard: None,
            releasing: None,
            linger: true,
        };
        inner.check_log()?;
        inner.follow()?;
        inner.settle();
        Ok(Self { inner: Mutex::new(inner), _lock: lock })
    }

    /// Opens the store for reading, beside a running daemon or without one. Reads what is committed; no secrets.
    ///
    /// # Errors
    /// Where there is no store, or one of another schema.
    pub fn open_read_only(data_dir: &Path) -> Result<ReadOnlyStore, StoreError> {
        let path = data_dir.join(FILE);
        // Looked at, never opened: closing it here would drop the locks of this process on it.
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(StoreError::Denied { path });
            }
            Err(_) => return Err(StoreError::Missing { path }),
            Ok(_) => {}
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(sql("be opened for reading"))?;
        connection.busy_timeout(BUSY).map_err(sql("be opened for reading"))?;
        schema::check(&connection, &path)?;
        Ok(ReadOnlyStore { connection })
    }

    /// Runs `step` as one transaction. It is durable when this returns Ok, and leaves nothing when it does not.
    ///
    /// Takes about half a millisecond, twice that where secrets are erased or the guard is raised: not on a thread that
    /// must not block.
    ///
    /// # Errors
    /// Those of `step`, and those of the database. [`StoreError::Guard`] comes after the transaction: it is durable, and
    /// nothing of it may be sent. A log file that cannot be written is no error here, since the record itself is
    /// durable: it is logged, seen in [`Store::log_lag`], and made good after a later step.
    pub fn commit<T>(&self, step: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.inner().commit(step)
    }

    /// A secret of a round, opened; none where it was never put, or is erased.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn secret(&self, round: &[u8; 32], name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let inner = self.inner();
        read::secret(&inner.connection, &inner.key, round, name)
    }

    /// The secrets of a round, opened, in the order in which they were stored.
    ///
    /// # Errors
    /// Where one does not open.
    pub fn secrets(&self, round: &[u8; 32]) -> Result<Vec<Secret>, StoreError> {
        let inner = self.inner();
        read::secrets(&inner.connection, &inner.key, round)
    }

    /// The periods of a computation in which an input of this digest was dealt, sorted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn periods_with_input(&self, computation: &str, digest: &[u8; 32]) -> Result<Vec<String>, StoreError> {
        let inner = self.inner();
        read::periods_with_input(&inner.connection, computation, &read::fingerprint(&inner.key, computation, digest))
    }

    /// The clock that goes on over restarts, in milliseconds: as it was last set, and as much later as the wall clock
    /// says, never earlier (PROTOCOL 4.9). `wall` is in milliseconds since 1970. A new store's begins at 0.
    ///
    /// # Errors
    /// Those of the database.
    pub fn clock(&self, wall: u64) -> Result<u64, StoreError> {
        let set = read::clock(&self.inner().connection)?;
        Ok(set.map_or(0, |(millis, then)| millis.saturating_add(wall.saturating_sub(then))))
    }

    /// Whether this store never had a guard and never let a signed message out: then it gets its first one.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_new(&self) -> Result<bool, StoreError> {
        let inner = self.inner();
        Ok(!read::was_guarded(&inner.connection)? && read::marks(&inner.connection)?.0 == Mark::NONE)
    }

    /// Raises the guard to the store's mark. From now on messages may be signed, and every transaction that lets one out
    /// raises the guard before [`Store::commit`] returns.
    ///
    /// # Errors
    /// Where the guard does not follow; it is not kept then.
    pub fn guard_with(&self, mut guard: Guard) -> Result<(), StoreError> {
        let mut inner = self.inner();
        guard.raise(&read::marks(&inner.connection)?.0)?;
        // After the guard is there: a crash between the two leaves a store that is still new beside its first guard.
        let put = "INSERT INTO meta (name, value) VALUES ('guarded', 1) ON CONFLICT DO NOTHING";
        inner.connection.execute(put, []).map_err(sql("note that it is guarded"))?;
        inner.guard = Some(guard);
        Ok(())
    }

    /// Takes note in the guard, durably, of what is signed of these logs (PROTOCOL 8.3). Before the signature leaves the node.
    ///
    /// # Errors
    /// [`StoreError::Unguarded`], and where the guard does not follow.
    pub fn vouch(&self, changes: &[(String, Option<String>)]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.guard.as_mut().ok_or(StoreError::Unguarded)?.vouch(changes)?;
        Ok(())
    }

    /// Takes the guard out again: nothing is signed until [`Store::guard_with`]. None where there is none.
    #[must_use]
    pub fn unguard(&self) -> Option<Guard> {
        self.inner().guard.take()
    }

    /// Makes the log file durable. Before a checkpoint that covers its records leaves the node (PROTOCOL 8).
    ///
    /// # Errors
    /// Where the file cannot be brought up to the store, or synced.
    pub fn sync_log(&self) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.follow()?;
        inner.log.sync()?;
        Ok(())
    }

    /// How many records the log has.
    #[must_use]
    pub fn log_size(&self) -> u64 {
        self.inner().log.size()
    }

    /// How many records the log has that are durable, and the root over them: to be signed (PROTOCOL 8.2).
    ///
    /// # Errors
    /// Where the files cannot be brought up to the store, or synced.
    pub fn log_head(&self) -> Result<(u64, Root), StoreError> {
        let mut inner = self.inner();
        inner.follow()?;
        inner.log.sync()?;
        Ok((inner.log.size(), inner.log.root()))
    }

    /// The root over the first `size` records of the log; none where it has fewer.
    ///
    /// # Errors
    /// Where its hashes cannot be read.
    pub fn log_root_at(&self, size: u64) -> Result<Option<Root>, StoreError> {
        let inner = self.inner();
        if size > inner.log.size() {
            return Ok(None);
        }
        Ok(Some(inner.log.root_at(size)?))
    }

    /// The proof that the first `size` records of the log begin with the first `earlier`.
    ///
    /// # Errors
    /// Where they do not, there are fewer, or its hashes cannot be read.
    pub fn log_consistency(&self, earlier: u64, size: u64) -> Result<LogPath, StoreError> {
        Ok(self.inner().log.consistency(earlier, size)?)
    }

    /// How many records the log file lacks; 0 unless it cannot be written.
    ///
    /// # Errors
    /// Those of the database.
    pub fn log_lag(&self) -> Result<u64, StoreError> {
        let inner = self.inner();
        Ok(read::last_seq(&inner.connection)?.saturating_sub(inner.log.size()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A step that panicked left no transaction behind: dropping it rolled it back.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The last record of the log file must be the store's. A file that ends earlier, or was moved away, is no
    /// fault: the store has all records.
    fn check_log(&self) -> Result<(), StoreError> {
        let Some((last, path)) = self.log.last(&keep::past(&self.connection)?)? else { return Ok(()) };
        let stored = read::audit_from(&self.connection, last.seq, 1)?;
        if stored.first() == Some(&last) {
            return Ok(());
        }
        Err(StoreError::LogDiffers { path, seq: last.seq })
    }

    fn commit<T>(&mut self, step: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Self { connection, key, party, version, guard, .. } = self;
        let behavior = TransactionBehavior::Immediate;
        let transaction = connection.transaction_with_behavior(behavior).map_err(sql("begin a transaction"))?;
        let mut transaction = Transaction::new(transaction, key, party, version, guard.is_some());
        let value = step(&mut transaction)?;
        let did = transaction.commit()?;
        if let (Some(mark), Some(guard)) = (&did.mark, guard) {
            guard.raise(mark)?;
        }
        did.records.iter().for_each(trace);
        if !did.records.is_empty()
            && let Err(error) = self.follow()
        {
            tracing::error!(%error, "the audit log file lags behind the store");
        }
        self.linger |= did.erased;
        self.settle();
        Ok(value)
    }

    fn follow(&mut self) -> Result<(), StoreError> {
        loop {
            let lines = read::audit_from(&self.connection, self.log.size() + 1, BATCH)?;
            self.log.append(&lines)?;
            if lines.len() < BATCH {
                return Ok(());
            }
        }
    }

    /// Empties the write-ahead log where erased secrets may linger in it. Does not wait for readers: what they
    /// prevent is done after the next transaction.
    fn settle(&mut self) {
        if !self.linger {
            return;
        }
        let busy = |connection: &Connection| -> rusqlite::Result<i64> {
            connection.busy_timeout(Duration::ZERO)?;
            let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
            connection.busy_timeout(BUSY)?;
            busy
        };
        match busy(&self.connection) {
            Ok(busy) => self.linger = busy != 0,
            Err(error) => tracing::warn!(%error, "the store's write-ahead log could not be emptied yet"),
        }
    }
}

/// Each record is a line of the tracing log too, once it is durable: so the two tell one story, and `seq` joins them.
fn trace(record: &Record) {
    if !tracing::enabled!(target: "audit", tracing::Level::DEBUG) {
        return;
    }
    let (event, _) = record.event.name_and_detail();
    let (seq, outcome, said) = (record.seq, record.outcome.word(), record.sentence());
    match &record.round {
        Some(round) => tracing::debug!(
            target: "audit", seq, %event, round = %format!("{}/{}", round.computation, round.period), id = %round.id, outcome,
            "{said}"
        ),
        None => tracing::debug!(target: "audit", seq, %event, outcome, "{said}"),
    }
}

impl ReadOnlyStore {
    /// Refuses the store of another party, and one that another storage key has sealed: what [`Store::open`] would refuse.
    ///
    /// # Errors
    /// [`StoreError::OtherParty`], [`StoreError::WrongKey`], and those of the database.
    pub fn belongs_to(&self, data_dir: &Path, key: &StorageKey, party: &str) -> Result<(), StoreError> {
        schema::check_owner(&self.connection, data_dir, key, party)
    }
}

/// The store, for reading only.
#[derive(Debug)]
pub struct ReadOnlyStore {
    connection: Connection,
}

impl read::Connected for ReadOnlyStore {
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        read(&self.connection)
    }
}

impl read::Connected for Store {
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        read(&self.inner().connection)
    }
}
