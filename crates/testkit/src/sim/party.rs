//! One party of a cluster: its round, and what a restart would keep.

use std::collections::{BTreeSet, VecDeque};

use protocol::agreement::{Agreement, PartyIndex};
use protocol::round::{Ended, Job, Millis, Round, Terms};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use wire::{Sealed, Signer};

use super::place::Memory;
use super::plan::{COMPUTATION, PERIOD, Plan};

/// One party.
pub(super) struct Party {
    pub(super) terms: Terms,
    pub(super) signer: Box<dyn Signer>,
    pub(super) rng: ChaCha8Rng,
    pub(super) round: Option<Round>,
    pub(super) place: Memory,
    /// The table that mends a bad input.
    pub(super) good: Vec<i128>,
    pub(super) jobs: VecDeque<Job>,
    /// Ticks that are on the agenda.
    pub(super) ticks: BTreeSet<Millis>,
    /// What is on disk: with the place, all that a restart would keep.
    pub(super) disk: Disk,
}

/// The durable state of a party.
#[derive(Default)]
pub(super) struct Disk {
    /// Signed messages, in the order in which they were stored.
    pub(super) messages: Vec<Sealed>,
    /// How the round ended.
    pub(super) ended: Option<Ended>,
}

impl Party {
    pub(super) fn new(plan: &Plan, agreement: &Agreement, index: u16) -> Self {
        let terms = match Terms::new(agreement, COMPUTATION, PERIOD, 0, PartyIndex(index)) {
            Ok(terms) => terms,
            Err(error) => panic!("seed {}: {error}", plan.seed),
        };
        let good = plan.inputs[usize::from(index)].clone();
        let mut input = good.clone();
        if let (true, Some(last), Some(column)) =
            (plan.spoilt.contains(&index), input.last_mut(), terms.columns().last())
        {
            *last = column.max + 1;
        }
        let mut place = Memory::new(input);
        place.full = plan.full.get(&index).copied().unwrap_or(0);
        let seed = sharing::hash("smpcd/testkit/party", &[&plan.seed.to_le_bytes(), &index.to_le_bytes()]);
        Self {
            terms,
            signer: Box::new(plan.key(index).clone()),
            rng: ChaCha8Rng::from_seed(seed),
            round: None,
            place,
            good,
            jobs: VecDeque::new(),
            ticks: BTreeSet::new(),
            disk: Disk::default(),
        }
    }
}
