//! One field of each kind of message, changed and signed again by the party that sends it: fourteen rounds at once, each
//! with another lie, of four parties any two of which reconstruct.
//!
//! A lie that its reader can only refuse costs the liar's part at most. One that others can be shown is evidence.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use protocol::agreement::{Agreement, PartyIndex};
use protocol::round::{OneCore, Proven, Terms, examine};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::Value;
use testkit::traitor::{Betrayal, Outgoing, Traitor};
use wire::frame::Frame;
use wire::message::Votes;
use wire::{Body, Envelope, Grievance, MessageKind, Secret32, ShareContent, Until};

use super::papers::papers;
use super::support::Testbed;

/// The computation of a testbed.
const COMPUTATION: &str = "average-expenditure";
/// Honest parties; the one after them lies.
const HONEST: usize = 3;
/// Position of the liar.
const LIAR: u16 = 3;

/// The lies, by the kind of message that is changed.
const LIES: [MessageKind; 14] = [
    MessageKind::Propose,
    MessageKind::Deal,
    MessageKind::Commitments,
    MessageKind::Share,
    MessageKind::Receipt,
    MessageKind::Dealt,
    MessageKind::Open,
    MessageKind::Ready,
    MessageKind::Accept,
    MessageKind::Certificate,
    MessageKind::Partial,
    MessageKind::Outcome,
    MessageKind::Close,
    MessageKind::Complaint,
];

/// Tells one lie in each round: which, its period says.
struct Liar {
    lies: BTreeMap<String, MessageKind>,
    /// How often each was told.
    told: Arc<Mutex<BTreeMap<MessageKind, u32>>>,
}

impl Betrayal for Liar {
    fn sends(&mut self, outgoing: &Outgoing<'_>) -> Vec<(u16, Frame)> {
        let (Some(message), Some(&lie)) = (outgoing.message(), self.lies.get(outgoing.terms.period())) else {
            return outgoing.unchanged();
        };
        match instead(lie, &message) {
            None => outgoing.unchanged(),
            Some(said) => {
                *self.told.lock().expect("no panic before").entry(lie).or_default() += 1;
                let says = |(recipient, body)| (outgoing.to, outgoing.says(recipient, body));
                said.into_iter().map(says).collect()
            }
        }
    }
}

/// What is said instead of a message, if this lie is about it.
fn instead(lie: MessageKind, message: &Envelope) -> Option<Vec<(Option<u16>, Body)>> {
    let mut body = message.body().clone();
    let truth = (message.recipient(), body.clone());
    match (lie, &mut body) {
        (MessageKind::Propose, Body::Propose { voided, .. }) => *voided += 1,
        (MessageKind::Deal, Body::Deal { shares, .. }) => {
            let mut roots = shares.to_vec();
            flip(&mut roots[0]);
            *shares = roots.try_into().expect("as many");
        }
        (MessageKind::Commitments, Body::Commitments { proofs, .. }) => {
            let mut bytes = proofs.to_vec();
            bytes[9] ^= 1;
            *proofs = bytes.try_into().expect("as many");
        }
        (MessageKind::Share, Body::Share { dealing, content, .. }) => match content {
            ShareContent::Seed(seed) => *seed = Secret32([7; 32]),
            ShareContent::Elements => flip(&mut dealing.0),
        },
        (MessageKind::Receipt, Body::Receipt { dealing }) => flip(&mut dealing.0),
        (MessageKind::Dealt, Body::Dealt { receipts, .. }) => *receipts = spoilt(receipts),
        (MessageKind::Open, Body::Open { attempt, .. }) => *attempt += 1,
        (MessageKind::Ready, Body::Ready { set, .. }) | (MessageKind::Accept, Body::Accept { set, .. }) => {
            flip(&mut set.0);
        }
        (MessageKind::Certificate, Body::Certificate { accepts, .. }) => *accepts = spoilt(accepts),
        (MessageKind::Partial, Body::Partial { digest, .. }) => flip(digest),
        (MessageKind::Outcome, Body::Outcome { result }) => flip(result.as_mut()?),
        // It accepts, and says that it closes the attempt without a lock.
        (MessageKind::Close, Body::Accept { attempt, .. }) => {
            let close = Body::Close { until: Until::Attempt(*attempt), lock: None };
            return Some(vec![truth, (None, close)]);
        }
        // It receipts, and complains of a cell that nobody dealt it.
        (MessageKind::Complaint, Body::Receipt { dealing }) if message.recipient() != Some(LIAR) => {
            let dealer = message.recipient()?;
            let (value, blinding, path) = ([5; 32], [6; 32], Vec::new().try_into().ok()?);
            let grievance = Grievance::Cell { dealing: *dealing, cell: 0, value, blinding, path };
            return Some(vec![truth, (None, Body::Complaint { dealer, grievance })]);
        }
        _ => return None,
    }
    Some(vec![(message.recipient(), body)])
}

fn flip(digest: &mut [u8; 32]) {
    digest[7] ^= 1;
}

fn spoilt(votes: &Votes) -> Votes {
    let mut all = votes.to_vec();
    if let Some(vote) = all.first_mut() {
        vote.signature[3] ^= 1;
    }
    all.try_into().expect("as many")
}

