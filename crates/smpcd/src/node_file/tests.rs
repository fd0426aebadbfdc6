use std::path::{Path, PathBuf};
use std::time::Duration;

use node::settings::{AtMost, Audit, Policy, Settings};

use super::{Log, LogFormat, NodeFile};

fn read(text: &str, environment: &[(&str, &str)]) -> Result<NodeFile, Vec<String>> {
    let environment: Vec<(String, String)> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    NodeFile::read(Path::new("/srv/acme/node.toml"), text, &environment).map_err(|failure| {
        assert_eq!(failure.exit, crate::exit::Exit::BadConfiguration);
        failure.lines
    })
}

fn settings(text: &str, environment: &[(&str, &str)]) -> Settings {
    read(text, environment).expect("a good node file").settings
}

#[test]
fn party_alone_is_a_node_file_and_the_rest_has_defaults() {
    let node = read("party = \"acme\"", &[]).expect("a good node file");
    let path = |text: &str| PathBuf::from("/srv/acme").join(text);
    assert_eq!(node.folder(), Path::new("/srv/acme"));
    assert_eq!(node.log, Log { format: LogFormat::Text, level: tracing::Level::INFO });
    let settings = node.settings;
    assert_eq!(settings.party, "acme");
    assert_eq!(settings.agreement, path("agreement.toml"));
    assert_eq!(settings.cards, path("cards"));
    assert_eq!(settings.signatures, path("signatures"));
    assert_eq!(settings.data_dir, path("data"));
    assert_eq!(settings.guard, path("guard"));
    assert_eq!(settings.listen_peers, None);
    assert_eq!(settings.admin_socket, path("data/admin.sock"));
    assert_eq!(settings.tls_certificate, path("certs/tls.crt"));
    assert_eq!(settings.tls_private_key, path("keys/tls.key"));
    assert_eq!(settings.revoked, Vec::<PathBuf>::new());
    assert_eq!(settings.signing_key, path("keys/signing.key"));
    assert_eq!(settings.storage_key, path("keys/storage.key"));
    assert_eq!(settings.input_file("average-pay", "2026-Q3"), path("input/average-pay.csv"));
    assert_eq!(settings.approval.policy, Policy::Manual);
    assert!(settings.approval.notify.is_empty());
    assert_eq!((settings.approval.computations, settings.approval.at_most), (None, None));
    assert_eq!(settings.audit, Audit { segment: 64 << 20, keep: None, reserve: 256 << 20 });
    assert!(settings.schedules.is_empty());
    assert!(settings.export_json && settings.export_csv);
}

#[test]
fn every_key_is_read() {
    let text = r#"
party = "acme"
agreement = "../agreement.toml"
cards = "/etc/cards"
signatures = "sigs"
data_dir = "/var/lib/smpcd"
guard = "/var/guard/acme"
[listen]
peers = "[::1]:7440"
admin = "/run/smpcd.sock"
[tls]
certificate = "t.crt"
private_key = "t.key"
revoked = ["a.crl", "/etc/b.crl"]
[signing]
key = "s.key"
[storage]
key = "st.key"
[input.average-pay]
file = "exports/{period}/pay.csv"
[approval]
policy = "auto"
computations = ["average-pay"]
at_most = { rounds = 4, within = "36h" }
notify = ["mail", "-s", "round"]
[audit]
segment = "8MiB"
keep = "400d"
reserve = "2 GiB"
[schedule.average-pay]
cron = "0 6 5 1,4,7,10 *"
[results]
export = ["csv"]
[log]
format = "json"
level = "debug"
"#;
    let node = read(text, &[]).expect("a good node file");
    assert_eq!(node.log, Log { format: LogFormat::Json, level: tracing::Level::DEBUG });
    let s = node.settings;
    assert_eq!(s.agreement, Path::new("/srv/acme/../agreement.toml"));
    assert_eq!(s.cards, Path::new("/etc/cards"));
    assert_eq!(s.signatures, Path::new("/srv/acme/sigs"));
    assert_eq!(s.data_dir, Path::new("/var/lib/smpcd"));
    assert_eq!(s.guard, Path::new("/var/guard/acme"));
    assert_eq!(s.listen_peers, Some("[::1]:7440".parse().expect("an address")));
    assert_eq!(s.admin_socket, Path::new("/run/smpcd.sock"));
    assert_eq!(s.tls_certificate, Path::new("/srv/acme/t.crt"));
    assert_eq!(s.tls_private_key, Path::new("/srv/acme/t.key"));
    assert_eq!(s.revoked, [Path::new("/srv/acme/a.crl"), Path::new("/etc/b.crl")]);
    assert_eq!(s.signing_key, Path::new("/srv/acme/s.key"));
    assert_eq!(s.storage_key, Path::new("/srv/acme/st.key"));
    assert_eq!(s.input_file("average-pay", "2026-Q3"), Path::new("/srv/acme/exports/2026-Q3/pay.csv"));
    assert_eq!(s.input_file("other", "2026-Q3"), Path::new("/srv/acme/input/other.csv"));
    assert_eq!(s.approval.policy, Policy::Auto);
    assert_eq!(s.approval.computations, Some(vec!["average-pay".to_owned()]));
    assert_eq!(s.approval.at_most, Some(AtMost { rounds: 4, within: Duration::from_secs(36 * 3600) }));
    assert_eq!(s.approval.notify, ["mail", "-s", "round"]);
    let keep = Some(Duration::from_secs(400 * 24 * 3600));
    assert_eq!(s.audit, Audit { segment: 8 << 20, keep, reserve: 2 << 30 });
    assert_eq!(s.schedules["average-pay"].to_string(), "0 6 5 1,4,7,10 *");
    assert!(!s.export_json && s.export_csv);
}

