//! An adversary that holds the keys and the links of some parties, and does what it can with them (PROTOCOL 4).
//!
//! Its machines run the honest code, perhaps without some of its rules; what they send it drops, doubles, changes and sends
//! to others, and it signs beside it whatever it pleases. It hears what all of its parties hear. Dealings, elements and partial
//! sums it touches in malicious rounds alone, for semi-honest arithmetic promises nothing then.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use protocol::round::{Rule, Terms, dealing_digest};
use wire::message::Votes;
use wire::{Body, DealingDigest, Grievance, Lock, MessageKind, RoundId, Set, SetDigest, Until};
use zeroize::Zeroizing;

use super::cheat::{Cheat, SumLie, cheating};
use super::forger::{Ear, Forger, Meddler, Outgoing, Tamper};
use super::lies::lies;
use super::network::Parcel;
use super::others::{other_opens, repeating, second_header, under};
use super::plan::Plan;
use crate::dice::Dice;

/// Something that an adversary does throughout a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Keeps messages of a kind from some parties.
    KeepsBack(MessageKind),
    /// Tells some parties nothing at all.
    Shuns,
    /// Says something false instead, or as well.
    Lies,
    /// Opens different sets at different parties.
    OpensTwice,
    /// Votes for every set that it knows of.
    VotesForAll,
    /// Closes without showing its lock.
    HidesLocks,
    /// Closes with a lock that it made up, on another set.
    InventsLocks,
    /// Opens a set that names a dealer twice.
    RepeatsADealer,
    /// Closes attempts that are on, and later ones.
    ClosesEarly,
    /// Closes the round for ever, and goes on.
    ClosesForEver,
    /// Deals under two headers, each with the Commitments and Shares that belong to it.
    DealsTwice,
    /// Deals wrongly.
    Cheats(Cheat),
    /// Sums wrongly.
    SumsWrongly(SumLie),
    /// Announces two partial sums.
    SumsTwice,
    /// Spoils elements on their way to some parties.
    Spoils,
    /// Complains of dealings that are good.
    Complains,
    /// Sends again what it once sent.
    Repeats,
    /// Does not let its machine hear messages of a kind.
    Deaf(MessageKind),
}

/// Rules that the machines of an adversary do without.
pub(super) fn loose(dice: &mut Dice) -> Vec<Rule> {
    let rules = [
        Rule::LockBeforeAccept,
        Rule::LockInClose,
        Rule::ProvenLock,
        Rule::FirstOpen,
        Rule::DistinctDealers,
        Rule::CollectFirst,
        Rule::EnoughCloses,
    ];
    let off = rules.into_iter().filter(|_| dice.percent(20));
    off.collect()
}

/// What it knows and is about to do.
struct Adversary {
    terms: Terms,
    dice: Dice,
    forgers: BTreeMap<u16, Forger>,
    parties: u16,
    least: usize,
    holders: usize,
    habits: Vec<Habit>,
    /// Those that it treats worse than others.
    disliked: BTreeSet<u16>,
    /// Sets that were opened, or that it made up, by round and attempt.
    sets: BTreeMap<(RoundId, u32), BTreeSet<SetDigest>>,
    /// Another set than the last that was opened, by round.
    others: BTreeMap<RoundId, Set>,
    /// Its other dealings, by party and round.
    second: BTreeMap<(u16, RoundId), DealingDigest>,
    sent: Vec<(u16, u16, Parcel)>,
    /// Dealings that it has heard of.
    heard: Vec<(u16, DealingDigest)>,
}

