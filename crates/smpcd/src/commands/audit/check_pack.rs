//! `smpcd audit check-pack`: checks what an auditor was given of a round, offline, with nothing else (PROTOCOL 8.7).
//!
//! Assumed of an attacker: it made the file. Its agreement is its word until its digest was compared with what the parties say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use audit::{
    Approver, DigestOf, Event, LogKey, Name, NoteError, Record, RecordProof, SignedCheckpoint, Text, check_consistency,
};
use base64ct::{Base64, Encoding};
use protocol::agreement::{Agreement, AgreementSignature, disclosure_statement, statement_digest};
use protocol::round::{Proven, VerifiedResult};
use serde_json::json;
use wire::RoundId;
use wire::dossier::Dossier;

use super::files::{cosigners, log_key, others};
use super::pack::{PAGE, Pack, Seen, text};
use crate::agreement_file::AgreementFile;
use crate::commands::say;
use crate::dossier_file::{Kind, verify_bytes};
use crate::exit::{Exit, Failure};

/// Largest pack: a bundle and some evidence of the largest malicious table.
const MAX_PACK: u64 = 256 * 1024 * 1024;
/// Void rounds of one period that a pack may tell of.
const MOST_VOID: u32 = 1_000;

/// Lines of a pack: the agreement with the most row labels, and the records of a round with a thousand parties.
const MAX_LINES: usize = 1 << 20;
/// Quotes of a line: around a key and around its value.
const MAX_QUOTES: usize = 4;
const SPELLING: &str =
    "it is not spelled as smpcd writes it, or not what its sha256 is of: it was changed, or another version wrote it";

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

/// The ids of a period's rounds under an agreement, with their v (PROTOCOL 1.2); none where it has no such period.
pub(super) fn rounds(agreement: &Agreement, computation: &str, period: &str) -> Option<BTreeMap<[u8; 32], u32>> {
    agreement.computation(computation)?.calendar.period(period).ok()?;
    let id = |v| RoundId::of(&agreement.digest().0, computation, period, v).0;
    Some((0..MOST_VOID).map(|v| (id(v), v)).collect())
}

/// What a pack shows.
pub(super) struct Checked {
    agreement: Agreement,
    party: String,
    round: String,
    records: Vec<Record>,
    /// v of each round that they are of, with its id.
    rounds: BTreeMap<u32, String>,
    /// Sizes, and who has cosigned, in words.
    checkpoints: Vec<(u64, Vec<String>)>,
    /// How many records of the log are deleted, by the party's word.
    deleted: u64,
    bundle: Option<(Vec<String>, String)>,
    evidence: Vec<String>,
}

/// Checks a pack; `own` is the reader's agreement, where it has one. Exit code 4 with one line where it does not hold.
pub(super) fn check(file: &Path, bytes: &[u8], own: Option<&Agreement>) -> Result<Checked, Failure> {
    // What is said of a bad pack may quote it, and whoever made it shall not write on the reader's terminal.
    examined(file, bytes, own)
        .map_err(|failure| Failure::all(failure.exit, failure.lines.iter().map(|line| Text::of(line))))
}

fn examined(file: &Path, bytes: &[u8], own: Option<&Agreement>) -> Result<Checked, Failure> {
    let refused = |why: &dyn Display| Failure::new(Exit::Unverified, format!("{}: NOT PROVEN: {why}", file.display()));
    if bytes.len() as u64 > MAX_PACK {
        return Err(refused(&"it is larger than any pack"));
    }
    if !has_shape(bytes) {
        return Err(refused(&SPELLING));
    }
    let pack: Pack = serde_json::from_slice(bytes).map_err(|error| refused(&format!("it is no pack: {error}")))?;
    // Each thing has one spelling, so that nothing can hide in another.
    if pack.bytes()? != bytes || text(&pack.how_to_check) != PAGE || pack.deleted == Some(0) {
        return Err(refused(&SPELLING));
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
                fits(&pack, &result, &records).map_err(|why| refused(&why))?;
                let digest = result.digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                bundle = Some((result.contributors.clone(), digest));
            }
            _ => return Err(refused(&"its bundle is of another round")),
        }
    }
    let mut evidence = Vec::new();
    for (name, base64) in &pack.evidence {
        let path = PathBuf::from(format!("{} ({name})", file.display()));
        let bytes = decoded(base64)?;
        match verify_bytes(&path, &bytes, Kind::Evidence, &agreement)? {
            Proven::Fault { round: of, culprit, kind } if of == round => {
                let voided = Dossier::decode(&bytes).map_or(0, |dossier| dossier.voided);
                let v = if voided > 0 { format!("-v{voided}") } else { String::new() };
                if *name != format!("{}-{}{v}-{culprit}-{}.bin", pack.computation, pack.period, kind.name()) {
                    return Err(refused(&format!("its evidence {name} has not the name that belongs to it")));
                }
                evidence.push(format!("{culprit}: {}", kind.in_words()));
            }
            _ => return Err(refused(&format!("its evidence {name} is of another round"))),
        }
    }
    let known = rounds(&agreement, &pack.computation, &pack.period).unwrap_or_default();
    let of = records.iter().filter_map(|record| record.round.as_ref());
    let rounds = of.filter_map(|round| Some((*known.get(&round.id.0)?, round.id.to_string()))).collect();
    let deleted = pack.deleted.unwrap_or(0);
    Ok(Checked { agreement, party: pack.party, round, records, rounds, checkpoints, deleted, bundle, evidence })
}

