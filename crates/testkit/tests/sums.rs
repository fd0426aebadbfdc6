//! Partial sums that are wrong in malicious rounds: the commitments fix every one of them, so their senders are named and the
//! result is exact from others (PROTOCOL 4.7, 5.3).

mod liar;

use std::collections::BTreeSet;

use liar::{LIAR, contributors, four, honest, learned, proven, run, says, seven, three};
use protocol::round::Ended;
use testkit::sim::{Cluster, Expect, Parcel, Plan, SumLie, announced};
use wire::dossier::FaultKind;
use wire::link::BulkKind;
use wire::{Body, MessageKind};
use zeroize::Zeroizing;

fn sums_wrongly(plan: Plan, lie: SumLie) -> Cluster {
    Cluster::new(plan).meddled(Box::new(move |working| lie.meddle(working)))
}

#[test]
fn a_wrong_partial_sum_names_its_sender_and_the_result_is_exact_from_others() {
    for (seed, lie) in (0..).zip(SumLie::ALL) {
        let plan = four(seed);
        let report = run(sums_wrongly(plan.clone(), lie));
        proven(&report, &plan, LIAR, FaultKind::BadPartial);
        assert_eq!(contributors(&report), (0..4).collect());
        learned(&report, &plan);
    }
}

#[test]
fn two_of_seven_wrong_partial_sums_are_both_named() {
    for (seed, lie) in (10..).zip([SumLie::OneMore, SumLie::Blinding]) {
        let plan = seven(seed);
        let report = run(sums_wrongly(plan.clone(), lie));
        for liar in &plan.corrupt {
            assert!(report.all_prove(honest(&plan), *liar, FaultKind::BadPartial), "{:?}", report.proven_by);
        }
        learned(&report, &plan);
    }
}

/// Where all shares are needed there is no result without the liar, and everybody knows whose fault it is.
#[test]
fn where_all_are_needed_a_wrong_partial_sum_withholds_the_result_and_names_its_sender() {
    for (seed, lie) in (20..).zip(SumLie::ALL) {
        let plan = three(seed);
        let report = run(sums_wrongly(plan.clone(), lie));
        proven(&report, &plan, LIAR, FaultKind::BadPartial);
        for party in honest(&plan) {
            let standing = &report.parties[usize::from(party)];
            assert_eq!(standing.totals, None);
            let Some(Ended::Abandoned { reason }) = &standing.ended else { panic!("{standing:?}") };
            assert!(reason.contains("p1"), "{reason}");
        }
    }
}

/// Elements that are not those announced prove nothing to others: they are noted, and not used.
#[test]
fn elements_that_were_not_announced_are_noted_and_the_result_is_exact_from_others() {
    for (seed, how) in (30..).zip(["one more", "no element", "shorter", "longer", "another index", "none"]) {
        let plan = four(seed);
        let report =
            run(Cluster::new(plan.clone()).tampered(Box::new(move |outgoing| match outgoing.parcel.clone() {
                Parcel::Chunk { object, index, elements } if object.kind == BulkKind::Partial => {
                    let (mut bytes, mut at) = (elements.to_vec(), index);
                    match how {
                        "one more" => bytes = SumLie::OneMore.changed(&bytes),
                        "no element" => bytes.fill(0xFF),
                        "shorter" => drop(bytes.pop()),
                        "longer" => bytes.push(0),
                        "another index" => at += 9,
                        _ => return Vec::new(),
                    }
                    vec![(outgoing.to, Parcel::Chunk { object, index: at, elements: Zeroizing::new(bytes) })]
                }
                _ => outgoing.unchanged(),
            })));
        assert!(report.proven.is_empty(), "{how}: {:?}", report.proven);
        let noted: BTreeSet<u16> = report.findings.iter().filter(|f| f.culprit == LIAR).map(|f| f.by).collect();
        assert!(how == "none" || noted == honest(&plan).into_iter().collect(), "{how}: {:?}", report.findings);
        learned(&report, &plan);
    }
}

