//! Complaints: a false one names its accuser, whatever it is about; two headers name their dealer; and a dealer that keeps
//! something back is not missed (PROTOCOL 4.1, 4.8, 5.4).

mod liar;

use std::cell::RefCell;
use std::rc::Rc;

use liar::{Heard, LIAR, contributors, delegated, four, honest, learned, listening, proven, run, says, seven};
use protocol::round::dealing_digest;
use sharing::{Opening, Place, Seed};
use testkit::sim::{Cluster, CrashPoint, Expect, Forger, Happening, NEVER, Outgoing, Parcel, Plan, Report};
use wire::dossier::FaultKind;
use wire::{Body, DealingDigest, Grievance, MessageKind, ShareContent, SignedHeader};

/// The dealer that is accused. The liar's share of its dealing is a seed.
const ACCUSED: u16 = 2;
const CELLS: usize = 3;

/// What the liar holds of a dealer: its dealing, and the share that came as a seed.
fn share_of(heard: &Heard, dealer: u16) -> Option<(DealingDigest, Opening)> {
    heard.borrow().iter().find_map(|(_, parcel)| match parcel.said() {
        Some((sender, _, Body::Share { dealing, content: ShareContent::Seed(seed), .. })) if sender == dealer => {
            Some((dealing, Opening::expand(&Seed::from_bytes(seed.0), CELLS)))
        }
        _ => None,
    })
}

fn grievance(dealing: DealingDigest, cell: u32, shown: &Opening, at: usize, place: &Place) -> Grievance {
    let (value, blinding) = shown.cell(at);
    let path = shown.path(place, LIAR, at).try_into().expect("a small table");
    Grievance::Cell { dealing, cell, value, blinding, path }
}

/// Complaints about a dealing that is good.
const FALSE: [&str; 6] =
    ["a good cell", "beyond the table", "a forged path", "another value", "another cell's", "another dealer's"];

fn false_grievance(what: &str, dealing: DealingDigest, share: &Opening, place: &Place) -> Grievance {
    let mut complaint = grievance(dealing, 1, share, 1, place);
    let Grievance::Cell { cell, value, path, .. } = &mut complaint else { unreachable!("it is about a cell") };
    match what {
        "beyond the table" => *cell = 99,
        "a forged path" => *path = vec![[7; 32]; path.len()].try_into().expect("as long as before"),
        "another value" => value[0] ^= 1,
        "another cell's" => *cell = 2,
        "another dealer's" => return grievance(dealing, 1, share, 1, &Place { dealer: 0, ..*place }),
        _ => {}
    }
    complaint
}

/// Runs a round whose liar complains about the accused, instead of its Receipt or after it.
fn complains(plan: Plan, what: &'static str, receipts: bool) -> Report {
    let heard = Heard::default();
    let place = Place { round: Cluster::new(plan.clone()).terms().round().0, dealer: ACCUSED };
    let known = Rc::clone(&heard);
    let cluster = says(plan, LIAR, move |forger, outgoing, recipient, body| {
        if !matches!(body, Body::Receipt { .. }) || recipient != Some(ACCUSED) {
            return None;
        }
        let (dealing, share) = share_of(&known, ACCUSED).expect("it came as a seed");
        let grievance = false_grievance(what, dealing, &share, &place);
        let complaint = (outgoing.to, forger.says(None, Body::Complaint { dealer: ACCUSED, grievance }));
        Some(if receipts { vec![(outgoing.to, outgoing.parcel.clone()), complaint] } else { vec![complaint] })
    });
    run(listening(cluster, &heard))
}

#[test]
fn a_false_complaint_names_its_accuser_everywhere() {
    for (seed, what) in (0..).zip(FALSE) {
        let plan = four(seed);
        let report = complains(plan.clone(), what, false);
        assert!(report.all_prove(honest(&plan), LIAR, FaultKind::FalseComplaint), "{what}: {:?}", report.proven_by);
        assert!(report.proven.iter().all(|(culprit, _)| *culprit == LIAR), "{what}: {:?}", report.proven);
        assert!(contributors(&report).contains(&ACCUSED), "{what}");
        learned(&report, &plan);
    }
}

