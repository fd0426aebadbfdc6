//! Dealings that are wrong and fit together: bad commitments and proofs name their dealer at everybody, bad shares do so by one
//! complaint, and neither is ever in a wrong sum (PROTOCOL 5.1, 5.2, 5.4).

mod liar;

use std::collections::BTreeSet;

use liar::{LIAR, cheats, contributors, four, honest, learned, proven, run, seven, three};
use protocol::round::{Done, Rule};
use sharing::{Bounds, Cells, CommittedDealing, DealingKey, Encoded, Field, InputHasher, Place};
use testkit::consortium::{Roles, column};
use testkit::sim::{Cheat, Cluster, Plan, Report};
use wire::dossier::FaultKind;
use wire::{Body, MessageKind};

/// All but the liars.
fn others(plan: &Plan) -> BTreeSet<u16> {
    honest(plan).into_iter().collect()
}

/// The liars are proven to have dealt something that is none; the sum is that of the others.
fn left_out(report: &Report, plan: &Plan) {
    for liar in &plan.corrupt {
        assert!(report.all_prove(honest(plan), *liar, FaultKind::BadCommitments), "{:?}", report.proven_by);
    }
    let only = report
        .proven
        .iter()
        .all(|(culprit, kind)| plan.corrupt.contains(culprit) && *kind == FaultKind::BadCommitments);
    assert!(only && report.complaints.is_empty(), "{:?}", report.proven);
    assert_eq!(contributors(report), others(plan));
    learned(report, plan);
}

#[test]
fn what_everybody_sees_to_be_wrong_is_proven_everywhere_and_left_out() {
    for (seed, cheat) in (0..).zip(Cheat::PUBLIC) {
        left_out(&run(cheats(four(seed), cheat)), &four(seed));
    }
}

#[test]
fn two_of_seven_deal_wrongly_and_are_left_out() {
    for (seed, cheat) in (20..).zip([Cheat::FewerCommitments, Cheat::SwappedCells, Cheat::LastProofByte]) {
        left_out(&run(cheats(seven(seed), cheat)), &seven(seed));
    }
}

/// Where all have to contribute, a dealing that is none leaves nothing to sum: the round is abandoned, and it is known why.
#[test]
fn where_all_have_to_contribute_a_wrong_dealing_ends_the_round_and_its_dealer_is_proven() {
    for (seed, cheat) in (30..).zip([Cheat::NoCommitments, Cheat::MoreCommitments, Cheat::LastProofByte]) {
        let plan = three(seed);
        let report = run(cheats(plan.clone(), cheat));
        proven(&report, &plan, LIAR, FaultKind::BadCommitments);
        for party in honest(&plan) {
            let abandoned = report.abandoned();
            let (_, reason) = abandoned.iter().find(|(of, _)| *of == party).expect("there can be no result");
            assert!(reason.contains("p1") || reason.contains("cannot end"), "{reason}");
        }
    }
}

/// Whoever got a bad share shows one cell of it. That names the dealer at those as well whose shares are good.
#[test]
fn one_bad_share_is_proven_everywhere_by_one_complaint() {
    for seat in [0, 2, 3] {
        for (number, cheat) in (0..).zip([Cheat::Share(seat), Cheat::Value(seat), Cheat::Blinding(seat)]) {
            let plan = four(40 + 10 * number + u64::from(seat));
            let report = run(cheats(plan.clone(), cheat));
            proven(&report, &plan, LIAR, FaultKind::BadShare);
            assert_eq!(report.complaints, [(seat, LIAR)].into(), "{cheat:?}");
            learned(&report, &plan);
        }
    }
}

#[test]
fn commitments_to_other_coefficients_make_all_shares_bad() {
    let plan = four(80);
    let report = run(cheats(plan.clone(), Cheat::IdentityCoefficient));
    proven(&report, &plan, LIAR, FaultKind::BadShare);
    assert_eq!(contributors(&report), others(&plan));
    learned(&report, &plan);
}

/// With h Receipts the commitments were verified, so it stays in the sum.
#[test]
fn a_dealing_with_h_receipts_stays_in_although_its_dealer_is_named() {
    for seat in [0, 2, 3] {
        let plan = four(90 + u64::from(seat));
        let cheat = Cheat::Share(seat);
        let cluster = Cluster::new(plan.clone());
        let (terms, round) = (cluster.terms().clone(), cluster.terms().round());
        let key = plan.clone();
        let mut late = None;
        let cluster = cluster.meddled(Box::new(move |working| cheat.meddle(working)));
        let report = run(cluster.tampered(Box::new(move |outgoing| {
            let forger = testkit::sim::Forger::new(&key, outgoing.from, round);
            let parcels = testkit::sim::cheating(cheat, &terms, &forger, outgoing);
            match outgoing.message() {
                Some((LIAR, Some(to), Body::Share { .. })) if to == seat => {
                    late = Some(parcels);
                    Vec::new()
                }
                // It is sent with h Receipts.
                Some((LIAR, _, Body::Dealt { .. })) if outgoing.to == seat => {
                    [parcels, late.take().unwrap_or_default()].concat()
                }
                _ => parcels,
            }
        })));
        proven(&report, &plan, LIAR, FaultKind::BadShare);
        assert_eq!(contributors(&report), (0..4).collect(), "seat {seat}");
        learned(&report, &plan);
    }
}

