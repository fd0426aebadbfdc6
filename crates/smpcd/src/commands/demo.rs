//! `smpcd demo`: a first joint sum, by real daemons with real certificates on this machine.

mod cheat;
mod check;
mod daemons;
mod tables;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use node::result::{Place, ResultFile};
use node::status::RoundStatus;
use sharing::decimal::{self, Decimal};

use crate::commands::testbed::{AdversaryArg, Table, TableArgs, Testbed, figures, parties};
use crate::commands::{progress, say};
use crate::exit::{Exit, Failure};
use protocol::agreement::SharingDraft;

use cheat::{CheatArg, Found};
use daemons::{Daemons, Party};

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
    /// Let the last party cheat, and see how it is found; with --adversary malicious. With shamir:K there are 3K - 2
    /// parties by default, so that the others go on without it
    #[arg(long, value_name = "HOW")]
    cheat: Option<CheatArg>,
    /// Keep everything in this directory; it must not exist or be empty
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `smpcd demo`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.cheat.is_some() && args.adversary != AdversaryArg::Malicious {
        let line = "--cheat: only a round with --adversary malicious finds a cheater; add that";
        return Err(Failure::new(Exit::Usage, line));
    }
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
    let ran = ran(args, folder, &figures, &progress);
    progress.finish_and_clear();
    say(&told(args, &figures, &ran?)?)?;
    if let (Some(dir), false) = (&args.dir, args.json) {
        say(&format!(
            "everything is in {}; smpcd run --config {}/p1/node.toml starts a party again",
            dir.display(),
            dir.display()
        ))?;
    }
    Ok(())
}

/// What came of a demo.
struct Ran {
    parties: Vec<Party>,
    pids: Vec<u32>,
    /// What each party knows of the round.
    ended: Vec<RoundStatus>,
    /// Every party's result; none where the round has none.
    results: Vec<ResultFile>,
    records: u64,
    /// Bundles that were checked.
    bundles: usize,
    found: Option<Found>,
}

/// Makes a consortium, runs its round, and checks what every party has.
fn ran(args: &Args, folder: &Path, figures: &[String], progress: &ProgressBar) -> Result<Ran, Failure> {
    progress.set_message("making keys, certificates, cards and a signed agreement");
    let mut table = TableArgs { sharing: args.sharing.clone(), adversary: args.adversary, agreement: None }.table(1)?;
    if let (Table::Example { hurried, .. }, Some(_)) = (&mut table, args.cheat) {
        *hurried = true;
    }
    let ports = free_ports(figures.len())?;
    let consortium = Testbed { ports, table, figures: figures.to_vec() }.create(folder)?;

    let honest = figures.len() - usize::from(args.cheat.is_some());
    progress.set_message(format!("starting {honest} daemons"));
    let daemons = Daemons::start(&consortium, honest)?;
    let cheater = match (args.cheat, consortium.parties.last()) {
        (Some(how), Some(last)) => Some((cheat::start(&last.home, how)?, how)),
        _ => None,
    };
    progress.set_message("linking them over mutually authenticated TLS");
    daemons.wait_for_links()?;
    progress.set_message("dealing secret shares");
    let mut ended = daemons.round(COMPUTATION, PERIOD, |status| progress.set_message(doing(status)))?;
    if cheater.is_some() {
        ended = cheat::named(&daemons, COMPUTATION, PERIOD)?;
    }
    progress.set_message("checking every party's result and audit log");
    let pids = daemons.pids();
    daemons.stop()?;
    let parties = daemons.into_parties();
    let found = match cheater {
        Some((traitor, how)) => {
            traitor.stop();
            let id = format!("p{}", figures.len());
            Some(cheat::evidence(folder, &consortium.agreement, &parties, &id, how)?)
        }
        None => None,
    };
    let completed = ended.iter().filter(|status| status.status == "completed").count();
    // Where a party cheats there may be no result: all have one, or none has.
    if completed < ended.len() && (found.is_none() || completed > 0) {
        ended.iter().zip(&parties).try_for_each(|(status, party)| self::completed(status, &party.id))?;
    }
    let units = units(figures)?;
    let expected = |contributors: &[String]| {
        let all = (1u32..).zip(&units).map(|(number, units)| (format!("p{number}"), *units));
        let all: Vec<(String, i128)> = all.collect();
        let honest_are_in = all.iter().take(honest).all(|(id, _)| contributors.contains(id));
        let of = |id: &String| all.iter().find(|(known, _)| known == id).map(|(_, units)| *units);
        honest_are_in.then(|| contributors.iter().map(of).sum::<Option<i128>>()).flatten()
    };
    let results = if completed > 0 { check::results(&parties, COMPUTATION, PERIOD, expected)? } else { Vec::new() };
    let records = check::logs(&parties, COMPUTATION, PERIOD, completed > 0)?;
    let bundles = check::bundles(&parties, &consortium.agreement, COMPUTATION, PERIOD, &results)?;
    if args.adversary == AdversaryArg::Malicious && bundles < results.len() {
        return Err(Failure::new(Exit::Unverified, "a party with a result has no bundle of it"));
    }
    Ok(Ran { parties, pids, ended, results, records, bundles, found })
}

