//! Checkpoints: what a party signs about its log (PROTOCOL 8; C2SP tlog-checkpoint and tlog-cosignature).
//!
//! A checkpoint says: at this size my log had this root. Its text has three lines and no more: origin, size, root. A
//! [`SignedCheckpoint`] exists only with the log's own good signature.

use base64ct::{Base64, Encoding};

use crate::note::{Note, NoteError, NoteKey, NoteSigner, SignatureType};
use crate::tree::Root;

/// Whose log it is, and the key that it signs with: from the agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    party: String,
    log: NoteKey,
    witness: NoteKey,
}

impl LogKey {
    /// The key of a party of a consortium. The origin of its log, and the name of both its keys, is
    /// `smpcd/CONSORTIUM/PARTY/audit`; of the two names, what is no letter, digit, `-`, `.`, `_` or `~` is `%XX`.
    #[must_use]
    pub fn new(consortium: &str, party: &str, public: [u8; 32]) -> Self {
        let name = format!("smpcd/{}/{}/audit", escaped(consortium), escaped(party));
        let log = NoteKey::new(name.clone(), SignatureType::Log, public);
        Self { party: party.to_owned(), log, witness: NoteKey::new(name, SignatureType::Cosignature, public) }
    }

    /// The party.
    #[must_use]
    pub fn party(&self) -> &str {
        &self.party
    }

    /// The first line of each of its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.log.name()
    }

    /// The key of its checkpoints.
    #[must_use]
    pub fn log(&self) -> &NoteKey {
        &self.log
    }

    /// The key of its cosignatures on other logs' checkpoints.
    #[must_use]
    pub fn witness(&self) -> &NoteKey {
        &self.witness
    }
}

fn escaped(name: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(escape).collect()
}

/// Why a text is no checkpoint of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note, or its signature.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Signed, but no checkpoint.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// Of another log.
    #[error("a checkpoint of {found}, not of {expected}")]
    OtherLog {
        /// The log that it should be of.
        expected: String,
        /// The log that it names.
        found: String,
    },
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// The root over them.
    pub root: Root,
}

impl Checkpoint {
    /// Reads what a note claims, with no signature checked: to find out whose it is, and for nothing else.
    ///
    /// # Errors
    /// Where it is no checkpoint.
    pub fn claimed(text: &str) -> Result<Self, CheckpointError> {
        Self::of(text.parse::<Note>()?.text())
    }

    fn of(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), Some(""), None) =
            (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed("it has not the three lines: origin, size, root"));
        };
        let number = size.parse::<u64>().ok().filter(|number| number.to_string() == size);
        let number = number.ok_or(malformed("the size is no number"))?;
        let root = Base64::decode_vec(root).ok().and_then(|root| root.try_into().ok());
        let root = Root(root.ok_or(malformed("the root is no SHA-256 in base64"))?);
        if origin.is_empty() || (number == 0 && root != Root::EMPTY) {
            return Err(malformed("it has no origin, or a root of nothing that is none"));
        }
        Ok(Self { origin: origin.to_owned(), size: number, root })
    }

    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, Base64::encode_string(&self.root.0))
    }
}

/// A checkpoint that its log has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Signs a checkpoint of this party's own log.
    ///
    /// # Security
    /// Two checkpoints that no one log can have are evidence against their signer for ever. So sign only a root that was
    /// just computed from records that are durable.
    #[must_use]
    pub fn sign(log: &LogKey, size: u64, root: Root, signer: &dyn NoteSigner) -> Self {
        let checkpoint = Checkpoint { origin: log.origin().to_owned(), size, root };
        let mut note = Note::new(checkpoint.text());
        note.sign(&log.log, signer);
        Self { checkpoint, note }
    }

    /// Reads a checkpoint of this log and checks the log's signature. Lines of other keys stay as they are.
    ///
    /// # Errors
    /// Where it is no checkpoint, one of another log, or not signed by this one.
    pub fn parse(text: &str, log: &LogKey) -> Result<Self, CheckpointError> {
        let note: Note = text.parse()?;
        let checkpoint = Checkpoint::of(note.text())?;
        if checkpoint.origin != log.origin() {
            let expected = log.origin().to_owned();
            return Err(CheckpointError::OtherLog { expected, found: checkpoint.origin });
        }
        note.verify(&log.log)?;
        Ok(Self { checkpoint, note })
    }

    /// What it says.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// How many records.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root over them.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.checkpoint.root
    }

    /// The time of this witness's cosignature, in seconds since 1970 by its clock.
    ///
    /// # Errors
    /// Where it has not cosigned, or the cosignature is not good.
    pub fn cosigned_by(&self, witness: &LogKey) -> Result<u64, NoteError> {
        self.note.verify_cosignature(&witness.witness)
    }

    /// The checkpoint with the log's own signature and this witness's, where it has one, and no other: whoever hands a
    /// checkpoint on can write any line of another key below it.
    #[must_use]
    pub fn stripped(&self, log: &LogKey, witness: Option<&LogKey>) -> Self {
        let witness = witness.filter(|witness| self.cosigned_by(witness).is_ok());
        let keys: Vec<&NoteKey> =
            [Some(&log.log), witness.map(|witness| &witness.witness)].into_iter().flatten().collect();
        let mut stripped = self.clone();
        stripped.note.keep_only(&keys);
        stripped
    }

    /// The checkpoint as `SIZE ROOT SIGNATURE`, both in base64, with the log's own signature: it has no spaces but these two.
    #[must_use]
    pub fn to_brief(&self, log: &LogKey) -> String {
        let note = self.stripped(log, None).to_string();
        let signature = note.trim_end().rsplit(' ').next().unwrap_or_default().to_owned();
        format!("{} {} {signature}", self.size(), Base64::encode_string(&self.root().0))
    }

    /// Reads what [`SignedCheckpoint::to_brief`] wrote of a checkpoint of this log.
    ///
    /// # Errors
    /// As for [`SignedCheckpoint::parse`].
    pub fn from_brief(brief: &str, log: &LogKey) -> Result<Self, CheckpointError> {
        let [size, root, signature] = brief.split(' ').collect::<Vec<_>>()[..] else {
            return Err(CheckpointError::Malformed("it has not the three parts: size, root, signature"));
        };
        let origin = log.origin();
        Self::parse(&format!("{origin}\n{size}\n{root}\n\n\u{2014} {} {signature}\n", log.log.name()), log)
    }

    /// How many signatures it has, the log's own and those of unknown keys included.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.note.signatures()
    }

    /// Adds a cosignature. Only a [`crate::Witnessed`] checkpoint gets one.
    pub(crate) fn cosign(&mut self, witness: &LogKey, signer: &dyn NoteSigner, seconds: u64) {
        self.note.cosign(&witness.witness, signer, seconds);
    }
}

impl core::fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.note.fmt(f)
    }
}
