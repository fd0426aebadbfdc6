//! Links, store, input, results and the admin API around the protocol.

pub mod book;
pub mod input;
pub mod link;
pub mod result;
pub mod settings;
