//! Rounds that are dropped and begun anew because the log is behind, and the log where it grows by itself.

use super::*;

/// The job that is under way.
async fn back(bench: &mut Bench) -> Finished {
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, bench.finished.recv()).await.expect("no job is under way").unwrap()
}

#[tokio::test]
async fn what_a_dropped_round_had_begun_is_nothing_to_the_one_that_is_begun_anew() {
    let mut bench = Bench::new(|_| {}).await;
    bench.proposes(1, "total", "a");
    bench.turn();
    let stale = back(&mut bench).await;
    // As a recovery drops the rounds, and takes them up from the store.
    bench.hub.rounds.clear();
    bench.hub.resume().unwrap();
    bench.turn();
    bench.hub.job_done(stale);
    bench.turn();
    assert_eq!(bench.given("a"), 0, "{}", bench.records());
    // Its own job does for it what it should.
    let fresh = back(&mut bench).await;
    bench.hub.job_done(fresh);
    bench.turn();
    bench.until(|bench| bench.given("a") == 1).await;
}

#[tokio::test]
async fn a_log_that_grows_by_being_sealed_is_to_be_shown_too() {
    let mut bench = Bench::new(|settings| settings.audit.segment = 1).await;
    bench.hub.logs.grown = false;
    bench.hub.look_at_files();
    assert!(bench.records().contains("\"log.sealed\""), "{}", bench.records());
    assert!(bench.hub.logs.grown);
    // And not where nothing was recorded.
    bench.turn();
    let mut bench = Bench::new(|_| {}).await;
    bench.hub.logs.grown = false;
    bench.hub.look_at_files();
    assert!(!bench.hub.logs.grown);
}
