//! What the catalogue of events promises of every record: its peer, its digests, its direction.

use std::collections::BTreeMap;

use serde_json::Value;

/// The page that is made from the enum of events.
const PAGE: &str = include_str!("../../crates/audit/EVENTS.md");

/// What the page says of an event.
#[derive(Default)]
struct Entry {
    /// Severity, direction, peer and so on.
    words: Vec<&'static str>,
    /// Whether each record has it.
    digests: BTreeMap<&'static str, bool>,
}

fn entries() -> BTreeMap<&'static str, Entry> {
    let mut entries: BTreeMap<&str, Entry> = BTreeMap::new();
    let mut last = "";
    for line in PAGE.lines() {
        if let Some((name, rest)) = line.strip_prefix("**`").and_then(|line| line.split_once("`** (")) {
            let words = rest.split_once("): ").expect("its properties end").0;
            last = name;
            entries.entry(name).or_default().words = words.split(", ").collect();
        } else if let Some((of, when)) = line.strip_prefix("- digest `").and_then(|line| line.split_once('`')) {
            entries.entry(last).or_default().digests.insert(of, when.is_empty());
        }
    }
    entries
}

/// Each record has what the page says of its event, and nothing else.
pub(crate) fn holds(records: &[Value]) {
    let entries = entries();
    for record in records {
        let entry = &entries[record["event"].as_str().expect("a name")];
        let says = |word: &str| entry.words.contains(&word);
        let has = |name: &str| !record[name].is_null();
        assert!(says("peer where known") || says("peer") == has("peer"), "peer: {record}");
        assert_eq!(says("sent"), record["direction"] == "sent", "{record}");
        assert_eq!(says("received"), record["direction"] == "received", "{record}");
        for (of, always) in &entry.digests {
            assert!(!always || record["digests"][of].is_string(), "no digest of {of}: {record}");
        }
        let digests = record["digests"].as_object().into_iter().flat_map(|digests| digests.keys());
        for of in digests {
            assert!(entry.digests.contains_key(of.as_str()), "{of} is not in EVENTS.md: {record}");
        }
    }
}
