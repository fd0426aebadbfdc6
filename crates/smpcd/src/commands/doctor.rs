//! `smpcd doctor`: what would keep this node from taking part, found before the day, each with its mending step.
//!
//! Three levels, each with those before it: `config` looks at files and needs nobody; `live` asks the running daemon; `full`
//! resolves and dials every peer as well, reads what it says first, and says nothing.

mod files;
mod live;
mod peers;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Arguments of `smpcd doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: Config,
    /// How far to look
    #[arg(long, value_enum, default_value = "config")]
    level: Level,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// How far to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Level {
    /// Files, keys, certificates, the agreement, the disk: offline
    Config,
    /// And what the running daemon says of itself, its links and its peers' clocks
    Live,
    /// And every peer's name, port, certificate and agreement
    Full,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Warning,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    /// What was found; where it is bad, with the step that mends it.
    found: String,
}

/// All that was looked at.
#[derive(Default)]
struct Report(Vec<Check>);

impl Report {
    fn good(&mut self, check: &'static str, found: impl Into<String>) {
        self.0.push(Check { check, state: State::Good, found: found.into() });
    }

    fn warn(&mut self, check: &'static str, found: impl Into<String>) {
        self.0.push(Check { check, state: State::Warning, found: found.into() });
    }

    fn bad(&mut self, check: &'static str, found: impl Into<String>) {
        self.0.push(Check { check, state: State::Bad, found: found.into() });
    }

    /// Each line of a failure.
    fn failed(&mut self, check: &'static str, failure: &Failure) {
        failure.lines.iter().for_each(|line| self.bad(check, line.clone()));
    }
}

/// Looks, and says what it found. Exit code 78 where something is bad.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut report = Report::default();
    match NodeFile::load(&args.config.file) {
        Err(failure) => report.failed("node file", &failure),
        Ok(node) => {
            report.good("node file", node.file.display().to_string());
            let known = files::look(&node.settings, &mut report);
            if args.level >= Level::Live {
                live::look(&node.settings, &mut report);
            }
            if let (Level::Full, Some(known)) = (args.level, &known) {
                peers::look(known, &mut report);
            }
        }
    }
    let bad = report.0.iter().filter(|check| check.state == State::Bad).count();
    let warnings = report.0.iter().filter(|check| check.state == State::Warning).count();
    if args.json {
        let level = args.level.to_possible_value().map(|value| value.get_name().to_owned());
        say(&json!({ "level": level, "healthy": bad == 0, "checks": report.0 }).to_string())?;
    } else {
        say(&text(&report, bad, warnings))?;
    }
    if bad == 0 { Ok(()) } else { Err(Failure::all(Exit::BadConfiguration, Vec::<String>::new())) }
}

fn text(report: &Report, bad: usize, warnings: usize) -> String {
    let width = report.0.iter().map(|check| check.check.len()).max().unwrap_or(0);
    let mut lines: Vec<String> = report
        .0
        .iter()
        .map(|Check { check, state, found }| {
            let mark = match state {
                State::Good => "ok  ",
                State::Warning => "warn",
                State::Bad => "BAD ",
            };
            format!("{mark}  {check:width$}  {found}")
        })
        .collect();
    lines.push(match (bad, warnings) {
        (0, 0) => "Nothing keeps this node from taking part, as far as was looked.".to_owned(),
        (0, _) => format!("Nothing keeps this node from taking part; {warnings} to look at."),
        _ => format!("{bad} to mend before this node can take part, {warnings} to look at."),
    });
    lines.join("\n")
}
