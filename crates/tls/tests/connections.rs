//! Right connections, and what a connection must be whoever the peer is (PROTOCOL 6.1).
// A test may panic.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{CONSORTIUM, DAY, Party, handshake, now, trust_of};
use rustls::{ProtocolVersion, SignatureScheme};
use tls::{
    ALPN, PeerVerifier, Refusal, Usage, client_config, key_exchange_name, refusal_in, refusal_text, server_config,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_good_pair_connects_in_both_directions() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let trust = trust_of(vec![acme.card(), best.card()]);
    for (server, client) in [(&acme, &best), (&best, &acme)] {
        let (accepted, dialled) =
            handshake(server_config(&server.identity(), &trust), client_config(&client.identity(), &trust, server.id))
                .await;
        let (accepted, dialled) = (accepted.unwrap(), dialled.unwrap());
        let (here, there) = (accepted.get_ref().1, dialled.get_ref().1);

        assert_eq!(here.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(key_exchange_name(here), "X25519MLKEM768");
        assert_eq!(key_exchange_name(there), "X25519MLKEM768");
        assert_eq!(here.alpn_protocol(), Some(ALPN));
        assert_eq!(here.server_name(), None);
        assert_eq!(there.tls13_tickets_received(), 0);
        assert_eq!(there.handshake_kind(), Some(rustls::HandshakeKind::Full));

        let verifier = PeerVerifier::new(trust.clone());
        let peer = verifier.peer(here, now(), Usage::Client).unwrap();
        assert_eq!((peer.party.as_str(), peer.not_after), (client.id, client.issued.not_after));
        assert_eq!(peer.days_left(peer.not_after - 10 * DAY), 10);
        assert_eq!(peer.expiry_warning(now()), None);
        assert!(peer.expiry_warning(now() + 350 * DAY).unwrap().contains(&format!("certificate of {}", client.id)));
        assert_eq!(verifier.peer(there, now(), Usage::Server).unwrap().party, server.id);
    }
}

#[tokio::test]
async fn a_second_connection_is_a_full_handshake_too() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let trust = trust_of(vec![acme.card(), best.card()]);
    let server = server_config(&acme.identity(), &trust);
    let client = client_config(&best.identity(), &trust, "acme");
    assert_eq!((server.send_tls13_tickets, server.max_early_data_size), (0, 0));
    assert!(!server.session_storage.can_cache() && !server.ticketer.enabled());
    assert!(!client.enable_sni && !client.enable_early_data);
    for _ in 0..2 {
        let (accepted, dialled) = handshake(Arc::clone(&server), Arc::clone(&client)).await;
        accepted.unwrap();
        let dialled = dialled.unwrap();
        assert_eq!(dialled.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(dialled.get_ref().1.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn a_newer_card_counts_at_once_for_new_handshakes_and_live_links() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let trust = trust_of(vec![acme.card(), best.card()]);
    let server = server_config(&acme.identity(), &trust);
    let client = client_config(&best.identity(), &trust, "acme");
    let (accepted, _dialled) = handshake(Arc::clone(&server), Arc::clone(&client)).await;
    let live = accepted.unwrap();

    let renewed = best.authority.issue(CONSORTIUM, "best", now() + 1, 365).unwrap();
    let mut card = best.card();
    card.certificates_since = Some(renewed.not_before);
    let mut newer = (*trust.current()).clone();
    newer.parties[1] = card;
    trust.replace(newer);

    let verifier = PeerVerifier::new(trust.clone());
    let refusal = verifier.peer(live.get_ref().1, now(), Usage::Client).unwrap_err();
    assert!(matches!(&refusal, Refusal::TooOld { party, .. } if party == "best"), "{refusal:?}");
    let (accepted, _) = handshake(Arc::clone(&server), client).await;
    assert!(matches!(refusal_in(&accepted.err().unwrap()), Some(Refusal::TooOld { .. })));

    let identity = tls::NodeIdentity::from_pem(&renewed.cert_pem, &renewed.key_pem).unwrap();
    let (accepted, dialled) = handshake(server, client_config(&identity, &trust, "acme")).await;
    accepted.unwrap();
    dialled.unwrap();
}

#[tokio::test]
async fn a_peer_without_post_quantum_key_exchange_still_connects() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let trust = trust_of(vec![acme.card(), best.card()]);
    let provider = rustls::crypto::CryptoProvider {
        kx_groups: vec![rustls::crypto::aws_lc_rs::kx_group::X25519],
        ..rustls::crypto::aws_lc_rs::default_provider()
    };
    let mut client = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PeerVerifier::new(trust.clone())))
        .with_client_cert_resolver(client_config(&best.identity(), &trust, "acme").client_auth_cert_resolver.clone());
    client.alpn_protocols = vec![ALPN.to_vec()];
    let (accepted, _) = handshake(server_config(&acme.identity(), &trust), Arc::new(client)).await;
    assert_eq!(key_exchange_name(accepted.unwrap().get_ref().1), "X25519");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let trust = trust_of(vec![acme.card(), best.card()]);
    let client = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PeerVerifier::new(trust.clone())))
        .with_no_client_auth();
    let (accepted, dialled) = handshake(server_config(&acme.identity(), &trust), Arc::new(client)).await;
    assert!(refusal_text(&accepted.err().unwrap()).contains("no certificate was presented"));
    assert!(refusal_text(&dialled.err().unwrap()).contains("the peer wants a certificate"));
}

