//! What one computation discloses, to whom, and on what conditions.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sharing::Field;

use super::super::words::{count, decimal, duration, grouped, listed};
use super::super::{
    Adversary, Agreement, Calendar, Column, Computation, Quorum, Ratio, Rows, SharingScheme, Statistic,
};
use super::{Page, names};

/// Row labels that are listed in full. Of longer lists the first and the last stand here.
const LISTED_ROWS: usize = 40;

pub(super) fn describe(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    page.heading(&format!("COMPUTATION {}: {}", computation.id, computation.title));
    contributed(page, agreement, computation);
    learned(page, agreement, computation);
    released(page, agreement, computation);
    collusion(page, agreement, computation);
    availability(page, agreement, computation);
    arithmetic(page, agreement, computation);
    adversary(page, agreement, computation);
    not_promised(page, agreement, computation);
}

fn contributed(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let columns = count(computation.columns.len() as u64, "column");
    page.topic("Who contributes what");
    page.paragraph(&format!(
        "{}, each one table of {} and {columns}. A cell that is blank or out of its bounds stays in \
         the organisation and stops its contribution.",
        listed(&names(agreement, |r| r.input)),
        count(computation.rows.len(), "row"),
    ));
    for column in &computation.columns {
        let bounds = column.bounds;
        page.item(&format!(
            "{}{}: from {} to {}, {}",
            column.name,
            unit(column),
            decimal(bounds.min, bounds.decimals),
            decimal(bounds.max, bounds.decimals),
            count(u64::from(bounds.decimals), "decimal"),
        ));
    }
    if let Rows::Labels(labels) = &computation.rows {
        page.item(&format!("rows: {}", row_labels(labels)));
    }
}

fn unit(column: &Column) -> String {
    if column.unit.is_empty() { String::new() } else { format!(" in {}", column.unit) }
}

/// Labels stand in quotes with commas between: a comma within one label must not look like two labels.
fn row_labels(labels: &[String]) -> String {
    let quoted = |labels: &[String]| labels.iter().map(|l| format!("\"{l}\"")).collect::<Vec<_>>().join(", ");
    if labels.len() <= LISTED_ROWS {
        return quoted(labels);
    }
    let (first, rest) = labels.split_at(LISTED_ROWS / 2);
    let (between, last) = rest.split_at(rest.len() - 3);
    format!(
        "{} … {} (the {} between them stand in the agreement and count in its digest)",
        quoted(first),
        quoted(last),
        count(between.len() as u64, "label"),
    )
}

fn learned(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let rows = if computation.rows.len() == 1 { "" } else { ", for each row" };
    page.topic("Who learns what");
    page.paragraph(&format!("{} learn{rows}:", listed(&names(agreement, |r| r.result))));
    for column in &computation.columns {
        page.item(&format!("{}: {}", column.name, statistics(column)));
    }
    for ratio in &computation.ratios {
        page.item(&ratio_in_words(ratio, &computation.columns));
    }
    page.item("how many parties contributed, and which");
    page.paragraph(if agreement.parties().iter().all(|party| party.roles.result) {
        "Each of them learns too when the others took part. Nobody else learns any figure."
    } else {
        "The other parties learn who contributed and when, and no figure. Nobody else learns anything of it."
    });
    page.paragraph(
        "Results are exact: nothing is rounded but the mean and the ratios, and nothing is added to blur them. What \
         follows from a result follows for everyone who has it: a contributor can take its own figures from a total, \
         and totals of successive periods can be compared. The parties judge before they publish whether a result \
         is personal information.",
    );
}

fn statistics(column: &Column) -> String {
    let unit = unit(column);
    let mut words: Vec<String> = Vec::new();
    let has = |statistic| column.statistics.contains(&statistic);
    if has(Statistic::Sum) {
        words.push(format!("the total over all contributors{unit}"));
    }
    if has(Statistic::Mean) {
        words.push(format!("the mean of the contributors{unit}"));
    }
    if has(Statistic::Count) {
        words.push("the number of contributors".into());
    }
    let mut text = listed(&words);
    if !has(Statistic::Sum) {
        text.push_str(" (and so the total, which is the mean times their number)");
    }
    text
}

fn ratio_in_words(ratio: &Ratio, columns: &[Column]) -> String {
    let name = |position: u16| columns[usize::from(position)].name.as_str();
    format!(
        "{}: the total of {} divided by the total of {}",
        ratio.name,
        name(ratio.numerator),
        name(ratio.denominator)
    )
}

fn released(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let inputs = names(agreement, |r| r.input).len();
    let least = computation.min_contributors;
    let contributors = if usize::from(least) == inputs {
        format!("all {inputs} contributors")
    } else {
        format!("at least {least} of the {inputs} contributors")
    };
    let period = match computation.calendar {
        Calendar::Any => "The parties name the periods as they like; no date is tied to a name.".into(),
        calendar => format!(
            "A period is a {calendar} of the calendar (UTC), written as in {}, and is not computed before it has ended.",
            calendar.example()
        ),
    };
    page.topic("When it is released");
    page.paragraph(&format!(
        "Only a total over {contributors} (for each period the result says which), and at most one total of each period, whatever \
         is tried again. {period}"
    ));
}

