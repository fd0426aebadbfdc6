//! `smpcd status`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd status`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "status: not there yet"))
}
