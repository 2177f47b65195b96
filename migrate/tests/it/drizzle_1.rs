//! Drizzle 1.0: folders, names, and the one-time upgrade of the ledger; and other ledgers that go by names.

use std::fs;

use actor_migrate::{
    Bundle, Expected, InspectOptions, NewLedger, PlanOptions, execute, inspect, namespaced_table,
    plan_adopt, plan_apply,
};
use rusqlite::Connection;

use crate::common::{Folder, database, drizzle_1, folders, look, rows, verdict};

const A: &str = "CREATE TABLE a (b);";
const C: &str = "CREATE TABLE c (d);";
const E: &str = "CREATE TABLE e (f);";

fn chain() -> Folder {
    folders(&[("20260101000000_a", A), ("20260201000000_c", C)])
}

fn squashed() -> Folder {
    let baseline = format!("{C}\n--> statement-breakpoint\n{A}");
    folders(&[
        ("20260301000000_baseline", &baseline),
        ("20260401000000_e", E),
    ])
}

fn ran(folder: &Folder) -> Connection {
    let conn = database("");
    drizzle_1(&conn, folder).unwrap();
    conn
}

/// A ledger as Drizzle 0.x left it, with milliseconds, for the same migrations.
fn ran_under_0x(folder: &Folder) -> Connection {
    let conn = database(
        "CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric)",
    );
    for entry in folder.read().0.entries {
        conn.execute_batch(&entry.text).unwrap();
        let sql = "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?1, ?2)";
        conn.execute(sql, (&entry.hash, entry.when.0 + 417))
            .unwrap();
    }
    conn
}

fn adopt(conn: &mut Connection, folder: &Folder) {
    let (bundle, expected) = folder.read();
    let plan = plan_adopt(
        &bundle,
        &expected,
        &look(conn, folder),
        &PlanOptions::default(),
    )
    .unwrap();
    execute(conn, &bundle, &expected, &plan).unwrap();
}

