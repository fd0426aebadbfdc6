//! Sealing what is secret before it reaches the disk (PROTOCOL 7): AES-256-GCM under the storage key.
//!
//! Whoever copies `data_dir` gets no secret from it, because the storage key lies elsewhere. Whoever holds both
//! has everything that was not erased. Sealing also notices every change; it does not notice that an older copy of
//! the whole directory was put back (PROTOCOL 7, rollback).
//!
//! Two ways, under keys of their own, so that one can never open what the other made:
//! - [`StorageKey::seal`] for blobs of some bytes to some kilobytes, under random nonces. 2^32 of them are safe
//!   under one key; a node makes a few dozen a round.
//! - [`FileKey`] for files of many chunks: a fresh key for each file, so the chunk's index is the nonce.

use core::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, RandomizedNonceKey, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Bytes that sealing adds to a chunk: the tag.
pub const TAG: usize = 16;
/// Bytes of a key and of a file id.
pub const KEY: usize = 32;
/// First byte of a sealed blob, so that another format can follow.
const FORMAT: u8 = 1;
/// Bytes that [`StorageKey::seal`] adds: format, nonce, tag.
pub const OVERHEAD: usize = 1 + NONCE_LEN + TAG;

/// What was sealed cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "sealed data does not open: it was changed or cut, belongs to something else, or was sealed under another storage key"
)]
pub struct CannotOpen;

/// The party's storage key. Clones share one copy in memory, which is wiped with the last of them.
#[derive(Clone)]
pub struct StorageKey(Arc<Keys>);

struct Keys {
    master: Zeroizing<[u8; KEY]>,
    blobs: RandomizedNonceKey,
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(<redacted>)")
    }
}

impl StorageKey {
    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY]) -> Self {
        let blobs = derive(bytes, &[], &[b"smpcd/1/seal/blob"]);
        let blobs = RandomizedNonceKey::new(&AES_256_GCM, blobs.as_slice()).expect("a key of 32 bytes");
        Self(Arc::new(Keys { master: Zeroizing::new(*bytes), blobs }))
    }

    /// Seals `plain`. `aad` says what it is, so that it opens as nothing else; it is not kept.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let start = 1 + NONCE_LEN;
        let mut sealed = Vec::with_capacity(plain.len() + OVERHEAD);
        sealed.push(FORMAT);
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(plain);
        let (nonce, tag) = self
            .0
            .blobs
            .seal_in_place_separate_tag(Aad::from(aad), &mut sealed[start..])
            .expect("sealing fails only beyond 64 GiB");
        sealed[1..start].copy_from_slice(nonce.as_ref());
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// Opens what [`StorageKey::seal`] made with the same `aad`.
    ///
    /// # Errors
    /// When anything about it is not as it was.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let (&[FORMAT], rest) = sealed.split_first_chunk().ok_or(CannotOpen)? else { return Err(CannotOpen) };
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(CannotOpen)?;
        let mut plain = Zeroizing::new(rest.to_vec());
        let length = self
            .0
            .blobs
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut plain)
            .map_err(|_| CannotOpen)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    /// Names something that could be guessed, so that equal things have equal names: HMAC-SHA256 under a key of its own.
    /// Each part is bound with its length.
    #[must_use]
    pub fn fingerprint(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = derive(&self.0.master, &[], &[b"smpcd/1/seal/fingerprint"]);
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()));
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    /// The key of the file with this id. `parts` say what the file is; each is bound with its length.
    ///
    /// # Security
    /// The id must be fresh from [`fresh_id`] whenever the file is written anew: the nonces are only chunk indices.
    /// Who erases the id has erased the file, for the key cannot be derived without it.
    #[must_use]
    pub fn file_key(&self, id: &[u8; KEY], parts: &[&[u8]]) -> FileKey {
        let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_le_bytes()).collect();
        let mut info: Vec<&[u8]> = vec![b"smpcd/1/seal/file"];
        for (part, length) in parts.iter().zip(&lengths) {
            info.push(length);
            info.push(part);
        }
        let key = derive(&self.0.master, id, &info);
        FileKey(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("a key of 32 bytes")))
    }
}

/// A fresh file id from the operating system.
#[must_use]
pub fn fresh_id() -> [u8; KEY] {
    let mut id = [0; KEY];
    rand::fill(&mut id).expect("the operating system gives random bytes");
    id
}

/// The key of one file of chunks.
pub struct FileKey(LessSafeKey);

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(<redacted>)")
    }
}

/// Which piece of a file is sealed. Each has a nonce of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The chunk with this index.
    Chunk(u64),
    /// What stands after the last chunk.
    Footer,
}

impl Piece {
    fn nonce(self) -> Nonce {
        let (kind, index) = match self {
            Self::Chunk(index) => (0, index),
            Self::Footer => (1, 0),
        };
        let mut nonce = [0; NONCE_LEN];
        nonce[0] = kind;
        nonce[4..].copy_from_slice(&index.to_le_bytes());
        Nonce::assume_unique_for_key(nonce)
    }
}

