//! `prune`: an archived chain goes when nobody needs it, and not before, in both formats.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{Run, contents, copy, copy_of, fixtures, run, write};

const ARCHIVE: &str = "drizzle/squashed/0000_baseline.tar.gz";
const CERTIFICATE: &str = "drizzle/squashed/0000_baseline.json";

fn squash(here: &TempDir, more: &[&str]) {
    let typed = [&["squash", "--dir", "drizzle", "--yes"], more].concat();
    let done = run(here.path(), &typed);
    assert_eq!(done.code, 0, "{done:?}");
}

/// An actor of a fixture, as `actors/<name>.sqlite`.
fn add(here: &TempDir, fixture: &str, name: &str) {
    let to = here.path().join(format!("actors/{name}.sqlite"));
    copy(&fixtures().join(fixture), &to);
}

/// A folder of Drizzle 0.x that was squashed, and an actor that stopped after the second of three migrations.
fn squashed() -> TempDir {
    let here = copy_of("ledgers/chain", "drizzle");
    squash(&here, &[]);
    add(&here, "ledgers/better-sqlite3/after-2.sqlite", "late");
    here
}

fn on(here: &TempDir, verb: &str, more: &[&str]) -> Run {
    let typed = [&[verb, "actors", "--dir", "drizzle"], more].concat();
    run(here.path(), &typed)
}

fn prune(here: &TempDir, more: &[&str]) -> Run {
    on(here, "prune", more)
}

fn mend(here: &TempDir) {
    let done = on(here, "reconcile", &["--yes"]);
    assert_eq!(done.code, 0, "{done:?}");
}

fn transcript(run: &Run, here: &TempDir) -> String {
    run.transcript(here.path())
}

fn is_there(here: &TempDir, file: &str) -> bool {
    here.path().join(file).is_file()
}

