//! Small rounds at random: whatever links and people do, results are exact and equal, and calm rounds end (PROTOCOL 3, 4, 6.3).
//!
//! `SMPCD_SIM_ROUNDS` is how many rounds are run, `SMPCD_SIM_SEED` the one seed to replay.

use std::sync::atomic::{AtomicU64, Ordering};

use testkit::sim::{Cluster, Expect, Plan, Report, Violation};

const ROUNDS: u64 = 500;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn run(seed: u64) -> Result<(Expect, Report), Violation> {
    let plan = Plan::random(seed);
    let expect = plan.expect.clone();
    Ok((expect, Cluster::new(plan).run()?))
}

#[test]
fn random_rounds_keep_every_promise() {
    if let Some(seed) = number("SMPCD_SIM_SEED") {
        if let Err(violation) = run(seed) {
            panic!("{violation}");
        }
        return;
    }
    let rounds = number("SMPCD_SIM_ROUNDS").unwrap_or(ROUNDS);
    let next = AtomicU64::new(0);
    let completed = AtomicU64::new(0);
    let abandoned = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<Violation> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= rounds {
                            return failures;
                        }
                        match run(seed) {
                            Ok((Expect::Completed(_), _)) => completed.fetch_add(1, Ordering::Relaxed),
                            Ok(_) => abandoned.fetch_add(1, Ordering::Relaxed),
                            Err(violation) => {
                                failures.push(violation);
                                0
                            }
                        };
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    if let Some(violation) = failures.first() {
        let seeds: Vec<u64> = failures.iter().map(|failure| failure.seed).collect();
        panic!(
            "{} of {rounds} rounds failed: seeds {seeds:?}; replay with SMPCD_SIM_SEED\n{violation}",
            failures.len()
        );
    }
    let (completed, abandoned) = (completed.into_inner(), abandoned.into_inner());
    assert!(rounds < 100 || (completed > rounds / 2 && abandoned > 0), "{completed} completed, {abandoned} abandoned");
}