/// The text, and for each error the start of its line and a word that must be in it.
const REFUSED: &[(&str, &[(&str, &str)])] = &[
    ("", &[("/srv/acme/node.toml: party: is missing", "write party")]),
    ("party = 5", &[("/srv/acme/node.toml:1: party: must be a text", "")]),
    ("party = \"Acme\"", &[("/srv/acme/node.toml:1: party: no id", "a-z")]),
    ("party = \"\"", &[("/srv/acme/node.toml:1: party: no id", "")]),
    ("party = \"a\"\nlisten = 3", &[("/srv/acme/node.toml:2: listen: is a table", "[listen]")]),
    ("party = \"a\"\n[[input]]\nfile = \"x\"", &[("/srv/acme/node.toml:2: input: is a table", "[input]")]),
    (
        "party = \"a\"\n[listen]\npeer = \"x\"",
        &[("/srv/acme/node.toml:3: listen.peer: no such key", "mean listen.peers?")],
    ),
    ("party = \"a\"\npeers = \"x\"", &[("/srv/acme/node.toml:2: peers: no such key", "mean listen.peers?")]),
    // A quoted key is one name, not a path: it must not slip past the list of keys.
    ("party = \"a\"\n\"listen.peers\" = \"1.2.3.4:5\"", &[("/srv/acme/node.toml:2: listen.peers: no such key", "")]),
    ("party = \"a\"\nwholly_unlike = 1", &[("/srv/acme/node.toml:2: wholly_unlike: no such key", "")]),
    (
        "party = \"a\"\n[listen]\npeers = \"7440\"",
        &[("/srv/acme/node.toml:3: listen.peers: is no IP:PORT", "0.0.0.0:7440")],
    ),
    ("party = \"a\"\n[listen]\npeers = \"1.2.3.4:0\"", &[("/srv/acme/node.toml:3: listen.peers: is no IP:PORT", "")]),
    (
        "party = \"a\"\n[approval]\npolicy = \"maybe\"",
        &[("/srv/acme/node.toml:3: approval.policy: must be one of", "\"auto\"")],
    ),
    ("party = \"a\"\n[approval]\nnotify = \"mail\"", &[("/srv/acme/node.toml:3: approval.notify: must be a list", "")]),
    ("party = \"a\"\n[approval]\nnotify = [\"\"]", &[("/srv/acme/node.toml:3: approval.notify: the first word", "")]),
    (
        "party = \"a\"\n[approval]\ncomputations = \"pay\"",
        &[("/srv/acme/node.toml:3: approval.computations: must be a list", "")],
    ),
    (
        "party = \"a\"\n[approval]\ncomputations = [\"Pay\"]",
        &[("/srv/acme/node.toml:3: approval.computations: holds what is no id", "")],
    ),
    (
        "party = \"a\"\n[approval]\nat_most = 4",
        &[("/srv/acme/node.toml:3: approval.at_most: is a table", "[approval.at_most]")],
    ),
    (
        "party = \"a\"\n[approval]\nat_most = { rounds = 0, within = \"1d\" }",
        &[("/srv/acme/node.toml:3: approval.at_most.rounds: must be a whole number", "from 1")],
    ),
    (
        "party = \"a\"\n[approval.at_most]\nrounds = \"4\"\nwithin = \"0s\"",
        &[
            ("/srv/acme/node.toml:3: approval.at_most.rounds: must be", "without quotes"),
            ("/srv/acme/node.toml:4: approval.at_most.within: is no length of time", "24h"),
        ],
    ),
    (
        "party = \"a\"\n[approval]\nat_most = { rounds = 4 }",
        &[("/srv/acme/node.toml: approval.at_most.within: is missing", "24h")],
    ),
    (
        "party = \"a\"\n[approval]\nat_most = { rounds = 4, within = \"1d\", in = 3 }",
        &[("/srv/acme/node.toml:3: approval.at_most.in: no such key", "")],
    ),
    (
        "party = \"a\"\n[schedule.pay]\ncron = \"0 6 5 1,4,7,10\"",
        &[("/srv/acme/node.toml:3: schedule.pay.cron: has 4 fields", "five")],
    ),
    (
        "party = \"a\"\n[schedule.pay]\ncron = \"0 6 5 13 *\"",
        &[("/srv/acme/node.toml:3: schedule.pay.cron: is no cron line: month", "0 6 5 1,4,7,10 *")],
    ),
    ("party = \"a\"\n[schedule.pay]", &[("/srv/acme/node.toml: schedule.pay.cron: is missing", "UTC")]),
    ("party = \"a\"\n[schedule]\ncron = \"* * * * *\"", &[("/srv/acme/node.toml:3: schedule.cron: is a table", "")]),
    (
        "party = \"a\"\n[schedule.Pay]\ncron = \"* * * * *\"",
        &[("/srv/acme/node.toml:2: schedule.Pay: no id of a computation", "")],
    ),
    (
        "party = \"a\"\n[audit]\nsegment = \"1KiB\"\nkeep = \"1d\"\nreserve = \"lots\"",
        &[
            ("/srv/acme/node.toml:3: audit.segment: is less than 64KiB", "64MiB"),
            ("/srv/acme/node.toml:4: audit.keep: is less than 30 days", "forever"),
            ("/srv/acme/node.toml:5: audit.reserve: is no size", "64MiB"),
        ],
    ),
    ("party = \"a\"\n[audit]\nkeep = \"always\"", &[("/srv/acme/node.toml:3: audit.keep: is no length", "forever")]),
    ("party = \"a\"\n[results]\nexport = [\"xml\"]", &[("/srv/acme/node.toml:3: results.export: holds", "csv")]),
    ("party = \"a\"\n[log]\nlevel = \"loud\"", &[("/srv/acme/node.toml:3: log.level: must be one of", "\"warn\"")]),
    ("party = \"a\"\nguard = \"data/guard\"", &[("/srv/acme/node.toml:2: guard: lies inside data_dir", "elsewhere")]),
    ("party = \"a\"\nguard = \"x/../data/guard\"", &[("/srv/acme/node.toml:2: guard: lies inside data_dir", "")]),
    ("party = \"a\"\n[input.Pay]\nfile = \"x\"", &[("/srv/acme/node.toml:2: input.Pay: no id of a computation", "")]),
    ("party = \"a\"\n[input.pay]\n", &[("/srv/acme/node.toml: input.pay.file: is missing", "input/pay.csv")]),
    (
        "party = \"a\"\n[input.pay]\nfile = \"{year}.csv\"",
        &[("/srv/acme/node.toml:3: input.pay.file: holds a brace", "{period}")],
    ),
    ("party = \"a\"\ncards = \"\"", &[("/srv/acme/node.toml:2: cards: is empty", "\"cards\"")]),
    ("party = \"a\"\n[tls]\nrevoked = [\"\"]", &[("/srv/acme/node.toml:3: tls.revoked: a path is empty", "")]),
    (
        "party = \"a\nx = ",
        &[("/srv/acme/node.toml:1: no valid TOML", ""), ("/srv/acme/node.toml:2: no valid TOML", "")],
    ),
    ("party = \"a\"\nparty = \"b\"", &[("/srv/acme/node.toml:2: no valid TOML: duplicate key", "")]),
    (
        "party = \"A\"\ncolour = 1\n[listen]\npeers = 7\n[log]\nformat = \"xml\"",
        &[
            ("/srv/acme/node.toml:1: party", ""),
            ("/srv/acme/node.toml:2: colour", ""),
            ("/srv/acme/node.toml:4: listen.peers", ""),
            ("/srv/acme/node.toml:6: log.format", ""),
        ],
    ),
];

