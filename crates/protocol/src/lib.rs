//! The agreement and the round as a sans-IO state machine.
