//! `hash`: what is released is noted, and an edit afterwards is a finding.

use std::process::Command;

use serde_json::json;

use crate::support::{contents, copy_of, finished, run, write};

const DIR: [&str; 2] = ["--dir", "chain"];

fn hash(here: &std::path::Path, args: &[&str]) -> crate::support::Run {
    run(here, &[&["hash"], &DIR[..], args].concat())
}

#[test]
fn the_lock_is_written_once_and_verified_by_us_and_by_sha256sum() {
    let here = copy_of("coding-agent/history/chain", "chain");
    insta::assert_snapshot!(hash(here.path(), &["--check"]).transcript(here.path()), @"
    exit 1
    --- stdout
    error[L104]: chain has no lock file
    --> chain/migrations.lock
     = help: write it once and commit it: `actor-migrate hash`

    not as locked: chain: 1 finding (8 not released)
    next: actor-migrate hash --dir chain
    --- stderr
    ");
    insta::assert_snapshot!(hash(here.path(), &[]).transcript(here.path()), @"
    exit 0
    --- stdout
    locked: chain: 8 migrations (8 added)
    --- stderr
    ");
    let before = contents(here.path());
    assert_eq!(hash(here.path(), &["--check"]).code, 0);
    insta::assert_snapshot!(hash(here.path(), &[]).transcript(here.path()), @"
    exit 0
    --- stdout
    as locked: chain: 8 migrations
    --- stderr
    ");
    assert_eq!(contents(here.path()), before);
    let sha256sum = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "migrations.lock"])
        .current_dir(here.path().join("chain"))
        .output();
    let said = finished(sha256sum.unwrap());
    assert_eq!(
        (said.code, said.stdout + &said.stderr),
        (0, String::new()),
        "sha256sum agrees in silence"
    );
}

#[test]
fn an_edit_and_a_removal_are_findings_and_are_never_locked_unasked() {
    let here = copy_of("coding-agent/history/chain", "chain");
    assert_eq!(hash(here.path(), &[]).code, 0);
    let edited = here.path().join("chain/0002_churn.sql");
    let text = std::fs::read_to_string(&edited).unwrap();
    write(&edited, format!("{text}-- a word more\n"));
    let journal = here.path().join("chain/meta/_journal.json");
    let text = std::fs::read_to_string(&journal).unwrap();
    let mut parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    parsed["entries"].as_array_mut().unwrap().pop();
    write(&journal, parsed.to_string());
    let before = contents(here.path());
    insta::assert_snapshot!(hash(here.path(), &[]).transcript(here.path()), @"
    exit 1
    --- stdout
    error[L101]: 0002_churn was released with another text (chain/migrations.lock:4)
    --> chain/0002_churn.sql
     = help: restore the file from version control and write the change as a new migration; if it only concerns blanks or comments, accept it: `actor-migrate hash --accept <tag>`

    error[L102]: 0007_append_only was released and is not in the folder
     --> chain/migrations.lock:9:1
      |
    9 | <sha256>  0007_append_only.sql
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: restore the file from version control, or replace it by `actor-migrate squash`; if it was never deployed, accept it: `actor-migrate hash --accept <tag>`

    not as locked: chain: 2 findings
    --- stderr
    ");
    assert_eq!(contents(here.path()), before, "nothing is written");
    let one = hash(here.path(), &["--accept", "0002_churn"]);
    assert_eq!(one.code, 1, "the other finding is still open");
    let both = hash(
        here.path(),
        &["--accept", "0002_churn", "--accept", "0007_append_only"],
    );
    assert_eq!(both.code, 0, "{both:?}");
    assert_eq!(hash(here.path(), &["--check"]).code, 0);
}

#[test]
fn a_new_migration_is_no_finding_and_scripts_hear_of_it() {
    let here = copy_of("drizzle-1/chain", "chain");
    assert_eq!(hash(here.path(), &[]).code, 0);
    write(
        &here.path().join("chain/20991231000000_new/migration.sql"),
        "CREATE TABLE new (id integer);\n",
    );
    let check = hash(here.path(), &["--check", "--format", "json"]);
    assert_eq!(check.code, 0);
    let folder = &check.json()["folders"][0];
    assert_eq!(folder["added"], json!(["20991231000000_new"]));
    assert_eq!(
        (&folder["written"], &folder["findings"]),
        (&json!(false), &json!([]))
    );
}

#[test]
fn a_lock_with_a_merge_conflict_and_a_tag_accepted_in_vain_are_errors() {
    let here = copy_of("coding-agent/history/chain", "chain");
    assert_eq!(hash(here.path(), &[]).code, 0);
    insta::assert_snapshot!(hash(here.path(), &["--accept", "0002_chrun"]).transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C138]: there is no finding about `0002_chrun` to accept
    --> chain
     = help: see what there is: actor-migrate hash --check
    ");
    let lock = here.path().join("chain/migrations.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    write(&lock, format!("{text}<<<<<<< HEAD\n"));
    insta::assert_snapshot!(hash(here.path(), &[]).transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[M185]: chain/migrations.lock is not a lock file: this is no hash and path (line 10)
    --> chain
     = help: mend the line named, or restore the file from version control
    ");
}
