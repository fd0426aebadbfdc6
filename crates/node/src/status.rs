//! What a running daemon tells, and what the store keeps of a round for those who ask later: plain data, as JSON.

mod causes;

use std::collections::BTreeMap;

use protocol::agreement::Rows;
use protocol::round::{Ended, Phase, Terms, View};
use serde::{Deserialize, Serialize};
use wire::RoundId;

/// Waits that are listed; a round of 32 parties can have a thousand of them.
const MOST_WAITS: usize = 12;

/// A round, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundStatus {
    /// Id of the computation.
    pub computation: String,
    /// The period.
    pub period: String,
    /// How many rounds of this period before it are void.
    #[serde(default)]
    pub v: u32,
    /// Round id, hexadecimal.
    pub id: String,
    /// `open`, `completed` or `abandoned`.
    pub status: String,
    /// What it is doing.
    pub phase: String,
    /// The attempt.
    pub attempt: u32,
    /// Whether it is proven that nothing of it was or can be opened: then its period may be dealt anew.
    #[serde(default)]
    pub void: bool,
    /// When this party learnt of it, RFC 3339.
    pub started: String,
    /// Whether this party learns the result.
    #[serde(default)]
    pub learns: bool,
    /// What it waits for, message by message, in the words of the protocol.
    pub waits_for: Vec<String>,
    /// Whom it waits for: one cause for each party, in plain words.
    #[serde(default)]
    pub causes: Vec<String>,
    /// Who let this party's input in, and when.
    #[serde(default)]
    pub approved: Option<Approved>,
    /// Why the policy leaves the approval to a person.
    #[serde(default)]
    pub left_to_person: Option<String>,
    /// What its result may disclose together with earlier ones: of all input parties while it waits for this party's
    /// approval, and of the contributor set once that is certified.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Names the rows of its table. Rounds over the same rows have the same.
    #[serde(default)]
    pub rows: String,
    /// Parties whose dealing is out.
    pub dealt: Vec<String>,
    /// Parties that declined, with their reasons.
    pub declined: Vec<(String, String)>,
    /// Parties that gave it up, with their reasons.
    pub abandoned_by: Vec<(String, String)>,
    /// Errors of this party's input file, from its last approval.
    pub input_errors: Vec<String>,
    /// The contributor set, once it is certified.
    pub contributors: Vec<String>,
    /// Result parties whose result is another one than this party's: an alarm.
    pub differing: Vec<String>,
    /// Parties against whom there is evidence that anybody can check, with what they did.
    #[serde(default)]
    pub culprits: Vec<(String, String)>,
    /// Chunks of the result that are done, of how many.
    pub progress: Option<(u64, u64)>,
    /// Heavy work that is being done.
    #[serde(default)]
    pub work: Option<WorkStatus>,
    /// What heavy work has taken so far.
    #[serde(default)]
    pub worked: Vec<WorkDone>,
    /// Milliseconds from when this party learnt of it until it ended here, by the clock on the wall.
    #[serde(default)]
    pub took_ms: Option<u64>,
    /// Seconds until dealings are no longer waited for, when this was written.
    pub collect_left_s: u64,
    /// Seconds until this party gives up, when this was written.
    pub give_up_left_s: u64,
    /// Why it was abandoned.
    pub reason: Option<String>,
    /// Parties without a live link, and since when.
    #[serde(skip)]
    pub(crate) unlinked: BTreeMap<String, String>,
}

/// Heavy work of a round: proving and verifying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkStatus {
    /// What is done.
    pub what: String,
    /// Tasks that are done.
    pub done: u64,
    /// Of how many.
    pub of: u64,
}

/// Heavy work that a round has taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkDone {
    /// What was done.
    pub what: String,
    /// Milliseconds of the clock on the wall.
    pub ms: u64,
}

/// How an input was let into a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The person; none for the policy.
    pub by: Option<String>,
    /// When, RFC 3339.
    pub at: String,
    /// Why, where the approval said it.
    pub reason: Option<String>,
}

impl RoundStatus {
    /// A round that was just opened.
    pub(crate) fn new(terms: &Terms, started: jiff::Timestamp) -> Self {
        let rows = rows_name(&terms.computation().rows);
        let v = terms.voided();
        let learns = terms.is_result(terms.me());
        Self { v, rows, learns, ..Self::of(&terms.computation().id, terms.period(), &terms.round(), started) }
    }

