//! The rules of one computation: thresholds, bounds, periods, durations (PROTOCOL 1, 1.4, 4.5).

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use sharing::Field;
use wire::message::MAX_COMMITMENTS;

use super::super::words::{self, quoted};
use super::super::{
    Adversary, Calendar, Column, Computation, ComputationDraft, MAX_CELLS, MAX_DURATION, MAX_LABELS, MAX_ROWS, Quorum,
    Rows, RowsDraft, SharingDraft, SharingScheme,
};
use super::text::LINE;
use super::{Census, Check};

impl Check {
    /// One computation. Rules about the parties are skipped where these are wrong (`census` is none).
    pub(super) fn computation(
        &mut self,
        key: &str,
        draft: &ComputationDraft,
        census: Option<Census>,
    ) -> Option<Computation> {
        let at = |name: &str| format!("{key}.{name}");
        let id = self.id(&at("id"), draft.id.as_deref());
        let title = self.needed(&at("title"), draft.title.as_deref(), "write a title for people");
        let title = title.and_then(|title| self.text(&at("title"), title, LINE));
        let sharing = self.sharing(&at("sharing"), draft.sharing.as_ref(), census);
        let adversary = self.adversary(&at("adversary"), draft.adversary.as_deref());
        let min_contributors = match (sharing, census) {
            (Some(sharing), Some(census)) => {
                self.min_contributors(&at("min_contributors"), draft.min_contributors, sharing, census)
            }
            _ => None,
        };
        let calendar = self.calendar(&at("calendar"), draft.calendar.as_deref());
        let quorum = census
            .zip(sharing)
            .zip(adversary)
            .map(|((census, sharing), adversary)| Quorum::new(census.compute, sharing, adversary));
        let [collect_for, attempt_deadline, give_up_after] = self.durations(key, draft, quorum);
        let rows = self.rows(&at("rows"), draft.rows.as_ref());
        let columns = self.columns(key, &draft.columns);
        let ratios = self.ratios(key, &draft.ratios, &draft.columns, columns.as_deref());
        if let (Some(rows), Some(columns)) = (&rows, &columns) {
            let cells = rows.len() * columns.len() as u64;
            if cells > MAX_CELLS {
                self.refuse(at("rows"), format!("{cells} cells in all columns, at most {MAX_CELLS} possible"));
            }
        }
        let field = self.field(key, census, adversary, columns.as_deref());
        if let (Some(Adversary::Malicious), Some(quorum), Some(rows), Some(columns)) =
            (adversary, quorum, &rows, &columns)
        {
            self.provable(&at("rows"), quorum, rows.len() * columns.len() as u64);
        }
        Some(Computation {
            id: id?,
            title: title?,
            sharing: sharing?,
            adversary: adversary?,
            min_contributors: min_contributors?,
            calendar: calendar?,
            collect_for: collect_for?,
            attempt_deadline: attempt_deadline?,
            give_up_after: give_up_after?,
            rows: rows?,
            columns: columns?,
            ratios: ratios?,
            field: field?,
        })
    }

    fn sharing(&mut self, key: &str, draft: Option<&SharingDraft>, census: Option<Census>) -> Option<SharingScheme> {
        const RULE: &str = "write \"additive\" or { shamir = { threshold = 2 } }";
        let threshold = match self.needed(key, draft, RULE)? {
            SharingDraft::Named(name) if name == "additive" => return Some(SharingScheme::Additive),
            SharingDraft::Named(name) => {
                self.refuse(key, format!("{} is not a way of sharing; {RULE}", quoted(name)));
                return None;
            }
            SharingDraft::Shamir { threshold } => *threshold,
        };
        let key = format!("{key}.shamir.threshold");
        let threshold = self.needed(&key, threshold, "write how many shares reconstruct, at least 2")?;
        // Refused: k < 2.
        let valid = u16::try_from(threshold).ok().filter(|k| *k >= 2);
        if valid.is_none() {
            self.refuse(
                &key,
                format!("{threshold}; with fewer than 2 one party alone reads every figure; write 2 or more"),
            );
        }
        let threshold = valid?;
        if let Some(census) = census.filter(|census| threshold > census.compute) {
            let n = census.compute;
            self.refuse(
                key,
                format!(
                    "{threshold} shares of {n} compute parties; no total could be put together; write {n} or fewer"
                ),
            );
            return None;
        }
        Some(SharingScheme::Shamir { threshold })
    }

