//! Each rule of an agreement, by an agreement that breaks it.

use super::*;

/// Changes the sample and gives the keys and messages of what is then wrong.
fn problems(change: impl FnOnce(&mut AgreementDraft)) -> Vec<(String, String)> {
    let mut draft = sample();
    change(&mut draft);
    draft.validate().err().unwrap_or_default().into_iter().map(|p| (p.key, p.message)).collect()
}

/// Exactly one problem, at that key, whose message holds that piece.
#[track_caller]
fn one(key: &str, piece: &str, change: impl FnOnce(&mut AgreementDraft)) {
    let found = problems(change);
    assert!(found.len() == 1 && found[0].0 == key && found[0].1.contains(piece), "{key}: {piece}\nfound {found:?}");
}

fn with_computation(change: impl FnOnce(&mut ComputationDraft)) -> impl FnOnce(&mut AgreementDraft) {
    |draft| change(&mut draft.computations[0])
}

fn with_column(change: impl FnOnce(&mut ColumnDraft)) -> impl FnOnce(&mut AgreementDraft) {
    with_computation(|computation| change(&mut computation.columns[0]))
}

fn shamir(threshold: i64) -> Option<SharingDraft> {
    Some(SharingDraft::Shamir { threshold: Some(threshold) })
}

/// More compute parties that do nothing else, to n in all.
fn helpers(draft: &mut AgreementDraft, n: u8) {
    draft.parties.extend((4..=n).map(|i| party(i, &format!("h{i}"), &["compute"])));
}

#[test]
fn the_sample_is_valid() {
    let agreement = valid(|_| ());
    assert_eq!(agreement.computations()[0].min_contributors, 3);
    assert_eq!(agreement.computations()[0].field, sharing::Field::Field64);
    assert_eq!(agreement.computations()[0].columns[0].bounds, CellBounds { min: -5, max: 5_000_000_000, decimals: 2 });
    assert_eq!(agreement.computations()[0].columns[0].statistics, [Statistic::Sum, Statistic::Mean]);
}

#[test]
fn an_empty_draft_names_everything_that_is_missing_at_once() {
    let found = AgreementDraft { computations: vec![ComputationDraft::default()], ..AgreementDraft::default() }
        .validate()
        .unwrap_err();
    let keys: Vec<&str> = found.iter().map(|p| p.key.as_str()).collect();
    for key in ["name", "version", "party", "legal.purpose", "computation[0].adversary", "computation[0].column"] {
        assert!(keys.contains(&key), "{key} not in {keys:?}");
    }
    assert!(found.iter().any(|p| p.message.contains("there is no default")), "{found:?}");
}

#[test]
fn ids_and_names() {
    for bad in ["", "Acme", "a_b", "-a", "a-", "a.b", "ä", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        one("name", "a-z, 0-9", |d| d.name = Some(bad.into()));
        one("party[1].id", "a-z, 0-9", |d| d.parties[1].id = Some(bad.into()));
        one("computation[0].id", "a-z, 0-9", with_computation(|c| c.id = Some(bad.into())));
    }
    one("version", "0 is not a version", |d| d.version = Some(0));
    one("version", "is not a version", |d| d.version = Some(1 << 32));
    one("party[2].id", "also the id of party[0]", |d| d.parties[2].id = Some("acme".into()));
    one("party[2].name", "also the name of party[0]", |d| d.parties[2].name = Some("ACME Ltd".into()));
    one("computation[1].id", "also the id", |d| d.computations.push(d.computations[0].clone()));
    one("party[0].name", "blank", |d| d.parties[0].name = Some("  ".into()));
    one("party[0].name", "space", |d| d.parties[0].name = Some("Acme ".into()));
    one("party[0].name", "\\u{202e}", |d| d.parties[0].name = Some("Acme \u{202e}dtL".into()));
    one("computation[0].title", "\\u{1b}", with_computation(|c| c.title = Some("a\u{1b}[2J".into())));
    one("computation[0].title", "201 characters", with_computation(|c| c.title = Some("a".repeat(201))));
    one("legal.purpose", "missing", |d| d.legal = None);
    one("legal.purpose", "missing; write under [legal]", |d| d.legal.as_mut().unwrap().purpose = Some(" \n".into()));
    one("legal.contact", "blank", |d| d.legal.as_mut().unwrap().contact = Some(String::new()));
}

