//! `smpcd round start`.

use std::time::Duration;

use crate::cli::Config;
use crate::commands::{progress, say};
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

/// How often the progress of work is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Starts a round. Starting is not approving.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let round = Address::new(&args.computation, &args.period).map_err(|line| Failure::new(Exit::Usage, line))?;
    let settings = NodeFile::load(&args.config.file)?.settings;
    let status = with_daemon(&settings.admin_socket, async |daemon| {
        let mut status = daemon.start(&round.computation, &round.period).await?;
        let progress = progress();
        while args.wait && status.is_open() {
            let doing = crate::commands::status::work(&status);
            progress
                .set_message(doing.unwrap_or_else(|| format!("waits for {}", crate::commands::status::waits(&status))));
            // Work that goes on changes nothing that `next` waits for.
            let looked = tokio::time::timeout(LOOK, daemon.next(&status)).await;
            status = match looked {
                Ok(next) => next?,
                Err(_) => daemon.round(&round.computation, &round.period).await?,
            };
        }
        progress.finish_and_clear();
        Ok(status)
    })?;
    outcome(&settings, &status, args.json)?;
    if status.is_open() && status.waits_for_approval() && !args.json {
        say(&format!("next: smpcd round approve {round} --by NAME"))?;
    }
    Ok(())
}
