//! What somebody wrote: an agreement before its rules were checked (PROTOCOL 1).
//!
//! Everything is raw and optional, so that one pass of [`AgreementDraft::validate`] can name everything that is missing
//! or wrong. A draft is as its author made it; nothing in it is to be relied on.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// An agreement as written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AgreementDraft {
    /// Name of the consortium.
    pub name: Option<String>,
    /// Version, from 1.
    pub version: Option<i64>,
    /// The parties, in agreement order.
    pub parties: Vec<PartyDraft>,
    /// The legal table.
    pub legal: Option<LegalDraft>,
    /// The computations.
    pub computations: Vec<ComputationDraft>,
}

/// A party as written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PartyDraft {
    /// Its id.
    pub id: Option<String>,
    /// Its name, for people.
    pub name: Option<String>,
    /// `input`, `compute`, `result`.
    pub roles: Option<Vec<String>>,
    /// `ed25519:BASE64` of the 32 bytes.
    pub signing_key: Option<String>,
}

/// The legal table as written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LegalDraft {
    /// Why the data are shared.
    pub purpose: Option<String>,
    /// The legal basis.
    pub basis: Option<String>,
    /// How long what is kept.
    pub retention: Option<String>,
    /// Who may publish what.
    pub publication: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// When the parties look at it again.
    pub review_by: Option<String>,
}

impl LegalDraft {
    /// The optional keys with what was written, in the order of [`super::Legal::OPTIONAL`].
    #[must_use]
    pub fn optional(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("basis", self.basis.as_deref()),
            ("retention", self.retention.as_deref()),
            ("publication", self.publication.as_deref()),
            ("contact", self.contact.as_deref()),
            ("review_by", self.review_by.as_deref()),
        ]
    }
}

/// A computation as written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ComputationDraft {
    /// Its id.
    pub id: Option<String>,
    /// Its title, for people.
    pub title: Option<String>,
    /// How figures are split into shares.
    pub sharing: Option<SharingDraft>,
    /// `semi-honest` or `malicious`. There is no default.
    pub adversary: Option<String>,
    /// μ. Additive: every input party where it is left out.
    pub min_contributors: Option<i64>,
    /// `year`, `quarter`, `month`, `week`, `day` or `any`.
    pub calendar: Option<String>,
    /// How long dealings are waited for.
    pub collect_for: Option<Duration>,
    /// First deadline of an attempt.
    pub attempt_deadline: Option<Duration>,
    /// Then a node abandons the round.
    pub give_up_after: Option<Duration>,
    /// The rows.
    pub rows: Option<RowsDraft>,
    /// The columns.
    pub columns: Vec<ColumnDraft>,
    /// Derived figures.
    pub ratios: Vec<RatioDraft>,
}

/// A sharing scheme as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SharingDraft {
    /// `sharing = "…"`.
    Named(String),
    /// `sharing = { shamir = { threshold = … } }`.
    Shamir {
        /// Shares needed to reconstruct.
        threshold: Option<i64>,
    },
}

/// Rows as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowsDraft {
    /// So many, without labels.
    Count(i64),
    /// A label for each.
    Labels(Vec<String>),
}

/// A column as written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ColumnDraft {
    /// Its name.
    pub name: Option<String>,
    /// Its unit, for people; none where it is left out.
    pub unit: Option<String>,
    /// Decimals of every figure in it.
    pub decimals: Option<i64>,
    /// The least figure, as an exact decimal.
    pub min: Option<String>,
    /// The greatest figure, as an exact decimal.
    pub max: Option<String>,
    /// `sum`, `mean`, `count`.
    pub statistics: Option<Vec<String>>,
}

/// A ratio as written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RatioDraft {
    /// Its name.
    pub name: Option<String>,
    /// Name of the column above the line.
    pub numerator: Option<String>,
    /// Name of the column below the line.
    pub denominator: Option<String>,
}

/// One thing that is wrong with a draft: which key, what, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `computation[0].column[1].max`; counted from 0.
    pub key: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}
