//! From TOML to a draft. Every key has a line, every value the type that was expected or a problem that says so.
//!
//! serde would stop at the first error, so the tables are walked by hand over `DeTable`, which has the span of every
//! key. Numbers are taken as they are written: an exact decimal never becomes a binary floating-point number.

use std::time::Duration;

use protocol::agreement::{
    AgreementDraft, ColumnDraft, ComputationDraft, LegalDraft, PartyDraft, Problem, RatioDraft, RowsDraft, SharingDraft,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::lines::Lines;

/// Least likeness of two names for one to be offered in place of the other; "colum" and "column" have 0.9.
const ALIKE: f64 = 0.7;

/// What is wrong with a file before any rule is looked at.
#[derive(Debug, Default)]
pub(super) struct Problems {
    /// Whether the file is not TOML. Then nothing else can be said of it.
    pub(super) syntax: bool,
    found: Vec<Problem>,
    /// Keys that somebody meant: a rule that finds them missing has nothing new to say.
    meant: Vec<String>,
}

impl Problems {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// These, and of the broken rules those that do not only follow from these.
    pub(super) fn and(self, rules: Vec<Problem>) -> Vec<Problem> {
        let Self { mut found, meant, .. } = self;
        let keys: Vec<String> = found.iter().map(|p| p.key.clone()).chain(meant).collect();
        let told = |key: &str| keys.iter().any(|k| holds(k, key) || holds(key, k));
        found.extend(rules.into_iter().filter(|p| !told(&p.key)));
        found
    }
}

/// Whether `inner` is `outer` or a part of it.
fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Reads as much as can be read.
pub(super) fn read(text: &str) -> (AgreementDraft, Problems, Lines) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { lines: Lines::new(text), problems: Problems::default() };
    for (i, error) in errors.iter().enumerate() {
        // A key of its own for each, so that each has its line.
        let key = if i == 0 { "syntax".into() } else { format!("syntax ({})", i + 1) };
        reader.lines.note(&key, error.span().map_or(0, |span| span.start));
        let message = error.message().replace('\n', "; ");
        reader.problem(&key, format!("not TOML: {message}"));
    }
    reader.problems.syntax = !errors.is_empty();
    let draft = if errors.is_empty() { reader.agreement(document.get_ref()) } else { AgreementDraft::default() };
    (draft, reader.problems, reader.lines)
}

type Value<'a> = Spanned<DeValue<'a>>;

struct Reader {
    lines: Lines,
    problems: Problems,
}

/// One table, and the path to it.
struct Table<'a> {
    path: String,
    table: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}.{name}", self.path) }
    }

    fn value(&self, name: &str) -> Option<&'a Value<'a>> {
        self.table.get(name)
    }
}

impl Reader {
    fn problem(&mut self, key: &str, message: String) {
        self.problems.found.push(Problem { key: key.into(), message });
    }