/// Whoever has said that its share is good has no complaint.
#[test]
fn a_complaint_after_a_receipt_names_its_accuser_everywhere() {
    for (seed, what) in (20..).zip(["a good cell", "another value"]) {
        let plan = four(seed);
        let report = complains(plan.clone(), what, true);
        for kind in [FaultKind::ReceiptedComplaint, FaultKind::FalseComplaint] {
            assert!(report.all_prove(honest(&plan), LIAR, kind), "{kind:?}: {:?}", report.proven_by);
        }
        assert!(report.proven.iter().all(|(culprit, _)| *culprit == LIAR));
        learned(&report, &plan);
    }
}

/// About a dealing that nobody knows of, nothing can be said of anybody.
#[test]
fn a_complaint_about_an_unknown_dealing_names_nobody_and_stops_nothing() {
    let plan = four(30);
    let report = run(says(plan.clone(), LIAR, |forger, outgoing, _, body| {
        let Body::Deal { .. } = body else { return None };
        let grievance = Grievance::Cell {
            dealing: DealingDigest([7; 32]),
            cell: 0,
            value: [0; 32],
            blinding: [0; 32],
            path: wire::Seq::default(),
        };
        let complaint = forger.says(None, Body::Complaint { dealer: ACCUSED, grievance });
        Some(vec![(outgoing.to, outgoing.parcel.clone()), (outgoing.to, complaint)])
    }));
    assert!(report.proven.is_empty(), "{:?}", report.proven);
    assert_eq!(contributors(&report), (0..4).collect());
    learned(&report, &plan);
}

/// The header of an honest dealer, as a complaint carries it.
fn carried(outgoing: &Outgoing<'_>) -> Option<(SignedHeader, SignedHeader)> {
    let Some((_, _, Body::Deal { shares, commitments })) = outgoing.message() else { return None };
    let header = SignedHeader { shares, commitments, signature: [7; 64] };
    Some((header.clone(), SignedHeader { commitments: None, ..header }))
}

#[test]
fn a_complaint_about_headers_that_the_dealer_has_not_signed_is_a_fault() {
    let plan = four(40);
    let report = run(says(plan.clone(), LIAR, |forger, outgoing, _, _| {
        let (one, other) = carried(outgoing)?;
        let complaint = Body::Complaint { dealer: ACCUSED, grievance: Grievance::Headers { one, other } };
        Some(vec![(outgoing.to, outgoing.parcel.clone()), (outgoing.to, forger.says(None, complaint))])
    }));
    assert!(report.proven.is_empty());
    let noted = |f: &&testkit::sim::Finding| f.culprit == LIAR && f.kind == Some(MessageKind::Complaint);
    assert_eq!(report.findings.iter().filter(noted).count(), 3, "{:?}", report.findings);
    learned(&report, &plan);
}

/// One whole dealing goes to some parties, and another one to the others.
fn deals_apart(plan: Plan, second: impl Fn(u16) -> bool + 'static) -> Cluster {
    let other: Rc<RefCell<Option<DealingDigest>>> = Rc::default();
    says(plan, LIAR, move |forger, outgoing, recipient, mut body| {
        if !second(outgoing.to) {
            return None;
        }
        match &mut body {
            Body::Deal { shares, .. } => {
                // The root of its own share concerns nobody else.
                let mut roots = shares.to_vec();
                roots[usize::from(LIAR)][0] ^= 1;
                *shares = roots.try_into().expect("as many as before");
                let header = forger.seals(None, body);
                *other.borrow_mut() = Some(dealing_digest(&header));
                return Some(vec![(outgoing.to, Parcel::message(&header))]);
            }
            Body::Commitments { dealing, .. } | Body::Share { dealing, .. } => {
                *dealing = other.borrow().expect("a header")
            }
            _ => return None,
        }
        Some(vec![(outgoing.to, forger.says(recipient, body))])
    })
}