impl FileKey {
    /// Appends the sealed `plain`, longer by [`TAG`], to `out`. The plain bytes are not copied.
    ///
    /// # Security
    /// Once for each piece of a file.
    pub fn seal_to(&self, piece: Piece, plain: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + plain.len() + TAG, 0);
        let (sealed, tag) = out[start..].split_at_mut(plain.len());
        self.0
            .seal_out_of_place_scatter(piece.nonce(), Aad::empty(), plain, sealed, &[], tag)
            .expect("the lengths fit, and sealing fails only beyond 64 GiB");
    }

    /// Opens a sealed piece where it stands and cuts the tag off. On an error nothing of it is left.
    ///
    /// # Errors
    /// When the piece is not as it was.
    pub fn open_in(&self, piece: Piece, sealed: &mut Zeroizing<Vec<u8>>) -> Result<(), CannotOpen> {
        match self.0.open_in_place(piece.nonce(), Aad::empty(), sealed).map(|plain| plain.len()) {
            Ok(length) => sealed.truncate(length),
            Err(_) => {
                sealed.clear();
                return Err(CannotOpen);
            }
        }
        Ok(())
    }
}

fn derive(master: &[u8; KEY], salt: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; KEY]> {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            KEY
        }
    }
    let mut key = Zeroizing::new([0; KEY]);
    Salt::new(HKDF_SHA256, salt)
        .extract(master)
        .expand(info, Length)
        .and_then(|okm| okm.fill(key.as_mut_slice()))
        .expect("32 bytes are within what HKDF gives");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"ten thousand";

    fn key() -> StorageKey {
        StorageKey::from_bytes(&[7; KEY])
    }

    #[test]
    fn a_blob_opens_only_as_what_it_is() {
        let sealed = key().seal(b"round name", PLAIN);
        assert_eq!(sealed.len(), PLAIN.len() + OVERHEAD);
        assert!(!sealed.windows(4).any(|window| PLAIN.windows(4).any(|plain| plain == window)));
        assert_eq!(key().open(b"round name", &sealed).expect("opens").as_slice(), PLAIN);
        assert_eq!(key().open(b"round other", &sealed), Err(CannotOpen));
        assert_eq!(StorageKey::from_bytes(&[8; KEY]).open(b"round name", &sealed), Err(CannotOpen));
        assert_ne!(sealed, key().seal(b"round name", PLAIN), "a fresh nonce each time");
    }

    #[test]
    fn no_bit_of_a_blob_can_change_and_no_byte_go() {
        let sealed = key().seal(b"a", PLAIN);
        for at in 0..sealed.len() * 8 {
            let mut other = sealed.clone();
            other[at / 8] ^= 1 << (at % 8);
            assert_eq!(key().open(b"a", &other), Err(CannotOpen), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert_eq!(key().open(b"a", &sealed[..length]), Err(CannotOpen), "{length} bytes");
        }
        assert_eq!(key().open(b"", &key().seal(b"", b"")).expect("opens").len(), 0);
    }

    #[test]
    fn a_piece_opens_only_in_its_place() {
        let file = key().file_key(&[1; KEY], &[b"ab", b"c"]);
        let mut sealed = vec![9];
        file.seal_to(Piece::Chunk(3), PLAIN, &mut sealed);
        let sealed = sealed.split_off(1);
        let open = |key: &FileKey, piece| {
            let mut buffer = Zeroizing::new(sealed.clone());
            let opened = key.open_in(piece, &mut buffer);
            assert_eq!(buffer.as_slice(), if opened.is_ok() { PLAIN } else { b"" });
            opened
        };
        assert_eq!(open(&file, Piece::Chunk(3)), Ok(()));
        assert_eq!(open(&file, Piece::Chunk(2)), Err(CannotOpen));
        assert_eq!(open(&file, Piece::Footer), Err(CannotOpen));
        for (id, parts) in [([2; KEY], [&b"ab"[..], b"c"]), ([1; KEY], [b"a", b"bc"]), ([1; KEY], [b"", b"abc"])] {
            assert_eq!(open(&key().file_key(&id, &parts), Piece::Chunk(3)), Err(CannotOpen));
        }
        let mut footer = Zeroizing::new(Vec::new());
        file.seal_to(Piece::Footer, b"", &mut footer);
        assert_eq!(file.open_in(Piece::Chunk(0), &mut footer.clone()), Err(CannotOpen));
        assert_eq!(file.open_in(Piece::Footer, &mut footer), Ok(()));
    }

    #[test]
    fn a_fingerprint_is_of_one_thing_under_one_key() {
        let name = key().fingerprint(&[b"ab", b"c"]);
        assert_eq!(name, key().fingerprint(&[b"ab", b"c"]));
        for parts in [&[&b"a"[..], b"bc"][..], &[b"abc"], &[b"ab", b"c", b""], &[]] {
            assert_ne!(name, key().fingerprint(parts));
        }
        assert_ne!(name, StorageKey::from_bytes(&[8; KEY]).fingerprint(&[b"ab", b"c"]));
    }

    #[test]
    fn keys_do_not_show_themselves() {
        assert_eq!(format!("{:?}", key()), "StorageKey(<redacted>)");
        assert_eq!(format!("{:?}", key().file_key(&[0; KEY], &[])), "FileKey(<redacted>)");
        assert_ne!(fresh_id(), fresh_id());
    }
}
