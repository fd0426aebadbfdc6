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
    golden("delegated.txt", include_str!("delegated.txt"), &valid(delegated));
}

/// Five contributors, any two of three others to put totals together, and one who learns them.
fn delegated(draft: &mut AgreementDraft) {
    let parties = |ids: [&str; 5], seed: u8, role: &str| -> Vec<PartyDraft> {
        (seed..).zip(ids).filter(|(_, id)| !id.is_empty()).map(|(seed, id)| party(seed, id, &[role])).collect()
    };
    draft.parties = parties(["acme", "birch", "cedar", "dahlia", "elm"], 1, "input");
    draft.parties.extend(parties(["fern", "gorse", "heath", "", ""], 6, "compute"));
    draft.parties.push(party(9, "ivy", &["result"]));
    let computation = &mut draft.computations[0];
    computation.sharing = Some(SharingDraft::Shamir { threshold: Some(2) });
    computation.min_contributors = Some(4);
}

/// The statement in one line.
fn flat(change: impl FnOnce(&mut AgreementDraft)) -> String {
    disclosure_statement(&valid(change)).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn roles_are_named_and_what_secrecy_rests_on() {
    // Hybrid: two of four contributors hold shares beside an outsider, and a result party does nothing else.
    let hybrid = flat(|d| {
        d.parties.push(party(4, "dahlia", &["input", "result"]));
        d.parties[2].roles = Some(strings(&["input"]));
        d.parties.push(party(5, "elm", &["compute"]));
        d.parties.push(party(6, "fern", &["result"]));
    });
    for piece in [
        "Who holds the shares ACME Ltd, BIRCH Ltd and ELM Ltd, of every contribution one share each.",
        "- ELM Ltd holds shares and contributes nothing",
        "- CEDAR Ltd and DAHLIA Ltd contribute and hold no shares: that nobody reads their figures rests on the parties \
         above alone, on fewer than 3 of them putting their shares together",
        "- FERN Ltd neither contributes nor holds shares: it sees who contributed, and the compute parties' parts",
        "ACME Ltd, BIRCH Ltd, DAHLIA Ltd and FERN Ltd learn, for each row:",
        "All 3 together could read every contributor's figures.",
        "A contributor that holds no shares may leave once every compute party has confirmed",
        "one compute party can stall a round, by being silent or by confirming nobody's contributions but those of its \
         friends",
    ] {
        assert!(hybrid.contains(piece), "{piece}\n{hybrid}");
    }
    let peers = flat(|_| ());
    assert!(peers.contains("Each of them contributes too, and no contributor is without shares."));
    for piece in ["hold no shares", "contributes nothing", "may leave once", "wait for a party"] {
        assert!(!peers.contains(piece), "{piece}");
    }
}

#[test]
fn semi_honest_thresholds_say_that_liars_may_be_noticed_and_are_not_named() {
    let noticed = "It may be noticed where more parts of a total come in than the needed ones";
    let unseen = "can shift the total by any amount, unseen";
    let keeps_out = "can keep the others out of it, down to the 3 contributors";
    let shamir = |k| {
        flat(move |d| {
            d.computations[0].sharing = Some(SharingDraft::Shamir { threshold: Some(k) });
            d.computations[0].min_contributors = Some(3);
        })
    };
    let two = shamir(2);
    assert!(two.contains(noticed) && two.contains("nobody can be named") && two.contains(keeps_out), "{two}");
    assert!(!two.contains(unseen));
    assert!(two.contains("more than 1 of the compute parties are silent"));
    // With k = n no part of a total is one too many.
    for all in [shamir(3), flat(|_| ())] {
        assert!(all.contains(unseen) && !all.contains(noticed) && !all.contains(keeps_out), "{all}");
    }
}

#[test]
fn fewer_contributors_than_input_parties_are_warned_of() {
    let four = |least| {
        flat(move |d| {
            d.parties.push(party(4, "dahlia", &["input", "compute", "result"]));
            d.computations[0].min_contributors = least;
        })
    };
    let warning = "any 2 colluding contributors, one of them a compute party, can see to it that a total is over them and \
                   one other alone, and so learn that remaining one's figures";
    assert!(four(Some(3)).contains(warning));
    assert!(four(Some(3)).contains("1 of the 4 contributions may be missing"));
    assert!(!four(None).contains("colluding contributors"));
    assert!(four(None).contains("Without the contribution of each contributor there is no total."));
    // Whoever holds the shares need not be a contributor.
    let helped = "any 3 colluding contributors with the help of a compute party can see to it that a total is over them \
                  and one other alone, and so, given the total, learn";
    assert!(flat(delegated).contains(helped));
    let alone = flat(|d| {
        d.parties.iter_mut().for_each(|p| p.roles = Some(strings(&["input", "compute"])));
        d.parties.push(party(4, "dahlia", &["result"]));
        d.computations[0].min_contributors = Some(2);
    });
    assert!(alone.contains("any contributor that is a compute party can see to it that a total is over itself and"));
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
