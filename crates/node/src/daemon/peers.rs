//! The other parties: links, Hellos, cards and signatures.

use std::collections::BTreeMap;
use std::ops::Range;

use audit::{DigestOf, Draft, Event as Record, Name, Source, Text};
use jiff::Timestamp;
use protocol::round::{Event, Object, Step};
use wire::RoundId;
use wire::frame::Frame;
use wire::link::{BulkId, Hello};

use super::hub::{Hub, MOST_STRANGERS};
use super::proposals::Waiting;
use super::work::Stream;
use crate::book::{Change, Difference};
use crate::link::{LinkEvent, LinkInfo, LinkSender};
use crate::status::PeerStatus;
use crate::store::Reads;
use crate::vault::Vault;

/// Kind under which the store keeps the digest of what counted last, and the names of what it is of.
const LAST_KNOWN: &str = "last-known";
const IN_FORCE: &str = "agreement";
const CONFIGURATION: &str = "configuration";
const REVOCATIONS: &str = "revocations";

/// What is known of a party's link.
#[derive(Default)]
pub(super) struct Peer {
    live: Option<(LinkInfo, LinkSender)>,
    hello: Option<Box<Hello>>,
    /// In what its agreement differs from ours, in words.
    pub(super) difference: Option<String>,
    since: Option<Timestamp>,
    refusal: Option<(Timestamp, String)>,
    /// What is being sent over the live link.
    streams: BTreeMap<BulkId, Stream>,
    /// How often it had closed rounds looked up over the live link.
    pub(super) looks: BTreeMap<RoundId, u32>,
    /// Whether it was told over the live link what it signed.
    pub(super) told: bool,
    /// Proposals that could not be joined yet.
    pub(super) proposals: Waiting,
}

impl Peer {
    pub(super) fn sender(&self) -> Option<&LinkSender> {
        self.live.as_ref().map(|(_, sender)| sender)
    }

    /// The digest of its agreement, as it said on its last link.
    pub(super) fn agreement(&self) -> Option<[u8; 32]> {
        self.hello.as_ref().map(|hello| hello.agreement)
    }

    /// Sends chunks over the live link, after those that it is being sent of the same object.
    pub(super) fn stream(&mut self, vault: &Vault, object: BulkId, from: Object, range: Range<u64>) {
        let Some((_, sender)) = &self.live else { return };
        if self.streams.get(&object).is_some_and(|stream| stream.extend(&range)) {
            return;
        }
        let stream = Stream::start(vault, sender.clone(), object, from, range);
        if let Some(before) = self.streams.insert(object, stream) {
            before.stop();
        }
    }
}

