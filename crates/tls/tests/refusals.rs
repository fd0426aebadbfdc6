//! Every certificate that must not pass, presented in a real handshake in both directions (PROTOCOL 6.1).
// A test may panic.
#![allow(clippy::unwrap_used)]

mod common;

use common::{
    CONSORTIUM, DAY, Party, authority_params, handshake, identity, issuer, moment, now, params, revocation_list,
    serial, trust_of, uri,
};
use rcgen::{ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tls::{
    Authority, NodeIdentity, PeerVerifier, Refusal, SharedTrust, Usage, client_config, refusal_in, refusal_text,
    server_config,
};

type IsRight = fn(&Refusal) -> bool;

struct World {
    acme: Party,
    best: Party,
    corner: Party,
}

impl World {
    fn new() -> World {
        World { acme: Party::new("acme"), best: Party::new("best"), corner: Party::new("corner") }
    }

    fn trust(&self) -> SharedTrust {
        trust_of(vec![self.acme.card(), self.best.card(), self.corner.card()])
    }
}

/// `bad` dials acme and is refused; acme dials `bad` as `best` and refuses it. The refused side gets words too.
async fn refused(acme: &Party, trust: &SharedTrust, bad: &NodeIdentity) -> Refusal {
    let (accepted, dialled) =
        handshake(server_config(&acme.identity(), trust), client_config(bad, trust, "acme")).await;
    let error = accepted.expect_err("the server must refuse");
    let by_server = refusal_in(&error).expect("a refusal").clone();
    assert_eq!(refusal_text(&error), by_server.to_string());
    let told = refusal_text(&dialled.expect_err("the client must notice"));
    assert!(told.contains("the peer refused this node's certificate (TLS alert certificate_unknown)"), "{told}");

    let (accepted, dialled) =
        handshake(server_config(bad, trust), client_config(&acme.identity(), trust, "best")).await;
    let error = dialled.expect_err("the client must refuse");
    let by_client = refusal_in(&error).expect("a refusal").clone();
    let told = refusal_text(&accepted.expect_err("the server must notice"));
    assert!(told.contains("certificate_unknown"), "{told}");
    if !matches!(by_client, Refusal::AnotherParty { .. } | Refusal::WrongUsage { .. }) {
        assert_eq!(core::mem::discriminant(&by_server), core::mem::discriminant(&by_client));
    }
    by_server
}

fn other_authority(party: &str) -> Refusal {
    Refusal::OtherAuthority { party: party.to_owned() }
}

#[tokio::test]
async fn another_authority() {
    let w = World::new();
    // A name of its own, and the very name of best's authority.
    for name in ["elsewhere", "best"] {
        let other = Authority::create(CONSORTIUM, name, now(), 3650).unwrap();
        let issued = other.issue(CONSORTIUM, "best", now(), 365).unwrap();
        let bad = NodeIdentity::from_pem(&issued.cert_pem, &issued.key_pem).unwrap();
        let refusal = refused(&w.acme, &w.trust(), &bad).await;
        assert_eq!(refusal, other_authority("best"));
        assert!(refusal.to_string().contains("not issued by the authority in best's card"));
        assert_eq!(refusal.claimed_party(), Some("best"));
    }
}

#[tokio::test]
async fn a_same_named_authority_with_a_key_of_another_kind() {
    let w = World::new();
    let mut params_of_ca = authority_params("x");
    params_of_ca.distinguished_name = rcgen::DistinguishedName::new();
    params_of_ca.distinguished_name.push(rcgen::DnType::OrganizationName, CONSORTIUM);
    params_of_ca.distinguished_name.push(rcgen::DnType::CommonName, "best authority");
    let other = Issuer::new(params_of_ca, KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    assert_eq!(refused(&w.acme, &w.trust(), &identity(&params("best"), &other)).await, other_authority("best"));
}

#[tokio::test]
async fn one_party_in_anothers_name() {
    let w = World::new();
    for author in [&w.best, &w.acme] {
        let issued = author.authority.issue(CONSORTIUM, "corner", now(), 365).unwrap();
        let bad = NodeIdentity::from_pem(&issued.cert_pem, &issued.key_pem).unwrap();
        let (accepted, _) =
            handshake(server_config(&w.acme.identity(), &w.trust()), client_config(&bad, &w.trust(), "acme")).await;
        assert_eq!(refusal_in(&accepted.err().unwrap()), Some(&other_authority("corner")));
        let (_, dialled) =
            handshake(server_config(&bad, &w.trust()), client_config(&w.acme.identity(), &w.trust(), "corner")).await;
        assert_eq!(refusal_in(&dialled.err().unwrap()), Some(&other_authority("corner")));
    }
}

#[tokio::test]
async fn another_party_than_the_one_dialled() {
    let w = World::new();
    let (_, dialled) = handshake(
        server_config(&w.corner.identity(), &w.trust()),
        client_config(&w.acme.identity(), &w.trust(), "best"),
    )
    .await;
    let expected = Refusal::AnotherParty { expected: "best".to_owned(), presented: "corner".to_owned() };
    assert_eq!(refusal_in(&dialled.err().unwrap()), Some(&expected));
}

#[tokio::test]
async fn a_party_without_a_card() {
    let w = World::new();
    let trust = trust_of(vec![w.acme.card(), w.corner.card()]);
    let refusal = refused(&w.acme, &trust, &w.best.identity()).await;
    assert_eq!(refusal, Refusal::UnknownParty { party: "\"best\"".to_owned() });
    assert!(refusal.to_string().contains("smpcd card add"));
}

#[tokio::test]
async fn expired_and_not_yet_valid() {
    let w = World::new();
    let mut p = params("best");
    (p.not_before, p.not_after) = (moment(now() - 2 * DAY), moment(now() - DAY));
    let refusal = refused(&w.acme, &w.trust(), &identity(&p, &w.best.issuer())).await;
    assert!(matches!(&refusal, Refusal::Expired { party, .. } if party == "best"), "{refusal:?}");
    assert!(refusal.to_string().contains("smpcd certs renew"));

    (p.not_before, p.not_after) = (moment(now() + DAY), moment(now() + 2 * DAY));
    let refusal = refused(&w.acme, &w.trust(), &identity(&p, &w.best.issuer())).await;
    assert!(matches!(&refusal, Refusal::NotYetValid { party, .. } if party == "best"), "{refusal:?}");
    assert!(refusal.to_string().contains("check the clocks"));
}

#[tokio::test]
async fn older_than_certificates_since() {
    let w = World::new();
    let mut card = w.best.card();
    card.certificates_since = Some(w.best.issued.not_before + 1);
    let trust = trust_of(vec![w.acme.card(), card.clone()]);
    let refusal = refused(&w.acme, &trust, &w.best.identity()).await;
    let (not_before, since) = (w.best.issued.not_before, w.best.issued.not_before + 1);
    assert_eq!(refusal, Refusal::TooOld { party: "best".to_owned(), not_before, since });

    // Exactly as old is accepted: the renewed certificate's own begin is the natural value.
    card.certificates_since = Some(not_before);
    let verifier = PeerVerifier::new(trust_of(vec![card]));
    verifier.identify(w.best.identity().chain(), now(), Usage::Client).unwrap();

    // From before 1970 is as old as can be.
    let mut p = params("best");
    p.not_before = moment(0);
    let mut card = w.best.card();
    card.certificates_since = Some(1);
    let verifier = PeerVerifier::new(trust_of(vec![card]));
    let refusal = verifier.identify(identity(&p, &w.best.issuer()).chain(), now(), Usage::Client).unwrap_err();
    assert!(matches!(refusal, Refusal::TooOld { not_before: 0, .. }), "{refusal:?}");
}

#[tokio::test]
async fn revoked() {
    let w = World::new();
    let list = revocation_list(&w.best.issuer(), &[serial(&w.best.identity())], now() + DAY);
    let other = revocation_list(&w.corner.issuer(), &[serial(&w.best.identity())], now() + DAY);
    let with = |crls: Vec<Vec<u8>>| {
        let mut card = w.best.card();
        card.crls = crls;
        trust_of(vec![w.acme.card(), card, w.corner.card()])
    };
    let revoked = Refusal::Revoked { party: "best".to_owned() };
    assert_eq!(refused(&w.acme, &with(vec![list.clone()]), &w.best.identity()).await, revoked);
    assert_eq!(refused(&w.acme, &with(vec![other.clone(), list.clone()]), &w.best.identity()).await, revoked);

    // Another authority's list speaks not of best, and a list that does not name the certificate lets it pass.
    let empty = revocation_list(&w.best.issuer(), &["0a".to_owned()], now() + DAY);
    for lists in [vec![other.clone()], vec![empty]] {
        let verifier = PeerVerifier::new(with(lists));
        verifier.identify(w.best.identity().chain(), now(), Usage::Client).unwrap();
    }

    let trust = w.trust().current();
    assert!(trust.covers(&list) && trust.covers(&other));
    assert!(!trust_of(vec![w.acme.card()]).current().covers(&list));
    assert!(!trust.covers(b"no list"));
}

#[tokio::test]
async fn revocation_lists_that_cannot_be_believed() {
    let w = World::new();
    let refusal_with = |list: Vec<u8>| {
        let mut card = w.best.card();
        card.crls = vec![list];
        PeerVerifier::new(trust_of(vec![card])).identify(w.best.identity().chain(), now(), Usage::Server).unwrap_err()
    };
    let stale = refusal_with(revocation_list(&w.best.issuer(), &[], now() - 60));
    assert!(matches!(stale, Refusal::RevocationListExpired { .. }), "{stale:?}");
    let same_name = issuer(&Authority::create(CONSORTIUM, "best", now(), 3650).unwrap());
    for list in [b"broken".to_vec(), revocation_list(&same_name, &[], now() + DAY)] {
        let refusal = refusal_with(list);
        assert!(matches!(refusal, Refusal::RevocationListUnusable { .. }), "{refusal:?}");
        assert!(refusal.to_string().contains("tls.revoked"));
    }
}

#[tokio::test]
async fn self_signed() {
    let w = World::new();
    let key = KeyPair::generate().unwrap();
    let mut p = params("best");
    for same_name in [false, true] {
        if same_name {
            p.distinguished_name = rcgen::DistinguishedName::new();
            p.distinguished_name.push(rcgen::DnType::OrganizationName, CONSORTIUM);
            p.distinguished_name.push(rcgen::DnType::CommonName, "best authority");
        }
        let certificate = p.self_signed(&key).unwrap();
        let bad = NodeIdentity::from_pem(&certificate.pem(), &key.serialize_pem()).unwrap();
        assert_eq!(refused(&w.acme, &w.trust(), &bad).await, other_authority("best"));
    }
}

#[tokio::test]
async fn names_that_are_not_exactly_one_party() {
    let w = World::new();
    let best = format!("spiffe://{CONSORTIUM}/best");
    let cases: [(&[&str], IsRight); 9] = [
        (&[&best, &format!("spiffe://{CONSORTIUM}/corner")], |r| *r == Refusal::SeveralIdentities { count: 2 }),
        (&[&best, &best], |r| *r == Refusal::SeveralIdentities { count: 2 }),
        (&[], |r| *r == Refusal::NoIdentity),
        (&["spiffe://southern-retail/best"], |r| matches!(r, Refusal::OtherConsortium { .. })),
        (&["spiffe://northern-retail.evil/best"], |r| matches!(r, Refusal::OtherConsortium { .. })),
        (&["https://northern-retail/best"], |r| matches!(r, Refusal::NotAnIdentity { .. })),
        (&["spiffe://northern-retail"], |r| matches!(r, Refusal::NotAnIdentity { .. })),
        (&["spiffe://northern-retail/best/"], |r| matches!(r, Refusal::UnknownParty { .. })),
        (&["spiffe://northern-retail/BEST"], |r| matches!(r, Refusal::UnknownParty { .. })),
    ];
    for (names, right) in cases {
        let mut p = params("best");
        p.subject_alt_names = names.iter().map(|name| uri(name)).collect();
        let refusal = refused(&w.acme, &w.trust(), &identity(&p, &w.best.issuer())).await;
        assert!(right(&refusal), "{names:?}: {refusal:?}");
    }
    // A host name beside the one URI does no harm; a host name alone names no party.
    let mut p = params("best");
    p.subject_alt_names.push(rcgen::SanType::DnsName("best.example".try_into().unwrap()));
    let verifier = PeerVerifier::new(w.trust());
    verifier.identify(identity(&p, &w.best.issuer()).chain(), now(), Usage::Server).unwrap();
    p.subject_alt_names.remove(0);
    let refusal = verifier.identify(identity(&p, &w.best.issuer()).chain(), now(), Usage::Server).unwrap_err();
    assert_eq!(refusal, Refusal::NoIdentity);
}

#[tokio::test]
async fn an_authority_in_the_place_of_a_node() {
    let w = World::new();
    let mut p = params("best");
    p.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let refusal = refused(&w.acme, &w.trust(), &identity(&p, &w.best.issuer())).await;
    assert_eq!(refusal, Refusal::AuthorityAsNode { party: "best".to_owned() });
}

#[tokio::test]
async fn a_nodes_certificate_in_the_place_of_an_authority() {
    let w = World::new();
    let node_key = KeyPair::from_pem(&w.best.issued.key_pem).unwrap();
    let node = Issuer::from_ca_cert_pem(&w.best.issued.cert_pem, node_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let forged = params("best").signed_by(&key, &node).unwrap();
    let chain = format!("{}{}", forged.pem(), w.best.issued.cert_pem);
    let bad = NodeIdentity::from_pem(&chain, &key.serialize_pem()).unwrap();
    let refusal = refused(&w.acme, &w.trust(), &bad).await;
    assert!(matches!(&refusal, Refusal::Chain { reason, .. } if reason.contains("EndEntityUsedAsCa")), "{refusal:?}");

    // And a card cannot make it one.
    let mut card = w.best.card();
    card.authority_der = w.best.identity().chain()[0].to_vec();
    let refusal = PeerVerifier::new(trust_of(vec![card])).identify(bad.chain(), now(), Usage::Client).unwrap_err();
    assert!(matches!(refusal, Refusal::AuthorityUnusable { .. }), "{refusal:?}");
}

#[tokio::test]
async fn a_usage_that_the_certificate_forbids() {
    let w = World::new();
    let verifier = PeerVerifier::new(w.trust());
    let mut p = params("best");
    p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let only_server = identity(&p, &w.best.issuer());
    verifier.identify(only_server.chain(), now(), Usage::Server).unwrap();
    let refusal = verifier.identify(only_server.chain(), now(), Usage::Client).unwrap_err();
    assert_eq!(refusal, Refusal::WrongUsage { party: "best".to_owned(), usage: Usage::Client });
    assert!(refusal.to_string().contains("by clients (it dials)"));
}

#[test]
fn a_corporate_authority_with_an_intermediate() {
    let root_key = KeyPair::generate().unwrap();
    let root = authority_params("corporate root").self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(authority_params("corporate root"), root_key);
    let middle_key = KeyPair::generate().unwrap();
    let middle = authority_params("corporate nodes").signed_by(&middle_key, &root_issuer).unwrap();
    let middle_issuer = Issuer::new(authority_params("corporate nodes"), middle_key);
    let leaf = identity(&params("best"), &middle_issuer);
    let chain = |extra: usize| {
        let mut chain = vec![leaf.chain()[0].clone()];
        chain.extend(vec![middle.der().clone(); extra]);
        chain
    };
    let card = tls::TrustedParty {
        id: "best".to_owned(),
        authority_der: root.der().to_vec(),
        certificates_since: None,
        crls: Vec::new(),
    };
    let verifier = PeerVerifier::new(trust_of(vec![card.clone()]));
    assert_eq!(verifier.identify(&chain(1), now(), Usage::Client).unwrap().party, "best");
    assert_eq!(verifier.identify(&chain(0), now(), Usage::Client), Err(other_authority("best")));
    let long = verifier.identify(&chain(tls::MAX_CHAIN), now(), Usage::Client).unwrap_err();
    assert_eq!(long, Refusal::ChainTooLong { count: 5, max: 4 });

    // A list is heeded on the whole way up.
    let middle_serial = tls::CertificateFacts::read(middle.der()).unwrap().serial;
    for list in [
        revocation_list(&root_issuer, &[middle_serial], now() + DAY),
        revocation_list(&middle_issuer, &[serial(&leaf)], now() + DAY),
    ] {
        let verifier = PeerVerifier::new(trust_of(vec![tls::TrustedParty { crls: vec![list], ..card.clone() }]));
        let refusal = verifier.identify(&chain(1), now(), Usage::Client).unwrap_err();
        assert_eq!(refusal, Refusal::Revoked { party: "best".to_owned() });
    }
}

#[test]
fn an_expired_or_broken_authority_in_the_card() {
    let mut p = authority_params("best authority");
    p.not_after = moment(now() - 60);
    let key = KeyPair::generate().unwrap();
    let expired = p.self_signed(&key).unwrap();
    let leaf = identity(&params("best"), &Issuer::new(p, key));
    let with = |authority_der: Vec<u8>| {
        let card = tls::TrustedParty { id: "best".to_owned(), authority_der, certificates_since: None, crls: vec![] };
        PeerVerifier::new(trust_of(vec![card])).identify(leaf.chain(), now(), Usage::Client).unwrap_err()
    };
    assert!(matches!(with(expired.der().to_vec()), Refusal::AuthorityExpired { .. }));
    assert!(matches!(with(b"nonsense".to_vec()), Refusal::AuthorityUnusable { .. }));
    assert!(matches!(with(Vec::new()), Refusal::AuthorityUnusable { .. }));
}

#[test]
fn bytes_that_are_no_certificate() {
    let w = World::new();
    let verifier = PeerVerifier::new(w.trust());
    assert_eq!(verifier.identify(&[], now(), Usage::Client), Err(Refusal::NoCertificate));
    let whole = w.best.identity().chain()[0].to_vec();
    for cut in 0..whole.len() {
        let refusal = verifier.identify(&[whole[..cut].to_vec().into()], now(), Usage::Client).unwrap_err();
        assert!(matches!(refusal, Refusal::Unreadable { .. }), "{cut}: {refusal:?}");
    }
    // One changed byte anywhere: never accepted, never a panic.
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(verifier.identify(&[changed.into()], now(), Usage::Client).is_err(), "byte {at}");
    }
}
