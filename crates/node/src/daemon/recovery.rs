//! A node whose store may be an older copy signs nothing until every other compute party has told it what it signed; and
//! what this node tells a peer that asks (PROTOCOL 7).
//!
//! Both need no round and no signature, so nodes that all recover help each other.

use std::collections::BTreeSet;
use std::path::Path;

use audit::{DigestOf, Draft, Event as Record, Name, Text, Time};
use protocol::agreement::{Adversary, PartyIndex};
use protocol::recovery::{Mark, NotAsked, Recovery, Verdict, verdict};
use protocol::round::{Millis, Phase, statements_of};
use wire::frame::Frame;
use wire::link::{MAX_RECALL, Pin, Recall};
use wire::{Envelope, MessageKind, RoundId, Sealed};
use zeroize::Zeroizing;

use super::DaemonError;
use super::hub::Hub;
use super::peers::Peer;
use super::resume::is_open;
use super::work::Worker;
use crate::admin::Refused;
use crate::guard::{Found, Guard};
use crate::link::LinkSender;
use crate::status::{RollbackStatus, RoundStatus};
use crate::store::{MessageRow, Reads, RoundRow, Store, StoreError, Transaction};

/// Phase of a round that this party took part in and forgot.
const FORGOTTEN: &str = "forgotten";
/// What people are shown of such a round.
const WHY_FORGOTTEN: &str = "this node signed in this round before its data_dir was put back from an older copy, and has \
    forgotten it: it abstains from the round";
/// Kind under which a message is kept that belongs to no round of this store.
const EVIDENCE: &str = "recalled";
/// Kind and name under which it is kept that this node has to recover, whatever its guard says.
const RECOVER: &str = "recover";

/// A node that recovers. It has no guard until it has recovered, so its store lets no transaction sign.
pub(super) struct Recovering {
    state: Recovery,
    guard: Guard,
    found: String,
}

/// A message of this party's own that a peer has shown.
pub(super) struct Shown {
    peer: u16,
    message: Sealed,
    /// What the peer said of its round.
    pin: Option<Pin>,
}

/// A peer that asked, and what it need not be told.
pub(super) struct Asked {
    peer: u16,
    /// Of the very link on which it asked.
    sender: LinkSender,
    recall: Recall,
}

impl Hub {
    /// Compares store and guard, and goes on with the rounds; or recovers first.
    pub(super) fn wake(&mut self) -> Result<(), DaemonError> {
        let mut guard = Guard::open(&self.settings.guard, &self.settings.party);
        self.remember_logs(&mut guard).map_err(StoreError::from)?;
        let (last, before) = self.reads().marks()?;
        let first = *guard.found() == Found::Missing && self.store.is_new()?;
        match verdict(&last, &before, guard.mark()) {
            Verdict::RolledBack if !first => {
                let found = finding(&last, &guard, &self.settings.data_dir);
                self.recover(guard, &last, found);
                return Ok(());
            }
            Verdict::Crashed => tracing::info!(
                target: "daemon", number = last.number,
                "the node had ended between store and guard; the guard follows, and nothing is lost"
            ),
            Verdict::Sound | Verdict::RolledBack => {}
        }
        // A recovery from what a checkpoint has shown, which a restart has cut short.
        if let Some(found) = self.reads().kept(RECOVER, RECOVER)? {
            self.recover(guard, &last, String::from_utf8_lossy(&found).into_owned());
            return Ok(());
        }
        self.store.guard_with(guard)?;
        self.begin()
    }

    /// Something other than the guard shows that the store is an older copy: the rounds are dropped as they are, and come
    /// back from the store once every other compute party has told what this node signed.
    pub(super) fn roll_back(&mut self, found: String) {
        self.pending.keep(RECOVER, RECOVER, found.clone().into_bytes());
        // The guard stays in where the marks cannot be read.
        let Ok((last, _)) = self.reads().marks() else { return };
        let Some(guard) = self.store.unguard() else { return };
        self.pending.drop_rounds();
        let rounds = std::mem::take(&mut self.rounds);
        self.leaving.extend(rounds.into_values().map(|open| open.worker));
        self.recover(guard, &last, found);
        for peer in 0..u16::try_from(self.peers.len()).unwrap_or(u16::MAX) {
            if self.peers.get(usize::from(peer)).and_then(Peer::sender).is_some() {
                self.ask(peer);
            }
        }
    }

