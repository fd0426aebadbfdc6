//! Checkpoints, cosignatures and witnesses, against an independent implementation of signed notes (`signed_note`).

mod support;

use audit::{
    CheckpointError, Departure, DepartureKind, HashFile, LookError, NoteError, NoteSigner, RecordProof, Root,
    SignedCheckpoint, Witness,
};
use signed_note::{Note, Signer, StandardSigner, StandardVerifier, VerifierList};

use support::{Key, lines, signed, text};

fn base64(bytes: &[u8]) -> String {
    <base64ct::Base64 as base64ct::Encoding>::encode_string(bytes)
}

#[test]
fn our_checkpoint_is_a_note_to_others_and_theirs_to_us() {
    let key = Key::new(1);
    let log = key.log("p1");
    let ours = signed(&lines(5, 1), 5);
    let text = ours.to_string();
    assert!(text.starts_with("smpcd/household-statistics/p1/audit\n5\n"), "{text}");
    let verifier = StandardVerifier::new(&log.log().to_vkey()).expect("a verifier key");
    let note = Note::from_bytes(text.as_bytes()).expect("a note");
    let (good, unknown) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).expect("verifies");
    assert_eq!((good.len(), unknown.len()), (1, 0));
    assert_eq!(note.to_bytes(), text.as_bytes());

    let secret = base64(&[&[1][..], &[1; 32]].concat());
    let id: String = log.log().id().iter().map(|byte| format!("{byte:02x}")).collect();
    let signer = StandardSigner::new(&format!("PRIVATE+KEY+{}+{id}+{secret}", log.origin())).expect("a signer key");
    let body = text.split_once("\n\n").expect("a note").0.to_owned() + "\n";
    let mut theirs = Note::new(body.as_bytes(), &[]).expect("a note");
    theirs.add_sigs(&[&signer as &dyn Signer]).expect("signs");
    let read = SignedCheckpoint::parse(str::from_utf8(&theirs.to_bytes()).expect("text"), &log).expect("ours");
    assert_eq!(read, ours, "Ed25519 has one signature for a text");
}

#[test]
fn no_changed_checkpoint_is_taken() {
    let (key, stranger) = (Key::new(1), Key::new(2));
    let log = key.log("p1");
    let text = signed(&lines(5, 1), 5).to_string();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(SignedCheckpoint::parse(&changed, &log).is_err(), "{changed}");
    }
    let other = SignedCheckpoint::parse(&text, &key.log("p2"));
    assert!(matches!(other, Err(CheckpointError::OtherLog { .. })), "{other:?}");
    let other = SignedCheckpoint::parse(&text, &stranger.log("p1"));
    assert!(matches!(other, Err(CheckpointError::Note(NoteError::Unsigned(_)))), "{other:?}");
    for bad in [
        "",
        "\n\n",
        &text.replace('\n', "\r\n"),
        text.trim_end(),
        &text.replacen("\n5\n", "\n05\n", 1),
        &text.replacen("\n5\n", "\n5\nmore\n", 1),
        &format!("{text}\u{2014} x\n"),
        &"x".repeat(2_000_000),
    ] {
        assert!(SignedCheckpoint::parse(bad, &log).is_err(), "{bad}");
    }
    // Lines of keys that nobody knows are passed over, but stay.
    let more = format!("{text}\u{2014} other.example/key {}\n", base64(&[9; 80]));
    assert_eq!(SignedCheckpoint::parse(&more, &log).expect("still ours").to_string(), more);
}

