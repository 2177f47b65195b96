//! The laws that one example each can break.

use super::{all, assert_conflict, commit, get, put, write};
use crate::kv::{Batch, CommitError, Engine};

pub(super) fn a_new_engine_is_empty(engine: &dyn Engine) {
    assert_eq!(all(engine), []);
    assert_eq!(get(engine, b"a"), None);
}

pub(super) fn what_is_put_is_found_and_only_that(engine: &dyn Engine) {
    put(engine, b"a", b"1");
    put(engine, b"b", b"2");
    put(engine, b"a", b"3");
    write(engine, |batch| batch.delete(b"b".to_vec()));
    write(engine, |batch| batch.delete(b"never there".to_vec()));
    assert_eq!(all(engine), [(b"a".to_vec(), b"3".to_vec())]);
}

pub(super) fn keys_and_values_are_any_bytes(engine: &dyn Engine) {
    let mut keys: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    keys.extend([
        vec![0, 0],
        vec![0xff; 3],
        b"\xc3\x28 not UTF-8".to_vec(),
        b"a\0b".to_vec(),
    ]);
    write(engine, |batch| {
        keys.iter()
            .for_each(|key| batch.put(key.clone(), key.repeat(3)));
    });
    keys.sort();
    assert_eq!(
        all(engine),
        keys.iter()
            .map(|key| (key.clone(), key.repeat(3)))
            .collect::<Vec<_>>()
    );
}

pub(super) fn an_empty_value_is_a_value(engine: &dyn Engine) {
    put(engine, b"a", b"");
    assert_eq!(get(engine, b"a"), Some(Vec::new()));
    let mut batch = Batch::new();
    batch.require(b"a".to_vec(), None);
    assert_conflict(engine, &batch, b"a");
    let mut batch = Batch::new();
    batch.require(b"a".to_vec(), Some(Vec::new()));
    commit(engine, &batch);
}

pub(super) fn many_gets_answer_in_the_order_asked(engine: &dyn Engine) {
    put(engine, b"a", b"1");
    put(engine, b"b", b"2");
    let snapshot = engine.snapshot().expect("a snapshot");
    let asked: [&[u8]; 5] = [b"b", b"none", b"a", b"b", b""];
    let answers = snapshot.get_many(&asked).expect("many gets");
    let two = Some(b"2".to_vec());
    assert_eq!(answers, [two.clone(), None, Some(b"1".to_vec()), two, None]);
    assert_eq!(snapshot.get_many(&[]).expect("no gets"), []);
}

pub(super) fn the_last_operation_on_a_key_wins(engine: &dyn Engine) {
    put(engine, b"gone", b"0");
    write(engine, |batch| {
        batch.put(b"a".to_vec(), b"1".to_vec());
        batch.delete(b"a".to_vec());
        batch.put(b"a".to_vec(), b"2".to_vec());
        batch.put(b"b".to_vec(), b"1".to_vec());
        batch.delete_range(b"b".to_vec(), b"h".to_vec());
        batch.put(b"c".to_vec(), b"3".to_vec());
    });
    let left = [
        (b"a".to_vec(), b"2".to_vec()),
        (b"c".to_vec(), b"3".to_vec()),
    ];
    assert_eq!(all(engine), left);
}

/// Puts the keys `a` to `e`, each with itself as value.
fn put_letters(engine: &dyn Engine) {
    write(engine, |batch| {
        for letter in [b"d", b"b", b"e", b"a", b"c"] {
            batch.put(letter.to_vec(), letter.to_vec());
        }
    });
}

fn scanned(engine: &dyn Engine, start: &[u8], end: &[u8], limit: usize) -> String {
    let snapshot = engine.snapshot().expect("a snapshot");
    let entries = snapshot.scan(start..end, limit).expect("a scan");
    let keys = snapshot
        .scan_keys(start..end, limit)
        .expect("a scan of keys");
    assert!(
        entries.iter().map(|(key, _)| key).eq(&keys),
        "both scans see the same"
    );
    assert!(entries.iter().all(|(key, value)| key == value));
    String::from_utf8(keys.concat()).expect("letters")
}

