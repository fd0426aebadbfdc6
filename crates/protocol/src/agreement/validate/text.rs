//! Texts for people: what may stand in them.

use alloc::format;
use alloc::string::String;

use super::Check;

/// What a text may be.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Longest, in characters.
    most: usize,
    /// Whether it may have several lines.
    lines: bool,
}

/// One line: a name, a title, a label. Twice a line of the statement.
pub(super) const LINE: Kind = Kind { most: 200, lines: false };
/// A header of a table or a unit: a column of the result as people see it.
pub(super) const SHORT: Kind = Kind { most: 64, lines: false };
/// Several lines: an entry of the legal table, two pages at most, or nobody reads the statement.
pub(super) const BLOCK: Kind = Kind { most: 8_000, lines: true };

/// Whether a text may be an organisation's name or another line for people.
pub(crate) fn is_line(text: &str) -> bool {
    Check::default().text("", text, LINE).is_some()
}

impl Check {
    /// The text, with line ends as `\n` (a file that went through Windows means the same), or what is wrong with it.
    pub(super) fn text(&mut self, key: &str, text: &str, kind: Kind) -> Option<String> {
        let text = if kind.lines { text.replace("\r\n", "\n").trim().into() } else { String::from(text) };
        let message = if text.trim().is_empty() {
            "blank; write something, or leave the key out where it may be left out".into()
        } else if text.trim() != text {
            "begins or ends with a space; spreadsheets lose it: leave it out".into()
        } else if text.chars().count() > kind.most {
            format!("{} characters, at most {} possible", text.chars().count(), kind.most)
        } else if let Some(found) = text.chars().find(|c| is_forbidden(*c, kind.lines)) {
            format!("holds the character {}, which can hide or reorder text; leave it out", found.escape_unicode())
        } else {
            return Some(text);
        };
        self.refuse(key, message);
        None
    }
}

/// Control characters, and those of Unicode that reverse, hide or break a line (UTR 36). The statement is signed as it
/// is read, so it must read as it is.
fn is_forbidden(c: char, lines: bool) -> bool {
    match c {
        '\n' | '\t' => !lines,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}
