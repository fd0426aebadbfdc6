//! A party that owns its log and its key, and shows the others whatever it likes of it (PROTOCOL 8.3).

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use audit::{
    Departure, DepartureKind, Draft, Event, Line, Log, LogKey, NoteSigner, Past, SignedCheckpoint, Time, Witness,
};
use serde_json::Value;
use testkit::consortium::Key;
use testkit::traitor::{Betrayal, Traitor};
use wire::Signer;
use wire::frame::Frame;
use wire::link::{Checkpoint, Seen};

use super::papers::{papers, signing_key};
use super::support::Testbed;

/// The party that lies.
const LIAR: usize = 2;

struct Pen(Key);

impl NoteSigner for Pen {
    fn public_key(&self) -> [u8; 32] {
        self.0.public_key()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes)
    }
}

/// Two logs of the liar, which agree in their first 20 records, with its key.
struct Books {
    key: LogKey,
    pen: Pen,
    logs: [Log; 2],
    _folder: tempfile::TempDir,
}

impl Books {
    fn new(testbed: &Testbed) -> Self {
        let pen = Pen(Key::new(signing_key(testbed, LIAR)));
        let key = LogKey::new("testbed", testbed.id(LIAR), pen.public_key());
        let folder = tempfile::tempdir().expect("a folder");
        let log = |name: &str| {
            let mut log = Log::open(&folder.path().join(name), &Past::default()).expect("opens");
            let lines: Vec<Line> = (1..=60)
                .map(|seq| {
                    let event = if seq > 20 && name == "b" { Event::DealSent } else { Event::RoundVoid };
                    let time = Time::from_micros(1_790_000_000_000_000);
                    Draft::new(event).at(time).number(seq, &testbed.id(LIAR).into(), &"0.1.0".into()).to_line()
                })
                .collect();
            log.append(&lines).expect("appends");
            log
        };
        Self { key, pen, logs: [log("a"), log("b")], _folder: folder }
    }

    fn note(&self, log: usize, size: u64) -> SignedCheckpoint {
        let root = self.logs[log].root_at(size).expect("is there");
        SignedCheckpoint::sign(&self.key, size, root, &self.pen)
    }

    /// Its first log, or its second one, at this size, with the proof from `since`.
    fn shows(&self, log: usize, since: u64, size: u64) -> Frame {
        let path = if since < size { self.logs[log].consistency(since, size).expect("is there") } else { Vec::new() };
        let note = self.note(log, size).to_string();
        let (note, path) = (note.as_str().try_into().expect("short"), path.try_into().expect("short"));
        Frame::Checkpoint(Checkpoint { note, since, path })
    }
}

