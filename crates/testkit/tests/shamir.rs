//! Rounds by Shamir's scheme: any k of n holders give the result, more check one another, in every deployment (PROTOCOL 2,
//! 4.6, 4.7).
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use protocol::round::Millis;
use sharing::{Cells, PartialHasher};
use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, Expect, Forger, Happening, Outgoing, Parcel, Plan, Report, Tamper};
use wire::link::{BulkId, BulkKind, Grant};
use wire::{Body, MessageKind, Secret32, ShareContent};
use zeroize::Zeroizing;

const INPUT: Roles = Roles { input: true, compute: false, result: false };
const COMPUTE: Roles = Roles { input: false, compute: true, result: false };
const RESULT: Roles = Roles { input: false, compute: false, result: true };
const HOLDER: Roles = Roles { input: true, compute: true, result: false };

/// Rows of a chunk in tables of one column.
const CHUNK: u32 = 65_536;
/// One chunk and a bit.
const TWO_CHUNKS: u32 = CHUNK + 5;

fn plan(seed: u64, roles: &[Roles], threshold: u16, rows: u32) -> Plan {
    let mut plan = Plan::smooth(seed, roles, rows, vec![column("amount", 0, "-1000", "1000")]);
    // Away from the bounds, so that a shift of one is in range.
    for input in &mut plan.inputs {
        input.iter_mut().for_each(|value| *value /= 2);
    }
    plan.shamir(threshold);
    plan
}

/// Five input parties, three compute parties, and a regulator that learns the sum.
fn delegated(seed: u64, threshold: u16, rows: u32) -> Plan {
    plan(seed, &[[INPUT; 5].as_slice(), &[COMPUTE; 3], &[RESULT]].concat(), threshold, rows)
}

/// Five peers that contribute and compute, and a regulator that learns the sum.
fn observed(seed: u64, threshold: u16, rows: u32) -> Plan {
    plan(seed, &[[HOLDER; 5].as_slice(), &[RESULT]].concat(), threshold, rows)
}

/// Where the regulator sits among the five.
const REGULATOR: usize = 5;

fn run(plan: Plan) -> Report {
    judge(Cluster::new(plan))
}

fn judge(cluster: Cluster) -> Report {
    cluster.run().unwrap_or_else(|violation| panic!("{violation}"))
}

fn smooth(report: &Report) {
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert!(report.parties.iter().all(|party| party.closed));
    assert!(report.ended_at < Millis(5_000), "{:?}", report.ended_at);
}

fn learned(report: &Report) -> Vec<usize> {
    (0..report.parties.len()).filter(|&party| report.parties[party].totals.is_some()).collect()
}

#[test]
fn any_threshold_of_peers() {
    for (seed, (n, k)) in (0..).zip((3..=6usize).flat_map(|n| (2..=n).map(move |k| (n, k)))) {
        let report = run(plan(seed, &vec![Roles::ALL; n], u16::try_from(k).unwrap(), 3));
        smooth(&report);
        assert_eq!(learned(&report).len(), n, "{k} of {n}");
    }
}

#[test]
fn five_delegate_to_three_and_a_regulator_learns_the_sum() {
    for (seed, k) in [(20, 2), (21, 3)] {
        for rows in [2, TWO_CHUNKS] {
            let report = run(delegated(seed, k, rows));
            smooth(&report);
            assert_eq!(learned(&report), [8]);
        }
    }
}

#[test]
fn an_additive_dealer_may_hold_nothing() {
    let roles = [INPUT, COMPUTE, HOLDER, INPUT, Roles { input: false, compute: true, result: true }];
    for rows in [1, TWO_CHUNKS] {
        let report = run(Plan::smooth(25, &roles, rows, vec![column("amount", 0, "-1000", "1000")]));
        smooth(&report);
        assert_eq!(learned(&report), [4]);
    }
}

