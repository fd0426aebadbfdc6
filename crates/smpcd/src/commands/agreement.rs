//! `smpcd agreement`: draft, check, compare and sign the terms of the data sharing.

mod diff;
mod draft;
mod record;
mod sign;
mod status;
#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use protocol::agreement::disclosure_statement;

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::commands::say;
use crate::exit::Failure;
use crate::node_file::NodeFile;

/// Arguments of `smpcd agreement`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// What can be done with an agreement.
#[derive(Debug, Subcommand)]
enum Command {
    /// Write a draft with the parties filled in from their cards
    New(draft::Args),
    /// Check every rule and print the disclosure statement and the digest
    Check(Source),
    /// Print the digest that every party signs and reads out to the others
    Digest(Digest),
    /// Say what two agreements mean differently; exit code 0 when nothing
    Diff(diff::Args),
    /// Print the disclosure statement and sign the agreement for this party
    Sign(sign::Args),
    /// Say who has signed; exit code 0 when all have
    Status(Config),
}

/// A file, or the one that a node file names.
#[derive(Debug, clap::Args)]
struct Source {
    /// The agreement
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The node file of a party, in place of FILE [default: node.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Arguments of `smpcd agreement digest`.
#[derive(Debug, clap::Args)]
struct Digest {
    #[command(flatten)]
    source: Source,
    /// The digest of each section too
    #[arg(long)]
    sections: bool,
}

/// Runs `smpcd agreement`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::New(args) => draft::run(args),
        Command::Check(source) => check(source),
        Command::Digest(args) => digest(args),
        Command::Diff(args) => diff::run(args),
        Command::Sign(args) => sign::run(args),
        Command::Status(config) => status::run(config),
    }
}

impl Source {
    fn load(&self) -> Result<AgreementFile, Failure> {
        match &self.file {
            Some(file) => AgreementFile::load(file),
            None => {
                let config = self.config.as_deref().unwrap_or(Path::new("node.toml"));
                AgreementFile::load(&NodeFile::load(config)?.settings.agreement)
            }
        }
    }
}

fn check(source: &Source) -> Result<(), Failure> {
    let agreement = source.load()?.agreement;
    say(&format!("{}\n{}\n", disclosure_statement(&agreement), agreement.digest()))
}

fn digest(args: &Digest) -> Result<(), Failure> {
    let agreement = args.source.load()?.agreement;
    let mut text = format!("{}\n", agreement.digest());
    if args.sections {
        for section in agreement.sections() {
            text.push_str(&format!("{}  {}\n", section.digest, section.name));
        }
    }
    say(&text)
}
