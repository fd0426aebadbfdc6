//! One turn of the hub: everything that its events brought goes into one transaction, and only then are there
//! consequences (PROTOCOL 7).

use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use audit::{Draft, Time};
use protocol::round::{Action, Change, Ended, Millis, SecretName, Step, Terms};
use sharing::InputDigest;
use wire::dossier::FaultKind;
use wire::frame::Frame;
use wire::{MessageKind, RoundId};
use zeroize::Zeroizing;

use super::hub::{Hub, wall};
use super::peers::Peer;
use super::recovery::{Asked, Shown};
use super::rounds::Open;
use super::witness;
use super::work::Work;
use crate::result::write_atomically;
use crate::store::{MessageRow, RoundRow, StoreError, Transaction};

/// What the events of one turn brought.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) drafts: Vec<Draft>,
    pub(super) steps: Vec<(RoundId, Step)>,
    pub(super) pins: Vec<RoundId>,
    kept: Vec<(&'static str, String, Vec<u8>)>,
    /// Inputs that are dealt: computation, period, digest.
    pub(super) inputs: Vec<(String, String, InputDigest)>,
    /// Messages of this party's own that peers have shown, while the node recovers.
    pub(super) shown: Vec<Shown>,
    /// Peers that asked what they signed.
    pub(super) asked: Vec<Asked>,
    /// Files that are done with once this is committed.
    pub(super) consumed: Vec<PathBuf>,
    /// Peers that are told what was seen of their log.
    pub(super) seen: Vec<u16>,
    /// Evidence beside all rounds: the file's name and bytes.
    pub(super) evidence: Vec<(String, Vec<u8>)>,
    forgotten: Vec<(&'static str, String)>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
            && self.steps.is_empty()
            && self.pins.is_empty()
            && self.kept.is_empty()
            && self.inputs.is_empty()
            && self.shown.is_empty()
            && self.asked.is_empty()
            && self.consumed.is_empty()
            && self.seen.is_empty()
            && self.evidence.is_empty()
            && self.forgotten.is_empty()
    }

    /// Leaves out what the rounds have brought: their memory is dropped with it, and the store has them as they were.
    pub(super) fn drop_rounds(&mut self) {
        self.steps.clear();
        self.pins.clear();
        self.inputs.clear();
    }

    pub(super) fn forget(&mut self, kind: &'static str, name: &str) {
        self.forgotten.push((kind, name.to_owned()));
    }

    pub(super) fn keep(&mut self, kind: &'static str, name: &str, bytes: Vec<u8>) {
        self.kept.push((kind, name.to_owned(), bytes));
    }
}

/// What may be done after a commit.
pub(super) struct Acts {
    actions: Vec<(RoundId, Action)>,
    ended: Vec<(RoundId, Ended)>,
    asked: Vec<Asked>,
    consumed: Vec<PathBuf>,
    seen: Vec<u16>,
    evidence: Vec<(String, Vec<u8>)>,
    /// A step was taken with which this party's log is shown to the others (PROTOCOL 8.3).
    show_log: bool,
}