#[tokio::test]
async fn another_application_protocol_is_refused_and_so_is_none() {
    let (acme, best) = (Party::new("acme"), Party::new("best"));
    let trust = trust_of(vec![acme.card(), best.card()]);
    let server = server_config(&acme.identity(), &trust);
    let mut client = (*client_config(&best.identity(), &trust, "acme")).clone();
    client.alpn_protocols = vec![b"smpcd/2".to_vec()];
    let (accepted, dialled) = handshake(Arc::clone(&server), Arc::new(client.clone())).await;
    assert!(refusal_text(&accepted.err().unwrap()).contains("another version of smpcd"));
    assert!(refusal_text(&dialled.err().unwrap()).contains("does not speak this version"));

    client.alpn_protocols.clear();
    let (accepted, _) = handshake(server, Arc::new(client)).await;
    let verifier = PeerVerifier::new(trust);
    // TLS lets it through; the check after the handshake does not.
    let refusal = verifier.peer(accepted.unwrap().get_ref().1, now(), Usage::Client).unwrap_err();
    assert_eq!(refusal, Refusal::OtherApplication);
}

/// The ClientHello of a TLS 1.2 client: no supported_versions extension.
fn tls12_hello() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17, // supported_groups: x25519, secp256r1
        0, 11, 0, 2, 1, 0, // ec_point_formats: uncompressed
        0, 13, 0, 6, 0, 4, 4, 3, 8, 4, // signature_algorithms: ECDSA P-256, RSA-PSS
        0, 23, 0, 0, // extended_master_secret
    ];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f]);
    body.extend([1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u16::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused() {
    let acme = Party::new("acme");
    let server = server_config(&acme.identity(), &trust_of(vec![acme.card()]));
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let dial = async {
        far.write_all(&tls12_hello()).await.unwrap();
        let mut answer = [0; 7];
        far.read_exact(&mut answer).await.unwrap();
        answer
    };
    let (accepted, answer) = tokio::join!(tokio_rustls::TlsAcceptor::from(server).accept(near), dial);
    let text = refusal_text(&accepted.err().unwrap());
    assert!(text.contains("no TLS 1.3"), "{text}");
    // A fatal alert, protocol_version.
    assert_eq!((answer[0], &answer[5..]), (21, &[2, 70][..]));
}

#[tokio::test]
async fn plain_text_is_refused_in_words() {
    let acme = Party::new("acme");
    let server = server_config(&acme.identity(), &trust_of(vec![acme.card()]));
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    far.write_all(b"GET / HTTP/1.1\r\nHost: acme\r\n\r\n").await.unwrap();
    let text = refusal_text(&tokio_rustls::TlsAcceptor::from(server).accept(near).await.err().unwrap());
    assert!(text.contains("no TLS 1.3 peer"), "{text}");
}

#[test]
fn only_signature_schemes_of_tls_1_3_are_offered() {
    use rustls::client::danger::ServerCertVerifier;
    let schemes = PeerVerifier::new(trust_of(Vec::new())).supported_verify_schemes();
    assert!(schemes.contains(&SignatureScheme::ECDSA_NISTP256_SHA256));
    assert!(schemes.contains(&SignatureScheme::RSA_PSS_SHA256));
    for scheme in schemes {
        assert!(!format!("{scheme:?}").contains("PKCS1"), "{scheme:?}");
    }
}
