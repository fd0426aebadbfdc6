//! A party whose disks crash, are copied, put back and lost: where it may sign, its store has all that it ever sent.

use alloc::vec::Vec;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;

fn pin(number: u32) -> Pin {
    let text = |text: &str| text.try_into().expect("short");
    Pin { agreement: [7; 32], computation: text("pay"), period: text("2026-Q3"), voided: number }
}

fn mark(number: u64, drawn: u8) -> Mark {
    Mark { number, drawn: [drawn; 32] }
}

#[test]
fn marks_say_what_happened() {
    let (last, before) = (mark(7, 7), mark(6, 6));
    for (guard, expected) in [
        (Some(mark(7, 7)), Verdict::Sound),
        (Some(mark(6, 6)), Verdict::Crashed),
        (Some(mark(8, 8)), Verdict::RolledBack),
        (Some(mark(5, 5)), Verdict::RolledBack),
        // The same number in another life.
        (Some(mark(7, 1)), Verdict::RolledBack),
        (Some(mark(6, 1)), Verdict::RolledBack),
        (Some(Mark::NONE), Verdict::RolledBack),
        (None, Verdict::RolledBack),
    ] {
        assert_eq!(verdict(&last, &before, guard.as_ref()), expected, "{guard:?}");
    }
    assert_eq!(verdict(&Mark::NONE, &Mark::NONE, Some(&Mark::NONE)), Verdict::Sound, "a new node");
    assert_eq!(verdict(&mark(1, 1), &Mark::NONE, Some(&Mark::NONE)), Verdict::Crashed, "its first message");
}

#[test]
fn it_waits_for_the_whole_answer_of_every_other_compute_party() {
    let mut recovery = Recovery::new(5, Some(9), [1, 2]);
    // Nothing counts from a party that was not asked: one that computes nothing, one without a link, one unknown.
    assert!(!recovery.link_up(3));
    for peer in [1, 3] {
        assert_eq!(recovery.pin(peer, pin(0)), Err(NotAsked));
        assert_eq!(recovery.recalled(peer), Err(NotAsked));
    }
    assert!(recovery.link_up(1) && recovery.link_up(2));
    recovery.recalled(2).expect("asked");
    assert_eq!(recovery.recalled(2), Err(NotAsked), "once");
    assert!(!recovery.link_up(2), "it has answered");
    // Half an answer, and then the link breaks.
    recovery.pin(1, pin(0)).expect("asked");
    recovery.link_down(1);
    assert_eq!(recovery.recalled(1), Err(NotAsked));
    assert_eq!(recovery.pinned(1, &pin(0).round()), None);
    assert_eq!(recovery.waits_for().collect::<Vec<_>>(), [1]);
    assert!(recovery.raise_to().is_none() && recovery.link_up(1));
    recovery.recalled(1).expect("asked");
    assert!(recovery.raise_to().is_some());
}

#[test]
fn a_message_belongs_to_the_round_that_its_sender_speaks_of() {
    let mut recovery = Recovery::new(5, None, [1, 2]);
    assert!(recovery.link_up(1) && recovery.link_up(2));
    assert_eq!(recovery.pinned(1, &pin(0).round()), None);
    recovery.pin(1, pin(0)).expect("asked");
    assert_eq!(recovery.pinned(1, &pin(0).round()), Some(&pin(0)));
    assert_eq!(recovery.pinned(1, &pin(1).round()), None);
    assert_eq!(recovery.pinned(2, &pin(0).round()), None, "another peer's word");
    recovery.pin(1, pin(1)).expect("asked");
    assert_eq!(recovery.pinned(1, &pin(0).round()), None, "it has gone on");
    recovery.lacked(pin(0).round());
    recovery.lacked(pin(0).round());
    assert_eq!(recovery.lacking().collect::<Vec<_>>(), [&pin(0).round()]);
}

#[test]
fn the_number_leaps_above_both() {
    for (store, guard, above) in [(5, Some(9), 9), (9, Some(5), 9), (5, None, 5), (0, None, 0)] {
        assert_eq!(Recovery::new(store, guard, []).raise_to(), Some(above + (1 << 32)));
    }
    assert_eq!(Recovery::new(u64::MAX - 1, None, []).raise_to(), Some(u64::MAX));
}

