//! The rules of columns, their bounds and statistics, and of the figures derived from them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::words::{self, quoted};
use super::super::{
    CellBounds, Column, ColumnDraft, MAX_COLUMNS, MAX_DECIMALS, MAX_RATIOS, Ratio, RatioDraft, Statistic,
};
use super::Check;
use super::text::SHORT;

impl Check {
    pub(super) fn columns(&mut self, key: &str, drafts: &[ColumnDraft]) -> Option<Vec<Column>> {
        let table = format!("{key}.column");
        self.count(&table, drafts.len(), 1, MAX_COLUMNS, "[[computation.column]]");
        let columns: Vec<_> =
            drafts.iter().enumerate().map(|(i, draft)| self.column(&format!("{table}[{i}]"), draft)).collect();
        self.unique(&table, "name", drafts.iter().map(|c| c.name.as_deref()));
        columns.into_iter().collect()
    }

    fn column(&mut self, key: &str, draft: &ColumnDraft) -> Option<Column> {
        let at = |name: &str| format!("{key}.{name}");
        let name = self.needed(&at("name"), draft.name.as_deref(), "write the column's header in the input file");
        let name = name.and_then(|name| self.text(&at("name"), name, SHORT));
        if name.as_deref() == Some("row") {
            self.refuse(at("name"), "\"row\" is the header of the row labels; write another name");
        }
        let unit = match draft.unit.as_deref() {
            None | Some("") => Some(String::new()),
            Some(unit) => self.text(&at("unit"), unit, SHORT),
        };
        let bounds = self.bounds(key, draft);
        let statistics = self.statistics(&at("statistics"), draft.statistics.as_deref());
        Some(Column { name: name?, unit: unit?, bounds: bounds?, statistics: statistics? })
    }

    fn bounds(&mut self, key: &str, draft: &ColumnDraft) -> Option<CellBounds> {
        let rule = format!("write how many decimals each figure has, 0 to {MAX_DECIMALS}");
        let decimals_key = format!("{key}.decimals");
        let decimals = self.needed(&decimals_key, draft.decimals, &rule);
        let valid = decimals.and_then(|d| u8::try_from(d).ok()).filter(|d| *d <= MAX_DECIMALS);
        if let (Some(decimals), None) = (decimals, valid) {
            self.refuse(decimals_key, format!("{decimals}; {rule}"));
        }
        let [min, max] = [("min", &draft.min, "least"), ("max", &draft.max, "greatest")].map(|(name, text, which)| {
            let key = format!("{key}.{name}");
            let text = self.needed(&key, text.as_deref(), &format!("write the {which} figure that a cell may hold"))?;
            let decimals = valid?;
            let parsed = sharing::decimal::parse(text, decimals);
            if let Err(error) = &parsed {
                let text = quoted(text);
                self.refuse(key, format!("{text}: {error}; write a plain number with at most {decimals} decimals"));
            }
            parsed.ok()
        });
        let bounds = CellBounds { min: min?, max: max?, decimals: valid? };
        if bounds.min > bounds.max {
            let min = words::decimal(bounds.min, bounds.decimals);
            self.refuse(format!("{key}.max"), format!("less than min = {min}; no figure could be entered"));
            return None;
        }
        Some(bounds)
    }

    /// Sorted: the order in which they are written means nothing.
    fn statistics(&mut self, key: &str, draft: Option<&[String]>) -> Option<Vec<Statistic>> {
        const RULE: &str = "write one or more of \"sum\", \"mean\", \"count\"";
        let names = self.needed(key, draft, RULE)?;
        let before = self.problems.len();
        let mut statistics = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let statistic = match name.as_str() {
                "sum" => Statistic::Sum,
                "mean" => Statistic::Mean,
                "count" => Statistic::Count,
                other => {
                    self.refuse(format!("{key}[{i}]"), format!("{} is not a statistic; {RULE}", quoted(other)));
                    continue;
                }
            };
            if statistics.contains(&statistic) {
                self.refuse(format!("{key}[{i}]"), format!("\"{name}\" stands here twice; leave one out"));
            } else {
                statistics.push(statistic);
            }
        }
        // Result parties open the total of every column. What they learn must stand in the agreement.
        if self.problems.len() == before && !statistics.iter().any(|s| *s != Statistic::Count) {
            self.refuse(
                key,
                "neither \"sum\" nor \"mean\"; the total of every column is opened, so say so here or leave the \
                 column out (the count of contributors is always given)",
            );
        }
        statistics.sort_unstable();
        (self.problems.len() == before).then_some(statistics)
    }

    pub(super) fn ratios(
        &mut self,
        key: &str,
        drafts: &[RatioDraft],
        named: &[ColumnDraft],
        columns: Option<&[Column]>,
    ) -> Option<Vec<Ratio>> {
        let table = format!("{key}.ratio");
        self.count(&table, drafts.len(), 0, MAX_RATIOS, "[[computation.ratio]]");
        self.unique(&table, "name", drafts.iter().map(|r| r.name.as_deref()));
        let mut ratios = Vec::new();
        for (i, draft) in drafts.iter().enumerate() {
            let key = format!("{table}[{i}]");
            let name_key = format!("{key}.name");
            let name = self.needed(&name_key, draft.name.as_deref(), "write a name for the derived figure");
            let name = name.and_then(|name| self.text(&name_key, name, SHORT));
            if let Some(name) = name.as_deref().filter(|name| named.iter().any(|c| c.name.as_deref() == Some(name))) {
                self.refuse(name_key, format!("{} is also the name of a column; write another name", quoted(name)));
            }
            let numerator = self.operand(&format!("{key}.numerator"), draft.numerator.as_deref(), named, columns);
            let denominator = self.operand(&format!("{key}.denominator"), draft.denominator.as_deref(), named, columns);
            if numerator.is_some() && numerator == denominator {
                self.refuse(format!("{key}.denominator"), "the same column as the numerator; the ratio would be 1");
            }
            ratios.push(name.zip(numerator).zip(denominator).map(|((name, numerator), denominator)| Ratio {
                name,
                numerator,
                denominator,
            }));
        }
        ratios.into_iter().collect()
    }

    /// Position of a column that a ratio names. Its sum must be released in its own right.
    fn operand(
        &mut self,
        key: &str,
        name: Option<&str>,
        named: &[ColumnDraft],
        columns: Option<&[Column]>,
    ) -> Option<u16> {
        let name = self.needed(key, name, "write the name of a column")?;
        let Some(position) = named.iter().position(|c| c.name.as_deref() == Some(name)) else {
            self.refuse(key, format!("there is no column {} in this computation", quoted(name)));
            return None;
        };
        if columns.is_some_and(|columns| !columns[position].statistics.contains(&Statistic::Sum)) {
            let name = quoted(name);
            self.refuse(key, format!("column {name} does not release its sum; add \"sum\" to its statistics"));
            return None;
        }
        u16::try_from(position).ok()
    }
}
