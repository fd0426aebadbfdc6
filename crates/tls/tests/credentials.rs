//! Making, loading and self-checking a node's own credentials.
// A test may panic.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CONSORTIUM, DAY, Party, identity, now, params, revocation_list, trust_of, uri};
use rcgen::{CertificateSigningRequestParams, KeyPair};
use tls::{
    Authority, BACKDATE_SECONDS, CertificateFacts, CredentialError, NodeIdentity, PeerVerifier, Refusal, Usage,
    read_certificates, read_revocation_lists, self_check, signing_request,
};

#[test]
fn the_authority_and_its_certificates_are_as_promised() {
    let party = Party::new("acme");
    let authority = CertificateFacts::read(party.authority.cert_der()).unwrap();
    assert!(authority.is_authority && authority.uri_names.is_empty());
    let leaf = CertificateFacts::read(&read_certificates(&party.issued.cert_pem).unwrap()[0]).unwrap();
    assert!(!leaf.is_authority);
    assert_eq!(leaf.uri_names, [format!("spiffe://{CONSORTIUM}/acme")]);
    assert_eq!((leaf.not_before, leaf.not_after), (party.issued.not_before, party.issued.not_after));
    assert!(now() - leaf.not_before >= BACKDATE_SECONDS);
    assert_eq!(leaf.days_left(leaf.not_after - 10 * DAY + 1), 9);
    assert_ne!(leaf.serial, authority.serial);
    let again = party.authority.issue(CONSORTIUM, "acme", now(), 365).unwrap();
    assert_ne!(again.key_pem, party.issued.key_pem);
}

#[test]
fn the_authority_may_make_no_further_authority() {
    let party = Party::new("acme");
    // pathLenConstraint 0 as DER: BasicConstraints { cA TRUE, pathLen 0 }.
    let constrained = [0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00];
    assert!(party.authority.cert_der().windows(constrained.len()).any(|bytes| bytes == constrained));
}

#[test]
fn an_authority_survives_its_files() {
    let party = Party::new("acme");
    let loaded = Authority::from_pem(party.authority.cert_pem(), &party.authority.key_pem()).unwrap();
    assert_eq!(loaded.cert_der(), party.authority.cert_der());
    let issued = loaded.issue(CONSORTIUM, "acme", now(), 365).unwrap();
    let node = NodeIdentity::from_pem(&issued.cert_pem, &issued.key_pem).unwrap();
    assert_eq!(self_check(&node, &trust_of(vec![party.card()]), "acme", now()).unwrap().party, "acme");
}

#[test]
fn wrong_files_of_an_authority_are_refused() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let load = |cert: &str, key: &str| Authority::from_pem(cert, key).unwrap_err();
    let (cert, key) = (acme.authority.cert_pem(), acme.authority.key_pem());
    assert_eq!(load(cert, &best.authority.key_pem()), CredentialError::KeyMismatch);
    assert_eq!(load(&acme.issued.cert_pem, &acme.issued.key_pem), CredentialError::NotAnAuthority);
    assert_eq!(load("", &key), CredentialError::NoCertificate);
    assert_eq!(load(cert, ""), CredentialError::NoKey);
    assert_eq!(load(cert, cert), CredentialError::NoKey);
}

#[test]
fn names_that_are_no_ids_get_no_certificate() {
    let party = Party::new("acme");
    for bad in ["", "Acme", "a/b", "a b", "a\u{e9}", "acme.example", &"a".repeat(33)] {
        assert!(matches!(
            party.authority.issue(CONSORTIUM, bad, now(), 1),
            Err(CredentialError::NotAnId { what: "party", .. })
        ));
        assert!(matches!(signing_request(bad, "acme"), Err(CredentialError::NotAnId { what: "consortium", .. })));
        assert!(Authority::create(bad, "acme", now(), 1).is_err());
    }
    party.authority.issue(&"c".repeat(32), "0-a", now(), 1).unwrap();
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let authority = Authority::create(CONSORTIUM, "acme", now(), 10).unwrap();
    let issued = authority.issue(CONSORTIUM, "acme", now(), 365).unwrap();
    assert_eq!(issued.not_after, CertificateFacts::read(authority.cert_der()).unwrap().not_after);
    let late = now() + 11 * DAY;
    assert!(matches!(authority.issue(CONSORTIUM, "acme", late, 365), Err(CredentialError::AuthorityExpired)));
    for (now, days) in [(u64::MAX, 1), (u64::MAX / 4, 1), (253_402_300_000, 10)] {
        assert!(matches!(Authority::create(CONSORTIUM, "acme", now, days), Err(CredentialError::Validity)));
    }
}

#[test]
fn a_corporate_authority_signs_the_request() {
    let request = signing_request(CONSORTIUM, "acme").unwrap();
    let corporate = Party::new("acme");
    let certificate =
        CertificateSigningRequestParams::from_pem(&request.csr_pem).unwrap().signed_by(&corporate.issuer()).unwrap();
    let node = NodeIdentity::from_pem(&certificate.pem(), &request.key_pem).unwrap();
    let found = self_check(&node, &trust_of(vec![corporate.card()]), "acme", now()).unwrap();
    assert_eq!(found.party, "acme");
}