#[test]
fn an_actor_behind_the_baseline_of_a_0_x_folder_keeps_the_archive() {
    let here = squashed();
    let before = contents(here.path());
    insta::assert_snapshot!(transcript(&prune(&here, &["--yes"]), &here), @"
    exit 1
    --- stdout
    nothing pruned: 0 of 1 archive, 1 actor asked
      kept       drizzle/squashed/0000_baseline.tar.gz, 3 migrations: 1 of 1 actor may need it
        squashed-behind, 1: actors/late.sqlite
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn an_archive_that_nobody_needs_goes_and_its_certificate_says_so() {
    let here = squashed();
    mend(&here);
    let before = contents(here.path());
    insta::assert_snapshot!(transcript(&prune(&here, &["--dry-run"]), &here), @"
    exit 0
    --- stdout
    would prune: 1 of 1 archive, 1 actor asked
      not needed drizzle/squashed/0000_baseline.tar.gz, 3 migrations
    next: actor-migrate prune actors --dir drizzle --yes
    --- stderr
    ");
    insta::assert_snapshot!(transcript(&prune(&here, &[]), &here), @"
    exit 2
    --- stdout
    --- stderr
    error[C133]: 1 archive would be removed, and nobody can be asked
     |
     = help: look with --dry-run, then run it with --yes
    ");
    assert_eq!(contents(here.path()), before);
    insta::assert_snapshot!(transcript(&prune(&here, &["--yes"]), &here), @"
    exit 0
    --- stdout
    pruned: 1 of 1 archive, 1 actor asked
      removed    drizzle/squashed/0000_baseline.tar.gz, 3 migrations
    an actor that turns up later needs --history <revision before the squash>
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    assert!(!is_there(&here, ARCHIVE));
    let certificate = std::fs::read(here.path().join(CERTIFICATE)).unwrap();
    let certificate: serde_json::Value = serde_json::from_slice(&certificate).unwrap();
    assert_eq!(certificate["pruned"]["actors_checked"], 1);
    insta::assert_snapshot!(transcript(&prune(&here, &["--yes"]), &here), @"
    exit 0
    --- stdout
    nothing to prune: no archived chain is there
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    let checked = on(&here, "check", &[]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[test]
fn an_actor_that_turns_up_after_the_prune_is_told_of_the_history() {
    let here = squashed();
    copy(&fixtures().join("ledgers/chain"), &here.path().join("old"));
    mend(&here);
    assert_eq!(prune(&here, &["--yes"]).code, 0);
    add(&here, "ledgers/better-sqlite3/after-2.sqlite", "later");
    let later = "actors/later.sqlite";
    let mend = ["reconcile", later, "--dir", "drizzle", "--yes"];
    let refused = run(here.path(), &mend);
    insta::assert_snapshot!(transcript(&refused, &here), @"
    exit 1
    --- stdout
    --- stderr
    error[M195]: drizzle/squashed/0000_baseline.tar.gz, which held what 0000_baseline replaced, was pruned when no actor needed it
    --> actors/later.sqlite
     = help: name the last git revision before the squash: `--history <revision>`, or bring the archive back from git
    ");
    let told = [&mend[..], &["--history", "old"]].concat();
    let done = run(here.path(), &told);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn in_a_1_0_folder_a_complete_actor_keeps_the_archive_until_it_is_adopted() {
    let here = copy_of("drizzle-1/chain", "drizzle");
    squash(&here, &[]);
    for actor in ["after-4", "after-7", "fresh"] {
        add(&here, &format!("drizzle-1/actors/{actor}.sqlite"), actor);
    }
    insta::assert_snapshot!(transcript(&prune(&here, &["--yes"]), &here), @"
    exit 1
    --- stdout
    nothing pruned: 0 of 1 archive, 3 actors asked
      kept       drizzle/squashed/20260301005412_open_threads.tar.gz, 7 migrations: 2 of 3 actors may need it
        squashed, 1: actors/after-7.sqlite
        squashed-behind, 1: actors/after-4.sqlite
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    mend(&here);
    insta::assert_snapshot!(transcript(&prune(&here, &["--yes"]), &here), @"
    exit 0
    --- stdout
    pruned: 1 of 1 archive, 3 actors asked
      removed    drizzle/squashed/20260301005412_open_threads.tar.gz, 7 migrations
    an actor that turns up later needs --history <revision before the squash>
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    add(&here, "drizzle-1/actors/after-4.sqlite", "later");
    let later = [
        "reconcile",
        "actors/later.sqlite",
        "--dir",
        "drizzle",
        "--yes",
    ];
    let refused = run(here.path(), &later);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("M195"), "{refused:?}");
}

#[test]
fn of_two_squashes_the_older_archive_goes_when_only_the_newer_is_needed() {
    let here = copy_of("ledgers/chain", "drizzle");
    squash(&here, &["--to", "0001_pinned"]);
    let actor = here.path().join("actors/new.sqlite");
    write(&actor, "");
    let applied = on(&here, "apply", &["--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    squash(&here, &[]);
    let who = |kept: &Run| {
        let archives = kept.json()["archives"].clone();
        let needed = |at: usize| archives[at]["needed_by"][0]["examples"].clone();
        (needed(0), needed(1))
    };
    let (new, late) = ("actors/new.sqlite", "actors/late.sqlite");
    add(&here, "ledgers/better-sqlite3/after-2.sqlite", "late");
    let kept = prune(&here, &["--dry-run", "--format", "json"]);
    assert_eq!(who(&kept).0, serde_json::json!([late]));
    std::fs::remove_file(here.path().join(late)).unwrap();
    let kept = prune(&here, &["--dry-run", "--format", "json"]);
    assert_eq!(
        who(&kept),
        (serde_json::Value::Null, serde_json::json!([new]))
    );
    insta::assert_snapshot!(transcript(&prune(&here, &["--yes"]), &here), @"
    exit 1
    --- stdout
    pruned: 1 of 2 archives, 1 actor asked
      removed    drizzle/squashed/0000_baseline.tar.gz, 2 migrations
      kept       drizzle/squashed/0000_baseline_2.tar.gz, 2 migrations: 1 of 1 actor may need it
        squashed, 1: actors/new.sqlite
    an actor that turns up later needs --history <revision before the squash>
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    assert!(!is_there(&here, ARCHIVE));
    mend(&here);
    let done = prune(&here, &["--yes", "--format", "json"]).json();
    assert_eq!(done["archives"].as_array().map(Vec::len), Some(1), "{done}");
    assert_eq!(
        (&done["pruned"], &done["actors"]),
        (&true.into(), &1.into())
    );
}

#[test]
fn an_actor_that_cannot_be_read_keeps_every_archive() {
    let here = squashed();
    mend(&here);
    write(&here.path().join("broken.sqlite"), "no database");
    let typed = [
        "prune",
        "actors",
        "broken.sqlite",
        "--dir",
        "drizzle",
        "--yes",
    ];
    insta::assert_snapshot!(transcript(&run(here.path(), &typed), &here), @"
    exit 1
    --- stdout
    nothing pruned: 0 of 1 archive, 2 actors asked
      kept       drizzle/squashed/0000_baseline.tar.gz, 3 migrations: 1 of 2 actors may need it
        unreadable, 1: broken.sqlite
          C113: this is no SQLite database
    next: actor-migrate check actors broken.sqlite --dir drizzle
    --- stderr
    ");
    assert!(is_there(&here, ARCHIVE));
}

#[test]
fn an_actor_that_nothing_explains_keeps_every_archive() {
    let here = squashed();
    mend(&here);
    let actor = here.path().join("actors/late.sqlite");
    let connection = rusqlite::Connection::open(actor).unwrap();
    let by_hand = "ALTER TABLE notes ADD COLUMN by_hand";
    connection.execute_batch(by_hand).unwrap();
    drop(connection);
    let kept = prune(&here, &["--yes"]);
    insta::assert_snapshot!(transcript(&kept, &here), @"
    exit 1
    --- stdout
    nothing pruned: 0 of 1 archive, 1 actor asked
      kept       drizzle/squashed/0000_baseline.tar.gz, 3 migrations: 1 of 1 actor may need it
        drifted, 1: actors/late.sqlite
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    assert!(is_there(&here, ARCHIVE));
}

#[test]
fn who_asks_nobody_is_told_nothing_and_changes_nothing() {
    let here = squashed();
    let before = contents(here.path());
    let nobody = run(here.path(), &["prune", "--dir", "drizzle", "--yes"]);
    insta::assert_snapshot!(transcript(&nobody, &here), @"
    exit 2
    --- stdout
    --- stderr
    error[C132]: no actor was asked, so nobody can say who needs the archives of this
    --> drizzle
     = help: name the actors: files, a folder, or --store <path>
    ");
    let nowhere = run(here.path(), &["prune", "--yes"]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn actors_of_a_store_that_were_not_asked_are_told() {
    let here = squashed();
    add(&here, "ledgers/better-sqlite3/after-2.sqlite", "mended");
    let mended = [
        "reconcile",
        "actors/mended.sqlite",
        "--dir",
        "drizzle",
        "--yes",
    ];
    assert_eq!(run(here.path(), &mended).code, 0);
    for actor in ["late", "mended"] {
        let file = format!("actors/{actor}.sqlite");
        let to = ["--id", actor, "--create", "--store", "s.store"];
        let import = [&["store", "import", &file], &to[..]].concat();
        let imported = run(here.path(), &import);
        assert_eq!(imported.code, 0, "{imported:?}");
    }
    let store = ["--store", "s.store", "--dir", "drizzle", "--dry-run"];
    let some = run(here.path(), &[&["prune", "mended"], &store[..]].concat());
    insta::assert_snapshot!(transcript(&some, &here), @"
    exit 0
    --- stdout
    would prune: 1 of 1 archive, 1 actor asked
      not needed drizzle/squashed/0000_baseline.tar.gz, 3 migrations
    not asked: 1 actor of the same store, such as late
    next: actor-migrate prune mended --store s.store --dir drizzle --yes
    --- stderr
    ");
    let all = run(here.path(), &[&["prune"], &store[..]].concat());
    assert_eq!(all.code, 1, "{all:?}");
}

#[test]
fn one_fleet_of_two_that_follow_a_folder_is_enough_to_keep_its_archive() {
    let here = squashed();
    mend(&here);
    let late = fixtures().join("ledgers/better-sqlite3/after-2.sqlite");
    copy(&late, &here.path().join("others/late.sqlite"));
    let fleet = |name, files| {
        format!("[[fleet]]\nname = \"{name}\"\ndir = \"drizzle\"\nfiles = \"{files}\"\n")
    };
    let config = fleet("a", "actors") + &fleet("b", "others");
    write(&here.path().join("actor-migrate.toml"), config);
    let kept = run(here.path(), &["prune", "--yes", "--format", "json"]);
    assert_eq!(kept.code, 1, "{kept:?}");
    let kept = kept.json();
    assert_eq!(
        (&kept["pruned"], &kept["actors"]),
        (&false.into(), &2.into())
    );
    let needed = &kept["archives"][0]["needed_by"][0];
    assert_eq!(needed["verdict"], "squashed-behind");
    assert_eq!(
        needed["examples"],
        serde_json::json!(["others/late.sqlite"])
    );
    assert!(Path::new(&here.path().join(ARCHIVE)).is_file());
}

#[test]
fn an_archive_that_is_brought_back_works_again() {
    let here = squashed();
    let archive = std::fs::read(here.path().join(ARCHIVE)).unwrap();
    mend(&here);
    assert_eq!(prune(&here, &["--yes"]).code, 0);
    add(&here, "ledgers/better-sqlite3/after-2.sqlite", "later");
    assert_eq!(on(&here, "reconcile", &["--yes"]).code, 1);
    write(&here.path().join(ARCHIVE), archive);
    let kept = prune(&here, &["--yes"]);
    assert_eq!(kept.code, 1, "{kept:?}");
    mend(&here);
    assert_eq!(prune(&here, &["--yes"]).code, 0);
    assert!(!is_there(&here, ARCHIVE));
}
