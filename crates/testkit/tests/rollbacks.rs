//! A store that is put back to an older copy: the party recovers before it signs, and abstains where it had signed and forgot;
//! where its guard is as old, it learns from the others (PROTOCOL 7).
//!
//! Every run is judged by the simulator: nobody contradicts what others hold, no second certificate, no honest party blamed.

use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, CrashPoint, Expect, GuardFate, Happening, Plan, Report, Signing};

const INPUT: Roles = Roles { input: true, compute: false, result: false };
const COMPUTE: Roles = Roles { input: false, compute: true, result: false };
const RESULT: Roles = Roles { input: false, compute: false, result: true };

fn plan(seed: u64, roles: &[Roles]) -> Plan {
    let mut plan = Plan::smooth(seed, roles, 1, vec![column("amount", 0, "-1000", "1000")]);
    // Every step takes ten milliseconds.
    (plan.latency, plan.work) = ((10, 10), (10, 10));
    plan.signing = Signing::KeyedHash;
    plan.expect = Expect::Promised;
    plan
}

fn run(plan: Plan) -> Report {
    Cluster::new(plan).run().unwrap_or_else(|violation| panic!("{violation}"))
}

/// Every older copy of a party's store, put back at every later moment of the round.
fn every_copy(plan: &Plan, party: u16, fate: GuardFate, abstains: bool) {
    let moments: Vec<u64> = (900..1_300).step_by(20).collect();
    let mut abstained = 0;
    for (number, &copied) in moments.iter().enumerate() {
        for &back in &moments[number + 1..] {
            let mut plan = plan.clone();
            plan.script.extend([(copied, Happening::Copy(party)), (back, Happening::Restore(party, 0, fate))]);
            plan.script.push((5_000, Happening::Approve(party)));
            let report = run(plan);
            abstained += u32::from(report.parties[usize::from(party)].abstains);
        }
    }
    assert!(!abstains || abstained > 50, "p{party}, {fate:?}: {abstained}");
}

#[test]
fn every_copy_without_its_guard() {
    let peers = plan(1, &[Roles::ALL; 3]);
    let mut delegated = plan(2, &[INPUT, INPUT, COMPUTE, COMPUTE, COMPUTE, RESULT]);
    delegated.shamir(2);
    for fate in [GuardFate::Kept, GuardFate::Lost] {
        every_copy(&peers, 1, fate, true);
        every_copy(&delegated, 3, fate, true);
        // Who computes nothing asks the compute parties.
        every_copy(&delegated, 0, fate, false);
    }
}

/// With its guard it does not notice, and counts as corrupt: there may be one.
#[test]
fn every_copy_with_its_guard() {
    let mut plan = plan(3, &[Roles::ALL; 4]);
    plan.shamir(2);
    plan.min_contributors(3);
    plan.blueprint.draft.computations[0].adversary = Some("malicious".into());
    every_copy(&plan, 2, GuardFate::Older, true);
}

/// It recovers from a peer that recovers itself: nobody has a guard any more.
#[test]
fn all_without_their_guards_at_once() {
    for at in (900..1_300).step_by(20) {
        let mut plan = plan(4, &[Roles::ALL; 3]);
        for party in 0..3 {
            plan.script.push((at, Happening::Copy(party)));
            plan.script.push((at + u64::from(party), Happening::Restore(party, 0, GuardFate::Lost)));
            plan.script.push((5_000, Happening::Approve(party)));
        }
        // Nothing was signed since the copies were made, so nobody abstains and the round completes.
        let report = run(plan);
        assert!(report.parties.iter().all(|party| party.totals.is_some() || party.abstains), "{report:?}");
    }
}

/// A Receipt is known to other compute parties only as a vote: who is put back before it learns from that.
#[test]
fn a_forgotten_receipt_is_recognised_within_the_messages_of_others() {
    // It receipts after 1 050; the copy is older and put back before anything else of its own could be shown.
    let mut plan = plan(5, &[INPUT, INPUT, COMPUTE, COMPUTE, COMPUTE, COMPUTE, RESULT]);
    plan.shamir(2);
    plan.without(|happening| *happening == Happening::Approve(1));
    plan.script.push((8_000, Happening::Approve(1)));
    plan.script.extend([(900, Happening::Copy(3)), (3_000, Happening::Restore(3, 0, GuardFate::Kept))]);
    // Its dealers are away when it asks.
    for dealer in [0, 1] {
        plan.script.extend([(2_900, Happening::Down(dealer, 3)), (20_000, Happening::Up(dealer, 3))]);
    }
    let report = run(plan);
    assert!(report.parties[3].abstains, "{report:?}");
    assert!(report.parties[6].totals.is_some(), "{report:?}");
}

/// Two copies of one store hold two dealings, of which one was never sent. The other parties see no contradiction.
#[test]
fn a_copy_with_a_dealing_that_was_never_sent_stays_silent() {
    let mut plan = plan(6, &[Roles::ALL; 3]);
    plan.without(|happening| *happening == Happening::Approve(0));
    plan.script.extend([
        (900, Happening::Copy(2)),
        // The first dealing is committed, and nothing of it is sent.
        (990, Happening::Crash(2, CrashPoint::Acting(0), 500)),
        (1_400, Happening::Copy(2)),
        (1_450, Happening::Restore(2, 0, GuardFate::Kept)),
        // The second one is.
        (3_000, Happening::Approve(2)),
        (5_000, Happening::Restore(2, 1, GuardFate::Kept)),
    ]);
    let report = run(plan);
    assert!(report.parties[2].abstains, "{report:?}");
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}
