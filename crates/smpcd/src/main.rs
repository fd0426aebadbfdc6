//! One daemon per organisation: joint statistics without anyone's figures.
//!
//! The binary is the only reader of TOML and of the environment: below it, settings, agreements and cards are checked
//! types. Every command returns a [`exit::Failure`] with one line for each error, and its exit code.

mod agreement_file;
mod cli;
mod commands;
mod core_dumps;
mod daemon_call;
mod dossier_file;
mod exit;
mod home;
mod keys;
mod node_file;
mod node_template;
#[cfg(test)]
mod pages;
mod service;

use std::process::ExitCode;

use clap::Parser;

/// What people run keeps every rule of the protocol. Simulations may not, and cargo gives everything that it builds
/// together the same features: `cargo build --release -p smpcd` builds the program alone.
#[cfg(not(debug_assertions))]
const _: () =
    assert!(!protocol::WEAKENED, "build smpcd by itself, with -p smpcd: a simulation is being built beside it");

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match core_dumps::forbid().and_then(|()| commands::run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
