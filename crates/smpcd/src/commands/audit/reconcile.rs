//! `smpcd audit reconcile`: several parties' logs against each other.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use audit::{ReadError, Reader, Reconciler, Whole};

use crate::commands::say;
use crate::exit::{Exit, Failure};

/// Unreceived messages that are named; the rest is counted.
const NAMED: usize = 20;

/// Arguments of `smpcd audit reconcile`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The parties' logs: files that `audit export --format jsonl` wrote, or folders with a log.jsonl
    #[arg(value_name = "DIR", num_args = 2.., required = true)]
    logs: Vec<PathBuf>,
}

/// Runs `smpcd audit reconcile`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut reconciler = Reconciler::default();
    let (mut whose, mut records) = (Vec::new(), 0_u64);
    for given in &args.logs {
        let log = Given::open(given)?;
        let at = log.at.display();
        let reader = Reader::new(log.from);
        let mut party = None;
        for record in reader {
            let record = match record {
                Ok(record) => record,
                Err(ReadError::Torn { .. }) => break,
                Err(error @ ReadError::Io { .. }) => return Err(Failure::new(Exit::Other, format!("{at}: {error}"))),
                Err(error) => return Err(Failure::new(Exit::Unverified, format!("{at}: {error}"))),
            };
            if *party.get_or_insert_with(|| record.party.clone()) != record.party {
                let line = format!("{at}: record {} is of {}, the ones before it are not", record.seq, record.party);
                return Err(Failure::new(Exit::Unverified, line));
            }
            reconciler.add(&record);
            records += 1;
        }
        let party = party.ok_or_else(|| Failure::new(Exit::Other, format!("{at}: there is no record in it")))?;
        if whose.contains(&party) {
            return Err(Failure::new(Exit::Usage, format!("{at}: the log of {party} is given twice")));
        }
        whose.push(party);
    }
    let found = reconciler.finish();
    let names: Vec<String> = whose.iter().map(ToString::to_string).collect();
    let mut lines =
        vec![format!("{records} records of {}: {} messages told alike by both ends", names.join(", "), found.matched)];
    if !found.unreceived.is_empty() {
        lines.push(format!(
            "{} sent and in no other log here: who was away, or had no need of it any more, has no record of it",
            found.unreceived.len()
        ));
        lines.extend(found.unreceived.iter().take(NAMED).map(|place| format!("  {place}")));
        if found.unreceived.len() > NAMED {
            lines.push(format!("  and {} more", found.unreceived.len() - NAMED));
        }
    }
    if found.differences.is_empty() {
        lines.push("The logs agree: all that was received was sent, and each decision is one.".into());
        return say(&lines.join("\n"));
    }
    say(&lines.join("\n"))?;
    Err(Failure::all(Exit::Unverified, found.differences))
}

/// A log that was given.
struct Given {
    at: PathBuf,
    from: Box<dyn BufRead>,
}

impl Given {
    /// A file is one log; in a folder all files of it are.
    fn open(given: &Path) -> Result<Self, Failure> {
        let failed = |at: &Path, error: io::Error| {
            Failure::new(Exit::Other, format!("{}: {error}; give the log of a party, exported as jsonl", at.display()))
        };
        if !given.is_dir() {
            let file = File::open(given).map_err(|error| failed(given, error))?;
            return Ok(Self { at: given.to_owned(), from: Box::new(BufReader::new(file)) });
        }
        let folders = ["", "audit", "data/audit"].map(|name| given.join(name));
        let is_log = |folder: &&PathBuf| folder.join("log.jsonl").is_file() || folder.join("segments").is_dir();
        let Some(folder) = folders.iter().find(is_log) else {
            let line =
                format!("{}: there is no log.jsonl in it; give the log of a party, exported as jsonl", given.display());
            return Err(Failure::new(Exit::Other, line));
        };
        let at = folder.join("log.jsonl");
        let chain = Whole::open(folder).and_then(|whole| whole.read()).map_err(|error| failed(&at, error))?;
        Ok(Self { at, from: Box::new(chain) })
    }
}
