//! The disclosure statement: what a data protection officer reads, approves and signs for (PROTOCOL 1, 5.6).
//!
//! It is a function of the agreement alone, so it is the same text at every party, and its hash goes into the audit log.
//! Whatever somebody else wrote stands behind an indent: nothing in the legal table can look like a heading of ours.

mod computation;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use super::words::{listed, wrap};
use super::{Agreement, Digest, Party, Roles};

/// Characters of a line: what fits a sheet of paper and most screens.
const WIDTH: usize = 100;

/// The statement for an agreement: plain text, lines of at most 100 characters but for longer words.
#[must_use]
pub fn disclosure_statement(agreement: &Agreement) -> String {
    let mut page = Page::default();
    page.heading("DISCLOSURE STATEMENT");
    page.entry("agreement", &format!("{}, version {}", agreement.name(), agreement.version()));
    page.entry("digest", &format!("{}", agreement.digest()));
    page.introduction(
        "The digest stands for everything that was agreed. Read it out to the other parties before you sign: each must \
         have the same one. This text is made from the agreement and from nothing else.",
    );
    page.introduction(
        "How it works: every contributor splits its figures at random into shares before they leave its organisation. \
         A share alone is a random number. The parties that hold shares, called compute parties, add up what they \
         hold, and only these sums are put together again: they give totals over the contributors.",
    );
    parties(&mut page, agreement);
    legal(&mut page, agreement);
    for one in agreement.computations() {
        computation::describe(&mut page, agreement, one);
    }
    page.0
}

/// Digest of a statement, for the audit log: it names the very text that somebody read.
#[must_use]
pub fn statement_digest(statement: &str) -> Digest {
    Digest(sharing::hash("smpcd/1/disclosure statement", &[statement.as_bytes()]))
}

fn parties(page: &mut Page, agreement: &Agreement) {
    page.heading("THE PARTIES");
    for party in agreement.parties() {
        page.entry(&party.id, &format!("{}: {}", party.name, duties(party.roles)));
        page.entry("", &format!("signs with ed25519:{}", Base64::encode_string(&party.signing_key)));
    }
}

fn duties(roles: Roles) -> String {
    let duties = [
        (roles.input, "contributes figures"),
        (roles.compute, "holds shares (compute party)"),
        (roles.result, "learns the results"),
    ];
    listed(&duties.iter().filter(|(has, _)| *has).map(|(_, duty)| *duty).collect::<Vec<_>>())
}

fn legal(page: &mut Page, agreement: &Agreement) {
    page.heading("LEGAL TABLE, IN THE WORDS OF THE PARTIES");
    let legal = agreement.legal();
    let purpose = [("purpose", legal.purpose.as_str())];
    let other = legal.other.iter().map(|(key, text)| (key.as_str(), text.as_str()));
    for (key, text) in purpose.into_iter().chain(other) {
        for (i, line) in text.lines().enumerate() {
            page.entry(if i == 0 { key } else { "" }, line);
        }
    }
}

/// Names of the parties with a role, in agreement order.
fn names(agreement: &Agreement, has: fn(&Roles) -> bool) -> Vec<&str> {
    let with_role = |party: &&Party| has(&party.roles);
    agreement.parties().iter().filter(with_role).map(|party| party.name.as_str()).collect()
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    fn heading(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        wrap(&mut self.0, WIDTH, "", text);
    }

    fn introduction(&mut self, text: &str) {
        self.0.push('\n');
        wrap(&mut self.0, WIDTH, "  ", text);
    }

    /// A question that the following paragraphs and items answer.
    fn topic(&mut self, text: &str) {
        self.0.push('\n');
        wrap(&mut self.0, WIDTH, "  ", text);
    }

    fn paragraph(&mut self, text: &str) {
        wrap(&mut self.0, WIDTH, "    ", text);
    }

    fn item(&mut self, text: &str) {
        wrap(&mut self.0, WIDTH, "    - ", text);
    }

    /// A key and what it is, aligned.
    fn entry(&mut self, key: &str, text: &str) {
        wrap(&mut self.0, WIDTH, &format!("  {key:<13} "), text);
    }
}
