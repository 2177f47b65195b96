//! One call on waking: the actor is served, or its caller is told the truth.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actor_migrate::{Bundle, History, Migrator, Policy, Wake, WakeError, namespaced_table};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::common::{FIRST_WHEN, Folder, actor, database, drizzle, dump, rows, unjournaled};
use crate::cost::statements;

const USERS: &str =
    "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);";
const TAGS: &str = "CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);";
const NEXT: &str = "CREATE TABLE `next` (`id` integer);";
const POSTS: &str = "CREATE TABLE `posts` (`id` integer PRIMARY KEY, `author` integer REFERENCES users(id) ON DELETE cascade);";
const REBUILD_USERS: &str = "PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_users` (`id` integer PRIMARY KEY NOT NULL, `name` text);--> statement-breakpoint
INSERT INTO `__new_users`(\"id\", \"name\") SELECT \"id\", \"name\" FROM `users`;--> statement-breakpoint
DROP TABLE `users`;--> statement-breakpoint
ALTER TABLE `__new_users` RENAME TO `users`;--> statement-breakpoint
PRAGMA foreign_keys=ON;";

fn chain() -> Folder {
    Folder::new(&[("0000_users", USERS), ("0001_tags", TAGS)])
}

/// The same history in one new file, and a migration after it.
fn squashed_then(next: &str) -> Folder {
    let baseline = [TAGS, USERS].join("\n--> statement-breakpoint\n");
    Folder::at(&[
        ("0000_baseline", FIRST_WHEN + 3_600_000, &baseline),
        ("0001_next", FIRST_WHEN + 7_200_000, next),
    ])
}

fn migrator(folder: &Folder) -> Migrator {
    Migrator::open(folder.path()).unwrap()
}

/// Wakes an actor that cannot be served, and sees that nothing about it changed.
fn refused(conn: &mut Connection, migrator: &Migrator) -> WakeError {
    let before = dump(conn);
    let error = migrator.wake(conn).unwrap_err();
    assert_eq!(dump(conn), before, "{error}");
    error
}

fn count(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })
    .unwrap()
}

/// A wake in one line: what was found and done, or the code and the verdict.
fn told(outcome: &Result<Wake, WakeError>) -> String {
    match outcome {
        Ok(wake) => format!(
            "{} -> {}, adopted {}, applied {}, changed {}",
            wake.verdict_before,
            wake.verdict,
            wake.adopted,
            wake.applied.len(),
            wake.changed
        ),
        Err(error) => {
            let verdict = error.verdict().map(|verdict| verdict.to_string());
            format!("{} {}", error.code(), verdict.unwrap_or_default())
        }
    }
}

#[test]
fn each_policy_does_what_it_may_and_refuses_the_rest() {
    let reordered =
        "CREATE TABLE `users` (`name` text NOT NULL, `id` integer PRIMARY KEY NOT NULL);";
    let old = Folder::new(&[("0000_users", reordered), ("0001_tags", TAGS)]);
    let longer = Folder::new(&[
        ("0000_users", USERS),
        ("0001_tags", TAGS),
        ("0002_next", NEXT),
    ]);
    type Make<'a> = Box<dyn Fn() -> Connection + 'a>;
    let (chain, squashed) = (chain(), squashed_then(NEXT));
    let cases: [(&str, &Folder, Make<'_>); 7] = [
        ("fresh", &chain, Box::new(|| database(""))),
        ("current", &chain, Box::new(|| actor(&chain, 2))),
        ("behind", &chain, Box::new(|| actor(&chain, 1))),
        ("squashed", &squashed, Box::new(|| actor(&chain, 2))),
        ("no ledger", &chain, Box::new(|| unjournaled(&chain, 2))),
        ("differs", &squashed, Box::new(|| actor(&old, 2))),
        ("ahead", &chain, Box::new(|| actor(&longer, 3))),
    ];
    let mut story = String::new();
    for policy in [Policy::Refuse, Policy::Apply, Policy::AdoptProven] {
        for (name, folder, make) in &cases {
            let mut conn = make();
            let before = dump(&conn);
            let outcome = migrator(folder).policy(policy).wake(&mut conn);
            let changed = outcome.as_ref().is_ok_and(|wake| wake.changed);
            assert_eq!(dump(&conn) != before, changed, "{policy:?} {name}");
            story.push_str(&format!("{policy:?} {name}: {}\n", told(&outcome)));
        }
    }
    insta::assert_snapshot!(story);
}

#[test]
fn an_actor_that_is_up_to_date_is_read_three_times_and_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    let folder = chain();
    let mut conn = Connection::open(&path).unwrap();
    drizzle(&conn, &folder, 2);
    let migrator = migrator(&folder);
    let bytes = fs::read(&path).unwrap();
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let seen = statements(&mut conn, |conn| {
        let wake = migrator.wake(conn).unwrap();
        assert_eq!(
            told(&Ok(wake)),
            "current -> current, adopted false, applied 0, changed false"
        );
    });
    assert_eq!(seen, ["BEGIN", "SELECT", "PRAGMA", "SELECT", "COMMIT"]);
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let files = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 1, "no journal was left");
    let mut reader = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    migrator.wake(&mut reader).unwrap();
}

