//! The tables of the guidance: inputs, partial sums, total, average.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use node::result::ResultFile;
use protocol::agreement::SharingDraft;
use sharing::decimal::Decimal;

use super::DECIMALS;
use super::daemons::Party;
use crate::exit::{Exit, Failure};

fn table(header: &[&str]) -> Table {
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
    let n = parties.len();
    let (published, together) = captions(n, sharing);
    let mut inputs = table(&["party", "input, GBP", "leaves the party"]);
    for (party, figure) in parties.iter().zip(figures) {
        let others = format!("{} random-looking shares", n - 1);
        inputs.add_row([party.id.as_str(), figure, &others]);
    }
    let mut partials = table(&["party", "partial sum it publishes (an element of the field)"]);
    for partial in results.first().map(|file| file.meta().partials.as_slice()).unwrap_or_default() {
        let elements: Vec<String> = partial.elements.iter().map(ToString::to_string).collect();
        partials.add_row([partial.holder.clone(), elements.join(", ")]);
    }
    let count = u32::try_from(n).unwrap_or(u32::MAX);
    let mut joint = table(&["", "GBP"]);
    joint.add_row(["total expenditure".to_owned(), total.to_string()]);
    joint.add_row([format!("average of {n}"), Decimal::mean(total.units, count, DECIMALS).to_string()]);
    format!(
        "What each party put in; no other party saw it:\n{inputs}\n\n\
         {published}:\n{partials}\n\n\
         {together}, and all that anybody learnt:\n{joint}\n\n\
         {n} processes, {n} results with one digest, {n} audit logs with {records} records in order.",
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

/// The result object, and the parties.
pub(super) fn json(
    results: &[ResultFile],
    bundle: Option<&str>,
    parties: &[Party],
    pids: &[u32],
) -> Result<String, Failure> {
    let other = |error: &dyn std::fmt::Display| Failure::new(Exit::Other, error.to_string());
    let mut text = Vec::new();
    if let Some(file) = results.first() {
        file.write_json(&mut text, bundle).map_err(|error| other(&error))?;
    }
    let parties = parties.iter().zip(pids).map(|(party, pid)| serde_json::json!({ "id": party.id, "pid": pid }));
    let parties = serde_json::Value::Array(parties.collect()).to_string();
    // The keys keep the order in which the result has them.
    let result = String::from_utf8(text).map_err(|error| other(&error))?;
    let open = result.trim_end().strip_suffix('}').ok_or_else(|| other(&"the result is no JSON object"))?;
    Ok(format!("{open},\"parties\":{parties}}}"))
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
