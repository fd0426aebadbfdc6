//! A daemon that dies leaves no image of its memory: keys and figures are in it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, getuid, kill_process, prlimit, setrlimit};

use crate::support::Testbed;

/// Soft and hard limit of a core dump, as the kernel shows them.
fn limits(pid: Pid) -> [String; 2] {
    let text = fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).expect("a process");
    let line = text.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("a limit");
    let mut words = line.split_whitespace().map(str::to_owned);
    [(); 2].map(|()| words.next().expect("two limits"))
}

/// How a process without any protection ends.
fn unprotected() -> ExitStatus {
    let folder = tempfile::tempdir().expect("a directory");
    let mut sleeper = Command::new("sleep");
    let sleeper = sleeper.arg("600").current_dir(folder.path()).stdin(Stdio::null());
    let mut sleeper = sleeper.spawn().expect("a process");
    kill_process(Pid::from_child(&sleeper), Signal::ABORT).expect("it can be killed");
    sleeper.wait().expect("it ends")
}

#[test]
fn a_daemon_that_dies_leaves_no_core_dump_whatever_the_limits_were() {
    // What is started here may write as large a dump as this machine allows.
    let own = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: own.maximum, maximum: own.maximum }).expect("its own limit");
    let mut testbed = Testbed::new(3);
    testbed.start_all();
    for party in 0..3 {
        assert_eq!(limits(testbed.pid(party)), ["0", "0"], "{}", testbed.id(party));
    }
    // What cannot be dumped belongs to root in /proc, and no other process of its user may look into it. To root nothing
    // is closed, so there a test of the program looks at the setting itself.
    if !getuid().is_root() {
        let process = format!("/proc/{}", testbed.pid(0).as_raw_nonzero());
        assert_eq!(fs::metadata(format!("{process}/environ")).expect("a process").uid(), 0);
        assert!(fs::File::open(format!("{process}/mem")).is_err());
    }
    // The kernel tells in how a process ended whether its memory was dumped, wherever that goes.
    let ended = testbed.end(0, Signal::ABORT);
    assert_eq!(ended.signal(), Some(Signal::ABORT.as_raw()));
    assert!(!ended.core_dumped(), "{ended}");
    // Not even where somebody may raise the limit from outside.
    let raised = prlimit(Some(testbed.pid(1)), Resource::Core, Rlimit { current: None, maximum: None });
    // Not QUIT: what a script runs in the background has it ignored.
    let ended = testbed.end(1, Signal::TRAP);
    assert_eq!(ended.signal(), Some(Signal::TRAP.as_raw()));
    assert!(!ended.core_dumped(), "{ended}, raised: {raised:?}");
    testbed.stop_all();

    // It would be seen, where this machine keeps dumps at all.
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if own.maximum != Some(0) && !pattern.trim().is_empty() && !pattern.starts_with('|') {
        let ended = unprotected();
        assert!(ended.core_dumped(), "{ended}");
    }
}
