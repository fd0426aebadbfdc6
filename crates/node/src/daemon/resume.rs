//! Rounds taken up again from the store: all that are not closed at start, and one that is when a peer asks for it
//! (PROTOCOL 6.3, 7).

use std::collections::BTreeSet;

use protocol::round::{Ended, Millis, Phase, Round, Saved, SecretName, Step, Terms};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use wire::{Envelope, RoundId, Sealed};

use super::DaemonError;
use super::hub::Hub;
use crate::result::Place;
use crate::status::RoundStatus;
use crate::store::{Reads, RoundRow, StoreError};

/// How often one peer may have one closed round looked up over one link.
const MOST_LOOKS: u32 = 4;
/// Closed rounds that are held for one turn; whoever asks for more asks again.
const MOST_AT_ONCE: usize = 16;

impl Hub {
    /// Takes up every round that is not closed, and forgets what others have left at the vault.
    pub(super) fn resume(&mut self) -> Result<(), DaemonError> {
        let rounds = self.reads().rounds()?;
        let ours = self.book.agreement().digest();
        if let Some(row) = rounds.iter().find(|row| is_open(row) && row.agreement_digest != ours.0) {
            let round = format!("{}/{}", row.computation, row.period);
            let theirs = protocol::agreement::Digest(row.agreement_digest);
            return Err(DaemonError::OtherAgreement { round, theirs, ours });
        }
        let live: Vec<&RoundRow> = rounds.iter().filter(|row| !row.closed && row.agreement_digest == ours.0).collect();
        let keep: BTreeSet<[u8; 32]> = live.iter().map(|row| row.id).collect();
        self.vault.keep_only(&keep)?;
        for row in live {
            if row.phase != Phase::Completed.name()
                && let Ok(place) = Place::new(&self.settings.data_dir, &row.computation, &row.period)
            {
                // Totals that were being written had not been checked yet.
                place.sweep();
            }
            let id = self.take_up(row)?;
            self.consider(id);
        }
        Ok(())
    }

    /// A peer asks for a round that is closed here: what it lacks is in the store.
    pub(super) fn look_up(&mut self, peer: u16, round: RoundId) {
        if self.rounds.contains_key(&round) {
            return;
        }
        let ours = self.book.agreement().digest().0;
        let row = self.reads().round_by_id(&round.0).ok().flatten();
        let Some(row) = row.filter(|row| row.agreement_digest == ours && !row.abstains) else { return };
        // They go with this turn. With its commitments a round is large, and a peer could ask for all at once.
        let looked_up = self.rounds.values().filter(|open| open.round.is_closed()).count();
        if looked_up >= MOST_AT_ONCE {
            return;
        }
        let Some(known) = self.peers.get_mut(usize::from(peer)) else { return };
        let looks = known.looks.entry(round).or_default();
        *looks += 1;
        if *looks > MOST_LOOKS {
            return;
        }
        if let Err(error) = self.take_up(&row) {
            tracing::error!(target: "round", round = %row.computation, %error, "a round cannot be read again");
        }
    }

    fn take_up(&mut self, row: &RoundRow) -> Result<RoundId, StoreError> {
        let (round, step, status) = self.restored(row)?;
        let id = self.hold(round, status, None);
        self.take_step(id, step);
        Ok(id)
    }

    /// A round as the store has it, and what is to be done for it to go on.
    pub(super) fn restored(&self, row: &RoundRow) -> Result<(Round, Step, RoundStatus), StoreError> {
        let nonsense = |what| StoreError::Nonsense { what };
        let terms = Terms::new(self.book.agreement(), &row.computation, &row.period, row.v, self.book.party())
            .ok()
            .filter(|terms| terms.round().0 == row.id)
            .ok_or(nonsense("round"))?;
        let status: RoundStatus = serde_json::from_str(&row.view).map_err(|_| nonsense("round view"))?;
        let mut messages = Vec::new();
        for message in self.reads().messages(&row.id)? {
            messages.push(signed(&terms, &message.bytes)?);
        }
        let mut secrets = Vec::new();
        for (name, bytes) in self.store.secrets(&row.id)? {
            match secret_name(&name) {
                Some(name) => secrets.push((name, bytes)),
                // A Share holds a secret: it was sealed like one.
                None => messages.push(signed(&terms, &bytes)?),
            }
        }
        let ended = if row.phase == Phase::Completed.name() {
            Some(Ended::Completed { result: None })
        } else if row.phase == Phase::Abandoned.name() {
            Some(Ended::Abandoned { reason: status.reason.clone().unwrap_or_default() })
        } else {
            None
        };
        let (started, void, abstains) = (Millis(row.joined), row.void, row.abstains);
        let saved = Saved { started, messages, secrets, ended, void, abstains };
        let (round, step) = Round::restore(terms, saved, self.now(), &mut UnwrapErr(SysRng), &*self.signer);
        Ok((round, step, status))
    }
}

/// Whether the round has not ended here.
pub(super) fn is_open(row: &RoundRow) -> bool {
    !row.closed && row.phase != Phase::Completed.name() && row.phase != Phase::Abandoned.name()
}

fn signed(terms: &Terms, bytes: &[u8]) -> Result<Sealed, StoreError> {
    let message = Envelope::parse(bytes).ok().and_then(|envelope| {
        let key = *terms.key(envelope.sender())?;
        envelope.verify(&key).ok()
    });
    message.ok_or(StoreError::Nonsense { what: "signed message" })
}

/// The name of a secret that is no message.
fn secret_name(name: &str) -> Option<SecretName> {
    if name == "dealing" {
        return Some(SecretName::Dealing);
    }
    name.strip_prefix("seed-").and_then(|dealer| dealer.parse().ok()).map(SecretName::Seed)
}
