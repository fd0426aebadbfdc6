//! Small malicious rounds at random, under real commitments: whatever liars, machines, links and people do, no promise of
//! PROTOCOL is broken, nobody honest is named, and what has to complete completes (PROTOCOL 4, 5).
//!
//! `SMPCD_SIM_MALICIOUS` is how many rounds are run, `SMPCD_SIM_MALICIOUS_SEED` the one seed to replay.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use testkit::sim::{Cluster, Plan, Violation};
use wire::dossier::FaultKind;

const ROUNDS: u64 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn run(seed: u64, tally: &Mutex<BTreeMap<String, u64>>) -> Result<(), Violation> {
    let report = Cluster::new(Plan::random_malicious(seed)).run()?;
    let mut tally = tally.lock().expect("nobody panics with it");
    let kinds: Vec<FaultKind> = report.proven.iter().map(|(_, kind)| *kind).collect();
    let completed = report.parties.iter().any(|party| party.totals.is_some());
    let facts = [("rounds", true), ("completed", completed), ("somebody proven", !kinds.is_empty())];
    let facts = facts.into_iter().filter(|(_, holds)| *holds).map(|(fact, _)| fact.to_string());
    for fact in facts.chain(kinds.iter().map(|kind| kind.name().to_string())) {
        *tally.entry(fact).or_default() += 1;
    }
    Ok(())
}

#[test]
fn random_malicious_rounds_keep_every_promise() {
    let tally = Mutex::default();
    if let Some(seed) = number("SMPCD_SIM_MALICIOUS_SEED") {
        if let Err(violation) = run(seed, &tally) {
            panic!("{violation}");
        }
        return;
    }
    let rounds = number("SMPCD_SIM_MALICIOUS").unwrap_or(ROUNDS);
    let (next, begun) = (AtomicU64::new(0), Instant::now());
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
    let each = begun.elapsed().as_millis() * threads as u128 / u128::from(rounds.max(1));
    println!("{:#?}, {each} ms of one core each", tally.into_inner().unwrap());
    if let Some(violation) = failures.iter().min_by_key(|failure| failure.seed) {
        let seeds: Vec<(u64, &str)> = failures.iter().map(|failure| (failure.seed, failure.what.as_str())).collect();
        let count = failures.len();
        panic!("{count} of {rounds} rounds failed: {seeds:#?}; replay with SMPCD_SIM_MALICIOUS_SEED\n{violation}");
    }
}