#[test]
fn roles_and_numbers_of_parties() {
    one("party[0].roles", "empty", |d| d.parties[0].roles = Some(vec![]));
    one("party[0].roles[1]", "'helper' is not a role", |d| d.parties[0].roles = Some(strings(&["input", "helper"])));
    one("party[0].roles[1]", "twice", |d| d.parties[0].roles = Some(strings(&["input", "input"])));
    let all = |roles: &'static [&'static str]| {
        move |d: &mut AgreementDraft| d.parties.iter_mut().for_each(|p| p.roles = Some(strings(roles)))
    };
    one("party", "role \"result\"", all(&["input", "compute"]));
    assert!(problems(all(&["compute", "result"])).iter().any(|(_, m)| m.contains("role \"input\", at least 2")));
    assert!(problems(all(&["input", "result"])).iter().any(|(_, m)| m.contains("role \"compute\", at least 2")));
    assert!(problems(|d| d.parties.truncate(1)).iter().any(|(_, m)| m.contains("1 of [[party]], at least 2")));
    let many = |n: u8| {
        move |d: &mut AgreementDraft| {
            d.parties = (1..=n).map(|i| party(i, &format!("p{i}"), &["input", "compute", "result"])).collect();
        }
    };
    assert!(problems(many(65)).iter().any(|(_, m)| m.contains("at most 64")));
    assert_eq!(problems(many(64)), []);
    assert_eq!(problems(many(32)), []);
}

#[test]
fn signing_keys_are_keys_and_differ() {
    let keys = [
        "",
        "ed25519:",
        "rsa:AAAA",
        "ed25519:AAAA",
        "ed25519:!!!!",
        // Thirty-two zero bytes: a point of small order. And y = 2, which is on no curve point.
        "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "ed25519:AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ];
    for bad in keys {
        one("party[0].signing_key", "Ed25519 public key", |d| d.parties[0].signing_key = Some(bad.into()));
    }
    one("party[2].signing_key", "also the key of party[0]", |d| {
        d.parties[2].signing_key = d.parties[0].signing_key.clone();
    });
}

#[test]
fn thresholds_and_least_contributors() {
    one(
        "computation[0].sharing",
        "'Shamir' is not a way",
        with_computation(|c| {
            c.sharing = Some(SharingDraft::Named("Shamir".into()));
        }),
    );
    let key = "computation[0].sharing.shamir.threshold";
    one(key, "1; with fewer than 2 one party alone reads every figure", with_computation(|c| c.sharing = shamir(1)));
    one(key, "0; with fewer than 2", with_computation(|c| c.sharing = shamir(0)));
    one(key, "4 shares of 3 compute parties; no total could", with_computation(|c| c.sharing = shamir(4)));
    assert_eq!(problems(with_computation(|c| c.sharing = shamir(3))), [], "k = n, and μ is |I|");
    let key = "computation[0].min_contributors";
    one(key, "missing", with_computation(|c| c.sharing = shamir(2)));
    one(key, "4 of 3 input parties", with_computation(|c| c.min_contributors = Some(4)));
    // μ < 2, and with it every stricter rule, with one way to mend them all.
    for bad in [1, 0, -1] {
        let both = "a sum of one party's figures is that party's figures; and a result party that contributes takes its \
                    own figure from a sum of two and has the other's; write 3 or more";
        one(key, both, with_computation(|c| c.min_contributors = Some(bad)));
    }
    // μ < 3 where an input party is a result party.
    one(key, "2; a result party that", with_computation(|c| c.min_contributors = Some(2)));
    let split = |least| {
        move |d: &mut AgreementDraft| {
            d.parties.iter_mut().for_each(|p| p.roles = Some(strings(&["input", "compute"])));
            d.parties.push(party(9, "zoo", &["result"]));
            d.computations[0].min_contributors = Some(least);
        }
    };
    assert_eq!(problems(split(2)), [], "no input party is a result party: two are enough");
    one(key, "1; a sum of one party's figures is that party's figures; write 2 or more", split(1));
}

