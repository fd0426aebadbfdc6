//! `smpcd run`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd run`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "run: not there yet"))
}
