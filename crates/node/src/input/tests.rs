//! One bad file for each rule, and random good ones.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use protocol::agreement::{Adversary, Calendar, Column, Computation, Rows, SharingScheme, Statistic};
use sharing::{CHUNK_CELLS, Encoded, Field, decode_totals};

use super::*;

/// What no message may hold. Every figure and every unknown name in the files below has it.
const CANARY: &str = "7731";

fn computation(rows: Rows, columns: &[(&str, i128, i128, u8)]) -> Computation {
    let column = |&(name, min, max, decimals): &(&str, i128, i128, u8)| Column {
        name: name.to_owned(),
        unit: String::new(),
        bounds: sharing::Column { min, max, decimals },
        statistics: vec![Statistic::Sum],
    };
    let columns: Vec<Column> = columns.iter().map(column).collect();
    Computation {
        id: "pay".to_owned(),
        title: String::new(),
        sharing: SharingScheme::Additive,
        adversary: Adversary::SemiHonest,
        min_contributors: 3,
        calendar: Calendar::Any,
        collect_for: Duration::from_secs(1),
        attempt_deadline: Duration::from_secs(1),
        give_up_after: Duration::from_secs(60),
        field: Field::for_bounds(3, columns.iter().map(|column| &column.bounds)).expect("small bounds"),
        rows,
        columns,
        ratios: Vec::new(),
    }
}

pub(super) fn labelled() -> Computation {
    let rows = Rows::Labels(vec!["north".to_owned(), "south, old".to_owned()]);
    computation(rows, &[("pay", -10_000, 8_000_000, 2), ("heads", 0, 80_000, 0)])
}

pub(super) fn counted(rows: u32) -> Computation {
    computation(Rows::Count(rows), &[("pay", -10_000, 8_000_000, 2), ("heads", 0, 80_000, 0)])
}

/// The table of a good file.
fn table(computation: &Computation, bytes: &[u8]) -> Result<Vec<i128>, InputErrors> {
    let bounds: Vec<_> = computation.columns.iter().map(|column| column.bounds).collect();
    let mut cells = Vec::new();
    let taken = read_from::<Infallible>(bytes, Path::new("in.csv"), computation, |chunk, encoded: Encoded| {
        assert_eq!(cells.len(), usize::try_from(chunk).expect("few chunks") * CHUNK_CELLS);
        cells.extend(decode_totals(encoded.cells(), 1, &bounds, cells.len() as u64).expect("within bounds"));
        Ok(())
    });
    match taken {
        Ok(_) => Ok(cells),
        Err(ReadError::Input(errors)) => Err(errors),
        Err(ReadError::Sink(never)) => match never {},
    }
}

/// Line, column and a part of the message, of each problem that is expected.
type Expected = [(Option<u64>, Option<&'static str>, &'static str)];

#[track_caller]
fn refused(computation: &Computation, bytes: &[u8], expected: &Expected) {
    let errors = table(computation, bytes).expect_err("a bad file");
    for line in errors.lines() {
        assert!(!line.contains(CANARY), "{line}");
        assert!(line.starts_with("in.csv:"), "{line}");
    }
    let shown = errors.to_string();
    assert_eq!(errors.problems().len(), expected.len(), "{shown}");
    for (problem, (line, column, text)) in errors.problems().iter().zip(expected) {
        assert_eq!((problem.line, problem.column.as_deref()), (*line, *column), "{shown}");
        assert!(problem.to_string().contains(text), "{text:?} in {shown}");
    }
}

