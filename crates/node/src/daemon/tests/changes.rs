//! What people change beside the daemon, and what they ask of it in vain, is in its log: what it was before, and who asked.

use audit::{DigestOf, Outcome, Record};
use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, SerialNumber, date_time_ymd};
use tokio::sync::oneshot;

use super::*;
use crate::admin::{Call, Reply, Request};

impl Bench {
    /// All records of this event.
    fn told(&self, event: &str) -> Vec<Record> {
        let records = self.records();
        let records = records.lines().map(|line| Record::parse(line).unwrap());
        records.filter(|record| record.event.name_and_detail().0 == event).collect()
    }

    /// A peer's card, put there by the operator. Gives its digest.
    fn put_card(&self, serial: u64) -> [u8; 32] {
        let member = &self.consortium.members[1];
        let card = member.card("testbed", serial, None).unwrap();
        fs::write(self.settings.cards.join("p1.card"), card.to_pem()).unwrap();
        card.digest().0
    }

    /// A peer's revocation list, put there by the operator.
    fn put_list(&self, number: u64) {
        let authority = &self.consortium.members[1].authority;
        let key = KeyPair::from_pem(&authority.key_pem()).unwrap();
        let issuer = Issuer::from_ca_cert_pem(authority.cert_pem(), key).unwrap();
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2126, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        fs::write(self.folder.path().join("p1.crl"), list.signed_by(&issuer).unwrap().pem().unwrap()).unwrap();
    }

    fn look(&mut self) {
        self.hub.look_at_files();
        self.turn();
    }

    /// A call as it comes over the socket, from this user.
    fn calls(&mut self, uid: u32, request: Request) -> Reply {
        let (reply, mut answer) = oneshot::channel();
        self.hub.call(Call { request, uid: Some(uid), reply }).unwrap();
        self.turn();
        answer.try_recv().unwrap()
    }
}

fn digest(record: &Record, of: DigestOf) -> Option<[u8; 32]> {
    record.digests.get(&of).map(|digest| digest.0)
}

#[tokio::test]
async fn changed_settings_are_in_the_log_with_the_digest_of_those_before() {
    let mut bench = Bench::new(|_| {}).await.again().await;
    let told = bench.told("configuration.changed");
    assert_eq!(told.len(), 1, "the first settings, and no change at the second start");
    assert_eq!(digest(&told[0], DigestOf::PreviousConfiguration), None);
    bench.settings.approval.policy = Policy::Manual;
    let bench = bench.again().await.again().await;
    let told = bench.told("configuration.changed");
    assert_eq!(told.len(), 2);
    let [first, second] = [&told[0], &told[1]].map(|record| digest(record, DigestOf::Configuration).unwrap());
    assert_ne!(first, second);
    assert_eq!(digest(&told[1], DigestOf::PreviousConfiguration), Some(first));
}

#[tokio::test]
async fn a_newer_card_is_in_the_log_with_the_digest_of_the_one_before_also_where_the_daemon_was_down() {
    let mut bench = Bench::new(|_| {}).await;
    let mut before = bench.put_card(1);
    for serial in 2..6 {
        let now = bench.put_card(serial);
        if serial % 2 == 0 {
            bench = bench.again().await;
        } else {
            bench.look();
        }
        let told = bench.told("card.taken-in");
        assert_eq!(told.len() + 1, usize::try_from(serial).unwrap());
        let last = told.last().unwrap();
        assert_eq!(last.peer.as_ref().map(audit::Name::as_str), Some("p1"));
        assert_eq!((digest(last, DigestOf::Card), digest(last, DigestOf::PreviousCard)), (Some(now), Some(before)));
        before = now;
    }
}

#[tokio::test]
async fn other_revocation_lists_are_in_the_log_once_also_where_the_daemon_was_down() {
    let mut bench = Bench::new(|_| {}).await;
    bench.put_list(1);
    bench.settings.revoked = vec![bench.folder.path().join("p1.crl")];
    let mut bench = bench.again().await;
    assert_eq!(bench.told("revocations.changed").len(), 1, "there was none before");
    bench.put_list(2);
    let mut known = vec![digest(&bench.told("revocations.changed")[0], DigestOf::Revocations)];
    bench = bench.again().await;
    bench.put_list(3);
    bench.look();
    // The same bytes once more are no other list.
    let file = bench.folder.path().join("p1.crl");
    fs::write(&file, [&fs::read(&file).unwrap()[..], b"\n"].concat()).unwrap();
    bench.look();
    let bench = bench.again().await;
    let told = bench.told("revocations.changed");
    assert_eq!(told.len(), 3);
    known.extend(told[1..].iter().map(|record| digest(record, DigestOf::Revocations)));
    known.sort_unstable();
    known.dedup();
    assert!(known.len() == 3 && known.iter().all(Option::is_some), "{known:?}");
}

