//! A consortium of real processes for the tests of this folder: `smpcd testbed`, one `smpcd run` for each party, and the
//! commands that people type.
//!
//! Nothing here waits for time to pass: everything is waited for until it is so. A process that a test started ends
//! with the test, however that ends.
// Each test target takes what it needs of this module and leaves the rest.
#![allow(dead_code)]

pub(crate) mod catalogue;
pub(crate) mod chance;
pub(crate) mod exact;
mod founded;
mod logs;
pub(crate) mod python;

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The longest that anything is waited for. Reaching it is a failure, so it may be long.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at something.
const PAUSE: Duration = Duration::from_millis(25);
/// Bytes of a record, about.
const RECORD: u64 = 300;
/// A log that does not grow for so long waits for something.
const QUIET: Duration = Duration::from_millis(700);
/// Lines of each daemon's log that a failure shows.
const LAST_LINES: usize = 25;

/// How a command ended and what it said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The object that a command printed with `--json`.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// It ended with this exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Some line of its errors has all of these parts.
    #[track_caller]
    pub(crate) fn complains(self, parts: &[&str]) -> Self {
        let line = self.err.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(line, "no line with {parts:?} in {self:?}");
        self
    }
}

/// Runs `smpcd` with these arguments and nothing of the tests' own environment that it would listen to.
pub(crate) fn smpcd<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Said {
    let output = command(arguments).output().expect("smpcd is there");
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn command<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smpcd"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SMPCD__")) {
        command.env_remove(name);
    }
    command
}

/// The first of `count` neighbouring ports that nobody has.
///
/// They are below those that systems give to outgoing connections: a daemon that dials could otherwise be given a port
/// between this look and the moment when its owner listens there. All are held until all are known, and none is told
/// twice in one process.
pub(crate) fn free_ports(count: u16) -> u16 {
    const FIRST: u16 = 10_000;
    const SPAN: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Two test processes begin at different places.
    let offset = std::process::id().wrapping_mul(131);
    loop {
        let step = NEXT.fetch_add(count.into(), Ordering::Relaxed);
        // One modulus for all: with another for each count two of them could overlap.
        let place = offset.wrapping_add(step) % SPAN;
        if place + u32::from(count) > SPAN {
            continue;
        }
        let base = FIRST + u16::try_from(place).expect("below the span");
        let held: Result<Vec<_>, _> =
            (base..base + count).map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))).collect();
        if held.is_ok() {
            return base;
        }
    }
}

/// A process that ends with its owner.
struct Guarded(Child);

