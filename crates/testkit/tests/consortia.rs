//! Throwaway consortia are what the real commands would make: valid, signed by everybody, with certificates that verify.

use protocol::agreement::Problem;
use testkit::consortium::{Blueprint, Key, Roles};
use tls::{NodeIdentity, PeerVerifier, SharedTrust, Trust, TrustedParty, Usage};

/// 2026-01-01.
const NOW: u64 = 1_767_225_600;

#[test]
fn a_consortium_is_whole() {
    let consortium = Blueprint::new(7, &[Roles::ALL; 4]).found(NOW).unwrap();
    assert_eq!(consortium.members.len(), 4);
    let name = consortium.agreement.name();
    let mut parties = Vec::new();
    for member in &consortium.members {
        member.signature.verify_for(&consortium.agreement).unwrap();
        let card = member.card(name, 1, Some("127.0.0.1:7000")).unwrap();
        card.belongs_to(&consortium.agreement).unwrap();
        parties.push(TrustedParty {
            id: member.id.clone(),
            authority_der: card.card().authority_der.clone(),
            certificates_since: None,
            crls: Vec::new(),
        });
    }
    let verifier = PeerVerifier::new(SharedTrust::new(Trust { consortium: name.into(), parties }));
    for member in &consortium.members {
        let identity = NodeIdentity::from_pem(&member.issued.cert_pem, &member.issued.key_pem).unwrap();
        let peer = verifier.identify(identity.chain(), NOW, Usage::Server).unwrap();
        assert_eq!(peer.party, member.id);
    }
}

#[test]
fn keys_follow_from_the_seed() {
    let keys = |seed| Blueprint::new(seed, &[Roles::ALL; 3]).keys.iter().map(Key::text).collect::<Vec<_>>();
    assert_eq!(keys(1), keys(1));
    assert_ne!(keys(1), keys(2));
    assert_ne!(keys(1)[0], keys(1)[1]);
}

#[test]
fn a_blueprint_against_the_rules_is_refused() {
    let mut blueprint = Blueprint::new(1, &[Roles::ALL; 3]);
    blueprint.draft.computations[0].min_contributors = Some(2);
    let problems: Vec<Problem> = blueprint.agreement().unwrap_err();
    assert!(problems.iter().any(|problem| problem.key.contains("min_contributors")), "{problems:?}");
    assert!(blueprint.found(NOW).is_err());
}
