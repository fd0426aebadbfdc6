//! Taking in cards: the newest wins, a changed key does not come in unasked, and a mistake takes in nothing.

use std::fs::{copy, read_to_string, write};
use std::path::Path;

use clap::Parser;

use super::*;
use crate::commands::agreement::tests::{smpcd, three};

fn serial(file: &Path) -> u64 {
    read_card(file).unwrap().card().serial
}

#[test]
fn the_newest_card_wins_and_an_older_one_stays_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let (own, held) = (folder.join("a/cards/a.card"), folder.join("b/cards/a.card"));
    copy(&own, folder.join("old.card")).unwrap();
    smpcd(folder, "card new --config DIR/a/node.toml --address 10.0.0.1:7601 --certificates-since now").unwrap();
    // The node's own certificate is cut off too, and goes first.
    let cut_off = smpcd(folder, "card new --config DIR/a/node.toml --no-address").unwrap_err();
    assert_eq!((cut_off.exit, serial(&own)), (Exit::BadConfiguration, 2), "{cut_off:?}");
    smpcd(folder, "certs renew --config DIR/a/node.toml").unwrap();
    smpcd(folder, "card new --config DIR/a/node.toml --no-address").unwrap();
    let card = read_card(&own).unwrap();
    assert_eq!((card.card().serial, card.card().address.as_deref()), (3, None));
    assert!(card.card().certificates_since.is_some(), "what was cut off stays cut off");
    smpcd(folder, "card add --config DIR/b/node.toml DIR/a/cards/a.card").unwrap();
    assert_eq!(serial(&held), 3);
    smpcd(folder, "card add --config DIR/b/node.toml DIR/old.card").unwrap();
    assert_eq!(serial(&held), 3);
    let earlier = smpcd(folder, "card new --config DIR/a/node.toml --certificates-since 2020-01-01T00:00:00Z");
    assert_eq!(earlier.unwrap_err().exit, Exit::Usage);
    smpcd(folder, "card show --config DIR/b/node.toml").unwrap();
    smpcd(folder, "card show DIR/old.card").unwrap();
}

#[test]
fn a_changed_key_comes_in_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    smpcd(folder, "init DIR/new-c --consortium retail --party c --name C-Ltd").unwrap();
    let held = folder.join("a/cards/c.card");
    let before = read_to_string(&held).unwrap();
    let refused = smpcd(folder, "card add --config DIR/a/node.toml DIR/new-c/cards/c.card").unwrap_err();
    assert_eq!(refused.exit, Exit::BadConfiguration);
    assert!(refused.lines[0].contains("another signing key than the card that is here"), "{refused:?}");
    assert_eq!(read_to_string(&held).unwrap(), before);
    smpcd(folder, "card add --replace --config DIR/a/node.toml DIR/new-c/cards/c.card").unwrap();
    assert_ne!(read_to_string(&held).unwrap(), before);
    // Its own id is never given away.
    smpcd(folder, "init DIR/false-a --consortium retail --party a --name A-Ltd").unwrap();
    let refused = smpcd(folder, "card add --replace --config DIR/a/node.toml DIR/false-a/cards/a.card").unwrap_err();
    assert!(refused.lines[0].contains("this party's own id"), "{refused:?}");
}

#[test]
fn a_new_directory_of_cards_begins_with_the_nodes_own() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let (cards, elsewhere) = (folder.join("a/cards"), folder.join("mail"));
    std::fs::rename(&cards, &elsewhere).unwrap();
    let missing = smpcd(folder, "card add --config DIR/a/node.toml DIR/mail/b.card").unwrap_err();
    assert!(missing.lines[0].contains("a/cards/a.card"), "{missing:?}");
    // Not with another party that calls itself so.
    smpcd(folder, "init DIR/false-a --consortium retail --party a --name A-Ltd").unwrap();
    let line = "card add --replace --config DIR/a/node.toml DIR/false-a/cards/a.card DIR/mail/b.card";
    let refused = smpcd(folder, line).unwrap_err();
    assert!(refused.lines[0].contains("this party's own id"), "{refused:?}");
    assert!(!cards.exists());
    let line = "card add --config DIR/a/node.toml DIR/mail/a.card DIR/mail/b.card";
    // Once more changes nothing.
    for _ in 0..2 {
        smpcd(folder, line).unwrap();
        assert_eq!((serial(&cards.join("a.card")), serial(&cards.join("b.card"))), (1, 1));
    }
}

#[test]
fn one_bad_card_keeps_all_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    smpcd(folder, "init DIR/d --consortium retail --party d --name D-Ltd").unwrap();
    smpcd(folder, "init DIR/e --consortium other --party e --name E-Ltd").unwrap();
    let text = read_to_string(folder.join("d/cards/d.card")).unwrap();
    write(folder.join("bad.card"), text.replace("-----BEGIN", "-----BEGUN")).unwrap();
    let line = "card add --config DIR/a/node.toml DIR/d/cards/d.card DIR/e/cards/e.card DIR/bad.card";
    let refused = smpcd(folder, line).unwrap_err();
    assert_eq!(refused.lines.len(), 3, "{refused:?}");
    assert!(refused.lines[0].contains("for the consortium 'other'"), "{refused:?}");
    assert!(refused.lines[1].contains("not a card"), "{refused:?}");
    assert!(!folder.join("a/cards/d.card").exists());
}

#[test]
fn a_time_in_the_future_cuts_nobody_off() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let refused = smpcd(folder, "card new --config DIR/a/node.toml --certificates-since 2126-01-01T00:00:00Z");
    let refused = refused.unwrap_err();
    assert_eq!(refused.exit, Exit::Usage);
    assert!(refused.lines[0].contains("lies in the future (it is 2"), "{refused:?}");
    assert_eq!(serial(&folder.join("a/cards/a.card")), 1);
}

#[test]
fn no_card_is_signed_that_shuts_its_own_node_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    three(folder);
    let own = folder.join("a/cards/a.card");
    // Another authority than the one that issued the certificate.
    copy(folder.join("b/certs/authority.crt"), folder.join("a/certs/authority.crt")).unwrap();
    let refused = smpcd(folder, "card new --config DIR/a/node.toml --name A").unwrap_err();
    assert_eq!((refused.exit, serial(&own)), (Exit::BadConfiguration, 1));
    assert!(refused.lines[0].contains("nothing was written"), "{refused:?}");
}

#[test]
fn a_moved_port_is_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    three(folder.path());
    let mut settings = NodeFile::load(&folder.path().join("a/node.toml")).unwrap().settings;
    assert_eq!(listening("a.example:7601", &settings), "");
    assert!(listening("a.example:7602", &settings).starts_with("this node listens on 0.0.0.0:7601; change"));
    settings.listen_peers = None;
    assert!(listening("a.example:7602", &settings).contains("listens nowhere"));
    let nonsense = ["smpcd", "card", "new", "--address", "nonsense"];
    assert_eq!(crate::cli::Cli::try_parse_from(nonsense).unwrap_err().exit_code(), 2);
}