#[test]
fn bad_headers() {
    let computation = labelled();
    let rows = "north,77.31,7731\n\"south, old\",77.31,7731\n";
    let bad =
        |header: &str, expected: &Expected| refused(&computation, (header.to_owned() + rows).as_bytes(), expected);
    refused(&computation, b"", &[(None, None, "its first line must name the columns: row,pay,heads")]);
    refused(&computation, b"\n\r\n  \n", &[(None, None, "is empty")]);
    bad("row,pay,7731\n", &[(Some(1), None, "field 3"), (Some(1), Some("heads"), "missing")]);
    bad(
        "row,pay,heads,\n",
        &[
            (Some(1), None, "field 4 has no header: delete the empty column"),
            (Some(2), None, "has 3 fields where the header has 4"),
            (Some(3), None, "has 3 fields"),
        ],
    );
    bad("row,pay,pay\n", &[(Some(1), Some("pay"), "fields 2 and 3"), (Some(1), Some("heads"), "missing")]);
    bad(
        "pay,row,heads\n",
        &[
            (Some(1), None, "the first column must be `row`"),
            (Some(2), Some("pay"), "the value"),
            (Some(2), Some("row"), "not a row"),
            (Some(3), Some("pay"), "the value"),
            (Some(3), Some("row"), "not a row"),
            (None, Some("row"), "`north` is missing"),
            (None, Some("row"), "`south, old` is missing"),
        ],
    );
    bad("", &[(Some(1), None, "the first line must be: row,pay,heads")]);
    bad("Row,Pay,7731\n", &[(Some(1), None, "names no column of the agreement")]);
    bad("row;pay;heads\n", &[(Some(1), None, "semicolons")]);
    bad("row\tpay\theads\n", &[(Some(1), None, "tabs")]);
    bad("row,pay,heads\rnorth,7731,7731\r", &[(Some(1), None, "CR alone")]);
    refused(&computation, b"\xff\xfer\x00o\x00w\x00,\x00", &[(Some(1), None, "UTF-8")]);
    refused(&computation, b"PK\x03\x04\x14\0,\"7731\n7731\n\n", &[(None, None, "this is a workbook, not text")]);
    refused(&computation, b"PK,7731\n", &[(Some(1), None, "names no column")]);
    // Without labels, `row` is a column like any other that nobody agreed on.
    refused(&counted(1), b"row,pay,heads\n7731,77.31,7731\n", &[(Some(1), None, "field 1")]);
}

#[test]
fn lone_carriage_returns() {
    let one = computation(Rows::Count(1), &[("pay", 0, 80_000, 0)]);
    refused(&one, b"pay\r7731\r", &[(Some(1), None, "CR alone")]);
}

#[test]
fn bad_rows() {
    let computation = labelled();
    let bad = |rows: &str, expected: &Expected| {
        refused(&computation, format!("row,pay,heads\n{rows}").as_bytes(), expected);
    };
    let south = "\"south, old\",77.31,7731\n";
    bad(&format!("north,77.31,7731\n7731,77.31,7731\n{south}"), &[(Some(3), Some("row"), "not a row")]);
    bad(&format!("north,77.31,7731\n ,77.31,7731\n{south}"), &[(Some(3), Some("row"), "label is blank")]);
    bad(
        &format!("north,77.31,7731\n{south}north,77.31,7731\n"),
        &[(Some(4), Some("row"), "`north` is there already, on line 2")],
    );
    bad(south, &[(None, Some("row"), "the row `north` is missing")]);
    bad(&format!("north,77.31\n{south}"), &[(Some(2), None, "has 2 fields where the header has 3")]);
    bad(&format!("north,7731,31,7731\n{south}"), &[(Some(2), None, "has 4 fields")]);
    bad(&format!("north,77.31,7731\n\n\n{south}"), &[(Some(3), None, "is blank")]);
    bad(&format!("north,77.31,7731\r\n\r\n \r\n{south}"), &[(Some(3), None, "is blank")]);
    bad(
        &format!("north,77.31,7731\n , ,\n{south},,\n"),
        &[(Some(3), None, "the line is empty: delete it"), (Some(5), None, "the line is empty")],
    );
    bad(&format!("north,77.31,7731\n{south},,,,,\r\n"), &[(Some(4), None, "the line is empty")]);
    bad(&format!("north,\"77.31,7731\n{south}"), &[(Some(2), None, "close the quote")]);
    bad(&format!("north,77.31,\"77\n31\"\n{south}"), &[(Some(2), None, "close the quote")]);
    let mut bytes = b"row,pay,heads\nn\xff7731,77.31,7731\n".to_vec();
    bytes.extend(south.as_bytes());
    refused(&computation, &bytes, &[(Some(2), Some("row"), "UTF-8"), (None, Some("row"), "`north` is missing")]);
}

