//! What one computation discloses, to whom, and on what conditions.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use sharing::Field;

use super::super::words::{count, decimal, duration, grouped, listed};
use super::super::{Adversary, Agreement, Calendar, Column, Computation, Quorum, Ratio, Roles, Rows, Statistic};
use super::{Page, names};

/// Row labels that are listed in full. Of longer lists the first and the last stand here.
const LISTED_ROWS: usize = 40;

pub(super) fn describe(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    page.heading(&format!("COMPUTATION {}: {}", computation.id, computation.title));
    contributed(page, agreement, computation);
    held(page, agreement, computation);
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

/// The roles, and what it rests on that figures stay secret where those who have them hold no shares.
fn held(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let Quorum { k, .. } = Quorum::of(agreement, computation);
    let holders = names(agreement, |r| r.compute);
    page.topic("Who holds the shares");
    page.paragraph(&format!("{}, of every contribution one share each.", listed(&holders)));
    let outside = names(agreement, |r| r.compute && !r.input);
    let without = names(agreement, |r| r.input && !r.compute);
    let learn_only = names(agreement, |r| r.result && !r.input && !r.compute);
    if outside.is_empty() && without.is_empty() {
        page.paragraph("Each of them contributes too, and no contributor is without shares.");
    }
    if !outside.is_empty() {
        let verbs = either(&outside, "holds shares and contributes", "hold shares and contribute");
        page.item(&format!("{} {verbs} nothing", listed(&outside)));
    }
    if !without.is_empty() {
        let verbs = either(&without, "contributes and holds", "contribute and hold");
        let their = either(&without, "its", "their");
        page.item(&format!(
            "{} {verbs} no shares: that nobody reads {their} figures rests on the parties above alone, on fewer than {k} \
             of them putting their shares together",
            listed(&without)
        ));
    }
    if !learn_only.is_empty() {
        let (verbs, sees) = either(
            &learn_only,
            ("neither contributes nor holds shares", "it sees"),
            ("neither contribute nor hold shares", "they see"),
        );
        page.item(&format!(
            "{} {verbs}: {sees} who contributed, and the compute parties' parts of a total, from which the results follow",
            listed(&learn_only)
        ));
    }
}

/// What is said of one party, and of several.
fn either<T>(parties: &[&str], one: T, several: T) -> T {
    if parties.len() == 1 { one } else { several }
}

fn learned(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let rows = if computation.rows.len() == 1 { "" } else { ", for each row" };
    page.topic("Who learns what");
    let learners = names(agreement, |r| r.result);
    page.paragraph(&format!("{} {}{rows}:", listed(&learners), either(&learners, "learns", "learn")));
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
        "The other parties may learn who contributed and when, and no figure. Nobody else learns anything of it."
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
    let some = |role: fn(&Roles) -> bool| agreement.parties().iter().any(|party| role(&party.roles));
    let peers = !some(|r| r.compute && !(r.input && r.result));
    let their = if t == 1 { "its" } else { "their" };
    page.topic("What parties that collude could learn");
    page.paragraph(&format!(
        "{} no more than what follows {}. Other parties that collude add what they know themselves. {} could read \
         every contributor's figures.",
        match t {
            1 => format!("A single one of the {n} compute parties learns from everything it holds"),
            _ => format!("Up to {t} of the {n} compute parties may put together everything they hold, and learn"),
        },
        if peers {
            format!("from the results and from {their} own figures")
        } else {
            format!("from results and figures of {their} own")
        },
        if k == n { format!("All {n} together") } else { format!("Any {k} together") },
    ));
    let least = computation.min_contributors;
    let but_one = least.saturating_sub(1);
    let given = if some(|r| r.input && !r.result) { ", given the total," } else { "" };
    page.paragraph(&format!(
        "All contributors to a total but one can{given} take their own figures from it together and have the figures of \
         the remaining one. No way of computing a total prevents that; here it takes {but_one} of them at least."
    ));
    if usize::from(least) < names(agreement, |r| r.input).len() {
        // PROTOCOL 1, where the agreement says less than |I|. With k < n it is so too: μ bounds it (5.6).
        let colluding = match but_one {
            1 => "contributor".into(),
            _ => format!("{but_one} colluding contributors"),
        };
        let help = match (some(|r| r.input && r.compute), some(|r| r.compute && !r.input)) {
            (true, false) if but_one == 1 => " that is a compute party",
            (true, false) => ", one of them a compute party,",
            (true, true) => " with the help of a compute party, which may be one of them,",
            (false, _) => " with the help of a compute party",
        };
        page.paragraph(&format!(
            "This agreement releases totals over fewer contributors than there are. So any {colluding}{help} can see to \
             it that a total is over {} and one other alone, and so{given} learn that remaining one's figures.",
            if but_one == 1 { "itself" } else { "them" },
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
        "Contributions are waited for up to {}, less when every compute party holds its share of each. The first attempt \
         to agree on the contributors may take {}, each further one twice as long. After {} a round is given up. Each \
         party counts all three from when it first learned of the round.",
        duration(computation.collect_for),
        duration(computation.attempt_deadline),
        duration(computation.give_up_after),
    ));
    let inputs = names(agreement, |r| r.input).len();
    match inputs - usize::from(computation.min_contributors) {
        0 => page.paragraph("Without the contribution of each contributor there is no total."),
        missing => page.paragraph(&format!(
            "{} of the {inputs} contributions may be missing when that time is over: the total is then over the others.",
            if missing == 1 { "1".into() } else { format!("Up to {missing}") },
        )),
    }
    if agreement.parties().iter().any(|party| party.roles.input && !party.roles.compute) {
        page.paragraph(
            "A contributor that holds no shares may leave once every compute party has confirmed its share of the \
             contribution.",
        );
    }
    if agreement.parties().iter().any(|party| party.roles.result && !party.roles.compute) {
        page.paragraph(
            "The parts of a total wait for a party that learns results, twice as long as until a round is given up.",
        );
    }
}

fn arithmetic(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let inputs = names(agreement, |r| r.input).len() as u128;
    // PROTOCOL 1.4: B = |I| · max(|min|, |max|) in units of the last decimal.
    let reach = |column: &&Column| column.bounds.min.unsigned_abs().max(column.bounds.max.unsigned_abs());
    let Some(widest) = computation.columns.iter().max_by_key(reach) else { return };
    let bound = inputs * reach(&widest);
    let number = |n: u128| grouped(&n.to_string());
    let (field, prime) = match (computation.adversary, computation.field) {
        (Adversary::Malicious, _) | (_, Field::Ristretto255) => ("the scalars of ristretto255".into(), "2^252".into()),
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
             what this computation promises. A lying party can shift the total{}",
            if k == n {
                " by any amount, unseen: the result is then wrong, and nobody can be named for it."
            } else {
                ". It may be noticed where more parts of a total come in than the \
                 needed ones, because all must fit together: the result is then withheld, and nobody can be named for \
                 it. Otherwise the result is wrong, and nobody sees it."
            },
        ),
        Adversary::Malicious => "\"Malicious\" parties, which may do anything. Each contribution is proven to be within its bounds, and each share and each part of a total is checked. What \
             is wrong is not used, and who sent it is named with evidence that anyone can check."
            .into(),
    });
}

fn not_promised(page: &mut Page, agreement: &Agreement, computation: &Computation) {
    let quorum = Quorum::of(agreement, computation);
    let Quorum { n, k, t, .. } = quorum;
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
    // PROTOCOL 5.6: who receipts nobody but its friends keeps others out of a sum (k < n) or stalls it (k = n).
    page.item(&match quorum.may_be_silent() {
        0 => "that a result comes: one compute party can stall a round, by being silent or by confirming nobody's \
              contributions but those of its friends"
            .into(),
        silent => format!(
            "that a result comes where more than {silent} of the compute parties are silent, or confirm nobody's \
             contributions but those of their friends"
        ),
    });
    if k < n {
        page.item(&format!(
            "that everybody is in a total: a compute party that confirms nobody's contributions but those of its friends \
             can keep the others out of it, down to the {} contributors without which nothing is released",
            computation.min_contributors
        ));
    }
}