    fn wrong(&mut self, key: &str, expected: &str, found: &DeValue<'_>) {
        let found = match found {
            DeValue::String(_) => "text in quotes",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time without quotes",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.problem(key, format!("expected {expected}, found {found}"));
    }

    /// Notes the line of each key and reports those that are not known.
    fn table<'a>(&mut self, path: String, table: &'a DeTable<'a>, known: &[&str]) -> Table<'a> {
        let table = Table { path, table };
        for name in table.table.keys() {
            let key = table.key(name.get_ref());
            self.lines.note(&key, name.span().start);
            if known.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let nearest = known
                .iter()
                .map(|k| (strsim::jaro_winkler(k, &name.get_ref().to_lowercase()), *k))
                .filter(|(likeness, k)| *likeness >= ALIKE && table.value(k).is_none())
                .max_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((_, meant)) = nearest {
                self.problems.meant.push(table.key(meant));
                self.problem(&key, format!("unknown key; did you mean '{meant}'?"));
            } else {
                self.problem(&key, format!("unknown key; known here are {}", known.join(", ")));
            }
        }
        table
    }

    fn agreement(&mut self, document: &DeTable<'_>) -> AgreementDraft {
        let root = self.table(String::new(), document, &["name", "version", "party", "legal", "computation"]);
        AgreementDraft {
            name: self.text(&root, "name"),
            version: self.integer(&root, "version"),
            parties: self.tables(&root, "party", Self::party),
            legal: self.legal(&root),
            computations: self.tables(&root, "computation", Self::computation),
        }
    }

    fn party(&mut self, path: String, table: &DeTable<'_>) -> PartyDraft {
        let table = self.table(path, table, &["id", "name", "roles", "signing_key"]);
        PartyDraft {
            id: self.text(&table, "id"),
            name: self.text(&table, "name"),
            roles: self.texts(&table, "roles"),
            signing_key: self.text(&table, "signing_key"),
        }
    }

    fn legal(&mut self, root: &Table<'_>) -> Option<LegalDraft> {
        let value = root.value("legal")?;
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong("legal", "a table [legal]", value.get_ref());
            return None;
        };
        let known = ["purpose", "basis", "retention", "publication", "contact", "review_by"];
        let table = self.table("legal".into(), table, &known);
        let [purpose, basis, retention, publication, contact, review_by] = known.map(|name| {
            match table.value(name).map(Spanned::get_ref) {
                // A date that somebody left the quotes off is the same text.
                Some(DeValue::Datetime(date)) => Some(date.to_string()),
                _ => self.text(&table, name),
            }
        });
        Some(LegalDraft { purpose, basis, retention, publication, contact, review_by })
    }

    fn computation(&mut self, path: String, table: &DeTable<'_>) -> ComputationDraft {
        const KNOWN: [&str; 12] = [
            "id",
            "title",
            "sharing",
            "adversary",
            "min_contributors",
            "calendar",
            "collect_for",
            "attempt_deadline",
            "give_up_after",
            "rows",
            "column",
            "ratio",
        ];
        let table = self.table(path, table, &KNOWN);
        ComputationDraft {
            id: self.text(&table, "id"),
            title: self.text(&table, "title"),
            sharing: self.sharing(&table),
            adversary: self.text(&table, "adversary"),
            min_contributors: self.integer(&table, "min_contributors"),
            calendar: self.text(&table, "calendar"),
            collect_for: self.duration(&table, "collect_for"),
            attempt_deadline: self.duration(&table, "attempt_deadline"),
            give_up_after: self.duration(&table, "give_up_after"),
            rows: self.rows(&table),
            columns: self.tables(&table, "column", Self::column),
            ratios: self.tables(&table, "ratio", Self::ratio),
        }
    }

    fn column(&mut self, path: String, table: &DeTable<'_>) -> ColumnDraft {
        let table = self.table(path, table, &["name", "unit", "decimals", "min", "max", "statistics"]);
        ColumnDraft {
            name: self.text(&table, "name"),
            unit: self.text(&table, "unit"),
            decimals: self.integer(&table, "decimals"),
            min: self.decimal(&table, "min"),
            max: self.decimal(&table, "max"),
            statistics: self.texts(&table, "statistics"),
        }
    }

    fn ratio(&mut self, path: String, table: &DeTable<'_>) -> RatioDraft {
        let table = self.table(path, table, &["name", "numerator", "denominator"]);
        RatioDraft {
            name: self.text(&table, "name"),
            numerator: self.text(&table, "numerator"),
            denominator: self.text(&table, "denominator"),
        }
    }

