//! Manual pages and shell completions, made from the command line as clap knows it. They are files of the repository, so
//! that the daemon does not carry what makes them; this test holds them to the commands.
//!
//! `SMPCD_BLESS=1 cargo test -p smpcd --bin smpcd pages` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");

/// Each file's name and text.
type Files = BTreeMap<String, Vec<u8>>;

/// A page for each command, named as the words that call it: `smpcd-round-start.1`.
fn manual(command: &clap::Command, files: &mut Files) {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text).expect("a vector takes all");
    let name = command.get_display_name().unwrap_or(command.get_name());
    files.insert(format!("{name}.1"), text);
    command.get_subcommands().filter(|command| !command.is_hide_set()).for_each(|command| manual(command, files));
}

fn completions(files: &mut Files) {
    for (shell, name) in [(Shell::Bash, "smpcd"), (Shell::Zsh, "_smpcd"), (Shell::Fish, "smpcd.fish")] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "smpcd", &mut text);
        files.insert(name.to_owned(), text);
    }
}

fn there(folder: &Path) -> Files {
    let Ok(entries) = fs::read_dir(folder) else { return Files::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.map(|path| (name(&path), fs::read(&path).expect("reads"))).collect()
}

fn holds(folder: &str, wanted: &Files) {
    let folder = Path::new(DEPLOY).join(folder);
    if std::env::var_os("SMPCD_BLESS").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("made");
        wanted.iter().for_each(|(name, text)| fs::write(folder.join(name), text).expect("written"));
    }
    let there = there(&folder);
    assert_eq!(there.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "SMPCD_BLESS=1 writes them anew");
    for (name, text) in wanted {
        assert!(there[name] == *text, "{name} is not what the commands say: SMPCD_BLESS=1 writes it anew");
    }
}

#[test]
fn manual_pages_say_what_the_commands_are() {
    let mut command = Cli::command();
    command.build();
    let mut files = Files::new();
    manual(&command, &mut files);
    holds("man", &files);
}

#[test]
fn completions_know_the_commands() {
    let mut files = Files::new();
    completions(&mut files);
    holds("completions", &files);
}
