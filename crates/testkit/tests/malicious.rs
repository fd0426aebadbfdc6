//! Rounds that stand against parties that do as they please (PROTOCOL 5): where all are honest, whatever their roles, and whatever
//! their machines do.

mod liar;

use std::time::Duration;

use liar::{LIAR, contributors, delegated, four, honest, learned, proven, run};
use testkit::consortium::{Roles, column};
use testkit::sim::{Cheat, Cluster, CrashPoint, Expect, GuardFate, Happening, NEVER, Plan, SumLie};
use wire::dossier::FaultKind;
use wire::{Body, Until};

fn plan(seed: u64, parties: usize) -> Plan {
    let columns = vec![column("amount", 0, "-1000", "1000"), column("heads", 0, "0", "9")];
    let mut plan = Plan::smooth(seed, &vec![Roles::ALL; parties], 3, columns);
    plan.malicious();
    plan
}

#[test]
fn honest_rounds_complete_with_both_schemes() {
    for seed in 0..4 {
        let report = Cluster::new(plan(seed, 3)).run().unwrap_or_else(|violation| panic!("{violation}"));
        assert!(report.findings.is_empty() && report.proven.is_empty(), "{report:?}");
        let mut threshold = plan(seed, 4);
        threshold.shamir(2);
        let report = Cluster::new(threshold).run().unwrap_or_else(|violation| panic!("{violation}"));
        assert!(report.findings.is_empty() && report.proven.is_empty(), "{report:?}");
    }
}

/// Who contributes holds nothing, and who holds shares contributes nothing and learns nothing.
#[test]
fn delegated_rounds_complete() {
    for computes in [3, 4] {
        let mut plan = delegated(10, computes);
        plan.corrupt.clear();
        plan.expect = Expect::Completed((0..5).collect());
        let report = run(Cluster::new(plan));
        assert!(report.findings.is_empty() && report.proven.is_empty(), "{report:?}");
    }
}

/// A dealer without any other role, and a compute party without any other role, lie.
#[test]
fn liars_of_every_role_are_proven_in_delegated_rounds() {
    let plan = delegated(11, 4);
    let (holders, result) = (5..9, plan.parties() - 1);
    for cheat in [Cheat::SwappedCells, Cheat::Share(2)] {
        let report = run(liar::cheats(plan.clone(), cheat));
        let kind = if cheat == Cheat::SwappedCells { FaultKind::BadCommitments } else { FaultKind::BadShare };
        assert!(report.all_prove(holders.clone().chain([result]), 4, kind), "{cheat:?}: {:?}", report.proven_by);
        learned(&report, &plan);
    }
    let mut plan = delegated(12, 4);
    plan.corrupt = [6].into();
    let report = run(Cluster::new(plan.clone()).meddled(Box::new(|working| SumLie::OneMore.meddle(working))));
    assert!(report.all_prove([result], 6, FaultKind::BadPartial), "{:?}", report.proven_by);
    assert_eq!(contributors(&report), (0..5).collect());
    learned(&report, &plan);
}

/// An honest machine goes down: in the midst of a proof, between a check and its Receipt, while it opens. It goes on.
#[test]
fn machines_that_go_down_at_any_point_go_on() {
    let points = (0..10).map(CrashPoint::Working).chain([
        CrashPoint::BeforeCommit,
        CrashPoint::BeforeGuard,
        CrashPoint::Acting(0),
        CrashPoint::Acting(3),
    ]);
    for (seed, point) in (100..).zip(points) {
        for at in [990, 1_015, 1_035, 1_055, 1_075, 1_095, 1_135] {
            let mut plan = four(seed);
            plan.corrupt.clear();
            plan.expect = Expect::Completed((0..4).collect());
            plan.script.push((at, Happening::Crash(2, point, 500)));
            // A machine that goes down in its first job takes the approval with it.
            plan.script.push((9_000, Happening::Approve(2)));
            let report = run(Cluster::new(plan));
            assert!(report.findings.is_empty() && report.proven.is_empty(), "{point:?} at {at}: {report:?}");
        }
    }
}

