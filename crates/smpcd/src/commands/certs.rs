//! `smpcd certs`: this node's TLS certificate.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use protocol::card::{Card, SignedCard};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tls::{Authority, CertificateFacts, NodeIdentity, SharedTrust, Trust, TrustedParty};

use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::home::{self, Home};
use crate::node_file::NodeFile;

/// Arguments of `smpcd certs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show this node's certificate, how long it is valid, and whether peers accept it
    Show {
        #[command(flatten)]
        config: Config,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Issue a new key and certificate from this party's own authority
    Renew {
        #[command(flatten)]
        config: Config,
        /// How long the certificate is valid
        #[arg(long, value_name = "N", default_value_t = tls::CERTIFICATE_DAYS,
              value_parser = clap::value_parser!(u32).range(1..=i64::from(tls::AUTHORITY_DAYS)))]
        days: u32,
        /// Make a new authority first, and this party's next card with it
        #[arg(long)]
        new_authority: bool,
    },
}

/// Runs `smpcd certs`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.action {
        Action::Show { config, json } => {
            let shown = Shown::of(&NodeFile::load(&config.file)?)?;
            say(&if *json { shown.json()? } else { shown.text() })?;
            shown.verdict()
        }
        Action::Renew { config, days, new_authority } => {
            let node = NodeFile::load(&config.file)?;
            say(&if *new_authority { replace_authority(&node, *days)? } else { renew(&node, *days)? })
        }
    }
}

/// What `certs show` says.
#[derive(Debug, Serialize)]
struct Shown {
    certificate: Certificate,
    /// The party's own or a corporate authority, where its certificate is in its place.
    authority: Option<Certificate>,
    /// Whether a peer that holds this party's card takes the certificate.
    accepted: bool,
    /// Why not.
    refusal: Option<String>,
    /// What is to be done soon.
    warning: Option<String>,
}

#[derive(Debug, Serialize)]
struct Certificate {
    file: String,
    /// The URI names; a node's certificate has one.
    identity: Vec<String>,
    not_before: String,
    not_after: String,
    days_left: u64,
    serial: String,
    fingerprint: String,
}

impl Shown {
    fn of(node: &NodeFile) -> Result<Self, Failure> {
        let settings = &node.settings;
        let now = home::now();
        let (certificate, facts) = Certificate::read(&settings.tls_certificate, now)?;
        let authority = Home::at(node.folder()).authority_certificate();
        let authority = if authority.exists() { Some(Certificate::read(&authority, now)?.0) } else { None };
        let check = own_card(node).map_err(|failure| joined(&failure)).and_then(|card| check(node, &card, now));
        Ok(Self {
            certificate,
            authority,
            accepted: check.is_ok(),
            refusal: check.err(),
            warning: facts.expiry_warning(&format!("the certificate of {}", settings.party), now),
        })
    }

    fn json(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(self).map_err(|error| Failure::new(Exit::Other, error))
    }

    /// For scripts: a certificate that peers refuse is a failure, after it was shown.
    fn verdict(&self) -> Result<(), Failure> {
        match &self.refusal {
            None => Ok(()),
            Some(refusal) => {
                let line = format!("{}: peers refuse this certificate: {refusal}", self.certificate.file);
                Err(Failure::new(Exit::Other, line))
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            writeln!(text, "{name:<13} {value}").expect("a string takes every write");
        };
        self.certificate.lines("certificate", &mut line);
        match &self.authority {
            Some(authority) => authority.lines("authority", &mut line),
            None => line("authority", "its certificate is not in certs/authority.crt"),
        }
        match &self.refusal {
            None => line("peers", "with this party's card accept the certificate"),
            Some(refusal) => line("peers", &format!("refuse the certificate: {refusal}")),
        }
        if let Some(warning) = &self.warning {
            line("warning", warning);
        }
        text
    }
}

impl Certificate {
    /// The first certificate of a PEM file.
    fn read(file: &Path, now: u64) -> Result<(Self, CertificateFacts), Failure> {
        let refuse = |error: tls::CredentialError| configuration(file, &error);
        let chain = tls::read_certificates(&read(file)?).map_err(refuse)?;
        let der = chain.first().expect("a chain has at least one certificate");
        let facts = CertificateFacts::read(der).map_err(refuse)?;
        let digest: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
        let certificate = Self {
            file: file.display().to_string(),
            identity: facts.uri_names.clone(),
            not_before: moment(facts.not_before),
            not_after: moment(facts.not_after),
            days_left: facts.days_left(now),
            serial: facts.serial.clone(),
            fingerprint: format!("sha256:{}", digest.concat()),
        };
        Ok((certificate, facts))
    }

