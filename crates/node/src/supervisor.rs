//! What a service manager is told (sd_notify): that the daemon is ready, that it lives, that it stops.
//!
//! The hub says so itself, between two events, so a hub that hangs is silent, and the manager starts the daemon anew. A
//! timer beside it would go on to say that all is well.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A sign of life is sent so many times within the time after which the manager gives the daemon up.
const SIGNS: u32 = 4;

/// The manager, if there is one.
#[derive(Debug, Default)]
pub struct Supervisor {
    manager: Option<Manager>,
    /// When the last sign of life was sent, where signs are wanted.
    last: Option<Instant>,
    every: Option<Duration>,
}

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
}

/// The address of the manager is none that can be sent to.
#[derive(Debug, thiserror::Error)]
#[error("{}: no socket of a service manager: {error}", address.display())]
pub struct NoManager {
    /// What was given.
    pub address: PathBuf,
    /// What the system says.
    #[source]
    pub error: io::Error,
}

impl Supervisor {
    /// `address`: an absolute path, or a name in the abstract name space after an `@`, as in `NOTIFY_SOCKET`. `watchdog`: after
    /// how long without a sign of life the manager ends the daemon, as in `WATCHDOG_USEC`.
    ///
    /// # Errors
    /// [`NoManager`] where the address is neither.
    pub fn new(address: PathBuf, watchdog: Option<Duration>) -> Result<Self, NoManager> {
        let named = match address.as_os_str().as_bytes() {
            [b'@', name @ ..] if !name.is_empty() => SocketAddr::from_abstract_name(name),
            [b'/', ..] => SocketAddr::from_pathname(&address),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a path nor an abstract name")),
        };
        let open = |named| {
            let socket = UnixDatagram::unbound()?;
            // The hub waits for nobody: a manager that does not read loses a message.
            socket.set_nonblocking(true)?;
            Ok(Manager { socket, address: named })
        };
        let manager = named.and_then(open).map_err(|error| NoManager { address, error })?;
        let every = watchdog.map(|watchdog| watchdog / SIGNS);
        Ok(Self { manager: Some(manager), last: None, every })
    }

    /// Ports are open, and rounds may begin.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// A turn is over. Sends a sign of life where it is time for one.
    pub(crate) fn alive(&mut self) {
        let Some(every) = self.every else { return };
        if self.last.is_none_or(|last| last.elapsed() >= every) {
            self.last = Some(Instant::now());
            self.tell("WATCHDOG=1");
        }
    }

    /// The daemon has begun to stop.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        let Some(Manager { socket, address }) = &self.manager else { return };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::warn!(target: "daemon", %error, state, "the service manager was not told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> (tempfile::TempDir, PathBuf, UnixDatagram) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        (folder, path, socket)
    }

    fn heard(socket: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 64];
        std::iter::from_fn(|| socket.recv(&mut buffer).ok().map(|n| String::from_utf8_lossy(&buffer[..n]).into_owned()))
            .collect()
    }

    #[test]
    fn signs_of_life_come_a_few_times_within_the_limit_and_not_at_every_turn() {
        let (_folder, path, socket) = listener();
        let mut supervisor = Supervisor::new(path, Some(Duration::from_secs(40))).unwrap();
        supervisor.ready();
        supervisor.alive();
        supervisor.alive();
        assert_eq!(heard(&socket), ["READY=1", "WATCHDOG=1"]);
        supervisor.last = Instant::now().checked_sub(Duration::from_secs(10));
        supervisor.alive();
        supervisor.stopping();
        assert_eq!(heard(&socket), ["WATCHDOG=1", "STOPPING=1"]);
    }

    #[test]
    fn without_a_limit_there_are_no_signs_of_life() {
        let (_folder, path, socket) = listener();
        let mut supervisor = Supervisor::new(path, None).unwrap();
        supervisor.alive();
        assert!(heard(&socket).is_empty());
    }

    #[test]
    fn without_a_manager_nobody_is_told_and_one_that_has_gone_does_no_harm() {
        let mut nobody = Supervisor::default();
        nobody.ready();
        nobody.alive();
        let (folder, path, socket) = listener();
        let gone = Supervisor::new(path, None).unwrap();
        drop((folder, socket));
        gone.ready();
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in ["", "@", "notify", "vsock:2:1234"] {
            assert!(Supervisor::new(address.into(), None).is_err(), "{address}");
        }
        let long = format!("/{}", "x".repeat(200));
        assert!(Supervisor::new(long.into(), None).is_err());
    }
}
