//! A node's directory: where everything lies, and how a new one is made.
//!
//! It is made beside its place and moved in, the node file last: whoever finds a `node.toml` finds a whole directory.
//! The directory is closed to other users, and each key in it has mode 0600.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use node::settings::Policy;
use protocol::card::{Card, SignedCard};
use tls::Authority;
use wire::Signer;

use crate::exit::{Exit, Failure};
use crate::keys::{SigningKey, StorageKey};
use crate::node_template;

/// The names in a node's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// The directory at that path.
    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The directory itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    pub(crate) fn node_file(&self) -> PathBuf {
        self.0.join("node.toml")
    }

    pub(crate) fn signing_key(&self) -> PathBuf {
        self.0.join("keys/signing.key")
    }

    pub(crate) fn storage_key(&self) -> PathBuf {
        self.0.join("keys/storage.key")
    }

    pub(crate) fn authority_key(&self) -> PathBuf {
        self.0.join("keys/authority.key")
    }

    pub(crate) fn tls_key(&self) -> PathBuf {
        self.0.join("keys/tls.key")
    }

    pub(crate) fn authority_certificate(&self) -> PathBuf {
        self.0.join("certs/authority.crt")
    }

    pub(crate) fn tls_certificate(&self) -> PathBuf {
        self.0.join("certs/tls.crt")
    }

    /// The request to a corporate authority.
    pub(crate) fn tls_request(&self) -> PathBuf {
        self.0.join("certs/tls.csr")
    }

    pub(crate) fn card(&self, party: &str) -> PathBuf {
        self.0.join("cards").join(format!("{party}.card"))
    }

    pub(crate) fn signature(&self, party: &str) -> PathBuf {
        self.0.join("signatures").join(format!("{party}.sig"))
    }
}

/// What a new directory is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewHome {
    /// Name of the agreement to come.
    pub(crate) consortium: String,
    /// The party's id.
    pub(crate) party: String,
    /// The organisation's name, for people.
    pub(crate) name: String,
    /// Where peers dial it.
    pub(crate) address: Option<String>,
    /// Where it listens.
    pub(crate) listen: Option<SocketAddr>,
    /// A request to a corporate authority instead of an own one.
    pub(crate) csr: bool,
    /// How rounds are approved.
    pub(crate) policy: Policy,
    /// Path of the agreement, relative to the directory.
    pub(crate) agreement: String,
    /// Input files that have a place of their own: computation and path relative to the directory.
    pub(crate) inputs: Vec<(String, String)>,
}

/// What was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Where.
    pub(crate) home: Home,
    /// The party's signing key, to sign what comes next.
    pub(crate) signing_key: SigningKey,
    /// The party's card; none while a corporate authority has not answered.
    pub(crate) card: Option<SignedCard>,
}

impl NewHome {
    /// Makes the directory. It may exist if it is empty. After a failure it is as it was.
    pub(crate) fn create(&self, folder: &Path) -> Result<Made, Failure> {
        let existed = claim(folder)?;
        let made = self.fill(folder);
        if made.is_err() && !existed {
            // Only an empty directory is removed; the first failure is the one to tell.
            let _ = fs::remove_dir(folder);
        }
        made
    }

