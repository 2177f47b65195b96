//! Bringing an actor back to where `apply` can migrate it.

use actor_migrate::{MigrateError, Plan, PlanOptions, Report, execute, plan_adopt, plan_reconcile};
use rusqlite::Connection;

use crate::common::{FIRST_WHEN, Folder, actor, drizzle, look, rows, try_drizzle};

const USERS: &str = "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL);";
const MORE: [&str; 3] = [
    "CREATE TABLE `a` (`b` integer);\n",
    "CREATE TABLE `c` (`d` integer);\n",
    "CREATE INDEX `a_b` ON `a` (`b`);",
];

fn folder() -> Folder {
    let more = MORE.join("--> statement-breakpoint\n");
    let last = "CREATE TABLE `last` (`z` blob);";
    Folder::new(&[
        ("0000_users", USERS),
        ("0001_more", &more),
        ("0002_last", last),
    ])
}

fn plan(conn: &Connection, folder: &Folder) -> Result<Plan, MigrateError> {
    let (bundle, expected) = folder.read();
    let standing = look(conn, folder);
    plan_reconcile(&bundle, &expected, &standing, &PlanOptions::default())
}

fn reconcile(conn: &mut Connection, folder: &Folder) -> Report {
    let plan = plan(conn, folder).unwrap();
    let (bundle, expected) = folder.read();
    execute(conn, &bundle, &expected, &plan).unwrap()
}

#[test]
fn a_migration_that_stopped_half_way_is_finished_and_journaled() {
    for ran in 1..MORE.len() {
        let folder = folder();
        let mut conn = actor(&folder, 1);
        conn.execute_batch(&MORE[..ran].concat()).unwrap();
        let report = reconcile(&mut conn, &folder);
        assert_eq!(
            (report.changed, report.standing.verdict.as_str()),
            (true, "behind")
        );
        assert_eq!(report.applied, ["0001_more"]);
        assert_eq!(rows(&conn), rows(&actor(&folder, 2)));
        assert_eq!(try_drizzle(&conn, &folder, 3), Ok(1));
        assert_eq!(look(&conn, &folder).verdict.as_str(), "current");
    }
}

#[test]
fn what_nobody_can_place_is_refused() {
    let seeded = "CREATE TABLE a (b);--> statement-breakpoint\nINSERT INTO a VALUES (1);\
                  --> statement-breakpoint\nCREATE TABLE c (d);";
    let folder = Folder::new(&[("0000_users", USERS), ("0001_more", seeded)]);
    let conn = actor(&folder, 1);
    conn.execute_batch("CREATE TABLE a (b)").unwrap();
    let error = plan(&conn, &folder).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("M140", "an actor that is partial cannot be reconciled")
    );
}

#[test]
fn an_actor_that_stands_right_is_left_alone() {
    let folder = folder();
    let mut conn = actor(&folder, 2);
    let plan = plan(&conn, &folder).unwrap();
    assert!(plan.is_empty());
    assert!(!reconcile(&mut conn, &folder).changed);
}

#[test]
fn what_adoption_alone_mends_is_planned_as_adoption() {
    let folder = folder();
    let baseline = [USERS, MORE[0], MORE[1], MORE[2]].join("--> statement-breakpoint\n");
    let squashed = Folder::at(&[("0000_baseline", FIRST_WHEN + 60_000, &baseline)]);
    let conn = actor(&folder, 0);
    drizzle(&conn, &folder, 2);
    let (bundle, expected) = squashed.read();
    let standing = look(&conn, &squashed);
    let adopt = plan_adopt(&bundle, &expected, &standing, &PlanOptions::default()).unwrap();
    assert_eq!(plan(&conn, &squashed).unwrap().digest, adopt.digest);
}
