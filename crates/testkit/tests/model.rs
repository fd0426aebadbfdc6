//! The voting rules, searched through (PROTOCOL 4.3 to 4.5, 4.8): what they promise holds in every order of events, and what
//! goes wrong without each of them.
//!
//! `SMPCD_MODEL_PARTIES=5` goes on to five compute parties: a minute more. `--nocapture` shows how many states there
//! are, and the ways to what is broken.

use std::collections::BTreeSet;

use protocol::agreement::{Adversary, Quorum, SharingScheme};
use testkit::model::period::{self, Period};
use testkit::model::prospect::Prospect;
use testkit::model::search::Findings;
use testkit::model::votes::{Facts, Grain, Promise, Rule, State, Votes};
use testkit::model::{Setting, search};

const PARTIES: usize = 4;

fn parties() -> usize {
    std::env::var("SMPCD_MODEL_PARTIES").map_or(PARTIES, |text| text.parse().expect("a number of parties up to 5"))
}

/// Every different setting of n compute parties: any threshold, both adversaries, up to t byzantine parties.
fn settings(n: usize) -> Vec<Setting> {
    let semi_honest = (2..=n).map(|k| Setting::semi_honest(n, k));
    let malicious = (2..=n).flat_map(|k| (1..k).map(move |byzantine| Setting::malicious(n, k, byzantine)));
    let mut settings: Vec<Setting> = Vec::new();
    for setting in semi_honest.chain(malicious) {
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    settings
}

/// Settings small enough for single statements, with attempts.
fn small() -> [(Setting, usize); 6] {
    [
        (Setting::semi_honest(2, 2), 3),
        (Setting::malicious(2, 2, 1), 3),
        (Setting::malicious(3, 2, 1), 3),
        (Setting::semi_honest(3, 3), 2),
        (Setting::semi_honest(3, 2), 2),
        (Setting::malicious(4, 2, 1), 2),
    ]
}

/// Says how much was searched, and panics unless that is all there is and no promise is broken.
fn all_is_well<P: std::fmt::Display>(what: &str, findings: &Findings<P>) {
    println!("{what}: {} states", findings.states);
    if let Some(found) = &findings.found {
        panic!("{what}:\n{found}");
    }
    assert!(findings.complete, "{what}: more states than are kept");
}

fn search_votes(setting: Setting, attempts: usize, grain: Grain, visit: impl FnMut(&Votes, &State)) {
    let mut visit = visit;
    let votes = Votes { setting, attempts, without: None, grain };
    let findings = search(&votes, &Promise::ALL, |state| visit(&votes, state));
    all_is_well(&format!("{setting}, {attempts} attempts, {grain:?}"), &findings);
}

#[test]
fn settings_are_those_of_the_protocol() {
    for n in 2..=5u16 {
        for k in 2..=n {
            let scheme = SharingScheme::Shamir { threshold: k };
            let of = |adversary| usize::from(Quorum::new(n, scheme, adversary).q);
            let (parties, threshold) = (usize::from(n), usize::from(k));
            assert_eq!(Setting::semi_honest(parties, threshold).quorum, of(Adversary::SemiHonest));
            assert_eq!(Setting::malicious(parties, threshold, 1).quorum, of(Adversary::Malicious));
        }
    }
}

#[test]
fn three_attempts_keep_every_promise() {
    for setting in (2..=parties()).flat_map(settings) {
        // Five parties that are all honest have more states than are kept.
        let attempts = if setting.honest() < 5 { 3 } else { 2 };
        search_votes(setting, attempts, Grain::Grouped, |_, _| {});
    }
}

#[test]
fn single_statements_come_to_the_same() {
    for (setting, attempts) in small() {
        let facts = |grain| {
            let mut facts: BTreeSet<Facts> = BTreeSet::new();
            search_votes(setting, attempts, grain, |votes, state| {
                let here = votes.facts(state);
                facts.extend([here, here.swapped()]);
            });
            facts
        };
        let (single, grouped) = (facts(Grain::Single), facts(Grain::Grouped));
        assert!(grouped.is_subset(&single), "{setting}: grouped statements come to what single ones do not");
        let covered = single.iter().all(|fact| grouped.iter().any(|larger| larger.cover(fact)));
        assert!(covered, "{setting}: single statements come to what grouped ones do not");
    }
}

#[test]
fn rounds_go_on_once_faults_stop() {
    for (setting, attempts) in small() {
        let (mut certificates, mut ends) = (0, 0);
        search_votes(setting, attempts, Grain::Single, |votes, state| match votes.prospect(state) {
            Prospect::Certificate => certificates += 1,
            Prospect::End => ends += 1,
            Prospect::Stuck => panic!("{setting}: {state:?}"),
        });
        println!("{setting}: {certificates} states lead to a certificate, {ends} have used up their attempts");
        // With fewer than q honest parties a byzantine one can always stall.
        assert_eq!(certificates > 0, setting.honest() >= setting.quorum);
    }
}

fn without(rule: Rule, promise: Promise, setting: Setting) -> Findings<Promise> {
    let votes = Votes { setting, attempts: 2, without: Some(rule), grain: Grain::Single };
    let findings = search(&votes, &[promise], |_| {});
    println!("without {rule:?}, {setting}: {} states", findings.states);
    if let Some(found) = &findings.found {
        println!("{found}");
    }
    findings
}

/// Without the rule the promise is broken in each of these settings.
fn breaks(rule: Rule, promise: Promise, settings: &[Setting]) {
    for setting in settings {
        assert!(without(rule, promise, *setting).found.is_some(), "{rule:?} is not needed for {promise:?}: {setting}");
    }
}

/// Without the rule the promise holds all the same in this setting.
fn holds(rule: Rule, promise: Promise, setting: Setting) {
    let findings = without(rule, promise, setting);
    assert!(findings.complete && findings.found.is_none(), "{rule:?} is needed for {promise:?}: {setting}");
}

/// Settings with any q, with and without a byzantine party.
fn ordinary() -> [Setting; 6] {
    [
        Setting::semi_honest(2, 2),
        Setting::malicious(2, 2, 1),
        Setting::semi_honest(3, 2),
        Setting::semi_honest(3, 3),
        Setting::malicious(3, 2, 1),
        Setting::malicious(4, 2, 1),
    ]
}

#[test]
fn a_quorum_of_one_fewer_certifies_two_sets() {
    let least = [
        Setting::semi_honest(2, 2),
        Setting::semi_honest(3, 2),
        Setting::malicious(3, 2, 1),
        Setting::malicious(4, 2, 1),
    ];
    breaks(Rule::FullQuorum, Promise::OneSet, &least);
    // Where q is more than a majority for the sake of k, one fewer is a majority still.
    holds(Rule::FullQuorum, Promise::OneSet, Setting::semi_honest(3, 3));
}

#[test]
fn support_of_two_opens_of_one_attempt_certifies_two_sets() {
    breaks(Rule::OneReady, Promise::OneSet, &ordinary());
    breaks(Rule::OneReady, Promise::OneLock, &ordinary());
    breaks(Rule::OneReady, Promise::NoContradiction, &ordinary());
}

#[test]
fn an_accept_without_a_lock_certifies_two_sets() {
    breaks(Rule::LockBeforeAccept, Promise::OneSet, &ordinary());
    breaks(Rule::LockBeforeAccept, Promise::VoidIsEmpty, &ordinary());
}

#[test]
fn an_accept_after_ones_own_close_certifies_two_sets_and_is_a_fault() {
    breaks(Rule::NoAcceptOnceClosed, Promise::OneSet, &ordinary());
    breaks(Rule::NoAcceptOnceClosed, Promise::VoidIsEmpty, &ordinary());
    breaks(Rule::NoAcceptOnceClosed, Promise::NoContradiction, &ordinary());
    breaks(Rule::NoAcceptOnceClosed, Promise::HonestUnblamed, &ordinary());
}

#[test]
fn a_close_without_its_lock_certifies_two_sets_and_is_a_fault() {
    breaks(Rule::CloseShowsLock, Promise::OneSet, &ordinary());
    breaks(Rule::CloseShowsLock, Promise::VoidIsEmpty, &ordinary());
    breaks(Rule::CloseShowsLock, Promise::HonestUnblamed, &ordinary());
}

#[test]
fn a_lock_taken_on_trust_certifies_two_sets() {
    let malicious = [Setting::malicious(2, 2, 1), Setting::malicious(3, 2, 1), Setting::malicious(4, 2, 1)];
    breaks(Rule::ProvenLock, Promise::OneSet, &malicious);
    // Nobody lies there.
    holds(Rule::ProvenLock, Promise::OneSet, Setting::semi_honest(3, 3));
}

#[test]
fn an_open_without_the_closes_of_the_attempt_before_certifies_two_sets() {
    breaks(Rule::ClosesBeforeOpen, Promise::OneSet, &ordinary());
    breaks(Rule::ClosesBeforeOpen, Promise::SetStays, &ordinary());
}

#[test]
fn one_close_too_few_voids_a_round_that_is_certified() {
    breaks(Rule::FullVoid, Promise::VoidIsEmpty, &ordinary());
    // Each of the t byzantine parties counts: with fewer of them one Close fewer would do.
    breaks(Rule::FullVoid, Promise::VoidIsEmpty, &[Setting::malicious(3, 3, 2)]);
    holds(Rule::FullVoid, Promise::VoidIsEmpty, Setting::malicious(3, 3, 1));
}

#[test]
fn closes_that_show_a_lock_void_a_round_that_is_certified() {
    breaks(Rule::UnlockedVoid, Promise::VoidIsEmpty, &ordinary());
}

#[test]
fn a_period_is_certified_once() {
    for setting in (2..=parties()).flat_map(settings) {
        let findings = search(&Period { setting, without: None }, &period::Promise::ALL, |_| {});
        all_is_well(&format!("period: {setting}"), &findings);
    }
}

#[test]
fn without_a_rule_of_periods_two_rounds_are_certified() {
    use period::{Promise, Rule};
    for (rule, promise) in [
        (Rule::VoidBeforeVote, Promise::OneRound),
        (Rule::VoidBeforeEnd, Promise::OneRound),
        (Rule::EndForGood, Promise::OneRound),
        (Rule::EndForGood, Promise::VoidIsEmpty),
        (Rule::OneRoundId, Promise::OneRound),
    ] {
        for setting in ordinary() {
            let findings = search(&Period { setting, without: Some(rule) }, &[promise], |_| {});
            let found = findings.found.unwrap_or_else(|| panic!("{rule:?} is not needed for {promise:?}: {setting}"));
            println!("without {rule:?}, {setting}: {} states\n{found}", findings.states);
        }
    }
}
