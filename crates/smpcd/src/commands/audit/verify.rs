//! `smpcd audit verify` and `smpcd audit checkpoint`: that the log is what it was.

use std::path::PathBuf;

use audit::{Examined, SignedCheckpoint};
use base64ct::{Base64, Encoding};
use serde_json::json;

use super::files::{Log, Own, cosigners};
use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};

/// Arguments of `smpcd audit verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Config,
    /// A checkpoint of this log that somebody else has kept: what it covers can have changed in no byte. May be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Arguments of `smpcd audit checkpoint`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckpointArgs {
    #[command(flatten)]
    config: Config,
}

/// Runs `smpcd audit verify`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let own = Own::load(&args.config)?;
    let kept = args.checkpoint.iter().map(|file| own.checkpoint(file)).collect::<Result<Vec<_>, _>>()?;
    let cosigned = args.checkpoint.iter().zip(&kept);
    let cosigned = cosigned.map(|(file, kept)| cosigners(&own.agreement, kept, file)).collect::<Result<Vec<_>, _>>()?;
    let log = Log::open(&own.settings)?;
    let checkpoints: Vec<_> = kept.iter().map(SignedCheckpoint::checkpoint).collect();
    let examined = log.examine(&own.settings.party, &checkpoints)?;
    if args.json {
        say(&object(&own, &log, &examined, &kept))?;
    } else {
        let given: Vec<String> = args
            .checkpoint
            .iter()
            .zip(&kept)
            .zip(&cosigned)
            .flat_map(|((file, kept), cosigned)| {
                let first = format!("  checkpoint    {}: {} records", file.display(), kept.size());
                [first].into_iter().chain(cosigned.iter().map(|line| format!("                {line}")))
            })
            .collect();
        say(&words(&own, &log, &examined, &given, &kept))?;
    }
    log.stands(&examined)
}

fn object(own: &Own, log: &Log, examined: &Examined, kept: &[SignedCheckpoint]) -> String {
    let steps = examined.clock_steps.iter();
    let steps: Vec<_> =
        steps.map(|step| json!({ "seq": step.seq, "before": step.before, "after": step.after })).collect();
    json!({
        "log": log.path,
        "origin": own.key.origin(),
        "stands": examined.faults.is_empty(),
        "records": examined.records,
        "deleted": examined.deleted,
        "sealed_files": log.whole.sealed(),
        "root": Base64::encode_string(&examined.root.0),
        "covered": covered(kept),
        "clock_steps": examined.clock_steps_count,
        "first_clock_steps": steps,
        "faults": examined.faults.iter().map(|fault| log.whole.say(fault)).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Records that the largest checkpoint covers.
fn covered(kept: &[SignedCheckpoint]) -> u64 {
    kept.iter().map(SignedCheckpoint::size).max().unwrap_or(0)
}

fn words(own: &Own, log: &Log, examined: &Examined, given: &[String], kept: &[SignedCheckpoint]) -> String {
    let mut lines = vec![format!("{}: {} records of {}", log.path.display(), examined.records, own.settings.party)];
    if examined.deleted > 0 {
        let by = examined.deleted_by.map_or_else(|| "no record says so".into(), |by| format!("record {by} says so"));
        lines.push(format!(
            "  deleted       records 1 to {}: {by}; what is left of them is the root of their tree",
            examined.deleted
        ));
    }
    if log.whole.sealed() > 0 {
        lines.push(format!("  files         {} sealed, and log.jsonl", log.whole.sealed()));
    }
    if let Some((first, last)) = examined.times {
        lines.push(format!("  from          {first} to {last}"));
    }
    lines.push(format!("  root          {}", Base64::encode_string(&examined.root.0)));
    lines.extend_from_slice(given);
    for step in &examined.clock_steps {
        lines.push(format!(
            "  clock         went backwards at record {}: {} after {}",
            step.seq, step.after, step.before
        ));
    }
    if examined.clock_steps_count > examined.clock_steps.len() as u64 {
        lines.push(format!("  clock         went backwards {} times in all", examined.clock_steps_count));
    }
    if examined.torn {
        lines.push(
            "  last line     has no end: it is being written, or the daemon was stopped in the middle of it".into(),
        );
    }
    if examined.faults.is_empty() {
        lines.push(match examined.deleted {
            0 => "Each line is as it is written, and none is missing between the first and the last.".into(),
            deleted => format!(
                "Each line from record {} on is as it is written, and none is missing up to the last. Whether the deleted ones \
                 were what the tree has of them, only a checkpoint shows.",
                deleted + 1
            ),
        });
        let rest = examined.records.saturating_sub(covered(kept));
        lines.push(match (kept.is_empty(), rest) {
            (true, _) => "Not shown: that the party itself has not rewritten or cut it. Give a checkpoint that somebody else has \
                          kept with --checkpoint."
                .into(),
            (false, 0) => "The checkpoints cover every record.".into(),
            (false, rest) => format!("No checkpoint covers the last {rest}: they are the party's own word."),
        });
    }
    lines.join("\n")
}

/// Runs `smpcd audit checkpoint`.
pub(super) fn checkpoint(args: &CheckpointArgs) -> Result<(), Failure> {
    let own = Own::load(&args.config)?;
    let log = Log::open(&own.settings)?;
    let examined = log.examine(&own.settings.party, &[])?;
    log.stands(&examined)?;
    if examined.records == 0 {
        let line = format!("{}: there is no record yet; the daemon writes the first: smpcd run", log.path.display());
        return Err(Failure::new(Exit::Other, line));
    }
    say(&own.sign(&log, examined.records, examined.root)?.to_string())
}
