//! `smpcd audit show`: a timeline for people.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use audit::{ReadError, Reader, Record, Severity};

use super::files::Log;
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

/// The records in order, from wherever they are read at the moment.
type Records = Reader<Box<dyn BufRead>>;

/// Runs `smpcd audit show`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let log = Log::open(&settings)?;
    let mut reader: Records = Reader::new(Box::new(log.read()?));
    if let Some(error) = pages(args, &mut reader)? {
        return Err(log.bad(error));
    }
    if args.follow { follow(&log, args, reader) } else { Ok(()) }
}

/// Goes on at the end of the file that is written; where it is sealed, in the one that is written then.
fn follow(log: &Log, args: &Args, mut reader: Records) -> Result<(), Failure> {
    let failed = |error: io::Error| log.failed("read", &error);
    let (mut file, mut before) = match log.whole.active().map_err(failed)? {
        (Some(file), before) => (file, before),
        (None, before) => (wait_for(log), before),
    };
    loop {
        std::thread::sleep(LOOK);
        // Asked before it is read to its end: nothing is appended to it from then on.
        let next = File::open(&log.path).ok().filter(|next| !is_same(next, &file));
        let at = reader.offset() - before;
        if file.metadata().map_err(failed)?.len() < at {
            let line = format!(
                "{}: the log is shorter than a moment ago: it was cut or replaced; check it with: smpcd audit verify",
                log.path.display()
            );
            return Err(Failure::new(Exit::Unverified, line));
        }
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        reader = reader.resume(Box::new(BufReader::new(file.try_clone().map_err(failed)?)));
        if let Some(error) = pages(args, &mut reader)? {
            return Err(Failure::new(Exit::Unverified, format!("{}: {error}", log.path.display())));
        }
        if let Some(next) = next {
            (file, before) = (next, reader.offset());
        }
    }
}

/// The file that is written, as soon as there is one.
fn wait_for(log: &Log) -> File {
    loop {
        match File::open(&log.path) {
            Ok(file) => return file,
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

fn is_same(one: &File, other: &File) -> bool {
    let place = |file: &File| file.metadata().map(|metadata| (metadata.dev(), metadata.ino()));
    matches!((place(one), place(other)), (Ok(one), Ok(other)) if one == other)
}

/// The timeline; a record that is more than a step as it should be says how much it matters.
fn told(page: &[Record]) -> String {
    let line = |(record, line): (&Record, &str)| match record.severity() {
        Severity::Info => format!("{line}\n"),
        severity => format!("{line}  ({})\n", severity.word()),
    };
    page.iter().zip(audit::timeline(page).lines()).map(line).collect()
}

/// Prints what is wanted of the records that are there. Gives why it cannot go on.
fn pages(args: &Args, reader: &mut Records) -> Result<Option<ReadError>, Failure> {
    let mut page: Vec<Record> = Vec::new();
    let print = |page: &mut Vec<Record>| {
        let text =
            if args.json { page.iter().map(|record| record.to_line().text + "\n").collect() } else { told(page) };
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
                return Ok(Some(error));
            }
        };
        if args.select.wants(&record) {
            page.push(record);
        }
        if page.len() == PAGE {
            print(&mut page)?;
        }
    }
    print(&mut page)?;
    Ok(None)
}
