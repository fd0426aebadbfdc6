//! The digest covers every field, each in exactly one section.

use super::*;

type Change = fn(&mut AgreementDraft);

fn computation(draft: &mut AgreementDraft) -> &mut ComputationDraft {
    &mut draft.computations[0]
}

const PAY: &str = "computation pay";

/// Each field of a draft, changed alone to another valid value, and the section that must differ.
const CHANGES: &[(&str, Option<&str>, Change)] = &[
    ("name", None, |d| d.name = Some("southern-retail".into())),
    ("version", None, |d| d.version = Some(4)),
    ("party id", Some("parties"), |d| d.parties[0].id = Some("alder".into())),
    ("party name", Some("parties"), |d| d.parties[0].name = Some("Alder".into())),
    ("party key", Some("parties"), |d| d.parties[0].signing_key = Some(Key::new(7).text())),
    ("party order", Some("parties"), |d| d.parties.swap(0, 1)),
    ("role result", Some("parties"), |d| d.parties[0].roles = Some(strings(&["input", "compute"]))),
    ("role compute", Some("parties"), |d| d.parties[0].roles = Some(strings(&["input", "result"]))),
    ("purpose", Some("legal"), |d| d.legal.as_mut().unwrap().purpose = Some("Another".into())),
    ("basis", Some("legal"), |d| d.legal.as_mut().unwrap().basis = Some("Seven years".into())),
    ("moved legal text", Some("legal"), |d| {
        let legal = d.legal.as_mut().unwrap();
        legal.publication = legal.retention.take();
    }),
    ("id", Some(PAY), |d| computation(d).id = Some("pay2".into())),
    ("title", Some(PAY), |d| computation(d).title = Some("Pay".into())),
    ("adversary", Some(PAY), |d| computation(d).adversary = Some("malicious".into())),
    ("sharing", Some(PAY), |d| computation(d).sharing = Some(SharingDraft::Shamir { threshold: Some(3) })),
    ("calendar", Some(PAY), |d| computation(d).calendar = Some("year".into())),
    ("collect_for", Some(PAY), |d| computation(d).collect_for = Some(Duration::from_millis(1))),
    ("attempt_deadline", Some(PAY), |d| computation(d).attempt_deadline = Some(Duration::from_millis(30_001))),
    ("give_up_after", Some(PAY), |d| computation(d).give_up_after = Some(Duration::from_secs(15 * 86_400))),
    ("row count", Some(PAY), |d| computation(d).rows = Some(RowsDraft::Count(2))),
    ("row label", Some(PAY), |d| computation(d).rows = Some(RowsDraft::Labels(strings(&["North", "West"])))),
    ("row order", Some(PAY), |d| computation(d).rows = Some(RowsDraft::Labels(strings(&["South", "North"])))),
    ("row boundary", Some(PAY), |d| computation(d).rows = Some(RowsDraft::Labels(strings(&["NorthS", "outh"])))),
    ("column name", Some(PAY), |d| {
        computation(d).columns[1].name = Some("heads".into());
        computation(d).ratios[0].denominator = Some("heads".into());
    }),
    ("unit", Some(PAY), |d| computation(d).columns[0].unit = Some("EUR".into())),
    ("decimals", Some(PAY), |d| computation(d).columns[1].decimals = Some(1)),
    ("min", Some(PAY), |d| computation(d).columns[0].min = Some("-0.06".into())),
    ("max", Some(PAY), |d| computation(d).columns[0].max = Some("50000000.01".into())),
    ("statistics", Some(PAY), |d| computation(d).columns[0].statistics = Some(strings(&["sum"]))),
    ("column order", Some(PAY), |d| computation(d).columns.swap(0, 1)),
    ("ratio name", Some(PAY), |d| computation(d).ratios[0].name = Some("mean pay".into())),
    ("ratio turned over", Some(PAY), |d| {
        let ratio = &mut computation(d).ratios[0];
        core::mem::swap(&mut ratio.numerator, &mut ratio.denominator);
    }),
    ("no ratio", Some(PAY), |d| computation(d).ratios.clear()),
];

#[test]
fn each_field_changes_the_digest_and_exactly_its_section() {
    let plain = valid(|_| ());
    let mut seen = vec![plain.digest()];
    for (what, section, change) in CHANGES {
        let changed = valid(*change);
        assert!(!seen.contains(&changed.digest()), "{what}: a digest that another agreement has");
        seen.push(changed.digest());
        let differing: Vec<&str> = plain
            .sections()
            .iter()
            .zip(changed.sections())
            .filter(|(a, b)| a.digest != b.digest)
            .map(|(a, _)| a.name.as_str())
            .collect();
        assert_eq!(differing, section.iter().copied().collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn least_contributors_and_a_second_computation_are_covered() {
    let four = |least| {
        valid(|d| {
            d.parties.push(party(4, "dahlia", &["input", "compute", "result"]));
            d.computations[0].min_contributors = least;
        })
    };
    assert_ne!(four(Some(3)).digest(), four(Some(4)).digest());
    // Left out, it is every input party: the same meaning, the same digest.
    assert_eq!(four(None).digest(), four(Some(4)).digest());
    let two = |swap: bool| {
        valid(move |d| {
            d.computations.push(ComputationDraft { id: Some("pay2".into()), ..d.computations[0].clone() });
            if swap {
                d.computations.swap(0, 1);
            }
        })
    };
    assert_ne!(two(false).digest(), valid(|_| ()).digest());
    assert_ne!(two(false).digest(), two(true).digest());
    let names: Vec<String> = two(false).sections().iter().map(|s| s.name.clone()).collect();
    assert_eq!(names, ["parties", "legal", "computation pay", "computation pay2"]);
}

#[test]
fn what_means_nothing_changes_nothing() {
    let plain = valid(|_| ()).digest();
    let same: [Change; 5] = [
        |d| d.parties[0].roles = Some(strings(&["result", "input", "compute"])),
        |d| d.computations[0].columns[0].statistics = Some(strings(&["sum", "mean"])),
        |d| d.computations[0].columns[0].max = Some("50000000.00".into()),
        |d| d.computations[0].columns[1].unit = Some(String::new()),
        |d| d.legal.as_mut().unwrap().retention = Some("Seven years\r\n".into()),
    ];
    for (i, change) in same.into_iter().enumerate() {
        assert_eq!(valid(change).digest(), plain, "{i}");
    }
}

/// A change of these bytes is a new version of the protocol: every signature on every agreement would be void.
#[test]
fn the_digest_of_the_sample_stays() {
    assert_eq!(
        valid(|_| ()).digest().to_string(),
        "sha256:29afe0ff39b49ecb679fe00045a583d30a42b9d0681d23d873be712831910d4c"
    );
}
