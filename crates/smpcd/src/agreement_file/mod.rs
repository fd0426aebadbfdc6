//! The agreement as a TOML file: read with the line of every key, checked as a whole, written with comments.
//!
//! The rules are `protocol::agreement`'s. Here a file becomes a draft, and a problem of the draft becomes a line of the
//! file. Whoever wrote the file may be wrong in many places: all of them are told at once.

mod lines;
mod publish;
mod reader;
mod render;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use protocol::agreement::{Agreement, AgreementDraft, ComputationDraft, Problem};

use crate::exit::{Exit, Failure};
use lines::Lines;
pub(crate) use publish::{Existing, publish};
pub(crate) use render::{average_expenditure, duration as render_duration, filled_draft, render};

/// Largest agreement file: 100,000 row labels of 160 characters. It is read whole.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// An agreement file that passed every rule.
#[derive(Debug)]
pub(crate) struct AgreementFile {
    /// What it means.
    pub(crate) agreement: Agreement,
}

impl AgreementFile {
    /// Reads and checks a file. Exit code 78 with a line `FILE:LINE: KEY: MESSAGE` for each error.
    pub(crate) fn load(file: &Path) -> Result<Self, Failure> {
        Self::of(&text_of(file)?, file)
    }

    /// Checks the text of a file.
    pub(crate) fn of(text: &str, file: &Path) -> Result<Self, Failure> {
        let Draft { draft, problems, lines, file } = Draft::of(text, file)?;
        match draft.validate() {
            Ok(agreement) if problems.is_empty() => Ok(Self { agreement }),
            outcome => {
                let found = outcome.err().unwrap_or_default();
                Err(failure(&file, &lines, &problems.and(found)))
            }
        }
    }
}

/// The `[[computation]]` tables of a file, for `demo` and `testbed --agreement`: whatever else stands in the file is
/// not used, but must be well formed.
#[derive(Debug)]
pub(crate) struct ComputationTables {
    /// The tables, their rules not yet checked: these need the parties.
    pub(crate) computations: Vec<ComputationDraft>,
    file: PathBuf,
    lines: Lines,
}

impl ComputationTables {
    /// Reads the tables.
    pub(crate) fn load(file: &Path) -> Result<Self, Failure> {
        let Draft { draft, problems, lines, file } = Draft::of(&text_of(file)?, file)?;
        let problems = problems.and(Vec::new());
        if problems.is_empty() {
            return Ok(Self { computations: draft.computations, file, lines });
        }
        Err(failure(&file, &lines, &problems))
    }

    /// Problems of a draft that has these tables, by the line of this file.
    pub(crate) fn failure(&self, problems: &[Problem]) -> Failure {
        failure(&self.file, &self.lines, problems)
    }
}

/// A file as read: what could be read, and what could not.
struct Draft {
    draft: AgreementDraft,
    problems: reader::Problems,
    lines: Lines,
    file: PathBuf,
}

impl Draft {
    fn of(text: &str, file: &Path) -> Result<Self, Failure> {
        let (draft, problems, lines) = reader::read(text);
        if problems.syntax {
            return Err(failure(file, &lines, &problems.and(Vec::new())));
        }
        Ok(Self { draft, problems, lines, file: file.into() })
    }
}

/// The text of an agreement file.
pub(crate) fn text_of(file: &Path) -> Result<String, Failure> {
    let refused = |why: String| Failure::new(Exit::BadConfiguration, format!("{}: {why}", file.display()));
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(format!("cannot read the agreement: {error}")))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(refused(format!("larger than {MAX_FILE} bytes; give a number of rows in place of labels")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let file = file.display();
        Failure::new(Exit::BadConfiguration, format!("{file}:{line}: not UTF-8; save the file as UTF-8 text"))
    })
}

fn failure(file: &Path, lines: &Lines, problems: &[Problem]) -> Failure {
    let mut located: Vec<_> = problems.iter().map(|p| (lines.of(&p.key), p)).collect();
    located.sort_by_key(|(line, _)| *line);
    let file = file.display();
    Failure::all(Exit::BadConfiguration, located.iter().map(|(line, p)| format!("{file}:{line}: {p}")))
}
