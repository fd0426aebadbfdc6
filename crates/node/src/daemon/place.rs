//! Where a round's jobs work: sealed chunk files, the input file, the result file.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use protocol::round::{Cores, Finish, Object, Terms, Workplace};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use sharing::{Cells, Encoded};
use zeroize::Zeroizing;

use super::progress::Progress;
use crate::input::{self, ReadError};
use crate::releases::Releases;
use crate::result::{PartialSum, Place, ResultMeta, ResultWriter, Shape};
use crate::settings::Settings;
use crate::vault::{Reader, Vault, Writer};

/// The workplace of one round at this node.
pub(crate) struct RoundPlace {
    settings: Arc<Settings>,
    vault: Vault,
    releases: Arc<Releases>,
    round: [u8; 32],
    writers: BTreeMap<Object, Writer>,
    /// Open files, so that a chunk costs one read.
    readers: BTreeMap<Object, Reader>,
    result: Option<ResultWriter>,
    progress: Arc<Progress>,
}

impl RoundPlace {
    pub(crate) fn new(settings: Arc<Settings>, vault: Vault, releases: Arc<Releases>, round: [u8; 32]) -> Self {
        let (writers, readers, progress) = (BTreeMap::new(), BTreeMap::new(), Arc::default());
        Self { settings, vault, releases, round, writers, readers, result: None, progress }
    }

    /// How far the work goes that is spread over cores.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    fn result_place(&self, terms: &Terms) -> Result<Place, String> {
        Place::new(&self.settings.data_dir, &terms.computation().id, terms.period()).map_err(text)
    }

    /// Forgets an object, and any open file of it.
    pub(crate) fn erase(&mut self, object: Object) -> Result<(), String> {
        self.writers.remove(&object);
        self.readers.remove(&object);
        self.vault.erase(&self.round, &object.to_string()).map_err(text)
    }

    /// Forgets all objects of the round.
    pub(crate) fn erase_all(&mut self) -> Result<(), String> {
        self.writers.clear();
        self.readers.clear();
        self.result = None;
        self.vault.erase_round(&self.round).map_err(text)
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}

impl Cores for RoundPlace {
    fn spread(&mut self, what: &'static str, tasks: usize, task: &(dyn Fn(usize) -> Vec<u8> + Sync)) -> Vec<Vec<u8>> {
        self.progress.begin(what, tasks);
        let done = |number| {
            let yielded = task(number);
            self.progress.step();
            yielded
        };
        let yielded = (0..tasks).into_par_iter().map(done).collect();
        self.progress.end();
        yielded
    }
}

impl Workplace for RoundPlace {
    fn snapshot(&mut self, terms: &Terms, seen: &mut dyn FnMut(&Encoded)) -> Result<(), Vec<String>> {
        let line = |error: String| vec![error];
        self.create(terms, Object::Snapshot).map_err(line)?;
        let Some(writer) = self.writers.get_mut(&Object::Snapshot) else { return Err(line("no snapshot".into())) };
        let file = self.settings.input_file(&terms.computation().id, terms.period());
        let mut bytes = Zeroizing::new(Vec::new());
        let read = input::read(&file, terms.computation(), |_, encoded| {
            bytes.clear();
            encoded.cells().write_to(&mut bytes);
            seen(&encoded);
            writer.append(&bytes)
        });
        match read {
            Ok(report) => {
                for warning in report.warnings {
                    tracing::warn!(target: "input", "{warning}");
                }
                self.commit(Object::Snapshot).map_err(line)
            }
            Err(error) => {
                self.writers.remove(&Object::Snapshot);
                Err(match error {
                    ReadError::Input(errors) => errors.lines(),
                    ReadError::Sink(error) => line(text(error)),
                })
            }
        }
    }