impl Guarded {
    fn pid(&self) -> Pid {
        i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a process has an id")
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid();
        // One that has ended already is not there to be told.
        let _ = kill_process(pid, signal);
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A command that is still running, such as `round start --wait`.
pub(crate) struct Running {
    process: Guarded,
    out: PathBuf,
    err: PathBuf,
}

/// A party of a testbed.
pub(crate) struct Party {
    pub(crate) id: String,
    pub(crate) home: PathBuf,
    /// Whether others can dial it. Two that nobody can dial have no link.
    reachable: bool,
    daemon: Option<Guarded>,
    starts: usize,
}

/// A consortium that `smpcd testbed` made, or people by their commands ([`Testbed::founded`]). Parties are counted from 0
/// in the order of the agreement: party 0 of `smpcd testbed` is `p1`.
pub(crate) struct Testbed {
    folder: tempfile::TempDir,
    pub(crate) parties: Vec<Party>,
    pub(crate) base_port: u16,
    /// What every command said, with its command line.
    said: Mutex<Vec<(String, Said)>>,
    commands: AtomicU32,
}

impl Testbed {
    /// So many parties and one figure each.
    pub(crate) fn new(parties: u16) -> Self {
        Self::with(parties, &[])
    }

    /// With these `[[computation]]` tables.
    pub(crate) fn of(parties: u16, computations: &str) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), computations).expect("written");
        Self::with(parties, &["--agreement", file.path().to_str().expect("a path of text")])
    }

    /// With these arguments more.
    pub(crate) fn with(parties: u16, arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("smpcd-test-").tempdir().expect("a directory");
        let base_port = free_ports(parties);
        let home = folder.path().join("t");
        let (n, port) = (parties.to_string(), base_port.to_string());
        let mut all = vec!["testbed", home.to_str().expect("a path of text"), "--parties", &n, "--base-port", &port];
        all.extend(arguments);
        smpcd(all).exits(0);
        let parties = (1..=parties).map(|number| {
            let id = format!("p{number}");
            Party { home: home.join(&id), id, reachable: true, daemon: None, starts: 0 }
        });
        Self::at(folder, parties.collect(), base_port)
    }

    fn at(folder: tempfile::TempDir, parties: Vec<Party>, base_port: u16) -> Self {
        Self { parties, folder, base_port, said: Mutex::default(), commands: AtomicU32::new(0) }
    }

    /// The directory with all parties' directories in it.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("t")
    }

    pub(crate) fn home(&self, party: usize) -> &Path {
        &self.parties[party].home
    }

    pub(crate) fn id(&self, party: usize) -> &str {
        &self.parties[party].id
    }

    pub(crate) fn data(&self, party: usize) -> PathBuf {
        self.home(party).join("data")
    }

    pub(crate) fn node_file(&self, party: usize) -> PathBuf {
        self.home(party).join("node.toml")
    }

    pub(crate) fn count(&self) -> usize {
        self.parties.len()
    }

    /// Writes the input of a party; `computation` is needed where there are several.
    pub(crate) fn input(&self, party: usize, computation: Option<&str>, text: &str) {
        let name = computation.map_or("input.csv".to_owned(), |id| format!("input-{id}.csv"));
        fs::write(self.home(party).join(name), text).expect("written");
    }

    /// Each party takes the input of the one after it: the same sums, and what was dealt in one period is not dealt in
    /// another by the same party, which needs a reason.
    pub(crate) fn rotate_inputs(&self, computation: Option<&str>) {
        let name = computation.map_or("input.csv".to_owned(), |id| format!("input-{id}.csv"));
        let read = |party: usize| fs::read_to_string(self.home(party).join(&name)).expect("an input");
        let mut inputs: Vec<String> = (0..self.count()).map(read).collect();
        inputs.rotate_left(1);
        inputs.iter().enumerate().for_each(|(party, text)| self.input(party, computation, text));
    }

    /// Replaces a text in a file; it has to be there.
    #[track_caller]
    pub(crate) fn edit(&self, file: &Path, from: &str, to: &str) {
        let text = fs::read_to_string(file).expect("read");
        assert!(text.contains(from), "no {from:?} in {}", file.display());
        fs::write(file, text.replace(from, to)).expect("written");
    }

    /// A person approves at this party. To be said before its daemon starts.
    pub(crate) fn manual(&self, party: usize) {
        self.edit(&self.node_file(party), "policy = \"auto\"", "policy = \"manual\"");
    }

    /// Starts a party's daemon. Its words go to `daemon-N.log`, N counting its starts.
    pub(crate) fn start(&mut self, party: usize) {
        self.start_with(party, &[]);
    }

    /// As [`Testbed::start`], with these variables in its environment.
    pub(crate) fn start_with(&mut self, party: usize, variables: &[(String, String)]) {
        assert!(self.parties[party].daemon.is_none(), "it runs already");
        self.parties[party].starts += 1;
        let log = File::create(self.log_file(party)).expect("a log file");
        let mut command = command([Path::new("run"), Path::new("--config"), &self.node_file(party)]);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let child = command.stdout(log.try_clone().expect("the same file")).stderr(log).spawn().expect("smpcd starts");
        self.parties[party].daemon = Some(Guarded(child));
    }

    /// Starts all daemons and waits for all links.
    pub(crate) fn start_all(&mut self) {
        (0..self.count()).for_each(|party| self.start(party));
        self.linked();
    }

    /// Waits until every running daemon has a link with every other running one, where one of the two can be dialled.
    pub(crate) fn linked(&self) {
        let running: Vec<usize> = (0..self.count()).filter(|&party| self.parties[party].daemon.is_some()).collect();
        for &party in &running {
            self.until(&format!("{} is linked", self.id(party)), || {
                let status = self.status(party)?;
                let connected = |other: usize| {
                    let peers = status["peers"].as_array()?;
                    let peer = peers.iter().find(|peer| peer["party"] == self.id(other))?;
                    peer["connected"].as_bool()
                };
                let can = |other: usize| self.parties[party].reachable || self.parties[other].reachable;
                let linked = |&other: &usize| other == party || !can(other) || connected(other) == Some(true);
                running.iter().all(linked).then_some(())
            });
        }
    }

    /// Ends a daemon as an operator does, and tells how it ended.
    pub(crate) fn stop(&mut self, party: usize) -> ExitStatus {
        self.end(party, Signal::TERM)
    }

    /// How a daemon ended that nobody has told to; none while it runs.
    pub(crate) fn has_ended(&mut self, party: usize) -> Option<ExitStatus> {
        let ended =
            self.parties[party].daemon.as_mut().and_then(|daemon| daemon.0.try_wait().expect("can be waited for"));
        if ended.is_some() {
            self.parties[party].daemon = None;
        }
        ended
    }

    /// Kills a daemon as a power cut does.
    pub(crate) fn kill(&mut self, party: usize) {
        self.end(party, Signal::KILL);
    }

    pub(crate) fn end(&mut self, party: usize, signal: Signal) -> ExitStatus {
        let mut daemon = self.parties[party].daemon.take().expect("it runs");
        daemon.signal(signal);
        self.until(&format!("{} has ended", self.id(party)), || daemon.0.try_wait().expect("it can be waited for"))
    }

    /// Kills several daemons at one moment, and waits until all have ended.
    pub(crate) fn kill_together(&mut self, parties: &[usize]) {
        let take = |&party: &usize| (party, self.parties[party].daemon.take().expect("it runs"));
        let mut daemons: Vec<(usize, Guarded)> = parties.iter().map(take).collect();
        daemons.iter().for_each(|(_, daemon)| daemon.signal(Signal::KILL));
        for (party, daemon) in &mut daemons {
            self.until(&format!("{} has ended", self.id(*party)), || {
                daemon.0.try_wait().expect("it can be waited for")
            });
        }
    }

    /// The process of a party's daemon.
    pub(crate) fn pid(&self, party: usize) -> Pid {
        self.parties[party].daemon.as_ref().expect("it runs").pid()
    }

    /// Whether a party's daemon was started and has not been ended by the test.
    pub(crate) fn is_up(&self, party: usize) -> bool {
        self.parties[party].daemon.is_some()
    }

    /// Ends all daemons; each has to end well.
    pub(crate) fn stop_all(&mut self) {
        for party in 0..self.count() {
            if self.parties[party].daemon.is_some() {
                let ended = self.stop(party);
                assert!(ended.success(), "{}: {ended}\n{}", self.id(party), self.log(party));
            }
            // Whatever became of it, its records are what the catalogue says. A test may have spoilt lines of its log.
            let text = fs::read_to_string(self.data(party).join("audit/log.jsonl")).unwrap_or_default();
            let records = text.lines().filter(|line| audit::Record::parse(line).is_ok());
            catalogue::holds(
                &records.map(|line| serde_json::from_str(line).expect("a record")).collect::<Vec<Value>>(),
            );
        }
    }

    /// Runs a command at a party; `--config` is added.
    pub(crate) fn run(&self, party: usize, arguments: &[&str]) -> Said {
        let node_file = self.node_file(party);
        let config = ["--config", node_file.to_str().expect("a path of text")];
        let said = smpcd(arguments.iter().chain(&config));
        self.keep(arguments, &said);
        said
    }

    fn keep(&self, arguments: &[&str], said: &Said) {
        self.said.lock().expect("no panic before").push((arguments.join(" "), said.clone()));
    }

    /// Begins a command at a party and does not wait for its end.
    pub(crate) fn begin(&self, party: usize, arguments: &[&str]) -> Running {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| self.folder.path().join(format!("command-{number}.{kind}"));
        let (out, err) = (file("out"), file("err"));
        let node_file = self.node_file(party);
        let mut command = command(arguments);
        command.arg("--config").arg(&node_file);
        command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
        Running { process: Guarded(command.spawn().expect("smpcd starts")), out, err }
    }

    /// Waits for its end.
    pub(crate) fn ended(&self, mut running: Running) -> Said {
        let status = self.until("a command ends", || running.process.0.try_wait().expect("it can be waited for"));
        let text = |file: &Path| String::from_utf8_lossy(&fs::read(file).expect("read")).into_owned();
        let said = Said { code: status.code(), out: text(&running.out), err: text(&running.err) };
        self.keep(&["(in the background)"], &said);
        said
    }

    /// Everything that commands said so far.
    pub(crate) fn all_said(&self) -> Vec<(String, Said)> {
        self.said.lock().expect("no panic before").clone()
    }

    /// What a daemon tells of itself; none while none answers.
    pub(crate) fn status(&self, party: usize) -> Option<Value> {
        let said = self.run(party, &["status", "--json"]);
        (said.code == Some(0)).then(|| said.json())
    }

    /// A peer, as a party's daemon sees it.
    pub(crate) fn peer(&self, party: usize, other: usize) -> Value {
        let status = self.status(party).expect("its daemon runs");
        let peers = status["peers"].as_array().expect("a list");
        peers.iter().find(|peer| peer["party"] == self.id(other)).expect("a party").clone()
    }

    /// A round as a party's store has it; none where there is none.
    pub(crate) fn round(&self, party: usize, round: &str) -> Option<Value> {
        let said = self.run(party, &["round", "show", round, "--json"]);
        (said.code == Some(0)).then(|| said.json())
    }

    /// Waits until a party's round is so.
    pub(crate) fn round_is(&self, party: usize, round: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("{round} {what} at {}", self.id(party)), || {
            self.round(party, round).filter(|round| is(round))
        })
    }

    /// Waits until a round has ended at every party, each with this status.
    pub(crate) fn all_end(&self, round: &str, status: &str) {
        for party in 0..self.count() {
            let ended = self.round_is(party, round, "has ended", |round| round["status"] != "open");
            assert_eq!(ended["status"], status, "{}: {ended:#}", self.id(party));
        }
    }

    /// A party's result as the commands show it, from its file: also where a crash came before the exports.
    #[track_caller]
    pub(crate) fn result(&self, party: usize, round: &str) -> Value {
        self.run(party, &["result", "show", round, "--json"]).exits(0).json()
    }

    /// Runs a round from a party to its end.
    pub(crate) fn round_from(&self, party: usize, computation: &str, period: &str) -> Said {
        let waiting = self.begin(party, &["round", "start", computation, "--period", period, "--wait", "--json"]);
        self.ended(waiting)
    }

    /// Runs a round that completes at every party, and gives each party's exports: JSON, CSV.
    pub(crate) fn completes(&self, computation: &str, period: &str) -> Vec<(Value, String)> {
        self.round_from(0, computation, period).exits(0);
        self.all_end(&format!("{computation}/{period}"), "completed");
        (0..self.count()).map(|party| self.exports(party, computation, period)).collect()
    }

    /// The exports beside a result; they are written when the round has ended.
    pub(crate) fn exports(&self, party: usize, computation: &str, period: &str) -> (Value, String) {
        let folder = self.data(party).join("results").join(computation).join(period);
        let read = |name: &str| {
            self.until(&format!("{name} of {}", self.id(party)), || fs::read_to_string(folder.join(name)).ok())
        };
        let json = serde_json::from_str(&read("result.json")).expect("an object");
        (json, read("result.csv"))
    }

    fn log_file(&self, party: usize) -> PathBuf {
        self.folder.path().join(format!("{}-daemon-{}.log", self.id(party), self.parties[party].starts))
    }

    /// What a party's daemons said, all its starts.
    pub(crate) fn log(&self, party: usize) -> String {
        (1..=self.parties[party].starts)
            .map(|start| {
                let file = self.folder.path().join(format!("{}-daemon-{start}.log", self.id(party)));
                String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()
            })
            .collect()
    }

    /// The records of a party's audit log.
    pub(crate) fn audit(&self, party: usize) -> Vec<Value> {
        let text = fs::read_to_string(self.data(party).join("audit/log.jsonl")).unwrap_or_default();
        // The last line may be on its way.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    /// Waits until a party's log has about so many records more, or stays as it is: the round has ended then, or waits for
    /// somebody. So a moment of a round can be named on machines that are fast and that are slow.
    pub(crate) fn later(&self, party: usize, records: u64) {
        let length = || fs::metadata(self.data(party).join("audit/log.jsonl")).map_or(0, |file| file.len());
        let mut last = (length(), Instant::now());
        let goal = last.0 + records * RECORD;
        while last.0 < goal && last.1.elapsed() < QUIET {
            std::thread::sleep(Duration::from_millis(1));
            let now = length();
            if now != last.0 {
                last = (now, Instant::now());
            }
        }
    }

    /// Waits for a record of this event that is so.
    pub(crate) fn recorded(&self, party: usize, event: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("a record {event} at {}", self.id(party)), || {
            self.audit(party).into_iter().find(|record| record["event"] == event && is(record))
        })
    }

    /// Looks until there is something. The failure shows the last words of every daemon.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let limit = Instant::now() + PATIENCE;
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            if Instant::now() >= limit {
                let logs: String = (0..self.count())
                    .map(|party| {
                        let log = self.log(party);
                        let lines: Vec<&str> = log.lines().collect();
                        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
                        format!("{}:\n{}\n", self.id(party), last.join("\n"))
                    })
                    .collect();
                panic!("waited in vain: {what}\n{logs}");
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// A `[[computation]]` of one column without decimals, for tests of everything but arithmetic.
pub(crate) fn simple(id: &str, collect_for: &str, give_up_after: &str) -> String {
    format!(
        r#"
[[computation]]
id = "{id}"
title = "A table of one figure"
sharing = "additive"
adversary = "semi-honest"
calendar = "any"
collect_for = "{collect_for}"
attempt_deadline = "1s"
give_up_after = "{give_up_after}"
rows = 1

[[computation.column]]
name = "figure"
unit = ""
decimals = 0
min = -1_000_000
max = 1_000_000
statistics = ["sum", "mean"]
"#
    )
}
