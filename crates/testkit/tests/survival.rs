//! What a round survives: parties that are gone, late or liars, and rounds that are given up and begun anew (PROTOCOL 1, 4.3 to 4.8).
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use std::time::Duration;

use protocol::round::{Ended, MAX_ATTEMPTS, Millis};
use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, CrashPoint, Expect, Habit, Happening, NEVER, Plan, Report, Signing, Tamper};
use wire::{Body, MessageKind};

const HOLDER: Roles = Roles { input: true, compute: true, result: false };
const RESULT: Roles = Roles { input: false, compute: false, result: true };

fn plan(seed: u64, roles: &[Roles]) -> Plan {
    let mut plan = Plan::smooth(seed, roles, 1, vec![column("amount", 0, "-1000", "1000")]);
    // Every step takes ten milliseconds.
    (plan.latency, plan.work) = ((10, 10), (0, 0));
    plan
}

fn run(plan: Plan) -> Report {
    Cluster::new(plan).run().unwrap_or_else(|violation| panic!("{violation}"))
}

fn goes_down(plan: &mut Plan, at: u64, party: u16) {
    plan.script.push((at, Happening::Crash(party, CrashPoint::Now, NEVER)));
}

#[test]
fn two_of_five_killed_after_the_certificate_are_not_missed() {
    let five = |seed| {
        let mut plan = plan(seed, &[[HOLDER; 5].as_slice(), &[RESULT]].concat());
        plan.shamir(3);
        plan
    };
    let pairs = (0..5).flat_map(|a| (a + 1..5).map(move |b| (a, b)));
    for (seed, (a, b)) in (0..).zip(pairs) {
        let Millis(certified) = run(five(seed)).certified_at.unwrap();
        // From the moment of the first certificate on, while the others learn of it, sum and send.
        for later in (0..60).step_by(10) {
            let mut plan = five(seed);
            goes_down(&mut plan, certified + later + 1, a);
            goes_down(&mut plan, certified + later + 1, b);
            let report = run(plan);
            assert_eq!(report.contributors(), Some(vec![0, 1, 2, 3, 4]));
            assert!(report.parties[5].totals.is_some(), "{a}, {b} and {later} ms: {report:?}");
        }
    }
}

#[test]
fn one_of_five_that_never_comes_is_left_out_once_collect_for_is_over() {
    for absent in 0..5 {
        let mut plan = plan(20 + u64::from(absent), &[Roles::ALL; 5]);
        plan.shamir(3);
        plan.min_contributors(4);
        plan.never_comes(absent);
        plan.corrupt.insert(absent);
        let others: Vec<u16> = (0..5).filter(|&party| party != absent).collect();
        // Whoever waits for its Outcome keeps what it has, and ends with the result all the same.
        plan.expect = Expect::Completed(others.clone());
        let report = run(plan);
        let ended = others.iter().map(|&party| report.ends[&(party, 0)]);
        assert!(ended.clone().min() > Some(Millis(20_000)) && ended.max() < Some(Millis(27_000)), "{:?}", report.ends);
    }
}

#[test]
fn two_of_three_go_on_when_one_is_down_for_good_after_it_has_dealt() {
    for down in 0..3 {
        // At any moment from when its shares are there; the last of the others deals later.
        for at in (1_100..2_000).step_by(90).chain([4_000, 6_000]) {
            let mut plan = plan(30 + u64::from(down), &[Roles::ALL; 3]);
            plan.shamir(2);
            let late = (down + 1) % 3;
            plan.without(|happening| *happening == Happening::Approve(late));
            plan.script.push((5_000, Happening::Approve(late)));
            goes_down(&mut plan, at, down);
            plan.expect = Expect::Completed(vec![0, 1, 2]);
            let report = run(plan);
            for party in (0..3).filter(|&party| party != down) {
                assert!(report.parties[usize::from(party)].totals.is_some(), "p{down} at {at}: {report:?}");
            }
        }
    }
}

/// Everything that an adversary can do, on its own.
fn habits() -> Vec<Vec<Habit>> {
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
    ];
    let alone = [
        Habit::Shuns,
        Habit::Lies,
        Habit::OpensTwice,
        Habit::VotesForAll,
        Habit::HidesLocks,
        Habit::InventsLocks,
        Habit::RepeatsADealer,
        Habit::ClosesEarly,
        Habit::ClosesForEver,
        Habit::DealsTwice,
        Habit::Repeats,
    ];
    let mut all: Vec<Vec<Habit>> = alone.into_iter().map(|habit| vec![habit]).collect();
    all.extend(kinds.into_iter().flat_map(|kind| [vec![Habit::KeepsBack(kind)], vec![Habit::Deaf(kind)]]));
    // It votes for everything and shows nothing; it hears of no certificate and hides every lock; all of it at once.
    all.push(vec![
        Habit::OpensTwice,
        Habit::VotesForAll,
        Habit::HidesLocks,
        Habit::KeepsBack(MessageKind::Certificate),
    ]);
    all.push(vec![Habit::Deaf(MessageKind::Accept), Habit::Deaf(MessageKind::Certificate), Habit::InventsLocks]);
    all.push(alone.to_vec());
    all
}

