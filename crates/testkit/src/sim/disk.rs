//! What a party keeps over a crash: its store with a workplace for each round (PROTOCOL 7).

use std::collections::{BTreeMap, BTreeSet};

use protocol::recovery::Mark;
use protocol::round::{Change, Ended, Millis, Saved, SecretName};
use wire::{Body, MessageKind, Sealed};
use zeroize::Zeroizing;

use super::place::Memory;

/// A party's store.
#[derive(Clone)]
pub(super) struct Disk {
    /// The rounds that it is in, by v. A v that is here is pinned.
    pub(super) rounds: BTreeMap<u32, Stored>,
    /// The mark of the last transaction that let a signed message out.
    pub(super) last: Mark,
    /// And of the one before.
    pub(super) before: Mark,
}

/// One round.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) started: Millis,
    /// Signed messages, in the order in which they were stored.
    pub(super) messages: Vec<Sealed>,
    /// Their names.
    names: BTreeSet<[u8; 32]>,
    pub(super) secrets: BTreeMap<SecretName, Zeroizing<Vec<u8>>>,
    pub(super) ended: Option<Ended>,
    pub(super) void: bool,
    pub(super) abstains: bool,
    pub(super) place: Memory,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { rounds: BTreeMap::new(), last: Mark::NONE, before: Mark::NONE }
    }

    /// Counts a transaction that lets something out.
    pub(super) fn raise(&mut self, number: u64, drawn: [u8; 32]) {
        self.before = self.last;
        self.last = Mark { number, drawn };
    }

    /// v of the round that would be started next: as many as are void.
    pub(super) fn voided(&self) -> u32 {
        (0u32..).take_while(|v| self.rounds.get(v).is_some_and(|stored| stored.void)).last().map_or(0, |v| v + 1)
    }
}

impl Stored {
    pub(super) fn new(started: Millis, place: Memory) -> Self {
        Self {
            started,
            messages: Vec::new(),
            names: BTreeSet::new(),
            secrets: BTreeMap::new(),
            ended: None,
            void: false,
            abstains: false,
            place,
        }
    }

    /// Makes one change of a transaction at that party.
    pub(super) fn put(&mut self, me: u16, change: &Change) {
        match change {
            Change::Message(message) => {
                if self.names.insert(message.digest().0) {
                    self.messages.push(message.clone());
                }
            }
            Change::Secret { name, bytes } => {
                self.secrets.insert(*name, bytes.clone());
            }
            Change::EraseSecrets => {
                self.secrets.clear();
                self.forget(|message| message.kind() == MessageKind::Share);
            }
            Change::EraseSecret(SecretName::ShareTo(recipient)) => self.forget(|message| {
                message.kind() == MessageKind::Share
                    && message.sender() == me
                    && message.recipient() == Some(*recipient)
            }),
            Change::EraseSecret(name) => {
                self.secrets.remove(name);
            }
            Change::Ended(ended) => self.ended = Some(ended.clone()),
            Change::Void => self.void = true,
            Change::Abstains => self.abstains = true,
        }
    }

    fn forget(&mut self, what: impl Fn(&Sealed) -> bool) {
        let names = &mut self.names;
        self.messages.retain(|message| {
            let goes = what(message);
            if goes {
                names.remove(&message.digest().0);
            }
            !goes
        });
    }

    /// Whether that very message is kept.
    pub(super) fn holds(&self, message: &Sealed) -> bool {
        self.names.contains(&message.digest().0)
    }

    /// The messages of that kind.
    pub(super) fn of(&self, kind: MessageKind) -> impl Iterator<Item = &Sealed> {
        self.messages.iter().filter(move |message| message.kind() == kind)
    }

    /// Secrets that are kept, Shares among them, in words.
    pub(super) fn kept(&self) -> Vec<String> {
        let shares = self.of(MessageKind::Share).map(|share| format!("{share:?}"));
        let secrets = self.secrets.keys().map(|name| format!("{name:?}"));
        secrets.chain(shares).chain(self.place.objects().map(|object| object.to_string())).collect()
    }

    /// The set that a certificate here is about.
    pub(super) fn certified(&self) -> Option<&wire::Set> {
        self.of(MessageKind::Certificate).find_map(|message| match message.body() {
            Body::Certificate { set, .. } => Some(set),
            _ => None,
        })
    }

    /// What a restart takes the round up with.
    pub(super) fn saved(&self) -> Saved {
        Saved {
            started: self.started,
            messages: self.messages.clone(),
            secrets: self.secrets.iter().map(|(name, bytes)| (*name, bytes.clone())).collect(),
            ended: self.ended.clone(),
            void: self.void,
            abstains: self.abstains,
        }
    }
}
