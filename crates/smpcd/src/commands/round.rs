//! `smpcd round`: start, approve, decline, abandon, list, show, watch.

mod abandon;
mod approve;
mod start;
mod text;
mod watch;

use std::io::IsTerminal;

use clap::Subcommand;
use node::result::Place;
use node::settings::Settings;
use node::status::RoundStatus;
use node::store::{Reads, Store, StoreError};

use crate::cli::Config;
use crate::commands::say;
use crate::daemon_call::with_daemon;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Arguments of `smpcd round`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a round, or join one that is open; one that is completed shows its result
    Start(start::Args),
    /// Let this party's input into a round; final
    Approve(approve::Args),
    /// Keep this party's input out of a round for now; it may be approved later
    Decline(approve::Decline),
    /// Give a round up, for good
    Abandon(abandon::Args),
    /// All rounds of this node, and why each ended; needs no daemon
    List(List),
    /// One round: where it is and whom it waits for; needs no daemon
    Show(Show),
    /// Follow a round until it ends
    Watch(watch::Args),
}

/// Arguments of `smpcd round list`.
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    config: Config,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `smpcd round show`.
#[derive(Debug, clap::Args)]
struct Show {
    /// The round: COMPUTATION/PERIOD
    round: Address,
    #[command(flatten)]
    config: Config,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs `smpcd round`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Start(args) => start::run(args),
        Command::Approve(args) => approve::run(args),
        Command::Decline(args) => approve::decline(args),
        Command::Abandon(args) => abandon::run(args),
        Command::List(args) => list(args),
        Command::Show(args) => show(args),
        Command::Watch(args) => watch::run(args),
    }
}

/// `COMPUTATION/PERIOD`, both of characters that are safe in paths and addresses.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) computation: String,
    pub(crate) period: String,
}

impl std::str::FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (computation, period) = text.split_once('/').ok_or("a round is COMPUTATION/PERIOD")?;
        Self::new(computation, period)
    }
}

impl Address {
    pub(crate) fn new(computation: &str, period: &str) -> Result<Self, String> {
        // The rule for names that become directories is the result's.
        Place::new(std::path::Path::new("."), computation, period).map_err(|error| error.to_string())?;
        Ok(Self { computation: computation.to_owned(), period: period.to_owned() })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.computation, self.period)
    }
}

/// The name of who decides.
pub(super) fn person(by: &str) -> Result<&str, Failure> {
    let by = by.trim();
    if by.is_empty() || by.chars().any(char::is_control) {
        return Err(Failure::new(Exit::Usage, "--by: write the name of the person who decides"));
    }
    Ok(by)
}

/// Asks a person at a terminal. A script has decided by calling.
fn confirm(yes: bool, what: &str) -> Result<(), Failure> {
    if yes || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Ok(());
    }
    say(&format!("{what}? Type yes and Enter"))?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Failure::new(Exit::Other, error))?;
    match answer.trim() {
        "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Other, "nothing was done")),
    }
}

fn list(args: &List) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let rounds = match Store::open_read_only(&settings.data_dir) {
        Ok(store) => store.rounds().map_err(store_failure)?,
        // A node that has never run has no rounds.
        Err(StoreError::Missing { .. }) => Vec::new(),
        Err(error) => return Err(store_failure(error)),
    };
    let rounds = rounds.iter().map(|row| read(&row.view)).collect::<Result<Vec<_>, _>>()?;
    if args.json { say(&json(&rounds)?) } else { say(&text::list(&rounds)) }
}

fn show(args: &Show) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let mut round = stored(&settings, &args.round)?.ok_or_else(|| {
        let line = format!("there is no round {}; `smpcd round list` shows those there are", args.round);
        Failure::new(Exit::Other, line)
    })?;
    if round.is_open() {
        // How far its work has come only the daemon knows, if one runs.
        let Address { computation, period } = &args.round;
        let live = with_daemon(&settings.admin_socket, async |daemon| daemon.round(computation, period).await);
        round = live.unwrap_or(round);
    }
    if args.json { say(&json(&round)?) } else { say(&text::show(&round)) }
}

/// The round as the store has it.
fn stored(settings: &Settings, round: &Address) -> Result<Option<RoundStatus>, Failure> {
    let store = match Store::open_read_only(&settings.data_dir) {
        Ok(store) => store,
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(store_failure(error)),
    };
    let row = store.round(&round.computation, &round.period).map_err(store_failure)?;
    row.map(|row| read(&row.view)).transpose()
}

