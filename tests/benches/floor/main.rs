//! Durable one-row commits and cold opens of the store, beside plain SQLite files in one run.

mod fleet;
mod measures;
mod process;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use fleet::{Files, Fleet, Stored};

/// How much is done.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) commits: usize,
    folder: PathBuf,
}

const USAGE: &str = "\
Compares the store with plain SQLite files (WAL, synchronous=FULL).

Usage: cargo bench -p actor-tests --bench floor [-- --rounds N --commits N --folder PATH]

  --rounds N     interleaved rounds, of which the median is printed [5]
  --commits N    commits by one connection, and by sixteen threads together [2000]
  --folder PATH  where the data goes: choose the disk that counts [target/bench-floor]";

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Cargo starts a bench in its package's folder.
    let data = tempfile::Builder::new()
        .prefix("floor-")
        .tempdir_in(folder(&options))
        .expect("a folder for the data");
    let template = fleet::template(&data.path().join("template.sqlite"));
    let stored = Stored::new(&data.path().join("store"), &template);
    let files = Files::new(&data.path().join("files"), &template);
    let sides: [&dyn Fleet; 2] = [&stored, &files];
    let mut results = [measures::Results::new(), measures::Results::new()];
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        // Each side is first in every other round.
        for side in [round % 2, (round + 1) % 2] {
            measures::round(sides[side], round, &options, &mut results[side]);
        }
    }
    println!("{}", table::markdown(&results));
    ExitCode::SUCCESS
}

fn folder(options: &Options) -> &PathBuf {
    std::fs::create_dir_all(&options.folder).expect("a folder for the data");
    &options.folder
}

fn options() -> Option<Options> {
    let mut options = Options {
        rounds: 5,
        commits: 2000,
        folder: PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../target/bench-floor"
        )),
    };
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| it != "--bench")
        .collect();
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--rounds" => options.rounds = value.parse().ok()?,
            "--commits" => options.commits = value.parse().ok()?,
            "--folder" => options.folder = PathBuf::from(value),
            _ => return None,
        }
    }
    (options.rounds > 0).then_some(options)
}
