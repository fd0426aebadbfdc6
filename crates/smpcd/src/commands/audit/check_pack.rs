//! `smpcd audit check-pack`: checks what an auditor was given of a round, offline, with nothing else (PROTOCOL 8.7).
//!
//! Assumed of an attacker: it made the file. Its agreement is its word until its digest was compared with what the parties say.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use audit::{DigestOf, Event, LogKey, Record, RecordProof, SignedCheckpoint, check_consistency};
use base64ct::{Base64, Encoding};
use protocol::agreement::{Agreement, AgreementSignature, PartyIndex, disclosure_statement, statement_digest};
use protocol::round::{Proven, Terms};
use serde_json::json;

use super::files::{cosigners, log_key};
use super::pack::{PAGE, Pack, Seen, text};
use crate::agreement_file::AgreementFile;
use crate::commands::say;
use crate::dossier_file::{Kind, verify_bytes};
use crate::exit::{Exit, Failure};

/// Largest pack: a bundle and some evidence of the largest malicious table.
const MAX_PACK: u64 = 256 * 1024 * 1024;
/// Void rounds of one period that a pack may tell of.
const MOST_VOID: u32 = 1_000;

/// Arguments of `smpcd audit check-pack`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The pack
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The agreement as the reader has it: the one in the pack must be the same
    #[arg(long, value_name = "FILE")]
    agreement: Option<PathBuf>,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs `smpcd audit check-pack`.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let own = args.agreement.as_deref().map(AgreementFile::load).transpose()?;
    let mut bytes = Vec::new();
    File::open(&args.file)
        .and_then(|open| open.take(MAX_PACK + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::new(Exit::Other, format!("{}: cannot read it: {error}", args.file.display())))?;
    let checked = check(&args.file, &bytes, own.as_ref().map(|file| &file.agreement))?;
    say(&if args.json { checked.object() } else { checked.words() })
}

/// What a pack shows.
pub(super) struct Checked {
    agreement: Agreement,
    party: String,
    round: String,
    records: Vec<Record>,
    /// Sizes, and who has cosigned, in words.
    checkpoints: Vec<(u64, Vec<String>)>,
    bundle: Option<(Vec<String>, String)>,
    evidence: Vec<String>,
}

/// Checks a pack; `own` is the reader's agreement, where it has one. Exit code 4 with one line where it does not hold.
pub(super) fn check(file: &Path, bytes: &[u8], own: Option<&Agreement>) -> Result<Checked, Failure> {
    let refused = |why: &dyn Display| Failure::new(Exit::Unverified, format!("{}: NOT PROVEN: {why}", file.display()));
    if bytes.len() as u64 > MAX_PACK {
        return Err(refused(&"it is larger than any pack"));
    }
    let pack: Pack = serde_json::from_slice(bytes).map_err(|error| refused(&format!("it is no pack: {error}")))?;
    // Each thing has one spelling, so that nothing can hide in another.
    if pack.bytes()? != bytes || text(&pack.how_to_check) != PAGE {
        return Err(refused(&"it is not spelled as smpcd writes it: it was changed, or another version wrote it"));
    }
    let agreement = terms(file, &pack, own)?;
    let (checkpoints, first, key) = checkpoints(file, &pack, &agreement)?;
    let records = records(&pack, &agreement, &first, &key).map_err(|why| refused(&why))?;
    let round = format!("{}/{}", pack.computation, pack.period);
    let decoded = |base64: &str| Base64::decode_vec(base64).map_err(|_| refused(&"what is not base64"));
    let mut bundle = None;
    if let Some(base64) = &pack.bundle {
        let name = PathBuf::from(format!("{} (bundle)", file.display()));
        match verify_bytes(&name, &decoded(base64)?, Kind::Bundle, &agreement)? {
            Proven::Result(result) if (&result.computation, &result.period) == (&pack.computation, &pack.period) => {
                let digest = result.digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                bundle = Some((result.contributors.clone(), digest));
            }
            _ => return Err(refused(&"its bundle is of another round")),
        }
    }
    let mut evidence = Vec::new();
    for (name, base64) in &pack.evidence {
        let path = PathBuf::from(format!("{} ({name})", file.display()));
        match verify_bytes(&path, &decoded(base64)?, Kind::Evidence, &agreement)? {
            Proven::Fault { round: of, culprit, kind } if of == round => {
                evidence.push(format!("{culprit}: {}", kind.in_words()));
            }
            _ => return Err(refused(&format!("its evidence {name} is of another round"))),
        }
    }
    Ok(Checked { agreement, party: pack.party.clone(), round, records, checkpoints, bundle, evidence })
}

