//! Dealings and partial sums that are wrong and fit together: the adversary changes what its machine has made, and the machine
//! publishes that, with digests, headers and signatures that match (PROTOCOL 5).

use protocol::round::{Done, Made, Object, Terms};
use sharing::{Bounds, Cells, Field, Opening, PartialHasher, Place, Seed};
use wire::{Body, Secret32, ShareContent};

use super::forger::{Forger, Outgoing, Working};
use super::network::Parcel;
use crate::dice::Dice;

/// Bytes of a commitment, and of an element.
const POINT: usize = 32;
/// The seed that a cheat sends instead of the one that it has dealt.
const OTHER_SEED: [u8; 32] = [0x5A; 32];
/// The order of the field, little-endian: the least integer that is no element.
const ORDER: [u8; 32] = [
    0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A way to deal wrongly, with a header that names what is dealt. Seats are those of compute parties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// A list of commitments of length 0.
    NoCommitments,
    /// One commitment a cell too few: k − 1.
    FewerCommitments,
    /// One too many: k + 1. Each is a point.
    MoreCommitments,
    /// One byte less than k a cell.
    CutCommitments,
    /// The last commitment is the encoding of no point.
    NoPoint,
    /// The last but k commitments, to the last cell's value, is a point that has another encoding.
    SecondEncoding,
    /// The commitment to the last cell's value is the identity.
    IdentityValue,
    /// The commitment to its last coefficient is the identity.
    IdentityCoefficient,
    /// The commitments of the first two cells are exchanged. The cells are of one column.
    SwappedCells,
    /// Two coefficients of one cell are exchanged.
    SwappedCoefficients,
    /// The first byte of the proofs is another one.
    FirstProofByte,
    /// The last byte of the proofs is another one.
    LastProofByte,
    /// No proofs at all.
    NoProofs,
    /// One byte of the proofs too few.
    CutProofs,
    /// One byte of them too many.
    LongProofs,
    /// The proof of the last run twice.
    RepeatedProof,
    /// The share of that seat is another one, and its root is that of the other one.
    Share(u16),
    /// As before, in the last cell's value alone; only of an explicit share.
    Value(u16),
    /// As before, in the last cell's blinding alone; only of an explicit share.
    Blinding(u16),
    /// The root of the share of that seat is another one.
    Root(u16),
    /// An explicit share with an element that has another encoding: the field's order for zero, say.
    NotCanonical(u16),
}

impl Cheat {
    /// Those that everybody sees in header and Commitments alone.
    pub const PUBLIC: [Self; 15] = [
        Self::NoCommitments,
        Self::FewerCommitments,
        Self::MoreCommitments,
        Self::CutCommitments,
        Self::NoPoint,
        Self::SecondEncoding,
        Self::IdentityValue,
        Self::SwappedCells,
        Self::SwappedCoefficients,
        Self::FirstProofByte,
        Self::LastProofByte,
        Self::NoProofs,
        Self::CutProofs,
        Self::LongProofs,
        Self::RepeatedProof,
    ];

    /// The seat that is cheated alone.
    fn seat(self) -> Option<u16> {
        match self {
            Self::Share(seat)
            | Self::Value(seat)
            | Self::Blinding(seat)
            | Self::Root(seat)
            | Self::NotCanonical(seat) => Some(seat),
            _ => None,
        }
    }

    /// Any of them.
    pub(super) fn random(dice: &mut Dice, seats: u16) -> Self {
        let seat = u16::try_from(dice.below(seats.into())).unwrap_or(0);
        match dice.below(8) {
            0 | 1 => Self::PUBLIC[dice.index(Self::PUBLIC.len())],
            2 => Self::IdentityCoefficient,
            3 | 4 => Self::Share(seat),
            5 => Self::Value(seat),
            6 => Self::Root(seat),
            _ => Self::NotCanonical(seat),
        }
    }

    /// Changes a dealing that the machine has made.
    pub fn meddle(self, working: &mut Working<'_>) {
        let Working { party, terms, done: Done::Dealt(Ok(made)), place } = working else { return };
        if let Some(seat) = self.seat() {
            return self.share(*party, terms, made, place, seat);
        }
        let k = usize::from(terms.quorum().k);
        let Some((points, proofs)) = &mut made.proven else { return };
        let last = points.len().saturating_sub(POINT);
        let value = points.len().saturating_sub(k * POINT);
        match self {
            Self::NoCommitments => points.clear(),
            Self::FewerCommitments => *points = regrouped(points, k, |cell| cell.truncate((k - 1) * POINT)),
            Self::MoreCommitments => *points = regrouped(points, k, |cell| cell.extend_from_within(..POINT)),
            Self::CutCommitments => drop(points.pop()),
            Self::NoPoint => points[last..].fill(0xFF),
            // Canonical encodings are even.
            Self::SecondEncoding => points[value] |= 1,
            Self::IdentityValue => points[value..value + POINT].fill(0),
            Self::IdentityCoefficient => points[last..].fill(0),
            Self::SwappedCells => {
                let width = k * POINT * terms.columns().len();
                if points.len() >= 2 * width {
                    let (first, rest) = points.split_at_mut(width);
                    first[..k * POINT].swap_with_slice(&mut rest[..k * POINT]);
                } else {
                    points[last..].fill(0xFF);
                }
            }
            Self::SwappedCoefficients => {
                let (first, rest) = points.split_at_mut(POINT);
                first.swap_with_slice(&mut rest[..POINT]);
            }
            Self::FirstProofByte => proofs[0] ^= 1,
            Self::LastProofByte => *proofs.last_mut().expect("there are proofs") ^= 1,
            Self::NoProofs => proofs.clear(),
            Self::CutProofs => drop(proofs.pop()),
            Self::LongProofs => proofs.push(0),
            Self::RepeatedProof => {
                let place = Place { round: terms.round().0, dealer: *party };
                let bounds = Bounds::new(terms.columns(), points.len() / (k * POINT), place);
                let run = bounds.proof_bytes(bounds.runs() - 1);
                proofs.extend_from_within(proofs.len() - run..);
            }
            Self::Share(_) | Self::Value(_) | Self::Blinding(_) | Self::Root(_) | Self::NotCanonical(_) => {}
        }
    }

