//! Links, store, input, results and the admin API around the protocol.

pub mod book;
pub mod input;
pub mod link;
pub mod result;
pub mod seal;
pub mod settings;
pub mod store;
pub mod vault;
