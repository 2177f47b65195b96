//! Plans run whole or not at all, and adoption leaves stock runners nothing to trip over.

use std::collections::BTreeSet;
use std::time::Duration;

use actor_migrate::{
    ExecuteOptions, InspectOptions, MigrateError, Plan, PlanOptions, Report, execute, execute_with,
    inspect, plan_adopt, plan_apply, plan_undo,
};
use rusqlite::{Connection, OpenFlags};

use crate::common::{
    FIRST_WHEN, Folder, actor, drizzle, dump, look, rows, try_drizzle, unjournaled, verdict,
};

const USERS: &str =
    "CREATE TABLE `users` (`id` integer PRIMARY KEY NOT NULL, `name` text NOT NULL);";
const TAGS: &str = "CREATE TABLE `tags` (`id` integer PRIMARY KEY NOT NULL);";
const CHAIN: [(&str, &str); 2] = [("0000_users", USERS), ("0001_tags", TAGS)];

/// What drizzle-kit writes when a column changes.
const REBUILD_USERS: &str = "PRAGMA foreign_keys=OFF;--> statement-breakpoint
CREATE TABLE `__new_users` (`id` integer PRIMARY KEY NOT NULL, `name` text);--> statement-breakpoint
INSERT INTO `__new_users`(\"id\", \"name\") SELECT \"id\", \"name\" FROM `users`;--> statement-breakpoint
DROP TABLE `users`;--> statement-breakpoint
ALTER TABLE `__new_users` RENAME TO `users`;--> statement-breakpoint
PRAGMA foreign_keys=ON;";

const POSTS: &str = "CREATE TABLE `posts` (`id` integer PRIMARY KEY, `author` integer REFERENCES users(id) ON DELETE cascade);";

fn squashed_folder() -> Folder {
    let baseline = [TAGS, USERS].join("\n--> statement-breakpoint\n");
    let next = "CREATE TABLE `next` (`id` integer);";
    Folder::at(&[
        ("0000_baseline", FIRST_WHEN + 3_600_000, &baseline),
        ("0001_next", FIRST_WHEN + 7_200_000, next),
    ])
}

fn allow(names: &[&str]) -> PlanOptions {
    let allow: BTreeSet<_> = names.iter().map(|name| (*name).to_owned()).collect();
    PlanOptions {
        allow,
        ..PlanOptions::default()
    }
}

fn apply_plan(conn: &Connection, folder: &Folder) -> Plan {
    let (bundle, expected) = folder.read();
    plan_apply(
        &bundle,
        &expected,
        &look(conn, folder),
        &PlanOptions::default(),
    )
    .unwrap()
}

fn run(conn: &mut Connection, folder: &Folder, plan: &Plan) -> Result<Report, MigrateError> {
    let (bundle, expected) = folder.read();
    execute(conn, &bundle, &expected, plan)
}

fn apply(conn: &mut Connection, folder: &Folder) -> Result<Report, MigrateError> {
    let plan = apply_plan(conn, folder);
    run(conn, folder, &plan)
}

fn adopt(
    conn: &mut Connection,
    folder: &Folder,
    options: &PlanOptions,
) -> Result<Report, MigrateError> {
    let (bundle, expected) = folder.read();
    let plan = plan_adopt(&bundle, &expected, &look(conn, folder), options)?;
    execute(conn, &bundle, &expected, &plan)
}

fn count(conn: &Connection, table: &str) -> i64 {
    conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
        row.get(0)
    })
    .unwrap()
}

fn foreign_keys(conn: &Connection) -> bool {
    conn.query_row("PRAGMA foreign_keys", [], |row| row.get(0))
        .unwrap()
}

/// Runs `attempt`, which must fail with `code` and change nothing.
fn refuses(
    conn: &mut Connection,
    code: &str,
    attempt: impl FnOnce(&mut Connection) -> Result<Report, MigrateError>,
) -> MigrateError {
    let before = (dump(conn), foreign_keys(conn));
    let error = attempt(conn).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert_eq!((dump(conn), foreign_keys(conn)), before, "{error}");
    assert!(conn.is_autocommit());
    error
}

