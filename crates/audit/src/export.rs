//! Records in the forms of other tools: a table (RFC 4180) and syslog lines (RFC 5424).
//!
//! Neither is the log: only the lines themselves can be checked against a checkpoint.
//!
//! # Security
//! Reasons come from peers. In a table no cell begins as a formula does, and in a syslog line nothing ends a value early.

use core::fmt::Write as _;

use crate::record::Record;
use crate::timeline::what;
use crate::words::{Digest, DigestOf};

/// The first line of a table.
pub const CSV_HEAD: &str =
    "seq,time,party,computation,period,round,event,detail,peer,direction,digests,outcome,actor,version";

/// Facility 13, log audit.
const FACILITY: u8 = 13;

/// Names the parts of a syslog line as ours. 32473 is the number that RFC 5612 keeps for those without one.
const ELEMENT: &str = "smpcd@32473";

/// A record as a row of a table, with no line end. `detail` is JSON, `digests` are `NAME=sha256:…` with spaces between.
#[must_use]
pub fn csv_row(record: &Record) -> String {
    let round = record.round.as_ref();
    let (event, detail) = record.event.name_and_detail();
    let digests: Vec<String> = record.digests.iter().map(digest).collect();
    let cells = [
        record.seq.to_string(),
        record.time.to_string(),
        record.party.to_string(),
        round.map(|round| round.computation.to_string()).unwrap_or_default(),
        round.map(|round| round.period.to_string()).unwrap_or_default(),
        round.map(|round| round.id.to_string()).unwrap_or_default(),
        event,
        detail.map(|detail| detail.to_string()).unwrap_or_default(),
        record.peer.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.event.direction().map(|direction| direction.word().to_owned()).unwrap_or_default(),
        digests.join(" "),
        record.outcome.word().to_owned(),
        record.actor.to_string(),
        record.version.to_string(),
    ];
    cells.map(|text| cell(&text)).join(",")
}

fn digest((of, digest): (&DigestOf, &Digest)) -> String {
    format!("{}={digest}", of.word())
}

fn cell(text: &str) -> String {
    // A spreadsheet would run what begins like this.
    let guard = if text.starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

/// A record as a syslog line, with no line end. The party stands as the host, the event as the message id; severity is the
/// event's ([`crate::Severity`]).
#[must_use]
pub fn rfc5424(record: &Record) -> String {
    let (event, detail) = record.event.name_and_detail();
    let mut line = format!(
        "<{}>1 {} {} smpcd - {} [{ELEMENT}",
        FACILITY * 8 + record.severity().rfc5424(),
        record.time,
        header(record.party.as_str(), 255),
        header(&event, 32),
    );
    let mut value = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}=\"{}\"", escaped(value));
    };
    value("seq", &record.seq.to_string());
    if let Some(round) = &record.round {
        value("round", &format!("{}/{}", round.computation, round.period));
        value("id", &round.id.to_string());
    }
    if let Some(peer) = &record.peer {
        value("peer", peer.as_str());
    }
    if let Some(direction) = record.event.direction() {
        value("direction", direction.word());
    }
    for (of, digest) in &record.digests {
        value(of.word(), &digest.to_string());
    }
    if let Some(detail) = detail {
        value("detail", &detail.to_string());
    }
    value("outcome", record.outcome.word());
    value("actor", &record.actor.to_string());
    value("version", record.version.as_str());
    let text = what(&record.event, record.peer.as_ref());
    // RFC 5424, 6.4: what is no ASCII says that it is UTF-8.
    let mark = if text.is_ascii() { "" } else { "\u{feff}" };
    line + "] " + mark + &text
}

/// RFC 5424, 6: printable ASCII without spaces, and not longer than the field.
fn header(text: &str, longest: usize) -> String {
    text.chars().take(longest).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

/// RFC 5424, 6.3.3.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]")
}
