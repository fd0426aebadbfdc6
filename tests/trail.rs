//! The audit log as people use it: checkpoints, proofs, exports, on plain files and without a daemon (PROTOCOL 8).

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use audit::{AuditFile, DigestOf, Draft, Event, Line, LogKey, NoteSigner, Time, Witness};

use support::{Said, smpcd};

/// Three parties with their keys, and a log of p1 that a daemon might have written.
struct Trail {
    folder: tempfile::TempDir,
}

impl Trail {
    fn new(records: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        smpcd(["testbed", folder.path().to_str().expect("text")]).exits(0);
        let trail = Self { folder };
        trail.append(1..=records);
        trail
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> PathBuf {
        self.path("p1/data/audit/log.jsonl")
    }

    fn append(&self, numbers: impl Iterator<Item = u64>) {
        let lines: Vec<Line> = numbers.map(line).collect();
        let mut log = AuditFile::open(&self.log()).expect("opens");
        log.append(&lines).expect("appends");
        log.sync().expect("syncs");
    }

    /// Runs `smpcd audit` for p1.
    fn audit(&self, arguments: &[&str]) -> Said {
        let config = self.path("p1/node.toml");
        let config = config.to_str().expect("text");
        smpcd(["audit"].iter().chain(arguments).copied().chain(["--config", config]))
    }

    /// What a command prints, kept in a file.
    fn kept(&self, name: &str, arguments: &[&str]) -> String {
        let said = self.audit(arguments).exits(0);
        fs::write(self.path(name), said.out).expect("writes");
        self.path(name).to_str().expect("text").to_owned()
    }

    fn changed(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.log()).expect("is there");
        assert!(text.contains(from));
        fs::write(self.log(), text.replacen(from, to, 1)).expect("writes");
    }
}

fn line(seq: u64) -> Line {
    let draft = match seq % 3 {
        0 => Draft::new(Event::OpenReceived { attempt: 1 }).round("average", "2026-Q3", &[7; 32]).peer("p2"),
        1 => Draft::new(Event::LinkRefused { address: None, reason: "=1+1, \"quoted\"".into() }).peer("p3"),
        _ => Draft::new(Event::DealSent).round("average", "2026-Q3", &[7; 32]),
    };
    let time = 1_790_000_000_000_000 + i64::try_from(seq).expect("small") * 1_000_000;
    draft.at(Time::from_micros(time)).number(seq, &"p1".into(), &"0.1.0".into()).to_line()
}

#[test]
fn a_kept_checkpoint_shows_whatever_is_done_to_the_log() {
    let trail = Trail::new(20);
    let early = trail.kept("early.checkpoint", &["checkpoint"]);
    trail.append(21..=30);
    let late = trail.kept("late.checkpoint", &["checkpoint"]);
    trail.append(31..=33);
    let both = ["verify", "--checkpoint", &early, "--checkpoint", &late];
    let said = trail.audit(&both).exits(0);
    assert!(said.out.contains("33 records of p1") && said.out.contains("No checkpoint covers the last 3"), "{said:?}");
    let json = trail.audit(&[&both[..], &["--json"]].concat()).exits(0).json();
    assert_eq!((&json["stands"], &json["covered"], &json["records"]), (&true.into(), &30.into(), &33.into()));
    assert!(trail.audit(&["verify"]).exits(0).out.contains("Not shown: that the party itself"));

    let whole = fs::read_to_string(trail.log()).expect("is there");
    // One digit of a record: it parses, and only a checkpoint shows it.
    trail.changed("\"seq\":6,\"time\":\"2026-09-21T14:13:26", "\"seq\":6,\"time\":\"2026-09-21T14:13:25");
    trail.audit(&["verify"]).exits(0);
    trail.audit(&["verify", "--checkpoint", &early]).exits(4).complains(&["log.jsonl", "first 20 records"]);
    trail.audit(&["prove", "3", "--checkpoint", &late]).exits(4).complains(&["first 30 records"]);
    // Cut behind the early one.
    let cut: String = whole.lines().take(25).map(|line| format!("{line}\n")).collect();
    fs::write(trail.log(), cut).expect("writes");
    trail.audit(&["verify", "--checkpoint", &early]).exits(0);
    trail.audit(&both).exits(4).complains(&["has 25 whole records", "covers 30", "removed"]);
    // A record is gone.
    let gap: String =
        whole.lines().filter(|line| !line.contains("\"seq\":9,")).map(|line| format!("{line}\n")).collect();
    fs::write(trail.log(), gap).expect("writes");
    trail.audit(&["verify"]).exits(4).complains(&["line 9", "record 10 follows record 8"]);
    trail.audit(&["checkpoint"]).exits(4).complains(&["keep this file"]);
    // The clock went back: said, and no fault.
    fs::write(trail.log(), &whole).expect("writes");
    trail.changed("\"seq\":32,\"time\":\"2026-09-21T14:13", "\"seq\":32,\"time\":\"2026-09-20T14:13");
    let said = trail.audit(&both).exits(0);
    assert!(said.out.contains("went backwards at record 32"), "{said:?}");
}