#[test]
fn an_adopted_actor_runs_only_what_is_pending_under_the_stock_runner() {
    let mut conn = actor(&Folder::new(&CHAIN), 2);
    conn.execute("INSERT INTO users VALUES (1, 'ada')", [])
        .unwrap();
    let folder = squashed_folder();
    let error = try_drizzle(&conn, &folder, 2).unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");

    let report = adopt(&mut conn, &folder, &PlanOptions::default()).unwrap();
    assert!(report.changed);
    assert_eq!(report.standing.verdict.as_str(), "behind");
    let baseline = &folder.read().0.entries[0];
    assert_eq!(rows(&conn), [(baseline.hash.clone(), baseline.when.0)]);

    drizzle(&conn, &folder, 2);
    assert_eq!(verdict(&conn, &folder), "current not-needed");
    assert_eq!(count(&conn, "users"), 1);
}

#[test]
fn an_old_release_running_after_our_adoption_does_no_harm() {
    let old = Folder::new(&CHAIN);
    let mut conn = actor(&old, 2);
    adopt(&mut conn, &squashed_folder(), &PlanOptions::default()).unwrap();
    assert_eq!(try_drizzle(&conn, &old, 2).unwrap(), 0);
}

#[test]
fn adopting_twice_changes_nothing_the_second_time() {
    let mut conn = actor(&Folder::new(&CHAIN), 2);
    adopt(&mut conn, &squashed_folder(), &PlanOptions::default()).unwrap();
    let before = dump(&conn);
    let report = adopt(&mut conn, &squashed_folder(), &PlanOptions::default()).unwrap();
    assert!(!report.changed);
    assert_eq!(dump(&conn), before);
}

#[test]
fn an_adoption_undone_leaves_the_old_rows_as_they_were() {
    let mut conn = actor(&Folder::new(&CHAIN), 2);
    conn.execute_batch("UPDATE __drizzle_migrations SET hash = ''")
        .unwrap();
    let ledger = |conn: &Connection| {
        dump(conn)
            .into_iter()
            .filter(|line| line.starts_with("__drizzle"))
            .collect::<Vec<_>>()
    };
    let before = ledger(&conn);
    adopt(&mut conn, &squashed_folder(), &PlanOptions::default()).unwrap();
    assert_ne!(ledger(&conn), before);
    let plan = plan_undo(
        &squashed_folder().read().0,
        &look(&conn, &squashed_folder()),
    )
    .unwrap();
    run(&mut conn, &squashed_folder(), &plan).unwrap();
    assert_eq!(ledger(&conn), before);
    assert_eq!(verdict(&conn, &squashed_folder()), "squashed safe");
    let folder = squashed_folder();
    refuses(&mut conn, "M157", |conn| {
        let plan = plan_undo(&folder.read().0, &look(conn, &folder)).unwrap();
        run(conn, &folder, &plan)
    });
}

#[test]
fn what_a_person_accepted_once_is_not_asked_again_and_stays_true_after_the_next_migration() {
    let grown = Folder::new(&[
        ("0000_a", "CREATE TABLE `t` (`a` integer, `c` integer);"),
        ("0001_b", "ALTER TABLE `t` ADD `b` integer;"),
    ]);
    let new = Folder::at(&[
        (
            "0000_t",
            FIRST_WHEN * 2,
            "CREATE TABLE `t` (`a` integer, `b` integer, `c` integer);",
        ),
        (
            "0001_d",
            FIRST_WHEN * 2 + 1,
            "ALTER TABLE `t` ADD `d` integer;",
        ),
    ]);
    let mut conn = actor(&grown, 2);
    let error = refuses(&mut conn, "M141", |conn| {
        adopt(conn, &new, &PlanOptions::default())
    });
    assert!(error.to_string().contains("column-order:t"), "{error}");
    adopt(&mut conn, &new, &allow(&["column-order"])).unwrap();
    assert_eq!(verdict(&conn, &new), "behind not-needed");
    apply(&mut conn, &new).unwrap();
    assert_eq!(verdict(&conn, &new), "current not-needed");
    assert!(
        look(&conn, &new)
            .differences
            .iter()
            .all(|difference| difference.acknowledged)
    );
    conn.execute_batch("CREATE TABLE hidden (a)").unwrap();
    assert_eq!(verdict(&conn, &new), "drifted needs-ack");
}

