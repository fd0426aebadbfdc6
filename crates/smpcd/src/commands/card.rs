//! `smpcd card`: what a party says of itself, and taking in what the others say.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use node::settings::Settings;
use protocol::card::{Card, SignedCard};
use wire::Signer;

use crate::agreement_file::{AgreementFile, Existing, publish};
use crate::cli::Config;
use crate::commands::{certs, init, say};
use crate::exit::{Exit, Failure};
use crate::home::{self, Home};
use crate::keys::SigningKey;
use crate::node_file::NodeFile;

/// Arguments of `smpcd card`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// What can be done with cards.
#[derive(Debug, Subcommand)]
enum Command {
    /// Show a card, or those that a node holds
    Show(Show),
    /// Write this party's next card
    New(New),
    /// Take in other parties' cards; the newest serial wins
    Add(Add),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// A card
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The node file of a party, in place of FILE [default: node.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct New {
    #[command(flatten)]
    config: Config,
    /// Where peers dial this party from now on
    #[arg(long, value_name = "HOST:PORT", value_parser = init::address)]
    address: Option<String>,
    /// From now on this party only dials out
    #[arg(long, conflicts_with = "address")]
    no_address: bool,
    /// The organisation's name from now on
    #[arg(long, value_name = "TEXT", value_parser = init::name)]
    name: Option<String>,
    /// Cut off certificates that began before: "now", or a time such as "2026-07-31T12:00:00Z"
    #[arg(long, value_name = "TIME")]
    certificates_since: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[command(flatten)]
    config: Config,
    /// Cards
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Take a card with another signing key than before: you asked the party, and it is so
    #[arg(long)]
    replace: bool,
}

/// Runs `smpcd card`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Show(args) => show(args),
        Command::New(args) => new(args),
        Command::Add(args) => add(args),
    }
}

/// Reads and verifies a card. Exit code 78.
pub(crate) fn read_card(file: &Path) -> Result<SignedCard, Failure> {
    let refused = |error: String| Failure::new(Exit::BadConfiguration, format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| refused(format!("cannot read the card: {error}")))?;
    SignedCard::from_pem(&text).map_err(|error| refused(error.to_string()))
}

/// The file of a party's card.
pub(crate) fn card_file(cards: &Path, party: &str) -> PathBuf {
    cards.join(format!("{party}.card"))
}

fn show(args: &Show) -> Result<(), Failure> {
    if let Some(file) = &args.file {
        return say(&format!("{}\n", read_card(file)?));
    }
    let config = args.config.as_deref().unwrap_or(Path::new("node.toml"));
    let settings = NodeFile::load(config)?.settings;
    let own = card_file(&settings.cards, &settings.party);
    let mut text = format!("{}\n", read_card(&own)?);
    let mut failures = Vec::new();
    for file in other_cards(&settings, &own)? {
        match read_card(&file) {
            Ok(card) => text.push_str(&format!("\n{card}\n")),
            Err(failure) => failures.extend(failure.lines),
        }
    }
    say(&text)?;
    if failures.is_empty() { Ok(()) } else { Err(Failure::all(Exit::BadConfiguration, failures)) }
}

fn other_cards(settings: &Settings, own: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = &settings.cards;
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries =
        entries.map_err(|error| Failure::new(Exit::BadConfiguration, format!("{}: {error}", folder.display())))?;
    let is_card = |file: &PathBuf| file.extension().is_some_and(|e| e == "card") && file != own;
    let mut files: Vec<_> = entries.iter().map(std::fs::DirEntry::path).filter(is_card).collect();
    files.sort();
    Ok(files)
}

