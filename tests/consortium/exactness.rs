//! Every figure at every party against the same arithmetic done elsewhere, on big integers.

use serde_json::Value;
use testkit::dice::Dice;

use crate::support::exact::Exact;
use crate::support::{Testbed, smpcd};

#[test]
fn the_demo_gives_the_sum_of_the_guidance_from_three_processes() {
    let demo = smpcd(["demo", "--json"]).exits(0).json();
    let row = &demo["columns"][0]["rows"][0];
    assert_eq!((&row["sum"], &row["mean"], &row["count"]), (&"45000.00".into(), &"15000.00".into(), &3.into()));
    assert_eq!(demo["contributors"], serde_json::json!(["p1", "p2", "p3"]));
    assert_eq!(demo["status"], "completed");
    let mut pids: Vec<u64> = demo["parties"].as_array().unwrap().iter().map(|p| p["pid"].as_u64().unwrap()).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 3, "{demo}");
    assert!(!pids.contains(&u64::from(std::process::id())));
}

/// A column of the table below: its places and its bounds in units of the last one.
struct Column {
    name: &'static str,
    places: usize,
    min: i64,
    max: i64,
}

const COLUMNS: [Column; 3] = [
    Column { name: "headcount", places: 0, min: -500, max: 100_000 },
    Column { name: "loss", places: 2, min: -90_000_000_000, max: -1 },
    Column { name: "rate", places: 6, min: -1_000_000_000_000, max: 1_000_000_000_000 },
];
const ROWS: usize = 1_000;

