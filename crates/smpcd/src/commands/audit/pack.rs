//! `smpcd audit pack`: what an auditor needs to know of a round, as one file that proves itself (PROTOCOL 8.7).

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use audit::{HashFile, HashesError, Reader, SignedCheckpoint};
use base64ct::{Base64, Encoding};
use node::result::{Place, write_atomically};
use protocol::agreement::disclosure_statement;
use protocol::round::Proven;
use serde::{Deserialize, Serialize};

use super::files::{Log, Own, cosigned};
use crate::agreement_file::text_of;
use crate::cli::Config;
use crate::commands::round::Address;
use crate::commands::say;
use crate::dossier_file::{Kind, verify};
use crate::exit::{Exit, Failure};

/// What stands first in every pack.
pub(super) const PAGE: &str = include_str!("pack.txt");

/// Arguments of `smpcd audit pack`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The round: COMPUTATION/PERIOD
    round: Address,
    #[command(flatten)]
    config: Config,
    /// The agreement that the round ran under, where it is an older one than the node's
    #[arg(long, value_name = "FILE")]
    agreement: Option<PathBuf>,
    /// The file to write, with mode 0600; without it COMPUTATION-PERIOD.pack.json
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A pack. Its JSON has one spelling.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pack {
    pub(super) how_to_check: Vec<String>,
    pub(super) party: String,
    pub(super) computation: String,
    pub(super) period: String,
    /// The agreement as its file.
    pub(super) agreement: Vec<String>,
    /// Each party's signature on it, in armour.
    pub(super) signatures: BTreeMap<String, Vec<String>>,
    /// What people were shown before they signed and approved.
    pub(super) disclosure: Vec<String>,
    /// The first one covers all records; each other continues it.
    pub(super) checkpoints: Vec<Seen>,
    pub(super) records: Vec<Entry>,
    /// The bundle of the result, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bundle: Option<String>,
    /// Files of evidence, base64.
    pub(super) evidence: BTreeMap<String, String>,
}

/// A checkpoint, and that it continues the first one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    pub(super) note: Vec<String>,
    pub(super) consistency: Vec<String>,
}

/// A record, and that it is in the log.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) record: String,
    pub(super) inclusion: Vec<String>,
}

/// A text as its lines; the last line has its end too.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

pub(super) fn text(lines: &[String]) -> String {
    lines.join("\n")
}

fn path(hashes: &audit::Path) -> Vec<String> {
    hashes.iter().map(|hash| Base64::encode_string(hash)).collect()
}

/// Runs `smpcd audit pack`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let own = Own::load_under(&args.config, args.agreement.as_deref())?;
    let Address { computation, period } = &args.round;
    let log = Log::open(&own.settings)?;
    let records = records(&log, computation, period)?;
    let Some((last, _)) = records.last() else {
        let line = format!("{}: no record of {} is in it", log.path.display(), args.round);
        return Err(Failure::new(Exit::Other, line));
    };
    let (checkpoints, hashes, seen) = checkpoints(&own, &log, *last)?;
    let failed = |error: HashesError| Failure::new(Exit::Other, format!("{}: {error}", log.path.display()));
    let (Some(first), size) = (checkpoints.first(), checkpoints.first().map_or(0, SignedCheckpoint::size)) else {
        return Err(Failure::new(Exit::Other, "no checkpoint could be made"));
    };
    let continues = |note: &SignedCheckpoint| {
        let consistency =
            if note.size() == size { Vec::new() } else { hashes.consistency(size, note.size()).map_err(failed)? };
        Ok::<_, Failure>(Seen { note: lines(&note.to_string()), consistency: path(&consistency) })
    };
    let proven = |(seq, line): &(u64, String)| {
        let inclusion = hashes.inclusion(*seq, first.size()).map_err(failed)?;
        Ok::<_, Failure>(Entry { record: line.clone(), inclusion: path(&inclusion) })
    };
    let (bundle, evidence) = papers(&own, computation, period)?;
    let pack = Pack {
        how_to_check: lines(PAGE),
        party: own.settings.party.clone(),
        computation: computation.clone(),
        period: period.clone(),
        agreement: lines(&text_of(&own.settings.agreement)?),
        signatures: signatures(&own)?,
        disclosure: lines(&disclosure_statement(&own.agreement)),
        checkpoints: checkpoints.iter().map(continues).collect::<Result<_, _>>()?,
        records: records.iter().map(proven).collect::<Result<_, _>>()?,
        bundle,
        evidence,
    };
    let file = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{computation}-{period}.pack.json")));
    let bytes = pack.bytes()?;
    // What does not check here must not reach an auditor.
    super::check_pack::check(&file, &bytes, Some(&own.agreement))?;
    write_atomically(&file, |out: &mut dyn Write| out.write_all(&bytes))
        .map_err(|error| Failure::new(Exit::Other, error))?;
    let seen = if seen.is_empty() { "nobody: no peer has seen these records yet".to_owned() } else { seen.join(", ") };
    say(&format!(
        "{}: {} records of {}, cosigned by {seen}; check it with: smpcd audit check-pack {}",
        file.display(),
        records.len(),
        args.round,
        file.display()
    ))
}

