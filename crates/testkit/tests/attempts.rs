//! Attempts that fail, and what a party may claim of them: Closes, locks, and an Open that carries them (PROTOCOL 4.3, 4.5).
//!
//! Every run is judged by the simulator: no second certificate, no wrong result, no honest party blamed.
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use std::cell::Cell;
use std::rc::Rc;

use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, Expect, Forger, Outgoing, Parcel, Plan, Report, lies};
use wire::{Body, MessageKind};

/// What the first attempt leaves behind.
#[derive(Clone, Copy, PartialEq)]
enum First {
    /// Its leader keeps its Open back: nobody holds a lock.
    Unopened,
    /// One party keeps its Accept back, and is deaf to those of the others: everybody holds a lock.
    Locked,
}

/// A round of three in which the party that leads `attempt` is corrupt.
fn plan(seed: u64, attempt: u32) -> (Plan, u16) {
    let mut plan = Plan::smooth(seed, &[Roles::ALL; 3], 1, vec![column("amount", 0, "-1000", "1000")]);
    plan.expect = Expect::Ended;
    let corrupt = Cluster::new(plan.clone()).terms().leader(attempt);
    plan.corrupt.insert(corrupt);
    (plan, corrupt)
}

/// Runs a round whose corrupt party spoils the first attempt as told, and says what `change` makes of each of its own
/// messages of that kind in later ones. Tells how often.
fn run(
    first: First,
    seed: u64,
    kind: MessageKind,
    mut change: impl FnMut(&Forger, &Outgoing<'_>, Body) -> Vec<(u16, Parcel)> + 'static,
) -> (Report, u16, u64) {
    let (mut plan, corrupt) = plan(seed, if kind == MessageKind::Open { 2 } else { 1 });
    let silent = Cluster::new(plan.clone()).terms().leader(1);
    if first == First::Unopened {
        // Where all shares are needed, all but one may be corrupt.
        plan.corrupt.insert(silent);
    }
    let hits = Rc::new(Cell::new(0));
    let counted = Rc::clone(&hits);
    let cluster = Cluster::new(plan);
    let forger = Forger::new(cluster.plan(), corrupt, cluster.terms().round());
    let tamper = move |outgoing: &Outgoing<'_>| match (first, outgoing.message()) {
        (First::Unopened, Some((sender, _, Body::Open { attempt: 1, .. }))) if sender == silent => Vec::new(),
        (First::Locked, Some((sender, _, Body::Accept { attempt: 1, .. }))) if sender == corrupt => Vec::new(),
        (_, Some((sender, _, body))) if sender == corrupt && body.kind() == kind => {
            counted.set(counted.get() + 1);
            change(&forger, outgoing, body)
        }
        _ => outgoing.unchanged(),
    };
    let cluster = cluster.tampered(Box::new(tamper)).hearing(Box::new(move |incoming| {
        first == First::Unopened || !matches!(incoming.message(), Some((_, _, Body::Accept { attempt: 1, .. })))
    }));
    match cluster.run() {
        Ok(report) => (report, corrupt, hits.get()),
        Err(violation) => panic!("{kind:?}: {violation}"),
    }
}

fn completed(report: &Report) -> bool {
    report.parties.iter().all(|party| party.totals.is_some())
}

#[test]
fn a_later_attempt_mends_what_the_first_left_behind() {
    for seed in 0..20 {
        for (first, locks) in [(First::Unopened, 0), (First::Locked, 3)] {
            let shown = Rc::new(Cell::new(0));
            let seen = Rc::clone(&shown);
            let (report, ..) = run(first, seed, MessageKind::Open, move |_, outgoing, body| {
                if let Body::Open { attempt: 2, closes, .. } = &body {
                    seen.set(closes.iter().filter(|close| close.lock.is_some()).count());
                }
                outgoing.unchanged()
            });
            assert!(completed(&report), "{report:?}");
            assert!(report.findings.is_empty(), "{:?}", report.findings);
            assert_eq!(shown.get(), locks);
        }
    }
}

/// Says each lie about messages of that kind once, to everybody.
fn every_lie(first: First, kind: MessageKind) {
    let sample = Rc::new(Cell::new(None));
    let kept = Rc::clone(&sample);
    let (_, corrupt, _) = run(first, 1, kind, move |_, outgoing, body| {
        kept.set(Some(body));
        outgoing.unchanged()
    });
    let sample = sample.take().unwrap();
    for number in 0..lies(corrupt, &sample).len() {
        let told = Rc::new(Cell::new(("", false)));
        let telling = Rc::clone(&told);
        let (report, corrupt, hits) = run(first, 1, kind, move |forger, outgoing, body| {
            let lie = lies(outgoing.from, &body).swap_remove(number);
            telling.set((lie.what, lie.provable));
            vec![(outgoing.to, forger.says(None, lie.body))]
        });
        let (what, provable) = told.take();
        assert!(hits > 0, "{kind:?} was never said");
        let named = report.findings.iter().any(|finding| finding.culprit == corrupt);
        assert!(!provable || named, "{kind:?} with a changed {what}: nobody is named");
        // Without its Close no later attempt begins where all have to vote; a later leader does what one did badly.
        assert!(kind == MessageKind::Close || completed(&report), "{kind:?} with a changed {what}: {report:?}");
    }
}

#[test]
fn every_field_of_a_close_without_a_lock_changed_and_signed() {
    every_lie(First::Unopened, MessageKind::Close);
}

#[test]
fn every_field_of_a_close_with_a_lock_changed_and_signed() {
    every_lie(First::Locked, MessageKind::Close);
}

#[test]
fn every_field_of_a_later_open_changed_and_signed() {
    every_lie(First::Unopened, MessageKind::Open);
    every_lie(First::Locked, MessageKind::Open);
}
