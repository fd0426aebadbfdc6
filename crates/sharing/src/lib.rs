//! From a bounded decimal to field elements, shares and back.
//!
//! PROTOCOL 1.1 (hashes), 1.4 (arithmetic), 2 (linear secret sharing), 3 (digests of shares), 5 (malicious security) and the
//! arithmetic of 4.7.
//! The crate takes its randomness as an argument and does no IO. Bulk data moves in chunks of [`CHUNK_CELLS`] cells.
//!
//! The way of a private value: text → [`decimal::parse`] → [`Encoded`] (bounds are now facts) → [`Dealing`] (seeds and
//! explicit shares) → sums of [`Cells`] → [`Scheme::recombine`] → [`decode_totals`] → [`decimal::Decimal`].
//!
//! In a malicious round a [`CommittedDealing`] stands for the dealing, on whole tables of up to [`MAX_COMMITTED_CELLS`] cells:
//! [`Commitments`] to every coefficient, proofs of the [`Bounds`] of every cell, and an [`Opening`] instead of cells. A
//! [`SumCheck`] holds shares, partial sums and totals to the commitments, and a Merkle path ([`verify_path`]) shows one cell.
//!
//! # Security
//! An attacker is assumed to see any t = k − 1 shares of a dealing, every digest, and all timing. Arithmetic on cells has
//! no branch that depends on a value. Everything secret is wiped on drop and prints `<redacted>`. Errors name a place and a
//! bound, never a value. Shares alone do not show who lied: semi-honest rounds promise no more (PROTOCOL 5.6). Range proofs are
//! made in time that depends on the input; commitments are not.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod arithmetic;
mod bounds;
mod cells;
mod commitments;
mod committed;
mod dealing;
pub mod decimal;
mod digests;
mod element;
mod encoding;
mod expansion;
mod field;
mod generators;
mod hash;
mod interpolation;
mod layout;
mod matrix;
mod merkle;
mod opening;
mod recombine;
mod ristretto;
mod scheme;
mod secret;
mod sum_check;
mod totals;

pub use arithmetic::Arithmetic;
pub use bounds::{BadProof, Bounds};
pub use cells::{Cells, NotCanonical};
pub use commitments::{Commitments, NotCommitments, cell_holds, first_bad_cell};
pub use committed::{BadDealing, CommittedDealing, ProofError};
pub use dealing::Dealing;
pub use digests::{InputHasher, PartialHasher, ShareHasher, seed_digest};
pub use encoding::{Bound, Encoded, OutOfBounds, TotalOutOfRange, decode_totals};
pub use expansion::add_seeded_share;
pub use field::{Column, Field, WrapsAround};
pub use hash::{Hasher, hash};
pub use layout::{CHUNK_CELLS, Layout, MAX_COMMITTED_CELLS};
pub use merkle::{Place, verify_path};
pub use opening::Opening;
pub use recombine::RecombineError;
pub use scheme::{Dealer, Scheme, ShareForm};
pub use secret::{DealingKey, InputDigest, Salt, Seed};
pub use sum_check::SumCheck;
pub use totals::TotalsHasher;
