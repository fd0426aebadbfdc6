//! Records as text for people: `audit show`.

use core::fmt::Write as _;

use crate::event::{Approver, Event, Source};
use crate::record::Record;
use crate::words::{Actor, Digest, Direction, Name};

/// Digits of a digest that are shown: enough to compare by eye, never enough to rely on.
const DIGITS: usize = 12;

impl Record {
    /// What happened, in plain words.
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence(self)
    }
}

/// One line for each record, in columns: number, time (UTC), round, what happened.
#[must_use]
pub fn timeline(records: &[Record]) -> String {
    let rounds: Vec<String> = records.iter().map(round).collect();
    let number = records.iter().map(|record| record.seq.to_string().len()).max().unwrap_or(0);
    let width = rounds.iter().map(|round| round.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (record, round) in records.iter().zip(&rounds) {
        let time = record.time.to_string().replace('T', " ");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:>number$}  {time}  {round:<width$}  {}", record.seq, sentence(record));
    }
    text
}

fn round(record: &Record) -> String {
    record.round.as_ref().map_or_else(|| "-".to_owned(), |round| format!("{}/{}", round.computation, round.period))
}

fn sentence(record: &Record) -> String {
    let mut text = what(&record.event, record.peer.as_ref());
    if record.outcome != record.event.outcome() {
        let _ = write!(text, ": {}", record.outcome.word());
    }
    if let Actor::Uid(uid) = record.actor {
        let _ = write!(text, ", by user {uid}");
    }
    if !record.digests.is_empty() {
        let digests: Vec<String> = record.digests.iter().map(|(of, digest)| short(of.word(), digest)).collect();
        let _ = write!(text, " [{}]", digests.join(", "));
    }
    text
}

fn short(of: &str, digest: &Digest) -> String {
    let digits = digest.to_string();
    let digits = digits.trim_start_matches("sha256:");
    format!("{of} {}…", &digits[..DIGITS])
}

fn names(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

fn source(source: Source) -> &'static str {
    match source {
        Source::File => "from a file",
        Source::Link => "over a link",
    }
}

fn closing(attempt: Option<u32>, lock: Option<u32>) -> String {
    let what = attempt.map_or_else(|| "the round for ever".into(), |attempt| format!("attempt {attempt}"));
    lock.map_or_else(|| format!("{what}, without a lock"), |lock| format!("{what}, locked in attempt {lock}"))
}

