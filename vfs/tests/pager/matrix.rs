//! The pragma matrix: every journal mode, locking mode and `synchronous`, with spills and without.

use std::sync::Arc;

use actor_vfs::Locking;
use actor_vfs::engines::{MemoryEngine, RedbEngine};
use actor_vfs::kv::{Engine, Limits};
use actor_vfs::testing::FaultEngine;

use crate::machine::{Machine, Setup, has_batch_atomic, run_seed, seeds};

const STEPS: usize = 30;

fn setups(journal: &'static str) -> Vec<Setup> {
    let mut setups = Vec::new();
    for locking in [Locking::Exclusive, Locking::Normal] {
        for synchronous in ["OFF", "NORMAL", "FULL"] {
            for spill in [false, true] {
                setups.push(Setup {
                    journal,
                    locking,
                    synchronous,
                    spill,
                    encrypted: false,
                    flaw: None,
                });
            }
        }
    }
    setups
}

fn every_setup_of(journal: &'static str) {
    let batch = has_batch_atomic();
    println!("batch-atomic writes compiled in: {batch}");
    let first = 100 * journal.len() as u64;
    for (number, setup) in (first..).zip(setups(journal)) {
        let (mut begins, mut struck, mut refused, mut reopened) = (0, 0, 0, 0);
        for seed in seeds(4) {
            let (result, calls) = run_seed(setup, seed * 1_000 + number, STEPS);
            let tally = result.unwrap_or_else(|divergence| {
                panic!("{setup:?}: replay with ACTOR_SEED={seed}\n{divergence}")
            });
            begins += calls
                .iter()
                .filter(|call| call.call == "begin-atomic")
                .count();
            struck += tally.struck;
            refused += tally.refused;
            reopened += tally.reopened;
        }
        println!(
            "{setup:?}: struck {struck}, refused {refused}, reopened {reopened}, BEGIN {begins}"
        );
        assert!(
            batch || begins == 0,
            "BEGIN arrived in a SQLite that has none"
        );
        let always = journal == "MEMORY" && setup.synchronous != "OFF";
        assert!(
            !(batch && always) || begins > 0,
            "BEGIN never arrived: {setup:?}"
        );
        assert!(setup.synchronous != "OFF" || begins == 0, "{setup:?}");
        assert!(struck > 0, "no fault was met: {setup:?}");
    }
}

#[test]
fn journal_mode_memory_is_seen_whole_or_not_at_all() {
    every_setup_of("MEMORY");
}

#[test]
fn journal_mode_delete_is_seen_whole_or_not_at_all() {
    every_setup_of("DELETE");
}

#[test]
fn journal_mode_truncate_is_seen_whole_or_not_at_all() {
    every_setup_of("TRUNCATE");
}

#[test]
fn journal_mode_persist_is_seen_whole_or_not_at_all() {
    every_setup_of("PERSIST");
}

/// What `Actor::connect` gives, and what is least like it.
const ENDS: [Setup; 2] = [
    Setup::PINNED,
    Setup {
        journal: "DELETE",
        locking: Locking::Normal,
        synchronous: "FULL",
        spill: true,
        encrypted: false,
        flaw: None,
    },
];

fn on_engine(seeds: Vec<u64>, engine: impl Fn() -> FaultEngine) {
    for seed in seeds {
        for setup in ENDS {
            let result = Machine::on(engine(), setup).run(seed, STEPS);
            result.unwrap_or_else(|divergence| {
                panic!("{setup:?}: replay with ACTOR_SEED={seed}\n{divergence}")
            });
        }
    }
}

#[test]
fn commits_of_many_batches_are_seen_whole_or_not_at_all() {
    let limits = Limits {
        batch_ops_max: 9,
        ..Limits::default()
    };
    on_engine(seeds(15), || {
        FaultEngine::with_limits(Arc::new(MemoryEngine::new()), limits)
    });
}

#[test]
fn on_the_engine_that_is_on_disk_commits_are_seen_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let files = std::cell::Cell::new(0);
    on_engine(seeds(1), || {
        files.set(files.get() + 1);
        let path = directory.path().join(format!("{}.redb", files.get()));
        let engine: Arc<dyn Engine> = Arc::new(RedbEngine::create(path, 1 << 20).unwrap());
        FaultEngine::new(engine)
    });
}
