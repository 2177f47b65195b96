//! Every fault at every engine call of transactions over several actors.

use actor_vfs::Locking;
use actor_vfs::testing::{Fault, Flaw};

use super::world::World;
use crate::canonical::Engines;
use crate::machine::{Divergence, Setup};

/// More calls than any of the transactions makes.
pub(super) const CALLS_MAX: u64 = 2_000;

pub(super) const TRANSACTIONS: [&[&str]; 12] = [
    &[
        "BEGIN",
        "INSERT INTO main.t VALUES(500, 'one')",
        "INSERT INTO b.t VALUES(500, 'two')",
        "COMMIT",
    ],
    &[
        "BEGIN",
        "UPDATE main.t SET v = v || 'x'",
        "DELETE FROM b.t WHERE id % 3 = 0",
        "UPDATE b.t SET v = v || 'x'",
        "COMMIT",
    ],
    // One statement, by way of a trigger.
    &["INSERT INTO main.t VALUES(900, zeroblob(3000))"],
    &[
        "BEGIN",
        "SAVEPOINT s",
        "UPDATE main.t SET v = 'gone'",
        "DELETE FROM b.t",
        "ROLLBACK TO s",
        "INSERT INTO main.t VALUES(501, 1)",
        "INSERT INTO b.t VALUES(501, 2)",
        "COMMIT",
    ],
    &[
        "BEGIN",
        "UPDATE main.t SET v = v || 'x'",
        "UPDATE b.t SET v = v || 'x'",
        "ROLLBACK",
    ],
    // Locks both and writes to one.
    &[
        "BEGIN IMMEDIATE",
        "INSERT INTO b.t VALUES(502, 1)",
        "COMMIT",
    ],
    &[
        "BEGIN",
        "INSERT INTO main.t SELECT id + 100, v FROM b.t",
        "COMMIT",
    ],
    // Both shrink.
    &[
        "BEGIN",
        "DELETE FROM main.t",
        "DROP TABLE b.t",
        "CREATE TABLE b.w(v)",
        "COMMIT",
    ],
    &["PRAGMA b.page_size = 1024", "VACUUM b"],
    &[
        "BEGIN",
        "INSERT INTO b.t VALUES(503, 1)",
        "UPDATE main.t SET v = zeroblob(2000) WHERE id < 4",
        "INSERT INTO main.t VALUES(3, 'refused by the primary key')",
        "COMMIT",
    ],
    // The second one refuses the statement, the transaction goes on.
    &[
        "BEGIN",
        "UPDATE main.t SET v = 'a'",
        "INSERT OR ROLLBACK INTO b.t VALUES(1, 'refused')",
    ],
    &[
        "BEGIN",
        "PRAGMA main.user_version = 7",
        "PRAGMA b.user_version = 8",
        "COMMIT",
    ],
];

/// Those that change many pages and then commit, or do not.
const SPILLING: [usize; 2] = [1, 4];

const THREE: &[&str] = &[
    "BEGIN",
    "UPDATE c.t SET v = v || 'x'",
    "DELETE FROM main.t WHERE id % 2 = 0",
    "INSERT INTO b.t VALUES(700, zeroblob(1500))",
    "COMMIT",
];

/// Each call fails once, loses its answer, and the process dies after it; then the call and all
/// after it fail, it finds no room, it loses its request, and the process dies before it.
pub(super) const WAYS: [(Fault, bool); 7] = [
    (Fault::Fail, false),
    (Fault::LoseAnswer, false),
    (Fault::CrashAfter, false),
    (Fault::Fail, true),
    (Fault::Full, false),
    (Fault::LoseRequest, false),
    (Fault::CrashBefore, false),
];
/// As many of them as the everyday run has time for in each of many setups.
const FEW: usize = 3;

/// Does the transaction with a fault, and something after it. Tells whether the fault was met.
fn cut(mut world: World, step: &[&str], fault: (u64, Fault, bool)) -> Result<bool, Divergence> {
    world.step(step, Some(fault))?;
    let next = [
        "BEGIN",
        "CREATE TABLE main.next(v)",
        "CREATE TABLE b.next(v)",
        "COMMIT",
    ];
    world.step(&next, None)?;
    Ok(world.tally.struck > 0)
}

