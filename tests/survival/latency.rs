//! How long a round of one cell takes. A measurement and no test: run it by name, in a release build.
//!
//! ```sh
//! cargo test --release -p smpcd --test survival -- --ignored --nocapture a_round_of_one_cell
//! ```

use std::time::Instant;

use serde_json::Value;

use super::tables::{Table, by_period, shamir};
use crate::support::{Testbed, simple};

const ROUNDS: usize = 50;

#[test]
#[ignore = "a measurement: run it alone, in a release build"]
fn a_round_of_one_cell() {
    let mut testbed =
        Testbed::of(3, &[simple("additive", "60s", "2m"), shamir("threshold", 2, 3, "60s", "2m")].concat());
    by_period(&testbed, &["additive", "threshold"]);
    testbed.start_all();
    for computation in ["additive", "threshold"] {
        let (mut command, mut daemons) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let table = Table::new(computation, &format!("r{round}"), 3, 1);
            table.give(&testbed);
            let arguments = ["round", "start", computation, "--period", &table.period, "--wait", "--json"];
            let began = Instant::now();
            let result = testbed.run(0, &arguments).exits(0).json();
            command.push(milliseconds(began.elapsed().as_micros()));
            table.is_exact(&result, &[0, 1, 2]);
            let of_round = |record: &Value| {
                record["round"]["computation"] == *computation && record["round"]["period"] == *table.period
            };
            let at = |party: usize, event: &str| time(&testbed.recorded(party, event, of_round));
            let last = (0..3).map(|party| at(party, "result.released")).max().expect("three");
            daemons.push(milliseconds((last - at(0, "round.proposed")).try_into().unwrap_or(0)));
        }
        println!("{computation}, {ROUNDS} rounds, in milliseconds:");
        println!("  `round start --wait --json`, the command and its process   {}", summary(command));
        println!("  from the proposal's record to the last party's result      {}", summary(daemons));
    }
    testbed.stop_all();
}

/// Microseconds of a record's time.
fn time(record: &Value) -> i64 {
    let time = record["time"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339");
    time.as_microsecond()
}

fn milliseconds(micros: u128) -> f64 {
    std::time::Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)).as_secs_f64() * 1000.0
}

fn summary(mut measured: Vec<f64>) -> String {
    measured.sort_by(f64::total_cmp);
    let at = |percent: usize| measured[(measured.len() - 1) * percent / 100];
    format!("median {:.1}, least {:.1}, nine of ten below {:.1}, most {:.1}", at(50), at(0), at(90), at(100))
}
