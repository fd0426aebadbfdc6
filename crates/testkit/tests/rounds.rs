//! Small rounds at random: whatever machines, links, people and liars do, results are exact and equal, no promise of PROTOCOL
//! is broken, and what has to complete completes (PROTOCOL 1, 3, 4, 6.3, 7).
//!
//! `SMPCD_SIM_ROUNDS` is how many rounds are run, `SMPCD_SIM_SEED` the one seed to replay.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::round::Ended;
use testkit::sim::{Cluster, Plan, Report, Violation};

const ROUNDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// How many rounds ended how, and in how many something worth seeing happened.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn count(&mut self, plan: &Plan, report: &Report) {
        let parties = &report.parties;
        let completed = parties.iter().any(|party| matches!(party.ended, Some(Ended::Completed { .. })));
        let facts = [
            ("completed", completed),
            ("abandoned", !completed),
            ("certified", report.certified.is_some()),
            ("void", parties.iter().any(|party| party.void.contains(&true))),
            ("dealt anew", parties.iter().any(|party| party.v > 0)),
            ("completed anew", completed && parties.iter().any(|party| party.v > 0)),
            ("abstained", parties.iter().any(|party| party.abstains)),
            ("with liars", plan.mischief),
            ("with liars and completed", plan.mischief && completed),
            ("somebody named", !report.findings.is_empty()),
            ("later attempts", report.attempts > 1),
            ("crashes", report.crashes > 0),
            ("rounds", true),
        ];
        for (fact, _) in facts.into_iter().filter(|(_, holds)| *holds) {
            *self.0.entry(fact).or_default() += 1;
        }
    }
}

fn run(seed: u64, tally: &Mutex<Tally>) -> Result<(), Violation> {
    let plan = Plan::random(seed);
    let report = Cluster::new(plan.clone()).run()?;
    tally.lock().expect("nobody panics with it").count(&plan, &report);
    Ok(())
}

#[test]
fn random_rounds_keep_every_promise() {
    let tally = Mutex::default();
    if let Some(seed) = number("SMPCD_SIM_SEED") {
        if let Err(violation) = run(seed, &tally) {
            panic!("{violation}");
        }
        return;
    }
    let rounds = number("SMPCD_SIM_ROUNDS").unwrap_or(ROUNDS);
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= rounds {
                return failures;
            }
            failures.extend(run(seed, &tally).err());
        }
    };
    let failures: Vec<Violation> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    if let Some(violation) = failures.iter().min_by_key(|failure| failure.seed) {
        let seeds: Vec<(u64, &str)> = failures.iter().map(|failure| (failure.seed, failure.what.as_str())).collect();
        panic!("{} of {rounds} rounds failed: {seeds:#?}; replay with SMPCD_SIM_SEED\n{violation}", failures.len());
    }
    let Tally(counts) = tally.into_inner().unwrap();
    println!("{counts:#?}");
    let share = |fact: &str| counts.get(fact).copied().unwrap_or(0) * 100 / rounds;
    assert!(rounds < 500 || (share("completed") > 50 && share("abandoned") > 5), "{counts:?}");
}