/// Wakes one actor from many threads at once.
fn wake_together(path: &Path, migrator: &Arc<Migrator>, threads: usize) -> Vec<Wake> {
    let barrier = std::sync::Barrier::new(threads);
    thread::scope(|scope| {
        let wake = || {
            let mut conn = Connection::open(path).unwrap();
            barrier.wait();
            migrator.wake(&mut conn)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(wake)).collect();
        let wakes = threads.into_iter().map(|thread| thread.join().unwrap());
        wakes.map(Result::unwrap).collect()
    })
}

#[test]
fn many_wakes_of_one_actor_at_once_are_all_served_and_change_it_once() {
    for round in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("actor.sqlite");
        drizzle(&Connection::open(&path).unwrap(), &chain(), 2);
        let folder = squashed_then(NEXT);
        let wakes = wake_together(&path, &Arc::new(migrator(&folder)), 6);
        let adopted = wakes.iter().filter(|wake| wake.adopted).count();
        let applied: usize = wakes.iter().map(|wake| wake.applied.len()).sum();
        assert_eq!((adopted, applied), (1, 1), "round {round}: {wakes:?}");
        assert!(wakes.iter().all(|wake| wake.verdict.as_str() == "current"));
        let conn = Connection::open(&path).unwrap();
        assert_eq!(rows(&conn).len(), 2);
        assert_eq!(count(&conn, "__actor_migrate_audit"), 2);
    }
}

#[test]
fn the_incident_is_told_under_the_cautious_policy_and_healed_under_the_default_one() {
    let mut conn = actor(&chain(), 2);
    conn.execute("INSERT INTO users VALUES (1, 'ada')", [])
        .unwrap();
    let folder = squashed_then(NEXT);
    let error = refused(&mut conn, &migrator(&folder).policy(Policy::Apply));
    let json = serde_json::to_string_pretty(&error).unwrap();
    insta::assert_snapshot!(json);
    let wake = migrator(&folder).wake(&mut conn).unwrap();
    assert_eq!(
        (wake.adopted, wake.applied),
        (true, vec!["0001_next".to_owned()])
    );
    assert_eq!(count(&conn, "users"), 1);
    assert!(!migrator(&folder).wake(&mut conn).unwrap().changed);
}

#[test]
fn the_error_of_a_statement_says_everything_that_its_caller_needs() {
    let unique = "CREATE TABLE other (a);\n--> statement-breakpoint\n  CREATE UNIQUE INDEX names ON users (name);";
    let folder = Folder::new(&[("0000_users", USERS), ("0001_unique", unique)]);
    let mut conn = actor(&folder, 1);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada'), (2, 'ada')")
        .unwrap();
    let error = refused(&mut conn, &migrator(&folder));
    assert!(!error.is_retryable());
    let json = serde_json::to_string_pretty(&error).unwrap();
    insta::assert_snapshot!(json.replace(folder.path().to_str().unwrap(), "drizzle"));
}

