//! Rounds as text for people.

use std::time::Duration;

use node::status::RoundStatus;

use crate::commands::status::waits;

/// One line a round.
pub(super) fn list(rounds: &[RoundStatus]) -> String {
    if rounds.is_empty() {
        return "no rounds yet; `smpcd round start COMPUTATION --period PERIOD` starts one".to_owned();
    }
    rounds.iter().map(|round| line(round) + "\n").collect()
}

/// A round on one line.
pub(super) fn line(round: &RoundStatus) -> String {
    let address = round.address();
    match round.status.as_str() {
        "completed" => format!("{address}  completed  contributors: {}", round.contributors.join(", ")),
        "abandoned" => format!("{address}  abandoned  {}", round.reason.as_deref().unwrap_or("no reason is known")),
        _ => {
            let progress = round.progress.map(|(done, of)| format!(" ({done} of {of} chunks)")).unwrap_or_default();
            format!("{address}  {}{progress}  waits for {}", round.phase, waits(round))
        }
    }
}

/// All that is known of a round.
pub(super) fn show(round: &RoundStatus) -> String {
    let mut text = line(round) + "\n";
    let mut more = |name: &str, value: String| text.push_str(&format!("  {name:14}{value}\n"));
    more("id", round.id.clone());
    more("started", round.started.clone());
    if !round.dealt.is_empty() {
        more("dealt", round.dealt.join(", "));
    }
    for (party, reason) in &round.declined {
        more("declined", format!("{party}: {reason}"));
    }
    for (party, reason) in &round.abandoned_by {
        more("abandoned by", format!("{party}: {reason}"));
    }
    if !round.differing.is_empty() {
        let who = round.differing.join(", ");
        more("ALARM", format!("another result than ours at {who}: compare the digests (smpcd result show)"));
    }
    for error in &round.input_errors {
        more("input", error.clone());
    }
    if round.is_open() {
        more("collects for", left(round.collect_left_s));
        more("gives up in", left(round.give_up_left_s));
    }
    text
}

/// What an approver should know of the others.
pub(super) fn approval(round: &RoundStatus) -> String {
    let dealt = if round.dealt.is_empty() { "nobody yet".to_owned() } else { round.dealt.join(", ") };
    format!("dealt so far: {dealt}\nthe others still have: {}", left(round.collect_left_s))
}

fn left(seconds: u64) -> String {
    if seconds == 0 {
        "no time left".to_owned()
    } else {
        humantime::format_duration(Duration::from_secs(seconds)).to_string()
    }
}
