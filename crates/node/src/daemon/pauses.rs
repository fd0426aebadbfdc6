//! Reasons of this node's own for which no round begins here for now, and which pass. Open rounds go on.

use std::path::Path;

use audit::{Draft, Event as Record, Text};
use protocol::round::Terms;

use super::hub::Hub;
use crate::admin::Refused;

/// Space on the disk of `data_dir`, as of the last look.
#[derive(Default)]
pub(super) struct Room {
    /// What is short, in words.
    short: Option<String>,
}

impl Hub {
    /// Whether rounds may begin here: be started or joined. Not where this node's log is behind what peers have witnessed
    /// (PROTOCOL 8.3), nor where the disk is short.
    pub(super) fn may_begin(&self) -> Result<(), Refused> {
        self.log_behind().map_or(Ok(()), |why| Err(Refused::because(why)))?;
        self.agreement_ends()?;
        self.has_room()
    }

    /// Whether there is space for what rounds do first: be started, joined, approved.
    pub(super) fn has_room(&self) -> Result<(), Refused> {
        // The last look may be a second old.
        self.room.short.clone().or_else(|| self.is_short()).map_or(Ok(()), |why| Err(Refused::because(why)))
    }

    /// Whether there is space for the tables of this round too, beside what is kept for others.
    pub(super) fn has_room_for(&self, terms: &Terms) -> Result<(), Refused> {
        let (folder, reserve, takes) = (&self.settings.data_dir, self.settings.audit.reserve, takes(terms));
        // No number that changes from look to look: each reason of a proposal that waits is told once.
        match free(folder) {
            Ok(free) if free < reserve.saturating_add(takes) => Err(Refused::because(format!(
                "{}/{}: its tables may take {} on the disk of {}, where {} are kept free (audit.reserve in node.toml): make space",
                terms.computation().id,
                terms.period(),
                size(takes),
                folder.display(),
                size(reserve)
            ))),
            _ => Ok(()),
        }
    }

    /// Why none may begin for want of space; empty where they may.
    pub(super) fn pauses(&self) -> Vec<String> {
        self.room.short.iter().cloned().collect()
    }

    /// Looks at the disk. That rounds pause is said and recorded once, and that they go on.
    pub(super) fn look_at_room(&mut self) {
        match (&self.room.short, self.is_short()) {
            (None, Some(why)) => {
                tracing::error!(target: "daemon", reason = %why, "no round begins here for now; open ones go on");
                self.record(Draft::new(Record::RoundsPaused { reason: Text::of(&why) }));
                self.room.short = Some(why);
            }
            (Some(_), None) => {
                tracing::info!(target: "daemon", "there is space on the disk again: rounds begin");
                self.record(Draft::new(Record::RoundsResumed));
                self.room.short = None;
            }
            _ => {}
        }
    }

    /// Why there is too little space; none where there is enough.
    fn is_short(&self) -> Option<String> {
        let (folder, reserve) = (&self.settings.data_dir, self.settings.audit.reserve);
        // Rounds that begin and end near the reserve must not pause and resume with every look.
        let wanted = if self.room.short.is_some() { reserve.saturating_add(reserve / 16) } else { reserve };
        let what = match free(folder) {
            Ok(free) if free >= wanted => return None,
            Ok(free) => format!(
                "{} are free on the disk of {}, and {} are kept for what is open (audit.reserve in node.toml)",
                size(free),
                folder.display(),
                size(wanted)
            ),
            Err(error) => format!("cannot tell how much is free on the disk of {}: {error}", folder.display()),
        };
        Some(format!("{what}: make space; then rounds begin again by themselves"))
    }
}

/// Bytes that a round may take here, at most: the snapshot, a share of each dealing, the partial sum, the result.
pub(super) fn takes(terms: &Terms) -> u64 {
    let cells = terms.computation().cells();
    let table = cells.div_ceil(sharing::CHUNK_CELLS as u64).saturating_mul(terms.chunk_bytes(0) as u64);
    let shares = if terms.is_compute(terms.me()) { terms.inputs().len() as u64 } else { 0 };
    table.saturating_mul(shares + 3)
}

/// Bytes that are free for this user.
fn free(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_frsize.saturating_mul(disk.f_bavail))
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mib => format!("{mib} MiB"),
    }
}
