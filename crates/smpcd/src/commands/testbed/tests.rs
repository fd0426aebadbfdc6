use std::os::unix::fs::PermissionsExt;

use clap::Parser;
use protocol::agreement::SharingScheme;
use protocol::card::SignedCard;

use super::*;
use crate::agreement_file::AgreementFile;
use crate::node_file::NodeFile;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn testbed(folder: &Path, more: &[&str]) -> Result<(), Failure> {
    let line = ["testbed", folder.to_str().unwrap()];
    run(&Line::try_parse_from(line.iter().chain(more)).unwrap().args)
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_testbed_is_ready_and_signed_and_parses_back() {
    let root = tempfile::tempdir().unwrap();
    testbed(root.path(), &["--parties", "4", "--base-port", "9000"]).unwrap();
    let agreement = AgreementFile::load(&root.path().join("agreement.toml")).unwrap().agreement;
    assert_eq!(agreement.name(), "testbed");
    assert_eq!(agreement.parties().len(), 4);
    let computation = agreement.computation("average-expenditure").unwrap();
    assert_eq!(computation.cells(), 1);
    assert_eq!(computation.collect_for.as_secs(), 10);
    assert_eq!(computation.attempt_deadline.as_secs(), 1);
    assert_eq!(computation.give_up_after.as_secs(), 60);
    for (number, figure) in [(1, "10000.00"), (2, "15000.00"), (3, "20000.00"), (4, "25000.00")] {
        let folder = root.path().join(format!("p{number}"));
        let settings = NodeFile::load(&folder.join("node.toml")).unwrap().settings;
        assert_eq!(settings.party, format!("p{number}"));
        assert_eq!(settings.approval.policy, Policy::Auto);
        assert_eq!(settings.listen_peers.unwrap().to_string(), format!("127.0.0.1:{}", 8999 + number));
        assert_eq!(
            fs::canonicalize(&settings.agreement).unwrap(),
            root.path().canonicalize().unwrap().join("agreement.toml")
        );
        let input = settings.input_file("average-expenditure", "1");
        assert_eq!(input, folder.join("input.csv"));
        assert_eq!(lines(&input), ["expenditure", figure]);
        node::input::check(&input, computation).unwrap();
        assert_eq!(fs::metadata(&input).unwrap().permissions().mode() & 0o777, 0o600);
        for party in agreement.parties() {
            let card = fs::read_to_string(settings.cards.join(format!("{}.card", party.id))).unwrap();
            let card = SignedCard::from_pem(&card).unwrap();
            card.belongs_to(&agreement).unwrap();
            let signature = fs::read_to_string(settings.signatures.join(format!("{}.sig", party.id))).unwrap();
            AgreementSignature::from_pem(&signature).unwrap().verify_for(&agreement).unwrap();
        }
    }
}

#[test]
fn rows_repeat_the_figure() {
    let root = tempfile::tempdir().unwrap();
    testbed(root.path(), &["--rows", "3"]).unwrap();
    let input = lines(&root.path().join("p2/input.csv"));
    assert_eq!(input, ["expenditure", "15000.00", "15000.00", "15000.00"]);
    let agreement = AgreementFile::load(&root.path().join("agreement.toml")).unwrap().agreement;
    assert_eq!(agreement.computations()[0].cells(), 3);
}

const TABLES: &str = r#"
[[computation]]
id = "pay"
title = "Pay"
sharing = "additive"
adversary = "semi-honest"
calendar = "any"
collect_for = "10s"
attempt_deadline = "1s"
give_up_after = "60s"
rows = ["north", "south"]
[[computation.column]]
name = "total"
unit = "GBP"
decimals = 2
min = -0.05
max = 12345678901234.56
statistics = ["sum"]

[[computation]]
id = "heads"
title = "Heads"
sharing = "additive"
adversary = "semi-honest"
calendar = "any"
collect_for = "10s"
attempt_deadline = "1s"
give_up_after = "60s"
rows = 2
[[computation.column]]
name = "heads"
unit = ""
decimals = 0
min = 0
max = 10
statistics = ["sum"]
"#;

#[test]
fn given_tables_are_used_and_no_figures_invented() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("tables.toml");
    fs::write(&file, TABLES).unwrap();
    let folder = root.path().join("bed");
    testbed(&folder, &["--agreement", file.to_str().unwrap()]).unwrap();
    let agreement = AgreementFile::load(&folder.join("agreement.toml")).unwrap().agreement;
    let bounds = agreement.computation("pay").unwrap().columns[0].bounds;
    assert_eq!((bounds.min, bounds.max), (-5, 1_234_567_890_123_456));
    assert_eq!(lines(&folder.join("p3/input-pay.csv")), ["row,total", "north,", "south,"]);
    assert_eq!(lines(&folder.join("p3/input-heads.csv")), ["heads"]);
    let settings = NodeFile::load(&folder.join("p3/node.toml")).unwrap().settings;
    assert_eq!(settings.input_file("pay", "1"), folder.join("p3/input-pay.csv"));
}

