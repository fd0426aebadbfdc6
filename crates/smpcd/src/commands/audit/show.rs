//! `smpcd audit show`: a timeline for people.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use audit::{ReadError, Reader, Record};

use super::select::Select;
use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Records that are laid out together: columns are aligned within a page, and memory stays bounded.
const PAGE: usize = 4096;

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// Arguments of `smpcd audit show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    select: Select,
    /// The records as they stand in the log, JSON Lines
    #[arg(long)]
    json: bool,
    /// Go on with the records that come, until interrupted
    #[arg(long)]
    follow: bool,
}

/// Runs `smpcd audit show`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    show(&settings.data_dir.join("audit/log.jsonl"), args)
}

fn show(log: &Path, args: &Args) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Other, format!("{}: {error}; the daemon writes it: smpcd run", log.display()))
    };
    let open = |from: u64| {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(from)).map(|_| BufReader::new(file))
    };
    let mut reader = Reader::new(open(0).map_err(failed)?);
    loop {
        pages(log, args, &mut reader)?;
        if !args.follow {
            return Ok(());
        }
        std::thread::sleep(LOOK);
        let length = std::fs::metadata(log).map_err(failed)?.len();
        if length < reader.offset() {
            let line = format!(
                "{}: the log is shorter than a moment ago: it was cut or replaced; check it with: smpcd audit verify",
                log.display()
            );
            return Err(Failure::new(Exit::Unverified, line));
        }
        let from = open(reader.offset()).map_err(failed)?;
        reader = reader.resume(from);
    }
}

/// Prints what is wanted of the records that are there.
fn pages(log: &Path, args: &Args, reader: &mut Reader<BufReader<File>>) -> Result<(), Failure> {
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
        if args.select.wants(&record) {
            page.push(record);
        }
        if page.len() == PAGE {
            print(&mut page)?;
        }
    }
    print(&mut page)
}