#[test]
fn the_position_a_person_names_among_several_is_the_one_recorded() {
    let folder = Folder::new(&[
        CHAIN[0],
        ("0001_seed", "INSERT INTO users VALUES (1, 'root');"),
    ]);
    for (named, pending) in [("position:0000_users", 1), ("position:0001_seed", 0)] {
        let mut conn = unjournaled(&folder, 2);
        let report = adopt(&mut conn, &folder, &allow(&[named, "data"])).unwrap();
        assert_eq!(report.standing.pending.len(), pending, "{named}");
        assert_eq!(rows(&conn).len(), 2 - pending);
    }
}

#[test]
fn apply_runs_what_is_pending_and_a_second_time_does_nothing() {
    let folder = Folder::new(&CHAIN);
    let mut conn = actor(&folder, 1);
    let report = apply(&mut conn, &folder).unwrap();
    assert_eq!(
        (report.applied, report.changed),
        (vec!["0001_tags".to_owned()], true)
    );
    let report = apply(&mut conn, &folder).unwrap();
    assert_eq!((report.applied, report.changed), (vec![], false));
    assert_eq!(try_drizzle(&conn, &folder, 2).unwrap(), 0);
    assert_eq!(count(&conn, "__actor_migrate_audit"), 1);
}

#[test]
fn a_fresh_actor_gets_the_ledger_that_its_runner_would_make() {
    let folder = Folder::new(&CHAIN);
    let mut conn = Connection::open_in_memory().unwrap();
    apply(&mut conn, &folder).unwrap();
    let stock = actor(&folder, 2);
    let columns = |conn: &Connection| {
        let mut columns = conn
            .prepare("SELECT * FROM pragma_table_info('__drizzle_migrations')")
            .unwrap();
        let rows = columns.query_map([], |row| {
            Ok((
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, bool>(3)?,
                row.get::<_, i64>(5)?,
            ))
        });
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(columns(&conn), columns(&stock));
    assert_eq!(rows(&conn), rows(&stock));
    assert_eq!(
        look(&conn, &folder).ledger.entries,
        look(&stock, &folder).ledger.entries
    );
}

#[test]
fn a_skipped_migration_is_run_by_apply() {
    let merged = Folder::at(&[
        ("0000_users", FIRST_WHEN, USERS),
        ("0001_late", FIRST_WHEN + 1, "CREATE TABLE late (a);"),
        ("0002_tags", FIRST_WHEN + 2, TAGS),
    ]);
    let before = Folder::at(&[
        ("0000_users", FIRST_WHEN, USERS),
        ("0001_tags", FIRST_WHEN + 2, TAGS),
    ]);
    let mut conn = actor(&before, 2);
    let report = apply(&mut conn, &merged).unwrap();
    assert_eq!(report.applied, ["0001_late"]);
    assert_eq!(report.standing.verdict.as_str(), "current");
}

#[test]
fn child_rows_survive_a_rebuild_with_foreign_keys_on() {
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_posts", POSTS),
        ("0002_rebuild", REBUILD_USERS),
    ]);
    let fill = |conn: &Connection| {
        conn.execute_batch(
            "INSERT INTO users VALUES (1, 'ada'); INSERT INTO posts VALUES (1, 1), (2, 1);",
        )
        .unwrap();
    };
    let stock = actor(&folder, 2);
    fill(&stock);
    let hazards = look(&stock, &folder).hazards;
    assert!(
        hazards
            .iter()
            .any(|hazard| hazard.code.as_str() == "H204" && hazard.statement == Some(4)),
        "{hazards:?}"
    );
    drizzle(&stock, &folder, 3);
    assert_eq!(count(&stock, "posts"), 0, "the published data loss");

    let mut ours = actor(&folder, 2);
    fill(&ours);
    apply(&mut ours, &folder).unwrap();
    assert_eq!((count(&ours, "users"), count(&ours, "posts")), (1, 2));
    assert!(foreign_keys(&ours), "foreign keys are on again");
}

