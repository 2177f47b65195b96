//! Gives every input that the fuzzer's corpora hold to its target: what was found once stays found.
//!
//! `scripts/long fuzz` looks for new ones.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use actor_vfs::testing::fuzz::TARGETS;

/// The inputs that are kept for a target, in the order of their names.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_input_of_every_corpus_is_still_answered_as_promised() {
    let mut failed = Vec::new();
    for (target, run) in TARGETS {
        let inputs = corpus(target);
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for input in &inputs {
            let data = fs::read(input).unwrap();
            // The panic has printed its message already.
            if catch_unwind(AssertUnwindSafe(|| run(&data))).is_err() {
                failed.push(input.clone());
            }
        }
        println!("{target}: {} inputs", inputs.len());
    }
    assert_eq!(failed, [] as [PathBuf; 0]);
}

/// Without any corpus: bytes that fuzzers and editors leave must find nothing either.
#[test]
fn inputs_of_nothing_and_of_one_byte_over_and_over_are_answered_as_promised() {
    for (_, run) in TARGETS {
        run(&[]);
        for byte in 0..=u8::MAX {
            run(&[byte; 40]);
        }
    }
}

/// How many inputs made of those that are kept each target gets: of the last two, which run SQLite,
/// one in fifty. `ACTOR_SEEDS=n` makes it n.
const MUTATED: u64 = 2_000;
const SLOW: [&str; 2] = ["import", "hostile_store"];

/// A number that looks random, and the next state (SplitMix64).
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) >> 33).expect("31 bits")
}

/// Flips, overwrites, cuts, doubles or joins, a few times.
fn mutated(inputs: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut data = inputs[next(&mut state) % inputs.len()].clone();
    for _ in 0..=next(&mut state) % 4 {
        let at = next(&mut state) % (data.len() + 1);
        let value = next(&mut state);
        match next(&mut state) % 6 {
            0 => data.truncate(at),
            1 => data.insert(at, value.to_le_bytes()[0]),
            2 => data.extend_from_within(at..),
            3 => data.extend_from_slice(&inputs[value % inputs.len()]),
            4 if at < data.len() => data[at] ^= 1 << (value % 8),
            _ if at < data.len() => data[at] = value.to_le_bytes()[0],
            _ => {}
        }
    }
    data
}

/// Blindly, where the fuzzer looks for what is new; but at every run, and with no tool of its own.
#[test]
fn inputs_like_those_of_the_corpora_are_answered_as_promised() {
    let asked = std::env::var("ACTOR_SEEDS").ok();
    let asked = asked.map(|seeds| seeds.parse().expect("ACTOR_SEEDS is a number"));
    for (target, run) in TARGETS {
        let inputs = corpus(target)
            .into_iter()
            .map(|path| fs::read(path).unwrap());
        let inputs: Vec<_> = inputs.collect();
        let mut seeds = asked.unwrap_or(MUTATED);
        if SLOW.contains(&target) {
            seeds /= 50;
        }
        let from = Instant::now();
        for seed in 1..=seeds {
            let data = mutated(&inputs, seed);
            // The panic has printed its message already.
            let answered = catch_unwind(AssertUnwindSafe(|| run(&data)));
            assert!(answered.is_ok(), "{target}, seed {seed}: {data:02x?}");
        }
        println!("{target}: {seeds} inputs in {} s", from.elapsed().as_secs());
    }
}

/// A corpus is read at every run of the tests, so it stays small.
#[test]
fn a_corpus_holds_few_and_short_inputs() {
    for (target, _) in TARGETS {
        let inputs = corpus(target);
        let bytes = |path: &PathBuf| fs::metadata(path).unwrap().len();
        let all: u64 = inputs.iter().map(bytes).sum();
        assert!(all < 128 * 1024, "{target} holds {all} bytes");
    }
}