#[test]
fn bad_lengths() {
    let rows = "77.31,7731\n".repeat(3);
    let file = |header: &str| format!("{header}\n{rows}");
    refused(&counted(2), file("pay,heads").as_bytes(), &[(Some(4), None, "one more than the 2 rows")]);
    refused(&counted(5), file("pay,heads").as_bytes(), &[(Some(4), None, "ends after 3 of the 5 rows")]);
    refused(&counted(5), b"pay,heads\n", &[(Some(1), None, "ends after 0 of the 5 rows")]);
    refused(&counted(2), b"pay,heads\n77.31,7731\n,\n77.31,7731\n", &[(Some(3), None, "the line is empty")]);
    // Blank lines shift no row: they are an error, unless nothing follows them.
    let one = computation(Rows::Count(2), &[("pay", 0, 80_000, 0)]);
    refused(&one, b"pay\n7731\n\n7731\n", &[(Some(3), None, "is blank")]);
    refused(&one, b"pay\n7731\n\"\"\n7731\n", &[(Some(3), None, "is blank")]);
    refused(&one, b"\npay\n7731\n7731\n", &[(Some(1), None, "is blank")]);
    refused(&one, b"pay\n7731\n\n", &[(Some(2), None, "ends after 1 of the 2 rows")]);
    assert_eq!(table(&one, b"pay\n7731\n7731\n\n\r\n  \n"), Ok(vec![7731, 7731]));
}

#[test]
fn bad_cells() {
    let bad = |cell: &str, text: &'static str| {
        let file = format!("heads,pay\n7731,\"77.31\"\n7731,{cell}\n");
        refused(&counted(2), file.as_bytes(), &[(Some(3), Some("pay"), text)]);
    };
    bad("", "the cell is blank: give the figure; write 0 only where it is zero");
    bad(" \t", "the cell is blank");
    bad("\"\"", "the cell is blank");
    bad("GBP7731", "the value is no decimal number");
    bad("7731e1", "exponent");
    bad("+77.31", "sign");
    bad("--77.31", "sign");
    bad("\"7,731\"", "separator");
    bad("7 731", "blank in");
    bad("7731.", "digit");
    bad("=7731", "no decimal number");
    bad("NaN7731", "no decimal number");
    bad("77.3100", "more decimals than the 2");
    bad("-7731.77", "below the agreed minimum of -100.00");
    bad("7731000.00", "above the agreed maximum of 80000.00");
    bad(&"7731".repeat(20), "above the agreed maximum");
    bad(&format!("-{}", "7731".repeat(20)), "below the agreed minimum");
    refused(&counted(1), b"pay,heads\n77\xff31,7731\n", &[(Some(2), Some("pay"), "UTF-8")]);
}

#[test]
fn bounds_themselves_are_within_bounds() {
    assert_eq!(table(&counted(2), b"pay,heads\n-100.00,0\n80000,80000\n"), Ok(vec![-10_000, 0, 8_000_000, 80_000]));
}

#[test]
fn lines_are_those_of_an_editor() {
    let file = |end: &str| format!("pay,heads{end}77.31,7731{end}77.31,oh{end}77.31,7731{end}");
    for end in ["\n", "\r\n"] {
        refused(&counted(3), file(end).as_bytes(), &[(Some(3), Some("heads"), "no decimal number")]);
        let bom = format!("\u{feff}{}", file(end));
        refused(&counted(3), bom.as_bytes(), &[(Some(3), Some("heads"), "no decimal number")]);
    }
    refused(&counted(1), b"pay,heads\r\n77.31,7731x", &[(Some(2), Some("heads"), "no decimal number")]);
}

#[test]
fn many_problems_are_counted() {
    let file = format!("pay,heads\n{}", "7731x,7731\n".repeat(1000));
    let errors = table(&counted(1000), file.as_bytes()).expect_err("bad");
    assert_eq!((errors.problems().len(), errors.more()), (MOST_PROBLEMS, 980));
    assert_eq!(errors.lines().len(), MOST_PROBLEMS + 1);
    assert_eq!(errors.lines().last().map(String::as_str), Some("in.csv: and 980 more"));
    assert!(!errors.to_string().contains(CANARY));
}

