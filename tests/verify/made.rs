//! Rounds of real consortia, and the files that they leave.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ed25519_dalek::{Signer as _, SigningKey};
use protocol::agreement::Agreement;
use protocol::round::{Cores, NotProven, OneCore, Proven, examine};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::Value;
use testkit::dice::Dice;
use wire::Signer;

use crate::agreement;
use crate::support::Testbed;

/// What a consortium was asked, and what came of it. Its daemons have ended, its directory is gone.
pub(crate) struct Made {
    pub(crate) text: String,
    pub(crate) agreement: Agreement,
    pub(crate) keys: Vec<Key>,
    /// Of both periods, at every party.
    pub(crate) results: Vec<Stored>,
}

/// A result at one party.
pub(crate) struct Stored {
    pub(crate) party: usize,
    pub(crate) period: &'static str,
    pub(crate) bundle: Vec<u8>,
    /// What `result show --json` prints.
    pub(crate) shown: Value,
}

/// A party's signing key.
pub(crate) struct Key(SigningKey);

impl Signer for Key {
    fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
    fn sign(&self, digest: &[u8]) -> [u8; 64] {
        self.0.sign(digest).to_bytes()
    }
}

/// Several cells, several bit lengths, negative figures, a ratio, and a second computation of the same shape.
fn computations(sharing: &str) -> String {
    ["pay", "other"]
        .map(|id| {
            format!(
                r#"
[[computation]]
id = "{id}"
title = "Pay and change of the members"
sharing = {sharing}
adversary = "malicious"
min_contributors = 3
calendar = "any"
collect_for = "20s"
attempt_deadline = "2s"
give_up_after = "2m"
rows = ["north", "south", "west"]

[[computation.column]]
name = "pay"
unit = "GBP"
decimals = 2
min = 0
max = 50_000_000
statistics = ["sum", "mean"]

[[computation.column]]
name = "change"
unit = ""
decimals = 0
min = -1_000
max = 1_000
statistics = ["sum"]

[[computation.ratio]]
name = "average"
numerator = "pay"
denominator = "change"
"#
            )
        })
        .concat()
}

fn run(parties: u16, sharing: &str) -> Made {
    let mut testbed = Testbed::of(parties, &computations(sharing));
    for party in 0..testbed.count() {
        let row = |label: &str, number: usize| format!("{label},{number}{party}.0{party},-{number}{party}\n");
        let rows = row("north", 1) + &row("south", 2) + &row("west", 3);
        testbed.input(party, Some("pay"), &format!("row,pay,change\n{rows}"));
    }
    testbed.start_all();
    let mut results = Vec::new();
    for period in ["2026-1", "2026-2"] {
        testbed.completes("pay", period);
        for party in 0..testbed.count() {
            let round = format!("pay/{period}");
            let shown = testbed.result(party, &round);
            let bundle = shown["bundle"].as_str().expect("a malicious round has a bundle");
            let bundle = fs::read(testbed.data(party).join(bundle)).expect("it is there");
            // The commands know it by its address too.
            let said = testbed.run(party, &["result", "verify", &round, "--json"]).exits(0).json();
            assert_eq!(said["digest"], shown["digest"]);
            results.push(Stored { party, period, bundle, shown });
        }
        testbed.rotate_inputs(Some("pay"));
    }
    testbed.stop_all();
    let key = |party: usize| {
        let text = fs::read_to_string(testbed.home(party).join("keys/signing.key")).expect("a key");
        let (_, bytes) = pem_rfc7468::decode_vec(text.as_bytes()).expect("armour");
        Key(SigningKey::from_bytes(&bytes.try_into().expect("32 bytes")))
    };
    let keys = (0..testbed.count()).map(key).collect();
    let text = fs::read_to_string(testbed.root().join("agreement.toml")).expect("an agreement");
    Made { agreement: agreement::read(&text), text, keys, results }
}

/// Three parties and additive shares; four parties, any two of whose shares reconstruct.
pub(crate) fn all() -> &'static [Made; 2] {
    static MADE: OnceLock<[Made; 2]> = OnceLock::new();
    MADE.get_or_init(|| [run(3, "\"additive\""), run(4, "{ shamir = { threshold = 2 } }")])
}

impl Made {
    /// Writes the agreement into a folder.
    pub(crate) fn agreement_in(&self, folder: &Path) -> PathBuf {
        let file = folder.join("agreement.toml");
        fs::write(&file, &self.text).expect("written");
        file
    }

    /// What a file proves under this agreement.
    pub(crate) fn examine(&self, file: &[u8]) -> Result<Proven, NotProven> {
        examined(&self.agreement, file)
    }
}

/// What a file proves.
pub(crate) fn examined(agreement: &Agreement, file: &[u8]) -> Result<Proven, NotProven> {
    let cores: &mut dyn Cores = &mut OneCore;
    examine(agreement, file, &mut UnwrapErr(SysRng), cores)
}

/// What is changed where.
pub(crate) fn dice(label: &str) -> Dice {
    let given = std::env::var("SMPCD_VERIFY_SEED").ok();
    let seed = given.map_or_else(
        || Dice::new(std::process::id().into(), "seed").below(1 << 32),
        |text| text.parse().unwrap_or_else(|_| panic!("SMPCD_VERIFY_SEED={text} is no number")),
    );
    println!("SMPCD_VERIFY_SEED={seed} ({label})");
    Dice::new(seed, label)
}

/// The file with one byte changed.
pub(crate) fn changed(dice: &mut Dice, file: &[u8]) -> (usize, Vec<u8>) {
    let mut file = file.to_vec();
    let at = usize::try_from(dice.below(file.len() as u64)).expect("an offset");
    file[at] ^= u8::try_from(1 + dice.below(255)).expect("a byte");
    (at, file)
}
