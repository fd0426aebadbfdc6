//! What a result file says of its totals: enough to render them without the agreement.

use std::borrow::Cow;
use std::fmt;

use protocol::agreement::{Computation, Rows, Statistic};
use serde::{Deserialize, Serialize};
use sharing::Cells;

/// Partial sums are kept for tables of so many cells at most: they are for people to look at.
pub const MOST_PARTIAL_CELLS: u64 = 4096;

/// The description of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultMeta {
    /// Id of the computation.
    pub computation: String,
    /// Its title.
    pub title: String,
    /// The period.
    pub period: String,
    /// Round id (PROTOCOL 1.2).
    pub round: [u8; 32],
    /// Digest of the agreement that the round ran under.
    pub agreement: [u8; 32],
    /// The contributor set, in agreement order.
    pub contributors: Vec<String>,
    /// What this result may disclose together with earlier ones, as far as this party knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The columns.
    pub columns: Vec<ResultColumn>,
    /// The derived figures.
    pub ratios: Vec<ResultRatio>,
    /// The rows.
    pub rows: ResultRows,
    /// The partial sum of each holder, for tables of at most [`MOST_PARTIAL_CELLS`] cells; else empty.
    pub partials: Vec<PartialSum>,
    /// Digest of the result, the same at every result party. The round computes it.
    pub digest: [u8; 32],
}

/// One column of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultColumn {
    /// Its name.
    pub name: String,
    /// Its unit; may be empty.
    pub unit: String,
    /// Decimals of its totals.
    pub decimals: u8,
    /// Whether the sum is released.
    pub sum: bool,
    /// Whether the mean is released.
    pub mean: bool,
}

/// One derived figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRatio {
    /// Its name.
    pub name: String,
    /// Position of the numerator's column.
    pub numerator: usize,
    /// Position of the denominator's column.
    pub denominator: usize,
}

/// The rows of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultRows {
    /// So many, named by their number from 0.
    Count(u64),
    /// Named by these labels.
    Labels(Vec<String>),
}

impl ResultRows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Count(rows) => *rows,
            Self::Labels(labels) => labels.len() as u64,
        }
    }

    /// Never true in a result file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of a row: its label, or its number from 0.
    #[must_use]
    pub fn name(&self, row: u64) -> Cow<'_, str> {
        match self {
            Self::Labels(labels) => match usize::try_from(row).ok().and_then(|row| labels.get(row)) {
                Some(label) => Cow::Borrowed(label),
                None => Cow::Owned(row.to_string()),
            },
            Self::Count(_) => Cow::Owned(row.to_string()),
        }
    }
}

/// What a holder published: the sum of its shares, as elements of the field.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialSum {
    /// Id of the holder.
    pub holder: String,
    /// The elements, row-major, as decimal numbers: those of a malicious round have 252 bits.
    pub elements: Vec<String>,
}

impl PartialSum {
    /// The elements of a small table's only chunk.
    #[must_use]
    pub fn new(holder: &str, cells: &Cells) -> Self {
        let mut bytes = Vec::new();
        cells.write_to(&mut bytes);
        let elements = bytes.chunks(cells.field().element_bytes()).map(decimal).collect();
        Self { holder: holder.to_owned(), elements }
    }
}

/// A little-endian number in decimal digits.
fn decimal(bytes: &[u8]) -> String {
    const BASE: u64 = 1_000_000_000_000_000;
    // Limbs to that base, the lowest first.
    let mut limbs = vec![0u64];
    for byte in bytes.iter().rev() {
        let mut carry = u64::from(*byte);
        for limb in &mut limbs {
            let value = (*limb << 8) + carry;
            (*limb, carry) = (value % BASE, value / BASE);
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let (first, rest) = limbs.split_last().expect("there is one limb at least");
    rest.iter().rev().fold(first.to_string(), |text, limb| text + &format!("{limb:015}"))
}

impl fmt::Debug for PartialSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All of them together are the total, which is for result parties only.
        f.debug_struct("PartialSum").field("holder", &self.holder).field("elements", &"<redacted>").finish()
    }
}

impl ResultMeta {
    /// Describes the result of a round of this computation; without partial sums, which the caller may add.
    #[must_use]
    pub fn new(
        computation: &Computation,
        period: &str,
        round: [u8; 32],
        agreement: [u8; 32],
        contributors: Vec<String>,
        digest: [u8; 32],
    ) -> Self {
        let column = |column: &protocol::agreement::Column| ResultColumn {
            name: column.name.clone(),
            unit: column.unit.clone(),
            decimals: column.bounds.decimals,
            sum: column.statistics.contains(&Statistic::Sum),
            mean: column.statistics.contains(&Statistic::Mean),
        };
        let ratio = |ratio: &protocol::agreement::Ratio| ResultRatio {
            name: ratio.name.clone(),
            numerator: usize::from(ratio.numerator),
            denominator: usize::from(ratio.denominator),
        };
        Self {
            computation: computation.id.clone(),
            title: computation.title.clone(),
            period: period.to_owned(),
            round,
            agreement,
            contributors,
            warnings: Vec::new(),
            columns: computation.columns.iter().map(column).collect(),
            ratios: computation.ratios.iter().map(ratio).collect(),
            rows: match &computation.rows {
                Rows::Count(rows) => ResultRows::Count(u64::from(*rows)),
                Rows::Labels(labels) => ResultRows::Labels(labels.clone()),
            },
            partials: Vec::new(),
            digest,
        }
    }

    /// L: rows × columns.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.rows.len().saturating_mul(self.columns.len() as u64)
    }

    /// What makes it no description of a table of that shape, or nothing. Rendering relies on it.
    pub(super) fn fault(&self, rows: u64, columns: u64) -> Option<&'static str> {
        let known = |column: usize| column < self.columns.len();
        if self.rows.len() != rows || self.columns.len() as u64 != columns {
            return Some("its description is of another table");
        }
        if self.contributors.is_empty() || u32::try_from(self.contributors.len()).is_err() {
            return Some("its description has no contributors");
        }
        if !self.ratios.iter().all(|ratio| known(ratio.numerator) && known(ratio.denominator)) {
            return Some("a ratio is of columns that it does not have");
        }
        None
    }

    /// |S|: the number of contributors, by which a mean is divided. At least one in a result file.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.contributors.len()).unwrap_or(u32::MAX)
    }
}
