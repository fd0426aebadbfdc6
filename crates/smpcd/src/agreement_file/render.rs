//! An agreement written as TOML: by `agreement new` with comments for its author, by `testbed` without.

use std::fmt::Write;
use std::time::Duration;

use protocol::agreement::{
    AgreementDraft, ColumnDraft, ComputationDraft, LegalDraft, PartyDraft, RatioDraft, RowsDraft, SharingDraft,
};
use toml::Value;

/// The computation of the guidance's worked example, as `demo` and `testbed` run it.
pub(crate) fn average_expenditure() -> ComputationDraft {
    ComputationDraft {
        id: Some("average-expenditure".into()),
        title: Some("Average expenditure of the members".into()),
        sharing: Some(SharingDraft::Named("additive".into())),
        adversary: Some("semi-honest".into()),
        min_contributors: None,
        calendar: Some("any".into()),
        collect_for: Some(Duration::from_secs(10)),
        attempt_deadline: Some(Duration::from_secs(1)),
        give_up_after: Some(Duration::from_secs(60)),
        rows: Some(RowsDraft::Count(1)),
        columns: vec![ColumnDraft {
            name: Some("expenditure".into()),
            unit: Some("GBP".into()),
            decimals: Some(2),
            min: Some("0".into()),
            max: Some("50000000".into()),
            statistics: Some(vec!["sum".into(), "mean".into()]),
        }],
        ratios: Vec::new(),
    }
}

/// What `agreement new` writes: the parties as their cards say, the worked example as the table to edit, and a purpose
/// that is left blank on purpose: `agreement check` does not pass before somebody wrote why.
pub(crate) fn filled_draft(name: &str, parties: Vec<PartyDraft>) -> String {
    const DAY: u64 = 86_400;
    let computation = ComputationDraft {
        calendar: Some("quarter".into()),
        collect_for: Some(Duration::from_secs(7 * DAY)),
        attempt_deadline: Some(Duration::from_secs(30)),
        give_up_after: Some(Duration::from_secs(14 * DAY)),
        ..average_expenditure()
    };
    let draft = AgreementDraft {
        name: Some(name.into()),
        version: Some(1),
        parties,
        legal: Some(LegalDraft { purpose: Some(String::new()), ..LegalDraft::default() }),
        computations: vec![computation],
    };
    write(&draft, true)
}

/// An agreement as a file, without comments.
pub(crate) fn render(draft: &AgreementDraft) -> String {
    write(draft, false)
}

/// A time with its unit, as short as it can be written exactly: `7d`, `90s`, `250ms`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis > 0 && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    format!("{millis}ms")
}

fn write(draft: &AgreementDraft, annotated: bool) -> String {
    let mut out = Writer { text: String::new(), annotated };
    out.comment(
        "The agreement: identical at every party, signed by every party. After each change: smpcd agreement check",
    );
    out.key("name", draft.name.as_deref().map(text), "stands in every certificate: spiffe://NAME/PARTY");
    out.key("version", draft.version, "one higher with every change after the first signatures");
    for party in &draft.parties {
        out.party(party);
    }
    if let Some(legal) = &draft.legal {
        out.legal(legal);
    }
    for computation in &draft.computations {
        out.computation(computation);
    }
    out.text
}

/// A TOML string with its quotes.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// A number with `_` between the thousands of its whole part, where it has many.
fn grouped(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut text = String::from(sign);
    for (i, digit) in digits.char_indices() {
        if i > 0 && whole > 4 && i < whole && (whole - i).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn texts(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| text(item)).collect::<Vec<_>>().join(", "))
}

