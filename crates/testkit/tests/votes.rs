//! Who opens, supports and certifies which set: a leader and voters under an adversary (PROTOCOL 4.3 to 4.6; SECURITY.md, "a
//! leader that opens early or leaves somebody out").
//!
//! The simulator forbids two certificates, support of an unsound set and blame of the honest; the tests here say what has
//! to happen beyond that.

use std::cell::RefCell;
use std::rc::Rc;

use protocol::round::Millis;
use testkit::consortium::{Roles, column};
use testkit::sim::{Cluster, Expect, Forger, Happening, Outgoing, Parcel, Plan, Report, Tamper};
use wire::message::Votes;
use wire::{Body, MessageKind, Seq, Set, SetEntry, Vote};

/// Four parties, of whom three are enough, and the leader's seat.
fn plan(seed: u64) -> (Plan, u16) {
    let mut plan = Plan::smooth(seed, &[Roles::ALL; 4], 1, vec![column("amount", 0, "-1000", "1000")]);
    plan.min_contributors(3);
    plan.expect = Expect::Ended;
    let leader = Cluster::new(plan.clone()).terms().leader(1);
    plan.corrupt.insert(leader);
    (plan, leader)
}

/// Runs a plan with an adversary at `corrupt`, who is handed each of its own messages.
fn run(
    plan: Plan,
    corrupt: u16,
    mut change: impl FnMut(&Forger, &Outgoing<'_>, &Body) -> Option<Vec<(u16, Parcel)>> + 'static,
) -> Report {
    let cluster = Cluster::new(plan);
    let forger = Forger::new(cluster.plan(), corrupt, cluster.terms().round());
    let tamper: Tamper = Box::new(move |outgoing| match outgoing.message() {
        Some((sender, _, body)) if sender == corrupt => {
            change(&forger, outgoing, &body).unwrap_or_else(|| outgoing.unchanged())
        }
        _ => outgoing.unchanged(),
    });
    cluster.tampered(tamper).run().unwrap_or_else(|violation| panic!("{violation}"))
}

fn open(body: &Body) -> Option<(Vec<SetEntry>, Vec<u16>, Vec<Votes>)> {
    match body {
        Body::Open { set, receipts, .. } => Some((set.dealings.to_vec(), set.holders.to_vec(), receipts.to_vec())),
        _ => None,
    }
}

fn opened(dealings: Vec<SetEntry>, holders: Vec<u16>, receipts: Vec<Votes>) -> Body {
    let set =
        Set { dealings: dealings.try_into().expect("few dealings"), holders: holders.try_into().expect("few holders") };
    Body::Open { attempt: 1, set, receipts: receipts.try_into().expect("few lists"), closes: Seq::default() }
}

/// An Open without the dealing at `place`.
fn without(body: &Body, place: usize) -> Option<Body> {
    let (mut dealings, holders, mut receipts) = open(body)?;
    dealings.remove(place);
    receipts.remove(place);
    Some(opened(dealings, holders, receipts))
}

/// The attempt failed, and the next leader's brought the sum of everybody.
fn mended(report: &Report) {
    assert_eq!(report.contributors(), Some(vec![0, 1, 2, 3]));
    assert!(report.parties.iter().all(|party| party.totals.is_some()));
}

/// Runs a plan whose leader opens without the dealing at `place`, and votes for its own lie if it `insists`.
fn leaves_out(plan: Plan, leader: u16, place: usize, insists: bool) -> Report {
    let lie: Rc<RefCell<Option<Body>>> = Rc::default();
    let round = Cluster::new(plan.clone()).terms().round();
    run(plan, leader, move |forger, outgoing, body| {
        if let Some(open) = without(body, place) {
            *lie.borrow_mut() = Some(open);
        }
        let lie = lie.borrow();
        let Some(Body::Open { attempt, set, .. }) = &*lie else { return None };
        let (attempt, digest) = (*attempt, set.digest(&round));
        let said = match body {
            Body::Open { .. } => lie.clone()?,
            Body::Ready { attempt: 1, .. } if insists => Body::Ready { attempt, set: digest },
            Body::Ready { attempt: 1, .. } => return Some(Vec::new()),
            _ => return None,
        };
        // Its own machine locks nothing on the lie, so what follows a lock is said here.
        let accept = forger.says(None, Body::Accept { attempt, set: digest });
        let voted = matches!(said, Body::Ready { .. });
        let mut parcels = vec![(outgoing.to, forger.says(None, said))];
        parcels.extend(voted.then_some((outgoing.to, accept)));
        Some(parcels)
    })
}

#[test]
fn an_open_that_leaves_out_a_complete_dealing_is_not_supported_and_blames_nobody() {
    for place in 0..4 {
        let (plan, leader) = plan(place as u64);
        let report = leaves_out(plan, leader, place, false);
        mended(&report);
        // An honest leader need not have known of the dealing.
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
}

#[test]
fn who_accepts_a_set_of_its_own_and_closes_without_a_lock_is_named() {
    for place in 0..4 {
        let (plan, leader) = plan(10 + place as u64);
        let report = leaves_out(plan, leader, place, true);
        mended(&report);
        let named = |f: &testkit::sim::Finding| f.culprit == leader && f.reason.contains("without showing its lock");
        assert!(report.findings.iter().all(named), "{:?}", report.findings);
        assert_eq!(report.findings.len(), 3);
    }
}

#[test]
fn an_open_with_a_repeated_dealer_is_a_fault() {
    let (plan, leader) = plan(15);
    let report = run(plan, leader, |forger, outgoing, body| {
        let (mut dealings, holders, receipts) = open(body)?;
        dealings[3] = dealings[2];
        Some(vec![(outgoing.to, forger.says(None, opened(dealings, holders, receipts)))])
    });
    mended(&report);
    assert_eq!(report.findings.iter().filter(|f| f.culprit == leader && f.reason.contains("repeat")).count(), 3);
}

#[test]
fn an_open_below_the_least_number_of_contributors_is_a_fault() {
    let (plan, leader) = plan(20);
    let report = run(plan, leader, |forger, outgoing, body| {
        let (dealings, holders, receipts) = open(body)?;
        let few = opened(dealings[..2].to_vec(), holders, receipts[..2].to_vec());
        Some(vec![(outgoing.to, forger.says(None, few))])
    });
    mended(&report);
    assert_eq!(report.findings.iter().filter(|f| f.reason.contains("fewer contributors")).count(), 3);
}

#[test]
fn an_open_whose_receipts_are_of_other_dealings_is_a_fault() {
    let (plan, leader) = plan(30);
    let report = run(plan, leader, |forger, outgoing, body| {
        let (dealings, holders, mut receipts) = open(body)?;
        receipts.swap(0, 1);
        Some(vec![(outgoing.to, forger.says(None, opened(dealings, holders, receipts)))])
    });
    mended(&report);
    assert_eq!(report.findings.iter().filter(|f| f.reason.contains("false signature")).count(), 3);
}

/// The leader opens twelve seconds after the start without one party, whose time to deal is twenty. If `comes`, that party
/// deals after the Open, and in time.
fn opens_early(seed: u64, comes: bool) -> (Report, u16, u16) {
    let (mut plan, leader) = plan(seed);
    let late = (leader + 1) % 4;
    let (near, far) = (leader.min((leader + 2) % 4), leader.max((leader + 2) % 4));
    plan.without(|h| *h == Happening::Approve(late));
    // A link that comes back lets the leader speak at that moment.
    plan.script.push((11_900, Happening::Down(near, far)));
    plan.script.push((12_000, Happening::Up(near, far)));
    // What it will say follows from the seed: it is learned in a run in which the leader keeps to the rules.
    let learned: Rc<RefCell<Option<Body>>> = Rc::default();
    let kept = Rc::clone(&learned);
    run(plan.clone(), leader, move |_, _, body| {
        open(body)?;
        *kept.borrow_mut() = Some(body.clone());
        None
    });
    let early = learned.take().expect("the leader opens when collect_for is over");
    assert_eq!(open(&early).map(|(dealings, ..)| dealings.len()), Some(3));
    if comes {
        plan.script.push((15_000, Happening::Approve(late)));
    } else {
        plan.expect = Expect::Completed((0..4).filter(|&p| p != late).collect());
    }
    let report = run(plan, leader, move |forger, outgoing, body| {
        let speaks = outgoing.now >= Millis(12_000) && matches!(body, Body::Propose { .. });
        let mut parcels = outgoing.unchanged();
        if speaks {
            parcels.extend((0..4).map(|to| (to, forger.says(None, early.clone()))));
        }
        Some(parcels)
    });
    (report, leader, late)
}

#[test]
fn an_early_open_is_kept_and_judged_when_collect_for_is_over() {
    // Without the latecomer it is what an honest leader would open now. That nobody was ready before is for the
    // simulator to see.
    let (report, _, late) = opens_early(40, false);
    assert!(report.contributors().is_some_and(|set| !set.contains(&late)));
    assert!(report.ended_at > Millis(20_000), "{:?}", report.ended_at);
}

#[test]
fn an_early_open_fails_where_the_latecomer_came_in_time() {
    let (report, _, late) = opens_early(41, true);
    // The others pass the Open on to its leader, whose own machine knows nothing of it and abstains: so nothing opens at
    // all, or everybody's.
    assert!(report.contributors().is_none_or(|set| set.contains(&late)), "{report:?}");
}

/// Honest clocks begin at different moments: the leader's time may be over before another party's.
#[test]
fn an_honest_open_waits_for_each_party_s_own_time() {
    let (mut plan, leader) = plan(50);
    let decliner = (leader + 1) % 4;
    plan.without(|h| *h == Happening::Approve(decliner));
    plan.script.push((1_500, Happening::Decline(decliner)));
    plan.expect = Expect::Completed((0..4).filter(|&p| p != decliner).collect());
    // It proposes, and others learn of the round up to a second later.
    plan.without(|h| matches!(h, Happening::Propose(_)));
    plan.script.push((1, Happening::Propose(leader)));
    plan.latency = (1, 800);
    plan.corrupt.clear();
    let report = Cluster::new(plan).run().unwrap_or_else(|violation| panic!("{violation}"));
    assert!(report.ended_at > Millis(20_000));
    assert!(report.findings.is_empty());
}

#[test]
fn two_opens_to_different_parties_certify_nothing_twice() {
    for seed in 60..70 {
        let (plan, leader) = plan(seed);
        let report = run(plan, leader, move |forger, outgoing, body| {
            let fewer = without(body, 0)?;
            Some(match outgoing.to % 2 {
                0 => vec![(outgoing.to, outgoing.parcel.clone()), (outgoing.to, forger.says(None, fewer))],
                _ => vec![(outgoing.to, forger.says(None, fewer)), (outgoing.to, outgoing.parcel.clone())],
            })
        });
        assert!(report.findings.iter().any(|f| f.culprit == leader && f.reason.contains("equivocation")));
    }
}

#[test]
fn an_open_of_a_party_that_does_not_lead_is_a_fault() {
    let (mut plan, leader) = plan(80);
    let usurper = (leader + 1) % 4;
    plan.corrupt = [usurper].into();
    plan.expect = Expect::Completed(vec![0, 1, 2, 3]);
    let report = run(plan, usurper, move |forger, outgoing, body| {
        let Body::Certificate { set, .. } = body else { return None };
        let receipts = vec![Votes::default(); set.dealings.len()];
        let open = opened(set.dealings.to_vec(), set.holders.to_vec(), receipts);
        Some(vec![(outgoing.to, forger.says(None, open)), (outgoing.to, outgoing.parcel.clone())])
    });
    assert!(report.findings.iter().any(|f| f.culprit == usurper && f.kind == Some(MessageKind::Open)));
}

/// A voter that has seen the Accepts of the others before its own certificate is due cannot certify with fewer.
#[test]
fn a_certificate_with_one_accept_less_is_a_fault() {
    let (mut plan, leader) = plan(90);
    let liar = (leader + 1) % 4;
    plan.corrupt = [liar].into();
    let report = run(plan, liar, move |forger, outgoing, body| match body {
        // It sends no Accept, so the others hold no certificate when its own comes.
        Body::Accept { .. } => Some(Vec::new()),
        Body::Certificate { attempt, set, accepts, receipts } => {
            let fewer: Vec<Vote> = accepts.iter().filter(|vote| vote.party != liar).cloned().collect();
            let accepts = fewer.try_into().ok()?;
            let body = Body::Certificate { attempt: *attempt, set: set.clone(), accepts, receipts: receipts.clone() };
            Some(vec![(outgoing.to, forger.says(None, body))])
        }
        _ => None,
    });
    let refused = |f: &&testkit::sim::Finding| {
        f.culprit == liar && f.kind == Some(MessageKind::Certificate) && f.reason.contains("too few votes")
    };
    assert!(report.findings.iter().any(|f| refused(&f)), "{:?}", report.findings);
    // The liar holds a certificate and keeps it: nobody else may sum, nobody learns anything.
    assert!(report.parties.iter().all(|party| party.totals.is_none()));
}

/// Votes that were signed for one recipient are no votes: or an honest party would certify with what others refuse.
#[test]
fn an_accept_that_was_signed_for_one_recipient_makes_no_certificate() {
    let (mut plan, leader) = plan(100);
    let liar = (leader + 1) % 4;
    plan.corrupt = [liar].into();
    let report = run(plan, liar, move |forger, outgoing, body| match body {
        Body::Accept { .. } => Some(vec![(outgoing.to, forger.says(Some(outgoing.to), body.clone()))]),
        Body::Certificate { .. } => Some(Vec::new()),
        _ => None,
    });
    assert!(report.findings.iter().all(|f| f.culprit == liar));
    assert!(report.parties.iter().all(|party| party.totals.is_none()));
}

/// A sound message in the wrong hands is the fault of who passed it on.
#[test]
fn who_passes_a_message_to_a_party_that_it_does_not_concern_is_at_fault() {
    let mut plan = Plan::trio(110);
    plan.corrupt.insert(1);
    let cluster = Cluster::new(plan);
    // What p0 tells those who learn no result.
    let round = cluster.terms().round();
    let honest = Forger::new(cluster.plan(), 0, round);
    let tamper: Tamper = Box::new(move |outgoing| {
        let mut parcels = outgoing.unchanged();
        if let (Some((1, _, Body::Ready { .. })), 2) = (outgoing.message(), outgoing.to) {
            parcels.push((2, honest.says(None, Body::Outcome { result: None })));
        }
        parcels
    });
    let report = cluster.tampered(tamper).run().unwrap_or_else(|violation| panic!("{violation}"));
    assert!(report.findings.iter().any(|f| f.by == 2 && f.culprit == 1 && f.kind == Some(MessageKind::Outcome)));
}