#[test]
fn a_quote_that_never_closes_is_bounded() {
    let file = format!("pay,heads\n\"{}", "7731".repeat(4_000_000));
    refused(&counted(1), file.as_bytes(), &[(Some(2), None, "is too long")]);
}

#[test]
fn a_failing_disk_is_named() {
    struct Failing(bool);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other(CANARY));
            }
            let text = b"pay,heads\n77.31,77";
            buffer[..text.len()].copy_from_slice(text);
            Ok(text.len())
        }
    }
    let errors = read_from::<Infallible>(Failing(false), Path::new("in.csv"), &counted(1), |_, _| Ok(()));
    let text = errors.expect_err("failed").to_string();
    assert!(text.starts_with("in.csv: cannot be read"), "{text}");
    assert!(!text.contains(CANARY));
}

#[test]
fn a_failing_sink_ends_it() {
    let mut file = String::from("pay,heads\n");
    file.push_str(&"77.31,7731\n".repeat(CHUNK_CELLS));
    let mut calls = 0;
    let rows = u32::try_from(CHUNK_CELLS).expect("small");
    let ended = read_from(file.as_bytes(), Path::new("in.csv"), &counted(rows), |_, _| {
        calls += 1;
        Err("full")
    });
    assert!(matches!(ended, Err(ReadError::Sink("full"))));
    assert_eq!(calls, 1);
}

#[test]
fn nothing_is_released_after_an_error() {
    let mut file = String::from("pay,heads\n7731x,7731\n");
    file.push_str(&"77.31,7731\n".repeat(2 * CHUNK_CELLS));
    let rows = u32::try_from(2 * CHUNK_CELLS + 1).expect("small");
    let ended = read_from::<Infallible>(file.as_bytes(), Path::new("in.csv"), &counted(rows), |_, _| {
        panic!("no chunk of a bad file")
    });
    assert!(matches!(ended, Err(ReadError::Input(_))));
}

#[test]
fn chunks_cut_rows() {
    let rows = 50_000u32;
    let computation =
        computation(Rows::Count(rows), &[("a", 0, 1 << 40, 0), ("b", 0, 1 << 40, 0), ("c", 0, 1 << 40, 0)]);
    let mut file = String::from("c,a,b\n");
    let mut expected = Vec::new();
    for row in 0..rows {
        writeln!(file, "{},{},{}", row * 3 + 2, row * 3, row * 3 + 1).expect("a string");
        expected.extend((0..3).map(|column| i128::from(row * 3 + column)));
    }
    assert_eq!(table(&computation, file.as_bytes()), Ok(expected));
}

#[test]
fn files_are_plain_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("pay.csv");
    let missing = check(&path, &counted(1)).expect_err("missing").to_string();
    assert!(missing.contains("there is no such file"), "{missing}");
    let no_file = check(directory.path(), &counted(1)).expect_err("a directory").to_string();
    assert!(no_file.contains("not a plain file"), "{no_file}");

    std::fs::write(&path, "pay,heads\n77.31,7731\n").expect("written");
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1), (0o602, 1)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("changed");
        let report = check(&path, &counted(1)).expect("good");
        assert_eq!((report.rows, report.columns, report.warnings.len()), (1, 2, warnings));
        assert!(report.warnings.iter().all(|warning| warning.contains("chmod 600")));
    }
}

#[test]
fn the_template_needs_only_figures() {
    assert_eq!(template(&counted(3)), "pay,heads\n");
    assert_eq!(template(&labelled()), "row,pay,heads\nnorth,,\n\"south, old\",,\n");
    let errors = table(&labelled(), template(&labelled()).as_bytes()).expect_err("all blank");
    assert_eq!(errors.problems().len(), 4);
    assert!(errors.problems().iter().all(|problem| problem.rule == Rule::BlankCell));
    let filled = template(&labelled()).replace(",,", ",77.31,7731");
    assert_eq!(table(&labelled(), filled.as_bytes()), Ok(vec![7731, 7731, 7731, 7731]));
}