    fn tables<T>(
        &mut self,
        parent: &Table<'_>,
        name: &str,
        mut read: impl FnMut(&mut Self, String, &DeTable<'_>) -> T,
    ) -> Vec<T> {
        let key = parent.key(name);
        let Some(value) = parent.value(name) else { return Vec::new() };
        let header = if parent.path.is_empty() { name.to_owned() } else { format!("computation.{name}") };
        let expected = format!("tables, each under [[{header}]]");
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(&key, &expected, value.get_ref());
            return Vec::new();
        };
        let mut found = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let key = format!("{key}[{i}]");
            self.lines.note(&key, item.span().start);
            match item.get_ref() {
                DeValue::Table(table) => found.push(read(self, key, table)),
                other => self.wrong(&key, &expected, other),
            }
        }
        found
    }

    fn text(&mut self, table: &Table<'_>, name: &str) -> Option<String> {
        let value = table.value(name)?.get_ref();
        let text = value.as_str();
        if text.is_none() {
            self.wrong(&table.key(name), "text in quotes", value);
        }
        text.map(Into::into)
    }

    fn texts(&mut self, table: &Table<'_>, name: &str) -> Option<Vec<String>> {
        let key = table.key(name);
        let value = table.value(name)?.get_ref();
        let DeValue::Array(items) = value else {
            self.wrong(&key, "a list of texts in quotes", value);
            return None;
        };
        let mut texts = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let key = format!("{key}[{i}]");
            self.lines.note(&key, item.span().start);
            match item.get_ref().as_str() {
                Some(text) => texts.push(text.into()),
                None => self.wrong(&key, "text in quotes", item.get_ref()),
            }
        }
        Some(texts)
    }

    fn integer(&mut self, table: &Table<'_>, name: &str) -> Option<i64> {
        self.whole(&table.key(name), table.value(name)?.get_ref())
    }

    fn whole(&mut self, key: &str, value: &DeValue<'_>) -> Option<i64> {
        let DeValue::Integer(integer) = value else {
            self.wrong(key, "a whole number", value);
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if number.is_none() {
            self.problem(key, "this number is too large".into());
        }
        number
    }

    /// The decimal as it is written, exactly.
    fn decimal(&mut self, table: &Table<'_>, name: &str) -> Option<String> {
        let key = table.key(name);
        match table.value(name)?.get_ref() {
            DeValue::Integer(integer) => {
                let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
                if number.is_none() {
                    self.problem(&key, "this number is too large".into());
                }
                number.map(|n| n.to_string())
            }
            DeValue::Float(float) => Some(float.as_str().trim_start_matches('+').into()),
            other => {
                self.wrong(&key, "a number without quotes", other);
                None
            }
        }
    }

    fn duration(&mut self, table: &Table<'_>, name: &str) -> Option<Duration> {
        const EXPECTED: &str = "a time in quotes with its unit, such as \"30s\", \"12h\" or \"7d\"";
        let key = table.key(name);
        let value = table.value(name)?.get_ref();
        let Some(text) = value.as_str() else {
            self.wrong(&key, EXPECTED, value);
            return None;
        };
        let duration = humantime::parse_duration(text);
        if let Err(error) = &duration {
            self.problem(&key, format!("expected {EXPECTED}: {error}"));
        }
        duration.ok()
    }

    fn sharing(&mut self, table: &Table<'_>) -> Option<SharingDraft> {
        const EXPECTED: &str = "\"additive\" or { shamir = { threshold = 2 } }";
        let key = table.key("sharing");
        let value = table.value("sharing")?.get_ref();
        let scheme = match value {
            DeValue::String(name) => return Some(SharingDraft::Named(name.as_ref().into())),
            DeValue::Table(scheme) => self.table(key.clone(), scheme, &["shamir"]),
            other => {
                self.wrong(&key, EXPECTED, other);
                return None;
            }
        };
        let value = scheme.value("shamir")?.get_ref();
        let DeValue::Table(shamir) = value else {
            self.wrong(&scheme.key("shamir"), "{ threshold = 2 }", value);
            return None;
        };
        let shamir = self.table(scheme.key("shamir"), shamir, &["threshold"]);
        Some(SharingDraft::Shamir { threshold: self.integer(&shamir, "threshold") })
    }

    fn rows(&mut self, table: &Table<'_>) -> Option<RowsDraft> {
        let key = table.key("rows");
        match table.value("rows")?.get_ref() {
            DeValue::Array(_) => self.texts(table, "rows").map(RowsDraft::Labels),
            value @ DeValue::Integer(_) => self.whole(&key, value).map(RowsDraft::Count),
            other => {
                self.wrong(&key, "a whole number or a list of row labels in quotes", other);
                None
            }
        }
    }
}