#[test]
fn two_headers_name_their_dealer_everywhere_whoever_got_which() {
    for split in 1..7u16 {
        let plan = four(50 + u64::from(split));
        // p0, p2 and p3 are the others.
        let second = move |to: u16| split & (1 << [0, 3, 1, 2][usize::from(to)]) != 0;
        let report = run(deals_apart(plan.clone(), second));
        proven(&report, &plan, LIAR, FaultKind::Equivocation);
        learned(&report, &plan);
    }
}

#[test]
fn two_headers_to_halves_of_seven_stop_nothing() {
    let plan = seven(60);
    let report = run(deals_apart(plan.clone(), |to| to % 2 == 0));
    assert!(report.all_prove(honest(&plan), LIAR, FaultKind::Equivocation), "{:?}", report.proven_by);
    learned(&report, &plan);
}

/// The result party alone sees another header than the compute parties have receipted.
#[test]
fn a_result_party_with_another_header_takes_the_one_that_was_certified() {
    for computes in [3, 4] {
        let mut plan = delegated(70, computes);
        plan.corrupt = [1].into();
        let result = plan.parties() - 1;
        let cluster = deals_apart(plan.clone(), move |to| to == result);
        let report = run(cluster);
        // The certified one comes from compute parties, so the result party has both.
        assert!(report.all_prove([result], 1, FaultKind::Equivocation), "{:?}", report.proven_by);
        assert_eq!(contributors(&report), (0..5).collect());
        learned(&report, &plan);
    }
}

/// A bad share and a second header, so that a party may have a cell to show and two headers as well.
#[test]
fn a_second_header_after_a_complaint_about_a_cell_contradicts_nobody() {
    for seed in 0..40 {
        let mut plan = four(200 + seed);
        plan.work = (20, 300);
        plan.without(|happening| matches!(happening, Happening::Approve(2 | 3)));
        plan.script.extend([(1_300, Happening::Approve(2)), (1_500, Happening::Approve(3))]);
        let cheat = testkit::sim::Cheat::Share(0);
        let heard = Heard::default();
        let known = Rc::clone(&heard);
        let cluster = Cluster::new(plan.clone()).meddled(Box::new(move |working| cheat.meddle(working)));
        let (terms, round) = (cluster.terms().clone(), cluster.terms().round());
        let forger = Forger::new(&plan, LIAR, round);
        let mut header = None;
        let cluster = cluster.tampered(Box::new(move |outgoing| {
            let mut parcels = testkit::sim::cheating(cheat, &terms, &forger, outgoing);
            if let Some((LIAR, _, Body::Deal { shares, .. })) = outgoing.message() {
                header = Some(forger.says(None, Body::Deal { shares, commitments: Some([7; 32]) }));
            }
            let complained =
                |(_, parcel): &(u16, Parcel)| matches!(parcel.said(), Some((0, _, Body::Complaint { .. })));
            if outgoing.to == 0 && known.borrow().iter().any(complained) {
                parcels.extend(header.clone().map(|header| (0, header)));
            }
            parcels
        }));
        let report = run(listening(cluster, &heard));
        assert!(report.proven.iter().all(|(culprit, _)| *culprit == LIAR), "{:?}", report.proven);
        learned(&report, &plan);
    }
}

/// A dealer that keeps something from one party is not missed, and not blamed.
#[test]
fn what_a_dealer_keeps_from_one_party_stops_nothing() {
    for kind in [MessageKind::Deal, MessageKind::Commitments, MessageKind::Share, MessageKind::Dealt] {
        for victim in [0, 2, 3] {
            let plan = four(80 + u64::from(victim));
            let report = run(says(plan.clone(), LIAR, move |_, outgoing, _, body| {
                (body.kind() == kind && outgoing.to == victim).then(Vec::new)
            }));
            assert!(report.proven.is_empty() && report.findings.is_empty(), "{kind:?}: {:?}", report.findings);
            learned(&report, &plan);
        }
    }
}

