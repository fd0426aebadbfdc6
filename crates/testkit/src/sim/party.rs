//! One party of a cluster: its machine, which a crash empties, and what it keeps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::agreement::{Agreement, PartyIndex};
use protocol::recovery::{Mark, Recovery};
use protocol::round::{Job, Millis, Object, Round, Terms};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::disk::Disk;
use super::place::Memory;
use super::plan::{COMPUTATION, CrashPoint, PERIOD, Plan};
use super::signing::PartySigner;

/// One party.
pub(super) struct Party {
    /// By v.
    pub(super) terms: Vec<Terms>,
    pub(super) signer: PartySigner,
    pub(super) rng: ChaCha8Rng,
    /// The input file as it is now, and the table that mends a bad one.
    pub(super) input: Vec<i128>,
    pub(super) good: Vec<i128>,
    /// Its machine; none while it is down.
    pub(super) machine: Option<Machine>,
    /// How often its machine came up.
    pub(super) life: u32,
    /// Where it goes down next, and for how long.
    pub(super) doom: Option<(CrashPoint, u64)>,
    /// Ticks that are on the agenda.
    pub(super) ticks: BTreeSet<Millis>,
    pub(super) disk: Disk,
    pub(super) guard: Option<Mark>,
    /// Older copies of store and guard.
    pub(super) copies: Vec<(Disk, Option<Mark>)>,
}

/// What a crash takes.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) rounds: BTreeMap<u32, Running>,
    /// It signs nothing before it knows what it may have forgotten.
    pub(super) recovery: Option<Recovery>,
}

/// A round that runs.
pub(super) struct Running {
    pub(super) round: Round,
    /// What its worker does, one after another.
    pub(super) tasks: VecDeque<Task>,
}

/// Something for the worker of a round.
pub(super) enum Task {
    Job(Job),
    Erase(Object),
    EraseAll,
}

impl Running {
    pub(super) fn new(round: Round) -> Self {
        Self { round, tasks: VecDeque::new() }
    }

    /// Whether an object is about to be erased.
    pub(super) fn erases(&self, object: Object) -> bool {
        self.tasks.iter().any(|task| match task {
            Task::Erase(goes) => *goes == object,
            Task::EraseAll => true,
            Task::Job(_) => false,
        })
    }
}

/// The terms of the rounds of a party, by v.
pub(super) fn terms(plan: &Plan, agreement: &Agreement, index: u16) -> Vec<Terms> {
    let of = |v| match Terms::new(agreement, COMPUTATION, PERIOD, v, PartyIndex(index)) {
        Ok(terms) => terms.verified_by(plan.signing.verify()),
        Err(error) => panic!("seed {}: {error}", plan.seed),
    };
    (0..=plan.most_voided).map(of).collect()
}

impl Party {
    pub(super) fn new(plan: &Plan, agreement: &Agreement, index: u16) -> Self {
        let mut terms = terms(plan, agreement, index);
        let off = if plan.corrupt.contains(&index) { &plan.loose } else { &plan.off };
        terms.iter_mut().for_each(|terms| off.iter().for_each(|rule| terms.weaken(*rule)));
        let good = plan.inputs[usize::from(index)].clone();
        let mut input = good.clone();
        if let (true, Some(last), Some(column)) =
            (plan.spoilt.contains(&index), input.last_mut(), terms[0].columns().last())
        {
            *last = column.max + 1;
        }
        let seed = sharing::hash("smpcd/testkit/party", &[&plan.seed.to_le_bytes(), &index.to_le_bytes()]);
        Self {
            terms,
            signer: plan.signing.signer(plan.key(index)),
            rng: ChaCha8Rng::from_seed(seed),
            input,
            good,
            machine: Some(Machine::default()),
            life: 0,
            doom: None,
            ticks: BTreeSet::new(),
            disk: Disk::new(),
            guard: Some(Mark::NONE),
            copies: Vec::new(),
        }
    }

    /// An empty workplace for a round.
    pub(super) fn workplace(&self, plan: &Plan) -> Memory {
        let index = self.terms[0].me();
        let mut place = Memory::new(self.input.clone());
        place.full = plan.full.get(&index).copied().unwrap_or(0);
        place.forged = plan.forged.get(&index).cloned();
        place
    }

    /// The rounds that run here.
    pub(super) fn running(&mut self, v: u32) -> Option<&mut Running> {
        self.machine.as_mut()?.rounds.get_mut(&v)
    }

    /// Whether that party is told of headers and votes, and so can tell what was signed (PROTOCOL 3, 7).
    pub(super) fn hears_votes(&self, party: u16) -> bool {
        self.terms[0].is_compute(party) || self.terms[0].is_result(party)
    }

    /// Whether it is up, and knows what it has signed.
    pub(super) fn runs(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| machine.recovery.is_none())
    }

    /// v of the latest round that runs here.
    pub(super) fn latest(&self) -> Option<u32> {
        self.machine.as_ref()?.rounds.keys().next_back().copied()
    }
}
