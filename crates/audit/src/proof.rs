//! A proof that a record is in a log, as one file (C2SP tlog-proof; PROTOCOL 8).
//!
//! It holds the record's line as extra data, its index from 0, the path, and the checkpoint with whatever cosignatures
//! it has. Whoever has the log's key, from the agreement, checks it with nothing else.

use core::fmt::Write as _;

use base64ct::{Base64, Encoding};

use crate::checkpoint::{Checkpoint, CheckpointError, LogKey, SignedCheckpoint};
use crate::note::MAX_NOTE;
use crate::record::{BadLine, MAX_LINE, Record};
use crate::tree::{MAX_PATH, Path, check_inclusion, leaf_hash};

/// The first line of a proof.
const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// Longest proof in bytes.
pub const MAX_PROOF: usize = 2 * MAX_LINE + 64 * MAX_PATH + MAX_NOTE;

/// Why a file proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Not in the form of a proof.
    #[error("not a proof of a record: {0}")]
    Malformed(&'static str),
    /// Its checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its record.
    #[error("the record of the proof: {0}")]
    Record(#[from] BadLine),
    /// The record is not at its place, or not of the party.
    #[error("record {seq} of party {party} cannot be at place {place} of this log")]
    Place {
        /// The record's number.
        seq: u64,
        /// The record's party.
        party: String,
        /// The place that the proof is for.
        place: u64,
    },
    /// The path does not lead to the checkpoint.
    #[error(
        "the record is not in the log that the checkpoint is of: the record, the path or the checkpoint was changed"
    )]
    NotInLog,
}

/// A record with the proof that it is in a log. Nothing is checked yet but the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    line: String,
    index: u64,
    path: Path,
    checkpoint: String,
}

/// A record that is in the log of a party, as a checkpoint of it shows.
#[derive(Debug)]
pub struct ProvenRecord {
    /// The record.
    pub record: Record,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
}

impl RecordProof {
    /// The proof for this line, which is record `seq`, from 1, under a checkpoint.
    #[must_use]
    pub fn new(line: String, seq: u64, path: Path, checkpoint: &SignedCheckpoint) -> Self {
        Self { line, index: seq.saturating_sub(1), path, checkpoint: checkpoint.to_string() }
    }

    /// What its checkpoint claims: to find the key for [`RecordProof::check`].
    ///
    /// # Errors
    /// Where it is no checkpoint.
    pub fn claimed(&self) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::claimed(&self.checkpoint)
    }

    /// Checks the proof with the log's key.
    ///
    /// # Errors
    /// Where it does not prove that the record is in the log.
    pub fn check(&self, log: &LogKey) -> Result<ProvenRecord, ProofError> {
        let checkpoint = SignedCheckpoint::parse(&self.checkpoint, log)?;
        let leaf = leaf_hash(&self.line);
        check_inclusion(&leaf, self.index, checkpoint.size(), checkpoint.root(), &self.path)
            .map_err(|_| ProofError::NotInLog)?;
        let record = Record::parse(&self.line)?;
        if self.index.checked_add(1) != Some(record.seq) || record.party.as_str() != log.party() {
            let (seq, party) = (record.seq, record.party.to_string());
            return Err(ProofError::Place { seq, party, place: self.index });
        }
        Ok(ProvenRecord { record, checkpoint })
    }

    /// The proof as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\nextra {}\nindex {}\n", Base64::encode_string(self.line.as_bytes()), self.index);
        for hash in &self.path {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", Base64::encode_string(hash));
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// Where it has another form.
    pub fn from_text(text: &str) -> Result<Self, ProofError> {
        let malformed = ProofError::Malformed;
        if text.len() > MAX_PROOF {
            return Err(malformed("it is longer than any proof"));
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed("it has no checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEAD) {
            return Err(malformed("it does not begin with c2sp.org/tlog-proof@v1"));
        }
        let line = lines.next().and_then(|line| line.strip_prefix("extra "));
        let line = line.and_then(|line| Base64::decode_vec(line).ok()).and_then(|line| String::from_utf8(line).ok());
        let line = line.ok_or(malformed("it does not hold the record as extra data"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|text| text.parse::<u64>().ok().filter(|index| index.to_string() == text));
        let index = index.ok_or(malformed("it has no index"))?;
        let hash = |line: &str| Base64::decode_vec(line).ok()?.try_into().ok();
        let path = lines.take(MAX_PATH + 1).map(hash).collect::<Option<Path>>();
        let path = path.filter(|path| path.len() <= MAX_PATH).ok_or(malformed("its path is damaged"))?;
        Ok(Self { line, index, path, checkpoint: checkpoint.to_owned() })
    }
}
