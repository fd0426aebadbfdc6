//! The second verifier, which was written from DOSSIER.md: both say the same of every bundle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::made::{Made, Stored, all, changed, dice};
use crate::support::python::{python, verifier};

/// Bundles with one byte changed.
const CHANGED: usize = 1_000;

/// What the second verifier says of each file, and its exit code.
fn verify(python: &Path, agreement: &Path, files: &[PathBuf]) -> (Option<i32>, Vec<String>) {
    let mut command = Command::new(python);
    command.arg(verifier().join("verify.py")).arg("--agreement").arg(agreement).args(files);
    let ended = command.output().expect("python runs");
    let out = String::from_utf8_lossy(&ended.stdout).into_owned();
    let lines: Vec<String> = out.lines().map(Into::into).collect();
    assert_eq!(lines.len(), files.len(), "{out}\n{}", String::from_utf8_lossy(&ended.stderr));
    (ended.status.code(), lines)
}

#[test]
fn both_verifiers_say_the_same() {
    let Some(python) = python() else { return };
    let mut dice = dice("second verifier");
    for made in all() {
        let folder = tempfile::tempdir().expect("a folder");
        let agreement = made.agreement_in(folder.path());
        let write = |name: String, bytes: &[u8]| {
            let file = folder.path().join(name);
            fs::write(&file, bytes).expect("written");
            file
        };
        let honest = |stored: &Stored| write(format!("{}-p{}", stored.period, stored.party), &stored.bundle);
        let (code, lines) = verify(&python, &agreement, &made.results.iter().map(honest).collect::<Vec<_>>());
        assert_eq!(code, Some(0), "{lines:?}");
        for (line, stored) in lines.iter().zip(&made.results) {
            let digest = stored.shown["digest"].as_str().expect("a digest");
            assert!(line.contains("verified") && line.contains(digest), "{line}");
        }
        refuses_changed(made, &python, &agreement, &mut |dice_bytes| write(dice_bytes.0, &dice_bytes.1), &mut dice);
    }
}

fn refuses_changed(
    made: &Made,
    python: &Path,
    agreement: &Path,
    write: &mut dyn FnMut((String, Vec<u8>)) -> PathBuf,
    dice: &mut testkit::dice::Dice,
) {
    let mut files = Vec::new();
    for number in 0..CHANGED / 2 {
        let stored = &made.results[number % made.results.len()];
        let (at, bytes) = changed(dice, &stored.bundle);
        files.push(write((format!("changed-{number}-at-{at}"), bytes)));
    }
    let (code, lines) = verify(python, agreement, &files);
    assert_eq!(code, Some(4));
    for line in lines {
        assert!(line.contains(": refused: "), "{line}");
    }
}