/// PROTOCOL 4.7: two different ones of one sender are equivocation: it is named, none of them is used.
#[test]
fn two_partial_sums_name_their_sender_and_none_is_used() {
    for (seed, first) in (40..).zip([true, false]) {
        let plan = four(seed);
        let report = run(says(plan.clone(), LIAR, move |forger, outgoing, recipient, body| {
            let Body::Partial { set, .. } = body else { return None };
            let other = (outgoing.to, forger.says(recipient, Body::Partial { set, digest: [7; 32] }));
            let good = (outgoing.to, outgoing.parcel.clone());
            Some(if first { vec![other, good] } else { vec![good, other] })
        }));
        proven(&report, &plan, LIAR, FaultKind::Equivocation);
        learned(&report, &plan);
    }
}

/// One result party gets a good one and another one a wrong one, each with the elements that were announced to it.
#[test]
fn a_wrong_partial_sum_to_one_result_party_alone_is_proven_there() {
    let plan = four(50);
    let cluster = Cluster::new(plan.clone());
    let (terms, round) = (cluster.terms().clone(), cluster.terms().round());
    let forger = testkit::sim::Forger::new(&plan, LIAR, round);
    // The header comes before the elements, so they are kept when they are summed.
    let kept = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let summed = std::rc::Rc::clone(&kept);
    let cluster = cluster.meddled(Box::new(move |working| {
        if let (protocol::round::Done::Summed(Ok(_)), Some(elements)) =
            (&*working.done, working.place.elements(protocol::round::Object::Partial))
        {
            *summed.borrow_mut() = SumLie::OneMore.changed(elements);
        }
    }));
    let report = run(cluster.tampered(Box::new(move |outgoing| match (outgoing.message(), outgoing.parcel.clone()) {
        (Some((LIAR, recipient, Body::Partial { set, .. })), _) if outgoing.to == 2 => {
            let digest = announced(&terms, LIAR, &kept.borrow());
            vec![(2, forger.says(recipient, Body::Partial { set, digest }))]
        }
        (_, Parcel::Chunk { object, index, .. }) if outgoing.to == 2 && object.kind == BulkKind::Partial => {
            vec![(2, Parcel::Chunk { object, index, elements: Zeroizing::new(kept.borrow().clone()) })]
        }
        _ => outgoing.unchanged(),
    })));
    assert_eq!(report.proven_by.get(&2), Some(&[(LIAR, FaultKind::BadPartial)].into()), "{:?}", report.proven_by);
    assert!(report.proven_by.keys().all(|by| *by == 2), "{:?}", report.proven_by);
    learned(&report, &plan);
}

#[test]
fn a_partial_sum_under_another_set_is_not_used() {
    let plan = four(60);
    let report = run(says(plan.clone(), LIAR, |forger, outgoing, recipient, body| {
        let Body::Partial { digest, .. } = body else { return None };
        let body = Body::Partial { set: wire::SetDigest([7; 32]), digest };
        Some(vec![(outgoing.to, forger.says(recipient, body))])
    }));
    assert!(report.proven.is_empty());
    learned(&report, &plan);
}

/// The adversary sees the partial sums of others first.
#[test]
fn who_picks_its_partial_sum_last_shifts_nothing() {
    for (seed, lie) in (70..).zip(SumLie::ALL) {
        let mut plan = four(seed);
        plan.min_contributors(4);
        plan.expect = Expect::Completed(vec![0, 1, 2, 3]);
        let report = run(sums_wrongly(plan.clone(), lie).hearing(Box::new(|_| true)));
        proven(&report, &plan, LIAR, FaultKind::BadPartial);
    }
}

/// A result party that says another result is told apart, and stops nobody.
#[test]
fn another_outcome_is_noted_and_stops_nobody() {
    let plan = four(80);
    let report = run(says(plan.clone(), LIAR, |forger, outgoing, recipient, body| {
        let Body::Outcome { result: Some(digest) } = body else { return None };
        let body = Body::Outcome { result: Some(digest.map(|byte| !byte)) };
        Some(vec![(outgoing.to, forger.says(recipient, body))])
    }));
    assert!(report.findings.iter().all(|f| f.kind != Some(MessageKind::Partial)));
    learned(&report, &plan);
}