fn new(args: &New) -> Result<(), Failure> {
    let node = NodeFile::load(&args.config.file)?;
    let settings = &node.settings;
    let file = card_file(&settings.cards, &settings.party);
    let key = SigningKey::load(&settings.signing_key)?;
    let old = if file.exists() { read_card(&file)?.card().clone() } else { first(&node, &key)? };
    let usage = |line: &str| Failure::new(Exit::Usage, line);
    let serial = old.serial.checked_add(1).ok_or_else(|| usage("this card has the last serial there is"))?;
    let since = match &args.certificates_since {
        Some(text) => {
            Some(moment(text).ok_or_else(|| usage("--certificates-since: write \"now\" or 2026-07-31T12:00:00Z"))?)
        }
        None => old.certificates_since,
    };
    if since < old.certificates_since {
        return Err(usage("--certificates-since: earlier than in the card before; what was cut off stays cut off"));
    }
    let now = home::now();
    if args.certificates_since.is_some() && since > Some(now) {
        let now = i64::try_from(now).ok().and_then(|now| jiff::Timestamp::from_second(now).ok()).unwrap_or_default();
        return Err(usage(&format!(
            "--certificates-since: lies in the future (it is {now} here); no certificate could pass. \
             Write \"now\" or a past time"
        )));
    }
    let card = Card {
        serial,
        address: if args.no_address { None } else { args.address.clone().or(old.address) },
        name: args.name.clone().unwrap_or(old.name),
        certificates_since: since,
        authority_der: authority(&node)?,
        ..old
    };
    let card = SignedCard::sign(card, &key).map_err(|error| Failure::new(Exit::BadConfiguration, error))?;
    // Whoever cuts off certificates expects that of this node to be among them, and renews it next.
    if args.certificates_since.is_none() {
        certs::check(&node, &card, now).map_err(|refusal| {
            let line = format!(
                "peers with the new card would refuse this node's certificate, and nothing was written: {refusal}; \
                 put {} and its key in order first, see smpcd certs show",
                settings.tls_certificate.display()
            );
            Failure::new(Exit::BadConfiguration, line)
        })?;
    }
    publish(&file, &card.to_pem(), Existing::Replace)?;
    let mut text =
        format!("{card}\n{}: give it to the other parties; newer cards also spread over the links\n", file.display());
    if args.certificates_since.is_some() {
        text.push_str("the certificate of this node is cut off too if it is older: smpcd certs renew\n");
    }
    if let Some(address) = &args.address {
        text.push_str(&listening(address, settings));
    }
    say(&text)
}

/// What to do where the port that peers dial is not the one that this node listens on. A forwarded port is fine.
fn listening(address: &str, settings: &Settings) -> String {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    match settings.listen_peers {
        None => "this node listens nowhere; set [listen] peers in node.toml\n".to_owned(),
        Some(listen) if Some(listen.port()) != port => {
            format!("this node listens on {listen}; change [listen] peers in node.toml if the port moved\n")
        }
        Some(_) => String::new(),
    }
}

/// The authority of this party, as it stands in its directory: its own, or a corporate one.
fn authority(node: &NodeFile) -> Result<Vec<u8>, Failure> {
    let file = Home::at(node.folder()).authority_certificate();
    certificate(&file, "the certificate of the authority that issues for this party belongs there")
}

/// What a first card starts from, after `init --csr`: party and consortium as the issued certificate names them.
fn first(node: &NodeFile, key: &SigningKey) -> Result<Card, Failure> {
    let (settings, file) = (&node.settings, &node.settings.tls_certificate);
    let der = certificate(file, "the certificate that your authority issued for certs/tls.csr belongs there")?;
    let refused = |reason: String| Failure::new(Exit::BadConfiguration, format!("{}: {reason}", file.display()));
    let facts = tls::CertificateFacts::read(&der).map_err(|error| refused(error.to_string()))?;
    let expected = format!("/{}", settings.party);
    let consortium = match facts.uri_names.as_slice() {
        [name] => name.strip_prefix("spiffe://").and_then(|name| name.strip_suffix(expected.as_str())),
        _ => None,
    };
    let consortium = consortium.filter(|name| protocol::agreement::is_id(name)).ok_or_else(|| {
        refused(format!(
            "it must name exactly spiffe://CONSORTIUM/{} as its one URI: have it issued as certs/tls.csr asks",
            settings.party
        ))
    })?;
    Ok(Card {
        consortium: consortium.to_owned(),
        party: settings.party.clone(),
        name: settings.party.clone(),
        serial: 0,
        signing_key: key.public_key(),
        authority_der: Vec::new(),
        address: None,
        certificates_since: None,
    })
}

fn certificate(file: &Path, what: &str) -> Result<Vec<u8>, Failure> {
    let refused = |reason: String| Failure::new(Exit::BadConfiguration, format!("{}: {reason}", file.display()));
    let pem = std::fs::read_to_string(file).map_err(|error| refused(format!("{error}; {what}")))?;
    let mut all = tls::read_certificates(&pem).map_err(|error| refused(error.to_string()))?;
    Ok(all.swap_remove(0))
}

