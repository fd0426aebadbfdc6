//! Seeded cluster simulator, throwaway consortia and a link tamperer.
//!
//! - `sim` runs whole rounds of several parties in one thread, on a virtual clock, from one seed, and checks after every
//!   event what PROTOCOL promises.
//! - `model` searches the voting rules alone, without code of the protocol, for every order of events.
//! - [`traitor`] is a party that lies to daemons over real links.
//! - [`consortium`] makes agreements, keys, cards and certificates that live as long as a test.
//! - [`tamper`] stands between two processes and spoils the bytes that pass.
//!
//! Nothing here is for production: keys follow from seeds, and the clock stands still until it is told. The simulator and
//! the model come with the feature `sim`, which weakens the protocol; without it a program may carry the rest.
#![forbid(unsafe_code)]

pub mod consortium;
pub mod dice;
#[cfg(feature = "sim")]
pub mod model;
#[cfg(feature = "sim")]
pub mod sim;
pub mod tamper;
#[cfg(feature = "traitor")]
pub mod traitor;