#[test]
fn a_hybrid_of_members_and_hired_computers() {
    // In-house computers that learn the sum, members that only contribute, hired computers.
    let roles = [Roles::ALL, INPUT, COMPUTE, Roles::ALL, INPUT, COMPUTE, RESULT];
    for (seed, k) in (30..).zip(2..=4) {
        let report = run(plan(seed, &roles, k, 4));
        smooth(&report);
        assert_eq!(learned(&report), [0, 3, 6]);
    }
}

#[test]
fn explicit_shares_of_many_chunks_survive_breaks() {
    // 12 chunks: more than a window. Links break while shares, and then partial sums, stream.
    let mut plan = delegated(40, 2, 11 * CHUNK + 1);
    plan.latency = (5, 40);
    for (number, at) in (0u16..).zip((1_020..2_600).step_by(60)) {
        let (dealer, computer) = (number % 5, 5 + number % 3);
        for (a, b) in [(dealer, computer), (computer, 8)] {
            plan.script.push((at, Happening::Down(a, b)));
            plan.script.push((at + 45, Happening::Up(a, b)));
        }
    }
    let report = run(plan);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(learned(&report), [8]);
}

/// Parties that hold back what `mute` picks, each from its certificate on, until that moment.
fn falls_silent(
    parties: &[u16],
    until: Millis,
    mute: impl Fn(&Outgoing<'_>) -> bool + 'static,
) -> (BTreeSet<u16>, Tamper) {
    let mut certified = BTreeSet::new();
    let tamper: Tamper = Box::new(move |outgoing| {
        if let Some((sender, _, Body::Certificate { .. })) = outgoing.message()
            && sender == outgoing.from
        {
            certified.insert(sender);
            return outgoing.unchanged();
        }
        let silent = outgoing.now < until && certified.contains(&outgoing.from) && mute(outgoing);
        if silent { Vec::new() } else { outgoing.unchanged() }
    });
    (parties.iter().copied().collect(), tamper)
}

const FOR_EVER: Millis = Millis(u64::MAX);

#[test]
fn two_of_five_holders_gone_after_the_certificate_are_not_missed() {
    for (seed, gone) in (50..).zip([[3, 4], [0, 1], [1, 3]]) {
        let mut plan = observed(seed, 3, TWO_CHUNKS);
        let (corrupt, tamper) = falls_silent(&gone, FOR_EVER, |_| true);
        plan.corrupt = corrupt;
        let report = judge(Cluster::new(plan).tampered(tamper));
        assert_eq!(learned(&report), [REGULATOR], "{gone:?}");
        // The others were waited for, one deadline of an attempt long.
        assert!(report.ended_at > Millis(3_000) && report.ended_at < Millis(6_000), "{:?}", report.ended_at);
    }
}

#[test]
fn three_of_five_holders_gone_after_the_certificate_are_named_at_the_end() {
    let mut plan = observed(60, 3, 2);
    let (corrupt, tamper) = falls_silent(&[0, 2, 4], FOR_EVER, |_| true);
    plan.corrupt = corrupt;
    plan.expect = Expect::Abandoned(vec!["from p".into()]);
    let report = judge(Cluster::new(plan).tampered(tamper));
    let reasons = report.abandoned();
    let (_, reason) = reasons.iter().find(|(party, _)| usize::from(*party) == REGULATOR).unwrap();
    for silent in ["Partial from p0", "Partial from p2", "Partial from p4"] {
        assert!(reason.contains(silent), "{reason}");
    }
    assert!(!reason.contains("from p1") && !reason.contains("from p3"), "{reason}");
}

#[test]
fn a_holder_that_announces_and_stops_half_way_is_left_behind() {
    for chunks in [0, 1] {
        let mut plan = observed(70 + chunks, 3, 2 * TWO_CHUNKS);
        let (corrupt, tamper) = falls_silent(
            &[1, 4],
            FOR_EVER,
            move |outgoing| matches!(outgoing.parcel, Parcel::Chunk { index, .. } if *index >= chunks),
        );
        plan.corrupt = corrupt;
        let report = judge(Cluster::new(plan).tampered(tamper));
        assert_eq!(learned(&report), [REGULATOR]);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert!(report.ended_at < Millis(6_000), "{:?}", report.ended_at);
    }
}

#[test]
fn with_too_few_left_it_begins_anew_with_who_has_come_since() {
    const BACK: u64 = 8_000;
    const HALF_WAY: u64 = 10;
    let mut plan = observed(80, 3, 12 * CHUNK);
    // p2 stops half-way. p3 and p4 come back late.
    for party in [3, 4] {
        plan.script.push((BACK, Happening::Down(party, 5)));
        plan.script.push((BACK + 100, Happening::Up(party, 5)));
    }
    let (mut corrupt, mut away) = falls_silent(&[3, 4], Millis(BACK), |_| true);
    corrupt.insert(2);
    plan.corrupt = corrupt;
    let (mut begun, mut late) = (0, Vec::new());
    let report = judge(Cluster::new(plan).tampered(Box::new(move |outgoing| match outgoing.parcel {
        Parcel::Chunk { object, index, .. } if outgoing.from == 2 && object.kind == BulkKind::Partial => {
            begun += u32::from(*index == 0);
            if begun == 1 && *index >= HALF_WAY {
                late.extend(outgoing.unchanged());
                return Vec::new();
            }
            // When it is asked anew, what was granted before comes first. That is no fault.
            [core::mem::take(&mut late), outgoing.unchanged()].concat()
        }
        _ if outgoing.from == 2 => outgoing.unchanged(),
        _ => away(outgoing),
    })));
    assert_eq!(learned(&report), [REGULATOR]);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert!(report.ended_at > Millis(BACK) && report.ended_at < Millis(BACK + 6_000), "{:?}", report.ended_at);
}

#[test]
fn a_share_that_finds_no_room_is_taken_in_anew_when_there_is_some() {
    for full in [1, 2] {
        // All three have to hold their shares.
        let mut plan = delegated(85, 3, TWO_CHUNKS);
        plan.full.insert(6, full);
        // It names itself: its operator has to make room.
        plan.corrupt.insert(6);
        let report = run(plan);
        assert_eq!(learned(&report), [8]);
        assert!(report.findings.iter().all(|finding| (finding.by, finding.culprit) == (6, 6)), "{:?}", report.findings);
        assert!(report.findings.iter().any(|finding| finding.reason.contains("no room for share-")));
        assert!(report.ended_at > Millis(60_000) && report.ended_at < Millis(66_000), "{:?}", report.ended_at);
    }
}

/// Elements with one cell raised by one.
fn shifted(cluster: &Cluster, elements: &[u8]) -> Vec<u8> {
    let field = cluster.terms().layout().field;
    let mut cells = Cells::read(field, elements).unwrap();
    let mut one = vec![0u8; elements.len()];
    one[field.element_bytes()] = 1;
    cells.add(&Cells::read(field, &one).unwrap());
    let mut bytes = Vec::new();
    cells.write_to(&mut bytes);
    bytes
}

#[test]
fn an_explicit_share_that_its_header_does_not_name_is_silence() {
    const LIAR: u16 = 1;
    for how in ["shifted", "not canonical", "shorter", "longer", "beyond what was granted", "kept back", "a seed"] {
        let most = if how == "beyond what was granted" { 12 * CHUNK } else { TWO_CHUNKS };
        for rows in [3, most] {
            let mut plan = delegated(90, 2, rows);
            plan.corrupt.insert(LIAR);
            plan.min_contributors(4);
            plan.expect = Expect::Completed(vec![0, 2, 3, 4]);
            let cluster = Cluster::new(plan.clone());
            let reader = Cluster::new(plan);
            let forger = Forger::new(cluster.plan(), LIAR, cluster.terms().round());
            let tamper: Tamper = Box::new(move |outgoing| match (outgoing.message(), outgoing.parcel.clone()) {
                (Some((LIAR, to, Body::Share { dealing, salt, content: ShareContent::Elements })), _)
                    if how == "a seed" =>
                {
                    let content = ShareContent::Seed(Secret32([7; 32]));
                    vec![(outgoing.to, forger.says(to, Body::Share { dealing, salt, content }))]
                }
                (_, Parcel::Chunk { object, index, elements }) if index == 0 => {
                    assert_eq!(object.kind, BulkKind::Share);
                    let chunk = |index, elements: Vec<u8>| {
                        (outgoing.to, Parcel::Chunk { object, index, elements: Zeroizing::new(elements) })
                    };
                    match how {
                        "shifted" => vec![chunk(index, shifted(&reader, &elements))],
                        "not canonical" => vec![chunk(index, vec![0xFF; elements.len()])],
                        "shorter" => vec![chunk(index, elements[1..].to_vec())],
                        "longer" => vec![chunk(index, [elements.as_slice(), &[0]].concat())],
                        "beyond what was granted" => vec![chunk(index + 9, elements.to_vec())],
                        "kept back" => Vec::new(),
                        _ => outgoing.unchanged(),
                    }
                }
                _ => outgoing.unchanged(),
            });
            let report = judge(cluster.tampered(tamper));
            assert_eq!(learned(&report), [8], "{how}");
            // Silence is reported, not blamed.
            assert_eq!(report.findings.is_empty(), how == "kept back", "{how}: {:?}", report.findings);
        }
    }
}

#[test]
fn elements_that_nobody_asked_for_are_refused() {
    let mut plan = observed(100, 3, 2);
    plan.corrupt.insert(1);
    let tamper: Tamper = Box::new(|outgoing| {
        let mut parcels = outgoing.unchanged();
        if let Some((1, _, Body::Deal { .. } | Body::Partial { .. })) = outgoing.message() {
            // Before the message that would make them welcome.
            for kind in [BulkKind::Share, BulkKind::Partial] {
                let Parcel::Message(bytes) = outgoing.parcel else { unreachable!() };
                let round = wire::Envelope::parse(bytes).unwrap().round();
                let object = BulkId { round, kind };
                let elements = Zeroizing::new(vec![0; 16]);
                parcels.insert(0, (outgoing.to, Parcel::Chunk { object, index: 0, elements }));
            }
        }
        parcels
    });
    let report = judge(Cluster::new(plan).tampered(tamper));
    assert_eq!(learned(&report), [REGULATOR]);
    assert!(report.findings.iter().any(|finding| finding.kind == Some(MessageKind::Share)));
}

/// The simulator says when elements are sent that are not for whom they are sent to, or are there no more.
#[test]
fn who_grants_what_is_not_for_it_is_sent_nothing() {
    for curious in [0, 2, 4, 6] {
        // Contributors, computers, both, and a party that learns.
        let roles = [INPUT, INPUT, COMPUTE, COMPUTE, HOLDER, HOLDER, RESULT];
        let mut plan = plan(105, &roles, 2, 2);
        plan.corrupt.insert(curious);
        let cluster = Cluster::new(plan);
        let round = cluster.terms().round();
        let mut epoch = 0;
        let tamper: Tamper = Box::new(move |outgoing| {
            let mut parcels = outgoing.unchanged();
            epoch += 1;
            for kind in [BulkKind::Share, BulkKind::Partial] {
                let grant = Grant { object: BulkId { round, kind }, epoch, next: 0, limit: u64::MAX };
                parcels.extend((0..7).map(|to| (to, Parcel::Grant(grant.clone()))));
            }
            parcels
        });
        let report = judge(cluster.tampered(tamper));
        assert!(report.parties.iter().all(|party| party.closed), "p{curious}");
    }
}

/// The cluster of a plan whose liar announces and sends a partial sum with one cell raised by one.
fn lies_from_the_start(plan: Plan, liar: u16) -> Cluster {
    let cluster = Cluster::new(plan.clone());
    // The liar's machine announces before it streams, so its lie is learned in a first run and told in a second.
    let seen: Rc<Cell<Option<Vec<u8>>>> = Rc::default();
    let learned = Rc::clone(&seen);
    let mut honest = plan;
    honest.expect = Expect::Ended;
    judge(Cluster::new(honest).tampered(Box::new(move |outgoing: &Outgoing<'_>| {
        if let Parcel::Chunk { object, elements, .. } = outgoing.parcel
            && object.kind == BulkKind::Partial
        {
            learned.set(Some(elements.to_vec()));
        }
        outgoing.unchanged()
    })));
    let elements = shifted(&cluster, &seen.take().unwrap());
    let round = cluster.terms().round();
    let forger = Forger::new(cluster.plan(), liar, round);
    let mut hasher = PartialHasher::new(&round.0, cluster.terms().seat(liar).unwrap());
    hasher.update(&elements);
    let digest = hasher.finish();
    cluster.tampered(Box::new(move |outgoing| match (outgoing.message(), outgoing.parcel) {
        (Some((sender, recipient, Body::Partial { set, .. })), _) if sender == liar => {
            vec![(outgoing.to, forger.says(recipient, Body::Partial { set, digest }))]
        }
        (_, Parcel::Chunk { object, index, .. }) if object.kind == BulkKind::Partial => {
            let elements = Zeroizing::new(elements.clone());
            vec![(outgoing.to, Parcel::Chunk { object: *object, index: *index, elements })]
        }
        _ => outgoing.unchanged(),
    }))
}