    /// Takes note in the guard, wherever it is now, of what is signed of logs.
    pub(super) fn vouch(&mut self, changes: &[(String, Option<String>)]) -> Result<(), StoreError> {
        match &mut self.recovering {
            Some(recovering) => Ok(recovering.guard.vouch(changes)?),
            None => self.store.vouch(changes),
        }
    }

    fn recover(&mut self, guard: Guard, last: &Mark, found: String) {
        let me = self.book.party();
        let parties = (0u16..).zip(self.book.agreement().parties());
        // Result parties hold what compute parties may have lost together: their votes, and their partial sums.
        let holds = |party: &protocol::agreement::Party| party.roles.compute || party.roles.result;
        let others = parties.filter(|(index, party)| holds(party) && *index != me.0).map(|(index, _)| index);
        let number = guard.mark().map(|mark| mark.number);
        let state = Recovery::new(last.number, number, others);
        self.record(Draft::new(Record::RollbackFound { store: last.number, guard: number, reason: Text::of(&found) }));
        self.recovering = Some(Recovering { state, guard, found });
        if let Some(why) = self.why_not_signing() {
            tracing::error!(target: "daemon", "{why}");
        }
    }

    /// Goes on with what the store holds: at a start, or after a recovery.
    fn begin(&mut self) -> Result<(), DaemonError> {
        self.resume()
    }

    /// Ends the recovery once every other compute party has answered: store, then guard, and only then the rounds
    /// (PROTOCOL 7). True if it did.
    pub(super) fn recovered(&mut self) -> Result<bool, DaemonError> {
        // What dropped rounds have begun is over before they begin anew.
        self.leaving.retain(Worker::is_busy);
        if !self.leaving.is_empty() {
            return Ok(false);
        }
        let Some(number) = self.recovering.as_ref().and_then(|recovering| recovering.state.raise_to()) else {
            return Ok(false);
        };
        let Some(Recovering { state, guard, .. }) = self.recovering.take() else { return Ok(false) };
        // PROTOCOL 7: a liar shows nobody what it was sent, so an honest party relies on nothing that it still knows of such a
        // round.
        let malicious = |row: &&RoundRow| {
            let computation = self.book.agreement().computation(&row.computation);
            computation.is_some_and(|computation| computation.adversary == Adversary::Malicious)
        };
        let rounds = self.reads().rounds()?;
        let hidden: Vec<[u8; 32]> =
            rounds.iter().filter(|row| is_open(row)).filter(malicious).map(|row| row.id).collect();
        self.store.commit(|tx| {
            tx.leap_to(number)?;
            tx.drop_kept(RECOVER, RECOVER)?;
            hidden.iter().try_for_each(|round| tx.set_abstains(round))?;
            tx.audit(Draft::new(Record::RollbackRecovered { number }))
        })?;
        self.store.guard_with(guard)?;
        let abstains = state.lacking().map(|round| round.0).chain(hidden).collect::<BTreeSet<_>>().len();
        tracing::warn!(
            target: "daemon", number, abstains,
            "every other party that holds shares or learns results has answered: this node goes on, and abstains from what it had forgotten"
        );
        self.begin()?;
        // `run --once` was not started for what was over before.
        if self.once.is_some() {
            self.once();
        }
        // Nothing of a round was taken in while it recovered. On the next links each side says what it holds.
        for sender in self.peers.iter().filter_map(Peer::sender) {
            sender.cut("it has recovered and links anew");
        }
        self.changed();
        Ok(true)
    }

    /// Why this node does not sign now, for whoever asks it to.
    fn why_not_signing(&self) -> Option<String> {
        let Recovering { state, found, .. } = self.recovering.as_ref()?;
        let waits: Vec<&str> = state.waits_for().map(|peer| self.party_id(peer)).collect();
        let waits = waits.join(", ");
        Some(format!(
            "{found}; so this node signs nothing until every other party that holds shares or learns results has told it what it signed: it waits for {waits}, who must run and be linked (smpcd status)"
        ))
    }