#[test]
fn two_of_four_go_on_whatever_one_of_them_does() {
    for (number, habits) in (0..).zip(habits()) {
        for seed in 0..12 {
            let mut plan = plan(1_000 + 100 * number + seed, &[Roles::ALL; 4]);
            plan.shamir(2);
            plan.min_contributors(3);
            plan.blueprint.draft.computations[0].adversary = Some("malicious".into());
            plan.latency = (1, 50);
            plan.signing = if seed == 0 { Signing::Ed25519 } else { Signing::KeyedHash };
            plan.corrupt = [u16::try_from(seed % 4).unwrap()].into();
            plan.mischief = true;
            plan.habits = habits.clone();
            plan.expect = Expect::Result;
            let report = run(plan);
            let honest = (0..4).filter(|party| *party != seed % 4);
            let learned = honest.filter(|&party| report.parties[usize::try_from(party).unwrap()].totals.is_some());
            assert_eq!(learned.count(), 3, "{habits:?}, seed {seed}: {report:?}");
        }
    }
}

/// Where all have to receipt and to vote, one that receipts some dealings and not others makes every Open one that leaves
/// something out. Attempts end at once then, and are used up long before the round is given up.
#[test]
fn nobody_honest_votes_beyond_the_last_attempt() {
    const LIAR: u16 = 0;
    let mut plan = plan(200, &[Roles::ALL; 6]);
    plan.shamir(6);
    plan.min_contributors(3);
    plan.blueprint.draft.computations[0].adversary = Some("malicious".into());
    plan.deadlines(Duration::from_secs(20), Duration::from_secs(600));
    plan.signing = Signing::KeyedHash;
    plan.corrupt.insert(LIAR);
    plan.expect = Expect::Abandoned(Vec::new());
    let tamper: Tamper = Box::new(|outgoing| match outgoing.message() {
        Some((LIAR, Some(1), Body::Receipt { .. }) | (LIAR, _, Body::Open { .. })) => Vec::new(),
        _ => outgoing.unchanged(),
    });
    let report = Cluster::new(plan).tampered(tamper).run().unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(report.attempts, MAX_ATTEMPTS);
}

/// Whether every party has ended round 0 as void, and completed the next one of the period.
fn begun_anew(report: &Report) {
    for party in &report.parties {
        assert_eq!((party.v, party.void.as_slice()), (1, [true, false].as_slice()), "{report:?}");
        assert!(matches!(party.ended, Some(Ended::Completed { .. })), "{report:?}");
    }
}

#[test]
fn a_round_that_one_party_abandons_ends_at_once_everywhere_and_is_begun_anew() {
    for who in 0..4 {
        // Before anybody has dealt, while Receipts are coming, and before the last one deals.
        for at in [900, 1_015, 1_025, 3_000] {
            let mut plan = plan(100 + u64::from(who), &[Roles::ALL; 4]);
            plan.most_voided = 1;
            let late = (who + 2) % 4;
            plan.without(|happening| *happening == Happening::Approve(late));
            plan.script.push((at, Happening::Abandon(who)));
            plan.script.push((5_000, Happening::Propose((who + 1) % 4)));
            plan.script.extend((0..4).map(|party| (6_000, Happening::Approve(party))));
            plan.expect = Expect::Result;
            let report = run(plan);
            begun_anew(&report);
            for party in 0..4 {
                let Millis(ended) = report.ends[&(party, 0)];
                assert!(ended >= at && ended <= at + 20, "p{party} at {ended}, given up at {at}");
            }
        }
    }
}

#[test]
fn a_round_in_which_one_was_down_until_the_others_gave_up_is_begun_anew() {
    for down in 0..3 {
        for at in [0, 900, 1_015, 1_025] {
            let mut plan = plan(120 + u64::from(down), &[Roles::ALL; 3]);
            plan.deadlines(Duration::from_secs(20), Duration::from_secs(60));
            plan.most_voided = 1;
            let late = (down + 1) % 3;
            plan.without(|happening| {
                *happening == Happening::Approve(late) || matches!(happening, Happening::Propose(_))
            });
            plan.script.push((1, Happening::Propose(late)));
            plan.script.push((at, Happening::Crash(down, CrashPoint::Now, 70_000)));
            // Who was not there from the start begins the first round, and learns that it is over.
            for again in [80_000, 90_000] {
                plan.script.push((again, Happening::Propose(down)));
                plan.script.extend((0..3).map(|party| (again + 1_000, Happening::Approve(party))));
            }
            plan.expect = Expect::Result;
            let report = run(plan);
            begun_anew(&report);
            for party in (0..3).filter(|&party| party != down) {
                let Millis(ended) = report.ends[&(party, 0)];
                assert!((60_000..60_100).contains(&ended), "p{party} at {ended}");
            }
        }
    }
}

/// By Shamir's scheme fewer Closes of ∞ than votes are needed do not end a round: the others go on.
#[test]
fn who_abandons_is_not_missed_where_a_quorum_is_left() {
    for who in 0..5 {
        let mut plan = plan(140 + u64::from(who), &[Roles::ALL; 5]);
        plan.shamir(3);
        plan.min_contributors(4);
        plan.without(|happening| *happening == Happening::Approve(who));
        plan.script.push((900, Happening::Abandon(who)));
        plan.corrupt.insert(who);
        plan.expect = Expect::Completed((0..5).filter(|&party| party != who).collect());
        let report = run(plan);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.abandoned().len(), 1, "{report:?}");
    }
}