/// What does not give the root, or is no share at all, cannot be shown to others: it counts as silence.
#[test]
fn a_share_that_is_none_is_noted_and_counts_as_silence() {
    for seat in [0, 2, 3] {
        for cheat in [Cheat::Root(seat), Cheat::NotCanonical(seat)] {
            let plan = four(100 + u64::from(seat));
            let explicit = Cluster::new(plan.clone()).terms().explicit_recipients(LIAR).contains(&seat);
            if !explicit && cheat == Cheat::NotCanonical(seat) {
                continue;
            }
            let report = run(cheats(plan.clone(), cheat));
            assert!(report.proven.is_empty() && report.complaints.is_empty(), "{cheat:?}: {:?}", report.proven);
            let noted = |f: &testkit::sim::Finding| (f.by, f.culprit, f.kind) == (seat, LIAR, Some(MessageKind::Share));
            assert!(report.findings.iter().any(noted), "{cheat:?}: {:?}", report.findings);
            assert_eq!(contributors(&report), (0..4).collect(), "{cheat:?}");
            learned(&report, &plan);
        }
    }
}

/// A dealer's own share concerns nobody else until it is summed.
#[test]
fn a_dealer_that_cheats_itself_is_named_for_its_partial_sum() {
    for (seed, cheat) in (110..).zip([Cheat::Value(LIAR), Cheat::Blinding(LIAR)]) {
        let plan = four(seed);
        let report = run(cheats(plan.clone(), cheat));
        proven(&report, &plan, LIAR, FaultKind::BadPartial);
        assert_eq!(contributors(&report), (0..4).collect());
        learned(&report, &plan);
    }
}

/// A plan whose liar deals these values; its machine does not look at them.
fn deals(mut plan: Plan, values: &[i128]) -> Plan {
    let mut bytes = Vec::new();
    Encoded::unchecked(Field::Ristretto255, values).cells().write_to(&mut bytes);
    plan.forged.insert(LIAR, bytes);
    plan.loose.push(Rule::OwnBounds);
    plan
}

#[test]
fn an_input_out_of_bounds_is_refused_by_all() {
    // The bounds are −8 and 7: b is 4. −1 as an element is the order less one, and so on.
    let values = [-9, 8, -1 - 16, 7 + 16, 1 << 64, -(1 << 64), i128::MAX, -i128::MAX];
    for (seed, value) in (120..).zip(values) {
        for cell in [0, 2] {
            let mut table = [0; 3];
            table[cell] = value;
            let plan = deals(four(seed), &table);
            left_out(&run(Cluster::new(plan.clone())), &plan);
        }
    }
}

/// As integers that are no encodings of small values: an order less one is −1 here, out of bounds of a count.
#[test]
fn minus_one_as_an_element_is_no_count() {
    let mut plan = Plan::smooth(130, &[Roles::ALL; 4], 2, vec![column("heads", 0, "0", "15")]);
    plan.malicious();
    plan.shamir(2);
    plan.min_contributors(3);
    plan.corrupt.insert(LIAR);
    plan.expect = testkit::sim::Expect::Result;
    let plan = deals(plan, &[3, -1]);
    left_out(&run(Cluster::new(plan.clone())), &plan);
}

/// The verifier of every proof looks at the last one too.
#[test]
fn a_false_proof_that_stands_last_is_found() {
    let mut plan = Plan::smooth(131, &[Roles::ALL; 4], 145, vec![column("heads", 0, "0", "1")]);
    plan.malicious();
    plan.shamir(2);
    plan.min_contributors(3);
    plan.corrupt.insert(LIAR);
    plan.signing = testkit::sim::Signing::KeyedHash;
    plan.expect = testkit::sim::Expect::Result;
    let mut table = [0; 145];
    table[144] = 2;
    let plan = deals(plan, &table);
    left_out(&run(Cluster::new(plan.clone())), &plan);
}

/// Without a machine that lets it, nothing of such an input leaves.
#[test]
fn an_honest_machine_deals_nothing_out_of_bounds() {
    let mut plan = deals(four(132), &[0, 0, 8]);
    plan.loose.clear();
    let report = run(Cluster::new(plan.clone()));
    assert!(report.proven.is_empty() && report.findings.is_empty(), "{report:?}");
    assert_eq!(contributors(&report), others(&plan));
}

