//! Another agreement in the agreement's file: it takes effect between rounds, and nobody restarts anything (PROTOCOL 6.2).
//!
//! The daemon leaves when no round is open, and is started anew with it in the same process. So there is one way to begin
//! under an agreement, and nothing that was made for the old one is left.

use std::time::{Duration, Instant};

use protocol::agreement::Agreement;

use super::hub::Hub;
use crate::admin::Refused;
use crate::book::Book;
use crate::stamp::Stamp;

/// Reads the agreement's file, as at a start: the agreement, or all that is wrong with it.
pub type ReadAgreement = Box<dyn Fn() -> Result<Agreement, Vec<String>> + Send>;

/// Rounds that have ended here and that a peer may still need something of: for so long at most.
const NEEDED: Duration = Duration::from_secs(60);

/// The agreement's file, looked at.
pub(super) struct NextAgreement {
    read: ReadAgreement,
    stamp: Option<Stamp>,
    /// Its version, and since when it waits for the rounds.
    waits: Option<(u32, Instant)>,
}

impl Hub {
    /// From now on the agreement's file is looked at.
    pub(super) fn watch_agreement(&mut self, read: ReadAgreement) {
        self.next_agreement = Some(NextAgreement { read, stamp: self.agreement_stamp(), waits: None });
    }

    fn agreement_stamp(&self) -> Option<Stamp> {
        Stamp::of(&self.settings.agreement).ok().flatten()
    }

    /// Reads the file where it was written, and says when it takes effect.
    pub(super) fn look_at_agreement(&mut self) {
        let stamp = self.agreement_stamp();
        let Some(next) = self.next_agreement.as_mut().filter(|next| next.stamp != stamp) else { return };
        next.stamp = stamp;
        next.waits = None;
        let agreement = match (next.read)().and_then(|agreement| self.would_do(agreement)) {
            Ok(agreement) => agreement,
            Err(lines) => {
                for line in lines {
                    tracing::error!(target: "daemon", "the agreement is not taken in, and the one before stays in force: {line}");
                }
                return;
            }
        };
        if agreement.digest() == self.book.agreement().digest() {
            return;
        }
        let (version, digest) = (agreement.version(), agreement.digest());
        tracing::info!(target: "daemon", version, %digest, "another agreement: it takes effect when no round is open");
        if let Some(next) = &mut self.next_agreement {
            next.waits = Some((version, Instant::now()));
        }
        self.changed();
    }

    /// Whether a daemon could be started with it.
    fn would_do(&self, agreement: Agreement) -> Result<Agreement, Vec<String>> {
        let book = Book::load(&self.settings, agreement.clone());
        let book = book.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let own = agreement.party(book.party()).is_some_and(|own| own.signing_key == self.signer.public_key());
        let other = format!("the signing key of {} in it is another one than this node's", self.settings.party);
        if own { Ok(agreement) } else { Err(vec![other]) }
    }

    /// Why no round begins here under an agreement that is about to end.
    pub(super) fn agreement_ends(&self) -> Result<(), Refused> {
        match self.next_agreement.as_ref().and_then(|next| next.waits) {
            None => Ok(()),
            Some((version, _)) => Err(Refused::because(format!(
                "another agreement (version {version}) takes effect here as soon as the open rounds have ended"
            ))),
        }
    }

    /// Whether it is time for the other agreement: no round is open, and nobody needs anything of one that has ended, or not
    /// for long.
    pub(super) fn begins_another_agreement(&self) -> bool {
        let Some((_, since)) = self.next_agreement.as_ref().and_then(|next| next.waits) else { return false };
        let open = self.recovering.is_some() || self.rounds.values().any(|open| open.status.is_open());
        !open && (self.rounds.is_empty() || since.elapsed() >= NEEDED)
    }
}
