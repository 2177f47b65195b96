//! What an engine adds to a build: crates, seconds, bytes.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

pub(crate) struct Weight {
    pub(crate) engine: &'static str,
    pub(crate) crates: usize,
    pub(crate) build_s: f64,
    pub(crate) program_kb: f64,
}

/// The weight of each engine, and of the same program without one.
pub(crate) fn measure() -> Vec<Weight> {
    ["", "redb", "fjall"].into_iter().map(weight_of).collect()
}

fn weight_of(engine: &'static str) -> Weight {
    eprintln!("building the example `weight` with {engine:?}");
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/weight");
    if target.exists() {
        fs::remove_dir_all(&target).expect("our own folder");
    }
    let start = Instant::now();
    let status = cargo("build", engine)
        .args(["--release", "--example", "weight", "--target-dir"])
        .arg(&target)
        .stdout(Stdio::null())
        .status();
    assert!(
        status.is_ok_and(|it| it.success()),
        "the example builds with {engine:?}"
    );
    let build_s = start.elapsed().as_secs_f64();
    let program = fs::metadata(target.join("release/examples/weight")).expect("the example");
    Weight {
        engine,
        crates: crates(engine),
        build_s,
        program_kb: program.len() as f64 / 1e3,
    }
}

/// How many crates a build takes, without our own.
fn crates(engine: &str) -> usize {
    let tree = cargo("tree", engine)
        .args([
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .output()
        .expect("cargo tree runs");
    let text = String::from_utf8(tree.stdout).expect("text");
    let mut names: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.len() - 1
}

fn cargo(verb: &str, engine: &str) -> Command {
    // From the path, not `env!("CARGO")`: only rustup's own proxy keeps crates that carry a
    // `rust-toolchain` file of theirs, as redb does, from asking for another toolchain.
    let mut command = Command::new("cargo");
    command.args([
        verb,
        "--manifest-path",
        MANIFEST,
        "--no-default-features",
        "--features",
        engine,
    ]);
    command
}
