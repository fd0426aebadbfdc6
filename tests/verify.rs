//! What is handed to others proves itself: the bundle of a result, and evidence against a party (PROTOCOL 5.4, 5.5).
//!
//! The files are those of real daemons. `SMPCD_VERIFY_SEED` says which bytes are changed; it is printed.

mod support;

#[path = "verify/agreement.rs"]
mod agreement;
#[path = "verify/bundles.rs"]
mod bundles;
#[path = "verify/document.rs"]
mod document;
#[path = "verify/evidence.rs"]
mod evidence;
#[path = "verify/made.rs"]
mod made;
#[path = "verify/second.rs"]
mod second;
