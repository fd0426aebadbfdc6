//! A log that grows and a disk that fills up, with real daemons: files are sealed, read as one and deleted; rounds pause,
//! and nothing is lost (PROTOCOL 8.5).

mod support;

#[path = "keeping/files.rs"]
mod files;
#[path = "keeping/full.rs"]
mod full;