/// An adversary that holds the corrupt parties of a plan.
pub(super) fn adversary(plan: &Plan, terms: &Terms) -> (Tamper, Ear, Meddler) {
    let round = terms.round();
    let mut dice = plan.dice("adversary");
    let kinds = [
        MessageKind::Deal,
        MessageKind::Share,
        MessageKind::Receipt,
        MessageKind::Dealt,
        MessageKind::Open,
        MessageKind::Ready,
        MessageKind::Accept,
        MessageKind::Certificate,
        MessageKind::Partial,
        MessageKind::Close,
        MessageKind::Commitments,
        MessageKind::Complaint,
    ];
    let random = (0..2 + dice.below(5)).map(|_| {
        let kind = kinds[dice.index(kinds.len())];
        match dice.below(24) {
            0 | 1 => Habit::KeepsBack(kind),
            2 => Habit::Shuns,
            3 | 4 => Habit::Lies,
            5 | 6 => Habit::OpensTwice,
            7 | 8 => Habit::VotesForAll,
            9 => Habit::HidesLocks,
            10 => Habit::ClosesEarly,
            11 => [Habit::ClosesForEver, Habit::Repeats][dice.index(2)],
            12 => Habit::DealsTwice,
            13 => Habit::InventsLocks,
            14 => Habit::RepeatsADealer,
            15..=17 => Habit::Cheats(Cheat::random(&mut dice, terms.quorum().n)),
            18 | 19 => Habit::SumsWrongly(SumLie::ALL[dice.index(SumLie::ALL.len())]),
            20 => [Habit::SumsTwice, Habit::Spoils][dice.index(2)],
            21 | 22 => Habit::Complains,
            _ => Habit::Deaf(kind),
        }
    });
    let random: Vec<Habit> = random.collect();
    let habits = if plan.habits.is_empty() { random } else { plan.habits.clone() };
    let aversion = [30, 60, 100][dice.index(3)];
    let quorum = plan.quorum();
    let find = |habit: fn(&Habit) -> bool| habits.iter().copied().find(habit);
    let (cheats, lies) =
        (find(|habit| matches!(habit, Habit::Cheats(_))), find(|h| matches!(h, Habit::SumsWrongly(_))));
    let meddler: Meddler = Box::new(move |working| {
        if let Some(Habit::Cheats(cheat)) = cheats {
            cheat.meddle(working);
        }
        if let Some(Habit::SumsWrongly(lie)) = lies {
            lie.meddle(working);
        }
    });
    let adversary = Rc::new(RefCell::new(Adversary {
        terms: terms.clone(),
        second: BTreeMap::new(),
        forgers: plan.corrupt.iter().map(|&party| (party, Forger::new(plan, party, round))).collect(),
        parties: plan.parties(),
        least: plan.least(),
        holders: quorum.map_or(0, |quorum| quorum.h.into()),
        habits,
        disliked: (0..plan.parties()).filter(|_| dice.percent(aversion)).collect(),
        sets: BTreeMap::new(),
        others: BTreeMap::new(),
        sent: Vec::new(),
        heard: Vec::new(),
        dice,
    }));
    let listening = Rc::clone(&adversary);
    let tamper: Tamper = Box::new(move |outgoing| adversary.borrow_mut().sends(outgoing));
    let ear: Ear = Box::new(move |incoming| listening.borrow_mut().hears(incoming.parcel));
    (tamper, ear, meddler)
}

impl Adversary {
    fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    fn hears(&mut self, parcel: &Parcel) -> bool {
        let Some(envelope) = parcel.envelope() else { return true };
        self.learn(envelope.round(), envelope.body());
        if let Body::Commitments { dealing, .. } = envelope.body() {
            self.heard.push((envelope.sender(), *dealing));
        }
        !self.has(Habit::Deaf(envelope.body().kind())) || self.dice.percent(20)
    }

    fn learn(&mut self, round: RoundId, body: &Body) {
        if let Some(Body::Open { set, .. }) = other_opens(body, self.least, self.holders).into_iter().next() {
            self.others.insert(round, set);
        }
        let (attempt, set) = match body {
            Body::Open { attempt, set, .. } => (*attempt, set.digest(&round)),
            Body::Ready { attempt, set } | Body::Accept { attempt, set } => (*attempt, *set),
            _ => return,
        };
        self.sets.entry((round, attempt)).or_default().insert(set);
    }

