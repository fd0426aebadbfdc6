//! `smpcd audit`: what happened, in order.

use std::path::Path;

use audit::{ReadError, Reader, Record};
use clap::Subcommand;

use super::round::Address;
use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Records that are laid out together: columns are aligned within a page, and memory stays bounded.
const PAGE: usize = 4096;

/// Arguments of `smpcd audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A readable timeline of this party's log; needs no daemon
    Show(Show),
}

/// Arguments of `smpcd audit show`.
#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    config: Config,
    /// Only this round: COMPUTATION/PERIOD
    #[arg(long, value_name = "ROUND")]
    round: Option<Address>,
    /// The records as they stand in the log, JSON Lines
    #[arg(long)]
    json: bool,
}

/// Runs `smpcd audit`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let Command::Show(args) = &args.command;
    let settings = NodeFile::load(&args.config.file)?.settings;
    show(&settings.data_dir.join("audit/log.jsonl"), args)
}

fn show(log: &Path, args: &Show) -> Result<(), Failure> {
    let reader = Reader::open(log).map_err(|error| {
        Failure::new(Exit::Other, format!("{}: {error}; the daemon writes it: smpcd run", log.display()))
    })?;
    let mut page: Vec<Record> = Vec::new();
    let print = |page: &mut Vec<Record>| {
        let text = if args.json {
            page.iter().map(|record| record.to_line().text + "\n").collect()
        } else {
            audit::timeline(page)
        };
        page.clear();
        if text.is_empty() { Ok(()) } else { say(&text) }
    };
    for record in reader {
        // What was read before the bad line is shown: it helps to find it.
        let record = match record {
            Ok(record) => record,
            // A record that is being written at this moment is no fault.
            Err(ReadError::Torn { .. }) => break,
            Err(error) => {
                print(&mut page)?;
                return Err(Failure::new(Exit::Unverified, format!("{}: {error}", log.display())));
            }
        };
        let wanted = args.round.as_ref().is_none_or(|wanted| {
            record.round.as_ref().is_some_and(|round| {
                round.computation.as_str() == wanted.computation && round.period.as_str() == wanted.period
            })
        });
        if wanted {
            page.push(record);
        }
        if page.len() == PAGE {
            print(&mut page)?;
        }
    }
    print(&mut page)
}
