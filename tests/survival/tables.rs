//! Tables of one column, and the sums that they have by another arithmetic than the daemon's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use testkit::dice::Dice;

use crate::support::{Testbed, simple};

/// A `[[computation]]` of one column, shared among the parties by a threshold.
pub(crate) fn shamir(id: &str, threshold: u16, least: u16, collect_for: &str, give_up_after: &str) -> String {
    let scheme = format!("sharing = {{ shamir = {{ threshold = {threshold} }} }}\nmin_contributors = {least}");
    simple(id, collect_for, give_up_after).replace("sharing = \"additive\"", &scheme)
}

/// The figures of one round at all parties.
pub(crate) struct Table {
    pub(crate) computation: String,
    pub(crate) period: String,
    /// By party and row.
    figures: Vec<Vec<i64>>,
}

impl Table {
    /// Other figures for each period: two periods with one input would wait for a person.
    pub(crate) fn new(computation: &str, period: &str, parties: usize, rows: usize) -> Self {
        let mut dice = Dice::new(4, &format!("{computation}/{period}"));
        let mut figure = || i64::try_from(dice.below(2_000_001)).expect("small") - 1_000_000;
        let figures = (0..parties).map(|_| (0..rows).map(|_| figure()).collect()).collect();
        Self { computation: computation.to_owned(), period: period.to_owned(), figures }
    }

    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.computation, self.period)
    }

    /// A party's input file.
    pub(crate) fn csv(&self, party: usize) -> String {
        self.figures[party].iter().fold("figure\n".to_owned(), |text, figure| text + &figure.to_string() + "\n")
    }

    /// Writes the input of every party where [`by_period`] has them look for it.
    pub(crate) fn give(&self, testbed: &Testbed) {
        (0..testbed.count()).for_each(|party| self.give_as(testbed, party, &self.period));
    }

    /// Writes the input of a party as that of this period.
    pub(crate) fn give_as(&self, testbed: &Testbed, party: usize, period: &str) {
        let folder = testbed.home(party).join("inputs");
        fs::create_dir_all(&folder).expect("made");
        private(&folder.join(format!("{}-{period}.csv", self.computation)), &self.csv(party));
    }

    /// The sum of the first row, with the figure that another table has for a party.
    pub(crate) fn sum(&self, other: Option<(usize, &Table)>) -> String {
        let figure = |party: usize| match other {
            Some((of, table)) if of == party => table.figures[party][0],
            _ => self.figures[party][0],
        };
        (0..self.figures.len()).map(figure).sum::<i64>().to_string()
    }

    /// The sums of a result are those of these parties' figures, and it says that they are theirs.
    #[track_caller]
    pub(crate) fn is_exact(&self, result: &Value, contributors: &[usize]) {
        let names: Vec<String> = contributors.iter().map(|party| format!("p{}", party + 1)).collect();
        assert_eq!(result["contributors"], json!(names), "{}", self.address());
        let rows = result["columns"][0]["rows"].as_array().expect("a list");
        assert_eq!(rows.len(), self.figures[0].len());
        for (row, cell) in rows.iter().enumerate() {
            let sum: i64 = contributors.iter().map(|&party| self.figures[party][row]).sum();
            assert_eq!(cell["sum"], sum.to_string(), "{}, row {row}", self.address());
            assert_eq!(cell["count"], contributors.len());
        }
    }
}

/// Writes a file that its owner alone may read: a daemon warns of others.
fn private(file: &Path, text: &str) {
    fs::write(file, text).expect("written");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("its owner's");
}

/// Makes every party look for the input of each period in a file of its own, as [`Table::give`] writes it.
pub(crate) fn by_period(testbed: &Testbed, computations: &[&str]) {
    for party in 0..testbed.count() {
        for computation in computations {
            let single = computations.len() == 1;
            let name = if single { "input.csv".to_owned() } else { format!("input-{computation}.csv") };
            let to = format!("file = \"inputs/{computation}-{{period}}.csv\"");
            testbed.edit(&testbed.node_file(party), &format!("file = \"{name}\""), &to);
        }
    }
}
