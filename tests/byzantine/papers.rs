//! What a traitor is started with, from the directory that `smpcd testbed` made for its party.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use node::settings::{Approval, Audit, Policy, Settings};
use protocol::agreement::{
    Agreement, AgreementDraft, ColumnDraft, ComputationDraft, LegalDraft, PartyDraft, RowsDraft, SharingDraft,
};
use testkit::consortium::Key;
use testkit::traitor::Papers;
use toml::{Table, Value};

use super::support::Testbed;

/// The papers of a party. Its input of a period is `input-PERIOD.csv`.
pub(crate) fn papers(testbed: &Testbed, party: usize) -> Papers {
    let home = testbed.home(party);
    let port = testbed.base_port + u16::try_from(party).expect("few parties");
    let settings = Settings {
        party: testbed.id(party).to_owned(),
        agreement: testbed.root().join("agreement.toml"),
        cards: home.join("cards"),
        signatures: home.join("signatures"),
        data_dir: home.join("data"),
        guard: home.join("guard"),
        listen_peers: Some(([127, 0, 0, 1], port).into()),
        admin_socket: home.join("data/admin.sock"),
        tls_certificate: home.join("certs/tls.crt"),
        tls_private_key: home.join("keys/tls.key"),
        revoked: Vec::new(),
        signing_key: home.join("keys/signing.key"),
        storage_key: home.join("keys/storage.key"),
        input_dir: home.join("input"),
        inputs: BTreeMap::from([("average-expenditure".to_owned(), home.join("input-{period}.csv"))]),
        approval: Approval { policy: Policy::Auto, computations: None, at_most: None, notify: Vec::new() },
        audit: Audit::default(),
        schedules: BTreeMap::new(),
        export_json: false,
        export_csv: false,
    };
    let chain = fs::read_to_string(&settings.tls_certificate).expect("a certificate");
    let key = tls::read_private(&settings.tls_private_key).expect("its key");
    let identity = tls::NodeIdentity::from_pem(&chain, &key).expect("an identity");
    let agreement = agreement(&settings.agreement);
    Papers { settings, agreement, identity, signer: Box::new(Key::new(signing_key(testbed, party))) }
}

/// A party's signing key.
pub(crate) fn signing_key(testbed: &Testbed, party: usize) -> [u8; 32] {
    let armour = fs::read(testbed.home(party).join("keys/signing.key")).expect("a key");
    let mut secret = [0; 32];
    pem_rfc7468::decode(armour.trim_ascii(), &mut secret).expect("a key");
    secret
}

/// The agreement of a testbed. Links would tell if it were another one than the daemons'.
pub(crate) fn agreement(file: &Path) -> Agreement {
    let table: Table = fs::read_to_string(file).expect("an agreement").parse().expect("TOML");
    let draft = AgreementDraft {
        name: text(&table, "name"),
        version: table.get("version").and_then(Value::as_integer),
        parties: tables(&table, "party").map(party).collect(),
        legal: table["legal"]
            .as_table()
            .map(|legal| LegalDraft { purpose: text(legal, "purpose"), ..LegalDraft::default() }),
        computations: tables(&table, "computation").map(computation).collect(),
    };
    draft.validate().expect("an agreement")
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table[key].as_array().expect("tables").iter().map(|value| value.as_table().expect("a table"))
}

fn text(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn words(table: &Table, key: &str) -> Option<Vec<String>> {
    let list = table.get(key)?.as_array()?;
    list.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

fn party(table: &Table) -> PartyDraft {
    PartyDraft {
        id: text(table, "id"),
        name: text(table, "name"),
        roles: words(table, "roles"),
        signing_key: text(table, "signing_key"),
    }
}

fn computation(table: &Table) -> ComputationDraft {
    let time = |key: &str| -> Option<Duration> { humantime::parse_duration(&text(table, key)?).ok() };
    let sharing = match &table["sharing"] {
        Value::String(name) => SharingDraft::Named(name.clone()),
        other => {
            let threshold = other.get("shamir").and_then(|shamir| shamir.get("threshold"));
            SharingDraft::Shamir { threshold: threshold.and_then(Value::as_integer) }
        }
    };
    ComputationDraft {
        id: text(table, "id"),
        title: text(table, "title"),
        sharing: Some(sharing),
        adversary: text(table, "adversary"),
        min_contributors: table.get("min_contributors").and_then(Value::as_integer),
        calendar: text(table, "calendar"),
        collect_for: time("collect_for"),
        attempt_deadline: time("attempt_deadline"),
        give_up_after: time("give_up_after"),
        rows: table["rows"].as_integer().map(RowsDraft::Count),
        columns: tables(table, "column").map(column).collect(),
        ratios: Vec::new(),
    }
}

fn column(table: &Table) -> ColumnDraft {
    // A bound is a number or a text.
    let bound = |key: &str| table.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    ColumnDraft {
        name: text(table, "name"),
        unit: text(table, "unit"),
        decimals: table.get("decimals").and_then(Value::as_integer),
        min: bound("min"),
        max: bound("max"),
        statistics: words(table, "statistics"),
    }
}
