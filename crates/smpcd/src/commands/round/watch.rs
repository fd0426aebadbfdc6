//! `smpcd round watch`: a line for each change until the round ends.

use crate::cli::Config;
use crate::commands::say;
use crate::daemon_call::{failure, with_daemon};
use crate::exit::Failure;
use crate::node_file::NodeFile;

use super::{Address, outcome, text};

/// Arguments of `smpcd round watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The round: COMPUTATION/PERIOD
    round: Address,
    #[command(flatten)]
    config: Config,
}

/// Follows a round.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let ended = with_daemon(&settings.admin_socket, async |daemon| {
        let mut status = daemon.round(&args.round.computation, &args.round.period).await?;
        let mut said = String::new();
        loop {
            let line = text::line(&status);
            if line != said {
                if let Err(error) = say(&line) {
                    return Ok(Err(error));
                }
                said = line;
            }
            if !status.is_open() {
                return Ok(Ok(status));
            }
            status = match daemon.next(&status).await {
                Ok(status) => status,
                Err(error) => return Ok(Err(failure(&error))),
            };
        }
    })??;
    outcome(&settings, &ended, false)
}