#[test]
fn all_errors_are_reported_at_once_with_file_line_and_key() {
    for (text, expected) in REFUSED {
        let lines = read(text, &[]).expect_err(text);
        assert_eq!(lines.len(), expected.len(), "{text:?} gave {lines:#?}");
        for (line, (start, part)) in lines.iter().zip(*expected) {
            assert!(line.starts_with(start), "{text:?}: {line:?} does not start with {start:?}");
            assert!(line.contains(part), "{text:?}: {line:?} does not contain {part:?}");
            assert!(!line.contains('\n'), "{line:?} is more than one line");
        }
    }
}

#[test]
fn a_long_socket_path_is_refused() {
    let text = format!("party = \"a\"\n[listen]\nadmin = \"/{}\"", "x".repeat(107));
    let lines = read(&text, &[]).expect_err("107 bytes are the most");
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("/srv/acme/node.toml:3: listen.admin: the path of the admin socket has 108 bytes"));
    let text = format!("party = \"a\"\n[listen]\nadmin = \"/{}\"", "x".repeat(106));
    assert!(read(&text, &[]).is_ok());
}

#[test]
fn variables_override_the_file() {
    let text = "party = \"acme\"\n[listen]\npeers = \"1.2.3.4:5\"\n[input.average-pay]\nfile = \"a.csv\"";
    let settings = settings(
        text,
        &[
            ("SMPCD__PARTY", "other"),
            ("SMPCD__LISTEN__PEERS", "127.0.0.1:7441"),
            ("SMPCD__DATA_DIR", "/var/d"),
            ("SMPCD__TLS__PRIVATE_KEY", "/run/tls.key"),
            ("SMPCD__INPUT__AVERAGE_PAY__FILE", "/in/{period}.csv"),
            ("SMPCD__INPUT__NEW_ONE__FILE", "new.csv"),
            ("SMPCD__RESULTS__EXPORT", "csv"),
            ("SMPCD__APPROVAL__NOTIFY", "[\"mail\", \"-v\"]"),
            ("SMPCD__APPROVAL__COMPUTATIONS", "average-pay"),
            ("SMPCD__APPROVAL__AT_MOST__ROUNDS", "2"),
            ("SMPCD__APPROVAL__AT_MOST__WITHIN", "1h"),
            ("SMPCD__SCHEDULE__AVERAGE_PAY__CRON", "0 7 * * MON"),
            ("SMPCD__TLS__REVOKED", ""),
            ("SMPCD_UNRELATED", "1"),
            ("OTHER", "1"),
        ],
    );
    assert_eq!(settings.party, "other");
    assert_eq!(settings.listen_peers, Some("127.0.0.1:7441".parse().expect("an address")));
    assert_eq!(settings.data_dir, Path::new("/var/d"));
    assert_eq!(settings.tls_private_key, Path::new("/run/tls.key"));
    // One entry for each computation: the hyphen of the id was found again.
    let inputs: Vec<&str> = settings.inputs.keys().map(String::as_str).collect();
    assert_eq!(inputs, ["average-pay", "new-one"]);
    assert_eq!(settings.input_file("average-pay", "2026"), Path::new("/in/2026.csv"));
    assert_eq!(settings.input_file("new-one", "2026"), Path::new("/srv/acme/new.csv"));
    assert!(!settings.export_json && settings.export_csv);
    assert_eq!(settings.approval.notify, ["mail", "-v"]);
    assert_eq!(settings.approval.computations, Some(vec!["average-pay".to_owned()]));
    assert_eq!(settings.approval.at_most, Some(AtMost { rounds: 2, within: Duration::from_secs(3600) }));
    assert_eq!(settings.schedules["average-pay"].to_string(), "0 7 * * MON");
}

