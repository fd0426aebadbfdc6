//! A party's authority and certificates: issues, loads, self-checks; verifies a peer against its card.
