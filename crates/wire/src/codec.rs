//! The one place that knows bincode: a bounded and canonical codec.
//!
//! Fixed-width integers, little-endian. bincode alone is not enough against an attacker: its limit counts memory and
//! not bytes, it allocates from claimed lengths and it ignores trailing bytes. So lists go through [`Seq`], strings
//! through [`Text`], byte strings through [`Bytes`], and [`decode`] re-encodes what it read and compares.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bincode::config::{Configuration, Fixint, LittleEndian, NoLimit};
use bincode::de::read::Reader;
use bincode::de::{BorrowDecode, BorrowDecoder, Decode, Decoder};
use bincode::enc::write::Writer;
use bincode::enc::{Encode, Encoder};
use zeroize::Zeroize;

/// What a message type derives to be encoded and decoded here.
pub use bincode::{Decode as WireDecode, Encode as WireEncode};

const CONFIG: Configuration<LittleEndian, Fixint, NoLimit> = bincode::config::standard().with_fixed_int_encoding();

/// Bytes are read in pieces of this size, so that a claimed length allocates nothing before its bytes are there.
const PIECE: usize = 1024;

/// The bytes are not the canonical encoding of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Truncated, an unknown variant, a list over its limit, or text that is not UTF-8.
    #[error("malformed")]
    Malformed,
    /// More bytes than the value has.
    #[error("trailing bytes")]
    Trailing,
    /// A second encoding of the same value.
    #[error("not the canonical encoding")]
    NotCanonical,
}

/// Encodes a value.
#[must_use]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    // Writing to a vector cannot fail, and the types here have no failing encoders: Seq, Text and Bytes are bounded
    // at construction.
    bincode::encode_to_vec(value, CONFIG).expect("encoding to memory does not fail")
}

/// Decodes exactly one value from all of `bytes`.
///
/// # Errors
/// [`DecodeError`] unless `bytes` are what [`encode`] gives for the value.
pub fn decode<T: Decode<()> + Encode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used) = bincode::decode_from_slice::<T, _>(bytes, CONFIG).map_err(|_| DecodeError::Malformed)?;
    if used != bytes.len() {
        return Err(DecodeError::Trailing);
    }
    bincode::encode_into_writer(&value, Comparing(bytes), CONFIG).map_err(|_| DecodeError::NotCanonical)?;
    Ok(value)
}

/// A writer that only checks that the same bytes come again.
struct Comparing<'a>(&'a [u8]);

impl Writer for Comparing<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        match self.0.split_at_checked(bytes.len()) {
            Some((head, tail)) if head == bytes => {
                self.0 = tail;
                Ok(())
            }
            _ => Err(bincode::error::EncodeError::Other("differs")),
        }
    }
}

/// A list of at most `MAX` items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seq<T, const MAX: usize>(Vec<T>);

/// A list, text or byte string is longer than its message allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} is over the limit of {max}")]
pub struct TooLong {
    /// What was given.
    pub length: usize,
    /// What is allowed.
    pub max: usize,
}

fn within(length: usize, max: usize) -> Result<(), TooLong> {
    if length > max { Err(TooLong { length, max }) } else { Ok(()) }
}

impl<T, const MAX: usize> Default for Seq<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> TryFrom<Vec<T>> for Seq<T, MAX> {
    type Error = TooLong;
    fn try_from(items: Vec<T>) -> Result<Self, TooLong> {
        within(items.len(), MAX)?;
        Ok(Self(items))
    }
}

impl<T, const MAX: usize> core::ops::Deref for Seq<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Encode, const MAX: usize> Encode for Seq<T, MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        encode_length(self.0.len(), encoder)?;
        self.0.iter().try_for_each(|item| item.encode(encoder))
    }
}

impl<C, T: Decode<C>, const MAX: usize> Decode<C> for Seq<T, MAX> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        // A zero-sized item would let four bytes ask for any amount of work.
        const { assert!(size_of::<T>() > 0) };
        let length = decode_length(MAX, decoder)?;
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(T::decode(decoder)?);
        }
        Ok(Self(items))
    }
}

/// UTF-8 text of at most `MAX` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// As much of `text` as fits, cut at a character.
    #[must_use]
    pub fn truncated(text: &str) -> Self {
        let end = (0..=MAX.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        Self(text[..end].into())
    }
}

impl<const MAX: usize> TryFrom<&str> for Text<MAX> {
    type Error = TooLong;
    fn try_from(text: &str) -> Result<Self, TooLong> {
        within(text.len(), MAX)?;
        Ok(Self(text.into()))
    }
}

impl<const MAX: usize> core::ops::Deref for Text<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> Encode for Text<MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        encode_bytes(self.0.as_bytes(), encoder)
    }
}

impl<C, const MAX: usize> Decode<C> for Text<MAX> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        let bytes = decode_bytes(MAX, decoder)?;
        String::from_utf8(bytes).map(Self).map_err(|_| bincode::error::DecodeError::Other("not UTF-8"))
    }
}

/// A byte string of at most `MAX` bytes. Wiped when dropped, for it may carry a sealed or secret payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> TryFrom<Vec<u8>> for Bytes<MAX> {
    type Error = TooLong;
    fn try_from(bytes: Vec<u8>) -> Result<Self, TooLong> {
        within(bytes.len(), MAX)?;
        Ok(Self(bytes))
    }
}

impl<const MAX: usize> core::ops::Deref for Bytes<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> Drop for Bytes<MAX> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const MAX: usize> fmt::Debug for Bytes<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

impl<const MAX: usize> Encode for Bytes<MAX> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        encode_bytes(&self.0, encoder)
    }
}

impl<C, const MAX: usize> Decode<C> for Bytes<MAX> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        decode_bytes(MAX, decoder).map(Self)
    }
}

// The derive of bincode asks for borrowing decoders too; nothing here borrows.
impl<'de, C, T: Decode<C>, const MAX: usize> BorrowDecode<'de, C> for Seq<T, MAX> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        Self::decode(decoder)
    }
}

impl<'de, C, const MAX: usize> BorrowDecode<'de, C> for Text<MAX> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        Self::decode(decoder)
    }
}

impl<'de, C, const MAX: usize> BorrowDecode<'de, C> for Bytes<MAX> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(decoder: &mut D) -> Result<Self, bincode::error::DecodeError> {
        Self::decode(decoder)
    }
}

fn encode_length<E: Encoder>(length: usize, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
    u32::try_from(length).map_err(|_| bincode::error::EncodeError::Other("too long"))?.encode(encoder)
}

fn encode_bytes<E: Encoder>(bytes: &[u8], encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
    encode_length(bytes.len(), encoder)?;
    encoder.writer().write(bytes)
}

fn decode_length<D: Decoder>(max: usize, decoder: &mut D) -> Result<usize, bincode::error::DecodeError> {
    let length = u32::decode(decoder)?;
    usize::try_from(length)
        .ok()
        .filter(|&n| n <= max)
        .ok_or(bincode::error::DecodeError::Other("longer than this message allows"))
}

fn decode_bytes<D: Decoder>(max: usize, decoder: &mut D) -> Result<Vec<u8>, bincode::error::DecodeError> {
    let mut left = decode_length(max, decoder)?;
    let mut bytes = Vec::new();
    let mut piece = [0u8; PIECE];
    while left > 0 {
        let n = left.min(PIECE);
        decoder.reader().read(&mut piece[..n])?;
        bytes.extend_from_slice(&piece[..n]);
        left -= n;
    }
    piece.zeroize();
    Ok(bytes)
}
