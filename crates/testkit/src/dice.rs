//! Choices from a seed, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A source of choices. Two with one seed and label choose alike.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Choices for `label` under `seed`. Labels keep apart what is chosen for different ends, so that a change of one
    /// does not shuffle the others.
    #[must_use]
    pub fn new(seed: u64, label: &str) -> Self {
        Self(ChaCha8Rng::from_seed(sharing::hash("smpcd/testkit/dice", &[&seed.to_le_bytes(), label.as_bytes()])))
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias is of no account here.
        if end == 0 { 0 } else { self.0.next_u64() % end }
    }

    /// An index of a list of that length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// A number from `least` to `most`, both possible.
    pub fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// An integer from `least` to `most`; the ends come up often, for that is where sums wrap.
    pub fn value(&mut self, least: i128, most: i128) -> i128 {
        match self.below(8) {
            0 => least,
            1 => most,
            _ => {
                let span = most.wrapping_sub(least).cast_unsigned().saturating_add(1);
                let wide = (u128::from(self.0.next_u64()) << 64) | u128::from(self.0.next_u64());
                least.wrapping_add((wide % span).cast_signed())
            }
        }
    }

    /// Moves the items about.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = self.index(end + 1);
            items.swap(end, other);
        }
    }

    /// The generator itself, for code that takes one.
    pub fn generator(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }
}
