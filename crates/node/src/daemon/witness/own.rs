//! This node's own log: what it has signed of it, and what people do where the log is no longer that (PROTOCOL 8.3).

use audit::{Actor, DigestOf, Draft, Event as Record, SignedCheckpoint, Text, Witness};
use sha2::{Digest as _, Sha256};

use super::Evidence;
use super::logs::{ACKNOWLEDGED, BEHIND, DEPARTED, Notes, WITNESSED};
use crate::admin::Refused;
use crate::daemon::hub::Hub;
use crate::guard::{Guard, GuardError};
use crate::store::StoreError;

impl Hub {
    /// What the guard says was signed of logs: the store may be an older copy than that. Of lines that are of no log of the
    /// agreement any more, or of another key, the guard is rid.
    pub(in crate::daemon) fn remember_logs(&mut self, guard: &mut Guard) -> Result<(), GuardError> {
        let stale = self.logs.remember(guard.logs());
        guard.vouch(&stale.into_iter().map(|log| (log, None)).collect::<Vec<_>>())
    }

    /// What a crash has kept from being written: the evidence of alarms that nobody has acknowledged. And whether what the node
    /// signed last, by its guard or by its own file, is still what its log holds: nobody else has to tell.
    pub(in crate::daemon) fn look_at_own_log(&mut self) -> Result<(), StoreError> {
        let alarms = self.logs.peers.iter().filter_map(|log| Evidence::of(&log.party, log.departed.as_ref()?));
        self.pending.evidence.extend(alarms.map(|evidence| (evidence.file, evidence.bytes)));
        let signed = [self.logs.vouched.take(), self.logs.chain.last().cloned()];
        for note in signed.into_iter().flatten() {
            if !self.holds(&note)? {
                self.log_is_behind(None, &note);
            }
        }
        Ok(())
    }

    /// Whether the log begins with what this checkpoint of it covers.
    pub(super) fn holds(&self, note: &SignedCheckpoint) -> Result<bool, StoreError> {
        Ok(self.store.log_root_at(note.size())? == Some(*note.root()))
    }

    /// A checkpoint of the log as it is now; none while this node signs nothing.
    pub(super) fn checkpoint(&mut self) -> Result<Option<SignedCheckpoint>, StoreError> {
        if self.recovering.is_some() || !self.logs.behind.is_empty() {
            return Ok(None);
        }
        // PROTOCOL 8.2: only of records that are durable, in the file too.
        let (size, root) = self.store.log_head()?;
        if let Some(last) = self.logs.signed.as_ref().filter(|last| last.size() == size) {
            return Ok(Some(last.clone()));
        }
        let note = SignedCheckpoint::sign(&self.logs.own, size, root, &Notes(&*self.signer));
        let since = self.logs.chain.last().map_or(0, SignedCheckpoint::size);
        let path = self.store.log_consistency(since, size)?;
        // What is shown to others stands in both files first, or is not shown.
        let chain = &mut self.logs.chain;
        chain.append(&note, &path).map_err(|source| StoreError::Io {
            doing: "keep a checkpoint in",
            path: chain.path().to_owned(),
            source,
        })?;
        self.vouch(&[(self.settings.party.clone(), Some(note.to_brief(&self.logs.own)))])?;
        self.logs.signed = Some(note.clone());
        Ok(Some(note))
    }

    /// What was cosigned of these peers' logs goes into the guard, before it goes out.
    pub(in crate::daemon) fn vouch_for(&mut self, peers: &[u16]) -> Result<(), StoreError> {
        let logs = peers.iter().filter_map(|peer| self.logs.peers.get(usize::from(*peer)));
        let seen = logs.filter_map(|log| Some((log.party.clone(), Some(log.witness.seen()?.to_brief(&log.key)))));
        let seen: Vec<_> = seen.collect();
        if seen.is_empty() { Ok(()) } else { self.vouch(&seen) }
    }

    /// This node has signed a checkpoint that its log does not continue: it works on an older copy of its data, or the log was
    /// changed. PROTOCOL 7: it may have forgotten what else it signed.
    pub(super) fn log_is_behind(&mut self, shown_by: Option<u16>, note: &SignedCheckpoint) {
        let name = named(note);
        if self.logs.behind.contains_key(&name) {
            return;
        }
        let who = shown_by.map_or_else(|| self.settings.party.clone(), |peer| self.party_id(peer).to_owned());
        let (size, witnessed) = (self.store.log_head().map_or(0, |(size, _)| size), note.size());
        let mut draft = Draft::new(Record::LogBehind { size, witnessed });
        if let Some(peer) = shown_by {
            draft = draft.peer(self.party_id(peer));
        }
        self.record(draft.digest(DigestOf::Checkpoint, Sha256::digest(note.to_string().as_bytes()).into()));
        self.pending.keep(BEHIND, &name, who.clone().into_bytes());
        self.logs.behind.insert(name, who.clone());
        let found = format!(
            "{who} keeps a checkpoint that this node has signed, of {witnessed} records, and its log has {size} and is not the \
             beginning or the continuation of that: data_dir was put back from an older copy, or the log was changed"
        );
        tracing::error!(target: "audit", "ALARM: {found}");
        self.roll_back(found);
        self.changed();
    }

