//! `smpcd status`: what the daemon does and what it waits for.

use std::fmt::Write;

use node::status::{NodeStatus, PeerStatus, RoundStatus};

use crate::cli::Config;
use crate::commands::say;
use crate::daemon_call::with_daemon;
use crate::exit::{Exit, Failure};
use crate::node_file::NodeFile;

/// What the work of a round is called that every round has.
const COMPUTING: &str = "computing";

/// Arguments of `smpcd status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: Config,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Asks the daemon.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let status = with_daemon(&settings.admin_socket, async |daemon| daemon.status().await)?;
    if args.json {
        let json = serde_json::to_string_pretty(&status).map_err(|error| Failure::new(Exit::Other, error))?;
        return say(&json);
    }
    say(&text(&status))
}

/// First what a person has to do, then the node, then each peer on a line of its own.
fn text(status: &NodeStatus) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    if let Some(rollback) = &status.rollback {
        line(format!("this node signs nothing: {}", rollback.found));
        let waits = rollback.waits_for.join(", ");
        line(format!("  it waits until {waits} have told it what it signed; they must run and be linked"));
        for round in &rollback.abstains_from {
            line(format!("  it has forgotten what it signed in {round}, and abstains from it"));
        }
    }
    for reason in &status.paused {
        line(format!("no round begins here: {reason}"));
    }
    if status.log_lag > 0 {
        let lag = status.log_lag;
        line(format!("the audit log's file lacks {lag} records, which are in the store: the daemon's log says why"));
    }
    if let Some(behind) = &status.log_behind {
        line(format!("no round starts: {behind}"));
    }
    for peer in &status.peers {
        if let Some(alarm) = &peer.log.alarm {
            let party = &peer.party;
            line(format!(
                "ALARM about {party}: {alarm}; ask them, and then: smpcd audit acknowledge --log {party} --by NAME --reason TEXT"
            ));
        }
    }
    for round in status.rounds.iter().filter(|round| round.waits_for_approval()) {
        let address = round.address();
        line(format!("{address} waits for your approval: smpcd round approve {address} --by NAME"));
        if let Some(reason) = &round.left_to_person {
            line(format!("  the policy leaves it to a person: {reason}"));
        }
        for error in &round.input_errors {
            line(format!("  input: {error}"));
        }
    }
    line(format!("{} in {}, smpcd {}, since {}", status.party, status.consortium, status.software, status.started));
    line(match &status.listening {
        Some(address) => format!("listening on {address}"),
        None => "no listening address: this node dials out only".to_owned(),
    });
    line(format!("agreement version {}, {}", status.agreement_version, status.agreement));
    if !status.missing_signatures.is_empty() {
        let who = status.missing_signatures.join(", ");
        line(format!("no round opens: the signature of {who} is missing (smpcd agreement sign, at each of them)"));
    }
    if !status.missing_cards.is_empty() {
        let who = status.missing_cards.join(", ");
        line(format!("no card of {who}: no link with them (smpcd card add FILE)"));
    }
    let width = status.peers.iter().map(|peer| peer.party.len()).max().unwrap_or(0);
    for peer in &status.peers {
        line(format!("{:width$}  {}", peer.party, peer_text(peer, status.listening.is_some())));
        if let Some(differs) = &peer.agreement_differs {
            line(format!("{:width$}  no round opens: {differs}", ""));
        }
    }
    for round in status.rounds.iter().filter(|round| !round.waits_for_approval()) {
        let work = work(round).map(|work| format!("{work}; ")).unwrap_or_default();
        line(format!("{}  {}, {work}waits for {}", round.address(), round.phase, waits(round)));
        for (party, what) in &round.culprits {
            line(format!("  {party} is proven to have cheated: {what}"));
        }
    }
    for schedule in &status.schedules {
        let next = schedule.next.as_deref().unwrap_or("never");
        line(format!("{}  scheduled next {next} ({})", schedule.computation, schedule.cron));
        if let Some(waits) = &schedule.waits {
            line(format!("  due, and cannot be proposed yet: {waits}"));
        }
    }
    for stranger in &status.refused_strangers {
        line(format!("refused  {stranger}"));
    }
    out
}

fn peer_text(peer: &PeerStatus, listens: bool) -> String {
    let mut text = if peer.connected { "connected" } else { "not connected" }.to_owned();
    let _ = write!(text, " since {}", peer.since);
    if let (true, Some(address), Some(key_exchange)) = (peer.connected, &peer.address, &peer.key_exchange) {
        let direction = if peer.dialled == Some(true) { "to" } else { "from" };
        let _ = write!(text, ", {direction} {address}, {key_exchange}");
    }
    if let Some(size) = peer.log.cosigned {
        let _ = write!(text, "; it has cosigned this log's first {size} records");
    }
    if let (Some(refusal), Some(at)) = (&peer.last_refusal, &peer.last_refusal_at) {
        let _ = write!(text, "; last refusal {at}: {refusal}");
    } else if !peer.connected && peer.address.is_none() {
        text.push_str(if listens {
            "; it has no address: it dials us"
        } else {
            "; neither of the two has an address, so there is no link between them"
        });
    }
    text
}

/// Whom a round waits for, on one line.
pub(crate) fn waits(round: &RoundStatus) -> String {
    if round.causes.is_empty() { "nobody".to_owned() } else { round.causes.join("; ") }
}

/// The heavy work that is being done: `proving 12 of 63`.
pub(crate) fn work(round: &RoundStatus) -> Option<String> {
    round.work.as_ref().map(|work| format!("{} {} of {}", work.what, work.done, work.of))
}

/// What a round has cost: `proving 1.2 s, verifying 0.4 s, waiting 2.1 s`. None where nothing was proven or verified.
pub(crate) fn cost(round: &RoundStatus) -> Option<String> {
    round.worked.iter().find(|work| work.what != COMPUTING)?;
    let seconds = |what: &str, ms: u64| format!("{what} {}.{} s", ms / 1000, ms % 1000 / 100);
    let worked: u64 = round.worked.iter().map(|work| work.ms).sum();
    let mut parts: Vec<String> = round.worked.iter().map(|work| seconds(&work.what, work.ms)).collect();
    if let Some(took) = round.took_ms {
        parts.push(seconds("waiting", took.saturating_sub(worked)));
    }
    Some(parts.join(", "))
}
