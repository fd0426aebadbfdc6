//! PEM armour (RFC 7468) for cards and signatures: files that people mail to one another.
//!
//! Before the armour stand lines for people, each behind `# `. They are not signed and are never read back.

use alloc::string::String;
use alloc::vec::Vec;

use pem_rfc7468::LineEnding;

/// Lines for people, at most so many bytes: somebody may paste a card into a mail with a few lines above it.
const MAX_PREAMBLE: usize = 8 * 1024;

/// A file is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmourError {
    /// No armour at all.
    #[error("it has no line '-----BEGIN {label}-----'; copy the whole file again")]
    Missing {
        /// What was looked for.
        label: &'static str,
    },
    /// Armour that does not decode: cut, wrapped or changed.
    #[error("the lines between BEGIN and END are damaged; copy the whole file again")]
    Damaged,
    /// Larger than such a file can be.
    #[error("it is larger than such a file can be")]
    TooLarge,
}

/// Armour around `bytes`, below `lines` for people.
pub(crate) fn encode(label: &'static str, lines: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in lines.lines() {
        text.push_str("# ");
        text.push_str(line);
        text.push('\n');
    }
    // Fails for a bad label or a size beyond memory only; labels are constants of this crate.
    text.push_str(&pem_rfc7468::encode_string(label, LineEnding::LF, bytes).expect("labels are well formed"));
    text
}

/// The bytes in the armour, at most `max`.
pub(crate) fn decode(label: &'static str, text: &str, max: usize) -> Result<Vec<u8>, ArmourError> {
    // Four characters for three bytes, a line end for 64 of them (two where it went through Windows), and the ends.
    if text.len() > MAX_PREAMBLE + max * 2 {
        return Err(ArmourError::TooLarge);
    }
    let begin = alloc::format!("-----BEGIN {label}-----");
    let start = text.find(&begin).ok_or(ArmourError::Missing { label })?;
    let armoured = text[start..].trim_end();
    let (found, bytes) = pem_rfc7468::decode_vec(armoured.as_bytes()).map_err(|_| ArmourError::Damaged)?;
    if found != label {
        return Err(ArmourError::Missing { label });
    }
    if bytes.len() > max { Err(ArmourError::TooLarge) } else { Ok(bytes) }
}