    fn fill(&self, folder: &Path) -> Result<Made, Failure> {
        // Inside the directory, because it may be a mount point, which nothing can be moved onto.
        let staging = tempfile::Builder::new()
            .prefix(".init-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(folder)
            .map_err(|error| at(folder, &error))?;
        let (signing_key, card) = self.write(&Home::at(staging.path()))?;
        move_in(staging.path(), folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(|error| at(folder, &error))?;
        Ok(Made { home: Home::at(folder), signing_key, card })
    }

    fn write(&self, home: &Home) -> Result<(SigningKey, Option<SignedCard>), Failure> {
        for folder in ["keys", "certs", "cards", "signatures", "input", "data"] {
            let folder = home.folder().join(folder);
            DirBuilder::new().mode(0o700).create(&folder).map_err(|error| at(&folder, &error))?;
        }
        let signing_key = SigningKey::create(&home.signing_key())?;
        StorageKey::create(&home.storage_key())?;
        let card = if self.csr { self.write_request(home) } else { self.write_identity(home, &signing_key).map(Some) }?;
        write_public(&home.node_file(), &node_template::text(self))?;
        Ok((signing_key, card))
    }

    /// An own authority, its first certificate and the card that carries it.
    fn write_identity(&self, home: &Home, signing_key: &SigningKey) -> Result<SignedCard, Failure> {
        let now = now();
        let (consortium, party) = (self.consortium.as_str(), self.party.as_str());
        let authority = Authority::create(consortium, party, now, tls::AUTHORITY_DAYS).map_err(other)?;
        let issued = authority.issue(consortium, party, now, tls::CERTIFICATE_DAYS).map_err(other)?;
        tls::write_private(&home.authority_key(), authority.key_pem().as_bytes()).map_err(other)?;
        tls::write_private(&home.tls_key(), issued.key_pem.as_bytes()).map_err(other)?;
        write_public(&home.authority_certificate(), authority.cert_pem())?;
        write_public(&home.tls_certificate(), &issued.cert_pem)?;
        let card = Card {
            consortium: self.consortium.clone(),
            party: self.party.clone(),
            name: self.name.clone(),
            serial: 1,
            signing_key: signing_key.public_key(),
            authority_der: authority.cert_der().to_vec(),
            address: self.address.clone(),
            certificates_since: None,
        };
        let card = SignedCard::sign(card, signing_key).map_err(other)?;
        write_public(&home.card(party), &card.to_pem())?;
        Ok(card)
    }

    /// A request to a corporate authority. Its certificate is not known yet, so there is no card.
    fn write_request(&self, home: &Home) -> Result<Option<SignedCard>, Failure> {
        let requested = tls::signing_request(&self.consortium, &self.party).map_err(other)?;
        tls::write_private(&home.tls_key(), requested.key_pem.as_bytes()).map_err(other)?;
        write_public(&home.tls_request(), &requested.csr_pem)?;
        Ok(None)
    }
}

/// Makes sure of an empty directory. True if it existed.
pub(crate) fn claim(folder: &Path) -> Result<bool, Failure> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => Err(Failure::new(
                Exit::Other,
                format!("{}: is not empty, and nothing in it was touched: name a new directory", folder.display()),
            )),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| at(folder, &error))?;
            Ok(false)
        }
        Err(error) => Err(at(folder, &error)),
    }
}

/// Moves all that lies in `from` into `to`, the node file last; moves it out again if that fails.
fn move_in(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(|error| at(from, &error))? {
        names.push(entry.map_err(|error| at(from, &error))?.file_name());
    }
    names.sort_by_key(|name| name == "node.toml");
    for (moved, name) in names.iter().enumerate() {
        if let Err(error) = fs::rename(from.join(name), to.join(name)) {
            for name in &names[..moved] {
                let _ = fs::rename(to.join(name), from.join(name));
            }
            return Err(at(&to.join(name), &error));
        }
    }
    sync_folder(to)
}

/// Writes a file that is no secret, whole or not at all, in the place of an older one.
pub(crate) fn write_public(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text.as_bytes(), 0o644)
}

/// Writes a private key, whole or not at all, in the place of an older one.
pub(crate) fn replace_private(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text.as_bytes(), 0o600)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Its mode is right from its first moment: a key that was readable for a moment was readable.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(|error| at(path, &error))?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|error| at(path, &error))?;
    file.persist(path).map_err(|error| at(path, &error.error))?;
    sync_folder(folder)
}

/// Writes a new file of private data, mode 0600.
pub(crate) fn write_new_private(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|file| {
        let mut file = io::BufWriter::new(file);
        write(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    });
    written.map_err(|error| at(path, &error))
}

fn sync_folder(folder: &Path) -> Result<(), Failure> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| at(folder, &error))
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A failure of the system at a path.
pub(crate) fn at(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Other, format!("{}: {error}", path.display()))
}

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Other, error)
}