/// Every party stopped, each put back to an older copy, no guard left: each still learns of every signature of its own
/// that some other one holds.
#[test]
fn a_whole_consortium_without_guards_recovers() {
    const PARTIES: u16 = 4;
    /// The rounds that a party knows, and the authors and numbers of the messages in them.
    type Held = BTreeMap<u32, BTreeSet<(u16, u64)>>;
    for seed in 0..200u8 {
        let rng = &mut ChaCha20Rng::from_seed([seed; 32]);
        let mut below = |most: u32| rng.next_u32() % most;
        // Messages of three rounds, each at its author and wherever it came; its author may have forgotten it.
        let mut stores: Vec<Held> = (0..PARTIES).map(|_| Held::new()).collect();
        for message in 0..40u64 {
            let (round, author) = (below(3), u16::try_from(below(PARTIES.into())).expect("small"));
            for (party, store) in (0u16..).zip(&mut stores) {
                if below(2) == 0 {
                    let round = store.entry(round).or_default();
                    let _ = party == author || round.insert((author, message));
                }
            }
        }
        let others = |me: u16| (0..PARTIES).filter(move |&peer| peer != me);
        let mut recoveries: Vec<Recovery> = (0..PARTIES).map(|me| Recovery::new(5, None, others(me))).collect();
        let mut found: Vec<BTreeSet<u64>> = (0..PARTIES).map(|_| BTreeSet::new()).collect();
        // Links come up in any order, and one in three breaks in the middle of the answer.
        while recoveries.iter().any(|recovery| recovery.raise_to().is_none()) {
            let me = u16::try_from(below(PARTIES.into())).expect("small");
            let peer = u16::try_from(below(PARTIES.into())).expect("small");
            let recovery = &mut recoveries[usize::from(me)];
            if !recovery.link_up(peer) {
                continue;
            }
            let whole = below(3) > 0;
            for (round, messages) in &stores[usize::from(peer)] {
                recovery.pin(peer, pin(*round)).expect("asked");
                for (author, message) in messages.iter().filter(|(author, _)| *author == me) {
                    assert_eq!((*author, recovery.pinned(peer, &pin(*round).round())), (me, Some(&pin(*round))));
                    recovery.lacked(pin(*round).round());
                    found[usize::from(me)].insert(*message);
                }
                if !whole {
                    break;
                }
            }
            if whole { recovery.recalled(peer).expect("asked") } else { recovery.link_down(peer) }
        }
        for me in 0..PARTIES {
            let held = others(me).flat_map(|peer| stores[usize::from(peer)].values().flatten());
            let own: BTreeSet<u64> = held.filter(|(author, _)| *author == me).map(|(_, message)| *message).collect();
            assert_eq!(found[usize::from(me)], own, "seed {seed}, party {me}");
        }
    }
}

/// The rule of [`verdict`], right or wrong.
type Judge = fn(&Mark, &Mark, Option<&Mark>) -> Verdict;

/// What may be done wrong.
struct Rules {
    verdict: Judge,
    /// The guard after a recovery, of the store's mark before and after it.
    guard: fn(Mark, Mark) -> Mark,
    /// Peers whose answer is waited for.
    asked: &'static [u16],
    guard_before_sending: bool,
}

const RIGHT: Rules = Rules { verdict, guard: |_, after| after, asked: &[0, 1], guard_before_sending: true };

#[derive(Clone)]
struct Disk {
    last: Mark,
    before: Mark,
    messages: BTreeSet<u32>,
}

/// One party's disks, and two peers that keep what reaches them.
struct World<'a> {
    rules: &'a Rules,
    rng: ChaCha20Rng,
    store: Disk,
    guard: Option<Mark>,
    copies: Vec<Disk>,
    peers: [BTreeSet<u32>; 2],
    next: u32,
}

/// A start that lets the party sign although its store lacks something that it sent.
#[derive(Debug)]
struct Forgot;

