//! A hub without a daemon around it: no port, no peers, no clock to wait for. What peers would say is signed here with
//! their keys, and what the hub would do next is asked of it.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audit::Actor;
use protocol::agreement::{Digest, PartyIndex, SharingDraft};
use protocol::round::Terms;
use tempfile::TempDir;
use testkit::consortium::{Blueprint, Consortium, Roles, column, computation};
use tls::NodeIdentity;
use tokio::sync::{mpsc, watch};
use wire::frame::Limits;
use wire::{Body, RoundId, Sealed, Set};
use zeroize::Zeroizing;

use super::hub::Hub;
use super::work::Finished;
use crate::admin::ApproveBody;
use crate::book::Book;
use crate::link::{LinkConfig, LinkEvent, Links};
use crate::seal::StorageKey;
use crate::settings::{Approval, AtMost, Audit, Policy, Settings};
use crate::status::RoundStatus;
use crate::store::{Reads, Store};
use crate::vault::Vault;

mod changes;
mod logs;
mod pauses;

/// p0 of a consortium, with its directory.
struct Bench {
    hub: Hub,
    consortium: Consortium,
    settings: Settings,
    folder: TempDir,
    finished: mpsc::UnboundedReceiver<Finished>,
    // Nobody links, but the links want somebody to tell.
    _events: mpsc::Receiver<LinkEvent>,
}

/// Four parties; three contributors are enough. Two computations of one cell each: `total`, and `other`, in which two of
/// the parties reconstruct and three decide.
fn blueprint() -> Blueprint {
    let mut blueprint = Blueprint::new(7, &[Roles::ALL; 4]);
    let mut other = computation("other", 1, vec![column("amount", 0, "-1000", "1000")]);
    other.sharing = Some(SharingDraft::Shamir { threshold: Some(2) });
    blueprint.draft.computations.push(other);
    blueprint.draft.computations.iter_mut().for_each(|computation| computation.min_contributors = Some(3));
    blueprint
}

fn settings(folder: &TempDir) -> Settings {
    let at = |name: &str| folder.path().join(name);
    Settings {
        party: "p0".into(),
        agreement: at("agreement.toml"),
        cards: at("cards"),
        signatures: at("signatures"),
        data_dir: at("data"),
        guard: at("guard"),
        listen_peers: None,
        admin_socket: at("admin.sock"),
        tls_certificate: at("tls.crt"),
        tls_private_key: at("tls.key"),
        revoked: Vec::new(),
        signing_key: at("signing.key"),
        storage_key: at("storage.key"),
        input_dir: at("input"),
        inputs: BTreeMap::new(),
        approval: Approval { policy: Policy::Auto, computations: None, at_most: None, notify: Vec::new() },
        audit: Audit::default(),
        schedules: BTreeMap::new(),
        export_json: false,
        export_csv: false,
    }
}

impl Bench {
    /// `signed`: whose signatures are there. The input of both computations is 5.
    async fn with(signed: &[usize], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(&folder);
        change(&mut settings);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let consortium = blueprint().found(now).unwrap();
        for directory in ["cards", "signatures", "input"] {
            fs::create_dir(folder.path().join(directory)).unwrap();
        }
        for member in &consortium.members {
            let card = member.card("testbed", 1, None).unwrap();
            fs::write(settings.cards.join(format!("{}.card", member.id)), card.to_pem()).unwrap();
        }
        for &party in signed {
            let member = &consortium.members[party];
            fs::write(settings.signatures.join(format!("{}.sig", member.id)), member.signature.to_pem()).unwrap();
        }
        let mut bench = Self::open(folder, settings, consortium).await;
        ["total", "other"].iter().for_each(|id| bench.input(id, 5));
        bench.turn();
        bench
    }

