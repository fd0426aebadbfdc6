//! Rounds as text for people.

use std::time::Duration;

use node::status::RoundStatus;

use crate::commands::status::{cost, waits, work};

/// One line a round.
pub(super) fn list(rounds: &[RoundStatus]) -> String {
    if rounds.is_empty() {
        return "no rounds yet; `smpcd round start COMPUTATION --period PERIOD` starts one".to_owned();
    }
    rounds.iter().map(|round| line(round) + "\n").collect()
}

/// A round on one line.
pub(super) fn line(round: &RoundStatus) -> String {
    let more = match round.status.as_str() {
        "completed" => format!("contributors: {}", round.contributors.join(", ")),
        "abandoned" => {
            let void = if round.void { "void" } else { "not void" };
            format!("{void}: {}", round.reason.as_deref().unwrap_or("no reason is known"))
        }
        _ => match work(round) {
            Some(work) => format!("{work}; waits for {}", waits(round)),
            None => format!("waits for {}", waits(round)),
        },
    };
    let named: Vec<&str> = round.culprits.iter().map(|(party, _)| party.as_str()).collect();
    let named =
        if named.is_empty() { String::new() } else { format!("; proven to have cheated: {}", named.join(", ")) };
    format!("{}  {more}{named}", head(round))
}

/// Which round, and where it is.
fn head(round: &RoundStatus) -> String {
    let v = if round.v > 0 { format!(" v{}", round.v) } else { String::new() };
    let progress = round.progress.filter(|_| round.is_open());
    let progress = progress.map(|(done, of)| format!(" ({done} of {of} chunks)")).unwrap_or_default();
    format!("{}{v}  {}{progress}, attempt {}", round.address(), round.phase, round.attempt)
}

/// All that is known of a round.
pub(super) fn show(round: &RoundStatus) -> String {
    let mut text = head(round) + "\n";
    let mut more = |name: &str, value: &str| text.push_str(&format!("  {name:14}{value}\n"));
    more("id", &round.id);
    more("started", &round.started);
    if let Some(approved) = &round.approved {
        let by = approved.by.as_deref().unwrap_or("the policy of the node file");
        let reason = approved.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        more("approved", &format!("by {by}, {}{reason}", approved.at));
    }
    if round.waits_for_approval()
        && let Some(reason) = &round.left_to_person
    {
        more("for a person", reason);
    }
    for warning in &round.warnings {
        more("warning", warning);
    }
    if !round.dealt.is_empty() {
        more("dealt", &round.dealt.join(", "));
    }
    if !round.contributors.is_empty() {
        more("contributors", &round.contributors.join(", "));
    }
    for (party, reason) in &round.declined {
        more("declined", &format!("{party}: {reason}"));
    }
    for (party, reason) in &round.abandoned_by {
        more("abandoned by", &format!("{party}: {reason}"));
    }
    if !round.differing.is_empty() {
        let who = round.differing.join(", ");
        more("ALARM", &format!("another result than ours at {who}: compare the digests (smpcd result show)"));
    }
    for (party, what) in &round.culprits {
        more("PROVEN", &format!("{party}: {what}"));
    }
    for error in &round.input_errors {
        more("input", error);
    }
    if let Some(work) = work(round) {
        more("work", &work);
    }
    if let Some(cost) = cost(round) {
        more("took", &cost);
    }
    if round.is_open() {
        for cause in &round.causes {
            more("waits for", cause);
        }
        more("collects for", &left(round.collect_left_s));
        more("gives up in", &left(round.give_up_left_s));
    }
    if round.status == "abandoned" {
        more("reason", round.reason.as_deref().unwrap_or("no reason is known"));
        more("void", if round.void { VOID } else { NOT_VOID });
    }
    text
}

const VOID: &str = "yes: nothing of it was opened or can be; `smpcd round start` begins the period anew";
const NOT_VOID: &str = "no: its sum may be open somewhere, so its period stays closed";

/// What an approver should know of the others: `inputs` are the input parties.
pub(super) fn approval(round: &RoundStatus, inputs: &[&str]) -> String {
    let missing: Vec<&str> = inputs.iter().copied().filter(|party| !round.dealt.iter().any(|d| d == party)).collect();
    let dealt = if round.dealt.is_empty() { "nobody yet".to_owned() } else { round.dealt.join(", ") };
    let mut text = format!(
        "dealt so far: {dealt}\nnot dealt yet: {}\nthe others still have: {}; the round is given up in: {}\n",
        missing.join(", "),
        left(round.collect_left_s),
        left(round.give_up_left_s),
    );
    if let Some(reason) = &round.left_to_person {
        text.push_str(&format!("why the policy leaves it to a person: {reason}\n"));
    }
    for warning in &round.warnings {
        text.push_str(&format!("WARNING: if every input party contributes, {warning}\n"));
    }
    text
}

fn left(seconds: u64) -> String {
    if seconds == 0 {
        "no time left".to_owned()
    } else {
        humantime::format_duration(Duration::from_secs(seconds)).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(more: &serde_json::Value) -> RoundStatus {
        let mut fields = serde_json::json!({
            "computation": "pay", "period": "2026", "id": "00", "status": "open", "phase": "collecting", "attempt": 1,
            "started": "2026-01-01T00:00:00Z", "waits_for": [], "dealt": [], "declined": [], "abandoned_by": [],
            "input_errors": [], "contributors": [], "differing": [], "progress": null, "collect_left_s": 5,
            "give_up_left_s": 9, "reason": null,
        });
        for (key, value) in more.as_object().expect("an object") {
            fields[key] = value.clone();
        }
        serde_json::from_value(fields).expect("a status")
    }

    #[test]
    fn work_is_shown_while_it_goes_on() {
        let working = round(&serde_json::json!({ "work": { "what": "proving", "done": 12, "of": 63 } }));
        assert!(line(&working).contains("proving 12 of 63"), "{}", line(&working));
        assert!(show(&working).contains("work          proving 12 of 63\n"), "{}", show(&working));
        assert!(!show(&working).contains("took"), "{}", show(&working));
    }

    #[test]
    fn what_a_round_took_is_told_with_the_rest_as_waiting() {
        let worked = serde_json::json!([{ "what": "proving", "ms": 1_249 }, { "what": "verifying", "ms": 400 }]);
        let ended = serde_json::json!({ "status": "completed", "worked": worked, "took_ms": 3_700 });
        let text = show(&round(&ended));
        assert!(text.contains("took          proving 1.2 s, verifying 0.4 s, waiting 2.0 s\n"), "{text}");
    }

    #[test]
    fn a_cheater_is_named_where_a_round_is_told_of() {
        let named = round(&serde_json::json!({ "culprits": [["p3", "it dealt a share that is none"]] }));
        assert!(line(&named).ends_with("; proven to have cheated: p3"), "{}", line(&named));
        assert!(show(&named).contains("PROVEN        p3: it dealt a share that is none\n"), "{}", show(&named));
    }
}
