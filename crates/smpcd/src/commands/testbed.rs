//! `smpcd testbed`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd testbed`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd testbed`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "testbed: not there yet"))
}