    async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with(&[0, 1, 2, 3], change).await
    }

    async fn open(folder: TempDir, settings: Settings, consortium: Consortium) -> Self {
        let book = Book::load(&settings, consortium.agreement.clone()).map_err(|errors| errors[0].to_string()).unwrap();
        let storage = StorageKey::from_bytes(&[9; 32]);
        let own = &consortium.members[0];
        let (events, _events) = mpsc::channel(64);
        let config = LinkConfig {
            party: PartyIndex(0),
            parties: consortium.members.iter().map(|member| member.id.clone()).collect(),
            listen: None,
            identity: NodeIdentity::from_pem(&own.issued.cert_pem, &own.issued.key_pem).unwrap(),
            trust: book.trust(),
            hello: book.hello(),
            addresses: book.addresses(),
            limits: Limits { chunk: 1024, commitments: 0 },
        };
        let links = Links::start(config, events).await.unwrap();
        let store = Store::open(&settings.data_dir, &storage, "p0").unwrap();
        let vault = Vault::open(&settings.data_dir, &storage).unwrap();
        let (changes, _) = watch::channel(0);
        let signer = Box::new(own.key.clone());
        let mut hub = Hub::new(Arc::new(settings.clone()), book, store, vault, signer, links, changes).unwrap();
        let (sender, finished) = mpsc::unbounded_channel();
        hub.finished = sender;
        Self { hub, consortium, settings, folder, finished, _events }
    }

    /// A daemon that was stopped and started again.
    async fn again(self) -> Self {
        let Self { hub, consortium, settings, folder, .. } = self;
        drop(hub);
        Self::open(folder, settings, consortium).await
    }

    fn input(&self, computation: &str, figure: i64) {
        fs::write(self.settings.input_file(computation, ""), format!("amount\n{figure}\n")).unwrap();
    }

    /// Commits and acts, as the hub does after each event.
    fn turn(&mut self) {
        while !self.hub.pending.is_empty() {
            let pending = std::mem::take(&mut self.hub.pending);
            let acts = self.hub.commit(pending).unwrap();
            self.hub.act(acts);
        }
    }

    /// The next job that comes back.
    async fn job(&mut self) {
        let patience = Duration::from_secs(30);
        let finished =
            tokio::time::timeout(patience, self.finished.recv()).await.expect("no job is under way").unwrap();
        self.hub.job_done(finished);
        self.turn();
    }

    /// Jobs come back until it is so.
    async fn until(&mut self, is: impl Fn(&Self) -> bool) {
        while !is(self) {
            self.job().await;
        }
    }

    /// How often an input of that period was let in, by the audit log.
    fn given(&self, period: &str) -> usize {
        let (event, period) = ("\"approval.given\"", format!("\"period\":\"{period}\""));
        self.records().lines().filter(|line| line.contains(event) && line.contains(&period)).count()
    }

    fn id(&self, computation: &str, period: &str) -> RoundId {
        Terms::new(&self.consortium.agreement, computation, period, 0, PartyIndex(0)).unwrap().round()
    }

    /// What a party says in a round.
    fn says(&mut self, from: u16, computation: &str, period: &str, body: Body) {
        let key = &self.consortium.members[usize::from(from)].key;
        let message = Sealed::sign(self.id(computation, period), from, None, body, key);
        self.hub.message(from, Zeroizing::new(message.bytes().to_vec()));
    }

    fn proposes(&mut self, from: u16, computation: &str, period: &str) {
        let body = Body::Propose {
            computation: computation.try_into().unwrap(),
            period: period.try_into().unwrap(),
            voided: 0,
            proof: wire::message::Votes::default(),
        };
        self.says(from, computation, period, body);
    }

    fn status(&self, computation: &str, period: &str) -> RoundStatus {
        let open = self.hub.rounds.get(&self.id(computation, period)).expect("an open round");
        open.status.clone()
    }

    /// The round as the store has it.
    fn stored(&self, computation: &str, period: &str) -> RoundStatus {
        let row = self.hub.reads().round(computation, period).unwrap().expect("a round");
        serde_json::from_str(&row.view).unwrap()
    }

    fn records(&self) -> String {
        self.hub.reads().audit_from(1, 1000).unwrap().into_iter().map(|line| line.text + "\n").collect()
    }

    fn approves(&mut self, computation: &str, period: &str, by: &str, reason: Option<&str>) -> Result<(), String> {
        let disclosure = Digest(self.hub.disclosure).to_string();
        let approval = ApproveBody { by: by.into(), disclosure, reason: reason.map(Into::into) };
        let done = self.hub.approve(computation, period, &approval, Actor::Uid(1));
        self.turn();
        done.map_err(|refused| refused.to_string())
    }

    fn abandons(&mut self, computation: &str, period: &str) -> Result<(), String> {
        let done = self.hub.abandon(computation, period, "Ann Ames", "wrong figures", Actor::Uid(1));
        self.turn();
        done.map_err(|refused| refused.to_string())
    }
}

