//! The two sources of a node's settings, the file and the environment, merged by the `config` crate.
//!
//! That crate merges, but it forgets lines and the names of variables, and lets unknown keys through. So names are
//! checked here against the list of all keys before the merge, and each key keeps the place that set it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use config::{Config, Environment, File, FileFormat, Source, Value, ValueKind};
use protocol::agreement::is_id;
use toml::de::{DeTable, DeValue};

/// Every key of the node file. `*` stands for the id of a computation.
const KEYS: [&str; 26] = [
    "party",
    "agreement",
    "cards",
    "signatures",
    "data_dir",
    "guard",
    "listen.peers",
    "listen.admin",
    "tls.certificate",
    "tls.private_key",
    "tls.revoked",
    "signing.key",
    "storage.key",
    "input.*.file",
    "approval.policy",
    "approval.computations",
    "approval.at_most.rounds",
    "approval.at_most.within",
    "approval.notify",
    "audit.segment",
    "audit.keep",
    "audit.reserve",
    "schedule.*.cron",
    "results.export",
    "log.format",
    "log.level",
];

/// Sections with a table for each computation.
const BY_COMPUTATION: [&str; 2] = ["input", "schedule"];

/// What starts the name of a variable that overrides a key.
const PREFIX: &str = "SMPCD__";

/// One error, at the line of the file where it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    /// The line, from 1; 0 where none is known.
    line: usize,
    /// The whole text: place, what is wrong, how to mend it.
    pub(super) text: String,
}

/// The merged settings, each with the place that set it.
pub(super) struct Sources {
    file: String,
    values: Value,
    lines: BTreeMap<String, usize>,
    variables: BTreeMap<String, String>,
}

impl Sources {
    /// Merges the file's text and the environment. Without `Sources` the text is no TOML, and nothing more can be said.
    pub(super) fn merge(file: &Path, text: &str, environment: &[(String, String)]) -> (Option<Self>, Vec<Problem>) {
        let file = file.display().to_string();
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let problem = |error: &toml::de::Error| {
                let line = error.span().map_or(0, |span| line_of(text, span.start));
                let message = error.message().replace('\n', " ");
                Problem { line, text: format!("{}: no valid TOML: {message}", place(&file, line)) }
            };
            return (None, errors.iter().map(problem).collect());
        }
        let mut names = FileNames { file: &file, text, lines: BTreeMap::new(), problems: Vec::new() };
        names.walk(&[], root.get_ref());
        let FileNames { lines, mut problems, .. } = names;
        let (variables, overrides) = variables(environment, &mut problems);

        let merged = Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(
                Environment::with_prefix("SMPCD").prefix_separator("__").separator("__").source(Some(overrides)),
            )
            .build()
            .and_then(|config| config.collect());
        match merged {
            Ok(values) => {
                let values = Value::new(None, ValueKind::Table(values));
                (Some(Self { file, values, lines, variables }), problems)
            }
            Err(error) => {
                problems.push(Problem { line: 0, text: format!("{file}: {error}") });
                (None, problems)
            }
        }
    }

    /// The value of a key, wherever it was set.
    pub(super) fn value(&self, key: &str) -> Option<&ValueKind> {
        let mut value = &self.values.kind;
        for segment in key.split('.') {
            let ValueKind::Table(table) = value else { return None };
            value = &table.get(segment)?.kind;
        }
        Some(value)
    }

    /// The computations that have a table in this section, in order of their ids.
    pub(super) fn computations(&self, section: &str) -> Vec<String> {
        let Some(ValueKind::Table(table)) = self.value(section) else { return Vec::new() };
        let tables = table.iter().filter(|(_, value)| matches!(value.kind, ValueKind::Table(_)));
        let mut ids: Vec<String> = tables.map(|(id, _)| id).filter(|id| is_id(id)).cloned().collect();
        ids.sort();
        ids
    }

    /// Whether a variable set the key.
    pub(super) fn is_overridden(&self, key: &str) -> bool {
        self.variables.contains_key(key)
    }

    /// An error about a key, at the place that set it.
    pub(super) fn problem(&self, key: &str, message: &str) -> Problem {
        if let Some(variable) = self.variables.get(key) {
            return Problem { line: 0, text: format!("{variable}: {message}") };
        }
        let line = self.lines.get(key).copied().unwrap_or(0);
        Problem { line, text: format!("{}: {key}: {message}", place(&self.file, line)) }
    }
}

