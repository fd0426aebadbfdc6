//! Round trips, golden exports, and files that were tampered with.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use sharing::decimal::Decimal;
use sharing::{Cells, Column, Encoded, Field};
use tempfile::TempDir;

use super::*;

fn column(name: &str, unit: &str, decimals: u8, sum: bool, mean: bool) -> ResultColumn {
    ResultColumn { name: name.to_owned(), unit: unit.to_owned(), decimals, sum, mean }
}

fn meta(rows: ResultRows, columns: Vec<ResultColumn>) -> ResultMeta {
    ResultMeta {
        computation: "average-expenditure".to_owned(),
        title: "Average expenditure of the members".to_owned(),
        period: "2026-Q3".to_owned(),
        round: [0x1f; 32],
        agreement: [2; 32],
        contributors: vec!["p1".to_owned(), "p2".to_owned(), "p3".to_owned()],
        warnings: Vec::new(),
        columns,
        ratios: Vec::new(),
        rows,
        partials: Vec::new(),
        digest: [0xab; 32],
    }
}

fn place(directory: &TempDir) -> Place {
    Place::new(directory.path(), "average-expenditure", "2026-Q3").expect("a name")
}

fn shape(field: Field, meta: &ResultMeta) -> Shape {
    Shape { field, rows: meta.rows.len(), columns: u32::try_from(meta.columns.len()).expect("few") }
}

/// Writes a result and opens it.
fn stored(place: &Place, field: Field, meta: &ResultMeta, totals: &[i128]) -> ResultFile {
    let mut writer = ResultWriter::create(place, shape(field, meta)).expect("created");
    for (chunk, totals) in totals.chunks(sharing::CHUNK_CELLS).enumerate() {
        writer.append((chunk * sharing::CHUNK_CELLS) as u64, totals).expect("appended");
    }
    let finished = writer.finish(meta.clone()).expect("finished");
    assert_eq!(finished.path, place.result());
    assert_eq!(finished.bytes, fs::metadata(&finished.path).expect("there").len());
    place.open().expect("verified")
}

fn totals(file: &ResultFile) -> Vec<i128> {
    let mut all = Vec::new();
    let mut blocks = file.blocks();
    while let Some((first, rows)) = blocks.next_block().expect("read") {
        assert_eq!(first * file.meta().columns.len() as u64, all.len() as u64);
        rows.for_each(|row| all.extend_from_slice(row));
    }
    all
}