#[tokio::test]
async fn a_proposal_that_cannot_be_joined_is_kept_once_and_joined_when_it_can() {
    let mut bench = Bench::with(&[0, 1, 3], |_| {}).await;
    for _ in 0..3 {
        bench.proposes(1, "total", "a");
        bench.hub.propose_again();
        bench.turn();
    }
    assert_eq!(bench.hub.peers[1].proposals.all().len(), 1);
    assert!(bench.hub.rounds.is_empty());
    let signature = bench.consortium.members[2].signature.to_bytes();
    bench.hub.book.take_signature(&signature).unwrap();
    for _ in 0..2 {
        bench.hub.propose_again();
        bench.turn();
        assert!(bench.hub.peers[1].proposals.all().is_empty());
        assert_eq!(bench.hub.rounds[&bench.id("total", "a")].proposer, Some(1));
    }
    assert!(!bench.records().contains("fault.observed"), "{}", bench.records());
}

#[tokio::test]
async fn a_kept_proposal_of_a_round_that_was_started_here_is_no_fault() {
    let mut bench = Bench::with(&[0, 1, 3], |_| {}).await;
    bench.proposes(1, "total", "a");
    bench.turn();
    let signature = bench.consortium.members[2].signature.to_bytes();
    bench.hub.book.take_signature(&signature).unwrap();
    bench.hub.start("total", "a", Actor::Uid(1)).unwrap();
    bench.turn();
    bench.abandons("total", "a").unwrap();
    assert!(bench.hub.rounds.is_empty(), "it is over");
    bench.hub.propose_again();
    bench.turn();
    assert!(bench.hub.peers[1].proposals.all().is_empty());
    assert!(!bench.records().contains("fault.observed"), "{}", bench.records());
}

#[tokio::test]
async fn the_policy_approves_no_more_rounds_than_it_may() {
    let at_most = Some(AtMost { rounds: 2, within: Duration::from_secs(3600) });
    let mut bench = Bench::new(|settings| settings.approval.at_most = at_most).await;
    // In one turn: none of them is in the store yet.
    [("total", "a"), ("other", "b"), ("total", "c")].iter().for_each(|round| bench.proposes(1, round.0, round.1));
    bench.turn();
    for status in [bench.status("total", "a"), bench.status("other", "b")] {
        assert_eq!((status.left_to_person, status.approved.unwrap().by), (None, None), "the policy");
    }
    let told = |status: RoundStatus| status.left_to_person.unwrap_or_default();
    assert!(told(bench.status("total", "c")).contains("approval.at_most"));
    assert!(told(bench.stored("total", "c")).contains("approval.at_most"));
    // A person does; that is not the policy's doing.
    bench.approves("total", "c", "Ann Ames", Some(" the figures are final ")).unwrap();
    let approved = bench.status("total", "c").approved.unwrap();
    assert_eq!((approved.by.as_deref(), approved.reason.as_deref()), (Some("Ann Ames"), Some("the figures are final")));
    bench.until(|bench| ["a", "b", "c"].iter().all(|period| bench.given(period) == 1)).await;
    // A restart forgets none.
    let mut bench = bench.again().await;
    bench.proposes(1, "total", "d");
    bench.turn();
    assert!(told(bench.status("total", "d")).contains("approval.at_most"));
}

