//! Every fixture database against every folder beside it: what the real tools leave behind, judged.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use actor_migrate::{Bundle, Expected, InspectOptions, Standing, inspect};
use rusqlite::{Connection, OpenFlags};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

fn open(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn line(standing: &Standing) -> String {
    let mut text = format!("{} {}", standing.verdict, standing.adoption);
    let needs: Vec<_> = standing
        .needs
        .iter()
        .map(|need| need.name.as_str())
        .collect();
    let hazards: Vec<_> = standing
        .hazards
        .iter()
        .map(|hazard| hazard.code.as_str())
        .collect();
    for (name, list) in [("needs", needs.join(", ")), ("hazards", hazards.join(" "))] {
        if !list.is_empty() {
            write!(text, "; {name}: {list}").unwrap();
        }
    }
    if !standing.differences.is_empty() {
        write!(text, "; {} differences", standing.differences.len()).unwrap();
    }
    text
}

/// One line for each database and folder.
fn matrix(folders: &[PathBuf], databases: &[PathBuf]) -> String {
    let mut text = String::new();
    for folder in folders {
        let bundle = Bundle::read(folder).unwrap();
        let expected = Expected::replay(&bundle).unwrap();
        writeln!(
            text,
            "{}",
            folder.strip_prefix(fixtures()).unwrap().display()
        )
        .unwrap();
        for path in databases {
            let standing = inspect(&open(path), &bundle, &expected, &InspectOptions::default());
            let said = standing
                .as_ref()
                .map_or_else(|error| format!("{} {error}", error.code()), line);
            let name = path.strip_prefix(fixtures()).unwrap().display();
            writeln!(text, "  {name}: {said}").unwrap();
        }
    }
    text
}

#[test]
fn the_coding_agent_is_judged_at_every_stage() {
    for actor in ["workspace", "task", "history", "sandbox"] {
        let dir = fixtures().join("coding-agent").join(actor);
        let folders = ["chain", "squashed", "squashed-plus"].map(|name| dir.join(name));
        insta::assert_snapshot!(actor, matrix(&folders, &sorted(&dir.join("actors"))));
    }
}

#[test]
fn the_lost_foreign_key_actions_are_named() {
    let dir = fixtures().join("fk-action-lost");
    let folders = ["chain", "squashed", "squashed-plus"].map(|name| dir.join(name));
    insta::assert_snapshot!(matrix(&folders, &sorted(&dir.join("actors"))));
}

#[test]
fn the_incidents_are_told_apart() {
    let workspace = fixtures().join("coding-agent/workspace");
    let folders = ["chain", "squashed"].map(|name| workspace.join(name));
    insta::assert_snapshot!(matrix(&folders, &sorted(&fixtures().join("incidents"))));
}

#[test]
fn the_ledger_of_every_writer_is_read() {
    let dir = fixtures().join("ledgers");
    let databases: Vec<_> = sorted(&dir)
        .iter()
        .map(|path| path.join("after-2.sqlite"))
        .filter(|path| path.exists())
        .collect();
    insta::assert_snapshot!(matrix(
        &["chain", "squashed"].map(|name| dir.join(name)),
        &databases
    ));
}

#[test]
fn drizzle_1_is_judged_by_names() {
    let dir = fixtures().join("drizzle-1");
    let mut databases = sorted(&dir.join("actors"));
    databases
        .extend(["upgraded/after-4.sqlite", "upgraded/after-7.sqlite"].map(|name| dir.join(name)));
    let folders =
        ["chain", "squashed", "squashed-plus", "upgraded/chain"].map(|name| dir.join(name));
    insta::assert_snapshot!(matrix(&folders, &databases));
}
