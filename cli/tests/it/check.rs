//! `check`: whether a deploy would succeed, grouped by cause.

use serde_json::json;

use crate::support::{contents, copy, copy_of, fixtures, run, write};

#[test]
fn actors_that_are_clean_or_only_behind_can_take_the_deploy() {
    let here = copy_of("coding-agent/history", "history");
    std::fs::remove_file(here.path().join("history/actors/squashed.sqlite")).unwrap();
    let before = contents(here.path());
    let check = run(
        here.path(),
        &["check", "history/actors", "--dir", "history/chain"],
    );
    insta::assert_snapshot!(check.transcript(here.path()), @"
    exit 0
    --- stdout
    history/chain: 9 actors, 8 migrations
      ok       1  behind, pending: 0001_file_edits, 0002_churn, 0003_event_payload, 0004_checkpoints and 3 more, rehearsed on a copy of each
      ok       1  behind, pending: 0002_churn, 0003_event_payload, 0004_checkpoints, 0005_event_kinds and 2 more, rehearsed on a copy of each
      ok       1  behind, pending: 0003_event_payload, 0004_checkpoints, 0005_event_kinds, 0006_session_summary and 1 more, rehearsed on a copy of each
      ok       1  behind, pending: 0004_checkpoints, 0005_event_kinds, 0006_session_summary, 0007_append_only, rehearsed on a copy of each
      ok       1  behind, pending: 0005_event_kinds, 0006_session_summary, 0007_append_only, rehearsed on a copy of each
      ok       1  behind, pending: 0006_session_summary, 0007_append_only, rehearsed on a copy of each
      ok       1  behind, pending: 0007_append_only, rehearsed on a copy of each
      ok       1  current
      ok       1  fresh, pending: 0000_init, 0001_file_edits, 0002_churn, 0003_event_payload and 4 more
    ready: 9 actors can take this deploy
    --- stderr
    ");
    assert_eq!(contents(here.path()), before);
}

#[test]
fn a_squash_is_caught_before_the_deploy() {
    let here = copy_of("coding-agent/history", "history");
    let files = [
        "history/actors/after-8.sqlite",
        "history/actors/squashed.sqlite",
    ];
    let check = run(
        here.path(),
        &["check", files[0], files[1], "--dir", "history/squashed"],
    );
    insta::assert_snapshot!(check.transcript(here.path()), @r#"
    exit 1
    --- stdout
    history/squashed: 2 actors, 1 migration
      no       1  squashed, adoption safe
                  H206: a stock runner takes 0000_baseline for new and runs it on this actor: it fails with "table … already exists" on every wake
                  H207: 8 rows of __drizzle_migrations match no local migration: the upgrade to Drizzle 1.0 stops on them
                  history/actors/after-8.sqlite
      ok       1  current
    not ready: 1 of 2 actors cannot take this deploy
    next: actor-migrate adopt history/actors/after-8.sqlite history/actors/squashed.sqlite --dir history/squashed --dry-run
    --- stderr
    "#);
}

#[test]
fn scripts_get_counts_and_cohorts() {
    let here = copy_of("coding-agent/history", "history");
    let check = run(
        here.path(),
        &[
            "check",
            "history/actors",
            "--dir",
            "history/squashed",
            "--format",
            "json",
        ],
    );
    assert_eq!(check.code, 1);
    let answer = check.json();
    assert_eq!(
        (
            &answer["schema_version"],
            &answer["ready"],
            &answer["actors"]
        ),
        (&json!(1), &json!(false), &json!(10))
    );
    assert_eq!(
        answer["counts"],
        json!({"current": 1, "fresh": 1, "squashed": 1, "squashed-behind": 7})
    );
    let cohorts = answer["cohorts"].as_array().unwrap();
    let counted: u64 = cohorts
        .iter()
        .map(|cohort| cohort["count"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 10);
    assert!(
        cohorts
            .iter()
            .all(|cohort| cohort["examples"].is_array() && cohort["blocks"].is_boolean())
    );
}

#[test]
fn a_folder_alone_is_checked_by_replay() {
    let here = copy_of("coding-agent/history/chain", "chain");
    let check = run(here.path(), &["check", "--dir", "chain"]);
    insta::assert_snapshot!(check.transcript(here.path()), @"
    exit 0
    --- stdout
    chain: 0 actors, 8 migrations
    ready: the migrations run; no actor was looked at
    --- stderr
    ");
}

#[test]
fn a_migration_that_cannot_run_is_shown_with_a_caret() {
    let here = copy_of("coding-agent/history/chain", "chain");
    let file = here.path().join("chain/0001_file_edits.sql");
    let sql = std::fs::read_to_string(&file).unwrap();
    write(&file, sql.replacen("CREATE TABLE", "CREATE TABEL", 1));
    let check = run(here.path(), &["check", "--dir", "chain"]);
    insta::assert_snapshot!(check.transcript(here.path()), @r#"
    exit 2
    --- stdout
    --- stderr
    error[M120]: statement 1 fails on a fresh database: near "TABEL": syntax error
     --> chain/0001_file_edits.sql:1:8
      |
    1 | CREATE TABEL `event_tags` (
      |        ^^^^^ near "TABEL": syntax error
      |
      = help: mend the statement named; `actor-migrate lint` checks the whole folder
    "#);
}

/// Symptom: a migration is right on an empty database and fails on rows that some actors have. Only a rehearsal
/// on their data shows it before the deploy.
#[test]
fn a_migration_that_fails_on_real_rows_is_caught_by_the_rehearsal() {
    let here = copy_of("coding-agent/workspace", "workspace");
    let chain = here.path().join("workspace/chain");
    let journal = std::fs::read_to_string(chain.join("meta/_journal.json")).unwrap();
    let mut journal: serde_json::Value = serde_json::from_str(&journal).unwrap();
    let entry = json!({"idx": 7, "version": "6", "when": 1_773_000_000_000_u64, "tag": "0007_one_branch", "breakpoints": true});
    journal["entries"].as_array_mut().unwrap().push(entry);
    write(&chain.join("meta/_journal.json"), journal.to_string());
    write(
        &chain.join("0007_one_branch.sql"),
        "CREATE UNIQUE INDEX `one_branch` ON `repositories` (`default_branch`);\n",
    );
    let check = run(
        here.path(),
        &[
            "check",
            "workspace/actors/after-7.sqlite",
            "--dir",
            "workspace/chain",
        ],
    );
    insta::assert_snapshot!(check.transcript(here.path()), @"
    exit 1
    --- stdout
    workspace/chain: 1 actor, 8 migrations
      no       1  behind, pending: 0007_one_branch, fails on a copy of its data
                  M152: statement 1 fails: UNIQUE constraint failed: repositories.default_branch (workspace/chain/0007_one_branch.sql:1:1)
                  workspace/actors/after-7.sqlite
    not ready: 1 of 1 actor cannot take this deploy
    next: actor-migrate inspect workspace/actors/after-7.sqlite --dir workspace/chain
    --- stderr
    ");
}

#[test]
fn a_stale_generated_file_stands_against_a_deploy() {
    let here = copy_of(
        "coding-agent/history/chain",
        "src/actors/history/db/drizzle",
    );
    let drizzle = "src/actors/history/db/drizzle";
    assert_eq!(run(here.path(), &["generate"]).code, 0);
    assert_eq!(run(here.path(), &["check", "--dir", drizzle]).code, 0);
    let edited = here.path().join(drizzle).join("0007_append_only.sql");
    write(
        &edited,
        format!(
            "{}\n-- a comment\n",
            std::fs::read_to_string(&edited).unwrap()
        ),
    );
    let check = run(here.path(), &["check", "--dir", drizzle]);
    insta::assert_snapshot!(check.transcript(here.path()), @"
    exit 1
    --- stdout
    src/actors/history/db/drizzle: 0 actors, 8 migrations
      no  src/actors/history/db/migrations.ts is stale
    not ready: 1 generated file stale
    next: actor-migrate generate
    --- stderr
    ");
}

#[test]
fn what_cannot_be_read_is_a_cohort_beside_the_others() {
    let here = copy_of("coding-agent/workspace", "workspace");
    for name in ["truncated.sqlite", "not-a-database.sqlite"] {
        copy(
            &fixtures().join("incidents").join(name),
            &here.path().join("mixed").join(name),
        );
    }
    copy(
        &here.path().join("workspace/actors/after-7.sqlite"),
        &here.path().join("mixed/fine.sqlite"),
    );
    let check = run(here.path(), &["check", "mixed", "--dir", "workspace/chain"]);
    insta::assert_snapshot!(check.transcript(here.path()), @"
    exit 1
    --- stdout
    workspace/chain: 3 actors, 7 migrations
      no       1  unreadable, adoption refuse
                  C113: this is no SQLite database
                  mixed/not-a-database.sqlite
      no       1  unreadable, adoption refuse
                  C114: SQLite cannot read this: database disk image is malformed
                  mixed/truncated.sqlite
      ok       1  current
    not ready: 2 of 3 actors cannot take this deploy
    next: actor-migrate inspect mixed/not-a-database.sqlite --dir workspace/chain
    --- stderr
    ");
}

#[test]
fn an_edited_release_and_an_error_in_what_is_new_stand_against_a_deploy() {
    let here = copy_of("coding-agent/history/chain", "chain");
    assert_eq!(run(here.path(), &["hash", "--dir", "chain"]).code, 0);
    assert_eq!(run(here.path(), &["check", "--dir", "chain"]).code, 0);
    let edited = here.path().join("chain/0002_churn.sql");
    let text = std::fs::read_to_string(&edited).unwrap();
    write(&edited, format!("{text}-- a word more\n"));
    let journal = here.path().join("chain/meta/_journal.json");
    let text = std::fs::read_to_string(&journal).unwrap();
    let mut parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entry = json!({"idx": 8, "version": "6", "when": 1_790_000_000_000_u64, "tag": "0008_new", "breakpoints": true});
    parsed["entries"].as_array_mut().unwrap().push(entry);
    write(&journal, parsed.to_string());
    write(
        &here.path().join("chain/0008_new.sql"),
        "ALTER TABLE `events` ADD `weight` integer NOT NULL;\n",
    );
    let check = run(here.path(), &["check", "--dir", "chain"]);
    insta::assert_snapshot!(check.transcript(here.path()), @"
    exit 1
    --- stdout
    chain: 0 actors, 9 migrations
      no  L101: 0002_churn was released with another text (chain/migrations.lock:4) (chain/0002_churn.sql)
      no  L120: fails on every actor that has a row in the table: Cannot add a NOT NULL column with default value NULL (chain/0008_new.sql:1:1)
    not ready: 2 findings about the migrations
    next: actor-migrate lint --dir chain
    --- stderr
    ");
}
