//! `smpcd agreement`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd agreement`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd agreement`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "agreement: not there yet"))
}