#[test]
fn an_adoption_stands_when_the_migration_after_it_fails_and_the_error_says_so() {
    let mut conn = actor(&chain(), 2);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada'), (2, 'ada')")
        .unwrap();
    let folder = squashed_then("CREATE UNIQUE INDEX names ON users (name);");
    let error = migrator(&folder).wake(&mut conn).unwrap_err();
    assert_eq!((error.code(), error.adopted()), ("M152", true));
    assert_eq!(rows(&conn).len(), 1, "the baseline is journaled");
    let again = refused(&mut conn, &migrator(&folder));
    assert_eq!((again.code(), again.adopted()), ("M152", false));
    conn.execute_batch("DELETE FROM users WHERE id = 2")
        .unwrap();
    assert_eq!(
        migrator(&folder).wake(&mut conn).unwrap().applied,
        ["0001_next"]
    );
}

#[test]
fn child_rows_survive_a_rebuild_and_one_that_would_lose_rows_is_stopped_with_the_counts() {
    let make = |rebuild: &str| {
        let chain = [
            ("0000_users", USERS),
            ("0001_posts", POSTS),
            ("0002_rebuild", rebuild),
        ];
        let folder = Folder::new(&chain);
        let conn = actor(&folder, 2);
        conn.execute_batch(
            "INSERT INTO users VALUES (1, 'ada'), (2, 'bob'); INSERT INTO posts VALUES (1, 1), (2, 1), (3, 2);",
        )
        .unwrap();
        (folder, conn)
    };
    let (folder, mut conn) = make(REBUILD_USERS);
    assert_eq!(
        migrator(&folder).wake(&mut conn).unwrap().applied,
        ["0002_rebuild"]
    );
    assert_eq!((count(&conn, "users"), count(&conn, "posts")), (2, 3));
    let on: bool = conn
        .query_row("PRAGMA foreign_keys", [], |row| row.get(0))
        .unwrap();
    assert!(on, "foreign keys are on again");

    let (folder, mut conn) =
        make(&REBUILD_USERS.replace("FROM `users`", "FROM `users` WHERE id > 1"));
    let error = refused(&mut conn, &migrator(&folder));
    assert_eq!(error.code(), "M154");
    assert!(
        error
            .to_string()
            .contains("2 rows would lose their parent: posts row 1 -> users"),
        "{error}"
    );
    conn.execute_batch("DELETE FROM posts").unwrap();
    let error = refused(&mut conn, &migrator(&folder));
    let json: Value = serde_json::to_value(&error).unwrap();
    assert_eq!(
        (error.code(), &json["tables"]),
        (
            "M155",
            &serde_json::json!([{ "table": "users", "before": 2, "after": 1 }])
        )
    );
    let wake = migrator(&folder).allow_rows("users").wake(&mut conn);
    assert!(wake.unwrap().changed);
}

#[test]
fn an_actor_ahead_of_its_release_is_served_only_where_that_is_tolerated() {
    let folder = Folder::new(&[("0000_users", USERS)]);
    let mut conn = actor(&chain(), 2);
    let error = refused(&mut conn, &migrator(&folder));
    assert_eq!((error.code(), error.is_retryable()), ("M191", false));
    let before = dump(&conn);
    let wake = migrator(&folder).tolerate_ahead().wake(&mut conn).unwrap();
    assert_eq!((wake.verdict.as_str(), wake.changed), ("ahead", false));
    assert_eq!(dump(&conn), before);
}

#[test]
fn what_needs_a_person_is_adopted_only_if_it_was_named() {
    let old = Folder::new(&[("0000_t", "CREATE TABLE t (b, a);")]);
    let folder = Folder::at(&[("0000_t", FIRST_WHEN + 1, "CREATE TABLE t (a, b);")]);
    let mut conn = actor(&old, 1);
    let error = refused(&mut conn, &migrator(&folder));
    let json: Value = serde_json::to_value(&error).unwrap();
    assert_eq!(error.code(), "M141");
    assert_eq!(json["adoption"], "needs-ack");
    assert_eq!(json["needed"], serde_json::json!(["column-order:t"]));
    let wake = migrator(&folder).allow("column-order").wake(&mut conn);
    assert!(wake.unwrap().adopted);
    assert!(
        !migrator(&folder).wake(&mut conn).unwrap().changed,
        "and never asked again"
    );
}

