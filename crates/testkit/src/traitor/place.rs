//! A traitor's workplace: its input from a file, everything else in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use node::input::{self, ReadError};
use protocol::round::{Cores, Finish, Object, Terms, Workplace};
use sharing::Encoded;
use zeroize::Zeroizing;

type Chunks = Vec<Zeroizing<Vec<u8>>>;

/// Where the elements of one round live.
pub struct Memory {
    input: PathBuf,
    objects: BTreeMap<Object, Chunks>,
}

impl Memory {
    pub(super) fn new(input: PathBuf) -> Self {
        Self { input, objects: BTreeMap::new() }
    }

    /// Puts other bytes in the place of an object of one chunk. False where there is none.
    pub fn replace(&mut self, object: Object, bytes: Vec<u8>) -> bool {
        let known = self.objects.get_mut(&object);
        known.map(|chunks| *chunks = vec![Zeroizing::new(bytes)]).is_some()
    }

    pub(super) fn erase(&mut self, object: Object) {
        self.objects.remove(&object);
    }

    pub(super) fn erase_all(&mut self) {
        self.objects.clear();
    }
}

impl Cores for Memory {}

impl Workplace for Memory {
    fn snapshot(&mut self, terms: &Terms, seen: &mut dyn FnMut(&Encoded)) -> Result<(), Vec<String>> {
        let mut chunks = Chunks::new();
        let read = input::read(&self.input, terms.computation(), |_, encoded| {
            let mut bytes = Zeroizing::new(Vec::new());
            encoded.cells().write_to(&mut bytes);
            seen(&encoded);
            chunks.push(bytes);
            Ok::<(), String>(())
        });
        read.map_err(|error| match error {
            ReadError::Input(errors) => errors.lines(),
            ReadError::Sink(error) => vec![error],
        })?;
        self.objects.insert(Object::Snapshot, chunks);
        Ok(())
    }

    fn create(&mut self, _: &Terms, object: Object) -> Result<(), String> {
        self.objects.insert(object, Chunks::new());
        Ok(())
    }

    fn append(&mut self, object: Object, chunk: &[u8]) -> Result<(), String> {
        let chunks = self.objects.get_mut(&object).ok_or("nothing was begun")?;
        chunks.push(Zeroizing::new(chunk.to_vec()));
        Ok(())
    }

    fn commit(&mut self, _: Object) -> Result<(), String> {
        Ok(())
    }

    fn read(&mut self, object: Object, chunk: u64, into: &mut Zeroizing<Vec<u8>>) -> Result<(), String> {
        let chunk = usize::try_from(chunk).map_err(|error| error.to_string())?;
        let bytes = self.objects.get(&object).and_then(|chunks| chunks.get(chunk)).ok_or("nothing to read")?;
        into.clear();
        into.extend_from_slice(bytes);
        Ok(())
    }

    fn append_totals(&mut self, _: &Terms, _: u64, _: &[i128]) -> Result<(), String> {
        Ok(())
    }

    fn finish_result(&mut self, _: &Terms, _: &Finish) -> Result<(), String> {
        Ok(())
    }
}
