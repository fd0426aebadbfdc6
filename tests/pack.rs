//! What an auditor is given of a round proves itself, and nothing else gets through (PROTOCOL 8.7).

mod support;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use audit::{DigestOf, Draft, Event, Line, Log, LogKey, NoteSigner, Past, SignedCheckpoint, Time, Tree, Witness};
use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::dice::Dice;

use support::{Said, Testbed, simple, smpcd};

/// Bytes that are changed in each pack.
const CHANGED: usize = 300;

/// Figures that stand in no pack, nor do their sums.
const FIGURES: [&str; 3] = ["271828", "314159", "141421"];

/// Packs of p2, of rounds that completed, semi-honest and malicious, and of one that was given up.
struct Packs {
    testbed: Testbed,
    folder: tempfile::TempDir,
}

impl Packs {
    fn new() -> Self {
        let malicious = simple("proven", "5s", "1m").replace("\"semi-honest\"", "\"malicious\"");
        let mut testbed =
            Testbed::of(3, &[simple("plain", "5s", "1m"), malicious, simple("short", "2s", "3s")].concat());
        for (party, figure) in FIGURES.into_iter().enumerate() {
            for computation in ["plain", "proven", "short"] {
                testbed.input(party, Some(computation), &format!("figure\n{figure}\n"));
            }
        }
        testbed.input(2, Some("short"), "figure\nnone\n");
        testbed.start_all();
        testbed.completes("plain", "a");
        testbed.completes("proven", "a");
        testbed.run(0, &["round", "start", "short", "--period", "a", "--wait"]).exits(3);
        testbed.all_end("short/a", "abandoned");
        testbed.until("both peers have seen p2's last record of it", || {
            let last = testbed.audit(1).iter().rposition(|record| record["round"].is_object()).expect("a record") + 1;
            let seen = |by: usize| testbed.peer(1, by)["log"]["cosigned"].as_u64().unwrap_or(0);
            // And what was seen is in the files.
            (seen(0) >= last as u64 && seen(2) >= last as u64).then_some(())
        });
        testbed.stop_all();
        Self { testbed, folder: tempfile::tempdir().expect("a folder") }
    }

    fn pack(&self, round: &str) -> PathBuf {
        let file = self.folder.path().join(round.replace('/', "-"));
        self.testbed.run(1, &["audit", "pack", round, "--out", file.to_str().expect("text")]).exits(0);
        file
    }
}

/// Somebody who has the file alone.
fn check(file: &Path, more: &[&str]) -> Said {
    let file = file.to_str().expect("text");
    smpcd(["audit", "check-pack", file].iter().chain(more).copied())
}

