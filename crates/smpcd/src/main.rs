//! One daemon per organisation: joint statistics without anyone's figures.
//!
//! The binary is the only reader of TOML and of the environment: below it, settings, agreements and cards are checked
//! types. Every command returns a [`exit::Failure`] with one line for each error, and its exit code.

mod agreement_file;
mod cli;
mod commands;
mod daemon_call;
mod dossier_file;
mod exit;
mod home;
mod keys;
mod node_file;
mod node_template;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(&cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
