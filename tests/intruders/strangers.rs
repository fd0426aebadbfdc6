//! Whoever has no certificate that a card vouches for.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use protocol::card::SignedCard;
use rustls::{ClientConfig, ClientConnection, ServerConnection, StreamOwned};
use serde_json::Value;
use tls::{Authority, Issued, NodeIdentity, PeerVerifier, SharedTrust, Trust, TrustedParty};

use crate::support::{Testbed, simple};

const CONSORTIUM: &str = "testbed";
const DAY: u64 = 86_400;
/// No handshake on loopback takes so long. Reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn identity(issued: &Issued) -> NodeIdentity {
    NodeIdentity::from_pem(&issued.cert_pem, &issued.key_pem).unwrap()
}

/// The certificate and key that a party's node has now.
fn own(testbed: &Testbed, party: usize) -> NodeIdentity {
    let read = |file: &str| fs::read_to_string(testbed.home(party).join(file)).unwrap();
    NodeIdentity::from_pem(&read("certs/tls.crt"), &read("keys/tls.key")).unwrap()
}

fn authority(testbed: &Testbed, party: usize) -> Authority {
    let read = |file: &str| fs::read_to_string(testbed.home(party).join(file)).unwrap();
    Authority::from_pem(&read("certs/authority.crt"), &read("keys/authority.key")).unwrap()
}

/// Whom the parties trust, so that a stranger here makes no fuss about the daemon's own certificate.
fn trust(testbed: &Testbed) -> SharedTrust {
    let parties = (0..testbed.count()).map(|party| {
        let file = testbed.home(0).join(format!("cards/{}.card", testbed.id(party)));
        let card = SignedCard::from_pem(&fs::read_to_string(file).unwrap()).unwrap();
        TrustedParty {
            id: card.card().party.clone(),
            authority_der: card.card().authority_der.clone(),
            certificates_since: None,
            crls: Vec::new(),
        }
    });
    SharedTrust::new(Trust { consortium: CONSORTIUM.to_owned(), parties: parties.collect() })
}

/// What a stranger does once it is connected.
enum Approach {
    /// Shakes hands with this.
    Tls(Arc<ClientConfig>),
    /// Says this.
    Bytes(Vec<u8>),
}

struct Stranger {
    what: &'static str,
    approach: Approach,
    /// What the daemon says of it.
    refusal: &'static str,
}

/// The ClientHello of a TLS 1.2 client: it names no other version.
fn tls12_hello() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17, // supported_groups: x25519, secp256r1
        0, 11, 0, 2, 1, 0, // ec_point_formats: uncompressed
        0, 13, 0, 6, 0, 4, 4, 3, 8, 4, // signature_algorithms: ECDSA P-256, RSA-PSS
        0, 23, 0, 0, // extended_master_secret
    ];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
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

/// Everybody who must not come in. `stolen` is a certificate of the third that its card has cut off since.
fn strangers(testbed: &Testbed, stolen: &NodeIdentity) -> Vec<Stranger> {
    let trust = trust(testbed);
    let with = |identity: &NodeIdentity| Approach::Tls(tls::client_config(identity, &trust, "p1"));
    let third = authority(testbed, 2);
    let impostor = Authority::create(CONSORTIUM, "p3", now(), 365).unwrap();
    let issue = |authority: &Authority, consortium: &str, party: &str, at: u64, days: u32| {
        identity(&authority.issue(consortium, party, at, days).unwrap())
    };
    let nobody = {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(PeerVerifier::new(trust.clone()).expecting("p1")))
            .with_no_client_auth();
        config.alpn_protocols = vec![tls::ALPN.to_vec()];
        config
    };
    let of = |what, approach, refusal| Stranger { what, approach, refusal };
    vec![
        of(
            "a certificate of another authority",
            with(&issue(&impostor, CONSORTIUM, "p3", now(), 30)),
            "was not issued by the authority in p3's card",
        ),
        of(
            "another party's name",
            with(&issue(&third, CONSORTIUM, "p2", now(), 30)),
            "names p2 but was not issued by the authority in p2's card",
        ),
        of(
            "an expired certificate",
            with(&issue(&third, CONSORTIUM, "p3", now() - 9 * DAY, 2)),
            "the certificate of p3 expired on",
        ),
        of("a certificate older than the card allows", with(stolen), "its card accepts none older than"),
        of("no certificate", Approach::Tls(Arc::new(nobody)), "no certificate was presented"),
        of(
            "another consortium",
            with(&issue(&third, "other", "p3", now(), 30)),
            "the certificate is for consortium \"other\"",
        ),
        of("a party of no card", with(&issue(&third, CONSORTIUM, "p9", now(), 30)), "party \"p9\" is not known here"),
        of("the daemon's own certificate", with(&own(testbed, 0)), "the peer is this very party"),
        of("TLS 1.2", Approach::Bytes(tls12_hello()), "offered no TLS 1.3"),
        of("plain text", Approach::Bytes(b"GET / HTTP/1.1\r\nHost: p1\r\n\r\n".to_vec()), "no TLS 1.3 peer"),
    ]
}

