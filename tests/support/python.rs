//! The interpreter for what was written a second time in another language (`tests/verifier`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter with what the verifier needs. None where the environment says that there is no Python.
pub(crate) fn python() -> Option<PathBuf> {
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

pub(crate) fn verifier() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifier")
}