fn read(view: &str) -> Result<RoundStatus, Failure> {
    serde_json::from_str(view)
        .map_err(|_| Failure::new(Exit::Other, "the store holds a round that another version of smpcd wrote"))
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::new(Exit::Other, error))
}

#[allow(clippy::needless_pass_by_value)] // It is what `map_err` gives.
fn store_failure(error: StoreError) -> Failure {
    Failure::new(Exit::Other, error)
}

/// How a round that has ended is told: its result on stdout, or the reason and exit code 3.
fn outcome(settings: &Settings, round: &RoundStatus, as_json: bool) -> Result<(), Failure> {
    match round.status.as_str() {
        "completed" => show_result(settings, round, as_json),
        "open" if as_json => say(&envelope(round, &[])?),
        "open" => say(&text::show(round)),
        _ => {
            if as_json {
                say(&envelope(round, &[])?)?;
            }
            let reason = round.reason.as_deref().unwrap_or("no reason is known");
            let line = format!("{}: the round was abandoned: {reason}", round.address());
            Err(Failure::new(Exit::NoResult, line))
        }
    }
}

/// A round without a result, in the shape that a result has: `round` and `status` stand where scripts look for them.
/// `more` takes the place of keys of the same name.
pub(crate) fn envelope(round: &RoundStatus, more: &[(&str, serde_json::Value)]) -> Result<String, Failure> {
    let other = |error| Failure::new(Exit::Other, error);
    let mut value = serde_json::to_value(round).map_err(other)?;
    if let Some(object) = value.as_object_mut() {
        let named = ["computation", "period", "id"].map(|key| (key.to_owned(), object.remove(key).unwrap_or_default()));
        object.insert("round".to_owned(), serde_json::Value::Object(named.into_iter().collect()));
        let named = culprits(round).into_iter().chain(more.iter().cloned());
        object.extend(named.map(|(key, value)| (key.to_owned(), value)));
    }
    serde_json::to_string(&value).map_err(other)
}

/// Who is proven to have cheated: the first of them, and all of them with what they did.
fn culprits(round: &RoundStatus) -> Vec<(&'static str, serde_json::Value)> {
    let Some((first, _)) = round.culprits.first() else { return Vec::new() };
    vec![("culprit", first.as_str().into()), ("culprits", serde_json::json!(round.culprits))]
}

/// A JSON object with more keys behind its own, which keep the order that they have.
pub(crate) fn with_keys(object: &[u8], more: &[(&str, serde_json::Value)]) -> Result<String, Failure> {
    let other = |error: &dyn std::fmt::Display| Failure::new(Exit::Other, error.to_string());
    let text = std::str::from_utf8(object).map_err(|error| other(&error))?;
    let open = text.trim_end().strip_suffix('}').ok_or_else(|| other(&"the result is no JSON object"))?;
    let more: String = more.iter().map(|(key, value)| format!(",\"{key}\":{value}")).collect();
    Ok(format!("{open}{more}}}"))
}

fn show_result(settings: &Settings, round: &RoundStatus, as_json: bool) -> Result<(), Failure> {
    let other = |error: &dyn std::fmt::Display| Failure::new(Exit::Other, error.to_string());
    let place = Place::new(&settings.data_dir, &round.computation, &round.period).map_err(|e| other(&e))?;
    if !place.result().exists() {
        say(&if as_json { envelope(round, &[])? } else { text::show(round) })?;
        if !round.learns {
            return Ok(());
        }
        let line = format!("{}: it completed, and its result is not here: deleted, or kept elsewhere", round.address());
        return Err(Failure::new(Exit::Other, line));
    }
    let file = place.open().map_err(|e| other(&e))?;
    if as_json {
        let mut out = Vec::new();
        file.write_json(&mut out, place.stored_bundle().as_deref()).map_err(|e| other(&e))?;
        return say(&with_keys(&out, &culprits(round))?);
    }
    say(&super::result::table(&file).map_err(|e| other(&e))?)?;
    for (party, what) in &round.culprits {
        say(&format!("{party} is proven to have cheated: {what}"))?;
    }
    super::status::cost(round).map_or(Ok(()), |cost| say(&cost))
}
