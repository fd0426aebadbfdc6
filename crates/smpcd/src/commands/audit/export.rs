//! `smpcd audit export`: the log for other tools.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use audit::{CSV_HEAD, ReadError, Reader, Record, csv_row, rfc5424};
use clap::ValueEnum;
use node::result::write_atomically;

use super::files::Log;
use super::select::Select;
use crate::cli::Config;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Arguments of `smpcd audit export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Config,
    /// The form
    #[arg(long, value_enum)]
    format: Format,
    #[command(flatten)]
    select: Select,
    /// The file to write, with mode 0600, in place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Forms of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The lines themselves, byte for byte: the only form that a checkpoint holds for
    Jsonl,
    /// A table, for spreadsheets
    Csv,
    /// Syslog lines, for a SIEM
    Rfc5424,
}

/// Runs `smpcd audit export`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let log = Log::open(&settings)?;
    let mut bad = None;
    let mut reader = Reader::new(log.read()?);
    let mut write = |out: &mut dyn Write| -> io::Result<()> {
        if args.format == Format::Csv {
            writeln!(out, "{CSV_HEAD}")?;
        }
        while let Some(record) = reader.next() {
            match record {
                Ok(record) if args.select.wants(&record) => line(args.format, &record, reader.text(), out)?,
                Ok(_) => {}
                Err(ReadError::Torn { .. }) => {}
                Err(error) => bad = Some(error),
            }
        }
        Ok(())
    };
    match &args.out {
        Some(path) => write_atomically(path, write).map_err(|error| Failure::new(Exit::Other, error))?,
        None => {
            let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
            write(&mut out).and_then(|()| out.flush()).map_err(|error| match error.kind() {
                // The reader (`head`) has gone: nobody is left to tell.
                ErrorKind::BrokenPipe => Failure { exit: Exit::Other, lines: Vec::new() },
                _ => Failure::new(Exit::Other, format!("cannot write the log: {error}")),
            })?;
        }
    }
    // The records before it are written: they help to find it.
    bad.map_or(Ok(()), |error| Err(log.bad(error)))
}

fn line(format: Format, record: &Record, text: &str, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Jsonl => writeln!(out, "{text}"),
        Format::Csv => writeln!(out, "{}", csv_row(record)),
        Format::Rfc5424 => writeln!(out, "{}", rfc5424(record)),
    }
}
