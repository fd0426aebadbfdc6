//! How much an event matters to whoever is on call.

use crate::event::Event;
use crate::record::Record;
use crate::words::Outcome;

/// Four levels, for filters and alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Steps as they should be.
    Info,
    /// What a person decided, or what a person waits for: approvals, results, agreements.
    Notice,
    /// Something was turned away, given up or lost; it may right itself.
    Warning,
    /// Somebody lies, or data is not what it was: a person has to look now.
    Alarm,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }

    /// The number of RFC 5424: informational, notice, warning, alert.
    pub(crate) fn rfc5424(self) -> u8 {
        match self {
            Self::Info => 6,
            Self::Notice => 5,
            Self::Warning => 4,
            Self::Alarm => 1,
        }
    }
}

impl Event {
    /// How much the event matters where it ends as such events do.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::RollbackFound { .. }
            | Self::RollbackRecalled { .. }
            | Self::RoundForgotten { .. }
            | Self::OutcomeDiffers
            | Self::CertificateDiffers
            | Self::FaultProven { .. }
            | Self::LogDeparted { .. }
            | Self::LogBehind { .. } => Severity::Alarm,
            Self::LinkDown { .. }
            | Self::LinkRefused { .. }
            | Self::HelloDiffers { .. }
            | Self::DeclineSent { .. }
            | Self::DeclineReceived { .. }
            | Self::InputRefused { .. }
            | Self::RoundAbandoned { .. }
            | Self::AbandonReceived { .. }
            | Self::RoundVoid
            | Self::ComplaintSent { .. }
            | Self::ComplaintReceived { .. }
            | Self::RoundsPaused { .. }
            | Self::FaultObserved { .. } => Severity::Warning,
            Self::DaemonStarted
            | Self::DaemonStopped { .. }
            | Self::RollbackRecovered { .. }
            | Self::ConfigurationChanged
            | Self::CardTakenIn { .. }
            | Self::SignatureTakenIn { .. }
            | Self::IdentityChanged
            | Self::RevocationsChanged
            | Self::AgreementSigned { .. }
            | Self::AgreementInForce { .. }
            | Self::RoundProposed
            | Self::RoundJoined
            | Self::ApprovalAsked
            | Self::ApprovalGiven { .. }
            | Self::RoundResumed
            | Self::ResultReleased { .. }
            | Self::AdminCall { .. }
            | Self::LogAcknowledged { .. }
            | Self::LogDeleted { .. }
            | Self::RoundsResumed
            | Self::ResultDeleted { .. } => Severity::Notice,
            Self::LinkUp { .. }
            | Self::DealSent
            | Self::DealReceived
            | Self::ShareSent
            | Self::ShareReceived
            | Self::ReceiptSent
            | Self::ReceiptReceived
            | Self::DealtSent
            | Self::DealtReceived
            | Self::OpenSent { .. }
            | Self::OpenReceived { .. }
            | Self::ReadySent { .. }
            | Self::ReadyReceived { .. }
            | Self::RoundLocked { .. }
            | Self::AcceptSent { .. }
            | Self::AcceptReceived { .. }
            | Self::RoundCertified { .. }
            | Self::CertificateSent
            | Self::CertificateReceived
            | Self::PartialSent
            | Self::PartialReceived
            | Self::OutcomeSent
            | Self::OutcomeReceived
            | Self::AbandonSent { .. }
            | Self::CloseSent { .. }
            | Self::CloseReceived { .. }
            | Self::CommitmentsSent
            | Self::CommitmentsReceived
            | Self::LogSealed { .. }
            | Self::CheckpointWitnessed { .. } => Severity::Info,
        }
    }
}

impl Record {
    /// The event's severity; a step that did not end as it should is a warning at least.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let ended = if self.outcome == Outcome::Done { Severity::Info } else { Severity::Warning };
        self.event.severity().max(ended)
    }
}
