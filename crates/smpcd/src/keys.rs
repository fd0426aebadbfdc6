//! A party's own secret keys as files: 32 random bytes in armour, mode 0600, synced, never overwritten.
//!
//! Assumed of an attacker: another user of the same machine. So a key that its group or others may read is refused, and
//! no key is ever taken from a command line or printed. Keys in memory are wiped when dropped.

use std::fmt;
use std::path::Path;

use node::settings::Settings;
use pem_rfc7468::LineEnding;
use rand::TryRng;
use rand::rngs::SysRng;
use wire::Signer;
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};

/// Armour of a signing key.
const SIGNING: &str = "SMPCD SIGNING KEY";
/// Armour of a storage key.
const STORAGE: &str = "SMPCD STORAGE KEY";

/// The Ed25519 key that signs a party's messages, its card and the agreement (PROTOCOL 1.3).
pub(crate) struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Makes a key and writes it to a new file.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        Ok(Self::from(&create(path, SIGNING)?))
    }

    /// Reads the key; refuses a file that others may read.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        Ok(Self::from(&load(path, SIGNING, "signing.key")?))
    }

    fn from(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(bytes))
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, digest: &[u8]) -> [u8; 64] {
        ed25519_dalek::Signer::sign(&self.0, digest).to_bytes()
    }
}

/// Signs notes about the audit log (PROTOCOL 8.2).
impl audit::NoteSigner for SigningKey {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        ed25519_dalek::Signer::sign(&self.0, bytes).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(<redacted>)")
    }
}

/// The key under which secrets lie in the data directory (PROTOCOL 7).
pub(crate) struct StorageKey(Zeroizing<[u8; 32]>);

impl StorageKey {
    /// Makes a key and writes it to a new file.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        create(path, STORAGE).map(Self)
    }

    /// Reads the key; refuses a file that others may read.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        load(path, STORAGE, "storage.key").map(Self)
    }

    /// The key. Whoever takes it wipes what is copied.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(<redacted>)")
    }
}

fn create(path: &Path, label: &'static str) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let mut bytes = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(bytes.as_mut()).map_err(|error| {
        Failure::new(Exit::Other, format!("{}: the system gives no random bytes: {error}", path.display()))
    })?;
    let armour = pem_rfc7468::encode_string(label, LineEnding::LF, bytes.as_ref()).map(Zeroizing::new);
    let armour = armour.expect("the labels are well formed and 32 bytes are short");
    tls::write_private(path, armour.as_bytes()).map_err(|error| Failure::new(Exit::Other, error))?;
    Ok(bytes)
}

/// This node's TLS certificate and key. Errors name the setting whose file is wrong.
pub(crate) fn identity(settings: &Settings) -> Result<tls::NodeIdentity, Failure> {
    node::identity::load(settings).map_err(|error| Failure::new(Exit::BadConfiguration, error))
}

fn load(path: &Path, label: &'static str, setting: &str) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let refuse = |text: String| Failure::new(Exit::BadConfiguration, format!("{setting}: {text}"));
    let text = tls::read_private(path).map_err(|error| match &error {
        tls::KeyFileError::Io { error: io, .. } if io.kind() == std::io::ErrorKind::NotFound => {
            refuse(format!("{error}; `smpcd init` writes it, and a lost one comes back from a backup only"))
        }
        _ => refuse(error.to_string()),
    })?;
    // Neither what the decoder says nor any part of the file goes into an error: it may be a key.
    let mut bytes = Zeroizing::new([0; 32]);
    match pem_rfc7468::decode(text.trim().as_bytes(), bytes.as_mut()) {
        Ok((found, key)) if found == label && key.len() == 32 => Ok(bytes),
        Ok((found, _)) if found != label && is_ours(found) => {
            Err(refuse(format!("{}: holds a {found}, not a {label}: check the paths of both", path.display())))
        }
        _ => Err(refuse(format!("{}: holds no {label} of 32 bytes: restore it from a backup", path.display()))),
    }
}

fn is_ours(label: &str) -> bool {
    [SIGNING, STORAGE].contains(&label)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, metadata, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_come_back_from_their_files_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        let made = SigningKey::create(&path).unwrap();
        let loaded = SigningKey::load(&path).unwrap();
        assert_eq!(made.public_key(), loaded.public_key());
        assert!(wire::verify(&loaded.public_key(), &[7; 32], &made.sign(&[7; 32])));
        assert_eq!(metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let path = folder.path().join("storage.key");
        let made = StorageKey::create(&path).unwrap();
        assert_eq!(made.bytes(), StorageKey::load(&path).unwrap().bytes());
        assert_ne!(made.bytes(), &[0; 32]);
        assert_eq!(metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn two_keys_differ_and_none_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("1.key"), folder.path().join("2.key"));
        let key = SigningKey::create(&first).unwrap();
        assert_ne!(key.public_key(), SigningKey::create(&second).unwrap().public_key());
        assert!(SigningKey::create(&first).is_err());
        assert_eq!(key.public_key(), SigningKey::load(&first).unwrap().public_key());
    }

    #[test]
    fn what_others_may_read_is_refused_with_the_mending_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("storage.key");
        StorageKey::create(&path).unwrap();
        for mode in [0o640, 0o604, 0o666] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let failure = StorageKey::load(&path).unwrap_err();
            assert_eq!(failure.exit, Exit::BadConfiguration);
            assert!(failure.lines[0].contains(&format!("chmod 600 {}", path.display())), "{failure:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k.key");
        let armour = |label: &str, bytes: &[u8]| pem_rfc7468::encode_string(label, LineEnding::LF, bytes).unwrap();
        let secret = "c2VjcmV0";
        for (text, part) in [
            (String::new(), "is empty"),
            (secret.to_owned(), "holds no SMPCD SIGNING KEY"),
            (armour(SIGNING, &[1; 31]), "holds no SMPCD SIGNING KEY"),
            (armour(SIGNING, &[1; 33]), "holds no SMPCD SIGNING KEY"),
            (armour("PRIVATE KEY", &[1; 32]), "holds no SMPCD SIGNING KEY"),
            (armour(STORAGE, &[1; 32]), "holds a SMPCD STORAGE KEY, not a SMPCD SIGNING KEY"),
        ] {
            write(&path, &text).unwrap();
            set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let failure = SigningKey::load(&path).unwrap_err();
            assert!(failure.lines[0].contains(part), "{text:?}: {failure:?}");
            assert!(!failure.lines[0].contains(secret));
            assert!(!failure.lines[0].contains("AQEB"), "{failure:?}");
        }
        let missing = SigningKey::load(&folder.path().join("none")).unwrap_err().lines[0].clone();
        assert!(missing.starts_with("signing.key: ") && missing.contains("smpcd init"), "{missing}");
    }

    #[test]
    fn keys_print_nothing() {
        let key = SigningKey::from(&Zeroizing::new([65; 32]));
        assert_eq!(format!("{key:?}"), "SigningKey(<redacted>)");
        assert_eq!(format!("{:?}", StorageKey(Zeroizing::new([65; 32]))), "StorageKey(<redacted>)");
    }
}