    fn adversary(&mut self, key: &str, draft: Option<&str>) -> Option<Adversary> {
        const RULE: &str = "choose \"semi-honest\" or \"malicious\"";
        match self.needed(key, draft, &format!("{RULE}; there is no default"))? {
            "semi-honest" => Some(Adversary::SemiHonest),
            "malicious" => Some(Adversary::Malicious),
            other => {
                self.refuse(key, format!("{} is not an adversary model; {RULE}", quoted(other)));
                None
            }
        }
    }

    fn min_contributors(
        &mut self,
        key: &str,
        draft: Option<i64>,
        sharing: SharingScheme,
        census: Census,
    ) -> Option<u16> {
        // The quorum of either adversary has the same n, k and t.
        let Quorum { n, k, t, .. } = Quorum::new(census.compute, sharing, Adversary::SemiHonest);
        let inputs = census.input;
        // Where k = n, μ is |I| unless the agreement says less.
        let written = match draft {
            None if k == n => i64::from(inputs),
            None => self.needed(key, draft, "with threshold sharing say how many contributors a sum needs at least")?,
            Some(written) => written,
        };
        if written > i64::from(inputs) {
            self.refuse(key, format!("{written} of {inputs} input parties; write {inputs} or fewer"));
            return None;
        }
        // Refused: μ < 2; μ < 3 where an input party is a result party; k < n and μ < min(t, |I ∩ C|) + 2. Every reason is
        // told, with one way to mend them all.
        let colluding = t.min(census.input_and_compute);
        let rules = [
            (true, 2, "a sum of one party's figures is that party's figures".into()),
            (
                census.input_and_result,
                3,
                "a result party that contributes takes its own figure from a sum of two and has the other's".into(),
            ),
            (
                k < n,
                colluding + 2,
                format!(
                    "{colluding} of the compute parties that contribute may collude, and could leave but themselves and \
                     one other in a sum"
                ),
            ),
        ];
        let broken = rules.into_iter().filter(|(applies, least, _)| *applies && written < i64::from(*least));
        let (needed, reasons): (Vec<u16>, Vec<String>) = broken.map(|(_, least, why)| (least, why)).unzip();
        let Some(least) = needed.into_iter().max() else { return u16::try_from(written).ok() };
        let mend = if least <= inputs {
            format!("write {least} or more")
        } else if least == 3 && census.input_and_result {
            "take in a third input party, or let no input party be a result party".into()
        } else if inputs > 2 {
            // The rule holds again from k − 1 + 2 ≤ |I| on, and not at all for k = n.
            format!("lower the threshold to {}, or raise it to all {n}, or take in more input parties", inputs - 1)
        } else {
            format!("raise the threshold to all {n}, or take in more input parties")
        };
        let left_out = if draft.is_none() { "left out, which means " } else { "" };
        self.refuse(key, format!("{left_out}{written}; {}; {mend}", reasons.join("; and ")));
        None
    }

    fn calendar(&mut self, key: &str, draft: Option<&str>) -> Option<Calendar> {
        let names: Vec<String> = Calendar::ALL.iter().map(|c| format!("\"{c}\"")).collect();
        let rule = format!("write one of {}", names.join(", "));
        let name = self.needed(key, draft, &rule)?;
        let calendar = Calendar::named(name);
        if calendar.is_none() {
            self.refuse(key, format!("{} is not a calendar; {rule}", quoted(name)));
        }
        calendar
    }

    fn durations(&mut self, key: &str, draft: &ComputationDraft, quorum: Option<Quorum>) -> [Option<Duration>; 3] {
        let found = [
            ("collect_for", draft.collect_for, "write how long contributions are waited for, such as \"7d\""),
            ("attempt_deadline", draft.attempt_deadline, "write how long the first attempt may take, such as \"30s\""),
            ("give_up_after", draft.give_up_after, "write when the round is given up, such as \"14d\""),
        ]
        .map(|(name, value, how)| {
            let key = format!("{key}.{name}");
            let value = self.needed(&key, value, how)?;
            let message = if value.is_zero() {
                "zero; no round could end well".into()
            } else if value > MAX_DURATION {
                format!("longer than {}", words::duration(MAX_DURATION))
            } else if !value.subsec_nanos().is_multiple_of(1_000_000) {
                "finer than a millisecond".into()
            } else {
                return Some(value);
            };
            self.refuse(key, format!("{message}; {how}"));
            None
        });
        // All run from when a party first learned of the round. A first attempt may begin as late as collect_for; each of
        // the n − q compute parties that may be away can be the leader of one and use it up; and one more must fit in.
        let spare = quorum.map_or(0, |quorum| quorum.n - quorum.q);
        if let [Some(collect), Some(attempt), Some(give_up)] = found {
            let least = collect + attempt * (u32::from(spare) + 1);
            if give_up < least {
                let attempts = match spare {
                    0 => "attempt_deadline together".into(),
                    _ => format!(
                        "{} times attempt_deadline together: {spare} silent compute {} can use up an attempt each",
                        spare + 1,
                        if spare == 1 { "party" } else { "parties" },
                    ),
                };
                self.refuse(
                    format!("{key}.give_up_after"),
                    format!(
                        "{}; an attempt that begins after collect_for could not end: write at least {}, which is \
                         collect_for and {attempts}",
                        words::duration(give_up),
                        words::duration(least)
                    ),
                );
            }
        }
        found
    }