#[tokio::test]
async fn a_refused_input_does_not_count_as_approved() {
    let at_most = Some(AtMost { rounds: 1, within: Duration::from_secs(3600) });
    let mut bench = Bench::new(|settings| settings.approval.at_most = at_most).await;
    bench.input("total", 5000);
    bench.proposes(1, "total", "a");
    bench.turn();
    bench.job().await;
    let status = bench.status("total", "a");
    assert!(status.approved.is_none() && !status.input_errors.is_empty(), "{status:?}");
    bench.proposes(1, "other", "a");
    bench.turn();
    assert!(bench.status("other", "a").approved.is_some());
}

#[tokio::test]
async fn the_policy_approves_only_what_it_lists_and_leaves_the_rest_for_good() {
    let list = Some(vec!["total".to_owned()]);
    let mut bench = Bench::new(|settings| settings.approval.computations = list).await;
    for computation in ["total", "other"] {
        bench.proposes(1, computation, "a");
    }
    bench.turn();
    assert!(bench.status("total", "a").approved.is_some());
    let told = bench.status("other", "a").left_to_person.unwrap();
    assert!(told.contains("approval.computations") && told.contains("other"), "{told}");
    // Neither another file nor time changes that.
    for figure in [6, 7, 8] {
        bench.input("other", figure);
        bench.hub.look_at_approvals();
        bench.turn();
    }
    assert!(bench.status("other", "a").waits_for_approval() && bench.status("other", "a").approved.is_none());
}

#[tokio::test]
async fn a_round_after_a_release_without_one_party_waits_for_a_person_who_is_warned() {
    let released = |bench: &Bench, period: &str, contributors: &[&str]| {
        let terms = Terms::new(&bench.consortium.agreement, "total", period, 0, PartyIndex(0)).unwrap();
        let mut status = RoundStatus::new(&terms, jiff::Timestamp::now());
        status.contributors = contributors.iter().map(|&party| party.to_owned()).collect();
        bench.hub.releases.add(&status);
    };
    let mut bench = Bench::new(|_| {}).await;
    released(&bench, "before", &["p0", "p1", "p3"]);
    ["total", "other"].iter().for_each(|computation| bench.proposes(1, computation, "a"));
    bench.turn();
    for status in [bench.status("total", "a"), bench.stored("total", "a")] {
        assert!(status.warnings[0].contains("those of before by p2"), "{status:?}");
        assert_eq!(status.left_to_person.as_ref(), status.warnings.first());
    }
    assert!(bench.status("other", "a").approved.is_some(), "another computation");
    // What was left to a person stays so, though the reason has gone.
    bench.hub.releases = Arc::default();
    bench.hub.warn_approvers();
    bench.hub.look_at_approvals();
    bench.turn();
    let status = bench.stored("total", "a");
    assert!(status.warnings.is_empty() && status.left_to_person.is_some() && status.approved.is_none(), "{status:?}");
    // One that is released while another waits is warned of too.
    let mut bench = Bench::new(|settings| settings.approval.policy = Policy::Manual).await;
    bench.proposes(1, "total", "a");
    bench.turn();
    assert_eq!(bench.status("total", "a").warnings, [""; 0]);
    released(&bench, "before", &["p1", "p2", "p3"]);
    bench.hub.warn_approvers();
    bench.turn();
    assert!(bench.stored("total", "a").warnings[0].contains("those of before by p0"));
}

#[tokio::test]
async fn people_are_told_once_a_day_and_not_after_they_declined() {
    let mut bench = Bench::new(|settings| settings.approval.policy = Policy::Manual).await;
    let id = bench.id("total", "a");
    bench.proposes(1, "total", "a");
    bench.turn();
    let told = bench.hub.rounds[&id].told;
    assert!(told.is_some(), "at once");
    bench.hub.look_at_approvals();
    assert_eq!(bench.hub.rounds[&id].told, told);
    bench.hub.decline("total", "a", "Ann Ames", "not yet", Actor::Uid(1)).unwrap();
    bench.turn();
    // As if a day had passed.
    bench.hub.rounds.get_mut(&id).unwrap().told = None;
    bench.hub.look_at_approvals();
    assert!(bench.hub.rounds[&id].told.is_none(), "who declined knows");
}

