//! No figure leaves a party but in shares (SECURITY.md): canary values are
//! searched in everything that daemons and commands write, and whole ranges are tried against every digest.

mod support;

#[path = "leaks/canaries.rs"]
mod canaries;
#[path = "leaks/digests.rs"]
mod digests;
#[path = "leaks/search.rs"]
mod search;
