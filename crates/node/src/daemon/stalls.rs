//! Rounds that get no further: the log names the parties and the messages that they wait for.

use protocol::round::Millis;

use super::hub::Hub;

/// Waiting as long as this is worth a line.
const AFTER: u64 = 60 * 1000;
/// And again after this: days are normal where people approve.
const AGAIN: u64 = 24 * 60 * 60 * 1000;

/// Since when a round has waited for the same.
#[derive(Default)]
pub(super) struct Stall {
    waits: Vec<String>,
    since: Millis,
    told: Option<Millis>,
}

impl Stall {
    /// Whether it is time to say that a round waits for this. Each change begins anew.
    fn is_due(&mut self, waits: &[String], now: Millis) -> bool {
        if self.waits != waits {
            *self = Self { waits: waits.to_vec(), since: now, told: None };
        }
        let (from, patience) = self.told.map_or((self.since, AFTER), |told| (told, AGAIN));
        let due = !waits.is_empty() && now.0.saturating_sub(from.0) >= patience;
        if due {
            self.told = Some(now);
        }
        due
    }
}

impl Hub {
    /// Of a round that waits for this party's own approval people are told in another way.
    pub(super) fn look_for_stalls(&mut self) {
        let now = self.now();
        for (id, open) in self.rounds.iter_mut().filter(|(_, open)| !open.status.waits_for_approval()) {
            if open.stall.is_due(&open.status.waits_for, now) {
                let (causes, messages) = (open.status.causes.join("; "), open.status.waits_for.join(", "));
                tracing::info!(
                    target: "round", round = %open.status.address(), %id, waits_for = messages, "the round waits: {causes}"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_told_after_a_minute_and_daily_and_a_change_begins_anew() {
        let mut stall = Stall::default();
        let (p2, p3) = (["Deal from p2".to_owned()], ["Deal from p3".to_owned()]);
        let mut due = |waits: &[String], now: u64| stall.is_due(waits, Millis(now));
        assert!(!due(&p2, 1000) && !due(&p2, AFTER + 999));
        assert!(due(&p2, AFTER + 1000) && !due(&p2, AFTER + 1001));
        assert!(!due(&p2, AFTER + AGAIN + 999) && due(&p2, AFTER + AGAIN + 1000));
        let later = 2 * AGAIN;
        assert!(!due(&p3, later) && due(&p3, later + AFTER));
        assert!(!due(&[], later + 2 * AFTER) && !due(&[], later + 9 * AGAIN));
    }
}
