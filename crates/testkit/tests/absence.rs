//! Parties that do not come, decline, or bring bad input: the round goes on without them or says whom it waited for
//! (PROTOCOL 4.1, 4.3, 4.8).

use std::time::Duration;

use protocol::round::{Ended, Millis};
use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, Expect, Happening, Plan, Report};

fn run(plan: Plan) -> Report {
    Cluster::new(plan).run().unwrap_or_else(|violation| panic!("{violation}"))
}

fn four(seed: u64) -> Plan {
    Plan::smooth(seed, &[Roles::ALL; 4], 3, vec![column("amount", 2, "-10.00", "10.00")])
}

#[test]
fn a_smooth_round_ends_before_its_deadlines() {
    let report = run(Plan::trio(1));
    assert!(report.ended_at < Millis(5_000), "{:?}", report.ended_at);
    assert!(report.findings.is_empty());
    assert!(report.parties.iter().all(|party| party.closed && party.totals.is_some()));
}

#[test]
fn one_party_that_never_comes_is_named_with_the_message_by_all() {
    for absent in 0..4u16 {
        let mut plan = four(u64::from(absent));
        plan.deadlines(Duration::from_secs(20), Duration::from_secs(60));
        plan.never_comes(absent);
        let report = run(plan);
        let abandoned = report.abandoned();
        assert_eq!(abandoned.len(), 3, "{report:?}");
        for (party, reason) in abandoned {
            assert_ne!(party, absent);
            assert!(reason.contains("given up after 60 s"), "{reason}");
            assert!(reason.contains(&format!("Deal from p{absent}")), "{reason}");
            let others = (0..4).filter(|&p| p != absent);
            others.for_each(|p| assert!(!reason.contains(&format!("Deal from p{p}")), "{reason}"));
        }
        assert_eq!(report.certified, None);
        // Each by its own deadline, from when it first learned of the round.
        assert!(report.ended_at >= Millis(60_000) && report.ended_at < Millis(62_000), "{:?}", report.ended_at);
        assert_eq!(report.parties[usize::from(absent)].ended, None);
    }
}

#[test]
fn who_declines_is_left_out_after_collect_for_where_the_agreement_allows() {
    for decliner in 0..4u16 {
        let mut plan = four(10 + u64::from(decliner));
        plan.min_contributors(3);
        plan.without(|h| *h == Happening::Approve(decliner));
        plan.script.push((2_000, Happening::Decline(decliner)));
        plan.expect = Expect::Completed((0..4).filter(|&p| p != decliner).collect());
        let report = run(plan);
        // Not before the first party's collect_for of 20 s is over, and soon after the last one's.
        assert!(report.ended_at > Millis(20_000), "{:?}", report.ended_at);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        // Who declined helps with its shares and learns the result as agreed.
        assert!(report.parties[usize::from(decliner)].totals.is_some());
    }
}

#[test]
fn who_is_not_there_at_all_stalls_an_additive_round_whatever_the_least() {
    let mut plan = four(20);
    plan.min_contributors(3);
    plan.never_comes(2);
    let report = run(plan);
    assert_eq!(report.abandoned().len(), 3);
}

#[test]
fn without_enough_contributors_the_round_is_given_up() {
    let mut plan = four(30);
    plan.without(|h| *h == Happening::Approve(1));
    plan.script.push((2_000, Happening::Decline(1)));
    // Whoever gives up first says whom it waited for, and the others say who that was.
    plan.expect = Expect::Abandoned(vec!["p1".into()]);
    let report = run(plan);
    assert_eq!(report.abandoned().len(), 4, "{report:?}");
}

#[test]
fn who_hears_only_from_others_that_a_round_cannot_end_says_the_reason_too() {
    // p0 learns of the round first, so it gives up first, and it has no link with p3. The others, who give up because it
    // did, tell p3.
    let mut plan = four(31);
    plan.deadlines(Duration::from_secs(10), Duration::from_secs(30));
    plan.without(|h| matches!(h, Happening::Up(0, _) | Happening::Up(_, 3) | Happening::Approve(1..=3)));
    plan.script.extend([(2_000, Happening::Up(0, 1)), (2_000, Happening::Up(0, 2))]);
    plan.script.extend([(5_000, Happening::Up(1, 3)), (5_000, Happening::Up(2, 3))]);
    plan.expect = Expect::Abandoned(vec!["waited for Deal from p1".into()]);
    let report = run(plan);
    let told =
        report.abandoned().iter().any(|(party, reason)| *party == 3 && reason.contains("has given it up (p0 has"));
    assert!(told, "{:?}", report.abandoned());
}

