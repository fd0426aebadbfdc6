//! One daemon per organisation: joint statistics without anyone's figures.
fn main() {}
