//! Daemons as processes: how they start, what they refuse to start on, how they end, and what a restart costs.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::support::{Testbed, free_ports, simple, smpcd};

const ROUND: &str = "headcount/2026-Q3";

fn testbed(give_up_after: &str) -> Testbed {
    let testbed = Testbed::of(3, &simple("headcount", "1s", give_up_after));
    (0..3).for_each(|party| testbed.input(party, None, "figure\n-4\n"));
    testbed
}

#[test]
fn a_restart_in_mid_round_costs_nothing() {
    for signal in [Signal::TERM, Signal::KILL] {
        let mut testbed = testbed("1m");
        testbed.manual(2);
        testbed.start_all();
        let waiting = testbed.begin(0, &["round", "start", "headcount", "--period", "2026-Q3", "--wait", "--json"]);
        for party in 0..3 {
            testbed.round_is(party, ROUND, "has two dealings", |round| {
                round["dealt"].as_array().is_some_and(|dealt| dealt.len() == 2)
            });
        }
        // One that has dealt, and the one that is waited for: both go on where they were.
        for party in [1, 2] {
            testbed.end(party, signal);
            testbed.start(party);
            testbed.recorded(party, "round.resumed", |_| true);
        }
        testbed.linked();
        testbed.run(2, &["round", "approve", ROUND, "--by", "A. Officer"]).exits(0);
        assert_eq!(testbed.ended(waiting).exits(0).json()["columns"][0]["rows"][0]["sum"], "-12");
        testbed.all_end(ROUND, "completed");
        // It dealt once, before the restart.
        assert_eq!(testbed.audit(1).iter().filter(|record| record["event"] == "deal.sent").count(), 1);
        testbed.stop_all();
    }
}

#[test]
fn a_completed_round_is_still_there_after_a_restart() {
    let mut testbed = testbed("1m");
    testbed.start_all();
    let before = testbed.completes("headcount", "2026-Q3");
    testbed.stop_all();
    testbed.start_all();
    let after = testbed.run(2, &["round", "start", "headcount", "--period", "2026-Q3", "--json"]).exits(0).json();
    assert_eq!(after, before[2].0);
    for party in 0..3 {
        let sequence: Vec<u64> = testbed.audit(party).iter().map(|record| record["seq"].as_u64().unwrap()).collect();
        assert_eq!(sequence, (1..=sequence.len() as u64).collect::<Vec<_>>(), "one log over both starts");
        let starts = testbed.audit(party).iter().filter(|record| record["event"] == "daemon.started").count();
        assert_eq!(starts, 2);
    }
    testbed.stop_all();
}

#[test]
fn signals_drain_and_end_well() {
    let mut testbed = testbed("1m");
    testbed.manual(0);
    testbed.start_all();
    let waiting = testbed.begin(1, &["round", "start", "headcount", "--period", "2026-Q3", "--wait"]);
    testbed.round_is(1, ROUND, "is open", |_| true);
    for (party, signal, name) in [(0, Signal::TERM, "SIGTERM"), (1, Signal::INT, "SIGINT")] {
        let socket = testbed.data(party).join("admin.sock");
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        let ended = testbed.end(party, signal);
        assert_eq!(ended.code(), Some(0), "{}", testbed.log(party));
        testbed.recorded(party, "daemon.stopped", |record| record["detail"]["reason"] == name);
        assert!(!socket.exists(), "nothing is left to talk to");
    }
    testbed.ended(waiting).exits(5).complains(&["no daemon answers", "smpcd run"]);
    // To the peer it was no broken line.
    testbed.recorded(2, "link.down", |record| {
        record["peer"] == "p1" && record["detail"]["reason"] == "the peer closed the connection"
    });
    testbed.stop_all();
}

#[test]
fn a_held_port_or_data_directory_is_a_clear_error() {
    let mut testbed = testbed("1m");
    let port = testbed.base_port;
    let held = TcpListener::bind(("127.0.0.1", port)).unwrap();
    testbed.run(0, &["run"]).exits(73).complains(&[&format!("127.0.0.1:{port}"), "held", "[listen] peers"]);
    drop(held);
    testbed.start_all();
    // The same node a second time, and another node on the same data.
    testbed.run(0, &["run"]).exits(73).complains(&[testbed.data(0).to_str().unwrap(), "held"]);
    let second = testbed.home(0).join("second.toml");
    let text = fs::read_to_string(testbed.node_file(0)).unwrap();
    let text = text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{}", free_ports(1)));
    fs::write(&second, text.replace("data/admin", "data/other")).unwrap();
    let second = second.to_str().unwrap();
    smpcd(["run", "--config", second]).exits(73).complains(&[testbed.data(0).to_str().unwrap(), "held"]);
    // Other data, but the admin socket of a running daemon.
    fs::write(second, text.replace("\"data\"", "\"data2\"")).unwrap();
    smpcd(["run", "--config", second]).exits(73).complains(&["admin.sock", "another daemon", "listen.admin"]);
    // The one that was there first noticed nothing.
    assert_eq!(testbed.completes("headcount", "2026-Q3")[0].1, "row,figure.sum,figure.mean,count\n0,-12,-4,3\n");
    testbed.stop_all();
}

#[test]
fn without_a_daemon_what_asks_it_exits_with_5_and_what_reads_files_works() {
    let mut testbed = testbed("1m");
    let asks: [&[&str]; 5] = [
        &["status"],
        &["round", "start", "headcount", "--period", "2026-Q3"],
        &["round", "approve", ROUND, "--by", "A. Officer"],
        &["round", "decline", ROUND, "--by", "A. Officer"],
        &["round", "watch", ROUND],
    ];
    let refused = |testbed: &Testbed| {
        for ask in asks {
            let said = testbed.run(0, ask).exits(5).complains(&["no daemon answers", "admin.sock", "smpcd run"]);
            assert_eq!((said.err.lines().count(), said.out.as_str()), (1, ""), "{said:?}");
        }
    };
    refused(&testbed);
    testbed.run(0, &["round", "list"]).exits(0);
    testbed.run(0, &["round", "show", ROUND]).exits(1).complains(&["no round headcount/2026-Q3"]);
    testbed.start_all();
    testbed.completes("headcount", "2026-Q3");
    // A crash leaves the socket behind, and nobody behind it.
    testbed.kill(0);
    assert!(testbed.data(0).join("admin.sock").exists());
    refused(&testbed);
    assert!(testbed.run(0, &["round", "show", ROUND]).exits(0).out.contains("completed"));
    assert!(testbed.run(0, &["result", "show", ROUND]).exits(0).out.contains("-12"));
    assert!(testbed.run(0, &["audit", "show", "--round", ROUND]).exits(0).out.lines().count() > 10);
    testbed.start(0);
    testbed.linked();
    testbed.stop_all();
}
