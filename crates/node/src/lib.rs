//! Links, store, input, results and the admin API around the protocol.

pub mod settings;
