//! The commands as people give them: three directories from `init` to a signed agreement.

use std::fs::{copy, read_to_string, write};
use std::path::Path;

use clap::Parser;
use node::pending::Act;
use protocol::agreement::{AgreementSignature, disclosure_statement, statement_digest};

use super::diff::difference;
use crate::agreement_file::AgreementFile;
use crate::cli::Cli;
use crate::exit::{Exit, Failure};

/// Runs a command line; words are split at blanks, and `DIR` is the folder.
pub(crate) fn smpcd(folder: &Path, line: &str) -> Result<(), Failure> {
    let folder = folder.to_str().unwrap();
    let words = line.split_whitespace().map(|word| word.replace("DIR", folder));
    let cli = Cli::try_parse_from(std::iter::once("smpcd".to_owned()).chain(words)).unwrap();
    crate::commands::run(&cli)
}

/// Three parties that have made their directories and hold each other's cards.
pub(crate) fn three(folder: &Path) {
    for id in ["a", "b", "c"] {
        let line =
            format!("init DIR/{id} --consortium retail --party {id} --name {id}-Ltd --address {id}.example:7601");
        smpcd(folder, &line).unwrap();
    }
    for id in ["a", "b", "c"] {
        let line =
            format!("card add --config DIR/{id}/node.toml DIR/a/cards/a.card DIR/b/cards/b.card DIR/c/cards/c.card");
        smpcd(folder, &line).unwrap();
    }
}

fn draft(folder: &Path) -> String {
    let cards = "DIR/a/cards/a.card DIR/a/cards/b.card DIR/a/cards/c.card";
    smpcd(folder, &format!("agreement new --name retail --out DIR/a/agreement.toml {cards}")).unwrap();
    let text = read_to_string(folder.join("a/agreement.toml")).unwrap();
    text.replace("purpose = \"\"", "purpose = \"Benchmarking\"")
}

#[test]
fn from_cards_to_a_signed_agreement() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let text = draft(folder);
    let blank = smpcd(folder, "agreement check DIR/a/agreement.toml").unwrap_err();
    assert_eq!((blank.exit, blank.lines.len()), (Exit::BadConfiguration, 1), "{blank:?}");
    for id in ["a", "b", "c"] {
        write(folder.join(id).join("agreement.toml"), &text).unwrap();
        smpcd(folder, &format!("agreement check --config DIR/{id}/node.toml")).unwrap();
        smpcd(folder, &format!("agreement sign --config DIR/{id}/node.toml --by A.Officer")).unwrap();
    }
    // The audit log learns who signed what, and the text is kept.
    let [(_, note)] = &node::pending::waiting(&folder.join("b/data"))[..] else { panic!("one note") };
    let signed = AgreementFile::load(&folder.join("b/agreement.toml")).unwrap().agreement;
    let statement = disclosure_statement(&signed);
    let act = Act::Signed {
        by: "A.Officer".into(),
        agreement: signed.digest().0,
        disclosure: statement_digest(&statement).0,
        statement,
    };
    assert_eq!(note.act, act);
    let missing = smpcd(folder, "agreement status --config DIR/a/node.toml").unwrap_err();
    assert_eq!(missing.exit, Exit::Other);
    assert_eq!(missing.lines, ["no round opens before these have signed: b, c"]);
    for id in ["b", "c"] {
        copy(folder.join(format!("{id}/signatures/{id}.sig")), folder.join(format!("a/signatures/{id}.sig"))).unwrap();
    }
    smpcd(folder, "agreement status --config DIR/a/node.toml").unwrap();
    // Each party's signature counts for the agreement of every other.
    let agreement = AgreementFile::load(&folder.join("c/agreement.toml")).unwrap().agreement;
    let signature = read_to_string(folder.join("a/signatures/a.sig")).unwrap();
    assert_eq!(AgreementSignature::from_pem(&signature).unwrap().verify_for(&agreement), Ok(()));
    // A change of one figure makes every signature one on another agreement.
    write(folder.join("a/agreement.toml"), text.replace("50_000_000", "50_000_001")).unwrap();
    let missing = smpcd(folder, "agreement status --config DIR/a/node.toml").unwrap_err();
    assert_eq!(missing.lines, ["no round opens before these have signed: a, b, c"]);
}

#[test]
fn a_signature_under_another_name_or_key_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    write(folder.join("a/agreement.toml"), draft(folder)).unwrap();
    smpcd(folder, "agreement sign --config DIR/a/node.toml --by A.Officer").unwrap();
    copy(folder.join("a/signatures/a.sig"), folder.join("a/signatures/b.sig")).unwrap();
    let missing = smpcd(folder, "agreement status --config DIR/a/node.toml").unwrap_err();
    assert_eq!(missing.lines, ["no round opens before these have signed: b, c"]);
    // Nobody signs with a key that the agreement does not give it.
    let other = read_to_string(folder.join("a/agreement.toml")).unwrap().replace("id = \"b\"", "id = \"bb\"");
    write(folder.join("b/agreement.toml"), other).unwrap();
    let refused = smpcd(folder, "agreement sign --config DIR/b/node.toml --by B.Officer").unwrap_err();
    assert!(refused.exit == Exit::BadConfiguration && refused.lines[0].contains("no party 'b'"), "{refused:?}");
    assert!(!folder.join("b/signatures/b.sig").exists());
}

#[test]
fn drafts_are_made_of_good_cards_alone_and_overwrite_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let refused = |line: &str| smpcd(folder, line).unwrap_err();
    let twice = refused("agreement new --name retail DIR/a/cards/a.card DIR/b/cards/a.card DIR/nothing");
    assert_eq!(twice.lines.len(), 2, "{twice:?}");
    assert!(twice.lines[0].contains("a second card of 'a'") && twice.lines[1].contains("cannot read the card"));
    let other = refused("agreement new --name other DIR/a/cards/a.card DIR/a/cards/b.card");
    assert!(other.lines[0].contains("for the consortium 'retail', not for 'other'"), "{other:?}");
    draft(folder);
    let again = refused("agreement new --name retail --out DIR/a/agreement.toml DIR/a/cards/a.card DIR/a/cards/b.card");
    assert!(again.lines[0].contains("remove it or name another"), "{again:?}");
}

#[test]
fn differences_are_said_by_section_and_key() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/agreement-advanced.toml");
    let text = read_to_string(&sample).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let load = |text: String| {
        let file = folder.path().join("b.toml");
        write(&file, text).unwrap();
        AgreementFile::load(&file).unwrap().agreement
    };
    let a = load(text.clone());
    assert_eq!(difference(&a, &load(text.replace("# Free text", "# Text"))), "");
    let changed = text
        .replace("version = 4", "version = 5")
        .replace("review_by = \"2027-06-30\"\n", "")
        .replace("\"Oncology\"", "\"Surgery\"")
        .replace("max = 20_000\n", "max = 30_000\n")
        .replace("id = \"energy\"", "id = \"power\"");
    assert_eq!(
        difference(&a, &load(changed)),
        "agreement\n  version: 4 -> 5\n  computations: staffing, energy -> staffing, power\n\
         legal\n  review_by: \"2027-06-30\" -> (none)\n\
         computation staffing\n  row \"Oncology\": at 3 -> (none)\n  column \"headcount\": max: 20000 -> 30000\n  \
         row \"Surgery\": (none) -> at 3\n\
         computation energy\n  removed\ncomputation power\n  added\n"
    );
}
