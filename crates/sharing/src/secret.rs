//! The 32-byte secrets of a dealing: wiped on drop, compared in constant time, printed as `<redacted>` (PROTOCOL 2.2).
//!
//! Attacker: reads logs, panics and memory dumps made after the value's life.

use core::fmt;

use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the 32 bytes as they are. The caller wipes its own copy.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            ///
            /// # Security
            /// They are secret: seal them before they reach a disk, and let them reach no log.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }

        impl ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> Choice {
                self.0.ct_eq(&other.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.ct_eq(other).into()
            }
        }

        impl Eq for $name {}
    };
}

secret! {
    /// The root of one dealing: 32 bytes from the operating system, drawn once for a round (PROTOCOL 2.2).
    DealingKey
}
secret! {
    /// A whole share of one compute party in 32 bytes (PROTOCOL 2.1).
    Seed
}
secret! {
    /// What makes the published digest of a share hide it; one for each share (PROTOCOL 3).
    Salt
}
secret! {
    /// Digest of an encoded input. Secret, because inputs are guessable.
    InputDigest
}

impl DealingKey {
    /// Draws a fresh key.
    ///
    /// # Security
    /// `rng` has to be the operating system's generator, or seeded by it: every share of the dealing hangs on it.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut key = Self([0; 32]);
        rng.fill_bytes(&mut key.0);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn debug_shows_nothing() {
        let bytes = [0xA7; 32];
        assert_eq!(format!("{:?}", DealingKey::from_bytes(bytes)), "DealingKey(<redacted>)");
        assert_eq!(format!("{:?}", Seed::from_bytes(bytes)), "Seed(<redacted>)");
        assert_eq!(format!("{:?}", Salt::from_bytes(bytes)), "Salt(<redacted>)");
        assert_eq!(format!("{:#?}", InputDigest::from_bytes(bytes)), "InputDigest(<redacted>)");
    }

    #[test]
    fn comparison_sees_every_byte() {
        let zero = Seed::from_bytes([0; 32]);
        assert_eq!(zero, zero.clone());
        for byte in 0..32 {
            let mut other = [0; 32];
            other[byte] = 0x80;
            assert_ne!(zero, Seed::from_bytes(other));
        }
    }

    #[test]
    fn wiping_wipes() {
        let mut seed = Seed::from_bytes([9; 32]);
        seed.zeroize();
        assert_eq!(seed.as_bytes(), &[0; 32]);
    }

    #[test]
    fn random_keys_differ() {
        use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        assert_ne!(DealingKey::random(&mut rng), DealingKey::random(&mut rng));
    }
}
