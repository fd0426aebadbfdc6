//! The one place where signing the agreement meets this party's own records.

use node::settings::Settings;
use protocol::agreement::{AgreementSignature, Digest};

use crate::exit::Failure;

/// What a person did: who signed what, having been shown which text.
#[expect(dead_code, reason = "the node does not take notes of what people did yet; record_signing will read it")]
pub(super) struct Signing<'a> {
    /// The person, as given with `--by`.
    pub(super) by: &'a str,
    /// The signature that was made.
    pub(super) signature: &'a AgreementSignature,
    /// The disclosure statement that was printed, to be kept whole.
    pub(super) statement: &'a str,
    /// Its digest, for the audit log.
    pub(super) statement_digest: Digest,
}

/// Keeps the statement, and writes its digest and the person's name into the audit log, before the signature leaves.
///
/// The store and the audit log are the node's. This is the only call site: what the node offers for it goes in here.
///
/// # Errors
/// Where the record cannot be kept. Nothing is signed then.
pub(super) fn record_signing(_settings: &Settings, _signing: &Signing<'_>) -> Result<(), Failure> {
    Ok(())
}
