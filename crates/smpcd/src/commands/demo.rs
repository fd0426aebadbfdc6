//! `smpcd demo`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd demo`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "demo: not there yet"))
}