/// Tries to come in, and fails unless it is turned away without a byte of what links say.
fn knock(port: u16, stranger: &Stranger) {
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    let mut heard = Vec::new();
    match &stranger.approach {
        Approach::Tls(config) => {
            let connection = ClientConnection::new(Arc::clone(config), tls::server_name()).unwrap();
            let mut stream = StreamOwned::new(connection, tcp);
            let ended = stream.read_to_end(&mut heard);
            assert!(!matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "still open");
            assert!(heard.is_empty(), "{}: was told {heard:02x?}", stranger.what);
        }
        Approach::Bytes(bytes) => {
            tcp.write_all(bytes).unwrap();
            // An alert, or a reset, and in any case an end.
            match tcp.read_to_end(&mut heard) {
                Ok(_) => assert!(heard.len() <= 7, "{}: was told {heard:02x?}", stranger.what),
                Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "{}", stranger.what),
            }
        }
    }
}

/// The links of a party, as they must not change: to whom, since when.
fn links(testbed: &Testbed, party: usize) -> Vec<(Value, Value, Value)> {
    let status = testbed.status(party).expect("it runs");
    let peers = status["peers"].as_array().unwrap();
    peers.iter().map(|peer| (peer["party"].clone(), peer["connected"].clone(), peer["since"].clone())).collect()
}

#[test]
fn every_stranger_is_refused_and_logged_and_a_round_completes_meanwhile() {
    let mut testbed = Testbed::with(3, &["--rows", "20000"]);
    // The third's key was stolen: it cuts off what it had, and renews.
    let stolen = own(&testbed, 2);
    testbed.run(2, &["card", "new", "--certificates-since", "now"]).exits(0);
    testbed.run(2, &["certs", "renew"]).exits(0);
    testbed.start_all();
    testbed.recorded(0, "card.taken-in", |record| record["peer"] == "p3" && record["detail"]["serial"] == 2);
    let mut before = Vec::new();
    // Of two links that cross at the start one goes. After a round they have settled.
    testbed.completes("average-expenditure", "before");
    (0..3).for_each(|party| before.push(links(&testbed, party)));
    let downs = |testbed: &Testbed| -> usize {
        (0..3).map(|p| testbed.audit(p).iter().filter(|record| record["event"] == "link.down").count()).sum()
    };
    let downs_before = downs(&testbed);

    let port = testbed.base_port;
    let strangers = strangers(&testbed, &stolen);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let knocking = scope.spawn(|| {
            // More connections that say nothing than a daemon keeps.
            let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
            let mut knocks = 0;
            while !over.load(Ordering::Relaxed) || knocks == 0 {
                strangers.iter().for_each(|stranger| knock(port, stranger));
                knocks += 1;
            }
            drop(silent);
        });
        testbed.rotate_inputs(None);
        let results = testbed.completes("average-expenditure", "meanwhile");
        over.store(true, Ordering::Relaxed);
        for (json, csv) in results {
            assert_eq!(json["columns"][0]["rows"][19_999]["sum"], "45000.00");
            assert_eq!(csv.lines().filter(|line| line.ends_with(",45000.00,15000.00,3")).count(), 20_000);
        }
        knocking.join().unwrap();
    });

    let log = testbed.log(0);
    for Stranger { what, refusal, .. } in &strangers {
        let line = log.lines().any(|line| line.contains("WARN") && line.contains("refused") && line.contains(refusal));
        assert!(line, "{what}: no line with {refusal:?} in\n{log}");
        let record = testbed.recorded(0, "link.refused", |record| {
            record["detail"]["reason"].as_str().is_some_and(|reason| reason.contains(refusal))
        });
        let address = record["detail"]["address"].as_str().unwrap_or_default();
        assert!(address.starts_with("127.0.0.1:"), "{what}: {record}");
        assert_eq!(record["outcome"], "refused");
        // Who it claims to be is no fact, and does not stand where facts stand.
        assert!(record.get("peer").is_none_or(Value::is_null), "{what}: {record}");
    }
    assert!(log.contains("too many connections had not finished their handshake"), "{log}");
    let status = testbed.status(0).unwrap();
    assert!(!status["refused_strangers"].as_array().unwrap().is_empty());
    assert!(testbed.run(0, &["status"]).exits(0).out.contains("refused  "));
    for (party, before) in before.iter().enumerate() {
        assert_eq!(links(&testbed, party), *before, "the links of p{} were disturbed", party + 1);
    }
    assert_eq!(downs(&testbed), downs_before);
    testbed.rotate_inputs(None);
    testbed.completes("average-expenditure", "after");

    // The same approach with the third's own certificate is heard: it was the certificate that kept the others out.
    let config = tls::client_config(&own(&testbed, 2), &trust(&testbed), "p1");
    let connection = ClientConnection::new(config, tls::server_name()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port)).unwrap());
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(stream.read(&mut [0; 64]).unwrap() > 0, "the acceptor speaks first");
    drop(stream);
    testbed.stop_all();
}

