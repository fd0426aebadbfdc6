//! The guard: a small file outside of `data_dir` that has the mark of what was signed last (PROTOCOL 7).
//!
//! Whoever puts back an older copy of `data_dir` does not put back the guard, and so the node sees that it may have
//! forgotten signatures. It is a text that a person can read. It is written beside its place, synced and renamed, so it
//! is there whole or as it was; and it never falls. It has the last checkpoint of the node's own log too that was signed,
//! and the last one of each peer's that was cosigned (PROTOCOL 8.3).
//!
//! # Security
//! It holds no secret and proves nothing to anybody: its check finds damage and another party's file, not a forger.
//! Whoever may write it may make this node recover without need, or, with an older copy of `data_dir`, sign again what
//! it has forgotten. So it belongs where copies of `data_dir` do not reach.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use audit::Digest;
use protocol::recovery::Mark;

use crate::result::{ResultError, write_atomically};

/// First line.
const FORMAT: &str = "smpcd guard 1";
/// Last line.
const NOTE: &str =
    "This file tells what smpcd signed last. Keep it out of copies of data_dir; never restore or delete it.";
/// Longest text that is read: some 200 bytes for each party.
const MOST: u64 = 1 << 20;

/// The guard cannot follow the store. Nothing is sent then.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// It would get a number that is not above its own: our own mistake.
    #[error("the guard {} has number {there} and was to get {wanted}: a guard never falls", path.display())]
    Falls {
        /// The file.
        path: PathBuf,
        /// Its number.
        there: u64,
        /// The number that it should get.
        wanted: u64,
    },
    /// It has another mark than this node wrote last.
    #[error(
        "the guard {} was written by another process: does a second node run with this party's keys? Stop it, then start this one again",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error(
        "the guard cannot be written ({0}): make its directory, and let the daemon's user write there; its place is `guard` in node.toml"
    )]
    Write(#[source] ResultError),
}

/// The guard of one node.
#[derive(Debug)]
pub struct Guard {
    path: PathBuf,
    party: String,
    found: Found,
    logs: Vouched,
}

/// For a party's log the last checkpoint that this node has signed or cosigned, as `SIZE ROOT SIGNATURE`.
pub type Vouched = BTreeMap<String, String>;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no such file.
    Missing,
    /// There is one, and it cannot be relied on: why.
    Unreadable(String),
    /// This mark.
    Mark(Mark),
}

impl Guard {
    /// Reads the guard of `party`. One that is not there, or cannot be read, is a finding and no error.
    #[must_use]
    pub fn open(path: &Path, party: &str) -> Self {
        // A link is followed once: renaming onto it would put the guard where the link lies.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let (found, logs) = read(&path, party);
        Self { path, party: party.to_owned(), found, logs }
    }

    /// What it says.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Its mark; none where it is missing or unreadable.
    #[must_use]
    pub fn mark(&self) -> Option<&Mark> {
        match &self.found {
            Found::Mark(mark) => Some(mark),
            Found::Missing | Found::Unreadable(_) => None,
        }
    }

    /// What was signed last of each log.
    #[must_use]
    pub fn logs(&self) -> &Vouched {
        &self.logs
    }

    /// Its place.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it this mark, durably. One that it has already is left as it is.
    ///
    /// # Errors
    /// [`GuardError`]; then it is as it was.
    pub fn raise(&mut self, mark: &Mark) -> Result<(), GuardError> {
        match self.mark() {
            Some(there) if there == mark => return Ok(()),
            Some(there) if there.number >= mark.number => return Err(self.falls(there.number, mark.number)),
            Some(_) | None => {}
        }
        self.write(*mark, self.logs.clone())
    }

