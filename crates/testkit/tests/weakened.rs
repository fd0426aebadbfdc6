//! The simulator sees it when a rule is missing: every rule is switched off on its own, and some round breaks a promise.
//!
//! A rule that the round keeps is switched off in the machines of all honest parties; one that the owner of a round keeps, in
//! the simulator. What is broken has to be what the rule is there for.

use std::cell::RefCell;
use std::rc::Rc;

use protocol::round::Rule;
use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, CrashPoint, Expect, Forger, GuardFate, Habit, Happening, Lapse, NEVER, Plan, Tamper};
use wire::message::Votes;
use wire::{Body, Lock, MessageKind, Set, Until};

/// Most rounds at random that it may take.
const ROUNDS: u64 = 1_500;

/// Runs rounds at random, each weakened, until one breaks a promise in one of these words.
fn is_caught(what: &str, words: &[&str], draw: fn(u64) -> Plan, weaken: impl Fn(&mut Plan)) {
    for seed in 0..ROUNDS {
        let mut plan = draw(seed);
        weaken(&mut plan);
        if let Err(violation) = Cluster::new(plan).run() {
            let right = words.iter().any(|words| violation.what.contains(words));
            assert!(right, "{what}: another promise was broken: {violation}");
            return;
        }
    }
    panic!("{what}: {ROUNDS} rounds and nothing broken");
}

fn without(rule: Rule, words: &[&str]) {
    is_caught(&format!("{rule:?}"), words, Plan::random, |plan| plan.off.push(rule));
}

fn lapse(lapse: Lapse, words: &[&str]) {
    is_caught(&format!("{lapse:?}"), words, Plan::random, |plan| plan.lapse = Some(lapse));
}

#[test]
fn accept_without_a_lock() {
    without(Rule::LockBeforeAccept, &["Accept on 1 Readys"]);
}

#[test]
fn a_quorum_of_one_less() {
    without(Rule::FullQuorum, &["Readys", "too few Accepts"]);
}

#[test]
fn close_without_the_lock() {
    without(Rule::LockInClose, &["hides the lock"]);
}

/// Four parties, of whom two reconstruct and three decide. In the first attempt one is down, three are locked, and one of
/// these accepts and tells nobody; so there may be a certificate. It closes with a lock on another set that it made up.
fn with_a_made_up_lock(plan: &mut Plan) -> Cluster {
    plan.shamir(2);
    plan.min_contributors(3);
    plan.blueprint.draft.computations[0].adversary = Some("malicious".into());
    // Every step takes ten milliseconds.
    (plan.latency, plan.work) = ((10, 10), (0, 0));
    plan.expect = Expect::Ended;
    let leader = Cluster::new(plan.clone()).terms().leader(1);
    let (liar, down) = ((leader + 2) % 4, (leader + 3) % 4);
    plan.corrupt.insert(liar);
    plan.script.push((1_055, Happening::Crash(down, CrashPoint::Now, NEVER)));
    let cluster = Cluster::new(plan.clone());
    let forger = Forger::new(plan, liar, cluster.terms().round());
    let opened: Rc<RefCell<Option<Set>>> = Rc::default();
    let heard = Rc::clone(&opened);
    let tamper: Tamper = Box::new(move |outgoing| match outgoing.message() {
        Some((sender, _, Body::Accept { .. })) if sender == liar => Vec::new(),
        Some((sender, _, Body::Close { until: Until::Attempt(1), .. })) if sender == liar => {
            let mut set = opened.borrow().clone().expect("it has heard of the set");
            set.dealings = set.dealings[..3].to_vec().try_into().expect("fewer");
            let lock = Some(Lock { attempt: 2, set, readys: Votes::default() });
            vec![(outgoing.to, forger.says(None, Body::Close { until: Until::Attempt(2), lock }))]
        }
        _ => outgoing.unchanged(),
    });
    cluster.tampered(tamper).hearing(Box::new(move |incoming| {
        match incoming.message() {
            Some((_, _, Body::Open { set, .. })) => *heard.borrow_mut() = Some(set),
            Some((_, _, Body::Accept { .. })) => return false,
            _ => {}
        }
        true
    }))
}

