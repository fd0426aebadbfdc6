//! Signed envelopes (PROTOCOL 1.3): who says what, in which round, to whom.
//!
//! A signature covers (label, round id, sender, recipient, body) through one labelled digest, so a message of one
//! round, sender or recipient is worth nothing in another. Bytes are kept as they arrived and never re-encoded.

use alloc::sync::Arc;
use core::fmt;

use zeroize::Zeroizing;

use crate::codec::{self, Bytes, DecodeError, WireDecode, WireEncode};
use crate::message::{Body, MAX_COMMITMENTS, MAX_PROOFS, MessageDigest, MessageKind, RoundId};
use crate::signing::{Signer, Verify, verify};

/// Largest body of any round: Commitments. No agreement without malicious rounds implies more than [`MAX_VOTES`].
pub const MAX_BODY: usize = MAX_COMMITMENTS + MAX_PROOFS + 1024;
/// Largest of the other bodies: an Open with the Receipts of 64 compute parties for 64 dealings, and 64 Closes with a lock
/// each.
pub const MAX_VOTES: usize = 768 * 1024;
/// What an envelope adds to its body: the signature and a header.
pub const OVERHEAD: usize = 256;

/// What travels.
#[derive(Clone, PartialEq, Eq, WireEncode, WireDecode)]
struct Packet {
    round: RoundId,
    sender: u16,
    recipient: Option<u16>,
    body: Bytes<MAX_BODY>,
    signature: [u8; 64],
}

/// An envelope was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The envelope or its body is not a canonical encoding.
    #[error("{0}")]
    Decode(#[from] DecodeError),
    /// The signature is not the sender's.
    #[error("the signature is not its sender's")]
    Signature,
}

/// The digest that a signature on a message covers.
#[must_use]
pub fn message_digest(round: &RoundId, sender: u16, recipient: Option<u16>, body: &[u8]) -> MessageDigest {
    let recipient = recipient.map(u16::to_le_bytes);
    let recipient: &[u8] = recipient.as_ref().map_or(&[], |bytes| bytes);
    MessageDigest(sharing::hash("smpcd/1/message", &[&round.0, &sender.to_le_bytes(), recipient, body]))
}

/// # Panics
/// If the body is over [`MAX_BODY`]: its lists are bounded, so none is.
fn bounded(body: &Body) -> Bytes<MAX_BODY> {
    body.encode().try_into().expect("bodies are bounded")
}

/// An envelope that parsed. Its signature has not been looked at.
pub struct Envelope {
    packet: Packet,
    body: Body,
    bytes: Zeroizing<alloc::vec::Vec<u8>>,
}

impl Envelope {
    /// Parses an envelope and its body.
    ///
    /// # Errors
    /// [`DecodeError`] unless both are canonical encodings.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let packet: Packet = codec::decode(bytes)?;
        let body = codec::decode(&packet.body)?;
        Ok(Self { packet, body, bytes: Zeroizing::new(bytes.to_vec()) })
    }

    /// A message of which another one carries body and signature. It is the very message that its author signed.
    #[must_use]
    pub fn carried(round: RoundId, sender: u16, recipient: Option<u16>, body: Body, signature: [u8; 64]) -> Self {
        let packet = Packet { round, sender, recipient, body: bounded(&body), signature };
        let bytes = Zeroizing::new(codec::encode(&packet));
        Self { packet, body, bytes }
    }

    /// The digest that its signature should cover, and its name.
    #[must_use]
    pub fn digest(&self) -> MessageDigest {
        message_digest(&self.packet.round, self.packet.sender, self.packet.recipient, &self.packet.body)
    }

    /// The round that it claims to belong to.
    #[must_use]
    pub fn round(&self) -> RoundId {
        self.packet.round
    }

    /// The party that it claims to be from.
    #[must_use]
    pub fn sender(&self) -> u16 {
        self.packet.sender
    }

    /// The one party that it claims to be for, if it is for one.
    #[must_use]
    pub fn recipient(&self) -> Option<u16> {
        self.packet.recipient
    }

    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says, unverified.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Verifies the signature under the sender's key.
    ///
    /// # Errors
    /// [`OpenError::Signature`].
    pub fn verify(self, key: &[u8; 32]) -> Result<Sealed, OpenError> {
        self.verify_by(verify, key)
    }

    /// Verifies the signature under the sender's key, as told.
    ///
    /// # Errors
    /// [`OpenError::Signature`].
    pub fn verify_by(self, verify: Verify, key: &[u8; 32]) -> Result<Sealed, OpenError> {
        let digest = self.digest();
        let Self { packet, body, bytes } = self;
        if !verify(key, &digest.0, &packet.signature) {
            return Err(OpenError::Signature);
        }
        Ok(Sealed(Arc::new(Signed {
            round: packet.round,
            sender: packet.sender,
            recipient: packet.recipient,
            body,
            signature: packet.signature,
            digest,
            bytes,
        })))
    }
}

/// A signed message: made by [`Sealed::sign`], or verified by [`Envelope::verify`]. There is no other way to one.
///
/// A copy is another handle on the same bytes, for a message goes to many.
#[derive(Clone)]
pub struct Sealed(Arc<Signed>);

struct Signed {
    round: RoundId,
    sender: u16,
    recipient: Option<u16>,
    body: Body,
    signature: [u8; 64],
    digest: MessageDigest,
    bytes: Zeroizing<alloc::vec::Vec<u8>>,
}

impl Sealed {
    /// Signs a message.
    ///
    /// # Panics
    /// If the body is over [`MAX_BODY`]: its lists are bounded, so none is.
    #[must_use]
    pub fn sign(round: RoundId, sender: u16, recipient: Option<u16>, body: Body, signer: &dyn Signer) -> Self {
        let encoded = bounded(&body);
        let digest = message_digest(&round, sender, recipient, &encoded);
        let signature = signer.sign(&digest.0);
        let packet = Packet { round, sender, recipient, body: encoded, signature };
        let bytes = Zeroizing::new(codec::encode(&packet));
        Self(Arc::new(Signed { round, sender, recipient, body, signature, digest, bytes }))
    }

    /// Its round.
    #[must_use]
    pub fn round(&self) -> RoundId {
        self.0.round
    }

    /// Who signed it: a position in the agreement.
    #[must_use]
    pub fn sender(&self) -> u16 {
        self.0.sender
    }

    /// The one party that it is for, if it is for one.
    #[must_use]
    pub fn recipient(&self) -> Option<u16> {
        self.0.recipient
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.0.body
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.0.body.kind()
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> [u8; 64] {
        self.0.signature
    }

    /// Its name.
    #[must_use]
    pub fn digest(&self) -> MessageDigest {
        self.0.digest
    }

    /// The bytes as they travel.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of party {} ({})", self.kind().name(), self.0.sender, self.0.digest)
    }
}