fn moment(text: &str) -> Option<u64> {
    let time = if text == "now" { SystemTime::now() } else { humantime::parse_rfc3339_weak(text).ok()? };
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn add(args: &Add) -> Result<(), Failure> {
    let settings = NodeFile::load(&args.config.file)?.settings;
    let own = own_card(&settings, &args.files)?;
    // Everything is judged before anything is written: a mistake in one file leaves no half of the others.
    let mut held: BTreeMap<String, SignedCard> = BTreeMap::new();
    let (mut refused, mut text) = (Vec::new(), String::new());
    let mut taken: BTreeMap<String, SignedCard> = BTreeMap::new();
    for file in &args.files {
        let at = file.display();
        let card = match read_card(file) {
            Ok(card) => card,
            Err(failure) => {
                refused.extend(failure.lines);
                continue;
            }
        };
        let Card { consortium, party, serial, .. } = card.card().clone();
        let ours = &own.card().consortium;
        if consortium != *ours {
            refused.push(format!("{at}: the card of '{party}' is for the consortium '{consortium}', not for '{ours}'"));
            continue;
        }
        if !held.contains_key(&party)
            && let Some(known) = known(&settings, &party)?
        {
            held.insert(party.clone(), known);
        }
        if let Some(known) = held.get(&party) {
            if known.card().signing_key != card.card().signing_key {
                if !args.replace || party == settings.party {
                    refused.push(other_key(&at, &party, "the card that is here", party == settings.party));
                    continue;
                }
            } else if *known == card || !card.supersedes(known) {
                let newest = known.card().serial;
                text.push_str(&format!("{party}: kept card {newest}; {at} has {serial}\n"));
                continue;
            }
        }
        if node::book::lies_ahead(&card).is_some() {
            refused.push(format!(
                "{at}: the card of '{party}' cuts off certificates up to a time in the future: ask it for a new card"
            ));
            continue;
        }
        if !args.replace && contradicts_agreement(&settings, &card) {
            refused.push(other_key(&at, &party, "the agreement", false));
            continue;
        }
        held.insert(party.clone(), card.clone());
        taken.insert(party, card);
    }
    if !refused.is_empty() {
        refused.push("no card was taken in".into());
        return Err(Failure::all(Exit::BadConfiguration, refused));
    }
    for (party, card) in &taken {
        publish(&card_file(&settings.cards, party), &card.to_pem(), Existing::Replace)?;
        text.push_str(&format!("{party}: took in card {}\n{card}\n", card.card().serial));
    }
    say(&text)
}

/// This party's card. Where its directory of cards is new, as in a container, it may be among the files to be taken in; then
/// it has to be of this node's own key.
fn own_card(settings: &Settings, files: &[PathBuf]) -> Result<SignedCard, Failure> {
    let file = card_file(&settings.cards, &settings.party);
    let mut given = files.iter().filter_map(|file| Some((file, read_card(file).ok()?)));
    if !file.exists()
        && let Some((from, card)) = given.find(|(_, card)| card.card().party == settings.party)
    {
        if SigningKey::load(&settings.signing_key)?.public_key() != card.card().signing_key {
            let line = other_key(&from.display(), &settings.party, settings.signing_key.display(), true);
            return Err(Failure::new(Exit::BadConfiguration, line));
        }
        return Ok(card);
    }
    read_card(&file)
}

fn other_key(at: &impl Display, party: &str, than: impl Display, own: bool) -> String {
    let mend = if own {
        "it is this party's own id: somebody else uses it"
    } else {
        "ask the party by telephone; if it is right, add --replace and make a new version of the agreement"
    };
    format!("{at}: the card of '{party}' has another signing key than {than}; {mend}")
}

/// The card of a party that this node holds.
fn known(settings: &Settings, party: &str) -> Result<Option<SignedCard>, Failure> {
    let file = card_file(&settings.cards, party);
    match std::fs::metadata(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => read_card(&file).map(Some),
    }
}

/// Whether the agreement gives this party another key. There may be no agreement yet, or no such party in it.
fn contradicts_agreement(settings: &Settings, card: &SignedCard) -> bool {
    let Ok(loaded) = AgreementFile::load(&settings.agreement) else { return false };
    let Card { party, signing_key, .. } = card.card();
    loaded.agreement.parties().iter().any(|p| p.id == *party && p.signing_key != *signing_key)
}

#[cfg(test)]
mod tests;
