//! A party that owns its whole disk and doctors its log: `smpcd audit verify` finds it with what any one of its peers has
//! witnessed, and finds nothing in a log that nobody touched (PROTOCOL 8). `SMPCD_TAMPERINGS` says how many of each kind.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use audit::{Chain, HashFile, Line, LogKey, NoteSigner, Record, SignedCheckpoint, Tree};
use testkit::consortium::Key;
use testkit::dice::Dice;
use wire::Signer;

use support::Testbed;

/// Tamperings of each kind in the test command that everybody runs.
const TAMPERINGS: u64 = 40;
/// How many are tried at once.
const WORKERS: u64 = 2;

/// The kinds.
const KINDS: [&str; 6] =
    ["a flipped byte", "a removed record", "a moved record", "an inserted record", "a cut log", "another log"];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// The doctored party's directory, and what it has to begin with.
struct Desk {
    home: PathBuf,
    lines: Vec<Line>,
    /// Records that the peer has witnessed.
    seen: usize,
    checkpoint: PathBuf,
    pen: Pen,
    key: LogKey,
}

struct Pen(Key);

impl NoteSigner for Pen {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes)
    }
}

impl Desk {
    /// Of p1 in a copy of a testbed, with what `peer` has witnessed of it.
    fn new(root: &Path, peer: &str) -> Self {
        let home = root.join("p1");
        let text = fs::read_to_string(home.join("data/audit/log.jsonl")).expect("a log");
        let line = |(text, seq): (&str, u64)| Line { seq, text: text.to_owned() };
        let lines: Vec<Line> = text.lines().zip(1..).map(line).collect();
        let checkpoint = root.join(format!("{peer}/data/audit/witnessed/p1.checkpoint"));
        let note = fs::read_to_string(&checkpoint).expect("a checkpoint");
        let seen = note.lines().nth(1).expect("a size").parse().expect("a size");
        assert!(seen > 20 && seen <= lines.len());
        let armour = fs::read(home.join("keys/signing.key")).expect("a key");
        let mut secret = [0; 32];
        pem_rfc7468::decode(armour.trim_ascii(), &mut secret).expect("a key");
        let pen = Pen(Key::new(secret));
        let key = LogKey::new("testbed", "p1", pen.public_key());
        Self { home, lines, seen, checkpoint, pen, key }
    }

    fn audit(&self, name: &str) -> PathBuf {
        self.home.join("data/audit").join(name)
    }

    /// Puts a log there. What the party has signed itself and the cosignatures that it holds: left, hidden, or made to fit.
    fn put(&self, log: &[u8], dice: &mut Dice) {
        fs::write(self.audit("log.jsonl"), log).expect("writes");
        for name in ["checkpoints.jsonl", "cosigned"] {
            let kept = self.audit(&format!("kept-{name}"));
            if !kept.exists() {
                fs::rename(self.audit(name), &kept).expect("moves");
            }
            // There may be none.
            let _ = fs::remove_file(self.audit(name));
        }
        match dice.below(3) {
            0 => drop(fs::copy(self.audit("kept-checkpoints.jsonl"), self.audit("checkpoints.jsonl")).expect("copies")),
            1 => {}
            _ => self.sign_anew(log),
        }
    }

