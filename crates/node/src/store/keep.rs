//! What becomes of the log's files and rows in time (PROTOCOL 8.5): a file that is full is sealed, its rows leave the store,
//! and sealed files that are too old are deleted, the oldest first.
//!
//! A row leaves the store only when the very same line stands in a sealed file, which is synced and read-only. From then
//! on that file has the only copy, and the tree's root in the store tells whether it still is what it was. Every step may
//! be cut off by a crash; the next one begins with what is there.

use std::fs::File;
use std::io::BufReader;

use audit::{Anchor, DigestOf, Draft, Event, Past, ReadError, Reader, Root, Segment, Time};
use rusqlite::{Connection, OptionalExtension};

use super::{BATCH, Inner, Store, StoreError, Transaction, read, sql};
use crate::settings::Audit;

/// Batches of rows that leave the store at one look: some milliseconds each, and nothing else is committed meanwhile.
const BATCHES: usize = 5;

/// A sealed file whose rows are leaving the store.
#[derive(Debug)]
pub(super) struct Releasing {
    segment: Segment,
    records: Reader<BufReader<File>>,
}

impl Store {
    /// Looks after the log: seals, lets rows go, deletes. To be called about once a second; each call does a part of what
    /// is to be done.
    ///
    /// # Errors
    /// Those of store and log. Nothing is lost then, and the next call tries again.
    pub fn tend_log(&self, audit: &Audit, now: Time) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.follow()?;
        inner.record_seals()?;
        if inner.log.length() >= audit.segment {
            inner.log.seal()?;
            inner.record_seals()?;
        }
        for _ in 0..BATCHES {
            if !inner.release()? {
                break;
            }
        }
        let keep = audit.keep.and_then(|keep| i64::try_from(keep.as_micros()).ok());
        if let Some(before) = keep.and_then(|keep| now.micros().checked_sub(keep)) {
            inner.delete(Time::from_micros(before))?;
        }
        Ok(())
    }
}

impl Inner {
    /// Sealed files that are not on record yet get their record.
    pub(super) fn record_seals(&mut self) -> Result<(), StoreError> {
        let sealed = past(&self.connection)?.sealed.size;
        let unrecorded: Vec<Segment> =
            self.log.sealed().iter().filter(|segment| segment.last > sealed).cloned().collect();
        for Segment { first, last, .. } in unrecorded {
            let root = self.log.root_at(last)?;
            self.commit(|tx| tx.sealed(first, last, root))?;
        }
        Ok(())
    }

    /// Lets some rows go whose lines are in a sealed file. False where there are none.
    pub(super) fn release(&mut self) -> Result<bool, StoreError> {
        let past = past(&self.connection)?;
        let Some(lowest) = first_row(&self.connection)?.filter(|lowest| *lowest <= past.sealed.size) else {
            self.releasing = None;
            return Ok(false);
        };
        let holds = |segment: &Segment| (segment.first..=segment.last).contains(&lowest);
        let mut releasing = match self.releasing.take().filter(|releasing| holds(&releasing.segment)) {
            Some(releasing) => releasing,
            None => {
                // The rows of a file that is missing stay.
                let Some(segment) = self.log.sealed().iter().find(|segment| holds(segment)) else { return Ok(false) };
                let records = Reader::open(&segment.path);
                let io = |source| StoreError::Io { doing: "read", path: segment.path.clone(), source };
                Releasing { segment: segment.clone(), records: records.map_err(io)? }
            }
        };
        let (rows, end) = (read::audit_from(&self.connection, lowest, BATCH)?, releasing.segment.last);
        let mut same = None;
        for row in rows.iter().take_while(|row| row.seq <= end) {
            if !releasing.has(row)? {
                return Err(StoreError::LogDiffers { path: releasing.segment.path, seq: row.seq });
            }
            same = Some(row.seq);
        }
        let Some(last) = same else { return Ok(false) };
        self.commit(|tx| tx.release(last))?;
        self.releasing = Some(releasing);
        Ok(true)
    }

