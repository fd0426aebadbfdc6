//! `smpcd audit pack`: what an auditor needs to know of a round, as one file that proves itself (PROTOCOL 8.7).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use audit::{HashFile, HashesError, Reader, SignedCheckpoint};
use base64ct::{Base64, Encoding};
use node::result::{Place, write_atomically};
use protocol::agreement::disclosure_statement;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wire::dossier::Dossier;

use super::check_pack::{Witnesses, check, rounds};
use super::files::{Log, Own};
use super::signed::Signed;
use crate::agreement_file::text_of;
use crate::cli::Config;
use crate::commands::round::Address;
use crate::commands::say;
use crate::dossier_file::{Kind, bytes_of, verify_bytes};
use crate::exit::{Exit, Failure};

/// What stands first in every pack.
pub(super) const PAGE: &str = include_str!("pack.txt");

/// How the last key of a pack begins.
const SUM: &str = "  \"sha256\": \"";

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
    /// How many records of the log are deleted: the first ones. Never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deleted: Option<u64>,
    pub(super) records: Vec<Entry>,
    /// The bundle of the result, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bundle: Option<String>,
    /// Files of evidence, base64.
    pub(super) evidence: BTreeMap<String, String>,
    /// SHA-256 of the bytes before its own line. It finds damage, also in remarks that mean nothing; it proves nothing.
    pub(super) sha256: String,
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
    // Before the log is opened: a peer may cosign what a running daemon appends meanwhile.
    let signed = Signed::read(&own)?;
    let log = Log::open(&own.settings)?;
    let (records, others) = records(&own, &log, computation, period)?;
    let gone = log.whole.gone();
    let deleted = format!("the records 1 to {gone} are deleted (audit.keep in node.toml)");
    let Some((last, _)) = records.last() else {
        let line = match others {
            0 if gone > 0 => format!("{}: no record of {} is in it, and {deleted}", log.path.display(), args.round),
            0 => format!("{}: no record of {} is in it", log.path.display(), args.round),
            _ => format!(
                "{}: no record of {} is under {}, and {others} are under another agreement: give that one with --agreement",
                log.path.display(),
                args.round,
                own.settings.agreement.display()
            ),
        };
        return Err(Failure::new(Exit::Other, line));
    };
    let (checkpoints, hashes) = checkpoints(&own, &signed, &log, *last)?;
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
        deleted: (gone > 0).then_some(gone),
        records: records.iter().map(proven).collect::<Result<_, _>>()?,
        bundle,
        evidence,
        sha256: String::new(),
    };
    let file = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{computation}-{period}.pack.json")));
    let bytes = pack.bytes()?;
    // What does not check here must not reach an auditor.
    let checked = check(&file, &bytes, Some(&own.agreement))?;
    write_atomically(&file, |out: &mut dyn Write| out.write_all(&bytes))
        .map_err(|error| Failure::new(Exit::Other, error))?;
    let seen = match checked.cosigners() {
        seen if seen.is_empty() => "cosigned by nobody: no peer has seen these records yet".to_owned(),
        seen => seen.join(", "),
    };
    if gone > 0 {
        say(&format!(
            "records 1 to {gone} of the log are deleted (audit.keep): the pack says so, and some of {} may have been among \
                      them",
            args.round
        ))?;
    }
    if others > 0 {
        say(&format!(
            "{others} more records of {} are under another agreement: pack them with that one, --agreement FILE",
            args.round
        ))?;
    }
    say(&format!(
        "{}: {} records of {}, {seen}; check it with: smpcd audit check-pack {}",
        file.display(),
        records.len(),
        args.round,
        file.display()
    ))
}

impl Pack {
    /// Its one spelling, with the sum that belongs to it.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| Failure::new(Exit::Other, error))?;
        // The sum's own line is the last but one.
        let end = bytes.windows(SUM.len()).rposition(|part| part == SUM.as_bytes()).unwrap_or(bytes.len());
        bytes.truncate(end);
        let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        bytes.extend_from_slice(format!("{SUM}{sum}\"\n}}\n").as_bytes());
        Ok(bytes)
    }
}

/// Lines of a log with their numbers, and how many were left out.
type Lines = (Vec<(u64, String)>, u64);

/// The lines of a round under this agreement; and how many there are of rounds of that name under others.
fn records(own: &Own, log: &Log, computation: &str, period: &str) -> Result<Lines, Failure> {
    let ids = rounds(&own.agreement, computation, period).unwrap_or_default();
    let (mut records, mut others) = (Vec::new(), 0);
    let mut reader = Reader::new(log.read()?);
    while let Some(record) = reader.next() {
        let record = match record {
            Ok(record) => record,
            Err(audit::ReadError::Torn { .. }) => break,
            Err(error) => return Err(log.bad(error)),
        };
        match &record.round {
            Some(round) if round.computation.as_str() != computation || round.period.as_str() != period => {}
            Some(round) if ids.contains_key(&round.id.0) => records.push((record.seq, reader.text().to_owned())),
            Some(_) => others += 1,
            None => {}
        }
    }
    Ok((records, others))
}

/// Checkpoints that cover records up to `last`, the smallest first, with the hashes to prove by; a fresh one where no peer has seen
/// them yet.
fn checkpoints(own: &Own, signed: &Signed, log: &Log, last: u64) -> Result<(Vec<SignedCheckpoint>, HashFile), Failure> {
    let mut covering: Vec<SignedCheckpoint> = signed.cosigned().filter(|note| note.size() >= last).cloned().collect();
    covering.sort_by_key(SignedCheckpoint::size);
    let mut witnesses = Witnesses::default();
    covering.retain(|note| witnesses.learn(&own.agreement, note));
    let fresh = covering.is_empty();
    let examined = if fresh {
        log.examine(&own.settings.party, &signed.checkpoints())?
    } else {
        let kept: Vec<_> = covering.iter().map(SignedCheckpoint::checkpoint).collect();
        log.examine(&own.settings.party, &kept)?
    };
    if fresh {
        covering.push(own.sign(&signed.continued_by(own, log, &examined)?)?);
    } else {
        log.stands(&examined)?;
    }
    let failed = |error: HashesError| Failure::new(Exit::Other, format!("{}: {error}", log.path.display()));
    let scratch = tempfile::tempfile().map_err(|error| log.failed("make a scratch file for", &error))?;
    let hashes = log.whole.hashes(scratch).map_err(failed)?;
    Ok((covering, hashes))
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
    let bundle = place.stored_bundle().map(|_| bytes_of(&place.bundle())).transpose()?;
    let bundle = bundle.map(|bytes| Base64::encode_string(&bytes));
    let mut evidence = BTreeMap::new();
    for entry in fs::read_dir(data_dir.join("evidence")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let file = entry.path();
        if !name.ends_with(".bin") || !name.starts_with(&format!("{computation}-{period}-")) {
            continue;
        }
        // A period may begin like another one, and have run under another agreement: the file itself says what it is of.
        // One that says nothing is damaged, and is told of.
        let bytes = bytes_of(&file)?;
        let of_round = |dossier: &Dossier| {
            (&*dossier.computation, &*dossier.period) == (computation, period)
                && dossier.agreement == own.agreement.digest().0
        };
        if Dossier::decode(&bytes).is_ok_and(|dossier| !of_round(&dossier)) {
            continue;
        }
        verify_bytes(&file, &bytes, Kind::Evidence, &own.agreement)?;
        evidence.insert(name, Base64::encode_string(&bytes));
    }
    Ok((bundle, evidence))
}
