//! Reads the repository's own source and refuses what the house style refuses.

// All of it is test code: said aloud, so that clippy lets helpers unwrap as it lets tests.
#![cfg(test)]

mod checks;
mod rules;
mod snippets;
mod source;

use std::path::{Path, PathBuf};
use std::process::Command;

use source::Source;

/// The root of the repository: the parent of this package.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a package below the root")
}

#[test]
fn the_source_keeps_the_house_style() {
    let sources = sources();
    let here = "tests/tests/tidy/main.rs";
    assert!(
        sources.iter().any(|it| it.path == here),
        "found not even {here}"
    );
    report(&checks::source_findings(&sources));
}

#[test]
fn every_room_in_the_rules_exists() {
    let sources = sources();
    for room in rules::ROOMS {
        let exists = sources.iter().any(|it| it.path.starts_with(room.at));
        assert!(
            exists,
            "{} has gone: the rule about it says nothing",
            room.at
        );
    }
}

#[test]
fn packages_depend_on_each_other_only_along_the_arrows() {
    report(&checks::package_findings(&packages()));
}

fn report(findings: &[checks::Finding]) {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} to tidy:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

fn sources() -> Vec<Source> {
    let mut paths = tracked().unwrap_or_else(walked);
    paths
        .retain(|path| path.extension().is_some_and(|it| it == "rs") && root().join(path).exists());
    paths.sort();
    paths.dedup();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Source {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let name = path.to_str().unwrap().replace('\\', "/");
    Source::parse(&name, &text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What git knows, with new files that are not ignored. `None` in an unpacked archive.
fn tracked() -> Option<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| text.lines().map(PathBuf::from).collect())
}

fn walked() -> Vec<PathBuf> {
    let skip =
        |name: &str| name.starts_with("target") || name.starts_with('.') || name == "node_modules";
    walkdir::WalkDir::new(root())
        .min_depth(1)
        .into_iter()
        .filter_entry(|entry| !entry.file_name().to_str().is_some_and(skip))
        .map(|entry| entry.unwrap().into_path())
        .map(|path| path.strip_prefix(root()).unwrap().to_path_buf())
        .collect()
}

/// Each package of the workspace with the names of what it depends on, for whatever purpose.
fn packages() -> Vec<(String, Vec<String>)> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let names = |values: &serde_json::Value| values.as_array().unwrap().iter().map(name).collect();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| (name(package), names(&package["dependencies"])))
        .collect()
}
