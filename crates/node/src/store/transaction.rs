//! One step, written as one transaction (PROTOCOL 7).

use audit::{Draft, Name, Record};
use protocol::recovery::Mark;
use rusqlite::{Connection, ErrorCode};
use zeroize::Zeroizing;

use super::read::{Connected, MessageRow, RoundRow, fingerprint, last_seq, marks, secret, secret_aad};
use super::{StoreError, sql};
use crate::seal::{StorageKey, fresh_id};

/// What a step changes. All of it becomes durable together, or none of it does.
#[derive(Debug)]
pub struct Transaction<'a> {
    sql: rusqlite::Transaction<'a>,
    key: &'a StorageKey,
    party: &'a Name,
    version: &'a Name,
    guarded: bool,
    did: Did,
}

/// What has to follow a commit.
#[derive(Debug, Default)]
pub(super) struct Did {
    pub(super) records: Vec<Record>,
    pub(super) erased: bool,
    /// The transaction's own, if it lets a signed message out.
    pub(super) mark: Option<Mark>,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(
        sql: rusqlite::Transaction<'a>,
        key: &'a StorageKey,
        party: &'a Name,
        version: &'a Name,
        guarded: bool,
    ) -> Self {
        Self { sql, key, party, version, guarded, did: Did::default() }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.sql
    }

    pub(super) fn commit(self) -> Result<Did, StoreError> {
        self.sql.commit().map_err(sql("commit"))?;
        Ok(self.did)
    }

