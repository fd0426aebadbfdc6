//! The one place where signing the agreement meets this party's own records.

use node::pending::{self, Act};
use node::settings::Settings;
use protocol::agreement::{AgreementSignature, Digest};

use crate::exit::{Exit, Failure};

/// What a person did: who signed what, having been shown which text.
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

/// Leaves a note for the daemon, which keeps the statement and writes its digest and the person's name into the audit
/// log, before the signature leaves.
///
/// # Errors
/// Where the note cannot be kept. Nothing is signed then.
pub(super) fn record_signing(settings: &Settings, signing: &Signing<'_>) -> Result<(), Failure> {
    let act = Act::Signed {
        by: signing.by.to_owned(),
        agreement: signing.signature.agreement.0,
        statement: signing.statement.to_owned(),
        disclosure: signing.statement_digest.0,
    };
    pending::leave(&settings.data_dir, act).map_err(|error| {
        let line = format!("{}: cannot note who signs: {error}; nothing was signed", settings.data_dir.display());
        Failure::new(Exit::Other, line)
    })
}
