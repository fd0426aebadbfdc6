//! The command surface. Names are a contract; usage errors exit with 2.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::{
    agreement, audit, card, certs, demo, doctor, evidence, init, input, result, round, run, status, testbed,
};

/// What scripts depend on.
const EXIT_CODES: &str = "Exit codes: 0 done, or the result is there; 1 anything else; 2 usage; 3 the round ended without \
a result; 4 verification failed; 5 no daemon answers; 65 bad input data; 73 port or data directory held; 78 bad \
configuration.";

/// Joint statistics of organisations that do not trust each other; nobody sees another's figures.
#[derive(Debug, Parser)]
#[command(name = "smpcd", version, about, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One file a command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute a first sum among daemons on this machine and check it
    Demo(demo::Args),
    /// Write a ready, signed consortium on loopback
    Testbed(testbed::Args),
    /// Write a party's directory: node file, keys, certificates, card
    Init(init::Args),
    /// Show, renew or take in cards
    Card(card::Args),
    /// Show or renew this node's TLS certificate
    Certs(certs::Args),
    /// Draft, check, compare and sign the agreement
    Agreement(agreement::Args),
    /// Write or check the input file of a computation
    Input(input::Args),
    /// Run the daemon
    Run(run::Args),
    /// What would keep this node from taking part, each with the step that mends it
    Doctor(doctor::Args),
    /// What the daemon does and what it waits for
    Status(status::Args),
    /// Start, approve, decline and watch rounds
    Round(round::Args),
    /// Show, verify or delete results
    Result(result::Args),
    /// Check evidence against a party
    Evidence(evidence::Args),
    /// Read, check and export the audit log, and prove what is in it
    Audit(audit::Args),
}

/// `--config`, for every command that belongs to a node. Use with `#[command(flatten)]`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Config {
    /// The node file
    #[arg(long = "config", value_name = "FILE", default_value = "node.toml")]
    pub(crate) file: PathBuf,
}
