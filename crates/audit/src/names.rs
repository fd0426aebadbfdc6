//! Events by name, for filters and exports.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::event::Event;

impl Event {
    /// The event's name and what else its record says of it, as they stand in the line.
    #[must_use]
    pub fn name_and_detail(&self) -> (String, Option<Value>) {
        let mut written = serde_json::to_value(self).expect("an event is strings, integers and lists");
        let name = written["event"].as_str().unwrap_or_default().to_owned();
        let detail = written.as_object_mut().and_then(|object| object.remove("detail"));
        (name, detail)
    }

    /// Whether there is an event of this name.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        // An event with fields is not read without them, but then the error is another one.
        let refused = Self::deserialize(json!({ "event": name })).err();
        refused.is_none_or(|error| !error.to_string().starts_with("unknown variant"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_with_fields_and_without() {
        for name in ["daemon.started", "open.sent", "round.void", "fault.observed"] {
            assert!(Event::is_name(name), "{name}");
        }
        for name in ["", "open", "open.", "Open.sent", "attempt"] {
            assert!(!Event::is_name(name), "{name}");
        }
        let (name, detail) = Event::OpenSent { attempt: 2 }.name_and_detail();
        assert_eq!((name.as_str(), detail), ("open.sent", Some(json!({ "attempt": 2 }))));
        assert_eq!(Event::RoundVoid.name_and_detail().1, None);
    }
}
