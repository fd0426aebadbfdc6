//! Distinctive figures, in every form in which a program could have them, at every moment of a round.

use std::fs;

use super::forms::{FIELD64, add, add_keys, is_key_file, passed, secret_keys};
use super::kept::Kept;
use super::search::Needles;
use crate::support::{Testbed, simple, smpcd};

/// Texts that are no figures, each of them in a place of an input file where it is an error.
const WORDS: [&str; 4] = ["Canaryville", "canary-heading", "notanumbercanary", "27182818.284590452"];

/// Tables of both fields, one whose steps are all proven, and one that is given up soon.
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
        table("proven", rows, "2m", 2, "900000000000.00").replace("semi-honest", "malicious"),
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
            for computation in ["small", "large", "proven", "short"] {
                let own = self::figures(computation, party);
                testbed.input(party, Some(computation), &input(&own));
                own.iter().for_each(|figure| add(&mut figures, figure));
            }
            add_keys(&mut keys, testbed.home(party));
        }
        testbed.edit(&testbed.node_file(1), "format = \"text\"", "format = \"json\"");
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
            let found = self.keys.found_in(format!("{}{}", said.out, said.err).as_bytes());
            assert!(found.is_empty(), "{when}: `{command}` said {found:?}");
        }
        self.keys.in_no_file(&folder, when, is_key_file);
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
        // The same figures in every period: a person has to say why.
        let why = ["--reason", "canaries do not change"];
        self.testbed.run(party, &[&["round", "approve", round, "--by", "A. Officer"][..], &why].concat()).exits(0);
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
    watch.search("nothing is planted");
    let own = figures("small", 2)[1].clone();
    let units: i128 = own.replace('.', "").parse().unwrap();
    let element = u64::try_from(FIELD64 - units.unsigned_abs()).unwrap();
    let folder = watch.testbed.root().parent().unwrap().to_owned();
    let places = [
        watch.testbed.data(1).join("planted"),
        watch.testbed.data(0).join("evidence/small-2026-p3.bin"),
        watch.testbed.data(2).join("results/small/2026/result.json"),
        folder.join("p3-daemon-0.log"),
    ];
    let forms = [
        own.clone().into_bytes(),
        format!("x{units}y").into_bytes(),
        format!("Ok({})", own.trim_start_matches('-')).into_bytes(),
        element.to_le_bytes().to_vec(),
        element.to_be_bytes().to_vec(),
        units.to_le_bytes().to_vec(),
        format!("{units:032X}").into_bytes(),
        format!("{:?}", element.to_le_bytes()).into_bytes(),
        format!("{:?}", own.as_bytes()).into_bytes(),
        {
            use base64ct::{Base64, Encoding};
            Base64::encode_string(&[&[1, 2][..], &units.to_le_bytes()[..], &[3]].concat()).into_bytes()
        },
    ];
    for (planted, file) in forms.iter().zip(places.iter().cycle()) {
        assert!(!watch.figures.found_in(planted).is_empty(), "{planted:02x?}");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, planted).unwrap();
        assert!(fails(&watch), "{planted:02x?} was passed over in {}", file.display());
        fs::remove_file(file).unwrap();
    }
    watch.search("nothing is planted any more");
    // Commands repeat what they were given, so this is said, and then it stays so.
    watch.testbed.run(0, &["round", "show", &format!("small/{}", own.replace(['-', '.'], ""))]);
    assert!(fails(&watch), "what a command said was passed over");
}

/// Whether the search finds something.
fn fails(watch: &Watch) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch.search("planted"))).is_err()
}

