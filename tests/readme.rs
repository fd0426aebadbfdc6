//! The README is true: its walk from `init` to the result runs as it is printed, and what the documents name is there.
//!
//! Each ```` ```console ```` block holds commands behind `$ ` and what they print. `[..]` stands for any text of a line, a
//! line `...` for any lines. Everything runs in a fresh directory, in order, with the real binary; nothing is edited but
//! by the commands shown. Ports are replaced by free ones.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a daemon may take to do what the README says it has done.
const PATIENCE: Duration = Duration::from_secs(30);

struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The commands of all console blocks, each with what it prints.
fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut within = false;
    for (line, text) in (1..).zip(readme.lines()) {
        match (within, text) {
            (false, "```console") => within = true,
            (true, "```") => within = false,
            (true, _) => match text.strip_prefix("$ ") {
                Some(command) => steps.push(Step { line, command: command.into(), expected: Vec::new() }),
                None => steps.last_mut().expect("a block begins with a command").expected.push(text.into()),
            },
            (false, _) => {}
        }
    }
    assert!(!within, "a block does not end");
    steps
}

/// Whether a line is as expected, `[..]` being any text.
fn line_matches(expected: &str, line: &str) -> bool {
    let Some((before, after)) = expected.split_once("[..]") else { return expected == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    (0..=rest.len()).filter(|&i| rest.is_char_boundary(i)).any(|i| line_matches(after, &rest[i..]))
}

/// Whether the lines are as expected, `...` being any lines.
fn lines_match(expected: &[String], lines: &[String]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|i| lines_match(rest, &lines[i..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| line_matches(first, line) && lines_match(rest, lines))
        }
    }
}

/// Ports of the README and free ones in their place.
struct Ports(BTreeMap<String, String>);

impl Ports {
    fn new(readme: &str) -> Self {
        let shown = ["7441", "7442", "7443"];
        assert!(shown.iter().all(|port| readme.contains(&format!("127.0.0.1:{port}"))), "the README has other ports");
        // All are held until each has its own.
        let free: Vec<TcpListener> =
            shown.iter().map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a free port")).collect();
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port().to_string();
        Self(shown.iter().zip(&free).map(|(shown, free)| ((*shown).to_owned(), port(free))).collect())
    }

    fn real(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (shown, real)| text.replace(&format!(":{shown}"), &format!(":{real}")))
    }
}

/// A shell in the README's directory, and the daemons that it started.
struct Walk {
    directory: tempfile::TempDir,
    path: String,
    daemons: Vec<Child>,
}

impl Drop for Walk {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl Walk {
    fn new() -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_smpcd"));
        let folder = binary.parent().expect("a binary lies in a folder").display();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        Self { directory: tempfile::tempdir().expect("a directory"), path, daemons: Vec::new() }
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.directory.path()).env("PATH", &self.path).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SMPCD__")) {
            shell.env_remove(name);
        }
        shell
    }

    /// Everything that the command prints, and whether it succeeded.
    fn output(&self, command: &str) -> (Vec<String>, bool) {
        let output = self.shell(&format!("{{ {command}\n}} 2>&1")).output().expect("a shell");
        let text = String::from_utf8(output.stdout).expect("text");
        (text.lines().map(|line| line.trim_end().to_owned()).collect(), output.status.success())
    }

    fn run(&mut self, step: &Step, ports: &Ports) {
        let at = format!("README.md:{}: $ {}", step.line, step.command);
        let command = ports.real(&step.command);
        if let Some(background) = command.strip_suffix(" &") {
            assert!(step.expected.is_empty(), "{at}: prints nothing in the background");
            self.daemons.push(self.shell(&format!("exec {background}")).spawn().expect("a shell"));
            return;
        }
        if command == "kill %1 %2 %3" {
            return self.stop(&at);
        }
        let expected: Vec<String> = step.expected.iter().map(|line| ports.real(line)).collect();
        // What only looks may look again: a person who reads is slower than the daemons.
        let looks = ["smpcd status", "smpcd agreement status", "smpcd audit", "cat "];
        let until = Instant::now() + PATIENCE;
        loop {
            let (lines, success) = self.output(&command);
            if success && lines_match(&expected, &lines) {
                return;
            }
            let again = looks.iter().any(|look| command.starts_with(look)) && Instant::now() < until;
            assert!(
                again,
                "{at}\n--- the README says\n{}\n--- it prints (success: {success})\n{}\n",
                expected.join("\n"),
                lines.join("\n")
            );
            sleep(Duration::from_millis(100));
        }
    }

    /// SIGTERM to all: they stop in order, with exit code 0.
    fn stop(&mut self, at: &str) {
        assert_eq!(self.daemons.len(), 3, "{at}");
        for daemon in &self.daemons {
            let (lines, success) = self.output(&format!("kill -TERM {}", daemon.id()));
            assert!(success, "{at}: {lines:?}");
        }
        for daemon in &mut self.daemons {
            let status = daemon.wait().expect("a daemon ends");
            assert!(status.success(), "{at}: a daemon ended with {status}");
        }
        self.daemons.clear();
    }
}

#[test]
fn the_first_consortium_is_as_the_readme_shows_it() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("README.md");
    let steps = steps(&readme);
    assert!(steps.len() > 30, "only {} commands were found", steps.len());
    let ports = Ports::new(&readme);
    let mut walk = Walk::new();
    for step in &steps {
        walk.run(step, &ports);
    }
    assert!(walk.daemons.is_empty(), "the README leaves daemons running");
}

#[test]
fn matching_can_fail() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (expected, printed, matches) in [
        ("a", "a", true),
        ("a", "b", false),
        ("a", "a\nb", false),
        ("a\nb", "a", false),
        ("a\n...", "a\nb\nc", true),
        ("...\nc", "a\nb\nc", true),
        ("...\nd", "a\nb\nc", false),
        ("a [..] c", "a b c", true),
        ("a [..] c", "a b d", false),
        ("[..]x[..]", "aäxb", true),
        ("", "a", false),
    ] {
        assert_eq!(lines_match(&lines(expected), &lines(printed)), matches, "{expected:?} and {printed:?}");
    }
}

/// Backticked `crates/…rs::function` and `…::function` of the same file; SECURITY.md names its tests so.
#[test]
fn every_test_that_the_threat_table_names_is_there() {
    let text = fs::read_to_string(repository().join("SECURITY.md")).expect("SECURITY.md");
    let mut file = String::new();
    let mut found = 0;
    for (name, function) in text.split('`').filter_map(|code| code.split_once("::")).filter(|(name, _)| *name != "file")
    {
        if name != "…" {
            file = fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert!(file.contains(&format!("fn {function}(")), "{name} has no {function}");
        found += 1;
    }
    assert!(found > 30, "only {found} tests are named");
}

/// Relative links of the documents lead somewhere.
#[test]
fn links_lead_somewhere() {
    for name in ["README.md", "SECURITY.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(repository().join(name)).expect(name);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let there = target.starts_with("https://") || repository().join(target).exists();
            assert!(there, "{name}: {target} is not there");
        }
    }
}
