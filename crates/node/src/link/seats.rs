//! One connection for a pair of parties (PROTOCOL 6.1), and the same one at both ends.
//!
//! "Of two live connections the one dialled by the later party in the agreement stays; a new one in the same direction
//! replaces the old." Both ends rank the two by who dialled, which both know alike, so neither needs to hear what the
//! other decided. In one direction the dialler makes one connection after the other; the acceptor sees them in that
//! order, and an older one that is slow to finish never displaces a newer one.
//!
//! When a connection is live: at the dialler from the acceptor's Hello, at the acceptor from the dialler's. The dialler
//! sends its Hello only after it has taken the seat here. So what is live at the acceptor was live at the dialler
//! before, and a better connection that was dropped at one end never comes up at the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use protocol::agreement::PartyIndex;
use rustls::pki_types::CertificateDer;
use tls::{PeerIdentity, PeerVerifier, Refusal, Usage};
use tokio::sync::{OwnedMutexGuard, watch};
use wire::frame::Frame;

use super::CloseReason;
use super::sender::{Cut, LinkSender, Queues, queues};

/// The seats of all peers.
pub(super) struct Seats {
    me: PartyIndex,
    /// Bytes of control frames that may wait for one peer.
    most_waiting: usize,
    verifier: PeerVerifier,
    peers: Mutex<Peers>,
    /// For each party the generation of its live connection.
    linked: Vec<watch::Sender<Option<u64>>>,
    /// For each party: whoever tells of its link holds this, so that Up comes after the Down before it.
    turns: Vec<Arc<tokio::sync::Mutex<()>>>,
}

struct Peers {
    next_generation: u64,
    holders: Vec<Option<Holder>>,
}

/// A connection after its handshake that asks for the seat.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) peer: PartyIndex,
    /// Whether this node dialled.
    pub(super) dialled: bool,
    /// When it was begun at this node, as a number that grows.
    pub(super) sequence: u64,
    /// What the peer presented.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

struct Holder {
    candidate: Candidate,
    generation: u64,
    cut: Cut,
    sender: LinkSender,
}

/// A connection that has the seat, until it is dropped or replaced.
pub(super) struct Held {
    seats: Arc<Seats>,
    pub(super) peer: PartyIndex,
    pub(super) generation: u64,
    pub(super) cut: Cut,
    pub(super) sender: LinkSender,
    pub(super) queues: Queues,
    pub(super) identity: PeerIdentity,
}

/// The seat was not given.
#[derive(Debug)]
pub(super) enum NoSeat {
    /// A better connection has it.
    Taken,
    /// The peer's card has changed during the handshake.
    Distrusted(Refusal),
}

impl Seats {
    pub(super) fn new(me: PartyIndex, parties: usize, most_waiting: usize, verifier: PeerVerifier) -> Self {
        Self {
            me,
            most_waiting,
            verifier,
            peers: Mutex::new(Peers { next_generation: 1, holders: (0..parties).map(|_| None).collect() }),
            linked: (0..parties).map(|_| watch::Sender::new(None)).collect(),
            turns: (0..parties).map(|_| Arc::default()).collect(),
        }
    }

    /// The generation of the live connection with `peer`, as it changes.
    pub(super) fn linked(&self, peer: PartyIndex) -> watch::Receiver<Option<u64>> {
        self.linked[usize::from(peer.0)].subscribe()
    }

    /// The sender of the live connection with `peer`.
    pub(super) fn sender(&self, peer: PartyIndex) -> Option<LinkSender> {
        self.lock().holders.get(usize::from(peer.0))?.as_ref().map(|holder| holder.sender.clone())
    }

    /// Whether an accepted connection would lose against the one that is live: then no Hello is sent on it.
    ///
    /// The peer would not dial if it had that link, unless the two crossed. So the link is tried with a Ping: if the peer
    /// has restarted, this brings the reset that frees the seat.
    pub(super) fn is_taken(&self, candidate: &Candidate) -> bool {
        let peers = self.lock();
        let Some(holder) = &peers.holders[usize::from(candidate.peer.0)] else { return false };
        let taken = self.rank(candidate) < self.rank(&holder.candidate);
        if taken {
            // A full queue cuts the link, and then the seat is free as well.
            let _ = holder.sender.try_send(&Frame::Ping);
        }
        taken
    }

    /// Takes the seat and cuts who had it, or says why not. Trust is asked once more under the lock, so that a card
    /// taken in during the handshake counts.
    pub(super) fn claim(self: &Arc<Self>, candidate: Candidate) -> Result<Held, NoSeat> {
        let mut peers = self.lock();
        let identity = self.identify(&candidate).map_err(NoSeat::Distrusted)?;
        let (peer, index) = (candidate.peer, usize::from(candidate.peer.0));
        let generation = peers.next_generation;
        if let Some(holder) = &peers.holders[index] {
            if self.rank(&candidate) < self.rank(&holder.candidate) {
                return Err(NoSeat::Taken);
            }
            holder.cut.cut(CloseReason::Replaced);
        }
        peers.next_generation += 1;
        let cut = Cut::new();
        let (sender, queues) = queues(peer, generation, self.most_waiting, cut.clone());
        peers.holders[index] = Some(Holder { candidate, generation, cut: cut.clone(), sender: sender.clone() });
        self.linked[index].send_replace(Some(generation));
        Ok(Held { seats: Arc::clone(self), peer, generation, cut, sender, queues, identity })
    }

    /// Judges all live connections again and cuts those that fail. Returns who and why.
    pub(super) fn recheck(&self) -> Vec<(PartyIndex, Refusal)> {
        let peers = self.lock();
        let mut cut = Vec::new();
        for holder in peers.holders.iter().flatten() {
            if let Err(refusal) = self.identify(&holder.candidate) {
                holder.cut.cut(CloseReason::Distrusted(refusal.to_string()));
                cut.push((holder.candidate.peer, refusal));
            }
        }
        cut
    }

    /// The one dialled by the later party ranks above, then the newer one.
    fn rank(&self, candidate: &Candidate) -> (bool, u64) {
        let later_dialled = if candidate.dialled { self.me > candidate.peer } else { candidate.peer > self.me };
        (later_dialled, candidate.sequence)
    }

    fn identify(&self, candidate: &Candidate) -> Result<PeerIdentity, Refusal> {
        let usage = if candidate.dialled { Usage::Server } else { Usage::Client };
        self.verifier.identify(&candidate.chain, unix_now(), usage)
    }

    fn release(&self, peer: PartyIndex, generation: u64) {
        let mut peers = self.lock();
        let holder = &mut peers.holders[usize::from(peer.0)];
        if holder.as_ref().is_some_and(|holder| holder.generation == generation) {
            *holder = None;
            self.linked[usize::from(peer.0)].send_replace(None);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        // Each change under the lock is one assignment: nothing is left half done by a panic.
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Gives the seat back, so that a new connection may come while this one still says its Down.
    pub(super) fn release(&self) {
        self.seats.release(self.peer, self.generation);
    }

    /// Waits until the connection before this one has said its Down.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.seats.turns[usize::from(self.peer.0)]).lock_owned().await
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// Wall-clock time, for certificates only.
pub(super) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