    /// Whether people have gone on without what this checkpoint covers. All that was signed before, up to the largest one that
    /// they were shown: or a peer that keeps several could stop rounds with one after another. What this node has signed since
    /// is in its guard, and is not looked for here.
    pub(super) fn is_acknowledged(&self, note: &SignedCheckpoint) -> bool {
        note.size() <= self.logs.acknowledged
    }

    /// Why this node starts no round: its log is not the one that it has signed.
    pub(in crate::daemon) fn log_behind(&self) -> Option<String> {
        let (name, who) = self.logs.behind.first_key_value()?;
        let size = size_in(name);
        Some(format!(
            "this node's log is not the one that it has signed at {size} records, as {who} keeps it: put back the newest copy of \
             data_dir; where there is none: smpcd audit acknowledge --by NAME --reason TEXT"
        ))
    }

    /// `audit acknowledge`: a person goes on with a log that is not what was seen of it, this node's own or a peer's.
    ///
    /// First the guard forgets, and then the store: a crash between the two leaves what was to be acknowledged.
    pub(in crate::daemon) fn acknowledge(
        &mut self,
        log: Option<&str>,
        by: &str,
        reason: &str,
        actor: Actor,
    ) -> Result<(), Refused> {
        let draft = Draft::new(Record::LogAcknowledged { by: Text::of(by), reason: Text::of(reason) }).actor(actor);
        match log.filter(|party| *party != self.settings.party) {
            None => self.acknowledge_own(by, draft),
            Some(party) => self.acknowledge_of(party, draft),
        }
    }

    fn acknowledge_own(&mut self, by: &str, draft: Draft) -> Result<(), Refused> {
        if self.logs.behind.is_empty() {
            return Err(Refused::because(
                "this node's log is not behind what its peers keep: nothing is to be acknowledged",
            ));
        }
        self.vouch(&[(self.settings.party.clone(), None)]).map_err(|error| Refused::because(error.to_string()))?;
        // What was signed before is not continued.
        self.logs.put_aside().map_err(|error| {
            Refused::because(format!(
                "what was signed of the log before cannot be put aside in data_dir/audit: {error}"
            ))
        })?;
        self.record(draft);
        for name in std::mem::take(&mut self.logs.behind).into_keys() {
            self.logs.acknowledged = self.logs.acknowledged.max(size_in(&name));
            self.pending.forget(BEHIND, &name);
            self.pending.keep(ACKNOWLEDGED, &name, by.as_bytes().to_vec());
        }
        self.link_anew(None);
        Ok(())
    }

    fn acknowledge_of(&mut self, party: &str, draft: Draft) -> Result<(), Refused> {
        let known = (0u16..).zip(&self.logs.peers).find(|(_, known)| known.party == party);
        let found = known.and_then(|(peer, known)| Some((peer, Evidence::of(party, known.departed.as_ref()?))));
        let Some((peer, evidence)) = found else {
            return Err(Refused::because(format!(
                "there is no alarm about the log of {party}: nothing is to be acknowledged"
            )));
        };
        // It may not have been written yet, and the store forgets it now.
        if let Some(Evidence { file, bytes, .. }) = evidence {
            self.keep_file(&file, &bytes).map_err(|error| {
                Refused::because(format!("the evidence cannot be written to data_dir/evidence/{file}: {error}"))
            })?;
        }
        self.vouch(&[(party.to_owned(), None)]).map_err(|error| Refused::because(error.to_string()))?;
        if let Some(known) = self.logs.peers.get_mut(usize::from(peer)) {
            known.departed = None;
            known.witness = Witness::new(known.key.clone());
            known.unwritten = true;
        }
        self.record(draft.peer(party));
        self.pending.forget(DEPARTED, party);
        self.pending.forget(WITNESSED, party);
        self.link_anew(Some(peer));
        Ok(())
    }
}

/// The name of a checkpoint that a log lacks.
fn named(note: &SignedCheckpoint) -> String {
    let root: String = note.root().0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{root}", note.size())
}

/// The size in such a name.
pub(super) fn size_in(name: &str) -> u64 {
    name.split('-').next().and_then(|size| size.parse().ok()).unwrap_or(0)
}
