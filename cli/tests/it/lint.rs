//! `lint`: findings with their line, for people and for scripts.

use std::path::Path;

use serde_json::json;

use crate::support::{Run, contents, copy_of, fixtures, folder, run, write};

/// A folder with one table and a second migration.
fn project(second: &str) -> tempfile::TempDir {
    let here = folder();
    let dir = here.path().join("drizzle");
    let entry = |idx: u64, tag: &str| json!({"idx": idx, "version": "6", "when": 1_700_000_000_000_u64 + idx, "tag": tag, "breakpoints": true});
    let journal = json!({"version": "7", "dialect": "sqlite", "entries": [entry(0, "0000_init"), entry(1, "0001_next")]});
    write(&dir.join("meta/_journal.json"), journal.to_string());
    let first = "CREATE TABLE `users` (`id` integer PRIMARY KEY, `name` text);\n--> statement-breakpoint\n\
         CREATE TABLE `posts` (`id` integer PRIMARY KEY, `user` integer REFERENCES `users`(`id`) ON DELETE CASCADE);\n";
    write(&dir.join("0000_init.sql"), first);
    write(&dir.join("0001_next.sql"), second);
    here
}

fn lint(here: &Path, args: &[&str]) -> Run {
    run(here, &[&["lint", "--dir", "drizzle"], args].concat())
}

const REBUILD: &str = "PRAGMA foreign_keys=OFF;\n--> statement-breakpoint\n\
     CREATE TABLE `__new_users` (`id` integer PRIMARY KEY, `name` text NOT NULL);\n--> statement-breakpoint\n\
     INSERT INTO `__new_users`(\"id\", \"name\") SELECT \"id\", \"name\" FROM `users`;\n--> statement-breakpoint\n\
     DROP TABLE `users`;\n--> statement-breakpoint\n\
     ALTER TABLE `__new_users` RENAME TO `users`;\n--> statement-breakpoint\n\
     PRAGMA foreign_keys=ON;\n";

