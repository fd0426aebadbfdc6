//! Versioned messages, a bounded canonical codec, signed envelopes and frames over byte slices.