impl Hub {
    /// Everything of one turn in one transaction (PROTOCOL 7): a step and its audit records together.
    pub(super) fn commit(&mut self, pending: Pending) -> Result<Acts, StoreError> {
        let Pending { drafts, steps, pins, kept, inputs, shown, asked, consumed, seen, evidence, forgotten } = pending;
        let now = self.now();
        let touched: BTreeSet<RoundId> = steps.iter().map(|(round, _)| *round).collect();
        for round in &touched {
            if let Some(open) = self.rounds.get_mut(round) {
                open.status.update(&open.round.view(), now);
                open.status.worked = open.progress.done();
                open.status.took(jiff::Timestamp::now());
            }
        }
        self.logs.grown |= drafts.iter().any(|draft| !witness::is_trace(draft.event()));
        self.logs.grown |= steps.iter().any(|(_, step)| !step.notes.is_empty());
        let (rounds, disclosure) = (&self.rounds, self.disclosure);
        let lacking = self.store.commit(|tx| {
            tx.set_clock(now.0, wall())?;
            for pin in &pins {
                if let Some(open) = rounds.get(pin) {
                    tx.put_round(&row(open, now)?)?;
                }
            }
            for (kind, name, bytes) in &kept {
                tx.put_kept(kind, name, bytes)?;
            }
            for (kind, name) in &forgotten {
                tx.drop_kept(kind, name)?;
            }
            for (computation, period, input) in &inputs {
                tx.put_input(computation, period, input.as_bytes())?;
            }
            for draft in drafts {
                tx.audit(draft)?;
            }
            let mut signs = false;
            for (id, step) in &steps {
                let Some(open) = rounds.get(id) else { continue };
                let terms = open.round.terms();
                let telling = open.telling(disclosure);
                for note in &step.notes {
                    if let Some(draft) = telling.record(note) {
                        tx.audit(draft)?;
                    }
                }
                for change in &step.changes {
                    put(tx, terms, change)?;
                    signs |= matches!(change, Change::Message(message) if message.sender() == terms.me());
                }
            }
            if signs {
                tx.raise_sequence()?;
            }
            for id in &touched {
                if let Some(open) = rounds.get(id) {
                    tx.set_phase(&id.0, &open.status.phase, &view(open)?)?;
                    if open.round.is_closed() {
                        tx.set_closed(&id.0)?;
                    }
                }
            }
            self.put_shown(tx, &shown, now)
        })?;
        self.vouch_for(&seen)?;
        self.lacked(lacking);
        let (actions, ended) = (Vec::new(), Vec::new());
        let mut acts = Acts { actions, ended, asked, consumed, seen, evidence, show_log: false };
        for (id, step) in steps {
            if let Some(open) = self.rounds.get(&id) {
                let telling = open.telling(disclosure);
                step.notes.iter().for_each(|note| telling.trace(note));
            }
            let me = self.rounds.get(&id).map(|open| open.round.terms().me());
            for change in step.changes {
                match change {
                    Change::Ended(ended) => {
                        acts.ended.push((id, ended));
                        acts.show_log = true;
                    }
                    // With Deal and Accept, and at the end: what a party is held to by what it signs there.
                    Change::Message(message) if matches!(message.kind(), MessageKind::Deal | MessageKind::Accept) => {
                        acts.show_log |= Some(message.sender()) == me;
                    }
                    _ => {}
                }
            }
            acts.actions.extend(step.actions.into_iter().map(|action| (id, action)));
        }
        self.changed();
        Ok(acts)
    }

