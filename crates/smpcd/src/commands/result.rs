//! `smpcd result`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd result`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd result`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "result: not there yet"))
}
