//! `inspect` and `status`: the machine contract, and how people read it.

use serde_json::{Value, json};

use crate::support::{copy_of, run};

/// The names that scripts rely on.
fn assert_contract(answer: &Value) {
    assert_eq!(answer["schema_version"], json!(1));
    assert!(
        answer["verdict"].is_string() && answer["adoption"].is_string(),
        "{answer}"
    );
    assert!(
        answer["pending"]
            .as_array()
            .unwrap()
            .iter()
            .all(Value::is_string),
        "{answer}"
    );
    let ledger = &answer["ledger"];
    assert!(
        ledger["table"].is_string() && ledger["format"].is_string() && ledger["rows"].is_u64(),
        "{answer}"
    );
    for difference in answer["differences"].as_array().unwrap() {
        assert!(
            difference["kind"].is_string() && difference["object"].is_string(),
            "{answer}"
        );
        assert!(
            difference.get("expected").is_some() && difference.get("found").is_some(),
            "{answer}"
        );
    }
    for hazard in answer["hazards"].as_array().unwrap() {
        assert!(
            hazard["code"].is_string() && hazard["message"].is_string(),
            "{answer}"
        );
    }
}

#[test]
fn every_fixture_is_inspected_by_the_names_of_the_contract() {
    for kind in ["workspace", "task", "history", "sandbox"] {
        let here = copy_of(&format!("coding-agent/{kind}"), kind);
        let actors = here.path().join(kind).join("actors");
        for file in std::fs::read_dir(actors).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            for dir in ["chain", "squashed", "squashed-plus"] {
                let (file, dir) = (format!("{kind}/actors/{name}"), format!("{kind}/{dir}"));
                let inspected = run(
                    here.path(),
                    &["inspect", &file, "--dir", &dir, "--format", "json"],
                );
                assert_eq!(
                    (inspected.code, inspected.stderr.as_str()),
                    (0, ""),
                    "{file} {dir}: {inspected:?}"
                );
                assert_contract(&inspected.json());
            }
        }
    }
}

#[test]
fn an_actor_of_each_stage_lacks_exactly_the_rest_of_the_chain() {
    let here = copy_of("coding-agent/task", "task");
    let tags = [
        "0000_init",
        "0001_messages",
        "0002_tool_calls",
        "0003_priority_range",
        "0004_branches",
        "0005_backfill_branch",
        "0006_open_tasks",
        "0007_token_usage",
    ];
    for stage in 1..=tags.len() {
        let file = format!("task/actors/after-{stage}.sqlite");
        let answer = run(
            here.path(),
            &["inspect", &file, "--dir", "task/chain", "--format", "json"],
        )
        .json();
        assert_eq!(answer["pending"], json!(tags[stage..]));
        assert_eq!(
            answer["verdict"],
            json!(if stage == tags.len() {
                "current"
            } else {
                "behind"
            })
        );
        assert_eq!(answer["ledger"], {
            let mut ledger = answer["ledger"].clone();
            ledger["table"] = json!("__drizzle_migrations");
            ledger["format"] = json!("drizzle-0x");
            ledger["rows"] = json!(stage);
            ledger
        });
    }
}

#[test]
fn people_read_where_a_squashed_actor_stands_and_what_to_type() {
    let here = copy_of("coding-agent/history", "history");
    let inspected = run(
        here.path(),
        &[
            "inspect",
            "history/actors/after-8.sqlite",
            "--dir",
            "history/squashed",
        ],
    );
    insta::assert_snapshot!(inspected.transcript(here.path()), @r#"
    exit 0
    --- stdout
    history/actors/after-8.sqlite: squashed, adoption safe
      ledger       __drizzle_migrations (drizzle-0x), 8 rows
      position     1 of 1 migration
      hazards      H206: a stock runner takes 0000_baseline for new and runs it on this actor: it fails with "table … already exists" on every wake
                   H207: 8 rows of __drizzle_migrations match no local migration: the upgrade to Drizzle 1.0 stops on them
    run `actor-migrate adopt`: the live schema proves where the actor stands
    next: actor-migrate adopt history/actors/after-8.sqlite --dir history/squashed --dry-run
    --- stderr
    "#);
}

#[test]
fn people_read_what_drifted() {
    let here = copy_of("incidents", "incidents");
    crate::support::copy(
        &crate::support::fixtures().join("coding-agent/workspace/chain"),
        &here.path().join("chain"),
    );
    let inspected = run(
        here.path(),
        &["inspect", "incidents/drifted.sqlite", "--dir", "chain"],
    );
    insta::assert_snapshot!(inspected.transcript(here.path()), @"
    exit 0
    --- stdout
    incidents/drifted.sqlite: drifted, adoption refuse
      ledger       __drizzle_migrations (drizzle-0x), 7 rows
      position     7 of 7 migrations
      differences  column-extra repositories.jira_key
                     expected: nothing
                     found:    jira_key TEXT
    run `actor-migrate reconcile`: it makes the schema right and keeps every row, or says what would be lost
    next: actor-migrate reconcile incidents/drifted.sqlite --dir chain --dry-run
    --- stderr
    ");
}

#[test]
fn status_counts_a_folder_of_files() {
    let here = copy_of("coding-agent/history", "history");
    let status = run(
        here.path(),
        &["status", "history/actors", "--dir", "history/chain"],
    );
    insta::assert_snapshot!(status.transcript(here.path()), @"
    exit 0
    --- stdout
    FLEET  ACTORS  VERDICT   ADOPTION    PENDING  WHO
    -           1  fresh     not-needed        8  history/actors/fresh.sqlite
    -           1  current   not-needed        0  history/actors/after-8.sqlite
    -           1  behind    not-needed        7  history/actors/after-1.sqlite
    -           1  behind    not-needed        6  history/actors/after-2.sqlite
    -           1  behind    not-needed        5  history/actors/after-3.sqlite
    -           1  behind    not-needed        4  history/actors/after-4.sqlite
    -           1  behind    not-needed        3  history/actors/after-5.sqlite
    -           1  behind    not-needed        2  history/actors/after-6.sqlite
    -           1  behind    not-needed        1  history/actors/after-7.sqlite
    -           1  squashed  safe              0  history/actors/squashed.sqlite
    10 actors
    --- stderr
    ");
    let json = run(
        here.path(),
        &[
            "status",
            "history/actors",
            "--dir",
            "history/chain",
            "--format",
            "json",
        ],
    )
    .json();
    assert_eq!(
        (&json["schema_version"], &json["actors"]),
        (&json!(1), &json!(10))
    );
}
