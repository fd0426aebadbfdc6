//! A proxy between two processes that spoils what passes (SECURITY.md, "network outsider").
//!
//! It listens on loopback, forwards each connection to a loopback target, and flips a byte, cuts or delays where it is
//! told. It holds two pieces of 16 KiB a connection and no more.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;
/// Connections that may be open at once; a test has a handful.
const MAX_CONNECTIONS: usize = 64;

/// One way through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From who dialled the proxy to the target.
    ToTarget,
    /// From the target to who dialled.
    FromTarget,
}

/// What is done to one direction of every connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Harm {
    /// The byte at this offset of the stream is flipped, with this mask.
    pub flip: Option<(u64, u8)>,
    /// The connection is cut before the byte at this offset.
    pub cut: Option<u64>,
    /// Every piece waits that long.
    pub delay: Duration,
}

/// What both directions of new connections suffer, and what came of it.
#[derive(Default)]
struct State {
    to_target: Harm,
    from_target: Harm,
    /// Bytes that passed, by direction.
    passed: [u64; 2],
    /// Flips and cuts that were done.
    harmed: u64,
    connections: Vec<JoinHandle<()>>,
}

type Shared = Arc<Mutex<State>>;

/// A running proxy; it ends, with its connections, when dropped.
pub struct Proxy {
    address: SocketAddr,
    state: Shared,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of loopback and forwards to `target`.
    ///
    /// # Errors
    /// Where the target is not on loopback, or no port can be had.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        if !target.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the proxy forwards to loopback only"));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        let listening = tokio::spawn(listen(listener, target, Arc::clone(&state)));
        Ok(Self { address, state, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this to a direction of every connection from now on; those that are open keep what they had.
    pub fn harm(&self, direction: Direction, harm: Harm) {
        let mut state = lock(&self.state);
        match direction {
            Direction::ToTarget => state.to_target = harm,
            Direction::FromTarget => state.from_target = harm,
        }
    }

    /// Cuts every connection that is open.
    pub fn cut_all(&self) {
        for connection in lock(&self.state).connections.drain(..) {
            connection.abort();
        }
    }

    /// Bytes that passed in a direction, over all connections.
    #[must_use]
    pub fn passed(&self, direction: Direction) -> u64 {
        lock(&self.state).passed[place(direction)]
    }

    /// How many flips and cuts were done: a test asks, so as not to pass because nothing happened.
    #[must_use]
    pub fn harmed(&self) -> u64 {
        lock(&self.state).harmed
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut_all();
    }
}

fn lock(state: &Shared) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn place(direction: Direction) -> usize {
    match direction {
        Direction::ToTarget => 0,
        Direction::FromTarget => 1,
    }
}

async fn listen(listener: TcpListener, target: SocketAddr, state: Shared) {
    // An error of accepting is the end of the test that caused it.
    while let Ok((near, _)) = listener.accept().await {
        let connection = tokio::spawn(forward(near, target, Arc::clone(&state)));
        let mut state = lock(&state);
        state.connections.retain(|connection| !connection.is_finished());
        if state.connections.len() < MAX_CONNECTIONS {
            state.connections.push(connection);
        } else {
            connection.abort();
        }
    }
}

async fn forward(near: TcpStream, target: SocketAddr, state: Shared) {
    let Ok(far) = TcpStream::connect(target).await else { return };
    // Small frames are not to wait for one another because of the proxy.
    if near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).is_err() {
        return;
    }
    let (to_target, from_target) = {
        let state = lock(&state);
        (state.to_target, state.from_target)
    };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    // Either direction's end is the end of both: what follows a cut is of no interest.
    tokio::select! {
        () = pass(near_in, far_out, to_target, Direction::ToTarget, &state) => {}
        () = pass(far_in, near_out, from_target, Direction::FromTarget, &state) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    harm: Harm,
    direction: Direction,
    state: &Shared,
) {
    let mut piece = vec![0u8; PIECE];
    let mut offset = 0u64;
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else { return };
        let mut end = length;
        if let Some(index) = within(harm.flip.map(|(at, _)| at), offset, length) {
            piece[index] ^= harm.flip.map_or(0, |(_, mask)| mask);
            lock(state).harmed += 1;
        }
        if let Some(index) = within(harm.cut, offset, length) {
            end = index;
            lock(state).harmed += 1;
        }
        if !harm.delay.is_zero() {
            tokio::time::sleep(harm.delay).await;
        }
        if to.write_all(&piece[..end]).await.is_err() {
            return;
        }
        lock(state).passed[place(direction)] += end as u64;
        offset += length as u64;
        if end < length {
            return;
        }
    }
}

/// Where an offset of the stream lies in a piece that begins at `begin`.
fn within(at: Option<u64>, begin: u64, length: usize) -> Option<usize> {
    usize::try_from(at?.checked_sub(begin)?).ok().filter(|index| *index < length)
}