fn json(file: &ResultFile, bundle: Option<&str>) -> String {
    let mut out = Vec::new();
    file.write_json(&mut out, bundle).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

fn csv_text(file: &ResultFile) -> String {
    let mut out = Vec::new();
    file.write_csv(&mut out).expect("written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn the_guidance_example_in_json() {
    let directory = tempfile::tempdir().expect("a directory");
    let meta = meta(ResultRows::Count(1), vec![column("expenditure", "GBP", 2, true, true)]);
    let file = stored(&place(&directory), Field::Field64, &meta, &[4_500_000]);
    let expected = format!(
        concat!(
            r#"{{"round":{{"computation":"average-expenditure","period":"2026-Q3","id":"{}"}},"#,
            r#""status":"completed","contributors":["p1","p2","p3"],"#,
            r#""columns":[{{"name":"expenditure","unit":"GBP","rows":[{{"row":"0","sum":"45000.00","mean":"15000.00","count":3}}]}}],"#,
            r#""ratios":[],"digest":"sha256:{}"}}"#,
            "\n"
        ),
        "1f".repeat(32),
        "ab".repeat(32)
    );
    assert_eq!(json(&file, None), expected);
    let bundle = "results/average-expenditure/2026-Q3/bundle.bin";
    let expected = expected.replace("\"}\n", &format!("\",\"bundle\":\"{bundle}\"}}\n"));
    assert_eq!(json(&file, Some(bundle)), expected);
}

/// Two labelled rows, three columns of different statistics, two ratios, one of them by zero.
fn rich() -> (ResultMeta, Vec<i128>) {
    let rows = ResultRows::Labels(vec!["north".to_owned(), "south, \"old\"".to_owned()]);
    let columns = vec![
        column("pay", "GBP", 2, true, true),
        column("heads", "people", 0, true, false),
        column("loss", "", 3, false, true),
    ];
    let mut meta = meta(rows, columns);
    meta.ratios = vec![
        ResultRatio { name: "average-pay".to_owned(), numerator: 0, denominator: 1 },
        ResultRatio { name: "pay-by-loss".to_owned(), numerator: 0, denominator: 2 },
    ];
    (meta, vec![1_000_000, 7, -100, 5, 0, 0])
}

#[test]
fn only_what_was_agreed_is_released() {
    let directory = tempfile::tempdir().expect("a directory");
    let (meta, totals) = rich();
    let file = stored(&place(&directory), Field::Field64, &meta, &totals);
    let parsed: serde_json::Value = serde_json::from_str(&json(&file, None)).expect("JSON");
    assert_eq!(
        parsed["columns"],
        serde_json::json!([
            {"name":"pay","unit":"GBP","rows":[
                {"row":"north","sum":"10000.00","mean":"3333.333333","count":3},
                {"row":"south, \"old\"","sum":"0.05","mean":"0.016667","count":3}]},
            {"name":"heads","unit":"people","rows":[
                {"row":"north","sum":"7","count":3},{"row":"south, \"old\"","sum":"0","count":3}]},
            {"name":"loss","unit":"","rows":[
                {"row":"north","mean":"-0.0333333","count":3},{"row":"south, \"old\"","mean":"0.000","count":3}]},
        ])
    );
    assert_eq!(
        parsed["ratios"],
        serde_json::json!([
            {"name":"average-pay","unit":"GBP/people","rows":[
                {"row":"north","ratio":"1428.571429","count":3},{"row":"south, \"old\"","ratio":null,"count":3}]},
            {"name":"pay-by-loss","unit":"GBP","rows":[
                {"row":"north","ratio":"-100000.000000","count":3},{"row":"south, \"old\"","ratio":null,"count":3}]},
        ])
    );
    assert_eq!(
        csv_text(&file),
        "row,pay.sum,pay.mean,heads.sum,loss.mean,average-pay.ratio,pay-by-loss.ratio,count\n\
         north,10000.00,3333.333333,7,-0.0333333,1428.571429,-100000.000000,3\n\
         \"south, \"\"old\"\"\",0.05,0.016667,0,0.000,,,3\n"
    );
}

#[test]
fn totals_at_the_bounds_of_seven_parties_are_exact() {
    let directory = tempfile::tempdir().expect("a directory");
    let bound = 2_000_000_000_000_000_000i128;
    let cell = Column { min: -bound, max: bound, decimals: 0 };
    let field = Field::for_bounds(7, [&cell, &cell]).expect("fits");
    assert_eq!(field, Field::Field128);
    let mut meta = meta(ResultRows::Count(1), vec![column("up", "", 0, true, true), column("down", "", 0, true, true)]);
    meta.contributors = (1..=7).map(|party| format!("p{party}")).collect();
    let file = stored(&place(&directory), field, &meta, &[7 * bound, -7 * bound]);
    assert_eq!(totals(&file), [7 * bound, -7 * bound]);
    assert_eq!(
        csv_text(&file),
        "row,up.sum,up.mean,down.sum,down.mean,count\n\
         0,14000000000000000000,2000000000000000000,-14000000000000000000,-2000000000000000000,7\n"
    );
}

#[test]
fn every_byte_is_covered() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = place(&directory);
    let (meta, totals) = rich();
    stored(&place, Field::Field64, &meta, &totals);
    let good = fs::read(place.result()).expect("read");
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(place.result(), &bad).expect("written");
        let refused = place.open().expect_err("tampered");
        assert!(
            matches!(refused, ResultError::Damaged { .. } | ResultError::Version { .. }),
            "byte {position}: {refused}"
        );
    }
    for length in 0..good.len() {
        fs::write(place.result(), &good[..length]).expect("written");
        assert!(matches!(place.open(), Err(ResultError::Damaged { .. })), "cut to {length}");
    }
    for more in [1, 8, 40] {
        fs::write(place.result(), [good.as_slice(), &vec![0; more]].concat()).expect("written");
        assert!(matches!(place.open(), Err(ResultError::Damaged { .. })), "{more} bytes more");
    }
    fs::write(place.result(), &good).expect("written");
    place.open().expect("as it was");
}