#[test]
fn only_the_partys_own_checkpoint_counts() {
    let trail = Trail::new(5);
    let good = trail.kept("good", &["checkpoint"]);
    let text = fs::read_to_string(&good).expect("is there");
    assert!(text.starts_with("smpcd/testbed/p1/audit\n5\n"), "{text}");
    let other = trail.path("other");
    let write = |text: String| fs::write(&other, text).expect("writes");
    let arguments = ["verify", "--checkpoint", other.to_str().expect("text")];
    write(text.replacen("\n5\n", "\n4\n", 1));
    trail.audit(&arguments).exits(4).complains(&["other", "signature of smpcd/testbed/p1/audit is not good"]);
    write(text.replace("/p1/", "/p2/"));
    trail.audit(&arguments).exits(4).complains(&["a checkpoint of smpcd/testbed/p2/audit"]);
    write("nothing".into());
    trail.audit(&arguments).exits(4).complains(&["not a signed note"]);
    fs::remove_file(&other).expect("is there");
    trail.audit(&arguments).exits(1).complains(&["cannot read it"]);
    // Another party's key signs nothing for p1.
    fs::copy(trail.path("p2/keys/signing.key"), trail.path("p1/keys/signing.key")).expect("copies");
    trail.audit(&["checkpoint"]).exits(78).complains(&["signing.key", "not the key of p1"]);
}

#[test]
fn an_auditor_checks_a_proof_with_the_agreement_alone() {
    let trail = Trail::new(12);
    let checkpoint = trail.kept("kept.checkpoint", &["checkpoint"]);
    trail.append(13..=40);
    let agreement = trail.path("agreement.toml");
    let agreement = agreement.to_str().expect("text");
    let proof = trail.path("seven.tlog-proof");
    let proof = proof.to_str().expect("text");
    let check = || smpcd(["audit", "check-proof", proof, "--agreement", agreement]);
    for (more, size) in [(&[][..], 40), (&["--checkpoint", &checkpoint][..], 12)] {
        trail.audit(&[&["prove", "7", "--out", proof], more].concat()).exits(0);
        let said = check().exits(0);
        let lines = [
            "PROVEN: record 7 is in the log of p1".to_owned(),
            line(7).text,
            format!("checkpoint    {size} records, signed by p1"),
        ];
        assert!(lines.iter().all(|line| said.out.contains(line)), "{said:?}");
        let json = smpcd(["audit", "check-proof", proof, "--agreement", agreement, "--json"]).exits(0).json();
        assert_eq!((&json["seq"], &json["checkpoint_size"]), (&7.into(), &size.into()));
    }
    // The log may be gone by now, and the proof may not be touched.
    fs::remove_file(trail.log()).expect("is there");
    check().exits(0);
    let text = fs::read_to_string(proof).expect("is there");
    for (from, to) in
        [("\nindex 6\n", "\nindex 5\n"), ("\n12\n", "\n13\n"), ("tlog-proof@v1", "tlog-proof@v2"), ("/p1/", "/p9/")]
    {
        assert!(text.contains(from), "{text}");
        fs::write(proof, text.replacen(from, to, 1)).expect("writes");
        check().exits(4).complains(&["seven.tlog-proof: NOT PROVEN"]);
    }
    trail.append(1..=12);
    trail.audit(&["prove", "13"]).exits(2).complains(&["the log has 12 records"]);
    trail.audit(&["prove", "0"]).exits(2);
}

/// A party's signing key, as its file has it.
struct Key(ed25519_dalek::SigningKey);