struct Writer {
    text: String,
    annotated: bool,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, comment: &str) {
        if self.annotated {
            self.line(&format!("# {comment}"));
        }
    }

    fn key(&mut self, key: &str, value: Option<impl ToString>, comment: &str) {
        let Some(value) = value else { return };
        let entry = format!("{key} = {}", value.to_string());
        if self.annotated && !comment.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(self.text, "{entry:<40} # {comment}");
        } else {
            self.line(&entry);
        }
    }

    fn party(&mut self, party: &PartyDraft) {
        self.line("\n[[party]]");
        self.key("id", party.id.as_deref().map(text), "");
        self.key("name", party.name.as_deref().map(text), "");
        self.key("roles", party.roles.as_deref().map(texts), "what it does: contribute, hold shares, learn results");
        self.key("signing_key", party.signing_key.as_deref().map(text), "");
    }

    fn legal(&mut self, legal: &LegalDraft) {
        self.line("");
        self.comment("Free text, printed in the disclosure statement. The purpose must be written.");
        self.line("[legal]");
        self.key("purpose", legal.purpose.as_deref().map(text), "why the figures are shared");
        let comments = [
            "the legal basis",
            "who keeps the results, and how long",
            "who may publish what",
            "whom to ask",
            "when the parties look at this again",
        ];
        for ((key, value), comment) in legal.optional().into_iter().zip(comments) {
            match value {
                Some(value) => self.key(key, Some(text(value)), comment),
                None => self.comment(&format!("{:<38} # {comment}", format!("{key} = \"\""))),
            }
        }
    }

    fn computation(&mut self, computation: &ComputationDraft) {
        self.line("");
        self.comment("One table of private cells, the same rows and columns at every party. Edit it to what you need.");
        self.line("[[computation]]");
        self.key("id", computation.id.as_deref().map(text), "a-z, 0-9 and '-'");
        self.key("title", computation.title.as_deref().map(text), "for people");
        let sharing = computation.sharing.as_ref().map(|sharing| match sharing {
            SharingDraft::Named(name) => text(name),
            SharingDraft::Shamir { threshold } => {
                let threshold = threshold.map(|k| format!(" threshold = {k} ")).unwrap_or_default();
                format!("{{ shamir = {{{threshold}}} }}")
            }
        });
        self.key("sharing", sharing, "all compute parties are needed; or { shamir = { threshold = 2 } }");
        self.key("adversary", computation.adversary.as_deref().map(text), "what that promises: smpcd agreement check");
        match computation.min_contributors {
            None => self.comment(
                "min_contributors = 3                   # no total over fewer; additive: all where it is left out",
            ),
            least => self.key("min_contributors", least, "no total over fewer"),
        }
        let calendar = computation.calendar.as_deref().map(text);
        self.key("calendar", calendar, "year, quarter, month, week, day or any");
        let time = |time: Option<Duration>| time.map(|time| text(&duration(time)));
        self.key("collect_for", time(computation.collect_for), "wait so long for contributions");
        self.key("attempt_deadline", time(computation.attempt_deadline), "doubles with each attempt");
        self.key("give_up_after", time(computation.give_up_after), "then the round is abandoned");
        let rows = computation.rows.as_ref().map(|rows| match rows {
            RowsDraft::Count(count) => count.to_string(),
            RowsDraft::Labels(labels) => texts(labels),
        });
        self.key("rows", rows, "or a list of row labels: [\"North\", \"South\"]");
        for column in &computation.columns {
            self.column(column);
        }
        for ratio in &computation.ratios {
            self.ratio(ratio);
        }
    }

    fn column(&mut self, column: &ColumnDraft) {
        self.line("\n[[computation.column]]");
        self.key("name", column.name.as_deref().map(text), "the header in the input file");
        self.key("unit", column.unit.as_deref().map(text), "for people");
        self.key("decimals", column.decimals, "exact; money has 2");
        self.key("min", column.min.as_deref().map(grouped), "the least figure of one cell");
        self.key("max", column.max.as_deref().map(grouped), "the greatest figure of one cell");
        let statistics = column.statistics.as_deref().map(texts);
        self.key("statistics", statistics, "the mean is per contributor; the count is always given");
    }

    fn ratio(&mut self, ratio: &RatioDraft) {
        self.line("\n[[computation.ratio]]");
        self.key("name", ratio.name.as_deref().map(text), "");
        self.key("numerator", ratio.numerator.as_deref().map(text), "the name of a column");
        self.key("denominator", ratio.denominator.as_deref().map(text), "the name of a column");
    }
}