/// What it says each time that p1 tells what it has seen, and what p1 told.
#[derive(Clone, Default)]
struct Script {
    says: Arc<Mutex<VecDeque<Vec<Frame>>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Betrayal for Script {
    fn hears(&mut self, from: u16, frame: &Frame) -> Vec<Frame> {
        let (0, Frame::Seen(seen)) = (from, frame) else { return Vec::new() };
        self.heard.lock().expect("no panic").push(seen.note.to_string());
        self.says.lock().expect("no panic").pop_front().unwrap_or_default()
    }
}

/// With a line of nobody's key below it.
fn poisoned(frame: Frame) -> Frame {
    let Frame::Checkpoint(Checkpoint { note, since, path }) = frame else { panic!("no checkpoint") };
    Frame::Checkpoint(Checkpoint { note: poison(&note.to_string()), since, path })
}

fn poison<T: for<'a> TryFrom<&'a str>>(note: &str) -> T {
    let line = "\u{2014} smpcd/testbed/p1/audit CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
    T::try_from(&format!("{note}{line}\n")).ok().expect("short")
}

/// Three parties. The liar has no address, so it alone dials: of two links that cross at a start one goes, and what it said on
/// that one would be lost.
fn testbed() -> Testbed {
    let testbed = Testbed::new(3);
    testbed.run(LIAR, &["card", "new", "--no-address"]).exits(0);
    let card = testbed.home(LIAR).join(format!("cards/{}.card", testbed.id(LIAR)));
    for party in 0..LIAR {
        testbed.run(party, &["card", "add", card.to_str().expect("text")]).exits(0);
    }
    testbed
}

fn of(testbed: &Testbed, event: &str) -> Vec<Value> {
    let records = testbed.audit(0).into_iter();
    records.filter(|record| record["event"] == event && record["peer"] == testbed.id(LIAR)).collect()
}

#[test]
fn a_log_that_does_not_continue_what_was_seen_of_it_is_an_alarm_with_evidence_and_nothing_else_is() {
    let mut testbed = testbed();
    let books = Books::new(&testbed);
    let key = books.key.clone();
    let script = Script::default();
    *script.says.lock().expect("no panic") = VecDeque::from([
        // It has seen nothing. What the liar writes below its own signature is not kept.
        vec![poisoned(books.shows(0, 0, 10))],
        // The proof begins elsewhere than at what it has seen: told once what that is, no alarm.
        vec![books.shows(0, 5, 20)],
        vec![books.shows(0, 10, 20)],
        // The other log, to which both belong so far.
        vec![books.shows(1, 20, 30)],
        // And now the first one again.
        vec![books.shows(0, 0, 30)],
    ]);
    testbed.start(0);
    testbed.start(1);
    let traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    testbed.recorded(0, "log.departed", |_| true);
    testbed.until("the last one was looked at", || (script.heard.lock().expect("no panic").len() == 5).then_some(()));
    let heard = script.heard.lock().expect("no panic").clone();
    let sizes: Vec<&str> = heard.iter().map(|note| note.lines().nth(1).unwrap_or("none")).collect();
    assert_eq!(sizes, ["none", "10", "10", "20", "30"]);
    assert!(heard.iter().skip(1).all(|note| note.matches('\u{2014}').count() == 2), "its own and p1's: {heard:#?}");
    // What it cosigns, it signs: with its own key, over what it was shown.
    let p1 = LogKey::new("testbed", testbed.id(0), Key::new(signing_key(&testbed, 0)).public_key());
    let last = SignedCheckpoint::parse(&heard[4], &key).expect("the liar's own");
    assert!(last.cosigned_by(&p1).expect("cosigned") > 1_700_000_000);
    assert_eq!(last.root(), books.note(1, 30).root());

    // One alarm, of what proves itself, and the evidence is a file for anybody who has the agreement.
    let alarms = of(&testbed, "log.departed");
    assert_eq!(alarms.len(), 1, "{alarms:#?}");
    assert_eq!(alarms[0]["detail"], serde_json::json!({ "kind": "fork", "seen": 30, "shown": 30 }));
    let file = testbed
        .until("the evidence is written", || fs::read(testbed.data(0).join("evidence/log-p3-fork-30-30.json")).ok());
    let evidence: Departure = serde_json::from_slice(&file).expect("evidence");
    assert_eq!(evidence.kind, DepartureKind::Fork);
    assert!(evidence.check(&key).expect("both are its own"));
    let status = testbed.peer(0, LIAR);
    assert!(status["log"]["alarm"].as_str().expect("a text").contains("forked"), "{status:#}");
    let shown = testbed.run(0, &["status"]).exits(0).out;
    assert!(shown.contains("ALARM about p3") && shown.contains("audit acknowledge --log p3"), "{shown}");
    assert_eq!(of(&testbed, "checkpoint.witnessed").len(), 3);
    traitor.stop();
    // Cut, then without a proof: no second alarm, however often. What continues is cosigned all the same.
    let script = Script::default();
    let more = [books.shows(1, 0, 25), books.shows(0, 30, 40)].map(|frame| vec![frame]);
    script.says.lock().expect("no panic").extend(more);
    let mut traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    for left in [1, 0] {
        testbed.until("it was said", || (script.says.lock().expect("no panic").len() == left).then_some(()));
        traitor.stop();
        traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    }
    script.says.lock().expect("no panic").push_back(vec![books.shows(1, 30, 35)]);
    traitor.stop();
    traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    testbed.recorded(0, "checkpoint.witnessed", |record| record["detail"]["size"] == 35);
    assert_eq!(of(&testbed, "log.departed").len(), 1);
    // Its alarm takes no right from anybody else.
    assert!(testbed.peer(0, 1)["log"]["alarm"].is_null());

    // A restart forgets no alarm, and makes its evidence anew where it is gone.
    fs::remove_dir_all(testbed.data(0).join("evidence")).expect("removes");
    testbed.kill(0);
    testbed.start(0);
    testbed.until("the evidence is there again", || {
        fs::read(testbed.data(0).join("evidence/log-p3-fork-30-30.json")).ok().filter(|again| *again == file)
    });
    testbed.until("it is linked", || testbed.peer(0, LIAR)["connected"].as_bool().filter(|connected| *connected));
    assert!(testbed.peer(0, LIAR)["log"]["alarm"].is_string());

    // A person goes on with the log as it is now; nobody else's is touched, and who acted is in the log.
    let acknowledge =
        |log: &'static str| ["audit", "acknowledge", "--by", "Ann Ames", "--reason", "asked them", "--log", log];
    testbed.run(0, &acknowledge("p2")).exits(1).complains(&["no alarm about the log of p2"]);
    testbed.run(0, &acknowledge("nobody")).exits(1).complains(&["nobody"]);
    script.says.lock().expect("no panic").push_back(vec![books.shows(0, 0, 40)]);
    testbed.run(0, &acknowledge("p3")).exits(0);
    testbed.recorded(0, "checkpoint.witnessed", |record| record["detail"]["size"] == 40);
    let acknowledged = of(&testbed, "log.acknowledged");
    assert_eq!(acknowledged[0]["actor"], format!("uid:{}", rustix::process::getuid().as_raw()), "{acknowledged:#?}");
    assert!(testbed.peer(0, LIAR)["log"]["alarm"].is_null());
    traitor.stop();
    testbed.stop_all();
}

#[test]
fn what_is_no_checkpoint_or_not_of_this_party_ends_the_link_and_says_nothing_of_the_log() {
    let mut testbed = testbed();
    testbed.start(0);
    testbed.start(1);
    testbed.until("p2 has p1's checkpoint", || {
        fs::read_to_string(testbed.data(1).join("audit/witnessed/p1.checkpoint")).ok()
    });
    let books = Books::new(&testbed);
    let own = books.note(0, 10).to_string();
    let note = |text: &str| text.try_into().expect("short");
    let none = || Vec::<[u8; 32]>::new().try_into().expect("none");
    let checkpoint = |text: &str| Frame::Checkpoint(Checkpoint { note: note(text), since: 0, path: none() });
    let p2 = fs::read_to_string(testbed.data(1).join("audit/witnessed/p1.checkpoint")).expect("is there");
    for (what, said) in [
        ("nothing", checkpoint("")),
        ("its own text, changed", checkpoint(&own.replacen("\n10\n", "\n11\n", 1))),
        ("another party's log", checkpoint(&p2)),
        ("this party's, which this party did not sign", Frame::Seen(Seen { note: note(&own) })),
        ("this party's, changed", Frame::Seen(Seen { note: note(&p2.replacen("audit\n", "audit\n1", 1)) })),
    ] {
        let before = of(&testbed, "fault.observed").len();
        let script = Script::default();
        script.says.lock().expect("no panic").push_back(vec![said]);
        let traitor = Traitor::start(papers(&testbed, LIAR), script).expect("it starts");
        testbed.until(&format!("{what} is refused"), || (of(&testbed, "fault.observed").len() > before).then_some(()));
        traitor.stop();
    }
    // What it really signed harms nobody, however old and whoever shows it.
    let script = Script::default();
    script.says.lock().expect("no panic").push_back(vec![Frame::Seen(Seen { note: note(&p2) })]);
    let traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    testbed.until("it was said", || script.says.lock().expect("no panic").is_empty().then_some(()));
    testbed.until("it is linked", || testbed.peer(0, LIAR)["connected"].as_bool().filter(|connected| *connected));
    traitor.stop();
    assert!(testbed.status(0).expect("it runs")["log_behind"].is_null());
    assert!(of(&testbed, "log.departed").is_empty());
    assert!(testbed.audit(0).iter().all(|record| record["event"] != "log.behind"));
    testbed.stop_all();
}

#[test]
fn a_peer_that_floods_with_checkpoints_is_looked_at_now_and_then() {
    let mut testbed = testbed();
    let books = Books::new(&testbed);
    let script = Script::default();
    let flood: Vec<Frame> = (1..=60).map(|size| books.shows(0, size - 1, size)).collect();
    script.says.lock().expect("no panic").push_back(flood);
    testbed.start(0);
    testbed.start(1);
    let traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    // Of what comes at once the last one counts. Its proof begins elsewhere: it is told so, and may show a good one.
    testbed.until("it is told what was seen", || (script.heard.lock().expect("no panic").len() > 1).then_some(()));
    assert!(of(&testbed, "checkpoint.witnessed").len() < 5, "not one for each");
    assert!(testbed.peer(0, LIAR)["connected"].as_bool().expect("a flag"));
    assert!(of(&testbed, "log.departed").is_empty());
    traitor.stop();
    testbed.stop_all();
}

/// A liar says that it has seen what this party has signed, with a line of its own below.
#[test]
fn what_a_peer_writes_below_this_partys_checkpoint_is_not_in_its_files() {
    let mut testbed = testbed();
    let books = Books::new(&testbed);
    testbed.start(0);
    testbed.start(1);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs()).expect("fits");
    let script = Cosigner {
        pen: Pen(Key::new(signing_key(&testbed, LIAR))),
        key: books.key,
        p1: p1(&testbed),
        // Its clock is an hour behind.
        now: u64::try_from(now - 3600).expect("after 1970"),
    };
    let traitor = Traitor::start(papers(&testbed, LIAR), script).expect("it starts");
    let file = testbed.data(0).join("audit/cosigned/p3.checkpoint");
    let note = testbed.until("the cosignature is kept", || fs::read_to_string(&file).ok());
    assert_eq!(note.matches('\u{2014}').count(), 2, "{note}");
    // Doctor tells the clock of the machine that is wrong from that of the one that is right, by the other peer's.
    let said = testbed.run(0, &["doctor", "--level", "live"]);
    let clocks: Vec<&str> = said.out.lines().filter(|line| line.contains("clock")).collect();
    assert!(
        clocks.iter().any(|line| line.contains("that of p3 is 36") && line.contains("s behind this machine's")),
        "{said:?}"
    );
    assert!(clocks.iter().any(|line| line.contains("within 60 s of p2's")), "{said:?}");
    assert!(!clocks.iter().any(|line| line.contains("that of p2")), "{said:?}");
    traitor.stop();
    testbed.stop_all();
    testbed.run(0, &["audit", "verify"]).exits(0);
}

