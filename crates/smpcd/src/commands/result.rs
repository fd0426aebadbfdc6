//! `smpcd result`: shows, verifies and deletes results. Reads files, needs no daemon.

mod verify;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use node::pending::{self, Act};
use node::result::{Place, ResultError, ResultFile, ResultMeta, ratio_unit, write_atomically};
use node::settings::Settings;

use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Rows of a table for people: more of them nobody reads, and a table is held whole to be aligned.
const MOST_ROWS: u64 = 1_000;

/// Bytes that are gathered for standard output.
const BUFFER: usize = 64 * 1024;

/// Arguments of `smpcd result`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// What can be done with results.
#[derive(Debug, Subcommand)]
enum Command {
    /// Print a result, or write it to a file
    Show(Show),
    /// Check a result from the commitments up, offline and with no secret: anybody can
    Verify(verify::Args),
    /// Delete the files of a result: the result, its exports, its bundle
    Delete(Delete),
}

/// Arguments of `smpcd result show`.
#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    config: Config,
    /// The round
    #[arg(value_name = "COMPUTATION/PERIOD")]
    round: String,
    /// The form
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// The file to write, with mode 0600, in place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Forms of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For spreadsheets
    Csv,
    /// For programs
    Json,
}

/// Arguments of `smpcd result delete`.
#[derive(Debug, clap::Args)]
struct Delete {
    #[command(flatten)]
    config: Config,
    /// The round
    #[arg(value_name = "COMPUTATION/PERIOD")]
    round: String,
    /// Who deletes it; goes into the audit log
    #[arg(long, value_name = "NAME")]
    by: String,
}

/// Runs `smpcd result`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Show(args) => show(args),
        Command::Verify(args) => verify::run(args),
        Command::Delete(args) => delete(args),
    }
}

fn show(args: &Show) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let place = Place::of_round(&settings.data_dir, &args.round).map_err(failure)?;
    let file = place.open().map_err(failure)?;
    let format = if args.json { Format::Json } else { args.format };
    let write = |out: &mut dyn Write| match format {
        Format::Table => out.write_all(table(&file)?.as_bytes()),
        Format::Csv => file.write_csv(out),
        Format::Json => file.write_json(out, place.stored_bundle().as_deref()),
    };
    if let Some(path) = &args.out {
        return write_atomically(path, write).map_err(failure);
    }
    let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    write(&mut out).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        // The reader (`head`) has gone: nobody is left to tell.
        ErrorKind::BrokenPipe => Failure { exit: Exit::Other, lines: Vec::new() },
        _ => Failure::new(Exit::Other, format!("cannot write the result: {error}")),
    })
}

fn delete(args: &Delete) -> Result<(), Failure> {
    let by = args.by.trim();
    if by.is_empty() || by.chars().any(char::is_control) {
        return Err(Failure::new(Exit::Usage, "--by: write the name of the person who deletes it"));
    }
    let settings = NodeFile::load(&args.config.file)?.settings;
    let place = Place::of_round(&settings.data_dir, &args.round).map_err(failure)?;
    if !place.result().exists() {
        return Err(failure(place.none()));
    }
    record_deletion(&settings, &place, by)?;
    place.delete().map_err(failure)?;
    say(&format!("deleted the result of {}/{} in {}", place.computation(), place.period(), place.directory().display()))
}

/// Leaves a note for the daemon, which writes into the audit log who deletes which result, before anything is gone.
///
/// # Errors
/// Where the note cannot be kept. Nothing is deleted then.
fn record_deletion(settings: &Settings, place: &Place, by: &str) -> Result<(), Failure> {
    let act = Act::ResultDeleted {
        by: by.to_owned(),
        computation: place.computation().to_owned(),
        period: place.period().to_owned(),
    };
    pending::leave(&settings.data_dir, act).map_err(|error| {
        let line = format!("{}: cannot note who deletes: {error}; nothing was deleted", settings.data_dir.display());
        Failure::new(Exit::Other, line)
    })
}

/// The exit code of each way to fail.
fn failure(error: ResultError) -> Failure {
    let exit = match error {
        ResultError::Name => Exit::Usage,
        ResultError::Damaged { .. } => Exit::Unverified,
        ResultError::None { .. }
        | ResultError::Io { .. }
        | ResultError::Version { .. }
        | ResultError::Misuse { .. } => Exit::Other,
    };
    Failure::new(exit, error)
}

/// A result for people: what it is, its figures, and the digest to compare with other parties. Large tables are cut,
/// and say so.
///
/// # Errors
/// Where the result file cannot be read.
pub(crate) fn table(file: &ResultFile) -> io::Result<String> {
    let mut sheet = Sheet::new(file.meta());
    let mut blocks = file.blocks();
    'shown: while let Some((first, rows)) = blocks.next_block()? {
        for (row, totals) in (first..).zip(rows) {
            if !sheet.add(row, totals) {
                break 'shown;
            }
        }
    }
    Ok(sheet.text("--format csv or --format json shows all of them"))
}

/// A table of figures in the making, row by row.
struct Sheet<'a> {
    meta: &'a ResultMeta,
    figures: Table,
    shown: u64,
}