    /// A round that this party is out of, though it is not among those that it has gone through.
    pub(crate) fn over(
        computation: &str,
        period: &str,
        id: &RoundId,
        started: jiff::Timestamp,
        phase: &str,
        reason: &str,
    ) -> Self {
        let mut status = Self::of(computation, period, id, started);
        status.abandon(reason);
        phase.clone_into(&mut status.phase);
        status
    }

    fn of(computation: &str, period: &str, id: &RoundId, started: jiff::Timestamp) -> Self {
        Self {
            computation: computation.to_owned(),
            period: period.to_owned(),
            v: 0,
            id: id.to_string(),
            status: "open".to_owned(),
            phase: Phase::Collecting.name().to_owned(),
            attempt: 1,
            void: false,
            started: started.to_string(),
            learns: false,
            waits_for: Vec::new(),
            causes: Vec::new(),
            approved: None,
            left_to_person: None,
            warnings: Vec::new(),
            rows: String::new(),
            dealt: Vec::new(),
            declined: Vec::new(),
            abandoned_by: Vec::new(),
            input_errors: Vec::new(),
            contributors: Vec::new(),
            differing: Vec::new(),
            culprits: Vec::new(),
            progress: None,
            work: None,
            worked: Vec::new(),
            took_ms: None,
            collect_left_s: 0,
            give_up_left_s: 0,
            reason: None,
            unlinked: BTreeMap::new(),
        }
    }

    /// Ends it without a result.
    pub(crate) fn abandon(&mut self, reason: &str) {
        self.status = "abandoned".to_owned();
        self.phase = Phase::Abandoned.name().to_owned();
        self.reason = Some(reason.to_owned());
        self.waits_for.clear();
        self.causes.clear();
    }

    /// Fills in what a view says.
    pub(crate) fn update(&mut self, view: &View, now: protocol::round::Millis) {
        let left = |at: protocol::round::Millis| at.0.saturating_sub(now.0).div_ceil(1000);
        self.status = match &view.ended {
            None => "open",
            Some(Ended::Completed { .. }) => "completed",
            Some(Ended::Abandoned { .. }) => "abandoned",
        }
        .to_owned();
        self.phase = view.phase.name().to_owned();
        self.attempt = view.attempt;
        self.void = view.void;
        self.waits_for = view.waits.iter().take(MOST_WAITS).map(ToString::to_string).collect();
        if view.waits.len() > MOST_WAITS {
            self.waits_for.push(format!("and {} more", view.waits.len() - MOST_WAITS));
        }
        self.causes = causes::of(&view.waits, &self.unlinked);
        if view.phase == Phase::Approval {
            // A refused input takes its approval with it.
            self.approved = None;
        }
        self.dealt.clone_from(&view.dealt);
        self.declined.clone_from(&view.declined);
        self.abandoned_by.clone_from(&view.abandoned_by);
        self.input_errors.clone_from(&view.input_errors);
        self.contributors.clone_from(&view.contributors);
        self.differing.clone_from(&view.differing);
        self.culprits = view.culprits.iter().map(|(party, what)| (party.clone(), (*what).to_owned())).collect();
        self.progress = view.progress;
        self.collect_left_s = left(view.collect_until);
        self.give_up_left_s = left(view.give_up_at);
        self.reason = match &view.ended {
            Some(Ended::Abandoned { reason }) => Some(reason.clone()),
            _ => None,
        };
    }

    /// Notes how long it took, once, when it has ended.
    pub(crate) fn took(&mut self, now: jiff::Timestamp) {
        let started = self.started.parse::<jiff::Timestamp>().ok().filter(|_| !self.is_open());
        if let (None, Some(started)) = (self.took_ms, started) {
            self.took_ms = u64::try_from(now.as_millisecond() - started.as_millisecond()).ok();
        }
    }

    /// `COMPUTATION/PERIOD`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}/{}", self.computation, self.period)
    }

    /// Changes whenever something that a person would want to see changes.
    #[must_use]
    pub fn mark(&self) -> String {
        let counts = [self.dealt.len(), self.declined.len(), self.abandoned_by.len(), self.input_errors.len()];
        let done = self.progress.map_or(0, |(done, _)| done) + self.culprits.len() as u64;
        let said: usize = self.causes.iter().chain(&self.left_to_person).map(String::len).sum();
        format!("{}-{}-{done}-{}-{said}-{counts:?}", self.phase, self.attempt, self.waits_for.len())
            .replace([' ', '[', ']'], "")
    }

    /// Whether it waits for this party's approval.
    #[must_use]
    pub fn waits_for_approval(&self) -> bool {
        self.phase == Phase::Approval.name()
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == "open"
    }
}