impl Key {
    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).expect("is there");
        let (_, bytes) = pem_rfc7468::decode_vec(text.as_bytes()).expect("armour");
        Self(ed25519_dalek::SigningKey::from_bytes(&bytes.try_into().expect("32 bytes")))
    }
}

impl NoteSigner for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        ed25519_dalek::Signer::sign(&self.0, bytes).to_bytes()
    }
}

#[test]
fn a_cosignature_of_a_party_is_named_and_a_bad_one_refused() {
    let trail = Trail::new(6);
    let kept = trail.kept("kept", &["checkpoint"]);
    let key = |party: &str| Key::read(&trail.path(&format!("{party}/keys/signing.key")));
    let log = |party: &str| LogKey::new("testbed", party, key(party).public_key());
    let mut witness = Witness::new(log("p1"));
    let seen = witness.look(&fs::read_to_string(&kept).expect("is there"), &Vec::new()).expect("the first");
    let cosigned = seen.cosign(&log("p2"), &key("p2"), 1_790_000_100).to_string();
    fs::write(&kept, &cosigned).expect("writes");
    let named = "cosigned by p2 at 2026-09-21T14:15:00Z";
    assert!(trail.audit(&["verify", "--checkpoint", &kept]).exits(0).out.contains(named));
    let proof = trail.kept("proof", &["prove", "2", "--checkpoint", &kept]);
    let agreement = trail.path("agreement.toml");
    let agreement = agreement.to_str().expect("text");
    let check = || smpcd(["audit", "check-proof", &proof, "--agreement", agreement]);
    assert!(check().exits(0).out.contains(named));
    // Its last signature is p2's: of another time it is not good.
    let forged = Witness::new(log("p1")).look(&cosigned, &Vec::new()).expect("p1's line is good");
    let forged = forged.cosign(&log("p2"), &key("p3"), 1_790_000_100).to_string();
    fs::write(&kept, &forged).expect("writes");
    trail
        .audit(&["verify", "--checkpoint", &kept])
        .exits(4)
        .complains(&["kept", "signature of smpcd/testbed/p2/audit"]);
    let text = fs::read_to_string(&proof).expect("is there").replace(&cosigned, &forged);
    fs::write(&proof, text).expect("writes");
    check().exits(4).complains(&["proof", "signature of smpcd/testbed/p2/audit"]);
}

#[test]
fn logs_of_several_parties_are_laid_beside_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let draft = |event| Draft::new(event).round("average", "2026-Q3", &[7; 32]).digest(DigestOf::Header, [8; 32]);
    let write = |party: &str, draft: Draft| {
        let line = draft.number(1, &party.into(), &"0.1.0".into()).to_line();
        fs::create_dir_all(at(party)).expect("creates");
        fs::write(folder.path().join(party).join("log.jsonl"), line.text + "\n").expect("writes");
    };
    write("p1", draft(Event::DealSent));
    write("p2", draft(Event::DealReceived).peer("p1"));
    let reconcile = || smpcd(["audit", "reconcile", &at("p1"), &at("p2")]);
    assert!(reconcile().exits(0).out.contains("1 messages told alike by both ends"));
    write("p2", draft(Event::DealReceived).peer("p1").digest(DigestOf::Header, [9; 32]));
    reconcile().exits(4).complains(&["record 1 of p2 (deal.received) came from p1", "record 1 of p1 (deal.sent)"]);
    smpcd(["audit", "reconcile", &at("p1"), &at("p1")]).exits(2).complains(&["given twice"]);
    smpcd(["audit", "reconcile", &at("p1"), &at("p3")]).exits(1).complains(&["p3"]);
    smpcd(["audit", "reconcile", &at("p1")]).exits(2);
    fs::create_dir(at("p3")).expect("creates");
    smpcd(["audit", "reconcile", &at("p1"), &at("p3")]).exits(1).complains(&["no log.jsonl in it"]);
}

