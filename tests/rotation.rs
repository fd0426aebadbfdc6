//! Certificates, authorities and revocation lists are replaced while daemons run: no round fails and nobody restarts
//! anything (PROTOCOL 6.1, 6.2). `SMPCD_RENEWAL_ROUNDS` says how many rounds.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber};
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use support::{Testbed, simple};

/// Rounds in the test command that everybody runs.
const ROUNDS: u32 = 15;

fn testbed() -> Testbed {
    Testbed::of(3, &simple("headcount", "5m", "10m"))
}

/// One round, during which something is done; its sum is exact.
fn round(testbed: &Testbed, number: u32, meanwhile: impl FnOnce()) {
    (0..3).for_each(|party| testbed.input(party, None, &format!("figure\n{number}{party}\n")));
    let period = format!("r{number}");
    let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", &period, "--wait", "--json"]);
    meanwhile();
    let result = testbed.ended(waiting).exits(0).json();
    let sum: u32 = (0..3).map(|party| number * 10 + party).sum();
    assert_eq!(result["columns"][0]["rows"][0]["sum"], sum.to_string(), "{result:#}");
    testbed.all_end(&format!("headcount/{period}"), "completed");
}

fn der(file: &Path) -> Vec<u8> {
    let pem = fs::read_to_string(file).expect("a certificate");
    tls::read_certificates(&pem).expect("a certificate").remove(0)
}

fn certificate(testbed: &Testbed, party: usize) -> Vec<u8> {
    der(&testbed.home(party).join("certs/tls.crt"))
}

/// Waits until a party uses the certificate that is in its directory.
fn uses_its_own(testbed: &Testbed, party: usize) {
    let hex: String = Sha256::digest(certificate(testbed, party)).iter().map(|byte| format!("{byte:02x}")).collect();
    testbed
        .recorded(party, "identity.changed", |record| record["digests"]["tls-certificate"] == format!("sha256:{hex}"));
}

fn downs(testbed: &Testbed) -> usize {
    (0..3).map(|p| testbed.audit(p).iter().filter(|record| record["event"] == "link.down").count()).sum()
}

/// Until when a party's certificate is valid, as its peer sees it on the live link.
fn until(testbed: &Testbed, by: usize, party: usize) -> Value {
    testbed.peer(by, party)["certificate_until"].clone()
}

fn shown(testbed: &Testbed, party: usize) -> Value {
    testbed.run(party, &["certs", "show", "--json"]).exits(0).json()["certificate"]["not_after"].clone()
}

#[test]
fn rounds_go_on_while_every_party_renews_its_certificate_again_and_again() {
    let rounds = std::env::var("SMPCD_RENEWAL_ROUNDS").map_or(ROUNDS, |text| text.parse().expect("a number"));
    let mut testbed = testbed();
    testbed.start_all();
    round(&testbed, 1, || ());
    let before = downs(&testbed);
    for number in 2..=rounds {
        let party = usize::try_from(number % 3).expect("small");
        let days = (30 + number).to_string();
        round(&testbed, number, || drop(testbed.run(party, &["certs", "renew", "--days", &days]).exits(0)));
    }
    (0..3).for_each(|party| uses_its_own(&testbed, party));
    assert_eq!(downs(&testbed), before, "no link went down for it");
    // The next links are made with the new ones, at both ends.
    testbed.kill(1);
    testbed.start(1);
    testbed.linked();
    for (by, party) in [(1, 0), (1, 2), (0, 1), (2, 1)] {
        assert_eq!(until(&testbed, by, party), shown(&testbed, party), "p{} as p{} sees it", party + 1, by + 1);
    }
    round(&testbed, rounds + 1, || ());
    testbed.stop_all();
    println!("{rounds} rounds, a certificate renewed in each, and no round failed");
}