fn names(conn: &Connection) -> Vec<Option<String>> {
    let mut statement = conn
        .prepare("SELECT name FROM __drizzle_migrations ORDER BY id, created_at")
        .unwrap();
    statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn folders_run_in_the_order_of_their_names_and_carry_their_second() {
    let (bundle, _) = folders(&[("20260201000000_b", C), ("20260101123456_a", A)]).read();
    let read: Vec<_> = bundle
        .entries
        .iter()
        .map(|entry| (entry.tag.as_str(), entry.when.0))
        .collect();
    assert_eq!(
        read,
        [
            ("20260101123456_a", 1_767_270_896_000),
            ("20260201000000_b", 1_769_904_000_000)
        ]
    );
}

#[test]
fn an_actor_is_fresh_behind_and_current_by_names() {
    assert_eq!(verdict(&database(""), &chain()), "fresh not-needed");
    let conn = ran(&chain());
    assert_eq!(verdict(&conn, &chain()), "current not-needed");
    let more = folders(&[
        ("20260101000000_a", A),
        ("20260201000000_c", C),
        ("20260301000000_e", E),
    ]);
    assert_eq!(verdict(&conn, &more), "behind not-needed");
}

#[test]
fn a_branch_merged_late_is_pending_and_not_skipped() {
    let merged = folders(&[
        ("20260101000000_a", A),
        ("20260115000000_e", E),
        ("20260201000000_c", C),
    ]);
    let mut conn = ran(&chain());
    let standing = look(&conn, &merged);
    assert_eq!(
        (standing.verdict.as_str(), standing.pending),
        ("behind", vec!["20260115000000_e".to_owned()])
    );
    let (bundle, expected) = merged.read();
    let plan = plan_apply(
        &bundle,
        &expected,
        &look(&conn, &merged),
        &PlanOptions::default(),
    )
    .unwrap();
    execute(&mut conn, &bundle, &expected, &plan).unwrap();
    assert_eq!(verdict(&conn, &merged), "current not-needed");
    assert_eq!(drizzle_1(&conn, &merged), Ok(0));
}

#[test]
fn adoption_adds_the_baseline_by_name_and_leaves_the_old_rows_to_the_old_code() {
    let mut conn = ran(&chain());
    assert!(
        drizzle_1(&conn, &squashed())
            .unwrap_err()
            .contains("already exists")
    );
    assert_eq!(verdict(&conn, &squashed()), "squashed safe");
    adopt(&mut conn, &squashed());
    let all = [
        "20260101000000_a",
        "20260201000000_c",
        "20260301000000_baseline",
    ];
    assert_eq!(names(&conn), all.map(|name| Some(name.to_owned())));
    assert_eq!(verdict(&conn, &squashed()), "behind not-needed");
    assert_eq!(drizzle_1(&conn, &chain()), Ok(0), "the old code still runs");
    assert_eq!(drizzle_1(&conn, &squashed()), Ok(1));
    assert_eq!(verdict(&conn, &squashed()), "current not-needed");
}

#[test]
fn a_baseline_that_kept_the_last_folder_name_is_known_and_its_row_is_corrected() {
    let baseline = format!("{C}\n--> statement-breakpoint\n{A}");
    let kept = folders(&[("20260201000000_c", &baseline)]);
    let mut conn = ran(&chain());
    assert_eq!(drizzle_1(&conn, &kept), Ok(0));
    assert_eq!(verdict(&conn, &kept), "squashed safe");
    adopt(&mut conn, &kept);
    assert_eq!(names(&conn).len(), 2);
    assert_eq!(rows(&conn)[1].0, kept.read().0.entries[0].hash);
    assert_eq!(verdict(&conn, &kept), "current not-needed");
}

#[test]
fn a_ledger_of_0x_is_read_by_the_second_and_adopted_before_the_upgrade() {
    let mut conn = ran_under_0x(&chain());
    assert_eq!(verdict(&conn, &chain()), "current not-needed");
    let standing = look(&conn, &squashed());
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "safe")
    );
    assert!(
        standing
            .hazards
            .iter()
            .any(|hazard| hazard.code.as_str() == "H207")
    );
    let copy = ran_under_0x(&chain());
    assert!(
        drizzle_1(&copy, &squashed())
            .unwrap_err()
            .contains("do not match any local migration")
    );
    adopt(&mut conn, &squashed());
    assert_eq!(drizzle_1(&conn, &squashed()), Ok(1));
}

#[test]
fn of_two_migrations_in_one_second_the_hash_tells_which_ran() {
    let folder = folders(&[("20260101000000_a", A), ("20260101000000_c", C)]);
    let conn = ran_under_0x(&folder);
    assert_eq!(verdict(&conn, &folder), "current not-needed");
    conn.execute_batch("DELETE FROM __drizzle_migrations WHERE rowid = 1; DROP TABLE a")
        .unwrap();
    assert_eq!(look(&conn, &folder).pending, ["20260101000000_a"]);
}

#[test]
fn a_folder_renamed_is_known_by_its_content() {
    let renamed = folders(&[("20260101000000_first", A), ("20260201000000_c", C)]);
    let mut conn = ran(&chain());
    assert!(drizzle_1(&conn, &renamed).is_err());
    assert_eq!(verdict(&conn, &renamed), "renamed safe");
    adopt(&mut conn, &renamed);
    assert_eq!(drizzle_1(&conn, &renamed), Ok(0));
    assert_eq!(verdict(&conn, &renamed), "current not-needed");
}

#[test]
fn a_row_without_a_name_would_run_again_and_is_corrected() {
    let mut conn = ran(&chain());
    conn.execute_batch("UPDATE __drizzle_migrations SET name = NULL WHERE id = 2")
        .unwrap();
    assert_eq!(verdict(&conn, &chain()), "renamed safe");
    adopt(&mut conn, &chain());
    assert_eq!(drizzle_1(&conn, &chain()), Ok(0));
}