pub(super) fn a_scan_is_ordered_bounded_and_limited(engine: &dyn Engine) {
    put_letters(engine);
    assert_eq!(scanned(engine, b"", b"z", 100), "abcde");
    assert_eq!(
        scanned(engine, b"b", b"d", 100),
        "bc",
        "the start is in, the end is out"
    );
    assert_eq!(scanned(engine, b"b\0", b"d\0", 100), "cd");
    assert_eq!(
        scanned(engine, b"b", b"z", 2),
        "bc",
        "the limit cuts the end off"
    );
    assert_eq!(scanned(engine, b"b", b"z", 0), "");
}

pub(super) fn an_inverted_range_holds_nothing(engine: &dyn Engine) {
    put_letters(engine);
    for (start, end) in [(b"c", b"c"), (b"d", b"b")] {
        assert_eq!(scanned(engine, start, end, 100), "");
        write(engine, |batch| {
            batch.delete_range(start.to_vec(), end.to_vec())
        });
    }
    assert_eq!(scanned(engine, b"", b"z", 100), "abcde");
}

pub(super) fn a_range_is_deleted_exactly(engine: &dyn Engine) {
    put_letters(engine);
    write(engine, |batch| {
        batch.delete_range(b"b".to_vec(), b"d".to_vec())
    });
    assert_eq!(scanned(engine, b"", b"z", 100), "ade");
    write(engine, |batch| {
        batch.delete_range(b"x".to_vec(), b"z".to_vec())
    });
    assert_eq!(scanned(engine, b"", b"z", 100), "ade");
    write(engine, |batch| {
        batch.delete_range(Vec::new(), b"e".to_vec())
    });
    assert_eq!(scanned(engine, b"", b"z", 100), "e");
}

pub(super) fn a_failed_requirement_changes_nothing(engine: &dyn Engine) {
    put_letters(engine);
    let mut batch = Batch::new();
    batch.put(b"a".to_vec(), b"changed".to_vec());
    batch.require(b"b".to_vec(), Some(b"b".to_vec()));
    batch.delete(b"c".to_vec());
    batch.require(b"d".to_vec(), Some(b"something else".to_vec()));
    batch.delete_range(b"a".to_vec(), b"z".to_vec());
    assert_conflict(engine, &batch, b"d");
}

pub(super) fn absence_can_be_required(engine: &dyn Engine) {
    let mut batch = Batch::new();
    batch.require(b"a".to_vec(), None);
    batch.put(b"a".to_vec(), b"1".to_vec());
    commit(engine, &batch);
    assert_conflict(engine, &batch, b"a");
    write(engine, |batch| batch.delete(b"a".to_vec()));
    commit(engine, &batch);
    let mut batch = Batch::new();
    batch.require(b"b".to_vec(), Some(b"1".to_vec()));
    assert_conflict(engine, &batch, b"b");
}

pub(super) fn requirements_see_the_state_before(engine: &dyn Engine) {
    put(engine, b"a", b"1");
    let mut batch = Batch::new();
    batch.put(b"a".to_vec(), b"2".to_vec());
    batch.require(b"a".to_vec(), Some(b"1".to_vec()));
    commit(engine, &batch);
    assert_conflict(engine, &batch, b"a");
    assert_eq!(get(engine, b"a"), Some(b"2".to_vec()));
}

pub(super) fn a_batch_of_requirements_alone_is_judged(engine: &dyn Engine) {
    put(engine, b"a", b"1");
    let mut batch = Batch::new();
    batch.require(b"a".to_vec(), Some(b"1".to_vec()));
    commit(engine, &batch);
    batch.require(b"b".to_vec(), Some(b"1".to_vec()));
    assert_conflict(engine, &batch, b"b");
}

pub(super) fn an_empty_batch_is_fine(engine: &dyn Engine) {
    assert!(Batch::new().is_empty());
    commit(engine, &Batch::new());
    assert_eq!(all(engine), []);
}