#[test]
fn a_pack_proves_what_happened_to_who_has_nothing_else() {
    let packs = Packs::new();
    let agreement = packs.testbed.root().join("agreement.toml");
    let agreement = agreement.to_str().expect("text");
    for (round, event, part) in [
        ("plain/a", "result.released", "none: the result is the parties' word"),
        ("proven/a", "result.released", "verified: contributors p1, p2, p3"),
        ("short/a", "round.abandoned", "none: the result"),
    ] {
        let file = packs.pack(round);
        let said = check(&file, &[]).exits(0).out;
        for part in [
            part,
            "cosigned by p1 at ",
            "cosigned by p3 at ",
            "signed by all 3 parties",
            "approved by policy",
            "approved by the policy of its node",
            "v = 0",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let shown = check(&file, &["--json", "--agreement", agreement]).exits(0).json();
        let own = packs.testbed.audit(1);
        let of =
            |record: &&Value| format!("{}/a", record["round"]["computation"].as_str().unwrap_or_default()) == round;
        let numbers: Vec<Value> = own.iter().filter(of).map(|record| record["seq"].clone()).collect();
        let ends = format!("of numbers {} to {}, are in the log of p2", numbers[0], numbers[numbers.len() - 1]);
        assert!(said.contains(&ends), "{ends}: {said}");
        let says = if event == "round.abandoned" { "given up: " } else { "the result is there" };
        assert!(said.contains(says), "{said}");
        assert_eq!(shown["records"], Value::Array(numbers), "{round}: every record of it, and no other");
        assert!(own.iter().filter(of).any(|record| record["event"] == event));
        // The same pack is the same bytes, and is nobody else's to read.
        let bytes = fs::read(&file).expect("reads");
        packs.pack(round);
        assert_eq!(fs::read(&file).expect("reads"), bytes);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
        let text = String::from_utf8(bytes).expect("text");
        for figure in FIGURES.iter().copied().chain(["727408"]) {
            assert!(!text.contains(figure), "{round}: {figure}");
        }
    }
    // Where no peer has seen the records, it says so.
    fs::remove_dir_all(packs.testbed.data(1).join("audit/cosigned")).expect("removes");
    let file = packs.pack("plain/a");
    assert!(check(&file, &[]).exits(0).out.contains("cosigned by nobody"));
    packs.testbed.run(1, &["audit", "pack", "plain/b"]).exits(1).complains(&["no record of plain/b"]);
}

#[test]
fn no_changed_pack_passes() {
    let packs = Packs::new();
    let mut dice = Dice::new(7, "packs");
    let changed = packs.folder.path().join("changed");
    for round in ["plain/a", "proven/a", "short/a"] {
        let whole = fs::read(packs.pack(round)).expect("reads");
        for _ in 0..CHANGED {
            let mut bytes = whole.clone();
            let at = dice.index(bytes.len());
            bytes[at] ^= u8::try_from(dice.within(1, 255)).expect("a byte");
            fs::write(&changed, &bytes).expect("writes");
            let said = check(&changed, &[]);
            assert_eq!(said.code, Some(4), "byte {at} of {round}: {said:?}");
        }
        // A remark in the agreement's file means nothing, and is none of the parties' if it was changed.
        let text = String::from_utf8(whole.clone()).expect("text");
        assert!(text.contains("# "));
        fs::write(&changed, text.replacen("# ", "#  ", 1)).expect("writes");
        check(&changed, &[]).exits(4).complains(&["sha256"]);
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&changed, &whole[..cut]).expect("writes");
            check(&changed, &[]).exits(4);
        }
        fs::write(&changed, [&whole[..], b"\n"].concat()).expect("writes");
        check(&changed, &[]).exits(4).complains(&["not spelled"]);
    }
}

/// A pack with the sum that belongs to it: what somebody who wants to deceive would make.
fn sealed(pack: &str) -> String {
    let end = pack.rfind("  \"sha256\": \"").expect("is there");
    let sum: String = Sha256::digest(&pack.as_bytes()[..end]).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}  \"sha256\": \"{sum}\"\n}}\n", &pack[..end])
}

/// A key of a pack with its value, as they stand there.
fn part<'a>(pack: &'a str, key: &str) -> &'a str {
    let begin = pack.find(&format!("\n  \"{key}\": ")).expect("is there");
    let end = pack[begin + 1..].find("\n  \"").map_or(pack.len() - 3, |end| begin + 1 + end);
    pack[begin..end].trim_end_matches(',')
}

