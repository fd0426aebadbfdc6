//! `smpcd init`: a party's directory, from nothing.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use node::settings::Policy;

use crate::commands::say;
use crate::exit::Failure;
use crate::home::{Made, NewHome};

/// Arguments of `smpcd init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory to write; it must not exist or be empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Name of the consortium, which is the name of its agreement
    #[arg(long, value_name = "NAME", value_parser = id)]
    consortium: String,
    /// This party's id
    #[arg(long, value_name = "ID", value_parser = id)]
    party: String,
    /// The organisation's name, for people; the id where it is left out
    #[arg(long, value_name = "TEXT", value_parser = name)]
    name: Option<String>,
    /// Where the other parties dial this node; without it this node dials out only
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    address: Option<String>,
    /// Where this node listens; the port of --address on all interfaces where it is left out
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Write a request to an existing corporate authority instead of making an own authority
    #[arg(long)]
    csr: bool,
}

/// Runs `smpcd init`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let new = NewHome {
        consortium: args.consortium.clone(),
        party: args.party.clone(),
        name: args.name.clone().unwrap_or_else(|| args.party.clone()),
        address: args.address.clone(),
        listen: args.listen.or_else(|| args.address.as_deref().and_then(everywhere)),
        csr: args.csr,
        policy: Policy::Manual,
        agreement: "agreement.toml".to_owned(),
        inputs: Vec::new(),
    };
    let made = new.create(&args.folder)?;
    say(&report(&new, &made))
}

/// An id, for clap.
pub(crate) fn id(text: &str) -> Result<String, String> {
    if protocol::agreement::is_id(text) {
        Ok(text.to_owned())
    } else {
        Err("write 1 to 32 of a-z, 0-9 and '-', with a letter or digit at both ends".to_owned())
    }
}

/// The name of an organisation, for clap. What else is wrong with it, the card says.
pub(crate) fn name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("write the organisation's name".to_owned()) } else { Ok(text.to_owned()) }
}

/// An address that peers dial, for clap.
pub(crate) fn address(text: &str) -> Result<String, String> {
    if protocol::card::is_address(text) {
        Ok(text.to_owned())
    } else {
        Err("write HOST:PORT, such as smpc.example.org:7440".to_owned())
    }
}

fn everywhere(address: &str) -> Option<SocketAddr> {
    let (_, port) = address.rsplit_once(':')?;
    Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port.parse().ok()?)))
}

