//! How two nodes come to one link, and keep it.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tls::{PeerVerifier, SharedTrust};

use super::super::limits::CONTROL_BYTES;
use super::super::seats::{Candidate, Held, Seats};
use super::super::{CloseReason, LinkEvent, LinkInfo, StartError};
use super::support::{Consortium, Node, PATIENCE, index, note, pair};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_link_up_fully() {
    let consortium = Consortium::new(3);
    let mut nodes = Vec::new();
    for party in 0..3 {
        nodes.push(consortium.node(party).await);
    }
    let addresses: Vec<_> = nodes.iter().map(Node::address).enumerate().collect();
    for node in &nodes {
        node.dial(&addresses);
    }
    for (party, node) in nodes.iter_mut().enumerate() {
        let mut missing: Vec<usize> = (0..3).filter(|other| *other != party).collect();
        while !missing.is_empty() {
            let event = node.event_within(PATIENCE).await.expect("not linked in time");
            if let LinkEvent::Up { peer, info, .. } = event {
                assert_eq!(info.key_exchange, "X25519MLKEM768");
                assert!(info.certificate_not_after > 0);
                missing.retain(|other| index(*other) != peer);
            }
        }
    }
}

/// The state of a node's link with its one peer, once nothing has happened for a while.
async fn settled(node: &mut Node) -> Option<LinkInfo> {
    let mut live = None;
    while let Some(event) = node.event_within(Duration::from_millis(if live.is_some() { 60 } else { 10_000 })).await {
        match event {
            LinkEvent::Up { info, .. } => live = Some(info),
            LinkEvent::Down { .. } => live = None,
            _ => {}
        }
    }
    live
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_dial_each_other_at_once_one_link_stays_and_both_agree() {
    let consortium = Consortium::new(2);
    for round in 0..40 {
        let (mut first, mut second) = (consortium.node(0).await, consortium.node(1).await);
        let (at_first, at_second) = (first.address(), second.address());
        first.dial(&[(1, at_second)]);
        second.dial(&[(0, at_first)]);
        let (one, two) = tokio::join!(settled(&mut first), settled(&mut second));
        let (one, two) = (one.expect("no link at p1"), two.expect("no link at p2"));
        assert_ne!(one.dialled, two.dialled, "round {round}: each has another connection");
        let (to_second, to_first) = (first.links.sender(index(1)).unwrap(), second.links.sender(index(0)).unwrap());
        assert_eq!((to_second.generation(), to_first.generation()), (one.generation, two.generation));
        first.still_linked(&to_second, &mut second, &to_first).await;
    }
}

/// One end of two connections that cross: X is dialled by the earlier party, Y by the later.
struct End {
    seats: Arc<Seats>,
    held: [Option<Held>; 2],
    gone: [bool; 2],
}

const X: usize = 0;
const Y: usize = 1;

impl End {
    fn candidate(&self, me: usize, connection: usize, chain: &[CertificateDer<'static>]) -> Candidate {
        let dialled = (connection == X) == (me == 0);
        // Each end numbers by itself, and not alike: the numbers must not decide between two directions.
        let sequence = (connection ^ me) as u64;
        Candidate { peer: index(1 - me), dialled, sequence, chain: chain.to_vec() }
    }

    fn claim(&mut self, candidate: Candidate, connection: usize) {
        match self.seats.claim(candidate) {
            Ok(held) => self.held[connection] = Some(held),
            Err(_) => self.gone[connection] = true,
        }
    }

    /// What was cut is closed.
    fn close_cut(&mut self) {
        let live = self.seats.sender(self.peer()).map(|sender| sender.generation());
        for connection in [X, Y] {
            if self.held[connection].as_ref().is_some_and(|held| Some(held.generation) != live) {
                self.held[connection] = None;
                self.gone[connection] = true;
            }
        }
    }

    fn peer(&self) -> protocol::agreement::PartyIndex {
        self.held.iter().flatten().next().map_or(index(0), |held| held.peer)
    }
}

/// Steps of a connection: 0 the acceptor looks and says Hello, 1 the dialler takes the seat and answers, 2 the acceptor
/// takes the seat. A close at one end is seen at the other before its next step, or only at the very end.
fn cross(
    order: &[usize],
    closes_travel_at_once: bool,
    verifier: &PeerVerifier,
    chains: &[Vec<CertificateDer<'static>>],
) {
    let mut ends: Vec<End> = (0..2)
        .map(|me| End {
            seats: Arc::new(Seats::new(index(me), 2, CONTROL_BYTES, verifier.clone())),
            held: [None, None],
            gone: [false, false],
        })
        .collect();
    let travel = |ends: &mut Vec<End>| {
        for _ in 0..2 {
            ends.iter_mut().for_each(End::close_cut);
            for connection in [X, Y] {
                if ends.iter().any(|end| end.gone[connection]) {
                    for end in ends.iter_mut() {
                        end.gone[connection] = true;
                        end.held[connection] = None;
                    }
                }
            }
        }
    };
    let mut step = [0, 0];
    for &connection in order {
        let (dialler, acceptor) = if connection == X { (0, 1) } else { (1, 0) };
        let at = if step[connection] == 1 { dialler } else { acceptor };
        let candidate = ends[at].candidate(at, connection, &chains[1 - at]);
        let before_gone = ends[at].gone[connection]
            || step[connection] > 0 && {
                // The other end sent nothing more if it gave up before this step.
                let sender = if at == dialler { acceptor } else { dialler };
                ends[sender].gone[connection]
            };
        if !before_gone {
            match step[connection] {
                0 if ends[at].seats.is_taken(&candidate) => ends[at].gone[connection] = true,
                0 => {}
                _ => ends[at].claim(candidate, connection),
            }
        }
        step[connection] += 1;
        ends.iter_mut().for_each(End::close_cut);
        if closes_travel_at_once {
            travel(&mut ends);
        }
    }
    travel(&mut ends);
    for end in &ends {
        assert!(end.held[Y].is_some() && end.held[X].is_none(), "{order:?}");
    }
}

#[test]
fn in_every_order_of_two_crossing_connections_both_ends_keep_the_later_partys() {
    let consortium = Consortium::new(2);
    let verifier = PeerVerifier::new(SharedTrust::new(consortium.trust()));
    let chains: Vec<_> = (0..2).map(|party| consortium.identity(party).chain().to_vec()).collect();
    let orders = (0u32..64).filter(|bits| bits.count_ones() == 3);
    for bits in orders {
        let order: Vec<usize> = (0..6).map(|i| usize::from(bits >> i & 1 == 1)).collect();
        cross(&order, true, &verifier, &chains);
        cross(&order, false, &verifier, &chains);
    }
}

#[test]
fn in_one_direction_the_newer_connection_replaces_the_older_and_never_the_other_way_round() {
    let consortium = Consortium::new(2);
    let verifier = PeerVerifier::new(SharedTrust::new(consortium.trust()));
    let chain = consortium.identity(1).chain().to_vec();
    let seats = Arc::new(Seats::new(index(0), 2, CONTROL_BYTES, verifier));
    let candidate = |sequence| Candidate { peer: index(1), dialled: false, sequence, chain: chain.clone() };
    let older = seats.claim(candidate(1)).ok().unwrap();
    let newer = seats.claim(candidate(3)).ok().unwrap();
    assert!(newer.generation > older.generation);
    assert!(seats.claim(candidate(2)).is_err(), "an older one that was slow");
    drop(older);
    assert_eq!(seats.sender(index(1)).map(|sender| sender.generation()), Some(newer.generation));
    drop(newer);
    assert!(seats.sender(index(1)).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_party_without_an_address_takes_part_by_dialling() {
    let consortium = Consortium::new(2);
    let mut first = consortium.node(0).await;
    let mut config = consortium.config(1);
    config.listen = None;
    config.addresses[0] = Some(first.address().to_string());
    let mut second = Node::start(config).await.unwrap();
    assert!(second.links.local_address().is_none());
    let (info, to_second) = first.up(1).await;
    assert!(!info.dialled);
    let (info, to_first) = second.up(0).await;
    assert!(info.dialled);
    first.still_linked(&to_second, &mut second, &to_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_restarts_is_linked_again() {
    let consortium = Consortium::new(2);
    let (first, _, mut second, _) = pair(&consortium).await;
    let address = first.address();
    drop(first);
    second.down(0).await;
    let mut config = consortium.config(0);
    config.listen = Some(address);
    let mut first = loop {
        match Node::start(config).await {
            Ok(node) => break node,
            // The tasks of the one before still let go of the port.
            Err(StartError::Held { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                config = consortium.config(0);
                config.listen = Some(address);
            }
            Err(other) => panic!("{other}"),
        }
    };
    let (_, to_first) = second.up(0).await;
    let (_, to_second) = first.up(1).await;
    first.still_linked(&to_second, &mut second, &to_first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_address_is_dialled_at_once() {
    let consortium = Consortium::new(2);
    let mut first = consortium.node(0).await;
    let mut second = consortium.node(1).await;
    // Nobody answers there, and after some tries the pause is long.
    second.dial(&[(0, "127.0.0.1:1".parse().unwrap())]);
    let (party, dialling, reason) = second.refusal().await;
    assert_eq!((party.as_deref(), dialling), (Some("p1"), true));
    assert!(reason.to_string().contains("cannot be reached"), "{reason}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    second.dial(&[(0, first.address())]);
    tokio::time::timeout(Duration::from_secs(1), second.up(0)).await.expect("not at once");
    first.up(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_writes_what_waits() {
    let consortium = Consortium::new(2);
    let (first, to_second, mut second, to_first) = pair(&consortium).await;
    for number in 0..2000 {
        to_second.try_send(&note(number)).unwrap();
        // What the peer sends meanwhile stays unread.
        to_first.try_send(&note(number)).unwrap();
    }
    drop(first.events);
    let closing = tokio::spawn(first.links.close("the node stops", PATIENCE));
    for number in 0..2000 {
        assert_eq!(second.frame(0).await, note(number));
    }
    assert_eq!(second.down(0).await, CloseReason::ClosedByPeer);
    closing.await.unwrap();
    assert!(to_second.try_send(&note(0)).is_err());
}

#[tokio::test]
async fn a_held_port_and_a_bad_own_certificate_are_errors_before_anything_listens() {
    let consortium = Consortium::new(2);
    let first = consortium.node(0).await;
    let mut config = consortium.config(1);
    config.listen = Some(first.address());
    let error = Node::start(config).await.err().unwrap();
    assert!(matches!(error, StartError::Held { address } if address == first.address()), "{error}");

    // The port is held as well: the certificate comes first.
    let mut config = consortium.config(1);
    config.listen = Some(first.address());
    config.identity = consortium.certificate(0, 1, super::super::seats::unix_now(), 30);
    let error = Node::start(config).await.err().unwrap();
    assert!(matches!(error, StartError::SelfCheck(_)), "{error}");
}