    /// Pins a round (PROTOCOL 1.2). Messages and secrets of it can be put only after it.
    ///
    /// # Errors
    /// [`StoreError::Pinned`] where a round is there for this id, or for this computation, period and v.
    pub fn put_round(&mut self, round: &RoundRow) -> Result<(), StoreError> {
        let put = "INSERT INTO rounds (id, computation, period, v, agreement_digest, phase, view, started,
            joined, void, abstains, closed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        let row = (
            &round.id,
            &round.computation,
            &round.period,
            round.v,
            &round.agreement_digest,
            &round.phase,
            &round.view,
            round.started.to_string(),
            integer(round.joined),
            round.void,
            round.abstains,
            round.closed,
        );
        match self.sql.execute(put, row) {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(StoreError::Pinned {
                    computation: round.computation.clone(),
                    period: round.period.clone(),
                    v: round.v,
                })
            }
            Err(error) => Err(sql("pin a round")(error)),
        }
    }

    /// Sets where the round is, and what people are shown of it.
    ///
    /// # Errors
    /// Where there is no such round.
    pub fn set_phase(&mut self, round: &[u8; 32], phase: &str, view: &str) -> Result<(), StoreError> {
        self.update("UPDATE rounds SET phase = ?2, view = ?3 WHERE id = ?1", (round, phase, view))
    }

    /// Sets what people are shown of the round. JSON, and never a secret.
    ///
    /// # Errors
    /// Where there is no such round.
    pub fn set_view(&mut self, round: &[u8; 32], view: &str) -> Result<(), StoreError> {
        self.update("UPDATE rounds SET view = ?2 WHERE id = ?1", (round, view))
    }

    /// The round is proven void (PROTOCOL 4.8).
    ///
    /// # Errors
    /// Where there is no such round.
    pub fn set_void(&mut self, round: &[u8; 32]) -> Result<(), StoreError> {
        self.update("UPDATE rounds SET void = 1 WHERE id = ?1", [round])
    }

    /// This party signs nothing in the round any more, for good (PROTOCOL 7).
    ///
    /// # Errors
    /// Where there is no such round.
    pub fn set_abstains(&mut self, round: &[u8; 32]) -> Result<(), StoreError> {
        self.update("UPDATE rounds SET abstains = 1 WHERE id = ?1", [round])
    }

    /// Nobody needs anything of the round any more, unless a peer asks.
    ///
    /// # Errors
    /// Where there is no such round.
    pub fn set_closed(&mut self, round: &[u8; 32]) -> Result<(), StoreError> {
        self.update("UPDATE rounds SET closed = 1 WHERE id = ?1", [round])
    }

    fn update(&mut self, query: &str, with: impl rusqlite::Params) -> Result<(), StoreError> {
        match self.sql.execute(query, with).map_err(sql("change a round"))? {
            0 => Err(StoreError::NoSuchRound),
            _ => Ok(()),
        }
    }

    /// Puts a signed message. False where one with this digest is there: nothing is changed then.
    ///
    /// # Errors
    /// Where there is no such round.
    pub fn put_message(&mut self, round: &[u8; 32], message: &MessageRow) -> Result<bool, StoreError> {
        let put = "INSERT INTO messages (round, digest, author, kind, bytes) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (round, digest) DO NOTHING";
        let row = (round, &message.digest, message.author, message.kind, &message.bytes);
        self.sql.execute(put, row).map(|rows| rows > 0).map_err(no_round("put a message"))
    }

    /// Seals a secret of a round and puts it.
    ///
    /// # Errors
    /// Where there is no such round, or a secret of this name: none is ever replaced.
    pub fn put_secret(&mut self, round: &[u8; 32], name: &str, plain: &[u8]) -> Result<(), StoreError> {
        let sealed = self.key.seal(&secret_aad(round, name), plain);
        let put = "INSERT INTO secrets (round, name, sealed) VALUES (?1, ?2, ?3) ON CONFLICT (round, name) DO NOTHING";
        match self.sql.execute(put, (round, name, sealed)).map_err(no_round("put a secret"))? {
            0 => Err(StoreError::SecretExists { name: name.to_owned() }),
            _ => Ok(()),
        }
    }

    /// A secret of a round, opened.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn secret(&self, round: &[u8; 32], name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        secret(&self.sql, self.key, round, name)
    }

    /// Erases a secret of a round. Nothing happens where there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erase_secret(&mut self, round: &[u8; 32], name: &str) -> Result<(), StoreError> {
        self.erase("DELETE FROM secrets WHERE round = ?1 AND name = ?2", (round, name))
    }

    /// Erases all secrets of a round.
    ///
    /// # Errors
    /// Those of the database.
    pub fn erase_secrets(&mut self, round: &[u8; 32]) -> Result<(), StoreError> {
        self.erase("DELETE FROM secrets WHERE round = ?1", [round])
    }

    fn erase(&mut self, query: &str, with: impl rusqlite::Params) -> Result<(), StoreError> {
        self.did.erased |= self.sql.execute(query, with).map_err(sql("erase secrets"))? > 0;
        Ok(())
    }

    /// Records what happened. Gives the record's number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn audit(&mut self, draft: Draft) -> Result<u64, StoreError> {
        let seq = last_seq(&self.sql)? + 1;
        let record = draft.number(seq, self.party, self.version);
        let line = record.to_line();
        let number = i64::try_from(seq).map_err(|_| StoreError::Nonsense { what: "audit record number" })?;
        let put = "INSERT INTO audit (seq, line) VALUES (?1, ?2)";
        self.sql.execute(put, (number, line.text)).map_err(sql("put an audit record"))?;
        self.did.records.push(record);
        Ok(seq)
    }

    /// Keeps something under a kind and name, in place of what was there. Not for secrets.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_kept(&mut self, kind: &str, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let put = "INSERT INTO kept (kind, name, bytes) VALUES (?1, ?2, ?3)
            ON CONFLICT (kind, name) DO UPDATE SET bytes = excluded.bytes";
        self.sql.execute(put, (kind, name, bytes)).map(drop).map_err(sql("keep something"))
    }

    /// Forgets what is kept under a kind and name. Nothing happens where there is nothing.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_kept(&mut self, kind: &str, name: &str) -> Result<(), StoreError> {
        let drop_it = "DELETE FROM kept WHERE kind = ?1 AND name = ?2";
        self.sql.execute(drop_it, (kind, name)).map(drop).map_err(sql("forget something"))
    }

    /// Keeps the fingerprint of an input that is dealt. `digest` is of the encoded input.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put_input(&mut self, computation: &str, period: &str, digest: &[u8; 32]) -> Result<(), StoreError> {
        let put = "INSERT INTO inputs (computation, period, fingerprint) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        let fingerprint = fingerprint(self.key, computation, digest);
        self.sql.execute(put, (computation, period, fingerprint)).map(drop).map_err(sql("keep a fingerprint"))
    }

    /// Sets the clock that goes on over restarts: its milliseconds, and the wall clock's since 1970 (PROTOCOL 4.9).
    ///
    /// # Errors
    /// Those of the database.
    pub fn set_clock(&mut self, millis: u64, wall: u64) -> Result<(), StoreError> {
        let put = "INSERT INTO meta (name, value) VALUES ('clock', ?1), ('clock-wall', ?2)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.sql.execute(put, (integer(millis), integer(wall))).map(drop).map_err(sql("set its clock"))
    }

    /// Counts this transaction among those that let a signed message out (PROTOCOL 7), once. The guard has its mark
    /// when the commit returns.
    ///
    /// # Errors
    /// [`StoreError::Unguarded`] before [`Store::guard_with`](super::Store::guard_with): nothing may be signed then.
    pub fn raise_sequence(&mut self) -> Result<(), StoreError> {
        if !self.guarded {
            return Err(StoreError::Unguarded);
        }
        match self.did.mark {
            Some(_) => Ok(()),
            None => self.mark(marks(&self.sql)?.0.number.saturating_add(1)),
        }
    }

    /// Ends a recovery: the next mark gets this number, far above the last (PROTOCOL 7).
    ///
    /// # Errors
    /// Those of the database.
    pub fn leap_to(&mut self, number: u64) -> Result<(), StoreError> {
        self.mark(number)
    }

    fn mark(&mut self, number: u64) -> Result<(), StoreError> {
        let (last, _) = marks(&self.sql)?;
        let row = i64::try_from(number).ok().filter(|_| number > last.number);
        let row = row.ok_or(StoreError::Nonsense { what: "sequence number" })?;
        let mark = Mark { number, drawn: fresh_id() };
        let doing = "raise its sequence number";
        let put = "INSERT INTO marks (number, drawn) VALUES (?1, ?2)";
        self.sql.execute(put, (row, mark.drawn)).map_err(sql(doing))?;
        self.sql.execute("DELETE FROM marks WHERE number < ?1", [integer(last.number)]).map_err(sql(doing))?;
        self.did.mark = Some(mark);
        Ok(())
    }
}

/// As a column takes it. What is beyond 2^63 milliseconds is never.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Connected for Transaction<'_> {
    fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        read(&self.sql)
    }
}

/// A foreign key that is not there is a round that is not there.
fn no_round(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| match error.sqlite_error() {
        Some(code) if code.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY => StoreError::NoSuchRound,
        _ => sql(doing)(error),
    }
}
