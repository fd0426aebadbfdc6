//! `node.toml`: the settings of one node, with overrides from the environment.
//!
//! Every key may be overridden by a variable `SMPCD__SECTION__KEY`. All errors are reported at once, each with the file,
//! the line and the key, or with the variable that set it. Paths are relative to the folder of the file. Nothing in the
//! file is secret: it names the files of keys.

mod audit;
mod sources;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use config::ValueKind;
use node::cron::Cron;
use node::settings::{Approval, AtMost, Policy, Settings};
use protocol::agreement::is_id;

use self::sources::{Problem, Sources};
use crate::exit::{Exit, Failure};

/// What the path of a unix socket may be long, in bytes (`sun_path` of Linux, without its ending zero).
const SOCKET_PATH_BYTES: usize = 107;

/// A node file that passed every rule, environment overrides included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeFile {
    /// The file, absolute.
    pub(crate) file: PathBuf,
    /// What the node is told; all paths absolute.
    pub(crate) settings: Settings,
    /// How the daemon logs on stderr.
    pub(crate) log: Log,
}

/// The `[log]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Form of a line.
    pub(crate) format: LogFormat,
    /// The least severe level that is written.
    pub(crate) level: tracing::Level,
}

/// Form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl NodeFile {
    /// Reads the node file and the environment; reports all errors at once, exit code 78.
    pub(crate) fn load(file: &Path) -> Result<Self, Failure> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with("SMPCD__") {
                continue;
            }
            match value.into_string() {
                Ok(value) => environment.push((name, value)),
                Err(_) => {
                    let line = format!("{name}: the value is no UTF-8 text: set it anew");
                    return Err(Failure::new(Exit::BadConfiguration, line));
                }
            }
        }
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::new(Exit::BadConfiguration, unreadable(file, &error)))?;
        Self::read(file, &text, &environment)
    }

    /// The folder of the node file, which its paths are relative to.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// [`NodeFile::load`] of a text and an environment.
    fn read(file: &Path, text: &str, environment: &[(String, String)]) -> Result<Self, Failure> {
        let absolute = std::path::absolute(file).map_err(|error| {
            Failure::new(Exit::BadConfiguration, format!("{}: not a path of a file: {error}", file.display()))
        })?;
        let (sources, mut problems) = Sources::merge(file, text, environment);
        let read = sources.map(|sources| {
            let folder = absolute.parent().unwrap_or(Path::new("/")).to_owned();
            let mut reader = Reader { sources, folder, problems: Vec::new() };
            let settings = reader.settings();
            let log = reader.log();
            problems.append(&mut reader.problems);
            (settings, log)
        });
        match read {
            Some((settings, log)) if problems.is_empty() => Ok(Self { file: absolute, settings, log }),
            _ => {
                problems.sort();
                Err(Failure::all(Exit::BadConfiguration, problems.into_iter().map(|problem| problem.text)))
            }
        }
    }
}

/// Takes the settings out of the sources. After an error it goes on with a stand-in, to find the other errors too; the
/// stand-in is never used, because a node file with a problem is refused.
struct Reader {
    sources: Sources,
    folder: PathBuf,
    problems: Vec<Problem>,
}

impl Reader {
    fn settings(&mut self) -> Settings {
        let party = self.party();
        let data_dir = self.path("data_dir", "data");
        let guard = self.path("guard", "guard");
        if plain(&guard).starts_with(plain(&data_dir)) {
            self.refuse(
                "guard",
                "lies inside data_dir, where a copy restored with it would hide a rollback: put it elsewhere",
            );
        }
        let inputs = self.inputs();
        let approval = self.approval();
        let audit = self.audit();
        let schedules = self.schedules();
        let (export_json, export_csv) = self.exports();
        Settings {
            party,
            agreement: self.path("agreement", "agreement.toml"),
            cards: self.path("cards", "cards"),
            signatures: self.path("signatures", "signatures"),
            guard,
            listen_peers: self.listen_peers(),
            admin_socket: self.admin_socket(&data_dir),
            data_dir,
            tls_certificate: self.path("tls.certificate", "certs/tls.crt"),
            tls_private_key: self.path("tls.private_key", "keys/tls.key"),
            revoked: self.revoked(),
            signing_key: self.path("signing.key", "keys/signing.key"),
            storage_key: self.path("storage.key", "keys/storage.key"),
            input_dir: self.folder.join("input"),
            inputs,
            approval,
            audit,
            schedules,
            export_json,
            export_csv,
        }
    }

