//! The laws that every engine keeps, as a suite that any engine can run. Feature `testing`.
//!
//! ```
//! # use std::sync::Arc;
//! use actor_vfs::engines::MemoryEngine;
//! use actor_vfs::kv::conformance::{self, Durability};
//!
//! conformance::check(Durability::Volatile, |_| Arc::new(MemoryEngine::new()));
//! ```

mod laws;
mod model;
mod threads;

use std::sync::Arc;

use super::{Batch, CommitError, Engine, Entry};

/// What becomes of an engine's contents when it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They are gone.
    Volatile,
    /// They are there when it is opened again.
    Durable,
}

type Law = fn(&dyn Engine);

const LAWS: &[(&str, Law)] = &[
    ("a new engine is empty", laws::a_new_engine_is_empty),
    (
        "what is put is found, and only that",
        laws::what_is_put_is_found_and_only_that,
    ),
    (
        "keys and values are any bytes",
        laws::keys_and_values_are_any_bytes,
    ),
    ("an empty value is a value", laws::an_empty_value_is_a_value),
    (
        "many gets answer in the order asked",
        laws::many_gets_answer_in_the_order_asked,
    ),
    (
        "the last of several operations on a key wins",
        laws::the_last_operation_on_a_key_wins,
    ),
    (
        "a scan is ordered, bounded and limited",
        laws::a_scan_is_ordered_bounded_and_limited,
    ),
    (
        "an empty or inverted range holds nothing",
        laws::an_inverted_range_holds_nothing,
    ),
    (
        "a range is deleted from its start to before its end",
        laws::a_range_is_deleted_exactly,
    ),
    (
        "a failed requirement changes nothing",
        laws::a_failed_requirement_changes_nothing,
    ),
    ("absence can be required", laws::absence_can_be_required),
    (
        "requirements see the state before the batch",
        laws::requirements_see_the_state_before,
    ),
    (
        "a batch of requirements alone is judged",
        laws::a_batch_of_requirements_alone_is_judged,
    ),
    ("an empty batch is fine", laws::an_empty_batch_is_fine),
    ("a snapshot does not move", laws::a_snapshot_does_not_move),
    (
        "a batch at the limits is taken",
        laws::a_batch_at_the_limits_is_taken,
    ),
    (
        "a batch over the limits changes nothing",
        laws::a_batch_over_the_limits_changes_nothing,
    ),
    (
        "any history gives what the model gives",
        model::any_history_gives_what_the_model_gives,
    ),
    (
        "conditional increments lose nothing",
        threads::conditional_increments_lose_nothing,
    ),
    (
        "independent writers all succeed",
        threads::independent_writers_all_succeed,
    ),
    (
        "readers never see half a batch",
        threads::readers_never_see_half_a_batch,
    ),
];

/// Runs every law, each on an engine of its own, and panics at the first that is broken.
///
/// `open(n)` makes a new, empty engine for every new `n`; if the engine is
/// [`Durable`](Durability::Durable), the same `n` again finds what it held when it was dropped.
pub fn check(durability: Durability, open: impl Fn(usize) -> Arc<dyn Engine>) {
    for (n, (name, law)) in LAWS.iter().enumerate() {
        println!("law: {name}");
        let engine = open(n);
        law(&*engine);
        if durability == Durability::Durable {
            println!("law: after that, what was there is there when it is opened again");
            let before = all(&*engine);
            drop(engine);
            assert_eq!(all(&*open(n)), before);
        }
    }
}

/// Everything the engine holds.
fn all(engine: &dyn Engine) -> Vec<Entry> {
    const TOP: [u8; 64] = [u8::MAX; 64];
    let snapshot = engine.snapshot().expect("a snapshot");
    snapshot
        .scan(&[]..&TOP, usize::MAX)
        .expect("a scan of everything")
}

fn get(engine: &dyn Engine, key: &[u8]) -> Option<Vec<u8>> {
    engine
        .snapshot()
        .expect("a snapshot")
        .get(key)
        .expect("a get")
}

fn commit(engine: &dyn Engine, batch: &Batch) {
    engine.commit(batch).expect("a commit");
}

/// Commits what `fill` writes.
fn write(engine: &dyn Engine, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    commit(engine, &batch);
}

fn put(engine: &dyn Engine, key: &[u8], value: &[u8]) {
    write(engine, |batch| batch.put(key.to_vec(), value.to_vec()));
}

/// Commits `batch`, which must fail on a requirement for `key` and change nothing.
fn assert_conflict(engine: &dyn Engine, batch: &Batch, key: &[u8]) {
    let before = all(engine);
    match engine.commit(batch) {
        Err(CommitError::Conflict { key: found }) => assert_eq!(found, key, "the key to blame"),
        other => panic!("a conflict on {key:?}, not {other:?}"),
    }
    assert_eq!(all(engine), before, "a refused batch changed something");
}