/// The event in plain words.
pub(crate) fn what(event: &Event, peer: Option<&Name>) -> String {
    let record_of_own = peer.is_none();
    let joined = peer.map_or_else(String::new, |peer| format!(", proposed by {peer}"));
    // A message without a peer went to all whom it concerns.
    let nobody = if event.direction() == Some(Direction::Sent) { "all" } else { "an unknown party" };
    let peer = peer.map_or(nobody, Name::as_str);
    match event {
        Event::DaemonStarted => "daemon started".into(),
        Event::DaemonStopped { reason } => format!("daemon stopped: {reason}"),
        Event::RollbackFound { store, guard, reason } => {
            let guard = guard.map_or_else(|| "none".to_owned(), |guard| guard.to_string());
            format!("possible rollback (store {store}, guard {guard}): {reason}")
        }
        Event::RollbackRecalled { message } => {
            format!("{peer} showed {message} of this party, which it had forgotten: it abstains from the round")
        }
        Event::RollbackRecovered { number } => {
            format!("every other compute party has answered: signatures go on from {number}")
        }
        Event::LinkUp { key_exchange, dialled } => {
            format!("link with {peer} up ({key_exchange}, {})", if *dialled { "we dialled" } else { "it dialled" })
        }
        Event::LinkDown { reason } => format!("link with {peer} down: {reason}"),
        Event::LinkRefused { address: Some(address), reason } => {
            format!("connection with {peer} at {address} refused: {reason}")
        }
        Event::LinkRefused { address: None, reason } => format!("connection with {peer} refused: {reason}"),
        Event::HelloDiffers { sections } => format!("agreement of {peer} differs in: {}", names(sections)),
        Event::CardTakenIn { serial, source: from } => format!("card {serial} of {peer} taken in {}", source(*from)),
        Event::SignatureTakenIn { source: from } => format!("signature of {peer} taken in {}", source(*from)),
        Event::AgreementSigned { by } => format!("agreement signed by {by}"),
        Event::AgreementInForce { version } => format!("agreement version {version} in force"),
        Event::RoundProposed => "round proposed".into(),
        Event::RoundJoined => format!("round joined{joined}"),
        Event::ApprovalAsked => "approval asked for".into(),
        Event::ApprovalGiven { approver, reason } => {
            let by = match approver {
                Approver::Auto => "by policy",
                Approver::Person(name) => &format!("by {name}"),
            };
            reason.as_ref().map_or_else(|| format!("approved {by}"), |reason| format!("approved {by}: {reason}"))
        }
        Event::DeclineSent { reason } => format!("declined: {reason}"),
        Event::DeclineReceived { reason } => format!("{peer} declined: {reason}"),
        Event::InputRefused { problems } => format!("input refused, problems: {problems}"),
        Event::DealSent => "dealt".into(),
        Event::DealReceived => format!("header of {peer}'s dealing received"),
        Event::ShareSent => format!("share sent to {peer}"),
        Event::ShareReceived => format!("share of {peer}'s dealing received"),
        Event::ReceiptSent => format!("receipt sent to {peer}"),
        Event::ReceiptReceived => format!("receipt of {peer} received"),
        Event::DealtSent => "receipts so far sent to all".into(),
        Event::DealtReceived => format!("receipts so far of {peer}'s dealing received"),
        Event::OpenSent { attempt } => format!("attempt {attempt} opened"),
        Event::OpenReceived { attempt } => format!("attempt {attempt} opened by {peer}"),
        Event::ReadySent { attempt } => format!("ready in attempt {attempt}"),
        Event::ReadyReceived { attempt } => format!("{peer} ready in attempt {attempt}"),
        Event::RoundLocked { attempt } => format!("locked in attempt {attempt}"),
        Event::AcceptSent { attempt } => format!("accepted in attempt {attempt}"),
        Event::AcceptReceived { attempt } => format!("{peer} accepted in attempt {attempt}"),
        Event::RoundCertified { attempt, contributors, holders } => {
            format!("certified in attempt {attempt}: contributors {}; holders {}", names(contributors), names(holders))
        }
        Event::CertificateSent => format!("certificate sent to {peer}"),
        Event::CertificateReceived => format!("certificate of {peer} received"),
        Event::PartialSent => format!("partial sum sent to {peer}"),
        Event::PartialReceived => format!("partial sum of {peer} received"),
        Event::ResultReleased { contributors } => format!("result released: contributors {}", names(contributors)),
        Event::OutcomeSent => format!("outcome sent to {peer}"),
        Event::OutcomeReceived => format!("outcome of {peer} received, it agrees"),
        Event::OutcomeDiffers => format!("outcome of {peer} received, it DIFFERS"),
        Event::RoundAbandoned { reason } => format!("round abandoned: {reason}"),
        Event::AbandonSent { reason } => format!("told {peer} that the round is abandoned: {reason}"),
        Event::AbandonReceived { reason } => format!("{peer} abandoned the round: {reason}"),
        Event::CloseSent { attempt, lock } => format!("closed {}", closing(*attempt, *lock)),
        Event::CloseReceived { attempt, lock } => format!("{peer} closed {}", closing(*attempt, *lock)),
        Event::RoundVoid => "round proven void: nothing of it has opened or can".into(),
        Event::RoundResumed => "round goes on after a restart".into(),
        Event::RoundForgotten { message } => {
            format!("{peer} showed a {message} that this party signed and does not know: it signs nothing more here")
        }
        Event::CertificateDiffers => format!("certificate of {peer} is on ANOTHER SET"),
        Event::CommitmentsSent => "commitments and range proofs sent to all".into(),
        Event::CommitmentsReceived => format!("commitments and range proofs of {peer} received"),
        Event::ComplaintSent { dealer } => format!("evidence against {dealer} shown to all"),
        Event::ComplaintReceived { dealer } => format!("{peer} shows evidence against {dealer}"),
        Event::FaultProven { fault } => format!("PROVEN: {peer} is at fault ({fault}); the evidence is kept"),
        Event::FaultObserved { message, kind, reason } => {
            format!("{message} of {peer} refused ({kind}): {reason}")
        }
        Event::AdminCall { call, reason: None } => format!("admin call {call}"),
        Event::AdminCall { call, reason: Some(reason) } => format!("admin call {call}: {reason}"),
        Event::ConfigurationChanged => "the daemon has other settings than before".into(),
        Event::IdentityChanged => "this node's own certificate is another one than before".into(),
        Event::RevocationsChanged => "the revocation lists are others than before".into(),
        Event::CheckpointWitnessed { size } => {
            format!("{peer}'s log goes on as it was: its checkpoint at {size} cosigned")
        }
        Event::LogDeparted { kind, seen, shown } => {
            format!(
                "ALARM: {peer}'s log is not the one that was seen at {seen}: its checkpoint at {shown} shows it ({kind})"
            )
        }
        Event::LogBehind { size, witnessed } => format!(
            "ALARM: this log, of {size} records, is not the one that this party has signed at {witnessed} ({peer} keeps that)"
        ),
        Event::LogAcknowledged { by, reason } if record_of_own => {
            format!("this log goes on although it is not what was signed: {by}: {reason}")
        }
        Event::LogAcknowledged { by, reason } => {
            format!("the log of {peer} is taken as it is now: {by}: {reason}")
        }
        Event::LogSealed { first, last } => {
            format!("records {first} to {last} of this log sealed in a file of their own")
        }
        Event::LogDeleted { first, last } => format!("records {first} to {last} of this log deleted: they are too old"),
        Event::RoundsPaused { reason } => format!("no round begins for now: {reason}"),
        Event::RoundsResumed => "rounds begin again".into(),
        Event::ResultDeleted { by } => format!("result deleted by {by}"),
    }
}
