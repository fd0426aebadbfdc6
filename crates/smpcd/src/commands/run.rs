//! `smpcd run`: the daemon.

use std::net::SocketAddr;
use std::path::Path;

use node::daemon::{DaemonError, Left, Start};
use node::link::StartError;
use node::seal::StorageKey as SealingKey;
use node::settings::Settings;
use node::store::StoreError;
use protocol::agreement::Agreement;
use tokio::signal::unix::{SignalKind, signal};

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::exit::{Exit, Failure};
use crate::keys::{SigningKey, StorageKey};
use crate::node_file::{LogFormat, NodeFile};
use crate::service;

/// Arguments of `smpcd run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: Config,
    /// Take part in one round, then leave: a party that only contributes as soon as every compute party holds its share
    #[arg(long)]
    once: bool,
}

/// Runs the daemon until SIGTERM or SIGINT.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let NodeFile { settings, log, .. } = NodeFile::load(&args.config.file)?;
    start_log(log);
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    known_computations(&args.config.file, &settings, &agreement)?;
    let signer = SigningKey::load(&settings.signing_key)?;
    let storage = StorageKey::load(&settings.storage_key)?;
    let identity = crate::keys::identity(&settings)?;
    let party = settings.party.clone();
    let start = Start {
        settings,
        agreement,
        identity,
        signer: Box::new(signer),
        storage: SealingKey::from_bytes(storage.bytes()),
        once: args.once,
        supervisor: service::supervisor(|name| std::env::var_os(name))?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Other, format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let (mut terminate, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
            (Err(error), _) | (_, Err(error)) => {
                return Err(Failure::new(Exit::Other, format!("cannot listen for signals: {error}")));
            }
        };
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        };
        let left = node::daemon::run(start, |listening| ready(&party, listening), stop).await;
        farewell(left.map_err(|error| failure(&error))?)
    })
}

/// What became of the one round.
fn farewell(left: Option<Left>) -> Result<(), Failure> {
    let Some(Left { round, receipted, abandoned }) = left else { return Ok(()) };
    if let Some(reason) = abandoned {
        return Err(Failure::new(Exit::NoResult, format!("{round} was abandoned: {reason}")));
    }
    if receipted.is_empty() {
        println!("{round} is completed, and nobody needs this node for it any more");
    } else {
        println!("{round}: every compute party holds its share of this party's figures: {}", receipted.join(", "));
    }
    Ok(())
}

/// An input file for a computation that there is not would leave the default file in force, unnoticed; a schedule or a
/// limit would have no effect.
fn known_computations(file: &Path, settings: &Settings, agreement: &Agreement) -> Result<(), Failure> {
    let ids: Vec<&str> = agreement.computations().iter().map(|computation| computation.id.as_str()).collect();
    let inputs = settings.inputs.keys().map(|id| (format!("input.{id}"), id));
    let schedules = settings.schedules.keys().map(|id| (format!("schedule.{id}"), id));
    let limits = settings.approval.computations.iter().flatten();
    let limits = limits.map(|id| (format!("approval.computations: {id}"), id));
    let unknown = inputs.chain(schedules).chain(limits).filter(|(_, id)| !ids.contains(&id.as_str()));
    let line = |(key, _)| {
        format!("{}: {key}: the agreement has no such computation; it has: {}", file.display(), ids.join(", "))
    };
    let lines: Vec<String> = unknown.map(line).collect();
    if lines.is_empty() { Ok(()) } else { Err(Failure::all(Exit::BadConfiguration, lines)) }
}

fn ready(party: &str, listening: Option<SocketAddr>) {
    match listening {
        Some(address) => tracing::info!(target: "daemon", party, %address, "ready"),
        None => tracing::info!(target: "daemon", party, "ready; no listening address, so this node dials out only"),
    }
}

fn start_log(log: crate::node_file::Log) {
    let lines = tracing_subscriber::fmt().with_max_level(log.level).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Json => lines.json().flatten_event(true).init(),
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
    }
}

fn failure(error: &DaemonError) -> Failure {
    let exit = match error {
        DaemonError::Store(StoreError::Held { .. })
        | DaemonError::Links(StartError::Held { .. })
        | DaemonError::Admin(node::admin::ServeError::Held(_)) => Exit::Held,
        DaemonError::Store(StoreError::OtherParty { .. } | StoreError::WrongKey { .. })
        | DaemonError::Book(_)
        | DaemonError::SigningKey { .. }
        | DaemonError::OtherAgreement { .. }
        | DaemonError::Admin(node::admin::ServeError::TooLong(_) | node::admin::ServeError::NoSocket(_))
        | DaemonError::Links(StartError::SelfCheck(_)) => Exit::BadConfiguration,
        DaemonError::Store(_) | DaemonError::Vault(_) | DaemonError::Links(_) | DaemonError::Admin(_) => Exit::Other,
    };
    Failure::all(exit, error.to_string().lines())
}
