//! The second verifier, which was written from DOSSIER.md: both say the same of every bundle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::made::{Made, Stored, all, changed, dice};

/// Bundles with one byte changed.
const CHANGED: usize = 1_000;

/// The interpreter with what the verifier needs. None where the environment says that there is no Python.
fn python() -> Option<PathBuf> {
    if std::env::var_os("SMPCD_NO_PYTHON").is_some() {
        println!("SMPCD_NO_PYTHON is set: the second verifier was NOT run");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verifier");
    let requirements = verifier().join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).expect("requirements.txt");
    let interpreter = folder.join("bin/python");
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Some(interpreter);
    }
    let run = |program: &Path, arguments: &[&str]| {
        let ended = Command::new(program).args(arguments).output();
        let ended = ended.unwrap_or_else(|error| {
            panic!("{}: {error}; install Python 3.11 with venv and pip, or set SMPCD_NO_PYTHON", program.display())
        });
        let err = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{} {arguments:?}: {err}", program.display());
    };
    run(Path::new("python3"), &["-m", "venv", "--clear", folder.to_str().expect("text")]);
    let from = requirements.to_str().expect("text");
    run(&interpreter, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", from]);
    fs::write(installed, wanted).expect("written");
    Some(interpreter)
}

fn verifier() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifier")
}

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