#[test]
fn what_is_shown_and_exported_is_what_was_asked_for() {
    let trail = Trail::new(9);
    let whole = fs::read_to_string(trail.log()).expect("is there");
    let numbers = |arguments: &[&str]| -> Vec<u64> {
        let said = trail.audit(&[&["show", "--json"], arguments].concat()).exits(0);
        said.out.lines().map(|line| audit::Record::parse(line).expect("a record").seq).collect()
    };
    assert_eq!(numbers(&["--event", "deal.sent"]), [2, 5, 8]);
    assert_eq!(numbers(&["--event", "deal.sent", "--event", "link.*"]), [1, 2, 4, 5, 7, 8]);
    assert_eq!(numbers(&["--peer", "p2"]), [3, 6, 9]);
    assert_eq!(numbers(&["--outcome", "refused"]), [1, 4, 7]);
    assert_eq!(numbers(&["--outcome", "refused", "--since", "2026-09-21T14:13:24Z"]), [4, 7]);
    assert_eq!(numbers(&["--severity", "warning"]), [1, 4, 7]);
    assert_eq!(numbers(&["--severity", "info"]).len(), 9);
    assert_eq!(numbers(&["--severity", "alarm"]), [0; 0]);
    trail.audit(&["show", "--severity", "debug"]).exits(2).complains(&["notice"]);
    assert_eq!(numbers(&["--since", "2026-09-22"]), [0; 0]);
    assert_eq!(numbers(&["--since", "10000days", "--round", "average/2026-Q3"]), [2, 3, 5, 6, 8, 9]);
    assert_eq!(numbers(&["--round", "average/2026-Q4"]), [0; 0]);
    trail.audit(&["show", "--event", "deal.snet"]).exits(2).complains(&["no such event"]);
    trail.audit(&["show", "--since", "yesterday"]).exits(2).complains(&["write a date"]);

    assert_eq!(trail.audit(&["export", "--format", "jsonl"]).exits(0).out, whole);
    let csv = trail.audit(&["export", "--format", "csv"]).exits(0).out;
    assert_eq!(csv.lines().count(), 10);
    assert!(csv.starts_with("seq,time,party,") && csv.contains(r#""{""reason"":""=1+1, \""quoted\""""}""#), "{csv}");
    let syslog = trail.audit(&["export", "--format", "rfc5424", "--event", "link.refused"]).exits(0).out;
    assert!(
        syslog
            .lines()
            .all(|line| line.starts_with("<108>1 2026-09-21T14:13:") && line.contains(" p1 smpcd - link.refused "))
    );
    let file = trail.path("log.csv");
    trail.audit(&["export", "--format", "csv", "--out", file.to_str().expect("text")]).exits(0);
    assert_eq!(fs::read_to_string(file).expect("is there"), csv);
    trail.changed("deal.sent", "deal.snet");
    let said = trail.audit(&["export", "--format", "jsonl"]).exits(4).complains(&["log.jsonl", "line 2"]);
    assert_eq!(said.out.lines().count(), 1);
}

#[test]
fn a_log_that_is_followed_shows_what_comes() {
    struct Following(Child);
    impl Drop for Following {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
    let trail = Trail::new(4);
    let out = trail.path("followed");
    let config = trail.path("p1/node.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_smpcd"));
    command.args(["audit", "show", "--follow", "--json", "--event", "deal.sent", "--config"]);
    command.arg(config).stdout(fs::File::create(&out).expect("creates")).stderr(Stdio::null());
    let mut following = Following(command.spawn().expect("starts"));
    let expect = |numbers: &[u64]| {
        let expected: String = numbers.iter().map(|seq| line(*seq).text + "\n").collect();
        let limit = Instant::now() + Duration::from_secs(90);
        while fs::read_to_string(&out).is_ok_and(|text| text != expected) {
            assert!(Instant::now() < limit, "{:?}", fs::read_to_string(&out));
            std::thread::sleep(Duration::from_millis(25));
        }
    };
    expect(&[2]);
    trail.append(5..=9);
    expect(&[2, 5, 8]);
    // Half a record waits for its other half.
    let text = line(10).text + "\n" + &line(11).text + "\n";
    let (one, other) = text.split_at(text.len() - 20);
    add(&trail.log(), one);
    std::thread::sleep(Duration::from_millis(700));
    add(&trail.log(), other);
    expect(&[2, 5, 8, 11]);
    fs::write(trail.log(), line(1).text + "\n").expect("cuts it");
    assert_eq!(following.0.wait().expect("ends").code(), Some(4), "a log that is cut is no log");
}

fn add(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("opens");
    file.write_all(text.as_bytes()).expect("appends");
}
