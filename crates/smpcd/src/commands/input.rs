//! `smpcd input`: the empty CSV of a computation at its place, and a dry run of its validation (PROTOCOL 4.1).
//!
//! Neither needs a daemon, and neither repeats any text of an input file: what is printed may end up in a ticket.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use node::input;
use node::result::write_atomically;
use node::settings::Settings;
use protocol::agreement::{Agreement, Computation, Rows};
use sharing::decimal::Decimal;

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// What stands for the period in the path of an input file.
const PERIOD: &str = "{period}";

/// Arguments of `smpcd input`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// What can be done with input files.
#[derive(Debug, Subcommand)]
enum Command {
    /// Write the empty input file of a computation at its place and print its path
    Template(Template),
    /// Check input files as the daemon will, and change nothing; exit code 65 where one is bad
    Check(Check),
}

/// Arguments of `smpcd input template`.
#[derive(Debug, clap::Args)]
struct Template {
    #[command(flatten)]
    config: Config,
    /// Id of the computation; without it, the only one that the agreement has
    #[arg(long, value_name = "ID")]
    computation: Option<String>,
    /// The period, where the path of the file names it
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// Replace a file that is there already
    #[arg(long)]
    force: bool,
}

/// Arguments of `smpcd input check`.
#[derive(Debug, clap::Args)]
struct Check {
    #[command(flatten)]
    config: Config,
    /// Id of the computation; without it, all of them
    #[arg(long, value_name = "ID")]
    computation: Option<String>,
    /// The period, where the path of a file names it
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
}

/// Runs `smpcd input`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Template(args) => template(args),
        Command::Check(args) => check(args),
    }
}

fn template(args: &Template) -> Result<(), Failure> {
    let (settings, agreement) = load(&args.config.file)?;
    let computation = match (&args.computation, agreement.computations()) {
        (Some(id), _) => named(&agreement, id)?,
        (None, [only]) => only,
        (None, several) => {
            let ids: Vec<&str> = several.iter().map(|computation| computation.id.as_str()).collect();
            let line = format!("--computation: the agreement has several: {}; name one", ids.join(", "));
            return Err(Failure::new(Exit::Usage, line));
        }
    };
    let path = place(&settings, computation, args.period.as_deref())?;
    write_template(&path, &input::template(computation), args.force)?;
    say(&format!("{}\n{}", path.display(), instructions(computation)))
}

fn check(args: &Check) -> Result<(), Failure> {
    let (settings, agreement) = load(&args.config.file)?;
    let computations: Vec<&Computation> = match &args.computation {
        Some(id) => vec![named(&agreement, id)?],
        None => agreement.computations().iter().collect(),
    };
    // All places first: a bad command line is said before any file is read.
    let places = computations.iter().map(|computation| place(&settings, computation, args.period.as_deref()));
    let places: Vec<PathBuf> = places.collect::<Result<_, _>>()?;
    let mut errors = Vec::new();
    for (computation, path) in computations.into_iter().zip(places) {
        match input::check(&path, computation) {
            Ok(report) => {
                say(&format!(
                    "{}: ok: {}, {}, bounds passed",
                    path.display(),
                    counted(report.rows, "row"),
                    counted(report.columns as u64, "column")
                ))?;
                for warning in report.warnings {
                    // A warning changes no outcome, so its loss with a closed stderr does not either.
                    let _ = writeln!(std::io::stderr().lock(), "smpcd: warning: {warning}");
                }
            }
            Err(bad) => errors.extend(bad.lines()),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::all(Exit::BadInput, errors)) }
}

/// The settings, and the agreement that they name; this party must have input to give.
fn load(config: &Path) -> Result<(Settings, Agreement), Failure> {
    let settings = NodeFile::load(config)?.settings;
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    let party = agreement.party_index(&settings.party).and_then(|index| agreement.party(index));
    let wrong = match party {
        Some(party) if party.roles.input => return Ok((settings, agreement)),
        Some(_) => "is no input party of the agreement: it has no input file",
        None => "is no party of the agreement: correct `party` in the node file, or have it added",
    };
    Err(Failure::new(Exit::BadConfiguration, format!("{}: {} {wrong}", settings.agreement.display(), settings.party)))
}

fn named<'a>(agreement: &'a Agreement, id: &str) -> Result<&'a Computation, Failure> {
    agreement.computation(id).ok_or_else(|| {
        let ids: Vec<&str> = agreement.computations().iter().map(|computation| computation.id.as_str()).collect();
        let line = format!("--computation: the agreement has no such computation; it has: {}", ids.join(", "));
        Failure::new(Exit::Usage, line)
    })
}

/// Where the input file of a computation is. A period is only needed where the path names it.
fn place(settings: &Settings, computation: &Computation, period: Option<&str>) -> Result<PathBuf, Failure> {
    let id = &computation.id;
    let named = settings.inputs.get(id).and_then(|path| path.to_str()).is_some_and(|path| path.contains(PERIOD));
    match period {
        _ if !named => Ok(settings.input_file(id, "")),
        // Only a period of the calendar: other text could lead anywhere.
        Some(text) => match computation.calendar.period(text) {
            Ok(period) => Ok(settings.input_file(id, period.as_str())),
            Err(error) => Err(Failure::new(Exit::Usage, format!("--period: {id}: {error}"))),
        },
        None => {
            let line = format!("--period: the path of the input of {id} names the period: give it");
            Err(Failure::new(Exit::Usage, line))
        }
    }
}

/// Writes the template, for this user only. A file that is there is somebody's work: it stays unless told otherwise.
fn write_template(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::new(Exit::Other, format!("{}: is there already: --force replaces it", path.display()))
        }
        _ => Failure::new(Exit::Other, format!("{}: cannot write it: {error}", path.display())),
    };
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    if force {
        return write_atomically(path, |out| out.write_all(text.as_bytes()))
            .map_err(|error| Failure::new(Exit::Other, error));
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// What to fill in, for the one who will.
fn instructions(computation: &Computation) -> String {
    let rows = match &computation.rows {
        Rows::Labels(labels) => format!("fill in every cell of its {}", counted(labels.len() as u64, "row")),
        Rows::Count(rows) => format!("add {} under the header", counted(u64::from(*rows), "row")),
    };
    let mut text = format!("{rows}, then check it: smpcd input check --computation {}\n", computation.id);
    for column in &computation.columns {
        let bound = |units| Decimal { units, decimals: column.bounds.decimals };
        let unit = if column.unit.is_empty() { String::new() } else { format!(" {}", column.unit) };
        text.push_str(&format!(
            "  {}: {} to {}{unit}, {} at most\n",
            column.name,
            bound(column.bounds.min),
            bound(column.bounds.max),
            counted(u64::from(column.bounds.decimals), "decimal"),
        ));
    }
    text
}

/// `1 row`, `1,000 rows`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn counts_are_for_people() {
        let texts =
            [(0, "0 rows"), (1, "1 row"), (999, "999 rows"), (1_000, "1,000 rows"), (1_234_567, "1,234,567 rows")];
        for (count, text) in texts {
            assert_eq!(counted(count, "row"), text);
        }
    }

    #[test]
    fn a_template_is_private_and_replaces_nothing_by_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("input/pay.csv");
        write_template(&path, "pay\n", false).expect("written");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "pay\n7731\n").expect("filled in");
        let kept = write_template(&path, "pay\n", false).expect_err("kept");
        assert!(kept.lines[0].contains("--force"), "{kept:?}");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "pay\n7731\n");
        write_template(&path, "pay\n", true).expect("replaced");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "pay\n");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}
