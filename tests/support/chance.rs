//! What chance chooses in tests that kill daemons. `SMPCD_KILL_ROUNDS` says how many rounds there are, `SMPCD_KILL_SEED` what
//! is chosen; a failure shows both.

use testkit::dice::Dice;

/// Rounds in the test command that everybody runs.
const ROUNDS: u64 = 20;

/// How many rounds are asked for.
pub(crate) fn rounds() -> u64 {
    number("SMPCD_KILL_ROUNDS").unwrap_or(ROUNDS)
}

/// Choices for an end.
pub(crate) fn dice(end: &str) -> Dice {
    let seed = number("SMPCD_KILL_SEED").unwrap_or_else(|| Dice::new(std::process::id().into(), "seed").below(1 << 32));
    println!("SMPCD_KILL_SEED={seed} SMPCD_KILL_ROUNDS={}", rounds());
    Dice::new(seed, end)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
