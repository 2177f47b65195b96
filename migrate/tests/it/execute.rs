//! Plans run whole or not at all, and adoption leaves stock runners nothing to trip over.

use actor_migrate::{InspectOptions, PlanOptions, execute, inspect, plan_adopt, plan_apply};

use crate::common::{FIRST_WHEN, Folder, actor, drizzle, try_drizzle, verdict};

const CHAIN: [(&str, &str); 2] = [
    (
        "0000_users",
        "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);",
    ),
    (
        "0001_tags",
        "CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);",
    ),
];

fn squashed_folder() -> Folder {
    let baseline = format!("{}\n--> statement-breakpoint\n{}", CHAIN[1].1, CHAIN[0].1);
    Folder::at(&[
        ("0000_baseline", FIRST_WHEN + 3_600_000, &baseline),
        (
            "0001_next",
            FIRST_WHEN + 7_200_000,
            "CREATE TABLE `next` (`id` integer);",
        ),
    ])
}

#[test]
fn an_adopted_actor_runs_only_what_is_pending_under_the_stock_runner() {
    let mut conn = actor(&Folder::new(&CHAIN), 2);
    conn.execute("INSERT INTO users VALUES (1, 'ada')", [])
        .unwrap();
    let folder = squashed_folder();
    let error = try_drizzle(&conn, &folder, 2).unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");

    let (bundle, expected) = folder.read();
    let standing = inspect(&conn, &bundle, &expected, &InspectOptions::default()).unwrap();
    let plan = plan_adopt(&bundle, &expected, &standing, &PlanOptions::default()).unwrap();
    let report = execute(&mut conn, &bundle, &expected, &plan).unwrap();
    assert!(report.changed);
    assert_eq!(report.standing.verdict.as_str(), "behind");

    drizzle(&conn, &folder, 2);
    assert_eq!(verdict(&conn, &folder), "current not-needed");
    let names: i64 = conn
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .unwrap();
    assert_eq!(names, 1);
}

#[test]
fn apply_runs_what_is_pending_and_a_second_time_does_nothing() {
    let folder = Folder::new(&CHAIN);
    let (bundle, expected) = folder.read();
    let mut conn = actor(&folder, 1);
    for (applied, changed) in [(vec!["0001_tags"], true), (vec![], false)] {
        let standing = inspect(&conn, &bundle, &expected, &InspectOptions::default()).unwrap();
        let plan = plan_apply(&bundle, &expected, &standing, &PlanOptions::default()).unwrap();
        let report = execute(&mut conn, &bundle, &expected, &plan).unwrap();
        assert_eq!(
            (report.applied, report.changed),
            (
                applied.iter().map(|s: &&str| (*s).to_owned()).collect(),
                changed
            )
        );
    }
    assert_eq!(verdict(&conn, &folder), "current not-needed");
}
