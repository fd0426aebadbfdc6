//! `smpcd card`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd card`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd card`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "card: not there yet"))
}
