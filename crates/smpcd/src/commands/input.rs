//! `smpcd input`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd input`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd input`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "input: not there yet"))
}