fn report(new: &NewHome, made: &Made) -> String {
    let folder = made.home.folder().display();
    let NewHome { party, consortium, .. } = new;
    let mut text = format!("Wrote the directory of {party} in {consortium}: {folder}\n");
    let mut line = |name: &str, what: &str| {
        writeln!(text, "  {name:<24} {what}").expect("a string takes every write");
    };
    line("node.toml", "the settings, annotated");
    line("keys/signing.key", "signs messages, the card and the agreement; keep a copy in a safe");
    line("keys/storage.key", "seals the secrets in data/");
    line("keys/tls.key", "the key of this node's links");
    if new.csr {
        line("certs/tls.csr", "the request to your certificate authority");
    } else {
        line("keys/authority.key", "this party's own certificate authority; needed to renew only");
        line("certs/authority.crt", "its certificate, which the card carries");
        line("certs/tls.crt", &format!("this node's certificate, for {} days", tls::CERTIFICATE_DAYS));
        line(&format!("cards/{party}.card"), "what the other parties need");
    }
    line("input/", "one CSV file for each computation");
    line("data/", "what the daemon keeps");
    if let Some(card) = &made.card {
        writeln!(text, "\n{card}").expect("a string takes every write");
    }
    text.push_str("\nNext:\n");
    let config = made.home.node_file();
    let config = config.display();
    let mut steps = Vec::new();
    if new.csr {
        steps.push(format!("have {folder}/certs/tls.csr signed; keep its one URI name, spiffe://{consortium}/{party}"));
        steps.push(format!("put the authority's certificate at {folder}/certs/authority.crt"));
        steps.push(format!("put the issued certificate, with any between, at {folder}/certs/tls.crt"));
        let address = new.address.as_ref().map(|address| format!(" --address {address}")).unwrap_or_default();
        // A request holds no name, and there is no card yet to hold it.
        let name = if new.name == *party { String::new() } else { format!(" --name {}", quoted(&new.name)) };
        steps.push(format!("smpcd card new --config {config}{address}{name}"));
    }
    steps.push(format!("give {folder}/cards/{party}.card to the other parties, and take in theirs: smpcd card add --config {config} FILE…"));
    steps.push(format!("one party drafts the agreement: smpcd agreement new --name {consortium} CARD…"));
    for (number, step) in (1..).zip(steps) {
        writeln!(text, "  {number}. {step}").expect("a string takes every write");
    }
    text
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    if text.contains(['"', '$', '`', '\\', '!']) {
        format!("'{}'", text.replace('\'', "'\\''"))
    } else {
        format!("\"{text}\"")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use clap::Parser;
    use protocol::card::SignedCard;
    use wire::Signer;

    use super::*;
    use crate::exit::Exit;
    use crate::keys::{SigningKey, StorageKey};
    use crate::node_file::NodeFile;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn init(folder: &Path, more: &[&str]) -> Result<(), Failure> {
        let folder = folder.to_str().unwrap();
        let line = ["init", folder, "--consortium", "northern-retail", "--party", "acme"];
        run(&Line::try_parse_from(line.iter().chain(more)).unwrap().args)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_directory_is_whole_and_closed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("org/acme");
        init(&folder, &["--name", "Acme Ltd", "--address", "acme.example:7601"]).unwrap();

        let node = NodeFile::load(&folder.join("node.toml")).unwrap();
        let settings = node.settings;
        assert_eq!(settings.party, "acme");
        assert_eq!(settings.listen_peers, Some("0.0.0.0:7601".parse().unwrap()));
        assert_eq!(settings.approval.policy, Policy::Manual);
        let key = SigningKey::load(&settings.signing_key).unwrap();
        StorageKey::load(&settings.storage_key).unwrap();
        let card = SignedCard::from_pem(&fs::read_to_string(folder.join("cards/acme.card")).unwrap()).unwrap();
        assert_eq!(card.card().signing_key, key.public_key());
        assert_eq!(card.card().name, "Acme Ltd");
        assert_eq!(card.card().address.as_deref(), Some("acme.example:7601"));
        assert_eq!(card.card().serial, 1);

        // The certificate is one that every peer with this card takes.
        let chain = fs::read_to_string(&settings.tls_certificate).unwrap();
        let key = tls::read_private(&settings.tls_private_key).unwrap();
        let identity = tls::NodeIdentity::from_pem(&chain, &key).unwrap();
        let party = tls::TrustedParty {
            id: "acme".to_owned(),
            authority_der: card.card().authority_der.clone(),
            certificates_since: None,
            crls: Vec::new(),
        };
        let trust = tls::Trust { consortium: "northern-retail".to_owned(), parties: vec![party] };
        tls::self_check(&identity, &tls::SharedTrust::new(trust), "acme", crate::home::now()).unwrap();

        for name in ["signing.key", "storage.key", "authority.key", "tls.key"] {
            assert_eq!(mode(&folder.join("keys").join(name)), 0o600, "{name}");
        }
        for name in ["", "keys", "input", "data"] {
            assert_eq!(mode(&folder.join(name)), 0o700, "{name}");
        }
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["cards", "certs", "data", "input", "keys", "node.toml", "signatures"]);
    }

    #[test]
    fn a_second_init_touches_nothing() {
        let root = tempfile::tempdir().unwrap();
        init(root.path(), &[]).unwrap();
        let before = fs::read(root.path().join("keys/signing.key")).unwrap();
        let failure = init(root.path(), &[]).unwrap_err();
        assert_eq!(failure.exit, Exit::Other);
        assert!(failure.lines[0].contains("is not empty"), "{failure:?}");
        assert_eq!(before, fs::read(root.path().join("keys/signing.key")).unwrap());
    }

    #[test]
    fn a_directory_with_anything_in_it_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(".hidden"), "x").unwrap();
        init(root.path(), &[]).unwrap_err();
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("acme");
        // A name of two lines passes the command line and fails at the card, when keys are already written.
        init(&folder, &["--name", "Acme\nLtd"]).unwrap_err();
        assert!(!folder.exists());
    }

    #[test]
    fn without_an_address_a_node_listens_nowhere() {
        let root = tempfile::tempdir().unwrap();
        init(root.path(), &[]).unwrap();
        assert_eq!(NodeFile::load(&root.path().join("node.toml")).unwrap().settings.listen_peers, None);
    }

    #[test]
    fn a_request_has_no_authority_and_no_card() {
        let root = tempfile::tempdir().unwrap();
        init(root.path(), &["--csr"]).unwrap();
        let request = fs::read_to_string(root.path().join("certs/tls.csr")).unwrap();
        assert!(request.contains("BEGIN CERTIFICATE REQUEST"));
        for name in ["keys/authority.key", "certs/authority.crt", "certs/tls.crt", "cards/acme.card"] {
            assert!(!root.path().join(name).exists(), "{name}");
        }
        assert_eq!(mode(&root.path().join("keys/tls.key")), 0o600);
    }

    #[test]
    fn the_step_after_a_request_carries_the_name() {
        let root = tempfile::tempdir().unwrap();
        let new = NewHome {
            consortium: "n".to_owned(),
            party: "acme".to_owned(),
            name: "Acme Ltd".to_owned(),
            address: None,
            listen: None,
            csr: true,
            policy: Policy::Manual,
            agreement: "agreement.toml".to_owned(),
            inputs: Vec::new(),
        };
        let made = new.create(&root.path().join("acme")).unwrap();
        let text = report(&new, &made);
        assert!(text.contains("node.toml --name \"Acme Ltd\"\n"), "{text}");
        assert_eq!(quoted("O'Neil $ Co"), "'O'\\''Neil $ Co'");
    }

    #[test]
    fn bad_names_and_addresses_are_usage_errors() {
        let bad: [&[&str]; 6] = [
            &["init", "d", "--consortium", "n", "--party", "a", "--name", ""],
            &["init", "d", "--consortium", "n", "--party", "a", "--name", " "],
            &["init", "d", "--consortium", "Northern Retail", "--party", "acme"],
            &["init", "d", "--consortium", "n", "--party", "acme_ltd"],
            &["init", "d", "--consortium", "n", "--party", "a", "--address", "acme.example"],
            &["init", "d", "--consortium", "n", "--party", "a", "--listen", "localhost:1"],
        ];
        for line in bad {
            assert_eq!(Line::try_parse_from(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }
}
