//! Signed notes (C2SP signed-note) with Ed25519 signatures and cosignatures (C2SP tlog-cosignature).
//!
//! Assumed of an attacker: it writes notes, and adds signature lines to those of others. So the text of a note is taken
//! by nobody before a signature of a key that the reader knows has been checked, and unknown lines are passed over.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// Longest note in bytes: a checkpoint with the cosignatures of 1,000 parties and the longest names.
pub const MAX_NOTE: usize = 512 * 1024;

/// What stands before a signature.
const DASH: &str = "\u{2014} ";

/// Signs for one party. The key stays where it is.
///
/// # Security
/// What is signed here are texts that begin with an origin `smpcd/` or with `cosignature/v1`, all longer than the 32
/// bytes that the party's messages sign under the same key (PROTOCOL 1.3): neither can be taken for the other.
pub trait NoteSigner {
    /// Ed25519 public key.
    fn public_key(&self) -> [u8; 32];
    /// Ed25519 signature over these bytes.
    fn sign(&self, bytes: &[u8]) -> [u8; 64];
}

/// Why a text is no note, or not one of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not in the form of a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// No signature of this key.
    #[error("no signature of {0}")]
    Unsigned(String),
    /// A signature of this key that is not good.
    #[error("the signature of {0} is not good: the text or the signature was changed")]
    BadSignature(String),
}

/// What a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureType {
    /// An Ed25519 signature over the text: the log's own.
    Log,
    /// A cosignature with a time: a witness's.
    Cosignature,
}

/// A key that signs notes: its name, its type, the public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    of: SignatureType,
    public: [u8; 32],
}

impl NoteKey {
    /// A key by its name. A name has no spaces and no `+`; none other than those of [`crate::LogKey`] is made here.
    pub(crate) fn new(name: String, of: SignatureType, public: [u8; 32]) -> Self {
        debug_assert!(is_key_name(&name));
        Self { name, of, public }
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, newline, type and public key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', self.type_byte()]);
        hash.update(self.public);
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        [a, b, c, d]
    }

    /// The key as other tools for signed notes take it: `name+id+key`.
    #[must_use]
    pub fn to_vkey(&self) -> String {
        let [a, b, c, d] = self.id();
        let mut key = vec![self.type_byte()];
        key.extend_from_slice(&self.public);
        format!("{}+{a:02x}{b:02x}{c:02x}{d:02x}+{}", self.name, Base64::encode_string(&key))
    }

    fn type_byte(&self) -> u8 {
        match self.of {
            SignatureType::Log => 1,
            SignatureType::Cosignature => 4,
        }
    }

    /// By the strict rules: no small-order key, no malleable signature.
    fn verify(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        let key = VerifyingKey::from_bytes(&self.public);
        key.is_ok_and(|key| key.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok())
    }
}

/// A signature line of a note, of a known or an unknown key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SignatureLine {
    name: String,
    id: [u8; 4],
    bytes: Vec<u8>,
}

