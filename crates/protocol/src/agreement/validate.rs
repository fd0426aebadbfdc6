//! The rules of an agreement, all of them at once (PROTOCOL 1).
//!
//! [`AgreementDraft::validate`] is the only way to an [`Agreement`]. It reports everything that is wrong in one pass,
//! each with its key. A rule that needs a value which is itself wrong is skipped: its own problem is enough. The draft
//! may come from anybody: texts go into a statement that people sign, so nothing in them may move the cursor, reverse
//! the line or hide.

mod columns;
mod computation;
mod text;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};
use ed25519_dalek::VerifyingKey;

use super::words::quoted;
use super::{
    Agreement, AgreementDraft, Legal, LegalDraft, MAX_COMPUTATIONS, MAX_PARTIES, Party, PartyDraft, Problem, Roles,
    canonical, is_id,
};
pub(crate) use text::is_line;
use text::{BLOCK, LINE};

/// How an id is written.
const ID_RULE: &str = "write 1 to 32 of a-z, 0-9 and '-', with a letter or a digit first and last";
/// How a signing key is written.
const KEY_RULE: &str = "write \"ed25519:\" and the 44 characters of the key, as `smpcd card show` prints it";

impl AgreementDraft {
    /// Checks every rule.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the agreement.
    pub fn validate(&self) -> Result<Agreement, Vec<Problem>> {
        let mut check = Check::default();
        let name = check.id("name", self.name.as_deref());
        let version = check.version(self.version);
        let parties = check.parties(&self.parties);
        let legal = check.legal(self.legal.as_ref());
        check.count("computation", self.computations.len(), 1, MAX_COMPUTATIONS, "[[computation]]");
        // With fewer the parties are wrong, and what follows from their number has nothing new to say.
        let census = parties.as_deref().map(Census::of).filter(|census| census.input >= 2 && census.compute >= 2);
        let computations: Vec<_> = (0..)
            .zip(&self.computations)
            .map(|(i, draft)| check.computation(&format!("computation[{i}]"), draft, census))
            .collect();
        check.unique("computation", "id", self.computations.iter().map(|c| c.id.as_deref()));
        let Check { problems } = check;
        if let (Some(name), Some(version), Some(parties), Some(legal), Some(computations), true) =
            (name, version, parties, legal, computations.into_iter().collect::<Option<Vec<_>>>(), problems.is_empty())
        {
            let sections = canonical::sections(&parties, &legal, &computations);
            let digest = canonical::total(&name, version, &sections);
            return Ok(Agreement { name, version, parties, legal, computations, digest, sections });
        }
        Err(problems)
    }
}

/// How many parties have which roles.
#[derive(Clone, Copy, Debug)]
struct Census {
    input: u16,
    compute: u16,
    /// |I ∩ C|.
    input_and_compute: u16,
    /// Whether an input party is a result party.
    input_and_result: bool,
}

impl Census {
    fn of(parties: &[Party]) -> Self {
        let count = |has: fn(&Roles) -> bool| {
            // More than u16::MAX parties were refused already; the number is then not used.
            u16::try_from(parties.iter().filter(|p| has(&p.roles)).count()).unwrap_or(u16::MAX)
        };
        Self {
            input: count(|r| r.input),
            compute: count(|r| r.compute),
            input_and_compute: count(|r| r.input && r.compute),
            input_and_result: count(|r| r.input && r.result) > 0,
        }
    }
}

