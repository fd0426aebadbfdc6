//! What was released before, by whose inputs: two sums over the same rows whose contributors differ by few parties
//! differ by what these few contributed, and little else where figures move slowly.
//!
//! The sets are those of the rounds that this party saw completed. An input party that neither computes nor learns
//! results is not told them, and gets no warning.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use protocol::round::{Phase, Terms};

use crate::status::{RoundStatus, rows_name};
use crate::store::RoundRow;

/// Periods that one warning names.
const MOST_PERIODS: usize = 4;

/// One completed round.
#[derive(Debug)]
struct Release {
    computation: String,
    period: String,
    rows: String,
    contributors: Vec<String>,
}

/// The completed rounds of this party.
#[derive(Debug, Default)]
pub(crate) struct Releases(Mutex<Vec<Release>>);

impl Releases {
    /// Those that the store has. A view that another version wrote is passed over.
    pub(crate) fn of(rounds: &[RoundRow]) -> Self {
        let releases = Self::default();
        for row in rounds.iter().filter(|row| row.phase == Phase::Completed.name()) {
            if let Ok(status) = serde_json::from_str::<RoundStatus>(&row.view) {
                releases.add(&status);
            }
        }
        releases
    }

    /// A round has completed.
    pub(crate) fn add(&self, round: &RoundStatus) {
        let RoundStatus { computation, period, rows, contributors, .. } = round.clone();
        if !contributors.is_empty() {
            self.list().push(Release { computation, period, rows, contributors });
        }
    }

    /// One line for each group of fewer than μ parties, and at least one, by which `contributors` differ from those of
    /// another period's release of the same computation over the same rows.
    pub(crate) fn warnings(&self, terms: &Terms, contributors: &[String]) -> Vec<String> {
        let computation = terms.computation();
        let most = usize::from(computation.min_contributors).saturating_sub(1);
        let rows = rows_name(&computation.rows);
        let comparable = |release: &&Release| {
            release.computation == computation.id
                && release.period != terms.period()
                // A version that kept no name of the rows may have written it: they may be the same.
                && (release.rows == rows || release.rows.is_empty())
        };
        let mut differing: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for release in self.list().iter().filter(comparable) {
            let only = |here: &[String], there: &[String]| -> Vec<String> {
                here.iter().filter(|party| !there.contains(party)).cloned().collect()
            };
            let mut parties = only(contributors, &release.contributors);
            parties.extend(only(&release.contributors, contributors));
            parties.sort();
            if (1..=most).contains(&parties.len()) {
                differing.entry(parties).or_default().push(release.period.clone());
            }
        }
        differing.iter().map(|(parties, periods)| warning(parties, periods)).collect()
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Release>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn warning(parties: &[String], periods: &[String]) -> String {
    let parties = parties.join(", ");
    let mut named = periods.iter().rev().take(MOST_PERIODS).cloned().collect::<Vec<_>>().join(", ");
    if periods.len() > MOST_PERIODS {
        named.push_str(&format!(" and {} more", periods.len() - MOST_PERIODS));
    }
    format!(
        "the contributors differ from those of {named} by {parties}: the results together may disclose what {parties} \
         contributed"
    )
}

#[cfg(test)]
mod tests {
    use protocol::agreement::{Agreement, PartyIndex, RowsDraft};
    use testkit::consortium::{Blueprint, Roles};

    use super::*;

    fn agreement(rows: u32) -> Agreement {
        let mut blueprint = Blueprint::new(1, &[Roles::ALL; 5]);
        let computation = &mut blueprint.draft.computations[0];
        computation.min_contributors = Some(3);
        computation.rows = Some(RowsDraft::Count(rows.into()));
        blueprint.agreement().unwrap()
    }

    fn terms(agreement: &Agreement, period: &str) -> Terms {
        Terms::new(agreement, "total", period, 0, PartyIndex(0)).unwrap()
    }

    fn names(parties: &[u8]) -> Vec<String> {
        parties.iter().map(|party| format!("p{party}")).collect()
    }

    fn released(agreement: &Agreement, period: &str, contributors: &[u8]) -> RoundStatus {
        let mut status = RoundStatus::new(&terms(agreement, period), jiff::Timestamp::UNIX_EPOCH);
        status.contributors = names(contributors);
        status
    }

    #[test]
    fn sets_that_differ_by_fewer_than_the_least_number_of_contributors_are_named() {
        let agreement = agreement(2);
        let now = terms(&agreement, "now");
        let after = |contributors: &[u8]| {
            let releases = Releases::default();
            releases.add(&released(&agreement, "before", contributors));
            releases.warnings(&now, &names(&[0, 1, 2, 3, 4]))
        };
        assert_eq!(after(&[0, 1, 2, 3, 4]), [""; 0], "the same set");
        assert!(after(&[0, 1, 2, 3])[0].contains("those of before by p4: "));
        assert!(after(&[1, 2, 3])[0].contains("by p0, p4: "));
        assert_eq!(after(&[0, 1]), [""; 0], "three parties hide one another");
        assert_eq!(after(&[]), [""; 0], "a set that this party was not told");
        // A party that left and one that came are two by which they differ.
        let releases = Releases::default();
        releases.add(&released(&agreement, "before", &[0, 1, 2, 3]));
        assert!(releases.warnings(&now, &names(&[0, 1, 2, 4]))[0].contains("by p3, p4: "));
    }

    #[test]
    fn only_other_periods_of_the_same_table_count() {
        let agreement = agreement(2);
        let warnings = |status: RoundStatus| {
            let releases = Releases::default();
            releases.add(&status);
            releases.warnings(&terms(&agreement, "now"), &names(&[0, 1, 2, 3, 4])).len()
        };
        let released = |change: fn(&mut RoundStatus)| {
            let mut status = released(&agreement, "before", &[0, 1, 2, 3]);
            change(&mut status);
            status
        };
        assert_eq!(warnings(released(|_| {})), 1);
        assert_eq!(warnings(released(|round| round.period = "now".into())), 0);
        assert_eq!(warnings(released(|round| round.computation = "other".into())), 0);
        assert_eq!(warnings(released(|round| round.rows = rows_name(&protocol::agreement::Rows::Count(3)))), 0);
        assert_eq!(warnings(released(|round| round.rows.clear())), 1, "it may have been the same");
    }

    #[test]
    fn periods_with_the_same_difference_share_a_line_and_a_restart_forgets_none() {
        let agreement = agreement(2);
        let releases = Releases::default();
        let mut rows = Vec::new();
        for year in 2020..2026 {
            let mut status = released(&agreement, &year.to_string(), &[0, 1, 2, 3]);
            status.phase = Phase::Completed.name().into();
            releases.add(&status);
            rows.push(RoundRow {
                id: [0; 32],
                computation: status.computation.clone(),
                period: status.period.clone(),
                v: 0,
                agreement_digest: [0; 32],
                phase: status.phase.clone(),
                view: serde_json::to_string(&status).unwrap(),
                started: audit::Time::now(),
                joined: 0,
                void: false,
                abstains: false,
                closed: true,
            });
        }
        let now = terms(&agreement, "now");
        let expected = "those of 2025, 2024, 2023, 2022 and 2 more by p4: ";
        for releases in [releases, Releases::of(&rows)] {
            let warnings = releases.warnings(&now, &names(&[0, 1, 2, 3, 4]));
            assert!(warnings.len() == 1 && warnings[0].contains(expected), "{warnings:?}");
        }
        rows.iter_mut().for_each(|row| row.phase = "abandoned".into());
        assert!(Releases::of(&rows).warnings(&now, &names(&[0, 1, 2, 3, 4])).is_empty());
    }
}