#[test]
fn a_cosignature_names_its_time_and_holds_for_one_text() {
    let (p1, p2, p3) = (Key::new(1), Key::new(2), Key::new(3));
    let witness = p2.log("p2");
    let mut looks = Witness::new(p1.log("p1"));
    let shown = signed(&lines(5, 1), 5).to_string();
    let cosigned = looks.look(&shown, &Vec::new()).expect("the first").cosign(&witness, &p2, 1_700_000_000);
    let read = SignedCheckpoint::parse(&cosigned.to_string(), &p1.log("p1")).expect("still the log's");
    assert_eq!(read.cosigned_by(&witness), Ok(1_700_000_000));
    assert!(matches!(read.cosigned_by(&p3.log("p3")), Err(NoteError::Unsigned(_))));
    assert!(matches!(read.cosigned_by(&p1.log("p1")), Err(NoteError::Unsigned(_))));

    // The message of C2SP tlog-cosignature, written out here once more.
    let line = cosigned.to_string().lines().last().expect("a line").to_owned();
    let bytes = <base64ct::Base64 as base64ct::Encoding>::decode_vec(line.rsplit_once(' ').expect("two parts").1);
    let bytes = bytes.expect("base64");
    let body = shown.split_once("\n\n").expect("a note").0;
    let message = format!("cosignature/v1\ntime 1700000000\n{body}\n");
    assert_eq!(bytes[..4], witness.witness().id());
    assert_ne!(witness.witness().id(), witness.log().id());
    assert_eq!(bytes[4..12], 1_700_000_000_u64.to_be_bytes());
    assert_eq!(bytes[12..], p2.sign(message.as_bytes()));

    // Another time, or another checkpoint under the same line: not good.
    let mut late = bytes.clone();
    late[11] ^= 1;
    let forged = cosigned.to_string().replace(&base64(&bytes), &base64(&late));
    let forged = SignedCheckpoint::parse(&forged, &p1.log("p1")).expect("the log's line is whole");
    assert!(matches!(forged.cosigned_by(&witness), Err(NoteError::BadSignature(_))));
    let moved = format!("{}{line}\n", signed(&lines(6, 1), 6));
    let moved = SignedCheckpoint::parse(&moved, &p1.log("p1")).expect("the log's line is whole");
    assert!(matches!(moved.cosigned_by(&witness), Err(NoteError::BadSignature(_))));
    // Cosigned again, it has one line of the witness.
    let again = looks.look(&cosigned.to_string(), &Vec::new()).expect("the same").cosign(&witness, &p2, 1_700_000_009);
    assert_eq!(again.to_string().lines().count(), cosigned.to_string().lines().count());
    assert_eq!(again.cosigned_by(&witness), Ok(1_700_000_009));
}

#[test]
fn a_witness_follows_an_honest_log_and_no_other() {
    let key = Key::new(1);
    let log = lines(30, 1);
    let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), text(&log).as_bytes()).expect("derives");
    let mut witness = Witness::new(key.log("p1"));
    let mut last = 0;
    for size in [0, 1, 1, 2, 7, 8, 8, 21, 29] {
        let path = if last == size { Vec::new() } else { hashes.consistency(last, size).expect("a proof") };
        let shown = signed(&log, usize::try_from(size).expect("small")).to_string();
        witness.look(&shown, &path).expect("an honest log");
        witness = Witness::resume(key.log("p1"), &witness.seen().expect("kept").to_string()).expect("kept");
        last = size;
    }
    let seen = witness.clone();
    let mut alarm = |shown: SignedCheckpoint, path: &audit::Path, kind: DepartureKind| {
        let Err(LookError::Alarm(departure)) = witness.look(&shown.to_string(), path) else {
            panic!("{kind:?} unseen")
        };
        assert_eq!(departure.kind, kind);
        assert_eq!(departure.check(&key.log("p1")), Ok(true), "anybody can check what was signed");
        let file = serde_json::to_string(&departure).expect("writes");
        assert_eq!(&serde_json::from_str::<Departure>(&file).expect("reads"), &*departure);
        let turned =
            Departure { kind: DepartureKind::Shrunk, seen: departure.shown.clone(), shown: departure.seen.clone() };
        assert_eq!(turned.check(&key.log("p1")), Ok(kind == DepartureKind::Unproven), "the order is the claim");
        assert!(departure.check(&Key::new(2).log("p1")).is_err());
        assert_eq!(witness, seen, "nothing is remembered of it");
    };
    let forged = lines(30, 2);
    alarm(signed(&forged, 29), &Vec::new(), DepartureKind::Fork);
    alarm(signed(&log, 28), &Vec::new(), DepartureKind::Shrunk);
    alarm(signed(&forged, 30), &hashes.consistency(29, 30).expect("a proof"), DepartureKind::Unproven);
    alarm(signed(&log, 30), &Vec::new(), DepartureKind::Unproven);
    let others = Key::new(2);
    let nothing = SignedCheckpoint::sign(&others.log("p1"), 30, Root([3; 32]), &others).to_string();
    assert!(matches!(witness.look(&nothing, &Vec::new()), Err(LookError::NoCheckpoint(_))));
    witness.look(&signed(&log, 30).to_string(), &hashes.consistency(29, 30).expect("a proof")).expect("goes on");
}

