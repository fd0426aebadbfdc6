//! The simulator sees it when a rule of malicious rounds is missing: each is switched off at all honest parties, a liar does what it
//! is there against, and a promise is broken (PROTOCOL 5).

mod liar;

use std::cell::RefCell;
use std::rc::Rc;

use liar::{Heard, LIAR, cheats, four, listening, says, three};
use protocol::round::{Done, Object, Rule, dealing_digest};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sharing::{Cells, Encoded, Field, Opening, Place, Seed};
use testkit::sim::{Cheat, Cluster, Happening, Parcel, Plan, SumLie};
use wire::link::BulkKind;
use wire::message::commitments_digest;
use wire::{Body, Grievance, ShareContent};
use zeroize::Zeroizing;

/// The round keeps every promise with the rule, and breaks one in one of these words without it.
fn is_caught(rule: Rule, mut plan: Plan, words: &[&str], cluster: impl Fn(Plan) -> Cluster) {
    if let Err(violation) = cluster(plan.clone()).run() {
        panic!("{rule:?} is kept: {violation}");
    }
    plan.off.push(rule);
    let violation = cluster(plan).run().expect_err("the rule is missed");
    let right = words.iter().any(|words| violation.what.contains(words));
    assert!(right, "{rule:?}: another promise was broken: {violation}");
}

#[test]
fn range_proofs_that_nobody_checks() {
    let mut plan = four(1);
    let mut bytes = Vec::new();
    Encoded::unchecked(Field::Ristretto255, &[0, 0, 8]).cells().write_to(&mut bytes);
    plan.forged.insert(LIAR, bytes);
    plan.loose.push(Rule::OwnBounds);
    is_caught(Rule::ProvenBounds, plan, &["a total is wrong"], Cluster::new);
}

/// The share of whoever did not look makes its partial sum wrong, and it is named for that.
#[test]
fn shares_that_nobody_checks() {
    let cluster = |plan| cheats(plan, Cheat::Value(3));
    is_caught(Rule::CommittedShare, four(2), &["an honest party is blamed: Fault { culprit: 3"], cluster);
}

/// A complaint about a cell that is not under the root names its accuser.
#[test]
fn roots_that_nobody_compares() {
    let cluster = |plan: Plan| {
        Cluster::new(plan).tampered(Box::new(|outgoing| match outgoing.parcel.clone() {
            Parcel::Chunk { object, index, elements } if object.kind == BulkKind::Share => {
                let elements = Zeroizing::new(SumLie::OneMore.changed(&elements));
                vec![(outgoing.to, Parcel::Chunk { object, index, elements })]
            }
            _ => outgoing.unchanged(),
        }))
    };
    is_caught(Rule::ShareRoot, four(3), &["is blamed", "is convicted", "evidence against p"], cluster);
}

/// Errors in two cells that cancel out under weights that are known before.
#[test]
fn weights_that_the_dealer_knows() {
    let cluster = |plan: Plan| {
        Cluster::new(plan).meddled(Box::new(|working| {
            let Done::Dealt(Ok(made)) = &mut *working.done else { return };
            let seat = 3;
            let mut bytes = working.place.elements(Object::ShareFor(seat)).expect("it is explicit").to_vec();
            let mut weights = ChaCha20Rng::from_seed([0; 32]);
            let mut error = vec![0; bytes.len()];
            // w_0 · w_1 − w_1 · w_0 = 0.
            weights.fill_bytes(&mut error[32..48]);
            let mut other = vec![0; bytes.len()];
            weights.fill_bytes(&mut other[..16]);
            let read = |bytes: &[u8]| Cells::read(Field::Ristretto255, bytes).expect("elements");
            let mut share = read(&bytes);
            share.add(&read(&other));
            share.sub(&read(&error));
            bytes.clear();
            share.write_to(&mut bytes);
            let opening = Opening::read(&bytes, 3).expect("elements");
            let place = Place { round: working.terms.round().0, dealer: working.party };
            made.shares[usize::from(seat)] = opening.root(&place, seat);
            working.place.falsify(Object::ShareFor(seat), bytes);
        }))
    };
    // The total is far out of range, so there is none.
    is_caught(Rule::FreshWeights, four(4), &["expected Result, ended Abandoned"], cluster);
}

#[test]
fn partial_sums_that_nobody_checks() {
    let mut plan = three(5);
    plan.inputs.iter_mut().for_each(|input| input.fill(1));
    let cluster = |plan: Plan| Cluster::new(plan).meddled(Box::new(|working| SumLie::OneMore.meddle(working)));
    is_caught(Rule::CommittedSums, plan, &["a total is wrong"], cluster);
}

