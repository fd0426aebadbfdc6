//! The words that records are made of: names, texts, digests, times (PROTOCOL 8).
//!
//! Each has one spelling. Making one from outside never fails: what does not fit is replaced or cut, because a
//! step must not fail over how it is described. Reading one back is strict.

use core::fmt;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Deserialize as DeriveDeserialize, Serialize as DeriveSerialize};
use serde::{Serialize, Serializer};

/// A word of a record that is not in its one spelling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct BadWord(&'static str);

/// Serde by way of `Display` and a strict `FromStr`.
macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

/// An identifier: of a party, computation, period, message kind, cipher suite, software version.
///
/// 1 to [`Name::MAX`] characters of `A–Z a–z 0–9 . _ - : / +` and the space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Longest name, in bytes.
    pub const MAX: usize = 64;

    /// The name nearest to `text`: each other character becomes `_`, what is too long is cut.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut name: String = text.chars().take(Self::MAX).map(|c| if Self::allows(c) { c } else { '_' }).collect();
        if name.is_empty() {
            name.push('_');
        }
        Self(name)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn allows(c: char) -> bool {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/' | '+' | ' ')
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl From<&String> for Name {
    fn from(text: &String) -> Self {
        Self::of(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let name = Self::of(text);
        if name.0 == text { Ok(name) } else { Err(BadWord("a name")) }
    }
}

as_text!(Name);

/// Free text: a reason, or the name of a person. Never a value.
///
/// At most [`Text::MAX`] characters, none of them a control or direction character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// Longest text, in characters.
    pub const MAX: usize = 500;

    /// The text nearest to `text`: characters that could forge what a terminal shows become spaces, what is too
    /// long is cut.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(text.chars().take(Self::MAX).map(|c| if Self::allows(c) { c } else { ' ' }).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn allows(c: char) -> bool {
        // Line and paragraph separators, zero-width and direction marks, byte order mark.
        let unseen = matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
        !c.is_control() && !unseen
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::of(&text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Text {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let clean = Self::of(text);
        if clean.0 == text { Ok(clean) } else { Err(BadWord("a text of a record")) }
    }
}

as_text!(Text);

/// A SHA-256 digest, written `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        write_hex(&self.0, f)
    }
}

impl FromStr for Digest {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        text.strip_prefix("sha256:").and_then(read_hex).map(Self).ok_or(BadWord("a digest"))
    }
}

as_text!(Digest);

/// A round id (PROTOCOL 1.2), written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundId(pub [u8; 32]);

impl fmt::Display for RoundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl FromStr for RoundId {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        read_hex(text).map(Self).ok_or(BadWord("a round id"))
    }
}

as_text!(RoundId);

/// What a digest in a record is of. Closed, so that nobody logs the hash of something that can be guessed.
///
/// # Security
/// There is no name for an input, a share, a partial sum or a total, and there must never be: hashes of those
/// can be found by trying figures. A signed message is no such thing: its signature is inside what is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, DeriveSerialize, DeriveDeserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DigestOf {
    /// The agreement that the step was under.
    Agreement,
    /// The agreement that was in force before.
    PreviousAgreement,
    /// The disclosure statement that a person was shown.
    Disclosure,
    /// A card, as signed.
    Card,
    /// The card that counted before.
    PreviousCard,
    /// The settings that the daemon runs with; no file's content is in it.
    Configuration,
    /// The settings that it ran with before.
    PreviousConfiguration,
    /// The node's own TLS certificate, DER: its SHA-256 fingerprint.
    TlsCertificate,
    /// The one that it had before.
    PreviousTlsCertificate,
    /// The revocation lists.
    Revocations,
    /// The whole signed message that was sent or received.
    Message,
    /// The signed header of a dealing: D_i.
    Header,
    /// Contributors and holders: H(S, Q).
    Set,
    /// Evidence that was kept.
    Evidence,
    /// A signed checkpoint of a log.
    Checkpoint,
    /// Of two digests that should be equal, this party's.
    Ours,
    /// Of two digests that should be equal, the peer's.
    Theirs,
    /// The root of a log's tree at some record.
    Root,
}

impl DigestOf {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::PreviousAgreement => "previous-agreement",
            Self::Disclosure => "disclosure",
            Self::Card => "card",
            Self::PreviousCard => "previous-card",
            Self::Configuration => "configuration",
            Self::PreviousConfiguration => "previous-configuration",
            Self::TlsCertificate => "tls-certificate",
            Self::PreviousTlsCertificate => "previous-tls-certificate",
            Self::Revocations => "revocations",
            Self::Message => "message",
            Self::Header => "header",
            Self::Set => "set",
            Self::Evidence => "evidence",
            Self::Checkpoint => "checkpoint",
            Self::Ours => "ours",
            Self::Theirs => "theirs",
            Self::Root => "root",
        }
    }
}

