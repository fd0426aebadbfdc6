//! Frames: a length, a kind, a payload (PROTOCOL 6.4).
//!
//! `length: u32 LE | kind: u8 | payload`, where length counts the kind and the payload. Bulk elements bypass the codec.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::codec::{self, DecodeError};
use crate::envelope::{MAX_VOTES, OVERHEAD};
use crate::link::{BulkId, Checkpoint, Grant, Have, Hello, Pin, Recall, Seen};

/// Bytes of a frame before its payload.
pub const HEADER: usize = 5;
/// Largest Hello; nothing else is read before it.
pub const MAX_HELLO: usize = 32 * 1024;
/// Largest card or agreement signature.
pub const MAX_CARD: usize = 16 * 1024;
/// Largest inventory: its digests, the round and the count.
pub const MAX_HAVE: usize = crate::link::MAX_INVENTORY * 32 + 64;
/// Largest Recall: its round ids and the count.
pub const MAX_RECALL: usize = crate::link::MAX_RECALL * 32 + 4;
/// Largest Pin: digest, two texts of 32 bytes with their lengths, v.
pub const MAX_PIN: usize = 32 + 36 + 36 + 4;
/// Largest Checkpoint: the note and the path with their lengths, the size.
pub const MAX_CHECKPOINT: usize = crate::link::MAX_NOTE + 4 + 8 + crate::link::MAX_PATH * 32 + 4;
/// A chunk's object and index, before its elements.
const CHUNK_PREFIX: usize = 32 + 4 + 8;

/// What may arrive on a link, so that no frame is larger than the agreement implies.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the largest chunk of elements under this agreement.
    pub chunk: usize,
    /// Bytes of the largest Commitments under this agreement; none where no round is malicious.
    pub commitments: usize,
}

impl Limits {
    /// Bytes of the largest envelope.
    #[must_use]
    pub fn envelope(&self) -> usize {
        OVERHEAD + self.commitments.max(MAX_VOTES)
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// Who the speaker is and what it holds.
    Hello(Hello),
    /// An envelope ([`crate::Envelope`]).
    Message(Zeroizing<Vec<u8>>),
    /// An inventory.
    Have(Have),
    /// Leave to send chunks.
    Grant(Grant),
    /// Elements of one chunk.
    Chunk {
        /// The object.
        object: BulkId,
        /// Which chunk.
        index: u64,
        /// Canonical elements, little-endian.
        elements: Zeroizing<Vec<u8>>,
    },
    /// A signed card.
    Card(Vec<u8>),
    /// A signature on the agreement.
    Signature(Vec<u8>),
    /// I am alive.
    Ping,
    /// Tell me what I signed.
    Recall(Recall),
    /// There is this round; what you signed in it follows.
    Pin(Pin),
    /// That is all I have of yours.
    Recalled,
    /// My log has grown.
    Checkpoint(Checkpoint),
    /// This is what I have seen of yours.
    Seen(Seen),
}

/// A frame was refused. The link is closed: there is no way to find the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No such kind.
    #[error("a frame of unknown kind {0}")]
    UnknownKind(u8),
    /// Larger than this kind may be.
    #[error("a frame of {length} bytes where {max} are the most")]
    TooLarge {
        /// Claimed length.
        length: usize,
        /// Limit.
        max: usize,
    },
    /// The payload is not what the kind says.
    #[error("a frame that does not decode: {0}")]
    Payload(#[from] DecodeError),
}

const HELLO: u8 = 1;
const MESSAGE: u8 = 2;
const HAVE: u8 = 3;
const GRANT: u8 = 4;
const CHUNK: u8 = 5;
const CARD: u8 = 6;
const SIGNATURE: u8 = 7;
const PING: u8 = 8;
const RECALL: u8 = 9;
const PIN: u8 = 10;
const RECALLED: u8 = 11;
const CHECKPOINT: u8 = 12;
const SEEN: u8 = 13;

/// A frame's announced kind and payload length, already within its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    kind: u8,
    payload: usize,
}