#[test]
fn a_locked_actor_is_waited_for_so_long_and_the_error_says_to_try_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    let mut conn = Connection::open(&path).unwrap();
    drizzle(&conn, &chain(), 1);
    conn.busy_timeout(Duration::ZERO).unwrap();
    let migrator = migrator(&chain()).busy_wait(Duration::from_millis(100));
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let other = Connection::open(&path).unwrap();
        other.execute_batch(lock).unwrap();
        let error = migrator.wake(&mut conn).unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            ("M131", true),
            "{lock}"
        );
        let json: Value = serde_json::to_value(&error).unwrap();
        assert_eq!(json["retryable"], true);
        assert!(!error.to_string().contains("for 0 ms"), "{error}");
    }
    assert!(migrator.wake(&mut conn).unwrap().changed);
}

#[test]
fn inside_a_transaction_of_the_host_nothing_is_woken_not_even_what_is_current() {
    let mut conn = actor(&chain(), 2);
    conn.execute_batch("BEGIN").unwrap();
    assert_eq!(
        migrator(&chain()).wake(&mut conn).unwrap_err().code(),
        "M150"
    );
    assert!(!conn.is_autocommit());
}

#[test]
fn a_time_limit_stops_a_statement_without_end_and_work_around_the_statements() {
    let endless = "INSERT INTO users SELECT i, 'x' FROM (WITH RECURSIVE n(i) AS \
         (SELECT 10 UNION ALL SELECT i + 1 FROM n, users WHERE users.id = 1) SELECT i FROM n) WHERE i < 0;";
    let folder = Folder::new(&[("0000_users", USERS), ("0001_endless", endless)]);
    let mut conn = actor(&folder, 1);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada')")
        .unwrap();
    let limited = migrator(&folder).time_limit(Duration::from_millis(50));
    let error = refused(&mut conn, &limited);
    assert_eq!(error.code(), "M121");
    assert!(error.to_string().contains("50 ms"), "{error}");

    // Of many rows even the parents cannot be looked up in no time.
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_posts", POSTS),
        ("0002_tags", TAGS),
    ]);
    let mut conn = actor(&folder, 2);
    conn.execute_batch(
        "INSERT INTO users VALUES (1, 'ada'); INSERT INTO posts WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i, 1 FROM n",
    )
    .unwrap();
    let error = refused(&mut conn, &migrator(&folder).time_limit(Duration::ZERO));
    assert_eq!(error.code(), "M192", "{error}");
}

#[test]
fn two_fleets_in_one_file_wake_each_by_its_own_ledger() {
    let tags = Folder::new(&[("0000_tags", TAGS)]);
    let mut conn = database("");
    let users = Folder::new(&[("0000_users", USERS)]);
    for (namespace, folder) in [("Chat Room", &users), ("agent", &tags)] {
        let migrator = migrator(folder).namespace(namespace);
        assert_eq!(migrator.wake(&mut conn).unwrap().applied.len(), 1);
        assert_eq!(count(&conn, &namespaced_table(namespace)), 1);
        assert!(!migrator.wake(&mut conn).unwrap().changed);
    }
    assert!(
        !migrator(&users)
            .namespace("Chat Room")
            .wake(&mut conn)
            .unwrap()
            .changed
    );
}

#[test]
fn a_migrator_and_its_errors_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Migrator>();
    crosses::<WakeError>();
    crosses::<Wake>();
}

#[test]
fn a_database_that_is_none_is_told_without_a_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    fs::write(
        &path,
        "dear diary, this is no database, but it is as long as a header of one is",
    )
    .unwrap();
    let mut conn = Connection::open(&path).unwrap();
    let error = migrator(&chain()).wake(&mut conn).unwrap_err();
    assert_eq!((error.code(), error.verdict()), ("M130", None));
}

