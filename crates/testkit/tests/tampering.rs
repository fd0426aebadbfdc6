//! One party under an adversary changes, forges, replays, doubles, misdirects and withholds what it sends (PROTOCOL 1.3, 3, 4).
//!
//! Every run is judged by the simulator: no wrong result, no honest party blamed, nobody waits for ever. The tables say
//! where the liar must be named as well.
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use testkit::consortium::{Roles, column};
use testkit::dice::Dice;
use testkit::sim::{Cluster, Expect, Forger, Outgoing, Parcel, Plan, Report, Tamper, lies};
use wire::{Body, MessageKind, RoundId};
use zeroize::Zeroizing;

/// A plan with one party under an adversary.
fn plan(seed: u64, corrupt: u16) -> Plan {
    let columns = vec![column("amount", 0, "-1000", "1000"), column("heads", 0, "0", "9")];
    let mut plan = Plan::smooth(seed, &[Roles::ALL; 3], 2, columns);
    plan.corrupt.insert(corrupt);
    plan.expect = Expect::Ended;
    plan
}

fn leader(seed: u64) -> u16 {
    Cluster::new(plan(seed, 0)).terms().leader(1)
}

/// A plan in which the party whose messages of that kind are at stake is corrupt.
fn plan_for(seed: u64, kind: MessageKind) -> (Plan, u16) {
    let corrupt = if kind == MessageKind::Open { leader(seed) } else { 1 };
    (plan(seed, corrupt), corrupt)
}

/// Runs a plan whose corrupt party says what `change` makes of each of its own messages of that kind. Tells how often.
fn run(
    plan: Plan,
    corrupt: u16,
    kind: MessageKind,
    mut change: impl FnMut(&Forger, &Outgoing<'_>, Option<u16>, Body) -> Vec<(u16, Parcel)> + 'static,
) -> (Report, u64) {
    let hits = Rc::new(Cell::new(0));
    let counted = Rc::clone(&hits);
    let cluster = Cluster::new(plan);
    let forger = Forger::new(cluster.plan(), corrupt, cluster.terms().round());
    let tamper: Tamper = Box::new(move |outgoing| match outgoing.message() {
        Some((sender, recipient, body)) if sender == corrupt && body.kind() == kind => {
            counted.set(counted.get() + 1);
            change(&forger, outgoing, recipient, body)
        }
        _ => outgoing.unchanged(),
    });
    match cluster.tampered(tamper).run() {
        Ok(report) => (report, hits.get()),
        Err(violation) => panic!("{kind:?}: {violation}"),
    }
}

fn names(report: &Report, culprit: u16) -> bool {
    report.findings.iter().any(|finding| finding.culprit == culprit)
}

/// The messages that a party says in a round where nobody fails.
const SAID: [MessageKind; 11] = [
    MessageKind::Propose,
    MessageKind::Deal,
    MessageKind::Share,
    MessageKind::Receipt,
    MessageKind::Dealt,
    MessageKind::Open,
    MessageKind::Ready,
    MessageKind::Accept,
    MessageKind::Certificate,
    MessageKind::Partial,
    MessageKind::Outcome,
];

/// A body of each kind as it is said, to count its variants.
fn sample(kind: MessageKind) -> Body {
    let (plan, corrupt) = plan_for(1, kind);
    let seen = Rc::new(Cell::new(None));
    let kept = Rc::clone(&seen);
    run(plan, corrupt, kind, move |_, outgoing, _, body| {
        kept.set(Some(body));
        outgoing.unchanged()
    });
    seen.take().unwrap()
}

#[test]
fn every_field_of_every_message_changed_and_signed() {
    for kind in SAID {
        for number in 0..lies(1, &sample(kind)).len() {
            let seed = 100 + number as u64;
            let (plan, corrupt) = plan_for(seed, kind);
            let told = Rc::new(Cell::new(("", false)));
            let telling = Rc::clone(&told);
            let (report, hits) = run(plan, corrupt, kind, move |forger, outgoing, recipient, body| {
                let lie = lies(outgoing.from, &body).swap_remove(number);
                telling.set((lie.what, lie.provable));
                vec![(outgoing.to, forger.says(recipient, lie.body))]
            });
            let (what, provable) = told.take();
            assert!(hits > 0, "{kind:?} was never said");
            assert!(!provable || names(&report, corrupt), "{kind:?} with a changed {what}: nobody is named");
        }
    }
}

/// What may be done to any message of any kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trick {
    Flip,
    OtherRound,
    OthersName,
    ToEverybody,
    Recipient,
    Twice,
    Split,
    Withhold,
}

const TRICKS: [Trick; 8] = [
    Trick::Flip,
    Trick::OtherRound,
    Trick::OthersName,
    Trick::ToEverybody,
    Trick::Recipient,
    Trick::Twice,
    Trick::Split,
    Trick::Withhold,
];