#[test]
fn two_contributors_who_both_learn_the_sum_are_refused_in_plain_words() {
    let key = "computation[0].min_contributors";
    one(
        key,
        "left out, which means 2; a result party that contributes takes its own figure from a sum of two and has the \
         other's; take in a third input party, or let no input party be a result party",
        |d| d.parties.truncate(2),
    );
    // One of them is enough, and a third party that does not contribute changes nothing.
    let one_learns = |d: &mut AgreementDraft| {
        d.parties[0].roles = Some(strings(&["input", "compute"]));
        d.parties[2].roles = Some(strings(&["compute", "result"]));
    };
    one(key, "has the other's; take in a third input party", one_learns);
    assert_eq!(
        problems(|d| {
            one_learns(d);
            d.parties[1].roles = Some(strings(&["input", "compute"]));
        }),
        []
    );
}

#[test]
fn least_contributors_of_threshold_sharing_cover_the_colluding() {
    // k = 4, t = 3, |I ∩ C| = 3: μ ≥ 5, and there are 6 input parties.
    let setting = |least: i64| {
        move |d: &mut AgreementDraft| {
            helpers(d, 6);
            d.parties.extend((10..13).map(|i| party(i, &format!("i{i}"), &["input"])));
            d.computations[0].sharing = shamir(4);
            d.computations[0].min_contributors = Some(least);
        }
    };
    one(
        "computation[0].min_contributors",
        "4; 3 of the compute parties that contribute may collude, and could leave but themselves and one other in a \
         sum; write 5 or more",
        setting(4),
    );
    assert_eq!(problems(setting(5)), []);
    // With k = n the rule does not apply: μ may be 3.
    assert_eq!(
        problems(|d| {
            setting(3)(d);
            d.computations[0].sharing = shamir(6);
        }),
        []
    );
}

#[test]
fn where_no_least_number_would_do_the_threshold_is_to_be_mended() {
    let key = "computation[0].min_contributors";
    // k = 4, t = 3, and all three input parties are compute parties: μ ≥ 5 > |I|.
    let threshold = |k| {
        move |d: &mut AgreementDraft| {
            helpers(d, 6);
            d.computations[0].sharing = shamir(k);
            d.computations[0].min_contributors = Some(3);
        }
    };
    one(key, "lower the threshold to 2, or raise it to all 6, or take in more input parties", threshold(4));
    assert_eq!(problems(threshold(2)), []);
    assert_eq!(problems(threshold(6)), []);
    // Two input parties: no threshold below n is possible.
    let two = |k| {
        move |d: &mut AgreementDraft| {
            d.parties[0].roles = Some(strings(&["input", "compute"]));
            d.parties[1].roles = Some(strings(&["input", "compute"]));
            d.parties[2].roles = Some(strings(&["compute", "result"]));
            d.computations[0].sharing = shamir(k);
            d.computations[0].min_contributors = Some(2);
        }
    };
    one(key, "raise the threshold to all 3, or take in more input parties", two(2));
    assert_eq!(problems(two(3)), []);
    // Delegated: no contributor holds shares, so nobody who holds them can leave its own in.
    assert_eq!(
        problems(|d| {
            d.parties = (1..=2).map(|i| party(i, &format!("i{i}"), &["input"])).collect();
            d.parties.extend((3..=5).map(|i| party(i, &format!("c{i}"), &["compute", "result"])));
            d.computations[0].sharing = shamir(2);
            d.computations[0].min_contributors = Some(2);
        }),
        []
    );
}

