//! From a byte or a key of a file to its line.

use std::collections::BTreeMap;

/// Where the lines of a file begin and on which line each key stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    starts: Vec<usize>,
    keys: BTreeMap<String, usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { starts, keys: BTreeMap::new() }
    }

    /// Notes that the key stands at that byte. The first note of a key stays.
    pub(super) fn note(&mut self, key: &str, byte: usize) {
        let line = self.starts.partition_point(|start| *start <= byte);
        self.keys.entry(key.into()).or_insert(line);
    }

    /// Line of a key, counted from 1; of the table around it where the key itself is missing.
    pub(super) fn of(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some(line) = self.keys.get(key) {
                return *line;
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_has_the_line_of_its_table() {
        let text = "a\nb\nc";
        let mut lines = Lines::new(text);
        lines.note("computation[0]", 2);
        lines.note("computation[0].id", 4);
        assert_eq!(lines.of("computation[0].id"), 3);
        assert_eq!(lines.of("computation[0].column[1].max"), 2);
        assert_eq!(lines.of("party"), 1);
    }
}