impl<'a> Sheet<'a> {
    fn new(meta: &'a ResultMeta) -> Self {
        let mut figures = Table::new();
        figures.load_style(presets::UTF8_FULL_CONDENSED);
        let mut head = vec!["row".to_owned()];
        let with_unit = |figure: &str, name: &str, unit: &str| match unit {
            "" => format!("{name}\n{figure}"),
            unit => format!("{name}\n{figure}, {unit}"),
        };
        for column in &meta.columns {
            let released = [("sum", column.sum), ("mean", column.mean)];
            let released = released.into_iter().filter(|(_, released)| *released);
            head.extend(released.map(|(figure, _)| with_unit(figure, &column.name, &column.unit)));
        }
        let ratios = meta.ratios.iter().enumerate();
        head.extend(ratios.map(|(position, ratio)| with_unit("ratio", &ratio.name, &ratio_unit(meta, position))));
        figures.set_header(head);
        Self { meta, figures, shown: 0 }
    }

    /// Adds the figures of a row, unless there are enough for people.
    fn add(&mut self, row: u64, totals: &[i128]) -> bool {
        let meta = self.meta;
        if row == MOST_ROWS {
            return false;
        }
        let mut cells = vec![meta.rows.name(row).into_owned()];
        for (column, total) in meta.columns.iter().zip(totals) {
            cells.extend(column.sum.then(|| column.sum(*total).to_string()));
            cells.extend(column.mean.then(|| column.mean(*total, meta.count()).to_string()));
        }
        let ratio = |position| meta.ratio(position, totals).map_or("–".to_owned(), |ratio| ratio.to_string());
        cells.extend((0..meta.ratios.len()).map(ratio));
        self.figures.add_row(cells);
        self.shown += 1;
        true
    }

    /// All of it; `more` says where the rows are that are left out.
    fn text(mut self, more: &str) -> String {
        let meta = self.meta;
        self.figures.column_iter_mut().skip(1).for_each(|column| {
            column.set_cell_alignment(CellAlignment::Right);
        });
        let mut text = String::new();
        if !meta.title.is_empty() {
            text.push_str(&format!("{}\n", meta.title));
        }
        text.push_str(&format!(
            "{}/{}, {} contributors: {}\n{}\n",
            meta.computation,
            meta.period,
            meta.count(),
            meta.contributors.join(", "),
            self.figures
        ));
        for warning in &meta.warnings {
            text.push_str(&format!("WARNING: {warning}\n"));
        }
        let rows = meta.rows.len();
        if rows > self.shown {
            text.push_str(&format!("{} more rows: {more}\n", rows - self.shown));
        }
        text.push_str(&format!("digest sha256:{}\n", hex(&meta.digest)));
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use node::result::{ResultColumn, ResultMeta, ResultRatio, ResultRows, ResultWriter, Shape};
    use sharing::Field;

    use super::*;

    fn stored(folder: &tempfile::TempDir, rows: u32) -> ResultFile {
        let column = |name: &str, unit: &str, decimals, mean| ResultColumn {
            name: name.to_owned(),
            unit: unit.to_owned(),
            decimals,
            sum: true,
            mean,
        };
        let meta = ResultMeta {
            computation: "pay".to_owned(),
            title: "Pay of the members".to_owned(),
            period: "2026".to_owned(),
            round: [1; 32],
            agreement: [2; 32],
            contributors: vec!["p1".to_owned(), "p2".to_owned(), "p3".to_owned()],
            warnings: Vec::new(),
            columns: vec![column("pay", "GBP", 2, true), column("heads", "", 0, false)],
            ratios: vec![ResultRatio { name: "average".to_owned(), numerator: 0, denominator: 1 }],
            rows: ResultRows::Count(u64::from(rows)),
            partials: Vec::new(),
            digest: [0xab; 32],
        };
        let place = Place::new(folder.path(), "pay", "2026").expect("a name");
        let shape = Shape { field: Field::Field64, rows: u64::from(rows), columns: 2 };
        let mut writer = ResultWriter::create(&place, shape).expect("created");
        let totals: Vec<i128> = (0..rows).flat_map(|row| [4_500_000, i128::from(row)]).collect();
        writer.append(0, &totals).expect("appended");
        writer.finish(meta).expect("finished");
        place.open().expect("verified")
    }

    #[test]
    fn a_table_shows_every_figure() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = table(&stored(&folder, 2)).expect("shown");
        for part in [
            "Pay of the members\npay/2026, 3 contributors: p1, p2, p3\n",
            "sum, GBP",
            "mean, GBP",
            "│ 0   ┆ 45000.00 ┆  15000.00 ┆     0 ┆            – │",
            "│ 1   ┆ 45000.00 ┆  15000.00 ┆     1 ┆ 45000.000000 │",
            &format!("digest sha256:{}\n", "ab".repeat(32)),
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        assert!(!text.contains("more rows"));
    }

    #[test]
    fn a_large_table_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = table(&stored(&folder, 1_500)).expect("shown");
        assert!(text.contains("│ 999 ") && !text.contains("│ 1000 "), "{text}");
        assert!(text.contains("500 more rows"));
    }

    #[test]
    fn no_result_is_no_damage() {
        let folder = tempfile::tempdir().expect("a folder");
        let code = |address: &str| {
            let opened = Place::of_round(folder.path(), address).and_then(|place| place.open());
            failure(opened.expect_err("nothing there"))
        };
        let none = code("pay/2026");
        assert_eq!(none.exit, Exit::Other);
        assert!(none.lines[0].contains("smpcd round show pay/2026"), "{none:?}");
        assert_eq!(code("../2026").exit, Exit::Usage);
        let file = stored(&folder, 1);
        std::fs::write(file.path(), "short").expect("written");
        assert_eq!(code("pay/2026").exit, Exit::Unverified);
    }
}
