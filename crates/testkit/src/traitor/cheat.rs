//! The four cheats of a demo, each against another promise of a malicious round (PROTOCOL 5).
//!
//! The victim of those that need one is the first compute party that is not the traitor.

use protocol::round::{Done, Job, Object, Terms, Workplace};
use sharing::{Column, CommittedDealing, DealingKey, Encoded, InputDigest, Opening, PartialHasher, Place, Seed};
use wire::dossier::FaultKind;
use wire::frame::Frame;
use wire::{Body, Secret32, ShareContent};
use zeroize::Zeroizing;

use super::{Betrayal, Memory, Outgoing};

/// A way to cheat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// One recipient gets another share than the dealer has committed to, under a header whose root is that share's.
    Dealer,
    /// The first cell is beyond its bound, and its range proof is about another value.
    Bounds,
    /// The first cell of a partial sum is one more than it should be, and announced like that.
    Partial,
    /// One party gets another header than the others.
    Equivocate,
}

impl Cheat {
    /// What it is found as.
    #[must_use]
    pub fn fault(self) -> FaultKind {
        match self {
            Self::Dealer => FaultKind::BadShare,
            Self::Bounds => FaultKind::BadCommitments,
            Self::Partial => FaultKind::BadPartial,
            Self::Equivocate => FaultKind::Equivocation,
        }
    }
}

/// A party that cheats in one way in every round.
pub struct Cheater(pub Cheat);

impl Betrayal for Cheater {
    fn work(&mut self, job: Job, terms: &Terms, place: &mut Memory) -> Done {
        match (self.0, job) {
            (Cheat::Bounds, Job::Deal { key, input, seed }) => {
                let mine = (key.clone(), input.clone());
                let done = Job::Deal { key, input, seed }.run(terms, place);
                beyond_bounds(terms, place, done, &mine)
            }
            (Cheat::Dealer, job @ Job::Deal { .. }) => {
                let done = job.run(terms, place);
                another_share(terms, place, done)
            }
            (Cheat::Partial, job @ Job::Sum { .. }) => {
                let done = job.run(terms, place);
                one_more(terms, place, done)
            }
            (_, job) => job.run(terms, place),
        }
    }

    fn sends(&mut self, outgoing: &Outgoing<'_>) -> Vec<(u16, Frame)> {
        let Some(message) = outgoing.message() else { return outgoing.unchanged() };
        let victim = victim(outgoing.terms);
        match (self.0, message.body().clone()) {
            (Cheat::Dealer, Body::Share { dealing, salt, content: ShareContent::Seed(_) })
                if Some(outgoing.to) == victim =>
            {
                let content = ShareContent::Seed(Secret32(OTHER_SEED));
                vec![(outgoing.to, outgoing.says(message.recipient(), Body::Share { dealing, salt, content }))]
            }
            (Cheat::Equivocate, Body::Deal { shares, commitments }) if Some(outgoing.to) == victim => {
                let mut shares = shares.to_vec();
                // The root of its own share, which nobody else looks at.
                if let Some(own) = outgoing.terms.seat(outgoing.terms.me()) {
                    shares[usize::from(own)][0] ^= 1;
                }
                let shares = shares.try_into().unwrap_or_default();
                vec![(outgoing.to, outgoing.says(None, Body::Deal { shares, commitments }))]
            }
            _ => outgoing.unchanged(),
        }
    }
}

/// The seed of a share that is not the one it was to be.
const OTHER_SEED: [u8; 32] = [0xc4; 32];

fn victim(terms: &Terms) -> Option<u16> {
    terms.computes().iter().copied().find(|party| *party != terms.me())
}

fn of_dealing(terms: &Terms) -> Place {
    Place { round: terms.round().0, dealer: terms.me() }
}

fn cells(terms: &Terms) -> usize {
    usize::try_from(terms.layout().cells).unwrap_or(usize::MAX)
}