impl Pack {
    /// Its one spelling.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| Failure::new(Exit::Other, error))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The lines of a round, with their numbers.
fn records(log: &Log, computation: &str, period: &str) -> Result<Vec<(u64, String)>, Failure> {
    let mut records = Vec::new();
    let mut reader = Reader::new(log.read()?);
    while let Some(record) = reader.next() {
        let record = match record {
            Ok(record) => record,
            Err(audit::ReadError::Torn { .. }) => break,
            Err(error) => return Err(log.bad(error)),
        };
        let of = |round: &audit::RoundRef| round.computation.as_str() == computation && round.period.as_str() == period;
        if record.round.as_ref().is_some_and(of) {
            records.push((record.seq, reader.text().to_owned()));
        }
    }
    Ok(records)
}

/// Checkpoints that cover records up to `last`, the smallest first, with the hashes to prove by and who has cosigned; a fresh one
/// where no peer has seen them yet.
fn checkpoints(own: &Own, log: &Log, last: u64) -> Result<(Vec<SignedCheckpoint>, HashFile, Vec<String>), Failure> {
    let mut covering: Vec<SignedCheckpoint> = Vec::new();
    let mut seen = Vec::new();
    for file in cosigned(own)? {
        let note = own.checkpoint(&file)?;
        if note.size() >= last {
            covering.push(note);
            seen.extend(file.file_stem().map(|party| party.to_string_lossy().into_owned()));
        }
    }
    covering.sort_by_key(SignedCheckpoint::size);
    let kept: Vec<_> = covering.iter().map(SignedCheckpoint::checkpoint).collect();
    let examined = log.examine(&own.settings.party, &kept)?;
    log.stands(&examined)?;
    let failed = |error: HashesError| Failure::new(Exit::Other, format!("{}: {error}", log.path.display()));
    let scratch = tempfile::tempfile().map_err(|error| log.failed("make a scratch file for", &error))?;
    let hashes = log.whole.hashes(scratch).map_err(failed)?;
    if covering.is_empty() {
        covering.push(own.sign(log, examined.records, examined.root)?);
    }
    Ok((covering, hashes, seen))
}

fn signatures(own: &Own) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut signatures = BTreeMap::new();
    for party in own.agreement.parties() {
        let file = own.settings.signatures.join(format!("{}.sig", party.id));
        let text = fs::read_to_string(&file).map_err(|error| {
            let line = format!("{}: cannot read the signature of {}: {error}", file.display(), party.id);
            Failure::new(Exit::Other, line)
        })?;
        let signature = protocol::agreement::AgreementSignature::from_pem(&text)
            .map_err(|error| Failure::new(Exit::Unverified, format!("{}: {error}", file.display())))?;
        signatures.insert(party.id.clone(), lines(&signature.to_pem()));
    }
    Ok(signatures)
}

/// The bundle and the evidence of a round, where there are any.
fn papers(own: &Own, computation: &str, period: &str) -> Result<(Option<String>, BTreeMap<String, String>), Failure> {
    let data_dir = &own.settings.data_dir;
    let place = Place::new(data_dir, computation, period).map_err(|error| Failure::new(Exit::Other, error))?;
    let read = |file: &Path| match fs::read(file) {
        Ok(bytes) => Ok(Some(Base64::encode_string(&bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(Exit::Other, format!("{}: cannot read it: {error}", file.display()))),
    };
    let bundle = read(&place.bundle())?;
    let mut evidence = BTreeMap::new();
    for entry in fs::read_dir(data_dir.join("evidence")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let file = entry.path();
        if !name.ends_with(".bin") || !name.starts_with(&format!("{computation}-{period}-")) {
            continue;
        }
        // A period may begin like another one: the file itself says what it is of.
        let proven = verify(&file, Kind::Evidence, &own.agreement)?;
        let of = format!("{computation}/{period}");
        if matches!(proven, Proven::Fault { round, .. } if round == of)
            && let Some(bytes) = read(&file)?
        {
            evidence.insert(name, bytes);
        }
    }
    Ok((bundle, evidence))
}