#[tokio::test]
async fn under_auto_people_are_told_of_an_input_that_was_refused() {
    let mut bench = Bench::new(|_| {}).await;
    let id = bench.id("total", "a");
    bench.input("total", 5000);
    bench.proposes(1, "total", "a");
    bench.turn();
    assert!(bench.hub.rounds[&id].told.is_none(), "the policy approves");
    bench.job().await;
    bench.hub.look_at_approvals();
    assert!(bench.hub.rounds[&id].told.is_some());
}

#[tokio::test]
async fn a_round_is_abandoned_for_good_but_not_once_its_total_may_be_open() {
    let mut bench = Bench::new(|settings| settings.approval.policy = Policy::Manual).await;
    [("total", "a"), ("other", "b")].iter().for_each(|round| bench.proposes(1, round.0, round.1));
    bench.turn();
    bench.abandons("total", "a").unwrap();
    let ended = bench.stored("total", "a");
    assert_eq!((ended.phase.as_str(), ended.reason.as_deref()), ("abandoned", Some("wrong figures (Ann Ames)")));
    assert!(bench.records().contains("round.abandon\"") && bench.records().contains("wrong figures (Ann Ames)"));
    assert!(bench.abandons("total", "a").unwrap_err().contains("it was abandoned"));
    assert!(bench.abandons("total", "z").unwrap_err().contains("there is no round"));
    // The three others have accepted a set without this party.
    let set = Set {
        dealings: (1..4)
            .map(|dealer| wire::SetEntry { dealer, dealing: wire::DealingDigest([7; 32]) })
            .collect::<Vec<_>>()
            .try_into()
            .unwrap(),
        holders: vec![1, 2, 3].try_into().unwrap(),
    };
    let round = bench.id("other", "b");
    let accept = Body::Accept { attempt: 1, set: set.digest(&round) };
    let accepts: Vec<wire::Vote> = (0u16..)
        .zip(&bench.consortium.members)
        .skip(1)
        .map(|(party, member)| {
            let digest = wire::envelope::message_digest(&round, party, None, &accept.encode());
            wire::Vote { party, signature: wire::Signer::sign(&member.key, &digest.0) }
        })
        .collect();
    let (accepts, receipts) = (accepts.try_into().unwrap(), wire::Seq::default());
    let certificate = Body::Certificate { attempt: 1, set, accepts, receipts };
    bench.says(1, "other", "b", certificate);
    bench.turn();
    assert_eq!(bench.status("other", "b").contributors, ["p1", "p2", "p3"]);
    let refused = bench.abandons("other", "b").unwrap_err();
    assert!(refused.contains("the total may be open already"), "{refused}");
    assert!(bench.status("other", "b").is_open());
}

#[tokio::test]
async fn a_due_round_is_proposed_once_and_again_after_no_restart() {
    let schedule = |settings: &mut Settings| {
        settings.schedules.insert("total".into(), "* * * * *".parse().unwrap());
        settings.approval.policy = Policy::Manual;
    };
    let mut bench = Bench::with(&[0, 1, 2], schedule).await;
    bench.hub.look_at_schedule();
    bench.turn();
    assert!(bench.hub.rounds.is_empty());
    let waits = bench.hub.timetable.statuses()[0].waits.clone().unwrap();
    assert!(waits.contains("signature") && waits.contains("p3"), "{waits}");
    let signature = bench.consortium.members[3].signature.to_bytes();
    bench.hub.book.take_signature(&signature).unwrap();
    for _ in 0..3 {
        bench.hub.look_at_schedule();
        bench.turn();
    }
    let rounds = |bench: &Bench| bench.hub.reads().rounds().unwrap().len();
    let before = rounds(&bench);
    // The day may have changed in between.
    assert!((1..=2).contains(&before), "one for each day, whatever the number of due times");
    assert!(bench.records().contains("round.proposed") && !bench.records().contains("admin.call"));
    let mut bench = bench.again().await;
    bench.hub.look_at_schedule();
    bench.turn();
    assert!(rounds(&bench) <= before + 1 && bench.hub.timetable.statuses()[0].waits.is_none());
}

