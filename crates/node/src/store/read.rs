//! Reading the store: the same from the daemon, inside a transaction, and beside the daemon.

use audit::{Line, Time};
use protocol::recovery::Mark;
use rusqlite::{Connection, OptionalExtension, Row};
use zeroize::Zeroizing;

use super::{StoreError, sql};
use crate::seal::StorageKey;

/// A round as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundRow {
    /// The round id (PROTOCOL 1.2).
    pub id: [u8; 32],
    /// The computation's id.
    pub computation: String,
    /// The period, in its canonical spelling.
    pub period: String,
    /// How many rounds of this computation and period are void.
    pub v: u32,
    /// The digest of the agreement that the round is under.
    pub agreement_digest: [u8; 32],
    /// Where the round is, in a word.
    pub phase: String,
    /// What people are shown of it, as JSON. Never a secret: it is not sealed.
    pub view: String,
    /// When this party first learnt of it.
    pub started: Time,
    /// The same in milliseconds of [`Store::clock`](super::Store::clock), which its deadlines run from (PROTOCOL 4.9).
    pub joined: u64,
    /// It is proven void: the period may be dealt anew (PROTOCOL 4.8).
    pub void: bool,
    /// This party signs nothing in it any more: it was shown a signature of its own that it had forgotten (PROTOCOL 7).
    pub abstains: bool,
    /// Nobody needs anything of it any more, unless a peer asks.
    pub closed: bool,
}

/// A signed message as it was sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// The digest that it is known by.
    pub digest: [u8; 32],
    /// Its author, by place in the agreement.
    pub author: u16,
    /// Its kind.
    pub kind: u8,
    /// The signed bytes.
    pub bytes: Vec<u8>,
}

/// Whatever has a connection. Not nameable outside, so that nothing else reads the database.
pub trait Connected {
    /// Reads with it.
    ///
    /// # Errors
    /// Those of the reading.
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError>;
}

impl<C: Connected> Reads for C {}

/// What can be read without the storage key. Every method's errors are those of the database.
pub trait Reads: Connected {
    /// All rounds, in the order in which this party learnt of them.
    ///
    /// # Errors
    /// Those of the database.
    fn rounds(&self) -> Result<Vec<RoundRow>, StoreError> {
        self.with(|connection| select(connection, "list the rounds", "SELECT * FROM rounds ORDER BY rowid", [], round))
    }

    /// The round of a computation and period; of several, the one with the highest v.
    ///
    /// # Errors
    /// Those of the database.
    fn round(&self, computation: &str, period: &str) -> Result<Option<RoundRow>, StoreError> {
        let query = "SELECT * FROM rounds WHERE computation = ?1 AND period = ?2 ORDER BY v DESC LIMIT 1";
        self.with(|connection| Ok(select(connection, "find a round", query, (computation, period), round)?.pop()))
    }

    /// The round with this id.
    ///
    /// # Errors
    /// Those of the database.
    fn round_by_id(&self, id: &[u8; 32]) -> Result<Option<RoundRow>, StoreError> {
        let query = "SELECT * FROM rounds WHERE id = ?1";
        self.with(|connection| Ok(select(connection, "find a round", query, [id], round)?.pop()))
    }

    /// All rounds of a computation and period, by v.
    ///
    /// # Errors
    /// Those of the database.
    fn rounds_of(&self, computation: &str, period: &str) -> Result<Vec<RoundRow>, StoreError> {
        let query = "SELECT * FROM rounds WHERE computation = ?1 AND period = ?2 ORDER BY v";
        self.with(|connection| select(connection, "list the rounds of a period", query, (computation, period), round))
    }

    /// The messages of a round, in the order in which they were stored.
    ///
    /// # Errors
    /// Those of the database.
    fn messages(&self, id: &[u8; 32]) -> Result<Vec<MessageRow>, StoreError> {
        let query = "SELECT digest, author, kind, bytes FROM messages WHERE round = ?1 ORDER BY place";
        self.with(|connection| select(connection, "list the messages of a round", query, [id], message))
    }

    /// At most `most` lines of the log, from record `seq` on, that have not left the store for a sealed file.
    ///
    /// # Errors
    /// Those of the database.
    fn audit_from(&self, seq: u64, most: usize) -> Result<Vec<Line>, StoreError> {
        self.with(|connection| audit_from(connection, seq, most))
    }

    /// What is kept under this kind and name.
    ///
    /// # Errors
    /// Those of the database.
    fn kept(&self, kind: &str, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT bytes FROM kept WHERE kind = ?1 AND name = ?2";
        self.with(|connection| {
            connection.query_row(query, (kind, name), |row| row.get(0)).optional().map_err(sql("find what it keeps"))
        })
    }

    /// The names under which things of this kind are kept, sorted.
    ///
    /// # Errors
    /// Those of the database.
    fn kept_names(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        let query = "SELECT name FROM kept WHERE kind = ?1 ORDER BY name";
        self.with(|connection| select(connection, "list what it keeps", query, [kind], |row| row.get(0)))
    }

    /// The marks of the last two transactions that let a signed message out: the last, and the one before (PROTOCOL 7).
    ///
    /// # Errors
    /// Those of the database.
    fn marks(&self) -> Result<(Mark, Mark), StoreError> {
        self.with(marks)
    }
}

pub(super) fn marks(connection: &Connection) -> Result<(Mark, Mark), StoreError> {
    let query = "SELECT number, drawn FROM marks ORDER BY number DESC LIMIT 2";
    let mark = |row: &Row<'_>| Ok(Mark { number: number(row, 0)?, drawn: row.get(1)? });
    let mut marks = select(connection, "tell its marks", query, [], mark)?.into_iter();
    let mut next = || marks.next().unwrap_or(Mark::NONE);
    Ok((next(), next()))
}

