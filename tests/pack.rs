//! What an auditor is given of a round proves itself, and nothing else gets through (PROTOCOL 8.7).

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
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
        for part in [part, "cosigned by p1 at ", "cosigned by p3 at ", "signed by all 3 parties", "approved by policy"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        let shown = check(&file, &["--json", "--agreement", agreement]).exits(0).json();
        let own = packs.testbed.audit(1);
        let of =
            |record: &&Value| format!("{}/a", record["round"]["computation"].as_str().unwrap_or_default()) == round;
        let numbers: Vec<Value> = own.iter().filter(of).map(|record| record["seq"].clone()).collect();
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
    for round in ["proven/a", "short/a"] {
        let whole = fs::read(packs.pack(round)).expect("reads");
        // Remarks in the file of the agreement change nothing of what it means.
        let place = |name: &str| whole.windows(name.len()).position(|part| part == name.as_bytes()).expect("is there");
        let remarks = place("\"agreement\": [")..place("\"signatures\": {");
        let mut passed = 0;
        for _ in 0..CHANGED {
            let mut bytes = whole.clone();
            let at = dice.index(bytes.len());
            bytes[at] ^= u8::try_from(dice.within(1, 255)).expect("a byte");
            fs::write(&changed, &bytes).expect("writes");
            let said = check(&changed, &[]);
            if remarks.contains(&at) && said.code == Some(0) {
                passed += 1;
                continue;
            }
            assert_eq!(said.code, Some(4), "byte {at} of {round}: {said:?}");
        }
        assert!(passed < CHANGED / 10, "{passed}");
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&changed, &whole[..cut]).expect("writes");
            check(&changed, &[]).exits(4);
        }
        fs::write(&changed, [&whole[..], b"\n"].concat()).expect("writes");
        check(&changed, &[]).exits(4).complains(&["not spelled"]);
    }
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
        fs::write(&file, pack).expect("writes");
        check(&file, &[]).exits(4).complains(&[why]);
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
    tried(set("party", "\"p1\""), "NOT PROVEN");
    tried(set("party", "\"nobody\""), "no party");
    tried(set("period", "\"b\""), "of another round");
    tried(set("computation", "\"plain\""), "of another round");
    tried(set("how_to_check", "[\n    \"Trust me.\"\n  ]"), "not spelled");
    tried(set("disclosure", "[\n    \"Nothing is disclosed.\"\n  ]"), "disclosure statement");
    tried(proven.replacen("\n  \"party\"", "\n  \"more\": 1,\n  \"party\"", 1), "unknown field");
    tried(
        proven.replacen("\n  \"party\": \"p2\"", "\n  \"party\": \"p2\",\n  \"party\": \"p2\"", 1),
        "duplicate field",
    );
    // A record less: what is left is proven, and the report says that none may be missing only where the log says so.
    let records = part(&proven, "records");
    let entries: Vec<&str> = records.split("\n    },").collect();
    let fewer = [&entries[..3], &entries[4..]].concat().join("\n    },");
    fs::write(&file, proven.replacen(records, &fewer, 1)).expect("writes");
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
}