#[test]
fn a_proof_file_holds_all_that_an_auditor_needs() {
    let key = Key::new(1).log("p1");
    let log = lines(19, 6);
    let hashes = HashFile::derive(tempfile::tempfile().expect("a file"), text(&log).as_bytes()).expect("derives");
    for (seq, size) in [(1, 1), (1, 19), (7, 8), (19, 19), (16, 17)] {
        let checkpoint = signed(&log, usize::try_from(size).expect("small"));
        let line = log[usize::try_from(seq - 1).expect("small")].text.clone();
        let path = hashes.inclusion(seq, size).expect("a proof");
        let text = RecordProof::new(line.clone(), seq, path, &checkpoint).to_text();
        let proof = RecordProof::from_text(&text).expect("a proof");
        assert_eq!(proof.to_text(), text);
        assert_eq!(proof.claimed().expect("a checkpoint").size, size);
        let proven = proof.check(&key).expect("proven");
        assert_eq!((proven.record.to_line().text, proven.checkpoint), (line, checkpoint));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 2;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let taken = RecordProof::from_text(&changed).and_then(|proof| proof.check(&key));
            assert!(taken.is_err(), "{changed}");
        }
    }
}

#[test]
fn what_others_wrote_below_a_checkpoint_is_not_kept_and_its_brief_is_its_own_signature() {
    let (p1, p2, p3) = (Key::new(1), Key::new(2), Key::new(3));
    let log = p1.log("p1");
    let bare = signed(&lines(5, 1), 5);
    let junk = format!("\u{2014} other.example/key {}\n", base64(&[9; 80]));
    // A bad line of the very witness that is to sign: it must not stand beside its good one.
    let poison =
        format!("\u{2014} {} {}\n", log.origin(), base64(&[&p2.log("p2").witness().id()[..], &[7; 72]].concat()));
    let dirty = format!("{bare}{junk}{poison}");
    let mut witness = Witness::new(log.clone());
    let seen = witness.look(&dirty, &Vec::new()).expect("the log's own signature is good");
    assert_eq!(witness.seen().expect("kept").to_string(), bare.to_string());
    let cosigned = seen.cosign(&p2.log("p2"), &p2, 1_700_000_000);
    assert_eq!((cosigned.signatures(), cosigned.cosigned_by(&p2.log("p2"))), (2, Ok(1_700_000_000)));
    // What comes back of it: only the line that is expected, and only if it is good.
    let more = SignedCheckpoint::parse(&format!("{cosigned}{junk}"), &log).expect("parses");
    assert_eq!(more.stripped(&log, Some(&p2.log("p2"))), cosigned);
    assert_eq!(more.stripped(&log, Some(&p3.log("p3"))), bare);
    assert_eq!(more.stripped(&log, None), bare);
    let spoilt =
        SignedCheckpoint::parse(&format!("{bare}{}", poison.replace(log.origin(), p2.log("p2").origin())), &log);
    assert_eq!(spoilt.expect("parses").stripped(&log, Some(&p2.log("p2"))), bare);
    let forked = signed(&lines(5, 2), 5);
    let Err(LookError::Alarm(departure)) = witness.look(&format!("{forked}{junk}"), &Vec::new()) else {
        panic!("no alarm")
    };
    assert_eq!((departure.seen, departure.shown), (bare.to_string(), forked.to_string()));

    let brief = more.to_brief(&log);
    assert_eq!(brief.split(' ').count(), 3);
    assert_eq!(SignedCheckpoint::from_brief(&brief, &log), Ok(bare));
    assert!(SignedCheckpoint::from_brief(&brief, &p3.log("p1")).is_err());
    for at in 0..brief.len() {
        let mut bytes = brief.clone().into_bytes();
        bytes[at] ^= 1;
        let changed = String::from_utf8(bytes).expect("still ASCII");
        assert!(SignedCheckpoint::from_brief(&changed, &log).is_err(), "{changed}");
        assert!(SignedCheckpoint::from_brief(&brief[..at], &log).is_err(), "{at}");
    }
}
