//! One party under an adversary changes, forges, replays, doubles, misdirects and withholds what it sends (PROTOCOL 1.3, 3, 4).
//!
//! Every run is judged by the simulator: no wrong result, no honest party blamed, nobody waits for ever. The tables say
//! where the liar must be named as well.
#![allow(clippy::unwrap_used)] // Helpers of tests, where a failure is to fail the test.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use testkit::consortium::{Roles, column};
use testkit::dice::Dice;
use testkit::sim::{Cluster, Expect, Forger, Outgoing, Parcel, Plan, Report, Tamper};
use wire::{Body, DealingDigest, MessageKind, RoundId, Secret32, SetDigest, SetEntry, ShareContent, Vote};
use zeroize::Zeroizing;

/// A plan with one party under an adversary.
fn plan(seed: u64, corrupt: u16) -> Plan {
    let columns = vec![column("amount", 0, "-1000", "1000"), column("heads", 0, "0", "9")];
    let mut plan = Plan::smooth(seed, &[Roles::ALL; 3], 2, columns);
    plan.corrupt.insert(corrupt);
    plan.expect = Expect::Ended;
    plan
}

fn leader(seed: u64) -> u16 {
    Cluster::new(plan(seed, 0)).terms().leader(1)
}

/// A plan in which the party whose messages of that kind are at stake is corrupt.
fn plan_for(seed: u64, kind: MessageKind) -> (Plan, u16) {
    let corrupt = if kind == MessageKind::Open { leader(seed) } else { 1 };
    (plan(seed, corrupt), corrupt)
}

