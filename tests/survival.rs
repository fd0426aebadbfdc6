//! What a crash, a peer that is gone, a round that is given up and an older copy of the data cost: nothing, or one round, and
//! never a second sum of a period (PROTOCOL 4, 6.3, 7).
//!
//! The daemons are processes, and they are killed as a power cut does it. Where chance chooses, it does so from a seed that
//! a failure shows.

mod support;

#[path = "survival/dropouts.rs"]
mod dropouts;
#[path = "survival/kills.rs"]
mod kills;
#[path = "survival/latency.rs"]
mod latency;
#[path = "survival/older_copies.rs"]
mod older_copies;
#[path = "survival/stories.rs"]
mod stories;
#[path = "survival/tables.rs"]
mod tables;
#[path = "survival/void.rs"]
mod void;
