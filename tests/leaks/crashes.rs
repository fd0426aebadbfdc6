//! Daemons killed at moments that chance chooses: what the crash leaves on disk has no figure, share, seed or key in the
//! clear; and when a round is over, nothing of it is left at all, sealed or not.

use std::fs;

use serde_json::Value;

use super::forms::{add, add_keys, is_key_file, passed};
use super::kept::{Kept, bulk_files};
use super::search::Needles;
use crate::support::{Testbed, chance, simple};

/// An input party without shares, a compute party without input, one that only learns, and two with several roles.
const PARTIES: [(&str, &str); 5] = [
    ("acme", r#""input", "compute", "result""#),
    ("birch", r#""input", "compute""#),
    ("cedar", r#""compute""#),
    ("dale", r#""input""#),
    ("esker", r#""result""#),
];
const DEALERS: [usize; 3] = [0, 1, 3];
const HOLDERS: [usize; 3] = [0, 1, 2];
/// The dealer whose explicit shares all lie with others.
const INPUT_ONLY: usize = 3;
/// By name: the field it needs, and the scheme.
const COMPUTATIONS: [&str; 2] = ["narrow", "wide"];
/// More records than the two rounds have at one party.
const RECORDS: u64 = 110;

fn agreement() -> String {
    let mut text = "name = \"leaks\"\nversion = 1\n\n[legal]\npurpose = \"None: a test\"\n".to_owned();
    for (id, roles) in PARTIES {
        text += &format!(
            "\n[[party]]\nid = \"{id}\"\nname = \"{id}\"\nroles = [{roles}]\nsigning_key = \"ed25519:{id}\"\n"
        );
    }
    let rows = r#"rows = ["north", "south", "east"]"#;
    let table = |id: &str, bound: &str| simple(id, "60s", "2m").replace("rows = 1", rows).replace("1_000_000", bound);
    let threshold = "sharing = { shamir = { threshold = 2 } }\nmin_contributors = 3";
    text + &table("narrow", "900000000000000").replace("sharing = \"additive\"", threshold)
        + &table("wide", "2000000000000000000")
}

/// The figures of a party in a round: others in each.
fn figures(computation: &str, party: usize, round: u64) -> [String; 3] {
    let dealer = [271_828_182_845_904, 314_159_265_358_979, 0, 141_421_356_237_309, 0][party];
    let seed = i128::from(round) * 7_777_777_777_777 + dealer;
    let of = |row: i128| match computation {
        "wide" => seed * 321 + row * 99_991_000_000_007,
        _ => seed / 3 + row * 1_234_567_891_011,
    };
    [of(0).to_string(), format!("-{}", of(1)), of(2).to_string()]
}

struct Watch {
    testbed: Testbed,
    /// Figures, and secrets that were found sealed.
    needles: Needles,
    keys: Needles,
    /// Of the secrets the sealed bytes: they are gone when the round is.
    sealed: Needles,
    /// The names of all secrets that were found.
    kinds: Vec<String>,
}

impl Watch {
    fn new() -> Self {
        // The dealer without shares has no address: it dials out.
        let mut testbed = Testbed::founded(&agreement(), &[PARTIES[INPUT_ONLY].0]);
        let mut keys = Needles::default();
        for party in 0..testbed.count() {
            testbed.edit(&testbed.node_file(party), "level = \"info\"", "level = \"trace\"");
            add_keys(&mut keys, testbed.home(party));
        }
        // Nothing is opened before this one approves.
        testbed.manual(1);
        testbed.start_all();
        Self { testbed, needles: Needles::default(), keys, sealed: Needles::default(), kinds: Vec::new() }
    }

    /// Starts a round of each computation, with figures of its own.
    fn open(&mut self, number: u64) -> [String; 2] {
        let period = format!("r{number}");
        COMPUTATIONS.map(|computation| {
            for party in DEALERS {
                let [north, south, east] = figures(computation, party, number);
                let input = format!("row,figure\nnorth,{north}\nsouth,{south}\neast,{east}\n");
                self.testbed.give(party, computation, &input);
                [north, south, east].iter().for_each(|figure| add(&mut self.needles, figure));
            }
            self.testbed.run(0, &["round", "start", computation, "--period", &period]).exits(0);
            format!("{computation}/{period}")
        })
    }

    fn approve(&self, rounds: &[String]) {
        for round in rounds {
            self.testbed.round_is(1, round, "waits for approval", |view| view["phase"] == "approval");
            self.testbed.run(1, &["round", "approve", round, "--by", "A. Officer"]).exits(0);
        }
    }

    /// Waits until all dealers but the one who has to approve have dealt, and know that all holders have it.
    fn is_dealt(&self, period: &str) {
        for (dealer, computation) in [0, INPUT_ONLY].iter().flat_map(|&dealer| COMPUTATIONS.map(|c| (dealer, c))) {
            let of_round = |record: &&Value| {
                record["round"]["computation"] == *computation && record["round"]["period"] == *period
            };
            self.testbed.until(&format!("{} is receipted in {computation}/{period}", PARTIES[dealer].0), || {
                let log = self.testbed.audit(dealer);
                let records: Vec<&Value> = log.iter().filter(of_round).collect();
                let header = records.iter().find(|record| record["event"] == "deal.sent")?["digests"]["header"].clone();
                let receipts = records.iter().filter(|record| {
                    ["receipt.sent", "receipt.received"].iter().any(|event| record["event"] == *event)
                        && record["digests"]["header"] == header
                });
                (receipts.count() == HOLDERS.len()).then_some(())
            });
        }
    }

    /// Learns what a party keeps sealed now.
    fn learn(&mut self, party: usize) {
        self.learn_from(&Kept::copy(&self.testbed, party));
    }

    fn learn_from(&mut self, kept: &Kept) {
        for (name, secret) in kept.secrets().into_iter().chain(kept.objects()) {
            secret.windows(16).step_by(8).for_each(|part| self.needles.all(part, &name));
            self.kinds.push(name);
        }
        for (name, sealed) in kept.sealed_secrets() {
            self.sealed.raw(&sealed[..32], &name);
        }
    }

    /// None of it is in the clear anywhere: directories, stores and their logs, chunk files, logs of daemons.
    fn search(&self, when: &str) {
        let folder = self.testbed.root().parent().expect("it lies in a folder").to_owned();
        let searched = self.needles.in_no_file(&folder, when, passed);
        let stores = searched.iter().filter(|file| file.ends_with("store.sqlite")).count();
        assert_eq!(stores, PARTIES.len(), "{when}");
        self.keys.in_no_file(&folder, when, is_key_file);
    }

    /// Waits until no party keeps anything secret of any round, and finds no trace of it.
    fn nothing_is_left(&self, when: &str) {
        for party in 0..self.testbed.count() {
            let id = self.testbed.id(party);
            self.testbed.until(&format!("{when}: {id} keeps nothing"), || {
                let left = Kept::copy(&self.testbed, party).sealed_secrets();
                (left.is_empty() && bulk_files(&self.testbed, party).is_empty()).then_some(())
            });
            // The log of the store is emptied with the next transaction where a reader was in the way.
            self.testbed.until(&format!("{when}: {id} has nothing sealed"), || {
                let files = ["store.sqlite", "store.sqlite-wal"].map(|name| self.testbed.data(party).join(name));
                let found = |file| self.sealed.found_in(&fs::read(file).unwrap_or_default());
                files.into_iter().all(|file| found(file).is_empty()).then_some(())
            });
        }
        self.search(when);
    }

    fn all_complete(&self, rounds: &[String]) {
        rounds.iter().for_each(|round| self.testbed.all_end(round, "completed"));
    }
}

#[test]
fn what_is_kept_of_a_round_is_sealed_and_goes_with_it() {
    let mut watch = Watch::new();
    let rounds = watch.open(0);
    watch.is_dealt("r0");
    (0..PARTIES.len()).for_each(|party| watch.learn(party));
    // Seeds and explicit shares, of the dealer without shares too. The approver who is missing keeps no input yet.
    for kind in ["seed-3 of ", "share-3 of ", "seed-0 of ", "share-0 of "] {
        assert!(watch.kinds.iter().any(|name| name.starts_with(kind)), "{kind} in {:?}", watch.kinds);
    }
    for party in DEALERS {
        let left = Kept::copy(&watch.testbed, party).objects();
        assert!(!left.iter().any(|(name, _)| name.starts_with("snapshot")), "all have receipted what it dealt");
    }
    watch.search("all but one have dealt");
    watch.testbed.kill_together(&[0, 1, 2, 3, 4]);
    watch.search("all were killed");
    (0..PARTIES.len()).for_each(|party| watch.testbed.start(party));
    watch.testbed.linked();
    watch.approve(&rounds);
    watch.all_complete(&rounds);
    watch.nothing_is_left("the rounds are complete");

    // Given up: by a holder that is needed in one of them, by two of three in the other.
    let rounds = watch.open(1);
    watch.is_dealt("r1");
    (0..PARTIES.len()).for_each(|party| watch.learn(party));
    for round in &rounds {
        for party in [1, 2] {
            if round.starts_with("narrow") || party == 1 {
                let abandon = ["round", "abandon", round, "--by", "A. Officer", "--reason", "a test"];
                watch.testbed.run(party, &abandon).exits(0);
            }
        }
        for party in HOLDERS {
            let ended = watch.testbed.round_is(party, round, "has ended", |view| view["status"] != "open");
            assert_eq!(ended["status"], "abandoned", "{ended:#}");
        }
    }
    watch.nothing_is_left("the rounds are given up");
    watch.testbed.stop_all();
    watch.search("the daemons have stopped");
}

#[test]
fn no_crash_leaves_a_figure_share_seed_or_key_in_the_clear() {
    let mut dice = chance::dice("leaks");
    let mut watch = Watch::new();
    for number in 0.. {
        // As many as are asked for, and some more where no crash has come while anything was kept.
        if number >= chance::rounds() / 20 && (!watch.kinds.is_empty() || number >= 100) {
            break;
        }
        let rounds = watch.open(number);
        watch.approve(&rounds);
        let mut parties: Vec<usize> = (0..PARTIES.len()).collect();
        dice.shuffle(&mut parties);
        watch.testbed.later(parties[dice.index(parties.len())], dice.below(RECORDS));
        let victims = &parties[..=dice.index(parties.len())];
        watch.testbed.kill_together(victims);
        let crashed: Vec<Kept> = victims.iter().map(|&victim| Kept::copy(&watch.testbed, victim)).collect();
        victims.iter().for_each(|&victim| watch.testbed.start(victim));
        crashed.iter().for_each(|kept| watch.learn_from(kept));
        for kept in &crashed {
            let when = format!("r{number}, after a crash");
            watch.needles.in_no_file(kept.folder(), &when, passed);
            watch.keys.in_no_file(kept.folder(), &when, |_| false);
        }
        watch.all_complete(&rounds);
        watch.nothing_is_left(&format!("r{number} is over"));
    }
    assert!(!watch.kinds.is_empty(), "no crash came while anything was kept");
    watch.testbed.stop_all();
}