/// Wall-clock time of a record, written in RFC 3339, UTC, with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(jiff::Timestamp);

impl Time {
    /// Now, by this machine's clock. Nothing but logs depends on it (PROTOCOL 4.9).
    #[must_use]
    pub fn now() -> Self {
        Self::from_micros(jiff::Timestamp::now().as_microsecond())
    }

    /// Microseconds since 1970. What lies outside the calendar becomes 1970.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0.as_microsecond()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

impl FromStr for Time {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let bad = BadWord("a time in UTC with microseconds");
        let time = Self(text.parse().map_err(|_| bad.clone())?);
        // One spelling only: no offset, no shorter fraction, nothing below a microsecond.
        if time.to_string() == text { Ok(time) } else { Err(bad) }
    }
}

as_text!(Time);

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveSerialize, DeriveDeserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From this party to the peer.
    Sent,
    /// From the peer to this party.
    Received,
}

impl Direction {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, DeriveSerialize, DeriveDeserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should.
    Done,
    /// Turned away.
    Refused,
    /// Two things that should agree do not.
    Differs,
    /// Tried, and it did not work.
    Failed,
}

impl Outcome {
    /// As it stands in a record.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Differs => "differs",
            Self::Failed => "failed",
        }
    }
}

/// Who made the step happen, written `daemon` or `uid:1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// The daemon by itself.
    Daemon,
    /// The operator's unix user, as the kernel vouches for it on the admin socket.
    Uid(u32),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon => f.write_str("daemon"),
            Self::Uid(uid) => write!(f, "uid:{uid}"),
        }
    }
}

impl FromStr for Actor {
    type Err = BadWord;

    fn from_str(text: &str) -> Result<Self, BadWord> {
        let actor = match text.strip_prefix("uid:") {
            Some(uid) => Self::Uid(uid.parse().map_err(|_| BadWord("an actor"))?),
            None => Self::Daemon,
        };
        // `uid:+7` and `uid:007` parse as numbers, but have another spelling.
        if actor.to_string() == text { Ok(actor) } else { Err(BadWord("an actor")) }
    }
}

as_text!(Actor);

fn write_hex(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn read_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_to_fit_and_read_strictly() {
        assert_eq!(Name::of("p1").as_str(), "p1");
        assert_eq!(Name::of("computation average-expenditure").as_str(), "computation average-expenditure");
        assert_eq!(Name::of("").as_str(), "_");
        assert_eq!(Name::of("a\nb\"é").as_str(), "a_b__");
        assert_eq!(Name::of(&"x".repeat(100)).as_str().len(), Name::MAX);
        for bad in ["", "a\nb", "a\"b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn texts_hold_nothing_that_deceives_a_terminal() {
        let text = Text::of("a\u{1b}[2Jb\nc\u{202e}d\u{2028}e\u{85}f");
        assert_eq!(text.as_str(), "a [2Jb c d e f");
        assert_eq!(Text::of(&"é".repeat(600)).as_str().chars().count(), Text::MAX);
        assert!("two\nlines".parse::<Text>().is_err());
        assert!("right\u{202e}left".parse::<Text>().is_err());
    }

    #[test]
    fn digests_have_one_spelling() {
        let text = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(text.parse::<Digest>().expect("valid").to_string(), text);
        for bad in ["sha256:", "0a", &text.to_uppercase(), &text[..70], &format!("{text}0"), &text.replace("0a", "0g")]
        {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
        assert!(format!("sha256:{}é", "0".repeat(62)).parse::<Digest>().is_err());
    }

    #[test]
    fn times_have_one_spelling() {
        let time = Time::from_micros(1_700_000_000_000_001);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.000001Z");
        assert_eq!("2023-11-14T22:13:20.000001Z".parse(), Ok(time));
        for bad in [
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20.0000010Z",
            "2023-11-14T23:13:20.000001+01:00",
            "2023-11-14 22:13:20.000001Z",
            "",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn actors_have_one_spelling() {
        assert_eq!("daemon".parse(), Ok(Actor::Daemon));
        assert_eq!("uid:1000".parse(), Ok(Actor::Uid(1000)));
        for bad in ["", "root", "uid:", "uid:01", "uid:+1", "uid:4294967296"] {
            assert!(bad.parse::<Actor>().is_err(), "{bad}");
        }
    }
}