    /// The best that the owner of the key can do: a chain of checkpoints that fits.
    fn sign_anew(&self, log: &[u8]) {
        let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), log);
        let Some(hashes) = hashes.ok().filter(|hashes| hashes.size() > 1) else { return };
        let mut chain = Chain::open(&self.audit("checkpoints.jsonl"), &self.key).expect("opens");
        for size in [hashes.size() / 2, hashes.size()] {
            let since = chain.last().map_or(0, SignedCheckpoint::size);
            let path = hashes.consistency(since, size).expect("is there");
            let note = SignedCheckpoint::sign(&self.key, size, hashes.root_at(size).expect("is there"), &self.pen);
            chain.append(&note, &path).expect("appends");
        }
    }

    fn verify(&self) -> Output {
        let config = self.home.join("node.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_smpcd"));
        command.args(["audit", "verify", "--config"]).arg(config).arg("--checkpoint").arg(&self.checkpoint);
        command.output().expect("runs")
    }

    /// A log that is not what was witnessed.
    fn tampered(&self, kind: &str, dice: &mut Dice) -> Vec<u8> {
        let (seen, all) = (self.seen, self.lines.len());
        let mut lines = self.lines.clone();
        match kind {
            "a flipped byte" => {
                let mut log = text(&lines);
                let at = dice.index(text(&lines[..seen]).len());
                log[at] ^= u8::try_from(dice.within(1, 255)).expect("a byte");
                return log;
            }
            "a removed record" => drop(lines.remove(dice.index(seen))),
            "a moved record" => {
                let from = dice.index(seen);
                let to = (from + 1 + dice.index(all - 1)) % all;
                let moved = lines.remove(from);
                lines.insert(to, moved);
            }
            "an inserted record" => {
                let another = lines[dice.index(all)].clone();
                lines.insert(dice.index(seen), another);
            }
            "a cut log" => {
                let mut log = text(&lines);
                log.truncate(dice.index(text(&lines[..seen]).len()));
                return log;
            }
            // Another story from a random record on, in good order.
            _ => {
                let from = dice.index(seen);
                for line in &mut lines[from..] {
                    let mut record = Record::parse(&line.text).expect("a record");
                    record.time = audit::Time::from_micros(record.time.micros() + 1);
                    *line = record.to_line();
                }
            }
        }
        // The careful forger gives each record the number of its place; the careless one leaves them as they are.
        if dice.percent(70) {
            for (line, seq) in lines.iter_mut().zip(1..) {
                let mut record = Record::parse(&line.text).expect("a record");
                record.seq = seq;
                *line = record.to_line();
            }
        }
        // Two records alike may have changed places: then nothing was changed.
        let same = text(&lines[..seen.min(lines.len())]) == text(&self.lines[..seen]);
        if same { self.tampered(kind, dice) } else { text(&lines) }
    }
}

fn text(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.text.as_bytes(), b"\n"].concat()).collect()
}

/// Three parties after three rounds; all are down.
fn story() -> Testbed {
    let mut testbed = Testbed::new(3);
    testbed.start_all();
    for (period, figure) in ["a", "b", "c"].into_iter().zip(1_i32..) {
        (0..3).for_each(|party| testbed.input(party, None, &format!("expenditure\n{figure}{party}\n")));
        testbed.completes("average-expenditure", period);
    }
    // So that the others see its last records, and write what they have seen.
    testbed.stop(0);
    testbed.stop_all();
    testbed
}

fn copied(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("runs");
    assert!(done.success());
}

#[test]
fn no_tampering_with_what_a_peer_has_witnessed_is_missed_and_none_is_seen_where_there_is_none() {
    let testbed = story();
    let (each, seed) = (number("SMPCD_TAMPERINGS", TAMPERINGS), number("SMPCD_TAMPERING_SEED", 1));
    let folder = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let root = folder.path().join(worker.to_string());
            copied(&testbed.root(), &root);
            scope.spawn(move || {
                let desk = Desk::new(&root, if worker % 2 == 0 { "p2" } else { "p3" });
                let mut dice = Dice::new(seed, &format!("tampering {worker}"));
                for number in (worker..each).step_by(usize::try_from(WORKERS).expect("few")) {
                    for kind in KINDS {
                        let log = desk.tampered(kind, &mut dice);
                        desk.put(&log, &mut dice);
                        let said = desk.verify();
                        let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
                        assert_eq!(said.status.code(), Some(4), "{kind}, number {number}: {complaint}");
                        assert!(complaint.contains("log.jsonl"), "{kind}, number {number}: {complaint}");
                    }
                    // Untouched, as it was or as it grows: whole records behind what was witnessed, and half a one.
                    let mut log = text(&desk.lines[..desk.seen + dice.index(desk.lines.len() - desk.seen + 1)]);
                    if dice.percent(50) {
                        log.extend_from_slice(b"{\"seq\":");
                    }
                    desk.put(&log, &mut dice);
                    // Its own chain may reach further than the log was cut to here.
                    let _ = fs::remove_file(desk.audit("checkpoints.jsonl"));
                    let said = desk.verify();
                    assert_eq!(said.status.code(), Some(0), "untouched, {number}: {said:?}");
                }
            });
        }
    });
    println!("{each} tamperings of each of {} kinds were found, and {each} untouched logs stand", KINDS.len());
}

