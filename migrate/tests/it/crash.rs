//! A process that dies, and two that come at once.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use actor_migrate::{PlanOptions, execute, plan_adopt, plan_apply};
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::common::{FIRST_WHEN, Folder, drizzle, look};

const USERS: &str = "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text);";

/// A folder whose second migration rebuilds a table that has rows.
fn folder() -> Folder {
    let rebuild = "PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_users` (`id` integer PRIMARY KEY NOT NULL, `name` text, `age` integer);--> statement-breakpoint
INSERT INTO `__new_users`(\"id\", \"name\") SELECT \"id\", \"name\" FROM `users`;--> statement-breakpoint
DROP TABLE `users`;--> statement-breakpoint
ALTER TABLE `__new_users` RENAME TO `users`;--> statement-breakpoint
CREATE INDEX `users_name` ON `users` (`name`);";
    Folder::new(&[("0000_users", USERS), ("0001_rebuild", rebuild)])
}

/// An actor in a file that holds more rows than fit into the page cache it is given.
fn actor_file(path: &Path) -> Connection {
    let conn = Connection::open(path).unwrap();
    drizzle(&conn, &folder(), 1);
    conn.execute_batch(
        "PRAGMA cache_size = 5; INSERT INTO users (name) WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT printf('name %d', i) FROM n",
    )
    .unwrap();
    conn
}

/// Copies the database and its journal before every statement, as a crash there would leave them.
pub(crate) fn copy_at_every_statement(
    conn: &mut Connection,
    path: &Path,
    into: &Path,
) -> Arc<Mutex<usize>> {
    let copies = Arc::new(Mutex::new(0));
    let (count, path, into) = (Arc::clone(&copies), path.to_owned(), into.to_owned());
    let copy = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(..) = event {
            let mut count = count.lock().unwrap();
            fs::copy(&path, into.join(format!("{count}.sqlite"))).unwrap();
            let journal = path.with_extension("sqlite-journal");
            if journal.exists() {
                fs::copy(&journal, into.join(format!("{count}.sqlite-journal"))).unwrap();
            }
            *count += 1;
        }
    };
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(copy))
        .unwrap();
    copies
}

/// Where the crashed copy stands, and how many users it has.
fn recovered(path: &Path, folder: &Folder) -> (String, i64) {
    let conn = Connection::open(path).unwrap();
    let check: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let users = conn
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .unwrap();
    (look(&conn, folder).verdict.to_string(), users)
}

#[test]
fn a_crash_before_any_statement_leaves_the_actor_before_or_after_and_never_between() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    let copies_dir = dir.path().join("copies");
    fs::create_dir(&copies_dir).unwrap();
    let mut conn = actor_file(&path);
    let folder = folder();
    let (bundle, expected) = folder.read();
    let plan = plan_apply(
        &bundle,
        &expected,
        &look(&conn, &folder),
        &PlanOptions::default(),
    )
    .unwrap();
    let copies = copy_at_every_statement(&mut conn, &path, &copies_dir);
    execute(&mut conn, &bundle, &expected, &plan).unwrap();
    drop(conn);
    let count = *copies.lock().unwrap();
    assert!(count > 20, "{count}");
    let journals = (0..count)
        .filter(|n| copies_dir.join(format!("{n}.sqlite-journal")).exists())
        .count();
    assert!(
        journals > 5,
        "the page cache spilled, so some copies need their journal: {journals}"
    );
    let stands: Vec<_> = (0..count)
        .map(|number| recovered(&copies_dir.join(format!("{number}.sqlite")), &folder))
        .collect();
    let before = stands
        .iter()
        .take_while(|(verdict, _)| verdict == "behind")
        .count();
    assert!(before > 20, "{stands:?}");
    // Foreign keys are switched on again after COMMIT, so the last copies are of the migrated actor.
    assert!(
        stands[before..]
            .iter()
            .all(|(verdict, _)| verdict == "current"),
        "{stands:?}"
    );
    assert!(stands.iter().all(|(_, users)| *users == 3000), "{stands:?}");
    assert_eq!(recovered(&path, &folder), ("current".to_owned(), 3000));
}

#[test]
fn two_that_migrate_one_actor_at_once_apply_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    drop(actor_file(&path));
    let folder = folder();
    let (bundle, expected) = folder.read();
    let outcomes: Vec<_> = thread::scope(|scope| {
        let wake = || {
            let mut conn = Connection::open(&path).unwrap();
            let plan = plan_apply(
                &bundle,
                &expected,
                &look(&conn, &folder),
                &PlanOptions::default(),
            )?;
            execute(&mut conn, &bundle, &expected, &plan).map(|report| report.changed)
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(wake)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let applied = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Ok(true)))
        .count();
    assert_eq!(applied, 1, "{outcomes:?}");
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert_eq!(error.code(), "M151", "{error}");
    }
    let conn = Connection::open(&path).unwrap();
    assert_eq!(look(&conn, &folder).ledger.rows, 2);
}

#[test]
fn two_that_adopt_one_actor_at_once_adopt_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    drop(actor_file(&path));
    let baseline = format!("{USERS}\n-- squashed");
    let folder = Folder::at(&[("0000_baseline", FIRST_WHEN + 1, &baseline)]);
    let (bundle, expected) = folder.read();
    let plan = |conn: &Connection| {
        plan_adopt(
            &bundle,
            &expected,
            &look(conn, &folder),
            &PlanOptions::default(),
        )
        .unwrap()
    };
    let mut first = Connection::open(&path).unwrap();
    let mut second = Connection::open(&path).unwrap();
    let (early, late) = (plan(&first), plan(&second));
    assert!(
        execute(&mut first, &bundle, &expected, &early)
            .unwrap()
            .changed
    );
    let error = execute(&mut second, &bundle, &expected, &late).unwrap_err();
    assert_eq!(error.code(), "M151");
    let again = plan(&second);
    assert!(
        !execute(&mut second, &bundle, &expected, &again)
            .unwrap()
            .changed
    );
}