/// Whether it may be spelled as a pack, by a look at its lines alone. So what is read of it takes little more memory than its bytes: a
/// file of nothing but empty strings would take ten times as much.
fn has_shape(bytes: &[u8]) -> bool {
    let quotes = |line: &[u8]| {
        let mut escaped = false;
        let quote = |byte: &&u8| {
            let counts = **byte == b'"' && !escaped;
            escaped = **byte == b'\\' && !escaped;
            counts
        };
        line.iter().filter(quote).count()
    };
    let mut lines = 0;
    bytes.split(|byte| *byte == b'\n').all(|line| {
        lines += 1;
        lines <= MAX_LINES && quotes(line) <= MAX_QUOTES
    })
}

/// Whether a bundle is this party's, of a round of these records, and has the contributors that they have.
fn fits(pack: &Pack, result: &VerifiedResult, records: &[Record]) -> Result<(), String> {
    let of_round = |record: &&Record| record.round.as_ref().is_some_and(|round| round.id.0 == result.round);
    if result.by != pack.party {
        return Err(format!("its bundle was made by {}", result.by));
    }
    if !records.iter().any(|record| of_round(&record)) {
        return Err("its bundle is of a round that no record is of".to_owned());
    }
    for record in records.iter().filter(of_round) {
        let (Event::RoundCertified { contributors, .. } | Event::ResultReleased { contributors }) = &record.event
        else {
            continue;
        };
        let recorded: BTreeSet<&str> = contributors.iter().map(Name::as_str).collect();
        if recorded != result.contributors.iter().map(String::as_str).collect() {
            return Err(format!("its bundle has other contributors than record {}", record.seq));
        }
    }
    Ok(())
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

/// Who has cosigned several checkpoints, by their sizes.
#[derive(Default)]
pub(super) struct Witnesses(BTreeMap<u64, BTreeSet<String>>);

impl Witnesses {
    /// Adds a checkpoint; false where it shows nothing that those before it have not shown.
    pub(super) fn learn(&mut self, agreement: &Agreement, checkpoint: &SignedCheckpoint) -> bool {
        let sizes = self.0.len();
        let of_size = self.0.entry(checkpoint.size()).or_default();
        let known = of_size.len();
        let by =
            others(agreement, checkpoint).filter(|party| checkpoint.cosigned_by(&log_key(agreement, party)).is_ok());
        of_size.extend(by.map(|party| party.id.clone()));
        of_size.len() > known || self.0.len() > sizes
    }
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
    let mut witnesses = Witnesses::default();
    for Seen { note, consistency } in &pack.checkpoints {
        let note = text(note);
        let checkpoint = SignedCheckpoint::parse(&note, &key).map_err(|error| refused(&error))?;
        let cosigners = cosigners(agreement, &checkpoint, file)?;
        // A party's own word for its own log would look like that of one more witness.
        if !matches!(checkpoint.cosigned_by(&key), Err(NoteError::Unsigned(_))) {
            return Err(refused(&format!("a checkpoint is cosigned by {} itself, which shows nothing", pack.party)));
        }
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
        if !witnesses.learn(agreement, &checkpoint) {
            return Err(refused(&"a checkpoint is repeated: it shows nothing that those before it do not show"));
        }
        found.push((size, cosigners));
        first.get_or_insert(checkpoint);
    }
    let first = first.ok_or_else(|| refused(&"it has no checkpoint"))?;
    Ok((found, first, key))
}

/// The records, each in the log and of this very round.
fn records(pack: &Pack, agreement: &Agreement, first: &SignedCheckpoint, key: &LogKey) -> Result<Vec<Record>, String> {
    let ids = rounds(agreement, &pack.computation, &pack.period);
    let ids = ids.ok_or_else(|| format!("the agreement has no round {}/{}", pack.computation, pack.period))?;
    let disclosure = statement_digest(&disclosure_statement(agreement)).0;
    let mut records: Vec<Record> = Vec::new();
    for proven in &pack.records {
        let path = path_of(&proven.inclusion).ok_or("a proof is damaged")?;
        let seq = Record::parse(&proven.record).map_err(|error| error.to_string())?.seq;
        let proof = RecordProof::new(proven.record.clone(), seq, path, first);
        let record = proof.check(key).map_err(|error| format!("record {seq}: {error}"))?.record;
        if pack.deleted.is_some_and(|deleted| seq <= deleted) {
            return Err(format!("record {seq} is in it, and it says that it is deleted"));
        }
        if records.last().is_some_and(|before| before.seq >= seq) {
            return Err(format!("record {seq} is not in its place"));
        }
        let of = record
            .round
            .as_ref()
            .filter(|round| round.computation.as_str() == pack.computation && round.period.as_str() == pack.period);
        let of = of.ok_or_else(|| format!("record {seq} is of another round"))?;
        if !ids.contains_key(&of.id.0) {
            return Err(format!("record {seq} is of a round that is not under this agreement"));
        }
        // An approval names both; one that does not is no approval of this.
        let is = |of, digest: [u8; 32]| record.digests.get(&of).map(|found| found.0) == Some(digest);
        if matches!(record.event, Event::ApprovalGiven { .. }) {
            if !is(DigestOf::Disclosure, disclosure) {
                return Err(format!("record {seq}: what was approved is another disclosure statement"));
            }
            if !is(DigestOf::Agreement, agreement.digest().0) {
                return Err(format!("record {seq}: what was approved is another agreement"));
            }
        }
        records.push(record);
    }
    if records.is_empty() { Err("it has no record".to_owned()) } else { Ok(records) }
}

fn path_of(hashes: &[String]) -> Option<audit::Path> {
    hashes.iter().map(|hash| Base64::decode_vec(hash).ok()?.try_into().ok()).collect()
}

fn listed(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

impl Checked {
    /// Who has cosigned, each in words.
    pub(super) fn cosigners(&self) -> Vec<&str> {
        self.checkpoints.iter().flat_map(|(_, cosigners)| cosigners).map(String::as_str).collect()
    }

    fn object(&self) -> String {
        json!({
            "proven": true,
            "party": self.party,
            "round": self.round,
            "v": self.rounds.keys().collect::<Vec<_>>(),
            "agreement": self.agreement.digest().to_string(),
            "records": self.records.iter().map(|record| record.seq).collect::<Vec<_>>(),
            "checkpoints": self.checkpoints.iter().map(|(size, by)| json!({ "records": size, "cosigned": by })).collect::<Vec<_>>(),
            "deleted": self.deleted,
            "contributors": self.bundle.as_ref().map(|(contributors, _)| contributors),
            "digest": self.bundle.as_ref().map(|(_, digest)| format!("sha256:{digest}")),
            "evidence": self.evidence,
        })
        .to_string()
    }

    /// What the records say of consent, contributors and the end.
    fn decisions(&self) -> Vec<String> {
        let mut said = Vec::new();
        let mut ended = false;
        for Record { seq, event, .. } in &self.records {
            let what = match event {
                Event::ApprovalGiven { approver: Approver::Auto, .. } => {
                    "approved by the policy of its node, with this agreement and this statement".to_owned()
                }
                Event::ApprovalGiven { approver: Approver::Person(name), .. } => {
                    format!("approved by {name}, who was shown this agreement and this statement")
                }
                Event::DeclineSent { reason } => format!("declined: {reason}"),
                Event::RoundCertified { contributors, .. } => format!("the contributors are {}", listed(contributors)),
                Event::ResultReleased { .. } => "the result is there".to_owned(),
                Event::RoundAbandoned { reason } => format!("given up: {reason}"),
                Event::RoundVoid => "proven void: nothing of it can open".to_owned(),
                _ => continue,
            };
            ended |= matches!(event, Event::ResultReleased { .. } | Event::RoundAbandoned { .. } | Event::RoundVoid);
            said.push(format!("{what} (record {seq})"));
        }
        if !self.records.iter().any(|record| matches!(record.event, Event::ApprovalGiven { .. })) {
            said.push("nothing of an approval".to_owned());
        }
        if !ended {
            said.push("neither that the result came to this party nor that the round was given up".to_owned());
        }
        said
    }

    fn words(&self) -> String {
        let (agreement, parties) = (&self.agreement, self.agreement.parties().len());
        let mut lines = vec![
            format!(
                "PROVEN: {} records about {}, of numbers {} to {}, are in the log of {}",
                self.records.len(),
                self.round,
                self.records.first().map_or(0, |record| record.seq),
                self.records.last().map_or(0, |record| record.seq),
                self.party
            ),
            format!("  agreement     {} version {}, {}", agreement.name(), agreement.version(), agreement.digest()),
            format!("                signed by all {parties} parties; compare this digest with what they say"),
            "  disclosure    the statement is the one that follows from the agreement".to_owned(),
        ];
        lines.extend(self.rounds.iter().map(|(v, id)| format!("  round         {id}, v = {v}")));
        for (number, what) in (0..).zip(self.decisions()) {
            lines.push(format!("  {:<13} {what}", if number == 0 { "it says" } else { "" }));
        }
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
        if self.deleted > 0 {
            lines.push(format!(
                "  deleted       records 1 to {} of the log, by the word of {}: some of this round may have been among them",
                self.deleted, self.party
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
