//! `smpcd run`: the daemon.

use std::net::SocketAddr;
use std::path::Path;

use node::daemon::{DaemonError, Ended, Left, Start};
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

/// Runs the daemon until SIGTERM or SIGINT: once for each agreement.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    start_log(NodeFile::load(&args.config.file)?.log);
    let mut start = prepare(args)?;
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
        loop {
            let stop = async {
                tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                }
            };
            let party = start.settings.party.clone();
            let ended = node::daemon::run(start, |listening| ready(&party, listening), stop).await;
            match ended.map_err(|error| failure(&error))? {
                Ended::Stopped => return Ok(()),
                Ended::Left(left) => return farewell(left),
                Ended::OtherAgreement => start = prepare(args)?,
            }
        }
    })
}

/// Everything that a daemon is started with, from its files.
fn prepare(args: &Args) -> Result<Start, Failure> {
    let file = args.config.file.clone();
    let settings = NodeFile::load(&file)?.settings;
    Ok(Start {
        agreement: agreement(&file, &settings)?,
        signer: Box::new(SigningKey::load(&settings.signing_key)?),
        storage: SealingKey::from_bytes(StorageKey::load(&settings.storage_key)?.bytes()),
        identity: crate::keys::identity(&settings)?,
        settings,
        once: args.once,
        // With the node file as it is then: a new computation may have its input there.
        read_agreement: Box::new(move || {
            let settings = NodeFile::load(&file).map_err(|failure| failure.lines)?.settings;
            agreement(&file, &settings).map_err(|failure| failure.lines)
        }),
        supervisor: service::supervisor(|name| std::env::var_os(name))?,
    })
}

fn agreement(file: &Path, settings: &Settings) -> Result<Agreement, Failure> {
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    known_computations(file, settings, &agreement)?;
    Ok(agreement)
}

/// What became of the one round.
fn farewell(left: Left) -> Result<(), Failure> {
    let Left { round, receipted, abandoned } = left;
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
