//! The wire format, byte by byte, and that nothing else is taken for it (PROTOCOL 1.3, 3, 6; STYLE 11, 12).

mod bytes;
mod canonical;
mod fixtures;
mod frames;
mod signatures;
