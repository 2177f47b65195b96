//! Gives every input that the fuzzer's corpora hold to its target: what was found once stays found.
//!
//! `scripts/long fuzz` looks for new ones.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

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
