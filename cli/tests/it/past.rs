//! The past of actors in a store: restore points, retention, history, the way back, forks.

use std::path::Path;

use actor_vfs::{ActorId, StoreOptions};
use rusqlite::Connection;

use crate::support::{Run, folder, run};

const ACTOR: &str = "workspace/42";

/// A folder with a store in it, whose one actor has a table with one row.
fn store() -> tempfile::TempDir {
    let here = folder();
    let file = here.path().join("42.sqlite");
    let database = Connection::open(&file).unwrap();
    let sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'first')";
    database.execute_batch(sql).unwrap();
    drop(database);
    let import = ["import", "42.sqlite", "--id", ACTOR, "--create"];
    assert_eq!(verb(&here, &import).code, 0);
    here
}

fn verb(here: &tempfile::TempDir, words: &[&str]) -> Run {
    let words = [&["store"], words, &["--store", "actors.store"]].concat();
    run(here.path(), &words)
}

/// What a host does with the actor.
fn host(here: &Path, sql: &str) {
    let store = StoreOptions::default()
        .open_existing(here.join("actors.store"))
        .unwrap();
    let actor = store.open(&ActorId::new(ACTOR).unwrap()).unwrap();
    actor.connect().unwrap().execute_batch(sql).unwrap();
}

/// The values of the table, by an export of the actor.
fn values(here: &tempfile::TempDir, actor: &str) -> Vec<String> {
    assert_eq!(
        verb(here, &["export", actor, "out.sqlite", "--replace"]).code,
        0
    );
    let database = Connection::open(here.path().join("out.sqlite")).unwrap();
    let mut values = database.prepare("SELECT v FROM t ORDER BY id").unwrap();
    let values = values.query_map([], |row| row.get(0)).unwrap();
    values.collect::<Result<_, _>>().unwrap()
}

#[test]
fn an_actor_goes_back_to_a_restore_point_when_somebody_agrees() {
    let here = store();
    let made = verb(&here, &["restore-point", "create", ACTOR, "before"]);
    assert_eq!(
        made.stdout,
        "created: restore point before of workspace/42, commit 1\n"
    );
    host(here.path(), "UPDATE t SET v = 'spoiled'");
    let history = verb(&here, &["history", ACTOR, "--format", "json"]).json();
    let kept = &history["commits"];
    assert_eq!(
        (&kept[0]["commit"], &kept[1]["commit"]),
        (&1.into(), &2.into())
    );
    assert_eq!(kept[0]["restore_points"][0], "before");
    let unasked = verb(&here, &["restore", ACTOR, "--point", "before"]);
    assert_eq!(unasked.code, 2);
    assert!(unasked.stderr.contains("error[C118]"), "{unasked:?}");
    assert_eq!(values(&here, ACTOR), ["spoiled"]);
    let forked = verb(&here, &["fork", ACTOR, "then", "--point", "before"]);
    assert_eq!(forked.code, 0, "{forked:?}");
    assert_eq!(values(&here, "then"), ["first"]);
    let restored = verb(&here, &["restore", ACTOR, "--point", "before", "--yes"]);
    assert_eq!(
        restored.stdout,
        "restored: workspace/42, commit 3, 8192 bytes\n"
    );
    assert_eq!(values(&here, ACTOR), ["first"]);
    let listed = verb(&here, &["restore-point", "list", ACTOR, "--format", "json"]);
    assert_eq!(listed.json()["restore_points"][0]["name"], "before");
    assert_eq!(
        verb(&here, &["restore-point", "drop", ACTOR, "before"]).code,
        0
    );
    let missing = verb(&here, &["restore", ACTOR, "--point", "before", "--yes"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("S137"), "{missing:?}");
    assert_eq!(verb(&here, &["scrub"]).code, 0);
}

#[test]
fn commits_are_kept_as_the_store_says_whoever_makes_them() {
    let here = store();
    let off = verb(&here, &["retention", "--format", "json"]);
    assert_eq!(off.json()["keep"], "off");
    let week = verb(&here, &["retention", "--age", "1w"]);
    assert_eq!(
        week.stdout,
        "each actor keeps what was current within 7d before its last commit\n"
    );
    let age = verb(&here, &["retention", "--format", "json"]);
    assert_eq!(age.json()["seconds"], 7 * 24 * 60 * 60);
    for value in ["second", "third"] {
        host(here.path(), &format!("UPDATE t SET v = '{value}'"));
    }
    let history = verb(&here, &["history", ACTOR, "--format", "json"]);
    let history = history.json();
    let commits = history["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 3);
    let time = commits[1]["time"].as_str().unwrap();
    let into = ["restore", ACTOR, "--time", time, "--into", "then"];
    assert_eq!(verb(&here, &into).code, 0);
    assert_eq!(values(&here, "then"), ["second"]);
    let back = verb(&here, &["restore", ACTOR, "--commit", "1", "--yes"]);
    assert_eq!(back.code, 0, "{back:?}");
    assert_eq!(values(&here, ACTOR), ["first"]);
    assert_eq!(
        verb(&here, &["restore", ACTOR, "--commit", "3", "--yes"]).code,
        0
    );
    assert_eq!(values(&here, ACTOR), ["third"]);
    let beyond = verb(&here, &["restore", ACTOR, "--commit", "99", "--yes"]);
    assert_eq!(beyond.code, 2);
    assert!(beyond.stderr.contains("S138"), "{beyond:?}");
}

#[test]
fn a_point_is_named_once_and_a_time_is_a_time() {
    let here = store();
    for words in [
        &["restore", ACTOR, "--yes"][..],
        &["restore", ACTOR, "--commit", "1", "--point", "x", "--yes"],
        &["restore", ACTOR, "--time", "yesterday", "--yes"],
        &["retention", "--age", "7"],
        &["retention", "--age", "-7d"],
        &["retention", "--age", "1mo"],
        &["retention", "--off", "--commits", "3"],
    ] {
        let refused = verb(&here, words);
        assert_eq!(refused.code, 2, "{words:?}: {refused:?}");
    }
    assert_eq!(values(&here, ACTOR), ["first"]);
}
