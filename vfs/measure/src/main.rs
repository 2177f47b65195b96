//! Measures redb and fjall as the engine under the store, and prints one table.

mod actors;
mod engines;
mod pages;
mod phases;
mod process;
mod rounds;
mod table;
mod weight;

use std::path::PathBuf;
use std::process::ExitCode;

use engines::Setup;
use phases::Phase;

/// How much is done.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) actors: usize,
    pub(crate) commits: usize,
    pub(crate) folder: PathBuf,
}

const USAGE: &str = "\
Measures redb and fjall in the way the store uses them. Takes some minutes on an idle machine.

Usage: measure-engines [--rounds N] [--actors N] [--commits N] [--folder PATH]

  --rounds N     interleaved rounds, of which the median is printed [5]
  --actors N     actors of 60 pages each [1000]
  --commits N    commits by one thread, and by all of sixteen threads together [2000]
  --folder PATH  where the data goes: choose the disk that counts [target/measure-data]";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let child = arguments
        .first()
        .is_some_and(|it| it == "phase")
        .then(|| arguments.drain(..3).collect::<Vec<_>>());
    let Some(options) = options(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match child {
        Some(child) => phases::run(Phase::named(&child[1]), Setup::named(&child[2]), &options),
        None => println!(
            "{}",
            table::markdown(&rounds::run(&options), &weight::measure())
        ),
    }
    ExitCode::SUCCESS
}

fn options(arguments: &[String]) -> Option<Options> {
    let mut options = Options {
        rounds: 5,
        actors: 1000,
        commits: 2000,
        folder: PathBuf::from("target/measure-data"),
    };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--rounds" => options.rounds = value.parse().ok()?,
            "--actors" => options.actors = value.parse().ok()?,
            "--commits" => options.commits = value.parse().ok()?,
            "--folder" => options.folder = PathBuf::from(value),
            _ => return None,
        }
    }
    Some(options)
}

impl Options {
    /// The same options, as arguments of a child.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let pairs = [
            ("--rounds", self.rounds.to_string()),
            ("--actors", self.actors.to_string()),
            ("--commits", self.commits.to_string()),
            ("--folder", self.folder.display().to_string()),
        ];
        pairs
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}
