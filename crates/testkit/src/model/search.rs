//! Breadth-first search of everything a model can do. What it finds first is among the shortest.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// More states than this are not kept: about half a gigabyte.
const MOST_STATES: usize = 8_000_000;

/// Rules as a graph: states, and what may follow each.
pub trait Model {
    /// Everything that was said so far.
    type State: Copy + Eq + Hash;
    /// What must never break.
    type Promise: Copy + Eq + fmt::Debug + fmt::Display;

    /// Nothing was said yet.
    fn start(&self) -> Self::State;
    /// Adds every state that may follow.
    fn successors(&self, state: &Self::State, next: &mut Vec<Self::State>);
    /// One state for all that differ in names only.
    fn canonical(&self, state: Self::State) -> Self::State;
    /// One of the watched promises that is broken here.
    fn broken(&self, state: &Self::State, watched: &[Self::Promise]) -> Option<Self::Promise>;
    /// What was said between two states, for people.
    fn describe(&self, before: &Self::State, after: &Self::State) -> String;
}

/// What a search came to.
#[derive(Debug)]
pub struct Findings<P> {
    /// Different states, but for names.
    pub states: usize,
    /// Whether that is all of them: nothing was found, and they are not too many to keep.
    pub complete: bool,
    /// A shortest way to a broken promise.
    pub found: Option<Counterexample<P>>,
}

/// A shortest way to a broken promise.
#[derive(Debug)]
pub struct Counterexample<P> {
    /// The promise.
    pub broken: P,
    /// What was said, in order.
    pub steps: Vec<String>,
}

impl<P: fmt::Display> fmt::Display for Counterexample<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "  {number:2}. {step}")?;
        }
        write!(f, "  {}", self.broken)
    }
}

/// Goes through every state that can be reached, until a watched promise is broken. `visit` sees each state once.
pub fn search<M: Model>(model: &M, watched: &[M::Promise], mut visit: impl FnMut(&M::State)) -> Findings<M::Promise> {
    let mut reached = Reached { states: Vec::new(), parents: Vec::new(), seen: HashSet::default() };
    reached.add(model.canonical(model.start()), 0);
    let mut next = Vec::new();
    let mut at = 0;
    while let Some(&state) = reached.states.get(at) {
        visit(&state);
        if let Some(broken) = model.broken(&state, watched) {
            let steps = reached.way_to(model, at);
            return Findings { states: at + 1, complete: false, found: Some(Counterexample { broken, steps }) };
        }
        model.successors(&state, &mut next);
        for after in next.drain(..) {
            reached.add(model.canonical(after), at);
        }
        if reached.states.len() > MOST_STATES {
            return Findings { states: reached.states.len(), complete: false, found: None };
        }
        at += 1;
    }
    Findings { states: reached.states.len(), complete: true, found: None }
}

/// States in the order of their discovery, each with the place of the one it was discovered from.
struct Reached<S> {
    states: Vec<S>,
    parents: Vec<u32>,
    seen: HashSet<S, BuildHasherDefault<Mixer>>,
}

impl<S: Copy + Eq + Hash> Reached<S> {
    fn add(&mut self, state: S, parent: usize) {
        if self.seen.insert(state) {
            self.states.push(state);
            self.parents.push(u32::try_from(parent).unwrap_or(u32::MAX));
        }
    }

    /// The steps to a state. Canonical states change names as they please, so the steps are taken once more with fixed ones.
    fn way_to<M: Model<State = S>>(&self, model: &M, end: usize) -> Vec<String> {
        let mut way = Vec::new();
        let mut at = end;
        while at != 0 {
            way.push(self.states[at]);
            at = self.parents[at] as usize;
        }
        let mut state = model.start();
        let mut steps = Vec::new();
        let mut next = Vec::new();
        for goal in way.into_iter().rev() {
            model.successors(&state, &mut next);
            let Some(after) = next.drain(..).find(|after| model.canonical(*after) == goal) else { break };
            steps.push(model.describe(&state, &after));
            state = after;
        }
        steps
    }
}

/// A hash for small states of our own making: nobody chooses them to collide, and millions are hashed.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            self.write_u64(chunk.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        // 2^64 divided by the golden ratio, as in Knuth's multiplicative hashing (The Art of Computer Programming 3, 6.4).
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table uses the lowest and the highest bits, and a product has its best in the middle.
        self.0 ^ (self.0 >> 32)
    }
}