#[test]
fn the_rebuild_of_a_parent_is_shown_where_it_loses_the_children() {
    let here = project(REBUILD);
    let before = contents(here.path());
    insta::assert_snapshot!(lint(here.path(), &[]).transcript(here.path()), @r#"
    exit 1
    --- stdout
    warning[L122]: users.name is NOT NULL now: the copy fails on rows that are not so
     --> drizzle/0001_next.sql:5:1
      |
    5 | INSERT INTO `__new_users`("id", "name") SELECT "id", "name" FROM `users`;
      | ^^^^^^
      |
      = help: copy `coalesce(column, <value>)`, or rehearse it on real data with `actor-migrate check`

    error[L131]: dropping users with foreign keys on also deletes the rows of posts; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
     --> drizzle/0001_next.sql:7:1
      |
    7 | DROP TABLE `users`;
      | ^^^^
      |
      = help: let `actor-migrate apply` or the wake run it, which switch foreign keys off outside the transaction; or write the change without a rebuild

    1 error, 1 warning: drizzle: 2 migrations
    --- stderr
    "#);
    assert_eq!(contents(here.path()), before, "lint changes nothing");
}

#[test]
fn warnings_alone_are_no_failure_until_they_are_denied() {
    let here = project("DELETE FROM `posts`;\n");
    insta::assert_snapshot!(lint(here.path(), &[]).transcript(here.path()), @"
    exit 0
    --- stdout
    warning[L112]: deletes every row: the DELETE has no WHERE
     --> drizzle/0001_next.sql:1:1
      |
    1 | DELETE FROM `posts`;
      | ^^^^^^
      |
      = help: narrow it by a WHERE, or allow it with a reason

    1 warning: drizzle: 2 migrations
    --- stderr
    ");
    let code = |args: &[&str]| lint(here.path(), args).code;
    assert_eq!(code(&["--deny", "warnings"]), 1);
    assert_eq!(code(&["--deny", "l112"]), 1);
    assert_eq!(code(&["--deny", "L110"]), 0);
    let allowed = lint(
        here.path(),
        &["--deny", "warnings", "--allow", "L112:0001_next"],
    );
    insta::assert_snapshot!(allowed.transcript(here.path()), @"
    exit 0
    --- stdout
    clean: drizzle: 2 migrations
    --- stderr
    ");
}

#[test]
fn a_comment_without_a_reason_and_one_in_vain_are_told() {
    let here = project(
        "-- actor-migrate: allow L112\nDELETE FROM `posts`;\n-- actor-migrate: allow L110 old\n",
    );
    insta::assert_snapshot!(lint(here.path(), &[]).transcript(here.path()), @"
    exit 0
    --- stdout
    warning[L148]: L112 is not allowed by this: the comment gives no reason
     --> drizzle/0001_next.sql:1:1
      |
    1 | -- actor-migrate: allow L112
      | ^
      |
      = help: write the reason behind the code

    note[L147]: there is no L110 here to allow
     --> drizzle/0001_next.sql:3:1
      |
    3 | -- actor-migrate: allow L110 old
      | ^
      |
      = help: remove the comment, or move it directly before its statement

    warning[L112]: deletes every row: the DELETE has no WHERE
     --> drizzle/0001_next.sql:2:1
      |
    2 | DELETE FROM `posts`;
      | ^^^^^^
      |
      = help: narrow it by a WHERE, or allow it with a reason

    2 warnings, 1 note: drizzle: 2 migrations
    --- stderr
    ");
}

#[test]
fn scripts_get_every_finding_with_its_place_and_next_step() {
    let here = project(REBUILD);
    let answer = lint(here.path(), &["--format", "json"]);
    assert_eq!(answer.code, 1);
    let answer = answer.json();
    assert_eq!(
        (&answer["clean"], &answer["schema_version"]),
        (&json!(false), &json!(1))
    );
    let finding = &answer["folders"][0]["findings"][1];
    let expected = json!({"code": "L131", "severity": "error", "migration": "0001_next", "statement": 4, "line": 7, "column": 1});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&finding[key], value, "{key}");
    }
    assert!(
        finding["next"]
            .as_str()
            .unwrap()
            .contains("actor-migrate apply"),
        "{finding}"
    );
}

#[test]
fn the_configuration_allows_rules_and_knows_them() {
    let here = project("DELETE FROM `posts`;\n");
    let config = |allow: &str| {
        let text = format!(
            "[[fleet]]\nname = \"f\"\ndir = \"drizzle\"\n\n[lint]\nallow = [\"{allow}\"]\n"
        );
        write(&here.path().join("actor-migrate.toml"), text);
        run(here.path(), &["lint", "--deny", "warnings"])
    };
    assert_eq!(config("L112").code, 0);
    assert_eq!(config("L110").code, 1);
    insta::assert_snapshot!(config("L999").transcript(here.path()), @r#"
    exit 2
    --- stdout
    --- stderr
    error[C102]: there is no lint rule `L999`
     --> actor-migrate.toml:6:10
      |
    6 | allow = ["L999"]
      |          ^^^^^^
      |
      = help: correct the file; for its format: actor-migrate explain C102
    "#);
    assert_eq!(lint(here.path(), &["--allow", "M101"]).code, 2);
}

#[test]
fn a_migration_that_cannot_run_is_a_finding() {
    let here = project("CREATE TABEL `x` (`a` text);\n");
    insta::assert_snapshot!(lint(here.path(), &[]).transcript(here.path()), @r#"
    exit 1
    --- stdout
    error[L140]: fails on a fresh database, and later migrations were not run: near "TABEL": syntax error
     --> drizzle/0001_next.sql:1:8
      |
    1 | CREATE TABEL `x` (`a` text);
      |        ^^^^^
      |
      = help: mend the statement named

    1 error: drizzle: 2 migrations
    --- stderr
    "#);
}

/// What drizzle-kit wrote for the coding-agent backend and the review actor, and what people wrote beside it.
#[test]
fn of_real_folders_only_what_is_at_stake_is_told() {
    let mut told = String::new();
    for dir in [
        "coding-agent/history",
        "coding-agent/sandbox",
        "coding-agent/task",
        "coding-agent/workspace",
        "drizzle-1",
        "fk-action-lost",
        "ledgers",
    ] {
        for chain in ["chain", "squashed"] {
            let here = copy_of(&format!("{dir}/{chain}"), "drizzle");
            let answer = lint(here.path(), &["--format", "json", "--allow", "L143"]).json();
            let findings = answer["folders"][0]["findings"].as_array().unwrap();
            told += &format!("{dir}/{chain}\n");
            for finding in findings {
                let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
                told += &format!(
                    "  {} {}:{}: {}\n",
                    word("code"),
                    word("migration"),
                    finding["line"],
                    word("message")
                );
            }
        }
    }
    assert!(fixtures().is_dir());
    insta::assert_snapshot!(told, @"
    coding-agent/history/chain
      L123 0005_event_kinds:15: events has a new CONSTRAINT events_kind_known CHECK: the copy fails on rows that are not so
      L123 0005_event_kinds:15: events has a new CONSTRAINT events_payload_json CHECK: the copy fails on rows that are not so
      L131 0005_event_kinds:16: dropping events with foreign keys on also deletes the rows of event_tags; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
      L131 0005_event_kinds:16: dropping events with foreign keys on also deletes the rows of file_edits; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
      L137 0005_event_kinds:16: rebuilding events forgets its AUTOINCREMENT mark: ids of deleted rows are given again
    coding-agent/history/squashed
    coding-agent/sandbox/chain
      L122 0004_container_limits:15: containers.memory_mb is NOT NULL now: the copy fails on rows that are not so
      L123 0004_container_limits:15: containers has a new CONSTRAINT containers_memory_range CHECK: the copy fails on rows that are not so
      L131 0004_container_limits:16: dropping containers with foreign keys on also deletes the rows of ports; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
      L131 0004_container_limits:16: dropping containers with foreign keys on also deletes the rows of processes; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
    coding-agent/sandbox/squashed
    coding-agent/task/chain
      L123 0003_priority_range:13: tasks has a new CONSTRAINT tasks_finished_last CHECK: the copy fails on rows that are not so
      L123 0003_priority_range:13: tasks has a new CONSTRAINT tasks_priority_range CHECK: the copy fails on rows that are not so
      L131 0003_priority_range:14: dropping tasks with foreign keys on also deletes the rows of runs; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
      L121 0004_branches:3: the unique index tasks_active_branch_unique fails where rows of tasks are equal
    coding-agent/task/squashed
    coding-agent/workspace/chain
      L122 0004_member_roles:11: members.display_name is NOT NULL now: the copy fails on rows that are not so
      L123 0004_member_roles:11: members has a new CONSTRAINT members_role_known CHECK: the copy fails on rows that are not so
      L132 0004_member_roles:12: dropping members fails with foreign keys on where pull_requests has rows; PRAGMA foreign_keys=OFF does nothing inside a transaction
    coding-agent/workspace/squashed
    drizzle-1/chain
      L123 20260219223012_verdicts:10: reviews has a new CONSTRAINT reviews_verdict_known CHECK: the copy fails on rows that are not so
      L131 20260219223012_verdicts:11: dropping reviews with foreign keys on also deletes the rows of comments; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
      L131 20260219223012_verdicts:11: dropping reviews with foreign keys on also deletes the rows of threads; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
    drizzle-1/squashed
    fk-action-lost/chain
      L123 0005_verdicts:10: reviews has a new CONSTRAINT reviews_verdict_known CHECK: the copy fails on rows that are not so
      L131 0005_verdicts:11: dropping reviews with foreign keys on also deletes the rows of comments; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
      L131 0005_verdicts:11: dropping reviews with foreign keys on also deletes the rows of threads; PRAGMA foreign_keys=OFF does nothing inside the transaction that Drizzle and RivetKit open
    fk-action-lost/squashed
    ledgers/chain
    ledgers/squashed
    ");
}
