//! Several actors in one file, each with its own ledger: what is done to one never shows in the others.

use std::path::Path;

use rusqlite::Connection;

use crate::support::{Run, copy_of, fixtures, folder, run, write};

/// One empty database that the notes and the tasks of a backend are to share.
fn shared() -> tempfile::TempDir {
    let here = copy_of("ledgers/chain", "notes");
    for (from, to) in [
        ("ledgers/squashed", "notes-squashed"),
        ("coding-agent/task/chain", "tasks"),
    ] {
        crate::support::copy(&fixtures().join(from), &here.path().join(to));
    }
    let fresh = std::fs::read(fixtures().join("coding-agent/task/actors/fresh.sqlite")).unwrap();
    write(&here.path().join("files/backend.sqlite"), fresh);
    follow(here.path(), "notes");
    here
}

/// The configuration, with the folder that the notes follow.
fn follow(here: &Path, notes: &str) {
    let text = format!(
        "[[fleet]]\nname = \"notes\"\ndir = \"{notes}\"\nnamespace = \"Notes\"\nfiles = \"files\"\n\n\
         [[fleet]]\nname = \"tasks\"\ndir = \"tasks\"\nnamespace = \"task-runner\"\nfiles = \"files\"\n"
    );
    write(&here.join("actor-migrate.toml"), text);
}

fn rows(here: &Path, table: &str) -> i64 {
    let db = Connection::open(here.join("files/backend.sqlite")).unwrap();
    db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })
    .unwrap()
}

fn told(here: &Path, args: &[&str]) -> String {
    run(here, args).transcript(here)
}

#[test]
fn two_actors_share_a_file_and_each_is_migrated_adopted_and_undone_by_itself() {
    let shared = shared();
    let here = shared.path();
    insta::assert_snapshot!(told(here, &["check"]), @"
    exit 0
    --- stdout
    notes: 1 actor, 3 migrations in notes
      ok       1  fresh, pending: 0000_init, 0001_pinned, 0002_archive
    tasks: 1 actor, 8 migrations in tasks
      ok       1  fresh, pending: 0000_init, 0001_messages, 0002_tool_calls, 0003_priority_range and 4 more
    ready: 2 actors can take this deploy
    --- stderr
    ");
    insta::assert_snapshot!(told(here, &["apply", "--yes"]), @"
    exit 0
    --- stdout
    done               1  notes: fresh -> current
                          files/backend.sqlite
    done               1  tasks: fresh -> current
                          files/backend.sqlite
    apply: 2 actors, 2 done
    --- stderr
    ");
    assert_eq!(rows(here, "__foundry_migrations_notes"), 3);
    assert_eq!(rows(here, "__foundry_migrations_task_runner"), 8);
    follow(here, "notes-squashed");
    insta::assert_snapshot!(told(here, &["check"]), @r#"
    exit 1
    --- stdout
    notes: 1 actor, 2 migrations in notes-squashed
      no       1  squashed, adoption safe
                  H206: a stock runner takes 0000_baseline for new and runs it on this actor: it fails with "table … already exists" on every wake
                  H207: 2 rows of __foundry_migrations_notes match no local migration: the upgrade to Drizzle 1.0 stops on them
                  files/backend.sqlite
    tasks: 1 actor, 8 migrations in tasks
      ok       1  current
    not ready: 1 of 2 actors cannot take this deploy
    next: actor-migrate adopt --fleet notes --dry-run
    --- stderr
    "#);
    insta::assert_snapshot!(told(here, &["adopt", "--yes"]), @"
    exit 0
    --- stdout
    done               1  notes: squashed -> current
                          files/backend.sqlite
    nothing to do      1  tasks: current
    adopt: 2 actors, 1 done, 1 nothing to do
    --- stderr
    ");
    assert_eq!(rows(here, "__foundry_migrations_notes"), 2);
    assert_eq!(rows(here, "__foundry_migrations_task_runner"), 8);
    insta::assert_snapshot!(told(here, &["check"]), @"
    exit 0
    --- stdout
    notes: 1 actor, 2 migrations in notes-squashed
      ok       1  current
    tasks: 1 actor, 8 migrations in tasks
      ok       1  current
    ready: 2 actors can take this deploy
    --- stderr
    ");
    let undone = run(here, &["adopt", "--undo", "--fleet", "notes", "--yes"]);
    assert_eq!(undone.code, 0, "{undone:?}");
    assert_eq!(rows(here, "__foundry_migrations_notes"), 3);
    follow(here, "notes");
    assert_eq!(run(here, &["check"]).code, 0);
}

#[test]
fn a_namespace_on_the_command_line_is_typed_again_in_what_to_do_next() {
    let shared = shared();
    let here = shared.path();
    let notes = [
        "files/backend.sqlite",
        "--dir",
        "notes",
        "--namespace",
        "Notes",
    ];
    let planned = run(here, &[&["apply"], &notes[..], &["--dry-run"]].concat());
    let next = planned.stdout.lines().last().unwrap();
    let command = next.strip_prefix("next: actor-migrate ").unwrap();
    let done = run(here, &command.split(' ').collect::<Vec<_>>());
    assert_eq!(done.code, 0, "{next}: {done:?}");
    assert_eq!(rows(here, "__foundry_migrations_notes"), 3);
}

#[test]
fn a_namespace_that_is_none_or_is_another_ones_is_refused() {
    let shared = shared();
    let here = shared.path();
    for name in ["", "--", "日本"] {
        let namespace = format!("--namespace={name}");
        let typed = [
            "inspect",
            "files/backend.sqlite",
            "--dir",
            "notes",
            &namespace,
        ];
        let refused = run(here, &typed);
        assert_eq!(refused.code, 2, "{name}: {refused:?}");
        let said = refused.stderr.contains("at least one of a-z") || name.is_empty();
        assert!(said, "{name}: {refused:?}");
    }
    let refused = |text: &str| -> Run {
        let here = folder();
        write(&here.path().join("actor-migrate.toml"), text);
        run(here.path(), &["check"])
    };
    let fleet = |name: &str, rest: &str| {
        format!("[[fleet]]\nname = \"{name}\"\ndir = \"{name}\"\n{rest}\n")
    };
    let mut said = String::new();
    for text in [
        fleet("a", "namespace = \"a-b\"\nfiles = \"f\"")
            + &fleet("b", "namespace = \"A b\"\nfiles = \"f\""),
        fleet("a", "namespace = \"--\""),
        fleet("a", "namespace = \"a\"\ntable = \"t\""),
    ] {
        let refused = refused(&text);
        assert_eq!(refused.code, 2, "{refused:?}");
        said += &refused.stderr;
    }
    insta::assert_snapshot!(said, @r#"
    error[C102]: fleet `a` has this ledger already, in the same place: __foundry_migrations_a_b
     --> actor-migrate.toml:9:13
      |
    9 | namespace = "A b"
      |             ^^^^^
      |
      = help: correct the file; for its format: actor-migrate explain C102
    error[C102]: a namespace has at least one of a-z and 0-9
     --> actor-migrate.toml:4:13
      |
    4 | namespace = "--"
      |             ^^^^
      |
      = help: correct the file; for its format: actor-migrate explain C102
    error[C102]: fleet `a` names both a table and a namespace
    --> actor-migrate.toml
     = help: correct the file; for its format: actor-migrate explain C102
    "#);
}
