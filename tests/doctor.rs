//! `smpcd doctor` names what is wrong, where, and the step that mends it: each fault planted in a node that was well.

mod support;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use support::{Said, Testbed, smpcd};

/// A consortium that has run once, and is down.
struct Ward {
    testbed: Testbed,
    folder: tempfile::TempDir,
}

/// One copy of it.
struct Bed {
    root: PathBuf,
    port: u16,
}

impl Bed {
    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.at(name)).expect("reads");
        assert!(text.contains(from), "no {from:?} in {name}");
        fs::write(self.at(name), text.replacen(from, to, 1)).expect("writes");
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(self.at(from), self.at(to)).expect("copies");
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.at(name), Permissions::from_mode(mode)).expect("sets");
    }

    fn doctor(&self, more: &[&str]) -> Said {
        let config = self.at("p1/node.toml");
        smpcd(["doctor", "--config", config.to_str().expect("text")].iter().chain(more).copied())
    }

    /// A certificate for p1, made so many days ago for so many days; by its own authority or by a new one.
    fn certificate(&self, made: u64, days: u32, own: bool) {
        let then = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() - made * 86_400;
        let read = |name: &str| fs::read_to_string(self.at(name)).expect("reads");
        let authority = if own {
            tls::Authority::from_pem(&read("p1/certs/authority.crt"), &read("p1/keys/authority.key"))
                .expect("an authority")
        } else {
            tls::Authority::create("testbed", "p1", then, 3650).expect("an authority")
        };
        let issued = authority.issue("testbed", "p1", then, days).expect("issues");
        fs::write(self.at("p1/certs/tls.crt"), &issued.cert_pem).expect("writes");
        fs::write(self.at("p1/keys/tls.key"), issued.key_pem.as_bytes()).expect("writes");
    }
}

impl Ward {
    fn new() -> Self {
        let mut testbed = Testbed::new(3);
        testbed.start_all();
        testbed.completes("average-expenditure", "a");
        testbed.stop_all();
        Self { testbed, folder: tempfile::tempdir().expect("a folder") }
    }

    fn bed(&self, number: usize) -> Bed {
        let root = self.folder.path().join(number.to_string());
        let copied = Command::new("cp").arg("-a").arg(self.testbed.root()).arg(&root).status().expect("runs");
        assert!(copied.success());
        Bed { root, port: self.testbed.base_port }
    }
}

fn of<'a>(report: &'a Value, state: &str) -> Vec<&'a Value> {
    report["checks"].as_array().expect("a list").iter().filter(|check| check["state"] == state).collect()
}

/// What is planted, the check that finds it, and what its line says of where and how to mend it.
type Fault = (&'static str, fn(&Bed), &'static str, &'static [&'static str]);

const FAULTS: [Fault; 19] = [
    (
        "a key that others may read",
        |bed| bed.mode("p1/keys/signing.key", 0o644),
        "signing key",
        &["mode 0644", "chmod 600"],
    ),
    (
        "a storage key that its group may read",
        |bed| bed.mode("p1/keys/storage.key", 0o640),
        "storage key",
        &["0640", "chmod 600"],
    ),
    (
        "another party's signing key",
        |bed| bed.copy("p2/keys/signing.key", "p1/keys/signing.key"),
        "signing key",
        &["not the signing_key of p1", "put back the key"],
    ),
    (
        "a key that is not the certificate's",
        |bed| bed.copy("p2/keys/tls.key", "p1/keys/tls.key"),
        "certificate",
        &["key", "smpcd certs renew"],
    ),
    (
        "another party's certificate",
        |bed| {
            bed.copy("p2/certs/tls.crt", "p1/certs/tls.crt");
            bed.copy("p2/keys/tls.key", "p1/keys/tls.key");
        },
        "certificate",
        &["p2", "p1", "smpcd certs renew"],
    ),
    ("an expired certificate", |bed| bed.certificate(20, 10, true), "certificate", &["smpcd certs renew"]),
    ("a certificate of another authority", |bed| bed.certificate(1, 90, false), "certificate", &["smpcd certs renew"]),
    (
        "a lost certificate",
        |bed| fs::remove_file(bed.at("p1/certs/tls.crt")).expect("removes"),
        "certificate",
        &["tls.certificate", "tls.crt"],
    ),
    (
        "another agreement than was signed",
        |bed| bed.edit("agreement.toml", "purpose = \"", "purpose = \"Also: "),
        "signatures",
        &["p1, p2, p3", "smpcd agreement sign"],
    ),
    (
        "an agreement with an error",
        |bed| bed.edit("agreement.toml", "calendar", "almanac"),
        "agreement",
        &["agreement.toml:", "calendar"],
    ),
    (
        "a missing signature",
        |bed| fs::remove_file(bed.at("p1/signatures/p3.sig")).expect("removes"),
        "signatures",
        &["missing of p3", "smpcd agreement sign"],
    ),
    (
        "a missing card",
        |bed| fs::remove_file(bed.at("p1/cards/p2.card")).expect("removes"),
        "cards",
        &["none of p2", "smpcd card add"],
    ),
    ("a swapped card", |bed| bed.copy("p3/cards/p3.card", "p1/cards/p2.card"), "cards", &["p2.card", "p3"]),
    (
        "a typo in the node file",
        |bed| bed.edit("p1/node.toml", "data_dir", "data_dri"),
        "node file",
        &["node.toml:", "data_dri"],
    ),
    (
        "a guard inside of data_dir",
        |bed| bed.edit("p1/node.toml", "guard = \"guard\"", "guard = \"data/guard\""),
        "node file",
        &["guard: lies inside data_dir", "put it elsewhere"],
    ),
    (
        "a lost guard",
        |bed| fs::remove_file(bed.at("p1/guard")).expect("removes"),
        "guard",
        &["put back from a copy", "newest copy"],
    ),
    (
        "another party's data",
        |bed| {
            fs::remove_dir_all(bed.at("p1/data")).expect("removes");
            fs::rename(bed.at("p2/data"), bed.at("p1/data")).expect("moves");
        },
        "store",
        &["party p2", "data_dir of its own"],
    ),
    (
        "a clock that is an hour behind",
        |bed| {
            let log = bed.at("p1/data/audit/log.jsonl");
            let text = fs::read_to_string(&log).expect("reads");
            let (last, before) = (text.lines().last().expect("a record"), text.lines().count() - 1);
            let mut record = audit::Record::parse(last).expect("a record");
            record.time = audit::Time::from_micros(record.time.micros() + 3_600_000_000);
            let whole: String = text.lines().take(before).map(|line| format!("{line}\n")).collect();
            fs::write(&log, whole + &record.to_line().text + "\n").expect("writes");
        },
        "clock",
        &["minutes later", "set the clock"],
    ),
    (
        "a disk that is nearly full",
        |bed| {
            let text = fs::read_to_string(bed.at("p1/node.toml")).expect("reads");
            fs::write(bed.at("p1/node.toml"), text.replace("reserve = \"256MiB\"", "reserve = \"1000TiB\""))
                .expect("writes");
        },
        "disk",
        &["audit.reserve", "make space"],
    ),
];

