//! How far heavy work of a round has come, for people who watch (`round show`, `demo`), and what it has cost.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::status::{WorkDone, WorkStatus};

/// Of one round. The work writes it, the hub reads it.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    now: Option<(Instant, WorkStatus)>,
    done: Vec<WorkDone>,
}

impl Progress {
    pub(super) fn begin(&self, what: &'static str, tasks: usize) {
        let status = WorkStatus { what: what.to_owned(), done: 0, of: tasks as u64 };
        self.state().now = Some((Instant::now(), status));
    }

    pub(super) fn step(&self) {
        if let Some((_, status)) = &mut self.state().now {
            status.done += 1;
        }
    }

    pub(super) fn end(&self) {
        let mut state = self.state();
        let Some((since, status)) = state.now.take() else { return };
        let took = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        match state.done.iter_mut().find(|done| done.what == status.what) {
            Some(done) => done.ms += took,
            None => state.done.push(WorkDone { what: status.what, ms: took }),
        }
    }

    /// What is being done, if anything is.
    pub(super) fn now(&self) -> Option<WorkStatus> {
        self.state().now.as_ref().map(|(_, status)| status.clone())
    }

    /// What was done, with the time that it took.
    pub(super) fn done(&self) -> Vec<WorkDone> {
        self.state().done.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
