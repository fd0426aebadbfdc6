//! Signatures on agreements: round trips, and everything that must not count.

use super::*;

fn signed() -> (Agreement, AgreementSignature) {
    let agreement = valid(|_| ());
    let signature = AgreementSignature::sign(&agreement, "acme", &Key::new(1)).unwrap();
    (agreement, signature)
}

#[test]
fn a_signature_counts_and_comes_back_from_its_file() {
    let (agreement, signature) = signed();
    assert_eq!(signature.verify_for(&agreement), Ok(()));
    let pem = signature.to_pem();
    assert!(pem.starts_with("# Signature of acme on agreement northern-retail, version 3\n# sha256:"), "{pem}");
    for text in [pem.clone(), pem.replace('\n', "\r\n"), format!("Dear all,\nhere it is\n{pem}\n\n")] {
        assert_eq!(AgreementSignature::from_pem(&text).unwrap(), signature);
    }
    assert_eq!(AgreementSignature::from_bytes(&signature.to_bytes()).unwrap(), signature);
}

#[test]
fn only_the_key_of_the_agreement_signs() {
    let (agreement, signature) = signed();
    assert_eq!(
        AgreementSignature::sign(&agreement, "acme", &Key::new(2)),
        Err(SignatureError::OtherKey { party: "acme".into() })
    );
    assert_eq!(
        AgreementSignature::sign(&agreement, "nobody", &Key::new(1)),
        Err(SignatureError::NoSuchParty { party: "nobody".into() })
    );
    let mut other = signature.clone();
    other.party = "birch".into();
    assert_eq!(other.verify_for(&agreement), Err(SignatureError::Forged { party: "birch".into() }));
    other.party = "nobody".into();
    assert_eq!(other.verify_for(&agreement), Err(SignatureError::NoSuchParty { party: "nobody".into() }));
    let newer = valid(|d| d.version = Some(4));
    assert!(matches!(signature.verify_for(&newer), Err(SignatureError::OtherAgreement { version: 3, .. })));
    // The same text under the other version's name: the signature covers the version too.
    let mut moved = signature;
    moved.version = 4;
    moved.agreement = newer.digest();
    assert_eq!(moved.verify_for(&newer), Err(SignatureError::Forged { party: "acme".into() }));
}

#[test]
fn every_changed_byte_is_noticed() {
    let (agreement, signature) = signed();
    let bytes = signature.to_bytes();
    for i in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[i] ^= 1;
        let counts = AgreementSignature::from_bytes(&changed).is_ok_and(|s| s.verify_for(&agreement).is_ok());
        assert!(!counts, "byte {i}");
        assert!(AgreementSignature::from_bytes(&bytes[..i]).is_err(), "cut at {i}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(AgreementSignature::from_bytes(&longer), Err(SignatureError::Malformed));
}

#[test]
fn files_that_are_none_are_refused() {
    let (_, signature) = signed();
    let pem = signature.to_pem();
    for text in [
        String::new(),
        pem.replace("SMPCD SIGNATURE", "SMPCD CARD"),
        pem.replace("-----END", "----END"),
        pem.lines().filter(|l| !l.starts_with("-----END")).collect(),
        format!("{pem}and more"),
        "x".repeat(100_000),
    ] {
        assert!(AgreementSignature::from_pem(&text).is_err(), "{}", &text[..text.len().min(80)]);
    }
}
