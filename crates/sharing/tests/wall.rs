//! The wall of a pure crate: no standard library, no operating system's randomness (PROTOCOL 2.2: randomness is an argument).
//!
//! `no_std` holds most of it; prio brings the standard library and the generator along, so the sources are read as well.

use std::fs;
use std::path::Path;

/// What the sources may not name, and what to do instead.
const REFUSED: [(&str, &str); 8] = [
    ("extern crate std", "the crate is no_std"),
    ("std::", "use core or alloc"),
    ("random_vector", "it draws from the operating system; derive from a seed"),
    ("thread_rng", "take the generator as an argument"),
    ("SysRng", "take the generator as an argument"),
    ("OsRng", "take the generator as an argument"),
    ("getrandom", "take the generator as an argument"),
    ("unsafe {", "the crate forbids it"),
];

/// The lines of a source before its tests, which come last (STYLE 17), that name something refused.
fn offences(source: &str) -> Vec<String> {
    let code = source.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    let code = code.map(|line| line.split("//").next().unwrap_or_default());
    let offence = |line: &str| {
        REFUSED.iter().find(|(word, _)| line.contains(word)).map(|(word, instead)| format!("`{word}`: {instead}"))
    };
    code.filter_map(offence).collect()
}

fn scan(directory: &Path, read: &mut usize) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("sources are readable") {
        let path = entry.expect("sources are readable").path();
        if path.is_dir() {
            found.extend(scan(&path, read));
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let source = fs::read_to_string(&path).expect("sources are text");
            *read += 1;
            found.extend(offences(&source).into_iter().map(|offence| format!("{}: {offence}", path.display())));
        }
    }
    found
}

#[test]
fn the_sources_stay_behind_the_wall() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut read = 0;
    let found = scan(&root, &mut read);
    assert!(found.is_empty(), "{found:#?}");
    assert!(read >= 10, "only {read} sources were found: the scan looks at the wrong place");
    let lib = fs::read_to_string(root.join("lib.rs")).expect("sources are text");
    assert!(lib.contains("#![cfg_attr(not(test), no_std)]"));
    assert!(lib.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    for source in [
        "extern crate std;",
        "use std::vec::Vec;",
        "fn f() { let x = prio::field::random_vector(3); }",
        "fn f() -> ::std::string::String {}",
    ] {
        assert_eq!(offences(source).len(), 1, "{source}");
    }
    assert!(offences("// std::vec is not used\nuse core::fmt;\n#[cfg(test)]\nmod tests { use std::vec; }").is_empty());
}
