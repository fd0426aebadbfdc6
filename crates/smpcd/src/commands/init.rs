//! `smpcd init`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd init`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "init: not there yet"))
}
