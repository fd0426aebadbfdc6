//! The daemons of a demo: one process for each party, started as an operator would.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use node::admin::{Client, ClientError};
use node::status::RoundStatus;
use rustix::process::{Pid, Signal, kill_process};

use crate::commands::testbed::Consortium;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// How long the daemons may take to link up. On a busy machine a handshake takes a while.
const LINK_TIME: Duration = Duration::from_secs(30);
/// How long a daemon may take to stop before it is killed.
const STOP_TIME: Duration = Duration::from_secs(10);
/// Between two looks at something.
const PAUSE: Duration = Duration::from_millis(20);
/// Lines of a dead daemon's log that are shown.
const LAST_LINES: usize = 5;

/// A party of the demo.
pub(super) struct Party {
    pub(super) id: String,
    pub(super) data_dir: PathBuf,
    log: PathBuf,
    client: Client,
}

/// The running daemons. Dropped, they are stopped.
pub(super) struct Daemons {
    pub(super) parties: Vec<Party>,
    children: std::cell::RefCell<Vec<Child>>,
    runtime: tokio::runtime::Runtime,
}

impl Daemons {
    /// Starts one `smpcd run` for each of the first so many parties; its log is `daemon.log` in the party's directory.
    pub(super) fn start(consortium: &Consortium, count: usize) -> Result<Self, Failure> {
        let other = |what: &str, error: &dyn std::fmt::Display| Failure::new(Exit::Other, format!("{what}: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| other("cannot start", &error))?;
        let program = std::env::current_exe().map_err(|error| other("cannot find this program", &error))?;
        let mut daemons = Self { parties: Vec::new(), children: Vec::new().into(), runtime };
        for made in consortium.parties.iter().take(count) {
            let node_file = made.home.node_file();
            let settings = NodeFile::load(&node_file)?.settings;
            let log = made.home.folder().join("daemon.log");
            let stderr = File::create(&log).map_err(|error| other(&log.display().to_string(), &error))?;
            let child = Command::new(&program)
                .arg("run")
                .arg("--config")
                .arg(&node_file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(stderr)
                .spawn()
                .map_err(|error| other("cannot start a daemon", &error))?;
            daemons.children.get_mut().push(child);
            let client = Client::new(&settings.admin_socket);
            daemons.parties.push(Party { id: settings.party, data_dir: settings.data_dir, log, client });
        }
        Ok(daemons)
    }

    /// The process of each party.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.children.borrow().iter().map(Child::id).collect()
    }

    /// Returns when every party is linked with every other.
    pub(super) fn wait_for_links(&self) -> Result<(), Failure> {
        let until = Instant::now() + LINK_TIME;
        loop {
            self.alive()?;
            let mut missing = None;
            for party in &self.parties {
                match self.runtime.block_on(party.client.status()) {
                    Ok(status) => {
                        missing = missing.or(status.peers.iter().find(|peer| !peer.connected).map(|peer| {
                            let why = peer.last_refusal.clone().unwrap_or_default();
                            format!("{} is not linked with {}: {why}", party.id, peer.party)
                        }));
                    }
                    Err(error) => missing = Some(error.to_string()),
                }
            }
            match missing {
                None => return Ok(()),
                Some(line) if Instant::now() >= until => return Err(Failure::new(Exit::Other, line)),
                Some(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Runs one round, started by the first party, and tells what each party knows at its end.
    pub(super) fn round(
        &self,
        computation: &str,
        period: &str,
        shown: impl Fn(&RoundStatus),
    ) -> Result<Vec<RoundStatus>, Failure> {
        let ended: Result<Result<Vec<RoundStatus>, Failure>, ClientError> = self.runtime.block_on(async {
            let mut status = self.parties[0].client.start(computation, period).await?;
            let mut ended = Vec::new();
            for party in &self.parties {
                loop {
                    match party.client.round(computation, period).await {
                        Ok(now) => status = now,
                        // The proposal has not reached it yet.
                        Err(ClientError::Refused(refused)) if refused.not_found => {}
                        Err(error) => return Err(error),
                    }
                    shown(&status);
                    if !status.input_errors.is_empty() {
                        return Ok(Err(Failure::all(Exit::BadInput, &status.input_errors)));
                    }
                    if status.is_open() {
                        tokio::time::sleep(PAUSE).await;
                    } else {
                        break;
                    }
                }
                ended.push(status.clone());
                status.status = "open".to_owned();
            }
            Ok(Ok(ended))
        });
        ended.unwrap_or_else(|error| match self.alive() {
            Err(dead) => Err(dead),
            Ok(()) => Err(crate::daemon_call::failure(&error)),
        })
    }

    /// The parties, whose daemons have ended.
    pub(super) fn into_parties(mut self) -> Vec<Party> {
        std::mem::take(&mut self.parties)
    }

    /// What each party knows of a round now.
    pub(super) fn rounds(&self, computation: &str, period: &str) -> Result<Vec<RoundStatus>, Failure> {
        let known: Result<Vec<RoundStatus>, ClientError> = self.runtime.block_on(async {
            let mut known = Vec::new();
            for party in &self.parties {
                known.push(party.client.round(computation, period).await?);
            }
            Ok(known)
        });
        known.map_err(|error| crate::daemon_call::failure(&error))
    }

    /// Stops the daemons in order, as an operator would, and sees that each ends well.
    pub(super) fn stop(&self) -> Result<(), Failure> {
        for child in self.children.borrow().iter() {
            terminate(child);
        }
        let until = Instant::now() + STOP_TIME;
        for (child, party) in self.children.borrow_mut().iter_mut().zip(&self.parties) {
            loop {
                match child.try_wait() {
                    Ok(Some(status)) if status.success() => break,
                    Ok(Some(status)) => {
                        return Err(Failure::new(Exit::Other, format!("{}: the daemon ended with {status}", party.id)));
                    }
                    Ok(None) if Instant::now() < until => std::thread::sleep(PAUSE),
                    _ => return Err(Failure::new(Exit::Other, format!("{}: the daemon does not stop", party.id))),
                }
            }
        }
        Ok(())
    }

    /// Fails with the last words of a daemon that is dead.
    fn alive(&self) -> Result<(), Failure> {
        for (child, party) in self.children.borrow_mut().iter_mut().zip(&self.parties) {
            if let Ok(Some(status)) = child.try_wait() {
                let log = std::fs::read_to_string(&party.log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
                let first = format!("{}: the daemon ended with {status}; its last words:", party.id);
                return Err(Failure::all(Exit::Other, std::iter::once(first.as_str()).chain(last.iter().copied())));
            }
        }
        Ok(())
    }
}

fn terminate(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // One that has ended already is not there to be told.
        let _ = kill_process(pid, Signal::TERM);
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        for child in self.children.get_mut() {
            if matches!(child.try_wait(), Ok(None)) {
                terminate(child);
                let until = Instant::now() + STOP_TIME;
                while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
                    std::thread::sleep(PAUSE);
                }
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
