//! A daemon as a service: what it tells the service manager, and what the unit gives it.

mod support;

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use support::Testbed;

/// The unit that the package brings.
const UNIT: &str = include_str!("../deploy/systemd/smpcd.service");

/// A service manager's end of the socket.
struct Manager(UnixDatagram);

impl Manager {
    /// At a path, or at an abstract name after `@`.
    fn at(address: &str) -> Self {
        let named = match address.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(address),
        };
        let socket = UnixDatagram::bind_addr(&named.expect("an address")).expect("a socket");
        socket.set_nonblocking(true).expect("set");
        Self(socket)
    }

    /// The next message, if there is one.
    fn hears(&self) -> Option<String> {
        let mut buffer = [0; 256];
        let length = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    fn waits_for(&self, testbed: &Testbed, message: &str) {
        testbed.until(message, || self.hears().filter(|heard| heard == message));
    }

    /// Whether nothing comes for so long.
    fn hears_nothing_for(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.hears().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
}

fn variables(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Values of a setting of the unit, one for each line.
fn unit(setting: &str) -> Vec<&'static str> {
    UNIT.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).collect()
}

#[test]
fn the_manager_hears_of_readiness_of_life_and_of_the_end() {
    let mut testbed = Testbed::new(3);
    let path = testbed.root().join("notify");
    let abstract_name = format!("@smpcd-test-{}", std::process::id());
    for address in [path.to_str().expect("text"), &abstract_name] {
        let manager = Manager::at(address);
        // A second is as often as the hub looks at files; of two it sends a sign of life in each.
        testbed.start_with(0, &variables(&[("NOTIFY_SOCKET", address), ("WATCHDOG_USEC", "2000000")]));
        assert_eq!(testbed.until("a first word", || manager.hears()), "READY=1");
        // It is ready when it says so.
        assert!(testbed.status(0).is_some());
        manager.waits_for(&testbed, "WATCHDOG=1");
        manager.waits_for(&testbed, "WATCHDOG=1");
        assert_eq!(testbed.stop(0).code(), Some(0));
        manager.waits_for(&testbed, "STOPPING=1");
        assert_eq!(manager.hears(), None);
    }
}

#[test]
fn a_hub_that_hangs_gives_no_sign_of_life_whatever_else_runs() {
    let mut testbed = Testbed::new(3);
    let path = testbed.root().join("notify");
    let manager = Manager::at(path.to_str().expect("text"));
    testbed.start_with(0, &variables(&[("NOTIFY_SOCKET", path.to_str().expect("text")), ("WATCHDOG_USEC", "2000000")]));
    manager.waits_for(&testbed, "WATCHDOG=1");

    // The hub reads what commands leave for it; this one has no end until somebody writes.
    let pending = testbed.data(0).join("pending");
    fs::create_dir_all(&pending).expect("made");
    let pipe = pending.join("0.json");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    testbed.until("the hub hangs", || manager.hears_nothing_for(Duration::from_secs(3)).then_some(()));
    assert!(testbed.has_ended(0).is_none(), "it is there, and its links are");
    // Nor does a command wait for ever, so that a health check is one.
    testbed.run(0, &["status"]).exits(5).complains(&["no daemon answers", "hangs"]);

    // The open ends when the hub has it open too.
    let end = fs::OpenOptions::new().write(true).open(&pipe).expect("the hub reads");
    fs::remove_file(&pipe).expect("removed");
    drop(end);
    manager.waits_for(&testbed, "WATCHDOG=1");
}

#[test]
fn a_daemon_takes_its_keys_from_where_the_unit_puts_them() {
    let mut testbed = Testbed::new(3);
    let credentials = testbed.root().join("credentials");
    fs::create_dir(&credentials).expect("made");
    for line in unit("LoadCredential") {
        let (name, source) = line.split_once(':').expect("NAME:PATH");
        let key = source.strip_prefix("/etc/smpcd/").expect("a path in the node's directory");
        fs::rename(testbed.home(0).join(key), credentials.join(name)).expect("moved");
    }
    // Without the unit's variables there are no keys, and to start again would not help.
    testbed.start(0);
    let ended = loop {
        if let Some(ended) = testbed.has_ended(0) {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let code = ended.code().expect("a code").to_string();
    assert_eq!(unit("RestartPreventExitStatus"), [code.as_str()]);

    let place = |text: &str| text.replace("%d", credentials.to_str().expect("text"));
    let of_unit = unit("Environment").into_iter().map(|line| line.split_once('=').expect("NAME=VALUE"));
    let of_unit: Vec<_> = of_unit.map(|(name, value)| (name.to_owned(), place(value))).collect();
    assert_eq!(of_unit.len(), 3);
    assert!(of_unit.iter().all(|(_, path)| Path::new(path).is_file()), "{of_unit:?}");
    testbed.start_with(0, &of_unit);
    testbed.until("it answers", || testbed.status(0));
}
