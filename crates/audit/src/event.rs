//! The events of a party's log, one typed enum (PROTOCOL 8).
//!
//! A name is for ever: a later version adds events, it never gives an old one other fields.

use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::words::{Direction, Name, Outcome, Text};

/// Who approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approver {
    /// The daemon, by the policy in the node file.
    Auto,
    /// A person, by the name given with `--by`.
    Person(Text),
}

/// Where a card or a signature came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A file, put there by the operator.
    File,
    /// A peer, over a link.
    Link,
}

/// What happened.
///
/// The peer, the round and the digests that belong to an event are in the record around it; each variant says which it
/// expects: a peer where it speaks of the peer, and digests after `Digest:` or `Digests:`. Those that a record may lack
/// stand after `Digest, ` and when it has them. The direction follows from the event. `EVENTS.md` is made of this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "detail", deny_unknown_fields)]
pub enum Event {
    /// The daemon is up. Digest: agreement.
    #[serde(rename = "daemon.started")]
    DaemonStarted,
    /// The daemon goes down in order. A crash has no such record.
    #[serde(rename = "daemon.stopped")]
    DaemonStopped {
        /// Why, such as the signal.
        reason: Text,
    },
    /// The store may be an older copy: this party signs nothing until every other compute party has answered.
    #[serde(rename = "rollback.found")]
    RollbackFound {
        /// Number of the store's last signature.
        store: u64,
        /// Number in the guard, where it could be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guard: Option<u64>,
        /// What is wrong with the two.
        reason: Text,
    },
    /// The peer showed a message of this party that its store lacked: it abstains from the round for good. Digest, but
    /// of no Outcome or Partial, for those are guessable: message.
    #[serde(rename = "rollback.recalled")]
    RollbackRecalled {
        /// The kind of message.
        message: Name,
    },
    /// Every other compute party has answered: this party may sign again.
    #[serde(rename = "rollback.recovered")]
    RollbackRecovered {
        /// The number that its signatures go on from.
        number: u64,
    },
    /// A link with the peer is live in both directions.
    #[serde(rename = "link.up")]
    LinkUp {
        /// The key exchange that TLS settled on.
        key_exchange: Name,
        /// This party dialled.
        dialled: bool,
    },
    /// A live link with the peer ended.
    #[serde(rename = "link.down")]
    LinkDown {
        /// Why.
        reason: Text,
    },
    /// A connection was refused by either side. Peer: where it is known.
    #[serde(rename = "link.refused")]
    LinkRefused {
        /// The other end, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<SocketAddr>,
        /// Why.
        reason: Text,
    },
    /// The peer's agreement is another one. Digests: ours, theirs.
    #[serde(rename = "hello.differs")]
    HelloDiffers {
        /// The sections that differ, by name.
        sections: Vec<Name>,
    },
    /// The daemon started with other settings than the last time, or for the first time. Digest: configuration. Digest,
    /// where there was another: previous-configuration.
    #[serde(rename = "configuration.changed")]
    ConfigurationChanged,
    /// A newer card of the peer was taken in. Digest: card. Digest, where there was another: previous-card.
    #[serde(rename = "card.taken-in")]
    CardTakenIn {
        /// The card's serial.
        serial: u64,
        /// Where it came from.
        source: Source,
    },
    /// The peer's signature on an agreement was taken in. Digest: agreement.
    #[serde(rename = "signature.taken-in")]
    SignatureTakenIn {
        /// Where it came from.
        source: Source,
    },
    /// This node's own TLS certificate is another one than before: its next links are made with it. Digests: tls-certificate,
    /// previous-tls-certificate.
    #[serde(rename = "identity.changed")]
    IdentityChanged,
    /// The revocation lists are others than before: links are judged by the new ones. Digest: revocations.
    #[serde(rename = "revocations.changed")]
    RevocationsChanged,
    /// A person of this party signed the agreement. Digests: agreement, disclosure.
    #[serde(rename = "agreement.signed")]
    AgreementSigned {
        /// The person.
        by: Text,
    },
    /// All signatures are there. Digest: agreement. Digest, where there was another: previous-agreement.
    #[serde(rename = "agreement.in-force")]
    AgreementInForce {
        /// The agreement's version.
        version: u32,
    },
    /// This party proposed the round. Digest: agreement.
    #[serde(rename = "round.proposed")]
    RoundProposed,
    /// This party learnt of the round from the peer, who proposed it, and pinned it. Digest: agreement.
    #[serde(rename = "round.joined")]
    RoundJoined,
    /// The round waits for this party's approval.
    #[serde(rename = "approval.asked")]
    ApprovalAsked,
    /// This party's input may be dealt. Digests: agreement, disclosure.
    #[serde(rename = "approval.given")]
    ApprovalGiven {
        /// Who approved.
        approver: Approver,
        /// Why, where the approval had to say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    },
    /// This party declined the round. Digest: message.
    #[serde(rename = "decline.sent")]
    DeclineSent {
        /// Why.
        reason: Text,
    },
    /// The peer declined the round. Digest: message.
    #[serde(rename = "decline.received")]
    DeclineReceived {
        /// Why, in its words.
        reason: Text,
    },
    /// This party's input file was refused.
    #[serde(rename = "input.refused")]
    InputRefused {
        /// How many problems it had.
        problems: u64,
    },
    /// This party dealt. Digest: header.
    #[serde(rename = "deal.sent")]
    DealSent,
    /// The header of the peer's dealing came. Digest: header.
    #[serde(rename = "deal.received")]
    DealReceived,
    /// The share under this party's header went to the peer. Digest: header.
    #[serde(rename = "share.sent")]
    ShareSent,
    /// The share under the peer's header came, was verified and stored. Digest: header.
    #[serde(rename = "share.received")]
    ShareReceived,
    /// A receipt for the peer's dealing was signed. Digests: header, message.
    #[serde(rename = "receipt.sent")]
    ReceiptSent,
    /// The peer's receipt for this party's dealing came, or for another's whose dealer did not pass it on. Digests:
    /// header, message.
    #[serde(rename = "receipt.received")]
    ReceiptReceived,
    /// The receipts so far went out. Digests: header, message.
    #[serde(rename = "dealt.sent")]
    DealtSent,
    /// The receipts so far of the peer, a dealer, came. Digests: header, message.
    #[serde(rename = "dealt.received")]
    DealtReceived,
    /// This party leads the attempt and opened it. Digests: set, message.
    #[serde(rename = "open.sent")]
    OpenSent {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// The peer, who leads the attempt, opened it. Digests: set, message.
    #[serde(rename = "open.received")]
    OpenReceived {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// This party supports the contributor set. Digests: set, message.
    #[serde(rename = "ready.sent")]
    ReadySent {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// The peer supports the contributor set. Digests: set, message.
    #[serde(rename = "ready.received")]
    ReadyReceived {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// A quorum is ready: this party is locked on the set. Digest: set.
    #[serde(rename = "round.locked")]
    RoundLocked {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// This party accepted the contributor set. Digests: set, message.
    #[serde(rename = "accept.sent")]
    AcceptSent {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// The peer accepted the contributor set. Digests: set, message.
    #[serde(rename = "accept.received")]
    AcceptReceived {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// This party holds the certificate: the contributor set is settled. Digest: set.
    #[serde(rename = "round.certified")]
    RoundCertified {
        /// The attempt, from 1.
        attempt: u32,
        /// Whose dealings are in the sum.
        contributors: Vec<Name>,
        /// Who holds shares of all of them.
        holders: Vec<Name>,
    },
    /// The certificate went out. Digests: set, message.
    #[serde(rename = "certificate.sent")]
    CertificateSent,
    /// The certificate came from the peer. Digests: set, message.
    #[serde(rename = "certificate.received")]
    CertificateReceived,
    /// This party's partial sum went out. Digest: set. No digest of the message: with the others it tells the total.
    #[serde(rename = "partial.sent")]
    PartialSent,
    /// The peer's partial sum came. Digest: set. No digest of the message: with the others it tells the total.
    #[serde(rename = "partial.received")]
    PartialReceived,
    /// The result is at this party. Digest: set. Never one of the result.
    #[serde(rename = "result.released")]
    ResultReleased {
        /// Whose dealings are in the sum.
        contributors: Vec<Name>,
    },
    /// This party told the others how the round ended. No digest of the message: it is a hash of the total.
    #[serde(rename = "outcome.sent")]
    OutcomeSent,
    /// The peer told how the round ended for it, and it agrees. No digest of the message: it is a hash of the total.
    #[serde(rename = "outcome.received")]
    OutcomeReceived,
    /// The peer told how the round ended for it, and it does not agree. No digest of the message: it is a hash of a
    /// total.
    #[serde(rename = "outcome.differs")]
    OutcomeDiffers,
    /// The round ended here without a result.
    #[serde(rename = "round.abandoned")]
    RoundAbandoned {
        /// Why; at a deadline, the party and the message that were waited for.
        reason: Text,
    },
    /// This party told the others that it abandoned the round. Digest: message.
    #[serde(rename = "abandon.sent")]
    AbandonSent {
        /// Why.
        reason: Text,
    },
    /// The peer abandoned the round. Advice: it ends nothing here. Digest: message.
    #[serde(rename = "abandon.received")]
    AbandonReceived {
        /// Why, in its words.
        reason: Text,
    },
    /// This party signed that it votes no more in attempts so far. Digest: message.
    #[serde(rename = "close.sent")]
    CloseSent {
        /// The last attempt that it closes; none where it closes the round for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// The attempt of the lock that it shows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lock: Option<u32>,
    },
    /// The peer signed that it votes no more in attempts so far. Digest: message.
    #[serde(rename = "close.received")]
    CloseReceived {
        /// The last attempt that it closes; none where it closes the round for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// The attempt of the lock that it shows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lock: Option<u32>,
    },
    /// The round is proven void: nothing of it has opened or can, and the period may be dealt anew.
    #[serde(rename = "round.void")]
    RoundVoid,
    /// After a restart the round goes on from what is on disk.
    #[serde(rename = "round.resumed")]
    RoundResumed,
    /// The peer showed a message that this party has signed and does not know: its data is an older copy, and it signs
    /// nothing in the round any more.
    #[serde(rename = "round.forgotten")]
    RoundForgotten {
        /// The kind of message.
        message: Name,
    },
    /// There are certificates on two different sets: more parties lie than the agreement stands against.
    #[serde(rename = "certificate.differs")]
    CertificateDiffers,
    /// This party's commitments and range proofs went to all. Digests: header, message.
    #[serde(rename = "commitments.sent")]
    CommitmentsSent,
    /// The peer's commitments and range proofs came. Digests: header, message.
    #[serde(rename = "commitments.received")]
    CommitmentsReceived,
    /// This party has shown evidence against a dealer to all. Digest: message.
    #[serde(rename = "complaint.sent")]
    ComplaintSent {
        /// The dealer.
        dealer: Name,
    },
    /// The peer has shown evidence against a dealer. What it is worth is another record. Digest: message.
    #[serde(rename = "complaint.received")]
    ComplaintReceived {
        /// The dealer.
        dealer: Name,
    },
    /// There is evidence against the peer that anybody can check; it is kept as a file.
    #[serde(rename = "fault.proven")]
    FaultProven {
        /// What the peer did, such as `bad-share`.
        fault: Name,
    },
    /// A message of the peer was refused. No digest: what was refused may be anything.
    #[serde(rename = "fault.observed")]
    FaultObserved {
        /// The kind of message.
        message: Name,
        /// The kind of fault.
        kind: Name,
        /// What was wrong with it.
        reason: Text,
    },
    /// A call on the admin interface that changes something, or would have. Actor: who called. Round: where there is
    /// one.
    #[serde(rename = "admin.call")]
    AdminCall {
        /// The call, such as `round.start`.
        call: Name,
        /// Why it was refused, where it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    },
    /// The peer's log shows that it continues all that this party has seen of it, and this party cosigned that. Digest:
    /// checkpoint.
    #[serde(rename = "checkpoint.witnessed")]
    CheckpointWitnessed {
        /// Records that the checkpoint covers.
        size: u64,
    },
    /// The peer's log does not continue what this party has seen of it: it was rewritten or cut. Digest: evidence.
    #[serde(rename = "log.departed")]
    LogDeparted {
        /// How: `fork`, `shrunk` or `unproven`.
        kind: Name,
        /// Records that the checkpoint covers which this party had seen.
        seen: u64,
        /// Records that the one covers which it was shown then.
        shown: u64,
    },
    /// This party's own log lacks what it has signed, or has other records there: its data is an older copy, or was
    /// changed. It starts no round until a person acknowledges. Peer: who has shown it. Digest: checkpoint.
    #[serde(rename = "log.behind")]
    LogBehind {
        /// Records of the log.
        size: u64,
        /// Records that the checkpoint covers which it lacks.
        witnessed: u64,
    },
    /// A person goes on with a log that does not continue what was seen of it. Peer: whose log; without one this
    /// party's own.
    #[serde(rename = "log.acknowledged")]
    LogAcknowledged {
        /// The person.
        by: Text,
        /// Why.
        reason: Text,
    },
    /// A full file of this log was closed for good: nothing is added to it any more. Digest of all
    /// records up to its last: root.
    #[serde(rename = "log.sealed")]
    LogSealed {
        /// Its first record.
        first: u64,
        /// Its last record.
        last: u64,
    },
    /// A sealed file of this log is deleted, because it is older than the node file lets it become. Digest of
    /// all records up to its last: root.
    #[serde(rename = "log.deleted")]
    LogDeleted {
        /// Its first record.
        first: u64,
        /// Its last record.
        last: u64,
    },
    /// No round begins here for now: none is started, joined or approved. Open ones go on.
    #[serde(rename = "rounds.paused")]
    RoundsPaused {
        /// Why.
        reason: Text,
    },
    /// Rounds begin here again.
    #[serde(rename = "rounds.resumed")]
    RoundsResumed,
    /// The result of the round was deleted here.
    #[serde(rename = "result.deleted")]
    ResultDeleted {
        /// The person.
        by: Text,
    },
}

impl Event {
    /// Which way the event's message went, where it is about one.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        match self {
            Self::RoundProposed
            | Self::DeclineSent { .. }
            | Self::DealSent
            | Self::ShareSent
            | Self::ReceiptSent
            | Self::DealtSent
            | Self::OpenSent { .. }
            | Self::ReadySent { .. }
            | Self::AcceptSent { .. }
            | Self::CertificateSent
            | Self::PartialSent
            | Self::OutcomeSent
            | Self::AbandonSent { .. }
            | Self::CommitmentsSent
            | Self::ComplaintSent { .. }
            | Self::CloseSent { .. } => Some(Direction::Sent),
            Self::RollbackRecalled { .. }
            | Self::HelloDiffers { .. }
            | Self::DeclineReceived { .. }
            | Self::DealReceived
            | Self::ShareReceived
            | Self::ReceiptReceived
            | Self::DealtReceived
            | Self::OpenReceived { .. }
            | Self::ReadyReceived { .. }
            | Self::AcceptReceived { .. }
            | Self::CertificateReceived
            | Self::PartialReceived
            | Self::OutcomeReceived
            | Self::OutcomeDiffers
            | Self::AbandonReceived { .. }
            | Self::CloseReceived { .. }
            | Self::CertificateDiffers
            | Self::CommitmentsReceived
            | Self::ComplaintReceived { .. }
            | Self::RoundForgotten { .. }
            | Self::CheckpointWitnessed { .. }
            | Self::LogDeparted { .. }
            | Self::FaultObserved { .. } => Some(Direction::Received),
            Self::DaemonStarted
            | Self::DaemonStopped { .. }
            | Self::RollbackFound { .. }
            | Self::RollbackRecovered { .. }
            | Self::LinkUp { .. }
            | Self::LinkDown { .. }
            | Self::LinkRefused { .. }
            | Self::CardTakenIn { .. }
            | Self::SignatureTakenIn { .. }
            | Self::AgreementSigned { .. }
            | Self::AgreementInForce { .. }
            | Self::RoundJoined
            | Self::ApprovalAsked
            | Self::ApprovalGiven { .. }
            | Self::InputRefused { .. }
            | Self::RoundLocked { .. }
            | Self::RoundCertified { .. }
            | Self::ResultReleased { .. }
            | Self::RoundAbandoned { .. }
            | Self::RoundVoid
            | Self::RoundResumed
            | Self::FaultProven { .. }
            | Self::AdminCall { .. }
            | Self::ConfigurationChanged
            | Self::IdentityChanged
            | Self::RevocationsChanged
            | Self::LogBehind { .. }
            | Self::LogAcknowledged { .. }
            | Self::LogSealed { .. }
            | Self::LogDeleted { .. }
            | Self::RoundsPaused { .. }
            | Self::RoundsResumed
            | Self::ResultDeleted { .. } => None,
        }
    }

    /// How a step with this event ends, unless its record says otherwise.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::LinkRefused { .. } | Self::InputRefused { .. } | Self::FaultObserved { .. } => Outcome::Refused,
            Self::HelloDiffers { .. }
            | Self::OutcomeDiffers
            | Self::CertificateDiffers
            | Self::RollbackFound { .. }
            | Self::LogDeparted { .. }
            | Self::LogBehind { .. }
            | Self::RollbackRecalled { .. } => Outcome::Differs,
            Self::RoundAbandoned { .. } | Self::RoundForgotten { .. } | Self::FaultProven { .. } => Outcome::Failed,
            _ => Outcome::Done,
        }
    }
}