    /// Takes note, durably, of what is signed of these logs; `None` for one with which people begin anew.
    ///
    /// # Errors
    /// [`GuardError`]; then it is as it was.
    pub fn vouch(&mut self, changes: &[(String, Option<String>)]) -> Result<(), GuardError> {
        let mut logs = self.logs.clone();
        for (log, vouched) in changes {
            let Some(vouched) = vouched else {
                logs.remove(log);
                continue;
            };
            let (there, wanted) = (logs.get(log).map_or(0, |there| size(there)), size(vouched));
            if wanted < there {
                return Err(self.falls(there, wanted));
            }
            logs.insert(log.clone(), vouched.clone());
        }
        if logs == self.logs {
            return Ok(());
        }
        self.write(self.mark().copied().unwrap_or(Mark::NONE), logs)
    }

    fn falls(&self, there: u64, wanted: u64) -> GuardError {
        GuardError::Falls { path: self.path.clone(), there, wanted }
    }

    fn write(&mut self, mark: Mark, logs: Vouched) -> Result<(), GuardError> {
        // One that was deleted meanwhile is made anew: this process has forgotten nothing.
        match read(&self.path, &self.party) {
            (Found::Mark(there), theirs) if self.mark() != Some(&there) || theirs != self.logs => {
                return Err(GuardError::Foreign { path: self.path.clone() });
            }
            _ => {}
        }
        let text = render(&self.party, &mark, &logs);
        write_atomically(&self.path, |file| file.write_all(text.as_bytes())).map_err(GuardError::Write)?;
        (self.found, self.logs) = (Found::Mark(mark), logs);
        Ok(())
    }
}

/// The records that a checkpoint covers.
fn size(vouched: &str) -> u64 {
    vouched.split(' ').next().and_then(|size| size.parse().ok()).unwrap_or(0)
}

fn read(path: &Path, party: &str) -> (Found, Vouched) {
    let mut text = String::new();
    let found = match File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Found::Missing,
        Err(error) => Found::Unreadable(error.to_string()),
        Ok(_) => match parse(party, &text) {
            Ok((mark, logs)) => return (Found::Mark(mark), logs),
            Err(why) => Found::Unreadable(why),
        },
    };
    (found, Vouched::new())
}

/// The one spelling of a guard.
fn render(party: &str, mark: &Mark, logs: &Vouched) -> String {
    let Mark { number, drawn } = mark;
    let logs: Vec<String> = logs.iter().map(|(log, vouched)| format!("log {log} {vouched}\n")).collect();
    let (number_bytes, head) = (number.to_le_bytes(), [party.as_bytes()]);
    let parts: Vec<&[u8]> =
        head.into_iter().chain([&number_bytes[..], drawn]).chain(logs.iter().map(String::as_bytes)).collect();
    let check = sharing::hash("smpcd/1/guard", &parts);
    let (drawn, check) = (audit::RoundId(*drawn), Digest(check));
    format!("{FORMAT}\nparty {party}\nnumber {number}\nmark {drawn}\n{}check {check}\n{NOTE}\n", logs.concat())
}

