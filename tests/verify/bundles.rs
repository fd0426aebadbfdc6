//! Bundles of honest rounds are accepted everywhere; changed in any way, they are not.

use std::fs;

use protocol::round::{NotProven, Proven};
use wire::dossier::Dossier;

use crate::agreement;
use crate::made::{all, changed, dice, examined};
use crate::support::smpcd;

/// Bundles with one byte changed: half of them of each consortium.
const CHANGED: usize = 1_000;
/// Of them those that the program itself is given.
const BY_COMMAND: usize = 24;

#[test]
fn every_honest_bundle_proves_the_result_that_every_party_has() {
    for made in all() {
        for stored in &made.results {
            let Proven::Result(result) = made.examine(&stored.bundle).expect("an honest bundle") else {
                panic!("no result");
            };
            assert_eq!((&*result.computation, &*result.period, result.voided), ("pay", stored.period, 0));
            assert_eq!(result.by, format!("p{}", stored.party + 1));
            let parties = made.keys.len();
            assert_eq!((result.contributors.len(), result.totals.len()), (parties, 6));
            let digest: String = result.digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(stored.shown["digest"], format!("sha256:{digest}"));
            assert_eq!(stored.shown["bundle"], format!("results/pay/{}/bundle.bin", stored.period));
        }
    }
}

#[test]
fn the_command_prints_what_result_show_prints_and_what_was_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    for made in all() {
        let agreement = made.agreement_in(folder.path());
        let file = folder.path().join("bundle.bin");
        let under = ["--agreement", agreement.to_str().expect("text")];
        for stored in &made.results {
            fs::write(&file, &stored.bundle).expect("written");
            let verify = ["result", "verify", file.to_str().expect("text")];
            let said = smpcd(verify.iter().chain(&under).chain(&["--json"])).exits(0).json();
            for same in ["columns", "ratios", "digest", "contributors"] {
                assert_eq!(said[same], stored.shown[same], "{same}");
            }
            assert_eq!(said["verified"], true);
            assert_eq!(said["checked"]["range_proofs"], 4 * made.keys.len());
            let said = smpcd(verify.iter().chain(&under)).exits(0);
            for part in ["VERIFIED", "range proofs", "Not shown: that the figures are true"] {
                assert!(said.out.contains(part), "{part} in {}", said.out);
            }
            // It is no evidence, and says so.
            let said = smpcd(["evidence", "verify", verify[2]].iter().chain(&under)).exits(4);
            said.complains(&["bundle of a result", "smpcd result verify"]);
        }
    }
}

#[test]
fn no_bundle_with_a_byte_changed_is_accepted() {
    let mut dice = dice("bundles");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bundle.bin");
    let bundles: Vec<_> = all().iter().flat_map(|made| made.results.iter().map(move |one| (made, one))).collect();
    for number in 0..CHANGED {
        let (made, stored) = bundles[number % bundles.len()];
        let (at, bytes) = changed(&mut dice, &stored.bundle);
        let found = made.examine(&bytes);
        assert!(found.is_err(), "byte {at} of the bundle of p{} ({found:?})", stored.party + 1);
        if number < BY_COMMAND {
            fs::write(&file, &bytes).expect("written");
            let agreement = made.agreement_in(folder.path());
            let said = smpcd([
                "result".as_ref(),
                "verify".as_ref(),
                file.as_os_str(),
                "--agreement".as_ref(),
                agreement.as_ref(),
            ]);
            let said = said.exits(4);
            assert!(said.out.is_empty() && said.err.lines().count() == 1, "byte {at}: {said:?}");
        }
    }
}

#[test]
fn no_bundle_that_is_cut_or_goes_on_is_accepted() {
    let mut dice = dice("lengths");
    for made in all() {
        let bundle = &made.results[0].bundle;
        let chosen = (0..200).map(|_| usize::try_from(dice.below(bundle.len() as u64)).expect("a length"));
        for length in chosen.chain([0, 7, 8, 9, bundle.len() - 1]) {
            assert!(matches!(made.examine(&bundle[..length]), Err(NotProven::NotADossier(_))), "{length}");
        }
        for more in [&[0][..], &[1; 64], bundle] {
            assert!(matches!(made.examine(&[bundle, more].concat()), Err(NotProven::NotADossier(_))));
        }
    }
}