/// Labels with everything in them that a label may have and a CSV file must quote.
fn label(row: usize) -> String {
    match row % 4 {
        0 => format!("Store {row}"),
        1 => format!("Straße, {row}"),
        2 => format!("the \"{row}\""),
        _ => format!("{row}"),
    }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

fn table() -> String {
    let labels: Vec<String> = (0..ROWS).map(|row| Value::from(label(row)).to_string()).collect();
    let columns: String = COLUMNS
        .iter()
        .map(|c| {
            let bound = |units: i64| Exact { digits: units.into(), places: c.places };
            format!(
                "\n[[computation.column]]\nname = \"{}\"\nunit = \"\"\ndecimals = {}\nmin = {}\nmax = {}\nstatistics = [\"sum\", \"mean\"]\n",
                c.name, c.places, bound(c.min), bound(c.max)
            )
        })
        .collect();
    format!(
        r#"
[[computation]]
id = "stores"
title = "Three columns, a thousand stores"
sharing = "additive"
adversary = "semi-honest"
calendar = "any"
collect_for = "30s"
attempt_deadline = "5s"
give_up_after = "2m"
rows = [{}]
{columns}
[[computation.ratio]]
name = "rate per head"
numerator = "rate"
denominator = "headcount"

[[computation.ratio]]
name = "heads per loss"
numerator = "headcount"
denominator = "loss"
"#,
        labels.join(", ")
    )
}

#[test]
fn three_columns_of_a_thousand_labelled_rows_are_exact_at_five_parties() {
    const PARTIES: usize = 5;
    let mut dice = Dice::new(2, "three columns");
    // By party, row and column, as the text in the file.
    let inputs: Vec<Vec<[String; 3]>> = (0..PARTIES)
        .map(|_| {
            (0..ROWS)
                .map(|row| {
                    COLUMNS.each_ref().map(|c| {
                        let span = u64::try_from(c.max - c.min).unwrap() + 1;
                        // Some rows stand at the bounds, and some are zero at every party where that is allowed.
                        let units = match row {
                            0 => c.min,
                            1 => c.max,
                            2 if c.max >= 0 => 0,
                            _ => c.min + i64::try_from(dice.below(span)).unwrap(),
                        };
                        Exact { digits: units.into(), places: c.places }.to_string()
                    })
                })
                .collect()
        })
        .collect();
    let mut testbed = Testbed::of(5, &table());
    for (party, rows) in inputs.iter().enumerate() {
        let mut order: Vec<usize> = (0..ROWS).collect();
        // Labelled rows may come in any order.
        order.rotate_left(party * 7);
        let lines: String =
            order.iter().map(|&row| format!("{},{}\n", quoted(&label(row)), rows[row].join(","))).collect();
        testbed.input(party, None, &format!("row,headcount,loss,rate\n{lines}"));
    }
    testbed.start_all();
    let results = testbed.completes("stores", "2026-Q3");

    let total = |row: usize, column: usize| {
        let figures: Vec<Exact> =
            inputs.iter().map(|rows| Exact::of(&rows[row][column], COLUMNS[column].places)).collect();
        Exact::total(&figures)
    };
    let mut csv = "row,headcount.sum,headcount.mean,loss.sum,loss.mean,rate.sum,rate.mean,\
                   rate per head.ratio,heads per loss.ratio,count\n"
        .to_owned();
    for row in 0..ROWS {
        let totals = [0, 1, 2].map(|column| total(row, column));
        let mut fields = vec![quoted(&label(row))];
        for total in &totals {
            fields.extend([total.to_string(), total.mean(PARTIES).to_string()]);
        }
        let ratio = |of: usize, by: usize| totals[of].ratio(&totals[by]).map(|r| r.to_string());
        fields.extend([ratio(2, 0).unwrap_or_default(), ratio(0, 1).unwrap_or_default(), PARTIES.to_string()]);
        csv.push_str(&(fields.join(",") + "\n"));
    }
    assert!(csv.contains(",,"), "some denominator is zero");
    for (party, (json, export)) in results.iter().enumerate() {
        for (line, (ours, theirs)) in csv.lines().zip(export.lines()).enumerate() {
            assert_eq!(ours, theirs, "line {} at p{}", line + 1, party + 1);
        }
        assert_eq!(csv.len(), export.len());
        assert_eq!(json["digest"], results[0].0["digest"]);
        assert_eq!(json["contributors"], serde_json::json!(["p1", "p2", "p3", "p4", "p5"]));
        for (position, column) in COLUMNS.iter().enumerate() {
            let series = &json["columns"][position];
            assert_eq!(series["name"], column.name);
            for row in 0..ROWS {
                let (cell, total) = (&series["rows"][row], total(row, position));
                let expected = serde_json::json!({
                    "row": label(row), "sum": total.to_string(), "mean": total.mean(PARTIES).to_string(), "count": PARTIES
                });
                assert_eq!(*cell, expected, "p{}", party + 1);
            }
        }
        let ratio = &json["ratios"][0]["rows"];
        assert_eq!(ratio[2]["ratio"], Value::Null, "nobody counts: {}", ratio[2]);
        let expected = total(3, 2).ratio(&total(3, 0)).unwrap().to_string();
        assert_eq!(ratio[3]["ratio"], expected.as_str());
    }
    // What people are shown comes from the same file.
    let shown = testbed.run(4, &["result", "show", "stores/2026-Q3", "--format", "csv"]).exits(0);
    assert_eq!(shown.out, csv);
    testbed.stop_all();
}

/// 2·10^18: seven of them pass what 64 bits hold.
const BOUND: i64 = 2_000_000_000_000_000_000;

fn bounded(bound: &str) -> String {
    format!(
        r#"
[[computation]]
id = "large"
title = "One figure as large as can be"
sharing = "additive"
adversary = "semi-honest"
calendar = "any"
collect_for = "30s"
attempt_deadline = "5s"
give_up_after = "2m"
rows = 1

[[computation.column]]
name = "figure"
unit = ""
decimals = 0
min = -{bound}
max = {bound}
statistics = ["sum", "mean"]
"#
    )
}

#[test]
fn seven_parties_at_their_bounds_are_exact_in_the_larger_field() {
    let mut testbed = Testbed::of(7, &bounded(&BOUND.to_string()));
    let checked = smpcd(["agreement".into(), "check".into(), testbed.root().join("agreement.toml")]).exits(0);
    assert!(checked.out.contains("Field128"), "{}", checked.out);
    testbed.start_all();
    // One input is not dealt in two periods: the mixed ones are next to their bounds.
    for (period, size, signs) in
        [("max", BOUND, [1; 7]), ("min", BOUND, [-1; 7]), ("mixed", BOUND - 1, [1, -1, 1, -1, -1, 1, -1])]
    {
        let figures = signs.map(|sign| (size * sign).to_string());
        for (party, figure) in figures.iter().enumerate() {
            testbed.input(party, None, &format!("figure\n{figure}\n"));
        }
        let total = Exact::total(&figures.map(|figure| Exact::of(&figure, 0)));
        for (json, csv) in testbed.completes("large", period) {
            assert_eq!(csv, format!("row,figure.sum,figure.mean,count\n0,{total},{},7\n", total.mean(7)));
            assert_eq!(json["columns"][0]["rows"][0]["sum"], total.to_string().as_str());
        }
    }
    testbed.stop_all();
}

#[test]
fn an_agreement_whose_sum_could_wrap_is_refused() {
    let testbed = Testbed::of(7, &bounded(&BOUND.to_string()));
    let agreement = testbed.root().join("agreement.toml");
    let text = std::fs::read_to_string(&agreement).unwrap();
    // Twice seven bounds have to stay below the prime 2^128 - 7·2^66 + 1, and the last digit decides it.
    let (fits, wraps) = ("24305883351495604496204698097707197586", "24305883351495604496204698097707197587");
    for (bound, code) in [(fits, 0), (wraps, 78)] {
        let changed = text.replace("2_000_000_000_000_000_000", bound);
        assert_ne!(changed, text);
        let file = testbed.root().join(format!("{bound}.toml"));
        std::fs::write(&file, changed).unwrap();
        let said = smpcd(["agreement".into(), "check".into(), file.clone()]).exits(code);
        if code == 78 {
            let said = said.complains(&[file.to_str().unwrap(), "computation", "wrap"]);
            assert_eq!(said.out, "", "nothing is disclosed by what is refused");
        }
    }
}

#[test]
fn a_table_of_several_chunks_is_exact() {
    const ROWS: usize = 150_000;
    let mut testbed = Testbed::with(3, &["--rows", &ROWS.to_string()]);
    let mut dice = Dice::new(3, "several chunks");
    let inputs: Vec<Vec<u64>> =
        (0..3).map(|_| (0..ROWS).map(|_| dice.below(5_000_000_001)).collect::<Vec<_>>()).collect();
    for (party, figures) in inputs.iter().enumerate() {
        let lines: String = figures.iter().map(|units| format!("{}.{:02}\n", units / 100, units % 100)).collect();
        testbed.input(party, None, &format!("expenditure\n{lines}"));
    }
    testbed.start_all();
    let results = testbed.completes("average-expenditure", "large");
    let mut csv = "row,expenditure.sum,expenditure.mean,count\n".to_owned();
    for row in 0..ROWS {
        let total: u64 = inputs.iter().map(|figures| figures[row]).sum();
        let total = Exact { digits: total.into(), places: 2 };
        csv.push_str(&format!("{row},{total},{},3\n", total.mean(3)));
    }
    for (party, (_, export)) in results.iter().enumerate() {
        assert!(*export == csv, "p{} has another table", party + 1);
    }
    testbed.stop_all();
}
