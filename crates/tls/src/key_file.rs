//! Private key files: written so that nobody else ever could read them, and refused when others can.

mod access;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// No key file of ours is larger; a wrong path to something huge is not read into memory.
const MAX_KEY_FILE: u64 = 64 * 1024;

/// Why a private key file was not written or not used. Never holds any of its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// Others may read or change it.
    #[error("{0}: other users may use this private key (mode {mode:04o}); run `chmod 600 {0}`, and if they should not have seen it, replace the key", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Nothing in it.
    #[error("{}: this private key file is empty; restore it from a backup, or make it anew", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Something else than a key file.
    #[error("{}: this is not a private key file (a text file of at most 64 KiB); check the path", path.display())]
    NotAKeyFile {
        /// The path.
        path: PathBuf,
    },
}

/// Writes a new file with mode 0600 and syncs it and its directory. An existing file is never overwritten.
///
/// # Errors
/// [`KeyFileError::Io`], with `AlreadyExists` when there is a file.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // Without this the name may be gone after a power cut.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    };
    write().map_err(|error| KeyFileError::Io { path: path.to_owned(), error })
}

/// Refuses a key file that its group or others may read, write or run.
///
/// Two ways in which a service is handed a key that root owns look like that and are none: systemd's credentials name the
/// service's user in an access control list, and Kubernetes gives secrets to the group that the service runs as.
///
/// # Errors
/// [`KeyFileError::Open`] with the step that mends it, or that the file is not there or is none.
pub fn check_private(path: &Path) -> Result<(), KeyFileError> {
    open_checked(path).map(|_| ())
}

/// Reads a key file after the check of [`check_private`], on the same open file.
///
/// # Errors
/// As [`check_private`]; [`KeyFileError::NotAKeyFile`] when it is too large or no text, [`KeyFileError::Empty`] when
/// there is nothing in it.
pub fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let file = open_checked(path)?;
    // Room for all of it at once: a buffer that grows would leave copies of the key behind.
    let room = usize::try_from(MAX_KEY_FILE).expect("64 KiB fits") + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    match file.take(MAX_KEY_FILE + 1).read_to_string(&mut text) {
        Ok(_) if text.trim().is_empty() => Err(KeyFileError::Empty { path: path.to_owned() }),
        Ok(read) if read < room => Ok(text),
        Ok(_) => Err(KeyFileError::NotAKeyFile { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(KeyFileError::NotAKeyFile { path: path.to_owned() })
        }
        Err(error) => Err(KeyFileError::Io { path: path.to_owned(), error }),
    }
}

fn open_checked(path: &Path) -> Result<File, KeyFileError> {
    let failed = |error| KeyFileError::Io { path: path.to_owned(), error };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAKeyFile { path: path.to_owned() });
    }
    let (owner, group, mode) = (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
    let list = access::list_of(&file).map_err(failed)?;
    if !access::is_private(access::Owner { owner, group, mode }, &list, access::me()) {
        return Err(KeyFileError::Open { path: path.to_owned(), mode });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn written_keys_are_private_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tls.key");
        write_private(&path, b"secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        check_private(&path).unwrap();
        assert_eq!(read_private(&path).unwrap().as_str(), "secret");
        match write_private(&path, b"other") {
            Err(KeyFileError::Io { error, .. }) => assert_eq!(error.kind(), io::ErrorKind::AlreadyExists),
            other => panic!("{other:?}"),
        }
        assert_eq!(read_private(&path).unwrap().as_str(), "secret");
    }

    #[test]
    fn keys_that_others_may_use_are_refused_with_the_mending_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tls.key");
        write_private(&path, b"secret").unwrap();
        for mode in [0o640, 0o604, 0o660, 0o620, 0o610, 0o644, 0o777] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = check_private(&path).unwrap_err();
            assert!(matches!(&error, KeyFileError::Open { mode: found, .. } if *found == mode), "{error:?}");
            let text = error.to_string();
            assert!(text.contains(&format!("chmod 600 {}", path.display())), "{text}");
            assert!(!text.contains("secret"));
            assert!(read_private(&path).is_err());
        }
        for mode in [0o600, 0o400] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            check_private(&path).unwrap();
        }
    }

    #[test]
    fn what_is_no_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(check_private(&directory.path().join("none")), Err(KeyFileError::Io { .. })));
        assert!(matches!(check_private(directory.path()), Err(KeyFileError::NotAKeyFile { .. })));
        let path = directory.path().join("big");
        write_private(&path, &vec![b'a'; 64 * 1024 + 1]).unwrap();
        assert!(matches!(read_private(&path), Err(KeyFileError::NotAKeyFile { .. })));
        let path = directory.path().join("empty");
        write_private(&path, b" \n").unwrap();
        assert!(matches!(read_private(&path), Err(KeyFileError::Empty { .. })));
        let path = directory.path().join("binary");
        write_private(&path, &[0xff, 0xfe]).unwrap();
        assert!(matches!(read_private(&path), Err(KeyFileError::NotAKeyFile { .. })));
    }
}
