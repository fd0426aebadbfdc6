//! Frames off a stream. The peer is authenticated and may still send anything.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;
use wire::frame::{Frame, FrameError, HEADER, Header, Limits};
use wire::link::Hello;
use zeroize::Zeroizing;

use super::limits::READ_PIECE;

/// No frame came.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The stream ended between two frames.
    Closed,
    /// Not one byte came in time.
    Silent,
    /// What came is no frame.
    Frame(FrameError),
    /// The stream broke, in the middle of a frame perhaps.
    Io(io::Error),
}

/// Reads one frame. `silence` bounds the wait for each piece, not for the frame: it is progress that counts.
pub(super) async fn read_frame<R: AsyncRead + Unpin>(
    stream: &mut R,
    limits: &Limits,
    silence: Duration,
) -> Result<Frame, ReadError> {
    let (header, payload) = read_raw(stream, Some(limits), silence).await?;
    header.decode(payload).map_err(ReadError::Frame)
}

/// What came in the place of a Hello.
pub(super) enum Greeting {
    /// A Hello of our version.
    Hello(Hello),
    /// A Hello of another version, whose further form is not known here.
    OtherVersion(u16),
}

/// Reads the Hello: before it, nothing else is taken.
pub(super) async fn read_hello<R: AsyncRead + Unpin>(stream: &mut R, silence: Duration) -> Result<Greeting, ReadError> {
    let (header, payload) = read_raw(stream, None, silence).await?;
    // The version comes first in every Hello there will ever be, so that two versions can name each other.
    if let Some(&version) = payload.first_chunk::<2>() {
        let version = u16::from_le_bytes(version);
        if version != wire::PROTOCOL_VERSION {
            return Ok(Greeting::OtherVersion(version));
        }
    }
    match header.decode(payload).map_err(ReadError::Frame)? {
        Frame::Hello(hello) => Ok(Greeting::Hello(hello)),
        // The header takes nothing but a Hello without limits.
        _ => Err(ReadError::Frame(FrameError::UnknownKind(0))),
    }
}

async fn read_raw<R: AsyncRead + Unpin>(
    stream: &mut R,
    limits: Option<&Limits>,
    silence: Duration,
) -> Result<(Header, Zeroizing<Vec<u8>>), ReadError> {
    let mut header = [0; HEADER];
    let mut have = 0;
    while have < HEADER {
        let n = read_some(stream, &mut header[have..], silence).await?;
        if n == 0 {
            return Err(if have == 0 { ReadError::Closed } else { truncated() });
        }
        have += n;
    }
    let header = Header::parse(&header, limits).map_err(ReadError::Frame)?;
    let payload = read_payload(stream, header.payload(), silence).await?;
    Ok((header, payload))
}

/// Reads `length` bytes into room that at most doubles what has arrived (PROTOCOL 6.4: no allocation from a claimed
/// length).
async fn read_payload<R: AsyncRead + Unpin>(
    stream: &mut R,
    length: usize,
    silence: Duration,
) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let mut payload = Zeroizing::new(Vec::new());
    let mut have = 0;
    while have < length {
        if have == payload.len() {
            payload = grown(&payload, length);
        }
        let n = read_some(stream, &mut payload[have..], silence).await?;
        if n == 0 {
            return Err(truncated());
        }
        have += n;
    }
    Ok(payload)
}

/// A larger copy. The old one is wiped when it is dropped, which a reallocation would not do: shares pass here.
fn grown(old: &Zeroizing<Vec<u8>>, length: usize) -> Zeroizing<Vec<u8>> {
    let size = (old.len() * 2).max(READ_PIECE).min(length);
    let mut new = Zeroizing::new(Vec::with_capacity(size));
    new.extend_from_slice(old);
    new.resize(size, 0);
    new
}

async fn read_some<R: AsyncRead + Unpin>(
    stream: &mut R,
    into: &mut [u8],
    silence: Duration,
) -> Result<usize, ReadError> {
    match timeout(silence, stream.read(into)).await {
        Err(_) => Err(ReadError::Silent),
        Ok(Ok(n)) => Ok(n),
        Ok(Err(error)) => Err(ReadError::Io(error)),
    }
}

fn truncated() -> ReadError {
    ReadError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended in the middle of a frame"))
}