#[test]
fn the_self_check_finds_what_peers_would_refuse() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let trust = trust_of(vec![acme.card(), best.card()]);
    let good = acme.identity();
    assert_eq!(self_check(&good, &trust, "acme", now()).unwrap().party, "acme");

    let swapped = NodeIdentity::from_pem(&acme.issued.cert_pem, &best.issued.key_pem).unwrap();
    assert_eq!(self_check(&swapped, &trust, "acme", now()), Err(Refusal::KeyMismatch));
    assert_eq!(
        self_check(&good, &trust, "best", now()),
        Err(Refusal::NotOurs { expected: "best".to_owned(), presented: "acme".to_owned() })
    );
    let wrong = identity(&params("best"), &acme.issuer());
    assert_eq!(self_check(&wrong, &trust, "acme", now()), Err(Refusal::OtherAuthority { party: "best".to_owned() }));
    let mut p = params("acme");
    p.subject_alt_names = vec![uri("spiffe://elsewhere/acme")];
    let elsewhere = identity(&p, &acme.issuer());
    assert!(matches!(self_check(&elsewhere, &trust, "acme", now()), Err(Refusal::OtherConsortium { .. })));
    assert!(matches!(self_check(&good, &trust, "acme", now() + 400 * DAY), Err(Refusal::Expired { .. })));
    assert!(matches!(self_check(&good, &trust_of(vec![]), "acme", now()), Err(Refusal::UnknownParty { .. })));
    let mut p = params("acme");
    p.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let only_server = identity(&p, &acme.issuer());
    assert!(matches!(
        self_check(&only_server, &trust, "acme", now()),
        Err(Refusal::WrongUsage { usage: Usage::Client, .. })
    ));
}

#[test]
fn wrong_files_of_a_node_are_refused_and_keys_stay_out_of_the_text() {
    let acme = Party::new("acme");
    let (cert, key) = (&acme.issued.cert_pem, acme.issued.key_pem.as_str());
    assert!(matches!(NodeIdentity::from_pem("", key), Err(CredentialError::NoCertificate)));
    assert!(matches!(NodeIdentity::from_pem(key, cert), Err(CredentialError::NoCertificate)));
    // The first line of a key file that a slip of the editor has spoilt.
    let spoilt = key.replace("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY");
    for bad in [spoilt.as_str(), &key[..key.len() / 2], "", cert] {
        let error = NodeIdentity::from_pem(cert, bad).unwrap_err();
        assert_eq!(error, CredentialError::NoKey);
        for line in key.lines().filter(|line| !line.starts_with("-----")) {
            assert!(!format!("{error} {error:?}").contains(line));
        }
    }
}

#[test]
fn debug_never_prints_a_key() {
    let acme = Party::new("acme");
    let request = signing_request(CONSORTIUM, "acme").unwrap();
    let texts = [
        (format!("{:?}", acme.authority), acme.authority.key_pem()),
        (format!("{:?}", acme.issued), acme.issued.key_pem.clone()),
        (format!("{:?}", acme.identity()), acme.issued.key_pem.clone()),
        (format!("{request:?}"), request.key_pem.clone()),
    ];
    for (text, key) in texts {
        assert!(text.contains("<redacted>"), "{text}");
        assert!(!text.contains("PRIVATE"), "{text}");
        for line in key.lines() {
            assert!(!text.contains(line), "{text}");
        }
        KeyPair::from_pem(&key).unwrap();
    }
}

#[test]
fn revocation_lists_are_read_as_pem_and_as_der() {
    let acme = Party::new("acme");
    let der = revocation_list(&acme.issuer(), &["0102".to_owned()], now() + DAY);
    assert_eq!(read_revocation_lists(&der).unwrap(), std::slice::from_ref(&der));
    assert!(matches!(read_revocation_lists(b""), Err(CredentialError::RevocationList { .. })));
    assert!(matches!(
        read_revocation_lists(acme.issued.cert_pem.as_bytes()),
        Err(CredentialError::RevocationList { .. })
    ));
    assert!(matches!(read_revocation_lists(&der[..der.len() - 1]), Err(CredentialError::RevocationList { .. })));
}

#[test]
fn a_peers_clock_may_be_a_little_behind() {
    let acme = Party::new("acme");
    let verifier = PeerVerifier::new(trust_of(vec![acme.card()]));
    let begin = acme.issued.not_before;
    verifier.identify(acme.identity().chain(), begin, Usage::Client).unwrap();
    let early = verifier.identify(acme.identity().chain(), begin - 1, Usage::Client).unwrap_err();
    assert!(matches!(early, Refusal::NotYetValid { .. }), "{early:?}");
}
