//! The record of what happened: typed events, JSON Lines, an append-only file.
