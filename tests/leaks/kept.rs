//! What a party's `data_dir` holds sealed, opened with its storage key: so that tests know what to search for.

use std::fs;
use std::path::{Path, PathBuf};

use node::seal::StorageKey;
use node::store::Store;
use node::vault::Vault;
use wire::{Body, Envelope, ShareContent};
use zeroize::Zeroizing;

use crate::support::Testbed;

/// A copy of a party's `data_dir`. The daemon may run.
pub(crate) struct Kept {
    party: String,
    folder: tempfile::TempDir,
    /// A second copy: to open a store is to mend what a crash left of it.
    opened: tempfile::TempDir,
    key: StorageKey,
}

impl Kept {
    pub(crate) fn copy(testbed: &Testbed, party: usize) -> Self {
        let [folder, opened] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        copy(&testbed.data(party), folder.path());
        copy(folder.path(), opened.path());
        let text = fs::read_to_string(testbed.home(party).join("keys/storage.key")).expect("a key");
        let (_, key) = pem_rfc7468::decode_vec(text.as_bytes()).expect("armour");
        let key = StorageKey::from_bytes(&key.try_into().expect("32 bytes"));
        Self { party: testbed.id(party).to_owned(), folder, opened, key }
    }

    /// Where the copy is, as it was found.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn rows<T>(&self, query: &str, row: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let sql = rusqlite::Connection::open(self.opened.path().join("store.sqlite")).expect("opened");
        let mut query = sql.prepare(query).expect("a table");
        let rows = query.query_map([], |found| row(found)).expect("listed");
        rows.collect::<Result<_, _>>().expect("listed")
    }

    /// The messages of the store, as they were signed.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.rows("SELECT bytes FROM messages", |row| row.get(0))
    }

    /// The secrets of the store, each with its name and whose it is.
    pub(crate) fn secrets(&self) -> Vec<(String, Vec<u8>)> {
        let names: Vec<([u8; 32], String)> =
            self.rows("SELECT round, name FROM secrets", |row| Ok((row.get(0)?, row.get(1)?)));
        let store = Store::open(self.opened.path(), &self.key, &self.party).expect("opened");
        let open = |(round, name): ([u8; 32], String)| {
            let secret = store.secret(&round, &name).expect("opened").expect("there").to_vec();
            secrets_of(&secret).into_iter().map(move |secret| (format!("{name} of {}", self.party), secret))
        };
        names.into_iter().flat_map(open).collect()
    }

    /// The same, sealed, as they lie in the file.
    pub(crate) fn sealed_secrets(&self) -> Vec<(String, Vec<u8>)> {
        let rows = self.rows("SELECT name, sealed FROM secrets", |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
        rows.into_iter().map(|(name, sealed)| (format!("{name} of {}, sealed", self.party), sealed)).collect()
    }

    /// The first chunk of each object of the vault: shares, snapshots, partial sums.
    pub(crate) fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let vault = Vault::open(self.opened.path(), &self.key).expect("opened");
        let mut all = Vec::new();
        for round in vault.rounds().expect("listed") {
            for name in vault.objects(&round).expect("listed") {
                let mut chunk = Zeroizing::new(Vec::new());
                // One that was being erased when the crash came opens no more.
                let Ok(object) = vault.read(&round, &name) else { continue };
                object.read(0, &mut chunk).expect("opened");
                all.push((format!("{name} of {}", self.party), chunk.to_vec()));
            }
        }
        all
    }
}

/// Of a Share its salt and its seed: the rest of the message is public. Anything else is secret as it is.
fn secrets_of(kept: &[u8]) -> Vec<Vec<u8>> {
    let Ok(message) = Envelope::parse(kept) else { return vec![kept.to_vec()] };
    let Body::Share { salt, content, .. } = message.body() else { return vec![kept.to_vec()] };
    let seed = if let ShareContent::Seed(seed) = content { Some(seed.0.to_vec()) } else { None };
    seed.into_iter().chain(salt.as_ref().map(|salt| salt.0.to_vec())).collect()
}

/// The files of the vault, unfinished ones too.
pub(crate) fn bulk_files(testbed: &Testbed, party: usize) -> Vec<PathBuf> {
    super::search::files(&testbed.data(party).join("bulk"))
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.path().is_file() {
            // It may be gone meanwhile.
            let _ = fs::copy(entry.path(), target);
        }
    }
}