#[test]
fn who_answers_in_another_partys_place_is_refused_by_the_dialler() {
    let mut testbed = Testbed::of(3, &simple("headcount", "30s", "1m"));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n1\n"));
    // The third's certificate at the first's address.
    let listener = TcpListener::bind(("127.0.0.1", testbed.base_port)).unwrap();
    let config = tls::server_config(&own(&testbed, 2), &trust(&testbed));
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    // It answers whoever dials, again and again, and gives what it was told.
    let impostor = std::thread::spawn(move || {
        let mut heard = Vec::new();
        loop {
            let (tcp, _) = listener.accept().unwrap();
            if until.load(Ordering::Relaxed) {
                return heard;
            }
            tcp.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), tcp);
            let mut told = Vec::new();
            let _ = stream.read_to_end(&mut told);
            heard.push((told, stream.conn.peer_certificates().map(<[_]>::len)));
        }
    });
    testbed.start(1);
    let refusal = "p1 was dialled and p3 answered; check the address in the card of p1";
    let record = testbed.recorded(1, "link.refused", |r| r["detail"]["reason"].to_string().contains(refusal));
    assert_eq!(record["peer"], "p1", "whom it dialled it knows");
    assert!(testbed.log(1).contains(refusal));
    let peer = testbed.peer(1, 0);
    assert!(!peer["connected"].as_bool().unwrap() && peer["last_refusal"].as_str().unwrap().contains(refusal));
    over.store(true, Ordering::Relaxed);
    drop(TcpStream::connect(("127.0.0.1", testbed.base_port)).unwrap());
    for heard in impostor.join().unwrap() {
        assert_eq!(heard, (Vec::new(), None), "nothing was said, and no certificate was shown");
    }
    // The impostor is gone: the place is the first's again.
    testbed.start(0);
    testbed.start(2);
    testbed.linked();
    testbed.completes("headcount", "2026-Q3");
    testbed.stop_all();
}

#[test]
fn a_newer_card_cuts_a_live_link_off() {
    let mut testbed = Testbed::of(3, &simple("headcount", "30s", "1m"));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n1\n"));
    testbed.start_all();
    // Its daemon goes on with the old certificate.
    testbed.run(2, &["card", "new", "--certificates-since", "now"]).exits(0);
    for party in [0, 1] {
        testbed.recorded(party, "link.down", |record| {
            record["peer"] == "p3" && record["detail"]["reason"].to_string().contains("no longer trusted")
        });
        testbed.until("it stays out", || {
            let peer = testbed.peer(party, 2);
            let why = peer["last_refusal"].as_str()?.to_owned();
            (peer["connected"] == false && why.contains("accepts none older than")).then_some(())
        });
    }
    testbed.stop(2);
    testbed.run(2, &["run"]).exits(78).complains(&["own certificate", "accepts none older than"]);
    testbed.run(2, &["certs", "renew"]).exits(0);
    testbed.start(2);
    testbed.linked();
    testbed.completes("headcount", "2026-Q3");
    testbed.stop_all();
}
