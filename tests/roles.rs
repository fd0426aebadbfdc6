//! Parties with fewer than all roles, as real processes: the samples of `config/` as they stand, but for the signing keys.
//! Sums are exact at every result party, nobody else has a result, and everybody sees the round complete.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::exact::Exact;
use support::{Testbed, smpcd};

fn sample(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name);
    fs::read_to_string(file).expect("a sample")
}

/// A table of labelled rows, and what each party puts into it.
struct Table {
    computation: &'static str,
    period: &'static str,
    rows: &'static [&'static str],
    /// Name and decimals.
    columns: &'static [(&'static str, usize)],
}

impl Table {
    /// A figure of a party in units of the last decimal: each another one.
    fn units(&self, party: usize, row: usize, column: usize) -> usize {
        101 + 79 * party + 1_049 * row + 12_997 * column
    }

    fn figure(&self, party: usize, row: usize, column: usize) -> Exact {
        Exact { digits: self.units(party, row, column).into(), places: self.columns[column].1 }
    }

    /// A party's input file.
    fn csv(&self, party: usize) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let rows = self.rows.iter().enumerate().map(|(row, label)| {
            let cells = (0..names.len()).map(|column| self.figure(party, row, column).to_string());
            format!("{label},{}\n", cells.collect::<Vec<_>>().join(","))
        });
        format!("row,{}\n{}", names.join(","), rows.collect::<String>())
    }

    /// The sums of a result, column by column and row by row, are those of these parties.
    fn is_exact(&self, result: &Value, contributors: &[usize]) {
        for (c, (name, _)) in self.columns.iter().enumerate() {
            let column = &result["columns"][c];
            assert_eq!(column["name"], *name);
            for (r, label) in self.rows.iter().enumerate() {
                let figures: Vec<Exact> = contributors.iter().map(|&party| self.figure(party, r, c)).collect();
                let row = &column["rows"][r];
                assert_eq!(row["row"], *label);
                assert_eq!(row["sum"], Exact::total(&figures).to_string(), "{name}, {label}");
                assert_eq!(row["count"], contributors.len());
            }
        }
    }

    fn address(&self) -> String {
        format!("{}/{}", self.computation, self.period)
    }
}

/// Who does what.
struct Roles<'a> {
    inputs: &'a [&'a str],
    computes: &'a [&'a str],
    results: &'a [&'a str],
}

/// Runs one round without those who are absent, and looks at everybody else's end of it.
fn round(testbed: &mut Testbed, table: &Table, roles: &Roles<'_>, absent: &[&str]) {
    let there = |id: &str| !absent.contains(&id);
    let dealers: Vec<&str> = roles.inputs.iter().copied().filter(|id| there(id)).collect();
    let contributors: Vec<usize> = dealers.iter().map(|id| testbed.party(id)).collect();
    for &party in &contributors {
        testbed.give(party, table.computation, &table.csv(party));
    }
    let present: Vec<usize> = (0..testbed.count()).filter(|&party| there(testbed.id(party))).collect();
    present.iter().for_each(|&party| testbed.start(party));
    testbed.linked();
    let started = testbed.round_from(testbed.party(roles.results[0]), table.computation, table.period).exits(0).json();
    let address = table.address();
    for party in present {
        let id = testbed.id(party).to_owned();
        let ended = testbed.round_is(party, &address, "has ended", |round| round["status"] != "open");
        assert_eq!(ended["status"], "completed", "{id}: {ended:#}");
        let plays = |role: &[&str]| role.contains(&id.as_str());
        if plays(roles.results) {
            let (result, _) = testbed.exports(party, table.computation, table.period);
            table.is_exact(&result, &contributors);
            assert_eq!(result["contributors"], json!(dealers));
            assert_eq!(result["digest"], started["digest"], "{id}");
            testbed.run(party, &["result", "show", &address]).exits(0);
        } else {
            assert!(
                !testbed.data(party).join("results").join(&address).join("result.bin").exists(),
                "{id} has a result"
            );
            testbed.run(party, &["result", "show", &address]).exits(1);
            testbed.round_from(party, table.computation, table.period).exits(0);
        }
        // Who deals, who holds shares and who releases is in the log of each.
        let did = |event: &str| testbed.audit(party).iter().any(|record| record["event"] == event);
        assert_eq!(did("approval.given"), plays(roles.inputs), "{id}");
        assert_eq!(did("deal.sent"), plays(roles.inputs), "{id}");
        assert_eq!(did("receipt.sent"), plays(roles.computes), "{id}");
        assert_eq!(did("partial.sent"), plays(roles.computes), "{id}");
        assert_eq!(did("result.released"), plays(roles.results), "{id}");
    }
    testbed.stop_all();
}

const LEAKAGE: Table = Table {
    computation: "leakage",
    period: "2025-Q4",
    rows: &["Mains", "Service pipes", "Reservoirs"],
    columns: &[("lost water", 1), ("repair cost", 2)],
};

const HOUSING: Table = Table {
    computation: "temporary-housing",
    period: "2025-11",
    rows: &["Bed and breakfast", "Hostels", "Private leases"],
    columns: &[("households", 0), ("cost", 2)],
};

const DELEGATED: Roles<'_> = Roles {
    inputs: &["amber", "birch", "cove", "dale", "esker"],
    computes: &["holm", "quay", "spire"],
    results: &["regulator"],
};