fn play(
    trick: Trick,
    forger: &Forger,
    outgoing: &Outgoing<'_>,
    recipient: Option<u16>,
    body: Body,
    dice: &mut Dice,
) -> Vec<(u16, Parcel)> {
    let to = outgoing.to;
    let changed = |number: usize| {
        let mut all = lies(outgoing.from, &body);
        let number = number % all.len();
        forger.says(recipient, all.swap_remove(number).body)
    };
    match trick {
        Trick::Flip => {
            let Parcel::Message(bytes) = outgoing.parcel else { return Vec::new() };
            let mut bytes = Zeroizing::new(bytes.to_vec());
            let at = dice.index(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
            vec![(to, Parcel::Message(bytes))]
        }
        Trick::OtherRound => vec![(to, forger.in_round(RoundId([9; 32])).says(recipient, body))],
        Trick::OthersName => vec![(to, forger.says_as((outgoing.from + 1) % 3, recipient, body))],
        Trick::ToEverybody => (0..3).map(|to| (to, outgoing.parcel.clone())).collect(),
        Trick::Recipient => vec![(to, forger.says(recipient.is_none().then_some(to), body))],
        Trick::Twice => vec![(to, outgoing.parcel.clone()), (to, changed(dice.index(9)))],
        Trick::Split if to == (outgoing.from + 1) % 3 => outgoing.unchanged(),
        Trick::Split => vec![(to, changed(0))],
        Trick::Withhold => Vec::new(),
    }
}

#[test]
fn every_trick_with_every_message() {
    for kind in SAID {
        for (number, trick) in TRICKS.into_iter().enumerate() {
            let seed = 300 + number as u64;
            let (plan, corrupt) = plan_for(seed, kind);
            let mut dice = Dice::new(seed, "tricks");
            let (report, hits) = run(plan, corrupt, kind, move |forger, outgoing, recipient, body| {
                play(trick, forger, outgoing, recipient, body, &mut dice)
            });
            assert!(hits > 0, "{kind:?} was never said");
            let always = matches!(trick, Trick::Flip | Trick::OtherRound | Trick::OthersName | Trick::Recipient);
            // A round of somebody else's is not this round's affair before a party has joined it, and a party that has
            // closed the round listens no more. What is held already is not looked at again, whoever signs it.
            let late = matches!(kind, MessageKind::Propose | MessageKind::Outcome);
            let held = kind == MessageKind::Receipt && trick == Trick::OthersName;
            assert!(!always || late || held || names(&report, corrupt), "{kind:?}, {trick:?}: the liar is not named");
        }
    }
}

#[test]
fn what_others_said_is_not_changed_in_passing() {
    for seed in 0..20 {
        let corrupt = 1;
        let mut plan = plan(500 + seed, corrupt);
        // p0 and p2 have no link before the end of the round: p1 relays, through the inventory.
        plan.without(|h| *h == testkit::sim::Happening::Up(0, 2));
        plan.script.push((15_000, testkit::sim::Happening::Up(0, 2)));
        let mut dice = Dice::new(seed, "relay");
        let cluster = Cluster::new(plan);
        let tamper: Tamper = Box::new(move |outgoing| match (outgoing.message(), outgoing.parcel) {
            (Some((sender, ..)), Parcel::Message(bytes)) if sender != corrupt => {
                let mut bytes = Zeroizing::new(bytes.to_vec());
                let at = dice.index(bytes.len());
                bytes[at] ^= 0x10;
                vec![(outgoing.to, Parcel::Message(bytes))]
            }
            _ => outgoing.unchanged(),
        });
        let report = cluster.tampered(tamper).run().unwrap();
        // A link in bad hands costs nothing where there is another way.
        assert!(report.parties[0].totals.is_some() && report.parties[2].totals.is_some(), "{report:?}");
    }
}

#[test]
fn what_honest_parties_signed_in_another_round_is_worth_nothing_in_this_one() {
    for kind in SAID {
        let (plan, corrupt) = plan_for(700, kind);
        let honest = (corrupt + 1) % 3;
        let key = Forger::new(&plan, honest, RoundId([9; 32]));
        let (report, _) = run(plan, corrupt, kind, move |_, outgoing, recipient, body| {
            let replayed = key.says(recipient, body);
            vec![(outgoing.to, replayed), (outgoing.to, outgoing.parcel.clone())]
        });
        let late = matches!(kind, MessageKind::Propose | MessageKind::Outcome);
        assert!(late || names(&report, corrupt), "{kind:?}");
        assert!(report.certified.is_some(), "{kind:?}: a replay stopped the round");
    }
}

#[test]
fn equivocation_of_a_partial_withholds_the_result() {
    let (plan, corrupt) = plan_for(800, MessageKind::Partial);
    let (report, _) = run(plan, corrupt, MessageKind::Partial, |forger, outgoing, recipient, body| {
        let Body::Partial { set, digest } = body else { return Vec::new() };
        let other = forger.says(recipient, Body::Partial { set, digest: digest.map(|byte| !byte) });
        vec![(outgoing.to, outgoing.parcel.clone()), (outgoing.to, other)]
    });
    for honest in [0, 2] {
        assert_eq!(report.parties[honest].totals, None);
    }
    assert!(report.abandoned().iter().any(|(party, reason)| *party == 0 && reason.contains("p1")), "{report:?}");
}

/// Shares are erased behind a certificate; a link without memory, or a peer, may send one again.
#[test]
fn a_share_that_comes_again_after_the_end_is_not_kept() {
    let mut plan = plan(900, 1);
    plan.expect = Expect::Completed(vec![0, 1, 2]);
    let shares: Rc<RefCell<Vec<(u16, Parcel)>>> = Rc::default();
    let cluster = Cluster::new(plan);
    let tamper: Tamper = Box::new(move |outgoing| {
        let mut parcels = outgoing.unchanged();
        match outgoing.message() {
            Some((1, _, Body::Share { .. })) => shares.borrow_mut().extend(outgoing.unchanged()),
            // It knows the result, so the others have made their partial sums.
            Some((1, _, Body::Outcome { .. })) => {
                let again = shares.borrow().iter().filter(|(to, _)| *to == outgoing.to).cloned().collect::<Vec<_>>();
                assert_eq!(again.len(), 1);
                // Before the Outcome, which would close the round there.
                parcels.splice(0..0, again);
            }
            _ => {}
        }
        parcels
    });
    let report = cluster.tampered(tamper).run().unwrap();
    assert!(report.findings.is_empty());
}
