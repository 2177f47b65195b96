//! Ctrl-C stops between two actors.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::support::{copy, copy_of, finished, run};

#[test]
fn ctrl_c_leaves_every_actor_before_or_after_and_says_how_far_it_came() {
    let here = copy_of("coding-agent/history/chain", "chain");
    let original = crate::support::fixtures().join("coding-agent/history/actors/after-5.sqlite");
    let files: Vec<_> = (0..40)
        .map(|n| here.path().join(format!("actors/{n:02}.sqlite")))
        .collect();
    files.iter().for_each(|file| copy(&original, file));
    // Other writers, whom the command waits for: so it is certainly in the middle when it is asked to stop.
    let writers: Vec<_> = files
        .iter()
        .map(|file| Connection::open(file).unwrap())
        .collect();
    writers
        .iter()
        .for_each(|writer| writer.execute_batch("BEGIN IMMEDIATE").unwrap());
    let child = Command::new(env!("CARGO_BIN_EXE_actor-migrate"))
        .args(["apply", "actors", "--dir", "chain", "--yes"])
        .current_dir(here.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    sleep(Duration::from_millis(1500));
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    sleep(Duration::from_millis(200));
    drop(writers);
    let stopped = finished(child.wait_with_output().unwrap());
    assert_eq!(stopped.code, 130, "{stopped:?}");
    assert!(stopped.stderr.contains("interrupted after "), "{stopped:?}");
    let status = run(
        here.path(),
        &["status", "actors", "--dir", "chain", "--format", "json"],
    )
    .json();
    let cohorts = status["cohorts"].as_array().unwrap();
    let behind = cohorts
        .iter()
        .find(|cohort| cohort["verdict"] == json!("behind"))
        .unwrap();
    assert!(behind["count"].as_u64().unwrap() > 0, "{status}");
    let whole = |cohort: &serde_json::Value| {
        [json!("behind"), json!("current")].contains(&cohort["verdict"])
    };
    assert!(cohorts.iter().all(whole), "{status}");
}