#[test]
fn a_party_is_told_by_its_own_files_where_somebody_else_was_at_them() {
    let testbed = story();
    let config = testbed.node_file(0);
    let config = config.to_str().expect("text");
    let audit = testbed.data(0).join("audit");
    let whole = testbed.run(0, &["audit", "verify"]).exits(0).out;
    for part in ["cosigned/p2.checkpoint", "cosigned by p2 at ", "cosigned by p3 at ", "each of which continues"] {
        assert!(whole.contains(part), "{part}: {whole}");
    }
    assert!(whole.contains("that the party has kept itself"), "{whole}");
    let spoil = |name: &str, change: &dyn Fn(String) -> String, complaint: &[&str]| {
        let file = audit.join(name);
        let before = fs::read_to_string(&file).expect("is there");
        let after = change(before.clone());
        assert_ne!(after, before);
        fs::write(&file, after).expect("writes");
        let said = support::smpcd(["audit", "verify", "--config", config]).exits(4).complains(complaint).out;
        let holds = !complaint[0].contains("checkpoints.jsonl");
        assert_eq!(said.contains("each of which continues the one before"), holds && !said.is_empty(), "{said}");
        fs::write(&file, before).expect("writes");
        support::smpcd(["audit", "verify", "--config", config]).exits(0);
    };
    // A later record gone: the cosignatures show it, and so does the own chain.
    let cut = |text: String| {
        let kept: Vec<&str> = text.lines().collect();
        kept[..kept.len() / 2].iter().map(|line| format!("{line}\n")).collect()
    };
    spoil("log.jsonl", &cut, &["records were removed from its end"]);
    let signature = |text: String| {
        let at = text.len() - 40;
        let other = if text[at..].starts_with('A') { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    spoil("cosigned/p2.checkpoint", &signature, &["p2.checkpoint", "not good"]);
    let second =
        |text: String| text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, l)| format!("{l}\n")).collect();
    spoil("checkpoints.jsonl", &second, &["checkpoints.jsonl: line 2", "does not continue the one before"]);
    spoil("checkpoints.jsonl", &|text| text.replacen("\\n", "\\n1", 1), &["checkpoints.jsonl: line 1"]);
    // The chain of another log, well signed.
    let desk = Desk::new(&testbed.root(), "p2");
    let mut tree = Tree::default();
    tree.push("another line");
    let other = SignedCheckpoint::sign(&desk.key, 1, tree.root(), &desk.pen);
    let chain = audit.join("checkpoints.jsonl");
    let before = fs::read_to_string(&chain).expect("is there");
    fs::remove_file(&chain).expect("removes");
    Chain::open(&chain, &desk.key).expect("opens").append(&other, &Vec::new()).expect("appends");
    support::smpcd(["audit", "verify", "--config", config]).exits(4).complains(&["first 1 records are not those"]);
    fs::write(&chain, before).expect("writes");
    support::smpcd(["audit", "verify", "--config", config]).exits(0);
}

