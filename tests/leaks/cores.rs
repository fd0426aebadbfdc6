//! What a process holds in memory does not reach a disk when it dies.

use std::fs;
use std::os::unix::process::ExitStatusExt;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::support::Testbed;

fn limit(pid: &str) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    line.split_whitespace().skip(4).take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_daemon_that_dies_leaves_no_core_however_it_was_started() {
    // As where somebody has turned them on.
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: maximum, maximum }).expect("up to what is allowed");
    let mut testbed = Testbed::new(3);
    testbed.start(0);
    testbed.until("it runs", || testbed.status(0));
    if maximum != Some(0) {
        assert_ne!(limit("self"), "0 0", "what it was started with");
    }
    assert_eq!(limit(&testbed.pid(0).to_string()), "0 0");
    let ended = testbed.end(0, Signal::ABORT);
    assert_eq!(ended.signal(), Some(Signal::ABORT.as_raw()));
    assert!(!ended.core_dumped());
}
