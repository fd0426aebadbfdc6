//! The file as people write it: lines of every error, digests that ignore formatting, samples, what is rendered.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use protocol::agreement::{Agreement, disclosure_statement};

use super::*;

const SAMPLES: [&str; 4] = ["agreement-basic.toml", "agreement-advanced.toml", "delegated.toml", "hybrid.toml"];

fn sample(name: &str) -> (PathBuf, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name);
    let text = std::fs::read_to_string(&file).unwrap();
    (file, text)
}

fn load(text: &str) -> Result<Agreement, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, text).unwrap();
    let prefix = format!("{}:", file.display());
    AgreementFile::load(&file).map(|loaded| loaded.agreement).map_err(|failure| {
        assert_eq!(failure.exit, Exit::BadConfiguration);
        failure.lines.iter().map(|line| line.strip_prefix(&prefix).unwrap().to_owned()).collect()
    })
}

/// The basic sample with one piece replaced, the lines that are reported.
#[track_caller]
fn errors(from: &str, to: &str) -> Vec<String> {
    let (_, text) = sample("agreement-basic.toml");
    assert!(text.contains(from), "{from}");
    load(&text.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn samples_are_valid() {
    for name in SAMPLES {
        let (file, _) = sample(name);
        let loaded = AgreementFile::load(&file);
        let agreement = loaded.unwrap_or_else(|failure| panic!("{failure:?}")).agreement;
        assert!(disclosure_statement(&agreement).contains(agreement.name()));
    }
    let (_, text) = sample("agreement-advanced.toml");
    let agreement = load(&text).unwrap();
    let variance = &agreement.computations()[0].columns[2];
    assert_eq!((variance.bounds.min, variance.bounds.max), (-5_000_000_000, 5_000_000_000));
    assert_eq!(agreement.computations()[1].columns[0].bounds.max, 5_000_125);
}

#[test]
fn each_error_has_its_line_and_key() {
    for (from, to, expected) in [
        ("version = 1", "version = \"1\"", "6: version: expected a whole number, found text in quotes"),
        ("version = 1", "version = 99999999999999999999", "6: version: this number is too large"),
        ("version = 1", "version = 0", "6: version: 0 is not a version"),
        ("version = 1", "version = 1\ncolour = 2", "7: colour: unknown key; known here are name, version"),
        ("name = \"northern-retail\"", "", "1: name: missing"),
        ("id = \"birch\"", "", "14: party[1].id: missing"),
        ("id = \"birch\"", "id = \"acme\"", "15: party[1].id: 'acme' is also the id of party[0]"),
        ("id = \"birch\"", "id = \"birch\"\nnam = \"B\"", "16: party[1].nam: unknown key; known here are"),
        ("roles = [\"input\", ", "roles = [\n  \"input\",\n  7, ", "13: party[0].roles[1]: expected text in quotes"),
        ("roles = [\"input\", ", "roles = [\n  \"input\",\n  \"inputs\", ", "13: party[0].roles[1]: 'inputs' is not"),
        ("purpose = ", "purpos = ", "27: legal.purpos: unknown key; did you mean 'purpose'?"),
        ("[legal]\n", "[lega]\n", "26: lega: unknown key; did you mean 'legal'?"),
        ("title = \"Average", "titel = \"Average", "31: computation[0].titel: unknown key; did you mean 'title'?"),
        ("title = ", "# title = ", "29: computation[0].title: missing"),
        ("sharing = \"additive\"", "sharing = \"shamir\"", "32: computation[0].sharing: 'shamir' is not a way"),
        ("sharing = \"additive\"", "sharing = 3", "32: computation[0].sharing: expected \"additive\" or"),
        (
            "sharing = \"additive\"",
            "sharing = { shamir = { treshold = 2 } }",
            "32: computation[0].sharing.shamir.treshold: unknown key; did you mean 'threshold'?",
        ),
        (
            "sharing = \"additive\"",
            "sharing = { shamir = { threshold = 4 } }\nmin_contributors = 3",
            "32: computation[0].sharing.shamir.threshold: 4 shares of 3 compute parties",
        ),
        (
            "sharing = \"additive\"",
            "sharing = { shamir = { threshold = 1 } }\nmin_contributors = 3",
            "32: computation[0].sharing.shamir.threshold: 1; with fewer than 2 one party alone reads every figure; write",
        ),
        (
            "sharing = \"additive\"",
            "sharing = { shamir = { threshold = 2 } }",
            "29: computation[0].min_contributors: missing; with threshold sharing say how many",
        ),
        (
            "sharing = \"additive\"",
            "sharing = \"additive\"\nmin_contributors = 2",
            "33: computation[0].min_contributors: 2; a result party that contributes takes its own figure from a sum",
        ),
        (
            "sharing = \"additive\"",
            "sharing = \"additive\"\nmin_contributors = 4",
            "33: computation[0].min_contributors: 4 of 3 input parties; write 3 or fewer",
        ),
        ("adversary = \"semi-honest\"\n", "", "29: computation[0].adversary: missing; choose"),
        ("calendar = \"quarter\"", "calendar = \"quater\"", "34: computation[0].calendar: 'quater' is not"),
        ("collect_for = \"7d\"", "collect_for = 7", "35: computation[0].collect_for: expected a time in quotes"),
        ("collect_for = \"7d\"", "collect_for = \"7 parsecs\"", "35: computation[0].collect_for: expected a time"),
        ("give_up_after = \"14d\"", "give_up_after = \"7d\"", "37: computation[0].give_up_after: 7 days; an attempt"),
        ("rows = 1", "rows = 1.5", "38: computation[0].rows: expected a whole number or a list"),
        ("rows = 1", "rows = [\"a\",\n\"a\"]", "39: computation[0].rows[1]: 'a' is also label 0"),
        ("max = 50_000_000", "max = \"5\"", "45: computation[0].column[0].max: expected a number without quotes"),
        ("max = 50_000_000", "max = 0.001", "45: computation[0].column[0].max: '0.001'"),
        ("max = 50_000_000", "max = 1e3", "45: computation[0].column[0].max: '1e3'"),
        ("max = 50_000_000", "max = inf", "45: computation[0].column[0].max: 'inf'"),
        ("max = 50_000_000", "max = -1", "45: computation[0].column[0].max: less than min = 0.00"),
        ("max = 50_000_000", "", "40: computation[0].column[0].max: missing"),
        ("[[computation.column]]", "[computation.column]", "40: computation[0].column: expected tables, each under"),
    ] {
        let found = errors(from, to);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{to}\nexpected {expected}\nfound {found:#?}");
    }
}

#[test]
fn all_errors_are_reported_at_once_in_the_order_of_the_file() {
    let (_, text) = sample("agreement-basic.toml");
    let text = text
        .replace("version = 1", "version = -1")
        .replace("Cedar plc", " Cedar plc")
        .replace("\"7d\"", "\"7\"")
        .replace("decimals = 2", "decimals = 2.0")
        .replace("\"mean\"", "\"median\"");
    let lines: Vec<String> = load(&text).unwrap_err();
    let starts: Vec<String> = lines.iter().map(|l| l.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    assert_eq!(
        starts,
        [
            "6: version",
            "22: party[2].name",
            "35: computation[0].collect_for",
            "43: computation[0].column[0].decimals",
            "46: computation[0].column[0].statistics[1]",
        ],
        "{lines:#?}"
    );
}

#[test]
fn files_that_are_not_toml_say_where() {
    let found = errors("version = 1", "version = 1\nversion = 2\nname =\n");
    assert!(found[0].starts_with("7: syntax: not TOML: duplicate key"), "{found:?}");
    assert!(found[1].starts_with("8: syntax (2): not TOML: "), "{found:?}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, b"name = \"a\"\n# \xff\n").unwrap();
    let failure = AgreementFile::load(&file).unwrap_err();
    assert!(failure.lines[0].contains("a.toml:2: not UTF-8"), "{failure:?}");
    let failure = AgreementFile::load(&folder.path().join("none")).unwrap_err();
    assert!(failure.lines[0].contains("cannot read the agreement"), "{failure:?}");
}

#[test]
fn samples_of_roles_say_who_does_what() {
    let flat = |name| {
        let (file, _) = sample(name);
        let agreement = AgreementFile::load(&file).unwrap().agreement;
        disclosure_statement(&agreement).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let delegated = flat("delegated.toml");
    for piece in [
        "Holm University, Statistics, Quay Audit LLP and Spire Foundation hold shares and contribute nothing",
        "contribute and hold no shares: that nobody reads their figures rests on the parties above alone, on fewer than 2",
        "Office of Water Regulation neither contributes nor holds shares",
        "n = 3 compute parties, k = 2 shares to reconstruct, t = 1 may collude, q = 2 decide, h = 2 holders at least, μ = 4",
    ] {
        assert!(delegated.contains(piece), "{piece}\n{delegated}");
    }
    let hybrid = flat("hybrid.toml");
    for piece in [
        "Coastal Observatory CIC holds shares and contributes nothing",
        "Cliffe District Council and Dunmere Town Council contribute and hold no shares",
        "Harbour County Council neither contributes nor holds shares",
        "n = 3 compute parties, k = 3 shares to reconstruct, t = 2 may collude, q = 3 decide, h = 3 holders at least, μ = 4",
        "One silent party stalls the round",
    ] {
        assert!(hybrid.contains(piece), "{piece}\n{hybrid}");
    }
}

#[test]
fn what_is_rendered_means_the_same() {
    for name in SAMPLES {
        let (_, text) = sample(name);
        let (draft, _, _) = reader::read(&text);
        assert_eq!(load(&render(&draft)).unwrap().digest(), load(&text).unwrap().digest(), "{name}");
    }
    let millis = |n| render::duration(std::time::Duration::from_millis(n));
    assert_eq!([millis(604_800_000), millis(90_000), millis(250), millis(3_600_000)], ["7d", "90s", "250ms", "1h"]);
}

#[test]
fn a_filled_draft_lacks_nothing_but_its_purpose() {
    let (_, text) = sample("agreement-basic.toml");
    let (draft, _, _) = reader::read(&text);
    let filled = filled_draft("northern-retail", draft.parties);
    let found = load(&filled).unwrap_err();
    assert!(
        found.len() == 1 && found[0].contains("legal.purpose: missing; write under [legal] why"),
        "{found:?}\n{filled}"
    );
    assert!(load(&filled.replace("purpose = \"\"", "purpose = \"Benchmarking\"")).is_ok());
}

#[test]
fn tables_are_taken_out_of_an_agreement() {
    let (file, _) = sample("agreement-advanced.toml");
    let tables = ComputationTables::load(&file).unwrap();
    assert_eq!(tables.computations.len(), 2);
    let problem = Problem { key: "computation[0].ratio[0].numerator".into(), message: "x".into() };
    assert!(tables.failure(&[problem]).lines[0].contains("agreement-advanced.toml:99: "), "{:?}", tables.lines);
}

/// The lines of a file in blocks that may change places: keys within a table before any table of its own.
fn shuffled(text: &str, seed: u64, comments: bool) -> String {
    let mut state = seed | 1;
    let mut random = move |n: usize| {
        // xorshift64: any spread will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % n as u64).unwrap()
    };
    let mut blocks: Vec<Vec<String>> = vec![Vec::new()];
    let plain = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
    for line in plain {
        if line.starts_with('[') {
            blocks.push(vec![line.into()]);
            continue;
        }
        let block = blocks.last_mut().unwrap();
        let first = usize::from(block.first().is_some_and(|l| l.starts_with('[')));
        let at = first + random(block.len() - first + 1);
        block.insert(at, line.into());
    }
    let mut out = String::new();
    for line in blocks.concat() {
        let space = " ".repeat(random(4));
        let line = if line.starts_with('[') { line } else { line.replacen(" = ", &format!("{space}={space}"), 1) };
        out.push_str(&format!("{space}{line}{}", "\n".repeat(1 + random(3))));
        if comments && random(2) == 0 {
            out.push_str("# a comment = \"x\"\r\n");
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn formatting_comments_and_the_order_of_keys_change_no_digest(seed: u64, comments: bool, crlf: bool) {
        let (_, text) = sample("agreement-basic.toml");
        let plain = load(&text).unwrap();
        let mut other = shuffled(&text, seed, comments);
        if crlf {
            other = other.replace("\r\n", "\n").replace('\n', "\r\n");
        }
        let shuffled = load(&other).map_err(|e| TestCaseError::fail(format!("{e:?}\n{other}")))?;
        prop_assert_eq!(plain.digest(), shuffled.digest());
        prop_assert_eq!(plain.sections(), shuffled.sections());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z_=\\[\\]{}\"., \n0-9-]{0,200}") {
        let (_, sample) = sample("agreement-basic.toml");
        for text in [text.clone(), format!("{sample}\n{text}")] {
            let _ = load(&text);
        }
    }
}
