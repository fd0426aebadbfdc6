//! The wall of the pure crates `wire` and `protocol`: no standard library, no clock, no operating system's randomness
//! (ARCHITECTURE; PROTOCOL 2.2). `sharing` keeps its own.

use std::fs;
use std::path::{Path, PathBuf};

/// What the sources may not name, and what to do instead.
const REFUSED: [(&str, &str); 9] = [
    ("extern crate std", "the crate is no_std"),
    ("std::", "use core or alloc"),
    ("random_vector", "it draws from the operating system; derive from a seed"),
    ("thread_rng", "take the generator as an argument"),
    ("SysRng", "take the generator as an argument"),
    ("OsRng", "take the generator as an argument"),
    ("getrandom", "take the generator as an argument"),
    ("SystemTime", "take the time as an argument"),
    ("println!", "a pure crate says nothing; give it to the caller"),
];

/// The lines of a source before its tests, which come last, that name something refused.
fn offences(source: &str) -> Vec<String> {
    let lines: Vec<&str> = source.lines().collect();
    // `#[cfg(test)] mod tests;` at the top of a file is not where its tests begin.
    let begins = |at: &usize| {
        let after = lines.get(at + 1).is_some_and(|line| line.trim_end().ends_with('{'));
        lines[*at].trim() == "#[cfg(test)]" && after
    };
    let end = (0..lines.len()).find(begins).unwrap_or(lines.len());
    let code = lines[..end].iter().map(|line| line.split("//").next().unwrap_or_default());
    let offence = |line: &str| {
        REFUSED.iter().find(|(word, _)| line.contains(word)).map(|(word, instead)| format!("`{word}`: {instead}"))
    };
    code.filter_map(offence).collect()
}

/// The sources below a directory, without those of tests.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("sources are readable") {
        let path = entry.expect("sources are readable").path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_test {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_sources_stay_behind_the_wall() {
    for (name, least) in [("wire", 6), ("protocol", 20)] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let files = sources(&root.join("src"));
        assert!(files.len() >= least, "only {} sources of {name}: the scan looks at the wrong place", files.len());
        for file in files {
            let source = fs::read_to_string(&file).expect("sources are text");
            let found = offences(&source);
            assert!(found.is_empty(), "{}: {found:?}", file.display());
        }
        let lib = fs::read_to_string(root.join("src/lib.rs")).expect("sources are text");
        assert!(lib.contains("#![cfg_attr(not(test), no_std)]"), "{name}");
        // Only the one that is an argument: `rand` brings the operating system's generator.
        let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("manifests are text");
        let used = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for refused in ["\nrand.", "\nrand ", "\ntokio", "\ngetrandom", "\ntime."] {
            assert!(!used.contains(refused), "{name} depends on {}", refused.trim());
        }
    }
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    for source in [
        "extern crate std;",
        "use std::vec::Vec;",
        "fn f() { let x = prio::field::random_vector(3); }",
        "fn f() -> ::std::string::String {}",
        "#[cfg(test)]\nmod tests;\nuse std::time::Instant;",
    ] {
        assert_eq!(offences(source).len(), 1, "{source}");
    }
    assert!(
        offences("// std::vec is not used\nuse core::fmt;\n#[cfg(test)]\nmod tests { \n use std::vec; }").is_empty()
    );
}
