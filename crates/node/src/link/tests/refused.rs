//! Who is refused: at both ends with the reason, and nobody else notices.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::RefusalReason;
use super::super::seats::unix_now;
use super::support::{Consortium, Node, end_of, hello, index, pair};

const DAY: u64 = 86_400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_certificates_are_refused_at_both_ends_and_disturb_nobody() {
    let consortium = Consortium::new(3);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    let now = unix_now();
    let strangers = Consortium::new(3);
    let since = now - 5 * DAY;
    let mut trust = consortium.trust();
    trust.parties[2].certificates_since = Some(since);
    first.links.set_trust(trust);

    let cases = [
        ("another authority", strangers.identity(2), "was not issued by the authority in p3's card"),
        ("another party's name", consortium.certificate(2, 1, now, 30), "was not issued by the authority in p2's card"),
        ("expired", consortium.certificate(2, 2, now - 60 * DAY, 30), "expired on"),
        ("older than its card allows", consortium.certificate(2, 2, now - 10 * DAY, 30), "accepts none older than"),
    ];
    for (case, identity, reason) in cases {
        // The dialler learns of it at its first read, in words.
        let theirs = match consortium.dial(&identity, 0, first.address()).await {
            Ok(mut stream) => end_of(&mut stream).await,
            Err(error) => tls::refusal_text(&error),
        };
        assert!(theirs.contains("refused this node's certificate"), "{case}: {theirs}");
        let (_, dialling, ours) = first.refusal().await;
        assert!(!dialling);
        assert!(ours.to_string().contains(reason), "{case}: {ours}");
        first.still_linked(&to_second, &mut second, &to_first).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_authority_says_so_itself_and_the_acceptor_too() {
    let consortium = Consortium::new(2);
    let mut first = consortium.node(0).await;
    // p2 has made itself a new authority and given nobody its new card.
    let mut changed = Consortium::new(2);
    changed.authorities[0] = {
        let (cert, key) = (consortium.authorities[0].cert_pem().to_owned(), consortium.authorities[0].key_pem());
        tls::Authority::from_pem(&cert, &key).unwrap()
    };
    let mut second = changed.node(1).await;
    second.dial(&[(0, first.address())]);
    let (party, dialling, reason) = second.refusal().await;
    assert_eq!((party.as_deref(), dialling), (Some("p1"), true));
    assert!(reason.to_string().contains("refused this node's certificate"), "{reason}");
    let (party, dialling, reason) = first.refusal().await;
    assert_eq!((party.as_deref(), dialling), (Some("p2"), false));
    assert!(reason.to_string().contains("smpcd card add"), "{reason}");

    // And the other way round: now the dialler refuses.
    first.dial(&[(1, second.address())]);
    let dialled = first.until(|event| match event {
        super::super::LinkEvent::Refused { dialling: true, reason, .. } => Some(reason),
        _ => None,
    });
    let reason = dialled.await;
    assert!(reason.to_string().contains("was not issued by the authority in p2's card"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_party_at_the_address_is_refused() {
    let consortium = Consortium::new(3);
    let third = consortium.node(2).await;
    let mut first = consortium.node(0).await;
    first.dial(&[(1, third.address())]);
    let (party, dialling, reason) = first.refusal().await;
    assert_eq!((party.as_deref(), dialling), (Some("p2"), true));
    assert!(reason.to_string().contains("p2 was dialled and p3 answered"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_party_is_refused() {
    let consortium = Consortium::new(2);
    let mut first = consortium.node(0).await;
    let mut stream = consortium.dial(&consortium.identity(0), 0, first.address()).await.unwrap();
    assert_eq!(first.refusal().await.2, RefusalReason::Ourselves);
    end_of(&mut stream).await;
    // Its own address in another party's card.
    first.dial(&[(1, first.address())]);
    // The acceptor, which is the same node, has its own word for it.
    let dialled = first.until(|event| match event {
        super::super::LinkEvent::Refused { dialling: true, party, reason, .. } => Some((party, reason)),
        _ => None,
    });
    let (party, reason) = dialled.await;
    assert_eq!(party.as_deref(), Some("p2"));
    assert!(reason.to_string().contains("p2 was dialled and p1 answered"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_certificate_is_refused() {
    let consortium = Consortium::new(2);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    let trust = tls::SharedTrust::new(consortium.trust());
    let mut config = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(tls::PeerVerifier::new(trust)))
        .with_no_client_auth();
    config.alpn_protocols = vec![tls::ALPN.to_vec()];
    let tcp = TcpStream::connect(first.address()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let mut stream = connector.connect(tls::server_name(), tcp).await.unwrap();
    let theirs = end_of(&mut stream).await;
    assert!(theirs.contains("wants a certificate and got none"), "{theirs}");
    let ours = first.refusal().await.2.to_string();
    assert!(ours.contains("no certificate was presented"), "{ours}");
    first.still_linked(&to_second, &mut second, &to_first).await;
}

/// A TLS 1.2 ClientHello with one suite and no extensions.
fn client_hello_1_2() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([9; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2f, 1, 0]);
    let mut handshake = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    handshake.extend(body);
    let mut record = vec![22, 3, 1, 0, u8::try_from(handshake.len()).unwrap()];
    record.extend(handshake);
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_1_2_is_refused_at_either_side() {
    let consortium = Consortium::new(3);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    let mut tcp = TcpStream::connect(first.address()).await.unwrap();
    tcp.write_all(&client_hello_1_2()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    // A fatal alert, protocol_version (RFC 8446, 6) or one of its like.
    assert_eq!((answer[0], answer[5]), (21, 2), "{answer:?}");
    let reason = first.refusal().await.2.to_string();
    assert!(reason.contains("TLS"), "{reason}");

    // A server that knows TLS 1.2 only answers with its ServerHello.
    let old = TcpListener::bind("127.0.0.1:0").await.unwrap();
    first.dial(&[(2, old.local_addr().unwrap())]);
    let (mut tcp, _) = old.accept().await.unwrap();
    let mut record = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
    record.extend([9; 32]);
    record.extend([0, 0xc0, 0x2f, 0]);
    tcp.write_all(&record).await.unwrap();
    let (party, dialling, reason) = first.refusal().await;
    assert_eq!((party.as_deref(), dialling), (Some("p3"), true));
    assert!(reason.to_string().contains("TLS"), "{reason}");
    first.still_linked(&to_second, &mut second, &to_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_protocol_or_consortium_in_the_hello_is_refused_at_both_ends() {
    let consortium = Consortium::new(2);
    let mut other_protocol = hello();
    other_protocol.protocol = wire::PROTOCOL_VERSION + 1;
    let mut other_consortium = hello();
    other_consortium.consortium = wire::codec::Text::truncated("southern-retail");
    for (theirs, at_first, at_second) in [
        (
            other_protocol,
            "version 4 of the protocol, and this node version 3",
            "version 3 of the protocol, and this node version 4",
        ),
        (
            other_consortium,
            "southern-retail, and this node is in northern-retail",
            "northern-retail, and this node is in southern-retail",
        ),
    ] {
        let mut first = consortium.node(0).await;
        let mut config = consortium.config(1);
        config.hello = theirs;
        config.addresses[0] = Some(first.address().to_string());
        let mut second = Node::start(config).await.unwrap();
        let (party, _, reason) = first.refusal().await;
        assert_eq!(party.as_deref(), Some("p2"));
        assert!(reason.to_string().contains(at_first), "{reason}");
        let (party, _, reason) = second.refusal().await;
        assert_eq!(party.as_deref(), Some("p1"));
        assert!(reason.to_string().contains(at_second), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_agreement_keeps_the_link() {
    let consortium = Consortium::new(2);
    let mut first = consortium.node(0).await;
    let mut config = consortium.config(1);
    config.hello.agreement = [8; 32];
    config.addresses[0] = Some(first.address().to_string());
    let mut second = Node::start(config).await.unwrap();
    let (_, to_second) = first.up(1).await;
    let (_, to_first) = second.up(0).await;
    first.still_linked(&to_second, &mut second, &to_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_party_is_cut_and_the_others_are_not() {
    let consortium = Consortium::new(3);
    let (mut first, to_second, mut second, to_first) = pair(&consortium).await;
    let mut third = consortium.node(2).await;
    third.dial(&[(0, first.address())]);
    first.up(2).await;
    third.up(0).await;

    let mut trust = consortium.trust();
    trust.parties[2].certificates_since = Some(unix_now() + DAY);
    first.links.set_trust(trust);
    let reason = first.down(2).await.to_string();
    assert!(reason.contains("no longer trusted") && reason.contains("accepts none older than"), "{reason}");
    third.down(0).await;
    let (party, dialling, reason) = third.refusal().await;
    assert_eq!((party.as_deref(), dialling), (Some("p1"), true), "it dials again and is refused");
    assert!(reason.to_string().contains("refused this node's certificate"), "{reason}");
    first.still_linked(&to_second, &mut second, &to_first).await;
    assert!(first.links.sender(index(2)).is_none());
}