    /// What the committed steps ask for, in order.
    pub(super) fn act(&mut self, acts: Acts) {
        for (id, action) in acts.actions {
            match action {
                Action::Send { to, message } if message.kind() == MessageKind::Commitments => {
                    self.offer(to, &Frame::Message(Zeroizing::new(message.bytes().to_vec())));
                }
                Action::Send { to, message } => {
                    self.send(to, &Frame::Message(Zeroizing::new(message.bytes().to_vec())));
                }
                Action::SendHave { to, have } => self.send(to, &Frame::Have(have)),
                Action::SendGrant { to, grant } => self.send(to, &Frame::Grant(grant)),
                Action::Stream { to, object, from, first, end } => {
                    if let Some(peer) = self.peers.get_mut(usize::from(to)) {
                        peer.stream(&self.vault, object, from, first..end);
                    }
                }
                Action::Cut { peer, reason } => {
                    if let Some(sender) = self.peers.get(usize::from(peer)).and_then(Peer::sender) {
                        sender.cut(reason);
                    }
                }
                Action::Run(job) => self.work(id, Work::Job(job)),
                Action::Erase(object) => self.work(id, Work::Erase(object)),
                Action::EraseAll => self.work(id, Work::EraseAll),
                Action::Keep { culprit, kind, dossier } => self.keep_evidence(id, culprit, kind, &dossier),
            }
        }
        for (id, ended) in acts.ended {
            if let (Ended::Completed { result: Some(_) }, Some(open)) = (&ended, self.rounds.get(&id)) {
                self.export(&open.status.computation, &open.status.period);
            }
        }
        for asked in acts.asked {
            self.tell(asked);
        }
        for path in acts.consumed {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(target: "daemon", file = %path.display(), %error, "a note that was read cannot be removed");
            }
        }
        for peer in acts.seen {
            self.tell_seen(peer);
        }
        for (name, bytes) in acts.evidence {
            self.keep_evidence_file(&name, &bytes);
        }
        if acts.show_log {
            self.log_is_due();
        }
        self.look_for_leave();
        self.rounds.retain(|_, open| !open.round.is_closed());
    }

    /// PROTOCOL 5.4: what anybody can check is a file that can be handed on.
    fn keep_evidence(&self, round: RoundId, culprit: u16, kind: FaultKind, dossier: &[u8]) {
        let Some(open) = self.rounds.get(&round) else { return };
        let (status, party) = (&open.status, self.party_id(culprit));
        let v = if status.v > 0 { format!("-v{}", status.v) } else { String::new() };
        let name = format!("{}-{}{v}-{party}-{}.bin", status.computation, status.period, kind.name());
        self.keep_evidence_file(&name, dossier);
    }

    fn keep_evidence_file(&self, name: &str, bytes: &[u8]) {
        if let Err(error) = self.keep_file(name, bytes) {
            tracing::error!(target: "daemon", %error, evidence = %name, "the evidence could not be written");
        }
    }

    /// Writes a file of evidence.
    pub(super) fn keep_file(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let folder = self.settings.data_dir.join("evidence");
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| error.to_string())?;
        write_atomically(&folder.join(name), |out| out.write_all(bytes)).map_err(|error| error.to_string())
    }

    fn work(&self, round: RoundId, work: Work) {
        if let Some(open) = self.rounds.get(&round) {
            open.worker.push(work);
        }
    }
}

fn view(open: &Open) -> Result<String, StoreError> {
    serde_json::to_string(&open.status).map_err(|_| StoreError::Nonsense { what: "round view" })
}

fn row(open: &Open, now: Millis) -> Result<RoundRow, StoreError> {
    let terms = open.round.terms();
    Ok(RoundRow {
        id: terms.round().0,
        computation: terms.computation().id.clone(),
        period: terms.period().to_owned(),
        v: terms.voided(),
        agreement_digest: terms.agreement().0,
        phase: open.status.phase.clone(),
        view: view(open)?,
        started: Time::now(),
        joined: now.0,
        void: false,
        abstains: false,
        closed: false,
    })
}

/// One change of a round. A Share holds a secret: it is sealed like one, and erased with the others.
fn put(tx: &mut Transaction<'_>, terms: &Terms, change: &Change) -> Result<(), StoreError> {
    let round = terms.round().0;
    match change {
        Change::Message(message) if message.kind() == MessageKind::Share => {
            let name = match message.recipient() {
                Some(to) if message.sender() == terms.me() => secret_name(SecretName::ShareTo(to)),
                _ => format!("message-{}", message.digest()),
            };
            tx.put_secret(&round, &name, message.bytes())
        }
        Change::Message(message) => {
            let (digest, author, kind) = (message.digest().0, message.sender(), message.kind() as u8);
            tx.put_message(&round, &MessageRow { digest, author, kind, bytes: message.bytes().to_vec() }).map(drop)
        }
        Change::Secret { name, bytes } => tx.put_secret(&round, &secret_name(*name), bytes),
        Change::EraseSecret(name) => tx.erase_secret(&round, &secret_name(*name)),
        Change::EraseSecrets => tx.erase_secrets(&round),
        // The phase says it; it is written with every step.
        Change::Ended(_) => Ok(()),
        Change::Void => tx.set_void(&round),
        Change::Abstains => tx.set_abstains(&round),
    }
}

fn secret_name(name: SecretName) -> String {
    match name {
        SecretName::Dealing => "dealing".to_owned(),
        SecretName::Seed(dealer) => format!("seed-{dealer}"),
        SecretName::ShareTo(recipient) => format!("share-to-{recipient}"),
    }
}
