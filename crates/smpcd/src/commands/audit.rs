//! `smpcd audit`: what happened, in order, and that nobody has changed it since. Reads files, needs no daemon.

mod acknowledge;
mod check_pack;
mod export;
mod files;
mod pack;
mod proofs;
mod reconcile;
mod select;
mod show;
mod signed;
mod verify;

use clap::Subcommand;

use crate::exit::Failure;

/// Arguments of `smpcd audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A readable timeline of this party's log; needs no daemon
    Show(show::Args),
    /// Check the whole log: each line, its order, and that it is what checkpoints say
    Verify(verify::Args),
    /// Print a fresh checkpoint of the log, signed: give it to others, and the log cannot be rewritten unseen
    Checkpoint(verify::CheckpointArgs),
    /// Write a proof that a record is in the log
    Prove(proofs::Prove),
    /// Check a proof with the agreement alone: anybody can
    CheckProof(proofs::CheckProof),
    /// Write one file about a round for an auditor: agreement, approvals, records with proofs, bundle, and how to check it
    Pack(pack::Args),
    /// Check such a file: anybody can, with nothing else
    CheckPack(check_pack::Args),
    /// Print the log for other tools
    Export(export::Args),
    /// Lay several parties' logs beside each other: what one received another sent, and decisions agree
    Reconcile(reconcile::Args),
    /// Go on with a log that is not what was seen of it: this node's own, or a peer's
    Acknowledge(acknowledge::Args),
}

/// Runs `smpcd audit`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Show(args) => show::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Checkpoint(args) => verify::checkpoint(args),
        Command::Prove(args) => proofs::prove(args),
        Command::CheckProof(args) => proofs::check(args),
        Command::Pack(args) => pack::run(args),
        Command::CheckPack(args) => check_pack::run(args),
        Command::Export(args) => export::run(args),
        Command::Reconcile(args) => reconcile::run(args),
        Command::Acknowledge(args) => acknowledge::run(args),
    }
}