/// What a round is at, for people who watch.
fn doing(status: &RoundStatus) -> String {
    let waits = crate::commands::status::waits(status);
    match crate::commands::status::work(status) {
        Some(work) => format!("{}: {work}", status.phase),
        None => format!("{}: waits for {waits}", status.phase),
    }
}

/// What the command prints.
fn told(args: &Args, figures: &[String], ran: &Ran) -> Result<String, Failure> {
    let Ran { parties, pids, ended, results, records, bundles, found } = ran;
    let first = ended.first().ok_or_else(|| Failure::new(Exit::Other, "nobody took part"))?;
    if args.json {
        let mut more = found.as_ref().map(cheat::json).unwrap_or_default();
        more.push(("parties", tables::processes(parties, pids)));
        let Some(result) = results.first() else { return crate::commands::round::envelope(first, &more) };
        let place = Place::new(&parties[0].data_dir, COMPUTATION, PERIOD);
        let bundle = place.map_err(|error| Failure::new(Exit::Other, error))?.stored_bundle();
        return tables::json(result, bundle.as_deref(), &more);
    }
    let mut text = String::new();
    if let (Some(found), Some(how)) = (found, args.cheat) {
        text += &cheat::text(found, how, ended, parties, args.dir.is_some());
        text += "\n";
    }
    match results.first() {
        None => text += &cheat::ending(first, args.cheat),
        Some(result) => {
            let contributors = &result.meta().contributors;
            let of =
                |(number, figure): (u32, &String)| contributors.contains(&format!("p{number}")).then(|| figure.clone());
            let units = units(&(1u32..).zip(figures).filter_map(of).collect::<Vec<_>>())?.iter().sum();
            let total = Decimal { units, decimals: DECIMALS };
            text += &tables::text(results, parties, figures, total, *records, &args.sharing);
        }
    }
    if *bundles > 0 {
        text +=
            &format!("\n{bundles} bundles were checked as anybody can, from the commitments up: smpcd result verify.");
    }
    if let Some(cost) = crate::commands::status::cost(first) {
        text += &format!("\n{cost}");
    }
    Ok(text)
}

/// The figures in units of the last decimal; also their sum has to be one.
fn units(figures: &[String]) -> Result<Vec<i128>, Failure> {
    let units: Option<Vec<i128>> = figures.iter().map(|figure| decimal::parse(figure, DECIMALS).ok()).collect();
    let units = units.filter(|units| units.iter().try_fold(0i128, |sum, units| sum.checked_add(*units)).is_some());
    units.ok_or_else(|| Failure::new(Exit::Usage, "--inputs: their sum is too large"))
}

/// The figures of the command line, or those of the guidance.
fn chosen(args: &Args) -> Result<Vec<String>, Failure> {
    let usage = |line: String| Failure::new(Exit::Usage, line);
    if args.inputs.is_empty() {
        let least = if args.cheat.is_some() { cheat::parties(&args.sharing) } else { 3 };
        return Ok(figures(args.parties.unwrap_or(least)));
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
