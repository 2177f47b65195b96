//! `apply` and `adopt`: only what was shown, only when agreed to, whole or not at all, and twice is safe.

use serde_json::json;

use crate::support::{contents, copy_of, rows, run, write};

const FILE: &str = "history/actors/after-8.sqlite";

#[test]
fn nothing_changes_without_a_yes() {
    let here = copy_of("coding-agent/history", "history");
    let before = contents(here.path());
    let shown = run(
        here.path(),
        &["adopt", FILE, "--dir", "history/squashed", "--dry-run"],
    );
    insta::assert_snapshot!(shown.transcript(here.path()), @r#"
    exit 0
    --- stdout
    plan: adopt history/actors/after-8.sqlite, which is squashed
      -- copy 8 rows of "__drizzle_migrations" to __actor_migrate_archive
      DELETE FROM "__drizzle_migrations"; -- 8 rows
      INSERT INTO "__drizzle_migrations" (hash, created_at) VALUES ('<sha256>', 1780309841093); -- 0000_baseline
    digest: <sha256>
    next: actor-migrate adopt history/actors/after-8.sqlite --dir history/squashed --plan <sha256> --yes
    --- stderr
    "#);
    let unasked = run(here.path(), &["adopt", FILE, "--dir", "history/squashed"]);
    insta::assert_snapshot!(unasked.stderr, @"
    error[C118]: adopt would change 1 actor, and nobody can be asked
     |
     = help: look with --dry-run, then run it with --yes
    ");
    assert_eq!((shown.code, unasked.code), (0, 2));
    assert_eq!(contents(here.path()), before);
}

#[test]
fn adopting_writes_the_ledger_and_no_row_of_the_application() {
    let here = copy_of("coding-agent/history", "history");
    let before = rows(&here.path().join(FILE));
    let adopted = run(
        here.path(),
        &["adopt", FILE, "--dir", "history/squashed", "--yes"],
    );
    insta::assert_snapshot!(adopted.transcript(here.path()), @"
    exit 0
    --- stdout
    done: adopt history/actors/after-8.sqlite, squashed -> current
    --- stderr
    ");
    assert_eq!(rows(&here.path().join(FILE)), before);
    let inspected = run(
        here.path(),
        &[
            "inspect",
            FILE,
            "--dir",
            "history/squashed",
            "--format",
            "json",
        ],
    )
    .json();
    assert_eq!(
        (&inspected["verdict"], &inspected["ledger"]["rows"]),
        (&json!("current"), &json!(1))
    );
    let after = contents(here.path());
    let again = run(
        here.path(),
        &["adopt", FILE, "--dir", "history/squashed", "--yes"],
    );
    insta::assert_snapshot!(again.transcript(here.path()), @"
    exit 0
    --- stdout
    nothing to do: history/actors/after-8.sqlite is current
    --- stderr
    ");
    assert_eq!(contents(here.path()), after);
}

#[test]
fn adoption_can_be_undone() {
    let here = copy_of("coding-agent/history", "history");
    let inspect = || {
        run(
            here.path(),
            &[
                "inspect",
                FILE,
                "--dir",
                "history/squashed",
                "--format",
                "json",
            ],
        )
        .json()["ledger"]
            .clone()
    };
    let before = inspect();
    assert_eq!(
        run(
            here.path(),
            &["adopt", FILE, "--dir", "history/squashed", "--yes"]
        )
        .code,
        0
    );
    assert_ne!(inspect(), before);
    let undone = run(
        here.path(),
        &[
            "adopt",
            FILE,
            "--dir",
            "history/squashed",
            "--undo",
            "--yes",
        ],
    );
    assert_eq!(undone.code, 0, "{undone:?}");
    assert_eq!(inspect(), before);
}

#[test]
fn a_plan_is_run_exactly_or_not_at_all() {
    let here = copy_of("coding-agent/history", "history");
    let before = contents(here.path());
    let other = run(
        here.path(),
        &[
            "apply",
            "history/actors",
            "--dir",
            "history/chain",
            "--plan",
            "0123456789abcdef",
            "--yes",
        ],
    );
    assert_eq!(other.code, 2);
    assert!(other.stderr.contains("error[C119]"), "{other:?}");
    assert_eq!(contents(here.path()), before);
    let file = "history/actors/after-5.sqlite";
    let shown = run(
        here.path(),
        &[
            "apply",
            file,
            "--dir",
            "history/chain",
            "--dry-run",
            "--format",
            "json",
        ],
    )
    .json();
    let digest = shown["plan"].as_str().unwrap();
    let applied = run(
        here.path(),
        &[
            "apply",
            file,
            "--dir",
            "history/chain",
            "--plan",
            digest,
            "--yes",
            "--format",
            "json",
        ],
    );
    let answer = applied.json();
    assert_eq!(
        (applied.code, &answer["plan"], &answer["outcome"]),
        (0, &json!(digest), &json!("done"))
    );
    assert_eq!(answer["applied"], shown["pending"]);
    assert_eq!(
        (&answer["verdict"], &answer["pending"], &answer["changed"]),
        (&json!("current"), &json!([]), &json!(true))
    );
}

#[test]
fn a_fleet_is_applied_by_cohorts_and_a_second_run_has_nothing_to_do() {
    let here = copy_of("coding-agent/history", "history");
    std::fs::remove_file(here.path().join("history/actors/squashed.sqlite")).unwrap();
    let applied = run(
        here.path(),
        &["apply", "history/actors", "--dir", "history/chain", "--yes"],
    );
    insta::assert_snapshot!(applied.transcript(here.path()), @"
    exit 0
    --- stdout
    done               1  behind -> current
                          history/actors/after-1.sqlite
    done               1  behind -> current
                          history/actors/after-2.sqlite
    done               1  behind -> current
                          history/actors/after-3.sqlite
    done               1  behind -> current
                          history/actors/after-4.sqlite
    done               1  behind -> current
                          history/actors/after-5.sqlite
    done               1  behind -> current
                          history/actors/after-6.sqlite
    done               1  behind -> current
                          history/actors/after-7.sqlite
    done               1  fresh -> current
                          history/actors/fresh.sqlite
    nothing to do      1  current
    apply: 9 actors, 8 done, 1 nothing to do
    --- stderr
    ");
    let again = run(
        here.path(),
        &["apply", "history/actors", "--dir", "history/chain", "--yes"],
    );
    insta::assert_snapshot!(again.transcript(here.path()), @"
    exit 0
    --- stdout
    nothing to do      9  current
    apply: 9 actors, 9 nothing to do
    --- stderr
    ");
}

#[test]
fn what_is_refused_stays_as_it_is_and_the_others_go_on() {
    let here = copy_of("coding-agent/history", "history");
    let behind = here.path().join("history/actors/after-3.sqlite");
    let before = std::fs::read(&behind).unwrap();
    let adopted = run(
        here.path(),
        &[
            "adopt",
            "history/actors",
            "--dir",
            "history/squashed",
            "--yes",
        ],
    );
    insta::assert_snapshot!(adopted.transcript(here.path()), @"
    exit 1
    --- stdout
    refused            7  squashed-behind
                          history/actors/after-1.sqlite, history/actors/after-2.sqlite, history/actors/after-3.sqlite and 4 more
                          M140: an actor that is squashed-behind cannot be adopted
                          run `actor-migrate reconcile --history <old folder or git revision>`: it runs the rest of the old chain
    done               1  squashed -> current
                          history/actors/after-8.sqlite
    nothing to do      1  current
    nothing to do      1  fresh
    adopt: 10 actors, 7 refused, 1 done, 2 nothing to do
    --- stderr
    ");
    assert_eq!(std::fs::read(&behind).unwrap(), before);
    let one = run(
        here.path(),
        &[
            "adopt",
            "history/actors/after-3.sqlite",
            "--dir",
            "history/squashed",
            "--yes",
            "--format",
            "json",
        ],
    );
    let answer = one.json();
    assert_eq!(
        (one.code, &answer["outcome"], &answer["verdict"]),
        (1, &json!("refused"), &json!("squashed-behind"))
    );
    assert!(
        answer["error"]["code"].is_string() && answer["error"]["next"].is_string(),
        "{answer}"
    );
}

#[test]
fn a_migration_that_fails_halfway_leaves_the_actor_as_it_was() {
    let here = copy_of("coding-agent/history", "history");
    let chain = here.path().join("history/chain");
    let journal = std::fs::read_to_string(chain.join("meta/_journal.json")).unwrap();
    let mut journal: serde_json::Value = serde_json::from_str(&journal).unwrap();
    let entry = json!({"idx": 8, "version": "6", "when": 1_779_000_000_000_u64, "tag": "0008_too_strict", "breakpoints": true});
    journal["entries"].as_array_mut().unwrap().push(entry);
    write(&chain.join("meta/_journal.json"), journal.to_string());
    let sql = "CREATE TABLE `first` (`id` integer PRIMARY KEY);\n--> statement-breakpoint\nCREATE UNIQUE INDEX `too_strict` ON `sessions` (`agent`);\n";
    write(&chain.join("0008_too_strict.sql"), sql);
    let before = contents(&here.path().join("history/actors"));
    let failed = run(
        here.path(),
        &["apply", FILE, "--dir", "history/chain", "--yes"],
    );
    insta::assert_snapshot!(failed.transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[M152]: statement 2 fails: UNIQUE constraint failed: sessions.agent
     --> history/chain/0008_too_strict.sql:3:1
      |
    3 | CREATE UNIQUE INDEX `too_strict` ON `sessions` (`agent`);
      | ^^^^^^ UNIQUE constraint failed: sessions.agent
      |
      = note: in history/actors/after-8.sqlite
      = help: see SQLite's message, and mend the migration or the rows it met; `actor-migrate check` tries it on a copy of every actor
    ");
    assert_eq!(contents(&here.path().join("history/actors")), before);
}

#[test]
fn a_file_that_is_named_twice_is_changed_once() {
    let here = copy_of("coding-agent/history", "history");
    let file = "history/actors/after-5.sqlite";
    let words = [
        "apply",
        file,
        "history/actors",
        file,
        "--dir",
        "history/chain",
        "--dry-run",
        "--format",
        "json",
    ];
    assert_eq!(run(here.path(), &words).json()["actors"], json!(10));
}