/// A file whose hash is right, so that only the rule in question can refuse it.
fn rehashed(place: &Place, change: impl FnOnce(&mut Vec<u8>)) -> ResultError {
    let mut bytes = fs::read(place.result()).expect("read");
    bytes.truncate(bytes.len() - 32);
    change(&mut bytes);
    let hash = *file_hasher().update(&bytes).finalize().as_bytes();
    bytes.extend(hash);
    fs::write(place.result(), &bytes).expect("written");
    place.open().expect_err("refused")
}

#[test]
fn a_right_hash_is_not_enough() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = place(&directory);
    let (described, totals) = rich();
    let write = |meta: &ResultMeta| drop(stored(&place, Field::Field64, meta, &totals));
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 5] = [
        ("begin", |bytes| bytes[0] = b'x'),
        ("version 2", |bytes| bytes[8] = 2),
        ("width", |bytes| bytes[10] = 9),
        ("cut off", |bytes| bytes[16..24].fill(0xff)),
        ("length", |bytes| {
            let end = bytes.len() - 8;
            bytes.insert(end, b' ');
        }),
    ];
    for (text, change) in changes {
        write(&described);
        let refused = rehashed(&place, change).to_string();
        assert!(refused.contains(text), "{refused}");
    }
    // 16-byte cells of half as many rows: the description contradicts the head.
    write(&described);
    let refused = rehashed(&place, |bytes| {
        bytes[10] = 16;
        bytes[16] = 1;
    });
    assert!(refused.to_string().contains("another table"), "{refused}");
    // A key that nobody knows.
    write(&described);
    let refused = rehashed(&place, |bytes| {
        let position = bytes.windows(6).position(|window| window == b"\"title").expect("there");
        bytes[position + 1..position + 6].copy_from_slice(b"other");
    });
    assert!(refused.to_string().contains("unreadable"), "{refused}");
}

#[test]
fn the_file_of_another_round_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut meta, totals) = rich();
    meta.period = "2026-Q4".to_owned();
    let place = place(&directory);
    let mut writer = ResultWriter::create(&place, shape(Field::Field64, &meta)).expect("created");
    writer.append(0, &totals).expect("appended");
    writer.finish(meta).expect("finished");
    assert!(matches!(place.open(), Err(ResultError::Damaged { what: "it is the file of another round", .. })));
}

#[test]
fn misuse_leaves_no_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = place(&directory);
    let (meta, totals) = rich();
    let writer = || ResultWriter::create(&place, shape(Field::Field64, &meta)).expect("created");
    let misused = |done: Result<(), ResultError>| assert!(matches!(done, Err(ResultError::Misuse { .. })));

    misused(writer().append(1, &totals));
    misused(writer().append(0, &[0; 7]));
    misused(writer().append(0, &[i128::from(i64::MAX) + 1]));
    let mut lacking = writer();
    lacking.append(0, &totals[..5]).expect("appended");
    misused(lacking.finish(meta.clone()).map(drop));
    let changes: [fn(&mut ResultMeta); 3] = [
        |meta| meta.contributors.clear(),
        |meta| meta.ratios[0].denominator = 3,
        |meta| meta.rows = ResultRows::Count(3),
    ];
    for change in changes {
        let mut meta = meta.clone();
        change(&mut meta);
        let mut whole = writer();
        whole.append(0, &totals).expect("appended");
        misused(whole.finish(meta).map(drop));
    }
    assert_eq!(fs::read_dir(place.directory()).expect("listed").count(), 0, "nothing is left behind");
    assert!(matches!(place.open(), Err(ResultError::None { .. })));
}