/// A period for each lie. Open is for a leader to say, so in that round the liar leads.
fn periods(agreement: &Agreement) -> BTreeMap<String, MessageKind> {
    let leads = |period: &String| {
        let terms = Terms::new(agreement, COMPUTATION, period, 0, PartyIndex(LIAR)).expect("a round");
        terms.leader(1) == LIAR
    };
    let period = |kind: MessageKind| {
        let name = kind.name().to_lowercase();
        let mut names = (0..).map(|number| format!("{name}-{number}"));
        names.find(|name| kind != MessageKind::Open || leads(name)).expect("one in four")
    };
    LIES.into_iter().map(|kind| (period(kind), kind)).collect()
}

/// The figure of a party in a period: no two are the same, or the policy would leave the second to a person.
fn figure(party: usize, place: usize) -> usize {
    1000 * (party + 1) + place
}

#[test]
fn a_changed_field_of_any_message_is_nobodys_gain() {
    let mut testbed = Testbed::with(4, &["--sharing", "shamir:2", "--adversary", "malicious"]);
    for party in 0..HONEST {
        testbed.edit(&testbed.node_file(party), "input.csv", "input-{period}.csv");
    }
    let papers = papers(&testbed, usize::from(LIAR));
    let agreement = papers.agreement.clone();
    let lies = periods(&agreement);
    for (place, period) in lies.keys().enumerate() {
        for party in 0..=HONEST {
            let text = format!("expenditure\n{}\n", figure(party, place));
            fs::write(testbed.home(party).join(format!("input-{period}.csv")), text).expect("written");
        }
    }
    let told = Arc::default();
    let traitor = Traitor::start(papers, Liar { lies: lies.clone(), told: Arc::clone(&told) }).expect("it starts");
    (0..HONEST).for_each(|party| testbed.start(party));
    for party in 0..HONEST {
        testbed.until("the traitor is linked", || {
            let peers = testbed.status(party)?["peers"].as_array()?.clone();
            peers.iter().all(|peer| peer["connected"] == true).then_some(())
        });
    }
    for period in lies.keys() {
        testbed.run(0, &["round", "start", COMPUTATION, "--period", period]).exits(0);
    }
    for (place, (period, lie)) in lies.iter().enumerate() {
        completes(&testbed, period, *lie, place);
    }
    let told = told.lock().expect("no panic before").clone();
    for lie in LIES {
        assert!(told.contains_key(&lie), "{} was never told: {told:?}", lie.name());
    }
    evidence(&testbed, &agreement, &lies);
    traitor.stop();
    testbed.stop_all();
}

/// The round completes at every honest party, with the sum of its contributors.
fn completes(testbed: &Testbed, period: &str, lie: MessageKind, place: usize) {
    let round = format!("{COMPUTATION}/{period}");
    for party in 0..HONEST {
        let ended = testbed.round_is(party, &round, "has ended", |round| round["status"] != "open");
        assert_eq!(ended["status"], "completed", "{}: {ended:#}", testbed.id(party));
        let culprits = ended["culprits"].as_array().expect("a list").iter();
        assert!(culprits.clone().all(|culprit| culprit[0] == "p4"), "{ended:#}");
        let result = testbed.result(party, &round);
        let contributors = result["contributors"].as_array().expect("a list");
        let number =
            |id: &Value| id.as_str().and_then(|id| id.strip_prefix('p')?.parse::<usize>().ok()).expect("an id");
        let contributors: Vec<usize> = contributors.iter().map(|id| number(id) - 1).collect();
        assert!((0..HONEST).all(|party| contributors.contains(&party)), "{result:#}");
        let sum: usize = contributors.iter().map(|&party| figure(party, place)).sum();
        assert_eq!(result["columns"][0]["rows"][0]["sum"], format!("{sum}.00"), "{} {result:#}", lie.name());
    }
    if lie == MessageKind::Outcome {
        testbed.round_is(0, &round, "differs", |round| round["differing"] == serde_json::json!(["p4"]));
    }
}

/// Every file names the liar, and where the lie can be proven everybody has one.
fn evidence(testbed: &Testbed, agreement: &Agreement, lies: &BTreeMap<String, MessageKind>) {
    for party in 0..HONEST {
        for (period, lie) in lies {
            let expected: &[&str] = match lie {
                MessageKind::Close => &["hidden-lock"],
                MessageKind::Complaint => &["receipted-complaint", "false-complaint"],
                _ => &[],
            };
            let folder = testbed.data(party).join("evidence");
            for fault in expected {
                let file = folder.join(format!("{COMPUTATION}-{period}-p4-{fault}.bin"));
                testbed.until(&format!("{} at {}", file.display(), testbed.id(party)), || file.exists().then_some(()));
            }
        }
        for entry in fs::read_dir(testbed.data(party).join("evidence")).expect("a folder") {
            let file = entry.expect("a file").path();
            let bytes = fs::read(&file).expect("evidence");
            match examine(agreement, &bytes, &mut UnwrapErr(SysRng), &mut OneCore) {
                Ok(Proven::Fault { culprit, .. }) => assert_eq!(culprit, "p4", "{}", file.display()),
                other => panic!("{}: {other:?}", file.display()),
            }
        }
    }
}
