//! A disk that is full and one that is read-only, both really mounted: each test runs in a process
//! with mounts of its own. Where the system does not permit that, it is skipped and says why.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod full;
mod private;
mod read_only;

use std::process::ExitCode;

use private::{Ended, Test};

const TESTS: [Test; 4] = [
    Test {
        name: "a_disk_that_fills_up_in_a_commit_loses_nothing_acknowledged_and_works_once_there_is_room",
        run: full::in_a_commit,
    },
    Test {
        name: "a_store_on_a_full_disk_is_opened_and_read",
        run: full::at_opening,
    },
    Test {
        name: "a_disk_without_room_for_a_store_is_said_to_have_none_and_takes_one_once_there_is_room",
        run: full::at_creating,
    },
    Test {
        name: "a_read_only_disk_is_said_to_be_so_and_nothing_on_it_changes",
        run: read_only::refused,
    },
];

/// Says what libtest would say; that has no word for a test which finds out that it cannot run.
fn main() -> ExitCode {
    if let Some(ended) = private::inside(&TESTS) {
        return ended;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--list") {
        TESTS
            .iter()
            .for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    let filters: Vec<_> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let is_meant = |test: &&Test| {
        filters.is_empty() || filters.iter().any(|word| test.name.contains(word.as_str()))
    };
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for test in TESTS.iter().filter(is_meant) {
        let word = match private::run(test) {
            Ended::Passed => {
                passed += 1;
                "ok".to_owned()
            }
            Ended::Skipped(why) => {
                skipped += 1;
                format!("ignored, {why}")
            }
            Ended::Failed(said) => {
                failed += 1;
                format!("FAILED\n{said}")
            }
        };
        println!("test {} ... {word}", test.name);
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; {skipped} ignored; 0 measured"
    );
    ExitCode::from(u8::from(failed > 0))
}
