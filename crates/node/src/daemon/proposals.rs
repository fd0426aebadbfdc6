//! Rounds that peers propose: joined at once, or kept until a reason of our own has passed.

use std::collections::BTreeSet;

use audit::{Draft, Event as Record, Name, Text};
use protocol::agreement::PartyIndex;
use protocol::round::Event;
use wire::{Body, Envelope, MessageKind, RoundId};
use zeroize::Zeroizing;

use super::hub::Hub;
use super::peers::Peer;
use super::periods;
use crate::store::Reads;

/// Open rounds that one peer has proposed: it cannot take the places of all others.
const MOST_OF_ONE_PEER: usize = 32;
/// Proposals of one peer that wait until a reason of our own has passed.
const MOST_WAITING: usize = 8;
/// Reasons for which one peer's proposals were turned down that are told of.
const MOST_TOLD: usize = 64;

/// Proposals of one peer that cannot be joined yet, for reasons that pass: a signature on its way, a clock.
#[derive(Default)]
pub(super) struct Waiting {
    kept: Vec<Proposal>,
    /// Why others were turned down: each once, or a peer could fill the log.
    told: BTreeSet<String>,
}

struct Proposal {
    bytes: Vec<u8>,
    /// Why it is not joined yet.
    reason: String,
}

impl Waiting {
    /// Keeps a proposal, each once. True where that is news: the proposal, or its reason.
    fn keep(&mut self, bytes: &[u8], reason: &str) -> bool {
        if let Some(known) = self.kept.iter_mut().find(|known| known.bytes == bytes) {
            return std::mem::replace(&mut known.reason, reason.to_owned()) != reason;
        }
        let room = self.kept.len() < MOST_WAITING;
        if room {
            self.kept.push(Proposal { bytes: bytes.to_vec(), reason: reason.to_owned() });
        }
        room
    }

    /// Whether that a proposal was turned down for this reason is news.
    fn is_news(&mut self, reason: &str) -> bool {
        self.told.len() < MOST_TOLD && self.told.insert(reason.to_owned())
    }

    fn forget(&mut self, bytes: &[u8]) {
        self.kept.retain(|known| known.bytes != bytes);
    }

    pub(super) fn all(&self) -> Vec<Vec<u8>> {
        self.kept.iter().map(|known| known.bytes.clone()).collect()
    }
}

/// What comes of a message of an unknown round.
enum Judged {
    /// Joined, or nothing that has to be said.
    Done,
    /// A reason of our own, which is no fault of the peer and may pass.
    NotYet(String),
    /// No, and honest parties may ask: they know less, or more, than this one.
    Refused(String),
    /// What no honest node sends.
    Forged(&'static str),
}

impl Hub {
    /// A message came in. One of an unknown round may open it, if it proposes it.
    pub(super) fn message(&mut self, from: u16, bytes: Zeroizing<Vec<u8>>) {
        match Envelope::parse(&bytes) {
            Ok(envelope) if self.rounds.contains_key(&envelope.round()) => {
                self.feed(envelope.round(), Event::Message { from, bytes });
            }
            Ok(envelope) => self.unknown_round(from, envelope),
            Err(error) => {
                self.cut(from);
                self.refuse(from, None, &format!("a message that does not decode: {error}"));
            }
        }
    }

    /// Proposals that could not be joined are judged again: the last signature may have come, or the period have ended.
    pub(super) fn propose_again(&mut self) {
        for peer in 0..u16::try_from(self.peers.len()).unwrap_or(u16::MAX) {
            let waiting = self.peers.get(usize::from(peer)).map(|known| known.proposals.all()).unwrap_or_default();
            for bytes in waiting {
                // It was parsed when it was kept.
                if let Ok(envelope) = Envelope::parse(&bytes) {
                    self.unknown_round(peer, envelope);
                }
            }
        }
    }

