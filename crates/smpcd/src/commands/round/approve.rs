//! `smpcd round approve` and `decline`: what a person is shown before anything leaves the building.

use node::input;
use node::status::RoundStatus;
use protocol::agreement::{disclosure_statement, statement_digest};

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::commands::say;
use crate::daemon_call::with_daemon;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

use super::{Address, text};

/// Arguments of `smpcd round approve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The round: COMPUTATION/PERIOD
    round: Address,
    #[command(flatten)]
    config: Config,
    /// Who approves for this party; goes into the audit log
    #[arg(long, value_name = "NAME")]
    by: String,
}

/// Arguments of `smpcd round decline`.
#[derive(Debug, clap::Args)]
pub(super) struct Decline {
    /// The round: COMPUTATION/PERIOD
    round: Address,
    #[command(flatten)]
    config: Config,
    /// Who declines for this party; the other parties see it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why; the other parties see it
    #[arg(long, value_name = "TEXT", default_value = "no reason given")]
    reason: String,
}

/// Shows what will be disclosed and the input's summary, then approves. Final.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let by = person(&args.by)?;
    let settings = NodeFile::load(&args.config.file)?.settings;
    let agreement = AgreementFile::load(&settings.agreement)?.usable()?.agreement;
    let Address { computation, period } = &args.round;
    let status = with_daemon(&settings.admin_socket, async |daemon| daemon.round(computation, period).await)?;
    let statement = disclosure_statement(&agreement);
    say(&statement)?;
    let disclosure = statement_digest(&statement);
    say(&format!("statement digest  {disclosure}\n"))?;
    if let Some(computation) = agreement.computation(computation) {
        let file = settings.input_file(&computation.id, period);
        // A bad one is not the end of it here: the daemon reads it itself, and keeps its errors for `status`.
        if let Ok(report) = input::check(&file, computation) {
            say(&format!("input {}: {} rows, {} columns, bounds passed", file.display(), report.rows, report.columns))?;
            for warning in &report.warnings {
                say(&format!("warning: {warning}"))?;
            }
        }
    }
    say(&text::approval(&status))?;
    let ended = with_daemon(&settings.admin_socket, async |daemon| {
        let mut status = daemon.approve(computation, period, by, &disclosure).await?;
        // The daemon reads the input itself, and its word counts: wait until the dealing is out, or refused.
        while status.is_open() && !status.dealt.contains(&settings.party) && status.input_errors.is_empty() {
            status = daemon.next(&status).await?;
        }
        Ok(status)
    })?;
    match &ended {
        RoundStatus { input_errors, .. } if !input_errors.is_empty() => Err(Failure::all(Exit::BadInput, input_errors)),
        status if status.status == "abandoned" => {
            let reason = status.reason.as_deref().unwrap_or("no reason is known");
            Err(Failure::new(Exit::NoResult, format!("{}: the round was abandoned: {reason}", args.round)))
        }
        _ => say(&format!("approved by {by}: {} is dealt; that is final", args.round)),
    }
}

/// Declines. The round goes on waiting, and may be approved later.
pub(super) fn decline(args: &Decline) -> Result<(), Failure> {
    let by = person(&args.by)?;
    let settings = NodeFile::load(&args.config.file)?.settings;
    let Address { computation, period } = &args.round;
    with_daemon(&settings.admin_socket, async |daemon| daemon.decline(computation, period, by, &args.reason).await)?;
    say(&format!("{} is declined for now; `smpcd round approve {} --by NAME` still can", args.round, args.round))
}

fn person(by: &str) -> Result<&str, Failure> {
    let by = by.trim();
    if by.is_empty() || by.chars().any(char::is_control) {
        return Err(Failure::new(Exit::Usage, "--by: write the name of the person who decides"));
    }
    Ok(by)
}
