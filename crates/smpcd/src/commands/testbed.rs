//! `smpcd testbed`: a ready, signed consortium on loopback.
//!
//! Each party's directory is the one that `init` makes. What people do between `init` and `run`, swapping cards, writing
//! the agreement and signing it, is done here at once, which is right for a testbed and for nothing else: one program has
//! seen all keys.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use clap::ValueEnum;
use node::settings::Policy;
use protocol::agreement::{
    Agreement, AgreementDraft, AgreementSignature, ComputationDraft, LegalDraft, PartyDraft, Problem, RowsDraft,
    SharingDraft,
};

use crate::agreement_file::{ComputationTables, average_expenditure, render};
use crate::commands::say;
use crate::exit::{Exit, Failure};
use crate::home::{self, Made, NewHome};

/// Name of the consortium of a testbed.
const NAME: &str = "testbed";

/// The greatest figure of the example where bounds are proven: 4·10^9 pennies fit 32 bits, and the 50,000,000 pounds of
/// other rounds would take 64, which costs twice the time.
const PROVEN_MAX: &str = "40000000";
/// How long dealings are waited for where a party is known to cheat.
const HURRIED_COLLECT: Duration = Duration::from_secs(3);
/// When such a round is given up; with a certificate at twice that time.
const HURRIED_GIVE_UP: Duration = Duration::from_secs(6);

/// Arguments of `smpcd testbed`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory to write; it must not exist or be empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many parties
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parties())]
    parties: u16,
    #[command(flatten)]
    table: TableArgs,
    /// Rows of the table
    #[arg(long, value_name = "R", default_value_t = 1, conflicts_with = "agreement",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(protocol::agreement::MAX_ROWS)))]
    rows: u32,
    /// Port of the first party; the others have the next ones
    #[arg(long, value_name = "P", default_value_t = 7440, value_parser = clap::value_parser!(u16).range(1..))]
    base_port: u16,
}

/// What `demo` and `testbed` have in common: the table to compute.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TableArgs {
    /// How figures are split: additive, or shamir:K for K shares needed to reconstruct
    #[arg(long, value_name = "SCHEME", default_value = "additive", conflicts_with = "agreement", value_parser = sharing)]
    pub(crate) sharing: SharingDraft,
    /// What a round is secure against
    #[arg(long, value_name = "MODEL", default_value = "semi-honest", conflicts_with = "agreement")]
    pub(crate) adversary: AdversaryArg,
    /// A file with the `[[computation]]` tables to use instead
    #[arg(long, value_name = "FILE")]
    pub(crate) agreement: Option<PathBuf>,
}

/// `--adversary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AdversaryArg {
    /// Parties follow the protocol and look
    SemiHonest,
    /// Parties do anything
    Malicious,
}

/// Runs `smpcd testbed`.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let last = u32::from(args.base_port) + u32::from(args.parties) - 1;
    if last > u32::from(u16::MAX) {
        let line =
            format!("--base-port: {last} would be the last party's port, and ports end at 65535: name a lower one");
        return Err(Failure::new(Exit::Usage, line));
    }
    let testbed = Testbed {
        ports: (args.base_port..).take(usize::from(args.parties)).collect(),
        table: args.table.table(args.rows)?,
        figures: figures(args.parties),
    };
    let made = testbed.create(&args.folder)?;
    say(&report(&args.folder, &made))
}

/// How many parties a consortium on one machine may have, for clap.
pub(crate) fn parties() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(3..=i64::try_from(protocol::agreement::MAX_PARTIES).unwrap_or(3))
}

impl TableArgs {
    /// The table that the command line names.
    pub(crate) fn table(&self, rows: u32) -> Result<Table, Failure> {
        if let Some(file) = &self.agreement {
            return ComputationTables::load(file).map(Table::Given);
        }
        let adversary = match self.adversary {
            AdversaryArg::SemiHonest => "semi-honest",
            AdversaryArg::Malicious => "malicious",
        };
        Ok(Table::Example { sharing: self.sharing.clone(), adversary: adversary.to_owned(), rows, hurried: false })
    }
}

pub(crate) fn sharing(text: &str) -> Result<SharingDraft, String> {
    if text == "additive" {
        return Ok(SharingDraft::Named("additive".to_owned()));
    }
    match text.strip_prefix("shamir:").map(str::parse::<u16>) {
        Some(Ok(0..2)) => {
            Err("with K below 2 one party alone would read every figure; write shamir:2 or more".to_owned())
        }
        Some(Ok(threshold)) => Ok(SharingDraft::Shamir { threshold: Some(i64::from(threshold)) }),
        _ => Err("write additive or shamir:K, such as shamir:2".to_owned()),
    }
}