    fn party(&mut self) -> String {
        match self.text("party") {
            Some(party) => {
                if !is_id(&party) {
                    self.refuse(
                        "party",
                        "no id: write 1 to 32 of a-z, 0-9 and '-', the id that the agreement has for this party",
                    );
                }
                party
            }
            None => {
                if self.sources.value("party").is_none() {
                    self.refuse(
                        "party",
                        "is missing: write party = \"ID\", the id that the agreement has for this party",
                    );
                }
                String::new()
            }
        }
    }

    fn listen_peers(&mut self) -> Option<SocketAddr> {
        let text = self.text("listen.peers")?;
        let address = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
        if address.is_none() {
            self.refuse("listen.peers", "is no IP:PORT: write for example \"0.0.0.0:7440\" or \"[::]:7440\"");
        }
        address
    }

    fn admin_socket(&mut self, data_dir: &Path) -> PathBuf {
        let socket = match self.sources.value("listen.admin") {
            Some(_) => self.path("listen.admin", ""),
            None => data_dir.join("admin.sock"),
        };
        let bytes = socket.as_os_str().len();
        if bytes > SOCKET_PATH_BYTES {
            let message = format!(
                "the path of the admin socket has {bytes} bytes, and the system allows {SOCKET_PATH_BYTES}: write a shorter one"
            );
            self.refuse("listen.admin", &message);
        }
        socket
    }

    fn revoked(&mut self) -> Vec<PathBuf> {
        let files = self.list("tls.revoked").unwrap_or_default();
        if files.iter().any(String::is_empty) {
            self.refuse("tls.revoked", "a path is empty: write the path of a revocation list, or leave it out");
        }
        files.iter().map(|file| self.folder.join(file)).collect()
    }

    fn inputs(&mut self) -> BTreeMap<String, PathBuf> {
        let mut inputs = BTreeMap::new();
        for id in self.sources.computations("input") {
            let key = format!("input.{id}.file");
            if self.sources.value(&key).is_none() {
                let message =
                    format!("is missing: write file = \"PATH\", or leave out [input.{id}] for input/{id}.csv");
                self.refuse(&key, &message);
                continue;
            }
            let Some(file) = self.text(&key) else { continue };
            if file.is_empty() {
                self.refuse(&key, "is empty: write the path of the file");
            } else if file.replace("{period}", "").contains(['{', '}']) {
                self.refuse(&key, "holds a brace that is not of {period}, the only place holder");
            }
            inputs.insert(id, self.folder.join(file));
        }
        inputs
    }

    fn approval(&mut self) -> Approval {
        let policy = self.choice("approval.policy", &[("manual", Policy::Manual), ("auto", Policy::Auto)]);
        let notify = self.list("approval.notify").unwrap_or_default();
        if notify.first().is_some_and(String::is_empty) {
            self.refuse("approval.notify", "the first word is empty: write [\"COMMAND\", \"ARGUMENT\", …]");
        }
        let computations = self.list("approval.computations");
        if computations.iter().flatten().any(|id| !is_id(id)) {
            self.refuse(
                "approval.computations",
                "holds what is no id of a computation: write the ids of the agreement",
            );
        }
        let at_most = self.at_most();
        Approval { policy: policy.unwrap_or(Policy::Manual), computations, at_most, notify }
    }

    /// `at_most = { rounds = 4, within = "24h" }`: both, or none.
    fn at_most(&mut self) -> Option<AtMost> {
        const KEYS: [&str; 2] = ["approval.at_most.rounds", "approval.at_most.within"];
        let set = KEYS.map(|key| self.sources.value(key).is_some());
        for (key, example) in KEYS.iter().zip(["rounds = 4", "within = \"24h\""]) {
            if set.contains(&true) && self.sources.value(key).is_none() {
                self.refuse(key, &format!("is missing: write {example}, or leave out approval.at_most"));
            }
        }
        let rounds = self.count(KEYS[0]);
        let within = self.duration(KEYS[1]);
        Some(AtMost { rounds: rounds?, within: within? })
    }