impl World<'_> {
    fn one_in(&mut self, count: u32) -> bool {
        self.rng.next_u32().is_multiple_of(count)
    }

    /// The store's part of a transaction that lets something out.
    fn commit(&mut self, number: u64) {
        let mut drawn = [0; 32];
        self.rng.fill_bytes(&mut drawn);
        self.store.before = self.store.last;
        self.store.last = Mark { number, drawn };
        if self.one_in(4) {
            self.copies.push(self.store.clone());
        }
    }

    /// Sends a message to the first peer, the second, or both.
    fn send(&mut self, message: u32) {
        let to = 1 + self.rng.next_u32() % 3;
        for peer in (0..2).filter(|peer| to & (1 << peer) != 0) {
            self.peers[peer].insert(message);
        }
    }

    fn recover(&mut self) {
        let guard = self.guard.map(|guard| guard.number);
        let mut recovery = Recovery::new(self.store.last.number, guard, self.rules.asked.iter().copied());
        for &peer in self.rules.asked {
            assert!(recovery.link_up(peer));
            self.store.messages.extend(&self.peers[usize::from(peer)]);
            recovery.recalled(peer).expect("asked");
        }
        self.commit(recovery.raise_to().expect("all have answered"));
    }

    /// One start: from whatever lies on the disks to some signatures and a crash, at any point.
    fn start(&mut self) -> Result<(), Forgot> {
        match (self.rules.verdict)(&self.store.last, &self.store.before, self.guard.as_ref()) {
            Verdict::Sound => {}
            Verdict::Crashed => self.guard = Some(self.store.last),
            Verdict::RolledBack => {
                let before = self.store.last;
                self.recover();
                if self.one_in(4) {
                    return Ok(());
                }
                self.guard = Some((self.rules.guard)(before, self.store.last));
            }
        }
        if self.peers.iter().any(|held| !held.is_subset(&self.store.messages)) {
            return Err(Forgot);
        }
        // PROTOCOL 6.3: what others lack is sent again.
        for message in self.store.messages.clone() {
            self.send(message);
        }
        while !self.one_in(4) {
            let message = self.next;
            self.next += 1;
            self.store.messages.insert(message);
            self.commit(self.store.last.number + 1);
            if !self.rules.guard_before_sending {
                self.send(message);
            }
            if self.one_in(6) {
                return Ok(());
            }
            self.guard = Some(self.store.last);
            if self.one_in(6) {
                return Ok(());
            }
            self.send(message);
        }
        Ok(())
    }

    /// Starts again and again, on any copy, and with the guard lost now and then.
    fn live(&mut self) -> Result<(), Forgot> {
        for _ in 0..12 {
            self.start()?;
            if self.one_in(2) && !self.copies.is_empty() {
                let which = self.rng.next_u32() as usize % self.copies.len();
                self.store = self.copies[which].clone();
            }
            if self.one_in(4) {
                self.guard = None;
            }
        }
        Ok(())
    }
}

fn lives(rules: &Rules) -> Result<(), Forgot> {
    (0..3000u64).try_for_each(|seed| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = ChaCha20Rng::from_seed(bytes);
        let store = Disk { last: Mark::NONE, before: Mark::NONE, messages: BTreeSet::new() };
        let (copies, peers) = (Vec::from([store.clone()]), [BTreeSet::new(), BTreeSet::new()]);
        World { rules, rng, store, guard: Some(Mark::NONE), copies, peers, next: 0 }.live()
    })
}

#[test]
fn a_party_that_may_sign_has_forgotten_nothing() {
    lives(&RIGHT).expect("whatever is copied, put back and lost");
}

#[test]
fn every_weakened_rule_forgets() {
    let verdicts: [(&str, Judge); 5] = [
        ("the guard is ignored", |_, _, _| Verdict::Sound),
        ("a guard that is ahead is ignored", |last, before, guard| match guard {
            Some(guard) if guard.number > last.number => Verdict::Sound,
            guard => verdict(last, before, guard),
        }),
        ("a guard that is lost is made anew", |last, before, guard| match guard {
            None => Verdict::Crashed,
            guard => verdict(last, before, guard),
        }),
        ("a store that is ahead is always a crash", |last, before, guard| match guard {
            Some(guard) if guard.number < last.number => Verdict::Crashed,
            guard => verdict(last, before, guard),
        }),
        ("the numbers alone", |last, _, guard| match guard.and_then(|guard| last.number.checked_sub(guard.number)) {
            Some(0) => Verdict::Sound,
            Some(1) => Verdict::Crashed,
            _ => Verdict::RolledBack,
        }),
    ];
    for (what, verdict) in verdicts {
        assert!(lives(&Rules { verdict, ..RIGHT }).is_err(), "{what}");
    }
    assert!(lives(&Rules { guard: |before, _| before, ..RIGHT }).is_err(), "a guard that falls after a recovery");
    assert!(lives(&Rules { asked: &[0], ..RIGHT }).is_err(), "one compute party is not asked");
    assert!(lives(&Rules { guard_before_sending: false, ..RIGHT }).is_err(), "sent before the guard");
}