/// Collects what is wrong. Each check gives the value where it is right.
#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn refuse(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { key: key.into(), message: message.into() });
    }

    fn needed<T>(&mut self, key: &str, value: Option<T>, how: &str) -> Option<T> {
        if value.is_none() {
            self.refuse(key, format!("missing; {how}"));
        }
        value
    }

    fn id(&mut self, key: &str, id: Option<&str>) -> Option<String> {
        let id = self.needed(key, id, ID_RULE)?;
        if is_id(id) {
            return Some(id.into());
        }
        self.refuse(key, format!("{} is not a name of this kind; {ID_RULE}", quoted(id)));
        None
    }

    fn version(&mut self, version: Option<i64>) -> Option<u32> {
        const RULE: &str = "write a whole number from 1, one higher than the version before";
        let version = self.needed("version", version, RULE)?;
        let valid = u32::try_from(version).ok().filter(|v| *v > 0);
        if valid.is_none() {
            self.refuse("version", format!("{version} is not a version; {RULE}"));
        }
        valid
    }

    fn count(&mut self, key: &str, count: usize, least: usize, most: usize, what: &str) {
        if count < least {
            self.refuse(key, format!("{count} of {what}, at least {least} needed"));
        } else if count > most {
            self.refuse(key, format!("{count} of {what}, at most {most} possible"));
        }
    }

    /// No two may be the same. Values that are missing were reported elsewhere.
    fn unique<'a>(&mut self, table: &str, key: &str, values: impl Iterator<Item = Option<&'a str>>) {
        let mut seen = BTreeMap::new();
        for (i, value) in values.enumerate() {
            let Some(value) = value else { continue };
            let first = *seen.entry(value).or_insert(i);
            if first != i {
                self.refuse(
                    format!("{table}[{i}].{key}"),
                    format!("{} is also the {key} of {table}[{first}]; each needs its own", quoted(value)),
                );
            }
        }
    }

    fn parties(&mut self, drafts: &[PartyDraft]) -> Option<Vec<Party>> {
        self.count("party", drafts.len(), 2, MAX_PARTIES, "[[party]]");
        let parties: Vec<_> =
            drafts.iter().enumerate().map(|(i, draft)| self.party(&format!("party[{i}]"), draft)).collect();
        self.unique("party", "id", drafts.iter().map(|p| p.id.as_deref()));
        self.unique("party", "name", drafts.iter().map(|p| p.name.as_deref()));
        self.distinct_keys(drafts);
        let parties: Vec<Party> = parties.into_iter().collect::<Option<_>>()?;
        let count = |has: fn(&Roles) -> bool| parties.iter().filter(|p| has(&p.roles)).count();
        for (role, count, least, why) in [
            ("input", count(|r| r.input), 2, "a sum of one party's figures is that party's figures"),
            ("compute", count(|r| r.compute), 2, "shares that all lie at one party hide nothing from it"),
            ("result", count(|r| r.result), 1, "nobody would learn the result"),
        ] {
            if count < least && drafts.len() >= 2 {
                self.refuse("party", format!("{count} with the role \"{role}\", at least {least} needed: {why}"));
            }
        }
        Some(parties)
    }

    fn party(&mut self, key: &str, draft: &PartyDraft) -> Option<Party> {
        let id = self.id(&format!("{key}.id"), draft.id.as_deref());
        let name_key = format!("{key}.name");
        let name = self.needed(&name_key, draft.name.as_deref(), "write the organisation's name");
        let name = name.and_then(|name| self.text(&name_key, name, LINE));
        let roles = self.roles(&format!("{key}.roles"), draft.roles.as_deref());
        let key = format!("{key}.signing_key");
        let signing_key = self.needed(&key, draft.signing_key.as_deref(), KEY_RULE);
        let signing_key = signing_key.and_then(|text| self.signing_key(&key, text));
        Some(Party { id: id?, name: name?, roles: roles?, signing_key: signing_key? })
    }

    fn roles(&mut self, key: &str, roles: Option<&[String]>) -> Option<Roles> {
        const RULE: &str = "write one or more of \"input\", \"compute\", \"result\"";
        let roles = self.needed(key, roles, RULE)?;
        if roles.is_empty() {
            self.refuse(key, format!("empty; {RULE}"));
        }
        let before = self.problems.len();
        let mut found = Roles { input: false, compute: false, result: false };
        for (i, role) in roles.iter().enumerate() {
            let slot = match role.as_str() {
                "input" => &mut found.input,
                "compute" => &mut found.compute,
                "result" => &mut found.result,
                other => {
                    self.refuse(format!("{key}[{i}]"), format!("{} is not a role; {RULE}", quoted(other)));
                    continue;
                }
            };
            if core::mem::replace(slot, true) {
                self.refuse(format!("{key}[{i}]"), format!("\"{role}\" stands here twice; leave one out"));
            }
        }
        (self.problems.len() == before && !roles.is_empty()).then_some(found)
    }

    fn signing_key(&mut self, key: &str, text: &str) -> Option<[u8; 32]> {
        let Some(bytes) = key_bytes(text) else {
            self.refuse(key, format!("not an Ed25519 public key; {KEY_RULE}"));
            return None;
        };
        // A key of small order would verify signatures that nobody made.
        if VerifyingKey::from_bytes(&bytes).is_ok_and(|point| !point.is_weak()) {
            return Some(bytes);
        }
        self.refuse(key, format!("no Ed25519 public key has these bytes; {KEY_RULE}"));
        None
    }

    fn distinct_keys(&mut self, drafts: &[PartyDraft]) {
        let keys: Vec<_> = drafts.iter().map(|p| p.signing_key.as_deref().and_then(key_bytes)).collect();
        for (i, key) in keys.iter().enumerate() {
            if let Some(first) = keys[..i].iter().position(|other| key.is_some() && other == key) {
                self.refuse(
                    format!("party[{i}].signing_key"),
                    format!("also the key of party[{first}]; each party makes its own with `smpcd init`"),
                );
            }
        }
    }

    fn legal(&mut self, draft: Option<&LegalDraft>) -> Option<Legal> {
        // A draft comes with a blank one: nobody but the parties can say why.
        let purpose = draft.and_then(|legal| legal.purpose.as_deref()).filter(|text| !text.trim().is_empty());
        let purpose = self.needed("legal.purpose", purpose, "write under [legal] why the figures are shared");
        let purpose = purpose.and_then(|text| self.text("legal.purpose", text, BLOCK));
        let mut other = Vec::new();
        for (key, text) in draft.map(LegalDraft::optional).into_iter().flatten() {
            let Some(text) = text else { continue };
            if let Some(text) = self.text(&format!("legal.{key}"), text, BLOCK) {
                other.push((key.to_string(), text));
            }
        }
        Some(Legal { purpose: purpose?, other })
    }
}

/// The bytes of `ed25519:BASE64`, whether or not they are a key.
fn key_bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0u8; 32];
    let decoded = Base64::decode(text.strip_prefix("ed25519:")?, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}