fn collusion(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let Quorum { n, k, t, .. } = Quorum::of(agreement, computation);
    let least = computation.min_contributors;
    page.topic("What parties that collude could learn");
    page.paragraph(&format!(
        "{} of the {n} compute parties may put together everything they hold, and learn no more than what follows \
         from the results and from their own figures. {} could read every contributor's figures.",
        if t == 1 { "Any 1".into() } else { format!("Up to {t}") },
        if k == n { format!("All {n} together") } else { format!("Any {k} together") },
    ));
    page.paragraph(&format!(
        "All contributors to a total but one can take their own figures from it together and have the figures of the \
         remaining one. No way of computing a total prevents that; here it takes {} of them at least.",
        least.saturating_sub(1)
    ));
    let inputs = names(agreement, |r| r.input).len();
    if k == n && usize::from(least) < inputs {
        // PROTOCOL 1, where the agreement says less than |I|.
        page.paragraph(&format!(
            "This agreement releases totals over fewer contributors than there are. So any {} colluding contributors, \
             one of them a compute party, can see to it that a total is over them and one other alone, and \
             so learn that remaining one's figures.",
            least.saturating_sub(1)
        ));
    }
}

fn availability(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let quorum = Quorum::of(agreement, computation);
    page.topic("Who must be online and when");
    page.paragraph(&quorum.in_words());
    let Quorum { n, k, t, q, h } = quorum;
    page.paragraph(&format!(
        "In the letters of the specification: n = {n} compute parties, k = {k} shares to reconstruct, t = {t} may \
         collude, q = {q} decide, h = {h} holders at least, μ = {} contributors at least.",
        computation.min_contributors
    ));
    page.paragraph(&format!(
        "Contributions are waited for up to {}, less when all are there. The first attempt to agree on the \
         contributors may take {}, each further one twice as long. After {} a round is given up. Each party counts all \
         three from when it first learned of the round.",
        duration(computation.collect_for),
        duration(computation.attempt_deadline),
        duration(computation.give_up_after),
    ));
}

fn arithmetic(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let inputs = names(agreement, |r| r.input).len() as u128;
    // PROTOCOL 1.4: B = |I| · max(|min|, |max|) in units of the last decimal.
    let reach = |column: &&Column| column.bounds.min.unsigned_abs().max(column.bounds.max.unsigned_abs());
    let Some(widest) = computation.columns.iter().max_by_key(reach) else { return };
    let bound = inputs * reach(&widest);
    let number = |n: u128| grouped(&n.to_string());
    let (field, prime) = match (computation.adversary, computation.field) {
        (Adversary::Malicious, _) => ("the scalars of ristretto255".into(), "2^252".into()),
        (Adversary::SemiHonest, Field::Field64) => ("Field64".to_string(), number(u128::from(P64))),
        (Adversary::SemiHonest, Field::Field128) => ("Field128".to_string(), number(P128)),
    };
    page.topic("Why no total can wrap around");
    page.paragraph(&format!(
        "Totals are computed with remainders of a prime number ({field}), which are exact as long as twice the largest \
         possible total is below {prime}. The largest here is {inputs} \
         contributors times {} ({}), that is {} in units of the last decimal; twice that is {}.",
        decimal(reach(&widest).try_into().unwrap_or(i128::MAX), widest.bounds.decimals),
        widest.name,
        number(bound),
        number(bound * 2),
    ));
}

/// 2^64 − 2^32 + 1 (PROTOCOL 1.4).
const P64: u64 = 18_446_744_069_414_584_321;
/// The prime of `Field128`.
const P128: u128 = 340_282_366_920_938_462_946_865_773_367_900_766_209;

fn adversary(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let Quorum { n, k, .. } = Quorum::of(agreement, computation);
    page.topic("Against whom it is secure");
    page.paragraph(&match computation.adversary {
        Adversary::SemiHonest => format!(
            "\"Semi-honest\" parties. They may look at everything they hold, and collude as \
             said above, but they run the agreed steps with their true figures. A party that does not is outside of \
             what this computation promises. A lying party can shift the total{}: the result is then wrong, and \
             nobody can be named for it.",
            if k == n { " by any amount, unseen" } else { ", noticed only where more shares came than were needed" },
        ),
        Adversary::Malicious => "\"Malicious\" parties, which may do anything. Each contribution is proven to be within its bounds, and each share and each part of a total is checked. What \
             is wrong is not used, and who sent it is named with evidence that anyone can check."
            .into(),
    });
}

fn not_promised(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let Quorum { n, k, t, .. } = Quorum::of(agreement, computation);
    let malicious = computation.adversary == Adversary::Malicious;
    page.topic("What is not promised");
    page.item("that figures within their bounds are true: the parties answer to each other for that by contract");
    page.item("protection of what a result itself discloses");
    page.item(&format!(
        "fairness where fewer than {k} honest compute parties take part: a party may see the total and withhold its own part, \
         so that others do not see it"
    ));
    page.item(&if malicious {
        format!(
            "that a period has only one total, where compute parties were put back to an older state of their data \
             together with their guard files (they hold what was signed last), and these and corrupt ones are together more than {t}"
        )
    } else {
        "that a period has only one total, where one compute party was put back to an older state of its data \
         together with its guard file (it holds what was signed last)"
            .into()
    });
    if malicious {
        page.item("secrecy of the figures of a party that was proven to cheat");
    }
    page.item(match (k == n, computation.sharing) {
        (true, _) | (_, SharingScheme::Additive) => {
            "that a result comes: a compute party can stall a round by being silent"
        }
        (false, SharingScheme::Shamir { .. }) => {
            "that everybody is in a total: compute parties can keep others out by confirming only each \
             other's contributions, down to the least number of contributors above"
        }
    });
}
