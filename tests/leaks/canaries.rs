//! Distinctive figures, in every form in which a program could have them, at every moment of a round.

use std::fs;

use super::forms::{FIELD64, add, add_keys, passed};
use super::kept::Kept;
use super::search::Needles;
use crate::support::{Testbed, simple};

/// Texts that are no figures, each of them in a place of an input file where it is an error.
const WORDS: [&str; 4] = ["Canaryville", "canary-heading", "notanumbercanary", "27182818.284590452"];

/// Tables of both fields, and one that is given up soon.
fn tables() -> String {
    let table = |id: &str, rows: &str, give_up: &str, decimals: u8, bound: &str| {
        simple(id, "1s", give_up)
            .replace("rows = 1", rows)
            .replace("decimals = 0", &format!("decimals = {decimals}"))
            .replace("1_000_000", bound)
    };
    let rows = r#"rows = ["north", "south", "east"]"#;
    [
        table("small", rows, "2m", 2, "900000000000.00"),
        table("large", rows, "2m", 0, "2000000000000000000"),
        table("short", rows, "6s", 2, "900000000000.00"),
    ]
    .concat()
}

/// The figures of a party. No total or mean is one of them.
fn figures(computation: &str, party: usize) -> [String; 3] {
    // Not evenly spaced, or the mean would be one of them.
    let seed = 314_159_265_358_979 + [0, 27_182_818_284_590, 141_421_356_237_309][party];
    match computation {
        "large" => [0, 1, 2].map(|row| (sign(row) * (seed * 4_321 + row * 99_991_000_000_007)).to_string()),
        _ => [0, 1, 2].map(|row| {
            let units = seed / 7 + row * 1_234_567_891_011 + i128::from(computation == "short") * 55_555_555_555;
            format!("{}{}.{:02}", if sign(row) < 0 { "-" } else { "" }, units / 100, units % 100)
        }),
    }
}

fn sign(row: i128) -> i128 {
    if row == 1 { -1 } else { 1 }
}

fn input(figures: &[String; 3]) -> String {
    format!("row,figure\nnorth,{}\nsouth,{}\neast,{}\n", figures[0], figures[1], figures[2])
}

struct Watch {
    testbed: Testbed,
    figures: Needles,
    keys: Needles,
}

impl Watch {
    fn new() -> Self {
        let mut testbed = Testbed::of(3, &tables());
        let (mut figures, mut keys) = (Needles::default(), Needles::default());
        for party in 0..3 {
            testbed.manual(party);
            testbed.edit(&testbed.node_file(party), "level = \"info\"", "level = \"trace\"");
            for computation in ["small", "large", "short"] {
                let own = self::figures(computation, party);
                testbed.input(party, Some(computation), &input(&own));
                own.iter().for_each(|figure| add(&mut figures, figure));
            }
            add_keys(&mut keys, testbed.home(party));
        }
        WORDS.iter().for_each(|word| figures.all(word.as_bytes(), word));
        testbed.start_all();
        Self { testbed, figures, keys }
    }

    /// Nothing of it is anywhere: directories, stores, chunk files, logs, and what commands said.
    fn search(&self, when: &str) {
        let folder = self.testbed.root().parent().expect("it lies in a folder").to_owned();
        let searched = self.figures.in_no_file(&folder, when, passed);
        for name in ["store.sqlite", "store.sqlite-wal", "log.jsonl", "-daemon-1.log"] {
            let count = searched.iter().filter(|file| file.to_string_lossy().ends_with(name)).count();
            assert!(count >= 3, "{when}: {count} files {name} were searched");
        }
        for (command, said) in self.testbed.all_said() {
            let found = self.figures.found_in(format!("{}{}", said.out, said.err).as_bytes());
            assert!(found.is_empty(), "{when}: `{command}` said {found:?}");
        }
        for party in 0..3 {
            self.keys.in_no_file(&self.testbed.data(party), when, |_| false);
            assert!(self.keys.found_in(self.testbed.log(party).as_bytes()).is_empty(), "{when}: a key is in the log");
        }
    }

    fn open(&self, computation: &str, period: &str) -> String {
        let round = format!("{computation}/{period}");
        self.testbed.run(0, &["round", "start", computation, "--period", period]).exits(0);
        for party in 0..3 {
            self.testbed.round_is(party, &round, "waits for approval", |view| view["phase"] == "approval");
        }
        round
    }

    fn approve(&self, party: usize, round: &str) {
        let reason = ["--reason", "the same figures as in the period before"];
        self.testbed.run(party, &[&["round", "approve", round, "--by", "A. Officer"][..], &reason].concat()).exits(0);
    }
}

