//! Who lets this party's input into a round: the policy, within its limits, or a person, who has to be told (PROTOCOL
//! 4.1).
//!
//! What the policy leaves to a person stays with that person, though the reason may pass: nobody is to be surprised by a
//! dealing that was held back once.

use std::collections::BTreeSet;
use std::time::SystemTime;

use jiff::Timestamp;
use protocol::round::{Approver, Done, Event, Millis, Note, Step};
use sharing::InputDigest;
use wire::RoundId;

use super::hub::Hub;
use super::rounds::Open;
use crate::settings::{AtMost, Policy};
use crate::status::RoundStatus;
use crate::store::{Reads, StoreError};

/// People are told again of a round that still waits for them after this.
const DAY: u64 = 24 * 60 * 60 * 1000;

impl Hub {
    /// A round is there: the policy decides, or a person is told.
    pub(super) fn consider(&mut self, id: RoundId) {
        self.decide(id);
        self.tell_people();
    }

    /// Inputs may have changed, time may be over, and people may have to be told again.
    pub(super) fn look_at_approvals(&mut self) {
        let waiting = self.rounds.iter().filter(|(_, open)| open.status.waits_for_approval());
        for id in waiting.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.decide(id);
        }
        self.tell_people();
    }

    /// Under `auto`: lets the input in, or says why a person has to. An input that was refused is tried again when its
    /// file has changed.
    fn decide(&mut self, id: RoundId) {
        // It is looked at again every second.
        if self.settings.approval.policy != Policy::Auto || self.has_room().is_err() {
            return;
        }
        let now = self.now();
        let Some(open) = self.rounds.get_mut(&id) else { return };
        let waits = open.status.waits_for_approval() && open.status.left_to_person.is_none();
        if !waits || has_declined(&open.status, &self.settings.party) {
            return;
        }
        let late = now >= open.round.view().collect_until;
        let file = self.settings.input_file(&open.status.computation, &open.status.period);
        let changed = std::fs::metadata(file).and_then(|data| data.modified()).ok();
        if !is_new(open, changed) && !late {
            return;
        }
        let Some(open) = self.rounds.get(&id) else { return };
        let objection = self.objection(open, late);
        let Some(open) = self.rounds.get_mut(&id) else { return };
        if objection.is_none() {
            open.input_tried = Some(changed);
            return self.let_in(id, Approver::Policy, None);
        }
        open.status.left_to_person = objection;
        open.told = None;
        // What people are shown of it is written anew.
        self.pending.steps.push((id, Step::default()));
    }

    /// Why the policy does not approve this round, if it does not.
    fn objection(&self, open: &Open, late: bool) -> Option<String> {
        let limits = &self.settings.approval;
        let status = &open.status;
        // PROTOCOL 4.1: once collect_for is over, only a person approves.
        if late {
            return Some("the time in which dealings are collected (collect_for) is over".to_owned());
        }
        if limits.computations.as_ref().is_some_and(|list| !list.contains(&status.computation)) {
            return Some(format!("approval.computations does not list {}", status.computation));
        }
        if let Some(at_most) = limits.at_most {
            match self.approved_within(at_most) {
                Ok(count) if count < at_most.rounds => {}
                Ok(_) => return Some(format!("approval.at_most is reached: {} rounds in that time", at_most.rounds)),
                Err(error) => return Some(error.to_string()),
            }
        }
        (!status.warnings.is_empty()).then(|| status.warnings.join("; "))
    }

    /// How many rounds the policy has let in within that time.
    fn approved_within(&self, at_most: AtMost) -> Result<u32, StoreError> {
        let window = jiff::SignedDuration::try_from(at_most.within).unwrap_or(jiff::SignedDuration::MAX);
        let since = Timestamp::now().checked_sub(window).unwrap_or(Timestamp::MIN);
        let by_policy = |status: &RoundStatus| {
            let approved = status.approved.as_ref().filter(|approved| approved.by.is_none());
            approved.and_then(|approved| approved.at.parse::<Timestamp>().ok()).is_some_and(|at| at > since)
        };
        // Those of this turn are not in the store yet.
        let here: BTreeSet<[u8; 32]> = self.rounds.keys().map(|id| id.0).collect();
        let open = self.rounds.values().filter(|open| by_policy(&open.status)).count();
        let stored = self.reads().rounds()?;
        let over = stored.iter().filter(|row| !here.contains(&row.id));
        let over = over.filter_map(|row| serde_json::from_str(&row.view).ok()).filter(by_policy).count();
        Ok(u32::try_from(open + over).unwrap_or(u32::MAX))
    }

    /// The warnings of rounds that wait for an approval: of all input parties, which are expected to contribute.
    pub(super) fn warn_approvers(&mut self) {
        for (id, open) in self.rounds.iter_mut().filter(|(_, open)| open.status.waits_for_approval()) {
            let terms = open.round.terms();
            let expected: Vec<String> = terms.inputs().iter().map(|&party| terms.party_id(party).to_owned()).collect();
            let warnings = self.releases.warnings(terms, &expected);
            if warnings != open.status.warnings {
                open.status.warnings = warnings;
                self.pending.steps.push((*id, Step::default()));
            }
        }
    }

    /// The input was read and passed every bound. PROTOCOL 4.1: one that is identical to another period's is not dealt
    /// without a person who says why that may disclose nothing.
    pub(super) fn input_loaded(&mut self, id: RoundId, input: InputDigest) {
        let Some(open) = self.rounds.get(&id) else { return };
        let (computation, period) = (open.status.computation.clone(), open.status.period.clone());
        let reasoned = open.status.approved.as_ref().is_some_and(|approved| approved.reason.is_some());
        let loaded = if reasoned { Ok(()) } else { self.check_not_repeated(&computation, &period, &input) };
        self.feed(id, Event::Done(Done::Loaded(loaded.map(|()| input.clone()))));
        let approved = |(round, step): &(RoundId, Step)| {
            *round == id && step.notes.iter().any(|note| matches!(note, Note::Approved(_)))
        };
        if self.pending.steps.last().is_some_and(approved) {
            self.pending.inputs.push((computation, period, input));
        }
    }

    fn check_not_repeated(&self, computation: &str, period: &str, input: &InputDigest) -> Result<(), Vec<String>> {
        let known = self.store.periods_with_input(computation, input.as_bytes());
        let mut others = known.map_err(|error| vec![error.to_string()])?;
        // Those of this turn are not in the store yet.
        let here = self.pending.inputs.iter().filter(|(of, _, same)| of == computation && same == input);
        others.extend(here.map(|(_, other, _)| other.clone()));
        others.retain(|other| other != period);
        if others.is_empty() {
            return Ok(());
        }
        Err(vec![format!(
            "this input is, cell for cell, the one that was dealt for {}: put the figures of {period} there; or, where \
             they are the same, approve with --reason TEXT (the sums of both periods differ by the others' figures alone)",
            others.join(", ")
        )])
    }

    /// Tells people of the rounds that wait for them: at once, and daily.
    fn tell_people(&mut self) {
        let now = self.now();
        let (settings, notifier) = (&self.settings, &self.notifier);
        for (id, open) in &mut self.rounds {
            let status = &open.status;
            let for_people = settings.approval.policy == Policy::Manual
                || status.left_to_person.is_some()
                || !status.input_errors.is_empty();
            let waits = status.waits_for_approval() && !has_declined(status, &settings.party);
            if !waits || !for_people || !is_due(open.told, now) {
                continue;
            }
            open.told = Some(now);
            let round = status.address();
            let refused = (!status.input_errors.is_empty()).then_some("its input was refused");
            let reason = status.left_to_person.as_deref().or(refused).unwrap_or("a person approves each round");
            tracing::warn!(
                target: "round", %round, %id, reason,
                "the round waits for this party's approval: smpcd round approve {round} --by NAME"
            );
            notifier.call(&round);
        }
    }
}

/// Whether a person of this party has said no, for now: no policy overrules that, and nobody need be told.
fn has_declined(status: &RoundStatus, party: &str) -> bool {
    status.declined.iter().any(|(who, _)| who == party)
}

/// Whether the input file is another one than at the last try, and still for a while: a copy that is under way may look
/// whole.
fn is_new(open: &mut Open, changed: Option<SystemTime>) -> bool {
    let still = std::mem::replace(&mut open.input_look, changed) == changed;
    open.input_tried.is_none_or(|tried| still && tried != changed)
}

fn is_due(told: Option<Millis>, now: Millis) -> bool {
    told.is_none_or(|told| now.0.saturating_sub(told.0) >= DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_at_once_and_daily() {
        assert!(is_due(None, Millis(0)));
        let told = Some(Millis(5));
        assert!(!is_due(told, Millis(5)) && !is_due(told, Millis(DAY + 4)));
        assert!(is_due(told, Millis(DAY + 5)));
    }
}