/// Runs a plan whose corrupt party says what `change` makes of each of its own messages of that kind. Tells how often.
fn run(
    plan: Plan,
    corrupt: u16,
    kind: MessageKind,
    mut change: impl FnMut(&Forger, &Outgoing<'_>, Option<u16>, Body) -> Vec<(u16, Parcel)> + 'static,
) -> (Report, u64) {
    let hits = Rc::new(Cell::new(0));
    let counted = Rc::clone(&hits);
    let cluster = Cluster::new(plan);
    let forger = Forger::new(cluster.plan(), corrupt, cluster.terms().round());
    let tamper: Tamper = Box::new(move |outgoing| match outgoing.message() {
        Some((sender, recipient, body)) if sender == corrupt && body.kind() == kind => {
            counted.set(counted.get() + 1);
            change(&forger, outgoing, recipient, body)
        }
        _ => outgoing.unchanged(),
    });
    match cluster.tampered(tamper).run() {
        Ok(report) => (report, hits.get()),
        Err(violation) => panic!("{kind:?}: {violation}"),
    }
}

fn names(report: &Report, culprit: u16) -> bool {
    report.findings.iter().any(|finding| finding.culprit == culprit)
}

fn flipped(mut digest: [u8; 32]) -> [u8; 32] {
    digest[7] ^= 1;
    digest
}

fn spoil(votes: &[Vote], how: &str) -> Vec<Vote> {
    let mut votes = votes.to_vec();
    match (how, votes.first_mut()) {
        ("signature", Some(vote)) => vote.signature[3] ^= 1,
        ("party", Some(vote)) => vote.party = 63,
        ("one less", _) => drop(votes.pop()),
        ("reversed", _) => votes.reverse(),
        ("doubled", _) => votes.push(votes[0].clone()),
        _ => votes.clear(),
    }
    votes
}

const VOTES: [&str; 6] = ["signature", "party", "one less", "reversed", "doubled", "none"];

/// Every field of a body, changed. With each: whether the liar has to be named.
fn variants(body: &Body) -> Vec<(String, Body, bool)> {
    let mut all = Vec::new();
    let mut add = |what: &str, body: Body, named: bool| all.push((what.to_owned(), body, named));
    match body.clone() {
        Body::Propose { computation, period, voided, proof } => {
            let other = "other".try_into().unwrap();
            add(
                "computation",
                Body::Propose { computation: other, period: period.clone(), voided, proof: proof.clone() },
                true,
            );
            let other = "2027".try_into().unwrap();
            add(
                "period",
                Body::Propose { computation: computation.clone(), period: other, voided, proof: proof.clone() },
                true,
            );
            add("voided", Body::Propose { computation, period, voided: voided + 1, proof }, true);
        }
        Body::Deal { shares } => {
            let all_shares = shares.to_vec();
            for seat in 0..all_shares.len() {
                let mut changed = all_shares.clone();
                changed[seat] = flipped(changed[seat]);
                // Nobody holds the digest of the dealer's own share against anything in a semi-honest round.
                add("digest", Body::Deal { shares: changed.try_into().unwrap() }, seat != 1);
            }
            add("one less", Body::Deal { shares: all_shares[1..].to_vec().try_into().unwrap() }, true);
            let more = [all_shares.clone(), vec![[0; 32]]].concat();
            add("one more", Body::Deal { shares: more.try_into().unwrap() }, true);
            add("none", Body::Deal { shares: vec![].try_into().unwrap() }, true);
        }
        Body::Share { dealing, salt, content } => {
            let other = DealingDigest(flipped(dealing.0));
            add("dealing", Body::Share { dealing: other, salt: salt.clone(), content: content.clone() }, true);
            let other = Secret32(flipped(salt.0));
            add("salt", Body::Share { dealing, salt: other, content: content.clone() }, true);
            add("elements", Body::Share { dealing, salt: salt.clone(), content: ShareContent::Elements }, true);
            let other = ShareContent::Seed(Secret32([7; 32]));
            add("seed", Body::Share { dealing, salt, content: other }, true);
        }
        Body::Receipt { dealing } => {
            add("dealing", Body::Receipt { dealing: DealingDigest(flipped(dealing.0)) }, false)
        }
        Body::Dealt { dealing, receipts } => {
            let other = DealingDigest(flipped(dealing.0));
            add("dealing", Body::Dealt { dealing: other, receipts: receipts.clone() }, true);
            for how in VOTES {
                let named = !matches!(how, "one less" | "none");
                add(how, Body::Dealt { dealing, receipts: spoil(&receipts, how).try_into().unwrap() }, named);
            }
        }
        Body::Open { attempt, set, receipts, closes } => {
            for other in [0, 2, u32::MAX] {
                let (set, receipts, closes) = (set.clone(), receipts.clone(), closes.clone());
                add("attempt", Body::Open { attempt: other, set, receipts, closes }, true);
            }
            let dealings: Vec<SetEntry> = set.dealings.to_vec();
            let mut sets = Vec::new();
            let mut entry = dealings.clone();
            entry[0].dealing = DealingDigest(flipped(entry[0].dealing.0));
            sets.push(("dealing", entry, set.holders.to_vec()));
            let mut entry = dealings.clone();
            entry[2].dealer = 63;
            sets.push(("dealer", entry, set.holders.to_vec()));
            sets.push(("repeated dealer", vec![dealings[0], dealings[0], dealings[1]], set.holders.to_vec()));
            sets.push(("below the least", dealings[..2].to_vec(), set.holders.to_vec()));
            sets.push(("empty", Vec::new(), set.holders.to_vec()));
            sets.push(("reversed", dealings.iter().rev().copied().collect(), set.holders.to_vec()));
            sets.push(("holder missing", dealings.clone(), set.holders[1..].to_vec()));
            sets.push(("holder repeated", dealings.clone(), vec![0, 0, 1]));
            sets.push(("holder of no seat", dealings.clone(), vec![0, 1, 63]));
            for (what, dealings, holders) in sets {
                let mut changed = set.clone();
                changed.dealings = dealings.try_into().unwrap();
                changed.holders = holders.try_into().unwrap();
                let receipts = receipts.iter().take(changed.dealings.len()).cloned().collect::<Vec<_>>();
                let receipts = receipts.try_into().unwrap();
                add(what, Body::Open { attempt, set: changed, receipts, closes: closes.clone() }, true);
            }
            for how in VOTES {
                let mut changed = receipts.to_vec();
                changed[1] = spoil(&changed[1], how).try_into().unwrap();
                let receipts = changed.try_into().unwrap();
                add(how, Body::Open { attempt, set: set.clone(), receipts, closes: closes.clone() }, true);
            }
            let less = receipts[1..].to_vec().try_into().unwrap();
            add("receipts missing", Body::Open { attempt, set, receipts: less, closes }, true);
        }
        Body::Ready { attempt, set } => {
            add("attempt", Body::Ready { attempt: attempt + 1, set }, true);
            add("set", Body::Ready { attempt, set: SetDigest(flipped(set.0)) }, false);
        }
        Body::Accept { attempt, set } => {
            add("attempt", Body::Accept { attempt: attempt + 1, set }, true);
            add("set", Body::Accept { attempt, set: SetDigest(flipped(set.0)) }, false);
        }
        Body::Certificate { attempt, set, accepts, receipts } => {
            let (other, same) = (set.clone(), accepts.clone());
            let other =
                Body::Certificate { attempt: attempt + 1, set: other, accepts: same, receipts: receipts.clone() };
            add("attempt", other, true);
            let mut changed = set.clone();
            changed.dealings = set.dealings[1..].to_vec().try_into().unwrap();
            let accepts_too = accepts.clone();
            add(
                "set",
                Body::Certificate { attempt, set: changed, accepts: accepts_too, receipts: receipts.clone() },
                false,
            );
            for how in VOTES {
                let accepts = spoil(&accepts, how).try_into().unwrap();
                add(how, Body::Certificate { attempt, set: set.clone(), accepts, receipts: receipts.clone() }, false);
            }
        }
        Body::Partial { set, digest } => {
            add("set", Body::Partial { set: SetDigest(flipped(set.0)), digest }, false);
            add("digest", Body::Partial { set, digest: flipped(digest) }, false);
        }
        Body::Outcome { result } => add("result", Body::Outcome { result: result.map(flipped) }, false),
        Body::Decline { .. } => add("reason", Body::Decline { reason: wire::Text::truncated("x") }, false),
        Body::Close { .. } => {}
        Body::Abandon { .. } => add("reason", Body::Abandon { reason: wire::Text::truncated("x") }, false),
    }
    all
}

/// The messages that a party says in a round where nobody fails.
const SAID: [MessageKind; 11] = [
    MessageKind::Propose,
    MessageKind::Deal,
    MessageKind::Share,
    MessageKind::Receipt,
    MessageKind::Dealt,
    MessageKind::Open,
    MessageKind::Ready,
    MessageKind::Accept,
    MessageKind::Certificate,
    MessageKind::Partial,
    MessageKind::Outcome,
];

/// A body of each kind as it is said, to count its variants.
fn sample(kind: MessageKind) -> Body {
    let (plan, corrupt) = plan_for(1, kind);
    let seen = Rc::new(Cell::new(None));
    let kept = Rc::clone(&seen);
    run(plan, corrupt, kind, move |_, outgoing, _, body| {
        kept.set(Some(body));
        outgoing.unchanged()
    });
    seen.take().unwrap()
}

#[test]
fn every_field_of_every_message_changed_and_signed() {
    for kind in SAID {
        for number in 0..variants(&sample(kind)).len() {
            let seed = 100 + number as u64;
            let (plan, corrupt) = plan_for(seed, kind);
            let what = Rc::new(Cell::new((String::new(), false)));
            let told = Rc::clone(&what);
            let (report, hits) = run(plan, corrupt, kind, move |forger, outgoing, recipient, body| {
                let (name, changed, named) = variants(&body).swap_remove(number);
                told.set((name, named));
                vec![(outgoing.to, forger.says(recipient, changed))]
            });
            let (name, named) = what.take();
            assert!(hits > 0, "{kind:?} was never said");
            assert!(!named || names(&report, corrupt), "{kind:?} with a changed {name}: nobody is named");
        }
    }
}

/// What may be done to any message of any kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trick {
    Flip,
    OtherRound,
    OthersName,
    ToEverybody,
    Recipient,
    Twice,
    Split,
    Withhold,
}

