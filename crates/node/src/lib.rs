//! Links, store, input, results and the admin API around the protocol.

pub mod admin;
pub mod book;
pub mod cron;
pub mod daemon;
pub mod guard;
pub mod identity;
pub mod input;
pub mod link;
pub mod pending;
mod releases;
pub mod result;
pub mod seal;
pub mod settings;
mod stamp;
pub mod status;
pub mod store;
pub mod supervisor;
pub mod vault;