/// The figures of the guidance's example: party i has 5,000·(i + 1).
pub(crate) fn figures(parties: u16) -> Vec<String> {
    (1..=u32::from(parties)).map(|i| format!("{}.00", 5_000 * (i + 1))).collect()
}

/// A consortium to make.
#[derive(Debug)]
pub(crate) struct Testbed {
    /// The port of each party; their number is the number of parties.
    pub(crate) ports: Vec<u16>,
    /// What is computed.
    pub(crate) table: Table,
    /// One figure for each party, which stands in every row of its example table.
    pub(crate) figures: Vec<String>,
}

/// What is computed.
#[derive(Debug)]
pub(crate) enum Table {
    /// The worked example of the guidance.
    Example {
        /// The scheme.
        sharing: SharingDraft,
        /// The adversary model.
        adversary: String,
        /// How many rows.
        rows: u32,
        /// Nobody is waited for as long as usual: a round that cannot end is given up soon.
        hurried: bool,
    },
    /// Tables of a file. Parties get empty templates for them: nobody else's figures are invented.
    Given(ComputationTables),
}

/// A consortium that was made.
#[derive(Debug)]
pub(crate) struct Consortium {
    /// The agreement, signed by all.
    pub(crate) agreement: Agreement,
    /// The parties' directories in agreement order.
    pub(crate) parties: Vec<Made>,
}

impl Testbed {
    /// Makes the directory with all parties in it. After a failure it is as it was.
    pub(crate) fn create(&self, folder: &Path) -> Result<Consortium, Failure> {
        let existed = home::claim(folder)?;
        let made = self.fill(folder);
        if made.is_err() {
            // It was empty before, so all that is in it came from here. The first failure is the one to tell.
            let _ = empty(folder);
            if !existed {
                let _ = fs::remove_dir(folder);
            }
        }
        made
    }

    fn fill(&self, folder: &Path) -> Result<Consortium, Failure> {
        let inputs = self.input_names();
        let parties: Vec<Made> = (1..)
            .zip(&self.ports)
            .map(|(number, port)| new_home(number, *port, &inputs).create(&folder.join(format!("p{number}"))))
            .collect::<Result<_, _>>()?;
        let draft = self.draft(&parties);
        let agreement = draft.validate().map_err(|problems| self.refused(&problems))?;
        home::write_public(&folder.join("agreement.toml"), &render(&draft))?;
        swap(&agreement, &parties)?;
        for (made, figure) in parties.iter().zip(&self.figures) {
            for ((_, file), computation) in inputs.iter().zip(agreement.computations()) {
                let file = made.home.folder().join(file);
                match &self.table {
                    Table::Example { rows, .. } => write_example(&file, *rows, figure)?,
                    Table::Given(_) => home::write_new_private(&file, |out| {
                        out.write_all(node::input::template(computation).as_bytes())
                    })?,
                }
            }
        }
        Ok(Consortium { agreement, parties })
    }

    fn computations(&self) -> Vec<ComputationDraft> {
        match &self.table {
            Table::Given(tables) => tables.computations.clone(),
            Table::Example { sharing, adversary, rows, hurried } => {
                let mut example = ComputationDraft {
                    sharing: Some(sharing.clone()),
                    adversary: Some(adversary.clone()),
                    min_contributors: self.least_contributors(sharing),
                    rows: Some(RowsDraft::Count(i64::from(*rows))),
                    ..average_expenditure()
                };
                if adversary == "malicious" {
                    example.columns.iter_mut().for_each(|column| column.max = Some(PROVEN_MAX.to_owned()));
                }
                if *hurried {
                    (example.collect_for, example.give_up_after) = (Some(HURRIED_COLLECT), Some(HURRIED_GIVE_UP));
                }
                vec![example]
            }
        }
    }

    /// With a threshold the agreement has to say how many contributors a total needs. It is the least number that
    /// PROTOCOL 1 allows where every party has all roles: t + 2, which is k + 1 and three at least.
    fn least_contributors(&self, sharing: &SharingDraft) -> Option<i64> {
        match sharing {
            SharingDraft::Shamir { threshold: Some(k) } if *k < self.parties() => Some(k + 1),
            _ => None,
        }
    }

    fn parties(&self) -> i64 {
        i64::try_from(self.ports.len()).unwrap_or(i64::MAX)
    }