#[test]
fn files_are_private_and_replace_what_a_crash_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = place(&directory);
    let (meta, totals) = rich();
    fs::create_dir_all(place.directory()).expect("made");
    // What a crash left, and a link that leads elsewhere.
    let elsewhere = directory.path().join("elsewhere");
    fs::write(&elsewhere, "kept").expect("written");
    std::os::unix::fs::symlink(&elsewhere, place.directory().join(".result.bin.part")).expect("linked");
    let file = stored(&place, Field::Field64, &meta, &totals);
    place.export_json(&file).expect("exported");
    place.export_csv(&file).expect("exported");
    assert_eq!(fs::read_to_string(&elsewhere).expect("read"), "kept");
    assert_eq!(fs::read_to_string(place.json()).expect("read"), json(&file, None));
    assert_eq!(fs::read_to_string(place.csv()).expect("read"), csv_text(&file));
    for path in [place.result(), place.json(), place.csv()] {
        assert_eq!(fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
    }
    // A second result takes the place of the first, whole.
    let file = stored(&place, Field::Field64, &meta, &[1; 6]);
    assert_eq!(self::totals(&file), [1; 6]);
    let names = fs::read_dir(place.directory()).expect("listed").count();
    assert_eq!(names, 3);
}

#[test]
fn new_directories_are_private() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = place(&directory);
    let (meta, totals) = rich();
    stored(&place, Field::Field64, &meta, &totals);
    let computation = directory.path().join("results/average-expenditure");
    for path in [directory.path().join("results"), computation.clone(), computation.join("2026-Q3")] {
        assert_eq!(fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_failing_export_leaves_the_old_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("out.json");
    fs::write(&path, "old").expect("written");
    let failed = write_atomically(&path, |out| {
        out.write_all(b"half")?;
        Err(std::io::Error::other("full"))
    });
    assert!(failed.expect_err("failed").to_string().contains("out.json: cannot write"));
    assert_eq!(fs::read_to_string(&path).expect("read"), "old");
    assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
}

#[test]
fn deleting_removes_all_that_is_ours() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = place(&directory);
    assert!(matches!(place.delete(), Err(ResultError::None { .. })));
    let (meta, totals) = rich();
    let file = stored(&place, Field::Field64, &meta, &totals);
    place.export_json(&file).expect("exported");
    place.export_csv(&file).expect("exported");
    fs::write(place.bundle(), "bundle").expect("written");
    assert_eq!(place.stored_bundle().as_deref(), Some("results/average-expenditure/2026-Q3/bundle.bin"));
    place.delete().expect("deleted");
    assert!(!directory.path().join("results/average-expenditure").exists());
    assert!(directory.path().join("results").exists());
    assert!(matches!(place.open(), Err(ResultError::None { .. })));

    stored(&place, Field::Field64, &meta, &totals);
    let note = place.directory().join("note.txt");
    fs::write(&note, "of the operator").expect("written");
    place.delete().expect("deleted");
    assert!(note.exists() && !place.result().exists());
}

#[test]
fn names_lead_nowhere_else() {
    let data = Path::new("/data");
    for address in ["a", "a/", "/a", "../x/2026", "a/..", "a/.hidden", "a/b/c", "A/2026", "a/2026 ", "a/\u{e9}", "a/-x"]
    {
        assert!(matches!(Place::of_round(data, address), Err(ResultError::Name)), "{address}");
    }
    assert!(Place::of_round(data, &format!("{}/1", "a".repeat(33))).is_err());
    assert!(Place::of_round(data, &format!("a/{}", "1".repeat(33))).is_err());
    let place = Place::of_round(data, "average-pay/2026-trial.1").expect("a name");
    assert_eq!(place.result(), Path::new("/data/results/average-pay/2026-trial.1/result.bin"));
}

