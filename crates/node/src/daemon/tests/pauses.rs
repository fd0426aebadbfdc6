//! A disk that is nearly full stops what would begin, and nothing that is open.

use super::*;

impl Bench {
    /// Bytes that are to be free, and what comes of it.
    fn reserve(&mut self, reserve: u64) {
        let mut settings = self.settings.clone();
        settings.audit.reserve = reserve;
        self.hub.settings = Arc::new(settings);
        self.hub.look_at_room();
        self.hub.propose_again();
        self.hub.look_at_approvals();
        self.turn();
    }

    fn count(&self, event: &str) -> usize {
        self.records().matches(&format!("\"event\":\"{event}\"")).count()
    }
}

#[tokio::test]
async fn no_round_begins_while_the_disk_is_short_and_open_ones_go_on() {
    let mut bench = Bench::new(|settings| settings.approval.policy = Policy::Manual).await;
    bench.proposes(1, "total", "2026-Q1");
    bench.turn();
    bench.approves("total", "2026-Q1", "Ann", None).unwrap();
    bench.proposes(1, "total", "2026-Q2");
    bench.turn();
    bench.reserve(u64::MAX);
    bench.reserve(u64::MAX);
    assert_eq!(bench.count("rounds.paused"), 1, "said once");
    assert!(bench.hub.pauses()[0].contains("audit.reserve"));
    // What was approved before is dealt.
    bench.until(|bench| bench.count("deal.sent") == 1).await;
    let refused = bench.hub.start("total", "2026-Q3", Actor::Uid(1)).unwrap_err();
    assert!(refused.lines[0].contains("make space"), "{refused}");
    let refused = bench.approves("total", "2026-Q2", "Ann", None).unwrap_err();
    assert!(refused.contains("make space"), "{refused}");
    bench.proposes(2, "total", "2026-Q4");
    bench.turn();
    assert!(!bench.hub.rounds.contains_key(&bench.id("total", "2026-Q4")));

    bench.reserve(0);
    assert_eq!((bench.count("rounds.paused"), bench.count("rounds.resumed")), (1, 1));
    assert!(bench.hub.rounds.contains_key(&bench.id("total", "2026-Q4")), "joined as soon as there is space");
    bench.approves("total", "2026-Q2", "Ann", None).unwrap();
    bench.hub.start("total", "2026-Q3", Actor::Uid(1)).unwrap();
}

#[tokio::test]
async fn the_policy_approves_when_there_is_space_again() {
    let mut bench = Bench::new(|_| ()).await;
    // An input that was refused is tried again when it has changed, but not while the disk is short.
    bench.input("total", 5000);
    bench.proposes(1, "total", "2026-Q1");
    bench.turn();
    bench.job().await;
    bench.reserve(u64::MAX);
    std::thread::sleep(Duration::from_millis(20));
    bench.input("total", 5);
    for reserve in [u64::MAX, u64::MAX, 0, 0] {
        assert!(bench.status("total", "2026-Q1").approved.is_none());
        bench.reserve(reserve);
    }
    assert!(bench.status("total", "2026-Q1").approved.is_some());
    bench.until(|bench| bench.given("2026-Q1") == 1).await;
}

#[test]
fn a_round_takes_as_much_as_its_tables_do() {
    let mut blueprint = blueprint();
    blueprint.draft.computations.push(computation("large", 1_000_000, vec![column("amount", 0, "-1000", "1000")]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let agreement = blueprint.found(now).unwrap().agreement;
    let takes = |id| super::super::pauses::takes(&Terms::new(&agreement, id, "2026-Q3", 0, PartyIndex(0)).unwrap());
    assert!(takes("total") < 1 << 10);
    // Snapshot, four shares, partial sum and result, of eight bytes a cell, in chunks.
    assert!((7 * 8_000_000..8 * 8_000_000).contains(&takes("large")), "{}", takes("large"));
}
