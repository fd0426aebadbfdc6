//! `smpcd round abandon`: this party gives a round up, for good.

use protocol::agreement::{Agreement, SharingScheme};

use crate::agreement_file::AgreementFile;
use crate::cli::Config;
use crate::commands::say;
use crate::daemon_call::with_daemon;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

use super::{Address, confirm, person};

/// Arguments of `smpcd round abandon`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The round: COMPUTATION/PERIOD
    round: Address,
    #[command(flatten)]
    config: Config,
    /// Who gives it up for this party; the other parties see it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why; the other parties see it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do not ask on a terminal
    #[arg(long)]
    yes: bool,
}

/// Says what it means, then gives the round up.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let by = person(&args.by)?;
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "--reason: write why; the other parties see it"));
    }
    let settings = NodeFile::load(&args.config.file)?.settings;
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    let Address { computation, period } = &args.round;
    say(&consequence(&agreement, &settings.party, computation))?;
    confirm(args.yes, &format!("abandon {}", args.round))?;
    with_daemon(&settings.admin_socket, async |daemon| daemon.abandon(computation, period, by, reason).await)?;
    say(&format!(
        "abandoned by {by}: {}; `smpcd round show {}` says what becomes of its period",
        args.round, args.round
    ))
}

fn consequence(agreement: &Agreement, party: &str, computation: &str) -> String {
    let own = agreement.party_index(party).and_then(|index| agreement.party(index));
    let needed = own.is_some_and(|own| own.roles.compute)
        && agreement.computation(computation).is_some_and(|c| c.sharing == SharingScheme::Additive);
    let others = if needed {
        "every compute party is needed in it, so it ends without a result at the other parties too"
    } else {
        "the others may go on without this party"
    };
    format!("abandoning is for good: this party deals and signs nothing more in the round, and {others}")
}
