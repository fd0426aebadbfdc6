//! Rounds that a crash or a restart interrupted. Resuming them is not there yet, so they end when the daemon starts.

use audit::{Draft, Event as Record};
use protocol::round::Phase;
use wire::{Body, RoundId, Sealed, Text};

use super::hub::Hub;
use crate::result::Place;
use crate::status::RoundStatus;
use crate::store::{MessageRow, Reads, RoundRow, StoreError};

const REASON: &str = "the daemon was restarted in mid-round, and resuming a round is not there yet";

impl Hub {
    /// Ends what was open, and forgets what it left behind.
    pub(super) fn close_interrupted(&mut self) -> Result<(), StoreError> {
        let over = [Phase::Completed.name(), Phase::Abandoned.name()];
        let rounds = self.reads().rounds()?;
        for row in rounds.iter().filter(|row| !over.contains(&row.phase.as_str())) {
            self.close_one(row)?;
        }
        // What a finished or forgotten round left behind is nobody's any more.
        for round in self.vault.rounds().unwrap_or_default() {
            if let Err(error) = self.vault.erase_round(&round) {
                tracing::error!(target: "round", %error, "something that is over could not be erased");
            }
        }
        Ok(())
    }

    fn close_one(&mut self, row: &RoundRow) -> Result<(), StoreError> {
        let nonsense = StoreError::Nonsense { what: "round view" };
        let Ok(mut status) = serde_json::from_str::<RoundStatus>(&row.view) else { return Err(nonsense) };
        let round = status.address();
        // The result becomes visible before the store says so: a crash between the two left a whole, checked file.
        let place = Place::new(&self.settings.data_dir, &row.computation, &row.period).ok();
        let released = place.as_ref().and_then(|place| place.open().ok()).filter(|file| file.meta().round == row.id);
        let (record, phase) = match released {
            Some(file) => {
                tracing::info!(target: "round", %round, "the result is there");
                let contributors = file.meta().contributors.iter().map(Into::into).collect();
                status.complete();
                (Record::ResultReleased { contributors }, Phase::Completed)
            }
            None => {
                tracing::warn!(target: "round", %round, reason = REASON, "abandoned");
                // Totals that were being written had not been checked yet.
                if let Some(place) = place {
                    place.sweep();
                }
                status.abandon(REASON);
                (Record::RoundAbandoned { reason: REASON.into() }, Phase::Abandoned)
            }
        };
        let Ok(view) = serde_json::to_string(&status) else { return Err(nonsense) };
        let farewell = (phase == Phase::Abandoned).then(|| {
            let body = Body::Abandon { reason: Text::truncated(REASON) };
            Sealed::sign(RoundId(row.id), self.book.party().0, None, body, &*self.signer)
        });
        self.farewells.extend(farewell.clone());
        self.store.commit(|tx| {
            tx.erase_secrets(&row.id)?;
            if let Some(message) = &farewell {
                let (digest, author, kind) = (message.digest().0, message.sender(), message.kind() as u8);
                tx.put_message(&row.id, &MessageRow { digest, author, kind, bytes: message.bytes().to_vec() })?;
                tx.raise_sequence()?;
            }
            tx.audit(Draft::new(record).round(&row.computation, &row.period, &row.id))?;
            tx.set_phase(&row.id, phase.name(), &view)
        })
    }
}