#[test]
fn partial_sums_are_kept_for_small_tables_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = place(&directory);
    let bounds = [Column { min: -5, max: 5, decimals: 0 }];
    let rows = u32::try_from(MOST_PARTIAL_CELLS + 1).expect("few");
    let cells = |field, values: &[i128]| {
        let mut sum = Cells::zero(field, values.len());
        sum.add(Encoded::new(field, &bounds, 0, values).expect("within bounds").cells());
        sum
    };
    let p = (1u128 << 64) - (1 << 32) + 1;
    assert_eq!(PartialSum::new("p1", &cells(Field::Field64, &[3, -1])).elements, ["3".to_owned(), (p - 1).to_string()]);
    let wide = PartialSum::new("p1", &cells(Field::Field128, &[-1]));
    assert_eq!(wide.elements, [(u128::MAX - (7 << 66) + 1).to_string()]);
    assert!(!format!("{wide:?}").contains(&wide.elements[0]));
    // 2^252 + 27742317777372353535851937790883648493 − 1, the order of the group without one.
    let widest = PartialSum::new("p1", &cells(Field::Ristretto255, &[-1]));
    let order = "7237005577332262213973186563042994240857116359379907606001950938285454250988";
    assert_eq!(widest.elements, [order]);

    let mut small = meta(ResultRows::Count(1), vec![column("a", "", 0, true, true)]);
    small.partials = vec![wide];
    assert_eq!(stored(&place, Field::Field128, &small, &[3]).meta(), &small);
    let mut large = meta(ResultRows::Count(u64::from(rows)), vec![column("a", "", 0, true, true)]);
    large.partials = small.partials;
    let file = stored(&place, Field::Field128, &large, &vec![1; rows as usize]);
    assert!(file.meta().partials.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn totals_come_back(wide: bool, columns in 1usize..4, cells in prop::collection::vec(any::<i128>(), 1..40), rows in 1usize..40_000) {
        let directory = tempfile::tempdir().expect("a directory");
        let place = place(&directory);
        let described = (0..columns).map(|c| column(&format!("c{c}"), "", 4, true, true)).collect();
        let meta = meta(ResultRows::Count(rows as u64), described);
        let narrow = |value: i128| if wide { value } else { value >> 64 };
        let expected: Vec<i128> = cells.iter().copied().map(narrow).cycle().take(rows * columns).collect();
        let field = if wide { Field::Field128 } else { Field::Field64 };
        let file = stored(&place, field, &meta, &expected);
        prop_assert_eq!(file.meta(), &meta);
        prop_assert!(totals(&file) == expected);
    }

    /// Every figure of an export is the decimal that `sharing` computes.
    #[test]
    fn figures_are_those_of_sharing(a in -(1i128 << 100)..1 << 100, b in -(1i128 << 60)..1 << 60, decimals in 0u8..10, others in 0u8..10) {
        let directory = tempfile::tempdir().expect("a directory");
        let mut meta = meta(ResultRows::Count(1), vec![column("a", "", decimals, true, true), column("b", "", others, false, false)]);
        meta.ratios = vec![ResultRatio { name: "r".to_owned(), numerator: 0, denominator: 1 }];
        let file = stored(&place(&directory), Field::Field128, &meta, &[a, b]);
        let sum = Decimal { units: a, decimals };
        let ratio = Decimal::ratio(sum, Decimal { units: b, decimals: others });
        let ratio = ratio.map(|ratio| ratio.to_string());
        let line = format!("0,{},{},{},3", sum, Decimal::mean(a, 3, decimals), ratio.unwrap_or_default());
        let text = csv_text(&file);
        prop_assert_eq!(text.lines().nth(1), Some(line.as_str()));
    }

    /// The quick way of writing a decimal differs from the plain one in nothing.
    #[test]
    fn decimals_are_written_alike(units in prop_oneof![any::<i64>().prop_map(i128::from), any::<i128>(), -1000i128..1000], decimals in 0u8..40) {
        let value = Decimal { units, decimals };
        let mut text = String::new();
        figures::push_decimal(&mut text, value);
        prop_assert_eq!(text, value.to_string());
    }
}
