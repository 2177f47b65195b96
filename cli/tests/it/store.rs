//! Actors in a store: the same verbs as on files, and the verbs of the store itself.

use std::path::Path;

use actor_vfs::engines::RedbEngine;
use actor_vfs::kv::{Batch, Engine};
use serde_json::json;

use crate::support::{Run, contents, copy, fixtures, folder, rows, run, write};

/// A project with two fleets in one store, most of it current, as the configuration describes it.
fn project() -> tempfile::TempDir {
    let here = folder();
    let coding_agent = fixtures().join("coding-agent");
    let mut config = String::from("store = \"actors.store\"\n");
    for kind in ["history", "task"] {
        let dir = format!("src/actors/{kind}/db/drizzle");
        copy(
            &coding_agent.join(kind).join("chain"),
            &here.path().join(&dir),
        );
        config +=
            &format!("[[fleet]]\nname = \"{kind}\"\ndir = \"{dir}\"\nactors = \"{kind}/*\"\n");
    }
    write(&here.path().join("actor-migrate.toml"), config);
    for (kind, stage, id) in [
        ("history", 8, "history/1"),
        ("history", 8, "history/2"),
        ("history", 6, "history/3"),
        ("task", 8, "task/1"),
    ] {
        let file = coding_agent.join(format!("{kind}/actors/after-{stage}.sqlite"));
        let file = file.to_str().unwrap();
        let imported = run(
            here.path(),
            &["store", "import", file, "--id", id, "--create"],
        );
        assert_eq!(imported.code, 0, "{imported:?}");
    }
    here
}

fn squash(here: &Path, kind: &str) {
    let dir = here.join(format!("src/actors/{kind}/db/drizzle"));
    std::fs::remove_dir_all(&dir).unwrap();
    copy(
        &fixtures().join("coding-agent").join(kind).join("squashed"),
        &dir,
    );
}

fn verb(here: &tempfile::TempDir, words: &str) -> Run {
    run(here.path(), &words.split(' ').collect::<Vec<_>>())
}

