//! Files that prove something to anybody: the bundle of a result, and evidence against a party (PROTOCOL 5.4, 5.5).
//!
//! The agreement is the reader's own: it says whose keys count. Nothing else is needed, no secret and no daemon.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use protocol::agreement::Agreement;
use protocol::round::{Cores, NotProven, Proven, examine};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use wire::dossier::{Claim, Dossier, MAX_DOSSIER};

use crate::agreement_file::AgreementFile;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Which agreement a file is checked under.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Under {
    /// The agreement that the round ran under, as the reader has it
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub(crate) agreement: Option<PathBuf>,
    /// The node file of a party: its agreement is taken where none is given
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What a file has to claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A result.
    Bundle,
    /// A fault.
    Evidence,
}

impl Under {
    /// The data directory of the node that is named, if one is.
    pub(crate) fn data_dir(&self) -> Result<Option<PathBuf>, Failure> {
        self.config.as_deref().map(|file| NodeFile::load(file).map(|node| node.settings.data_dir)).transpose()
    }

    /// The agreement.
    pub(crate) fn load(&self) -> Result<Agreement, Failure> {
        let file = match (&self.agreement, &self.config) {
            (Some(file), _) => file.clone(),
            (None, Some(config)) => NodeFile::load(config)?.settings.agreement,
            // clap asks for one of them.
            (None, None) => PathBuf::from("agreement.toml"),
        };
        Ok(AgreementFile::load(&file)?.agreement)
    }
}

/// Reads a file of that kind and checks it. Exit code 4 with one line where it proves nothing.
pub(crate) fn verify(file: &Path, kind: Kind, agreement: &Agreement) -> Result<Proven, Failure> {
    verify_bytes(file, &bytes_of(file)?, kind, agreement)
}

/// The same of bytes that stand elsewhere; `file` names them.
pub(crate) fn verify_bytes(file: &Path, bytes: &[u8], kind: Kind, agreement: &Agreement) -> Result<Proven, Failure> {
    let refused = |why: &str| Failure::new(Exit::Unverified, format!("{}: {why}", file.display()));
    if let Ok(dossier) = Dossier::decode(bytes) {
        match (kind, dossier.claim) {
            (Kind::Bundle, Claim::Fault { .. }) => {
                return Err(refused(
                    "this is evidence against a party and no bundle of a result; check it with: smpcd evidence verify",
                ));
            }
            (Kind::Evidence, Claim::Result) => {
                return Err(refused(
                    "this is the bundle of a result and no evidence against a party; check it with: smpcd result verify",
                ));
            }
            _ => {}
        }
    }
    examine(agreement, bytes, &mut UnwrapErr(SysRng), &mut AllCores).map_err(|error| {
        let next = match &error {
            NotProven::OtherAgreement { .. } => "; give the agreement that the round ran under with --agreement",
            NotProven::NotADossier(_) => "; get the file anew from whoever made it",
            _ => "",
        };
        refused(&format!("it proves nothing: {error}{next}"))
    })
}

/// The bytes of such a file.
pub(crate) fn bytes_of(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_DOSSIER as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(Exit::Other, format!("{}: cannot read it: {error}", file.display())))?;
    if bytes.len() > MAX_DOSSIER {
        let line = format!("{}: it proves nothing: no bundle and no evidence is so large", file.display());
        return Err(Failure::new(Exit::Unverified, line));
    }
    Ok(bytes)
}

/// All cores of this machine.
struct AllCores;

impl Cores for AllCores {
    fn spread(&mut self, _what: &'static str, tasks: usize, task: &(dyn Fn(usize) -> Vec<u8> + Sync)) -> Vec<Vec<u8>> {
        (0..tasks).into_par_iter().map(task).collect()
    }
}
