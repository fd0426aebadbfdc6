//! `smpcd audit`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd audit`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "audit: not there yet"))
}
