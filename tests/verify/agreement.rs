//! An agreement file as the library has it: as much of TOML as these tests write.

use protocol::agreement::{
    Agreement, AgreementDraft, ColumnDraft, ComputationDraft, LegalDraft, PartyDraft, RatioDraft, RowsDraft,
    SharingDraft,
};
use toml::{Table, Value};

/// The agreement.
pub(crate) fn read(text: &str) -> Agreement {
    let table: Table = text.parse().expect("TOML");
    let draft = AgreementDraft {
        name: string(&table, "name"),
        version: table["version"].as_integer(),
        parties: tables(&table, "party").map(party).collect(),
        legal: Some(LegalDraft {
            purpose: table["legal"].get("purpose").and_then(|text| text.as_str().map(Into::into)),
            ..LegalDraft::default()
        }),
        computations: tables(&table, "computation").map(computation).collect(),
    };
    draft.validate().unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn party(table: &Table) -> PartyDraft {
    PartyDraft {
        id: string(table, "id"),
        name: string(table, "name"),
        roles: strings(table, "roles"),
        signing_key: string(table, "signing_key"),
    }
}

fn computation(table: &Table) -> ComputationDraft {
    let time = |name: &str| string(table, name).map(|text| humantime::parse_duration(&text).expect("a time"));
    ComputationDraft {
        id: string(table, "id"),
        title: string(table, "title"),
        sharing: Some(match &table["sharing"] {
            Value::String(name) => SharingDraft::Named(name.clone()),
            scheme => SharingDraft::Shamir { threshold: scheme["shamir"]["threshold"].as_integer() },
        }),
        adversary: string(table, "adversary"),
        min_contributors: table.get("min_contributors").and_then(Value::as_integer),
        calendar: string(table, "calendar"),
        collect_for: time("collect_for"),
        attempt_deadline: time("attempt_deadline"),
        give_up_after: time("give_up_after"),
        rows: Some(match table["rows"].as_integer() {
            Some(count) => RowsDraft::Count(count),
            None => RowsDraft::Labels(strings(table, "rows").expect("labels")),
        }),
        columns: tables(table, "column").map(column).collect(),
        ratios: tables(table, "ratio").map(ratio).collect(),
    }
}

fn column(table: &Table) -> ColumnDraft {
    let bound = |name: &str| Some(table[name].as_integer().expect("whole bounds").to_string());
    ColumnDraft {
        name: string(table, "name"),
        unit: string(table, "unit"),
        decimals: table["decimals"].as_integer(),
        min: bound("min"),
        max: bound("max"),
        statistics: strings(table, "statistics"),
    }
}

fn ratio(table: &Table) -> RatioDraft {
    RatioDraft {
        name: string(table, "name"),
        numerator: string(table, "numerator"),
        denominator: string(table, "denominator"),
    }
}

fn tables<'a>(table: &'a Table, name: &str) -> impl Iterator<Item = &'a Table> {
    table.get(name).and_then(Value::as_array).into_iter().flatten().map(|one| one.as_table().expect("a table"))
}

fn string(table: &Table, name: &str) -> Option<String> {
    table.get(name)?.as_str().map(Into::into)
}

fn strings(table: &Table, name: &str) -> Option<Vec<String>> {
    Some(table.get(name)?.as_array()?.iter().map(|one| one.as_str().expect("a text").into()).collect())
}
