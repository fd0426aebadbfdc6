//! `smpcd audit acknowledge`: a person goes on with a log that is not what was seen of it.

use crate::cli::Config;
use crate::commands::round::person;
use crate::commands::say;
use crate::daemon_call::with_daemon;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Arguments of `smpcd audit acknowledge`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Config,
    /// The party whose log is to be taken as it is now; without it this node's own
    #[arg(long, value_name = "PARTY")]
    log: Option<String>,
    /// Who has found out what happened
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What happened: it goes into the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs `smpcd audit acknowledge`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let by = person(&args.by)?;
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "--reason: write what happened; it goes into the audit log"));
    }
    let settings = NodeFile::load(&args.config.file)?.settings;
    let log = args.log.as_deref();
    with_daemon(&settings.admin_socket, async |daemon| daemon.acknowledge(log, by, reason).await)?;
    say(&match log.filter(|party| *party != settings.party) {
        Some(party) => format!(
            "acknowledged by {by}: the log of {party} is witnessed anew from what it shows next; the evidence stays"
        ),
        None => format!(
            "acknowledged by {by}: this node starts rounds again; each of the others sees that its log was shortened or changed, \
             until it has acknowledged that too (smpcd audit acknowledge --log {} --by NAME --reason TEXT)",
            settings.party
        ),
    })
}