/// Commitments and proofs are bound to their round, dealer and cells.
#[test]
fn commitments_and_proofs_of_another_dealing_are_refused() {
    for (seed, (both, other)) in (140..).zip([(false, "round"), (true, "round"), (false, "dealer"), (true, "dealer")]) {
        let plan = four(seed);
        let report = run(Cluster::new(plan.clone()).meddled(Box::new(move |working| {
            let (terms, Done::Dealt(Ok(made))) = (working.terms, &mut *working.done) else { return };
            let Some((points, proofs)) = &mut made.proven else { return };
            // Of an agreement, a computation or a period other than this: the round id covers all of them.
            let place = match other {
                "round" => Place { round: [9; 32], dealer: working.party },
                _ => Place { round: terms.round().0, dealer: 0 },
            };
            let encoded = Encoded::new(Field::Ristretto255, terms.columns(), 0, &[1, 2, 3]).expect("within bounds");
            let mut input = InputHasher::new(terms.layout());
            input.update(&encoded);
            let (key, input) = (DealingKey::from_bytes([3; 32]), input.finish());
            let dealer = terms.dealer(working.party).expect("it deals");
            let dealing = CommittedDealing::new(terms.scheme(), dealer, place, &key, &input, &encoded);
            let bounds = Bounds::new(terms.columns(), 3, place);
            let mut dice = testkit::dice::Dice::new(1, "proofs");
            let prove = |run| dealing.prove(&bounds, run, dice.generator()).expect("it is true");
            *proofs = (0..bounds.runs()).flat_map(prove).collect();
            if both {
                *points = dealing.commitments().to_vec();
                made.shares = dealing.roots();
            }
        })));
        left_out(&report, &plan);
    }
}

/// What another dealer of this very round has published, as one's own.
#[test]
fn another_dealer_s_commitments_and_proofs_are_refused() {
    for (seed, both) in (150..).zip([false, true]) {
        let mut plan = four(seed);
        plan.without(|happening| *happening == testkit::sim::Happening::Approve(LIAR));
        plan.script.push((3_000, testkit::sim::Happening::Approve(LIAR)));
        let heard = liar::Heard::default();
        let cluster = liar::listening(liar::says(plan.clone(), LIAR, |_, _, _, _| None), &heard);
        let report = run(cluster.meddled(Box::new(move |working| {
            let Done::Dealt(Ok(made)) = &mut *working.done else { return };
            let Some((points, proofs)) = &mut made.proven else { return };
            let theirs = heard.borrow().iter().find_map(|(_, parcel)| match parcel.said() {
                Some((0, _, Body::Commitments { commitments, proofs, .. })) => {
                    Some((commitments.to_vec(), proofs.to_vec()))
                }
                _ => None,
            });
            let (their_points, their_proofs) = theirs.expect("it has heard of them");
            *proofs = their_proofs;
            if both {
                *points = their_points;
            }
        })));
        left_out(&report, &plan);
    }
}

/// Elements of an explicit share, changed on their way and not by a machine.
#[test]
fn elements_of_an_explicit_share_that_are_changed_count_as_silence() {
    for (seed, how) in (160..).zip(["flipped", "order", "shorter", "longer", "another index", "none"]) {
        let plan = four(seed);
        let victim = Cluster::new(plan.clone()).terms().explicit_recipients(LIAR).into_iter().find(|to| *to != LIAR);
        let victim = victim.expect("another explicit share");
        let report =
            run(Cluster::new(plan.clone()).tampered(Box::new(move |outgoing| match outgoing.parcel.clone() {
                testkit::sim::Parcel::Chunk { object, index, elements }
                    if outgoing.to == victim && object.kind == wire::link::BulkKind::Share =>
                {
                    let mut bytes = elements.to_vec();
                    let mut at = index;
                    match how {
                        "flipped" => bytes[0] ^= 1,
                        "order" => bytes[..32].fill(0xFF),
                        "shorter" => drop(bytes.pop()),
                        "longer" => bytes.push(0),
                        "another index" => at += 9,
                        _ => return Vec::new(),
                    }
                    let elements = zeroize::Zeroizing::new(bytes);
                    vec![(outgoing.to, testkit::sim::Parcel::Chunk { object, index: at, elements })]
                }
                _ => outgoing.unchanged(),
            })));
        assert!(report.proven.is_empty() && report.complaints.is_empty(), "{how}: {:?}", report.proven);
        let noted = report.findings.iter().any(|f| f.by == victim && f.culprit == LIAR);
        assert!(noted || how == "none", "{how}: {:?}", report.findings);
        assert_eq!(contributors(&report), (0..4).collect(), "{how}");
        learned(&report, &plan);
    }
}

/// Cells that nobody has dealt read as what they are.
#[test]
fn what_is_no_element_is_no_input() {
    let order = [0xFF; 32];
    assert!(Cells::read(Field::Ristretto255, &order).is_err());
    let mut plan = deals(four(170), &[0; 3]);
    plan.forged.insert(LIAR, [order.as_slice(), &[0; 64]].concat());
    let report = run(Cluster::new(plan.clone()));
    assert_eq!(contributors(&report), others(&plan));
}
