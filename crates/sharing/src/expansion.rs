//! A seed expanded to a share, chunk by chunk (PROTOCOL 2.1).
//!
//! Chunk c of a share is the key stream of prio's XofHmacSha256Aes128 (draft-irtf-cfrg-vdaf, section 6.2.2) with key = seed,
//! dst = [`Stream`]'s label, binder = (bits of the field: u8, c: u64 little-endian), read as little-endian integers of 8 or 16 bytes;
//! integers of p or more are skipped. So elements are exactly uniform, and every chunk expands alone. A scalar of ristretto255
//! is an integer of 64 bytes mod ℓ instead (off by less than 2^−256 from uniform), none skipped; blindings have a label of their own.
//!
//! Attacker: holds all seeds but one and must learn nothing of the last share. Which integers are skipped depends on no
//! element that is used. Reusing a seed for two inputs would betray their difference; [`crate::Dealing`] cannot.

use prio::vdaf::xof::{SeedStreamAes128, Xof, XofHmacSha256Aes128};
use rand_core::Rng;
use zeroize::Zeroizing;

use crate::arithmetic::Arithmetic;
use crate::cells::Elements;
use crate::element::Element;
use crate::{Cells, Field, Seed};

/// What a key stream is read for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stream {
    /// A share.
    Share,
    /// The blindings of a share (PROTOCOL 5).
    Blinding,
}

impl Stream {
    /// The domain label.
    fn label(self) -> &'static [u8] {
        match self {
            Stream::Share => b"smpcd/1/share-stream",
            Stream::Blinding => b"smpcd/1/blinding-stream",
        }
    }
}

/// Bytes of key stream made at once: enough to drown the cost of a call, little enough for the first-level cache.
const BUFFER_BYTES: usize = 8192;

/// Adds chunk `chunk` of the share that `seed` stands for to `acc`, which has the field and length of that chunk.
pub fn add_seeded_share(acc: &mut Cells, seed: &Seed, chunk: u64) {
    add_expansion(acc, Stream::Share, seed, chunk);
}

/// As [`add_seeded_share`], of any stream.
pub(crate) fn add_expansion(acc: &mut Cells, what: Stream, seed: &Seed, chunk: u64) {
    let stream = stream(what, acc.field(), seed, chunk);
    match &mut acc.0 {
        Elements::Field64(cells) => combine(cells, stream, Arithmetic::plus),
        Elements::Field128(cells) => combine(cells, stream, Arithmetic::plus),
        Elements::Ristretto255(cells) => combine(cells, stream, Arithmetic::plus),
    }
}

/// As [`add_expansion`], but subtracts.
pub(crate) fn subtract_expansion(acc: &mut Cells, what: Stream, seed: &Seed, chunk: u64) {
    let stream = stream(what, acc.field(), seed, chunk);
    match &mut acc.0 {
        Elements::Field64(cells) => combine(cells, stream, Arithmetic::minus),
        Elements::Field128(cells) => combine(cells, stream, Arithmetic::minus),
        Elements::Ristretto255(cells) => combine(cells, stream, Arithmetic::minus),
    }
}

fn stream(what: Stream, field: Field, seed: &Seed, chunk: u64) -> SeedStreamAes128 {
    XofHmacSha256Aes128::seed_stream(seed.as_bytes(), &[what.label()], &[&[field.tag()], &chunk.to_le_bytes()])
}

/// A share of one chunk that is read piece by piece.
pub(crate) struct Expansion(SeedStreamAes128);

impl Expansion {
    /// Begins at the chunk's first cell.
    pub(crate) fn new(what: Stream, field: Field, seed: &Seed, chunk: u64) -> Self {
        Self(stream(what, field, seed, chunk))
    }

    /// The next cells.
    pub(crate) fn fill<E: Element>(&mut self, cells: &mut [E], buffer: &mut Buffer) {
        combine_through(cells, &mut self.0, buffer, |_, element| element);
    }
}

