//! `EVENTS.md` is what the enum of events says, and says of every event what whoever reads a log has to know.
//!
//! `SMPCD_BLESS=1` writes the page anew.

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use audit::{DigestOf, Draft, Event};

use support::every::events;

/// What the source says of an event.
#[derive(Default)]
struct Entry {
    /// What follows `Digest` and its kin is apart.
    meaning: String,
    /// Name, and when a record has it, where it may lack it.
    digests: Vec<(String, String)>,
    /// Name, whether it may be missing, meaning.
    fields: Vec<(String, bool, String)>,
}

/// Reads the enum: comments, names, fields, in its order.
fn entries() -> Vec<(String, Entry)> {
    let source = include_str!("../src/event.rs");
    let body = source.split_once("pub enum Event {\n").expect("the enum").1.split_once("\n}\n").expect("its end").0;
    let mut entries: Vec<(String, Entry)> = Vec::new();
    let (mut text, mut optional, mut name) = (Vec::new(), false, None);
    for line in body.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            text.push(comment.trim());
        } else if let Some(rename) = line.strip_prefix("#[serde(rename = \"") {
            name = rename.split('"').next().map(str::to_owned);
        } else if line.starts_with("#[serde(default") {
            optional = true;
        } else if let Some(name) = name.take() {
            let (meaning, digests) = apart(&text.join(" "));
            entries.push((name, Entry { meaning, digests, fields: Vec::new() }));
            text.clear();
        } else if let Some((field, _)) = line.split_once(": ") {
            let entry = entries.last_mut().expect("a field is of an event");
            entry.1.fields.push((field.to_owned(), optional, text.join(" ")));
            (text, optional) = (Vec::new(), false);
        }
    }
    entries
}

/// The sentences of digests, such as `Digests: set, message.` or `Digest, where there was another: previous-card.`, taken
/// out of what is said of an event.
fn apart(text: &str) -> (String, Vec<(String, String)>) {
    let (mut rest, mut digests) = (Vec::new(), Vec::new());
    for sentence in text.split_inclusive(". ").map(str::trim) {
        let said = sentence.strip_prefix("Digests").or_else(|| sentence.strip_prefix("Digest"));
        let Some((when, of)) = said.and_then(|said| said.split_once(": ")) else {
            rest.push(sentence);
            continue;
        };
        let when = when.trim_start_matches(',').trim();
        digests.extend(of.trim_end_matches('.').split(", ").map(|of| (of.to_owned(), when.to_owned())));
    }
    (rest.join(" "), digests)
}

/// Whether a record has a peer: always, where there is one, never.
fn peer(meaning: &str) -> &'static str {
    match (meaning.contains("Peer:"), meaning.to_lowercase().contains("the peer")) {
        (true, _) => ", peer where known",
        (_, true) => ", peer",
        _ => "",
    }
}

fn page() -> String {
    let drafts: BTreeMap<String, (Draft, Event)> = events()
        .into_iter()
        .map(|(draft, _)| {
            let event = draft.event().clone();
            (event.name_and_detail().0, (draft, event))
        })
        .collect();
    let mut page = String::from(
        "# Events of the audit log\n\nMade from `src/event.rs` by `tests/catalogue.rs`; do not edit. A record is a line of JSON with \
         `seq`, `time`, `party`, `round` (where it is about one), `event`, `detail` (the fields below), `peer`, `direction`, `digests`, \
         `outcome`, `actor` and `version`. A name is for ever: later versions add events and never give an old one other fields.\n\n\
         | severity | what it is for |\n|---|---|\n| info | steps as they should be |\n| notice | what a person decided or waits for |\n\
         | warning | something was turned away, given up or lost; it may right itself |\n\
         | alarm | somebody lies, or data is not what it was: a person has to look now |\n\n\
         A step that did not end as it should (`refused`, `differs`, `failed`) is a warning at least.\n",
    );
    let mut kind = String::new();
    for (name, entry) in entries() {
        let (draft, event) = drafts.get(&name).unwrap_or_else(|| panic!("{name} is not in support/every.rs"));
        let of = name.split('.').next().unwrap_or_default();
        if of != kind {
            let _ = write!(page, "\n## {of}\n");
            of.clone_into(&mut kind);
        }
        let record = draft.clone().number(1, &"p".into(), &"0".into());
        let direction = event.direction().map_or("", |direction| match direction {
            audit::Direction::Sent => ", sent",
            audit::Direction::Received => ", received",
        });
        let round = if record.round.is_some() { ", in a round" } else { "" };
        let outcome = event.outcome().word();
        let severity = event.severity().word();
        let peer = peer(&entry.meaning);
        let _ = write!(
            page,
            "\n**`{name}`** ({severity}{direction}{peer}{round}, outcome `{outcome}`): {}\n",
            entry.meaning
        );
        for (of, when) in &entry.digests {
            let when = if when.is_empty() { String::new() } else { format!(", {when}") };
            let _ = writeln!(page, "- digest `{of}`{when}");
        }
        for (field, optional, meaning) in &entry.fields {
            let may = if *optional { " (may be missing)" } else { "" };
            let _ = writeln!(page, "- `{field}`{may}: {meaning}");
        }
    }
    page
}

#[test]
fn the_reference_page_is_what_the_enum_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("EVENTS.md");
    let page = page();
    if std::env::var_os("SMPCD_BLESS").is_some() {
        std::fs::write(&file, &page).expect("writes");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == page,
        "EVENTS.md is not what src/event.rs says: SMPCD_BLESS=1 cargo test -p audit --test catalogue"
    );
}

#[test]
fn every_event_and_field_says_what_it_means() {
    let entries = entries();
    assert_eq!(entries.len(), include_str!("../src/event.rs").matches("#[serde(rename = \"").count());
    for (name, entry) in &entries {
        assert!(entry.meaning.ends_with('.') && entry.meaning.len() > 10, "{name}: {}", entry.meaning);
        for (field, _, meaning) in &entry.fields {
            assert!(meaning.ends_with('.'), "{name}.{field}: {meaning}");
        }
    }
    // What a record carries, its event says.
    for (draft, _) in events() {
        let (name, detail) = draft.event().name_and_detail();
        let (_, entry) = entries.iter().find(|(known, _)| *known == name).expect("known");
        let record = draft.number(1, &"p".into(), &"0".into());
        for of in record.digests.keys() {
            let of = serde_json::to_value(of).expect("a word");
            assert!(entry.digests.iter().any(|(said, _)| of == said.as_str()), "{name}: {of}");
        }
        for (of, _) in &entry.digests {
            let word = serde_json::from_value::<DigestOf>(of.as_str().into());
            assert!(word.is_ok(), "{name}: {of} is no digest's name");
        }
        let fields = detail.as_ref().and_then(serde_json::Value::as_object);
        for field in fields.into_iter().flat_map(|fields| fields.keys()) {
            assert!(entry.fields.iter().any(|(known, ..)| known == field), "{name}.{field}");
        }
    }
}