/// A name for the rows of a table: the same for the same rows.
pub(crate) fn rows_name(rows: &Rows) -> String {
    let digest = match rows {
        Rows::Count(count) => sharing::hash("smpcd/1/rows", &[b"count", &count.to_le_bytes()]),
        Rows::Labels(labels) => {
            let parts: Vec<&[u8]> =
                std::iter::once(&b"labels"[..]).chain(labels.iter().map(String::as_bytes)).collect();
            sharing::hash("smpcd/1/rows", &parts)
        }
    };
    protocol::agreement::Digest(digest).to_string()
}

/// What this node and a peer have seen of each other's logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerLogStatus {
    /// Records of its log that this node has seen and cosigned.
    pub witnessed: Option<u64>,
    /// Whether it has shown a checkpoint that this node has not looked at yet.
    pub waiting: bool,
    /// Records of this node's log that it has seen and cosigned.
    pub cosigned: Option<u64>,
    /// How many seconds its clock is ahead of this node's, by the time in its last cosignature: its word, and a second or two
    /// are the way of it.
    pub clock_ahead: Option<i64>,
    /// How its log departs from what this node has seen.
    pub alarm: Option<String>,
}

/// A peer, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its id.
    pub party: String,
    /// Whether a link with it is live.
    pub connected: bool,
    /// Since when it is connected, or not, RFC 3339.
    pub since: String,
    /// The other end of the live link, or where it would be dialled.
    pub address: Option<String>,
    /// Whether this node dialled.
    pub dialled: Option<bool>,
    /// Key exchange of the live link.
    pub key_exchange: Option<String>,
    /// When its certificate expires, RFC 3339.
    pub certificate_until: Option<String>,
    /// In what its agreement differs from ours.
    pub agreement_differs: Option<String>,
    /// Why the last link ended, or did not come about.
    pub last_refusal: Option<String>,
    /// Its log, and this node's as it has seen it.
    #[serde(default)]
    pub log: PeerLogStatus,
    /// When that was, RFC 3339.
    pub last_refusal_at: Option<String>,
}

/// A node that may have forgotten what it signed (PROTOCOL 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackStatus {
    /// What is wrong with store and guard.
    pub found: String,
    /// Compute parties whose answer is missing.
    pub waits_for: Vec<String>,
    /// Rounds in which a peer showed what this node had forgotten, `COMPUTATION/PERIOD`.
    pub abstains_from: Vec<String>,
}

/// The node itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// This party.
    pub party: String,
    /// Name of the consortium.
    pub consortium: String,
    /// Version of the software.
    pub software: String,
    /// When the daemon started, RFC 3339.
    pub started: String,
    /// Where peers are listened for.
    pub listening: Option<String>,
    /// Why it signs nothing, while it recovers from a rollback.
    pub rollback: Option<RollbackStatus>,
    /// Why no round begins here for now: reasons of this node's own. Open rounds go on.
    #[serde(default)]
    pub paused: Vec<String>,
    /// Records that the audit log's file lacks. They are in the store, and follow once it can be written.
    #[serde(default)]
    pub log_lag: u64,
    /// Why it starts no round, where its log is not the one that it has signed.
    #[serde(default)]
    pub log_behind: Option<String>,
    /// Version of the agreement.
    pub agreement_version: u32,
    /// Its digest.
    pub agreement: String,
    /// Parties whose signature on it is missing: no round opens.
    pub missing_signatures: Vec<String>,
    /// Parties whose card is missing: they cannot be linked.
    pub missing_cards: Vec<String>,
    /// The other parties.
    pub peers: Vec<PeerStatus>,
    /// Rounds that have not ended, those that wait for this party's approval first.
    pub rounds: Vec<RoundStatus>,
    /// Rounds that this node proposes by itself.
    pub schedules: Vec<ScheduleStatus>,
    /// Strangers that were refused: the last reasons.
    pub refused_strangers: Vec<String>,
}

/// When a computation's rounds are proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleStatus {
    /// Id of the computation.
    pub computation: String,
    /// The cron line, in UTC.
    pub cron: String,
    /// When it is due next, RFC 3339.
    pub next: Option<String>,
    /// The round that is due and could not be proposed yet, and why.
    pub waits: Option<String>,
}