/// What is public travels on from whoever has it.
#[test]
fn commitments_withheld_from_all_but_one_still_reach_the_others() {
    for kind in [MessageKind::Commitments, MessageKind::Deal] {
        let plan = four(90);
        let report = run(says(plan.clone(), LIAR, move |_, outgoing, _, body| {
            (body.kind() == kind && outgoing.to != 0).then(Vec::new)
        }));
        assert!(report.proven.is_empty(), "{kind:?}: {:?}", report.proven);
        learned(&report, &plan);
    }
}

/// The result party gets the Commitments of a dealer that is gone from compute parties. They have no link, ever.
#[test]
fn a_dealer_that_is_gone_after_h_receipts_is_summed_all_the_same() {
    for computes in [3, 4] {
        for at in [1_060, 1_100, 1_400] {
            let mut plan = delegated(100, computes);
            let (dealer, result) = (4, plan.parties() - 1);
            plan.corrupt.clear();
            plan.late.insert(dealer);
            plan.without(|happening| *happening == Happening::Up(dealer, result));
            plan.script.push((at, Happening::Crash(dealer, CrashPoint::Now, NEVER)));
            plan.expect = Expect::Result;
            let report = run(Cluster::new(plan.clone()));
            assert!(report.findings.is_empty(), "{:?}", report.findings);
            if at == 1_400 {
                assert_eq!(contributors(&report), (0..5).collect());
            }
            assert!(report.parties[usize::from(result)].totals.is_some());
        }
    }
}

/// Whoever deals nothing cannot be complained about, and whoever holds no share has no cell to show.
#[test]
fn complaints_of_and_about_parties_of_other_roles_are_faults() {
    let grievance = Grievance::Cell {
        dealing: DealingDigest([7; 32]),
        cell: 0,
        value: [0; 32],
        blinding: [0; 32],
        path: wire::Seq::default(),
    };
    for (liar, dealer) in [(0, 1), (6, 7)] {
        let mut plan = delegated(110, 4);
        plan.corrupt = [liar].into();
        let cluster = Cluster::new(plan.clone());
        let forger = Forger::new(&plan, liar, cluster.terms().round());
        let complaint = forger.says(None, Body::Complaint { dealer, grievance: grievance.clone() });
        let report = run(cluster.tampered(Box::new(move |outgoing| match outgoing.message() {
            Some((sender, _, Body::Propose { .. })) if sender == liar => {
                vec![(outgoing.to, outgoing.parcel.clone()), (outgoing.to, complaint.clone())]
            }
            _ => outgoing.unchanged(),
        })));
        let noted = |f: &testkit::sim::Finding| f.culprit == liar && f.kind == Some(MessageKind::Complaint);
        assert!(report.findings.iter().any(noted), "{:?}", report.findings);
        learned(&report, &plan);
    }
}

#[test]
fn a_complaint_in_a_semi_honest_round_is_a_fault() {
    let mut plan = Plan::trio(120);
    plan.corrupt.insert(LIAR);
    plan.expect = Expect::Completed(vec![0, 1, 2]);
    let report = run(says(plan, LIAR, |forger, outgoing, _, _| {
        let (one, other) = carried(outgoing)?;
        let complaint = Body::Complaint { dealer: 0, grievance: Grievance::Headers { one, other } };
        Some(vec![(outgoing.to, outgoing.parcel.clone()), (outgoing.to, forger.says(None, complaint))])
    }));
    assert!(report.findings.iter().any(|f| f.culprit == LIAR && f.kind == Some(MessageKind::Complaint)));
}
