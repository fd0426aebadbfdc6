//! What this node knows of all parties' logs, and the files in which people find it.
//!
//! What it has seen of a peer's log is in the store before its cosignature leaves. The files are written of that, at leisure:
//! `audit/witnessed/PARTY.checkpoint` is what this node has seen of a peer's log, `audit/cosigned/PARTY.checkpoint` what the
//! peer has seen of this one's, and `audit/checkpoints.jsonl` all that this node has signed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use audit::{Chain, Departure, LogKey, NoteSigner, SignedCheckpoint, Witness, put_aside};
use protocol::agreement::Agreement;
use wire::Signer;
use wire::link::{Checkpoint, Seen};

use super::own::size_in;
use crate::guard::Vouched;
use crate::settings::Settings;
use crate::store::{Reads, Store, StoreError};

/// Kinds under which the store keeps what is known of logs: the latest checkpoint that was seen of a peer's,
pub(super) const WITNESSED: &str = "log-witnessed";
/// how a peer's log departed from it,
pub(super) const DEPARTED: &str = "log-departed";
/// checkpoints of this node's own log that it lacks,
pub(super) const BEHIND: &str = "log-behind";
/// and those without which a person goes on.
pub(super) const ACKNOWLEDGED: &str = "log-acknowledged";

/// The folder of the log in the data directory.
const FOLDER: &str = "audit";
const CHAIN: &str = "checkpoints.jsonl";
/// What the others have cosigned of it.
const COSIGNED: &str = "cosigned";

/// The signing key as notes need it.
pub(super) struct Notes<'a>(pub(super) &'a (dyn Signer + Send));

impl NoteSigner for Notes<'_> {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes)
    }
}

/// All parties' logs.
pub(in crate::daemon) struct Logs {
    pub(super) own: LogKey,
    pub(super) chain: Chain,
    /// The latest checkpoint of the own log.
    pub(super) signed: Option<SignedCheckpoint>,
    /// The one that the guard had when the daemon started, until it is compared.
    pub(super) vouched: Option<SignedCheckpoint>,
    /// Something was recorded since the own log was last shown, that is no trace of showing it.
    pub(in crate::daemon) grown: bool,
    pub(super) shown: Instant,
    /// The own log is to be shown the next time that logs are attended to,
    pub(super) show: bool,
    /// which is then.
    pub(in crate::daemon) due: Option<Instant>,
    /// Checkpoints of the own log that it lacks, by name, and who keeps each.
    pub(super) behind: BTreeMap<String, String>,
    /// Records that the largest of those covered that people went on without.
    pub(super) acknowledged: u64,
    /// One for each party, this one included.
    pub(super) peers: Vec<PeerLog>,
    folder: PathBuf,
}

/// A peer's log as this node sees it, and this node's as the peer does.
pub(super) struct PeerLog {
    pub(super) party: String,
    pub(super) key: LogKey,
    pub(super) witness: Witness,
    pub(super) departed: Option<Departure>,
    /// The largest checkpoint of this node's log that the peer has cosigned.
    pub(super) cosigned: Option<SignedCheckpoint>,
    /// Seconds by which its clock is ahead of this node's, as its last fresh cosignature says.
    pub(super) clock_ahead: Option<i64>,
    pub(super) link: OnLink,
    pub(super) looks: Allowance,
    /// Its files are older than what is known.
    pub(super) unwritten: bool,
}

/// What happened on the live link.
#[derive(Default)]
pub(super) struct OnLink {
    /// The size of this node's log that the peer says it has seen.
    pub(super) seen: Option<u64>,
    /// The size that the peer was shown and has not answered yet.
    pub(super) asked: Option<u64>,
    /// There is more to show once it has answered.
    pub(super) due: bool,
    /// It was shown a checkpoint again, because it had not taken the first one.
    pub(super) again: bool,
    /// The latest that it has shown and that was not looked at yet,
    pub(super) waiting: Option<Checkpoint>,
    /// and what it said last of this node's log.
    pub(super) said: Option<Seen>,
    /// It has shown a checkpoint with a proof from another size, and was told the right one.
    pub(super) corrected: bool,
}

impl OnLink {
    /// Whether something is to be looked at.
    pub(super) fn waits(&self) -> bool {
        self.waiting.is_some() || self.said.is_some()
    }
}

/// How often a peer's checkpoints are looked at: each look may be a transaction. An honest one stays far below it, and loses
/// nothing where it does not, because the last checkpoint counts.
pub(super) struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    /// So many at once,
    const BURST: u32 = 32;
    /// and then one in so long.
    const EVERY: Duration = Duration::from_millis(250);

    fn new(now: Instant) -> Self {
        Self { left: Self::BURST, since: now }
    }

    /// Takes one look; false where none is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let more = now.saturating_duration_since(self.since).as_millis() / Self::EVERY.as_millis();
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(Self::BURST);
            self.since = now;
        }
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        true
    }
}

