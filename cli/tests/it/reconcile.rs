//! `reconcile`: shows its SQL, loses nothing unasked, and is done when it is done.

use crate::support::{contents, copy, copy_of, fixtures, folder, rows, run, write};

const DRIFTED: &str = "incidents/drifted.sqlite";

fn drifted() -> tempfile::TempDir {
    let here = copy_of("incidents", "incidents");
    let chain = fixtures().join("coding-agent/workspace/chain");
    copy(&chain, &here.path().join("chain"));
    here
}

#[test]
fn a_loss_is_refused_by_name_and_nothing_is_changed() {
    let here = drifted();
    let before = contents(here.path());
    let refused = run(
        here.path(),
        &["reconcile", DRIFTED, "--dir", "chain", "--yes"],
    );
    insta::assert_snapshot!(refused.transcript(here.path()), @"
    exit 1
    --- stdout
    --- stderr
    error[M175]: mending needs a person to accept drop-column:repositories.jira_key (the values of repositories.jira_key would be lost)
    --> incidents/drifted.sqlite
     = help: accept each with `--allow <name>`, or save what would be lost and run it again
    ");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn what_is_shown_is_what_runs() {
    let here = drifted();
    let allow = "drop-column:repositories.jira_key";
    let typed = ["reconcile", DRIFTED, "--dir", "chain", "--allow", allow];
    let with = |more: &[&str]| run(here.path(), &[&typed, more].concat());
    let before = contents(here.path());
    let shown = with(&["--dry-run"]);
    insta::assert_snapshot!(shown.transcript(here.path()), @r#"
    exit 0
    --- stdout
    plan: reconcile incidents/drifted.sqlite, which is drifted
      PRAGMA foreign_keys = OFF; -- outside the transaction
      CREATE TEMP TABLE "__actor_migrate_held" AS SELECT +rowid AS c0, +"id" AS c1, +"slug" AS c2, +"remote_url" AS c3, +"default_branch" AS c4, +"created_at" AS c5, +"archived_at" AS c6 FROM main."repositories";
      DROP TABLE main."repositories";
      CREATE TABLE `repositories` (
      	`id` text PRIMARY KEY NOT NULL,
      	`slug` text NOT NULL,
      	`remote_url` text NOT NULL,
      	`default_branch` text DEFAULT 'main' NOT NULL,
      	`created_at` integer DEFAULT (unixepoch() * 1000) NOT NULL
      , `archived_at` integer);
      INSERT INTO main."repositories" (rowid, "id", "slug", "remote_url", "default_branch", "created_at", "archived_at") SELECT c0, c1, c2, c3, c4, c5, c6 FROM temp."__actor_migrate_held";
      SELECT count(*) FROM (SELECT typeof(c0), c0, typeof(c1), c1, typeof(c2), c2, typeof(c3), c3, typeof(c4), c4, typeof(c5), c5, typeof(c6), c6, 1 FROM temp."__actor_migrate_held" EXCEPT SELECT typeof(rowid), rowid, typeof("id"), "id", typeof("slug"), "slug", typeof("remote_url"), "remote_url", typeof("default_branch"), "default_branch", typeof("created_at"), "created_at", typeof("archived_at"), "archived_at", 1 FROM main."repositories"); -- must be 0
      DROP TABLE temp."__actor_migrate_held";
      CREATE UNIQUE INDEX `repositories_slug_unique` ON `repositories` (`slug`);
    digest: <sha256>
    next: actor-migrate reconcile --allow drop-column:repositories.jira_key incidents/drifted.sqlite --dir chain --plan <sha256> --yes
    --- stderr
    "#);
    assert_eq!(contents(here.path()), before);
    let digest = shown.stdout.split("digest: ").nth(1).unwrap();
    let digest = digest.lines().next().unwrap();
    let other = with(&["--plan", &"0".repeat(64), "--yes"]);
    assert_eq!(other.code, 2, "{other:?}");
    assert_eq!(contents(here.path()), before);
    let done = with(&["--plan", digest, "--yes"]);
    insta::assert_snapshot!(done.transcript(here.path()), @"
    exit 0
    --- stdout
    done: reconcile incidents/drifted.sqlite, drifted -> current
    --- stderr
    ");
    let again = with(&["--yes"]);
    insta::assert_snapshot!(again.stdout, @"nothing to do: incidents/drifted.sqlite is current");
}

#[test]
fn a_lost_foreign_key_action_comes_back_with_every_row() {
    let here = copy_of("fk-action-lost", "review");
    let actor = "review/actors/after-7.sqlite";
    let before = rows(&here.path().join(actor));
    let typed = ["reconcile", actor, "--dir", "review/squashed"];
    let done = run(here.path(), &[&typed[..], &["--yes"]].concat());
    insta::assert_snapshot!(done.transcript(here.path()), @"
    exit 0
    --- stdout
    done: reconcile review/actors/after-7.sqlite, squashed -> current
    --- stderr
    ");
    assert_eq!(rows(&here.path().join(actor)), before);
    let again = run(
        here.path(),
        &[&typed[..], &["--yes", "--format", "json"]].concat(),
    );
    let again = again.json();
    assert_eq!(again["changed"], false);
    assert_eq!(again["fingerprint"], again["expected_fingerprint"]);
}

#[test]
fn a_repair_that_fails_on_a_copy_never_touches_the_actor() {
    let here = drifted();
    let conn = rusqlite::Connection::open(here.path().join(DRIFTED)).unwrap();
    conn.execute_batch(
        "ALTER TABLE repositories DROP COLUMN jira_key; DROP INDEX repositories_slug_unique;
         INSERT INTO repositories (id, slug, remote_url) VALUES ('x', 'twice', 'u'), ('y', 'twice', 'u')",
    )
    .unwrap();
    drop(conn);
    let before = contents(here.path());
    let failed = run(
        here.path(),
        &["reconcile", DRIFTED, "--dir", "chain", "--yes"],
    );
    insta::assert_snapshot!(failed.transcript(here.path()), @"
    exit 1
    --- stdout
    --- stderr
    error[M176]: mending index repositories_slug_unique fails: UNIQUE constraint failed: repositories.slug
    --> incidents/drifted.sqlite
     = help: change the rows that SQLite names, then run it again
    ");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn a_folder_of_actors_is_reconciled_by_cohort() {
    let here = copy_of("fk-action-lost", "review");
    let typed = ["reconcile", "review/actors", "--dir", "review/squashed"];
    let done = run(here.path(), &[&typed[..], &["--yes"]].concat());
    insta::assert_snapshot!(done.transcript(here.path()), @"
    exit 1
    --- stdout
    refused            1  squashed-behind
                          review/actors/after-4.sqlite
                          M170: the old chain that this actor ran is not known
                          name the old folder, or the last git revision that had it: `--history <revision or folder>`
    done               1  squashed -> current
                          review/actors/after-7.sqlite
    nothing to do      1  current
    nothing to do      1  fresh
    reconcile: 4 actors, 1 refused, 1 done, 2 nothing to do
    --- stderr
    ");
}

/// The same on actors that live in a store: shown first, then run exactly so, and once.
#[test]
fn an_actor_of_a_store_is_mended_where_it_lives() {
    let here = drifted();
    let store = ["--dir", "chain", "--store", "actors.store"];
    for (file, id) in [
        (DRIFTED, "team/drifted"),
        ("incidents/unjournaled.sqlite", "team/unjournaled"),
    ] {
        let import = ["store", "import", file, "--id", id, "--create"];
        let imported = run(here.path(), &[&import[..], &store[2..]].concat());
        assert_eq!(imported.code, 0, "{imported:?}");
    }
    let allow = ["--allow", "drop-column:repositories.jira_key"];
    let one = |more: &[&str]| {
        let typed = ["reconcile", "team/drifted"];
        run(here.path(), &[&typed[..], &store, more].concat())
    };
    let refused = one(&["--yes"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let shown = one(&[&allow[..], &["--dry-run"]].concat());
    let digest = shown.stdout.split("digest: ").nth(1).unwrap();
    let digest = digest.lines().next().unwrap();
    let done = one(&[&allow[..], &["--plan", digest, "--yes"]].concat());
    insta::assert_snapshot!(done.transcript(here.path()), @"
    exit 0
    --- stdout
    done: reconcile team/drifted, drifted -> current
    --- stderr
    ");
    let all = run(here.path(), &[&["reconcile", "--yes"], &store[..]].concat());
    insta::assert_snapshot!(all.transcript(here.path()), @"
    exit 1
    --- stdout
    refused            1  unjournaled
                          team/unjournaled
                          M141: adopting needs a person to accept data:0003_seed_agent_members
                          read what is named and pass `--allow NAME` for each, or `--allow KIND` for all of a kind
    nothing to do      1  current
    reconcile: 2 actors, 1 refused, 1 nothing to do
    --- stderr
    ");
}

#[test]
fn what_no_sql_can_mend_is_told_and_nothing_is_changed() {
    let here = folder();
    let journal =
        r#"{"dialect":"sqlite","entries":[{"idx":0,"when":1700000000000,"tag":"0000_notes"}]}"#;
    write(&here.path().join("drizzle/meta/_journal.json"), journal);
    let sql = "CREATE VIRTUAL TABLE notes USING fts5(title, body);";
    write(&here.path().join("drizzle/0000_notes.sql"), sql);
    let actor = here.path().join("actor.sqlite");
    rusqlite::Connection::open(&actor)
        .unwrap()
        .execute_batch("VACUUM")
        .unwrap();
    let applied = run(
        here.path(),
        &["apply", "actor.sqlite", "--dir", "drizzle", "--yes"],
    );
    assert_eq!(applied.code, 0, "{applied:?}");
    let conn = rusqlite::Connection::open(&actor).unwrap();
    conn.execute_batch("DROP TABLE notes; CREATE VIRTUAL TABLE notes USING fts5(title)")
        .unwrap();
    drop(conn);
    let before = contents(here.path());
    let refused = run(
        here.path(),
        &["reconcile", "actor.sqlite", "--dir", "drizzle", "--yes"],
    );
    insta::assert_snapshot!(refused.transcript(here.path()), @"
    exit 1
    --- stdout
    --- stderr
    error[M178]: table notes cannot be mended: SQL cannot be derived for a definition of this sort
    --> actor.sqlite
     = help: write a migration that makes the object anew, or change it by hand
    ");
    assert_eq!(contents(here.path()), before);
}
