//! The log of a node, checkpoints, and the keys that sign them, from their files.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use audit::{
    ChainExamined, Checkpoint, CheckpointError, Examined, Joined, LogKey, Name, NoteError, NoteSigner, ReadError,
    SignedCheckpoint, Whole,
};
use node::settings::Settings;
use protocol::agreement::{Agreement, Party};

use super::signed::Continued;
use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::exit::{Exit, Failure};
use crate::keys::SigningKey;
use crate::node_file::NodeFile;

/// The log, all its files as they were when it was opened: a running daemon may append, seal and delete meanwhile.
pub(super) struct Log {
    pub(super) path: PathBuf,
    pub(super) whole: Whole,
}

impl Log {
    pub(super) fn open(settings: &Settings) -> Result<Self, Failure> {
        let folder = settings.data_dir.join("audit");
        let path = folder.join("log.jsonl");
        let whole = Whole::open(&folder).map_err(|error| {
            Failure::new(Exit::Other, format!("{}: {error}; the daemon writes it: smpcd run", path.display()))
        })?;
        Ok(Self { path, whole })
    }

    /// The log from its beginning.
    pub(super) fn read(&self) -> Result<Joined, Failure> {
        self.whole.read().map_err(|error| self.failed("read", &error))
    }

    /// Checks the whole log against checkpoints.
    pub(super) fn examine(&self, party: &str, checkpoints: &[&Checkpoint]) -> Result<Examined, Failure> {
        self.whole.examine(Some(&Name::of(party)), checkpoints).map_err(|error| self.failed("read", &error))
    }

    /// What is wrong, as exit code 4; nothing if nothing is.
    pub(super) fn stands(&self, examined: &Examined) -> Result<(), Failure> {
        if examined.faults.is_empty() {
            return Ok(());
        }
        let lines = examined.faults.iter().map(|fault| self.whole.say(fault));
        let next = if self.whole.sealed() == 0 && self.whole.gone() == 0 {
            format!(
                "{}: keep this file as it is, it is evidence; the store still has the records that this node wrote: move \
                 the file away and start the daemon, it writes them anew",
                self.path.display()
            )
        } else {
            format!(
                "{}: keep these files as they are, they are evidence; the store still has the records of log.jsonl: where \
                 that is the bad one, move it away and start the daemon. A sealed file is the only one: put a copy of it back",
                self.path.parent().unwrap_or(&self.path).display()
            )
        };
        Err(Failure::all(Exit::Unverified, lines.chain([next])))
    }

    /// What is wrong at a line of [`Log::read`], with the file that it is in.
    pub(super) fn bad(&self, error: ReadError) -> Failure {
        let (path, line) = self.whole.place(error.line());
        Failure::new(Exit::Unverified, format!("{}: {}", path.display(), error.at(line)))
    }

    /// Makes the log durable, before a checkpoint of it leaves the node (PROTOCOL 8).
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.whole.sync().map_err(|error| self.failed("sync", &error))
    }

    pub(super) fn failed(&self, doing: &str, error: &io::Error) -> Failure {
        Failure::new(Exit::Other, format!("{}: cannot {doing} the log: {error}", self.path.display()))
    }
}

/// A node, its agreement, and the key of its log in it.
pub(super) struct Own {
    pub(super) settings: Settings,
    pub(super) agreement: Agreement,
    pub(super) key: LogKey,
}

impl Own {
    pub(super) fn load(config: &Config) -> Result<Self, Failure> {
        Self::load_under(config, None)
    }

    /// The same with the keys of another agreement than the node's.
    pub(super) fn load_under(config: &Config, agreement: Option<&Path>) -> Result<Self, Failure> {
        let mut settings = NodeFile::load(&config.file)?.settings;
        if let Some(agreement) = agreement {
            settings.agreement = agreement.to_owned();
        }
        let agreement = AgreementFile::load(&settings.agreement)?.agreement;
        let party = agreement.parties().iter().find(|party| party.id == settings.party);
        let key = party.map(|party| log_key(&agreement, party)).ok_or_else(|| {
            let line = format!(
                "{}: there is no party {} in it; check `party` and `agreement` in {}",
                settings.agreement.display(),
                settings.party,
                config.file.display()
            );
            Failure::new(Exit::BadConfiguration, line)
        })?;
        Ok(Self { settings, agreement, key })
    }

    /// The party's signing key, which must be the agreement's.
    pub(super) fn signer(&self) -> Result<SigningKey, Failure> {
        let signer = SigningKey::load(&self.settings.signing_key)?;
        let agreed = self.agreement.parties().iter().find(|party| party.id == self.settings.party);
        if agreed.map(|party| party.signing_key) == Some(NoteSigner::public_key(&signer)) {
            return Ok(signer);
        }
        let line = format!(
            "signing.key: {}: it is not the key of {} in {}: put back the key that the agreement was signed with",
            self.settings.signing_key.display(),
            self.settings.party,
            self.settings.agreement.display()
        );
        Err(Failure::new(Exit::BadConfiguration, line))
    }

    /// Signs a checkpoint of records that were just read, and that continue all that was signed before.
    pub(super) fn sign(&self, continued: &Continued<'_>) -> Result<SignedCheckpoint, Failure> {
        let signer = self.signer()?;
        continued.log.sync()?;
        Ok(SignedCheckpoint::sign(&self.key, continued.records, continued.root, &signer))
    }

