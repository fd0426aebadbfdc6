//! A workplace in memory: tables of integers, objects as chunks, totals collected.

use std::collections::BTreeMap;

use protocol::round::{Cores, Finish, Object, Terms, Workplace};
use sharing::{CHUNK_CELLS, Cells, Encoded};
use zeroize::Zeroizing;

/// One bulk object.
#[derive(Clone, Default)]
struct Stored {
    chunks: Vec<Vec<u8>>,
    committed: bool,
}

/// Where one party's elements live in a simulation. What was committed is durable.
#[derive(Clone, Default)]
pub struct Memory {
    /// The table in the party's input file, row by row, in units of the last decimal.
    pub input: Vec<i128>,
    /// Elements that a cheat takes for its input, whatever they are.
    pub forged: Option<Vec<u8>>,
    /// How many more writes find no room.
    pub full: u32,
    /// After so many more operations its machine goes down.
    fuel: Option<u32>,
    objects: BTreeMap<Object, Stored>,
    totals: Vec<i128>,
    result: Option<(Vec<i128>, Finish)>,
}

impl Memory {
    /// A party's place before a round.
    #[must_use]
    pub fn new(input: Vec<i128>) -> Self {
        Self { input, ..Self::default() }
    }

    /// The result that was made visible: totals and what completes them.
    #[must_use]
    pub fn result(&self) -> Option<(&[i128], &Finish)> {
        self.result.as_ref().map(|(totals, finish)| (totals.as_slice(), finish))
    }

    /// Whether an object is there and durable.
    #[must_use]
    pub fn holds(&self, object: Object) -> bool {
        self.objects.get(&object).is_some_and(|stored| stored.committed)
    }

    /// The objects that are there, durable or not.
    pub fn objects(&self) -> impl Iterator<Item = Object> {
        self.objects.keys().copied()
    }

    /// Lets the machine go down after so many more operations: none of them takes place then.
    pub(super) fn run_for(&mut self, operations: u32) {
        self.fuel = Some(operations);
    }

    /// The machine went down: what was not committed is gone.
    pub(super) fn crash(&mut self) {
        self.fuel = None;
        self.totals.clear();
        self.objects.retain(|_, stored| stored.committed);
    }

    /// One operation.
    fn burn(&mut self) -> Result<(), String> {
        match &mut self.fuel {
            Some(0) => Err("the machine is down".into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The elements of an object of one chunk.
    #[must_use]
    pub fn elements(&self, object: Object) -> Option<&[u8]> {
        self.objects.get(&object)?.chunks.first().map(Vec::as_slice)
    }

    /// Changes the elements of an object of one chunk.
    pub fn falsify(&mut self, object: Object, elements: Vec<u8>) {
        if let Some(stored) = self.objects.get_mut(&object) {
            stored.chunks = vec![elements];
        }
    }

    /// Forgets an object.
    pub fn erase(&mut self, object: Object) {
        self.objects.remove(&object);
    }

    /// Forgets every object; a result that was made visible stays.
    pub fn erase_all(&mut self) {
        self.objects.clear();
        self.totals.clear();
    }
}

impl Cores for Memory {}

impl Workplace for Memory {
    fn snapshot(&mut self, terms: &Terms, seen: &mut dyn FnMut(&Encoded)) -> Result<(), Vec<String>> {
        self.burn().map_err(|error| vec![error])?;
        let layout = terms.layout();
        if self.input.len() as u64 != layout.cells {
            return Err(vec!["another number of cells than agreed".into()]);
        }
        let mut errors = Vec::new();
        let mut stored = Stored::default();
        if let Some(bytes) = &self.forged {
            let cells = Cells::read(layout.field, bytes).map_err(|error| vec![error.to_string()])?;
            seen(&Encoded::unchecked_cells(cells));
            self.objects.insert(Object::Snapshot, Stored { chunks: vec![bytes.clone()], committed: true });
            return Ok(());
        }
        for (chunk, values) in (0u64..).zip(self.input.chunks(CHUNK_CELLS)) {
            match Encoded::new(layout.field, terms.columns(), chunk * CHUNK_CELLS as u64, values) {
                Ok(encoded) => {
                    let mut bytes = Vec::new();
                    encoded.cells().write_to(&mut bytes);
                    stored.chunks.push(bytes);
                    seen(&encoded);
                }
                Err(error) => errors.push(error.to_string()),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        stored.committed = true;
        self.objects.insert(Object::Snapshot, stored);
        Ok(())
    }

    fn create(&mut self, _: &Terms, object: Object) -> Result<(), String> {
        self.burn()?;
        if self.holds(object) {
            return Err(format!("{object} is written a second time"));
        }
        self.objects.insert(object, Stored::default());
        Ok(())
    }

    fn append(&mut self, object: Object, chunk: &[u8]) -> Result<(), String> {
        self.burn()?;
        if let Some(left) = self.full.checked_sub(1) {
            self.full = left;
            return Err(format!("no room for {object}"));
        }
        match self.objects.get_mut(&object) {
            Some(stored) if !stored.committed => stored.chunks.push(chunk.to_vec()),
            _ => return Err(format!("{object} is not being written")),
        }
        Ok(())
    }

    fn commit(&mut self, object: Object) -> Result<(), String> {
        self.burn()?;
        self.objects.get_mut(&object).ok_or_else(|| format!("no {object}"))?.committed = true;
        Ok(())
    }

    fn read(&mut self, object: Object, chunk: u64, into: &mut Zeroizing<Vec<u8>>) -> Result<(), String> {
        self.burn()?;
        let stored = self.objects.get(&object).filter(|stored| stored.committed);
        let bytes = usize::try_from(chunk).ok().and_then(|chunk| stored?.chunks.get(chunk));
        let bytes = bytes.ok_or_else(|| format!("{object} has no chunk {chunk}"))?;
        into.clear();
        into.extend_from_slice(bytes);
        Ok(())
    }

    fn append_totals(&mut self, _: &Terms, chunk: u64, totals: &[i128]) -> Result<(), String> {
        self.burn()?;
        if chunk == 0 {
            self.totals.clear();
        }
        if self.totals.len() as u64 != chunk * CHUNK_CELLS as u64 {
            return Err("totals out of order".into());
        }
        self.totals.extend_from_slice(totals);
        Ok(())
    }

    fn finish_result(&mut self, _: &Terms, result: &Finish) -> Result<(), String> {
        self.burn()?;
        let totals = core::mem::take(&mut self.totals);
        // After a crash between the result and the commit that tells of it, it is made again.
        if self.result.as_ref().is_some_and(|(known, finish)| *known != totals || finish.digest != result.digest) {
            return Err("a second result".into());
        }
        self.result = Some((totals, result.clone()));
        Ok(())
    }
}