    fn lines(&self, what: &str, line: &mut impl FnMut(&str, &str)) {
        line(what, &self.file);
        if !self.identity.is_empty() {
            line("  identity", &self.identity.join(", "));
        }
        line("  valid", &format!("{} to {}, {} days left", self.not_before, self.not_after, self.days_left));
        line("  serial", &self.serial);
        line("  fingerprint", &self.fingerprint);
    }
}

/// Asks of the certificate and its key what every peer that holds this card of the party will ask.
pub(crate) fn check(node: &NodeFile, card: &SignedCard, now: u64) -> Result<(), String> {
    let settings = &node.settings;
    let identity = crate::keys::identity(settings).map_err(|failure| joined(&failure))?;
    let mut crls = Vec::new();
    for file in &settings.revoked {
        let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        crls.extend(tls::read_revocation_lists(&bytes).map_err(|error| format!("{}: {error}", file.display()))?);
    }
    accepted(card, &identity, crls, now)
}

fn joined(failure: &Failure) -> String {
    failure.lines.join("; ")
}

fn accepted(card: &SignedCard, identity: &NodeIdentity, crls: Vec<Vec<u8>>, now: u64) -> Result<(), String> {
    let card = card.card();
    let party = TrustedParty {
        id: card.party.clone(),
        authority_der: card.authority_der.clone(),
        certificates_since: card.certificates_since,
        crls,
    };
    let trust = Trust { consortium: card.consortium.clone(), parties: vec![party] };
    tls::self_check(identity, &SharedTrust::new(trust), &card.party, now).map_err(|error| error.to_string())?;
    Ok(())
}

fn renew(node: &NodeFile, days: u32) -> Result<String, Failure> {
    let settings = &node.settings;
    let home = Home::at(node.folder());
    let key_file = home.authority_key();
    if !key_file.exists() {
        let line = format!(
            "{}: there is no key of an own authority: bring it back for the renewal, \
             or have your corporate authority issue a new {}",
            key_file.display(),
            settings.tls_certificate.display()
        );
        return Err(Failure::new(Exit::BadConfiguration, line));
    }
    let certificate_file = home.authority_certificate();
    let key = tls::read_private(&key_file).map_err(|error| Failure::new(Exit::BadConfiguration, error))?;
    let authority = Authority::from_pem(&read(&certificate_file)?, &key).map_err(|error| match &error {
        tls::CredentialError::NoKey => configuration(&key_file, &error),
        _ => configuration(&certificate_file, &error),
    })?;
    let card = own_card(node)?;
    let now = home::now();
    let begin = begin(card.card(), now);
    let issued = authority
        .issue(&card.card().consortium, &settings.party, begin, days)
        .map_err(|error| configuration(&certificate_file, &error))?;
    let shown = replace(node, &card, &issued, now)?;
    Ok(format!(
        "{shown}{:<13} nothing: a running daemon takes it in within seconds, and peers need nothing new\n",
        "next"
    ))
}

/// Certificates begin a little in the past, for slow clocks; but not before what the card cuts off.
fn begin(card: &Card, now: u64) -> u64 {
    now.max(card.certificates_since.map_or(0, |since| since.saturating_add(tls::BACKDATE_SECONDS)))
}

/// A new authority for a party that lost the key of its own one, or fears for it. The next card has it, and the certificate is
/// of it: peers that take in the card cut the link and come back on one with the new certificate.
fn replace_authority(node: &NodeFile, days: u32) -> Result<String, Failure> {
    let (settings, home) = (&node.settings, Home::at(node.folder()));
    let old = own_card(node)?.card().clone();
    let now = home::now();
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::BadConfiguration, error);
    let authority = Authority::create(&old.consortium, &settings.party, now, tls::AUTHORITY_DAYS)
        .map_err(|error| failed(&error))?;
    let begin = begin(&old, now);
    let issued = authority.issue(&old.consortium, &settings.party, begin, days).map_err(|error| failed(&error))?;
    let serial = old.serial.checked_add(1).ok_or_else(|| failed(&"this card has the last serial there is"))?;
    let card = Card { serial, authority_der: authority.cert_der().to_vec(), ..old };
    let key = crate::keys::SigningKey::load(&settings.signing_key)?;
    let card = SignedCard::sign(card, &key).map_err(|error| failed(&error))?;
    let file = settings.cards.join(format!("{}.card", settings.party));
    // A running daemon takes in the pair only with the card, which comes last.
    let shown = replace(node, &card, &issued, now)?;
    home::replace_private(&home.authority_key(), &authority.key_pem())?;
    home::write_public(&home.authority_certificate(), authority.cert_pem())?;
    home::write_public(&file, &card.to_pem())?;
    Ok(format!(
        "{shown}{:<13} {}\n{:<13} nothing, where the daemon runs: it takes all of it in within seconds, and the card spreads over \
         the links. A party that has no link with anybody needs the card by other ways\n",
        "card",
        file.display(),
        "next"
    ))
}