#[test]
fn an_accuser_that_is_believed() {
    let cluster = |plan: Plan| {
        let heard = Heard::default();
        let known = Rc::clone(&heard);
        let cluster = says(plan, LIAR, move |forger, outgoing, recipient, body| {
            let Body::Receipt { .. } = body else { return None };
            let seed = known.borrow().iter().find_map(|(_, parcel)| match parcel.said() {
                Some((2, _, Body::Share { dealing, content: ShareContent::Seed(seed), .. })) => Some((dealing, seed)),
                _ => None,
            });
            let (dealing, seed) = seed.filter(|_| recipient == Some(2))?;
            let (value, blinding) = Opening::expand(&Seed::from_bytes(seed.0), 3).cell(0);
            let grievance = Grievance::Cell { dealing, cell: 0, value, blinding, path: wire::Seq::default() };
            Some(vec![(outgoing.to, forger.says(None, Body::Complaint { dealer: 2, grievance }))])
        });
        listening(cluster, &heard)
    };
    is_caught(Rule::JudgedComplaint, four(6), &["is blamed", "is convicted", "evidence against p2"], cluster);
}

/// p2 gets its share when p0 has long shown that its own is bad.
#[test]
fn a_receipt_despite_evidence() {
    let mut plan = four(7);
    plan.without(|happening| matches!(happening, Happening::Approve(0 | 2 | 3)));
    plan.script.extend([0, 2, 3].map(|party| (4_000, Happening::Approve(party))));
    let cluster = |plan: Plan| {
        let cheat = Cheat::Share(0);
        let cluster = Cluster::new(plan);
        let (terms, round, key) = (cluster.terms().clone(), cluster.terms().round(), cluster.plan().clone());
        let mut late = None;
        cluster.meddled(Box::new(move |working| cheat.meddle(working))).tampered(Box::new(move |outgoing| {
            let forger = testkit::sim::Forger::new(&key, outgoing.from, round);
            let parcels = testkit::sim::cheating(cheat, &terms, &forger, outgoing);
            match outgoing.message() {
                Some((LIAR, Some(2), Body::Share { .. })) => {
                    late = Some(parcels);
                    Vec::new()
                }
                Some((LIAR, _, Body::Receipt { .. })) if outgoing.to == 2 && outgoing.now.0 > 4_000 => {
                    [parcels, late.take().unwrap_or_default()].concat()
                }
                _ => parcels,
            }
        }))
    };
    is_caught(Rule::EvidenceFirst, plan, &["beside evidence against it"], cluster);
}

/// Proofs that the header does not name convince nobody that its dealer has signed them.
#[test]
fn commitments_that_their_header_does_not_name() {
    let cluster = |plan| {
        says(plan, LIAR, |forger, outgoing, recipient, body| {
            let Body::Commitments { dealing, commitments, proofs } = body else { return None };
            let mut proofs = proofs.to_vec();
            proofs[0] ^= 1;
            let proofs = proofs.try_into().expect("as many as before");
            Some(vec![(outgoing.to, forger.says(recipient, Body::Commitments { dealing, commitments, proofs }))])
        })
    };
    is_caught(Rule::NamedCommitments, four(8), &["a file proves nothing"], cluster);
}

/// One result party sees another dealing than the compute parties have receipted, with other commitments.
#[test]
fn partial_sums_held_against_commitments_of_another_dealing() {
    let mut plan = four(9);
    // It would need them for a Receipt of its own.
    plan.blueprint.draft.parties[3].roles = Some(vec!["compute".into(), "result".into()]);
    plan.inputs[3].clear();
    plan.without(|happening| *happening == Happening::Approve(3));
    let cluster = |plan: Plan| {
        let kept: Rc<RefCell<Option<Body>>> = Rc::default();
        says(plan, LIAR, move |forger, outgoing, _, body| {
            if outgoing.to != 3 {
                return None;
            }
            match body {
                Body::Deal { .. } => {
                    *kept.borrow_mut() = Some(body);
                    Some(Vec::new())
                }
                Body::Commitments { commitments, proofs, .. } => {
                    let Some(Body::Deal { shares, .. }) = kept.borrow().clone() else { return None };
                    let mut points = commitments.to_vec();
                    let cell = points.len() / 3;
                    let (first, rest) = points.split_at_mut(cell);
                    first.swap_with_slice(&mut rest[..cell]);
                    let named = Some(commitments_digest(&points, &proofs));
                    let header = forger.seals(None, Body::Deal { shares, commitments: named });
                    let commitments = points.try_into().expect("as many as before");
                    let other = Body::Commitments { dealing: dealing_digest(&header), commitments, proofs };
                    Some(vec![(3, Parcel::message(&header)), (3, forger.says(None, other))])
                }
                Body::Share { .. } => Some(Vec::new()),
                _ => None,
            }
        })
    };
    is_caught(Rule::CertifiedCommitments, plan, &["is blamed", "is convicted", "evidence against p"], cluster);
}