    fn create(&mut self, terms: &Terms, object: Object) -> Result<(), String> {
        self.erase(object)?;
        let chunk = if object == Object::Snapshot { terms.layout().chunk_bytes(0) } else { terms.chunk_bytes(0) };
        let writer = self.vault.create(&self.round, &object.to_string(), chunk).map_err(text)?;
        self.writers.insert(object, writer);
        Ok(())
    }

    fn append(&mut self, object: Object, chunk: &[u8]) -> Result<(), String> {
        self.writers.get_mut(&object).ok_or("nothing was begun")?.append(chunk).map_err(text)
    }

    fn commit(&mut self, object: Object) -> Result<(), String> {
        self.writers.remove(&object).ok_or("nothing was begun")?.commit().map_err(text)
    }

    fn read(&mut self, object: Object, chunk: u64, into: &mut Zeroizing<Vec<u8>>) -> Result<(), String> {
        if !self.readers.contains_key(&object) {
            let reader = self.vault.read(&self.round, &object.to_string()).map_err(text)?;
            self.readers.insert(object, reader);
        }
        self.readers.get(&object).ok_or("nothing to read")?.read(chunk, into).map_err(text)
    }

    fn append_totals(&mut self, terms: &Terms, chunk: u64, totals: &[i128]) -> Result<(), String> {
        if chunk == 0 {
            let rows = terms.computation().rows.len();
            let columns = u32::try_from(terms.columns().len()).map_err(text)?;
            let shape = Shape { field: terms.layout().field, rows, columns };
            // One that was begun before goes first: both have one temporary name.
            self.result = None;
            self.result = Some(ResultWriter::create(&self.result_place(terms)?, shape).map_err(text)?);
        }
        let writer = self.result.as_mut().ok_or("no result was begun")?;
        writer.append(chunk * sharing::CHUNK_CELLS as u64, totals).map_err(text)
    }

    fn finish_result(&mut self, terms: &Terms, result: &Finish) -> Result<(), String> {
        let contributors: Vec<String> = result.contributors.iter().map(|&p| terms.party_id(p).to_owned()).collect();
        let warnings = self.releases.warnings(terms, &contributors);
        let mut meta = ResultMeta::new(
            terms.computation(),
            terms.period(),
            terms.round().0,
            terms.agreement().0,
            contributors,
            result.digest,
        );
        meta.warnings = warnings;
        for (party, bytes) in &result.partials {
            let cells = Cells::read(terms.layout().field, bytes).map_err(text)?;
            meta.partials.push(PartialSum::new(terms.party_id(*party), &cells));
        }
        // The bundle first: what makes a result visible is its file.
        if let Some(bundle) = &result.bundle {
            self.result_place(terms)?.write_bundle(bundle).map_err(text)?;
        }
        self.result.take().ok_or("no result was begun")?.finish(meta).map_err(text)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocol::agreement::PartyIndex;

    use super::*;
    use crate::book::tests::{agreement, directory};
    use crate::seal::StorageKey;

    #[test]
    fn a_result_that_is_begun_anew_is_the_later_one() {
        let (_directory, settings) = directory();
        std::fs::create_dir(&settings.data_dir).expect("created");
        let vault = Vault::open(&settings.data_dir, &StorageKey::from_bytes(&[7; 32])).expect("opens");
        let terms = Terms::new(&agreement(3), "average-expenditure", "2026-Q3", 0, PartyIndex(0)).expect("a round");
        let mut place = RoundPlace::new(Arc::new(settings), vault, Arc::default(), terms.round().0);
        for totals in [[7], [9]] {
            place.append_totals(&terms, 0, &totals).expect("written");
        }
        let finish = Finish { contributors: vec![0, 1, 2], digest: [1; 32], partials: Vec::new(), bundle: None };
        place.finish_result(&terms, &finish).expect("finished");
        let file = place.result_place(&terms).and_then(|place| place.open().map_err(text)).expect("verified");
        let mut blocks = file.blocks();
        let (_, mut rows) = blocks.next_block().expect("read").expect("a row");
        assert_eq!(rows.next(), Some([9].as_slice()));
    }
}
