//! A machine that goes down at any point of a round costs nothing but time, and leaves nothing behind (PROTOCOL 7).
//!
//! Every run is judged by the simulator: nothing signed is contradicted, nothing is sent that was not stored, no secret
//! outlasts its round.
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use std::time::Duration;

use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, CrashPoint, Expect, Happening, Plan, Report, Signing};

const INPUT: Roles = Roles { input: true, compute: false, result: false };
const COMPUTE: Roles = Roles { input: false, compute: true, result: false };
const RESULT: Roles = Roles { input: false, compute: false, result: true };

const POINTS: [CrashPoint; 12] = [
    CrashPoint::Now,
    CrashPoint::BeforeCommit,
    CrashPoint::BeforeGuard,
    CrashPoint::Acting(0),
    CrashPoint::Acting(1),
    CrashPoint::Acting(3),
    CrashPoint::Acting(6),
    CrashPoint::Working(0),
    CrashPoint::Working(1),
    CrashPoint::Working(2),
    CrashPoint::Working(4),
    CrashPoint::Working(40),
];

fn plan(seed: u64, roles: &[Roles]) -> Plan {
    let mut plan = Plan::smooth(seed, roles, 1, vec![column("amount", 0, "-1000", "1000")]);
    // Every step takes ten milliseconds.
    (plan.latency, plan.work) = ((10, 10), (10, 10));
    plan.signing = Signing::KeyedHash;
    // Whose approval was lost approves again.
    let inputs = (0u16..).zip(roles).filter(|(_, roles)| roles.input).map(|(party, _)| party);
    plan.script.extend(inputs.map(|party| (4_000, Happening::Approve(party))));
    plan
}

fn run(plan: Plan) -> Report {
    Cluster::new(plan).run().unwrap_or_else(|violation| panic!("{violation}"))
}

/// One machine goes down at every moment of a round, at every point of what it does then.
fn goes_down_at_every_point(plan: &Plan, party: u16) {
    for at in (0..400).step_by(10).map(|after| 990 + after).chain([5]) {
        for point in POINTS {
            let mut plan = plan.clone();
            plan.script.push((at, Happening::Crash(party, point, 300)));
            run(plan);
        }
    }
}

#[test]
fn a_peer_goes_down_at_every_point() {
    let additive = plan(1, &[Roles::ALL; 3]);
    let mut shamir = plan(2, &[Roles::ALL; 3]);
    shamir.shamir(2);
    for plan in [additive, shamir] {
        (0..3).for_each(|party| goes_down_at_every_point(&plan, party));
    }
}

#[test]
fn every_role_goes_down_at_every_point() {
    let mut plan = plan(3, &[INPUT, INPUT, COMPUTE, COMPUTE, COMPUTE, RESULT]);
    plan.shamir(2);
    for party in [0, 3, 5] {
        goes_down_at_every_point(&plan, party);
    }
}

#[test]
fn all_go_down_together_at_every_point() {
    for at in (0..400).step_by(10).map(|after| 990 + after) {
        for point in POINTS {
            let mut plan = plan(4, &[Roles::ALL; 3]);
            plan.script.extend((0..3).map(|party| (at, Happening::Crash(party, point, 300 + 100 * u64::from(party)))));
            run(plan);
        }
    }
}

#[test]
fn again_and_again() {
    for step in [37, 90, 210] {
        let mut plan = plan(5, &[Roles::ALL; 3]);
        for (number, at) in (1_000..3_000).step_by(step).enumerate() {
            let party = u16::try_from(number % 3).unwrap();
            plan.script.push((at, Happening::Crash(party, POINTS[number % POINTS.len()], 20)));
        }
        plan.script.extend((0..3).map(|party| (6_000, Happening::Approve(party))));
        run(plan);
    }
}

/// The round is given up on its last day: what was kept for a result party that never came goes, wherever the machine does.
#[test]
fn nothing_is_left_of_a_round_whose_last_day_is_over() {
    for point in POINTS {
        let mut plan = plan(6, &[INPUT, INPUT, COMPUTE, COMPUTE, RESULT, RESULT]);
        plan.deadlines(Duration::from_secs(20), Duration::from_secs(60));
        plan.never_comes(5);
        plan.corrupt.insert(5);
        plan.expect = Expect::Ended;
        plan.script.extend([(400, Happening::Propose(0)), (119_000, Happening::Crash(2, point, 3_000))]);
        let report = run(plan);
        assert!(report.parties[4].totals.is_some(), "{report:?}");
    }
}

/// A compute party that was away is told of the round by those that have closed it, and of no share.
#[test]
fn who_comes_back_after_the_others_have_closed_ends_too() {
    for back in [3_000, 30_000, 200_000] {
        let mut plan = plan(7, &[INPUT, INPUT, COMPUTE, COMPUTE, COMPUTE, RESULT]);
        plan.shamir(2);
        plan.script.push((900, Happening::Crash(4, CrashPoint::Now, back)));
        plan.late.insert(4);
        plan.expect = Expect::Promised;
        let report = run(plan);
        assert!(report.parties[5].totals.is_some(), "{report:?}");
    }
}