/// Walks the file's keys: refuses unknown ones and remembers the lines of the others.
struct FileNames<'a> {
    file: &'a str,
    text: &'a str,
    lines: BTreeMap<String, usize>,
    problems: Vec<Problem>,
}

impl FileNames<'_> {
    fn walk(&mut self, above: &[&str], table: &DeTable<'_>) {
        for (name, value) in table {
            let line = line_of(self.text, name.span().start);
            let mut path = above.to_vec();
            path.push(name.get_ref());
            let key = path.join(".");
            match (known(&path), value.get_ref()) {
                (Known::Key, _) => {}
                (Known::Section, DeValue::Table(inner)) => self.walk(&path, inner),
                (Known::Section, _) => self.refuse(line, &format!("{key}: is a table: write [{key}]")),
                (Known::Not, _) if above.len() == 1 && BY_COMPUTATION.contains(&above[0]) => self.refuse(
                    line,
                    &format!("{key}: no id of a computation: write 1 to 32 of a-z, 0-9 and '-', the id that the agreement has"),
                ),
                (Known::Not, _) => self.refuse(line, &format!("{key}: no such key{}", hint(&path))),
            }
            self.lines.insert(key, line);
        }
    }

    fn refuse(&mut self, line: usize, text: &str) {
        self.problems.push(Problem { line, text: format!("{}: {text}", place(self.file, line)) });
    }
}

/// The variables that override keys: key to variable, and the map that the `config` crate reads.
///
/// A variable's name can hold no hyphen, so in the segment of a computation's id `_` stands for `-`: without that a
/// second, silent entry would appear beside the computation's own.
fn variables(
    environment: &[(String, String)],
    problems: &mut Vec<Problem>,
) -> (BTreeMap<String, String>, HashMap<String, String>) {
    let (mut variables, mut overrides) = (BTreeMap::new(), HashMap::new());
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        let mut path: Vec<String> = name.to_lowercase().split("__").map(str::to_owned).collect();
        if let [section, id, ..] = path.as_mut_slice()
            && BY_COMPUTATION.contains(&section.as_str())
        {
            *id = id.replace('_', "-");
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let key = path.join(".");
        let mut refuse = |message: &str| problems.push(Problem { line: 0, text: format!("{variable}: {message}") });
        match known(&path) {
            Known::Key => {}
            Known::Section => {
                refuse(&format!("names the whole table {key}: name one of its keys, {variable}__KEY"));
                continue;
            }
            Known::Not => {
                let hint = nearest_key(&key).map(|near| format!("; did you mean {}?", variable_of(&near)));
                refuse(&format!("overrides no key of the node file{}", hint.unwrap_or_default()));
                continue;
            }
        }
        if let Some(other) = variables.insert(key, variable.clone()) {
            refuse(&format!("sets the same key as {other}: keep one of them"));
        }
        overrides.insert(format!("{PREFIX}{}", path.join("__")), value.clone());
    }
    (variables, overrides)
}

enum Known {
    Key,
    Section,
    Not,
}

fn known(path: &[&str]) -> Known {
    let mut found = Known::Not;
    for key in KEYS {
        let segments: Vec<&str> = key.split('.').collect();
        let fits = path.len() <= segments.len()
            && path.iter().zip(&segments).all(|(part, segment)| part == segment || (*segment == "*" && is_id(part)));
        match (fits, path.len() == segments.len()) {
            (true, true) => return Known::Key,
            (true, false) => found = Known::Section,
            (false, _) => {}
        }
    }
    found
}

/// What an unknown key of the file may have been meant to be.
fn hint(path: &[&str]) -> String {
    nearest_key(&path.join(".")).map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

fn nearest_key(key: &str) -> Option<String> {
    let last = key.rsplit('.').next().unwrap_or(key);
    // Right name, wrong or missing section.
    if let Some(known) = KEYS.iter().find(|known| !known.contains('*') && known.rsplit('.').next() == Some(last)) {
        return Some((*known).to_owned());
    }
    let tables = KEYS.iter().filter_map(|known| known.split_once('.').map(|(section, _)| section));
    nearest(key, KEYS.iter().copied().filter(|known| !known.contains('*')).chain(tables)).map(str::to_owned)
}

/// The candidate that is a slip of the pen away from `word`.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= slips)
        .min()
        .map(|(_, candidate)| candidate)
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn place(file: &str, line: usize) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}