/// Reads mark and logs, and then the whole text by writing it anew: so nothing in it may differ.
fn parse(party: &str, text: &str) -> Result<(Mark, Vouched), String> {
    let fields = |name: &'static str| text.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '));
    let field = |name| fields(name).next();
    if !text.starts_with(FORMAT) {
        return Err(format!("it does not begin with \"{FORMAT}\""));
    }
    if let Some(other) = field("party").filter(|other| *other != party) {
        return Err(format!("it is the guard of {other}"));
    }
    let mark = field("number").and_then(|number| number.parse().ok()).zip(field("mark").and_then(|m| m.parse().ok()));
    let mark = mark.map(|(number, drawn): (u64, audit::RoundId)| Mark { number, drawn: drawn.0 });
    let logs = fields("log").filter_map(|line| line.split_once(' '));
    let logs: Vouched = logs.map(|(log, vouched)| (log.to_owned(), vouched.to_owned())).collect();
    match mark {
        Some(mark) if render(party, &mark, &logs) == text => Ok((mark, logs)),
        _ => Err("it was changed or cut".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mark(number: u64) -> Mark {
        Mark { number, drawn: [0xAB; 32] }
    }

    struct Place {
        directory: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { directory: tempfile::tempdir().expect("a directory") }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("guard")
        }

        fn open(&self) -> Guard {
            Guard::open(&self.path(), "p1")
        }

        fn text(&self) -> String {
            fs::read_to_string(self.path()).expect("reads")
        }
    }

    #[test]
    fn a_person_can_read_it() {
        let place = Place::new();
        place.open().raise(&mark(42)).expect("writes");
        let text = place.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["smpcd guard 1", "party p1", "number 42"]);
        assert_eq!(lines[3], format!("mark {}", "ab".repeat(32)));
        assert!(lines[4].starts_with("check sha256:") && lines[5].contains("never restore or delete"));
        assert_eq!(lines.len(), 6);
        assert_eq!(place.open().found(), &Found::Mark(mark(42)));
        assert_eq!(fs::metadata(place.path()).expect("is there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn it_never_falls() {
        let place = Place::new();
        let mut guard = place.open();
        assert_eq!((guard.found(), guard.mark()), (&Found::Missing, None));
        guard.raise(&mark(7)).expect("writes");
        guard.raise(&mark(7)).expect("is there");
        let text = place.text();
        for mut guard in [guard, place.open()] {
            let other = Mark { number: 7, drawn: [1; 32] };
            for wanted in [mark(6), mark(0), other] {
                assert!(matches!(guard.raise(&wanted), Err(GuardError::Falls { there: 7, .. })));
                assert_eq!((place.text(), guard.mark()), (text.clone(), Some(&mark(7))));
            }
        }
        place.open().raise(&mark(8)).expect("rises");
        assert_eq!(place.open().mark(), Some(&mark(8)));
    }

    #[test]
    fn it_has_what_was_signed_of_each_log_and_that_falls_only_where_people_begin_anew() {
        let place = Place::new();
        let mut guard = place.open();
        guard.raise(&mark(7)).expect("writes");
        let says = |log: &str, vouched: &str| (log.to_owned(), Some(vouched.to_owned()));
        guard.vouch(&[says("p1", "30 r s"), says("p2", "12 r s")]).expect("writes");
        guard.vouch(&[says("p2", "12 r s")]).expect("is there");
        guard.vouch(&[says("p2", "13 r s")]).expect("grows");
        assert!(place.text().contains("\nlog p1 30 r s\nlog p2 13 r s\ncheck sha256:"), "{}", place.text());
        for mut guard in [guard, place.open()] {
            assert!(matches!(
                guard.vouch(&[says("p1", "29 r s")]),
                Err(GuardError::Falls { there: 30, wanted: 29, .. })
            ));
            assert_eq!(guard.logs(), place.open().logs());
            assert_eq!((guard.logs().len(), guard.mark()), (2, Some(&mark(7))));
        }
        // Marks and logs go their own ways.
        let mut guard = place.open();
        guard.raise(&mark(8)).expect("rises");
        guard.vouch(&[("p1".to_owned(), None)]).expect("forgets");
        guard.vouch(&[says("p1", "3 r s")]).expect("begins anew");
        assert_eq!(place.open().logs()["p1"], "3 r s");
        assert_eq!((place.open().mark(), place.open().logs()["p2"].as_str()), (Some(&mark(8)), "13 r s"));
        // A second node that vouches is noticed as one that signs.
        let mut second = place.open();
        second.vouch(&[says("p2", "14 r s")]).expect("writes");
        assert!(matches!(guard.raise(&mark(9)), Err(GuardError::Foreign { .. })));
        // No line can be changed, taken out or put in.
        let text = place.text();
        let (line, other) = ("log p2 14 r s\n", "log p3 1 r s\n");
        for bad in [text.replace(line, ""), text.replace(line, other), text.replace(line, &format!("{line}{other}"))] {
            assert!(parse("p1", &bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn it_is_replaced_and_never_written_into() {
        let place = Place::new();
        place.open().raise(&mark(1)).expect("writes");
        let before = place.directory.path().join("before");
        fs::hard_link(place.path(), &before).expect("links");
        place.open().raise(&mark(2)).expect("writes");
        assert!(fs::read_to_string(before).expect("reads").contains("number 1\n"));
        assert_eq!(fs::read_dir(place.directory.path()).expect("lists").count(), 2, "nothing else is left");
    }

    #[test]
    fn whatever_is_not_its_own_text_is_unreadable() {
        let place = Place::new();
        place.open().raise(&mark(42)).expect("writes");
        let good = place.text();
        let unreadable = |bytes: &[u8]| {
            fs::write(place.path(), bytes).expect("writes");
            let guard = place.open();
            assert!(matches!(guard.found(), Found::Unreadable(_)), "{}", String::from_utf8_lossy(bytes));
            assert_eq!(guard.mark(), None);
        };
        for at in 0..good.len() {
            for mask in [1, 0x20] {
                let mut bad = good.clone().into_bytes();
                bad[at] ^= mask;
                let bad = String::from_utf8(bad).expect("still ASCII");
                assert!(parse("p1", &bad).is_err(), "{bad}");
            }
            assert!(parse("p1", &good[..at]).is_err(), "{at} bytes");
        }
        unreadable(&good.as_bytes()[..good.len() - 1]);
        unreadable(&[good.as_bytes(), &[0x80]].concat());
        unreadable(format!("{good}\n").as_bytes());
        unreadable(good.replace("number 42", "number 042").as_bytes());
        unreadable(good.replace("number 42", "number 43").as_bytes());
        unreadable(good.replace('\n', "\r\n").as_bytes());
        unreadable(&vec![b'x'; 2 << 20]);
        fs::write(place.path(), &good).expect("writes");
        assert_eq!(place.open().mark(), Some(&mark(42)));
        match Guard::open(&place.path(), "p2").found() {
            Found::Unreadable(why) => assert!(why.contains("p1"), "{why}"),
            found => panic!("{found:?}"),
        }
        fs::remove_file(place.path()).expect("removes");
        fs::create_dir(place.path()).expect("creates");
        assert!(matches!(place.open().found(), Found::Unreadable(_)));
    }

    #[test]
    fn an_unreadable_one_is_replaced() {
        let place = Place::new();
        fs::write(place.path(), "something").expect("writes");
        place.open().raise(&mark(3)).expect("writes");
        assert_eq!(place.open().mark(), Some(&mark(3)));
    }

    #[test]
    fn two_nodes_on_one_guard_are_noticed_and_a_lost_file_is_made_anew() {
        let place = Place::new();
        let (mut first, mut second) = (place.open(), place.open());
        first.raise(&mark(5)).expect("writes");
        assert!(matches!(second.raise(&mark(6)), Err(GuardError::Foreign { .. })));
        assert_eq!(place.open().mark(), Some(&mark(5)));
        fs::remove_file(place.path()).expect("removes");
        first.raise(&mark(6)).expect("writes");
        assert_eq!(place.open().mark(), Some(&mark(6)));
    }

    #[test]
    fn a_link_is_followed_to_its_file() {
        let place = Place::new();
        let volume = place.directory.path().join("volume");
        fs::write(&volume, "").expect("writes");
        symlink(&volume, place.path()).expect("links");
        place.open().raise(&mark(4)).expect("writes");
        assert!(fs::symlink_metadata(place.path()).expect("is there").is_symlink());
        assert!(fs::read_to_string(volume).expect("reads").contains("number 4"));
    }

    #[test]
    fn where_it_cannot_be_written_is_said() {
        let place = Place::new();
        let mut guard = Guard::open(&place.directory.path().join("nowhere/guard"), "p1");
        assert_eq!(guard.found(), &Found::Missing);
        let text = guard.raise(&mark(1)).expect_err("no directory").to_string();
        assert!(text.contains("nowhere/guard") && text.contains("node.toml"), "{text}");
    }
}