#[test]
fn a_text_that_looks_like_a_number_stays_a_text() {
    assert_eq!(settings("party = \"a\"", &[("SMPCD__PARTY", "007")]).party, "007");
    assert_eq!(settings("party = \"a\"", &[("SMPCD__PARTY", "true")]).party, "true");
}

#[test]
fn errors_of_variables_name_the_variable() {
    /// The variables, the start of the one line, and a word in it.
    type Refused<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let table: &[Refused<'_>] = &[
        (&[("SMPCD__PARTI", "x")], "SMPCD__PARTI: overrides no key", "mean SMPCD__PARTY?"),
        (&[("SMPCD__PEERS", "x")], "SMPCD__PEERS: overrides no key", "mean SMPCD__LISTEN__PEERS?"),
        (&[("SMPCD__LISTEN", "x")], "SMPCD__LISTEN: names the whole table", "SMPCD__LISTEN__KEY"),
        (&[("SMPCD__LISTEN__PEERS", "here")], "SMPCD__LISTEN__PEERS: is no IP:PORT", ""),
        (&[("SMPCD__APPROVAL__POLICY", "maybe")], "SMPCD__APPROVAL__POLICY: must be one of", ""),
        (&[("SMPCD__APPROVAL__AT_MOST", "3")], "SMPCD__APPROVAL__AT_MOST: names the whole table", "AT_MOST__KEY"),
        (
            &[("SMPCD__APPROVAL__AT_MOST__ROUNDS", "x"), ("SMPCD__APPROVAL__AT_MOST__WITHIN", "1d")],
            "SMPCD__APPROVAL__AT_MOST__ROUNDS: must be a whole number",
            "",
        ),
        (&[("SMPCD__SCHEDULE__PAY__CRON", "daily")], "SMPCD__SCHEDULE__PAY__CRON: has 1 fields", ""),
        (&[("SMPCD__APPROVAL__NOTIFY", "[1]")], "SMPCD__APPROVAL__NOTIFY: must be a list", ""),
        (
            &[("SMPCD__PARTY", "x"), ("SMPCD__party", "y")],
            "SMPCD__party: sets the same key as SMPCD__PARTY",
            "keep one",
        ),
        (&[("SMPCD__PARTY__NAME", "x")], "SMPCD__PARTY__NAME: overrides no key", ""),
        (&[("SMPCD__", "x")], "SMPCD__: overrides no key", ""),
    ];
    for (environment, start, part) in table {
        let lines = read("party = \"a\"", environment).expect_err(start);
        assert_eq!(lines.len(), 1, "{environment:?} gave {lines:#?}");
        assert!(lines[0].starts_with(start), "{:?} does not start with {start:?}", lines[0]);
        assert!(lines[0].contains(part), "{:?} does not contain {part:?}", lines[0]);
    }
}