fn p1(testbed: &Testbed) -> LogKey {
    LogKey::new("testbed", testbed.id(0), Key::new(signing_key(testbed, 0)).public_key())
}

/// Cosigns what p1 shows, and writes something of its own below.
struct Cosigner {
    pen: Pen,
    key: LogKey,
    p1: LogKey,
    /// What its clock says.
    now: u64,
}

impl Betrayal for Cosigner {
    fn hears(&mut self, from: u16, frame: &Frame) -> Vec<Frame> {
        match (from, frame) {
            (0, Frame::Seen(_)) => vec![Frame::Seen(Seen { note: "".try_into().expect("short") })],
            (0, Frame::Checkpoint(shown)) => {
                let mut witness = Witness::new(self.p1.clone());
                let seen = witness.look(&shown.note.to_string(), &Vec::new()).expect("the first");
                let note = seen.cosign(&self.key, &self.pen, self.now);
                vec![Frame::Seen(Seen { note: poison(&note.to_string()) })]
            }
            _ => Vec::new(),
        }
    }
}

/// This party was put back to an older copy, its guard too. The liar keeps three checkpoints that it signed since, and shows
/// one after another.
#[test]
fn people_go_on_once_without_all_that_was_signed_before_and_are_not_stopped_again_with_the_rest_of_it() {
    let mut testbed = testbed();
    let (data, guard) = (testbed.data(0), testbed.home(0).join("guard"));
    testbed.start(0);
    testbed.start(1);
    testbed.linked();
    testbed.stop_all();
    let copied = testbed.root().join("copied");
    let put = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().expect("runs").success());
    };
    put(&data, &copied);
    let guarded = fs::read(&guard).expect("a guard");
    // What it signs now is forgotten later.
    let chain = |testbed: &Testbed| -> Vec<String> {
        let text = fs::read_to_string(testbed.data(0).join("audit/checkpoints.jsonl")).expect("a chain");
        let link = |line: &str| serde_json::from_str::<Value>(line).expect("a link")["checkpoint"].clone();
        text.lines().map(link).map(|note| note.as_str().expect("a note").to_owned()).collect()
    };
    let before = chain(&testbed).len();
    for _ in 0..3 {
        testbed.start(0);
        testbed.start(1);
        testbed.linked();
        testbed.stop_all();
    }
    let forgotten = chain(&testbed).split_off(before);
    assert!(forgotten.len() >= 3, "{}", forgotten.len());
    fs::remove_dir_all(&data).expect("removes");
    fs::rename(&copied, &data).expect("moves");
    fs::write(&guard, guarded).expect("writes");
    // p2 has lost what it had seen: only the liar has something to show.
    fs::remove_dir_all(testbed.data(1)).expect("removes");
    let _ = fs::remove_file(testbed.home(1).join("guard"));
    testbed.start(0);
    testbed.start(1);
    let says = |note: &str| Frame::Seen(Seen { note: note.try_into().expect("short") });
    let behind = |testbed: &Testbed| testbed.status(0).filter(|status| status["log_behind"].is_string());
    let script = Script::default();
    script.says.lock().expect("no panic").push_back(vec![says(forgotten.last().expect("some"))]);
    let traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    testbed.until("p1 finds itself behind", || behind(&testbed));
    testbed.until("it signs again", || testbed.status(0).filter(|status| status["rollback"].is_null()));
    let acknowledge = ["audit", "acknowledge", "--by", "Ann Ames", "--reason", "the disk was put back"];
    testbed.run(0, &acknowledge).exits(0);
    // On each link that comes up the liar shows another one.
    script.says.lock().expect("no panic").extend(forgotten.iter().rev().skip(1).map(|note| vec![says(note)]));
    let left = |script: &Script| script.says.lock().expect("no panic").len();
    let mut traitor = traitor;
    while left(&script) > 0 {
        let now = left(&script);
        traitor.stop();
        traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
        testbed.until("it was said", || (left(&script) < now).then_some(()));
    }
    testbed.until("it is linked", || testbed.peer(0, LIAR)["connected"].as_bool().filter(|connected| *connected));
    assert!(behind(&testbed).is_none(), "{:#}", testbed.status(0).expect("up"));
    assert_eq!(testbed.audit(0).iter().filter(|record| record["event"] == "log.behind").count(), 1);
    traitor.stop();
    // What was cosigned of the log of before is put aside with it.
    testbed.run(0, &["audit", "verify"]).exits(0);
    testbed.stop_all();
}

