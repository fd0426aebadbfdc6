//! `smpcd certs`.

use crate::exit::{Exit, Failure};

/// Arguments of `smpcd certs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs `smpcd certs`.
pub(crate) fn run(_args: &Args) -> Result<(), Failure> {
    Err(Failure::new(Exit::Other, "certs: not there yet"))
}
