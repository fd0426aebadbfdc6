//! `smpcd agreement diff`: what two agreements mean differently, key by key. Formatting is no difference.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use protocol::agreement::{Agreement, Column, Computation, Party, Rows, SharingScheme, Statistic};
use sharing::decimal::Decimal;

use crate::agreement_file::{AgreementFile, render_duration};
use crate::commands::say;
use crate::exit::{Exit, Failure};

/// Arguments of `smpcd agreement diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The older agreement
    a: PathBuf,
    /// The newer agreement
    b: PathBuf,
}

/// Prints the differences. Exit code 0 where there is none, 1 where there are some.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let (a, b) = (AgreementFile::load(&args.a), AgreementFile::load(&args.b));
    let (a, b) = match (a, b) {
        (Ok(a), Ok(b)) => (a.agreement, b.agreement),
        (a, b) => {
            let lines = [a.err(), b.err()].into_iter().flatten().flat_map(|failure| failure.lines);
            return Err(Failure::all(Exit::BadConfiguration, lines));
        }
    };
    let text = difference(&a, &b);
    if text.is_empty() {
        return say(&format!("the same meaning\n{}\n", a.digest()));
    }
    say(&format!("{text}{} -> {}\n", a.digest(), b.digest()))?;
    // As with diff(1): the difference is the output, and the exit code says that there is one.
    Err(Failure { exit: Exit::Other, lines: Vec::new() })
}

/// What differs, section by section; empty where nothing does.
pub(super) fn difference(a: &Agreement, b: &Agreement) -> String {
    let (a, b) = (meaning(a), meaning(b));
    let mut sections: Vec<&String> = a.iter().map(|(section, _)| section).collect();
    sections.extend(b.iter().map(|(section, _)| section).filter(|s| !a.iter().any(|(other, _)| other == *s)));
    let mut text = String::new();
    for section in sections {
        let of = |side: &[(String, Keys)]| side.iter().find(|(s, _)| s == section).map(|(_, keys)| keys.clone());
        let lines = match (of(&a), of(&b)) {
            (Some(a), Some(b)) => changes(&a, &b),
            (None, _) => vec!["added".into()],
            (_, None) => vec!["removed".into()],
        };
        if !lines.is_empty() {
            text.push_str(section);
            text.push('\n');
            lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        }
    }
    text
}

fn changes(a: &Keys, b: &Keys) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, old) in &a.0 {
        match b.value(key) {
            None => lines.push(format!("{key}: {old} -> (none)")),
            Some(new) if new != old => lines.push(format!("{key}: {old} -> {new}")),
            Some(_) => {}
        }
    }
    let added = b.0.iter().filter(|(key, _)| a.value(key).is_none());
    lines.extend(added.map(|(key, new)| format!("{key}: (none) -> {new}")));
    lines
}

/// The keys of one section and their values, in the order of the agreement.
#[derive(Clone, Default)]
struct Keys(Vec<(String, String)>, BTreeMap<String, usize>);

impl Keys {
    fn add(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let key = key.into();
        self.1.insert(key.clone(), self.0.len());
        self.0.push((key, value.into()));
    }

    fn value(&self, key: &str) -> Option<&String> {
        self.1.get(key).map(|position| &self.0[*position].1)
    }
}

/// An agreement as keys and values. Tables go by their ids and names, so that an inserted one shifts no other.
fn meaning(agreement: &Agreement) -> Vec<(String, Keys)> {
    let mut head = Keys::default();
    head.add("name", agreement.name());
    head.add("version", agreement.version().to_string());
    let ids = |ids: Vec<&str>| ids.join(", ");
    head.add("computations", ids(agreement.computations().iter().map(|c| c.id.as_str()).collect()));
    let mut parties = Keys::default();
    parties.add("order", ids(agreement.parties().iter().map(|p| p.id.as_str()).collect()));
    agreement.parties().iter().for_each(|p| party(&mut parties, p));
    let mut legal = Keys::default();
    legal.add("purpose", format!("{:?}", agreement.legal().purpose));
    for (key, text) in &agreement.legal().other {
        legal.add(key, format!("{text:?}"));
    }
    let mut sections = vec![("agreement".into(), head), ("parties".into(), parties), ("legal".into(), legal)];
    sections.extend(agreement.computations().iter().map(|c| (format!("computation {}", c.id), computation(c))));
    sections
}

fn party(keys: &mut Keys, party: &Party) {
    let Party { id, name, roles, signing_key } = party;
    let roles = [(roles.input, "input"), (roles.compute, "compute"), (roles.result, "result")];
    let roles: Vec<_> = roles.iter().filter(|(has, _)| *has).map(|(_, role)| *role).collect();
    keys.add(format!("party {id}: name"), format!("{name:?}"));
    keys.add(format!("party {id}: roles"), roles.join(", "));
    keys.add(format!("party {id}: signing_key"), format!("ed25519:{}", Base64::encode_string(signing_key)));
}

fn computation(computation: &Computation) -> Keys {
    let mut keys = Keys::default();
    keys.add("title", format!("{:?}", computation.title));
    keys.add(
        "sharing",
        match computation.sharing {
            SharingScheme::Additive => "additive".into(),
            SharingScheme::Shamir { threshold } => format!("shamir, threshold {threshold}"),
        },
    );
    keys.add(
        "adversary",
        match computation.adversary {
            protocol::agreement::Adversary::SemiHonest => "semi-honest",
            protocol::agreement::Adversary::Malicious => "malicious",
        },
    );
    keys.add("min_contributors", computation.min_contributors.to_string());
    keys.add("calendar", computation.calendar.name());
    keys.add("collect_for", render_duration(computation.collect_for));
    keys.add("attempt_deadline", render_duration(computation.attempt_deadline));
    keys.add("give_up_after", render_duration(computation.give_up_after));
    keys.add("rows", computation.rows.len().to_string());
    if let Rows::Labels(labels) = &computation.rows {
        for (i, label) in labels.iter().enumerate() {
            keys.add(format!("row {label:?}"), format!("at {i}"));
        }
    }
    let order: Vec<_> = computation.columns.iter().map(|c| c.name.as_str()).collect();
    keys.add("columns", order.join(", "));
    computation.columns.iter().for_each(|c| column(&mut keys, c));
    let order: Vec<_> = computation.ratios.iter().map(|r| r.name.as_str()).collect();
    keys.add("ratios", order.join(", "));
    for ratio in &computation.ratios {
        let name = |position: u16| &computation.columns[usize::from(position)].name;
        let value = format!("{} / {}", name(ratio.numerator), name(ratio.denominator));
        keys.add(format!("ratio {:?}", ratio.name), value);
    }
    keys
}

fn column(keys: &mut Keys, column: &Column) {
    let Column { name, unit, bounds, statistics } = column;
    let decimal = |units| Decimal { units, decimals: bounds.decimals }.to_string();
    let statistics: Vec<_> = statistics
        .iter()
        .map(|s| match s {
            Statistic::Sum => "sum",
            Statistic::Mean => "mean",
            Statistic::Count => "count",
        })
        .collect();
    keys.add(format!("column {name:?}: unit"), format!("{unit:?}"));
    keys.add(format!("column {name:?}: decimals"), bounds.decimals.to_string());
    keys.add(format!("column {name:?}: min"), decimal(bounds.min));
    keys.add(format!("column {name:?}: max"), decimal(bounds.max));
    keys.add(format!("column {name:?}: statistics"), statistics.join(", "));
}
