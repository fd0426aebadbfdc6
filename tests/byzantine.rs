//! Parties that lie to real daemons: a liar is named where that can be proven, nobody honest ever is, and no result is
//! wrong (PROTOCOL 5).
//!
//! The liar is testkit's traitor: the honest round over real links, with its own keys, edited on the way out.

mod support;

#[path = "byzantine/cheats.rs"]
mod cheats;
#[path = "byzantine/lies.rs"]
mod lies;
#[path = "byzantine/logs.rs"]
mod logs;
#[path = "byzantine/papers.rs"]
mod papers;
