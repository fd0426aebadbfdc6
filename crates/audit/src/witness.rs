//! A witness: what a party remembers of a peer's log, so that the peer cannot rewrite or cut it unseen (PROTOCOL 8).
//!
//! Assumed of an attacker: it owns the peer, its signing key and its whole disk, and shows each party what it likes. It
//! cannot make two logs with one root, nor take back what it signed.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{CheckpointError, LogKey, SignedCheckpoint};
use crate::note::NoteSigner;
use crate::tree::{Path, check_consistency};

/// What one party has seen of one log: the latest checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    log: LogKey,
    seen: Option<SignedCheckpoint>,
}

impl Witness {
    /// A witness that has seen nothing of this log yet.
    #[must_use]
    pub fn new(log: LogKey) -> Self {
        Self { log, seen: None }
    }

    /// A witness that goes on from the checkpoint that it kept.
    ///
    /// # Errors
    /// Where the text is no checkpoint of the log.
    pub fn resume(log: LogKey, kept: &str) -> Result<Self, CheckpointError> {
        let seen = SignedCheckpoint::parse(kept, &log)?;
        Ok(Self { log, seen: Some(seen) })
    }

    /// The latest checkpoint that was accepted: to be kept, and to ask for a proof from its size.
    #[must_use]
    pub fn seen(&self) -> Option<&SignedCheckpoint> {
        self.seen.as_ref()
    }

    /// Looks at the checkpoint that the log shows as its latest. `path` is the consistency proof from the size last
    /// seen; empty where nothing was seen or the sizes are equal.
    ///
    /// # Errors
    /// Where it is no checkpoint of the log, or does not continue what was seen. Then nothing is remembered of it.
    pub fn look(&mut self, shown: &str, path: &Path) -> Result<Witnessed, LookError> {
        // What else stands below it is not kept, nor handed on with this witness's signature.
        let shown = SignedCheckpoint::parse(shown, &self.log)?.stripped(&self.log, None);
        if let Some(seen) = &self.seen
            && let Some(kind) = departure(seen, &shown, path)
        {
            let (seen, shown) = (seen.to_string(), shown.to_string());
            return Err(LookError::Alarm(Box::new(Departure { kind, seen, shown })));
        }
        self.seen = Some(shown.clone());
        Ok(Witnessed(shown))
    }
}

/// How `shown` departs from `seen`, if it does.
fn departure(seen: &SignedCheckpoint, shown: &SignedCheckpoint, path: &Path) -> Option<DepartureKind> {
    if shown.size() == seen.size() {
        return (shown.root() != seen.root()).then_some(DepartureKind::Fork);
    }
    if shown.size() < seen.size() {
        return Some(DepartureKind::Shrunk);
    }
    let consistent = check_consistency(seen.size(), seen.root(), shown.size(), shown.root(), path);
    consistent.is_err().then_some(DepartureKind::Unproven)
}

/// A checkpoint that continues all that the witness has seen of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed(SignedCheckpoint);

impl Witnessed {
    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.0
    }

    /// The checkpoint with the witness's cosignature: as of this time, in seconds since 1970, it is the largest that was
    /// seen, and it continues all the others.
    #[must_use]
    pub fn cosign(mut self, witness: &LogKey, signer: &dyn NoteSigner, seconds: u64) -> SignedCheckpoint {
        self.0.cosign(witness, signer, seconds);
        self.0
    }
}

/// Why a checkpoint is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// No checkpoint of the log: it says nothing about it.
    #[error(transparent)]
    NoCheckpoint(#[from] CheckpointError),
    /// The log does not continue what was seen.
    #[error("{0}")]
    Alarm(Box<Departure>),
}

/// How a log departs from what a witness saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepartureKind {
    /// Two roots at one size. The two checkpoints prove it to anybody.
    Fork,
    /// Fewer records than before. That the smaller checkpoint came later is the witness's word.
    Shrunk,
    /// More records, but no proof that the old ones are among them. The log can refute it with a good proof at any time.
    Unproven,
}

impl DepartureKind {
    /// Its name in records and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Shrunk => "shrunk",
            Self::Unproven => "unproven",
        }
    }
}

/// Evidence that a log was rewritten or cut: two checkpoints that it signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Departure {
    /// What is wrong.
    pub kind: DepartureKind,
    /// The checkpoint that the witness had seen.
    pub seen: String,
    /// The one that it was shown then.
    pub shown: String,
}

impl Departure {
    /// Checks the evidence with the log's key alone: both checkpoints are signed by it, and stand to each other as
    /// `kind` says. Only a [`DepartureKind::Fork`] is proven by this; see the others for whose word they are.
    ///
    /// # Errors
    /// Where a checkpoint is not the log's.
    pub fn check(&self, log: &LogKey) -> Result<bool, CheckpointError> {
        let seen = SignedCheckpoint::parse(&self.seen, log)?;
        let shown = SignedCheckpoint::parse(&self.shown, log)?;
        Ok(departure(&seen, &shown, &Path::new()) == Some(self.kind))
    }
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            DepartureKind::Fork => "the log has forked: it signed two roots at one size",
            DepartureKind::Shrunk => "the log has shrunk: it shows fewer records than it showed before",
            DepartureKind::Unproven => "the log does not prove that it continues what it showed before",
        })
    }
}
