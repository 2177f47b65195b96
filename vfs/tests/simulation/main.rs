//! A deterministic simulation: several processes own, lose and read the same actors while their
//! engine fails, lies, is late or dies at calls that the seed chooses.
//!
//! One thread a seed, no clock, so a seed always tells the same story:
//!
//! - `ACTOR_SEED=n` replays one seed and prints its story, `ACTOR_SEEDS=n` runs that many, on all
//!   cores or on `ACTOR_THREADS=n` of them;
//! - `scripts/long simulate` runs a million.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod beside;
mod broken;
mod damage;
mod foundation;
mod hook;
mod joint;
mod lifecycle;
mod log;
mod model;
mod past;
mod plain;
mod process;
mod retention;
mod script;
mod tally;
mod transactions;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tally::Tally;
use world::World;

/// How many seeds an everyday run takes.
const SEEDS: u64 = 10_000;
/// After how many seeds a long run says how far it is.
const PROGRESS_SEEDS: u64 = 50_000;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// Runs seeds on several threads, and stops at the first that fails.
fn run_all(seeds: u64) -> Tally {
    let next = AtomicU64::new(1);
    let total = Mutex::new(Tally::default());
    let failed = Mutex::new(None);
    let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    std::thread::scope(|scope| {
        for _ in 0..number("ACTOR_THREADS").unwrap_or_else(cores) {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    match World::run(seed, None) {
                        Ok(tally) => progress(seed, total.lock().unwrap().add(tally)),
                        Err(failure) => *failed.lock().unwrap() = Some((seed, failure)),
                    }
                }
            });
        }
    });
    if let Some((seed, failure)) = failed.into_inner().unwrap() {
        panic!("{failure}\n{}", replay(seed));
    }
    total.into_inner().unwrap()
}

fn progress(seed: u64, total: Tally) {
    if seed.is_multiple_of(PROGRESS_SEEDS) {
        println!("about {seed} seeds: {total}");
    }
}

fn replay(seed: u64) -> String {
    format!("replay: ACTOR_SEED={seed} cargo test -p actor-vfs --test simulation every_seed")
}

#[test]
fn every_seed_keeps_what_was_acknowledged_and_nothing_that_was_refused() {
    if let Some(seed) = number("ACTOR_SEED") {
        let (story, result) = World::told(seed);
        println!("{story}");
        result.unwrap_or_else(|failure| panic!("{failure}\n{}", replay(seed)));
        return;
    }
    let seeds = number("ACTOR_SEEDS").unwrap_or(SEEDS);
    let tally = run_all(seeds);
    println!("{seeds} seeds: {tally}");
    tally.assert_eventful(seeds);
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 1..=20 {
        assert_eq!(World::told(seed), World::told(seed), "seed {seed}");
    }
}