const TRICKS: [Trick; 8] = [
    Trick::Flip,
    Trick::OtherRound,
    Trick::OthersName,
    Trick::ToEverybody,
    Trick::Recipient,
    Trick::Twice,
    Trick::Split,
    Trick::Withhold,
];

fn play(
    trick: Trick,
    forger: &Forger,
    outgoing: &Outgoing<'_>,
    recipient: Option<u16>,
    body: Body,
    dice: &mut Dice,
) -> Vec<(u16, Parcel)> {
    let to = outgoing.to;
    let changed = |number: usize| {
        let mut all = variants(&body);
        let number = number % all.len();
        forger.says(recipient, all.swap_remove(number).1)
    };
    match trick {
        Trick::Flip => {
            let Parcel::Message(bytes) = outgoing.parcel else { return Vec::new() };
            let mut bytes = Zeroizing::new(bytes.to_vec());
            let at = dice.index(bytes.len());
            bytes[at] ^= 1 << dice.below(8);
            vec![(to, Parcel::Message(bytes))]
        }
        Trick::OtherRound => vec![(to, forger.in_round(RoundId([9; 32])).says(recipient, body))],
        Trick::OthersName => vec![(to, forger.says_as((outgoing.from + 1) % 3, recipient, body))],
        Trick::ToEverybody => (0..3).map(|to| (to, outgoing.parcel.clone())).collect(),
        Trick::Recipient => vec![(to, forger.says(recipient.is_none().then_some(to), body))],
        Trick::Twice => vec![(to, outgoing.parcel.clone()), (to, changed(dice.index(9)))],
        Trick::Split if to == (outgoing.from + 1) % 3 => outgoing.unchanged(),
        Trick::Split => vec![(to, changed(0))],
        Trick::Withhold => Vec::new(),
    }
}

