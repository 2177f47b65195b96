//! Reading verbs change no byte, not even of a database that another program has open.

use rusqlite::Connection;

use crate::support::{contents_by_another_process as contents, copy_of, run};

/// Holds a write open in this process while the command runs in another.
#[test]
fn a_live_wal_database_is_read_with_its_last_commit_and_left_alone() {
    let here = copy_of("coding-agent/history", "history");
    let file = "history/actors/after-8.sqlite";
    let owner = Connection::open(here.path().join(file)).unwrap();
    owner.pragma_update(None, "journal_mode", "wal").unwrap();
    owner
        .execute_batch(
            "CREATE TABLE since_then (id integer primary key); INSERT INTO since_then VALUES (1);",
        )
        .unwrap();
    // Its index now ends behind the mark of every reader: a reader that may write would move a mark.
    owner
        .execute_batch("INSERT INTO since_then VALUES (2)")
        .unwrap();
    let before = contents(here.path());
    for verb in ["inspect", "status", "check"] {
        let answer = run(
            here.path(),
            &[verb, file, "--dir", "history/chain", "--format", "json"],
        );
        let text = answer.json().to_string();
        assert!(
            text.contains("drifted"),
            "{verb} did not see what the WAL holds: {text}"
        );
        assert_eq!(contents(here.path()), before, "{verb} left a trace");
    }
    drop(owner);
}

#[test]
fn a_database_that_another_program_is_writing_to_is_waited_for_and_then_reported() {
    let here = copy_of("coding-agent/history", "history");
    let file = "history/actors/after-5.sqlite";
    let owner = Connection::open(here.path().join(file)).unwrap();
    owner.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let before = contents(here.path());
    let busy = run(
        here.path(),
        &[
            "apply",
            file,
            "--dir",
            "history/chain",
            "--yes",
            "--format",
            "json",
        ],
    );
    assert_eq!(busy.code, 2, "{busy:?}");
    assert_eq!(contents(here.path()), before);
}
