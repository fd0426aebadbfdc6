//! What a node is told about itself: the settings of `node.toml`, read and checked by the binary.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cron::Cron;

/// Who lets a round have this party's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A person approves each round.
    Manual,
    /// The daemon approves at once, within the limits of [`Approval`].
    Auto,
}

/// How often the policy approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtMost {
    /// So many rounds, at least one.
    pub rounds: u32,
    /// In a window of this length that ends now.
    pub within: Duration,
}

/// How this party approves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Manual or automatic.
    pub policy: Policy,
    /// Computations that the policy approves by itself; none given: all of them.
    pub computations: Option<Vec<String>>,
    /// How many rounds it approves in what time; none: any number.
    pub at_most: Option<AtMost>,
    /// Command that is run when a round waits for a person, and daily while it does; empty for none.
    pub notify: Vec<String>,
}

/// How the audit log is kept (PROTOCOL 8.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Bytes from which on its file is sealed and another one begun.
    pub segment: u64,
    /// How long sealed files are kept; none: for ever.
    pub keep: Option<Duration>,
    /// Bytes that must be free on the disk of `data_dir` for a round to begin.
    pub reserve: u64,
}

impl Default for Audit {
    /// A file of 64 MiB is read in a second and holds some 200,000 records. 256 MiB let open rounds end, and hold what the
    /// store writes beside itself meanwhile.
    fn default() -> Self {
        Self { segment: 64 << 20, keep: None, reserve: 256 << 20 }
    }
}

/// The settings of one node. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// This party's id.
    pub party: String,
    /// The agreement file.
    pub agreement: PathBuf,
    /// Directory of cards, `ID.card`.
    pub cards: PathBuf,
    /// Directory of signatures on the agreement, `ID.sig`.
    pub signatures: PathBuf,
    /// What the daemon keeps.
    pub data_dir: PathBuf,
    /// The guard file, outside `data_dir` (PROTOCOL 7).
    pub guard: PathBuf,
    /// Where peers are listened for; a party without it only dials out.
    pub listen_peers: Option<SocketAddr>,
    /// Unix socket of the admin interface.
    pub admin_socket: PathBuf,
    /// This node's certificate chain, PEM.
    pub tls_certificate: PathBuf,
    /// Its private key, PEM.
    pub tls_private_key: PathBuf,
    /// Certificate revocation lists, PEM or DER.
    pub revoked: Vec<PathBuf>,
    /// The party's signing key.
    pub signing_key: PathBuf,
    /// The key that seals secrets in `data_dir`.
    pub storage_key: PathBuf,
    /// Where the input file of a computation is that has none in `inputs`: `COMPUTATION.csv`.
    pub input_dir: PathBuf,
    /// Input files that were named; a path may contain `{period}`.
    pub inputs: BTreeMap<String, PathBuf>,
    /// Approval.
    pub approval: Approval,
    /// How the audit log is kept.
    pub audit: Audit,
    /// When this node proposes rounds by itself, by computation.
    pub schedules: BTreeMap<String, Cron>,
    /// Export each result as JSON.
    pub export_json: bool,
    /// Export each result as CSV.
    pub export_csv: bool,
}

impl Settings {
    /// The input file of a computation in a period.
    #[must_use]
    pub fn input_file(&self, computation: &str, period: &str) -> PathBuf {
        let Some(named) = self.inputs.get(computation) else {
            return self.input_dir.join(format!("{computation}.csv"));
        };
        match named.to_str() {
            Some(text) => PathBuf::from(text.replace("{period}", period)),
            // `{period}` comes from a text file: a path that is no text has none.
            None => named.clone(),
        }
    }
}