impl Header {
    /// Reads a header. `limits` is none until the peer has said Hello: then only a Hello is taken.
    ///
    /// # Errors
    /// [`FrameError`] for an unknown kind or a length over the kind's limit, before anything is allocated.
    pub fn parse(bytes: &[u8; HEADER], limits: Option<&Limits>) -> Result<Self, FrameError> {
        let [a, b, c, d, kind] = *bytes;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let max = match (kind, limits) {
            (HELLO, None) => MAX_HELLO,
            (MESSAGE, Some(limits)) => limits.envelope(),
            (HAVE, Some(_)) => MAX_HAVE,
            (GRANT, Some(_)) => 64,
            (CHUNK, Some(limits)) => CHUNK_PREFIX + limits.chunk,
            (CARD | SIGNATURE, Some(_)) => MAX_CARD,
            (PING | RECALLED, Some(_)) => 0,
            (RECALL, Some(_)) => MAX_RECALL,
            (PIN, Some(_)) => MAX_PIN,
            (CHECKPOINT, Some(_)) => MAX_CHECKPOINT,
            (SEEN, Some(_)) => crate::link::MAX_NOTE + 4,
            _ => return Err(FrameError::UnknownKind(kind)),
        };
        match length.checked_sub(1) {
            Some(payload) if payload <= max => Ok(Self { kind, payload }),
            _ => Err(FrameError::TooLarge { length, max: max + 1 }),
        }
    }

    /// Bytes that follow.
    #[must_use]
    pub fn payload(&self) -> usize {
        self.payload
    }

    /// Decodes the payload.
    ///
    /// # Errors
    /// [`FrameError::Payload`].
    pub fn decode(&self, payload: Zeroizing<Vec<u8>>) -> Result<Frame, FrameError> {
        Ok(match self.kind {
            HELLO => Frame::Hello(codec::decode(&payload)?),
            MESSAGE => Frame::Message(payload),
            HAVE => Frame::Have(codec::decode(&payload)?),
            GRANT => Frame::Grant(codec::decode(&payload)?),
            CHUNK => {
                let (prefix, elements) = payload.split_at_checked(CHUNK_PREFIX).ok_or(DecodeError::Malformed)?;
                let (object, index): (BulkId, u64) = codec::decode(prefix)?;
                Frame::Chunk { object, index, elements: Zeroizing::new(elements.to_vec()) }
            }
            CARD => Frame::Card(payload.to_vec()),
            SIGNATURE => Frame::Signature(payload.to_vec()),
            PING if payload.is_empty() => Frame::Ping,
            RECALLED if payload.is_empty() => Frame::Recalled,
            PING | RECALLED => return Err(DecodeError::Trailing.into()),
            RECALL => Frame::Recall(codec::decode(&payload)?),
            PIN => Frame::Pin(codec::decode(&payload)?),
            CHECKPOINT => Frame::Checkpoint(codec::decode(&payload)?),
            SEEN => Frame::Seen(codec::decode(&payload)?),
            kind => return Err(FrameError::UnknownKind(kind)),
        })
    }
}

impl Frame {
    /// The frame's bytes.
    ///
    /// # Panics
    /// If a payload is over 4 GiB; the limits above are far below it.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::from([0; HEADER]));
        let kind = match self {
            Self::Hello(hello) => put(&mut out, HELLO, &codec::encode(hello)),
            Self::Message(bytes) => put(&mut out, MESSAGE, bytes),
            Self::Have(have) => put(&mut out, HAVE, &codec::encode(have)),
            Self::Grant(grant) => put(&mut out, GRANT, &codec::encode(grant)),
            Self::Chunk { object, index, elements } => {
                out.reserve(CHUNK_PREFIX + elements.len());
                out.extend_from_slice(&codec::encode(&(*object, *index)));
                put(&mut out, CHUNK, elements)
            }
            Self::Card(bytes) => put(&mut out, CARD, bytes),
            Self::Signature(bytes) => put(&mut out, SIGNATURE, bytes),
            Self::Ping => PING,
            Self::Recall(recall) => put(&mut out, RECALL, &codec::encode(recall)),
            Self::Pin(pin) => put(&mut out, PIN, &codec::encode(pin)),
            Self::Recalled => RECALLED,
            Self::Checkpoint(checkpoint) => put(&mut out, CHECKPOINT, &codec::encode(checkpoint)),
            Self::Seen(seen) => put(&mut out, SEEN, &codec::encode(seen)),
        };
        let length = u32::try_from(out.len() - HEADER + 1).expect("frames are bounded");
        out[..4].copy_from_slice(&length.to_le_bytes());
        out[4] = kind;
        out
    }
}

fn put(out: &mut Vec<u8>, kind: u8, payload: &[u8]) -> u8 {
    out.extend_from_slice(payload);
    kind
}
