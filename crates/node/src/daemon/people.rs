//! What people decide of a round: approve it, decline it for now, give it up for good.

use audit::Actor;
use protocol::agreement::Digest;
use protocol::round::{Approver, Event};
use wire::RoundId;

use super::hub::Hub;
use crate::admin::{ApproveBody, Refused};

impl Hub {
    pub(super) fn approve(
        &mut self,
        computation: &str,
        period: &str,
        approval: &ApproveBody,
        actor: Actor,
    ) -> Result<(), Refused> {
        let refused = |line: &str| Refused::because(format!("{computation}/{period}: {line}"));
        let id = self.open_id(computation, period)?;
        if approval.disclosure != Digest(self.disclosure).to_string() {
            return Err(refused(
                "the statement that was shown is not the one that the daemon runs under; agreement.toml has been replaced: \
                 put the one before back until this round has ended, and read again; then the new one takes effect",
            ));
        }
        let by = approval.by.trim();
        if by.is_empty() {
            return Err(Refused::because("an approval needs the name of who approves: --by NAME"));
        }
        let Some(open) = self.rounds.get(&id) else { return Ok(()) };
        let terms = open.round.terms().clone();
        if !terms.is_input(terms.me()) {
            return Err(refused("this party contributes nothing to approve"));
        }
        if !open.status.waits_for_approval() {
            return Err(refused("it was approved already, and that is final"));
        }
        self.has_room()?;
        let reason = approval.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        self.called("round.approve", Some(&terms), actor);
        self.let_in(id, Approver::Person(by.to_owned()), reason.map(str::to_owned));
        Ok(())
    }

    pub(super) fn decline(
        &mut self,
        computation: &str,
        period: &str,
        by: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<(), Refused> {
        let id = self.open_id(computation, period)?;
        let Some(open) = self.rounds.get(&id) else { return Ok(()) };
        let terms = open.round.terms().clone();
        if !open.status.waits_for_approval() {
            return Err(Refused::because(format!(
                "{computation}/{period}: nothing waits for this party's approval here; what is approved is final"
            )));
        }
        self.called("round.decline", Some(&terms), actor);
        self.feed(id, Event::Decline { reason: signed(reason, by) });
        Ok(())
    }

    /// PROTOCOL 4.8: by the operator, for good, never while it holds a certificate.
    pub(super) fn abandon(
        &mut self,
        computation: &str,
        period: &str,
        by: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<(), Refused> {
        let refused = |line: &str| Err(Refused::because(format!("{computation}/{period}: {line}")));
        let id = self.open_id(computation, period)?;
        let Some(open) = self.rounds.get(&id) else { return Ok(()) };
        let (view, terms) = (open.round.view(), open.round.terms().clone());
        if view.ended.is_some() {
            return refused(&format!("it is over: it was {}", view.phase.name()));
        }
        if !view.contributors.is_empty() {
            return refused(
                "the total may be open already: the parties have agreed on who takes part, and from then on no round \
                 is abandoned",
            );
        }
        if by.trim().is_empty() || reason.trim().is_empty() {
            return refused("giving it up needs a name and a reason: --by NAME --reason TEXT");
        }
        self.called("round.abandon", Some(&terms), actor);
        self.feed(id, Event::Abandon { reason: signed(reason, by) });
        Ok(())
    }

    fn open_id(&self, computation: &str, period: &str) -> Result<RoundId, Refused> {
        self.open_round(computation, period).map(|open| open.round.terms().round())
    }
}

/// A reason with the name of whose it is: the other parties see both.
fn signed(reason: &str, by: &str) -> String {
    match (reason.trim(), by.trim()) {
        (reason, "") => reason.to_owned(),
        (reason, by) => format!("{reason} ({by})"),
    }
}