/// How many faults the transaction met.
fn cut_at_every_call(
    make: impl Fn() -> World,
    step: &[&str],
    ways: &[(Fault, bool)],
) -> Result<u64, Divergence> {
    let mut cuts = 0;
    for (fault, persistent) in ways {
        let mut call = 0;
        while cut(make(), step, (call, *fault, *persistent))? {
            call += 1;
            assert!(call < CALLS_MAX, "{step:?}");
        }
        cuts += call;
    }
    Ok(cuts)
}

fn cut_all(engine: &str, setup: Setup, ways: usize) -> Result<u64, Divergence> {
    let engines = Engines::new();
    // What overflows the cache is read again, call by call.
    let numbers = match setup.spill {
        true => SPILLING.to_vec(),
        false => (0..TRANSACTIONS.len()).collect(),
    };
    let mut cuts = 0;
    for step in numbers.into_iter().map(|number| TRANSACTIONS[number]) {
        let make = || World::on(engines.make(engine), setup, 2);
        cuts += cut_at_every_call(make, step, &WAYS[..ways])?;
    }
    if !setup.spill {
        let make = || World::on(engines.make(engine), setup, 3);
        cuts += cut_at_every_call(make, THREE, &WAYS[..ways])?;
    }
    println!("{engine}: {setup:?}: {cuts} cuts");
    Ok(cuts)
}

fn whole_or_absent(engine: &str, setup: Setup, ways: usize) {
    let cuts =
        cut_all(engine, setup, ways).unwrap_or_else(|it| panic!("{engine}: {setup:?}: {it}"));
    assert!(cuts >= 50, "{cuts}");
}

const SUPER_JOURNAL: Setup = Setup {
    journal: "DELETE",
    locking: Locking::Normal,
    ..Setup::PINNED
};

#[test]
fn pinned_actors_cut_at_any_engine_call_commit_together_or_not_at_all() {
    whole_or_absent("memory", Setup::PINNED, WAYS.len());
}

#[test]
fn actors_with_a_super_journal_cut_at_any_engine_call_commit_together_or_not_at_all() {
    whole_or_absent("memory", SUPER_JOURNAL, WAYS.len());
}

#[test]
fn it_is_the_same_with_other_journals_and_locks_and_without_a_sync() {
    let (journal, locking) = ("PERSIST", Locking::Exclusive);
    let persist = Setup {
        journal,
        locking,
        ..SUPER_JOURNAL
    };
    let unsynced = Setup {
        synchronous: "OFF",
        ..SUPER_JOURNAL
    };
    whole_or_absent("memory", persist, FEW);
    whole_or_absent("memory", unsynced, FEW);
}

#[test]
fn joint_commits_larger_than_the_cache_are_whole_or_absent() {
    let spill = true;
    let exclusive = Setup {
        locking: Locking::Exclusive,
        ..SUPER_JOURNAL
    };
    for setup in [Setup::PINNED, exclusive] {
        whole_or_absent("memory", Setup { spill, ..setup }, 1);
    }
}

#[test]
fn joint_commits_of_many_batches_cut_at_any_call_are_whole_or_absent() {
    whole_or_absent("few", Setup::PINNED, FEW);
    whole_or_absent("few", SUPER_JOURNAL, 1);
}

#[test]
fn joint_commits_cut_at_any_call_of_a_fork_are_whole_or_absent() {
    whole_or_absent("fork", Setup::PINNED, FEW);
}

#[test]
fn joint_commits_cut_at_any_call_of_the_engine_on_disk_are_whole_or_absent() {
    whole_or_absent("redb", Setup::PINNED, FEW);
}

/// The mistake that is easy to make: each actor publishes at its own `SYNC`.
#[test]
fn actors_that_commit_one_after_the_other_are_caught() {
    for setup in [Setup::PINNED, SUPER_JOURNAL] {
        let flaw = Some(Flaw::CommitApart);
        let caught = cut_all("memory", Setup { flaw, ..setup }, FEW);
        assert!(caught.is_err(), "{setup:?}: {caught:?}");
    }
}
