//! `smpcd agreement status`: who has signed, and who is missing.

use std::io::ErrorKind;
use std::path::Path;

use protocol::agreement::{Agreement, AgreementSignature};

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// Lists the parties. Exit code 1 while a signature is missing.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    let settings = NodeFile::load(&config.file)?.settings;
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    let mut text = format!("{} version {}\n{}\n", agreement.name(), agreement.version(), agreement.digest());
    let mut missing = Vec::new();
    for party in agreement.parties() {
        let state = match signature(&agreement, &settings.signatures, &party.id) {
            Ok(()) => "signed".into(),
            Err(why) => {
                missing.push(party.id.as_str());
                format!("missing: {why}")
            }
        };
        text.push_str(&format!("  {:<32}  {state}\n", party.id));
    }
    say(&text)?;
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Failure::new(Exit::Other, format!("no round opens before these have signed: {missing}")))
}

fn signature(agreement: &Agreement, folder: &Path, party: &str) -> Result<(), String> {
    let file = folder.join(format!("{party}.sig"));
    let text = std::fs::read_to_string(&file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "no signature here yet".into(),
        _ => format!("{}: {error}", file.display()),
    })?;
    let signature = AgreementSignature::from_pem(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    if signature.party != party {
        return Err(format!("{}: holds a signature of '{}'", file.display(), signature.party));
    }
    signature.verify_for(agreement).map_err(|error| error.to_string())
}
