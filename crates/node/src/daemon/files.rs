//! What operators change in files while the daemon runs: cards, signatures, inputs, and notes that commands leave. What
//! waits for a time is looked at with them.

use audit::{Actor, DigestOf, Draft, Event as Record, Source, Text, Time};

use super::hub::Hub;
use crate::pending::{self, Act};

impl Hub {
    pub(super) fn look_at_files(&mut self) {
        let rescan = self.book.rescan();
        for problem in rescan.problems {
            tracing::error!(target: "daemon", "{problem}");
        }
        for change in rescan.changes {
            self.book_changed(&change, Source::File);
        }
        self.look_at_agreement();
        self.look_at_identity();
        self.look_at_room();
        self.propose_again();
        self.look_at_schedule();
        self.look_at_approvals();
        self.look_for_stalls();
        self.take_notes();
        self.tend_log();
        self.look_at_logs();
    }

    /// Files of the log that are full or old. What fails is tried again with the next look, and said once.
    fn tend_log(&mut self) {
        let before = self.store.log_size();
        let trouble = self.store.tend_log(&self.settings.audit, Time::now()).err().map(|error| error.to_string());
        // It has records of its own, which the others are to see too.
        self.logs.grown |= self.store.log_size() > before;
        if trouble != self.log_trouble {
            if let Some(error) = &trouble {
                tracing::error!(target: "audit", %error, "the audit log's files cannot be looked after");
            }
            self.log_trouble = trouble;
        }
    }

    /// Acts of a person that were done beside the daemon go into its log; then the note is gone.
    fn take_notes(&mut self) {
        for (path, note) in pending::waiting(&self.settings.data_dir) {
            let draft = match note.act {
                Act::Signed { by, agreement, statement, .. } => {
                    // The note's own word is not enough: the hash is of the text that is kept.
                    let disclosure = protocol::agreement::statement_digest(&statement).0;
                    let name = protocol::agreement::Digest(agreement).to_string();
                    self.pending.keep("disclosure", &name, statement.into_bytes());
                    Draft::new(Record::AgreementSigned { by: Text::of(&by) })
                        .digest(DigestOf::Agreement, agreement)
                        .digest(DigestOf::Disclosure, disclosure)
                }
                Act::ResultDeleted { by, computation, period } => {
                    tracing::info!(target: "result", %computation, %period, %by, "a result was deleted");
                    self.result_deleted(&computation, &period, &by)
                }
            };
            self.record(draft.actor(Actor::Uid(note.uid)).at(Time::from_micros(note.time)));
            self.pending.consumed.push(path);
        }
    }

    fn result_deleted(&self, computation: &str, period: &str, by: &str) -> Draft {
        use crate::store::Reads;
        let id = self.reads().round(computation, period).ok().flatten().map_or([0; 32], |round| round.id);
        Draft::new(Record::ResultDeleted { by: Text::of(by) }).round(computation, period, &id)
    }
}