#[test]
fn each_planted_fault_is_named_with_its_mending_step_and_nothing_else_is() {
    let ward = Ward::new();
    let well = ward.bed(0);
    let report = well.doctor(&["--json"]).exits(0).json();
    assert!(
        report["healthy"] == true && of(&report, "good").len() > 8 && of(&report, "warning").is_empty(),
        "{report:#}"
    );
    for (number, (what, plant, check, says)) in FAULTS.into_iter().enumerate() {
        let bed = ward.bed(number + 1);
        plant(&bed);
        let said = bed.doctor(&["--json"]);
        assert_eq!(said.code, Some(78), "{what}: {said:?}");
        let report = said.json();
        let bad = of(&report, "bad");
        let named = bad.iter().find(|found| found["check"] == check);
        let named =
            named.unwrap_or_else(|| panic!("{what}: no {check} in {report:#}"))["found"].as_str().expect("a text");
        says.iter().for_each(|part| assert!(named.contains(part), "{what}: no {part:?} in: {named}"));
        assert!(bad.iter().all(|found| found["check"] == check), "{what}: {bad:#?}");
        let text = bed.doctor(&[]).exits(78).out;
        assert!(text.contains("BAD ") && text.contains("to mend before this node can take part"), "{what}: {text}");
    }
}

#[test]
fn a_port_that_somebody_else_holds_is_named() {
    let ward = Ward::new();
    let bed = ward.bed(0);
    let _held = TcpListener::bind(("127.0.0.1", bed.port)).expect("the port is free");
    let report = bed.doctor(&["--json"]).exits(78).json();
    let named = of(&report, "bad")[0]["found"].as_str().expect("a text").to_owned();
    assert!(named.contains("held by another process") && named.contains("listen.peers"), "{named}");
}

#[test]
fn what_the_daemon_and_the_peers_say_is_looked_at_as_far_as_is_asked() {
    let mut testbed = Testbed::new(3);
    testbed.run(0, &["doctor"]).exits(0);
    let said = testbed.run(0, &["doctor", "--level", "live", "--json"]).exits(78).json();
    assert!(of(&said, "bad")[0]["found"].as_str().expect("a text").contains("smpcd run"), "{said:#}");
    testbed.start(0);
    testbed.start(1);
    testbed.linked();
    let said = testbed.run(0, &["doctor", "--level", "full", "--json"]).exits(78).json();
    let good = |check: &str| of(&said, "good").into_iter().filter(|found| found["check"] == check).count();
    assert_eq!((good("link"), good("peer")), (1, 1), "{said:#}");
    for (check, part) in [("link", "p3: not linked"), ("peer", "p3 at 127.0.0.1:")] {
        let named = of(&said, "bad")
            .into_iter()
            .any(|found| found["check"] == check && found["found"].as_str().is_some_and(|text| text.contains(part)));
        assert!(named, "{check}: {said:#}");
    }
    // Looking disturbs no link, and is no stranger.
    let links = testbed.log(0).matches("is up").count() + testbed.log(1).matches("is up").count();
    testbed.run(0, &["doctor", "--level", "full"]).exits(78);
    assert_eq!(testbed.log(0).matches("is up").count() + testbed.log(1).matches("is up").count(), links);
    testbed.start(2);
    testbed.linked();
    testbed.run(0, &["doctor", "--level", "full"]).exits(0);
    // Another agreement at a peer.
    testbed.stop(2);
    let own = testbed.root().join("other.toml");
    let text = fs::read_to_string(testbed.root().join("agreement.toml")).expect("reads");
    fs::write(&own, text.replacen("purpose = \"", "purpose = \"Also: ", 1)).expect("writes");
    testbed.edit(&testbed.node_file(2), "agreement = \"../agreement.toml\"", "agreement = \"../other.toml\"");
    testbed.start(2);
    testbed.linked();
    let said = testbed.run(0, &["doctor", "--level", "full", "--json"]).exits(78).json();
    let differs = of(&said, "bad")
        .into_iter()
        .filter(|found| found["found"].as_str().is_some_and(|text| text.contains("legal") && text.contains("p3")));
    assert!(differs.count() > 0, "{said:#}");
    testbed.stop_all();
}
