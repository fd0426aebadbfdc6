//! `smpcd evidence`: checks evidence against a party, offline and with no secret (PROTOCOL 5.4).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use protocol::agreement::Agreement;
use protocol::round::Proven;
use serde_json::json;

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::commands::say;
use crate::dossier_file::{Kind, Under, verify};
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Arguments of `smpcd evidence`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// What can be done with evidence.
#[derive(Debug, Subcommand)]
enum Command {
    /// Say which party did what, and whether the file proves it: anybody can
    Verify(Verify),
    /// Check every file of evidence that this party keeps
    List(Config),
}

/// Arguments of `smpcd evidence verify`.
#[derive(Debug, clap::Args)]
struct Verify {
    /// The evidence
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    under: Under,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs `smpcd evidence`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Verify(args) => one(args),
        Command::List(config) => list(config),
    }
}

fn one(args: &Verify) -> Result<(), Failure> {
    let agreement = args.under.load()?;
    let Proven::Fault { round, culprit, kind } = verify(&args.file, Kind::Evidence, &agreement)? else {
        return Err(Failure::new(Exit::Unverified, format!("{}: it is no evidence", args.file.display())));
    };
    let digest = agreement.digest().to_string();
    if args.json {
        let object = json!({
            "proven": true, "round": round, "culprit": culprit, "kind": kind.name(), "what": kind.in_words(),
            "agreement": digest,
        });
        return say(&object.to_string());
    }
    let who = named(&agreement, &culprit);
    say(&format!(
        "PROVEN: {who} broke the protocol in {round}: {} ({})\n  agreement     {} version {}, {digest}\n\
         This rests on what {culprit} signed itself, and on the agreement's word for whose key that is. Not shown: whether \
         it was intent or an error.",
        kind.in_words(),
        kind.name(),
        agreement.name(),
        agreement.version(),
    ))
}

/// A party's id, with its name where that says more.
fn named(agreement: &Agreement, id: &str) -> String {
    match agreement.parties().iter().find(|party| party.id == id) {
        Some(party) if party.name != id => format!("{id} ({})", party.name),
        _ => id.to_owned(),
    }
}

fn list(config: &Config) -> Result<(), Failure> {
    let settings = NodeFile::load(&config.file)?.settings;
    let folder = settings.data_dir.join("evidence");
    let files = files(&folder)
        .map_err(|error| Failure::new(Exit::Other, format!("{}: cannot read the folder: {error}", folder.display())))?;
    if files.is_empty() {
        return say(&format!("no evidence against anybody in {}", folder.display()));
    }
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    let mut unproven = Vec::new();
    for file in files {
        match verify(&file, Kind::Evidence, &agreement) {
            Ok(Proven::Fault { round, culprit, kind }) => {
                say(&format!("{}: {culprit} in {round}: {}", file.display(), kind.in_words()))?;
            }
            Ok(Proven::Result(_)) => unproven.push(format!("{}: it is no evidence", file.display())),
            Err(failure) => unproven.extend(failure.lines),
        }
    }
    if unproven.is_empty() { Ok(()) } else { Err(Failure::all(Exit::Unverified, unproven)) }
}

/// The files of evidence in a folder, by name. None where there is no folder yet.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