    /// A checkpoint of this party's log from a file.
    pub(super) fn checkpoint(&self, file: &Path) -> Result<SignedCheckpoint, Failure> {
        SignedCheckpoint::parse(&text(file, audit::MAX_NOTE)?, &self.key)
            .map_err(|error| self.no_checkpoint(file, &error))
    }

    fn no_checkpoint(&self, file: &Path, error: &CheckpointError) -> Failure {
        let line = format!(
            "{}: {error}; it must be a checkpoint that {} signed under {}",
            file.display(),
            self.settings.party,
            self.settings.agreement.display()
        );
        Failure::new(Exit::Unverified, line)
    }
}

/// Checkpoints of this log that peers have cosigned.
#[derive(Default)]
pub(super) struct Cosigned {
    /// Those of the agreement's keys, each with its file.
    pub(super) notes: Vec<(PathBuf, SignedCheckpoint)>,
    /// Files of this party's log with its keys of another agreement, which say nothing under this one.
    pub(super) other_keys: Vec<PathBuf>,
}

/// Reads the files of this log's checkpoints that peers have cosigned, also peers of an agreement before, by name.
pub(super) fn cosigned(own: &Own) -> Result<Cosigned, Failure> {
    let folder = own.settings.data_dir.join("audit/cosigned");
    let failed = |error: io::Error| Failure::new(Exit::Other, format!("{}: cannot read it: {error}", folder.display()));
    let mut files = match fs::read_dir(&folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .filter(|file| file.as_ref().map_or(true, |file| file.extension().is_some_and(|of| of == "checkpoint")))
            .collect::<io::Result<Vec<_>>>()
            .map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    files.sort();
    let mut found = Cosigned::default();
    for file in files {
        let note = text(&file, audit::MAX_NOTE)?;
        match SignedCheckpoint::parse(&note, &own.key) {
            Ok(note) => found.notes.push((file, note)),
            Err(error) if is_of_other_keys(own, &note, &error) => found.other_keys.push(file),
            Err(error) => return Err(own.no_checkpoint(&file, &error)),
        }
    }
    Ok(found)
}

/// Whether a note that is none of this key may be of this party's log under another agreement: with its name, and signed in
/// that name. By whom, only that agreement tells.
fn is_of_other_keys(own: &Own, note: &str, error: &CheckpointError) -> bool {
    fn party_of(origin: &str) -> Option<&str> {
        let mut parts = origin.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("smpcd"), Some(_), Some(party), Some("audit"), None) => Some(party),
            _ => None,
        }
    }
    let name = match error {
        CheckpointError::Note(NoteError::Unsigned(_)) => own.key.origin(),
        CheckpointError::OtherLog { found, .. } if party_of(found) == party_of(own.key.origin()) => found,
        _ => return false,
    };
    let signed =
        |line: &str| line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')).map(|(by, _)| by == name);
    note.lines().any(|line| signed(line) == Some(true))
}

/// What this party has signed of its log, one checkpoint after another; none where it has signed none.
pub(super) fn chain(own: &Own) -> Result<Option<(PathBuf, ChainExamined)>, Failure> {
    let path = own.settings.data_dir.join("audit/checkpoints.jsonl");
    match File::open(&path) {
        Ok(file) => {
            let examined = ChainExamined::of(BufReader::new(file), &own.key);
            Ok(Some((path, examined)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(Exit::Other, format!("{}: cannot read it: {error}", path.display()))),
    }
}

/// The key of a party's log.
pub(super) fn log_key(agreement: &Agreement, party: &Party) -> LogKey {
    LogKey::new(agreement.name(), &party.id, party.signing_key)
}

/// Who else has cosigned a checkpoint, each with its time: `cosigned by birch at …`. The party whose log it is counts for nobody:
/// it has signed it anyway. A bad cosignature of a party says that somebody changed the file.
pub(super) fn cosigners(
    agreement: &Agreement,
    checkpoint: &SignedCheckpoint,
    file: &Path,
) -> Result<Vec<String>, Failure> {
    let said = |party: &Party| match checkpoint.cosigned_by(&log_key(agreement, party)) {
        Ok(seconds) => Some(Ok(format!("cosigned by {} at {}", party.id, moment(seconds)))),
        Err(audit::NoteError::Unsigned(_)) => None,
        Err(error) => {
            let line = format!("{}: {error}; get the file anew from {}", file.display(), party.id);
            Some(Err(Failure::new(Exit::Unverified, line)))
        }
    };
    others(agreement, checkpoint).filter_map(said).collect()
}

/// The parties that can be witnesses of a log.
pub(super) fn others<'a>(agreement: &'a Agreement, checkpoint: &SignedCheckpoint) -> impl Iterator<Item = &'a Party> {
    agreement.parties().iter().filter(|party| log_key(agreement, party).origin() != checkpoint.checkpoint().origin)
}

/// Seconds since 1970 for people.
fn moment(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| format!("second {seconds}"), |time| time.to_string())
}

/// A file that is text and not longer than `most` bytes.
pub(super) fn text(file: &Path, most: usize) -> Result<String, Failure> {
    let mut text = String::new();
    File::open(file)
        .and_then(|open| open.take(most as u64 + 1).read_to_string(&mut text))
        .map_err(|error| Failure::new(Exit::Other, format!("{}: cannot read it: {error}", file.display())))?;
    Ok(text)
}
