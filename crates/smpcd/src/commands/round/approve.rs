//! `smpcd round approve` and `decline`: what a person is shown before anything leaves the building.

use node::input::{self, Summary};
use node::result::{Place, ResultFile};
use node::settings::Settings;
use node::status::RoundStatus;
use node::store::{Reads, Store};
use protocol::agreement::{Agreement, Computation, disclosure_statement, statement_digest};

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::commands::input::counted;
use crate::commands::say;
use crate::daemon_call::with_daemon;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

use super::{Address, confirm, person, read, store_failure, text};

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
    /// Why, where something speaks against it: needed for an input that is the same as another period's; goes into the
    /// audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Do not ask on a terminal
    #[arg(long)]
    yes: bool,
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

/// Shows what will be disclosed, the input's summary and where the others are; then approves. Final.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let by = person(&args.by)?;
    let settings = NodeFile::load(&args.config.file)?.settings;
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    let Address { computation, period } = &args.round;
    let status = with_daemon(&settings.admin_socket, async |daemon| daemon.round(computation, period).await)?;
    let statement = disclosure_statement(&agreement);
    say(&statement)?;
    let disclosure = statement_digest(&statement);
    say(&format!("statement digest  {disclosure}\nagreement digest  {}\n", agreement.digest()))?;
    if let Some(computation) = agreement.computation(computation) {
        show_input(&settings, computation, period)?;
    }
    say(&text::approval(&status, &input_parties(&agreement)))?;
    say("approval is final: the input is taken as it is at this moment, and no dealing is taken back")?;
    confirm(args.yes, &format!("approve {}", args.round))?;
    let reason = args.reason.as_deref();
    let ended = with_daemon(&settings.admin_socket, async |daemon| {
        let mut status = daemon.approve(computation, period, by, &disclosure, reason).await?;
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

fn input_parties(agreement: &Agreement) -> Vec<&str> {
    agreement.parties().iter().filter(|party| party.roles.input).map(|party| party.id.as_str()).collect()
}

/// Prints what the input looks like. A bad one is not the end of it here: the daemon reads it itself, and keeps its
/// errors for `status`.
fn show_input(settings: &Settings, computation: &Computation, period: &str) -> Result<(), Failure> {
    let file = settings.input_file(&computation.id, period);
    let earlier = last_result(settings, &computation.id, period)?;
    let Ok(summary) = input::summarize(&file, computation, earlier.as_ref()) else { return Ok(()) };
    let (rows, columns) = (summary.report.rows, summary.report.columns as u64);
    let counts = format!("{}, {}", counted(rows, "row"), counted(columns, "column"));
    say(&format!("input {}: {counts}, all bounds passed", file.display()))?;
    for line in oddities(&summary, earlier.as_ref().map(|file| file.meta().period.as_str())) {
        say(&format!("  {line}"))?;
    }
    for warning in &summary.report.warnings {
        say(&format!("warning: {warning}"))?;
    }
    Ok(())
}

/// The last result of another period of the computation that is still here.
fn last_result(settings: &Settings, computation: &str, period: &str) -> Result<Option<ResultFile>, Failure> {
    // The daemon has just answered, so there is a store.
    let rounds = Store::open_read_only(&settings.data_dir).and_then(|store| store.rounds()).map_err(store_failure)?;
    for row in rounds.iter().rev().filter(|row| row.computation == computation && row.period != period) {
        if read(&row.view)?.status == "completed"
            && let Ok(file) = Place::new(&settings.data_dir, computation, &row.period).and_then(|place| place.open())
        {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// What looks odd about an input: counts, never a value, and never a mean.
fn oddities(summary: &Summary, earlier: Option<&str>) -> Vec<String> {
    let mut lines = Vec::new();
    for column in &summary.columns {
        let (name, cells) = (&column.name, column.cells);
        let mut say = |count: u64, what: String| {
            if count > 0 {
                lines.push(format!("{name}: {count} of {} {what}", counted(cells, "cell")));
            }
        };
        say(column.at_bounds, "exactly at a bound".to_owned());
        if let (Some(far), Some(period)) = (column.far, earlier) {
            say(far, format!("more than a factor of 10 from the released mean of {period}"));
        }
        if column.zeros == cells {
            lines.push(format!("{name}: every cell is zero"));
        } else if column.like_first == cells && cells > 1 {
            lines.push(format!("{name}: every cell is the same"));
        }
    }
    if lines.is_empty() {
        lines.push("nothing about it looks odd".to_owned());
    }
    if earlier.is_none() {
        lines.push("there is no earlier result here to compare it with".to_owned());
    }
    lines
}

/// Declines. The round goes on waiting, and may be approved later.
pub(super) fn decline(args: &Decline) -> Result<(), Failure> {
    let by = person(&args.by)?;
    let settings = NodeFile::load(&args.config.file)?.settings;
    let Address { computation, period } = &args.round;
    with_daemon(&settings.admin_socket, async |daemon| daemon.decline(computation, period, by, &args.reason).await)?;
    say(&format!("{} is declined for now; `smpcd round approve {} --by NAME` still can", args.round, args.round))
}

#[cfg(test)]
mod tests {
    use node::input::{ColumnSummary, Report};

    use super::*;

    fn summary(change: impl FnOnce(&mut ColumnSummary)) -> Summary {
        let name = "pay".to_owned();
        let mut column = ColumnSummary { name, cells: 2_000, at_bounds: 0, zeros: 0, like_first: 1, far: Some(0) };
        change(&mut column);
        Summary { report: Report { rows: 2_000, columns: 1, warnings: Vec::new() }, columns: vec![column] }
    }

    #[test]
    fn what_looks_odd_is_told_in_counts() {
        let told = |change: fn(&mut ColumnSummary)| oddities(&summary(change), Some("2026-Q2"));
        assert_eq!(told(|_| {}), ["nothing about it looks odd"]);
        assert_eq!(told(|column| column.at_bounds = 3), ["pay: 3 of 2,000 cells exactly at a bound"]);
        let far = "pay: 7 of 2,000 cells more than a factor of 10 from the released mean of 2026-Q2";
        assert_eq!(told(|column| column.far = Some(7)), [far]);
        assert_eq!(told(|column| column.like_first = 2_000), ["pay: every cell is the same"]);
        let zeros = |column: &mut ColumnSummary| (column.zeros, column.like_first) = (2_000, 2_000);
        assert_eq!(told(zeros), ["pay: every cell is zero"]);
        let alone = oddities(&summary(|column| (column.cells, column.far) = (1, None)), None);
        assert_eq!(alone, ["nothing about it looks odd", "there is no earlier result here to compare it with"]);
    }
}