/// Whoever owns the machine changes one record in the store itself, and lets the daemon write the file anew from it. The file is
/// in good order, and what the party had kept of checkpoints is gone.
#[test]
fn a_record_rewritten_in_the_store_is_shown_by_every_peer_and_no_round_starts_until_people_know() {
    let mut testbed = story();
    let store = rusqlite::Connection::open(testbed.data(0).join("store.sqlite")).expect("opens");
    let record = "SELECT line FROM audit WHERE seq = 12";
    let line: String = store.query_row(record, [], |row| row.get(0)).expect("a record");
    let mut doctored = Record::parse(&line).expect("a record");
    doctored.time = audit::Time::from_micros(doctored.time.micros() + 60_000_000);
    store.execute("UPDATE audit SET line = ?1 WHERE seq = 12", [doctored.to_line().text]).expect("writes");
    drop(store);
    let kept = testbed.root().join("kept");
    copied(&testbed.data(0).join("audit"), &kept);
    fs::remove_dir_all(testbed.data(0).join("audit")).expect("removes");
    // In itself the log stands.
    testbed.start(0);
    testbed.until("it runs", || testbed.status(0));
    testbed.run(0, &["audit", "verify"]).exits(0);
    testbed.start(1);
    testbed.start(2);
    let behind = testbed.recorded(0, "log.behind", |_| true);
    assert_eq!(behind["outcome"], "differs", "{behind:#}");
    let status = testbed.until("it says so", || testbed.status(0).filter(|status| status["log_behind"].is_string()));
    assert!(status["log_behind"].as_str().expect("a text").contains("audit acknowledge"), "{status:#}");
    testbed.until("it signs again", || testbed.status(0).filter(|status| status["rollback"].is_null()));
    let shown = testbed.run(0, &["status"]).exits(0).out;
    assert!(shown.contains("no round starts: this node's log is not the one that it has signed"), "{shown}");
    // No command signs that log, either.
    let pack = testbed.root().join("pack");
    for command in [
        &["audit", "checkpoint"][..],
        &["audit", "prove", "3"],
        &["audit", "pack", "average-expenditure/a", "--out", pack.to_str().expect("text")],
    ] {
        let said = testbed.run(0, command).exits(4);
        assert_eq!(said.out, "", "nothing is signed");
        said.complains(&[
            "the log is not the one that p1 has signed",
            "smpcd audit acknowledge --by NAME --reason TEXT",
        ]);
    }
    assert!(!pack.exists());
    // Neither its own people nor its peers begin a round with it.
    (0..3).for_each(|party| testbed.input(party, None, &format!("expenditure\n9{party}\n")));
    let start = ["round", "start", "average-expenditure", "--period", "d"];
    testbed.run(0, &start).exits(1).complains(&["not the one that it has signed", "audit acknowledge"]);
    // It shows nobody a checkpoint of that log meanwhile.
    assert!(testbed.audit(1).iter().all(|record| record["event"] != "log.departed"));
    // A restart forgets nothing of it.
    testbed.stop(0);
    testbed.start(0);
    testbed.linked();
    testbed.run(0, &start).exits(1).complains(&["not the one that it has signed"]);
    for wrong in [&["--by", " ", "--reason", "because"][..], &["--by", "Ann Ames", "--reason", " "]] {
        testbed.run(0, &[&["audit", "acknowledge"][..], wrong].concat()).exits(2);
    }
    testbed.run(1, &["audit", "acknowledge", "--by", "Bob", "--reason", "no"]).exits(1).complains(&["not behind"]);
    let witnessed = testbed.data(1).join("audit/witnessed/p1.checkpoint");
    let before = fs::read(&witnessed).expect("is there");
    testbed.goes_on(0, &[1]);
    testbed.run(0, &["audit", "checkpoint"]).exits(0);
    // What people are told to do next are commands that can be run: here at p3, who has to acknowledge it too.
    testbed.until("p3 has an alarm", || testbed.peer(2, 0)["log"]["alarm"].is_string().then_some(()));
    let said = testbed.all_said();
    let told = said.iter().rfind(|(line, said)| line.starts_with("audit acknowledge --by") && said.code == Some(0));
    let told = &told.expect("it was acknowledged").1.out;
    let next = told.rsplit_once("(smpcd ").and_then(|(_, next)| next.split_once(')')).expect("a command").0;
    assert!(
        testbed.run(2, &["status"]).exits(0).out.contains(&format!("ask them, and then: smpcd {next}\n")),
        "{next}"
    );
    let said = testbed.run(2, &["doctor", "--level", "live"]);
    assert!(format!("{}{}", said.out, said.err).contains(&format!("ask them, and then: smpcd {next}\n")), "{said:?}");
    let next = next.replace("TEXT", "known").replace("NAME", "Ann");
    testbed.run(2, &next.split(' ').collect::<Vec<_>>()).exits(0);
    testbed.goes_on(0, &[]);
    let (uid, said) = (rustix::process::getuid().as_raw(), testbed.recorded(0, "log.acknowledged", |_| true));
    assert_eq!((&said["actor"], &said["detail"]["by"]), (&format!("uid:{uid}").into(), &"Ann Ames".into()), "{said:#}");
    // The others have evidence, signed by that party, and what they had witnessed before is in it.
    for party in [1, 2] {
        let folder = testbed.data(party).join("evidence");
        let files: Vec<PathBuf> =
            fs::read_dir(&folder).expect("evidence").map(|entry| entry.expect("a file").path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let departure: audit::Departure =
            serde_json::from_slice(&fs::read(&files[0]).expect("reads")).expect("evidence");
        let before = departure.seen.lines().nth(1).expect("a size");
        assert!(before.parse::<u64>().expect("a size") > 12);
        // With what the owner has tried to hide, anybody can tell: the record that was changed is in the old log.
        let old = fs::read(kept.join("log.jsonl")).expect("the old log");
        let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), &old[..]).expect("derives");
        let seen = audit::Checkpoint::claimed(&departure.seen).expect("a checkpoint");
        assert_eq!(hashes.root_at(seen.size).expect("is there"), seen.root);
    }
    testbed.completes("average-expenditure", "d");
    testbed.until("the others cosign the log as it goes on", || {
        testbed.run(0, &["audit", "verify"]).exits(0).out.contains("cosigned by p2").then_some(())
    });
    testbed.stop_all();
    // What was acknowledged is put aside and keeps nobody from signing what followed; where it stands, it does.
    testbed.run(0, &["audit", "checkpoint"]).exits(0);
    fs::write(testbed.data(0).join("audit/cosigned/p2.checkpoint"), before).expect("writes");
    testbed.run(0, &["audit", "checkpoint"]).exits(4).complains(&["cosigned/p2.checkpoint"]);
}