    fn rows(&mut self, key: &str, draft: Option<&RowsDraft>) -> Option<Rows> {
        let rule = format!("write a number from 1 to {MAX_ROWS}, or a list of row labels");
        match self.needed(key, draft, &rule)? {
            RowsDraft::Count(count) => {
                let valid = u32::try_from(*count).ok().filter(|n| (1..=MAX_ROWS).contains(n));
                if valid.is_none() {
                    self.refuse(key, format!("{count} rows; {rule}"));
                }
                valid.map(Rows::Count)
            }
            RowsDraft::Labels(labels) => {
                if labels.is_empty() || labels.len() > MAX_LABELS {
                    self.refuse(key, format!("{} row labels; write 1 to {MAX_LABELS}", labels.len()));
                    return None;
                }
                let before = self.problems.len();
                let mut seen = BTreeMap::new();
                for (i, label) in labels.iter().enumerate() {
                    let key = format!("{key}[{i}]");
                    self.text(&key, label, LINE);
                    let first = *seen.entry(label.as_str()).or_insert(i);
                    if first != i {
                        let label = quoted(label);
                        self.refuse(key, format!("{label} is also label {first}; each row needs its own"));
                    }
                }
                (self.problems.len() == before).then(|| Rows::Labels(labels.clone()))
            }
        }
    }

    /// PROTOCOL 5: a table of a malicious round is held whole, and its commitments are one message.
    fn provable(&mut self, key: &str, quorum: Quorum, cells: u64) {
        let most = (sharing::MAX_COMMITTED_CELLS as u64).min(MAX_COMMITMENTS as u64 / (32 * u64::from(quorum.k)));
        if cells > most {
            self.refuse(
                key,
                format!(
                    "{cells} cells in all columns; against a malicious adversary at most {most} are possible with k = {}, \
                     because each is committed to and proven; make two computations of it, or choose \"semi-honest\"",
                    quorum.k
                ),
            );
        }
    }

    /// PROTOCOL 1.4: the field is a function of the agreement alone, and no sum may wrap around in it.
    fn field(
        &mut self,
        key: &str,
        census: Option<Census>,
        adversary: Option<Adversary>,
        columns: Option<&[Column]>,
    ) -> Option<Field> {
        let (census, columns) = (census?, columns?);
        let inputs = u32::from(census.input);
        let before = self.problems.len();
        for (i, column) in columns.iter().enumerate() {
            let bounds = column.bounds;
            if Field::for_bounds(inputs, [&bounds]).is_err() {
                let side = if bounds.min.unsigned_abs() > bounds.max.unsigned_abs() { "min" } else { "max" };
                self.refuse(
                    format!("{key}.column[{i}].{side}"),
                    format!(
                        "a sum of {inputs} such figures could wrap around; narrow the bounds or use fewer decimals"
                    ),
                );
            }
            // Malicious: additionally max − min < 2^64, which is what a range proof can cover.
            let width = bounds.max.checked_sub(bounds.min);
            if adversary == Some(Adversary::Malicious) && width.is_none_or(|width| width >= 1 << 64) {
                self.refuse(
                    format!("{key}.column[{i}].max"),
                    "max - min is 2^64 units of the last decimal or more, wider than proofs against a malicious \
                     adversary reach; narrow the bounds or use fewer decimals",
                );
            }
        }
        let bounds = columns.iter().map(|c| &c.bounds);
        let field = match adversary? {
            Adversary::SemiHonest => Field::for_bounds(inputs, bounds),
            Adversary::Malicious => Field::for_proofs(inputs, bounds),
        };
        field.ok().filter(|_| self.problems.len() == before)
    }
}
