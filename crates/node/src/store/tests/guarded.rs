//! Store, guard, send: no transaction lets a message out that the guard does not know.

use protocol::recovery::{Verdict, verdict};

use super::*;

fn guard(data_dir: &Path) -> Guard {
    Guard::open(&data_dir.with_extension("guard"), "p1")
}

fn judge(store: &Store, guard: &Guard) -> Verdict {
    let (last, before) = store.marks().expect("reads");
    verdict(&last, &before, guard.mark())
}

fn sign(store: &Store) -> Result<(), StoreError> {
    store.commit(|tx| {
        tx.raise_sequence()?;
        Ok(())
    })
}

#[test]
fn nothing_is_signed_before_the_guard_is_there() {
    let (_directory, data_dir) = place();
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    assert!(store.is_new().expect("reads"));
    let signed = store.commit(|tx| {
        tx.audit(draft())?;
        tx.raise_sequence()
    });
    assert!(matches!(signed, Err(StoreError::Unguarded)));
    assert_eq!(store.audit_from(1, 10).expect("reads"), [], "nothing of that step is there");
    store.commit(|tx| tx.audit(draft())).expect("a step that signs nothing");
    store.guard_with(guard(&data_dir)).expect("is guarded");
    assert_eq!(guard(&data_dir).mark(), Some(&Mark::NONE), "a new store makes its guard");
    assert!(!store.is_new().expect("reads"), "once");
    sign(&store).expect("commits");
    drop(store);
    fs::remove_file(data_dir.with_extension("guard")).expect("removes");
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    assert!(!store.is_new().expect("reads"));
    assert_eq!(judge(&store, &guard(&data_dir)), Verdict::RolledBack);
}

#[test]
fn a_store_that_was_guarded_is_not_new_though_it_signed_nothing() {
    let (_directory, data_dir) = place();
    drop(open(&data_dir));
    fs::remove_file(data_dir.with_extension("guard")).expect("removes");
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    assert!(!store.is_new().expect("reads"));
}

#[test]
fn the_guard_has_the_mark_when_the_commit_returns() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    for number in 1..=3 {
        store
            .commit(|tx| {
                tx.raise_sequence()?;
                tx.raise_sequence()
            })
            .expect("commits");
        assert_eq!(guard(&data_dir).mark(), Some(&store.marks().expect("reads").0));
        assert_eq!(guard(&data_dir).mark().expect("a mark").number, number, "once for a transaction");
    }
    let before = fs::metadata(data_dir.with_extension("guard")).expect("is there").modified().expect("a time");
    store.commit(|tx| tx.audit(draft())).expect("commits");
    let after = fs::metadata(data_dir.with_extension("guard")).expect("is there").modified().expect("a time");
    assert_eq!(before, after, "a step that signs nothing leaves it alone");
    let (last, before) = store.marks().expect("reads");
    assert_eq!((last.number, before.number), (3, 2));
    assert_ne!(last.drawn, before.drawn);
    assert_eq!(judge(&store, &guard(&data_dir)), Verdict::Sound);
}

#[test]
fn a_guard_that_does_not_follow_stops_the_step_after_it_is_durable() {
    let (directory, data_dir) = place();
    let volume = directory.path().join("volume");
    fs::create_dir(&volume).expect("creates");
    let there = || Guard::open(&volume.join("guard"), "p1");
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    store.guard_with(there()).expect("is guarded");
    sign(&store).expect("commits");
    let kept = fs::read(volume.join("guard")).expect("reads");
    fs::remove_dir_all(&volume).expect("the volume goes away");
    let failed = store.commit(|tx| {
        tx.audit(draft())?;
        tx.raise_sequence()
    });
    assert!(matches!(failed, Err(StoreError::Guard(GuardError::Write(_)))), "{failed:?}");
    assert_eq!(store.audit_from(1, 10).expect("reads").len(), 1);
    drop(store);
    // It comes back, as after a crash between store and guard.
    fs::create_dir(&volume).expect("creates");
    fs::write(volume.join("guard"), kept).expect("writes");
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    assert_eq!(judge(&store, &there()), Verdict::Crashed);
    store.guard_with(there()).expect("is raised");
    assert_eq!(judge(&store, &there()), Verdict::Sound);
}

#[test]
fn every_older_copy_is_known_by_the_guard() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    let copies: Vec<_> = (0..4)
        .map(|_| {
            let copy = crashed(&data_dir);
            sign(&store).expect("commits");
            copy
        })
        .collect();
    for (_kept, copy) in &copies {
        let older = Store::open(copy, &key(), "p1").expect("opens");
        assert_eq!(judge(&older, &guard(&data_dir)), Verdict::RolledBack);
        // A guard never falls, so the older store cannot take it for its own.
        let refused = older.guard_with(guard(&data_dir));
        assert!(matches!(refused, Err(StoreError::Guard(GuardError::Falls { there: 4, .. }))), "{refused:?}");
        assert!(matches!(sign(&older), Err(StoreError::Unguarded)));
    }
    // The copy before the last one, which goes on by itself: the same number in another life.
    let (_kept, copy) = &copies[3];
    let other = open(copy);
    sign(&other).expect("commits");
    assert_eq!(other.marks().expect("reads").0.number, 4);
    assert_eq!(judge(&other, &guard(&data_dir)), Verdict::RolledBack);
}

#[test]
fn a_recovery_leaps_and_never_falls() {
    let (_directory, data_dir) = place();
    let store = open(&data_dir);
    sign(&store).expect("commits");
    drop(store);
    let store = Store::open(&data_dir, &key(), "p1").expect("opens");
    for number in [0, 1, u64::MAX] {
        let refused = store.commit(|tx| tx.leap_to(number));
        assert!(matches!(refused, Err(StoreError::Nonsense { .. })), "{number}");
    }
    store.commit(|tx| tx.leap_to(1 << 32)).expect("leaps without a guard");
    assert_eq!(guard(&data_dir).mark().expect("a mark").number, 1, "store, then guard");
    assert_eq!(judge(&store, &guard(&data_dir)), Verdict::Crashed);
    store.guard_with(guard(&data_dir)).expect("follows");
    sign(&store).expect("commits");
    assert_eq!(guard(&data_dir).mark().expect("a mark").number, (1 << 32) + 1);
}
