//! Seeded cluster simulator, throwaway consortia and a link tamperer.
//!
//! - [`sim`] runs whole rounds of several parties in one thread, on a virtual clock, from one seed, and checks after every
//!   event what PROTOCOL promises.
//! - [`model`] searches the voting rules alone, without code of the protocol, for every order of events.
//! - [`consortium`] makes agreements, keys, cards and certificates that live as long as a test.
//! - [`tamper`] stands between two processes and spoils the bytes that pass.
//!
//! Nothing here is for production: keys follow from seeds, and the clock stands still until it is told.
#![forbid(unsafe_code)]

pub mod consortium;
pub mod dice;
pub mod model;
pub mod sim;
pub mod tamper;