/// Users with posts that have likes, and a migration that touches the users.
fn family(last: &str) -> (Folder, Connection) {
    let likes = "CREATE TABLE likes (post integer REFERENCES posts(id) ON DELETE cascade);";
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_posts", POSTS),
        ("0002_likes", likes),
        ("0003_last", last),
    ]);
    let conn = actor(&folder, 3);
    conn.execute_batch(
        "INSERT INTO users VALUES (1, 'ada'); INSERT INTO posts VALUES (1, 1), (2, 1); INSERT INTO likes VALUES (1)",
    )
    .unwrap();
    (folder, conn)
}

/// Without the PRAGMA that drizzle-kit writes first SQLite would delete every child of the table that is dropped.
#[test]
fn a_rebuild_that_forgot_its_pragma_keeps_children_and_their_children_too() {
    let rebuild = REBUILD_USERS
        .replace("PRAGMA foreign_keys=OFF;", "SELECT 1;")
        .replace("PRAGMA foreign_keys=ON;", "SELECT 1;");
    let (folder, mut conn) = family(&rebuild);
    apply(&mut conn, &folder).unwrap();
    let counts = ["users", "posts", "likes"].map(|table| count(&conn, table));
    assert_eq!(counts, [1, 2, 1]);
}

/// `REPLACE` is a delete to a foreign key, and nobody who writes it means the children.
#[test]
fn a_replace_that_would_cascade_is_stopped_with_tables_and_counts() {
    for replace in [
        "INSERT OR REPLACE INTO users SELECT id, upper(name) FROM users;",
        "REPLACE INTO users VALUES (1, 'eve');",
        "UPDATE OR REPLACE users SET id = 1 WHERE id = 2;",
    ] {
        let (folder, mut conn) = family(replace);
        conn.execute_batch("INSERT INTO users VALUES (2, 'bob')")
            .unwrap();
        let error = refuses(&mut conn, "M155", |conn| apply(conn, &folder));
        let text = error.to_string();
        assert!(text.contains("likes 1 -> 0"), "{text}");
        assert!(text.contains("posts 2 -> 0"), "{text}");
    }
}

#[test]
fn a_rebuild_that_copies_only_some_rows_is_stopped_with_the_counts() {
    let lossy = REBUILD_USERS.replace("FROM `users`", "FROM `users` WHERE id > 1");
    let folder = Folder::new(&[("0000_users", USERS), ("0001_rebuild", &lossy)]);
    let mut conn = actor(&folder, 1);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada'), (2, 'bob')")
        .unwrap();
    let error = refuses(&mut conn, "M155", |conn| apply(conn, &folder));
    assert!(error.to_string().contains("users 2 -> 1"), "{error}");

    let (bundle, expected) = folder.read();
    let options = PlanOptions {
        rows_may_change: ["users".to_owned()].into(),
        ..PlanOptions::default()
    };
    let plan = plan_apply(&bundle, &expected, &look(&conn, &folder), &options).unwrap();
    execute(&mut conn, &bundle, &expected, &plan).unwrap();
    assert_eq!(count(&conn, "users"), 1);
}

/// SQLite's own tables follow those of the application: their rows are nobody's to guard.
#[test]
fn a_dropped_table_takes_its_watermark_and_its_statistics_with_it() {
    let counting = "CREATE TABLE counting (id integer PRIMARY KEY AUTOINCREMENT, a text);\n\
         --> statement-breakpoint\nCREATE INDEX counting_a ON counting (a);";
    let folder = Folder::new(&[
        ("0000_counting", counting),
        ("0001_users", USERS),
        ("0002_drop", "DROP TABLE counting;"),
    ]);
    let mut conn = actor(&folder, 2);
    conn.execute_batch(
        "INSERT INTO counting (a) VALUES ('x'); INSERT INTO users VALUES (1, 'ada'); ANALYZE",
    )
    .unwrap();
    apply(&mut conn, &folder).unwrap();
    assert_eq!(count(&conn, "sqlite_sequence"), 0);
    assert_eq!(count(&conn, "users"), 1);
}

#[test]
fn a_delete_that_a_migration_states_may_cascade() {
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_posts", POSTS),
        ("0002_purge", "DELETE FROM users WHERE id = 1;"),
    ]);
    let mut conn = actor(&folder, 2);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada'); INSERT INTO posts VALUES (1, 1);")
        .unwrap();
    apply(&mut conn, &folder).unwrap();
    assert_eq!((count(&conn, "users"), count(&conn, "posts")), (0, 0));
}

