//! `squash`: shows all of it first, exchanges the folder whole, and says who is left behind.

use std::path::Path;

use crate::support::{Run, contents, copy, copy_of, fixtures, run, write};

/// A folder of Drizzle 0.x as drizzle-kit wrote it, with three migrations.
fn chain() -> tempfile::TempDir {
    copy_of("ledgers/chain", "drizzle")
}

fn squash(here: &tempfile::TempDir, more: &[&str]) -> Run {
    run(
        here.path(),
        &[&["squash", "--dir", "drizzle"], more].concat(),
    )
}

fn transcript(run: &Run, here: &tempfile::TempDir) -> String {
    run.transcript(here.path())
}

#[test]
fn a_dry_run_shows_the_baseline_and_every_file_and_changes_none() {
    let here = chain();
    let before = contents(here.path());
    let shown = squash(&here, &["--to", "0001_pinned", "--dry-run"]);
    insta::assert_snapshot!(transcript(&shown, &here), @"
    exit 0
    --- stdout
    would squash: 2 migrations of drizzle into 0000_baseline
      proved    schema E0, no rows to carry
      added     0000_baseline.sql
      removed   0000_init.sql
      removed   0001_pinned.sql
      rewritten meta/0000_snapshot.json
      removed   meta/0001_snapshot.json
      rewritten meta/_journal.json
      rewritten migrations.js
      added     squashed/0000_baseline.json
      added     squashed/0000_baseline.tar.gz
    the baseline:
      CREATE TABLE `notes` (
      	`id` integer PRIMARY KEY NOT NULL,
      	`body` text NOT NULL
      , `pinned` integer DEFAULT false NOT NULL);
    next: actor-migrate squash --dir drizzle --to 0001_pinned --yes
    --- stderr
    ");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn a_squash_of_a_0_x_folder_says_what_it_did_and_a_second_one_has_nothing_to_do() {
    let here = chain();
    let done = squash(&here, &["--yes", "--name", "v2"]);
    insta::assert_snapshot!(transcript(&done, &here), @"
    exit 0
    --- stdout
    squashed: 3 migrations of drizzle into 0000_v2
      proved    schema E0, no rows to carry
      removed   0000_init.sql
      added     0000_v2.sql
      removed   0001_pinned.sql
      removed   0002_archive.sql
      rewritten meta/0000_snapshot.json
      removed   meta/0001_snapshot.json
      removed   meta/0002_snapshot.json
      rewritten meta/_journal.json
      rewritten migrations.js
      added     squashed/0000_v2.json
      added     squashed/0000_v2.tar.gz
    next: actor-migrate check --dir drizzle
    --- stderr
    ");
    let before = contents(here.path());
    let again = squash(&here, &["--yes"]);
    insta::assert_snapshot!(transcript(&again, &here), @"
    exit 2
    --- stdout
    --- stderr
    error[M162]: drizzle cannot be squashed: only one migration would be replaced
    --> drizzle
     = help: mend what is named, or name another last migration with `--to`
    ");
    assert_eq!(contents(here.path()), before);
    let checked = run(here.path(), &["check", "--dir", "drizzle"]);
    assert_eq!(checked.code, 0, "{checked:?}");
}

#[test]
fn a_squash_of_a_1_0_folder_keeps_the_last_name_and_names_the_actors_that_are_behind() {
    let here = copy_of("drizzle-1/chain", "drizzle");
    for actor in ["after-4", "after-7"] {
        let file = format!("{actor}.sqlite");
        let from = fixtures().join("drizzle-1/actors").join(&file);
        copy(&from, &here.path().join("actors").join(file));
    }
    let done = squash(&here, &["actors", "--yes"]);
    insta::assert_snapshot!(transcript(&done, &here), @"
    exit 0
    --- stdout
    squashed: 7 migrations of drizzle into 20260301005412_open_threads
      proved    schema E0, no rows to carry
      removed   20260105103012_init/migration.sql
      removed   20260105103012_init/snapshot.json
      removed   20260114125412_comments/migration.sql
      removed   20260114125412_comments/snapshot.json
      removed   20260123151812_threads/migration.sql
      removed   20260123151812_threads/snapshot.json
      removed   20260201174212_reviewers/migration.sql
      removed   20260201174212_reviewers/snapshot.json
      removed   20260210200612_replies/migration.sql
      removed   20260210200612_replies/snapshot.json
      removed   20260219223012_verdicts/migration.sql
      removed   20260219223012_verdicts/snapshot.json
      rewritten 20260301005412_open_threads/migration.sql
      rewritten 20260301005412_open_threads/snapshot.json
      rewritten migrations.js
      added     squashed/20260301005412_open_threads.json
      added     squashed/20260301005412_open_threads.tar.gz
    squashed-behind: 1 of 2 actors have not run all of it: actors/after-4.sqlite
      stock runners fail on them; actor-migrate reconcile brings them on from the archive
    next: actor-migrate check actors --dir drizzle
    --- stderr
    ");
    let actors = run(
        here.path(),
        &["reconcile", "actors", "--dir", "drizzle", "--dry-run"],
    );
    assert_ne!(actors.code, 2, "{actors:?}");
}

#[test]
fn nobody_to_ask_is_an_error_and_changes_nothing() {
    let here = chain();
    let before = contents(here.path());
    insta::assert_snapshot!(transcript(&squash(&here, &[]), &here), @"
    exit 2
    --- stdout
    --- stderr
    error[C131]: this folder would be changed, and nobody can be asked
    --> drizzle
     = help: look with --dry-run, then run it with --yes
    ");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn rows_by_the_clock_are_refused_until_a_person_accepts_them() {
    let here = chain();
    let seed = here.path().join("drizzle/0002_archive.sql");
    let mut sql = std::fs::read_to_string(&seed).expect("a migration");
    sql.push_str(
        "--> statement-breakpoint\nCREATE TABLE born (at);\n\
         --> statement-breakpoint\nINSERT INTO born VALUES (unixepoch());\n",
    );
    write(&seed, sql);
    let before = contents(here.path());
    insta::assert_snapshot!(transcript(&squash(&here, &["--yes"]), &here), @"
    exit 2
    --- stdout
    --- stderr
    error[M165]: the rows that 0002_archive writes into born are other ones in each new database
    --> drizzle
     = help: squash up to the migration before it with `--to`, or accept it with `--allow nondeterministic`
    ");
    assert_eq!(contents(here.path()), before);
    let accepted = squash(
        &here,
        &["--yes", "--allow", "nondeterministic", "--format", "json"],
    );
    assert_eq!(accepted.code, 0, "{accepted:?}");
    let waivers = &accepted.json()["certificate"]["waivers"];
    assert_eq!(*waivers, serde_json::json!(["nondeterministic"]));
}

#[test]
fn the_answer_for_scripts_has_the_certificate_that_is_written() {
    let here = chain();
    let done = squash(&here, &["--yes", "--format", "json"]).json();
    let written = here.path().join("drizzle/squashed/0000_baseline.json");
    let written = std::fs::read(written).expect("a certificate");
    let written: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(done["certificate"], written);
    assert_eq!(done["written"], true);
    assert_eq!(done["certificate"]["level"], "E0");
}

#[test]
fn an_interrupted_squash_is_told_by_every_verb_and_finished_by_the_next_squash() {
    let here = chain();
    let (folder, old) = (here.path().join("drizzle"), ".drizzle.actor-migrate-old");
    std::fs::rename(&folder, here.path().join(old)).expect("a rename");
    let checked = run(here.path(), &["check", "--dir", "drizzle"]);
    insta::assert_snapshot!(transcript(&checked, &here), @"
    exit 2
    --- stdout
    --- stderr
    error[M168]: drizzle is not there, because a squash of it was interrupted
    --> drizzle
     = help: run `actor-migrate squash` again: it finishes this first
    ");
    let shown = squash(&here, &["--dry-run"]);
    assert_eq!(shown.code, 2, "a dry run changes nothing: {shown:?}");
    let done = squash(&here, &["--yes"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("interrupted"), "{done:?}");
    assert!(!Path::new(&here.path().join(old)).exists());
}

#[test]
fn several_folders_at_once_are_too_many() {
    let here = chain();
    let config =
        "[[fleet]]\nname = \"a\"\ndir = \"drizzle\"\n[[fleet]]\nname = \"b\"\ndir = \"drizzle\"\n";
    write(&here.path().join("actor-migrate.toml"), config);
    let said = run(here.path(), &["squash", "--dry-run"]);
    insta::assert_snapshot!(transcript(&said, &here), @"
    exit 2
    --- stdout
    --- stderr
    error[C130]: a squash is of one folder; 2 are asked for
     |
     = help: name one of a, b: --fleet <name>
    ");
}

#[test]
fn a_lock_of_released_migrations_lives_through_a_squash_in_both_formats() {
    for fixture in ["ledgers/chain", "drizzle-1/chain"] {
        let here = copy_of(fixture, "drizzle");
        let hash =
            |more: &[&str]| run(here.path(), &[&["hash", "--dir", "drizzle"], more].concat());
        assert_eq!(hash(&[]).code, 0, "{fixture}");
        assert_eq!(squash(&here, &["--yes"]).code, 0, "{fixture}");
        let checked = run(here.path(), &["check", "--dir", "drizzle"]);
        assert_eq!(checked.code, 0, "{fixture}: {checked:?}");
        assert_eq!(hash(&[]).code, 0, "{fixture}");
        let verified = hash(&["--check"]);
        assert_eq!(verified.code, 0, "{fixture}: {verified:?}");
        let lock = std::fs::read_to_string(here.path().join("drizzle/migrations.lock"));
        let lines = lock.expect("a lock");
        assert_eq!(
            lines.lines().count(),
            2,
            "a comment and the baseline: {lines}"
        );
    }
}

#[test]
fn check_recomputes_certificates_and_stops_a_deploy_whose_baseline_was_edited() {
    let here = chain();
    assert_eq!(squash(&here, &["--yes"]).code, 0);
    let baseline = here.path().join("drizzle/0000_baseline.sql");
    let sql = std::fs::read_to_string(&baseline).expect("a baseline");
    write(
        &baseline,
        sql.replace("`body` text NOT NULL", "`body` text"),
    );
    let checked = run(here.path(), &["check", "--dir", "drizzle"]);
    insta::assert_snapshot!(transcript(&checked, &here), @r"
    exit 1
    --- stdout
    drizzle: 0 actors, 1 migration
      no  L304: 0000_baseline was edited after it was certified (drizzle/0000_baseline.sql)
    not ready: 1 finding about the migrations
    next: actor-migrate lint --dir drizzle
    --- stderr
    ");
    write(&baseline, sql);
    std::fs::remove_file(here.path().join("drizzle/squashed/0000_baseline.tar.gz"))
        .expect("an archive");
    let checked = run(here.path(), &["check", "--dir", "drizzle"]);
    insta::assert_snapshot!(transcript(&checked, &here), @r"
    exit 1
    --- stdout
    drizzle: 0 actors, 1 migration
      no  L302: drizzle/squashed/0000_baseline.tar.gz cannot be used as an archive: there is no such file (drizzle/squashed/0000_baseline.tar.gz)
    not ready: 1 finding about the migrations
    next: actor-migrate lint --dir drizzle
    --- stderr
    ");
}