#[test]
fn every_trick_with_every_message() {
    for kind in SAID {
        for (number, trick) in TRICKS.into_iter().enumerate() {
            let seed = 300 + number as u64;
            let (plan, corrupt) = plan_for(seed, kind);
            let mut dice = Dice::new(seed, "tricks");
            let (report, hits) = run(plan, corrupt, kind, move |forger, outgoing, recipient, body| {
                play(trick, forger, outgoing, recipient, body, &mut dice)
            });
            assert!(hits > 0, "{kind:?} was never said");
            let always = matches!(trick, Trick::Flip | Trick::OtherRound | Trick::OthersName | Trick::Recipient);
            // A round of somebody else's is not this round's affair before a party has joined it, and a party that has
            // closed the round listens no more.
            let late = matches!(kind, MessageKind::Propose | MessageKind::Outcome);
            assert!(!always || late || names(&report, corrupt), "{kind:?}, {trick:?}: the liar is not named");
        }
    }
}

#[test]
fn what_others_said_is_not_changed_in_passing() {
    for seed in 0..20 {
        let corrupt = 1;
        let mut plan = plan(500 + seed, corrupt);
        // p0 and p2 have no link before the end of the round: p1 relays, through the inventory.
        plan.without(|h| *h == testkit::sim::Happening::Up(0, 2));
        plan.script.push((15_000, testkit::sim::Happening::Up(0, 2)));
        let mut dice = Dice::new(seed, "relay");
        let cluster = Cluster::new(plan);
        let tamper: Tamper = Box::new(move |outgoing| match (outgoing.message(), outgoing.parcel) {
            (Some((sender, ..)), Parcel::Message(bytes)) if sender != corrupt => {
                let mut bytes = Zeroizing::new(bytes.to_vec());
                let at = dice.index(bytes.len());
                bytes[at] ^= 0x10;
                vec![(outgoing.to, Parcel::Message(bytes))]
            }
            _ => outgoing.unchanged(),
        });
        let report = cluster.tampered(tamper).run().unwrap();
        // A link in bad hands costs nothing where there is another way.
        assert!(report.parties[0].totals.is_some() && report.parties[2].totals.is_some(), "{report:?}");
    }
}

#[test]
fn what_honest_parties_signed_in_another_round_is_worth_nothing_in_this_one() {
    for kind in SAID {
        let (plan, corrupt) = plan_for(700, kind);
        let honest = (corrupt + 1) % 3;
        let key = Forger::new(&plan, honest, RoundId([9; 32]));
        let (report, _) = run(plan, corrupt, kind, move |_, outgoing, recipient, body| {
            let replayed = key.says(recipient, body);
            vec![(outgoing.to, replayed), (outgoing.to, outgoing.parcel.clone())]
        });
        let late = matches!(kind, MessageKind::Propose | MessageKind::Outcome);
        assert!(late || names(&report, corrupt), "{kind:?}");
        assert!(report.certified.is_some(), "{kind:?}: a replay stopped the round");
    }
}

#[test]
fn equivocation_of_a_partial_withholds_the_result() {
    let (plan, corrupt) = plan_for(800, MessageKind::Partial);
    let (report, _) = run(plan, corrupt, MessageKind::Partial, |forger, outgoing, recipient, body| {
        let Body::Partial { set, digest } = body else { return Vec::new() };
        let other = forger.says(recipient, Body::Partial { set, digest: flipped(digest) });
        vec![(outgoing.to, outgoing.parcel.clone()), (outgoing.to, other)]
    });
    for honest in [0, 2] {
        assert_eq!(report.parties[honest].totals, None);
    }
    assert!(report.abandoned().iter().any(|(party, reason)| *party == 0 && reason.contains("p1")), "{report:?}");
}

/// Shares are erased behind a certificate; a link without memory, or a peer, may send one again.
#[test]
fn a_share_that_comes_again_after_the_end_is_not_kept() {
    let mut plan = plan(900, 1);
    plan.expect = Expect::Completed(vec![0, 1, 2]);
    let shares: Rc<RefCell<Vec<(u16, Parcel)>>> = Rc::default();
    let cluster = Cluster::new(plan);
    let tamper: Tamper = Box::new(move |outgoing| {
        let mut parcels = outgoing.unchanged();
        match outgoing.message() {
            Some((1, _, Body::Share { .. })) => shares.borrow_mut().extend(outgoing.unchanged()),
            // It knows the result, so the others have made their partial sums.
            Some((1, _, Body::Outcome { .. })) => {
                let again = shares.borrow().iter().filter(|(to, _)| *to == outgoing.to).cloned().collect::<Vec<_>>();
                assert_eq!(again.len(), 1);
                // Before the Outcome, which would close the round there.
                parcels.splice(0..0, again);
            }
            _ => {}
        }
        parcels
    });
    let report = cluster.tampered(tamper).run().unwrap();
    assert!(report.findings.is_empty());
}