#[test]
fn parts_of_other_packs_do_not_fit() {
    let packs = Packs::new();
    let read = |file: PathBuf| fs::read_to_string(file).expect("reads");
    let (plain, proven) = (read(packs.pack("plain/a")), read(packs.pack("proven/a")));
    let other = Packs::new();
    let stranger = read(other.pack("proven/a"));
    let file = packs.folder.path().join("made");
    let tried = |pack: String, why: &str| {
        assert_ne!(pack, proven);
        fs::write(&file, &pack).expect("writes");
        check(&file, &[]).exits(4);
        fs::write(&file, sealed(&pack)).expect("writes");
        let said = check(&file, &[]).exits(4).complains(&[why]);
        assert!(!said.err.contains('\u{1b}'), "{said:?}");
    };
    let from = |key: &str, other: &str| proven.replacen(part(&proven, key), part(other, key), 1);
    tried(from("records", &plain), "of another round");
    tried(from("records", &stranger), "record");
    tried(from("checkpoints", &stranger), "NOT PROVEN");
    tried(from("agreement", &stranger), "signature of p1");
    tried(from("signatures", &stranger), "signature of p1");
    tried(from("bundle", &stranger), "proves nothing");
    let set = |key: &str, value: &str| proven.replacen(part(&proven, key), &format!("\n  \"{key}\": {value}"), 1);
    tried(set("records", "[]"), "no record");
    tried(set("checkpoints", "[]"), "no checkpoint");
    tried(set("signatures", "{}"), "one signature of each party");
    // A checkpoint that shows no more than those before it, also beside others, would look like one more.
    let seen = part(&proven, "checkpoints");
    let notes: Vec<&str> = seen.split("\n    },").collect();
    assert_eq!(notes.len(), 2, "{seen}");
    let twice = [notes[0], &notes[0][notes[0].find("\n    {").expect("one")..], notes[1]].join("\n    },");
    tried(proven.replacen(seen, &twice, 1), "a checkpoint is repeated");
    let last = notes[1].strip_suffix("\n    }\n  ]").expect("the last one");
    let twice = [notes[0], last, notes[1]].join("\n    },");
    tried(proven.replacen(seen, &twice, 1), "a checkpoint is repeated");
    tried(set("party", "\"p1\""), "NOT PROVEN");
    tried(set("party", "\"nobody\""), "no party");
    tried(set("period", "\"b\""), "of another round");
    tried(set("computation", "\"plain\""), "of another round");
    tried(set("how_to_check", "[\n    \"Trust me.\"\n  ]"), "not spelled");
    tried(set("disclosure", "[\n    \"Nothing is disclosed.\"\n  ]"), "disclosure statement");
    tried(proven.replacen("\n  \"party\"", "\n  \"more\": 1,\n  \"party\"", 1), "unknown field");
    // What is said of it writes nothing on the terminal that the pack has chosen.
    tried(proven.replacen("\n  \"party\"", "\n  \"\\u001b[2J\": 1,\n  \"party\"", 1), "unknown field");
    tried(set("party", "\"\\u001b[2J\""), "no party");
    tried(
        proven.replacen("\n  \"party\": \"p2\"", "\n  \"party\": \"p2\",\n  \"party\": \"p2\"", 1),
        "duplicate field",
    );
    // A file that would take ten times its size of memory is refused by its shape, before it is read.
    for evil in [format!("{{\"how_to_check\":[{}\"\"]}}", "\"\",".repeat(1 << 20)), "\n".repeat((1 << 20) + 1)] {
        fs::write(&file, evil).expect("writes");
        check(&file, &[]).exits(4).complains(&["not spelled"]);
    }
    // A record less: what is left is proven, and the report says that none may be missing only where the log says so.
    let records = part(&proven, "records");
    let entries: Vec<&str> = records.split("\n    },").collect();
    let fewer = [&entries[..3], &entries[4..]].concat().join("\n    },");
    let fewer = proven.replacen(records, &fewer, 1);
    fs::write(&file, &fewer).expect("writes");
    check(&file, &[]).exits(4).complains(&["sha256"]);
    fs::write(&file, sealed(&fewer)).expect("writes");
    assert!(check(&file, &[]).exits(0).out.contains("Not shown: that no record was left out"));
    let swapped = [&entries[1..2], &entries[2..3], &entries[3..]].concat();
    let swapped =
        [entries[0], swapped[1], swapped[0]].into_iter().chain(swapped[2..].iter().copied()).collect::<Vec<_>>();
    tried(proven.replacen(records, &swapped.join("\n    },"), 1), "not in its place");
    let mine = packs.testbed.root().join("agreement.toml");
    check(&other.pack("plain/a"), &["--agreement", mine.to_str().expect("text")]).exits(4).complains(&["yours"]);
    // The same of a running cheat: the evidence is in it.
    let dir = packs.folder.path().join("demo");
    let dir = dir.to_str().expect("text");
    let line =
        ["demo", "--adversary", "malicious", "--cheat", "bounds", "--sharing", "shamir:2", "--parties", "4", "--json"];
    let shown = smpcd(line.into_iter().chain(["--dir", dir])).exits(0).json();
    let (round, config) = (&shown["round"], format!("{dir}/p1/node.toml"));
    let address =
        format!("{}/{}", round["computation"].as_str().expect("text"), round["period"].as_str().expect("text"));
    let pack = file.to_str().expect("text");
    smpcd(["audit", "pack", &address, "--config", &config, "--out", pack]).exits(0);
    let said = check(&file, &[]).exits(0).out;
    assert!(said.contains("PROVEN: p4: ") && said.contains("verified: contributors"), "{said}");
    let cheat = fs::read_to_string(&file).expect("reads");
    let name = "-p4-bad-commitments.bin";
    assert!(cheat.contains(name), "{}", part(&cheat, "evidence"));
    for other in ["-p3-bad-commitments.bin", "-v1-p4-bad-commitments.bin", "\\u001b[2J.bin"] {
        fs::write(&file, sealed(&cheat.replacen(name, other, 1))).expect("writes");
        let said = check(&file, &[]).exits(4).complains(&["not the name"]);
        assert!(!said.err.contains('\u{1b}'), "{said:?}");
    }
}

