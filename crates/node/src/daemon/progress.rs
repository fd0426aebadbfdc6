//! How far heavy work of a round has come, for people who watch (`round show`, `demo`), and what it has cost.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::status::{WorkDone, WorkStatus};

/// Of one round. The work writes it, the hub reads it.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    now: Option<(Instant, WorkStatus)>,
    done: Vec<WorkDone>,
    /// What of the job that runs was spread over cores.
    spread: Duration,
    /// The exact times, in the order of `done`.
    exact: Vec<Duration>,
}

impl State {
    fn add(&mut self, what: &str, took: Duration) {
        let place = self.done.iter().position(|done| done.what == what).unwrap_or_else(|| {
            self.done.push(WorkDone { what: what.to_owned(), ms: 0 });
            self.exact.push(Duration::ZERO);
            self.done.len() - 1
        });
        if let (Some(done), Some(exact)) = (self.done.get_mut(place), self.exact.get_mut(place)) {
            *exact += took;
            done.ms = u64::try_from(exact.as_millis()).unwrap_or(u64::MAX);
        }
    }
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
        let took = since.elapsed();
        state.spread += took;
        state.add(&status.what, took);
    }

    /// A job was done in that time. What of it was not spread over cores is told as a whole.
    pub(super) fn worked(&self, took: Duration) {
        let mut state = self.state();
        let rest = took.saturating_sub(std::mem::take(&mut state.spread));
        state.add("computing", rest);
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
