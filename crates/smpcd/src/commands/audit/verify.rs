//! `smpcd audit verify` and `smpcd audit checkpoint`: that the log is what it was.

use std::path::{Path, PathBuf};

use audit::{ChainExamined, Examined, LogFault, SignedCheckpoint};
use base64ct::{Base64, Encoding};
use serde_json::json;

use super::files::{Log, Own, chain, cosigned, cosigners};
use super::signed::Signed;
use crate::cli::Config;
use crate::commands::say;
use crate::exit::{Exit, Failure};

/// Arguments of `smpcd audit verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: Config,
    /// A checkpoint of this log that somebody else has kept, such as `audit/witnessed/PARTY.checkpoint` of a peer: what it
    /// covers can have changed in no byte. May be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The agreement whose keys count, where it is an older one than the node's
    #[arg(long, value_name = "FILE")]
    agreement: Option<PathBuf>,
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

/// A checkpoint that the log is held against.
struct Kept {
    file: PathBuf,
    note: SignedCheckpoint,
    /// Who has cosigned it, each in words.
    cosigners: Vec<String>,
    /// Brought from elsewhere, so that the party cannot have left it out.
    given: bool,
}

/// All that was looked at.
struct Report {
    own: Own,
    log: Log,
    examined: Examined,
    kept: Vec<Kept>,
    /// Files that are of other keys.
    other_keys: Vec<PathBuf>,
    chain: Option<(PathBuf, ChainExamined)>,
}

/// Runs `smpcd audit verify`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let own = Own::load_under(&args.config, args.agreement.as_deref())?;
    let of = |file: &Path, note: SignedCheckpoint, given: bool| {
        let cosigners = cosigners(&own.agreement, &note, file)?;
        Ok::<_, Failure>(Kept { file: file.to_owned(), note, cosigners, given })
    };
    let read = |file: &PathBuf| of(file, own.checkpoint(file)?, true);
    let mut kept = args.checkpoint.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let found = cosigned(&own)?;
    for (file, note) in found.notes {
        kept.push(of(&file, note, false)?);
    }
    let chain = chain(&own)?;
    let log = Log::open(&own.settings)?;
    let last = chain.as_ref().and_then(|(_, chain)| chain.last.as_ref());
    let checkpoints: Vec<_> =
        kept.iter().map(|kept| &kept.note).chain(last).map(SignedCheckpoint::checkpoint).collect();
    let examined = log.examine(&own.settings.party, &checkpoints)?;
    let report = Report { own, log, examined, kept, other_keys: found.other_keys, chain };
    say(&if args.json { report.object() } else { report.words() })?;
    report.stands()
}

impl Report {
    /// Records that the largest checkpoint covers which somebody else has seen.
    fn covered(&self) -> u64 {
        let seen = self.kept.iter().filter(|kept| kept.given || !kept.cosigners.is_empty());
        seen.map(|kept| kept.note.size()).max().unwrap_or(0)
    }

    /// Whether the log is what a checkpoint says.
    fn holds(&self, note: &SignedCheckpoint) -> bool {
        let against = |fault: &LogFault| match fault {
            LogFault::Root { size } | LogFault::Short { size, .. } => *size == note.size(),
            _ => false,
        };
        note.size() <= self.examined.records && !self.examined.faults.iter().any(against)
    }

    fn chain_faults(&self) -> impl Iterator<Item = String> {
        let faults = |(file, chain): &(PathBuf, ChainExamined)| -> Vec<String> {
            chain.faults.iter().map(|fault| format!("{}: {fault}", file.display())).collect()
        };
        self.chain.as_ref().map(faults).unwrap_or_default().into_iter()
    }

    fn stands(&self) -> Result<(), Failure> {
        self.log.stands(&self.examined)?;
        let faults: Vec<String> = self.chain_faults().collect();
        if faults.is_empty() { Ok(()) } else { Err(Failure::all(Exit::Unverified, faults)) }
    }

    fn object(&self) -> String {
        let (own, examined) = (&self.own, &self.examined);
        let steps = examined.clock_steps.iter();
        let steps: Vec<_> =
            steps.map(|step| json!({ "seq": step.seq, "before": step.before, "after": step.after })).collect();
        let faults: Vec<String> =
            examined.faults.iter().map(|fault| self.log.whole.say(fault)).chain(self.chain_faults()).collect();
        let kept = self.kept.iter().map(|kept| {
            json!({
                "file": kept.file,
                "records": kept.note.size(),
                "cosigned": kept.cosigners,
                "holds": self.holds(&kept.note),
            })
        });
        json!({
            "log": self.log.path,
            "origin": own.key.origin(),
            "stands": faults.is_empty(),
            "records": examined.records,
            "deleted": examined.deleted,
            "sealed_files": self.log.whole.sealed(),
            "root": Base64::encode_string(&examined.root.0),
            "covered": self.covered(),
            "checkpoints": kept.collect::<Vec<_>>(),
            "other_keys": self.other_keys,
            "chain": self.chain.as_ref().map(|(_, chain)| chain.links),
            "clock_steps": examined.clock_steps_count,
            "first_clock_steps": steps,
            "faults": faults,
        })
        .to_string()
    }