/// A party's signing key, as its file has it.
struct Key(ed25519_dalek::SigningKey);

impl NoteSigner for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        ed25519_dalek::Signer::sign(&self.0, bytes).to_bytes()
    }
}

#[test]
fn what_a_party_signs_of_a_doctored_log_has_to_fit_together_too() {
    let packs = Packs::new();
    let (testbed, folder) = (&packs.testbed, packs.testbed.data(1).join("audit"));
    let (log, out) = (folder.join("log.jsonl"), packs.folder.path().join("out"));
    let pack = |round: &str| testbed.run(1, &["audit", "pack", round, "--out", out.to_str().expect("text")]);
    let whole = fs::read_to_string(&log).expect("reads");
    let kept = folder.join("cosigned/p1.checkpoint");
    let seen = fs::read_to_string(&kept).expect("reads");
    fs::remove_dir_all(folder.join("cosigned")).expect("removes");
    // p2 changes a line of the event in this round, and signs its log anew.
    let doctored = |round: &str, event: &str, change: &dyn Fn(&str) -> String| {
        let (computation, _) = round.split_once('/').expect("an address");
        let of = |line: &&str| {
            line.contains(&format!("\"computation\":\"{computation}\""))
                && line.contains(&format!("\"event\":\"{event}\""))
        };
        let line = whole.lines().find(of).expect("is there");
        assert_ne!(change(line), line);
        fs::write(&log, whole.replacen(line, &change(line), 1)).expect("writes");
    };
    let digest = |of: &str, line: &str| {
        let begin = line.find(&format!("\"{of}\":\"sha256:")).expect("is there");
        // Key, quotes and colon, `sha256:`, digits, quote.
        line[begin..begin + of.len() + 3 + 1 + 7 + 64 + 1].to_owned()
    };
    doctored("plain/a", "approval.given", &|line| line.replace(&format!(",{}", digest("disclosure", line)), ""));
    // Its own files know what it has signed before, and its guard does; it hides that.
    pack("plain/a").exits(4).complains(&["checkpoints.jsonl, which p2 has signed"]);
    fs::remove_file(folder.join("checkpoints.jsonl")).expect("removes");
    pack("plain/a").exits(4).complains(&["guard, which p2 has signed"]);
    let mut guard = node::guard::Guard::open(&testbed.home(1).join("guard"), "p2");
    guard.vouch(&[("p2".to_owned(), None)]).expect("writes");
    pack("plain/a").exits(4).complains(&["what was approved is another disclosure statement"]);
    let other = |of: &'static str| {
        move |line: &str| line.replace(&digest(of, line), &format!("\"{of}\":\"sha256:{}\"", "5a".repeat(32)))
    };
    doctored("plain/a", "approval.given", &other("disclosure"));
    pack("plain/a").exits(4).complains(&["another disclosure statement"]);
    doctored("plain/a", "approval.given", &other("agreement"));
    pack("plain/a").exits(4).complains(&["what was approved is another agreement"]);
    doctored("proven/a", "result.released", &|line| line.replace("\"p1\",\"p2\",\"p3\"", "\"p1\",\"p2\""));
    pack("proven/a").exits(4).complains(&["other contributors than record"]);
    assert!(!out.exists(), "what does not check is not handed out");
    // A record of a round under another agreement stays out, and that is said.
    let id = |line: &str| {
        let begin = line.find("\"id\":\"").expect("is there") + 6;
        line.replace(&line[begin..begin + 64], &"5a".repeat(32))
    };
    doctored("plain/a", "approval.given", &id);
    let said = pack("plain/a").exits(0);
    assert!(said.out.contains("1 more records of plain/a are under another agreement"), "{said:?}");
    assert!(check(&out, &[]).exits(0).out.contains("nothing of an approval"));
    fs::write(
        &log,
        whole
            .lines()
            .map(|line| if line.contains("\"id\":\"") { id(line) } else { line.into() } + "\n")
            .collect::<String>(),
    )
    .expect("writes");
    pack("plain/a").exits(1).complains(&["give that one with --agreement"]);
    // A party is no witness of its own log.
    fs::write(&log, &whole).expect("writes");
    let text = fs::read_to_string(testbed.home(1).join("keys/signing.key")).expect("reads");
    let (_, bytes) = pem_rfc7468::decode_vec(text.as_bytes()).expect("armour");
    let key = Key(ed25519_dalek::SigningKey::from_bytes(&bytes.try_into().expect("32 bytes")));
    let own = LogKey::new("testbed", "p2", key.public_key());
    let shown = Witness::new(own.clone()).look(&seen, &Vec::new()).expect("its own");
    fs::create_dir(folder.join("cosigned")).expect("creates");
    fs::write(&kept, shown.cosign(&own, &key, 1_790_000_000).to_string()).expect("writes");
    pack("plain/a").exits(4).complains(&["cosigned by p2 itself"]);
}

