//! `--history`: actors half-way down a chain that was squashed by hand, in both formats.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{contents, copy, copy_of, fixtures, folder, rows, run, write};

fn git(here: &Path, args: &[&str]) {
    let who = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "init.defaultBranch=main",
    ];
    let output = Command::new("git")
        .current_dir(here)
        .args(who)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

/// A repository whose folder `db/drizzle` was `chain` when it was tagged `v1`, and is `squashed` now.
pub(crate) fn repository(fixture: &Path) -> TempDir {
    let here = folder();
    let drizzle = here.path().join("db/drizzle");
    copy(&fixture.join("chain"), &drizzle);
    git(here.path(), &["init", "-q"]);
    git(here.path(), &["add", "."]);
    git(here.path(), &["commit", "-qm", "chain"]);
    git(here.path(), &["tag", "v1"]);
    std::fs::remove_dir_all(&drizzle).unwrap();
    copy(&fixture.join("squashed"), &drizzle);
    copy(&fixture.join("actors"), &here.path().join("actors"));
    here
}

pub(crate) fn history_0x() -> TempDir {
    repository(&fixtures().join("coding-agent/history"))
}

#[test]
fn an_actor_half_way_is_inspected_by_the_revision_that_had_its_chain() {
    let here = history_0x();
    let typed = [
        "inspect",
        "actors/after-5.sqlite",
        "--dir",
        "db/drizzle",
        "--history",
        "v1",
    ];
    insta::assert_snapshot!(run(here.path(), &typed).transcript(here.path()), @r#"
    exit 0
    --- stdout
    actors/after-5.sqlite: squashed-behind, adoption refuse
      ledger       __drizzle_migrations (drizzle-0x), 5 rows
      position     5 of 8 migrations of v1:db/drizzle
      reason       3 of 8 migrations of v1:db/drizzle remain: 0005_event_kinds, 0006_session_summary, 0007_append_only
      hazards      H206: a stock runner takes 0000_baseline for new and runs it on this actor: it fails with "table … already exists" on every wake
                   H207: 5 rows of __drizzle_migrations match no local migration: the upgrade to Drizzle 1.0 stops on them
    run `actor-migrate reconcile`: it runs the rest of the old chain, then makes the ledger say so
    next: actor-migrate reconcile actors/after-5.sqlite --dir db/drizzle --history v1 --dry-run
    --- stderr
    "#);
    let json = run(here.path(), &[&typed[..], &["--format", "json"]].concat()).json();
    assert_eq!(json["old_chain"]["history"], "v1:db/drizzle");
    assert_eq!(json["old_chain"]["migrations"], 8);
}

#[test]
fn what_remains_of_the_old_chain_is_shown_and_then_run() {
    let here = history_0x();
    let actor = "actors/after-7.sqlite";
    let typed = ["reconcile", actor, "--dir", "db/drizzle", "--history", "v1"];
    let before = rows(&here.path().join(actor));
    let shown = run(here.path(), &[&typed[..], &["--dry-run"]].concat());
    insta::assert_snapshot!(shown.transcript(here.path()), @r#"
    exit 0
    --- stdout
    plan: reconcile actors/after-7.sqlite, which is squashed-behind
      CREATE TRIGGER `events_are_append_only` BEFORE UPDATE OF `seq`, `session_id`, `kind`, `payload`, `occurred_at` ON `events`
      BEGIN
      	SELECT RAISE(ABORT, 'events are append-only; write a new one');
      END;
      -- copy 7 rows of "__drizzle_migrations" to __actor_migrate_archive
      DELETE FROM "__drizzle_migrations"; -- 7 rows
      INSERT INTO "__drizzle_migrations" (hash, created_at) VALUES ('<sha256>', 1780309841093); -- 0000_baseline
    digest: <sha256>
    next: actor-migrate reconcile actors/after-7.sqlite --dir db/drizzle --history v1 --plan <sha256> --yes
    --- stderr
    "#);
    assert_eq!(rows(&here.path().join(actor)), before);
    let done = run(here.path(), &[&typed[..], &["--yes"]].concat());
    insta::assert_snapshot!(done.transcript(here.path()), @"
    exit 0
    --- stdout
    done: reconcile actors/after-7.sqlite, squashed-behind -> current
      applied 0007_append_only
    --- stderr
    ");
    let again = run(here.path(), &[&typed[..], &["--yes"]].concat());
    insta::assert_snapshot!(again.stdout, @"nothing to do: actors/after-7.sqlite is current");
}

#[test]
fn a_whole_fleet_is_checked_and_reconciled_by_cohort() {
    let here = history_0x();
    let with = |verb: &str, more: &[&str]| {
        let typed = [verb, "actors", "--dir", "db/drizzle", "--history", "v1"];
        run(here.path(), &[&typed[..], more].concat())
    };
    let check = with("check", &["--format", "json"]).json();
    assert_eq!(check["counts"]["squashed-behind"], 7);
    assert!(
        check["next"].as_str().unwrap().contains("--history v1"),
        "{check}"
    );
    let done = with("reconcile", &["--yes"]);
    insta::assert_snapshot!(done.transcript(here.path()), @"
    exit 0
    --- stdout
    done               1  squashed -> current
                          actors/after-8.sqlite
    done               1  squashed-behind -> current
                          actors/after-1.sqlite
    done               1  squashed-behind -> current
                          actors/after-2.sqlite
    done               1  squashed-behind -> current
                          actors/after-3.sqlite
    done               1  squashed-behind -> current
                          actors/after-4.sqlite
    done               1  squashed-behind -> current
                          actors/after-5.sqlite
    done               1  squashed-behind -> current
                          actors/after-6.sqlite
    done               1  squashed-behind -> current
                          actors/after-7.sqlite
    nothing to do      1  current
    nothing to do      1  fresh
    reconcile: 10 actors, 8 done, 2 nothing to do
    --- stderr
    ");
    insta::assert_snapshot!(with("check", &[]).transcript(here.path()), @"
    exit 0
    --- stdout
    db/drizzle: 10 actors, 1 migration
      ok       9  current
      ok       1  fresh, pending: 0000_baseline
    ready: 10 actors can take this deploy
    --- stderr
    ");
}

#[test]
fn drizzle_1_0_is_read_from_git_as_well() {
    let here = repository(&fixtures().join("drizzle-1"));
    let typed = [
        "reconcile",
        "actors",
        "--dir",
        "db/drizzle",
        "--history",
        "v1",
    ];
    insta::assert_snapshot!(run(here.path(), &[&typed[..], &["--dry-run"]].concat()).transcript(here.path()), @r#"
    exit 0
    --- stdout
    planned            1  squashed
                          actors/after-7.sqlite
      -- copy 7 rows of "__drizzle_migrations" to __actor_migrate_archive
      INSERT INTO "__drizzle_migrations" (hash, created_at, name) VALUES ('<sha256>', 1780309841000, '20260601103041_baseline'); -- and applied_at, the time
      digest: <sha256>
    planned            1  squashed-behind
                          actors/after-4.sqlite
      PRAGMA foreign_keys = OFF; -- outside the transaction
      ALTER TABLE `comments` ADD `reply_to` integer REFERENCES comments(id) ON DELETE SET NULL;
      CREATE TABLE `__new_reviews` (
      	`id` text PRIMARY KEY,
      	`pull_request` integer NOT NULL UNIQUE,
      	`verdict` text DEFAULT 'pending' NOT NULL,
      	`opened_at` integer NOT NULL,
      	CONSTRAINT "reviews_verdict_known" CHECK("verdict" in ('pending', 'approved', 'changes'))
      );
      INSERT INTO `__new_reviews`(`id`, `pull_request`, `verdict`, `opened_at`) SELECT `id`, `pull_request`, `verdict`, `opened_at` FROM `reviews`;
      DROP TABLE `reviews`;
      ALTER TABLE `__new_reviews` RENAME TO `reviews`;
      CREATE VIEW `open_threads` AS
      SELECT `id`, `review_id`, `path` FROM `threads` WHERE `resolved_by` IS NULL;
      -- copy 4 rows of "__drizzle_migrations" to __actor_migrate_archive
      INSERT INTO "__drizzle_migrations" (hash, created_at, name) VALUES ('<sha256>', 1780309841000, '20260601103041_baseline'); -- and applied_at, the time
      digest: <sha256>
    nothing to do      1  current
    nothing to do      1  fresh
    reconcile: 4 actors, 2 planned, 2 nothing to do
    next: actor-migrate reconcile actors --dir db/drizzle --history v1 --yes
    --- stderr
    "#);
    let done = run(here.path(), &[&typed[..], &["--yes"]].concat());
    insta::assert_snapshot!(done.transcript(here.path()), @"
    exit 0
    --- stdout
    done               1  squashed -> current
                          actors/after-7.sqlite
    done               1  squashed-behind -> current
                          actors/after-4.sqlite
    nothing to do      1  current
    nothing to do      1  fresh
    reconcile: 4 actors, 2 done, 2 nothing to do
    --- stderr
    ");
    let again = run(here.path(), &[&typed[..], &["--yes"]].concat());
    insta::assert_snapshot!(again.transcript(here.path()), @"
    exit 0
    --- stdout
    nothing to do      3  current
    nothing to do      1  fresh
    reconcile: 4 actors, 4 nothing to do
    --- stderr
    ");
}

#[test]
fn an_old_folder_is_as_good_as_a_revision_and_the_configuration_may_name_it() {
    let here = copy_of("coding-agent/history", "history");
    let actor = "history/actors/after-3.sqlite";
    let typed = [
        "status",
        actor,
        "--dir",
        "history/squashed",
        "--history",
        "history/chain",
    ];
    insta::assert_snapshot!(run(here.path(), &typed).transcript(here.path()), @"
    exit 0
    --- stdout
    FLEET  ACTORS  VERDICT          ADOPTION  PENDING  WHO
    -           1  squashed-behind  refuse          0  history/actors/after-3.sqlite
    1 actor
    --- stderr
    ");
    let config = "[[fleet]]\nname = \"history\"\ndir = \"history/squashed\"\nfiles = \"history/actors\"\n\
                  history = [\"history/chain\"]\n";
    write(&here.path().join("actor-migrate.toml"), config);
    let done = run(here.path(), &["reconcile", "--yes", "--quiet"]);
    insta::assert_snapshot!(done.stdout, @"
    done               1  history: squashed -> current
                          history/actors/after-8.sqlite
    done               1  history: squashed-behind -> current
                          history/actors/after-1.sqlite
    done               1  history: squashed-behind -> current
                          history/actors/after-2.sqlite
    done               1  history: squashed-behind -> current
                          history/actors/after-3.sqlite
    done               1  history: squashed-behind -> current
                          history/actors/after-4.sqlite
    done               1  history: squashed-behind -> current
                          history/actors/after-5.sqlite
    done               1  history: squashed-behind -> current
                          history/actors/after-6.sqlite
    done               1  history: squashed-behind -> current
                          history/actors/after-7.sqlite
    nothing to do      1  history: current
    nothing to do      1  history: fresh
    reconcile: 10 actors, 8 done, 2 nothing to do
    ");
}

#[test]
fn a_revision_that_had_the_folder_elsewhere_is_named_with_its_path() {
    let here = history_0x();
    std::fs::rename(here.path().join("db"), here.path().join("sql")).unwrap();
    let typed = |history| {
        [
            "inspect",
            "actors/after-5.sqlite",
            "--dir",
            "sql/drizzle",
            "--history",
            history,
        ]
    };
    let json = run(
        here.path(),
        &[&typed("v1:db/drizzle")[..], &["--format", "json"]].concat(),
    )
    .json();
    assert_eq!(json["old_chain"]["history"], "v1:db/drizzle");
    insta::assert_snapshot!(run(here.path(), &typed("v1")).transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C136]: the history `v1` is no folder, and git knows no such revision of this
    --> sql/drizzle
     = note: Not a valid object name v1:./
     = help: name an old folder, or a revision that has this folder: --history <revision or folder>
    ");
}

#[test]
fn a_history_that_leads_nowhere_is_one_clear_error_and_nothing_is_changed() {
    let here = history_0x();
    let before = contents(&here.path().join("actors"));
    let run_with = |history: &str| {
        let typed = [
            "reconcile",
            "actors",
            "--dir",
            "db/drizzle",
            &format!("--history={history}"),
            "--yes",
        ];
        run(here.path(), &typed).transcript(here.path())
    };
    insta::assert_snapshot!(run_with("v2"), @"
    exit 2
    --- stdout
    --- stderr
    error[C136]: the history `v2` is no folder, and git knows no such revision of this
    --> db/drizzle
     = note: Not a valid object name v2:./
     = help: name an old folder, or a revision that has this folder: --history <revision or folder>
    ");
    insta::assert_snapshot!(run_with("v1:db"), @"
    exit 2
    --- stdout
    --- stderr
    error[C137]: the history `v1:db` is no migration folder
     |
     = note: v1:db is not a migrations folder: it has neither meta/_journal.json nor migration folders
     = help: name the folder that drizzle-kit writes to (`out` in drizzle.config.ts), or run `drizzle-kit generate` first
    ");
    insta::assert_snapshot!(run_with("-v"), @"
    exit 2
    --- stdout
    --- stderr
    error[C136]: the history `-v` is no folder, and git knows no such revision of this
    --> db/drizzle
     = note: Not a valid object name -v:./
     = help: name an old folder, or a revision that has this folder: --history <revision or folder>
    ");
    insta::assert_snapshot!(run_with("actors"), @"
    exit 2
    --- stdout
    --- stderr
    error[M101]: actors is not a migrations folder: it has neither meta/_journal.json nor migration folders
    --> actors
     = help: name the folder that drizzle-kit writes to (`out` in drizzle.config.ts), or run `drizzle-kit generate` first
    ");
    assert_eq!(contents(&here.path().join("actors")), before);
}

#[test]
fn without_git_a_revision_cannot_be_read() {
    let here = history_0x();
    let output = Command::new(env!("CARGO_BIN_EXE_actor-migrate"))
        .args(["status", "actors", "--dir", "db/drizzle", "--history", "v1"])
        .current_dir(here.path())
        .env("PATH", here.path())
        .output()
        .unwrap();
    insta::assert_snapshot!(crate::support::finished(output).transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C135]: git cannot read the history `v1`
     |
     = note: No such file or directory (os error 2)
     = help: install git, or name an old folder: --history <folder>
    ");
}
