//! `smpcd audit prove` and `smpcd audit check-proof`: that one record is in a log.

use std::io::Write;
use std::path::{Path, PathBuf};

use audit::{HashesError, MAX_PROOF, ProvenRecord, Reader, RecordProof, SignedCheckpoint};
use node::result::write_atomically;
use serde_json::json;

use super::files::{Log, Own, cosigners, log_key, text};
use super::signed::Signed;
use crate::cli::Config;
use crate::commands::say;
use crate::dossier_file::Under;
use crate::exit::{Exit, Failure};

/// Arguments of `smpcd audit prove`.
#[derive(Debug, clap::Args)]
pub(super) struct Prove {
    /// The record's number
    #[arg(value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    seq: u64,
    #[command(flatten)]
    config: Config,
    /// Prove it under this checkpoint, which others may have cosigned, in place of a fresh one
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The file to write, with mode 0600, in place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `smpcd audit check-proof`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckProof {
    /// The proof
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    under: Under,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs `smpcd audit prove`.
pub(super) fn prove(args: &Prove) -> Result<(), Failure> {
    let own = Own::load(&args.config)?;
    let kept = args.checkpoint.as_deref().map(|file| own.checkpoint(file)).transpose()?;
    // Under a checkpoint that is there nothing is signed.
    let signed = if kept.is_none() { Some(Signed::read(&own)?) } else { None };
    let log = Log::open(&own.settings)?;
    let checkpoints = match (&signed, &kept) {
        (Some(signed), _) => signed.checkpoints(),
        (None, kept) => kept.iter().map(SignedCheckpoint::checkpoint).collect(),
    };
    let examined = log.examine(&own.settings.party, &checkpoints)?;
    let continued = signed.as_ref().map(|signed| signed.continued_by(&own, &log, &examined)).transpose()?;
    log.stands(&examined)?;
    let size = kept.as_ref().map_or(examined.records, SignedCheckpoint::size);
    if args.seq > size {
        let what = if kept.is_some() { "the checkpoint covers" } else { "the log has" };
        let line = format!("{}: {what} {size} records, there is none {} in it", log.path.display(), args.seq);
        return Err(Failure::new(Exit::Usage, line));
    }
    if args.seq <= examined.deleted {
        let by = examined.deleted_by.map_or_else(String::new, |by| format!("; record {by} says so"));
        let line = format!(
            "{}: record {} is deleted, as are all up to {} (audit.keep in node.toml{by}): its hash is still in the tree, but \
             what it said is gone, and nothing can be proven of it",
            log.path.display(),
            args.seq,
            examined.deleted
        );
        return Err(Failure::new(Exit::Other, line));
    }
    // An unnamed file: the log's own file of hashes is the daemon's, and a proof is made of any copy.
    let failed = |error: HashesError| Failure::new(Exit::Other, format!("{}: {error}", log.path.display()));
    let scratch = tempfile::tempfile().map_err(|error| log.failed("make a scratch file for", &error))?;
    let hashes = log.whole.hashes(scratch).map_err(failed)?;
    if (hashes.size(), hashes.root()) != (examined.records, examined.root) {
        let line = format!("{}: it was changed while it was read: try again", log.path.display());
        return Err(Failure::new(Exit::Unverified, line));
    }
    let path = hashes.inclusion(args.seq, size).map_err(failed)?;
    let line = line(&log, args.seq)?;
    let checkpoint = match (kept, &continued) {
        (Some(kept), _) => kept,
        (None, Some(continued)) => own.sign(continued)?,
        (None, None) => return Err(Failure::new(Exit::Other, "no checkpoint could be made")),
    };
    let proof = RecordProof::new(line, args.seq, path, &checkpoint).to_text();
    match &args.out {
        Some(file) => write_atomically(file, |out: &mut dyn Write| out.write_all(proof.as_bytes()))
            .map_err(|error| Failure::new(Exit::Other, error)),
        None => say(&proof),
    }
}

fn line(log: &Log, seq: u64) -> Result<String, Failure> {
    let mut reader = Reader::new(log.read()?);
    while let Some(Ok(record)) = reader.next() {
        if record.seq == seq {
            return Ok(reader.text().to_owned());
        }
    }
    let line =
        format!("{}: record {seq} is not there any more: the log was changed while it was read", log.path.display());
    Err(Failure::new(Exit::Unverified, line))
}

/// Runs `smpcd audit check-proof`.
pub(super) fn check(args: &CheckProof) -> Result<(), Failure> {
    let agreement = args.under.load()?;
    let refused = |file: &Path, why: &dyn std::fmt::Display| {
        Failure::new(Exit::Unverified, format!("{}: NOT PROVEN: {why}", file.display()))
    };
    let proof = RecordProof::from_text(&text(&args.file, MAX_PROOF)?).map_err(|error| refused(&args.file, &error))?;
    let claimed = proof.claimed().map_err(|error| refused(&args.file, &error))?;
    let party = agreement.parties().iter().find(|party| log_key(&agreement, party).origin() == claimed.origin);
    let party = party.ok_or_else(|| {
        let why = format!(
            "it is from the log {}, which is no party's of {}; give the agreement that the party is in with --agreement",
            claimed.origin,
            agreement.name()
        );
        refused(&args.file, &why)
    })?;
    let proven = proof.check(&log_key(&agreement, party)).map_err(|error| {
        let why =
            format!("{error}; get the proof anew from {}, and compare agreements: smpcd agreement check", party.id);
        refused(&args.file, &why)
    })?;
    let ProvenRecord { record, checkpoint } = proven;
    let cosigned = cosigners(&agreement, &checkpoint, &args.file)?;
    if args.json {
        let object = json!({
            "proven": true, "party": party.id, "seq": record.seq, "record": record.to_line().text,
            "checkpoint_size": checkpoint.size(), "cosignatures": cosigned, "agreement": agreement.digest().to_string(),
        });
        return say(&object.to_string());
    }
    let mut lines = vec![
        format!("PROVEN: record {} is in the log of {} ({})", record.seq, party.id, party.name),
        format!("  {}", audit::timeline(std::slice::from_ref(&record)).trim()),
        format!("  as written    {}", record.to_line().text),
        format!("  checkpoint    {} records, signed by {}", checkpoint.size(), party.id),
    ];
    lines.extend(cosigned.iter().map(|line| format!("                {line}")));
    lines.push(format!("  agreement     {} version {}, {}", agreement.name(), agreement.version(), agreement.digest()));
    lines.push(format!(
        "This rests on the signature of {}, and on the agreement's word for whose key that is. Not shown: that what the \
         record says is true.",
        party.id
    ));
    say(&lines.join("\n"))
}