    fn unknown_round(&mut self, from: u16, envelope: Envelope) {
        let (kind, bytes) = (envelope.body().kind(), envelope.bytes().to_vec());
        let Body::Propose { computation, period, .. } = envelope.body() else {
            // Its Propose was refused, and the record says why; or it is over here.
            return;
        };
        let round = format!("{computation}/{period}");
        let judged = self.judge(from, envelope);
        let Some(known) = self.peers.get_mut(usize::from(from)) else { return };
        match judged {
            Judged::NotYet(reason) => {
                if known.proposals.keep(&bytes, &reason) {
                    let peer = self.party_id(from);
                    tracing::warn!(target: "round", %peer, %round, %reason, "a proposal is not joined yet");
                }
            }
            Judged::Done => known.proposals.forget(&bytes),
            Judged::Refused(reason) => {
                known.proposals.forget(&bytes);
                if known.proposals.is_news(&reason) {
                    let peer = self.party_id(from);
                    tracing::warn!(target: "round", %peer, %round, %reason, "a proposal is not joined");
                }
            }
            Judged::Forged(reason) => {
                self.refuse(from, Some(kind), reason);
                self.cut(from);
            }
        }
    }

    fn judge(&mut self, from: u16, envelope: Envelope) -> Judged {
        let Body::Propose { computation, period, voided, proof } = envelope.body().clone() else { return Judged::Done };
        let id = envelope.round();
        // It is open here, or over, and what was to be said of it was said.
        if self.rounds.contains_key(&id) || matches!(self.reads().round_by_id(&id.0), Ok(Some(_))) {
            return Judged::Done;
        }
        let key = self.book.agreement().party(PartyIndex(envelope.sender())).map(|party| party.signing_key);
        let Some(Ok(proposal)) = key.map(|key| envelope.verify(&key)) else {
            return Judged::Forged("a proposal that its sender did not sign");
        };
        if id != RoundId::of(&self.book.agreement().digest().0, &computation, &period, voided) {
            return Judged::Refused("a round under another agreement than ours".to_owned());
        }
        // PROTOCOL 1.2: the first round of a period is pinned; another one is never joined, whatever the agreement, unless
        // the pinned one is proven void.
        let next = match self.judge_v(from, &computation, &period, voided, &proof) {
            periods::Judged::Next(next) => next,
            periods::Judged::NotYet => return Judged::NotYet("the round before has yet to end here".to_owned()),
            periods::Judged::Refused(reason) => return Judged::Refused(reason),
        };
        let of_peer = self.rounds.values().filter(|open| open.proposer == Some(from)).count();
        if of_peer >= MOST_OF_ONE_PEER {
            return Judged::NotYet(format!("{MOST_OF_ONE_PEER} rounds that this peer proposed are open already"));
        }
        let terms = match self.may_open(&computation, &period, next.v) {
            Ok(terms) => terms,
            Err(refused) => return Judged::NotYet(refused.lines.join("; ")),
        };
        self.join(terms, next.proof, Some(proposal));
        Judged::Done
    }

    fn refuse(&mut self, from: u16, kind: Option<MessageKind>, reason: &str) {
        let peer = self.party_id(from).to_owned();
        tracing::warn!(target: "round", %peer, %reason, "refused a message");
        self.record(
            Draft::new(Record::FaultObserved {
                message: Name::of(kind.map_or("unknown", MessageKind::name)),
                kind: Name::of("refused"),
                reason: Text::of(reason),
            })
            .peer(&peer),
        );
    }

    /// A frame that no honest node sends, beside all rounds.
    pub(super) fn forged(&mut self, from: u16, reason: &str) {
        self.refuse(from, None, reason);
        self.cut(from);
    }

    /// What no honest node sends ends its link.
    fn cut(&self, peer: u16) {
        if let Some(sender) = self.peers.get(usize::from(peer)).and_then(Peer::sender) {
            sender.cut("it sent what no honest node sends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_kept_once_and_is_news_once_for_each_reason() {
        let mut waiting = Waiting::default();
        assert!(waiting.keep(b"one", "a signature is missing"));
        assert!(!waiting.keep(b"one", "a signature is missing"));
        assert!(waiting.keep(b"one", "the period has not ended"));
        assert!(!waiting.keep(b"one", "the period has not ended"));
        assert_eq!(waiting.all(), [b"one"]);
        for number in 1..MOST_WAITING {
            assert!(waiting.keep(format!("other {number}").as_bytes(), ""));
        }
        assert!(!waiting.keep(b"too many", ""));
        waiting.forget(b"one");
        assert!(waiting.keep(b"too many", ""));
        assert_eq!(waiting.all().len(), MOST_WAITING);
    }
}
