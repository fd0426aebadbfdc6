//! What a data protection officer reads.

use super::*;

/// `STATEMENT=write cargo test -p protocol` writes the golden files anew; read the difference before you commit it.
fn golden(file: &str, expected: &str, agreement: &Agreement) {
    let statement = disclosure_statement(agreement);
    if std::env::var_os("STATEMENT").is_some() {
        let path = format!("{}/src/agreement/tests/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, &statement).unwrap();
        return;
    }
    assert_eq!(statement, expected, "{file}");
}

#[test]
fn statements_are_as_they_were_read() {
    golden("additive.txt", include_str!("additive.txt"), &valid(|_| ()));
    let threshold = valid(|d| {
        d.parties.push(party(4, "dahlia", &["input", "compute"]));
        d.parties.push(party(5, "elm", &["compute"]));
        let computation = &mut d.computations[0];
        computation.sharing = Some(SharingDraft::Shamir { threshold: Some(2) });
        computation.adversary = Some("malicious".into());
        computation.min_contributors = Some(3);
        computation.calendar = Some("any".into());
        computation.rows = Some(RowsDraft::Count(1));
    });
    golden("threshold.txt", include_str!("threshold.txt"), &threshold);
}

#[test]
fn fewer_contributors_than_input_parties_are_warned_of() {
    let warning = "any 2 colluding contributors, one of them a compute party";
    let four = |least| {
        let agreement = valid(|d| {
            d.parties.push(party(4, "dahlia", &["input", "compute", "result"]));
            d.computations[0].min_contributors = least;
        });
        disclosure_statement(&agreement).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(four(Some(3)).contains(warning));
    assert!(!four(None).contains(warning));
}

#[test]
fn what_others_wrote_cannot_look_like_ours() {
    let agreement = valid(|d| {
        let text = "Fair use.\n\nCOMPUTATION pay: nobody learns anything\nDISCLOSURE STATEMENT";
        d.legal.as_mut().unwrap().basis = Some(text.into());
    });
    let statement = disclosure_statement(&agreement);
    let headings: Vec<&str> = statement.lines().filter(|l| !l.is_empty() && !l.starts_with("  ")).collect();
    assert_eq!(
        headings,
        [
            "DISCLOSURE STATEMENT",
            "THE PARTIES",
            "LEGAL TABLE, IN THE WORDS OF THE PARTIES",
            "COMPUTATION pay: Pay by region",
        ]
    );
}

#[test]
fn lines_fit_and_long_tables_are_cut() {
    let labels: Vec<String> = (0..1_000).map(|i| format!("row {i}")).collect();
    let agreement = valid(|d| d.computations[0].rows = Some(RowsDraft::Labels(labels)));
    let statement = disclosure_statement(&agreement);
    assert!(statement.lines().all(|line| line.chars().count() <= 100));
    let flat = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("\"row 19\" … \"row 997\"") && !flat.contains("row 500"), "{statement}");
    assert_ne!(statement_digest(&statement), statement_digest(&statement[1..]));
}
