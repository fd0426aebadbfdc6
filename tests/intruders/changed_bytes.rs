//! Somebody on the line between two daemons, who changes one byte: of the handshake, or in mid-round.

use serde_json::Value;
use testkit::dice::Dice;
use testkit::tamper::{Direction, Harm, Proxy};

use crate::support::Testbed;

const ROWS: u64 = 100_000;
/// A partial sum has 100,000 elements of 8 bytes, which cross the line in each direction. So this offset is reached, and
/// lies behind every handshake.
const MID_ROUND: (u64, u64) = (8_000, 700_000);
/// Both handshakes, each direction's, are longer than this.
const HANDSHAKE: (u64, u64) = (0, 1_200);

fn table() -> String {
    format!(
        r#"
[[computation]]
id = "average-expenditure"
title = "Average expenditure of the members"
sharing = "additive"
adversary = "semi-honest"
calendar = "any"
collect_for = "60s"
attempt_deadline = "30s"
give_up_after = "3m"
rows = {ROWS}

[[computation.column]]
name = "expenditure"
unit = "GBP"
decimals = 2
min = 0
max = 50_000_000
statistics = ["sum", "mean"]
"#
    )
}

fn since(testbed: &Testbed, party: usize, other: usize) -> (Value, Value) {
    let peer = testbed.peer(party, other);
    (peer["connected"].clone(), peer["since"].clone())
}

/// Changes bytes on the line between the second and the first. What the second says goes `ToTarget`.
fn changed(direction: Direction, seed: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut dice = Dice::new(seed, "changed bytes");
    let mut testbed = Testbed::of(3, &table());
    let mut csv = "row,expenditure.sum,expenditure.mean,count\n".to_owned();
    let mut inputs = vec!["expenditure\n".to_owned(); 3];
    for row in 0..ROWS {
        let figures = [dice.below(1_000), dice.below(1_000), dice.below(1_000)];
        for (input, figure) in inputs.iter_mut().zip(figures) {
            input.push_str(&format!("{figure}.00\n"));
        }
        let total = figures.iter().sum::<u64>();
        let mean = crate::support::exact::Exact { digits: (total * 100).into(), places: 2 }.mean(3);
        csv.push_str(&format!("{row},{total}.00,{mean},3\n"));
    }
    inputs.iter().enumerate().for_each(|(party, input)| testbed.input(party, None, input));

    // The first's card leads to the line; the second can be dialled by nobody, so it has to take it.
    let target = format!("127.0.0.1:{}", testbed.base_port).parse().unwrap();
    let line = runtime.block_on(Proxy::start(target)).unwrap();
    testbed.run(0, &["card", "new", "--address", &line.address().to_string()]).exits(0);
    testbed.run(1, &["card", "new", "--no-address"]).exits(0);
    for (of, to) in [(0, 1), (0, 2), (1, 0), (1, 2)] {
        let card = testbed.home(of).join(format!("cards/{}.card", testbed.id(of)));
        testbed.run(to, &["card", "add", card.to_str().unwrap()]).exits(0);
    }
    testbed.start_all();
    let undisturbed = (since(&testbed, 1, 2), since(&testbed, 2, 1));

    for (period, (least, most)) in [("handshake", HANDSHAKE), ("mid-round", MID_ROUND)] {
        testbed.rotate_inputs(None);
        let harm = (dice.within(least, most), 1 << dice.below(8));
        let done = line.harmed();
        line.harm(direction, Harm { flip: Some(harm), ..Harm::default() });
        // Harm is done to new connections.
        line.cut_all();
        let started =
            testbed.begin(0, &["round", "start", "average-expenditure", "--period", period, "--wait", "--json"]);
        let flipped = || (line.harmed() > done).then_some(());
        testbed.until(&format!("{period}: bit mask {} of byte {} is flipped, {direction:?}", harm.1, harm.0), flipped);
        line.harm(direction, Harm::default());
        testbed.ended(started).exits(0);
        testbed.all_end(&format!("average-expenditure/{period}"), "completed");
        for party in 0..3 {
            let (_, export) = testbed.exports(party, "average-expenditure", period);
            assert!(export == csv, "p{}, {period}, {harm:?} {direction:?}: another table", party + 1);
        }
        testbed.linked();
    }
    // Who received the changed byte says that the connection broke, and no message was judged by it.
    let detectors = if direction == Direction::ToTarget { vec![0] } else { vec![1, 2] };
    testbed.until("the broken connection is recorded", || {
        let broke = |record: &Value| {
            record["event"] == "link.down" && record["detail"]["reason"].to_string().contains("connection broke")
        };
        detectors.iter().any(|&party| testbed.audit(party).iter().any(broke)).then_some(())
    });
    for party in 0..3 {
        let faults: Vec<Value> = testbed.audit(party).into_iter().filter(|r| r["event"] == "fault.observed").collect();
        assert!(faults.is_empty(), "a party was blamed for the line: {faults:?}");
    }
    assert_eq!((since(&testbed, 1, 2), since(&testbed, 2, 1)), undisturbed, "the other link noticed");
    testbed.stop_all();
}

#[test]
fn a_byte_changed_on_the_way_to_the_first_costs_a_connection_and_nothing_else() {
    changed(Direction::ToTarget, 1);
}

#[test]
fn a_byte_changed_on_the_way_from_the_first_costs_a_connection_and_nothing_else() {
    changed(Direction::FromTarget, 2);
}