/// A number that is never negative.
fn number(row: &Row<'_>, at: impl rusqlite::RowIndex) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}

/// Milliseconds of the store's clock; none before they were first set.
pub(super) fn clock(connection: &Connection) -> Result<Option<(u64, u64)>, StoreError> {
    let query = "SELECT a.value, b.value FROM meta AS a, meta AS b WHERE a.name = 'clock' AND b.name = 'clock-wall'";
    let pair = |row: &Row<'_>| Ok((number(row, 0)?, number(row, 1)?));
    connection.query_row(query, [], pair).optional().map_err(sql("tell its clock"))
}

/// Whether a guard was ever written for this store.
pub(super) fn was_guarded(connection: &Connection) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM meta WHERE name = 'guarded')";
    connection.query_row(query, [], |row| row.get(0)).map_err(sql("tell whether it is guarded"))
}

pub(super) fn last_seq(connection: &Connection) -> Result<u64, StoreError> {
    // What is sealed may have left the store.
    let query = "SELECT max(coalesce((SELECT max(seq) FROM audit), 0),
        coalesce((SELECT value FROM meta WHERE name = 'log-sealed'), 0))";
    let last: i64 = connection.query_row(query, [], |row| row.get(0)).map_err(sql("read the audit records"))?;
    u64::try_from(last).map_err(|_| StoreError::Nonsense { what: "audit record number" })
}

pub(super) fn audit_from(connection: &Connection, seq: u64, most: usize) -> Result<Vec<Line>, StoreError> {
    let query = "SELECT seq, line FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = select(connection, "read the audit records", query, (seq, most), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let line = |(seq, text): (i64, String)| {
        let seq = u64::try_from(seq).map_err(|_| StoreError::Nonsense { what: "audit record number" })?;
        Ok(Line { seq, text })
    };
    rows.into_iter().map(line).collect()
}

pub(super) fn secret(
    connection: &Connection,
    key: &StorageKey,
    round: &[u8; 32],
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let query = "SELECT sealed FROM secrets WHERE round = ?1 AND name = ?2";
    let sealed: Option<Vec<u8>> =
        connection.query_row(query, (round, name), |row| row.get(0)).optional().map_err(sql("find a secret"))?;
    let bad = |source| StoreError::Secret { name: name.to_owned(), source };
    sealed.map(|sealed| key.open(&secret_aad(round, name), &sealed)).transpose().map_err(bad)
}

/// A secret's name, and the secret.
pub type Secret = (String, Zeroizing<Vec<u8>>);

pub(super) fn secrets(connection: &Connection, key: &StorageKey, round: &[u8; 32]) -> Result<Vec<Secret>, StoreError> {
    let query = "SELECT name, sealed FROM secrets WHERE round = ?1 ORDER BY place";
    let rows: Vec<(String, Vec<u8>)> =
        select(connection, "list the secrets of a round", query, [round], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let open = |(name, sealed): (String, Vec<u8>)| match key.open(&secret_aad(round, &name), &sealed) {
        Ok(plain) => Ok((name, plain)),
        Err(source) => Err(StoreError::Secret { name, source }),
    };
    rows.into_iter().map(open).collect()
}

/// The name of an input in the store.
///
/// # Security
/// Keyed, and of the digest that is itself of the whole table: whoever has the store and not its key learns which
/// periods had equal inputs, and cannot try tables.
pub(super) fn fingerprint(key: &StorageKey, computation: &str, digest: &[u8; 32]) -> [u8; 32] {
    key.fingerprint(&[b"input", computation.as_bytes(), digest])
}

pub(super) fn periods_with_input(
    connection: &Connection,
    computation: &str,
    fingerprint: &[u8; 32],
) -> Result<Vec<String>, StoreError> {
    let query = "SELECT period FROM inputs WHERE computation = ?1 AND fingerprint = ?2 ORDER BY period";
    select(connection, "compare inputs", query, (computation, fingerprint), |row| row.get(0))
}

/// What a secret is sealed as: label and round have fixed lengths, so the name needs none.
pub(super) fn secret_aad(round: &[u8; 32], name: &str) -> Vec<u8> {
    [b"smpcd/1/store/secret", &round[..], name.as_bytes()].concat()
}

fn select<T>(
    connection: &Connection,
    doing: &'static str,
    query: &str,
    with: impl rusqlite::Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(query).map_err(sql(doing))?;
    statement.query_map(with, row).and_then(Iterator::collect).map_err(sql(doing))
}

fn round(row: &Row<'_>) -> rusqlite::Result<RoundRow> {
    let started: String = row.get("started")?;
    let bad = |error: audit::BadWord| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    };
    Ok(RoundRow {
        id: row.get("id")?,
        computation: row.get("computation")?,
        period: row.get("period")?,
        v: row.get("v")?,
        agreement_digest: row.get("agreement_digest")?,
        phase: row.get("phase")?,
        view: row.get("view")?,
        started: started.parse().map_err(bad)?,
        joined: number(row, "joined")?,
        void: row.get("void")?,
        abstains: row.get("abstains")?,
        closed: row.get("closed")?,
    })
}

fn message(row: &Row<'_>) -> rusqlite::Result<MessageRow> {
    Ok(MessageRow { digest: row.get(0)?, author: row.get(1)?, kind: row.get(2)?, bytes: row.get(3)? })
}