/// The agreement, signed by all, with its statement.
fn terms(file: &Path, pack: &Pack, own: Option<&Agreement>) -> Result<Agreement, Failure> {
    let refused = |why: &dyn Display| Failure::new(Exit::Unverified, format!("{}: NOT PROVEN: {why}", file.display()));
    let name = PathBuf::from(format!("{} (agreement)", file.display()));
    let agreement = AgreementFile::of(&text(&pack.agreement), &name)
        .map_err(|failure| Failure::all(Exit::Unverified, failure.lines))?
        .agreement;
    if own.is_some_and(|own| own.digest() != agreement.digest()) {
        let own = own.map(|own| own.digest().to_string()).unwrap_or_default();
        return Err(refused(&format!("its agreement has the digest {}, yours {own}", agreement.digest())));
    }
    if pack.signatures.len() != agreement.parties().len() {
        return Err(refused(&"it does not have one signature of each party on the agreement"));
    }
    for party in agreement.parties() {
        let armour = pack.signatures.get(&party.id).map(|lines| text(lines));
        let armour = armour.ok_or_else(|| refused(&format!("the signature of {} is missing", party.id)))?;
        let good = AgreementSignature::from_pem(&armour).ok().filter(|signature| {
            signature.party == party.id && signature.verify_for(&agreement).is_ok() && signature.to_pem() == armour
        });
        good.ok_or_else(|| refused(&format!("the signature of {} on the agreement is not good", party.id)))?;
    }
    if text(&pack.disclosure) != disclosure_statement(&agreement) {
        return Err(refused(&"its disclosure statement is not the one that follows from the agreement"));
    }
    Ok(agreement)
}

type Checkpoints = (Vec<(u64, Vec<String>)>, SignedCheckpoint, LogKey);

/// The checkpoints, each with who has cosigned it; and the first one, which the others continue.
fn checkpoints(file: &Path, pack: &Pack, agreement: &Agreement) -> Result<Checkpoints, Failure> {
    let refused = |why: &dyn Display| Failure::new(Exit::Unverified, format!("{}: NOT PROVEN: {why}", file.display()));
    let party = agreement.parties().iter().find(|party| party.id == pack.party);
    let party = party.ok_or_else(|| refused(&format!("{} is no party of the agreement", pack.party)))?;
    let key = log_key(agreement, party);
    let mut first: Option<SignedCheckpoint> = None;
    let mut found = Vec::new();
    for Seen { note, consistency } in &pack.checkpoints {
        let note = text(note);
        let checkpoint = SignedCheckpoint::parse(&note, &key).map_err(|error| refused(&error))?;
        let cosigners = cosigners(agreement, &checkpoint, file)?;
        if checkpoint.signatures() != cosigners.len() + 1 || checkpoint.to_string() != note {
            return Err(refused(&"a checkpoint has signatures of nobody in the agreement"));
        }
        let path = path_of(consistency).ok_or_else(|| refused(&"a proof is damaged"))?;
        let (size, root) = (checkpoint.size(), checkpoint.root());
        let continues = match &first {
            None => path.is_empty(),
            Some(first) if first.size() == size => first.root() == root && path.is_empty(),
            Some(first) => check_consistency(first.size(), first.root(), size, root, &path).is_ok(),
        };
        if !continues {
            return Err(refused(&"a checkpoint does not continue the first one"));
        }
        found.push((size, cosigners));
        first.get_or_insert(checkpoint);
    }
    let first = first.ok_or_else(|| refused(&"it has no checkpoint"))?;
    Ok((found, first, key))
}

