//! A demo in which the last party cheats: how it is found, named, and shown to anybody.
//!
//! The cheater is played by this program, with that party's own keys over real links. `smpcd run` cannot cheat.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use comfy_table::Table;
use node::status::RoundStatus;
use protocol::agreement::{Agreement, SharingDraft};
use protocol::round::Proven;
use serde_json::{Value, json};
use testkit::traitor::{Cheat, Cheater, Papers, Traitor};

use super::daemons::{Daemons, Party};
use crate::agreement_file::AgreementFile;
use crate::dossier_file::{Kind, verify};
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::keys::{SigningKey, identity};
use crate::node_file::NodeFile;

/// How long evidence may take to reach the last honest party, once the round has ended everywhere.
const EVIDENCE_TIME: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// `--cheat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheatArg {
    /// It deals one party a share that is not the one it has committed to
    Dealer,
    /// It deals a figure beyond the agreed bounds, with a false proof
    Bounds,
    /// It publishes a partial sum that is one off
    Partial,
    /// It signs one header for one party and another for the others
    Equivocate,
}

impl CheatArg {
    fn cheat(self) -> Cheat {
        match self {
            Self::Dealer => Cheat::Dealer,
            Self::Bounds => Cheat::Bounds,
            Self::Partial => Cheat::Partial,
            Self::Equivocate => Cheat::Equivocate,
        }
    }

    /// What the cheater does, after its name.
    fn in_words(self) -> &'static str {
        match self {
            Self::Dealer => {
                "deals p1 a share that is not the one it has committed to, under a header that says otherwise"
            }
            Self::Bounds => "deals a figure beyond the agreed maximum, with the range proof of another figure",
            Self::Partial => "publishes a partial sum that is one penny off, and announces it as good",
            Self::Equivocate => "signs one header of its dealing for p1 and another one for the others",
        }
    }
}

/// The parties that it takes to go on without one of them, where shares are redundant: n = 3t + 1.
pub(super) fn parties(sharing: &SharingDraft) -> u16 {
    match sharing {
        SharingDraft::Shamir { threshold: Some(k) } => u16::try_from(3 * (k - 1) + 1).unwrap_or(4).max(3),
        _ => 3,
    }
}

/// Starts the cheater in the place of a party.
pub(super) fn start(home: &Home, cheat: CheatArg) -> Result<Traitor, Failure> {
    let settings = NodeFile::load(&home.node_file())?.settings;
    let agreement = AgreementFile::load(&settings.agreement)?.agreement;
    let signer = Box::new(SigningKey::load(&settings.signing_key)?);
    let identity = identity(&settings)?;
    let papers = Papers { settings, agreement, identity, signer };
    Traitor::start(papers, Cheater(cheat.cheat())).map_err(|error| Failure::new(Exit::Other, error))
}

/// Waits until every honest party has named somebody, and gives what each knows then.
pub(super) fn named(daemons: &Daemons, computation: &str, period: &str) -> Result<Vec<RoundStatus>, Failure> {
    let until = Instant::now() + EVIDENCE_TIME;
    loop {
        let known = daemons.rounds(computation, period)?;
        if Instant::now() >= until || known.iter().all(|status| !status.culprits.is_empty()) {
            return Ok(known);
        }
        std::thread::sleep(PAUSE);
    }
}

/// What the evidence files show.
pub(super) struct Found {
    /// The files, relative to the demo's directory, in the order of the parties.
    evidence: Vec<String>,
    culprit: String,
    fault: &'static str,
    what: &'static str,
}

/// Checks the evidence of every honest party as anybody could: under the agreement and with nothing else.
pub(super) fn evidence(
    folder: &Path,
    agreement: &Agreement,
    parties: &[Party],
    cheater: &str,
    cheat: CheatArg,
) -> Result<Found, Failure> {
    let expected = cheat.cheat().fault();
    let mut paths = Vec::new();
    for party in parties {
        let files = files(&party.data_dir.join("evidence"));
        let mut shown = false;
        for file in files {
            match verify(&file, Kind::Evidence, agreement)? {
                Proven::Fault { culprit, kind, .. } if culprit == cheater => shown |= kind == expected,
                Proven::Fault { culprit, .. } => {
                    let line = format!("{}: it names {culprit}, which is honest", file.display());
                    return Err(Failure::new(Exit::Other, line));
                }
                // Asked for evidence, it gives nothing else.
                Proven::Result(_) => {}
            }
            paths.push(file.strip_prefix(folder).unwrap_or(&file).display().to_string());
        }
        if !shown {
            let line = format!("{}: it kept no evidence that {cheater} cheated ({})", party.id, expected.name());
            return Err(Failure::new(Exit::Other, line));
        }
    }
    Ok(Found { evidence: paths, culprit: cheater.to_owned(), fault: expected.name(), what: expected.in_words() })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|p| p.extension() == Some("bin".as_ref())).collect();
    files.sort();
    files
}

/// What a person sees, before the tables of a result or in their place.
pub(super) fn text(found: &Found, cheat: CheatArg, ended: &[RoundStatus], parties: &[Party], kept: bool) -> String {
    let Found { evidence, culprit, what, fault } = found;
    let mut table: Table = super::tables::table(&["party", "its round", "whom it names, and why"]);
    for (party, status) in parties.iter().zip(ended) {
        let named: Vec<String> = status.culprits.iter().map(|(who, what)| format!("{who}: {what}")).collect();
        table.add_row([party.id.clone(), status.status.clone(), named.join("; ")]);
    }
    let stay = if kept { "" } else { " (with --dir DIR they stay)" };
    let files: String = evidence.iter().map(|file| format!("  {file}\n")).collect();
    let file = evidence.first().map_or("FILE", String::as_str);
    format!(
        "{culprit} cheats: it {}.\n\n\
         What every honest party found by itself:\n{table}\n\n\
         The evidence that each of them keeps{stay}:\n{files}\n\
         Each file was checked here as anybody can, with the agreement and nothing else.\n\
         It shows of {culprit}: {what} ({fault}). Again:\n  \
         smpcd evidence verify {file} --agreement agreement.toml\n",
        cheat.in_words()
    )
}

/// Why there is no result, for people.
pub(super) fn ending(status: &RoundStatus, cheat: Option<CheatArg>) -> String {
    let reason = status.reason.as_deref().unwrap_or("no reason is known");
    // PROTOCOL 5.6: it has every good partial sum, its own too.
    let known = match (cheat, status.culprits.first()) {
        (Some(CheatArg::Partial), Some((who, _))) => {
            format!("No honest party has a total; {who} has every good partial sum, so it knows the total itself.\n")
        }
        _ => "Nobody has learnt a total.\n".to_owned(),
    };
    format!(
        "The round ended without a result: {reason}.\n{known}\
         Where shares are redundant the honest parties go on: try --sharing shamir:2."
    )
}

/// What is added to the JSON object.
pub(super) fn json(found: &Found) -> Vec<(&'static str, Value)> {
    vec![("culprit", json!(found.culprit)), ("fault", json!(found.fault)), ("evidence", json!(found.evidence))]
}
