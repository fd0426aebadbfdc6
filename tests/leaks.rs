//! No figure leaves a party but in shares (SECURITY.md): canary values are
//! searched in everything that daemons and commands write, and whole ranges are tried against every digest.

mod support;

#[path = "leaks/canaries.rs"]
mod canaries;
#[path = "leaks/core_dumps.rs"]
mod core_dumps;
#[path = "leaks/crashes.rs"]
mod crashes;
#[path = "leaks/digests.rs"]
mod digests;
#[path = "leaks/forms.rs"]
mod forms;
#[path = "leaks/guesses.rs"]
mod guesses;
#[path = "leaks/kept.rs"]
mod kept;
#[path = "leaks/search.rs"]
mod search;