fn four() -> Plan {
    Plan::smooth(7, &[Roles::ALL; 4], 1, vec![column("amount", 0, "-1000", "1000")])
}

#[test]
fn close_with_an_unproven_lock() {
    let report = with_a_made_up_lock(&mut four()).run().expect("no promise is broken while locks are proven");
    assert!(report.findings.iter().any(|finding| finding.kind == Some(MessageKind::Close)), "{report:?}");
    let mut plan = four();
    plan.off.push(Rule::ProvenLock);
    let violation = with_a_made_up_lock(&mut plan).run().expect_err("the next leader opens another set");
    assert!(violation.what.contains("beside another certificate"), "{violation}");
}

#[test]
fn release_before_the_certificate_is_on_disk() {
    without(Rule::CertificateFirst, &["a Partial without a certificate"]);
}

#[test]
fn a_second_dealing_for_one_round() {
    without(Rule::OneDealing, &["contradicts what was signed before"]);
}

#[test]
fn two_opens_of_one_attempt_supported() {
    // Only a liar opens twice.
    let words = &["contradicts what was signed before"];
    is_caught("FirstOpen", words, Plan::random_malicious, |plan| plan.off.push(Rule::FirstOpen));
}

#[test]
fn a_repeated_dealer() {
    let repeats = |off: &[Rule]| {
        let mut plan = four();
        plan.shamir(2);
        plan.min_contributors(3);
        plan.blueprint.draft.computations[0].adversary = Some("malicious".into());
        let leader = Cluster::new(plan.clone()).terms().leader(1);
        plan.corrupt.insert(leader);
        plan.without(|happening| *happening == Happening::Approve((leader + 1) % 4));
        (plan.mischief, plan.habits, plan.off) = (true, vec![Habit::RepeatsADealer], off.to_vec());
        plan.expect = Expect::Result;
        Cluster::new(plan).run()
    };
    let report = repeats(&[]).expect("the next leader's attempt completes");
    assert!(report.findings.iter().any(|finding| finding.reason.contains("contributors that repeat")), "{report:?}");
    let violation = repeats(&[Rule::DistinctDealers]).expect_err("a dealer counts twice");
    assert!(violation.what.contains("a set with dealers"), "{violation}");
}

#[test]
fn open_before_collect_for_is_over() {
    without(Rule::CollectFirst, &["a dealing left out before collect_for"]);
}

#[test]
fn void_by_one_close_too_few() {
    without(Rule::EnoughCloses, &["taken for void without"]);
}

#[test]
fn a_period_dealt_anew_without_the_void_proof() {
    lapse(Lapse::VoidProof, &["is dealt anew", "is void, and there is a certificate"]);
}

#[test]
fn the_guard_ignored() {
    lapse(Lapse::GuardIgnored, &["contradicts what was signed before", "after a Close", "after Abandon", "is blamed"]);
}

/// A store is copied before its party deals, and put back twice after that: the second time nobody is there to tell it what
/// it signed when its operator approves again.
fn put_back_twice() -> Plan {
    let mut plan = Plan::trio(8);
    plan.without(|happening| matches!(happening, Happening::Approve(0)));
    plan.script.extend([(900, Happening::Copy(2)), (3_000, Happening::Restore(2, 0, GuardFate::Kept))]);
    plan.script.extend([(5_000, Happening::Restore(2, 0, GuardFate::Kept)), (6_000, Happening::Approve(2))]);
    for other in [0, 1] {
        plan.script.extend([(4_900, Happening::Down(other, 2)), (8_000, Happening::Up(other, 2))]);
    }
    plan.expect = Expect::Ended;
    plan
}

#[test]
fn the_guard_lowered_after_a_recovery() {
    let report = Cluster::new(put_back_twice()).run().expect("no promise is broken while the guard stands");
    assert!(report.parties[2].abstains, "{report:?}");
    let mut plan = put_back_twice();
    plan.lapse = Some(Lapse::GuardFalls);
    let violation = Cluster::new(plan).run().expect_err("the second time nobody notices");
    assert!(violation.what.contains("contradicts what was signed before"), "{violation}");
}