const BASIC: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/node-basic.toml"));
const ADVANCED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/node-advanced.toml"));

#[test]
fn the_basic_sample_is_what_init_writes() {
    let new = crate::home::NewHome {
        consortium: "northern-retail".to_owned(),
        party: "acme".to_owned(),
        name: "Acme Ltd".to_owned(),
        address: Some("smpc.acme.example:7440".to_owned()),
        listen: Some("0.0.0.0:7440".parse().expect("an address")),
        csr: false,
        policy: Policy::Manual,
        agreement: "agreement.toml".to_owned(),
        inputs: Vec::new(),
    };
    assert_eq!(BASIC, crate::node_template::text(&new));
    // Every default stands in the file as it is: left out, it would be the same.
    let mut bare = settings("party = \"acme\"", &[]);
    bare.listen_peers = new.listen;
    assert_eq!(settings(BASIC, &[]), bare);
}

#[test]
fn the_advanced_sample_is_read() {
    let node = read(ADVANCED, &[]).expect("a good node file");
    assert_eq!(node.log, Log { format: LogFormat::Json, level: tracing::Level::INFO });
    let settings = node.settings;
    assert_eq!(
        settings.input_file("average-expenditure", "2026-Q3"),
        Path::new("/srv/exports/2026-Q3/expenditure.csv")
    );
    assert_eq!(settings.inputs.len(), 2);
    assert_eq!(settings.revoked.len(), 1);
    assert_eq!(settings.approval.computations, Some(vec!["average-expenditure".to_owned()]));
    assert_eq!(settings.approval.at_most, Some(AtMost { rounds: 4, within: Duration::from_secs(24 * 3600) }));
    assert_eq!(settings.schedules["average-expenditure"].to_string(), "0 6 5 1,4,7,10 *");
    assert!(settings.export_json && !settings.export_csv);
}

proptest::proptest! {
    /// Whatever stands in the file: an answer, and every error is one line.
    #[test]
    fn no_file_makes_it_panic(text in "(party|listen|input|peers|\\[|\\]|=|\"|a|1|\\.|\n| |\\PC){0,40}") {
        if let Err(lines) = read(&text, &[]) {
            proptest::prop_assert!(!lines.is_empty());
            proptest::prop_assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
        }
    }
}

#[test]
fn a_file_that_may_not_be_read_is_not_one_that_is_not_there() {
    let said = |kind: std::io::ErrorKind| super::unreadable(Path::new("node.toml"), &kind.into());
    let denied = said(std::io::ErrorKind::PermissionDenied);
    assert_eq!(denied, "you may not read node.toml: run as the user of the daemon");
    assert!(said(std::io::ErrorKind::NotFound).contains("smpcd init"));
    assert!(!said(std::io::ErrorKind::InvalidData).contains("smpcd init"));
}