#[test]
fn a_configured_project_needs_no_options() {
    let here = project();
    insta::assert_snapshot!(verb(&here, "status").transcript(here.path()), @"
    exit 0
    --- stdout
    FLEET    ACTORS  VERDICT  ADOPTION    PENDING  WHO
    history       2  current  not-needed        0  history/1, history/2
    history       1  behind   not-needed        2  history/3
    task          1  current  not-needed        0  task/1
    4 actors
    --- stderr
    ");
    insta::assert_snapshot!(verb(&here, "check").transcript(here.path()), @"
    exit 0
    --- stdout
    history: 3 actors, 8 migrations in src/actors/history/db/drizzle
      ok       2  current
      ok       1  behind, pending: 0006_session_summary, 0007_append_only, rehearsed on a copy of each
    task: 1 actor, 8 migrations in src/actors/task/db/drizzle
      ok       1  current
    ready: 4 actors can take this deploy
    --- stderr
    ");
    insta::assert_snapshot!(verb(&here, "inspect history/3").transcript(here.path()), @"
    exit 0
    --- stdout
    history/3: behind, adoption not-needed
      ledger       __drizzle_migrations (drizzle-0x), 6 rows
      position     6 of 8 migrations
      pending      0006_session_summary
                   0007_append_only
    run `actor-migrate apply`, or let the actor migrate when it wakes
    next: actor-migrate apply history/3 --fleet history --dry-run
    --- stderr
    ");
    let inner = here.path().join("src/actors/task");
    assert_eq!(run(&inner, &["check", "--fleet", "task"]).code, 0);
}

#[test]
fn a_squashed_fleet_is_caught_adopted_and_clean_and_keeps_its_rows() {
    let here = project();
    assert_eq!(verb(&here, "apply --yes").code, 0);
    squash(here.path(), "history");
    let export = |to: &str| {
        let exported = verb(&here, &format!("store export history/1 {to}"));
        assert_eq!(exported.code, 0, "{exported:?}");
        rows(&here.path().join(to))
    };
    let before = export("before.sqlite");
    assert_eq!(verb(&here, "check").code, 1);
    insta::assert_snapshot!(verb(&here, "adopt --fleet history --yes").transcript(here.path()), @"
    exit 0
    --- stdout
    done               3  history: squashed -> current
                          history/1, history/2, history/3
    adopt: 3 actors, 3 done
    --- stderr
    ");
    assert_eq!(verb(&here, "check").code, 0);
    assert_eq!(export("after.sqlite"), before);
    insta::assert_snapshot!(verb(&here, "adopt --fleet history --yes").transcript(here.path()), @"
    exit 0
    --- stdout
    nothing to do      3  history: current
    adopt: 3 actors, 3 nothing to do
    --- stderr
    ");
}

#[test]
fn one_actor_answers_with_the_names_of_the_contract() {
    let here = project();
    let inspected = verb(&here, "inspect history/3 --format json").json();
    assert_eq!(inspected["verdict"], json!("behind"));
    let applied = verb(&here, "apply history/3 --yes --format json").json();
    assert_eq!(
        (&applied["target"], &applied["outcome"]),
        (&json!("history/3"), &json!("done"))
    );
    assert_eq!(
        (&applied["verdict"], &applied["applied"]),
        (&json!("current"), &inspected["pending"])
    );
}

#[test]
fn rehearsals_and_snapshots_leave_the_store_as_it_was() {
    let here = project();
    let list = || verb(&here, "store list --format json").json();
    let before = list();
    for words in [
        "check",
        "status",
        "inspect history/3",
        "apply --dry-run",
        "adopt --dry-run",
    ] {
        assert_eq!(verb(&here, words).code, 0, "{words}");
        assert_eq!(list(), before, "{words}");
    }
}

#[test]
fn actors_are_named_by_id_or_glob() {
    let here = project();
    let ids = |words: &str| {
        let list = verb(&here, words).json();
        let ids = list["actors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|actor| actor["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(
        ids("store list --format json"),
        ["history/1", "history/2", "history/3", "task/1"]
    );
    assert_eq!(ids("store list */1 --format json"), ["history/1", "task/1"]);
    assert_eq!(
        ids("store list history/2 task/* --format json"),
        ["history/2", "task/1"]
    );
    let checked = verb(&here, "check history/[12] --format json").json();
    assert_eq!(checked["actors"], json!(2));
}

#[test]
fn deleting_asks_first() {
    let here = project();
    let unasked = verb(&here, "store delete task/1");
    assert_eq!(unasked.code, 2);
    assert!(unasked.stderr.contains("error[C118]"), "{unasked:?}");
    insta::assert_snapshot!(verb(&here, "store delete task/1 --yes").transcript(here.path()), @"
    exit 0
    --- stdout
    deleted: 1 actor
    --- stderr
    ");
    assert!(!verb(&here, "store list").stdout.contains("task/1"));
}

#[test]
fn importing_needs_a_store_and_does_not_overwrite_unasked() {
    let here = folder();
    let file = fixtures().join("coding-agent/task/actors/after-8.sqlite");
    copy(&file, &here.path().join("42.sqlite"));
    let before = contents(here.path());
    let missing = verb(&here, "store import 42.sqlite --store no.store");
    assert_eq!(missing.code, 2, "{missing:?}");
    assert_eq!(contents(here.path()), before);
    let created = verb(
        &here,
        "store import 42.sqlite --prefix task/ --store a.store --create",
    );
    insta::assert_snapshot!(created.transcript(here.path()), @"
    exit 0
    --- stdout
    imported: 1 actor, 73728 bytes
    --- stderr
    ");
    let again = verb(
        &here,
        "store import 42.sqlite --prefix task/ --store a.store",
    );
    insta::assert_snapshot!(again.transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[S103]: the actor `task/42` exists already
    --> 42.sqlite
     = help: open it, delete it first, or choose another id
    ");
    let replaced = verb(
        &here,
        "store import 42.sqlite --prefix task/ --store a.store --replace",
    );
    assert_eq!(replaced.code, 0, "{replaced:?}");
}

/// A typing error in a glob must not make an empty fleet look ready.
#[test]
fn actors_that_no_fleet_speaks_of_are_said_aloud() {
    let here = project();
    let config = here.path().join("actor-migrate.toml");
    let mistyped = std::fs::read_to_string(&config)
        .unwrap()
        .replace("\"task/*\"", "\"tusk/*\"");
    write(&config, mistyped);
    insta::assert_snapshot!(verb(&here, "check").transcript(here.path()), @"
    exit 0
    --- stdout
    history: 3 actors, 8 migrations in src/actors/history/db/drizzle
      ok       2  current
      ok       1  behind, pending: 0006_session_summary, 0007_append_only, rehearsed on a copy of each
    task: 0 actors, 8 migrations in src/actors/task/db/drizzle
    not looked at: 1 actor in no fleet, such as task/1
    ready: 3 actors can take this deploy
    --- stderr
    ");
    assert_eq!(
        verb(&here, "check --format json").json()["unclaimed"],
        json!(["task/1"])
    );
    assert_eq!(
        verb(&here, "check --fleet history --format json").json()["unclaimed"],
        json!([])
    );
}

#[test]
fn verbose_names_every_actor() {
    let here = project();
    let names = verb(&here, "status --verbose").stdout;
    assert!(
        ["history/1", "history/2", "history/3", "task/1"]
            .iter()
            .all(|id| names.contains(id)),
        "{names}"
    );
}

/// Changes records of a store behind its back: all whose key `select`s.
fn tamper(
    here: &tempfile::TempDir,
    select: impl Fn(&[u8]) -> bool,
    change: impl Fn(Vec<u8>) -> Option<Vec<u8>>,
) {
    let engine = RedbEngine::open(here.path().join("actors.store/actors.redb"), 1 << 20).unwrap();
    let all = engine.snapshot().unwrap();
    let mut batch = Batch::new();
    for (key, record) in all.scan(&[]..&[u8::MAX], usize::MAX).unwrap() {
        match select(&key).then(|| change(record)) {
            Some(Some(record)) => batch.put(key, record),
            Some(None) => batch.delete(key),
            None => {}
        }
    }
    engine.commit(&batch).unwrap();
}

fn flipped(mut record: Vec<u8>) -> Option<Vec<u8>> {
    record[20] ^= 1;
    Some(record)
}

#[test]
fn a_scrub_names_what_is_damaged_and_the_actor_can_be_deleted() {
    let here = project();
    insta::assert_snapshot!(verb(&here, "store scrub").transcript(here.path()), @"
    exit 0
    --- stdout
    4 actors, 80 pages read and sound: nothing is damaged
    --- stderr
    ");
    tamper(&here, |key| key.starts_with(b"Hhistory/2"), flipped);
    insta::assert_snapshot!(verb(&here, "store scrub").transcript(here.path()), @"
    exit 1
    --- stdout
    damaged: the head record of `history/2` cannot be read: its seal does not match its bytes and its place
    damaged: pages that belong to no actor take room (images: 1)
    stays damaged: `history/2`; nothing that can be read of the store proves what was there
    4 actors, 59 pages read and sound: 2 damaged
    --- stderr
    ");
    assert_eq!(verb(&here, "store scrub history/1").code, 0);
    let found = verb(&here, "store scrub history/2 --format json");
    assert_eq!(found.code, 1);
    let damage = &found.json()["damage"][0];
    assert_eq!(damage["kind"], "head");
    assert_eq!(damage["actor"], "history/2");
    assert_eq!(verb(&here, "store delete history/2 --yes").code, 0);
    assert_eq!(verb(&here, "store scrub").code, 0);
}

#[test]
fn a_scrub_names_missing_pages() {
    let here = project();
    verb(&here, "store delete history/2 history/3 task/1 --yes");
    let is_page_3 = |key: &[u8]| key[0] == b'P' && key[17..21] == [0, 0, 0, 3];
    tamper(&here, is_page_3, |_| None);
    insta::assert_snapshot!(verb(&here, "store scrub").transcript(here.path()), @"
    exit 1
    --- stdout
    damaged: page 3 of `history/1` is missing at commit 1
    stays damaged: `history/1`; nothing that can be read of the store proves what was there
    1 actor, 20 pages read and sound: 1 damaged
    --- stderr
    ");
}

#[test]
fn a_scrub_mends_what_is_proved_when_it_is_told_to() {
    let here = project();
    verb(&here, "store delete history/2 history/3 task/1 --yes");
    let is_page_3 = |key: &[u8]| key[0] == b'P' && key[17..21] == [0, 0, 0, 3];
    tamper(&here, is_page_3, flipped);
    insta::assert_snapshot!(verb(&here, "store scrub").transcript(here.path()), @"
    exit 1
    --- stdout
    damaged: page 3 of `history/1` is damaged at commit 1: its seal does not match its bytes and its place
    --repair mends: page 3 of `history/1` at commit 1: one bit of its record was flipped
    1 actor, 20 pages read and sound: 1 damaged
    --- stderr
    ");
    insta::assert_snapshot!(verb(&here, "store scrub --repair").transcript(here.path()), @"
    exit 0
    --- stdout
    mended: page 3 of `history/1` at commit 1: one bit of its record was flipped
    1 actor, 21 pages read and sound: nothing is damaged
    --- stderr
    ");
    let again = verb(&here, "store scrub --repair --format json");
    assert_eq!(again.code, 0);
    assert_eq!(again.json()["mended"].as_array().unwrap().len(), 0);
}

#[test]
fn a_scrub_of_what_is_not_there_could_not_say() {
    let here = project();
    assert_eq!(verb(&here, "store scrub nobody").code, 2);
    assert_eq!(verb(&here, "store scrub --store nowhere").code, 2);
}