    fn words(&self) -> String {
        let (own, examined) = (&self.own, &self.examined);
        let mut lines =
            vec![format!("{}: {} records of {}", self.log.path.display(), examined.records, own.settings.party)];
        lines.extend(self.files());
        if let Some((first, last)) = examined.times {
            lines.push(format!("  from          {first} to {last}"));
        }
        lines.push(format!("  root          {}", Base64::encode_string(&examined.root.0)));
        for kept in &self.kept {
            let differs = if self.holds(&kept.note) { "" } else { ": NOT THIS LOG" };
            lines.push(format!("  checkpoint    {}: {} records{differs}", kept.file.display(), kept.note.size()));
            lines.extend(kept.cosigners.iter().map(|line| format!("                {line}")));
        }
        lines.extend(self.other_keys.iter().map(|file| {
            format!(
                "  not checked   {}: it is of keys of another agreement: check it with --agreement and the agreement that was in \
                 force",
                file.display()
            )
        }));
        if let Some((_, chain)) = &self.chain {
            lines.push(match chain.faults.len() {
                0 => format!("  signed        {} checkpoints, each of which continues the one before", chain.links),
                faults => format!(
                    "  signed        NOT AS ONE LOG: {} checkpoints that are good, and {faults} faults",
                    chain.links
                ),
            });
            if chain.other_keys > 0 {
                let others = chain.other_keys;
                lines.push(format!(
                    "                {others} more of other keys: check them with --agreement and the agreement that was in force"
                ));
            }
        }
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
        if examined.faults.is_empty() && self.chain_faults().next().is_none() {
            lines.push(match examined.deleted {
                0 => "Each line is as it is written, and none is missing between the first and the last.".into(),
                deleted => format!(
                    "Each line from record {} on is as it is written, and none is missing up to the last. Whether the \
                     deleted ones were what the tree has of them, only a checkpoint shows.",
                    deleted + 1
                ),
            });
            lines.extend(self.conclusion());
        }
        lines.join("\n")
    }

    /// What is deleted, and in what files the rest is, where there are several.
    fn files(&self) -> Vec<String> {
        let (examined, sealed, mut lines) = (&self.examined, self.log.whole.sealed(), Vec::new());
        if examined.deleted > 0 {
            let by =
                examined.deleted_by.map_or_else(|| "no record says so".into(), |by| format!("record {by} says so"));
            lines.push(format!(
                "  deleted       records 1 to {}: {by}; what is left of them is the root of their tree",
                examined.deleted
            ));
        }
        if sealed > 0 {
            lines.push(format!("  files         {sealed} sealed, and log.jsonl"));
        }
        lines
    }

    /// What is shown, and by whose word.
    fn conclusion(&self) -> Vec<String> {
        let rest = self.examined.records.saturating_sub(self.covered());
        let own_word = format!("No checkpoint covers the last {rest}: they are the party's own word.");
        let elsewhere = "The cosignatures are those that the party has kept itself: it may have left out newer ones. What the \
            others have kept shows more: --checkpoint with their audit/witnessed/PARTY.checkpoint.";
        let mut lines = Vec::new();
        if self.covered() == 0 {
            lines.push("Not shown: that the party itself has not rewritten or cut it. Give a checkpoint that somebody else has \
                        kept with --checkpoint.".to_owned());
            return lines;
        }
        lines.push(if rest == 0 { "The checkpoints cover every record.".to_owned() } else { own_word });
        if !self.kept.iter().any(|kept| kept.given) {
            lines.push(elsewhere.to_owned());
        }
        lines
    }
}

/// Runs `smpcd audit checkpoint`.
pub(super) fn checkpoint(args: &CheckpointArgs) -> Result<(), Failure> {
    let own = Own::load(&args.config)?;
    let signed = Signed::read(&own)?;
    let log = Log::open(&own.settings)?;
    let examined = log.examine(&own.settings.party, &signed.checkpoints())?;
    let continued = signed.continued_by(&own, &log, &examined)?;
    if examined.records == 0 {
        let line = format!("{}: there is no record yet; the daemon writes the first: smpcd run", log.path.display());
        return Err(Failure::new(Exit::Other, line));
    }
    say(&own.sign(&continued)?.to_string())
}