#[test]
fn the_search_finds_every_form_and_knows_where_it_may_not_look() {
    let watch = Watch::new();
    assert!(watch.figures.count() > 2_000, "{}", watch.figures.count());
    // The inputs have the figures, so it is their names alone that keep them out of the search.
    for party in 0..3 {
        let input = watch.testbed.home(party).join("input-large.csv");
        assert!(passed(&input));
        assert!(watch.figures.found_in(&fs::read(&input).unwrap()).len() >= 3);
    }
    let key = watch.testbed.home(0).join("keys/storage.key");
    assert!(!watch.keys.found_in(&fs::read(key).unwrap()).is_empty());
    let units: i128 = figures("small", 2)[1].replace('.', "").parse().unwrap();
    let element = u64::try_from(FIELD64 - units.unsigned_abs()).unwrap();
    for planted in [element.to_le_bytes().to_vec(), format!("x{units}y").into_bytes(), {
        use base64ct::{Base64, Encoding};
        Base64::encode_string(&[&[1, 2][..], &units.to_le_bytes()[..], &[3]].concat()).into_bytes()
    }] {
        assert!(!watch.figures.found_in(&planted).is_empty(), "{planted:02x?}");
        let file = watch.testbed.data(1).join("planted");
        fs::write(&file, &planted).unwrap();
        let searched = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch.search("planted")));
        assert!(searched.is_err(), "{planted:02x?} was passed over");
        fs::remove_file(file).unwrap();
    }
    watch.search("nothing is planted");
}

#[test]
fn no_figure_key_or_seed_is_in_the_clear_at_any_moment_of_a_round() {
    for computation in ["small", "large"] {
        let mut watch = Watch::new();
        let round = watch.open(computation, "2026-Q3");
        watch.search("before any approval");
        // Without the third's receipt the dealer keeps its key. A power cut leaves the write-ahead log as it is.
        watch.testbed.kill(2);
        watch.approve(0, &round);
        watch.testbed.recorded(1, "receipt.sent", |_| true);
        watch.search("one party has dealt");
        // What masks its figures lies with the dealer and with whom it dealt to, sealed.
        let mut seeds = Needles::default();
        let mut kinds = Vec::new();
        for party in 0..3 {
            for (name, secret) in Kept::copy(&watch.testbed, party).secrets() {
                if name.starts_with("seed-") || name.starts_with("dealing of") {
                    secret.windows(16).step_by(8).for_each(|part| seeds.all(part, &name));
                    kinds.push(name);
                }
            }
        }
        for kind in ["dealing of p1", "seed-0 of p2"] {
            assert!(kinds.iter().any(|name| name == kind), "no {kind} in {kinds:?}");
        }
        let folder = watch.testbed.root().parent().unwrap().to_owned();
        seeds.in_no_file(&folder, "one party has dealt", passed);

        watch.testbed.kill(1);
        watch.search("after a power cut");
        seeds.in_no_file(&folder, "after a power cut", passed);
        watch.testbed.start(1);
        watch.testbed.start(2);
        watch.testbed.linked();
        let round = watch.open(computation, "2026-Q4");
        (0..3).for_each(|party| watch.approve(party, &round));
        watch.testbed.all_end(&round, "completed");
        watch.testbed.exports(0, computation, "2026-Q4");
        watch.testbed.run(1, &["result", "show", &round]).exits(0);
        watch.testbed.run(1, &["audit", "show"]).exits(0);
        watch.testbed.run(1, &["status"]).exits(0);
        watch.search("after completion");
        watch.testbed.stop_all();
        for party in 0..3 {
            let left = watch.testbed.data(party).join("store.sqlite-wal");
            fs::write(left, "").unwrap();
        }
        watch.search("after the daemons stopped");
    }
}

#[test]
fn no_figure_is_in_the_clear_when_a_round_was_abandoned_or_an_input_refused() {
    let mut watch = Watch::new();
    // The third never approves: its input is bad in every way, and each bad cell is a canary.
    let own = figures("short", 2);
    for (period, bad) in [
        ("2026-1", format!("row,canary-heading\nnorth,{}\nsouth,1\neast,2\n", own[0])),
        ("2026-2", format!("row,figure\nCanaryville,{}\nnorth,notanumbercanary\nsouth,{}\n", own[0], own[1])),
        // Beyond a bound, too many decimals, a plus sign.
        ("2026-3", format!("row,figure\nnorth,9{}\nsouth,27182818.284590452\neast,+{}\n", own[0], own[2])),
        ("2026-4", format!("row,figure\nnorth,{},{}\nsouth,\"{}\neast,1\n", own[0], own[1], own[2])),
    ] {
        watch.testbed.input(2, Some("short"), &bad);
        let round = watch.open("short", period);
        watch.approve(0, &round);
        watch.testbed.run(2, &["input", "check", "--computation", "short"]).exits(65);
        watch.testbed.run(2, &["round", "approve", &round, "--by", "A. Officer"]).exits(65);
        watch.testbed.round_is(2, &round, "shows the errors", |view| {
            view["input_errors"].as_array().is_some_and(|errors| !errors.is_empty())
        });
        watch.testbed.run(2, &["status"]).exits(0);
        watch.testbed.run(2, &["round", "show", &round]).exits(0);
        watch.search("an input was refused");
        if period == "2026-1" {
            watch.testbed.all_end(&round, "abandoned");
            watch.search("after abandonment");
        }
    }
    watch.testbed.stop_all();
}