impl Hub {
    pub(super) fn link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up { peer, hello, info, sender } => self.link_up(peer.0, hello, info, sender),
            LinkEvent::Down { peer, generation, reason } => {
                let id = self.party_id(peer.0).to_owned();
                let Some(known) = self.peers.get_mut(usize::from(peer.0)) else { return };
                if known.live.as_ref().is_none_or(|(info, _)| info.generation != generation) {
                    return;
                }
                let reason = reason.to_string();
                known.live = None;
                // What a peer differs in is judged while it is linked; a new link brings a new Hello.
                known.difference = None;
                known.streams.clear();
                known.since = Some(Timestamp::now());
                known.refusal = Some((Timestamp::now(), reason.clone()));
                self.unasked(peer.0);
                self.record(Draft::new(Record::LinkDown { reason: Text::of(&reason) }).peer(&id));
                self.links_changed();
            }
            LinkEvent::Refused { remote, party, dialling, reason, .. } => {
                self.refused(&remote, party.as_deref(), dialling, &reason.to_string());
            }
            LinkEvent::Frame { peer, generation, frame } => {
                let live = self.peers.get(usize::from(peer.0)).and_then(|known| known.live.as_ref());
                if live.is_some_and(|(info, _)| info.generation == generation) {
                    self.frame(peer.0, frame);
                }
            }
        }
    }

    fn link_up(&mut self, peer: u16, hello: Box<Hello>, info: LinkInfo, sender: LinkSender) {
        let id = self.party_id(peer).to_owned();
        self.record(
            Draft::new(Record::LinkUp { key_exchange: Name::of(info.key_exchange), dialled: info.dialled }).peer(&id),
        );
        let differs = self.book.difference(&hello);
        if let Some(Difference::Agreement { sections, .. }) = &differs {
            let sections = sections.iter().map(|section| Name::of(&section.name)).collect();
            self.record(
                Draft::new(Record::HelloDiffers { sections })
                    .peer(&id)
                    .digest(DigestOf::Ours, self.book.agreement().digest().0)
                    .digest(DigestOf::Theirs, hello.agreement),
            );
        }
        let difference = differs.map(|differs| differs.describe(&id));
        if let Some(difference) = &difference {
            tracing::warn!(target: "link", peer = %id, "{difference}");
        }
        let lacking = self.book.lacking(&hello);
        if let Some(known) = self.peers.get_mut(usize::from(peer)) {
            known.streams.clear();
            known.told = false;
            known.looks.clear();
            known.live = Some((info, sender));
            known.since = Some(Timestamp::now());
            known.hello = Some(hello);
            known.difference = difference;
            known.refusal = None;
        }
        self.watch(peer);
        for frame in &lacking {
            self.send(peer, frame);
        }
        self.ask(peer);
        self.feed_all(|| Event::LinkUp { peer });
        self.links_changed();
        self.changed();
    }

    /// Every open round says whom it cannot hear from.
    fn links_changed(&mut self) {
        let unlinked = self.unlinked();
        for (id, open) in self.rounds.iter_mut().filter(|(_, open)| open.status.is_open()) {
            open.status.unlinked.clone_from(&unlinked);
            // Nothing happens in the round; what people are shown of it is written anew.
            self.pending.steps.push((*id, Step::default()));
        }
    }

    /// The other parties without a live link, and since when.
    pub(super) fn unlinked(&self) -> BTreeMap<String, String> {
        let since = |peer: &Peer| peer.since.unwrap_or(self.started()).strftime("%Y-%m-%d %H:%M UTC").to_string();
        let others = (0u16..).zip(&self.peers).filter(|(index, _)| *index != self.book.party().0);
        let down = others.filter(|(_, peer)| peer.live.is_none());
        down.map(|(index, peer)| (self.party_id(index).to_owned(), since(peer))).collect()
    }

    /// The links have said it in the tracing log.
    fn refused(&mut self, remote: &str, party: Option<&str>, dialling: bool, reason: &str) {
        let mut draft = Draft::new(Record::LinkRefused { address: remote.parse().ok(), reason: Text::of(reason) });
        // Whom we dialled we know; whoever dialled us only claims to be somebody.
        let known = party.filter(|_| dialling).and_then(|id| self.book.agreement().party_index(id));
        if let (Some(party), Some(id)) = (known, party) {
            draft = draft.peer(id);
            if let Some(peer) = self.peers.get_mut(usize::from(party.0)) {
                peer.refusal = Some((Timestamp::now(), reason.to_owned()));
            }
        } else {
            let claim = party.map(|id| format!(", claiming to be {id}")).unwrap_or_default();
            let line = format!("{}: {remote}{claim}: {reason}", Timestamp::now());
            self.strangers.push(line);
            if self.strangers.len() > MOST_STRANGERS {
                self.strangers.remove(0);
            }
            // A link that is live shows that the claim was not true, or is over.
            if let Some(peer) = party
                .and_then(|id| self.book.agreement().party_index(id))
                .and_then(|index| self.peers.get_mut(usize::from(index.0)))
                .filter(|peer| peer.live.is_none())
            {
                peer.refusal = Some((Timestamp::now(), format!("{remote}: {reason}")));
            }
        }
        self.record(draft);
    }

    fn frame(&mut self, peer: u16, frame: Frame) {
        match frame {
            // PROTOCOL 7: it opens and resumes nothing until it knows what it signed.
            Frame::Message(bytes) if self.recovering.is_some() => self.shown(peer, &bytes),
            Frame::Message(bytes) => self.message(peer, bytes),
            Frame::Have(have) => {
                if self.recovering.is_none() {
                    self.look_up(peer, have.round);
                }
                self.feed(have.round, Event::Have { peer, have });
            }
            Frame::Grant(grant) => self.feed(grant.object.round, Event::Grant { peer, grant }),
            Frame::Chunk { object, index, elements } => {
                self.feed(object.round, Event::Chunk { peer, object, index, elements });
            }
            Frame::Card(bytes) => match self.book.take_card(&bytes) {
                Ok(changed) => changed.into_iter().for_each(|change| self.book_changed(&change, Source::Link)),
                Err(error) => tracing::warn!(target: "link", peer = self.party_id(peer), %error, "refused a card"),
            },
            Frame::Signature(bytes) => match self.book.take_signature(&bytes) {
                Ok(changed) => changed.into_iter().for_each(|change| self.book_changed(&change, Source::Link)),
                Err(error) => {
                    tracing::warn!(target: "link", peer = self.party_id(peer), %error, "refused a signature");
                }
            },
            Frame::Recall(recall) => self.asked(peer, recall),
            Frame::Pin(pin) => self.pin(peer, pin),
            Frame::Recalled => self.recalled(peer),
            Frame::Checkpoint(checkpoint) => self.log_shown(peer, checkpoint),
            Frame::Seen(seen) => self.seen(peer, seen),
            // The link answers these itself.
            Frame::Hello(_) | Frame::Ping => {}
        }
    }

    /// A newer card, a signature or a revocation list: the links judge by it at once, and whoever lacks it gets it.
    pub(super) fn book_changed(&mut self, change: &Change, source: Source) {
        match change {
            Change::Card { party, serial, digest } => {
                let id = self.party_id(party.0).to_owned();
                tracing::info!(target: "link", party = %id, serial, "took in a newer card");
                let before = self.last_known(&format!("card of {id}"), digest);
                self.card_taken_in(&id, *serial, source, digest, before);
            }
            Change::Signature { party } => {
                let id = self.party_id(party.0).to_owned();
                tracing::info!(target: "link", party = %id, "took in a signature on the agreement");
                let digest = self.book.agreement().digest();
                let draft = Draft::new(Record::SignatureTakenIn { source });
                self.record(draft.peer(&id).digest(DigestOf::Agreement, digest.0));
                self.check_in_force();
            }
            Change::Revocations => {
                tracing::info!(target: "link", "the revocation lists have changed");
                self.check_revocations();
            }
        }
        self.propose_again();
        self.links.set_hello(self.book.hello());
        self.links.set_trust(self.book.trust());
        self.links.set_addresses(&self.book.addresses());
        for peer in 0..u16::try_from(self.peers.len()).unwrap_or(u16::MAX) {
            let hello = self.peers.get(usize::from(peer)).and_then(|known| known.hello.as_deref());
            let lacking = hello.map(|hello| self.book.lacking(hello)).unwrap_or_default();
            lacking.iter().for_each(|frame| self.send(peer, frame));
        }
        self.changed();
    }

    /// All signatures are there: rounds may open.
    pub(super) fn check_in_force(&mut self) {
        if !self.in_force && self.book.missing_signatures().is_empty() {
            self.in_force = true;
            let (version, digest) = (self.book.agreement().version(), self.book.agreement().digest());
            tracing::info!(target: "daemon", version, %digest, "the agreement is in force: every party has signed");
            let draft = Draft::new(Record::AgreementInForce { version }).digest(DigestOf::Agreement, digest.0);
            let before = self.last_known(IN_FORCE, &digest.0);
            self.record(before.iter().fold(draft, |draft, before| draft.digest(DigestOf::PreviousAgreement, *before)));
        }
    }

    /// What was kept under this name before, where it was something else; from now on this is.
    pub(super) fn last_known(&mut self, name: &str, now: &[u8; 32]) -> Option<[u8; 32]> {
        // What cannot be read counts as nothing: a digest less in a record.
        let before = self.reads().kept(LAST_KNOWN, name).ok().flatten();
        let before = before.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).filter(|before| before != now);
        self.pending.keep(LAST_KNOWN, name, now.to_vec());
        before
    }

    fn card_taken_in(&mut self, id: &str, serial: u64, source: Source, digest: &[u8; 32], before: Option<[u8; 32]>) {
        let draft = Draft::new(Record::CardTakenIn { serial, source }).peer(id).digest(DigestOf::Card, *digest);
        self.record(before.iter().fold(draft, |draft, before| draft.digest(DigestOf::PreviousCard, *before)));
    }

    /// Cards that were replaced while the daemon was down.
    pub(super) fn check_cards(&mut self) {
        for (party, serial, digest) in self.book.card_digests().collect::<Vec<_>>() {
            let id = self.party_id(party.0).to_owned();
            let before = self.last_known(&format!("card of {id}"), &digest);
            if before.is_some() {
                self.card_taken_in(&id, serial, Source::File, &digest, before);
            }
        }
    }

    /// Whether the revocation lists are others than those that were known last, also where the daemon was down meanwhile.
    pub(super) fn check_revocations(&mut self) {
        let digest = self.book.revocations_digest();
        if self.last_known(REVOCATIONS, &digest).is_some() {
            self.record(Draft::new(Record::RevocationsChanged).digest(DigestOf::Revocations, digest));
        }
    }

    /// Whether the daemon runs with other settings than the last time.
    pub(super) fn check_configuration(&mut self) {
        let settings = format!("{:?}", self.settings);
        let digest = sharing::hash("smpcd/1/configuration", &[settings.as_bytes()]);
        let first = matches!(self.reads().kept(LAST_KNOWN, CONFIGURATION), Ok(None));
        let before = self.last_known(CONFIGURATION, &digest);
        if first || before.is_some() {
            let draft = Draft::new(Record::ConfigurationChanged).digest(DigestOf::Configuration, digest);
            let of = DigestOf::PreviousConfiguration;
            self.record(before.iter().fold(draft, |draft, before| draft.digest(of, *before)));
        }
    }

    pub(super) fn peer_statuses(&self) -> Vec<PeerStatus> {
        let me = usize::from(self.book.party().0);
        let statuses = (0u16..).zip(&self.peers).filter(|(index, _)| usize::from(*index) != me);
        statuses
            .map(|(index, peer)| {
                let info = peer.live.as_ref().map(|(info, _)| info);
                let until = info.and_then(|i| i64::try_from(i.certificate_not_after).ok());
                PeerStatus {
                    party: self.party_id(index).to_owned(),
                    connected: info.is_some(),
                    since: peer.since.unwrap_or(self.started()).to_string(),
                    address: info
                        .map(|i| i.remote.to_string())
                        .or_else(|| self.book.address_of(protocol::agreement::PartyIndex(index)).map(str::to_owned)),
                    dialled: info.map(|i| i.dialled),
                    key_exchange: info.map(|i| i.key_exchange.to_owned()),
                    certificate_until: until
                        .and_then(|seconds| Timestamp::from_second(seconds).ok())
                        .map(|time| time.to_string()),
                    agreement_differs: peer.difference.clone(),
                    last_refusal: peer.refusal.as_ref().map(|(_, reason)| reason.clone()),
                    log: self.peer_log_status(index),
                    last_refusal_at: peer.refusal.as_ref().map(|(at, _)| at.to_string()),
                }
            })
            .collect()
    }
}