/// A command that signed such a log would make evidence against its own party, for ever.
#[test]
fn no_command_signs_a_log_that_does_not_continue_what_was_signed_of_it() {
    let testbed = story();
    let audit = testbed.data(0).join("audit");
    let (log, chain, cosigned) = (audit.join("log.jsonl"), audit.join("checkpoints.jsonl"), audit.join("cosigned"));
    let kept = testbed.root().join("kept");
    copied(&audit, &kept);
    let restore = || {
        fs::remove_dir_all(&audit).expect("removes");
        copied(&kept, &audit);
        testbed.run(0, &["audit", "checkpoint"]).exits(0);
    };
    let (proof, pack) = (testbed.root().join("proof"), testbed.root().join("pack"));
    let refused = |parts: &[&str]| {
        for command in [
            &["audit", "checkpoint"][..],
            &["audit", "prove", "3", "--out", proof.to_str().expect("text")],
            &["audit", "pack", "average-expenditure/a", "--out", pack.to_str().expect("text")],
        ] {
            // A pack is signed where nobody has cosigned it.
            if command[1] == "pack" && cosigned.exists() {
                continue;
            }
            let said = testbed.run(0, command).exits(4);
            assert_eq!(said.out, "", "nothing is signed");
            said.complains(parts);
        }
        assert!(!proof.exists() && !pack.exists());
    };
    let next =
        "put back the newest copy of data_dir; where there is none: smpcd audit acknowledge --by NAME --reason TEXT";
    let whole = fs::read_to_string(&log).expect("a log");
    let cut: String = whole.lines().take(whole.lines().count() / 2).map(|line| format!("{line}\n")).collect();
    assert!(cut.contains("average-expenditure"));
    let mut record = Record::parse(whole.lines().nth(4).expect("a line")).expect("a record");
    record.time = audit::Time::from_micros(record.time.micros() + 1);
    let rewritten = whole.replacen(whole.lines().nth(4).expect("a line"), &record.to_line().text, 1);
    for other in [&cut, &rewritten] {
        // By its guard alone, by its own chain of checkpoints, by what one peer has cosigned.
        fs::write(&log, other).expect("writes");
        fs::remove_dir_all(&cosigned).expect("removes");
        fs::remove_file(&chain).expect("removes");
        refused(&["log.jsonl", "p1/guard", next]);
        restore();
        fs::write(&log, other).expect("writes");
        fs::remove_dir_all(&cosigned).expect("removes");
        refused(&["log.jsonl", "checkpoints.jsonl", next]);
        restore();
        fs::write(&log, other).expect("writes");
        fs::remove_file(&chain).expect("removes");
        fs::remove_file(cosigned.join("p3.checkpoint")).expect("removes");
        refused(&["log.jsonl", "cosigned/p2.checkpoint", next]);
        restore();
    }
    // A chain that does not hold together does not say what was signed.
    let text = fs::read_to_string(&chain).expect("a chain");
    fs::write(&chain, text.replacen("\\n", "\\n1", 1)).expect("writes");
    refused(&["checkpoints.jsonl: line 1", "what was signed"]);
    restore();
    // Nor does a cosigned file that nobody can read.
    fs::write(cosigned.join("p2.checkpoint"), "nothing\n").expect("writes");
    refused(&["cosigned/p2.checkpoint", "not a signed note"]);
    restore();
    // A node that has to recover signs nothing, and its commands do not, either: without its guard,
    let guard = testbed.home(0).join("guard");
    let mark = fs::read(&guard).expect("a guard");
    fs::remove_file(&guard).expect("removes");
    refused(&["guard", "recovers", "smpcd status"]);
    fs::write(&guard, mark).expect("writes");
    testbed.run(0, &["audit", "checkpoint"]).exits(0);
    // and in the middle of a recovery.
    let store = rusqlite::Connection::open(testbed.data(0).join("store.sqlite")).expect("opens");
    let found = "INSERT INTO kept (kind, name, bytes) VALUES ('recover', 'recover', CAST('a peer has more' AS BLOB))";
    store.execute(found, []).expect("writes");
    refused(&["a peer has more", "recovers", "smpcd status"]);
    store.execute("DELETE FROM kept WHERE kind = 'recover'", []).expect("writes");
    testbed.run(0, &["audit", "checkpoint"]).exits(0);
}

