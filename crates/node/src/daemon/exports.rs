//! The exports of a result: made of its file afterwards, so no round waits for them.

use protocol::round::Phase;

use super::hub::Hub;
use crate::result::{Place, ResultError};
use crate::store::{Reads, StoreError};

impl Hub {
    /// Writes the exports of a result that has just come.
    pub(super) fn export(&self, computation: &str, period: &str) {
        if let Ok(place) = Place::new(&self.settings.data_dir, computation, period) {
            let settings = &self.settings;
            write(place, settings.export_json, settings.export_csv);
        }
    }

    /// Writes the exports that are missing: the node may have ended between a result and its exports.
    pub(super) fn export_what_is_missing(&self) -> Result<(), StoreError> {
        let rounds = self.reads().rounds()?;
        for row in rounds.iter().filter(|row| row.phase == Phase::Completed.name()) {
            let Ok(place) = Place::new(&self.settings.data_dir, &row.computation, &row.period) else { continue };
            let json = self.settings.export_json && !place.json().exists();
            let csv = self.settings.export_csv && !place.csv().exists();
            // Where there is no result, this party learns none or has deleted it.
            if (json || csv) && place.result().exists() {
                place.sweep();
                write(place, json, csv);
            }
        }
        Ok(())
    }
}

fn write(place: Place, json: bool, csv: bool) {
    rayon::spawn(move || {
        let written = || -> Result<(), ResultError> {
            let file = place.open()?;
            if json {
                place.export_json(&file)?;
            }
            if csv {
                place.export_csv(&file)?;
            }
            Ok(())
        };
        if let Err(error) = written() {
            let (computation, period) = (place.computation(), place.period());
            tracing::error!(target: "result", %computation, %period, %error, "the result could not be exported");
        }
    });
}