/// A text with signature lines. Nothing in it is checked yet but its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// A text, each line with its end, that nobody has signed.
    pub(crate) fn new(text: String) -> Self {
        Self { text, signatures: Vec::new() }
    }

    /// The text. Nothing to rely on before [`Note::verify`].
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How many signature lines there are.
    pub(crate) fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// Adds the log's own signature.
    pub(crate) fn sign(&mut self, key: &NoteKey, signer: &dyn NoteSigner) {
        let signature = signer.sign(self.text.as_bytes());
        self.add(key, signature.to_vec());
    }

    /// Adds a cosignature of this time, in seconds since 1970, in place of an older one of the key.
    pub(crate) fn cosign(&mut self, key: &NoteKey, signer: &dyn NoteSigner, seconds: u64) {
        let mut bytes = seconds.to_be_bytes().to_vec();
        bytes.extend_from_slice(&signer.sign(cosigned(&self.text, seconds).as_bytes()));
        self.add(key, bytes);
    }

    fn add(&mut self, key: &NoteKey, bytes: Vec<u8>) {
        let id = key.id();
        self.signatures.retain(|line| line.name != key.name || line.id != id);
        self.signatures.push(SignatureLine { name: key.name.clone(), id, bytes });
    }

    /// Leaves out the lines of all other keys. They were not checked, and may be anything.
    pub(crate) fn keep_only(&mut self, keys: &[&NoteKey]) {
        self.signatures.retain(|line| keys.iter().any(|key| line.name == key.name && line.id == key.id()));
    }

    /// Checks the log's own signature.
    pub(crate) fn verify(&self, key: &NoteKey) -> Result<(), NoteError> {
        self.verify_each(key, |bytes| {
            let signature = bytes.try_into().ok()?;
            key.verify(self.text.as_bytes(), signature).then_some(())
        })
    }

    /// Checks a cosignature and gives its time, in seconds since 1970.
    pub(crate) fn verify_cosignature(&self, key: &NoteKey) -> Result<u64, NoteError> {
        self.verify_each(key, |bytes| {
            let (seconds, signature) = bytes.split_first_chunk::<8>()?;
            let seconds = u64::from_be_bytes(*seconds);
            // The format's own bound: more than 2^63 - 1 seconds is no time.
            let fits = i64::try_from(seconds).is_ok();
            let good = fits && key.verify(cosigned(&self.text, seconds).as_bytes(), signature.try_into().ok()?);
            good.then_some(seconds)
        })
    }

    /// A key that has signed may not have a bad signature too: then somebody changed the note.
    fn verify_each<T>(&self, key: &NoteKey, check: impl Fn(&[u8]) -> Option<T>) -> Result<T, NoteError> {
        let id = key.id();
        let mut found = None;
        for line in self.signatures.iter().filter(|line| line.name == key.name && line.id == id) {
            found = Some(check(&line.bytes).ok_or_else(|| NoteError::BadSignature(key.name.clone()))?);
        }
        found.ok_or_else(|| NoteError::Unsigned(key.name.clone()))
    }
}

/// What a cosignature is over.
fn cosigned(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let bytes = [&line.id[..], &line.bytes].concat();
            writeln!(f, "{DASH}{} {}", line.name, Base64::encode_string(&bytes))?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        let malformed = NoteError::Malformed;
        if note.len() > MAX_NOTE {
            return Err(malformed("it is longer than any note"));
        }
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(malformed("it has control characters, such as a carriage return"));
        }
        let end = note.rfind("\n\n").ok_or(malformed("there is no empty line before the signatures"))?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(malformed("the last line has no end"))?;
        let signatures = lines.split('\n').map(|line| signature(line).ok_or(malformed("a signature line is damaged")));
        Ok(Self { text: text.to_owned(), signatures: signatures.collect::<Result<_, _>>()? })
    }
}

fn signature(line: &str) -> Option<SignatureLine> {
    let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = Base64::decode_vec(bytes).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    let good = is_key_name(name) && !bytes.is_empty();
    good.then(|| SignatureLine { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first example of the signed note format, with its published key.
    #[test]
    fn a_note_made_by_others_verifies() {
        let note = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
            \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let public = Base64::decode_vec("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").expect("base64");
        let public: [u8; 32] = public[1..].try_into().expect("32 bytes");
        let key = NoteKey::new("PeterNeumann".into(), SignatureType::Log, public);
        assert_eq!(key.to_vkey(), vkey);
        let read: Note = note.parse().expect("a note");
        assert_eq!(read.verify(&key), Ok(()));
        assert_eq!(read.to_string(), note);
        let changed: Note = note.replace("problem is", "problem was").parse().expect("a note");
        assert_eq!(changed.verify(&key), Err(NoteError::BadSignature("PeterNeumann".into())));
        let other = NoteKey::new("PeterNeumann".into(), SignatureType::Cosignature, public);
        assert_eq!(read.verify_cosignature(&other), Err(NoteError::Unsigned("PeterNeumann".into())));
    }
}