    /// Refuses what would open, approve or sign something while the node recovers.
    pub(super) fn may_sign(&self) -> Result<(), Refused> {
        self.why_not_signing().map_or(Ok(()), |why| Err(Refused::because(why)))
    }

    pub(super) fn rollback_status(&self) -> Option<RollbackStatus> {
        let Recovering { state, found, .. } = self.recovering.as_ref()?;
        let address = |round: &RoundId| match self.reads().round_by_id(&round.0) {
            Ok(Some(row)) => format!("{}/{}", row.computation, row.period),
            _ => round.to_string(),
        };
        Some(RollbackStatus {
            found: found.clone(),
            waits_for: state.waits_for().map(|peer| self.party_id(peer).to_owned()).collect(),
            abstains_from: state.lacking().map(address).collect(),
        })
    }

    /// A link is up: asks the peer what this node signed, if its answer is missing.
    pub(super) fn ask(&mut self, peer: u16) {
        if !self.recovering.as_mut().is_some_and(|recovering| recovering.state.link_up(peer)) {
            return;
        }
        let over = [Phase::Completed.name(), Phase::Abandoned.name()];
        // What cannot be read is not listed, and told again.
        let rounds = self.reads().rounds().unwrap_or_default();
        let ended = rounds.iter().rev().filter(|row| over.contains(&row.phase.as_str())).take(MAX_RECALL);
        let ended: Vec<RoundId> = ended.map(|row| RoundId(row.id)).collect();
        let ended = ended.try_into().unwrap_or_default();
        self.send(peer, &Frame::Recall(Recall { ended }));
    }

    /// A link is down, perhaps in the middle of an answer.
    pub(super) fn unasked(&mut self, peer: u16) {
        if let Some(recovering) = &mut self.recovering {
            recovering.state.link_down(peer);
        }
    }

    pub(super) fn pin(&mut self, peer: u16, pin: Pin) {
        self.heard(peer, |state| state.pin(peer, pin));
    }

    pub(super) fn recalled(&mut self, peer: u16) {
        self.heard(peer, |state| state.recalled(peer));
        self.changed();
    }

    fn heard(&mut self, peer: u16, part: impl FnOnce(&mut Recovery) -> Result<(), NotAsked>) {
        let heard = self.recovering.as_mut().map_or(Err(NotAsked), |recovering| part(&mut recovering.state));
        if let (Err(error), Some(sender)) = (heard, self.peers.get(usize::from(peer)).and_then(Peer::sender)) {
            tracing::warn!(target: "link", peer = self.party_id(peer), "{error}");
            sender.cut("it sent what no honest node sends");
        }
    }

    /// A message came while this node recovers. None is taken in but those that it signed itself; the others come again
    /// when it has recovered.
    pub(super) fn shown(&mut self, peer: u16, bytes: &[u8]) {
        let Some(recovering) = &self.recovering else { return };
        let Ok(envelope) = Envelope::parse(bytes) else { return };
        // Under an older agreement this party may have had another place: the key says whose it is.
        let Ok(message) = envelope.verify(&self.signer.public_key()) else { return };
        // A Share holds a secret, which is not stored like this; its Deal says as much.
        if message.kind() != MessageKind::Share {
            let pin = recovering.state.pinned(peer, &message.round()).cloned();
            self.pending.shown.push(Shown { peer, message, pin });
        }
    }