    fn share(self, dealer: u16, terms: &Terms, made: &mut Made, place: &mut super::Memory, seat: u16) {
        let Some(root) = made.shares.get_mut(usize::from(seat)) else { return };
        let Some(&recipient) = terms.computes().get(usize::from(seat)) else { return };
        let object = if recipient == dealer { Object::Share(dealer) } else { Object::ShareFor(recipient) };
        let at = Place { round: terms.round().0, dealer };
        let cells = usize::try_from(terms.layout().cells).expect("a small table");
        let explicit = terms.explicit_recipients(dealer).contains(&recipient);
        let mut bytes = place.elements(object).map(<[u8]>::to_vec).unwrap_or_default();
        let raised = |bytes: &mut Vec<u8>, at: usize| *bytes = raise(bytes, at);
        match self {
            Self::Root(_) => return root[0] ^= 1,
            Self::NotCanonical(_) if explicit => bytes[..POINT].copy_from_slice(&ORDER),
            Self::Value(_) if explicit => raised(&mut bytes, cells - 1),
            Self::Blinding(_) if explicit => raised(&mut bytes, 2 * cells - 1),
            _ => Opening::expand(&Seed::from_bytes(OTHER_SEED), cells).write_to({
                bytes.clear();
                &mut bytes
            }),
        }
        if let Ok(opening) = Opening::read(&bytes, cells) {
            *root = opening.root(&at, seat);
        }
        if explicit {
            place.falsify(object, bytes);
        }
    }
}

/// What goes out where a cheat deals: a seed that is not the one that was dealt has to be sent.
pub fn cheating(cheat: Cheat, terms: &Terms, forger: &Forger, outgoing: &Outgoing<'_>) -> Vec<(u16, Parcel)> {
    let seat = match cheat {
        Cheat::Root(_) => None,
        cheat => cheat.seat(),
    };
    match outgoing.message() {
        Some((sender, recipient, Body::Share { dealing, salt, content: ShareContent::Seed(_) }))
            if sender == outgoing.from && seat.is_some() && recipient.and_then(|to| terms.seat(to)) == seat =>
        {
            let content = ShareContent::Seed(Secret32(OTHER_SEED));
            vec![(outgoing.to, forger.says(recipient, Body::Share { dealing, salt, content }))]
        }
        _ => outgoing.unchanged(),
    }
}

/// A way to sum wrongly, with a digest that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumLie {
    /// One more in the last cell.
    OneMore,
    /// One less in the first cell.
    OneLess,
    /// Another blinding in the last cell.
    Blinding,
    /// An element that is none.
    NotCanonical,
    /// Nothing but zeros.
    Zero,
}

impl SumLie {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::OneMore, Self::OneLess, Self::Blinding, Self::NotCanonical, Self::Zero];

    /// The elements of a partial sum, changed.
    #[must_use]
    pub fn changed(self, elements: &[u8]) -> Vec<u8> {
        let count = elements.len() / POINT;
        match self {
            Self::OneMore => raise(elements, count / 2 - 1),
            Self::OneLess => lower(elements, 0),
            Self::Blinding => raise(elements, count - 1),
            Self::NotCanonical => [&ORDER, &elements[POINT..]].concat(),
            Self::Zero => vec![0; elements.len()],
        }
    }

    /// Changes a partial sum that the machine has made.
    pub fn meddle(self, working: &mut Working<'_>) {
        let Working { party, terms, done: Done::Summed(Ok(digest)), place } = working else { return };
        let (Some(seat), Some(elements)) = (terms.seat(*party), place.elements(Object::Partial)) else { return };
        let elements = self.changed(elements);
        *digest = announced(terms, seat, &elements);
        place.falsify(Object::Partial, elements);
    }
}

/// The digest of a partial sum.
pub fn announced(terms: &Terms, seat: u16, elements: &[u8]) -> [u8; 32] {
    let mut hasher = PartialHasher::new(&terms.round().0, seat);
    hasher.update(elements);
    hasher.finish()
}

/// Commitments with another number of points a cell.
fn regrouped(points: &[u8], k: usize, how: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let cell = |points: &[u8]| {
        let mut points = points.to_vec();
        how(&mut points);
        points
    };
    points.chunks(k * POINT).flat_map(cell).collect()
}

fn one(len: usize, at: usize) -> Cells {
    let mut bytes = vec![0; len];
    bytes[at * POINT] = 1;
    Cells::read(Field::Ristretto255, &bytes).expect("one and zeros")
}

/// Elements of which one is greater by one.
fn raise(elements: &[u8], at: usize) -> Vec<u8> {
    let mut cells = Cells::read(Field::Ristretto255, elements).expect("elements");
    cells.add(&one(elements.len(), at));
    let mut bytes = Vec::new();
    cells.write_to(&mut bytes);
    bytes
}

/// Elements of which one is less by one.
fn lower(elements: &[u8], at: usize) -> Vec<u8> {
    let mut cells = Cells::read(Field::Ristretto255, elements).expect("elements");
    cells.sub(&one(elements.len(), at));
    let mut bytes = Vec::new();
    cells.write_to(&mut bytes);
    bytes
}