/// Key stream on its way to elements. The caller's, so that it need not be wiped for every piece.
pub(crate) type Buffer = [u8; BUFFER_BYTES];

/// An empty buffer, wiped on drop.
pub(crate) fn buffer() -> Zeroizing<Buffer> {
    Zeroizing::new([0; BUFFER_BYTES])
}

/// Combines `cells` with the canonical integers of `stream` in their order.
///
/// Never reads more integers than it has cells left, so the outcome does not depend on [`BUFFER_BYTES`].
#[inline(always)]
fn combine<E: Element>(cells: &mut [E], stream: impl Rng, operation: impl Fn(E, E) -> E) {
    combine_through(cells, stream, &mut buffer(), operation);
}

#[inline(always)]
fn combine_through<E: Element>(
    mut cells: &mut [E],
    mut stream: impl Rng,
    buffer: &mut Buffer,
    operation: impl Fn(E, E) -> E,
) {
    while !cells.is_empty() {
        let count = cells.len().min(BUFFER_BYTES / E::DRAWN_BYTES);
        let bytes = &mut buffer[..count * E::DRAWN_BYTES];
        stream.fill_bytes(bytes);
        let drawn = bytes.chunks_exact(E::DRAWN_BYTES).map(E::draw);
        // One integer in 2^32 (Field64) or 2^59 is skipped: look at the whole buffer first, without a branch for each.
        let used = if drawn.clone().fold(true, |all, (_, usable)| all & usable) {
            for (cell, (element, _)) in cells.iter_mut().zip(drawn) {
                *cell = operation(*cell, element);
            }
            count
        } else {
            let mut used = 0;
            for (element, _) in drawn.filter(|(_, usable)| *usable) {
                cells[used] = operation(cells[used], element);
                used += 1;
            }
            used
        };
        cells = &mut cells[used..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Prime;
    use crate::ristretto::Residue;
    use alloc::vec;
    use alloc::vec::Vec;
    use core::convert::Infallible;
    use prio::field::{Field64, Field128, FieldElement, FieldElementWithInteger};
    use prio::vdaf::xof::IntoFieldVec;
    use rand_core::TryRng;

    /// Prio's own expansion of the same stream: rejects the same way, an element at a time.
    fn prios<F: FieldElement>(field: Field, seed: &Seed, chunk: u64, len: usize) -> Vec<F> {
        stream(Stream::Share, field, seed, chunk).into_field_vec(len)
    }

    #[test]
    fn expansion_is_prios() {
        let seed = Seed::from_bytes([3; 32]);
        // Around the ends of a buffer in both fields.
        for len in [0, 1, 2, 511, 512, 513, 1023, 1024, 1025, 5000] {
            for chunk in [0, 1, u64::MAX] {
                let mut cells = vec![0u64; len];
                combine(&mut cells, stream(Stream::Share, Field::Field64, &seed, chunk), Arithmetic::plus);
                let expected: Vec<Field64> = prios(Field::Field64, &seed, chunk, len);
                assert!(cells.iter().zip(&expected).all(|(a, b)| *a == u64::from(*b)));

                let mut cells = vec![0u128; len];
                combine(&mut cells, stream(Stream::Share, Field::Field128, &seed, chunk), Arithmetic::plus);
                let expected: Vec<Field128> = prios(Field::Field128, &seed, chunk, len);
                assert!(cells.iter().zip(&expected).all(|(a, b)| *a == u128::from(*b)));
            }
        }
    }

    /// A stream of given integers; panics when more are asked for than there are.
    struct Script(Vec<u8>);

    impl TryRng for Script {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("expansion reads bytes")
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("expansion reads bytes")
        }
        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
            let rest = self.0.split_off(out.len());
            out.copy_from_slice(&self.0);
            self.0 = rest;
            Ok(())
        }
    }

    /// Rejections, too rare to meet by chance: first, last, in a row, across buffers.
    fn skips<E: Prime + core::fmt::Debug>(make: impl Fn(u32) -> E, too_large: &[E]) {
        let per_buffer = u32::try_from(BUFFER_BYTES / E::BYTES).expect("small");
        for rejected_at in [0, 1, per_buffer - 1, per_buffer, per_buffer + 7, 2 * per_buffer - 1] {
            let mut bytes = Vec::new();
            let mut push = |e: E| {
                let start = bytes.len();
                bytes.resize(start + E::BYTES, 0);
                e.write_le(&mut bytes[start..]);
            };
            let len = 2 * per_buffer;
            for i in 0..len {
                if i == rejected_at {
                    too_large.iter().copied().for_each(&mut push);
                }
                push(make(i));
            }
            let mut cells = vec![E::default(); len as usize];
            let mut script = Script(bytes);
            combine(&mut cells, &mut script, E::plus);
            let expected: Vec<E> = (0..len).map(&make).collect();
            assert_eq!(cells, expected);
            assert!(script.0.is_empty(), "more was read than used");
        }
    }

    #[test]
    fn integers_of_p_or_more_are_skipped_and_zero_is_not() {
        // PROTOCOL 2: ρ uniform in the whole field, zero included.
        skips::<u64>(|i| u64::from(i.saturating_sub(9)), &[u64::PRIME, u64::MAX, u64::PRIME + 1]);
        skips::<u128>(|i| u128::from(i.saturating_sub(9)), &[u128::PRIME, u128::MAX]);
        assert_eq!(Field64::modulus(), u64::PRIME);
    }

    #[test]
    fn pieces_are_the_whole() {
        fn check<E: Element + core::fmt::Debug>(field: Field) {
            let seed = Seed::from_bytes([6; 32]);
            let mut whole = vec![E::default(); 5000];
            combine(&mut whole, stream(Stream::Share, field, &seed, 3), |_, element| element);
            let (mut expansion, mut buffer) = (Expansion::new(Stream::Share, field, &seed, 3), buffer());
            let mut pieces = vec![E::default(); 5000];
            let mut rest = &mut pieces[..];
            for length in [0, 1, 512, 7, 1024, 1500, 512, 1444] {
                let (piece, behind) = rest.split_at_mut(length);
                expansion.fill(piece, &mut buffer);
                rest = behind;
            }
            assert!(rest.is_empty());
            assert_eq!(pieces, whole);
        }
        check::<u64>(Field::Field64);
        check::<u128>(Field::Field128);
        check::<Residue>(Field::Ristretto255);
    }

    #[test]
    fn adding_then_subtracting_is_nothing() {
        for field in [Field::Field64, Field::Field128, Field::Ristretto255] {
            let seed = Seed::from_bytes([5; 32]);
            let mut cells = Cells::zero(field, 700);
            add_seeded_share(&mut cells, &seed, 9);
            assert_ne!(cells, Cells::zero(field, 700));
            subtract_expansion(&mut cells, Stream::Share, &seed, 9);
            assert_eq!(cells, Cells::zero(field, 700));
        }
    }

    #[test]
    fn streams_differ_by_seed_chunk_and_field() {
        let first = |what, field, seed: u8, chunk| {
            let mut bytes = [0; 16];
            stream(what, field, &Seed::from_bytes([seed; 32]), chunk).fill_bytes(&mut bytes);
            bytes
        };
        let all = [
            first(Stream::Share, Field::Field64, 1, 0),
            first(Stream::Share, Field::Field64, 1, 1),
            first(Stream::Share, Field::Field64, 1, 256),
            first(Stream::Share, Field::Field64, 2, 0),
            first(Stream::Share, Field::Field128, 1, 0),
            first(Stream::Share, Field::Ristretto255, 1, 0),
            first(Stream::Blinding, Field::Ristretto255, 1, 0),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one), "stream {i} is not unique");
        }
    }
}