    /// Stores what was shown and the store lacks. Gives the rounds that this party abstains from now.
    pub(super) fn put_shown(
        &self,
        tx: &mut Transaction<'_>,
        shown: &[Shown],
        now: Millis,
    ) -> Result<Vec<RoundId>, StoreError> {
        let mut lacking = Vec::new();
        for Shown { peer, message, pin } in shown {
            let Some(row) = put_evidence(tx, message, pin.as_ref(), now)? else { continue };
            let kind = Name::of(message.kind().name());
            let mut draft = Draft::new(Record::RollbackRecalled { message: kind })
                .round(&row.computation, &row.period, &row.id)
                .peer(self.party_id(*peer));
            // The digest of an Outcome, or of a Partial beside the others, is a hash of the total, which is guessable.
            if !matches!(message.kind(), MessageKind::Outcome | MessageKind::Partial) {
                draft = draft.digest(DigestOf::Message, message.digest().0);
            }
            tx.audit(draft)?;
            tracing::error!(
                target: "daemon", round = %format!("{}/{}", row.computation, row.period), id = %message.round(),
                peer = self.party_id(*peer), kind = message.kind().name(),
                "a peer holds what this node signed and has forgotten: it abstains from this round for good"
            );
            lacking.push(message.round());
        }
        Ok(lacking)
    }

    /// What [`Hub::put_shown`] found is durable.
    pub(super) fn lacked(&mut self, rounds: Vec<RoundId>) {
        if let Some(recovering) = &mut self.recovering {
            rounds.into_iter().for_each(|round| recovering.state.lacked(round));
        }
    }

    /// A peer asks what it signed. It is told once a link, after what came before its question is stored.
    pub(super) fn asked(&mut self, peer: u16, recall: Recall) {
        let Some(known) = self.peers.get_mut(usize::from(peer)) else { return };
        let (told, sender) = (std::mem::replace(&mut known.told, true), known.sender().cloned());
        let Some(sender) = sender.filter(|_| !told) else { return };
        tracing::warn!(target: "daemon", peer = self.party_id(peer), "the peer may have forgotten what it signed, and asks");
        self.pending.asked.push(Asked { peer, sender, recall });
    }

    /// Tells a peer, on a thread that may wait for it.
    pub(super) fn tell(&self, asked: Asked) {
        let Asked { peer, sender, recall } = asked;
        let agreement = self.book.agreement();
        let Some(party) = agreement.party(PartyIndex(peer)) else { return };
        let asker = Asker { party: peer, key: party.signing_key, agreement: agreement.digest().0 };
        let data_dir = self.settings.data_dir.clone();
        tokio::task::spawn_blocking(move || {
            // A link that is gone is no error: the peer asks again on the next one.
            let send = |frame: &Frame| sender.blocking_send(frame).is_ok();
            if let Err(error) = tell(&data_dir, &asker, &recall, send) {
                tracing::error!(target: "daemon", %error, "what a peer signed cannot be read");
                sender.cut("this node cannot read what it has to tell");
            }
        });
    }
}

/// What is wrong with store and guard, in words.
fn finding(last: &Mark, guard: &Guard, data_dir: &Path) -> String {
    let (guard_path, data_dir, store) = (guard.path().display(), data_dir.display(), last.number);
    match guard.found() {
        Found::Missing => format!(
            "there is no guard at {guard_path}, although this node has run before: it was lost, or {data_dir} is a copy"
        ),
        Found::Unreadable(why) => format!("the guard at {guard_path} cannot be relied on: {why}"),
        Found::Mark(mark) if mark.number > store => format!(
            "the guard at {guard_path} is at number {} and the store at {store}: {data_dir} was put back from an older copy",
            mark.number
        ),
        Found::Mark(mark) => format!(
            "the guard at {guard_path} is at number {} and the store at {store}, and they do not belong together: one of the two was put back from a copy",
            mark.number
        ),
    }
}