#[tokio::test]
async fn an_input_that_was_dealt_in_another_period_needs_a_person_with_a_reason() {
    let mut bench = Bench::new(|settings| settings.approval.policy = Policy::Manual).await;
    bench.proposes(1, "total", "a");
    bench.turn();
    bench.approves("total", "a", "Ann Ames", None).unwrap();
    bench.until(|bench| bench.given("a") == 1).await;
    // A restart forgets none.
    let mut bench = bench.again().await;
    bench.proposes(1, "total", "b");
    bench.turn();
    for approval in 1..=2 {
        bench.approves("total", "b", "Ann Ames", Some("  ")).unwrap();
        bench.until(|bench| !bench.status("total", "b").input_errors.is_empty()).await;
        let status = bench.status("total", "b");
        let error = &status.input_errors[0];
        assert!(error.contains("dealt for a") && error.contains("--reason TEXT"), "{approval}: {error}");
        assert!(status.waits_for_approval() && status.approved.is_none(), "{status:?}");
    }
    assert_eq!((bench.given("a"), bench.given("b")), (1, 0));
    bench.approves("total", "b", "Ann Ames", Some("nothing has changed")).unwrap();
    bench.until(|bench| bench.given("b") == 1).await;
    let record = bench.records().lines().rfind(|line| line.contains("approval.given")).unwrap().to_owned();
    assert!(record.contains("nothing has changed") && record.contains("Ann Ames"), "{record}");
    // Another computation, or another figure, needs none.
    bench.proposes(1, "other", "c");
    bench.input("total", 6);
    bench.proposes(1, "total", "d");
    bench.turn();
    for (computation, period) in [("other", "c"), ("total", "d")] {
        bench.approves(computation, period, "Ann Ames", None).unwrap();
        bench.until(|bench| bench.given(period) == 1).await;
    }
}

#[tokio::test]
async fn of_two_rounds_with_one_input_at_once_one_is_dealt() {
    let mut bench = Bench::new(|_| {}).await;
    ["a", "b"].iter().for_each(|period| bench.proposes(1, "total", period));
    bench.turn();
    // Both inputs come in one turn: neither is in the store when the second is judged.
    for _ in 0..2 {
        let finished = bench.finished.recv().await.unwrap();
        bench.hub.job_done(finished);
    }
    bench.turn();
    assert_eq!(bench.given("a") + bench.given("b"), 1);
}

#[tokio::test]
async fn under_auto_an_input_that_was_dealt_before_waits_until_it_is_another() {
    let mut bench = Bench::new(|_| {}).await;
    bench.proposes(1, "total", "a");
    bench.turn();
    bench.until(|bench| bench.given("a") == 1).await;
    bench.proposes(1, "total", "b");
    bench.turn();
    bench.until(|bench| !bench.status("total", "b").input_errors.is_empty()).await;
    bench.hub.look_at_approvals();
    bench.turn();
    assert!(bench.hub.rounds[&bench.id("total", "b")].told.is_some(), "somebody has to put the new figures there");
    bench.input("total", 6);
    // Twice: a file that was written just now may not be whole.
    while bench.status("total", "b").waits_for_approval() {
        bench.hub.look_at_approvals();
        bench.turn();
    }
    bench.until(|bench| bench.given("b") == 1).await;
}

#[tokio::test]
async fn a_node_that_recovers_proposes_nothing_though_it_is_due() {
    let mut bench = Bench::new(|_| {}).await;
    bench.proposes(1, "other", "a");
    bench.turn();
    fs::remove_file(&bench.settings.guard).unwrap();
    bench.settings.schedules.insert("total".into(), "* * * * *".parse().unwrap());
    let mut bench = bench.again().await;
    bench.hub.look_at_schedule();
    bench.turn();
    let waits = bench.hub.timetable.statuses()[0].waits.clone().unwrap();
    assert!(waits.contains("signs nothing") && bench.hub.rounds.is_empty(), "{waits}");
}
