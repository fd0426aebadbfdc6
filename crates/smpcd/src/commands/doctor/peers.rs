//! Every peer with an address, dialled once from here: name, port, certificate, version, agreement, and what it holds of ours.

use node::link::{Greeted, ProbeError, Probed, probe};
use protocol::agreement::PartyIndex;

use super::Report;
use super::files::Known;
use super::live::HYBRID;

/// Looks at each peer, one after another.
pub(super) fn look(known: &Known, report: &mut Report) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report.bad("peers", format!("cannot start: {error}")),
    };
    let trust = known.book.trust();
    for (index, party) in (0u16..).zip(known.book.agreement().parties()) {
        if party.id == known.party {
            continue;
        }
        let Some(address) = known.book.address_of(PartyIndex(index)) else {
            report.good("peer", format!("{}: it has no address: it dials this node", party.id));
            continue;
        };
        match runtime.block_on(probe(&known.identity, &trust, &party.id, address)) {
            Ok(probed) => judge(known, &party.id, address, &probed, report),
            Err(error) => {
                report.bad("peer", format!("{} at {address}: {error}; {}", party.id, remedy(&error, &party.id)))
            }
        }
    }
}

fn remedy(error: &ProbeError, party: &str) -> String {
    match error {
        ProbeError::Name(_) => format!("check the name in DNS, or get a newer card of {party}: smpcd card add FILE"),
        ProbeError::Unreachable(_) => format!("or {party} does not run"),
        ProbeError::Refused(_) => {
            format!(
                "each side needs the other's newest card (smpcd card show at both ends), and clocks that agree; {party}'s log says it too"
            )
        }
    }
}

fn judge(known: &Known, party: &str, address: &str, probed: &Probed, report: &mut Report) {
    let hello = match &probed.greeting {
        Greeted::Hello(hello) => hello,
        Greeted::Nothing => {
            return report.good(
                "peer",
                format!("{party} at {} answers, and keeps to its live link with this node", probed.remote),
            );
        }
        Greeted::OtherVersion(version) => {
            return report.bad("peer", format!(
                "{party} at {address}: it speaks version {version} of the protocol, and this node version {}: install the same version of smpcd at both ends",
                wire::PROTOCOL_VERSION
            ));
        }
    };
    if let Some(difference) = known.book.difference(hello) {
        report.bad("peer", format!("{party} at {address}: {}", difference.describe(party)));
    } else if probed.key_exchange == HYBRID {
        report.good("peer", format!("{party} at {} answers under the same agreement, {HYBRID}", probed.remote));
    } else {
        report.warn(
            "peer",
            format!(
                "{party} at {} answers with {}, not with {HYBRID}: update the older of the two nodes",
                probed.remote, probed.key_exchange
            ),
        );
    }
    let own = known
        .book
        .card_digests()
        .find(|(index, ..)| known.book.agreement().party(*index).is_some_and(|own| own.id == known.party));
    let held = hello.cards.iter().find(|card| *card.party == *known.party).map(|card| card.serial);
    if let Some((_, serial, _)) = own
        && held.is_none_or(|held| held < serial)
    {
        report.warn(
            "cards",
            format!("{party} does not have this node's card {serial} yet: it goes there with the next link"),
        );
    }
}
