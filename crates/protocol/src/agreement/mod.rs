//! The agreement: the terms of the data sharing, identical at every party and signed by every party (PROTOCOL 1).
//!
//! An [`AgreementDraft`] is what somebody wrote; an [`Agreement`] has passed every rule and is the only way on. Text
//! formats are not known here: the reader of TOML fills a draft and translates the key of a [`Problem`] to a line.

mod canonical;
mod disclosure;
mod draft;
mod period;
mod quorum;
mod signature;
#[cfg(test)]
pub(crate) mod tests;
mod validate;
mod words;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub use canonical::{Digest, Section};
pub use disclosure::{disclosure_statement, statement_digest};
pub use draft::{
    AgreementDraft, ColumnDraft, ComputationDraft, LegalDraft, PartyDraft, Problem, RatioDraft, RowsDraft, SharingDraft,
};
pub use period::{Calendar, Period, PeriodError};
pub use quorum::Quorum;
pub use sharing::Column as CellBounds;
pub use signature::{AgreementSignature, SignatureError};
pub(crate) use validate::is_line;

/// Longest id, in bytes: it is a file name, a part of a certificate's URI and a column of `status`.
pub const MAX_ID: usize = 32;
/// Most parties: what a message's lists hold. Votes and receipts grow with the square of it.
pub const MAX_PARTIES: usize = wire::MAX_PARTIES;
/// Most computations: Hello lists the digest of each beside those of the parties and the legal table.
pub const MAX_COMPUTATIONS: usize = wire::link::MAX_SECTIONS - 2;
/// Most columns of a computation: the width of a spreadsheet that people still fill.
pub const MAX_COLUMNS: usize = 256;
/// Most derived figures of a computation, as many as columns.
pub const MAX_RATIOS: usize = MAX_COLUMNS;
/// Most rows of a computation.
pub const MAX_ROWS: u32 = 100_000_000;
/// Most row labels. They stand in the agreement, which people mail and read; longer tables count their rows.
pub const MAX_LABELS: usize = 100_000;
/// Most cells: 16 GB of the larger field for each object that is held on disk.
pub const MAX_CELLS: u64 = 1_000_000_000;
/// Most decimals of a column: with them i128 still has twenty digits before the point.
pub const MAX_DECIMALS: u8 = 18;
/// Longest time in an agreement: ten years. What is longer is a typing error.
pub const MAX_DURATION: Duration = Duration::from_secs(3_660 * 86_400);

/// Whether a text is an id: 1 to 32 of `a-z`, `0-9` and `-`. One that began with `-` would be an option on a command
/// line, so the first and the last are a letter or a digit.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
    text.len() <= MAX_ID
        && edge(text.chars().next())
        && edge(text.chars().next_back())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Position of a party in agreement order, from 0. Never taken from a message without a bounds check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyIndex(pub u16);

/// What a party does in the computations (ISO/IEC 4922).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Roles {
    /// Contributes data.
    pub input: bool,
    /// Holds shares.
    pub compute: bool,
    /// Learns the output.
    pub result: bool,
}

/// One organisation in the agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// `[a-z0-9-]`, 1 to 32 characters.
    pub id: String,
    /// The organisation's name, for people.
    pub name: String,
    /// What it does.
    pub roles: Roles,
    /// Ed25519 public key that signs its messages, its card and the agreement.
    pub signing_key: [u8; 32],
}

/// The legal table: free text, printed in the disclosure statement.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Legal {
    /// Why the data are shared. Required.
    pub purpose: String,
    /// The other keys that were given, in the order of [`Legal::OPTIONAL`].
    pub other: Vec<(String, String)>,
}

impl Legal {
    /// The keys that may stand in the legal table beside `purpose`.
    pub const OPTIONAL: [&'static str; 5] = ["basis", "retention", "publication", "contact", "review_by"];
}

/// The linear scheme that shares are made by (PROTOCOL 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharingScheme {
    /// All compute parties are needed.
    Additive,
    /// Any `threshold` compute parties reconstruct.
    Shamir {
        /// Shares needed to reconstruct.
        threshold: u16,
    },
}

/// What the round is secure against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adversary {
    /// Parties follow the protocol and look.
    SemiHonest,
    /// Parties do anything.
    Malicious,
}

/// The rows of the table of private cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rows {
    /// So many rows without labels, 1 to 100,000,000.
    Count(u32),
    /// Labelled rows, in this order.
    Labels(Vec<String>),
}