impl Logs {
    /// What the store and the files know.
    pub(in crate::daemon) fn load(
        settings: &Settings,
        agreement: &Agreement,
        me: u16,
        store: &Store,
    ) -> Result<Self, StoreError> {
        let folder = settings.data_dir.join(FOLDER);
        let keys = agreement.parties().iter().map(|p| LogKey::new(agreement.name(), &p.id, p.signing_key));
        let keys: Vec<LogKey> = keys.collect();
        let own = keys.get(usize::from(me)).cloned().ok_or(StoreError::Nonsense { what: "party" })?;
        let path = folder.join(CHAIN);
        let chain = Chain::open(&path, &own).map_err(|source| StoreError::Io { doing: "open", path, source })?;
        let mut peers = Vec::new();
        for key in keys {
            peers.push(PeerLog::load(key, &own, &folder, store)?);
        }
        let mut behind = BTreeMap::new();
        for name in store.kept_names(BEHIND)? {
            let who = store.kept(BEHIND, &name)?.and_then(|who| String::from_utf8(who).ok());
            behind.insert(name, who.unwrap_or_default());
        }
        let signed = chain.last().cloned();
        let acknowledged = store.kept_names(ACKNOWLEDGED)?.iter().map(|name| size_in(name)).max().unwrap_or(0);
        Ok(Self {
            own,
            chain,
            signed,
            vouched: None,
            acknowledged,
            grown: false,
            shown: Instant::now(),
            show: false,
            due: None,
            behind,
            peers,
            folder,
        })
    }

    /// Takes over what the guard has, where the store knows less. Gives the lines that are of no log, or of another key.
    pub(super) fn remember(&mut self, vouched: &Vouched) -> Vec<String> {
        let mut stale = Vec::new();
        for (party, brief) in vouched {
            let log = self.peers.iter_mut().find(|log| log.party == *party);
            let note = log.as_ref().and_then(|log| SignedCheckpoint::from_brief(brief, &log.key).ok());
            let (Some(log), Some(note)) = (log, note) else {
                stale.push(party.clone());
                continue;
            };
            if log.party == self.own.party() {
                self.vouched = Some(note);
            } else if log.witness.seen().is_none_or(|seen| seen.size() < note.size()) {
                tracing::warn!(
                    target: "audit", peer = %party, size = note.size(),
                    "the guard knows more of its log than the store, which is an older copy"
                );
                if let Ok(witness) = Witness::resume(log.key.clone(), &note.to_string()) {
                    log.witness = witness;
                    log.unwritten = true;
                }
            }
        }
        stale
    }

    /// Puts aside what was signed of this node's log so far, by itself and by its peers: a person goes on with another one.
    pub(super) fn put_aside(&mut self) -> io::Result<()> {
        let size = self.chain.last().map_or(0, SignedCheckpoint::size);
        self.chain.begin_anew()?;
        self.signed = None;
        let folder = self.folder.join(COSIGNED);
        if folder.exists() {
            fs::rename(&folder, put_aside(&folder, COSIGNED, "", size))?;
        }
        self.peers.iter_mut().for_each(|peer| peer.cosigned = None);
        Ok(())
    }

    /// Writes the files that are older than what is known. A file that cannot be written is tried again.
    pub(super) fn write(&mut self) {
        for peer in self.peers.iter_mut().filter(|peer| peer.unwritten) {
            let file = |folder: &str| self.folder.join(folder).join(format!("{}.checkpoint", peer.party));
            let seen = peer.witness.seen().map_or(Ok(()), |seen| replace(&file("witnessed"), &seen.to_string()));
            let cosigned = peer.cosigned.as_ref().map_or(Ok(()), |note| replace(&file(COSIGNED), &note.to_string()));
            match seen.and(cosigned) {
                Ok(()) => peer.unwritten = false,
                Err(error) => tracing::warn!(target: "audit", peer = %peer.party, %error, "cannot write a checkpoint"),
            }
        }
    }
}

impl PeerLog {
    fn load(key: LogKey, own: &LogKey, folder: &Path, store: &Store) -> Result<Self, StoreError> {
        let party = key.party().to_owned();
        let text = |kind: &str| Ok::<_, StoreError>(store.kept(kind, &party)?.and_then(|b| String::from_utf8(b).ok()));
        let witness = match text(WITNESSED)?.map(|kept| Witness::resume(key.clone(), &kept)) {
            Some(Ok(witness)) => witness,
            Some(Err(error)) => {
                tracing::warn!(target: "audit", peer = %party, %error, "its log is seen anew: what was kept of it is of another key");
                Witness::new(key.clone())
            }
            None => Witness::new(key.clone()),
        };
        let departed = text(DEPARTED)?.and_then(|json| serde_json::from_str(&json).ok());
        let cosigned = fs::read_to_string(folder.join(COSIGNED).join(format!("{party}.checkpoint")));
        let cosigned = cosigned.ok().and_then(|note| SignedCheckpoint::parse(&note, own).ok());
        let cosigned = cosigned.filter(|note| note.cosigned_by(&key).is_ok());
        let unwritten = witness.seen().is_some();
        Ok(Self {
            party,
            key,
            witness,
            departed,
            cosigned,
            clock_ahead: None,
            link: OnLink::default(),
            looks: Allowance::new(Instant::now()),
            unwritten,
        })
    }
}

/// Whole or not at all; not synced, because the store or the peer has it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let part = path.with_extension("part");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_looked_at_and_then_now_and_then() {
        let began = Instant::now();
        let mut looks = Allowance::new(began);
        let mut taken = |millis: u64| looks.take(began + Duration::from_millis(millis));
        assert_eq!((0..100).filter(|_| taken(0)).count(), 32);
        assert!(!taken(249));
        // Every 50 ms for ten seconds.
        assert_eq!((5..205).filter(|step| taken(step * 50)).count(), 40);
        // A quiet hour gives one burst back, and no more.
        assert_eq!((0..100).filter(|_| taken(3_600_000)).count(), 32);
    }
}
