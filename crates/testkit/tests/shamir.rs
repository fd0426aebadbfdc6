//! Rounds by Shamir's scheme: any k of n holders give the result, more check one another, in every deployment (PROTOCOL 2,
//! 4.6, 4.7).
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, Plan, Report};

const INPUT: Roles = Roles { input: true, compute: false, result: false };
const COMPUTE: Roles = Roles { input: false, compute: true, result: false };
const RESULT: Roles = Roles { input: false, compute: false, result: true };

fn run(plan: Plan) -> Report {
    Cluster::new(plan).run().unwrap_or_else(|violation| panic!("{violation}"))
}

fn plan(seed: u64, roles: &[Roles], threshold: u16, rows: u32) -> Plan {
    let mut plan = Plan::smooth(seed, roles, rows, vec![column("amount", 0, "-1000", "1000")]);
    plan.shamir(threshold);
    plan
}

fn smooth(report: &Report) {
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert!(report.parties.iter().all(|party| party.closed));
}

#[test]
fn any_threshold_of_peers() {
    for (seed, (n, k)) in (0..).zip((3..=5usize).flat_map(|n| (2..=n).map(move |k| (n, k)))) {
        let report = run(plan(seed, &vec![Roles::ALL; n], u16::try_from(k).unwrap(), 3));
        smooth(&report);
        assert!(report.parties.iter().all(|party| party.totals.is_some()), "{k} of {n}");
    }
}

#[test]
fn five_delegate_to_three_and_a_regulator_learns_the_sum() {
    let roles = [[INPUT; 5].as_slice(), &[COMPUTE; 3], &[RESULT]].concat();
    for (seed, k) in [(20, 2), (21, 3)] {
        let report = run(plan(seed, &roles, k, 2));
        smooth(&report);
        let learned: Vec<usize> = (0..9).filter(|&p| report.parties[p].totals.is_some()).collect();
        assert_eq!(learned, [8]);
    }
}