/// Puts a certificate and its key in place, unless peers with this card would refuse it.
fn replace(node: &NodeFile, card: &SignedCard, issued: &tls::Issued, now: u64) -> Result<String, Failure> {
    let settings = &node.settings;
    let identity = NodeIdentity::from_pem(&issued.cert_pem, &issued.key_pem)
        .map_err(|error| configuration(&settings.tls_certificate, &error))?;
    accepted(card, &identity, Vec::new(), now).map_err(|refusal| {
        let line = format!("the new certificate would be refused, and nothing was replaced: {refusal}");
        Failure::new(Exit::BadConfiguration, line)
    })?;
    // Two files cannot be replaced at once. A crash in between leaves a pair that does not match, which the check
    // before a port opens finds and another renewal mends.
    home::replace_private(&settings.tls_private_key, &issued.key_pem)?;
    home::write_public(&settings.tls_certificate, &issued.cert_pem)?;
    let (shown, _) = Certificate::read(&settings.tls_certificate, now)?;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name:<13} {value}").expect("a string takes every write");
    };
    shown.lines("renewed", &mut line);
    line("key", &settings.tls_private_key.display().to_string());
    Ok(text)
}

fn own_card(node: &NodeFile) -> Result<SignedCard, Failure> {
    let settings = &node.settings;
    let file = settings.cards.join(format!("{}.card", settings.party));
    let card = SignedCard::from_pem(&read(&file)?).map_err(|error| configuration(&file, &error))?;
    if card.card().party != settings.party {
        let line = format!("is the card of {}, not of {}", card.card().party, settings.party);
        return Err(configuration(&file, &line));
    }
    Ok(card)
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| configuration(file, &error))
}

fn configuration(file: &Path, error: &impl std::fmt::Display) -> Failure {
    Failure::new(Exit::BadConfiguration, format!("{}: {error}", file.display()))
}

fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.map_or_else(|| format!("{seconds} seconds after 1970"), |moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use node::settings::Policy;

    use super::*;
    use crate::home::NewHome;

    fn node(folder: &Path, csr: bool) -> NodeFile {
        let new = NewHome {
            consortium: "northern-retail".to_owned(),
            party: "acme".to_owned(),
            name: "Acme Ltd".to_owned(),
            address: None,
            listen: None,
            csr,
            policy: Policy::Manual,
            agreement: "agreement.toml".to_owned(),
            inputs: Vec::new(),
        };
        new.create(folder).unwrap();
        NodeFile::load(&folder.join("node.toml")).unwrap()
    }

    #[test]
    fn a_new_node_shows_a_certificate_that_peers_accept() {
        let root = tempfile::tempdir().unwrap();
        let shown = Shown::of(&node(root.path(), false)).unwrap();
        assert_eq!(shown.certificate.identity, ["spiffe://northern-retail/acme"]);
        assert_eq!(shown.certificate.days_left, 365);
        assert!(shown.accepted, "{shown:?}");
        assert_eq!(shown.warning, None);
        assert_ne!(shown.authority.as_ref().unwrap().fingerprint, shown.certificate.fingerprint);
        let json: serde_json::Value = serde_json::from_str(&shown.json().unwrap()).unwrap();
        assert_eq!(json["certificate"]["identity"][0], "spiffe://northern-retail/acme");
        assert!(shown.text().contains("accept the certificate"));
    }

    #[test]
    fn renewing_replaces_key_and_certificate_and_peers_accept_the_new_one() {
        let root = tempfile::tempdir().unwrap();
        let node = node(root.path(), false);
        let key = fs::read(&node.settings.tls_private_key).unwrap();
        let before = Shown::of(&node).unwrap();
        renew(&node, 10).unwrap();
        let after = Shown::of(&node).unwrap();
        assert_ne!(before.certificate.fingerprint, after.certificate.fingerprint);
        assert_ne!(key, fs::read(&node.settings.tls_private_key).unwrap());
        assert!(after.accepted, "{after:?}");
        assert_eq!(after.certificate.days_left, 10);
        let mode = fs::metadata(&node.settings.tls_private_key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn renewing_right_after_cutting_off_older_certificates_gives_one_that_counts() {
        let root = tempfile::tempdir().unwrap();
        let node = node(root.path(), false);
        let old = own_card(&node).unwrap().card().clone();
        let key = crate::keys::SigningKey::load(&node.settings.signing_key).unwrap();
        let card = protocol::card::Card { serial: 2, certificates_since: Some(home::now()), ..old };
        let card = SignedCard::sign(card, &key).unwrap();
        home::write_public(&node.settings.cards.join("acme.card"), &card.to_pem()).unwrap();
        assert!(!Shown::of(&node).unwrap().accepted, "the old one is cut off");
        renew(&node, 365).unwrap();
        let shown = Shown::of(&node).unwrap();
        assert!(shown.accepted, "{shown:?}");
    }

    #[test]
    fn a_pair_that_does_not_match_is_shown_as_refused_and_mended_by_renewing() {
        let root = tempfile::tempdir().unwrap();
        let node = node(root.path(), false);
        let old = fs::read_to_string(&node.settings.tls_private_key).unwrap();
        renew(&node, 365).unwrap();
        home::replace_private(&node.settings.tls_private_key, &old).unwrap();
        let shown = Shown::of(&node).unwrap();
        assert!(!shown.accepted && shown.refusal.is_some(), "{shown:?}");
        assert_eq!(shown.verdict().unwrap_err().exit, Exit::Other);
        renew(&node, 365).unwrap();
        let shown = Shown::of(&node).unwrap();
        assert!(shown.accepted && shown.verdict() == Ok(()), "{shown:?}");
    }

    #[test]
    fn a_certificate_that_peers_would_refuse_replaces_nothing() {
        let root = tempfile::tempdir().unwrap();
        let node = node(root.path(), false);
        // Another authority than the one in the card.
        let authority = Authority::create("northern-retail", "acme", home::now(), 30).unwrap();
        let home = Home::at(node.folder());
        home::write_public(&home.authority_certificate(), authority.cert_pem()).unwrap();
        home::replace_private(&home.authority_key(), &authority.key_pem()).unwrap();
        let before = fs::read(&node.settings.tls_certificate).unwrap();
        let failure = renew(&node, 365).unwrap_err();
        assert_eq!(failure.exit, Exit::BadConfiguration);
        assert!(failure.lines[0].contains("nothing was replaced"), "{failure:?}");
        assert_eq!(before, fs::read(&node.settings.tls_certificate).unwrap());
    }

    #[test]
    fn a_wrong_key_file_is_named_with_its_setting() {
        let root = tempfile::tempdir().unwrap();
        let node = node(root.path(), false);
        let key = &node.settings.tls_private_key;
        for text in ["", "no key"] {
            home::replace_private(key, text).unwrap();
            let refusal = Shown::of(&node).unwrap().refusal.unwrap();
            assert!(refusal.starts_with(&format!("tls.private_key: {}: ", key.display())), "{refusal}");
        }
    }

    #[test]
    fn under_a_corporate_authority_renewing_says_who_issues() {
        let root = tempfile::tempdir().unwrap();
        let node = node(root.path(), true);
        let failure = renew(&node, 365).unwrap_err();
        assert!(failure.lines[0].contains("corporate authority"), "{failure:?}");
        let failure = Shown::of(&node).unwrap_err();
        assert!(failure.lines[0].contains("certs/tls.crt"), "{failure:?}");
    }
}
