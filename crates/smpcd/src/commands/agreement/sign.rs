//! `smpcd agreement sign`: what a data protection officer reads, and this party's signature on it.

use protocol::agreement::{AgreementSignature, disclosure_statement, statement_digest};

use super::record::{Signing, record_signing};
use crate::agreement_file::{AgreementFile, Existing, publish};
use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::keys::SigningKey;
use crate::node_file::NodeFile;

/// Arguments of `smpcd agreement sign`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: Config,
    /// Who signs for this party; goes into the audit log
    #[arg(long, value_name = "NAME")]
    by: String,
}

/// Signs the agreement that the node file names.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let by = args.by.trim();
    if by.is_empty() || by.chars().any(char::is_control) {
        return Err(Failure::new(Exit::Usage, "--by: write the name of the person who signs"));
    }
    let settings = NodeFile::load(&args.config.file)?.settings;
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    let key = SigningKey::load(&settings.signing_key)?;
    let signature = AgreementSignature::sign(&agreement, &settings.party, &key)
        .map_err(|error| Failure::new(Exit::BadConfiguration, format!("{}: {error}", settings.agreement.display())))?;
    let statement = disclosure_statement(&agreement);
    let statement_digest = statement_digest(&statement);
    // Printed first: nobody signs what could not be shown.
    say(&statement)?;
    record_signing(&settings, &Signing { by, signature: &signature, statement: &statement, statement_digest })?;
    let file = settings.signatures.join(format!("{}.sig", settings.party));
    publish(&file, &signature.to_pem(), Existing::Replace)?;
    say(&format!(
        "\nsigned by {by} for {}: {} version {}\nagreement digest  {}\nstatement digest  {statement_digest}\nsignature         {}\n",
        settings.party,
        agreement.name(),
        agreement.version(),
        agreement.digest(),
        file.display(),
    ))
}