#[test]
fn rows_that_would_lose_their_parent_stop_the_plan() {
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_posts", POSTS),
        ("0002_drop", "DROP TABLE users;"),
    ]);
    let mut conn = actor(&folder, 2);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada'); INSERT INTO posts VALUES (7, 1);")
        .unwrap();
    let error = refuses(&mut conn, "M154", |conn| apply(conn, &folder));
    assert!(
        error.to_string().contains("posts row 7 -> users"),
        "{error}"
    );
}

#[test]
fn orphans_that_were_there_before_are_nobodys_fault() {
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_posts", POSTS),
        ("0002_rebuild", REBUILD_USERS),
    ]);
    let mut conn = actor(&folder, 2);
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF; INSERT INTO posts VALUES (7, 99); PRAGMA foreign_keys = ON",
    )
    .unwrap();
    apply(&mut conn, &folder).unwrap();
    assert_eq!(count(&conn, "posts"), 1);
}

#[test]
fn a_statement_that_fails_on_real_rows_rolls_all_back_and_says_where() {
    let unique = "CREATE TABLE other (a);\n--> statement-breakpoint\n  CREATE UNIQUE INDEX names ON users (name);";
    let folder = Folder::new(&[("0000_users", USERS), ("0001_unique", unique)]);
    let mut conn = actor(&folder, 1);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada'), (2, 'ada')")
        .unwrap();
    let error = refuses(&mut conn, "M152", |conn| apply(conn, &folder));
    let at = error.at().unwrap();
    assert_eq!(
        (at.migration.as_str(), at.statement, at.line, at.column),
        ("0001_unique", 2, 3, 3)
    );
    assert_eq!(at.sql, "CREATE UNIQUE INDEX names ON users (name);");
    assert_eq!(
        error.sqlite_message(),
        Some("UNIQUE constraint failed: users.name")
    );
}

#[test]
fn a_schema_that_comes_out_otherwise_is_rolled_back() {
    let old = Folder::new(&[("0000_t", "CREATE TABLE t (b, a);")]);
    let folder = Folder::at(&[
        ("0000_t", FIRST_WHEN + 1, "CREATE TABLE t (a, b);"),
        (
            "0001_copy",
            FIRST_WHEN + 2,
            "CREATE TABLE copy AS SELECT * FROM t;",
        ),
    ]);
    let mut conn = actor(&old, 1);
    adopt(&mut conn, &folder, &allow(&["column-order"])).unwrap();
    let error = refuses(&mut conn, "M153", |conn| apply(conn, &folder));
    assert!(error.to_string().contains("column-order copy"), "{error}");
}

#[test]
fn a_statement_without_end_is_stopped_at_the_time_limit() {
    let endless = "INSERT INTO users SELECT i, 'x' FROM (WITH RECURSIVE n(i) AS \
         (SELECT 10 UNION ALL SELECT i + 1 FROM n, users WHERE users.id = 1) SELECT i FROM n) WHERE i < 0;";
    let folder = Folder::new(&[("0000_users", USERS), ("0001_endless", endless)]);
    let mut conn = actor(&folder, 1);
    conn.execute_batch("INSERT INTO users VALUES (1, 'ada')")
        .unwrap();
    refuses(&mut conn, "M121", |conn| {
        let (bundle, expected) = folder.read();
        let plan = apply_plan(conn, &folder);
        let mut options = ExecuteOptions::default();
        options.time_limit = Duration::from_millis(50);
        execute_with(conn, &bundle, &expected, &plan, &options)
    });
}

#[test]
fn inside_a_transaction_of_the_caller_nothing_runs() {
    let folder = Folder::new(&CHAIN);
    let mut conn = actor(&folder, 1);
    let plan = apply_plan(&conn, &folder);
    conn.execute_batch("BEGIN").unwrap();
    assert_eq!(run(&mut conn, &folder, &plan).unwrap_err().code(), "M150");
    assert!(
        !conn.is_autocommit(),
        "the caller's transaction is left alone"
    );
    assert_eq!(
        look(&conn, &folder).verdict.as_str(),
        "behind",
        "inspecting inside it is fine"
    );
}

