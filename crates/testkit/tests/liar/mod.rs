//! What tests of malicious rounds share: small consortia with one liar, and how it lies.
#![allow(dead_code)] // No test uses all of it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use protocol::agreement::RowsDraft;
use testkit::consortium::{Roles, column};
use testkit::sim::{Cheat, Cluster, Expect, Forger, Outgoing, Parcel, Plan, Report, Signing, cheating};
use wire::Body;
use wire::dossier::FaultKind;

pub(crate) const LIAR: u16 = 1;

/// A malicious round of three cells with one liar. Every step takes ten milliseconds.
pub(crate) fn plan(seed: u64, roles: &[Roles]) -> Plan {
    let mut plan = Plan::smooth(seed, roles, 3, vec![column("amount", 0, "-8", "7")]);
    plan.malicious();
    (plan.latency, plan.work) = ((10, 10), (10, 10));
    plan.signing = Signing::KeyedHash;
    plan.corrupt.insert(LIAR);
    plan.expect = Expect::Ended;
    plan
}

/// Two of four reconstruct, three of four contribute at least: n ≥ 3t + 1.
pub(crate) fn four(seed: u64) -> Plan {
    let mut plan = plan(seed, &[Roles::ALL; 4]);
    plan.shamir(2);
    plan.min_contributors(3);
    plan.expect = Expect::Result;
    plan
}

/// Three of seven reconstruct, five of seven contribute at least: n ≥ 3t + 1.
pub(crate) fn seven(seed: u64) -> Plan {
    let mut plan = plan(seed, &[Roles::ALL; 7]);
    plan.shamir(3);
    plan.min_contributors(5);
    plan.corrupt.insert(5);
    plan.expect = Expect::Result;
    plan
}

/// All three reconstruct, and all have to contribute.
pub(crate) fn three(seed: u64) -> Plan {
    plan(seed, &[Roles::ALL; 3])
}

/// Input parties that hold nothing, compute parties that contribute nothing, and one that learns the sum. The last input party
/// lies.
pub(crate) fn delegated(seed: u64, computes: usize) -> Plan {
    let [input, compute, result] =
        [0, 1, 2].map(|role| Roles { input: role == 0, compute: role == 1, result: role == 2 });
    let mut plan = plan(seed, &[vec![input; 5], vec![compute; computes], vec![result]].concat());
    plan.shamir(2);
    plan.min_contributors(4);
    plan.corrupt = [4].into();
    plan.expect = Expect::Result;
    plan
}

/// The same round of one cell, for tests that run many of them.
pub(crate) fn one_cell(mut plan: Plan) -> Plan {
    plan.blueprint.draft.computations[0].rows = Some(RowsDraft::Count(1));
    plan.inputs.iter_mut().for_each(|input| input.truncate(1));
    plan
}

pub(crate) fn honest(plan: &Plan) -> Vec<u16> {
    (0..plan.parties()).filter(|party| !plan.corrupt.contains(party)).collect()
}

pub(crate) fn run(cluster: Cluster) -> Report {
    cluster.run().unwrap_or_else(|violation| panic!("{violation}"))
}

/// The cluster of a plan whose liars deal in that way.
pub(crate) fn cheats(plan: Plan, cheat: Cheat) -> Cluster {
    let cluster = Cluster::new(plan);
    let (terms, round) = (cluster.terms().clone(), cluster.terms().round());
    let key = cluster.plan().clone();
    cluster
        .meddled(Box::new(move |working| cheat.meddle(working)))
        .tampered(Box::new(move |outgoing| cheating(cheat, &terms, &Forger::new(&key, outgoing.from, round), outgoing)))
}

/// The cluster of a plan in which `change` makes something else of what the liar says.
pub(crate) fn says(
    plan: Plan,
    liar: u16,
    mut change: impl FnMut(&Forger, &Outgoing<'_>, Option<u16>, Body) -> Option<Vec<(u16, Parcel)>> + 'static,
) -> Cluster {
    let cluster = Cluster::new(plan);
    let forger = Forger::new(cluster.plan(), liar, cluster.terms().round());
    cluster.tampered(Box::new(move |outgoing| match outgoing.message() {
        Some((sender, recipient, body)) if sender == liar && outgoing.from == liar => {
            change(&forger, outgoing, recipient, body).unwrap_or_else(|| outgoing.unchanged())
        }
        _ => outgoing.unchanged(),
    }))
}

/// What a party under an adversary hears, by sender.
pub(crate) type Heard = Rc<RefCell<Vec<(u16, Parcel)>>>;

/// Lets the adversary keep what its parties hear.
pub(crate) fn listening(cluster: Cluster, heard: &Heard) -> Cluster {
    let heard = Rc::clone(heard);
    cluster.hearing(Box::new(move |incoming| {
        heard.borrow_mut().push((incoming.from, incoming.parcel.clone()));
        true
    }))
}

/// Every honest party that holds dealings has proof of that, and of nothing else.
pub(crate) fn proven(report: &Report, plan: &Plan, culprit: u16, kind: FaultKind) {
    assert!(report.all_prove(honest(plan), culprit, kind), "{kind:?} of p{culprit}: {:?}", report.proven_by);
    let only = |(of, what): &(u16, FaultKind)| *of == culprit && *what == kind;
    assert!(report.proven.iter().all(only), "{:?}", report.proven);
}

/// Every honest result party has the result.
pub(crate) fn learned(report: &Report, plan: &Plan) {
    let roles = plan.roles();
    for party in honest(plan).into_iter().map(usize::from).filter(|party| roles[*party].result) {
        assert!(report.parties[party].totals.is_some(), "p{party}: {report:?}");
    }
}

pub(crate) fn contributors(report: &Report) -> BTreeSet<u16> {
    report.contributors().into_iter().flatten().collect()
}
