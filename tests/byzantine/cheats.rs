//! `smpcd demo --cheat`: each way to cheat is found and named, with evidence that anybody can check.

use std::fs;
use std::path::Path;

use protocol::round::{OneCore, Proven, examine};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::Value;

use super::papers::agreement;
use super::support::smpcd;

/// Runs a demo whose last party cheats, and gives what it prints and the totals' text, if there are any.
fn demo(cheat: &str, fault: &str, sharing: &str, parties: usize) -> Value {
    let folder = tempfile::tempdir().expect("a directory");
    let dir = folder.path().join("d");
    let mut line = vec!["demo", "--adversary", "malicious", "--cheat", cheat, "--sharing", sharing, "--json", "--dir"];
    line.push(dir.to_str().expect("a path of text"));
    let shown = smpcd(line).exits(0).json();
    let culprit = format!("p{parties}");
    assert_eq!(shown["culprit"], culprit.as_str(), "{shown:#}");
    assert_eq!(shown["fault"], fault, "{shown:#}");
    let evidence = shown["evidence"].as_array().expect("a list");
    for number in 1..parties {
        let own = format!("p{number}/data/evidence/");
        assert!(evidence.iter().any(|file| file.as_str().is_some_and(|file| file.starts_with(&own))), "{shown:#}");
    }
    let agreement = agreement(&dir.join("agreement.toml"));
    for file in evidence {
        proves(&agreement, &dir.join(file.as_str().expect("a path")), &culprit);
    }
    let (first, terms) = (dir.join(evidence[0].as_str().expect("a path")), dir.join("agreement.toml"));
    let [first, terms] = [&first, &terms].map(|path| path.to_str().expect("a path of text"));
    let said = smpcd(["evidence", "verify", first, "--agreement", terms, "--json"]).exits(0).json();
    assert_eq!((&said["culprit"], &said["kind"]), (&shown["culprit"], &shown["fault"]), "{said:#}");
    assert_eq!(shown["parties"].as_array().map(Vec::len), Some(parties - 1), "one process for each honest party");
    shown
}

fn proves(agreement: &protocol::agreement::Agreement, file: &Path, who: &str) {
    let mut bytes = fs::read(file).expect("evidence");
    let check = |bytes: &[u8]| examine(agreement, bytes, &mut UnwrapErr(SysRng), &mut OneCore);
    match check(&bytes) {
        Ok(Proven::Fault { culprit, .. }) => assert_eq!(culprit, who, "{}", file.display()),
        other => panic!("{}: {other:?}", file.display()),
    }
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(check(&bytes).is_err(), "{}: a changed file proves nothing", file.display());
}

fn stops(cheat: &str, fault: &str) {
    let shown = demo(cheat, fault, "additive", 3);
    assert_eq!(shown["status"], "abandoned", "{shown:#}");
    assert!(shown["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{shown:#}");
    assert!(shown.get("columns").is_none(), "{shown:#}");
}

/// The total is that of the contributors, and the honest ones are all in it.
fn goes_on(cheat: &str, fault: &str) {
    let shown = demo(cheat, fault, "shamir:2", 4);
    assert_eq!(shown["status"], "completed", "{shown:#}");
    let contributors: Vec<&str> =
        shown["contributors"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let sum = match contributors[..] {
        ["p1", "p2", "p3"] => "45000.00",
        ["p1", "p2", "p3", "p4"] => "70000.00",
        _ => panic!("{shown:#}"),
    };
    assert_eq!(shown["columns"][0]["rows"][0]["sum"], sum, "{shown:#}");
}

#[test]
fn a_dealer_of_a_wrong_share_is_named() {
    stops("dealer", "bad-share");
    goes_on("dealer", "bad-share");
}

#[test]
fn a_figure_beyond_the_bounds_is_found() {
    stops("bounds", "bad-commitments");
    goes_on("bounds", "bad-commitments");
}

#[test]
fn a_wrong_partial_sum_is_named() {
    stops("partial", "bad-partial");
    goes_on("partial", "bad-partial");
}

#[test]
fn two_headers_are_found_and_the_others_go_on() {
    stops("equivocate", "equivocation");
    goes_on("equivocate", "equivocation");
}

#[test]
fn a_cheater_is_found_in_malicious_rounds_only() {
    let refused = smpcd(["demo", "--cheat", "dealer"]).exits(2);
    refused.complains(&["--cheat", "--adversary malicious"]);
    smpcd(["demo", "--adversary", "malicious", "--cheat", "nonsense"]).exits(2);
}