/// Of the files beside a log those count that this party has signed with its key of the agreement.
#[test]
fn notes_of_other_keys_are_passed_over_and_said() {
    let testbed = story();
    let desk = Desk::new(&testbed.root(), "p2");
    let audit = testbed.data(0).join("audit");
    let third = audit.join("cosigned/p3.checkpoint");
    let kept = fs::read_to_string(&third).expect("is there");
    let mut tree = Tree::default();
    tree.push("another line");
    let note = |consortium: &str, party: &str, pen: &Pen| {
        let key = LogKey::new(consortium, party, pen.public_key());
        SignedCheckpoint::sign(&key, 1, tree.root(), pen).to_string()
    };
    let other = Pen(Key::new([9; 32]));
    for note in [note("testbed", "p1", &other), note("founders", "p1", &desk.pen)] {
        fs::write(&third, note).expect("writes");
        let said = testbed.run(0, &["audit", "verify"]).exits(0).out;
        let line = said.lines().find(|line| line.contains("p3.checkpoint")).expect("it is said");
        assert!(line.contains("another agreement") && line.contains("--agreement"), "{said}");
        assert!(said.contains("cosigned by p2 at "), "{said}");
        let json = testbed.run(0, &["audit", "verify", "--json"]).exits(0).json();
        assert_eq!(json["other_keys"], serde_json::json!([third.to_str().expect("text")]));
        assert_eq!(json["checkpoints"].as_array().expect("a list").len(), 1);
        // It keeps nothing else from being made.
        let pack = testbed.root().join("pack");
        testbed.run(0, &["audit", "pack", "average-expenditure/a", "--out", pack.to_str().expect("text")]).exits(0);
        testbed.run(0, &["audit", "checkpoint"]).exits(0);
        // Whoever gives it as a checkpoint of this log is told that it is none.
        let third = third.to_str().expect("text");
        testbed.run(0, &["audit", "verify", "--checkpoint", third]).exits(4).complains(&["p3.checkpoint"]);
    }
    let unsigned = |text: &str| text.replace("\u{2014} smpcd/testbed/p1/audit ", "\u{2014} smpcd/testbed/p9/audit ");
    for garbage in [
        "nothing".to_owned(),
        note("testbed", "p2", &desk.pen),
        note("founders", "p2", &desk.pen),
        note("testbed", "p1", &desk.pen).replacen("\n1\n", "\n2\n", 1),
        unsigned(&note("testbed", "p1", &desk.pen)),
        unsigned(&note("testbed", "p1", &other)),
    ] {
        fs::write(&third, &garbage).expect("writes");
        testbed.run(0, &["audit", "verify"]).exits(4).complains(&["p3.checkpoint"]);
    }
    fs::write(&third, &kept).expect("writes");
    testbed.run(0, &["audit", "verify"]).exits(0);
}