#[test]
fn a_bundle_holds_under_its_own_agreement_alone() {
    let [additive, shamir] = all();
    for (made, other) in [(additive, shamir), (shamir, additive)] {
        let found = other.examine(&made.results[0].bundle);
        assert!(matches!(found, Err(NotProven::OtherAgreement { .. })), "{found:?}");
    }
    // Every term counts.
    let of = |from: &str, to: &str| {
        assert!(additive.text.contains(from), "{from}");
        agreement::read(&additive.text.replace(from, to))
    };
    for other in [
        of("version = 1", "version = 2"),
        of("max = 50_000_000", "max = 50_000_001"),
        of("collect_for = \"20s\"", "collect_for = \"21s\""),
        of("\"north\"", "\"North\""),
        of("name = \"Party 1\"", "name = \"Party One\""),
    ] {
        let found = examined(&other, &additive.results[0].bundle);
        assert!(matches!(found, Err(NotProven::OtherAgreement { .. })), "{found:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bundle.bin");
    fs::write(&file, &additive.results[0].bundle).expect("written");
    let agreement = shamir.agreement_in(folder.path());
    let said =
        smpcd(["result".as_ref(), "verify".as_ref(), file.as_os_str(), "--agreement".as_ref(), agreement.as_ref()]);
    said.exits(4).complains(&["about the agreement", "--agreement"]);
    // A file that proves nothing is not the same as no file, or no agreement.
    let said = smpcd(["result", "verify", "nowhere.bin", "--agreement"].map(Into::into).into_iter().chain([agreement]));
    said.exits(1).complains(&["nowhere.bin"]);
    smpcd(["result", "verify", "nowhere.bin", "--agreement", "nowhere.toml"]).exits(78);
    smpcd(["result", "verify", "nowhere.bin"]).exits(2);
}

/// A piece of a dossier goes to another one.
type Part = fn(&mut Dossier, &Dossier);

#[test]
fn no_part_of_another_rounds_bundle_fits() {
    let parts: [(&str, Part); 8] = [
        ("period", |to, from| to.period = from.period.clone()),
        ("certificate", |to, from| to.certificate = from.certificate.clone()),
        ("messages", |to, from| to.messages = from.messages.clone()),
        ("partial sums", |to, from| to.partials = from.partials.clone()),
        ("receipts", |to, from| {
            let receipts = from.certificate.as_ref().expect("certified").receipts.clone();
            to.certificate.as_mut().expect("certified").receipts = receipts;
        }),
        ("accepts", |to, from| {
            let accepts = from.certificate.as_ref().expect("certified").accepts.clone();
            to.certificate.as_mut().expect("certified").accepts = accepts;
        }),
        ("computation", |to, _| to.computation = "other".try_into().expect("short")),
        ("v", |to, _| to.voided = 1),
    ];
    for made in all() {
        let read = |period: &str| {
            let stored = made.results.iter().find(|one| one.period == period).expect("both periods");
            Dossier::decode(&stored.bundle).expect("a dossier")
        };
        let (one, other) = (read("2026-1"), read("2026-2"));
        for (name, part) in parts {
            let mut mixed = one.clone();
            part(&mut mixed, &other);
            assert!(made.examine(&mixed.encode()).is_err(), "{name} of another round");
        }
        // Every single message counts, and its place.
        for number in 0..one.messages.len() {
            let mut messages = one.messages.to_vec();
            messages[number] = other.messages[number].clone();
            let mut mixed = one.clone();
            mixed.messages = messages.clone().try_into().expect("as many");
            assert!(made.examine(&mixed.encode()).is_err(), "message {number} of another round");
            messages = one.messages.to_vec();
            messages.swap(number, (number + 1) % one.messages.len());
            mixed.messages = messages.try_into().expect("as many");
            assert!(made.examine(&mixed.encode()).is_err(), "message {number} out of its place");
        }
    }
}
