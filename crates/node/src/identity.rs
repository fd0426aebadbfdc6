//! This node's own TLS certificate and its key, as files (PROTOCOL 6.1).

use std::fmt;
use std::fs;

use tls::{CredentialError, NodeIdentity};

use crate::settings::Settings;

/// The files hold nothing that can be used: setting, file and reason. Never a part of the key.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct IdentityError(String);

/// Reads certificate and key. Whether the two belong together, and whether peers accept them, is asked later.
///
/// # Errors
/// [`IdentityError`]; a key that others may read is one too.
pub fn load(settings: &Settings) -> Result<NodeIdentity, IdentityError> {
    let (certificate, key) = (&settings.tls_certificate, &settings.tls_private_key);
    let wrong_certificate =
        |error: &dyn fmt::Display| IdentityError(format!("tls.certificate: {}: {error}", certificate.display()));
    let pem = tls::read_private(key).map_err(|error| IdentityError(format!("tls.private_key: {error}")))?;
    let chain = fs::read_to_string(certificate).map_err(|error| wrong_certificate(&error))?;
    NodeIdentity::from_pem(&chain, &pem).map_err(|error| match &error {
        CredentialError::NoKey => IdentityError(format!("tls.private_key: {}: {error}", key.display())),
        _ => wrong_certificate(&error),
    })
}