#[test]
fn certificates_that_are_cut_off_and_a_new_authority_are_replaced_under_running_rounds() {
    let mut testbed = testbed();
    testbed.start_all();
    round(&testbed, 1, || ());
    // A stolen key: what it had is cut off at once, and the renewed certificate takes its place on links that come up anew.
    round(&testbed, 2, || {
        testbed.run(0, &["card", "new", "--certificates-since", "now"]).exits(0);
        testbed.run(0, &["certs", "renew", "--days", "77"]).exits(0);
    });
    let sees = |testbed: &Testbed, by: usize| {
        let new = shown(testbed, 0);
        testbed.until("the link has the new certificate", || {
            testbed.status(by).filter(|_| until(testbed, by, 0) == new).map(drop)
        });
    };
    (1..3).for_each(|by| sees(&testbed, by));
    // A new authority: its card spreads over the links, to a party that is down meanwhile too, from whoever has it.
    testbed.stop(2);
    let first = der(&testbed.home(0).join("certs/authority.crt"));
    let said = testbed.run(0, &["certs", "renew", "--new-authority", "--days", "88"]).exits(0).out;
    assert!(said.contains("p1.card"), "{said}");
    assert_ne!(der(&testbed.home(0).join("certs/authority.crt")), first);
    sees(&testbed, 1);
    testbed.start(2);
    sees(&testbed, 2);
    testbed.recorded(2, "card.taken-in", |record| record["peer"] == "p1" && record["detail"]["serial"] == 3);
    round(&testbed, 3, || ());
    testbed.stop_all();
    testbed.start_all();
    round(&testbed, 4, || ());
    testbed.stop_all();
}

#[test]
fn a_pair_that_peers_would_refuse_is_not_taken_in_and_the_one_before_stays_in_use() {
    let mut testbed = testbed();
    testbed.start_all();
    round(&testbed, 1, || ());
    let key = testbed.home(0).join("keys/tls.key");
    let good = fs::read(&key).expect("a key");
    let other = fs::read(testbed.home(1).join("keys/tls.key")).expect("a key");
    let told = || testbed.log(0).matches("is not taken in, and the one before stays in use").count();
    for (bad, why) in [(&b"no key at all"[..], "tls.private_key"), (&other[..], "does not belong")] {
        let before = told();
        fs::write(&key, bad).expect("writes");
        testbed.until("it is said", || (told() > before).then_some(()));
        assert!(testbed.log(0).contains(why), "{why}: {}", testbed.log(0));
        // Once, not every second.
        std::thread::sleep(Duration::from_millis(2500));
        assert_eq!(told(), before + 1);
    }
    // Its old one is good for new links.
    testbed.kill(1);
    testbed.start(1);
    testbed.linked();
    round(&testbed, 2, || ());
    fs::write(&key, good).expect("writes");
    testbed
        .until("it is taken in", || testbed.log(0).contains("took in this node's renewed certificate").then_some(()));
    assert!(testbed.audit(0).iter().all(|record| record["event"] != "identity.changed"), "it is the same certificate");
    testbed.stop_all();
}

/// A revocation list of a party's authority with its certificate in it.
fn revokes(testbed: &Testbed, party: usize) -> Vec<u8> {
    let home = testbed.home(party);
    let key = KeyPair::from_pem(&fs::read_to_string(home.join("keys/authority.key")).expect("a key")).expect("a key");
    let pem = fs::read_to_string(home.join("certs/authority.crt")).expect("a certificate");
    let issuer = Issuer::from_ca_cert_pem(&pem, key).expect("an issuer");
    let serial = tls::CertificateFacts::read(&certificate(testbed, party)).expect("facts").serial;
    let bytes = |at: usize| u8::from_str_radix(&serial[at..at + 2], 16).expect("hex");
    let serial: Vec<u8> = (0..serial.len()).step_by(2).map(bytes).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let moment =
        |seconds: u64| OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).expect("fits")).expect("a time");
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: moment(now - 60),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: moment(now - 60),
        next_update: moment(now + 86_400),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&issuer).expect("signs").pem().expect("text").into_bytes()
}

#[test]
fn a_revoked_peer_is_cut_off_at_once_and_comes_back_with_a_renewed_certificate() {
    let mut testbed = testbed();
    let list = testbed.home(0).join("certs/p3.crl");
    testbed.edit(&testbed.node_file(0), "revoked = []", "revoked = [\"certs/p3.crl\"]");
    fs::write(&list, revokes(&testbed, 1)).expect("writes");
    let nobody = fs::read(&list).expect("reads");
    // A list of p2's authority, of another certificate than p2 has since.
    testbed.run(1, &["certs", "renew"]).exits(0);
    testbed.start_all();
    round(&testbed, 1, || ());
    fs::write(&list, [&nobody[..], &revokes(&testbed, 2)].concat()).expect("writes");
    testbed.until("p3 is cut off", || (testbed.peer(0, 2)["connected"] == false).then_some(()));
    testbed.until("its dials are refused", || testbed.log(0).contains("revoked").then_some(()));
    assert_eq!(testbed.peer(1, 2)["connected"], true, "the others go by their own lists");
    testbed.recorded(0, "revocations.changed", |_| true);
    testbed.run(2, &["certs", "renew"]).exits(0);
    testbed.linked();
    round(&testbed, 2, || ());
    testbed.stop_all();
}