#[tokio::test]
async fn another_agreement_in_force_is_in_the_log_with_the_digest_of_the_one_before() {
    let bench = Bench::new(|_| {}).await;
    let first = bench.hub.book.agreement().digest().0;
    let Bench { hub, settings, folder, .. } = bench;
    drop(hub);
    let mut blueprint = blueprint();
    blueprint.draft.computations.pop();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let consortium = blueprint.found(now).unwrap();
    for member in &consortium.members {
        let card = member.card("testbed", 2, None).unwrap();
        fs::write(settings.cards.join(format!("{}.card", member.id)), card.to_pem()).unwrap();
        fs::write(settings.signatures.join(format!("{}.sig", member.id)), member.signature.to_pem()).unwrap();
    }
    let bench = Bench::open(folder, settings, consortium).await;
    let second = bench.hub.book.agreement().digest().0;
    let told = bench.told("agreement.in-force");
    let digests = |record| (digest(record, DigestOf::Agreement), digest(record, DigestOf::PreviousAgreement));
    assert_eq!(told.iter().map(digests).collect::<Vec<_>>(), [(Some(first), None), (Some(second), Some(first))]);
    assert_ne!(first, second);
}

#[tokio::test]
async fn each_call_that_would_change_something_is_in_the_log_with_who_called_also_where_it_was_refused() {
    let mut bench = Bench::new(|settings| settings.approval.policy = Policy::Manual).await;
    bench.proposes(1, "total", "a");
    bench.turn();
    let id = bench.id("total", "a").0;
    let requests = |period: &str, by: &str, disclosure: &str| {
        let (computation, period, by, reason) = ("total".to_owned(), period.to_owned(), by.to_owned(), by.to_owned());
        let approval = ApproveBody { by: by.clone(), disclosure: disclosure.to_owned(), reason: None };
        [
            Request::Approve { computation: computation.clone(), period: period.clone(), approval },
            Request::Abandon {
                computation: computation.clone(),
                period: period.clone(),
                by: by.clone(),
                reason: reason.clone(),
            },
            Request::Decline { computation, period, by: by.clone(), reason: reason.clone() },
            Request::Acknowledge { log: Some("p9".to_owned()), by, reason },
        ]
    };
    // Of a round that there is, and of none; a decline says no names.
    for (uid, period, known) in [(1001, "a", true), (1002, "z", false)] {
        let before = bench.told("admin.call").len();
        let requests = requests(period, "", "another");
        let refused: Vec<Request> =
            requests.into_iter().filter(|request| !known || !matches!(request, Request::Decline { .. })).collect();
        for request in refused.clone() {
            assert!(matches!(bench.calls(uid, request), Reply::Refused(_)));
        }
        let told = bench.told("admin.call").split_off(before);
        assert_eq!(told.len(), refused.len());
        for (record, request) in told.iter().zip(&refused) {
            assert_eq!((record.outcome, record.actor), (Outcome::Refused, Actor::Uid(uid)), "{record:?}");
            let (_, detail) = record.event.name_and_detail();
            let detail = detail.unwrap();
            assert_eq!(detail["call"], request.act().unwrap());
            assert!(detail["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{detail}");
            let about = request.round().filter(|_| known).map(|_| id);
            assert_eq!(record.round.as_ref().map(|round| round.id.0), about, "{record:?}");
        }
    }
    let before = bench.told("admin.call").len();
    let decline = Request::Decline {
        computation: "total".to_owned(),
        period: "a".to_owned(),
        by: "Ann".to_owned(),
        reason: "not now".to_owned(),
    };
    assert!(matches!(bench.calls(1003, decline), Reply::Round(_)));
    let told = bench.told("admin.call").split_off(before);
    assert_eq!((told[0].outcome, told[0].actor, told.len()), (Outcome::Done, Actor::Uid(1003), 1));
    // Who only looks is in no log.
    assert!(matches!(bench.calls(1004, Request::Rounds), Reply::Rounds(_)));
    assert_eq!(bench.told("admin.call").len(), before + 1);
}
