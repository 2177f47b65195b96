//! Twenty transactions that stand for what actors do, each with a fault at every call of every engine.

use std::cell::Cell;
use std::sync::Arc;

use actor_vfs::engines::{ForkEngine, MemoryEngine, RedbEngine};
use actor_vfs::kv::{Engine, Limits};
use actor_vfs::testing::{Fault, FaultEngine};
use tempfile::TempDir;

use crate::machine::{Divergence, Machine, Setup};

/// More calls than any of the transactions makes.
pub(crate) const CALLS_MAX: u64 = 3_000;

/// The engine that takes few pages at once, and an actor on it that is encrypted.
pub(crate) const ENCRYPTED: &str = "few, encrypted";

pub(crate) const BEFORE: &[&str] = &[
    "PRAGMA page_size = 512",
    "PRAGMA auto_vacuum = INCREMENTAL",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB, n INTEGER)",
    "CREATE INDEX t_n ON t(n)",
    "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
    "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < 12) \
     INSERT INTO t SELECT x, printf('%.*c', 60 + x * 10, 'v'), x FROM c",
];

pub(crate) const TRANSACTIONS: [&[&str]; 20] = [
    &["INSERT INTO t VALUES(500, 'one', 1)"],
    &["INSERT INTO a(v) VALUES('next')"],
    &["INSERT OR REPLACE INTO t VALUES(3, 'other', 3)"],
    &["UPDATE t SET v = v || 'x'"],
    &["UPDATE t SET n = n + 100 WHERE id % 2 = 0"],
    &["DELETE FROM t WHERE id % 3 = 0"],
    &["DELETE FROM t"],
    &["INSERT INTO t VALUES(600, zeroblob(9000), 6)"],
    &["UPDATE t SET v = zeroblob(6000) WHERE id = 5"],
    &["CREATE TABLE u(id INTEGER PRIMARY KEY, v) WITHOUT ROWID"],
    &["CREATE INDEX t_v ON t(v)"],
    &["DROP INDEX t_n"],
    &["DROP TABLE t"],
    &["ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'x'"],
    &["ALTER TABLE t RENAME TO renamed"],
    &[
        "BEGIN",
        "UPDATE t SET v = v || 'x'",
        "DELETE FROM t WHERE id % 3 = 0",
        "COMMIT",
    ],
    &[
        "BEGIN",
        "SAVEPOINT s",
        "UPDATE t SET v = 'gone'",
        "ROLLBACK TO s",
        "INSERT INTO a(v) VALUES(2)",
        "COMMIT",
    ],
    &["BEGIN", "UPDATE t SET v = v || 'x'", "ROLLBACK"],
    &["VACUUM"],
    &["PRAGMA page_size = 1024", "VACUUM"],
];

/// The engines that come with the crate, and one that takes few pages at once.
pub(crate) struct Engines {
    folder: TempDir,
    files: Cell<u32>,
}

impl Engines {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            files: Cell::new(0),
        }
    }

    pub(crate) fn make(&self, name: &str) -> FaultEngine {
        let few = Limits {
            batch_ops_max: 9,
            ..Limits::default()
        };
        let memory = || Arc::new(MemoryEngine::new());
        match name {
            "memory" => FaultEngine::new(memory()),
            "few" | ENCRYPTED => FaultEngine::with_limits(memory(), few),
            "fork" => {
                let base = Arc::from(memory().snapshot().unwrap());
                FaultEngine::new(Arc::new(ForkEngine::new(base, Limits::default())))
            }
            _ => {
                self.files.set(self.files.get() + 1);
                let path = self
                    .folder
                    .path()
                    .join(format!("{}.redb", self.files.get()));
                FaultEngine::new(Arc::new(RedbEngine::create(path, 1 << 20).unwrap()))
            }
        }
    }
}

/// Does the transaction with a fault, and something after it. Tells whether the fault was met.
fn cut(
    engine: FaultEngine,
    encrypted: bool,
    transaction: &[&str],
    call: u64,
    fault: Fault,
    persistent: bool,
) -> Result<bool, Divergence> {
    let spill = true;
    let mut machine = Machine::on(
        engine,
        Setup {
            spill,
            encrypted,
            ..Setup::PINNED
        },
    );
    machine.prepare(BEFORE);
    let step: Vec<String> = transaction.iter().map(|it| (*it).to_owned()).collect();
    if persistent {
        machine.faults.fail_from(call, fault);
        machine.step(&step, None)?;
    } else {
        machine.step(&step, Some((call, fault)))?;
    }
    machine.step(&["CREATE TABLE next(id)".to_owned()], None)?;
    Ok(machine.tally.struck > 0)
}

/// Cuts every transaction at every call, and gives how many cuts that were.
fn cut_all(engine: &str, ways: &[(Fault, bool)]) -> u64 {
    let engines = Engines::new();
    let mut cuts = 0;
    for transaction in TRANSACTIONS {
        for (fault, persistent) in ways {
            let met = (0..CALLS_MAX).take_while(|call| {
                let (made, encrypted) = (engines.make(engine), engine == ENCRYPTED);
                cut(made, encrypted, transaction, *call, *fault, *persistent).unwrap_or_else(|it| {
                    panic!("{engine}: {transaction:?}, call {call}, {fault:?}, {persistent}: {it}")
                })
            });
            let met = met.count() as u64;
            assert!(met > 0 && met < CALLS_MAX, "{transaction:?}: {met} calls");
            cuts += met;
        }
    }
    println!("{engine}: {} transactions, {cuts} cuts", TRANSACTIONS.len());
    cuts
}

/// Each call fails once, then it and all after it, and then the process dies there.
pub(crate) const WAYS: [(Fault, bool); 4] = [
    (Fault::Fail, false),
    (Fault::Fail, true),
    (Fault::CrashBefore, false),
    (Fault::CrashAfter, false),
];

#[test]
fn twenty_transactions_cut_at_any_call_of_the_memory_engine_are_whole_or_absent() {
    cut_all("memory", &WAYS);
}

#[test]
fn twenty_transactions_cut_at_any_call_of_a_fork_are_whole_or_absent() {
    cut_all("fork", &WAYS);
}

#[test]
fn twenty_transactions_of_many_batches_cut_at_any_call_are_whole_or_absent() {
    cut_all("few", &WAYS);
}

#[test]
fn twenty_transactions_of_an_encrypted_actor_cut_at_any_call_are_whole_or_absent() {
    cut_all(ENCRYPTED, &WAYS);
}

#[test]
fn twenty_transactions_cut_at_any_call_of_the_engine_on_disk_are_whole_or_absent() {
    cut_all("redb", &WAYS);
}