impl Rows {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Count(n) => u64::from(*n),
            Self::Labels(labels) => labels.len() as u64,
        }
    }

    /// Never true for rows that passed validation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A statistic of one column. The count of contributors is always given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// The exact total over the contributors.
    Sum,
    /// The total divided by the number of contributors.
    Mean,
    /// The number of contributors.
    Count,
}

/// One column of private cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name, the header of the input file.
    pub name: String,
    /// Unit, for people; may be empty.
    pub unit: String,
    /// Bounds in units of the last decimal, and the decimals.
    pub bounds: CellBounds,
    /// The statistics that are released.
    pub statistics: Vec<Statistic>,
}

/// A figure derived from two columns' sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// Its name.
    pub name: String,
    /// Position of the numerator in [`Computation::columns`].
    pub numerator: u16,
    /// Position of the denominator in [`Computation::columns`].
    pub denominator: u16,
}

/// One table of private cells and the statistics taken of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computation {
    /// `[a-z0-9-]`, 1 to 32 characters.
    pub id: String,
    /// Title, for people.
    pub title: String,
    /// The scheme.
    pub sharing: SharingScheme,
    /// The adversary model that was chosen.
    pub adversary: Adversary,
    /// μ: no release with fewer contributors.
    pub min_contributors: u16,
    /// How periods are named.
    pub calendar: Calendar,
    /// How long dealings are waited for.
    pub collect_for: Duration,
    /// First deadline of an attempt; doubles with each.
    pub attempt_deadline: Duration,
    /// Then a node abandons the round.
    pub give_up_after: Duration,
    /// The rows.
    pub rows: Rows,
    /// The columns, at least one.
    pub columns: Vec<Column>,
    /// Derived figures.
    pub ratios: Vec<Ratio>,
    /// The field that rule 1.4 chose. Malicious rounds use scalars of ristretto255 instead.
    pub field: sharing::Field,
}

impl Computation {
    /// L: rows × columns.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.rows.len() * self.columns.len() as u64
    }

    /// Bytes of the largest chunk of a share or partial sum; in malicious rounds the blindings come with the values.
    #[must_use]
    pub fn chunk_bytes(&self) -> usize {
        let layout = sharing::Layout { field: self.field, cells: self.cells() };
        layout.chunk_bytes(0) * if self.adversary == Adversary::Malicious { 2 } else { 1 }
    }

    /// Bytes that the message with a dealing's commitments has at most; 0 where there is none.
    #[must_use]
    pub fn commitments_bytes(&self, parties: u16) -> usize {
        if self.adversary == Adversary::SemiHonest {
            return 0;
        }
        let k = match self.sharing {
            SharingScheme::Additive => parties,
            SharingScheme::Shamir { threshold } => threshold,
        };
        let cells = usize::try_from(self.cells()).unwrap_or(usize::MAX);
        // Proofs take 57 bytes a cell at most, but for a few runs that are shorter.
        let bytes = cells.saturating_mul(32 * usize::from(k) + 64) + 64 * 1024;
        bytes.min(wire::envelope::MAX_BODY)
    }
}

/// A validated agreement. Made by [`AgreementDraft::validate`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    name: String,
    version: u32,
    parties: Vec<Party>,
    legal: Legal,
    computations: Vec<Computation>,
    digest: Digest,
    sections: Vec<Section>,
}

impl Agreement {
    /// Name of the consortium; the trust domain of its identities.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version, from 1.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The parties in agreement order.
    #[must_use]
    pub fn parties(&self) -> &[Party] {
        &self.parties
    }

    /// The legal table.
    #[must_use]
    pub fn legal(&self) -> &Legal {
        &self.legal
    }

    /// The computations in agreement order.
    #[must_use]
    pub fn computations(&self) -> &[Computation] {
        &self.computations
    }

    /// The computation with that id.
    #[must_use]
    pub fn computation(&self, id: &str) -> Option<&Computation> {
        self.computations.iter().find(|c| c.id == id)
    }

    /// Position of the party with that id.
    #[must_use]
    pub fn party_index(&self, id: &str) -> Option<PartyIndex> {
        self.parties.iter().zip(0u16..).find(|(p, _)| p.id == id).map(|(_, i)| PartyIndex(i))
    }

    /// The party at that position.
    #[must_use]
    pub fn party(&self, index: PartyIndex) -> Option<&Party> {
        self.parties.get(usize::from(index.0))
    }

    /// Digest of the meaning: what every party signs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Digests of the sections, to say which part differs.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }
}