#[test]
fn a_key_is_found_in_every_form_wherever_it_is_written() {
    use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding};
    let mut testbed = Testbed::new(3);
    let mut keys = Needles::default();
    (0..3).for_each(|party| add_keys(&mut keys, testbed.home(party)));
    let folder = testbed.root().parent().expect("it lies in a folder").to_owned();
    testbed.start_all();
    testbed.stop_all();
    keys.in_no_file(&folder, "nothing is planted", is_key_file);
    let places = [
        testbed.data(0).join("audit/log.jsonl"),
        testbed.data(1).join("evidence/pay-2026-p1.bin"),
        testbed.data(2).join("results/pay/2026/result.json"),
        testbed.data(0).join("planted"),
        folder.join("p2-daemon-1.log"),
    ];
    for secret in secret_keys(testbed.home(1)) {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        for (written, place) in [
            secret.clone(),
            secret[3..27].to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            Base64::encode_string(&secret).into_bytes(),
            Base64Unpadded::encode_string(&secret).into_bytes(),
            Base64Url::encode_string(&secret).into_bytes(),
            Base64UrlUnpadded::encode_string(&secret).into_bytes(),
            Base64::encode_string(&[&[1][..], &secret].concat()).into_bytes(),
            format!("{secret:?}").into_bytes(),
            serde_json::to_vec(&secret).expect("a list"),
        ]
        .into_iter()
        .zip(places.iter().cycle())
        {
            let before = fs::read(place).ok();
            fs::create_dir_all(place.parent().expect("a folder")).unwrap();
            fs::write(place, [&before.clone().unwrap_or_default(), &b"key="[..], &written, b"\n"].concat()).unwrap();
            let searched = std::panic::catch_unwind(|| keys.in_no_file(&folder, "planted", is_key_file));
            assert!(searched.is_err(), "{} in {} was passed over", String::from_utf8_lossy(&written), place.display());
            before.map_or_else(|| fs::remove_file(place), |before| fs::write(place, before)).unwrap();
        }
    }
    keys.in_no_file(&folder, "nothing is planted any more", is_key_file);
}

#[test]
fn no_figure_key_or_seed_is_in_the_clear_at_any_moment_of_a_round() {
    for computation in ["small", "large", "proven"] {
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
        let seeds_stay_hidden = |testbed: &Testbed, when: &str| {
            seeds.in_no_file(&folder, when, |_| false);
            for (command, said) in testbed.all_said() {
                let found = seeds.found_in(format!("{}{}", said.out, said.err).as_bytes());
                assert!(found.is_empty(), "{when}: `{command}` said {found:?}");
            }
        };
        seeds_stay_hidden(&watch.testbed, "one party has dealt");

        watch.testbed.kill(1);
        watch.search("after a power cut");
        seeds_stay_hidden(&watch.testbed, "after a power cut");
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
        seeds_stay_hidden(&watch.testbed, "after completion");
        watch.testbed.stop_all();
        for party in 0..3 {
            let left = watch.testbed.data(party).join("store.sqlite-wal");
            fs::write(left, "").unwrap();
        }
        watch.search("after the daemons stopped");
    }
}

#[test]
fn evidence_against_a_cheater_says_no_figure_or_key() {
    for cheat in ["dealer", "equivocate", "partial"] {
        let folder = tempfile::tempdir().expect("a directory");
        let dir = folder.path().join("d");
        let own = ["31415926.53", "27182818.28", "14142135.62", "17320508.07"];
        let line = ["demo", "--adversary", "malicious", "--sharing", "shamir:2", "--cheat", cheat, "--json", "--dir"];
        let line = line.into_iter().chain([dir.to_str().expect("a path of text"), "--inputs"]);
        let said = smpcd(line.map(str::to_owned).chain([own.join(",")])).exits(0);
        let (mut figures, mut keys) = (Needles::default(), Needles::default());
        own.iter().for_each(|figure| add(&mut figures, figure));
        (1..=own.len()).for_each(|party| add_keys(&mut keys, &dir.join(format!("p{party}"))));
        let searched = figures.in_no_file(&dir, cheat, passed);
        keys.in_no_file(&dir, cheat, is_key_file);
        let evidence = searched.iter().filter(|file| file.parent().is_some_and(|folder| folder.ends_with("evidence")));
        assert!(evidence.count() >= own.len() - 1, "{said:?}");
        // It is the owner of all of them who looks at a demo, but nobody needs a key.
        assert!(keys.found_in(format!("{}{}", said.out, said.err).as_bytes()).is_empty(), "{said:?}");
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