    /// What goes out instead of what its machine sends.
    fn sends(&mut self, outgoing: &Outgoing<'_>) -> Vec<(u16, Parcel)> {
        let (from, to) = (outgoing.from, outgoing.to);
        let (Some(forger), Some(envelope)) = (self.forgers.get(&from).cloned(), outgoing.parcel.envelope()) else {
            return vec![(to, self.elements(outgoing))];
        };
        if envelope.sender() != from {
            return outgoing.unchanged();
        }
        let (round, recipient, body) = (envelope.round(), envelope.recipient(), envelope.body().clone());
        let forger = forger.in_round(round);
        self.learn(round, &body);
        let mut parcels = self.instead(&forger, outgoing, recipient, &body);
        parcels.extend(self.beside(&forger, round, to, &body));
        if self.has(Habit::Repeats) {
            if self.sent.len() < 200 {
                self.sent.extend(parcels.iter().map(|(to, parcel)| (from, *to, parcel.clone())));
            }
            if self.dice.percent(10) && !self.sent.is_empty() {
                let (by, to, parcel) = self.sent[self.dice.index(self.sent.len())].clone();
                parcels.extend((by == from).then_some((to, parcel)));
            }
        }
        parcels
    }

    fn instead(
        &mut self,
        forger: &Forger,
        outgoing: &Outgoing<'_>,
        recipient: Option<u16>,
        body: &Body,
    ) -> Vec<(u16, Parcel)> {
        let (to, kind) = (outgoing.to, body.kind());
        let disliked = self.disliked.contains(&to);
        // A Propose is what makes a round known; without it there is nothing to assail.
        let kept = self.has(Habit::KeepsBack(kind)) || self.has(Habit::Shuns);
        if disliked && kept && kind != MessageKind::Propose {
            return Vec::new();
        }
        let says = |body: Body| (to, forger.says(recipient, body));
        match body {
            Body::Open { .. } if self.has(Habit::OpensTwice) => {
                let others = other_opens(body, self.least, self.holders);
                if others.is_empty() {
                    return outgoing.unchanged();
                }
                let other = others[self.dice.index(others.len())].clone();
                self.learn(forger.round(), &other);
                match self.dice.below(4) {
                    0 => outgoing.unchanged(),
                    1 => vec![says(other)],
                    2 => vec![(to, outgoing.parcel.clone()), says(other)],
                    _ => vec![says(other), (to, outgoing.parcel.clone())],
                }
            }
            Body::Close { until, lock: Some(_) } if self.has(Habit::HidesLocks) => {
                vec![says(Body::Close { until: *until, lock: None })]
            }
            Body::Close { until: Until::Attempt(attempt), .. } if self.has(Habit::InventsLocks) => {
                let Some(set) = self.others.get(&forger.round()).cloned() else { return outgoing.unchanged() };
                let attempt = attempt + u32::try_from(self.dice.below(2)).unwrap_or(0);
                let lock = Some(Lock { attempt, set, readys: Votes::default() });
                vec![says(Body::Close { until: Until::Attempt(attempt), lock })]
            }
            Body::Open { .. } if self.has(Habit::RepeatsADealer) => vec![says(repeating(body))],
            Body::Deal { shares, commitments } if self.has(Habit::DealsTwice) && disliked => {
                let header = second_header(shares, *commitments, self.forger_seat(outgoing.from));
                let header = forger.seals(None, header);
                self.second.insert((outgoing.from, forger.round()), dealing_digest(&header));
                vec![(to, Parcel::message(&header))]
            }
            Body::Commitments { .. } | Body::Share { .. } if self.has(Habit::DealsTwice) && disliked => {
                let second = self.second.get(&(outgoing.from, forger.round())).copied();
                vec![says(under(body.clone(), second))]
            }
            Body::Share { .. } => match self.habits.iter().find(|habit| matches!(habit, Habit::Cheats(_))) {
                Some(Habit::Cheats(cheat)) => cheating(*cheat, &self.terms, forger, outgoing),
                _ => outgoing.unchanged(),
            },
            Body::Partial { set, .. } if self.has(Habit::SumsTwice) => {
                let other = says(Body::Partial { set: *set, digest: [[0; 32], [1; 32]][self.dice.index(2)] });
                let mut both = vec![(to, outgoing.parcel.clone()), other];
                self.dice.shuffle(&mut both);
                both
            }
            // What may be changed without touching a sum.
            Body::Receipt { .. }
            | Body::Dealt { .. }
            | Body::Open { .. }
            | Body::Ready { .. }
            | Body::Accept { .. }
            | Body::Certificate { .. }
            | Body::Close { .. }
                if self.has(Habit::Lies) && self.dice.percent(30) =>
            {
                let mut all = lies(outgoing.from, body);
                let lie = all.swap_remove(self.dice.index(all.len())).body;
                match self.dice.below(3) {
                    0 => vec![says(lie)],
                    1 => vec![(to, outgoing.parcel.clone()), says(lie)],
                    _ => vec![says(lie), (to, outgoing.parcel.clone())],
                }
            }
            _ => outgoing.unchanged(),
        }
    }

