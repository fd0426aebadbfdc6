//! `smpcd round start`.

use crate::cli::Config;
use crate::commands::say;
use crate::daemon_call::with_daemon;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

use super::{Address, outcome};

/// Arguments of `smpcd round start`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The computation, by its id in the agreement
    computation: String,
    /// The period, in the spelling of the computation's calendar
    #[arg(long, value_name = "PERIOD")]
    period: String,
    #[command(flatten)]
    config: Config,
    /// Return when this node knows the outcome
    #[arg(long)]
    wait: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Starts a round. Starting is not approving.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let round = Address::new(&args.computation, &args.period).map_err(|line| Failure::new(Exit::Usage, line))?;
    let settings = NodeFile::load(&args.config.file)?.settings;
    let status = with_daemon(&settings.admin_socket, async |daemon| {
        let mut status = daemon.start(&round.computation, &round.period).await?;
        while args.wait && status.is_open() {
            status = daemon.next(&status).await?;
        }
        Ok(status)
    })?;
    outcome(&settings, &status, args.json)?;
    if status.is_open() && status.waits_for_approval() && !args.json {
        say(&format!("next: smpcd round approve {round} --by NAME"))?;
    }
    Ok(())
}
