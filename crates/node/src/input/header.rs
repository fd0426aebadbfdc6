//! The first line: which field is which column.

use protocol::agreement::{Computation, Rows};

use super::ROW_COLUMN;
use super::problem::{InputErrors, Rule};

/// What a field of every line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The label of the row.
    Label,
    /// The cell of that column of the agreement.
    Column(usize),
    /// Under a header that was reported.
    Unknown,
}

/// Whether the rows have labels, and so a column for them.
pub(super) fn labelled(computation: &Computation) -> bool {
    matches!(computation.rows, Rows::Labels(_))
}

/// The header as the agreement would write it, for errors.
pub(super) fn expected(computation: &Computation) -> String {
    /// A list of more names than these helps nobody.
    const MOST_NAMES: usize = 12;
    let row = labelled(computation).then_some(ROW_COLUMN);
    let names: Vec<&str> = row.into_iter().chain(computation.columns.iter().map(|c| c.name.as_str())).collect();
    match names.get(..MOST_NAMES) {
        Some(first) if names.len() > MOST_NAMES => format!("{},… ({} names)", first.join(","), names.len()),
        _ => names.join(","),
    }
}

/// Matches the fields of the first line with the agreement's columns, in any order, and reports what does not match.
/// None where nothing does: then this is no header, and the lines below say nothing either.
pub(super) fn match_header(
    fields: &[&[u8]],
    line: u64,
    computation: &Computation,
    errors: &mut InputErrors,
) -> Option<Vec<Field>> {
    let at = Some(line);
    let label = labelled(computation);
    let identify = |name: &[u8]| {
        if label && name == ROW_COLUMN.as_bytes() {
            return Field::Label;
        }
        let column = computation.columns.iter().position(|column| column.name.as_bytes() == name);
        column.map_or(Field::Unknown, Field::Column)
    };
    // Such a file is one line: all of its text would be headers.
    if fields.iter().any(|name| name.contains(&b'\r')) {
        errors.push(at, None, Rule::LineEnds);
        return None;
    }
    let mut found: Vec<Field> = fields.iter().map(|name| identify(name)).collect();
    if found.iter().all(|field| *field == Field::Unknown) {
        errors.push(at, None, no_header(fields, computation));
        return None;
    }
    for position in 0..found.len() {
        let field = found[position];
        let name = match field {
            Field::Unknown => {
                let rule = if fields[position].is_empty() { Rule::BlankHeader } else { Rule::UnknownColumn };
                errors.push(at, None, rule(position + 1));
                continue;
            }
            Field::Column(column) => computation.columns[column].name.as_str(),
            Field::Label => ROW_COLUMN,
        };
        if let Some(first) = found[..position].iter().position(|earlier| *earlier == field) {
            errors.push(at, Some(name), Rule::RepeatedColumn(first + 1, position + 1));
            found[position] = Field::Unknown;
        }
    }
    if label && found.first() != Some(&Field::Label) {
        errors.push(at, None, Rule::RowColumn);
    }
    for (column, described) in computation.columns.iter().enumerate() {
        if !found.contains(&Field::Column(column)) {
            errors.push(at, Some(&described.name), Rule::MissingColumn);
        }
    }
    Some(found)
}

/// Why a line of which no field is known is none: the usual slips have words of their own.
fn no_header(fields: &[&[u8]], computation: &Computation) -> Rule {
    let first = fields.first().copied().unwrap_or_default();
    if std::str::from_utf8(first).is_err() {
        return Rule::NotUtf8;
    }
    match fields.len() {
        1 if first.contains(&b';') => Rule::Separator("semicolons"),
        1 if first.contains(&b'\t') => Rule::Separator("tabs"),
        _ => Rule::NotAHeader(expected(computation)),
    }
}