/// How a random file is dressed up.
#[derive(Clone, Debug)]
struct Dress {
    bom: bool,
    crlf: bool,
    last_line_end: bool,
    blanks: bool,
    quotes: bool,
}

fn dress() -> impl Strategy<Value = Dress> {
    any::<[bool; 5]>().prop_map(|[bom, crlf, last_line_end, blanks, quotes]| Dress {
        bom,
        crlf,
        last_line_end,
        blanks,
        quotes,
    })
}

/// Column decimals, and rows of cells as an analyst writes them.
fn tables() -> impl Strategy<Value = (Vec<u8>, Vec<Vec<String>>)> {
    (prop::collection::vec(0u8..=9, 1..5), 1usize..20).prop_flat_map(|(decimals, rows)| {
        let row: Vec<_> = decimals
            .iter()
            .map(|decimals| match decimals {
                0 => "-?[0-9]{1,12}".boxed(),
                most => proptest::string::string_regex(&format!("-?[0-9]{{1,12}}(\\.[0-9]{{1,{most}}})?"))
                    .expect("a pattern")
                    .boxed(),
            })
            .collect();
        (Just(decimals), prop::collection::vec(row, rows))
    })
}

/// Digits and sign only, zeros added: as naive as can be.
fn naive(cell: &str, decimals: u8) -> i128 {
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
    format!("{whole}{fraction:0<width$}", width = usize::from(decimals)).parse().expect("digits")
}

proptest! {
    #[test]
    fn random_tables_are_read_exactly(
        (decimals, cells) in tables(),
        dress in dress(),
        with_labels: bool,
        seed: prop::sample::Index,
    ) {
        let bound = 10i128.pow(22);
        let names: Vec<String> = (0..decimals.len()).map(|column| format!("c{column}")).collect();
        let columns: Vec<_> =
            names.iter().zip(&decimals).map(|(name, decimals)| (name.as_str(), -bound, bound, *decimals)).collect();
        let labels: Vec<String> = (0..cells.len()).map(|row| format!("r\u{e9}gion \"{row}\", x")).collect();
        let rows = if with_labels {
            Rows::Labels(labels.clone())
        } else {
            Rows::Count(u32::try_from(cells.len()).expect("few"))
        };
        let computation = computation(rows, &columns);

        // Any order of columns, and of rows where they have labels: a rotation is enough to be another.
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.rotate_left(seed.index(columns.len()));
        let mut lines: Vec<usize> = (0..cells.len()).collect();
        if with_labels {
            lines.rotate_left(seed.index(cells.len()));
        }
        let end = if dress.crlf { "\r\n" } else { "\n" };
        let pad = |field: &str| if dress.blanks { format!(" {field}\t") } else { field.to_owned() };
        let cell = |field: &str| if dress.quotes { format!("\"{}\"", pad(field)) } else { pad(field) };
        let label = |row: usize| format!("\"{}\"", labels[row].replace('"', "\"\""));
        let mut file = vec![
            with_labels.then(|| cell("row")).into_iter().chain(order.iter().map(|c| cell(&names[*c]))).collect::<Vec<_>>().join(","),
        ];
        for row in &lines {
            let fields = with_labels.then(|| label(*row)).into_iter();
            file.push(fields.chain(order.iter().map(|c| cell(&cells[*row][*c]))).collect::<Vec<_>>().join(","));
        }
        let mut text = file.join(end);
        if dress.last_line_end {
            text.push_str(end);
        }
        if dress.bom {
            text.insert(0, '\u{feff}');
        }
        let expected: Vec<i128> =
            cells.iter().flat_map(|row| row.iter().zip(&decimals).map(|(cell, decimals)| naive(cell, *decimals))).collect();
        prop_assert_eq!(table(&computation, text.as_bytes()), Ok(expected));
    }

    /// Whatever stands in a file, reading it ends, in a table or in errors.
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(prop::sample::select(b"pay,heds\n\r\"7.-\xc3\xa9\0 row;".to_vec()), 0..200)) {
        let _ = table(&counted(2), &bytes);
        let _ = table(&labelled(), &bytes);
    }
}