#[test]
fn with_more_than_k_a_wrong_partial_sum_withholds_the_result_and_names_nobody() {
    for k in 2..=4 {
        let mut plan = observed(110, k, 5);
        plan.corrupt.insert(2);
        plan.expect = Expect::Ended;
        let report = judge(lies_from_the_start(plan, 2));
        assert!(learned(&report).is_empty());
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        let abandoned = report.abandoned();
        let (_, reason) = abandoned.iter().find(|(party, _)| usize::from(*party) == REGULATOR).unwrap();
        assert!(reason.contains("nothing shows whose"), "{reason}");
        assert!((0..6).all(|party| !reason.contains(&format!("p{party}"))), "{reason}");
    }
}

/// NOT promised: with k partial sums there is nothing to check them against (PROTOCOL 4.7, 5.6).
#[test]
fn with_exactly_k_a_wrong_partial_sum_shifts_the_total_unseen() {
    let mut plan = observed(120, 5, 5);
    plan.corrupt.insert(2);
    let violation = lies_from_the_start(plan, 2).run().unwrap_err();
    assert!(violation.what.contains("a total is wrong"), "{violation}");
}

/// It deals, and signs and passes on nothing more: neither its Receipts nor those for its dealing go through it.
#[test]
fn a_dealer_that_is_gone_after_its_dealing_holds_up_nobody() {
    for (seed, gone) in (0..20).flat_map(|seed| [(seed, 0), (seed, 1), (seed, 2)]) {
        let mut plan = plan(seed, &[Roles::ALL; 3], 2, 1);
        plan.corrupt.insert(gone);
        plan.expect = Expect::Ended;
        let report = judge(Cluster::new(plan).tampered(Box::new(move |outgoing| match outgoing.message() {
            Some((_, _, Body::Propose { .. } | Body::Deal { .. } | Body::Share { .. })) => outgoing.unchanged(),
            Some(_) if outgoing.from == gone => Vec::new(),
            _ => outgoing.unchanged(),
        })));
        assert_eq!(report.contributors(), Some(vec![0, 1, 2]), "p{gone} is gone: {report:?}");
        for party in (0..3).filter(|&party| party != usize::from(gone)) {
            assert!(report.parties[party].totals.is_some(), "p{gone} is gone: {report:?}");
        }
    }
}
