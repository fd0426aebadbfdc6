//! The admin interface: HTTP with JSON over a unix socket that only this node's user can open.
//!
//! Whoever can open the socket can start rounds and approve; it cannot change terms, which all parties signed, nor see
//! a value. Each call that changes something is in the audit log with the caller's user id.

mod client;
mod server;

use serde::{Deserialize, Serialize};

pub use client::{Client, ClientError};
pub use server::ServeError;
pub(crate) use server::{Call, bind, serve};

use crate::status::{NodeStatus, RoundStatus};

/// Longest that one call waits for a change; the caller asks again.
pub(crate) const MOST_WAIT_S: u64 = 30;

/// What can be asked of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Status,
    Rounds,
    Round {
        computation: String,
        period: String,
    },
    Start {
        computation: String,
        period: String,
    },
    Approve {
        computation: String,
        period: String,
        approval: ApproveBody,
    },
    Decline {
        computation: String,
        period: String,
        by: String,
        reason: String,
    },
    Abandon {
        computation: String,
        period: String,
        by: String,
        reason: String,
    },
    /// Of a peer's log, or of this node's own.
    Acknowledge {
        log: Option<String>,
        by: String,
        reason: String,
    },
}

impl Request {
    /// The call's name, where it changes something.
    pub(crate) fn act(&self) -> Option<&'static str> {
        match self {
            Self::Status | Self::Rounds | Self::Round { .. } => None,
            Self::Start { .. } => Some("round.start"),
            Self::Approve { .. } => Some("round.approve"),
            Self::Decline { .. } => Some("round.decline"),
            Self::Abandon { .. } => Some("round.abandon"),
            Self::Acknowledge { .. } => Some("audit.acknowledge"),
        }
    }

    /// The round that it is about: computation and period, as the caller wrote them.
    pub(crate) fn round(&self) -> Option<(String, String)> {
        match self {
            Self::Status | Self::Rounds | Self::Acknowledge { .. } => None,
            Self::Round { computation, period }
            | Self::Start { computation, period }
            | Self::Approve { computation, period, .. }
            | Self::Decline { computation, period, .. }
            | Self::Abandon { computation, period, .. } => Some((computation.clone(), period.clone())),
        }
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Status(Box<NodeStatus>),
    Rounds(Vec<RoundStatus>),
    Round(Box<RoundStatus>),
    Refused(Refused),
    /// The hub takes no more calls.
    Stopping,
}

/// The daemon did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", lines.join("\n"))]
pub struct Refused {
    /// There is no such round.
    pub not_found: bool,
    /// What, and how to mend it; one line each.
    pub lines: Vec<String>,
}

impl Refused {
    pub(crate) fn because(line: impl Into<String>) -> Self {
        Self { not_found: false, lines: vec![line.into()] }
    }
}

/// Body of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveBody {
    pub(crate) by: String,
    /// Digest of the disclosure statement that the person was shown. Another one is not approved.
    pub(crate) disclosure: String,
    /// Why, where something speaks against it.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// Body of an acknowledgement that a log is not what was seen of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcknowledgeBody {
    #[serde(default)]
    log: Option<String>,
    by: String,
    reason: String,
}

/// Body of a decline, and of giving a round up.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonBody {
    by: String,
    reason: String,
}
