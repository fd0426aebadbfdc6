//! What a demo checks after its round: every party's result, and every party's audit log.

use audit::{Event, Reader};
use node::result::{Place, ResultFile};
use protocol::agreement::Agreement;
use protocol::round::Proven;

use super::daemons::Party;
use crate::dossier_file::{Kind, verify};
use crate::exit::{Exit, Failure};

/// Opens every party's result: the same digest everywhere, and the sum that the contributors' figures have by plain
/// arithmetic. `expected` gives that for their ids, where they may be in a result.
pub(super) fn results(
    parties: &[Party],
    computation: &str,
    period: &str,
    expected: impl Fn(&[String]) -> Option<i128>,
) -> Result<Vec<ResultFile>, Failure> {
    let wrong =
        |party: &Party, what: &dyn std::fmt::Display| Failure::new(Exit::Unverified, format!("{}: {what}", party.id));
    let mut files: Vec<ResultFile> = Vec::new();
    for party in parties {
        let place = Place::new(&party.data_dir, computation, period).map_err(|error| wrong(party, &error))?;
        let file = place.open().map_err(|error| wrong(party, &error))?;
        let mut blocks = file.blocks();
        let mut totals = Vec::new();
        while let Some((_, rows)) = blocks.next_block().map_err(|error| wrong(party, &error))? {
            totals.extend(rows.flatten().copied());
        }
        if expected(&file.meta().contributors).is_none_or(|expected| totals != [expected]) {
            return Err(wrong(party, &"the result is not the sum of the figures"));
        }
        if files.first().is_some_and(|first| first.meta().digest != file.meta().digest) {
            return Err(wrong(party, &"the result's digest is not the one at the first party"));
        }
        files.push(file);
    }
    Ok(files)
}

/// Checks every party's bundle as an outsider does, with the agreement and nothing else, where the round has bundles. Gives
/// how many there are.
pub(super) fn bundles(
    parties: &[Party],
    agreement: &Agreement,
    computation: &str,
    period: &str,
    results: &[ResultFile],
) -> Result<usize, Failure> {
    let mut checked = 0;
    for (party, result) in parties.iter().zip(results) {
        let wrong = |what: &dyn std::fmt::Display| Failure::new(Exit::Unverified, format!("{}: {what}", party.id));
        let place = Place::new(&party.data_dir, computation, period).map_err(|error| wrong(&error))?;
        if place.stored_bundle().is_none() {
            continue;
        }
        match verify(&place.bundle(), Kind::Bundle, agreement)? {
            Proven::Result(proven) if proven.digest == result.meta().digest => checked += 1,
            _ => return Err(wrong(&"the bundle is not that of the result")),
        }
    }
    Ok(checked)
}

/// Reads every party's log from end to end: no gap, one approval before one dealing, and one release where there is a
/// result. Gives the number of records.
pub(super) fn logs(parties: &[Party], computation: &str, period: &str, result: bool) -> Result<u64, Failure> {
    let mut count = 0;
    for party in parties {
        let log = party.data_dir.join("audit/log.jsonl");
        let wrong = |what: &dyn std::fmt::Display| Failure::new(Exit::Unverified, format!("{}: {what}", log.display()));
        let (mut approved, mut dealt, mut released) = (0, 0, 0);
        for record in Reader::open(&log).map_err(|error| wrong(&error))? {
            let record = record.map_err(|error| wrong(&error))?;
            count += 1;
            let ours = record
                .round
                .as_ref()
                .is_some_and(|round| round.computation.as_str() == computation && round.period.as_str() == period);
            match record.event {
                Event::ApprovalGiven { .. } if ours && dealt == 0 => approved += 1,
                Event::DealSent if ours && approved == 1 => dealt += 1,
                Event::ResultReleased { .. } if ours && dealt == 1 => released += 1,
                _ => {}
            }
        }
        // A round that ended early may have ended before this party dealt.
        let good =
            if result { (approved, dealt, released) == (1, 1, 1) } else { approved.max(dealt) <= 1 && released == 0 };
        if !good {
            return Err(wrong(&"one approval, then one dealing, then one release is the most that it should show"));
        }
    }
    Ok(count)
}