#[test]
fn a_period_that_was_begun_anew_is_told_of_from_its_first_round_on() {
    let mut testbed = Testbed::of(3, &simple("short", "2s", "3s"));
    (0..2).for_each(|party| testbed.input(party, None, "figure\n4\n"));
    testbed.input(2, None, "figure\nnone\n");
    testbed.start_all();
    testbed.run(0, &["round", "start", "short", "--period", "a", "--wait"]).exits(3);
    testbed.all_end("short/a", "abandoned");
    (0..3).for_each(|party| drop(testbed.recorded(party, "round.void", |_| true)));
    testbed.input(2, None, "figure\n4\n");
    testbed.completes("short", "a");
    testbed.stop_all();
    let file = testbed.root().join("pack");
    testbed.run(1, &["audit", "pack", "short/a", "--out", file.to_str().expect("text")]).exits(0);
    let said = check(&file, &[]).exits(0).out;
    for part in
        ["v = 0", "v = 1", "given up: ", "proven void", "the contributors are p1, p2, p3", "the result is there"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(check(&file, &["--json"]).exits(0).json()["v"], serde_json::json!([0, 1]));
}

/// A party's key, and that of its log.
fn key_of(testbed: &Testbed, party: usize) -> (LogKey, Key) {
    let text = fs::read_to_string(testbed.home(party).join("keys/signing.key")).expect("reads");
    let (_, bytes) = pem_rfc7468::decode_vec(text.as_bytes()).expect("armour");
    let key = Key(ed25519_dalek::SigningKey::from_bytes(&bytes.try_into().expect("32 bytes")));
    (LogKey::new("testbed", testbed.id(party), key.public_key()), key)
}

/// The daemon goes on meanwhile: a peer cosigns more records than the log had when the command began.
#[test]
fn a_pack_is_made_beside_a_log_that_grows() {
    let mut testbed = Testbed::of(3, &simple("plain", "5s", "1m"));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n4\n"));
    testbed.start_all();
    testbed.completes("plain", "a");
    testbed.stop_all();
    let folder = testbed.data(1).join("audit");
    let log = folder.join("log.jsonl");
    fs::remove_file(folder.join("cosigned/p3.checkpoint")).expect("removes");
    // The file is read to its end only after the log has grown.
    let seen = folder.join("cosigned/p1.checkpoint");
    fs::remove_file(&seen).expect("removes");
    assert!(Command::new("mkfifo").arg(&seen).status().expect("runs").success());
    let out = testbed.root().join("pack");
    let packing = testbed.begin(1, &["audit", "pack", "plain/a", "--out", out.to_str().expect("text")]);
    let mut pipe = fs::OpenOptions::new().write(true).open(&seen).expect("somebody reads");
    let mut text = fs::read_to_string(&log).expect("reads");
    let mut record = audit::Record::parse(text.lines().last().expect("a line")).expect("a record");
    record.seq += 1;
    text.push_str(&(record.to_line().text + "\n"));
    fs::write(&log, &text).expect("writes");
    let mut tree = Tree::default();
    text.lines().for_each(|line| tree.push(line));
    let ((own, key), (peer, theirs)) = (key_of(&testbed, 1), key_of(&testbed, 0));
    let note = SignedCheckpoint::sign(&own, record.seq, tree.root(), &key).to_string();
    let cosigned = Witness::new(own).look(&note, &Vec::new()).expect("the first").cosign(&peer, &theirs, 1_790_000_000);
    pipe.write_all(cosigned.to_string().as_bytes()).expect("writes");
    drop(pipe);
    testbed.ended(packing).exits(0);
    let shown = check(&out, &["--json"]).exits(0).json();
    assert_eq!(shown["checkpoints"][0]["records"], record.seq, "{shown:#}");
}

#[test]
fn a_pack_says_which_records_of_the_log_were_deleted() {
    let testbed = Testbed::of(3, &simple("plain", "5s", "1m"));
    let folder = testbed.data(0).join("audit");
    let digest = testbed.run(0, &["agreement", "digest"]);
    let digest = digest.out.split("sha256:").nth(1).map_or_else(|| panic!("{digest:?}"), |rest| rest[..64].to_owned());
    let digest: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let of = |period: &str| wire::RoundId::of(&digest[..].try_into().expect("32 bytes"), "plain", period, 0).0;
    let mut log = Log::open(&folder, &Past::default()).expect("opens");
    let mut next = 1;
    let mut write = |log: &mut Log, draft: Draft| {
        let time = Time::from_micros(1_790_000_000_000_000 + i64::try_from(next).expect("small") * 1_000_000);
        let line: Line = draft.at(time).number(next, &"p1".into(), &"0.1.0".into()).to_line();
        next += 1;
        log.append(&[line]).expect("appends");
    };
    // Rounds a and b, of which the deleted records have all of a and some of b; and c, of which they have none.
    for period in ["a", "b", "b", "c"] {
        let event = || if period == "c" { Event::DealSent } else { Event::RoundVoid };
        (0..3).for_each(|_| write(&mut log, Draft::new(event()).round("plain", period, &of(period))));
        if period == "b" && log.sealed().is_empty() {
            let segment = log.seal().expect("seals").expect("records");
            let root = log.root_at(segment.last).expect("a root").0;
            let event = Event::LogSealed { first: segment.first, last: segment.last };
            write(&mut log, Draft::new(event).digest(DigestOf::Root, root));
        }
    }
    let out = testbed.root().join("pack");
    let path = out.to_str().expect("text");
    let pack = |round: &str| testbed.run(0, &["audit", "pack", round, "--out", path]);
    pack("plain/b").exits(0);
    let before = fs::read_to_string(&out).expect("reads");
    assert!(!before.contains("\n  \"deleted\""), "{before}");
    assert_eq!(check(&out, &["--json"]).exits(0).json()["deleted"], 0);
    assert!(!check(&out, &[]).exits(0).out.contains("  deleted "));

    let segment = log.sealed()[0].clone();
    assert_eq!((segment.first, segment.last), (1, 6));
    let root = log.root_at(segment.last).expect("a root").0;
    write(&mut log, Draft::new(Event::LogDeleted { first: 1, last: 6 }).digest(DigestOf::Root, root));
    log.delete_oldest().expect("deletes");
    pack("plain/a").exits(1).complains(&[
        "no record of plain/a is in it",
        "the records 1 to 6 are deleted",
        "audit.keep",
    ]);
    for round in ["plain/b", "plain/c"] {
        assert!(pack(round).exits(0).out.contains("records 1 to 6 of the log are deleted"));
        let said = check(&out, &[]).exits(0).out;
        let line = said.lines().find(|line| line.starts_with("  deleted ")).expect("it is said");
        assert!(line.contains("records 1 to 6 of the log") && line.contains("the word of p1"), "{line}");
        assert_eq!(check(&out, &["--json"]).exits(0).json()["deleted"], 6);
    }
    let whole = fs::read_to_string(&out).expect("reads");
    assert_eq!(part(&whole, "deleted"), "\n  \"deleted\": 6");
    // Its page tells of it too.
    assert!(part(&whole, "how_to_check").contains("- deleted: "));
    // A record that the pack has is not deleted, and there is one spelling for none.
    let first = audit::Record::parse(
        serde_json::from_str::<Value>(&whole).expect("an object")["records"][0]["record"].as_str().expect("text"),
    );
    let first = first.expect("a record").seq;
    for (deleted, why) in [(first, "it is deleted"), (u64::MAX, "it is deleted"), (0, "not spelled")] {
        let other = whole.replacen("\n  \"deleted\": 6,", &format!("\n  \"deleted\": {deleted},"), 1);
        fs::write(&out, sealed(&other)).expect("writes");
        check(&out, &[]).exits(4).complains(&[why]);
    }
    // One less than the truth fits together: it is the party's word, as the report says.
    fs::write(&out, sealed(&whole.replacen("\n  \"deleted\": 6,", "\n  \"deleted\": 5,", 1))).expect("writes");
    assert_eq!(check(&out, &["--json"]).exits(0).json()["deleted"], 5);
}