    /// Computation and input file, relative to a party's directory.
    fn input_names(&self) -> Vec<(String, String)> {
        // A computation without a good id is refused with the whole agreement.
        let ids: Vec<String> = self.computations().into_iter().filter_map(|computation| computation.id).collect();
        let several = ids.len() > 1;
        let name = |id: &str| if several { format!("input-{id}.csv") } else { "input.csv".to_owned() };
        ids.into_iter()
            .filter(|id| protocol::agreement::is_id(id))
            .map(|id| {
                let name = name(&id);
                (id, name)
            })
            .collect()
    }

    fn draft(&self, parties: &[Made]) -> AgreementDraft {
        let party = |made: &Made| {
            let card = made.card.as_ref().expect("a testbed makes its own authorities").card();
            PartyDraft {
                id: Some(card.party.clone()),
                name: Some(card.name.clone()),
                roles: Some(["input", "compute", "result"].map(str::to_owned).to_vec()),
                signing_key: Some(format!("ed25519:{}", Base64::encode_string(&card.signing_key))),
            }
        };
        AgreementDraft {
            name: Some(NAME.to_owned()),
            version: Some(1),
            parties: parties.iter().map(party).collect(),
            legal: Some(LegalDraft {
                purpose: Some("A testbed on one machine: no real figures belong in it".to_owned()),
                ..LegalDraft::default()
            }),
            computations: self.computations(),
        }
    }

    fn refused(&self, problems: &[Problem]) -> Failure {
        match &self.table {
            Table::Given(tables) => tables.failure(problems),
            // What can be wrong came from the command line, so it is told in its words.
            Table::Example { .. } => Failure::all(
                Exit::Usage,
                problems.iter().map(|problem| match problem.key.strip_prefix("computation[0].") {
                    Some(key) if key.starts_with("sharing") => format!("--sharing: {}", problem.message),
                    Some("adversary") => format!("--adversary: {}", problem.message),
                    _ => problem.to_string(),
                }),
            ),
        }
    }
}

fn new_home(number: u32, port: u16, inputs: &[(String, String)]) -> NewHome {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    NewHome {
        consortium: NAME.to_owned(),
        party: format!("p{number}"),
        name: format!("Party {number}"),
        address: Some(listen.to_string()),
        listen: Some(listen),
        csr: false,
        policy: Policy::Auto,
        agreement: "../agreement.toml".to_owned(),
        inputs: inputs.to_vec(),
    }
}

/// Every party gets every card and every signature.
fn swap(agreement: &Agreement, parties: &[Made]) -> Result<(), Failure> {
    let mut papers = Vec::new();
    for (made, party) in parties.iter().zip(agreement.parties()) {
        let signature = AgreementSignature::sign(agreement, &party.id, &made.signing_key)
            .map_err(|error| Failure::new(Exit::Other, error))?;
        let card = made.card.as_ref().expect("a testbed makes its own authorities").to_pem();
        papers.push((party.id.as_str(), card, signature.to_pem()));
    }
    for Made { home, .. } in parties {
        for (party, card, signature) in &papers {
            home::write_public(&home.card(party), card)?;
            home::write_public(&home.signature(party), signature)?;
        }
    }
    Ok(())
}

fn write_example(file: &Path, rows: u32, figure: &str) -> Result<(), Failure> {
    home::write_new_private(file, |out| {
        writeln!(out, "expenditure")?;
        (0..rows).try_for_each(|_| writeln!(out, "{figure}"))
    })
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) }?;
    }
    Ok(())
}

fn report(folder: &Path, made: &Consortium) -> String {
    let folder = folder.display();
    let mut text = format!("Wrote a consortium of {} parties, signed by all of them: {folder}\n", made.parties.len());
    let mut line = |line: &str| writeln!(text, "{line}").expect("a string takes every write");
    line(&format!("  agreement.toml  {}", made.agreement.digest()));
    for party in &made.parties {
        let card = party.card.as_ref().map(protocol::card::SignedCard::card);
        let address = card.and_then(|card| card.address.as_deref()).unwrap_or_default();
        line(&format!("  {:<14}  {address}", party.home.folder().file_name().unwrap_or_default().display()));
    }
    line("\nNext, each in a terminal of its own:");
    for party in &made.parties {
        line(&format!("  smpcd run --config {}", party.home.node_file().display()));
    }
    if let (Some(party), Some(computation)) = (made.parties.first(), made.agreement.computations().first()) {
        let config = party.home.node_file();
        line("and then:");
        line(&format!("  smpcd round start {} --period 1 --wait --config {}", computation.id, config.display()));
    }
    text
}

#[cfg(test)]
mod tests;
