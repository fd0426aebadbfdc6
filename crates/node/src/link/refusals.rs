//! Refusals are told once and then counted: a peer that dials twice a second with an expired certificate, or a stranger
//! that tries thousands of connections, fills no log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::limits::{MAX_REFUSALS, REFUSAL_PAUSE};

/// Different refusals of strangers that are told in one [`REFUSAL_PAUSE`]; the rest are counted only. Each may carry
/// another text of the stranger's choice.
const STRANGER_LINES: u32 = 20;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    party: Option<String>,
    dialling: bool,
    /// Without digits: some reasons hold the time, and would be another one each second.
    reason: String,
}

struct Seen {
    count: u64,
    told: Option<Instant>,
    last: Instant,
}

#[derive(Default)]
struct State {
    seen: HashMap<Key, Seen>,
    window: Option<Instant>,
    strangers: u32,
}

/// What was refused so far.
#[derive(Default)]
pub(super) struct Refusals(Mutex<State>);

impl Refusals {
    /// Counts a refusal. Some with the count of the like, where it is to be told now.
    pub(super) fn count(&self, party: Option<&str>, dialling: bool, reason: &str, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { seen, window, strangers } = &mut *state;
        if window.is_none_or(|begun| now.duration_since(begun) >= REFUSAL_PAUSE) {
            (*window, *strangers) = (Some(now), 0);
        }
        let key = Key { party: party.map(str::to_owned), dialling, reason: without_digits(reason) };
        if seen.len() >= MAX_REFUSALS && !seen.contains_key(&key) {
            let oldest = seen.iter().min_by_key(|(_, seen)| seen.last).map(|(key, _)| key.clone());
            oldest.map(|key| seen.remove(&key));
        }
        let entry = seen.entry(key).or_insert(Seen { count: 0, told: None, last: now });
        entry.count += 1;
        entry.last = now;
        if entry.told.is_some_and(|told| now.duration_since(told) < REFUSAL_PAUSE) {
            return None;
        }
        // Who accepts knows only what the other end claims to be.
        if !dialling {
            if *strangers >= STRANGER_LINES {
                return None;
            }
            *strangers += 1;
        }
        entry.told = Some(now);
        Some(entry.count)
    }

    /// The party is linked: its next refusal is news again.
    pub(super) fn forget(&self, party: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen.retain(|key, _| key.party.as_deref() != Some(party));
    }
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_like_is_told_once_a_pause_with_its_count() {
        let refusals = Refusals::default();
        let start = Instant::now();
        assert_eq!(refusals.count(Some("p2"), true, "expired", start), Some(1));
        for _ in 0..9 {
            assert_eq!(refusals.count(Some("p2"), true, "expired", start + Duration::from_secs(1)), None);
        }
        assert_eq!(refusals.count(Some("p2"), true, "other", start), Some(1));
        assert_eq!(refusals.count(Some("p3"), true, "expired, and it is 12:00:01 here", start), Some(1));
        assert_eq!(refusals.count(Some("p3"), true, "expired, and it is 12:00:02 here", start), None);
        assert_eq!(refusals.count(Some("p2"), true, "expired", start + REFUSAL_PAUSE), Some(11));
        refusals.forget("p2");
        assert_eq!(refusals.count(Some("p2"), true, "expired", start + REFUSAL_PAUSE), Some(1));
    }

    #[test]
    fn strangers_fill_neither_log_nor_memory() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let told = ('\u{4e00}'..'\u{9000}')
            .filter(|c| refusals.count(None, false, &format!("reason {c}"), start).is_some())
            .count();
        assert_eq!(told, STRANGER_LINES as usize);
        assert!(refusals.0.lock().unwrap().seen.len() <= MAX_REFUSALS);
        assert_eq!(refusals.count(Some("p2"), true, "expired", start), Some(1), "a dial of ours is still told");
    }
}
