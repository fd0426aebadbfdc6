//! What is handed to others proves itself: the bundle of a result, and evidence against a party (PROTOCOL 5.4, 5.5).

mod support;
