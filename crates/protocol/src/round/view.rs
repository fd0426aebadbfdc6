//! What a person may be shown of a round: where it stands and whom it waits for. No value, no share.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use wire::MessageKind;

use super::step::{Ended, Millis};

/// What a round is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It waits for this party's approval.
    Approval,
    /// Dealings and Receipts are coming in.
    Collecting,
    /// The compute parties agree on the contributor set.
    Agreeing,
    /// Partial sums are made and sent.
    Summing,
    /// The result is there.
    Completed,
    /// It ended without a result.
    Abandoned,
}

impl Phase {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Collecting => "collecting",
            Self::Agreeing => "agreeing",
            Self::Summing => "summing",
            Self::Completed => "completed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Something that a round waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The party, by id.
    pub party: String,
    /// What it has not sent; none for an approval here.
    pub message: Option<MessageKind>,
    /// Whose dealing it is about, where it is about one.
    pub about: Option<String>,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message, &self.about) {
            (None, _) => write!(f, "the approval of {}", self.party),
            (Some(kind), None) => write!(f, "{} from {}", kind.name(), self.party),
            (Some(kind), Some(about)) => write!(f, "{} from {} for the dealing of {about}", kind.name(), self.party),
        }
    }
}

/// A round, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What it is doing.
    pub phase: Phase,
    /// The attempt.
    pub attempt: u32,
    /// Whom it waits for.
    pub waits: Vec<Wait>,
    /// Parties whose dealing is out.
    pub dealt: Vec<String>,
    /// Parties that declined, with their reasons.
    pub declined: Vec<(String, String)>,
    /// Parties that gave it up, with their reasons.
    pub abandoned_by: Vec<(String, String)>,
    /// Errors of this party's input at its last approval.
    pub input_errors: Vec<String>,
    /// S, once it is certified.
    pub contributors: Vec<String>,
    /// Result parties whose result is another one than this party's.
    pub differing: Vec<String>,
    /// Parties against whom there is evidence that anybody can check, with what they did.
    pub culprits: Vec<(String, &'static str)>,
    /// Chunks of the result that are done, of how many.
    pub progress: Option<(u64, u64)>,
    /// When dealings are no longer waited for.
    pub collect_until: Millis,
    /// When this party gives up.
    pub give_up_at: Millis,
    /// Every compute party has receipted this party's dealing.
    pub delivered: bool,
    /// It is proven that nothing of it has opened or can: the period may be begun anew.
    pub void: bool,
    /// How it ended.
    pub ended: Option<Ended>,
}