#[test]
fn a_plan_runs_only_on_what_it_was_made_from() {
    let folder = Folder::new(&CHAIN);
    let mut conn = actor(&folder, 1);
    let plan = apply_plan(&conn, &folder);
    assert_eq!(
        apply_plan(&conn, &folder).digest,
        plan.digest,
        "the same facts, the same plan"
    );
    conn.execute_batch("CREATE TABLE meanwhile (a)").unwrap();
    refuses(&mut conn, "M151", |conn| run(conn, &folder, &plan));
    conn.execute_batch("DROP TABLE meanwhile").unwrap();
    let other = Folder::new(&[
        CHAIN[0],
        ("0001_tags", "CREATE TABLE `tags` (`id` integer);"),
    ]);
    refuses(&mut conn, "M151", |conn| run(conn, &other, &plan));
    run(&mut conn, &folder, &plan).unwrap();
    refuses(&mut conn, "M151", |conn| run(conn, &folder, &plan));
}

#[test]
fn an_actor_that_stands_wrong_is_not_migrated() {
    let mut conn = actor(&Folder::new(&CHAIN), 2);
    let folder = squashed_folder();
    let error = refuses(&mut conn, "M140", |conn| {
        let (bundle, expected) = folder.read();
        let plan = plan_apply(
            &bundle,
            &expected,
            &look(conn, &folder),
            &PlanOptions::default(),
        )?;
        run(conn, &folder, &plan)
    });
    assert!(
        error.hint().contains("actor-migrate adopt"),
        "{}",
        error.hint()
    );
}

#[test]
fn a_locked_database_is_waited_for_and_then_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    let folder = Folder::new(&CHAIN);
    let mut conn = Connection::open(&path).unwrap();
    drizzle(&conn, &folder, 1);
    conn.busy_timeout(Duration::ZERO).unwrap();
    let plan = apply_plan(&conn, &folder);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (bundle, expected) = folder.read();
    let mut options = ExecuteOptions::default();
    options.busy_wait = Duration::from_millis(30);
    let error = execute_with(&mut conn, &bundle, &expected, &plan, &options).unwrap_err();
    assert_eq!(error.code(), "M131");
    other.execute_batch("COMMIT; BEGIN EXCLUSIVE").unwrap();
    let error = inspect(&conn, &bundle, &expected, &InspectOptions::default()).unwrap_err();
    assert_eq!(error.code(), "M131");
    drop(other);
    execute(&mut conn, &bundle, &expected, &plan).unwrap();
}

#[test]
fn a_read_only_connection_is_inspected_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actor.sqlite");
    let folder = Folder::new(&CHAIN);
    drizzle(&Connection::open(&path).unwrap(), &folder, 1);
    let mut conn = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    refuses(&mut conn, "M156", |conn| apply(conn, &folder));
}

#[test]
fn a_commit_that_fails_leaves_the_actor_as_it_was() {
    let folder = Folder::new(&CHAIN);
    let mut conn = actor(&folder, 1);
    let plan = apply_plan(&conn, &folder);
    refuses(&mut conn, "M132", |conn| {
        conn.commit_hook(Some(|| true)).unwrap();
        let outcome = run(conn, &folder, &plan);
        conn.commit_hook(None::<fn() -> bool>).unwrap();
        outcome
    });
    run(&mut conn, &folder, &plan).unwrap();
}

#[test]
fn our_own_tables_change_no_fingerprint() {
    let folder = Folder::new(&CHAIN);
    let mut conn = actor(&folder, 1);
    apply(&mut conn, &folder).unwrap();
    assert_eq!(
        look(&conn, &folder).fingerprint,
        look(&actor(&folder, 2), &folder).fingerprint
    );
}

#[test]
fn pragmas_and_triggers_on_the_way_do_not_confuse_the_row_guard() {
    let trigger =
        "CREATE TRIGGER copy AFTER INSERT ON users BEGIN INSERT INTO tags VALUES (new.id); END;";
    let folder = Folder::new(&[
        ("0000_users", USERS),
        ("0001_tags", TAGS),
        ("0002_trigger", trigger),
        ("0003_seed", "INSERT INTO users VALUES (5, 'eve');"),
    ]);
    let mut conn = actor(&folder, 3);
    apply(&mut conn, &folder).unwrap();
    assert_eq!((count(&conn, "users"), count(&conn, "tags")), (1, 1));
}