#[test]
fn a_round_outlasts_the_leaders_that_may_be_silent() {
    // k = 2 of n = 6 semi-honest: q = 4, so two may be silent, and three attempts must fit in.
    let give_up = |after: u64, k| {
        move |d: &mut AgreementDraft| {
            helpers(d, 6);
            d.computations[0].sharing = shamir(k);
            d.computations[0].min_contributors = Some(3);
            d.computations[0].give_up_after = Some(Duration::from_secs(7 * 86_400 + after));
        }
    };
    one(
        "computation[0].give_up_after",
        "write at least 7 days 1 minute 30 seconds, which is collect_for and 3 times attempt_deadline together: 2 silent \
         compute parties can use up an attempt each",
        give_up(89, 2),
    );
    assert_eq!(problems(give_up(90, 2)), []);
    assert_eq!(problems(give_up(30, 6)), [], "where all are needed, nobody may be silent");
}

#[test]
fn models_calendars_and_times() {
    one("computation[0].adversary", "'honest'", with_computation(|c| c.adversary = Some("honest".into())));
    one("computation[0].adversary", "no default", with_computation(|c| c.adversary = None));
    one("computation[0].calendar", "'Quarter'", with_computation(|c| c.calendar = Some("Quarter".into())));
    let seconds = |s| Some(Duration::from_secs(s));
    one("computation[0].collect_for", "zero", with_computation(|c| c.collect_for = seconds(0)));
    one("computation[0].attempt_deadline", "zero", with_computation(|c| c.attempt_deadline = seconds(0)));
    one("computation[0].give_up_after", "zero", with_computation(|c| c.give_up_after = seconds(0)));
    one(
        "computation[0].give_up_after",
        "longer than 3,660 days",
        with_computation(|c| {
            c.give_up_after = seconds(4_000 * 86_400);
        }),
    );
    one(
        "computation[0].attempt_deadline",
        "finer than a millisecond",
        with_computation(|c| {
            c.attempt_deadline = Some(Duration::from_micros(1_500));
        }),
    );
    one(
        "computation[0].give_up_after",
        "write at least 7 days 30 seconds",
        with_computation(|c| {
            c.give_up_after = seconds(7 * 86_400 + 29);
        }),
    );
    assert_eq!(problems(with_computation(|c| c.give_up_after = seconds(7 * 86_400 + 30))), []);
}

#[test]
fn rows_and_cells() {
    let key = "computation[0].rows";
    let count = |n| with_computation(move |c| c.rows = Some(RowsDraft::Count(n)));
    one(key, "0 rows", count(0));
    one(key, "100000001 rows", count(100_000_001));
    assert_eq!(problems(count(100_000_000)), []);
    one(key, "0 row labels", with_computation(|c| c.rows = Some(RowsDraft::Labels(vec![]))));
    let labels =
        |labels: &'static [&'static str]| with_computation(move |c| c.rows = Some(RowsDraft::Labels(strings(labels))));
    one("computation[0].rows[1]", "also label 0", labels(&["a", "a"]));
    one("computation[0].rows[1]", "blank", labels(&["a", ""]));
    one("computation[0].rows[0]", "space", labels(&[" a"]));
    one(
        key,
        "cells in all columns",
        with_computation(|c| {
            c.rows = Some(RowsDraft::Count(100_000_000));
            c.columns = (0..11).map(|i| ColumnDraft { name: Some(format!("c{i}")), ..c.columns[1].clone() }).collect();
            c.ratios.clear();
        }),
    );
}

