//! Each of a few typical transactions, with each fault at each call of the engine.

use actor_vfs::testing::Fault;

use crate::machine::{Divergence, FAULTS, Machine, Setup};

/// More calls than any of the transactions below makes.
const CALLS_MAX: u64 = 2_000;
/// More batches than any of them commits.
const COMMITS_MAX: u64 = 6;

/// Seeds the actor and the oracle with a few tables.
const BEFORE: &[&str] = &[
    "PRAGMA page_size = 512",
    "PRAGMA auto_vacuum = INCREMENTAL",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)",
    "CREATE INDEX t_v ON t(v)",
    "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < 16) \
     INSERT INTO t SELECT x, printf('%.*c', 60 + x * 10, 'v') FROM c",
];

/// Cuts the transaction at every call of the engine.
fn cut_everywhere(setup: Setup, before: &[&str], step: &[&str]) {
    let step: Vec<String> = step.iter().map(|it| (*it).to_owned()).collect();
    let cut = |call, fault| {
        let result = cut_once(setup, before, &step, (call, fault));
        result.unwrap_or_else(|it| panic!("{setup:?}, call {call}, {fault:?}: {it}"))
    };
    let calls = (0..CALLS_MAX)
        .find(|call| !cut(*call, Fault::Fail))
        .unwrap();
    assert!(calls > 0, "no call to cut at");
    (0..calls).for_each(|call| _ = cut(call, Fault::CrashAfter));
    // A read knows only failure, and the commits are the last calls.
    for fault in FAULTS {
        (calls.saturating_sub(COMMITS_MAX)..calls).for_each(|call| _ = cut(call, fault));
    }
}

/// Whether the fault was met: the transaction may make fewer calls.
fn cut_once(
    setup: Setup,
    before: &[&str],
    step: &[String],
    fault: (u64, Fault),
) -> Result<bool, Divergence> {
    let mut machine = Machine::new(setup);
    machine.prepare(BEFORE);
    machine.prepare(before);
    machine.step(step, Some(fault))?;
    machine.step(&["INSERT INTO t VALUES(1000, 'next')".to_owned()], None)?;
    Ok(machine.tally.struck > 0)
}

fn small_cache() -> Setup {
    Setup {
        spill: true,
        ..Setup::PINNED
    }
}

fn real_journal() -> Setup {
    Setup {
        journal: "DELETE",
        locking: actor_vfs::Locking::Normal,
        ..small_cache()
    }
}

#[test]
fn an_insert_cut_at_any_engine_call_is_whole_or_absent() {
    for setup in [Setup::PINNED, real_journal()] {
        cut_everywhere(setup, &[], &["INSERT INTO t VALUES(500, 'one')"]);
    }
}

#[test]
fn a_transaction_larger_than_the_cache_cut_at_any_engine_call_is_whole_or_absent() {
    for setup in [small_cache(), real_journal()] {
        let update = "UPDATE t SET v = v || 'x'";
        cut_everywhere(
            setup,
            &[],
            &["BEGIN", update, "DELETE FROM t WHERE id % 3 = 0", "COMMIT"],
        );
    }
}

#[test]
fn a_rollback_cut_at_any_engine_call_leaves_no_trace() {
    for setup in [small_cache(), real_journal()] {
        cut_everywhere(
            setup,
            &[],
            &["BEGIN", "UPDATE t SET v = v || 'x'", "ROLLBACK"],
        );
    }
}

#[test]
fn a_vacuum_that_shrinks_cut_at_any_engine_call_is_whole_or_absent() {
    let fewer = &["DELETE FROM t WHERE id % 4 > 0"];
    for setup in [Setup::PINNED, real_journal()] {
        cut_everywhere(setup, fewer, &["VACUUM"]);
        cut_everywhere(setup, fewer, &["PRAGMA incremental_vacuum"]);
    }
}

#[test]
fn a_change_of_page_size_cut_at_any_engine_call_is_whole_or_absent() {
    for setup in [Setup::PINNED, real_journal()] {
        cut_everywhere(setup, &[], &["PRAGMA page_size = 1024", "VACUUM"]);
        cut_everywhere(setup, &[], &["PRAGMA page_size = 16384", "VACUUM"]);
    }
}