#[test]
fn bad_tables_leave_nothing_and_name_the_line() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("tables.toml");
    fs::write(&file, TABLES.replace("max = 10", "max = -1")).unwrap();
    let folder = root.path().join("bed");
    let failure = testbed(&folder, &["--agreement", file.to_str().unwrap()]).unwrap_err();
    assert_eq!(failure.exit, Exit::BadConfiguration);
    assert!(failure.lines.iter().any(|line| line.contains("tables.toml:3")), "{failure:?}");
    assert!(!folder.exists());
    // An empty directory that was there before stays, and stays empty.
    fs::create_dir(&folder).unwrap();
    testbed(&folder, &["--agreement", file.to_str().unwrap()]).unwrap_err();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn thresholds_make_an_agreement_with_the_least_number_of_contributors() {
    let root = tempfile::tempdir().unwrap();
    // Parties, threshold, and the least number that PROTOCOL 1 allows: k + 1, or all where all are needed.
    for (n, k, least) in [("3", 2, 3), ("5", 2, 3), ("5", 4, 5), ("5", 5, 5)] {
        let folder = root.path().join(format!("{n}-{k}"));
        testbed(&folder, &["--parties", n, "--sharing", &format!("shamir:{k}")]).unwrap();
        let agreement = AgreementFile::load(&folder.join("agreement.toml")).unwrap().agreement;
        let computation = &agreement.computations()[0];
        assert_eq!(computation.sharing, SharingScheme::Shamir { threshold: k });
        assert_eq!(computation.min_contributors, least, "{n} {k}");
    }
}

#[test]
fn figures_of_malicious_rounds_are_proven_with_32_bits() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("bed");
    testbed(&folder, &["--adversary", "malicious"]).unwrap();
    let agreement = AgreementFile::load(&folder.join("agreement.toml")).unwrap().agreement;
    let column = &agreement.computations()[0].columns[0].bounds;
    assert!(u32::try_from(column.max - column.min).is_ok());
}

#[test]
fn what_cannot_be_is_refused_in_the_words_of_the_command_line() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("bed");
    let line = "--sharing: 4 shares of 3 compute parties; no total could be put together; write 3";
    let failure = testbed(&folder, &["--sharing", "shamir:4"]).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.lines.len() == 1 && failure.lines[0].starts_with(line), "{failure:?}");
    assert!(!folder.exists());
}

#[test]
fn a_second_testbed_touches_nothing() {
    let root = tempfile::tempdir().unwrap();
    testbed(root.path(), &[]).unwrap();
    let before = fs::read(root.path().join("agreement.toml")).unwrap();
    assert!(testbed(root.path(), &[]).unwrap_err().lines[0].contains("is not empty"));
    assert_eq!(before, fs::read(root.path().join("agreement.toml")).unwrap());
}

#[test]
fn usage_errors_exit_with_2() {
    let bad: &[&[&str]] = &[
        &["--parties", "2"],
        &["--parties", "0"],
        &["--parties", "70000"],
        &["--rows", "0"],
        &["--sharing", "shamir"],
        &["--sharing", "shamir:x"],
        &["--sharing", "shamir:1"],
        &["--sharing", "shamir:0"],
        &["--sharing", "shamir:-2"],
        &["--adversary", "nice"],
        &["--agreement", "f", "--rows", "2"],
        &["--agreement", "f", "--sharing", "additive"],
        &["--agreement", "f", "--adversary", "semi-honest"],
        &["--base-port", "0"],
    ];
    for more in bad {
        let line = ["testbed", "d"];
        let error = Line::try_parse_from(line.iter().chain(*more)).expect_err(&format!("{more:?}"));
        assert_eq!(error.exit_code(), 2, "{more:?}");
    }
    let root = tempfile::tempdir().unwrap();
    let failure = testbed(&root.path().join("bed"), &["--base-port", "65534"]).unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(!root.path().join("bed").exists());
}