/// Evidence outlasts the machine that found it, and so does what follows from it.
#[test]
fn a_dealer_stays_named_after_restarts_of_whoever_named_it() {
    for (seed, cheat) in (200..).zip([Cheat::LastProofByte, Cheat::Share(2), Cheat::IdentityCoefficient]) {
        for (number, at) in (0..).zip([1_035, 1_055, 1_075, 1_095, 1_115, 1_500, 15_000]) {
            let mut plan = four(seed + 10 * number);
            for party in [0, 2] {
                plan.script.push((at, Happening::Crash(party, CrashPoint::Now, 700)));
            }
            let report = run(liar::cheats(plan.clone(), cheat));
            let kind = if cheat == Cheat::LastProofByte { FaultKind::BadCommitments } else { FaultKind::BadShare };
            proven(&report, &plan, LIAR, kind);
            learned(&report, &plan);
        }
    }
}

/// What a party has found of a liar's votes it holds against the liar's dealing after a restart too.
#[test]
fn who_has_hidden_a_lock_gets_no_receipt_after_a_restart() {
    let mut plan = four(250);
    plan.without(|happening| *happening == Happening::Approve(LIAR));
    plan.script.extend([(2_000, Happening::Crash(0, CrashPoint::Now, 500)), (3_000, Happening::Approve(LIAR))]);
    let report = run(liar::says(plan.clone(), LIAR, |forger, outgoing, _, body| {
        if outgoing.to != 0 || !matches!(body, Body::Propose { .. }) || outgoing.now.0 > 1_000 {
            return None;
        }
        let accept = forger.says(None, Body::Accept { attempt: 1, set: wire::SetDigest([7; 32]) });
        let close = forger.says(None, Body::Close { until: Until::Attempt(1), lock: None });
        Some(vec![(0, outgoing.parcel.clone()), (0, accept), (0, close)])
    }));
    assert!(report.proven_by[&0].contains(&(LIAR, FaultKind::HiddenLock)), "{:?}", report.proven_by);
    learned(&report, &plan);
}

/// The result party goes down while wrong partial sums come in, and while it opens.
#[test]
fn a_result_party_that_goes_down_names_wrong_partial_sums_and_has_its_result() {
    let certified = run(Cluster::new(four(300)).meddled(Box::new(|w| SumLie::OneMore.meddle(w)))).certified_at;
    let certified = certified.expect("it completes").0;
    for later in (0..160).step_by(15) {
        let mut plan = four(300);
        plan.script.push((certified + later, Happening::Crash(2, CrashPoint::Now, 900)));
        let report = run(Cluster::new(plan.clone()).meddled(Box::new(|w| SumLie::OneMore.meddle(w))));
        proven(&report, &plan, LIAR, FaultKind::BadPartial);
        learned(&report, &plan);
    }
}

/// A store is put back to an older copy in a malicious round. Its party signs nothing that contradicts what it has signed.
#[test]
fn a_party_that_is_rolled_back_contradicts_nothing() {
    for (seed, at) in (400..).zip([1_030, 1_050, 1_070, 1_090, 1_110, 1_130]) {
        let mut plan = four(seed);
        plan.corrupt.clear();
        plan.expect = Expect::Ended;
        plan.deadlines(Duration::from_secs(5), Duration::from_secs(60));
        plan.script.push((at, Happening::Copy(2)));
        plan.script.push((at + 150, Happening::Restore(2, 0, GuardFate::Kept)));
        let report = run(Cluster::new(plan));
        assert!(report.findings.is_empty() && report.proven.is_empty(), "{report:?}");
        let learned = (0..4).filter(|party| report.parties[*party].totals.is_some()).count();
        assert!(learned >= 3, "at {at}: {report:?}");
    }
}

/// A liar and a machine that is down for good are one more than t: nothing is promised, and nothing is wrong.
#[test]
fn a_liar_beside_a_machine_that_is_gone_makes_no_wrong_sum() {
    for (seed, lie) in (500..).zip(SumLie::ALL) {
        let mut plan = four(seed);
        plan.expect = Expect::Ended;
        plan.script.push((1_100, Happening::Crash(3, CrashPoint::Now, NEVER)));
        let report = run(Cluster::new(plan.clone()).meddled(Box::new(move |working| lie.meddle(working))));
        assert!(report.proven.iter().all(|(culprit, _)| honest(&plan).iter().all(|party| party != culprit)));
    }
}
