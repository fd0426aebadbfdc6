//! `smpcd demo`: a first joint sum, by real daemons with real certificates on this machine.

mod check;
mod daemons;
mod tables;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use node::result::Place;
use node::status::RoundStatus;
use sharing::decimal::{self, Decimal};

use crate::commands::say;
use crate::commands::testbed::{AdversaryArg, TableArgs, Testbed, figures, parties};
use crate::exit::{Exit, Failure};
use protocol::agreement::SharingDraft;

use daemons::Daemons;

/// The computation that a demo runs.
const COMPUTATION: &str = "average-expenditure";
/// Decimals of its figures.
const DECIMALS: u8 = 2;
/// The period of its one round.
const PERIOD: &str = "demo";

/// Arguments of `smpcd demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many parties
    #[arg(long, value_name = "N", value_parser = parties())]
    parties: Option<u16>,
    /// A figure for each party; by default party i has 5,000·(i + 1)
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', allow_hyphen_values = true)]
    inputs: Vec<String>,
    /// How figures are split: additive, or shamir:K for K shares needed to reconstruct
    #[arg(long, value_name = "SCHEME", default_value = "additive", value_parser = crate::commands::testbed::sharing)]
    sharing: SharingDraft,
    /// What the round is secure against
    #[arg(long, value_name = "MODEL", default_value = "semi-honest")]
    adversary: AdversaryArg,
    /// Keep everything in this directory; it must not exist or be empty
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `smpcd demo`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let figures = chosen(args)?;
    let temporary;
    let folder: &Path = match &args.dir {
        Some(folder) => folder,
        None => {
            temporary = tempfile::Builder::new()
                .prefix("smpcd-demo-")
                .tempdir()
                .map_err(|error| Failure::new(Exit::Other, format!("cannot make a temporary directory: {error}")))?;
            temporary.path()
        }
    };
    let progress = progress();
    progress.set_message("making keys, certificates, cards and a signed agreement");
    let table = TableArgs { sharing: args.sharing.clone(), adversary: args.adversary, agreement: None }.table(1)?;
    let ports = free_ports(figures.len())?;
    let consortium = Testbed { ports, table, figures: figures.clone() }.create(folder)?;

    progress.set_message(format!("starting {} daemons", figures.len()));
    let daemons = Daemons::start(&consortium)?;
    progress.set_message("linking them over mutually authenticated TLS");
    daemons.wait_for_links()?;
    progress.set_message("dealing secret shares");
    let ended = daemons.round(COMPUTATION, PERIOD, |status| {
        progress.set_message(format!("{}: waits for {}", status.phase, crate::commands::status::waits(status)));
    })?;
    progress.set_message("checking every party's result and audit log");
    let pids = daemons.pids();
    daemons.stop()?;
    for (status, party) in ended.iter().zip(&daemons.parties) {
        completed(status, &party.id)?;
    }
    let expected = figures
        .iter()
        .try_fold(0i128, |sum, figure| decimal::parse(figure, DECIMALS).ok().and_then(|units| sum.checked_add(units)));
    let expected = expected.ok_or_else(|| Failure::new(Exit::Usage, "--inputs: their sum is too large"))?;
    let results = check::results(&daemons.parties, COMPUTATION, PERIOD, expected, figures.len())?;
    let records = check::logs(&daemons.parties, COMPUTATION, PERIOD)?;
    progress.finish_and_clear();

    if args.json {
        let place = Place::new(&daemons.parties[0].data_dir, COMPUTATION, PERIOD)
            .map_err(|error| Failure::new(Exit::Other, error))?;
        return say(&tables::json(&results, place.stored_bundle().as_deref(), &daemons.parties, &pids)?);
    }
    let total = Decimal { units: expected, decimals: DECIMALS };
    say(&tables::text(&results, &daemons.parties, &figures, total, records, &args.sharing))?;
    if let Some(dir) = &args.dir {
        say(&format!(
            "everything is in {}; smpcd run --config {}/p1/node.toml starts a party again",
            dir.display(),
            dir.display()
        ))?;
    }
    Ok(())
}

/// The figures of the command line, or those of the guidance.
fn chosen(args: &Args) -> Result<Vec<String>, Failure> {
    let usage = |line: String| Failure::new(Exit::Usage, line);
    if args.inputs.is_empty() {
        return Ok(figures(args.parties.unwrap_or(3)));
    }
    if args.parties.is_some_and(|n| usize::from(n) != args.inputs.len()) {
        return Err(usage(format!("--inputs: there are {} figures; give one for each party", args.inputs.len())));
    }
    if args.inputs.len() < 3 {
        return Err(usage(
            "--inputs: a consortium has three parties at least: with two, each learns the other's".into(),
        ));
    }
    args.inputs
        .iter()
        .enumerate()
        .map(|(i, figure)| {
            let figure = figure.trim();
            let units = decimal::parse(figure, DECIMALS)
                .map_err(|error| usage(format!("--inputs: figure {}: {error}", i + 1)))?;
            Ok(Decimal { units, decimals: DECIMALS }.to_string())
        })
        .collect()
}

fn completed(status: &RoundStatus, party: &str) -> Result<(), Failure> {
    if status.status == "completed" {
        return Ok(());
    }
    let reason = status.reason.as_deref().unwrap_or("no reason is known");
    Err(Failure::new(Exit::NoResult, format!("{party}: the round was abandoned: {reason}")))
}

/// Ports that nobody had a moment ago.
fn free_ports(parties: usize) -> Result<Vec<u16>, Failure> {
    let failure = |error| Failure::new(Exit::Other, format!("no free port on 127.0.0.1: {error}"));
    // All are held until all are known, or two could be the same.
    let held = (0..parties)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failure)?;
    held.iter()
        .map(|listener| listener.local_addr().map(|address| address.port()))
        .collect::<Result<_, _>>()
        .map_err(failure)
}

/// On stderr, and only where a person looks.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
