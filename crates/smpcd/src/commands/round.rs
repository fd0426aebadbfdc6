//! `smpcd round`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd round`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd round`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "round: not there yet"))
}