#[test]
fn delegated_five_contribute_three_hold_shares_and_a_regulator_learns() {
    // A contributor without an address dials the compute parties and is done.
    let mut testbed = Testbed::founded(&sample("delegated.toml"), &["amber"]);
    round(&mut testbed, &LEAKAGE, &DELEGATED, &[]);
}

#[test]
fn delegated_without_one_contributor_and_one_holder_the_round_completes_when_its_time_is_over() {
    let mut text = sample("delegated.toml");
    for (from, to) in [("\"10d\"", "\"8s\""), ("\"1m\"", "\"1s\""), ("\"21d\"", "\"2m\"")] {
        assert!(text.contains(from));
        text = text.replace(from, to);
    }
    let mut testbed = Testbed::founded(&text, &[]);
    round(&mut testbed, &LEAKAGE, &DELEGATED, &["birch", "spire"]);
}

#[test]
fn a_contributor_that_runs_for_one_round_leaves_when_all_holders_have_its_shares() {
    let mut testbed = Testbed::founded(&sample("delegated.toml"), &["amber"]);
    let address = LEAKAGE.address();
    for id in DELEGATED.inputs {
        let party = testbed.party(id);
        testbed.give(party, LEAKAGE.computation, &LEAKAGE.csv(party));
    }
    let (amber, esker, regulator) = (testbed.party("amber"), testbed.party("esker"), testbed.party("regulator"));
    (0..testbed.count()).filter(|&party| party != amber && party != esker).for_each(|party| testbed.start(party));
    testbed.linked();
    let leaving = testbed.begin(amber, &["run", "--once"]);
    testbed.run(regulator, &["round", "start", LEAKAGE.computation, "--period", LEAKAGE.period]).exits(0);
    let said = testbed.ended(leaving).exits(0);
    assert!(said.out.contains(&address) && said.out.contains("holm, quay, spire"), "{said:?}");
    // Its Receipts stay with it, and nobody needs it any more.
    let receipts = testbed.audit(amber).iter().filter(|record| record["event"] == "receipt.received").count();
    assert_eq!(receipts, 3);
    testbed.start(esker);
    let ended = testbed.round_is(regulator, &address, "has ended", |round| round["status"] != "open");
    assert_eq!(ended["status"], "completed", "{ended:#}");
    let (result, _) = testbed.exports(regulator, LEAKAGE.computation, LEAKAGE.period);
    LEAKAGE.is_exact(&result, &DELEGATED.inputs.iter().map(|id| testbed.party(id)).collect::<Vec<_>>());
    // It runs for another round, and has lost its guard: what is over for it is not what it was started for, once it has
    // recovered either. So it stays; and it hears how the round ended.
    fs::remove_file(testbed.home(amber).join("guard")).expect("removes");
    let staying = testbed.begin(amber, &["run", "--once"]);
    testbed.recorded(amber, "rollback.recovered", |_| true);
    testbed.round_is(amber, &address, "is completed", |round| round["status"] == "completed");
    assert!(testbed.run(amber, &["status"]).exits(0).out.contains("amber"));
    drop(staying);
    testbed.stop_all();
}

#[test]
fn hybrid_some_contributors_hold_shares_beside_an_outsider() {
    let mut testbed = Testbed::founded(&sample("hybrid.toml"), &["dunmere", "county"]);
    let roles = Roles {
        inputs: &["astley", "brackwater", "cliffe", "dunmere"],
        computes: &["astley", "brackwater", "observatory"],
        results: &["astley", "brackwater", "cliffe", "dunmere", "county"],
    };
    round(&mut testbed, &HOUSING, &roles, &[]);
}

#[test]
fn contributors_hold_shares_beside_an_outsider_and_one_party_only_learns() {
    let all = sample("hybrid.toml").replace("[\"input\", \"result\"]", "[\"input\", \"compute\", \"result\"]");
    let mut testbed = Testbed::founded(&all, &["county"]);
    let roles = Roles {
        inputs: &["astley", "brackwater", "cliffe", "dunmere"],
        computes: &["astley", "brackwater", "cliffe", "dunmere", "observatory"],
        results: &["astley", "brackwater", "cliffe", "dunmere", "county"],
    };
    round(&mut testbed, &HOUSING, &roles, &[]);
}

/// The demo prints the partial sums: points of a line at 1, 2 and 3, whose value at 0 is the total.
#[test]
fn a_demo_with_a_threshold_gives_the_same_total_and_says_that_points_do_not_add_up() {
    const P: i128 = 18_446_744_069_414_584_321;
    let demo = smpcd(["demo", "--sharing", "shamir:2"]).exits(0).out;
    for piece in ["They do not add up to the sum", "any 2 of them give it", "45000.00", "15000.00"] {
        assert!(demo.contains(piece), "{piece}\n{demo}");
    }
    let cells = demo.lines().filter_map(|line| line.strip_prefix("│ p")?.split('┆').nth(1)?.split_whitespace().next());
    let points: Vec<i128> = cells.filter_map(|cell| cell.parse().ok()).collect();
    let [one, two, three] = points[..] else { panic!("three whole numbers in {demo}") };
    for total in [2 * one - two, 3 * two - 2 * three, (3 * one - three).rem_euclid(P) * ((P + 1) / 2)] {
        assert_eq!(total.rem_euclid(P), 4_500_000, "in pence");
    }
    assert_ne!((one + two + three).rem_euclid(P), 4_500_000);
}