pub(super) fn a_snapshot_does_not_move(engine: &dyn Engine) {
    put_letters(engine);
    let snapshot = engine.snapshot().expect("a snapshot");
    let seen = || snapshot.scan(b""..b"z", usize::MAX).expect("a scan");
    let before = seen();
    put(engine, b"b", b"changed");
    put(engine, b"bb", b"new");
    write(engine, |batch| {
        batch.delete_range(b"c".to_vec(), b"z".to_vec())
    });
    assert_eq!(seen(), before);
    assert_eq!(snapshot.get(b"b").expect("a get"), Some(b"b".to_vec()));
    assert_eq!(snapshot.get(b"bb").expect("a get"), None);
    let after = engine.snapshot().expect("a snapshot");
    drop(snapshot);
    assert_eq!(after.get(b"b").expect("a get"), Some(b"changed".to_vec()));
}

/// The largest key that fits, told from others by its first byte.
fn longest_key(engine: &dyn Engine, first: u8) -> Vec<u8> {
    let mut key = vec![0xab; engine.limits().key_bytes_max];
    key[0] = first;
    key
}

pub(super) fn a_batch_at_the_limits_is_taken(engine: &dyn Engine) {
    let limits = engine.limits();
    let value = vec![7; limits.value_bytes_max];
    let fits = |batch: &Batch| {
        batch.bytes() + limits.key_bytes_max + value.len() <= limits.batch_bytes_max
    };
    let mut batch = Batch::new();
    for first in 0..=u8::MAX {
        if fits(&batch) {
            batch.put(longest_key(engine, first), value.clone());
        }
    }
    commit(engine, &batch);
    assert_eq!(all(engine).len(), batch.len());
    write(engine, |batch| {
        for n in 0..limits.batch_ops_max as u64 {
            batch.put(n.to_be_bytes().to_vec(), Vec::new());
        }
    });
    write(engine, |batch| {
        batch.delete_range(Vec::new(), longest_key(engine, u8::MAX))
    });
    let largest = longest_key(engine, u8::MAX);
    assert!(all(engine).iter().all(|(key, _)| *key >= largest));
}

pub(super) fn a_batch_over_the_limits_changes_nothing(engine: &dyn Engine) {
    let limits = engine.limits();
    let too_long = vec![1; limits.key_bytes_max + 1];
    let too_big = vec![1; limits.value_bytes_max + 1];
    let too_many = |batch: &mut Batch| {
        (0..=limits.batch_ops_max).for_each(|_| batch.delete(b"a".to_vec()));
    };
    let too_heavy = |batch: &mut Batch| {
        while batch.bytes() <= limits.batch_bytes_max {
            batch.put(b"a".to_vec(), vec![1; limits.value_bytes_max]);
        }
    };
    type Fill<'f> = &'f dyn Fn(&mut Batch);
    let fills: [Fill<'_>; 10] = [
        &|batch| batch.put(too_long.clone(), Vec::new()),
        &|batch| batch.put(b"a".to_vec(), too_big.clone()),
        &|batch| batch.put(Vec::new(), b"an empty key".to_vec()),
        &|batch| batch.delete(too_long.clone()),
        &|batch| batch.delete_range(too_long.clone(), b"z".to_vec()),
        &|batch| batch.delete_range(b"a".to_vec(), too_long.clone()),
        &|batch| batch.require(too_long.clone(), None),
        &|batch| batch.require(b"a".to_vec(), Some(too_big.clone())),
        &too_many,
        &too_heavy,
    ];
    put(engine, b"b", b"1");
    let before = all(engine);
    for (n, fill) in fills.into_iter().enumerate() {
        let mut batch = Batch::new();
        batch.put(b"harmless".to_vec(), b"1".to_vec());
        fill(&mut batch);
        let answer = engine.commit(&batch);
        assert!(
            matches!(answer, Err(CommitError::TooLarge(_))),
            "case {n}: {answer:?}"
        );
        assert_eq!(all(engine), before, "case {n} changed something");
    }
}
