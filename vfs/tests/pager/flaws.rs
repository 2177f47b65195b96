//! Policies that other VFSs have, each broken in its own way, and each caught by the oracle.

use actor_vfs::Locking;
use actor_vfs::testing::Flaw;

use crate::machine::{Setup, has_batch_atomic, run_seed};

/// Runs seeds until the flaw shows, and says what was seen.
fn caught(setup: Setup, seeds_max: u64) -> Option<String> {
    (1..=seeds_max).find_map(|seed| {
        let (result, _) = run_seed(setup, seed, 40);
        result.err().map(|divergence| divergence.what)
    })
}

fn flawed(flaw: Flaw, setup: Setup) -> Setup {
    let flaw = Some(flaw);
    Setup { flaw, ..setup }
}

#[test]
fn publishing_at_xsync_alone_loses_the_commits_of_synchronous_off() {
    let setup = Setup {
        synchronous: "OFF",
        locking: Locking::Normal,
        ..Setup::PINNED
    };
    assert!(caught(flawed(Flaw::CommitAtXSync, setup), 3).is_some());
}

#[test]
fn publishing_at_unlock_loses_the_commits_of_exclusive_locking() {
    assert!(caught(flawed(Flaw::CommitAtUnlock, Setup::PINNED), 3).is_some());
}

#[test]
fn publishing_at_unlock_makes_a_rollback_of_spilled_pages_visible() {
    let setup = Setup {
        locking: Locking::Normal,
        spill: true,
        ..Setup::PINNED
    };
    assert!(caught(flawed(Flaw::CommitAtUnlock, setup), 10).is_some());
}

#[test]
fn an_atomic_window_that_forgets_earlier_writes_loses_spilled_pages() {
    let setup = Setup {
        spill: true,
        ..Setup::PINNED
    };
    let found = caught(flawed(Flaw::BeginForgets, setup), 3);
    assert_eq!(found.is_some(), has_batch_atomic(), "{found:?}");
}

/// SQLite tries a busy COMMIT again, finds nothing left to write, and reports success.
#[test]
fn a_refusal_that_says_busy_becomes_a_lost_commit() {
    let setup = flawed(Flaw::RefusalIsBusy, Setup::PINNED);
    assert!(caught(setup, 10).is_some());
}

#[test]
fn a_failed_read_that_answers_zeros_becomes_damage() {
    let setup = Setup {
        spill: true,
        ..Setup::PINNED
    };
    assert!(caught(flawed(Flaw::FailedReadIsZeros, setup), 10).is_some());
}
