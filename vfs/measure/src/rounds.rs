//! Interleaved rounds: each round runs every setup, each phase in a child process.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use crate::Options;
use crate::engines::{SETUPS, Setup};
use crate::phases::Phase;

/// For each setup, the values of each measure in every round.
pub(crate) type Measured = Vec<(Setup, BTreeMap<String, Vec<f64>>)>;

pub(crate) fn run(options: &Options) -> Measured {
    let mut measured: Measured = SETUPS
        .iter()
        .map(|setup| (*setup, BTreeMap::new()))
        .collect();
    for round in 1..=options.rounds {
        for (setup, values) in &mut measured {
            eprintln!("round {round} of {}: {}", options.rounds, setup.name);
            clear(options);
            for phase in Phase::ALL {
                for (name, value) in phase_values(phase, *setup, options) {
                    values.entry(name).or_default().push(value);
                }
            }
        }
    }
    clear(options);
    measured
}

fn clear(options: &Options) {
    let folder = options.folder.join("data");
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("our own folder");
    }
    fs::create_dir_all(folder).expect("a folder for the data");
}

fn phase_values(phase: Phase, setup: Setup, options: &Options) -> Vec<(String, f64)> {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["phase", phase.name(), setup.name])
        .args(options.arguments())
        .stderr(Stdio::inherit())
        .output()
        .expect("the child runs");
    // The committing phase dies on purpose, by a signal; a panic has an exit code.
    assert!(
        matches!(output.status.code(), Some(0) | None),
        "{} failed in {}",
        setup.name,
        phase.name()
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let pair = |line: &str| {
        let (name, value) = line.split_once(' ').expect("a name and a value");
        (name.to_owned(), value.parse().expect("a number"))
    };
    text.lines().map(pair).collect()
}
