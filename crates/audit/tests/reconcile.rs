//! Three parties' logs of rounds beside each other: clean as they are, and whichever record is changed is named.

use audit::{Difference, DigestOf, Draft, Event, Name, Reconciled, Reconciler, Record};

const PARTIES: [&str; 3] = ["p1", "p2", "p3"];

fn digest(round: u8, of: u8, from: u8) -> [u8; 32] {
    let mut digest = [round; 32];
    digest[..2].copy_from_slice(&[of, from]);
    digest
}

/// What each party writes of a round that goes well.
fn round(id: u8, logs: &mut [Vec<Draft>; 3]) {
    let draft = |event: Event| Draft::new(event).round("average", &format!("2026-{id}"), &[id; 32]);
    let names = || PARTIES.iter().map(|party| Name::of(party)).collect::<Vec<_>>();
    for from in 0..3_u8 {
        let at = usize::from(from);
        let header = digest(id, 1, from);
        logs[at].push(draft(Event::DealSent).digest(DigestOf::Header, header));
        let accept = digest(id, 2, from);
        let accepted = |event: Event| draft(event).digest(DigestOf::Message, accept).digest(DigestOf::Set, [id; 32]);
        logs[at].push(accepted(Event::AcceptSent { attempt: 1 }));
        for to in (0..3).filter(|to| *to != at) {
            logs[at].push(draft(Event::ShareSent).peer(PARTIES[to]).digest(DigestOf::Header, header));
            logs[to].push(draft(Event::DealReceived).peer(PARTIES[at]).digest(DigestOf::Header, header));
            logs[to].push(draft(Event::ShareReceived).peer(PARTIES[at]).digest(DigestOf::Header, header));
            logs[to].push(accepted(Event::AcceptReceived { attempt: 1 }).peer(PARTIES[at]));
        }
    }
    for at in 0..3 {
        let partial = |event: Event| draft(event).digest(DigestOf::Set, [id; 32]);
        for to in (0..3).filter(|to| *to != at) {
            logs[at].push(partial(Event::PartialSent));
            logs[to].push(partial(Event::PartialReceived).peer(PARTIES[at]));
        }
    }
    for log in logs {
        let certified = Event::RoundCertified { attempt: 1, contributors: names(), holders: names() };
        log.push(draft(certified).digest(DigestOf::Set, [id; 32]));
        log.push(draft(Event::ResultReleased { contributors: names() }).digest(DigestOf::Set, [id; 32]));
    }
}

fn logs() -> [Vec<Record>; 3] {
    let mut logs: [Vec<Draft>; 3] = Default::default();
    (1..=4).for_each(|id| round(id, &mut logs));
    let mut parties = PARTIES.iter();
    logs.map(|log| {
        let party = Name::of(parties.next().expect("three"));
        log.into_iter().zip(1..).map(|(draft, seq)| draft.number(seq, &party, &"0.1.0".into())).collect()
    })
}

fn reconciled(logs: &[Vec<Record>]) -> Reconciled {
    let mut reconciler = Reconciler::default();
    logs.iter().flatten().for_each(|record| reconciler.add(record));
    reconciler.finish()
}

#[test]
fn logs_as_they_were_written_agree() {
    let logs = logs();
    let found = reconciled(&logs);
    assert_eq!((found.matched, found.unreceived.len(), found.differences.len()), (4 * 3 * 5, 0, 0));
    // A party whose log is not there is asked for nothing.
    let found = reconciled(&logs[1..]);
    assert_eq!((found.unreceived.len(), found.differences.len()), (0, 0));
}

#[test]
fn whichever_digest_is_changed_its_record_is_named() {
    let whole = logs();
    for at in 0..3 {
        for place in 0..whole[at].len() {
            let mut logs = whole.clone();
            let record = &mut logs[at][place];
            for digest in record.digests.values_mut() {
                digest.0[9] ^= 1;
            }
            let changed = format!("record {} of {} ", record.seq, record.party);
            // What went to one alone is told by its receiver.
            let found = reconciled(&logs);
            let named = found.differences.iter().any(|difference| difference.to_string().contains(&changed));
            assert!(named, "{changed}: {:?}", found.differences);
        }
    }
}

#[test]
fn a_decision_that_one_party_tells_otherwise_is_named() {
    let mut logs = logs();
    let certified = |record: &&mut Record| matches!(record.event, Event::RoundCertified { .. });
    let record = logs[1].iter_mut().find(certified).expect("certified");
    let Event::RoundCertified { contributors, .. } = &mut record.event else { unreachable!() };
    contributors.pop();
    let seq = record.seq;
    let found = reconciled(&logs).differences;
    let is = |place: &audit::Place| (place.party.as_str(), place.seq) == ("p2", seq);
    assert!(matches!(&found[0], Difference::Decision { one, other } if is(one) || is(other)), "{found:?}");
}

#[test]
fn a_record_that_is_gone_at_its_sender_is_missed() {
    let mut logs = logs();
    logs[2].retain(|record| record.event != Event::DealSent);
    let found = reconciled(&logs).differences;
    assert_eq!(found.len(), 4 * 2);
    assert!(
        found
            .iter()
            .all(|difference| difference.to_string().contains("came from p3, whose log does not have it as sent"))
    );
    let mut logs = self::logs();
    logs[2].retain(|record| record.event != Event::DealReceived);
    let found = reconciled(&logs);
    assert!(found.differences.is_empty() && found.unreceived.is_empty(), "others received it too");
}
