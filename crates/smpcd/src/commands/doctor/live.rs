//! What the running daemon says of itself and its links.

use node::settings::Settings;
use node::status::{NodeStatus, PeerStatus};

use super::Report;
use crate::daemon_call::with_daemon;

/// The hybrid key exchange, which keeps recorded traffic closed to later quantum computers.
pub(super) const HYBRID: &str = "X25519MLKEM768";

/// Clocks that are further apart than so many seconds are not both kept by a time server.
const APART: u64 = 60;

/// Asks the daemon.
pub(super) fn look(settings: &Settings, report: &mut Report) {
    match with_daemon(&settings.admin_socket, async |daemon| daemon.status().await) {
        Err(failure) => report.failed("daemon", &failure),
        Ok(status) => {
            report.good("daemon", format!("runs since {}", status.started));
            node(&status, report);
            status.peers.iter().for_each(|peer| link(peer, report));
        }
    }
}

fn node(status: &NodeStatus, report: &mut Report) {
    if let Some(rollback) = &status.rollback {
        report.bad("rollback", format!("{}; it waits for {}", rollback.found, rollback.waits_for.join(", ")));
    }
    status.log_behind.iter().for_each(|why| report.bad("audit log", why.clone()));
    status.paused.iter().for_each(|why| report.bad("rounds", format!("none begins: {why}")));
    for stranger in &status.refused_strangers {
        report.warn("strangers", format!("refused: {stranger}"));
    }
}

fn link(peer: &PeerStatus, report: &mut Report) {
    let party = &peer.party;
    if let Some(alarm) = &peer.log.alarm {
        report.bad(
            "audit log",
            format!(
                "of {party}: {alarm}: ask them, and then: smpcd audit acknowledge --log {party} --by NAME --reason TEXT"
            ),
        );
    }
    if let Some(ahead) = peer.log.clock_ahead {
        let (apart, which) = (ahead.unsigned_abs(), if ahead > 0 { "ahead of" } else { "behind" });
        if apart > APART {
            report.bad("clock", format!(
                "that of {party} is {apart} s {which} this machine's, as its cosignature says: find out whose is wrong, and set it (chrony or ntp); certificates and deadlines are judged by them"
            ));
        } else {
            report.good("clock", format!("within {APART} s of {party}'s"));
        }
    }
    if let Some(differs) = &peer.agreement_differs {
        report.bad("agreement", format!("{differs}: compare with smpcd agreement diff"));
    }
    if !peer.connected {
        let why = match (&peer.last_refusal, &peer.address) {
            (Some(refusal), _) => refusal.clone(),
            (None, Some(address)) => format!("{address} was not reached yet"),
            (None, None) => "it has no address and has not dialled this node".to_owned(),
        };
        return report.bad("link", format!("{party}: not linked since {}: {why}", peer.since));
    }
    match peer.key_exchange.as_deref() {
        Some(HYBRID) => report.good("link", format!("{party}: linked, {HYBRID}")),
        other => report.warn("link", format!(
            "{party}: linked with {}, which a later quantum computer may open from a recording: update the older of the two nodes",
            other.unwrap_or("an unknown key exchange")
        )),
    }
}
