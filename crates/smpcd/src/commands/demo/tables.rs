//! The tables of the guidance: inputs, partial sums, total, average.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use node::result::ResultFile;
use protocol::agreement::SharingDraft;
use sharing::decimal::Decimal;

use super::DECIMALS;
use super::daemons::Party;
use crate::exit::{Exit, Failure};

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What a person sees.
pub(super) fn text(
    results: &[ResultFile],
    parties: &[Party],
    figures: &[String],
    total: Decimal,
    records: u64,
    sharing: &SharingDraft,
) -> String {
    let (n, processes) = (results.first().map_or(0, |file| file.meta().contributors.len()), parties.len());
    let (published, together) = captions(figures.len(), sharing);
    let mut inputs = table(&["party", "input, GBP", "leaves the party"]);
    for (number, figure) in (1..).zip(figures) {
        let others = format!("{} random-looking shares", figures.len() - 1);
        inputs.add_row([format!("p{number}"), figure.clone(), others]);
    }
    let mut partials = table(&["party", "partial sum it publishes (an element of the field)"]);
    for partial in results.first().map(|file| file.meta().partials.as_slice()).unwrap_or_default() {
        partials.add_row([partial.holder.clone(), partial.elements.join(", ")]);
    }
    let count = u32::try_from(n).unwrap_or(u32::MAX);
    let mut joint = table(&["", "GBP"]);
    joint.add_row(["total expenditure".to_owned(), total.to_string()]);
    joint.add_row([format!("average of {n}"), Decimal::mean(total.units, count, DECIMALS).to_string()]);
    format!(
        "What each party put in; no other party saw it:\n{inputs}\n\n\
         {published}:\n{partials}\n\n\
         {together}, and all that anybody learnt:\n{joint}\n\n\
         {processes} processes, {processes} results with one digest, {processes} audit logs with {records} records in order.",
    )
}

/// What stands above the partial sums of n parties, and above what they give.
fn captions(n: usize, sharing: &SharingDraft) -> (String, String) {
    match sharing {
        SharingDraft::Shamir { threshold: Some(k) } => (
            format!(
                "What each party published: points of one polynomial. They do not add up to the sum;\n\
                 any {k} of them give it, and fewer say nothing about it"
            ),
            format!("What any {k} of them together give"),
        ),
        _ => (
            format!("What each party published; any {} of these say nothing about the sum", n - 1),
            "What all of them together give".to_owned(),
        ),
    }
}

/// The result object, with more keys behind its own.
pub(super) fn json(
    file: &ResultFile,
    bundle: Option<&str>,
    more: &[(&str, serde_json::Value)],
) -> Result<String, Failure> {
    let mut text = Vec::new();
    file.write_json(&mut text, bundle).map_err(|error| Failure::new(Exit::Other, error))?;
    crate::commands::round::with_keys(&text, more)
}

/// The processes.
pub(super) fn processes(parties: &[Party], pids: &[u32]) -> serde_json::Value {
    let parties = parties.iter().zip(pids).map(|(party, pid)| serde_json::json!({ "id": party.id, "pid": pid }));
    serde_json::Value::Array(parties.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_say_what_partial_sums_give() {
        let (published, together) = captions(5, &SharingDraft::Shamir { threshold: Some(3) });
        assert!(published.contains("They do not add up to the sum;\nany 3 of them give it, and fewer say nothing"));
        assert_eq!(together, "What any 3 of them together give");
        let (published, together) = captions(5, &SharingDraft::Named("additive".into()));
        assert!(published.ends_with("any 4 of these say nothing about the sum"));
        assert_eq!(together, "What all of them together give");
    }
}