#[test]
fn an_actor_half_way_down_a_squashed_chain_wakes_where_that_chain_is_known() {
    let mut conn = actor(&chain(), 1);
    let migrator = migrator(&squashed_then(NEXT));
    assert_eq!(refused(&mut conn, &migrator).code(), "M170");
    let old = Bundle::read(chain().path()).unwrap();
    let migrator = migrator.history(History::new(old));
    let careful = migrator.policy(Policy::Apply);
    assert_eq!(refused(&mut conn, &careful).code(), "M140");
    let wake = careful.policy(Policy::AdoptProven).wake(&mut conn).unwrap();
    assert_eq!(wake.verdict_before.as_str(), "squashed-behind");
    assert_eq!(wake.verdict.as_str(), "current");
    assert_eq!(wake.applied, ["0001_tags", "0001_next"]);
    assert!(wake.adopted);
}

/// What drizzle runners that open no transaction leave behind: statements that ran, and no row that says so.
#[test]
fn a_migration_whose_runner_died_inside_it_is_finished_and_what_nobody_can_place_is_told() {
    let more = "CREATE TABLE a (b);\n--> statement-breakpoint\nCREATE TABLE c (d);\n\
         --> statement-breakpoint\nCREATE INDEX a_b ON a (b);";
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_more", more),
        ("0002_next", NEXT),
    ]);
    let half = || {
        let conn = actor(&folder, 1);
        conn.execute_batch("CREATE TABLE a (b); INSERT INTO a VALUES (1)")
            .unwrap();
        conn
    };
    for policy in [Policy::Refuse, Policy::Apply] {
        let error = refused(&mut half(), &migrator(&folder).policy(policy));
        assert_eq!(error.verdict().unwrap().as_str(), "partial");
    }
    let mut conn = half();
    let wake = migrator(&folder).wake(&mut conn).unwrap();
    assert_eq!(wake.verdict_before.as_str(), "partial");
    assert_eq!(wake.applied, ["0001_more", "0002_next"]);
    assert_eq!(
        (wake.adopted, rows(&conn), count(&conn, "a")),
        (true, rows(&actor(&folder, 3)), 1)
    );
    assert!(!migrator(&folder).wake(&mut conn).unwrap().changed);

    let seeded = more.replace("CREATE TABLE c (d)", "INSERT INTO a VALUES (2)");
    let folder = Folder::new(&[("0000_users", USERS), ("0001_more", &seeded)]);
    let error = refused(&mut half(), &migrator(&folder));
    assert_eq!(error.code(), "M140", "one row more or less: nobody knows");
}

#[test]
fn drift_is_never_mended_on_the_way_whatever_the_policy() {
    for by_hand in [
        "ALTER TABLE tags ADD mine text",
        "DROP TABLE tags",
        "DROP TABLE tags; CREATE TABLE tags (id integer PRIMARY KEY)",
        "CREATE TRIGGER mine AFTER INSERT ON tags BEGIN SELECT 1; END",
        "CREATE TABLE mine (a)",
    ] {
        for policy in [Policy::Refuse, Policy::Apply, Policy::AdoptProven] {
            let mut conn = actor(&chain(), 2);
            conn.execute_batch(by_hand).unwrap();
            let before = schema(&conn);
            // A table of nobody's may be accepted, and another spelling is no drift.
            let _ = migrator(&chain()).policy(policy).wake(&mut conn);
            assert_eq!(schema(&conn), before, "{policy:?} {by_hand}");
        }
    }
}

/// The text of every object that is not ours.
fn schema(conn: &Connection) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_schema WHERE name NOT LIKE '%actor_migrate%' ORDER BY 1";
    let mut statement = conn.prepare(sql).unwrap();
    let texts = statement.query_map([], |row| row.get::<_, Option<String>>(0));
    texts.unwrap().filter_map(Result::unwrap).collect()
}