/// Evidence that is proof is kept also by a node that signs nothing for now; and no person can go on before it is written.
#[test]
fn a_fork_that_is_shown_while_the_node_recovers_is_kept_and_stays_until_its_evidence_is_written() {
    let mut testbed = testbed();
    let books = Books::new(&testbed);
    let script = Script::default();
    script.says.lock().expect("no panic").push_back(vec![books.shows(0, 0, 30)]);
    testbed.start(0);
    testbed.start(1);
    let traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    testbed.recorded(0, "checkpoint.witnessed", |record| record["peer"] == testbed.id(LIAR));
    traitor.stop();
    testbed.stop_all();
    fs::remove_file(testbed.home(0).join("guard")).expect("removes");
    let folder = testbed.data(0).join("evidence");
    fs::write(&folder, "in the way").expect("writes");
    // p2 stays down, so it recovers for as long as this takes.
    testbed.start(0);
    script.says.lock().expect("no panic").push_back(vec![books.shows(1, 0, 30)]);
    let traitor = Traitor::start(papers(&testbed, LIAR), script.clone()).expect("it starts");
    testbed.recorded(0, "log.departed", |record| record["detail"]["kind"] == "fork");
    assert!(testbed.status(0).expect("up")["rollback"].is_object());
    let acknowledge = ["audit", "acknowledge", "--by", "Ann Ames", "--reason", "asked them", "--log", "p3"];
    testbed.run(0, &acknowledge).exits(1).complains(&["evidence", "cannot be written", "log-p3-fork-30-30.json"]);
    assert!(testbed.peer(0, LIAR)["log"]["alarm"].is_string());
    fs::remove_file(&folder).expect("removes");
    testbed.run(0, &acknowledge).exits(0);
    assert!(folder.join("log-p3-fork-30-30.json").exists());
    assert!(testbed.peer(0, LIAR)["log"]["alarm"].is_null());
    traitor.stop();
    testbed.stop_all();
}