#[test]
fn wranglers_ledger_goes_by_file_names() {
    let files = |names: &[(&str, &str)]| {
        let folder = folders(&[]);
        for (name, sql) in names {
            fs::write(folder.path().join(format!("{name}.sql")), sql).unwrap();
        }
        let bundle = Bundle::read_plain(folder.path()).unwrap();
        let expected = Expected::replay(&bundle).unwrap();
        (bundle, expected)
    };
    let options = InspectOptions {
        table: "d1_migrations".to_owned(),
        ..InspectOptions::default()
    };
    let mut conn = database("");
    let (bundle, expected) = files(&[("0000_a", A), ("0001_c", C)]);
    let standing = inspect(&conn, &bundle, &expected, &options).unwrap();
    let new = PlanOptions {
        new_ledger: NewLedger::Wrangler,
        ..PlanOptions::default()
    };
    let plan = plan_apply(&bundle, &expected, &standing, &new).unwrap();
    let report = execute(&mut conn, &bundle, &expected, &plan).unwrap();
    assert_eq!(
        (
            report.standing.verdict.as_str(),
            report.standing.ledger.format.to_string()
        ),
        ("current", "wrangler".to_owned())
    );
    let file: String = conn
        .query_row("SELECT name FROM d1_migrations", [], |row| row.get(0))
        .unwrap();
    assert_eq!(file, "0000_a.sql");

    let (bundle, expected) = files(&[("0002_baseline", &format!("{C}{A}")), ("0003_e", E)]);
    let standing = inspect(&conn, &bundle, &expected, &options).unwrap();
    assert_eq!(
        (standing.verdict.as_str(), standing.adoption.as_str()),
        ("squashed", "safe")
    );
    let plan = plan_adopt(&bundle, &expected, &standing, &PlanOptions::default()).unwrap();
    let report = execute(&mut conn, &bundle, &expected, &plan).unwrap();
    assert_eq!(
        (
            report.standing.verdict.as_str(),
            report.standing.ledger.rows
        ),
        ("behind", 3)
    );
}

#[test]
fn plain_files_are_taken_only_when_asked_for() {
    let folder = folders(&[]);
    fs::write(folder.path().join("0010_c.sql"), C).unwrap();
    fs::write(folder.path().join("9_a.sql"), A).unwrap();
    fs::write(folder.path().join("notes.sql"), "nonsense").unwrap();
    assert_eq!(Bundle::read(folder.path()).unwrap_err().code(), "M101");
    let tags: Vec<_> = Bundle::read_plain(folder.path())
        .unwrap()
        .entries
        .into_iter()
        .map(|entry| entry.tag)
        .collect();
    assert_eq!(tags, ["9_a", "0010_c"]);
}

#[test]
fn a_namespace_has_one_table_for_ever() {
    assert_eq!(
        namespaced_table("Task-Runner.v2"),
        "__foundry_migrations_task_runner_v2"
    );
    assert_eq!(namespaced_table("größe"), "__foundry_migrations_gr__e");
}

/// Symptom: after its adoption the actor was `deleted`, or `ahead` without a later migration. Cause: the old rows,
/// which stay, are newer than a baseline that took the name of the first migration. Fix: what adoption archived is known.
#[test]
fn a_baseline_that_kept_the_first_folder_name_is_older_than_the_rows_it_replaced() {
    let baseline = format!("{A}\n--> statement-breakpoint\n{C}");
    let alone: &[(&str, &str)] = &[("20260101000000_a", &baseline)];
    let more: &[(&str, &str)] = &[("20260101000000_a", &baseline), ("20260401000000_e", E)];
    for (entries, stands) in [(alone, "current not-needed"), (more, "behind not-needed")] {
        let kept = folders(entries);
        let mut conn = ran(&chain());
        assert_eq!(verdict(&conn, &kept), "squashed safe");
        adopt(&mut conn, &kept);
        assert_eq!(verdict(&conn, &kept), stands);
        assert_eq!(drizzle_1(&conn, &kept), Ok(entries.len() - 1));
        assert_eq!(verdict(&conn, &kept), "current not-needed");
        // A row that no adoption knows is still one of a newer release.
        conn.execute_batch("INSERT INTO __drizzle_migrations (hash, created_at, name) VALUES ('h', 1800000000000, '20270115080000_n')")
            .unwrap();
        assert_eq!(verdict(&conn, &kept), "ahead refuse");
    }
}
