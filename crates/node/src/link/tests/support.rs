//! A throwaway consortium, its nodes, and a peer that says what a test wants.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::agreement::PartyIndex;
use tls::{Authority, NodeIdentity, SharedTrust, Trust, TrustedParty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use wire::codec::Text;
use wire::frame::{Frame, Limits};
use wire::link::Hello;

use super::super::frames::{Greeting, read_hello};
use super::super::seats::unix_now;
use super::super::{CloseReason, LinkConfig, LinkEvent, LinkInfo, LinkSender, Links, RefusalReason, StartError};

/// Longer than anything here takes, shorter than a hang is bearable.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const NAME: &str = "northern-retail";
pub(super) const LIMITS: Limits = Limits { chunk: 65_536 * 16, commitments: 0 };

pub(super) fn index(party: usize) -> PartyIndex {
    PartyIndex(u16::try_from(party).unwrap())
}

pub(super) struct Consortium {
    pub(super) ids: Vec<String>,
    pub(super) authorities: Vec<Authority>,
}

impl Consortium {
    pub(super) fn new(parties: usize) -> Self {
        let ids: Vec<String> = (1..=parties).map(|i| format!("p{i}")).collect();
        let authorities = ids.iter().map(|id| Authority::create(NAME, id, unix_now(), 3650).unwrap()).collect();
        Self { ids, authorities }
    }

    pub(super) fn trust(&self) -> Trust {
        let parties = self.ids.iter().zip(&self.authorities).map(|(id, authority)| TrustedParty {
            id: id.clone(),
            authority_der: authority.cert_der().to_vec(),
            certificates_since: None,
            crls: Vec::new(),
        });
        Trust { consortium: NAME.into(), parties: parties.collect() }
    }

    /// A certificate that was issued by the authority of `issuer` in the name of `party`.
    pub(super) fn certificate(&self, issuer: usize, party: usize, now: u64, days: u32) -> NodeIdentity {
        let issued = self.authorities[issuer].issue(NAME, &self.ids[party], now, days).unwrap();
        NodeIdentity::from_pem(&issued.cert_pem, &issued.key_pem).unwrap()
    }

    pub(super) fn identity(&self, party: usize) -> NodeIdentity {
        self.certificate(party, party, unix_now(), 30)
    }

    pub(super) fn config(&self, party: usize) -> LinkConfig {
        LinkConfig {
            party: index(party),
            parties: self.ids.clone(),
            listen: Some("127.0.0.1:0".parse().unwrap()),
            identity: self.identity(party),
            trust: self.trust(),
            hello: hello(),
            addresses: vec![None; self.ids.len()],
            limits: LIMITS,
        }
    }

    pub(super) async fn node(&self, party: usize) -> Node {
        Node::start(self.config(party)).await.unwrap()
    }

    /// A peer with an identity, dialling by hand.
    pub(super) async fn dial(
        &self,
        identity: &NodeIdentity,
        peer: usize,
        address: SocketAddr,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let config = tls::client_config(identity, &SharedTrust::new(self.trust()), &self.ids[peer]);
        let tcp = TcpStream::connect(address).await?;
        tokio_rustls::TlsConnector::from(config).connect(tls::server_name(), tcp).await
    }

    /// The same, with both Hellos said.
    pub(super) async fn linked_by_hand(&self, party: usize, peer: usize, address: SocketAddr) -> TlsStream<TcpStream> {
        let mut stream = self.dial(&self.identity(party), peer, address).await.unwrap();
        let Ok(Greeting::Hello(_)) = read_hello(&mut stream, PATIENCE).await else { panic!("no Hello") };
        stream.write_all(&Frame::Hello(hello()).encode()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }
}

pub(super) fn hello() -> Hello {
    Hello {
        protocol: wire::PROTOCOL_VERSION,
        software: Text::truncated("test"),
        consortium: Text::truncated(NAME),
        agreement_version: 1,
        agreement: [7; 32],
        sections: Vec::new().try_into().unwrap(),
        cards: Vec::new().try_into().unwrap(),
        signed_by: Vec::new().try_into().unwrap(),
    }
}

/// A control frame that a test can tell from others.
pub(super) fn note(number: u32) -> Frame {
    Frame::Signature(number.to_le_bytes().to_vec())
}

/// Reads until the stream ends, and says how.
pub(super) async fn end_of(stream: &mut TlsStream<TcpStream>) -> String {
    let mut bytes = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it is not closed") {
        Ok(_) => "closed".to_owned(),
        Err(error) => tls::refusal_text(&error),
    }
}

pub(super) struct Node {
    pub(super) links: Links,
    pub(super) events: mpsc::Receiver<LinkEvent>,
    live: Vec<Option<u64>>,
}

impl Node {
    pub(super) async fn start(config: LinkConfig) -> Result<Self, StartError> {
        let parties = config.parties.len();
        let (sender, events) = mpsc::channel(64);
        Ok(Self { links: Links::start(config, sender).await?, events, live: vec![None; parties] })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.links.local_address().unwrap()
    }

    /// Tells this node where others are.
    pub(super) fn dial(&self, others: &[(usize, SocketAddr)]) {
        let mut addresses = vec![None; self.live.len()];
        for (party, address) in others {
            addresses[*party] = Some(address.to_string());
        }
        self.links.set_addresses(&addresses);
    }

    /// The next event, with what must always hold: between the Up and the Down of one connection come its frames and no
    /// others.
    pub(super) async fn event_within(&mut self, patience: Duration) -> Option<LinkEvent> {
        let event = timeout(patience, self.events.recv()).await.ok()?.expect("the links have ended");
        match &event {
            LinkEvent::Up { peer, info, sender, .. } => {
                let live = &mut self.live[usize::from(peer.0)];
                assert_eq!(*live, None, "Up before the Down of the connection before it");
                assert_eq!(sender.generation(), info.generation);
                *live = Some(info.generation);
            }
            LinkEvent::Frame { peer, generation, .. } => {
                assert_eq!(self.live[usize::from(peer.0)], Some(*generation), "a frame outside of its link");
            }
            LinkEvent::Down { peer, generation, .. } => {
                let live = &mut self.live[usize::from(peer.0)];
                assert_eq!(*live, Some(*generation), "Down of a connection that was not up");
                *live = None;
            }
            LinkEvent::Refused { .. } => {}
        }
        Some(event)
    }

    pub(super) async fn until<T>(&mut self, mut wanted: impl FnMut(LinkEvent) -> Option<T>) -> T {
        loop {
            let event = self.event_within(PATIENCE).await.expect("it never happened");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    pub(super) async fn up(&mut self, party: usize) -> (LinkInfo, LinkSender) {
        self.until(|event| match event {
            LinkEvent::Up { peer, info, sender, .. } if peer == index(party) => Some((info, sender)),
            _ => None,
        })
        .await
    }

    pub(super) async fn down(&mut self, party: usize) -> CloseReason {
        self.until(|event| match event {
            LinkEvent::Down { peer, reason, .. } if peer == index(party) => Some(reason),
            _ => None,
        })
        .await
    }

    pub(super) async fn frame(&mut self, party: usize) -> Frame {
        self.until(|event| match event {
            LinkEvent::Frame { peer, frame, .. } if peer == index(party) => Some(frame),
            _ => None,
        })
        .await
    }

    pub(super) async fn refusal(&mut self) -> (Option<String>, bool, RefusalReason) {
        self.until(|event| match event {
            LinkEvent::Refused { party, dialling, reason, .. } => Some((party, dialling, reason)),
            _ => None,
        })
        .await
    }

    /// That the link with `party` still carries frames, both ways, and was never down since.
    pub(super) async fn still_linked(&mut self, sender: &LinkSender, other: &mut Node, back: &LinkSender) {
        let (here, there) = (back.peer(), sender.peer());
        sender.try_send(&note(1)).unwrap();
        back.try_send(&note(2)).unwrap();
        let got = other.until(|event| carried(event, here)).await;
        assert_eq!(got, note(1));
        let got = self.until(|event| carried(event, there)).await;
        assert_eq!(got, note(2));
    }
}

fn carried(event: LinkEvent, with: PartyIndex) -> Option<Frame> {
    match event {
        LinkEvent::Frame { peer, frame, .. } if peer == with => Some(frame),
        LinkEvent::Down { peer, reason, .. } if peer == with => panic!("the link went down: {reason}"),
        _ => None,
    }
}

/// Two linked nodes: p1 listens, p2 dials.
pub(super) async fn pair(consortium: &Consortium) -> (Node, LinkSender, Node, LinkSender) {
    let mut first = consortium.node(0).await;
    let mut second = consortium.node(1).await;
    second.dial(&[(0, first.address())]);
    let (_, to_second) = first.up(1).await;
    let (_, to_first) = second.up(0).await;
    (first, to_second, second, to_first)
}