#[test]
fn declining_is_not_for_good() {
    let mut plan = Plan::trio(40);
    plan.without(|h| *h == Happening::Approve(2));
    plan.script.push((1_000, Happening::Decline(2)));
    plan.script.push((6_000, Happening::Approve(2)));
    let report = run(plan);
    assert!(report.ended_at > Millis(6_000) && report.ended_at < Millis(10_000));
}

#[test]
fn a_policy_does_not_overrule_a_person_who_declined() {
    let mut plan = Plan::trio(41);
    plan.without(|h| *h == Happening::Approve(2));
    plan.script.push((1_000, Happening::Decline(2)));
    plan.script.push((6_000, Happening::AutoApprove(2)));
    plan.expect = Expect::Abandoned(vec!["from p2".into()]);
    run(plan);
}

#[test]
fn bad_input_is_refused_and_may_be_mended() {
    let mut plan = Plan::trio(50);
    plan.spoilt.insert(1);
    plan.script.push((5_000, Happening::Mend(1)));
    plan.script.push((5_001, Happening::Approve(1)));
    run(plan);

    let mut plan = Plan::trio(51);
    plan.spoilt.insert(1);
    plan.expect = Expect::Abandoned(vec!["from p1".into()]);
    run(plan);
}

#[test]
fn policy_approves_only_while_dealings_are_collected() {
    let mut plan = Plan::trio(60);
    plan.without(|h| *h == Happening::Approve(1));
    plan.script.push((25_000, Happening::AutoApprove(1)));
    plan.expect = Expect::Abandoned(vec!["from p1".into()]);
    run(plan);

    let mut plan = Plan::trio(61);
    plan.without(|h| *h == Happening::Approve(1));
    plan.script.push((25_000, Happening::Approve(1)));
    run(plan);
}

#[test]
fn who_comes_back_after_the_others_gave_up_ends_too() {
    let mut plan = Plan::trio(70);
    plan.deadlines(Duration::from_secs(10), Duration::from_secs(30));
    // p2 joins, then loses every link until the others have given up.
    plan.without(|h| *h == Happening::Approve(2));
    for other in [0, 1] {
        plan.script.push((500, Happening::Down(other, 2)));
        plan.script.push((100_000, Happening::Up(other, 2)));
    }
    plan.expect = Expect::Abandoned(Vec::new());
    let report = run(plan);
    assert_eq!(report.abandoned().len(), 3);
}

#[test]
fn a_break_at_any_moment_costs_only_a_resend() {
    // A link breaks at each of many moments of a round, and comes back two seconds later.
    for moment in (0..600).step_by(7) {
        let mut plan = Plan::trio(80);
        plan.latency = (5, 40);
        let (a, b) = [(0, 1), (0, 2), (1, 2)][usize::try_from(moment).unwrap() % 3];
        plan.script.push((1_000 + moment, Happening::Down(a, b)));
        plan.script.push((3_000 + moment, Happening::Up(a, b)));
        let report = run(plan);
        assert!(report.ended_at < Millis(8_000), "moment {moment}: {:?}", report.ended_at);
    }
}

#[test]
fn large_tables_stream_in_chunks_and_survive_breaks() {
    // 17 chunks: more than two windows.
    for breaks in [false, true] {
        let columns = vec![column("amount", 0, "-5", "1000000000000000000")];
        let mut plan = Plan::smooth(90, &[Roles::ALL; 3], 17 * 65_536 - 5, columns);
        if breaks {
            for at in [1_120u64, 1_300, 1_500, 1_700, 2_000] {
                plan.script.push((at, Happening::Down(0, 1)));
                plan.script.push((at + 40, Happening::Up(0, 1)));
            }
        }
        let report = run(plan);
        let rows = usize::try_from(17 * 65_536 - 5).unwrap();
        assert!(report.parties.iter().all(|party| party.totals.as_ref().is_some_and(|t| t.len() == rows)));
    }
}

#[test]
fn bounds_of_the_wide_field_sum_exactly_at_seven_parties() {
    let edge = "2000000000000000000";
    let columns = vec![column("amount", 0, &format!("-{edge}"), edge)];
    let mut plan = Plan::smooth(95, &[Roles::ALL; 7], 1, columns);
    let edge: i128 = edge.parse().unwrap();
    for (party, input) in plan.inputs.iter_mut().enumerate() {
        *input = vec![if party == 3 { -edge } else { edge }];
    }
    let report = run(plan);
    assert!(report.parties.iter().all(|party| party.totals == Some(vec![5 * edge])));
    assert!(matches!(report.parties[0].ended, Some(Ended::Completed { result: Some(_) })));
}