/// Its own cosignature says nothing that its signature does not say.
#[test]
fn a_party_is_no_witness_of_itself() {
    let testbed = story();
    let desk = Desk::new(&testbed.root(), "p2");
    let audit = testbed.data(0).join("audit");
    let (second, third) = (audit.join("cosigned/p2.checkpoint"), audit.join("cosigned/p3.checkpoint"));
    let seen = fs::read_to_string(&second).expect("is there");
    let own = |note: &str| {
        let mut witness = audit::Witness::new(desk.key.clone());
        let own = witness.look(note, &Vec::new()).expect("its own").cosign(&desk.key, &desk.pen, 1_790_000_000);
        // A witness keeps nobody else's line.
        let others: String = note.lines().skip(5).map(|line| format!("{line}\n")).collect();
        format!("{own}{others}")
    };
    fs::write(&second, own(&seen)).expect("writes");
    let said = testbed.run(0, &["audit", "verify"]).exits(0).out;
    assert!(said.contains("cosigned by p2 at ") && !said.contains("cosigned by p1"), "{said}");
    let proof = testbed.root().join("proof");
    let (file, path) = (second.to_str().expect("text"), proof.to_str().expect("text"));
    testbed.run(0, &["audit", "prove", "3", "--checkpoint", file, "--out", path]).exits(0);
    let agreement = testbed.root().join("agreement.toml");
    let check = ["audit", "check-proof", path, "--agreement", agreement.to_str().expect("text"), "--json"];
    let by = support::smpcd(check).exits(0).json()["cosignatures"].clone();
    let by: Vec<&str> = by.as_array().expect("a list").iter().map(|by| by.as_str().expect("text")).collect();
    assert!(by.len() == 1 && by[0].starts_with("cosigned by p2 at "), "{by:?}");
    // With no other one nobody else has seen the log.
    fs::remove_file(&third).expect("removes");
    let fresh = testbed.run(0, &["audit", "checkpoint"]).exits(0).out;
    fs::write(&second, own(&fresh)).expect("writes");
    assert_eq!(testbed.run(0, &["audit", "verify", "--json"]).exits(0).json()["covered"], 0);
}

