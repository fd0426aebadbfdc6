//! Every bound of a link with its reason (PROTOCOL 6.4).

use std::time::Duration;

/// For TLS and both Hellos together. Two round trips and two signatures take far less on any line that can carry a round.
pub(super) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// For the TCP connection of a dial, name lookup included. A host that is down answers nothing at all.
pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Accepted connections that have not yet said Hello. Each costs up to about 100 KiB of buffers; a consortium has at
/// most 63 peers, which may all come back at once.
pub(super) const MAX_HALF_OPEN: usize = 64;
/// Connections that the kernel may hold before they are accepted.
pub(super) const LISTEN_BACKLOG: u32 = 1024;
/// Pause after the system refuses to accept (no file descriptors left): trying at once would spin.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// First upper bound of the pause before dialling again; it doubles with each failure.
pub(super) const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// Last upper bound of that pause: a peer that comes back is linked within half a minute.
pub(super) const BACKOFF_LAST: Duration = Duration::from_secs(30);
/// A link that lived so long was a success: the next dial begins with the first pause again.
pub(super) const BACKOFF_RESET: Duration = Duration::from_secs(10);

/// A Ping is sent after so long without a write.
pub(super) const PING_AFTER: Duration = Duration::from_secs(10);
/// A link on which nothing was heard for so long is dead: three Pings were lost.
pub(super) const READ_SILENCE: Duration = Duration::from_secs(30);
/// A peer that takes nothing for so long while something waits for it hangs. Longer than any pause of a busy node.
pub(super) const WRITE_STALL: Duration = Duration::from_secs(120);

/// Bytes that are read for a payload before more room is made: memory follows what arrived and not what was announced.
pub(super) const READ_PIECE: usize = 16 * 1024;
/// Frames are gathered up to this size before they go to TLS, which cuts them into records of 16 KiB.
pub(super) const WRITE_BATCH: usize = 64 * 1024;

/// Control frames that may wait for one peer: a whole exchange of inventories for a few rounds.
pub(super) const CONTROL_FRAMES: usize = 4096;
/// Bytes of control frames that may wait for one peer; ten of the largest messages of votes.
pub(super) const CONTROL_BYTES: usize = 8 * 1024 * 1024;

/// The same where rounds have Commitments: an exchange of inventories can send those of all dealers.
pub(super) fn control_bytes(limits: &wire::frame::Limits, parties: usize) -> usize {
    CONTROL_BYTES + 2 * parties * limits.commitments
}
/// Bulk frames that may wait for one peer: enough to keep the line busy while the next chunk is computed.
pub(super) const BULK_FRAMES: usize = 4;

/// Different refusals that are remembered for counting. Beyond it the one that is longest silent is forgotten, so
/// a stranger cannot fill memory with refusals.
pub(super) const MAX_REFUSALS: usize = 256;
/// A refusal that repeats is told once in so long, with its count.
pub(super) const REFUSAL_PAUSE: Duration = Duration::from_secs(60);

/// Live links are judged again so often, because certificates run out while a link lives.
pub(super) const RECHECK_EVERY: Duration = Duration::from_secs(3600);