#[test]
fn columns() {
    let key = |name: &str| format!("computation[0].column[0].{name}");
    one(
        "computation[0].column",
        "at least 1",
        with_computation(|c| {
            c.columns.clear();
            c.ratios.clear();
        }),
    );
    one(
        &key("name"),
        "header of the row labels",
        with_computation(|c| {
            c.columns[0].name = Some("row".into());
            c.ratios.clear();
        }),
    );
    one(
        "computation[0].column[1].name",
        "also the name",
        with_computation(|c| {
            c.columns[1].name = c.columns[0].name.clone();
            c.ratios.clear();
        }),
    );
    one(&key("decimals"), "19; ", with_column(|c| c.decimals = Some(19)));
    one(&key("decimals"), "-1; ", with_column(|c| c.decimals = Some(-1)));
    one(&key("max"), "less than min = -0.05", with_column(|c| c.max = Some("-0.06".into())));
    one(&key("min"), "missing", with_column(|c| c.min = None));
    for bad in ["0.001", "1e3", "inf", "nan", "", "1_000", "0x10"] {
        one(&key("max"), "plain number with at most 2", with_column(|c| c.max = Some(bad.into())));
    }
    one(
        &key("statistics"),
        "neither \"sum\" nor \"mean\"",
        with_computation(|c| {
            c.columns[0].statistics = Some(strings(&["count"]));
            c.ratios.clear();
        }),
    );
    one(&key("statistics[0]"), "'median' is not", with_column(|c| c.statistics = Some(strings(&["median", "sum"]))));
    one(&key("statistics[1]"), "twice", with_column(|c| c.statistics = Some(strings(&["sum", "sum"]))));
}

#[test]
fn ratios_name_columns_that_release_their_sum() {
    let ratio = |change: fn(&mut RatioDraft)| with_computation(move |c| change(&mut c.ratios[0]));
    one("computation[0].ratio[0].numerator", "no column 'pay'", ratio(|r| r.numerator = Some("pay".into())));
    one("computation[0].ratio[0].denominator", "would be 1", ratio(|r| r.denominator = r.numerator.clone()));
    one("computation[0].ratio[0].name", "name of a column", ratio(|r| r.name = Some("headcount".into())));
    one("computation[0].ratio[0].name", "missing", ratio(|r| r.name = None));
    one("computation[0].ratio[0].numerator", "add \"sum\"", with_column(|c| c.statistics = Some(strings(&["mean"]))));
    one("computation[0].ratio[1].name", "also the name", with_computation(|c| c.ratios.push(c.ratios[0].clone())));
}

#[test]
fn no_sum_may_wrap_around() {
    // 3 · x · 2 < p128 = 340282366920938462946865773367900766209.
    let largest = "56713727820156410491144295561316794368";
    let too_large = "56713727820156410491144295561316794369";
    let bounds = |min: &'static str, max: &'static str| {
        with_column(move |c| {
            c.decimals = Some(0);
            c.min = Some(min.into());
            c.max = Some(max.into());
        })
    };
    assert_eq!(problems(bounds("0", largest)), []);
    one("computation[0].column[0].max", "could wrap around", bounds("0", too_large));
    one("computation[0].column[0].min", "could wrap around", bounds("-56713727820156410491144295561316794369", "0"));
    let field = |max| valid(bounds("0", max)).computations()[0].field;
    // 3 · x · 2 < p64 = 18446744069414584321.
    assert_eq!(field("3074457344902430720"), sharing::Field::Field64);
    assert_eq!(field("3074457344902430721"), sharing::Field::Field128);
    let malicious = |max: &'static str| {
        move |d: &mut AgreementDraft| {
            bounds("0", max)(d);
            d.computations[0].adversary = Some("malicious".into());
        }
    };
    assert_eq!(problems(malicious("18446744073709551615")), []);
    one("computation[0].column[0].max", "2^64 units", malicious("18446744073709551616"));
    assert_eq!(valid(malicious("100")).computations()[0].field, sharing::Field::Ristretto255);
}

#[test]
fn a_table_that_cannot_be_proven_in_one_message_is_refused() {
    let rows = |parties: u8, rows: i64| {
        move |d: &mut AgreementDraft| {
            helpers(d, parties);
            d.computations[0].adversary = Some("malicious".into());
            d.computations[0].columns.truncate(1);
            d.computations[0].ratios.clear();
            d.computations[0].rows = Some(RowsDraft::Count(rows));
        }
    };
    assert_eq!(problems(rows(3, 16_384)), []);
    one("computation[0].rows", "at most 16384 are possible with k = 3", rows(3, 16_385));
    // 4 MiB of commitments: 32 bytes for each cell and coefficient.
    assert_eq!(problems(rows(32, 4096)), []);
    one("computation[0].rows", "at most 4096 are possible with k = 32", rows(32, 4097));
}