#[test]
fn people_are_shown_how_much_a_record_matters_and_programs_the_bytes() {
    let testbed = story();
    let log = fs::read_to_string(testbed.data(0).join("audit/log.jsonl")).expect("a log");
    assert_eq!(testbed.run(0, &["audit", "show", "--json"]).exits(0).out.trim_end(), log.trim_end());
    let shown = testbed.run(0, &["audit", "show"]).exits(0).out;
    let shown: Vec<&str> = shown.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(shown.len(), log.lines().count());
    let words = ["notice", "warning", "alarm"];
    let mut told = std::collections::BTreeSet::new();
    for (line, text) in shown.iter().zip(log.lines()) {
        let severity = Record::parse(text).expect("a record").severity().word();
        let said = words.into_iter().find(|word| line.ends_with(&format!("  ({word})"))).unwrap_or("info");
        assert_eq!(said, severity, "{line}");
        told.insert(said);
    }
    assert!(told.contains("notice") && told.contains("info"), "{told:?}");
}

/// RFC 6962 and C2SP signed-note, tlog-checkpoint and tlog-cosignature as somebody else reads them.
#[test]
fn a_second_implementation_reads_the_logs_and_checkpoints_of_real_daemons() {
    let Some(python) = support::python::python() else { return };
    let testbed = story();
    let run = |log: &Path, checkpoints: &[PathBuf]| {
        let mut command = Command::new(&python);
        command.arg(support::python::verifier().join("log.py")).args(["--party", "p1", "--agreement"]);
        command.arg(testbed.root().join("agreement.toml")).arg("--log").arg(log).args(checkpoints);
        let said = command.output().expect("runs");
        let out = String::from_utf8_lossy(&said.stdout).into_owned();
        let lines: Vec<String> = out.lines().map(|line| line.split_once(": ").expect("a line").1.to_owned()).collect();
        assert_eq!(lines.len(), checkpoints.len(), "{said:?}");
        (said.status.code(), lines)
    };
    let audit = |party: usize| testbed.data(party).join("audit");
    let log = audit(0).join("log.jsonl");
    let fresh = testbed.root().join("fresh.checkpoint");
    fs::write(&fresh, testbed.run(0, &["audit", "checkpoint"]).exits(0).out).expect("writes");
    let checkpoints = [
        fresh,
        audit(1).join("witnessed/p1.checkpoint"),
        audit(2).join("witnessed/p1.checkpoint"),
        audit(0).join("cosigned/p2.checkpoint"),
        audit(0).join("cosigned/p3.checkpoint"),
    ];
    let (code, lines) = run(&log, &checkpoints);
    assert_eq!(code, Some(0), "{lines:?}");
    for (line, by) in lines.iter().zip(["nobody", "p2", "p3", "p2", "p3"]) {
        assert!(line.ends_with(&format!("cosigned by {by}")), "{lines:?}");
    }
    // And it is no yes-man: one digit of one record, and every line of every file.
    let text = fs::read_to_string(&log).expect("a log");
    let doctored = testbed.root().join("doctored.jsonl");
    fs::write(&doctored, text.replacen("\"seq\":2,", "\"seq\":3,", 1)).expect("writes");
    assert_eq!(run(&doctored, &checkpoints).0, Some(4));
    for checkpoint in &checkpoints[1..2] {
        let note = fs::read_to_string(checkpoint).expect("a note");
        let changed = |(at, _): (usize, &str)| {
            let mut lines: Vec<String> = note.lines().map(str::to_owned).collect();
            // The end of a line is a digit, or the last of a signature.
            let end = lines[at].len().saturating_sub(8);
            let other = if lines[at][end..].starts_with('x') { "y" } else { "x" };
            if at < 3 {
                lines[at].push('1');
            } else {
                lines[at].replace_range(end..=end, other);
            }
            let file = testbed.root().join(format!("changed-{at}"));
            fs::write(&file, lines.join("\n") + "\n").expect("writes");
            file
        };
        let files: Vec<PathBuf> = note.lines().enumerate().filter(|(_, line)| !line.is_empty()).map(changed).collect();
        assert_eq!(files.len(), 5);
        let (_, lines) = run(&log, &files);
        assert!(lines.iter().all(|line| line.starts_with("refused: ")), "{lines:?}");
    }
}