    /// The header's digest of a share of its own does not matter to anybody else.
    fn forger_seat(&self, party: u16) -> usize {
        usize::from(party)
    }

    /// Elements as they leave it.
    fn elements(&mut self, outgoing: &Outgoing<'_>) -> Parcel {
        match outgoing.parcel {
            Parcel::Chunk { object, index, elements } if self.has(Habit::Spoils) && !elements.is_empty() => {
                let mut elements = Zeroizing::new(elements.to_vec());
                let at = self.dice.index(elements.len());
                if self.disliked.contains(&outgoing.to) {
                    elements[at] ^= 1;
                }
                Parcel::Chunk { object: *object, index: *index, elements }
            }
            other => other.clone(),
        }
    }

    /// A complaint about a cell that it makes up.
    fn complaint(&mut self, dealer: u16, dealing: DealingDigest) -> Body {
        let mut byte = || {
            let mut bytes = [0; 32];
            bytes[0] = u8::from(self.dice.percent(50));
            bytes
        };
        let (value, blinding) = (byte(), byte());
        let cell = u32::try_from(self.dice.below(4)).unwrap_or(0);
        let path = vec![[7; 32]; self.dice.index(3)].try_into().unwrap_or_default();
        let grievance = Grievance::Cell { dealing, cell, value, blinding, path };
        Body::Complaint { dealer, grievance }
    }

    /// What it says besides.
    fn beside(&mut self, forger: &Forger, round: RoundId, to: u16, body: &Body) -> Vec<(u16, Parcel)> {
        let mut parcels = Vec::new();
        if let Body::Open { set, .. } | Body::Certificate { set, .. } = body
            && self.has(Habit::Complains)
            && self.dice.percent(60)
            && !set.dealings.is_empty()
        {
            let of = set.dealings[self.dice.index(set.dealings.len())];
            parcels.push((to, forger.says(None, self.complaint(of.dealer, of.dealing))));
        }
        if let Body::Deal { .. } = body
            && self.has(Habit::Complains)
            && let Some((dealer, dealing)) = self.heard.pop()
        {
            parcels.push((to, forger.says(None, self.complaint(dealer, dealing))));
        }
        let attempt = match body {
            Body::Open { attempt, .. } | Body::Ready { attempt, .. } | Body::Accept { attempt, .. } => *attempt,
            Body::Close { until: Until::Attempt(attempt), .. } => attempt + 1,
            _ => return parcels,
        };
        if self.has(Habit::VotesForAll) {
            let sets: Vec<SetDigest> = self.sets.get(&(round, attempt)).into_iter().flatten().copied().collect();
            for set in sets {
                for vote in [Body::Ready { attempt, set }, Body::Accept { attempt, set }] {
                    let to = if self.dice.percent(50) { to } else { self.somebody() };
                    if self.dice.percent(60) {
                        parcels.push((to, forger.says(None, vote)));
                    }
                }
            }
        }
        if self.has(Habit::ClosesEarly) && self.dice.percent(30) {
            let until = Until::Attempt(attempt + u32::try_from(self.dice.below(3)).unwrap_or(0));
            parcels.push((to, forger.says(None, Body::Close { until, lock: None })));
        }
        if self.has(Habit::ClosesForEver) && self.dice.percent(30) {
            parcels.push((to, forger.says(None, Body::Close { until: Until::Forever, lock: None })));
        }
        parcels
    }

    fn somebody(&mut self) -> u16 {
        u16::try_from(self.dice.below(self.parties.into())).unwrap_or(0)
    }
}
