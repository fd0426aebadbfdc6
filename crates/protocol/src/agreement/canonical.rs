//! The digest of an agreement's meaning: what every party signs and reads out to the others (PROTOCOL 1.1, 6.2).
//!
//! It is taken of a canonical form, not of the file: formatting, comments and the order of keys do not change it, any
//! meaning does. The order of parties, computations, columns and rows is meaning. Each section has a digest of its own,
//! so that two parties that differ can say where. An attacker who drafts two agreements must not find one digest for
//! both: fields stand in a fixed order, each with its length, lists with their count.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::{Adversary, Column, Computation, Legal, Party, Ratio, Rows, SharingScheme, Statistic};

/// SHA-256 over the canonical form of an agreement or of one section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One part of an agreement with its own digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `parties`, `legal` or `computation ID`.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// Digests of the sections, in the order of the agreement.
pub(super) fn sections(parties: &[Party], legal: &Legal, computations: &[Computation]) -> Vec<Section> {
    let mut sections = Vec::with_capacity(2 + computations.len());
    let mut push = |name: String, label: &str, form: Form| {
        sections.push(Section { name, digest: Digest(sharing::hash(label, &[&form.0])) });
    };
    let mut form = Form::default();
    form.list(parties, party);
    push("parties".into(), "smpcd/1/agreement/parties", form);
    push("legal".into(), "smpcd/1/agreement/legal", legal_form(legal));
    for one in computations {
        push(format!("computation {}", one.id), "smpcd/1/agreement/computation", computation(one));
    }
    sections
}

/// The digest of the whole: name, version and every section.
pub(super) fn total(name: &str, version: u32, sections: &[Section]) -> Digest {
    let mut form = Form::default();
    form.list(sections, |form, section| {
        form.text(&section.name);
        form.bytes(&section.digest.0);
    });
    Digest(sharing::hash("smpcd/1/agreement/digest", &[name.as_bytes(), &version.to_le_bytes(), &form.0]))
}

/// Bytes that are read in one way only.
#[derive(Default)]
struct Form(Vec<u8>);

impl Form {
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn integer(&mut self, integer: i128) {
        self.0.extend_from_slice(&integer.to_le_bytes());
    }

    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    fn duration(&mut self, duration: Duration) {
        self.number(duration.as_secs());
        self.number(u64::from(duration.subsec_nanos()));
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        self.number(items.len() as u64);
        for one in items {
            item(self, one);
        }
    }
}

// Each function below takes its value apart without `..`: a field that is added and not covered does not compile.

fn party(form: &mut Form, party: &Party) {
    let Party { id, name, roles, signing_key } = party;
    let super::Roles { input, compute, result } = roles;
    form.text(id);
    form.text(name);
    form.tag(u8::from(*input) | u8::from(*compute) << 1 | u8::from(*result) << 2);
    form.bytes(signing_key);
}

fn legal_form(legal: &Legal) -> Form {
    let Legal { purpose, other } = legal;
    let mut form = Form::default();
    form.text(purpose);
    form.list(other, |form, (key, text)| {
        form.text(key);
        form.text(text);
    });
    form
}

fn computation(computation: &Computation) -> Form {
    let Computation {
        id,
        title,
        sharing,
        adversary,
        min_contributors,
        calendar,
        collect_for,
        attempt_deadline,
        give_up_after,
        rows,
        columns,
        ratios,
        // A function of what is covered (PROTOCOL 1.4), not a term of its own.
        field: _,
    } = computation;
    let mut form = Form::default();
    form.text(id);
    form.text(title);
    match sharing {
        SharingScheme::Additive => form.tag(0),
        SharingScheme::Shamir { threshold } => {
            form.tag(1);
            form.number(u64::from(*threshold));
        }
    }
    form.tag(match adversary {
        Adversary::SemiHonest => 0,
        Adversary::Malicious => 1,
    });
    form.number(u64::from(*min_contributors));
    form.text(calendar.name());
    form.duration(*collect_for);
    form.duration(*attempt_deadline);
    form.duration(*give_up_after);
    match rows {
        Rows::Count(count) => {
            form.tag(0);
            form.number(u64::from(*count));
        }
        Rows::Labels(labels) => {
            form.tag(1);
            form.list(labels, |form, label| form.text(label));
        }
    }
    form.list(columns, column);
    form.list(ratios, ratio);
    form
}

fn column(form: &mut Form, column: &Column) {
    let Column { name, unit, bounds, statistics } = column;
    let super::CellBounds { min, max, decimals } = bounds;
    form.text(name);
    form.text(unit);
    form.integer(*min);
    form.integer(*max);
    form.tag(*decimals);
    form.list(statistics, |form, statistic| {
        form.tag(match statistic {
            Statistic::Sum => 0,
            Statistic::Mean => 1,
            Statistic::Count => 2,
        });
    });
}

fn ratio(form: &mut Form, ratio: &Ratio) {
    let Ratio { name, numerator, denominator } = ratio;
    form.text(name);
    form.number(u64::from(*numerator));
    form.number(u64::from(*denominator));
}