/// Another share for the victim: another seed, or one more in its first cell. The root is that share's.
fn another_share(terms: &Terms, place: &mut Memory, done: Done) -> Done {
    let (Done::Dealt(Ok(mut made)), Some(victim)) = (done, victim(terms)) else {
        return Done::Dealt(Err("nothing was dealt".to_owned()));
    };
    let Some(seat) = terms.seat(victim) else { return Done::Dealt(Ok(made)) };
    let share = if terms.explicit_recipients(terms.me()).contains(&victim) {
        let share = first_cell_and_one(terms, place, Object::ShareFor(victim));
        if let Some((_, bytes)) = &share {
            place.replace(Object::ShareFor(victim), bytes.clone());
        }
        share.map(|(share, _)| share)
    } else {
        Some(Opening::expand(&Seed::from_bytes(OTHER_SEED), cells(terms)))
    };
    if let Some(share) = share {
        made.shares[usize::from(seat)] = share.root(&of_dealing(terms), seat);
    }
    Done::Dealt(Ok(made))
}

/// Deals a first cell beyond its bound, from the same key, with the proofs of the honest dealing. Shares are linear, so
/// nothing but the proof is wrong.
fn beyond_bounds(terms: &Terms, place: &mut Memory, done: Done, (key, input): &(DealingKey, InputDigest)) -> Done {
    let Done::Dealt(Ok(mut made)) = done else { return done };
    let (Some(dealer), Some((_, proofs))) = (terms.dealer(terms.me()), made.proven.take()) else {
        return Done::Dealt(Err("nothing was proven".to_owned()));
    };
    let loose: Vec<Column> = terms.columns().iter().map(|column| Column { max: column.max + 1, ..*column }).collect();
    let mut values: Vec<i128> = terms.columns().iter().map(|column| column.min).cycle().take(cells(terms)).collect();
    values[0] = loose[0].max;
    let encoded = match Encoded::new(terms.layout().field, &loose, 0, &values) {
        Ok(encoded) => encoded,
        Err(error) => return Done::Dealt(Err(error.to_string())),
    };
    let dealing = CommittedDealing::new(terms.scheme(), dealer, of_dealing(terms), key, input, &encoded);
    for (seat, &party) in (0u16..).zip(terms.computes()) {
        let Some(opening) = dealing.explicit(seat) else { continue };
        let object = if party == terms.me() { Object::Share(party) } else { Object::ShareFor(party) };
        let mut bytes = Vec::new();
        opening.write_to(&mut bytes);
        place.replace(object, bytes);
    }
    made.shares = dealing.roots();
    made.proven = Some((dealing.commitments().to_vec(), proofs));
    Done::Dealt(Ok(made))
}

/// A partial sum whose first cell is one more, and its digest.
fn one_more(terms: &Terms, place: &mut Memory, done: Done) -> Done {
    let (Some(seat), Some((_, bytes))) = (terms.seat(terms.me()), first_cell_and_one(terms, place, Object::Partial))
    else {
        return done;
    };
    let mut hasher = PartialHasher::new(&terms.round().0, seat);
    hasher.update(&bytes);
    let digest = hasher.finish();
    place.replace(Object::Partial, bytes);
    Done::Summed(Ok(digest))
}

/// An object of the workplace with one more in its first cell.
fn first_cell_and_one(terms: &Terms, place: &mut Memory, object: Object) -> Option<(Opening, Vec<u8>)> {
    let mut bytes = Zeroizing::new(Vec::new());
    place.read(object, 0, &mut bytes).ok()?;
    let mut opening = Opening::read(&bytes, cells(terms)).ok()?;
    // Elements are little-endian; its blindings stay as they were.
    let mut one = vec![0; bytes.len()];
    one[0] = 1;
    opening.add(&Opening::read(&one, cells(terms)).ok()?);
    let mut bytes = Vec::new();
    opening.write_to(&mut bytes);
    Some((opening, bytes))
}
