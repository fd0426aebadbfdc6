//! Several parties' logs against each other: who says that something was sent, received or decided, and who does not.
//!
//! Assumed of an attacker: some of the logs are not what their daemons wrote. Where two parties tell of one message or
//! one decision, a change at one of them shows. That nobody tells of it, or all tell the same untruth, does not.
//!
//! Memory grows with the messages of all rounds in the logs.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::event::Event;
use crate::record::Record;
use crate::words::{Digest, DigestOf, Direction, Name, RoundId};

/// One record of one party.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whose log.
    pub party: Name,
    /// The record.
    pub seq: u64,
    /// The record's event.
    pub event: String,
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "record {} of {} ({})", self.seq, self.party, self.event)
    }
}

/// What two logs do not agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A party received what its sender's log does not have as sent.
    NeverSent {
        /// The record of who received it.
        received: Place,
        /// Who sent it, by that record.
        sender: Name,
        /// What the sender has in its place: sent in the same round and of the same kind, and received by nobody.
        instead: Vec<Place>,
    },
    /// Two parties know one decision of a round differently.
    Decision {
        /// One record.
        one: Place,
        /// The other.
        other: Place,
    },
}

/// What the logs say together.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// Messages that a sender and at least one receiver tell of alike.
    pub matched: u64,
    /// Messages that were sent and that no other log has: their receiver was away, or had no need of them any more.
    pub unreceived: Vec<Place>,
    /// What cannot be.
    pub differences: Vec<Difference>,
}

/// What sender and receiver write of one message alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Message {
    author: Name,
    /// Of a share: others may be passed on by anybody, or go to all.
    recipient: Option<Name>,
    round: [u8; 32],
    kind: String,
    digests: Vec<(DigestOf, [u8; 32])>,
}

/// What a record says of a decision.
#[derive(Debug)]
struct Decision {
    said: Vec<u8>,
    place: Place,
}

/// Logs that are laid beside each other. First every record of every log, then [`Reconciler::finish`].
#[derive(Debug, Default)]
pub struct Reconciler {
    parties: BTreeSet<Name>,
    sent: BTreeMap<Message, Place>,
    received: BTreeMap<Message, Vec<Place>>,
    /// What a party sent to itself.
    own: BTreeSet<Message>,
    decisions: BTreeMap<([u8; 32], &'static str), Decision>,
    differences: Vec<Difference>,
}

impl Reconciler {
    /// Takes a record of some log in.
    pub fn add(&mut self, record: &Record) {
        if !self.parties.contains(&record.party) {
            self.parties.insert(record.party.clone());
        }
        let Some(round) = &record.round else { return };
        let (event, _) = record.event.name_and_detail();
        let place = Place { party: record.party.clone(), seq: record.seq, event };
        self.decide(record, &round.id, &place);
        let Some((kind, _)) = place.event.rsplit_once('.').filter(|_| !record.digests.is_empty()) else { return };
        let message = |author: &Name, recipient: Option<&Name>| Message {
            author: author.clone(),
            recipient: recipient.filter(|_| kind == "share").cloned(),
            round: round.id.0,
            kind: kind.to_owned(),
            digests: record.digests.iter().map(|(of, Digest(digest))| (*of, *digest)).collect(),
        };
        match (record.event.direction(), &record.peer) {
            // A party gives itself a receipt too; nobody else tells of it unless it is passed on.
            (Some(Direction::Sent), Some(peer)) if *peer == record.party => {
                self.own.insert(message(peer, None));
            }
            (Some(Direction::Sent), _) if place.event.ends_with(".sent") => {
                self.sent.entry(message(&record.party, record.peer.as_ref())).or_insert(place);
            }
            (Some(Direction::Received), Some(peer)) if place.event.ends_with(".received") => {
                self.received.entry(message(peer, Some(&record.party))).or_default().push(place);
            }
            _ => {}
        }
    }

    /// What all parties must know alike of a round: the set that is certified, and whose figures are in it.
    fn decide(&mut self, record: &Record, round: &RoundId, place: &Place) {
        let set = record.digests.get(&DigestOf::Set).map(|digest| digest.0.to_vec()).unwrap_or_default();
        let named =
            |names: &[Name]| names.iter().flat_map(|name| [name.as_str(), " "]).collect::<String>().into_bytes();
        let said: Vec<(&'static str, Vec<u8>)> = match &record.event {
            Event::RoundCertified { contributors, holders, .. } => {
                vec![("set", set), ("contributors", named(contributors)), ("holders", named(holders))]
            }
            Event::ResultReleased { contributors } => vec![("set", set), ("contributors", named(contributors))],
            Event::PartialSent | Event::PartialReceived | Event::CertificateSent | Event::CertificateReceived => {
                vec![("set", set)]
            }
            _ => return,
        };
        for (what, said) in said {
            match self.decisions.entry((round.0, what)) {
                Entry::Vacant(first) => {
                    first.insert(Decision { said, place: place.clone() });
                }
                Entry::Occupied(first) if first.get().said == said => {}
                Entry::Occupied(first) => {
                    let difference = Difference::Decision { one: first.get().place.clone(), other: place.clone() };
                    if !self.differences.contains(&difference) {
                        self.differences.push(difference);
                    }
                }
            }
        }
    }

    /// What the logs say together. A party whose log is not among them is asked for nothing.
    #[must_use]
    pub fn finish(self) -> Reconciled {
        let Self { parties, sent, received, own, decisions: _, mut differences } = self;
        let asked = |message: &Message| message.recipient.as_ref().is_none_or(|recipient| parties.contains(recipient));
        let unreceived = || sent.iter().filter(|(message, _)| asked(message) && !received.contains_key(message));
        let mut matched = 0;
        for (message, places) in &received {
            if sent.contains_key(message) || own.contains(message) {
                matched += 1;
            } else if parties.contains(&message.author) {
                let same = |other: &Message| {
                    (&other.author, &other.round, &other.kind) == (&message.author, &message.round, &message.kind)
                };
                let instead: Vec<Place> =
                    unreceived().filter(|(other, _)| same(other)).map(|(_, place)| place.clone()).collect();
                differences.extend(places.iter().map(|received| Difference::NeverSent {
                    received: received.clone(),
                    sender: message.author.clone(),
                    instead: instead.clone(),
                }));
            }
        }
        let mut unreceived: Vec<Place> = unreceived().map(|(_, place)| place.clone()).collect();
        unreceived.sort();
        Reconciled { matched, unreceived, differences }
    }
}

impl core::fmt::Display for Difference {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Decision { one, other } => write!(f, "{one} and {other} tell of one decision differently"),
            Self::NeverSent { received, sender, instead } => {
                write!(f, "{received} came from {sender}, whose log does not have it as sent")?;
                if !instead.is_empty() {
                    let places: Vec<String> = instead.iter().map(ToString::to_string).collect();
                    write!(f, "; what nobody received is {}", places.join(", "))?;
                }
                Ok(())
            }
        }
    }
}