    fn schedules(&mut self) -> BTreeMap<String, Cron> {
        let mut schedules = BTreeMap::new();
        for id in self.sources.computations("schedule") {
            let key = format!("schedule.{id}.cron");
            if self.sources.value(&key).is_none() {
                self.refuse(&key, "is missing: write five fields of cron in UTC, such as \"0 6 5 1,4,7,10 *\"");
            }
            let Some(text) = self.text(&key) else { continue };
            match text.parse() {
                Ok(cron) => drop(schedules.insert(id, cron)),
                Err(error) => self.refuse(&key, &format!("{error}; write for example \"0 6 5 1,4,7,10 *\", in UTC")),
            }
        }
        schedules
    }

    /// Whether JSON and whether CSV are exported.
    fn exports(&mut self) -> (bool, bool) {
        let Some(formats) = self.list("results.export") else { return (true, true) };
        if formats.iter().any(|format| format != "json" && format != "csv") {
            self.refuse("results.export", "holds something else than \"json\" and \"csv\": leave it out");
        }
        let has = |wanted: &str| formats.iter().any(|format| format == wanted);
        (has("json"), has("csv"))
    }

    fn log(&mut self) -> Log {
        use tracing::Level;
        let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
        let levels = [
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ];
        Log {
            format: self.choice("log.format", &formats).unwrap_or(LogFormat::Text),
            level: self.choice("log.level", &levels).unwrap_or(Level::INFO),
        }
    }

    fn path(&mut self, key: &str, default: &str) -> PathBuf {
        let text = self.text(key).unwrap_or_else(|| default.to_owned());
        if text.is_empty() && !default.is_empty() {
            self.refuse(key, &format!("is empty: write a path, or leave it out for \"{default}\""));
        } else if text.is_empty() {
            self.refuse(key, "is empty: write a path, or leave it out");
        }
        self.folder.join(text)
    }

    fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            self.refuse(key, &format!("must be one of {}", names.join(", ")));
        }
        found
    }

    /// A whole number of at least 1.
    fn count(&mut self, key: &str) -> Option<u32> {
        let count = match self.sources.value(key)? {
            ValueKind::I64(number) => u32::try_from(*number).ok(),
            ValueKind::String(text) if self.sources.is_overridden(key) => text.trim().parse().ok(),
            _ => None,
        };
        let count = count.filter(|count| *count > 0);
        if count.is_none() {
            self.refuse(key, "must be a whole number from 1 on, without quotes");
        }
        count
    }

    fn duration(&mut self, key: &str) -> Option<Duration> {
        let text = self.text(key)?;
        let duration = humantime::parse_duration(&text).ok().filter(|duration| !duration.is_zero());
        if duration.is_none() {
            self.refuse(key, "is no length of time: write for example \"24h\" or \"7d\"");
        }
        duration
    }

    fn text(&mut self, key: &str) -> Option<String> {
        match self.sources.value(key)? {
            ValueKind::String(text) => Some(text.clone()),
            _ => {
                self.refuse(key, "must be a text in quotes");
                None
            }
        }
    }

    /// A list of texts. In the environment it is written as in the file, and a single text needs no brackets.
    fn list(&mut self, key: &str) -> Option<Vec<String>> {
        let list = match self.sources.value(key)? {
            ValueKind::String(text) if self.sources.is_overridden(key) => environment_list(text),
            ValueKind::Array(items) => items
                .iter()
                .map(|item| if let ValueKind::String(text) = &item.kind { Some(text.clone()) } else { None })
                .collect(),
            _ => None,
        };
        if list.is_none() {
            self.refuse(key, "must be a list of texts, [\"…\", \"…\"]");
        }
        list
    }

    fn refuse(&mut self, key: &str, message: &str) {
        self.problems.push(self.sources.problem(key, message));
    }
}

fn environment_list(text: &str) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct List {
        list: Vec<String>,
    }
    match text.trim() {
        "" => Some(Vec::new()),
        list if list.starts_with('[') => toml::from_str::<List>(&format!("list = {list}")).ok().map(|list| list.list),
        single => Some(vec![single.to_owned()]),
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> String {
    let shown = file.display();
    match error.kind() {
        // There is one, so nobody must be sent to write another.
        std::io::ErrorKind::PermissionDenied => format!("you may not read {shown}: run as the user of the daemon"),
        std::io::ErrorKind::NotFound => format!("{shown}: cannot read the node file: {error}; `smpcd init` writes one"),
        _ => format!("{shown}: cannot read the node file: {error}"),
    }
}

/// The path without `.` and `..`, to compare two paths that need not exist yet.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
