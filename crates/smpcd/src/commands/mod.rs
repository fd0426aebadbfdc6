//! One file a command: each has `Args` (clap) and `run(&Args) -> Result<(), Failure>`.

pub(crate) mod agreement;
pub(crate) mod audit;
pub(crate) mod card;
pub(crate) mod certs;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod evidence;
pub(crate) mod init;
pub(crate) mod input;
pub(crate) mod result;
pub(crate) mod round;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod testbed;

use std::io::{ErrorKind, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};

/// Does what the command line says.
pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Demo(args) => demo::run(args),
        Command::Testbed(args) => testbed::run(args),
        Command::Init(args) => init::run(args),
        Command::Card(args) => card::run(args),
        Command::Certs(args) => certs::run(args),
        Command::Agreement(args) => agreement::run(args),
        Command::Input(args) => input::run(args),
        Command::Run(args) => run::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Status(args) => status::run(args),
        Command::Round(args) => round::run(args),
        Command::Result(args) => result::run(args),
        Command::Evidence(args) => evidence::run(args),
        Command::Audit(args) => audit::run(args),
    }
}

/// Writes `text` to stdout and ends it with a newline if it has none. `println!` would panic when the reader (`head`) has gone.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    write!(stdout, "{text}{newline}").and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure { exit: Exit::Other, lines: Vec::new() },
        _ => Failure::new(Exit::Other, format!("cannot write to standard output: {error}")),
    })
}

/// On stderr, and only where a person looks.
pub(crate) fn progress() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
