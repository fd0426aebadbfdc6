//! What a party has signed of its log, and whether it may sign the log as it is now (PROTOCOL 8.3).
//!
//! Two checkpoints that no one log can have are evidence against their signer for ever. The daemon signs none while its log is
//! behind what was signed of it, nor while it recovers (PROTOCOL 7); no more do commands, which may run without it.

use std::path::PathBuf;

use audit::{ChainExamined, Checkpoint, Examined, LogFault, Root, SignedCheckpoint};
use node::guard::{Found, Guard};
use node::store::{Reads, Store, StoreError};
use protocol::recovery::{Mark, Verdict, verdict};

use super::files::{Cosigned, Log, Own, chain, cosigned};
use crate::exit::{Exit, Failure};

/// Kind under which the daemon's store keeps checkpoints of its own log that the log lacks,
const BEHIND: &str = "log-behind";
/// and, under this name too, why the node recovers.
const RECOVER: &str = "recover";

/// What a person does about it.
const NEXT: &str =
    "put back the newest copy of data_dir; where there is none: smpcd audit acknowledge --by NAME --reason TEXT";

/// All that a party has signed of its log, as far as its guard and its own files tell. What a person went on without is put aside.
pub(super) struct Signed {
    /// Checkpoints with the key of the agreement, each with its file: those that peers have cosigned.
    cosigned: Vec<(PathBuf, SignedCheckpoint)>,
    /// The last that the daemon has signed, by its own file and by its guard.
    last: Vec<(PathBuf, SignedCheckpoint)>,
    /// Why nothing may be signed, whatever the log holds.
    reasons: Vec<String>,
}

/// A log that continues all that was signed of it: one checkpoint more contradicts none.
pub(super) struct Continued<'a> {
    pub(super) log: &'a Log,
    pub(super) records: u64,
    pub(super) root: Root,
}

impl Signed {
    /// Reads it. The log is opened after that: what is signed meanwhile covers records that an open log lacks.
    pub(super) fn read(own: &Own) -> Result<Self, Failure> {
        let mut reasons = stored(own)?;
        let Cosigned { notes, .. } = cosigned(own)?;
        let guard = Guard::open(&own.settings.guard, &own.settings.party);
        let vouched = guard.logs().get(&own.settings.party);
        // One of another key is of an agreement before.
        let vouched = vouched.and_then(|brief| SignedCheckpoint::from_brief(brief, &own.key).ok());
        let mut last: Vec<_> = vouched.map(|note| (guard.path().to_owned(), note)).into_iter().collect();
        if let Some((path, ChainExamined { last: note, faults, .. })) = chain(own)? {
            reasons.extend(faults.iter().map(|fault| {
                format!(
                    "{}: {fault}; so it does not tell what was signed of the log, and nothing more is signed: keep this file, it \
                     is evidence, and put back a copy of it",
                    path.display()
                )
            }));
            last.extend(note.map(|note| (path, note)));
        }
        Ok(Self { cosigned: notes, last, reasons })
    }

    /// Those that peers have cosigned.
    pub(super) fn cosigned(&self) -> impl Iterator<Item = &SignedCheckpoint> {
        self.cosigned.iter().map(|(_, note)| note)
    }

    /// What the log has to be examined against before it is signed.
    pub(super) fn checkpoints(&self) -> Vec<&Checkpoint> {
        self.notes().map(|(_, note)| note.checkpoint()).collect()
    }

    fn notes(&self) -> impl Iterator<Item = &(PathBuf, SignedCheckpoint)> {
        self.cosigned.iter().chain(&self.last)
    }

    /// Whether the log, which was examined against [`Signed::checkpoints`], stands and continues them. Exit code 4 with a line
    /// for each reason why it may not be signed.
    pub(super) fn continued_by<'a>(
        &self,
        own: &Own,
        log: &'a Log,
        examined: &Examined,
    ) -> Result<Continued<'a>, Failure> {
        let departs = |note: &SignedCheckpoint| {
            let against = |fault: &LogFault| match fault {
                LogFault::Root { size } | LogFault::Short { size, .. } => *size == note.size(),
                _ => false,
            };
            note.size() > examined.records || examined.faults.iter().any(against)
        };
        let party = &own.settings.party;
        let departed = self.notes().filter(|(_, note)| departs(note)).map(|(file, note)| {
            format!(
                "{}: it does not continue the checkpoint of {} records in {}, which {party} has signed; one more would be evidence \
                 against {party}, and is not signed: {NEXT}",
                log.path.display(),
                note.size(),
                file.display()
            )
        });
        let mut lines: Vec<String> = self.reasons.iter().cloned().chain(departed).collect();
        if let Err(failure) = log.stands(examined) {
            lines.extend(failure.lines);
        }
        if lines.is_empty() {
            return Ok(Continued { log, records: examined.records, root: examined.root });
        }
        Err(Failure::all(Exit::Unverified, lines))
    }
}

/// Why nothing may be signed, by the daemon's store. Nothing where there is none: no daemon has run here.
fn stored(own: &Own) -> Result<Vec<String>, Failure> {
    let failed = |error: StoreError| Failure::new(Exit::Other, error);
    match Store::open_read_only(&own.settings.data_dir) {
        Ok(store) => reasons_in(own, &store).map_err(failed),
        Err(StoreError::Missing { .. }) => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}

fn reasons_in(own: &Own, store: &impl Reads) -> Result<Vec<String>, StoreError> {
    let (data_dir, party) = (own.settings.data_dir.display(), &own.settings.party);
    let mut reasons = Vec::new();
    for name in store.kept_names(BEHIND)? {
        let who = store.kept(BEHIND, &name)?.unwrap_or_default();
        let (size, who) = (name.split('-').next().unwrap_or_default(), String::from_utf8_lossy(&who));
        reasons.push(format!(
            "{data_dir}: the log is not the one that {party} has signed at {size} records, as {who} keeps it; one more checkpoint \
             would be evidence against {party}, and is not signed: {NEXT}"
        ));
    }
    let found = store.kept(RECOVER, RECOVER)?.map(|found| String::from_utf8_lossy(&found).into_owned());
    reasons.extend(found.or(rolled_back(own, store)?).map(|found| {
        format!(
            "{data_dir}: {found}; so the node recovers, and signs nothing until every other party that holds shares or learns \
             results has told it what it signed: run it (smpcd run), and see whom it waits for (smpcd status)"
        )
    }));
    Ok(reasons)
}

/// What the guard says against the store, in words: the daemon finds the same when it starts.
fn rolled_back(own: &Own, store: &impl Reads) -> Result<Option<String>, StoreError> {
    let marks = store.marks()?;
    let guard = Guard::open(&own.settings.guard, &own.settings.party);
    // A running daemon raises the guard after the store. One whose marks change between two looks signs, so it does not recover.
    let signs = store.marks()? != marks;
    // A store that has signed nothing has no guard yet.
    let new = marks.0 == Mark::NONE && *guard.found() == Found::Missing;
    let sound = signs || new || verdict(&marks.0, &marks.1, guard.mark()) != Verdict::RolledBack;
    Ok((!sound).then(|| format!("the guard {} does not belong to the store", guard.path().display())))
}