/// The records, each in the log and of this very round.
fn records(pack: &Pack, agreement: &Agreement, first: &SignedCheckpoint, key: &LogKey) -> Result<Vec<Record>, String> {
    let me = agreement.party_index(&pack.party).unwrap_or(PartyIndex(0));
    let mut ids = Vec::new();
    let disclosure = statement_digest(&disclosure_statement(agreement)).0;
    let mut records: Vec<Record> = Vec::new();
    for proven in &pack.records {
        let path = path_of(&proven.inclusion).ok_or("a proof is damaged")?;
        let seq = Record::parse(&proven.record).map_err(|error| error.to_string())?.seq;
        let proof = RecordProof::new(proven.record.clone(), seq, path, first);
        let record = proof.check(key).map_err(|error| format!("record {seq}: {error}"))?.record;
        if records.last().is_some_and(|before| before.seq >= seq) {
            return Err(format!("record {seq} is not in its place"));
        }
        let of = record
            .round
            .as_ref()
            .filter(|round| round.computation.as_str() == pack.computation && round.period.as_str() == pack.period);
        let of = of.ok_or_else(|| format!("record {seq} is of another round"))?;
        while !ids.contains(&of.id.0) {
            let v = u32::try_from(ids.len()).ok().filter(|v| *v < MOST_VOID);
            let terms = v.and_then(|v| Terms::new(agreement, &pack.computation, &pack.period, v, me).ok());
            let terms = terms.ok_or_else(|| format!("record {seq} is of a round that is not under this agreement"))?;
            ids.push(terms.round().0);
        }
        let shown = record.digests.get(&DigestOf::Disclosure);
        if matches!(record.event, Event::ApprovalGiven { .. }) && shown.is_some_and(|shown| shown.0 != disclosure) {
            return Err(format!("record {seq}: what was approved is another disclosure statement"));
        }
        records.push(record);
    }
    if records.is_empty() { Err("it has no record".to_owned()) } else { Ok(records) }
}

fn path_of(hashes: &[String]) -> Option<audit::Path> {
    hashes.iter().map(|hash| Base64::decode_vec(hash).ok()?.try_into().ok()).collect()
}

impl Checked {
    fn object(&self) -> String {
        json!({
            "proven": true,
            "party": self.party,
            "round": self.round,
            "agreement": self.agreement.digest().to_string(),
            "records": self.records.iter().map(|record| record.seq).collect::<Vec<_>>(),
            "checkpoints": self.checkpoints.iter().map(|(size, by)| json!({ "records": size, "cosigned": by })).collect::<Vec<_>>(),
            "contributors": self.bundle.as_ref().map(|(contributors, _)| contributors),
            "digest": self.bundle.as_ref().map(|(_, digest)| format!("sha256:{digest}")),
            "evidence": self.evidence,
        })
        .to_string()
    }

    fn words(&self) -> String {
        let (agreement, parties) = (&self.agreement, self.agreement.parties().len());
        let mut lines = vec![
            format!("PROVEN: {} records about {} are in the log of {}", self.records.len(), self.round, self.party),
            format!("  agreement     {} version {}, {}", agreement.name(), agreement.version(), agreement.digest()),
            format!("                signed by all {parties} parties; compare this digest with what they say"),
            "  disclosure    the statement is the one that follows from the agreement, and what was approved"
                .to_owned(),
        ];
        for (size, cosigners) in &self.checkpoints {
            lines.push(format!("  checkpoint    {size} records"));
            lines.extend(cosigners.iter().map(|line| format!("                {line}")));
        }
        if self.checkpoints.iter().all(|(_, cosigners)| cosigners.is_empty()) {
            lines.push(format!(
                "                cosigned by nobody: that the log was not rewritten is the word of {}",
                self.party
            ));
        }
        match &self.bundle {
            Some((contributors, digest)) => lines.push(format!(
                "  bundle        verified: contributors {}; result digest sha256:{digest}",
                contributors.join(", ")
            )),
            None => lines.push("  bundle        none: the result is the parties' word".to_owned()),
        }
        lines.extend(self.evidence.iter().map(|what| format!("  evidence      PROVEN: {what}")));
        lines.extend(audit::timeline(&self.records).lines().map(|line| format!("  {line}")));
        lines.push(
            "Not shown: that no record was left out (ask for the log: smpcd audit verify), nor that what they say is true."
                .to_owned(),
        );
        lines.join("\n")
    }
}
