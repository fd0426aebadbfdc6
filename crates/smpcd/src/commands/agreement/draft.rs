//! `smpcd agreement new`: a draft, the parties filled in from their cards.

use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use protocol::agreement::{PartyDraft, is_id};
use protocol::card::Card;

use crate::agreement_file::{Existing, filled_draft, publish};
use crate::commands::card::read_card;
use crate::commands::say;
use crate::exit::{Exit, Failure};

/// Arguments of `smpcd agreement new`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the consortium, the one that the cards were made for
    #[arg(long)]
    name: String,
    /// The card of every party, in the order in which the parties shall stand
    #[arg(value_name = "CARD", required = true)]
    cards: Vec<PathBuf>,
    /// Write to a new file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the draft.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let draft = filled_draft(&args.name, parties(args)?);
    let Some(out) = &args.out else { return say(&draft) };
    publish(out, &draft, Existing::Keep)?;
    let out = out.display();
    say(&format!(
        "{out}: edit it (purpose, computation), then: smpcd agreement check {out}\nEvery party needs the same file.\n"
    ))
}

fn parties(args: &Args) -> Result<Vec<PartyDraft>, Failure> {
    if !is_id(&args.name) {
        return Err(Failure::new(Exit::Usage, "--name: write 1 to 32 of a-z, 0-9 and '-'"));
    }
    let mut lines = Vec::new();
    let mut cards: Vec<Card> = Vec::new();
    for file in &args.cards {
        let at = file.display();
        match read_card(file) {
            Err(failure) => lines.extend(failure.lines),
            Ok(card) => {
                let card = card.card();
                if card.consortium != args.name {
                    let (consortium, name) = (&card.consortium, &args.name);
                    lines.push(format!("{at}: a card for the consortium '{consortium}', not for '{name}'"));
                } else if cards.iter().any(|other| other.party == card.party) {
                    lines.push(format!("{at}: a second card of '{}'; give the newest alone", card.party));
                }
                cards.push(card.clone());
            }
        }
    }
    if lines.is_empty() && cards.len() < 2 {
        lines.push("one card: an agreement has at least 2 parties; give the card of each".into());
    }
    if !lines.is_empty() {
        return Err(Failure::all(Exit::BadConfiguration, lines));
    }
    let roles: Vec<String> = ["input", "compute", "result"].map(Into::into).into();
    Ok(cards
        .into_iter()
        .map(|card| PartyDraft {
            id: Some(card.party),
            name: Some(card.name),
            roles: Some(roles.clone()),
            signing_key: Some(format!("ed25519:{}", Base64::encode_string(&card.signing_key))),
        })
        .collect())
}
