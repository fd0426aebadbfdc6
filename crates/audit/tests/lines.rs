//! The bytes of every event's line, and what is refused when lines are read back.

mod support;

use std::collections::BTreeSet;

use audit::{Actor, BadLine, Draft, Event, Record, Text, Time, timeline};

use support::every::events;

const START: &str = r#"{"seq":7,"time":"2026-11-22T09:08:07.000123Z","party":"p1","#;
const END: &str = r#","actor":"daemon","version":"0.1.0"}"#;

fn number(draft: Draft) -> Record {
    let time: Time = "2026-11-22T09:08:07.000123Z".parse().expect("a time");
    draft.at(time).number(7, &"p1".into(), &"0.1.0".into())
}

fn written(middle: &str) -> String {
    let round =
        format!(r#""round":{{"computation":"average-expenditure","period":"2026-Q3","id":"{}"}}"#, "ab".repeat(32));
    let middle = match middle.strip_prefix('R') {
        Some(rest) => format!("{round}{rest}"),
        None => middle.to_owned(),
    };
    let digest = format!(r#":"sha256:{}""#, "cd".repeat(32));
    format!("{START}{}{END}", middle.replace(":D", &digest))
}

#[test]
fn every_event_has_these_bytes_and_reads_back() {
    for (draft, middle) in events() {
        let record = number(draft);
        let line = record.to_line();
        assert_eq!(line.seq, 7);
        assert_eq!(line.text, written(middle));
        assert_eq!(Record::parse(&line.text).expect("reads back"), record);
    }
}

#[test]
fn no_event_is_left_out_of_this_test() {
    let names = |text: &str, before: &str| -> BTreeSet<String> {
        text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    };
    let known = names(include_str!("../src/event.rs"), "#[serde(rename = \"");
    let tested: String = events().into_iter().map(|(_, middle)| middle).collect();
    assert_eq!(names(&tested, "\"event\":\""), known);
}

#[test]
fn an_unknown_key_is_refused_at_every_depth() {
    for (draft, _) in events() {
        let text = number(draft).to_line().text;
        let opens: Vec<usize> = text.match_indices('{').map(|(at, _)| at + 1).collect();
        for at in opens {
            let mut other = text.clone();
            other.insert_str(at, r#""value":1,"#);
            let refused = Record::parse(&other);
            assert!(matches!(refused, Err(BadLine::NotARecord(_))), "{other}");
        }
    }
}

#[test]
fn no_byte_of_a_line_can_change_unseen() {
    for (draft, _) in events() {
        let record = number(draft);
        let text = record.to_line().text;
        for at in 0..text.len() {
            for byte in [b' ', b'0', b'a', b'"'] {
                let mut bytes = text.clone().into_bytes();
                if bytes[at] == byte {
                    continue;
                }
                bytes[at] = byte;
                let Ok(other) = String::from_utf8(bytes) else { continue };
                if let Ok(read) = Record::parse(&other) {
                    assert_ne!(read, record, "two spellings of one record: {other}");
                    assert_eq!(read.to_line().text, other);
                }
            }
        }
    }
}

#[test]
fn a_second_spelling_is_refused() {
    let good = number(Draft::new(Event::LinkUp { key_exchange: "x".into(), dialled: true }).peer("p2")).to_line().text;
    Record::parse(&good).expect("reads back");
    let others = [
        good.replace(r#""seq":7"#, r#""seq": 7"#),
        good.replace(r#""seq":7"#, r#""seq":7.0"#),
        good.replace(r#""seq":7"#, r#""seq":7,"seq":7"#),
        good.replace(r#""key_exchange":"x","dialled":true"#, r#""dialled":true,"key_exchange":"x""#),
        good.replace(r#""key_exchange":"x""#, r#""key_exchange":"y","key_exchange":"x""#),
        good.replace(r#""peer":"p2""#, r#""peer":"\u0070\u0032""#),
        good.replace(r#","outcome""#, r#","digests":{},"outcome""#),
        good.replace(r#","outcome""#, r#","direction":null,"outcome""#),
        good.replace(r#","outcome""#, r#","direction":"sent","outcome""#),
        good.replace("Z\"", "+00:00\""),
        format!("{good} "),
        format!("{good}{good}"),
    ];
    for other in others {
        assert_ne!(other, good);
        assert!(Record::parse(&other).is_err(), "{other}");
    }
    let missing = good.replace(r#","actor":"daemon""#, "");
    assert!(matches!(Record::parse(&missing), Err(BadLine::NotARecord(_))));
    let event = good.replace("link.up", "link.open");
    assert!(matches!(Record::parse(&event), Err(BadLine::NotARecord(_))));
}

#[test]
fn text_from_a_peer_forges_no_line() {
    let forged = "x\n{\"seq\":8}\r\u{1b}[2J";
    let line = number(Draft::new(Event::AbandonReceived { reason: Text::of(forged) }).peer("p2\n")).to_line().text;
    assert!(!line.contains(char::is_control), "{line}");
    Record::parse(&line).expect("reads back");
}

#[test]
fn the_timeline_is_aligned_and_in_plain_words() {
    let mut records: Vec<Record> = events().into_iter().map(|(draft, _)| number(draft)).collect();
    records[3].seq = 1234;
    records[4].actor = Actor::Uid(1000);
    let text = timeline(&records);
    assert_eq!(text.lines().count(), records.len());
    for line in text.lines() {
        let (number, rest) = line.split_at(4);
        assert!(number.trim().parse::<u64>().is_ok(), "{line}");
        assert!(rest.starts_with("  2026-11-22 09:08:07.000123Z  "), "{line}");
        let (round, what) = rest.split_at(31 + "average-expenditure/2026-Q3".len());
        assert!(
            round.contains("average-expenditure/2026-Q3") || round.ends_with("  -                          "),
            "{line}"
        );
        assert!(what.starts_with("  ") && !what.starts_with("   "), "{line}");
    }
    assert!(text.contains("  receipt of p2 received [message cdcdcdcdcdcd…, header cdcdcdcdcdcd…]\n"), "{text}");
    assert!(text.contains("  approved by J. Doe: because\n"), "{text}");
    assert!(text.contains("  admin call round.start: failed\n"), "{text}");
    assert!(text.contains(", by user 1000\n"), "{text}");
    assert_eq!(timeline(&[]), "");
}
