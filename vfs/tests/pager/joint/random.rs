//! Random transactions over three actors, with random faults.

use std::sync::Arc;

use actor_vfs::Locking;
use actor_vfs::engines::MemoryEngine;
use actor_vfs::kv::Limits;
use actor_vfs::testing::FaultEngine;

use super::world::{SCHEMAS, World};
use crate::machine::{Divergence, FAULTS, Setup, Tally, seeds};
use crate::workload::Rng;

const STEPS: usize = 40;

fn statement(rng: &mut Rng) -> String {
    let schema = rng.pick(&SCHEMAS);
    let id = rng.below(40);
    match rng.below(9) {
        0..=2 => format!(
            "INSERT OR REPLACE INTO {schema}.t VALUES({id}, zeroblob({}))",
            id * 20
        ),
        3 => format!("UPDATE {schema}.t SET v = {id} WHERE id % 3 = {}", id % 3),
        4 => format!("DELETE FROM {schema}.t WHERE id % 5 = {}", id % 5),
        5 => format!("INSERT INTO {schema}.t VALUES({id}, 'may be refused')"),
        6 => format!("PRAGMA {schema}.user_version = {id}"),
        7 => format!("SELECT count(*) FROM {schema}.t"),
        _ => format!("REPLACE INTO main.t VALUES({}, 'a trigger')", 900 + id),
    }
}

fn step(rng: &mut Rng) -> Vec<String> {
    if rng.chance(10) {
        return vec![statement(rng)];
    }
    let begin = *rng.pick(&["BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"]);
    let mut step = vec![begin.to_owned()];
    for _ in 0..1 + rng.below(5) {
        let has_savepoint = rng.chance(20);
        if has_savepoint {
            step.push("SAVEPOINT s".to_owned());
        }
        step.push(statement(rng));
        if has_savepoint {
            let end = *rng.pick(&["RELEASE s", "ROLLBACK TO s"]);
            step.push(end.to_owned());
        }
    }
    let end = if rng.chance(85) { "COMMIT" } else { "ROLLBACK" };
    step.push(end.to_owned());
    step
}

fn run_seed(setup: Setup, seed: u64) -> Result<Tally, Divergence> {
    let mut rng = Rng::new(seed);
    let few = Limits {
        batch_ops_max: 16,
        ..Limits::default()
    };
    let limits = if rng.chance(50) {
        few
    } else {
        Limits::default()
    };
    let engine = FaultEngine::with_limits(Arc::new(MemoryEngine::new()), limits);
    let mut world = World::on(engine, setup, SCHEMAS.len());
    for _ in 0..STEPS {
        let step = step(&mut rng);
        let step: Vec<&str> = step.iter().map(String::as_str).collect();
        let fault = rng.chance(50).then(|| {
            let call = if rng.chance(60) { 0 } else { rng.below(12) };
            (call, *rng.pick(&FAULTS), rng.chance(20))
        });
        world.step(&step, fault)?;
    }
    Ok(world.tally)
}

#[test]
fn random_transactions_over_three_actors_are_whole_or_absent() {
    let mut tally = Tally::default();
    for journal in ["MEMORY", "DELETE", "TRUNCATE", "PERSIST"] {
        for locking in [Locking::Exclusive, Locking::Normal] {
            for (synchronous, spill) in [("OFF", false), ("FULL", false), ("FULL", true)] {
                let setup = Setup {
                    journal,
                    locking,
                    synchronous,
                    spill,
                    ..Setup::PINNED
                };
                for seed in seeds(1) {
                    let ran = run_seed(setup, seed).unwrap_or_else(|divergence| {
                        panic!("{setup:?}: replay with ACTOR_SEED={seed}\n{divergence}")
                    });
                    tally.steps += ran.steps;
                    tally.struck += ran.struck;
                    tally.refused += ran.refused;
                    tally.reopened += ran.reopened;
                }
            }
        }
    }
    println!("{tally:?}");
    assert!(tally.struck > tally.steps / 10, "{tally:?}");
}