/// Stores a message of this party's own that the store lacks, and abstains from its round. Gives the round; none where
/// the store has the message, or nobody has said what round it is of.
fn put_evidence(
    tx: &mut Transaction<'_>,
    message: &Sealed,
    pin: Option<&Pin>,
    now: Millis,
) -> Result<Option<RoundRow>, StoreError> {
    let id = message.round().0;
    let (row, bytes) = (tx.round_by_id(&id)?, message.bytes().to_vec());
    let row = match (row, pin) {
        (Some(row), _) => row,
        (None, None) => return Ok(None),
        (None, Some(pin)) => {
            let row = forgotten(pin, now)?;
            let pinned = tx.rounds_of(&row.computation, &row.period)?.into_iter().find(|other| other.v == row.v);
            if let Some(other) = pinned {
                // It signed in two rounds of one period. There is one pin, so the other round is kept beside it.
                let name = message.digest().to_string();
                if tx.kept(EVIDENCE, &name)?.is_some() {
                    return Ok(None);
                }
                tx.put_kept(EVIDENCE, &name, &bytes)?;
                tx.set_abstains(&other.id)?;
                return Ok(Some(row));
            }
            tx.put_round(&row)?;
            row
        }
    };
    let (digest, author, kind) = (message.digest().0, message.sender(), message.kind() as u8);
    if !tx.put_message(&id, &MessageRow { digest, author, kind, bytes })? {
        return Ok(None);
    }
    tx.set_abstains(&id)?;
    Ok(Some(row))
}

/// A round that a peer knows and this store does not.
fn forgotten(pin: &Pin, now: Millis) -> Result<RoundRow, StoreError> {
    let status = RoundStatus::over(
        &pin.computation,
        &pin.period,
        &pin.round(),
        jiff::Timestamp::now(),
        FORGOTTEN,
        WHY_FORGOTTEN,
    );
    Ok(RoundRow {
        id: pin.round().0,
        computation: pin.computation.to_string(),
        period: pin.period.to_string(),
        v: pin.voided,
        agreement_digest: pin.agreement,
        phase: FORGOTTEN.to_owned(),
        view: serde_json::to_string(&status).map_err(|_| StoreError::Nonsense { what: "round view" })?,
        started: Time::now(),
        joined: now.0,
        void: false,
        abstains: true,
        closed: true,
    })
}

/// A peer that asks what it signed.
struct Asker {
    party: u16,
    key: [u8; 32],
    agreement: [u8; 32],
}

impl Asker {
    /// What it signed of a message: the message, or votes of its own that another party's message carries.
    fn signed(&self, row: &RoundRow, message: MessageRow) -> Vec<Vec<u8>> {
        if self.wrote(row, &message) {
            return vec![message.bytes];
        }
        // Votes name places; those of another agreement are another list.
        let Ok(envelope) = Envelope::parse(&message.bytes) else { return Vec::new() };
        if row.agreement_digest != self.agreement {
            return Vec::new();
        }
        let carried = statements_of(self.party, envelope.round(), envelope.sender(), envelope.body());
        carried.into_iter().map(|statement| statement.bytes().to_vec()).collect()
    }

    /// Whether it wrote this message of that round. Places are those of the round's own agreement.
    fn wrote(&self, row: &RoundRow, message: &MessageRow) -> bool {
        if row.agreement_digest == self.agreement {
            return message.author == self.party;
        }
        Envelope::parse(&message.bytes).is_ok_and(|envelope| envelope.verify(&self.key).is_ok())
    }
}

/// Every round of the store that is not listed, each with the asker's messages in it. `send` is false when nobody
/// listens any more.
fn tell(data_dir: &Path, asker: &Asker, recall: &Recall, send: impl Fn(&Frame) -> bool) -> Result<(), StoreError> {
    let store = Store::open_read_only(data_dir)?;
    let ended: BTreeSet<[u8; 32]> = recall.ended.iter().map(|round| round.0).collect();
    for row in store.rounds()?.iter().filter(|row| !ended.contains(&row.id)) {
        let (Ok(computation), Ok(period)) = (row.computation.as_str().try_into(), row.period.as_str().try_into())
        else {
            return Err(StoreError::Nonsense { what: "name of a round" });
        };
        let pin = Pin { agreement: row.agreement_digest, computation, period, voided: row.v };
        if !send(&Frame::Pin(pin)) {
            return Ok(());
        }
        for message in store.messages(&row.id)? {
            for bytes in asker.signed(row, message) {
                if !send(&Frame::Message(Zeroizing::new(bytes))) {
                    return Ok(());
                }
            }
        }
    }
    send(&Frame::Recalled);
    Ok(())
}

#[cfg(test)]
mod tests;
