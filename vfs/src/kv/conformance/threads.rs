//! The laws that only several threads can break.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{all, get, put, write};
use crate::kv::{Batch, CommitError, Engine};

const THREADS: u64 = 8;
const ROUNDS: u64 = 25;

pub(super) fn conditional_increments_lose_nothing(engine: &dyn Engine) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..ROUNDS).for_each(|_| increment(engine)));
        }
    });
    assert_eq!(number(get(engine, b"n").as_deref()), THREADS * ROUNDS);
}

/// Reads, and tries until nobody came between.
fn increment(engine: &dyn Engine) {
    loop {
        let found = get(engine, b"n");
        let mut batch = Batch::new();
        let next = number(found.as_deref()) + 1;
        batch.require(b"n".to_vec(), found);
        batch.put(b"n".to_vec(), next.to_be_bytes().to_vec());
        match engine.commit(&batch) {
            Ok(()) => return,
            Err(CommitError::Conflict { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn number(value: Option<&[u8]>) -> u64 {
    value.map_or(0, |value| {
        u64::from_be_bytes(value.try_into().expect("eight bytes"))
    })
}

pub(super) fn independent_writers_all_succeed(engine: &dyn Engine) {
    thread::scope(|scope| {
        for writer in 0..THREADS {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let key = [writer.to_be_bytes(), round.to_be_bytes()].concat();
                    let mut batch = Batch::new();
                    batch.require(key.clone(), None);
                    batch.put(key.clone(), vec![1; 100]);
                    engine.commit(&batch).expect("nobody else writes there");
                    assert!(
                        get(engine, &key).is_some(),
                        "what was committed is seen at once"
                    );
                }
            });
        }
    });
    assert_eq!(all(engine).len() as u64, THREADS * ROUNDS);
}

pub(super) fn readers_never_see_half_a_batch(engine: &dyn Engine) {
    let done = AtomicBool::new(false);
    put(engine, b"a", b"");
    put(engine, b"z", b"");
    thread::scope(|scope| {
        // Also when the writer panics: else the readers would never end.
        let _at_the_end = OnDrop(|| done.store(true, Ordering::Relaxed));
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let snapshot = engine.snapshot().expect("a snapshot");
                    let both = snapshot.get_many(&[b"a", b"z"]).expect("two gets");
                    assert_eq!(both[0], both[1]);
                    let entries = snapshot.scan(b""..b"zz", 2).expect("a scan");
                    assert_eq!(entries[0].1, entries[1].1);
                }
            });
        }
        for round in 0..THREADS * ROUNDS {
            write(engine, |batch| {
                batch.put(b"a".to_vec(), round.to_be_bytes().to_vec());
                batch.put(b"z".to_vec(), round.to_be_bytes().to_vec());
            });
        }
    });
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