    /// Deletes the oldest sealed file, where it has no record from `before` on. One at a look: its hashes are compared first,
    /// and nothing else is committed meanwhile.
    fn delete(&mut self, before: Time) -> Result<(), StoreError> {
        let Some(oldest) = self.log.sealed().first().cloned() else { return Ok(()) };
        let waits = first_row(&self.connection)?.is_none_or(|lowest| lowest <= oldest.last);
        if waits || oldest.newest().map_err(audit::LogError::from)? >= before {
            return Ok(());
        }
        self.log.may_delete_oldest()?;
        let Segment { first, last, .. } = oldest;
        let root = self.log.root_at(last)?;
        self.commit(|tx| tx.deleted(first, last, root))?;
        // The file says it too before the lines go: it is what people read.
        self.follow()?;
        self.log.sync()?;
        self.log.delete_oldest()?;
        Ok(())
    }
}

impl Releasing {
    /// Whether the file has this very line, as the next one of those that are looked for.
    fn has(&mut self, row: &audit::Line) -> Result<bool, StoreError> {
        loop {
            match self.records.next() {
                Some(Ok(record)) if record.seq < row.seq => {}
                Some(Ok(record)) => return Ok(record.seq == row.seq && self.records.text() == row.text),
                Some(Err(ReadError::Io { source, .. })) => {
                    return Err(StoreError::Io { doing: "read", path: self.segment.path.clone(), source });
                }
                None | Some(Err(_)) => return Ok(false),
            }
        }
    }
}

impl Transaction<'_> {
    fn sealed(&mut self, first: u64, last: u64, root: Root) -> Result<(), StoreError> {
        self.audit(Draft::new(Event::LogSealed { first, last }).digest(DigestOf::Root, root.0))?;
        put_anchor(self.connection(), SEALED, &Anchor { size: last, root })
    }

    fn deleted(&mut self, first: u64, last: u64, root: Root) -> Result<(), StoreError> {
        self.audit(Draft::new(Event::LogDeleted { first, last }).digest(DigestOf::Root, root.0))?;
        put_anchor(self.connection(), DELETED, &Anchor { size: last, root })
    }

    fn release(&mut self, last: u64) -> Result<(), StoreError> {
        let last = i64::try_from(last).map_err(|_| StoreError::Nonsense { what: "audit record number" })?;
        let delete = "DELETE FROM audit WHERE seq <= ?1";
        self.connection().execute(delete, [last]).map(drop).map_err(sql("let audit records go that are sealed"))
    }
}

/// Names in `meta`: the size, and under the second one the root.
const SEALED: [&str; 2] = ["log-sealed", "log-sealed-root"];
const DELETED: [&str; 2] = ["log-deleted", "log-deleted-root"];

/// What the store knows of the log's past.
pub(super) fn past(connection: &Connection) -> Result<Past, StoreError> {
    Ok(Past { deleted: anchor(connection, DELETED)?, sealed: anchor(connection, SEALED)? })
}

fn anchor(connection: &Connection, names: [&str; 2]) -> Result<Anchor, StoreError> {
    let query = "SELECT a.value, b.value FROM meta AS a, meta AS b WHERE a.name = ?1 AND b.name = ?2";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?));
    let found = connection.query_row(query, names, row).optional().map_err(sql("tell what of the log is sealed"))?;
    Ok(found.map_or_else(Anchor::default, |(size, root)| Anchor { size: size.unsigned_abs(), root: Root(root) }))
}

fn put_anchor(connection: &Connection, names: [&str; 2], anchor: &Anchor) -> Result<(), StoreError> {
    let put = "INSERT INTO meta (name, value) VALUES (?1, ?2), (?3, ?4)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let size = i64::try_from(anchor.size).map_err(|_| StoreError::Nonsense { what: "audit record number" })?;
    let row = (names[0], size, names[1], anchor.root.0);
    connection.execute(put, row).map(drop).map_err(sql("note what of the log is sealed"))
}

/// The lowest number of a record in the store.
fn first_row(connection: &Connection) -> Result<Option<u64>, StoreError> {
    let query = "SELECT min(seq) FROM audit";
    let first: Option<i64> =
        connection.query_row(query, [], |row| row.get(0)).map_err(sql("read the audit records"))?;
    Ok(first.map(i64::unsigned_abs))
}
